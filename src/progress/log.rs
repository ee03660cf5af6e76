//! Progress where there is no terminal: at most one line a minute.

use std::time::Duration;

use super::block::show_elapsed;
use super::pace::{per_ten_hours, show_rate};
use super::{NoticeKind, is_weighty};
use crate::engine::downloads::DownloadCounts;
use crate::engine::job::Status;
use crate::report::outcome::Tally;

/// Least time between two lines where there is no terminal.
const LINE_SPACING: Duration = Duration::from_secs(60);

/// At most one line a minute: a notice that comes too early waits for the next line, the weightiest one wins.
#[derive(Debug, Default)]
pub(super) struct Log {
    last: Option<Duration>,
    waiting: Option<(NoticeKind, String)>,
}

impl Log {
    pub(super) fn progress(
        &mut self,
        now: Duration,
        line: impl FnOnce() -> String,
    ) -> Option<String> {
        if now.saturating_sub(self.last.unwrap_or_default()) < LINE_SPACING {
            return None;
        }
        self.last = Some(now);
        let notice = self
            .waiting
            .take()
            .map_or_else(String::new, |(_, text)| format!("; {text}"));
        Some(format!("{}: {}{notice}", show_elapsed(now), line()))
    }

    pub(super) fn notice(
        &mut self,
        kind: NoticeKind,
        now: Duration,
        text: String,
    ) -> Option<String> {
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
    pub(super) fn finish(&mut self) -> Option<String> {
        self.waiting
            .take()
            .filter(|(kind, _)| *kind == NoticeKind::Illegal)
            .map(|(_, text)| text)
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress<'a> {
    /// The selected jobs.
    pub(super) tally: &'a Tally,
    /// How many of them were settled when the run began.
    pub(super) settled_before: u32,
    /// How far the downloads are, if the run is to download.
    pub(super) downloads: Option<DownloadCounts>,
    /// Time since the run began.
    pub(super) elapsed: Duration,
    /// How long the run still takes, as it is to be shown.
    pub(super) left: Option<&'a str>,
}

/// `37/120 settled · 4 running · 2 failed · 6.2/min · about 13 min left`
pub(super) fn line(progress: Progress<'_>) -> String {
    let tally = progress.tally;
    let counted = |status: Status| {
        let (count, name) = (tally.count(status), status.as_str().replace('_', " "));
        (count > 0).then(|| format!("{count} {name}"))
    };
    let parts = [
        Some(format!("{}/{} settled", tally.settled(), tally.total())),
        counted(Status::Running),
        counted(Status::Submitting),
        counted(Status::Pending),
        counted(Status::Failed),
        counted(Status::InDoubt),
        progress.downloads.and_then(downloading),
        speed(progress).map(show_rate),
        progress.left.map(str::to_owned),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// `3 downloaded, 2 to go`
fn downloading(counts: DownloadCounts) -> Option<String> {
    let to_go = counts.open + counts.waiting;
    match (counts.done, to_go) {
        (0, 0) => None,
        (done, 0) => Some(format!("{done} downloaded")),
        (done, to_go) => Some(format!("{done} downloaded, {to_go} to go")),
    }
}

/// Jobs settled in this run per 10 hours, once there is anything to tell it from.
fn speed(progress: Progress<'_>) -> Option<u64> {
    let settled = progress
        .tally
        .settled()
        .saturating_sub(progress.settled_before);
    (settled > 0 && progress.elapsed >= Duration::from_secs(1))
        .then(|| per_ten_hours(u64::from(settled), progress.elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::selection::Selection;
    use crate::report::sample;

    #[test]
    fn the_line_says_where_the_jobs_are_and_how_fast_it_goes() {
        let tally = Tally::of(&sample::every_status().1, &Selection::default());
        let text = |seconds, settled_before, left| {
            line(Progress {
                tally: &tally,
                settled_before,
                downloads: None,
                elapsed: Duration::from_secs(seconds),
                left,
            })
        };
        insta::assert_snapshot!(text(90, 2, Some("about 13 min left")), @"9/14 settled · 2 running · 1 submitting · 2 pending · 4 failed · 2 in doubt · 4.6/min · about 13 min left");
        assert!(
            text(0, 0, None).ends_with("2 in doubt"),
            "no time, no speed"
        );
        assert!(text(90, 9, None).ends_with("2 in doubt"), "nothing settled");
        assert!(text(7200, 8, None).ends_with("· 0.5/h"));
        let counted = |done, open| {
            downloading(DownloadCounts {
                done,
                open,
                waiting: 1,
                failed: 4,
                ..DownloadCounts::default()
            })
        };
        assert_eq!(counted(3, 1).as_deref(), Some("3 downloaded, 2 to go"));
        assert_eq!(downloading(DownloadCounts::default()), None);
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
}
