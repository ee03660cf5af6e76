//! How long to wait before trying again. Deterministic: the jitter comes from a hash, not from chance.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// First pause of submits after a 429 or a connection that could not be made.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause of submits that the provider did not ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Longest spacing of polls of one task after errors, unless `--poll-every` is longer.
const LONGEST_POLL_SPACING: Duration = Duration::from_secs(60);

/// Longest pause that a provider can ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The pause of all submits (or all polls) after the `streak`-th (from 0) refusal in a row: 1 s doubling to 30 s, plus up to a quarter.
pub fn pause(streak: u32, seed: impl Hash) -> Duration {
    jittered(doubled(FIRST_PAUSE, LONGEST_PAUSE, streak), (streak, seed))
}

/// What a provider asked to wait, and up to a tenth or a second more: it may have told others the same.
pub fn scattered(told: Duration, seed: impl Hash) -> Duration {
    let part = told.min(10 * FIRST_PAUSE) * 2 / 5; // of which a quarter is the most
    told + (jittered(part, seed).saturating_sub(part))
}

/// What a provider asked to wait, as far as it is obeyed.
pub fn told(retry_after: Option<Duration>) -> Option<Duration> {
    retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER))
}

/// When to poll a task again after `errors` polls in a row that said nothing: `every`, doubling.
pub fn poll_spacing(every: Duration, errors: u32, seed: impl Hash) -> Duration {
    match errors {
        0 => every,
        _ => jittered(
            doubled(every, every.max(LONGEST_POLL_SPACING), errors),
            (errors, seed),
        ),
    }
}

fn doubled(first: Duration, longest: Duration, times: u32) -> Duration {
    let delays = ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_factor(2.0)
        .without_max_times();
    delays.build().nth(times as usize).unwrap_or(longest)
}

/// `delay` and up to a quarter more, so that nothing fires together with what was delayed as long.
pub(super) fn jittered(delay: Duration, seed: impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let thousandths = u32::try_from(hasher.finish() % 250).expect("below 250");
    delay + delay * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_one_second_to_thirty_with_up_to_a_quarter_more() {
        for (streak, base) in [
            (0, 1),
            (1, 2),
            (2, 4),
            (3, 8),
            (4, 16),
            (5, 30),
            (6, 30),
            (1000, 30),
        ] {
            let pause = pause(streak, 7);
            let base = Duration::from_secs(base);
            assert!(
                pause >= base && pause <= base * 5 / 4,
                "streak {streak}: {pause:?}"
            );
        }
    }

    #[test]
    fn jitter_differs_between_seeds_and_repeats_for_one() {
        assert_eq!(pause(3, "a"), pause(3, "a"));
        assert_ne!(pause(3, "a"), pause(3, "b"));
    }

    #[test]
    fn polls_keep_their_spacing_until_errors_stretch_it_to_a_minute() {
        let every = Duration::from_secs(10);
        assert_eq!(poll_spacing(every, 0, 1), every);
        assert!(poll_spacing(every, 1, 1) >= every * 2);
        assert!(poll_spacing(every, 50, 1) <= Duration::from_secs(75));
        let rare = Duration::from_secs(300);
        assert!(poll_spacing(rare, 50, 1) >= rare);
    }
}
