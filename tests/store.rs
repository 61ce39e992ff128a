//! What is kept, on a real database file: sealed, deduplicated, audited, and told apart by organisation.

#![deny(dead_code)]

mod held;
mod journal;
mod organisations;

use crate::support::backend::{Backend, Place, on_each_database};
use bytes::Bytes;
use secrecy::ExposeSecret as _;
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::keyring::{LocalKeyring, MasterKey};
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{
    Book, ChainCheck, JournalWriter, Membership, NewOrganisation, OrgSetting, ReleaseOrder, Store, StoreError,
};
use sentra::limits;
use sentra::model::{
    Account, Class, EmailAddress, Envelope, Executive, Family, Finding, FindingCode, HeldMail, HeldState,
    HeldSummary, HeldSupplier, MailId, MailParameters, Mode, NextHopAddress, NextHopTls, OrgId,
    ProtectedMailbox, QuarantineId, Recipient, ReversePath, Scheme, Severity, SupplierId,
};
use sentra::ports::{
    Clock, HoldOutcome, Journal as _, MessageRecord, OrganisationBook as _, OutboxMail, OutboxState,
    QuarantineStore as _, SendResult,
};
use sqlx::Row as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio_util::sync::CancellationToken;

/// A clock that the test moves.
struct TestClock(AtomicI64);

impl TestClock {
    fn forward(&self, by: std::time::Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Kit {
    folder: tempfile::TempDir,
    place: Place,
    store: Arc<Store>,
    clock: Arc<TestClock>,
    org: OrgId,
}

const MASTER: [u8; 32] = [42; 32];

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn mailbox(address: &str, aliases: &[&str]) -> ProtectedMailbox {
    ProtectedMailbox { address: email(address), aliases: aliases.iter().map(|alias| email(alias)).collect() }
}

fn new_organisation(name: &str, address: &str) -> NewOrganisation {
    NewOrganisation {
        name: name.to_owned(),
        mode: Mode::Enforce,
        tenant_id: Some("0A1B2C3D-0000-4000-8000-000000000000".to_owned()),
        next_hop: Some(NextHopAddress {
            host: "mx.example.net".to_owned(),
            port: 25,
            tls: NextHopTls::Required,
        }),
        mailboxes: vec![mailbox(address, &[])],
        admin_emails: vec![email("admin@example.com")],
    }
}

async fn open(place: &Place, folder: &Path, clock: Arc<dyn Clock>, master: [u8; 32]) -> Store {
    let database = place.open().await;
    let keyring = Arc::new(LocalKeyring::new(&MasterKey::from_bytes(master)).unwrap());
    Store::new(database, keyring, clock, Arc::new(UlidSource::new()), Bodies::new(folder))
}

async fn kit(on: Backend) -> Kit {
    let folder = tempfile::tempdir().unwrap();
    let place = on.place(folder.path());
    let clock = Arc::new(TestClock(AtomicI64::new(SystemClock.now_ms())));
    let store = Arc::new(open(&place, folder.path(), Arc::clone(&clock) as Arc<dyn Clock>, MASTER).await);
    let created = store.create_organisation(new_organisation("Acme", "accounts@acme.test"), "operator").await;
    Kit { folder, place, store, clock, org: created.unwrap().organisation.id }
}

fn envelope(recipients: &[&str]) -> Envelope {
    let recipient = |text: &&str| Recipient { address: email(text), notify: None, orcpt: None };
    Envelope {
        reverse_path: ReversePath(Some(email("billing@supplier-secret.test"))),
        parameters: MailParameters::default(),
        recipients: recipients.iter().map(recipient).collect(),
    }
}

impl Kit {
    fn mail(&self, org: OrgId, dedupe_key: &str) -> HeldMail {
        HeldMail {
            org,
            summary: HeldSummary {
                id: QuarantineId(self.store.ids().ulid()),
                state: HeldState::Held,
                received_at: "2026-03-01T12:00:00.25Z".to_owned(),
                mail_from: "billing@supplier-secret.test".to_owned(),
                recipients: vec!["accounts@acme.test".to_owned(), "second@acme.test".to_owned()],
                subject: "Our Secret Subject".to_owned(),
                message_id: "<secret-id@supplier-secret.test>".to_owned(),
                severity: Severity::Danger,
                score: 90,
                codes: vec!["BANK_DETAILS_CHANGED".to_owned(), "URGENCY_LANGUAGE".to_owned()],
                supplier: Some(HeldSupplier {
                    id: SupplierId("S-1".to_owned()),
                    name: "Secret Ltd".to_owned(),
                }),
                expires_at: None,
                size: 27,
            },
            findings: vec![Finding {
                code: FindingCode("BANK_DETAILS_CHANGED".to_owned()),
                severity: Severity::Danger,
                class: Class::Decisive,
                family: Family::Payment,
                text: "Secret finding text".to_owned(),
                source: None,
            }],
            envelope: envelope(&["accounts@acme.test", "second@acme.test"]),
            dedupe_key: dedupe_key.to_owned(),
            ruleset: "0123456789abcdef".to_owned(),
            octets: Bytes::from_static(b"Subject: Secret\r\n\r\nIBAN GB29NWBK60161331926819\r\n"),
        }
    }

    fn notice(&self, org: OrgId) -> OutboxMail {
        OutboxMail {
            org,
            envelope: envelope(&["admin@example.com"]),
            octets: Bytes::from_static(b"Subject: secret notice\r\n\r\nheld\r\n"),
            kind: "notice",
        }
    }

    async fn hold(&self, dedupe_key: &str) -> QuarantineId {
        match self.store.hold(self.mail(self.org, dedupe_key), Vec::new()).await.unwrap() {
            HoldOutcome::New(id) => id,
            HoldOutcome::Duplicate(id) => panic!("{id} was held before"),
        }
    }

    async fn state(&self, id: QuarantineId) -> HeldState {
        self.store.held_entry(self.org, id).await.unwrap().unwrap().summary.state
    }

    async fn release(&self, id: QuarantineId, to: &[EmailAddress]) -> Result<Envelope, StoreError> {
        let order = ReleaseOrder { to, reason: "called back", actor: "operator", notices: Vec::new() };
        self.store.release(self.org, id, order).await
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.place.peek().await).await.unwrap()
    }

    fn bodies(&self, org: OrgId) -> usize {
        let folder = self.folder.path().join("objects").join(org.to_string());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

async fn nothing_readable_reaches_the_disk(on: Backend) {
    let kit = kit(on).await;
    let account = Account::from_canonical(Scheme::Iban, *b"DE", "DE89370400440532013000").unwrap();
    kit.store.add_member(kit.org, &Membership::OwnAccount(account), "operator").await.unwrap();
    let token = kit.store.rotate_ingress_token(kit.org, "operator").await.unwrap();
    let id = kit.hold("k").await;
    kit.store.hold(kit.mail(kit.org, "k2"), vec![kit.notice(kit.org)]).await.unwrap();
    kit.release(id, &[email("second@acme.test")]).await.unwrap();
    for item in kit.store.lease_outbox(&[]).await.unwrap() {
        let reply = SendResult::Retry("451 second@acme.test try later".to_owned());
        kit.store.finish_outbox(&item, &reply, &[]).await.unwrap();
    }
    if let Place::Postgres(database) = &kit.place {
        std::fs::write(kit.folder.path().join("dump.sql"), database.dump()).unwrap();
    }
    let mut files = vec![kit.folder.path().to_owned()];
    let mut checked = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let octets = std::fs::read(&path).unwrap();
        checked += octets.len();
        for secret in [
            "Secret",
            "supplier-secret",
            "secret-id",
            "secret notice",
            "GB29NWBK60161331926819",
            "60161331926819",
            "370400440532013000",
            "second@acme.test",
            "called back",
            token.expose_secret(),
        ] {
            let found = octets.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret:?} in {}", path.display());
        }
    }
    assert!(checked > 30_000, "only {checked} octets were looked at");
}

async fn audit_entries_are_chained_and_cannot_be_changed(on: Backend) {
    let kit = kit(on).await;
    let id = kit.hold("k").await;
    kit.release(id, &[]).await.unwrap();
    let entries = kit.store.audit(kit.org, 0).await.unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["org.create", "quarantine.hold", "quarantine.release"]);
    assert!(entries[2].private.as_deref().unwrap().contains("called back"));
    assert_eq!(kit.store.audit(kit.org, 2).await.unwrap().len(), 1);
    assert_eq!(kit.store.verify_audit(kit.org).await.unwrap(), ChainCheck::Intact(3));
    for sql in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "DELETE FROM organisations"] {
        let refused = sqlx::query(sql).execute(&mut kit.place.peek().await).await;
        assert!(refused.is_err(), "{sql}");
    }
    for (name, sql, broken) in [
        ("cut off", "DELETE FROM audit WHERE seq = 3", 3),
        ("altered", "UPDATE audit SET actor = 'nobody' WHERE seq = 2", 2),
        ("taken out", "DELETE FROM audit WHERE seq = 1", 1),
    ] {
        // Only whoever owns the tables gets so far.
        let disarmed: &[&str] = match kit.place.is_postgres() {
            true => &["ALTER TABLE audit DISABLE TRIGGER USER"],
            false => &["DROP TRIGGER IF EXISTS audit_no_update", "DROP TRIGGER IF EXISTS audit_no_delete"],
        };
        let mut peek = kit.place.peek().await;
        for sql in disarmed.iter().chain([&sql]) {
            sqlx::query(*sql).execute(&mut peek).await.unwrap();
        }
        assert_eq!(kit.store.verify_audit(kit.org).await.unwrap(), ChainCheck::Broken(broken), "{name}");
    }
}

async fn one_organisation_finds_nothing_of_another(on: Backend) {
    let kit = kit(on).await;
    let other = kit.store.create_organisation(new_organisation("Other", "pay@other.test"), "operator").await;
    let other = other.unwrap().organisation.id;
    let id = kit.hold("k").await;
    assert!(kit.store.held(other, &HeldState::ALL, None).await.unwrap().is_empty());
    assert!(kit.store.held_entry(other, id).await.unwrap().is_none());
    let order = || ReleaseOrder { to: &[], reason: "x", actor: "operator", notices: Vec::new() };
    for (name, result) in [
        ("body", kit.store.held_body(other, id).await.map(drop)),
        ("export", kit.store.export_held(other, id, "operator").await.map(drop)),
        ("release", kit.store.release(other, id, order()).await.map(drop)),
        ("reject", kit.store.reject(other, id, None, "operator").await),
        ("delete", kit.store.delete(other, id, "x", "operator").await),
    ] {
        assert!(matches!(result, Err(StoreError::NotFound(_))), "{name}: {result:?}");
    }
    assert_eq!(kit.state(id).await, HeldState::Held);
    let same_key = kit.store.hold(kit.mail(other, "k"), Vec::new()).await.unwrap();
    assert!(matches!(same_key, HoldOutcome::New(_)), "the same message at two organisations is two entries");
    // A sealed row carried over to the other organisation does not open there.
    let moved = sqlx::query("UPDATE quarantine SET org_id = $1, dedupe_key = 'm' WHERE id = $2");
    let moved = moved.bind(other.to_string()).bind(id.to_string());
    moved.execute(&mut kit.place.peek().await).await.unwrap();
    assert!(kit.store.held_entry(other, id).await.is_err());
}

async fn another_master_key_opens_nothing_and_says_so(on: Backend) {
    let kit = kit(on).await;
    let stranger =
        open(&kit.place, kit.folder.path(), Arc::clone(&kit.clock) as Arc<dyn Clock>, [1; 32]).await;
    let error = stranger.organisations().await.unwrap_err().to_string();
    assert!(error.contains("master key does not open") && error.contains("key file"), "{error}");
    let book = Book::new(Arc::new(stranger));
    assert!(book.refresh().await.is_err());
    assert!(!book.is_loaded());
}

on_each_database! {
    nothing_readable_reaches_the_disk,
    audit_entries_are_chained_and_cannot_be_changed,
    one_organisation_finds_nothing_of_another,
    another_master_key_opens_nothing_and_says_so,
}
