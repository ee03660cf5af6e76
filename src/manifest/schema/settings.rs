//! What the settings of the sections take. Start at [`section`]: names come from the section's own list, what they mean
//! from [`setting`].

use serde_json::{Value, json};

use super::{described, pattern, properties};
use crate::plan::Model;

/// A section whose settings are `names`.
pub(super) fn section(meaning: &str, section: &str, names: &[&'static str]) -> Value {
    let settings = names.iter().map(|name| (*name, setting(section, name)));
    described(
        meaning,
        json!({
            "type": ["object", "null"],
            "properties": properties(settings),
            "additionalProperties": false,
        }),
    )
}

fn setting(section: &str, name: &str) -> Value {
    let (meaning, value) = match (section, name) {
        ("api", "base_url") => (
            "Address of the API, with or without `/v1`; no user name, no password",
            of_pattern(
                &pattern::base_url(),
                "write it like `https://api.example.com`",
                "https://api.example.com",
            ),
        ),
        ("api", "create_path") => (
            "Path that jobs are submitted to, if it is not the usual one",
            path(pattern::CREATE_PATH, "/v1/video/generations"),
        ),
        ("api", "poll_path") => {
            let mut path = path(pattern::PATH, "/v1/videos/{task_id}");
            let message = "`poll_path` must contain `{task_id}` once: the task's id goes there";
            add_pattern(&mut path, pattern::TASK_ID, message);
            (
                "Path that tasks are polled at, if it is not the usual one, with `{task_id}` in it",
                path,
            )
        }
        ("limits", "concurrency") => (
            "Most jobs in flight: open submits and running tasks",
            with_default(count(), &json!(4)),
        ),
        ("limits", "max_jobs") => ("Submits at most so many jobs in a run", count()),
        ("limits", "submit_rate") => (
            "Create requests, spaced evenly: a number with `/s`, `/min` or `/h`",
            rate("60/min"),
        ),
        ("limits", "poll_rate") => (
            "Polls of all tasks together, spaced evenly: a number with `/s`, `/min` or `/h`",
            rate("240/min"),
        ),
        ("limits", "poll_first") => (
            "From the accept of a task to its first poll, at least",
            time("15s"),
        ),
        ("limits", "poll_every") => ("Between two polls of a task, at least", time("10s")),
        ("limits", "submit_timeout") => (
            "For the answer to a create request; after it the job is in doubt, and never sent again by itself",
            time("180s"),
        ),
        ("limits", "job_timeout") => (
            "For a video; after it the task stays running and gives up its place",
            time("60m"),
        ),
        ("limits", "deadline") => (
            "No submits after it: a duration, or a time of day such as `06:00`",
            deadline(),
        ),
        ("limits", "max_spend") => (
            "Most that all jobs of this manifest together may cost, in the currency of `pricing`, with at most six decimals",
            amount(),
        ),
        ("output", "download") => (
            "Whether finished videos are downloaded: `true`, or the directory they go to, relative to this manifest",
            json!({ "type": ["boolean", "string"], "pattern": pattern::SOMETHING, "default": false }),
        ),
        ("output", "download_concurrency") => (
            "Most downloads at the same time",
            with_default(count(), &json!(2)),
        ),
        ("output", "file_name") => (
            "Names of downloaded files, of `{id}`, `{take}` and fields of your own",
            json!({ "type": "string", "pattern": pattern::SOMETHING, "default": "{id}" }),
        ),
        ("output", "gallery") => (
            "Whether gallery.html is written beside results.csv",
            json!({ "type": "boolean", "default": true }),
        ),
        _ => return json!({}),
    };
    let meaning = match value.get("default") {
        Some(Value::String(default)) => format!("{meaning} (default `{default}`)"),
        Some(default) => format!("{meaning} (default {default})"),
        None => meaning.to_owned(),
    };
    described(&meaning, value)
}

/// `pricing:`, which no section of settings is like.
pub(super) fn pricing() -> Value {
    let models = Model::ALL.iter().map(|model| (model.as_str(), amount()));
    let factor = |meaning: &str| {
        let mut factor = amount();
        factor["exclusiveMinimum"] = json!(0);
        add_pattern(&mut factor, pattern::ABOVE_ZERO, "a factor is above 0");
        factor["default"] = json!(1);
        described(meaning, factor)
    };
    let code = of_pattern(
        "^[A-Z]{3}$",
        "write three capital letters, such as `USD`",
        "USD",
    );
    described(
        "What videos cost, so that `plan` can say it and `max_spend` can limit it; or the name of a YAML file with these keys",
        json!({
            "type": ["object", "string", "null"],
            "pattern": pattern::file(&["yaml", "yml", "json"]),
            "patternErrorMessage": "name a .yaml file, or write the prices here",
            "properties": {
                "currency": described("Currency of all amounts: three capital letters", code),
                "per_second": {
                    "description": "Price of a second of video, for each model that is used",
                    "type": "object",
                    "minProperties": 1,
                    "properties": properties(models),
                    "additionalProperties": false,
                },
                "audio_factor": factor("What the price per second is multiplied by for a video with sound"),
                "reference_factor": factor("What the price per second is multiplied by with images, videos or audios"),
                "per_job": described("Added once for each job", with_default(amount(), &json!(0))),
            },
            "required": ["currency", "per_second"],
            "additionalProperties": false,
        }),
    )
}

fn of_pattern(pattern: &str, message: &str, example: &str) -> Value {
    json!({
        "type": "string",
        "pattern": pattern,
        "patternErrorMessage": message,
        "examples": [example],
    })
}

/// Another pattern of the same text.
fn add_pattern(value: &mut Value, pattern: &str, message: &str) {
    let further = json!({ "pattern": pattern, "patternErrorMessage": message });
    match value.get_mut("allOf") {
        Some(Value::Array(all)) => all.push(further),
        _ => value["allOf"] = json!([further]),
    }
}

fn with_default(mut value: Value, default: &Value) -> Value {
    value["default"] = default.clone();
    value
}

fn path(pattern: &str, default: &str) -> Value {
    let mut path = of_pattern(pattern, &format!("write it like `{default}`"), default);
    let message = "the part before the path goes into `base_url`";
    add_pattern(&mut path, pattern::NO_SCHEME, message);
    with_default(path, &json!(default))
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
}

fn rate(default: &str) -> Value {
    let message = format!("write a whole number with `/s`, `/min` or `/h`, such as `{default}`");
    with_default(
        of_pattern(pattern::RATE, &message, default),
        &json!(default),
    )
}

fn time(default: &str) -> Value {
    let message = "write `500ms`, `90s`, `5m` or `1h30m`";
    let mut time = of_pattern(pattern::DURATION, message, default);
    add_pattern(&mut time, pattern::ABOVE_ZERO, "a duration is above zero");
    with_default(time, &json!(default))
}

fn deadline() -> Value {
    let message = "write a duration such as `8h`, or a time of day such as `06:00`";
    let mut deadline = of_pattern(pattern::DEADLINE, message, "06:00");
    add_pattern(&mut deadline, pattern::LATER, "a duration is above zero");
    with_default(deadline, &json!("24h"))
}

fn amount() -> Value {
    json!({
        "type": ["number", "string"],
        "minimum": 0,
        "maximum": 1_000_000_000,
        "pattern": pattern::AMOUNT,
        "patternErrorMessage": "write a plain number with at most six decimals, such as `0.12`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(schema: &Value, value: &Value) -> bool {
        let schema = jsonschema::draft202012::new(schema).expect("a schema");
        schema.is_valid(value)
    }

    #[test]
    fn a_price_list_is_taken_with_numbers_written_either_way() {
        let list = json!({
            "currency": "USD",
            "per_second": { "seedance2.0-720p": 0.12, "seedance2.0-fast-720p": "0.06" },
            "audio_factor": 1.5,
            "reference_factor": "1.2",
            "per_job": 0,
        });
        let schema = pricing();
        for value in [&list, &json!(null), &json!("prices.yaml")] {
            assert!(takes(&schema, value), "{value}");
        }
        for (name, wrong) in [
            ("currency", json!("usd")),
            ("currency", json!(null)),
            ("per_second", json!({})),
            ("per_second", json!({ "seedance": 1 })),
            ("per_second", json!({ "seedance2.0-720p": "$1" })),
            ("per_second", json!({ "seedance2.0-720p": -1 })),
            ("audio_factor", json!(0)),
            ("audio_factor", json!("0.0")),
            ("per_job", json!("0.0000001")),
            ("per_jobs", json!(1)),
        ] {
            let mut list = list.clone();
            list[name] = wrong;
            assert!(!takes(&schema, &list), "{list}");
        }
        assert!(!takes(&schema, &json!("prices.csv")));
    }

    #[test]
    fn an_amount_and_what_is_downloaded_are_taken_as_the_options_are() {
        let cases = [
            (
                "limits",
                "max_spend",
                json!([50, 12.5, "0.05"]),
                json!([-1, "1e3", "$5", true, null]),
            ),
            (
                "output",
                "download",
                json!([true, false, "videos"]),
                json!(["", 1, null]),
            ),
            (
                "output",
                "download_concurrency",
                json!([1, 2]),
                json!([0, "2"]),
            ),
            (
                "output",
                "file_name",
                json!(["{id}-{take}"]),
                json!(["", 1]),
            ),
            ("output", "gallery", json!([true, false]), json!(["no"])),
        ];
        for (section, name, right, wrong) in cases {
            let schema = setting(section, name);
            for (values, expected) in [(right, true), (wrong, false)] {
                for value in values.as_array().into_iter().flatten() {
                    assert_eq!(takes(&schema, value), expected, "{name}: {value}");
                }
            }
        }
    }
}
