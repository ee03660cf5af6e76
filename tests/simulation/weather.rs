//! What a run meets and what it was asked to do, drawn from the seed before it begins.
//!
//! Start at [`World::draw_session`]. Every kind of trouble has its field here with a chance, and is carried out where
//! it bites: in `provider`, `file` or `world`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::SignedDuration;
use shotlist::engine::Setup;
use shotlist::engine::budget::Budget;
use shotlist::engine::downloads::{Downloads, FileTerms, Renewal};
use shotlist::engine::event::{Origin, RunNumber, RunStart};
use shotlist::engine::limits::Limits;
use shotlist::engine::resume::Rerun;
use shotlist::engine::selection::Selection;
use shotlist::runner::Signal;

use crate::chance::Chance;
use crate::provider::{ACCOUNTS, Account, WRONG_KEY};
use crate::world::{Session, World};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// An interval so short that requests leave together.
pub(crate) const GROUPED: Duration = Duration::from_millis(1);

/// Something that strikes at an instant of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mischief {
    Kill,
    Cut,
    Signal(Signal),
    /// The time of day is set.
    Jump(SignedDuration),
    /// The machine sleeps: the time of day goes on, the monotonic clock does not.
    Sleep(Duration),
    /// The state file is moved away, until the run is over.
    Move,
}

/// What the person asked of a run.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) account: Account,
    pub(crate) limits: Limits,
    pub(crate) rerun: Rerun,
    /// `--max-spend`
    pub(crate) max_spend: Option<u64>,
    /// Whether what is marked in the gallery is to be made again.
    pub(crate) redo: bool,
    pub(crate) select: Vec<String>,
    pub(crate) downloads: Downloads,
}

/// Beside everything else, so many at a time.
fn along(concurrency: u32) -> Downloads {
    Downloads::Along(FileTerms {
        concurrency: NonZeroU32::new(concurrency).expect("not 0"),
        renewal: Renewal::Possible,
        gone: BTreeMap::new(),
    })
}

impl Terms {
    /// A run with nothing special, under one of the accounts.
    pub(crate) fn calm(account: usize) -> Self {
        Self {
            account: ACCOUNTS[account],
            limits: Limits {
                concurrency: NonZeroU32::new(4).expect("not 0"),
                submit_interval: SECOND,
                poll_interval: SECOND / 4,
                poll_first: 15 * SECOND,
                poll_every: 30 * SECOND,
                job_timeout: 400 * SECOND,
                deadline: 4 * 3600 * SECOND,
                max_jobs: None,
            },
            rerun: Rerun::default(),
            max_spend: None,
            redo: false,
            select: Vec::new(),
            downloads: along(2),
        }
    }

    /// The same for the engine.
    pub(crate) fn setup(&self, run: RunNumber, budget: Option<Budget>) -> Setup {
        let origin = Origin {
            base_url: self.account.base_url.to_owned(),
            create_path: "/c".to_owned(),
            poll_path: "/p/{task_id}".to_owned(),
            key: self.account.key.to_owned(),
        };
        let select = self.select.clone();
        Setup {
            selection: Selection::new(&select).expect("a glob"),
            start: RunStart {
                run,
                origin,
                select,
                partition: None,
            },
            limits: self.limits.clone(),
            rerun: self.rerun.clone(),
            budget,
            downloads: self.downloads.clone(),
        }
    }

    fn draw(chance: &mut Chance, has_prices: bool) -> Self {
        let usual = Self::calm(chance.pick(&[0, 0, 0, 0, 0, 1, 2]));
        let max_jobs = chance.percent(12).then(|| chance.small(1, 3));
        let select = chance.percent(12).then(|| "job-[0-3]".to_owned());
        let has_cap = chance.percent(if has_prices { 35 } else { 5 });
        let max_spend = has_cap.then(|| chance.pick(&[4, 7, 15, 15, 22, 22, 30, 45, 80]));
        let account = if chance.percent(3) {
            WRONG_KEY
        } else {
            usual.account
        };
        let terms = Self {
            account,
            limits: Limits {
                concurrency: NonZeroU32::new(chance.small(1, 5)).expect("not 0"),
                submit_interval: chance.pick(&[
                    GROUPED,
                    SECOND / 2,
                    SECOND,
                    2 * SECOND,
                    5 * SECOND,
                ]),
                poll_interval: chance.pick(&[GROUPED, SECOND / 10, SECOND / 4, SECOND]),
                poll_first: chance.pick(&[SECOND, 5 * SECOND, 15 * SECOND]),
                poll_every: chance.pick(&[10 * SECOND, 30 * SECOND]),
                job_timeout: chance.pick(&[90, 200, 400]) * SECOND,
                deadline: chance.pick(&[20, 300, 14_400, 14_400]) * SECOND,
                max_jobs: max_jobs.and_then(NonZeroU32::new),
            },
            rerun: Rerun {
                failed: chance.percent(25),
                changed: chance.percent(25),
                ..Rerun::default()
            },
            max_spend,
            redo: chance.percent(40),
            select: select.into_iter().collect(),
            downloads: match chance.below(8) {
                0..=2 => Downloads::None,
                3 => Downloads::Alone(FileTerms {
                    concurrency: NonZeroU32::MIN,
                    renewal: Renewal::NoKey,
                    gone: BTreeMap::new(),
                }),
                _ => along(chance.small(1, 3)),
            },
        };
        if terms.downloads.is_alone() {
            return Self {
                rerun: Rerun::default(),
                max_spend: None,
                redo: false,
                ..terms
            };
        }
        terms
    }
}

/// How the provider behaves, in percent of its answers unless said otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// Creates that meet trouble.
    pub(crate) creates: u64,
    /// Polls that meet trouble.
    pub(crate) polls: u64,
    /// Creates that meet a fault of the whole run.
    pub(crate) faults: u64,
    /// Tasks that do not settle in this weather.
    pub(crate) stuck: u64,
    /// Tasks that the provider forgets.
    pub(crate) vanish: u64,
    /// How long a create takes at most.
    pub(crate) create_takes: Duration,
    /// Seconds of the run in which every create is answered with 429.
    pub(crate) storm: Option<(u64, u64)>,
    /// Shortest time between two creates that the account allows.
    pub(crate) hidden_interval: Duration,
    /// Most tasks that the account has running.
    pub(crate) hidden_flight: usize,
    /// Downloads that meet trouble.
    pub(crate) downloads: u64,
    /// Calls on files of videos that fail.
    pub(crate) files: u64,
}

impl Weather {
    pub(crate) fn calm() -> Self {
        Self {
            creates: 0,
            polls: 0,
            faults: 0,
            stuck: 0,
            vanish: 0,
            create_takes: SECOND,
            storm: None,
            hidden_interval: Duration::ZERO,
            hidden_flight: usize::MAX,
            downloads: 0,
            files: 0,
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.creates == 0 && self.polls == 0
    }

    fn draw(chance: &mut Chance) -> Self {
        let storm = chance.percent(10).then(|| {
            let from = chance.below(60);
            (from, from + chance.below(120))
        });
        Self {
            creates: 1 + chance.below(60),
            polls: 1 + chance.below(50),
            faults: chance.pick(&[0, 0, 0, 5]),
            stuck: chance.pick(&[0, 10, 40]),
            vanish: chance.pick(&[0, 0, 8]),
            create_takes: chance.pick(&[SECOND / 10, SECOND, 20 * SECOND]),
            storm,
            hidden_interval: chance.pick(&[Duration::ZERO, Duration::ZERO, 3 * SECOND]),
            hidden_flight: chance.pick(&[usize::MAX, usize::MAX, 2]),
            downloads: chance.pick(&[0, 20, 60]),
            files: chance.pick(&[0, 0, 3, 10]),
        }
    }
}

/// What the disk does wrong.
#[derive(Debug, Clone)]
pub(crate) struct DiskFaults {
    /// Which write from now fails.
    write: Option<u32>,
    /// Which sync from now fails.
    sync: Option<u32>,
    /// Whether every sync after that fails too, in later runs as well, until fair weather.
    pub(crate) for_ever: bool,
    /// Which sync from now takes how long.
    slow: Option<(u32, Duration)>,
    /// Whether the next truncate fails.
    pub(crate) truncate: bool,
    pub(crate) can_reserve: bool,
    /// Bytes that are left on the disk.
    pub(crate) room: Option<usize>,
}

impl Default for DiskFaults {
    fn default() -> Self {
        Self {
            write: None,
            sync: None,
            for_ever: false,
            slow: None,
            truncate: false,
            can_reserve: true,
            room: None,
        }
    }
}

/// What becomes of one sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncFault {
    None,
    Slow(Duration),
    Fails,
}

/// Counts down; whether it has just come to its end.
fn is_due(countdown: &mut Option<u32>) -> bool {
    if let Some(left) = countdown {
        *left = left.saturating_sub(1);
        if *left == 0 {
            *countdown = None;
            return true;
        }
    }
    false
}

impl DiskFaults {
    pub(crate) fn write_fails(&mut self) -> bool {
        is_due(&mut self.write)
    }

    pub(crate) fn next_sync(&mut self) -> SyncFault {
        if is_due(&mut self.sync) {
            return SyncFault::Fails;
        }
        let mut countdown = self.slow.map(|(at, _)| at);
        let is_slow = is_due(&mut countdown);
        match self.slow {
            Some((_, long)) if is_slow => {
                self.slow = None;
                SyncFault::Slow(long)
            }
            Some((_, long)) => {
                self.slow = countdown.map(|at| (at, long));
                SyncFault::None
            }
            None => SyncFault::None,
        }
    }

    fn draw(chance: &mut Chance) -> Self {
        let room = [0, 300, 900, 4000, 40_000, 300_000];
        Self {
            write: chance.percent(6).then(|| chance.nth()),
            sync: chance.percent(8).then(|| chance.nth()),
            for_ever: chance.percent(30),
            slow: chance
                .percent(15)
                .then(|| (chance.nth(), chance.up_to(60 * SECOND))),
            truncate: chance.percent(20),
            can_reserve: chance.percent(90),
            room: chance.percent(6).then(|| chance.pick(&room)),
        }
    }
}

impl World {
    /// A run in bad weather.
    pub(crate) fn draw_session(&mut self) -> Session {
        let chance = &mut self.chance;
        let mut mischief = Vec::new();
        if chance.percent(60) {
            mischief.push((chance.nth(), chance.pick(&[Mischief::Kill, Mischief::Cut])));
        }
        if chance.percent(20) {
            let signal = chance.pick(&[Signal::Interrupt, Signal::Terminate]);
            let at = chance.nth();
            mischief.push((at, Mischief::Signal(signal)));
            if chance.percent(30) {
                mischief.push((at + 1, Mischief::Sleep(2 * SECOND)));
            }
            if chance.percent(40) {
                let later = at + chance.small(0, 4);
                mischief.push((later, Mischief::Signal(Signal::Interrupt)));
            }
        }
        for _ in 0..chance.pick(&[0, 0, 0, 1, 3]) {
            let long = chance.pick(&[2, 40, 400, 90_000]);
            let stroke = match chance.below(3) {
                0 => Mischief::Jump(SignedDuration::from_secs(i64::from(long))),
                1 => Mischief::Jump(-SignedDuration::from_secs(i64::from(long))),
                _ => Mischief::Sleep(SECOND * long),
            };
            mischief.push((chance.nth(), stroke));
        }
        if chance.percent(3) {
            mischief.push((chance.nth(), Mischief::Move));
        }
        let terms = Terms::draw(chance, self.prices.is_some());
        let weather = Weather::draw(chance);
        Session::new(terms, weather, DiskFaults::draw(chance), mischief)
    }

    /// A short stay of a process that only opens the state, or adds to it what a person says.
    pub(crate) fn draw_crash(&mut self, percent: u64) -> Vec<(u32, Mischief)> {
        let crash = self.chance.pick(&[Mischief::Kill, Mischief::Cut]);
        let is_due = self.chance.percent(percent);
        let at = self.chance.small(1, 12);
        is_due.then_some((at, crash)).into_iter().collect()
    }
}
