//! Manifests that are not written out: what `check` and `plan` say of the jobs that they make, and what they may read.

use serde_json::json;

use crate::support::{Scenario, Simulated, filters};

const MANIFEST: &str = r#"vars: { look: slow camera }
defaults: { model: seedance2.0-720p, duration: 8 }
jobs:
  - id: hero
    prompt: "A {{ color }} kite, {{ look }}."
    matrix: { color: [red, blue], aspect_ratio: ["9:16", "16:9"], exclude: [{ color: red, aspect_ratio: "16:9" }] }
    variants: 2
    extra_body: { seed: 7 }
  - { id: plain, prompt: A grey kite. }
  - from: shots.csv
    template: { id: "{{ sku }}-film", prompt: "{{ product }} on {{ surface | default('stone') }}, {{ look }}." }
"#;

const TABLE: &str = "SKU,Product,surface,x_owner\na1,lamp,oak,Ann\n\na2,\"chair,\nred\",,Bob\n";

fn scenario() -> Scenario {
    let scenario = Scenario::manifest("many.yaml", MANIFEST);
    scenario.write("shots.csv", TABLE);
    scenario
}

#[test]
fn the_final_jobs_say_where_they_come_from_and_mean_the_same() {
    let provider = Simulated::good_day();
    let scenario = scenario().at(&provider);
    let expanded = scenario.ask("check", &["--expand"]).exits(0).stdout;
    insta::with_settings!({filters => filters()}, { insta::assert_snapshot!(expanded) });
    scenario.run(&["--concurrency", "9"]).exits(0);
    let results = scenario.results_text();
    scenario.edit(&expanded);
    scenario.run(&[]).exits(0);
    assert_eq!(scenario.results_text(), results, "the same jobs, unchanged");
    assert_eq!(provider.posts(), 9);
}

#[test]
fn plan_tells_programs_where_each_job_comes_from() {
    let lines = scenario().ask("plan", &["--json"]).exits(0).lines();
    let origin = |id: &str| {
        let line = lines.iter().find(|line| line["id"] == id);
        line.unwrap_or_else(|| panic!("no {id}"))["origin"].clone()
    };
    assert_eq!(
        origin("hero-blue-16x9-v2"),
        json!({ "line": 4, "row": null, "table": null, "matrix": { "color": "blue", "aspect_ratio": "16:9" }, "variant": 2 })
    );
    assert_eq!(
        origin("plain"),
        json!({ "line": 9, "row": null, "table": null, "matrix": null, "variant": null })
    );
    let row = origin("a2-film");
    assert_eq!((&row["row"], &row["line"]), (&json!(4), &json!(4)));
    assert!(
        row["table"]
            .as_str()
            .is_some_and(|it| it.ends_with("shots.csv")),
        "{row}"
    );
}

#[test]
fn warnings_can_be_denied_and_allowed_before_anything_is_sent() {
    let provider = Simulated::good_day();
    let text = "defaults: { model: seedance2.0-720p }\njobs: [{ id: a, prompt: x }]\n";
    let scenario = Scenario::manifest("shots.yaml", text).at(&provider);
    scenario.ask("check", &[]).exits(0);
    for verb in ["check", "plan"] {
        let denied = scenario.ask(verb, &["--deny-warnings"]).exits(2);
        denied.says("error: `--deny-warnings` does not let 1 warning pass; nothing was sent");
    }
    scenario.run(&["--deny-warnings"]).exits(2);
    assert_eq!(provider.posts(), 0);
    scenario.edit(&format!("allow: [no-duration]\n{text}"));
    let lines = scenario
        .ask("check", &["--deny-warnings", "--json"])
        .exits(0)
        .lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["diagnostics"], json!({ "allowed": 1 }));
    scenario.run(&["--deny-warnings"]).exits(0);
    assert_eq!(provider.posts(), 1);
}

#[test]
fn the_warnings_of_a_table_are_allowed_in_a_manifest_that_names_it() {
    let rows = "id,model,prompt\na,seedance2.0-720p,A kite\nb,seedance2.0-720p,y {{ z }}\n";
    let scenario = Scenario::manifest("shots.csv", rows);
    let denied = scenario.ask("check", &["--deny-warnings"]).exits(2);
    let said = denied
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let help = "`allow: [looks-like-template, no-duration]`, which stands in a YAML manifest that names the table: `jobs: { from: shots.csv }`";
    assert!(said.contains(help), "{said}");
}

#[test]
fn a_table_outside_the_folder_is_read_only_if_that_is_allowed() {
    let elsewhere = Scenario::jobs(2);
    let table = elsewhere.path("shots.csv");
    let scenario = Scenario::manifest(
        "shots.yaml",
        &format!("jobs: {{ from: {} }}\n", table.display()),
    );
    let refused = scenario.ask("check", &[]).exits(2);
    refused.says("is outside the folder of the manifest");
    scenario.ask("check", &["--allow-outside"]).exits(0);
    std::os::unix::fs::symlink(&table, scenario.path("link.csv")).expect("a link");
    scenario.edit("jobs: { from: link.csv }\n");
    let refused = scenario.ask("plan", &[]).exits(2);
    refused.says("`link.csv` is outside the folder of the manifest");
    scenario.ask("plan", &["--allow-outside"]).exits(0);
}
