//! `sentra check`: judges messages offline. No mail is sent, nothing is stored.
//!
//! It runs the gateway's own stages over files: parse, extract, gather, establish, judge. Only the outside differs: the
//! directory is a supplier file or the installation's own, sender authentication is what the upstream stamped into the
//! message.

mod installed;
mod judging;
mod report;

use super::{Failure, Globals, Io, account};
use crate::act::{Outgoing, Stamp, Voice, compose};
use crate::adapters::keyring::{LocalKeyring, MasterKey};
use crate::model::{Account, Action, EmailAddress, Mode};
use crate::ports::PortError;
use clap::{Args, ValueEnum};
pub use installed::Installed;
pub(super) use judging::{Judged, Setup};
use std::io::{self, Write};
use std::path::PathBuf;

/// Exit status: done (and, with `--exit-code`, everything may be delivered).
const DONE: u8 = 0;
/// Exit status: something failed.
const FAILED: u8 = 1;
/// Exit status with `--exit-code`: the worst message would be tagged.
const TAGGED: u8 = 10;
/// Exit status with `--exit-code`: the worst message would be held.
const QUARANTINED: u8 = 20;

const EXAMPLES: &str = "\
Without --suppliers the configured installation's suppliers, mailboxes, executives and own accounts count, if there is
a configuration; else every supplier is unknown.

Exit status: 0 done, 1 a file could not be read, 2 wrong usage; with --exit-code 0, 10 or 20 by the worst message.

Examples:
  sentra check invoice.eml --suppliers suppliers.csv
  sentra check *.eml --config /etc/sentra/sentra.toml --json --exit-code
  sentra check - --auth none < invoice.eml
  sentra check invoice.eml --suppliers suppliers.csv --annotate delivered.eml";

/// Judge .eml files offline: no mail is sent, nothing is stored
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
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
    /// SPF, DKIM, ARC and DMARC checked over DNS
    Verify,
    /// Exchange's word, and our own check where it has none
    Both,
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

/// `sentra check`: without a supplier file the configured installation's directory counts, if there is one.
pub(super) async fn command(globals: &Globals, mut args: CheckArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    args.json = globals.json;
    args.org.clone_from(&globals.org);
    let installed = if args.suppliers.is_some() {
        None
    } else if globals.config.exists() {
        Some(Installed::open(globals).await?)
    } else {
        io.note(&format!(
            "note: no --suppliers and no configuration ({}): every supplier is unknown",
            globals.config.display()
        ));
        None
    };
    let (out, err) = io.streams();
    Failure::unless_done(run(&args, installed, out, err).await)
}

/// Judges every file in turn and reports each; gives the exit status.
///
/// Data goes to `out`, errors to `err`. A file that can't be read is reported and the others go on. Without `installed`
/// the directory is what `args.suppliers` names, or empty.
pub async fn run(
    args: &CheckArgs,
    installed: Option<Installed>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let setup = match prepare(args, installed, err).await {
        Ok(setup) => setup,
        Err(failure) => return tell(&failure, err),
    };
    let mut worst = Action::Deliver;
    let mut failed = false;
    for file in &args.files {
        let name = file.display().to_string();
        let printed = match setup.judge_file(file).await {
            Ok(judged) => {
                worst = worst.max(judged.verdict.action);
                if let Err(failure) = annotate(args, &judged, err).await {
                    tell(&failure, err);
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

/// Prints a failure and gives its exit status.
fn tell(failure: &Failure, err: &mut dyn Write) -> u8 {
    for report in &failure.reports {
        // Nothing can be told any more to somebody who closed standard error.
        write!(err, "{report}").ok();
    }
    failure.status.into()
}

pub(super) async fn prepare(
    args: &CheckArgs,
    installed: Option<Installed>,
    err: &mut dyn Write,
) -> Result<Setup, Failure> {
    if args.annotate.is_some() && args.files.len() != 1 {
        return Err(Failure::usage("--annotate takes one FILE").help("check the files one by one"));
    }
    let mut own: Vec<Account> = Vec::new();
    for text in &args.own {
        own.extend(account::parse(text).map_err(|failure| failure.at("--own"))?);
    }
    let mut mailboxes = Vec::new();
    for text in &args.mailboxes {
        mailboxes.push(EmailAddress::parse(text).map_err(|error| {
            Failure::usage(format!("{text:?}: {error}"))
                .at("--mailbox")
                .help("give an address such as accounts@contoso.com")
        })?);
    }
    Setup::new(args, installed, own, mailboxes, err).await
}

/// Writes what would be delivered; of a message that would be held nothing is.
async fn annotate(args: &CheckArgs, judged: &Judged, err: &mut dyn Write) -> Result<(), Failure> {
    let Some(path) = &args.annotate else { return Ok(()) };
    if judged.verdict.action == Action::Quarantine {
        writeln!(err, "warning: {} not written: the message would be held", path.display()).ok();
        return Ok(());
    }
    let outgoing = delivered(judged)?;
    if let Some(reason) = outgoing.banner.unsaid() {
        let because = reason.because();
        writeln!(err, "note: not every reader sees the warning in the message, because it {because}").ok();
    }
    tokio::fs::write(path, outgoing.segments.concat()).await.map_err(|error| {
        Failure::new(format!("what would be delivered cannot be written: {error}"))
            .at(path.display())
            .help("choose a file that can be written")
    })
}

/// What would be delivered, signed with a key made for this run: nobody else's, so no other gateway believes it.
fn delivered(judged: &Judged) -> Result<Outgoing, PortError> {
    let organisation = &judged.evidence.organisation;
    let keyring = LocalKeyring::new(&MasterKey::generate()?)?;
    keyring.load(organisation.id, &keyring.generate(organisation.id)?)?;
    let stamp = Stamp {
        hostname: "localhost",
        now_ms: judged.mail.received_at_ms,
        organisation,
        keyring: &keyring,
        auth: &judged.evidence.auth,
        passes: 0,
        include_return_token: false,
        voice: &Voice::default(),
    };
    compose(&judged.mail, &judged.evidence.message, &judged.verdict, &stamp)
}

fn print(args: &CheckArgs, name: &str, judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
    if args.json {
        report::json(name, judged, args.reveal, out)
    } else {
        report::table(name, judged, args.reveal, out)
    }
}
