//! What is said about single cells of a table before any rule looks at them: values that were tidied, cells of a
//! workbook that are no text or number, merged cells. Start at [`Tidied`] and [`odd_cell`].

use std::collections::BTreeMap;
use std::ops::Range;

use super::columns::Column;
use super::marks::{Unmended, corners};
use super::names;
use crate::manifest::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::manifest::tree::{Node, Span, Value};
use crate::manifest::values::{self, shown};
use crate::manifest::workbook::{Oddity, Region, UNCOMPUTED, UNCOMPUTED_MARK};
use crate::text;

/// Which columns had cells that were tidied.
#[derive(Debug, Default)]
pub(super) struct Tidied(BTreeMap<(usize, Tidying), Finding>);

/// Why a cell does not say what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tidying {
    /// It holds what is no part of a number or a choice.
    Looks,
    /// A spreadsheet took a ratio for a time.
    Time,
}

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
        let mut tidied = names::tidied(text).map(|read| (Tidying::Looks, read));
        if column.key.name == "aspect_ratio" {
            let bare = tidied.as_ref().map_or(text.as_str(), |(_, read)| read);
            let ratio = names::ratio_of_time(bare);
            tidied = ratio
                .map(|ratio| (Tidying::Time, ratio.to_owned()))
                .or(tidied);
        }
        let Some((why, read)) = tidied else {
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
        let finding = self.0.entry((column.index, why)).or_insert_with(first);
        finding.count += 1;
    }

    /// One note for each column.
    pub(super) fn report(self, diagnostics: &mut Diagnostics) {
        for ((_, why), finding) in self.0 {
            diagnostics.push(finding.note(why));
        }
    }
}

impl Finding {
    fn note(&self, why: Tidying) -> Diagnostic {
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
        let help = match why {
            Tidying::Looks => {
                "full-width letters, blanks that do not break, invisible marks and curly quotes are no part of a number, a boolean or a choice; prompts and addresses are read as they are"
            }
            Tidying::Time => {
                "a spreadsheet took the ratio for a time of day; there are three ratios, so it can have been no other. To see it as it is meant, format the column as text and type it again"
            }
        };
        Diagnostic {
            severity: Severity::Note,
            ..Diagnostic::error("read-as", &self.span, message, help)
        }
    }
}

/// Whether a cell holds the error of a formula, in a workbook or in the CSV file made of one.
pub(super) fn is_failure(text: &str) -> bool {
    let text = text.trim();
    if let Some(number) = text.strip_prefix("Err:") {
        return number.parse::<u16>().is_ok();
    }
    text.starts_with(UNCOMPUTED)
        || text.starts_with('#') && text.len() <= LONGEST_FAILURE && is_named_failure(text)
}

/// In bytes, with blanks.
const LONGEST_FAILURE: usize = 40;

fn is_named_failure(text: &str) -> bool {
    let is_left_out = |it: char| it.is_whitespace() || matches!(it, '¡' | '¿');
    let bare: String = text.chars().filter(|it| !is_left_out(*it)).collect();
    // One blank before the mark is French, `# WOW !` nobody's.
    text.chars().filter(|it| it.is_whitespace()).count() <= 1 && FAILURES.contains(&bare.as_str())
}

/// The errors of formulas as spreadsheet programs write them in the languages of their users, without blanks and
/// opening marks. A list, because a text such as `#SALE!` is somebody's own.
#[rustfmt::skip]
const FAILURES: &[&str] = &[
    // English, and all languages of files.
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!",
    "#GETTING_DATA", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#PYTHON!", "#ERROR!", "#ERROR",
    // German.
    "#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#ÜBERLAUF!", "#KALK!", "#FELD!", "#FEHLER!",
    // French.
    "#VALEUR!", "#NOM?", "#NOMBRE!", "#NUL!", "#EPARS!", "#PROPAGATION!", "#CHAMP!",
    // Spanish, Portuguese, Italian.
    "#N/D", "#VALOR!", "#NOMBRE?", "#NULO!", "#DESBORDAMIENTO!", "#CAMPO!", "#NOME?", "#NÚM!", "#DESPEJAR!",
    "#RIF!", "#VALORE!", "#NULLO!", "#ESPANSIONE!",
    // Dutch.
    "#N/B", "#VERW!", "#WAARDE!", "#DEEL/0!", "#NAAM?", "#GETAL!", "#LEEG!", "#OVERLOOP!",
    // Swedish, Danish, Norwegian, Finnish.
    "#SAKNAS!", "#REFERENS!", "#VÄRDEFEL!", "#DIVISION/0!", "#NAMN?", "#OGILTIGT!", "#SKÄRNING!",
    "#I/T", "#REFERENCE!", "#VÆRDI!", "#NAVN?", "#VERDI!",
    "#PUUTTUU!", "#VIITTAUS!", "#ARVO!", "#JAKO/0!", "#NIMI?", "#LUKU!", "#TYHJÄ!",
    // Polish, Czech, Hungarian, Turkish.
    "#N/D!", "#ADR!", "#ARG!", "#DZIEL/0!", "#NAZWA?", "#LICZBA!", "#ZERO!",
    "#NENÍ_K_DISPOZICI", "#ODKAZ!", "#HODNOTA!", "#DĚLENÍ_NULOU!", "#NÁZEV?", "#ČÍSLO!",
    "#HIÁNYZIK", "#HIV!", "#ÉRTÉK!", "#ZÉRÓOSZTÓ!", "#NÉV?", "#SZÁM!", "#NULLA!",
    "#YOK", "#BAŞV!", "#DEĞER!", "#SAYI/0!", "#AD?", "#SAYI!", "#BOŞ!",
    // Russian.
    "#Н/Д", "#ССЫЛКА!", "#ЗНАЧ!", "#ДЕЛ/0!", "#ИМЯ?", "#ЧИСЛО!", "#ПУСТО!",
];

/// A cell of a workbook that says something else than somebody typed.
pub(super) fn odd_cell(
    oddity: Oddity,
    text: &str,
    field: Option<&str>,
    place: &Span,
) -> Diagnostic {
    if oddity == Oddity::Unmended
        && let Some(unmended) = Unmended::of(text)
    {
        return unmended_cell(unmended, text.trim_ascii(), field, place);
    }
    let is_uncomputed = text.starts_with(UNCOMPUTED);
    let seconds = values::seconds_in_time(text);
    let text = shown(text.strip_prefix(UNCOMPUTED_MARK).unwrap_or(text));
    let (code, message, help) = match oddity {
        Oddity::Moment => (
            "cell-is-a-date",
            message_of_moment(&text),
            match (field, seconds) {
                (Some("duration"), Some(seconds)) => {
                    let help = format!("format the column as a number, and write `{seconds}`");
                    return Diagnostic::error(
                        "cell-is-a-date",
                        place,
                        message_of_moment(&text),
                        help,
                    );
                }
                (Some("duration"), None) => {
                    "format the column as a number, and write a whole number of seconds from 5 to 15"
                }
                (Some("aspect_ratio"), _) => {
                    "format the column as text, and write `16:9`, `9:16` or `1:1`"
                }
                _ => {
                    "format the column as text and type the value again: spreadsheets take `5-8` for a date and `8:30` for a time"
                }
            },
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
        Oddity::Formula => (
            "formula-as-text",
            format!("the cell holds the formula `{text}` itself, not what it works out to"),
            "export the table again with values in place of formulas (not `show formulas`), or write the value into the cell",
        ),
        Oddity::LongNumber | Oddity::Unmended => (
            "number-too-long",
            format!("`{text}` has more digits than the 15 that a spreadsheet keeps"),
            "format the column as text and type the number again: its last digits are lost otherwise",
        ),
    };
    Diagnostic::error(code, place, message, help)
}

/// The mark of a cell that was refused in a workbook, in a copy of it.
fn unmended_cell(
    unmended: Unmended<'_>,
    mark: &str,
    field: Option<&str>,
    place: &Span,
) -> Diagnostic {
    let had = match unmended {
        Unmended::Moment("?") => "a date or time".to_owned(),
        Unmended::Moment(moment) => format!("the date or time `{moment}`"),
        Unmended::Failure(None) => "an error in place of a value".to_owned(),
        Unmended::Failure(Some(error)) => format!("the error `{}`", shown(error)),
        Unmended::Formula(formula) => {
            format!("the formula `{}` without its value", shown(formula))
        }
        Unmended::Rounded(number) => {
            format!("the number `{number}`, of which only 15 digits can be trusted")
        }
        Unmended::Merged(region) => {
            format!("merged cells, {region}, of which only the first holds the value")
        }
    };
    let seconds = match unmended {
        Unmended::Moment(moment) => values::seconds_in_time(moment),
        _ => None,
    };
    let meant = match (field, seconds, unmended) {
        (Some("duration"), Some(seconds), _) => format!("`{seconds}`"),
        (Some("duration"), None, _) => "a whole number of seconds from 5 to 15".to_owned(),
        (Some("aspect_ratio"), ..) => "`16:9`, `9:16` or `1:1`".to_owned(),
        (_, _, Unmended::Merged(_)) => {
            "what this row is to have, or nothing if the default is meant".to_owned()
        }
        (_, _, Unmended::Rounded(_)) => "all its digits".to_owned(),
        _ => "what is to be sent".to_owned(),
    };
    let message = format!("the cell is not mended yet: the workbook had {had}");
    let help = format!(
        "write {meant} in place of `{}`, which is only a mark",
        shown(mark)
    );
    Diagnostic::error("unmended-cell", place, message, help)
}

fn message_of_moment(text: &str) -> String {
    format!("the cell holds the date or time `{text}`, not text or a number")
}

/// Whether a text is a formula, and nothing that anyone would write for people.
pub(super) fn is_formula(text: &str) -> bool {
    let text = text.trim_ascii();
    let Some(rest) = text.strip_prefix('=') else {
        return false;
    };
    let rest = rest.trim_start_matches(['+', '-', '(', ' ']);
    let of_sheet = rest.split_once('!').filter(|(sheet, _)| {
        let quoted = sheet.starts_with('\'') && sheet.ends_with('\'') && sheet.len() > 2;
        quoted || !sheet.is_empty() && sheet.chars().all(char::is_alphanumeric)
    });
    let word =
        rest.split(|it: char| !(it.is_ascii_uppercase() || it.is_ascii_digit() || it == '.'));
    let name = word.into_iter().next().unwrap_or_default();
    let is_call = name.len() > 1
        && name.starts_with(|it: char| it.is_ascii_uppercase())
        && rest[name.len()..].starts_with('(')
        && rest.contains(')');
    is_call
        || begins_with_cell(rest)
        || of_sheet.is_some_and(|(_, cell)| begins_with_cell(cell))
        || rest.starts_with('"') && (rest.contains('&') || rest.len() > 2 && rest.ends_with('"'))
}

/// Whether `text` begins with a cell such as `B2` or `$AB$12`, and goes on as a formula does.
fn begins_with_cell(text: &str) -> bool {
    let text = text.strip_prefix('$').unwrap_or(text);
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let row = text[letters..]
        .strip_prefix('$')
        .unwrap_or(&text[letters..]);
    let digits = row.bytes().take_while(u8::is_ascii_digit).count();
    let goes_on = row[digits..].trim_start();
    (1..=3).contains(&letters)
        && (1..=7).contains(&digits)
        && (goes_on.is_empty() || goes_on.starts_with(|it| "+-*/&^=<>:,;)".contains(it)))
}

/// What is empty because of merged cells, in a column that is sent.
pub(super) fn merged_cell(region: &Region, field: Option<&str>, place: &Span) -> Diagnostic {
    let (first, last) = corners(region);
    let what = field.map_or("the cell".to_owned(), |field| format!("`{field}`"));
    let message = format!(
        "{what} is empty here: the cells {first}:{last} are merged, and only {first} holds the value"
    );
    let help = "undo the merging and write the value into each cell that is to have it: an empty cell takes the default";
    Diagnostic::error("merged-cells", place, message, help)
}

/// Rows of a sheet that nobody sees, and that are made like all others.
pub(super) fn hidden_rows(rows: &[Range<usize>], place: &Span) -> Diagnostic {
    const FEW: usize = 10;
    let count: usize = rows.iter().map(ExactSizeIterator::len).sum();
    let mut parts: Vec<String> = Vec::new();
    let mut listed = 0;
    for run in rows {
        if parts.len() >= FEW {
            break;
        }
        listed += run.len();
        match run.len() {
            0 => {}
            1 => parts.push(run.start.to_string()),
            2 => parts.extend([run.start.to_string(), (run.end - 1).to_string()]),
            _ => parts.push(format!("{}–{}", run.start, run.end - 1)),
        }
    }
    let list = parts.join(", ");
    let message = match (count, count - listed) {
        (1, _) => format!("row {list} is hidden, and is made like all others"),
        (_, 0) => format!("rows {list} are hidden, and are made like all others"),
        (_, more) => {
            format!("rows {list} and {more} more rows are hidden, and are made like all others")
        }
    };
    let help = "show them again (clear the filter, or select all rows and choose `Unhide`) to look, or delete them; if they are meant, `allow: [hidden-rows]` in a YAML manifest that names the table";
    Diagnostic::warning("hidden-rows", place, message, help)
}

/// What a cell is linked to, said where its text is no address.
pub(super) fn linked(found: &mut Diagnostic, target: &str) {
    let target = text::clean(&text::without_passwords(target), 300);
    found.help =
        format!("the cell is linked to `{target}`: write that address itself into the cell");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_told_from_texts_that_begin_alike() {
        for formula in [
            "=B2",
            "=$B$2",
            "= AB12*2",
            "=B2&\" on a table\"",
            "=SUM(A1:A9)",
            "=+B2",
            "=CONCAT(A1,B1)",
            "=Sheet1!B2",
            "='My sheet'!$B$2",
            "=产品!B2",
            "=\"a\"&B2",
            "=\"A kite\"",
            "=XLOOKUP(A2, F:F, G:G)",
        ] {
            assert!(is_formula(formula), "{formula}");
        }
        for text in [
            "=",
            "= a kite",
            "=> a kite",
            "== Scene 1 ==",
            "=B2B marketing",
            "=1+1",
            "=Kite (red)",
            "=R2D2 rolls by",
            "B2",
            "=MOOD(",
            "a=B2",
        ] {
            assert!(!is_formula(text), "{text}");
        }
    }

    #[test]
    fn errors_of_formulas_are_known_in_the_language_of_the_spreadsheet() {
        for failure in [
            "#N/A",
            " #REF! ",
            "#NV",
            "#BEZUG!",
            "#WERT!",
            "#NOM?",
            "#¡VALOR!",
            "#¿NOMBRE?",
            "#REF !",
            "#DIV/0\u{a0}!",
            "#ЗНАЧ!",
            "Err:502",
            "#NULL!",
        ] {
            assert!(is_failure(failure), "{failure}");
        }
        for text in [
            "#SALE!",
            "#WOW",
            "#",
            "########",
            "#1 in the charts!",
            "#nv",
            "# N / A",
            "#VALUE! of friendship",
            "Err: we",
            "N/A",
            "",
        ] {
            assert!(!is_failure(text), "{text}");
        }
    }
}
