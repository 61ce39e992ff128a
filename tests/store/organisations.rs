//! Organisations: kept whole, found by the book, with their tokens and passwords.

#![deny(dead_code)]

use super::*;

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

on_each_database! {
    the_book_finds_organisations_by_any_way_of_writing_an_address,
    the_book_follows_changes_and_outlives_the_database,
    a_rotated_ingress_token_overlaps_and_then_ends,
    an_organisation_is_kept_whole,
    passwords_are_checked_per_user,
}
