//! What the tests share: servers they start, clients, fixtures.
pub mod cable;
pub mod client;
pub mod clouds;
pub mod dns;
pub mod redis;
pub mod sink;
pub mod world;
