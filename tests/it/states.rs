//! States that were put back, cut short, or written by another version of the program.

use std::fs;

use crate::support::{Scenario, Simulated, assert_paid_once, standings};

#[test]
fn an_old_copy_of_the_state_is_refused_before_anything_is_paid_again() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&["--max-jobs", "1"]).exits(6);
    let old = scenario.state();
    scenario.run(&[]).exits(0);
    let (new, results) = (scenario.state(), scenario.results_text());
    scenario.damage_state(&old);
    let refusal = "`shots.run/state.jsonl` is older than `shots.run/results.csv`: of job `job-02` it does not know the task";
    scenario.run(&[]).exits(74).says(refusal);
    scenario.ask("report", &[]).exits(74).says(refusal);
    let words = ["--all", "--not-created"];
    scenario.ask("resolve", &words).exits(74).says(refusal);
    assert_eq!((scenario.state(), scenario.results_text()), (old, results));
    scenario.damage_state(&new);
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 3);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn however_many_lines_a_state_loses_no_job_is_paid_for_twice() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&[]).exits(0);
    let (whole, results) = (scenario.state(), scenario.results_text());
    let lines = whole.split_inclusive('\n').count();
    for kept in 0..lines {
        let cut: String = whole.split_inclusive('\n').take(kept).collect();
        scenario.damage_state(&cut);
        fs::write(scenario.out().join("results.csv"), &results).expect("writable results");
        let run = scenario.run(&[]);
        let is_safe = [0, 5, 74].contains(&run.code);
        assert!(is_safe, "{kept} lines: {}\n{}", run.code, run.stderr);
        assert_eq!(provider.posts(), 3, "{kept} lines kept");
    }
}

#[test]
fn results_that_a_person_had_in_hand_do_not_stand_in_the_way() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(0);
    let results = scenario.results_text();
    for edited in [
        String::new(),
        "garbage".to_owned(),
        results.replace("completed", "done"),
        results.replace(',', ";"),
        results[..results.len() - 40].to_owned(),
    ] {
        fs::write(scenario.out().join("results.csv"), edited).expect("writable results");
        scenario.ask("report", &[]).exits(0);
        assert_eq!(scenario.results_text(), results);
    }
    assert_eq!(standings(&scenario.results()), ["completed"; 2]);
}
