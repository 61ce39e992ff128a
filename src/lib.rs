//! Sentra: a mail-flow gateway that stops payment fraud by mail.
//!
//! [`gateway`] is the story of one message and [`release`] that of a held one; `docs/architecture.md` has the
//! picture, the table of layers (a test) and how to extend it. The modules stand in reading order.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::too_many_lines,
        reason = "tests may fail loudly"
    )
)]

// The journey.
pub mod act;
pub mod evidence;
pub mod extract;
pub mod facts;
pub mod gateway;
pub mod message;
pub mod release;
pub mod rules;

// The nouns and the seams.
pub mod limits;
pub mod model;
pub mod ports;
pub mod telemetry;
pub mod wire;

// The outside.
pub mod adapters;
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod jobs;
pub mod smtp;
pub mod web;
