//! A table that is read a window at a time, so that a large one takes little memory. Start at [`begin`] and
//! [`Rest::next_window`].
//!
//! Only for somebody who glances at it: of the text no more stays than a window, and what is found is shown in excerpts
//! that are read afterwards. Each window begins with the header, so that what is known of the columns keeps its place.
//! What could make a difference to a reading of the whole is in doubt.

use std::fmt;
use std::io::{self, Read};

/// How much is read at once.
#[derive(Debug, Clone, Copy)]
pub(in crate::manifest) struct Sizes {
    /// Bytes of a window.
    pub(in crate::manifest) window: usize,
    /// So many rows must be in the first window: by that many it is told what columns look like.
    pub(in crate::manifest) rows: usize,
}

impl Sizes {
    const USUAL: Self = Self {
        window: 4 << 20,
        rows: 300,
    };

    /// Those that hold; smaller ones in tests, whose tables are small.
    pub(super) fn now() -> Self {
        #[cfg(test)]
        return tests::SIZES.get();
        #[cfg(not(test))]
        Self::USUAL
    }
}

/// What follows the window that is read.
pub(super) struct Rest {
    file: Box<dyn Read>,
    /// Bytes that were read and are not in a window yet: at most the beginning of a character.
    bytes: Vec<u8>,
    is_at_end: bool,
    /// Whether another window than the first was read.
    pub(super) has_moved: bool,
}

/// Where in a window somebody reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seat {
    /// How many bytes at the beginning of each window stay: the header, and what is above it.
    pub(super) head: usize,
    /// Where the next row begins.
    pub(super) at: usize,
    /// How many bytes of earlier windows are not in this one.
    pub(super) passed: usize,
}

impl fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rest").finish_non_exhaustive()
    }
}

/// The bytes of the first window of `file`, down to the end of a character, and the rest.
pub(super) fn begin(file: Box<dyn Read>) -> io::Result<(Vec<u8>, Rest)> {
    let window = Sizes::now().window;
    let mut rest = Rest {
        file,
        bytes: Vec::with_capacity(window + 4),
        is_at_end: false,
        has_moved: false,
    };
    rest.fill(window)?;
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

    /// Puts the next rows in the place of those in `text` that were read. None if what comes next is not UTF-8, or cannot
    /// be read.
    pub(super) fn next_window(&mut self, text: &mut String, seat: &mut Seat) -> Option<()> {
        self.has_moved = true;
        text.drain(seat.head..seat.at);
        seat.passed += seat.at - seat.head;
        seat.at = seat.head;
        // A row that is longer than a window is begun again: each time there is twice as much of it.
        self.fill(Sizes::now().window.max(text.len())).ok()?;
        self.append_to(text)
    }

    fn append_to(&mut self, text: &mut String) -> Option<()> {
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

    fn fill(&mut self, size: usize) -> io::Result<()> {
        let wanted = size - self.bytes.len();
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

#[cfg(test)]
pub(in crate::manifest) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        pub(super) static SIZES: Cell<Sizes> = const { Cell::new(Sizes::USUAL) };
    }

    /// Does something while windows have other sizes.
    pub(in crate::manifest) fn with_sizes<T>(sizes: Sizes, act: impl FnOnce() -> T) -> T {
        let before = SIZES.replace(sizes);
        let done = act();
        SIZES.set(before);
        done
    }
}
