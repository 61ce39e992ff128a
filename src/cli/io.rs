//! What a command reads from and writes to.

use super::{Failure, Status};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};

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
}
