//! A simulated provider: the documented API on a loopback port, with small playable videos, faults to switch on, limits
//! of its own, and a ledger of what it really made. `run --rehearse` and `simulate` use it, and so do the tests.
//!
//! Start at [`start`]. What it answers is decided in `provider` (pure: time is an argument); `server` puts that on
//! HTTP, `front` breaks connections. Nothing here knows what a client makes of the answers.

mod answer;
mod chance;
mod fault;
mod front;
mod ledger;
mod limit;
mod media;
mod provider;
mod request;
mod server;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

pub use self::fault::{FAULTS, FREQUENCIES, FaultError, FaultRow, Faults, fault_help};
pub use self::ledger::{Delivery, FetchLine, Ledger, LedgerSummary, Post, TaskLine};
pub use self::server::{Simulator, start};
use crate::units::{Rate, parse_duration, show_duration};

/// How the simulated provider behaves. The default is a good day: quick renders, no limits, no faults.
#[derive(Debug, Clone)]
pub struct SimulatorSettings {
    /// Port on 127.0.0.1; 0 is any free one.
    pub port: u16,
    /// How long a task renders.
    pub render: RenderTime,
    /// Creates over this rate are refused with 429 and `Retry-After`: a bucket that holds one period's worth and is
    /// refilled evenly.
    pub submit_limit: Option<Rate>,
    /// Creates are refused with 429 while that many tasks are in flight.
    pub max_in_flight: Option<NonZeroU32>,
    /// What goes wrong.
    pub faults: Faults,
    /// Decides which requests a fault with a percentage strikes, and how long each task renders.
    pub seed: u64,
    /// A key must start with this; empty takes any key.
    pub key_prefix: String,
}

impl Default for SimulatorSettings {
    fn default() -> Self {
        Self {
            port: 0,
            render: RenderTime {
                shortest: Duration::from_secs(5),
                spread: Duration::from_secs(10),
            },
            submit_limit: None,
            max_in_flight: None,
            faults: Faults::default(),
            seed: 0,
            key_prefix: String::new(),
        }
    }
}

impl SimulatorSettings {
    /// What `run --rehearse` uses: any free port, renders of 1.5 to 4 seconds, no limits, no faults.
    pub fn rehearsal() -> Self {
        Self {
            render: RenderTime {
                shortest: Duration::from_millis(1500),
                spread: Duration::from_millis(2500),
            },
            ..Self::default()
        }
    }
}

/// How long tasks render: each takes a time between the shortest and the longest.
///
/// ```
/// use shotlist::simulator::RenderTime;
/// assert_eq!("1500ms..4s".parse::<RenderTime>().unwrap().to_string(), "1s500ms..4s");
/// assert!("4s..2s".parse::<RenderTime>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderTime {
    shortest: Duration,
    /// How much longer the longest is.
    spread: Duration,
}

/// Why a text is not a render time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a render time: write a duration such as `3s`, or the shortest and the longest such as `2s..5s`"
)]
pub struct RenderTimeError(String);

impl RenderTime {
    /// The time that a random number picks.
    fn pick(self, roll: u64) -> Duration {
        let spread = u64::try_from(self.spread.as_micros()).unwrap_or(u64::MAX);
        self.shortest + Duration::from_micros(roll % spread.saturating_add(1))
    }
}

impl FromStr for RenderTime {
    type Err = RenderTimeError;

    fn from_str(text: &str) -> Result<Self, RenderTimeError> {
        let refuse = || RenderTimeError(crate::text::clean(text, 100));
        let (shortest, longest) = text.split_once("..").unwrap_or((text, text));
        let shortest = parse_duration(shortest).map_err(|_| refuse())?;
        let longest = parse_duration(longest).map_err(|_| refuse())?;
        let spread = longest.checked_sub(shortest).ok_or_else(refuse)?;
        Ok(Self { shortest, spread })
    }
}

impl std::fmt::Display for RenderTime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let longest = show_duration(self.shortest + self.spread);
        write!(formatter, "{}..{longest}", show_duration(self.shortest))
    }
}

/// Runs a simulated provider until `until` is over; `on_ready` is told where it listens.
pub async fn serve(
    settings: SimulatorSettings,
    on_ready: impl FnOnce(SocketAddr),
    until: impl Future<Output = ()>,
) -> io::Result<LedgerSummary> {
    let simulator = start(settings).await?;
    on_ready(simulator.address());
    until.await;
    Ok(simulator.shutdown().await.totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_render_time_is_a_duration_or_two_in_order() {
        for (text, shown) in [
            ("2s..5s", "2s..5s"),
            ("3s", "3s..3s"),
            ("500ms..1m", "500ms..1m"),
        ] {
            let time: RenderTime = text.parse().expect(text);
            assert_eq!(time.to_string(), shown);
        }
        for text in ["5s..2s", "5..9", "..", "2s..", "soon", ""] {
            let refusal = text.parse::<RenderTime>().expect_err(text).to_string();
            assert!(refusal.contains(&format!("`{text}` is not")), "{refusal}");
        }
    }

    #[test]
    fn a_rehearsal_renders_every_task_in_one_and_a_half_to_four_seconds() {
        let render = SimulatorSettings::rehearsal().render;
        let picks: Vec<Duration> = (0..1000).map(|n| render.pick(chance::mix(0, n))).collect();
        let shortest = picks.iter().min().expect("a thousand");
        let longest = picks.iter().max().expect("a thousand");
        assert!((1500..1600).contains(&shortest.as_millis()), "{shortest:?}");
        assert!((3900..=4000).contains(&longest.as_millis()), "{longest:?}");
    }
}
