//! What is said about single cells of a table before any rule looks at them: values that were tidied, cells of a
//! workbook that are no text or number, merged cells. Start at [`Tidied`] and [`odd_cell`].

use std::collections::BTreeMap;

use super::columns::Column;
use super::names;
use crate::manifest::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::manifest::tree::{Node, Span, Value};
use crate::manifest::values::shown;
use crate::manifest::workbook::{Oddity, Region, UNCOMPUTED, UNCOMPUTED_MARK, column_letters};

/// Which columns had cells that were tidied.
#[derive(Debug, Default)]
pub(super) struct Tidied(BTreeMap<usize, Finding>);

/// The first such cell of a column, and how many there are.
#[derive(Debug)]
struct Finding {
    name: String,
    span: Span,
    written: String,
    read: String,
    count: usize,
}

impl Tidied {
    /// Takes out of a number, a boolean or a choice what is no part of it, and notes that.
    pub(super) fn tidy(&mut self, column: &Column, cell: &mut Node) {
        let Value::Cell(text) = &mut cell.value else {
            return;
        };
        let Some(read) = names::tidied(text) else {
            return;
        };
        let written = std::mem::replace(text, read.clone());
        let first = || Finding {
            name: column.key.name.clone(),
            span: cell.span.clone(),
            written,
            read,
            count: 0,
        };
        self.0.entry(column.index).or_insert_with(first).count += 1;
    }

    /// One note for each column.
    pub(super) fn report(self, diagnostics: &mut Diagnostics) {
        for (_, finding) in self.0 {
            diagnostics.push(finding.note());
        }
    }
}

impl Finding {
    fn note(&self) -> Diagnostic {
        let read_as = format!(
            "`{}` is read as `{}`",
            names::revealed(&self.written),
            shown(&self.read)
        );
        let message = match self.count {
            1 => read_as,
            count => format!(
                "{read_as}, and likewise in all {count} cells of the column `{}`",
                self.name
            ),
        };
        let help = "full-width letters, blanks that do not break, invisible marks and curly quotes are no part of a number, a boolean or a choice; prompts and addresses are read as they are";
        Diagnostic {
            severity: Severity::Note,
            ..Diagnostic::error("read-as", &self.span, message, help)
        }
    }
}

/// Whether a cell holds the error of a formula, in a workbook or in the CSV file made of one.
pub(super) fn is_failure(text: &str) -> bool {
    const FAILURES: [&str; 12] = [
        "#N/A",
        "#REF!",
        "#VALUE!",
        "#DIV/0!",
        "#NAME?",
        "#NUM!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#GETTING_DATA",
        "#BLOCKED!",
    ];
    let text = text.trim_ascii_start();
    (text.starts_with('#') || text.starts_with("Err:"))
        && (FAILURES.contains(&text.trim_ascii_end())
            || text.starts_with(UNCOMPUTED)
            || text
                .strip_prefix("Err:")
                .is_some_and(|number| number.trim_ascii_end().parse::<u16>().is_ok()))
}

/// A cell of a workbook that says something else than somebody typed.
pub(super) fn odd_cell(oddity: Oddity, text: &str, place: &Span) -> Diagnostic {
    let is_uncomputed = text.starts_with(UNCOMPUTED);
    let text = shown(text.strip_prefix(UNCOMPUTED_MARK).unwrap_or(text));
    let (code, message, help) = match oddity {
        Oddity::Moment => (
            "cell-is-a-date",
            format!("the cell holds the date or time `{text}`, not text or a number"),
            "format the column as text and type the value again: spreadsheets take `16:9` for a time and `5-8` for a date",
        ),
        Oddity::Failure if !is_uncomputed => (
            "cell-is-an-error",
            format!("the cell holds the error `{text}`"),
            "mend the formula, or paste its values, so that the cell holds what is to be sent",
        ),
        Oddity::Failure => (
            "formula-without-value",
            format!("nobody has worked out the formula `{text}`: the file holds no value for it"),
            "open the file in a spreadsheet program and save it: only that works formulas out; or paste the values",
        ),
        Oddity::LongNumber => (
            "number-too-long",
            format!("`{text}` has more digits than the 15 that a spreadsheet keeps"),
            "format the column as text and type the number again: its last digits are lost otherwise",
        ),
    };
    Diagnostic::error(code, place, message, help)
}

/// Merged cells in columns that are sent.
pub(super) fn merged_cells(region: &Region, place: &Span) -> Diagnostic {
    let name = |row: u32, column: u32| format!("{}{}", column_letters(column as usize), row + 1);
    let first = name(region.rows.start, region.columns.start);
    let last = name(region.rows.end - 1, region.columns.end - 1);
    let message = format!(
        "the cells {first}:{last} are merged, so only {first} holds the value and the others are empty"
    );
    let help = "undo the merging and write the value into each cell that is to have it: an empty cell takes the default";
    Diagnostic::error("merged-cells", place, message, help)
}
