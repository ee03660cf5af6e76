//! How many bytes of the open downloads have come, for whoever shows it: counters that downloads keep as they go and
//! that anybody may look at, at any time. Nothing is decided by them.
//!
//! Start at [`Traffic::flow`] and [`Traffic::meter`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The open downloads of a run, together.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// Bytes that came over the network, of all downloads ever.
    received: AtomicU64,
    /// Bytes that are there of the open ones.
    have: AtomicU64,
    /// Bytes that the open ones will have, as far as that is known.
    expected: AtomicU64,
    /// Open ones of which it is not.
    unknown: AtomicU64,
}

/// The open downloads at a moment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// Came over the network so far, of all downloads ever.
    pub received: u64,
    /// Are there of the open ones, those of earlier tries included.
    pub have: u64,
    /// The open ones will have; `None` if that is not known of each.
    pub expected: Option<u64>,
}

impl Traffic {
    /// How it is now.
    pub fn flow(&self) -> Flow {
        let Counters {
            received,
            have,
            expected,
            unknown,
        } = &*self.0;
        let is_known = unknown.load(Relaxed) == 0;
        Flow {
            received: received.load(Relaxed),
            have: have.load(Relaxed),
            expected: is_known.then(|| expected.load(Relaxed)),
        }
    }

    /// Counts one more download, as long as the meter lives.
    pub fn meter(&self) -> Meter {
        self.0.unknown.fetch_add(1, Relaxed);
        Meter {
            counters: Arc::clone(&self.0),
            have: 0,
            expected: None,
        }
    }
}

/// One open download.
#[derive(Debug)]
pub struct Meter {
    counters: Arc<Counters>,
    have: u64,
    expected: Option<u64>,
}

impl Meter {
    /// So many bytes are there.
    pub fn has(&mut self, bytes: u64) {
        shift(&self.counters.have, self.have, bytes);
        self.have = bytes;
    }

    /// So many more came over the network.
    pub fn receives(&mut self, bytes: u64) {
        self.counters.received.fetch_add(bytes, Relaxed);
        self.has(self.have.saturating_add(bytes));
    }

    /// It will have so many, if that is known.
    pub fn expects(&mut self, whole: Option<u64>) {
        let unknown = |whole: Option<u64>| u64::from(whole.is_none());
        let counters = &self.counters;
        shift(&counters.unknown, unknown(self.expected), unknown(whole));
        let (before, after) = (self.expected.unwrap_or(0), whole.unwrap_or(0));
        shift(&counters.expected, before, after);
        self.expected = whole;
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.has(0);
        self.expects(Some(0));
    }
}

/// Puts the share of one download at `after` that was `before`. The sum of all shares is what it was plus that.
fn shift(counter: &AtomicU64, before: u64, after: u64) {
    counter.fetch_add(after.wrapping_sub(before), Relaxed); // wraps back
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_downloads_are_added_up_and_the_sum_is_known_where_each_is() {
        let traffic = Traffic::default();
        let told = || {
            let flow = traffic.flow();
            (flow.received, flow.have, flow.expected)
        };
        assert_eq!(told(), (0, 0, Some(0)));
        let (mut first, mut second) = (traffic.meter(), traffic.meter());
        first.has(100); // of an earlier try
        first.expects(Some(1_000));
        assert_eq!(told(), (0, 100, None), "one is not known");
        second.expects(Some(500));
        first.receives(50);
        second.receives(70);
        assert_eq!(told(), (120, 220, Some(1_500)));
        first.has(0); // begins anew
        second.expects(None);
        assert_eq!(told(), (120, 70, None));
        drop(second);
        assert_eq!(told(), (120, 0, Some(1_000)));
        drop(first);
        assert_eq!(told(), (120, 0, Some(0)));
    }
}
