//! Downloads against raw servers on loopback, into real directories: what comes whole is published, what does not is
//! kept or thrown away, and nothing that is there is written over.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::engine::event::TaskId;
use crate::engine::job::Take;
use crate::fetch::tests::served::{Request, Served, answer};
use crate::fetch::{FetchSettings, FetchTimers, Private, Proxies};
use crate::fs::folder::Directory;

/// A playable video.
const CLIP: &[u8] = include_bytes!("../simulator/media/landscape.mp4");
const FRAME: &[u8] = include_bytes!("../simulator/media/frame.png");

const TIMERS: FetchTimers = FetchTimers {
    connect: Duration::from_secs(10),
    idle: Duration::from_millis(700),
    total: Duration::from_secs(20),
};

/// Everything that a download touches.
struct Place {
    home: tempfile::TempDir,
    folder: Directory,
    claims: Claims,
    private: Private,
    most_bytes: u64,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let folder = Directory::make(&home.path().join("videos")).expect("writable");
        Self {
            home,
            folder,
            claims: Claims::default(),
            private: Private::Allow,
            most_bytes: 1 << 20,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join("videos").join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).expect("writable");
    }

    fn content(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names in the folder, sorted.
    fn names(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.path("")).expect("a directory");
        let name = |file: std::io::Result<std::fs::DirEntry>| {
            let name = file.expect("readable").file_name();
            name.into_string().expect("UTF-8")
        };
        let mut names: Vec<_> = files.map(name).collect();
        names.sort();
        names
    }

    async fn fetch(&self, errand: &Errand) -> FetchReply {
        let settings = FetchSettings {
            private: self.private,
            proxies: Proxies::None,
            timers: TIMERS,
        };
        let fetcher = Fetcher::new(&settings).expect("a client");
        let errand = Errand {
            most_bytes: self.most_bytes,
            ..errand.clone()
        };
        fetch(
            &errand,
            &fetcher,
            &self.folder,
            &self.claims,
            &Clock::start(),
        )
        .await
    }

    /// Fetches the video of a server.
    async fn video(&self, server: &Served) -> FetchReply {
        self.fetch(&errand(&server.url("/a.mp4?sign=secret"), None))
            .await
    }
}

fn url(address: &str) -> MediaUrl {
    MediaUrl::new(address).expect("an address")
}

fn errand(video: &str, frame: Option<&str>) -> Errand {
    Errand {
        order: FileOrder {
            take: Take(1),
            task_id: TaskId::new("task-1").expect("valid"),
            video: Wanted::At(url(video)),
            last_frame: frame.map(|frame| Wanted::At(url(frame))),
        },
        name: "hero".to_owned(),
        stored: StoredFolder::new("videos"),
        about: About {
            id: "hero".to_owned(),
            model: "seedance2.0-720p".to_owned(),
            prompt: "A car.".to_owned(),
            ..About::default()
        },
        most_bytes: 0,
        traffic: Traffic::default(),
    }
}

fn saved(reply: FetchReply) -> (SavedFile, Option<SavedFile>) {
    match reply {
        FetchReply::Saved {
            video,
            last_frame,
            without: None,
        } => (video, last_frame),
        other => panic!("{other:?}"),
    }
}

fn words(reply: &FetchReply) -> (&'static str, String) {
    match reply {
        FetchReply::Expired { message } => ("expired", message.to_string()),
        FetchReply::Trouble { message } => ("trouble", message.to_string()),
        FetchReply::Refused { message } => ("refused", message.to_string()),
        FetchReply::Saved { .. } => ("saved", String::new()),
    }
}

/// The clip from a server that sends parts of the version that it has.
fn clip(request: &Request, version: &str) -> Vec<u8> {
    let tag = format!("etag: \"{version}\"");
    let whole = || answer(request, 200, &["content-type: video/mp4", &tag], CLIP);
    let wanted = request.header("if-range");
    match request.range() {
        Some((from, _)) if wanted == Some(&format!("\"{version}\"")) => {
            if from >= CLIP.len() {
                let range = format!("content-range: bytes */{}", CLIP.len());
                return answer(request, 416, &[&range, &tag], b"");
            }
            let range = format!(
                "content-range: bytes {from}-{}/{}",
                CLIP.len() - 1,
                CLIP.len()
            );
            answer(
                request,
                206,
                &["content-type: video/mp4", &range, &tag],
                &CLIP[from..],
            )
        }
        _ => whole(),
    }
}

/// A server whose first answer breaks off after so many bytes.
fn breaking(after: usize, versions: [&'static str; 2]) -> Served {
    let asked = AtomicUsize::new(0);
    Served::by(move |request, stream| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let whole = clip(request, versions[number.min(1)]);
        let body = whole.len() - CLIP.len().min(whole.len());
        let end = if number == 0 {
            body + after
        } else {
            whole.len()
        };
        let _ = stream.write_all(&whole[..end]);
    })
}

#[tokio::test]
async fn a_video_and_its_picture_are_published_whole_with_a_sidecar() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/a.png" => answer(request, 200, &["content-type: image/png"], FRAME),
        _ => clip(request, "v1"),
    });
    let place = Place::new();
    let frame = server.url("/a.png");
    let errand = errand(&server.url("/a.mp4?sign=secret"), Some(&frame));
    let (video, last_frame) = saved(place.fetch(&errand).await);
    assert_eq!(video.file.as_str(), "videos/hero.mp4");
    assert_eq!(video.bytes, CLIP.len() as u64);
    assert_eq!(video.sha256.0, *Sha256::digest(CLIP));
    let last_frame = last_frame.expect("it was wanted");
    assert_eq!(last_frame.file.as_str(), "videos/hero.png");
    assert_eq!(place.names(), ["hero.json", "hero.mp4", "hero.png"]);
    assert_eq!(place.content("hero.mp4"), CLIP);
    assert_eq!(place.content("hero.png"), FRAME);
    let json = String::from_utf8(place.content("hero.json")).expect("UTF-8");
    assert!(!json.contains("secret"), "{json}");
    let sidecar = Sidecar::read(json.as_bytes()).expect("our own");
    assert_eq!(sidecar.task_id, "task-1");
    assert_eq!(sidecar.url, server.url("/a.mp4"));
    assert_eq!(sidecar.video.hash(), Some(video.sha256));
}

#[tokio::test]
async fn what_broke_off_is_gone_on_with_where_it_stood() {
    let server = breaking(700, ["v1", "v1"]);
    let place = Place::new();
    let reply = place.video(&server).await;
    assert_eq!(words(&reply).0, "trouble", "{reply:?}");
    assert_eq!(
        place.names(),
        [".video-notes.hero.part", ".video.hero.part"]
    );
    assert_eq!(place.content(".video.hero.part"), &CLIP[..700]);
    saved(place.video(&server).await);
    let asked = server.asked();
    assert_eq!(asked[1].header("range"), Some("bytes=700-"));
    assert_eq!(asked[1].header("if-range"), Some("\"v1\""));
    assert_eq!(place.content("hero.mp4"), CLIP);
    assert_eq!(place.names(), ["hero.json", "hero.mp4"]);
}

#[tokio::test]
async fn another_version_is_loaded_from_its_beginning() {
    let server = breaking(700, ["v1", "v2"]);
    let place = Place::new();
    place.video(&server).await;
    saved(place.video(&server).await);
    assert_eq!(place.content("hero.mp4"), CLIP);
}

#[tokio::test]
async fn a_server_that_passes_over_if_range_never_has_two_versions_glued_together() {
    let (newer, at) = (CLIP.to_ascii_uppercase(), 700);
    assert_ne!(newer[at..], CLIP[at..]);
    for tag in ["etag: \"v2\"", "etag: W/\"v1\"", "x-none: 1"] {
        let newer = newer.clone();
        let asked = AtomicUsize::new(0);
        let server = Served::by(move |request, stream| {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                let whole = clip(request, "v1");
                let _ = stream.write_all(&whole[..whole.len() - CLIP.len() + at]);
            } else if let Some((from, _)) = request.range() {
                let range = format!(
                    "content-range: bytes {from}-{}/{}",
                    newer.len() - 1,
                    newer.len()
                );
                let headers = ["content-type: video/mp4", &range, tag];
                let _ = stream.write_all(&answer(request, 206, &headers, &newer[from..]));
            } else {
                let _ = stream.write_all(&clip(request, "v3"));
            }
        });
        let place = Place::new();
        place.video(&server).await;
        saved(place.video(&server).await);
        assert_eq!(place.content("hero.mp4"), CLIP, "{tag}");
        assert_eq!(server.asked().len(), 3, "the whole is asked for: {tag}");
    }
}

#[tokio::test]
async fn a_part_of_another_task_or_without_notes_is_not_gone_on_with() {
    for notes in [None, Some("another"), Some("garbage")] {
        let server = Served::answering(|request| clip(request, "v1"));
        let place = Place::new();
        place.write(".video.hero.part", b"not these bytes");
        match notes {
            Some("garbage") => place.write(".video-notes.hero.part", b"{"),
            Some(task) => {
                let notes = sidecar::Notes {
                    task_id: task.to_owned(),
                    validator: "\"v1\"".to_owned(),
                    total: None,
                    boot: place.folder.boot(),
                    synced: 9,
                };
                place.write(".video-notes.hero.part", &notes.to_json());
            }
            None => {}
        }
        saved(place.video(&server).await);
        assert_eq!(server.asked()[0].header("range"), None);
        assert_eq!(place.content("hero.mp4"), CLIP);
    }
}

#[tokio::test]
async fn after_the_machine_began_anew_only_what_was_synced_is_trusted() {
    let server = Served::answering(|request| clip(request, "v1"));
    let place = Place::new();
    let mut garbled = CLIP[..900].to_vec();
    garbled[600..].fill(0);
    place.write(".video.hero.part", &garbled);
    let notes = sidecar::Notes {
        task_id: "task-1".to_owned(),
        validator: "\"v1\"".to_owned(),
        total: Some(CLIP.len() as u64),
        boot: Some("another boot".to_owned()),
        synced: 600,
    };
    place.write(".video-notes.hero.part", &notes.to_json());
    saved(place.video(&server).await);
    assert_eq!(server.asked()[0].header("range"), Some("bytes=600-"));
    assert_eq!(place.content("hero.mp4"), CLIP);
}

#[tokio::test]
async fn a_part_that_is_whole_already_is_only_checked() {
    let server = Served::answering(|request| clip(request, "v1"));
    let place = Place::new();
    place.write(".video.hero.part", CLIP);
    let notes = sidecar::Notes {
        task_id: "task-1".to_owned(),
        validator: "\"v1\"".to_owned(),
        total: Some(CLIP.len() as u64),
        boot: place.folder.boot(),
        synced: 0,
    };
    place.write(".video-notes.hero.part", &notes.to_json());
    saved(place.video(&server).await);
    assert_eq!(place.content("hero.mp4"), CLIP);
    assert_eq!(server.asked().len(), 1);
}

/// What an answer with these parts comes to, and what is left in the folder.
async fn comes_to(
    answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static,
) -> (&'static str, String, Vec<String>) {
    let server = Served::answering(answer);
    let place = Place::new();
    let reply = place.video(&server).await;
    let (kind, message) = words(&reply);
    (kind, message, place.names())
}

#[tokio::test]
async fn what_is_no_video_is_never_published() {
    let page = b"<!DOCTYPE html><html><body>Sign in</body></html>";
    let error = b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
    let cases: [(u16, &str, &'static [u8], &str, &str); 15] = [
        (
            200,
            "content-type: text/html",
            page,
            "expired",
            "a web page",
        ),
        (
            200,
            "content-type: video/mp4",
            page,
            "expired",
            "comes in place",
        ),
        (
            200,
            "content-type: application/xml",
            error,
            "expired",
            "a web page",
        ),
        (
            403,
            "content-type: application/xml",
            error,
            "expired",
            "status 403",
        ),
        (404, "x: y", b"", "expired", "status 404"),
        (410, "x: y", b"", "expired", "status 410"),
        (429, "retry-after: 1", b"", "trouble", "status 429"),
        (503, "x: y", b"", "trouble", "status 503"),
        (418, "x: y", b"", "refused", "status 418"),
        (
            200,
            "content-type: image/png",
            FRAME,
            "refused",
            "not a video",
        ),
        (
            200,
            "content-type: video/mp4",
            FRAME,
            "refused",
            "not a video",
        ),
        (
            200,
            "content-encoding: gzip",
            CLIP,
            "refused",
            "packed as `gzip`",
        ),
        (200, "content-type: video/mp4", b"", "trouble", "empty"),
        (
            200,
            "content-type: video/mp4",
            b"\x01\x02\x03\x04 what is this",
            "refused",
            "not a video",
        ),
        (
            200,
            "content-type: video/mp4",
            &CLIP[..CLIP.len() - 9],
            "trouble",
            "cut short",
        ),
    ];
    for (status, header, body, kind, said) in cases {
        let (found, message, names) =
            comes_to(move |request| answer(request, status, &[header], body)).await;
        assert_eq!(found, kind, "{status} {header}: {message}");
        assert!(message.contains(said), "{status} {header}: {message}");
        assert_eq!(names, Vec::<String>::new(), "{status} {header}");
    }
}

/// An answer that says another length than it has.
fn lying(request: &Request, length: usize) -> Vec<u8> {
    let honest = answer(request, 200, &["content-type: video/mp4"], CLIP);
    let text = format!("content-length: {}", CLIP.len());
    let at = honest
        .windows(text.len())
        .position(|bytes| bytes == text.as_bytes())
        .expect("it says a length");
    let lie = format!("content-length: {length}");
    [&honest[..at], lie.as_bytes(), &honest[at + text.len()..]].concat()
}

#[tokio::test]
async fn a_length_that_is_a_lie_does_not_make_half_a_video_a_whole_one() {
    let (kind, message, names) = comes_to(|request| lying(request, CLIP.len() + 5)).await;
    assert_eq!(kind, "trouble", "{message}");
    assert!(!names.contains(&"hero.mp4".to_owned()));
    let (kind, message, names) = comes_to(|request| lying(request, CLIP.len() - 5)).await;
    assert_eq!((kind, names), ("trouble", Vec::new()), "{message}");
    assert!(message.contains("cut short"), "{message}");
}

#[tokio::test]
async fn a_body_without_a_length_is_a_video_only_if_its_parts_say_so() {
    let bare = |length: usize| {
        move |_: &Request| {
            let head = b"HTTP/1.1 200 -\r\nconnection: close\r\ncontent-type: video/mp4\r\n\r\n";
            [&head[..], &CLIP[..length]].concat()
        }
    };
    assert_eq!(comes_to(bare(CLIP.len())).await.0, "saved");
    let (kind, message, _) = comes_to(bare(CLIP.len() - 1)).await;
    assert_eq!(kind, "trouble", "{message}");
}

fn endless(stream: &mut TcpStream) {
    let head = b"HTTP/1.1 200 -\r\ncontent-type: video/mp4\r\n\r\n";
    let _ = stream.write_all(head).and_then(|()| stream.write_all(CLIP));
    while stream.write_all(&[0; 1 << 14]).is_ok() {}
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit_and_leaves_nothing() {
    let server = Served::by(|_, stream| endless(stream));
    let place = Place::new();
    let (kind, message) = words(&place.video(&server).await);
    assert_eq!(kind, "refused");
    assert!(message.contains("larger than 1 MiB"), "{message}");
    assert_eq!(place.names(), Vec::<String>::new());
    let (kind, message, names) = comes_to(|request| lying(request, 2 << 20)).await;
    assert_eq!((kind, names), ("refused", Vec::new()), "{message}");
}

#[tokio::test]
async fn a_body_that_stands_still_is_left_and_kept() {
    let server = Served::by(|request, stream| {
        let whole = clip(request, "v1");
        let _ = stream.write_all(&whole[..whole.len() - 300]);
        let mut rest = [0; 1];
        let _ = std::io::Read::read(stream, &mut rest); // until the client leaves
    });
    let place = Place::new();
    let (kind, message) = words(&place.video(&server).await);
    assert_eq!(kind, "trouble");
    assert!(message.contains("stood still"), "{message}");
    assert_eq!(place.content(".video.hero.part"), &CLIP[..CLIP.len() - 300]);
}

#[tokio::test]
async fn addresses_inside_are_refused_also_behind_a_redirect() {
    let server = Served::answering(|request| clip(request, "v1"));
    let mut place = Place::new();
    place.private = Private::Refuse;
    let (kind, message) = words(&place.video(&server).await);
    assert_eq!(kind, "refused");
    assert!(message.contains("`--allow-private`"), "{message}");
    assert_eq!((server.asked().len(), place.names().len()), (0, 0));
    // An API on loopback stands for loopback alone.
    let kind = crate::fetch::private_kind(std::net::Ipv4Addr::LOCALHOST.into());
    place.private = Private::Like(kind.expect("loopback is private"));
    saved(place.video(&server).await);
    let redirecting = Served::answering(|request| {
        answer(
            request,
            302,
            &["location: http://169.254.169.254/latest"],
            b"",
        )
    });
    let place = Place {
        private: place.private,
        ..Place::new()
    };
    let (kind, message) = words(&place.video(&redirecting).await);
    assert_eq!(kind, "refused");
    assert!(message.contains("169.254.169.254"), "{message}");
}

#[tokio::test]
async fn another_origin_is_followed_and_given_nothing() {
    let far = Served::answering(|request| clip(request, "v1"));
    let to = far.url("/there");
    let near =
        Served::answering(move |request| answer(request, 302, &[&format!("location: {to}")], b""));
    let place = Place::new();
    saved(place.video(&near).await);
    for request in near.asked().iter().chain(&far.asked()) {
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("cookie"), None);
        assert_eq!(request.header("accept-encoding"), Some("identity"));
    }
}

#[tokio::test]
async fn a_file_of_somebody_else_stays_and_the_video_gets_another_name() {
    for foreign in ["hero.mp4", "hero.json", "hero.png", "hero.webm"] {
        let server = Served::answering(|request| clip(request, "v1"));
        let place = Place::new();
        place.write(foreign, b"mine");
        let (video, _) = saved(place.video(&server).await);
        assert_eq!(video.file.as_str(), "videos/hero (2).mp4", "{foreign}");
        assert_eq!(place.content(foreign), b"mine");
        assert_eq!(place.content("hero (2).mp4"), CLIP);
    }
    let server = Served::answering(|request| clip(request, "v1"));
    let place = Place::new();
    std::os::unix::fs::symlink("/etc/hostname", place.path("hero.mp4")).expect("writable");
    let (video, _) = saved(place.video(&server).await);
    assert_eq!(video.file.as_str(), "videos/hero (2).mp4");
}

#[tokio::test]
async fn a_video_that_was_published_and_not_recorded_is_taken_over() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/a.png" => answer(request, 200, &[], FRAME),
        _ => clip(request, "v1"),
    });
    let place = Place::new();
    let frame = server.url("/a.png");
    let errand = errand(&server.url("/a.mp4"), Some(&frame));
    let first = saved(place.fetch(&errand).await);
    let (names, asked) = (place.names(), server.asked().len());
    let second = saved(place.fetch(&errand).await);
    assert_eq!(first, second);
    assert_eq!(place.names(), names);
    assert_eq!(server.asked().len(), asked, "not loaded again");
    // What was changed since is no longer ours: it stays as it is.
    place.write("hero.mp4", b"edited");
    let (video, _) = saved(place.fetch(&errand).await);
    assert_eq!(video.file.as_str(), "videos/hero (2).mp4");
    assert_eq!(place.content("hero.mp4"), b"edited");
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_what_the_next_run_goes_on_with() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/a.png" => answer(request, 200, &[], FRAME),
        _ => clip(request, "v1"),
    });
    let frame = server.url("/a.png");
    let errand = errand(&server.url("/a.mp4"), Some(&frame));
    let whole = Place::new();
    saved(whole.fetch(&errand).await);
    let sidecar = whole.content("hero.json");
    let files: [(&str, &[u8]); 3] = [
        ("hero.json", &sidecar),
        ("hero.png", FRAME),
        ("hero.mp4", CLIP),
    ];
    for steps in 0..=files.len() {
        let place = Place::new();
        for (name, content) in &files[..steps] {
            place.write(name, content);
        }
        if steps < 2 {
            place.write(".frame.hero.part", FRAME);
        }
        if steps < 3 {
            place.write(".video.hero.part", CLIP);
        }
        let (video, last_frame) = saved(place.fetch(&errand).await);
        assert_eq!(video.file.as_str(), "videos/hero.mp4", "{steps} steps");
        assert!(last_frame.is_some());
        assert_eq!(place.names(), ["hero.json", "hero.mp4", "hero.png"]);
        assert_eq!(place.content("hero.mp4"), CLIP);
        assert_eq!(place.content("hero.png"), FRAME);
    }
}

#[tokio::test]
async fn a_picture_that_does_not_come_leaves_the_video_and_says_so() {
    let has_frame = Arc::new(AtomicUsize::new(0));
    let answers = Arc::clone(&has_frame);
    let server = Served::answering(move |request| match request.path.as_str() {
        "/a.png" if answers.load(Ordering::SeqCst) == 0 => answer(request, 404, &[], b""),
        "/a.png" => answer(request, 200, &[], FRAME),
        _ => clip(request, "v1"),
    });
    let place = Place::new();
    let frame = server.url("/a.png");
    let mut errand = errand(&server.url("/a.mp4"), Some(&frame));
    let FetchReply::Saved {
        video,
        last_frame: None,
        without: Some(reply),
    } = place.fetch(&errand).await
    else {
        panic!("the video is there")
    };
    assert_eq!(words(&reply).0, "expired");
    assert!(words(&reply).1.contains("the picture of the last frame"));
    has_frame.store(1, Ordering::SeqCst);
    errand.order.video = Wanted::Here(video.clone());
    let (again, last_frame) = saved(place.fetch(&errand).await);
    assert_eq!(again, video);
    assert_eq!(last_frame.expect("now").file.as_str(), "videos/hero.png");
    let fetched = server.lines();
    assert_eq!(
        fetched.iter().filter(|line| line.contains("mp4")).count(),
        1
    );
    let sidecar = Sidecar::read(&place.content("hero.json")).expect("our own");
    assert_eq!(sidecar.video.file, "hero.mp4");
    assert_eq!(sidecar.last_frame.expect("added").file, "hero.png");
    assert_eq!(sidecar.url, server.url("/a.mp4"), "still known");
}

#[tokio::test]
async fn what_is_there_stays_as_it_is_beside_what_is_gone() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/a.png" => answer(request, 200, &[], FRAME),
        _ => clip(request, "v1"),
    });
    let frame_url = server.url("/a.png");
    let errand = errand(&server.url("/a.mp4"), Some(&frame_url));
    for gone in ["hero.mp4", "hero.png"] {
        let place = Place::new();
        let (video, frame) = saved(place.fetch(&errand).await);
        let frame = frame.expect("it was wanted");
        std::fs::remove_file(place.path(gone)).expect("removable");
        let (mut again, stays) = (errand.clone(), ["hero.png", "hero.mp4"]);
        let stays = stays
            .into_iter()
            .find(|name| *name != gone)
            .expect("one of two");
        place.write(stays, b"edited");
        if stays == "hero.mp4" {
            again.order.video = Wanted::Here(video.clone());
        } else {
            again.order.last_frame = Some(Wanted::Here(frame.clone()));
        }
        assert_eq!(saved(place.fetch(&again).await), (video, Some(frame)));
        assert_eq!(place.names(), ["hero.json", "hero.mp4", "hero.png"]);
        assert_eq!(place.content(stays), b"edited");
    }
}

#[tokio::test]
async fn two_downloads_of_one_name_get_two_files() {
    let server = Served::answering(|request| clip(request, "v1"));
    let place = Place::new();
    let one = errand(&server.url("/a.mp4"), None);
    let mut other = one.clone();
    other.order.task_id = TaskId::new("task-2").expect("valid");
    let (one, other) = futures::join!(place.fetch(&one), place.fetch(&other));
    let mut files = [one, other].map(|reply| saved(reply).0.file.as_str().to_owned());
    files.sort();
    assert_eq!(files, ["videos/hero (2).mp4", "videos/hero.mp4"]);
}

#[tokio::test]
async fn names_with_dots_never_grow_in_one_file() {
    let server = Served::answering(|request| match request.path.as_str() {
        "/a.png" => answer(request, 200, &["content-type: image/png"], FRAME),
        _ => clip(request, "v1"),
    });
    let place = Place::new();
    let errand_of = |name: &str| {
        let mut errand = errand(&server.url("/a.mp4"), Some(&server.url("/a.png")));
        errand.order.task_id = TaskId::new(name).expect("valid");
        name.clone_into(&mut errand.name);
        errand
    };
    let names = ["hero", "hero.frame", "hero.json", "hero.part"];
    let errands = names.map(errand_of);
    let replies = futures::future::join_all(errands.iter().map(|errand| place.fetch(errand)));
    for (name, reply) in names.iter().zip(replies.await) {
        let (video, frame) = saved(reply);
        assert_eq!(video.file.as_str(), format!("videos/{name}.mp4"));
        assert_eq!(place.content(&format!("{name}.mp4")), CLIP);
        assert_eq!(place.content(&format!("{name}.png")), FRAME);
        let sidecar = Sidecar::read(&place.content(&format!("{name}.json"))).expect("our own");
        assert_eq!(sidecar.task_id, *name);
        assert_eq!(sidecar.video.hash(), Some(video.sha256));
        assert_eq!(
            sidecar.last_frame.and_then(|file| file.hash()),
            frame.map(|saved| saved.sha256)
        );
    }
    assert_eq!(place.names().len(), 3 * names.len());
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_to_is_told_once() {
    let server = Served::answering(|request| clip(request, "v1"));
    let mut place = Place::new();
    place.folder = Directory::at(Path::new("/proc/nowhere"));
    let (kind, message) = words(&place.video(&server).await);
    assert_eq!(kind, "refused", "{message}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn the_state_calls_files_by_their_folder() {
    for (folder, path) in [
        ("videos", "videos/a.mp4"),
        ("", "a.mp4"),
        (".", "a.mp4"),
        ("/abs/dir/", "/abs/dir/a.mp4"),
        ("/", "/a.mp4"),
    ] {
        let stored = StoredFolder::new(folder);
        let found = stored.path("a.mp4").expect("short");
        assert_eq!(found.as_str(), path);
        assert_eq!(stored.name(&found), Some("a.mp4"));
    }
    let elsewhere = FilePath::new("other/a.mp4").expect("valid");
    assert_eq!(StoredFolder::new("videos").name(&elsewhere), None);
}
