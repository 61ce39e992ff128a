//! `sentra eval`: judges a folder of messages and documents and measures how well, against a truth file.
//!
//! Every file goes through the gateway's own stages, as in `sentra check`. A file that begins like a message is one;
//! any other is a document and is judged as the attachment of an empty message, so that formats can be measured alone.
//! Nothing is stored. The truth is optional: without it only what was found, and how long it took, is told.

pub(super) mod files;
mod measure;
mod report;
mod truth;

use super::check::{self, AuthSource, CheckArgs, ModeName};
use super::{Failure, Globals, Io};
use clap::Args;
use measure::Measure;
use std::io::Write;
use std::path::PathBuf;

const EXAMPLES: &str = "\
The truth is JSON Lines, one file a line; every key but `file` may be missing, an unknown key is an error:
  {\"file\": \"mails/17.eml\", \"fraud\": true, \"action\": \"quarantine\", \"category\": \"invoice\",
   \"accounts\": [\"GB29NWBK60161331926819\"], \"codes\": [\"BANK_DETAILS_CHANGED\"], \"group\": \"html table\"}
`file` is relative to the corpus, `accounts` are canonical (all that the file names; [] says: none), `codes` must be
found, `group` names a row of its own in the report.

Examples:
  sentra eval --corpus ./mails --suppliers suppliers.csv
  sentra eval --corpus ./corpus --truth truth.jsonl --json";

/// Measure how a folder of messages and documents is judged
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EvalArgs {
    /// Folder with messages (.eml) and documents, searched through its sub-folders
    #[arg(long, value_name = "DIR")]
    pub corpus: PathBuf,
    /// What is true of them; without it DIR/truth.jsonl, if there is one
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Supplier file that is the directory; its accounts count as verified
    #[arg(long, value_name = "FILE.csv")]
    pub suppliers: Option<PathBuf>,
    /// The organisation's own account (IBAN, or bank code and account)
    #[arg(long = "own", value_name = "ACCOUNT")]
    pub own: Vec<String>,
    /// Protected mailbox; its domain counts as the organisation's own
    #[arg(long = "mailbox", value_name = "ADDRESS")]
    pub mailboxes: Vec<String>,
    /// Whose word counts on who sent a message
    #[arg(long, value_enum, default_value_t = AuthSource::None)]
    pub auth: AuthSource,
    /// Folder with rules that override or complete the shipped ones
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// One JSON object (from the global flag)
    #[arg(skip)]
    pub json: bool,
}

pub(super) async fn command(globals: &Globals, mut args: EvalArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    args.json = globals.json;
    let (out, err) = io.streams();
    run(&args, out, err).await
}

/// Judges the corpus and prints the measures: data to `out`, files that could not be read to `err`.
///
/// # Errors
/// A truth or supplier file that is wrong, a folder that can't be read. A single file that can't be read is counted,
/// named, and makes the whole fail after everything else was done.
pub async fn run(args: &EvalArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    let given =
        args.truth.clone().or_else(|| Some(args.corpus.join(truth::NAME)).filter(|file| file.is_file()));
    let truth = given.as_deref().map(truth::read).transpose()?.unwrap_or_default();
    let files = files::list(&args.corpus, given.as_deref())?;
    let setup = check::prepare(&as_check(args), None, err).await?;
    let mut measure = Measure::default();
    for file in files {
        match files::read(&file.path) {
            Ok(read) => {
                let judged = setup.judge(read.octets.into()).await;
                measure.add(&file.name, &read.kind, truth.get(&file.name), &judged);
            }
            Err(error) => {
                measure.unreadable += 1;
                writeln!(err, "warning: {}: {error}", file.path.display()).ok();
            }
        }
    }
    let missing = truth.keys().filter(|name| !measure.knows(name)).count();
    if missing > 0 {
        writeln!(err, "warning: {missing} files of the truth are not in the corpus").ok();
    }
    report::print(&measure, args.json, out)
        .map_err(|error| Failure::new(format!("the report cannot be written: {error}")))?;
    if measure.unreadable > 0 {
        return Err(Failure::silent(super::Status::Failed));
    }
    Ok(())
}

/// The same run as `sentra check` would make it.
fn as_check(args: &EvalArgs) -> CheckArgs {
    CheckArgs {
        files: Vec::new(),
        suppliers: args.suppliers.clone(),
        own: args.own.clone(),
        mailboxes: args.mailboxes.clone(),
        auth: args.auth,
        mode: ModeName::Enforce,
        rules: args.rules.clone(),
        reveal: false,
        exit_code: false,
        annotate: None,
        json: args.json,
        org: None,
    }
}
