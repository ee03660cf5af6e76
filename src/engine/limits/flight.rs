//! How many jobs at a time the provider takes, as far as refusals tell.
//!
//! Start at [`Flight::refused`]. A refusal alone may as well mean that creates came too fast. What tells the two apart
//! is the next create: refused again with as many others in flight, though time has passed, it is their number; accepted
//! with as many, it was the pace.

use std::time::Duration;

use super::super::retry;

/// From a refusal to the next try with one job more; doubles with each try that fails.
const FIRST_QUIET: Duration = Duration::from_secs(20);

/// Longest such time.
const LONGEST_QUIET: Duration = Duration::from_secs(240);

/// A create that leaves so long after the one before it is not refused for its pace, as a rule.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many accepts are worth a try that fails; twice as many the next one.
const FIRST_ENOUGH: u32 = 20;

/// Most such accepts.
const MOST_ENOUGH: u32 = 320;

/// So many refusals with as many others in flight, and no accept with as many, are no chance.
const STRIKES: u32 = 2;

/// The bound on jobs in flight that was found, if any.
#[derive(Debug, Clone, Default)]
pub(super) struct Flight {
    bound: Option<Bound>,
    /// What was found before the present suspicion.
    before: Option<u32>,
    quiet: Duration,
    /// When one job more than the bound is tried, at the latest.
    next_try: Duration,
    /// After so many accepts it is tried before that.
    enough: u32,
    /// Accepts since the last try.
    accepts: u32,
    /// By how many more the bound was raised last.
    stride: u32,
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    most: u32,
    /// Refusals that may as well have been for the pace, since the first.
    strikes: u32,
    standing: Standing,
}

/// How sure a bound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A create was refused with so many others in flight, for this or another reason: nothing is held back.
    Suspected,
    /// And another one later, with as many.
    Held,
    /// And one was accepted as soon as there were fewer.
    Found,
    /// And then one more was accepted than had been.
    Raised,
}

/// What a create says about the cause of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Too many jobs in flight.
    Flight,
    /// Creates come too fast.
    Pace,
    /// One of the two.
    Either,
}

impl Flight {
    /// A create was refused that left with `others` in flight and `gap` after the one before it, when every earlier refusal
    /// was known.
    pub(super) fn refused(
        &mut self,
        others: u32,
        gap: Option<Duration>,
        now: Duration,
        seed: u32,
    ) -> Cause {
        if let Some(bound) = &mut self.bound
            && others > 0
            && (self.stride > 0 || others >= bound.most && bound.standing != Standing::Raised)
        {
            bound.most = others.min(bound.most).max(1);
            self.stride = 0;
            if bound.standing == Standing::Suspected {
                bound.strikes += 1;
                if gap.is_some_and(|gap| gap < PATIENCE) && bound.strikes < STRIKES {
                    return Cause::Either;
                }
                bound.standing = Standing::Held;
            }
            self.quiet = (self.quiet * 2).clamp(FIRST_QUIET, LONGEST_QUIET);
            self.next_try = now + retry::jittered(self.quiet, (others, seed));
            self.enough = (self.enough * 2).clamp(FIRST_ENOUGH, MOST_ENOUGH);
            self.accepts = 0;
            return Cause::Flight;
        }
        if others == 0 {
            self.acquit();
            return Cause::Pace;
        }
        if let Some(found) = self.found() {
            self.before = Some(found);
        } else if self.before.is_none() {
            self.quiet = Duration::ZERO;
        }
        self.suspect(others);
        Cause::Either
    }

    /// Another one of the same burst was refused.
    pub(super) fn refused_too(&mut self, others: u32) {
        if let Some(bound) = self.bound
            && bound.standing == Standing::Suspected
            && (1..bound.most).contains(&others)
        {
            self.suspect(others);
        }
    }

    fn suspect(&mut self, most: u32) {
        self.bound = Some(Bound {
            most,
            strikes: 0,
            standing: Standing::Suspected,
        });
    }

    /// A create was accepted that left with `running` others surely in flight; what that says about the refusals before.
    pub(super) fn accepted(&mut self, running: u32) -> Option<Cause> {
        self.accepts += 1;
        let bound = self.bound.as_mut()?;
        match (running >= bound.most, bound.standing) {
            (true, Standing::Found | Standing::Raised) => {
                if bound.standing == Standing::Raised {
                    self.stride = (self.stride * 2).min(running / 4).max(1);
                }
                bound.most = running + 1 + self.stride;
                bound.standing = Standing::Raised;
                self.quiet = Duration::ZERO;
                self.next_try = Duration::ZERO;
                self.enough = 0;
                None
            }
            (true, _) => {
                self.stride = 0;
                self.acquit();
                Some(Cause::Pace)
            }
            (false, Standing::Held) => {
                bound.standing = Standing::Found;
                self.before = None;
                Some(Cause::Flight)
            }
            (false, _) => None,
        }
    }

    fn acquit(&mut self) {
        self.bound = self.before.take().map(|most| Bound {
            most,
            strikes: 0,
            standing: Standing::Found,
        });
    }

    /// When the next create may leave with `in_flight` others, as far as their number goes, `open` of them being creates
    /// and the `last` having left then.
    pub(super) fn open_at(&self, in_flight: u32, open: u32, last: Option<Duration>) -> Duration {
        let Some(most) = self.held() else {
            return Duration::ZERO;
        };
        if in_flight < most {
            Duration::ZERO
        } else if open > 0 {
            Duration::MAX // until it is answered
        } else if self.is_rising() {
            Duration::ZERO // where creates are many, none is ever long after the one before it
        } else {
            let is_enough = self.accepts >= self.enough;
            let next_try = if is_enough {
                Duration::ZERO
            } else {
                self.next_try
            };
            last.map_or(next_try, |last| next_try.max(last + PATIENCE))
        }
    }

    /// How many jobs may be in flight, by what refusals have taught.
    pub(super) fn held(&self) -> Option<u32> {
        let bound = self.bound?;
        if bound.standing == Standing::Suspected {
            self.before
        } else {
            Some(bound.most)
        }
    }

    /// Whether the last try went well.
    fn is_rising(&self) -> bool {
        let standing = self.bound.map(|bound| bound.standing);
        standing == Some(Standing::Raised)
    }

    fn found(&self) -> Option<u32> {
        let bound = self.bound?;
        (bound.standing == Standing::Found).then_some(bound.most)
    }
}
