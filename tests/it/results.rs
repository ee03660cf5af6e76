//! results.csv: whole at every moment, the same when it is made anew, and harmless in a spreadsheet.

use std::os::unix::fs::MetadataExt as _;

use serde_json::json;

use crate::support::{
    Raw, Scenario, Simulated, count, html, job_id, json, row, rows, standings, table,
};

#[test]
fn a_report_makes_the_same_bytes_again() {
    let faults = "400=first:1,no-id=every:6,fail=first:1,stuck=every:3,no-url=every:4";
    let provider = Simulated::with_faults(faults);
    let scenario = Scenario::jobs(12).at(&provider);
    let options = [
        "--job-timeout",
        "1s",
        "--select",
        "job-0*",
        "--select",
        "job-10",
    ];
    scenario.run(&options).exits(5);
    let before = scenario.results_text();
    let kinds = ["completed", "failed", "in_doubt", "running", "skipped"];
    for status in kinds {
        assert!(
            count(&scenario.results(), status) > 0,
            "{:?}",
            standings(&scenario.results())
        );
    }
    let asked = provider.ledger().totals;
    for spoiled in [None, Some("opened in a spreadsheet"), Some("")] {
        let path = scenario.out().join("results.csv");
        match spoiled {
            Some(text) => std::fs::write(path, text).expect("writable"),
            None => std::fs::remove_file(path).expect("there"),
        }
        let report = scenario.ask("report", &[]).exits(0);
        assert_eq!(report.stdout, "shots.run/results.csv\n");
        assert_eq!(scenario.results_text(), before);
    }
    assert_eq!(provider.ledger().totals, asked, "nobody is asked");
}

#[test]
fn a_run_with_nothing_to_tell_leaves_the_file_as_it_is() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&[]).exits(0);
    let path = scenario.out().join("results.csv");
    let inode = || path.metadata().expect("there").ino();
    let (before, text) = (inode(), scenario.results_text());
    scenario.run(&[]).exits(0);
    assert_eq!((inode(), scenario.results_text()), (before, text));
}

#[test]
fn whoever_reads_it_during_a_run_sees_a_whole_file() {
    let provider = Simulated::rendering("100ms..1s");
    let scenario = Scenario::jobs(60).at(&provider);
    let mut run = scenario.start(&["--submit-rate", "20/s", "--concurrency", "60"]);
    let path = scenario.out().join("results.csv");
    run.until("there is a file", |_| path.exists());
    let ids: Vec<_> = (1..=60).map(job_id).collect();
    let mut seen = Vec::new();
    run.until("it was read often", |_| {
        let text = scenario.results_text();
        assert!(text.ends_with("\r\n"));
        let rows = rows(&text);
        let found: Vec<_> = rows.iter().map(|row| row["id"].to_owned()).collect();
        assert_eq!(found, ids);
        if seen.last() != Some(&text) {
            seen.push(text);
        }
        seen.len() > 1
    });
    run.finish().exits(0);
    assert_eq!(count(&scenario.results(), "completed"), 60);
    let leftovers: Vec<_> = scenario.files().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        leftovers.len(),
        5,
        "manifest, lock, state, results and gallery: {leftovers:?}"
    );
}

#[test]
fn a_prompt_and_a_column_of_the_user_cannot_be_a_formula() {
    let provider = Simulated::good_day();
    let text = "id,prompt,model,duration,x_note,x_number\n\
                a,=HYPERLINK of kites,seedance2.0-720p,5,@SUM(A1),-5\n\
                b,+1 more,seedance2.0-720p,5,\"-1+cmd|' /C calc'!A0\",+1.5\n\
                c,\"plain, \"\"quoted\"\"\",seedance2.0-720p,5,\"two\nlines\",7\n";
    let scenario = Scenario::manifest("shots.csv", text).at(&provider);
    scenario.run(&[]).exits(0);
    let cells: Vec<_> = scenario
        .results()
        .iter()
        .map(|row| ["prompt", "x_note", "x_number"].map(|column| row[column].to_owned()))
        .collect();
    let expected = [
        ["'=HYPERLINK of kites", "'@SUM(A1)", "-5"],
        ["'+1 more", "'-1+cmd|' /C calc'!A0", "+1.5"],
        ["plain, \"quoted\"", "two\nlines", "7"],
    ];
    assert_eq!(cells, expected);
    let ledger = provider.ledger();
    assert_eq!(
        ledger.posts[0].request["prompt"], "=HYPERLINK of kites",
        "sent as written"
    );
    assert_eq!(ledger.posts[0].request.get("x_note"), None);
}

#[test]
fn what_a_provider_says_cannot_steer_terminal_or_spreadsheet() {
    let nasty = "=cmd|' /C calc'!A0\u{1b}[31m\u{7}\r\n\u{202e}evil\u{0}";
    let provider = Raw::answering(move |request| {
        let prompt = request.body["prompt"].as_str().unwrap_or_default();
        match (request.method.as_str(), prompt) {
            ("POST", "refuse") => json(400, &json!({"error": {"code": nasty, "message": nasty}})),
            ("POST", "confuse") => html(502, &format!("<html><title>{nasty}</title></html>")),
            ("POST", _) => json(200, &json!({"id": format!("=1+1{nasty}"), "status": nasty})),
            _ => json(
                200,
                &json!({"status": "failed", "error": {"message": nasty}}),
            ),
        }
    });
    let text = "id,prompt,model,duration,aspect_ratio\n".to_owned()
        + &row("a", "make")
        + &row("b", "refuse")
        + &row("c", "confuse");
    let scenario = Scenario::manifest("shots.csv", &text).at(&provider);
    let run = scenario.run(&["--json"]).exits(5);
    let expected = ["failed/generation", "failed/rejected", "in_doubt/in_doubt"];
    assert_eq!(standings(&scenario.results()), expected);
    let status = scenario.ask("status", &[]).exits(0);
    let shown = [run.stdout, run.stderr, status.stdout, status.stderr];
    let csv = scenario.results_text();
    for text in shown.iter().chain([&csv.replace("\r\n", "\n")]) {
        let is_harmful = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
        assert_eq!(text.chars().find(is_harmful), None, "{text:?}");
    }
    for row in scenario.results() {
        for column in ["task_id", "error"] {
            assert!(!row[column].starts_with('='), "{row:?}");
        }
    }
}

#[test]
fn the_file_before_any_result_has_every_row() {
    let provider = Simulated::with_faults("401=always");
    let scenario = Scenario::manifest("shots.csv", &table([3, 1, 2])).at(&provider);
    scenario.run(&[]).exits(4);
    let csv = scenario.results_text();
    insta::with_settings!({filters => crate::support::filters()}, {
        insta::assert_snapshot!(csv.replace("\r\n", "\n"));
    });
}
