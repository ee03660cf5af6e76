//! The engine against a scripted provider in virtual time: each promise about limits, retries and stops by name.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use super::event::{
    Evidence, FailureClass, FetchReply, FileOrder, MediaUrl, Origin, PendingClass, PollReply,
    RunFault, StopReason, SubmitReply, TaskId,
};
use super::*;
use crate::plan::{Job, JobId, Media, Model, RequestFields, UserValues, VideoRequest};

mod downloads;
mod money;
mod rules;
mod shown;

const SECOND: Duration = Duration::from_secs(1);

fn plan(jobs: u32) -> Plan {
    let job = |number: u32| {
        let fields = RequestFields {
            model: Model::Standard720p,
            prompt: format!("shot {number}").into(),
            duration: Some(8),
            aspect_ratio: None,
            media: Media::default(),
            extra: crate::plan::ExtraBody::default(),
        };
        let id = JobId::new(&format!("job-{number:04}")).expect("valid");
        Job::new(id, VideoRequest::new(fields), UserValues::default())
    };
    Plan::new((0..jobs).map(job).collect(), Vec::new())
}

fn limits() -> Limits {
    Limits {
        concurrency: NonZeroU32::new(4).expect("not 0"),
        submit_interval: SECOND,
        poll_interval: SECOND / 4,
        poll_first: 15 * SECOND,
        poll_every: 10 * SECOND,
        job_timeout: 3600 * SECOND,
        deadline: 24 * 3600 * SECOND,
        max_jobs: None,
    }
}

/// A run over a table, driven in virtual time by two functions that answer creates and polls.
struct World {
    engine: Engine,
    now: Now,
    open: BTreeMap<(Duration, u64), Input>,
    opened: u64,
    records: Vec<Record>,
    notices: Vec<Notice>,
    submits: Vec<(Duration, JobIndex)>,
    polls: Vec<(Duration, JobIndex)>,
    most_in_flight: u32,
    most_open_creates: usize,
    fetch: Fetch,
    fetches: Vec<(Duration, JobIndex, FileOrder)>,
    most_open_downloads: u32,
    /// What submits waited for, each time it changed.
    gates: Vec<(Duration, &'static str)>,
}

/// Answers downloads.
type Fetch = Box<dyn FnMut(JobIndex, &FileOrder, Duration) -> (Duration, FetchReply)>;

struct Start {
    table: JobTable,
    limits: Limits,
    rerun: Rerun,
    budget: Option<Budget>,
    downloads: Downloads,
    base_url: &'static str,
    key: &'static str,
    wall: Timestamp,
}

impl Start {
    fn new(plan: &Plan) -> Self {
        Self {
            table: JobTable::new(Some(plan)),
            limits: limits(),
            rerun: Rerun::default(),
            budget: None,
            downloads: Downloads::default(),
            base_url: "http://sim",
            key: "key",
            wall: Timestamp::from_second(1_000_000).expect("in range"),
        }
    }
}

impl World {
    fn new(start: Start) -> Self {
        let now = Now {
            mono: Duration::ZERO,
            wall: start.wall,
        };
        let origin = Origin {
            base_url: start.base_url.to_owned(),
            create_path: "/c".to_owned(),
            poll_path: "/p".to_owned(),
            key: start.key.to_owned(),
        };
        let run = RunStart {
            run: start.table.next_run(),
            origin,
            select: Vec::new(),
            partition: None,
        };
        let setup = Setup {
            start: run,
            selection: Selection::default(),
            limits: start.limits,
            rerun: start.rerun,
            budget: start.budget,
            downloads: start.downloads,
        };
        let (engine, effects) = Engine::resume(start.table, setup, now);
        Self {
            engine,
            now,
            open: BTreeMap::new(),
            opened: 0,
            records: effects.records,
            notices: effects.notices,
            submits: Vec::new(),
            polls: Vec::new(),
            most_in_flight: 0,
            most_open_creates: 0,
            fetch: Box::new(|_, _, _| unreachable!("nothing is downloaded")),
            fetches: Vec::new(),
            most_open_downloads: 0,
            gates: Vec::new(),
        }
    }

    /// Runs to the end; each answer comes with the time it takes.
    fn run(
        &mut self,
        mut create: impl FnMut(JobIndex, Duration) -> (Duration, SubmitReply),
        mut poll: impl FnMut(JobIndex, Duration) -> (Duration, PollReply),
    ) -> &mut Self {
        for _ in 0..2_000_000 {
            let ready = self.ready();
            let effects = self.engine.step(ready, self.now);
            self.engine.launched(&effects.calls, self.now.mono);
            shown::look_at(self);
            self.most_in_flight = self.most_in_flight.max(self.engine.in_flight());
            self.most_open_creates = self.most_open_creates.max(self.engine.open_creates.len());
            for call in effects.calls {
                let (wait, input) = match call {
                    Call::Submit { job } => {
                        self.submits.push((self.now.mono, job));
                        let (wait, reply) = create(job, self.now.mono);
                        (wait, Input::Submitted { job, reply })
                    }
                    Call::Poll { job, .. } => {
                        self.polls.push((self.now.mono, job));
                        let (wait, reply) = poll(job, self.now.mono);
                        (wait, Input::Polled { job, reply })
                    }
                    Call::Download { job, order } => {
                        let (wait, reply) = (self.fetch)(job, &order, self.now.mono);
                        self.fetches.push((self.now.mono, job, *order));
                        (wait, Input::Fetched { job, reply })
                    }
                };
                self.input_in(wait, input);
            }
            let open = self.engine.downloads().map_or(0, |counts| counts.open);
            self.most_open_downloads = self.most_open_downloads.max(open);
            self.records.extend(effects.records);
            self.notices.extend(effects.notices);
            if self.engine.is_finished() {
                let is_illegal = |notice: &Notice| matches!(notice, Notice::Illegal { .. });
                assert!(!self.notices.iter().any(is_illegal), "{:?}", self.notices);
                return self;
            }
            let next = [
                self.open.keys().next().map(|(at, _)| *at),
                self.engine.wake_at(self.now),
            ];
            let next = next
                .into_iter()
                .flatten()
                .min()
                .expect("an unfinished run waits for something");
            self.advance_to(next.max(self.now.mono));
        }
        panic!("the run never ends");
    }

    fn input_in(&mut self, wait: Duration, input: Input) {
        self.opened += 1;
        self.open.insert((self.now.mono + wait, self.opened), input);
    }

    fn ready(&mut self) -> Vec<Input> {
        let later = self.open.split_off(&(self.now.mono, u64::MAX));
        std::mem::replace(&mut self.open, later)
            .into_values()
            .collect()
    }

    fn advance_to(&mut self, mono: Duration) {
        let passed = mono.saturating_sub(self.now.mono);
        self.now = Now {
            mono,
            wall: self.now.wall + passed,
        };
    }

    fn status(&self, job: JobIndex) -> Status {
        self.engine.table().job(job).status()
    }

    fn statuses(&self) -> Vec<Status> {
        self.engine
            .table()
            .planned()
            .map(|job| self.status(job))
            .collect()
    }

    /// The state as a later run would replay it.
    fn replayed(&self, plan: &Plan) -> JobTable {
        let mut table = JobTable::new(Some(plan));
        for record in &self.records {
            table.replay(record).expect("what was recorded replays");
        }
        table
    }
}

fn accept(job: JobIndex, _: Duration) -> (Duration, SubmitReply) {
    let task_id = TaskId::new(&format!("task-{job}")).expect("valid");
    (
        SECOND / 10,
        SubmitReply::Accepted {
            task_id,
            other_id: None,
        },
    )
}

fn complete(job: JobIndex, _: Duration) -> (Duration, PollReply) {
    let video_url = MediaUrl::new(&format!("https://example.com/{job}.mp4"));
    (
        SECOND / 10,
        PollReply::Completed {
            video_url,
            last_frame_url: None,
        },
    )
}

fn still_running(_: JobIndex, _: Duration) -> (Duration, PollReply) {
    (SECOND / 10, PollReply::Running { unknown_word: None })
}

fn said(text: &str) -> CleanText {
    CleanText::new(text)
}

fn in_doubt(evidence: Evidence) -> (Duration, SubmitReply) {
    (
        SECOND / 10,
        SubmitReply::InDoubt {
            evidence,
            message: said("silence"),
        },
    )
}

fn submits_of(world: &World, job: JobIndex) -> usize {
    world
        .submits
        .iter()
        .filter(|(_, other)| *other == job)
        .count()
}

/// The most moments that lie in any window of `period`.
fn most_in_window(moments: &[(Duration, JobIndex)], period: Duration) -> usize {
    let in_window = |first: &(Duration, JobIndex)| {
        moments
            .iter()
            .filter(|(at, _)| *at >= first.0 && *at <= first.0 + period)
            .count()
    };
    moments.iter().map(in_window).max().unwrap_or(0)
}

#[test]
fn a_quiet_run_completes_every_job_within_all_limits() {
    let mut world = World::new(Start::new(&plan(40)));
    world.run(accept, complete);
    assert_eq!(world.statuses(), vec![Status::Completed; 40]);
    assert_eq!(world.submits.len(), 40);
    assert_eq!(world.most_in_flight, 4);
    assert!(most_in_window(&world.submits, 60 * SECOND) <= 61);
    assert!(most_in_window(&world.polls, 60 * SECOND) <= 241);
    assert_eq!(world.engine.stops(), []);
}

#[test]
fn what_was_recorded_replays_to_the_state_in_memory() {
    let plan = plan(5);
    let mut world = World::new(Start::new(&plan));
    world.run(
        |job, now| {
            if job == 2 {
                in_doubt(Evidence::Unclear)
            } else {
                accept(job, now)
            }
        },
        complete,
    );
    let replayed = world.replayed(&plan);
    for job in replayed.planned() {
        assert_eq!(replayed.job(job), world.engine.table().job(job));
    }
}

#[test]
fn one_create_is_open_at_a_time_until_the_first_accept() {
    let mut start = Start::new(&plan(6));
    start.limits.submit_interval = SECOND / 100;
    let mut world = World::new(start);
    let mut answered = 0;
    let slow_reject = |job, now| {
        answered += 1;
        if answered <= 3 {
            let rejected = SubmitReply::Rejected {
                class: FailureClass::Rejected,
                message: said("no"),
            };
            (5 * SECOND, rejected)
        } else {
            accept(job, now)
        }
    };
    world.run(slow_reject, complete);
    assert!(
        world.submits[..4]
            .windows(2)
            .all(|pair| pair[1].0 >= pair[0].0 + 5 * SECOND)
    );
}

#[test]
fn a_provider_of_five_a_second_is_found_without_many_refusals() {
    let mut start = Start::new(&plan(100));
    start.limits = Limits {
        concurrency: NonZeroU32::new(100).expect("not 0"),
        submit_interval: SECOND / 100,
        poll_interval: SECOND / 100,
        ..limits()
    };
    for latency in [SECOND / 500, SECOND / 10, SECOND / 2] {
        let mut accepted: Vec<Duration> = Vec::new();
        let five_a_second = |job, now: Duration| {
            accepted.retain(|at| *at + SECOND > now);
            if accepted.len() < 5 {
                accepted.push(now);
                (latency, accept(job, now).1)
            } else {
                (
                    latency,
                    SubmitReply::Later {
                        retry_after: None,
                        message: said("slow down"),
                    },
                )
            }
        };
        let mut world = World::new(Start {
            table: JobTable::new(Some(&plan(100))),
            ..start_like(&start)
        });
        world.run(five_a_second, complete);
        assert_eq!(world.statuses(), vec![Status::Completed; 100]);
        assert!(
            world.submits.len() <= 130,
            "{} creates at latency {latency:?}",
            world.submits.len()
        );
        let attempts = |job| world.engine.table().job(job).attempts;
        assert!(
            world.engine.table().planned().all(|job| attempts(job) == 1),
            "a 429 is no attempt"
        );
    }
}

fn start_like(start: &Start) -> Start {
    Start {
        table: JobTable::default(),
        limits: start.limits.clone(),
        rerun: start.rerun.clone(),
        budget: start.budget.clone(),
        downloads: start.downloads.clone(),
        base_url: start.base_url,
        key: start.key,
        wall: start.wall,
    }
}

#[test]
fn a_told_pause_holds_every_submit() {
    let mut start = Start::new(&plan(3));
    start.limits.submit_interval = SECOND / 100;
    let mut world = World::new(start);
    let mut first = true;
    world.run(
        |job, now| {
            if std::mem::take(&mut first) {
                let later = SubmitReply::Later {
                    retry_after: Some(90 * SECOND),
                    message: said("later"),
                };
                return (SECOND, later);
            }
            accept(job, now)
        },
        complete,
    );
    let again = world.submits[1].0;
    assert!(again >= 91 * SECOND && again <= 92 * SECOND, "{again:?}");
    assert_eq!(world.statuses(), vec![Status::Completed; 3]);
}

#[test]
fn runs_that_began_at_other_moments_do_not_try_again_together() {
    let second_submit = |milliseconds: i64| {
        let mut start = Start::new(&plan(1));
        start.limits.submit_interval = SECOND / 100;
        start.wall = Timestamp::from_millisecond(1_000_000 + milliseconds).expect("in range");
        let mut world = World::new(start);
        let mut first = true;
        world.run(
            |job, now| {
                if std::mem::take(&mut first) {
                    let later = SubmitReply::Later {
                        retry_after: None,
                        message: said("later"),
                    };
                    return (SECOND, later);
                }
                accept(job, now)
            },
            complete,
        );
        world.submits[1].0
    };
    let moments: std::collections::BTreeSet<_> = (0_i64..10).map(second_submit).collect();
    assert!(moments.len() > 5, "{moments:?}");
    assert_eq!(second_submit(3), second_submit(3));
}

#[test]
fn an_unreachable_provider_costs_nothing_and_ends_at_the_deadline() {
    let mut start = Start::new(&plan(3));
    start.limits.deadline = 300 * SECOND;
    let mut world = World::new(start);
    world.run(
        |_, _| {
            (
                SECOND,
                SubmitReply::NotSent {
                    message: said("refused"),
                },
            )
        },
        complete,
    );
    assert_eq!(world.statuses(), vec![Status::Pending; 3]);
    assert_eq!(world.engine.stops(), [StopReason::Deadline]);
    assert!(world.submits.len() < 20, "back-off grows to 30 s");
    assert!(
        world
            .engine
            .table()
            .planned()
            .all(|job| world.engine.table().job(job).attempts == 0)
    );
}

#[test]
fn a_job_in_doubt_is_not_submitted_twice() {
    let mut world = World::new(Start::new(&plan(10)));
    world.run(
        |job, now| {
            if job % 3 == 1 {
                in_doubt(Evidence::Unclear)
            } else {
                accept(job, now)
            }
        },
        complete,
    );
    assert_eq!(world.status(1), Status::InDoubt);
    assert!((0..10).all(|job| submits_of(&world, job) == 1));
}

#[test]
fn three_doubts_in_a_row_stop_submits() {
    let mut world = World::new(Start::new(&plan(10)));
    world.run(|_, _| in_doubt(Evidence::Unclear), complete);
    assert_eq!(world.submits.len(), 3);
    assert_eq!(world.engine.counts().pending, 7);
}

#[test]
fn one_web_page_stops_submits() {
    let mut world = World::new(Start::new(&plan(10)));
    world.run(|_, _| in_doubt(Evidence::Html), complete);
    assert_eq!(world.submits.len(), 1);
    assert!(matches!(
        world.engine.stops(),
        [StopReason::Doubt {
            evidence: Evidence::Html,
            ..
        }]
    ));
}

#[test]
fn an_empty_wallet_stops_submits_and_polling_goes_on() {
    let mut world = World::new(Start::new(&plan(10)));
    world.run(
        |job, now| match job {
            0..4 => accept(job, now),
            _ => (
                SECOND,
                SubmitReply::Fault {
                    fault: RunFault::Quota,
                    message: said("no money"),
                },
            ),
        },
        complete,
    );
    assert_eq!(
        world.engine.counts(),
        Counts {
            completed: 4,
            pending: 6,
            ..Counts::default()
        }
    );
    let Phase::Returned { class, .. } = &world.engine.table().job(4).phase else {
        panic!("job 4 was tried")
    };
    assert_eq!(*class, PendingClass::Quota);
    assert_eq!(world.submits.len(), 5);
}

#[test]
fn a_refused_key_on_a_poll_ends_the_run_and_leaves_tasks_running() {
    let mut world = World::new(Start::new(&plan(10)));
    world.run(accept, |_, _| {
        (
            SECOND,
            PollReply::KeyRefused {
                message: said("401"),
            },
        )
    });
    assert_eq!(world.engine.counts().running, 4);
    assert_eq!(world.polls.len(), world.polls.len().min(4));
    assert!(matches!(
        world.engine.stops(),
        [StopReason::Fault {
            fault: RunFault::Auth,
            ..
        }]
    ));
}

#[test]
fn max_jobs_counts_distinct_jobs_and_not_their_retries() {
    let mut start = Start::new(&plan(5));
    start.limits.max_jobs = NonZeroU32::new(2);
    let mut world = World::new(start);
    let mut refusals = 3;
    world.run(
        |job, now| {
            if refusals > 0 {
                refusals -= 1;
                return (
                    SECOND,
                    SubmitReply::Later {
                        retry_after: None,
                        message: said("later"),
                    },
                );
            }
            accept(job, now)
        },
        complete,
    );
    assert_eq!(
        world.engine.counts(),
        Counts {
            completed: 2,
            pending: 3,
            ..Counts::default()
        }
    );
    assert_eq!(world.engine.stops(), [StopReason::MaxJobs]);
}

#[test]
fn a_timed_out_task_is_left_running_and_frees_its_slot() {
    let mut start = Start::new(&plan(3));
    start.limits.concurrency = NonZeroU32::MIN;
    start.limits.job_timeout = 100 * SECOND;
    let mut world = World::new(start);
    world.run(accept, still_running);
    assert_eq!(world.statuses(), vec![Status::Running; 3]);
    assert_eq!(world.most_in_flight, 1);
    let released = |job| {
        matches!(
            world.engine.table().job(job).phase,
            Phase::Running {
                slot: Slot::Released,
                ..
            }
        )
    };
    assert!(world.engine.table().planned().all(released));
}

#[test]
fn every_run_polls_every_running_task_at_least_once() {
    let plan = plan(3);
    let mut start = Start::new(&plan);
    start.limits.job_timeout = 100 * SECOND;
    let mut first = World::new(start);
    first.run(accept, still_running);

    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    start.limits.job_timeout = 100 * SECOND;
    start.wall = first.now.wall + 10_000 * SECOND;
    let mut second = World::new(start);
    second.run(accept, |job, now| {
        if job == 0 {
            complete(job, now)
        } else {
            still_running(job, now)
        }
    });
    assert_eq!(second.submits, []);
    assert_eq!(second.polls.len(), 3);
    assert_eq!(
        second.statuses(),
        [Status::Completed, Status::Running, Status::Running]
    );
    assert!(
        second.polls[0].0 >= SECOND / 4,
        "a resumed run waits one interval before its first poll"
    );
}

#[test]
fn an_intent_of_a_dead_run_is_in_doubt_and_never_sent_again() {
    let plan = plan(2);
    let mut first = World::new(Start::new(&plan));
    let effects = first.engine.step([], first.now);
    assert_eq!(effects.calls, [Call::Submit { job: 0 }]);
    first.records.extend(effects.records);

    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    let mut second = World::new(start);
    second.run(accept, complete);
    assert_eq!(second.statuses(), [Status::InDoubt, Status::Completed]);
    assert_eq!(
        second.submits,
        [(SECOND, 1)],
        "and a resumed run waits one interval before its first submit"
    );
}

#[test]
fn a_task_that_stays_unknown_is_lost_after_a_minute() {
    let not_found = |_, _| {
        (
            SECOND / 10,
            PollReply::NotFound {
                message: said("task_not_exist"),
            },
        )
    };
    let mut world = World::new(Start::new(&plan(1)));
    world.run(accept, not_found);
    assert!(matches!(
        world.engine.table().job(0).phase,
        Phase::Lost { .. }
    ));
    assert!(world.now.mono > 60 * SECOND && world.now.mono < 80 * SECOND);
}

#[test]
fn an_answer_that_was_asked_for_in_the_grace_does_not_make_a_task_lost() {
    let mut world = World::new(Start::new(&plan(1)));
    world.run(accept, |job, now| match now.as_secs() {
        0..60 => {
            let message = said("task_not_exist");
            (29 * SECOND, PollReply::NotFound { message })
        }
        _ => complete(job, now),
    });
    assert_eq!(world.status(0), Status::Completed);
}

#[test]
fn a_wall_clock_that_is_set_forward_does_not_make_a_young_task_lost() {
    let mut world = World::new(Start::new(&plan(1)));
    let began = world.now.wall;
    let mut step = |second: u32, jumped: u32, inputs: Vec<Input>| {
        let mono = SECOND * second;
        let wall = began + mono + SECOND * jumped;
        let effects = world.engine.step(inputs, Now { mono, wall });
        world.engine.launched(&effects.calls, mono);
        effects
    };
    let accepted = Input::Submitted {
        job: 0,
        reply: accept(0, SECOND).1,
    };
    let missing = || Input::Polled {
        job: 0,
        reply: PollReply::NotFound {
            message: said("task_not_exist"),
        },
    };
    step(0, 0, vec![]);
    step(1, 0, vec![accepted]);
    for second in [20, 40] {
        assert_eq!(step(second, 300, vec![]).calls.len(), 1, "a poll");
        assert_eq!(step(second, 300, vec![missing()]).records, []);
    }
    for second in [70, 90] {
        step(second, 300, vec![]);
        step(second, 300, vec![missing()]);
    }
    assert_eq!(world.status(0), Status::InDoubt, "lost");
}

#[test]
fn an_intent_that_the_state_did_not_take_leaves_its_job_as_it_was() {
    let plan = plan(2);
    let mut first = World::new(Start::new(&plan));
    first.run(accept, |_, _| {
        let (class, message) = (FailureClass::Generation, said("gpu"));
        (SECOND, PollReply::Failed { class, message })
    });
    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    start.rerun.failed = true;
    let mut second = World::new(start);
    let before = second.engine.table().job(0).clone();
    let counts = second.engine.counts();
    second.now.mono += 10 * SECOND;
    let effects = second.engine.step([], second.now);
    assert!(effects.records.iter().all(Record::is_intent));
    assert_eq!(effects.records.len(), 2, "reopened and intent");
    second.engine.withdraw_intents();
    assert_eq!(*second.engine.table().job(0), before);
    assert_eq!(second.engine.counts(), counts);
    assert_eq!(second.engine.in_flight(), 0);
    second.engine.step([Input::StateFailed], second.now);
    assert!(second.engine.is_finished());
}

#[test]
fn a_task_that_is_unknown_to_another_key_is_not_lost() {
    let plan = plan(1);
    let mut start = Start::new(&plan);
    start.limits.job_timeout = 10 * SECOND;
    let mut first = World::new(start);
    first.run(accept, still_running);
    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    start.key = "another";
    start.limits.job_timeout = 600 * SECOND;
    let mut second = World::new(start);
    second.run(accept, |_, _| {
        (
            SECOND,
            PollReply::NotFound {
                message: said("task_not_exist"),
            },
        )
    });
    assert_eq!(second.status(0), Status::Running);
}

#[test]
fn completed_without_a_url_is_polled_three_more_times_and_once_by_every_later_run() {
    let without_url = |_, _| {
        (
            SECOND,
            PollReply::Completed {
                video_url: None,
                last_frame_url: None,
            },
        )
    };
    let plan = plan(1);
    let mut first = World::new(Start::new(&plan));
    first.run(accept, without_url);
    assert_eq!(first.polls.len(), 4);
    assert_eq!(first.status(0), Status::Failed);

    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    start.rerun.failed = true;
    let mut second = World::new(start);
    second.run(accept, without_url);
    assert_eq!((second.polls.len(), second.submits.len()), (1, 0));

    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    let mut third = World::new(start);
    third.run(accept, complete);
    assert_eq!(third.status(0), Status::Completed);
}

#[test]
fn rerun_makes_a_failed_job_again_once() {
    let plan = plan(2);
    let fail = |_, _| {
        (
            SECOND,
            PollReply::Failed {
                class: FailureClass::Generation,
                message: said("gpu"),
            },
        )
    };
    let mut first = World::new(Start::new(&plan));
    first.run(accept, fail);
    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    start.rerun.failed = true;
    let mut second = World::new(start);
    second.run(accept, fail);
    assert_eq!(second.submits.len(), 2);
    assert_eq!(second.engine.table().job(0).take, super::job::Take(2));
}

#[test]
fn poll_errors_back_off_and_never_fail_a_job() {
    let mut world = World::new(Start::new(&plan(1)));
    world.run(accept, |job, now| match now.as_secs() {
        0..600 => (
            SECOND,
            PollReply::Trouble {
                message: said("502"),
            },
        ),
        _ => complete(job, now),
    });
    assert_eq!(world.status(0), Status::Completed);
    assert!(world.polls.len() < 20);
    assert_eq!(world.notices.len(), 1, "trouble is told once a task");
}

#[test]
fn an_answer_under_the_other_id_of_the_accept_is_about_the_task() {
    let accept_with_two_ids = |job, _| {
        let id = |name| TaskId::new(&format!("{name}-{job}")).expect("valid");
        let (task_id, other_id) = (id("task"), Some(id("video")));
        (SECOND / 10, SubmitReply::Accepted { task_id, other_id })
    };
    let answer_under = |name: &'static str| {
        move |job: JobIndex, now: Duration| {
            let (takes, reply) = complete(job, now);
            let task_id = TaskId::new(&format!("{name}-{job}")).expect("valid");
            let reply = Box::new(reply);
            (takes, PollReply::OtherTask { task_id, reply })
        }
    };
    let plan = plan(2);
    let mut world = World::new(Start::new(&plan));
    world.run(accept_with_two_ids, answer_under("video"));
    assert_eq!(world.statuses(), [Status::Completed; 2]);

    let mut world = World::new(Start::new(&plan));
    world.run(accept_with_two_ids, answer_under("somebody"));
    assert_eq!(world.statuses(), [Status::Running; 2], "another task's");
}

#[test]
fn an_interrupt_waits_for_open_creates_and_then_calls_them_in_doubt() {
    let mut world = World::new(Start::new(&plan(5)));
    world.input_in(SECOND / 2, Input::Interrupted);
    world.run(|job, now| (100 * SECOND, accept(job, now).1), complete);
    assert_eq!(world.now.mono, SECOND / 2 + INTERRUPT_GRACE);
    assert_eq!(world.status(0), Status::InDoubt);
    assert_eq!(world.submits.len(), 1);
}

#[test]
fn an_interrupt_leaves_tasks_running() {
    let mut world = World::new(Start::new(&plan(5)));
    world.input_in(10 * SECOND, Input::Interrupted);
    world.run(accept, complete);
    assert_eq!(
        world.engine.counts(),
        Counts {
            running: 4,
            pending: 1,
            ..Counts::default()
        }
    );
    assert_eq!(world.engine.stops(), [StopReason::Interrupted]);
}

#[test]
fn a_deadline_ends_submits_and_a_job_time_out_later_polls() {
    let mut start = Start::new(&plan(10));
    start.limits.deadline = 60 * SECOND;
    start.limits.job_timeout = 300 * SECOND;
    start.limits.concurrency = NonZeroU32::MIN;
    let mut world = World::new(start);
    world.run(accept, |job, now| {
        if job == 0 {
            complete(job, now)
        } else {
            still_running(job, now)
        }
    });
    assert_eq!(world.submits.len(), 2);
    assert!(world.now.mono <= 360 * SECOND);
    assert_eq!(world.engine.stops(), [StopReason::Deadline]);
}

#[test]
fn a_state_that_cannot_be_written_ends_submits_and_polls_go_on() {
    let mut world = World::new(Start::new(&plan(10)));
    world.input_in(5 * SECOND, Input::StateFailed);
    world.run(accept, complete);
    assert_eq!(world.engine.stops(), [StopReason::StateFailed]);
    assert_eq!(
        world.engine.counts(),
        Counts {
            completed: 4,
            pending: 6,
            ..Counts::default()
        }
    );
}

#[test]
fn a_key_refused_by_an_old_provider_does_not_end_a_run_at_a_new_one() {
    let plan = plan(3);
    let mut start = Start::new(&plan);
    start.limits.max_jobs = NonZeroU32::new(1);
    start.limits.job_timeout = 20 * SECOND;
    let mut first = World::new(start);
    first.run(accept, still_running);

    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    start.base_url = "http://new";
    start.key = "new";
    let mut second = World::new(start);
    let message = said("401");
    second.run(accept, |job, now| match job {
        0 => (
            SECOND,
            PollReply::KeyRefused {
                message: message.clone(),
            },
        ),
        _ => complete(job, now),
    });
    assert_eq!(
        second.statuses(),
        [Status::Running, Status::Completed, Status::Completed]
    );
    assert_eq!(second.engine.stops(), []);
}

#[test]
fn endless_refusals_do_not_hold_a_run_for_a_task_that_is_polled_only_once() {
    let plan = plan(1);
    let mut start = Start::new(&plan);
    start.limits.job_timeout = 20 * SECOND;
    let mut first = World::new(start);
    first.run(accept, still_running);

    let mut start = Start::new(&plan);
    start.table = first.replayed(&plan);
    start.limits.job_timeout = 20 * SECOND;
    start.wall = first.now.wall + 10_000 * SECOND;
    let mut second = World::new(start);
    second.run(accept, |_, _| {
        (SECOND, PollReply::Later { retry_after: None })
    });
    assert!(second.now.mono < 60 * SECOND, "{:?}", second.now.mono);
}
