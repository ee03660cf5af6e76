//! A run in virtual time: the real engine, a provider that is a few lines of arithmetic, and no waiting.
//!
//! Start at [`drive`]. The order is that of `shotlist::runner`, with a disk that takes no time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use shotlist::engine::downloads::Downloads;
use shotlist::engine::event::{
    Call, Input, JobIndex, MediaUrl, Now, Origin, PollReply, RunStart, SubmitReply, TaskId,
};
use shotlist::engine::limits::Limits;
use shotlist::engine::resume::Rerun;
use shotlist::engine::selection::Selection;
use shotlist::engine::table::JobTable;
use shotlist::engine::{Engine, Setup};
use shotlist::plan::Plan;
use shotlist::text::CleanText;

/// Whoever makes the videos. Time is that since the run began.
pub(crate) trait Provider {
    /// How long the next request is on its way; the answer's way back is part of its delay.
    fn way(&mut self) -> Duration {
        Duration::ZERO
    }

    /// A create has arrived: what is answered, and after how long that is here.
    fn create(&mut self, now: Duration, job: JobIndex) -> (Duration, SubmitReply);

    /// A poll has arrived.
    fn poll(&mut self, now: Duration, job: JobIndex) -> (Duration, PollReply);

    /// When the job's task ended, or will; `None` if it has none.
    fn end(&self, job: JobIndex) -> Option<Duration>;
}

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// When the run was over.
    pub(crate) end: Duration,
    /// Creates that were accepted.
    pub(crate) accepts: u32,
    /// Creates that were answered with 429.
    pub(crate) refusals: u32,
    /// When each create left.
    pub(crate) left: Vec<Duration>,
    /// When each poll left.
    pub(crate) asked: Vec<Duration>,
    /// The jobs that settled, in that order.
    pub(crate) settled: Vec<Settled>,
}

/// A job whose end is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled {
    pub(crate) job: JobIndex,
    /// When its task ended.
    pub(crate) ended: Duration,
    /// When the run knew.
    pub(crate) known: Duration,
}

/// A plan of so many jobs that differ in nothing but their prompts.
pub(crate) fn plan(jobs: u32) -> Plan {
    let mut table = "id,prompt,model,duration\n".to_owned();
    for job in 0..jobs {
        let row = format!("job-{job},shot {job},seedance2.0-720p,8\n");
        table.push_str(&row);
    }
    let read = move |_: &Path| Ok(table.clone().into_bytes());
    let loaded = shotlist::manifest::load(Path::new("jobs.csv"), &read);
    loaded.plan.expect("a valid table")
}

/// Runs `table` to its end.
pub(crate) fn drive(table: JobTable, limits: Limits, provider: &mut dyn Provider) -> Course {
    let mut world = World::new(table, limits);
    let mut inputs = Vec::new();
    loop {
        let effects = world.engine.step(inputs, world.now);
        world.engine.launched(&effects.calls, world.now.mono);
        for call in effects.calls {
            world.launch(call, provider);
        }
        if world.engine.is_finished() {
            world.course.end = world.now.mono;
            return world.course;
        }
        world.wait();
        inputs = world.arrived(provider);
    }
}

/// The time of day at which every run begins: the jitter of pauses hangs on it.
pub(crate) fn began() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

/// The answer to a create that is taken.
pub(crate) fn accepted(job: JobIndex) -> SubmitReply {
    SubmitReply::Accepted {
        task_id: TaskId::new(&format!("task-{job}")).expect("valid"),
        other_id: None,
    }
}

/// 429.
pub(crate) fn refused(retry_after: Option<Duration>) -> SubmitReply {
    SubmitReply::Later {
        retry_after,
        message: CleanText::new("slow down"),
    }
}

/// The answer to a poll at `now`, for a task that ends at `end`.
pub(crate) fn answer_of(job: JobIndex, end: Duration, now: Duration) -> PollReply {
    if now < end {
        return PollReply::Running { unknown_word: None };
    }
    PollReply::Completed {
        video_url: MediaUrl::new(&format!("https://provider/{job}.mp4")),
        last_frame_url: None,
    }
}

struct World {
    engine: Engine,
    now: Now,
    /// What is on its way, by the time of its arrival and then in the order of sending.
    ways: BTreeMap<(Duration, u64), Traveller>,
    sent: u64,
    course: Course,
}

enum Traveller {
    Request(Call),
    Answer(Input),
}

impl World {
    fn new(table: JobTable, limits: Limits) -> Self {
        let now = Now {
            mono: Duration::ZERO,
            wall: began(),
        };
        let [base_url, create_path, poll_path, key] =
            ["http://provider", "/c", "/p", "key"].map(str::to_owned);
        let start = RunStart {
            run: table.next_run(),
            origin: Origin {
                base_url,
                create_path,
                poll_path,
                key,
            },
            select: Vec::new(),
            partition: None,
        };
        let setup = Setup {
            start,
            selection: Selection::default(),
            limits,
            rerun: Rerun::default(),
            budget: None,
            downloads: Downloads::default(),
        };
        Self {
            engine: Engine::resume(table, setup, now).0,
            now,
            ways: BTreeMap::new(),
            sent: 0,
            course: Course::default(),
        }
    }

    fn launch(&mut self, call: Call, provider: &mut dyn Provider) {
        match call {
            Call::Submit { .. } => self.course.left.push(self.now.mono),
            _ => self.course.asked.push(self.now.mono),
        }
        self.send(provider.way(), Traveller::Request(call));
    }

    fn send(&mut self, way: Duration, traveller: Traveller) {
        self.sent += 1;
        self.ways
            .insert((self.now.mono + way, self.sent), traveller);
    }

    /// Lets time pass until something arrives or the engine wants to go on.
    fn wait(&mut self) {
        let arrival = self.ways.keys().next().map(|(at, _)| *at);
        let next = arrival.into_iter().chain(self.engine.wake_at(self.now));
        let next = next.min().expect("an unfinished run waits for something");
        let passed = next.saturating_sub(self.now.mono);
        self.now.mono += passed;
        self.now.wall += passed;
    }

    /// The answers that are here by now.
    fn arrived(&mut self, provider: &mut dyn Provider) -> Vec<Input> {
        let mut inputs = Vec::new();
        while let Some(way) = self.ways.first_entry()
            && way.key().0 <= self.now.mono
        {
            match way.remove() {
                Traveller::Request(call) => self.answer(&call, provider),
                Traveller::Answer(input) => {
                    self.note(&input, provider);
                    inputs.push(input);
                }
            }
        }
        inputs
    }

    fn answer(&mut self, call: &Call, provider: &mut dyn Provider) {
        let now = self.now.mono;
        let (delay, input) = match *call {
            Call::Submit { job } => {
                let (delay, reply) = provider.create(now, job);
                (delay, Input::Submitted { job, reply })
            }
            Call::Poll { job, .. } => {
                let (delay, reply) = provider.poll(now, job);
                (delay, Input::Polled { job, reply })
            }
            Call::Download { .. } => unreachable!("nothing is downloaded"),
        };
        self.send(delay, Traveller::Answer(input));
    }

    fn note(&mut self, input: &Input, provider: &dyn Provider) {
        match input {
            Input::Submitted { reply, .. } => match reply {
                SubmitReply::Accepted { .. } => self.course.accepts += 1,
                SubmitReply::Later { .. } => self.course.refusals += 1,
                _ => {}
            },
            Input::Polled { job, reply } => {
                let is_end = !matches!(reply, PollReply::Running { .. } | PollReply::Later { .. });
                if let Some(ended) = provider.end(*job).filter(|_| is_end) {
                    self.course.settled.push(Settled {
                        job: *job,
                        ended,
                        known: self.now.mono,
                    });
                }
            }
            _ => {}
        }
    }
}
