//! Manifests that nobody would write: files with bytes flipped, cut, doubled and mixed, jobs put together at random,
//! and files that are as large or deep as a file can be. Whatever comes, it is read to the end; every mistake has a
//! place inside its file; and a plan there is only without mistakes, with jobs that keep every rule.
//!
//! The cases are the same each time: `cargo test --lib manifest::tests -- --nocapture` prints how many there are.

use crate::claims::announce;
use std::collections::HashSet;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Loaded;
use super::diagnostic::Severity;
use super::load::glances::load_alike;
use crate::plan::{Job, Operation, Plan};

/// Pseudo-random numbers, the same ones for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("below a usize")
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}

/// Every manifest of the repository that is at most 20 kB long, with its name.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for directory in ["examples", "invalid"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("manifests")
            .join(directory);
        let paths = std::fs::read_dir(path)
            .expect("a directory")
            .map(|file| file.expect("readable").path());
        for path in paths.filter(|path| path.is_file()) {
            let name = path.file_name().expect("a name").to_string_lossy();
            let bytes = std::fs::read(&path).expect("readable");
            if bytes.len() <= 20_000 && !name.ends_with(".xlsx") {
                files.push((name.into_owned(), bytes));
            }
        }
    }
    files.sort();
    assert!(files.len() > 100, "the manifests are where they were");
    files
}

/// Loads `bytes` under `name`; the table that it may name is `table`.
fn load(name: &str, bytes: &[u8], table: &[u8]) -> Loaded {
    // One in ten is loaded in windows too, which must mean the same.
    let load = if (bytes.len() + table.len()).is_multiple_of(10) {
        load_alike
    } else {
        super::load
    };
    load(Path::new(name), &|path| {
        if path == Path::new(name) {
            Ok(bytes.to_vec())
        } else if path.ends_with("sheet.csv") {
            Ok(table.to_vec())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    })
}

/// What must be true of every manifest, whatever it holds.
fn check(loaded: &Loaded, what: &str) {
    let errors = loaded.diagnostics.count(Severity::Error);
    assert_eq!(
        loaded.plan.is_some(),
        errors == 0,
        "{what}: {errors} errors"
    );
    for found in &loaded.diagnostics {
        let places = found.related.iter().map(|(span, _)| span);
        for span in places.chain([&found.span]) {
            let text = loaded.sources.text(span.source);
            let is_inside = span.bytes.start <= span.bytes.end && span.bytes.end <= text.len();
            assert!(
                is_inside,
                "{what}: {found:?} lies outside of {} bytes",
                text.len()
            );
            let is_whole =
                text.is_char_boundary(span.bytes.start) && text.is_char_boundary(span.bytes.end);
            assert!(
                is_whole,
                "{what}: {found:?} begins or ends within a character"
            );
            let place = loaded.sources.place(span);
            assert_eq!(place.line > 0, !text.is_empty(), "{what}: {found:?}");
        }
        assert!(
            !found.message.is_empty() && !found.help.is_empty(),
            "{what}: {found:?}"
        );
    }
    loaded.render_compact();
    if let Some(plan) = &loaded.plan {
        check_plan(plan, what);
    }
}

/// The rules of the contract, on what was accepted.
fn check_plan(plan: &Plan, what: &str) {
    assert!(!plan.jobs().is_empty(), "{what}: a plan has jobs");
    let mut ids = HashSet::new();
    for job in plan.jobs() {
        let id = job.id().as_str();
        assert!(ids.insert(id.to_lowercase()), "{what}: `{id}` twice");
        if let Some(broken) = broken_rule(job) {
            panic!("{what}: job `{id}`: {broken}");
        }
        assert!(
            job.user_values()
                .iter()
                .all(|(column, _)| column < plan.user_columns().len()),
            "{what}"
        );
    }
}

/// The first rule that an accepted job breaks.
fn broken_rule(job: &Job) -> Option<&'static str> {
    let (id, request) = (job.id().as_str(), job.request());
    let media = request.media();
    let is_web = |address: &str| {
        let address = address.to_ascii_lowercase();
        address.starts_with("http://") || address.starts_with("https://")
    };
    let is_picture =
        |address: &str| is_web(address) || address.to_ascii_lowercase().starts_with("data:image/");
    let frames = media.image.is_some() || media.last_image.is_some();
    let references =
        !media.images.is_empty() || !media.videos.is_empty() || !media.audios.is_empty();
    let pictures = media
        .image
        .iter()
        .chain(&media.last_image)
        .chain(&media.images);
    let rules = [
        (
            !id.is_empty() && id.chars().count() <= 100,
            "the id has 1 to 100 characters",
        ),
        (
            id.chars()
                .all(|c| c.is_alphanumeric() || crate::text::is_mark(c) || "._-".contains(c)),
            "the id has letters, digits, `.`, `_`, `-`",
        ),
        (
            id.starts_with(char::is_alphanumeric),
            "the id begins with a letter or digit",
        ),
        (
            !request.prompt().trim().is_empty(),
            "the prompt is not blank",
        ),
        (
            request
                .duration()
                .is_none_or(|seconds| (5..=15).contains(&seconds)),
            "5 to 15 seconds",
        ),
        (
            media.last_image.is_none() || media.image.is_some(),
            "`last_image` needs `image`",
        ),
        (media.images.len() <= 9, "at most 9 images"),
        (media.videos.len() <= 3, "at most 3 videos"),
        (
            !frames || media.images.is_empty() && media.videos.is_empty(),
            "frames and references",
        ),
        (
            pictures.clone().all(|address| is_picture(address)),
            "pictures are http(s) or data",
        ),
        (
            media
                .videos
                .iter()
                .chain(&media.audios)
                .all(|address| is_web(address)),
            "http(s)",
        ),
        (
            match request.extra().operation {
                None => true,
                Some(Operation::FirstLastFrame) => {
                    media.image.is_some() && media.last_image.is_some()
                }
                Some(Operation::ReferenceToVideo) => references,
                Some(Operation::EditVideo | Operation::ExtendVideo) => !media.videos.is_empty(),
            },
            "the operation has what it works on",
        ),
    ];
    rules
        .into_iter()
        .find_map(|(holds, rule)| (!holds).then_some(rule))
}

/// Bytes that mean something to one of the readers.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b"\"",
    b"'",
    b"\"\"",
    b",",
    b";",
    b"|",
    b": ",
    b"- ",
    b"? ",
    b"&a ",
    b"*a",
    b"<<: *a\n",
    b"!!str ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"#",
    b"%YAML 1.1\n",
    b"---\n",
    b"...\n",
    b"|\n",
    b">-\n",
    b"\\x",
    b"\\u12",
    b"\xff",
    b"\xfe",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\x84\x31\x95\x33",
    b"\xc3",
    b"\xe6\x8f",
    b"\x81\x30",
    b"\xb9\xb7",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x8e",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xae",
    b"jobs:",
    b"\ndefaults: {",
    b"extra_body.",
    b"image_1",
    b"x_",
    b"x-",
    b"99999999999999999999",
    b"-1",
    b"1e999",
    b".nan",
    b"jobs: { from: sheet.csv }\n",
];

/// One change: a bit flipped, a part lost, doubled or moved, something put in, another file's part.
fn mutate(bytes: &mut Vec<u8>, others: &[(String, Vec<u8>)], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    let end = at + chance.below((bytes.len() - at).min(40) + 1);
    match chance.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        4 => bytes[at..end].reverse(),
        5 => {
            let other = &chance.pick(others).1;
            let from = chance.below(other.len() + 1);
            let part = &other[from..other.len().min(from + 80)];
            bytes.splice(at..at, part.iter().copied());
        }
        _ => {
            let piece = chance.pick(PIECES);
            bytes.splice(at..at, piece.iter().copied());
        }
    }
}

/// How many mutants there are of each manifest.
const MUTANTS: u64 = 60;

#[test]
fn mutants_of_every_manifest_are_read_to_the_end_with_a_place_for_every_mistake() {
    let corpus = corpus();
    let table = &corpus
        .iter()
        .find(|(name, _)| name == "sheet.csv")
        .expect("an example")
        .1;
    let (mut cases, mut accepted, mut mistakes, mut jobs) = (0, 0, 0, 0);
    for (number, (name, whole)) in (1_u64..).zip(&corpus) {
        for mutant in 0..MUTANTS {
            let mut chance = Chance(number * 1_000_003 + mutant);
            let (mut bytes, mut table) = (whole.clone(), table.clone());
            for _ in 0..=chance.below(4) {
                mutate(&mut bytes, &corpus, &mut chance);
                if chance.below(3) == 0 {
                    mutate(&mut table, &corpus, &mut chance);
                }
            }
            let loaded = load(name, &bytes, &table);
            check(&loaded, &format!("mutant {mutant} of {name}"));
            cases += 1;
            accepted += usize::from(loaded.plan.is_some());
            jobs += loaded.plan.map_or(0, |plan| plan.jobs().len());
            mistakes += loaded.diagnostics.count(Severity::Error);
        }
    }
    assert!(
        accepted > 50 && mistakes > cases,
        "{accepted} of {cases}, {mistakes}"
    );
    announce(&format!(
        "mutants: {cases} manifests, {accepted} accepted with {jobs} jobs, {mistakes} mistakes"
    ));
}

#[test]
fn bytes_at_random_are_read_to_the_end_under_every_mark_and_name() {
    let marks: [&[u8]; 6] = [
        b"",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\x84\x31\x95\x33",
        b"id,prompt,model\n",
    ];
    let mut cases = 0;
    for seed in 1..=400 {
        let mut chance = Chance(seed * 7919);
        let mut bytes = chance.pick(&marks).to_vec();
        for _ in 0..chance.below(60) {
            match chance.below(3) {
                0 => bytes.extend_from_slice(chance.pick::<&[u8]>(PIECES)),
                1 => bytes.push(u8::try_from(chance.below(256)).expect("a byte")),
                _ => bytes.extend_from_slice(&chance.next().to_le_bytes()),
            }
        }
        for name in ["a.yaml", "a.csv", "a.tsv", "a.json", "a.txt"] {
            check(
                &load(name, &bytes, &bytes),
                &format!("bytes {seed} as {name}"),
            );
            cases += 1;
        }
    }
    announce(&format!("bytes at random: {cases} files"));
}

/// Values for every field, and whether each is one that the contract takes.
#[expect(clippy::too_many_lines, reason = "a table")]
fn values(field: &str) -> Vec<(Value, bool)> {
    let web = |count: usize| {
        let addresses = (0..count).map(|number| format!("https://example.com/{number}"));
        json!(addresses.collect::<Vec<_>>())
    };
    let good = |values: Vec<Value>| values.into_iter().map(|value| (value, true));
    let bad = |values: Vec<Value>| values.into_iter().map(|value| (value, false));
    let (right, wrong) = match field {
        "id" => (
            vec![
                json!("a"),
                json!("B.1"),
                json!("9_-"),
                json!("x".repeat(100)),
            ],
            vec![
                json!("-a"),
                json!(""),
                json!("a b"),
                json!("a/b"),
                json!("x".repeat(101)),
                json!(7),
                json!([]),
            ],
        ),
        "model" => (
            vec![
                json!("seedance2.0-480p"),
                json!("seedance2.0-4k"),
                json!("seedance2.0-mini-720p"),
                json!("seedance2.0-fast-480p"),
            ],
            vec![
                json!("seedance2.0"),
                json!("Seedance2.0-480p"),
                json!("seedance2.0-mini-1080p"),
                json!(2.0),
                json!(true),
            ],
        ),
        "prompt" => (
            vec![
                json!("words"),
                json!(" x "),
                json!("a\nb: \"c\" # d"),
                json!("雪 🎬"),
            ],
            vec![
                json!(""),
                json!(" \n\t"),
                json!(5),
                json!(false),
                json!(["words"]),
            ],
        ),
        "duration" => (
            vec![json!(5), json!(15), json!("8")],
            vec![
                json!(4),
                json!(16),
                json!("8s"),
                json!(8.5),
                json!("8.0"),
                json!(true),
                json!(-5),
                json!([8]),
            ],
        ),
        "aspect_ratio" => (
            vec![json!("9:16"), json!("1:1"), json!("16:9")],
            vec![json!("4:3"), json!("16x9"), json!(1), json!(["16:9"])],
        ),
        "image" | "last_image" => (
            vec![
                json!("https://example.com/a.png"),
                json!("data:image/png;base64,iVBORw0KGgo="),
            ],
            vec![
                json!("a.png"),
                json!("ftp://example.com/a"),
                json!("//example.com/a"),
                json!(["https://example.com/a"]),
                json!(3),
            ],
        ),
        "images" => (
            vec![web(1), web(9)],
            vec![
                web(0),
                web(10),
                json!("https://example.com/a"),
                json!([null]),
                json!(["a"]),
            ],
        ),
        "videos" => (
            vec![
                web(1),
                web(3),
                json!([{ "url": "https://example.com/a", "seconds": 15 }]),
            ],
            vec![
                web(0),
                web(4),
                json!([{ "url": "https://example.com/a", "seconds": 1 }]),
                json!([{ "seconds": 5 }]),
                json!([{ "url": "https://example.com/a", "seconds": 9 }, { "url": "https://example.com/b", "seconds": 9 }]),
            ],
        ),
        "audios" => (vec![web(1), web(2)], vec![web(0), json!({}), json!([1])]),
        "generate_audio" => (
            vec![json!(true), json!(false)],
            vec![json!("true"), json!(1), json!("yes")],
        ),
        "seed" => (
            vec![json!(42), json!(-1), json!(i64::MAX), json!(i64::MIN)],
            vec![json!("42"), json!(1.5), json!(u64::MAX), json!(true)],
        ),
        "watermark" | "camera_fixed" | "return_last_frame" => (
            vec![json!(true), json!("false")],
            vec![json!(1), json!("yes"), json!("True "), json!([])],
        ),
        "operation" => (
            vec![
                json!("first_last_frame"),
                json!("reference_to_video"),
                json!("edit_video"),
                json!("extend_video"),
            ],
            vec![json!("edit"), json!("Edit_Video"), json!(1)],
        ),
        "x_note" => (
            vec![json!("mine"), json!("")],
            vec![json!(["mine"]), json!({ "a": 1 })],
        ),
        "content" | "fps" | "promt" => (vec![], vec![json!("a"), json!([])]),
        other => panic!("no values for `{other}`"),
    };
    good(right).chain(bad(wrong)).collect()
}

const EXTRA: [&str; 6] = [
    "generate_audio",
    "seed",
    "watermark",
    "camera_fixed",
    "return_last_frame",
    "operation",
];

/// A job put together at random: what is written, and whether every value of it by itself is right.
fn job_at_random(chance: &mut Chance, wrong_in: usize) -> (Map<String, Value>, bool) {
    let likely: &[(&str, usize)] = &[
        ("id", 19),
        ("model", 19),
        ("prompt", 19),
        ("duration", 10),
        ("aspect_ratio", 10),
        ("image", 5),
        ("last_image", 3),
        ("images", 4),
        ("videos", 4),
        ("audios", 3),
        ("x_note", 5),
        ("generate_audio", 4),
        ("seed", 4),
        ("watermark", 4),
        ("camera_fixed", 2),
        ("return_last_frame", 2),
        ("operation", 4),
    ];
    let (mut job, mut extra, mut is_right) = (Map::new(), Map::new(), true);
    let stray =
        (chance.below(wrong_in) == 0).then(|| (*chance.pick(&["content", "fps", "promt"]), 20));
    for (field, of_20) in likely.iter().copied().chain(stray) {
        if chance.below(20) >= of_20 {
            continue;
        }
        let wants_wrong =
            chance.below(wrong_in) == 0 || stray.is_some_and(|(name, _)| name == field);
        let fitting: Vec<_> = values(field)
            .into_iter()
            .filter(|(_, right)| *right != wants_wrong)
            .collect();
        let (value, right) = chance.pick(&fitting).clone();
        is_right &= right;
        let place = if EXTRA.contains(&field) {
            &mut extra
        } else {
            &mut job
        };
        place.insert(field.to_owned(), value);
    }
    if !extra.is_empty() {
        job.insert("extra_body".to_owned(), Value::Object(extra));
    }
    (job, is_right)
}

/// Whether the contract takes these jobs, whose values are right each by itself.
fn is_valid(jobs: &[Map<String, Value>]) -> bool {
    let mut ids = HashSet::new();
    let mut contents = HashSet::new();
    jobs.iter().all(|job| {
        let has = |field: &str| job.contains_key(field);
        let operation = job
            .get("extra_body")
            .and_then(|extra| extra.get("operation"));
        let is_new = if let Some(id) = job.get("id").and_then(Value::as_str) {
            ids.insert(id.to_lowercase())
        } else {
            contents.insert(content_of(job))
        };
        is_new
            && has("model")
            && has("prompt")
            && (!has("last_image") || has("image"))
            && !((has("image") || has("last_image")) && (has("images") || has("videos")))
            && match operation.and_then(Value::as_str) {
                None => true,
                Some("first_last_frame") => has("image") && has("last_image"),
                Some("reference_to_video") => has("images") || has("videos") || has("audios"),
                Some(_) => has("videos"),
            }
    })
}

/// What the name of a job without id is made from.
fn content_of(job: &Map<String, Value>) -> String {
    let fields = [
        "prompt",
        "image",
        "last_image",
        "images",
        "videos",
        "audios",
    ];
    let content: Vec<_> = fields
        .iter()
        .map(|field| without_lengths(job.get(*field)))
        .collect();
    format!("{content:?}")
}

/// Addresses alone: the lengths of videos are not sent.
fn without_lengths(value: Option<&Value>) -> Option<Value> {
    let url = |value: &Value| value.get("url").unwrap_or(value).clone();
    Some(match value? {
        Value::Array(addresses) => addresses.iter().map(url).collect(),
        other => other.clone(),
    })
}

#[test]
fn jobs_at_random_are_accepted_if_and_only_if_they_keep_every_rule() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 1..=1500 {
        let mut chance = Chance(seed * 104_729);
        let wrong_in = *chance.pick(&[30, 200, usize::MAX]);
        let drawn: Vec<_> = (0..=chance.below(3))
            .map(|_| job_at_random(&mut chance, wrong_in))
            .collect();
        let are_right = drawn.iter().all(|(_, right)| *right);
        let jobs: Vec<_> = drawn.into_iter().map(|(job, _)| job).collect();
        let expected = are_right && is_valid(&jobs);
        let tree = json!({ "jobs": &jobs });
        let block = serde_yaml::to_string(&tree).expect("a tree of plain values");
        for (name, text) in [("a.json", tree.to_string()), ("a.yaml", block)] {
            let loaded = load(name, text.as_bytes(), b"");
            check(&loaded, &text);
            assert_eq!(
                loaded.plan.is_some(),
                expected,
                "{text}\n{}",
                loaded.render_compact()
            );
            if let Some(plan) = &loaded.plan {
                assert_eq!(plan.jobs().len(), jobs.len());
                for (job, written) in plan.jobs().iter().zip(&jobs) {
                    assert_eq!(Some(job.request().prompt()), written["prompt"].as_str());
                    assert_eq!(job.request().model().as_str(), written["model"]);
                }
            }
        }
        *(if expected {
            &mut accepted
        } else {
            &mut refused
        }) += 1;
    }
    assert!(
        accepted > 200 && refused > 200,
        "{accepted} accepted, {refused} refused"
    );
    announce(&format!(
        "jobs at random: {accepted} manifests accepted, {refused} refused, each as YAML in two forms"
    ));
}

/// A job without mistakes, as the end of a manifest.
const JOB: &str = "{ id: a, prompt: a, model: seedance2.0-480p, duration: 5 }";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn files_as_deep_wide_and_long_as_can_be_are_read_to_the_end() {
    let deep = 100_000;
    let many_of = 10_000; // of what takes the reader longer
    let bomb = (1..40).fold(
        "x-0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |bomb, level| {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            format!("{bomb}x-{level}: &a{level} [{aliases}]\n")
        },
    );
    let many =
        |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let row = "a,a,seedance2.0-480p\n";
    for (what, name, text, is_fine) in [
        (
            "lists in lists",
            "a.yaml",
            format!("x-a: {}", "[".repeat(deep)),
            false,
        ),
        (
            "closed lists in lists",
            "a.yaml",
            format!(
                "x-a: {}{}\njobs: [{JOB}]\n",
                "[".repeat(deep),
                "]".repeat(deep)
            ),
            false,
        ),
        ("maps in maps", "a.json", "{\"a\":".repeat(deep), false),
        (
            "block lists",
            "a.yaml",
            format!("x-a:\n {}x\njobs: [{JOB}]\n", "- ".repeat(deep)),
            false,
        ),
        (
            "block maps",
            "a.yaml",
            many(3000, &|level| format!("{}x-a:\n", " ".repeat(level))),
            false,
        ),
        ("keys of keys", "a.yaml", "? ".repeat(deep), false),
        (
            "flow keys",
            "a.yaml",
            format!("jobs: {}", "{? ".repeat(deep)),
            false,
        ),
        (
            "an alias bomb",
            "a.yaml",
            format!("{bomb}jobs: [{JOB}]\nx-end: *a39\n"),
            false,
        ),
        (
            "a bomb that is not used",
            "a.yaml",
            format!("x-a: &a x\njobs: [{JOB}]\n"),
            true,
        ),
        (
            "many aliases",
            "a.yaml",
            format!(
                "x-a: &a [x]\nx-b: [{}x]\njobs: [{JOB}]\n",
                "*a, ".repeat(deep)
            ),
            false,
        ),
        (
            "many anchors",
            "a.yaml",
            format!(
                "x-a: [{}x]\njobs: [{JOB}]\n",
                many(many_of, &|number| format!("&a{number} x, "))
            ),
            true,
        ),
        ("a key that goes on", "a.yaml", "k".repeat(4 << 18), false),
        (
            "a text that goes on",
            "a.yaml",
            format!("x-a: \"{}\"\njobs: [{JOB}]\n", "x ".repeat(2 << 18)),
            true,
        ),
        (
            "a quote that is not closed",
            "a.yaml",
            format!("jobs: [{JOB}]\nx-a: \"{}", "x\n".repeat(1 << 18)),
            false,
        ),
        (
            "a block text",
            "a.yaml",
            format!("jobs: [{JOB}]\nx-a: |\n{}", "  x\n".repeat(1 << 18)),
            true,
        ),
        (
            "empty lines",
            "a.yaml",
            format!("{}jobs: [{JOB}]\n", "\n".repeat(4 << 18)),
            true,
        ),
        (
            "comments",
            "a.yaml",
            format!("{}jobs: [{JOB}]\n", "# x\n".repeat(1 << 18)),
            true,
        ),
        (
            "100,000 keys at the top",
            "a.yaml",
            format!(
                "{}jobs: [{JOB}]\n",
                many(deep, &|number| format!("x-{number}: 1\n"))
            ),
            true,
        ),
        (
            "10,000 fields of a job",
            "a.yaml",
            format!(
                "jobs:\n - {{ {}}}\n",
                many(many_of, &|number| format!("f{number}: 1, "))
            ),
            false,
        ),
        (
            "one key 10,000 times",
            "a.yaml",
            format!("jobs: [{JOB}]\n{}", "x-a: 1\n".repeat(many_of)),
            false,
        ),
        (
            "10,000 jobs without anything",
            "a.yaml",
            format!("jobs: [{}]\n", "{}, ".repeat(many_of)),
            false,
        ),
        (
            "10,000 columns",
            "a.csv",
            format!(
                "id,prompt,model{}\n{row}",
                many(10_000, &|number| format!(",x_{number}"))
            ),
            false,
        ),
        (
            "900 columns",
            "a.csv",
            format!(
                "id,prompt,model{}\n{row}",
                many(900, &|number| format!(",x_{number}"))
            ),
            true,
        ),
        ("a header that goes on", "a.csv", "x".repeat(4 << 18), false),
        (
            "a row of 260,000 cells",
            "a.csv",
            format!(
                "id,prompt,model\na,a,seedance2.0-480p{}\n",
                ",x".repeat(1 << 18)
            ),
            false,
        ),
        (
            "a cell that is not closed",
            "a.csv",
            format!("id,prompt,model\na,\"{}", "x,\n".repeat(1 << 18)),
            false,
        ),
        (
            "quotes",
            "a.csv",
            format!("id,prompt,model\na,{}\n", "\"".repeat(4 << 18)),
            false,
        ),
        (
            "empty rows",
            "a.csv",
            format!("id,prompt,model\n{}{row}", "\n".repeat(4 << 18)),
            true,
        ),
        (
            "10,000 rows with a mistake",
            "a.csv",
            format!("id,prompt,model\n{}", ",,x\n".repeat(many_of)),
            false,
        ),
    ] {
        let loaded = load(name, text.as_bytes(), b"");
        assert_eq!(
            loaded.plan.is_some(),
            is_fine,
            "{what}: {:.2000}",
            loaded.render_compact()
        );
        let listed = loaded.diagnostics.iter().len();
        assert!(listed <= 10_000, "{what}: {listed} findings are kept");
        for found in loaded.diagnostics.iter().take(100) {
            assert!(
                found.span.bytes.end <= loaded.sources.text(found.span.source).len(),
                "{what}: {found:?}"
            );
            assert!(
                found.message.len() + found.help.len() < 4000,
                "{what}: a message that goes on"
            );
        }
    }
}
