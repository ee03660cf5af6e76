//! What travels: the body of a create request, and answers read without trusting their shape.
//!
//! Start at [`create_body`] and [`Answer`]. Providers and gateways wrap the same facts in different envelopes, so an
//! answer is kept as untyped JSON and asked for one fact at a time, each under every key known to hold it. Nothing
//! here knows HTTP clients, time or what a fact means for a job.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::engine::event::{MediaUrl, TaskId};
use crate::plan::{AspectRatio, ExtraBody, Flag, Operation, Text, VideoRequest};
use crate::text::is_unsafe;

/// The JSON body of the create request: only the fields that are set.
pub fn create_body(request: &VideoRequest) -> Vec<u8> {
    let media = request.media();
    let body = CreateBody {
        model: request.model().as_str(),
        prompt: request.prompt(),
        duration: request.duration(),
        aspect_ratio: request.aspect_ratio().map(AspectRatio::as_str),
        image: media.image.as_deref(),
        last_image: media.last_image.as_deref(),
        images: texts(&media.images),
        videos: texts(&media.videos),
        audios: texts(&media.audios),
        extra_body: ExtraFields::of(request.extra()),
    };
    serde_json::to_vec(&body).expect("strings, numbers and booleans always serialize")
}

fn texts(list: &[Text]) -> Vec<&str> {
    list.iter().map(|text| &**text).collect()
}

#[derive(Serialize)]
struct CreateBody<'a> {
    model: &'a str,
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_image: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    videos: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audios: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_body: Option<ExtraFields>,
}

#[derive(Serialize)]
struct ExtraFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    generate_audio: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watermark: Option<FlagField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera_fixed: Option<FlagField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_last_frame: Option<FlagField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
}

impl ExtraFields {
    /// `None` when nothing is set: an empty `extra_body` is not sent.
    fn of(extra: &ExtraBody) -> Option<Self> {
        (*extra != ExtraBody::default()).then(|| Self {
            generate_audio: extra.generate_audio,
            seed: extra.seed,
            watermark: extra.watermark.map(FlagField::of),
            camera_fixed: extra.camera_fixed.map(FlagField::of),
            return_last_frame: extra.return_last_frame.map(FlagField::of),
            operation: extra.operation.map(Operation::as_str),
        })
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum FlagField {
    Boolean(bool),
    Text(&'static str),
}

impl FlagField {
    fn of(flag: Flag) -> Self {
        match flag {
            Flag::Boolean(value) => Self::Boolean(value),
            Flag::Text(true) => Self::Text("true"),
            Flag::Text(false) => Self::Text("false"),
        }
    }
}

/// One HTTP answer, free of the transport that brought it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// What the body turned out to be, as far as it came.
    pub content: Content,
    /// Why the body ended before its end, if it did.
    pub broken: Option<String>,
    /// The wait that the `Retry-After` header asks for, not yet clamped.
    pub retry_after: Option<Duration>,
    /// The provider's name for the exchange, for its support staff.
    pub request_id: Option<String>,
    /// Where a redirect points, without its query.
    pub location: Option<String>,
}

/// A body, told by what it is and not by what its label says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// No bytes, or only white space.
    Empty,
    /// JSON of any shape.
    Json(Value),
    /// A web page.
    Html(String),
    /// Anything else.
    Text(String),
}

impl Content {
    /// Tells what `bytes` are. JSON counts as JSON whatever `content_type` says: an answer must not be lost to a
    /// wrong label. Depth is bounded by the parser.
    pub fn read(content_type: Option<&str>, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Self::Empty;
        }
        if let Ok(value) = serde_json::from_str(text) {
            return Self::Json(value);
        }
        let labelled =
            content_type.is_some_and(|label| starts_with_ignoring_case(label, "text/html"));
        let looks = ["<!doctype html", "<html"];
        if labelled
            || looks
                .iter()
                .any(|start| starts_with_ignoring_case(text, start))
        {
            return Self::Html(text.to_owned());
        }
        Self::Text(text.to_owned())
    }

    /// The JSON value, if it is one.
    pub fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Empty | Self::Html(_) | Self::Text(_) => None,
        }
    }

    /// Replaces every occurrence of `secret`: a provider may quote the key it was sent.
    pub fn redact(&mut self, secret: &str) {
        match self {
            Self::Empty => {}
            Self::Json(value) => redact_value(value, secret, DEPTH),
            Self::Html(text) | Self::Text(text) => redact_text(text, secret),
        }
    }
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    let text = text.trim_start().as_bytes();
    text.len() >= start.len() && text[..start.len()].eq_ignore_ascii_case(start.as_bytes())
}

/// How many answers within answers are searched for a key behind escapes: one more than [`ErrorText`] opens. Without a
/// bound an answer could be made that uses up the stack.
const DEPTH: u8 = 2;

fn redact_value(value: &mut Value, secret: &str, depth: u8) {
    match value {
        Value::String(text) => {
            if depth > 0 {
                redact_quoted_json(text, secret, depth - 1);
            }
            redact_text(text, secret);
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| redact_value(value, secret, depth)),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(mut name, mut value)| {
                    redact_text(&mut name, secret);
                    redact_value(&mut value, secret, depth);
                    (name, value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Looks into a `text` that is itself a JSON object, as gateways quote their upstream: escapes may hide the key in it.
fn redact_quoted_json(text: &mut String, secret: &str, depth: u8) {
    if !text.trim_start().starts_with('{') {
        return;
    }
    let Ok(quoted) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let mut redacted = quoted.clone();
    redact_value(&mut redacted, secret, depth);
    if redacted != quoted {
        *text = redacted.to_string();
    }
}

/// Replaces every occurrence of `secret` in `text`, also one that appears only once the characters that are never shown
/// are left out.
pub fn redact_text(text: &mut String, secret: &str) {
    const INSTEAD: &str = "[API key]";
    if text.contains(secret) {
        *text = text.replace(secret, INSTEAD);
    }
    if text.contains(is_unsafe) {
        let shown = text.replace(is_unsafe, "");
        if shown.contains(secret) {
            *text = shown.replace(secret, INSTEAD);
        }
    }
}

/// The wait that a `Retry-After` header asks for: seconds, or a date, read against the answer's own `Date` (which is
/// right even when this machine's clock is not) or else against `now`. A wait of nothing says nothing.
pub fn retry_after(header: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let wait = if let Ok(seconds) = header.trim().parse() {
        wait_of(seconds)?
    } else {
        let until = httpdate::parse_http_date(header.trim()).ok()?;
        let now = date
            .and_then(|date| httpdate::parse_http_date(date).ok())
            .unwrap_or_else(|| now.into());
        until.duration_since(now).ok()?
    };
    (!wait.is_zero()).then_some(wait)
}

/// `seconds` as a wait: `None` if they are no number or none at all, the longest there is if they are too many.
pub fn wait_of(seconds: f64) -> Option<Duration> {
    (seconds.is_finite() && seconds > 0.0)
        .then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        .filter(|wait| !wait.is_zero())
}

/// The task ids of an answer, best first, without repetition: strings or whole numbers.
pub fn task_ids(answer: &Value) -> Vec<TaskId> {
    let mut ids = Vec::new();
    for pointer in ["/task_id", "/id", "/data/task_id", "/data/id"] {
        if let Some(id) = answer.pointer(pointer).and_then(task_id)
            && !ids.contains(&id)
        {
            ids.push(id);
        }
    }
    ids
}

fn task_id(value: &Value) -> Option<TaskId> {
    match value {
        Value::String(text) => TaskId::new(text),
        Value::Number(number) if !number.is_f64() => TaskId::new(&number.to_string()),
        _ => None,
    }
}

/// How far a task is, by its status word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskStatus {
    /// Waiting or being made.
    Running,
    /// A word that is not in the table: counts as still running.
    Unknown(String),
    /// Made.
    Done,
    /// Settled badly; the word as it was received.
    Failed(String),
}

impl TaskStatus {
    /// The status of a task, `None` if the answer has no status word.
    pub fn read(answer: &Value) -> Option<Self> {
        let mut words = [
            "/status",
            "/state",
            "/data/status",
            "/data/state",
            "/task_status",
            "/data/task_status",
        ]
        .iter()
        .filter_map(|pointer| answer.pointer(pointer).and_then(text));
        let outer = words.next()?;
        // Some envelopes say `success` for the call itself and keep the task's own status inside.
        let own = match fold(outer).as_str() {
            "success" | "ok" => words.next().unwrap_or(outer),
            _ => outer,
        };
        Some(Self::of_word(own))
    }

    /// The union of the words that providers of this API are known to use.
    fn of_word(word: &str) -> Self {
        match fold(word).as_str() {
            "queued" | "queueing" | "queuing" | "pending" | "waiting" | "submitted"
            | "preparing" | "created" | "not_start" | "in_queue" | "starting" | "initializing"
            | "in_progress" | "running" | "processing" | "generating" | "unknown" => Self::Running,
            "completed" | "complete" | "succeeded" | "succeed" | "success" | "finished" => {
                Self::Done
            }
            "failed" | "failure" | "fail" | "error" | "canceled" | "cancelled" | "rejected"
            | "timeout" | "expired" => Self::Failed(word.trim().to_owned()),
            _ => Self::Unknown(word.trim().to_owned()),
        }
    }
}

/// A word as it is compared: `In Progress` and `in-progress` are `in_progress`.
fn fold(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', ' '], "_")
}

/// Where the video of a finished task is. Ask only when the status is done: failed tasks keep error text in the
/// same places, and `object` or `type` are never looked at.
pub fn video_url(answer: &Value) -> Option<MediaUrl> {
    first_url(
        answer,
        &[
            "/video_url",
            "/result/video_url",
            "/result/outputs",
            "/result/url",
            "/metadata/url",
            "/metadata/video_url",
            "/data/result_url",
            "/data/video_url",
            "/data/url",
            "/data/content/video_url",
            "/data/result/video_url",
            "/data/metadata/url",
            "/data/data/content/video_url",
            "/content/video_url",
            "/url",
            "/result_url",
            "/output",
            "/outputs",
            "/video",
            "/videos",
            "/results",
            "/result/data",
            "/result/videos",
            "/unsigned_urls",
            "/data/output/video_url",
            "/data/output/video",
            "/data/output",
            "/data/outputs",
            "/data/results",
            "/data/video",
            "/data/videos",
            "/data/task_result/videos",
            // Older gateways keep the URL of a success where a failure keeps its reason.
            "/data/fail_reason",
            "/fail_reason",
        ],
    )
}

/// Where the picture of the last frame is.
pub fn last_frame_url(answer: &Value) -> Option<MediaUrl> {
    first_url(
        answer,
        &[
            "/last_frame_url",
            "/content/last_frame_url",
            "/data/content/last_frame_url",
            "/data/data/content/last_frame_url",
            "/result/last_frame_url",
            "/metadata/last_frame_url",
            "/data/last_frame_url",
        ],
    )
}

fn first_url(answer: &Value, pointers: &[&str]) -> Option<MediaUrl> {
    pointers
        .iter()
        .find_map(|pointer| answer.pointer(pointer).and_then(url_in))
}

/// The URL that `value` is, or holds as its first element, or as its `video_url` or `url`.
fn url_in(value: &Value) -> Option<MediaUrl> {
    let value = match value {
        Value::Array(values) => values.first()?,
        single => single,
    };
    match value {
        Value::String(text) => MediaUrl::new(text),
        Value::Object(fields) => ["video_url", "url"].iter().find_map(|key| {
            fields
                .get(*key)
                .and_then(Value::as_str)
                .and_then(MediaUrl::new)
        }),
        _ => None,
    }
}

/// What an answer says went wrong, wherever it says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorText {
    message: Option<String>,
    code: Option<String>,
    /// Every code and text, to be searched.
    words: Vec<String>,
    flagged: bool,
}

/// Where messages are kept, most telling first.
const MESSAGES: [&str; 19] = [
    "/error/message",
    "/message",
    "/error",
    "/data/fail_reason",
    "/fail_reason",
    "/data/error/message",
    "/data/error",
    "/data/message",
    "/error_message",
    "/error_msg",
    "/msg",
    "/detail",
    "/detail/message",
    "/detail/0/msg",
    "/errors/0/message",
    "/reason",
    "/data/reason",
    "/error/detail",
    "/data/error/raw_message",
];

/// Where codes are kept, most telling first.
const CODES: [&str; 7] = [
    "/error/code",
    "/code",
    "/data/error/code",
    "/data/code",
    "/error_code",
    "/errors/0/code",
    "/data/fail_code",
];

/// Where a word about the kind of error is kept: searched, but too general to show.
const TYPES: [&str; 2] = ["/error/type", "/type"];

impl ErrorText {
    /// Collects the error texts of `answer`. A message that is itself a JSON error, as gateways quote their upstream,
    /// is opened once.
    pub fn read(answer: &Value) -> Self {
        let mut error = Self::shallow(answer);
        let quoted = error
            .message
            .as_deref()
            .filter(|message| message.trim_start().starts_with('{'))
            .and_then(|message| serde_json::from_str(message).ok());
        if let Some(quoted) = quoted {
            let inner = Self::shallow(&quoted);
            if inner.message.is_some() {
                error.message = inner.message;
                error.code = inner.code.or(error.code);
                error.words.extend(inner.words);
            }
        }
        error
    }

    fn shallow(answer: &Value) -> Self {
        let find = |pointers: &[&str]| -> Vec<String> {
            pointers
                .iter()
                .filter_map(|pointer| answer.pointer(pointer).and_then(word))
                .collect()
        };
        let messages = find(&MESSAGES);
        let mut codes = find(&CODES);
        codes.retain(|code| !is_success_code(code));
        Self {
            message: messages.first().cloned(),
            code: codes.first().cloned(),
            flagged: is_flagged(answer),
            words: [messages, codes, find(&TYPES)].concat(),
        }
    }

    /// Whether the answer says at all that something went wrong.
    pub fn is_error(&self) -> bool {
        self.flagged || !self.words.is_empty()
    }

    /// Whether a code or text satisfies `test`, in lower case.
    pub fn says(&self, test: impl Fn(&str) -> bool) -> bool {
        self.words.iter().any(|word| test(&word.to_lowercase()))
    }

    /// Message and code for a person, `None` if there is neither.
    pub fn shown(&self) -> Option<String> {
        match (&self.message, &self.code) {
            (Some(message), Some(code)) if !message.contains(code.as_str()) => {
                Some(format!("{message} ({code})"))
            }
            (Some(text), _) | (None, Some(text)) => Some(text.clone()),
            (None, None) => None,
        }
    }
}

fn is_flagged(answer: &Value) -> bool {
    let filled = |pointer: &str| match answer.pointer(pointer) {
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(Value::Array(values)) => !values.is_empty(),
        Some(Value::Bool(flag)) => *flag,
        _ => false,
    };
    let denied = |pointer: &str| answer.pointer(pointer) == Some(&Value::Bool(false));
    ["/error", "/errors", "/detail"].into_iter().any(filled)
        || ["/success", "/ok"].into_iter().any(denied)
}

fn is_success_code(code: &str) -> bool {
    matches!(code.to_lowercase().as_str(), "success" | "ok" | "0" | "200")
}

/// A text that is not blank.
fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

/// A text that is not blank, or a number.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        other => text(other).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{Media, Model, RequestFields};

    fn fields(model: Model, prompt: &str) -> RequestFields {
        RequestFields {
            model,
            prompt: prompt.into(),
            duration: None,
            aspect_ratio: None,
            media: Media::default(),
            extra: ExtraBody::default(),
        }
    }

    fn body(fields: RequestFields) -> String {
        String::from_utf8(create_body(&VideoRequest::new(fields))).expect("JSON is UTF-8")
    }

    #[test]
    fn a_text_request_sends_the_example_of_the_api_page() {
        let request = RequestFields {
            duration: Some(8),
            aspect_ratio: Some(AspectRatio::Landscape),
            extra: ExtraBody {
                generate_audio: Some(false),
                watermark: Some(Flag::Boolean(false)),
                seed: Some(42),
                ..ExtraBody::default()
            },
            ..fields(
                Model::Standard720p,
                "A clean commercial product video with slow camera movement.",
            )
        };
        insta::assert_snapshot!(body(request), @r#"{"model":"seedance2.0-720p","prompt":"A clean commercial product video with slow camera movement.","duration":8,"aspect_ratio":"16:9","extra_body":{"generate_audio":false,"seed":42,"watermark":false}}"#);
    }

    #[test]
    fn a_reference_request_sends_the_example_of_the_api_page() {
        let request = RequestFields {
            duration: Some(6),
            aspect_ratio: Some(AspectRatio::Portrait),
            media: Media {
                images: vec![
                    "https://example.com/model.png".into(),
                    "https://example.com/outfit.png".into(),
                ],
                ..Media::default()
            },
            ..fields(Model::Fast720p, "A fast fashion lookbook clip.")
        };
        insta::assert_snapshot!(body(request), @r#"{"model":"seedance2.0-fast-720p","prompt":"A fast fashion lookbook clip.","duration":6,"aspect_ratio":"9:16","images":["https://example.com/model.png","https://example.com/outfit.png"]}"#);
    }

    #[test]
    fn every_field_is_sent_as_it_was_written() {
        let request = RequestFields {
            media: Media {
                image: Some("https://a/1.png".into()),
                last_image: Some("https://a/2.png".into()),
                images: vec![],
                videos: vec!["https://a/v.mp4".into()],
                audios: vec!["https://a/a.mp3".into()],
            },
            extra: ExtraBody {
                generate_audio: Some(true),
                seed: Some(i64::MIN),
                watermark: Some(Flag::Text(true)),
                camera_fixed: Some(Flag::Text(false)),
                return_last_frame: Some(Flag::Boolean(true)),
                operation: Some(Operation::FirstLastFrame),
            },
            ..fields(Model::Mini480p, "  \"quoted\"\n\u{1f3ac} ")
        };
        insta::assert_snapshot!(body(request), @r#"{"model":"seedance2.0-mini-480p","prompt":"  \"quoted\"\n🎬 ","image":"https://a/1.png","last_image":"https://a/2.png","videos":["https://a/v.mp4"],"audios":["https://a/a.mp3"],"extra_body":{"generate_audio":true,"seed":-9223372036854775808,"watermark":"true","camera_fixed":"false","return_last_frame":true,"operation":"first_last_frame"}}"#);
    }

    #[test]
    fn unset_fields_and_an_empty_extra_body_are_not_sent() {
        assert_eq!(
            body(fields(Model::Standard1080p, "x")),
            r#"{"model":"seedance2.0-1080p","prompt":"x"}"#
        );
    }

    #[test]
    fn a_body_is_told_by_what_it_is() {
        let read = |label: Option<&str>, bytes: &[u8]| match Content::read(label, bytes) {
            Content::Empty => "empty",
            Content::Json(_) => "json",
            Content::Html(_) => "html",
            Content::Text(_) => "text",
        };
        assert_eq!(read(None, b""), "empty");
        assert_eq!(read(Some("text/html"), b" \r\n"), "empty");
        assert_eq!(read(Some("text/html"), br#"{"id":"a"}"#), "json");
        assert_eq!(read(None, b"\xef\xbb\xbf{\"id\":\"a\"}"), "json");
        assert_eq!(read(None, b"{\"message\":\"\xff\"}"), "json");
        assert_eq!(read(Some("Text/HTML; charset=x"), b"Bad gateway"), "html");
        assert_eq!(read(None, b"\n <!DOCTYPE HTML><p>"), "html");
        assert_eq!(read(Some("application/json"), b"<HTML>"), "html");
        assert_eq!(read(Some("application/json"), b"{\"id\":"), "text");
    }

    #[test]
    fn a_body_nested_without_end_is_not_followed() {
        let deep = "[".repeat(100_000);
        assert_eq!(
            Content::read(None, deep.as_bytes()),
            Content::Text(deep.clone())
        );
    }

    #[test]
    fn a_task_id_is_found_under_each_of_its_four_keys() {
        let ids = |answer: Value| -> Vec<String> {
            task_ids(&answer)
                .iter()
                .map(|id| id.as_str().to_owned())
                .collect()
        };
        assert_eq!(ids(json!({"task_id": "a"})), ["a"]);
        assert_eq!(ids(json!({"id": "a"})), ["a"]);
        assert_eq!(ids(json!({"data": {"task_id": "a"}})), ["a"]);
        assert_eq!(ids(json!({"data": {"id": "a"}})), ["a"]);
        assert_eq!(ids(json!({"id": "b", "task_id": "a"})), ["a", "b"]);
        assert_eq!(ids(json!({"id": "a", "task_id": "a"})), ["a"]);
        assert_eq!(
            ids(json!({"id": 18_446_744_073_709_551_615_u64})),
            ["18446744073709551615"]
        );
        for without in [
            json!({"request_id": "a"}),
            json!({"id": null, "task_id": " "}),
            json!({"id": 1.5}),
            json!({"id": true, "data": []}),
            json!("a"),
            json!(null),
        ] {
            assert_eq!(task_ids(&without), [], "{without}");
        }
    }

    #[test]
    fn every_known_status_word_is_read_in_any_case_and_place() {
        let running = "queued queueing queuing pending waiting submitted preparing created NOT_START IN_QUEUE starting \
                       initializing in_progress running processing generating unknown In-Progress";
        for word in running.split(' ') {
            assert_eq!(TaskStatus::of_word(word), TaskStatus::Running, "{word}");
        }
        for word in "completed complete succeeded succeed SUCCESS finished".split(' ') {
            assert_eq!(TaskStatus::of_word(word), TaskStatus::Done, "{word}");
        }
        for word in
            "failed FAILURE fail error canceled cancelled rejected timeout expired".split(' ')
        {
            let failed = TaskStatus::Failed(word.to_owned());
            assert_eq!(TaskStatus::of_word(word), failed);
        }
        assert_eq!(
            TaskStatus::of_word(" Rendering "),
            TaskStatus::Unknown("Rendering".to_owned())
        );
        for answer in [
            json!({"status": " Completed "}),
            json!({"state": "succeeded"}),
            json!({"status": 200, "data": {"status": "SUCCESS"}}),
            json!({"data": {"state": "success"}}),
            json!({"task_status": "succeed"}),
        ] {
            assert_eq!(
                TaskStatus::read(&answer),
                Some(TaskStatus::Done),
                "{answer}"
            );
        }
        assert_eq!(TaskStatus::read(&json!({"status": "", "data": null})), None);
    }

    #[test]
    fn an_envelope_that_worked_is_not_a_finished_task() {
        assert_eq!(
            TaskStatus::read(&json!({"status": "success", "data": {"status": "queued"}})),
            Some(TaskStatus::Running)
        );
        assert_eq!(
            TaskStatus::read(&json!({"status": "in_progress", "data": {"status": "succeeded"}})),
            Some(TaskStatus::Running)
        );
    }

    #[test]
    fn a_video_url_is_found_under_every_known_key() {
        let url = "https://cdn.example.com/v.mp4?sig=1";
        for answer in [
            json!({"video_url": url}),
            json!({"video_url": "", "result": {"video_url": url}}),
            json!({"result": {"outputs": [url]}}),
            json!({"result": {"url": url}}),
            json!({"metadata": {"url": url}}),
            json!({"data": {"result_url": url}}),
            json!({"data": {"video_url": url}}),
            json!({"data": {"url": url}}),
            json!({"data": {"content": {"video_url": url}}}),
            json!({"data": {"data": {"content": {"video_url": url}}}}),
            json!({"data": {"result": {"video_url": url}}}),
            json!({"content": {"video_url": url}}),
            json!({"url": url}),
            json!({"output": url}),
            json!({"output": [url]}),
            json!({"output": {"video_url": url}}),
            json!({"outputs": [{"url": url}]}),
            json!({"video": {"url": url}}),
            json!({"results": [url]}),
            json!({"result": {"data": [{"url": url}]}}),
            json!({"unsigned_urls": [url]}),
            json!({"data": {"output": {"video_url": url}}}),
            json!({"data": {"output": {"video": url}}}),
            json!({"data": {"task_result": {"videos": [{"url": url}]}}}),
            json!({"data": {"fail_reason": url}}),
        ] {
            let found = video_url(&answer);
            assert_eq!(found.as_ref().map(MediaUrl::as_str), Some(url), "{answer}");
        }
    }

    #[test]
    fn what_is_not_an_http_url_is_not_a_video() {
        for answer in [
            json!({"object": "https://cdn.example.com/v.mp4"}),
            json!({"thumbnail_url": "https://cdn.example.com/v.png"}),
            json!({"video_url": "video.generation"}),
            json!({"video_url": "/v1/videos/a/content"}),
            json!({"video_url": "javascript:alert(1)"}),
            json!({"data": {"result_url": "the picture was refused"}}),
            json!({"output": [], "results": [7], "video": {}}),
        ] {
            assert_eq!(video_url(&answer), None, "{answer}");
        }
    }

    #[test]
    fn a_last_frame_is_found_beside_its_video() {
        let url = "https://cdn.example.com/last.png";
        for answer in [
            json!({"last_frame_url": url}),
            json!({"content": {"last_frame_url": url}}),
            json!({"data": {"content": {"last_frame_url": url}}}),
            json!({"result": {"last_frame_url": url}}),
            json!({"metadata": {"last_frame_url": url}}),
            json!({"data": {"last_frame_url": url}}),
        ] {
            let found = last_frame_url(&answer);
            assert_eq!(found.as_ref().map(MediaUrl::as_str), Some(url), "{answer}");
        }
    }

    #[test]
    fn an_error_shows_its_message_and_code() {
        let shown = |answer: Value| ErrorText::read(&answer).shown();
        for (answer, expected) in [
            (
                json!({"error": {"message": "no such model", "code": "model_not_found"}}),
                "no such model (model_not_found)",
            ),
            (
                json!({"code": "invalid_request", "message": "prompt is required", "data": null}),
                "prompt is required (invalid_request)",
            ),
            (
                json!({"error": "bad_request", "message": "prompt is required"}),
                "prompt is required",
            ),
            (json!({"error": "too long"}), "too long"),
            (
                json!({"detail": [{"msg": "field required"}]}),
                "field required",
            ),
            (json!({"code": 1102}), "1102"),
            (
                json!({"code": "success", "message": "", "data": {"status": "FAILURE", "fail_reason": "out of memory"}}),
                "out of memory",
            ),
            (
                json!({"code": "fail_to_fetch_task", "message": "{\"error\":{\"code\":\"InvalidParameter\",\"message\":\"bad ratio\"}}"}),
                "bad ratio (InvalidParameter)",
            ),
        ] {
            assert_eq!(shown(answer).as_deref(), Some(expected));
        }
        assert_eq!(shown(json!({"error": null, "code": "success"})), None);
    }

    #[test]
    fn an_answer_without_a_filled_error_key_is_no_error() {
        for answer in [
            json!({}),
            json!([]),
            json!("no"),
            json!({"error": null, "message": "", "detail": []}),
            json!({"code": "success"}),
            json!({"code": 0, "error": false, "success": true}),
        ] {
            assert!(!ErrorText::read(&answer).is_error(), "{answer}");
        }
        for answer in [
            json!({"error": {"status": 7}}),
            json!({"error": true}),
            json!({"success": false}),
            json!({"type": "invalid_request_error"}),
        ] {
            assert!(ErrorText::read(&answer).is_error(), "{answer}");
        }
    }

    #[test]
    fn retry_after_takes_seconds_and_dates() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().expect("valid");
        let wait = |header, date| retry_after(header, date, now).map(|wait| wait.as_secs_f64());
        assert_eq!(wait("7", None), Some(7.0));
        assert_eq!(wait(" 1.5 ", None), Some(1.5));
        assert_eq!(wait("Mon, 01 Jun 2026 12:00:30 GMT", None), Some(30.0));
        assert_eq!(
            wait(
                "Mon, 01 Jun 2026 12:00:30 GMT",
                Some("Mon, 01 Jun 2026 12:00:20 GMT")
            ),
            Some(10.0)
        );
        let now_already = "Mon, 01 Jun 2026 12:00:20 GMT";
        assert_eq!(wait(now_already, Some(now_already)), None);
        for too_many in ["99999999999999999999999", "1e300"] {
            let longest = Duration::MAX.as_secs_f64();
            assert_eq!(wait(too_many, None), Some(longest), "{too_many}");
        }
        for nothing in [
            "0",
            "-5",
            "NaN",
            "inf",
            "soon",
            "",
            "Mon, 01 Jun 2026 11:00:00 GMT",
        ] {
            assert_eq!(wait(nothing, None), None, "{nothing}");
        }
    }

    #[test]
    fn a_quoted_key_is_taken_out_of_every_text() {
        let mut json =
            Content::Json(json!({"error": ["bad key sk-canary-1", {"a": "sk-canary-1"}], "n": 1}));
        json.redact("sk-canary-1");
        assert_eq!(
            json,
            Content::Json(json!({"error": ["bad key [API key]", {"a": "[API key]"}], "n": 1}))
        );
        let mut page = Content::Html("<html>sk-canary-1".to_owned());
        page.redact("sk-canary-1");
        assert_eq!(page, Content::Html("<html>[API key]".to_owned()));
    }

    #[test]
    fn a_key_that_is_quoted_as_a_field_name_is_taken_out() {
        let mut json = Content::Json(json!({"a": {"no sk-canary-1": 1}, "b": 2}));
        json.redact("sk-canary-1");
        assert_eq!(
            json,
            Content::Json(json!({"a": {"no [API key]": 1}, "b": 2}))
        );
    }

    #[test]
    fn a_key_behind_the_escapes_of_a_quoted_answer_is_taken_out() {
        let upstream = r#"{"error":{"message":"bad sk\u002dcanary\u200b-1"}}"#;
        let mut json = Content::Json(json!({"message": upstream}));
        json.redact("sk-canary-1");
        let shown = ErrorText::read(json.json().expect("JSON")).shown();
        assert_eq!(shown.as_deref(), Some("bad [API key]"));
    }

    #[test]
    fn a_key_strewn_with_characters_that_are_never_shown_is_taken_out() {
        for strewn in [
            "key sk-\u{200b}canary-1",
            "key sk-can\0ary-1",
            "key \u{1b}sk-\u{202e}canary\u{7f}-1",
            "key s\0k\0-\0c\0a\0n\0a\0r\0y\0-\u{0}1\0",
        ] {
            let mut text = strewn.to_owned();
            redact_text(&mut text, "sk-canary-1");
            assert_eq!(text, "key [API key]", "{strewn:?}");
        }
    }
}
