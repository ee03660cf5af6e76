//! Columns of text that line up on a terminal, whatever alphabet they are written in.
//!
//! Start at [`Columns`]: first every row is measured, then every row is drawn, so that no row need be kept.

use std::borrow::Cow;

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
            *width = (*width).max(text.width().min(widest));
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
            let fill = self.widths[column].saturating_sub(shown.width()) + GAP;
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
    if text.width() <= room {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used + 1 > room {
            break;
        }
        kept.push(character);
    }
    if room > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
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
}
