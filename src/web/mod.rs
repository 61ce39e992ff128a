//! HTTP: the health pages, and the metrics page on a listener of its own.
//!
//! [`serve`] runs any router under the same bounds: connections, header section, body and time are limited, and a
//! peer that does not read is dropped. What is ready is asked of a [`Readiness`] that the application hands in.

mod health;
mod server;

pub use health::{Dependencies, DependencyState, Readiness, health_routes, metrics_routes};
pub use server::serve;
