//! The whole server, over real sockets on loopback: every fault as a client meets it, beside what the ledger says.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// What a client got out of one exchange.
#[derive(Debug)]
struct Exchange {
    received: Vec<u8>,
    end: io::Result<()>,
}

impl Exchange {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    fn status(&self) -> u16 {
        let text = self.text();
        let status = text.get(9..12).expect("a status line");
        status.parse().expect("a number")
    }

    fn body(&self) -> &[u8] {
        let head = self.received.windows(4).position(|w| w == b"\r\n\r\n");
        &self.received[head.expect("a head") + 4..]
    }

    fn json(&self) -> Value {
        serde_json::from_slice(self.body()).expect("a JSON body")
    }

    fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (head, _) = text.split_once("\r\n\r\n")?;
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    }

    fn was_reset(&self) -> bool {
        matches!(&self.end, Err(error) if error.kind() == io::ErrorKind::ConnectionReset)
    }
}

async fn exchange(simulator: &Simulator, request: &str) -> Exchange {
    let mut stream = TcpStream::connect(simulator.address())
        .await
        .expect("the simulator listens");
    let sent = stream.write_all(request.as_bytes()).await;
    let mut received = Vec::new();
    let end = match sent {
        Ok(()) => stream.read_to_end(&mut received).await.map(drop),
        Err(error) => Err(error),
    };
    Exchange { received, end }
}

async fn get(simulator: &Simulator, path: &str, headers: &str) -> Exchange {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer sk-test\r\nconnection: close\r\n{headers}\r\n"
    );
    exchange(simulator, &request).await
}

fn create_request(body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST /v1/video/generations HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer sk-test\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn job() -> Value {
    json!({ "model": "seedance2.0-fast-480p", "prompt": "a cat", "aspect_ratio": "9:16" })
}

async fn submit(simulator: &Simulator) -> Exchange {
    exchange(simulator, &create_request(&job())).await
}

async fn simulator(faults: &str) -> Simulator {
    start(SimulatorSettings {
        render: "1ms".parse().expect("valid"),
        faults: faults.parse().expect("valid"),
        ..SimulatorSettings::rehearsal()
    })
    .await
    .expect("a free port")
}

/// Polls until the task is completed, which takes it a millisecond.
async fn completed(simulator: &Simulator, task_id: &str) -> Value {
    loop {
        let path = format!("/v1/videos/{task_id}");
        let body = get(simulator, &path, "").await.json();
        if body["status"] == "completed" {
            return body;
        }
    }
}

#[tokio::test]
async fn a_job_becomes_a_video_that_can_be_fetched_in_parts() {
    let simulator = simulator("429=0%").await;
    let answer = submit(&simulator).await;
    assert_eq!(answer.status(), 200);
    let task_id = answer.json()["task_id"].as_str().expect("an id").to_owned();
    let url = completed(&simulator, &task_id).await["video_url"]
        .as_str()
        .expect("a URL")
        .to_owned();
    let path = url
        .strip_prefix(&simulator.base_url())
        .expect("a URL of this simulator");

    let video = get(&simulator, path, "").await;
    assert_eq!(
        (video.status(), video.header("content-type").as_deref()),
        (200, Some("video/mp4"))
    );
    let clip = media::clip(crate::plan::AspectRatio::Portrait);
    assert_eq!(video.body(), clip);

    let part = get(&simulator, path, "range: bytes=1000-\r\n").await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.body(), &clip[1000..]);
    let range = format!("bytes 1000-{}/{}", clip.len() - 1, clip.len());
    assert_eq!(part.header("content-range"), Some(range));

    let beyond = get(&simulator, path, "range: bytes=99999-\r\n").await;
    assert_eq!(beyond.status(), 416);
    assert_eq!(simulator.ledger().totals.videos_fetched, 3);
}

#[tokio::test]
async fn a_broken_create_leaves_what_the_ledger_says() {
    for (fault, delivery, created) in [
        ("reset-unread", Delivery::ResetUnread, 0),
        ("reset", Delivery::Reset, 0),
        ("reset-created", Delivery::Reset, 1),
        ("lost-answer", Delivery::Closed, 1),
        ("cut-answer", Delivery::Cut, 1),
    ] {
        let simulator = simulator(fault).await;
        let answer = submit(&simulator).await;
        let is_reset = matches!(delivery, Delivery::Reset | Delivery::ResetUnread);
        assert_eq!(answer.was_reset(), is_reset, "{fault}: {answer:?}");
        assert_eq!(answer.end.is_ok(), !is_reset, "{fault}: {answer:?}");
        assert_eq!(
            answer.received.is_empty(),
            delivery != Delivery::Cut,
            "{fault}"
        );
        let ledger = simulator.ledger();
        assert_eq!(ledger.posts[0].delivery, delivery, "{fault}");
        assert_eq!(
            (ledger.totals.creates, ledger.totals.unanswered),
            (created, created),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_cut_answer_stops_in_its_body() {
    let simulator = simulator("cut-answer").await;
    let answer = submit(&simulator).await;
    let promised: usize = answer
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .expect("a length");
    assert_eq!(answer.body().len(), promised / 2);
}

#[tokio::test]
async fn a_reset_poll_is_answered_when_it_is_asked_again() {
    let simulator = simulator("poll:reset=first:1").await;
    let task_id = submit(&simulator).await.json()["task_id"].clone();
    let path = format!("/v1/videos/{}", task_id.as_str().expect("an id"));
    assert!(get(&simulator, &path, "").await.was_reset());
    assert_eq!(get(&simulator, &path, "").await.status(), 200);
}

#[tokio::test]
async fn answers_of_other_kinds_come_as_they_were_ordered() {
    for (fault, status, content_type) in [
        ("429=7s", 429, "application/json"),
        ("503", 503, "application/json"),
        ("html", 502, "text/html; charset=utf-8"),
        ("html-200", 200, "text/html; charset=utf-8"),
        ("moderation", 400, "application/json"),
    ] {
        let simulator = simulator(fault).await;
        let answer = submit(&simulator).await;
        assert_eq!(answer.status(), status, "{fault}");
        assert_eq!(
            answer.header("content-type").as_deref(),
            Some(content_type),
            "{fault}"
        );
        let wait = answer.header("retry-after");
        assert_eq!(wait.as_deref(), (status == 429).then_some("7"), "{fault}");
        assert_eq!(simulator.ledger().totals.creates, 0, "{fault}");
    }
}

#[tokio::test]
async fn a_slow_answer_was_executed_before_it_left() {
    let simulator = simulator("slow=1h").await;
    let mut stream = TcpStream::connect(simulator.address())
        .await
        .expect("the simulator listens");
    let request = create_request(&job());
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    while simulator.ledger().totals.creates == 0 {
        tokio::task::yield_now().await;
    }
    let ledger = simulator.shutdown().await;
    assert_eq!(ledger.totals.creates, 1);
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    assert!(received.is_empty(), "a stopped server answers nothing");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_request_makes_no_task() {
    let simulator = simulator("429=0%").await;
    let mut stream = TcpStream::connect(simulator.address())
        .await
        .expect("the simulator listens");
    let request = create_request(&job());
    stream
        .write_all(&request.as_bytes()[..request.len() - 5])
        .await
        .expect("it reads");
    drop(stream);
    while simulator.ledger().posts.is_empty() {
        tokio::task::yield_now().await;
    }
    let ledger = simulator.ledger();
    assert_eq!(ledger.posts[0].delivery, Delivery::Incomplete);
    assert_eq!(ledger.totals.creates, 0);
}

#[tokio::test]
async fn paths_outside_the_api_are_pages_and_unknown_ones_inside_are_errors() {
    let simulator = simulator("429=0%").await;
    for (path, status, start) in [
        ("/v1/nothing", 404, "{\"error\""),
        ("/v1/video/generations", 404, "{\"error\""),
        ("/v1/videos/task_0", 400, "{\"code\":\"task_not_exist\""),
        ("/video/generations", 200, "<!doctype html>"),
        ("/videos/task_0.mp4", 404, "no such file"),
        ("/frames/task_0.png", 200, "\u{fffd}PNG"),
        ("/_sim/health", 200, "ok"),
    ] {
        let answer = get(&simulator, path, "").await;
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), status, "{path}");
        assert!(body.starts_with(start), "{path}: {body:.40}");
    }
}

#[tokio::test]
async fn the_ledger_is_the_same_over_http_and_in_the_process() {
    let simulator = simulator("lost-answer=every:2").await;
    for _ in 0..4 {
        submit(&simulator).await;
    }
    let over_http = get(&simulator, "/_sim/ledger", "").await.json();
    let ledger: Ledger = serde_json::from_value(over_http).expect("the documented form");
    assert_eq!(ledger.posts, simulator.ledger().posts);
    let totals = ledger.totals;
    assert_eq!((totals.creates, totals.unanswered), (4, 2));
    assert_eq!(ledger.posts[0].request, job());
}

#[tokio::test]
async fn concurrent_creates_are_all_counted_and_the_limit_holds() {
    let simulator = start(SimulatorSettings {
        render: "1h".parse().expect("valid"),
        max_in_flight: std::num::NonZero::new(5),
        ..SimulatorSettings::rehearsal()
    })
    .await
    .expect("a free port");
    let answers = futures::future::join_all((0..20).map(|_| submit(&simulator))).await;
    let accepted = answers.iter().filter(|answer| answer.status() == 200);
    assert_eq!(accepted.count(), 5);
    let totals = simulator.ledger().totals;
    assert_eq!(
        (totals.posts, totals.creates, totals.refused_429),
        (20, 5, 15)
    );
    assert_eq!(totals.max_in_flight, 5);
}

#[tokio::test]
async fn a_simulator_that_is_stopped_or_dropped_no_longer_listens() {
    let stopped = simulator("429=0%").await;
    let address = stopped.address();
    stopped.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());

    let dropped = simulator("429=0%").await;
    let address = dropped.address();
    drop(dropped);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn serving_lasts_until_it_is_told_to_end_and_returns_the_sums() {
    let (told, hears) = tokio::sync::oneshot::channel();
    let summary = super::super::serve(
        SimulatorSettings::rehearsal(),
        |address| told.send(address).expect("somebody listens"),
        async {
            let address = hears.await.expect("it is ready");
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            let request = create_request(&job());
            stream
                .write_all(request.as_bytes())
                .await
                .expect("it reads");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("it answers");
        },
    )
    .await
    .expect("a free port");
    assert_eq!((summary.posts, summary.creates), (1, 1));
}
