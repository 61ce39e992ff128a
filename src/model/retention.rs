//! What is kept for a time, and what keeps it longer.

use super::{Preferences, QuarantineId, SupplierId};
use serde::{Deserialize, Serialize};

/// A class of stored data that an organisation keeps for a time of its choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retained {
    /// Bodies of decided held mail.
    Body,
    /// The record of each message, and quarantine entries whose body is gone.
    Record,
    /// Facts recorded of each message.
    Facts,
    /// Marks of the sender history.
    History,
    /// Audit entries.
    Audit,
    /// Outbox rows that are sent or given up.
    Outbox,
    /// Decided verification cases.
    Cases,
    /// Batches of supplier changes, and values that they retired.
    Imports,
}

impl Retained {
    /// All of them, in the order in which a run works through them: what refers to another goes first.
    pub const ALL: [Self; 8] = [
        Self::Outbox,
        Self::Body,
        Self::Facts,
        Self::Record,
        Self::History,
        Self::Cases,
        Self::Imports,
        Self::Audit,
    ];

    /// The name in commands, JSON and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        // The preference is `retention.` and the name.
        self.setting().strip_prefix("retention.").unwrap_or_default()
    }

    /// The preference that says how long.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Body => "retention.body",
            Self::Record => "retention.record",
            Self::Facts => "retention.facts",
            Self::History => "retention.history",
            Self::Audit => "retention.audit",
            Self::Outbox => "retention.outbox",
            Self::Cases => "retention.cases",
            Self::Imports => "retention.imports",
        }
    }

    /// The class of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// From when on things are kept, Unix milliseconds; `None`: for ever.
    #[must_use]
    pub fn keeps_since(self, chosen: &Preferences, now_ms: i64) -> Option<i64> {
        let days = i64::from(chosen.days(self.setting())?);
        Some(now_ms.saturating_sub(days.saturating_mul(86_400_000)))
    }
}

/// What a legal hold keeps from every purge and erasure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldScope {
    /// Everything of the organisation.
    Organisation,
    /// Whatever concerns one supplier.
    Supplier(SupplierId),
    /// One entry of the quarantine.
    Entry(QuarantineId),
}

impl HoldScope {
    /// The name in SQL, JSON and audit.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Supplier(_) => "supplier",
            Self::Entry(_) => "entry",
        }
    }

    /// The supplier's or entry's id; empty for the organisation.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Organisation => String::new(),
            Self::Supplier(id) => id.0.clone(),
            Self::Entry(id) => id.to_string(),
        }
    }

    /// From its two columns; `None` for what is no scope.
    #[must_use]
    pub fn from_columns(kind: &str, target: &str) -> Option<Self> {
        match kind {
            "organisation" => Some(Self::Organisation),
            "supplier" => Some(Self::Supplier(SupplierId(target.to_owned()))),
            "entry" => target.parse().ok().map(Self::Entry),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PREFERENCES, Values, preference};

    #[test]
    fn every_class_has_its_preference_and_the_other_way_round() {
        for class in Retained::ALL {
            let known = preference(class.setting()).unwrap();
            assert!(matches!(known.values, Values::Days(..)), "{}", class.setting());
            assert_eq!(Retained::from_name(class.as_str()), Some(class));
        }
        let settings = PREFERENCES.iter().filter(|known| known.name.starts_with("retention."));
        assert_eq!(settings.count(), Retained::ALL.len());
    }

    #[test]
    fn the_time_counts_back_from_now() {
        let mut chosen = Preferences::default();
        assert_eq!(Retained::Outbox.keeps_since(&chosen, 31 * 86_400_000), Some(86_400_000));
        chosen.take_up("retention.outbox", "forever".to_owned());
        assert_eq!(Retained::Outbox.keeps_since(&chosen, 0), None);
    }
}
