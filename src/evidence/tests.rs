use super::*;
use crate::limits::MAX_DIRECTORY_KEYS;
use crate::model::test_support::{address, domain, mail, message, organisation};
use crate::model::{
    Account, AccountClaim, DirectoryAnswer, DirectoryKey, DirectoryQuery, HistoryAnswer, HistoryQuery,
    Lesson, OrgId, PartKind, Place, QuarantineId, Scheme,
};
use async_trait::async_trait;

struct Silent;

#[async_trait]
impl SenderAuth for Silent {
    async fn authenticate(&self, _: &ReceivedMail, _: &Message, _: Instant) -> AuthResults {
        std::future::pending().await
    }
}

#[async_trait]
impl SupplierDirectory for Silent {
    async fn look_up(&self, _: &Organisation, _: DirectoryQuery, _: Instant) -> Lookup<DirectoryAnswer> {
        std::future::pending().await
    }
}

#[async_trait]
impl History for Silent {
    async fn look_up(&self, _: OrgId, _: HistoryQuery, _: Instant) -> Lookup<HistoryAnswer> {
        std::future::pending().await
    }
    fn learn(&self, _: Lesson) {}
    fn keep(&self, _: QuarantineId, _: Lesson) {}
    fn released(&self, _: OrgId, _: QuarantineId) {}
}

fn account(number: u32) -> AccountClaim {
    AccountClaim {
        account: Account::from_canonical(Scheme::Uk, *b"GB", &format!("601613{number:08}")).unwrap(),
        valid: None,
        place: Place::of(PartKind::Body, 0),
        also_at: vec![],
        disguised: false,
    }
}

#[tokio::test]
async fn sources_that_never_answer_are_unavailable_at_the_deadline() {
    let sources = Sources { auth: Arc::new(Silent), directory: Arc::new(Silent), history: Arc::new(Silent) };
    let evidence = gather_until(
        Instant::now(),
        &sources,
        Arc::new(organisation()),
        &mail(None),
        Arc::new(message("a@acme.example", None)),
        PaymentClaims::default(),
    )
    .await;
    assert_eq!(evidence.directory, Lookup::Unavailable("deadline"));
    assert_eq!(evidence.history, Lookup::Unavailable("deadline"));
    assert!(!evidence.auth.known);
}

#[test]
fn the_query_asks_for_everybody_and_never_for_a_free_mail_domain() {
    let mut message = message("Acme Ltd <Billing@mail.acme.co.uk>", Some("acme@gmail.com"));
    message.sender = Some(crate::model::test_support::mailbox("x@sender.example"));
    let claims = PaymentClaims {
        accounts: vec![account(1)],
        tax_numbers: vec!["GB980780684".into()],
        company_numbers: vec!["01234567".into()],
        ..PaymentClaims::default()
    };
    let query = directory_query(&mail(Some("bounce@envelope.example")), &message, &claims);
    for key in [
        DirectoryKey::Account(claims.accounts[0].account.comparison_key()),
        DirectoryKey::Address(address("billing@mail.acme.co.uk")),
        DirectoryKey::Domain(domain("mail.acme.co.uk")),
        DirectoryKey::Domain(domain("acme.co.uk")),
        DirectoryKey::Name("acme".into()),
        DirectoryKey::Address(address("acme@gmail.com")),
        DirectoryKey::Domain(domain("sender.example")),
        DirectoryKey::Domain(domain("envelope.example")),
        DirectoryKey::TaxNumber("GB980780684".into()),
        DirectoryKey::CompanyNumber("01234567".into()),
    ] {
        assert_eq!(query.keys.iter().filter(|asked| **asked == key).count(), 1, "{key:?}");
    }
    assert!(!query.keys.contains(&DirectoryKey::Domain(domain("gmail.com"))));
}

#[test]
fn a_flood_of_numbers_leaves_room_for_the_author() {
    let claims = PaymentClaims {
        accounts: (0..50).map(account).collect(),
        tax_numbers: (0..1_000).map(|number| format!("GB{number}")).collect(),
        ..PaymentClaims::default()
    };
    let query = directory_query(&mail(None), &message("a@acme.example", None), &claims);
    assert_eq!(query.keys.len(), MAX_DIRECTORY_KEYS);
    assert!(query.keys.contains(&DirectoryKey::Address(address("a@acme.example"))));
}
