//! How a command fails: what is wrong, where, what to do, and the exit status.

use crate::adapters::store::StoreError;
use crate::app::StartError;
use crate::config::ConfigErrors;
use crate::ports::PortError;
use crate::rules::RuleError;
use crate::smtp::BindError;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// Exit status of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Wrong usage.
    Usage,
    /// The configuration is invalid.
    Configuration,
    /// Another status that the command documents.
    Other(u8),
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(u8::from(status))
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> Self {
        match status {
            Status::Done => 0,
            Status::Failed => 1,
            Status::Usage => 2,
            Status::Configuration => 3,
            Status::Other(code) => code,
        }
    }
}

impl From<u8> for Status {
    fn from(code: u8) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::Failed,
            2 => Self::Usage,
            3 => Self::Configuration,
            other => Self::Other(other),
        }
    }
}

/// One `error:` line with its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is wrong.
    pub what: String,
    /// Where: file and line, environment variable, argument.
    pub place: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        f.write_str("\n")?;
        if let Some(help) = &self.help {
            writeln!(f, "help: {help}")?;
        }
        Ok(())
    }
}

/// Why a command ended without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Exit status.
    pub status: Status,
    /// What to tell, in order; may be empty.
    pub reports: Vec<Report>,
}

impl Failure {
    /// Something failed.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { status: Status::Failed, reports: vec![Report { what: what.into(), place: None, help: None }] }
    }
    /// The arguments are wrong.
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self { status: Status::Usage, ..Self::new(what) }
    }
    /// Ends with a status and without a word.
    #[must_use]
    pub fn silent(status: Status) -> Self {
        Self { status, reports: Vec::new() }
    }
    /// The end of a command that has said everything itself: only its exit status is left.
    ///
    /// # Errors
    /// Every status but [`Status::Done`].
    pub(super) fn unless_done(code: u8) -> Result<(), Self> {
        match Status::from(code) {
            Status::Done => Ok(()),
            status => Err(Self::silent(status)),
        }
    }
    /// Names the place.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        if let Some(report) = self.reports.last_mut() {
            report.place = Some(place.to_string());
        }
        self
    }
    /// Names the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(report) = self.reports.last_mut() {
            report.help = Some(help.into());
        }
        self
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        let reports = errors.0.into_iter().map(|problem| Report {
            what: problem.what,
            place: Some(problem.place),
            help: Some(problem.help),
        });
        Self { status: Status::Configuration, reports: reports.collect() }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = match &error {
            StoreError::Setup { what, help } => return Self::new(what.clone()).help(*help),
            StoreError::Port(port) => return port_failure(port),
            StoreError::Invalid(what) => {
                return Self::new(what.clone()).help("the same command with --help tells what it takes");
            }
            _ => Self::new(error.to_string()),
        };
        match error {
            StoreError::Taken(_) => failure.help("choose another, or change the one that is there"),
            StoreError::Refused(_) => failure.help("restore the database from a backup, or report this"),
            StoreError::NotFound(_) => failure.help("`list` shows what there is"),
            StoreError::Unavailable(_) => {
                failure.help("try again; if it stays so, check disk and permissions")
            }
            StoreError::Conflict(_) => failure.help("look at what is there now, and try again"),
            StoreError::Transition { .. } => failure.help(
                "`sentra quarantine show ID` tells its state; docs/operations.md says which steps it allows",
            ),
            _ => failure,
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        port_failure(&error)
    }
}

fn port_failure(error: &PortError) -> Failure {
    let help = match error {
        PortError::Permanent { what: "keys", .. } => {
            "keys.master_key_file must name the key that this installation was made with; restore it from its copy"
        }
        PortError::Permanent { .. } => "correct what it names; `sentra config check` reads the configuration",
        PortError::Transient { .. } => "try again; if it stays so, check disk, permissions and network",
    };
    Failure::new(error.to_string()).help(help)
}

impl From<RuleError> for Failure {
    /// Rules are configuration: a service manager need not try again.
    fn from(error: RuleError) -> Self {
        let (what, place) = match error {
            RuleError::Unreadable { file, reason } => (format!("the rules cannot be read: {reason}"), file),
            RuleError::Syntax { file, line, reason } => (reason, format!("{file}:{line}")),
            RuleError::Rule { file, line, rule, reason } => {
                (format!("{rule}: {reason}"), format!("{file}:{line}"))
            }
        };
        let failure = Self { status: Status::Configuration, ..Self::new(what) };
        failure.at(place).help(
            "correct the file in rules.folder; `sentra rules lint --rules DIR` tells whether it is right",
        )
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let text = error.to_string();
        let configuration =
            |help: &str| Self { status: Status::Configuration, ..Self::new(&text).help(help) };
        match error {
            StartError::Store(error) => error.into(),
            StartError::Port(error) => error.into(),
            StartError::Rules(error) => error.into(),
            StartError::Backup(_) => configuration("docs/backup.md tells what [backup] needs"),
            StartError::Tls(_) => {
                configuration("name PEM files that belong together; `sentra config check` tells more")
            }
            StartError::NoCertificate => configuration("set both; `sentra init` makes a self-signed pair"),
            StartError::NextHop(_) => {
                configuration("next_hop.roots names a PEM file with certificates, or is empty")
            }
            StartError::Smtp(BindError::Listen { source, .. }) => {
                Self::new(text).at("[smtp]").help(listen_help(&source))
            }
            StartError::Smtp(_) => {
                configuration("correct the [smtp] and [server] sections of the configuration")
            }
            StartError::Listen { key, source, .. } => Self::new(text).at(key).help(listen_help(&source)),
        }
    }
}

/// What to do when an address cannot be listened on.
fn listen_help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there (`ss -ltnp` names it): stop it, or choose another port"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE, as deploy/sentra.service gives it; or choose a higher port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have the address: `ip addr` lists those it has"
        }
        _ => "choose another address in the configuration",
    }
}

impl From<io::Error> for Failure {
    /// Of writing results: a reader that went away (`| head`) is no error.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(Status::Done);
        }
        Self::new(format!("the output cannot be written: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Io;

    #[test]
    fn failures_name_place_and_remedy() {
        let failure = Failure::new("it broke").at("a.toml:3").help("mend it");
        let mut err = Vec::new();
        let status = Io::new(io::sink(), &mut err, io::empty()).fail(&failure);
        assert_eq!(String::from_utf8(err).unwrap(), "error: it broke (a.toml:3)\nhelp: mend it\n");
        assert_eq!(status, Status::Failed);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).status, Status::Done);
    }
}
