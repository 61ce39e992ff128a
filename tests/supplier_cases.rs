//! Verification cases: who may call, who may approve, on which number, and what becomes of the account.

use crate::suppliers::{FILE, World};
use crate::support::backend::{Backend, on_each_database};
use sentra::adapters::store::{Durability, Membership, StoreError};
use sentra::adapters::suppliers::cases::{CallOutcome, Person};
use sentra::adapters::suppliers::edit::EditStep;
use sentra::adapters::suppliers::rows::ValueKind;
use sentra::model::{AccountState, EmailAddress, SupplierId};

const CHANGE: &str = "supplier_id,name,iban\nS1,Acme Ltd,NL91ABNA0417164300\n";
const NEW: &str = "NL91ABNA0417164300";
const OLD: &str = "GB29NWBK60161331926819";

/// A world with suppliers whose numbers may be called, and two reviewers.
struct Desk {
    world: World,
    clerk: Person,
    head: Person,
    viewer: Person,
}

impl Desk {
    async fn on(on: Backend) -> Self {
        let world = World::on(on).await;
        world.import(FILE, false, false).await;
        world.age_numbers(31).await;
        let mut people = Vec::new();
        for name in ["clerk", "head", "viewer"] {
            let email = EmailAddress::parse(&format!("{name}@example.com")).unwrap();
            world.store.add_member(world.org, &Membership::Admin(email.clone()), "operator").await.unwrap();
            if name == "viewer" {
                let sql = "UPDATE users SET role = 'viewer' WHERE org_id = $1 AND folded = $2";
                let query = sqlx::query(sql).bind(world.org.to_string()).bind(email.folded());
                world.store.database().scope(world.org).execute(Durability::Durable, query).await.unwrap();
            }
            people.push(world.records.person(world.org, &email).await.unwrap());
        }
        let [clerk, head, viewer] = <[Person; 3]>::try_from(people).unwrap();
        Self { world, clerk, head, viewer }
    }

    /// The one open case.
    async fn case(&self) -> String {
        let cases = self.world.records.cases(self.world.org, &["open", "called"], None, 10).await.unwrap();
        assert_eq!(cases.len(), 1);
        cases[0].id.clone()
    }

    async fn call(&self, case: &str, outcome: CallOutcome, by: &Person) -> Result<&'static str, StoreError> {
        let done = self.world.records.call_back(self.world.org, case, None, outcome, "Ms Raman", by).await;
        done.map(|done| done.state)
    }

    async fn approve(&self, case: &str, by: &Person) -> Result<&'static str, StoreError> {
        self.world.records.approve(self.world.org, case, true, by).await.map(|done| done.state)
    }

    async fn reject(&self, case: &str, fraud: bool, by: &Person) -> Result<&'static str, StoreError> {
        self.world.records.reject(self.world.org, case, "not theirs", fraud, by).await.map(|done| done.state)
    }

    async fn state(&self, number: &str) -> AccountState {
        let found =
            self.world.records.get(self.world.org, &SupplierId("S1".to_owned())).await.unwrap().unwrap();
        found.accounts.iter().find(|a| a.account.reveal() == number).unwrap().state
    }
}

impl World {
    /// Makes all numbers this many days older.
    pub async fn age_numbers(&self, days: i64) {
        let sql = "UPDATE supplier_values SET added_at = added_at - $1 WHERE org_id = $2 AND kind = 'phone'";
        let query = sqlx::query(sql).bind(days * 86_400_000).bind(self.org.to_string());
        self.store.database().scope(self.org).execute(Durability::Durable, query).await.unwrap();
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict(what)) => what,
        other => panic!("{other:?}"),
    }
}

async fn two_people_verify_a_bank_change(on: Backend) {
    let desk = Desk::on(on).await;
    let report = desk.world.import(CHANGE, false, false).await;
    let case = desk.case().await;
    assert_eq!(report.changes[0].case.as_ref(), Some(&case));
    let detail = desk.world.records.case(desk.world.org, &case).await.unwrap().unwrap();
    assert_eq!((detail.case.kind.as_str(), detail.case.requested_by.as_str()), ("changed", "operator"));
    assert_eq!(detail.replaced().unwrap().account.account.reveal(), OLD);
    assert_eq!((detail.case.account.reveal(), desk.state(NEW).await), (NEW, AccountState::Pending));
    // The same file again opens nothing more.
    assert_eq!(desk.world.import(CHANGE, false, false).await.cases_opened, 0);

    assert!(refused(desk.approve(&case, &desk.head).await).contains("not called yet"));
    for nobody in [&Person::Operator, &desk.viewer] {
        assert!(desk.call(&case, CallOutcome::Confirmed, nobody).await.is_err());
        assert!(desk.approve(&case, nobody).await.is_err());
    }
    assert_eq!(desk.call(&case, CallOutcome::NoAnswer, &desk.clerk).await.unwrap(), "open");
    assert_eq!(desk.call(&case, CallOutcome::Confirmed, &desk.clerk).await.unwrap(), "called");
    assert!(refused(desk.approve(&case, &desk.clerk).await).contains("a second person"));
    assert_eq!(desk.state(NEW).await, AccountState::Pending);
    assert_eq!(desk.approve(&case, &desk.head).await.unwrap(), "approved");
    assert_eq!(
        (desk.state(NEW).await, desk.state(OLD).await),
        (AccountState::Verified, AccountState::Retired)
    );
    assert_eq!(refused(desk.reject(&case, true, &desk.clerk).await), "the case is approved already");

    let stored =
        desk.world.records.detail(desk.world.org, &SupplierId("S1".to_owned()), true).await.unwrap().unwrap();
    let new = stored.accounts.iter().find(|a| a.account.account.reveal() == NEW).unwrap();
    assert_eq!(new.verified_by.as_deref(), Some(desk.head.actor()));
    assert_eq!(new.verified_how, Some(format!("case:{case}")));
    let history = desk.world.records.state_changes(desk.world.org, &stored).await.unwrap();
    assert_eq!(history.len(), 2);
    let audit = desk.world.store.audit(desk.world.org, 0).await.unwrap();
    let steps: Vec<_> = audit.iter().filter(|e| e.subject == case).map(|e| e.action.as_str()).collect();
    assert_eq!(steps, ["case.call", "case.call", "case.approve"]);
    // The import can no longer be taken back: what it brought was decided since.
    let undo =
        desk.world.records.undo(desk.world.org, report.batch.as_ref().unwrap(), "operator").await.unwrap();
    assert!(matches!(undo, sentra::adapters::suppliers::undo::Undo::Refused(_)));
    let decision = new.verified_by.as_ref().map(|_| &history[0].batch).unwrap();
    let undo = desk.world.records.undo(desk.world.org, decision, "operator").await;
    assert!(refused(undo).contains("stands"));
}

async fn whoever_asked_cannot_approve(on: Backend) {
    let desk = Desk::on(on).await;
    desk.world.import("supplier_id,name,iban\nS2,Beta GmbH,NL91ABNA0417164300\n", false, false).await;
    let found = desk.world.records.get(desk.world.org, &SupplierId("S2".to_owned())).await.unwrap().unwrap();
    assert_eq!(found.accounts.len(), 2);
    let imported = desk.case().await;
    desk.reject(&imported, false, &Person::Operator).await.unwrap();
    let supplier = SupplierId("S2".to_owned());
    let stored = desk.world.records.detail(desk.world.org, &supplier, false).await.unwrap().unwrap();
    let account = stored.accounts[0].id.clone();
    let case = desk.world.records.open_case(desk.world.org, &supplier, &account, &desk.head).await.unwrap();
    let twice = desk.world.records.open_case(desk.world.org, &supplier, &account, &desk.clerk).await;
    assert!(refused(twice).contains("an open case"));
    desk.call(&case, CallOutcome::Confirmed, &desk.clerk).await.unwrap();
    assert!(refused(desk.approve(&case, &desk.head).await).contains("asked for it"));
    assert!(refused(desk.approve(&case, &desk.clerk).await).contains("made the call"));
}

async fn a_number_that_came_lately_verifies_nothing(on: Backend) {
    let desk = Desk::on(on).await;
    let supplier = SupplierId("S1".to_owned());
    let swap = [
        EditStep::Remove(ValueKind::Phone, "+44 20 1".to_owned()),
        EditStep::Add(ValueKind::Phone, "+44 20 66666".to_owned()),
    ];
    desk.world.records.edit(desk.world.org, &supplier, &swap, "operator").await.unwrap();
    desk.world.import(CHANGE, false, false).await;
    let case = desk.case().await;
    assert!(refused(desk.call(&case, CallOutcome::Confirmed, &desk.clerk).await).contains("long enough"));
    let number = desk.world.records.case(desk.world.org, &case).await.unwrap().unwrap().numbers[0].clone();
    assert!(!number.usable);
    let named = desk.world.records.call_back(
        desk.world.org,
        &case,
        Some(&number.id),
        CallOutcome::Confirmed,
        "",
        &desk.clerk,
    );
    assert!(refused(named.await).contains("too recently"));
    // Taken out and put back, a number starts anew: otherwise whoever knows it could make it young or old at will.
    let back = EditStep::Add(ValueKind::Phone, "0044 20 1".to_owned());
    desk.world.records.edit(desk.world.org, &supplier, &[back], "operator").await.unwrap();
    assert!(refused(desk.call(&case, CallOutcome::Confirmed, &desk.clerk).await).contains("long enough"));
    desk.world.age_numbers(29).await;
    assert!(desk.call(&case, CallOutcome::Confirmed, &desk.clerk).await.is_err());
    desk.world.age_numbers(1).await;
    assert!(refused(desk.call(&case, CallOutcome::Confirmed, &desk.clerk).await).contains("several numbers"));
    let named = desk.world.records.call_back(
        desk.world.org,
        &case,
        Some(&number.id),
        CallOutcome::Confirmed,
        "",
        &desk.clerk,
    );
    assert_eq!(named.await.unwrap().state, "called");
    // Whose number was taken off the record since cannot have been asked.
    let gone = EditStep::Remove(ValueKind::Phone, "+44 20 66666".to_owned());
    desk.world.records.edit(desk.world.org, &supplier, &[gone], "operator").await.unwrap();
    assert!(refused(desk.approve(&case, &desk.head).await).contains("no longer on the record"));
}

async fn the_first_record_of_a_vouched_file_has_numbers_at_once(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, true, false).await;
    world.import(CHANGE, false, false).await;
    let cases = world.records.cases(world.org, &["open"], None, 10).await.unwrap();
    let numbers = world.records.case(world.org, &cases[0].id).await.unwrap().unwrap().numbers;
    assert!(numbers[0].usable);
    world.import("supplier_id,name,phones\nS1,Acme Ltd,+44 20 66666\n", true, false).await;
    let numbers = world.records.case(world.org, &cases[0].id).await.unwrap().unwrap().numbers;
    let usable: Vec<_> = numbers.iter().map(|n| (n.number.as_str(), n.usable)).collect();
    assert_eq!(
        usable,
        [("+44 20 1", true), ("+44 20 66666", false)],
        "a later one waits, vouched for or not"
    );
}

async fn one_person_may_say_no(on: Backend) {
    let desk = Desk::on(on).await;
    desk.world.import(CHANGE, false, false).await;
    let case = desk.case().await;
    assert!(matches!(
        desk.world.records.reject(desk.world.org, &case, " ", true, &Person::Operator).await,
        Err(StoreError::Invalid(_))
    ));
    assert!(desk.reject(&case, true, &desk.viewer).await.is_err());
    assert_eq!(desk.reject(&case, true, &Person::Operator).await.unwrap(), "rejected");
    assert_eq!(
        (desk.state(NEW).await, desk.state(OLD).await),
        (AccountState::Blocked, AccountState::Verified)
    );
    // A rejected account stays so, whatever the ledger repeats; it opens no second case.
    let again = "supplier_id,name,iban,status\nS1,Acme Ltd,NL91ABNA0417164300,verified\n";
    assert_eq!(desk.world.import(again, false, false).await.cases_opened, 0);
    assert_eq!(desk.state(NEW).await, AccountState::Blocked);

    let desk = Desk::on(on).await;
    desk.world.import(CHANGE, false, false).await;
    let case = desk.case().await;
    assert_eq!(desk.call(&case, CallOutcome::Denied, &desk.clerk).await.unwrap(), "rejected");
    assert_eq!(desk.state(NEW).await, AccountState::Blocked);
}

async fn a_vouched_import_ends_the_case_and_an_undo_reopens_it(on: Backend) {
    let desk = Desk::on(on).await;
    desk.world.import(CHANGE, false, false).await;
    let case = desk.case().await;
    let vouched = desk.world.import(CHANGE, true, false).await;
    assert_eq!(desk.state(NEW).await, AccountState::Verified);
    let now = desk.world.records.case(desk.world.org, &case).await.unwrap().unwrap().case.state;
    assert_eq!(now, "withdrawn");
    desk.world.records.undo(desk.world.org, vouched.batch.as_ref().unwrap(), "operator").await.unwrap();
    assert_eq!((desk.case().await, desk.state(NEW).await), (case, AccountState::Pending));
}

on_each_database! {
    two_people_verify_a_bank_change,
    whoever_asked_cannot_approve,
    a_number_that_came_lately_verifies_nothing,
    the_first_record_of_a_vouched_file_has_numbers_at_once,
    one_person_may_say_no,
    a_vouched_import_ends_the_case_and_an_undo_reopens_it,
}
