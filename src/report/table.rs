//! Columns of text that line up on a terminal, whatever alphabet they are written in.
//!
//! Start at [`Columns`]: first every row is measured, then every row is drawn, so that no row need be kept.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The gap between two columns.
const GAP: usize = 2;

/// Most cells of a column of job ids: 40, but no more than a third of a narrow line.
pub(crate) fn id_room(line: Option<usize>) -> usize {
    line.map_or(40, |line| (line / 3).clamp(8, 40))
}

/// The widths of a table with `N` columns. The last column takes what is left of the line.
#[derive(Debug, Clone)]
pub struct Columns<const N: usize> {
    widths: [usize; N],
    widest: [usize; N],
    line: Option<usize>,
}

impl<const N: usize> Columns<N> {
    /// Columns of at most `widest` cells each, in lines of at most `line` cells; `None` cuts no line, and the last
    /// column not at all. A column that may have no cells is left out.
    pub fn new(widest: [usize; N], line: Option<usize>) -> Self {
        Self {
            widths: [0; N],
            widest,
            line,
        }
    }

    /// Makes room for a row.
    pub fn measure(&mut self, row: [&str; N]) {
        for ((width, widest), text) in self.widths.iter_mut().zip(self.widest).zip(row) {
            *width = (*width).max(width_of(text).min(widest));
        }
    }

    /// Whether the last column has `room` cells, or as many as it needs.
    pub fn leaves_last(&self, room: usize) -> bool {
        let Some(line) = self.line else { return true };
        let (last, others) = self.widths.split_last().expect("a table has columns");
        let used: usize = others
            .iter()
            .filter(|width| **width > 0)
            .map(|width| width + GAP)
            .sum();
        line.saturating_sub(used) >= room.min(*last)
    }

    /// A row as one line, without a line break; long texts are cut, columns that are empty in every row left out.
    pub fn draw(&self, row: [&str; N]) -> String {
        let mut line = String::new();
        let mut used = 0;
        for (column, text) in row.into_iter().enumerate() {
            let is_last = column + 1 == N;
            if self.widths[column] == 0 {
                continue;
            }
            let room = if is_last {
                self.line
                    .map_or(usize::MAX, |line| line.saturating_sub(used))
            } else {
                self.widths[column]
            };
            let shown = cut(text, room);
            line.push_str(&shown);
            let fill = self.widths[column].saturating_sub(width_of(&shown)) + GAP;
            used += self.widths[column] + GAP;
            if !is_last {
                line.extend(std::iter::repeat_n(' ', fill));
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// `text` in at most `room` cells of a terminal, ending in `…` if something is missing.
pub fn cut(text: &str, room: usize) -> Cow<'_, str> {
    cut_to(text, room, width_of)
}

/// As [`cut`], where `cells` says how many cells a text takes. What is drawn as one character stays whole or goes whole:
/// letters with their accents, joined emoji, flags.
pub fn cut_to(text: &str, room: usize, cells: impl Fn(&str) -> usize) -> Cow<'_, str> {
    if cells(text) <= room {
        return Cow::Borrowed(text);
    }
    let dots = cells("…");
    let mut used = 0;
    let mut end = 0;
    for cluster in text.graphemes(true) {
        used += cells(cluster);
        if used + dots > room {
            break;
        }
        end += cluster.len();
    }
    let dots = if room >= dots { "…" } else { "" };
    Cow::Owned(format!("{}{dots}", &text[..end]))
}

/// The cells that `text` takes; nearly all texts of a long table need no look at each character.
fn width_of(text: &str) -> usize {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain { text.len() } else { text.width() }
}

/// The most cells that `text` takes on any terminal: there are some that give ambiguous characters two cells, and some
/// that draw the parts of a joined emoji side by side.
pub fn most_cells(text: &str) -> usize {
    let most = |cluster: &str| {
        let apart: usize = cluster
            .chars()
            .filter_map(UnicodeWidthChar::width_cjk)
            .sum();
        apart.max(cluster.width_cjk()).max(cluster.width())
    };
    text.graphemes(true).map(most).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_the_cells_that_a_terminal_uses() {
        let rows = [
            ["id", "status", "note"],
            ["雨-1", "ok", "x"],
            ["a", "in_doubt", ""],
        ];
        let mut columns = Columns::new([10, 10, 10], None);
        for row in rows {
            columns.measure(row);
        }
        let lines = rows.map(|row| columns.draw(row));
        assert_eq!(
            lines,
            [
                "id    status    note",
                "雨-1  ok        x",
                "a     in_doubt"
            ]
        );
    }

    #[test]
    fn a_long_text_is_cut_and_the_last_column_takes_what_is_left_of_the_line() {
        let row = ["abcdefgh", "a long message"];
        let mut columns = Columns::new([4, 99], Some(12));
        columns.measure(row);
        assert_eq!(columns.draw(row), "abc…  a lon…");
        let mut columns = Columns::new([4, 99], None);
        columns.measure(row);
        assert_eq!(columns.draw(row), "abc…  a long message");
    }

    #[test]
    fn a_column_that_is_always_empty_takes_no_room() {
        let mut columns = Columns::new([4, 4, 4], None);
        columns.measure(["a", "", "c"]);
        assert_eq!(columns.draw(["a", "", "c"]), "a  c");
    }

    #[test]
    fn a_cut_never_halves_a_wide_character_and_never_exceeds_its_room() {
        assert_eq!(cut("雨雨雨", 4), "雨…");
        assert_eq!(cut("雨雨雨", 5), "雨雨…");
        assert_eq!(cut("雨雨雨", 6), "雨雨雨");
        assert_eq!(cut("abc", 0), "");
        for room in 0..9 {
            assert!(cut("a雨b🎬c雨", room).width() <= room);
        }
    }

    #[test]
    fn what_is_drawn_as_one_character_is_never_torn_apart() {
        let text = "a\u{301}👩‍👩‍👧🇫🇷e\u{301}";
        for measure in [most_cells, UnicodeWidthStr::width] {
            for room in 0..12 {
                let shown = cut_to(text, room, measure);
                assert!(measure(&shown) <= room, "{room}: {shown}");
                let kept = shown.trim_end_matches('…');
                let ends = text.grapheme_indices(true).map(|(at, _)| at);
                assert!(
                    ends.chain([text.len()]).any(|end| end == kept.len()),
                    "{room}: {shown}"
                );
            }
        }
        assert_eq!(cut_to("👩‍👩‍👧ab", 5, UnicodeWidthStr::width), "👩‍👩‍👧ab");
        assert_eq!(cut_to("👩‍👩‍👧ab", 5, most_cells), "…");
        assert_eq!(most_cells("±·█"), 6, "ambiguous characters");
    }
}
