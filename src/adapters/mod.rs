//! The outside: one module a port. Nothing here is known to the pure stages.

pub mod arc;
pub mod audit;
pub mod backup;
pub mod clock;
pub mod directory;
pub mod dns;
pub mod history;
pub mod keyring;
pub mod next_hop;
pub mod objects;
pub mod privacy;
pub mod sender_auth;
pub mod store;
pub mod suppliers;
pub mod transfer;
pub mod workers;
