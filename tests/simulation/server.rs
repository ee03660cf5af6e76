//! Where the videos are: a server that breaks off, sends web pages, lets addresses expire and changes its mind about
//! parts; and the run's own downloads from it.
//!
//! Start at [`SimFiles`]. What is fetched where is the program's own code; only the two ends are played here.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use shotlist::clock::Clock;
use shotlist::download::traffic::Traffic;
use shotlist::download::{self, About, Body, Claims, Errand, Head, Source, StoredFolder};
use shotlist::engine::event::{Event, FetchReply, FileOrder, JobIndex};
use shotlist::engine::job::JobState;
use shotlist::fetch::{ContentRange, FetchError, Rest};
use shotlist::naming::{FileTemplate, Made};
use shotlist::plan::{JobId, Plan};
use shotlist::runner;
use tokio::sync::watch;

use crate::figures::Seen;
use crate::folder::{SimFolder, name_in_folder};
use crate::person::job_number;
use crate::weather::SECOND;
use crate::world::{Audit, Shared, World};

/// The video of a task: the boxes of an MP4 file, with the name of the task as its picture data.
pub(crate) fn whole(task: &str) -> Vec<u8> {
    let padding = 300 + 37 * task.len();
    let boxed = |kind: &[u8; 4], inside: &[u8]| {
        let size = u32::try_from(inside.len() + 8).expect("small");
        [&size.to_be_bytes()[..], kind, inside].concat()
    };
    let data = [task.as_bytes(), b"|", &vec![7; padding]].concat();
    [
        boxed(b"ftyp", b"isom\0\0\0\0isom"),
        boxed(b"moov", &[0; 400]),
        boxed(b"mdat", &data),
    ]
    .concat()
}

fn picture(task: &str) -> Vec<u8> {
    let length = u32::try_from(task.len()).expect("short").to_be_bytes();
    let text = [&length[..], b"tEXt", task.as_bytes(), b"crc."].concat();
    [b"\x89PNG\r\n\x1a\n", &text[..], b"\0\0\0\0IENDcrc."].concat()
}

/// Whose video these bytes begin.
pub(crate) fn task_in(bytes: &[u8]) -> Option<&str> {
    let at = bytes.windows(4).position(|kind| kind == b"mdat")? + 4;
    let end = at + bytes[at..].iter().position(|byte| *byte == b'|')?;
    std::str::from_utf8(&bytes[at..end]).ok()
}

/// Names that people give on purpose or not: `job-0` beside `job-0.frame`, `job-2` beside `job-2.json`.
fn dotted(name: String) -> String {
    for (from, to) in [("job-1", "job-0.frame"), ("job-3", "job-2.json")] {
        if let Some(rest) = name.strip_prefix(from) {
            return format!("{to}{rest}");
        }
    }
    name
}

/// The address of a file of a task, as the provider names it at this time.
pub(crate) fn address(what: &str, task: usize, expired: u32) -> String {
    format!("https://media.example.com/{what}?task={task}&fresh={expired}")
}

/// Task and freshness in an address.
fn parsed(address: &str) -> Option<(bool, usize, u32)> {
    let (path, query) = address.split_once('?')?;
    let (task, fresh) = query.split_once('&')?;
    Some((
        path.ends_with("video"),
        task.strip_prefix("task=")?.parse().ok()?,
        fresh.strip_prefix("fresh=")?.parse().ok()?,
    ))
}

/// Fetches files for a run.
pub(crate) struct SimFiles<'a> {
    world: Shared,
    plan: &'a Plan,
    clock: Clock,
    claims: Claims,
    stop: watch::Sender<bool>,
}

impl<'a> SimFiles<'a> {
    pub(crate) fn new(world: &Shared, plan: &'a Plan, clock: &Clock) -> Self {
        Self {
            world: world.clone(),
            plan,
            clock: clock.clone(),
            claims: Claims::default(),
            stop: watch::Sender::new(false),
        }
    }
}

impl runner::Files for SimFiles<'_> {
    fn fetch(
        &self,
        job: JobIndex,
        order: FileOrder,
        state: &JobState,
    ) -> BoxFuture<'static, FetchReply> {
        if order.take != state.take {
            self.world.lock().saw(Seen::EarlierDownloads);
        }
        let job = &self.plan.jobs()[job as usize];
        let made = Made {
            take: order.take,
            task_id: order.task_id.as_str(),
        };
        let name = FileTemplate::default().name(self.plan, job, made);
        let errand = Errand {
            name: dotted(name.expect("an id is a name")),
            order,
            stored: StoredFolder::new("videos"),
            about: About::default(),
            most_bytes: 1 << 20,
            traffic: Traffic::default(),
        };
        let (world, clock, claims) = (self.world.clone(), self.clock.clone(), self.claims.clone());
        let mut stop = self.stop.subscribe();
        let fetching = async move {
            let folder = SimFolder(world.clone());
            let source = SimSource(world.clone());
            let fetching = download::fetch(&errand, &source, &folder, &claims, &clock);
            let reply = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => None,
                reply = fetching => Some(reply),
            };
            match reply {
                Some(reply) if world.lock().is_on() => {
                    world
                        .lock()
                        .note(|| format!("download of {:?}: {reply:?}", errand.name));
                    reply
                }
                _ => std::future::pending().await,
            }
        };
        // As in the program: what a download waits for on its disk, the loop does not wait for.
        let fetching = tokio::spawn(fetching);
        async { fetching.await.expect("a download does not panic") }.boxed()
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Answers requests for files.
struct SimSource(Shared);

/// What is sent.
struct Answer {
    head: Head,
    bytes: Vec<u8>,
    /// Where it breaks off.
    breaks_at: usize,
    /// Before every piece.
    pause: Duration,
}

impl Answer {
    fn of(status: u16, bytes: Vec<u8>) -> Self {
        Self {
            head: Head {
                status,
                ..Head::default()
            },
            bytes,
            breaks_at: usize::MAX,
            pause: Duration::from_millis(5),
        }
    }
}

/// A body on its way.
struct SimBody {
    world: Shared,
    answer: Answer,
    sent: usize,
}

impl Source for SimSource {
    type Body = SimBody;

    async fn open(&self, address: &str, rest: Option<&Rest>) -> Result<SimBody, FetchError> {
        let Some((wait, answer)) = self.0.lock().serve(address, rest) else {
            return std::future::pending().await;
        };
        tokio::time::sleep(wait).await;
        if !self.0.lock().instant("a download is answered") {
            return std::future::pending().await;
        }
        answer.map(|answer| SimBody {
            world: self.0.clone(),
            answer,
            sent: 0,
        })
    }
}

impl Body for SimBody {
    fn head(&self) -> Head {
        self.answer.head.clone()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        tokio::time::sleep(self.answer.pause).await;
        if !self.world.lock().instant("a piece comes") {
            return std::future::pending().await;
        }
        if self.sent >= self.answer.breaks_at {
            return Err(FetchError::Trouble("the answer broke off".to_owned()));
        }
        if self.sent == self.answer.bytes.len() {
            return Ok(None);
        }
        let bytes = &self.answer.bytes;
        let end = bytes.len().min(self.answer.breaks_at).min(self.sent + 200);
        let piece = Bytes::copy_from_slice(&bytes[self.sent..end]);
        self.sent = end;
        Ok(Some(piece))
    }
}

impl World {
    /// What comes of a request for a file, and after how long.
    fn serve(
        &mut self,
        address: &str,
        rest: Option<&Rest>,
    ) -> Option<(Duration, Result<Answer, FetchError>)> {
        if !self.instant("a download leaves") {
            return None;
        }
        self.saw(Seen::Downloads);
        let notes = &self.session.notes;
        let late = !notes.signals.is_empty() && notes.steps > notes.steps_before_signal + 2;
        self.ensure(!late, || "a download begins after a signal".to_owned());
        let chance = &mut self.file_chance;
        let wait = chance.up_to(SECOND);
        let is_bad = chance.percent(self.session.weather.downloads);
        let trouble = if is_bad { chance.below(6) } else { u64::MAX };
        let answer = self.answer_fetch(address, rest, trouble);
        self.note(|| format!("GET {address} {rest:?}: trouble {trouble}"));
        Some((wait, answer))
    }

    fn answer_fetch(
        &mut self,
        address: &str,
        rest: Option<&Rest>,
        trouble: u64,
    ) -> Result<Answer, FetchError> {
        let (is_video, task, fresh) = parsed(address).expect("an address of ours");
        if fresh < self.ledger[task].expired {
            self.saw(Seen::ExpiredAddress);
            return Ok(Answer::of(403, Vec::new()));
        }
        match trouble {
            0 => {
                self.saw(Seen::ExpiredAddress);
                self.ledger[task].expired += 1;
                return Ok(Answer::of(403, Vec::new()));
            }
            1 => {
                self.saw(Seen::DownloadTrouble);
                return Err(FetchError::Trouble("no connection".to_owned()));
            }
            2 => {
                self.saw(Seen::PageForVideo);
                let page = b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec();
                return Ok(Answer::of(200, page));
            }
            _ => {}
        }
        let name = self.ledger[task].task_id.as_str().to_owned();
        let content = if is_video {
            whole(&name)
        } else {
            picture(&name)
        };
        let version = format!("\"v{}\"", self.ledger[task].version);
        let total = content.len() as u64;
        let part = rest.filter(|rest| rest.validator == version && trouble != 3);
        let mut answer = match part {
            Some(rest) if rest.from >= total => {
                let mut answer = Answer::of(416, Vec::new());
                answer.head.range = Some(ContentRange {
                    first: None,
                    total: Some(total),
                });
                answer
            }
            Some(rest) => {
                self.saw(Seen::DownloadResumed);
                let from = usize::try_from(rest.from).expect("small");
                let mut answer = Answer::of(206, content[from..].to_vec());
                answer.head.range = Some(ContentRange {
                    first: Some(rest.from),
                    total: Some(total),
                });
                answer
            }
            None => Answer::of(200, content),
        };
        answer.head.length = Some(answer.bytes.len() as u64);
        answer.head.validator = Some(version);
        match trouble {
            3 => self.ledger[task].version += 1,
            4 => {
                self.saw(Seen::DownloadBroken);
                answer.breaks_at = self.file_chance.index(answer.bytes.len() + 1);
            }
            5 => answer.pause = 5 * SECOND,
            _ => {}
        }
        Ok(answer)
    }

    /// When people are told of a file: it is whole, and a power cut would leave it.
    pub(crate) fn check_file(&mut self, job: &JobId, event: &Event) {
        match event {
            Event::Renewed { .. } => self.saw(Seen::Renewed),
            Event::NotDownloaded { .. } => self.saw(Seen::NotDownloaded),
            _ => {}
        }
        let Event::Downloaded { video, last_frame } = event else {
            return;
        };
        for saved in [Some(video), last_frame.as_ref()].into_iter().flatten() {
            let path = saved.file.as_str();
            let name = name_in_folder(path);
            let tasks = self
                .ledger
                .iter()
                .filter(|task| task.job == job_number(job));
            let mut contents = tasks.flat_map(|task| {
                let task = task.task_id.as_str();
                [whole(task), picture(task)]
            });
            let bytes = self.files.bytes(name);
            let is_whole = contents.any(|content| bytes == Some(&content));
            self.ensure(is_whole, || {
                format!("`{path}` is recorded and is not the whole file of a task of `{job}`")
            });
            let is_durable = self.audit < Audit::Everything || self.files.is_durable(name);
            self.ensure(is_durable, || {
                format!("`{path}` is recorded before it is durable")
            });
        }
    }
}
