//! Whether each value of a row surely belongs to the column it stands in. Start at [`Table::is_whole`].

use super::columns::Columns;
use super::scanner::{Fault, Row, Scanner};
use super::{COLUMN_LIMIT, Table, cut};
use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::tree::Span;
use crate::text;

impl Table<'_> {
    /// Whether each value of `row` surely belongs to the column it stands in; what speaks against it is reported.
    pub(super) fn is_whole(&self, row: &Row, width: usize, diagnostics: &mut Diagnostics) -> bool {
        for fault in &row.faults {
            diagnostics.push(self.faulty_quote(fault));
        }
        let extra = row.cells.get(width).filter(|_| row.faults.is_empty());
        if let Some(extra) = extra {
            diagnostics.push(extra_cell(&self.span(&extra.bytes), width));
        }
        row.faults.is_empty() && extra.is_none()
    }

    /// Puts the pieces of a cell together that was cut at a delimiter in it, and reports that; false if nothing shows
    /// that there is one.
    pub(super) fn is_mended(
        &self,
        row: &mut Row,
        columns: &Columns,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let width = columns.width;
        if self.is_of_workbook()
            || row.count <= width
            || !row.faults.is_empty()
            || width == COLUMN_LIMIT
        {
            return false;
        }
        let mut all = Row::default();
        Scanner::new(self.text, row.bytes.start, self.dialect.separator)
            .next_row(COLUMN_LIMIT, &mut all);
        let extra = row.cells.get(width).map(|cell| self.span(&cell.bytes));
        let joined = cut::joined(&all, self.text, columns);
        let Some(joined) = joined.filter(|it| it.is_better || extra.is_some()) else {
            return false;
        };
        let cell = &joined.row.cells[joined.index];
        let field = columns.field(joined.index);
        let text = &self.text[cell.bytes.clone()];
        let found = cut_cell(&self.span(&cell.bytes), text, field);
        diagnostics.push(match extra {
            Some(extra) => found.related(&extra, "so this stands beyond the last column"),
            None => found,
        });
        *row = joined.row;
        true
    }

    fn faulty_quote(&self, fault: &Fault) -> Diagnostic {
        match fault {
            Fault::Unclosed { opened } => Diagnostic::error(
                "unclosed-quote",
                &self.span(&(*opened..opened + 1)),
                "the quote that opens here never closes",
                "close it after the text of the cell, or write a quote inside a quoted cell twice",
            ),
            Fault::AfterQuote { opened, text } => Diagnostic::error(
                "text-after-quote",
                &self.span(text),
                "text follows the closing quote of a cell",
                "write a quote inside a quoted cell twice: `\"a 5\"\" screen\"`",
            )
            .related(&self.span(&(*opened..opened + 1)), "the cell opens here"),
            Fault::BeforeQuote { blanks } => Diagnostic::error(
                "space-before-quote",
                &self.span(blanks),
                "white space before a quote makes the quote a part of the text",
                "delete the white space; or, if the quotes are meant, put the whole cell in quotes and double them",
            ),
        }
    }
}

/// A text that was cut at a delimiter in it, so that the row has too many cells.
fn cut_cell(place: &Span, text: &str, field: Option<&str>) -> Diagnostic {
    let what = field.map_or("a cell".to_owned(), |field| format!("the `{field}`"));
    let message = format!(
        "the row has more cells than the header: {what} seems to be cut at a delimiter in it"
    );
    let shown = text::clean(&text.replace('"', "\"\""), 300);
    let help = format!(
        "put quotes around the whole cell: `\"{shown}\"`; the row was checked as if that were done"
    );
    Diagnostic::error("extra-cell", place, message, help)
}

fn extra_cell(place: &Span, width: usize) -> Diagnostic {
    if width == COLUMN_LIMIT {
        let message = format!("the table has more than {COLUMN_LIMIT} columns");
        return Diagnostic::error("too-many-columns", place, message, "delete unused columns");
    }
    let message = "the value stands beyond the last column of the header";
    let help = "if it belongs to the cell before it, put quotes around the whole cell; if not, give its column a name";
    Diagnostic::error("extra-cell", place, message, help)
}
