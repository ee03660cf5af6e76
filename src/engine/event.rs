//! The closed vocabulary of a run: what can happen to a job, what the provider can answer, what the engine asks for.
//!
//! An [`Event`] is a fact about one job; it is true once the state holds it. A reply is what the API client made of
//! one HTTP exchange. Nothing here decides anything.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::budget::Shortfall;
use super::job::Take;
use super::selection::Partition;
use crate::money::Cost;
use crate::plan::{AspectRatio, Fingerprint, Mode, Model, VideoRequest, words};
use crate::text::{CleanText, clean};

/// A moment, twice: `mono` for waiting and spacing (never jumps), `wall` for what people and other runs see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the run began, by the monotonic clock.
    pub mono: Duration,
    /// Time of day.
    pub wall: Timestamp,
}

/// Position of a job: the plan's jobs come first, in plan order, then the removed ones.
pub type JobIndex = u32;

/// The provider's name for a submitted job, exactly as it was received.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TaskId(Box<str>);

impl TaskId {
    /// Most bytes a task id may have.
    pub const LIMIT: usize = 1024;

    /// Keeps `raw` as it is; `None` if it is blank or longer than [`Self::LIMIT`] bytes.
    pub fn new(raw: &str) -> Option<Self> {
        (!raw.trim().is_empty() && raw.len() <= Self::LIMIT).then(|| Self(raw.into()))
    }

    /// The id as it was received: for the state and (percent-encoded) for the poll path, not for showing.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            return formatter.write_str(&self.0);
        }
        formatter.write_str(&clean(&self.0, Self::LIMIT))
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TaskId({:?})", self.0)
    }
}

/// Number of a run over one state, from 1. Tasks remember the run that made them, and through it the base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunNumber(pub u32);

/// Where a run's requests go and under which key: recorded once a run, before its first request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Without trailing `/` or `/v1`.
    pub base_url: String,
    /// Path of the create request.
    pub create_path: String,
    /// Path of the poll request with `{task_id}` in it.
    pub poll_path: String,
    /// Fingerprint of the API key (never the key); empty if the run had none.
    pub key: String,
}

/// What a run set out to do, recorded before anything else of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// Number of the run.
    pub run: RunNumber,
    /// Where requests go.
    pub origin: Origin,
    /// The `--select` globs; empty means every job.
    pub select: Vec<String>,
    /// The `--partition`.
    pub partition: Option<Partition>,
}

/// The request columns of results.csv, as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest {
    /// Model id.
    pub model: Box<str>,
    /// One of text, image, `first_last`, reference.
    pub mode: Mode,
    /// Seconds.
    pub duration: Option<u8>,
    /// Shape of the picture.
    pub aspect_ratio: Option<AspectRatio>,
    /// The prompt, untrimmed.
    pub prompt: Box<str>,
}

impl SentRequest {
    /// The columns of `request`.
    pub fn of(request: &VideoRequest) -> Self {
        Self {
            model: Model::as_str(request.model()).into(),
            mode: request.mode(),
            duration: request.duration(),
            aspect_ratio: request.aspect_ratio(),
            prompt: request.prompt().into(),
        }
    }
}

/// A fact about one job. Applied by [`super::job::JobState::apply`] and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A create request is about to be sent.
    Intent {
        /// The run that sends it.
        run: RunNumber,
        /// Hash of the request.
        fingerprint: Fingerprint,
        /// The request columns, filled in by [`super::describe_intents`] before the event is recorded: the engine
        /// knows the fingerprint alone.
        request: Option<SentRequest>,
        /// What it is expected to cost, which is reserved until nothing can have been created; `None` if there is no
        /// price.
        cost: Option<Cost>,
    },
    /// The provider took it.
    Accepted {
        /// The id to poll.
        task_id: TaskId,
        /// A second, different id in the same answer.
        other_id: Option<TaskId>,
    },
    /// Surely nothing was created; the job waits again.
    Returned {
        /// Why.
        class: PendingClass,
        /// What the provider (or the network) said.
        message: CleanText,
    },
    /// The provider refused this request for good.
    Rejected {
        /// Rejected or moderation.
        class: FailureClass,
        /// What it said.
        message: CleanText,
    },
    /// Nobody can know whether the provider took the request.
    Doubted {
        /// What happened.
        message: CleanText,
    },
    /// The video is made.
    Completed {
        /// Where it is.
        video_url: MediaUrl,
        /// Picture of the last frame.
        last_frame_url: Option<MediaUrl>,
    },
    /// The provider could not make the video.
    Failed {
        /// Generation or moderation.
        class: FailureClass,
        /// What it said.
        message: CleanText,
    },
    /// Made, says the provider, but without a usable URL after several polls.
    NoUrl,
    /// The provider no longer knows the task id.
    Lost {
        /// What it said.
        message: CleanText,
    },
    /// Not settled within the job time-out; the task is left running and no longer holds a slot.
    TimedOut,
    /// A person found the task of a job in doubt at the provider.
    Adopted {
        /// Its id.
        task_id: TaskId,
        /// The run whose origin knows it.
        run: RunNumber,
    },
    /// A person declared that a job in doubt created nothing.
    NotCreated,
    /// The job is to be made again: opens the next take.
    Reopened,
    /// The video is on this disk, whole and synced; so is the picture of its last frame, if it is named.
    Downloaded {
        /// The video.
        video: SavedFile,
        /// The picture of its last frame.
        last_frame: Option<SavedFile>,
    },
    /// The provider was asked again for a completed task and named a fresh address.
    Renewed {
        /// Where the video is now.
        video_url: MediaUrl,
        /// Where the picture of the last frame is now; without one, the old address stays.
        last_frame_url: Option<MediaUrl>,
    },
    /// A run gave up on a file of a completed job; the next one tries again.
    NotDownloaded {
        /// Why.
        message: CleanText,
    },
}

impl Event {
    /// What became of an intent whose run ended before the answer was saved.
    pub fn left_open() -> Self {
        let message = CleanText::new("the run that sent it ended before the answer was saved");
        Self::Doubted { message }
    }

    /// The same, if an answer is known to have come: it named the task `task_id`, as it is shown.
    pub fn left_open_as(task_id: &str) -> Self {
        let message = CleanText::new(&format!(
            "the run that sent it could not save the answer, which named the task `{task_id}`"
        ));
        Self::Doubted { message }
    }

    /// What kind of event it is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Intent { .. } => EventKind::Intent,
            Self::Accepted { .. } => EventKind::Accepted,
            Self::Returned { .. } => EventKind::Returned,
            Self::Rejected { .. } => EventKind::Rejected,
            Self::Doubted { .. } => EventKind::Doubted,
            Self::Completed { .. } => EventKind::Completed,
            Self::Failed { .. } => EventKind::Failed,
            Self::NoUrl => EventKind::NoUrl,
            Self::Lost { .. } => EventKind::Lost,
            Self::TimedOut => EventKind::TimedOut,
            Self::Adopted { .. } => EventKind::Adopted,
            Self::NotCreated => EventKind::NotCreated,
            Self::Reopened => EventKind::Reopened,
            Self::Downloaded { .. } => EventKind::Downloaded,
            Self::Renewed { .. } => EventKind::Renewed,
            Self::NotDownloaded { .. } => EventKind::NotDownloaded,
        }
    }

    /// The event's name in the state file.
    pub fn name(&self) -> &'static str {
        self.kind().as_str()
    }
}

words! {
    /// The kinds of events, by their names in the state file.
    EventKind {
        /// [`Event::Intent`]
        Intent = "intent",
        /// [`Event::Accepted`]
        Accepted = "accepted",
        /// [`Event::Returned`]
        Returned = "returned",
        /// [`Event::Rejected`]
        Rejected = "rejected",
        /// [`Event::Doubted`]
        Doubted = "doubted",
        /// [`Event::Completed`]
        Completed = "completed",
        /// [`Event::Failed`]
        Failed = "failed",
        /// [`Event::NoUrl`]
        NoUrl = "no_url",
        /// [`Event::Lost`]
        Lost = "lost",
        /// [`Event::TimedOut`]
        TimedOut = "timed_out",
        /// [`Event::Adopted`]
        Adopted = "adopted",
        /// [`Event::NotCreated`]
        NotCreated = "not_created",
        /// [`Event::Reopened`]
        Reopened = "reopened",
        /// [`Event::Downloaded`]
        Downloaded = "downloaded",
        /// [`Event::Renewed`]
        Renewed = "renewed",
        /// [`Event::NotDownloaded`]
        NotDownloaded = "not_downloaded",
    }
}

words! {
    /// Why a job that was tried is pending again.
    PendingClass {
        /// The provider refused the key.
        Auth = "auth",
        /// The account has no money or quota left.
        Quota = "quota",
        /// The address does not take create requests.
        Address = "address",
        /// The provider asked to slow down.
        RateLimited = "rate_limited",
        /// The request surely never left.
        NotSent = "not_sent",
    }
}

words! {
    /// Why a job failed.
    FailureClass {
        /// The create request was refused.
        Rejected = "rejected",
        /// Refused or failed by moderation.
        Moderation = "moderation",
        /// The provider failed to make the video.
        Generation = "generation",
        /// Completed without a URL.
        NoUrl = "no_url",
    }
}

/// An http(s) URL from the provider, without white space, control or bidi characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaUrl(Box<str>);

impl MediaUrl {
    /// Most bytes a URL may have.
    pub const LIMIT: usize = 8192;

    /// Keeps `raw` (trimmed) if it is a URL that can be shown and fetched.
    pub fn new(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        let shown_whole = raw.len() <= Self::LIMIT
            && !raw
                .chars()
                .any(|c| c.is_whitespace() || crate::text::is_unsafe(c));
        let parsed = url::Url::parse(raw).ok()?;
        (shown_whole && matches!(parsed.scheme(), "http" | "https") && parsed.has_host())
            .then(|| Self(raw.into()))
    }

    /// For one that was kept before, and so was taken apart then: it keeps whatever [`Self::new`] has kept. What looks
    /// plain is not taken apart again, as there may be a million of them; whoever asks at a URL parses it anyway.
    pub(crate) fn recorded(kept: &str) -> Option<Self> {
        let after = |scheme| kept.strip_prefix(scheme);
        let host = after("https://").or_else(|| after("http://"));
        let has_host = host.is_some_and(|host| host.starts_with(|c: char| c.is_ascii_lowercase()));
        let is_plain =
            kept.len() <= Self::LIMIT && kept.bytes().all(|byte| byte.is_ascii_graphic());
        if has_host && is_plain {
            return Some(Self(kept.into()));
        }
        Self::new(kept)
    }

    /// The URL as it was received.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A file that was put in its place, whole and synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFile {
    /// Where it is.
    pub file: FilePath,
    /// Its size.
    pub bytes: u64,
    /// The hash of its content.
    pub sha256: FileHash,
}

/// Where a file is: relative to the directory of the state if it is inside of that, else absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath(Box<str>);

impl FilePath {
    /// Most bytes a path may have, as on common systems.
    pub const LIMIT: usize = 4096;

    /// Keeps `path` as it is; `None` if no file can be called so.
    pub fn new(path: &str) -> Option<Self> {
        let is_one = !path.is_empty() && path.len() <= Self::LIMIT && !path.contains('\0');
        is_one.then(|| Self(path.into()))
    }

    /// The path as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The SHA-256 of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHash(pub [u8; 32]);

impl FileHash {
    /// Reads the form that [`fmt::Display`] writes: 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Which files of a completed job are to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOrder {
    /// Of which take.
    pub take: Take,
    /// Its task.
    pub task_id: TaskId,
    /// The video.
    pub video: Wanted,
    /// The picture of the last frame, if it is wanted.
    pub last_frame: Option<Wanted>,
}

/// A file that is to be fetched, or one that is there: that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// To be fetched from here.
    At(MediaUrl),
    /// There since an earlier run.
    Here(SavedFile),
}

/// What became of a download: one of these, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchReply {
    /// In its place, whole and synced.
    Saved {
        /// The video.
        video: SavedFile,
        /// The picture of the last frame.
        last_frame: Option<SavedFile>,
        /// Why the picture is missing, if it was wanted.
        without: Option<Box<FetchReply>>,
    },
    /// The address is no longer good, or holds a web page; the provider may name a fresh one.
    Expired {
        /// What came instead.
        message: CleanText,
    },
    /// It may come another time.
    Trouble {
        /// What happened.
        message: CleanText,
    },
    /// It will not come in this run.
    Refused {
        /// Why.
        message: CleanText,
    },
}

/// What became of one create request: one of these, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitReply {
    /// 2xx with a task id.
    Accepted {
        /// The id to poll.
        task_id: TaskId,
        /// A second, different id in the same answer.
        other_id: Option<TaskId>,
    },
    /// The provider refused the request for good.
    Rejected {
        /// Rejected or moderation.
        class: FailureClass,
        /// What it said.
        message: CleanText,
    },
    /// Nothing of this run can be submitted.
    Fault {
        /// Key, money or address.
        fault: RunFault,
        /// What the provider said.
        message: CleanText,
    },
    /// 429.
    Later {
        /// How long the provider asked to wait, already clamped.
        retry_after: Option<Duration>,
        /// What it said.
        message: CleanText,
    },
    /// No byte of the request was asked for.
    NotSent {
        /// DNS, connect or TLS error.
        message: CleanText,
    },
    /// Everything else.
    InDoubt {
        /// What kind of answer.
        evidence: Evidence,
        /// What happened.
        message: CleanText,
    },
}

/// What an in-doubt outcome was made of: an HTML answer trips the brake at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A web page where JSON belongs: probably not the API's address.
    Html,
    /// Silence, a broken connection, or an answer that cannot be understood.
    Unclear,
}

/// A fault that stops every submit of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunFault {
    /// 401, 403: the key.
    Auth,
    /// 402, 403 naming quota: the wallet.
    Quota,
    /// 404, 405, 3xx: the base URL or path.
    Address,
}

impl RunFault {
    /// The error class of a job that met this fault.
    pub fn class(self) -> PendingClass {
        match self {
            Self::Auth => PendingClass::Auth,
            Self::Quota => PendingClass::Quota,
            Self::Address => PendingClass::Address,
        }
    }
}

/// What became of one poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollReply {
    /// Not settled yet.
    Running {
        /// A status word that is not in the table, to be shown once.
        unknown_word: Option<CleanText>,
    },
    /// Settled well; `video_url` is `None` when no key held a usable URL.
    Completed {
        /// Where the video is.
        video_url: Option<MediaUrl>,
        /// Picture of the last frame.
        last_frame_url: Option<MediaUrl>,
    },
    /// Settled badly.
    Failed {
        /// Generation or moderation.
        class: FailureClass,
        /// What the provider said.
        message: CleanText,
    },
    /// 404 or `task_not_exist`.
    NotFound {
        /// What the provider said.
        message: CleanText,
    },
    /// An answer under another id than the one asked for: about another task, unless the create answer had two ids
    /// and this is the other one.
    OtherTask {
        /// The id it was about.
        task_id: TaskId,
        /// What it says about that task.
        reply: Box<PollReply>,
    },
    /// 401.
    KeyRefused {
        /// What the provider said.
        message: CleanText,
    },
    /// 429.
    Later {
        /// How long the provider asked to wait, already clamped.
        retry_after: Option<Duration>,
    },
    /// Anything else: says nothing about the task.
    Trouble {
        /// What happened.
        message: CleanText,
    },
}

/// What the shell tells the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A create request ended.
    Submitted {
        /// Of which job.
        job: JobIndex,
        /// How.
        reply: SubmitReply,
    },
    /// A poll ended.
    Polled {
        /// Of which job.
        job: JobIndex,
        /// How.
        reply: PollReply,
    },
    /// A download ended.
    Fetched {
        /// Of which job.
        job: JobIndex,
        /// How.
        reply: FetchReply,
    },
    /// Ctrl-C or SIGTERM: no new submit; open creates get a last while to answer.
    Interrupted,
    /// The state cannot be written any more: no new submit, polls go on in memory.
    StateFailed,
}

/// What the engine asks of the shell, once the records of the same step are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Send the create request of this job.
    Submit {
        /// Which job.
        job: JobIndex,
    },
    /// Ask for the task of this job.
    Poll {
        /// Which job.
        job: JobIndex,
        /// Its task.
        task_id: TaskId,
        /// The run whose origin is asked.
        run: RunNumber,
    },
    /// Fetch files of this job and put them in their places.
    Download {
        /// Which job.
        job: JobIndex,
        /// Which files.
        order: Box<FileOrder>,
    },
}

/// Something worth telling a person that is not a fact about a job's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Submits stopped for this run.
    SubmitsStopped(StopReason),
    /// All submits wait after a 429 (or a connection that could not be made).
    Paused {
        /// For how long.
        wait: Duration,
        /// Why.
        class: PendingClass,
        /// What was said.
        message: CleanText,
    },
    /// A status word that is not in the table.
    UnknownStatus {
        /// Which job.
        job: JobIndex,
        /// The word.
        word: CleanText,
    },
    /// A poll was answered about another task.
    OtherTask {
        /// Which job.
        job: JobIndex,
        /// The id in the answer.
        task_id: TaskId,
    },
    /// A create was answered with the task of another job, or of another take of the same one.
    SharedTask {
        /// Which job.
        job: JobIndex,
        /// Whose task it was before.
        owner: JobIndex,
        /// The task.
        task_id: TaskId,
    },
    /// A poll failed and will be made again.
    PollTrouble {
        /// Which job.
        job: JobIndex,
        /// What happened.
        message: CleanText,
    },
    /// A download failed and will be made again.
    DownloadTrouble {
        /// Which job.
        job: JobIndex,
        /// What happened.
        message: CleanText,
    },
    /// A file of a completed job was given up for this run.
    NotDownloaded {
        /// Which job.
        job: JobIndex,
        /// Why.
        message: CleanText,
    },
    /// An answer that is not legal for the job's status was ignored (a bug in shotlist).
    Illegal {
        /// Which job.
        job: JobIndex,
        /// What was refused.
        what: String,
    },
}

/// Why no more submits leave in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Key, wallet or address.
    Fault {
        /// Which.
        fault: RunFault,
        /// What the provider said.
        message: CleanText,
    },
    /// Three outcomes in doubt in a row, or one web page.
    Doubt {
        /// What the last one was made of.
        evidence: Evidence,
        /// What happened.
        message: CleanText,
    },
    /// `--deadline`.
    Deadline,
    /// `--max-jobs`.
    MaxJobs,
    /// `--max-spend`.
    MaxSpend(Shortfall),
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// The state cannot be written.
    StateFailed,
}
