//! The schema of `--json`, which every line of every test keeps to. Start at [`assert_in_schema`].

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;
use shotlist::report::json::{json_schema, log_schema};

/// The schema as the library builds it.
pub(crate) static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&json_schema()).expect("the schema is JSON"));

/// The schema of the lines of a log in JSON, likewise.
pub(crate) static LOG_SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&log_schema()).expect("the schema is JSON"));

/// Another program's opinion of them.
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| validator(&SCHEMA));
static LOG_VALIDATOR: LazyLock<Validator> = LazyLock::new(|| validator(&LOG_SCHEMA));

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(schema).expect("it is a schema")
}

/// Fails unless the line of a log is one that its schema describes.
#[track_caller]
pub(crate) fn assert_in_log_schema(line: &Value) {
    if let Some(wrong) = LOG_VALIDATOR.iter_errors(line).next() {
        panic!("{wrong}\n{line}");
    }
}

/// Fails unless each whole line is one that the schema describes, and the last the summary of a program that ended
/// with `code`, unless it was cut short.
#[track_caller]
pub(crate) fn assert_in_schema(stdout: &str, code: i32) {
    let whole: Vec<&str> = stdout
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .collect();
    let lines: Vec<Value> = whole
        .iter()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    for line in &lines {
        if let Some(wrong) = refused(line) {
            panic!("{wrong}\n{line}");
        }
    }
    let is_cut = code > 128 || whole.len() < stdout.lines().count();
    if !is_cut && let Some(last) = lines.last() {
        assert_eq!(
            (&last["type"], &last["exit_code"]),
            (&"summary".into(), &code.into()),
            "{last}"
        );
    }
}

/// What is wrong with a line: judged by the schema of its type, so that one reads why.
pub(crate) fn refused(line: &Value) -> Option<String> {
    let error = VALIDATOR.iter_errors(line).next()?;
    let variants = SCHEMA["oneOf"].as_array().expect("several types");
    let of_its_type = variants
        .iter()
        .find(|variant| variant["properties"]["type"]["const"] == line["type"]);
    let Some(variant) = of_its_type else {
        return Some(format!("no type of line: {error}"));
    };
    let validator = jsonschema::draft202012::new(variant).expect("a schema");
    let errors = validator.iter_errors(line);
    let said: Vec<_> = errors
        .map(|error| format!("{error} at `{}`", error.instance_path()))
        .collect();
    Some(said.join("; "))
}
