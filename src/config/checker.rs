//! The small checks that every section uses: each notes a problem with key, place and remedy, and goes on.

use super::check::LISTEN_HELP;
use super::error::{Problem, nearest};
use super::read::{Origin, Sourced, read_bounded};
use super::settings::Secret;
use super::tls;
use crate::limits;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Settings on their way to a [`Config`](super::Config), and what was found wrong so far.
pub(super) struct Checker<'a> {
    pub(super) file: &'a Path,
    pub(super) base: PathBuf,
    pub(super) sourced: Sourced,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Checker<'_> {
    pub(super) fn place(&self, key: &str) -> String {
        self.sourced.origin(key).place(self.file)
    }

    pub(super) fn problem(&mut self, key: &str, what: &str, help: &str) {
        let place = self.place(key);
        self.problems.push(Problem { what: format!("{key} {what}"), place, help: help.to_owned() });
    }

    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.base.join(text)
    }

    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, E>,
        help: &str,
    ) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(key, &format!("holds {text:?}: {error}"), help);
                None
            }
        }
    }

    pub(super) fn each<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, E>,
        help: &str,
    ) -> Vec<T> {
        if texts.len() > limits::MAX_CONFIG_LIST {
            let what = format!("has more than {} entries", limits::MAX_CONFIG_LIST);
            self.problem(key, &what, "join ranges, or leave some out");
            return Vec::new();
        }
        texts.iter().filter_map(|text| self.parsed(key, text.trim(), &parse, help)).collect()
    }

    pub(super) fn listen(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        if text.is_empty() {
            return None;
        }
        self.parsed(key, text, SocketAddr::from_str, LISTEN_HELP)
    }

    pub(super) fn number(&mut self, key: &str, value: u64, least: u64, most: u64) -> u64 {
        if !(least..=most).contains(&value) {
            self.problem(key, &format!("is {value}"), &format!("choose a number from {least} to {most}"));
        }
        value.clamp(least, most)
    }

    pub(super) fn count(&mut self, key: &str, value: u64, least: u64, most: u64) -> usize {
        usize::try_from(self.number(key, value, least, most)).unwrap_or(usize::MAX)
    }

    pub(super) fn seconds(&mut self, key: &str, value: u64, most: u64) -> Duration {
        Duration::from_secs(self.number(key, value, 1, most))
    }

    pub(super) fn one_of<T: Copy>(&mut self, key: &str, text: &str, values: &[(&str, T)]) -> Option<T> {
        if let Some((_, value)) = values.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names = || values.iter().map(|(name, _)| *name);
        let listed = names().collect::<Vec<_>>().join(", ");
        let help = match nearest(text, names()) {
            Some(near) => format!("did you mean \"{near}\"? It is one of {listed}"),
            None => format!("it is one of {listed}"),
        };
        self.problem(key, &format!("is {text:?}"), &help);
        None
    }

    /// A secret given as itself or by file. The environment beats the file; both at the same level is a mistake.
    pub(super) fn secret(&mut self, key: &str, own: &Secret, file: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        let rank = |origin: Origin| match origin {
            Origin::Default => 0,
            Origin::File(_) => 1,
            Origin::Environment(_) => 2,
        };
        let (own_rank, file_rank) = (rank(self.sourced.origin(key)), rank(self.sourced.origin(&file_key)));
        let (has_own, has_file) = (!own.is_empty(), !file.is_empty());
        if has_own && has_file && own_rank == file_rank && own_rank > 0 {
            self.problem(key, &format!("and {file_key} are both set"), "keep one of them");
            return None;
        }
        if has_own && (!has_file || own_rank >= file_rank) {
            return Some(own.reveal().clone());
        }
        if !has_file || (file_rank < own_rank) {
            return None;
        }
        let path = self.path(file);
        match read_bounded(&path, limits::MAX_SECRET_FILE) {
            Ok(text) if text.trim().is_empty() => {
                let what = format!("names an empty file: {}", path.display());
                self.problem(&file_key, &what, "write the secret into it");
                None
            }
            Ok(text) => {
                self.warn_if_readable(&file_key, &path);
                Some(text.trim().to_owned().into())
            }
            Err(error) => {
                let what = format!("names a file that cannot be read: {}: {error}", path.display());
                self.problem(
                    &file_key,
                    &what,
                    "check path and permissions; `sentra init` makes keys for a new installation",
                );
                None
            }
        }
    }

    pub(super) fn authorities(&mut self, key: &str, file: &str) -> Option<PathBuf> {
        if file.is_empty() {
            return None;
        }
        let path = self.path(file);
        if let Err(why) = tls::certificates(&path) {
            let what = format!("cannot be used: {}: {why}", path.display());
            self.problem(key, &what, "name a PEM file with the authority's certificate, or leave it empty");
        }
        Some(path)
    }

    /// Others on the machine may read it: allowed (some orchestrators mount secrets so), but worth a word.
    pub(super) fn warn_if_readable(&mut self, key: &str, path: &Path) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0, |data| data.permissions().mode());
        if mode & 0o077 != 0 {
            let place = self.place(key);
            self.warnings.push(Problem {
                what: format!("{key}: others on this machine may read {}", path.display()),
                place,
                help: format!("chmod 600 {}", path.display()),
            });
        }
    }
}
