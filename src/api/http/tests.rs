//! The client against providers that are broken on purpose: raw TCP servers on loopback, each a few lines long.

mod sweep;
mod tls;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread::JoinHandle;

use super::*;
use crate::engine::event::RunFault;
use crate::plan::{ExtraBody, Media, Model, RequestFields};

const KEY: &str = "sk-canary-0123456789";

/// Sent by [`Server::finish`] to end the server, after everything else that was sent to it.
const STOP: &[u8] = b"STOP";

/// A server that plays one script per connection and keeps what every client sent.
struct Server {
    address: SocketAddr,
    thread: JoinHandle<Vec<Vec<u8>>>,
}

impl Server {
    /// `script` gets each connection in turn and returns what it read of it.
    fn run(script: impl Fn(&mut TcpStream) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let thread = std::thread::spawn(move || {
            let mut received = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().expect("a client");
                let mut start = [0; STOP.len()];
                if stream.peek(&mut start).is_ok() && start == STOP {
                    return received;
                }
                received.push(script(&mut stream));
            }
        });
        Self { address, thread }
    }

    /// Reads whole requests and answers each with `answer`.
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::run(move |stream| {
            let request = read_request(stream);
            let _ = stream.write_all(&answer);
            let _ = stream.shutdown(Shutdown::Write);
            request
        })
    }

    fn origin(&self) -> Origin {
        origin(&format!("http://{}", self.address))
    }

    /// What was sent to the server, one text per connection. Connections are served in order, so every earlier one is
    /// among them. The runtime goes on meanwhile, to close the connections that the client gave up.
    async fn finish(self) -> Vec<String> {
        let finish = move || {
            let mut stream = TcpStream::connect(self.address).expect("the server listens");
            stream.write_all(STOP).expect("the server reads");
            self.thread.join().expect("no script panics")
        };
        let received = tokio::task::spawn_blocking(finish).await;
        let received = received.expect("no panic");
        let text = |sent: Vec<u8>| String::from_utf8_lossy(&sent).into_owned();
        received.into_iter().map(text).collect()
    }
}

/// Reads a request up to the end its head announces, or of the connection.
fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return request;
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let length = head
        .split_once("content-length: ")
        .and_then(|(_, rest)| rest.lines().next()?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    let _ = stream.read_exact(&mut body);
    request.extend(body);
    request
}

/// Reads until the client goes away.
fn read_until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let _ = stream.read_to_end(&mut request);
    request
}

fn http(status: &str, headers: &[&str], body: &str) -> String {
    let headers = [headers, &[""]].concat().join("\r\n");
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

fn origin(base_url: &str) -> Origin {
    Origin {
        base_url: base_url.to_owned(),
        create_path: "/v1/video/generations".to_owned(),
        poll_path: "/v1/videos/{task_id}".to_owned(),
        key: String::new(),
    }
}

/// Timers that only run out where a test waits for them to.
fn patient() -> Timers {
    Timers::around(Duration::from_secs(60))
}

fn api_with(origin: Origin, timers: Timers) -> Result<HttpApi, ApiError> {
    HttpApi::new(ApiSettings {
        origin,
        key: Some(KEY.into()),
        timers,
        wall_clock: || Timestamp::UNIX_EPOCH,
    })
}

fn api(origin: Origin) -> HttpApi {
    api_with(origin, patient()).expect("valid settings")
}

/// A client for a provider that speaks TLS, trusting nobody: no test depends on this machine's certificates.
fn tls_api(server: &Server, timers: Timers) -> HttpApi {
    let plain = api_with(server.origin(), timers).expect("valid settings");
    let mut connections = Arc::into_inner(plain.0).expect("not shared");
    let address = format!("https://{}/v1", server.address);
    connections.create_url = Url::parse(&address).expect("valid");
    let client = submit_client(timers, true).tls_certs_only([]);
    connections.submit = client.build().expect("no certificates are needed");
    HttpApi(Arc::new(connections))
}

fn request() -> VideoRequest {
    VideoRequest::new(RequestFields {
        model: Model::Fast720p,
        prompt: "a lighthouse 🎬".into(),
        duration: Some(5),
        aspect_ratio: None,
        media: Media::default(),
        extra: ExtraBody::default(),
    })
}

fn task(text: &str) -> TaskId {
    TaskId::new(text).expect("not blank")
}

async fn submit_to(server: &Server) -> SubmitReply {
    api(server.origin()).submit(&request()).await
}

async fn poll_at(server: &Server) -> PollReply {
    api(server.origin())
        .poll(&server.origin(), &task("a"))
        .await
}

/// The message of a reply that must be in doubt.
fn doubt(reply: &SubmitReply) -> (Evidence, &str) {
    match reply {
        SubmitReply::InDoubt { evidence, message } => (*evidence, message.as_str()),
        other => panic!("not in doubt: {other:?}"),
    }
}

fn not_sent(reply: &SubmitReply) -> &str {
    match reply {
        SubmitReply::NotSent { message } => message.as_str(),
        other => panic!("sent: {other:?}"),
    }
}

fn in_trouble(reply: &PollReply) -> &str {
    match reply {
        PollReply::Trouble { message } => message.as_str(),
        other => panic!("no trouble: {other:?}"),
    }
}

#[tokio::test]
async fn a_create_request_looks_like_this_on_the_wire() {
    let server = Server::answering(http("200 OK", &[], r#"{"id":"a"}"#));
    let reply = submit_to(&server).await;
    assert_eq!(
        reply,
        SubmitReply::Accepted {
            task_id: task("a"),
            other_id: None
        }
    );
    let port = server.address.port().to_string();
    let sent = server.finish().await.join("\n---\n").replace(&port, "PORT");
    insta::assert_snapshot!(sent.replace('\r', ""));
}

#[tokio::test]
async fn a_poll_request_looks_like_this_on_the_wire() {
    let answer = http("200 OK", &[], r#"{"id":"a/b ?","status":"queued"}"#);
    let server = Server::answering(answer);
    let reply = api(server.origin())
        .poll(&server.origin(), &task("a/b ?"))
        .await;
    assert_eq!(reply, PollReply::Running { unknown_word: None });
    let port = server.address.port().to_string();
    let sent = server.finish().await.join("\n---\n").replace(&port, "PORT");
    insta::assert_snapshot!(sent.replace('\r', ""));
}

#[tokio::test]
async fn without_a_key_no_authorization_is_sent() {
    let server = Server::answering(http("200 OK", &[], r#"{"id":"a"}"#));
    let settings = ApiSettings {
        origin: server.origin(),
        key: None,
        timers: patient(),
        wall_clock: || Timestamp::UNIX_EPOCH,
    };
    let api = HttpApi::new(settings).expect("valid settings");
    api.submit(&request()).await;
    let sent = server.finish().await;
    assert!(sent[0].contains("lighthouse"), "{sent:?}");
    assert!(
        !sent[0].to_lowercase().contains("authorization"),
        "{sent:?}"
    );
}

#[tokio::test]
async fn every_create_goes_out_on_a_fresh_connection_though_the_provider_offers_to_keep_it() {
    let server = Server::run(|stream| {
        let request = read_request(stream);
        let answer = http("200 OK", &["Connection: keep-alive"], r#"{"id":"a"}"#);
        stream.write_all(answer.as_bytes()).expect("a client");
        // A second request on this connection would be seen here.
        [request, read_until_closed(stream)].concat()
    });
    let api = api(server.origin());
    for _ in 0..3 {
        assert!(matches!(
            api.submit(&request()).await,
            SubmitReply::Accepted { .. }
        ));
    }
    let sent = server.finish().await;
    assert_eq!(sent.len(), 3);
    assert!(
        sent.iter().all(|sent| sent.matches("POST ").count() == 1),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_call_outlives_the_client_and_the_request_it_was_made_from() {
    let server = Server::answering(http("200 OK", &[], r#"{"id":"a"}"#));
    let call = {
        let api = api(server.origin());
        let request = request();
        tokio::spawn(api.submit(&request))
    };
    let reply = call.await.expect("no panic");
    assert!(matches!(reply, SubmitReply::Accepted { .. }), "{reply:?}");
    server.finish().await;
}

#[tokio::test]
async fn a_connection_that_closes_after_any_byte_was_read_is_in_doubt_and_nothing_is_sent_again() {
    for count in [1, 20, 200] {
        let server = Server::run(move |stream| {
            let mut start = vec![0; count];
            stream.read_exact(&mut start).expect("a request");
            start
        });
        let reply = submit_to(&server).await;
        assert_eq!(doubt(&reply).0, Evidence::Unclear, "after {count} bytes");
        assert_eq!(server.finish().await.len(), 1, "after {count} bytes");
    }
}

#[tokio::test]
async fn a_connection_that_closes_after_the_whole_request_is_in_doubt() {
    let server = Server::run(read_request);
    let reply = submit_to(&server).await;
    let (_, message) = doubt(&reply);
    assert!(
        message.starts_with("sent to `127.0.0.1`, then the connection broke: "),
        "{message}"
    );
    assert_eq!(server.finish().await.len(), 1);
}

#[tokio::test]
async fn a_connection_that_closes_at_once_is_never_taken_for_an_answer() {
    // Whether the client had begun to send is a race here; both readings are true to what happened.
    let server = Server::run(|_| Vec::new());
    let reply = submit_to(&server).await;
    let allowed = matches!(
        reply,
        SubmitReply::NotSent { .. } | SubmitReply::InDoubt { .. }
    );
    assert!(allowed, "{reply:?}");
    assert_eq!(server.finish().await.len(), 1);
}

#[tokio::test]
async fn a_request_that_was_given_up_before_it_was_sent_leaves_no_byte() {
    // What makes "not sent" safe to retry: the client writes nothing, not even the head, before it asks for the body.
    let server = Server::run(read_until_closed);
    let gate = Gate::default();
    assert!(gate.shut());
    let api = api(server.origin());
    let url = api.0.create_url.clone();
    let gated = GatedBody {
        gate,
        body: Some(Bytes::from_static(b"{}")),
    };
    let request = api.0.signed(api.0.submit.post(url));
    let sent = request.body(reqwest::Body::wrap(gated)).send().await;
    assert!(sent.is_err());
    assert_eq!(server.finish().await, [""]);
}

#[tokio::test]
async fn a_connection_that_stays_silent_is_in_doubt_after_the_time_out() {
    let server = Server::run(read_until_closed);
    let timers = Timers {
        submit: Duration::from_millis(200),
        ..patient()
    };
    let api = api_with(server.origin(), timers).expect("valid settings");
    let reply = api.submit(&request()).await;
    assert_eq!(
        doubt(&reply),
        (
            Evidence::Unclear,
            "sent to `127.0.0.1`, no answer within 200ms"
        )
    );
    assert_eq!(server.finish().await.len(), 1);
}

#[tokio::test]
async fn a_poll_that_is_not_answered_is_given_up_after_its_time_out() {
    let server = Server::run(read_until_closed);
    let timers = Timers {
        poll: Duration::from_millis(200),
        ..patient()
    };
    let api = api_with(server.origin(), timers).expect("valid settings");
    let reply = api.poll(&server.origin(), &task("a")).await;
    assert_eq!(in_trouble(&reply), "no answer within 200ms");
    assert_eq!(server.finish().await.len(), 1);
}

#[tokio::test]
async fn a_handshake_that_stands_still_is_given_up_long_before_the_submit_time_out() {
    let connect = |submit| Timers::around(Duration::from_secs(submit)).connect;
    assert_eq!(connect(180), Duration::from_secs(10));
    assert_eq!(connect(4), Duration::from_secs(2));
    let server = Server::run(read_until_closed);
    let timers = Timers {
        connect: Duration::from_millis(200),
        ..patient()
    };
    let api = tls_api(&server, timers);
    let request = request();
    let reply = tokio::time::timeout(timers.submit / 2, api.submit(&request)).await;
    not_sent(&reply.expect("given up in time"));
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let origin = origin(&format!("http://{address}"));
    let reply = api(origin.clone()).submit(&request()).await;
    assert_eq!(
        not_sent(&reply),
        "no connection to `127.0.0.1`: connection refused"
    );
    let reply = api(origin.clone()).poll(&origin, &task("a")).await;
    assert_eq!(in_trouble(&reply), "no answer: connection refused");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_sent() {
    let timers = Timers {
        connect: Duration::from_millis(500),
        ..patient()
    };
    let api = api_with(origin("http://api.invalid"), timers).expect("valid settings");
    let reply = api.submit(&request()).await;
    assert!(
        not_sent(&reply).starts_with("no connection to `api.invalid`: "),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_tls_connection_that_fails_is_not_sent() {
    const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 40];
    let answers: [&'static [u8]; 3] = [ALERT, b"HTTP/1.1 400 Bad Request\r\n\r\n", b""];
    for answer in answers {
        let server = Server::run(move |stream| {
            let _ = stream.read(&mut [0; 16 * 1024]);
            let _ = stream.write_all(answer);
            Vec::new()
        });
        let reply = tls_api(&server, patient()).submit(&request()).await;
        let message = not_sent(&reply);
        assert!(
            message.starts_with("no connection to `127.0.0.1`: "),
            "{message}"
        );
        assert_eq!(server.finish().await.len(), 1);
    }
}

#[tokio::test]
async fn a_tls_connection_that_stays_silent_is_not_sent() {
    let server = Server::run(|stream| {
        read_until_closed(stream);
        Vec::new()
    });
    for timers in [
        Timers {
            connect: Duration::from_millis(100),
            ..patient()
        },
        Timers {
            submit: Duration::from_millis(100),
            ..patient()
        },
    ] {
        not_sent(&tls_api(&server, timers).submit(&request()).await);
    }
    assert_eq!(server.finish().await.len(), 2);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
        elsewhere.set_nonblocking(true).expect("a socket");
        let target = elsewhere.local_addr().expect("bound");
        let location = format!("Location: http://{target}/v1?token=secret");
        let server = Server::answering(http(status, &[&location], ""));
        let reply = submit_to(&server).await;
        let SubmitReply::Fault { fault, message } = &reply else {
            panic!("{reply:?}");
        };
        assert_eq!(*fault, RunFault::Address);
        assert!(
            message.as_str().contains(&format!("`http://{target}/v1`")),
            "{message}"
        );
        assert!(matches!(poll_at(&server).await, PollReply::Trouble { .. }));
        assert_eq!(server.finish().await.len(), 2);
        assert!(elsewhere.accept().is_err(), "someone followed {status}");
    }
}

#[tokio::test]
async fn a_web_page_is_in_doubt_and_says_so() {
    let page = "<html><title>502 Bad Gateway</title></html>";
    let server = Server::answering(http("502 Bad Gateway", &["Content-Type: text/html"], page));
    let reply = submit_to(&server).await;
    assert_eq!(
        doubt(&reply),
        (
            Evidence::Html,
            "HTTP 502: a web page titled `502 Bad Gateway`"
        )
    );
    assert!(in_trouble(&poll_at(&server).await).starts_with("HTTP 502"));
    server.finish().await;
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = Server::run(|stream| {
        let request = read_request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let blanks = vec![b' '; 64 * 1024];
        while stream.write_all(&blanks).is_ok() {}
        request
    });
    let reply = submit_to(&server).await;
    assert_eq!(
        doubt(&reply).1,
        "HTTP 200 without a task id: an empty answer; answer larger than 1 MiB"
    );
    assert!(in_trouble(&poll_at(&server).await).contains("larger than 1 MiB"));
    server.finish().await;
}

#[tokio::test]
async fn an_id_is_kept_though_its_answer_never_ends() {
    let unfinished: [&'static str; 2] = [
        "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"task_id\":\"a\"}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"task_id\":\"a\"}\r\n",
    ];
    for answer in unfinished {
        let server = Server::run(|stream| {
            let request = read_request(stream);
            let _ = stream.write_all(answer.as_bytes());
            read_until_closed(stream);
            request
        });
        let timers = Timers {
            idle: Duration::from_millis(100),
            ..patient()
        };
        let api = api_with(server.origin(), timers).expect("valid settings");
        let reply = api.submit(&request()).await;
        assert!(matches!(reply, SubmitReply::Accepted { .. }), "{reply:?}");
        server.finish().await;
    }
}

#[tokio::test]
async fn an_error_that_breaks_off_is_in_doubt() {
    let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 999\r\n\r\n{\"error\":\"bad\"}";
    let server = Server::answering(answer);
    let reply = submit_to(&server).await;
    let (_, message) = doubt(&reply);
    assert!(
        message.starts_with("HTTP 400: bad; the answer broke off: "),
        "{message}"
    );
    server.finish().await;
}

#[tokio::test]
async fn an_answer_that_trickles_is_bounded_by_the_whole_time() {
    let server = Server::run(|stream| {
        let request = read_request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Each piece is small and timely; only the client's own limit ends this.
        while stream.write_all(b"1\r\n \r\n").is_ok() {
            std::thread::yield_now();
        }
        request
    });
    let timers = Timers {
        submit: Duration::from_millis(50),
        ..patient()
    };
    let api = api_with(server.origin(), timers).expect("valid settings");
    let reply = api.submit(&request()).await;
    let (_, message) = doubt(&reply);
    assert!(
        message.contains("took too long") || message.contains("larger than"),
        "{message}"
    );
    server.finish().await;
}

#[tokio::test]
async fn gzip_is_unpacked_whatever_its_label() {
    let packed = |body: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let answer = |header: &str, body: &[u8]| {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: {length}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let body = br#"{"id":"a","status":"queued"}"#;
    let gzip = "Content-Encoding: gzip\r\n";
    for answer in [
        answer(gzip, &packed(body)),
        answer("", &packed(body)),
        answer(gzip, body),
    ] {
        let server = Server::answering(answer);
        let reply = submit_to(&server).await;
        assert!(matches!(reply, SubmitReply::Accepted { .. }), "{reply:?}");
        let reply = poll_at(&server).await;
        assert_eq!(reply, PollReply::Running { unknown_word: None });
        server.finish().await;
    }
    let bomb = packed(&vec![b' '; 4 * ANSWER_LIMIT]);
    assert!(bomb.len() < ANSWER_LIMIT);
    let server = Server::answering(answer(gzip, &bomb));
    let reply = submit_to(&server).await;
    assert!(doubt(&reply).1.contains("larger than 1 MiB"), "{reply:?}");
    server.finish().await;
}

#[tokio::test]
async fn a_429_says_how_long_to_wait() {
    let clocks = [
        ("Retry-After: 7", 7),
        ("Retry-After: Thu, 01 Jan 1970 00:00:30 GMT", 30),
        (
            "Date: Thu, 01 Jan 2026 00:00:10 GMT\r\nRetry-After: Thu, 01 Jan 2026 00:00:30 GMT",
            20,
        ),
    ];
    for (header, seconds) in clocks {
        let server = Server::answering(http("429 Too Many Requests", &[header], ""));
        let reply = submit_to(&server).await;
        let SubmitReply::Later { retry_after, .. } = reply else {
            panic!("{reply:?}");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(seconds)), "{header}");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_key_that_the_provider_quotes_is_not_repeated() {
    let body = format!(r#"{{"error":{{"message":"bad key {KEY} given","code":"x"}}}}"#);
    for (header, body) in [
        (format!("X-Oneapi-Request-Id: {KEY}"), body.as_str()),
        (format!("Location: http://x/{KEY}"), KEY),
    ] {
        for status in ["401 Unauthorized", "302 Found", "500 Error", "200 OK"] {
            let server = Server::answering(http(status, &[&header], body));
            let replies = format!(
                "{:?} {:?}",
                submit_to(&server).await,
                poll_at(&server).await
            );
            assert!(replies.contains("[API key]"), "{replies}");
            assert!(!replies.contains("canary"), "{replies}");
            server.finish().await;
        }
    }
}

#[test]
fn the_key_shows_in_no_debug_output() {
    let origin = origin("http://127.0.0.1:9");
    let settings = ApiSettings {
        origin: origin.clone(),
        key: Some(KEY.into()),
        timers: patient(),
        wall_clock: || Timestamp::UNIX_EPOCH,
    };
    assert!(!format!("{settings:?}").contains("canary"));
    let api = api(origin);
    let shown = format!(
        "{api:?} {:?}",
        api.0.signed(api.0.poll.get("http://127.0.0.1:9"))
    );
    assert!(shown.contains("Sensitive"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn a_key_that_cannot_be_sent_is_refused_without_showing_it() {
    for key in [
        "",
        "canary canary",
        "canary\n",
        "canary\u{e9}",
        &"canary".repeat(9999),
    ] {
        let settings = ApiSettings {
            origin: origin("http://127.0.0.1:9"),
            key: Some(key.into()),
            timers: patient(),
            wall_clock: || Timestamp::UNIX_EPOCH,
        };
        let error = HttpApi::new(settings).expect_err("refused");
        assert_eq!(error.exit_code(), ExitCode::Refused);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn an_address_that_cannot_be_asked_is_refused() {
    let good = origin("https://api.example.com");
    for origin in [
        origin("ftp://api.example.com"),
        origin("https://me:secret@api.example.com"),
        Origin {
            create_path: ".evil.example.com/v1".to_owned(),
            ..good.clone()
        },
        Origin {
            poll_path: "/v1/videos".to_owned(),
            ..good.clone()
        },
        Origin {
            create_path: format!("/{}", "x".repeat(9000)),
            ..good
        },
    ] {
        let error = api_with(origin.clone(), patient()).expect_err("refused");
        assert_eq!(error.exit_code(), ExitCode::Usage, "{origin:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_task_id_cannot_leave_its_place_in_the_path() {
    let origin = origin("https://api.example.com/base");
    let url = |id: &str| poll_url(&origin, &task(id)).map(String::from);
    for (id, path) in [
        ("task_1-a.b~", "task_1-a.b~"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("%2e%2e", "%252e%252e"),
        ("é\n", "%C3%A9%0A"),
        ("...", "..."),
    ] {
        let expected = format!("https://api.example.com/base/v1/videos/{path}");
        assert_eq!(url(id).expect("valid"), expected);
    }
    assert!(url(".").is_err());
    assert!(url("..").is_err());
}

#[test]
fn a_gate_is_passed_or_shut_but_never_both() {
    let gate = Gate::default();
    assert!(gate.pass());
    assert!(!gate.shut());
    let gate = Gate::default();
    assert!(gate.shut());
    assert!(!gate.pass());
    assert!(!gate.pass());
}

#[test]
fn a_fingerprint_tells_keys_apart_without_showing_them() {
    let print = key_fingerprint(&KEY.into());
    assert_eq!(print.len(), 8);
    assert_eq!(print, key_fingerprint(&KEY.into()));
    assert_ne!(print, key_fingerprint(&"sk-canary-012345678".into()));
    let plain = Sha256::digest(KEY.as_bytes());
    assert!(!print.starts_with(&format!("{:02x}{:02x}", plain[0], plain[1])));
}

#[tokio::test]
async fn a_task_is_polled_at_the_origin_that_made_it() {
    let server = Server::answering(http("200 OK", &[], r#"{"id":"a","status":"running"}"#));
    let elsewhere = api(origin("http://api.invalid"));
    let reply = elsewhere.poll(&server.origin(), &task("a")).await;
    assert_eq!(reply, PollReply::Running { unknown_word: None });
    assert_eq!(server.finish().await.len(), 1);
    let broken = Origin {
        poll_path: "/v1/videos".to_owned(),
        ..origin("http://127.0.0.1:9")
    };
    let reply = elsewhere.poll(&broken, &task("a")).await;
    assert!(in_trouble(&reply).contains("`{task_id}`"), "{reply:?}");
}

#[tokio::test]
async fn a_loopback_address_is_asked_directly_behind_a_proxy() {
    if !is_rerun() {
        let proxies = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"];
        let name = "a_loopback_address_is_asked_directly_behind_a_proxy";
        return rerun(name, &proxies, "http://127.0.0.1:1");
    }
    let server = Server::answering(http("200 OK", &[], r#"{"id":"a","status":"queued"}"#));
    let reply = submit_to(&server).await;
    assert!(matches!(reply, SubmitReply::Accepted { .. }), "{reply:?}");
    let reply = poll_at(&server).await;
    assert_eq!(reply, PollReply::Running { unknown_word: None });
    // Elsewhere the proxy counts: this one refuses connections.
    let reply = api(origin("http://192.0.2.1")).submit(&request()).await;
    assert!(not_sent(&reply).contains("connection refused"), "{reply:?}");
    server.finish().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_machine_without_certificates_reaches_plain_addresses_and_says_why_not_others() {
    if !is_rerun() {
        let places = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
        let name = "a_machine_without_certificates_reaches_plain_addresses_and_says_why_not_others";
        return rerun(name, &places, "/nowhere");
    }
    let server = Server::answering(http("200 OK", &[], r#"{"id":"a","status":"queued"}"#));
    let reply = submit_to(&server).await;
    assert!(matches!(reply, SubmitReply::Accepted { .. }), "{reply:?}");
    let error = api_with(origin("https://127.0.0.1:9"), patient()).expect_err("no certificates");
    assert!(error.to_string().contains("`SSL_CERT_FILE`"), "{error}");
    server.finish().await;
}

const RERUN: &str = "SHOTLIST_TEST_RERUN";

fn is_rerun() -> bool {
    std::env::var_os(RERUN).is_some()
}

/// Runs the test `name` in a process of its own where `variables` have `value`: an environment belongs to the whole
/// process, and is read when a client is built.
fn rerun(name: &str, variables: &[&str], value: &str) {
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child.args([&format!("api::http::tests::{name}"), "--exact"]);
    child.envs(variables.iter().map(|variable| (variable, value)));
    child
        .env(RERUN, "1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let output = child.output().expect("the child runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
}
