//! A terminal of our own that a command runs in: a pseudoterminal, and what a screen makes of the bytes that it gets.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::Parser;

use super::{KILLED, until};

/// A command in a window. Dropping it kills it.
pub(crate) struct Window {
    child: Child,
    controller: File,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
}

/// What came out of a window so far.
pub(crate) struct Seen {
    terminal: Parser,
    /// Everything, as it was written.
    pub(crate) bytes: Vec<u8>,
    /// Every screen that was to be seen after a piece of output, but for repetitions.
    pub(crate) screens: Vec<Shown>,
}

/// A screen at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its lines, without spaces at their ends.
    pub(crate) text: String,
    /// Whether a line from the cursor on, where the progress is, was too long and went on in the next one.
    pub(crate) is_wrapped: bool,
}

fn cells(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a window has cells")
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

impl Window {
    /// Runs `command` in a new window of this size.
    pub(crate) fn open(mut command: Command, columns: u16, rows: u16) -> Self {
        // Programs that other tests start at this moment must not get hold of it.
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let controller = openpt(flags).expect("a terminal");
        grantpt(&controller).expect("it is ours");
        unlockpt(&controller).expect("it is ours");
        let name = ptsname(&controller, Vec::new()).expect("a name");
        let name = name.to_str().expect("a path");
        tcsetwinsize(&controller, size(columns, rows)).expect("a size");
        let side = || {
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).open(name);
            Stdio::from(file.expect("the side of the program"))
        };
        command.stdin(side()).stdout(side()).stderr(side());
        let child = command.spawn().expect("the program starts");
        drop(command); // and with it our hold on the program's side
        let controller = File::from(controller);
        let seen = Arc::new(Mutex::new(Seen {
            terminal: Parser::new(cells(rows), cells(columns), 0),
            bytes: Vec::new(),
            screens: Vec::new(),
        }));
        let (source, own) = (controller.try_clone().expect("a copy"), Arc::clone(&seen));
        let reader = std::thread::spawn(move || read_on(source, &own));
        Self {
            child,
            controller,
            seen,
            reader: Some(reader),
        }
    }

    /// What came out so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the reader lives")
    }

    /// Waits until the screen shows `words`.
    #[track_caller]
    pub(crate) fn shows(&self, words: &str) {
        until(words, || self.seen().text().contains(words));
    }

    /// Makes the window larger or smaller.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let mut seen = self.seen();
        tcsetwinsize(&self.controller, size(columns, rows)).expect("a size");
        seen.terminal
            .screen_mut()
            .set_size(cells(rows), cells(columns));
    }

    /// What a person types.
    pub(crate) fn types(&mut self, text: &str) {
        self.controller.write_all(text.as_bytes()).expect("typed");
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("a living child");
    }

    /// Waits for the end of the command; its exit code and what was seen.
    #[track_caller]
    pub(crate) fn close(mut self) -> (i32, Seen) {
        let mut status = None;
        until("the end of the program", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        let reader = self.reader.take().expect("closed once");
        reader.join().expect("it only reads");
        let empty = Seen {
            terminal: Parser::new(cells(1), cells(1), 0),
            bytes: Vec::new(),
            screens: Vec::new(),
        };
        let seen = std::mem::replace(&mut *self.seen(), empty);
        (
            status.and_then(|status| status.code()).unwrap_or(KILLED),
            seen,
        )
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the last one on the program's side is gone.
fn read_on(mut source: File, seen: &Mutex<Seen>) {
    let mut piece = [0; 4_096];
    while let Ok(length @ 1..) = source.read(&mut piece) {
        let mut seen = seen.lock().expect("nobody panics with it");
        seen.take(&piece[..length]);
    }
}

impl Seen {
    fn take(&mut self, piece: &[u8]) {
        self.bytes.extend(piece);
        self.terminal.process(piece);
        let screen = self.terminal.screen();
        let shown = Shown {
            text: screen.contents(),
            is_wrapped: (screen.cursor_position().0..screen.size().0.get())
                .any(|row| screen.row_wrapped(row)),
        };
        if self.screens.last() != Some(&shown) {
            self.screens.push(shown);
        }
    }

    /// The screen as it is.
    pub(crate) fn text(&self) -> String {
        self.terminal.screen().contents()
    }

    /// Whether the cursor can be seen, and its column.
    pub(crate) fn cursor(&self) -> (bool, u16) {
        let screen = self.terminal.screen();
        (!screen.hide_cursor(), screen.cursor_position().1)
    }
}
