//! `shotlist plan`: what a run would do with every job, and why.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Reading, Stop, accept, read_manifest, read_state};
use crate::cli::PlanArgs;
use crate::engine::event::JobIndex;
use crate::engine::job::{JobState, Phase};
use crate::engine::resume::{Outlook, Rerun, outlook};
use crate::engine::table::{JobTable, Selection};
use crate::engine::wish;
use crate::error::ExitCode;
use crate::manifest::Sources;
use crate::output::Output;
use crate::plan::{Fingerprint, JobId, Origin, Plan};
use crate::report::json::{Line, OriginLine, PlanJobLine, SummaryLine};
use crate::report::listing::{Order, PlanKind, PlanLine, PlanListing, PlanTotals};

pub(super) fn plan(options: &PlanArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let reading = Reading::new(&options.reading, options.json).deny_warnings(options.deny_warnings);
    let loaded = read_manifest(&options.manifest, &reading.options);
    let (manifest, sources) = accept(&options.manifest, loaded, &reading, output)?;
    let mut table = JobTable::new(Some(&manifest.plan));
    read_state(
        &options.manifest,
        options.out.out.as_deref(),
        &mut table,
        output,
    )?;

    let outlooks = Outlooks::new(&manifest.plan, &table);
    let mut totals = PlanTotals::default();
    outlooks.lines().for_each(|line| totals.add(&line));
    if options.json {
        output.data_lines(outlooks.lines().zip(0..).map(|(line, number)| {
            let job = manifest.plan.jobs().get(number);
            let line = PlanJobLine {
                origin: job.map(|job| origin(job.origin(), &sources)),
                ..PlanJobLine::from(&line)
            };
            Line::Plan(line).to_json()
        }));
        let summary = SummaryLine::new("plan", ExitCode::Completed).with_totals(&totals);
        output.data(&Line::Summary(summary).to_json());
        return Ok(ExitCode::Completed);
    }
    let mut listing = PlanListing::new(output.data_width());
    outlooks.lines().for_each(|line| listing.measure(&line));
    output.data(&listing.header());
    output.data_lines(outlooks.lines().map(|line| listing.draw(&line)));
    output.data("");
    output.data(&totals.text());
    Ok(ExitCode::Completed)
}

/// Where a job comes from, for programs.
fn origin(origin: &Origin, sources: &Sources) -> OriginLine {
    let (file, line) = sources.place_of(origin).unwrap_or_default();
    let matrix = origin.combination();
    OriginLine {
        line,
        row: origin.row,
        table: origin.row.map(|_| file.to_owned()),
        matrix: (!matrix.is_empty()).then(|| {
            let owned = |(axis, value): (&str, &str)| (axis.to_owned(), value.into());
            matrix.into_iter().map(owned).collect()
        }),
        variant: origin.variant(),
    }
}

/// What a run without `--select` and `--rerun` would do.
struct Outlooks<'a> {
    plan: &'a Plan,
    table: &'a JobTable,
    /// Whether a job that got its id from its content was removed: then a new one may be the same row, edited.
    lost_a_generated_id: bool,
    /// Removed jobs by what they sent.
    removed: HashMap<Fingerprint, JobIndex>,
}

impl<'a> Outlooks<'a> {
    fn new(plan: &'a Plan, table: &'a JobTable) -> Self {
        let lost_a_generated_id = table.removed().any(|job| is_generated(table.id(job)));
        Self {
            plan,
            table,
            lost_a_generated_id,
            removed: sent_by_removed(table),
        }
    }

    /// A new job that wants what a removed one sent is probably the same under another name.
    fn renamed(&self, job: JobIndex) -> Option<String> {
        let earlier = *self.removed.get(&self.table.wanted(job)?)?;
        let status = self.table.job(earlier).status();
        let id = self.table.id(earlier);
        Some(format!(
            "never submitted; the removed {id}, {status}, had the same content"
        ))
    }

    fn lines(&self) -> impl Iterator<Item = PlanLine<'a>> + '_ {
        (0..self.table.removed().end).map(|job| self.line(job))
    }

    fn line(&self, job: JobIndex) -> PlanLine<'a> {
        let table = self.table;
        let is_removed = table.removed().contains(&job);
        let outlook = outlook(
            table.job(job),
            wish(table, job, &Selection::default()),
            Rerun::default(),
        );
        let (kind, why) = if is_removed {
            (PlanKind::Removed, removed(outlook))
        } else {
            self.planned(job, outlook)
        };
        let seconds = self
            .plan
            .jobs()
            .get(job as usize)
            .and_then(|job| job.request().duration());
        let order = match outlook {
            Outlook::New | Outlook::Again | Outlook::Remake if !is_removed => {
                Order::Video { seconds }
            }
            _ => Order::Nothing,
        };
        PlanLine {
            id: table.id(job),
            kind,
            why,
            order,
        }
    }

    fn planned(&self, job: JobIndex, outlook: Outlook) -> (PlanKind, Cow<'static, str>) {
        let state = self.table.job(job);
        let changed = self.table.is_changed(job);
        match outlook {
            Outlook::New | Outlook::Remake | Outlook::Skipped => (PlanKind::New, self.new_job(job)),
            Outlook::Again => (PlanKind::New, again(state)),
            Outlook::Resume if changed => (
                PlanKind::Resume,
                "running with its old content, which is polled; the edit is not sent".into(),
            ),
            Outlook::Resume => (
                PlanKind::Resume,
                "running at the provider: polled, not sent again".into(),
            ),
            Outlook::Recheck => (
                PlanKind::Resume,
                "completed without a URL: polled again, not sent again".into(),
            ),
            Outlook::Done | Outlook::Failed if changed => (
                PlanKind::Changed,
                format!(
                    "{} with other content; `--rerun changed` makes it again",
                    state.status()
                )
                .into(),
            ),
            Outlook::Done => (PlanKind::Done, "completed".into()),
            Outlook::Failed => (
                PlanKind::Failed,
                format!("{}; `--rerun failed` makes it again", failure(state)).into(),
            ),
            Outlook::InDoubt => (PlanKind::InDoubt, in_doubt(state).into()),
        }
    }

    fn new_job(&self, job: JobIndex) -> Cow<'static, str> {
        if let Some(why) = self.renamed(job) {
            return why.into();
        }
        if self.lost_a_generated_id && is_generated(self.table.id(job)) {
            return "never submitted; a row without id whose prompt or media was edited is a new job".into();
        }
        "never submitted".into()
    }
}

fn sent_by_removed(table: &JobTable) -> HashMap<Fingerprint, JobIndex> {
    let sent = |job| Some((table.job(job).fingerprint?, job));
    table.removed().filter_map(sent).collect()
}

fn again(state: &JobState) -> Cow<'static, str> {
    match &state.phase {
        Phase::Returned { class, .. } => {
            format!("tried before, nothing was created ({class})").into()
        }
        _ => "nothing was created by its last attempt".into(),
    }
}

fn failure(state: &JobState) -> String {
    match &state.phase {
        Phase::Failed { class, message, .. } if !message.is_empty() => {
            format!("{class}: {message}")
        }
        Phase::Failed { class, .. } => class.to_string(),
        _ => "failed".to_owned(),
    }
}

fn in_doubt(state: &JobState) -> &'static str {
    match &state.phase {
        Phase::Lost { .. } => {
            "the provider no longer knows its task: never sent again by itself, see `shotlist resolve`"
        }
        Phase::Submitting { .. } => {
            "its create request is open, or the run that sent it died: never sent again by itself"
        }
        _ => "may have been created: never sent again by itself, see `shotlist resolve`",
    }
}

fn removed(outlook: Outlook) -> Cow<'static, str> {
    match outlook {
        Outlook::Resume => "no longer in the manifest; its running task is polled".into(),
        Outlook::Recheck => {
            "no longer in the manifest; completed without a URL, polled again".into()
        }
        Outlook::Done => "no longer in the manifest; completed".into(),
        Outlook::Failed => "no longer in the manifest; failed".into(),
        Outlook::InDoubt => "no longer in the manifest; in doubt".into(),
        _ => "no longer in the manifest; never created".into(),
    }
}

/// Whether `id` looks like one that was made from prompt and media.
fn is_generated(id: &JobId) -> bool {
    id.as_str()
        .strip_prefix("j-")
        .is_some_and(|hash| hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}
