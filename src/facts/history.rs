//! What is new or unusual against the mail that was delivered before, and what a message will have taught.

use super::identity::Senders;
use super::supplier::Suppliers;
use crate::limits;
use crate::model::{AccountClaim, AccountFact, EmailAddress};
use crate::model::{
    AccountStatus, Evidence, Facts, Histogram, HistoryAnswer, HistoryFacts, InvoiceHistory, Lesson, Lookup,
    Money, Party, PartyHistory, Seen, fold_invoice_number, is_free_mail, log_step, platform_of,
};
use std::collections::BTreeMap;

/// Messages of a party before its habits say anything.
const HABIT: i64 = 5;
/// Makes of documents beyond which a party has no usual one.
const MAKES: usize = 3;
/// Messages of a party before the days on which it writes say anything.
const CALENDAR: i64 = 12;
/// Two octaves on the scale of [`log_step`]: an amount four times the usual.
const FAR: i64 = 8;
const DAY_MS: i64 = 86_400_000;

/// Establishes the history facts, and sets what is known of each account.
pub(super) fn history(
    evidence: &Evidence,
    senders: &Senders,
    suppliers: &Suppliers,
    accounts: &mut [AccountFact],
) -> HistoryFacts {
    let (empty, nothing) = (HistoryAnswer::default(), PartyHistory::default());
    let answer = match &evidence.history {
        Lookup::Found(answer) => answer,
        Lookup::NotFound => &empty,
        Lookup::Unavailable(_) => return HistoryFacts::default(),
    };
    let party = party(senders, suppliers);
    let known = party.as_ref().and_then(|party| answer.parties.get(party)).unwrap_or(&nothing);
    let now = evidence.received_at_ms;
    for (fact, claim) in accounts.iter_mut().zip(&evidence.claims.accounts) {
        let key = claim.account.comparison_key();
        fact.seen_before = known.accounts.get(&key).is_some_and(|seen| seen.ever());
        if let Some(holders) = answer.elsewhere.get(&key) {
            fact.elsewhere_suppliers = holders.suppliers;
            fact.elsewhere_senders = holders.others;
        }
    }
    let sender = answer.author.and(answer.domain);
    let foreign = accounts.iter().filter(|fact| fact.status != AccountStatus::Own).count();
    let times = times_usual(evidence, known);
    let make = new_make(evidence, known);
    HistoryFacts {
        available: true,
        since_days: days_between(answer.all, now),
        first_contact: senders.author().is_some() && !answer.author.ever(),
        new_domain: senders.author().is_some() && !sender.ever(),
        messages: answer.author.times,
        known_days: days_between(sender, now),
        dormant_days: if sender.ever() { days(sender.last_ms, now) } else { 0 },
        supplier_messages: known.seen.times,
        sender_new_to_supplier: known.seen.times >= HABIT && !known.author.ever(),
        reply_to_new: reply_to(senders).is_some() && !answer.reply_to.ever() && !known.reply_to.ever(),
        platform_new: known.seen.times >= HABIT
            && platform_of(&evidence.message.message_id).is_some()
            && !known.platform.ever(),
        document_make_new: make.is_some(),
        document_make: make.unwrap_or_default().to_owned(),
        accounts_seen_before: foreign > 0
            && accounts.iter().all(|fact| fact.seen_before || fact.status == AccountStatus::Own),
        known_accounts: known.known_accounts,
        amount_unusual: times.is_some_and(|(_, unusual)| unusual),
        amount_times_usual: times.map_or(0, |(times, _)| times),
        day_unusual: day_unusual(now, known),
        delay_unusual: delay(evidence).is_some_and(|delay| delay_unusual(delay, &known.delays)),
        thread_known: answer.known_references > 0,
        invoice_resent: invoices(answer).any(|invoice| invoice.seen.ever()),
        invoice_resent_with_other_account: foreign > 0
            && invoices(answer).any(|invoice| invoice.with_accounts && !invoice.with_this_account),
    }
}

/// Of every party that anything in the message leads to: who claims a supplier's name is measured by that supplier's
/// invoices.
fn invoices(answer: &HistoryAnswer) -> impl Iterator<Item = &InvoiceHistory> {
    answer.parties.values().flat_map(|party| party.invoices.values())
}

/// Whose habits a message is measured by: the identified supplier's, else those of whoever writes.
fn party(senders: &Senders, suppliers: &Suppliers) -> Option<Party> {
    let supplier = suppliers.identified.first().map(|hit| Party::Supplier(hit.id.clone()));
    let author = || senders.author().map(|author| Party::of_author(author, is_free_mail(author.domain())));
    supplier.or_else(author)
}

fn reply_to(senders: &Senders) -> Option<&EmailAddress> {
    senders.reply_to.iter().find(|address| senders.author() != Some(*address))
}

fn days(from_ms: i64, to_ms: i64) -> i64 {
    (to_ms.saturating_sub(from_ms) / DAY_MS).max(0)
}

fn days_between(seen: Seen, now: i64) -> i64 {
    if seen.ever() { days(seen.first_ms, now) } else { 0 }
}

/// The largest amount as a multiple of the party's median in that currency, and whether it is far above what is usual:
/// more than two octaves and three times the spread of the middle half.
fn times_usual(evidence: &Evidence, known: &PartyHistory) -> Option<(i64, bool)> {
    let of_one = |money: &Money| {
        let usual = known.amounts.get(&money.currency).filter(|usual| usual.total() >= HABIT)?;
        let median = usual.percentile(50)?;
        let spread = usual.percentile(75)?.saturating_sub(usual.percentile(25)?);
        let above = log_step(money.minor).saturating_sub(median);
        let octaves = u32::try_from(above / 4).unwrap_or(0).min(30);
        Some((1_i64 << octaves, above > FAR.max(spread.saturating_mul(3))))
    };
    largest(&evidence.claims.amounts).iter().filter_map(of_one).max()
}

/// The largest amount of each currency, at most [`limits::HISTORY_CURRENCIES`].
fn largest(amounts: &[Money]) -> Vec<Money> {
    let mut by_currency: BTreeMap<&str, i64> = BTreeMap::new();
    for money in amounts.iter().filter(|money| money.minor > 0) {
        let most = by_currency.entry(&money.currency).or_default();
        *most = money.minor.max(*most);
    }
    let largest = by_currency.into_iter().take(limits::HISTORY_CURRENCIES);
    largest.map(|(currency, minor)| Money { minor, currency: currency.to_owned() }).collect()
}

/// The make of a document that names an account, where the party's documents are always made in other ways.
fn new_make<'e>(evidence: &'e Evidence, known: &PartyHistory) -> Option<&'e str> {
    let usual = known.makes.len() <= MAKES && known.makes.values().any(|seen| seen.times >= HABIT);
    let makes = evidence.claims.makes().into_iter().take(limits::HISTORY_MAKES);
    makes.filter(|_| usual).find(|make| !known.makes.contains_key(*make))
}

/// A party with a calendar, and none of its messages came within three days of this day of the month.
fn day_unusual(now_ms: i64, known: &PartyHistory) -> bool {
    let Some(date) = date(now_ms) else { return false };
    let day = i64::from(date.day());
    let near = |other: &i64| {
        let apart = (day - other).abs();
        apart.min(31 - apart) <= 3
    };
    known.days.total() >= CALENDAR && !known.days.0.keys().any(near)
}

fn date(ms: i64) -> Option<time::OffsetDateTime> {
    time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).ok()
}

fn delay(evidence: &Evidence) -> Option<i64> {
    let sent = evidence.message.date?;
    Some(evidence.received_at_ms.div_euclid(1_000).saturating_sub(sent))
}

/// Sixteen times slower than the slow ones of its messages, and by more than a quarter of an hour.
fn delay_unusual(delay: i64, usual: &Histogram) -> bool {
    let slow = usual.percentile(95).filter(|_| usual.total() >= HABIT);
    slow.is_some_and(|slow| delay > 900 && log_step(delay) > slow.saturating_add(16))
}

/// What this message will have taught once it is delivered or released.
///
/// `believed`: nothing spoke of danger. Otherwise only that somebody wrote is learned: whoever forges a supplier must
/// not shape that supplier's habits.
#[must_use]
pub fn lesson(evidence: &Evidence, facts: &Facts, believed: bool) -> Lesson {
    let senders = Senders::of(evidence);
    let author = senders.author();
    let message = &evidence.message;
    let free_mail = author.is_some_and(|author| is_free_mail(author.domain()));
    let own_party = || author.map(|author| Party::of_author(author, free_mail));
    let party = if facts.supplier.identified && !facts.supplier.ambiguous {
        Some(Party::Supplier(crate::model::SupplierId(facts.supplier.id.clone())))
    } else {
        own_party()
    };
    let foreign = |(claim, fact): (&AccountClaim, &AccountFact)| {
        (fact.status != AccountStatus::Own).then(|| claim.account.comparison_key())
    };
    let accounts = evidence.claims.accounts.iter().zip(&facts.accounts).filter_map(foreign);
    Lesson {
        org: evidence.organisation.id,
        at_ms: evidence.received_at_ms,
        author: author.cloned(),
        domain: author.filter(|_| !free_mail).and_then(registrable),
        reply_to: reply_to(&senders).cloned(),
        thread: thread(&message.message_id, &message.references),
        party: party.filter(|_| believed && !facts.sender.auth_failed),
        platform: platform_of(&message.message_id),
        makes: evidence.claims.makes().into_iter().take(limits::HISTORY_MAKES).map(str::to_owned).collect(),
        accounts: accounts.take(limits::HISTORY_ACCOUNTS).collect(),
        amounts: largest(&evidence.claims.amounts),
        invoices: folded_invoices(&evidence.claims.invoice_numbers),
        delay_s: delay(evidence),
    }
}

fn registrable(author: &EmailAddress) -> Option<crate::model::Domain> {
    crate::model::Domain::parse(author.domain().registrable()).ok()
}

/// Folded invoice numbers, each once, at most [`limits::HISTORY_INVOICES`].
fn folded_invoices(numbers: &[String]) -> Vec<String> {
    let folded: std::collections::BTreeSet<String> =
        numbers.iter().filter_map(|number| fold_invoice_number(number)).collect();
    folded.into_iter().take(limits::HISTORY_INVOICES).collect()
}

fn thread(own: &str, references: &[String]) -> Vec<String> {
    let own = own.trim().trim_start_matches('<').trim_end_matches('>');
    let mut ids: Vec<String> = Vec::new();
    for id in std::iter::once(own).chain(references.first().map(String::as_str)) {
        if !id.is_empty() && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party_with(amounts: &[i64]) -> PartyHistory {
        let mut histogram = Histogram::default();
        for minor in amounts {
            *histogram.0.entry(log_step(*minor)).or_default() += 1;
        }
        PartyHistory { amounts: BTreeMap::from([("GBP".to_owned(), histogram)]), ..PartyHistory::default() }
    }

    #[test]
    fn amounts_are_measured_by_median_and_spread() {
        let usual = [10_000, 11_000, 12_000, 13_000, 14_000];
        type Row<'a> = (&'a str, &'a [i64], i64, Option<(i64, bool)>);
        let rows: [Row<'_>; 5] = [
            ("too little history", &usual[..4], 90_000_000, None),
            ("usual", &usual, 15_000, Some((1, false))),
            ("five times", &usual, 60_000, Some((4, true))),
            ("a hundred times", &usual, 1_200_000, Some((64, true))),
            ("wide habits", &[1_000, 5_000, 20_000, 100_000, 400_000], 900_000, Some((32, false))),
        ];
        for (name, before, minor, expected) in rows {
            let mut evidence = super::super::tests::plain_evidence();
            evidence.claims.amounts = vec![Money { minor, currency: "GBP".to_owned() }];
            assert_eq!(times_usual(&evidence, &party_with(before)), expected, "{name}");
        }
    }

    #[test]
    fn makes_need_a_habit_of_few_makes_and_an_account() {
        use crate::model::{Account, DocumentReport, PartKind, Place, Scheme};
        let account = Account::from_canonical(Scheme::Uk, *b"GB", "60161331926819").unwrap();
        let place = |name: &str| Place { name: Some(name.to_owned()), ..Place::of(PartKind::Attachment, 1) };
        let (valid, disguised) = (Some(true), false);
        let claim = AccountClaim { account, valid, place: place("a.pdf"), also_at: Vec::new(), disguised };
        let report = |name: &str, make: &str| DocumentReport {
            name: name.to_owned(),
            media_type: String::new(),
            read: true,
            error: None,
            make: Some(make.to_owned()),
        };
        let mut evidence = super::super::tests::plain_evidence();
        evidence.claims.accounts = vec![claim];
        evidence.claims.documents = vec![report("a.pdf", "other, A4"), report("terms.pdf", "printer, A4")];
        type Row<'a> = (&'a str, &'a [(&'a str, i64)], Option<&'a str>);
        let rows: [Row<'_>; 6] = [
            ("no history", &[], None),
            ("too little", &[("ledger, A4", 4)], None),
            ("a habit", &[("ledger, A4", 5)], Some("other, A4")),
            ("this make as well", &[("ledger, A4", 9), ("other, A4", 1)], None),
            ("two makes", &[("ledger, A4", 9), ("x", 3)], Some("other, A4")),
            ("many makes", &[("ledger, A4", 9), ("x", 3), ("y", 1), ("z", 1)], None),
        ];
        for (name, before, expected) in rows {
            let seen = |times: i64| Seen { times, ..Seen::default() };
            let makes = before.iter().map(|(make, times)| ((*make).to_owned(), seen(*times))).collect();
            let known = PartyHistory { makes, ..PartyHistory::default() };
            assert_eq!(new_make(&evidence, &known), expected, "{name}");
        }
    }

    #[test]
    fn days_wrap_around_the_month() {
        let known = PartyHistory { days: Histogram(BTreeMap::from([(1, 12)])), ..PartyHistory::default() };
        // 2026-11-30, 2026-11-15 and 2026-11-04, noon.
        let noon = |day: i64| (1_793_534_400 + (day - 1) * 86_400) * 1_000;
        for (day, unusual) in [(30, false), (15, true), (4, false), (5, true)] {
            assert_eq!(day_unusual(noon(day), &known), unusual, "{day}");
        }
        assert!(!day_unusual(noon(15), &PartyHistory::default()));
    }

    #[test]
    fn delays_need_a_habit_and_a_quarter_of_an_hour() {
        let quick = Histogram(BTreeMap::from([(log_step(4), 5)]));
        for (delay, unusual) in [(5, false), (600, false), (86_400, true), (-10, false)] {
            assert_eq!(delay_unusual(delay, &quick), unusual, "{delay}");
        }
        assert!(!delay_unusual(86_400, &Histogram::default()));
    }
}
