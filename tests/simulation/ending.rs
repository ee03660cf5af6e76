//! What must hold when a run has ended by itself: it polled everyone, it says the truth, it left in time.
//!
//! Start at [`check_ended`].

use std::time::Duration;

use shotlist::engine::INTERRUPT_GRACE;
use shotlist::engine::event::StopReason;
use shotlist::engine::job::Status;
use shotlist::engine::selection::Selection;
use shotlist::engine::table::JobTable;
use shotlist::error::ExitCode;
use shotlist::report::outcome::{RunFact, Tally, exit_code};
use shotlist::runner::{Ended, Signal};
use shotlist::state::StateError;

use crate::figures::Seen;
use crate::person::job_number;
use crate::register::JobNumber;
use crate::weather::SECOND;
use crate::world::{Audit, World};

/// The jobs that have a task at the provider.
pub(crate) fn running(table: &JobTable) -> Vec<JobNumber> {
    (0..table.removed().end)
        .filter(|job| table.job(*job).status() == Status::Running)
        .map(|job| job_number(table.id(job)))
        .collect()
}

pub(crate) fn check_ended(
    world: &mut World,
    ended: &Ended<StateError>,
    was_running: &[JobNumber],
    selection: &Selection,
) {
    world.note(|| format!("the run ends: {:?} {:?}", ended.signal, ended.state_error));
    if world.audit < Audit::Requests {
        return;
    }
    match &ended.state_error {
        Some(StateError::Full { .. }) if !world.session.notes.state_failed => {
            world.saw(Seen::IntentsRefused);
        }
        Some(_) => world.saw(Seen::StateFailed),
        None => {}
    }
    let is_broken = world.session.notes.state_failed || world.disk.is_moved;
    let is_told = ended.state_error.is_some() || !world.session.notes.state_failed;
    world.ensure(is_told, || "a state that failed is not told".to_owned());
    if !is_broken {
        let plan = world.plan();
        let mut table = JobTable::new(Some(&plan));
        let replayed = world
            .acknowledged
            .iter()
            .try_for_each(|record| table.replay(record));
        world.ensure(replayed.is_ok(), || {
            format!("the state does not replay: {replayed:?}")
        });
        world.check_memory(ended.engine.table(), &table);
        let costs = ended.engine.table().reserved().costs();
        let told: u64 = costs.map(|cost| cost.amount.millionths()).sum();
        let recorded = world.register.reserved(0) * 1_000_000; // what was recorded without a cost counts for nothing
        world.ensure(told == recorded, || {
            format!("the run takes {told} for reserved, and the state says {recorded}")
        });
        let open = world
            .register
            .jobs()
            .find(|(_, lines)| lines.last == "intent");
        let open = open.map(|(job, _)| job);
        world.ensure(open.is_none(), || {
            format!("the run leaves the create of {open:?} open")
        });
    }
    check_left(world, ended, selection);
    check_polls(world, ended, was_running);
    check_leave(world);
    check_exit_code(world, ended, selection);
}

/// A run leaves no job that it could have submitted: something else stopped it, or its cap does not allow any.
fn check_left(world: &mut World, ended: &Ended<StateError>, selection: &Selection) {
    let is_alone = world.session.terms.downloads.is_alone();
    if is_alone || ended.signal.is_some() || world.session.notes.state_failed || world.disk.is_moved
    {
        return;
    }
    let (table, stops) = (ended.engine.table(), ended.engine.stops());
    let is_left = |job: &u32| {
        table.job(*job).status() == Status::Pending && selection.selects(table.id(*job))
    };
    let room = match (stops, world.session.terms.max_spend, world.prices) {
        ([], _, _) => u64::MAX,
        ([StopReason::MaxSpend(_)], Some(cap), Some(price)) => {
            let Some(room) = cap.checked_sub(world.register.reserved(price)) else {
                return;
            };
            room
        }
        _ => return,
    };
    let plan = world.plan();
    let fits = |job: &u32| {
        let seconds = plan.jobs()[*job as usize].request().duration();
        let price = world.prices.unwrap_or(0) * u64::from(seconds.expect("every job has one"));
        price <= room
    };
    let left = table.planned().filter(is_left).find(fits);
    world.ensure(left.is_none(), || {
        format!("{left:?} is left, and would have fitted: {stops:?}")
    });
}

/// Every run polls every running task at least once, unless its time runs out while it is awake: what the clock on the
/// wall says is no excuse.
fn check_polls(world: &mut World, ended: &Ended<StateError>, was_running: &[JobNumber]) {
    let notes = &world.session.notes;
    let was_stopped = notes.polls_over || ended.signal.is_some();
    let limits = &world.session.terms.limits;
    let awake = world.time.mono().saturating_sub(notes.began);
    let ran_out = awake >= limits.deadline + limits.job_timeout;
    let forgotten = was_running
        .iter()
        .find(|job| !notes.polled.contains(job))
        .copied();
    let is_alone = world.session.terms.downloads.is_alone();
    world.ensure(
        is_alone || was_stopped || ran_out || forgotten.is_none(),
        || format!("{forgotten:?} is running and was not polled"),
    );
}

/// A signal ends a run within its grace, a second one at once.
fn check_leave(world: &mut World) {
    let now = world.time.truth();
    let hindered = world.time.stalled + world.time.slept + SECOND;
    let signals = &world.session.notes.signals;
    let late =
        |signal: Option<&Duration>, grace| signal.is_some_and(|at| now > *at + grace + hindered);
    let is_late = late(signals.first(), INTERRUPT_GRACE) || late(signals.get(1), Duration::ZERO);
    world.ensure(!is_late, || {
        "the run does not leave after a signal".to_owned()
    });
}

/// The exit code says what the jobs and the run came to.
fn check_exit_code(world: &mut World, ended: &Ended<StateError>, selection: &Selection) {
    let missing = ended.engine.missing_files().count();
    let mut facts = world.session.notes.facts.clone();
    facts.extend((missing > 0).then_some(RunFact::FilesMissing));
    facts.extend(ended.signal.map(|signal| match signal {
        Signal::Interrupt => RunFact::Interrupted,
        Signal::Terminate => RunFact::Terminated,
    }));
    facts.extend(ended.state_error.as_ref().map(|_| RunFact::StateFailed));
    let table = ended.engine.table();
    let code = exit_code(&Tally::of(table, selection), &facts);
    world.note(|| format!("exit code {}", code as u8));
    let is_done = |job: u32| {
        let lines = world.register.job(job_number(table.id(job)));
        !selection.selects(table.id(job)) || lines.is_some_and(|lines| lines.last == "completed")
    };
    let all_done = table.planned().all(is_done);
    let sane = match code {
        ExitCode::Completed => all_done && missing == 0,
        ExitCode::State => ended.state_error.is_some(),
        ExitCode::Interrupted | ExitCode::Terminated => ended.signal.is_some(),
        ExitCode::Refused
        | ExitCode::InDoubt
        | ExitCode::Limit
        | ExitCode::Unfinished
        | ExitCode::SomeFailed => ended.signal.is_none() && ended.state_error.is_none(),
        ExitCode::Bug | ExitCode::Usage | ExitCode::Held => false,
    };
    world.ensure(sane, || format!("the run ends with {code:?}"));
}
