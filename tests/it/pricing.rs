//! Prices: what a run would cost before it, what each job was to cost after it, and where the prices may stand.

use serde_json::{Value, json};

use crate::support::{Scenario, Simulated, filters};

const MANIFEST: &str = r#"pricing: prices.yaml
limits: { max_jobs: 4 }
allow: [no-duration, unpriced]
defaults: { model: seedance2.0-720p, duration: 8, extra_body: { generate_audio: false } }
jobs:
  - { id: kite, prompt: A red kite., variants: 2 }
  - { id: loud, prompt: A loud kite., extra_body: { generate_audio: true }, images: ["https://example.com/1.png"] }
  - { id: open, prompt: A kite of any length., duration: null }
  - { id: dear, prompt: A dear kite., model: seedance2.0-1080p }
"#;

const PRICES: &str = "currency: EUR\nper_second: { seedance2.0-720p: 0.0333 }\naudio_factor: 1.5\nreference_factor: '1.2'\nper_job: 0.02\n";

fn scenario() -> Scenario {
    let scenario = Scenario::manifest("shots.yaml", MANIFEST);
    scenario.write("prices.yaml", PRICES);
    scenario
}

#[test]
fn what_a_run_would_cost_is_told_by_what_prices_hang_on() {
    let scenario = scenario();
    let cap = ["--max-spend", "1.5"];
    let plan = scenario.ask("plan", &cap).exits(0);
    insta::assert_snapshot!(plan.stdout);
    let lines = scenario
        .ask("plan", &[&cap[..], &["--json"]].concat())
        .exits(0)
        .lines();
    let prices: Vec<&Value> = lines.iter().map(|line| &line["cost_estimate"]).collect();
    // 8 × 0.0333 + 0.02, the same × 1.5 × 1.2, and two that nobody knows.
    let (quiet, loud) = (json!("0.2864"), json!("0.49952"));
    let unknown = Value::Null;
    assert_eq!(
        prices,
        [&quiet, &quiet, &loud, &unknown, &unknown, &unknown]
    );
    let summary = lines.last().expect("a summary");
    let euro = |amount| json!({ "amount": amount, "currency": "EUR" });
    let cost = &summary["cost"];
    assert_eq!(cost["total"], euro("1.07232"));
    assert_eq!(cost["unpriced_videos"], 2);
    let no_room = "a run would be refused: two have no price";
    assert_eq!(cost["room_for"], Value::Null, "{no_room}");
    let nothing_yet = json!({ "reserved": [], "unpriced_requests": 0, "max_spend": euro("1.50") });
    assert_eq!(summary["spend"], nothing_yet);
    let group = json!({
        "model": "seedance2.0-720p", "seconds": 8, "generate_audio": false, "media": false, "mode": "text",
        "videos": 2, "each": "0.2864", "amount": "0.5728",
    });
    assert_eq!(cost["groups"].as_array().map(Vec::len), Some(4));
    let groups = cost["groups"].as_array().expect("a list");
    assert!(groups.contains(&group), "{groups:?}");
    assert_eq!(summary["expected"]["finished_videos"], 0);
    assert_eq!(summary["expected"]["video_most_seconds"], 240);
}

#[test]
fn under_a_cap_of_the_manifest_jobs_without_a_price_are_refused_unless_they_are_not_submitted() {
    let scenario = scenario();
    scenario.edit(&MANIFEST.replace("max_jobs: 4", "max_spend: 1.5"));
    scenario
        .ask("check", &[])
        .exits(2)
        .says("error[max-spend-unpriced]: 2 of 5 jobs have no price");
    let plan = scenario.ask("plan", &[]).exits(0).stdout;
    assert!(plan.contains("a run would be refused: "), "{plan}");
    scenario.run(&["--rehearse"]).exits(2);
    let plan = scenario.ask("plan", &["--select", "kite*"]).exits(0).stdout;
    assert!(plan.contains("within the cap of 1.50 EUR"), "{plan}");
    let narrow = ["--select", "kite*", "--max-spend", "0.6", "--json"];
    let lines = scenario.ask("plan", &narrow).exits(0).lines();
    let cost = &lines.last().expect("a summary")["cost"];
    assert_eq!(cost["room_for"], 2, "{cost}");
    scenario.run(&["--rehearse", "--select", "kite*"]).exits(0);
}

#[test]
fn each_row_has_its_cost_as_a_number_that_a_spreadsheet_can_add_up() {
    let provider = Simulated::good_day();
    let scenario = scenario().at(&provider);
    scenario.edit(&MANIFEST.replace("limits:", "x-limits:"));
    let before = scenario.ask("status", &["--json"]).exits(0).lines();
    assert_eq!(before[0]["cost_estimate"], "0.2864");
    scenario.run(&["--concurrency", "9"]).exits(0);
    let costs: Vec<String> = scenario
        .results()
        .iter()
        .map(|row| row["cost_estimate"].to_owned())
        .collect();
    assert_eq!(costs, ["0.2864", "0.2864", "0.49952", "", ""]);
    let after = scenario.ask("status", &["--json"]).exits(0).lines();
    assert_eq!(after[2]["cost_estimate"], "0.49952");
    assert_eq!(after[3]["cost_estimate"], Value::Null);
    let results = scenario.results_text();
    scenario.ask("report", &[]).exits(0);
    assert_eq!(scenario.results_text(), results);
    let plan = scenario.ask("plan", &[]).exits(0).stdout;
    let end = "a run would submit nothing\nreserved: 1.07232 EUR, and 2 requests without a recorded price\n";
    assert!(plan.ends_with(end), "{plan}");
}

#[test]
fn the_length_of_a_run_goes_by_what_finished_videos_took() {
    let provider = Simulated::good_day();
    let scenario = scenario().at(&provider);
    scenario.edit(&MANIFEST.replace("limits:", "x-limits:"));
    scenario
        .run(&["--max-jobs", "1", "--poll-first", "1s"])
        .exits(6);
    let lines = scenario.ask("plan", &["--json"]).exits(0).lines();
    let expected = &lines.last().expect("a summary")["expected"];
    assert_eq!(expected["finished_videos"], 1);
    assert_eq!(expected["least_seconds"], expected["most_seconds"]);
    assert!(expected["most_seconds"].as_u64() < Some(90), "{expected}");
    let plan = scenario.ask("plan", &[]).exits(0);
    plan.stdout
        .lines()
        .find(|line| line.starts_with("time: about ") && line.ends_with("like the finished one"))
        .unwrap_or_else(|| panic!("{}", plan.stdout));
}

#[test]
fn a_mistake_in_a_price_list_is_shown_at_its_place_there() {
    let scenario = scenario();
    scenario.write(
        "prices.yaml",
        &PRICES.replace("per_job", "per_jobs").replace("EUR", "euro"),
    );
    let check = scenario.ask("check", &[]).exits(2);
    insta::with_settings!({filters => filters()}, { insta::assert_snapshot!(check.stderr) });
    let lines = scenario.ask("check", &["--json"]).exits(2).lines();
    assert_eq!(
        (&lines[0]["file"], &lines[0]["line"], &lines[0]["column"]),
        (&json!("prices.yaml"), &json!(1), &json!(11))
    );
}

#[cfg(unix)]
#[test]
fn a_price_list_behind_a_link_that_leaves_the_folder_is_read_only_if_allowed() {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let far = elsewhere.path().join("far.yaml");
    std::fs::write(&far, PRICES).expect("writable");
    let scenario = scenario();
    let near = scenario.path("prices.yaml");
    std::fs::remove_file(&near).expect("there");
    std::os::unix::fs::symlink(&far, &near).expect("a link");
    scenario
        .ask("plan", &[])
        .exits(2)
        .says("error[outside-folder]: `prices.yaml` is outside the folder of the manifest");
    let plan = scenario.ask("plan", &["--allow-outside"]).exits(0);
    assert!(plan.stdout.contains("1.07232 EUR"), "{}", plan.stdout);
}
