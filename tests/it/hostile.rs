//! Providers that answer with malice: whatever comes back, memory stays bounded, nothing is sent twice, and nothing raw
//! reaches the terminal, a pipe, the state, results.csv or the name of a file.
//!
//! `cargo test --test it hostile -- --nocapture` prints how many answers were tried and what the worst one cost.

use crate::claims::assert_published;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Finished, Raw, Request, Row, Scenario, announce, answer, json};

/// What a run may need beyond one with kind answers: an answer of 1 MiB, unpacked, read and quoted, a few times over.
const MEMORY_LIMIT: u64 = 96 << 20;

/// The longest that anything of an answer becomes in a cell or a line.
const TEXT_LIMIT: usize = 9000;

/// An answer as it goes over the wire.
struct Hostile {
    name: &'static str,
    bytes: Vec<u8>,
}

fn hostile(name: &'static str, bytes: Vec<u8>) -> Hostile {
    Hostile { name, bytes }
}

/// Bodies that are bad for whoever shows them or keeps them.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let utf_16: Vec<u8> = "\u{feff}{\"error\":\"错误\",\"task_id\":\"t\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let json = [NASTY.concat(), "\r\n=cmd|' /C calc'!A1\t".to_owned()]
        .map(|nasty| json!({"error": {"message": nasty, "code": nasty}, "status": nasty}));
    let bombs = [(1, "a bomb"), (2, "a bomb within a bomb")].map(|(times, name)| {
        let packed = (0..times).fold(vec![b' '; 24 << 20], |bytes, _| gzip(&bytes));
        (name, packed)
    });
    let mut bodies = vec![
        ("100,000 brackets", text(&"[".repeat(100_000))),
        ("100,000 objects", text(&r#"{"error":"#.repeat(100_000))),
        (
            "many small values",
            text(&format!("[{}0]", "0,".repeat(520_000))),
        ),
        ("many fields", text(&fields(60_000))),
        (
            "a message of 1 MB",
            text(&json!({"error": "é".repeat(500_000)}).to_string()),
        ),
        (
            "a page of 1 MB",
            text(&format!("<html><title>{}</title>", "x".repeat(1_000_000))),
        ),
        ("UTF-16", utf_16),
        (
            "Latin-1",
            b"{\"error\":\"caf\xe9\",\"x\":\"\xff\xfe\"}".to_vec(),
        ),
        ("GBK", b"{\"error\":\"\xb4\xed\xce\xf3\x81\x5c\"}".to_vec()),
        ("a BOM", text("\u{feff}{\"error\":\"x\"}")),
        ("raw controls", text(&NASTY.concat())),
        (
            "a page of controls",
            text(&format!("<html><title>{}</title>", NASTY.concat())),
        ),
        ("zeros", vec![0; 100_000]),
        ("every byte", (0..=255).collect()),
    ];
    bodies.extend(json.map(|body| ("steering text", text(&body.to_string()))));
    bodies.extend(NASTY.map(|nasty| ("a nasty text", text(&json!({"error": nasty}).to_string()))));
    bodies.extend(bombs);
    bodies
}

/// Text that steers terminals, hides, or runs in a spreadsheet.
const NASTY: [&str; 14] = [
    "\u{1b}[2J\u{1b}[31m",
    "\u{1b}]8;;http://evil.example\u{7}click\u{1b}]8;;\u{7}",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{9b}31m\u{9d}0;x\u{9c}",
    "\u{7f}\u{8}\u{8}\u{0}",
    "\u{202e}gnp.exe\u{2066}\u{2069}\u{200f}",
    "\u{200b}\u{feff}\u{2060}",
    "a\r\nb\nc\u{2028}d\u{85}e",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "＝1+1",
];

fn fields(count: usize) -> String {
    let fields: Vec<String> = (0..count).map(|number| format!("\"{number}\":0")).collect();
    format!("{{{}}}", fields.join(","))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn with_body(status: u16, header: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} -\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Every body under a few statuses and labels, and answers that are hostile in their head or length.
fn hostile_answers() -> Vec<Hostile> {
    let mut answers: Vec<Hostile> = bodies()
        .into_iter()
        .enumerate()
        .map(|(number, (name, body))| {
            let status = [200, 400, 500][number % 3];
            let headers = [
                "content-type: application/json\r\n",
                "content-encoding: br\r\n",
                "content-encoding: deflate\r\ncontent-type: text/html; charset=gbk\r\n",
            ];
            hostile(name, with_body(status, headers[number % 2], &body))
        })
        .collect();
    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned() + &" ".repeat(16 << 20);
    let claims = "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999\r\n\r\n{\"x\":\"";
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()
        + &"1\r\n \r\n".repeat(100_000);
    let header = format!("x: {}\r\n", "y".repeat(8 << 20));
    let headers = "x: y\r\n".repeat(100_000);
    let steering = "x-request-id: \u{9b}31m=1+1\r\nlocation: \u{1b}[2J\r\n";
    answers.extend([
        hostile("a body of 16 MiB", endless.into_bytes()),
        hostile("a length of 10 TB", claims.into()),
        hostile("100,000 chunks", chunks.into_bytes()),
        hostile("a header of 8 MiB", with_body(200, &header, b"{}")),
        hostile("100,000 headers", with_body(200, &headers, b"{}")),
        hostile("steering headers", with_body(500, steering, b"no")),
    ]);
    answers
}

/// Ids that no path, cell or terminal should take as they are.
fn nasty_ids() -> Vec<Value> {
    let mut ids: Vec<Value> = NASTY
        .iter()
        .map(|nasty| json!(format!("t{nasty}")))
        .collect();
    ids.extend(NASTY.iter().map(|nasty| json!(format!("{nasty}t"))));
    ids.extend([
        json!("../../x"),
        json!("a/b"),
        json!("id?x=1#f"),
        json!("%2e%2e"),
        json!(".."),
        json!("/etc/passwd"),
        json!("a\0b"),
        json!("null"),
        json!(" padded "),
        json!(u64::MAX),
        json!(-7),
        json!("x".repeat(1024)),
    ]);
    ids
}

/// What the real program did with a provider, and the most memory it had while it talked.
struct Observed {
    scenario: Scenario,
    run: Finished,
    requests: Vec<Request>,
    peak: u64,
}

/// Runs two jobs against `answer`. The provider reads the memory of the program at every request, and the second job
/// is asked for after the first was answered.
fn observe(answer: impl Fn(&Request) -> Vec<u8> + Send + 'static) -> Observed {
    let pid = Arc::new(AtomicU32::new(0));
    let peak = Arc::new(AtomicU64::new(0));
    let (watched, most) = (Arc::clone(&pid), Arc::clone(&peak));
    let provider = Raw::answering(move |request| {
        let pid = watched.load(Ordering::SeqCst);
        most.fetch_max(memory_of(pid), Ordering::SeqCst);
        answer(request)
    });
    let scenario = Scenario::jobs(2).at(&provider);
    let options = [
        "--json",
        "--concurrency",
        "1",
        "--submit-timeout",
        "5s",
        "--job-timeout",
        "400ms",
        "--deadline",
        "3s",
    ];
    let running = scenario.start(&options);
    pid.store(running.pid(), Ordering::SeqCst);
    let run = running.finish();
    Observed {
        scenario,
        run,
        requests: provider.requests(),
        peak: peak.load(Ordering::SeqCst),
    }
}

/// The most memory the process ever had, in bytes; 0 if it has ended.
fn memory_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}

/// Fails if anything that people or programs read holds what could steer or deceive them, or if a request was sent that
/// the state does not know.
#[track_caller]
fn assert_harmless(name: &str, observed: &Observed) {
    let Observed {
        scenario,
        run,
        requests,
        ..
    } = observed;
    assert!([0, 3, 4, 5, 7].contains(&run.code), "{name}: {run:?}");
    assert_shown(name, "stderr", &run.stderr);
    for line in run.stdout.lines() {
        assert_shown(name, "stdout", line);
        serde_json::from_str::<Value>(line).expect("a JSON object a line");
    }
    let names: Vec<String> = scenario
        .files()
        .iter()
        .map(|(path, _)| path.file_name().expect("a file").to_string_lossy().into())
        .collect();
    for file in &names {
        let expected = [
            "shots.csv",
            "state.jsonl",
            "results.csv",
            "gallery.html",
            "lock",
            "state.lock",
        ];
        assert!(expected.contains(&file.as_str()), "{name}: {names:?}");
    }
    for line in scenario.state().lines() {
        assert_shown(name, "state.jsonl", line);
    }
    for row in scenario.results() {
        assert_cells(name, &row);
    }
    let page = std::fs::read_to_string(scenario.out().join("gallery.html")).expect("a page");
    for line in page.lines() {
        assert_shown(name, "gallery.html", line);
    }
    let posts: Vec<&str> = requests
        .iter()
        .filter(|request| request.method == "POST")
        .map(|request| request.body["prompt"].as_str().expect("a prompt"))
        .collect();
    let mut distinct = posts.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), posts.len(), "{name}: sent twice");
    let state = scenario.state_lines();
    let intents = state.iter().filter(|line| line["type"] == "intent");
    assert_eq!(intents.count(), posts.len(), "{name}: {state:?}");
}

#[track_caller]
fn assert_shown(name: &str, place: &str, text: &str) {
    let steers = |character: char| character != '\n' && shotlist::text::is_unsafe(character);
    assert!(!text.contains(steers), "{name} in {place}: {text:?}");
    assert!(
        text.len() < TEXT_LIMIT,
        "{name}: {} bytes in {place}",
        text.len()
    );
}

#[track_caller]
fn assert_cells(name: &str, row: &Row) {
    for column in [
        "task_id",
        "video_url",
        "error",
        "last_frame_url",
        "note",
        "file",
    ] {
        let cell = &row[column];
        assert_shown(name, column, cell);
        assert!(!cell.contains('\n'), "{name}: {cell:?}");
        let is_number = cell.parse::<f64>().is_ok();
        let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
        assert!(!begins || is_number, "{name} in {column}: {cell:?}");
    }
}

/// Runs `cases` on two threads; returns the worst memory and the case that had it.
fn each<T: Send + Sync>(cases: &[T], run: impl Fn(&T) -> (u64, String) + Sync) -> (u64, String) {
    let worst = Mutex::new((0, String::new()));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (worst, run) = (&worst, &run);
            scope.spawn(move || {
                for case in cases.iter().skip(thread).step_by(2) {
                    let cost = run(case);
                    let mut worst = worst.lock().expect("no panic");
                    *worst = cost.max(std::mem::take(&mut *worst));
                }
            });
        }
    });
    worst.into_inner().expect("no panic")
}

fn is_create(request: &Request) -> bool {
    request.method == "POST"
}

fn made(request: &Request) -> Vec<u8> {
    if is_create(request) {
        json(200, &json!({"task_id": "task-1"}))
    } else {
        let url = "https://cdn.example.com/v.mp4";
        json(200, &json!({"status": "completed", "video_url": url}))
    }
}

/// Fails if one of `count` hostile answers to `what` cost too much memory: at worst so many bytes, by the one of this name.
fn assert_frugal(what: &str, count: usize, worst: u64, name: &str) {
    assert!(
        worst < MEMORY_LIMIT,
        "{name}: {worst} bytes more than usual"
    );
    announce(&format!(
        "hostile {what}: {count} answers, at most {} KiB more than with a kind answer ({name})",
        worst / 1024
    ));
    assert_published(count, "hostile answers");
}

#[test]
fn a_hostile_answer_to_a_create_costs_little_memory_and_shows_nothing_raw() {
    let kind = observe(made);
    assert_eq!(kind.run.code, 0);
    assert!(kind.peak > 0);
    let answers = hostile_answers();
    let (worst, name) = each(&answers, |hostile| {
        let bytes = hostile.bytes.clone();
        let observed = observe(move |request| match request.body["prompt"].as_str() {
            Some("A film about job-01.") => bytes.clone(),
            _ => made(request),
        });
        assert_harmless(hostile.name, &observed);
        (
            observed.peak.saturating_sub(kind.peak),
            hostile.name.to_owned(),
        )
    });
    assert_frugal("creates", answers.len(), worst, &name);
}

#[test]
fn a_hostile_answer_to_a_poll_costs_little_memory_and_shows_nothing_raw() {
    let kind = observe(made);
    let answers = hostile_answers();
    let (worst, name) = each(&answers, |hostile| {
        let bytes = hostile.bytes.clone();
        let polls = AtomicU32::new(0);
        let observed = observe(move |request| {
            if !is_create(request) && polls.fetch_add(1, Ordering::SeqCst) == 0 {
                return bytes.clone();
            }
            made(request)
        });
        assert_harmless(hostile.name, &observed);
        let settled = observed.scenario.results();
        let settled = settled.iter().all(|row| row["status"] == *"completed");
        let said_failed = hostile.name == "steering text";
        assert!(
            settled || said_failed,
            "{}: {:?}",
            hostile.name,
            observed.run
        );
        (
            observed.peak.saturating_sub(kind.peak),
            hostile.name.to_owned(),
        )
    });
    assert_frugal("polls", answers.len(), worst, &name);
}

#[test]
fn a_nasty_task_id_is_kept_exactly_asked_for_in_one_place_and_shown_clean() {
    let ids = nasty_ids();
    each(&ids, |id| {
        let given = id.clone();
        let observed = observe(move |request| {
            if is_create(request) {
                json(200, &json!({"task_id": given}))
            } else {
                json(200, &json!({"status": "failed", "error": NASTY.concat()}))
            }
        });
        let name = id.to_string();
        assert_harmless(&name, &observed);
        let whole = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let accepted = observed.scenario.state_lines();
        let accepted = accepted.iter().find(|line| line["type"] == "accepted");
        assert_eq!(accepted.expect("an id")["task_id"], *whole, "{name}");
        for asked in observed.requests.iter().filter(|asked| !is_create(asked)) {
            let rest = asked
                .path
                .strip_prefix("/v1/videos/")
                .expect("the poll path");
            let is_one_place = rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte));
            assert!(
                is_one_place && ![".", ".."].contains(&rest),
                "{name}: {rest}"
            );
        }
        (0, String::new())
    });
    announce(&format!("nasty task ids: {}, each kept exactly", ids.len()));
}

#[test]
fn an_id_that_is_none_leaves_the_job_in_doubt() {
    let none = [
        json!({"task_id": ""}),
        json!({"task_id": "  \t"}),
        json!({"task_id": null, "id": []}),
        json!({"task_id": "x".repeat(10_240)}),
        json!({"id": 1.5}),
        json!({"task_id": true}),
        json!({"result": {"task_id": "nested"}}),
        json!([{"task_id": "in a list"}]),
    ];
    each(&none, |body| {
        let answer = body.clone();
        let observed = observe(move |_| json(200, &answer));
        let name = body.to_string();
        assert_harmless(&name, &observed);
        assert_eq!(observed.run.code, 5, "{name}: {:?}", observed.run);
        let rows = observed.scenario.results();
        assert!(
            rows.iter().all(|row| row["status"] == *"in_doubt"),
            "{name}"
        );
        (0, String::new())
    });
}

#[test]
fn the_last_of_two_equal_keys_counts_and_both_of_two_different_ids_are_kept() {
    for (body, first, other) in [
        (r#"{"task_id":"a","task_id":"b"}"#, "b", None),
        (r#"{"id":"a","task_id":"b"}"#, "b", Some("a")),
        (r#"{"id":"a","data":{"task_id":"b"}}"#, "a", Some("b")),
    ] {
        let observed = observe(move |request| {
            if is_create(request) {
                answer(200, "content-type: application/json", body)
            } else {
                made(request)
            }
        });
        assert_harmless(body, &observed);
        let state = observed.scenario.state_lines();
        let accepted = state.iter().find(|line| line["type"] == "accepted");
        let accepted = accepted.expect("an id");
        assert_eq!(accepted["task_id"], *first, "{body}");
        assert_eq!(accepted["other_id"].as_str(), other, "{body}");
    }
}

#[test]
fn an_address_that_is_no_video_is_never_a_result() {
    let long = format!("https://cdn.example.com/{}", "x".repeat(1_000_000));
    let bad = [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "https://cdn.example.com/a\nb",
        "https://cdn.example.com/\u{202e}gpj.exe",
        "https://cdn.example.com/\u{1b}[2J",
        "//cdn.example.com/v.mp4",
        "https://",
        "=HYPERLINK(\"https://evil.example\")",
        &long,
    ];
    each(&bad, |url| {
        let given = (*url).to_owned();
        let observed = observe(move |request| {
            if is_create(request) {
                made(request)
            } else {
                json(
                    200,
                    &json!({"status": "completed", "video_url": given, "last_frame_url": given}),
                )
            }
        });
        let name = &url[..url.len().min(60)];
        assert_harmless(name, &observed);
        for row in observed.scenario.results() {
            assert_eq!(
                (&row["video_url"], &row["last_frame_url"]),
                ("", ""),
                "{name}"
            );
        }
        (0, String::new())
    });
    announce(&format!("addresses that are no video: {}", bad.len()));
}
