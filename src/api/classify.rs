//! What an answer means: the outcomes of a create request and of a poll, as two tables that are read from top to
//! bottom.
//!
//! Start at [`submit`] and [`poll`]; the tables below them are the whole decision. Pure: knows no HTTP client, no
//! job and no time. An answer that no rule claims is *in doubt* for a create and *trouble* for a poll, because a
//! wrong guess there would pay twice or lose a video.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::wire::{self, Answer, Content, ErrorText, TaskStatus};
use crate::engine::event::{Evidence, FailureClass, PollReply, RunFault, SubmitReply, TaskId};
use crate::text::{CleanText, clean};

/// The longest wait that a provider may impose.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What became of a create request that was answered.
pub fn submit(answer: &Answer) -> SubmitReply {
    let reading = Reading::of(answer);
    let ruling = reading.ruling(SUBMIT_RULES, Outcome::InDoubt);
    let message = reading.message("without a task id");
    match ruling {
        Outcome::Accepted => reading.accepted(),
        Outcome::Rejected(class) => SubmitReply::Rejected { class, message },
        Outcome::Fault(fault) => SubmitReply::Fault { fault, message },
        Outcome::Later => SubmitReply::Later {
            retry_after: reading.wait(),
            message,
        },
        Outcome::InDoubt => SubmitReply::InDoubt {
            evidence: reading.evidence(),
            message: reading.with_task_id(message),
        },
    }
}

/// What became of a poll for the task `asked` that was answered.
pub fn poll(answer: &Answer, asked: &TaskId) -> PollReply {
    let reading = Reading::of(answer);
    let message = || reading.message("without a status");
    match reading.ruling(POLL_RULES, Verdict::Trouble) {
        Verdict::KeyRefused => PollReply::KeyRefused { message: message() },
        Verdict::NotFound => PollReply::NotFound { message: message() },
        Verdict::Later => PollReply::Later {
            retry_after: reading.wait(),
        },
        Verdict::Task => reading
            .task(asked)
            .unwrap_or_else(|| PollReply::Trouble { message: message() }),
        Verdict::Trouble => PollReply::Trouble { message: message() },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Rejected(FailureClass),
    Fault(RunFault),
    Later,
    InDoubt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Task,
    KeyRefused,
    NotFound,
    Later,
    Trouble,
}

/// One line of a table: answers with a status in `statuses` that say `says` end in `ending`.
struct Rule<T> {
    statuses: RangeInclusive<u16>,
    says: Says,
    ending: T,
}

const fn rule<T>(statuses: RangeInclusive<u16>, says: Says, ending: T) -> Rule<T> {
    Rule {
        statuses,
        says,
        ending,
    }
}

/// What a rule asks of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Nothing: the status is enough.
    Anything,
    /// A task id in one of its four places.
    TaskId,
    /// A JSON object that names an error, and that came whole.
    Error,
    /// JSON that names moderation.
    Moderation,
    /// JSON or plain text that names quota or balance.
    Money,
    /// JSON that names `model_not_found`.
    ModelNotFound,
    /// JSON whose code or message is `task_not_exist`.
    TaskNotExist,
}

const REJECTED: Outcome = Outcome::Rejected(FailureClass::Rejected);
const MODERATION: Outcome = Outcome::Rejected(FailureClass::Moderation);
const AUTH: Outcome = Outcome::Fault(RunFault::Auth);
const QUOTA: Outcome = Outcome::Fault(RunFault::Quota);
const ADDRESS: Outcome = Outcome::Fault(RunFault::Address);

/// Outcomes of a create request; the first rule that fits decides, and what fits none is in doubt.
const SUBMIT_RULES: &[Rule<Outcome>] = &[
    rule(200..=299, Says::TaskId, Outcome::Accepted),
    rule(300..=399, Says::Anything, ADDRESS),
    rule(401..=401, Says::Anything, AUTH),
    rule(402..=402, Says::Anything, QUOTA),
    rule(403..=403, Says::Moderation, MODERATION),
    rule(403..=403, Says::Money, QUOTA),
    rule(403..=403, Says::Anything, AUTH),
    rule(404..=405, Says::Anything, ADDRESS),
    rule(408..=408, Says::Anything, Outcome::InDoubt),
    rule(413..=413, Says::Anything, REJECTED),
    rule(429..=429, Says::Anything, Outcome::Later),
    rule(400..=499, Says::Moderation, MODERATION),
    rule(400..=499, Says::Error, REJECTED),
    rule(503..=503, Says::ModelNotFound, REJECTED),
];

/// Verdicts on a poll; what fits none is trouble, which says nothing about the task.
const POLL_RULES: &[Rule<Verdict>] = &[
    rule(401..=401, Says::Anything, Verdict::KeyRefused),
    rule(404..=404, Says::Anything, Verdict::NotFound),
    rule(429..=429, Says::Anything, Verdict::Later),
    rule(200..=499, Says::TaskNotExist, Verdict::NotFound),
    rule(200..=299, Says::Anything, Verdict::Task),
];

/// An answer with its error texts collected.
struct Reading<'a> {
    answer: &'a Answer,
    error: ErrorText,
}

impl<'a> Reading<'a> {
    fn of(answer: &'a Answer) -> Self {
        let error = answer.content.json().map(ErrorText::read);
        Self {
            answer,
            error: error.unwrap_or_default(),
        }
    }

    fn ruling<T: Copy>(&self, rules: &[Rule<T>], otherwise: T) -> T {
        rules
            .iter()
            .find(|rule| rule.statuses.contains(&self.answer.status) && self.fits(rule.says))
            .map_or(otherwise, |rule| rule.ending)
    }

    fn fits(&self, says: Says) -> bool {
        match says {
            Says::Anything => true,
            Says::TaskId => !self.task_ids().is_empty(),
            Says::Error => self.is_whole_error(),
            Says::Moderation => self.is_whole_error() && self.error.says(names_moderation),
            Says::Money => match &self.answer.content {
                Content::Text(text) => names_money(&text.to_lowercase()),
                _ => self.error.says(names_money),
            },
            Says::ModelNotFound => {
                self.is_whole_error() && self.error.says(|word| word.contains("model_not_found"))
            }
            Says::TaskNotExist => self.error.says(|word| word.trim() == "task_not_exist"),
        }
    }

    fn is_whole_error(&self) -> bool {
        self.answer.broken.is_none() && self.error.is_error()
    }

    fn task_ids(&self) -> Vec<TaskId> {
        self.answer
            .content
            .json()
            .map(wire::task_ids)
            .unwrap_or_default()
    }

    fn accepted(&self) -> SubmitReply {
        let mut ids = self.task_ids().into_iter();
        SubmitReply::Accepted {
            task_id: ids.next().expect("the rule asks for an id"),
            other_id: ids.next(),
        }
    }

    /// The state of the task `asked`, `None` if the answer tells nothing about it.
    fn task(&self, asked: &TaskId) -> Option<PollReply> {
        let body = self.answer.content.json()?;
        let ids = self.task_ids();
        let reply = self.state(body);
        if !ids.contains(asked)
            && let Some(other) = ids.into_iter().next()
        {
            return Some(PollReply::OtherTask {
                task_id: other,
                reply: Box::new(reply.unwrap_or_else(|| PollReply::Trouble {
                    message: self.message("without a status"),
                })),
            });
        }
        reply
    }

    /// The state of the task that `body` is about, whichever it is.
    fn state(&self, body: &Value) -> Option<PollReply> {
        Some(match TaskStatus::read(body)? {
            TaskStatus::Running => PollReply::Running { unknown_word: None },
            TaskStatus::Unknown(word) => PollReply::Running {
                unknown_word: Some(CleanText::new(&word)),
            },
            TaskStatus::Done => PollReply::Completed {
                video_url: wire::video_url(body),
                last_frame_url: wire::last_frame_url(body),
            },
            TaskStatus::Failed(word) => self.failed(&word),
        })
    }

    fn failed(&self, word: &str) -> PollReply {
        let class = if self.error.says(names_moderation) {
            FailureClass::Moderation
        } else {
            FailureClass::Generation
        };
        let reason = self.error.shown();
        let reason = reason.unwrap_or_else(|| format!("the task ended as `{word}`"));
        PollReply::Failed {
            class,
            message: CleanText::new(&reason),
        }
    }

    fn wait(&self) -> Option<Duration> {
        let told = self
            .answer
            .retry_after
            .or_else(|| match &self.answer.content {
                Content::Json(value) => wait_in_text(&value.to_string()),
                Content::Text(text) => wait_in_text(text),
                Content::Empty | Content::Html(_) => None,
            });
        told.map(|wait| wait.min(LONGEST_WAIT))
    }

    fn evidence(&self) -> Evidence {
        match self.answer.content {
            Content::Html(_) => Evidence::Html,
            _ => Evidence::Unclear,
        }
    }

    /// `message`, and the task id of an answer that names one although it is no acceptance: a person may ask for it.
    fn with_task_id(&self, message: CleanText) -> CleanText {
        let Some(task_id) = self.task_ids().into_iter().next() else {
            return message;
        };
        let task_id = clean(task_id.as_str(), 200);
        if message.as_str().contains(&task_id) {
            return message;
        }
        CleanText::new(&format!("task id `{task_id}` came with {message}"))
    }

    /// The answer in one line, status first. `lack` is what a 2xx answer must have missed to be worth a message.
    fn message(&self, lack: &str) -> CleanText {
        let answer = self.answer;
        let mut line = format!("HTTP {}", answer.status);
        if (200..300).contains(&answer.status) {
            line = format!("{line} {lack}");
        }
        if let Some(location) = &answer.location
            && (300..400).contains(&answer.status)
        {
            line = format!("{line}, a redirect to `{location}`");
        }
        let said = match &answer.content {
            Content::Empty => "an empty answer".to_owned(),
            Content::Json(value) => self.error.shown().unwrap_or_else(|| value.to_string()),
            Content::Html(page) => title(page).map_or_else(
                || "a web page".to_owned(),
                |title| format!("a web page titled `{title}`"),
            ),
            Content::Text(text) => text.clone(),
        };
        line = format!("{line}: {}", clean(&said, 300));
        if let Some(why) = &answer.broken {
            line = format!("{line}; {why}");
        }
        if let Some(id) = answer.request_id.as_deref().filter(|id| !line.contains(id)) {
            line = format!("{line} (request id {})", clean(id, 100));
        }
        CleanText::new(&line)
    }
}

/// Whether a code or text, in lower case, names a moderation verdict on the request.
///
/// A text about the account (suspended, under review) is not one: it would fail every job of the run one by one.
fn names_moderation(word: &str) -> bool {
    const VERDICTS: [&str; 17] = [
        "sensitivecontent",
        "sensitive content",
        "sensitive information",
        "riskdetection",
        "privacyinformation",
        "policyviolation",
        "policy_violation",
        "content_policy",
        "content policy",
        "content_filter",
        "moderation",
        "safety",
        "敏感",
        "违规",
        "内容审核",
        "审核未通过",
        "未通过审核",
    ];
    const ABOUT_THE_ACCOUNT: [&str; 8] = [
        "suspended",
        "banned",
        "deactivated",
        "your account",
        "账号",
        "账户",
        "封禁",
        "停用",
    ];
    let word = without(word, &["safety_identifier", "大小写敏感"]);
    contains_any(&word, &VERDICTS) && !contains_any(&word, &ABOUT_THE_ACCOUNT)
}

/// Whether a code or text, in lower case, says that the account has run out of money or quota.
fn names_money(word: &str) -> bool {
    const SHORTAGES: [&str; 9] = [
        "quota",
        "balance",
        "余额",
        "额度",
        "欠费",
        "overdue",
        "insufficient_credit",
        "insufficient credit",
        "insufficient fund",
    ];
    contains_any(&without(word, &["balancer", "balancing"]), &SHORTAGES)
}

fn contains_any(word: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| word.contains(phrase))
}

/// `word` without phrases that only look like the ones that are searched for.
fn without(word: &str, lookalikes: &[&str]) -> String {
    lookalikes.iter().fold(word.to_owned(), |word, lookalike| {
        word.replace(lookalike, "")
    })
}

/// A wait told in words: `retry after 60 seconds`, `resets in ~30s`, `"retry_after": 5`.
fn wait_in_text(text: &str) -> Option<Duration> {
    const PHRASES: [&str; 5] = [
        "retry after",
        "retry_after",
        "retry in",
        "try again in",
        "resets in",
    ];
    let text = text.to_lowercase();
    PHRASES.iter().find_map(|phrase| {
        let (_, told) = text.split_once(phrase)?;
        let told = told.trim_start_matches([' ', '~', ':', '=', '"']);
        let (amount, rest) = leading(told, |c| c.is_ascii_digit() || c == '.');
        let (unit, _) = leading(rest.trim_start(), char::is_alphabetic);
        let seconds = match unit {
            "ms" | "milliseconds" => 0.001,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            _ => 1.0,
        };
        let amount: f64 = amount.trim_end_matches('.').parse().ok()?;
        wire::wait_of(amount * seconds)
    })
}

/// `text` split after its first characters that belong together.
fn leading(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// The title of a web page.
fn title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower[start..].find("</title>")?;
    Some(page[start..end].trim()).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod oracle;

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;
    use crate::engine::event::MediaUrl;

    fn answer(status: u16, content: Content) -> Answer {
        Answer {
            status,
            content,
            broken: None,
            retry_after: None,
            request_id: None,
            location: None,
        }
    }

    fn with_json(status: u16, value: Value) -> Answer {
        answer(status, Content::Json(value))
    }

    fn page(status: u16) -> Answer {
        let page = "<html><head><title>Bad gateway</title></head></html>";
        answer(status, Content::Html(page.to_owned()))
    }

    fn plain(status: u16, text: &str) -> Answer {
        answer(status, Content::Text(text.to_owned()))
    }

    fn empty(status: u16) -> Answer {
        answer(status, Content::Empty)
    }

    fn id(text: &str) -> TaskId {
        TaskId::new(text).expect("valid")
    }

    /// An outcome without its message.
    fn ending(answer: &Answer) -> Outcome {
        match submit(answer) {
            SubmitReply::Accepted { .. } => Outcome::Accepted,
            SubmitReply::Rejected { class, .. } => Outcome::Rejected(class),
            SubmitReply::Fault { fault, .. } => Outcome::Fault(fault),
            SubmitReply::Later { .. } => Outcome::Later,
            SubmitReply::InDoubt { .. } => Outcome::InDoubt,
            SubmitReply::NotSent { .. } => panic!("an answer was received"),
        }
    }

    fn whatever_the_body(status: u16) -> [Answer; 5] {
        [
            empty(status),
            page(status),
            plain(status, "no"),
            with_json(status, json!({})),
            with_json(status, json!({"error": {"message": "no"}, "id": "a"})),
        ]
    }

    #[test]
    fn any_2xx_with_a_task_id_is_accepted() {
        for status in [200, 201, 202, 299] {
            let reply = submit(&with_json(status, json!({"id": "b", "task_id": "a"})));
            let expected = SubmitReply::Accepted {
                task_id: id("a"),
                other_id: Some(id("b")),
            };
            assert_eq!(reply, expected, "{status}");
        }
        let both = json!({"data": {"task_id": "a"}, "error": {"message": "odd"}});
        assert_eq!(ending(&with_json(200, both)), Outcome::Accepted);
    }

    #[test]
    fn an_id_counts_even_when_the_answer_broke_off_after_it() {
        let mut broken = with_json(200, json!({"task_id": "a"}));
        broken.broken = Some("the connection broke".to_owned());
        assert_eq!(ending(&broken), Outcome::Accepted);
    }

    #[test]
    fn a_2xx_without_a_task_id_is_in_doubt() {
        for body in [
            json!({"code": "success", "data": null}),
            json!({"error": {"message": "no", "code": "bad"}}),
            json!([]),
            json!("a"),
        ] {
            assert_eq!(
                ending(&with_json(200, body.clone())),
                Outcome::InDoubt,
                "{body}"
            );
        }
        for answer in [empty(200), page(200), plain(200, "ok"), empty(204)] {
            assert_eq!(ending(&answer), Outcome::InDoubt, "{answer:?}");
        }
    }

    #[test]
    fn a_json_error_with_a_4xx_that_has_no_rule_of_its_own_is_rejected() {
        for status in [400, 406, 409, 410, 415, 422, 451, 499] {
            for body in [
                json!({"error": {"message": "bad", "code": "invalid"}}),
                json!({"error": "bad"}),
                json!({"code": "invalid_request", "message": "bad", "data": null}),
                json!({"detail": [{"msg": "bad"}]}),
                json!({"success": false}),
            ] {
                assert_eq!(ending(&with_json(status, body)), REJECTED, "{status}");
            }
        }
    }

    #[test]
    fn a_4xx_that_names_no_error_is_in_doubt() {
        for body in [json!({}), json!({"error": null}), json!([]), json!("bad")] {
            assert_eq!(
                ending(&with_json(400, body.clone())),
                Outcome::InDoubt,
                "{body}"
            );
        }
        for answer in [empty(400), page(400), plain(400, "bad request"), page(422)] {
            assert_eq!(ending(&answer), Outcome::InDoubt, "{answer:?}");
        }
        let mut broken = with_json(400, json!({"error": "bad"}));
        broken.broken = Some("the connection broke".to_owned());
        assert_eq!(ending(&broken), Outcome::InDoubt);
    }

    #[test]
    fn moderation_is_told_by_code_and_text() {
        for body in [
            json!({"error": {"code": "InputTextSensitiveContentDetected", "message": "x"}}),
            json!({"error": {"code": "InputImageRiskDetection", "message": "x"}}),
            json!({"code": "fail_to_fetch_task", "message": "{\"error\":{\"code\":\"InputImageSensitiveContentDetected.PrivacyInformation\"}}"}),
            json!({"error": {"code": "moderation_blocked"}}),
            json!({"error": {"type": "content_policy_violation"}}),
            json!({"message": "rejected by our safety system"}),
            json!({"message": "提示词包含敏感内容"}),
            json!({"message": "内容违规"}),
            json!({"message": "图片审核未通过"}),
        ] {
            assert_eq!(ending(&with_json(400, body.clone())), MODERATION, "{body}");
            assert_eq!(ending(&with_json(403, body.clone())), MODERATION, "{body}");
        }
        for body in [
            json!({"error": {"message": "unknown field safety_identifier"}}),
            json!({"error": {"message": "参数名大小写敏感"}}),
            json!({"error": {"message": "model names are case-sensitive"}}),
        ] {
            assert_eq!(ending(&with_json(400, body.clone())), REJECTED, "{body}");
        }
    }

    #[test]
    fn a_suspended_account_is_the_key_and_not_moderation() {
        for text in [
            "your account was suspended for content policy violations",
            "账号因违规被封禁",
            "Forbidden",
        ] {
            assert_eq!(
                ending(&with_json(403, json!({"message": text}))),
                AUTH,
                "{text}"
            );
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_rejected_whatever_the_body() {
        for answer in whatever_the_body(413) {
            assert_eq!(ending(&answer), REJECTED, "{answer:?}");
        }
    }

    #[test]
    fn a_model_that_is_not_found_is_rejected_though_it_comes_as_503() {
        let body = json!({"error": {"message": "no channel", "code": "model_not_found"}});
        assert_eq!(ending(&with_json(503, body.clone())), REJECTED);
        assert_eq!(ending(&with_json(500, body)), Outcome::InDoubt);
        assert_eq!(ending(&plain(503, "model_not_found")), Outcome::InDoubt);
    }

    #[test]
    fn a_refused_key_is_a_fault_of_the_run_whatever_the_body() {
        for answer in whatever_the_body(401)
            .into_iter()
            .chain(whatever_the_body(403))
        {
            assert_eq!(ending(&answer), AUTH, "{answer:?}");
        }
    }

    #[test]
    fn an_empty_wallet_is_a_fault_of_the_run() {
        for answer in whatever_the_body(402) {
            assert_eq!(ending(&answer), QUOTA, "{answer:?}");
        }
        for body in [
            json!({"code": "insufficient_user_quota", "message": "预扣费额度失败", "data": null}),
            json!({"code": "pre_consume_token_quota_failed", "message": "x"}),
            json!({"error": {"message": "Insufficient balance"}}),
            json!({"error": {"message": "用户余额不足"}}),
        ] {
            assert_eq!(ending(&with_json(403, body.clone())), QUOTA, "{body}");
        }
        assert_eq!(ending(&plain(403, "balance too low")), QUOTA);
        assert_eq!(ending(&plain(403, "refused by the load balancer")), AUTH);
    }

    #[test]
    fn a_wrong_address_is_a_fault_of_the_run_whatever_the_body() {
        for status in [301, 302, 304, 307, 308, 404, 405] {
            for answer in whatever_the_body(status) {
                assert_eq!(ending(&answer), ADDRESS, "{answer:?}");
            }
        }
    }

    #[test]
    fn a_429_is_later_whatever_the_body() {
        for answer in whatever_the_body(429) {
            assert_eq!(ending(&answer), Outcome::Later, "{answer:?}");
        }
    }

    #[test]
    fn a_wait_is_taken_from_header_or_text_and_clamped_to_an_hour() {
        let wait = |answer: &Answer| match submit(answer) {
            SubmitReply::Later { retry_after, .. } => retry_after.map(|wait| wait.as_millis()),
            other => panic!("{other:?}"),
        };
        let mut told = with_json(429, json!({"message": "retry after 9 seconds"}));
        assert_eq!(wait(&told), Some(9_000));
        told.retry_after = Some(Duration::from_secs(7));
        assert_eq!(wait(&told), Some(7_000));
        told.retry_after = Some(Duration::from_secs(86_400));
        assert_eq!(wait(&told), Some(3_600_000));
        for (text, millis) in [
            ("Rate limit resets in ~30s.", 30_000),
            ("please try again in 2 minutes", 120_000),
            ("Retry after: 1.5 s", 1_500),
            ("retry in 250ms", 250),
            ("retry after 5 hours", 3_600_000),
            ("retry after 99999999999999999999999 seconds", 3_600_000),
        ] {
            assert_eq!(wait(&plain(429, text)), Some(millis), "{text}");
        }
        let hints = [
            json!({"error": {"code": 429, "fallback_suggestion": "retry after 60 seconds"}}),
            json!({"retry_after": 60}),
        ];
        for hint in hints {
            assert_eq!(wait(&with_json(429, hint)), Some(60_000));
        }
        for text in ["slow down", "retry after a while", "retry after 0 seconds"] {
            assert_eq!(wait(&plain(429, text)), None, "{text}");
        }
    }

    #[test]
    fn everything_else_is_in_doubt() {
        for status in [101, 408, 500, 501, 502, 503, 504, 520, 524, 599, 999] {
            for answer in whatever_the_body(status) {
                assert_eq!(ending(&answer), Outcome::InDoubt, "{answer:?}");
            }
        }
    }

    #[test]
    fn a_task_id_in_an_answer_that_is_in_doubt_is_told() {
        let told = |answer: Answer| match submit(&answer) {
            SubmitReply::InDoubt { message, .. } => message.to_string(),
            other => panic!("{other:?}"),
        };
        let body = json!({"error": {"message": "upstream failed"}, "task_id": "task-1"});
        assert_eq!(
            told(with_json(502, body)),
            "task id `task-1` came with HTTP 502: upstream failed"
        );
        assert_eq!(
            told(with_json(500, json!({"id": "task-1"}))),
            r#"HTTP 500: {"id":"task-1"}"#
        );
    }

    #[test]
    fn only_a_web_page_is_evidence_of_a_wrong_address() {
        let evidence = |answer: Answer| match submit(&answer) {
            SubmitReply::InDoubt { evidence, .. } => evidence,
            other => panic!("{other:?}"),
        };
        for status in [200, 400, 502, 504] {
            assert_eq!(evidence(page(status)), Evidence::Html, "{status}");
            assert_eq!(evidence(empty(status)), Evidence::Unclear, "{status}");
            assert_eq!(evidence(plain(status, "x")), Evidence::Unclear, "{status}");
        }
    }

    #[test]
    fn every_status_ends_as_the_contract_says() {
        // A compact picture of the whole table: runs of statuses that end alike, for three kinds of body.
        type Kind = (&'static str, fn(u16) -> Answer);
        let kinds: [Kind; 3] = [
            ("JSON error", |status| {
                with_json(status, json!({"error": {"message": "no"}}))
            }),
            ("JSON with a task id", |status| {
                with_json(status, json!({"task_id": "a"}))
            }),
            ("web page", page),
        ];
        let mut picture = String::new();
        for (name, make) in kinds {
            let _ = writeln!(picture, "{name}");
            let mut first = 100;
            for status in 100..600 {
                let end = ending(&make(status));
                if status == 599 || ending(&make(status + 1)) != end {
                    let _ = writeln!(picture, "  {first}–{status} {end:?}");
                    first = status + 1;
                }
            }
        }
        insta::assert_snapshot!(picture);
    }

    #[test]
    fn messages_begin_with_what_was_answered() {
        let mut redirect = empty(307);
        redirect.location = Some("https://other.example.com/v1".to_owned());
        let mut cut = plain(200, "{\"task");
        cut.broken = Some("the connection broke".to_owned());
        let mut named = with_json(500, json!({"error": {"message": "oops\u{1b}[2J"}}));
        named.request_id = Some("20260601-1".to_owned());
        let mut shown = String::new();
        for answer in [
            with_json(
                403,
                json!({"error": {"message": "invalid token", "code": ""}}),
            ),
            with_json(
                400,
                json!({"error": {"message": "bad ratio", "code": "InvalidParameter"}}),
            ),
            with_json(200, json!({"code": "success", "data": null})),
            with_json(400, json!({})),
            page(504),
            answer(200, Content::Html("<!doctype html>".to_owned())),
            redirect,
            cut,
            named,
            empty(502),
        ] {
            let line = match submit(&answer) {
                SubmitReply::Rejected { message, .. }
                | SubmitReply::Fault { message, .. }
                | SubmitReply::InDoubt { message, .. } => message,
                other => panic!("{other:?}"),
            };
            let _ = writeln!(shown, "{line}");
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_poll_reads_the_state_of_its_task() {
        let asked = id("a");
        let reply = |body: Value| poll(&with_json(200, body), &asked);
        let running = PollReply::Running { unknown_word: None };
        assert_eq!(
            reply(json!({"id": "a", "status": "queued", "error": null})),
            running
        );
        assert_eq!(reply(json!({"status": "unknown"})), running);
        assert_eq!(
            reply(json!({"id": "a", "status": "upscaling"})),
            PollReply::Running {
                unknown_word: Some(CleanText::new("upscaling"))
            }
        );
        let url = "https://cdn.example.com/v.mp4";
        let PollReply::Completed { video_url, .. } =
            reply(json!({"id": "a", "status": "completed", "video_url": url}))
        else {
            panic!("not completed");
        };
        assert_eq!(video_url.as_ref().map(MediaUrl::as_str), Some(url));
        assert_eq!(
            reply(json!({"id": "a", "status": "SUCCESS", "object": url})),
            PollReply::Completed {
                video_url: None,
                last_frame_url: None
            }
        );
    }

    #[test]
    fn a_poll_fails_a_job_only_by_a_failed_status() {
        let asked = id("a");
        let failed = |body: Value| match poll(&with_json(200, body), &asked) {
            PollReply::Failed { class, message } => (class, message.to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            failed(
                json!({"data": {"task_id": "a", "status": "FAILURE", "fail_reason": "out of memory", "result_url": "out of memory"}})
            ),
            (FailureClass::Generation, "out of memory".to_owned())
        );
        assert_eq!(
            failed(
                json!({"status": "failed", "error": {"code": "OutputAudioSensitiveContentDetected", "message": "refused"}})
            ),
            (
                FailureClass::Moderation,
                "refused (OutputAudioSensitiveContentDetected)".to_owned()
            )
        );
        assert_eq!(
            failed(json!({"id": "a", "status": "expired"})),
            (
                FailureClass::Generation,
                "the task ended as `expired`".to_owned()
            )
        );
        let trouble = poll(
            &with_json(200, json!({"id": "a", "error": {"message": "busy"}})),
            &asked,
        );
        assert_eq!(
            trouble,
            PollReply::Trouble {
                message: CleanText::new("HTTP 200 without a status: busy")
            }
        );
    }

    #[test]
    fn an_answer_about_another_task_is_told_apart() {
        let asked = id("a");
        let reply = |body: Value| poll(&with_json(200, body), &asked);
        assert_eq!(
            reply(json!({"task_id": "b", "status": "completed"})),
            PollReply::OtherTask {
                task_id: id("b"),
                reply: Box::new(PollReply::Completed {
                    video_url: None,
                    last_frame_url: None
                }),
            }
        );
        for body in [
            json!({"id": 77, "task_id": "a", "status": "queued"}),
            json!({"id": "gateway", "status": "queued", "data": {"task_id": "a"}}),
            json!({"status": "queued"}),
        ] {
            assert_eq!(reply(body), PollReply::Running { unknown_word: None });
        }
    }

    #[test]
    fn a_task_that_is_not_known_is_not_found() {
        let asked = id("a");
        let gone = json!({"code": "task_not_exist", "message": "task_not_exist", "data": null});
        let nested = json!({"error": {"code": "task_not_exist", "message": "x"}});
        for answer in [
            with_json(400, gone.clone()),
            with_json(200, gone.clone()),
            with_json(400, nested),
            page(404),
            empty(404),
        ] {
            let reply = poll(&answer, &asked);
            assert!(
                matches!(reply, PollReply::NotFound { .. }),
                "{answer:?}: {reply:?}"
            );
        }
        assert!(matches!(
            poll(&with_json(500, gone), &asked),
            PollReply::Trouble { .. }
        ));
    }

    #[test]
    fn errors_of_a_poll_say_nothing_about_the_task() {
        let asked = id("a");
        let statuses = [301, 400, 402, 403, 405, 408, 413, 422, 500, 502, 503, 504];
        for answer in statuses.into_iter().flat_map(whatever_the_body) {
            let reply = poll(&answer, &asked);
            assert!(
                matches!(reply, PollReply::Trouble { .. }),
                "{answer:?}: {reply:?}"
            );
        }
        for answer in [
            with_json(200, json!({"code": "success", "data": null})),
            page(200),
            empty(200),
            plain(200, "ok"),
        ] {
            let reply = poll(&answer, &asked);
            assert!(
                matches!(reply, PollReply::Trouble { .. }),
                "{answer:?}: {reply:?}"
            );
        }
        let failed = json!({"id": "a", "status": "failed"});
        assert!(matches!(
            poll(&with_json(502, failed), &asked),
            PollReply::Trouble { .. }
        ));
    }

    #[test]
    fn a_poll_can_be_refused_or_told_to_wait() {
        let asked = id("a");
        for answer in whatever_the_body(401) {
            assert!(matches!(
                poll(&answer, &asked),
                PollReply::KeyRefused { .. }
            ));
        }
        for mut answer in whatever_the_body(429) {
            answer.retry_after = Some(Duration::from_secs(9000));
            let retry_after = Some(LONGEST_WAIT);
            assert_eq!(poll(&answer, &asked), PollReply::Later { retry_after });
        }
    }
}
