//! What a lesson becomes: marks with fingerprinted subjects and details.

use crate::limits;
use crate::model::{AccountKey, EmailAddress, Lesson, Money, OrgId, Party, log_step};
use crate::ports::{Keyring, PortError};
use time::OffsetDateTime;

/// The kinds of mark, as they stand in SQL. With each its subject → its detail.
pub(super) mod kind {
    /// Anything that is simply seen: organisation, address, domain, Reply-To, party, invoice → empty.
    pub(in crate::adapters::history) const SEEN: &str = "seen";
    /// Message id → empty. The only kind that is pruned by number and age here.
    pub(in crate::adapters::history) const THREAD: &str = "thread";
    /// Party → fingerprint of the author's address.
    pub(in crate::adapters::history) const AUTHOR: &str = "author";
    /// Party → fingerprint of the Reply-To address.
    pub(in crate::adapters::history) const REPLY_TO: &str = "reply_to";
    /// Party → fingerprint of the sending platform.
    pub(in crate::adapters::history) const PLATFORM: &str = "platform";
    /// Party → fingerprint of the make of a document.
    pub(in crate::adapters::history) const MAKE: &str = "make";
    /// Party or invoice → fingerprint of an account.
    pub(in crate::adapters::history) const ACCOUNT: &str = "account";
    /// Party → currency and step on the log scale (`GBP:61`); invoice → fingerprint of the amount.
    pub(in crate::adapters::history) const AMOUNT: &str = "amount";
    /// Account → fingerprint of a party that is a supplier on record.
    pub(in crate::adapters::history) const SUPPLIER: &str = "supplier";
    /// Account → fingerprint of a party that is not. Bare, so that the erasure of a person finds it.
    pub(in crate::adapters::history) const HOLDER: &str = "holder";
    /// Party → day of the month.
    pub(in crate::adapters::history) const DAY: &str = "day";
    /// Party → day of the week, 1 for Monday.
    pub(in crate::adapters::history) const WEEKDAY: &str = "weekday";
    /// Party → step on the log scale of seconds.
    pub(in crate::adapters::history) const DELAY: &str = "delay";
}

/// Every kind, for whoever goes through them all.
pub(in crate::adapters) const KINDS: [&str; 13] = [
    kind::SEEN,
    kind::THREAD,
    kind::AUTHOR,
    kind::REPLY_TO,
    kind::PLATFORM,
    kind::MAKE,
    kind::ACCOUNT,
    kind::AMOUNT,
    kind::SUPPLIER,
    kind::HOLDER,
    kind::DAY,
    kind::WEEKDAY,
    kind::DELAY,
];

/// One row without its numbers. Ordered, so that all writers take rows in the same order and none waits in a circle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(super) struct Mark {
    /// Hexadecimal fingerprint.
    pub(super) subject: String,
    pub(super) kind: String,
    pub(super) detail: String,
}

/// Fingerprints under one organisation's key, separated by what they are of.
pub(super) struct Names<'a> {
    pub(super) keyring: &'a dyn Keyring,
    pub(super) org: OrgId,
}

impl Names<'_> {
    fn text(&self, what: &str, text: &str) -> Result<String, PortError> {
        Ok(self.keyring.fingerprint_text(self.org, what, text)?.to_hex())
    }

    pub(super) fn organisation(&self) -> Result<String, PortError> {
        self.text("history.all", "")
    }

    pub(super) fn address(&self, address: &EmailAddress) -> Result<String, PortError> {
        self.text("history.address", &address.folded())
    }

    pub(super) fn domain(&self, domain: &str) -> Result<String, PortError> {
        self.text("history.domain", domain)
    }

    pub(super) fn reply_to(&self, address: &EmailAddress) -> Result<String, PortError> {
        self.text("history.reply_to", &address.folded())
    }

    pub(super) fn thread(&self, id: &str) -> Result<String, PortError> {
        self.text("history.thread", id)
    }

    pub(super) fn platform(&self, platform: &str) -> Result<String, PortError> {
        self.text("history.platform", platform)
    }

    pub(super) fn make(&self, make: &str) -> Result<String, PortError> {
        self.text("history.make", make)
    }

    pub(super) fn party(&self, party: &Party) -> Result<String, PortError> {
        self.text("history.party", &spelled(party))
    }

    pub(super) fn invoice(&self, party: &Party, number: &str) -> Result<String, PortError> {
        self.text("history.invoice", &format!("{number}|{}", spelled(party)))
    }

    fn money(&self, money: &Money) -> Result<String, PortError> {
        self.text("history.amount", &format!("{}|{}", money.currency, money.minor))
    }

    pub(super) fn account(&self, key: &AccountKey) -> Result<String, PortError> {
        Ok(self.keyring.fingerprint(self.org, key)?.to_hex())
    }
}

/// The fingerprints under which marks of an address stand: as author, as Reply-To, as a party of its own; under every key
/// that may still be on record. (Invoice numbers of such a party are fingerprinted together with it: without the
/// number nobody finds them, and they tell of nobody.)
///
/// # Errors
/// [`PortError`] when the organisation's keys are not loaded.
pub(in crate::adapters) fn prints_of_address(
    keyring: &dyn Keyring,
    org: OrgId,
    address: &EmailAddress,
) -> Result<Vec<String>, PortError> {
    let (folded, party) = (address.folded(), spelled(&Party::Address(address.clone())));
    let named = [("history.address", &folded), ("history.reply_to", &folded), ("history.party", &party)];
    let mut prints = Vec::new();
    for (kind, text) in named {
        prints.extend(keyring.fingerprints_text(org, kind, text)?.iter().map(|print| print.to_hex()));
    }
    Ok(prints)
}

/// The kind in front, so that a supplier named like a domain is none.
fn spelled(party: &Party) -> String {
    match party {
        Party::Supplier(id) => format!("supplier|{id}"),
        Party::Domain(domain) => format!("domain|{domain}"),
        Party::Address(address) => format!("address|{}", address.folded()),
    }
}

/// The marks of one lesson.
pub(super) fn of_lesson(keyring: &dyn Keyring, lesson: &Lesson) -> Result<Vec<Mark>, PortError> {
    let names = Names { keyring, org: lesson.org };
    let mut marks = Marks::default();
    marks.add(&names.organisation()?, kind::SEEN, "");
    if let Some(author) = &lesson.author {
        marks.add(&names.address(author)?, kind::SEEN, "");
    }
    if let Some(domain) = &lesson.domain {
        marks.add(&names.domain(domain.as_str())?, kind::SEEN, "");
    }
    if let Some(address) = &lesson.reply_to {
        marks.add(&names.reply_to(address)?, kind::SEEN, "");
    }
    for id in &lesson.thread {
        marks.add(&names.thread(id)?, kind::THREAD, "");
    }
    if let Some(party) = &lesson.party {
        of_party(&names, party, lesson, &mut marks)?;
    }
    Ok(marks.0)
}

fn of_party(names: &Names<'_>, party: &Party, lesson: &Lesson, marks: &mut Marks) -> Result<(), PortError> {
    let subject = names.party(party)?;
    marks.add(&subject, kind::SEEN, "");
    if let Some(author) = &lesson.author {
        marks.add(&subject, kind::AUTHOR, &names.address(author)?);
    }
    if let Some(address) = &lesson.reply_to {
        marks.add(&subject, kind::REPLY_TO, &names.reply_to(address)?);
    }
    if let Some(platform) = &lesson.platform {
        marks.add(&subject, kind::PLATFORM, &names.platform(platform)?);
    }
    for make in lesson.makes.iter().take(limits::HISTORY_MAKES) {
        marks.add(&subject, kind::MAKE, &names.make(make)?);
    }
    let accounts = lesson.accounts.iter().take(limits::HISTORY_ACCOUNTS);
    let accounts = accounts.map(|key| names.account(key)).collect::<Result<Vec<_>, _>>()?;
    let holder = if matches!(party, Party::Supplier(_)) { kind::SUPPLIER } else { kind::HOLDER };
    for account in &accounts {
        marks.add(&subject, kind::ACCOUNT, account);
        marks.add(account, holder, &subject);
    }
    for money in lesson.amounts.iter().take(limits::HISTORY_CURRENCIES) {
        marks.add(&subject, kind::AMOUNT, &format!("{}:{}", money.currency, log_step(money.minor)));
    }
    if let Ok(at) = OffsetDateTime::from_unix_timestamp(lesson.at_ms.div_euclid(1_000)) {
        marks.add(&subject, kind::DAY, &at.day().to_string());
        marks.add(&subject, kind::WEEKDAY, &at.weekday().number_from_monday().to_string());
    }
    if let Some(delay) = lesson.delay_s {
        marks.add(&subject, kind::DELAY, &log_step(delay).to_string());
    }
    for number in lesson.invoices.iter().take(limits::HISTORY_INVOICES) {
        let invoice = names.invoice(party, number)?;
        marks.add(&invoice, kind::SEEN, "");
        for account in &accounts {
            marks.add(&invoice, kind::ACCOUNT, account);
        }
        for money in lesson.amounts.iter().take(limits::HISTORY_CURRENCIES) {
            marks.add(&invoice, kind::AMOUNT, &names.money(money)?);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Marks(Vec<Mark>);

impl Marks {
    fn add(&mut self, subject: &str, kind: &str, detail: &str) {
        self.0.push(Mark { subject: subject.to_owned(), kind: kind.to_owned(), detail: detail.to_owned() });
    }
}
