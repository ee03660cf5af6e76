//! The loop with a provider in memory and paused time: what is durable before what leaves.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use futures::stream;
use jiff::Timestamp;

use super::*;
use crate::engine::Setup;
use crate::engine::downloads::Downloads;
use crate::engine::event::{Event, MediaUrl, Origin, PollReply, RunStart, TaskId};
use crate::engine::job::{JobState, Status};
use crate::engine::limits::Limits;
use crate::engine::resume::Rerun;
use crate::engine::selection::Selection;
use crate::engine::table::{Fact, JobTable};
use crate::plan::{ExtraBody, Job, JobId, Media, Model, RequestFields, UserValues, VideoRequest};

const SECOND: Duration = Duration::from_secs(1);

/// What the fake state and the fake provider both see, in the order it happened.
#[derive(Debug, Default)]
struct Diary {
    durable: Vec<Record>,
    commits: usize,
    creates: BTreeMap<String, usize>,
    /// Prompts that were sent before their intent was durable.
    too_early: Vec<String>,
    unsaved: usize,
}

type Shared = Arc<Mutex<Diary>>;

struct FakeState {
    diary: Shared,
    /// Sends a signal during the first commit with an intent.
    interrupt: Option<futures::channel::mpsc::UnboundedSender<Signal>>,
    commits_until_failure: usize,
    intents_until_refusal: usize,
}

impl Journal for FakeState {
    type Error = &'static str;

    fn commit(&mut self, records: &[Record]) -> Result<(), CommitError<Self::Error>> {
        let mut diary = self
            .diary
            .lock()
            .expect("no test panics while it holds the lock");
        if diary.commits == self.commits_until_failure {
            return Err(CommitError::Broken("disk on fire"));
        }
        diary.commits += 1;
        if records.iter().any(Record::is_intent)
            && let Some(interrupt) = self.interrupt.take()
        {
            interrupt
                .unbounded_send(Signal::Interrupt)
                .expect("the run listens");
        }
        let intents = diary.durable.iter().filter(|record| record.is_intent());
        let is_full = intents.count() >= self.intents_until_refusal;
        let (refused, taken): (Vec<_>, Vec<_>) = records
            .iter()
            .cloned()
            .partition(|record| is_full && record.is_intent());
        diary.durable.extend(taken);
        if refused.is_empty() {
            return Ok(());
        }
        Err(CommitError::IntentsRefused("disk full"))
    }
}

struct FakeProvider {
    diary: Shared,
    create_takes: Duration,
}

impl VideoApi for FakeProvider {
    fn submit(&self, request: &VideoRequest) -> impl Future<Output = SubmitReply> + Send + 'static {
        let prompt = request.prompt().to_owned();
        let diary = Arc::clone(&self.diary);
        let wait = self.create_takes;
        async move {
            {
                let mut diary = diary.lock().expect("as above");
                let has_intent = diary
                    .durable
                    .iter()
                    .any(|record| intent_of(record) == Some(prompt.as_str()));
                if !has_intent {
                    diary.too_early.push(prompt.clone());
                }
                *diary.creates.entry(prompt.clone()).or_default() += 1;
            }
            tokio::time::sleep(wait).await;
            let task_id = TaskId::new(&format!("task of {prompt}")).expect("valid");
            SubmitReply::Accepted {
                task_id,
                other_id: None,
            }
        }
    }

    fn poll(&self, _: &Origin, _: &TaskId) -> impl Future<Output = PollReply> + Send + 'static {
        let video_url = MediaUrl::new("https://example.com/v.mp4");
        std::future::ready(PollReply::Completed {
            video_url,
            last_frame_url: None,
        })
    }
}

/// The job whose intent `record` is; ids equal prompts here.
fn intent_of(record: &Record) -> Option<&str> {
    match &record.fact {
        Fact::Job {
            id,
            event: Event::Intent {
                request: Some(_), ..
            },
        } => Some(id.as_str()),
        _ => None,
    }
}

struct FakePeople(Shared);

impl Reporter for FakePeople {
    fn tell(&mut self, news: &News<'_>) {
        let mut diary = self.0.lock().expect("as above");
        let all_durable = news
            .records
            .iter()
            .all(|record| diary.durable.contains(record));
        assert!(all_durable, "first on disk, then on screen");
        diary.unsaved += news.unsaved.len();
    }

    fn wake_at(&self) -> Option<Duration> {
        None
    }
}

fn plan(jobs: u32) -> Plan {
    let job = |number| {
        let id = JobId::new(&format!("job-{number}")).expect("valid");
        let fields = RequestFields {
            model: Model::Mini480p,
            prompt: id.as_str().into(),
            duration: None,
            aspect_ratio: None,
            media: Media::default(),
            extra: ExtraBody::default(),
        };
        Job::new(id, VideoRequest::new(fields), UserValues::default())
    };
    Plan::new((0..jobs).map(job).collect(), Vec::new())
}

struct Case {
    jobs: u32,
    concurrency: u32,
    create_takes: Duration,
    commits_until_failure: usize,
    intents_until_refusal: usize,
    signals_at: Vec<Duration>,
    interrupt_in_commit: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            jobs: 5,
            concurrency: 4,
            create_takes: SECOND / 10,
            commits_until_failure: usize::MAX,
            intents_until_refusal: usize::MAX,
            signals_at: Vec::new(),
            interrupt_in_commit: false,
        }
    }
}

impl Case {
    async fn run(self) -> (Ended<&'static str>, Arc<Mutex<Diary>>) {
        let diary = Shared::default();
        let plan = plan(self.jobs);
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let table = JobTable::new(Some(&plan));
        let origin = Origin {
            base_url: "http://fake".to_owned(),
            create_path: "/c".to_owned(),
            poll_path: "/p".to_owned(),
            key: String::new(),
        };
        let setup = Setup {
            start: RunStart {
                run: table.next_run(),
                origin,
                select: Vec::new(),
                partition: None,
            },
            selection: Selection::default(),
            limits: Limits {
                concurrency: NonZeroU32::new(self.concurrency).expect("not 0"),
                submit_interval: SECOND / 10,
                poll_interval: SECOND / 10,
                poll_first: 15 * SECOND,
                poll_every: 10 * SECOND,
                job_timeout: 3600 * SECOND,
                deadline: 3600 * SECOND,
                max_jobs: None,
            },
            rerun: Rerun::default(),
            budget: None,
            downloads: Downloads::default(),
        };
        let (engine, first) = Engine::resume(table, setup, clock.now());
        let signals = stream::iter(self.signals_at).then(|at| async move {
            tokio::time::sleep(at).await;
            Signal::Interrupt
        });
        let (interrupt, interrupts) = futures::channel::mpsc::unbounded();
        let mut journal = FakeState {
            diary: Arc::clone(&diary),
            interrupt: self.interrupt_in_commit.then_some(interrupt),
            commits_until_failure: self.commits_until_failure,
            intents_until_refusal: self.intents_until_refusal,
        };
        let stage = Stage {
            plan: &plan,
            api: &FakeProvider {
                diary: Arc::clone(&diary),
                create_takes: self.create_takes,
            },
            files: None,
            journal: &mut journal,
            reporter: &mut FakePeople(Arc::clone(&diary)),
            clock: &clock,
            signals: stream::select(interrupts, signals)
                .chain(stream::pending())
                .boxed(),
        };
        (run(engine, first, stage).await, diary)
    }
}

#[tokio::test(start_paused = true)]
async fn every_intent_is_durable_before_its_create_leaves() {
    let (ended, diary) = Case {
        jobs: 20,
        ..Case::default()
    }
    .run()
    .await;
    let diary = diary.lock().expect("the run is over");
    assert_eq!(ended.engine.counts().completed, 20);
    assert_eq!(diary.too_early, [""; 0]);
    assert!(diary.creates.values().all(|creates| *creates == 1));
}

#[tokio::test(start_paused = true)]
async fn replies_that_come_together_share_one_commit() {
    let (_, diary) = Case {
        jobs: 40,
        concurrency: 40,
        create_takes: SECOND,
        ..Case::default()
    }
    .run()
    .await;
    let diary = diary.lock().expect("the run is over");
    assert!(
        diary.commits < diary.durable.len(),
        "{} commits for {} records",
        diary.commits,
        diary.durable.len()
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_its_intent_could_not_be_saved() {
    // The run's own record is the first commit, the first intent the second.
    let (ended, diary) = Case {
        commits_until_failure: 1,
        ..Case::default()
    }
    .run()
    .await;
    let diary = diary.lock().expect("the run is over");
    assert_eq!(ended.state_error, Some("disk on fire"));
    assert!(diary.creates.is_empty());
    assert_eq!(ended.engine.counts().pending, 5);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_could_not_be_saved_is_still_told_and_polled() {
    let (ended, diary) = Case {
        commits_until_failure: 2,
        ..Case::default()
    }
    .run()
    .await;
    let diary = diary.lock().expect("the run is over");
    assert_eq!(diary.creates.len(), 1);
    assert!(diary.unsaved >= 1);
    assert_eq!(ended.engine.table().job(0).status(), Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_takes_no_more_intents_still_keeps_the_answers_of_open_creates() {
    let (ended, diary) = Case {
        jobs: 6,
        create_takes: SECOND,
        intents_until_refusal: 3,
        ..Case::default()
    }
    .run()
    .await;
    let diary = diary.lock().expect("the run is over");
    assert_eq!(ended.state_error, Some("disk full"));
    assert_eq!(diary.creates.len(), 3);
    let count = |wanted: fn(&Event) -> bool| {
        let facts = diary.durable.iter().map(|record| &record.fact);
        facts
            .filter(|fact| matches!(fact, Fact::Job { event, .. } if wanted(event)))
            .count()
    };
    assert_eq!(count(|event| matches!(event, Event::Accepted { .. })), 3);
    assert_eq!(count(|event| matches!(event, Event::Completed { .. })), 3);
    assert_eq!(diary.unsaved, 1, "the refused intent");
    assert_eq!(ended.engine.counts().pending, 3);
    let in_memory = |job| ended.engine.table().job(job).clone();
    assert!((3..6).all(|job| in_memory(job) == JobState::default()));
}

#[tokio::test(start_paused = true)]
async fn one_signal_waits_for_open_creates_and_a_second_leaves_now() {
    let slow = Case {
        create_takes: 10 * SECOND,
        signals_at: vec![SECOND],
        ..Case::default()
    };
    let (ended, _) = slow.run().await;
    assert_eq!(ended.signal, Some(Signal::Interrupt));
    assert_eq!(ended.engine.table().job(0).status(), Status::Running);

    let twice = Case {
        create_takes: 10 * SECOND,
        signals_at: vec![SECOND, SECOND],
        ..Case::default()
    };
    let (ended, diary) = twice.run().await;
    assert_eq!(ended.engine.table().job(0).status(), Status::InDoubt);
    assert_eq!(diary.lock().expect("the run is over").creates.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_intent_was_being_saved_when_the_signal_came_does_not_leave() {
    let slow_disk = Case {
        interrupt_in_commit: true,
        ..Case::default()
    };
    let (ended, diary) = slow_disk.run().await;
    assert_eq!(ended.signal, Some(Signal::Interrupt));
    assert_eq!(ended.engine.counts().pending, 5);
    let diary = diary.lock().expect("the run is over");
    assert!(diary.creates.is_empty());
    assert!(diary.durable.iter().any(Record::is_intent));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_together_with_the_second_signal_is_saved() {
    let together = Case {
        create_takes: 2 * SECOND,
        signals_at: vec![SECOND, SECOND],
        ..Case::default()
    };
    let (ended, diary) = together.run().await;
    assert_eq!(ended.engine.table().job(0).status(), Status::Running);
    let diary = diary.lock().expect("the run is over");
    let is_accept = |record: &Record| {
        let Fact::Job { event, .. } = &record.fact else {
            return false;
        };
        matches!(event, Event::Accepted { .. })
    };
    assert!(diary.durable.iter().any(is_accept));
}

#[test]
fn a_create_that_waited_too_long_for_its_sync_is_not_sent() {
    let at = |seconds| Now {
        mono: SECOND * seconds,
        wall: Timestamp::from_second(i64::from(seconds)).expect("in range"),
    };
    let calls = || vec![Call::Submit { job: 3 }];
    let mut inputs = Vec::new();
    assert_eq!(sendable(calls(), at(0), at(30), &mut inputs), calls());
    assert_eq!(inputs, []);
    assert_eq!(sendable(calls(), at(0), at(31), &mut inputs), []);
    let slept = Now {
        wall: Timestamp::from_second(8 * 3600).expect("in range"),
        ..at(0)
    };
    assert_eq!(sendable(calls(), at(0), slept, &mut inputs), []);
    assert_eq!(inputs.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_goes_on_while_the_loop_waits_for_the_disk() {
    let (answered, answer) = std::sync::mpsc::channel();
    let call = aside(async move {
        tokio::task::yield_now().await;
        answered.send(()).expect("the test waits");
        Input::StateFailed
    });
    // A commit blocks the thread of the loop like this.
    let answer = answer.recv_timeout(10 * SECOND);
    assert_eq!(answer, Ok(()));
    assert_eq!(call.await, Input::StateFailed);
}
