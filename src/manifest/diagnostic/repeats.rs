//! What several jobs of a template have at one place of it: told once where the words are the same, and a few times
//! where they are not. Start at [`Repeats::add`].

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Diagnostic, Made, Severity};
use crate::manifest::render::runs;

/// Most findings of one kind that are told at one place of a template; others are counted.
const TOLD: usize = 5;
/// Most rows that are kept to be named.
const NAMED: usize = 100;
/// Most different findings of one row that are compared.
const COMPARED: usize = 100;

/// The findings of one kind at one place of a template.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    told: Vec<Alike>,
    /// How many rows or jobs have others.
    others: usize,
    latest: Option<Made>,
    /// What the latest has.
    of_latest: Vec<u64>,
    has_other: bool,
}

/// Findings in the same words.
#[derive(Debug)]
struct Alike {
    words: u64,
    /// Stands for the first of them, with where it points besides.
    first: u64,
    /// The rows that have it too, as far as they are named.
    rows: Vec<usize>,
    more: usize,
}

/// What becomes of a finding.
pub(super) enum Added {
    /// It is told.
    Told,
    /// Another is told for it, which says how many there are.
    Folded,
    /// It was added already.
    Again,
}

impl Repeats {
    /// Adds what one of the jobs has.
    pub(super) fn add(&mut self, made: Made, found: &Diagnostic) -> Added {
        if self.latest != Some(made) {
            self.latest = Some(made);
            self.of_latest.clear();
            self.has_other = false;
        }
        let words = words(found, made);
        if self.of_latest.contains(&words) {
            return Added::Again;
        }
        if self.of_latest.len() < COMPARED {
            self.of_latest.push(words);
        }
        let first = all(found);
        let is_full = self.told.len() == TOLD;
        match self.told.iter_mut().find(|it| it.words == words) {
            Some(alike) if alike.first == first => return Added::Again,
            Some(alike) => alike.add(made),
            None if !is_full => {
                self.told.push(Alike {
                    words,
                    first,
                    rows: Vec::new(),
                    more: 0,
                });
                return Added::Told;
            }
            None => {
                self.others += usize::from(!self.has_other);
                self.has_other = true;
            }
        }
        Added::Folded
    }

    /// What is to be added to the message of one that is told: which others have it.
    pub(super) fn fold(&self, found: &Diagnostic) -> String {
        let first = all(found);
        let Some(number) = self.told.iter().position(|it| it.first == first) else {
            return String::new();
        };
        let mut fold = self.told[number].fold();
        if number + 1 == self.told.len() && self.others > 0 {
            let what = match self.latest {
                Some(Made::Row(_)) => "row",
                _ => "job",
            };
            let plural = if self.others == 1 { "" } else { "s" };
            let _ = write!(
                fold,
                " (others of this kind are in {} more {what}{plural})",
                self.others
            );
        }
        fold
    }
}

impl Alike {
    fn add(&mut self, made: Made) {
        self.more += 1;
        if let Made::Row(row) = made
            && self.rows.len() < NAMED
        {
            self.rows.push(row as usize);
        }
    }

    fn fold(&self) -> String {
        let plural = if self.more == 1 { "" } else { "s" };
        match self.more {
            0 => String::new(),
            more if self.rows.is_empty() => format!(" (and {more} more job{plural})"),
            more => format!(" (and row{plural} {})", runs(&self.rows, more)),
        }
    }
}

/// Stands for what a finding says, whichever row it is about. Of a warning, of an id, and of a job that is made without a
/// row and is named in the message, that is its advice.
fn words(found: &Diagnostic, made: Made) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Made::Row(row) = made
        && found.severity == Severity::Error
        && found.code != "id-not-unique"
    {
        without_row(&found.message, row).hash(&mut hasher);
    }
    found.help.hash(&mut hasher);
    hasher.finish()
}

/// A message without the number of its own row.
fn without_row(message: &str, row: u32) -> String {
    let own = format!("row {row}");
    let mut parts = message.split(&own);
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |message, part| {
        let is_longer = part.starts_with(|c: char| c.is_ascii_digit());
        message + if is_longer { &own } else { "row" } + part
    })
}

/// Stands for what a finding says, and where it points besides.
fn all(found: &Diagnostic) -> u64 {
    let mut hasher = DefaultHasher::new();
    found.message.hash(&mut hasher);
    for (span, words) in &found.related {
        (span.source, span.bytes.start, words).hash(&mut hasher);
    }
    hasher.finish()
}
