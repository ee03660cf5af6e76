//! What the provider makes of a request: of a create in [`World::fate`], of a poll in [`World::poll_answer`].
//!
//! What a video becomes follows from its content alone ([`Destiny`]), so that a run without faults is known to end in
//! the same results. Trouble comes from the weather.

use std::time::Duration;

use shotlist::engine::event::{
    Evidence, FailureClass, MediaUrl, PollReply, RunFault, SubmitReply, TaskId,
};
use shotlist::text::CleanText;

use crate::chance::Chance;
use crate::figures::Seen;
use crate::person::seconds;
use crate::provider::{ACCOUNTS, Account, Created, GRACE, SUBMIT_TIMEOUT};
use crate::register::JobNumber;
use crate::server::address;
use crate::weather::SECOND;
use crate::world::World;

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

impl World {
    /// What becomes of a create that leaves now, and what is heard of it after how long.
    pub(crate) fn fate(
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
            price: self.prices.map(|price| price * seconds(job, revision)),
            task_id: id("task"),
            other_id: other_id.clone(),
            account: self.session.terms.account,
            at,
            settles_at,
            jumped: self.time.jumped,
            is_stuck: self.chance.percent(stuck),
            vanishes: self.chance.percent(vanish),
            expired: 0,
            version: 0,
        });
        (id("task"), other_id)
    }

    pub(crate) fn poll_answer(&mut self, base_url: &str, id: &TaskId, now: Duration) -> PollReply {
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
                let class = FailureClass::Generation;
                let reply = Box::new(PollReply::Failed { class, message });
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
        let expired = task.expired;
        let url = |what| MediaUrl::new(&address(what, index, expired));
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
