//! The only place that writes to stdout and stderr: data on the one, talk on the other.
//!
//! Start at [`Output`]. A stream that is closed or full is remembered and left alone: it must neither panic nor end a
//! run between a create request and its record. Nor may one that nobody reads stop a run: between [`Output::detach`]
//! and [`Output::is_delivered`] a thread of its own writes, and nobody waits for it. What to say is decided elsewhere.

mod queue;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthStr;

use self::queue::Queue;
use crate::cli::ColorWhen;

/// Bytes after which many lines are written at once.
const PIECE: usize = 32 * 1024;

/// The program's two streams.
#[derive(Debug)]
pub struct Output {
    stdout: Stream,
    stderr: Stream,
    talk: Talk,
    /// Whether programs read stdout, line by line.
    json: bool,
    /// What was said and is not written yet, while a thread writes.
    queue: Option<Arc<Queue>>,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// Everything.
    Normal,
    /// `--quiet`: errors and the summary.
    Quiet,
}

impl Output {
    /// The process's own streams. `environment` looks up `NO_COLOR` and `CLICOLOR_FORCE`.
    pub fn of_process(
        color: ColorWhen,
        talk: Talk,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Self {
        let is_dumb = environment("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
        let kind = |is_terminal| match is_terminal {
            true if is_dumb => Kind::Teletype,
            true => Kind::Terminal,
            false => Kind::Other,
        };
        let stream = |writer: Box<dyn Write + Send>, kind, size: fn() -> Option<Size>| Stream {
            sink: Sink::Direct(writer),
            kind,
            look: look(color, kind, environment),
            size,
            failed: None,
        };
        Self {
            stdout: stream(
                Box::new(io::stdout()),
                kind(io::stdout().is_terminal()),
                || size_of(&io::stdout()),
            ),
            stderr: stream(
                Box::new(io::stderr()),
                kind(io::stderr().is_terminal()),
                || size_of(&io::stderr()),
            ),
            talk,
            json: false,
            queue: None,
        }
    }

    /// Streams that are no terminal, uncoloured, for tests and for embedding.
    pub fn to_writers(
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
        talk: Talk,
    ) -> Self {
        Self {
            stdout: Stream::plain(Box::new(stdout)),
            stderr: Stream::plain(Box::new(stderr)),
            talk,
            json: false,
            queue: None,
        }
    }

    /// From now on nothing that is said is waited for: a reader that stalls must not stop a run. Without a thread to
    /// spare everything stays as it is.
    pub fn detach(&mut self) {
        let (stdout, stderr) = (self.stdout.sink.take(), self.stderr.sink.take());
        let (Sink::Direct(out), Sink::Direct(err)) = (stdout, stderr) else {
            return; // it is so already
        };
        match queue::start([out, err]) {
            Ok(queue) => {
                self.stdout.sink = Sink::Queued(Arc::clone(&queue), queue::Which::Stdout);
                self.stderr.sink = Sink::Queued(Arc::clone(&queue), queue::Which::Stderr);
                self.queue = Some(queue);
            }
            Err([out, err]) => {
                self.stdout.sink = Sink::Direct(out);
                self.stderr.sink = Sink::Direct(err);
            }
        }
    }

    /// Whether everything that was said has been written, or cannot be.
    pub fn is_delivered(&self) -> bool {
        self.queue.as_ref().is_none_or(|queue| queue.is_empty())
    }

    /// Waits until everything that was said has been written, or cannot be.
    pub fn deliver(&self) {
        if let Some(queue) = &self.queue {
            queue.wait_until_empty();
        }
    }

    /// Lends stderr to something that draws on it: what it draws is dropped while nobody reads.
    pub fn canvas(&self) -> Canvas {
        Canvas(self.queue.clone())
    }

    /// A line (or several) of data on stdout; the line break at the end is added.
    pub fn data(&mut self, text: &str) {
        self.stdout.write_line(text);
    }

    /// Many lines of data on stdout, written in large pieces; stops where stdout does (`| head`).
    pub fn data_lines(&mut self, lines: impl IntoIterator<Item = String>) {
        let mut piece = String::new();
        for line in lines {
            piece.push_str(&line);
            piece.push('\n');
            if piece.len() >= PIECE {
                self.stdout.write(&piece);
                piece.clear();
            }
            if self.stdout.failure().is_some() {
                return;
            }
        }
        self.stdout.write(&piece);
    }

    /// Prose on stdout, wrapped between words on a terminal.
    pub fn data_wrapped(&mut self, text: &str) {
        match self.data_width() {
            Some(cells) => self.data(&wrapped(text, cells)),
            None => self.data(text),
        }
    }

    /// A line of talk on stderr: progress and notices, wrapped on a terminal. `--quiet` leaves it out.
    pub fn talk(&mut self, text: &str) {
        if self.talk == Talk::Normal {
            self.insist_wrapped(text);
        }
    }

    /// A line on stderr that `--quiet` does not silence: errors, diagnostics, the summary.
    pub fn insist(&mut self, text: &str) {
        self.stderr.write_line(text);
    }

    /// Prose on stderr that `--quiet` does not silence, wrapped between words on a terminal.
    pub fn insist_wrapped(&mut self, text: &str) {
        match self.stderr.cells() {
            Some(cells) => self.stderr.write_line(&wrapped(text, cells)),
            None => self.stderr.write_line(text),
        }
    }

    /// Whether stdout is for programs, to which every warning is told as well (`--json`).
    pub fn speaks_json(&self) -> bool {
        self.json
    }

    /// Says whether it is.
    pub fn speak_json(&mut self, json: bool) {
        self.json = json;
    }

    /// Whether progress and notices are shown.
    pub fn is_quiet(&self) -> bool {
        self.talk == Talk::Quiet
    }

    /// Whether somebody at a terminal reads stderr.
    pub fn talks_to_terminal(&self) -> bool {
        self.stderr.kind != Kind::Other && self.stderr.failure().is_none()
    }

    /// Whether stderr is a place to draw on, and not only to write line by line.
    pub fn can_draw(&self) -> bool {
        self.stderr.kind == Kind::Terminal && self.stderr.failure().is_none()
    }

    /// The size of the window that stderr is shown in, as it is now; a usual one if it does not tell.
    pub fn window(&self) -> Size {
        (self.stderr.size)().unwrap_or(Size::USUAL)
    }

    /// `text` as stderr would show it: without its colours where they are not wanted.
    pub fn in_talk_look<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.stderr.look.of(text)
    }

    /// `text` as [`Self::talk`] shows it: wrapped, and in the look of stderr.
    pub fn as_talk(&self, text: &str) -> String {
        let wrapped = match self.stderr.cells() {
            Some(cells) => Cow::Owned(wrapped(text, cells)),
            None => Cow::Borrowed(text),
        };
        self.stderr.look.of(&wrapped).into_owned()
    }

    /// Whether text on stderr keeps its colours: renderers may ask, text that comes coloured is stripped anyway.
    pub fn talks_in_color(&self) -> bool {
        self.stderr.look == Look::Colored
    }

    /// Cells in a line of stdout, if it is a terminal.
    pub fn data_width(&self) -> Option<usize> {
        self.stdout.cells()
    }

    /// Cells in a line of stderr, if it is a terminal.
    pub fn talk_width(&self) -> Option<usize> {
        self.stderr.cells()
    }

    /// Why data could not be written, if it could not; the first failure, after which nothing more was tried.
    pub fn data_failure(&self) -> Option<io::ErrorKind> {
        self.stdout.failure()
    }

    /// Why talk could not be written, if it could not.
    pub fn talk_failure(&self) -> Option<io::ErrorKind> {
        self.stderr.failure()
    }
}

/// One stream.
struct Stream {
    sink: Sink,
    kind: Kind,
    look: Look,
    /// Asks for the size of the window, which changes.
    size: fn() -> Option<Size>,
    failed: Option<io::ErrorKind>,
}

/// Who writes.
enum Sink {
    /// The caller, who waits.
    Direct(Box<dyn Write + Send>),
    /// A thread.
    Queued(Arc<Queue>, queue::Which),
    /// Nobody, for a moment.
    Gone,
}

impl Sink {
    fn take(&mut self) -> Self {
        match self {
            Self::Queued(queue, which) => Self::Queued(Arc::clone(queue), *which),
            Self::Direct(_) | Self::Gone => std::mem::replace(self, Self::Gone),
        }
    }
}

/// A place on stderr to draw on.
#[derive(Debug, Clone)]
pub struct Canvas(Option<Arc<Queue>>);

impl Canvas {
    /// A place that nobody sees.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self(Some(Arc::default()))
    }

    /// Shows `frame`, unless many earlier ones still wait to be seen; whether it does.
    pub fn show(&self, frame: &str) -> bool {
        let is_stalled = self.0.as_ref().is_some_and(|queue| queue.is_stalled());
        if !is_stalled {
            self.insist(frame);
        }
        !is_stalled
    }

    /// Shows `frame`, however many wait.
    pub fn insist(&self, frame: &str) {
        match &self.0 {
            Some(queue) => queue.push(queue::Which::Stderr, frame.as_bytes().to_vec()),
            None => drop(queue::write_patiently(&mut io::stderr(), frame.as_bytes())),
        }
    }
}

/// The size of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Cells in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

impl Size {
    /// Of a terminal that does not tell.
    const USUAL: Self = Self {
        columns: 80,
        rows: 24,
    };
}

/// What a stream leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A window whose lines can be drawn anew.
    Terminal,
    /// A terminal that only takes one line after another (`TERM=dumb`).
    Teletype,
    /// A file, a pipe.
    Other,
}

/// Whether escape sequences of colour are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Colored,
    Plain,
}

impl Look {
    fn of(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Plain if text.contains('\u{1b}') => Cow::Owned(strip_str(text).to_string()),
            Self::Plain | Self::Colored => Cow::Borrowed(text),
        }
    }
}

impl Stream {
    fn plain(writer: Box<dyn Write + Send>) -> Self {
        Self {
            sink: Sink::Direct(writer),
            kind: Kind::Other,
            look: Look::Plain,
            size: || None,
            failed: None,
        }
    }

    fn write_line(&mut self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    fn write(&mut self, text: &str) {
        if self.failure().is_some() {
            return;
        }
        let shown = self.look.of(text);
        match &mut self.sink {
            Sink::Direct(writer) => {
                let written = queue::write_patiently(writer, shown.as_bytes());
                self.failed = written.err().map(|error| error.kind());
            }
            Sink::Queued(queue, which) => queue.push(*which, shown.into_owned().into_bytes()),
            Sink::Gone => {}
        }
    }

    /// Cells in a line, if it is a terminal that tells.
    fn cells(&self) -> Option<usize> {
        (self.size)().map(|size| size.columns)
    }

    fn failure(&self) -> Option<io::ErrorKind> {
        match &self.sink {
            Sink::Queued(queue, which) => self.failed.or_else(|| queue.failure(*which)),
            Sink::Direct(_) | Sink::Gone => self.failed,
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("kind", &self.kind)
            .field("look", &self.look)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// `text` in lines of at most `cells` cells, broken between words and indented under their first line. A command is left
/// whole, so that it can be copied, and so is a word that is longer than a line.
fn wrapped(text: &str, cells: usize) -> String {
    let mut out = String::new();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        if cells_in(line) <= cells || is_command(line) {
            out.push_str(line);
        } else {
            wrap_line(line, cells, &mut out);
        }
    }
    out
}

fn wrap_line(line: &str, cells: usize, out: &mut String) {
    let margin = line.len() - line.trim_start_matches(' ').len();
    let hanging = if margin < 4 { margin + 4 } else { margin };
    let mut used = 0;
    for word in line.split_inclusive(' ').flat_map(breakable) {
        let width = cells_in(word.trim_end_matches(' '));
        if used > hanging && width > 0 && used + width > cells {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', hanging));
            used = hanging;
        }
        out.push_str(word);
        used += cells_in(word);
    }
    out.truncate(out.trim_end_matches(' ').len());
}

fn is_command(line: &str) -> bool {
    let plain = strip_str(line).to_string();
    let words = plain.trim_start();
    words
        .trim_start_matches("next:")
        .trim_start()
        .starts_with("shotlist ")
}

/// The pieces of a word between which a line may break: Chinese and Japanese are written without spaces.
fn breakable(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let next = rest.char_indices().zip(rest.chars().skip(1));
        let end = next
            .filter(|((_, left), right)| may_break_between(*left, *right))
            .map(|((at, left), _)| at + left.len_utf8())
            .next();
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Not before what closes, nor after what opens.
fn may_break_between(left: char, right: char) -> bool {
    let is_ideographic = |c: char| matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}');
    let closes = "、。，．：；？！）」』】〕》〉ーっゃゅょッャュョ々".contains(right);
    let opens = "（「『【〔《〈".contains(left);
    is_ideographic(left) && is_ideographic(right) && !closes && !opens
}

fn cells_in(text: &str) -> usize {
    strip_str(text).to_string().width()
}

/// `--color` wins; `auto` obeys `NO_COLOR`, then `CLICOLOR_FORCE`, then asks whether anyone could see it.
fn look(color: ColorWhen, kind: Kind, environment: &dyn Fn(&str) -> Option<OsString>) -> Look {
    let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
    let is_forced = is_set("CLICOLOR_FORCE") && environment("CLICOLOR_FORCE") != Some("0".into());
    let is_colored = match color {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => !is_set("NO_COLOR") && (is_forced || kind == Kind::Terminal),
    };
    if is_colored {
        Look::Colored
    } else {
        Look::Plain
    }
}

/// The size of the window of `stream`, if it is a terminal that tells.
fn size_of(stream: &impl std::os::fd::AsFd) -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    let rows = match size.ws_row {
        0 => Size::USUAL.rows,
        rows => usize::from(rows),
    };
    (size.ws_col > 0).then_some(Size {
        columns: usize::from(size.ws_col),
        rows,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A writer that another owner can read, with room for so many bytes.
    #[derive(Clone)]
    pub(crate) struct Shared {
        written: Arc<Mutex<Vec<u8>>>,
        room: usize,
    }

    impl Shared {
        pub(crate) fn with_room(room: usize) -> Self {
            Self {
                written: Arc::default(),
                room,
            }
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.written.lock().expect("not poisoned").clone()).expect("UTF-8")
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut written = self.written.lock().expect("not poisoned");
            if written.len() + bytes.len() > self.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            written.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(talk: Talk, room: usize) -> (Output, Shared, Shared) {
        let (stdout, stderr) = (Shared::with_room(room), Shared::with_room(room));
        (
            Output::to_writers(stdout.clone(), stderr.clone(), talk),
            stdout,
            stderr,
        )
    }

    #[test]
    fn data_goes_to_stdout_and_talk_to_stderr() {
        let (mut output, stdout, stderr) = output(Talk::Normal, 99);
        output.data("data");
        output.talk("talk");
        output.insist("error");
        assert_eq!(
            (stdout.text().as_str(), stderr.text().as_str()),
            ("data\n", "talk\nerror\n")
        );
    }

    #[test]
    fn quiet_silences_talk_but_neither_errors_nor_data() {
        let (mut output, stdout, stderr) = output(Talk::Quiet, 99);
        output.data("data");
        output.talk("talk");
        output.insist("error");
        assert_eq!(
            (stdout.text().as_str(), stderr.text().as_str()),
            ("data\n", "error\n")
        );
    }

    #[test]
    fn a_full_stream_is_remembered_and_left_alone() {
        let (mut output, stdout, stderr) = output(Talk::Normal, 4);
        output.data("abc");
        output.data("too long");
        output.data("");
        output.talk("also too long");
        assert_eq!(
            (stdout.text().as_str(), stderr.text().as_str()),
            ("abc\n", "")
        );
        assert_eq!(output.data_failure(), Some(io::ErrorKind::StorageFull));
        assert_eq!(output.talk_failure(), Some(io::ErrorKind::StorageFull));
    }

    #[test]
    fn many_lines_are_written_in_large_pieces_and_end_where_the_stream_does() {
        let lines = |count: usize| (0..count).map(|n| format!("line {n}"));
        let (mut output, stdout, _) = output(Talk::Normal, 1 << 20);
        output.data_lines(lines(10_000));
        let whole: String = lines(10_000).map(|line| line + "\n").collect();
        assert!(stdout.text() == whole, "every line once, in order");

        let mut asked = 0;
        let (mut output, _, _) = super::tests::output(Talk::Normal, 0);
        output.data_lines(lines(1_000_000).inspect(|_| asked += 1));
        assert!(asked < 10_000, "{asked} lines made for a closed pipe");
    }

    #[test]
    fn colours_are_dropped_where_nothing_can_show_them() {
        let (mut output, _, stderr) = output(Talk::Normal, 99);
        output.talk("\u{1b}[31mred\u{1b}[0m 雨");
        assert_eq!(stderr.text(), "red 雨\n");
    }

    #[test]
    fn prose_is_broken_between_words_and_a_command_is_left_whole() {
        let text = "12 jobs: 9 completed, 2 failed, 1 in doubt; took 17s\n\n\u{1b}[1mfailed:\u{1b}[0m\n  \
                    2  moderation  the request may contain something      lamp-story, 雨-film\n\
                    next:    shotlist run campaign.yaml --base-url http://127.0.0.1:18081\n         \
                    once the jobs in doubt are settled";
        insta::assert_snapshot!(strip_str(&wrapped(text, 40)), @"
        12 jobs: 9 completed, 2 failed, 1 in
            doubt; took 17s

        failed:
          2  moderation  the request may contain
              something      lamp-story, 雨-film
        next:    shotlist run campaign.yaml --base-url http://127.0.0.1:18081
                 once the jobs in doubt are
                 settled
        ");
        for cells in 0..90 {
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&wrapped(text, cells)), words(text), "{cells}");
        }
        assert_eq!(wrapped(text, 99), text);
    }

    #[test]
    fn chinese_and_japanese_are_broken_between_letters_but_not_before_what_closes() {
        let text =
            "submits wait 2s (`HTTP 429: 当前分组上游负载已饱和，请稍后再试 (fail)`), `雨夜-1`";
        insta::assert_snapshot!(wrapped(text, 30), @"
        submits wait 2s (`HTTP 429: 当
            前分组上游负载已饱和，请稍
            后再试 (fail)`), `雨夜-1`
        ");
        for cells in 14..90 {
            let shown = wrapped(text, cells);
            assert!(shown.lines().all(|line| cells_in(line) <= cells), "{shown}");
        }
    }

    #[test]
    fn the_flag_wins_over_the_environment_and_that_over_the_terminal() {
        use ColorWhen::{Always, Auto, Never};
        for (color, kind, no_color, force, expected) in [
            (Auto, Kind::Terminal, "", "", Look::Colored),
            (Auto, Kind::Other, "", "", Look::Plain),
            (Auto, Kind::Teletype, "", "", Look::Plain),
            (Auto, Kind::Teletype, "", "1", Look::Colored),
            (Always, Kind::Teletype, "", "", Look::Colored),
            (Auto, Kind::Terminal, "1", "", Look::Plain),
            (Auto, Kind::Terminal, "1", "1", Look::Plain),
            (Auto, Kind::Other, "", "1", Look::Colored),
            (Auto, Kind::Other, "", "0", Look::Plain),
            (Always, Kind::Other, "1", "", Look::Colored),
            (Never, Kind::Terminal, "", "1", Look::Plain),
        ] {
            let environment = |name: &str| match name {
                "NO_COLOR" => Some(OsString::from(no_color)),
                "CLICOLOR_FORCE" => Some(OsString::from(force)),
                other => panic!("`{other}` is none of its business"),
            };
            assert_eq!(
                look(color, kind, &environment),
                expected,
                "{color:?} {kind:?} NO_COLOR={no_color} CLICOLOR_FORCE={force}"
            );
        }
    }
}
