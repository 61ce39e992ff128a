//! Every number that bounds hostile input or waiting, each with its unit and reason.
//!
//! Tunable ones are the defaults of configuration keys; the others are fixed.
//! One file a theme; all of them are read as `limits::NAME`.

mod mail;
mod reading;
mod service;
mod sight;
mod store;
mod suppliers;

pub use mail::*;
pub use reading::*;
pub use service::*;
pub use sight::*;
pub use store::*;
pub use suppliers::*;
