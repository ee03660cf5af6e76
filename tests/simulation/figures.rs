//! What was met in a sweep, counted: a fault that silently stops happening is found by its zero.
//!
//! Every variant of [`Seen`] must happen in a sweep; a new fault gets a variant and a [`Figures::saw`] where it bites.

macro_rules! seen {
    ($($variant:ident = $words:literal),+ $(,)?) => {
        /// Something that a seed can meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Seen { $($variant),+ }

        impl Seen {
            const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $words)),+];
        }
    };
}

seen! {
    Run = "runs",
    Creates = "creates",
    GroupedCreate = "creates that left together with another",
    LateCreate = "creates executed after the client gave up",
    AnswerLostAfterCreate = "answers lost after a create",
    AnswerLostBeforeCreate = "answers lost before a create",
    Polls = "polls",
    Kill = "kills",
    PowerCut = "power cuts",
    CrashInRecovery = "crashes in a recovery",
    CrashBeforeLaunch = "crashes between commit and launch",
    CrashAfterLaunch = "crashes right after a launch",
    TornTail = "torn tails",
    LostBlocks = "tails with lost blocks",
    LostTail = "tails lost whole",
    FailedWrite = "failed writes",
    ShortWrite = "short writes",
    FailedSync = "failed syncs",
    FailedSyncs = "disks whose every sync fails",
    SlowSync = "slow syncs",
    UnsyncedReadBack = "reads of what a failed sync covered",
    FailedTruncate = "failed truncates",
    IntentsRefused = "full disks that refused intents",
    DiskFull = "writes to a full disk",
    Moved = "state files moved away",
    StateFailed = "runs whose state failed",
    Interrupt = "Ctrl-C",
    Terminate = "SIGTERM",
    SecondSignal = "second signals",
    WallForward = "wall clock jumps forwards",
    WallBack = "wall clock jumps backwards",
    Slept = "sleeps of the machine",
    StaleIntent = "intents too old to be sent",
    InDoubt = "outcomes in doubt",
    Html = "web pages",
    Braked = "brakes on doubt",
    Later = "429",
    RetryAfter = "429 with Retry-After",
    RateCeiling = "429 of a hidden rate",
    FlightCeiling = "429 of hidden tasks in flight",
    NotSent = "creates not sent",
    Rejected = "creates rejected",
    Moderated = "creates moderated",
    KeyRefused = "keys refused to creates",
    PollKeyRefused = "keys refused to polls",
    NoQuota = "empty wallets",
    WrongAddress = "wrong addresses",
    OtherAccount = "polls under another account",
    TwoIds = "answers with two ids",
    OwnOtherId = "polls answered under the other id",
    OtherTask = "polls answered about another task",
    UnknownWord = "unknown status words",
    Backwards = "statuses that went backwards",
    YoungNotFound = "young tasks not found",
    PollLater = "429 to polls",
    PollTrouble = "polls in trouble",
    Stuck = "stuck tasks",
    TimedOut = "job time-outs",
    Lost = "tasks lost",
    NoUrl = "tasks without a URL",
    GenerationFailed = "generations failed",
    MaxJobs = "runs ended by --max-jobs",
    Capped = "runs under a cap",
    MaxSpend = "runs ended by --max-spend",
    CapRefused = "caps refused without prices",
    Unrecorded = "caps over requests from before there were prices",
    PricesEdited = "price lists edited",
    Deadline = "runs ended by --deadline",
    Selected = "runs with --select",
    Remade = "jobs remade",
    Marked = "jobs marked to be made again",
    RemadeAsMarked = "runs that remake what is marked",
    MarkedBefore = "runs with marks for takes that were made again",
    Adopted = "task ids adopted",
    NotCreated = "jobs declared not created",
    Downloads = "downloads",
    DownloadResumed = "downloads gone on with",
    DownloadBroken = "downloads that break off",
    DownloadTrouble = "downloads without a connection",
    PageForVideo = "web pages in place of videos",
    ExpiredAddress = "addresses that have expired",
    Renewed = "addresses renewed",
    NotDownloaded = "files given up",
    EarlierKept = "completed takes kept while a later one is not completed",
    EarlierDownloads = "downloads for takes that are not the last",
    FileDeleted = "recorded files deleted",
    FileTrouble = "failed calls on files of videos",
    LostNames = "power cuts that lose names of files",
    ForeignFile = "foreign files in place",
    RowAdded = "rows added",
    RowRemoved = "rows removed",
    RowEdited = "rows edited",
    RowsReordered = "manifests reordered",
}

/// How often each was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures([u64; Seen::ALL.len()]);

impl Default for Figures {
    fn default() -> Self {
        Self([0; Seen::ALL.len()])
    }
}

impl Figures {
    pub(crate) fn saw(&mut self, seen: Seen) {
        self.0[seen as usize] += 1;
    }

    pub(crate) fn of(&self, seen: Seen) -> u64 {
        self.0[seen as usize]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let never = Seen::ALL.iter().filter(|(seen, _)| self.of(*seen) == 0);
        never.map(|(_, words)| *words).collect()
    }

    /// Everything on one line.
    pub(crate) fn line(&self) -> String {
        let counted = Seen::ALL
            .iter()
            .map(|(seen, words)| format!("{} {words}", self.of(*seen)));
        counted.collect::<Vec<_>>().join(", ")
    }
}
