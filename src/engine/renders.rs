//! How long tasks of a kind took to be made, and when it is best to ask for the next ones.
//!
//! Start at [`Renders::next`]. What is known of a finished task is an interval: it was still running at one poll and over
//! at a later one. The schedule of a kind asks where its tasks end and nowhere else, within the bounds of the user: never
//! before `poll_first`, and never twice within `poll_every`.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::limits::Limits;
use crate::plan::Model;

/// Tasks of a kind that are remembered: the latest.
const REMEMBERED: usize = 32;

/// Tasks of a kind that must have ended before anything is concluded.
const ENOUGH: usize = 4;

/// After so many first polls in a row that came too late, they are thought to have come twice as late.
const DOUBTED: u32 = 4;

/// What tasks have in common that take about as long: model, and length of the video in seconds.
pub(super) type Kind = (Model, Option<u8>);

/// What finished tasks took, by kind.
#[derive(Debug, Default)]
pub(super) struct Renders {
    kinds: HashMap<Kind, Habit>,
}

#[derive(Debug, Default)]
struct Habit {
    ended: VecDeque<Ended>,
    /// Tasks in a row that were over at their first poll.
    too_late: u32,
    /// Ages at which a task is asked for, ascending; empty until enough is known.
    schedule: Vec<Duration>,
}

/// When a task ended, by its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ended {
    after: Duration,
    by: Duration,
    /// Whether a poll found it running at the one age; else that is a guess.
    found_running: bool,
}

impl Renders {
    /// Takes in a task that was over at the age `by`, and still running at the age `after` if it was asked for before.
    pub(super) fn learn(
        &mut self,
        kind: Kind,
        after: Option<Duration>,
        by: Duration,
        limits: &Limits,
    ) {
        if by > limits.job_timeout || limits.poll_every.is_zero() {
            return;
        }
        let habit = self.kinds.entry(kind).or_default();
        habit.too_late = after.map_or(habit.too_late + 1, |_| 0);
        let ended = Ended {
            after: after.unwrap_or_else(|| habit.likely_after(by, limits.poll_every)),
            by,
            found_running: after.is_some(),
        };
        if let Some(after) = after {
            habit.guess_again(after);
        }
        habit.ended.truncate(REMEMBERED - 1);
        habit.ended.push_front(ended);
        if habit.ended.len() >= ENOUGH {
            habit.schedule = schedule(habit.ended.make_contiguous(), limits);
        }
    }

    /// The age at which a task is best asked for next; `asked` is its age when it was asked for last, if it was. `None`: it
    /// has outlived the others of its kind, or there are not enough of them.
    pub(super) fn next(
        &self,
        kind: Kind,
        asked: Option<Duration>,
        limits: &Limits,
    ) -> Option<Duration> {
        let schedule = &self.kinds.get(&kind)?.schedule;
        let Some(asked) = asked else {
            return schedule.first().copied();
        };
        // It may have been asked for a little later than it was to be.
        let next = schedule.partition_point(|age| *age < asked + limits.poll_every / 2);
        let next = schedule.get(next)?;
        Some((*next).max(asked + limits.poll_every))
    }
}

impl Habit {
    /// A task was found running at this age: so were others, as likely as not.
    fn guess_again(&mut self, running: Duration) {
        let guesses = self.ended.iter_mut().filter(|it| !it.found_running);
        for guess in guesses.filter(|it| it.by > running) {
            guess.after = guess.after.max(running);
        }
    }

    /// When a task may have ended that was over at its first poll. Whether that came a moment too late or an age, nobody
    /// knows: no sooner than others were found running, unless there are many such tasks in a row; the more there are, the
    /// earlier the next ones are asked for.
    fn likely_after(&self, by: Duration, every: Duration) -> Duration {
        let doubts = self.too_late / DOUBTED;
        let others = self.ended.iter().filter(|it| it.found_running);
        let running = others.map(|it| it.after).filter(|after| *after < by).max();
        let running = running.filter(|_| doubts == 0);
        let width = every
            .max(by / 8)
            .saturating_mul(2_u32.saturating_pow(doubts));
        running.unwrap_or_else(|| by.saturating_sub(width))
    }
}

/// How dear it is not to know that a task is over, in polls: so many times what makes a poll each `poll_every` the best
/// where tasks end evenly over their spread.
const IMPATIENCE: u64 = 5;

/// Times that are tried, for each `poll_every`.
const TRIED: u64 = 4;

/// Most times that are tried.
const MOST_TRIED: u64 = 256;

/// The longest gap in a schedule, in `poll_every`: what has never happened may happen.
const LONGEST_GAP: usize = 2;

/// The times to ask at that cost least, in polls and in time that tasks are over and not known to be.
fn schedule(ended: &[Ended], limits: &Limits) -> Vec<Duration> {
    let every = millis(limits.poll_every).max(1);
    let ends = Ends::of(ended);
    let first = millis(limits.poll_first).max(ends.first());
    let last = ends.last().max(first);
    let step = (every / TRIED).max((last - first) / MOST_TRIED).max(1);
    let begin = last - (last - first) / step * step;
    let tried: Vec<u64> = std::iter::successors(Some(begin), |time| Some(time + step))
        .take_while(|time| *time < last + every)
        .collect();
    let gap = usize::try_from(every.div_ceil(step)).unwrap_or(usize::MAX);

    let price = (every.saturating_mul(every) / (IMPATIENCE * ends.spread().max(every))).max(1);
    let mut polls: Vec<Poll> = Vec::with_capacity(tried.len());
    for (at, time) in tried.iter().enumerate() {
        let alone = Poll {
            cost: ends.all() * price + ends.lateness(0, *time),
            before: None,
        };
        let earliest = at.saturating_sub(gap * LONGEST_GAP);
        let after = (earliest..(at + 1).saturating_sub(gap)).map(|before| Poll {
            cost: polls[before].cost
                + ends.left(tried[before]) * price
                + ends.lateness(tried[before], *time),
            before: Some(before),
        });
        let best = after.chain([alone]).min_by_key(|poll| poll.cost);
        polls.extend(best);
    }
    let finals = (0..polls.len()).filter(|at| tried[*at] >= last);
    let cheapest = finals.min_by_key(|at| polls[*at].cost);
    let chosen = std::iter::successors(cheapest, |at| polls[*at].before);
    let mut times: Vec<_> = chosen.map(|at| Duration::from_millis(tried[at])).collect();
    times.reverse();
    times
}

/// A poll of a schedule: the least that it and those before it cost, and the one before it.
#[derive(Debug, Clone, Copy)]
struct Poll {
    cost: u64,
    before: Option<usize>,
}

/// Points of an interval in which a task ended that stand for it.
const POINTS: u32 = 4;

/// Ages in milliseconds at which tasks ended, ascending: each as several points.
struct Ends {
    points: Vec<u64>,
    /// The sum of the points up to each.
    sums: Vec<u64>,
}

impl Ends {
    fn of(ended: &[Ended]) -> Self {
        let points_of = |it: &Ended| {
            let width = it.by.saturating_sub(it.after);
            let after = it.after;
            (0..POINTS).map(move |point| millis(after + width * (2 * point + 1) / (2 * POINTS)))
        };
        let mut points: Vec<u64> = ended.iter().flat_map(points_of).collect();
        points.sort_unstable();
        let sums = std::iter::once(0).chain(points.iter().scan(0, |sum, point| {
            *sum += point;
            Some(*sum)
        }));
        Self {
            sums: sums.collect(),
            points,
        }
    }

    fn all(&self) -> u64 {
        self.points.len() as u64
    }

    fn first(&self) -> u64 {
        self.points.first().copied().unwrap_or_default()
    }

    fn last(&self) -> u64 {
        self.points.last().copied().unwrap_or_default()
    }

    /// The span in which most of them lie.
    fn spread(&self) -> u64 {
        let tenth = self.points.len() / 10;
        let inner = &self.points[tenth..self.points.len() - tenth];
        let span = inner.first().zip(inner.last());
        span.map_or(0, |(first, last)| last - first) * 5 / 4
    }

    /// How many lie after `time`.
    fn left(&self, time: u64) -> u64 {
        (self.points.len() - self.until(time)) as u64
    }

    /// How late they are known altogether, of those after the poll at `before` that the poll at `time` finds.
    fn lateness(&self, before: u64, time: u64) -> u64 {
        let (before, until) = (self.until(before), self.until(time));
        (until - before) as u64 * time - (self.sums[until] - self.sums[before])
    }

    fn until(&self, time: u64) -> usize {
        self.points.partition_point(|point| *point <= time)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const KIND: Kind = (Model::ALL[0], Some(8));

    fn limits() -> Limits {
        Limits {
            concurrency: NonZeroU32::MIN,
            submit_interval: SECOND,
            poll_interval: SECOND,
            poll_first: 15 * SECOND,
            poll_every: 10 * SECOND,
            job_timeout: 3600 * SECOND,
            deadline: 3600 * SECOND,
            max_jobs: None,
        }
    }

    /// Tasks that took so many seconds, each asked for every ten seconds.
    fn learnt(seconds: &[u32]) -> Renders {
        let mut renders = Renders::default();
        for taken in seconds {
            let by = 15 + taken.saturating_sub(15).div_ceil(10) * 10;
            let after = (by > 15).then(|| (by - 10) * SECOND);
            renders.learn(KIND, after, by * SECOND, &limits());
        }
        renders
    }

    /// The ages at which a task is asked for that outlives all others of its kind.
    fn asked(renders: &Renders) -> Vec<u64> {
        let next = |asked| renders.next(KIND, asked, &limits());
        let ages = std::iter::successors(next(None), |asked| next(Some(*asked)));
        ages.map(|age| age.as_secs()).collect()
    }

    #[test]
    fn nothing_is_concluded_from_a_few_tasks_or_from_another_kind() {
        assert!(asked(&learnt(&[60, 60, 60])).is_empty());
        let renders = learnt(&[60; 4]);
        let other = (KIND.0, Some(9));
        assert_eq!(renders.next(other, None, &limits()), None);
        assert!(renders.next(KIND, None, &limits()).is_some());
    }

    #[test]
    fn tasks_that_take_as_long_as_each_other_are_asked_for_once() {
        assert_eq!(asked(&learnt(&[60; 8])), [63]);
    }

    #[test]
    fn tasks_that_end_over_a_span_are_asked_for_throughout_it_and_not_before() {
        let spread: Vec<u32> = (60..=180).step_by(4).collect();
        let asked = asked(&learnt(&spread));
        assert!((60..80).contains(&asked[0]), "{asked:?}");
        assert!(
            (170..=185).contains(asked.last().expect("one")),
            "{asked:?}"
        );
        for (one, next) in asked.iter().zip(&asked[1..]) {
            assert!((10..=20).contains(&(next - one)), "{asked:?}");
        }
    }

    #[test]
    fn the_bounds_of_the_user_hold_whatever_was_learnt() {
        for seconds in [
            vec![1; 9],
            vec![5, 16, 17, 18, 200, 300],
            (20..60).collect(),
        ] {
            let renders = learnt(&seconds);
            let asked = asked(&renders);
            assert!(asked.first().is_none_or(|first| *first >= 15), "{asked:?}");
            assert!(
                asked.windows(2).all(|pair| pair[1] - pair[0] >= 10),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn a_first_poll_that_comes_too_late_makes_the_next_ones_earlier() {
        let mut renders = learnt(&[120; 32]);
        let first = |renders: &Renders| renders.next(KIND, None, &limits()).expect("learnt");
        let before = first(&renders);
        for _ in 0..60 {
            let by = first(&renders);
            renders.learn(KIND, None, by, &limits());
        }
        assert!(first(&renders) < before / 2);
    }

    #[test]
    fn what_took_longer_than_a_job_may_take_teaches_nothing() {
        let mut renders = Renders::default();
        for _ in 0..9 {
            renders.learn(KIND, None, 4000 * SECOND, &limits());
        }
        assert_eq!(renders.next(KIND, None, &limits()), None);
    }
}
