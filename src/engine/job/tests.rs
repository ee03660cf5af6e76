//! Every status with every event, and what stays of a take when the next one begins.

use std::fmt::Write as _;

use super::*;
use crate::engine::event::{FileHash, FilePath, SentRequest};
use crate::plan::Mode;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn phases() -> Vec<(&'static str, Phase)> {
    let run = RunNumber(1);
    let task = Task {
        id: TaskId::new("t1").expect("valid"),
        other_id: None,
        run,
        accepted_at: at(1),
    };
    let message = CleanText::new("said");
    let url = MediaUrl::new("https://example.com/v.mp4").expect("valid");
    let failed = |class, task: Option<&Task>| Phase::Failed {
        class,
        message: message.clone(),
        task: task.cloned(),
        finished_at: at(2),
    };
    vec![
        ("pending", Phase::Pending),
        (
            "returned",
            Phase::Returned {
                class: PendingClass::RateLimited,
                message: message.clone(),
            },
        ),
        ("submitting", Phase::Submitting { run }),
        (
            "running",
            Phase::Running {
                task: task.clone(),
                slot: Slot::Held,
            },
        ),
        (
            "running, timed out",
            Phase::Running {
                task: task.clone(),
                slot: Slot::Released,
            },
        ),
        (
            "completed",
            Phase::Completed {
                task: task.clone(),
                video_url: url,
                last_frame_url: None,
                finished_at: at(2),
            },
        ),
        ("failed: rejected", failed(FailureClass::Rejected, None)),
        (
            "failed: generation",
            failed(FailureClass::Generation, Some(&task)),
        ),
        ("failed: no_url", failed(FailureClass::NoUrl, Some(&task))),
        (
            "in doubt",
            Phase::InDoubt {
                message: message.clone(),
                run,
            },
        ),
        ("lost", Phase::Lost { message, task }),
    ]
}

fn events() -> Vec<Event> {
    let message = CleanText::new("said");
    let task_id = TaskId::new("t2").expect("valid");
    let request = SentRequest {
        model: "seedance2.0-720p".into(),
        mode: Mode::Text,
        duration: Some(8),
        aspect_ratio: None,
        prompt: "a".into(),
    };
    let fingerprint = Fingerprint::parse(&"0".repeat(32)).expect("valid");
    vec![
        Event::Intent {
            run: RunNumber(2),
            fingerprint,
            request: Some(request),
            cost: None,
        },
        Event::Accepted {
            task_id: task_id.clone(),
            other_id: None,
        },
        Event::Returned {
            class: PendingClass::NotSent,
            message: message.clone(),
        },
        Event::Rejected {
            class: FailureClass::Moderation,
            message: message.clone(),
        },
        Event::Doubted {
            message: message.clone(),
        },
        Event::Completed {
            video_url: MediaUrl::new("https://example.com/w.mp4").expect("valid"),
            last_frame_url: None,
        },
        Event::Failed {
            class: FailureClass::Generation,
            message: message.clone(),
        },
        Event::NoUrl,
        Event::Lost { message },
        Event::TimedOut,
        Event::Adopted {
            task_id,
            run: RunNumber(1),
        },
        Event::NotCreated,
        Event::Reopened,
        Event::Downloaded {
            video: saved("videos/hero.mp4"),
            last_frame: Some(saved("videos/hero.png")),
        },
        Event::Renewed {
            video_url: MediaUrl::new("https://example.com/w.mp4").expect("valid"),
            last_frame_url: None,
        },
        Event::NotDownloaded {
            message: CleanText::new("said"),
        },
    ]
}

fn saved(file: &str) -> SavedFile {
    SavedFile {
        file: FilePath::new(file).expect("valid"),
        bytes: 7,
        sha256: FileHash([7; 32]),
    }
}

fn completed_with(events: &[Event]) -> JobState {
    let (_, phase) = phases().swap_remove(5);
    let mut job = JobState {
        phase,
        ..JobState::default()
    };
    for event in events {
        job.apply(event, at(3)).expect("legal");
    }
    job
}

#[test]
fn a_file_belongs_to_its_take_and_a_failed_try_takes_nothing_away() {
    let [downloaded, _, failed] = &events()[13..] else {
        unreachable!("three events are about files")
    };
    let job = completed_with(&[downloaded.clone(), failed.clone()]);
    let files = job.files.as_ref().expect("recorded");
    assert_eq!(files.video, Some(saved("videos/hero.mp4")));
    assert_eq!(files.last_frame, Some(saved("videos/hero.png")));
    assert!(files.trouble.is_some());
    let job = completed_with(&[failed.clone(), downloaded.clone()]);
    assert_eq!(job.files.expect("recorded").trouble, None);
    let job = completed_with(&[downloaded.clone(), Event::Reopened]);
    assert_eq!((job.files, job.take), (None, Take(2)));
}

#[test]
fn a_completed_take_stays_until_a_later_one_is_completed() {
    let events = events();
    let [intent, accepted, _, rejected, doubted, completed, ..] = &events[..] else {
        unreachable!("there are more")
    };
    let [downloaded, renewed, failed] = &events[13..] else {
        unreachable!("three events are about files")
    };
    let mut job = completed_with(std::slice::from_ref(downloaded));
    let first = job.video().expect("made").task.id.clone();
    let lives: [&[&Event]; 4] = [
        &[&Event::Reopened],
        &[intent, rejected, &Event::Reopened, intent, accepted],
        &[&events[6], &Event::Reopened, intent, doubted],
        &[&Event::NotCreated, intent, failed, renewed],
    ];
    for event in lives.into_iter().flatten() {
        job.apply(event, at(4)).expect("legal");
        let video = job.video().expect("kept");
        assert_eq!((video.take, &video.task.id), (Take(1), &first), "{event:?}");
        let file = video.files.and_then(|files| files.video.clone());
        assert_eq!(file, Some(saved("videos/hero.mp4")), "{event:?}");
    }
    let video = job.video().expect("kept");
    assert_eq!(video.url.as_str(), "https://example.com/w.mp4", "renewed");
    assert!(video.files.is_some_and(|files| files.trouble.is_some()));
    assert_eq!((job.files.as_ref(), job.take), (None, Take(4)));
    for event in [accepted, completed] {
        job.apply(event, at(5)).expect("legal");
    }
    let take = job.video().map(|video| video.take);
    assert_eq!(take, Some(Take(4)));
    assert_eq!(job.earlier, None);
}

#[test]
fn a_fresh_address_takes_the_place_of_the_old_one_and_a_missing_one_does_not() {
    let url = |name: &str| MediaUrl::new(&format!("https://example.com/{name}"));
    let renewed = |video: &str, frame: Option<&str>| Event::Renewed {
        video_url: url(video).expect("valid"),
        last_frame_url: frame.and_then(url),
    };
    let job = completed_with(&[renewed("a", Some("b")), renewed("c", None)]);
    let Phase::Completed {
        video_url,
        last_frame_url,
        finished_at,
        ..
    } = job.phase
    else {
        panic!("it stays completed")
    };
    assert_eq!(Some(video_url), url("c"));
    assert_eq!(last_frame_url, url("b"));
    assert_eq!(finished_at, at(2), "as before");
}

fn name(phase: &Phase) -> String {
    let class = |class: FailureClass| format!("failed: {class}");
    match phase {
        Phase::Returned { class, .. } => format!("returned: {class}"),
        Phase::Running {
            task,
            slot: Slot::Held,
        } => format!("running {}", task.id),
        Phase::Running {
            task,
            slot: Slot::Released,
        } => format!("running {}, timed out", task.id),
        Phase::Failed { class: failure, .. } => class(*failure),
        Phase::Lost { .. } => "lost".to_owned(),
        other => JobState {
            phase: other.clone(),
            ..JobState::default()
        }
        .status()
        .to_string(),
    }
}

#[test]
fn the_table_of_phases_and_events_is_complete() {
    let mut table = String::new();
    for (from, phase) in phases() {
        for event in events() {
            let before = JobState {
                phase: phase.clone(),
                attempts: 1,
                ..JobState::default()
            };
            let mut after = before.clone();
            let outcome = if after.apply(&event, at(3)).is_ok() {
                format!(
                    "{} (take {}, attempts {})",
                    name(&after.phase),
                    after.take.0,
                    after.attempts
                )
            } else {
                assert_eq!(after, before, "an illegal event changes nothing");
                "illegal".to_owned()
            };
            writeln!(table, "{from:<20} {:<12} {outcome}", event.name())
                .expect("a String takes all");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn an_adopted_task_is_asked_for_where_a_person_found_it() {
    let message = CleanText::new("said");
    let mut job = JobState {
        phase: Phase::InDoubt {
            message,
            run: RunNumber(3),
        },
        ..JobState::default()
    };
    let adopted = Event::Adopted {
        task_id: TaskId::new("t").expect("valid"),
        run: RunNumber(2),
    };
    job.apply(&adopted, at(4)).expect("legal");
    let task = job.task().expect("a task");
    assert_eq!((task.run, task.accepted_at), (RunNumber(2), at(4)));
}

#[test]
fn a_job_stays_submitted_and_dated_whatever_becomes_of_it() {
    let mut job = JobState::default();
    assert!(!job.was_submitted());
    let intent = &events()[0];
    job.apply(intent, at(5)).expect("legal");
    assert_eq!((job.was_submitted(), job.submitted_at), (true, Some(at(5))));
    for event in [Event::left_open(), Event::NotCreated] {
        job.apply(&event, at(6)).expect("legal");
        assert_eq!((job.was_submitted(), job.submitted_at), (true, Some(at(5))));
    }
}
