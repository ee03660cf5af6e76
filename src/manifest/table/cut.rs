//! A row with more cells than the table has columns → the row that was probably meant: a text with an unquoted delimiter
//! in it was cut at it. Start at [`joined`].
//!
//! It is a guess, told as one; the row is read on by it, so that what else is wrong in it is told at the same time.

use super::columns::Columns;
use super::scanner::{Cell, Row};
use crate::manifest::values;
use crate::plan::Model;

/// A row whose pieces are one cell again.
pub(super) struct Joined {
    pub(super) row: Row,
    /// Which cell was cut.
    pub(super) index: usize,
    /// Whether its cells surely fit their columns better than as they stand.
    pub(super) is_better: bool,
}

/// `row`, all of whose cells are given, with the pieces of one cell joined so that it has `columns.width` cells; none if
/// it does not show which.
pub(super) fn joined(row: &Row, text: &str, columns: &Columns) -> Option<Joined> {
    let filled = row.cells.iter().rposition(|it| !it.is_blank_in(text))? + 1;
    let as_it_is = fitting(&row.cells[..columns.width], text, columns);
    // What is blank at the end of a row may be a cell of a column, or one too many.
    let lengths = filled.max(columns.width + 1)..=row.cells.len();
    let candidates = lengths.flat_map(|length| {
        let pieces = length - columns.width + 1;
        (0..columns.width).map(move |index| (index, pieces, length))
    });
    let scored = candidates.filter_map(|(index, pieces, length)| {
        let cells = &row.cells[..length];
        let joint = &cells[index..index + pieces];
        let begins_blank = |cell: &Cell| {
            let text = &text[cell.bytes.clone()];
            text.starts_with(char::is_whitespace) && !text.trim().is_empty()
        };
        let is_sentence = joint[1..].iter().all(begins_blank);
        let is_prompt = columns.field(index) == Some("prompt");
        if !(is_sentence || is_prompt) || joint.iter().any(|cell| cell.quoted) {
            return None;
        }
        let whole = Cell {
            bytes: joint[0].bytes.start..joint[pieces - 1].bytes.end,
            quoted: false,
        };
        let mut joined = cells[..index].to_vec();
        joined.push(whole);
        joined.extend_from_slice(&cells[index + pieces..]);
        let fits = fitting(&joined, text, columns);
        let is_better = fits > as_it_is;
        let score = fits * 4 + usize::from(is_sentence) * 2 + usize::from(is_prompt);
        (is_better || fits == as_it_is && is_sentence).then_some((
            score,
            index,
            joined,
            is_better && is_sentence,
        ))
    });
    let mut all: Vec<(usize, usize, Vec<Cell>, bool)> = scored.collect();
    all.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
    let is_sure = match all.as_slice() {
        [] => false,
        [(best, ..), (next, ..), ..] => best > next,
        [_] => true,
    };
    let (_, index, cells, is_better) = all.into_iter().next().filter(|_| is_sure)?;
    Some(Joined {
        row: Row {
            cells,
            count: columns.width,
            faults: Vec::new(),
            bytes: row.bytes.clone(),
        },
        index,
        is_better,
    })
}

/// How many of `cells` hold, or nearly hold, what their columns are for.
fn fitting(cells: &[Cell], text: &str, columns: &Columns) -> usize {
    let fits = |(index, cell): (usize, &Cell)| {
        let written = text[cell.bytes.clone()].trim();
        match columns.field(index) {
            _ if written.is_empty() => false,
            Some("model") => Model::parse(written).is_some() || written.contains("dance"),
            Some("duration") => {
                values::duration_meant(written).is_some() || written.parse::<u32>().is_ok()
            }
            Some("aspect_ratio") => values::ratio_meant(written).is_some(),
            Some("image" | "last_image" | "images" | "videos" | "audios") => {
                written.starts_with("http") || written.starts_with("www.")
            }
            Some("generate_audio" | "watermark" | "camera_fixed" | "return_last_frame") => {
                written.eq_ignore_ascii_case("true") || written.eq_ignore_ascii_case("false")
            }
            Some("seed") => written.parse::<i64>().is_ok(),
            _ => false,
        }
    };
    cells.iter().enumerate().filter(|it| fits(*it)).count()
}
