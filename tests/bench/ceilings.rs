//! A provider without any ceiling.
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use shotlist::engine::event::{JobIndex, PollReply, SubmitReply};
use shotlist::engine::limits::Limits;
use shotlist::engine::table::JobTable;

use crate::table;
use crate::virtual_time::{self, Provider};

#[derive(Default)]
struct Open {
    ends: HashMap<JobIndex, Duration>,
}

impl Provider for Open {
    fn create(&mut self, now: Duration, job: JobIndex) -> (Duration, SubmitReply) {
        self.ends.insert(job, now + Duration::from_secs(10));
        (Duration::from_millis(50), virtual_time::accepted(job))
    }

    fn poll(&mut self, now: Duration, job: JobIndex) -> (Duration, PollReply) {
        let reply = virtual_time::answer_of(job, self.ends[&job], now);
        (Duration::from_millis(50), reply)
    }

    fn end(&self, job: JobIndex) -> Option<Duration> {
        self.ends.get(&job).copied()
    }
}

pub(crate) fn bench() {
    let limits = Limits {
        concurrency: NonZeroU32::new(100).expect("not 0"),
        submit_interval: Duration::from_millis(10),
        poll_interval: Duration::from_millis(10),
        poll_first: Duration::from_secs(1),
        poll_every: Duration::from_secs(1),
        job_timeout: Duration::from_secs(3600),
        deadline: Duration::from_secs(24 * 3600),
        max_jobs: None,
    };
    let plan = virtual_time::plan(5_000);
    let begin = Instant::now();
    let course = virtual_time::drive(JobTable::new(Some(&plan)), limits, &mut Open::default());
    let took = begin.elapsed();
    let late = course.settled.iter().map(|it| it.known - it.ended);
    let late = late.sum::<Duration>() / 5_000;
    table::row(
        "5,000 jobs in virtual time",
        &format!("{:.1} s", course.end.as_secs_f64()),
        &format!(
            "{} polls, known {:.1} s late",
            course.asked.len(),
            late.as_secs_f64()
        ),
        None,
        &format!(
            "{} ms of real time, {} settled",
            took.as_millis(),
            course.settled.len()
        ),
    );
}
