//! States that were put back, cut short, or written by another version of the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use shotlist::engine::event::EventKind;
use shotlist::state::record::VERSION;

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
    for look in ["report", "plan", "status"] {
        scenario.ask(look, &[]).exits(74).says(refusal);
    }
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
fn a_task_that_only_the_results_name_is_kept_before_they_are_written_anew() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let task_id = scenario.result("job-01")["task_id"].to_owned();
    let state = scenario.state();
    let intent = state.find("\"accepted\"").expect("an accept");
    let cut = state[..intent].rfind('\n').expect("a line before it") + 1;
    scenario.damage_state(&state[..cut]);
    scenario.ask("report", &[]).exits(0).says(&task_id);
    let row = scenario.result("job-01");
    assert_eq!(&row["status"], "in_doubt");
    assert!(row["error"].contains(&task_id), "{row:?}");
    assert!(scenario.state().contains(&task_id));
    scenario.run(&[]).exits(5).says(&task_id);
    let words = ["job-01", "--task", &task_id];
    let mut resolve = scenario.command(&["resolve", "shots.csv"]);
    resolve.args(words);
    crate::support::Running::of(resolve).finish().exits(0);
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 1);
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

/// The states that a version, or a later one without a new format, left after a kill, by the name of their manifest:
/// `v1`, `v1-downloads`…
fn golden_states(version: u32) -> Vec<String> {
    let states = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/states");
    let files = fs::read_dir(states).expect("every version has a state");
    let name = |file: std::io::Result<fs::DirEntry>| {
        let name = file.expect("readable").file_name().into_string();
        let stem = name.expect("ASCII").strip_suffix(".jsonl")?.to_owned();
        (stem.split('-').next() == Some(&format!("v{version}"))).then_some(stem)
    };
    let mut names: Vec<String> = files.filter_map(name).collect();
    names.sort();
    assert!(!names.is_empty(), "version {version} has no state");
    names
}

/// A state with its manifest and its results.
fn golden(stem: &str, extension: &str) -> String {
    let name = format!("tests/it/states/{stem}.{extension}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("every state has a manifest and results")
}

#[test]
fn the_states_of_every_version_are_read_as_they_were_meant_and_gone_on_with() {
    for stem in (1..=VERSION).flat_map(golden_states) {
        let (name, state) = (format!("{stem}.yaml"), golden(&stem, "jsonl"));
        let scenario = Scenario::manifest(&name, &golden(&stem, "yaml"));
        fs::create_dir(scenario.out()).expect("a writable directory");
        scenario.damage_state(&state);
        scenario.ask("report", &[]).exits(0);
        assert_eq!(scenario.results_text(), golden(&stem, "csv"), "{stem}");
        let status = scenario.ask("status", &["--json"]).exits(0);
        assert!(
            status.stdout.contains(r#""id":"dropped""#),
            "a removed job is still known"
        );
        assert_eq!(scenario.state(), state, "looking changes nothing");
        scenario.ask("resolve", &["open", "--not-created"]).exits(0);
        let went_on = scenario.state();
        let added = went_on.strip_prefix(&state).expect("what was there stays");
        assert_eq!(added.lines().count(), 2, "{added}");
        assert_eq!(&scenario.result("open")["status"], "pending");
    }
}

/// What was sent before there were any counts by today's.
#[test]
fn the_prices_in_a_state_are_read_as_they_were_meant() {
    let state = golden("v1-cost", "jsonl");
    let provider = Simulated::good_day();
    let scenario = Scenario::manifest("v1-cost.yaml", &golden("v1-cost", "yaml")).at(&provider);
    fs::create_dir(scenario.out()).expect("a writable directory");
    scenario.damage_state(&state);
    let status = scenario.ask("status", &[]).exits(0).stdout;
    let reserved = "reserved: 4.32592 USD, and 1 request without a recorded price";
    assert!(status.contains(reserved), "{status}");
    assert_eq!(scenario.state(), state, "looking changes nothing");
    // 4.32592 and 0.77 for that request; the next job costs 0.77.
    scenario.run(&["--max-spend", "5.865919"]).exits(5);
    assert_eq!(provider.posts(), 0);
    scenario.run(&["--max-spend", "5.86592"]).exits(5);
    assert_eq!(provider.posts(), 1);
    assert!(scenario.state().starts_with(&state), "what was there stays");
}

#[test]
fn the_partition_of_a_state_is_kept_whatever_is_asked_for() {
    let provider = Simulated::good_day();
    let manifest = golden("v1-partition", "yaml");
    let scenario = Scenario::manifest("v1-partition.yaml", &manifest).at(&provider);
    fs::create_dir(scenario.out()).expect("a writable directory");
    scenario.damage_state(&golden("v1-partition", "jsonl"));
    for options in [&[][..], &["--partition", "hash:1/2"]] {
        let refusal = "this state is that of `--partition hash:2/2`";
        scenario.run(options).exits(2).says(refusal);
    }
    assert_eq!(provider.posts(), 0);
    scenario.run(&["--partition", "hash:2/2"]).exits(5);
    let status = |id: &str| scenario.result(id)["status"].to_owned();
    assert_eq!(status("new"), "completed");
    assert_eq!(status("open"), "in_doubt");
    assert_eq!(["hero", "elsewhere", "last"].map(status), ["skipped"; 3]);
    assert_eq!(provider.posts(), 1);
}

#[test]
fn every_type_of_record_that_is_written_today_is_in_a_state_of_todays_version() {
    let states: Vec<String> = golden_states(VERSION)
        .iter()
        .map(|stem| golden(stem, "jsonl"))
        .collect();
    let lines: Vec<Value> = states
        .iter()
        .flat_map(|state| state.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let types: BTreeSet<&str> = lines
        .iter()
        .filter_map(|line| line["type"].as_str())
        .collect();
    let written = EventKind::ALL.iter().map(|kind| kind.as_str());
    let written: BTreeSet<&str> = written.chain(["header", "run"]).collect();
    assert_eq!(
        types, written,
        "write a state that has them with the real program, see `record`"
    );
}

#[test]
fn a_state_that_a_newer_program_wrote_to_is_refused_and_left_as_it_is() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let whole = scenario.state();
    for (line, old, new, what) in [
        (1, r#""version":1"#, r#""version":2"#, "format version 2"),
        (
            1,
            r#""version":1"#,
            r#""version":1,"owner":"me""#,
            "the field `owner`",
        ),
        (
            3,
            r#""type":"intent""#,
            r#""type":"quoted""#,
            "the record type `quoted`",
        ),
        (
            4,
            r#""type":"accepted""#,
            r#""type":"accepted","price":3"#,
            "the field `price`",
        ),
    ] {
        let newer: String = whole
            .lines()
            .zip(1..)
            .map(|(text, number)| {
                if number == line {
                    resealed(text, old, new)
                } else {
                    format!("{text}\n")
                }
            })
            .collect();
        scenario.damage_state(&newer);
        let refusal = format!(
            "`shots.run/state.jsonl` was written by a newer shotlist: line {line} has {what}"
        );
        for verb in ["plan", "status", "report"] {
            scenario.ask(verb, &[]).exits(74).says(&refusal);
        }
        scenario.run(&[]).exits(74).says(&refusal);
        assert_eq!(scenario.state(), newer, "left as it is");
    }
    assert_eq!(provider.posts(), 1);
}

/// A line of a state with `old` replaced by `new`, and a checksum that is right for it.
fn resealed(line: &str, old: &str, new: &str) -> String {
    let changed = line.replacen(old, new, 1);
    assert_ne!(changed, line);
    let (covered, _) = changed.rsplit_once(r#","crc32":"#).expect("a checksum");
    let checksum = crc32fast::hash(covered.as_bytes());
    format!("{covered},\"crc32\":\"{checksum:08x}\"}}\n")
}
