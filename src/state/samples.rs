//! Records for the tests of this module: a legal history in which everything happens once.

use jiff::{SignedDuration, Timestamp};
use proptest::test_runner::{Config as ProptestConfig, RngSeed};

use super::record::Header;
use crate::engine::event::{
    Event, FailureClass, FileHash, FilePath, MediaUrl, Origin, PendingClass, RunNumber, RunStart,
    SavedFile, SentRequest, TaskId,
};
use crate::engine::table::{Fact, Record};
use crate::money::{Amount, Cost, Currency};
use crate::plan::{AspectRatio, Fingerprint, JobId, Mode};
use crate::text::CleanText;

/// When the first record was made; each later one a second and a quarter after the one before.
pub(super) fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("valid")
}

/// The same cases each time.
pub(super) fn proptest() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub(super) fn header() -> Header {
    Header {
        manifest: "shots.yaml".to_owned(),
        machine: "studio".to_owned(),
        rehearsal: false,
        created_at: noon(),
    }
}

pub(super) fn run(number: u32) -> Fact {
    Fact::Run(RunStart {
        run: RunNumber(number),
        origin: Origin {
            base_url: "https://api.example.com".to_owned(),
            create_path: "/v1/video/generations".to_owned(),
            poll_path: "/v1/videos/{task_id}".to_owned(),
            key: "3f9a01".to_owned(),
        },
        select: vec!["hero-*".to_owned()],
        partition: None,
    })
}

pub(super) fn fact(id: &str, event: Event) -> Fact {
    let id = JobId::new(id).expect("valid");
    Fact::Job { id, event }
}

pub(super) fn intent() -> Event {
    Event::Intent {
        run: RunNumber(1),
        fingerprint: Fingerprint::parse("00112233445566778899aabbccddeeff").expect("valid"),
        request: None,
        cost: None,
    }
}

pub(super) fn accepted(task_id: &str) -> Event {
    Event::Accepted {
        task_id: TaskId::new(task_id).expect("valid"),
        other_id: None,
    }
}

pub(super) fn saved(file: &str) -> SavedFile {
    SavedFile {
        file: FilePath::new(file).expect("valid"),
        bytes: 3_141_592,
        sha256: FileHash([0xa5; 32]),
    }
}

/// An intent that carries its request.
pub(super) fn intent_with_prompt(prompt: &str) -> Event {
    Event::Intent {
        run: RunNumber(1),
        fingerprint: Fingerprint::parse("ffeeddccbbaa99887766554433221100").expect("valid"),
        request: Some(SentRequest {
            model: "seedance2.0-720p".into(),
            mode: Mode::Text,
            duration: Some(8),
            aspect_ratio: Some(AspectRatio::Landscape),
            prompt: prompt.into(),
        }),
        cost: Some(Cost {
            amount: Amount::from_millionths(1_352_800),
            currency: Currency::new("USD").expect("valid"),
        }),
    }
}

/// `facts` a second and a quarter apart.
pub(super) fn timed(facts: impl IntoIterator<Item = Fact>) -> Vec<Record> {
    let moments = (0_i64..).map(|step| noon() + SignedDuration::from_millis(step * 1_250));
    facts
        .into_iter()
        .zip(moments)
        .map(|(fact, at)| Record { at, fact })
        .collect()
}

/// Every kind of record, in an order that replays.
pub(super) fn everything() -> Vec<Record> {
    let text = CleanText::new;
    let url = |name: &str| {
        MediaUrl::new(&format!("https://cdn.example.com/{name}?sign=a%2Fb")).expect("valid")
    };
    let (doubted, lost) = (text("the connection was reset"), text("task_not_exist"));
    timed([
        run(1),
        fact(
            "hero",
            intent_with_prompt(" A \"red\" car\\\n\tin the snow 雪 🎬"),
        ),
        fact(
            "hero",
            Event::Accepted {
                task_id: TaskId::new("task_01").expect("valid"),
                other_id: TaskId::new("video/02 ?"),
            },
        ),
        fact(
            "hero",
            Event::Completed {
                video_url: url("hero.mp4"),
                last_frame_url: Some(url("hero.png")),
            },
        ),
        fact("blocked", intent()),
        fact(
            "blocked",
            Event::Rejected {
                class: FailureClass::Moderation,
                message: text("InputTextSensitiveContentDetected"),
            },
        ),
        fact("again", intent()),
        fact(
            "again",
            Event::Returned {
                class: PendingClass::RateLimited,
                message: text("slow down"),
            },
        ),
        fact("again", intent()),
        fact("again", Event::Doubted { message: doubted }),
        fact("again", Event::NotCreated),
        fact("again", intent()),
        fact("again", accepted("task_03")),
        fact(
            "again",
            Event::Failed {
                class: FailureClass::Generation,
                message: text("当前分组上游负载已饱和"),
            },
        ),
        fact("again", Event::Reopened),
        fact("slow", intent()),
        fact("slow", accepted("task_04")),
        fact("slow", Event::TimedOut),
        fact("slow", Event::NoUrl),
        fact("gone", intent()),
        fact("gone", accepted("task_05")),
        fact("gone", Event::Lost { message: lost }),
        run(2),
        fact(
            "gone",
            Event::Adopted {
                task_id: TaskId::new("task_06").expect("valid"),
                run: RunNumber(2),
            },
        ),
        fact(
            "hero",
            Event::NotDownloaded {
                message: text("403 Forbidden"),
            },
        ),
        fact(
            "hero",
            Event::Renewed {
                video_url: url("hero-2.mp4"),
                last_frame_url: Some(url("hero-2.png")),
            },
        ),
        fact(
            "hero",
            Event::Downloaded {
                video: saved("videos/hero.mp4"),
                last_frame: Some(saved("videos/hero.png")),
            },
        ),
    ])
}
