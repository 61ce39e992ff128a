//! `sentra rules backtest`: past mail under the rules in force and under a candidate, and the difference.

use super::super::check::{self, AuthSource, CheckArgs, Installed, ModeName};
use super::super::database::open;
use super::super::eval::files;
use super::super::{Failure, Globals, Io};
use super::edits::TrialArgs;
use super::past::{PeriodArgs, Skipped, replay, stamp, told};
use super::{folder, load};
use crate::adapters::store::RecordedVerdict;
use crate::model::{Action, Facts, Mode, Organisation, OwnRules, Places, Severity};
use crate::rules::{Comparison, Outcome, RuleSet, Stamp};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(super) const HELP: &str = "\
Before: the rules in force, with what the organisation changes about them; with --recorded the verdicts as they were
recorded. After: the candidate, which is --rules DIR in the place of the configured folder, and --set, --disable, --add
over the organisation's changes. New: delivered before, tagged or held after. Lost: the other way. Changed: another action,
severity or finding. Both sides as mode enforce judges. Nothing is stored and no mail is touched.

Recorded facts hold names, addresses and digits as fingerprints: a rule that compares those with a written-out value is
told right only over --mail.

Examples:
  sentra rules backtest --rules ./my-rules --org Contoso --since 90d
  sentra rules backtest --set SUPPLIER_UNUSUAL.silence=90 --add new-rule.toml --org Contoso --json
  sentra rules backtest --rules ./my-rules --all
  sentra rules backtest --rules ./my-rules --mail ./corpus --suppliers suppliers.csv
  sentra rules backtest --recorded --org Contoso --since 2026-11-01";

/// Arguments of `sentra rules backtest`.
#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    period: PeriodArgs,
    /// All organisations, one after the other
    #[arg(long, conflicts_with_all = ["mail", "set", "disable", "add"])]
    all: bool,
    /// Compare with the verdicts as they were recorded
    #[arg(long, conflicts_with = "mail")]
    recorded: bool,
    /// Judge the messages (.eml) of this folder instead of recorded ones
    #[arg(long, value_name = "DIR")]
    mail: Option<PathBuf>,
    /// With --mail: supplier file that is the directory; its accounts count as verified
    #[arg(long, value_name = "FILE.csv", requires = "mail")]
    suppliers: Option<PathBuf>,
    /// With --mail: the organisation's own account
    #[arg(long = "own", value_name = "ACCOUNT", requires = "mail")]
    own: Vec<String>,
    /// With --mail: protected mailbox; its domain counts as the organisation's own
    #[arg(long = "mailbox", value_name = "ADDRESS", requires = "mail")]
    mailboxes: Vec<String>,
    /// With --mail: whose word counts on who sent a message
    #[arg(long, value_enum, default_value_t = AuthSource::Exchange)]
    auth: AuthSource,
    #[command(flatten)]
    trial: TrialArgs,
}

pub(super) async fn run(
    args: &BacktestArgs,
    candidate: Option<&Path>,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    if candidate.is_none() && args.trial.is_empty() && !args.recorded {
        return Err(Failure::usage("there is nothing to compare with")
            .help("name a candidate with --rules, --set, --disable or --add, or --recorded"));
    }
    let before = load(folder(globals, None)?.as_deref())?;
    let after = match candidate {
        Some(folder) => load(Some(folder))?,
        None => load(folder(globals, None)?.as_deref())?,
    };
    let sets = Sets { before, after };
    match &args.mail {
        Some(mail) => over_mail(args, mail, &sets, globals, io).await,
        None => over_records(args, &sets, globals, io).await,
    }
}

/// The installation's set and the candidate, without what organisations change.
struct Sets {
    before: RuleSet,
    after: RuleSet,
}

impl Sets {
    /// Both with an organisation's changes, the candidate with those that are tried out too.
    fn joined(&self, own: &OwnRules, trial: &TrialArgs) -> Result<Self, Failure> {
        let tried = trial.over(&self.after, own)?;
        let after = self.after.joined(&tried).0;
        Ok(Self { before: self.before.joined(own).0, after })
    }
}

fn judged(set: &RuleSet, facts: &Facts) -> Outcome {
    Outcome::of(&set.judge(facts, &Places::default(), Mode::Enforce))
}

async fn over_records(
    args: &BacktestArgs,
    sets: &Sets,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let at = open(globals).await?;
    let organisations: Vec<Organisation> = match args.all {
        true => at.store.organisations().await?,
        false => vec![at.organisation(globals).await?],
    };
    let period = args.period.period(at.store.clock().now_ms());
    let mut sum = Comparison::new(args.period.examples);
    let mut skipped = Skipped::default();
    let mut names = Vec::new();
    for org in &organisations {
        let joined = sets.joined(&at.store.own_rules(org.id).await?, &args.trial)?;
        names.push(json!({ "org": org.id, "before": joined.before.hash(), "after": joined.after.hash() }));
        replay(&at, org, period, "backtest", &mut skipped, |message, facts| {
            let after = judged(&joined.after, facts);
            let before = match args.recorded {
                true => recorded(&message.verdict, org.mode, &after),
                false => judged(&joined.before, facts),
            };
            sum.add(|| stamp(org.id, message), before, after);
        })
        .await?;
    }
    let head = json!({ "period": told(period), "rulesets": names, "skipped": skipped });
    skipped.note(io);
    report(&sum, &head, globals, io)
}

/// The verdict as it was recorded. Only its action is after the mode: where the organisation does not enforce, the
/// action that the replay gives stands for it, and codes and severity alone are compared.
fn recorded(verdict: &RecordedVerdict, mode: Mode, after: &Outcome) -> Outcome {
    let word = |word: &str| serde_json::Value::String(word.to_owned());
    let action: Option<Action> = serde_json::from_value(word(&verdict.action)).ok();
    let severity: Option<Severity> = serde_json::from_value(word(&verdict.severity)).ok();
    Outcome {
        action: action.filter(|_| mode == Mode::Enforce).unwrap_or(after.action),
        severity: severity.unwrap_or(after.severity),
        codes: verdict.codes.iter().cloned().collect(),
    }
}

async fn over_mail(
    args: &BacktestArgs,
    mail: &Path,
    sets: &Sets,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let installed = match args.suppliers.is_none() && globals.config.exists() {
        true => Some(Installed::open(globals).await?),
        false => None,
    };
    let own = installed.as_ref().map(Installed::own_rules).unwrap_or_default();
    let joined = sets.joined(&own, &args.trial)?;
    let setup = check::prepare(&as_check(args, globals), installed, io.streams().1).await?;
    let mut sum = Comparison::new(args.period.examples);
    let mut unreadable = 0_u64;
    for file in messages(mail)? {
        let read = match files::read(&file.path) {
            Ok(read) => read,
            Err(error) => {
                io.note(&format!("warning: {}: {error}", file.path.display()));
                unreadable = unreadable.saturating_add(1);
                continue;
            }
        };
        let facts = setup.judge(read.octets.into()).await.facts;
        let stamp = Stamp { id: file.name, org: String::new(), received_at: String::new() };
        sum.add(|| stamp, judged(&joined.before, &facts), judged(&joined.after, &facts));
    }
    let names = json!([{ "before": joined.before.hash(), "after": joined.after.hash() }]);
    report(
        &sum,
        &json!({ "mail": mail, "rulesets": names, "skipped": { "unreadable": unreadable } }),
        globals,
        io,
    )?;
    if unreadable > 0 { Err(Failure::silent(super::super::Status::Failed)) } else { Ok(()) }
}

/// The messages below a folder. A supplier file or a note beside them is none.
fn messages(mail: &Path) -> Result<Vec<files::File>, Failure> {
    let mut all = files::list(mail, None)?;
    all.retain(|file| file.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml")));
    if all.is_empty() {
        return Err(Failure::new("there is no message in the folder")
            .at(mail.display())
            .help("messages are files that end in .eml"));
    }
    Ok(all)
}

/// The messages are read as `sentra check` reads them; both sets judge the same facts.
fn as_check(args: &BacktestArgs, globals: &Globals) -> CheckArgs {
    CheckArgs {
        files: Vec::new(),
        suppliers: args.suppliers.clone(),
        own: args.own.clone(),
        mailboxes: args.mailboxes.clone(),
        auth: args.auth,
        mode: ModeName::Enforce,
        rules: None,
        reveal: false,
        exit_code: false,
        annotate: None,
        json: globals.json,
        org: globals.org.clone(),
    }
}

fn report(sum: &Comparison, head: &Value, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        let mut object = head.clone();
        if let (Some(object), Ok(Value::Object(counts))) = (object.as_object_mut(), serde_json::to_value(sum))
        {
            object.extend(counts);
        }
        return io.json(&object);
    }
    io.line(&format!(
        "{} messages: {} new, {} lost, {} changed",
        sum.messages, sum.new, sum.lost, sum.changed
    ))?;
    let changed = |(_, count): &(&String, &crate::rules::CodeCount)| count.gained > 0 || count.lost > 0;
    let codes = sum.codes.iter().filter(changed).map(|(code, count)| {
        let numbers = [count.before, count.after, count.gained, count.lost];
        std::iter::once(code.clone()).chain(numbers.iter().map(ToString::to_string)).collect()
    });
    let codes: Vec<Vec<String>> = codes.collect();
    if !codes.is_empty() {
        io.line("")?;
        io.table(&["CODE", "BEFORE", "AFTER", "GAINED", "LOST"], codes)?;
    }
    if sum.examples.is_empty() {
        return Ok(());
    }
    io.line("")?;
    let row = |example: &crate::rules::Compared| {
        let step = format!("{} > {}", example.before.action.as_str(), example.after.action.as_str());
        let only = |from: &Outcome, not: &Outcome, sign: &str| {
            from.codes.difference(&not.codes).map(|code| format!("{sign}{code}")).collect::<Vec<_>>()
        };
        let mut codes = only(&example.after, &example.before, "+");
        codes.extend(only(&example.before, &example.after, "-"));
        vec![example.change.to_owned(), example.message.id.clone(), step, codes.join(" ")]
    };
    io.table(&["CHANGE", "MESSAGE", "ACTION", "CODES"], sum.examples.iter().map(row).collect())
}
