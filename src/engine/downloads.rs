//! The half of the engine that fetches files of completed jobs: which are wanted, when one is tried again, and when the
//! provider is asked for a fresh address.
//!
//! Start at `Engine::start_downloads` and `Engine::take_fetch_reply`. Downloads have a concurrency of their own: they
//! hold no slot, wait for no submit and no poll, and nothing waits for them. A file that does not come leaves its job
//! completed. A job that was to be made again and was not has the video of its earlier take, which is fetched once this
//! run does nothing more about the later one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::num::NonZeroU32;
use std::time::Duration;

use super::event::{
    Call, Event, FetchReply, FileOrder, JobIndex, Notice, Now, PollReply, RunFault, SavedFile,
    StopReason, Wanted,
};
use super::job::{JobFiles, Status, Task};
use super::resume::Outlook;
use super::watch::Watch;
use super::{Effects, Engine, Polls, retry};
use crate::text::CleanText;

/// How often a run tries to fetch the files of one job, fresh addresses aside.
const MOST_TRIES: u32 = 3;

/// How often it asks the provider for a fresh address when the answers say nothing.
const MOST_POLLS: u32 = 3;

/// Whether a run fetches files of completed jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Downloads {
    /// It does not.
    #[default]
    None,
    /// Beside everything else.
    Along(FileTerms),
    /// It does nothing else: neither submits nor waits for running tasks.
    Alone(FileTerms),
}

/// How files are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTerms {
    /// Most jobs whose files are fetched at a time.
    pub concurrency: NonZeroU32,
    /// Whether the provider can be asked for a fresh address.
    pub renewal: Renewal,
    /// Recorded files that are not there any more: they are fetched again.
    pub gone: BTreeMap<JobIndex, Gone>,
}

/// Which recorded files of a job are not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone {
    /// The video.
    pub video: bool,
    /// The picture of its last frame.
    pub last_frame: bool,
}

impl Gone {
    /// Those of `files` that `is_gone` holds for.
    pub fn of(files: &JobFiles, is_gone: impl Fn(&SavedFile) -> bool) -> Self {
        Self {
            video: files.video.as_ref().is_some_and(&is_gone),
            last_frame: files.last_frame.as_ref().is_some_and(&is_gone),
        }
    }

    /// Whether one is.
    pub fn any(self) -> bool {
        self.video || self.last_frame
    }
}

/// Whether the provider can be asked for a fresh address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It can.
    Possible,
    /// There is no key to ask with.
    NoKey,
}

impl Downloads {
    /// Whether nothing but files is fetched.
    pub fn is_alone(&self) -> bool {
        matches!(self, Self::Alone(_))
    }

    fn terms(&self) -> Option<&FileTerms> {
        match self {
            Self::None => None,
            Self::Along(terms) | Self::Alone(terms) => Some(terms),
        }
    }
}

/// How far the downloads of a run are, in jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DownloadCounts {
    /// Fetched in this run.
    pub done: u32,
    /// Being fetched now.
    pub open: u32,
    /// Waiting for their turn, for another try or for a fresh address.
    pub waiting: u32,
    /// Given up in this run.
    pub failed: u32,
    /// Files that were saved in this run: videos and pictures.
    pub files: u32,
    /// Their bytes.
    pub bytes: u64,
}

/// What a run does about files.
#[derive(Debug)]
pub(super) struct Files {
    terms: Option<FileTerms>,
    /// Whether the run does nothing else.
    is_alone: bool,
    /// Jobs that the run was asked for.
    selected: BTreeSet<JobIndex>,
    /// When each is to be fetched.
    due: BinaryHeap<Reverse<(Duration, JobIndex)>>,
    open: BTreeSet<JobIndex>,
    /// Jobs whose task is asked for once more.
    renewing: BTreeSet<JobIndex>,
    tries: BTreeMap<JobIndex, Tries>,
    /// Jobs whose files were saved, are gone, and are at the provider no more.
    lost: BTreeSet<JobIndex>,
    done: u32,
    failed: u32,
    /// Files that were saved, and their bytes.
    saved: (u32, u64),
    has_ended: bool,
}

/// What was tried for one job.
#[derive(Debug, Clone, Default)]
struct Tries {
    failed: u32,
    /// Why the provider was asked for a fresh address.
    expired: Option<CleanText>,
    polls: u32,
}

impl Files {
    pub(super) fn new(downloads: &Downloads) -> Self {
        Self {
            terms: downloads.terms().cloned(),
            is_alone: downloads.is_alone(),
            selected: BTreeSet::new(),
            due: BinaryHeap::new(),
            open: BTreeSet::new(),
            renewing: BTreeSet::new(),
            tries: BTreeMap::new(),
            lost: BTreeSet::new(),
            done: 0,
            failed: 0,
            saved: (0, 0),
            has_ended: false,
        }
    }

    /// Notes that files of this job are wanted once it is completed.
    pub(super) fn select(&mut self, job: JobIndex) {
        if self.terms.is_some() {
            self.selected.insert(job);
        }
    }

    /// Which files of this job are recorded and not there any more.
    fn gone(&self, job: JobIndex) -> Gone {
        let terms = self.terms.as_ref();
        let gone = terms.and_then(|terms| terms.gone.get(&job));
        gone.copied().unwrap_or_default()
    }

    /// Notes what a download has brought back.
    fn are_back(&mut self, job: JobIndex, without_picture: bool) {
        let gone = self.terms.as_mut().map(|terms| &mut terms.gone);
        if let Some(gone) = gone.and_then(|gone| gone.get_mut(&job)) {
            gone.video = false;
            gone.last_frame &= without_picture;
        }
    }

    /// Whether a run misses files of this job that were saved once. Files that cannot be had any more keep no run from
    /// its end; who asks for files alone is told.
    fn misses_gone(&self, job: JobIndex) -> bool {
        self.gone(job).any() && (self.is_alone || !self.lost.contains(&job))
    }

    /// Whether the task of a job's video is being asked for a fresh address.
    pub(super) fn is_renewing(&self, job: JobIndex) -> bool {
        self.renewing.contains(&job)
    }

    /// Whether nothing is open and nothing will be.
    pub(super) fn is_idle(&self) -> bool {
        self.has_ended || self.open.is_empty() && self.due.is_empty() && self.renewing.is_empty()
    }

    /// Nothing more is fetched in this run, and what is open is dropped; the jobs whose task was being asked for.
    fn end(&mut self) -> BTreeSet<JobIndex> {
        self.has_ended = true;
        self.due.clear();
        self.open.clear();
        std::mem::take(&mut self.renewing)
    }

    /// When something is to be fetched, if there is room for it.
    pub(super) fn due(&self) -> Option<Duration> {
        let Reverse((due, _)) = self.due.peek()?;
        self.has_room().then_some(*due)
    }

    fn has_room(&self) -> bool {
        let most = self
            .terms
            .as_ref()
            .map_or(0, |terms| terms.concurrency.get());
        !self.has_ended && self.open.len() < most as usize
    }

    fn schedule(&mut self, job: JobIndex, due: Duration) {
        if !self.has_ended {
            self.due.push(Reverse((due, job)));
        }
    }

    /// Takes the next job whose time has come.
    fn open_next(&mut self, now: Duration) -> Option<JobIndex> {
        self.due().filter(|due| *due <= now)?;
        let Reverse((_, job)) = self.due.pop()?;
        self.open.insert(job);
        Some(job)
    }

    fn counts(&self) -> DownloadCounts {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        DownloadCounts {
            done: self.done,
            open: count(self.open.len()),
            waiting: count(self.due.len() + self.renewing.len()),
            failed: self.failed,
            files: self.saved.0,
            bytes: self.saved.1,
        }
    }
}

impl Engine {
    /// How far the downloads are; `None` if nothing is downloaded.
    pub fn downloads(&self) -> Option<DownloadCounts> {
        self.files.terms.as_ref().map(|_| self.files.counts())
    }

    /// Whether open downloads are to be dropped: what they have fetched so far stays for the next run.
    pub fn drops_downloads(&self) -> bool {
        self.files.has_ended
    }

    /// Selected jobs of the plan that have a video and lack a file that they should have.
    pub fn missing_files(&self) -> impl Iterator<Item = JobIndex> + '_ {
        let selected = self.files.selected.iter().copied();
        selected.filter(|job| {
            let video = self.table.job(*job).video();
            video.is_some_and(|video| video.lacks_files() || self.files.misses_gone(*job))
        })
    }

    /// Ends downloads for this run, and polls for fresh addresses with them: an answer that still comes is about a job
    /// that is completed.
    pub(super) fn end_downloads(&mut self) {
        for job in self.files.end() {
            self.watches.remove(job);
        }
    }

    /// Queues the files of a job that has a video and lacks some of its files. Until they are there, or given up, this run
    /// must not make anything of the job: a file belongs to one take.
    pub(super) fn want_files(&mut self, job: JobIndex, due: Duration) {
        let is_wanted = self.files.selected.contains(&job);
        if is_wanted && self.order(job).is_some() {
            self.files.schedule(job, due);
        }
    }

    /// The same when a run begins, unless it goes on with the job.
    pub(super) fn want_files_of_left(&mut self, job: JobIndex, outlook: Outlook, now: Now) {
        let goes_on = outlook.submits() || matches!(outlook, Outlook::Resume | Outlook::Recheck);
        let is_settled_first = self.table.job(job).status() == Status::Submitting;
        if (self.files.is_alone || !goes_on) && !is_settled_first {
            self.want_files(job, now.mono);
        }
    }

    /// What is to be fetched for a job.
    fn order(&self, job: JobIndex) -> Option<FileOrder> {
        let video = self.table.job(job).video()?;
        let gone = self.files.gone(job);
        let has_trouble = video.files.is_some_and(|files| files.trouble.is_some());
        if !gone.any() && !has_trouble && !video.lacks_files() {
            return None;
        }
        let here = |saved: Option<&SavedFile>, is_gone: bool| {
            let saved = saved.filter(|_| !is_gone);
            saved.map(|saved| Wanted::Here(saved.clone()))
        };
        let saved = video.files.and_then(|files| files.video.as_ref());
        let picture = video.files.and_then(|files| files.last_frame.as_ref());
        let url = video.last_frame_url.cloned();
        Some(FileOrder {
            take: video.take,
            task_id: video.task.id.clone(),
            video: here(saved, gone.video).unwrap_or_else(|| Wanted::At(video.url.clone())),
            last_frame: here(picture, gone.last_frame).or(url.map(Wanted::At)),
        })
    }

    /// The task that a poll is about: that of the video that lacks a file, or of the current take.
    pub(super) fn asked_task(&self, job: JobIndex) -> Option<&Task> {
        let state = self.table.job(job);
        if self.files.is_renewing(job) {
            state.video().map(|video| video.task)
        } else {
            state.task()
        }
    }

    pub(super) fn start_downloads(&mut self, now: Now, effects: &mut Effects) {
        while let Some(job) = self.files.open_next(now.mono) {
            match self.order(job) {
                Some(order) => effects.calls.push(Call::Download {
                    job,
                    order: Box::new(order),
                }),
                None => {
                    self.files.open.remove(&job);
                }
            }
        }
    }

    pub(super) fn take_fetch_reply(
        &mut self,
        job: JobIndex,
        reply: FetchReply,
        now: Now,
        effects: &mut Effects,
    ) {
        if !self.files.open.remove(&job) {
            return;
        }
        match reply {
            FetchReply::Saved {
                video,
                last_frame,
                without,
            } => {
                let known = self.table.job(job).video().and_then(|video| video.files);
                let is_known = |file: &SavedFile| {
                    let known = known.map(|files| [&files.video, &files.last_frame]);
                    known.is_some_and(|known| known.into_iter().flatten().any(|one| one == file))
                };
                let files = [Some(&video), last_frame.as_ref()].into_iter().flatten();
                for file in files.filter(|file| !is_known(file)) {
                    self.files.saved.0 += 1;
                    self.files.saved.1 += file.bytes;
                }
                // A picture that is gone and does not come was saved once.
                let picture = known.and_then(|files| files.last_frame.clone());
                let last_frame = last_frame.or(picture.filter(|_| without.is_some()));
                let is_news = known.is_none_or(|files| {
                    files.video.as_ref() != Some(&video)
                        || files.last_frame != last_frame
                        || files.trouble.is_some() && without.is_none()
                });
                if is_news {
                    self.record(job, Event::Downloaded { video, last_frame }, now, effects);
                }
                self.files.are_back(job, without.is_some());
                match without {
                    None => self.files.done += 1,
                    Some(reply) => self.take_failed_fetch(job, *reply, now, effects),
                }
            }
            reply => self.take_failed_fetch(job, reply, now, effects),
        }
    }

    fn take_failed_fetch(
        &mut self,
        job: JobIndex,
        reply: FetchReply,
        now: Now,
        effects: &mut Effects,
    ) {
        match reply {
            FetchReply::Expired { message } => self.renew(job, message, now, effects),
            FetchReply::Trouble { message } => self.fetch_again(job, message, now, effects),
            FetchReply::Refused { message } => self.give_up(job, message, now, effects),
            FetchReply::Saved { .. } => {}
        }
    }

    /// Tries again after a while, unless it was tried often enough.
    fn fetch_again(&mut self, job: JobIndex, message: CleanText, now: Now, effects: &mut Effects) {
        let tries = self.files.tries.entry(job).or_default();
        tries.failed += 1;
        let failed = tries.failed;
        if failed >= MOST_TRIES {
            self.give_up(job, message, now, effects);
            return;
        }
        if failed == 1 {
            effects
                .notices
                .push(Notice::DownloadTrouble { job, message });
        }
        let wait = retry::pause(failed - 1, (self.chance(job), "download"));
        self.files.schedule(job, now.mono + wait);
    }

    /// Asks for the task once more: the provider may name a fresh address.
    fn renew(&mut self, job: JobIndex, message: CleanText, now: Now, effects: &mut Effects) {
        let terms = self.files.terms.as_ref();
        let is_possible = terms.is_some_and(|terms| terms.renewal == Renewal::Possible);
        let tries = self.files.tries.entry(job).or_default();
        if tries.expired.replace(message.clone()).is_some() {
            self.give_up_for_good(job, message, now, effects);
        } else if !is_possible {
            let message = CleanText::new(&format!(
                "{message}; without an API key the provider cannot be asked for a fresh address"
            ));
            self.give_up(job, message, now, effects);
        } else {
            self.files.renewing.insert(job);
            self.watches.add(job, now.mono, Watch::default());
        }
    }

    /// The answer to the one extra poll of a completed task.
    pub(super) fn take_renewal(
        &mut self,
        job: JobIndex,
        reply: PollReply,
        now: Now,
        effects: &mut Effects,
    ) {
        match reply {
            PollReply::Completed {
                video_url: Some(video_url),
                last_frame_url,
            } => {
                self.end_renewal(job);
                let event = Event::Renewed {
                    video_url,
                    last_frame_url,
                };
                if self.is_fresh(job, &event, now) {
                    self.record(job, event, now, effects);
                    self.files.schedule(job, now.mono);
                } else {
                    let message = self.expired(job, "the provider names no other address");
                    self.give_up_for_good(job, message, now, effects);
                }
            }
            PollReply::OtherTask { task_id, reply } if self.is_own(job, &task_id) => {
                self.take_renewal(job, *reply, now, effects);
            }
            PollReply::Later { retry_after } => {
                let due = self.polls_refused(job, retry_after, now);
                self.watches.schedule(job, due);
            }
            PollReply::Trouble { .. } | PollReply::OtherTask { .. } => {
                let polls = self.files.tries.entry(job).or_default().polls;
                let wait = retry::poll_spacing(self.limits.poll_every, polls + 1, job);
                self.poll_once_more(job, now.mono + wait, now, effects);
            }
            PollReply::KeyRefused { message } => {
                let why = said("the provider refuses the key", &message);
                let is_of_another_account = self.is_of_another_account(job);
                self.end_renewal(job);
                self.give_up_expired(job, &why, now, effects);
                if !is_of_another_account {
                    let fault = RunFault::Auth;
                    self.end_polls();
                    self.stop(StopReason::Fault { fault, message }, effects);
                }
            }
            PollReply::NotFound { message } | PollReply::Failed { message, .. } => {
                let why = said("the provider no longer has it", &message);
                let message = self.expired(job, &why);
                self.end_renewal(job);
                self.give_up_for_good(job, message, now, effects);
            }
            PollReply::Running { .. } | PollReply::Completed { .. } => {
                let message = self.expired(job, "the provider names no address any more");
                self.end_renewal(job);
                self.give_up_for_good(job, message, now, effects);
            }
        }
    }

    fn poll_once_more(&mut self, job: JobIndex, due: Duration, now: Now, effects: &mut Effects) {
        let tries = self.files.tries.entry(job).or_default();
        tries.polls += 1;
        if tries.polls < MOST_POLLS {
            self.watches.schedule(job, due);
        } else {
            self.end_renewal(job);
            let why = "the provider could not be asked for a fresh address";
            self.give_up_expired(job, why, now, effects);
        }
    }

    fn end_renewal(&mut self, job: JobIndex) {
        self.watches.remove(job);
        self.files.renewing.remove(&job);
    }

    /// Whether a renewed address is another one than the state has.
    fn is_fresh(&self, job: JobIndex, event: &Event, now: Now) -> bool {
        let mut after = self.table.job(job).clone();
        after.apply(event, now.wall).is_ok() && after != *self.table.job(job)
    }

    /// No more polls are made in this run: no fresh address will come.
    pub(super) fn give_up_renewals(&mut self, now: Now, effects: &mut Effects) {
        if self.polls_end == Polls::GoOn {
            return;
        }
        for job in std::mem::take(&mut self.files.renewing) {
            self.watches.remove(job);
            let why = "this run asks the provider for nothing any more";
            self.give_up_expired(job, why, now, effects);
        }
    }

    /// The same after an address that was no longer good.
    fn give_up_expired(&mut self, job: JobIndex, why: &str, now: Now, effects: &mut Effects) {
        let message = self.expired(job, why);
        self.give_up(job, message, now, effects);
    }

    /// Why the address was no longer good, and why there is no other.
    fn expired(&self, job: JobIndex, why: &str) -> CleanText {
        let tries = self.files.tries.get(&job);
        let expired = tries.and_then(|tries| tries.expired.clone());
        CleanText::new(&format!("{}; {why}", expired.unwrap_or_default()))
    }

    /// The provider has the files no more. Where they were saved once, a later run is not to fail for it.
    fn give_up_for_good(
        &mut self,
        job: JobIndex,
        message: CleanText,
        now: Now,
        effects: &mut Effects,
    ) {
        if self.files.gone(job).any() {
            self.files.lost.insert(job);
        }
        self.give_up(job, message, now, effects);
    }

    /// Leaves the files of a job to the next run; why is recorded, once.
    fn give_up(&mut self, job: JobIndex, message: CleanText, now: Now, effects: &mut Effects) {
        self.files.failed += 1;
        let message = if self.files.lost.contains(&job) {
            CleanText::new("its file was saved and is gone; the provider has it no more")
        } else if self.files.gone(job).any() {
            let why = "a recorded file is no longer there, and could not be fetched again";
            CleanText::new(&format!("{why}: {message}"))
        } else {
            message
        };
        let known = self.table.job(job).video().and_then(|video| video.files);
        let is_news = known.and_then(|files| files.trouble.as_ref()) != Some(&message);
        if is_news || self.files.is_alone || !self.files.lost.contains(&job) {
            effects.notices.push(Notice::NotDownloaded {
                job,
                message: message.clone(),
            });
        }
        if is_news {
            self.record(job, Event::NotDownloaded { message }, now, effects);
        }
    }
}

fn said(why: &str, message: &CleanText) -> String {
    if message.is_empty() {
        why.to_owned()
    } else {
        format!("{why} (`{message}`)")
    }
}
