//! The creates of the recent past, and what they say about one that is refused.
//!
//! Start at [`Past::slack`]. An account that limits how many creates it takes in a time takes what comes no faster than what
//! it has taken before. So a refusal of such a create is chance, or the account is closed: slower is of no use then.

use std::collections::VecDeque;
use std::time::Duration;

/// So many creates are looked at.
const MOST: usize = 100;

/// So many of them tell what may be in flight.
const LATE: usize = 10;

/// The creates of the recent past, refused ones too, as they left.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    creates: VecDeque<Create>,
}

#[derive(Debug, Clone, Copy)]
struct Create {
    left: Duration,
    running: u32,
    is_taken: bool,
}

impl Past {
    /// A create that left at `left` with `running` others surely in flight was answered.
    pub(super) fn answered(&mut self, left: Duration, running: u32, is_taken: bool) {
        if self.creates.len() == MOST {
            self.creates.pop_front();
        }
        let at = self.creates.partition_point(|create| create.left <= left);
        let create = Create {
            left,
            running,
            is_taken,
        };
        self.creates.insert(at, create);
    }

    /// How much longer it is since each number of creates before the one that left at `left` than it was before some
    /// create that was taken, at least: 1 if just as long, 0 if none that was taken had so many before it. The numbers are
    /// those that a limit may count up to: somewhat above the most that were taken in a row.
    pub(super) fn slack(&self, left: Duration) -> f64 {
        let before = self.creates.partition_point(|create| create.left < left);
        let slacks = (1..=self.longest_row() * 3 / 2 + 1).map(|many| {
            let first = self.creates.get(before.checked_sub(many)?)?;
            let shortest = self.shortest(many)?.as_secs_f64();
            let since = left.saturating_sub(first.left).as_secs_f64();
            Some(since / shortest.max(f64::MIN_POSITIVE))
        });
        slacks
            .map(Option::unwrap_or_default)
            .fold(f64::INFINITY, f64::min)
    }

    /// Most creates that were taken with no other between them.
    fn longest_row(&self) -> usize {
        let creates: Vec<_> = self.creates.iter().collect();
        let rows = creates.split(|create| !create.is_taken).map(<[_]>::len);
        rows.max().unwrap_or_default()
    }

    /// The shortest time from so many creates before one that was taken.
    fn shortest(&self, many: usize) -> Option<Duration> {
        let first = self.creates.iter();
        let pairs = first.zip(self.creates.iter().skip(many));
        pairs
            .filter(|(_, create)| create.is_taken)
            .map(|(first, create)| create.left.saturating_sub(first.left))
            .min()
    }

    /// Most others that were surely in flight when a create was taken.
    pub(super) fn most_running(&self) -> Option<u32> {
        let late = self.creates.iter().rev().take(LATE);
        let taken = late.filter(|create| create.is_taken);
        taken.map(|create| create.running).max()
    }
}
