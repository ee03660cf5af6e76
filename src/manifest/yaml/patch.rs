//! A manifest that cannot be read → the same with other texts in the place of those that cannot be, so that one round
//! shows what else is wrong with it. Start at [`patched`].
//!
//! Only single values that surely are what is wrong get another: where the mistake may be elsewhere, what would be told
//! of the rest may be wrong. Nothing is made of a manifest that was patched.

use std::ops::Range;

use granit_parser::{ErrorKind, Parser, ScanError};

use super::quotes::{start_of_line, unclosed, value_in_line};
use super::{DEPTH_LIMIT, Document, syntax};
use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::tree::SourceId;

/// Most values that are replaced: each is another reading of the whole text.
const MOST: usize = 20;

/// Longest text that is read so often, in bytes.
const LONGEST: usize = 4 << 20;

/// A manifest some of whose values were replaced.
pub(in crate::manifest) struct Patched {
    /// As long as the text that it is made of, so that each place is the same.
    pub(in crate::manifest) text: String,
    /// The values that were replaced.
    ranges: Vec<Range<usize>>,
    /// What is wrong with them.
    found: Diagnostics,
    hides_anchor: bool,
}

/// `text` without the mistakes that keep it from being read, as far as it is sure where they are; none if it is of none.
pub(in crate::manifest) fn patched(text: &str, source: SourceId) -> Option<Patched> {
    if text.len() > LONGEST {
        return None;
    }
    let mut patched = Patched {
        text: text.to_owned(),
        ranges: Vec::new(),
        found: Diagnostics::default(),
        hides_anchor: false,
    };
    while patched.ranges.len() < MOST
        && let Some((error, from)) = first_error(&patched.text)
        && let Some(range) = value_at_fault(&patched.text, &error, from)
    {
        let place = syntax::Place {
            text: &patched.text,
            source,
            base: 0,
            from,
        };
        let found = syntax::diagnostic(&error, &place, DEPTH_LIMIT);
        patched.found.push(found);
        patched.replace(range);
    }
    (!patched.ranges.is_empty()).then_some(patched)
}

impl Patched {
    fn replace(&mut self, range: Range<usize>) {
        let length = range.len();
        self.hides_anchor |= self.text[range.clone()].contains('&');
        // Two texts that were replaced are not the same.
        let mark = char::from(b'a' + u8::try_from(self.ranges.len()).unwrap_or(0));
        let stand_in = match length {
            1 | 2 => "x".repeat(length),
            _ => format!("\"{}\"", mark.to_string().repeat(length - 2)),
        };
        self.text.replace_range(range.clone(), &stand_in);
        self.ranges.push(range);
    }

    /// Adds to `diagnostics` of this text what is wrong with the values that were replaced, and takes out what is found
    /// only because they were.
    pub(in crate::manifest) fn finish(self, source: SourceId, diagnostics: &mut Diagnostics) {
        /// What may be so because of the texts that stand in.
        const UNSURE: [&str; 4] = [
            "unused-var",
            "identical-content",
            "same-prompt-and-seed",
            "duplicate-value",
        ];
        let is_own = |it: &Diagnostic| {
            let spans = std::iter::once(&it.span).chain(it.related.iter().map(|(at, _)| at));
            let mut here = spans.filter(|at| at.source == source).map(|at| &at.bytes);
            here.any(|at| {
                let is_in = |range: &Range<usize>| range.start <= at.start && at.end <= range.end;
                self.ranges.iter().any(is_in)
            })
        };
        let is_unsure = |it: &Diagnostic| {
            UNSURE.contains(&it.code) || self.hides_anchor && it.code == "unknown-anchor"
        };
        diagnostics.retain(|found| !(is_own(found) || is_unsure(found)));
        diagnostics.append(self.found);
    }
}

/// The first mistake in `text`, and where what was read before it ends.
fn first_error(text: &str) -> Option<(ScanError, usize)> {
    let mut from = 0;
    for event in Parser::new_from_str_with_options(text, Document::options()) {
        match event {
            Ok((_, span)) => {
                let end = span.byte_range().map_or(from, |range| range.end);
                from = from.max(end.min(text.len()));
            }
            Err(error) => return Some((error, from)),
        }
    }
    None
}

/// The value of one field, to the end of its line, that surely is what is wrong.
fn value_at_fault(text: &str, error: &ScanError, from: usize) -> Option<Range<usize>> {
    let at = syntax::offset(error, text);
    if let Some(open) = unclosed(text, from, at) {
        return value_in_line(text, open)
            .filter(|it| it.start == open && is_alone(&text[it.clone()]));
    }
    let value = value_in_line(text, at)?;
    let written = &text[value.clone()];
    let is_within = value.contains(&at) && start_of_line(text, at) <= value.start;
    let is_plain = !written.starts_with(['"', '\'', '[', '{', '|', '>', '&', '*', '!']);
    let is_at_fault = match error.kind() {
        // Never inside brackets.
        ErrorKind::MappingValueNotAllowed => is_plain && at > value.start,
        ErrorKind::InvalidTrailingSingleQuotedScalar => {
            written.starts_with('\'') && is_alone(written)
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            written.starts_with('"') && is_alone(written)
        }
        ErrorKind::UnexpectedCharacter { .. } => at == value.start && is_alone(written),
        _ => false,
    };
    (is_within && is_at_fault).then_some(value)
}

/// Whether a value is surely no part of something in brackets.
fn is_alone(value: &str) -> bool {
    !value.ends_with([',', ']', '}'])
}
