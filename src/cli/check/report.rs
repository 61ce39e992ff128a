//! What `check` prints: one JSON object a message, or a table for people.

use super::judging::Judged;
use crate::cli::io::{printable, write_table};
use crate::model::{
    AccountClaim, AccountFact, Class, DocumentReport, Family, MethodClaim, MethodKind, Place, Severity,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write};

/// One message, with the fields of the interface in their order.
#[derive(Serialize)]
struct Report<'a> {
    file: &'a str,
    message_id: &'a str,
    action: &'static str,
    severity: &'static str,
    score: u8,
    category: &'static str,
    category_because: &'a [String],
    sender: Sender<'a>,
    supplier: Option<Supplier<'a>>,
    accounts: Vec<AccountRow<'a>>,
    amounts: Vec<Amount<'a>>,
    invoice_numbers: &'a [String],
    due_date: Option<&'a str>,
    payment_methods: Vec<MethodRow<'a>>,
    bics: Vec<&'a str>,
    payees: &'a [String],
    references: &'a [String],
    tax_numbers: &'a [String],
    company_numbers: &'a [String],
    phones: &'a [String],
    documents: &'a [DocumentReport],
    unchecked: Vec<String>,
    findings: Vec<FindingRow<'a>>,
    /// What `enforce` would have done.
    would_be: &'static str,
    ruleset: &'a str,
    timing_us: Timing,
}

#[derive(Serialize)]
struct Sender<'a> {
    address: &'a str,
    domain: &'a str,
    authenticated: bool,
    method: &'static str,
}

#[derive(Serialize)]
struct Supplier<'a> {
    id: &'a str,
    name: &'a str,
    matched_by: &'a str,
}

#[derive(Serialize)]
struct AccountRow<'a> {
    scheme: &'static str,
    country: &'a str,
    masked: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    valid: bool,
    status: &'static str,
    source: &'a Place,
}

#[derive(Serialize)]
struct MethodRow<'a> {
    kind: MethodKind,
    provider: &'static str,
    masked: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    /// `null` where it has no checksum that can be checked.
    valid: Option<bool>,
    source: &'a Place,
}

#[derive(Serialize)]
struct Amount<'a> {
    value: String,
    currency: &'a str,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    code: &'a str,
    severity: Severity,
    class: Class,
    family: Family,
    text: &'a str,
    source: Option<&'a Place>,
}

#[derive(Serialize)]
struct Timing {
    parse: u64,
    extract: u64,
    judge: u64,
    total: u64,
}

#[derive(Serialize)]
struct Failure<'a> {
    file: &'a str,
    error: String,
}

/// One line of JSON.
pub(super) fn json(file: &str, judged: &Judged, reveal: bool, out: &mut dyn Write) -> io::Result<()> {
    line(&report(file, judged, reveal), out)
}

/// A file that could not be read: on standard output as data with `--json`, else on standard error.
pub(super) fn error(
    file: &str,
    error: &io::Error,
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    if json {
        return line(&Failure { file, error: error.to_string() }, out);
    }
    writeln!(err, "error: {error} ({file})\nhelp: give a message as a file in RFC 5322 form, or `-`")
}

fn line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string(value).map_err(io::Error::other)?;
    writeln!(out, "{text}")
}

fn report<'a>(file: &'a str, judged: &'a Judged, reveal: bool) -> Report<'a> {
    let (facts, verdict, claims) = (&judged.facts, &judged.verdict, &judged.evidence.claims);
    let known = facts.supplier.identified || facts.supplier.claimed;
    Report {
        file,
        message_id: &judged.evidence.message.message_id,
        action: verdict.action.as_str(),
        severity: verdict.severity.as_str(),
        score: verdict.score,
        category: facts.mail.category.as_str(),
        category_because: &facts.mail.category_because,
        sender: Sender {
            address: &facts.sender.address,
            domain: &facts.sender.domain,
            authenticated: facts.sender.authenticated,
            method: facts.sender.method.as_str(),
        },
        supplier: known.then(|| Supplier {
            id: &facts.supplier.id,
            name: &facts.supplier.name,
            matched_by: &facts.supplier.matched_by,
        }),
        accounts: accounts(judged).map(|(claim, fact)| account_row(claim, fact, reveal)).collect(),
        amounts: claims
            .amounts
            .iter()
            .map(|money| Amount { value: money.decimal(), currency: &money.currency })
            .collect(),
        invoice_numbers: &claims.invoice_numbers,
        due_date: claims.due_date.as_deref(),
        payment_methods: claims.methods.iter().map(|claim| method_row(claim, reveal)).collect(),
        bics: claims.bics.iter().map(|bic| bic.value.as_str()).collect(),
        payees: &claims.payees,
        references: &claims.references,
        tax_numbers: &claims.tax_numbers,
        company_numbers: &claims.company_numbers,
        phones: &claims.phones,
        documents: &claims.documents,
        unchecked: unchecked(judged),
        findings: verdict
            .findings
            .iter()
            .map(|finding| FindingRow {
                code: &finding.code.0,
                severity: finding.severity,
                class: finding.class,
                family: finding.family,
                text: &finding.text,
                source: finding.source.as_ref(),
            })
            .collect(),
        would_be: verdict.would_be.as_str(),
        ruleset: &verdict.ruleset,
        timing_us: Timing {
            parse: judged.timings.parse,
            extract: judged.timings.extract,
            judge: judged.timings.judge,
            total: judged.timings.total,
        },
    }
}

fn accounts(judged: &Judged) -> impl Iterator<Item = (&AccountClaim, &AccountFact)> {
    judged.evidence.claims.accounts.iter().zip(&judged.facts.accounts)
}

fn account_row<'a>(claim: &'a AccountClaim, fact: &'a AccountFact, reveal: bool) -> AccountRow<'a> {
    AccountRow {
        scheme: fact.scheme.as_str(),
        country: &fact.country,
        masked: &fact.masked,
        value: reveal.then(|| claim.account.reveal()),
        // What nobody can check is not called wrong.
        valid: !fact.invalid,
        status: fact.status.as_str(),
        source: &claim.place,
    }
}

fn method_row(claim: &MethodClaim, reveal: bool) -> MethodRow<'_> {
    MethodRow {
        kind: claim.kind,
        provider: claim.provider,
        masked: claim.masked(),
        value: reveal.then_some(claim.value.as_str()),
        valid: claim.valid,
        source: &claim.place,
    }
}

/// `invoice.pdf: password`, each once.
fn unchecked(judged: &Judged) -> Vec<String> {
    let gaps = judged.evidence.message.gaps.iter().chain(&judged.evidence.claims.unchecked);
    let mut seen = BTreeSet::new();
    gaps.map(|gap| format!("{}: {}", gap.what, gap.why)).filter(|text| seen.insert(text.clone())).collect()
}

/// For people. The layout may change; scripts use `--json`.
pub(super) fn table(file: &str, judged: &Judged, reveal: bool, out: &mut dyn Write) -> io::Result<()> {
    let (facts, verdict) = (&judged.facts, &judged.verdict);
    writeln!(
        out,
        "{}: {} ({}, score {})",
        printable(file),
        verdict.action.as_str(),
        verdict.severity.as_str(),
        verdict.score
    )?;
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut add = |name: &str, text: &str| rows.push([name.to_owned(), text.to_owned()]);
    let method = facts.sender.method.as_str();
    let proof =
        if facts.sender.authenticated { format!("proven by {method}") } else { "not proven".to_owned() };
    let sender = format!("{} ({proof})", facts.sender.address);
    add("sender", &sender);
    if facts.supplier.identified || facts.supplier.claimed {
        let supplier = format!("{} (by {})", facts.supplier.name, facts.supplier.matched_by);
        add("supplier", &supplier);
    }
    let because = facts.mail.category_because.join(", ");
    let category = facts.mail.category.as_str();
    add(
        "category",
        &if because.is_empty() { category.to_owned() } else { format!("{category} ({because})") },
    );
    for (claim, fact) in accounts(judged) {
        let number = if reveal { claim.account.reveal() } else { &fact.masked };
        let place = claim.place.name.as_deref().unwrap_or(&fact.part);
        let text =
            format!("{number} {} {}: {} ({place})", fact.country, fact.scheme.as_str(), fact.status.as_str());
        add("account", &text);
    }
    for claim in &judged.evidence.claims.methods {
        let number = if reveal { claim.value.clone() } else { claim.masked() };
        add("to pay", &format!("{number} {} ({})", claim.kind.as_str(), claim.provider));
    }
    for text in unchecked(judged) {
        add("not read", &text);
    }
    for finding in &verdict.findings {
        let text = format!("{} ({}): {}", finding.code, finding.severity.as_str(), finding.text);
        add("finding", &text);
    }
    if !verdict.advice.is_empty() {
        add("advice", &verdict.advice);
    }
    let rows = rows.into_iter().map(|[name, text]| vec![format!("  {name}"), text]).collect();
    write_table(&[], rows, io::stdout().is_terminal(), out)?;
    writeln!(out)
}
