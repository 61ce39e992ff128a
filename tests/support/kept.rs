//! A store with one of everything in it, and a clock that the test moves.

use super::backend::{Backend, Place};
use bytes::Bytes;
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::keyring::{LocalKeyring, MasterKey};
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{Durability, Membership, NewOrganisation, OrgSetting, ReleaseOrder, Store};
use sentra::adapters::suppliers::csv::{ParseOptions, parse};
use sentra::adapters::suppliers::feed::ListFeed;
use sentra::adapters::suppliers::import::ImportOptions;
use sentra::adapters::suppliers::records::SupplierRecords;
use sentra::model::{
    Account, Class, EmailAddress, Envelope, Executive, Family, Finding, FindingCode, HeldMail, HeldState,
    HeldSummary, HeldSupplier, MailParameters, Mode, OrgId, Preferences, ProtectedMailbox, QuarantineId,
    Recipient, ReversePath, Scheme, Severity, SupplierId, preference,
};
use sentra::ports::{Clock, Keyring as _, OutboxMail, QuarantineStore as _, SendResult};
use sqlx::AnyConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

pub const DAY: i64 = 86_400_000;
/// The master key of every kit, so that one can import what another exported.
pub const MASTER: [u8; 32] = [42; 32];

/// A clock that the test moves.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn days(&self, days: i64) {
        self.0.fetch_add(days * DAY, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub struct Kept {
    pub folder: tempfile::TempDir,
    pub store: Arc<Store>,
    pub clock: Arc<TestClock>,
    pub org: OrgId,
    /// Dropped last: the database goes with it.
    pub place: Place,
}

pub fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

pub fn envelope(from: &str, to: &[&str]) -> Envelope {
    let recipient = |text: &&str| Recipient { address: email(text), notify: None, orcpt: None };
    Envelope {
        reverse_path: ReversePath(Some(email(from))),
        parameters: MailParameters::default(),
        recipients: to.iter().map(recipient).collect(),
    }
}

/// A held message as a test wants it.
pub struct Mail<'a> {
    pub from: &'a str,
    pub to: &'a [&'a str],
    pub subject: &'a str,
    pub supplier: &'a str,
}

impl Default for Mail<'_> {
    fn default() -> Self {
        Self {
            from: "billing@supplier.test",
            to: &["accounts@acme.test"],
            subject: "Invoice 17",
            supplier: "S1",
        }
    }
}

impl Kept {
    /// One organisation, `Acme`, with its mailbox `accounts@acme.test`.
    pub async fn new(on: Backend) -> Self {
        Self::under(on, MASTER).await
    }

    /// Under another master key.
    pub async fn under(on: Backend, master: [u8; 32]) -> Self {
        let kept = Self::empty(on, master).await;
        let org = kept.organisation("Acme", "accounts@acme.test").await;
        Self { org, ..kept }
    }

    /// Without an organisation.
    pub async fn empty(on: Backend, master: [u8; 32]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = on.place(folder.path());
        let database = place.open().await;
        let clock = Arc::new(TestClock(AtomicI64::new(SystemClock.now_ms())));
        let keyring = Arc::new(LocalKeyring::new(&MasterKey::from_bytes(master)).unwrap());
        let (as_clock, ids) = (Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(UlidSource::new()));
        let store = Arc::new(Store::new(database, keyring, as_clock, ids, Bodies::new(folder.path())));
        Self { folder, store, clock, org: OrgId(ulid::Ulid::nil()), place }
    }

    /// Another organisation.
    pub async fn organisation(&self, name: &str, mailbox: &str) -> OrgId {
        let new = NewOrganisation {
            name: name.to_owned(),
            mode: Mode::Enforce,
            tenant_id: None,
            next_hop: None,
            mailboxes: vec![ProtectedMailbox { address: email(mailbox), aliases: Vec::new() }],
            admin_emails: vec![email(&format!("it@{}", mailbox.split('@').nth(1).unwrap()))],
        };
        self.store.create_organisation(new, "operator").await.unwrap().organisation.id
    }

    /// A look past every policy.
    pub async fn sql(&self) -> AnyConnection {
        self.place.peek().await
    }

    /// Statements past every policy, each for this organisation (`{org}`) and the kit's time (`{now}`).
    pub async fn put(&self, org: OrgId, statements: &[&str]) {
        let mut sql = self.sql().await;
        for statement in statements {
            let text = statement.replace("{org}", &org.to_string());
            let text = text.replace("{now}", &self.clock.now_ms().to_string());
            let done = sqlx::query(sqlx::AssertSqlSafe(text.clone())).execute(&mut sql).await;
            done.unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    /// Rows of one organisation in a table.
    pub async fn rows(&self, org: OrgId, table: &str) -> i64 {
        self.count(&format!("SELECT COUNT(*) FROM {table} WHERE org_id = '{org}'")).await
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()));
        query.fetch_one(&mut self.sql().await).await.unwrap()
    }

    /// Holds a message, with the record that the mail path writes before.
    pub async fn hold(&self, org: OrgId, mail: &Mail<'_>) -> QuarantineId {
        let id = QuarantineId(self.store.ids().ulid());
        let now = time::OffsetDateTime::from_unix_timestamp(self.clock.now_ms() / 1_000).unwrap();
        let summary = HeldSummary {
            id,
            state: HeldState::Held,
            received_at: now.format(&time::format_description::well_known::Rfc3339).unwrap(),
            mail_from: mail.from.to_owned(),
            recipients: mail.to.iter().map(|to| (*to).to_owned()).collect(),
            subject: mail.subject.to_owned(),
            message_id: format!("<{id}@supplier.test>"),
            severity: Severity::Danger,
            score: 90,
            codes: vec!["BANK_DETAILS_CHANGED".to_owned()],
            supplier: Some(HeldSupplier {
                id: SupplierId(mail.supplier.to_owned()),
                name: format!("Name of {}", mail.supplier),
            }),
            expires_at: None,
            size: 27,
        };
        let held = HeldMail {
            org,
            summary,
            findings: vec![Finding {
                code: FindingCode("BANK_DETAILS_CHANGED".to_owned()),
                severity: Severity::Danger,
                class: Class::Decisive,
                family: Family::Payment,
                text: format!("The account in the mail of {} is new.", mail.from),
                source: None,
            }],
            envelope: envelope(mail.from, mail.to),
            dedupe_key: format!("key of {id}"),
            ruleset: "0123456789abcdef".to_owned(),
            octets: Bytes::from(format!(
                "From: {}\r\nSubject: {}\r\n\r\nbody of {id}\r\n",
                mail.from, mail.subject
            )),
        };
        self.store.hold(held, Vec::new()).await.unwrap();
        let supplier = mail.supplier;
        self.record(org, &id.to_string(), mail.from, &format!("{{\"id\":\"{supplier}\"}}")).await;
        id
    }

    /// The record of a message, as the journal writes it. `supplier`: JSON.
    pub async fn record(&self, org: OrgId, id: &str, from: &str, supplier: &str) {
        let blind = self.store.keyring().fingerprint_text(org, "address", from).unwrap().to_hex();
        let facts = format!("{{\"sender\":{{\"address\":\"{blind}\"}},\"supplier\":{supplier}}}");
        let sealed =
            self.store.keyring().seal(org, &format!("messages.facts|{id}"), facts.as_bytes()).unwrap();
        let query = sqlx::query(
            "INSERT INTO messages (id, org_id, received_at, action, severity, score, category, codes, ruleset, size, \
             facts, reply_code, outcome) VALUES ($1, $2, $3, 'tag', 'caution', 30, 'invoice', 'X', 'r', 10, $4, 250, 'relayed')",
        );
        let query = query.bind(id).bind(org.to_string()).bind(self.clock.now_ms()).bind(sealed);
        self.store.database().scope(org).execute(Durability::Durable, query).await.unwrap();
    }

    /// A notice that was sent.
    pub async fn sent_notice(&self, org: OrgId, to: &str) {
        let mail = OutboxMail {
            org,
            envelope: envelope("sentra@gateway.test", &[to]),
            octets: Bytes::from(format!("Subject: notice\r\n\r\nfor {to}\r\n")),
            kind: "notice",
        };
        self.store.enqueue(&mail).await.unwrap();
        for item in self.store.lease_outbox(&[]).await.unwrap() {
            self.store.finish_outbox(&item, &SendResult::Sent("250 ok".to_owned()), &[]).await.unwrap();
        }
    }

    pub async fn release(&self, org: OrgId, id: QuarantineId) {
        let order = ReleaseOrder { to: &[], reason: "called back", actor: "operator", notices: Vec::new() };
        self.store.release(org, id, order).await.unwrap();
        for item in self.store.lease_outbox(&[]).await.unwrap() {
            self.store.finish_outbox(&item, &SendResult::Sent("250 ok".to_owned()), &[]).await.unwrap();
        }
    }

    /// The supplier directory.
    pub fn records(&self) -> SupplierRecords {
        SupplierRecords::new(
            self.store.database().clone(),
            Arc::clone(self.store.keyring()) as _,
            Arc::clone(self.store.clock()),
            Arc::clone(self.store.ids()),
        )
    }

    /// Suppliers by a file, as a batch; their accounts are not verified.
    pub async fn import(&self, org: OrgId, csv: &str) {
        let parsed = parse(csv.as_bytes(), ParseOptions { verified: false });
        assert_eq!(parsed.errors, []);
        let options = ImportOptions { actor: "operator", source: "test.csv", ..ImportOptions::default() };
        self.records().import(org, &mut ListFeed::new(parsed.suppliers), &options).await.unwrap();
    }

    /// Something in every table that an organisation has.
    pub async fn fill(&self, org: OrgId, domain: &str) {
        self.import(
            org,
            "supplier_id,name,domains,emails,phones,iban\n\
             S1,Supplier One,supplier.test,billing@supplier.test,+44 20 7946 0018,GB29NWBK60161331926819\n\
             S2,Supplier Two,second.test,hello@second.test,+44 20 7946 0019,DE89370400440532013000\n",
        )
        .await;
        let executive =
            Executive { name: "Ada Lovelace".to_owned(), addresses: vec![email(&format!("ada@{domain}"))] };
        let account = Account::from_canonical(Scheme::Uk, *b"GB", "20000055779911").unwrap();
        for member in [Membership::Executive(executive), Membership::OwnAccount(account)] {
            self.store.add_member(org, &member, "operator").await.unwrap();
        }
        let language =
            OrgSetting::MailboxLanguage(email(&format!("accounts@{domain}")), Some("de".to_owned()));
        self.store.set_organisation(org, &language, "operator").await.unwrap();
        let to = format!("accounts@{domain}");
        let mail = Mail { to: &[&to], ..Mail::default() };
        self.hold(org, &mail).await;
        let rejected = self.hold(org, &mail).await;
        self.store.reject(org, rejected, Some("fraud"), &format!("it@{domain}")).await.unwrap();
        let released = self.hold(org, &Mail { supplier: "S2", ..mail }).await;
        self.release(org, released).await;
        self.sent_notice(org, &format!("it@{domain}")).await;
        let clean = self.store.ids().ulid().to_string();
        self.record(org, &clean, "billing@supplier.test", "{\"id\":\"\"}").await;
        let mark = self.store.keyring().fingerprint_text(org, "history.address", "billing@supplier.test");
        let mark = mark.unwrap().to_hex();
        self.put(
            org,
            &[
                &format!(
                    "INSERT INTO history (org_id, subject, kind, detail, first_seen, last_seen, times) VALUES \
                     ('{{org}}', '{mark}', 'seen', '', {{now}}, {{now}}, 1)"
                ),
                &format!(
                    "INSERT INTO history_held (org_id, quarantine_id, held_at, marks) VALUES \
                     ('{{org}}', '{rejected}', {{now}}, '[]')"
                ),
                "INSERT INTO key_rotations (org_id, purpose, key_id, phase, done, total, started_at, updated_at) VALUES \
                 ('{org}', 'data', 1, 'done', 0, 0, {now}, {now})",
            ],
        )
        .await;
        let mut own = sentra::model::OwnRules::default();
        own.disabled.insert("MANY_AUTHORS".to_owned(), "noise".to_owned());
        let change = sentra::adapters::store::OwnRulesChange {
            action: sentra::adapters::audit::AuditAction::RulesDisable,
            subject: "MANY_AUTHORS",
            detail: serde_json::json!({}),
            private: None,
            actor: "operator",
        };
        self.store.change_own_rules(org, &own, change).await.unwrap();
        self.store
            .place_hold(org, &sentra::model::HoldScope::Entry(released), "evidence", "operator")
            .await
            .unwrap();
    }

    /// What the organisation has chosen, with these changes.
    pub fn keeping(changes: &[(&str, &str)]) -> Preferences {
        let mut chosen = Preferences::default();
        for (class, value) in changes {
            let known = preference(&format!("retention.{class}")).unwrap();
            assert!(known.values.allow(value), "{class}={value}");
            chosen.take_up(known.name, (*value).to_owned());
        }
        chosen
    }
}
