//! A provider with ceilings, as arithmetic. Start at [`Ceiling`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use shotlist::engine::event::{JobIndex, PollReply, SubmitReply};

use crate::virtual_time;

/// What an account allows.
pub(crate) enum Ceiling {
    /// So many creates in any period.
    Sliding {
        count: usize,
        period: Duration,
        refused: Refused,
        times: VecDeque<Duration>,
    },
    /// So many creates in each period by the clock.
    Fixed {
        count: u32,
        period: Duration,
        window: u32,
        used: u32,
    },
    /// A bucket that holds `burst` and gets one an interval.
    Bucket {
        burst: u32,
        interval: Duration,
        /// When it is full again.
        full_at: Duration,
    },
    /// So many tasks at a time.
    InFlight(fn(Duration) -> usize),
    /// Nothing in a span of time.
    Closed(Range<Duration>),
    /// A share of the creates, whatever they do, up to a time.
    Chance {
        share: f64,
        until: Duration,
        drawn: u64,
    },
    /// The create with this number, and for so long, if that is told.
    Odd {
        number: u32,
        told: Duration,
        creates: u32,
    },
}

/// Whether creates that are refused use up what is allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Counts,
    Free,
}

/// What `Retry-After` says.
#[derive(Clone, Copy)]
pub(crate) enum Advice {
    None,
    /// When the next create would be taken; of tasks in flight, when the first of them ends.
    True,
    /// Always a second.
    One,
}

/// How many seconds videos take.
#[derive(Clone, Copy)]
pub(crate) enum Renders {
    Between(u64, u64),
}

impl Advice {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "no Retry-After",
            Self::True => "true Retry-After",
            Self::One => "Retry-After: 1",
        }
    }
}

impl Ceiling {
    pub(crate) fn sliding(count: usize, period: Duration, refused: Refused) -> Self {
        Self::Sliding {
            count,
            period,
            refused,
            times: VecDeque::new(),
        }
    }

    pub(crate) fn fixed(count: u32, period: Duration) -> Self {
        Self::Fixed {
            count,
            period,
            window: 0,
            used: 0,
        }
    }

    pub(crate) fn bucket(burst: u32, interval: Duration) -> Self {
        Self::Bucket {
            burst,
            interval,
            full_at: Duration::ZERO,
        }
    }

    pub(crate) fn in_flight(most: fn(Duration) -> usize) -> Self {
        Self::InFlight(most)
    }

    pub(crate) fn closed(from: u64, until: u64) -> Self {
        Self::Closed(Duration::from_secs(from)..Duration::from_secs(until))
    }

    pub(crate) fn chance(percent: u32, until: Duration) -> Self {
        Self::Chance {
            share: f64::from(percent) / 100.0,
            until,
            drawn: 0,
        }
    }

    pub(crate) fn odd(number: u32, told: Duration) -> Self {
        Self::Odd {
            number,
            told,
            creates: 0,
        }
    }

    /// How long it is until a create would be taken.
    fn wait(&mut self, now: Duration, running: &BinaryHeap<Reverse<Duration>>) -> Duration {
        match self {
            Self::Sliding {
                count,
                period,
                times,
                ..
            } => {
                while times.front().is_some_and(|at| *at + *period <= now) {
                    times.pop_front();
                }
                let over = times.len().checked_sub(*count).and_then(|at| times.get(at));
                over.map_or(Duration::ZERO, |at| (*at + *period).saturating_sub(now))
            }
            Self::Fixed {
                count,
                period,
                window,
                used,
            } => {
                let present =
                    u32::try_from(now.as_millis() / period.as_millis()).expect("a short run");
                if present != *window {
                    (*window, *used) = (present, 0);
                }
                if used < count {
                    return Duration::ZERO;
                }
                (*period * (present + 1)).saturating_sub(now)
            }
            Self::Bucket {
                burst,
                interval,
                full_at,
            } => full_at.saturating_sub(now + *interval * (*burst - 1)),
            Self::InFlight(most) => {
                let over = (running.len() + 1).saturating_sub(most(now));
                let mut ends: Vec<_> = running.iter().map(|end| end.0).collect();
                ends.sort_unstable();
                let free = over.checked_sub(1).and_then(|at| ends.get(at));
                free.map_or(Duration::ZERO, |end| end.saturating_sub(now))
            }
            Self::Closed(span) if span.contains(&now) => span.end.saturating_sub(now),
            Self::Closed(_) | Self::Chance { .. } | Self::Odd { .. } => Duration::ZERO,
        }
    }

    /// Whether a create is refused for no reason of its own, and for how long.
    fn whim(&mut self, now: Duration, seed: u64) -> Duration {
        match self {
            Self::Chance {
                share,
                until,
                drawn,
            } if now < *until => {
                *drawn += 1;
                let drawn = u32::try_from(mixed(seed << 24 ^ *drawn) % 1_000).expect("small");
                let is_refused = f64::from(drawn) < *share * 1_000.0;
                Duration::from_secs(u64::from(is_refused))
            }
            Self::Odd {
                number,
                told,
                creates,
            } => {
                *creates += 1;
                if creates == number {
                    *told
                } else {
                    Duration::ZERO
                }
            }
            _ => Duration::ZERO,
        }
    }

    fn take(&mut self, now: Duration) {
        match self {
            Self::Sliding { times, .. } => times.push_back(now),
            Self::Fixed { used, .. } => *used += 1,
            Self::Bucket {
                interval, full_at, ..
            } => *full_at = (*full_at).max(now) + *interval,
            _ => {}
        }
    }

    fn refuse(&mut self, now: Duration) {
        if let Self::Sliding {
            refused: Refused::Counts,
            ..
        } = self
        {
            self.take(now);
        }
    }

    /// The least time that so many creates take, on average.
    fn rate(&self, creates: u32) -> Duration {
        match self {
            Self::Sliding { count, period, .. } => {
                *period * creates / u32::try_from(*count).expect("a small count")
            }
            Self::Fixed { count, period, .. } => *period * creates / *count,
            Self::Bucket { interval, .. } => *interval * creates,
            _ => Duration::ZERO,
        }
    }

    /// Time that passes on average in pauses of a second, doubled for each refusal in a row, until so many creates that
    /// are an interval apart were taken.
    fn pauses(&self, creates: u32, interval: Duration, advice: Advice) -> Duration {
        match self {
            Self::Chance { share, until, .. } => {
                let pauses = (0..20).map(|row| share.powi(row + 1) * 2_f64.powi(row).min(30.0));
                let pause = Duration::from_secs_f64(pauses.sum());
                (pause * creates).min(until.mul_f64(pause.div_duration_f64(pause + interval)))
            }
            Self::Odd { number, told, .. } if creates + 1 >= *number => match advice {
                Advice::True => *told,
                _ => Duration::from_secs(1),
            },
            _ => Duration::ZERO,
        }
    }
}

pub(crate) struct Provider {
    ceilings: Vec<Ceiling>,
    renders: Renders,
    advice: Advice,
    chance: u64,
    seed: u64,
    running: BinaryHeap<Reverse<Duration>>,
    ends: HashMap<JobIndex, Duration>,
}

impl Provider {
    pub(crate) fn new(ceilings: Vec<Ceiling>, renders: Renders, advice: Advice, seed: u64) -> Self {
        Self {
            ceilings,
            renders,
            advice,
            chance: seed,
            seed,
            running: BinaryHeap::new(),
            ends: HashMap::new(),
        }
    }

    fn render(&self, job: JobIndex) -> Duration {
        let Renders::Between(least, most) = self.renders;
        let span = (most - least) * 1_000 + 1;
        let chance = mixed(self.seed << 32 ^ u64::from(job));
        Duration::from_millis(least * 1_000 + chance % span)
    }

    fn latency(&mut self) -> Duration {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        Duration::from_micros(20_000 + mixed(self.chance) % 40_000)
    }

    fn wait(&mut self, now: Duration) -> Duration {
        while self.running.peek().is_some_and(|end| end.0 <= now) {
            self.running.pop();
        }
        let running = &self.running;
        let waits = self.ceilings.iter_mut().map(|it| it.wait(now, running));
        waits.max().unwrap_or_default()
    }

    fn whim(&mut self, now: Duration) -> Duration {
        let seed = self.seed;
        let whims = self.ceilings.iter_mut().map(|it| it.whim(now, seed));
        whims.max().unwrap_or_default()
    }

    fn take(&mut self, job: JobIndex, now: Duration) -> Duration {
        let end = now + self.render(job);
        self.ceilings.iter_mut().for_each(|it| it.take(now));
        self.running.push(Reverse(end));
        self.ends.insert(job, end);
        end
    }

    /// The least time that so many jobs take: creates at the rate that is allowed and as soon as a task may begin, by
    /// somebody who knows the ceilings and keeps to own limits.
    pub(crate) fn least_time(
        mut self,
        jobs: u32,
        concurrency: u32,
        interval: Duration,
    ) -> Duration {
        let opens: Vec<_> = (0..jobs)
            .map(|job| {
                let rates = self.ceilings.iter().map(|it| it.rate(job));
                let pauses = self.ceilings.iter();
                let pauses = pauses.map(|it| it.pauses(job, interval, self.advice));
                rates.max().unwrap_or_default().max(interval * job) + pauses.sum::<Duration>()
            })
            .collect();
        self.ceilings
            .retain(|it| matches!(it, Ceiling::InFlight(_) | Ceiling::Closed(_)));
        let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
        for (job, open_at) in (0..jobs).zip(opens) {
            now = open_at.max(now + if job > 0 { interval } else { Duration::ZERO });
            loop {
                let wait = self.wait(now);
                let is_full = self.running.len() >= concurrency as usize;
                let end = self.running.peek().map(|end| end.0);
                now += match end.filter(|_| is_full) {
                    Some(end) => wait.max(end.saturating_sub(now)),
                    None if wait.is_zero() => break,
                    None => wait.min(Duration::from_secs(1)),
                };
            }
            last = last.max(self.take(job, now));
        }
        last
    }
}

impl virtual_time::Provider for Provider {
    fn way(&mut self) -> Duration {
        self.latency()
    }

    fn create(&mut self, now: Duration, job: JobIndex) -> (Duration, SubmitReply) {
        let back = self.latency();
        let wait = self.wait(now).max(self.whim(now));
        if wait.is_zero() {
            self.take(job, now);
            return (back, virtual_time::accepted(job));
        }
        self.ceilings.iter_mut().for_each(|it| it.refuse(now));
        let told = match self.advice {
            Advice::None => None,
            Advice::True => Some(wait),
            Advice::One => Some(Duration::from_secs(1)),
        };
        (back, virtual_time::refused(told))
    }

    fn poll(&mut self, now: Duration, job: JobIndex) -> (Duration, PollReply) {
        (
            self.latency(),
            virtual_time::answer_of(job, self.ends[&job], now),
        )
    }

    fn end(&self, job: JobIndex) -> Option<Duration> {
        self.ends.get(&job).copied()
    }
}

/// A number that looks like chance.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
