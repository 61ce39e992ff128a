//! One message's questions: names to fingerprints, one statement, rows to an answer.

use super::marks::{Names, kind};
use crate::adapters::store::{Database, StoreError};
use crate::limits;
use crate::model::{AccountKey, Histogram, HistoryAnswer, HistoryQuery, OrgId, Party, PartyHistory, Seen};
use crate::ports::{Keyring, PortError};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Kinds of a party of which all details are read: each has few.
const WHOLE: [&str; 6] = [kind::SEEN, kind::ACCOUNT, kind::AMOUNT, kind::DAY, kind::WEEKDAY, kind::DELAY];

/// What a subject stands for.
#[derive(Clone)]
enum Subject {
    All,
    Author,
    Domain,
    ReplyTo,
    Thread,
    Party(Party),
    Invoice(Party, String),
}

/// A query under its fingerprints.
#[derive(Default)]
pub(super) struct Asked {
    subjects: BTreeMap<String, Subject>,
    parties: Vec<Party>,
    author: Option<String>,
    reply_to: Option<String>,
    platform: Option<String>,
    accounts: BTreeMap<String, AccountKey>,
}

struct Row {
    kind: String,
    detail: String,
    seen: Seen,
}

impl Asked {
    pub(super) fn name(keyring: &dyn Keyring, org: OrgId, query: HistoryQuery) -> Result<Self, PortError> {
        let names = Names { keyring, org };
        let mut asked = Self::default();
        asked.subjects.insert(names.organisation()?, Subject::All);
        if let Some(author) = &query.author {
            let print = names.address(author)?;
            asked.subjects.insert(print.clone(), Subject::Author);
            asked.author = Some(print);
        }
        if let Some(domain) = &query.domain {
            asked.subjects.insert(names.domain(domain.as_str())?, Subject::Domain);
        }
        if let Some(address) = &query.reply_to {
            let print = names.reply_to(address)?;
            asked.subjects.insert(print.clone(), Subject::ReplyTo);
            asked.reply_to = Some(print);
        }
        asked.platform = query.platform.as_deref().map(|platform| names.platform(platform)).transpose()?;
        for id in query.references.iter().take(limits::HISTORY_REFERENCES) {
            asked.subjects.insert(names.thread(id)?, Subject::Thread);
        }
        for key in query.accounts.into_iter().take(limits::HISTORY_ACCOUNTS) {
            asked.accounts.insert(names.account(&key)?, key);
        }
        for party in query.parties.into_iter().take(limits::HISTORY_PARTIES) {
            asked.subjects.insert(names.party(&party)?, Subject::Party(party.clone()));
            for number in query.invoices.iter().take(limits::HISTORY_INVOICES) {
                let subject = Subject::Invoice(party.clone(), number.clone());
                asked.subjects.insert(names.invoice(&party, number)?, subject);
            }
            asked.parties.push(party);
        }
        Ok(asked)
    }

    pub(super) async fn read(&self, database: &Database, org: OrgId) -> Result<HistoryAnswer, StoreError> {
        let mut answer = HistoryAnswer::default();
        for party in &self.parties {
            answer.parties.insert(party.clone(), PartyHistory::default());
        }
        let details: Vec<&String> =
            [&self.author, &self.reply_to, &self.platform].into_iter().flatten().collect();
        // The last value again up to a power of two: few different statements, each prepared once.
        let (subjects, marks) = (padded(self.subjects.keys()), padded(details.into_iter()));
        let mut sql = String::from(
            "SELECT subject, kind, detail, first_seen, last_seen, times FROM history WHERE org_id = $1 AND subject IN (",
        );
        list(&mut sql, 2, subjects.len());
        sql.push_str(") AND (kind IN ('thread'");
        for kind in WHOLE {
            // Writing into a String cannot fail.
            write!(sql, ", '{kind}'").ok();
        }
        sql.push(')');
        if !marks.is_empty() {
            sql.push_str(" OR detail IN (");
            list(&mut sql, subjects.len().saturating_add(2), marks.len());
            sql.push(')');
        }
        write!(sql, ") LIMIT {}", limits::HISTORY_ROWS).ok();
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
        for text in subjects.into_iter().chain(marks) {
            query = query.bind(text);
        }
        let mut read = database.scope(org).read().await?;
        let rows = query.fetch_all(&mut *read).await?;
        drop(read);
        for row in &rows {
            self.take(row, &mut answer)?;
        }
        Ok(answer)
    }

    fn take(&self, row: &AnyRow, answer: &mut HistoryAnswer) -> Result<(), StoreError> {
        let subject: String = row.try_get(0)?;
        let seen = Seen { first_ms: row.try_get(3)?, last_ms: row.try_get(4)?, times: row.try_get(5)? };
        let row = Row { kind: row.try_get(1)?, detail: row.try_get(2)?, seen };
        match self.subjects.get(&subject) {
            Some(Subject::All) => answer.all = seen,
            Some(Subject::Author) => answer.author = seen,
            Some(Subject::Domain) => answer.domain = seen,
            Some(Subject::ReplyTo) => answer.reply_to = seen,
            Some(Subject::Thread) => answer.known_references = answer.known_references.saturating_add(1),
            Some(Subject::Party(party)) => {
                if let Some(party) = answer.parties.get_mut(party) {
                    self.take_of_party(&row, party);
                }
            }
            Some(Subject::Invoice(party, number)) => {
                if let Some(party) = answer.parties.get_mut(party) {
                    self.take_of_invoice(&row, number, party);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn take_of_party(&self, row: &Row, party: &mut PartyHistory) {
        let is = |print: &Option<String>| print.as_ref() == Some(&row.detail);
        match row.kind.as_str() {
            kind::SEEN => party.seen = row.seen,
            kind::AUTHOR if is(&self.author) => party.author = row.seen,
            kind::REPLY_TO if is(&self.reply_to) => party.reply_to = row.seen,
            kind::PLATFORM if is(&self.platform) => party.platform = row.seen,
            kind::ACCOUNT => {
                party.known_accounts = party.known_accounts.saturating_add(1);
                if let Some(key) = self.accounts.get(&row.detail) {
                    party.accounts.insert(key.clone(), row.seen);
                }
            }
            kind::AMOUNT => {
                if let Some((currency, step)) = row.detail.split_once(':') {
                    count(party.amounts.entry(currency.to_owned()).or_default(), step, row.seen);
                }
            }
            kind::DAY => count(&mut party.days, &row.detail, row.seen),
            kind::WEEKDAY => count(&mut party.weekdays, &row.detail, row.seen),
            kind::DELAY => count(&mut party.delays, &row.detail, row.seen),
            _ => {}
        }
    }

    fn take_of_invoice(&self, row: &Row, number: &str, party: &mut PartyHistory) {
        let invoice = party.invoices.entry(number.to_owned()).or_default();
        match row.kind.as_str() {
            kind::SEEN => invoice.seen = row.seen,
            kind::ACCOUNT => {
                invoice.with_accounts = true;
                invoice.with_this_account |= self.accounts.contains_key(&row.detail);
            }
            _ => {}
        }
    }
}

fn count(histogram: &mut Histogram, value: &str, seen: Seen) {
    if let Ok(value) = value.parse() {
        histogram.0.insert(value, seen.times);
    }
}

fn padded<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut all: Vec<&String> = texts.collect();
    if let Some(last) = all.last().copied() {
        all.resize(all.len().next_power_of_two(), last);
    }
    all
}

/// `$first, $first+1, …`
fn list(sql: &mut String, first: usize, count: usize) {
    for number in first..first.saturating_add(count) {
        let comma = if number == first { "" } else { ", " };
        write!(sql, "{comma}${number}").ok();
    }
}
