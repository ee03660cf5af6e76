//! The commands beside `run`: what they print, and that they send and change nothing.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;
use shotlist::simulator::Ledger;

use crate::support::{
    Provider, Running, Scenario, Simulated, assert_paid_once, filters, row, standings, table,
};

/// A snapshot of what people read.
macro_rules! assert_reads {
    ($text:expr) => {
        insta::with_settings!({filters => filters()}, { insta::assert_snapshot!($text) })
    };
}

#[test]
fn check_says_that_a_manifest_is_valid() {
    let scenario = Scenario::jobs(12);
    let check = scenario.ask("check", &[]).exits(0);
    assert_eq!(check.stdout, "");
    check.says("shots.csv is valid: 12 jobs, 60 seconds of video");
    let lines = scenario.ask("check", &["--json"]).exits(0).lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["type"], &lines[0]["exit_code"]),
        (&json!("summary"), &json!(0))
    );
    assert_eq!(scenario.files().len(), 1, "nothing is written");
}

const WRONG: &str = "\
defaults: { model: seedance2.0-720p, duration: 16 }
jobs:
  - id: hero
    promt: A red kite.
  - id: Hero
    prompt: A blue kite.
    duration: 8
    aspect_ratio: 16x9
  - id: kite
    prompt: A green kite.
    duration: 8
    images: [\"ftp://example.com/kite.png\"]
";

#[test]
fn check_shows_every_mistake_at_once_and_sends_nothing() {
    let provider = Simulated::good_day();
    let scenario = Scenario::manifest("shots.yaml", WRONG).at(&provider);
    let check = scenario.ask("check", &[]).exits(2);
    assert_eq!(check.stdout, "");
    assert_reads!(check.stderr);
    let run = scenario.run(&[]).exits(2);
    assert_eq!(run.stderr, check.stderr, "a run says the same");
    let ledger = provider.ledger();
    assert_eq!((ledger.totals.posts, ledger.totals.polls), (0, 0));
    assert_eq!(scenario.files().len(), 1, "nothing is written");

    let lines = scenario.ask("check", &["--json"]).exits(2).lines();
    let errors = lines
        .iter()
        .filter(|line| line["severity"] == "error")
        .count();
    assert_eq!(errors, check.stderr.matches("error[").count());
    for line in lines.iter().filter(|line| line["type"] == "diagnostic") {
        let is_placed = line["line"].as_u64() > Some(0) && line["column"].as_u64() > Some(0);
        assert!(is_placed && line["file"] == "shots.yaml", "{line}");
    }
}

#[test]
fn the_expanded_jobs_are_a_manifest_that_means_the_same() {
    let provider = Simulated::good_day();
    let text = "defaults: { model: seedance2.0-720p, duration: 8, extra_body: { watermark: false, seed: 7 } }\n\
                jobs:\n  \
                - { prompt: \"A kite: red\", x_owner: Ada, extra_body: { seed: null } }\n  \
                - { id: b, prompt: ' A #2 ', aspect_ratio: 16:9, duration: null, model: seedance2.0-480p, images: [\"https://example.com/1.png\"] }\n";
    let scenario = Scenario::manifest("shots.yaml", text).at(&provider);
    scenario.run(&[]).exits(0);
    let expanded = scenario.ask("check", &["--expand"]).exits(0).stdout;
    assert_reads!(expanded);
    scenario.edit(&expanded);
    assert_eq!(
        scenario.ask("check", &["--expand"]).exits(0).stdout,
        expanded
    );
    let results = scenario.results_text();
    scenario.run(&[]).exits(0);
    assert_eq!(scenario.results_text(), results, "the same jobs, unchanged");
    assert_eq!(provider.posts(), 2);
}

#[test]
fn plan_tells_what_a_run_would_do_before_and_after_it_and_after_edits() {
    let provider = Simulated::with_faults("400=first:1,no-id=every:6,fail=first:1,stuck=every:3");
    let scenario = Scenario::jobs(6).at(&provider);
    let plan = || scenario.ask("plan", &[]).exits(0).stdout;
    assert_reads!(plan());
    assert!(!scenario.out().exists(), "nothing is written");

    scenario
        .run(&["--job-timeout", "500ms", "--concurrency", "1"])
        .exits(5);
    let (asked, state) = (provider.ledger().totals, scenario.state());
    assert_reads!(plan());

    // job-03 is edited, job-04 (which runs) and job-05 are removed, a new one is put on top.
    let edited = table([1, 2, 3, 6]).replace("about job-03", "for job-03");
    scenario.edit(&edited.replacen("job-01,", &format!("{}job-01,", row("top", "New.")), 1));
    assert_reads!(plan());
    let lines = scenario.ask("plan", &["--json"]).exits(0).lines();
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap_or("summary"))
        .collect();
    let expected = [
        "new", "failed", "failed", "changed", "in_doubt", "removed", "removed", "summary",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(provider.ledger().totals, asked);
    assert_eq!(scenario.state(), state, "nothing is changed");
}

#[test]
fn plan_of_a_row_without_id_says_that_an_edited_prompt_is_a_new_job() {
    let provider = Simulated::good_day();
    let rows =
        "prompt,model,duration\nA red kite.,seedance2.0-720p,5\nA blue kite.,seedance2.0-720p,5\n";
    let scenario = Scenario::manifest("shots.csv", rows).at(&provider);
    scenario.run(&[]).exits(0);
    scenario.edit(&rows.replace("red", "green"));
    assert_reads!(scenario.ask("plan", &[]).exits(0).stdout);
}

#[test]
fn plan_says_of_a_job_under_a_new_name_what_became_of_the_old_one() {
    let provider = Simulated::good_day();
    let text = "defaults: { model: seedance2.0-720p, duration: 5 }\njobs:\n  - { id: bottle, prompt: \"A {{ color }} bottle.\", matrix: { color: [amber, blue] } }\n";
    let scenario = Scenario::manifest("shots.yaml", text).at(&provider);
    scenario.run(&[]).exits(0);
    scenario.edit(
        &text
            .replace("[amber, blue]", "[amber, blue, red], shape: [round]")
            .replace("}} bottle", "}} bottle{# {{ shape }} #}"),
    );
    assert_reads!(scenario.ask("plan", &[]).exits(0).stdout);
}

#[test]
fn status_tells_where_every_job_stands_before_during_and_after_a_run() {
    let provider = Simulated::with_faults("fail=first:1,stuck=after:2");
    let scenario = Scenario::jobs(3).at(&provider);
    let status = || scenario.ask("status", &[]).exits(0).stdout;
    assert_reads!(status());
    assert!(!scenario.out().exists(), "nothing is written");

    scenario.run(&["--select", "job-01"]).exits(3);
    scenario.run(&["--select", "job-02"]).exits(0);
    let mut run = scenario.start(&[]);
    run.until("the third task is polled", |_| provider.polled() == 3);
    assert_reads!(status());
    run.interrupt();
    run.finish().exits(130);
    assert_reads!(status());

    let lines = scenario.ask("status", &["--json"]).exits(0).lines();
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].clone()).collect();
    assert_eq!(
        statuses,
        [
            json!("failed"),
            json!("completed"),
            json!("running"),
            json!(null)
        ]
    );
}

#[test]
fn status_works_when_the_manifest_is_broken_or_gone() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(0);
    scenario.edit("id,prompt\n\"broken");
    let status = scenario.ask("status", &[]).exits(0);
    assert_reads!(status.stdout);
    status.says("the manifest is not valid now");
    std::fs::remove_file(scenario.path("shots.csv")).expect("there");
    scenario.ask("status", &[]).exits(0);
    scenario.shotlist(&["status", "nothing.csv"]).exits(2);
}

#[test]
fn report_before_any_run_shows_every_job_pending() {
    let scenario = Scenario::jobs(3);
    scenario.ask("report", &[]).exits(0);
    assert_eq!(standings(&scenario.results()), ["pending"; 3]);
    let lines = scenario.ask("report", &["--json"]).exits(0).lines();
    assert_eq!(lines[0]["jobs"], json!({"total": 3, "pending": 3}));
}

#[test]
fn out_puts_state_and_results_elsewhere_for_every_command() {
    let provider = Simulated::with_faults("reset=first:1");
    let scenario = Scenario::jobs(2).at(&provider);
    let out = ["--out", "elsewhere"];
    scenario.run(&out).exits(5).says("--out elsewhere");
    let plan = scenario.ask("plan", &out).exits(0).stdout;
    assert!(plan.contains("in_doubt") && plan.contains("done"), "{plan}");
    let status = scenario.ask("status", &out).exits(0).stdout;
    assert!(status.contains("in_doubt"), "{status}");
    scenario
        .ask(
            "resolve",
            &["job-01", "--not-created", "--out", "elsewhere"],
        )
        .exits(0);
    scenario.run(&out).exits(0);
    assert_eq!(
        scenario.ask("report", &out).exits(0).stdout,
        "elsewhere/results.csv\n"
    );
    assert!(!scenario.out().exists());
}

#[test]
fn init_writes_a_manifest_that_checks_clean_and_never_overwrites() {
    let scenario = Scenario::jobs(1);
    for name in ["new.yaml", "new.yml", "new.csv"] {
        scenario
            .shotlist(&["init", name])
            .exits(0)
            .says(&format!("wrote {name}"));
        let check = scenario.shotlist(&["check", name]).exits(0);
        assert!(!check.stderr.contains("warning"), "{}", check.stderr);
        let before = std::fs::read(scenario.path(name)).expect("written");
        scenario.shotlist(&["init", name]).exits(2).says(name);
        assert_eq!(std::fs::read(scenario.path(name)).expect("kept"), before);
    }
    scenario
        .shotlist(&["init", "new.txt"])
        .exits(2)
        .says("`.yaml` or `.csv`");
    assert!(!scenario.path("new.txt").exists());
}

#[test]
fn the_simulator_serves_until_it_is_told_to_end() {
    let scenario = Scenario::jobs(3);
    let words = ["simulate", "--render", "50ms", "--fault", "429=first:1"];
    let mut simulator = Running::of(scenario.command(&words));
    simulator.until("it says where it listens", |simulator| {
        simulator.stdout().ends_with('\n')
    });
    let said = simulator.stdout();
    let url = said
        .trim()
        .strip_prefix("listening on ")
        .expect("an address");
    let url = &url.to_owned();
    assert_eq!(get(url, "/_sim/health"), "ok\n");

    scenario.run(&["--base-url", url]).exits(0);
    let ledger: Ledger = serde_json::from_str(&get(url, "/_sim/ledger")).expect("a ledger");
    assert_eq!((ledger.totals.creates, ledger.totals.refused_429), (3, 1));
    assert_paid_once(&scenario.results(), &[&ledger]);
    simulator.terminate();
    simulator
        .finish()
        .exits(0)
        .says("4 create requests, 3 tasks made");
}

/// The body at a path.
fn get(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    body.to_owned()
}

#[test]
fn a_simulator_whose_port_is_taken_exits_2() {
    let taken = Simulated::good_day();
    let url = taken.base_url();
    let (_, port) = url.rsplit_once(':').expect("a port");
    Scenario::jobs(1)
        .shotlist(&["simulate", "--port", port])
        .exits(2)
        .says("--port");
    Scenario::jobs(1)
        .shotlist(&["simulate", "--fault", "lost-anwser"])
        .exits(2)
        .says("did you mean `lost-answer`");
}

#[test]
fn status_before_any_run_says_how_to_see_the_rehearsal() {
    let scenario = Scenario::manifest(
        "shots.csv",
        "id,prompt,model,duration\na,A red kite.,seedance2.0-480p,5\n",
    );
    let status = scenario.ask("status", &[]);
    assert!(!status.stdout.contains("rehearsal"), "{}", status.stdout);
    scenario
        .ask("run", &["--rehearse"])
        .exits(0)
        .says("status:  shotlist status shots.csv --out shots.rehearsal");
    let status = scenario.ask("status", &[]);
    let told = "no run yet\nthe rehearsal: shotlist status shots.csv --out shots.rehearsal\n";
    assert!(status.stdout.ends_with(told), "{}", status.stdout);
}
