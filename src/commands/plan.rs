//! `shotlist plan`: what a run would do with every job, and why.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    Reading, Stage, Stop, accept, files, marks, read_manifest_in_windows, read_state,
    state_directory,
};
use crate::cli::PlanArgs;
use crate::clock;
use crate::engine::downloads::Gone;
use crate::engine::event::JobIndex;
use crate::engine::job::{JobState, Phase, Slot};
use crate::engine::resume::{Outlook, outlook};
use crate::engine::table::JobTable;
use crate::engine::wish;
use crate::error::ExitCode;
use crate::manifest::{Keeping, Sources};
use crate::money::{Amount, Cost, Priced};
use crate::output::Output;
use crate::plan::{Fingerprint, JobId, Origin, Plan};
use crate::report::cost::Bill;
use crate::report::forecast::{ASSUMED, Forecast, Pace, Renders, Span, length, video_of};
use crate::report::json::{CostLine, ExpectedLine, Line, OriginLine, PlanJobLine, SummaryLine};
use crate::report::listing::{Cap, Order, PlanKind, PlanLine, PlanListing, PlanTotals, cost_line};
use crate::report::spend::{Spend, SpendLine};
use crate::settings::{Schedule, Scope};

pub(super) fn plan(options: &PlanArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let mut reading =
        Reading::new(&options.reading, options.json).deny_warnings(options.deny_warnings);
    // Only programs are told where a job stands.
    if options.json {
        reading.options.keeping = Keeping::JobsAndLines;
    }
    let loaded = read_manifest_in_windows(&options.manifest, &reading.options);
    let (manifest, sources) = accept(&options.manifest, loaded, &reading, output)?;
    let mut scope = Scope::resolve(&options.scope, &manifest.settings)?;
    scope.ensure_selected(&manifest.plan)?;
    let out = options.out.out.as_deref();
    let marks = marks::read(&options.scope, out, &manifest, &reading, output)?;
    manifest.warn_of_second_state(out, Stage::Real, output);
    let mut table = JobTable::new(Some(&manifest.plan));
    read_state(&options.manifest, out, &mut table, output)?;
    scope.ensure_same_partition(&table)?;
    scope.rerun.marked = marks::judged(&marks, &table, &scope.selection, output)?.redo;

    let directory = state_directory(&options.manifest, out, Stage::Real);
    let outlooks = Outlooks::new(&manifest.plan, &table, &scope, &directory);
    let currency = manifest.plan.pricing().map(|pricing| pricing.currency);
    let mut totals = PlanTotals::new(currency);
    outlooks.lines().for_each(|line| totals.add(&line));
    let bill = totals.bill();
    let (budget, refusal) = match scope.budget(&manifest.plan, &table) {
        Ok(budget) => (budget, None),
        Err(error) => (None, Some(error)),
    };
    let cap = budget.as_ref().map(|budget| Cap {
        limit: budget.cap(),
        reserved: budget.reserved(table.reserved()),
        room_for: outlooks.fitting(budget.cap().amount, budget.reserved(table.reserved())),
    });
    let max_jobs = scope.max_jobs.map(NonZeroU32::get);
    let most = max_jobs
        .into_iter()
        .chain(cap.map(|cap| cap.room_for))
        .min();
    let spend = Spend::of(&table, budget.as_ref());
    let schedule = Schedule::of(&manifest.settings, &clock::local())?;
    let forecast = outlooks.forecast(bill, &schedule, most, clock::wall());
    if options.json {
        output.data_lines(outlooks.lines().zip(0..).map(|(line, number)| {
            let job = manifest.plan.jobs().get(number);
            let line = PlanJobLine {
                origin: job.map(|job| origin(job.origin(), &sources)),
                ..PlanJobLine::from(&line)
            };
            Line::Plan(line).to_json()
        }));
        let limit = scope.max_spend.zip(currency);
        let limit = limit.map(|(amount, currency)| Cost { amount, currency });
        let spend = spend.or_else(|| Spend::before(&table, limit));
        let summary = SummaryLine {
            cost: Some(Box::new(CostLine {
                room_for: cap.map(|cap| cap.room_for),
                refusal: refusal.map(|error| error.to_string()),
                ..CostLine::from(bill)
            })),
            spend: spend.as_ref().map(SpendLine::boxed),
            expected: forecast.as_ref().map(ExpectedLine::from),
            ..SummaryLine::new("plan", ExitCode::Completed).with_totals(&totals)
        };
        output.data(&Line::Summary(summary).to_json());
        return Ok(ExitCode::Completed);
    }
    let mut listing = PlanListing::new(output.data_width());
    outlooks.lines().for_each(|line| listing.measure(&line));
    output.data(&listing.header());
    output.data_lines(outlooks.lines().map(|line| listing.draw(&line)));
    output.data("");
    output.data_wrapped(&totals.text(max_jobs, cap.map(|cap| cap.room_for)));
    let lines = bill.lines(output.data_width());
    if !lines.is_empty() {
        output.data("");
        output.data_lines(lines);
        output.data("");
    }
    if let Some(cost) = cost_line(bill, cap) {
        output.data_wrapped(&cost);
    }
    if let Some(refusal) = refusal {
        output.data_wrapped(&format!(
            "a run would be refused: {refusal}; {}",
            refusal.help()
        ));
    }
    if let Some(spend) = spend {
        output.data_wrapped(&spend.text());
    }
    if let Some(forecast) = forecast {
        let (slots, rate) = (schedule.concurrency, schedule.submit_rate);
        output.data_wrapped(&forecast.text(&format!("with {slots} in flight at {rate}")));
    }
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

/// What a run would do.
struct Outlooks<'a> {
    plan: &'a Plan,
    table: &'a JobTable,
    scope: &'a Scope,
    /// Whether a job that got its id from its content was removed: then a new one may be the same row, edited.
    lost_a_generated_id: bool,
    /// Removed jobs by what they sent.
    removed: HashMap<Fingerprint, JobIndex>,
    /// Jobs whose recorded files are not there any more.
    gone: BTreeMap<JobIndex, Gone>,
}

impl<'a> Outlooks<'a> {
    /// For a state in the directory `beside`.
    fn new(plan: &'a Plan, table: &'a JobTable, scope: &'a Scope, beside: &Path) -> Self {
        let lost_a_generated_id = table.removed().any(|job| is_generated(table.id(job)));
        Self {
            plan,
            table,
            scope,
            lost_a_generated_id,
            removed: sent_by_removed(table),
            gone: files::gone(table, beside),
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

    /// How many videos fit under `cap`, each in its turn.
    fn fitting(&self, cap: Amount, reserved: Amount) -> u32 {
        let mut taken = reserved;
        let prices = self.lines().filter_map(|line| line.order.price());
        let fits = |price: &Amount| {
            let is_in = taken.plus(*price) <= cap;
            if is_in {
                taken = taken.plus(*price);
            }
            is_in
        };
        u32::try_from(prices.filter(fits).count()).unwrap_or(u32::MAX)
    }

    fn line(&self, job: JobIndex) -> PlanLine<'a> {
        let table = self.table;
        let is_removed = table.removed().contains(&job);
        let wish = wish(table, job, &self.scope.selection, &self.scope.rerun);
        let outlook = outlook(table.job(job), wish, &self.scope.rerun);
        let (kind, mut why) = if is_removed {
            (PlanKind::Removed, removed(outlook))
        } else {
            self.planned(job, outlook)
        };
        if let Some(earlier) = &table.job(job).earlier {
            why = format!("{why}; its take {} is completed", earlier.take.0).into();
        }
        if self.gone.contains_key(&job) {
            why = format!("{why}; its file is gone, `shotlist download` fetches it again").into();
        }
        let order = match (outlook, self.plan.jobs().get(job as usize)) {
            (Outlook::New | Outlook::Again | Outlook::Remake, Some(job)) => Order::Video {
                video: Priced::of(job.request()),
                price: self.plan.price(job).map(|cost| cost.amount),
            },
            _ => Order::Nothing,
        };
        PlanLine {
            id: table.id(job),
            kind,
            why,
            order,
        }
    }

    /// How long the run would take; `None` if there is nothing to wait for.
    fn forecast(
        &self,
        bill: &Bill,
        schedule: &Schedule,
        most_jobs: Option<u32>,
        now: Timestamp,
    ) -> Option<Forecast> {
        let submit_interval = schedule.submit_rate.interval();
        let pace = Pace {
            concurrency: schedule.concurrency,
            submit_interval,
            poll_interval: schedule.poll_rate.interval(),
            poll_first: schedule.poll_first,
            poll_every: schedule.poll_every,
            first_submit: match self.table.runs() {
                [] => Duration::ZERO,
                _ => submit_interval,
            },
        };
        let renders = Renders::of(self.plan, self.table, schedule.job_timeout);
        let takes = |model, seconds| match renders.median(model, seconds) {
            Some(median) => Span::of(median),
            None => ASSUMED.map(|render| pace.known_after(render, bill.videos())),
        };
        let running: Vec<Span> = (0..self.table.removed().end)
            .filter_map(|job| {
                let state = self.table.job(job);
                let since = held_since(state)?;
                let (model, seconds) = video_of(state, self.plan.jobs().get(job as usize))?;
                let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
                Some(takes(model, seconds).map(|time| time.saturating_sub(age)))
            })
            .collect();
        if running.is_empty() && bill.videos() == 0 {
            return None;
        }
        let most_jobs = most_jobs.map_or(usize::MAX, |most| most as usize);
        let at = |end: fn(Span) -> Duration| {
            let orders = self.lines().filter_map(|line| match line.order {
                Order::Video { video, .. } => Some(end(takes(video.model, video.seconds))),
                Order::Nothing => None,
            });
            length(
                &pace,
                running.iter().copied().map(end),
                orders.take(most_jobs),
            )
        };
        let length = Span {
            least: at(|span| span.least),
            most: at(|span| span.most),
        };
        let video = bill
            .groups()
            .filter_map(|(video, _)| renders.median(video.model, video.seconds))
            .map(Span::of)
            .reduce(Span::cover);
        let all = || renders.median_of_all().map(Span::of);
        let video = video.or_else(all).unwrap_or(ASSUMED);
        Some(Forecast {
            length,
            video,
            finished: renders.count(),
            is_cut_short: length.least.saturating_sub(video.least) > schedule.deadline,
        })
    }

    fn planned(&self, job: JobIndex, outlook: Outlook) -> (PlanKind, Cow<'static, str>) {
        let state = self.table.job(job);
        let changed = self.table.is_changed(job);
        match outlook {
            Outlook::New => (PlanKind::New, self.new_job(job)),
            Outlook::Again => (PlanKind::New, again(state)),
            Outlook::Skipped => (PlanKind::Skipped, "not selected".into()),
            Outlook::Remake if changed && self.scope.rerun.changed => (
                PlanKind::Changed,
                format!(
                    "{} with other content; made again, which costs again",
                    state.status()
                )
                .into(),
            ),
            Outlook::Remake if matches!(state.phase, Phase::Completed { .. }) => (
                PlanKind::Done,
                "completed, and marked to be made again, which costs again".into(),
            ),
            Outlook::Remake => (
                PlanKind::Failed,
                format!("{}; made again, which costs again", failure(state)).into(),
            ),
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

/// Since when a task has held a slot.
fn held_since(state: &JobState) -> Option<Timestamp> {
    match &state.phase {
        Phase::Running {
            task,
            slot: Slot::Held,
        } => Some(task.accepted_at),
        _ => None,
    }
}

/// Removed jobs by what they sent.
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
