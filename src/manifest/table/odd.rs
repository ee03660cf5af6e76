//! Cells that do not say what somebody typed: dates, errors, formulas. Start at [`Table::judge_cells`].

use super::Table;
use super::columns::{Columns, Use};
use super::marks::{Mark, MarkedCell, Unmended};
use super::scanner::{Cell, Row};
use super::{names, notes};
use crate::manifest::diagnostic::Diagnostics;
use crate::manifest::workbook::Oddity;

/// Cells that are refused because of what they are, and not of what they say.
pub(super) struct RefusedCells {
    /// The columns of those of the row that is read.
    pub(super) columns: Vec<usize>,
    /// Those that a copy of the table must not hold as they are, if one is wanted.
    pub(super) marks: Option<Vec<MarkedCell>>,
}

impl RefusedCells {
    pub(super) fn new(diagnostics: &Diagnostics) -> Self {
        Self {
            columns: Vec::new(),
            marks: diagnostics.keeps_all().then(Vec::new),
        }
    }
}

impl Table<'_> {
    /// Reports the cells of `row` that are refused, and adds them to `refused`.
    pub(super) fn judge_cells(
        &self,
        row: &Row,
        columns: &Columns,
        refused: &mut RefusedCells,
        diagnostics: &mut Diagnostics,
    ) {
        for (index, cell, oddity) in self.refused_cells(row, columns) {
            let text = cell.part(self.text, cell.bytes.clone());
            let place = self.span(&cell.bytes);
            let field = columns.field(index);
            diagnostics.push(notes::odd_cell(oddity, &text, field, &place));
            refused.columns.push(index);
        }
    }

    /// Notes which cells of `row` a copy must not hold as they are.
    pub(super) fn mark_cells(&self, row: &Row, columns: &Columns, refused: &mut RefusedCells) {
        let Some(marks) = &mut refused.marks else {
            return;
        };
        if self.sheet.oddities.is_empty() {
            return;
        }
        let marked = self.refused_cells(row, columns);
        marks.extend(marked.filter_map(|(column, cell, oddity)| {
            let mark = Mark::of(oddity, &self.text[cell.bytes.clone()])?;
            let row = row.bytes.start;
            Some(MarkedCell { row, column, mark })
        }));
    }

    /// The cells of `row` that mean something and do not say what somebody typed.
    fn refused_cells<'r>(
        &self,
        row: &'r Row,
        columns: &Columns,
    ) -> impl Iterator<Item = (usize, &'r Cell, Oddity)> {
        let cells = row.cells.iter().enumerate();
        cells.filter_map(|(index, cell)| {
            let oddity = self.oddity(cell)?;
            let text = cell.part(self.text, cell.bytes.clone());
            let is_accepted = match (columns.use_of(index)?, oddity) {
                (Use::Own, Oddity::Failure) => false,
                (Use::Own, Oddity::Unmended) => !matches!(
                    Unmended::of(&text),
                    Some(Unmended::Failure(_) | Unmended::Formula(_))
                ),
                (Use::Own, _) => true,
                (Use::Sent, Oddity::Moment) => {
                    columns.field(index) == Some("aspect_ratio")
                        && names::ratio_of_time(&text).is_some()
                }
                (Use::Sent, _) => false,
            };
            (!is_accepted).then_some((index, cell, oddity))
        })
    }

    /// What is odd about a cell: as the workbook says, or because of its text.
    pub(super) fn oddity(&self, cell: &Cell) -> Option<Oddity> {
        // Most tables come from no workbook.
        let oddities = &self.sheet.oddities;
        let start = cell.bytes.start;
        if !oddities.is_empty()
            && let Ok(at) = oddities.binary_search_by_key(&start, |(at, _)| *at as usize)
        {
            return Some(oddities[at].1);
        }
        let text = &self.text[cell.bytes.clone()];
        let may_fail = matches!(
            text.as_bytes().first(),
            Some(b'#' | b'E' | b'=' | b' ' | b'\t')
        );
        if !may_fail {
            return None;
        }
        let text = cell.part(self.text, cell.bytes.clone());
        if Unmended::of(&text).is_some() {
            return Some(Oddity::Unmended);
        }
        if notes::is_failure(&text) {
            return Some(Oddity::Failure);
        }
        notes::is_formula(&text).then_some(Oddity::Formula)
    }
}
