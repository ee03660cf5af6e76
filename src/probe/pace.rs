//! When an address may be asked for: hosts are asked one address after the other, and not again and again if they do
//! not answer. Start at [`Pace::turn`]. Pure: is told the time.

use std::collections::HashMap;
use std::time::Duration;

/// After so many addresses in a row without an answer, a host is left alone.
const PATIENCE: u32 = 3;

/// Turns by host.
#[derive(Debug)]
pub(super) struct Pace {
    spacing: Duration,
    hosts: HashMap<String, Host>,
}

#[derive(Debug, Default)]
struct Host {
    next: Duration,
    unanswered: u32,
}

/// When an address may be asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Not before this.
    At(Duration),
    /// Not at all: its host does not answer.
    Never,
}

impl Pace {
    pub(super) fn new(spacing: Duration) -> Self {
        Self {
            spacing,
            hosts: HashMap::new(),
        }
    }

    /// Takes the next turn of `host`.
    pub(super) fn turn(&mut self, host: &str, now: Duration) -> Turn {
        let spacing = self.spacing;
        let host = self.host(host);
        if host.unanswered >= PATIENCE {
            return Turn::Never;
        }
        let at = host.next.max(now);
        host.next = at + spacing;
        Turn::At(at)
    }

    /// Notes whether `host` answered.
    pub(super) fn answered(&mut self, host: &str, did: bool) {
        let host = self.host(host);
        host.unanswered = if did { 0 } else { host.unanswered + 1 };
    }

    fn host(&mut self, host: &str) -> &mut Host {
        if !self.hosts.contains_key(host) {
            self.hosts.insert(host.to_owned(), Host::default());
        }
        self.hosts.get_mut(host).expect("put there above")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Turn {
        Turn::At(Duration::from_millis(millis))
    }

    #[test]
    fn addresses_of_one_host_are_spaced_and_those_of_others_are_not() {
        let mut pace = Pace::new(Duration::from_millis(100));
        let now = Duration::from_millis(1000);
        let turns = ["a", "a", "b", "a"].map(|host| pace.turn(host, now));
        assert_eq!(turns, [at(1000), at(1100), at(1000), at(1200)]);
        assert_eq!(pace.turn("a", Duration::from_secs(5)), at(5000));
    }

    #[test]
    fn a_host_that_does_not_answer_three_times_is_left_alone() {
        let mut pace = Pace::new(Duration::ZERO);
        for did in [false, false, true, false, false, false] {
            assert_eq!(pace.turn("a", Duration::ZERO), at(0));
            pace.answered("a", did);
        }
        assert_eq!(pace.turn("a", Duration::ZERO), Turn::Never);
        assert_eq!(pace.turn("b", Duration::ZERO), at(0));
    }
}
