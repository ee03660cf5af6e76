//! Asks for every file that a manifest refers to: is it there, is it what the field takes, how long is it?
//!
//! Start at [`probe`]. Each address is asked for once, few at a time, no host more often than it should mind, no host
//! again and again that does not answer, and all within a time. What the answers mean is decided in [`finding`].

pub mod finding;
mod pace;

use std::cell::RefCell;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use self::finding::{Facts, Outcome, Skipped};
use self::pace::{Pace, Turn};
use crate::clock::Clock;
use crate::fetch::{FetchError, Fetcher, Opened, Part};
use crate::manifest::references::References;
use crate::media::mp4::{Length, Step, Walk};
use crate::media::{Family, SIGNATURE_BYTES, format_of};
use crate::units::show_duration;

/// Most bytes that are read of a file on a server that sends no parts.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// How much is asked for at once, and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeLimits {
    /// Addresses at a time.
    pub parallel: usize,
    /// Least time between two addresses of one host.
    pub spacing: Duration,
    /// Most time for one address.
    pub each: Duration,
    /// No address is begun after this.
    pub all: Duration,
}

impl Default for ProbeLimits {
    fn default() -> Self {
        Self {
            parallel: 8,
            spacing: Duration::from_millis(50),
            each: Duration::from_secs(60),
            all: Duration::from_secs(30 * 60),
        }
    }
}

/// How far a probe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Addresses that are settled.
    pub done: usize,
    /// All addresses.
    pub total: usize,
    /// Since the beginning.
    pub elapsed: Duration,
}

/// Asks for every address of `references`; one outcome for each, in their order. Calls `tell` at the beginning and
/// every second.
pub async fn probe(
    fetcher: &Fetcher,
    references: &References,
    limits: ProbeLimits,
    mut tell: impl FnMut(Progress),
) -> Vec<Outcome> {
    let targets = targets(references);
    let total = targets.len();
    let clock = Clock::start();
    let pace = RefCell::new(Pace::new(limits.spacing));
    let mut outcomes: Vec<Option<Outcome>> = vec![None; total];
    let asked = targets.into_iter().enumerate().map(|(number, target)| {
        let (clock, pace) = (&clock, &pace);
        async move { (number, in_turn(fetcher, target, limits, clock, pace).await) }
    });
    let mut asked = futures::stream::iter(asked).buffer_unordered(limits.parallel);
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut done = 0;
    loop {
        tokio::select! {
            answer = asked.next() => match answer {
                Some((number, outcome)) => {
                    outcomes[number] = Some(outcome);
                    done += 1;
                }
                None => break,
            },
            _ = seconds.tick() => {
                let elapsed = clock.now().mono;
                tell(Progress { done, total, elapsed });
            }
        }
    }
    let settled = outcomes.into_iter();
    settled
        .map(|outcome| outcome.unwrap_or(Outcome::NotAsked(Skipped::TimeUp)))
        .collect()
}

/// An address and what must be found out about it.
#[derive(Debug, Clone, Copy)]
struct Target<'r> {
    address: &'r str,
    wants_length: bool,
}

fn targets(references: &References) -> Vec<Target<'_>> {
    let target = |address| Target {
        address,
        wants_length: false,
    };
    let addresses = references.addresses().iter();
    let mut targets: Vec<Target<'_>> = addresses.map(|address| target(&**address)).collect();
    for used in references.uses() {
        targets[used.address].wants_length |= used.family == Family::Video;
    }
    targets
}

/// Waits for its turn, then asks, within its time.
async fn in_turn(
    fetcher: &Fetcher,
    target: Target<'_>,
    limits: ProbeLimits,
    clock: &Clock,
    pace: &RefCell<Pace>,
) -> Outcome {
    if holds_login(target.address) {
        return Outcome::Login;
    }
    let host = host_of(target.address);
    let turn = pace.borrow_mut().turn(&host, clock.now().mono);
    match turn {
        Turn::Never => return Outcome::NotAsked(Skipped::SilentHost),
        Turn::At(at) if at > limits.all => return Outcome::NotAsked(Skipped::TimeUp),
        Turn::At(at) => sleep(at.saturating_sub(clock.now().mono)).await,
    }
    let asked = timeout(limits.each, ask(fetcher, target)).await;
    let outcome = asked.unwrap_or_else(|_| Outcome::NoAnswer {
        message: format!("it took longer than {}", show_duration(limits.each)),
    });
    let is_silent = matches!(outcome, Outcome::NoAnswer { .. });
    pace.borrow_mut().answered(&host, !is_silent);
    outcome
}

/// Whether a request would log in.
fn holds_login(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

fn host_of(address: &str) -> String {
    let host = url::Url::parse(address).ok();
    host.and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default()
}

async fn ask(fetcher: &Fetcher, target: Target<'_>) -> Outcome {
    let facts = if target.wants_length {
        video_facts(fetcher, target.address).await
    } else {
        facts(fetcher, target.address).await
    };
    match facts {
        Ok(facts) => Outcome::Answered(facts),
        Err(error) => {
            let message = error.to_string();
            match error {
                FetchError::Private { .. } => Outcome::Private { message },
                FetchError::NotHttp(_)
                | FetchError::NoSuchName { .. }
                | FetchError::Redirects
                | FetchError::BadRedirect(_) => Outcome::Unreachable { message },
                FetchError::NoNameServer { .. } | FetchError::Trouble(_) => {
                    Outcome::NoAnswer { message }
                }
            }
        }
    }
}

/// By the first bytes, which are worth more than what a server says of them: many send a page in the place of a file as if
/// it were that file, many answer a HEAD wrongly, and an address that is signed for GET refuses it.
async fn facts(fetcher: &Fetcher, address: &str) -> Result<Facts, FetchError> {
    let begun = begin(fetcher, address, SIGNATURE_BYTES as u64).await?;
    Ok(begun.facts)
}

/// The same with the length of the video, by as few parts of it as possible.
async fn video_facts(fetcher: &Fetcher, address: &str) -> Result<Facts, FetchError> {
    let walk = Walk::default();
    let Step::Read { length, .. } = walk.step() else {
        return Ok(Facts::default());
    };
    let Begun {
        mut facts,
        start,
        stream,
    } = begin(fetcher, address, length).await?;
    let Some(start) = start else {
        return Ok(facts);
    };
    let sends_parts = stream.opened.status == 206;
    let odd = match &stream.opened.encoding {
        Some(encoding) => Some(format!("the server sends it packed (`{encoding}`)")),
        None if sends_parts && stream.start != 0 => Some(OTHER_PARTS.to_owned()),
        None => None,
    };
    let file = if sends_parts {
        drop(stream);
        File::Parts { fetcher, address }
    } else {
        File::Whole(Box::new(stream))
    };
    facts.length = Some(match odd {
        Some(odd) => Err(odd),
        None => length_of(file, walk, start).await,
    });
    Ok(facts)
}

const OTHER_PARTS: &str = "the server sends other parts than it is asked for";

/// The beginning of a file.
struct Begun {
    facts: Facts,
    /// Its first bytes, unless there is no file.
    start: Option<Piece>,
    /// What comes after them.
    stream: Stream,
}

/// Asks for the first `length` bytes and looks at them.
async fn begin(fetcher: &Fetcher, address: &str, length: u64) -> Result<Begun, FetchError> {
    let part = Part {
        from: 0,
        length: Some(length),
    };
    let opened = fetcher.get(address, Some(part)).await?;
    let mut facts = of_head(&opened);
    let mut stream = Stream::new(opened);
    // A server that is asked for the first bytes of an empty file has none to send.
    let range = stream.opened.range;
    if facts.status == 416 && range.is_none_or(|range| range.total == Some(0)) {
        facts.status = 200;
        facts.size = Some(0);
    } else if (200..300).contains(&facts.status) {
        let (bytes, broken) = stream.view(0, length).await;
        if bytes.is_empty() && broken.is_none() {
            facts.size = Some(0);
        }
        facts.format = format_of(&bytes).filter(|_| stream.opened.encoding.is_none());
        let start = Piece {
            size: facts.size,
            bytes,
            broken,
        };
        return Ok(Begun {
            facts,
            start: Some(start),
            stream,
        });
    }
    Ok(Begun {
        facts,
        start: None,
        stream,
    })
}

/// Bytes of a file.
struct Piece {
    bytes: Bytes,
    /// Size of the whole file, as far as it is known.
    size: Option<u64>,
    /// Why there are not more, if they broke off.
    broken: Option<String>,
}

/// Follows the walk through the file.
async fn length_of(mut file: File<'_>, mut walk: Walk, start: Piece) -> Result<Duration, String> {
    let mut piece = start;
    loop {
        // An answer that broke off says nothing about where the file ends.
        let size = match &piece.broken {
            Some(_) => Some(piece.size.unwrap_or(u64::MAX)),
            None => piece.size,
        };
        walk.take(&piece.bytes, size);
        let (from, length) = match (walk.step(), piece.broken) {
            (Step::Done(Length::Known(length)), _) => return Ok(length),
            (_, Some(broken)) => return Err(broken),
            (Step::Done(Length::Unknown(why)), None) => return Err(why.to_string()),
            (Step::Read { from, length }, None) => (from, length),
        };
        piece = file.read(from, length, piece.size).await?;
    }
}

/// A file that is read piece by piece.
enum File<'f> {
    /// The server sends the parts that it is asked for.
    Parts {
        fetcher: &'f Fetcher,
        address: &'f str,
    },
    /// The server sends all of it, whatever it is asked for.
    Whole(Box<Stream>),
}

impl File<'_> {
    async fn read(&mut self, from: u64, length: u64, size: Option<u64>) -> Result<Piece, String> {
        match self {
            Self::Parts { fetcher, address } => {
                let left = size.map_or(length, |size| length.min(size.saturating_sub(from)));
                let part = Part {
                    from,
                    length: Some(left),
                };
                let opened = fetcher.get(address, Some(part)).await;
                read_part(opened.map_err(|error| error.to_string())?, from, left, size).await
            }
            Self::Whole(stream) => {
                if from.saturating_add(length) > MOST_BYTES {
                    return Err(
                        "the server sends no parts of files, and the index is far from the start"
                            .to_owned(),
                    );
                }
                let (bytes, broken) = stream.view(from, length).await;
                Ok(Piece {
                    bytes,
                    size,
                    broken,
                })
            }
        }
    }
}

/// The part of `length` bytes at `from`.
async fn read_part(
    opened: Opened,
    from: u64,
    length: u64,
    size: Option<u64>,
) -> Result<Piece, String> {
    let told = opened.range.and_then(|range| range.total);
    if told.is_some() && size.is_some() && told != size {
        return Err("the file changed while it was looked at".to_owned());
    }
    let mut stream = Stream::new(opened);
    match stream.opened.status {
        206 if stream.start == from => {}
        416 if size.is_none_or(|size| size <= from) => {
            return Ok(Piece {
                bytes: Bytes::new(),
                size: told.or(Some(from)),
                broken: None,
            });
        }
        200 | 206 | 416 => return Err(OTHER_PARTS.to_owned()),
        status => return Err(format!("the server answers {status} to a part of it")),
    }
    let (bytes, broken) = stream.view(from, length).await;
    let is_short = (bytes.len() as u64) < length && size.is_some();
    Ok(Piece {
        bytes,
        size,
        broken: broken.or_else(|| is_short.then(|| OTHER_PARTS.to_owned())),
    })
}

/// A body that is read forwards, with the bytes that may be looked at again.
struct Stream {
    opened: Opened,
    /// Where in the file the buffer begins.
    start: u64,
    buffer: BytesMut,
}

impl Stream {
    fn new(opened: Opened) -> Self {
        let first = opened.range.and_then(|range| range.first);
        Self {
            start: first.filter(|_| opened.status == 206).unwrap_or(0),
            buffer: BytesMut::new(),
            opened,
        }
    }

    /// `length` bytes at `from`, which never goes backwards; fewer at the end, and why if they broke off.
    async fn view(&mut self, from: u64, length: u64) -> (Bytes, Option<String>) {
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let mut broken = None;
        loop {
            let ahead = usize::try_from(from.saturating_sub(self.start)).unwrap_or(usize::MAX);
            let passed = ahead.min(self.buffer.len());
            self.buffer.advance(passed);
            self.start += passed as u64;
            if self.start >= from && self.buffer.len() >= wanted {
                break;
            }
            match self.opened.next().await {
                Ok(Some(piece)) => self.buffer.extend_from_slice(&piece),
                Ok(None) => break,
                Err(error) => {
                    broken = Some(error.to_string());
                    break;
                }
            }
        }
        let there = if self.start >= from {
            wanted.min(self.buffer.len())
        } else {
            0
        };
        (Bytes::copy_from_slice(&self.buffer[..there]), broken)
    }
}

fn of_head(opened: &Opened) -> Facts {
    Facts {
        status: opened.status,
        media_type: opened.media_type.clone(),
        size: match opened.range {
            _ if opened.encoding.is_some() => None,
            Some(range) if opened.status == 206 => range.total,
            _ => opened.length,
        },
        ..Facts::default()
    }
}

#[cfg(test)]
mod tests;
