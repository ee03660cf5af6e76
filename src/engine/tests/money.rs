//! What a state has reserved, and the cap on it, against a second and simpler way to add it up.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;
use crate::engine::budget::{BudgetError, Shortfall};
use crate::engine::job::{EarlierTake, JobFiles, JobState, Take};
use crate::money::{Amount, Cost, Currency, Pricing, decimal};
use crate::plan::{AspectRatio, Fingerprint, UserValues};

fn pricing(currency: &str, per_second: &str) -> Pricing {
    let one = decimal("1").expect("valid");
    Pricing {
        currency: Currency::new(currency).expect("valid"),
        per_second: BTreeMap::from([(Model::Standard720p, decimal(per_second).expect("a price"))]),
        audio_factor: decimal("2").expect("valid"),
        reference_factor: one,
        per_job: decimal("0").expect("valid"),
    }
}

/// Silent jobs of these lengths, without prices.
fn silent(seconds: &[u8]) -> Plan {
    let job = |(number, seconds): (usize, &u8)| {
        let fields = RequestFields {
            model: Model::Standard720p,
            prompt: format!("shot {number}").into(),
            duration: (*seconds > 0).then_some(*seconds),
            aspect_ratio: Some(AspectRatio::Square),
            media: Media::default(),
            extra: crate::plan::ExtraBody {
                generate_audio: Some(false),
                ..crate::plan::ExtraBody::default()
            },
        };
        let id = JobId::new(&format!("job-{number:04}")).expect("valid");
        Job::new(id, VideoRequest::new(fields), UserValues::default())
    };
    Plan::new(seconds.iter().enumerate().map(job).collect(), Vec::new())
}

/// Jobs that cost 1 USD a second.
fn priced(seconds: &[u8]) -> Plan {
    silent(seconds).with_pricing(Some(pricing("USD", "1")))
}

fn amount(text: &str) -> Amount {
    text.parse().expect("an amount")
}

fn draw_up(cap: &str, plan: &Plan, table: &JobTable) -> Result<Option<Budget>, BudgetError> {
    let (selection, rerun) = (Selection::default(), Rerun::default());
    Budget::draw_up(amount(cap), plan, table, &selection, &rerun)
}

/// A run of `plan` after what is in `table`, under a cap.
fn capped(plan: &Plan, table: JobTable, cap: &str) -> Start {
    Start {
        budget: draw_up(cap, plan, &table).expect("a cap that can be kept"),
        table,
        ..Start::new(plan)
    }
}

fn fresh(plan: &Plan, cap: &str) -> World {
    World::new(capped(plan, JobTable::new(Some(plan)), cap))
}

fn reserved(table: &JobTable) -> Vec<String> {
    let costs = table.reserved().costs();
    costs.map(|cost| cost.to_string()).collect()
}

fn rejected(_: JobIndex, _: Duration) -> (Duration, SubmitReply) {
    let reply = SubmitReply::Rejected {
        class: FailureClass::Rejected,
        message: said("no"),
    };
    (SECOND / 10, reply)
}

fn submitted(world: &World) -> Vec<JobIndex> {
    world.submits.iter().map(|(_, job)| *job).collect()
}

fn shortfall(world: &World) -> Shortfall {
    match world.engine.stops() {
        [StopReason::MaxSpend(shortfall)] => *shortfall,
        other => panic!("another end: {other:?}"),
    }
}

#[test]
fn a_cap_is_reached_and_not_passed_by_a_millionth() {
    for (cap, jobs) in [("24", 3), ("23.999999", 2), ("16", 2), ("8", 1), ("7.5", 0)] {
        let mut world = fresh(&priced(&[8; 5]), cap);
        world.run(accept, complete);
        assert_eq!(world.submits.len(), jobs, "{cap}");
        let end = shortfall(&world);
        assert_eq!(end.cap.amount, amount(cap));
        assert_eq!(end.cheapest, amount("8"));
        assert_eq!(end.enough, amount("40"));
        assert_eq!(u64::from(world.engine.counts().pending), 5 - jobs as u64);
    }
    let mut world = fresh(&priced(&[8; 5]), "40");
    world.run(accept, complete);
    assert_eq!((world.submits.len(), world.engine.stops()), (5, &[][..]));
}

#[test]
fn a_job_that_does_not_fit_is_passed_over_for_cheaper_ones_in_plan_order() {
    let mut world = fresh(&priced(&[10, 15, 6, 9, 5, 5]), "24");
    world.run(accept, complete);
    assert_eq!(submitted(&world), [0, 2, 4]);
    let end = shortfall(&world);
    assert_eq!((end.reserved, end.cheapest), (amount("21"), amount("5")));
    assert_eq!(end.enough, amount("50"));
}

#[test]
fn what_is_released_lets_a_job_go_that_was_passed_over() {
    let mut world = fresh(&priced(&[12, 10, 5]), "15");
    let first_is_refused = |job, now| match job {
        0 => rejected(job, now),
        _ => accept(job, now),
    };
    world.run(first_is_refused, complete);
    assert_eq!(submitted(&world), [0, 1, 2]);
    assert_eq!(world.engine.stops(), []);
    assert_eq!(reserved(world.engine.table()), ["15.00 USD"]);
}

#[test]
fn a_run_waits_for_open_creates_before_it_says_that_nothing_fits() {
    let mut world = fresh(&priced(&[8, 8]), "8");
    world.run(
        |job, now| match job {
            0 => (100 * SECOND, rejected(job, now).1),
            _ => accept(job, now),
        },
        complete,
    );
    assert_eq!(submitted(&world), [0, 1]);
    assert_eq!(world.engine.stops(), []);
}

#[test]
fn a_job_that_comes_back_may_try_again_with_what_it_had_reserved() {
    let mut world = fresh(&priced(&[8, 8]), "8");
    let mut tries = 0;
    world.run(
        |job, now| {
            tries += 1;
            let message = said("later");
            match tries {
                1 => (SECOND, SubmitReply::NotSent { message }),
                2 => {
                    let retry_after = None;
                    (
                        SECOND,
                        SubmitReply::Later {
                            retry_after,
                            message,
                        },
                    )
                }
                _ => accept(job, now),
            }
        },
        complete,
    );
    assert_eq!(submitted(&world), [0, 0, 0]);
    assert_eq!(shortfall(&world).reserved, amount("8"));
}

#[test]
fn what_surely_created_nothing_is_released_and_all_else_is_kept() {
    let fault = |fault| SubmitReply::Fault {
        fault,
        message: said("no"),
    };
    let doubt = in_doubt(Evidence::Html).1;
    for (reply, is_kept) in [
        (rejected(0, SECOND).1, false),
        (fault(RunFault::Auth), false),
        (fault(RunFault::Quota), false),
        (fault(RunFault::Address), false),
        (doubt, true),
        (accept(0, SECOND).1, true),
    ] {
        let mut world = fresh(&priced(&[8]), "8");
        world.run(|_, _| (SECOND, reply.clone()), complete);
        let kept = ["8.00 USD".to_owned()];
        let expected = if is_kept { &kept[..] } else { &[] };
        assert_eq!(reserved(world.engine.table()), expected, "{reply:?}");
    }
}

#[test]
fn what_failed_after_it_was_accepted_is_kept_also_when_it_is_made_again() {
    let plan = priced(&[8]);
    let mut first = fresh(&plan, "16");
    let fails = |_, _| {
        let class = FailureClass::Generation;
        let message = said("no");
        (SECOND, PollReply::Failed { class, message })
    };
    first.run(accept, fails);
    assert_eq!(reserved(first.engine.table()), ["8.00 USD"]);
    for (cap, submits) in [("15.999999", 0), ("16", 1)] {
        let table = first.replayed(&plan);
        let rerun = Rerun {
            failed: true,
            ..Rerun::default()
        };
        let selection = Selection::default();
        let budget = Budget::draw_up(amount(cap), &plan, &table, &selection, &rerun);
        let mut again = World::new(Start {
            budget: budget.expect("priced"),
            table,
            rerun,
            ..Start::new(&plan)
        });
        again.run(accept, complete);
        assert_eq!(again.submits.len(), submits, "{cap}");
        let sum = format!("{}.00 USD", 8 * (1 + submits));
        assert_eq!(reserved(again.engine.table()), [sum]);
        let take = again.engine.table().job(0).take.0 as usize;
        assert_eq!(
            take,
            1 + submits,
            "a job that does not fit is left as it is"
        );
    }
}

/// One event after another of the job `job-0000`.
fn replay(table: &mut JobTable, events: impl IntoIterator<Item = Event>) {
    for event in events {
        let job = table.position(&JobId::new("job-0000").expect("valid"));
        let at = Timestamp::from_second(1_000_000).expect("in range");
        table
            .apply(job.expect("planned"), &event, at)
            .expect("legal");
    }
}

fn begun(plan: &Plan) -> JobTable {
    let mut table = JobTable::new(Some(plan));
    let origin = Origin {
        base_url: "http://sim".to_owned(),
        create_path: "/c".to_owned(),
        poll_path: "/p".to_owned(),
        key: String::new(),
    };
    let start = RunStart {
        run: RunNumber(1),
        origin,
        select: Vec::new(),
        partition: None,
    };
    table.begin_run(start).expect("the first");
    table
}

/// An intent of `plan`'s first job.
fn intent(plan: &Plan, cost: impl Into<Option<Cost>>) -> Event {
    let request = plan.jobs()[0].request();
    Event::Intent {
        run: RunNumber(1),
        fingerprint: request.fingerprint(),
        request: Some(SentRequest::of(request)),
        cost: cost.into(),
    }
}

fn cost(text: &str, currency: &str) -> Cost {
    Cost {
        amount: amount(text),
        currency: Currency::new(currency).expect("valid"),
    }
}

fn taken(task_id: &str) -> Event {
    Event::Accepted {
        task_id: TaskId::new(task_id).expect("valid"),
        other_id: None,
    }
}

#[test]
fn a_person_releases_what_is_in_doubt_but_not_what_the_provider_had_named_a_task_for() {
    let plan = priced(&[8]);
    let doubted = || Event::Doubted {
        message: said("silence"),
    };
    let lost = || Event::Lost {
        message: said("gone"),
    };
    let mut table = begun(&plan);
    replay(&mut table, [intent(&plan, cost("8", "USD")), doubted()]);
    assert_eq!(reserved(&table), ["8.00 USD"]);
    replay(&mut table, [Event::NotCreated]);
    assert_eq!(reserved(&table), [""; 0]);
    let again = [intent(&plan, cost("9", "USD")), taken("t"), lost()];
    replay(&mut table, again);
    assert_eq!(reserved(&table), ["9.00 USD"]);
    replay(&mut table, [Event::NotCreated]);
    assert_eq!(reserved(&table), ["9.00 USD"]);
    replay(&mut table, [intent(&plan, cost("10", "USD")), taken("u")]);
    assert_eq!(reserved(&table), ["19.00 USD"]);
}

#[test]
fn an_adopted_task_keeps_what_its_create_had_reserved() {
    let plan = priced(&[8]);
    let mut table = begun(&plan);
    let doubted = Event::Doubted {
        message: said("silence"),
    };
    let adopted = Event::Adopted {
        task_id: TaskId::new("t").expect("valid"),
        run: RunNumber(1),
    };
    replay(
        &mut table,
        [intent(&plan, cost("8", "USD")), doubted, adopted],
    );
    assert_eq!(reserved(&table), ["8.00 USD"]);
}

#[test]
fn a_create_that_was_open_when_the_run_died_stays_reserved() {
    let plan = priced(&[8, 5]);
    let mut table = begun(&plan);
    replay(&mut table, [intent(&plan, cost("8", "USD"))]);
    let mut world = World::new(capped(&plan, table, "12.99"));
    world.run(accept, complete);
    assert_eq!(submitted(&world), [0_u32; 0]);
    assert_eq!(shortfall(&world).reserved, amount("8"));
}

#[test]
fn a_job_that_left_the_manifest_counts() {
    let plan = priced(&[8]);
    let mut first = fresh(&plan, "8");
    first.run(accept, complete);
    let other = {
        let job = priced(&[5, 5]).jobs()[1].clone();
        Plan::new(vec![job], Vec::new()).with_pricing(Some(pricing("USD", "1")))
    };
    let table = first.replayed(&other);
    let mut world = World::new(capped(&other, table, "12"));
    world.run(accept, complete);
    assert_eq!(world.submits.len(), 0);
}

#[test]
fn what_is_reserved_is_told_with_todays_records_and_not_with_todays_prices() {
    let plan = priced(&[8, 8]);
    let mut first = fresh(&plan, "8");
    first.run(accept, complete);
    let dearer = silent(&[8, 8]).with_pricing(Some(pricing("USD", "2")));
    let table = first.replayed(&dearer);
    let mut world = World::new(capped(&dearer, table, "24"));
    world.run(accept, complete);
    assert_eq!(submitted(&world), [1]);
    assert_eq!(reserved(world.engine.table()), ["24.00 USD"]);
}

#[test]
fn a_cap_below_what_is_reserved_submits_nothing_and_polls() {
    let plan = priced(&[8, 8]);
    let mut first = fresh(&plan, "8");
    first.run(accept, |_, _| {
        (SECOND, PollReply::Later { retry_after: None })
    });
    for cap in ["0", "7"] {
        let table = first.replayed(&plan);
        let mut world = World::new(capped(&plan, table, cap));
        world.run(accept, complete);
        assert_eq!((world.submits.len(), world.polls.len()), (0, 1));
        assert_eq!(shortfall(&world).cap.amount, amount(cap));
        assert_eq!(
            world.statuses(),
            [Status::Completed, Status::Pending],
            "{cap}"
        );
    }
}

#[test]
fn a_run_that_can_afford_nothing_ends_at_once_and_needs_no_key() {
    let mut world = fresh(&priced(&[8, 8]), "5");
    assert!(!world.engine.has_work());
    assert_eq!(world.engine.wake_at(world.now), Some(Duration::ZERO));
    world.run(accept, complete);
    assert_eq!(world.now.mono, Duration::ZERO);
    let plan = priced(&[8, 8]);
    assert!(fresh(&plan, "8").engine.has_work());
}

#[test]
fn max_jobs_ends_a_run_before_its_cap_does() {
    let plan = priced(&[8; 4]);
    let mut start = capped(&plan, JobTable::new(Some(&plan)), "8");
    start.limits.max_jobs = NonZeroU32::new(1);
    let mut world = World::new(start);
    world.run(accept, complete);
    assert_eq!(world.engine.stops(), [StopReason::MaxJobs]);
}

#[test]
fn a_create_is_recorded_with_its_price_also_without_a_cap() {
    let mut world = World::new(Start::new(&priced(&[8])));
    world.run(accept, complete);
    let costs = world
        .records
        .iter()
        .filter_map(|record| match &record.fact {
            Fact::Job {
                event: Event::Intent { cost, .. },
                ..
            } => Some(*cost),
            _ => None,
        });
    assert_eq!(costs.collect::<Vec<_>>(), [Some(cost("8", "USD"))]);
    assert_eq!(world.engine.table().job(0).cost(), Some(cost("8", "USD")));
}

#[test]
fn an_intent_that_the_state_refused_reserves_nothing() {
    let plan = priced(&[8, 8]);
    let mut first = fresh(&plan, "16");
    let fails = |_, _| {
        let class = FailureClass::Generation;
        let message = said("no");
        (SECOND, PollReply::Failed { class, message })
    };
    first.run(accept, fails);
    let table = first.replayed(&plan);
    let before = table.reserved().clone();
    let mut world = World::new(Start {
        rerun: Rerun {
            failed: true,
            ..Rerun::default()
        },
        table,
        ..Start::new(&plan)
    });
    let now = world.now;
    world.advance_to(now.mono + SECOND);
    let effects = world.engine.step([], world.now);
    assert_eq!(effects.calls.len(), 1);
    assert_eq!(reserved(world.engine.table()), ["24.00 USD"]);
    world.engine.withdraw_intents();
    assert_eq!(*world.engine.table().reserved(), before);
}

#[test]
fn a_cap_without_a_price_for_every_job_is_refused_with_the_jobs() {
    let told = |plan: &Plan| {
        let error = draw_up("9", plan, &JobTable::new(Some(plan))).expect_err("refused");
        format!("{error}\n  help: {}", error.help())
    };
    let without_length = priced(&[8, 0, 8, 0, 0, 0]);
    insta::assert_snapshot!(
        [
            told(&without_length),
            told(&priced(&[0])),
            told(&silent(&[8])),
        ]
        .join("\n"),
        @"
    a cap (`max_spend`) needs a price for every job that would be submitted: 4 jobs (`job-0001`, `job-0003`, `job-0004`, …) would go without one
      help: give their models a price under `pricing.per_second` and the jobs a `duration`, or leave them out with `--select`
    a cap (`max_spend`) needs a price for every job that would be submitted: job `job-0000` would go without one
      help: give their models a price under `pricing.per_second` and the jobs a `duration`, or leave them out with `--select`
    a cap (`max_spend`) needs a price for every job that would be submitted: job `job-0000` would go without one
      help: say in the manifest what videos cost (`pricing: { currency: USD, per_second: { MODEL: 0.10 } }`), or run without a cap
    "
    );
}

#[test]
fn only_jobs_that_would_be_submitted_need_a_price() {
    let plan = priced(&[0, 8]);
    let table = JobTable::new(Some(&plan));
    let selection = Selection::new(&["job-0001".to_owned()]).expect("a glob");
    let rerun = Rerun::default();
    let budget = Budget::draw_up(amount("9"), &plan, &table, &selection, &rerun);
    assert!(budget.expect("priced").is_some());
    let mut table = begun(&silent(&[8]));
    let url = MediaUrl::new("https://example.com/v").expect("valid");
    let made = Event::Completed {
        video_url: url,
        last_frame_url: None,
    };
    let plan = silent(&[8]);
    replay(&mut table, [intent(&plan, None), taken("t"), made]);
    assert_eq!(draw_up("9", &plan, &table), Ok(None), "nothing is left");
}

#[test]
fn a_state_with_another_currency_is_refused() {
    let plan = priced(&[8, 8]);
    let mut table = begun(&plan);
    replay(&mut table, [intent(&plan, cost("3", "EUR"))]);
    let error = draw_up("9", &plan, &table).expect_err("refused");
    insta::assert_snapshot!(format!("{error}\n  help: {}", error.help()), @"
    the cap (`max_spend`) is in USD, and 3.00 EUR are reserved already: these cannot be added up
      help: state prices and cap in the currency in which jobs of this state were submitted, or run without a cap
    ");
    let message = said("no");
    let class = PendingClass::Auth;
    replay(&mut table, [Event::Returned { class, message }]);
    assert!(draw_up("9", &plan, &table).is_ok(), "nothing is reserved");
}

#[test]
fn what_was_sent_without_a_price_counts_by_todays_list() {
    let plan = priced(&[8, 8]);
    let mut table = begun(&plan);
    replay(&mut table, [intent(&plan, None), taken("t")]);
    let reserved = |table: &JobTable| {
        let budget = draw_up("99", &plan, table).expect("priced").expect("a cap");
        budget.reserved(table.reserved()).to_string()
    };
    assert_eq!(reserved(&table), "8.00", "as the plan has it: silent");
    let edited = priced(&[7]);
    let lost = Event::Lost {
        message: said("gone"),
    };
    let more = [lost, Event::NotCreated, intent(&edited, None), taken("u")];
    replay(&mut table, more);
    assert_eq!(
        reserved(&table),
        "22.00",
        "and what the plan no longer has with sound, as nothing tells that it was silent"
    );
    let mut world = World::new(capped(&plan, table, "29"));
    world.run(accept, complete);
    assert_eq!(world.submits.len(), 0);
    assert_eq!(shortfall(&world).reserved, amount("22"));
}

#[test]
fn what_was_sent_without_a_price_and_has_none_today_is_refused() {
    let plan = priced(&[8, 8]);
    let mut table = begun(&plan);
    replay(&mut table, [intent(&priced(&[0]), None), taken("t")]);
    let error = draw_up("99", &plan, &table).expect_err("refused");
    insta::assert_snapshot!(format!("{error}\n  help: {}", error.help()), @"
    a cap (`max_spend`) counts all that was ever submitted, also 1 request without a price, of job `job-0000`
      help: these were submitted when the manifest stated no prices, and count by today's: give the models that were sent then a price under `pricing.per_second`; what was sent without a `duration` has none, then only a run without a cap goes on
    ");
    let url = MediaUrl::new("https://example.com/v").expect("valid");
    let made = Event::Completed {
        video_url: url,
        last_frame_url: None,
    };
    replay(
        &mut table,
        [made, Event::Reopened, intent(&plan, cost("8", "USD"))],
    );
    let error = draw_up("99", &plan, &table).expect_err("refused");
    insta::assert_snapshot!(error.to_string(), @"a cap (`max_spend`) counts all that was ever submitted, also 1 request without a price, of an earlier take");
}

#[test]
fn prices_cost_a_job_little_memory() {
    type WithoutCost = (
        Phase,
        Take,
        u32,
        Option<Fingerprint>,
        Option<Box<SentRequest>>,
        Option<Timestamp>,
        Option<Box<JobFiles>>,
        Option<Box<EarlierTake>>,
    );
    let in_plan = size_of::<u16>();
    assert_eq!(
        size_of::<JobState>() - size_of::<WithoutCost>() + in_plan,
        10
    );
}

/// A second way to tell what is reserved, from the records alone: one line for each create.
fn added_up(records: &[Record]) -> u128 {
    let mut lines: Vec<(JobId, u128, bool)> = Vec::new();
    for record in records {
        let Fact::Job { id, event } = &record.fact else {
            continue;
        };
        let last = lines.iter_mut().rev().find(|(job, ..)| job == id);
        match (event, last) {
            (Event::Intent { cost, .. }, _) => {
                let cost = cost.map_or(0, |cost| cost.amount.millionths());
                lines.push((id.clone(), u128::from(cost), false));
            }
            (Event::Accepted { .. }, Some((_, _, is_taken))) => *is_taken = true,
            (
                Event::Returned { .. } | Event::Rejected { .. } | Event::NotCreated,
                Some((_, amount, false)),
            ) => *amount = 0,
            _ => {}
        }
    }
    lines.iter().map(|(_, amount, _)| amount).sum()
}

/// What the provider makes of the next create.
fn reply(kind: u8, job: JobIndex) -> SubmitReply {
    let message = said("said");
    match kind {
        0 => SubmitReply::NotSent { message },
        1 => SubmitReply::Later {
            retry_after: None,
            message,
        },
        2 => rejected(job, SECOND).1,
        3 => in_doubt(Evidence::Unclear).1,
        _ => accept(job, SECOND).1,
    }
}

proptest! {
    #![proptest_config(Config { rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() })]

    /// Runs one after another, each under its own cap and prices, some with remakes: nothing leaves that takes the sum
    /// over the cap, and a run that ends for its cap could have afforded nothing.
    #[test]
    fn no_cap_is_passed_and_no_run_stops_that_could_go_on(
        seconds in prop::collection::vec(5_u8..16, 1..8),
        runs in prop::collection::vec((0_u64..80, 1_u64..4, any::<bool>()), 1..4),
        replies in prop::collection::vec((0_u8..9, 1_u32..30), 40),
    ) {
        let mut records: Vec<Record> = Vec::new();
        let mut replies = replies.into_iter().cycle();
        for (cap, price, again) in runs {
            let plan = silent(&seconds).with_pricing(Some(pricing("USD", &price.to_string())));
            let mut table = JobTable::new(Some(&plan));
            for record in &records {
                table.replay(record).expect("what was recorded replays");
            }
            let rerun = Rerun { failed: again, ..Rerun::default() };
            let selection = Selection::default();
            let budget = Budget::draw_up(amount(&cap.to_string()), &plan, &table, &selection, &rerun)
                .expect("every job has a price");
            let mut world = World::new(Start { table, rerun, budget, ..Start::new(&plan) });
            let before = records.len();
            world.run(
                |job, _| {
                    let (kind, tenths) = replies.next().expect("endless");
                    (SECOND * tenths / 10, reply(kind, job))
                },
                |job, now| match job % 3 {
                    0 => {
                        let class = FailureClass::Generation;
                        (SECOND, PollReply::Failed { class, message: said("no") })
                    }
                    _ => complete(job, now),
                },
            );
            records.append(&mut world.records);
            let cap = u128::from(cap) * 1_000_000;
            for end in before..records.len() {
                if let Fact::Job { event: Event::Intent { .. }, .. } = &records[end].fact {
                    let sum = added_up(&records[..=end]);
                    prop_assert!(sum <= cap, "{} of {}", sum, cap);
                }
            }
            let sum = added_up(&records);
            let told = world.engine.table().reserved().costs().next();
            let told = told.map_or(0, |cost| u128::from(cost.amount.millionths()));
            prop_assert_eq!(told, sum);
            let left = |job: &JobIndex| world.status(*job) == Status::Pending;
            let prices = world.engine.table().planned().filter(left).map(|job| {
                u128::from(seconds[job as usize]) * u128::from(price) * 1_000_000
            });
            let cheapest = prices.min();
            match world.engine.stops() {
                [] => prop_assert_eq!(cheapest, None),
                [StopReason::MaxSpend(_)] => {
                    prop_assert!(cheapest.is_none_or(|cheapest| sum + cheapest > cap));
                }
                _ => {}
            }
        }
    }
}
