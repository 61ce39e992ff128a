//! `sentra check`: judges messages offline. No mail is sent, nothing is stored.
//!
//! It runs the gateway's own stages over files: parse, extract, gather, establish, judge. Only the outside differs: the
//! directory is a supplier file, sender authentication is what the upstream stamped into the message.

mod judging;
mod own;
mod report;
mod seams;

use crate::model::{Account, Action, EmailAddress, Mode};
use clap::{Args, ValueEnum};
use judging::{Judged, Setup};
use std::io::{self, Write};
use std::path::PathBuf;

/// Exit status: done (and, with `--exit-code`, everything may be delivered).
const DONE: u8 = 0;
/// Exit status: something failed.
const FAILED: u8 = 1;
/// Exit status: wrong usage.
const USAGE: u8 = 2;
/// Exit status with `--exit-code`: the worst message would be tagged.
const TAGGED: u8 = 10;
/// Exit status with `--exit-code`: the worst message would be held.
const QUARANTINED: u8 = 20;

/// Judge .eml files offline: no mail is sent, nothing is stored
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Messages to judge; `-` reads one from standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Supplier file that is the directory for this run; its accounts count as verified
    #[arg(long, value_name = "FILE.csv")]
    pub suppliers: Option<PathBuf>,
    /// The organisation's own account (IBAN, or bank code and account)
    #[arg(long = "own", value_name = "ACCOUNT")]
    pub own: Vec<String>,
    /// Protected mailbox; its domain counts as the organisation's own
    #[arg(long = "mailbox", value_name = "ADDRESS")]
    pub mailboxes: Vec<String>,
    /// Whose word counts on who sent the message
    #[arg(long, value_enum, default_value_t = AuthSource::Exchange)]
    pub auth: AuthSource,
    /// How to judge
    #[arg(long, value_enum, default_value_t = ModeName::Enforce)]
    pub mode: ModeName,
    /// Folder with rules that override or complete the shipped ones
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Show account numbers in full
    #[arg(long)]
    pub reveal: bool,
    /// Exit with 10 when the worst message would be tagged, 20 when it would be held
    #[arg(long)]
    pub exit_code: bool,
    /// Also write what would be delivered (one FILE only)
    #[arg(long, value_name = "OUT.eml")]
    pub annotate: Option<PathBuf>,
    /// One JSON object a line (from the global flag)
    #[arg(skip)]
    pub json: bool,
    /// Name of the organisation (from the global flag)
    #[arg(skip)]
    pub org: Option<String>,
}

/// Whose word counts on who sent a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AuthSource {
    /// The Authentication-Results that Exchange Online stamped
    #[default]
    Exchange,
    /// DKIM and ARC checked over DNS
    Verify,
    /// Nobody's: unknown
    None,
}

/// [`Mode`] as a flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    /// Delivers untouched, says what it would have done
    Monitor,
    /// Never holds
    Tag,
    /// Does what the verdict says
    #[default]
    Enforce,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Monitor => Self::Monitor,
            ModeName::Tag => Self::Tag,
            ModeName::Enforce => Self::Enforce,
        }
    }
}

/// Why the command can't start.
#[derive(Debug)]
struct Trouble {
    status: u8,
    what: String,
    help: &'static str,
}

impl Trouble {
    fn usage(what: String, help: &'static str) -> Self {
        Self { status: USAGE, what, help }
    }
    fn failed(what: String, help: &'static str) -> Self {
        Self { status: FAILED, what, help }
    }
}

/// Judges every file in turn and reports each; gives the exit status.
///
/// Data goes to `out`, errors to `err`. A file that can't be read is reported and the others go on.
pub async fn run(args: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let setup = match prepare(args, err).await {
        Ok(setup) => setup,
        Err(trouble) => {
            // Nothing can be told any more to somebody who closed standard error.
            writeln!(err, "error: {}\nhelp: {}", trouble.what, trouble.help).ok();
            return trouble.status;
        }
    };
    let mut worst = Action::Deliver;
    let mut failed = false;
    for file in &args.files {
        let name = file.display().to_string();
        let printed = match setup.judge_file(file).await {
            Ok(judged) => {
                worst = worst.max(judged.verdict.action);
                if let Err(trouble) = annotate(args, &judged, err).await {
                    writeln!(err, "error: {}\nhelp: {}", trouble.what, trouble.help).ok();
                    failed = true;
                }
                print(args, &name, &judged, out)
            }
            Err(error) => {
                failed = true;
                report::error(&name, &error, args.json, out, err)
            }
        };
        if printed.is_err() {
            return FAILED;
        }
    }
    match worst {
        _ if failed => FAILED,
        Action::Tag if args.exit_code => TAGGED,
        Action::Quarantine if args.exit_code => QUARANTINED,
        _ => DONE,
    }
}

async fn prepare(args: &CheckArgs, err: &mut dyn Write) -> Result<Setup, Trouble> {
    if args.annotate.is_some() && args.files.len() != 1 {
        return Err(Trouble::usage("--annotate takes one FILE".to_owned(), "check the files one by one"));
    }
    let mut own: Vec<Account> = Vec::new();
    for text in &args.own {
        let accounts = own::parse(text).ok_or_else(|| {
            Trouble::usage(
                "--own: not an account".to_owned(),
                "give an IBAN, sort code and account (60161331926819), or the form of `check --json --reveal`",
            )
        })?;
        own.extend(accounts);
    }
    let mut mailboxes = Vec::new();
    for text in &args.mailboxes {
        let address = EmailAddress::parse(text);
        mailboxes.push(address.map_err(|error| {
            Trouble::usage(
                format!("--mailbox {text}: {error}"),
                "give an address such as accounts@contoso.com",
            )
        })?);
    }
    Setup::new(args, &own, mailboxes, err).await
}

/// Writes what would be delivered; of a message that would be held nothing is.
async fn annotate(args: &CheckArgs, judged: &Judged, err: &mut dyn Write) -> Result<(), Trouble> {
    let Some(path) = &args.annotate else { return Ok(()) };
    if judged.verdict.action == Action::Quarantine {
        writeln!(err, "warning: {} not written: the message would be held", path.display()).ok();
        return Ok(());
    }
    let segments = seams::annotate(judged)
        .map_err(|error| Trouble::failed(format!("--annotate: {error}"), "leave --annotate out"))?;
    tokio::fs::write(path, segments.concat()).await.map_err(|error| {
        Trouble::failed(format!("{}: {error}", path.display()), "choose a file that can be written")
    })
}

fn print(args: &CheckArgs, name: &str, judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
    if args.json {
        report::json(name, judged, args.reveal, out)
    } else {
        report::table(name, judged, args.reveal, out)
    }
}
