//! The provider: what it really created, and what it says.
//!
//! Start at [`SimApi`]. What becomes of a create is decided the moment it leaves, also when nobody is left to hear the
//! answer; `answers` has the ways. A new kind of trouble gets a line there and a `Seen`.

use std::time::Duration;

use jiff::SignedDuration;
use shotlist::api::VideoApi;
use shotlist::engine::event::{Origin, PollReply, SubmitReply, TaskId};
use shotlist::plan::VideoRequest;

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
    pub(crate) revision: u32,
    /// What it cost by the price list of its day, if there was one.
    pub(crate) price: Option<u64>,
    pub(crate) task_id: TaskId,
    pub(crate) other_id: Option<TaskId>,
    pub(crate) account: Account,
    pub(crate) at: Duration,
    pub(crate) settles_at: Duration,
    pub(crate) is_stuck: bool,
    /// How far the wall clock was off.
    pub(crate) jumped: SignedDuration,
    pub(crate) vanishes: bool,
    /// How often the address of its video has expired.
    pub(crate) expired: u32,
    /// Of its video at the server.
    pub(crate) version: u32,
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
        self.check_post(job, revision);
        let posts = self.posts.entry(job).or_default();
        *posts = (posts.0 + 1, revision);
        let previous = self.last_post.replace(self.time.truth());
        if previous == self.last_post {
            self.saw(Seen::GroupedCreate);
        }
        let (wait, reply) = self.fate(job, revision, previous);
        self.note(|| format!("POST job-{job} r{revision}: {reply:?} in {wait:?}"));
        self.instant("a create left").then_some((wait, reply))
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
}
