//! Draws a block of lines on a terminal, over and over at the same place.
//!
//! Start at [`Screen::draw`]. Between two frames the cursor rests at the beginning of the block: wherever a resized
//! window moves and wraps the block to, the cursor moves with its first character, so that all of it is below and
//! nothing is left over. The cursor is never hidden: however the program ends, nobody need bring it back. The control
//! sequences are those that every terminal has had since the VT100.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::output::{Canvas, Size};

/// Erases what is below the cursor and to its right.
const ERASE_BELOW: &str = "\u{1b}[J";

/// Erases what is to the right of the cursor.
const ERASE_RIGHT: &str = "\u{1b}[K";

/// A place on the terminal that holds a block.
#[derive(Debug)]
pub(super) struct Screen {
    canvas: Canvas,
    /// The size of the window when the block was drawn; `None` while there is no block.
    drawn_in: Option<Size>,
}

impl Screen {
    /// Nothing is drawn yet.
    pub(super) fn new(canvas: Canvas) -> Self {
        Self {
            canvas,
            drawn_in: None,
        }
    }

    /// Shows `lines` in place of the block before; each must be shorter than the window is wide, and all together less
    /// high.
    pub(super) fn draw(&mut self, lines: &[Cow<'_, str>], size: Size) {
        let is_resized = self.drawn_in.is_some_and(|before| before != size);
        self.canvas.show(&frame(lines, is_resized));
        self.drawn_in = Some(size);
    }

    /// Takes the block away: what is written next begins where it began.
    pub(super) fn clear(&mut self) {
        if self.drawn_in.take().is_some() {
            self.canvas.insist(&format!("\r{ERASE_BELOW}"));
        }
    }
}

/// What draws `lines` where the cursor is, over a block that begins there, and brings the cursor back. All of the old
/// block is erased first only if the window may have wrapped it: else a terminal could flicker.
pub(super) fn frame(lines: &[Cow<'_, str>], is_resized: bool) -> String {
    let mut frame = "\r".to_owned();
    if is_resized {
        frame.push_str(ERASE_BELOW);
    }
    frame.push_str(&lines.join(&*format!("{ERASE_RIGHT}\r\n")));
    frame.push_str(ERASE_BELOW);
    frame.push('\r');
    let below = lines.len().saturating_sub(1);
    if below > 0 {
        let _ = write!(frame, "\u{1b}[{below}A");
    }
    frame
}
