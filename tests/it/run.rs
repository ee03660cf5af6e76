//! Runs on a good day, and what their options do.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use shotlist::simulator::Post;

use crate::support::{
    self, Provider, Raw, Request, Running, Scenario, Simulated, assert_paid_once, count, filters,
    job_id, standings, table,
};

#[test]
fn a_run_makes_every_video_and_says_so_in_every_place() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(12).at(&provider);
    let run = scenario.run(&[]).exits(0);
    let ledger = provider.ledger();

    assert_eq!(run.stdout, "");
    insta::with_settings!({filters => filters()}, {
        insta::assert_snapshot!(run.stderr, @r"
        note: shots.csv: UTF-8, comma-separated, LF
        12 jobs: 12 completed; took [TIME]
        run:     [RUN]
        results: shots.run/results.csv
        gallery: shots.run/gallery.html
        hint:    12 videos are at the provider alone, and their URLs usually expire within 24h: `shotlist download` fetches them, as `--download` does during a run
        ");
    });
    assert_eq!((ledger.totals.posts, ledger.totals.creates), (12, 12));
    assert_paid_once(&scenario.results(), &[&ledger]);
    for row in scenario.results() {
        let sent = |post: &&Post| post.request["prompt"] == row["prompt"];
        let post = ledger.posts.iter().find(sent).expect("every job was sent");
        let task_id = post.task_id.as_deref().expect("every post was taken");
        assert_eq!((&row["status"], &row["attempts"]), ("completed", "1"));
        assert_eq!(row["task_id"], *task_id);
        let video = format!("{}/videos/{task_id}.mp4", provider.base_url());
        assert_eq!(row["video_url"], *video);
    }
    let of_type = |kind: &str| {
        let state = scenario.state_lines();
        state.iter().filter(|line| line["type"] == *kind).count()
    };
    assert_eq!(of_type("header"), 1);
    assert_eq!(of_type("run"), 1);
    for kind in ["intent", "accepted", "completed"] {
        assert_eq!(of_type(kind), 12, "{kind}");
    }
}

#[test]
fn a_second_run_has_nothing_to_do_and_asks_nothing() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&[]).exits(0);
    let (before, results) = (provider.ledger().totals, scenario.results_text());
    let again = scenario.run(&[]).exits(0);
    assert_eq!(provider.ledger().totals, before);
    assert_eq!(scenario.results_text(), results);
    again.says("3 jobs: 3 completed");
}

#[test]
fn state_and_directory_are_private_and_results_are_not() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let mode = |path: std::path::PathBuf| {
        let metadata = path.metadata().expect("written");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(scenario.out()), 0o700);
    assert_eq!(mode(scenario.out().join("state.jsonl")), 0o600);
    let umask = mode(scenario.path("shots.csv"));
    assert_eq!(mode(scenario.out().join("results.csv")), umask);
}

#[test]
fn rows_are_in_the_order_of_the_manifest_whatever_ends_first() {
    let provider = Simulated::rendering("20ms..900ms");
    let scenario = Scenario::manifest("shots.csv", &table((1..=12).rev())).at(&provider);
    scenario.run(&["--concurrency", "12"]).exits(0);
    let ids: Vec<_> = scenario
        .results()
        .iter()
        .map(|row| row["id"].to_owned())
        .collect();
    assert_eq!(ids, (1..=12).rev().map(job_id).collect::<Vec<_>>());
    let ledger = provider.ledger();
    let ends: Vec<_> = ledger
        .tasks
        .iter()
        .map(|task| task.finished_at_ms)
        .collect();
    assert!(!ends.is_sorted(), "the videos are not made in order");
}

#[test]
fn every_line_of_json_has_schema_and_type_and_the_last_is_the_summary() {
    let provider = Simulated::with_faults("fail=first:1");
    let scenario = Scenario::jobs(3).at(&provider);
    let run = scenario.run(&["--json"]).exits(3);
    let lines = run.lines();
    for line in &lines {
        assert_eq!(line["schema"], 1, "{line}");
        assert!(line["type"].is_string(), "{line}");
    }
    let (summary, before) = lines.split_last().expect("lines");
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["command"], "run");
    assert_eq!(summary["exit_code"], 3);
    assert_eq!(
        summary["jobs"],
        json!({"total": 3, "completed": 2, "failed": 1})
    );
    assert_eq!(summary["error_classes"], json!({"generation": 1}));
    assert!(before.iter().all(|line| line["type"] != "summary"));
    let stories = |id: &str| {
        let of_job = before.iter().filter(move |line| line["id"] == *id);
        of_job
            .map(|line| line["status"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(stories("job-01"), ["submitting", "running", "failed"]);
    assert_eq!(stories("job-03"), ["submitting", "running", "completed"]);
}

#[test]
fn a_wrong_manifest_is_told_in_json_lines_too() {
    let scenario = Scenario::manifest("shots.csv", "id,prompt,model\na,,seedance2.0-720p\n");
    let run = scenario
        .run(&["--json", "--base-url", "http://127.0.0.1:9"])
        .exits(2);
    let lines = run.lines();
    let types: Vec<_> = lines.iter().map(|line| line["type"].clone()).collect();
    assert_eq!(types.last(), Some(&json!("summary")));
    assert!(types.contains(&json!("diagnostic")), "{types:?}");
    assert_eq!(lines.last().expect("lines")["exit_code"], 2);
}

#[test]
fn quiet_leaves_the_summary_and_nothing_else() {
    let provider = Simulated::with_faults("401=always");
    let scenario = Scenario::jobs(2).at(&provider);
    let loud = scenario.run(&[]).exits(4).stderr;
    let quiet = scenario.run(&["--quiet"]).exits(4);
    let talk = ["note: shots.csv", "no more submits:"];
    assert!(talk.iter().all(|words| loud.contains(words)), "{loud}");
    assert_eq!(quiet.stdout, "");
    assert!(
        quiet.stderr.starts_with("2 jobs: 2 pending"),
        "{}",
        quiet.stderr
    );
    assert!(talk.iter().all(|words| !quiet.stderr.contains(words)));
}

#[test]
fn one_bad_job_does_not_stop_the_batch() {
    let provider = Simulated::with_faults("400=first:1,moderation=every:4,fail=every:3");
    let scenario = Scenario::jobs(9).at(&provider);
    let run = scenario.run(&["--concurrency", "1"]).exits(3);
    // Creates 1, 4 and 8 are refused; of the six tasks the third and the sixth fail.
    let expected = [
        "failed/rejected",
        "completed",
        "completed",
        "failed/moderation",
        "failed/generation",
        "completed",
        "completed",
        "failed/moderation",
        "failed/generation",
    ];
    assert_eq!(standings(&scenario.results()), expected);
    assert_eq!(provider.posts(), 9);
    insta::with_settings!({filters => filters()}, {
        insta::assert_snapshot!(run.stderr);
    });
}

#[test]
fn jobs_that_are_not_selected_are_skipped() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(12).at(&provider);
    let run = scenario
        .run(&["--select", "job-0[1-3]", "--select", "*-12"])
        .exits(0);
    let rows = scenario.results();
    assert_eq!(provider.posts(), 4);
    assert_eq!((count(&rows, "completed"), count(&rows, "skipped")), (4, 8));
    assert_eq!(scenario.result("job-12")["status"], *"completed");
    run.says("8 not selected");
    scenario.run(&[]).exits(0);
    assert_eq!(count(&scenario.results(), "completed"), 12);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn a_selection_that_matches_no_job_is_wrong_usage() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario
        .run(&["--select", "hero-*"])
        .exits(2)
        .says("`hero-*`");
    assert_eq!(provider.posts(), 0);
    assert!(!scenario.out().exists());
}

#[test]
fn at_most_so_many_jobs_are_submitted_in_a_run() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(5).at(&provider);
    let first = scenario.run(&["--max-jobs", "2"]).exits(6);
    assert_eq!(provider.posts(), 2);
    assert_eq!(count(&scenario.results(), "pending"), 3);
    first.says("`--max-jobs` is reached");
    scenario.run(&["--max-jobs", "2"]).exits(6);
    scenario.run(&["--max-jobs", "2"]).exits(0);
    assert_eq!(provider.posts(), 5);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn failed_jobs_are_made_again_once_a_run_and_only_on_request() {
    let provider = Simulated::with_faults("fail=first:6");
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&[]).exits(3);
    scenario.run(&[]).exits(3);
    assert_eq!(provider.posts(), 3);
    scenario.run(&["--rerun", "failed"]).exits(3);
    assert_eq!(provider.posts(), 6);
    assert_eq!(scenario.result("job-02")["attempts"], *"1");
    scenario.run(&["--rerun", "failed"]).exits(0);
    assert_eq!(provider.posts(), 9);
    let reopened = scenario.state().matches("\"type\":\"reopened\"").count();
    assert_eq!(reopened, 6);
    scenario.run(&["--rerun", "failed"]).exits(0);
    assert_eq!(provider.posts(), 9);
}

#[test]
fn an_edited_job_keeps_its_result_until_changed_jobs_are_made_again() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&[]).exits(0);
    let before = scenario.result("job-02");
    scenario.edit(&table(1..=3).replace("film about job-02", "short film about job-02"));

    scenario.run(&[]).exits(0);
    let kept = scenario.result("job-02");
    assert_eq!(provider.posts(), 3);
    assert_eq!(kept["prompt"], before["prompt"]);
    assert_eq!(kept["task_id"], before["task_id"]);
    assert!(kept["note"].contains("manifest changed"), "{kept:?}");

    scenario.run(&["--rerun", "changed"]).exits(0);
    let remade = scenario.result("job-02");
    assert_eq!(provider.posts(), 4);
    assert_eq!(remade["prompt"], *"A short film about job-02.");
    assert_ne!(remade["task_id"], before["task_id"]);
    assert_eq!(remade["note"], *"");
    scenario.run(&["--rerun", "changed"]).exits(0);
    assert_eq!(provider.posts(), 4);
}

#[test]
fn nothing_is_submitted_after_the_deadline_and_what_runs_is_collected() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(4).at(&provider);
    let run = scenario
        .run(&["--deadline", "700ms", "--submit-rate", "2/s"])
        .exits(7);
    let (ledger, rows) = (provider.ledger(), scenario.results());
    assert!(ledger.totals.posts < 3, "{}", ledger.totals);
    assert_eq!(count(&rows, "completed") as u64, ledger.totals.creates);
    assert_eq!(count(&rows, "completed") + count(&rows, "pending"), 4);
    run.says("the deadline has passed");
}

#[test]
fn a_task_older_than_the_job_time_out_is_left_running_and_collected_by_a_later_run() {
    let is_done = Arc::new(AtomicBool::new(false));
    let provider = slow_renders(Arc::clone(&is_done));
    let scenario = Scenario::jobs(3).at(&provider);
    let options = ["--job-timeout", "200ms", "--concurrency", "1"];
    scenario.run(&options).exits(7);
    assert_eq!(standings(&scenario.results()), ["running/timeout"; 3]);
    scenario.run(&options).exits(7);
    assert_eq!(standings(&scenario.results()), ["running/timeout"; 3]);
    is_done.store(true, Ordering::SeqCst);
    scenario.run(&options).exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"; 3]);
    assert_eq!(provider.posts(), 3);
}

/// A provider whose videos are all done at a moment that the test chooses.
fn slow_renders(is_done: Arc<AtomicBool>) -> Raw {
    Raw::answering(move |request: &Request| {
        if request.method == "POST" {
            let id = request.body["prompt"].as_str().unwrap_or_default();
            return support::json(
                200,
                &json!({"id": id.replace(' ', "-"), "status": "queued"}),
            );
        }
        let body = if is_done.load(Ordering::SeqCst) {
            json!({"status": "completed", "video_url": "https://cdn.example.com/v.mp4"})
        } else {
            json!({"status": "in_progress"})
        };
        support::json(200, &body)
    })
}

#[test]
fn a_closed_or_full_stdout_or_stderr_does_not_stop_a_run() {
    let full = || Stdio::from(File::create("/dev/full").expect("a device"));
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    for streams in [[full(), full()], [closed(), closed()]] {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(2).at(&provider);
        let [stdout, stderr] = streams;
        let mut command = scenario.run_command(&["--json"]);
        let status = command
            .stdout(stdout)
            .stderr(stderr)
            .status()
            .expect("it starts");
        assert_eq!(status.code(), Some(0));
        assert_eq!(standings(&scenario.results()), ["completed"; 2]);
    }
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_manifest() {
    let providers = [(); 3].map(|()| Simulated::good_day());
    let [flag, environment, manifest] = providers.each_ref().map(Provider::base_url);
    let scenario = Scenario::manifest("shots.yaml", &yaml_with_limits(&manifest));
    let one_more = |words: &[&str], variable: Option<&str>| {
        let mut command = scenario.command(&[&["run", "shots.yaml"], words].concat());
        command.envs(variable.map(|url| ("SHOTLIST_BASE_URL", url)));
        Running::of(command).finish();
        providers.each_ref().map(Simulated::posts)
    };
    assert_eq!(one_more(&[], None), [0, 0, 1]);
    assert_eq!(one_more(&[], Some(&environment)), [0, 1, 1]);
    assert_eq!(
        one_more(&["--base-url", &flag], Some(&environment)),
        [1, 1, 1]
    );
    let both = ["--base-url", &flag, "--max-jobs", "2"];
    assert_eq!(
        one_more(&both, None),
        [3, 1, 1],
        "`max_jobs: 1` of the manifest is overruled"
    );
    assert_eq!(standings(&scenario.results()), ["completed"; 5]);
}

/// A manifest of five jobs that names a provider and lets a run submit one job.
fn yaml_with_limits(url: &str) -> String {
    let ids = ["a", "b", "c", "d", "e"];
    let jobs = ids.map(|id| format!("  - {{ id: {id}, prompt: A film about {id}. }}\n"));
    format!(
        "api: {{ base_url: \"{url}\" }}\n\
         limits: {{ max_jobs: 1, submit_rate: 100/s, poll_first: 50ms, poll_every: 50ms }}\n\
         defaults: {{ model: seedance2.0-720p, duration: 5 }}\n\
         jobs:\n{}",
        jobs.concat()
    )
}

#[test]
fn a_video_without_a_url_is_asked_for_again_by_every_run_and_never_sent_again() {
    let provider = Simulated::with_faults("no-url=6:first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    for options in [&[][..], &["--rerun", "failed"], &[]] {
        scenario.run(options).exits(3);
        assert_eq!(standings(&scenario.results()), ["failed/no_url"]);
    }
    scenario.run(&[]).exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"]);
    assert_eq!(provider.posts(), 1);
}

#[test]
fn a_selection_limits_submits_and_not_the_polling_of_running_tasks() {
    let provider = Simulated::rendering("1s");
    let scenario = Scenario::jobs(3).at(&provider);
    let mut run = scenario.start(&["--max-jobs", "1"]);
    run.until("the first task runs", |_| provider.polled() == 1);
    run.kill();
    scenario.run(&["--select", "job-02"]).exits(0);
    assert_eq!(
        standings(&scenario.results()),
        ["completed", "completed", "skipped"]
    );
    assert_eq!(provider.posts(), 2);
}
