//! A plan and a history for tests: one job in every place of its life.

use jiff::Timestamp;

use crate::engine::budget::Shortfall;
use crate::engine::event::{
    Event, FailureClass, FileHash, FilePath, JobIndex, MediaUrl, Origin, PendingClass, RunNumber,
    RunStart, SavedFile, SentRequest, TaskId,
};
use crate::engine::table::{Fact, JobTable, Record};
use crate::money::{Cost, Currency};
use crate::plan::{
    AspectRatio, ExtraBody, Job, JobId, Media, Model, Plan, RequestFields, UserValues, VideoRequest,
};
use crate::text::CleanText;

/// A request with nothing but a prompt, a model, eight seconds and a wide picture.
pub(crate) fn request(prompt: &str) -> VideoRequest {
    VideoRequest::new(RequestFields {
        model: Model::Standard720p,
        prompt: prompt.into(),
        duration: Some(8),
        aspect_ratio: Some(AspectRatio::Landscape),
        media: Media::default(),
        extra: ExtraBody::default(),
    })
}

pub(crate) fn job_id(id: &str) -> JobId {
    JobId::new(id).expect("a valid id")
}

/// A job without columns of the user's own.
pub(crate) fn job(id: &str, prompt: &str) -> Job {
    Job::new(job_id(id), request(prompt), UserValues::default())
}

pub(crate) fn task(id: &str) -> TaskId {
    TaskId::new(id).expect("a valid task id")
}

pub(crate) fn said(message: &str) -> CleanText {
    CleanText::new(message)
}

/// The n-th second after noon on 5 January 2026.
pub(crate) fn second(n: i64) -> Timestamp {
    Timestamp::from_second(1_767_614_400 + n).expect("in range")
}

/// A record of a run that selects `select`.
pub(crate) fn run(number: u32, select: &[&str]) -> Record {
    Record {
        at: second(0),
        fact: Fact::Run(RunStart {
            run: RunNumber(number),
            origin: Origin {
                base_url: "https://api.example.com".to_owned(),
                create_path: crate::settings::CREATE_PATH.to_owned(),
                poll_path: crate::settings::POLL_PATH.to_owned(),
                key: "9f".to_owned(),
            },
            select: select.iter().map(|&glob| glob.to_owned()).collect(),
            partition: None,
        }),
    }
}

pub(crate) fn event(at: i64, id: &str, event: Event) -> Record {
    Record {
        at: second(at),
        fact: Fact::Job {
            id: job_id(id),
            event,
        },
    }
}

pub(crate) fn intent(prompt: &str) -> Event {
    let request = request(prompt);
    Event::Intent {
        run: RunNumber(1),
        fingerprint: request.fingerprint(),
        request: Some(SentRequest::of(&request)),
        cost: None,
    }
}

/// 18.60 of 20 are reserved, a job costs 1.50, and two are left.
pub(crate) fn shortfall() -> Shortfall {
    let amount = |text: &str| text.parse().expect("an amount");
    Shortfall {
        cap: Cost {
            amount: amount("20"),
            currency: Currency::new("USD").expect("valid"),
        },
        reserved: amount("18.6"),
        cheapest: amount("1.5"),
        enough: amount("21.6"),
    }
}

pub(crate) fn accepted(id: &str) -> Event {
    Event::Accepted {
        task_id: task(id),
        other_id: None,
    }
}

pub(crate) fn completed(url: &str) -> Event {
    Event::Completed {
        video_url: MediaUrl::new(url).expect("a URL"),
        last_frame_url: None,
    }
}

/// A video in this place.
pub(crate) fn downloaded(path: &str) -> Event {
    Event::Downloaded {
        video: SavedFile {
            file: FilePath::new(path).expect("a path"),
            bytes: 7,
            sha256: FileHash([7; 32]),
        },
        last_frame: None,
    }
}

/// The plan and its table after every record of [`records`].
pub(crate) fn every_status() -> (Plan, JobTable) {
    let (plan, records) = records();
    let table = replayed(&plan, &records);
    (plan, table)
}

/// The table of `plan` after `records`.
pub(crate) fn replayed(plan: &Plan, records: &[Record]) -> JobTable {
    let mut table = JobTable::new(Some(plan));
    for record in records {
        table.replay(record).expect("a legal record");
    }
    table
}

/// The job that a record is about, if the table has it already.
pub(crate) fn job_of(table: &JobTable, record: &Record) -> Option<JobIndex> {
    match &record.fact {
        Fact::Job { id, .. } => table.position(id),
        Fact::Run(_) => None,
    }
}

/// A plan and a history that leaves one job in every place of its life.
pub(crate) fn records() -> (Plan, Vec<Record>) {
    let ids = [
        "new",
        "no-money",
        "open",
        "running",
        "slow",
        "done",
        "edited",
        "refused",
        "flagged",
        "broken",
        "no-url",
        "unclear",
        "lost",
        "déjà-vu-雨",
    ];
    let plan = Plan::new(
        ids.into_iter()
            .map(|id| job(id, &format!("The shot {id}.")))
            .collect(),
        Vec::new(),
    );
    let mut records = vec![run(1, &[])];
    for (at, id) in (1..).zip(ids.into_iter().filter(|id| *id != "new")) {
        let prompt = match id {
            "edited" => "The shot before it was edited.".to_owned(),
            id => format!("The shot {id}."),
        };
        records.push(event(at, id, intent(&prompt)));
        records.extend(
            rest_of_life(id)
                .into_iter()
                .map(|fact| event(at + 60, id, fact)),
        );
    }
    records.push(event(
        90,
        "cut-from-film",
        intent("A shot that is no longer wanted."),
    ));
    records.push(event(91, "cut-from-film", accepted("task_cut")));
    (plan, records)
}

fn rest_of_life(id: &str) -> Vec<Event> {
    let accepted = accepted(&format!("task_{id}"));
    let failed = |class, message| Event::Failed {
        class,
        message: said(message),
    };
    match id {
        "open" => vec![],
        "no-money" => vec![Event::Returned {
            class: PendingClass::Quota,
            message: said("insufficient balance"),
        }],
        "refused" => vec![Event::Rejected {
            class: FailureClass::Rejected,
            message: said("model is not enabled for this account"),
        }],
        "unclear" => vec![Event::Doubted {
            message: said("no answer within 3m"),
        }],
        "running" => vec![accepted],
        "slow" => vec![accepted, Event::TimedOut],
        "flagged" => vec![
            accepted,
            failed(FailureClass::Moderation, "output was flagged by moderation"),
        ],
        "broken" => vec![accepted, failed(FailureClass::Generation, "internal error")],
        "no-url" => vec![accepted, Event::NoUrl],
        "lost" => vec![
            accepted,
            Event::Lost {
                message: said("task_not_exist"),
            },
        ],
        done => vec![
            accepted,
            completed(&format!("https://cdn.example.com/{}.mp4", done.len())),
        ],
    }
}
