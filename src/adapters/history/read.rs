//! One message's questions: names to fingerprints, one statement, rows to an answer.
//!
//! A record that another was merged into is asked for under both ids, so that the history of the other counts for it,
//! invoices included. No mark is moved: an undone merge leaves each record with what was learned under its own id.

use super::marks::{Names, kind};
use crate::adapters::store::{Database, StoreError};
use crate::limits;
use crate::model::{
    AccountKey, Histogram, HistoryAnswer, HistoryQuery, OrgId, Party, PartyHistory, Seen, SupplierId,
};
use crate::ports::{Keyring, PortError};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Kinds of a party of which all details are read: each has few.
const WHOLE: [&str; 9] = [
    kind::SEEN,
    kind::MAKE,
    kind::ACCOUNT,
    kind::SUPPLIER,
    kind::HOLDER,
    kind::AMOUNT,
    kind::DAY,
    kind::WEEKDAY,
    kind::DELAY,
];

/// What a subject stands for.
#[derive(Clone)]
enum Subject {
    All,
    Author,
    Domain,
    ReplyTo,
    Thread,
    Account(AccountKey),
    Party(Party),
    Invoice(Party, String),
}

/// A query under its fingerprints.
#[derive(Default)]
pub(super) struct Asked {
    subjects: BTreeMap<String, Subject>,
    parties: Vec<Party>,
    invoices: Vec<String>,
    author: Option<String>,
    reply_to: Option<String>,
    platform: Option<String>,
    makes: BTreeMap<String, String>,
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
        for make in query.makes.into_iter().take(limits::HISTORY_MAKES) {
            asked.makes.insert(names.make(&make)?, make);
        }
        for id in query.references.iter().take(limits::HISTORY_REFERENCES) {
            asked.subjects.insert(names.thread(id)?, Subject::Thread);
        }
        for key in query.accounts.into_iter().take(limits::HISTORY_ACCOUNTS) {
            let print = names.account(&key)?;
            asked.subjects.insert(print.clone(), Subject::Account(key.clone()));
            asked.accounts.insert(print, key);
        }
        asked.invoices = query.invoices.into_iter().take(limits::HISTORY_INVOICES).collect();
        for party in query.parties.into_iter().take(limits::HISTORY_PARTIES) {
            asked.party(&names, &party, &party)?;
            asked.parties.push(party);
        }
        Ok(asked)
    }

    /// Asks for what was learned under the name `known`, for `party`.
    fn party(&mut self, names: &Names<'_>, known: &Party, party: &Party) -> Result<(), PortError> {
        self.subjects.insert(names.party(known)?, Subject::Party(party.clone()));
        for number in &self.invoices {
            let subject = Subject::Invoice(party.clone(), number.clone());
            self.subjects.insert(names.invoice(known, number)?, subject);
        }
        Ok(())
    }

    pub(super) async fn read(
        mut self,
        database: &Database,
        keyring: &dyn Keyring,
        org: OrgId,
    ) -> Result<HistoryAnswer, StoreError> {
        let mut read = database.scope(org).read().await?;
        for (former, now) in merged(&mut read, org, &self.parties).await? {
            self.party(&Names { keyring, org }, &former, &now)?;
        }
        self.rows(&mut read, org).await
    }

    async fn rows(&self, read: &mut AnyConnection, org: OrgId) -> Result<HistoryAnswer, StoreError> {
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
        let rows = query.fetch_all(read).await?;
        let mut known = BTreeSet::new();
        for row in &rows {
            self.take(row, &mut answer, &mut known)?;
        }
        Ok(answer)
    }

    /// `known`: the accounts counted so far; one that two merged records knew is one.
    fn take(
        &self,
        row: &AnyRow,
        answer: &mut HistoryAnswer,
        known: &mut BTreeSet<(Party, String)>,
    ) -> Result<(), StoreError> {
        let subject: String = row.try_get(0)?;
        let seen = Seen { first_ms: row.try_get(3)?, last_ms: row.try_get(4)?, times: row.try_get(5)? };
        let row = Row { kind: row.try_get(1)?, detail: row.try_get(2)?, seen };
        match self.subjects.get(&subject) {
            Some(Subject::All) => answer.all = seen,
            Some(Subject::Author) => answer.author = seen,
            Some(Subject::Domain) => answer.domain = seen,
            Some(Subject::ReplyTo) => answer.reply_to = seen,
            Some(Subject::Thread) => answer.known_references = answer.known_references.saturating_add(1),
            Some(Subject::Account(key)) => self.take_of_account(&row, key, answer),
            Some(Subject::Party(party)) => {
                let of = party.clone();
                if let Some(party) = answer.parties.get_mut(party) {
                    self.take_of_party(&row, party);
                    if row.kind == kind::ACCOUNT && known.insert((of, row.detail)) {
                        party.known_accounts = party.known_accounts.saturating_add(1);
                    }
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

    /// A party that is none of those the message leads to.
    fn take_of_account(&self, row: &Row, key: &AccountKey, answer: &mut HistoryAnswer) {
        if self.subjects.contains_key(&row.detail) {
            return;
        }
        let holders = answer.elsewhere.entry(key.clone()).or_default();
        let count = match row.kind.as_str() {
            kind::SUPPLIER => &mut holders.suppliers,
            kind::HOLDER => &mut holders.others,
            _ => return,
        };
        *count = count.saturating_add(1);
    }

    fn take_of_party(&self, row: &Row, party: &mut PartyHistory) {
        let is = |print: &Option<String>| print.as_ref() == Some(&row.detail);
        match row.kind.as_str() {
            kind::SEEN => party.seen = party.seen.and(row.seen),
            kind::AUTHOR if is(&self.author) => party.author = party.author.and(row.seen),
            kind::REPLY_TO if is(&self.reply_to) => party.reply_to = party.reply_to.and(row.seen),
            kind::PLATFORM if is(&self.platform) => party.platform = party.platform.and(row.seen),
            kind::MAKE => {
                let make = self.makes.get(&row.detail).unwrap_or(&row.detail);
                let seen = party.makes.entry(make.clone()).or_default();
                *seen = seen.and(row.seen);
            }
            kind::ACCOUNT => {
                if let Some(key) = self.accounts.get(&row.detail) {
                    let seen = party.accounts.entry(key.clone()).or_default();
                    *seen = seen.and(row.seen);
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
            kind::SEEN => invoice.seen = invoice.seen.and(row.seen),
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
        let times = histogram.0.entry(value).or_default();
        *times = times.saturating_add(seen.times);
    }
}

/// The records that were merged into suppliers among the parties, each beside the one that it became.
async fn merged(
    read: &mut AnyConnection,
    org: OrgId,
    parties: &[Party],
) -> Result<Vec<(Party, Party)>, StoreError> {
    let id = |party: &Party| match party {
        Party::Supplier(id) => Some(id.0.clone()),
        Party::Domain(_) | Party::Address(_) => None,
    };
    let suppliers: Vec<String> = parties.iter().filter_map(id).collect();
    let ids = padded(suppliers.iter());
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql =
        String::from("SELECT id, merged_into FROM suppliers WHERE org_id = $1 AND merged_into IN (");
    list(&mut sql, 2, ids.len());
    // Writing into a String cannot fail.
    write!(sql, ") ORDER BY updated_at DESC, id LIMIT {}", limits::HISTORY_MERGED).ok();
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
    for id in ids {
        query = query.bind(id);
    }
    let supplier = |id: String| Party::Supplier(SupplierId(id));
    let rows = query.fetch_all(read).await?;
    rows.iter().map(|row| Ok((supplier(row.try_get(0)?), supplier(row.try_get(1)?)))).collect()
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
