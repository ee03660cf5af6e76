//! What the fields of a job take. Start at [`of`].

use serde_json::{Value, json};

use super::pattern;
use crate::manifest::address::DATA_KINDS;
use crate::manifest::fields::{Field, Kind, List};
use crate::manifest::load::TABLE_EXTENSIONS;
use crate::manifest::values::{PROMPT_BYTES, VIDEO_MILLIS};
use crate::plan::{AspectRatio, DURATION_SECONDS, JOB_ID_LIMIT, Model, Operation};

const ADDRESS_FORM: &str = "write an http(s) address, `https://…`";
const PICTURE_FORM: &str = "write an http(s) address, `https://…`, or `data:image/png;base64,…`";

/// Whether texts of a field may be templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    AsWritten,
    OrTemplates,
}

/// The value of the field `name` in a job.
pub(super) fn of(name: &str, kind: Kind) -> Value {
    match kind {
        Kind::Id => id(Texts::OrTemplates),
        Kind::Picture => picture(Texts::OrTemplates),
        Kind::Addresses(list) => addresses(name, list),
        kind => fixed(kind),
    }
}

/// One value of the axis that is named like `field`: never a template, and one address for a list.
pub(super) fn of_axis(field: &Field) -> Option<Value> {
    Some(match field.kind {
        Kind::ExtraBody => return None,
        Kind::Id => id(Texts::AsWritten),
        Kind::Picture => picture(Texts::AsWritten),
        Kind::Addresses(_) if takes_data(field.name) => picture(Texts::AsWritten),
        Kind::Addresses(_) => address(Texts::AsWritten),
        kind => fixed(kind),
    })
}

/// What looks the same in a job and on an axis.
fn fixed(kind: Kind) -> Value {
    match kind {
        Kind::Model => words(Model::ALL.iter().map(|model| model.as_str())),
        Kind::AspectRatio => words(AspectRatio::ALL.iter().map(|ratio| ratio.as_str())),
        Kind::Operation => words(Operation::ALL.iter().map(|operation| operation.as_str())),
        Kind::Prompt => json!({
            "type": "string",
            "maxLength": PROMPT_BYTES,
            "pattern": pattern::PROMPT,
            "patternErrorMessage": "describe what the video shows",
        }),
        Kind::Duration => {
            let message = "write a whole number from 5 to 15, without unit";
            json!({
                "type": ["integer", "string"],
                "minimum": DURATION_SECONDS.start(),
                "maximum": DURATION_SECONDS.end(),
                "pattern": pattern::seconds(DURATION_SECONDS),
                "patternErrorMessage": message,
                "examples": [8],
            })
        }
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Flag => json!({ "enum": [true, false, "true", "false"] }),
        Kind::Seed => {
            json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX, "examples": [42] })
        }
        Kind::Id | Kind::Picture | Kind::Addresses(_) | Kind::ExtraBody => json!({}),
    }
}

fn words<'w>(words: impl Iterator<Item = &'w str>) -> Value {
    json!({ "enum": words.collect::<Vec<_>>() })
}

fn id(texts: Texts) -> Value {
    let pattern = match texts {
        Texts::AsWritten => pattern::ID.to_owned(),
        Texts::OrTemplates => format!("{}|{}", pattern::ID, pattern::BRACES),
    };
    json!({
        "type": "string",
        "pattern": pattern,
        "patternErrorMessage": "an id has letters, digits, `.`, `_` and `-`, and starts with a letter or digit",
        "if": { "pattern": pattern::BRACES },
        "else": { "maxLength": JOB_ID_LIMIT },
    })
}

fn picture(texts: Texts) -> Value {
    let pattern = format!("{}|{}", pattern::address(), pattern::picture(DATA_KINDS));
    text(&pattern, texts, PICTURE_FORM)
}

fn address(texts: Texts) -> Value {
    text(&pattern::address(), texts, ADDRESS_FORM)
}

fn text(pattern: &str, texts: Texts, message: &str) -> Value {
    let pattern = match texts {
        Texts::AsWritten => pattern::whole(pattern),
        Texts::OrTemplates => pattern::or_braces(pattern),
    };
    json!({ "type": "string", "pattern": pattern, "patternErrorMessage": message })
}

/// Whether a picture may stand in the address itself.
fn takes_data(name: &str) -> bool {
    name == "images"
}

fn addresses(name: &str, list: List) -> Value {
    let element = match name {
        "videos" => video(),
        _ if takes_data(name) => picture(Texts::OrTemplates),
        _ => address(Texts::OrTemplates),
    };
    let mut addresses = json!({ "type": "array", "minItems": 1, "items": element });
    if let Some(limit) = list.limit {
        // A template that comes to nothing is left out.
        addresses["if"] = json!({ "contains": { "type": "string", "pattern": pattern::BRACES } });
        addresses["else"] = json!({ "maxItems": limit });
    }
    addresses
}

/// An address, or one with the length of the video.
fn video() -> Value {
    let mut video = address(Texts::OrTemplates);
    let seconds = |millis: &u64| millis / 1000;
    let (shortest, longest) = (seconds(VIDEO_MILLIS.start()), seconds(VIDEO_MILLIS.end()));
    video["type"] = json!(["string", "object"]);
    video["properties"] = json!({
        "url": super::described("Address of the video", address(Texts::OrTemplates)),
        "seconds": {
            "description": format!("Its length in seconds, {shortest} to {longest}, decimals allowed; checked and not sent"),
            "type": "number",
            "minimum": shortest,
            "maximum": longest,
        },
    });
    video["required"] = json!(["url"]);
    video["additionalProperties"] = json!(false);
    video
}

/// The name of a table.
pub(super) fn table_name() -> Value {
    json!({
        "type": "string",
        "pattern": pattern::file(&TABLE_EXTENSIONS.concat()),
        "patternErrorMessage": "name a .csv, .tsv, .txt or .xlsx file",
        "examples": ["shots.csv"],
    })
}

/// A text that is not filled in with anything.
pub(super) fn written_out() -> Value {
    json!({ "type": "string", "not": { "pattern": pattern::BRACES } })
}
