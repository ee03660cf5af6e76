//! What the simulated provider really did, to be compared with what a client believes: the border form of
//! `GET /_sim/ledger`. Times are milliseconds since the provider started.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Everything that happened, in the order it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Version of this form.
    pub schema: u32,
    /// Sums over everything below.
    pub totals: LedgerSummary,
    /// Every create request.
    pub posts: Vec<Post>,
    /// Every task that was made, and would be paid for.
    pub tasks: Vec<TaskLine>,
    /// When each poll arrived.
    pub polls_at_ms: Vec<u64>,
    /// Every request for a video.
    pub fetches: Vec<FetchLine>,
}

/// A request for a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchLine {
    /// When it arrived.
    pub at_ms: u64,
    /// Of which task.
    pub task_id: String,
    /// Whether it brought a key, which no download should.
    pub authorized: bool,
    /// Status of the answer.
    pub status: u16,
    /// The fault that struck, if one did.
    pub fault: Option<String>,
    /// Offset of the first byte that was sent.
    pub from: u64,
    /// Bytes of the video that were sent, until now.
    pub bytes: u64,
}

/// Sums over everything that happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerSummary {
    /// Create requests that arrived, refused and broken ones included.
    pub posts: u64,
    /// Tasks that were made.
    pub creates: u64,
    /// Tasks that were made and whose id a fault kept from the client.
    pub unanswered: u64,
    /// Polls that arrived.
    pub polls: u64,
    /// Create requests and polls that were answered 429.
    pub refused_429: u64,
    /// The most tasks that were rendering at one time.
    pub max_in_flight: u64,
    /// Videos that were fetched, wholly or in part.
    pub videos_fetched: u64,
}

/// A create request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// When it arrived.
    pub at_ms: u64,
    /// Its body as JSON; null if it was not JSON, was not read or was very long.
    pub request: serde_json::Value,
    /// Status of the answer; null if none was sent.
    pub status: Option<u16>,
    /// How the answer left.
    pub delivery: Delivery,
    /// The fault that struck, if one did.
    pub fault: Option<String>,
    /// The task that was made, whether the client was told or not.
    pub task_id: Option<String>,
}

/// How an answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// All of it.
    Whole,
    /// A part of it, then the connection is closed.
    Cut,
    /// None of it: the connection is closed.
    Closed,
    /// None of it: the connection is reset.
    Reset,
    /// None of it: the connection is reset before the request is read.
    ResetUnread,
    /// None of it: the client left before its request was complete.
    Incomplete,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLine {
    /// Its id.
    pub task_id: String,
    /// Number of the create request that made it, from 1.
    pub post: u64,
    /// Its status now, by the documented words, whatever its polls are told.
    pub status: String,
    /// When it was made.
    pub accepted_at_ms: u64,
    /// When it began to render.
    pub started_at_ms: Option<u64>,
    /// When it was done or failed.
    pub finished_at_ms: Option<u64>,
    /// When its first poll arrived.
    pub first_polled_at_ms: Option<u64>,
    /// Polls that asked for it.
    pub polls: u32,
    /// The faults that struck it.
    pub faults: Vec<String>,
}

impl fmt::Display for LedgerSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} create requests made {} tasks ({} of them unanswered), {} polls, {} answers 429, at most {} tasks in \
             flight",
            self.posts,
            self.creates,
            self.unanswered,
            self.polls,
            self.refused_429,
            self.max_in_flight
        )
    }
}
