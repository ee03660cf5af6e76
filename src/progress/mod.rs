//! Tells people how a run goes on: a block of lines on a terminal, at most one line a minute elsewhere.
//!
//! Start at [`Reporter`]. What the block says is a pure function, `block::lines`, of a `block::View` and the size of
//! the window; `eta` and `pace` reckon what is in it, `screen` draws it, `log` is for places without a terminal.
//! When something is said is decided from a `now` that the caller hands in: nothing here asks a clock, and nothing
//! decides anything about the run.

mod block;
mod eta;
mod log;
mod pace;
mod screen;

use std::time::Duration;

use self::block::View;
use self::eta::{Eta, show_left};
use self::log::{Log, Progress};
use self::pace::{Current, Pace};
use self::screen::Screen;
use crate::download::traffic::Flow;
use crate::engine::event::{JobIndex, Notice};
use crate::engine::snapshot::Snapshot;
use crate::engine::table::JobTable;
use crate::output::Output;
use crate::plan::JobId;
use crate::report::notice::{NoticeKind, notice_text};
use crate::report::outcome::Tally;

/// Least time between two frames while something happens.
const BUSY_TICK: Duration = Duration::from_millis(100);

/// Time between two frames while nothing happens: countdowns go on.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// How often the size of the window is looked at.
const LOOK_TICK: Duration = Duration::from_millis(250);

/// How often a log is offered a line; it takes at most one a minute.
const LOG_TICK: Duration = Duration::from_secs(10);

/// Least time between two notices of one kind on a terminal.
const NOTICE_SPACING: Duration = Duration::from_secs(10);

/// Shows progress and notices as suits the place they are read in.
#[derive(Debug)]
pub struct Reporter {
    place: Place,
    settled_before: u32,
    eta: Eta,
    /// When something was shown last.
    last: Option<Duration>,
    /// When the window was looked at last.
    looked: Duration,
    /// Whether anything has happened since.
    is_stale: bool,
}

#[derive(Debug)]
enum Place {
    Terminal {
        screen: Screen,
        pace: Pace,
        current: Current,
        spacing: NoticeSpacing,
    },
    Log(Log),
    Nowhere,
}

/// A run at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The selected jobs, counted.
    pub tally: &'a Tally,
    /// The engine's view.
    pub snapshot: &'a Snapshot<'a>,
    /// All jobs.
    pub table: &'a JobTable,
    /// Time since the run began.
    pub elapsed: Duration,
    /// The open downloads.
    pub flow: Flow,
}

impl Reporter {
    /// A reporter for a run that begins with its jobs so; jobs that earlier runs completed took `earlier` each.
    pub fn new(output: &Output, tally: &Tally, earlier: Vec<Duration>) -> Self {
        let place = if output.is_quiet() {
            Place::Nowhere
        } else if output.can_draw() {
            Place::Terminal {
                screen: Screen::new(output.canvas()),
                pace: Pace::default(),
                current: Current::default(),
                spacing: NoticeSpacing::default(),
            }
        } else {
            Place::Log(Log::default())
        };
        Self {
            place,
            settled_before: tally.settled(),
            eta: Eta::new(earlier),
            last: None,
            looked: Duration::ZERO,
            is_stale: true,
        }
    }

    /// Something has happened that a frame would show.
    pub fn changed(&mut self) {
        self.is_stale = true;
    }

    /// A job of this run was settled, and took so long from its submit on.
    pub fn settled(&mut self, now: Duration, took: Duration) {
        self.eta.settled(now, took);
    }

    /// When [`Self::refresh`] may have something to show again; `None` if it never has.
    pub fn due_at(&self) -> Option<Duration> {
        let last = |tick| self.last.map_or(Duration::ZERO, |last| last + tick);
        Some(match self.place {
            Place::Terminal { .. } if self.is_stale => last(BUSY_TICK),
            Place::Terminal { .. } => last(IDLE_TICK).min(self.looked + LOOK_TICK),
            Place::Log(_) => last(LOG_TICK),
            Place::Nowhere => return None,
        })
    }

    /// Shows where the run is, if that is due.
    pub fn refresh(&mut self, moment: Moment<'_>, output: &mut Output) {
        let now = moment.elapsed;
        if self.due_at().is_none_or(|due| now < due) || !self.has_news(now, output) {
            return;
        }
        self.last = Some(now);
        self.is_stale = false;
        let left = self.eta.left(now, moment.snapshot);
        match &mut self.place {
            Place::Terminal {
                screen,
                pace,
                current,
                ..
            } => {
                let snapshot = moment.snapshot;
                let view = View {
                    speeds: pace.follow(now, snapshot.submits, snapshot.polls),
                    bytes_per_second: current.follow(now, moment.flow.received),
                    left,
                    usual: self.eta.usual(),
                    ..view(moment)
                };
                let window = output.window();
                let lines = block::lines(&view, screen.room(window, now));
                let look = |line: &String| output.in_talk_look(line).into_owned();
                screen.draw(lines.iter().map(look).collect(), window);
            }
            Place::Log(log) => {
                let text = log.progress(now, || logged(moment, self.settled_before, left));
                text.inspect(|text| output.talk(text));
            }
            Place::Nowhere => {}
        }
    }

    /// Whether a frame drawn now would be another one than the last.
    fn has_news(&mut self, now: Duration, output: &Output) -> bool {
        self.looked = now;
        let is_resized = match &self.place {
            Place::Terminal { screen, .. } => screen.is_resized(output.window()),
            Place::Log(_) | Place::Nowhere => false,
        };
        let is_old = self.last.is_none_or(|last| now >= last + IDLE_TICK);
        self.is_stale || is_old || is_resized
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
            Place::Terminal {
                screen, spacing, ..
            } => {
                if spacing.admits(kind, elapsed) {
                    screen.say(&output.as_talk(&text), output.window());
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

    /// Says what nobody may miss, whatever else is shown.
    pub fn insist(&mut self, text: &str, output: &mut Output) {
        match &mut self.place {
            Place::Terminal { screen, .. } => screen.say(&output.as_talk(text), output.window()),
            Place::Log(_) | Place::Nowhere => output.insist_wrapped(text),
        }
    }

    /// Takes the block away for a moment, in which `write` writes where it is.
    pub fn make_way(&mut self, write: impl FnOnce()) {
        match &mut self.place {
            Place::Terminal { screen, .. } => {
                screen.clear();
                write();
                screen.come_back();
            }
            Place::Log(_) | Place::Nowhere => write(),
        }
    }

    /// Takes the block away for good, so that the summary has the last word.
    pub fn finish(&mut self, output: &mut Output) {
        match &mut self.place {
            Place::Terminal { screen, .. } => screen.clear(),
            Place::Log(log) => {
                if let Some(text) = log.finish() {
                    output.talk(&text);
                }
            }
            Place::Nowhere => {}
        }
    }
}

/// The line of a log.
fn logged(moment: Moment<'_>, settled_before: u32, left: Option<Duration>) -> String {
    let left = left.filter(|_| !moment.snapshot.only_downloads());
    log::line(Progress {
        tally: moment.tally,
        settled_before,
        downloads: moment.snapshot.downloads,
        elapsed: moment.elapsed,
        left: left.map(show_left).as_deref(),
    })
}

/// What is seen at once; what only shows over some time is left out.
fn view(moment: Moment<'_>) -> View<'_> {
    let oldest = moment.snapshot.oldest.iter();
    View {
        tally: moment.tally,
        snapshot: moment.snapshot,
        oldest: oldest
            .map(|aged| (moment.table.id(aged.job).as_str(), aged.age))
            .collect(),
        speeds: None,
        flow: moment.flow,
        bytes_per_second: None,
        left: None,
        usual: None,
        elapsed: moment.elapsed,
    }
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

#[cfg(test)]
mod tests;
