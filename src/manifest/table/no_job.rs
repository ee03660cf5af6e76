//! Rows that are no jobs, though they would be read as such: the header once more, sums, remarks. Start at
//! [`Table::is_no_job`].

use super::Table;
use super::columns::{self, Columns, OtherColumns, Use};
use super::scanner::{Cell, Row};
use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::fields;
use crate::manifest::tree::Span;
use crate::manifest::values::shown;
use crate::plan::JobId;

impl Table<'_> {
    /// Whether `row` is no job, which is reported.
    pub(super) fn is_no_job(
        &self,
        row: &Row,
        columns: &Columns,
        header: &Span,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let place = || self.span(&row.bytes);
        let found = if self.repeats_header(row, columns) {
            repeated_header(&place(), header)
        } else if let Some(word) = self.summary(row, columns) {
            summary_row(&place(), &word)
        } else if self.notes_something(row, columns) {
            note_row(&place())
        } else {
            return false;
        };
        diagnostics.push(found);
        true
    }

    /// Whether all that `row` says is what `check --errors-csv` has added to a table without jobs.
    pub(super) fn holds_only_errors(&self, row: &Row, columns: &Columns) -> bool {
        self.filled(row, columns).next().is_none()
    }

    /// The cells of `row` that say something, but for what `check --errors-csv` has added.
    fn filled<'r>(
        &self,
        row: &'r Row,
        columns: &Columns,
    ) -> impl Iterator<Item = (usize, &'r Cell)> {
        (row.cells.iter().enumerate())
            .filter(|(index, cell)| !cell.is_blank_in(self.text) && !columns.is_passed_over(*index))
    }

    /// Whether `row` is the header once more, as in two tables that were joined: it would make a job of its own.
    fn repeats_header(&self, row: &Row, columns: &Columns) -> bool {
        let says = |index: usize, header: &Span, in_any_case: bool| {
            row.cells.get(index).is_some_and(|cell| {
                let name = &self.text[columns::name_in(cell, self.text)];
                let header = &self.text[header.bytes.clone()];
                name == header || in_any_case && name.eq_ignore_ascii_case(header)
            })
        };
        match self.others {
            OtherColumns::Refused => {
                let mut names = columns.all().peekable();
                names.peek().is_some() && names.all(|it| says(it.index, &it.key.span, true))
            }
            OtherColumns::Variables => {
                // One word may be a value too, in whatever letters: a product that is called `Look`.
                let is_sure = columns.nameable().nth(1).is_some();
                let mut names = columns.nameable().peekable();
                names.peek().is_some() && names.all(|it| says(it.index, &it.span, is_sure))
            }
        }
    }

    /// The word that heads `row`, if it adds up others: it stands in the first cell, and the rest is numbers.
    fn summary(&self, row: &Row, columns: &Columns) -> Option<String> {
        if !row.faults.is_empty() {
            return None;
        }
        let mut filled = self.filled(row, columns);
        let (index, first) = filled.next()?;
        let word = &self.text[first.bytes.clone()];
        if !is_summary(word) {
            return None;
        }
        let mut rest = filled.peekable();
        let is_prompt = columns.field(index) == Some("prompt");
        let has_id_before = || (0..index).any(|before| columns.field(before) == Some("id"));
        if is_prompt && (!has_id_before() || rest.peek().is_none()) {
            return None;
        }
        // Where a row has nothing else to say, the word is a value like any other.
        let says_more = |other| other != index && columns.use_of(other) == Some(Use::Sent);
        let is_alone = rest.peek().is_none();
        let is_summary = (!is_alone || (0..columns.width).any(says_more))
            && rest.all(|(_, cell)| {
                let text = &self.text[cell.bytes.clone()];
                is_amount(text) || self.oddity(cell).is_some()
            });
        is_summary.then(|| word.trim().to_owned())
    }

    /// Whether `row` is a remark for people: text in one cell only, where a job would have a word or nothing.
    fn notes_something(&self, row: &Row, columns: &Columns) -> bool {
        if !row.faults.is_empty() || columns.width < 3 {
            return false;
        }
        let mut filled = self.filled(row, columns);
        let (Some((index, cell)), None) = (filled.next(), filled.next()) else {
            return false;
        };
        let text = cell.part(self.text, cell.bytes.clone());
        if is_remark(&text) {
            return index == 0 || self.others == OtherColumns::Refused;
        }
        // A word may be an id, and what is short may be anything; but nothing with blanks is an id.
        let is_text = || {
            let (words, length) = (text.split_whitespace().count(), text.chars().count());
            let is_long = length > 8 && (words > 1 || length > 10);
            let is_heading = columns.field(index) == Some("id") && is_heading(&text);
            (is_long || is_heading)
                && JobId::new(text.trim()).is_err()
                && self.oddity(cell).is_none()
        };
        let may_be_alone = || {
            let field = columns.field(index);
            field.is_some_and(|field| {
                fields::is_list(field) || matches!(field, "prompt" | "image" | "last_image")
            })
        };
        self.others == OtherColumns::Refused && !may_be_alone() && is_text()
    }
}

fn repeated_header(place: &Span, header: &Span) -> Diagnostic {
    let message = "the header stands here once more, in place of a job";
    Diagnostic::error(
        "repeated-header",
        place,
        message,
        "delete this row when the rest is mended: the numbers of the rows below it change",
    )
    .related(header, "the header")
}

/// A row that is no job but adds up others.
fn summary_row(place: &Span, word: &str) -> Diagnostic {
    let message = format!("the row `{}` adds up others and is no job", shown(word));
    let help = "delete this row, or keep it in another sheet: every row of the table is a job";
    Diagnostic::error("summary-row", place, message, help)
}

/// A row that holds a remark.
fn note_row(place: &Span) -> Diagnostic {
    let message = "the row holds text in one cell only, and is no job";
    let help = "if it is a note, delete the row, or keep it in another sheet; if it is a job, fill in its other cells";
    Diagnostic::error("note-row", place, message, help)
}

/// Whether a text begins as remarks do.
fn is_remark(text: &str) -> bool {
    const WORDS: [&str; 22] = [
        "note",
        "notes",
        "nb",
        "n.b.",
        "ps",
        "p.s.",
        "remark",
        "remarks",
        "legend",
        "hinweis",
        "hinweise",
        "anmerkung",
        "bemerkung",
        "legende",
        "remarque",
        "nota",
        "备注",
        "備註",
        "注",
        "注意",
        "说明",
        "說明",
    ];
    let Some((head, rest)) = text.trim().split_once([':', '：']) else {
        return false;
    };
    !rest.trim().is_empty() && WORDS.contains(&head.trim_end().to_lowercase().as_str())
}

/// Whether a text in the place of an id heads the rows below it, as `Week 1` does.
fn is_heading(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let is_word = |word: &str| word.chars().all(char::is_alphanumeric);
    let first = words.next().unwrap_or_default();
    first.chars().count() > 2
        && first.chars().all(char::is_alphabetic)
        && words.next().is_some_and(is_word)
        && words.all(is_word)
}

/// Whether a text heads a row of sums.
fn is_summary(text: &str) -> bool {
    const WORDS: [&str; 19] = [
        "total",
        "totals",
        "grand total",
        "subtotal",
        "sum",
        "summe",
        "gesamt",
        "total général",
        "合计",
        "合計",
        "总计",
        "總計",
        "小计",
        "小計",
        "总数",
        "總數",
        "汇总",
        "匯總",
        "共计",
    ];
    let text = text.trim().trim_end_matches([':', '：']).trim_end();
    text.len() <= 20 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text is a number, with the marks that sums and prices have.
fn is_amount(text: &str) -> bool {
    let is_mark = |it: char| it.is_whitespace() || "+-.,'%¥￥$€£元秒s".contains(it);
    let rest = text.trim();
    rest.contains(|it: char| it.is_ascii_digit())
        && rest.chars().all(|it| it.is_ascii_digit() || is_mark(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_begin_with_their_word() {
        for text in ["Note: by Friday!", "NB : x", "备注：周五", "Hinweis: bitte"] {
            assert!(is_remark(text), "{text}");
        }
        for text in [
            "Notes",
            "Note:",
            "A note: x",
            "https://example.com",
            "Noted: x",
        ] {
            assert!(!is_remark(text), "{text}");
        }
    }

    #[test]
    fn headings_are_words() {
        for text in ["Week 1", "Kapitel zwei", "Day 2 morning"] {
            assert!(is_heading(text), "{text}");
        }
        for text in ["Week", "", "a b", "1 2", "shot #1", "AD － 20"] {
            assert!(!is_heading(text), "{text}");
        }
    }

    #[test]
    fn rows_of_sums_begin_with_such_words_and_go_on_with_amounts() {
        for word in [
            "合计",
            "Total",
            "TOTAL:",
            " 总计： ",
            "Grand Total",
            "Summe",
        ] {
            assert!(is_summary(word), "{word}");
        }
        for word in ["Totally red", "total-01", "合计 kite", "", "Sumo"] {
            assert!(!is_summary(word), "{word}");
        }
        for amount in ["8", "1,234.50", "¥ 692.00", "12 %", "-3", "8s", "300秒"] {
            assert!(is_amount(amount), "{amount}");
        }
        for text in ["", "kite", "16:9", "-", "seedance2.0-720p"] {
            assert!(!is_amount(text), "{text}");
        }
    }
}
