//! The fetcher against servers on loopback. Where a test needs "the public internet", one address of the loopback
//! network plays it and the others are private.

pub(crate) mod served;

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;

use self::served::{Request, Served, answer, file};
use super::*;

const QUICK: FetchTimers = FetchTimers {
    connect: Duration::from_secs(10),
    idle: Duration::from_secs(10),
    total: Duration::from_secs(20),
};

fn settings(private: Private) -> FetchSettings {
    FetchSettings {
        private,
        proxies: Proxies::None,
        timers: QUICK,
    }
}

/// Goes everywhere.
fn open_minded() -> Fetcher {
    Fetcher::new(&settings(Private::Allow)).expect("a client")
}

/// Goes to public addresses only.
fn careful() -> Fetcher {
    Fetcher::new(&settings(Private::Refuse)).expect("a client")
}

/// 127.0.0.1 plays the public internet.
fn all_but_one_are_private(address: IpAddr) -> Option<&'static str> {
    (address != IpAddr::V4(Ipv4Addr::LOCALHOST)).then_some("private in this test")
}

/// `public.example` is at 127.0.0.1, `inside.example` is private, `mixed.example` is both, others are unknown.
const NAMES: LookUp = |host| {
    Box::pin(async move {
        let (public, private) = (Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2));
        match host.as_str() {
            "public.example" => Ok(vec![public.into()]),
            "inside.example" => Ok(vec![private.into()]),
            "mixed.example" => Ok(vec![private.into(), public.into()]),
            "later.example" => Err(std::io::Error::other("Temporary failure")),
            _ => Err(std::io::Error::other("Name or service not known")),
        }
    })
};

/// Careful, in a small world.
fn in_a_small_world(proxies: Proxies) -> Fetcher {
    let settings = FetchSettings {
        proxies,
        ..settings(Private::Refuse)
    };
    Fetcher::on(&settings, NAMES, all_but_one_are_private).expect("a client")
}

fn redirect(request: &Request, to: &str) -> Vec<u8> {
    answer(request, 302, &[&format!("location: {to}")], b"")
}

async fn error_of(fetcher: &Fetcher, address: &str) -> FetchError {
    match fetcher.head(address).await {
        Ok(opened) => panic!("{address} answered {}", opened.status),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_file_is_read_whole_or_in_parts() {
    let server = Served::answering(|request| file(request, "video/mp4", b"0123456789"));
    let fetcher = open_minded();
    let url = server.url("/a.mp4");
    let head = fetcher.head(&url).await.expect("an answer");
    assert_eq!((head.status, head.length), (200, Some(10)));
    assert_eq!(head.media_type.as_deref(), Some("video/mp4"));

    let part = |from, length| Some(Part { from, length });
    let mut whole = fetcher.get(&url, None).await.expect("an answer");
    assert_eq!(whole.read(99).await.expect("a body"), "0123456789");
    let mut middle = fetcher.get(&url, part(3, Some(4))).await.expect("one");
    assert_eq!(middle.status, 206);
    let range = middle.range.expect("a range");
    assert_eq!((range.first, range.total), (Some(3), Some(10)));
    assert_eq!(middle.read(99).await.expect("a body"), "3456");
    let mut rest = fetcher.get(&url, part(8, None)).await.expect("an answer");
    assert_eq!(rest.read(99).await.expect("a body"), "89");
    let beyond = fetcher.get(&url, part(10, None)).await.expect("an answer");
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.range.expect("a range").total, Some(10));
}

#[tokio::test]
async fn nothing_that_tells_who_asks_is_sent() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/a" => answer(request, 302, &["location: /b", "set-cookie: id=1"], b""),
        _ => answer(request, 200, &["set-cookie: id=2"], b""),
    });
    let fetcher = open_minded();
    for _ in 0..2 {
        fetcher.get(&server.url("/a"), None).await.expect("one");
    }
    for request in server.asked() {
        let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
        assert_eq!(request.header("accept-encoding"), Some("identity"));
    }
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn five_redirects_are_followed_and_not_a_sixth() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/0" => answer(request, 200, &[], b"here"),
        path => {
            let left: u32 = path[1..].parse().expect("a number");
            redirect(request, &format!("/{}", left - 1))
        }
    });
    let opened = open_minded().get(&server.url("/5"), None).await;
    assert_eq!(opened.expect("an answer").url.path(), "/0");
    let error = error_of(&open_minded(), &server.url("/6")).await;
    assert_eq!(error, FetchError::Redirects);
    assert_eq!(server.lines().last().expect("asked"), "HEAD /1");
}

#[tokio::test]
async fn a_redirect_to_nowhere_says_so() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/file" => redirect(request, "file:///secrets?token=1"),
        _ => answer(request, 301, &[], b""),
    });
    let said = error_of(&open_minded(), &server.url("/file")).await;
    let expected = "it redirects to `file:///secrets`, which is not an http(s) address";
    assert_eq!(said.to_string(), expected);
    let said = error_of(&open_minded(), &server.url("/none")).await;
    assert_eq!(said.to_string(), "it redirects to no address");
}

#[tokio::test]
async fn an_address_in_numbers_is_refused_however_it_is_written() {
    let server = Served::answering(|request| answer(request, 200, &[], b""));
    let port = server.address().port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
    ] {
        let error = error_of(&careful(), &format!("http://{host}:{port}/")).await;
        let is_refused = matches!(error, FetchError::Private { .. });
        assert!(is_refused, "{host}: {error}");
    }
    assert_eq!(server.asked(), []);
    let error = error_of(&careful(), "http://169.254.169.254/latest/").await;
    assert_eq!(
        error.to_string(),
        "`169.254.169.254` is a link-local address"
    );
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_unless_allowed() {
    let server = Served::answering(|request| answer(request, 200, &[], b""));
    let url = format!("http://localhost:{}/", server.address().port());
    let error = error_of(&careful(), &url).await;
    assert!(
        matches!(&error, FetchError::Private { host, .. } if host == "localhost"),
        "{error}"
    );
    assert_eq!(server.asked(), []);
    assert_eq!(open_minded().head(&url).await.expect("one").status, 200);
}

#[tokio::test]
async fn a_redirect_into_the_private_network_is_refused() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/number" => redirect(request, "http://127.0.0.2:1/"),
        "/name" => redirect(request, "http://inside.example/"),
        "/other-name" => redirect(request, "//inside.example/a"),
        _ => answer(request, 200, &[], b""),
    });
    let fetcher = in_a_small_world(Proxies::None);
    let port = server.address().port();
    for path in ["number", "name", "other-name"] {
        let error = error_of(&fetcher, &format!("http://public.example:{port}/{path}")).await;
        assert!(
            matches!(error, FetchError::Private { .. }),
            "{path}: {error}"
        );
    }
    let url = format!("http://public.example:{port}/a");
    assert_eq!(fetcher.head(&url).await.expect("one").status, 200);
}

#[tokio::test]
async fn the_connection_goes_to_an_address_that_was_judged() {
    let server = Served::answering(|request| answer(request, 200, &[], b""));
    let port = server.address().port();
    let fetcher = in_a_small_world(Proxies::None);
    let url = format!("http://mixed.example:{port}/");
    assert_eq!(fetcher.head(&url).await.expect("one").status, 200);
    // Whatever the name server says from now on, the client has no way to hear it.
    let known = fetcher.0.names.permitted("mixed.example").await;
    assert_eq!(known, Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]));
    for (host, expected) in [
        ("inside.example", "`inside.example` is at `127.0.0.2`"),
        ("nobody.example", "there is no host `nobody.example`"),
        ("later.example", "cannot be looked up now"),
    ] {
        let error = error_of(&fetcher, &format!("http://{host}:{port}/")).await;
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_public_addresses_alone() {
    let proxy = Served::answering(|request| answer(request, 200, &[], b"by proxy"));
    let server = Served::answering(|request| answer(request, 200, &[], b"directly"));
    let proxies = Proxies::At(proxy.url(""));
    let fetcher = in_a_small_world(proxies.clone());
    for url in ["http://public.example/a", "http://nobody.example/b"] {
        let mut opened = fetcher.get(url, None).await.expect("an answer");
        assert_eq!(opened.read(99).await.expect("a body"), "by proxy");
    }
    for url in ["http://inside.example/", "http://mixed.example/"] {
        let error = error_of(&fetcher, url).await;
        assert!(matches!(error, FetchError::Private { .. }), "{error}");
    }
    let settings = FetchSettings {
        proxies,
        ..settings(Private::Allow)
    };
    let allowed = Fetcher::new(&settings).expect("a client");
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/", server.address().port());
        let mut opened = allowed.get(&url, None).await.expect("an answer");
        assert_eq!(opened.read(99).await.expect("a body"), "directly");
    }
    assert_eq!(
        proxy.lines(),
        ["GET http://public.example/a", "GET http://nobody.example/b"]
    );
}

#[tokio::test]
async fn a_body_without_end_is_read_to_the_limit_and_then_left() {
    let server = Served::by(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 -\r\ncontent-type: video/mp4\r\n\r\n");
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    let mut opened = open_minded()
        .get(&server.url("/"), None)
        .await
        .expect("one");
    assert_eq!(opened.read(100_000).await.expect("a body").len(), 100_000);
}

#[tokio::test]
async fn silence_before_or_within_an_answer_is_not_waited_for_long() {
    let server = Served::by(|request, stream| {
        if request.path == "/half" {
            let _ = stream.write_all(b"HTTP/1.1 200 -\r\ncontent-length: 100\r\n\r\nhalf");
        }
        // Until the client leaves.
        let _ = stream.read(&mut [0]);
    });
    let impatient = FetchSettings {
        timers: FetchTimers {
            idle: Duration::from_millis(200),
            ..QUICK
        },
        ..settings(Private::Allow)
    };
    let fetcher = Fetcher::new(&impatient).expect("a client");
    let error = error_of(&fetcher, &server.url("/")).await;
    assert_eq!(error.to_string(), "no answer within 200ms");
    let mut opened = fetcher.get(&server.url("/half"), None).await.expect("one");
    let error = opened.read(100).await.expect_err("silence");
    assert_eq!(error.to_string(), "the answer stood still within 200ms");
}

#[tokio::test]
async fn an_answer_shorter_than_it_says_broke_off() {
    let server = Served::answering(|_| b"HTTP/1.1 200 -\r\ncontent-length: 100\r\n\r\nhalf".into());
    let mut opened = open_minded()
        .get(&server.url("/"), None)
        .await
        .expect("one");
    let error = opened.read(100).await.expect_err("an end");
    assert!(error.to_string().contains("broke off"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_trouble_and_other_schemes_are_refused() {
    let server = Served::answering(|request| answer(request, 200, &[], b""));
    let url = server.url("/");
    drop(server);
    let error = error_of(&open_minded(), &url).await;
    assert_eq!(error.to_string(), "no connection: connection refused");
    for other in ["ftp://example.com/", "file:///etc", "data:,x", "nothing"] {
        let error = error_of(&open_minded(), other).await;
        assert!(matches!(error, FetchError::NotHttp(_)), "{error}");
    }
}

#[test]
fn a_content_range_is_read_as_the_standard_says() {
    let range = |first, total| Some(ContentRange { first, total });
    for (text, expected) in [
        ("bytes 0-9/100", range(Some(0), Some(100))),
        ("bytes 5-9/*", range(Some(5), None)),
        ("bytes */100", range(None, Some(100))),
        ("bytes x-9/100", None),
        ("lines 0-9/100", None),
        ("", None),
    ] {
        assert_eq!(ContentRange::parse(text), expected, "{text}");
    }
}
