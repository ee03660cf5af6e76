//! A table that is read a window at a time, so that a large one takes little memory. Start at [`begin`] and
//! [`Rest::next_window`].
//!
//! Only for somebody who glances at it: no text stays to show a mistake in. Each window begins with the header, so that
//! what is known of the columns keeps its place. What could make a difference to a reading of the whole is in doubt.

use std::fmt;
use std::io::{self, Read};

use super::Below;
use crate::manifest::diagnostic::Diagnostics;

/// How many bytes are read at once; few in tests, whose tables are small.
const WINDOW: usize = if cfg!(test) { 1 << 15 } else { 4 << 20 };

/// So many rows must be in the first window: by that many it is told what columns look like.
const ROWS: usize = 300;

/// What follows the window that is read.
pub(super) struct Rest {
    file: Box<dyn Read>,
    /// Bytes that were read and are not in a window yet: at most the beginning of a character.
    bytes: Vec<u8>,
    is_at_end: bool,
    is_first: bool,
}

impl fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rest").finish_non_exhaustive()
    }
}

/// The bytes of the first window of `file`, down to the end of a character, and the rest.
pub(super) fn begin(file: Box<dyn Read>) -> io::Result<(Vec<u8>, Rest)> {
    let mut rest = Rest {
        file,
        bytes: Vec::with_capacity(WINDOW + 4),
        is_at_end: false,
        is_first: true,
    };
    rest.fill()?;
    let whole = whole_characters(&rest.bytes).filter(|_| rest.goes_on());
    let whole = whole.unwrap_or(rest.bytes.len());
    let first = rest.bytes[..whole].to_vec();
    rest.bytes.drain(..whole);
    Ok((first, rest))
}

impl Rest {
    /// Whether anything may follow the window that is read.
    pub(super) fn goes_on(&self) -> bool {
        !self.is_at_end
    }

    /// Puts the next rows in the place of those in `text` that were read. False at the end, and where there is anything
    /// to find or to doubt.
    pub(super) fn next_window(
        &mut self,
        text: &mut String,
        below: &mut Below<'_>,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        if self.is_at_end {
            return false;
        }
        let has_no_row = below.at == below.head || self.is_first && below.filled < ROWS;
        self.is_first = false;
        if has_no_row || !diagnostics.is_spotless() {
            diagnostics.doubt();
            return false;
        }
        text.drain(below.head..below.at);
        below.passed += below.at - below.head;
        below.at = below.head;
        let is_read = self.append_to(text);
        if is_read.is_none() {
            diagnostics.doubt();
        }
        is_read.is_some()
    }

    /// None if what comes next is not UTF-8, or cannot be read.
    fn append_to(&mut self, text: &mut String) -> Option<()> {
        self.fill().ok()?;
        let whole = whole_characters(&self.bytes).filter(|whole| {
            let is_all = *whole == self.bytes.len();
            is_all || !self.is_at_end
        })?;
        let more = std::str::from_utf8(&self.bytes[..whole]).ok()?;
        if more.contains('\0') {
            return None;
        }
        text.push_str(more);
        self.bytes.drain(..whole);
        Some(())
    }

    fn fill(&mut self) -> io::Result<()> {
        let wanted = WINDOW - self.bytes.len();
        let mut window = (&mut self.file).take(wanted as u64);
        let read = window.read_to_end(&mut self.bytes)?;
        self.is_at_end = read < wanted;
        Ok(())
    }
}

/// How many of `bytes`, which are UTF-8, are not the beginning of a character that is cut off; none if they are not.
fn whole_characters(bytes: &[u8]) -> Option<usize> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Some(bytes.len()),
        Err(error) if error.error_len().is_none() => Some(error.valid_up_to()),
        Err(_) => None,
    }
}
