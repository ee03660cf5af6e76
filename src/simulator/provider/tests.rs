//! The provider without a network: what it answers and what its ledger says, at times that the tests choose.

use std::num::NonZero;

use jiff::Timestamp;

use super::super::answer::Body;
use super::*;

const KEY: Option<&str> = Some("Bearer sk-test");

fn at(millis: u64) -> Now {
    let wall = i64::try_from(millis).expect("a small number") + 1_700_000_000_000;
    Now {
        mono: Duration::from_millis(millis),
        wall: Timestamp::from_millisecond(wall).expect("a time in range"),
    }
}

/// A provider whose tasks render exactly ten seconds.
fn provider(faults: &str) -> Provider {
    provider_of(&SimulatorSettings {
        faults: faults.parse().expect("valid faults"),
        ..settings()
    })
}

fn settings() -> SimulatorSettings {
    SimulatorSettings {
        render: "10s".parse().expect("valid"),
        ..SimulatorSettings::default()
    }
}

fn provider_of(settings: &SimulatorSettings) -> Provider {
    Provider::new(settings, "http://127.0.0.1:1".to_owned(), at(0))
}

impl Provider {
    fn submit(&mut self, millis: u64) -> Answer {
        let body = br#"{"model":"seedance2.0-720p","prompt":"a cat","duration":5}"#;
        let arrival = Arrival {
            authorization: KEY,
            body,
        };
        self.create(arrival, at(millis))
    }

    fn submit_task(&mut self, millis: u64) -> String {
        let answer = self.submit(millis);
        let body = json_of(&answer);
        body["task_id"].as_str().expect("a task id").to_owned()
    }

    fn ask(&mut self, task_id: &str, millis: u64) -> (u16, Value) {
        let answer = self.poll(task_id, KEY, at(millis));
        (answer.status, json_of(&answer))
    }
}

fn json_of(answer: &Answer) -> Value {
    match &answer.body {
        Body::Json(body) => (**body).clone(),
        Body::Html(page) => Value::String(page.clone()),
    }
}

#[test]
fn a_task_is_queued_then_in_progress_then_completed_with_its_url_at_three_places() {
    let mut provider = provider("429=0%");
    let task_id = provider.submit_task(1_000);
    let mut seen = Vec::new();
    for millis in [1_000, 2_999, 3_000, 7_000, 10_999, 11_000] {
        let (status, body) = provider.ask(&task_id, millis);
        assert_eq!((status, &body["error"]), (200, &Value::Null));
        seen.push((
            body["status"].as_str().expect("a word").to_owned(),
            body["progress"].as_u64(),
            body["video_url"].is_string(),
        ));
    }
    let expected = [
        ("queued", 0, false),
        ("queued", 0, false),
        ("in_progress", 0, false),
        ("in_progress", 50, false),
        ("in_progress", 99, false),
        ("completed", 100, true),
    ];
    let expected = expected.map(|(word, progress, url)| (word.to_owned(), Some(progress), url));
    assert_eq!(seen, expected);

    let (_, body) = provider.ask(&task_id, 12_000);
    let url = json!(format!("http://127.0.0.1:1/videos/{task_id}.mp4"));
    assert_eq!(body["video_url"], url);
    assert_eq!(body["result"]["video_url"], url);
    assert_eq!(body["result"]["outputs"], json!([url]));
    assert_eq!(
        (&body["id"], &body["task_id"]),
        (&json!(task_id), &json!(task_id))
    );
    assert_eq!(body["object"], "video.generation.job");
}

#[test]
fn what_a_create_is_told_and_what_was_made_are_two_things() {
    use Delivery::{Closed, Cut, Reset, Whole};
    for (fault, status, delivery, told, made) in [
        ("429=0%", 200, Whole, true, true),
        ("429", 429, Whole, false, false),
        ("503", 503, Whole, false, false),
        ("401", 401, Whole, false, false),
        ("402", 402, Whole, false, false),
        ("307", 307, Whole, false, false),
        ("empty-wallet", 403, Whole, false, false),
        ("moderation", 400, Whole, false, false),
        ("html", 502, Whole, false, false),
        ("html-200", 200, Whole, false, false),
        ("reset", 502, Reset, false, false),
        ("html-created", 504, Whole, false, true),
        ("500-created", 500, Whole, false, true),
        ("no-id", 200, Whole, false, true),
        ("reset-created", 200, Reset, true, true),
        ("lost-answer", 200, Closed, true, true),
        ("cut-answer", 200, Cut, true, true),
        ("slow=3s", 200, Whole, true, true),
    ] {
        let mut provider = provider(fault);
        let answer = provider.submit(5);
        let about = (answer.status, answer.delivery, answer.names_a_task());
        assert_eq!(about, (status, delivery, told), "{fault}");
        let ledger = provider.ledger(at(6));
        assert_eq!(ledger.tasks.len(), usize::from(made), "{fault}");
        assert_eq!(ledger.posts[0].task_id.is_some(), made, "{fault}");
        assert_eq!(
            ledger.posts[0].fault.is_some(),
            fault != "429=0%",
            "{fault}"
        );
        let unanswered = made && !(told && delivery == Whole);
        assert_eq!(ledger.totals.unanswered, u64::from(unanswered), "{fault}");
    }
}

#[test]
fn a_slow_answer_is_late_and_may_be_lost_as_well() {
    let mut provider = provider("slow=3s:every:2,lost-answer=every:2");
    assert_eq!(provider.submit(0).delay, Duration::ZERO);
    let answer = provider.submit(0);
    assert_eq!(
        (answer.delay, answer.delivery),
        (Duration::from_secs(3), Delivery::Closed)
    );
}

#[test]
fn a_refusal_says_when_to_come_back_only_if_it_was_told_to() {
    assert_eq!(provider("429").submit(0).header, None);
    let told = Some(("retry-after", "5".to_owned()));
    assert_eq!(provider("429=5s").submit(0).header, told);
}

#[test]
fn what_happens_to_a_task_is_seen_by_its_polls() {
    let done = 10_000;
    for (fault, millis, first, later) in [
        ("stuck", done * 1000, "in_progress", "in_progress"),
        ("fail", done, "generation_failed", "generation_failed"),
        (
            "fail-moderation",
            done,
            "OutputVideoSensitiveContentDetected",
            "OutputVideoSensitiveContentDetected",
        ),
        (
            "no-url",
            done,
            "completed without url",
            "completed without url",
        ),
        (
            "no-url=2:always",
            done,
            "completed without url",
            "completed",
        ),
        ("odd-status=baking", 5_000, "baking", "baking"),
        ("odd-status=baking", done, "completed", "completed"),
        ("unknown-task", done, "task_not_exist", "task_not_exist"),
        ("unknown-task=2:always", done, "task_not_exist", "completed"),
    ] {
        let mut provider = provider(fault);
        let task_id = provider.submit_task(0);
        let words: Vec<String> = (0..4)
            .map(|poll| outcome(&provider.ask(&task_id, millis + poll)))
            .collect();
        assert_eq!(words, [first, first, later, later], "{fault}");
    }
}

/// A poll's answer in a word or two.
fn outcome((_, body): &(u16, Value)) -> String {
    let code = body["error"]["code"].as_str().or(body["code"].as_str());
    let word = code.or(body["status"].as_str()).expect("a word");
    let lacks_url = word == "completed" && body["video_url"].is_null();
    format!("{word}{}", if lacks_url { " without url" } else { "" })
}

#[test]
fn a_poll_can_go_wrong_without_harm_to_the_task() {
    for (fault, status, delivery) in [
        ("poll:429", 429, Delivery::Whole),
        ("poll:502", 502, Delivery::Whole),
        ("poll:403", 403, Delivery::Whole),
        ("poll:html-200", 200, Delivery::Whole),
        ("poll:reset", 502, Delivery::Reset),
        ("poll:lost-answer", 200, Delivery::Closed),
        ("poll:cut-answer", 200, Delivery::Cut),
    ] {
        let mut provider = provider(&format!("{fault}=first:1"));
        let task_id = provider.submit_task(0);
        let answer = provider.poll(&task_id, KEY, at(10_000));
        assert_eq!(
            (answer.status, answer.delivery),
            (status, delivery),
            "{fault}"
        );
        assert_eq!(
            outcome(&provider.ask(&task_id, 10_001)),
            "completed",
            "{fault}"
        );
    }
}

#[test]
fn a_poll_can_be_answered_about_another_task() {
    let mut provider = provider("other-task=first:1");
    let task_id = provider.submit_task(0);
    assert_ne!(provider.ask(&task_id, 1).1["task_id"], json!(task_id));
    assert_eq!(provider.ask(&task_id, 2).1["task_id"], json!(task_id));
}

#[test]
fn a_key_is_needed_and_sees_only_its_own_tasks() {
    let mut provider = provider_of(&SimulatorSettings {
        key_prefix: "sk-".to_owned(),
        ..settings()
    });
    let task_id = provider.submit_task(0);
    for (authorization, status) in [
        (None, 401),
        (Some(""), 401),
        (Some("Bearer "), 401),
        (Some("Basic sk-test"), 401),
        (Some("Bearer other"), 401),
        (Some("Bearer sk-other"), 400),
        (KEY, 200),
    ] {
        let answer = provider.poll(&task_id, authorization, at(1));
        assert_eq!(answer.status, status, "{authorization:?}");
    }
    let arrival = Arrival {
        authorization: None,
        body: b"",
    };
    assert_eq!(provider.create(arrival, at(2)).status, 401);
    assert_eq!(provider.ledger(at(3)).totals.creates, 1);
}

#[test]
fn creates_over_the_rate_are_refused_until_the_time_they_were_told() {
    let mut provider = provider_of(&SimulatorSettings {
        submit_limit: Some("2/min".parse().expect("valid")),
        ..settings()
    });
    let statuses: Vec<u16> = [0, 0, 0, 29_999, 30_000]
        .into_iter()
        .map(|millis| provider.submit(millis).status)
        .collect();
    assert_eq!(statuses, [200, 200, 429, 429, 200]);
    let refusal = provider.submit(30_000);
    assert_eq!(refusal.header, Some(("retry-after", "30".to_owned())));
    assert_eq!(provider.summary().refused_429, 3);
}

#[test]
fn a_full_account_takes_the_next_task_when_one_is_done() {
    let mut provider = provider_of(&SimulatorSettings {
        max_in_flight: NonZero::new(2),
        ..settings()
    });
    let statuses: Vec<u16> = [0, 5_000, 9_999, 10_000, 14_999]
        .into_iter()
        .map(|millis| provider.submit(millis).status)
        .collect();
    assert_eq!(statuses, [200, 200, 429, 200, 429]);
    let totals = provider.summary();
    assert_eq!((totals.max_in_flight, totals.creates), (2, 3));
}

#[test]
fn a_stuck_task_holds_its_place_for_ever() {
    let mut provider = provider_of(&SimulatorSettings {
        max_in_flight: NonZero::new(1),
        faults: "stuck=1".parse().expect("valid"),
        ..settings()
    });
    assert_eq!(provider.submit(0).status, 200);
    assert_eq!(provider.submit(86_400_000).status, 429);
}

#[test]
fn a_connection_is_reset_unread_when_its_turn_comes() {
    let mut provider = provider("reset-unread=every:2");
    let resets: Vec<bool> = (0..4)
        .map(|at_ms| provider.resets_unread(at(at_ms)))
        .collect();
    assert_eq!(resets, [false, true, false, true]);
    let ledger = provider.ledger(at(9));
    assert_eq!(ledger.posts.len(), 2);
    assert_eq!(ledger.posts[0].delivery, Delivery::ResetUnread);
    assert_eq!((ledger.totals.posts, ledger.totals.creates), (2, 0));
}

#[test]
fn a_video_can_be_fetched_once_its_task_is_completed() {
    let mut provider = provider("fail=first:1");
    let failed = provider.submit_task(0);
    let good = provider.submit_task(0);
    assert!(provider.fetch_video(&good, at(9_999)).is_none());
    assert!(provider.fetch_video(&good, at(10_000)).is_some());
    assert!(provider.fetch_video(&failed, at(10_000)).is_none());
    assert!(provider.fetch_video("task_0", at(10_000)).is_none());
    assert_eq!(provider.summary().videos_fetched, 1);
}

#[test]
fn the_same_seed_and_start_give_the_same_day() {
    let day = |seed| {
        let mut provider = provider_of(&SimulatorSettings {
            seed,
            render: "1s..20s".parse().expect("valid"),
            faults: "429=20%,lost-answer=10%,fail=10%".parse().expect("valid"),
            ..settings()
        });
        for number in 0..200 {
            provider.submit(number * 100);
        }
        provider.ledger(at(60_000))
    };
    assert_eq!(day(1), day(1));
    assert_ne!(day(1).tasks, day(2).tasks);
    for task in day(1).tasks {
        let finished = task.finished_at_ms.expect("a minute is enough");
        assert!((1_000..=20_000).contains(&(finished - task.accepted_at_ms)));
    }
}

#[test]
fn a_task_id_is_not_given_out_again_by_the_next_provider() {
    let first = provider("429=0%").submit_task(0);
    let mut later = Provider::new(&settings(), String::new(), at(1));
    assert_ne!(first, later.submit_task(0));
}

#[test]
fn the_ledger_tells_the_whole_story() {
    let mut provider = provider("lost-answer=every:2,stuck=first:1");
    let task_id = provider.submit_task(100);
    provider.submit(200);
    provider.ask(&task_id, 2_300);
    provider.ask(&task_id, 2_400);
    provider.create_broke_off(at(2_500));
    insta::assert_json_snapshot!(provider.ledger(at(10_200)));
}
