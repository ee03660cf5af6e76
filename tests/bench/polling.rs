//! Polls, and how late the end of a task is known: by what a run learns, beside a poll every ten seconds. In virtual time.

use std::num::NonZeroU32;
use std::time::Duration;

use shotlist::engine::event::{Event, Origin, RunNumber, RunStart, SubmitReply};
use shotlist::engine::limits::Limits;
use shotlist::engine::table::{Fact, JobTable, Record};
use shotlist::plan::Plan;

use crate::studio::{Seconds, Studio};
use crate::table;
use crate::virtual_time;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const JOBS: u32 = 400;

/// Ways in which tasks take their time.
const SPREADS: &[(&str, Seconds)] = &[
    ("60 s each", |_| 60.0),
    ("about 60 s", |share| 60.0 + 4.0 * odds(share).ln()),
    ("about 120 s", |share| 120.0 + 8.0 * odds(share).ln()),
    ("30 to 90 s", |share| 30.0 + 60.0 * share),
    ("60 to 180 s", |share| 60.0 + 120.0 * share),
    ("about 90 s, some long", |share| {
        90.0 * odds(share).powf(0.15)
    }),
    ("about 120 s, many long", |share| {
        120.0 * odds(share).powf(0.22)
    }),
    ("50 s, a third 140 s", |share| {
        if share < 0.67 {
            50.0 + 6.0 * share
        } else {
            140.0 + 10.0 * share
        }
    }),
    ("20 s and more, without a middle", |share| {
        20.0 - 40.0 * (1.0 - share).ln()
    }),
    ("5 min, 4 to 7", |share| 240.0 + 180.0 * share * share),
];

fn odds(share: f64) -> f64 {
    share / (1.0 - share)
}

pub(crate) fn bench() {
    for (name, seconds) in SPREADS {
        learning(name, *seconds);
    }
    resuming();
}

/// A run of jobs of one kind.
fn learning(name: &str, seconds: Seconds) {
    let plan = virtual_time::plan(JOBS);
    let mut provider = Studio::new(seconds);
    let course = virtual_time::drive(JobTable::new(Some(&plan)), limits(20), &mut provider);
    let late = course.settled.iter();
    let late = late.map(|it| it.known.saturating_sub(it.ended).as_secs_f64());
    let (polls, late) = (
        count(&course.asked) / f64::from(JOBS),
        late.sum::<f64>() / f64::from(JOBS),
    );
    let each_ten: Vec<(f64, f64)> = provider.taken().map(fixed).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| each_ten.iter().map(of).sum::<f64>() / f64::from(JOBS);
    let (fixed_polls, fixed_late) = (mean(|it| it.0), mean(|it| it.1));
    table::row(
        &format!("GETs per job, {name}"),
        &format!("{polls:.2}, {late:.1} s late"),
        &format!("{fixed_polls:.2}, {fixed_late:.1} s late"),
        Some(polls / fixed_polls),
        "0.50, no later",
    );
}

/// Polls of a task that is asked for after 15 s and then every 10 s, and how late its end is known, in seconds.
fn fixed(taken: Duration) -> (f64, f64) {
    let taken = taken.as_secs_f64();
    let further = ((taken - 15.0) / 10.0).ceil().max(0.0);
    (1.0 + further, 15.0 + 10.0 * further - taken)
}

/// A run that takes up 5,000 running tasks and has 200 jobs to submit.
fn resuming() {
    let plan = virtual_time::plan(5_200);
    let mut table = JobTable::new(Some(&plan));
    let mut provider = Studio::new(|share| 1800.0 * share);
    for record in running(&plan, 5_000) {
        table.replay(&record).expect("a legal history");
    }
    for job in 0..5_000 {
        provider.begin(job, Duration::ZERO);
    }
    let limits = Limits {
        submit_interval: SECOND,
        poll_interval: SECOND / 4,
        ..limits(10_000)
    };
    let course = virtual_time::drive(table, limits, &mut provider);
    let most = most_within(&course.asked, MINUTE);
    table::row(
        "polls in a minute, 5,000 tasks resumed at 240/min",
        &most.to_string(),
        "241",
        Some(f64::from(most) / 241.0),
        "≤ 1.00",
    );
    let last = course.left.last().expect("a submit").as_secs_f64();
    table::row(
        "200 submits at 60/min beside them",
        &format!("{last:.1} s"),
        "200.0 s",
        Some(last / 200.0),
        "≤ 1.05",
    );
    let gets = count(&course.asked) / 5_200.0;
    table::row(
        "GETs per job, 5,000 tasks resumed",
        &format!("{gets:.2}"),
        "1.00",
        Some(gets),
        "-",
    );
}

fn count(moments: &[Duration]) -> f64 {
    f64::from(u32::try_from(moments.len()).expect("few enough"))
}

fn most_within(moments: &[Duration], window: Duration) -> u32 {
    let within = |(at, begin): (usize, &Duration)| {
        let end = *begin + window;
        moments[at..].partition_point(|moment| *moment < end)
    };
    let most = moments.iter().enumerate().map(within).max();
    u32::try_from(most.unwrap_or(0)).expect("few enough")
}

/// A state in which the first jobs run, accepted just before.
fn running(plan: &Plan, count: usize) -> impl Iterator<Item = Record> {
    let at = virtual_time::began();
    let run = RunNumber(1);
    let origin = Origin {
        base_url: "http://provider".to_owned(),
        create_path: "/c".to_owned(),
        poll_path: "/p".to_owned(),
        key: "key".to_owned(),
    };
    let start = Fact::Run(RunStart {
        run,
        origin,
        select: Vec::new(),
        partition: None,
    });
    let jobs = plan.jobs().iter().zip(0..).take(count);
    let jobs = jobs.flat_map(move |(job, index)| {
        let SubmitReply::Accepted { task_id, other_id } = virtual_time::accepted(index) else {
            unreachable!("that is what it is");
        };
        let intent = Event::Intent {
            run,
            fingerprint: job.request().fingerprint(),
            request: None,
            cost: None,
        };
        [intent, Event::Accepted { task_id, other_id }].map(|event| Fact::Job {
            id: job.id().clone(),
            event,
        })
    });
    std::iter::once(start)
        .chain(jobs)
        .map(move |fact| Record { at, fact })
}

fn limits(concurrency: u32) -> Limits {
    Limits {
        concurrency: NonZeroU32::new(concurrency).expect("not 0"),
        submit_interval: SECOND / 2,
        poll_interval: SECOND / 20,
        poll_first: 15 * SECOND,
        poll_every: 10 * SECOND,
        job_timeout: 60 * MINUTE,
        deadline: 24 * 60 * MINUTE,
        max_jobs: None,
    }
}
