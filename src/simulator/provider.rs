//! The simulated provider's mind: what it answers to a create and to a poll, and what it writes into its ledger.
//!
//! Start at [`Provider::create`] and [`Provider::poll`]. Pure: it is told the time and the seed, and knows no socket;
//! an [`Answer`] says what is to be sent and how the sending is to be broken off.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{self, Answer, ApiError};
use super::chance::{hash_text, mix};
use super::fault::{Effect, Faults, Target};
use super::ledger::{Delivery, FetchLine, Ledger, LedgerSummary, Post, TaskLine};
use super::limit::{Bucket, InFlight};
use super::request::Wanted;
use super::{RenderTime, SimulatorSettings};
use crate::engine::event::Now;
use crate::plan::AspectRatio;

/// Longest request body that the ledger keeps, in bytes.
const KEPT_BODY: usize = 16 * 1024;

/// A provider with everything it was asked and everything it made.
#[derive(Debug)]
pub(super) struct Provider {
    address: String,
    id_salt: u64,
    seed: u64,
    key_prefix: String,
    render: RenderTime,
    submit_limit: Option<Bucket>,
    max_in_flight: Option<usize>,
    faults: Faults,
    in_flight: InFlight,
    connections: u64,
    creates_read: u64,
    totals: LedgerSummary,
    posts: Vec<Post>,
    polls: Vec<Duration>,
    fetches: Vec<FetchLine>,
    tasks: Vec<Task>,
    task_numbers: HashMap<Box<str>, usize>,
}

/// A request as it arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    /// The `Authorization` header.
    pub(super) authorization: Option<&'a str>,
    /// The body of a create.
    pub(super) body: &'a [u8],
}

/// A request for a video.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetch<'a> {
    pub(super) task_id: &'a str,
    /// Which of the addresses that the video has had.
    pub(super) fresh: u32,
    pub(super) is_redirected: bool,
    pub(super) authorized: bool,
}

/// The answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetched {
    Nothing,
    Expired,
    Page,
    Elsewhere,
    Video(AspectRatio, Sending),
}

/// How a video leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    Whole,
    /// Half of it, then the connection is closed.
    Cut,
    /// In pieces over this time.
    Slow(Duration),
}

/// A task, with the whole of its life decided when it was made.
#[derive(Debug)]
struct Task {
    id: Box<str>,
    post: u64,
    key: u64,
    wanted: Wanted,
    accepted: Now,
    starts: Duration,
    ends: Option<Duration>,
    failure: Option<ApiError>,
    hidden_polls: u32,
    polls_without_url: u32,
    odd_status: Option<Box<str>>,
    /// How often its address has expired.
    expired: u32,
    faults: Vec<&'static str>,
    first_polled: Option<Duration>,
    polls: u32,
}

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    InProgress,
    Completed,
    Failed,
}

impl Provider {
    /// A provider at `address` (such as `http://127.0.0.1:8080`) that has not been asked anything.
    pub(super) fn new(settings: &SimulatorSettings, address: String, started: Now) -> Self {
        Self {
            address,
            id_salt: mix(settings.seed, started.wall.as_microsecond().unsigned_abs()),
            seed: settings.seed,
            key_prefix: settings.key_prefix.clone(),
            render: settings.render,
            submit_limit: settings.submit_limit.map(Bucket::new),
            max_in_flight: settings.max_in_flight.map(|most| most.get() as usize),
            faults: settings.faults.clone(),
            in_flight: InFlight::default(),
            connections: 0,
            creates_read: 0,
            totals: LedgerSummary::default(),
            posts: Vec::new(),
            polls: Vec::new(),
            fetches: Vec::new(),
            tasks: Vec::new(),
            task_numbers: HashMap::new(),
        }
    }

    /// Answers a create request that was read to its end.
    pub(super) fn create(&mut self, arrival: Arrival<'_>, now: Now) -> Answer {
        self.creates_read += 1;
        let strike = self.strike(Target::Create, self.creates_read);
        let (mut answer, task) = match strike.instead() {
            Some(refusal) => (refusal, None),
            None => match self.execute(arrival, now) {
                Ok(task) => (
                    answer::accepted(&self.tasks[task].id, &self.tasks[task].wanted, now),
                    Some(task),
                ),
                Err(refusal) => (refusal, None),
            },
        };
        strike.break_off(&mut answer);
        self.note_post(&arrival, &answer, strike.name, task, now);
        answer
    }

    /// Answers a poll for `task_id`.
    pub(super) fn poll(&mut self, task_id: &str, authorization: Option<&str>, now: Now) -> Answer {
        self.polls.push(now.mono);
        self.totals.polls += 1;
        let strike = self.strike(Target::Poll, self.totals.polls);
        let mut answer = match strike.instead() {
            Some(refusal) => refusal,
            None => self.look_up(task_id, authorization, now),
        };
        strike.break_off(&mut answer);
        self.totals.refused_429 += u64::from(answer.is_refused_429());
        answer
    }

    /// Whether the connection that brings this create request is to be reset unread.
    pub(super) fn resets_unread(&mut self, now: Now) -> bool {
        self.connections += 1;
        let strike = self.strike(Target::Connection, self.connections);
        if let Some(fault) = strike.name {
            self.note_unanswered(Delivery::ResetUnread, Some(fault), now);
        }
        strike.name.is_some()
    }

    /// Notes a create request whose client left before it was complete.
    pub(super) fn create_broke_off(&mut self, now: Now) {
        self.note_unanswered(Delivery::Incomplete, None, now);
    }

    /// What the video of `task_id` looks like, if it is there to be fetched.
    pub(super) fn fetch_video(&mut self, task_id: &str, now: Now) -> Option<&Wanted> {
        let task = &self.tasks[*self.task_numbers.get(task_id)?];
        if task.stage(now.mono) != Stage::Completed {
            return None;
        }
        self.totals.videos_fetched += 1;
        Some(&task.wanted)
    }

    /// Answers a request for the video of `task_id`; where nothing else is answered, its bytes are to be sent.
    pub(super) fn fetch(&mut self, asked: &Fetch<'_>, now: Now) -> (usize, Fetched) {
        let fetch = self.fetches.len();
        let mut line = FetchLine {
            at_ms: millis(now.mono),
            task_id: asked.task_id.to_owned(),
            authorized: asked.authorized,
            status: 200,
            fault: None,
            from: 0,
            bytes: 0,
        };
        let fetched = self.fetched(asked, &mut line, now);
        line.status = match &fetched {
            Fetched::Nothing => 404,
            Fetched::Expired => 403,
            Fetched::Elsewhere => 302,
            Fetched::Page | Fetched::Video(..) => 200,
        };
        self.fetches.push(line);
        (fetch, fetched)
    }

    fn fetched(&mut self, asked: &Fetch<'_>, line: &mut FetchLine, now: Now) -> Fetched {
        let Some(shape) = self
            .fetch_video(asked.task_id, now)
            .map(|wanted| wanted.shape)
        else {
            return Fetched::Nothing;
        };
        let strike = if asked.is_redirected {
            Strike::default()
        } else {
            self.strike(Target::Fetch, self.totals.videos_fetched)
        };
        line.fault = strike.name.map(str::to_owned);
        let task = &mut self.tasks[self.task_numbers[asked.task_id]];
        if asked.fresh < task.expired {
            return Fetched::Expired;
        }
        match strike.effect {
            Some(Effect::ExpiredUrl) => {
                task.expired += 1;
                Fetched::Expired
            }
            Some(Effect::HtmlVideo) => Fetched::Page,
            Some(Effect::RedirectVideo) => Fetched::Elsewhere,
            Some(Effect::CutVideo) => Fetched::Video(shape, Sending::Cut),
            Some(Effect::SlowVideo(time)) => Fetched::Video(shape, Sending::Slow(time)),
            _ => Fetched::Video(shape, Sending::Whole),
        }
    }

    /// Notes the status of a video that is sent, and where it begins.
    pub(super) fn sends(&mut self, fetch: usize, status: u16, from: u64) {
        self.fetches[fetch].status = status;
        self.fetches[fetch].from = from;
    }

    /// Notes bytes of a video that were sent.
    pub(super) fn sent(&mut self, fetch: usize, bytes: u64) {
        self.fetches[fetch].bytes += bytes;
    }

    /// A copy of everything that happened until now.
    pub(super) fn ledger(&self, now: Now) -> Ledger {
        Ledger {
            schema: 1,
            totals: self.summary(),
            posts: self.posts.clone(),
            tasks: self.tasks.iter().map(|task| task.line(now.mono)).collect(),
            polls_at_ms: self.polls.iter().map(|at| millis(*at)).collect(),
            fetches: self.fetches.clone(),
        }
    }

    /// The sums of the ledger.
    pub(super) fn summary(&self) -> LedgerSummary {
        LedgerSummary {
            posts: self.posts.len() as u64,
            creates: self.tasks.len() as u64,
            max_in_flight: self.in_flight.most() as u64,
            ..self.totals
        }
    }

    /// Takes a create request as a provider without faults would: the number of the new task, or a refusal.
    fn execute(&mut self, arrival: Arrival<'_>, now: Now) -> Result<usize, Answer> {
        let key = self.key_of(arrival.authorization)?;
        if let Some(bucket) = &mut self.submit_limit {
            bucket.take(now.mono).map_err(answer::over_the_rate)?;
        }
        let wanted = Wanted::read(arrival.body)?;
        let in_flight = self.in_flight.count(now.mono);
        if let Some(most) = self.max_in_flight.filter(|most| in_flight >= *most) {
            return Err(answer::too_many_in_flight(most));
        }
        Ok(self.make_task(wanted, key, now))
    }

    fn make_task(&mut self, wanted: Wanted, key: u64, now: Now) -> usize {
        let index = self.tasks.len();
        let number = index as u64 + 1;
        let length = self
            .render
            .pick(mix(self.seed ^ hash_text("render"), number));
        let mut task = Task {
            id: format!("task_{:016x}{number:08x}", mix(self.id_salt, number)).into(),
            post: self.posts.len() as u64 + 1,
            key,
            wanted,
            accepted: now,
            starts: now.mono + length / 5,
            ends: Some(now.mono + length),
            failure: None,
            hidden_polls: 0,
            polls_without_url: 0,
            odd_status: None,
            expired: 0,
            faults: Vec::new(),
            first_polled: None,
            polls: 0,
        };
        for (name, effect) in self.faults.striking(Target::Task, number, self.seed) {
            task.suffer(name, effect);
        }
        self.in_flight.add(task.ends, now.mono);
        self.task_numbers.insert(task.id.clone(), index);
        self.tasks.push(task);
        index
    }

    fn look_up(&mut self, task_id: &str, authorization: Option<&str>, now: Now) -> Answer {
        let key = match self.key_of(authorization) {
            Ok(key) => key,
            Err(refusal) => return refusal,
        };
        let task = self
            .task_numbers
            .get(task_id)
            .map(|index| &mut self.tasks[*index])
            .filter(|task| task.key == key);
        match task {
            Some(task) => task.answer_poll(&self.address, now),
            None => answer::task_not_exist(),
        }
    }

    /// A number that stands for the key of a request, if the key is good.
    fn key_of(&self, authorization: Option<&str>) -> Result<u64, Answer> {
        authorization
            .and_then(|header| header.strip_prefix("Bearer "))
            .map(str::trim)
            .filter(|key| !key.is_empty() && key.starts_with(&self.key_prefix))
            .map(hash_text)
            .ok_or_else(answer::bad_key)
    }

    fn strike(&self, target: Target, number: u64) -> Strike {
        let mut strike = Strike::default();
        for (name, effect) in self.faults.striking(target, number, self.seed) {
            match effect {
                Effect::Slow(delay) => {
                    strike.delay = strike.delay.max(*delay);
                    strike.name = strike.name.or(Some(name));
                }
                _ if strike.effect.is_none() => {
                    strike.effect = Some(effect.clone());
                    strike.name = Some(name);
                }
                _ => {}
            }
        }
        strike
    }

    fn note_post(
        &mut self,
        arrival: &Arrival<'_>,
        answer: &Answer,
        fault: Option<&str>,
        task: Option<usize>,
        now: Now,
    ) {
        let told = answer.delivery == Delivery::Whole && answer.names_a_task();
        self.totals.unanswered += u64::from(task.is_some() && !told);
        self.totals.refused_429 += u64::from(answer.is_refused_429());
        let kept = arrival.body.len() <= KEPT_BODY;
        let request = kept
            .then(|| serde_json::from_slice(arrival.body).ok())
            .flatten();
        self.posts.push(Post {
            at_ms: millis(now.mono),
            request: request.unwrap_or(Value::Null),
            status: matches!(answer.delivery, Delivery::Whole | Delivery::Cut)
                .then_some(answer.status),
            delivery: answer.delivery,
            fault: fault.map(str::to_owned),
            task_id: task.map(|index| self.tasks[index].id.to_string()),
        });
    }

    fn note_unanswered(&mut self, delivery: Delivery, fault: Option<&str>, now: Now) {
        self.posts.push(Post {
            at_ms: millis(now.mono),
            request: Value::Null,
            status: None,
            delivery,
            fault: fault.map(str::to_owned),
            task_id: None,
        });
    }
}

/// The faults of one request.
#[derive(Default)]
struct Strike {
    name: Option<&'static str>,
    effect: Option<Effect>,
    delay: Duration,
}

impl Strike {
    /// The answer that comes in place of doing anything.
    fn instead(&self) -> Option<Answer> {
        match self.effect.as_ref()? {
            Effect::Refuse(status, wait) => Some(answer::refused(*status, *wait)),
            Effect::EmptyWallet => Some(answer::empty_wallet()),
            Effect::Moderation => Some(answer::moderated()),
            Effect::Page(status) => Some(answer::page(*status)),
            Effect::Reset => Some(Answer {
                delivery: Delivery::Reset,
                ..answer::page(502)
            }),
            _ => None,
        }
    }

    /// What becomes of the answer to something that was done.
    fn break_off(&self, answer: &mut Answer) {
        answer.delay += self.delay;
        match self.effect {
            Some(Effect::ResetDone) => answer.delivery = Delivery::Reset,
            Some(Effect::LoseAnswer) => answer.delivery = Delivery::Closed,
            Some(Effect::CutAnswer) => answer.delivery = Delivery::Cut,
            Some(Effect::PageDone(status)) => *answer = answer::page(status),
            Some(Effect::ErrorDone) => *answer = answer::error_after_all(),
            Some(Effect::NoId) => answer.forget_ids(),
            Some(Effect::OtherTask) => answer.rename_task("task_of_somebody_else"),
            _ => {}
        }
    }
}

impl Task {
    fn suffer(&mut self, name: &'static str, effect: &Effect) {
        self.faults.push(name);
        match effect {
            Effect::Stuck => self.ends = None,
            Effect::Fail => self.failure = Some(answer::GENERATION_FAILED),
            Effect::FailModeration => self.failure = Some(answer::OUTPUT_MODERATED),
            Effect::NoUrl(polls) => self.polls_without_url = polls.unwrap_or(u32::MAX),
            Effect::UnknownTask(polls) => self.hidden_polls = polls.unwrap_or(u32::MAX),
            Effect::OddStatus(word) => self.odd_status = Some(word.clone()),
            _ => {}
        }
    }

    fn stage(&self, now: Duration) -> Stage {
        match self.ends {
            Some(end) if now >= end && self.failure.is_some() => Stage::Failed,
            Some(end) if now >= end => Stage::Completed,
            _ if now >= self.starts => Stage::InProgress,
            _ => Stage::Queued,
        }
    }

    /// How much of the task is rendered, in percent.
    fn progress(&self, now: Duration) -> u32 {
        let Some(end) = self.ends else { return 95 };
        let whole = end.saturating_sub(self.starts).as_millis().max(1);
        let done = now.saturating_sub(self.starts).as_millis() * 100 / whole;
        u32::try_from(done.min(100)).unwrap_or(100)
    }

    fn answer_poll(&mut self, address: &str, now: Now) -> Answer {
        self.polls = self.polls.saturating_add(1);
        self.first_polled.get_or_insert(now.mono);
        if self.polls <= self.hidden_polls {
            return answer::task_not_exist();
        }
        let stage = self.stage(now.mono);
        let mut body = json!({
            "id": self.id, "task_id": self.id, "object": "video.generation.job",
            "model": self.wanted.model.as_str(), "prompt": self.wanted.prompt,
            "status": self.status_word(stage), "progress": self.progress(now.mono),
            "created_at": self.accepted.wall.as_second(),
            "duration": now.mono.saturating_sub(self.accepted.mono).as_secs(),
            "video_url": null, "result": null, "error": null,
        });
        match (stage, &self.failure) {
            (Stage::Completed, _) => self.add_video(&mut body, address),
            (Stage::Failed, Some(failure)) => body["error"] = failure.as_json(),
            _ => {}
        }
        Answer::json(200, body)
    }

    fn add_video(&mut self, body: &mut Value, address: &str) {
        if self.polls_without_url > 0 {
            self.polls_without_url = self.polls_without_url.saturating_sub(1);
            return;
        }
        let fresh = match self.expired {
            0 => String::new(),
            times => format!("?fresh={times}"),
        };
        let video = format!("{address}/videos/{}.mp4{fresh}", self.id);
        body["video_url"] = json!(video);
        body["result"] = json!({ "outputs": [video], "video_url": video });
        if self.wanted.last_frame {
            let frame = format!("{address}/frames/{}.png", self.id);
            body["last_frame_url"] = json!(frame);
            body["result"]["last_frame_url"] = json!(frame);
        }
    }

    fn status_word(&self, stage: Stage) -> &str {
        match (stage, &self.odd_status) {
            (Stage::InProgress, Some(word)) => word,
            (stage, _) => stage.as_str(),
        }
    }

    fn line(&self, now: Duration) -> TaskLine {
        TaskLine {
            task_id: self.id.to_string(),
            post: self.post,
            status: self.stage(now).as_str().to_owned(),
            accepted_at_ms: millis(self.accepted.mono),
            started_at_ms: (self.starts <= now).then(|| millis(self.starts)),
            finished_at_ms: self.ends.filter(|end| *end <= now).map(millis),
            first_polled_at_ms: self.first_polled.map(millis),
            polls: self.polls,
            faults: self.faults.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

fn millis(since_start: Duration) -> u64 {
    u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
