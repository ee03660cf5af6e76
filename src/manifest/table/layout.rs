//! Where a place of a table is, as people count who have it open in a spreadsheet: row and column. Start at
//! [`Layout::rows`] and [`Rows::cell_at`].
//!
//! Rows are found again by a second walk over the text, made only when there is something to show.

use std::ops::Range;

use super::marks::MarkedCell;
use super::names;
use super::scanner::{Cell, Row, Scanner};
use crate::manifest::vars::identifier;
use crate::text;

/// How the text of a table is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct Layout {
    pub(super) separator: u8,
    /// Where the first row begins that is not blank.
    pub(super) start: usize,
    /// How many rows, all of them blank, are before it.
    pub(super) rows_before: usize,
    /// Where the header row begins, or blank rows before it.
    pub(super) header: usize,
    /// The sheet that the text is of, in a workbook.
    pub(in crate::manifest) sheet: Option<String>,
    /// Its cells that a copy must not hold as they are, in order; only where a copy is wanted.
    pub(super) marks: Vec<MarkedCell>,
}

/// Where the rows of a table begin, and what its columns are called.
#[derive(Debug)]
pub(in crate::manifest) struct Rows {
    starts: Vec<usize>,
    /// Which of them is the header.
    header: usize,
    names: Vec<String>,
}

/// A cell as spreadsheets count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellPlace<'s> {
    /// The sheet, in a workbook.
    pub sheet: Option<&'s str>,
    /// The row, from 1.
    pub row: usize,
    /// The column, from 0, unless the whole row is meant.
    pub column: Option<usize>,
    /// What the header calls the column.
    pub name: Option<&'s str>,
}

impl Layout {
    /// Finds the rows of `text`.
    pub(in crate::manifest) fn rows(&self, text: &str) -> Rows {
        let mut scanner = Scanner::new(text, self.start, self.separator);
        let mut row = Row::default();
        let (mut starts, mut names, mut header) = (Vec::new(), Vec::new(), 0);
        while scanner.next_row(super::COLUMN_LIMIT, &mut row) {
            starts.push(row.bytes.start);
            let is_below = row.bytes.start >= self.header;
            if names.is_empty() && is_below && !row.is_blank_in(text) {
                let name = |cell: &Cell| {
                    let name = cell.part(text, cell.bytes.clone());
                    text::clean(&name, 40)
                };
                header = starts.len() - 1;
                names = row.cells.iter().map(name).collect();
            }
        }
        Rows {
            starts,
            header,
            names,
        }
    }

    /// The cell at `place` of `text`, whose rows are `rows`.
    pub(in crate::manifest) fn cell_at<'s>(
        &'s self,
        text: &str,
        rows: &'s Rows,
        place: &Range<usize>,
    ) -> Option<CellPlace<'s>> {
        let index = rows
            .starts
            .partition_point(|start| *start <= place.start)
            .checked_sub(1)?;
        let mut scanner = Scanner::new(text, rows.starts[index], self.separator);
        let mut row = Row::default();
        scanner.next_row(usize::MAX, &mut row);
        let exactly = |cell: &Cell| cell.bytes.start == place.start;
        // Quotes stand outside of what a cell says.
        let around = |cell: &&Cell| cell.bytes.start.saturating_sub(1) <= place.start;
        let column = row.cells.iter().position(exactly).unwrap_or_else(|| {
            let up_to_it = row.cells.iter().take_while(around).count();
            up_to_it.saturating_sub(1)
        });
        let is_whole = place.start == row.bytes.start && place.end >= row.bytes.end;
        let is_whole = is_whole && row.cells.len() > 1;
        let is_header = index <= rows.header;
        let name = rows.names.get(column).map(String::as_str);
        Some(CellPlace {
            sheet: self.sheet.as_deref(),
            row: self.rows_before + index + 1,
            column: (!is_whole).then_some(column),
            name: name.filter(|name| !name.is_empty() && !is_whole && !is_header),
        })
    }
}

/// The name that the header `written` gives variables.
pub(super) fn variable_name(written: &str) -> String {
    identifier(&names::field_name(written))
}
