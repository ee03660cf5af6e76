//! A table and what is wrong with it → the same rows with a last column `errors`, to be mended in a spreadsheet and
//! read again. Start at [`ErrorsCsv`].
//!
//! A row has its errors first and its warnings behind them, as `warning: …`: all that the screen shows about it. Notes are
//! nothing to mend, and are left out.
//!
//! Cells are written as they were read, so that the mended file means what the table meant; the column itself is passed
//! over when it is read. Cells of a workbook that were refused for what they are, such as dates, get a mark: as text they
//! would pass. A row whose quotes are wrong is copied as it stands, since nobody knows its cells.

use std::fmt;
use std::io::{self, Write};

use super::columns::ERRORS;
use super::layout::Layout;
use super::marks::MarkedCell;
use super::names;
use super::scanner::{Cell, Fault, Row, Scanner};
use super::{COLUMN_LIMIT, SourceId};
use crate::manifest::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::manifest::tree::Span;
use crate::text;

/// Longest text about one mistake, in characters.
const MESSAGE_LIMIT: usize = 500;

/// Which of the lists of unshown findings has the warnings that are summed up.
const SUMMED_UP: u8 = 1;

/// The rows of a table, each with its mistakes.
#[derive(Debug)]
pub struct ErrorsCsv<'t> {
    text: &'t str,
    layout: &'t Layout,
    /// Everything that was found.
    diagnostics: &'t Diagnostics,
    /// Where each mistake stands, and what it is; in order.
    mistakes: Vec<Mistake>,
    /// How many columns are written before the new one.
    width: usize,
    /// A column of that name from an earlier time, which is replaced.
    old: Vec<usize>,
    /// Where the last row begins, if a quote in it never closes.
    unclosed: usize,
}

/// An error or a warning: its words are found again when they are written.
#[derive(Debug, Clone, Copy)]
struct Mistake {
    at: usize,
    severity: Severity,
    kept: Kept,
}

/// Where a mistake is kept.
#[derive(Debug, Clone, Copy)]
enum Kept {
    /// Among those that are listed, by its number.
    Listed(u32),
    /// In one of the lists of the others.
    Aside(u8, u32),
}

/// Why the rows cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoErrorsCsv {
    /// The manifest has its jobs in itself, or its table cannot be read at all.
    NoTable,
    /// It names more than one table.
    SeveralTables,
    /// Some characters could not be read, and must not be replaced.
    Unreadable,
    /// There are more columns than a table may have.
    TooWide,
}

impl fmt::Display for NoErrorsCsv {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoTable => "there is no table whose rows could be written with their errors",
            Self::SeveralTables => {
                "the manifest names several tables, and their rows do not go into one file"
            }
            Self::Unreadable => {
                "some characters of the table cannot be read, and would be replaced in its copy"
            }
            Self::TooWide => "the table has too many columns to be written with one more",
        })
    }
}

impl NoErrorsCsv {
    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NoTable => {
                "check a .csv or .xlsx file, or a manifest that names one with `jobs: { from: shots.csv }`"
            }
            Self::SeveralTables => "check each table as a manifest of its own",
            Self::Unreadable => {
                "name the encoding with `--encoding`, or save the file as UTF-8, and check again"
            }
            Self::TooWide => "delete unused columns",
        }
    }
}

impl ErrorsCsv<'_> {
    /// Whether such a file may begin with `bytes`, also after a spreadsheet has saved it again: its header ends with the
    /// column of the errors. A header may have several lines, and blank ones before it.
    pub fn may_begin(bytes: &[u8]) -> bool {
        let ends_with_errors = |line: &[u8]| {
            let line = line.trim_ascii_end();
            let line = line.strip_suffix(b"\"").unwrap_or(line);
            line.strip_suffix(ERRORS.as_bytes()).is_some_and(|before| {
                before
                    .last()
                    .is_none_or(|byte| b",;|\t\"\xBF".contains(byte))
            })
        };
        bytes.is_empty() || bytes.split(|byte| *byte == b'\n').any(ends_with_errors)
    }
}

impl<'t> ErrorsCsv<'t> {
    /// The table `source` with those of `diagnostics` that are errors and warnings in it.
    pub(in crate::manifest) fn new(
        (source, text, layout): (SourceId, &'t str, &'t Layout),
        diagnostics: &'t Diagnostics,
    ) -> Result<Self, NoErrorsCsv> {
        let sums = diagnostics.sums();
        let is_told = |severity, start: (SourceId, usize), code| {
            severity == Severity::Error
                || severity == Severity::Warning && !sums.contains(&(start, code))
        };
        let mut mistakes = Vec::new();
        for (number, found) in (0..).zip(diagnostics) {
            let start = (found.span.source, found.span.bytes.start);
            let Some(at) =
                place_in(source, found).filter(|_| is_told(found.severity, start, found.code))
            else {
                continue;
            };
            if found.code == crate::manifest::encoding::UNREADABLE {
                return Err(NoErrorsCsv::Unreadable);
            }
            mistakes.push(Mistake {
                at,
                severity: found.severity,
                kept: Kept::Listed(number),
            });
        }
        for (list, aside) in (0..).zip(diagnostics.unshown()) {
            let is_sums = list == SUMMED_UP;
            for (number, found) in (0..).zip(aside.iter()) {
                let severity = found.severity();
                if let Some(at) = found.start_in(source)
                    && (is_sums || is_told(severity, found.start(), found.code()))
                {
                    let kept = Kept::Aside(list, number);
                    mistakes.push(Mistake { at, severity, kept });
                }
            }
        }
        mistakes.sort_by_key(|mistake| mistake.at);
        let mut csv = Self {
            text,
            layout,
            diagnostics,
            mistakes,
            width: 0,
            old: Vec::new(),
            unclosed: usize::MAX,
        };
        csv.measure()?;
        Ok(csv)
    }

    /// How many mistakes of this severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        let mistakes = self.mistakes.iter();
        mistakes
            .filter(|mistake| mistake.severity == severity)
            .count()
    }

    /// Looks at every row once.
    fn measure(&mut self) -> Result<(), NoErrorsCsv> {
        let mut scanner = self.scanner();
        let mut row = Row::default();
        let mut is_header_next = true;
        while scanner.next_row(COLUMN_LIMIT, &mut row) {
            if row.is_blank_in(self.text) {
                continue;
            }
            if row.cells.len() > COLUMN_LIMIT {
                return Err(NoErrorsCsv::TooWide);
            }
            if is_header_next && row.bytes.start >= self.layout.header {
                is_header_next = false;
                self.old = self.old_columns(&row);
                self.width = self.width.max(row.cells.len());
            }
            if row
                .faults
                .iter()
                .any(|it| matches!(it, Fault::Unclosed { .. }))
            {
                self.unclosed = row.bytes.start;
            } else {
                let is_filled = |cell: &Cell| !cell.is_blank_in(self.text);
                let filled = row.cells.iter().rposition(is_filled);
                self.width = self.width.max(filled.map_or(0, |last| last + 1));
            }
        }
        Ok(())
    }

    fn old_columns(&self, header: &Row) -> Vec<usize> {
        (0..header.cells.len())
            .filter(|index| is_of_errors(&header.cells[*index], self.text))
            .collect()
    }

    fn scanner(&self) -> Scanner<'t> {
        Scanner::new(self.text, self.layout.start, self.layout.separator)
    }

    /// Writes all rows: UTF-8 with BOM, CRLF, and the table's own delimiter.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all("\u{feff}".as_bytes())?;
        for _ in 0..self.layout.rows_before {
            out.write_all(b"\r\n")?;
        }
        let mut scanner = self.scanner();
        let mut row = Row::default();
        // Mistakes that have no row of their own go to the first job.
        let mut homeless: Option<Vec<String>> = None;
        let mut next = 0;
        while scanner.next_row(COLUMN_LIMIT, &mut row) {
            let is_above = row.bytes.start < self.layout.header;
            let first = next;
            if !is_above {
                next += self.mistakes[first..].partition_point(|it| it.at < scanner.place());
            }
            let own = || self.in_order(&self.mistakes[first..next]);
            if row.is_blank_in(self.text) {
                out.write_all(b"\r\n")?;
            } else if is_above {
                self.write_row(&row, "", true, out)?;
            } else if let Some(others) = &mut homeless {
                let others = std::mem::take(others);
                let all: Vec<String> = others.into_iter().chain(own()).collect();
                self.write_row(&row, &all.join(" | "), false, out)?;
            } else {
                self.write_row(&row, ERRORS, true, out)?;
                homeless = Some(self.without_row(own()));
            }
        }
        match homeless {
            None => {
                out.write_all(ERRORS.as_bytes())?;
                out.write_all(b"\r\n")
            }
            Some(rest) if !rest.is_empty() => {
                // There was no job; a row of nothing else is none either.
                self.write_row(&Row::default(), &rest.join(" | "), false, out)
            }
            Some(_) => Ok(()),
        }
    }

    /// What is wrong with the header, and with a last row that cannot take a cell any more.
    fn without_row(&self, of_header: impl Iterator<Item = String>) -> Vec<String> {
        let last = self.mistakes.partition_point(|it| it.at < self.unclosed);
        let of_last = self.in_order(&self.mistakes[last..]);
        let missing = match self.diagnostics.lost() {
            0 => None,
            count => Some(format!(
                "incomplete: {count} more mistakes are not in this file; mend those that are, and check again"
            )),
        };
        of_header
            .map(|told| format!("header: {told}"))
            .chain(of_last.map(|told| format!("last row: {told}")))
            .chain(missing)
            .collect()
    }

    /// What is told about mistakes: first the errors.
    fn in_order(&self, mistakes: &[Mistake]) -> impl Iterator<Item = String> {
        let of = |severity| mistakes.iter().filter(move |it| it.severity == severity);
        let all = of(Severity::Error).chain(of(Severity::Warning));
        all.map(|mistake| self.told(mistake))
    }

    fn told(&self, mistake: &Mistake) -> String {
        match mistake.kept {
            Kept::Listed(number) => {
                let found = &self.diagnostics.iter().as_slice()[number as usize];
                let message = self.diagnostics.own_message(found);
                told(found.severity, found.code, message, &found.help)
            }
            Kept::Aside(list, number) => {
                let aside = self.diagnostics.unshown()[usize::from(list)];
                let found = aside.number(number as usize);
                let severity = found.severity();
                told(severity, found.code(), found.message(), found.help())
            }
        }
    }

    fn write_row(
        &self,
        row: &Row,
        last: &str,
        is_header: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if row.bytes.start == self.unclosed {
            return out.write_all(self.text[row.bytes.clone()].as_bytes());
        }
        let separator = [self.layout.separator];
        if row.faults.is_empty() {
            let marks = self.marks_of(row);
            for index in (0..self.width).filter(|index| !self.old.contains(index)) {
                let content = match row.cells.get(index) {
                    Some(cell) => cell.part(self.text, cell.bytes.clone()),
                    None => "".into(),
                };
                match marks.iter().find(|marked| marked.column == index) {
                    Some(marked) => {
                        self.write_cell(&marked.mark.written(&content), is_header, out)?;
                    }
                    None => self.write_cell(&content, is_header, out)?,
                }
                out.write_all(&separator)?;
            }
        } else {
            out.write_all(self.text[row.bytes.clone()].as_bytes())?;
            let missing = self.width.saturating_sub(row.cells.len()) + 1;
            (0..missing).try_for_each(|_| out.write_all(&separator))?;
        }
        self.write_cell(last, is_header, out)?;
        out.write_all(b"\r\n")
    }

    /// The cells of `row` that must not be written as they are.
    fn marks_of(&self, row: &Row) -> &'t [MarkedCell] {
        let marks = &self.layout.marks;
        let first = marks.partition_point(|marked| marked.row < row.bytes.start);
        let count = marks[first..].partition_point(|marked| marked.row == row.bytes.start);
        &marks[first..first + count]
    }

    /// A cell in quotes where it needs them; down to the header also where another delimiter could be guessed from it.
    fn write_cell(&self, content: &str, is_header: bool, out: &mut dyn Write) -> io::Result<()> {
        let is_special = |byte: u8| {
            byte == self.layout.separator
                || matches!(byte, b'"' | b'\r' | b'\n')
                || is_header && matches!(byte, b',' | b';' | b'\t' | b'|')
        };
        if !content.bytes().any(is_special) {
            return out.write_all(content.as_bytes());
        }
        out.write_all(b"\"")?;
        out.write_all(content.replace('"', "\"\"").as_bytes())?;
        out.write_all(b"\"")
    }
}

/// Whether the header of a table ends with the column of the errors, as that of such a file does.
pub(in crate::manifest) fn is_one(text: &str, layout: &Layout) -> bool {
    let mut scanner = Scanner::new(text, layout.start, layout.separator);
    let mut row = Row::default();
    while scanner.next_row(COLUMN_LIMIT, &mut row) {
        if !row.is_blank_in(text) && row.bytes.start >= layout.header {
            let last = row.cells.iter().rfind(|cell| !cell.is_blank_in(text));
            return last.is_some_and(|cell| is_of_errors(cell, text));
        }
    }
    false
}

fn is_of_errors(cell: &Cell, text: &str) -> bool {
    names::field_name(&cell.part(text, cell.bytes.clone())) == ERRORS
}

/// Where a mistake belongs in `source`: at its own place, or at the row that a template was filled in for; at the
/// second of two rows that do not go together.
fn place_in(source: SourceId, found: &Diagnostic) -> Option<usize> {
    let related = found.related.iter().map(|(span, _)| span);
    let mut spans = related.rev().chain(std::iter::once(&found.span));
    let is_there = |span: &&Span| span.source == source;
    let own = Some(&found.span).filter(is_there);
    Some(own.or_else(|| spans.find(is_there))?.bytes.start)
}

/// A mistake in one line: its code first, so that no spreadsheet takes it for a formula.
fn told(severity: Severity, code: &str, message: &str, help: &str) -> String {
    let warning = match severity {
        Severity::Warning => "warning: ",
        _ => "",
    };
    let told = format!("{warning}{code}: {message}; {help}");
    text::clean(&text::without_passwords(&told), MESSAGE_LIMIT)
}

#[cfg(test)]
mod tests;
