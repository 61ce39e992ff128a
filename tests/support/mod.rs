//! What the tests share: servers they start, clients, fixtures.
pub mod client;
pub mod redis;
pub mod sink;
pub mod world;
pub mod xero;
