//! The rows of a large table that are to be shown, read again from its file. Start at [`excerpts`].
//!
//! They make a shorter text, with its header and whole rows, and what was left out between them is counted: so the places of
//! the whole are found in it.

use std::io::Read;

use super::layout::Layout;
use super::scanner::{Row, Scanner};
use super::windows::{self, Seat};

/// A part of a text that was left out, or all those up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::manifest) struct Gap {
    /// Where it was, in the text without it.
    pub(in crate::manifest) at: usize,
    /// How many bytes are left out down to here.
    pub(in crate::manifest) bytes: usize,
    /// How many lines.
    pub(in crate::manifest) lines: usize,
    /// How many rows.
    pub(in crate::manifest) rows: usize,
}

/// Some rows of a table.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Excerpts {
    pub(in crate::manifest) text: String,
    /// What is left out of it, in order.
    pub(in crate::manifest) gaps: Vec<Gap>,
}

/// The header of the text `file`, which is divided as `layout` says, and the rows in which the places `wanted` are, in
/// order; none if it cannot be read any more.
pub(in crate::manifest) fn excerpts(
    file: Box<dyn Read>,
    layout: &Layout,
    mut wanted: &[usize],
) -> Option<Excerpts> {
    const MARK: &str = "\u{feff}";
    let (first, mut rest) = windows::begin(file).ok()?;
    let mut text = String::from_utf8(first).ok()?;
    if text.starts_with(MARK) {
        text.drain(..MARK.len());
    }
    let mut excerpts = Excerpts::default();
    excerpts.text += text.get(..layout.start)?;
    let mut seat = Seat {
        at: layout.start,
        ..Seat::default()
    };
    let mut row = Row::default();
    loop {
        let scanner = Scanner::new(&text, seat.at, layout.separator);
        let mut scanner = scanner.going_on(rest.goes_on());
        while scanner.next_row(0, &mut row) {
            let (start, end) = (row.bytes.start, scanner.place());
            let is_wanted = wanted.first().is_some_and(|at| {
                let last = (seat.passed + row.bytes.end).max(seat.passed + end - 1);
                *at <= last
            });
            let is_of_header = seat.passed + start <= layout.header;
            if is_wanted || is_of_header {
                excerpts.text += &text[start..end];
            } else {
                excerpts.leave_out(&text[start..end]);
            }
            let behind = wanted.partition_point(|at| *at < seat.passed + end);
            wanted = &wanted[behind..];
        }
        seat.at = scanner.place();
        if wanted.is_empty() || !rest.goes_on() {
            return Some(excerpts);
        }
        rest.next_window(&mut text, &mut seat)?;
    }
}

impl Excerpts {
    fn leave_out(&mut self, row: &str) {
        let at = self.text.len();
        let last = self.gaps.last().copied().unwrap_or_default();
        if self.gaps.is_empty() || last.at < at {
            self.gaps.push(Gap { at, ..last });
        }
        if let Some(gap) = self.gaps.last_mut() {
            gap.bytes += row.len();
            gap.lines += line_ends(row);
            gap.rows += 1;
        }
    }
}

/// How many lines end in `text`.
fn line_ends(text: &str) -> usize {
    line_starts(text).count()
}

/// Where in `text` lines begin but the first: LF, CR LF and CR all end one.
pub(super) fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let is_end = move |at: &usize| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n');
    let ends = memchr::memchr2_iter(b'\n', b'\r', bytes).filter(is_end);
    ends.map(|at| at + 1)
}
