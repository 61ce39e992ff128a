//! Asks the supplier sources that are due, several at the same time: a ledger that is slow or hangs takes one place and
//! holds up nobody else.

use crate::limits;
use crate::ports::{DueSource, SyncSuppliers};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

/// Asks the supplier sources that are due until it is told to stop. A sync that is cut off has taken nothing in, and its
/// lease ends.
pub async fn sync_suppliers(syncs: Arc<dyn SyncSuppliers>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = keep_asking(syncs) => {}
    }
}

/// Never ends; dropped, it takes the syncs under way with it.
async fn keep_asking(syncs: Arc<dyn SyncSuppliers>) {
    let mut running = JoinSet::new();
    let mut asked: HashMap<Id, DueSource> = HashMap::new();
    let mut waiting = Vec::new();
    let mut look = interval_at(Instant::now() + limits::SYNC_POLL, limits::SYNC_POLL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => match syncs.due_sources().await {
                Ok(due) => waiting = longest_due_first(due),
                Err(error) => {
                    tracing::warn!(%error, "the supplier sources could not be looked up; trying again");
                }
            },
            Some(ended) = running.join_next_with_id() => {
                let id = ended.map_or_else(|panicked| panicked.id(), |(id, ())| id);
                asked.remove(&id);
            }
        }
        while let Some(source) = next(&mut waiting, asked.values()) {
            let (syncs, one) = (Arc::clone(&syncs), source.clone());
            let task = running.spawn(async move { syncs.sync_source(&one).await });
            asked.insert(task.id(), source);
        }
    }
}

fn longest_due_first(mut due: Vec<DueSource>) -> Vec<DueSource> {
    due.sort_by_key(|source| source.since_ms);
    due.truncate(limits::SYNCS_WAITING);
    due
}

/// Takes the first that may be asked beside those that are.
fn next<'a>(
    waiting: &mut Vec<DueSource>,
    asked: impl Iterator<Item = &'a DueSource> + Clone,
) -> Option<DueSource> {
    if asked.clone().count() >= limits::SYNCS_AT_ONCE {
        return None;
    }
    let may = |source: &DueSource| {
        let of_its_organisation = asked.clone().filter(|other| other.org == source.org);
        of_its_organisation.clone().count() < limits::SYNCS_OF_ONE
            && of_its_organisation.clone().all(|other| other.name != source.name)
    };
    let at = waiting.iter().position(may)?;
    Some(waiting.remove(at))
}

#[cfg(test)]
mod tests {
    use super::{longest_due_first, next};
    use crate::limits;
    use crate::model::OrgId;
    use crate::ports::DueSource;

    fn source(org: u128, name: &str, since_ms: i64) -> DueSource {
        DueSource { org: OrgId(ulid::Ulid(org)), name: name.to_owned(), since_ms }
    }

    /// Everything that may be asked beside `asked`, in order.
    fn taken(due: Vec<DueSource>, mut asked: Vec<DueSource>) -> Vec<String> {
        let (mut waiting, before) = (longest_due_first(due), asked.len());
        while let Some(source) = next(&mut waiting, asked.clone().iter()) {
            asked.push(source);
        }
        asked.split_off(before).into_iter().map(|source| source.name).collect()
    }

    #[test]
    fn places_are_bounded_and_go_to_the_longest_due() {
        let many: Vec<_> = (0..50).map(|org| source(org, &format!("s{org}"), 50 - org as i64)).collect();
        let rows = [
            ("nothing is due", vec![], vec![], vec![]),
            (
                "the longest due first, whoever comes first in the book",
                vec![source(1, "young", 9), source(2, "old", 1)],
                vec![],
                vec!["old", "young"],
            ),
            (
                "one organisation leaves places to the others",
                vec![source(1, "a", 1), source(1, "b", 2), source(1, "c", 3), source(2, "d", 4)],
                vec![],
                vec!["a", "b", "d"],
            ),
            (
                "one that is being asked is not asked again",
                vec![source(1, "a", 1), source(1, "b", 2)],
                vec![source(1, "a", 1)],
                vec!["b"],
            ),
        ];
        for (name, due, asked, want) in rows {
            assert_eq!(taken(due, asked), want, "{name}");
        }
        let taken = taken(many, vec![]);
        assert_eq!((taken.len(), taken[0].as_str()), (limits::SYNCS_AT_ONCE, "s49"));
    }
}
