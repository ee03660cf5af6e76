//! How fast the provider takes creates, as far as refusals tell.
//!
//! Start at [`Pace::refused`]. The first pace is that at which creates were accepted in fact, the pause after the refusal
//! with them. From there accepts make it faster, and after the next refusal it stays between the last pace that was taken
//! and the one that was not.

use std::time::Duration;

use super::restraint::Departure;

/// Slowest pace: one create in this time.
pub(super) const SLOWEST: Duration = Duration::from_secs(30);

/// Creates that are at least so far apart wait for something else than their pace.
const IDLE: Duration = Duration::from_secs(2);

/// How much of the pace's interval an accept takes away at least: one part in this many.
const MOST_PARTS: u32 = 25;

/// The same near a pace that was refused.
const CAREFUL_PARTS: u32 = 100;

/// After so many accepts a refusal has nothing to do with the one before.
const MANY: u32 = 10;

/// So few accepts say little about a pace.
const FEW: u32 = 3;

/// What limits are usually counted by.
const USUAL_PERIODS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(60),
    Duration::from_secs(3600),
];

/// From a refusal to the next try at a faster pace; doubles with each try that fails.
const FIRST_QUIET: Duration = Duration::from_secs(15);

/// As long as so many creates take, if that is longer.
const QUIET_ACCEPTS: u32 = 20;

/// Longest such time.
const LONGEST_QUIET: Duration = Duration::from_secs(600);

/// The pace that was found, and what it was found by.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    user: Duration,
    interval: Duration,
    /// The pace before refusals of which nobody knows yet whether it is to blame.
    before: Option<Duration>,
    /// The pace at which the last accepted create left, once a pace was found.
    taken: Option<Duration>,
    /// How much of the interval an accept takes away: one part in this many.
    parts: u32,
    /// How much slower than the pace between the two: parts in twenty.
    margin: u32,
    /// Refusals since the last accept.
    refusals: u32,
    /// Whether creates were refused once, which may be chance, whatever time was told with it.
    is_warned: bool,
    /// When the first accepted create left since the last refusals, or since creates waited for something else.
    since: Option<Duration>,
    /// Accepts since then.
    accepts: u32,
    quiet: Duration,
    hold_until: Duration,
}

impl Pace {
    pub(super) fn new(user: Duration) -> Self {
        Self {
            user,
            interval: user,
            before: None,
            taken: None,
            parts: MOST_PARTS,
            margin: 1,
            refusals: 0,
            is_warned: false,
            since: None,
            accepts: 0,
            quiet: FIRST_QUIET,
            hold_until: Duration::ZERO,
        }
    }

    /// The shortest time between two creates.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// A create was refused that left after every earlier refusal was known.
    pub(super) fn refused(&mut self, now: Duration) {
        self.refusals += 1;
        if self.refusals > 1 {
            return;
        }
        self.before.get_or_insert(self.interval);
        let slower = match self.taken {
            Some(taken) => self.between(taken, now),
            None => self.interval * 2,
        };
        self.set(slower);
    }

    /// Between a pace that was taken and the present one, which was not: there it stays for a while.
    fn between(&mut self, taken: Duration, now: Duration) -> Duration {
        self.margin = if self.accepts < MANY {
            (self.margin * 2).min(20)
        } else {
            1
        };
        self.parts = CAREFUL_PARTS;
        self.hold(now);
        let middle = (taken.as_secs_f64() * self.interval.as_secs_f64()).sqrt();
        Duration::from_secs_f64(middle * f64::from(20 + self.margin) / 20.0)
    }

    /// Tries no faster pace for a while.
    fn hold(&mut self, now: Duration) {
        self.hold_until = now + self.quiet.max(self.interval * QUIET_ACCEPTS);
        self.quiet = (self.quiet * 2).min(LONGEST_QUIET);
    }

    /// A create was accepted; `is_free` unless the number of jobs in flight holds creates back.
    pub(super) fn accepted(&mut self, departure: Departure, now: Duration, is_free: bool) {
        let left = departure.at;
        if self.refusals > 0 {
            // A second is counted by; a minute or an hour may as well be how long the account was closed.
            let is_counted = self.usual(left) == Some(USUAL_PERIODS[0]);
            let is_first =
                self.taken.is_none() && !self.is_warned && (self.refusals == 1 || !is_counted);
            if is_free && !is_first && (self.taken.is_none() || self.refusals > 1) {
                self.measure(left, now);
            }
            if !is_first {
                self.taken.get_or_insert(self.interval);
            }
            self.is_warned = true;
            self.refusals = 0;
            if is_first || self.accepts >= MANY || self.since.is_none() {
                self.since = Some(left);
                self.accepts = 0;
            }
            self.accepts += 1;
            return;
        }
        let idle = IDLE.max(self.interval * 4);
        if self.since.is_none() || departure.gap.is_some_and(|gap| gap > idle) {
            self.since = Some(left);
            self.accepts = 0;
        }
        self.accepts += 1;
        if self.interval > self.user && now >= self.hold_until {
            self.taken = self.taken.map(|_| self.interval);
            self.set(self.interval * (self.parts - 1) / self.parts);
            self.parts = self.parts.saturating_sub(1).max(MOST_PARTS.min(self.parts));
        }
        if self.interval == self.user && self.before.is_none() {
            self.taken = None;
            self.is_warned = false;
        }
    }

    /// A create was accepted that left before the last refusal was known.
    pub(super) fn accepted_late(&mut self) {
        self.accepts += 1;
    }

    /// Takes the pace at which creates were accepted since the refusals before these. The fewer they were, the less that
    /// says, and the sooner a faster one is tried.
    fn measure(&mut self, left: Duration, now: Duration) {
        let Some(since) = self.since else { return };
        let passed = left.saturating_sub(since);
        let usual = self.usual(left);
        let measured = usual.unwrap_or(passed) / self.accepts.max(1);
        self.set(measured * (20 + self.margin) / 20);
        self.parts = (2 * self.accepts + 1).min(MOST_PARTS);
        self.hold_until = now;
        if usual.is_some() && self.accepts >= FEW {
            self.parts = CAREFUL_PARTS;
            self.hold(now);
        }
        self.taken = Some(self.interval);
    }

    /// What limits are usually counted by, if that is what has passed.
    fn usual(&self, left: Duration) -> Option<Duration> {
        let passed = left.saturating_sub(self.since?);
        USUAL_PERIODS
            .into_iter()
            .find(|period| (*period..*period * 8 / 5).contains(&passed))
    }

    fn set(&mut self, pace: Duration) {
        self.interval = pace.min(SLOWEST).max(self.user);
    }

    /// A create was refused by chance, so much slower than others that were taken.
    pub(super) fn ease(&mut self, slack: f64) {
        self.set(self.interval.div_f64(slack));
        self.hold_until = Duration::ZERO;
        if self.interval == self.user {
            self.taken = None;
        }
    }

    /// A create was refused, most likely by chance.
    pub(super) fn brake(&mut self) {
        self.set(self.interval * 11 / 10);
    }

    /// The last refusals had nothing to do with the pace.
    pub(super) fn acquit(&mut self) {
        self.refusals = 0;
        if let Some(before) = self.before.take() {
            self.interval = before;
        }
        if self.interval == self.user {
            self.taken = None;
        }
    }

    /// The last refusals were for the pace after all, several of them.
    pub(super) fn blame(&mut self) {
        if self.before.is_none() {
            self.before = Some(self.interval);
            self.refusals = 2;
        }
    }

    /// It is known that the last refusals were for the pace.
    pub(super) fn convict(&mut self) {
        self.before = None;
    }
}
