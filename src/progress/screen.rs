//! Draws a block of lines on a terminal, over and over at the same place, and puts other lines above it.
//!
//! Start at [`Screen::draw`] and [`Screen::say`]. Between two frames the cursor rests at the beginning of the block:
//! wherever a resized window moves and wraps the block to, the cursor moves with its first character, so that all of it
//! is below and nothing is left over. A window is often narrower than its program knows: until it is told, its lines are
//! cut by the terminal, and not wrapped into rows that nobody has counted. At no moment the block is away: a frame is
//! written over the one before, and what is said above it goes into rows that were made free before. The cursor is never
//! hidden: however the program ends, nobody need bring it back. The control sequences are those that terminals have had
//! since the VT102.

use std::fmt::Write as _;
use std::time::Duration;

use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthStr;

use crate::output::{Canvas, Size};

/// Erases what is below the cursor and to its right.
const ERASE_BELOW: &str = "\u{1b}[J";

/// Erases the block, the cursor being somewhere in its first line, and leaves it at the beginning of that. Not from the
/// beginning on: some terminals keep for scrolling back what is erased from the first cell of a window on.
const ERASE_BLOCK: &str = "\r \u{1b}[J\r\u{1b}[K";

/// Erases what is to the right of the cursor.
const ERASE_RIGHT: &str = "\u{1b}[K";

/// Lines that are too long are cut, or wrapped again.
const CUT_LINES: &str = "\u{1b}[?7l";
const WRAP_LINES: &str = "\u{1b}[?7h";

/// How long a window may still be changing after it has changed.
const UNREST: Duration = Duration::from_secs(3);

/// Cells of a line while a window may be changing. The next change may come before anybody is told, and lines that were
/// wrapped by it can push others out of the window, where nobody can take them away.
const UNREST_COLUMNS: usize = 40;

/// A place on the terminal that holds a block.
#[derive(Debug)]
pub(super) struct Screen {
    canvas: Canvas,
    drawn: Option<Drawn>,
    /// When the size of the window was seen to change last.
    resized_at: Option<Duration>,
}

/// A block that is on the terminal.
#[derive(Debug)]
struct Drawn {
    lines: Vec<String>,
    /// The size of the window when it was drawn.
    size: Size,
}

impl Screen {
    /// Nothing is drawn yet.
    pub(super) fn new(canvas: Canvas) -> Self {
        Self {
            canvas,
            drawn: None,
            resized_at: None,
        }
    }

    /// Whether the window is not of the size any more that it was of when the block was drawn.
    pub(super) fn is_resized(&self, window: Size) -> bool {
        let drawn = self.drawn.as_ref();
        drawn.is_some_and(|before| before.size != window)
    }

    /// The size that a block is to be made for.
    pub(super) fn room(&mut self, window: Size, now: Duration) -> Size {
        if self.is_resized(window) {
            self.resized_at = Some(now);
        }
        let is_restless = self.resized_at.is_some_and(|at| now < at + UNREST);
        let most = if is_restless {
            UNREST_COLUMNS
        } else {
            usize::MAX
        };
        Size {
            columns: window.columns.min(most),
            ..window
        }
    }

    /// Shows `lines` in place of the block before; each must be shorter than the window is wide, and all together less
    /// high.
    pub(super) fn draw(&mut self, lines: Vec<String>, size: Size) {
        if self.canvas.show(&frame(&lines, self.is_resized(size))) {
            self.drawn = Some(Drawn { lines, size });
        }
    }

    /// Puts `text`, as it is to be shown, above the block.
    pub(super) fn say(&mut self, text: &str, size: Size) {
        let Some(Drawn {
            lines,
            size: before,
        }) = &self.drawn
        else {
            return self.canvas.insist(&format!("{text}\r\n"));
        };
        let rows = rows(text, size);
        let said = if *before == size && rows + lines.len() <= size.rows {
            above(text, lines.len(), size)
        } else {
            let text = told(text, size);
            format!("{ERASE_BLOCK}{text}{}", frame(lines, false))
        };
        self.canvas.insist(&said);
    }

    /// Takes the block away: what is written next begins where it began.
    pub(super) fn clear(&mut self) {
        if self.drawn.is_some() {
            self.canvas.insist(ERASE_BLOCK);
        }
    }

    /// Shows the block again after [`Self::clear`].
    pub(super) fn come_back(&mut self) {
        if let Some(Drawn { lines, .. }) = &self.drawn {
            self.canvas.insist(&frame(lines, false));
        }
    }
}

/// What draws `lines` where the cursor is, over a block that begins there, and brings the cursor back. All of the old
/// block is erased first only if the window may have wrapped it: else a terminal could flicker.
pub(super) fn frame(lines: &[String], is_resized: bool) -> String {
    let erase = if is_resized { ERASE_BLOCK } else { "" };
    let lines_drawn = lines.join(&*format!("{ERASE_RIGHT}\r\n"));
    let mut frame = format!("\r{erase}{CUT_LINES}{lines_drawn}{ERASE_BELOW}{WRAP_LINES}\r");
    let below = lines.len().saturating_sub(1);
    if below > 0 {
        let _ = write!(frame, "\u{1b}[{below}A");
    }
    frame
}

/// What puts `text` above a block of `height` lines that begins where the cursor is: first room is made below the block,
/// which may scroll the window, then the block is moved down as it is.
pub(super) fn above(text: &str, height: usize, size: Size) -> String {
    let (rows, below) = (rows(text, size), height.saturating_sub(1));
    let mut out = "\r".to_owned();
    if below > 0 {
        let _ = write!(out, "\u{1b}[{below}B");
    }
    out.push_str(&"\r\n".repeat(rows));
    let _ = write!(out, "\u{1b}[{}A\u{1b}[{rows}L", below + rows);
    out + &told(text, size)
}

/// Lines of text, each over whatever is in its row. A row that is full to its end is left alone: there an erasure would
/// take its last character.
fn told(text: &str, size: Size) -> String {
    let line = |line: &str| {
        let is_full = cells_in(line) > 0 && cells_in(line).is_multiple_of(size.columns.max(1));
        let erase = if is_full { "" } else { ERASE_RIGHT };
        format!("{line}{erase}\r\n")
    };
    text.split('\n').map(line).collect()
}

/// How many rows the terminal takes for `text`.
fn rows(text: &str, size: Size) -> usize {
    let rows = |line: &str| cells_in(line).div_ceil(size.columns.max(1)).max(1);
    text.split('\n').map(rows).sum()
}

fn cells_in(line: &str) -> usize {
    strip_str(line).to_string().width()
}
