//! The SMTP server over real sockets, before a scripted mail handler.

mod abuse;
mod bodies;
mod dialogs;
mod encryption;
mod world;
