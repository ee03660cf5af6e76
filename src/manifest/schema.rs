//! The JSON Schema of YAML manifests, by which editors complete, explain and check while one types. Start at
//! [`json_schema`].
//!
//! It is built from the tables that the validator reads: names and meanings of fields (`fields`), sections and their
//! settings (`sections`), warnings (`lint`), models and other words (`plan`), and the limits beside their rules. These
//! tables are data and not types (a field that is text in YAML is a cell in a table and a template elsewhere), so that
//! there is no type to derive a schema from. What a schema cannot say is listed in the test that holds both against
//! each other, `tests/it/schema.rs`; whatever the validator takes, the schema takes.
//!
//! Only keywords that editors know well are used, and two of theirs that others pass over: `patternErrorMessage` and
//! `enumDescriptions`.

mod pattern;
mod settings;
mod value;

use serde_json::{Map, Value, json};

use super::fields::{EXPANDING, EXTRA, Field, JOB, Kind, USER_PREFIX};
use super::lint::LINTS;
use super::load::TABLE_KEYS;
use super::matrix::{JOBS_LIMIT, RULES_LIMIT};
use super::output::OUTPUT;
use super::sections::{API, LIMITS, TOP};
use super::table::{Delimiter, TableOptions};
use super::template::Language;
use super::vars::RESERVED;

/// The identity of the schema: that of version 1 of the manifest. It is a name and no address.
const ID: &str = "urn:shotlist:schema:manifest:1";

/// The JSON Schema (draft 2020-12) of YAML manifests, as text; always the same.
pub fn json_schema() -> String {
    serde_json::to_string_pretty(&document()).expect("JSON has only texts as keys")
}

fn document() -> Value {
    let sections = TOP.iter().map(|name| (*name, section(name)));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "shotlist manifest",
        "description": "A list of video jobs for `shotlist`: `shotlist check FILE` says everything that is wrong with it",
        "type": "object",
        "properties": properties(sections),
        "patternProperties": {
            "^x-": { "description": "Yours, passed over: a home for notes and YAML anchors" }
        },
        "additionalProperties": false,
        "required": ["jobs"],
        // A limit of money needs prices.
        "if": {
            "required": ["limits"],
            "properties": {
                "limits": { "type": "object", "required": ["max_spend"], "not": { "properties": { "max_spend": { "type": "null" } } } },
            },
        },
        "then": { "required": ["pricing"], "properties": { "pricing": { "not": { "type": "null" } } } },
        "allOf": [
            unless_default("model", &needed("model")),
            unless_default("prompt", &needed("prompt")),
            unless_default("image", &first_frame_for_last()),
        ],
        "$defs": {
            "job": job(),
            "table": table(),
            "combination": combination(),
        },
    })
}

/// The value of a top-level key.
fn section(name: &str) -> Value {
    match name {
        "version" => described(
            "Version of the manifest's form; may be left out",
            json!({ "const": 1 }),
        ),
        "api" => settings::section(
            "Where the API is; the key never stands in a manifest",
            "api",
            API,
        ),
        "limits" => settings::section(
            "How fast and how far a run goes; an option of the same name wins over it",
            "limits",
            LIMITS,
        ),
        "output" => settings::section("What a run writes beside results.csv", "output", OUTPUT),
        "allow" => allow(),
        "pricing" => settings::pricing(),
        "vars" => vars(),
        "defaults" => defaults(),
        "jobs" => jobs(),
        _ => json!({}),
    }
}

fn allow() -> Value {
    let (codes, meanings): (Vec<_>, Vec<_>) = LINTS.iter().copied().unzip();
    described(
        "Warnings that are not to be shown, by the code in brackets after `warning`; errors cannot be allowed",
        json!({
            "type": ["array", "null"],
            "items": { "enum": codes, "enumDescriptions": meanings },
        }),
    )
}

fn vars() -> Value {
    described(
        "Values that the texts of jobs name as `{{ name }}`. With `vars`, prompts, ids, addresses and `x_` fields are \
         templates",
        json!({
            "type": ["object", "null"],
            "propertyNames": name(),
            "additionalProperties": {
                "description": "Text, a number, a boolean, or a list of these",
                "type": ["string", "number", "boolean", "array"],
                "items": { "type": ["string", "number", "boolean"] },
            },
        }),
    )
}

/// A name that templates can look up.
fn name() -> Value {
    let language = Language::new();
    let words = pattern::WORDS
        .into_iter()
        .filter(|word| !language.is_name(word));
    let refused: Vec<&str> = RESERVED.into_iter().chain(words).collect();
    json!({
        "pattern": pattern::NAME,
        "patternErrorMessage": "a name has letters, digits and `_` and starts with a letter, as templates look it up",
        "not": { "enum": refused },
    })
}

fn defaults() -> Value {
    let fields = JOB.iter().filter(|field| field.kind != Kind::Id);
    described(
        "Fields of every job that does not say otherwise; `extra_body` merges key by key, `null` in a job removes a \
         default",
        fields_of(
            "null",
            fields.map(|field| (field.name, or_null(of_job(field)))),
        ),
    )
}

fn jobs() -> Value {
    let element = json!({
        "properties": { "from": { "description": FROM } },
        // An element that is only beginning is a job.
        "if": { "type": "object", "required": ["from"] },
        "then": { "$ref": "#/$defs/table" },
        "else": { "$ref": "#/$defs/job" },
    });
    described(
        "The videos that are wanted: a list of jobs, in which tables may be named as well, or one table alone, `{ from: shots.csv }`",
        json!({
            "type": ["array", "object"],
            "minItems": 1,
            "items": element,
            "if": { "type": "object" },
            "then": { "$ref": "#/$defs/table" },
        }),
    )
}

/// A job, or the template of a table: one with `from` is neither.
fn job() -> Value {
    let fields = JOB.iter().map(|field| {
        let is_needed = matches!(field.kind, Kind::Model | Kind::Prompt);
        let value = of_job(field);
        (field.name, if is_needed { value } else { or_null(value) })
    });
    let expanding = EXPANDING.iter().map(|name| {
        let value = if *name == "matrix" {
            matrix()
        } else {
            variants()
        };
        (*name, value)
    });
    let mut job = fields_of("object", fields.chain(expanding));
    let clashes = ["image", "last_image"].map(without_references);
    let axes = JOB.iter().chain(&EXTRA).filter_map(axis_of_field);
    job["allOf"] = clashes.into_iter().chain(axes).collect();
    job
}

/// A map of fields and of the user's own ones; `or` is another type that is taken.
fn fields_of(or: &str, fields: impl Iterator<Item = (&'static str, Value)>) -> Value {
    let own = format!("^{USER_PREFIX}");
    let types = if or == "object" {
        json!("object")
    } else {
        json!(["object", or])
    };
    json!({
        "type": types,
        "properties": properties(fields),
        "patternProperties": {
            own: {
                "description": "A field of your own: never sent, carried into results.csv",
                "type": ["string", "number", "boolean", "null"],
            },
        },
        "additionalProperties": false,
    })
}

/// A field of a job, which may be a template if it is text.
fn of_job(field: &Field) -> Value {
    let value = match field.kind {
        Kind::ExtraBody => {
            let extra = EXTRA.iter();
            let fields = extra.map(|field| (field.name, or_null(of_job(field))));
            json!({
                "type": "object",
                "properties": properties(fields),
                "additionalProperties": false,
            })
        }
        kind => value::of(field.name, kind),
    };
    described(field.meaning, value)
}

fn variants() -> Value {
    described(
        "How many videos each combination makes, every one with a seed of its own: ids end in `-v1`, `-v2` …",
        json!({ "type": "integer", "minimum": 1, "maximum": count(JOBS_LIMIT), "examples": [3] }),
    )
}

fn matrix() -> Value {
    let rule = |meaning: &str| {
        let combination = json!({ "$ref": "#/$defs/combination" });
        let list = json!({ "type": "array", "maxItems": RULES_LIMIT, "items": combination });
        described(meaning, list)
    };
    let axis = json!({
        "description": "An axis: the values that `{{ name }}` takes. One named like a field sets that field, unless the job does",
        "type": "array",
        "minItems": 1,
        "items": { "type": ["string", "number", "boolean"] },
        // 1 and 1.0 are two values here, and one in JSON.
        "if": { "items": { "type": "string" } },
        "then": { "uniqueItems": true },
    });
    described(
        "Makes this job once for every combination of the values, at most 100,000 times: \
         `{ color: [red, blue], aspect_ratio: [\"9:16\", \"16:9\"] }`",
        json!({
            "type": "object",
            "propertyNames": name(),
            "properties": {
                "exclude": rule("Leaves out every combination that has all of these values: `[{ color: red, size: big }]`"),
                "include": rule("Adds combinations; each names every axis: `[{ color: green, size: small }]`"),
                "extra_body": false,
            },
            "additionalProperties": axis,
            // At least one axis.
            "not": { "propertyNames": { "enum": ["exclude", "include"] } },
        }),
    )
}

/// A value for some axes.
fn combination() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": { "type": ["string", "number", "boolean"] },
    })
}

/// The values of the axis that is named like `field`, in a job that does not set the field itself.
fn axis_of_field(field: &Field) -> Option<Value> {
    let value = described(field.meaning, value::of_axis(field)?);
    let is_set = if JOB.iter().any(|other| other.name == field.name) {
        json!({ "required": [field.name] })
    } else {
        json!({
            "required": ["extra_body"],
            "properties": {
                "extra_body": { "anyOf": [{ "type": "null" }, { "required": [field.name] }] }
            },
        })
    };
    let axes = |value: Value| json!({ "properties": { field.name: value } });
    let mut matrix = axes(json!({ "items": value }));
    matrix["properties"]["include"] = json!({ "items": axes(value) });
    Some(json!({
        "if": is_set,
        "else": { "properties": { "matrix": matrix } },
    }))
}

const FROM: &str = "A table (.csv, .tsv, .txt, .xlsx) whose rows are jobs, relative to this manifest and in its folder";

fn table() -> Value {
    let [from, template] = TABLE_KEYS;
    let named = [
        (from, described(FROM, value::table_name())),
        (
            template,
            described(
                "What each row becomes: fields of a job whose texts name columns as `{{ product }}` or `{{ row[\"Header As Written\"] }}`",
                json!({ "$ref": "#/$defs/job" }),
            ),
        ),
    ];
    let options = TableOptions::KEYS.map(|name| (name, table_option(name)));
    json!({
        "type": "object",
        "properties": properties(named.into_iter().chain(options)),
        "additionalProperties": false,
        "required": [from],
    })
}

fn table_option(name: &str) -> Value {
    match name {
        "encoding" => described(
            "How the table's text is encoded; detected where it is not said",
            json!({ "type": "string", "pattern": pattern::SOMETHING, "examples": ["utf-8", "utf-16", "gb18030", "gbk", "windows-1252"] }),
        ),
        "delimiter" => described(
            "What stands between two cells; detected where it is not said",
            json!({
                "type": "string",
                "pattern": pattern::one_of(&Delimiter::NAMES.concat()),
                "patternErrorMessage": "write `,`, `;`, `tab` or `|`",
                "examples": [",", ";", "tab", "|"],
            }),
        ),
        _ => described(
            "Which sheet of a workbook is read; needed where several have anything in them",
            json!({ "type": "string" }),
        ),
    }
}

/// `rule` for manifests whose defaults do not set `field`.
fn unless_default(field: &str, rule: &Value) -> Value {
    json!({
        "if": {
            "required": ["defaults"],
            "properties": {
                "defaults": {
                    "type": "object",
                    "required": [field],
                    "properties": { field: { "not": { "type": "null" } } },
                },
            },
        },
        "else": { "properties": { "jobs": { "items": rule } } },
    })
}

/// A job that sets `field` itself or by an axis; a table may do so by a column.
fn needed(field: &str) -> Value {
    let by_axis =
        json!({ "required": ["matrix"], "properties": { "matrix": { "required": [field] } } });
    json!({
        "if": { "anyOf": [{ "required": ["from"] }, by_axis] },
        "else": { "required": [field] },
    })
}

/// A last frame needs a first one; a template may come to nothing.
fn first_frame_for_last() -> Value {
    json!({
        "if": {
            "type": "object",
            "required": ["last_image"],
            "properties": {
                "last_image": value::written_out(),
                "matrix": { "not": { "required": ["image"] } },
            },
        },
        "then": {
            "required": ["image"],
            "properties": { "image": { "not": { "type": "null" } } },
        },
    })
}

/// A job that starts from `frame` has no reference pictures and videos, unless their templates come to nothing.
fn without_references(frame: &str) -> Value {
    let message =
        format!("`{frame}` and reference pictures or videos in one job: keep one of them");
    let only_templates = json!({
        "items": { "type": "string", "pattern": pattern::BRACES, "patternErrorMessage": message },
    });
    json!({
        "if": { "type": "object", "required": [frame], "properties": { frame: value::written_out() } },
        "then": { "properties": { "images": only_templates, "videos": only_templates } },
    })
}

/// `value` with a sentence for those who point at it.
fn described(meaning: &str, value: Value) -> Value {
    let mut described = Map::from_iter([("description".to_owned(), json!(meaning))]);
    match value {
        Value::Object(rest) => described.extend(rest),
        _ => unreachable!("only schemas with keywords are described"),
    }
    Value::Object(described)
}

/// `value`, or `null`, by which a job removes a default.
fn or_null(mut value: Value) -> Value {
    if let Some(Value::Array(words)) = value.get_mut("enum") {
        words.push(Value::Null);
    }
    match value.get_mut("type") {
        Some(Value::Array(types)) => types.push(json!("null")),
        Some(one) => *one = json!([one.clone(), "null"]),
        None => {}
    }
    value
}

fn properties(named: impl Iterator<Item = (&'static str, Value)>) -> Value {
    Value::Object(
        named
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// A limit as JSON can say it.
fn count(limit: u128) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}
