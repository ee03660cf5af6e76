//! The snapshot of a run says what the engine does: held against the state and against what really leaves, at every
//! step of every run of these tests.

use super::*;
use crate::engine::job::Phase;
use crate::engine::snapshot::{Gate, OLDEST};

/// Holds the snapshot against the table and the calls so far, and notes what submits wait for.
pub(super) fn look_at(world: &mut World) {
    let snapshot = world.engine.snapshot(world.now);
    let name = match snapshot.gate {
        Gate::Open => "open",
        Gate::Rate { is_slowed, .. } if is_slowed => "slowed",
        Gate::Rate { .. } => "rate",
        Gate::Full => "full",
        Gate::Answer => "answer",
        Gate::Pause { class, .. } => class.as_str(),
        Gate::Done => "done",
        Gate::Stopped(_) => "stopped",
    };
    assert!(snapshot.oldest.len() <= OLDEST.min(snapshot.in_flight as usize));
    assert!(snapshot.oldest.is_sorted_by(|a, b| a.age >= b.age));
    let last = snapshot.oldest.last().map(|aged| aged.age);
    assert!(snapshot.youngest <= last, "none is younger");
    for aged in &snapshot.oldest {
        assert_eq!(world.status(aged.job), Status::Running);
    }
    if world.gates.last().is_none_or(|(_, last)| *last != name) {
        world.gates.push((world.now.mono, name));
    }
}

/// What submits waited for, in order.
fn gates(world: &World) -> Vec<&'static str> {
    let mut gates: Vec<_> = world.gates.iter().map(|(_, gate)| *gate).collect();
    gates.dedup();
    gates
}

#[test]
fn a_quiet_run_waits_for_answers_then_the_rate_then_for_slots_and_is_done() {
    let mut world = World::new(Start::new(&plan(8)));
    world.run(accept, complete);
    assert_eq!(gates(&world), ["answer", "rate", "full", "done"]);
    let snapshot = world.engine.snapshot(world.now);
    assert_eq!(snapshot.submits, 8);
    assert_eq!(snapshot.polls, world.polls.len() as u64);
    assert_eq!((snapshot.to_submit, snapshot.in_flight), (0, 0));
}

#[test]
fn pauses_say_why_and_end_when_the_next_submit_leaves() {
    let mut calls = 0;
    let mut world = World::new(Start::new(&plan(4)));
    let refuse_two = |job, now| {
        calls += 1;
        match calls {
            2 => (
                SECOND / 10,
                SubmitReply::Later {
                    retry_after: Some(7 * SECOND),
                    message: said("slow down"),
                },
            ),
            4 => (
                SECOND / 10,
                SubmitReply::NotSent {
                    message: said("no route"),
                },
            ),
            _ => accept(job, now),
        }
    };
    world.run(refuse_two, complete);
    let gates = gates(&world);
    assert!(
        gates.contains(&"rate_limited") && gates.contains(&"not_sent"),
        "{gates:?}"
    );
    assert!(gates.contains(&"slowed"), "{gates:?}");
    let at = |name| {
        world
            .gates
            .iter()
            .position(|(_, gate)| *gate == name)
            .expect("there")
    };
    let (began, ended) = (
        world.gates[at("rate_limited")].0,
        world.gates[at("rate_limited") + 1].0,
    );
    let told = began + 7 * SECOND;
    assert!(ended >= told && ended <= told + SECOND, "{ended:?}");
    assert!(world.submits.iter().any(|(sent, _)| *sent == ended));
}

#[test]
fn a_countdown_ends_when_the_submit_may_leave() {
    let mut world = World::new(Start::new(&plan(3)));
    for _ in 0..2 {
        let effects = world.engine.step([], world.now);
        world.engine.launched(&effects.calls, world.now.mono);
        for call in effects.calls {
            if let Call::Submit { job } = call {
                let (_, reply) = accept(job, world.now.mono);
                world
                    .engine
                    .step([Input::Submitted { job, reply }], world.now);
            }
        }
    }
    let Gate::Rate { opens_in, .. } = world.engine.snapshot(world.now).gate else {
        panic!("{:?}", world.engine.snapshot(world.now).gate)
    };
    world.advance_to(world.now.mono + opens_in);
    assert_eq!(world.engine.snapshot(world.now).gate, Gate::Open);
    let effects = world.engine.step([], world.now);
    assert!(
        matches!(effects.calls[..], [Call::Submit { .. }]),
        "{effects:?}"
    );
}

#[test]
fn the_oldest_running_jobs_are_those_of_the_table_across_runs() {
    let plan = plan(12);
    let mut start = Start::new(&plan);
    start.limits.concurrency = NonZeroU32::new(9).expect("not 0");
    start.limits.deadline = 20 * SECOND;
    start.limits.job_timeout = 10 * SECOND;
    let mut world = World::new(start);
    world.run(accept, still_running);
    let mut start = Start::new(&plan);
    start.table = world.replayed(&plan);
    start.wall = world.now.wall + 5 * SECOND;
    start.limits.job_timeout = 3600 * SECOND;
    let world = World::new(start);
    let table = world.engine.table();
    let mut naive: Vec<_> = table
        .planned()
        .filter(|job| matches!(table.job(*job).phase, Phase::Running { .. }))
        .map(|job| (table.job(job).task().expect("running").accepted_at, job))
        .collect();
    naive.sort_unstable();
    assert!(naive.len() > OLDEST);
    let shown = world.engine.snapshot(world.now).oldest;
    for (aged, (accepted_at, job)) in shown.iter().zip(&naive) {
        let age = Duration::try_from(world.now.wall.duration_since(*accepted_at));
        assert_eq!((aged.job, Ok(aged.age)), (*job, age.map_err(|_| ())));
    }
    assert_eq!(shown.len(), OLDEST);
}

#[test]
fn max_jobs_bounds_what_is_left_to_submit_and_a_stop_ends_it() {
    let mut start = Start::new(&plan(10));
    start.limits.max_jobs = NonZeroU32::new(3);
    let mut world = World::new(start);
    assert_eq!(world.engine.snapshot(world.now).to_submit, 3);
    world.engine.step([Input::Interrupted], world.now);
    let snapshot = world.engine.snapshot(world.now);
    assert_eq!(snapshot.to_submit, 0);
    assert_eq!(snapshot.gate, Gate::Stopped(&StopReason::Interrupted));
}
