//! `sentra cases …`: verification cases on the machine's own command line.
//!
//! Whoever has the shell of the machine can name anybody with `--as`. So every decision made here is told to the
//! organisation's administrators by mail, and the audit says who was named; without `--as` the operator acts, who may
//! open and reject but never call or approve.

use super::database::open;
use super::suppliers::moment;
use super::{Failure, Globals, Installation, Io, notice};
use crate::adapters::audit::AuditAction;
use crate::adapters::directory::redis::Redis;
use crate::adapters::store::StoreError;
use crate::adapters::suppliers::cases::{CASE_STATES, CallOutcome, Case, CaseDetail, Decided, Person};
use crate::adapters::suppliers::records::SupplierRecords;
use crate::limits;
use crate::model::{EmailAddress, OrgId, Organisation, SupplierId};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Commands of `sentra cases`.
#[derive(Debug, Subcommand)]
pub(super) enum CasesCommand {
    /// List cases: what is undecided, unless --state says otherwise
    #[command(after_help = "Examples:\n  sentra cases list\n  sentra cases list --state approved --json")]
    List {
        /// Only this state; may be repeated: open, called, approved, rejected, withdrawn
        #[arg(long = "state", value_name = "STATE", value_parser = state)]
        states: Vec<String>,
    },
    /// Show one case: the account, what it would replace, the numbers that may be called
    #[command(after_help = "Example:\n  sentra cases show 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9")]
    Show {
        /// Case
        id: String,
        /// Show full account numbers. Audited.
        #[arg(long)]
        reveal: bool,
    },
    /// Open a case for an account that is on record as pending or retired
    #[command(
        after_help = "Example:\n  sentra cases open SUP-001 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --as clerk@contoso.com"
    )]
    Open {
        /// Supplier
        supplier: String,
        /// Account, by its id as `sentra suppliers show` tells it
        account: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Record a call to the supplier, on a number of its record
    #[command(
        name = "call-back",
        after_help = "Example:\n  sentra cases call-back 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --as clerk@contoso.com --outcome confirmed \\\n    \
                      --note 'Ms Raman read the last six digits'"
    )]
    CallBack {
        /// Case
        id: String,
        /// How the call went
        #[arg(long, value_name = "OUTCOME")]
        outcome: Outcome,
        /// Number that was called, by its id as `show` tells it; needed if there are several
        #[arg(long, value_name = "NUMBER-ID")]
        number: Option<String>,
        /// Whom you spoke to and what they said
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Approve a case whose call was confirmed: by somebody who neither asked for it nor made the call
    #[command(
        after_help = "Example:\n  sentra cases approve 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --as head@contoso.com --retire-replaced"
    )]
    Approve {
        /// Case
        id: String,
        /// Retire the verified account that this one takes the place of
        #[arg(long)]
        retire_replaced: bool,
        #[command(flatten)]
        acting: Acting,
    },
    /// Reject a case: its account is retired, with --fraud blocked
    #[command(
        after_help = "Example:\n  sentra cases reject 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --reason 'supplier never sent this' --fraud"
    )]
    Reject {
        /// Case
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The account is a fraudster's: mail that names it is quarantined from now on
        #[arg(long)]
        fraud: bool,
        #[command(flatten)]
        acting: Acting,
    },
}

/// Who acts.
#[derive(Debug, Args)]
pub(super) struct Acting {
    /// User of the organisation who acts; without it the operator of the machine
    #[arg(long = "as", value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    user: Option<EmailAddress>,
}

/// How a call went.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Outcome {
    /// The supplier says that the account is theirs
    Confirmed,
    /// The supplier says that it is not: the account is blocked
    Denied,
    /// Nobody answered: the case stays open
    NoAnswer,
}

fn state(text: &str) -> Result<String, String> {
    let known = CASE_STATES.contains(&text);
    known.then(|| text.to_owned()).ok_or_else(|| format!("the states are {}", CASE_STATES.join(", ")))
}

/// What the commands work on.
struct Desk {
    at: Installation,
    organisation: Organisation,
    records: SupplierRecords,
    /// Users' addresses by id.
    names: BTreeMap<String, String>,
}

pub(super) async fn run(globals: &Globals, command: CasesCommand, io: &mut Io<'_>) -> Result<(), Failure> {
    let at = open(globals).await?;
    let organisation = at.organisation(globals).await?;
    let records = SupplierRecords::new(
        at.store.database().clone(),
        Arc::clone(at.store.keyring()) as _,
        Arc::clone(at.store.clock()),
        Arc::clone(at.store.ids()),
    );
    let names = records.user_names(organisation.id).await?;
    let desk = Desk { at, organisation, records, names };
    match command {
        CasesCommand::List { states } => desk.list(&states, globals.json, io).await,
        CasesCommand::Show { id, reveal } => desk.show(&id, reveal, globals.json, io).await,
        CasesCommand::Open { supplier, account, acting } => {
            let by = desk.person(&acting).await?;
            let supplier = SupplierId(supplier);
            let id = desk.records.open_case(desk.org(), &supplier, &account, &by).await.map_err(told)?;
            if globals.json {
                io.json(&json!({ "id": id, "state": "open" }))
            } else {
                io.line(&format!("Case {id} is open."))
            }
        }
        CasesCommand::CallBack { id, outcome, number, note, acting } => {
            let by = desk.person(&acting).await?;
            let outcome = match outcome {
                Outcome::Confirmed => CallOutcome::Confirmed,
                Outcome::Denied => CallOutcome::Denied,
                Outcome::NoAnswer => CallOutcome::NoAnswer,
            };
            let done = desk.records.call_back(desk.org(), &id, number.as_deref(), outcome, &note, &by).await;
            desk.decided(&id, "a call was recorded", &by, done, globals.json, io).await
        }
        CasesCommand::Approve { id, retire_replaced, acting } => {
            let by = desk.person(&acting).await?;
            let done = desk.records.approve(desk.org(), &id, retire_replaced, &by).await;
            desk.decided(&id, "a changed bank account was approved", &by, done, globals.json, io).await
        }
        CasesCommand::Reject { id, reason, fraud, acting } => {
            let by = desk.person(&acting).await?;
            let done = desk.records.reject(desk.org(), &id, &reason, fraud, &by).await;
            desk.decided(&id, "a bank account was rejected", &by, done, globals.json, io).await
        }
    }
}

/// A refusal with its remedy.
fn told(error: StoreError) -> Failure {
    let help = match &error {
        StoreError::NotFound("user") => "`sentra org show` lists the administrators",
        StoreError::NotFound("case") => "`sentra cases list` shows the ids",
        StoreError::Conflict(_) => {
            "`sentra cases show ID` tells where it stands; docs/suppliers.md says who may do what"
        }
        _ => return error.into(),
    };
    Failure::new(error.to_string()).help(help)
}

impl Desk {
    fn org(&self) -> OrgId {
        self.organisation.id
    }

    async fn person(&self, acting: &Acting) -> Result<Person, Failure> {
        match &acting.user {
            None => Ok(Person::Operator),
            Some(email) => self.records.person(self.org(), email).await.map_err(told),
        }
    }

    /// A user's address for their id; `operator`, `system` and those who are gone as they stand.
    fn named<'a>(&'a self, actor: &'a str) -> &'a str {
        self.names.get(actor).map_or(actor, String::as_str)
    }

    async fn list(&self, states: &[String], json: bool, io: &mut Io<'_>) -> Result<(), Failure> {
        let states: Vec<&str> = match states {
            [] => vec!["open", "called"],
            some => some.iter().map(String::as_str).collect(),
        };
        let (mut before, mut rows) = (None::<String>, Vec::new());
        loop {
            let page = self.records.cases(self.org(), &states, before.as_deref(), limits::STORE_PAGE).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.id.clone());
            for case in &page {
                if json {
                    io.json(&self.described(case, false))?;
                } else {
                    rows.push(self.row(case));
                }
            }
        }
        match (json, rows.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => io.line("No such cases."),
            (false, false) => {
                io.table(&["ID", "OPENED", "SUPPLIER", "ACCOUNT", "KIND", "FROM", "STATE", "ASKED BY"], rows)
            }
        }
    }

    fn row(&self, case: &Case) -> Vec<String> {
        vec![
            case.id.clone(),
            moment(case.opened_at),
            case.supplier.0.clone(),
            case.account.masked(),
            case.kind.clone(),
            case.origin.clone(),
            case.state.clone(),
            self.named(&case.requested_by).to_owned(),
        ]
    }

    /// A case as JSON; `reveal` adds the full number.
    fn described(&self, case: &Case, reveal: bool) -> serde_json::Value {
        let named = |actor: &Option<String>| actor.as_deref().map(|actor| self.named(actor).to_owned());
        let mut value = json!({
            "id": case.id, "supplier": case.supplier, "account_id": case.account_id,
            "account": {
                "scheme": case.account.scheme().as_str(), "country": case.account.country(),
                "masked": case.account.masked(),
            },
            "kind": case.kind, "origin": case.origin, "origin_id": case.origin_id, "state": case.state,
            "replaces": case.replaces, "requested_by": self.named(&case.requested_by),
            "opened_at": moment(case.opened_at),
            "call": case.call_outcome.as_ref().map(|outcome| json!({
                "outcome": outcome, "number_id": case.call_value, "by": named(&case.called_by),
                "at": case.called_at.map(moment), "note": case.note,
            })),
            "decided_by": named(&case.decided_by), "decided_at": case.decided_at.map(moment), "reason": case.reason,
        });
        let account = value.get_mut("account").and_then(serde_json::Value::as_object_mut);
        if let Some(account) = account.filter(|_| reveal) {
            account.insert("value".to_owned(), case.account.reveal().into());
        }
        value
    }

    async fn show(&self, id: &str, reveal: bool, json: bool, io: &mut Io<'_>) -> Result<(), Failure> {
        let found = self.records.case(self.org(), id).await?;
        let detail = found.ok_or_else(|| told(StoreError::NotFound("case")))?;
        // Noted before anything is shown.
        let supplier = detail.case.supplier.0.as_str();
        let (action, subject) =
            if reveal { (AuditAction::SuppliersReveal, supplier) } else { (AuditAction::CaseShow, id) };
        self.records.note(self.org(), "operator", action, subject, json!({})).await?;
        if json {
            let mut value = self.described(&detail.case, reveal);
            if let Some(object) = value.as_object_mut() {
                object.insert("supplier_name".to_owned(), detail.supplier.name.clone().into());
                let numbers = detail.numbers.iter().map(|number| {
                    json!({
                        "id": number.id, "number": number.number, "source": number.source,
                        "added_at": moment(number.added_at), "usable": number.usable,
                        "usable_from": moment(number.usable_from),
                    })
                });
                object.insert("numbers".to_owned(), numbers.collect());
            }
            return io.json(&value);
        }
        self.print(&detail, reveal, io)
    }

    fn print(&self, detail: &CaseDetail, reveal: bool, io: &mut Io<'_>) -> Result<(), Failure> {
        let case = &detail.case;
        let shown = |account: &crate::model::Account| {
            if reveal { account.reveal().to_owned() } else { account.masked() }
        };
        let mut pairs = vec![
            ("Case", format!("{} ({})", case.id, case.state)),
            ("Supplier", format!("{} {}", case.supplier, detail.supplier.name)),
            ("Account", shown(&case.account)),
            ("Kind", format!("{}, from {}", case.kind, case.origin)),
            ("Asked for", format!("{} by {}", moment(case.opened_at), self.named(&case.requested_by))),
        ];
        if let Some(old) = detail.replaced() {
            pairs.push((
                "Replaces",
                format!("{} ({})", shown(&old.account.account), old.account.state.as_str()),
            ));
        }
        if let (Some(outcome), Some(by), Some(at)) = (&case.call_outcome, &case.called_by, case.called_at) {
            pairs.push(("Call", format!("{outcome}, {} by {}", moment(at), self.named(by))));
        }
        pairs.extend(case.note.clone().map(|note| ("Note", note)));
        if let (Some(by), Some(at)) = (&case.decided_by, case.decided_at) {
            pairs.push(("Decided", format!("{} by {}", moment(at), self.named(by))));
        }
        pairs.extend(case.reason.clone().map(|reason| ("Reason", reason)));
        io.pairs(&pairs)?;
        let row = |number: &crate::adapters::suppliers::cases::CallNumber| {
            let usable =
                if number.usable { "yes".to_owned() } else { format!("from {}", moment(number.usable_from)) };
            vec![
                number.id.clone(),
                number.number.clone(),
                number.source.clone(),
                moment(number.added_at),
                usable,
            ]
        };
        io.line("\nNumbers on record. Never call a number from a message.")?;
        io.table(
            &["ID", "NUMBER", "FROM", "ADDED", "MAY BE CALLED"],
            detail.numbers.iter().map(row).collect(),
        )
    }

    /// Says what a step led to, and tells running servers and the administrators.
    async fn decided(
        &self,
        id: &str,
        what: &'static str,
        by: &Person,
        done: Result<Decided, StoreError>,
        json: bool,
        io: &mut Io<'_>,
    ) -> Result<(), Failure> {
        let done = done.map_err(told)?;
        if let Some(redis) = &self.at.config.redis
            && let Err(error) = Redis::connect(redis)?.announce(self.org(), done.generation).await
        {
            io.note(&format!(
                "warning: {error}; running servers see the change within a second from the database"
            ));
        }
        let who = match by {
            Person::Operator => "the operator of the server",
            Person::User { email, .. } => email,
        };
        for mail in notice::case(&self.at, &self.organisation, id, what, who) {
            self.at.store.enqueue(&mail).await?;
        }
        if json {
            return io.json(&json!({ "id": id, "state": done.state, "account_state": done.account }));
        }
        io.line(&format!("Case {id} is {}; the account is {}.", done.state, done.account.as_str()))
    }
}
