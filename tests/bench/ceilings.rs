//! Ceilings that a provider does not publish, in virtual time: how near a run comes to the least time that the ceiling
//! allows, and how many creates are refused on the way. Nothing here is tuned to one of them.

mod provider;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use shotlist::engine::limits::Limits;
use shotlist::engine::table::JobTable;

use self::provider::{Advice, Ceiling, Provider, Refused, Renders};
use crate::table;
use crate::virtual_time::{self, Course};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Each account is met by so many runs, whose latencies and render times differ.
const SEEDS: [u64; 5] = [11, 22, 33, 44, 55];

/// How many those are.
const RUNS: f64 = 5.0;

const CONSTANT: Renders = Renders::Between(10, 10);
const SPREAD: Renders = Renders::Between(3, 60);
const SHORT: Renders = Renders::Between(1, 3);

struct Account {
    name: &'static str,
    jobs: u32,
    renders: Renders,
    ceilings: fn() -> Vec<Ceiling>,
    limits: Limited,
    advices: &'static [Advice],
}

/// Most jobs in flight and shortest time between creates.
type Pair = (u32, Duration);

/// The limits of the user.
enum Limited {
    /// Far above the ceiling; and then those that never meet it.
    Above { keeping: Pair },
    /// There is no ceiling; these keep within what refusals leave.
    To(Pair),
}

pub(crate) fn bench() {
    println!("  seeds {SEEDS:?}; mean (worst) of their runs; ways of 20 to 60 ms");
    let begin = Instant::now();
    for account in ACCOUNTS {
        let limits = match account.limits {
            Limited::Above { .. } => (100, SECOND / 100),
            Limited::To(limits) => limits,
        };
        for advice in account.advices {
            let name = format!("{}, {}", account.name, advice.name());
            tell(&name, account, *advice, limits);
        }
        if let Limited::Above { keeping } = account.limits {
            let name = format!("{}, keeping to it", account.name);
            tell(&name, account, Advice::None, keeping);
        }
    }
    println!("  in {:.1} s of real time", begin.elapsed().as_secs_f64());
}

const ALL: &[Advice] = &[Advice::None, Advice::True, Advice::One];

/// What a studio may ask for.
const STUDIO: Limited = Limited::To((20, Duration::from_millis(200)));

const ACCOUNTS: &[Account] = &[
    Account {
        name: "no ceiling",
        jobs: 1_000,
        renders: SPREAD,
        ceilings: Vec::new,
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(10)),
        },
        advices: ALL,
    },
    Account {
        name: "5/s sliding",
        jobs: 100,
        renders: SHORT,
        ceilings: || vec![Ceiling::sliding(5, SECOND, Refused::Free)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(220)),
        },
        advices: ALL,
    },
    Account {
        name: "5/s sliding, renders 3 to 60 s",
        jobs: 100,
        renders: SPREAD,
        ceilings: || vec![Ceiling::sliding(5, SECOND, Refused::Free)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(220)),
        },
        advices: ALL,
    },
    Account {
        name: "5/s sliding, refused ones count",
        jobs: 100,
        renders: SHORT,
        ceilings: || vec![Ceiling::sliding(5, SECOND, Refused::Counts)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(220)),
        },
        advices: ALL,
    },
    Account {
        name: "5/s fixed window",
        jobs: 100,
        renders: SHORT,
        ceilings: || vec![Ceiling::fixed(5, SECOND)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(220)),
        },
        advices: ALL,
    },
    Account {
        name: "5/s bucket of 1",
        jobs: 100,
        renders: SHORT,
        ceilings: || vec![Ceiling::bucket(1, SECOND / 5)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(250)),
        },
        advices: ALL,
    },
    Account {
        name: "5/s bucket of 5",
        jobs: 100,
        renders: SHORT,
        ceilings: || vec![Ceiling::bucket(5, SECOND / 5)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(200)),
        },
        advices: ALL,
    },
    Account {
        name: "20/min sliding, renders 10 s",
        jobs: 100,
        renders: CONSTANT,
        ceilings: || vec![Ceiling::sliding(20, MINUTE, Refused::Free)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(3_010)),
        },
        advices: ALL,
    },
    Account {
        name: "20/min sliding, renders 200 s",
        jobs: 100,
        renders: Renders::Between(200, 200),
        ceilings: || vec![Ceiling::sliding(20, MINUTE, Refused::Free)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(3_010)),
        },
        advices: ALL,
    },
    Account {
        name: "20/min sliding, refused ones count",
        jobs: 100,
        renders: SPREAD,
        ceilings: || vec![Ceiling::sliding(20, MINUTE, Refused::Counts)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(3_010)),
        },
        advices: ALL,
    },
    Account {
        name: "300/min sliding",
        jobs: 1_000,
        renders: SHORT,
        ceilings: || vec![Ceiling::sliding(300, MINUTE, Refused::Free)],
        limits: Limited::Above {
            keeping: (100, Duration::from_millis(201)),
        },
        advices: ALL,
    },
    Account {
        name: "3 in flight, renders 10 s",
        jobs: 100,
        renders: CONSTANT,
        ceilings: || vec![Ceiling::in_flight(|_| 3)],
        limits: Limited::Above {
            keeping: (3, Duration::from_millis(10)),
        },
        advices: ALL,
    },
    Account {
        name: "3 in flight, renders 3 to 60 s",
        jobs: 100,
        renders: SPREAD,
        ceilings: || vec![Ceiling::in_flight(|_| 3)],
        limits: Limited::Above {
            keeping: (3, Duration::from_millis(10)),
        },
        advices: ALL,
    },
    Account {
        name: "3 in flight and 1/s, renders 10 s",
        jobs: 100,
        renders: CONSTANT,
        ceilings: || {
            let rate = Ceiling::sliding(1, SECOND, Refused::Free);
            vec![rate, Ceiling::in_flight(|_| 3)]
        },
        limits: Limited::Above {
            keeping: (3, Duration::from_millis(1_050)),
        },
        advices: ALL,
    },
    Account {
        name: "10, then 3, then 10 in flight, renders 3 to 60 s",
        jobs: 300,
        renders: SPREAD,
        ceilings: || {
            let most = |now: Duration| match now.as_secs() {
                200..500 => 3,
                _ => 10,
            };
            vec![Ceiling::in_flight(most)]
        },
        limits: Limited::Above {
            keeping: (3, Duration::from_millis(10)),
        },
        advices: ALL,
    },
    Account {
        name: "closed for 15 s",
        jobs: 100,
        renders: Renders::Between(1, 1),
        ceilings: || vec![Ceiling::closed(2, 17)],
        limits: STUDIO,
        advices: ALL,
    },
    Account {
        name: "closed for 50 s",
        jobs: 100,
        renders: Renders::Between(1, 1),
        ceilings: || vec![Ceiling::closed(2, 52)],
        limits: STUDIO,
        advices: ALL,
    },
    Account {
        name: "closed for 60 s",
        jobs: 100,
        renders: Renders::Between(1, 1),
        ceilings: || vec![Ceiling::closed(2, 62)],
        limits: STUDIO,
        advices: ALL,
    },
    Account {
        name: "closed for 120 s",
        jobs: 100,
        renders: Renders::Between(1, 1),
        ceilings: || vec![Ceiling::closed(2, 122)],
        limits: STUDIO,
        advices: ALL,
    },
    Account {
        name: "closed for 15 s, then for 15 s again",
        jobs: 200,
        renders: Renders::Between(1, 1),
        ceilings: || vec![Ceiling::closed(2, 17), Ceiling::closed(30, 45)],
        limits: STUDIO,
        advices: ALL,
    },
    Account {
        name: "5 % refused by chance",
        jobs: 200,
        renders: Renders::Between(1, 3),
        ceilings: || vec![Ceiling::chance(5, MINUTE * 600)],
        limits: STUDIO,
        advices: &[Advice::None, Advice::One],
    },
    Account {
        name: "5 % refused by chance for 30 s",
        jobs: 200,
        renders: Renders::Between(1, 3),
        ceilings: || vec![Ceiling::chance(5, SECOND * 30)],
        limits: STUDIO,
        advices: &[Advice::None, Advice::One],
    },
    Account {
        name: "30 % refused by chance",
        jobs: 200,
        renders: Renders::Between(1, 3),
        ceilings: || vec![Ceiling::chance(30, MINUTE * 600)],
        limits: STUDIO,
        advices: &[Advice::None, Advice::One],
    },
    Account {
        name: "30 % refused by chance for 30 s",
        jobs: 200,
        renders: Renders::Between(1, 3),
        ceilings: || vec![Ceiling::chance(30, SECOND * 30)],
        limits: STUDIO,
        advices: &[Advice::None, Advice::One],
    },
    Account {
        name: "one of 100 refused",
        jobs: 100,
        renders: Renders::Between(1, 1),
        ceilings: || vec![Ceiling::odd(7, MINUTE)],
        limits: STUDIO,
        advices: &[Advice::None, Advice::True],
    },
    Account {
        name: "3, then 30 in flight, renders 2 s",
        jobs: 200,
        renders: Renders::Between(2, 2),
        ceilings: || {
            let most = |now: Duration| if now.as_secs() < 30 { 3 } else { 30 };
            vec![Ceiling::in_flight(most)]
        },
        limits: Limited::Above {
            keeping: (3, Duration::from_millis(10)),
        },
        advices: ALL,
    },
];

fn tell(name: &str, account: &Account, advice: Advice, limits: Pair) {
    let runs = SEEDS.map(|seed| run(account, advice, limits, seed));
    let mean = |of: &dyn Fn(&Run) -> f64| runs.iter().map(|run| of(run) / RUNS).sum::<f64>();
    let worst = |of: &dyn Fn(&Run) -> f64| runs.iter().map(of).fold(0.0, f64::max);
    let wall = |run: &Run| run.course.end.as_secs_f64();
    let ratio = |run: &Run| wall(run) / run.ideal.as_secs_f64();
    let refused = |run: &Run| f64::from(run.course.refusals) * 100.0 / f64::from(account.jobs);
    let figure = format!(
        "{:.1} s, {:.1} ({:.1}) of 100 refused",
        mean(&wall),
        mean(&refused),
        worst(&refused)
    );
    let limit = format!("{:.1} s", mean(&|run| run.ideal.as_secs_f64()));
    let aim = format!("1.15, 10 (worst {:.2})", worst(&ratio));
    table::row(name, &figure, &limit, Some(mean(&ratio)), &aim);
}

struct Run {
    course: Course,
    /// The least time by arithmetic of the ceiling.
    ideal: Duration,
}

fn run(account: &Account, advice: Advice, limits: Pair, seed: u64) -> Run {
    let (concurrency, submit_interval) = limits;
    let limits = Limits {
        concurrency: NonZeroU32::new(concurrency).expect("not 0"),
        submit_interval,
        poll_interval: SECOND / 200,
        poll_first: SECOND / 2,
        poll_every: SECOND / 2,
        job_timeout: 60 * MINUTE,
        deadline: 24 * 60 * MINUTE,
        max_jobs: None,
    };
    let table = JobTable::new(Some(&virtual_time::plan(account.jobs)));
    let mut provider = Provider::new((account.ceilings)(), account.renders, advice, seed);
    let course = virtual_time::drive(table, limits, &mut provider);
    assert_eq!(course.settled.len(), account.jobs as usize);
    let early = course.settled.iter().find(|it| it.known < it.ended);
    assert_eq!(early.map(|it| it.job), None, "known before its end");
    let ideal = Provider::new((account.ceilings)(), account.renders, advice, seed);
    Run {
        course,
        ideal: ideal.least_time(account.jobs, concurrency, submit_interval),
    }
}
