//! Held mail: sealed, deduplicated, decided on step by step, sent by the outbox.

#![deny(dead_code)]

use super::*;

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
    what_a_crash_left_in_the_folder_is_swept_once_old,
}
