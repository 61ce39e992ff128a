//! Edits, merges, the search, and the commands that change and take back.

#![deny(dead_code)]

use super::*;

async fn an_edit_keeps_what_was(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let steps = [
        EditStep::Remove(ValueKind::Phone, "+44 20 1".to_owned()),
        EditStep::Add(ValueKind::Phone, "+44 20 7946 0018".to_owned()),
        EditStep::Add(ValueKind::Name, "Acme Group".to_owned()),
        EditStep::Add(ValueKind::Tax, "GB222222222".to_owned()),
    ];
    let edited = world.records.edit(world.org, &id("S1"), &steps, "operator").await.unwrap();
    let stored = world.records.detail(world.org, &id("S1"), true).await.unwrap().unwrap();
    let of = |kind| {
        let all = stored.values.iter().filter(move |v| v.kind == kind);
        all.map(|v| (v.text.as_str(), v.retired_at.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(of(ValueKind::Phone), [("+44 20 1", true), ("+44 20 7946 0018", false)]);
    assert_eq!(of(ValueKind::Name), [("Acme Group", false), ("Acme Ltd", true)]);
    assert_eq!(of(ValueKind::Tax), [("GB222222222", false), ("GB980780684", true)]);
    let directory = world.directory(None);
    let keys = vec![DirectoryKey::Name(fold_name("Acme Ltd")), DirectoryKey::Name(fold_name("Acme Group"))];
    let answer = ask(&directory, &world.organisation().await, DirectoryQuery { keys: keys.clone() }).await;
    assert!(!answer.suppliers.contains_key(&keys[0]) && answer.suppliers.contains_key(&keys[1]));
    assert!(matches!(
        world.records.undo(world.org, &edited.batch.unwrap(), "operator").await.unwrap(),
        Undo::Done(_)
    ));
    let rows = [
        ("free mail", EditStep::Add(ValueKind::Domain, "gmail.com".to_owned())),
        ("no domain", EditStep::Add(ValueKind::Domain, "not a domain".to_owned())),
        ("no address", EditStep::Add(ValueKind::Email, "nobody".to_owned())),
        ("no number", EditStep::Add(ValueKind::Phone, "ask Jane".to_owned())),
        ("control", EditStep::Add(ValueKind::Alias, "a\u{202e}b\u{7}".to_owned())),
        ("absent", EditStep::Remove(ValueKind::Domain, "nobody.example".to_owned())),
        ("the name", EditStep::Remove(ValueKind::Name, "Acme Ltd".to_owned())),
        ("no account", EditStep::Block("01JD3ZV8M2T5Y7Q9W1E3R5T7Y9".to_owned())),
    ];
    let before = everything(&world).await;
    for (name, step) in rows {
        assert!(world.records.edit(world.org, &id("S1"), &[step], "operator").await.is_err(), "{name}");
    }
    let nothing = EditStep::Add(ValueKind::Domain, "ACME.co.uk".to_owned());
    let edited = world.records.edit(world.org, &id("S1"), &[nothing], "operator").await.unwrap();
    assert_eq!((edited.batch, edited.generation), (None, None));
    assert_eq!(everything(&world).await, before);
}

async fn one_person_may_only_be_stricter(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let account =
        world.records.detail(world.org, &id("S1"), false).await.unwrap().unwrap().accounts[0].id.clone();
    let block = EditStep::Block(account.clone());
    world.records.edit(world.org, &id("S1"), &[block], "operator").await.unwrap();
    assert_eq!(states(&world, "S1").await, [AccountState::Blocked]);
    let retire = world.records.edit(world.org, &id("S1"), &[EditStep::Retire(account)], "operator").await;
    assert_eq!(conflict(retire), "a blocked account is only unblocked by a case");
    let stored = world.records.detail(world.org, &id("S1"), true).await.unwrap().unwrap();
    let history = world.records.state_changes(world.org, &stored).await.unwrap();
    let steps: Vec<_> =
        history.iter().map(|c| (c.from.as_deref(), c.to.as_deref(), c.kind.as_str())).collect();
    assert_eq!(steps, [(Some("verified"), Some("blocked"), "edit")]);
}

async fn merged_records_are_one_until_undone(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let twin = "supplier_id,name,domains,emails,iban,sort_code,account_number,status\n\
        S9,Acme Services,acme.co.uk|acme.services,x@acme.services,,601613,31926819,blocked\n\
        S9,Acme Services,,,FR1420041010050500013M02606,,,\n";
    world.import(twin, false, false).await;
    let before = everything(&world).await;
    let merged = world.records.merge(world.org, &id("S9"), &id("S1"), "operator").await.unwrap();
    assert_eq!((merged.values, merged.accounts, merged.stricter), (2, 1, 1));
    let one = world.records.get(world.org, &id("S9")).await.unwrap().unwrap();
    assert_eq!(one.id, id("S1"), "the old id means the new record");
    assert_eq!(one.aliases, ["Acme Services", "Acme Trading"]);
    assert_eq!(one.domains.len(), 2);
    assert_eq!(
        states(&world, "S1").await,
        [AccountState::Blocked, AccountState::Pending],
        "the stricter counts"
    );
    assert_eq!(world.all().await.len(), 3);
    let directory = world.directory(None);
    let keys = vec![
        DirectoryKey::Domain(Domain::parse("acme.co.uk").unwrap()),
        DirectoryKey::Name(fold_name("acme services")),
        account("GB29NWBK60161331926819"),
    ];
    let answer = ask(&directory, &world.organisation().await, DirectoryQuery { keys: keys.clone() }).await;
    for key in &keys[..2] {
        let hits: Vec<_> = answer.suppliers[key].iter().map(|hit| hit.id.0.as_str()).collect();
        assert_eq!(hits, ["S1"]);
    }
    assert_eq!(state(&answer, "GB29NWBK60161331926819"), Some(AccountState::Blocked));
    // The next import by the old id lands on the record that remains.
    let later = "supplier_id,name,domains\nS9,Acme Ltd,acme.later\n";
    let report = world.import(later, false, false).await;
    assert_eq!((report.created, report.updated), (0, 1));
    for (from, into) in [("S9", "S1"), ("S1", "S9"), ("S1", "S1")] {
        let again = world.records.merge(world.org, &id(from), &id(into), "operator").await;
        assert_eq!(conflict(again), "both ids stand for one record already", "{from} into {into}");
    }
    let missing = world.records.merge(world.org, &id("S1"), &id("nobody"), "operator").await;
    assert!(matches!(missing, Err(StoreError::NotFound(_))));
    assert!(matches!(undo(&world, &report).await, Undo::Done(_)));
    // A chain: both old ids follow.
    let chain = world.records.merge(world.org, &id("S1"), &id("S2"), "operator").await.unwrap();
    for old in ["S9", "S1"] {
        assert_eq!(world.records.get(world.org, &id(old)).await.unwrap().unwrap().id, id("S2"), "{old}");
    }
    for batch in [chain.batch, merged.batch] {
        assert!(matches!(world.records.undo(world.org, &batch, "operator").await.unwrap(), Undo::Done(_)));
    }
    assert_eq!(everything(&world).await, before);
}

async fn search_finds_by_whatever_is_remembered(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let rows: [(&str, Option<(&str, &str)>); 14] = [
        ("S1", Some(("S1", "id"))),
        ("acme", Some(("S1", "name"))),
        ("Trading", Some(("S1", "alias"))),
        ("ACME LIMITED", Some(("S1", "name"))),
        ("beta.de", Some(("S2", "domain"))),
        ("billing@ACME.co.uk", Some(("S1", "email"))),
        ("billing@", Some(("S1", "email"))),
        ("0044 20 1", Some(("S1", "phone"))),
        ("GB 980 7806 84", Some(("S1", "tax"))),
        ("1234567", Some(("S1", "company"))),
        ("6819", Some(("S1", "account"))),
        ("nothing like it", None),
        ("31926819", None),
        ("gamma", Some(("S3", "name"))),
    ];
    for (text, want) in rows {
        let found = world.records.search(world.org, text, &[]).await.unwrap();
        let first = found.hits.first().map(|hit| (hit.id.0.as_str(), hit.matched));
        assert_eq!(first, want, "{text}");
        assert!(!found.more);
    }
    let gb = account_check::uk("60-16-13", "31926819").unwrap().account;
    let found = world.records.search(world.org, "60-16-13 31926819", &[gb]).await.unwrap();
    assert_eq!(found.hits[0].value, "••••6819");
    assert!(world.records.search(world.org, "a", &[]).await.is_err());
    let mut feed = ListFeed::new(many(200));
    let options = ImportOptions { actor: "operator", source: "many.csv", ..ImportOptions::default() };
    world.records.import(world.org, &mut feed, &options).await.unwrap();
    let found = world.records.search(world.org, "maker", &[]).await.unwrap();
    assert_eq!((found.hits.len(), found.more), (sentra::limits::MAX_SEARCH_HITS, true));
}

async fn the_commands_change_and_take_back(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let args = EditArgs {
        id: "S1".to_owned(),
        add_domain: vec!["acme.example".to_owned()],
        add_account: vec!["FR14 2004 1010 0505 0001 3M02 606".to_owned()],
        ..EditArgs::default()
    };
    let (code, out, err) = world.command(SuppliersCommand::Edit(Box::new(args)), true).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let edited: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(edited["cases"].as_array().unwrap().len(), 1);
    let show = SuppliersCommand::Show { id: "S1".to_owned(), history: true, reveal: false };
    let (_, out, _) = world.command(show, false).await;
    for part in ["acme.example", "••••2606", "pending", "verified", "test.csv"] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let show = SuppliersCommand::Show { id: "S1".to_owned(), history: false, reveal: true };
    let (_, out, _) = world.command(show, true).await;
    assert!(out.contains("FR1420041010050500013M02606"), "{out}");
    let audit = world.store.audit(world.org, 0).await.unwrap();
    assert_eq!(audit.last().unwrap().action, "suppliers.reveal");
    let (code, out, _) = world.command(SuppliersCommand::Batches { limit: 10 }, false).await;
    assert!(code == 0 && out.contains("edit") && out.contains("import"), "{out}");
    let batch = edited["batch"].as_str().unwrap().to_owned();
    let (code, _, err) = world.command(SuppliersCommand::Undo { batch: batch.clone() }, false).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let (code, _, err) = world.command(SuppliersCommand::Undo { batch }, false).await;
    assert_eq!((code, err.lines().count()), (1, 2), "{err}");
    let merge = SuppliersCommand::Merge { from: "S3".to_owned(), into: "S2".to_owned() };
    let (code, out, _) = world.command(merge, false).await;
    assert!(code == 0 && out.starts_with("S3 is now S2"), "{out}");
    let (_, out, _) = world.command(SuppliersCommand::Search { text: "gamma.no".to_owned() }, true).await;
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((found["hits"][0]["id"].as_str(), found["more"].as_bool()), (Some("S2"), Some(false)));
}

on_each_database! {
    an_edit_keeps_what_was,
    one_person_may_only_be_stricter,
    merged_records_are_one_until_undone,
    search_finds_by_whatever_is_remembered,
    the_commands_change_and_take_back,
}
