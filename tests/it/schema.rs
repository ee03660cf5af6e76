//! The JSON Schema against the validator: whatever the one refuses and the other takes is named here.
//!
//! Start at [`Corpus::hold`]. Another validator, and another reader of YAML, judge what the schema says. Each code of a
//! diagnostic is in one of three lists: [`SAID`], [`UNSAID`] and [`PARTLY`]. Nothing may be in the wrong one: what is said is
//! refused by the schema each time, what is unsaid never, and what is partly said has a witness for both.

mod corpus;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;
use shotlist::manifest::diagnostic::Severity;
use shotlist::manifest::{
    API_SETTINGS, EXTRA_FIELDS, JOB_FIELDS, LIMIT_SETTINGS, LINTS, OUTPUT_SETTINGS, StarterFormat,
    json_schema, load, starter,
};

use self::corpus::{MAPS, NAMES, VALUES, further, places};
use crate::diagnostics::codes_and_tests;
use crate::support::Scenario;

/// Mistakes that the schema refuses whenever they are made.
const SAID: &[&str] = &[
    "bad-currency",
    "bad-value",
    "bad-variable",
    "content-array",
    "duration-range",
    "empty-list",
    "empty-manifest",
    "id-in-defaults",
    "max-spend-without-prices",
    "missing-currency",
    "missing-model",
    "missing-prices",
    "missing-prompt",
    "missing-url",
    "no-jobs",
    "not-a-boolean",
    "video-length",
    "not-a-job",
    "not-a-list",
    "not-a-map",
    "not-a-price-list",
    "not-a-table",
    "not-filled-in",
    "secret-in-manifest",
    "unknown-aspect-ratio",
    "unknown-field",
    "unknown-key",
    "unknown-lint",
    "unknown-model",
    "unknown-operation",
    "unknown-setting",
];

/// Mistakes that it refuses in some forms, and why not in all.
const PARTLY: &[(&str, &str)] = &[
    ("bad-data-url", "whether base64 comes in groups of four"),
    (
        "bad-id",
        "how many bytes it has, and what it becomes with its axes; braces are a template only where something can be filled in",
    ),
    ("bad-name", "which characters beyond ASCII are letters"),
    (
        "bad-price",
        "how a number is written: 0.12 and 12e-2 are one in JSON, and decimals of it cannot be counted for certain",
    ),
    (
        "bad-setting",
        "what a URL is, how long a year is, which encodings there are",
    ),
    (
        "bad-url",
        "what a URL is; braces are a template only where something can be filled in",
    ),
    ("bad-variants", "3.0 is 3 in JSON"),
    (
        "blank-prompt",
        "which characters cannot be seen, and what a template comes to",
    ),
    (
        "duplicate-value",
        "1 and 1.0 are two values here and one in JSON, so that only texts are compared",
    ),
    ("duration-format", "8.0 is 8 in JSON"),
    ("empty-matrix", "what `exclude` leaves"),
    ("empty-value", "what a template comes to"),
    ("include-incomplete", "which axes there are"),
    ("last-image-without-image", "a default last frame"),
    (
        "local-path",
        "braces are a template only where something can be filled in",
    ),
    ("manifest-version", "1.0 is 1 in JSON"),
    ("mixed-inputs", "what the defaults add"),
    ("nul-character", "what a template comes to"),
    ("prompt-too-long", "how many bytes it has"),
    ("seed-format", "1e3 is a whole number in JSON"),
    ("seed-range", "the seeds of variants, which count up"),
    ("too-many-images", "which of its templates come to nothing"),
    ("too-many-videos", "which of its templates come to nothing"),
    ("too-many-jobs", "how many combinations there are"),
    (
        "too-many-rules",
        "how many combinations they are compared with",
    ),
    ("wrong-type", "4.0 is 4 in JSON"),
];

/// Mistakes that it cannot refuse, by the reason.
const UNSAID: &[(&str, &[&str])] = &[
    (
        "it is YAML's own, before there are values",
        &[
            "alias-cycle",
            "alias-limit",
            "duplicate-key",
            "encoding",
            "merge-key",
            "several-documents",
            "too-deep",
            "unknown-anchor",
            "yaml-key",
            "yaml-syntax",
            "yaml-tag",
        ],
    ),
    (
        "it is in another file, or about it",
        &[
            "cell-is-a-date",
            "cell-is-an-error",
            "duplicate-column",
            "encoding-mismatch",
            "formula-as-text",
            "formula-without-value",
            "marks-duplicate",
            "marks-field",
            "marks-manifest",
            "marks-schema",
            "marks-syntax",
            "marks-type",
            "marks-value",
            "merged-cells",
            "mixed-columns",
            "no-header",
            "not-a-manifest",
            "not-a-workbook",
            "number-too-long",
            "outside-folder",
            "price-list-too-large",
            "read-as",
            "extra-cell",
            "space-before-quote",
            "text-after-quote",
            "too-many-columns",
            "unclosed-quote",
            "repeated-header",
            "sheet-needed",
            "note-row",
            "summary-row",
            "table-twice",
            "too-many-tables",
            "unknown-column",
            "unknown-format",
            "unknown-sheet",
            "unmended-cell",
            "unreadable",
            "unreadable-character",
            "workbook-too-large",
        ],
    ),
    (
        "it shows when templates are read and filled in",
        &[
            "empty-cell",
            "file-name-empty",
            "idle-axis",
            "template-failed",
            "template-limit",
            "template-syntax",
            "unknown-variable",
        ],
    ),
    (
        "it compares jobs, or names with each other",
        &[
            "duplicate-id",
            "file-name-column",
            "file-names-alike",
            "id-collision",
            "id-needed",
            "id-not-unique",
            "unknown-axis",
            "unknown-value",
        ],
    ),
    (
        "it is about all that a job has together with its defaults, its axes and its row",
        &["max-spend-unpriced", "operation-mismatch"],
    ),
    (
        "it adds up, or looks into bytes",
        &[
            "data-url-mismatch",
            "data-url-too-large",
            "too-much-text",
            "videos-total-length",
        ],
    ),
];

/// Those of them that keep the validator from looking at the rest, which the schema may refuse.
const STOPS: &[&str] = &[
    "empty-cell",
    "template-failed",
    "template-limit",
    "template-syntax",
    "unknown-axis",
    "unknown-value",
    "unknown-variable",
];

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(&json_schema()).expect("the schema is JSON");
    jsonschema::draft202012::new(&schema).expect("it is a schema")
});

/// A table that every manifest here can name.
const ROWS: &str = "id,prompt,model,duration\nlamp,A red lamp.,seedance2.0-720p,8\n";

/// What validator and schema said of many manifests.
#[derive(Default)]
struct Corpus {
    held: usize,
    /// Each code that was alone in a manifest, with what the schema made of it.
    witnesses: BTreeMap<&'static str, [Option<String>; 2]>,
    wrong: Vec<String>,
}

impl Corpus {
    /// Holds the schema against the validator, over one manifest that may name files of `folder`.
    fn hold(&mut self, manifest: &str, folder: Option<&str>) {
        let Some(instance) = instance(manifest) else {
            return;
        };
        self.held += 1;
        let is_taken = SCHEMA.is_valid(&instance);
        let codes = codes(manifest, folder);
        let is_in = |list: &[&str]| codes.iter().any(|code| list.contains(code));
        let unsaid: Vec<&str> = UNSAID
            .iter()
            .flat_map(|(_, codes)| *codes)
            .copied()
            .collect();
        let is_listed = |code: &&str| {
            let is_partly = PARTLY.iter().any(|(partly, _)| partly == code);
            is_partly || SAID.contains(code) || unsaid.contains(code)
        };
        let is_wrong = if is_taken {
            is_in(SAID) || !codes.iter().all(is_listed)
        } else {
            !is_in(STOPS) && codes.iter().all(|code| unsaid.contains(code))
        };
        if is_wrong {
            let words = if is_taken { "takes" } else { "refuses" };
            let why: Vec<String> = SCHEMA
                .iter_errors(&instance)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            self.wrong.push(format!(
                "{codes:?}, and the schema {words} {manifest}{}",
                why.join("; ")
            ));
        }
        let mut told = codes.iter().filter(|code| !unsaid.contains(code));
        if let (Some(code), None) = (told.next(), told.next()) {
            let seen = &mut self.witnesses.entry(code).or_default()[usize::from(is_taken)];
            seen.get_or_insert_with(|| manifest.to_owned());
        }
    }

    fn agrees(&self) {
        let shown: Vec<&String> = self.wrong.iter().take(30).collect();
        assert!(
            self.wrong.is_empty(),
            "{} of {}:\n{shown:#?}",
            self.wrong.len(),
            self.held
        );
    }
}

/// The manifest as an editor sees it; none if it is not YAML, or has tags, which JSON has not.
fn instance(manifest: &str) -> Option<Value> {
    let mut yaml: serde_yaml::Value = serde_yaml::from_str(manifest).ok()?;
    yaml.apply_merge().ok()?;
    has_no_tag(&yaml).then(|| serde_json::to_value(yaml).ok())?
}

fn has_no_tag(value: &serde_yaml::Value) -> bool {
    match value {
        serde_yaml::Value::Tagged(_) => false,
        serde_yaml::Value::Sequence(list) => list.iter().all(has_no_tag),
        serde_yaml::Value::Mapping(map) => map.values().all(has_no_tag),
        _ => true,
    }
}

/// The codes of all errors that are in the manifest itself.
fn codes(manifest: &str, folder: Option<&str>) -> BTreeSet<&'static str> {
    let loaded = load(Path::new("m.yaml"), &|path| match (path.to_str(), folder) {
        (Some("m.yaml"), _) => Ok(manifest.into()),
        (Some("rows.csv"), None) => Ok(ROWS.into()),
        (_, Some(folder)) => std::fs::read(Path::new(folder).join(path)),
        _ => Err(io::ErrorKind::NotFound.into()),
    });
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error && found.span.source.0 == 0);
    errors.map(|found| found.code).collect()
}

#[test]
fn the_schema_is_a_schema_and_reads_well() {
    let schema: Value = serde_json::from_str(&json_schema()).expect("JSON");
    jsonschema::meta::validate(&schema).expect("it keeps to draft 2020-12");
    insta::assert_snapshot!(json_schema());
}

#[test]
fn every_name_is_explained() {
    let schema: Value = serde_json::from_str(&json_schema()).expect("JSON");
    let names = |path: &str| -> Vec<String> {
        let found = schema.pointer(path).and_then(Value::as_object).expect(path);
        for (name, value) in found {
            assert!(
                value["description"].is_string(),
                "{path}/{name} has no words"
            );
        }
        found.keys().cloned().collect()
    };
    let job = [JOB_FIELDS, &["matrix", "variants"]].concat();
    assert_eq!(names("/$defs/job/properties"), job);
    assert_eq!(
        names("/$defs/job/properties/extra_body/properties"),
        EXTRA_FIELDS
    );
    assert_eq!(names("/properties/defaults/properties"), JOB_FIELDS[1..]);
    assert_eq!(names("/properties/api/properties"), API_SETTINGS);
    assert_eq!(names("/properties/limits/properties"), LIMIT_SETTINGS);
    assert_eq!(names("/properties/output/properties"), OUTPUT_SETTINGS);
    assert_eq!(
        names("/$defs/table/properties"),
        ["from", "template", "encoding", "delimiter", "sheet"]
    );
    names("/properties");
}

#[test]
fn every_code_is_said_or_it_is_known_why_not() {
    let unsaid = UNSAID.iter().flat_map(|(_, codes)| *codes);
    let partly = PARTLY.iter().map(|(code, _)| code);
    let listed: Vec<&str> = SAID.iter().chain(partly).chain(unsaid).copied().collect();
    let (codes, _) = codes_and_tests();
    let lints: Vec<&str> = LINTS.iter().map(|(code, _)| *code).collect();
    for code in codes
        .iter()
        .map(String::as_str)
        .filter(|code| !lints.contains(code))
    {
        let times = listed.iter().filter(|other| **other == code).count();
        assert_eq!(
            times, 1,
            "`{code}` belongs into one of the lists of this file"
        );
    }
    for code in listed {
        let is_there = codes.iter().any(|other| other == code) || !code.contains('-');
        assert!(is_there, "there is no `{code}`");
    }
}

#[test]
fn schema_and_validator_agree_on_every_manifest_there_is() {
    let mut corpus = Corpus::default();
    corpus.hold(starter(StarterFormat::Yaml), None);
    for folder in ["examples", "invalid"] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("manifests")
            .join(folder);
        for file in directory.read_dir().expect("the directory is there") {
            let path = file.expect("readable").path();
            if path.extension().is_some_and(|it| it == "yaml") {
                let manifest = std::fs::read_to_string(&path).unwrap_or_default();
                corpus.hold(&manifest, directory.to_str());
            }
        }
    }
    assert!(corpus.held > 100, "{}", corpus.held);
    corpus.agrees();
}

#[test]
fn schema_and_validator_agree_on_every_value_in_every_place() {
    let mut corpus = Corpus::default();
    let takes_maps = [
        "matrix: %",
        "template: %",
        "jobs: %",
        "jobs: [%]",
        "vars: %",
        "extra_body: %",
        "limits: %",
    ];
    for place in places() {
        let is_of_map = takes_maps.iter().any(|it| place.contains(it));
        let maps = if is_of_map { MAPS } else { &[] };
        for value in VALUES.iter().chain(maps) {
            corpus.hold(&place.replace('%', value), None);
        }
    }
    for manifest in further() {
        corpus.hold(&manifest, None);
    }
    corpus.agrees();
    let unseen = |(code, _): &&(&str, &str)| {
        let seen = corpus.witnesses.get(code);
        seen.is_none_or(|seen| seen.iter().any(Option::is_none))
    };
    let unseen: Vec<_> = PARTLY
        .iter()
        .filter(unseen)
        .map(|(code, _)| (code, corpus.witnesses.get(code)))
        .collect();
    assert_eq!(
        unseen,
        [],
        "each needs a manifest that the schema refuses, and one that it takes"
    );
}

#[test]
fn every_letter_that_an_id_may_have_is_taken() {
    let letters: Vec<char> = ('\0'..=char::MAX)
        .filter(|it| it.is_alphanumeric())
        .collect();
    assert!(letters.len() > 100_000);
    let manifest = |id: String| serde_json::json!({ "jobs": [{ "id": id, "model": "seedance2.0-480p", "prompt": "x" }] });
    for some in letters.chunks(60) {
        let id: String = some.iter().collect();
        assert!(SCHEMA.is_valid(&manifest(id.clone())), "{id}");
    }
    for first in letters {
        let id = manifest(first.to_string());
        assert!(SCHEMA.is_valid(&id), "{first}");
    }
    for with_marks in ["ชื่องาน", "नमस्ते", "e\u{301}clair"] {
        assert!(
            SCHEMA.is_valid(&manifest(with_marks.to_owned())),
            "{with_marks}"
        );
    }
    for sign in ["-a", "_a", ".", "a b", "a/b", "你，好", "a—b"] {
        assert!(!SCHEMA.is_valid(&manifest(sign.to_owned())), "{sign}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn schema_and_validator_agree_on_manifests_that_went_wrong(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(any::<Change>(), 1..4),
    ) {
        let mut manifest = which.get(&valid_manifests()).clone();
        for change in &changes {
            change.make(&mut manifest);
        }
        let mut corpus = Corpus::default();
        corpus.hold(&manifest.to_string(), None);
        prop_assert_eq!(corpus.wrong, Vec::<String>::new());
    }
}

/// Something that happens to a manifest: a part is replaced by, or a map or list gains, another one's part or a value.
#[derive(Debug)]
struct Change {
    at: prop::sample::Index,
    what: prop::sample::Index,
    name: prop::sample::Index,
    kind: u8,
}

impl Arbitrary for Change {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        (any::<[prop::sample::Index; 3]>(), 0..4_u8)
            .prop_map(|([at, what, name], kind)| Self {
                at,
                what,
                name,
                kind,
            })
            .boxed()
    }
}

impl Change {
    fn make(&self, manifest: &mut Value) {
        let pointers = pointers(manifest);
        let Some(place) = manifest.pointer_mut(self.at.get::<String>(&pointers)) else {
            return;
        };
        let values: Vec<Value> = VALUES
            .iter()
            .chain(MAPS)
            .filter_map(|value| instance(value))
            .collect();
        let value = self.what.get(&values);
        match (self.kind, place) {
            (0, Value::Object(map)) if !map.is_empty() => {
                let names: Vec<String> = map.keys().cloned().collect();
                map.shift_remove(self.name.get(&names));
            }
            (1, Value::Object(map)) => {
                map.insert((*self.name.get(NAMES)).to_owned(), value.clone());
            }
            (2, Value::Array(list)) => list.push(value.clone()),
            (3, Value::Array(list)) => {
                list.pop();
            }
            (_, place) => *place = value.clone(),
        }
    }
}

/// The JSON pointer of every part.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(list) => (0..)
            .zip(list)
            .map(|(at, child): (usize, _)| (at.to_string(), child))
            .collect(),
        Value::Object(map) => map
            .iter()
            .map(|(name, child)| (name.clone(), child))
            .collect(),
        _ => Vec::new(),
    };
    let below = children.into_iter().flat_map(|(name, child)| {
        let name = name.replace('~', "~0").replace('/', "~1");
        pointers(child)
            .into_iter()
            .map(move |rest| format!("/{name}{rest}"))
    });
    std::iter::once(String::new()).chain(below).collect()
}

fn valid_manifests() -> Vec<Value> {
    let campaign = include_str!("../../manifests/examples/campaign.yaml");
    let of_everything = "
vars: { brand: Aurora, looks: [soft, hard] }
limits: { concurrency: 4, submit_rate: 30/min, deadline: '06:00' }
allow: [no-duration]
defaults: { model: seedance2.0-720p, duration: 8, extra_body: { watermark: false, seed: 7 } }
jobs:
  - { id: hero, prompt: 'A {{ color }} {{ brand }} bottle.', matrix: { color: [red, blue], aspect_ratio: ['9:16', '16:9'], exclude: [{ color: red, aspect_ratio: '9:16' }], include: [{ color: green, aspect_ratio: '1:1' }] }, variants: 2 }
  - { from: rows.csv, template: { id: '{{ row[\"id\"] }}-film', x_owner: Kim } }
  - { id: frames, prompt: From here to there., image: 'https://a.example/1.png', last_image: 'https://a.example/2.png', duration: null }
  - { id: moving, prompt: Like these., images: ['https://a.example/1.png'], videos: [{ url: 'https://a.example/1.mp4', seconds: 6 }], audios: ['https://a.example/1.mp3'] }
";
    let all = [starter(StarterFormat::Yaml), campaign, of_everything].map(instance);
    all.into_iter().map(|it| it.expect("YAML")).collect()
}

#[test]
fn the_command_prints_the_schema_and_init_names_the_file_for_it() {
    let scenario = Scenario::jobs(1);
    let printed = scenario.shotlist(&["schema"]).exits(0);
    assert_eq!(printed.stdout, json_schema() + "\n");
    assert_eq!(
        scenario.shotlist(&["schema", "manifest"]).exits(0).stdout,
        printed.stdout
    );
    scenario
        .shotlist(&["schema", "marks"])
        .exits(2)
        .says("manifest");
    scenario.shotlist(&["init", "new.yaml"]).exits(0);
    let written = std::fs::read_to_string(scenario.path("new.yaml")).expect("written");
    assert!(written.contains("\n# yaml-language-server: $schema=shotlist.schema.json\n"));
    assert!(written.contains("`shotlist schema > shotlist.schema.json`"));
}
