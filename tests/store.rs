//! What is kept, on a real database file: sealed, deduplicated, audited, and told apart by organisation.

#![deny(dead_code)]

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

async fn held_mail_comes_back_as_it_was(on: Backend) {
    let kit = kit(on).await;
    let mail = kit.mail(kit.org, "k1");
    let outcome = kit.store.hold(mail.clone(), vec![kit.notice(kit.org)]).await.unwrap();
    assert_eq!(outcome, HoldOutcome::New(mail.summary.id));
    let entry = kit.store.held_entry(kit.org, outcome.id()).await.unwrap().unwrap();
    assert_eq!(entry.summary, mail.summary);
    assert_eq!((entry.findings, entry.envelope), (mail.findings, mail.envelope));
    assert_eq!(entry.outbox.len(), 1);
    assert_eq!(kit.store.held(kit.org, &[], None).await.unwrap(), vec![mail.summary]);
    assert_eq!(kit.store.held_body(kit.org, outcome.id()).await.unwrap(), Some(mail.octets));
    assert_eq!(kit.store.held_count().await.unwrap(), 1);
}

async fn lists_go_newest_first_page_by_page_and_filter_by_state(on: Backend) {
    let kit = kit(on).await;
    let (a, b, c) = (kit.hold("a").await, kit.hold("b").await, kit.hold("c").await);
    kit.store.reject(kit.org, b, Some("fraud"), "operator").await.unwrap();
    let ids = |rows: Vec<HeldSummary>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(kit.store.held(kit.org, &[], None).await.unwrap()), [c, a]);
    assert_eq!(ids(kit.store.held(kit.org, &[], Some(c)).await.unwrap()), [a]);
    assert_eq!(ids(kit.store.held(kit.org, &[HeldState::Rejected], None).await.unwrap()), [b]);
    assert_eq!(ids(kit.store.held(kit.org, &HeldState::ALL, None).await.unwrap()), [c, b, a]);
}

/// A 250 for a duplicate says that its octets are here, even if the disk lost the older copy.
async fn a_duplicate_brings_back_a_body_that_was_lost(on: Backend) {
    let kit = kit(on).await;
    let first = kit.hold("same").await;
    let bodies = Bodies::new(kit.folder.path());
    bodies.delete(kit.org, first).await.unwrap();
    assert!(kit.store.held_body(kit.org, first).await.is_err(), "lost");
    let mail = kit.mail(kit.org, "same");
    let again = kit.store.hold(mail.clone(), Vec::new()).await.unwrap();
    assert_eq!(again, HoldOutcome::Duplicate(first));
    assert_eq!(kit.store.held_body(kit.org, first).await.unwrap(), Some(mail.octets));
}

async fn the_same_message_twice_is_one_entry_until_it_is_decided(on: Backend) {
    let kit = kit(on).await;
    let first = kit.hold("same").await;
    let again = kit.store.hold(kit.mail(kit.org, "same"), vec![kit.notice(kit.org)]).await.unwrap();
    assert_eq!(again, HoldOutcome::Duplicate(first));
    assert_eq!((kit.bodies(kit.org), kit.count("SELECT COUNT(*) FROM outbox").await), (1, 0));
    for decided in [HeldState::Rejected, HeldState::Deleted, HeldState::Released] {
        let id = kit.store.held(kit.org, &[HeldState::Held], None).await.unwrap()[0].id;
        match decided {
            HeldState::Rejected => kit.store.reject(kit.org, id, None, "operator").await.unwrap(),
            HeldState::Deleted => kit.store.delete(kit.org, id, "spam", "operator").await.unwrap(),
            _ => {
                kit.release(id, &[]).await.unwrap();
                let again = kit.store.hold(kit.mail(kit.org, "same"), Vec::new()).await.unwrap();
                assert_eq!(again, HoldOutcome::Duplicate(id), "being released is not decided yet");
                let item = kit.store.lease_outbox(&[]).await.unwrap().remove(0);
                let sent = SendResult::Sent("250 ok".to_owned());
                kit.store.finish_outbox(&item, &sent, &[]).await.unwrap();
            }
        }
        assert_eq!(kit.state(id).await, decided);
        let fresh = kit.store.hold(kit.mail(kit.org, "same"), Vec::new()).await.unwrap();
        assert!(matches!(fresh, HoldOutcome::New(new) if new != id), "after {decided:?}: {fresh:?}");
    }
}

async fn copies_handed_in_at_once_become_one_entry(on: Backend) {
    let kit = Arc::new(kit(on).await);
    let holds = (0..16).map(|_| {
        let kit = Arc::clone(&kit);
        tokio::spawn(
            async move { kit.store.hold(kit.mail(kit.org, "race"), vec![kit.notice(kit.org)]).await },
        )
    });
    let mut outcomes = Vec::new();
    for hold in holds.collect::<Vec<_>>() {
        outcomes.push(hold.await.unwrap().unwrap());
    }
    let new: Vec<_> = outcomes.iter().filter(|outcome| matches!(outcome, HoldOutcome::New(_))).collect();
    assert_eq!(new.len(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.id() == new[0].id()));
    assert_eq!(kit.bodies(kit.org), 1, "the bodies of the others are gone");
    assert_eq!(kit.count("SELECT COUNT(*) FROM outbox").await, 1);
    assert!(kit.store.held_body(kit.org, new[0].id()).await.unwrap().is_some());
}

async fn steps_follow_the_table_and_nothing_else(on: Backend) {
    let kit = kit(on).await;
    for (name, steps, forbidden) in [
        ("held", &[][..], &[HeldState::Approved][..]),
        ("claimed", &[HeldState::Claimed][..], &[HeldState::Claimed, HeldState::Expired][..]),
        (
            "given back",
            &[HeldState::Claimed, HeldState::Held][..],
            &[HeldState::Held, HeldState::Approved][..],
        ),
        (
            "approved",
            &[HeldState::Claimed, HeldState::Approved][..],
            &[HeldState::Held, HeldState::Claimed][..],
        ),
        ("expired", &[HeldState::Expired][..], &[HeldState::Held, HeldState::Claimed][..]),
    ] {
        let id = kit.hold(name).await;
        for step in steps {
            kit.store.transition(kit.org, id, *step, None, "operator").await.unwrap();
        }
        let before = kit.state(id).await;
        for step in forbidden {
            let refused = kit.store.transition(kit.org, id, *step, None, "operator").await;
            assert!(matches!(refused, Err(StoreError::Transition { .. })), "{name} to {step:?}: {refused:?}");
        }
        for step in [HeldState::Releasing, HeldState::Released, HeldState::Deleted, HeldState::Rejected] {
            let refused = kit.store.transition(kit.org, id, step, None, "operator").await;
            assert!(matches!(refused, Err(StoreError::Invalid(_))), "{name} to {step:?}");
        }
        assert_eq!(kit.state(id).await, before, "{name}");
    }
}

async fn deleting_takes_the_body_and_keeps_the_row(on: Backend) {
    let kit = kit(on).await;
    let id = kit.hold("k").await;
    assert!(matches!(kit.store.delete(kit.org, id, " ", "operator").await, Err(StoreError::Invalid(_))));
    kit.store.delete(kit.org, id, "not ours", "operator").await.unwrap();
    assert_eq!(kit.state(id).await, HeldState::Deleted);
    assert_eq!((kit.store.held_body(kit.org, id).await.unwrap(), kit.bodies(kit.org)), (None, 0));
    let gone = kit.store.export_held(kit.org, id, "operator").await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))));
    let refused = kit.release(id, &[]).await;
    assert!(matches!(refused, Err(StoreError::Transition { .. })), "{refused:?}");
}

async fn a_release_goes_to_a_subset_of_the_stored_envelope_only(on: Backend) {
    let kit = kit(on).await;
    let id = kit.hold("k").await;
    for to in ["stranger@acme.test", "accounts@evil.test"] {
        let refused = kit.release(id, &[email(to)]).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{to}: {refused:?}");
    }
    assert_eq!(kit.state(id).await, HeldState::Held);
    let sent_to = kit.release(id, &[email("SECOND@acme.test")]).await.unwrap();
    assert_eq!(sent_to.recipients.len(), 1);
    assert_eq!(kit.state(id).await, HeldState::Releasing);
    let items = kit.store.lease_outbox(&[]).await.unwrap();
    assert_eq!((items.len(), &items[0].envelope, items[0].quarantine_id), (1, &sent_to, Some(id)));
    let octets = kit.store.outbox_octets(&items[0]).await.unwrap().unwrap();
    assert_eq!(octets, kit.mail(kit.org, "k").octets);
    assert!(kit.release(id, &[]).await.is_err(), "it is being released already");
}

async fn a_leased_mail_returns_when_its_sender_dies_and_is_marked(on: Backend) {
    let kit = kit(on).await;
    kit.store.enqueue(&kit.notice(kit.org)).await.unwrap();
    let first = kit.store.lease_outbox(&[]).await.unwrap().remove(0);
    assert_eq!((first.attempt, first.maybe_twice), (1, false));
    assert!(kit.store.lease_outbox(&[]).await.unwrap().is_empty(), "leased to one sender");
    kit.clock.forward(limits::OUTBOX_LEASE);
    let second = kit.store.lease_outbox(&[]).await.unwrap().remove(0);
    assert_eq!((second.id, second.attempt, second.maybe_twice), (first.id, 2, true));
    let late = kit.store.finish_outbox(&first, &SendResult::Sent("250".to_owned()), &[]).await.unwrap();
    assert_eq!(late, None, "the first sender's lease is over");
    let state = kit.store.finish_outbox(&second, &SendResult::Sent("250".to_owned()), &[]).await.unwrap();
    assert_eq!(state, Some(OutboxState::Sent));
    assert_eq!(kit.store.outbox_counts().await.unwrap(), (0, 0));
}

async fn a_mail_is_tried_again_later_and_given_up_in_the_end(on: Backend) {
    let kit = kit(on).await;
    let id = kit.hold("k").await;
    kit.release(id, &[]).await.unwrap();
    let item = kit.store.lease_outbox(&[]).await.unwrap().remove(0);
    let retry = SendResult::Retry("451 accounts@acme.test busy".to_owned());
    assert_eq!(kit.store.finish_outbox(&item, &retry, &[]).await.unwrap(), Some(OutboxState::Pending));
    assert!(kit.store.lease_outbox(&[]).await.unwrap().is_empty(), "not before its time");
    kit.clock.forward(limits::OUTBOX_RETRY_FIRST);
    let item = kit.store.lease_outbox(&[]).await.unwrap().remove(0);
    let silent = SendResult::Uncertain("no answer after the data".to_owned());
    assert_eq!(kit.store.finish_outbox(&item, &silent, &[]).await.unwrap(), Some(OutboxState::Uncertain));
    assert_eq!(kit.state(id).await, HeldState::Releasing);
    let entry = kit.store.held_entry(kit.org, id).await.unwrap().unwrap();
    assert!(entry.outbox[0].maybe_twice);
    assert_eq!(entry.outbox[0].last_reply.as_deref(), Some("no answer after the data"));
    kit.clock.forward(limits::OUTBOX_LIFETIME);
    let item = kit.store.lease_outbox(&[]).await.unwrap().remove(0);
    assert!(item.last_try && item.maybe_twice);
    let state = kit.store.finish_outbox(&item, &retry, &[kit.notice(kit.org)]).await.unwrap();
    assert_eq!(state, Some(OutboxState::Failed));
    assert_eq!(kit.state(id).await, HeldState::Held, "it waits for a decision again");
    assert_eq!(kit.store.outbox_counts().await.unwrap(), (1, 1), "the notice waits, the release is visible");
    kit.release(id, &[]).await.unwrap();
}

async fn a_refused_release_is_held_again_and_a_sent_one_released(on: Backend) {
    let kit = kit(on).await;
    for (key, result, state, action) in [
        ("sent", SendResult::Sent("250 2.0.0".to_owned()), HeldState::Released, "quarantine.released"),
        ("refused", SendResult::Failed("550 5.1.1".to_owned()), HeldState::Held, "quarantine.release_failed"),
    ] {
        let id = kit.hold(key).await;
        kit.release(id, &[]).await.unwrap();
        let item = kit.store.lease_outbox(&[]).await.unwrap().remove(0);
        kit.store.finish_outbox(&item, &result, &[]).await.unwrap();
        assert_eq!(kit.state(id).await, state, "{key}");
        let audit = kit.store.audit(kit.org, 0).await.unwrap();
        let last = audit.last().unwrap();
        assert_eq!((last.action.as_str(), last.subject.as_str()), (action, id.to_string().as_str()), "{key}");
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

async fn the_book_finds_organisations_by_any_way_of_writing_an_address(on: Backend) {
    let kit = kit(on).await;
    let aliased = Membership::Mailbox(mailbox("Invoices@acme.test", &["rechnung@müller.test"]));
    kit.store.add_member(kit.org, &aliased, "operator").await.unwrap();
    let book = Book::new(Arc::clone(&kit.store));
    assert!(!book.is_loaded() && book.by_recipient(&email("accounts@acme.test")).is_none());
    assert!(book.refresh().await.unwrap());
    assert!(book.is_loaded() && book.is_fresh());
    for (address, found) in [
        ("accounts@acme.test", true),
        ("ACCOUNTS@Acme.Test", true),
        ("accounts+tag@acme.test", true),
        ("invoices@acme.test", true),
        ("Rechnung@MÜLLER.test", true),
        ("rechnung+2026@xn--mller-kva.test", true),
        ("other@acme.test", false),
        ("accounts@sub.acme.test", false),
        ("+accounts@acme.test", false),
    ] {
        let address = email(address);
        assert_eq!(book.by_recipient(&address).map(|org| org.id), found.then_some(kit.org), "{address}");
        assert_eq!(
            book.by_id(kit.org).unwrap().mailbox_for(&address).is_some(),
            found,
            "the model agrees on {address}"
        );
    }
    assert!(book.by_domain(&email("other@acme.test")).is_some());
    assert!(book.by_domain(&email("other@acme.example")).is_none());
}

async fn the_book_follows_changes_and_outlives_the_database(on: Backend) {
    let kit = kit(on).await;
    let book = Book::new(Arc::clone(&kit.store));
    assert!(book.refresh().await.unwrap());
    assert!(!book.refresh().await.unwrap(), "nothing changed");
    kit.store.set_organisation(kit.org, &OrgSetting::Mode(Mode::Tag), "operator").await.unwrap();
    assert!(book.refresh().await.unwrap());
    assert_eq!(book.by_id(kit.org).unwrap().mode, Mode::Tag);
    kit.store.database().close().await;
    assert!(book.refresh().await.is_err());
    assert!(!book.is_fresh() && book.by_recipient(&email("accounts@acme.test")).is_some());
}

async fn a_rotated_ingress_token_overlaps_and_then_ends(on: Backend) {
    let kit = kit(on).await;
    let book = Book::new(Arc::clone(&kit.store));
    let tokens = |book: &Book| -> Vec<String> {
        let org = book.by_id(kit.org).unwrap();
        org.ingress_tokens.iter().map(|token| token.expose_secret().to_owned()).collect()
    };
    book.refresh().await.unwrap();
    let first = tokens(&book);
    let second = kit.store.rotate_ingress_token(kit.org, "operator").await.unwrap();
    book.refresh().await.unwrap();
    assert_eq!(tokens(&book).len(), 2);
    assert!(tokens(&book).contains(&first[0]));
    kit.clock.forward(limits::TOKEN_OVERLAP);
    assert!(book.refresh().await.unwrap(), "an expired token is a change");
    assert_eq!(tokens(&book), [second.expose_secret()]);
    for _ in 0..3 {
        kit.store.rotate_ingress_token(kit.org, "operator").await.unwrap();
    }
    book.refresh().await.unwrap();
    assert_eq!(tokens(&book).len(), 2, "never more than two");
    let before = book.by_id(kit.org).unwrap().return_token.clone().unwrap();
    let after = kit.store.rotate_return_token(kit.org, "operator").await.unwrap();
    book.refresh().await.unwrap();
    let now = book.by_id(kit.org).unwrap().return_token.clone().unwrap();
    assert_eq!(now.expose_secret(), after.expose_secret());
    assert_ne!(now.expose_secret(), before.expose_secret());
}

async fn an_organisation_is_kept_whole(on: Backend) {
    let kit = kit(on).await;
    let executive = Executive { name: "Ada Lovelace".to_owned(), addresses: vec![email("ada@acme.test")] };
    let account = Account::from_canonical(Scheme::Uk, *b"GB", "60161331926819").unwrap();
    let box_with_alias = mailbox("pay@acme.test", &["bills@acme.example"]);
    for member in [
        Membership::Mailbox(box_with_alias.clone()),
        Membership::Executive(executive.clone()),
        Membership::OwnAccount(account.clone()),
    ] {
        kit.store.add_member(kit.org, &member, "operator").await.unwrap();
    }
    for setting in [
        OrgSetting::SubjectPrefix(Some("[check]".to_owned())),
        OrgSetting::NextHop(Some(NextHopAddress {
            host: "127.0.0.1".to_owned(),
            port: 2525,
            tls: NextHopTls::None,
        })),
        OrgSetting::ClientCertificate(Some(("c.pem".to_owned(), "k.pem".to_owned()))),
    ] {
        kit.store.set_organisation(kit.org, &setting, "operator").await.unwrap();
    }
    let org = kit.store.organisation_named("Acme").await.unwrap().unwrap();
    assert_eq!(org.mailboxes, [mailbox("accounts@acme.test", &[]), box_with_alias.clone()]);
    assert_eq!(org.executives, [executive]);
    assert_eq!(org.domains.iter().map(|d| d.as_str()).collect::<Vec<_>>(), ["acme.example", "acme.test"]);
    assert_eq!(org.tenant_id.as_deref(), Some("0a1b2c3d-0000-4000-8000-000000000000"));
    assert_eq!(org.next_hop.unwrap().port, 2525);
    assert_eq!(org.client_certificate, Some(("c.pem".to_owned(), "k.pem".to_owned())));
    assert_eq!(org.admin_emails, [email("admin@example.com")]);
    assert_eq!((org.subject_prefix.as_deref(), org.directory_generation), (Some("[check]"), 2));
    assert_eq!(kit.store.own_accounts(kit.org).await.unwrap()[0].1, account);
    let taken = kit.store.create_organisation(new_organisation("Acme", "x@y.test"), "operator").await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    let taken =
        kit.store.create_organisation(new_organisation("Thief", "Bills@acme.example"), "operator").await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    assert!(kit.store.organisation_named("Thief").await.unwrap().is_none(), "nothing of it stays");
    let wrong = OrgSetting::TenantId(Some("not a guid".to_owned()));
    assert!(matches!(kit.store.set_organisation(kit.org, &wrong, "o").await, Err(StoreError::Invalid(_))));
    kit.store.remove_member(kit.org, &Membership::Mailbox(box_with_alias.clone()), "operator").await.unwrap();
    let again = kit.store.remove_member(kit.org, &Membership::Mailbox(box_with_alias), "operator").await;
    assert!(matches!(again, Err(StoreError::NotFound("mailbox"))));
}

async fn passwords_are_checked_per_user(on: Backend) {
    let kit = kit(on).await;
    let (admin, other) = (email("Admin@example.com"), email("other@example.com"));
    let secret = |text: &str| secrecy::SecretString::from(text.to_owned());
    kit.store.set_admin_password(kit.org, &admin, secret("a long password"), "operator").await.unwrap();
    for (who, password, fits) in
        [(&admin, "a long password", true), (&admin, "another", false), (&other, "a long password", false)]
    {
        assert_eq!(kit.store.check_password(kit.org, who, secret(password)).await.unwrap(), fits, "{who}");
    }
    assert_eq!(kit.store.organisation(kit.org).await.unwrap().unwrap().admin_emails.len(), 1);
}

async fn what_a_crash_left_in_the_folder_is_swept_once_old(on: Backend) {
    let kit = kit(on).await;
    let id = kit.hold("k").await;
    let bodies = Bodies::new(kit.folder.path());
    let orphan = QuarantineId(kit.store.ids().ulid());
    bodies.write(kit.org, orphan, b"sealed".to_vec()).await.unwrap();
    assert_eq!(kit.store.sweep_bodies(kit.org).await.unwrap(), 0, "it may be a hold in progress");
    kit.clock.forward(limits::ORPHAN_AGE * 2);
    assert_eq!(kit.store.sweep_bodies(kit.org).await.unwrap(), 1);
    assert_eq!(kit.bodies(kit.org), 1);
    assert!(kit.store.held_body(kit.org, id).await.unwrap().is_some());
}

fn record(kit: &Kit, org: OrgId) -> MessageRecord {
    MessageRecord {
        id: MailId(kit.store.ids().ulid()),
        org,
        received_at_ms: kit.clock.now_ms(),
        action: "deliver",
        severity: "none",
        score: 0,
        category: "invoice",
        codes: String::new(),
        ruleset: "0123456789abcdef".to_owned(),
        size: 40_000,
        facts: vec![b'f'; 600],
    }
}

async fn every_intent_is_there_when_it_is_answered_and_every_outcome_at_the_end(on: Backend) {
    let kit = Arc::new(kit(on).await);
    let (journal, writing) = JournalWriter::start(kit.store.database().clone(), CancellationToken::new());
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (journal, kit) = (journal.clone(), Arc::clone(&kit));
            tokio::spawn(async move {
                let record = record(&kit, kit.org);
                let id = record.id;
                journal.intend(record.clone(), number % 10 == 0).await.unwrap();
                let sql = "SELECT COUNT(*) FROM messages WHERE id = $1 AND outcome IS NULL";
                let there: i64 = sqlx::query_scalar(sql)
                    .bind(id.to_string())
                    .fetch_one(&mut *kit.store.database().scope(kit.org).read().await.unwrap())
                    .await
                    .unwrap();
                assert_eq!(there, 1);
                journal.intend(record, false).await.unwrap();
                if number != 7 {
                    journal.outcome(kit.org, id, 250, "relayed");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    drop(journal);
    writing.await.unwrap();
    let row = sqlx::query("SELECT COUNT(*), COUNT(outcome), MIN(reply_code) FROM messages");
    let row = row.fetch_one(&mut kit.place.peek().await).await.unwrap();
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1), row.get::<i64, _>(2)), (200, 199, 250));
    let later = kit.clock.now_ms() + 1;
    let (open, count) = kit.store.database().open_intents(later).await.unwrap();
    assert_eq!((open.len(), count, open[0].org), (1, 1, kit.org));
    assert_eq!(kit.store.database().settle_intents(later).await.unwrap(), 1);
    assert_eq!(kit.store.database().open_intents(later).await.unwrap().1, 0);
}

async fn a_journal_without_a_database_refuses_the_intent(on: Backend) {
    let kit = kit(on).await;
    let stop = CancellationToken::new();
    let (journal, writing) = JournalWriter::start(kit.store.database().clone(), stop.clone());
    kit.store.database().close().await;
    let error = journal.intend(record(&kit, kit.org), true).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    stop.cancel();
    writing.await.unwrap();
    assert!(journal.intend(record(&kit, kit.org), false).await.unwrap_err().to_string().contains("closed"));
}

on_each_database! {
    held_mail_comes_back_as_it_was,
    lists_go_newest_first_page_by_page_and_filter_by_state,
    a_duplicate_brings_back_a_body_that_was_lost,
    the_same_message_twice_is_one_entry_until_it_is_decided,
    copies_handed_in_at_once_become_one_entry,
    steps_follow_the_table_and_nothing_else,
    deleting_takes_the_body_and_keeps_the_row,
    a_release_goes_to_a_subset_of_the_stored_envelope_only,
    a_leased_mail_returns_when_its_sender_dies_and_is_marked,
    a_mail_is_tried_again_later_and_given_up_in_the_end,
    a_refused_release_is_held_again_and_a_sent_one_released,
    nothing_readable_reaches_the_disk,
    audit_entries_are_chained_and_cannot_be_changed,
    one_organisation_finds_nothing_of_another,
    another_master_key_opens_nothing_and_says_so,
    the_book_finds_organisations_by_any_way_of_writing_an_address,
    the_book_follows_changes_and_outlives_the_database,
    a_rotated_ingress_token_overlaps_and_then_ends,
    an_organisation_is_kept_whole,
    passwords_are_checked_per_user,
    what_a_crash_left_in_the_folder_is_swept_once_old,
    every_intent_is_there_when_it_is_answered_and_every_outcome_at_the_end,
    a_journal_without_a_database_refuses_the_intent,
}
