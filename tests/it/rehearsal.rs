//! Rehearsals: every example runs from end to end without key, provider or money.

use std::path::Path;

use crate::support::{Finished, Row, Running, Scenario, rows, standings};

#[test]
fn the_campaign_rehearses() {
    assert_rehearses("campaign.yaml");
}

#[test]
fn first_and_last_frames_rehearse() {
    assert_rehearses("first-last-frame.yaml");
}

#[test]
fn reference_images_rehearse() {
    assert_rehearses("reference-images.yaml");
}

#[test]
fn the_sheet_with_its_table_rehearses() {
    assert_rehearses("sheet.yaml");
}

#[test]
fn a_manifest_with_prices_rehearses() {
    assert_rehearses("pricing.yaml");
}

#[test]
fn a_table_alone_rehearses() {
    assert_rehearses("sheet.csv");
}

fn assert_rehearses(example: &str) {
    let scenario = with_examples(example);
    let run = rehearse(&scenario, example, &["--concurrency", "12"]);
    let rows = rehearsed(&scenario, example);
    assert_eq!(standings(&rows), vec!["completed"; rows.len()]);
    assert!(rows.len() >= 3);
    for row in rows {
        let url = &row["video_url"];
        assert!(url.starts_with("http://127.0.0.1:"), "{row:?}");
    }
    // A rehearsal shows the rows, also where stdout is no terminal.
    assert!(run.stdout.starts_with("JOB "), "{}", run.stdout);
    let next = format!("next:    shotlist plan {example}");
    run.says("rehearsal: ").says(&next);
}

/// The examples in a directory of their own.
fn with_examples(name: &str) -> Scenario {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples");
    let read = |name: &str| std::fs::read_to_string(examples.join(name)).expect("an example");
    let scenario = Scenario::manifest(name, &read(name));
    scenario.write("sheet.csv", &read("sheet.csv"));
    scenario
}

/// Without a key.
fn rehearse(scenario: &Scenario, manifest: &str, options: &[&str]) -> Finished {
    let words = [&["run", manifest, "--rehearse"], options].concat();
    let mut command = scenario.command(&words);
    command.env_remove("SHOTLIST_API_KEY");
    Running::of(command).finish().exits(0)
}

fn rehearsed(scenario: &Scenario, manifest: &str) -> Vec<Row> {
    let directory = scenario.path(manifest).with_extension("rehearsal");
    let csv = std::fs::read_to_string(directory.join("results.csv"));
    rows(&csv.expect("results.csv"))
}

#[test]
fn a_rehearsal_begins_anew_each_time_and_leaves_the_real_run_alone() {
    let scenario = Scenario::jobs(1);
    let tasks = || {
        rehearse(&scenario, "shots.csv", &[]);
        let rows = rehearsed(&scenario, "shots.csv");
        rows.iter()
            .map(|row| row["task_id"].to_owned())
            .collect::<Vec<_>>()
    };
    let (first, second) = (tasks(), tasks());
    assert!(
        first.iter().all(|task| !second.contains(task)),
        "{first:?} {second:?}"
    );
    assert!(!scenario.out().exists());
}
