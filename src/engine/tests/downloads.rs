//! Files of completed jobs: which are fetched, when again, when the provider is asked for a fresh address, and that
//! nothing else waits for any of it.

use super::*;
use crate::engine::downloads::{DownloadCounts, Downloads, FileTerms, Gone, Renewal};
use crate::engine::event::{FileHash, FilePath, SavedFile, Wanted};
use crate::engine::job::Take;

fn terms(concurrency: u32, renewal: Renewal) -> FileTerms {
    FileTerms {
        concurrency: NonZeroU32::new(concurrency).expect("not 0"),
        renewal,
        gone: BTreeMap::new(),
    }
}

const VIDEO: Gone = Gone {
    video: true,
    last_frame: false,
};

fn along(plan: &Plan) -> Start {
    Start {
        downloads: Downloads::Along(terms(2, Renewal::Possible)),
        ..Start::new(plan)
    }
}

fn file(name: &str) -> SavedFile {
    SavedFile {
        file: FilePath::new(name).expect("valid"),
        bytes: 7,
        sha256: FileHash([7; 32]),
    }
}

fn saved(job: JobIndex, order: &FileOrder) -> FetchReply {
    let video = match &order.video {
        Wanted::At(_) => file(&format!("{job}.mp4")),
        Wanted::Here(video) => video.clone(),
    };
    let last_frame = order.last_frame.as_ref().map(|wanted| match wanted {
        Wanted::At(_) => file(&format!("{job}.png")),
        Wanted::Here(picture) => picture.clone(),
    });
    FetchReply::Saved {
        video,
        last_frame,
        without: None,
    }
}

fn trouble() -> FetchReply {
    FetchReply::Trouble {
        message: said("reset"),
    }
}

fn expired() -> FetchReply {
    FetchReply::Expired {
        message: said("403"),
    }
}

/// A world whose downloads take a second and come to this.
fn world(
    start: Start,
    mut fetch: impl FnMut(JobIndex, &FileOrder) -> FetchReply + 'static,
) -> World {
    let mut world = World::new(start);
    world.fetch = Box::new(move |job, order, _| (SECOND, fetch(job, order)));
    world
}

/// The events of one job that are about its files.
fn events(world: &World, job: JobIndex) -> Vec<&Event> {
    let id = world.engine.table().id(job);
    let events = world
        .records
        .iter()
        .filter_map(|record| match &record.fact {
            Fact::Job { id: other, event } if other == id => Some(event),
            _ => None,
        });
    events
        .filter(|event| {
            matches!(
                event,
                Event::Downloaded { .. } | Event::Renewed { .. } | Event::NotDownloaded { .. }
            )
        })
        .collect()
}

fn with_frame(job: JobIndex, now: Duration) -> (Duration, PollReply) {
    let (wait, PollReply::Completed { video_url, .. }) = complete(job, now) else {
        unreachable!("that is what it answers")
    };
    let last_frame_url = MediaUrl::new(&format!("https://example.com/{job}.png"));
    (
        wait,
        PollReply::Completed {
            video_url,
            last_frame_url,
        },
    )
}

#[test]
fn every_completed_job_is_downloaded_once_with_the_picture_that_it_has() {
    let plan = plan(6);
    let mut world = world(along(&plan), saved);
    world.run(accept, |job, now| match job {
        0 => with_frame(job, now),
        _ => complete(job, now),
    });
    assert_eq!(world.fetches.len(), 6);
    assert_eq!(world.engine.missing_files().count(), 0);
    assert_eq!(
        world.most_open_downloads.clamp(1, 2),
        world.most_open_downloads
    );
    let counts = DownloadCounts {
        done: 6,
        files: 7,
        bytes: 7 * file("0.mp4").bytes,
        ..DownloadCounts::default()
    };
    assert_eq!(world.engine.downloads(), Some(counts));
    let expected = Event::Downloaded {
        video: file("0.mp4"),
        last_frame: Some(file("0.png")),
    };
    assert_eq!(events(&world, 0), [&expected]);
    let table = world.replayed(&plan);
    let mut again = World::new(Start {
        table,
        ..along(&plan)
    });
    again.run(accept, complete);
    assert_eq!((again.fetches.len(), again.submits.len()), (0, 0));
}

#[test]
fn without_downloads_a_run_is_as_it_was() {
    let plan = plan(4);
    let [with, without] = [along(&plan), Start::new(&plan)].map(|start| {
        let mut world = world(start, saved);
        world.run(accept, complete);
        world
    });
    let others = |world: &World| -> Vec<Record> {
        let is_file = |record: &&Record| {
            matches!(
                &record.fact,
                Fact::Job {
                    event: Event::Downloaded { .. },
                    ..
                }
            )
        };
        world
            .records
            .iter()
            .filter(|record| !is_file(record))
            .cloned()
            .collect()
    };
    assert_eq!(without.fetches.len(), 0);
    assert_eq!(without.engine.downloads(), None);
    assert_eq!(
        others(&with),
        without.records,
        "nor do they change anything else"
    );
    assert_eq!(with.submits, without.submits);
    assert_eq!(with.polls, without.polls);
}

#[test]
fn slow_downloads_hold_up_neither_submits_nor_polls() {
    let plan = plan(12);
    let mut quick = World::new(Start::new(&plan));
    quick.run(accept, complete);
    let mut slow = World::new(along(&plan));
    slow.fetch = Box::new(|job, order, _| (5000 * SECOND, saved(job, order)));
    slow.run(accept, complete);
    assert_eq!(slow.submits, quick.submits);
    assert_eq!(slow.polls, quick.polls);
    assert_eq!(slow.most_open_downloads, 2);
    assert!(slow.now.mono >= 6 * 5000 * SECOND, "the run waits for them");
    assert_eq!(slow.engine.missing_files().count(), 0);
}

#[test]
fn a_download_that_fails_is_tried_three_times_and_left_to_the_next_run() {
    let plan = plan(2);
    let mut first = world(along(&plan), |job, order| match job {
        0 => trouble(),
        _ => saved(job, order),
    });
    first.run(accept, complete);
    let tries = |world: &World| world.fetches.iter().filter(|(_, job, _)| *job == 0).count();
    assert_eq!(tries(&first), 3);
    let moments: Vec<_> = first
        .fetches
        .iter()
        .filter(|(_, job, _)| *job == 0)
        .map(|(at, ..)| *at)
        .collect();
    assert!(
        moments[1] >= moments[0] + 2 * SECOND && moments[2] > moments[1] + 2 * SECOND,
        "{moments:?}"
    );
    let message = said("reset");
    assert_eq!(events(&first, 0), [&Event::NotDownloaded { message }]);
    assert_eq!(
        first.statuses(),
        [Status::Completed; 2],
        "the job stays completed"
    );
    assert_eq!(first.engine.missing_files().collect::<Vec<_>>(), [0]);

    let table = first.replayed(&plan);
    let mut second = world(
        Start {
            table,
            ..along(&plan)
        },
        |_, _| trouble(),
    );
    second.run(accept, complete);
    assert_eq!(tries(&second), 3);
    assert_eq!(
        events(&second, 0),
        Vec::<&Event>::new(),
        "why is known already"
    );

    let mut records = first.records.clone();
    records.extend(second.records.clone());
    second.records = records;
    let table = second.replayed(&plan);
    let mut third = world(
        Start {
            table,
            ..along(&plan)
        },
        saved,
    );
    third.run(accept, complete);
    assert_eq!(
        (tries(&third), third.submits.len(), third.polls.len()),
        (1, 0, 0)
    );
    assert_eq!(third.engine.missing_files().count(), 0);
}

#[test]
fn what_is_refused_is_not_tried_again_in_the_same_run() {
    let mut world = world(along(&plan(1)), |_, _| FetchReply::Refused {
        message: said("an HTML page"),
    });
    world.run(accept, complete);
    assert_eq!(world.fetches.len(), 1);
    assert_eq!(world.engine.missing_files().count(), 1);
}

/// Polls: the first answer names one address, later ones another.
fn renewing(mut asked: u32) -> impl FnMut(JobIndex, Duration) -> (Duration, PollReply) {
    move |job, _| {
        asked += 1;
        let video_url = MediaUrl::new(&format!("https://example.com/{job}?sign={asked}"));
        let last_frame_url = None;
        (
            SECOND / 10,
            PollReply::Completed {
                video_url,
                last_frame_url,
            },
        )
    }
}

#[test]
fn an_expired_address_is_renewed_by_one_more_poll() {
    let plan = plan(1);
    let mut world = world(along(&plan), |job, order| match &order.video {
        Wanted::At(url) if url.as_str().ends_with("sign=1") => expired(),
        _ => saved(job, order),
    });
    world.run(accept, renewing(0));
    assert_eq!((world.fetches.len(), world.polls.len()), (2, 2));
    let kinds: Vec<_> = events(&world, 0).iter().map(|event| event.name()).collect();
    assert_eq!(kinds, ["renewed", "downloaded"]);
    assert_eq!(world.replayed(&plan).job(0), world.engine.table().job(0));
}

#[test]
fn an_address_that_expires_again_or_stays_the_same_is_given_up() {
    let mut world_1 = world(along(&plan(1)), |_, _| expired());
    world_1.run(accept, renewing(0));
    assert_eq!((world_1.fetches.len(), world_1.polls.len()), (2, 2));
    let mut world_2 = world(along(&plan(1)), |_, _| expired());
    world_2.run(accept, complete);
    assert_eq!((world_2.fetches.len(), world_2.polls.len()), (1, 2));
    for world in [world_1, world_2] {
        assert_eq!(world.engine.missing_files().count(), 1);
        assert_eq!(world.statuses(), [Status::Completed]);
    }
}

#[test]
fn whatever_a_renewal_is_answered_the_job_stays_completed_and_the_run_ends() {
    let answers: [fn() -> PollReply; 7] = [
        || PollReply::Running { unknown_word: None },
        || PollReply::Completed {
            video_url: None,
            last_frame_url: None,
        },
        || PollReply::Failed {
            class: FailureClass::Generation,
            message: said("gone"),
        },
        || PollReply::NotFound {
            message: said("gone"),
        },
        || PollReply::Trouble {
            message: said("502"),
        },
        || PollReply::OtherTask {
            task_id: TaskId::new("another").expect("valid"),
            reply: Box::new(PollReply::Running { unknown_word: None }),
        },
        || PollReply::KeyRefused {
            message: said("401"),
        },
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let mut world = world(along(&plan(2)), |_, _| expired());
        let mut polls = 0;
        world.run(accept, |job, now| {
            polls += 1;
            match polls {
                1 | 2 => complete(job, now),
                _ => (SECOND / 10, answer()),
            }
        });
        assert_eq!(world.statuses(), [Status::Completed; 2], "answer {number}");
        assert!(
            (3..=8).contains(&world.polls.len()),
            "answer {number}: {} polls",
            world.polls.len()
        );
        assert!(most_in_window(&world.polls, SECOND) <= 5, "answer {number}");
        assert_eq!(world.engine.missing_files().count(), 2, "answer {number}");
    }
}

#[test]
fn a_renewal_that_is_put_off_is_no_try_and_asks_more_rarely_each_time() {
    let fetch = |job, order: &FileOrder| match &order.video {
        Wanted::At(url) if url.as_str().ends_with("sign=1") => expired(),
        _ => saved(job, order),
    };
    let mut world = world(along(&plan(1)), fetch);
    let (mut polls, mut answer) = (0, renewing(0));
    world.run(accept, move |job, now| {
        polls += 1;
        match polls {
            2..=7 => (SECOND / 10, PollReply::Later { retry_after: None }),
            _ => answer(job, now),
        }
    });
    assert_eq!(world.engine.missing_files().count(), 0);
    let asked: Vec<_> = world.polls.iter().map(|(at, ..)| *at).collect();
    assert_eq!(asked.len(), 8);
    let waits = asked[1..]
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]));
    let pauses = [1, 2, 4, 8, 16, 30];
    for (wait, pause) in waits.zip(pauses) {
        assert!(wait >= pause * SECOND, "{wait:?} is shorter than {pause} s");
    }
}

#[test]
fn a_renewal_that_is_put_off_for_ever_ends_with_the_run() {
    let mut world = world(along(&plan(1)), |_, _| expired());
    let mut polls = 0;
    world.run(accept, move |job, now| {
        polls += 1;
        let retry_after = Some(600 * SECOND);
        match polls {
            1 => complete(job, now),
            _ => (SECOND / 10, PollReply::Later { retry_after }),
        }
    });
    assert_eq!(world.engine.missing_files().count(), 1);
    assert!(world.now.mono < 26 * 3600 * SECOND, "{:?}", world.now.mono);
}

#[test]
fn without_a_key_an_expired_address_is_left_to_the_next_run_with_the_reason() {
    let plan = plan(1);
    let mut first = World::new(Start::new(&plan));
    first.run(accept, complete);
    let start = Start {
        table: first.replayed(&plan),
        downloads: Downloads::Alone(terms(2, Renewal::NoKey)),
        key: "",
        ..Start::new(&plan)
    };
    let mut world = world(start, |_, _| expired());
    assert!(!world.engine.has_work(), "no key is needed");
    world.run(accept, complete);
    assert_eq!(world.polls, []);
    let [Event::NotDownloaded { message }] = events(&world, 0)[..] else {
        panic!("{:?}", events(&world, 0))
    };
    assert!(message.as_str().contains("without an API key"), "{message}");
}

#[test]
fn downloads_alone_submit_and_poll_nothing_else() {
    let plan = plan(5);
    let mut first = World::new(Start {
        limits: Limits {
            deadline: 3 * SECOND,
            job_timeout: 20 * SECOND,
            ..limits()
        },
        ..Start::new(&plan)
    });
    first.run(accept, |job, now| match job {
        0 => complete(job, now),
        _ => still_running(job, now),
    });
    let start = Start {
        table: first.replayed(&plan),
        downloads: Downloads::Alone(terms(2, Renewal::Possible)),
        ..Start::new(&plan)
    };
    let mut alone = world(start, saved);
    alone.run(accept, complete);
    assert_eq!((alone.submits.len(), alone.polls.len()), (0, 0));
    assert_eq!(alone.fetches.len(), 1);
    assert_eq!(alone.status(1), Status::Running);
}

#[test]
fn a_missing_picture_is_fetched_without_the_video_that_is_there() {
    let plan = plan(1);
    let mut first = world(along(&plan), |job, _| FetchReply::Saved {
        video: file(&format!("{job}.mp4")),
        last_frame: None,
        without: Some(Box::new(FetchReply::Refused {
            message: said("the picture is a web page"),
        })),
    });
    first.run(accept, with_frame);
    assert_eq!(first.engine.missing_files().count(), 1);
    let kinds: Vec<_> = events(&first, 0).iter().map(|event| event.name()).collect();
    assert_eq!(kinds, ["downloaded", "not_downloaded"]);

    let table = first.replayed(&plan);
    let mut second = world(
        Start {
            table,
            ..along(&plan)
        },
        saved,
    );
    second.run(accept, complete);
    let [(_, 0, order)] = &second.fetches[..] else {
        panic!("{:?}", second.fetches)
    };
    assert_eq!(order.video, Wanted::Here(file("0.mp4")));
    assert_eq!(second.engine.missing_files().count(), 0);
}

#[test]
fn a_recorded_file_that_is_gone_is_fetched_again_if_that_is_asked_for() {
    let plan = plan(2);
    let mut first = world(along(&plan), saved);
    first.run(accept, complete);
    let mut gone = terms(1, Renewal::Possible);
    gone.gone.insert(1, VIDEO);
    let start = Start {
        table: first.replayed(&plan),
        downloads: Downloads::Alone(gone),
        ..Start::new(&plan)
    };
    let mut again = world(start, saved);
    again.run(accept, complete);
    let fetched: Vec<_> = again
        .fetches
        .iter()
        .map(|(_, job, order)| (*job, &order.video))
        .collect();
    let url = MediaUrl::new("https://example.com/1.mp4").expect("valid");
    assert_eq!(fetched, [(1, &Wanted::At(url))]);
}

#[test]
fn a_signal_ends_downloads_at_once() {
    let mut world = world(along(&plan(3)), saved);
    world.fetch = Box::new(|job, order, _| (90_000 * SECOND, saved(job, order)));
    world.input_in(100 * SECOND, Input::Interrupted);
    world.run(accept, complete);
    assert!(world.now.mono < 101 * SECOND, "{:?}", world.now.mono);
    assert!(world.engine.drops_downloads());
    assert_eq!(world.engine.missing_files().count(), 3);
    let Some(counts) = world.engine.downloads() else {
        panic!("it downloads")
    };
    assert_eq!((counts.open, counts.waiting, counts.failed), (0, 0, 0));
}

#[test]
fn a_fresh_address_that_comes_after_the_state_failed_is_no_news() {
    let mut world = world(along(&plan(1)), |_, _| expired());
    world.input_in(120 * SECOND, Input::StateFailed);
    let mut polls = 0;
    world.run(accept, |job, now| {
        polls += 1;
        let (wait, reply) = complete(job, now);
        (if polls == 1 { wait } else { 600 * SECOND }, reply)
    });
    assert_eq!(world.polls.len(), 2, "the second is for a fresh address");
    assert_eq!(world.statuses(), [Status::Completed]);
    assert_eq!(events(&world, 0), Vec::<&Event>::new());
    assert!(world.now.mono < 200 * SECOND, "nothing waits for it");
}

#[test]
fn downloads_go_on_after_submits_have_stopped() {
    let mut world = world(along(&plan(3)), saved);
    world.run(
        |job, now| match job {
            0 => accept(job, now),
            _ => (
                SECOND,
                SubmitReply::Fault {
                    fault: RunFault::Quota,
                    message: said("empty"),
                },
            ),
        },
        complete,
    );
    assert_eq!(world.engine.stops().len(), 1);
    assert_eq!(world.fetches.len(), 1);
    assert_eq!(world.engine.missing_files().count(), 0);
}

#[test]
fn only_selected_jobs_of_the_manifest_are_downloaded() {
    let all = plan(3);
    let mut first = World::new(Start::new(&all));
    first.run(accept, complete);
    let mut table = JobTable::new(Some(&plan(2)));
    for record in &first.records {
        table.replay(record).expect("legal");
    }
    let mut world = world(
        Start {
            table,
            ..along(&all)
        },
        saved,
    );
    world.run(accept, complete);
    let jobs: Vec<_> = world.fetches.iter().map(|(_, job, _)| *job).collect();
    assert_eq!(jobs, [0, 1], "not the one that was removed");
}

/// Answers to creates: each is moderated.
fn refuse(_: JobIndex, _: Duration) -> (Duration, SubmitReply) {
    let refused = SubmitReply::Rejected {
        class: FailureClass::Moderation,
        message: said("no"),
    };
    (SECOND / 10, refused)
}

/// A run that makes every job again, over `table`, and downloads.
fn retake(plan: &Plan, table: JobTable) -> Start {
    Start {
        table,
        rerun: Rerun {
            marked: JobTable::new(Some(plan)).planned().collect(),
            ..Rerun::default()
        },
        ..along(plan)
    }
}

#[test]
fn the_video_of_an_earlier_take_is_fetched_once_its_retake_has_failed() {
    let plan = plan(2);
    let mut first = World::new(Start::new(&plan));
    first.run(accept, complete);
    let mut second = world(retake(&plan, first.replayed(&plan)), saved);
    second.run(refuse, complete);
    assert_eq!(second.statuses(), [Status::Failed; 2]);
    let takes: Vec<_> = second
        .fetches
        .iter()
        .map(|(_, job, order)| (*job, order.take, order.task_id.as_str()))
        .collect();
    assert_eq!(takes, [(0, Take(1), "task-0"), (1, Take(1), "task-1")]);
    assert_eq!(second.engine.missing_files().count(), 0);

    // One that is made has its own video, and the earlier one is nobody's business any more.
    let mut second = world(retake(&plan, first.replayed(&plan)), saved);
    second.run(
        |job, _| {
            let task_id = TaskId::new(&format!("again-{job}")).expect("valid");
            let other_id = None;
            (SECOND, SubmitReply::Accepted { task_id, other_id })
        },
        complete,
    );
    let takes: Vec<_> = second
        .fetches
        .iter()
        .map(|(_, _, order)| order.take)
        .collect();
    assert_eq!(takes, [Take(2); 2]);
}

#[test]
fn the_task_of_an_earlier_take_is_asked_for_a_fresh_address() {
    let plan = plan(1);
    let mut first = World::new(Start::new(&plan));
    first.run(accept, complete);
    let mut tries = 0;
    let fetch = move |job, order: &FileOrder| {
        tries += 1;
        if tries == 1 {
            expired()
        } else {
            saved(job, order)
        }
    };
    let mut second = world(retake(&plan, first.replayed(&plan)), fetch);
    second.run(refuse, |job, now| {
        let (wait, _) = complete(job, now);
        let video_url = MediaUrl::new("https://example.com/fresh.mp4");
        let last_frame_url = None;
        (
            wait,
            PollReply::Completed {
                video_url,
                last_frame_url,
            },
        )
    });
    assert_eq!(second.polls.len(), 1, "of the earlier task");
    let names: Vec<_> = events(&second, 0)
        .iter()
        .map(|event| event.name())
        .collect();
    assert_eq!(names, ["renewed", "downloaded"]);
    assert_eq!(second.status(0), Status::Failed);
    let after = second.engine.table().job(0).video().expect("kept");
    assert_eq!(after.url.as_str(), "https://example.com/fresh.mp4");
}

#[test]
fn a_file_that_is_gone_and_does_not_come_is_missing_until_it_is_back() {
    let plan = plan(1);
    let mut first = world(along(&plan), saved);
    first.run(accept, complete);
    let mut gone = terms(1, Renewal::NoKey);
    gone.gone.insert(0, VIDEO);
    let start = Start {
        table: first.replayed(&plan),
        downloads: Downloads::Along(gone),
        ..Start::new(&plan)
    };
    let mut second = world(start, |_, _| expired());
    second.run(accept, complete);
    assert_eq!(second.engine.missing_files().count(), 1);
    let [Event::NotDownloaded { message }] = events(&second, 0)[..] else {
        panic!("{:?}", events(&second, 0))
    };
    assert!(message.as_str().contains("no longer there"), "{message}");

    // Its owner has put it back.
    first.records.extend(second.records);
    let table = first.replayed(&plan);
    let mut third = world(
        Start {
            table,
            ..along(&plan)
        },
        saved,
    );
    third.run(accept, complete);
    let [(_, 0, order)] = &third.fetches[..] else {
        panic!("{:?}", third.fetches)
    };
    assert_eq!(order.video, Wanted::Here(file("0.mp4")));
    let files = third.engine.table().job(0).files.as_ref();
    assert_eq!(files.and_then(|files| files.trouble.as_ref()), None);
}

#[test]
fn only_the_file_that_is_gone_is_fetched_again() {
    let plan = plan(1);
    let mut first = world(along(&plan), saved);
    first.run(accept, with_frame);
    let at = |kind: &str| {
        let url = MediaUrl::new(&format!("https://example.com/0.{kind}"));
        Wanted::At(url.expect("valid"))
    };
    let here = |kind: &str| Wanted::Here(file(&format!("0.{kind}")));
    for (video, last_frame) in [(true, false), (false, true), (true, true)] {
        let mut terms = terms(1, Renewal::Possible);
        terms.gone.insert(0, Gone { video, last_frame });
        let start = Start {
            table: first.replayed(&plan),
            downloads: Downloads::Along(terms),
            ..Start::new(&plan)
        };
        let mut second = world(start, saved);
        second.run(accept, with_frame);
        let [(_, 0, order)] = &second.fetches[..] else {
            panic!("{:?}", second.fetches)
        };
        let wanted = |is_gone: bool, kind| if is_gone { at(kind) } else { here(kind) };
        assert_eq!(order.video, wanted(video, "mp4"));
        assert_eq!(order.last_frame, Some(wanted(last_frame, "png")));
        assert_eq!(second.engine.missing_files().count(), 0);
    }
}

#[test]
fn a_file_that_was_saved_and_is_at_the_provider_no_more_keeps_no_run_from_its_end() {
    let plan = plan(1);
    let mut first = world(along(&plan), saved);
    first.run(accept, with_frame);
    let mut run = |downloads: fn(FileTerms) -> Downloads, gone, reply: fn() -> FetchReply| {
        let mut terms = terms(1, Renewal::Possible);
        terms.gone.insert(0, gone);
        let start = Start {
            table: first.replayed(&plan),
            downloads: downloads(terms),
            ..Start::new(&plan)
        };
        let mut next = world(start, move |_, _| reply());
        next.run(accept, with_frame);
        let missing = next.engine.missing_files().count();
        let files = next.engine.table().job(0).files.as_deref();
        let files = files.expect("recorded once");
        assert!(files.video.is_some() && files.last_frame.is_some());
        let trouble = files.trouble.clone().unwrap_or_default();
        first.records.extend(next.records.iter().cloned());
        let told = next.notices.len();
        (missing, told, next.records.len(), trouble.to_string())
    };
    let picture = Gone {
        video: false,
        last_frame: true,
    };
    let without_picture = || FetchReply::Saved {
        video: file("0.mp4"),
        last_frame: None,
        without: Some(Box::new(expired())),
    };
    let (missing, ..) = run(Downloads::Along, VIDEO, trouble);
    assert_eq!(missing, 1, "it may still be had");
    let lost = "its file was saved and is gone; the provider has it no more";
    let (missing, told, _, why) = run(Downloads::Along, VIDEO, expired);
    assert_eq!((missing, told, why.as_str()), (0, 1, lost));
    let nights = [
        run(Downloads::Along, VIDEO, expired),
        run(Downloads::Along, picture, without_picture),
    ];
    for (missing, told, _, why) in &nights {
        assert_eq!((*missing, *told, why.as_str()), (0, 0, lost));
    }
    assert_eq!(nights[0].2, nights[1].2, "the run alone is recorded");
    let (missing, told, ..) = run(Downloads::Alone, VIDEO, expired);
    assert_eq!((missing, told), (1, 1), "it was asked for");
}
