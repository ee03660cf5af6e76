//! Ctrl-C and SIGTERM: no more submits, everything saved, the next run collects.

use std::time::Duration;

use jiff::Timestamp;

use crate::support::{Running, Scenario, Simulated, assert_paid_once, count, standings};

#[test]
fn after_ctrl_c_nothing_more_is_submitted_and_the_next_run_collects() {
    assert_stops(Running::interrupt, 130);
}

#[test]
fn after_sigterm_nothing_more_is_submitted_and_the_next_run_collects() {
    assert_stops(Running::terminate, 143);
}

fn assert_stops(signal: impl Fn(&Running), code: i32) {
    let provider = Simulated::rendering("3s");
    let scenario = Scenario::jobs(30).at(&provider);
    let mut run = scenario.start(&["--submit-rate", "10/s", "--concurrency", "30"]);
    run.until("three tasks run", |_| provider.creates() >= 3);
    signal(&run);
    let told = Timestamp::now();
    let finished = run.finish().exits(code);

    let late = told + Duration::from_secs(1);
    let sent_late = intents(&scenario).filter(|sent| *sent > late).count();
    assert_eq!(sent_late, 0, "create requests a second after the signal");
    let rows = scenario.results();
    let running = count(&rows, "running");
    assert!((3..30).contains(&running), "{running}");
    assert_eq!(
        running as u64,
        provider.posts(),
        "open creates were waited for"
    );
    finished
        .says("next:    shotlist run shots.csv")
        .says(&format!("exit code {code}: "));

    scenario.run(&["--concurrency", "30"]).exits(0);
    assert_eq!(provider.posts(), 30);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

/// When each create request was about to be sent.
fn intents(scenario: &Scenario) -> impl Iterator<Item = Timestamp> {
    let of_kind = |line: &serde_json::Value| line["type"] == "intent";
    let moment = |line: serde_json::Value| {
        let text = line["at"].as_str().expect("every record has a time");
        text.parse().expect("RFC 3339")
    };
    scenario
        .state_lines()
        .into_iter()
        .filter(of_kind)
        .map(moment)
}

#[test]
fn a_create_that_is_open_at_the_signal_may_still_be_answered() {
    let provider = Simulated::with_faults("slow=1s:first:1");
    let scenario = Scenario::jobs(3).at(&provider);
    let mut run = scenario.start(&[]);
    run.until("the first create is open", |_| provider.posts() == 1);
    run.interrupt();
    run.finish().exits(130);
    assert_eq!(
        standings(&scenario.results()),
        ["running", "pending", "pending"]
    );
    scenario.run(&[]).exits(0);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn a_second_signal_ends_the_run_at_once_and_the_open_create_is_in_doubt() {
    let provider = Simulated::with_faults("slow=1h:first:1");
    let scenario = Scenario::jobs(2).at(&provider);
    let mut run = scenario.start(&[]);
    run.until("the first create is open", |_| provider.posts() == 1);
    run.interrupt();
    run.until("it says that it is stopping", |run| {
        run.stderr().contains("stopping:")
    });
    run.interrupt();
    run.finish().exits(130);
    assert_eq!(count(&scenario.results(), "pending"), 1);

    scenario.run(&[]).exits(5);
    assert_eq!(
        standings(&scenario.results()),
        ["in_doubt/in_doubt", "completed"]
    );
    assert_eq!(provider.posts(), 2, "the job in doubt is not sent again");
}

#[test]
fn a_signal_after_the_last_submit_leaves_the_tasks_running() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(2).at(&provider);
    let mut run = scenario.start(&[]);
    run.until("both tasks are polled", |_| provider.polled() == 2);
    run.terminate();
    run.finish().exits(143);
    assert_eq!(standings(&scenario.results()), ["running"; 2]);
    assert_eq!(provider.posts(), 2);
}
