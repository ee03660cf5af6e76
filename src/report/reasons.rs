//! Jobs grouped by what is the matter with them: many that fail for one reason are one line.
//!
//! Start at [`by_reason`] and [`listed`].

use std::collections::HashMap;
use std::fmt::Write as _;

use super::listing::jobs;
use super::table::cut;
use crate::engine::event::JobIndex;
use crate::engine::table::JobTable;

/// Most reasons that are listed one by one.
const LISTED: usize = 8;

/// Longest number or code in a message that tells one reason from another, in bytes.
const CODE: usize = 5;

/// Most cells of a message.
const MESSAGE_ROOM: usize = 100;

/// What is the matter with one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matter<'a> {
    /// Which job.
    pub job: JobIndex,
    /// Of what kind it is, in a word; empty where there is only one kind.
    pub class: &'a str,
    /// In words.
    pub message: &'a str,
}

/// Jobs with one class and alike messages.
#[derive(Debug, Clone)]
pub struct Reason<'a> {
    class: &'a str,
    /// That of the first one.
    message: &'a str,
    count: u32,
    first: [Option<JobIndex>; 3],
}

/// Groups what is alike, the most frequent first.
pub fn by_reason<'a>(matters: impl Iterator<Item = Matter<'a>>) -> Vec<Reason<'a>> {
    let mut places = HashMap::new();
    let mut reasons: Vec<Reason<'a>> = Vec::new();
    for Matter {
        job,
        class,
        message,
    } in matters
    {
        let place = *places.entry((class, pattern(message))).or_insert_with(|| {
            reasons.push(Reason {
                class,
                message,
                count: 0,
                first: [None; 3],
            });
            reasons.len() - 1
        });
        let reason = &mut reasons[place];
        if let Some(free) = reason.first.get_mut(reason.count as usize) {
            *free = Some(job);
        }
        reason.count += 1;
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    reasons
}

/// The reasons under a title, the first ones line by line; `all` is the command that shows every job. `None` if there
/// are none.
pub fn listed(title: &str, reasons: &[Reason<'_>], table: &JobTable, all: &str) -> Option<String> {
    let mut text = title.to_owned();
    for reason in reasons.iter().take(LISTED) {
        let _ = write!(text, "\n  {}", reason.line(table));
    }
    let rest: u32 = reasons.iter().skip(LISTED).map(|reason| reason.count).sum();
    if rest > 0 {
        let _ = write!(
            text,
            "\n  and {} for other reasons, see `{all}`",
            jobs(rest)
        );
    }
    (!reasons.is_empty()).then_some(text)
}

impl Reason<'_> {
    /// `3 × moderation: the prompt was flagged (hero, chair, lamp)`
    fn line(&self, table: &JobTable) -> String {
        let message = cut(self.message, MESSAGE_ROOM);
        let words = [self.class, &message];
        let said: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        format!(
            "{} × {} ({})",
            self.count,
            said.join(": "),
            self.examples(table)
        )
    }

    fn examples(&self, table: &JobTable) -> String {
        let ids: Vec<_> = self
            .first
            .iter()
            .flatten()
            .map(|index| table.id(*index).as_str())
            .collect();
        let more = if self.count as usize > ids.len() {
            ", …"
        } else {
            ""
        };
        format!("{}{more}", ids.join(", "))
    }
}

/// `message` without what differs between messages that mean the same: long words with a digit in them, such as ids and
/// times. Short ones are codes, which matter.
fn pattern(message: &str) -> String {
    let is_inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut pattern = String::new();
    for piece in message.split_inclusive(|c| !is_inside(c)) {
        let word = piece.trim_end_matches(|c| !is_inside(c));
        let varies = word.len() > CODE && word.contains(|c: char| c.is_ascii_digit());
        pattern.push_str(if varies { "0" } else { word });
        pattern.push_str(&piece[word.len()..]);
    }
    pattern
}
