//! The words of the simulated provider: every answer it can give, shaped as the documented API and the gateways
//! behind such APIs shape them.

use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::Delivery;
use super::request::Wanted;
use crate::engine::event::Now;

/// What is sent, when, and how the sending ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
    /// Name and value of a header besides the usual ones.
    pub(super) header: Option<(&'static str, String)>,
    /// How long the answer is held back.
    pub(super) delay: Duration,
    pub(super) delivery: Delivery,
}

/// A body with its type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Json(Box<Value>),
    Html(String),
}

/// What a task failed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ApiError {
    code: &'static str,
    message: &'static str,
}

/// The render itself failed.
pub(super) const GENERATION_FAILED: ApiError = ApiError {
    code: "generation_failed",
    message: "the render node gave up on this task",
};

/// The finished video was refused.
pub(super) const OUTPUT_MODERATED: ApiError = ApiError {
    code: "OutputVideoSensitiveContentDetected",
    message: "the generated video may contain sensitive content",
};

impl ApiError {
    pub(super) fn as_json(self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }
}

impl Answer {
    /// A whole JSON answer, at once.
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Body::Json(Box::new(body)),
            header: None,
            delay: Duration::ZERO,
            delivery: Delivery::Whole,
        }
    }

    pub(super) fn is_refused_429(&self) -> bool {
        self.status == 429 && self.delivery == Delivery::Whole
    }

    /// Whether a reader of the whole answer learns a task id.
    pub(super) fn names_a_task(&self) -> bool {
        matches!(&self.body, Body::Json(body) if body["task_id"].is_string())
    }

    /// Takes the ids out.
    pub(super) fn forget_ids(&mut self) {
        if let Body::Json(body) = &mut self.body
            && let Some(fields) = body.as_object_mut()
        {
            fields.retain(|name, _| name != "id" && name != "task_id");
        }
    }

    /// Puts another id in.
    pub(super) fn rename_task(&mut self, id: &str) {
        if self.names_a_task()
            && let Body::Json(body) = &mut self.body
        {
            body["id"] = json!(id);
            body["task_id"] = json!(id);
        }
    }
}

/// The task was made.
pub(super) fn accepted(id: &str, wanted: &Wanted, now: Now) -> Answer {
    let body = json!({
        "id": id, "task_id": id, "object": "video.generation.job", "model": wanted.model.as_str(),
        "status": "queued", "progress": 0, "created_at": now.wall.as_second(), "error": null,
    });
    Answer::json(200, body)
}

/// No key, or not one of this provider's.
pub(super) fn bad_key() -> Answer {
    gateway_error(401, "", "invalid or missing API key")
}

/// The page does not know this model; gateways answer so.
pub(super) fn unknown_model(model: &str) -> Answer {
    let message = format!("no channel is available for model {model}");
    gateway_error(503, "model_not_found", &message)
}

/// A request that breaks a rule of the page.
pub(super) fn invalid(message: &str) -> Answer {
    plain_error(400, "invalid_request", message)
}

/// More creates than the account may send.
pub(super) fn over_the_rate(wait: Duration) -> Answer {
    refused(429, Some(wait))
}

/// More tasks than the account may have rendering.
pub(super) fn too_many_in_flight(most: usize) -> Answer {
    let message = format!("{most} tasks are in flight, which is all that this account may have");
    gateway_error(429, "concurrency_limit_exceeded", &message)
}

/// Nobody knows the task, or nobody with this key.
pub(super) fn task_not_exist() -> Answer {
    plain_error(400, "task_not_exist", "task_not_exist")
}

/// The wallet does not cover the charge.
pub(super) fn empty_wallet() -> Answer {
    let message = "the pre-charge failed: the balance is too low";
    plain_error(403, "insufficient_user_quota", message)
}

/// The prompt or a picture was refused.
pub(super) fn moderated() -> Answer {
    let upstream = json!({ "error": {
        "code": "InputTextSensitiveContentDetected",
        "message": "the request may contain sensitive content",
    } });
    plain_error(400, "fail_to_fetch_task", &upstream.to_string())
}

/// A task exists, and this answer denies it.
pub(super) fn error_after_all() -> Answer {
    plain_error(
        500,
        "unmarshal_response_body_failed",
        "the upstream answer could not be read",
    )
}

/// A path that is not there.
pub(super) fn unknown_path(method: &str, path: &str) -> Answer {
    let message = format!("Invalid URL ({method} {path})");
    let error =
        json!({ "message": message, "type": "invalid_request_error", "param": "", "code": "" });
    Answer::json(404, json!({ "error": error }))
}

/// A request body that is longer than a gateway takes.
pub(super) fn too_large() -> Answer {
    gateway_error(413, "", "the request body is too large")
}

/// The dashboard page that a gateway serves on any path outside its API.
pub(super) fn dashboard() -> Answer {
    html(
        200,
        "Dashboard",
        "This is the web side of the simulated provider. The API is under <code>/v1</code>, the ledger at <code>/_sim/ledger</code>.",
    )
}

/// The page of a proxy that got no good answer from behind it.
pub(super) fn page(status: u16) -> Answer {
    let title = match status {
        200 => return dashboard(),
        504 => "504 Gateway Time-out",
        _ => "502 Bad Gateway",
    };
    html(status, title, "simulated proxy")
}

/// A refusal by status, each in the words that go with it.
pub(super) fn refused(status: u16, wait: Option<Duration>) -> Answer {
    let mut answer = match status {
        307 => Answer {
            header: Some(("location", "/v1/videos/generations".to_owned())),
            ..html(307, "307 Temporary Redirect", "simulated proxy")
        },
        400 => invalid("the request is not valid"),
        401 => bad_key(),
        402 => gateway_error(402, "payment_required", "the balance is too low"),
        403 => gateway_error(403, "", "this key may not use this model"),
        404 => gateway_error(404, "", "no such route"),
        408 => gateway_error(408, "", "the request took too long"),
        413 => too_large(),
        429 => plain_error(
            429,
            "fail_to_fetch_task",
            "当前分组上游负载已饱和，请稍后再试",
        ),
        _ => plain_error(
            status,
            "do_request_failed",
            "the upstream could not be reached",
        ),
    };
    if let Some(wait) = wait {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        answer.header = Some(("retry-after", seconds.to_string()));
    }
    answer
}

/// An error as the gateway itself words it.
fn gateway_error(status: u16, code: &str, message: &str) -> Answer {
    let error = json!({ "message": message, "type": "new_api_error", "code": code });
    Answer::json(status, json!({ "error": error }))
}

/// An error as the gateway's task side words it.
fn plain_error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({ "code": code, "message": message, "data": null });
    Answer::json(status, body)
}

fn html(status: u16, title: &str, text: &str) -> Answer {
    let page = format!(
        "<!doctype html>\n<html><head><title>{title}</title></head>\n<body><h1>{title}</h1><p>{text}</p></body></html>\n"
    );
    Answer {
        body: Body::Html(page),
        ..Answer::json(status, Value::Null)
    }
}
