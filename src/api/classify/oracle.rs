//! The two tables held against a second implementation of what is promised, for every status and every kind of body,
//! and against bytes of any kind.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::*;
use crate::text::{MESSAGE_LIMIT, is_unsafe};

/// What a body says, told beforehand and not found out by reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Id,
    Error,
    Moderation,
    Money,
    NoModel,
    NoTask,
    Running,
    Done,
    Failed,
}

use Fact::{Done, Error, Failed, Id, Moderation, Money, NoModel, NoTask, Running};

/// Every status that an answer can have, and more.
const STATUSES: std::ops::RangeInclusive<u16> = 0..=1000;

/// One body of each kind, with its label.
const BODIES: [(&str, &str, &[Fact]); 31] = [
    ("", "", &[]),
    ("application/json", " \r\n", &[]),
    ("text/html", "<html><title>Bad Gateway</title></html>", &[]),
    ("application/json", "<!DOCTYPE html><p>moderation", &[]),
    ("text/plain", "no", &[]),
    ("text/plain", "sensitive content", &[]),
    ("text/plain", "quota exceeded", &[Money]),
    ("application/json", "{}", &[]),
    ("application/json", "[]", &[]),
    ("application/json", "null", &[]),
    ("application/json", "\"task-1\"", &[]),
    ("application/json", r#"{"error":null,"id":null}"#, &[]),
    ("application/json", r#"{"error":{"message":"no"#, &[]),
    ("application/json", r#"{"task_id":"task-1""#, &[]),
    (
        "application/json",
        r#"{"error":{"message":"no"}}"#,
        &[Error],
    ),
    ("text/html", r#"{"error":"no"}"#, &[Error]),
    ("", r#"{"detail":[{"msg":"no"}]}"#, &[Error]),
    ("", r#"{"success":false}"#, &[Error]),
    (
        "",
        r#"{"code":"invalid_request","message":"no","data":null}"#,
        &[Error],
    ),
    (
        "",
        r#"{"error":{"code":"InputImageSensitiveContentDetected"}}"#,
        &[Error, Moderation],
    ),
    (
        "",
        r#"{"error":{"message":"the account balance is too low"}}"#,
        &[Error, Money],
    ),
    (
        "",
        r#"{"code":"insufficient_user_quota","message":"x"}"#,
        &[Error, Money],
    ),
    (
        "",
        r#"{"error":{"code":"model_not_found","message":"x"}}"#,
        &[Error, NoModel],
    ),
    (
        "",
        r#"{"code":"task_not_exist","message":"task_not_exist","data":null}"#,
        &[Error, NoTask],
    ),
    ("", r#"{"id":"task-1"}"#, &[Id]),
    ("text/html", r#"{"data":{"task_id":"task-1"}}"#, &[Id]),
    (
        "",
        r#"{"id":"task-1","error":{"message":"no"}}"#,
        &[Id, Error],
    ),
    (
        "",
        r#"{"id":"task-1","status":"queued","error":null}"#,
        &[Id, Running],
    ),
    ("", r#"{"status":"unheard-of"}"#, &[Running]),
    ("", r#"{"id":"task-1","status":"completed"}"#, &[Id, Done]),
    ("", r#"{"id":"task-1","status":"failed"}"#, &[Id, Failed]),
];

/// The outcomes of a create request as they are promised.
#[expect(clippy::match_same_arms, reason = "in the order of the promise")]
fn promised(status: u16, facts: &[Fact]) -> &'static str {
    let says = |fact| facts.contains(&fact);
    match status {
        200..=299 if says(Id) => "accepted",
        401 => "auth",
        402 => "quota",
        403 if says(Moderation) => "moderation",
        403 if says(Money) => "quota",
        403 => "auth",
        404 | 405 | 300..=399 => "address",
        408 => "in doubt",
        413 => "rejected",
        429 => "later",
        400..=499 if says(Moderation) => "moderation",
        400..=499 if says(Error) => "rejected",
        503 if says(NoModel) => "rejected",
        _ => "in doubt",
    }
}

fn outcome(answer: &Answer) -> &'static str {
    match submit(answer) {
        SubmitReply::Accepted { task_id, .. } => {
            assert_eq!(task_id.as_str(), "task-1");
            "accepted"
        }
        SubmitReply::Rejected { class, .. } => class.as_str(),
        SubmitReply::Fault { fault, .. } => fault.class().as_str(),
        SubmitReply::Later { .. } => "later",
        SubmitReply::InDoubt { .. } => "in doubt",
        SubmitReply::NotSent { .. } => "not sent",
    }
}

/// The verdicts on a poll as they are promised: nothing but the task's own word ends it.
fn promised_poll(status: u16, facts: &[Fact]) -> &'static str {
    let says = |fact| facts.contains(&fact);
    match status {
        401 => "key refused",
        404 => "not found",
        429 => "later",
        200..=499 if says(NoTask) => "not found",
        200..=299 if says(Running) => "running",
        200..=299 if says(Done) => "done",
        200..=299 if says(Failed) => "failed",
        _ => "trouble",
    }
}

fn verdict(answer: &Answer) -> &'static str {
    match poll(answer, &TaskId::new("task-1").expect("not blank")) {
        PollReply::Running { .. } => "running",
        PollReply::Completed { .. } => "done",
        PollReply::Failed { .. } => "failed",
        PollReply::NotFound { .. } => "not found",
        PollReply::OtherTask { .. } => "other task",
        PollReply::KeyRefused { .. } => "key refused",
        PollReply::Later { .. } => "later",
        PollReply::Trouble { .. } => "trouble",
    }
}

fn answer(status: u16, label: &str, body: &[u8], broken: bool) -> Answer {
    Answer {
        status,
        content: Content::read(Some(label), body),
        broken: broken.then(|| "the answer broke off".to_owned()),
        retry_after: None,
        request_id: None,
        location: None,
    }
}

#[test]
fn every_status_with_every_kind_of_body_ends_as_it_is_promised() {
    crate::claims::assert_published(
        STATUSES.count(),
        &format!("statuses with {} bodies", BODIES.len()),
    );
    for status in STATUSES {
        for (label, body, facts) in BODIES {
            let whole = answer(status, label, body.as_bytes(), false);
            assert_eq!(outcome(&whole), promised(status, facts), "{status} {body}");
            // A body that broke off has named nothing for certain, except an id that came whole.
            let cut = answer(status, label, body.as_bytes(), true);
            let certain: Vec<Fact> = facts
                .iter()
                .copied()
                .filter(|fact| matches!(fact, Id | Money))
                .collect();
            assert_eq!(outcome(&cut), promised(status, &certain), "{status} {body}");
        }
    }
}

#[test]
fn every_poll_with_every_kind_of_body_ends_as_it_is_promised() {
    for status in STATUSES {
        for (label, body, facts) in BODIES {
            let answer = answer(status, label, body.as_bytes(), false);
            let expected = promised_poll(status, facts);
            assert_eq!(verdict(&answer), expected, "{status} {body}");
        }
    }
}

#[test]
fn quoted_answers_within_quoted_answers_are_read_to_their_end() {
    // As deep as each reading goes, and in it a quoted answer just as deep, as often as an answer has room for.
    let mut body = "\"sk-canary-1\"".to_owned();
    loop {
        let deep = format!("{}{body}{}", r#"{"error":"#.repeat(120), "}".repeat(120));
        let quoted = json!(deep).to_string();
        if quoted.len() > 1024 * 1024 {
            break;
        }
        body = quoted;
    }
    let body = format!(r#"{{"error":{body}}}"#);
    let mut answer = answer(400, "", body.as_bytes(), false);
    answer.content.redact("sk-canary-1");
    assert_eq!(outcome(&answer), "rejected");
    let kept = answer.content.json().expect("JSON").to_string();
    assert!(!kept.contains("canary"));
}

/// JSON with the keys that are looked at and values that should not be in them.
fn odd_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        proptest::sample::select(vec![
            "task-1",
            "completed",
            "FAILED",
            "..",
            "a/../b",
            "%2e%2e",
            "null",
            "",
            " ",
            "\0",
            "\u{1b}]8;;http://x\u{7}",
            "\u{9b}31m",
            "\u{202e}x",
            "=1+1",
            "＝1",
            "@x",
            "{\"error\":1}",
            "{\"error\":{\"message\":\"\\u001b[2J\"}}",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://u:p@example.com/v.mp4",
            "https://example.com/\nv.mp4",
            "http://",
            "sk-canary-1",
            "retry after 1e999 seconds",
            "task_not_exist",
            "sensitive content",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        (1_usize..3000).prop_map(|count| "é\u{1b}".repeat(count)),
    ];
    let leaf = prop_oneof![
        4 => text.prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let key = proptest::sample::select(vec![
        "task_id",
        "id",
        "data",
        "error",
        "message",
        "code",
        "status",
        "state",
        "task_status",
        "type",
        "video_url",
        "url",
        "result",
        "outputs",
        "content",
        "metadata",
        "fail_reason",
        "detail",
        "errors",
        "retry_after",
        "last_frame_url",
        "sk-canary-1",
        "success",
    ]);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => proptest::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                let named = |(name, value): (&str, Value)| (name.to_owned(), value);
                Value::Object(fields.into_iter().map(named).collect())
            }),
        ]
    })
}

/// JSON as it is, cut off, and in other encodings; and bytes of any kind.
fn odd_body() -> impl Strategy<Value = Vec<u8>> {
    let text = odd_json().prop_map(|value| value.to_string()).boxed();
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    prop_oneof![
        4 => text.clone().prop_map(String::into_bytes),
        1 => (text.clone(), any::<proptest::sample::Index>()).prop_map(|(text, at)| {
            text.as_bytes()[..at.index(text.len())].to_vec()
        }),
        1 => text.prop_map(move |text| utf_16(&text)),
        2 => proptest::collection::vec(any::<u8>(), 0..512),
    ]
}

fn assert_clean(text: &str, limit: usize) {
    assert!(!text.contains(is_unsafe), "{text:?}");
    assert!(
        text.chars().count() <= limit + 1,
        "{} characters",
        text.len()
    );
    assert!(!text.contains("sk-canary-1"), "{text:?}");
}

fn assert_url_is_clean(url: Option<&crate::engine::event::MediaUrl>) {
    for url in url.iter().map(|url| url.as_str()) {
        assert_clean(url, crate::engine::event::MediaUrl::LIMIT);
        assert!(url.starts_with("http") && !url.contains(char::is_whitespace));
    }
}

fn assert_submit_is_clean(reply: &SubmitReply, status: u16) {
    match reply {
        SubmitReply::Accepted { task_id, other_id } => {
            assert!((200..300).contains(&status));
            for id in [Some(task_id), other_id.as_ref()].into_iter().flatten() {
                assert_clean(&id.to_string(), TaskId::LIMIT);
            }
        }
        SubmitReply::Later {
            retry_after,
            message,
        } => {
            assert!(retry_after.is_none_or(|wait| wait <= LONGEST_WAIT));
            assert_clean(message.as_str(), MESSAGE_LIMIT);
        }
        SubmitReply::Rejected { message, .. }
        | SubmitReply::Fault { message, .. }
        | SubmitReply::NotSent { message }
        | SubmitReply::InDoubt { message, .. } => assert_clean(message.as_str(), MESSAGE_LIMIT),
    }
}

fn assert_poll_is_clean(reply: &PollReply) {
    match reply {
        PollReply::Running { unknown_word } => {
            if let Some(word) = unknown_word {
                assert_clean(word.as_str(), MESSAGE_LIMIT);
            }
        }
        PollReply::Completed {
            video_url,
            last_frame_url,
        } => {
            assert_url_is_clean(video_url.as_ref());
            assert_url_is_clean(last_frame_url.as_ref());
        }
        PollReply::OtherTask { task_id, reply } => {
            assert_clean(&task_id.to_string(), TaskId::LIMIT);
            assert_poll_is_clean(reply);
        }
        PollReply::Later { retry_after } => {
            assert!(retry_after.is_none_or(|wait| wait <= LONGEST_WAIT));
        }
        PollReply::Failed { message, .. }
        | PollReply::NotFound { message }
        | PollReply::KeyRefused { message }
        | PollReply::Trouble { message } => assert_clean(message.as_str(), MESSAGE_LIMIT),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(6),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_answered_the_reply_is_clean_and_bounded(
        status in prop_oneof![
            proptest::sample::select(vec![200, 201, 307, 400, 401, 403, 413, 429, 500, 503]),
            100_u16..1000,
        ],
        label in proptest::sample::select(vec!["", "application/json", "text/html; charset=gbk"]),
        body in odd_body(),
        (header, request_id, location) in any::<(String, String, Option<String>)>(),
        broken in any::<bool>(),
    ) {
        let mut answer = answer(status, label, &body, broken);
        answer.content.redact("sk-canary-1");
        answer.retry_after = wire::retry_after(&header, None, jiff::Timestamp::UNIX_EPOCH);
        answer.request_id = Some(request_id);
        answer.location = location;
        assert_submit_is_clean(&submit(&answer), status);
        assert_poll_is_clean(&poll(&answer, &TaskId::new("task-1").expect("not blank")));
    }
}
