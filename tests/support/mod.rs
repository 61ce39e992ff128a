//! What the tests share: servers they start, clients, fixtures.
pub mod backend;
pub mod cable;
pub mod check;
pub mod client;
pub mod clouds;
pub mod dns;
pub mod files;
pub mod generator;
pub mod kept;
pub mod ledger;
pub mod office;
pub mod pictures;
pub mod postgres;
pub mod redis;
pub mod sink;
pub mod world;
pub mod xero;
