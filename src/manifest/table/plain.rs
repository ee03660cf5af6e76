//! Rows of which it is plain what their cells say, if only each of them says something good. Start at
//! [`Table::plain_row`].

use std::borrow::Cow;

use super::Table;
use super::columns::Columns;
use super::scanner::Row;

/// A row in which each cell is the one value of its column, whatever it says.
#[derive(Clone, Copy)]
pub(in crate::manifest) struct PlainRow<'r> {
    text: &'r str,
    row: &'r Row,
    columns: &'r Columns,
}

impl<'r> PlainRow<'r> {
    /// Each cell with the field that it is, also those that are blank.
    pub(in crate::manifest) fn cells(self) -> impl Iterator<Item = (&'r str, Cow<'r, str>)> {
        self.columns.plain.iter().map(move |column| {
            let cell = &self.row.cells[column.index];
            let text = cell.part(self.text, cell.bytes.clone());
            (column.key.name.as_str(), text)
        })
    }
}

impl Table<'_> {
    /// `row`, if there is no more to it than what its cells say.
    pub(super) fn plain_row<'r>(
        &'r self,
        row: &'r Row,
        columns: &'r Columns,
    ) -> Option<PlainRow<'r>> {
        let width = columns.width;
        // A list or a field of `extra_body` is more than its cell, unless that is blank.
        let has_others = columns.plain.len() < width;
        let is_blank_beside = |columns: &Columns| {
            let is_other = |at: &usize| {
                let plain = &columns.plain;
                plain.binary_search_by_key(at, |it| it.index).is_err()
            };
            (0..width)
                .filter(is_other)
                .all(|at| row.cells[at].is_blank_in(self.text))
        };
        let is_plain = row.count == width
            && row.faults.is_empty()
            && !self.is_of_workbook()
            && row.cells.iter().all(|cell| self.oddity(cell).is_none())
            && (!has_others || is_blank_beside(columns));
        is_plain.then_some(PlainRow {
            text: self.text,
            row,
            columns,
        })
    }
}
