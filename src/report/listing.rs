//! What `shotlist plan` shows: every job with what a run would do and why, and what that adds up to.
//!
//! Start at [`PlanLine`]. Which kind a job is of is decided elsewhere; here it is only counted and shown.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::table::{Columns, id_room};
use crate::plan::{JobId, words};

words! {
    /// What a run would do with a job.
    PlanKind {
        /// It would be submitted.
        New = "new",
        /// It has a task and would be polled.
        Resume = "resume",
        /// Its video is made.
        Done = "done",
        /// It failed; only `--rerun failed` makes it again.
        Failed = "failed",
        /// A person must look first.
        InDoubt = "in_doubt",
        /// It was submitted with another content; only `--rerun changed` makes it again.
        Changed = "changed",
        /// No longer in the manifest; only its task would be polled.
        Removed = "removed",
    }
}

/// One job of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanLine<'a> {
    /// Which job.
    pub id: &'a JobId,
    /// What a run would do with it.
    pub kind: PlanKind,
    /// Why it is of that kind: a lower-case fragment.
    pub why: Cow<'a, str>,
    /// What a run would order for it.
    pub order: Order,
}

/// What a run would order for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing: the job is not submitted.
    Nothing,
    /// A video, of this length if the manifest states one.
    Video {
        /// Length of the clip.
        seconds: Option<u8>,
    },
}

/// Draws the lines of a plan; every line is measured before the first is drawn.
#[derive(Debug, Clone)]
pub struct PlanListing(Columns<4>);

impl PlanListing {
    /// For a terminal of `width` cells; `None` cuts nothing but very long ids.
    pub fn new(width: Option<usize>) -> Self {
        let mut columns = Columns::new([id_room(width), 8, 4, usize::MAX], width);
        columns.measure(HEADER);
        Self(columns)
    }

    /// Makes room for a line.
    pub fn measure(&mut self, line: &PlanLine<'_>) {
        self.0
            .measure([line.id.as_str(), line.kind.as_str(), "", &line.why]);
    }

    /// The names of the columns.
    pub fn header(&self) -> String {
        self.0.draw(HEADER)
    }

    /// A line, without a line break.
    pub fn draw(&self, line: &PlanLine<'_>) -> String {
        let seconds = match line.order {
            Order::Video {
                seconds: Some(seconds),
            } => format!("{seconds}s"),
            Order::Video { seconds: None } => "?".to_owned(),
            Order::Nothing => String::new(),
        };
        self.0
            .draw([line.id.as_str(), line.kind.as_str(), &seconds, &line.why])
    }
}

const HEADER: [&str; 4] = ["JOB", "KIND", "ADDS", "WHY"];

/// What a plan adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanTotals {
    kinds: BTreeMap<PlanKind, u32>,
    videos: u32,
    seconds: u64,
    unstated: u32,
}

impl PlanTotals {
    /// Counts a line.
    pub fn add(&mut self, line: &PlanLine<'_>) {
        *self.kinds.entry(line.kind).or_default() += 1;
        if let Order::Video { seconds } = line.order {
            self.videos += 1;
            self.seconds += u64::from(seconds.unwrap_or(0));
            self.unstated += u32::from(seconds.is_none());
        }
    }

    /// Jobs of each kind that occurs.
    pub fn kinds(&self) -> impl Iterator<Item = (PlanKind, u32)> + '_ {
        self.kinds.iter().map(|(kind, count)| (*kind, *count))
    }

    /// All jobs, removed ones included.
    pub fn jobs(&self) -> u32 {
        self.kinds.values().sum()
    }

    /// Videos that a run would order.
    pub fn videos(&self) -> u32 {
        self.videos
    }

    /// Their seconds, as far as they are stated.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// The totals in one or two lines.
    pub fn text(&self) -> String {
        let kinds: Vec<_> = self
            .kinds()
            .map(|(kind, count)| format!("{count} {}", kind.as_str().replace('_', " ")))
            .collect();
        let mut text = jobs(self.jobs());
        if !kinds.is_empty() {
            let _ = write!(text, ": {}", kinds.join(", "));
        }
        text.push('\n');
        match self.videos {
            0 => text.push_str("a run would submit nothing"),
            videos => {
                let noun = if videos == 1 { "video" } else { "videos" };
                let _ = write!(
                    text,
                    "a run would submit {videos} {noun}, {} seconds",
                    self.seconds
                );
                if self.unstated > 0 {
                    let _ = write!(text, " and {} of unstated length", self.unstated);
                }
                text.push_str("; cost unknown");
            }
        }
        text
    }
}

/// `1 job`, `2 jobs`.
pub(crate) fn jobs(count: u32) -> String {
    format!("{count} {}", if count == 1 { "job" } else { "jobs" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::job_id;

    fn shown(lines: &[PlanLine<'_>], width: Option<usize>) -> String {
        let mut listing = PlanListing::new(width);
        let mut totals = PlanTotals::default();
        for line in lines {
            listing.measure(line);
            totals.add(line);
        }
        let rows = lines.iter().map(|line| listing.draw(line));
        let rows: Vec<_> = std::iter::once(listing.header()).chain(rows).collect();
        format!("{}\n\n{}", rows.join("\n"), totals.text())
    }

    #[test]
    fn every_job_is_listed_with_what_a_run_would_do_and_the_total() {
        let ids = [
            "hero",
            "雨-night",
            "lookbook-with-a-rather-long-name",
            "old",
        ]
        .map(job_id);
        let line = |id, kind, why: &'static str, order| PlanLine {
            id,
            kind,
            why: why.into(),
            order,
        };
        let lines = [
            line(
                &ids[0],
                PlanKind::New,
                "never submitted",
                Order::Video { seconds: Some(8) },
            ),
            line(
                &ids[1],
                PlanKind::New,
                "never submitted",
                Order::Video { seconds: None },
            ),
            line(
                &ids[2],
                PlanKind::InDoubt,
                "no answer within 3m; settle it with `shotlist resolve`",
                Order::Nothing,
            ),
            line(
                &ids[3],
                PlanKind::Removed,
                "task `task_9` is polled",
                Order::Nothing,
            ),
        ];
        insta::assert_snapshot!("wide", shown(&lines, None));
        insta::assert_snapshot!("narrow", shown(&lines, Some(60)));
    }

    #[test]
    fn a_plan_with_nothing_to_do_says_so() {
        assert_eq!(
            PlanTotals::default().text(),
            "0 jobs\na run would submit nothing"
        );
        let id = job_id("a");
        let mut totals = PlanTotals::default();
        totals.add(&PlanLine {
            id: &id,
            kind: PlanKind::Done,
            why: "".into(),
            order: Order::Nothing,
        });
        assert_eq!(totals.text(), "1 job: 1 done\na run would submit nothing");
    }
}
