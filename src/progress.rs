//! Tells people how a run goes on: a bar on a terminal, at most one line a minute elsewhere.
//!
//! Start at [`Reporter`]. What it says is made by pure functions, [`line()`] and [`notice_text`]; when it says it is
//! decided from a `now` that the caller hands in. It decides nothing about the run and asks no clock. The bar is drawn
//! by `indicatif` on a [`Canvas`]; everything else goes through [`Output`] directly.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::engine::event::{JobIndex, Notice};
use crate::engine::job::Status;
use crate::output::{Canvas, Output};
use crate::plan::JobId;
use crate::report::notice::{NoticeKind, notice_text};
use crate::report::outcome::Tally;
use crate::report::table::cut;
use crate::units::show_duration;

/// Least time between two lines where there is no terminal.
const LINE_SPACING: Duration = Duration::from_secs(60);

/// Least time between two notices of one kind on a terminal.
const NOTICE_SPACING: Duration = Duration::from_secs(10);

/// Cells of a terminal that does not tell its width.
const USUAL_WIDTH: usize = 80;

/// Cells of the bar itself, with its margins.
const BAR_WIDTH: usize = 22;

/// Shows progress and notices as suits the place they are read in.
#[derive(Debug)]
pub struct Reporter {
    place: Place,
    settled_before: u32,
}

#[derive(Debug)]
enum Place {
    Terminal {
        bar: ProgressBar,
        spacing: NoticeSpacing,
    },
    Log(Log),
    Nowhere,
}

impl Reporter {
    /// A reporter for a run that begins with its jobs so.
    pub fn new(output: &Output, tally: &Tally) -> Self {
        let place = if output.is_quiet() {
            Place::Nowhere
        } else if output.talks_to_terminal() {
            Place::Terminal {
                bar: bar(tally, output),
                spacing: NoticeSpacing::default(),
            }
        } else {
            Place::Log(Log::default())
        };
        Self {
            place,
            settled_before: tally.settled(),
        }
    }

    /// Shows where the run is; cheap enough to be called several times a second.
    pub fn refresh(&mut self, tally: &Tally, elapsed: Duration, output: &mut Output) {
        let progress = Progress {
            tally,
            settled_before: self.settled_before,
            elapsed,
        };
        match &mut self.place {
            Place::Terminal { bar, .. } => {
                let width = output.talk_width().unwrap_or(USUAL_WIDTH);
                let has_bar = width >= 2 * BAR_WIDTH;
                bar.set_length(u64::from(tally.total()));
                bar.set_position(u64::from(tally.settled()));
                bar.set_style(style(has_bar));
                bar.set_message(line(progress, width - if has_bar { BAR_WIDTH } else { 0 }));
                bar.tick();
            }
            Place::Log(log) => {
                if let Some(text) = log.progress(elapsed, || line(progress, usize::MAX)) {
                    output.talk(&text);
                }
            }
            Place::Nowhere => {}
        }
    }

    /// Tells people about a notice, unless it says nothing new.
    pub fn notice<'a>(
        &mut self,
        notice: &Notice,
        id: impl Fn(JobIndex) -> &'a JobId,
        elapsed: Duration,
        output: &mut Output,
    ) {
        let Some(text) = notice_text(notice, id) else {
            return;
        };
        let kind = NoticeKind::of(notice);
        match &mut self.place {
            Place::Terminal { bar, spacing } => {
                if spacing.admits(kind, elapsed) {
                    bar.suspend(|| output.talk(&text));
                }
            }
            Place::Log(log) => {
                if let Some(text) = log.notice(kind, elapsed, text) {
                    output.talk(&text);
                }
            }
            Place::Nowhere => {}
        }
    }

    /// Runs `write` with the bar out of its way: for data on a stdout that is the same terminal.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.place {
            Place::Terminal { bar, .. } => bar.suspend(write),
            Place::Log(_) | Place::Nowhere => write(),
        }
    }

    /// Takes the bar away, so that the summary has the last word.
    pub fn finish(&mut self, output: &mut Output) {
        match &mut self.place {
            Place::Terminal { bar, .. } => bar.finish_and_clear(),
            Place::Log(log) => {
                if let Some(text) = log.finish() {
                    output.talk(&text);
                }
            }
            Place::Nowhere => {}
        }
    }
}

fn bar(tally: &Tally, output: &Output) -> ProgressBar {
    let frames = Frames {
        canvas: output.canvas(),
        width: output.talk_width().unwrap_or(USUAL_WIDTH),
        frame: Mutex::default(),
    };
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(frames), 10);
    ProgressBar::with_draw_target(Some(u64::from(tally.total())), target).with_style(style(true))
}

/// A terminal for the bar: what is drawn between two flushes is one frame.
#[derive(Debug)]
struct Frames {
    canvas: Canvas,
    width: usize,
    frame: Mutex<String>,
}

impl Frames {
    fn draw(&self, text: &str) {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        frame.push_str(text);
    }

    /// Moves the cursor, in the direction that the letter of the control sequence stands for.
    fn go(&self, cells: usize, direction: char) {
        if cells > 0 {
            self.draw(&format!("\u{1b}[{cells}{direction}"));
        }
    }
}

impl TermLike for Frames {
    fn width(&self) -> u16 {
        u16::try_from(self.width).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.go(lines, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.go(lines, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, cells: usize) -> io::Result<()> {
        self.go(cells, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, cells: usize) -> io::Result<()> {
        self.go(cells, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(&format!("{text}\n"));
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        self.canvas.show(&frame);
        frame.clear();
        Ok(())
    }
}

fn style(has_bar: bool) -> ProgressStyle {
    let template = if has_bar { "{bar:20}  {msg}" } else { "{msg}" };
    ProgressStyle::with_template(template).expect("a template that a test has read")
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The selected jobs.
    pub tally: &'a Tally,
    /// How many of them were settled when the run began.
    pub settled_before: u32,
    /// Time since the run began.
    pub elapsed: Duration,
}

/// `37/120 settled · 4 running · 2 failed · 6.2/min · 13m left` in at most `width` cells; what matters least is left
/// out first.
pub fn line(progress: Progress<'_>, width: usize) -> String {
    let mut parts = parts(progress);
    loop {
        let texts: Vec<_> = parts.iter().map(|part| part.text.as_str()).collect();
        let text = texts.join(" · ");
        let room = cut(&text, width);
        if room == text || parts.len() == 1 {
            return room.into_owned();
        }
        let least = parts.iter().map(|part| part.weight).min().unwrap_or(0);
        parts.retain(|part| part.weight > least);
    }
}

/// A part of the line, and how much it matters.
struct Part {
    weight: u8,
    text: String,
}

fn parts(progress: Progress<'_>) -> Vec<Part> {
    let tally = progress.tally;
    let counted = |weight, status: Status| {
        let (count, name) = (tally.count(status), status.as_str().replace('_', " "));
        (count > 0).then(|| Part {
            weight,
            text: format!("{count} {name}"),
        })
    };
    let settled = format!("{}/{} settled", tally.settled(), tally.total());
    let speed = speed(progress);
    [
        Some(Part {
            weight: u8::MAX,
            text: settled,
        }),
        counted(5, Status::Running),
        counted(1, Status::Submitting),
        counted(2, Status::Pending),
        counted(6, Status::Failed),
        counted(7, Status::InDoubt),
        speed.map(|speed| Part {
            weight: 3,
            text: show_rate(speed),
        }),
        time_left(progress).map(|left| Part {
            weight: 4,
            text: format!("{left} left"),
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Jobs settled in this run per 10 hours, once there is anything to tell it from.
fn speed(progress: Progress<'_>) -> Option<u64> {
    let settled = settled_in_run(progress)?;
    Some(u64::from(settled) * 36_000 / progress.elapsed.as_secs())
}

fn settled_in_run(progress: Progress<'_>) -> Option<u32> {
    let settled = progress
        .tally
        .settled()
        .saturating_sub(progress.settled_before);
    (settled > 0 && progress.elapsed >= Duration::from_secs(1)).then_some(settled)
}

/// A speed in the unit that makes it readable: `6.2/min`, `120/min`, `4.5/h`.
fn show_rate(per_ten_hours: u64) -> String {
    let (tenths, unit) = match per_ten_hours / 60 {
        0..=9 => (per_ten_hours, "h"),
        per_ten_minutes => (per_ten_minutes, "min"),
    };
    if tenths < 100 {
        format!("{}.{}/{unit}", tenths / 10, tenths % 10)
    } else {
        format!("{}/{unit}", tenths / 10)
    }
}

/// How long the rest takes at the speed so far, roughly.
fn time_left(progress: Progress<'_>) -> Option<String> {
    let settled = settled_in_run(progress)?;
    let rest = progress
        .tally
        .total()
        .saturating_sub(progress.tally.settled());
    let seconds = progress.elapsed.as_secs() * u64::from(rest) / u64::from(settled);
    (rest > 0).then(|| match seconds {
        0..60 => "under 1m".to_owned(),
        60..3_600 => format!("{}m", seconds.div_ceil(60)),
        3_600..172_800 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    })
}

/// Keeps a storm of one kind of notice from filling a terminal.
#[derive(Debug, Default)]
struct NoticeSpacing(Vec<(NoticeKind, Duration)>);

impl NoticeSpacing {
    fn admits(&mut self, kind: NoticeKind, now: Duration) -> bool {
        if is_weighty(kind) {
            return true;
        }
        let last = self.0.iter_mut().find(|(shown, _)| *shown == kind);
        match last {
            Some((_, at)) if now.saturating_sub(*at) < NOTICE_SPACING => return false,
            Some((_, at)) => *at = now,
            None => self.0.push((kind, now)),
        }
        true
    }
}

fn is_weighty(kind: NoticeKind) -> bool {
    matches!(kind, NoticeKind::SubmitsStopped | NoticeKind::Illegal)
}

/// At most one line a minute: a notice that comes too early waits for the next line, the weightiest one wins.
#[derive(Debug, Default)]
struct Log {
    last: Option<Duration>,
    waiting: Option<(NoticeKind, String)>,
}

impl Log {
    fn progress(&mut self, now: Duration, line: impl FnOnce() -> String) -> Option<String> {
        if now.saturating_sub(self.last.unwrap_or_default()) < LINE_SPACING {
            return None;
        }
        self.last = Some(now);
        let notice = self
            .waiting
            .take()
            .map_or_else(String::new, |(_, text)| format!("; {text}"));
        let whole_seconds = show_duration(Duration::from_secs(now.as_secs()));
        Some(format!("{whole_seconds}: {}{notice}", line()))
    }

    fn notice(&mut self, kind: NoticeKind, now: Duration, text: String) -> Option<String> {
        let is_due = self
            .last
            .is_none_or(|last| now.saturating_sub(last) >= LINE_SPACING);
        if is_due {
            self.last = Some(now);
            return Some(text);
        }
        if self
            .waiting
            .as_ref()
            .is_none_or(|(waiting, _)| is_weighty(kind) || !is_weighty(*waiting))
        {
            self.waiting = Some((kind, text));
        }
        None
    }

    /// What must still be said before the summary, which itself says why submits stopped.
    fn finish(&mut self) -> Option<String> {
        self.waiting
            .take()
            .filter(|(kind, _)| *kind == NoticeKind::Illegal)
            .map(|(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::engine::table::Selection;
    use crate::output::Talk;
    use crate::report::sample;

    fn tally() -> Tally {
        Tally::of(&sample::every_status().1, &Selection::default())
    }

    fn progress(tally: &Tally, seconds: u64) -> Progress<'_> {
        Progress {
            tally,
            settled_before: 2,
            elapsed: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn the_line_loses_what_matters_least_when_it_is_narrow_and_always_fits() {
        let tally = tally();
        let widths = [120, 80, 70, 60, 50, 40, 30, 20, 10, 1, 0];
        let lines = widths.map(|width| {
            let text = line(progress(&tally, 90), width);
            assert!(text.width() <= width, "{width}: {text}");
            format!("{width:3}|{text}")
        });
        insta::assert_snapshot!("widths", lines.join("\n"));
    }

    #[test]
    fn speed_and_time_left_wait_until_there_is_something_to_tell_them_from() {
        let tally = tally();
        let text = |seconds, settled_before| {
            let elapsed = Duration::from_secs(seconds);
            line(
                Progress {
                    tally: &tally,
                    settled_before,
                    elapsed,
                },
                usize::MAX,
            )
        };
        assert!(!text(0, 0).contains("left") && !text(90, 9).contains("left"));
        assert!(text(90, 8).ends_with("40/h · 8m left"), "{}", text(90, 8));
        assert!(
            text(7200, 8).ends_with("0.5/h · 10h00m left"),
            "{}",
            text(7200, 8)
        );
        assert!(
            text(1, 0).ends_with("540/min · under 1m left"),
            "{}",
            text(1, 0)
        );
    }

    #[test]
    fn a_storm_of_one_kind_shows_one_notice_in_ten_seconds_but_every_stop() {
        let mut spacing = NoticeSpacing::default();
        let at = Duration::from_secs;
        assert!(spacing.admits(NoticeKind::PollTrouble, at(1)));
        assert!(!spacing.admits(NoticeKind::PollTrouble, at(10)));
        assert!(spacing.admits(NoticeKind::Paused, at(10)));
        assert!(spacing.admits(NoticeKind::PollTrouble, at(11)));
        assert!(spacing.admits(NoticeKind::SubmitsStopped, at(11)));
        assert!(spacing.admits(NoticeKind::SubmitsStopped, at(11)));
    }

    #[test]
    fn a_log_gets_at_most_one_line_a_minute() {
        let mut log = Log::default();
        let mut said_at = Vec::new();
        for second in 0..600 {
            let now = Duration::from_secs(second);
            let notice = log.notice(NoticeKind::Paused, now, "paused".to_owned());
            let progress = log.progress(now, || "progress".to_owned());
            said_at.extend(notice.map(|_| second));
            said_at.extend(progress.map(|_| second));
        }
        assert_eq!(said_at, [0, 60, 120, 180, 240, 300, 360, 420, 480, 540]);
    }

    #[test]
    fn a_notice_that_waited_comes_with_the_next_line_unless_the_summary_says_it() {
        let at = Duration::from_secs;
        let mut log = Log::default();
        let text = |text: &str| text.to_owned();
        assert_eq!(log.progress(at(59), || text("p")), None);
        assert_eq!(log.progress(at(60), || text("p")), Some(text("1m: p")));
        assert_eq!(
            log.notice(NoticeKind::SubmitsStopped, at(61), text("stop")),
            None
        );
        assert_eq!(log.notice(NoticeKind::Paused, at(62), text("pause")), None);
        assert_eq!(
            log.progress(at(121), || text("p")),
            Some(text("2m1s: p; stop"))
        );
        assert_eq!(log.notice(NoticeKind::Paused, at(122), text("pause")), None);
        assert_eq!(log.finish(), None, "a pause is over");
        assert_eq!(
            log.notice(NoticeKind::SubmitsStopped, at(123), text("stop")),
            None
        );
        assert_eq!(log.finish(), None, "the summary says why submits stopped");
        assert_eq!(log.notice(NoticeKind::Illegal, at(124), text("bug")), None);
        assert_eq!(log.finish(), Some(text("bug")));
        assert_eq!(log.finish(), None);
    }

    #[test]
    fn quiet_shows_neither_progress_nor_notices() {
        let mut output = Output::to_writers(std::io::empty(), std::io::empty(), Talk::Quiet);
        let reporter = Reporter::new(&output, &tally());
        assert!(matches!(reporter.place, Place::Nowhere));
        output = Output::to_writers(std::io::empty(), std::io::empty(), Talk::Normal);
        let mut reporter = Reporter::new(&output, &tally());
        assert!(matches!(reporter.place, Place::Log(_)));
        reporter.refresh(&tally(), Duration::from_secs(60), &mut output);
        reporter.finish(&mut output);
    }

    #[test]
    fn the_templates_of_the_bar_can_be_read() {
        for has_bar in [true, false] {
            let _ = style(has_bar);
        }
    }
}
