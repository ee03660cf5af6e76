//! The program against providers that break off, lie, point elsewhere and quote secrets, over raw connections.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{Provider as _, Raw, Scenario, Simulated, announce, standings};

const KEY: &str = "sk-canary-7Q9xYz-123456";

/// A provider on a loopback port that notes what it reads from every connection before it answers and closes it.
struct Provider {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    /// `talk` reads from a connection what it wants, and returns what it read and what to answer.
    fn new(talk: impl Fn(&mut TcpStream, &str) -> (String, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let url = format!("http://{address}");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, own_url) = (Arc::clone(&seen), url.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let (read, answer) = talk(&mut stream, &own_url);
                kept.lock().expect("not poisoned").push(read);
                let _ = stream.write_all(answer.as_bytes()); // the program may have gone
            }
        });
        Self { url, seen }
    }

    /// One answer for creates, one for polls.
    fn answering(create: String, poll: String) -> Self {
        Self::new(move |stream, _| {
            let request = read_request(stream);
            let is_create = request.starts_with("POST");
            let answer = if is_create { &create } else { &poll };
            (request, answer.clone())
        })
    }

    fn creates(&self) -> usize {
        let seen = self.seen.lock().expect("not poisoned");
        seen.iter().filter(|read| !read.starts_with("GET")).count()
    }
}

/// Head and body of one request.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut byte = [0];
    while !request.ends_with("\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        request.push(char::from(byte[0]));
    }
    let length = request
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the announced body");
    request + &String::from_utf8_lossy(&body)
}

fn answer(status: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{header}\r\n{body}"
    )
}

/// A manifest of one job, and the state of its runs.
struct Desk {
    home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self::jobs(1)
    }

    /// `hero` and so many more.
    fn jobs(count: usize) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let row = |number| match number {
            1 => "hero,a lighthouse,seedance2.0-720p,5".to_owned(),
            _ => format!("job-{number},lighthouse {number},seedance2.0-720p,5"),
        };
        let rows: Vec<String> = (1..=count).map(row).collect();
        let manifest = format!("id,prompt,model,duration\n{}\n", rows.join("\n"));
        std::fs::write(home.path().join("shots.csv"), manifest).expect("writable");
        Self { home }
    }

    /// The lines of the state, as text.
    fn state(&self) -> String {
        let path = self.manifest().with_extension("run").join("state.jsonl");
        std::fs::read_to_string(path).expect("a state")
    }

    fn manifest(&self) -> PathBuf {
        self.home.path().join("shots.csv")
    }

    fn command(&self, program: &str, base_url: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg("run")
            .arg(self.manifest())
            .args([
                "--base-url",
                base_url,
                "--deadline",
                "1s",
                "--job-timeout",
                "200ms",
            ])
            .args(["--poll-first", "10ms", "--poll-every", "20ms"])
            .args(["--poll-rate", "100/s", "--submit-rate", "100/s"])
            .env("SHOTLIST_API_KEY", KEY);
        command
    }

    fn run(&self, base_url: &str) -> (i32, Output) {
        let mut command = self.command(env!("CARGO_BIN_EXE_shotlist"), base_url);
        let output = command.output().expect("the program runs");
        (output.status.code().expect("no signal"), output)
    }

    /// The row of the job.
    fn row(&self) -> String {
        let path = self.manifest().with_extension("run").join("results.csv");
        let results = std::fs::read_to_string(path).expect("results");
        results.lines().nth(1).expect("a row").to_owned()
    }
}

/// Every file under `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(directory).expect("a directory") {
        let path = file.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_connection_that_breaks_within_the_request_leaves_one_create_in_doubt_for_ever() {
    for kept in [1, 40, 150, 250] {
        let provider = Provider::new(move |stream, _| {
            let mut begun = vec![0; kept];
            stream.read_exact(&mut begun).expect("a request");
            (String::from_utf8_lossy(&begun).into_owned(), String::new())
        });
        let desk = Desk::new();
        for run in 1..=2 {
            let (code, output) = desk.run(&provider.url);
            assert_eq!(code, 5, "{kept} bytes, run {run}: {output:?}");
            assert_eq!(provider.creates(), 1, "{kept} bytes, run {run}");
            assert!(desk.row().starts_with("hero,in_doubt,"), "{}", desk.row());
        }
    }
}

#[test]
fn no_redirect_is_followed_with_the_key() {
    for status in [
        "301 Moved",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let provider = Provider::new(move |stream, own_url| {
            let header = format!("Location: {own_url}/elsewhere\r\n");
            (read_request(stream), answer(status, &header, ""))
        });
        let desk = Desk::new();
        let (code, output) = desk.run(&provider.url);
        assert_eq!(code, 4, "{status}: {output:?}");
        assert_eq!(provider.seen.lock().expect("not poisoned").len(), 1);
        assert!(desk.row().starts_with("hero,pending,"), "{}", desk.row());
    }
}

#[test]
fn a_key_that_the_provider_quotes_in_any_way_reaches_no_file_and_no_stream() {
    let strewn = KEY.replace("canary", "can\u{200b}ary");
    let quotes = [
        format!(r#"{{"error":{{"message":"bad key {KEY}"}}}}"#),
        format!(r#"{{"{KEY}":1}}"#),
        format!(r#"{{"error":{{"message":"{strewn}"}}}}"#),
        format!(
            r#"{{"message":"{{\"error\":\"{}\"}}"}}"#,
            KEY.replace('-', r"\\u002d")
        ),
        format!("<html><title>{strewn}</title>"),
        KEY.chars().flat_map(|letter| [letter, '\0']).collect(),
    ];
    thread::scope(|scope| {
        for quote in &quotes {
            for status in ["200 OK", "400 Bad", "401 No", "500 Bad"] {
                scope.spawn(move || assert_key_is_kept(status, quote));
            }
        }
    });
}

/// Runs against a provider that answers the create so, and against one that answers polls so.
fn assert_key_is_kept(status: &'static str, quote: &str) {
    let accepted = answer("200 OK", "", r#"{"task_id":"t"}"#);
    let echoed = answer(status, &format!("X-Request-Id: {KEY}\r\n"), quote);
    for provider in [
        Provider::answering(echoed.clone(), String::new()),
        Provider::answering(accepted, echoed),
    ] {
        let desk = Desk::new();
        let (_, output) = desk.run(&provider.url);
        let kept = files(desk.home.path());
        let kept = kept
            .iter()
            .map(|path| std::fs::read(path).expect("readable"));
        for text in kept.chain([output.stdout, output.stderr]) {
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains(KEY), "{status} {quote:?}: {text}");
        }
    }
}

#[test]
fn a_task_is_collected_when_polls_answer_under_its_other_id() {
    let create = r#"{"id":"video-1","task_id":"task-1"}"#;
    let poll = r#"{"id":"video-1","status":"completed","video_url":"https://example.com/v.mp4"}"#;
    let provider = Provider::answering(answer("200 OK", "", create), answer("200 OK", "", poll));
    let desk = Desk::new();
    let (code, output) = desk.run(&provider.url);
    assert_eq!(code, 0, "{output:?}");
    let expected = "hero,completed,task-1,https://example.com/v.mp4,";
    assert!(desk.row().starts_with(expected), "{}", desk.row());
}

#[test]
fn with_too_few_files_to_open_nothing_is_sent_and_the_exit_code_says_so() {
    for files in 4..=9 {
        let provider = Provider::answering(String::new(), String::new());
        let desk = Desk::new();
        let mut command = desk.command("sh", &provider.url);
        let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
        command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_shotlist"))
            .args(arguments)
            .env("SHOTLIST_API_KEY", KEY);
        let output = command.output().expect("a shell");
        let code = output.status.code().expect("no signal");
        assert!([1, 2, 74].contains(&code), "{files} files: {output:?}");
        assert_eq!(provider.creates(), 0, "{files} files");
    }
}

/// What happens to one create after another: where the provider stops reading, and what it answers.
const DAYS: [(usize, &str); 12] = [
    (usize::MAX, "HTTP/1.1 200 OK\r\n\r\n{\"id\":\"first\"}"),
    (0, ""),
    (1, ""),
    (
        usize::MAX,
        "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"id\":\"second\"}",
    ),
    (100, ""),
    (usize::MAX, "HTTP/1.1 200 OK\r\n\r\n{\"id\":\"lo"),
    (usize::MAX, "HTTP/1.1 429 Busy\r\nRetry-After: 1\r\n\r\n"),
    (
        usize::MAX,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 201 x\r\n\r\n{\"id\":\"third\"}",
    ),
    (usize::MAX, "HTTP/1.1 502 x\r\n\r\n{\"error\":\"upstream\"}"),
    (usize::MAX, "{\"id\":\"naked\"}"),
    (usize::MAX, "HTTP/1.1 400 x\r\n\r\n{\"error\":\"bad\"}"),
    (usize::MAX, "HTTP/1.1 200 OK\r\n\r\n{\"id\":\"fourth\"}"),
];

#[test]
fn every_request_on_the_wire_is_an_intent_of_the_state_and_no_intent_is_sent_twice() {
    let creates = std::sync::atomic::AtomicUsize::new(0);
    let provider = Provider::new(move |stream, _| {
        let mut start = [0; 3];
        if stream.peek(&mut start).is_ok() && start == *b"GET" {
            let request = read_request(stream);
            let id = request.split(['/', ' ']).nth(4).unwrap_or_default();
            let running = format!(r#"{{"id":"{id}","status":"queued"}}"#);
            return (request, answer("200 OK", "", &running));
        }
        let number = creates.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let good = format!("HTTP/1.1 200 OK\r\n\r\n{{\"id\":\"task-{number}\"}}");
        let (reads, says) = DAYS
            .get(number)
            .map_or((usize::MAX, good.as_str()), |day| *day);
        let mut request = Vec::new();
        if reads == usize::MAX {
            request.extend(read_request(stream).into_bytes());
        } else {
            let _ = stream.take(reads as u64).read_to_end(&mut request);
        }
        let _ = stream.write_all(says.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut request); // what still comes after the end
        (
            String::from_utf8_lossy(&request).into_owned(),
            String::new(),
        )
    });
    let desk = Desk::jobs(14);
    for _ in 0..6 {
        desk.run(&provider.url);
        let state = desk.state();
        let lines = |words: &str| state.lines().filter(|line| line.contains(words)).count();
        let unsent = lines(r#""class":"not_sent""#);
        let seen = provider.seen.lock().expect("not poisoned");
        let posts: Vec<&String> = seen
            .iter()
            .filter(|seen| seen.starts_with("POST"))
            .collect();
        assert_eq!(lines(r#""type":"intent""#) - unsent, posts.len(), "{state}");
        assert!(posts.iter().all(|post| post.matches("POST ").count() == 1));
        for number in 2..=14 {
            let prompt = format!("\"lighthouse {number}\"");
            let sent = posts.iter().filter(|post| post.contains(&prompt)).count();
            let returned = state.lines().filter(|line| {
                line.contains(r#""type":"returned""#) && line.contains(&format!("\"job-{number}\""))
            });
            assert!(
                sent <= 1 + returned.count(),
                "{prompt} was sent {sent} times: {state}"
            );
        }
    }
    let state = desk.state();
    for id in ["first", "second", "third", "fourth"] {
        assert!(
            state.contains(&format!("\"task_id\":\"{id}\"")),
            "{id} was lost: {state}"
        );
    }
    let count = |words: &str| state.lines().filter(|line| line.contains(words)).count();
    let intents = count(r#""type":"intent""#);
    let seen = provider.seen.lock().expect("not poisoned");
    let posts = seen.iter().filter(|seen| seen.starts_with("POST")).count();
    announce(&format!(
        "one create after another breaks, 6 runs: {intents} intents, {posts} requests on the wire, {} in doubt, {} not sent",
        count(r#""type":"doubted""#),
        count(r#""class":"not_sent""#),
    ));
    assert!(count(r#""type":"doubted""#) >= 5, "{state}");
}

const PROXY_SECRET: &str = "proxy-canary-81f3";

/// Runs against `base_url` behind a proxy that gives this answer; returns what the proxy was asked.
fn behind_a_proxy(
    base_url: &str,
    says: &'static [u8],
) -> (Vec<crate::support::Request>, Scenario, i32) {
    let proxy = Raw::answering(move |_| says.to_vec());
    let address = proxy
        .base_url()
        .replace("http://", &format!("http://me:{PROXY_SECRET}@"));
    let scenario = Scenario::jobs(1);
    let mut command = scenario.run_command(&["--base-url", base_url, "--deadline", "1s", "--json"]);
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
        command.env(variable, &address);
    }
    let run = crate::support::Running::of(command).finish();
    let kept = scenario.files().into_iter().map(|(_, bytes)| bytes);
    for text in kept.chain([run.stdout.into(), run.stderr.into()]) {
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains(PROXY_SECRET), "{text}");
        assert!(!text.contains(crate::support::KEY), "{text}");
    }
    (proxy.requests(), scenario, run.code)
}

#[test]
fn a_proxy_that_opens_no_tunnel_means_not_sent_and_never_sees_the_key() {
    let refusals: [&[u8]; 6] = [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"",
        b"garbage",
        b"HTTP/1.1 200 Connection established\r\n\r\nno TLS here",
    ];
    thread::scope(|scope| {
        for says in refusals {
            scope.spawn(move || {
                let (asked, scenario, code) = behind_a_proxy("https://api.invalid", says);
                assert_eq!(code, 7, "{:?}", scenario.state());
                assert_eq!(standings(&scenario.results()), ["pending/not_sent"]);
                assert!(!asked.is_empty());
                for asked in asked {
                    assert_eq!(
                        (&*asked.method, &*asked.path),
                        ("CONNECT", "api.invalid:443")
                    );
                    assert_eq!(asked.authorization, "");
                }
            });
        }
    });
}

#[test]
fn a_proxy_that_answers_for_the_provider_is_taken_for_it_and_asked_once() {
    let page = b"HTTP/1.1 502 x\r\nContent-Type: text/html\r\n\r\n<html>proxy error</html>";
    let (asked, scenario, code) = behind_a_proxy("http://api.invalid", page);
    assert_eq!(code, 5);
    assert_eq!(standings(&scenario.results()), ["in_doubt/in_doubt"]);
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[test]
fn no_proxy_stands_between_a_run_and_its_own_machine() {
    let provider = Simulated::good_day();
    for base_url in [
        provider.base_url(),
        provider.base_url().replace("127.0.0.1", "localhost"),
    ] {
        let base_url: &'static str = base_url.leak();
        let (asked, _, code) = behind_a_proxy(base_url, b"");
        assert_eq!((code, asked.len()), (0, 0));
    }
}
