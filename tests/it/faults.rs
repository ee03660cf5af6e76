//! Providers on a bad day: nothing is paid twice, nothing is lost, and the key stays where it belongs.

use serde_json::json;
use shotlist::simulator::{Post, SimulatorSettings};

use crate::support::{
    Closed, KEY, Provider, Raw, Running, Scenario, Simulated, assert_paid_once, count, html, json,
    redirect, standings,
};

#[test]
fn lost_answers_never_make_a_second_task() {
    std::thread::scope(|threads| {
        for (share, seed) in [("5%", 1), ("10%", 2), ("20%", 3)] {
            threads.spawn(move || assert_safe_from_lost_answers(share, seed));
        }
    });
}

fn assert_safe_from_lost_answers(share: &str, seed: u64) {
    let faults = format!("lost-answer={share},reset-created={share},cut-answer={share}");
    let provider = Simulated::with(SimulatorSettings {
        faults: faults.parse().expect("faults"),
        seed,
        ..Simulated::quick()
    });
    let scenario = Scenario::jobs(40).at(&provider);
    let mut runs = 0;
    while runs == 0 || count(&scenario.results(), "pending") > 0 {
        // Three in doubt in a row stop a run.
        scenario.run(&["--concurrency", "10"]).exits(5);
        runs += 1;
        assert!(runs < 20, "every run sends at least one job");
    }
    let (rows, ledger) = (scenario.results(), provider.ledger());
    assert_eq!(ledger.totals.posts, 40, "one create request a job");
    assert_paid_once(&rows, &[&ledger]);
    assert_eq!(count(&rows, "in_doubt") as u64, ledger.totals.unanswered);
    assert_eq!(count(&rows, "completed") + count(&rows, "in_doubt"), 40);
}

#[test]
fn broken_polls_cost_nothing_but_time() {
    let provider = Simulated::with_faults(
        "poll:503=20%,poll:html=10%,poll:reset=10%,poll:lost-answer=10%,poll:cut-answer=5%,other-task=10%,\
         poll:403=5%,unknown-task=1:20%,no-url=1:20%,odd-status=30%",
    );
    let scenario = Scenario::jobs(20).at(&provider);
    scenario.run(&["--concurrency", "20"]).exits(0);
    assert_eq!(provider.posts(), 20);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn a_storm_of_429_delays_jobs_and_is_no_attempt_of_theirs() {
    let provider = Simulated::with_faults("429=1s:every:3");
    let scenario = Scenario::jobs(6).at(&provider);
    scenario.run(&[]).exits(0);
    let (rows, ledger) = (scenario.results(), provider.ledger());
    assert!(ledger.totals.refused_429 >= 2, "{}", ledger.totals);
    assert_paid_once(&rows, &[&ledger]);
    assert!(rows.iter().all(|row| row["attempts"] == *"1"), "{rows:?}");
    for refused in ledger.posts.iter().filter(|post| post.status == Some(429)) {
        let too_early =
            |post: &&Post| post.at_ms > refused.at_ms && post.at_ms < refused.at_ms + 900;
        let early = ledger.posts.iter().filter(too_early).count();
        // Creates that were open when the refusal came may arrive; nothing else until the time is over.
        assert!(early < 4, "{early} create requests in the pause");
    }
}

#[test]
fn a_stingy_account_gets_everything_done_within_its_limits() {
    let provider = Simulated::with(SimulatorSettings {
        max_in_flight: std::num::NonZeroU32::new(2),
        ..Simulated::quick()
    });
    let scenario = Scenario::jobs(6).at(&provider);
    scenario.run(&["--concurrency", "6"]).exits(0);
    let ledger = provider.ledger();
    assert!(ledger.totals.refused_429 > 0, "{}", ledger.totals);
    assert_eq!(ledger.totals.max_in_flight, 2);
    assert_paid_once(&scenario.results(), &[&ledger]);
}

#[test]
fn a_web_page_is_one_create_in_doubt() {
    for faults in ["html=always", "html-200=always", "html-created=always"] {
        let provider = Simulated::with_faults(faults);
        let scenario = Scenario::jobs(3).at(&provider);
        let run = scenario.run(&[]).exits(5);
        run.says("check that the base URL is the API's, not the website's");
        assert_eq!(provider.posts(), 1, "{faults}");
        let expected = ["in_doubt/in_doubt", "pending", "pending"];
        assert_eq!(standings(&scenario.results()), expected, "{faults}");
    }
}

#[test]
fn a_refused_key_wallet_or_address_stops_submits_and_leaves_jobs_pending() {
    for (faults, class, code, words) in [
        (
            "401=always",
            "pending/auth",
            4,
            "correct `SHOTLIST_API_KEY`",
        ),
        (
            "403=always",
            "pending/auth",
            4,
            "correct `SHOTLIST_API_KEY`",
        ),
        ("404=always", "pending/address", 4, "correct the base URL"),
        ("402=always", "pending/quota", 6, "top it up"),
        ("empty-wallet=always", "pending/quota", 6, "top it up"),
    ] {
        let provider = Simulated::with_faults(faults);
        let scenario = Scenario::jobs(3).at(&provider);
        scenario.run(&[]).exits(code).says(words);
        assert_eq!(provider.posts(), 1, "{faults}");
        let expected = [class, "pending", "pending"];
        assert_eq!(standings(&scenario.results()), expected, "{faults}");
    }
}

#[test]
fn an_empty_wallet_ends_submits_and_polling_goes_on() {
    let provider = Simulated::with_faults("empty-wallet=after:3");
    let scenario = Scenario::jobs(6).at(&provider);
    scenario.run(&[]).exits(6);
    let rows = scenario.results();
    assert_eq!((count(&rows, "completed"), count(&rows, "pending")), (3, 3));
}

#[test]
fn a_provider_that_cannot_be_reached_leaves_jobs_not_sent() {
    let nobody = Closed::anywhere();
    let scenario = Scenario::jobs(2).at(&nobody);
    scenario.run(&["--deadline", "2s"]).exits(7);
    assert_eq!(
        standings(&scenario.results()),
        ["pending/not_sent", "pending"]
    );

    let provider = Simulated::good_day();
    scenario.run(&["--base-url", &provider.base_url()]).exits(0);
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Raw::answering(|_| json(200, &json!({"id": "task_1"})));
    let target = format!("{}/v1/video/generations", elsewhere.base_url());
    let provider = Raw::answering(move |_| redirect(&target));
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(4);
    assert_eq!((provider.posts(), elsewhere.requests().len()), (1, 0));
    assert_eq!(
        standings(&scenario.results()),
        ["pending/address", "pending"]
    );
}

#[test]
fn a_redirected_poll_is_not_followed_either() {
    let elsewhere = Raw::answering(|_| json(200, &json!({"status": "completed"})));
    let target = format!("{}/v1/videos/task_1", elsewhere.base_url());
    let provider = Raw::answering(move |request| match request.method.as_str() {
        "POST" => json(200, &json!({"id": "task_1"})),
        _ => redirect(&target),
    });
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&["--job-timeout", "300ms"]).exits(7);
    assert!(provider.requests().len() > 1);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn the_key_goes_to_the_provider_and_nowhere_else() {
    // A provider that gives the key away in everything it says.
    let provider = Raw::answering(|request| {
        let said = format!("bad request of {}", request.authorization);
        let number = request.body["prompt"]
            .as_str()
            .unwrap_or_default()
            .as_bytes();
        match (request.method.as_str(), number.iter().rev().nth(1)) {
            ("POST", Some(b'1')) => json(400, &json!({"error": {"message": said, "code": KEY}})),
            ("POST", Some(b'2')) => html(200, &format!("<html><title>{said}</title></html>")),
            ("POST", _) => json(200, &json!({"id": "task_3", "status": "queued"})),
            _ => json(
                200,
                &json!({"status": "failed", "error": {"message": said}}),
            ),
        }
    });
    let scenario = Scenario::jobs(3).at(&provider);
    let mut said = String::new();
    let mut keep = |run: crate::support::Finished| said.push_str(&(run.stdout + &run.stderr));
    keep(scenario.run(&["--json", "--select", "job-01"]).exits(3));
    keep(scenario.run(&["--json", "--select", "job-03"]).exits(3));
    keep(scenario.run(&["--json", "--select", "job-02"]).exits(5));
    for verb in ["status", "plan", "report"] {
        keep(scenario.ask(verb, &["--json"]).exits(0));
    }
    keep(scenario.ask("resolve", &["job-02", "--task", "task_9"]));

    let requests = provider.requests();
    assert!(requests.len() > 4);
    for request in &requests {
        assert_eq!(request.authorization, format!("Bearer {KEY}"));
        assert!(!request.path.contains(KEY) && !request.body.to_string().contains(KEY));
    }
    assert!(!said.contains(KEY), "{said}");
    for (path, content) in scenario.files() {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains(KEY), "{}", path.display());
    }
}

#[test]
fn a_key_given_in_place_of_its_file_is_not_repeated() {
    let scenario = Scenario::jobs(1);
    let words = ["--api-key-file", KEY, "--base-url", "http://127.0.0.1:1"];
    let mut command = scenario.run_command(&words);
    command.env_remove("SHOTLIST_API_KEY");
    let run = Running::of(command).finish().exits(2);
    assert!(!run.stderr.contains(KEY), "{}", run.stderr);
}

#[test]
fn a_job_is_sent_to_the_path_and_in_the_form_of_the_api() {
    let provider = making_at_once();
    let scenario = Scenario::jobs(1);
    for ending in ["", "/", "/v1", "/v1/"] {
        let url = provider.base_url() + ending;
        let out = format!("out{}", ending.replace('/', "-"));
        scenario.run(&["--base-url", &url, "--out", &out]).exits(0);
    }
    let expected = json!({
        "model": "seedance2.0-fast-480p",
        "prompt": "A film about job-01.",
        "duration": 5,
        "aspect_ratio": "16:9",
    });
    for asked in provider.requests().chunks(2) {
        assert_eq!(asked[0].path, "/v1/video/generations");
        assert_eq!(asked[0].body, expected);
        assert_eq!(asked[1].path, "/v1/videos/task%2F1%20%3F");
    }
    assert_eq!(provider.requests().len(), 8);
}

#[test]
fn the_paths_of_another_gateway_can_be_set() {
    let provider = making_at_once();
    let manifest = format!(
        "api: {{ base_url: \"{}\", create_path: /api/tasks, poll_path: \"/api/tasks/{{task_id}}\" }}\n\
         jobs: [ {{ id: a, prompt: A., model: seedance2.0-720p, duration: 5 }} ]\n",
        provider.base_url()
    );
    let scenario = Scenario::manifest("shots.yaml", &manifest);
    scenario.run(&[]).exits(0);
    let paths: Vec<_> = provider
        .requests()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(paths, ["/api/tasks", "/api/tasks/task%2F1%20%3F"]);
    assert_eq!(scenario.result("a")["task_id"], *"task/1 ?");
}

/// A provider whose one video is made at once, with an id that does not fit a path as it is.
fn making_at_once() -> Raw {
    Raw::answering(|request| match request.method.as_str() {
        "POST" => json(201, &json!({"task_id": "task/1 ?", "id": "other"})),
        _ => json(
            200,
            &json!({"status": "completed", "result": {"video_url": "https://cdn.example.com/v.mp4"}}),
        ),
    })
}
