//! Probes of servers on loopback, good ones and odd ones.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::fetch::tests::served::{Request, Served, answer, file};
use crate::fetch::{FetchSettings, FetchTimers, Private, Proxies};
use crate::manifest::{LoadOptions, load_with};

const CLIP: &[u8] = include_bytes!("../simulator/media/square.mp4");
const PICTURE: &[u8] = include_bytes!("../simulator/media/frame.png");

/// Everything at once, and patient.
const HASTY: ProbeLimits = ProbeLimits {
    parallel: 8,
    spacing: Duration::ZERO,
    each: Duration::from_secs(20),
    all: Duration::from_secs(600),
};

fn fetcher(idle: Duration) -> Fetcher {
    Fetcher::new(&FetchSettings {
        private: Private::Allow,
        proxies: Proxies::None,
        timers: FetchTimers {
            connect: Duration::from_secs(10),
            idle,
            total: Duration::from_secs(20),
        },
    })
    .expect("a client")
}

/// A manifest with one job for each address, in this field.
fn references(field: &str, addresses: &[String]) -> Box<References> {
    let jobs = addresses.iter().enumerate().map(|(number, address)| {
        format!(
            "- {{ id: j{number}, prompt: a, model: seedance2.0-720p, {field}: ['{address}'] }}\n"
        )
    });
    let text = format!("jobs:\n{}", jobs.collect::<String>());
    let options = LoadOptions {
        keeps_references: true,
        ..LoadOptions::default()
    };
    let read = move |_: &Path| Ok(text.clone().into());
    let loaded = load_with(Path::new("a.yaml"), &options, &read);
    assert!(loaded.plan.is_some(), "{}", loaded.render_compact());
    loaded.references.expect("asked for")
}

async fn outcomes(field: &str, addresses: &[String], limits: ProbeLimits) -> Vec<Outcome> {
    let fetcher = fetcher(Duration::from_secs(10));
    probe(&fetcher, &references(field, addresses), limits, |_| ()).await
}

async fn outcome(field: &str, address: String) -> Outcome {
    outcomes(field, &[address], HASTY).await.remove(0)
}

/// What is known of a video on `server`.
async fn video(server: &Served) -> Facts {
    match outcome("videos", server.url("/a.mp4")).await {
        Outcome::Answered(facts) => facts,
        other => panic!("{other:?}"),
    }
}

/// The length of a video on `server`.
async fn length(server: &Served) -> Result<u128, String> {
    let facts = video(server).await;
    let length = facts.length.expect("a video");
    length.map(|length| length.as_millis())
}

/// A server with one file that sends parts.
fn with_parts(content: Vec<u8>) -> Served {
    Served::answering(move |request| file(request, "video/mp4", &content))
}

/// Answers a request for the bytes from here on.
type Script = Box<dyn Fn(&Request, usize) -> Vec<u8> + Send + Sync>;

/// The clip with its index behind `filling` bytes of video.
fn index_at_the_end(filling: usize) -> Vec<u8> {
    let size = |at: usize| {
        let bytes = CLIP[at..at + 4].try_into().expect("four bytes");
        usize::try_from(u32::from_be_bytes(bytes)).expect("small")
    };
    let first = size(0);
    let index = &CLIP[first..first + size(first)];
    let head = u32::try_from(filling + 8).expect("small").to_be_bytes();
    [&CLIP[..first], &head, b"mdat", &vec![0; filling], index].concat()
}

#[tokio::test]
async fn a_picture_and_a_sound_are_known_by_their_first_bytes() {
    let server = Served::answering(|request| file(request, "application/octet-stream", PICTURE));
    for field in ["images", "audios"] {
        let Outcome::Answered(facts) = outcome(field, server.url("/a.png")).await else {
            panic!("no answer");
        };
        assert_eq!(facts.size, Some(PICTURE.len() as u64));
        assert_eq!(facts.format.expect("known").subtype, "png");
    }
    assert_eq!(server.lines(), ["GET /a.png", "GET /a.png"]);
    assert_eq!(server.asked()[0].range(), Some((0, SIGNATURE_BYTES - 1)));
}

#[tokio::test]
async fn a_page_that_is_sent_as_a_picture_or_sound_is_found_out() {
    for (field, sent_as) in [("images", "image/png"), ("audios", "audio/mpeg")] {
        let server = Served::answering(move |request| {
            let page = b"<!DOCTYPE html><title>Sign in</title>";
            answer(request, 200, &[&format!("content-type: {sent_as}")], page)
        });
        let Outcome::Answered(facts) = outcome(field, server.url("/a")).await else {
            panic!("no answer");
        };
        assert_eq!(facts.media_type.as_deref(), Some(sent_as));
        assert_eq!(facts.format.expect("known").name, "a web page");
    }
}

#[tokio::test]
async fn each_address_is_asked_for_once_however_many_jobs_have_it() {
    let server = Served::answering(|request| file(request, "image/png", PICTURE));
    let addresses = vec![server.url("/a.png"); 20];
    assert_eq!(outcomes("images", &addresses, HASTY).await.len(), 1);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn the_length_of_a_video_is_read_from_its_index_at_either_end() {
    let front = with_parts(CLIP.to_vec());
    assert_eq!(length(&front).await, Ok(2000));
    assert_eq!(front.asked().len(), 1);
    let end = with_parts(index_at_the_end(3_000_000));
    assert_eq!(length(&end).await, Ok(2000));
    assert_eq!(end.asked().len(), 2);
    let (from, _) = end.asked()[1].range().expect("a range");
    assert!(from > 3_000_000, "{from}");
}

#[tokio::test]
async fn a_server_that_sends_no_parts_is_left_when_the_length_is_known() {
    let endless = |start: Vec<u8>| {
        Served::by(move |_, stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 -\r\ncontent-type: video/mp4\r\n\r\n");
            let _ = stream.write_all(&start);
            while stream.write_all(&[0; 4096]).is_ok() {}
        })
    };
    assert_eq!(length(&endless(CLIP.to_vec())).await, Ok(2000));
    assert_eq!(length(&endless(index_at_the_end(400_000))).await, Ok(2000));
    let far = length(&endless(index_at_the_end(20_000_000))).await;
    assert!(far.expect_err("too far").contains("sends no parts"));
    let zeros = length(&endless(vec![0; 100_000])).await;
    assert_eq!(zeros, Err("it is no MP4 or QuickTime file".to_owned()));
}

#[tokio::test]
async fn a_file_that_is_sent_whole_and_ends_is_read_to_its_end() {
    let whole = index_at_the_end(300_000);
    let server = Served::answering(move |request| {
        answer(request, 200, &["content-type: video/mp4"], &whole)
    });
    assert_eq!(length(&server).await, Ok(2000));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn odd_servers_leave_the_length_unknown() {
    let whole = Arc::new(index_at_the_end(300_000));
    let total = whole.len();
    let odd: [(&str, Script); 6] = [
        (
            "packed (`gzip`)",
            Box::new(|request, _| {
                let headers = ["content-type: video/mp4", "content-encoding: gzip"];
                answer(request, 200, &headers, b"\x1f\x8b\x08 packed")
            }),
        ),
        (
            "other parts than it is asked for",
            Box::new(|request, _| {
                let headers = ["content-type: video/mp4", "content-range: bytes 5-9/10"];
                answer(request, 206, &headers, b"56789")
            }),
        ),
        (
            "broke off",
            Box::new(|_, _| {
                b"HTTP/1.1 200 -\r\ncontent-type: video/mp4\r\ncontent-length: 9999\r\n\r\n\0\0\0\x10ftypisom\0\0\0\0".into()
            }),
        ),
        (
            "changed while",
            Box::new(move |request, from| {
                let range = format!("content-range: bytes {from}-{from}/{}", total + from);
                answer(request, 206, &[&range], &vec![0; 65_536])
            }),
        ),
        (
            "answers 503 to a part",
            Box::new(|request, _| answer(request, 503, &[], b"")),
        ),
        (
            "other parts than it is asked for",
            Box::new(move |request, _| {
                let range = format!("content-range: bytes */{total}");
                answer(request, 416, &[&range], b"")
            }),
        ),
    ];
    for (number, (words, odd)) in odd.into_iter().enumerate() {
        let whole = Arc::clone(&whole);
        let server = Served::answering(move |request| {
            let (from, _) = request.range().expect("a range");
            if from == 0 && number > 2 {
                file(request, "video/mp4", &whole)
            } else {
                odd(request, from)
            }
        });
        let said = length(&server).await.expect_err(words);
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn a_web_page_in_the_place_of_a_video_is_seen_as_one() {
    let server = Served::answering(|request| {
        let page = b"<!DOCTYPE html><title>Log in</title>";
        answer(request, 200, &["content-type: video/mp4"], page)
    });
    let facts = video(&server).await;
    assert_eq!(facts.format.expect("known").subtype, "html");
    let empty = with_parts(Vec::new());
    assert_eq!(video(&empty).await.size, Some(0));
    let missing = Served::answering(|request| answer(request, 404, &[], b"no"));
    assert_eq!(video(&missing).await.status, 404);
}

#[tokio::test]
async fn a_redirect_into_a_private_network_and_an_unknown_scheme_are_told_apart() {
    let server = Served::answering(|request| answer(request, 302, &["location: ftp://x/"], b""));
    let outcome = outcome("images", server.url("/")).await;
    assert!(
        matches!(outcome, Outcome::Unreachable { .. }),
        "{outcome:?}"
    );
    let careful = Fetcher::new(&FetchSettings {
        private: Private::Refuse,
        proxies: Proxies::None,
        timers: FetchTimers {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            total: Duration::from_secs(10),
        },
    })
    .expect("a client");
    let at = |host| format!("http://{host}:{}/", server.address().port());
    let found = references("images", &[at("localhost"), at("127.0.0.1"), at("[::1]")]);
    for outcome in probe(&careful, &found, HASTY, |_| ()).await {
        assert!(matches!(outcome, Outcome::Private { .. }), "{outcome:?}");
    }
    assert_eq!(server.asked().len(), 1, "only what was allowed");
}

#[tokio::test]
async fn a_thousand_addresses_are_asked_for_eight_at_a_time() {
    let server = Served::answering(|request| file(request, "image/png", PICTURE));
    let addresses: Vec<String> = (0..1000)
        .map(|n| server.url(&format!("/{n}.png")))
        .collect();
    let outcomes = outcomes("images", &addresses, HASTY).await;
    assert_eq!(outcomes.len(), 1000);
    for outcome in outcomes {
        assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
    }
    assert_eq!(server.asked().len(), 1000);
    // The server may see the end of a connection a little later than the client.
    assert!(server.most_at_once() <= 16, "{}", server.most_at_once());
}

#[tokio::test]
async fn a_host_that_is_silent_is_not_asked_a_thousand_times() {
    let server = Served::by(|_, stream| {
        let _ = std::io::Read::read(stream, &mut [0]);
    });
    let addresses: Vec<String> = (0..1000)
        .map(|n| server.url(&format!("/{n}.mp4")))
        .collect();
    let found = references("videos", &addresses);
    let impatient = fetcher(Duration::from_millis(100));
    let outcomes = probe(&impatient, &found, HASTY, |_| ()).await;
    let not_asked = Outcome::NotAsked(Skipped::SilentHost);
    let silent = outcomes.iter().filter(|outcome| **outcome == not_asked);
    assert!(silent.count() >= 1000 - 11);
    assert!(server.asked().len() <= 11, "{}", server.asked().len());
}

#[tokio::test]
async fn what_has_no_turn_before_the_time_is_up_is_not_asked() {
    let server = Served::answering(|request| file(request, "image/png", PICTURE));
    let addresses: Vec<String> = (0..5).map(|n| server.url(&format!("/{n}.png"))).collect();
    let limits = ProbeLimits {
        spacing: Duration::from_secs(3600),
        ..HASTY
    };
    let outcomes = outcomes("images", &addresses, limits).await;
    assert!(matches!(outcomes[0], Outcome::Answered(_)), "{outcomes:?}");
    for outcome in &outcomes[1..] {
        assert_eq!(*outcome, Outcome::NotAsked(Skipped::TimeUp));
    }
}
