//! The JSON Schema of the lines, from the types that are printed. Start at [`json_schema`].
//!
//! What serde writes is what is described: fields, their order, which may be `null` and which may be missing. The words
//! that a text may be come from the tables that the program prints them from. What can be said of a line and is not
//! listed here is no field of it.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{COMMANDS, FileFinding, Line, NO_COMMAND, SCHEMA};
use crate::engine::job::Status;
use crate::error::ExitCode;
use crate::plan::Model;
use crate::report::listing::PlanKind;
use crate::report::logbook::{Level, LogLine};
use crate::report::notice::NoticeKind;
use crate::report::outcome::ErrorClass;

/// The identity of the schema: that of the lines of version 1. It is a name and no address.
const ID: &str = "urn:shotlist:schema:output:1";

/// The same of the lines of a log.
const LOG_ID: &str = "urn:shotlist:schema:log:1";

/// The JSON Schema (draft 2020-12) of every line that `--json` prints, as text; always the same.
pub fn json_schema() -> String {
    serde_json::to_string_pretty(&document()).expect("JSON has only texts as keys")
}

/// The JSON Schema (draft 2020-12) of every line of a log in JSON, as text; always the same.
pub fn log_schema() -> String {
    let mut schema = of_type::<LogLine<'static>>();
    close(&mut schema);
    let fields = schema.as_object_mut().expect("a struct is an object");
    let about = [
        ("$schema", "https://json-schema.org/draft/2020-12/schema"),
        ("$id", LOG_ID),
        ("title", "shotlist --log-format json"),
        (
            "description",
            "A line of the file that `--log-file` names. Within one `schema` fields are added, never renamed or removed",
        ),
    ];
    for (at, (keyword, text)) in about.into_iter().enumerate() {
        fields.shift_insert(at, keyword.to_owned(), text.into());
    }
    serde_json::to_string_pretty(&schema).expect("JSON has only texts as keys")
}

/// Every type of line, with what it is about and its schema.
pub fn line_types() -> Vec<(String, String, Value)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let variants = variants().into_iter().map(|variant| {
        let name = text(&variant["properties"]["type"]["const"]);
        (name, text(&variant["description"]), variant)
    });
    variants.collect()
}

fn document() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "shotlist --json",
        "description": "A line that a command of `shotlist` prints with `--json`: `type` says what it is about, the last line is of type `summary`. Within one `schema` fields are added, never renamed or removed",
        "oneOf": variants(),
    })
}

/// What serde writes of a type.
fn of_type<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let generator = settings
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

fn variants() -> Vec<Value> {
    let mut root = of_type::<Line<'static>>();
    let Value::Array(mut variants) = root["oneOf"].take() else {
        unreachable!("the lines are an enum");
    };
    for variant in &mut variants {
        close(variant);
        add_version(variant);
    }
    variants
}

/// Lets nothing in that is not listed, and leaves out what only Rust's documentation has.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            if keywords.contains_key("properties") {
                keywords.insert("additionalProperties".to_owned(), Value::Bool(false));
                forbid_null_in_what_may_be_missing(keywords);
            }
            if is_of_rust(keywords) {
                keywords.remove("format");
            }
            if let Some(Value::String(text)) = keywords.get_mut("description") {
                *text = without_stop(text).replace('\n', " ");
            }
            if let Some(meaning) = keywords.shift_remove("description") {
                keywords.shift_insert(0, "description".to_owned(), meaning);
            }
            keywords.values_mut().for_each(close);
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// A field that may be left out is left out where others are `null`.
fn forbid_null_in_what_may_be_missing(object: &mut Map<String, Value>) {
    let required = object.get("required").cloned().unwrap_or_default();
    let required: Vec<&str> = required
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(fields) = object.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, field) in fields {
        if let Some(Value::Array(types)) = field.get_mut("type")
            && !required.contains(&name.as_str())
        {
            types.retain(|it| it != "null");
        }
    }
}

/// Whether the format is `uint32` or its like.
fn is_of_rust(keywords: &Map<String, Value>) -> bool {
    let format = keywords.get("format").and_then(Value::as_str);
    format.is_some_and(|format| format.starts_with("uint") || format.starts_with("int"))
}

/// Every line begins with its version, which is no field of its type.
fn add_version(variant: &mut Value) {
    let version = json!({ "description": "Version of the lines", "const": SCHEMA });
    let fields = variant["properties"].take();
    let mut properties = Map::from_iter([("schema".to_owned(), version)]);
    properties.extend(fields.as_object().cloned().unwrap_or_default());
    properties["type"]["description"] = "What the line is about".into();
    variant["properties"] = properties.into();
    if let Some(required) = variant["required"].as_array_mut() {
        required.insert(0, "schema".into());
    }
}

/// The exit codes.
pub(super) fn exit_code(_: &mut SchemaGenerator) -> Schema {
    schema(json!({ "enum": ExitCode::ALL.map(|code| code as u8) }))
}

/// Words that a text is one of, each with its meaning.
pub(in crate::report) trait Words {
    /// What they are called together.
    const NAME: &'static str;

    /// All of them, in order.
    fn words() -> Vec<(&'static str, &'static str)>;
}

/// Stands for a text that is one of these words.
pub(in crate::report) struct OneOf<T>(PhantomData<T>);

impl<T: Words> JsonSchema for OneOf<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (words, meanings): (Vec<_>, Vec<_>) = T::words().into_iter().unzip();
        let meanings: Vec<_> = meanings.into_iter().map(without_stop).collect();
        schema(json!({ "type": "string", "enum": words, "enumDescriptions": meanings }))
    }
}

/// Stands for counts, by words.
pub(super) struct CountsOf<T>(PhantomData<T>);

impl<T: Words> JsonSchema for CountsOf<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("counts by {}", T::NAME).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let count = |(word, meaning): (&str, &str)| {
            let count = json!({ "description": meaning, "type": "integer", "minimum": 0 });
            (word.to_owned(), count)
        };
        let counts: Map<String, Value> = T::words().into_iter().map(count).collect();
        let mut object = json!({ "type": "object", "properties": counts });
        if counts.contains_key(TOTAL) {
            object["required"] = json!([TOTAL]);
        }
        schema(object)
    }
}

fn without_stop(sentence: &str) -> &str {
    sentence.trim_end_matches('.')
}

fn schema(value: Value) -> Schema {
    Schema::try_from(value).expect("an object is a schema")
}

/// Implements [`Words`] for what has `ALL`, `as_str` and `meaning`.
macro_rules! words_of {
    ($($type:ident = $name:literal),+ $(,)?) => {
        $(impl Words for $type {
            const NAME: &'static str = $name;

            fn words() -> Vec<(&'static str, &'static str)> {
                Self::ALL.iter().map(|it| (it.as_str(), it.meaning())).collect()
            }
        })+
    };
}

words_of! {
    FileFinding = "finding",
    Level = "level",
    Model = "model",
    NoticeKind = "notice",
    PlanKind = "kind",
    Status = "status",
}

impl Words for ErrorClass {
    const NAME: &'static str = "error class";

    fn words() -> Vec<(&'static str, &'static str)> {
        Self::all().collect()
    }
}

/// The names of the exit codes.
impl Words for ExitCode {
    const NAME: &'static str = "exit code";

    fn words() -> Vec<(&'static str, &'static str)> {
        let named = |code: &Self| (code.name(), code.meaning());
        Self::ALL.iter().map(named).collect()
    }
}

/// The commands that print lines.
pub(super) enum Commands {}

impl Words for Commands {
    const NAME: &'static str = "command";

    fn words() -> Vec<(&'static str, &'static str)> {
        let commands = COMMANDS
            .into_iter()
            .map(|command| (command, "The command of this name."));
        let none = (NO_COMMAND, "None: the command line names no command.");
        commands.chain([none]).collect()
    }
}

/// Severities of diagnostics.
pub(super) enum Severities {}

const SEVERITIES: [(&str, &str); 3] = [
    ("error", "Ends the command with 2."),
    (
        "warning",
        "Probably a mistake; ends nothing but with `--deny-warnings`.",
    ),
    ("note", "Worth knowing."),
];

impl Words for Severities {
    const NAME: &'static str = "severity";

    fn words() -> Vec<(&'static str, &'static str)> {
        SEVERITIES.into()
    }
}

/// What diagnostics are counted by.
pub(super) enum Findings {}

impl Words for Findings {
    const NAME: &'static str = "severity or `allowed`";

    fn words() -> Vec<(&'static str, &'static str)> {
        let allowed = ("allowed", "Warnings that the manifest does `allow:`.");
        SEVERITIES.into_iter().chain([allowed]).collect()
    }
}

/// What is counted beside the words, and always there.
const TOTAL: &str = "total";

/// What the jobs of any command are counted by: statuses, or kinds of `plan`. Two words are in both, with one meaning.
pub(super) enum JobCounts {}

impl Words for JobCounts {
    const NAME: &'static str = "status, kind or `total`";

    fn words() -> Vec<(&'static str, &'static str)> {
        let total = (TOTAL, "All jobs that are counted.");
        let submits = ("submits", "Of `plan`: jobs that a run would submit.");
        let statuses = [vec![total], Status::words()].concat();
        let is_new = |kind: &(&str, &str)| !statuses.iter().any(|status| status.0 == kind.0);
        let kinds = PlanKind::words().into_iter().filter(is_new);
        let kinds: Vec<_> = kinds.chain([submits]).collect();
        [statuses, kinds].concat()
    }
}
