//! What can go wrong at a provider: the faults by name, how one is written on a command line, and when it strikes.
//!
//! Start at [`Faults`]; [`FAULTS`] is the table that help and README are made of. Pure: a fault is told the number of
//! the request and a seed, never the time, and leaves the breaking of connections to others.

mod table;

use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

pub use self::table::FAULTS;
use super::chance::{hash_text, mix};
use crate::units::parse_duration;

/// The faults of a simulated provider. Of the faults of one request the first that strikes is the one that happens
/// (a delay comes on top); a task suffers all of its faults.
///
/// ```
/// use shotlist::simulator::Faults;
/// let faults: Faults = "lost-answer=5%, slow=3s:every:10, poll:503=first:3".parse().unwrap();
/// assert!("lost-anwser".parse::<Faults>().unwrap_err().to_string().contains("did you mean `lost-answer`"));
/// # let _ = faults;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

/// One fault: what happens, to what, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    name: &'static str,
    strikes: Target,
    effect: Effect,
    when: When,
}

/// What a fault strikes. Each kind is counted by itself, from 1, in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A connection that brings a create request, before the request is read.
    Connection,
    /// A create request.
    Create,
    /// A poll.
    Poll,
    /// A task that was made.
    Task,
    /// A request for a video.
    Fetch,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// The connection is reset before anything was read.
    ResetUnread,
    /// An answer with this status, nothing done; with the time to wait, if it is said.
    Refuse(u16, Option<Duration>),
    /// The wallet is empty.
    EmptyWallet,
    /// The request is refused for its content.
    Moderation,
    /// An HTML page with this status, nothing done.
    Page(u16),
    /// The connection is reset after the request was read, nothing done.
    Reset,
    /// Done, and the connection is reset in place of an answer.
    ResetDone,
    /// Done, and the connection is closed in place of an answer.
    LoseAnswer,
    /// Done, and the connection is closed in the middle of the answer.
    CutAnswer,
    /// Done, and an HTML page with this status answers.
    PageDone(u16),
    /// Done, and a JSON error with status 500 answers.
    ErrorDone,
    /// Done, and the answer lacks the task id.
    NoId,
    /// Done at once, answered late.
    Slow(Duration),
    /// The answer is about another task.
    OtherTask,
    /// The task renders for ever.
    Stuck,
    /// The task fails.
    Fail,
    /// The task fails because of its output's content.
    FailModeration,
    /// The first so many answers `completed` lack the URL; without a number, all.
    NoUrl(Option<u32>),
    /// This word stands for `in_progress`.
    OddStatus(Box<str>),
    /// The first so many polls do not know the task; without a number, all.
    UnknownTask(Option<u32>),
    /// The connection is closed in the middle of the video.
    CutVideo,
    /// The address is refused from now on; a poll names a fresh one.
    ExpiredUrl,
    /// An HTML page with status 200 in place of the video.
    HtmlVideo,
    /// The video is at another origin.
    RedirectVideo,
    /// The video comes in pieces over that time.
    SlowVideo(Duration),
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    First(u64),
    After(u64),
    Every(u64),
    /// Of a million.
    Share(u64),
}

/// A row of the table of faults.
pub struct FaultRow {
    /// What may be written; several names are one fault with several statuses.
    pub names: &'static [&'static str],
    /// What it does, in a sentence.
    pub meaning: &'static str,
    /// How it can be written.
    pub example: &'static str,
    scope: Scope,
    argument: Argument,
    effect: fn(&str, Value) -> Effect,
}

/// What a name may be used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Connection,
    Create,
    /// Creates, or with `poll:` polls.
    Request,
    Poll,
    Task,
    Fetch,
}

/// What may stand before the frequency.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Argument {
    None,
    Delay,
    NeedsDelay,
    Polls,
    Word,
}

/// An argument that was read.
enum Value {
    None,
    Delay(Duration),
    Polls(u32),
    Word(Box<str>),
}

/// How the frequency of a fault is written.
pub const FREQUENCIES: &str =
    "`10%` of them, `every:20`, `first:3` (or just `3`), `after:10`, `always` (or nothing)";

/// The table of faults as text for `--help`: names, meaning, example.
pub fn fault_help() -> String {
    let mut text = format!(
        "Faults, written NAME[=[ARGUMENT:]HOW-OFTEN], several with commas or by repeating --fault.\n\
         HOW-OFTEN: {}.\nA leading `poll:` makes it happen to polls instead of creates.\n\n",
        FREQUENCIES.replace('`', "")
    );
    for row in FAULTS {
        let _ = writeln!(
            text,
            "  {:<21} {}\n  {:<21} e.g. {}",
            row.names.join(" "),
            row.meaning.replace('`', ""),
            "",
            row.example
        );
    }
    text
}

/// What is wrong with a fault as it was written, and which ones there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FaultError(String);

impl Faults {
    /// The faults that strike the `number`th `target`, in the order they were given.
    pub(super) fn striking(
        &self,
        target: Target,
        number: u64,
        seed: u64,
    ) -> impl Iterator<Item = (&'static str, &Effect)> {
        self.0
            .iter()
            .zip(1..)
            .filter(move |(fault, position)| {
                let roll = || mix(seed ^ hash_text(fault.name) ^ position, number);
                fault.strikes == target && fault.when.strikes(number, roll)
            })
            .map(|(fault, _)| (fault.name, &fault.effect))
    }
}

impl Extend<Faults> for Faults {
    fn extend<T: IntoIterator<Item = Faults>>(&mut self, more: T) {
        self.0.extend(more.into_iter().flat_map(|faults| faults.0));
    }
}

impl FromIterator<Faults> for Faults {
    /// All of them together, in order.
    fn from_iter<T: IntoIterator<Item = Faults>>(lists: T) -> Self {
        Self(lists.into_iter().flat_map(|faults| faults.0).collect())
    }
}

impl FromStr for Faults {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let parts = text.split(',').map(str::trim);
        parts.map(parse_fault).collect::<Result<_, _>>().map(Self)
    }
}

fn parse_fault(text: &str) -> Result<Fault, FaultError> {
    let (target, value) = match text.split_once('=') {
        Some((target, value)) => (target, Some(value)),
        None => (text, None),
    };
    let (on_polls, name) = match target.strip_prefix("poll:") {
        Some(name) => (true, name),
        None => (false, target),
    };
    let (row, name) = find(name)?;
    let strikes = row.target(name, on_polls)?;
    let (argument, when) = row.parse_value(name, value)?;
    Ok(Fault {
        name,
        strikes,
        effect: (row.effect)(name, argument),
        when,
    })
}

fn find(name: &str) -> Result<(&'static FaultRow, &'static str), FaultError> {
    FAULTS
        .iter()
        .find_map(|row| {
            let known = row.names.iter().find(|known| **known == name)?;
            Some((row, *known))
        })
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> FaultError {
    let names = || FAULTS.iter().flat_map(|row| row.names).copied();
    let nearest = names()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 3);
    let suggestion = nearest.map_or_else(String::new, |(_, known)| {
        format!("did you mean `{known}`? ")
    });
    let all = names().collect::<Vec<_>>().join(", ");
    FaultError(format!(
        "`{}` is not a fault: {suggestion}the faults are {all}",
        crate::text::clean(name, 100)
    ))
}

impl FaultRow {
    fn target(&self, name: &str, on_polls: bool) -> Result<Target, FaultError> {
        match (self.scope, on_polls) {
            (Scope::Request, true) | (Scope::Poll, _) => Ok(Target::Poll),
            (Scope::Request | Scope::Create, false) => Ok(Target::Create),
            (Scope::Connection, false) => Ok(Target::Connection),
            (Scope::Task, false) => Ok(Target::Task),
            (Scope::Fetch, false) => Ok(Target::Fetch),
            (Scope::Connection | Scope::Create | Scope::Task | Scope::Fetch, true) => {
                Err(FaultError(format!(
                    "`{name}` does not happen to polls: write it without `poll:`"
                )))
            }
        }
    }

    /// Reads what follows `=`: a frequency, an argument, or both.
    fn parse_value(&self, name: &str, text: Option<&str>) -> Result<(Value, When), FaultError> {
        let refuse = || {
            FaultError(format!(
                "`{name}={}` is not understood: write it like {}, how often as {FREQUENCIES}",
                crate::text::clean(text.unwrap_or_default(), 100),
                self.examples(),
            ))
        };
        let text = text.unwrap_or("always");
        let read = if let Some(when) = When::parse(text) {
            Some((Value::None, when))
        } else if let Some(argument) = self.parse_argument(text) {
            Some((argument, When::Always))
        } else {
            text.split_once(':').and_then(|(argument, when)| {
                Some((self.parse_argument(argument)?, When::parse(when)?))
            })
        };
        match read {
            Some((Value::None, _)) if self.argument == Argument::NeedsDelay => {
                Err(FaultError(format!(
                    "`{name}` does not say how long: write it like {}",
                    self.examples()
                )))
            }
            read => read.ok_or_else(refuse),
        }
    }

    fn parse_argument(&self, text: &str) -> Option<Value> {
        match self.argument {
            Argument::None => None,
            Argument::Delay | Argument::NeedsDelay => parse_duration(text).ok().map(Value::Delay),
            Argument::Polls => text.parse().ok().map(Value::Polls),
            Argument::Word => is_word(text).then(|| Value::Word(text.into())),
        }
    }

    fn examples(&self) -> String {
        let examples: Vec<String> = self
            .example
            .split_whitespace()
            .map(|example| format!("`{example}`"))
            .collect();
        examples.join(" or ")
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

impl Value {
    fn delay(self) -> Option<Duration> {
        match self {
            Self::Delay(delay) => Some(delay),
            _ => None,
        }
    }

    fn polls(self) -> Option<u32> {
        match self {
            Self::Polls(count) => Some(count),
            _ => None,
        }
    }

    fn word(self) -> Option<Box<str>> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

impl When {
    fn parse(text: &str) -> Option<Self> {
        if text == "always" {
            return Some(Self::Always);
        }
        if let Some(percent) = text.strip_suffix('%') {
            return parse_share(percent).map(Self::Share);
        }
        match text.split_once(':') {
            None => text.parse().ok().map(Self::First),
            Some(("first", count)) => count.parse().ok().map(Self::First),
            Some(("after", count)) => count.parse().ok().map(Self::After),
            Some(("every", count)) => count
                .parse()
                .ok()
                .filter(|count| *count > 0)
                .map(Self::Every),
            Some(_) => None,
        }
    }

    fn strikes(self, number: u64, roll: impl FnOnce() -> u64) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => number <= count,
            Self::After(count) => number > count,
            Self::Every(count) => number.is_multiple_of(count),
            Self::Share(share) => roll() % 1_000_000 < share,
        }
    }
}

/// Reads a percentage with up to four decimals as parts of a million.
fn parse_share(percent: &str) -> Option<u64> {
    let (whole, decimals) = percent.split_once('.').unwrap_or((percent, ""));
    if decimals.len() > 4 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let decimals: u64 = format!("{decimals:0<4}").parse().ok()?;
    let share = whole.checked_mul(10_000)?.checked_add(decimals)?;
    (share <= 1_000_000).then_some(share)
}

#[cfg(test)]
mod tests;
