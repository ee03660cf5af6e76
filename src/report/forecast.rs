//! How long a run is likely to take under its limits. Start at [`length`]; [`Renders`] says how long videos take.
//!
//! A forecast: refusals, pauses and retries are not in it. Time is an argument, and nothing here knows a clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::num::NonZeroU32;
use std::time::Duration;

use crate::engine::job::{JobState, Phase};
use crate::engine::table::JobTable;
use crate::plan::{Job, Model, Plan};

/// How long a video is taken to need while none of this state is finished. A provider of the same models was measured
/// at 83 to 253 seconds for clips of five seconds (eight of them); longer clips and busy hours may take longer.
pub const ASSUMED: Span = Span {
    least: Duration::from_secs(90),
    most: Duration::from_secs(240),
};

/// The shortest and the longest of something that is not known exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl Span {
    /// Exactly so long.
    pub fn of(time: Duration) -> Self {
        Self {
            least: time,
            most: time,
        }
    }

    /// The shortest that holds both.
    #[must_use]
    pub fn cover(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    /// Both ends changed alike.
    #[must_use]
    pub fn map(self, change: impl Fn(Duration) -> Duration) -> Self {
        Self {
            least: change(self.least),
            most: change(self.most),
        }
    }
}

/// The limits of a run that its length hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Most jobs in flight.
    pub concurrency: NonZeroU32,
    /// Shortest time between two create requests.
    pub submit_interval: Duration,
    /// Shortest time between two polls, of all tasks together.
    pub poll_interval: Duration,
    /// From the accept of a task to its first poll.
    pub poll_first: Duration,
    /// Between two polls of one task.
    pub poll_every: Duration,
    /// From the start of the run to its first submit: a run that goes on waits one interval.
    pub first_submit: Duration,
}

/// From the start of a run until the last video is known to be made: `running` holds how long each task at the provider
/// still takes, `new` how long each job takes that is submitted, in their order. Each job waits for a free slot and for
/// the submit rate.
pub fn length(
    pace: &Pace,
    running: impl IntoIterator<Item = Duration>,
    new: impl IntoIterator<Item = Duration>,
) -> Duration {
    let slots = pace.concurrency.get() as usize;
    let mut ends: BinaryHeap<Reverse<Duration>> = running.into_iter().map(Reverse).collect();
    let mut last_end = ends.iter().map(|end| end.0).max().unwrap_or_default();
    let mut start = pace.first_submit;
    for takes in new {
        while ends.len() >= slots {
            let Reverse(freed) = ends.pop().expect("there is at least one slot");
            start = start.max(freed);
        }
        let end = start + takes;
        ends.push(Reverse(end));
        last_end = last_end.max(end);
        start += pace.submit_interval;
    }
    last_end
}

impl Pace {
    /// When a video that takes `render` is known to be made: at the first poll after that. Many tasks share the poll
    /// rate, and wait for each other.
    pub fn known_after(&self, render: Duration, in_flight: u32) -> Duration {
        let in_flight = in_flight.min(self.concurrency.get());
        let every = self.poll_every.max(self.poll_interval * in_flight);
        let Some(rest) = render.checked_sub(self.poll_first) else {
            return self.poll_first;
        };
        let polls = rest.as_millis().div_ceil(every.as_millis().max(1));
        self.poll_first + every * u32::try_from(polls).unwrap_or(u32::MAX)
    }
}

/// How long a run is expected to take, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The whole run.
    pub length: Span,
    /// One video.
    pub video: Span,
    /// How many finished videos say so; none: it is assumed.
    pub finished: u32,
    /// Whether the deadline comes before the last submit.
    pub is_cut_short: bool,
}

impl Forecast {
    /// The line for people; `limits` are the words for concurrency and rate.
    pub fn text(&self, limits: &str) -> String {
        let video = roughly(self.video);
        let video = video.trim_start_matches("about ");
        let reason = match self.finished {
            0 => format!("if a video takes {video}, which is assumed until some are finished"),
            1 => format!("if a video takes {video} like the finished one"),
            many => format!("if a video takes {video} like the {many} that are finished"),
        };
        let rest = if self.is_cut_short {
            "; its deadline comes before the last submit, so run it again for the rest"
        } else {
            ""
        };
        format!("time: {} {limits}, {reason}{rest}", roughly(self.length))
    }
}

/// How long the finished videos of a state took, from the accept until it was known.
#[derive(Debug, Clone, Default)]
pub struct Renders {
    /// By model and length of the video.
    exact: BTreeMap<(Model, Option<u8>), Times>,
    by_model: BTreeMap<Model, Times>,
    all: Times,
}

impl Renders {
    /// Of every job that `table` knows as completed. One that took `too_long` was not waited for: a later run found it.
    pub fn of(plan: &Plan, table: &JobTable, too_long: Duration) -> Self {
        let mut renders = Self::default();
        for index in 0..table.removed().end {
            let state = table.job(index);
            if let Some(time) = time_of(state).filter(|time| *time < too_long)
                && let Some((model, seconds)) = video_of(state, plan.jobs().get(index as usize))
            {
                renders.exact.entry((model, seconds)).or_default().add(time);
                renders.by_model.entry(model).or_default().add(time);
                renders.all.add(time);
            }
        }
        renders
    }

    /// How many videos this is drawn from.
    pub fn count(&self) -> u32 {
        self.all.count()
    }

    /// How long a video of this model and length takes: the median of those that were like it, or, without any, of
    /// those of its model, or of all. `None` if nothing is finished.
    pub fn median(&self, model: Model, seconds: Option<u8>) -> Option<Duration> {
        let exact = self.exact.get(&(model, seconds)).and_then(Times::median);
        exact
            .or_else(|| self.by_model.get(&model)?.median())
            .or_else(|| self.median_of_all())
    }

    /// The median of all of them.
    pub fn median_of_all(&self) -> Option<Duration> {
        self.all.median()
    }
}

fn time_of(state: &JobState) -> Option<Duration> {
    match &state.phase {
        Phase::Completed {
            task, finished_at, ..
        } => Duration::try_from(finished_at.duration_since(task.accepted_at)).ok(),
        _ => None,
    }
}

/// Model and length of what was sent for `job`; the table keeps it only where it differs from the plan.
pub fn video_of(state: &JobState, job: Option<&Job>) -> Option<(Model, Option<u8>)> {
    match (state.sent.as_deref(), job) {
        (Some(sent), _) => Some((Model::parse(&sent.model)?, sent.duration)),
        (None, Some(job)) => Some((job.request().model(), job.request().duration())),
        (None, None) => None,
    }
}

/// How often something took so many seconds; few numbers even for a million videos.
#[derive(Debug, Clone, Default)]
struct Times(BTreeMap<u64, u32>);

impl Times {
    fn add(&mut self, time: Duration) {
        *self.0.entry(time.as_secs()).or_default() += 1;
    }

    fn count(&self) -> u32 {
        self.0.values().sum()
    }

    /// The middle one; of an even number the longer of the two in the middle.
    fn median(&self) -> Option<Duration> {
        let mut left = self.count() / 2;
        for (seconds, count) in &self.0 {
            if left < *count {
                return Some(Duration::from_secs(*seconds));
            }
            left -= count;
        }
        None
    }
}

/// A span of time as it is said of a forecast: `about 12 min`, `4 to 12 min`, `50 s to 2 min`.
pub fn roughly(span: Span) -> String {
    let (least, most) = (Rough::of(span.least), Rough::of(span.most));
    if least == most {
        format!("about {} {}", most.number, most.unit)
    } else if least.unit == most.unit {
        format!("{} to {} {}", least.number, most.number, most.unit)
    } else {
        format!(
            "{} {} to {} {}",
            least.number, least.unit, most.number, most.unit
        )
    }
}

/// A time in two digits or so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rough {
    number: String,
    unit: &'static str,
}

impl Rough {
    fn of(time: Duration) -> Self {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let (number, unit) = match seconds {
            0..100 => ((seconds.div_ceil(5).max(1) * 5).to_string(), "s"),
            100..600 => (in_parts(seconds, 60, 2), "min"),
            600..6_000 => (in_parts(seconds, 60, 1), "min"),
            6_000..172_800 => (in_parts(seconds, 3_600, 10), "h"),
            _ => (in_parts(seconds, 86_400, 10), "days"),
        };
        Self { number, unit }
    }
}

/// So many `seconds` in a `unit`, rounded to one of its `parts` (1, 2 or 10).
fn in_parts(seconds: u64, unit: u64, parts: u64) -> String {
    let rounded = (seconds * parts + unit / 2) / unit;
    let (whole, rest) = (rounded / parts, rounded % parts * 10 / parts);
    match rest {
        0 => whole.to_string(),
        tenths => format!("{whole}.{tenths}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::sample;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn pace(slots: u32, interval: u64) -> Pace {
        Pace {
            concurrency: NonZeroU32::new(slots).expect("above zero"),
            submit_interval: seconds(interval),
            poll_interval: Duration::from_millis(250),
            poll_first: seconds(15),
            poll_every: seconds(10),
            first_submit: Duration::ZERO,
        }
    }

    /// The same, second by second: who is done leaves, then whoever may start starts.
    fn watched(pace: &Pace, running: &[u64], new: &[u64]) -> u64 {
        let mut in_flight = running.to_vec();
        let mut waiting = new.iter();
        let mut open_at = pace.first_submit.as_secs();
        let mut last = 0;
        for now in 0.. {
            last = in_flight
                .iter()
                .copied()
                .filter(|end| *end <= now)
                .fold(last, u64::max);
            in_flight.retain(|end| *end > now);
            while now >= open_at && in_flight.len() < pace.concurrency.get() as usize {
                let Some(takes) = waiting.next() else { break };
                last = last.max(now);
                in_flight.push(now + takes);
                open_at = now + pace.submit_interval.as_secs();
            }
            if in_flight.is_empty() && waiting.len() == 0 {
                return last;
            }
        }
        unreachable!("it returns")
    }

    proptest! {
        #[test]
        fn the_length_is_what_somebody_sees_who_watches_every_second(
            slots in 1_u32..6,
            interval in 1_u64..8,
            first in 0_u64..5,
            running in prop::collection::vec(0_u64..40, 0..8),
            new in prop::collection::vec(1_u64..40, 0..30),
        ) {
            let pace = Pace { first_submit: seconds(first), ..pace(slots, interval) };
            let times = |list: &[u64]| list.iter().copied().map(seconds).collect::<Vec<_>>();
            let forecast = length(&pace, times(&running), times(&new));
            prop_assert_eq!(forecast.as_secs(), watched(&pace, &running, &new));
        }

        #[test]
        fn alike_jobs_come_in_rounds_of_slots_or_as_the_rate_lets_them(
            slots in 1_u64..20,
            interval in 0_u64..30,
            takes in 1_u64..200,
            jobs in 1_u64..500,
        ) {
            let pace = pace(u32::try_from(slots).expect("small"), interval);
            let forecast = length(&pace, [], (0..jobs).map(|_| seconds(takes)));
            let (rounds, rest) = ((jobs - 1) / slots, (jobs - 1) % slots);
            let round = takes.max(slots * interval);
            prop_assert_eq!(forecast.as_secs(), rounds * round + rest * interval + takes);
        }

        #[test]
        fn a_video_is_known_to_be_made_at_the_first_poll_after_it_is(render in 0_u64..1000) {
            let known = pace(4, 1).known_after(seconds(render), 4).as_secs();
            let polls = (0..200).map(|number| 15 + 10 * number);
            prop_assert_eq!(Some(known), polls.clone().find(|at| *at >= render));
        }
    }

    #[test]
    fn a_million_jobs_are_forecast_in_memory_for_those_in_flight() {
        let all = (0..1_000_000).map(|number| seconds(60 + number % 7));
        let forecast = length(&pace(1000, 1), [], all);
        let ends = (0..1_000_000).map(|number| number + 60 + number % 7);
        assert_eq!(Some(forecast.as_secs()), ends.max());
    }

    #[test]
    fn many_tasks_share_the_poll_rate() {
        // 400 tasks and 4 polls a second: each is asked once in 100 s.
        assert_eq!(pace(400, 1).known_after(seconds(20), 400), seconds(115));
        assert_eq!(pace(400, 1).known_after(seconds(20), 8), seconds(25));
        assert_eq!(pace(4, 1).known_after(seconds(20), 400), seconds(25));
    }

    #[test]
    fn the_median_is_of_videos_that_were_like_it_or_else_of_the_next_like() {
        let mut renders = Renders::default();
        let (fast, slow) = (Model::Fast720p, Model::Standard720p);
        assert_eq!(renders.median(slow, Some(8)), None);
        for (model, length, time) in [
            (slow, 8, 100),
            (slow, 8, 3000),
            (slow, 8, 120),
            (slow, 5, 60),
            (fast, 5, 20),
        ] {
            for times in [
                renders.exact.entry((model, Some(length))).or_default(),
                renders.by_model.entry(model).or_default(),
                &mut renders.all,
            ] {
                times.add(seconds(time));
            }
        }
        assert_eq!(renders.median(slow, Some(8)), Some(seconds(120)));
        assert_eq!(renders.median(slow, Some(15)), Some(seconds(120)));
        assert_eq!(renders.median(fast, None), Some(seconds(20)));
        assert_eq!(renders.median(Model::Mini480p, Some(5)), Some(seconds(100)));
        assert_eq!(renders.count(), 5);
    }

    #[test]
    fn what_completed_jobs_took_counts_and_what_was_found_late_does_not() {
        let (plan, table) = sample::every_status();
        let (model, length) = (Model::Standard720p, Some(8));
        let renders = Renders::of(&plan, &table, seconds(3600));
        assert!(renders.count() >= 2, "{renders:?}");
        assert_eq!(renders.median(model, length), Some(Duration::ZERO));
        assert_eq!(Renders::of(&plan, &table, Duration::ZERO).count(), 0);
    }

    #[test]
    fn a_forecast_is_said_in_round_numbers() {
        let said = |least, most| {
            roughly(Span {
                least: seconds(least),
                most: seconds(most),
            })
        };
        for (least, most, words) in [
            (0, 0, "about 5 s"),
            (1, 1, "about 5 s"),
            (58, 61, "60 to 65 s"),
            (99, 99, "about 100 s"),
            (100, 100, "about 1.5 min"),
            (240, 720, "4 to 12 min"),
            (90, 240, "90 s to 4 min"),
            (5_999, 5_999, "about 100 min"),
            (6_000, 6_000, "about 1.7 h"),
            (7_200, 14_400, "2 to 4 h"),
            (172_799, 172_799, "about 48 h"),
            (172_800, 1_000_000, "2 to 11.6 days"),
        ] {
            assert_eq!(said(least, most), words);
        }
    }
}
