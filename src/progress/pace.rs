//! How many submits and polls leave in a minute, over the minute that has just passed.

use std::collections::VecDeque;
use std::time::Duration;

/// How far back is looked.
const WINDOW: Duration = Duration::from_secs(60);

/// Least time between two moments that are kept.
const SPACING: Duration = Duration::from_secs(1);

/// Before so much time has passed no speed is told: it would be chance.
const TOO_SOON: Duration = Duration::from_secs(3);

/// Remembers how many requests had been sent at each second of the last minute.
#[derive(Debug, Default)]
pub(super) struct Pace {
    sent: VecDeque<(Duration, [u64; 2])>,
}

/// Requests in ten hours, so that slow ones have decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speeds {
    pub(super) submits: u64,
    pub(super) polls: u64,
}

impl Pace {
    /// Takes in how many submits and polls there were up to `now`; how fast they come, once that can be told.
    pub(super) fn follow(&mut self, now: Duration, submits: u64, polls: u64) -> Option<Speeds> {
        let is_due = |(last, _): &(Duration, _)| now.saturating_sub(*last) >= SPACING;
        if self.sent.back().is_none_or(is_due) {
            self.sent.push_back((now, [submits, polls]));
        }
        while self
            .sent
            .get(1)
            .is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW)
        {
            self.sent.pop_front();
        }
        let (since, [first_submits, first_polls]) = *self.sent.front()?;
        let passed = now.saturating_sub(since);
        (passed >= TOO_SOON).then(|| Speeds {
            submits: per_ten_hours(submits - first_submits, passed),
            polls: per_ten_hours(polls - first_polls, passed),
        })
    }
}

/// `count` in `passed`, as a speed.
pub(super) fn per_ten_hours(count: u64, passed: Duration) -> u64 {
    let micros = passed.as_micros().max(1);
    u64::try_from(u128::from(count) * 36_000_000_000 / micros).unwrap_or(u64::MAX)
}

/// A speed in the unit that makes it readable: `6.2/min`, `120/min`, `4.5/h`.
pub(super) fn show_rate(per_ten_hours: u64) -> String {
    let (tenths, unit) = match per_ten_hours / 60 {
        0..=9 => (per_ten_hours, "h"),
        per_ten_minutes => (per_ten_minutes, "min"),
    };
    if tenths == 0 {
        format!("0/{unit}")
    } else if tenths < 100 {
        format!("{}.{}/{unit}", tenths / 10, tenths % 10)
    } else {
        format!("{}/{unit}", tenths / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_of_the_last_minute_and_not_told_from_a_moment() {
        let mut pace = Pace::default();
        let mut told = Vec::new();
        for second in 0..300_u64 {
            let now = Duration::from_secs(second);
            // a submit a second for two minutes, then none; four polls a second all the time
            let speeds = pace.follow(now, second.min(120), 4 * second);
            if [2, 3, 60, 150, 200].contains(&second) {
                told.push(speeds.map(|speeds| [speeds.submits, speeds.polls].map(show_rate)));
            }
        }
        let told: Vec<_> = told
            .iter()
            .map(|told| told.as_ref().map(|two| two.join(" ")))
            .collect();
        let expected = [
            None,
            Some("60/min 240/min"),
            Some("60/min 240/min"),
            Some("30/min 240/min"),
            Some("0/h 240/min"),
        ];
        assert_eq!(told, expected.map(|text| text.map(str::to_owned)));
        assert!(pace.sent.len() <= 62, "{}", pace.sent.len());
    }

    #[test]
    fn a_speed_has_the_unit_that_makes_it_readable() {
        let shown = [0, 5, 45, 599, 600, 3_720, 72_000].map(show_rate);
        assert_eq!(
            shown,
            [
                "0/h", "0.5/h", "4.5/h", "59/h", "1.0/min", "6.2/min", "120/min"
            ]
        );
    }
}
