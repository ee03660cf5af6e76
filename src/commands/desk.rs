//! Passes on what becomes true in a run: results.csv, progress, notices, JSON lines.
//!
//! Start at [`Desk`]. It is told after the state is durable and decides nothing about the run.

use std::path::PathBuf;
use std::time::Duration;

use super::logbook::Logbook;
use super::results_file::ResultsFile;
use crate::clock::Clock;
use crate::download::traffic::Traffic;
use crate::engine::Engine;
use crate::engine::event::{Event, JobIndex, Notice, RunNumber};
use crate::engine::job::{JobState, Phase, Status};
use crate::engine::selection::Selection;
use crate::engine::table::{Fact, JobTable, Record};
use crate::fs::FileError;
use crate::output::Output;
use crate::plan::{JobId, Plan};
use crate::progress::{self, Moment};
use crate::report::json::{JobLine, Line, NoticeLine};
use crate::report::logbook::{Entry, Level, RunEvent};
use crate::report::notice::{NoticeKind, job_of, notice_text};
use crate::report::outcome::{RunFact, Standing, Tally};
use crate::report::status::counts;
use crate::report::waits::Waits;
use crate::runner::{News, Reporter};

/// Most jobs of earlier runs whose times are looked at to reckon how long this one takes.
const EARLIER_JOBS: usize = 1000;

/// Everything that a run tells.
pub(super) struct Desk<'a> {
    plan: &'a Plan,
    selection: Selection,
    output: &'a mut Output,
    progress: progress::Reporter,
    telling: Telling<'a>,
    /// Where each job stood when it was last counted.
    standings: Vec<Standing>,
    tally: Tally,
    results: ResultsFile,
    facts: Vec<RunFact>,
    waits: Waits,
    run: RunNumber,
}

/// Who is told besides people.
pub(super) struct Telling<'a> {
    /// Whether programs read JSON lines.
    pub(super) json: bool,
    /// What the run is called.
    pub(super) run: &'a str,
    /// The log.
    pub(super) log: &'a mut Logbook,
    /// How far the downloads are.
    pub(super) traffic: Traffic,
    /// Tells how long it takes to write results.csv.
    pub(super) clock: &'a Clock,
}

/// What a desk has to say at the end.
pub(super) struct Closed {
    /// What happened that bears on the exit code.
    pub(super) facts: Vec<RunFact>,
    /// What submits waited for.
    pub(super) waits: Waits,
    /// Why results.csv could not be written.
    pub(super) results_error: Option<FileError>,
}

impl<'a> Desk<'a> {
    /// A desk for a run that begins with the jobs as `engine` has them.
    pub(super) fn new(
        plan: &'a Plan,
        engine: &Engine,
        selection: Selection,
        results: PathBuf,
        telling: Telling<'a>,
        output: &'a mut Output,
    ) -> Self {
        let table = engine.table();
        let tally = Tally::of(table, &selection);
        Self {
            plan,
            standings: (0..table.removed().end)
                .map(|job| Standing::in_run(table, job, &selection))
                .collect(),
            progress: progress::Reporter::new(output, &tally, earlier(table)),
            tally,
            selection,
            output,
            results: ResultsFile::new(results, telling.clock.clone()),
            telling,
            facts: Vec::new(),
            waits: Waits::default(),
            run: RunNumber(table.next_run().0 - 1),
        }
    }

    /// Takes the progress away and writes results.csv a last time, unless it says already what is true.
    pub(super) fn close(mut self, engine: &Engine) -> Closed {
        self.progress.finish(self.output);
        let results_error = self.results.close(self.plan, engine.table());
        Closed {
            facts: self.facts,
            waits: self.waits,
            results_error,
        }
    }

    fn count(&mut self, records: &[&Record], table: &JobTable, now: Duration) {
        for job in jobs_of(records, table) {
            let before = &mut self.standings[job as usize];
            self.tally.follow(table, job, &self.selection, *before);
            *before = Standing::in_run(table, job, &self.selection);
            if let Some(took) = took(table.job(job), self.run) {
                self.progress.settled(now, took);
            }
            self.progress.changed();
            self.results.changed(job, table, now);
        }
    }

    fn tell_jobs(&mut self, records: &[&Record], table: &JobTable) {
        let lines = jobs_of(records, table).map(|job| {
            let line = JobLine::of(table, job, &self.selection);
            let line = line.with_cost(Some(self.plan), table, job);
            Line::Job(line.of_run(self.telling.run)).to_json()
        });
        let lines: Vec<_> = lines.collect();
        self.tell_programs(lines);
    }

    /// Writes lines of JSON, which may go where the progress is shown.
    fn tell_programs(&mut self, lines: Vec<String>) {
        if self.output.data_width().is_some() && !lines.is_empty() {
            self.progress.make_way(|| self.output.data_lines(lines));
        } else {
            self.output.data_lines(lines);
        }
    }

    fn tell_notice(&mut self, notice: &Notice, table: &JobTable, elapsed: Duration) {
        self.progress
            .notice(notice, |job| table.id(job), elapsed, self.output);
        let Some(message) = notice_text(notice, |job| table.id(job)) else {
            return;
        };
        let job = job_of(notice).map(|job| table.id(job));
        self.tell_programs_of(NoticeKind::of(notice), job, &message);
        if self.telling.log.is_kept() {
            let prompts = job_of(notice).map(|job| prompts(self.plan, table, job));
            let prompts = prompts.unwrap_or_default();
            let entry = Entry::of_notice(notice, job, message, &prompts);
            self.note([entry]);
        }
    }

    /// Adds lines to the log.
    fn note(&mut self, entries: impl IntoIterator<Item = Entry>) {
        if let Some(warning) = self.telling.log.add(entries) {
            self.insist("warning", NoticeKind::Log, None, &warning);
        }
    }

    /// Tells what nobody may miss, to people above the progress and to programs.
    fn insist(&mut self, label: &str, kind: NoticeKind, job: Option<&JobId>, message: &str) {
        self.progress
            .insist(&format!("{label}: {message}"), self.output);
        self.tell_programs_of(kind, job, message);
    }

    /// The line of a notice, if lines are wanted.
    fn tell_programs_of(&mut self, kind: NoticeKind, job: Option<&JobId>, message: &str) {
        if !self.telling.json {
            return;
        }
        let line = NoticeLine {
            kind: kind.as_str(),
            job: job.map(JobId::as_str),
            message,
            run: Some(self.telling.run),
        };
        let text = Line::Notice(line).to_json();
        self.tell_programs(vec![text]);
    }

    fn note_records(&mut self, records: &[&Record], table: &JobTable) {
        if !self.telling.log.is_kept() || records.is_empty() {
            return;
        }
        let plan = self.plan;
        let entries: Vec<_> = records
            .iter()
            .map(|record| match &record.fact {
                Fact::Run(_) => begun(&self.tally),
                Fact::Job { id, event } => {
                    let job = table.position(id);
                    let prompts = job.map(|job| prompts(plan, table, job));
                    Entry::of_job(id, event, &prompts.unwrap_or_default())
                }
            })
            .collect();
        self.note(entries);
    }

    /// Ids that the state could not keep: the last chance to note them.
    fn tell_unsaved(&mut self, records: &[&Record]) {
        for record in records {
            if let Fact::Job {
                id,
                event: Event::Accepted { task_id, .. },
            } = &record.fact
            {
                let message = format!(
                    "job `{id}` was accepted as task `{task_id}`, and that could not be saved: note it down; \
                     the next run will call the job in doubt, and `shotlist resolve … {id} --task` takes the id"
                );
                self.insist("error", NoticeKind::NotSaved, Some(id), &message);
                self.note([Entry::of_run(
                    Level::Error,
                    NoticeKind::NotSaved.as_str(),
                    message,
                )]);
            }
        }
    }
}

/// The prompts of a job that the provider may repeat: what the plan says, and what was sent for this take and the one before.
fn prompts<'a>(plan: &'a Plan, table: &'a JobTable, job: JobIndex) -> Vec<&'a str> {
    let planned = plan.jobs().get(job as usize);
    let state = table.job(job);
    let earlier = state.earlier.as_ref().and_then(|take| take.sent.as_ref());
    let sent = [state.sent.as_ref(), earlier].into_iter().flatten();
    planned
        .map(|job| job.request().prompt())
        .into_iter()
        .chain(sent.map(|sent| &*sent.prompt))
        .collect()
}

impl Reporter for Desk<'_> {
    fn tell(&mut self, news: &News<'_>) {
        let table = news.engine.table();
        let now = news.now.mono;
        self.tell_unsaved(news.unsaved);
        self.count(news.records, table, now);
        self.count(news.unsaved, table, now);
        let snapshot = news.engine.snapshot(news.now);
        self.waits.follow(news.records, &snapshot, now);
        if self.telling.json {
            self.tell_jobs(news.records, table);
        }
        self.note_records(news.records, table);
        for notice in news.notices {
            self.facts.extend(RunFact::of(notice));
            self.tell_notice(notice, table, now);
        }
        self.results.write_if_due(now, self.plan, table);
        let moment = Moment {
            tally: &self.tally,
            snapshot: &snapshot,
            table,
            elapsed: now,
            flow: self.telling.traffic.flow(),
        };
        self.progress.refresh(moment, self.output);
    }

    fn wake_at(&self) -> Option<Duration> {
        let times = [self.results.due(), self.progress.due_at()];
        times.into_iter().flatten().min()
    }
}

fn begun(tally: &Tally) -> Entry {
    let version = env!("CARGO_PKG_VERSION");
    let words = format!("shotlist {version} begins a run: {}", counts(tally));
    Entry::of_run(Level::Info, RunEvent::Begun.as_str(), words)
}

/// How long jobs took that earlier runs completed.
fn earlier(table: &JobTable) -> Vec<Duration> {
    let jobs = (0..table.removed().end).rev().map(|job| table.job(job));
    jobs.filter(|job| job.status() == Status::Completed)
        .filter_map(from_submit_to_end)
        .take(EARLIER_JOBS)
        .collect()
}

/// How long a settled job took, if `run` submitted it: what an earlier run submitted was perhaps done long before
/// anybody asked.
fn took(job: &JobState, run: RunNumber) -> Option<Duration> {
    let is_own = job.task().is_none_or(|task| task.run == run);
    from_submit_to_end(job).filter(|_| is_own)
}

fn from_submit_to_end(job: &JobState) -> Option<Duration> {
    let (Phase::Completed { finished_at, .. } | Phase::Failed { finished_at, .. }) = &job.phase
    else {
        return None;
    };
    Duration::try_from(finished_at.duration_since(job.submitted_at?)).ok()
}

/// The jobs that `records` are about, each once.
fn jobs_of<'t>(
    records: &[&Record],
    table: &'t JobTable,
) -> impl Iterator<Item = JobIndex> + use<'t> {
    let mut jobs: Vec<JobIndex> = records
        .iter()
        .filter_map(|record| match &record.fact {
            Fact::Job { id, .. } => table.position(id),
            Fact::Run(_) => None,
        })
        .collect();
    jobs.sort_unstable();
    jobs.dedup();
    jobs.into_iter()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::num::NonZeroU32;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::engine::Setup;
    use crate::engine::downloads::Downloads;
    use crate::engine::event::{Now, RunStart};
    use crate::engine::limits::Limits;
    use crate::engine::resume::Rerun;
    use crate::output::Talk;
    use crate::report::sample;

    const HOUR: Duration = Duration::from_secs(3600);

    fn engine(table: JobTable, now: Now) -> Engine {
        let Fact::Run(last) = sample::run(1, &[]).fact else {
            unreachable!("that is what it makes");
        };
        let start = RunStart {
            run: table.next_run(),
            ..last
        };
        let limits = Limits {
            concurrency: NonZeroU32::MIN,
            submit_interval: HOUR,
            poll_interval: HOUR,
            poll_first: HOUR,
            poll_every: HOUR,
            job_timeout: HOUR,
            deadline: HOUR,
            max_jobs: None,
        };
        let setup = Setup {
            start,
            selection: Selection::default(),
            limits,
            rerun: Rerun::default(),
            budget: None,
            downloads: Downloads::default(),
        };
        Engine::resume(table, setup, now).0
    }

    #[test]
    fn what_bears_on_the_exit_code_is_kept_to_the_end() {
        let home = tempfile::tempdir().expect("a directory");
        let (plan, table) = sample::every_status();
        let now = Now {
            mono: Duration::ZERO,
            wall: sample::second(0),
        };
        let engine = engine(table, now);
        let mut output = Output::of_process(crate::cli::ColorWhen::Never, Talk::Quiet, &|_| None);
        let path = home.path().join("results.csv");
        let selection = Selection::default();
        let mut log = Logbook::default();
        let telling = Telling {
            json: false,
            run: "3f9a1c-1",
            log: &mut log,
            traffic: Traffic::default(),
            clock: &Clock::start(),
        };
        let mut desk = Desk::new(&plan, &engine, selection, path, telling, &mut output);
        let what = "a job that is failed cannot have the event `lost`".to_owned();
        desk.tell(&News {
            records: &[],
            unsaved: &[],
            notices: &[Notice::Illegal { job: 0, what }],
            engine: &engine,
            now,
        });
        let closed = desk.close(&engine);
        assert_eq!(closed.facts, [RunFact::Bug]);
        assert!(closed.results_error.is_none());
    }

    /// Takes what is said, for all who hold it.
    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Said {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Tells a desk of `records` at each of these seconds; what `look` sees after each, and what was said.
    fn told<T>(
        saved: &[&Record],
        unsaved: &[&Record],
        seconds: &[u64],
        look: impl Fn(&std::path::Path) -> T,
    ) -> (Vec<T>, String) {
        told_by(&slow_disk(Duration::ZERO), saved, unsaved, seconds, look)
    }

    /// A clock on which `passes` from each look to the next.
    fn slow_disk(passes: Duration) -> Clock {
        let looks = AtomicU32::new(0);
        Clock::told_by(move |_| Now {
            mono: passes * looks.fetch_add(1, Ordering::Relaxed),
            wall: sample::second(0),
        })
    }

    /// The same by this clock.
    fn told_by<T>(
        clock: &Clock,
        saved: &[&Record],
        unsaved: &[&Record],
        seconds: &[u64],
        look: impl Fn(&std::path::Path) -> T,
    ) -> (Vec<T>, String) {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("results.csv");
        let (plan, table) = sample::every_status();
        let now = |second| Now {
            mono: Duration::from_secs(second),
            wall: sample::second(0),
        };
        let engine = engine(table, now(0));
        let said = Said::default();
        let mut output = Output::to_writers(said.clone(), said.clone(), Talk::Quiet);
        let selection = Selection::default();
        let results = path.clone();
        let mut log = Logbook::default();
        let telling = Telling {
            json: !unsaved.is_empty(),
            run: "3f9a1c-1",
            log: &mut log,
            traffic: Traffic::default(),
            clock,
        };
        let mut desk = Desk::new(&plan, &engine, selection, results, telling, &mut output);
        let mut seen = Vec::new();
        for second in seconds {
            desk.tell(&News {
                records: saved,
                unsaved,
                notices: &[],
                engine: &engine,
                now: now(*second),
            });
            for _ in 0..2 {
                desk.results.settle();
                desk.results
                    .write_if_due(now(*second).mono, &plan, engine.table());
            }
            seen.push(look(&path));
        }
        let said = said.0.lock().expect("not poisoned").clone();
        (seen, String::from_utf8(said).expect("text"))
    }

    #[test]
    fn a_task_id_that_could_not_be_saved_is_said_even_to_who_wants_it_quiet() {
        let record = sample::event(1, "running", sample::accepted("task_running"));
        let (_, said) = told(&[], &[&record], &[0], |_| ());
        assert!(said.contains("`task_running`"), "{said}");
        assert!(said.contains("could not be saved"), "{said}");
        let line = said.lines().find(|line| line.starts_with('{'));
        assert!(
            line.is_some_and(|line| line.contains(r#""kind":"not_saved","job":"running""#)),
            "{said}"
        );
        let (_, said) = told(&[&record], &[], &[0], |_| ());
        assert_eq!(said, "");
    }

    #[test]
    fn results_are_at_most_two_seconds_behind_and_not_written_more_often() {
        let record = sample::event(1, "running", sample::accepted("task_running"));
        let take = |path: &std::path::Path| std::fs::remove_file(path).is_ok();
        let (written, _) = told(&[&record], &[], &[0, 1, 2, 3, 4, 5, 60], take);
        assert_eq!(written, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn results_that_take_long_to_write_leave_the_disk_most_of_its_time() {
        let record = sample::event(1, "running", sample::accepted("task_running"));
        let take = |path: &std::path::Path| std::fs::remove_file(path).is_ok();
        let disk = slow_disk(Duration::from_secs(3));
        let (written, _) = told_by(&disk, &[&record], &[], &[0, 1, 9, 10, 11, 19, 20], take);
        assert_eq!(written, [true, false, false, true, false, false, true]);
    }
}
