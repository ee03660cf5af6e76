//! What a workbook knows of a sheet beside its text: merged cells, rows that are not shown, cells that lead somewhere.
//! Start at [`Sheet`]. A table that comes from no workbook has nothing of that.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Table;
use super::columns::{Columns, Use};
use super::marks::{Mark, MarkedCell};
use super::notes;
use super::odd::RefusedCells;
use super::scanner::Row;
use crate::manifest::diagnostic::Diagnostics;
use crate::manifest::workbook::{Link, Oddity, Region};

/// What a workbook knows of a sheet beside its text; nothing of a table that comes from none.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) name: Option<String>,
    pub(super) oddities: Vec<(u32, Oddity)>,
    pub(super) merged: Vec<Region>,
    /// Rows that are not shown, from 0; in order.
    pub(super) hidden: Vec<Range<u32>>,
    /// Cells that lead somewhere, in order.
    pub(super) links: Vec<Link>,
}

/// Merged cells below the header. Only their first cell holds the value; that the others are empty must not pass for a
/// choice.
pub(super) struct Merged<'t> {
    left: &'t [Region],
    /// The region in each column that reaches into the row.
    open: BTreeMap<usize, &'t Region>,
}

impl<'t> Merged<'t> {
    pub(super) fn below(header: usize, regions: &'t [Region]) -> Self {
        let first = regions.partition_point(|region| (region.rows.start as usize) < header);
        Self {
            left: &regions[first..],
            open: BTreeMap::new(),
        }
    }

    /// Reports what is empty in the row `number` because it is merged, and adds it to `refused`.
    pub(super) fn touch(
        &mut self,
        table: &Table<'_>,
        number: usize,
        row: &Row,
        columns: &Columns,
        refused: &mut RefusedCells,
        diagnostics: &mut Diagnostics,
    ) {
        while let Some((region, later)) = self.left.split_first()
            && (region.rows.start as usize) < number
        {
            self.left = later;
            let first = row.cells.get(region.columns.start as usize);
            let begins = region.rows.start as usize + 1 == number;
            if begins && first.is_some_and(|cell| !cell.is_blank_in(table.text)) {
                let across = region.columns.clone().map(|column| column as usize);
                let across = across.take_while(|column| *column < columns.width);
                self.open.extend(across.map(|column| (column, region)));
            }
        }
        if self.open.is_empty() {
            return;
        }
        self.open
            .retain(|_, region| number <= region.rows.end as usize);
        for (&column, region) in &self.open {
            let is_sent = columns
                .use_of(column)
                .is_some_and(|use_of| use_of != Use::Own);
            let cell = row.cells.get(column);
            if is_sent && cell.is_none_or(|cell| cell.is_blank_in(table.text)) {
                let place = table.span(cell.map_or(&row.bytes, |cell| &cell.bytes));
                let field = columns.field(column);
                diagnostics.push(notes::merged_cell(region, field, &place));
                refused.columns.push(column);
                let mark = Mark::Merged(Region::clone(region));
                let row = row.bytes.start;
                if let Some(marks) = &mut refused.marks {
                    marks.push(MarkedCell { row, column, mark });
                }
            }
        }
    }
}

/// Rows of a sheet that are not shown, and hold jobs.
pub(super) struct Hidden<'t> {
    left: &'t [Range<u32>],
    /// Their numbers, from 1, in runs; and where the first of them stands.
    runs: Vec<Range<usize>>,
    first: Range<usize>,
}

impl<'t> Hidden<'t> {
    pub(super) fn of(rows: &'t [Range<u32>]) -> Self {
        Self {
            left: rows,
            runs: Vec::new(),
            first: 0..0,
        }
    }

    /// Takes note of the row `number` if it is not shown.
    pub(super) fn see(&mut self, number: usize, row: &Row) {
        while let Some((run, later)) = self.left.split_first()
            && (run.end as usize) < number
        {
            self.left = later;
        }
        if self
            .left
            .first()
            .is_none_or(|run| number <= run.start as usize)
        {
            return;
        }
        match self.runs.last_mut() {
            Some(run) if run.end == number => run.end += 1,
            last => {
                if last.is_none() {
                    self.first = row.bytes.clone();
                }
                self.runs.push(number..number + 1);
            }
        }
    }

    pub(super) fn report(self, table: &Table<'_>, diagnostics: &mut Diagnostics) {
        if !self.runs.is_empty() {
            let place = table.span(&self.first);
            diagnostics.push(notes::hidden_rows(&self.runs, &place));
        }
    }
}

/// Cells of a sheet that lead somewhere, by where they stand in its text.
pub(super) struct Linked<'t> {
    left: &'t [Link],
    cells: Vec<(Range<usize>, &'t Link)>,
}

impl<'t> Linked<'t> {
    pub(super) fn of(links: &'t [Link]) -> Self {
        Self {
            left: links,
            cells: Vec::new(),
        }
    }

    /// Takes note of where the links of the row `number` stand.
    pub(super) fn see(&mut self, number: usize, row: &Row) {
        while let Some((link, later)) = self.left.split_first()
            && (link.row as usize) < number
        {
            self.left = later;
            let cell = row.cells.get(link.column as usize);
            if let Some(cell) = cell.filter(|_| link.row as usize + 1 == number) {
                self.cells.push((cell.bytes.clone(), link));
            }
        }
    }

    /// Adds to what was found about an address where its cell leads.
    pub(super) fn tell(self, table: &Table<'_>, diagnostics: &mut Diagnostics) {
        if self.cells.is_empty() {
            return;
        }
        diagnostics.amend(|found| {
            let is_about_text = matches!(
                found.code,
                "bad-url" | "local-path" | "formula-without-value"
            );
            if !is_about_text || found.span.source != table.source {
                return;
            }
            let at = found.span.bytes.start;
            let before = self.cells.partition_point(|(bytes, _)| bytes.start <= at);
            if let Some((bytes, link)) = before.checked_sub(1).map(|last| &self.cells[last])
                && at <= bytes.end
            {
                notes::linked(found, &link.target);
            }
        });
    }
}
