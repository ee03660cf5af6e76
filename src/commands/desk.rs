//! Passes on what becomes true in a run: results.csv, progress, notices, JSON lines.
//!
//! Start at [`Desk`]. It is told after the state is durable and decides nothing about the run.

use std::path::PathBuf;
use std::time::Duration;

use super::write_results;
use crate::engine::Engine;
use crate::engine::event::{Event, JobIndex, Notice};
use crate::engine::table::{Fact, JobTable, Record, Selection};
use crate::fs::FileError;
use crate::output::Output;
use crate::plan::Plan;
use crate::progress;
use crate::report::json::{JobLine, Line, NoticeLine};
use crate::report::notice::{NoticeKind, job_of, notice_text};
use crate::report::outcome::{RunFact, Standing, Tally};
use crate::runner::{News, Reporter};

/// How far results.csv may be behind while something changes.
const RESULTS_SPACING: Duration = Duration::from_secs(2);

/// How often the bar of a terminal moves.
const TERMINAL_TICK: Duration = Duration::from_millis(200);

/// How often a log is offered a line; it takes at most one a minute.
const LOG_TICK: Duration = Duration::from_secs(10);

/// Everything that a run tells.
pub(super) struct Desk<'a> {
    plan: &'a Plan,
    selection: Selection,
    output: &'a mut Output,
    progress: progress::Reporter,
    json: bool,
    /// Where each job stood when it was last counted.
    standings: Vec<Standing>,
    tally: Tally,
    results: ResultsFile,
    facts: Vec<RunFact>,
    next_tick: Duration,
}

/// What a desk has to say at the end.
pub(super) struct Closed {
    /// What happened that bears on the exit code.
    pub(super) facts: Vec<RunFact>,
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
        json: bool,
        output: &'a mut Output,
    ) -> Self {
        let table = engine.table();
        let tally = Tally::of(table, &selection);
        Self {
            plan,
            standings: (0..table.removed().end)
                .map(|job| Standing::in_run(table, job, &selection))
                .collect(),
            progress: progress::Reporter::new(output, &tally),
            tally,
            selection,
            output,
            json,
            results: ResultsFile {
                path: results,
                due: Some(Duration::ZERO),
                error: None,
            },
            facts: Vec::new(),
            next_tick: Duration::ZERO,
        }
    }

    /// Takes the bar away and writes results.csv a last time.
    pub(super) fn close(mut self, engine: &Engine) -> Closed {
        self.progress.finish(self.output);
        self.results.write(self.plan, engine.table());
        Closed {
            facts: self.facts,
            results_error: self.results.error,
        }
    }

    fn count(&mut self, records: &[&Record], table: &JobTable) {
        for job in jobs_of(records, table) {
            let before = &mut self.standings[job as usize];
            self.tally.follow(table, job, &self.selection, *before);
            *before = Standing::in_run(table, job, &self.selection);
        }
    }

    fn tell_jobs(&mut self, records: &[&Record], table: &JobTable) {
        let lines = jobs_of(records, table).map(|job| {
            let line = JobLine::of(table, job, &self.selection);
            Line::Job(line.with_cost(Some(self.plan), table, job)).to_json()
        });
        let output = &mut *self.output;
        self.progress.aside(|| output.data_lines(lines));
    }

    fn tell_notice(&mut self, notice: &Notice, table: &JobTable, elapsed: Duration) {
        self.progress
            .notice(notice, |job| table.id(job), elapsed, self.output);
        if self.json
            && let Some(message) = notice_text(notice, |job| table.id(job))
        {
            let line = NoticeLine {
                kind: NoticeKind::of(notice).as_str(),
                job: job_of(notice).map(|job| table.id(job).as_str()),
                message: &message,
            };
            let text = Line::Notice(line).to_json();
            let output = &mut *self.output;
            self.progress.aside(|| output.data(&text));
        }
    }

    /// Ids that the state could not keep: the last chance to note them.
    fn tell_unsaved(&mut self, records: &[&Record]) {
        for record in records {
            if let Fact::Job {
                id,
                event: Event::Accepted { task_id, .. },
            } = &record.fact
            {
                let text = format!(
                    "error: job `{id}` was accepted as task `{task_id}`, and that could not be saved: note it down; \
                     the next run will call the job in doubt, and `shotlist resolve … {id} --task` takes the id"
                );
                let output = &mut *self.output;
                self.progress.aside(|| output.insist(&text));
            }
        }
    }
}

impl Reporter for Desk<'_> {
    fn tell(&mut self, news: &News<'_>) {
        let table = news.engine.table();
        self.tell_unsaved(news.unsaved);
        self.count(news.records, table);
        self.count(news.unsaved, table);
        if self.json {
            self.tell_jobs(news.records, table);
        }
        for notice in news.notices {
            self.facts.extend(RunFact::of(notice));
            self.tell_notice(notice, table, news.now.mono);
        }
        if !news.records.is_empty() {
            self.results.changed(news.now.mono);
        }
        self.results.write_if_due(news.now.mono, self.plan, table);
        if news.now.mono >= self.next_tick {
            self.progress
                .refresh(&self.tally, news.now.mono, self.output);
            let tick = if self.output.talks_to_terminal() {
                TERMINAL_TICK
            } else {
                LOG_TICK
            };
            self.next_tick = news.now.mono + tick;
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        Some(
            self.results
                .due
                .map_or(self.next_tick, |due| due.min(self.next_tick)),
        )
    }
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

/// results.csv, written now and then.
struct ResultsFile {
    path: PathBuf,
    /// When it must be written; `None` while it says what is true.
    due: Option<Duration>,
    error: Option<FileError>,
}

impl ResultsFile {
    fn changed(&mut self, now: Duration) {
        self.due.get_or_insert(now + RESULTS_SPACING);
    }

    fn write_if_due(&mut self, now: Duration, plan: &Plan, table: &JobTable) {
        if self.due.is_some_and(|due| due <= now) {
            self.write(plan, table);
        }
    }

    fn write(&mut self, plan: &Plan, table: &JobTable) {
        self.due = None;
        self.error = write_results(&self.path, plan, table).err();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::num::NonZeroU32;
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
        let mut desk = Desk::new(&plan, &engine, selection, path, false, &mut output);
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
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("results.csv");
        let (plan, table) = sample::every_status();
        let now = |second| Now {
            mono: Duration::from_secs(second),
            wall: sample::second(0),
        };
        let engine = engine(table, now(0));
        let said = Said::default();
        let mut output = Output::to_writers(io::sink(), said.clone(), Talk::Quiet);
        let selection = Selection::default();
        let results = path.clone();
        let mut desk = Desk::new(&plan, &engine, selection, results, false, &mut output);
        let mut seen = Vec::new();
        for second in seconds {
            desk.tell(&News {
                records: saved,
                unsaved,
                notices: &[],
                engine: &engine,
                now: now(*second),
            });
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
}
