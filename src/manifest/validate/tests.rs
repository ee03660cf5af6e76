//! Each rule as twins: a manifest that breaks it, and one beside it that does not.

use super::*;
use crate::manifest::tree::{Key, SourceId};
use crate::plan::{AspectRatio, ExtraBody, Flag, Media, Operation};

/// What the rules make of `source`: a YAML map of `defaults` and `jobs`.
struct Checked {
    source: String,
    diagnostics: Vec<Diagnostic>,
    jobs: Vec<Job>,
    columns: Vec<String>,
}

fn check(source: &str) -> Checked {
    check_as(source, Tree::Yaml)
}

fn check_as(source: &str, jobs_as: Tree) -> Checked {
    let parsed: serde_yaml::Value = serde_yaml::from_str(source).expect(source);
    let mut diagnostics = Diagnostics::default();
    let mut cursor = Cursor { source, at: 0 };
    let sections = match cursor.node(&parsed).value {
        Value::Map(sections) => sections,
        _ => Vec::new(),
    };
    let section = |name: &str| sections.iter().find(|(key, _)| key.name == name);
    let defaults = section("defaults").map(|(_, node)| node);
    let mut validator = Validator::new(defaults, &mut diagnostics);
    if let Some((
        _,
        Node {
            value: Value::List(jobs),
            ..
        },
    )) = section("jobs")
    {
        for job in jobs {
            validator.job(&jobs_as.of(job), &Context::default(), &mut diagnostics);
        }
    }
    let at = Span {
        source: SourceId(0),
        bytes: 0..0,
    };
    let (jobs, columns) = validator.finish(&at, &mut diagnostics);
    Checked {
        source: source.to_owned(),
        diagnostics: diagnostics.iter().cloned().collect(),
        jobs,
        columns,
    }
}

/// `code: the marked text`, for every finding.
fn found(source: &str) -> Vec<String> {
    check(source).found()
}

impl Checked {
    fn found(&self) -> Vec<String> {
        self.diagnostics
            .iter()
            .map(|found| {
                format!(
                    "{} at {}",
                    found.code,
                    &self.source[found.span.bytes.clone()]
                )
            })
            .collect()
    }

    fn codes(&self) -> Vec<&'static str> {
        self.diagnostics.iter().map(|found| found.code).collect()
    }

    fn only(&self) -> &Diagnostic {
        assert_eq!(self.diagnostics.len(), 1, "{:#?}", self.diagnostics);
        &self.diagnostics[0]
    }
}

/// Whether scalars of a job are typed values or cells.
#[derive(Clone, Copy, PartialEq)]
enum Tree {
    Yaml,
    Row,
}

impl Tree {
    fn of(self, node: &Node) -> Node {
        let value = match (&node.value, self) {
            (value, Self::Yaml) => value.clone(),
            (Value::List(list), _) => Value::List(list.iter().map(|node| self.of(node)).collect()),
            (Value::Map(map), _) => Value::Map(
                map.iter()
                    .map(|(key, node)| (key.clone(), self.of(node)))
                    .collect(),
            ),
            (Value::Text(text) | Value::Number(text), _) => Value::Cell(text.clone()),
            (Value::Boolean(value), _) => Value::Cell(value.to_string()),
            (Value::Integer(number), _) => Value::Cell(number.to_string()),
            (Value::Null | Value::Cell(_), _) => Value::Cell(String::new()),
        };
        Node {
            value,
            span: node.span.clone(),
        }
    }
}

/// Finds the place of each key and value in the source, in reading order.
struct Cursor<'s> {
    source: &'s str,
    at: usize,
}

impl Cursor<'_> {
    fn span_of(&mut self, text: &str) -> Span {
        let start = self.source[self.at..]
            .find(text)
            .map_or(self.at, |found| self.at + found);
        let end = (start + text.len()).min(self.source.len());
        self.at = end;
        Span {
            source: SourceId(0),
            bytes: start..end,
        }
    }

    fn node(&mut self, parsed: &serde_yaml::Value) -> Node {
        use serde_yaml::Value as Yaml;
        let start = self.at;
        let (value, span) = match parsed {
            Yaml::Null => (Value::Null, self.span_of("")),
            Yaml::Bool(value) => (Value::Boolean(*value), self.span_of(&value.to_string())),
            Yaml::Number(number) => {
                let text = number.to_string();
                let value = number
                    .as_i64()
                    .map_or(Value::Number(text.clone()), Value::Integer);
                (value, self.span_of(&text))
            }
            Yaml::String(text) => (Value::Text(text.clone()), self.span_of(text)),
            Yaml::Sequence(list) => {
                let list = list.iter().map(|element| self.node(element)).collect();
                (
                    Value::List(list),
                    Span {
                        source: SourceId(0),
                        bytes: start..self.at,
                    },
                )
            }
            Yaml::Mapping(map) => {
                let map = map
                    .iter()
                    .map(|(key, value)| {
                        let name = key.as_str().expect("a text key").to_owned();
                        let span = self.span_of(&name);
                        (Key { name, span }, self.node(value))
                    })
                    .collect();
                (
                    Value::Map(map),
                    Span {
                        source: SourceId(0),
                        bytes: start..self.at,
                    },
                )
            }
            Yaml::Tagged(tagged) => return self.node(&tagged.value),
        };
        Node { value, span }
    }
}

/// A job that is right but for `fields`.
fn job_with(fields: &str) -> String {
    format!("jobs: [{{model: seedance2.0-720p, prompt: a cat, duration: 8, {fields}}}]")
}

#[test]
fn a_plain_job_is_taken_as_it_is() {
    let checked = check(&job_with(
        "id: hero, aspect_ratio: '16:9', extra_body: {seed: 42, watermark: 'true'}, x_owner: ann",
    ));
    assert_eq!(checked.found(), Vec::<String>::new());
    let job = &checked.jobs[0];
    assert_eq!(job.id().as_str(), "hero");
    assert_eq!(job.request().model(), Model::Standard720p);
    assert_eq!(job.request().prompt(), "a cat");
    assert_eq!(job.request().duration(), Some(8));
    assert_eq!(job.request().aspect_ratio(), Some(AspectRatio::Landscape));
    assert_eq!(job.request().extra().seed, Some(42));
    assert_eq!(job.request().extra().watermark, Some(Flag::Text(true)));
    assert_eq!(checked.columns, ["x_owner"]);
    assert_eq!(job.user_values().get(0), "ann");
}

#[test]
fn every_field_of_the_table_reaches_the_request() {
    let checked = check(
        "jobs:
  - {id: a, model: seedance2.0-mini-480p, prompt: p, duration: 5, aspect_ratio: '1:1', image: 'https://h/i', last_image: 'https://h/l',
     extra_body: {generate_audio: true, seed: -1, watermark: true, camera_fixed: 'false', return_last_frame: false, operation: first_last_frame}}
  - {id: b, model: seedance2.0-mini-480p, prompt: p, duration: 5, images: ['https://h/1'], videos: ['https://h/2'], audios: ['https://h/3']}",
    );
    assert_eq!(checked.codes(), ["operation-used"]);
    let [first, second] = [0, 1].map(|index| checked.jobs[index].request());
    assert_eq!(first.media().image.as_deref(), Some("https://h/i"));
    assert_eq!(first.media().last_image.as_deref(), Some("https://h/l"));
    assert_eq!(second.media().images, ["https://h/1".into()]);
    assert_eq!(second.media().videos, ["https://h/2".into()]);
    assert_eq!(second.media().audios, ["https://h/3".into()]);
    let expected = ExtraBody {
        generate_audio: Some(true),
        seed: Some(-1),
        watermark: Some(Flag::Boolean(true)),
        camera_fixed: Some(Flag::Text(false)),
        return_last_frame: Some(Flag::Boolean(false)),
        operation: Some(Operation::FirstLastFrame),
    };
    assert_eq!(first.extra(), &expected);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_wrong_field_is_one_error_at_its_value_and_its_twin_is_none() {
    // (the wrong one, what is found, its good twin)
    let twins = [
        ("id: ../hero", "bad-id at ../hero", "id: hero"),
        ("id: ''", "empty-value at ", "id: h"),
        ("aspect_ratio: ''", "empty-value at ", "aspect_ratio: 1:1"),
        ("id: a b", "bad-id at a b", "id: a_b"),
        ("id: -a", "bad-id at -a", "id: a-"),
        ("id: 'a-\u{301}'", "bad-id at a-\u{301}", "id: 'a\u{301}'"),
        ("id: '\u{e48}a'", "bad-id at \u{e48}a", "id: ชื่องาน"),
        ("id: 'a\u{fe0f}'", "bad-id at a\u{fe0f}", "id: नमस्ते"),
        ("id: 7", "wrong-type at 7", "id: '7'"),
        ("id: [a]", "wrong-type at id: [a", "id: a"),
        (
            "aspect_ratio: 16x9",
            "unknown-aspect-ratio at 16x9",
            "aspect_ratio: 16:9",
        ),
        (
            "aspect_ratio: '4:3'",
            "unknown-aspect-ratio at 4:3",
            "aspect_ratio: 1:1",
        ),
        (
            "aspect_ratio: 969",
            "unknown-aspect-ratio at 969",
            "aspect_ratio: 9:16",
        ),
        (
            "aspect_ratio: true",
            "wrong-type at true",
            "aspect_ratio: null",
        ),
        (
            "image: hero.png",
            "local-path at hero.png",
            "image: 'https://h/hero.png'",
        ),
        (
            "image: 'data:image/png;base64,'",
            "bad-data-url at data:image/png;base64,",
            "image: 'data:image/png;base64,iVBORw0KGgo='",
        ),
        ("image: 7", "wrong-type at 7", "image: 'http://h/7'"),
        ("images: []", "empty-list at ", "images: null"),
        (
            "images: 'https://h/1'",
            "wrong-type at https://h/1",
            "images: ['https://h/1']",
        ),
        (
            "images: [null]",
            "wrong-type at ",
            "images: ['https://h/1']",
        ),
        (
            "images: ['https://h/1', ftp://h/2]",
            "bad-url at ftp://h/2",
            "images: ['https://h/1', 'https://h/2']",
        ),
        (
            "videos: ['data:video/mp4;base64,AAAA']",
            "bad-url at data:video/mp4;base64,AAAA",
            "videos: ['https://h/v']",
        ),
        (
            "videos: [{url: 'https://h/v', seconds: 1.9}]",
            "video-length at 1.9",
            "videos: [{url: 'https://h/v', seconds: 2}]",
        ),
        (
            "videos: [{url: 'https://h/v', seconds: 1.9999}]",
            "video-length at 1.9999",
            "videos: [{url: 'https://h/v', seconds: 2.0}]",
        ),
        (
            "videos: [{url: 'https://h/v', seconds: 15.0001}]",
            "video-length at 15.0001",
            "videos: [{url: 'https://h/v', seconds: 15.0}]",
        ),
        (
            "videos: [{url: 'https://h/v', seconds: '6'}]",
            "wrong-type at 6",
            "videos: [{url: 'https://h/v', seconds: 6}]",
        ),
        (
            "videos: [{url: 'https://h/v', length: 6}]",
            "unknown-field at length",
            "videos: [{url: 'https://h/v'}]",
        ),
        (
            "audios: 'https://h/a'",
            "wrong-type at https://h/a",
            "audios: ['https://h/a']",
        ),
        (
            "extra_body: {seed: 4.2}",
            "seed-format at 4.2",
            "extra_body: {seed: -42}",
        ),
        (
            "extra_body: {seed: '42'}",
            "wrong-type at 42",
            "extra_body: {seed: 0}",
        ),
        (
            "extra_body: {seed: 9223372036854775808}",
            "seed-range at 9223372036854775808",
            "extra_body: {seed: 9223372036854775807}",
        ),
        (
            "extra_body: {generate_audio: 'true'}",
            "not-a-boolean at true",
            "extra_body: {generate_audio: true}",
        ),
        (
            "extra_body: {generate_audio: 1}",
            "not-a-boolean at 1",
            "extra_body: {generate_audio: false}",
        ),
        (
            "extra_body: {watermark: yes}",
            "not-a-boolean at yes",
            "extra_body: {watermark: true}",
        ),
        (
            "extra_body: {watermark: 'True'}",
            "not-a-boolean at True",
            "extra_body: {watermark: 'true'}",
        ),
        (
            "extra_body: {camera_fixed: 0}",
            "not-a-boolean at 0",
            "extra_body: {camera_fixed: 'false'}",
        ),
        (
            "extra_body: {operation: edit}",
            "unknown-operation at edit",
            "extra_body: {operation: null}",
        ),
        (
            "extra_body: [seed]",
            "wrong-type at extra_body: [seed",
            "extra_body: {}",
        ),
        (
            "extra_body: {sed: 1}",
            "unknown-field at sed",
            "extra_body: {seed: 1}",
        ),
        (
            "extra_body: {aspect_ratio: '1:1'}",
            "unknown-field at aspect_ratio",
            "aspect_ratio: '1:1'",
        ),
        (
            "seed: 42",
            "unknown-field at seed",
            "extra_body: {seed: 42}",
        ),
        (
            "aspectRatio: '16:9'",
            "unknown-field at aspectRatio",
            "aspect_ratio: '16:9'",
        ),
        (
            "content: [{type: text, text: a}]",
            "content-array at content",
            "x_content: a",
        ),
        (
            "x_shots: [1, 2]",
            "wrong-type at x_shots: [1, 2",
            "x_shots: 1, x_more: 2",
        ),
    ];
    for (wrong, finding, right) in twins {
        let checked = check(&job_with(wrong));
        let errors: Vec<_> = checked.found();
        assert_eq!(errors.len(), 1, "{wrong}: {errors:?}");
        // A list or map is marked from where its field starts; the exact place is the reader's.
        assert!(
            errors[0].ends_with(finding) || finding.contains(": [") || finding.ends_with("at "),
            "{wrong}: {errors:?}"
        );
        assert!(
            errors[0].starts_with(finding.split(' ').next().expect("a code")),
            "{wrong}: {errors:?}"
        );
        assert!(checked.jobs.is_empty(), "{wrong}");
        let twin = check(&job_with(right));
        assert_eq!(twin.found(), Vec::<String>::new(), "{right}");
        assert_eq!(twin.jobs.len(), 1, "{right}");
    }
}

#[test]
fn durations_are_whole_seconds_from_5_to_15_or_strings_of_them() {
    let with = |duration: &str| {
        format!("jobs: [{{model: seedance2.0-720p, prompt: a, duration: {duration}}}]")
    };
    for (written, seconds) in [("5", 5), ("15", 15), ("'8'", 8), ("'08'", 8)] {
        let checked = check(&with(written));
        assert_eq!(checked.found(), Vec::<String>::new(), "{written}");
        assert_eq!(checked.jobs[0].request().duration(), Some(seconds));
    }
    for written in [
        "4",
        "16",
        "0",
        "-8",
        "'99'",
        "'99999999999999999999'",
        "'-9999999999999999999999999999999999999999999'",
    ] {
        assert_eq!(
            check(&with(written)).only().code,
            "duration-range",
            "{written}"
        );
    }
    let meant = [
        ("8.0", "`8`"),
        ("8s", "`8`"),
        ("'8 sec'", "`8`"),
        ("8秒", "`8`"),
        ("8.5", "from 5 to 15"),
        ("20s", "from 5 to 15"),
        ("eight", "from 5 to 15"),
        ("' 8'", "`8`"),
        ("''", "from 5 to 15"),
        ("８", "from 5 to 15"),
    ];
    for (written, help) in meant {
        let checked = check(&with(written));
        assert_eq!(checked.only().code, "duration-format", "{written}");
        assert!(
            checked.only().help.contains(help),
            "{written}: {}",
            checked.only().help
        );
    }
    for written in ["true", "[8]", "{s: 8}"] {
        assert_eq!(check(&with(written)).only().code, "wrong-type", "{written}");
    }
}

#[test]
fn cells_are_read_as_the_field_needs_them() {
    let good = [
        "aspect_ratio: ' 16:9 '",
        "duration: ' 8 '",
        "extra_body: {seed: ' -42 '}",
        "extra_body: {watermark: 'TRUE', generate_audio: 'False ', camera_fixed: ' true'}",
        "images: 'https://h/1 | https://h/2'",
        "images: \"https://h/1\\r\\nhttps://h/2\\n\"",
        "images: ['https://h/1 ', 'https://h/2']",
        "image: ' https://h/1 '",
        "duration: '', image: '  ', extra_body: {seed: ''}",
        "id: ' hero '",
        "x_owner: ' ann '",
    ];
    for fields in good {
        let fields = job_with(fields).replace("duration: 8, duration", "duration");
        let checked = check_as(&fields, Tree::Row);
        let errors: Vec<_> = checked
            .codes()
            .into_iter()
            .filter(|code| *code != "no-duration")
            .collect();
        assert!(errors.is_empty(), "{fields}: {:#?}", checked.diagnostics);
        let media = checked.jobs[0].request().media();
        assert!(
            media.images.is_empty() || media.images == ["https://h/1".into(), "https://h/2".into()],
            "{media:?}"
        );
    }
    let bad = [
        ("aspect_ratio: 16x9", "unknown-aspect-ratio"),
        ("aspect_ratio: '16:09:00'", "unknown-aspect-ratio"),
        ("extra_body: {seed: 42.0}", "seed-format"),
        ("extra_body: {seed: 1e5}", "seed-format"),
        ("extra_body: {watermark: yes}", "not-a-boolean"),
        ("extra_body: {generate_audio: 1}", "not-a-boolean"),
        ("images: ' | '", "empty-list"),
        ("images: 'https://h/1,https://h/2'", "bad-url"),
        ("images: 'https://h/1, https://h/2'", "bad-url"),
        ("id: 'a b'", "bad-id"),
    ];
    for (fields, code) in bad {
        let checked = check_as(&job_with(fields), Tree::Row);
        assert_eq!(checked.only().code, code, "{fields}");
    }
}

#[test]
fn help_names_what_was_meant() {
    let cases = [
        (
            "model: jisudance2.0-720p",
            "did you mean `seedance2.0-720p`?",
        ),
        (
            "model: jisudance2.0-fast-480p",
            "did you mean `seedance2.0-fast-480p`?",
        ),
        (
            "model: Seedance2.0-720P",
            "did you mean `seedance2.0-720p`?",
        ),
        (
            "model: seedance-2.0-mini-720p",
            "did you mean `seedance2.0-mini-720p`?",
        ),
        (
            "model: seedence2.0-1080p",
            "did you mean `seedance2.0-1080p`?",
        ),
        (
            "model: seedance2.0",
            "the resolution is part of the model id: `seedance2.0-480p`, `seedance2.0-720p`, `seedance2.0-1080p` and `seedance2.0-4k`",
        ),
        (
            "model: seedance2.0-fast-1080p",
            "this tier has `seedance2.0-fast-480p` and `seedance2.0-fast-720p`",
        ),
        ("model: sora", "the models are `seedance2.0-480p`"),
        (
            "model: ' seedance2.0-720p'",
            "did you mean `seedance2.0-720p`?",
        ),
        ("aspect_ratio: 16/9", "did you mean `16:9`?"),
        ("aspect_ratio: '9x16'", "did you mean `9:16`?"),
        ("aspect_ratio: 1920x1080", "did you mean `16:9`?"),
        ("aspect_ratio: '9:16:00'", "did you mean `9:16`?"),
        ("aspect_ratio: 1:01", "did you mean `1:1`?"),
        ("aspect_ratio: 556", "did you mean `9:16`?"),
        ("aspect_ratio: portrait", "did you mean `9:16`?"),
        ("aspect_ratio: '21:9'", "write `16:9`, `9:16` or `1:1`"),
        ("id: my hero!", "such as `my-hero`"),
        ("id: 7", "`id: \"7\"`"),
        ("prompt: 7", "`prompt: \"7\"`"),
        (
            "image: ['https://h/1']",
            "several reference pictures go into `images`",
        ),
        ("image: ./hero.png", "upload the file"),
        ("extra_body: {watermark: yes}", "write `watermark: true`"),
        (
            "extra_body: {generate_audio: 0}",
            "write `generate_audio: false`",
        ),
        (
            "extra_body: {generate_audio: 'true'}",
            "write `generate_audio: true`, without quotes",
        ),
        ("extra_body: {seed: 42.0}", "write `42`"),
        (
            "extra_body: {operation: edit-video}",
            "did you mean `edit_video`?",
        ),
        (
            "extra_body: {prompt: a}",
            "move `prompt` out of `extra_body`",
        ),
        ("seed: 42", "write `extra_body: {seed: 42}`"),
        (
            "generateAudio: true",
            "did you mean `extra_body.generate_audio`?",
        ),
        ("first_frame: 'https://h/1'", "did you mean `image`?"),
        ("x-owner: ann", "`x_owner`"),
        ("resolution: 720p", "part of the model id"),
    ];
    for (field, help) in cases {
        let name = field.split(':').next().expect("a name");
        let base = [
            ("model", "seedance2.0-720p"),
            ("prompt", "a cat"),
            ("duration", "8"),
        ];
        let mut fields: Vec<String> = base
            .iter()
            .filter(|(known, _)| *known != name)
            .map(|(known, value)| format!("{known}: {value}"))
            .collect();
        fields.push(field.to_owned());
        let checked = check(&format!("jobs: [{{{}}}]", fields.join(", ")));
        assert!(
            checked.only().help.contains(help),
            "{field}: {}",
            checked.only().help
        );
    }
}

#[test]
fn what_is_missing_is_told_at_the_id_and_only_once() {
    let source = "jobs: [{id: hero, duration: 8}]";
    assert_eq!(
        found(source),
        ["missing-model at hero", "missing-prompt at hero"]
    );
    let source = "jobs: [{duration: 8, model: seedance2.0-720p}]";
    assert_eq!(found(source), ["missing-prompt at duration"]);
    let source = "jobs: [{id: hero, duration: 8, modle: seedance2.0-720p, promt: a}]";
    assert_eq!(
        found(source),
        ["unknown-field at modle", "unknown-field at promt"]
    );
    let source = "jobs: [{id: hero, duration: 8, model: null, prompt: null}]";
    assert_eq!(
        found(source),
        ["missing-model at model", "missing-prompt at prompt"]
    );
}

#[test]
fn a_prompt_is_sent_untrimmed_and_must_show_something() {
    let with = |prompt: &str| {
        format!("jobs: [{{model: seedance2.0-720p, duration: 8, prompt: {prompt}}}]")
    };
    let checked = check(&with("\"  a cat\\n\\tasleep \""));
    assert_eq!(checked.found(), Vec::<String>::new());
    assert_eq!(checked.jobs[0].request().prompt(), "  a cat\n\tasleep ");
    for blank in ["''", "'  '", "\"\\n\\t\"", "\"\\u3000\"", "\"\\u200b\""] {
        assert_eq!(check(&with(blank)).only().code, "blank-prompt", "{blank}");
    }
    assert_eq!(check(&with("\"a\\0b\"")).only().code, "nul-character");
    let checked = check(&with("\"a\\u001bb\""));
    assert_eq!(checked.only().code, "control-character");
    assert_eq!(checked.jobs.len(), 1);
}

#[test]
fn blanks_around_a_value_are_shown() {
    let checked = check("jobs: [{model: 'seedance2.0-720p ', prompt: a, duration: ' 8'}]");
    assert!(
        checked.diagnostics[0]
            .message
            .contains("`seedance2.0-720p `")
    );
    assert!(checked.diagnostics[1].message.contains("` 8`"));
}

#[test]
fn a_job_without_duration_is_warned_about_and_sends_none() {
    let checked = check("jobs: [{id: a, model: seedance2.0-720p, prompt: a}]");
    assert_eq!(checked.found(), ["no-duration at a"]);
    assert_eq!(checked.only().severity, Severity::Warning);
    assert_eq!(checked.jobs[0].request().duration(), None);
}

#[test]
fn lists_hold_at_most_9_pictures_and_3_videos() {
    let list = |name: &str, count: usize| {
        let addresses: Vec<_> = (1..=count)
            .map(|number| format!("'https://h/{number}'"))
            .collect();
        job_with(&format!("{name}: [{}]", addresses.join(", ")))
    };
    for (name, count, finding) in [
        ("images", 10, "too-many-images at https://h/10"),
        ("videos", 4, "too-many-videos at https://h/4"),
    ] {
        assert_eq!(found(&list(name, count)), [finding]);
        assert_eq!(found(&list(name, count - 1)), Vec::<String>::new());
    }
    assert_eq!(found(&list("audios", 12)), Vec::<String>::new());
}

#[test]
fn stated_video_lengths_are_15_seconds_together_at_most() {
    let videos = |lengths: [&str; 3]| {
        let videos =
            lengths.map(|seconds| format!("{{url: 'https://h/{seconds}', seconds: {seconds}}}"));
        job_with(&format!("videos: [{}]", videos.join(", ")))
    };
    assert_eq!(found(&videos(["5.1", "4.9", "5"])), Vec::<String>::new());
    let checked = check(&videos(["5.1", "4.9", "5.5"]));
    assert_eq!(checked.only().code, "videos-total-length");
    assert!(
        checked.only().message.contains("15.5 seconds"),
        "{}",
        checked.only().message
    );
    let mixed = "videos: [{url: 'https://h/1', seconds: 14}, 'https://h/2']";
    assert_eq!(found(&job_with(mixed)), Vec::<String>::new());
}

#[test]
fn frames_and_references_do_not_mix() {
    let cases = [
        (
            "image: 'https://h/1', images: ['https://h/2']",
            "mixed-inputs at images",
        ),
        (
            "images: ['https://h/2'], image: 'https://h/1'",
            "mixed-inputs at image",
        ),
        (
            "videos: ['https://h/2'], image: 'https://h/1'",
            "mixed-inputs at image",
        ),
        (
            "image: 'https://h/1', last_image: 'https://h/3', videos: ['https://h/2'], audios: ['https://h/4']",
            "mixed-inputs at videos",
        ),
        (
            "image: 'https://h/1', audios: ['https://h/4']",
            "mixed-audios at audios",
        ),
        (
            "last_image: 'https://h/1'",
            "last-image-without-image at last_image",
        ),
    ];
    for (fields, finding) in cases {
        assert_eq!(found(&job_with(fields)), [finding], "{fields}");
    }
    for fields in [
        "images: ['https://h/1'], videos: ['https://h/2'], audios: ['https://h/3']",
        "audios: ['https://h/3']",
        "image: 'https://h/1', last_image: 'https://h/1'",
    ] {
        assert_eq!(found(&job_with(fields)), Vec::<String>::new(), "{fields}");
    }
}

#[test]
fn operations_need_their_media_and_are_always_warned_about() {
    let (frames, references) = (
        "image: 'https://h/1', last_image: 'https://h/2'",
        "audios: ['https://h/1']",
    );
    let videos = "videos: ['https://h/1']";
    let cases = [
        ("first_last_frame", frames, true),
        ("first_last_frame", "image: 'https://h/1'", false),
        ("first_last_frame", videos, false),
        ("reference_to_video", references, true),
        ("reference_to_video", videos, true),
        ("reference_to_video", frames, false),
        ("edit_video", videos, true),
        ("edit_video", references, false),
        ("extend_video", videos, true),
        ("extend_video", "x_a: 1", false),
    ];
    for (operation, media, fits) in cases {
        let mut codes = check(&job_with(&format!(
            "{media}, extra_body: {{operation: {operation}}}"
        )))
        .codes();
        codes.retain(|code| *code != "operation-used");
        let expected: &[&str] = if fits { &[] } else { &["operation-mismatch"] };
        assert_eq!(codes, expected, "{operation} with {media}");
    }
    let used = check(&job_with(&format!(
        "{videos}, extra_body: {{operation: edit_video}}"
    )));
    assert_eq!(used.found(), ["operation-used at edit_video"]);
    assert_eq!(used.jobs.len(), 1);
}

#[test]
fn a_refused_field_raises_no_second_error() {
    let cases = [
        ("last_image: 'https://h/1', image: hero.png", "local-path"),
        ("image: 'https://h/1', images: []", "empty-list"),
        (
            "extra_body: {operation: edit_video}, videos: []",
            "empty-list",
        ),
        (
            "extra_body: {operation: first_last_frame}, last_image: 'https://h/1', first_image: 'https://h/1'",
            "unknown-field",
        ),
        (
            "extra_body: {operation: edit_video}, video: 'https://h/1'",
            "unknown-field",
        ),
    ];
    for (fields, code) in cases {
        let mut codes = check(&job_with(fields)).codes();
        codes.retain(|code| *code != "operation-used");
        assert_eq!(codes, [code], "{fields}");
    }
}

#[test]
fn fields_that_do_not_go_together_are_reported_even_where_one_is_refused() {
    let cases = [
        (
            "image: hero.png, images: ['https://h/1']",
            ["local-path", "mixed-inputs"],
        ),
        ("last_image: foo", ["bad-url", "last-image-without-image"]),
        (
            "videos: [{url: foo, seconds: 8}, {url: 'https://h/1', seconds: 9}]",
            ["bad-url", "videos-total-length"],
        ),
    ];
    for (fields, codes) in cases {
        assert_eq!(check(&job_with(fields)).codes(), codes, "{fields}");
    }
}

#[test]
fn jobs_without_id_that_are_alike_are_reported_even_where_one_is_wrong() {
    let source = "defaults: {model: seedance2.0-720p}\njobs: [{prompt: a, duration: 99}, {prompt: a, duration: 5}]";
    assert_eq!(check(source).codes(), ["duration-range", "id-needed"]);
    let other = "defaults: {model: seedance2.0-720p}\njobs: [{prompt: a, duration: 99}, {id: b, prompt: a, duration: 5}]";
    assert_eq!(check(other).codes(), ["duration-range"]);
}

#[test]
fn a_list_of_a_million_wrong_addresses_is_reported_briefly() {
    let list = "x, ".repeat(1000);
    let checked = check(&job_with(&format!("audios: [{list}]")));
    assert_eq!(checked.codes(), vec!["bad-url"; 20]);
}

#[test]
fn a_prompt_too_long_for_the_state_is_refused_before_anything_is_sent() {
    let fits = "x".repeat(1 << 20);
    let prompt =
        |text: &str| format!("jobs: [{{model: seedance2.0-720p, duration: 8, prompt: '{text}'}}]");
    assert_eq!(check(&prompt(&fits)).codes(), [""; 0]);
    assert_eq!(check(&prompt(&(fits + "x"))).codes(), ["prompt-too-long"]);
}

#[test]
fn the_api_key_in_a_job_is_refused_by_name() {
    for fields in [
        "api_key: sk-1",
        "Authorization: x",
        "extra_body: {token: t}",
    ] {
        assert_eq!(
            check(&job_with(fields)).codes(),
            ["secret-in-manifest"],
            "{fields}"
        );
    }
}

#[test]
fn every_mistake_of_a_job_is_reported() {
    let source = "jobs: [{id: a b, model: sora, prompt: ' ', duration: 3, aspect_ratio: 4:3, images: [], owner: me}]";
    let codes = [
        "bad-id",
        "unknown-model",
        "blank-prompt",
        "duration-range",
        "unknown-aspect-ratio",
        "empty-list",
        "unknown-field",
    ];
    assert_eq!(check(source).codes(), codes);
}

#[test]
fn the_4k_model_is_warned_about_where_it_is_written() {
    let source = "defaults: {model: seedance2.0-4k, duration: 8}\njobs: [{prompt: a}, {prompt: b}, {prompt: c, model: seedance2.0-480p}]";
    let checked = check(source);
    assert_eq!(checked.found(), ["account-feature at seedance2.0-4k"]);
    assert_eq!(checked.jobs.len(), 3);
}

#[test]
fn a_job_lays_its_fields_over_the_defaults() {
    let checked = check(
        "defaults: {model: seedance2.0-720p, duration: 8, images: ['https://h/1', 'https://h/2'], x_owner: ann, extra_body: {seed: 1, watermark: false}}
jobs:
  - {id: a, prompt: a}
  - {id: b, prompt: b, duration: null, images: ['https://h/3'], extra_body: {seed: 2}, x_owner: bob, x_scene: 4}
  - {id: c, prompt: c, images: null, extra_body: {seed: null, camera_fixed: true}, x_owner: null}
  - {id: d, prompt: d, extra_body: null}",
    );
    assert_eq!(checked.found(), ["no-duration at b"]);
    let request = |index: usize| checked.jobs[index].request();
    assert_eq!(
        (request(0).duration(), request(0).media().images.len()),
        (Some(8), 2)
    );
    assert_eq!(
        (request(1).duration(), request(1).media().images.len()),
        (None, 1)
    );
    assert_eq!(request(1).extra().seed, Some(2));
    assert_eq!(request(1).extra().watermark, Some(Flag::Boolean(false)));
    assert_eq!(request(2).media(), &Media::default());
    let expected = ExtraBody {
        watermark: Some(Flag::Boolean(false)),
        camera_fixed: Some(Flag::Boolean(true)),
        ..ExtraBody::default()
    };
    assert_eq!(request(2).extra(), &expected);
    assert_eq!(request(3).extra(), &ExtraBody::default());
    assert_eq!(checked.columns, ["x_owner", "x_scene"]);
    let own = |index: usize| [0, 1].map(|column| checked.jobs[index].user_values().get(column));
    assert_eq!(
        [own(0), own(1), own(2)],
        [["ann", ""], ["bob", "4"], ["", ""]]
    );
}

#[test]
fn a_mistake_in_the_defaults_is_reported_once_and_there() {
    let jobs = "jobs: [{id: a, prompt: a}, {id: b, prompt: b}, {id: c, prompt: c, model: seedance2.0-480p, duration: 5}]";
    let cases = [
        ("model: sora, duration: 8", "unknown-model at sora"),
        (
            "model: seedance2.0-720p, duration: 99",
            "duration-range at 99",
        ),
        (
            "model: seedance2.0-720p, duration: 8, id: hero",
            "id-in-defaults at id",
        ),
        (
            "modle: seedance2.0-720p, duration: 8",
            "unknown-field at modle",
        ),
        (
            "model: seedance2.0-720p, duration: 8, image: 'https://h/1', images: ['https://h/2']",
            "mixed-inputs at images",
        ),
    ];
    for (defaults, finding) in cases {
        let source = format!("defaults: {{{defaults}}}\n{jobs}");
        assert_eq!(found(&source), [finding], "{defaults}");
    }
    assert_eq!(
        found(&format!("defaults: [model]\n{jobs}"))[0]
            .split(' ')
            .next(),
        Some("wrong-type")
    );
    let prompt = "defaults: {model: seedance2.0-720p, duration: 8, prompt: a cat}\njobs: [{id: a}, {id: b, extra_body: {seed: 2}}]";
    assert_eq!(found(prompt), Vec::<String>::new());
}

#[test]
fn a_job_that_a_default_makes_wrong_is_pointed_at_with_the_default_beside_it() {
    let model = "model: seedance2.0-720p, duration: 8";
    let cases = [
        (
            format!(
                "defaults: {{{model}, last_image: 'https://h/1'}}\njobs: [{{id: a, prompt: a}}]"
            ),
            "last-image-without-image at a",
            "last_image",
        ),
        (
            format!(
                "defaults: {{{model}, image: 'https://h/1'}}\njobs: [{{id: a, prompt: a, images: ['https://h/2']}}]"
            ),
            "mixed-inputs at images",
            "image",
        ),
        (
            format!(
                "defaults: {{{model}, extra_body: {{operation: edit_video}}}}\njobs: [{{id: a, prompt: a}}]"
            ),
            "operation-mismatch at a",
            "operation",
        ),
    ];
    for (source, finding, default) in cases {
        let mut checked = check(&source);
        checked
            .diagnostics
            .retain(|found| found.code != "operation-used");
        assert_eq!(checked.found(), [finding], "{source}");
        let (place, words) = &checked.only().related[0];
        assert_eq!(&source[place.bytes.clone()], default);
        assert!(words.contains("comes from the defaults"));
    }
}

#[test]
fn an_id_is_used_once_ignoring_case_even_by_a_wrong_job() {
    let checked = check(
        "defaults: {model: seedance2.0-720p, duration: 8}
jobs: [{id: hero, prompt: ''}, {id: other, prompt: a}, {id: HERO, prompt: a}]",
    );
    assert_eq!(
        checked.found(),
        ["blank-prompt at ", "duplicate-id at HERO"]
    );
    let related = &checked.diagnostics[1].related[0].0;
    assert_eq!(&checked.source[related.bytes.clone()], "hero");
}

#[test]
fn an_accent_is_the_same_however_it_is_written() {
    let checked = check(
        "defaults: {model: seedance2.0-720p, duration: 8}
jobs: [{id: 'e\u{301}clair', prompt: a}, {id: '\u{c9}CLAIR', prompt: b}, {id: eclair, prompt: c}]",
    );
    assert_eq!(checked.found(), ["duplicate-id at \u{c9}CLAIR"]);
    let message = &checked.diagnostics[0].message;
    assert!(message.contains("the ways to write an accent"), "{message}");
    assert_eq!(
        checked.jobs[0].id().as_str(),
        "e\u{301}clair",
        "as it was written"
    );
}

#[test]
fn jobs_without_id_are_named_by_prompt_and_media() {
    let jobs = |second: &str| {
        format!(
            "defaults: {{model: seedance2.0-720p, duration: 8}}\njobs: [{{prompt: a}}, {second}]"
        )
    };
    let checked = check(&jobs("{prompt: b}"));
    assert_eq!(checked.found(), Vec::<String>::new());
    let made = checked.jobs[0].id().as_str().to_owned();
    assert!(made.starts_with("j-") && made.len() == 14, "{made}");

    let same = check(&jobs("{prompt: a, duration: 9, aspect_ratio: 1:1}"));
    assert_eq!(same.codes(), ["id-needed"]);
    assert_eq!(
        check(&jobs("{prompt: a, image: 'https://h/1'}")).codes(),
        Vec::<&str>::new()
    );

    let collision = check(&jobs(&format!("{{id: {made}, prompt: b}}")));
    assert_eq!(collision.found(), [format!("id-collision at {made}")]);
    let reverse = check(&format!(
        "defaults: {{model: seedance2.0-720p, duration: 8}}\njobs: [{{id: {made}, prompt: b}}, {{prompt: a}}]"
    ));
    assert_eq!(reverse.codes(), ["id-collision"]);
}

#[test]
fn the_same_content_under_two_ids_is_warned_about_once_for_each_copy() {
    let checked = check("defaults: {model: seedance2.0-720p, duration: 8}
jobs: [{id: a, prompt: p}, {id: b, prompt: p}, {id: c, prompt: p, duration: '8'}, {id: d, prompt: p, extra_body: {seed: 1}}, {prompt: p}]");
    assert_eq!(checked.codes(), ["identical-content"; 3]);
    assert_eq!(checked.jobs.len(), 5);
    let first = &checked.diagnostics[0];
    assert_eq!(&checked.source[first.related[0].0.bytes.clone()], "a");
}

#[test]
fn a_copied_job_with_its_id_is_one_error() {
    assert_eq!(check("defaults: {model: seedance2.0-720p, duration: 8}\njobs: [{id: a, prompt: p}, {id: a, prompt: p}]").codes(), ["duplicate-id"]);
}

#[test]
fn what_is_no_job_is_told_so() {
    assert_eq!(
        check("jobs: [a cat, null, 7, [a]]").codes(),
        ["not-a-job"; 4]
    );
    assert_eq!(check("jobs: []").codes(), ["no-jobs"]);
    assert_eq!(
        check("jobs: [{}]").codes(),
        ["missing-model", "missing-prompt", "no-duration"]
    );
}

#[test]
fn one_warning_for_many_jobs_is_shown_a_few_times_and_then_counted() {
    let jobs: Vec<_> = (0..WARNINGS_SHOWN + 5)
        .map(|number| format!("{{id: job{number}, model: seedance2.0-720p, prompt: p{number}}}"))
        .collect();
    let checked = check(&format!("jobs: [{}]", jobs.join(", ")));
    assert_eq!(checked.diagnostics.len(), WARNINGS_SHOWN as usize + 1);
    let last = checked.diagnostics.last().expect("one");
    assert_eq!(&checked.source[last.span.bytes.clone()], "job10");
    assert!(last.message.contains("4 more jobs"), "{}", last.message);
}

#[test]
fn values_of_own_fields_are_kept_as_text() {
    let checked = check(&job_with(
        "x_a: true, x_b: 1.50, x_c: 7, x_d: ' =SUM(A1) ', x_e: null",
    ));
    assert_eq!(checked.found(), Vec::<String>::new());
    let own = [0, 1, 2, 3, 4].map(|column| checked.jobs[0].user_values().get(column));
    assert_eq!(own, ["true", "1.5", "7", " =SUM(A1) ", ""]);
    assert_eq!(checked.columns, ["x_a", "x_b", "x_c", "x_d", "x_e"]);
}

#[test]
fn values_in_messages_cannot_steer_a_terminal() {
    let checked =
        check("jobs: [{id: a, model: \"sora\\e[31m\", prompt: p, duration: 8, \"own\\e]0;x\": 1}]");
    for found in &checked.diagnostics {
        let text = format!("{}{}", found.message, found.help);
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    assert_eq!(checked.diagnostics.len(), 2);
}

#[test]
fn odd_jobs_that_break_no_rule_are_taken_without_a_word() {
    let odd = [
        "id: '7'",
        "id: 片头-01",
        "id: Ünïcode.v2_final",
        "id: 9lives",
        "id: null",
        "aspect_ratio: null",
        "duration: '15'",
        "duration: 5",
        "prompt: 'yes'",
        "prompt: '~ kite'",
        "prompt: \"' kite\"",
        "prompt: ' leading and trailing '",
        "prompt: 一只猫在雨中 🐈",
        "prompt: \"line one\\nline two\\r\\n\\ttabbed\"",
        "prompt: '=SUM(A1)'",
        "prompt: 'family 👨‍👩‍👧 at the sea'",
        "image: 'HTTPS://EXAMPLE.COM/A.PNG'",
        "image: 'http://example.com'",
        "image: 'https://example.com/a.png?sig=a%2Bb&e=1|2'",
        "image: 'https://example.com:8443/a.png#t'",
        "image: 'https://user@example.com/a.png'",
        "image: 'https://例え.jp/画像.png'",
        "image: 'https://127.0.0.1/a.png'",
        "image: 'https://h/a', last_image: 'https://h/a'",
        "image: 'data:image/jpeg;base64,/9j/4AAQ'",
        "last_image: 'data:image/webp;base64,UklGRgAAAABXRUJQ', image: 'https://h/a'",
        "images: ['data:image/png;base64,iVBORw0KGgo=', 'https://h/2']",
        "images: ['https://h/1', 'https://h/1']",
        "images: ['https://h/1'], videos: ['https://h/1'], audios: ['https://h/1']",
        "image: null, images: ['https://h/1']",
        "videos: [{url: 'https://h/1', seconds: 2.0}]",
        "videos: [{seconds: 15, url: 'https://h/1'}]",
        "videos: [{url: 'https://h/1'}, 'https://h/2', {url: 'https://h/3', seconds: 14.999}]",
        "audios: ['https://h/1']",
        "extra_body: null",
        "extra_body: {}",
        "extra_body: {seed: -9223372036854775808}",
        "extra_body: {seed: 0, watermark: null}",
        "extra_body: {watermark: 'false', camera_fixed: true, return_last_frame: 'true'}",
        "x_: a",
        "x_prompt: a, x_Title: b, x_title: c",
        "x_id: null, x_empty: ''",
        "x_ids: '[1, 2]'",
    ];
    for fields in odd {
        let name = fields.split(':').next().expect("a name");
        let source = job_with(fields);
        let source = ["duration: 8, ", "prompt: a cat, "]
            .iter()
            .filter(|base| base.starts_with(&format!("{name}:")))
            .fold(source, |source, base| source.replacen(base, "", 1));
        let checked = check(&source);
        assert_eq!(checked.found(), Vec::<String>::new(), "{fields}");
        assert_eq!(checked.jobs.len(), 1, "{fields}");
    }
}

#[test]
fn equal_long_texts_of_several_jobs_are_held_once() {
    let long = "p".repeat(300);
    let picture = format!("https://h/{long}");
    let checked = check(&format!(
        "defaults: {{model: seedance2.0-720p, duration: 5, image: '{picture}', x_note: {long}}}
jobs: [{{id: a, prompt: {long}}}, {{id: b, prompt: {long}}}, {{id: c, prompt: c, image: '{picture}'}}]"
    ));
    let [first, second, third] = [0, 1, 2].map(|number| &checked.jobs[number]);
    let start = |text: &str| text.as_ptr();
    assert_eq!(
        start(first.request().prompt()),
        start(second.request().prompt())
    );
    let picture = |job: &Job| job.request().media().image.as_deref().map(start);
    assert_eq!(picture(first), picture(third));
    let note = |job: &Job| start(job.user_values().get(0));
    assert_eq!(note(first), note(third));
}

#[test]
fn own_fields_take_memory_only_in_the_jobs_that_have_them() {
    let jobs: Vec<String> = (0..200)
        .map(|number| format!("{{id: j{number}, prompt: p{number}, x_{number}: v}}"))
        .collect();
    let checked = check(&format!(
        "defaults: {{model: seedance2.0-720p, duration: 5}}
jobs: [{}]",
        jobs.join(", ")
    ));
    assert_eq!(checked.columns.len(), 200);
    for (number, job) in checked.jobs.iter().enumerate() {
        assert!(job.user_values().iter().eq([(number, "v")]));
    }
}

#[test]
fn an_id_that_is_refused_is_told_one_that_is_free() {
    let jobs = [
        "hero 1",
        "hero 1",
        "hero-1",
        "HERO-1",
        "ＡＤ　－ ２０",
        "b: c",
        "می\u{200c}بینم \u{301}",
        "සිං\u{200d}හල",
        "ते-\u{301}x",
    ];
    let jobs: Vec<String> = (jobs.iter().zip(0..))
        .map(|(id, number)| format!("{{id: '{id}', prompt: p{number}}}"))
        .collect();
    let source = format!(
        "defaults: {{model: seedance2.0-720p, duration: 8}}\njobs: [{}]",
        jobs.join(", ")
    );
    let mut told = check(&source).diagnostics;
    told.sort_by_key(|found| found.span.bytes.start);
    let told: Vec<&str> = told
        .iter()
        .filter_map(|found| found.help.rsplit('`').nth(1))
        .collect();
    assert_eq!(
        told,
        [
            "hero-1-2",
            "hero-1-3",
            "HERO-1-4",
            "AD-20",
            "b-c",
            "می-بینم",
            "සිංහල",
            "ते-x"
        ]
    );
}
