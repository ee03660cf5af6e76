//! Text → [`Plan`]: reads YAML and CSV, applies defaults, checks every rule, and reports every mistake at its place.
//!
//! Start at `load`. Knows no network, clock or terminal.

pub mod diagnostic;
pub mod tree;

use std::num::NonZeroU32;
use std::time::Duration;

use self::diagnostic::Diagnostics;
use crate::plan::Plan;
use crate::units::{BaseUrl, Deadline, Rate};

/// What the `api:` and `limits:` sections say; every value already checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManifestSettings {
    /// `api.base_url`
    pub base_url: Option<BaseUrl>,
    /// `api.create_path`, starting with `/`
    pub create_path: Option<String>,
    /// `api.poll_path`, starting with `/`, with `{task_id}` in it
    pub poll_path: Option<String>,
    /// `limits.concurrency`
    pub concurrency: Option<NonZeroU32>,
    /// `limits.submit_rate`
    pub submit_rate: Option<Rate>,
    /// `limits.poll_rate`
    pub poll_rate: Option<Rate>,
    /// `limits.poll_first`
    pub poll_first: Option<Duration>,
    /// `limits.poll_every`
    pub poll_every: Option<Duration>,
    /// `limits.submit_timeout`
    pub submit_timeout: Option<Duration>,
    /// `limits.job_timeout`
    pub job_timeout: Option<Duration>,
    /// `limits.deadline`
    pub deadline: Option<Deadline>,
    /// `limits.max_jobs`
    pub max_jobs: Option<NonZeroU32>,
}

/// A manifest that was read to its end.
#[derive(Debug)]
pub struct Loaded {
    /// The jobs, if there was no error.
    pub plan: Option<Plan>,
    /// The settings sections (what could be read of them, if there were errors).
    pub settings: ManifestSettings,
    /// Everything that was found, in reading order.
    pub diagnostics: Diagnostics,
}
