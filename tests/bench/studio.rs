//! A provider that takes every job at once, and whose tasks take their time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use shotlist::engine::event::{JobIndex, PollReply, SubmitReply};

use crate::virtual_time::{self, Provider};

/// The seconds that a task takes which is longer than this share of all others.
pub(crate) type Seconds = fn(f64) -> f64;

/// Takes every job at once; its tasks take their time.
pub(crate) struct Studio {
    seconds: Seconds,
    taken: BTreeMap<JobIndex, Duration>,
    ends: HashMap<JobIndex, Duration>,
}

impl Studio {
    pub(crate) fn new(seconds: Seconds) -> Self {
        Self {
            seconds,
            taken: BTreeMap::new(),
            ends: HashMap::new(),
        }
    }

    /// How long its tasks took, in the order of the plan.
    pub(crate) fn taken(&self) -> impl Iterator<Item = Duration> {
        self.taken.values().copied()
    }

    /// Begins a task. Shares as even as they can be, in an order that looks like chance.
    pub(crate) fn begin(&mut self, job: JobIndex, now: Duration) {
        const GOLDEN: f64 = 0.618_033_988_749_895;
        let share = (f64::from(job) * GOLDEN + 0.5).fract().clamp(0.001, 0.999);
        let taken = Duration::from_secs_f64((self.seconds)(share));
        self.taken.insert(job, taken);
        self.ends.insert(job, now + taken);
    }
}

impl Provider for Studio {
    fn create(&mut self, now: Duration, job: JobIndex) -> (Duration, SubmitReply) {
        self.begin(job, now);
        (Duration::ZERO, virtual_time::accepted(job))
    }

    fn poll(&mut self, now: Duration, job: JobIndex) -> (Duration, PollReply) {
        let reply = virtual_time::answer_of(job, self.ends[&job], now);
        (Duration::ZERO, reply)
    }

    fn end(&self, job: JobIndex) -> Option<Duration> {
        self.ends.get(&job).copied()
    }
}
