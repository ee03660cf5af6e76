//! How fast requests leave, over the minute that has just passed, and how fast bytes come, over the last seconds.

use std::collections::VecDeque;
use std::time::Duration;

/// How far back is looked for requests.
const WINDOW: Duration = Duration::from_secs(60);

/// How far back is looked for bytes.
const BYTES_WINDOW: Duration = Duration::from_secs(5);

/// Least time between two moments that are kept.
const SPACING: Duration = Duration::from_secs(1);

/// Before so much time has passed no speed is told: it would be chance.
const TOO_SOON: Duration = Duration::from_secs(3);

/// Remembers what had been counted at each second of the last ones.
#[derive(Debug)]
struct Recent<const N: usize> {
    window: Duration,
    counted: VecDeque<(Duration, [u64; N])>,
}

impl<const N: usize> Recent<N> {
    fn new(window: Duration) -> Self {
        Self {
            window,
            counted: VecDeque::new(),
        }
    }

    /// Takes in the counts of `now`; how much was added in which time.
    fn follow(&mut self, now: Duration, counts: [u64; N]) -> (Duration, [u64; N]) {
        let is_due = |(last, _): &(Duration, _)| now.saturating_sub(*last) >= SPACING;
        if self.counted.back().is_none_or(is_due) {
            self.counted.push_back((now, counts));
        }
        let is_old = |(at, _): &(Duration, _)| now.saturating_sub(*at) >= self.window;
        while self.counted.get(1).is_some_and(is_old) {
            self.counted.pop_front();
        }
        let (since, before) = self.counted.front().copied().unwrap_or((now, counts));
        let added = std::array::from_fn(|at| counts[at].saturating_sub(before[at]));
        (now.saturating_sub(since), added)
    }
}

/// How fast requests leave.
#[derive(Debug)]
pub(super) struct Pace {
    sent: Recent<2>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            sent: Recent::new(WINDOW),
        }
    }
}

/// How fast bytes come.
#[derive(Debug)]
pub(super) struct Current {
    received: Recent<1>,
}

impl Default for Current {
    fn default() -> Self {
        Self {
            received: Recent::new(BYTES_WINDOW),
        }
    }
}

impl Current {
    /// Takes in how many bytes had come up to `now`; how many come in a second, if any do.
    pub(super) fn follow(&mut self, now: Duration, received: u64) -> Option<u64> {
        let (passed, [bytes]) = self.received.follow(now, [received]);
        let millis = passed.as_millis();
        let per_second = u128::from(bytes) * 1000 / millis.max(1);
        let per_second = u64::try_from(per_second).unwrap_or(u64::MAX);
        (passed >= SPACING && bytes > 0).then_some(per_second)
    }
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
        let (passed, [submits, polls]) = self.sent.follow(now, [submits, polls]);
        (passed >= TOO_SOON).then(|| Speeds {
            submits: per_ten_hours(submits, passed),
            polls: per_ten_hours(polls, passed),
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
        let kept = pace.sent.counted.len();
        assert!(kept <= 62, "{kept}");
    }

    #[test]
    fn bytes_are_those_of_the_last_seconds_and_a_download_that_stalls_has_no_speed() {
        let mut current = Current::default();
        let mut told = Vec::new();
        for half in 0..60_u32 {
            let now = Duration::from_millis(500) * half;
            // a megabyte a second for ten seconds, then nothing
            let speed = current.follow(now, u64::from(half.min(20)) * 500_000);
            if [1, 2, 20, 24, 40].contains(&half) {
                told.push(speed);
            }
        }
        let even = Some(1_000_000);
        assert_eq!(told, [None, even, even, Some(600_000), None]);
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
