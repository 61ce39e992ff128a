//! The SMTP server over real sockets, before a scripted mail handler.

mod abuse;
mod bodies;
mod certificates;
mod dialogs;
mod encryption;
mod script;
mod world;
