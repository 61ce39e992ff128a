//! Which backups stay.

use std::collections::BTreeSet;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Months are counted as thirtieth parts of 365.25 days: what matters is one in about a month.
const MONTH: i64 = 2_629_800_000;

/// For how long backups are kept how densely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiers {
    /// All, for so many hours.
    pub all_hours: u64,
    /// One an hour, for so many days.
    pub hourly_days: u64,
    /// One a day, for so many days.
    pub daily_days: u64,
    /// One a month, for so many months.
    pub monthly_months: u64,
}

impl Default for Tiers {
    fn default() -> Self {
        Self { all_hours: 24, hourly_days: 7, daily_days: 30, monthly_months: 12 }
    }
}

impl Tiers {
    /// How old the oldest backup can become, in milliseconds: as long as it is not the only one.
    #[must_use]
    pub fn longest_ms(&self) -> i64 {
        let spans = [
            (self.all_hours, HOUR),
            (self.hourly_days, DAY),
            (self.daily_days, DAY),
            (self.monthly_months, MONTH),
        ];
        let span = |(count, unit): (u64, i64)| i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(unit);
        spans.into_iter().map(span).max().unwrap_or_default()
    }

    /// The times (Unix milliseconds) of the backups to keep. Of an hour, a day, a month the first one stays, so that what
    /// was kept once is kept on; the newest stays always.
    #[must_use]
    pub fn kept(&self, times: &BTreeSet<i64>, now: i64) -> BTreeSet<i64> {
        let span = |count: u64, unit: i64| i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(unit);
        let tiers = [
            (span(self.all_hours, HOUR), 1),
            (span(self.hourly_days, DAY), HOUR),
            (span(self.daily_days, DAY), DAY),
            (span(self.monthly_months, MONTH), MONTH),
        ];
        let mut kept: BTreeSet<i64> = times.last().copied().into_iter().collect();
        for (age, unit) in tiers {
            let mut taken = BTreeSet::new();
            for time in times.range(now.saturating_sub(age)..) {
                if taken.insert(time.div_euclid(unit)) {
                    kept.insert(*time);
                }
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_falls_with_age_and_stays_put() {
        let (tiers, start) = (Tiers::default(), 1_790_000_000_000_i64);
        let mut there = BTreeSet::new();
        // Every ten minutes over 400 days, pruned after each.
        let step = 10 * 60_000;
        for number in 0..(400 * 144) {
            let now = start + number * step;
            there.insert(now);
            if number % 36 == 0 {
                there = tiers.kept(&there, now);
            }
        }
        let now = start + (400 * 144 - 1) * step;
        let there = tiers.kept(&there, now);
        let between = |from: i64, to: i64| there.range(now - from..now - to).count();
        assert!((140..=145).contains(&between(DAY, 0)), "{}", between(DAY, 0));
        assert!((140..=150).contains(&between(7 * DAY, DAY)), "{}", between(7 * DAY, DAY));
        assert!((22..=25).contains(&between(30 * DAY, 7 * DAY)), "{}", between(30 * DAY, 7 * DAY));
        assert!((10..=13).contains(&between(400 * DAY, 30 * DAY)), "{}", between(400 * DAY, 30 * DAY));
    }

    #[test]
    fn the_newest_is_kept_however_old() {
        let times = BTreeSet::from([1, 2, 3]);
        assert_eq!(Tiers::default().kept(&times, 100 * MONTH), BTreeSet::from([3]));
        let none = Tiers { all_hours: 0, hourly_days: 0, daily_days: 0, monthly_months: 0 };
        assert_eq!(none.kept(&times, 3), BTreeSet::from([3]));
        assert!(none.kept(&BTreeSet::new(), 3).is_empty());
    }
}
