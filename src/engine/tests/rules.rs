//! The engine's rules one by one, where a run as a whole would forgive that one of them is broken.

use super::*;
use crate::engine::job::JobState;

/// A run of `jobs` jobs that were all accepted and are still running when their time-out of 20 s has passed.
fn timed_out(jobs: u32) -> (Plan, World) {
    let plan = plan(jobs);
    let mut start = Start::new(&plan);
    start.limits.job_timeout = 20 * SECOND;
    let mut world = World::new(start);
    world.run(accept, still_running);
    (plan, world)
}

/// A start over what `first` has left, `later` after its end.
fn resumed(plan: &Plan, first: &World, later: Duration) -> Start {
    Start {
        table: first.replayed(plan),
        wall: first.now.wall + later,
        ..Start::new(plan)
    }
}

fn is_later_by(moments: &[(Duration, JobIndex)], interval: Duration) -> bool {
    moments
        .windows(2)
        .all(|pair| pair[1].0 >= pair[0].0 + interval)
}

fn trouble() -> PollReply {
    let message = said("502");
    PollReply::Trouble { message }
}

fn missing() -> PollReply {
    let message = said("task_not_exist");
    PollReply::NotFound { message }
}

fn key_refused() -> PollReply {
    let message = said("401");
    PollReply::KeyRefused { message }
}

#[test]
fn polls_of_tasks_that_are_all_due_at_once_leave_an_interval_apart() {
    let (plan, first) = timed_out(20);
    let mut start = resumed(&plan, &first, Duration::ZERO);
    start.limits.poll_first = Duration::ZERO;
    let mut second = World::new(start);
    second.run(accept, complete);
    assert_eq!(second.polls.len(), 20);
    assert!(is_later_by(&second.polls, SECOND / 4));
}

#[test]
fn a_resumed_run_asks_at_once_for_a_task_that_is_old_enough() {
    let (plan, first) = timed_out(1);
    let mut second = World::new(resumed(&plan, &first, 60 * SECOND));
    second.run(accept, complete);
    assert_eq!(second.polls, [(SECOND / 4, 0)]);
}

#[test]
fn a_task_of_a_job_that_left_the_manifest_is_polled() {
    let (_, first) = timed_out(2);
    let plan = plan(1);
    let mut second = World::new(resumed(&plan, &first, Duration::ZERO));
    assert!(second.engine.has_work(), "a key is needed to poll");
    second.run(accept, complete);
    assert_eq!(second.engine.counts().completed, 2);
    assert_eq!(second.submits, []);
}

#[test]
fn open_creates_hold_slots_beside_running_tasks() {
    let mut start = Start::new(&plan(12));
    start.limits.submit_interval = SECOND / 10;
    let mut world = World::new(start);
    world.run(|job, now| (5 * SECOND, accept(job, now).1), complete);
    let begun = |moment: Duration| {
        let is_open = |(at, _): &&(Duration, JobIndex)| *at <= moment;
        world.submits.iter().filter(is_open).count()
    };
    let done = |moment: Duration| {
        let is_done = |(at, _): &&(Duration, JobIndex)| *at + SECOND / 10 <= moment;
        world.polls.iter().filter(is_done).count()
    };
    for (moment, _) in &world.submits {
        let in_flight = begun(*moment) - done(*moment);
        assert!(in_flight <= 4, "{in_flight} at {moment:?}");
    }
    assert_eq!(world.engine.counts().completed, 12);
}

#[test]
fn a_task_that_was_never_heard_of_frees_its_slot_when_it_times_out() {
    let mut start = Start::new(&plan(2));
    start.limits.concurrency = NonZeroU32::MIN;
    start.limits.job_timeout = 100 * SECOND;
    let mut world = World::new(start);
    world.run(accept, |_, _| (SECOND, trouble()));
    assert_eq!(world.engine.counts().running, 2);
    assert!(world.submits[1].0 < 102 * SECOND, "{:?}", world.submits);
}

#[test]
fn a_task_that_timed_out_is_asked_for_until_it_is_heard_of_but_at_most_three_times() {
    let (plan, first) = timed_out(1);
    let polls_when = |silent: usize| {
        let mut start = resumed(&plan, &first, 60 * SECOND);
        start.limits.job_timeout = 20 * SECOND;
        let mut second = World::new(start);
        let mut asked = 0;
        second.run(accept, |job, now| {
            asked += 1;
            if asked > silent {
                return still_running(job, now);
            }
            (SECOND, trouble())
        });
        second.polls.len()
    };
    assert_eq!([0, 1, 2, 3, 9].map(polls_when), [1, 2, 3, 3, 3]);
}

#[test]
fn a_task_that_polls_say_nothing_about_is_known_with_what_came_last_until_it_is_heard_of() {
    let silences = |say_something: bool| {
        let mut start = Start::new(&plan(2));
        start.limits.job_timeout = 100 * SECOND;
        let mut world = World::new(start);
        let mut asked = 0;
        world.run(accept, |job, now| {
            if job == 0 {
                return complete(job, now);
            }
            asked += 1;
            match (asked, say_something) {
                (2, true) => still_running(job, now),
                _ => (SECOND, trouble()),
            }
        });
        let polls = world.polls.iter().filter(|(_, job)| *job == 1).count();
        let silences = world.engine.silences();
        let told: Vec<_> = silences
            .map(|(job, silence)| (job, silence.polls))
            .collect();
        (told, polls)
    };
    let (told, polls) = silences(false);
    assert_eq!(told, [(1, u32::try_from(polls).expect("few"))]);
    let (told, polls) = silences(true);
    assert_eq!(told, [(1, u32::try_from(polls - 2).expect("few"))]);
}

#[test]
fn a_run_polls_no_longer_when_the_clock_is_set_back() {
    let mut start = Start::new(&plan(1));
    start.limits.deadline = 60 * SECOND;
    start.limits.job_timeout = 300 * SECOND;
    let mut world = World::new(start);
    let began = world.now.wall;
    for second in 0..=360 {
        let mono = SECOND * second;
        let back = if second < 10 { 0 } else { 7 * 24 * 3600 };
        let now = Now {
            mono,
            wall: began + mono - SECOND * back,
        };
        world.now = now;
        let inputs = world.ready();
        let effects = world.engine.step(inputs, now);
        world.engine.launched(&effects.calls, mono);
        for call in effects.calls {
            let input = match call {
                Call::Submit { job } => Input::Submitted {
                    job,
                    reply: accept(job, mono).1,
                },
                Call::Poll { job, .. } => Input::Polled {
                    job,
                    reply: still_running(job, mono).1,
                },
                Call::Download { .. } => unreachable!("nothing is downloaded"),
            };
            world.input_in(SECOND, input);
        }
        assert_eq!(world.engine.is_finished(), second == 360, "{second}");
    }
}

#[test]
fn the_time_that_the_machine_sleeps_counts_for_the_deadline() {
    let mut start = Start::new(&plan(2));
    start.limits.deadline = 3600 * SECOND;
    let mut world = World::new(start);
    let awake = Now {
        mono: SECOND,
        wall: world.now.wall + 3600 * SECOND,
    };
    let effects = world.engine.step([], awake);
    assert_eq!(effects.calls, []);
    assert_eq!(world.engine.stops(), [StopReason::Deadline]);
}

#[test]
fn a_machine_that_wakes_late_asks_for_every_running_task_once_and_leaves() {
    let plan = plan(3);
    let mut first = World::new(Start::new(&plan));
    first.input_in(20 * SECOND, Input::Interrupted);
    first.run(accept, still_running);
    let mut woken = World::new(Start {
        table: first.replayed(&plan),
        wall: first.now.wall,
        ..Start::new(&plan)
    });
    woken.now.wall += 48 * 3600 * SECOND;
    woken.run(accept, |job, now| match job {
        0 => complete(job, now),
        _ => still_running(job, now),
    });
    let mut asked: Vec<_> = woken.polls.iter().map(|(_, job)| *job).collect();
    asked.sort_unstable();
    assert_eq!(asked, [0, 1, 2]);
    assert_eq!(woken.engine.counts().completed, 1);
    assert!(woken.now.mono < 20 * SECOND, "{:?}", woken.now.mono);
}

#[test]
fn a_clock_that_jumps_after_a_signal_brings_no_polls_back() {
    let mut world = World::new(Start::new(&plan(1)));
    let slow = |job, now| (5 * SECOND, accept(job, now).1);
    world.input_in(SECOND, Input::Interrupted);
    world.now.wall += 48 * 3600 * SECOND;
    world.run(slow, still_running);
    assert_eq!(world.polls, []);
}

#[test]
fn records_are_dated_as_finely_as_the_state_can_hold() {
    let plan = plan(2);
    let mut start = Start::new(&plan);
    start.wall += Duration::from_nanos(123_456_789);
    let mut world = World::new(start);
    world.run(accept, complete);
    assert!(!world.records.is_empty());
    for record in &world.records {
        assert_eq!(record.at.as_nanosecond() % 1_000_000, 0, "{record:?}");
    }
}

#[test]
fn an_answer_to_a_create_that_was_given_up_changes_nothing() {
    let mut world = World::new(Start::new(&plan(1)));
    world.input_in(SECOND, Input::Interrupted);
    world.run(|job, now| (100 * SECOND, accept(job, now).1), complete);
    let before = world.engine.table().job(0).clone();
    world.advance_to(200 * SECOND);
    let late = world.ready();
    assert_eq!(late.len(), 1);
    let effects = world.engine.step(late, world.now);
    assert_eq!(effects, Effects::default());
    assert_eq!(*world.engine.table().job(0), before);
}

#[test]
fn only_an_accept_between_them_keeps_three_doubts_from_stopping_submits() {
    let stops_after = |between: fn() -> SubmitReply| {
        let mut world = World::new(Start::new(&plan(20)));
        let mut asked = 0;
        world.run(
            |_, _| {
                asked += 1;
                if asked % 2 == 0 {
                    (SECOND, between())
                } else {
                    in_doubt(Evidence::Unclear)
                }
            },
            complete,
        );
        matches!(world.engine.stops(), [StopReason::Doubt { .. }])
    };
    let rejected = || SubmitReply::Rejected {
        class: FailureClass::Rejected,
        message: said("bad prompt"),
    };
    let later = || SubmitReply::Later {
        retry_after: None,
        message: said("later"),
    };
    let not_sent = || SubmitReply::NotSent {
        message: said("refused"),
    };
    assert!(stops_after(rejected) && stops_after(later) && stops_after(not_sent));
    assert!(!stops_after(|| accept(0, SECOND).1));
}

#[test]
fn a_job_says_why_it_is_pending_again_and_whether_that_was_an_attempt() {
    let after = |reply: SubmitReply| {
        let mut start = Start::new(&plan(1));
        start.limits.deadline = 3 * SECOND;
        let mut world = World::new(start);
        world.run(|_, _| (SECOND, reply.clone()), complete);
        let job = world.engine.table().job(0).clone();
        match job.phase {
            Phase::Returned { class, .. } => (class, job.attempts),
            other => panic!("{other:?}"),
        }
    };
    let not_sent = SubmitReply::NotSent {
        message: said("refused"),
    };
    assert_eq!(after(not_sent), (PendingClass::NotSent, 0));
    let later = SubmitReply::Later {
        retry_after: None,
        message: said("later"),
    };
    assert_eq!(after(later), (PendingClass::RateLimited, 0));
    let fault = |fault| SubmitReply::Fault {
        fault,
        message: said("no"),
    };
    assert_eq!(after(fault(RunFault::Auth)), (PendingClass::Auth, 1));
    assert_eq!(after(fault(RunFault::Quota)), (PendingClass::Quota, 1));
    assert_eq!(after(fault(RunFault::Address)), (PendingClass::Address, 1));
}

#[test]
fn a_provider_that_could_not_be_reached_is_asked_at_the_usual_pace_afterwards() {
    let mut world = World::new(Start::new(&plan(4)));
    let mut first = true;
    world.run(
        |job, now| {
            if std::mem::take(&mut first) {
                let message = said("refused");
                return (SECOND / 10, SubmitReply::NotSent { message });
            }
            accept(job, now)
        },
        complete,
    );
    let again = world.submits[1].0;
    let usual = [1, 2, 3].map(|number| again + number * SECOND);
    assert_eq!(world.submits[2].0, usual[0]);
    assert_eq!(world.submits[3].0, usual[1]);
    assert_eq!(world.submits[4].0, usual[2]);
}

#[test]
fn no_create_leaves_whose_intent_the_status_of_its_job_does_not_allow() {
    let mut world = World::new(Start::new(&plan(1)));
    world.run(|_, _| in_doubt(Evidence::Unclear), complete);
    world.engine.again.push_back(0); // as a bug would
    world.advance_to(world.now.mono + 60 * SECOND);
    let effects = world.engine.step([], world.now);
    assert_eq!((effects.calls, effects.records), (vec![], vec![]));
    assert!(matches!(effects.notices[..], [Notice::Illegal { .. }]));
    assert!(world.engine.is_finished());
}

#[test]
fn a_task_is_lost_only_when_two_polls_in_a_row_do_not_find_it() {
    let mut start = Start::new(&plan(1));
    start.limits.job_timeout = 600 * SECOND;
    let mut world = World::new(start);
    let mut asked = 0;
    world.run(accept, |job, now| {
        asked += 1;
        if asked % 2 == 0 {
            (SECOND, missing())
        } else {
            still_running(job, now)
        }
    });
    assert!(asked > 40);
    assert_eq!(world.status(0), Status::Running);

    let mut start = Start::new(&plan(1));
    start.limits.poll_first = 300 * SECOND;
    let mut world = World::new(start);
    world.run(accept, |_, _| (SECOND, missing()));
    assert_eq!(world.status(0), Status::InDoubt);
    assert_eq!(world.polls.len(), 2);
}

#[test]
fn polls_that_are_never_answered_do_not_pile_up() {
    let mut start = Start::new(&plan(200));
    start.limits.concurrency = NonZeroU32::new(200).expect("not 0");
    start.limits.submit_interval = SECOND / 100;
    start.limits.poll_interval = SECOND / 100;
    start.limits.job_timeout = 100 * SECOND;
    let mut world = World::new(start);
    world.run(accept, |_, _| (1000 * SECOND, trouble()));
    let in_the_first_hour = |(at, _): &&(Duration, JobIndex)| *at < 1000 * SECOND;
    assert_eq!(world.polls.iter().filter(in_the_first_hour).count(), 64);
}

#[test]
fn a_task_is_asked_for_where_it_was_made() {
    let (plan, first) = timed_out(1);
    let mut second = World::new(resumed(&plan, &first, 60 * SECOND));
    second.advance_to(SECOND);
    let effects = second.engine.step([], second.now);
    let [Call::Poll { run, .. }] = &effects.calls[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(*run, RunNumber(1));
}

#[test]
fn after_a_refused_key_nothing_is_asked_any_more() {
    let mut world = World::new(Start::new(&plan(4)));
    world.run(accept, |_, _| (SECOND / 10, key_refused()));
    assert_eq!(world.polls.len(), 1);
    assert!(world.now.mono < 20 * SECOND);
}

#[test]
fn a_refused_key_ends_the_run_unless_both_address_and_key_are_anothers() {
    let (plan, first) = timed_out(1);
    let ends = |base_url, key| {
        let mut start = resumed(&plan, &first, 60 * SECOND);
        (start.base_url, start.key) = (base_url, key);
        let mut second = World::new(start);
        second.run(accept, |_, _| (SECOND, key_refused()));
        !second.engine.stops().is_empty()
    };
    assert!(ends("http://sim", "key"));
    assert!(ends("http://sim", "another"));
    assert!(ends("http://elsewhere", "key"));
    assert!(!ends("http://elsewhere", "another"));
}

#[test]
fn a_told_pause_holds_every_poll() {
    let (plan, first) = timed_out(3);
    let mut second = World::new(resumed(&plan, &first, Duration::ZERO));
    let mut first_poll = true;
    second.run(accept, |job, now| {
        if std::mem::take(&mut first_poll) {
            let retry_after = Some(90 * SECOND);
            return (SECOND / 10, PollReply::Later { retry_after });
        }
        complete(job, now)
    });
    assert!(second.polls[1].0 >= second.polls[0].0 + 90 * SECOND);
    assert!(second.polls[1].0 < second.polls[0].0 + 91 * SECOND);
    assert_eq!(second.engine.counts().completed, 3);
}

#[test]
fn refusals_and_errors_of_polls_are_forgotten_with_the_next_answer() {
    let pause_after = |refusals: usize, reply: fn() -> PollReply| {
        let mut world = World::new(Start::new(&plan(1)));
        let mut asked = 0;
        world.run(accept, |job, now| {
            asked += 1;
            if asked <= refusals || asked == refusals + 2 {
                (Duration::ZERO, reply())
            } else if asked < refusals + 4 {
                (Duration::ZERO, still_running(job, now).1)
            } else {
                complete(job, now)
            }
        });
        let at = |poll: usize| world.polls[poll].0;
        at(refusals + 2).saturating_sub(at(refusals + 1))
    };
    let later = || PollReply::Later { retry_after: None };
    assert!(pause_after(5, later) < 11 * SECOND, "10 s as ever");
    assert!(pause_after(5, trouble) < 26 * SECOND, "10 s once doubled");
}

#[test]
fn a_failure_that_comes_after_a_missing_url_is_no_news() {
    let plan = plan(1);
    let mut first = World::new(Start::new(&plan));
    first.run(accept, |_, _| {
        let (video_url, last_frame_url) = (None, None);
        let reply = PollReply::Completed {
            video_url,
            last_frame_url,
        };
        (SECOND, reply)
    });
    let mut second = World::new(resumed(&plan, &first, Duration::ZERO));
    second.run(accept, |_, _| {
        let (class, message) = (FailureClass::Generation, said("gpu"));
        (SECOND, PollReply::Failed { class, message })
    });
    assert_eq!(second.polls.len(), 1);
    assert_eq!(second.engine.table().job(0), first.engine.table().job(0));
}

#[test]
fn a_task_that_another_job_had_is_told_also_across_runs() {
    let (plan, first) = timed_out(1);
    drop(plan);
    let plan = super::plan(3);
    let mut second = World::new(resumed(&plan, &first, Duration::ZERO));
    second.run(|_, now| accept(0, now), complete);
    let told: Vec<_> = second
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::SharedTask { job, owner, .. } => Some((*job, *owner)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(1, 0), (2, 1)]);
}

#[test]
fn a_pause_is_told_only_while_there_is_something_to_wait_for() {
    let mut world = World::new(Start::new(&plan(3)));
    world.input_in(SECOND / 2, Input::Interrupted);
    let later = || SubmitReply::Later {
        retry_after: None,
        message: said("later"),
    };
    world.run(|_, _| (SECOND, later()), complete);
    let stopped = Notice::SubmitsStopped(StopReason::Interrupted);
    assert_eq!(world.notices, [stopped]);
}

/// A start that submits in groups: up to ten within 10 ms.
fn at_a_high_rate(start: Start) -> Start {
    let limits = Limits {
        submit_interval: SECOND / 1000,
        concurrency: NonZeroU32::new(100).expect("not 0"),
        ..start.limits.clone()
    };
    Start { limits, ..start }
}

/// Steps until several creates leave together, after accepts of all others. Which, and what they were before.
fn first_group(world: &mut World) -> Vec<(JobIndex, JobState)> {
    for _ in 0..20 {
        world.advance_to(world.now.mono + SECOND / 10);
        let ready = world.ready();
        let table = world.engine.table();
        let before: Vec<JobState> = table.planned().map(|job| table.job(job).clone()).collect();
        let effects = world.engine.step(ready, world.now);
        let jobs: Vec<JobIndex> = effects.calls.iter().map(submitted).collect();
        if jobs.len() > 2 {
            let as_it_was = |job: JobIndex| (job, before[job as usize].clone());
            return jobs.into_iter().map(as_it_was).collect();
        }
        world.engine.launched(&effects.calls, world.now.mono);
        for job in jobs {
            let (wait, reply) = accept(job, world.now.mono);
            world.input_in(wait, Input::Submitted { job, reply });
        }
    }
    panic!("creates never leave as a group");
}

fn submitted(call: &Call) -> JobIndex {
    match call {
        Call::Submit { job } => *job,
        other => panic!("only submits are due: {other:?}"),
    }
}

#[test]
fn a_group_of_intents_that_the_state_did_not_take_leaves_every_job_as_it_was() {
    let plan = plan(12);
    let mut start = Start::new(&plan);
    start.limits.max_jobs = NonZeroU32::new(5);
    let mut first = World::new(start);
    first.run(accept, |_, _| {
        let (class, message) = (FailureClass::Generation, said("gpu"));
        (SECOND, PollReply::Failed { class, message })
    });
    assert_eq!(first.submits.len(), 5);
    let mut start = at_a_high_rate(resumed(&plan, &first, SECOND));
    start.rerun.failed = true;
    let mut second = World::new(start);
    let group = first_group(&mut second);
    let counts = second.engine.counts();
    let in_flight = second.engine.in_flight();
    assert!(
        group.iter().any(|(job, _)| *job < 5),
        "made again: {group:?}"
    );
    assert!(group.iter().any(|(job, _)| *job >= 5), "new: {group:?}");

    second.engine.withdraw_intents();
    for (job, before) in &group {
        assert_eq!(second.engine.table().job(*job), before);
    }
    let left = second.engine.in_flight();
    assert_eq!(left as usize + group.len(), in_flight as usize);
    let effects = second.engine.step([], second.now);
    let again: Vec<JobIndex> = effects.calls.iter().map(submitted).collect();
    let jobs: Vec<JobIndex> = group.iter().map(|(job, _)| *job).collect();
    assert_eq!(again, jobs, "none is lost, and the order stays");
    assert_eq!(second.engine.counts(), counts);
}

#[test]
fn a_group_ends_where_the_number_of_jobs_or_of_slots_does() {
    for (most_jobs, slots) in [(Some(6), 100), (None, 6)] {
        let plan = plan(12);
        let mut start = at_a_high_rate(Start::new(&plan));
        start.limits.max_jobs = most_jobs.and_then(NonZeroU32::new);
        start.limits.concurrency = NonZeroU32::new(slots).expect("not 0");
        let mut world = World::new(start);
        let group = first_group(&mut world);
        assert_eq!(group.last().expect("a group").0, 5, "after 1, 2 and 3 of 4");
    }
}
