//! Every place where an exchange can break off: after each byte of a request, before each byte of an answer. What a
//! reply says is held against what the server on the other side saw, and no request is ever seen twice.
//!
//! `cargo test --lib api::http::tests::sweep -- --nocapture` prints how many cases were swept.

use crate::claims::{announce, assert_published};
use std::sync::atomic::AtomicUsize;

use rustix::net::sockopt::set_socket_linger;

use super::*;
use crate::engine::event::FailureClass;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing more comes from the server, which reads on until the client has gone.
    Fin,
    /// Both directions at once.
    Reset,
}

impl End {
    /// Ends the connection; returns what the client still sent.
    fn of(self, stream: &mut TcpStream) -> Vec<u8> {
        match self {
            Self::Fin => {
                let _ = stream.shutdown(Shutdown::Write);
                read_until_closed(stream)
            }
            Self::Reset => {
                set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket");
                Vec::new() // dropped by the caller
            }
        }
    }
}

/// A reply without its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Accepted,
    Rejected,
    Fault(RunFault),
    Later,
    NotSent,
    InDoubt,
}

fn kind(reply: &SubmitReply) -> Kind {
    match reply {
        SubmitReply::Accepted { task_id, .. } => {
            assert_eq!(task_id.as_str(), "task-1");
            Kind::Accepted
        }
        SubmitReply::Rejected { class, .. } => {
            assert_eq!(*class, FailureClass::Rejected);
            Kind::Rejected
        }
        SubmitReply::Fault { fault, .. } => Kind::Fault(*fault),
        SubmitReply::Later { .. } => Kind::Later,
        SubmitReply::NotSent { .. } => Kind::NotSent,
        SubmitReply::InDoubt { .. } => Kind::InDoubt,
    }
}

/// Reads up to `count` bytes, fewer if the client goes away.
fn read_some(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut begun = Vec::new();
    let _ = stream.take(count as u64).read_to_end(&mut begun);
    begun
}

/// A server that plays `script` with the number of each connection, and a client for it. Clients are costly to build:
/// a sweep has one.
fn sweeping(
    script: impl Fn(usize, &mut TcpStream) -> Vec<u8> + Send + 'static,
) -> (Server, HttpApi) {
    let connections = AtomicUsize::new(0);
    let server =
        Server::run(move |stream| script(connections.fetch_add(1, Ordering::SeqCst), stream));
    let api = api(server.origin());
    (server, api)
}

/// The bytes of the request that every sweep sends.
async fn request_length() -> usize {
    let server = Server::answering(http("200 OK", &[], r#"{"id":"task-1"}"#));
    submit_to(&server).await;
    server.finish().await[0].len()
}

#[tokio::test]
async fn a_request_that_breaks_off_after_any_byte_is_in_doubt_and_never_sent_again() {
    let length = request_length().await;
    assert!(length > 200, "{length}");
    for end in [End::Fin, End::Reset] {
        let (server, api) = sweeping(move |count, stream| {
            let mut seen = read_some(stream, count);
            seen.extend(end.of(stream));
            seen
        });
        let mut kinds = Vec::new();
        for _ in 0..=length {
            kinds.push(kind(&api.submit(&request()).await));
        }
        let seen = server.finish().await;
        assert_eq!(seen.len(), length + 1, "{end:?}: one connection a create");
        for (count, (kind, seen)) in kinds.iter().zip(&seen).enumerate() {
            // Before the first byte was read, the client may have noticed the end before it began to send.
            let may_be_unsent = count == 0 && seen.is_empty();
            assert!(
                *kind == Kind::InDoubt || (*kind == Kind::NotSent && may_be_unsent),
                "{end:?} after {count} bytes: {kind:?}, {} bytes seen",
                seen.len()
            );
            assert!(seen.matches("POST ").count() <= 1, "{seen}");
        }
        let unsent = kinds.iter().filter(|kind| **kind == Kind::NotSent).count();
        announce(&format!(
            "wire: request broken by {end:?} after each of 0..={length} bytes: {} in doubt, {unsent} not sent, {} connections",
            kinds.len() - unsent,
            seen.len(),
        ));
        assert_published(kinds.len(), "places of a request");
    }
}

#[tokio::test]
async fn a_connection_that_ends_at_once_is_not_sent_only_if_no_byte_arrived() {
    const ROUNDS: usize = 300;
    // What is sent into a connection that is already half closed is still seen: the server reads to its end.
    let (server, api) = sweeping(|_, stream| End::Fin.of(stream));
    let mut kinds = Vec::new();
    for _ in 0..ROUNDS {
        kinds.push(kind(&api.submit(&request()).await));
    }
    let seen = server.finish().await;
    assert_eq!(seen.len(), ROUNDS);
    for (kind, seen) in kinds.iter().zip(&seen) {
        let is_true = match kind {
            Kind::NotSent => seen.is_empty(),
            Kind::InDoubt => true,
            _ => false,
        };
        assert!(is_true, "{kind:?}, yet the server saw {seen:?}");
    }
    let unsent = kinds.iter().filter(|kind| **kind == Kind::NotSent).count();
    announce(&format!(
        "wire: connection ended at accept, {ROUNDS} times: {unsent} not sent with 0 bytes seen, {} in doubt",
        ROUNDS - unsent
    ));
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_was_read_counts_in_full() {
    let length = request_length().await;
    for (answer, expected) in [
        (http("200 OK", &[], r#"{"id":"task-1"}"#), Kind::Accepted),
        (
            http("400 Bad Request", &[], r#"{"error":"bad ratio"}"#),
            Kind::Rejected,
        ),
        (
            http("429 Too Many Requests", &["Connection: close"], ""),
            Kind::Later,
        ),
    ] {
        let (server, api) = sweeping(move |count, stream| {
            let begun = read_some(stream, count + 1);
            let _ = stream.write_all(answer.as_bytes());
            [begun, End::Fin.of(stream)].concat()
        });
        for count in 1..=length {
            let reply = api.submit(&request()).await;
            assert_eq!(kind(&reply), expected, "after {count} bytes: {reply:?}");
        }
        assert_eq!(server.finish().await.len(), length);
        announce(&format!(
            "wire: whole answer after each of 1..={length} request bytes: all {expected:?}"
        ));
    }
}

/// A request with far more bytes than the buffers of a connection take.
fn large_request() -> VideoRequest {
    VideoRequest::new(RequestFields {
        model: Model::Fast720p,
        prompt: "a lighthouse".into(),
        duration: Some(5),
        aspect_ratio: None,
        media: Media {
            image: Some(format!("data:image/png;base64,{}", "A".repeat(12 << 20)).into()),
            ..Media::default()
        },
        extra: ExtraBody::default(),
    })
}

#[tokio::test]
async fn an_answer_to_a_large_request_that_nobody_reads_to_its_end_is_never_taken_for_not_sent() {
    let answers = [
        (http("200 OK", &[], r#"{"id":"task-1"}"#), Kind::Accepted),
        (http("413 Too Large", &[], "too large"), Kind::Rejected),
        (
            http("400 Bad Request", &[], r#"{"error":"bad"}"#),
            Kind::Rejected,
        ),
    ];
    for (answer, expected) in answers {
        for is_patient in [true, false] {
            let answer = answer.clone();
            let server = Server::run(move |stream| {
                // A patient server answers in the middle of the request and reads the rest of it.
                stream.set_nodelay(true).expect("a socket");
                let begun = read_some(stream, 4096);
                let _ = stream.write_all(answer.as_bytes());
                if is_patient {
                    let head = String::from_utf8_lossy(&begun);
                    let (head, _) = head.split_once("\r\n\r\n").expect("a head");
                    let (_, length) = head.split_once("content-length: ").expect("a length");
                    let length = length.lines().next().and_then(|line| line.parse().ok());
                    let whole = head.len() + 4 + length.unwrap_or(0);
                    read_some(stream, whole - begun.len());
                }
                begun
            });
            let reply = api(server.origin()).submit(&large_request()).await;
            let found = kind(&reply);
            if is_patient {
                assert_eq!(found, expected, "{reply:?}");
            } else {
                // A reset can overtake the answer: then nobody knows.
                let is_safe = [expected, Kind::InDoubt].contains(&found);
                assert!(is_safe, "{expected:?}: {reply:?}");
            }
            assert_eq!(server.finish().await.len(), 1);
        }
    }
}

/// How an answer tells where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Chunks,
    Close,
}

/// An answer, and where in it what becomes true.
struct Whole {
    bytes: String,
    /// Its head has come.
    head: usize,
    /// The JSON has come.
    body: usize,
    /// It has come to its announced end.
    end: usize,
}

impl Whole {
    fn new(status: &str, framing: Framing, body: &str) -> Self {
        let (header, before, after) = match framing {
            Framing::Length => (
                format!("Content-Length: {}\r\n", body.len()),
                String::new(),
                "",
            ),
            Framing::Chunks => (
                "Transfer-Encoding: chunked\r\n".to_owned(),
                format!("{:x}\r\n", body.len()),
                "\r\n0\r\n\r\n",
            ),
            Framing::Close => (String::new(), String::new(), ""),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{header}\r\n");
        let body_end = head.len() + before.len() + body.len();
        Self {
            head: head.len(),
            body: body_end,
            end: body_end + after.len(),
            bytes: format!("{head}{before}{body}{after}"),
        }
    }
}

/// The answers of the sweep, and what each ends in: with its head alone, with its JSON, and at its end.
const CUT_ANSWERS: [(&str, &str, [Kind; 3]); 7] = [
    (
        "200 OK",
        r#"{"id":"task-1","object":"video","status":"queued","progress":0}"#,
        [Kind::InDoubt, Kind::Accepted, Kind::Accepted],
    ),
    (
        "201 Created",
        r#"{"data":{"task_id":"task-1"}}"#,
        [Kind::InDoubt, Kind::Accepted, Kind::Accepted],
    ),
    (
        "400 Bad Request",
        r#"{"error":{"message":"bad ratio","code":"invalid"}}"#,
        [Kind::InDoubt, Kind::InDoubt, Kind::Rejected],
    ),
    (
        "503 Unavailable",
        r#"{"error":{"message":"no","code":"model_not_found"}}"#,
        [Kind::InDoubt, Kind::InDoubt, Kind::Rejected],
    ),
    (
        "401 Unauthorized",
        r#"{"error":"key"}"#,
        [Kind::Fault(RunFault::Auth); 3],
    ),
    ("429 Busy", r#"{"error":"busy"}"#, [Kind::Later; 3]),
    ("502 Bad Gateway", r#"{"id":"task-1"}"#, [Kind::InDoubt; 3]),
];

#[tokio::test]
async fn an_answer_that_breaks_off_before_any_byte_is_in_doubt_until_it_is_whole() {
    let (mut swept, mut doubted) = (0, 0);
    for (status, body, endings) in CUT_ANSWERS {
        for framing in [Framing::Length, Framing::Chunks, Framing::Close] {
            for end in [End::Fin, End::Reset] {
                let (cases, doubts) = sweep_answer(status, body, endings, framing, end).await;
                swept += cases;
                doubted += doubts;
            }
        }
    }
    announce(&format!(
        "wire: {} answers, 3 framings, closed and reset before each byte: {swept} cases, {doubted} in doubt, {} known",
        CUT_ANSWERS.len(),
        swept - doubted,
    ));
    assert_published(swept, "cut answers");
}

/// Cuts one answer at every place; returns how many replies there were, and how many of them were in doubt.
async fn sweep_answer(
    status: &str,
    body: &str,
    [headed, told, ended]: [Kind; 3],
    framing: Framing,
    end: End,
) -> (usize, usize) {
    let whole = Whole::new(status, framing, body);
    let bytes = whole.bytes.clone();
    let (server, api) = sweeping(move |count, stream| {
        let request = read_request(stream);
        let _ = stream.write_all(&bytes.as_bytes()[..count]);
        [request, end.of(stream)].concat()
    });
    let mut doubts = 0;
    for count in 0..=whole.bytes.len() {
        let reply = api.submit(&request()).await;
        let found = kind(&reply);
        let is_at_its_end = match (framing, end) {
            (Framing::Close, End::Reset) => false, // a reset is never the end that such an answer has
            _ => count >= whole.end,
        };
        let expected = if count < whole.head {
            Kind::InDoubt
        } else if is_at_its_end {
            ended
        } else if count >= whole.body {
            told
        } else {
            headed
        };
        // A reset may take with it what was on the way; a known outcome may become unknown, never another one.
        let is_lost = end == End::Reset && found == Kind::InDoubt;
        assert!(
            found == expected || is_lost,
            "{status} {framing:?} {end:?} cut after {count} of {} bytes: {reply:?}, not {expected:?}",
            whole.bytes.len(),
        );
        doubts += usize::from(found == Kind::InDoubt);
    }
    let seen = server.finish().await;
    assert_eq!(seen.len(), whole.bytes.len() + 1, "one connection a create");
    for seen in &seen {
        assert_eq!(seen.matches("POST ").count(), 1, "{seen}");
    }
    (seen.len(), doubts)
}

/// Answers that no provider should give, and what each create ends in.
#[expect(clippy::too_many_lines, reason = "a table")]
fn odd_answers() -> Vec<(&'static str, Vec<u8>, Kind)> {
    let id = r#"{"id":"task-1"}"#;
    let good = http("200 OK", &[], id);
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(500);
    let continues = "HTTP/1.1 100 Continue\r\n\r\n".repeat(500);
    let many_headers = "x-filler: yes\r\n".repeat(100_000);
    let long_header = format!("x: {}\r\n", "y".repeat(8 << 20));
    let headed = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n{id}");
    let text = |text: &str| text.as_bytes().to_vec();
    let doubt = Kind::InDoubt;
    vec![
        ("early hints first", text(&(hints + &good)), Kind::Accepted),
        ("continue first", text(&(continues + &good)), Kind::Accepted),
        (
            "HTTP/1.0",
            text(&format!("HTTP/1.0 200 OK\r\n\r\n{id}")),
            Kind::Accepted,
        ),
        ("two answers", text(&(good.clone() + &good)), Kind::Accepted),
        (
            "an answer and a refusal",
            text(&(good.clone() + &http("401 No", &[], ""))),
            Kind::Accepted,
        ),
        ("HTTP/0.9", text(id), doubt),
        (
            "HTTP/2 frames",
            b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80".to_vec(),
            doubt,
        ),
        ("a TLS alert", vec![0x15, 3, 3, 0, 2, 2, 40], doubt),
        ("nothing but breaks", text(&"\r\n".repeat(1000)), doubt),
        ("zeros", vec![0; 4096], doubt),
        ("SSH", text("SSH-2.0-OpenSSH_9.6\r\n"), doubt),
        (
            "101",
            text(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{\"id\":\"task-1\"}",
            ),
            doubt,
        ),
        ("204", text("HTTP/1.1 204 No Content\r\n\r\n"), doubt),
        (
            "304",
            text("HTTP/1.1 304 Not Modified\r\n\r\n"),
            Kind::Fault(RunFault::Address),
        ),
        (
            "status 99",
            text("HTTP/1.1 099 x\r\nContent-Length: 0\r\n\r\n"),
            doubt,
        ),
        (
            "status 1000",
            text("HTTP/1.1 1000 x\r\nContent-Length: 0\r\n\r\n"),
            doubt,
        ),
        (
            "status 999",
            text("HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n"),
            doubt,
        ),
        ("no status", text("HTTP/1.1\r\n\r\n"), doubt),
        ("HTTP/9.9", text("HTTP/9.9 200 OK\r\n\r\n"), doubt),
        (
            "two lengths",
            text(&headed("Content-Length: 15\r\nContent-Length: 2\r\n")),
            doubt,
        ),
        (
            "a negative length",
            text(&headed("Content-Length: -15\r\n")),
            doubt,
        ),
        (
            "an endless length",
            text(&headed("Content-Length: 99999999999999999999999999\r\n")),
            doubt,
        ),
        (
            "a huge length",
            text(&headed("Content-Length: 9223372036854775807\r\n")),
            Kind::Accepted,
        ),
        (
            "a short length",
            text(&headed("Content-Length: 5\r\n")),
            doubt,
        ),
        (
            "a bad chunk",
            text(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{\"id\":\"task-1\"}\r\n0\r\n\r\n",
            ),
            doubt,
        ),
        (
            "a huge chunk",
            text(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{\"id\":\"task-1\"}",
            ),
            Kind::Accepted,
        ),
        (
            "an endless chunk",
            text(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{\"id\":\"task-1\"}",
            ),
            doubt,
        ),
        (
            "a NUL in a header",
            b"HTTP/1.1 200 OK\r\nx: \0\r\nContent-Length: 15\r\n\r\n{\"id\":\"task-1\"}".to_vec(),
            doubt,
        ),
        ("100,000 headers", text(&headed(&many_headers)), doubt),
        ("a header of 8 MiB", text(&headed(&long_header)), doubt),
        ("a request", text("POST / HTTP/1.1\r\n\r\n"), doubt),
    ]
}

#[tokio::test]
async fn an_answer_that_no_provider_should_give_has_one_meaning_and_the_request_is_sent_once() {
    let answers = odd_answers();
    let sent: Vec<Vec<u8>> = answers.iter().map(|(_, bytes, _)| bytes.clone()).collect();
    let (server, api) = sweeping(move |count, stream| {
        let request = read_request(stream);
        let _ = stream.write_all(&sent[count]);
        [request, End::Fin.of(stream)].concat()
    });
    for (name, _, expected) in &answers {
        let reply = api.submit(&request()).await;
        assert_eq!(kind(&reply), *expected, "{name}: {reply:?}");
    }
    let seen = server.finish().await;
    assert_eq!(seen.len(), answers.len());
    for seen in &seen {
        assert_eq!(seen.matches("POST ").count(), 1, "{seen}");
    }
    announce(&format!(
        "wire: {} odd answers, one request each",
        seen.len()
    ));
}

#[tokio::test]
async fn informational_answers_without_end_are_bounded_by_the_whole_time() {
    let server = Server::run(|stream| {
        let request = read_request(stream);
        let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
        while stream.write_all(flood.as_bytes()).is_ok() {}
        request
    });
    let timers = Timers {
        submit: Duration::from_millis(100),
        ..patient()
    };
    let api = api_with(server.origin(), timers).expect("valid settings");
    let reply = api.submit(&request()).await;
    assert!(
        doubt(&reply).1.ends_with("no answer within 100ms"),
        "{reply:?}"
    );
    assert_eq!(server.finish().await.len(), 1);
}

#[tokio::test]
async fn no_kind_of_redirect_is_followed_not_even_to_the_same_place() {
    for status in [
        "300 x", "301 x", "302 x", "303 x", "305 x", "307 x", "308 x",
    ] {
        let server = Server::run(move |stream| {
            let request = read_request(stream);
            let own = stream.local_addr().expect("bound");
            let location = format!("Location: http://{own}/v1/video/generations");
            let _ = stream.write_all(http(status, &[&location], "").as_bytes());
            request
        });
        let reply = submit_to(&server).await;
        assert_eq!(kind(&reply), Kind::Fault(RunFault::Address), "{status}");
        assert!(matches!(poll_at(&server).await, PollReply::Trouble { .. }));
        assert_eq!(server.finish().await.len(), 2, "{status}");
    }
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_in_time_is_not_sent() {
    // Nobody accepts here, and the queue of those who wait is full: what comes next is neither taken nor refused.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("valid"))
        .expect("a free port");
    let listener = socket.listen(1).expect("it listens");
    let address = listener.local_addr().expect("bound");
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
        assert!(waiting.len() < 1000, "the queue never fills");
    }
    let (short, long) = (Duration::from_millis(100), Duration::from_secs(60));
    for (connect, submit) in [(short, long), (long, short)] {
        let timers = Timers {
            connect,
            submit,
            ..patient()
        };
        let origin = origin(&format!("http://{address}"));
        let api = api_with(origin, timers).expect("valid settings");
        not_sent(&api.submit(&request()).await);
    }
}

#[tokio::test]
async fn a_kept_connection_that_died_costs_a_poll_nothing_and_is_never_used_for_a_create() {
    let server = Server::run(|stream| {
        let mut seen = read_request(stream);
        let answer = if seen.starts_with(b"POST") {
            http("200 OK", &[], r#"{"id":"task-1"}"#)
        } else {
            http("200 OK", &[], r#"{"id":"a","status":"queued"}"#)
        };
        // Offered to be kept, and closed behind the client's back.
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        seen.extend(read_until_closed(stream));
        seen
    });
    let api = api(server.origin());
    for _ in 0..20 {
        let reply = api.poll(&server.origin(), &task("a")).await;
        assert_eq!(reply, PollReply::Running { unknown_word: None });
        assert_eq!(kind(&api.submit(&request()).await), Kind::Accepted);
    }
    let seen = server.finish().await;
    let posts = seen.iter().filter(|seen| seen.contains("POST ")).count();
    assert_eq!(posts, 20);
    for seen in seen.iter().filter(|seen| seen.contains("POST ")) {
        assert_eq!(seen.matches(" HTTP/1.1").count(), 1, "{seen}");
    }
}

#[tokio::test]
async fn a_second_answer_on_a_kept_connection_is_not_taken_for_the_next_poll() {
    let stray = http("200 OK", &[], r#"{"id":"a","status":"failed"}"#);
    let server = Server::run(move |stream| {
        let request = read_request(stream);
        let answer = http("200 OK", &[], r#"{"id":"a","status":"queued"}"#) + &stray;
        let _ = stream.write_all(answer.as_bytes());
        [request, read_until_closed(stream)].concat()
    });
    let api = api(server.origin());
    for _ in 0..20 {
        let reply = api.poll(&server.origin(), &task("a")).await;
        assert_eq!(reply, PollReply::Running { unknown_word: None });
    }
    drop(api);
    server.finish().await;
}
