//! One test binary: the real program over real sockets. Each module says in its first line what it shows.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::cognitive_complexity,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests may fail loudly"
)]

mod annotate;
mod arc;
mod audit;
mod backup;
mod bodies_nowhere;
mod check;
mod cli;
mod clients;
mod companion;
mod demo;
mod detection;
mod document_makes;
mod documents;
mod drawn_text;
mod fuzzing;
mod history;
mod identity;
mod inventory;
mod isolation;
mod journey;
mod keys;
mod kill;
mod layering;
mod limits;
mod mailpath;
mod next_hop;
mod objects;
mod operator;
mod organisations;
mod outages;
mod pictures;
mod pinned;
mod plaintext;
mod postgres;
mod privacy;
mod redis;
mod reload;
mod restore_kills;
mod retention;
mod rules;
mod smtp_server;
mod store;
mod supplier_cases;
mod supplier_changes;
mod supplier_commands;
mod supplier_directory;
mod supplier_merges;
mod supplier_sources;
mod suppliers;
mod support;
mod words;
