//! What operators see of the running process: the log on standard error and the Prometheus metrics.
//!
//! One structured line ends every message ([`mail_event`]); it names no address, subject, file or account number unless
//! the operator switched personal data on. Metric and label names are enums in [`metrics`], so no label ever comes from
//! mail. Calls cost a few atomics and never block: lines go through a bounded queue to a writer thread.

mod event;
mod log;
pub mod metrics;
mod writer;

pub use event::{Alarm, MailEvent, Personal, Ready, alarm, mail_event, ready};
pub use log::{Format, Level, LogGuard, Options, personal_data, start};
