//! Runs that nobody watches: they wait for the one before them.

use crate::support::{Running, Scenario, Simulated, assert_paid_once, standings, table};

/// A run that waits for `first` to end.
fn waiting(scenario: &Scenario, options: &[&str]) -> Running {
    let mut second = scenario.start(&[&["--wait-lock", "50s"], options].concat());
    second.until("it says who holds the lock", |second| {
        second.stderr().contains("waiting up to 50s")
    });
    second
}

#[test]
fn a_run_that_waits_for_the_lock_collects_what_the_first_has_made_and_makes_nothing_twice() {
    let provider = Simulated::rendering("1s");
    let scenario = Scenario::jobs(3).at(&provider);
    let mut first = scenario.start(&["--concurrency", "3"]);
    first.until("two tasks run", |_| provider.creates() >= 2);
    let second = waiting(&scenario, &["--concurrency", "3"]);
    let by = format!("another run: process {}", first.pid());
    assert!(second.stderr().contains(&by), "{}", second.stderr());
    first.finish().exits(0);
    let said = second.finish().exits(0).stderr;
    assert_eq!(said.matches("another run").count(), 1, "{said}");
    assert!(said.contains("it has ended after"), "{said}");
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
    assert_eq!(provider.posts(), 3);
}

#[test]
fn nothing_is_sent_before_the_lock_is_held_and_the_manifest_is_read_then() {
    let provider = Simulated::with_faults("stuck=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("the task runs", |_| provider.polled() == 1);
    let second = waiting(&scenario, &["--select", "job-*", "--job-timeout", "1s"]);
    scenario.edit(&table(1..=3));
    assert_eq!(provider.posts(), 1);
    first.interrupt();
    first.finish().exits(130);
    second.finish().exits(7);
    assert_eq!(
        standings(&scenario.results()),
        ["running/timeout", "completed", "completed"]
    );
    assert_eq!(provider.posts(), 3);
}

#[test]
fn a_manifest_that_was_broken_meanwhile_sends_nothing() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(1).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("the task runs", |_| provider.polled() == 1);
    let second = waiting(&scenario, &[]);
    scenario.edit("id,promt\na,b\n");
    first.terminate();
    first.finish().exits(143);
    second.finish().exits(2).says("promt");
    assert_eq!(provider.posts(), 1);
}

#[test]
fn waiting_has_an_end_by_itself_and_by_signals() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(1).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("the task runs", |_| provider.polled() == 1);
    let lines = scenario.run(&["--wait-lock", "300ms", "--json"]).exits(75);
    assert_eq!(lines.lines().last().expect("a summary")["exit_name"], "held");
    for (signal, code) in [
        (Running::interrupt as fn(&Running), 130),
        (Running::terminate, 143),
    ] {
        let second = waiting(&scenario, &["--json"]);
        signal(&second);
        let second = second.finish().exits(code);
        assert_eq!(second.lines().last().expect("a summary")["exit_code"], code);
    }
    assert_eq!(provider.posts(), 1);
    first.interrupt();
    first.finish().exits(130);
}

#[test]
fn report_download_and_resolve_wait_as_well() {
    let provider = Simulated::with_faults("no-id=first:1,stuck=after:1");
    let scenario = Scenario::jobs(2).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("the second task runs", |_| provider.polled() == 1);
    let begin = |verb, words: &[&str]| {
        let words = [&[verb, "shots.csv", "--wait-lock", "50s"], words].concat();
        let mut command = Running::of(scenario.command(&words));
        command.until("it waits", |it| it.stderr().contains("waiting up to"));
        command
    };
    let all = [
        begin("report", &[]),
        begin("download", &[]),
        begin("resolve", &["job-01", "--not-created"]),
    ];
    first.interrupt();
    first.finish().exits(130);
    for command in all {
        command.finish().exits(0);
    }
    assert_eq!(scenario.result("job-01").standing(), "pending");
}

#[test]
fn a_free_lock_is_not_waited_for() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    let said = scenario.run(&["--wait-lock", "10m"]).exits(0).stderr;
    assert!(!said.contains("waiting up to"), "{said}");
    let other = Scenario::manifest("other.csv", &table(1..=1)).at(&provider);
    let out = scenario.out().display().to_string();
    let words = ["--wait-lock", "10m", "--rehearse", "--out", &out];
    other.run(&words).exits(2).says("real run");
}
