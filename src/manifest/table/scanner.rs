//! Text → cells with their exact places: quotes, separators and line ends of a table, nothing of what they mean.
//!
//! Start at [`Scanner::next_row`]. Up to the first [`Fault`] it finds the cells that the `csv` crate finds, but for white
//! space after a closing quote, which it drops. That crate gives no cell places and wrong line numbers, so it serves the
//! tests as a second opinion.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr3};

/// Walks over the rows of a table. The text stays where it is; cells are ranges of it.
#[derive(Debug)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    separator: u8,
    /// Whether the text goes on where it ends here.
    goes_on: bool,
}

/// One row, to be filled again and again.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Its cells, as many as were asked for; one more is the first cell beyond these that is not blank.
    pub(super) cells: Vec<Cell>,
    /// How many there are, wanted or not.
    pub(super) count: usize,
    /// Where its quotes are wrong.
    pub(super) faults: Vec<Fault>,
    /// All of it, without its line end.
    pub(super) bytes: Range<usize>,
}

/// One cell as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its content: without the quotes around it, with doubled quotes still doubled.
    pub(super) bytes: Range<usize>,
    /// Whether quotes stood around it.
    pub(super) quoted: bool,
}

/// A quote that leaves in doubt where cells begin and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// No quote closes the one that opens at `opened`.
    Unclosed {
        /// Place of the opening quote.
        opened: usize,
    },
    /// There is text between the closing quote and the end of the cell.
    AfterQuote {
        /// Place of the opening quote.
        opened: usize,
        /// That text.
        text: Range<usize>,
    },
    /// There is white space between the start of the cell and its opening quote.
    BeforeQuote {
        /// That white space.
        blanks: Range<usize>,
    },
}

impl<'t> Scanner<'t> {
    /// A walk over `text` from the byte `at`, with cells separated by the ASCII character `separator`.
    pub(super) fn new(text: &'t str, at: usize, separator: u8) -> Self {
        Self {
            text,
            at,
            separator,
            goes_on: false,
        }
    }

    /// The same over a text that may go on where it ends here: its last row is then left for the next walk.
    pub(super) fn going_on(self, goes_on: bool) -> Self {
        Self { goes_on, ..self }
    }

    /// Where the walk stands: behind the line end of the last row.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// Fills `row` with the next row, keeping `width` cells of it; false at the end of the text.
    pub(super) fn next_row(&mut self, width: usize, row: &mut Row) -> bool {
        row.cells.clear();
        row.count = 0;
        row.faults.clear();
        if self.at == self.text.len() {
            return false;
        }
        let start = self.at;
        loop {
            let cell = self.next_cell(&mut row.faults);
            row.count += 1;
            if row.cells.len() < width || (row.cells.len() == width && !cell.is_blank_in(self.text))
            {
                row.cells.push(cell);
            }
            row.bytes = start..self.at;
            match self.byte() {
                Some(byte) if byte == self.separator => self.at += 1,
                _ => break,
            }
        }
        self.at += line_end(&self.text[self.at..]).len();
        if self.goes_on && self.at == self.text.len() {
            self.at = start;
            return false;
        }
        true
    }

    fn next_cell(&mut self, faults: &mut Vec<Fault>) -> Cell {
        if self.byte() == Some(b'"') {
            return self.quoted_cell(faults);
        }
        let start = self.at;
        self.at = self.end_of_cell();
        let text = &self.text[start..self.at];
        let content = text.trim_start();
        if content.starts_with('"') {
            faults.push(Fault::BeforeQuote {
                blanks: start..self.at - content.len(),
            });
        }
        Cell {
            bytes: start..self.at,
            quoted: false,
        }
    }

    fn quoted_cell(&mut self, faults: &mut Vec<Fault>) -> Cell {
        let opened = self.at;
        let Some(closed) = self.closing_quote() else {
            faults.push(Fault::Unclosed { opened });
            self.at = self.text.len();
            return Cell {
                bytes: opened + 1..self.at,
                quoted: true,
            };
        };
        let after = closed + 1;
        self.at = after;
        self.at = self.end_of_cell();
        if !self.text[after..self.at].trim().is_empty() {
            faults.push(Fault::AfterQuote {
                opened,
                text: after..self.at,
            });
        }
        Cell {
            bytes: opened + 1..closed,
            quoted: true,
        }
    }

    /// The quote that closes the one here; doubled quotes on the way stand for one.
    fn closing_quote(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut from = self.at + 1;
        loop {
            let quote = from + memchr(b'"', &bytes[from..])?;
            if bytes.get(quote + 1) != Some(&b'"') {
                return Some(quote);
            }
            from = quote + 2;
        }
    }

    fn end_of_cell(&self) -> usize {
        memchr3(
            self.separator,
            b'\n',
            b'\r',
            &self.text.as_bytes()[self.at..],
        )
        .map_or(self.text.len(), |length| self.at + length)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

impl Row {
    /// Whether there is nothing in it but white space.
    pub(super) fn is_blank_in(&self, text: &str) -> bool {
        self.faults.is_empty() && self.cells.iter().all(|cell| cell.is_blank_in(text))
    }
}

impl Cell {
    /// Whether there is nothing in it but white space.
    pub(super) fn is_blank_in(&self, text: &str) -> bool {
        text[self.bytes.clone()].trim_start().is_empty()
    }

    /// What the part `bytes` of it says, with doubled quotes read as one.
    pub(super) fn part<'t>(&self, text: &'t str, bytes: Range<usize>) -> Cow<'t, str> {
        let raw = &text[bytes];
        if self.quoted && raw.contains('"') {
            Cow::Owned(raw.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(raw)
        }
    }
}

/// The line end at the start of `rest`, or nothing.
pub(super) fn line_end(rest: &str) -> &'static str {
    match rest.as_bytes() {
        [b'\r', b'\n', ..] => "\r\n",
        [b'\r', ..] => "\r",
        [b'\n', ..] => "\n",
        _ => "",
    }
}
