//! What a command reads from and writes to, and how it fails.

use crate::adapters::store::StoreError;
use crate::app::StartError;
use crate::config::ConfigErrors;
use crate::ports::PortError;
use crate::rules::RuleError;
use crate::smtp::BindError;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};
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
                return Self::usage(what.clone()).help("the same command with --help tells what it takes");
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

/// The streams of one command.
pub struct Io<'a> {
    out: Box<dyn Write + 'a>,
    err: Box<dyn Write + 'a>,
    /// Standard input.
    pub input: Box<dyn BufRead + 'a>,
    /// Whether somebody can be asked: input and errors are a terminal.
    pub interactive: bool,
    /// Colours on standard output.
    pub colour: bool,
    /// Colours on standard error.
    pub colour_errors: bool,
    /// Standard output is a terminal.
    pub terminal: bool,
}

impl fmt::Debug for Io<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Io(interactive: {})", self.interactive)
    }
}

impl<'a> Io<'a> {
    /// Those of this process. `NO_COLOR` (<https://no-color.org>) is honoured.
    #[must_use]
    pub fn of_process() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = io::stdout().is_terminal();
        Self {
            out: Box::new(io::BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            input: Box::new(io::BufReader::new(io::stdin())),
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            colour: terminal && !plain,
            colour_errors: io::stderr().is_terminal() && !plain,
            terminal,
        }
    }

    /// Streams handed in; no terminal.
    #[must_use]
    pub fn new(out: impl Write + 'a, err: impl Write + 'a, input: impl BufRead + 'a) -> Self {
        Self {
            out: Box::new(out),
            err: Box::new(err),
            input: Box::new(input),
            interactive: false,
            colour: false,
            colour_errors: false,
            terminal: false,
        }
    }

    /// Where results go.
    pub fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Results and complaints at once, for a command that writes both itself.
    pub fn streams(&mut self) -> (&mut dyn Write, &mut dyn Write) {
        (&mut *self.out, &mut *self.err)
    }

    /// Writes text to standard output.
    ///
    /// # Errors
    /// The stream's.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// Writes one line to standard output.
    ///
    /// # Errors
    /// The stream's.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Writes one JSON object on a line.
    ///
    /// # Errors
    /// The stream's.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Writes rows under a header, fitted to the terminal if there is one.
    ///
    /// # Errors
    /// The stream's.
    pub fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
        Ok(write_table(header, rows, self.terminal, &mut self.out)?)
    }

    /// Writes `name  value` lines, names aligned.
    ///
    /// # Errors
    /// The stream's.
    pub fn pairs(&mut self, pairs: &[(&str, String)]) -> Result<(), Failure> {
        let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in pairs {
            writeln!(self.out, "{name:width$}  {}", printable(value))?;
        }
        Ok(())
    }

    /// Asks a question on the terminal; `None` for an empty answer.
    ///
    /// # Errors
    /// The streams'.
    pub fn ask(&mut self, question: &str) -> Result<Option<String>, Failure> {
        write!(self.err, "{question}: ")?;
        self.err.flush()?;
        let mut answer = String::new();
        self.input.read_line(&mut answer)?;
        let answer = answer.trim();
        Ok((!answer.is_empty()).then(|| answer.to_owned()))
    }

    /// A word beside the results, on standard error.
    pub fn note(&mut self, text: &str) {
        self.complain(&format!("{text}\n"));
    }

    pub(super) fn complain(&mut self, text: &str) {
        // If standard error is gone there is nobody left to tell.
        self.err.write_all(text.as_bytes()).unwrap_or_default();
    }

    /// Writes out what waits.
    pub(super) fn finish(&mut self) -> Status {
        match self.out.flush() {
            Ok(()) => Status::Done,
            Err(error) => self.fail(&Failure::from(error)),
        }
    }

    /// Prints a failure's reports after what was written so far.
    pub(super) fn fail(&mut self, failure: &Failure) -> Status {
        self.out.flush().unwrap_or_default();
        for report in &failure.reports {
            let text = report.to_string();
            if self.colour_errors {
                self.complain(&text.replacen("error:", "\x1b[1;31merror:\x1b[0m", 1));
            } else {
                self.complain(&text);
            }
        }
        failure.status
    }
}

/// Writes rows under a header (which may be empty), one form for all commands. `fit` to the width of the terminal.
pub(super) fn write_table(
    header: &[&str],
    rows: Vec<Vec<String>>,
    fit: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }
    if fit {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.force_no_tty();
    }
    for row in rows {
        table.add_row(row.into_iter().map(|cell| printable(&cell)));
    }
    for line in table.lines() {
        // The preset begins and ends every line with a blank.
        writeln!(out, "{}", line.strip_prefix(' ').unwrap_or(&line).trim_end())?;
    }
    Ok(())
}

/// Control characters of foreign text (subjects, names) replaced, so that mail cannot drive the operator's terminal.
#[must_use]
pub(super) fn printable(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hostile(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        let mut out = Vec::new();
        let mut io = Io::new(&mut out, io::sink(), io::empty());
        let rows = vec![vec!["1".to_owned(), "pay\x1b[2Jme\r\n\u{202e}txet".to_owned()]];
        io.table(&["ID", "SUBJECT"], rows).unwrap();
        io.pairs(&[("subject", "a\x07b".to_owned())]).unwrap();
        drop(io);
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(['\x1b', '\x07', '\r', '\u{202e}']), "{text:?}");
        assert_eq!(text.lines().count(), 3, "{text:?}");
    }

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
