//! Findings that are not listed and still wanted, one by one, in a copy of their table: small, since a million rows may
//! have one. Start at [`Aside::push`].
//!
//! What they say is held once for all that say the same. Of the places only those are held that tell the row.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::{Diagnostic, Severity};
use crate::manifest::tree::{SourceId, Span};

/// Most findings that are kept.
const KEPT: usize = 1_000_000;

/// Most bytes of what they say.
const TEXT: usize = 64 << 20;

/// Findings, each in few bytes.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Aside {
    found: Vec<Small>,
    text: String,
    /// Where in `text` something is said, by its hash.
    known: HashMap<u64, Range<u32>>,
}

/// A finding without its words.
#[derive(Debug, Clone)]
struct Small {
    severity: Severity,
    code: &'static str,
    at: Place,
    /// The first other place.
    related: Option<Place>,
    message: Range<u32>,
    help: Range<u32>,
}

/// Where something begins.
#[derive(Debug, Clone, Copy)]
struct Place {
    source: SourceId,
    start: u32,
}

/// A finding that was kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::manifest) struct AsideFinding<'a> {
    found: &'a Small,
    text: &'a str,
}

/// The place that a finding is about besides its own: of two rows that do not go together, the later.
fn later_place(found: &Diagnostic) -> Option<&Span> {
    let mut places = found.related.iter().map(|(span, _)| span);
    let first = places.next()?;
    let later = places.rfind(|span| span.source == first.source);
    Some(later.unwrap_or(first))
}

impl Aside {
    /// Keeps a finding; false if there is no room for it.
    pub(super) fn push(&mut self, found: &Diagnostic) -> bool {
        if self.found.len() == KEPT || self.text.len() > TEXT {
            return false;
        }
        let small = Small {
            severity: found.severity,
            code: found.code,
            at: Place::of(&found.span),
            related: later_place(found).map(Place::of),
            message: self.keep(&found.message),
            help: self.keep(&found.help),
        };
        self.found.push(small);
        true
    }

    fn keep(&mut self, words: &str) -> Range<u32> {
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        let hash = hasher.finish();
        if let Some(known) = self.known.get(&hash)
            && said(&self.text, known) == words
        {
            return known.clone();
        }
        let start = offset(self.text.len());
        self.text += words;
        let place = start..offset(self.text.len());
        self.known.insert(hash, place.clone());
        place
    }

    /// Takes in those of `later`; how many there is no room for.
    pub(super) fn append(&mut self, later: &Self) -> usize {
        later.iter().filter(|it| !self.push(&it.whole())).count()
    }

    /// Keeps only those that are to be kept.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&Diagnostic) -> bool) {
        let text = &self.text;
        self.found
            .retain(|found| is_kept(&AsideFinding { found, text }.whole()));
    }

    /// Changes what was found.
    pub(super) fn amend(&mut self, mut change: impl FnMut(&mut Diagnostic)) {
        for index in 0..self.found.len() {
            let found = &self.found[index];
            let text = &self.text;
            let before = AsideFinding { found, text }.whole();
            let mut after = before.clone();
            change(&mut after);
            if after != before {
                let (message, help) = (self.keep(&after.message), self.keep(&after.help));
                let related = after.related.first().map(|(span, _)| Place::of(span));
                let found = &mut self.found[index];
                (found.message, found.help, found.related) = (message, help, related);
            }
        }
    }

    /// How many there are.
    pub(in crate::manifest) fn len(&self) -> usize {
        self.found.len()
    }

    /// One of them.
    pub(in crate::manifest) fn number(&self, number: usize) -> AsideFinding<'_> {
        AsideFinding {
            found: &self.found[number],
            text: &self.text,
        }
    }

    /// All of them, in the order in which they came.
    pub(in crate::manifest) fn iter(&self) -> impl Iterator<Item = AsideFinding<'_>> {
        (0..self.len()).map(|number| self.number(number))
    }
}

impl<'a> AsideFinding<'a> {
    /// How bad it is.
    pub(in crate::manifest) fn severity(&self) -> Severity {
        self.found.severity
    }

    /// Its name.
    pub(in crate::manifest) fn code(&self) -> &'static str {
        self.found.code
    }

    /// What is wrong.
    pub(in crate::manifest) fn message(&self) -> &'a str {
        said(self.text, &self.found.message)
    }

    /// How to mend it.
    pub(in crate::manifest) fn help(&self) -> &'a str {
        said(self.text, &self.found.help)
    }

    /// Where in a file it begins: its own place, or the first other one.
    pub(in crate::manifest) fn start_in(&self, source: SourceId) -> Option<usize> {
        let mut places = std::iter::once(self.found.at).chain(self.found.related);
        let place = places.find(|place| place.source == source)?;
        Some(place.start as usize)
    }

    /// Where it begins.
    pub(in crate::manifest) fn start(&self) -> (SourceId, usize) {
        (self.found.at.source, self.found.at.start as usize)
    }

    /// The same as it was, without the ends of its places and what is said about others.
    fn whole(&self) -> Diagnostic {
        let found = self.found;
        Diagnostic {
            severity: found.severity,
            code: found.code,
            message: self.message().to_owned(),
            span: found.at.span(),
            label: None,
            help: self.help().to_owned(),
            related: found
                .related
                .map(|place| (place.span(), String::new()))
                .into_iter()
                .collect(),
        }
    }
}

impl Place {
    fn of(span: &Span) -> Self {
        Self {
            source: span.source,
            start: offset(span.bytes.start),
        }
    }

    fn span(self) -> Span {
        let start = self.start as usize;
        Span {
            source: self.source,
            bytes: start..start,
        }
    }
}

fn said<'a>(text: &'a str, place: &Range<u32>) -> &'a str {
    &text[place.start as usize..place.end as usize]
}

/// An offset in four bytes; files of more than 4 GiB have their last findings at the end of these.
fn offset(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: usize, message: &str) -> Diagnostic {
        let span = |source, start| Span {
            source: SourceId(source),
            bytes: start..start + 3,
        };
        Diagnostic::error("a", &span(0, 7), message, "mend it").related(&span(1, start), "row")
    }

    #[test]
    fn what_many_say_is_held_once_and_each_is_found_in_its_row() {
        let mut aside = Aside::default();
        for start in 0..1000 {
            let message = if start % 2 == 0 { "wrong" } else { "bad" };
            assert!(aside.push(&found(start, message)));
        }
        assert_eq!(aside.text, "wrongmend itbad");
        let odd = aside.number(501);
        assert_eq!((odd.message(), odd.help()), ("bad", "mend it"));
        assert_eq!(odd.start_in(SourceId(1)), Some(501));
        assert_eq!(odd.start_in(SourceId(0)), Some(7));
        aside.amend(|it| it.help = it.help.replace("it", &it.message));
        aside.retain(|it| it.message == "bad");
        assert_eq!(aside.len(), 500);
        assert!(aside.iter().all(|it| it.help() == "mend bad"));
    }

    #[test]
    fn what_there_is_no_room_for_is_said() {
        let mut aside = Aside::default();
        let long = "a".repeat(TEXT + 1);
        assert!(aside.push(&found(0, &long)));
        assert!(!aside.push(&found(1, "wrong")));
        let mut all = Aside::default();
        assert!(all.push(&found(0, &long)));
        assert_eq!(all.append(&aside), 1);
    }
}
