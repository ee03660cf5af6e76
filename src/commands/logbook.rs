//! `--log-file`: the file that a run keeps its log in. What a line says is the business of `report::logbook`.
//!
//! Start at [`Logbook::open`]. Lines are added at the end, several runs may do so at once, and whatever becomes of the
//! file, the run goes on.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::remark;
use crate::cli::NightArgs;
use crate::clock;
use crate::error::{Error, ExitCode};
use crate::fs;
use crate::output::Output;
use crate::report::logbook::{Entry, Level, LogFormat, RunEvent};
use crate::report::notice::NoticeKind;

/// What stands in the place of a run before one has begun.
const NO_RUN: &str = "-";

/// Where a run is told line by line, if anywhere.
#[derive(Debug, Default)]
pub(super) struct Logbook {
    book: Option<Book>,
}

#[derive(Debug)]
struct Book {
    file: File,
    path: PathBuf,
    format: LogFormat,
    /// What the run is called.
    run: String,
    /// Lines that could not be written since the last that could.
    lost: u64,
    /// Whether half a line stands at the end.
    is_torn: bool,
    /// Whether a person was told that lines are lost.
    is_told: bool,
}

impl Logbook {
    /// The log that was asked for. One that cannot be opened, or that is one of the `taken` files, is wrong usage.
    pub(super) fn open(options: &NightArgs, taken: &[PathBuf]) -> Result<Self, Error> {
        let Some(path) = &options.log_file else {
            return Ok(Self::default());
        };
        let shown = path.display();
        if let Some(other) = taken.iter().find(|other| fs::is_same_place(path, other)) {
            let message = format!(
                "the log cannot be `{shown}`, which is `{}`",
                other.display()
            );
            return Err(Error::new(ExitCode::Usage, message)
                .help("name a file of its own; nothing was sent and nothing was changed"));
        }
        let file = fs::open_log(path).map_err(|error| unusable(path, error))?;
        Ok(Self {
            book: Some(Book {
                file,
                path: path.clone(),
                format: options.log_format.into(),
                run: NO_RUN.to_owned(),
                lost: 0,
                is_torn: false,
                is_told: false,
            }),
        })
    }

    /// From now on the lines are about this run.
    pub(super) fn begin(&mut self, run: &str) {
        if let Some(book) = &mut self.book {
            run.clone_into(&mut book.run);
        }
    }

    /// Adds lines; what cannot be written is said once.
    pub(super) fn note(&mut self, entries: impl IntoIterator<Item = Entry>, output: &mut Output) {
        if let Some(warning) = self.add(entries) {
            remark::warn(NoticeKind::Log, self.run(), &warning, output);
        }
    }

    /// Adds lines; what is to be said, once, if they cannot be written.
    #[must_use]
    pub(super) fn add(&mut self, entries: impl IntoIterator<Item = Entry>) -> Option<String> {
        self.book.as_mut()?.note(entries)
    }

    /// What the run is called, once it has begun.
    fn run(&self) -> Option<&str> {
        let run = self.book.as_ref().map(|book| book.run.as_str());
        run.filter(|run| *run != NO_RUN)
    }

    /// Whether anybody keeps a log.
    pub(super) fn is_kept(&self) -> bool {
        self.book.is_some()
    }
}

impl Book {
    fn note(&mut self, entries: impl IntoIterator<Item = Entry>) -> Option<String> {
        let (at, mut text, mut count) = (clock::wall(), String::new(), 0);
        if self.lost > 0 {
            let words = format!(
                "{} lines are missing here: they could not be written",
                self.lost
            );
            let gap = Entry::of_run(Level::Warn, RunEvent::LinesMissing.as_str(), words);
            text.push_str(if self.is_torn { "\n" } else { "" });
            text.push_str(&gap.line(at, &self.run, self.format));
        }
        for entry in entries {
            text.push_str(&entry.line(at, &self.run, self.format));
            count += 1;
        }
        if count == 0 {
            return None;
        }
        match self.write(text.as_bytes()) {
            Ok(()) => self.lost = 0,
            Err(error) => {
                self.lost += count; // some of them may be there
                if !std::mem::replace(&mut self.is_told, true) {
                    let path = self.path.display();
                    return Some(format!(
                        "the log `{path}` cannot be written: {error}; the run goes on, and lines are missing there"
                    ));
                }
            }
        }
        None
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.is_torn = bytes[count - 1] != b'\n';
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn unusable(path: &Path, error: fs::FileError) -> Error {
    let message = format!("the log `{}` cannot be opened", path.display());
    let shown = Error::new(ExitCode::Usage, message).help(
        "name a file in a directory that is there and that you may write to; nothing was sent",
    );
    match error.into_source() {
        Some(source) => shown.because(source),
        None => shown,
    }
}
