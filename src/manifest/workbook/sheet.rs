//! The cells of a sheet → comma-separated text. Start at [`text`]. Every row is a record at the same number, also the
//! empty ones before and between, so that places lead back to the sheet.

use super::cells::{Cell, CellReader};
use super::{Link, Oddity, Refusal, SheetText};

/// What a cell counts beside its text: it may become a value of a job.
const CELL_SIZE: usize = 24;

/// The sheet `name`, of which `cells` are the cells; and its links of which only the ids are known.
pub(super) fn text(
    name: String,
    mut cells: CellReader<'_>,
) -> Result<(SheetText, Vec<Link>), Refusal> {
    let mut writer = Writer::default();
    let mut kept = 0;
    while let Some(cell) = cells.next()? {
        writer.write(&cell)?;
        let size = writer.size();
        cells.keep(size - kept + CELL_SIZE)?;
        kept = size;
    }
    if !writer.text.is_empty() {
        writer.text.push('\n');
    }
    writer.text.shrink_to_fit();
    let mut merged = cells.merged;
    merged.sort_by_key(|region| region.rows.start);
    let sheet = SheetText {
        name,
        text: writer.text,
        oddities: writer.oddities,
        merged,
        hidden: cells.hidden,
        links: cells.links,
    };
    Ok((sheet, cells.named_links))
}

/// `A`, `B`, … `AA` for a column from 0.
pub(in crate::manifest) fn column_letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        let digit = (rest - 1) % 26;
        letters.push(char::from(b'A' + u8::try_from(digit).expect("below 26")));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// Text that grows by a cell at a time.
#[derive(Default)]
struct Writer {
    text: String,
    oddities: Vec<(u32, Oddity)>,
    /// Where the text stands.
    row: u32,
    column: u32,
    /// Whether the cell there is written.
    is_written: bool,
}

impl Writer {
    fn write(&mut self, cell: &Cell<'_>) -> Result<(), Refusal> {
        let (here, there) = ((self.row, self.column), (cell.row, cell.column));
        if there < here || (there == here && self.is_written) {
            return Err(Refusal::damaged("its cells are not in order"));
        }
        if cell.row > self.row {
            let rows = (cell.row - self.row) as usize;
            self.text.extend(std::iter::repeat_n('\n', rows));
            self.column = 0;
        }
        let columns = (cell.column - self.column) as usize;
        self.text.extend(std::iter::repeat_n(',', columns));
        (self.row, self.column, self.is_written) = (cell.row, cell.column, true);
        self.write_text(cell);
        Ok(())
    }

    /// How many bytes it holds.
    fn size(&self) -> usize {
        self.text.len() + self.oddities.len() * size_of::<(u32, Oddity)>()
    }

    fn write_text(&mut self, cell: &Cell<'_>) {
        let needs_quotes = cell
            .text
            .bytes()
            .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
        if needs_quotes {
            self.text.push('"');
        }
        let start = u32::try_from(self.text.len()).expect("less is kept");
        self.oddities
            .extend(cell.oddity.map(|oddity| (start, oddity)));
        if !needs_quotes {
            return self.text.push_str(cell.text);
        }
        for (number, part) in cell.text.split('"').enumerate() {
            if number > 0 {
                self.text.push_str("\"\"");
            }
            self.text.push_str(part);
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        for (column, letters) in [(0, "A"), (3, "D"), (25, "Z"), (26, "AA"), (16_383, "XFD")] {
            assert_eq!(column_letters(column), letters);
        }
    }
}
