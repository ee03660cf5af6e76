//! How long a run takes in virtual time, beside the least that its limits, the render times and the order of the plan
//! allow.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::time::Duration;

use shotlist::engine::limits::Limits;
use shotlist::engine::table::JobTable;

use crate::studio::{Seconds, Studio};
use crate::table;
use crate::virtual_time;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const JOBS: u32 = 400;

const RENDERS: &[(&str, Seconds)] = &[
    ("60 s", |_| 60.0),
    ("30 to 90 s", |share| 30.0 + 60.0 * share),
    ("60 to 180 s", |share| 60.0 + 120.0 * share),
    ("4 to 7 min", |share| 240.0 + 180.0 * share * share),
];

/// Most jobs in flight, and creates a minute.
const LIMITS: &[(u32, u32)] = &[
    (1, 60),
    (4, 60),
    (4, 10),
    (20, 10),
    (20, 60),
    (100, 60),
    (100, 600),
];

/// The shortest time between two polls of a task.
const POLLS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(2)];

pub(crate) fn bench() {
    for (renders, seconds) in RENDERS {
        for every in POLLS {
            tell(renders, *seconds, every);
        }
    }
}

/// The limits under which a run takes longest, beside the least.
fn tell(renders: &str, seconds: Seconds, every: Duration) {
    let all = LIMITS.iter().map(|(concurrency, rate)| {
        let (took, bound) = run(&limits(*concurrency, *rate, every), seconds);
        (took, bound, concurrency, rate)
    });
    let ratio = |took: Duration, bound| took.div_duration_f64(bound);
    let worst = all.max_by(|one, other| ratio(one.0, one.1).total_cmp(&ratio(other.0, other.1)));
    let Some((took, bound, concurrency, rate)) = worst else {
        return;
    };
    let name = format!(
        "{renders}, polls {} s apart: worst of {}, {concurrency} at {rate}/min",
        every.as_secs(),
        LIMITS.len()
    );
    let shown = |time: Duration| format!("{:.0} s", time.as_secs_f64());
    table::row(
        &name,
        &shown(took),
        &shown(bound),
        Some(ratio(took, bound)),
        "≤ 1.05",
    );
}

/// How long a run takes, and the least that it can take.
fn run(limits: &Limits, seconds: Seconds) -> (Duration, Duration) {
    let plan = virtual_time::plan(JOBS);
    let mut provider = Studio::new(seconds);
    let table = JobTable::new(Some(&plan));
    let course = virtual_time::drive(table, limits.clone(), &mut provider);
    let taken: Vec<Duration> = provider.taken().collect();
    (course.end, bound(limits, &taken))
}

/// The least time for the jobs in the order of the plan, whose render times nobody knows before: each create leaves as
/// soon as the rate and the places allow, and the end of each task is known at once.
fn bound(limits: &Limits, taken: &[Duration]) -> Duration {
    let mut places = BinaryHeap::from(vec![
        Reverse(Duration::ZERO);
        limits.concurrency.get() as usize
    ]);
    let mut leaves = Duration::ZERO;
    let mut end = Duration::ZERO;
    for taken in taken {
        let Reverse(free) = places.pop().expect("there is a place");
        leaves = leaves.max(free);
        let over = leaves + (*taken).max(limits.poll_first);
        end = end.max(over);
        places.push(Reverse(over));
        leaves += limits.submit_interval;
    }
    end
}

fn limits(concurrency: u32, rate: u32, every: Duration) -> Limits {
    Limits {
        concurrency: NonZeroU32::new(concurrency).expect("not 0"),
        submit_interval: MINUTE / rate,
        poll_interval: SECOND / 50,
        poll_first: 15 * SECOND,
        poll_every: every,
        job_timeout: 60 * MINUTE,
        deadline: 48 * 60 * MINUTE,
        max_jobs: None,
    }
}
