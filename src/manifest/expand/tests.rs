//! What is written can be read again, and means the same.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::manifest::load;
use crate::plan::{JobId, Model, RequestFields, UserValues};

fn expanded(plan: &Plan) -> String {
    let mut out = Vec::new();
    to_yaml(plan, &Sources::default(), &mut out).expect("writing to memory does not fail");
    String::from_utf8(out).expect("YAML is UTF-8")
}

fn loaded(text: &str) -> Plan {
    let loaded = load(Path::new("a.yaml"), &|_| Ok(text.into()));
    loaded.plan.unwrap_or_else(|| {
        panic!(
            "{}\n{text}",
            loaded
                .diagnostics
                .iter()
                .map(|found| found.message.as_str())
                .collect::<Vec<_>>()
                .join("\n")
        )
    })
}

/// Fails unless the plan, written and read again, is the same.
fn assert_round_trip(plan: &Plan) {
    let text = expanded(plan);
    let again = loaded(&text);
    assert_eq!(again.user_columns(), plan.user_columns(), "{text}");
    assert_eq!(again.jobs().len(), plan.jobs().len(), "{text}");
    for (left, right) in again.jobs().iter().zip(plan.jobs()) {
        assert_eq!(left.id(), right.id(), "{text}");
        assert_eq!(left.request(), right.request(), "{text}");
        assert_eq!(left.user_values(), right.user_values(), "{text}");
    }
}

#[test]
fn every_default_is_applied_and_every_id_written_out() {
    let plan = loaded(
        r#"
defaults: { model: seedance2.0-720p, duration: 8, aspect_ratio: "16:9", extra_body: { watermark: "true", seed: 4 } }
jobs:
  - id: hero
    prompt: "Night: a street"
    x_owner: 007
  - prompt: |
      two
       lines
    duration: 5
    images: ["https://a.example/1.png", "https://a.example/2.png"]
    extra_body: { seed: null, generate_audio: false }
    x_note: "yes"
"#,
    );
    insta::assert_snapshot!(expanded(&plan));
    assert_round_trip(&plan);
}

#[test]
fn a_job_with_every_field_comes_back() {
    let frames = r#"
jobs:
  - id: frames
    model: seedance2.0-4k
    prompt: x
    duration: 15
    aspect_ratio: "9:16"
    image: "https://a.example/1.png"
    last_image: "data:image/png;base64,iVBORw0KGgo="
    extra_body: { generate_audio: true, seed: -9223372036854775808, watermark: false, camera_fixed: "false", return_last_frame: true, operation: first_last_frame }
  - id: references
    model: seedance2.0-mini-480p
    prompt: x
    duration: 5
    images: ["https://a.example/1.png"]
    videos: [{ url: "https://a.example/1.mp4", seconds: 5 }, "https://a.example/2.mp4"]
    audios: ["https://a.example/1.mp3"]
"#;
    assert_round_trip(&loaded(frames));
}

/// A plan of one job whose texts are `prompt` and `note`.
fn plan(prompt: &str, note: &str) -> Plan {
    let request = VideoRequest::new(RequestFields {
        model: Model::Fast480p,
        prompt: prompt.into(),
        duration: Some(5),
        aspect_ratio: Some(AspectRatio::Square),
        media: Media::default(),
        extra: ExtraBody {
            operation: None::<Operation>,
            ..ExtraBody::default()
        },
    });
    let id = JobId::new("hero").expect("a good id");
    let job = Job::new(id, request, UserValues::new(vec![(0, note.into())]));
    let columns = if note.is_empty() {
        vec![]
    } else {
        vec!["x_note".to_owned()]
    };
    Plan::new(vec![job], columns)
}

#[test]
fn texts_that_need_care_come_back_to_the_last_character() {
    let tricky = [
        "true",
        "null",
        "~",
        "8",
        "007",
        "1e3",
        "0x1F",
        ".inf",
        "1e400",
        "16:9",
        "yes",
        "- x",
        "# x",
        "x # y",
        "a: b",
        "a:",
        "*x",
        "&x",
        "!x",
        "| x",
        "> x",
        "%x",
        "@x",
        "`x`",
        "[x]",
        "{x}",
        "'x'",
        "\"x\"",
        "it's",
        "---",
        "...",
        "<<",
        "=",
        " x",
        "x ",
        "x\n",
        "\nx",
        "x\n\n",
        " x\ny",
        "x\n y\n",
        "x\r\ny",
        "x\ry",
        "x\ty",
        "\tx",
        "x\\ny",
        "提示：夜",
        "🎬",
        "\u{85}",
        "x\u{85}y",
        "x\u{2028}y",
        "\u{2029}",
        "\u{e000}\u{2028}",
        "x\u{2028}\ny",
        "\u{feff}x",
        "\u{200b}x",
        "x\u{a0}",
        "\u{2028} x",
    ];
    for text in tricky {
        let prompt = format!("{text}x");
        for (prompt, note) in [(prompt.as_str(), text), ("x", text)] {
            assert_round_trip(&plan(prompt, note));
        }
        if !text.trim().is_empty() {
            assert_round_trip(&plan(text, "x"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_comes_back(prompt in "[ -~\n\t\u{85}\u{a0}-\u{24f}\u{2028}\u{2029}提示🎬]{0,40}x", note in "[ -~\n\u{2028}]{1,20}") {
        assert_round_trip(&plan(&prompt, &note));
    }
}
