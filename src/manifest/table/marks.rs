//! What stands in a copy of a sheet for a cell that was refused there, and that CSV would hold as something harmless:
//! `#DATE! 2026-05-09`. Start at [`Mark::written`], which is read again by [`Unmended::of`].
//!
//! A mark is a word in capitals with `!`, as errors of spreadsheets are, and behind it exactly what such a cell can hold:
//! nothing that anybody writes for people is taken for one.

use crate::manifest::workbook::{Oddity, Region, UNCOMPUTED, UNCOMPUTED_MARK, column_letters};

const MOMENT: &str = "#DATE!";
const FAILURE: &str = "#ERROR!";
const ROUNDED: &str = "#ROUNDED!";
const MERGED: &str = "#MERGED!";

/// Longest text that a mark may have behind it, in bytes.
const LIMIT: usize = 60;

/// A cell of a workbook that its copy must not hold as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MarkedCell {
    /// Where its row begins.
    pub(super) row: usize,
    /// Its column, from 0: a row may be too short for it.
    pub(super) column: usize,
    pub(super) mark: Mark,
}

/// Why it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is a date or a time.
    Moment,
    /// It is an error of a kind that is not known by its text.
    Failure,
    /// It is a number whose last digits are lost.
    Rounded,
    /// It is empty because of these merged cells.
    Merged(Region),
}

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmended<'t> {
    /// A date or a time.
    Moment(&'t str),
    /// An error, if it is known which.
    Failure(Option<&'t str>),
    /// A formula that nobody worked out.
    Formula(&'t str),
    /// A number whose last digits are lost.
    Rounded(&'t str),
    /// Nothing, in the middle of these merged cells.
    Merged(&'t str),
}

impl Mark {
    /// The mark of a cell that says `text`; none if the text tells by itself that it is refused.
    pub(super) fn of(oddity: Oddity, text: &str) -> Option<Self> {
        let mark = match oddity {
            Oddity::Moment => Self::Moment,
            Oddity::LongNumber => Self::Rounded,
            Oddity::Failure if !super::notes::is_failure(text) => Self::Failure,
            Oddity::Failure | Oddity::Formula | Oddity::Unmended => return None,
        };
        (Unmended::of(text).is_none()).then_some(mark)
    }

    /// What stands in the copy for a cell that says `text`.
    pub(super) fn written(&self, text: &str) -> String {
        let text = text.trim();
        let (word, shown) = match self {
            Self::Moment if is_moment(text) => (MOMENT, text),
            Self::Moment => (MOMENT, "?"),
            Self::Failure if is_error(text) => (FAILURE, text),
            Self::Failure => return FAILURE.to_owned(),
            Self::Rounded => (ROUNDED, text),
            Self::Merged(region) => return format!("{MERGED} {}", name_of(region)),
        };
        format!("{word} {shown}")
    }
}

impl<'t> Unmended<'t> {
    /// What `text` stands for, if it is a mark and nothing else.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let text = text.trim_ascii();
        if text.starts_with(UNCOMPUTED) {
            return text.strip_prefix(UNCOMPUTED_MARK).map(Self::Formula);
        }
        if text == FAILURE {
            return Some(Self::Failure(None));
        }
        let (word, behind) = text.split_once(' ')?;
        match word {
            MOMENT if is_moment(behind) || behind == "?" => Some(Self::Moment(behind)),
            FAILURE if is_error(behind) => Some(Self::Failure(Some(behind))),
            ROUNDED if is_number(behind) => Some(Self::Rounded(behind)),
            MERGED if is_region(behind) => Some(Self::Merged(behind)),
            _ => None,
        }
    }
}

/// `2026-05-09`, `16:09:00`, or both.
fn is_moment(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-:.+TZ".contains(&byte);
    text.len() <= LIMIT
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.contains(['-', ':'])
        && text.bytes().all(is_part)
}

/// One word such as `#LATER!`.
fn is_error(text: &str) -> bool {
    text.len() <= LIMIT && text.starts_with('#') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Digits, as numbers that are too long are shown.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() > 15 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `B2:B5`
fn is_region(text: &str) -> bool {
    let is_cell = |name: &str| {
        let row = name.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
        row.len() < name.len()
            && !row.is_empty()
            && row.bytes().all(|byte| byte.is_ascii_digit())
            && name.len() <= 10
    };
    text.split_once(':')
        .is_some_and(|(first, last)| is_cell(first) && is_cell(last))
}

/// The first and the last of merged cells, by name.
pub(super) fn corners(region: &Region) -> (String, String) {
    let name = |row: u32, column: u32| format!("{}{}", column_letters(column as usize), row + 1);
    let first = name(region.rows.start, region.columns.start);
    let last = name(region.rows.end - 1, region.columns.end - 1);
    (first, last)
}

fn name_of(region: &Region) -> String {
    let (first, last) = corners(region);
    format!("{first}:{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_that_is_written_is_read_again() {
        let region = Region {
            rows: 1..5,
            columns: 26..28,
        };
        for (mark, text, written, read) in [
            (
                Mark::Moment,
                "2026-05-09",
                "#DATE! 2026-05-09",
                Unmended::Moment("2026-05-09"),
            ),
            (
                Mark::Moment,
                "2026-05-09T16:09:00",
                "#DATE! 2026-05-09T16:09:00",
                Unmended::Moment("2026-05-09T16:09:00"),
            ),
            (Mark::Moment, "soon", "#DATE! ?", Unmended::Moment("?")),
            (
                Mark::Failure,
                "#LATER!",
                "#ERROR! #LATER!",
                Unmended::Failure(Some("#LATER!")),
            ),
            (Mark::Failure, "", "#ERROR!", Unmended::Failure(None)),
            (Mark::Failure, "a b", "#ERROR!", Unmended::Failure(None)),
            (
                Mark::Rounded,
                "-9007199254740990",
                "#ROUNDED! -9007199254740990",
                Unmended::Rounded("-9007199254740990"),
            ),
            (
                Mark::Merged(region),
                "",
                "#MERGED! AA2:AB5",
                Unmended::Merged("AA2:AB5"),
            ),
        ] {
            assert_eq!(mark.written(text), written);
            assert_eq!(Unmended::of(written), Some(read));
        }
    }

    #[test]
    fn what_people_write_is_no_mark() {
        for text in [
            "#DATE! night in Paris",
            "#DATE! 2026-05-09, a kite rises",
            "#DATE!",
            "#DATE! 5",
            "#date! 2026-05-09",
            "DATE! 2026-05-09",
            "#MERGED! lanes at B2:B5",
            "#MERGED!",
            "#ROUNDED! 12",
            "#ROUNDED! corners",
            "#ERROR! the screen flickers",
            "#ERROR! flicker",
            "#CALC! a kite",
            "#kite #DATE! 2026-05-09",
            "",
        ] {
            assert_eq!(Unmended::of(text), None, "{text}");
        }
    }
}
