//! The provider: what it really created, and what it says.
//!
//! Start at [`SimApi`]; what becomes of a create is decided in [`World::fate`] the moment it leaves, also when nobody
//! is left to hear the answer, and of a poll in [`World::poll_answer`]. What a video becomes follows from its content
//! alone ([`Destiny`]), so that a run without faults is known to end in the same results. Trouble comes from the
//! weather; a new kind gets a line in one of these two and a `Seen`.

use std::time::Duration;

use jiff::SignedDuration;
use shotlist::api::VideoApi;
use shotlist::engine::event::{
    Evidence, FailureClass, MediaUrl, Origin, PollReply, RunFault, SubmitReply, TaskId,
};
use shotlist::plan::VideoRequest;
use shotlist::text::CleanText;

use crate::chance::Chance;
use crate::figures::Seen;
use crate::register::{JobNumber, number_of};
use crate::weather::SECOND;
use crate::world::{Shared, World};

/// The client gives up on a create after this.
pub(crate) const SUBMIT_TIMEOUT: Duration = Duration::from_secs(30);

/// What a task may be unknown for after its accept.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

/// An account at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) base_url: &'static str,
    pub(crate) key: &'static str,
}

const fn account(base_url: &'static str, key: &'static str) -> Account {
    Account { base_url, key }
}

pub(crate) const ACCOUNTS: [Account; 3] = [
    account("https://one.example.com", "key-1"),
    account("https://one.example.com", "key-2"),
    account("https://two.example.com", "key-3"),
];

/// A key that its provider does not know.
pub(crate) const WRONG_KEY: Account = account("https://one.example.com", "key-3");

/// A task as the provider knows it: what was created, and paid for.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) job: JobNumber,
    revision: u32,
    pub(crate) task_id: TaskId,
    other_id: Option<TaskId>,
    pub(crate) account: Account,
    pub(crate) at: Duration,
    settles_at: Duration,
    is_stuck: bool,
    /// How far the wall clock was off.
    pub(crate) jumped: SignedDuration,
    pub(crate) vanishes: bool,
}

/// What becomes of a video with this content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destiny {
    Completes,
    CompletesWithFrame,
    Fails,
    HasNoUrl,
    Rejected,
    Moderated,
}

fn destiny(seed: u64, job: JobNumber, revision: u32) -> Destiny {
    use Destiny::{Completes, CompletesWithFrame, Fails, HasNoUrl, Moderated, Rejected};
    let content = u64::from(job) << 32 | u64::from(revision);
    let mut chance = Chance::new(seed, content + 1);
    let rare = [
        Fails,
        HasNoUrl,
        Rejected,
        Moderated,
        CompletesWithFrame,
        CompletesWithFrame,
    ];
    if chance.percent(30) {
        chance.pick(&rare)
    } else {
        Completes
    }
}

pub(crate) fn said() -> CleanText {
    CleanText::new("said")
}

fn in_doubt(evidence: Evidence) -> SubmitReply {
    let message = said();
    SubmitReply::InDoubt { evidence, message }
}

/// The provider of a run.
pub(crate) struct SimApi(pub(crate) Shared);

impl VideoApi for SimApi {
    fn submit(&self, request: &VideoRequest) -> impl Future<Output = SubmitReply> + Send + 'static {
        let world = self.0.clone();
        let mut words = request.prompt().split(' ');
        let job = words
            .next()
            .and_then(number_of)
            .expect("a prompt names its job");
        let revision = words
            .next()
            .and_then(|word| word.parse().ok())
            .expect("and its revision");
        async move {
            let Some((wait, reply)) = world.lock().post(job, revision) else {
                return std::future::pending().await;
            };
            tokio::time::sleep(wait).await;
            if !world.lock().answered(job, &reply) {
                return std::future::pending().await;
            }
            reply
        }
    }

    fn poll(
        &self,
        origin: &Origin,
        id: &TaskId,
    ) -> impl Future<Output = PollReply> + Send + 'static {
        let (world, id, base_url) = (self.0.clone(), id.clone(), origin.base_url.clone());
        async move {
            let Some((wait, reply)) = world.lock().poll(&base_url, &id) else {
                return std::future::pending().await;
            };
            tokio::time::sleep(wait).await;
            if !world.lock().polled(&id, &reply) {
                return std::future::pending().await;
            }
            reply
        }
    }
}

impl World {
    fn post(&mut self, job: JobNumber, revision: u32) -> Option<(Duration, SubmitReply)> {
        self.session.notes.leaving_at = self.time.truth();
        if !self.instant("a create leaves") {
            return None;
        }
        self.check_post(job);
        let posts = self.posts.entry(job).or_default();
        *posts = (posts.0 + 1, revision);
        let previous = self.last_post.replace(self.time.truth());
        let (wait, reply) = self.fate(job, revision, previous);
        self.note(|| format!("POST job-{job} r{revision}: {reply:?} in {wait:?}"));
        self.instant("a create left").then_some((wait, reply))
    }

    /// What becomes of a create that leaves now, and what is heard of it after how long.
    fn fate(
        &mut self,
        job: JobNumber,
        revision: u32,
        previous: Option<Duration>,
    ) -> (Duration, SubmitReply) {
        let weather = self.session.weather.clone();
        let wait = self.chance.up_to(weather.create_takes);
        if !ACCOUNTS.contains(&self.session.terms.account) {
            self.saw(Seen::KeyRefused);
            return (wait, fault(RunFault::Auth));
        }
        if let Some(seen) = self.ceiling(previous) {
            self.saw(seen);
            return (wait, self.later());
        }
        if self.chance.percent(weather.faults) {
            let fault_of_run =
                self.chance
                    .pick(&[RunFault::Auth, RunFault::Quota, RunFault::Address]);
            self.saw(match fault_of_run {
                RunFault::Auth => Seen::KeyRefused,
                RunFault::Quota => Seen::NoQuota,
                RunFault::Address => Seen::WrongAddress,
            });
            return (wait, fault(fault_of_run));
        }
        if self.chance.percent(weather.creates) {
            return self.trouble(job, revision, wait);
        }
        let message = said();
        let class = match destiny(self.seed, job, revision) {
            Destiny::Rejected => FailureClass::Rejected,
            Destiny::Moderated => FailureClass::Moderation,
            _ => {
                let (task_id, other_id) = self.create(job, revision, Duration::ZERO);
                return (wait, SubmitReply::Accepted { task_id, other_id });
            }
        };
        self.saw(if class == FailureClass::Rejected {
            Seen::Rejected
        } else {
            Seen::Moderated
        });
        (wait, SubmitReply::Rejected { class, message })
    }

    /// Which limit of the account, unknown to the run, refuses a create now.
    fn ceiling(&self, previous: Option<Duration>) -> Option<Seen> {
        let (now, weather) = (self.time.truth(), &self.session.weather);
        let second = self.time.mono().as_secs();
        if weather
            .storm
            .is_some_and(|(from, to)| (from..to).contains(&second))
        {
            return Some(Seen::Later);
        }
        if previous.is_some_and(|previous| now < previous + weather.hidden_interval) {
            return Some(Seen::RateCeiling);
        }
        let running = |task: &&Created| task.at <= now && now < task.settles_at;
        let is_full = self.ledger.iter().filter(running).count() >= weather.hidden_flight;
        is_full.then_some(Seen::FlightCeiling)
    }

    fn later(&mut self) -> SubmitReply {
        let told = self.chance.up_to(2 * 60 * SECOND);
        let retry_after = self.chance.percent(40).then_some(told);
        self.saw(if retry_after.is_some() {
            Seen::RetryAfter
        } else {
            Seen::Later
        });
        let message = said();
        SubmitReply::Later {
            retry_after,
            message,
        }
    }

    fn trouble(
        &mut self,
        job: JobNumber,
        revision: u32,
        wait: Duration,
    ) -> (Duration, SubmitReply) {
        let evidence = if self.chance.percent(10) {
            Evidence::Html
        } else {
            Evidence::Unclear
        };
        match self.chance.below(6) {
            0 | 1 => (wait, self.later()),
            2 => {
                self.saw(Seen::NotSent);
                let message = said();
                (wait, SubmitReply::NotSent { message })
            }
            3 => {
                self.saw(Seen::AnswerLostBeforeCreate);
                (
                    self.chance.pick(&[wait, SUBMIT_TIMEOUT]),
                    in_doubt(evidence),
                )
            }
            _ if is_refused(destiny(self.seed, job, revision)) => (wait, in_doubt(evidence)),
            4 => {
                self.create(job, revision, Duration::ZERO);
                self.saw(Seen::AnswerLostAfterCreate);
                (
                    self.chance.pick(&[wait, SUBMIT_TIMEOUT]),
                    in_doubt(evidence),
                )
            }
            _ => {
                let late = SUBMIT_TIMEOUT + self.chance.up_to(120 * SECOND);
                self.create(job, revision, late);
                self.saw(Seen::LateCreate);
                (SUBMIT_TIMEOUT, in_doubt(Evidence::Unclear))
            }
        }
    }

    /// Makes a task, after a while: a provider that is asked also creates when nobody waits for its answer any more.
    fn create(
        &mut self,
        job: JobNumber,
        revision: u32,
        after: Duration,
    ) -> (TaskId, Option<TaskId>) {
        let number = self.ledger.len();
        let id = |kind| TaskId::new(&format!("{kind}-{number}")).expect("valid");
        let other_id = self.chance.percent(10).then(|| id("other"));
        let at = self.time.truth() + after;
        let settles_at = at + self.chance.up_to(100 * SECOND);
        let (stuck, vanish) = (self.session.weather.stuck, self.session.weather.vanish);
        self.saw(Seen::Creates);
        if other_id.is_some() {
            self.saw(Seen::TwoIds);
        }
        self.ledger.push(Created {
            job,
            revision,
            task_id: id("task"),
            other_id: other_id.clone(),
            account: self.session.terms.account,
            at,
            settles_at,
            jumped: self.time.jumped(),
            is_stuck: self.chance.percent(stuck),
            vanishes: self.chance.percent(vanish),
        });
        (id("task"), other_id)
    }

    fn poll(&mut self, base_url: &str, id: &TaskId) -> Option<(Duration, PollReply)> {
        if !self.instant("a poll leaves") {
            return None;
        }
        self.saw(Seen::Polls);
        self.check_poll(base_url, id);
        let now = self.time.truth();
        self.last_poll = Some(now);
        let reply = self.poll_answer(base_url, id, now);
        let takes = if self.session.weather.is_calm() {
            SECOND
        } else {
            self.chance.pick(&[SECOND, 30 * SECOND])
        };
        let wait = self.chance.up_to(takes);
        self.note(|| format!("GET {id}: {reply:?} in {wait:?}"));
        self.instant("a poll left").then_some((wait, reply))
    }

    fn poll_answer(&mut self, base_url: &str, id: &TaskId, now: Duration) -> PollReply {
        let asked = Account {
            base_url: "",
            ..self.session.terms.account
        };
        let Some(asked) = ACCOUNTS
            .into_iter()
            .find(|known| known.key == asked.key && known.base_url == base_url)
        else {
            self.saw(Seen::PollKeyRefused);
            return PollReply::KeyRefused { message: said() };
        };
        let Some(index) = self.ledger.iter().position(|task| task.task_id == *id) else {
            return PollReply::NotFound { message: said() };
        };
        let task = &self.ledger[index];
        if task.account != asked || task.at > now {
            self.saw(Seen::OtherAccount);
            return PollReply::NotFound { message: said() };
        }
        if task.vanishes {
            return PollReply::NotFound { message: said() };
        }
        if self.chance.percent(self.session.weather.polls)
            && let Some(odd) = self.odd_answer(index, now)
        {
            return odd;
        }
        self.plain_answer(index, now)
    }

    /// What a provider in bad weather says; `None` if it says what is true after all.
    fn odd_answer(&mut self, index: usize, now: Duration) -> Option<PollReply> {
        let is_young = now + SECOND < self.ledger[index].at + GRACE;
        let other = self.ledger[index].other_id.clone();
        let message = said();
        let unknown_word = None;
        let (seen, reply) = match self.chance.below(16) {
            0 if self.session.weather.faults > 0 => {
                (Seen::PollKeyRefused, PollReply::KeyRefused { message })
            }
            1..=3 if is_young => (Seen::YoungNotFound, PollReply::NotFound { message }),
            4 | 5 => {
                let retry_after = self.chance.percent(50).then_some(40 * SECOND);
                (Seen::PollLater, PollReply::Later { retry_after })
            }
            6 => {
                let task_id = TaskId::new("another").expect("valid");
                let reply = Box::new(self.plain_answer(index, now));
                (Seen::OtherTask, PollReply::OtherTask { task_id, reply })
            }
            7 | 8 => {
                let unknown_word = Some(said());
                (Seen::UnknownWord, PollReply::Running { unknown_word })
            }
            9 | 10 if now >= self.ledger[index].settles_at => {
                (Seen::Backwards, PollReply::Running { unknown_word })
            }
            11 | 12 => {
                let reply = Box::new(self.plain_answer(index, now));
                (
                    Seen::OwnOtherId,
                    PollReply::OtherTask {
                        task_id: other?,
                        reply,
                    },
                )
            }
            13 | 14 => (Seen::PollTrouble, PollReply::Trouble { message }),
            _ => return None,
        };
        self.saw(seen);
        Some(reply)
    }

    fn plain_answer(&mut self, index: usize, now: Duration) -> PollReply {
        let task = &self.ledger[index];
        let unknown_word = None;
        if task.is_stuck && !self.session.weather.is_calm() {
            self.saw(Seen::Stuck);
            return PollReply::Running { unknown_word };
        }
        if now < task.settles_at {
            return PollReply::Running { unknown_word };
        }
        let (job, revision) = (task.job, task.revision);
        let url = |what| {
            MediaUrl::new(&format!(
                "https://media.example.com/{what}/{job}/{revision}"
            ))
        };
        match destiny(self.seed, job, revision) {
            Destiny::Fails => {
                self.saw(Seen::GenerationFailed);
                let class = FailureClass::Generation;
                PollReply::Failed {
                    class,
                    message: said(),
                }
            }
            Destiny::HasNoUrl => PollReply::Completed {
                video_url: None,
                last_frame_url: None,
            },
            destiny => PollReply::Completed {
                video_url: url("video"),
                last_frame_url: (destiny == Destiny::CompletesWithFrame)
                    .then(|| url("frame"))
                    .flatten(),
            },
        }
    }
}

fn is_refused(destiny: Destiny) -> bool {
    matches!(destiny, Destiny::Rejected | Destiny::Moderated)
}

fn fault(fault: RunFault) -> SubmitReply {
    let message = said();
    SubmitReply::Fault { fault, message }
}
