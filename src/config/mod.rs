//! Configuration: `sentra.toml`, overridden by the environment, checked whole before anything starts.
//!
//! [`Settings`] is what the file says, [`Config`] what we run with: paths made absolute against the file's folder,
//! texts parsed, secrets and certificates read. A mistake is reported with file, line, key and remedy, all mistakes at
//! once. This module alone reads the environment, and no module it configures imports it.

mod check;
mod checked;
mod checker;
mod documents;
mod error;
mod identity;
mod read;
mod settings;
mod show;
mod stores;
mod tls;

#[cfg(test)]
mod tests;

pub use check::NARROWEST_TRUST;
pub use checked::{
    Config, DatabaseConfig, KeysConfig, LogConfig, LogFormat, LogLevel, NextHopConfig, SmtpConfig,
};
pub use error::{ConfigErrors, Problem, nearest};
pub use read::{Environment, Origin, Sourced, environment, read_bounded};
pub use settings::{KEYS, Key, Kind, SECTIONS, Secret, Settings};
pub use show::{entries, mask, reference, sample};
pub use tls::ServerTls;

use std::path::Path;

/// Reads and checks `file` with this process's environment.
///
/// # Errors
/// Everything that is wrong, each with its place and remedy.
pub fn load(file: &Path) -> Result<Config, ConfigErrors> {
    load_with(file, &environment())
}

/// As [`load`], with an environment handed in.
///
/// # Errors
/// As [`load`].
pub fn load_with(file: &Path, environment: &Environment) -> Result<Config, ConfigErrors> {
    check::check(file, read::read(file, environment)?)
}

/// Reads the configuration again, for SIGHUP. The caller keeps its running configuration when this fails, and says so.
/// Addresses, database, Redis and keys are taken up only at a restart.
///
/// # Errors
/// As [`load`].
pub fn reload(file: &Path) -> Result<Config, ConfigErrors> {
    load(file)
}

/// What file and environment say, without reading secrets or certificates: for `config show`.
///
/// # Errors
/// Unknown keys and wrong types.
pub fn settings(file: &Path) -> Result<Sourced, ConfigErrors> {
    read::read(file, &environment())
}
