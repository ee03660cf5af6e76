//! Names of hosts → addresses that may be asked. Start at [`Names::permitted`].
//!
//! The HTTP client never looks a name up itself: it is given what was looked up and judged here, so no second answer of
//! the name server can lead it elsewhere.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{FetchError, Private};
use crate::clock::Clock;

/// How long an answer of a name server is used.
const LIFE: Duration = Duration::from_secs(60);

/// Most names that are remembered.
const MOST_NAMES: usize = 4096;

/// Asks for the addresses of a name.
pub(super) type LookUp =
    fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What kind of private address an address is, if it is one.
pub(super) type Judge = fn(IpAddr) -> Option<&'static str>;

/// Names that were looked up and judged.
#[derive(Debug)]
pub(super) struct Names {
    private: Private,
    look_up: LookUp,
    judge: Judge,
    clock: Clock,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    permitted: Vec<IpAddr>,
    since: Duration,
}

impl Names {
    pub(super) fn new(private: Private, look_up: LookUp, judge: Judge) -> Self {
        Self {
            private,
            look_up,
            judge,
            clock: Clock::start(),
            known: Mutex::default(),
        }
    }

    /// Makes sure that the client knows permitted addresses of `host`, and only those.
    pub(super) async fn permitted(&self, host: &str) -> Result<Vec<IpAddr>, FetchError> {
        if let Some(known) = self.remembered(host, Some(self.clock.now().mono)) {
            return Ok(known);
        }
        let found = self.all(host).await?;
        let refused = found.iter().copied().find(|address| self.refuses(*address));
        let permitted: Vec<IpAddr> = found
            .into_iter()
            .filter(|address| !self.refuses(*address))
            .collect();
        match refused {
            Some(address) if permitted.is_empty() => Err(FetchError::private(host, address)),
            _ => {
                self.remember(host, permitted.clone());
                Ok(permitted)
            }
        }
    }

    /// Every address of `host`, judged by nobody.
    pub(super) async fn all(&self, host: &str) -> Result<Vec<IpAddr>, FetchError> {
        let host = host.to_owned();
        match (self.look_up)(host.clone()).await {
            Ok(found) if found.is_empty() => Err(FetchError::NoSuchName { host }),
            Ok(found) => Ok(found),
            Err(error) if is_for_now(&error) => Err(FetchError::NoNameServer { host }),
            Err(_) => Err(FetchError::NoSuchName { host }),
        }
    }

    /// Whether this address must not be asked.
    pub(super) fn refuses(&self, address: IpAddr) -> bool {
        match self.private {
            Private::Refuse => self.is_private(address),
            Private::Allow => false,
            Private::Like(own) => self.kind(address).is_some_and(|kind| kind != own),
        }
    }

    /// Whether this address is not on the public internet.
    pub(super) fn is_private(&self, address: IpAddr) -> bool {
        self.kind(address).is_some()
    }

    /// What kind of private address this is, if it is one.
    pub(super) fn kind(&self, address: IpAddr) -> Option<&'static str> {
        (self.judge)(address)
    }

    fn remember(&self, host: &str, permitted: Vec<IpAddr>) {
        let since = self.clock.now().mono;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_NAMES {
            known.retain(|_, entry| entry.since + LIFE > since);
        }
        known.insert(host.to_owned(), Known { permitted, since });
    }

    /// What is known of `host`; with a `now`, only while it is fresh.
    fn remembered(&self, host: &str, now: Option<Duration>) -> Option<Vec<IpAddr>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(host)
            .filter(|entry| now.is_none_or(|now| entry.since + LIFE > now))
            .map(|entry| entry.permitted.clone())
    }
}

/// Whether a failed look-up says something about the network, not about the name. The system tells the two apart only
/// in words.
fn is_for_now(error: &io::Error) -> bool {
    let words = error.to_string().to_lowercase();
    error.kind() == io::ErrorKind::TimedOut
        || ["temporary", "try again", "timed out", "system error"]
            .iter()
            .any(|sign| words.contains(sign))
}

/// Asks the system.
pub(super) fn ask_the_system(
    host: String,
) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
    Box::pin(async move {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    })
}

/// Gives the client what was permitted, and nothing else.
#[derive(Debug)]
pub(super) struct Pinned(pub(super) Arc<Names>);

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let permitted = self.0.remembered(name.as_str(), None);
        Box::pin(async move {
            let permitted = permitted.ok_or("this name was not looked up before")?;
            let addresses: Addrs = Box::new(
                permitted
                    .into_iter()
                    .map(|address| SocketAddr::new(address, 0)),
            );
            Ok(addresses)
        })
    }
}
