//! Reads a create request as the provider does, by the rules of its page, apart from the client's own reading of
//! that page: a client that sends what it should not is caught here.

use serde_json::Value;

use super::answer::{Answer, invalid, unknown_model};
use crate::plan::{AspectRatio, DURATION_SECONDS, Model};

/// What a create request asks for, as far as the simulation needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) model: Model,
    pub(super) prompt: Box<str>,
    pub(super) shape: AspectRatio,
    /// Whether the last frame is to come back as a picture.
    pub(super) last_frame: bool,
}

impl Wanted {
    /// Reads `body`, or refuses it as the provider would.
    pub(super) fn read(body: &[u8]) -> Result<Self, Answer> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| invalid(&format!("the body is not JSON: {error}")))?;
        let model = read_model(&body)?;
        let prompt = body["prompt"].as_str().unwrap_or_default();
        if prompt.trim().is_empty() {
            return Err(invalid("prompt is required"));
        }
        check_duration(&body["duration"])?;
        check_media(&body)?;
        Ok(Self {
            model,
            prompt: prompt.into(),
            shape: read_shape(&body["aspect_ratio"])?,
            last_frame: is_true(&body["extra_body"]["return_last_frame"]),
        })
    }
}

fn read_model(body: &Value) -> Result<Model, Answer> {
    let model = body["model"]
        .as_str()
        .ok_or_else(|| invalid("model is required"))?;
    Model::parse(model).ok_or_else(|| unknown_model(model))
}

fn check_duration(duration: &Value) -> Result<(), Answer> {
    let seconds = match duration {
        Value::Null => return Ok(()),
        Value::String(text) => text.parse().ok(),
        other => other
            .as_u64()
            .and_then(|seconds| u8::try_from(seconds).ok()),
    };
    match seconds {
        Some(seconds) if DURATION_SECONDS.contains(&seconds) => Ok(()),
        _ => Err(invalid("duration must be a whole number from 5 to 15")),
    }
}

fn read_shape(ratio: &Value) -> Result<AspectRatio, Answer> {
    if ratio.is_null() {
        return Ok(AspectRatio::Landscape);
    }
    ratio
        .as_str()
        .and_then(AspectRatio::parse)
        .ok_or_else(|| invalid("aspect_ratio must be one of 9:16, 1:1, 16:9"))
}

fn check_media(body: &Value) -> Result<(), Answer> {
    for name in ["image", "last_image"] {
        if !(body[name].is_null() || body[name].is_string()) {
            return Err(invalid(&format!("{name} must be a URL")));
        }
    }
    if body["last_image"].is_string() && !body["image"].is_string() {
        return Err(invalid("last_image needs image"));
    }
    for (name, most) in [("images", 9), ("videos", 3), ("audios", usize::MAX)] {
        let list = &body[name];
        let urls = list
            .as_array()
            .filter(|urls| urls.iter().all(Value::is_string));
        if !list.is_null() && urls.is_none_or(|urls| urls.is_empty() || urls.len() > most) {
            return Err(invalid(&format!(
                "{name} must be a list of URLs that is not empty and not too long"
            )));
        }
    }
    Ok(())
}

fn is_true(flag: &Value) -> bool {
    flag.as_bool() == Some(true) || flag.as_str() == Some("true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: &Value) -> Result<Wanted, u16> {
        let mut body = json!({ "model": "seedance2.0-720p", "prompt": "a cat" });
        for (name, value) in change.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        Wanted::read(body.to_string().as_bytes()).map_err(|answer| answer.status)
    }

    #[test]
    fn what_the_page_allows_is_taken() {
        for change in [
            json!({}),
            json!({ "duration": 5, "aspect_ratio": "9:16" }),
            json!({ "duration": "15" }),
            json!({ "image": "https://x/a.png", "last_image": "https://x/b.png" }),
            json!({ "images": ["https://x/a.png"], "videos": ["https://x/a.mp4"], "audios": ["https://x/a.mp3"] }),
        ] {
            assert!(read(&change).is_ok(), "{change}");
        }
    }

    #[test]
    fn what_the_page_forbids_is_refused() {
        for (change, status) in [
            (json!({ "model": "seedance9" }), 503),
            (json!({ "model": null }), 400),
            (json!({ "prompt": " " }), 400),
            (json!({ "duration": 4 }), 400),
            (json!({ "duration": 16 }), 400),
            (json!({ "duration": 8.5 }), 400),
            (json!({ "duration": "8s" }), 400),
            (json!({ "aspect_ratio": "4:3" }), 400),
            (json!({ "last_image": "https://x/b.png" }), 400),
            (json!({ "images": [] }), 400),
            (json!({ "videos": ["a", "b", "c", "d"] }), 400),
            (json!({ "videos": [{ "url": "a", "seconds": 3 }] }), 400),
        ] {
            assert_eq!(read(&change), Err(status), "{change}");
        }
        assert!(Wanted::read(b"{").is_err_and(|answer| answer.status == 400));
    }

    #[test]
    fn the_last_frame_is_asked_for_by_boolean_or_text() {
        for (flag, asked) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
        ] {
            let wanted = read(&json!({ "extra_body": { "return_last_frame": flag } }));
            assert_eq!(wanted.map(|wanted| wanted.last_frame), Ok(asked));
        }
    }
}
