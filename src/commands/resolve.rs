//! `shotlist resolve`: a person says what became of jobs in doubt.

use futures::stream::{BoxStream, StreamExt};
use jiff::Timestamp;

use super::logbook::Logbook;
use super::run::{note_key_file, read_key_file};
use super::turn::{Turn, Wanted};
use super::{Reading, Stage, Stop, environment, load_manifest, open_state, signals, write_results};
use crate::api::VideoApi;
use crate::api::http::{ApiSettings, HttpApi, Timers};
use crate::cli::{Finding, ResolveArgs};
use crate::clock::{self, Clock};
use crate::engine::event::{Event, JobIndex, PollReply, RunNumber, TaskId};
use crate::engine::job::{Phase, Status};
use crate::engine::table::{Fact, JobTable, Record};
use crate::error::{Error, ExitCode};
use crate::output::Output;
use crate::plan::{JobId, Plan};
use crate::report::json::{JobLine, Line, SummaryLine};
use crate::report::outcome::Tally;
use crate::report::spend::{Spend, SpendLine};
use crate::results;
use crate::runner::Signal;
use crate::settings;

/// Total time for the one request, as for any poll.
const POLL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) fn resolve(options: &ResolveArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let clock = Clock::start();
    let reading = Reading::new(&options.reading, options.json);
    let mut manifest = load_manifest(&options.manifest, &reading, output)?;
    let out = options.out.out.as_deref();
    let wanted = Wanted {
        manifest: &options.manifest,
        out,
        stage: Stage::Real,
    };
    let mut turn = Turn::wait(
        wanted,
        options.wait.wait_lock,
        &mut Logbook::default(),
        output,
    )?;
    if turn.waited.is_some() {
        manifest = load_manifest(&options.manifest, &reading, output)?;
    }
    let lock = turn.lock.take();
    let (mut store, mut table) = open_state(&manifest, out, Stage::Real, lock, &clock, output)?;
    let now = clock.now().wall;
    let mut records = open_intents(&mut table, now);

    let (jobs, event) = match options.finding() {
        Finding::Task(id, task_id) => {
            let job = in_doubt(&table, &id)?;
            let run = check_task(options, &table, job, &task_id, turn.signals, output)?;
            (vec![job], Event::Adopted { task_id, run })
        }
        Finding::NotCreated(ids) => (all_in_doubt(&table, &ids)?, Event::NotCreated),
        Finding::NoneCreated => (every_in_doubt(&table), Event::NotCreated),
    };
    for job in jobs.iter().copied() {
        records.push(settle(&mut table, job, event.clone(), now));
    }
    store.commit(&records)?;
    write_results(&store.results_path(), &manifest.plan, &table)?;
    for job in &jobs {
        output.talk(&format!(
            "`{}` is settled: {}",
            table.id(*job),
            outcome(&event)
        ));
    }
    if jobs.is_empty() {
        output.talk("no job is in doubt");
    }
    if options.json {
        let results = store.results_path().display().to_string();
        tell_lines(&jobs, &manifest.plan, &table, results, output);
    }
    Ok(ExitCode::Completed)
}

/// Where the jobs that were settled stand now, and the summary, as JSON lines.
fn tell_lines(
    jobs: &[JobIndex],
    plan: &Plan,
    table: &JobTable,
    results: String,
    output: &mut Output,
) {
    let selection = results::last_selection(table);
    output.data_lines(jobs.iter().map(|job| {
        let line = JobLine::of(table, *job, &selection);
        Line::Job(line.with_cost(Some(plan), table, *job)).to_json()
    }));
    let spend = Spend::of(table, None);
    let summary = SummaryLine {
        results: Some(results),
        spend: spend.as_ref().map(SpendLine::boxed),
        ..SummaryLine::new("resolve", ExitCode::Completed).with_tally(&Tally::of(table, &selection))
    };
    output.data(&Line::Summary(summary).to_json());
}

fn outcome(event: &Event) -> String {
    match event {
        Event::Adopted { task_id, .. } => format!("the next run polls task `{task_id}`"),
        _ => "the next run submits it".to_owned(),
    }
}

/// The lock is held, so the run that left these intents open is dead: their jobs are in doubt.
fn open_intents(table: &mut JobTable, now: Timestamp) -> Vec<Record> {
    let all = 0..table.removed().end;
    let open: Vec<_> = all
        .filter(|job| table.job(*job).status() == Status::Submitting)
        .collect();
    open.into_iter()
        .map(|job| settle(table, job, Event::left_open(), now))
        .collect()
}

fn settle(table: &mut JobTable, job: JobIndex, event: Event, now: Timestamp) -> Record {
    table
        .apply(job, &event, now)
        .expect("the job's status was checked");
    Record {
        at: now,
        fact: Fact::Job {
            id: table.id(job).clone(),
            event,
        },
    }
}

fn every_in_doubt(table: &JobTable) -> Vec<JobIndex> {
    (0..table.removed().end)
        .filter(|job| table.job(*job).status() == Status::InDoubt)
        .collect()
}

fn all_in_doubt(table: &JobTable, ids: &[JobId]) -> Result<Vec<JobIndex>, Error> {
    let mut jobs = ids
        .iter()
        .map(|id| in_doubt(table, id))
        .collect::<Result<Vec<_>, _>>()?;
    jobs.sort_unstable();
    jobs.dedup();
    Ok(jobs)
}

fn in_doubt(table: &JobTable, id: &JobId) -> Result<JobIndex, Error> {
    let refuse = |message| {
        Error::new(ExitCode::Usage, message)
            .help("`shotlist status` shows which jobs are in doubt; nothing was changed")
    };
    let job = table
        .position(id)
        .ok_or_else(|| refuse(format!("there is no job `{id}`")))?;
    match table.job(job).status() {
        Status::InDoubt => Ok(job),
        status => Err(refuse(format!("job `{id}` is not in doubt but {status}"))),
    }
}

/// Asks the provider that may have the task, once; the run whose origin knows it.
fn check_task(
    options: &ResolveArgs,
    table: &JobTable,
    job: JobIndex,
    task_id: &TaskId,
    signals: Option<BoxStream<'static, Signal>>,
    output: &mut Output,
) -> Result<RunNumber, Error> {
    refuse_taken(table, job, task_id)?;
    let run = match &table.job(job).phase {
        Phase::InDoubt { run, .. } => *run,
        Phase::Lost { task, .. } => task.run,
        _ => unreachable!("the caller has checked that the job is in doubt"),
    };
    let origin = table.origin(run);
    if let Some(file) = &options.key.api_key_file {
        note_key_file(file, output);
    }
    let key = settings::api_key(
        options.key.api_key_file.as_deref(),
        &environment,
        &read_key_file,
    )?;
    if key.is_none() {
        return Err(settings::missing_api_key());
    }
    let timers = Timers::around(POLL_TIMEOUT);
    let api = HttpApi::new(ApiSettings {
        origin: origin.clone(),
        key,
        timers,
        wall_clock: clock::wall,
    })
    .map_err(|error| Error::new(error.exit_code(), error.to_string()))?;
    let runtime = signals::runtime()?;
    let mut signals = signals::listen_in(&runtime, signals)?;
    let reply = runtime.block_on(async {
        tokio::select! {
            reply = api.poll(origin, task_id) => Ok(reply),
            Some(signal) = signals.next() => Err(interrupted(signal)),
        }
    })?;
    known(reply, task_id, output).map(|()| run)
}

fn interrupted(signal: Signal) -> Error {
    let code = signals::exit_code(signal);
    Error::new(code, "told to end before the provider has answered").help("nothing was changed")
}

/// One task is that of one take: adopting another's would count its video twice.
fn refuse_taken(table: &JobTable, job: JobIndex, task_id: &TaskId) -> Result<(), Error> {
    let owner = (0..table.removed().end).find(|other| {
        let state = table.job(*other);
        let earlier = state.earlier.as_ref().map(|take| &take.task);
        let current = state.task().filter(|_| *other != job); // a lost task may be found again
        current
            .into_iter()
            .chain(earlier)
            .any(|task| task.id == *task_id || task.other_id.as_ref() == Some(task_id))
    });
    owner.map_or(Ok(()), |owner| {
        Err(Error::new(
            ExitCode::Usage,
            format!(
                "task `{task_id}` is already that of {}job `{}`",
                if owner == job {
                    "an earlier take of "
                } else {
                    ""
                },
                table.id(owner)
            ),
        )
        .help(
            "look again at the provider for the task with this job's prompt; nothing was changed",
        ))
    })
}

/// Whether the provider knows the task, by its one answer.
fn known(reply: PollReply, task_id: &TaskId, output: &mut Output) -> Result<(), Error> {
    let unknown = |why: String| {
        Error::new(
            ExitCode::Usage,
            format!("the provider does not know task `{task_id}`: {why}"),
        )
        .help("compare the id with the provider's list; nothing was changed")
    };
    let not_asked = |why: String| {
        Error::new(
            ExitCode::Unfinished,
            format!("the provider could not be asked about task `{task_id}`: {why}"),
        )
        .help("try again later; nothing was changed")
    };
    match reply {
        PollReply::Running { .. } | PollReply::Completed { .. } => Ok(()),
        PollReply::Failed { message, .. } => {
            output.talk(&format!(
                "note: task `{task_id}` has failed at the provider: {message}"
            ));
            Ok(())
        }
        PollReply::NotFound { message } => Err(unknown(message.to_string())),
        PollReply::OtherTask { task_id, .. } => {
            Err(unknown(format!("it answered about task `{task_id}`")))
        }
        PollReply::KeyRefused { message } => Err(Error::new(
            ExitCode::Refused,
            format!("the provider refuses the key: {message}"),
        )
        .help("correct `SHOTLIST_API_KEY` or the file of `--api-key-file`; nothing was changed")),
        PollReply::Later { .. } => Err(not_asked("it asks to come back later".to_owned())),
        PollReply::Trouble { message } => Err(not_asked(message.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::FailureClass;
    use crate::output::Talk;
    use crate::report::sample;
    use crate::text::CleanText;

    #[test]
    fn a_task_is_adopted_only_when_the_provider_says_something_about_it() {
        let code_of = |reply| {
            let mut output = Output::to_writers(std::io::sink(), std::io::sink(), Talk::Normal);
            known(reply, &sample::task("t"), &mut output).map_err(|error| error.code())
        };
        let message = || CleanText::new("said");
        let running = || PollReply::Running { unknown_word: None };
        let failed = PollReply::Failed {
            class: FailureClass::Generation,
            message: message(),
        };
        assert_eq!(code_of(running()), Ok(()));
        assert_eq!(code_of(failed), Ok(()));
        let of_another = PollReply::OtherTask {
            task_id: sample::task("another"),
            reply: Box::new(running()),
        };
        let not_found = PollReply::NotFound { message: message() };
        for unknown in [not_found, of_another] {
            assert_eq!(code_of(unknown), Err(ExitCode::Usage));
        }
        let trouble = PollReply::Trouble { message: message() };
        for not_asked in [trouble, PollReply::Later { retry_after: None }] {
            assert_eq!(code_of(not_asked), Err(ExitCode::Unfinished));
        }
        let refused = PollReply::KeyRefused { message: message() };
        assert_eq!(code_of(refused), Err(ExitCode::Refused));
    }

    #[test]
    fn only_jobs_in_doubt_can_be_settled() {
        let (plan, table) = sample::every_status();
        let settled: Vec<_> = plan
            .jobs()
            .iter()
            .map(|job| job.id().as_str())
            .filter(|id| in_doubt(&table, &sample::job_id(id)).is_ok())
            .collect();
        assert_eq!(settled, ["unclear", "lost"]);
    }

    #[test]
    fn a_task_is_that_of_one_take() {
        let jobs = ["hero", "other", "lost"].map(|id| sample::job(id, id));
        let plan = Plan::new(jobs.into(), Vec::new());
        let message = || CleanText::new("said");
        let event = |id, event| sample::event(60, id, event);
        let records = [
            sample::run(1, &[]),
            event("hero", sample::intent("hero")),
            event("hero", sample::accepted("first")),
            event("hero", sample::completed("https://x.example/v.mp4")),
            event("hero", Event::Reopened),
            event("hero", sample::intent("hero")),
            event("hero", Event::Doubted { message: message() }),
            event("other", sample::intent("other")),
            event("other", sample::accepted("second")),
            event("lost", sample::intent("lost")),
            event("lost", sample::accepted("third")),
            event("lost", Event::Lost { message: message() }),
        ];
        let table = sample::replayed(&plan, &records);
        let verdict = |job, id| {
            let verdict = refuse_taken(&table, job, &sample::task(id));
            verdict.map_err(|error| error.to_string())
        };
        let taken = |whose: &str| Err(whose.to_owned());
        assert_eq!(
            verdict(0, "first"),
            taken("task `first` is already that of an earlier take of job `hero`")
        );
        assert_eq!(
            verdict(1, "first"),
            taken("task `first` is already that of job `hero`")
        );
        assert_eq!(
            verdict(0, "second"),
            taken("task `second` is already that of job `other`")
        );
        assert_eq!(verdict(2, "third"), Ok(()), "it may be found again");
        assert_eq!(verdict(0, "fourth"), Ok(()));
    }

    #[test]
    fn a_job_that_is_named_twice_is_settled_once() {
        let (_, table) = sample::every_status();
        let ids = ["unclear", "lost", "UNCLEAR"].map(sample::job_id);
        let jobs = all_in_doubt(&table, &ids).map_err(|error| error.to_string());
        assert_eq!(jobs.map(|jobs| jobs.len()), Ok(2));
    }
}
