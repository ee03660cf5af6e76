//! The form of a record on disk: one line of JSON, closed by a checksum.
//!
//! Start at `encode` and `decode`. A line looks like
//! `{"seq":7,"at":"2026-03-01T12:00:00.250Z","type":"accepted","job":"hero","task_id":"t-1","synced":5,"crc32":"…"}`:
//!
//! * `seq` counts the records from 1; the header, on the first line, is number 0.
//! * `type` is `header`, `run`, or the name of an event.
//! * `synced` is the number of the last record that was on disk for certain when this one was written. Records that are
//!   written together share it, which is how a reader tells a torn last write from damage.
//! * `crc32` covers every byte of the line before `,"crc32":`.
//!
//! These types are apart from the working types of `engine`, so that one can change without the other.
//!
//! # Changing the format
//!
//! What this program does not know, it refuses: a higher version, and any type, field or word, named with its line, the
//! file left as it is. Passing over a field would be passing over what a newer program found worth saying, and adding
//! records to such a file would mix two truths. So for every change there are two questions:
//!
//! * *An old program on a new file?* It refuses. If what is new lies deep in the file, it has seen everything before,
//!   and changed nothing: no more is needed, and [`VERSION`] stays. If an old line now means something else, or must not
//!   follow something new, an old program would misread it: raise [`VERSION`].
//! * *A new program on an old file?* It must read it and go on with it for ever; people keep states for months. So a
//!   field that is new is optional on reading, and no type, field or word that was ever written is dropped. After
//!   [`VERSION`] was raised, `decode_header` still takes every version from 1 on, and a run goes on in the version that
//!   the file has or replaces the file as a whole, never in two versions.
//!
//! `tests/it/states` holds a state of every version, as that version wrote it, and what it means. Tests open each of them
//! with this program, and fail when a type that is written today is missing in the one of today's version: then add it
//! there, as a new file, such as `v1-cost` for the prices of requests.

mod plain;

use std::borrow::Cow;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::ser::Formatter;
use sha2::{Digest, Sha256};

use crate::engine::event::{
    Event, EventKind, FailureClass, FileHash, FilePath, MediaUrl, Origin, PendingClass, RunNumber,
    RunStart, SavedFile, SentRequest, TaskId,
};
use crate::engine::table::{Fact, Record};
use crate::money::{Amount, Cost, Currency};
use crate::plan::{AspectRatio, Fingerprint, JobId, Mode};
use crate::text::{CleanText, is_unsafe};
use crate::units::BaseUrl;

/// The format that this program writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// Most bytes of a line, its line break included; longer ones are neither written nor read.
pub const LINE_LIMIT: usize = 16 << 20;

/// The type of the first line.
const HEADER: &str = "header";

/// The type of the record that a run begins with.
const RUN: &str = "run";

/// The first record of a state: whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// File name of the manifest.
    pub manifest: String,
    /// Name of the machine that began the state.
    pub machine: String,
    /// Whether the provider was the simulated one.
    pub rehearsal: bool,
    /// When the state was begun.
    pub created_at: Timestamp,
}

impl Header {
    /// Number `run` over this state, after six digits that tell states apart.
    pub(super) fn run_id(&self, run: RunNumber) -> String {
        let begun = self.created_at.as_millisecond();
        let identity = format!("{}\0{}\0{begun}", self.manifest, self.machine);
        let hash = Sha256::digest(identity.as_bytes());
        let [a, b, c] = [hash[0], hash[1], hash[2]];
        format!("{a:02x}{b:02x}{c:02x}-{}", run.0)
    }
}

/// A line that was read.
#[derive(Debug)]
pub(super) struct Numbered {
    /// Number of the record, from 1.
    pub(super) seq: u64,
    /// Number of the last record that was durable when this one was written.
    pub(super) synced: u64,
    /// What it says.
    pub(super) record: Record,
}

/// Why a line is not a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineError {
    /// Its bytes are not those that were written: torn or damaged.
    Broken(&'static str),
    /// Its bytes are as they were written, and make no sense.
    Invalid(String),
    /// Its bytes are as they were written, by a program that knows more than this one.
    Newer(String),
}

/// Adds the line of `header` to `buffer`.
pub(super) fn encode_header(header: &Header, buffer: &mut Vec<u8>) {
    let line = HeaderLine {
        seq: 0,
        kind: text(HEADER),
        version: VERSION,
        manifest: text(&header.manifest),
        machine: text(&header.machine),
        rehearsal: header.rehearsal,
        created_at: header.created_at,
        _seal: IgnoredAny,
    };
    seal(&line, buffer);
}

/// Adds the line of `record`, the `seq`th, to `buffer`.
pub(super) fn encode(record: &Record, seq: u64, synced: u64, buffer: &mut Vec<u8>) {
    let line = Line {
        seq,
        synced,
        ..Line::of(record)
    };
    seal(&line, buffer);
}

/// Reads the first line of a state.
pub(super) fn decode_header(line: &[u8]) -> Result<Header, LineError> {
    let json = unseal(line)?;
    let kind: Kind = parse(json)?;
    if kind.kind.0 != HEADER {
        return Err(LineError::Invalid("it is not a header".to_owned()));
    }
    match kind.version {
        1..=VERSION => {}
        0 => return Err(invalid("version")),
        newer => return Err(LineError::Newer(format!("format version {newer}"))),
    }
    let line: HeaderLine = parse(json)?;
    Ok(Header {
        manifest: line.manifest.0.into_owned(),
        machine: line.machine.0.into_owned(),
        rehearsal: line.rehearsal,
        created_at: line.created_at,
    })
}

/// Reads any line but the first.
pub(super) fn decode(line: &[u8]) -> Result<Numbered, LineError> {
    let json = unseal(line)?;
    let line = plain::read(json).map_or_else(|| parse(json), Ok);
    let line: Line = line.map_err(|error| match parse::<Kind>(json) {
        Ok(kind) if kind.kind.0 == HEADER => LineError::Invalid("it is another header".to_owned()),
        _ => error,
    })?;
    Ok(Numbered {
        seq: line.seq,
        synced: line.synced,
        record: Record {
            at: line.at,
            fact: line.fact()?,
        },
    })
}

/// Whether `bytes` could be the beginning of a header that was cut off: its first bytes, or nothing but zeros.
pub(super) fn may_begin_header(bytes: &[u8]) -> bool {
    let magic = br#"{"seq":0,"type":"header","version":"#;
    let written = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let shared = written.len().min(magic.len());
    written[..shared] == magic[..shared]
}

/// Whether a bad `line` was written whole, line break and all, and something has changed it since: two parts of its
/// frame are in their places, or only its last byte is another one.
pub(super) fn was_whole(line: &[u8]) -> bool {
    let Some((last, before)) = line.split_last() else {
        return false;
    };
    let seal = &line[line.len().saturating_sub(SEAL_LENGTH + 1)..];
    let frame = [
        line.starts_with(OPENING),
        seal.windows(CRC_FIELD.len())
            .any(|bytes| bytes == CRC_FIELD),
        line.ends_with(b"\"}\n"),
    ];
    match last {
        b'\n' => frame.iter().filter(|part| **part).count() > 1,
        _ => decode(&[before, b"\n"].concat()).is_ok(),
    }
}

/// Whether another record begins within `line`: its own line break was changed.
pub(super) fn holds_another(line: &[u8]) -> bool {
    after(line, OPENING).is_some_and(|rest| after(rest, OPENING).is_some())
}

/// Whether bytes that are no record could be the beginning of one, or nothing but zeros.
pub(super) fn may_begin_record(bytes: &[u8]) -> bool {
    let written = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let shared = written.len().min(OPENING.len());
    written[..shared] == OPENING[..shared]
}

/// Whether nothing is lost for good with a damaged `line`: by its type it neither says that a request leaves nor names
/// a task. What it said happens again, or its job is in doubt.
pub(super) fn is_spare(line: &[u8]) -> bool {
    let kind = after(line, br#","type":""#)
        .and_then(|rest| rest.split(|byte| *byte == b'"').next())
        .and_then(|word| std::str::from_utf8(word).ok());
    let is_dear = |event| {
        matches!(
            event,
            EventKind::Intent | EventKind::Accepted | EventKind::Adopted
        )
    };
    kind.is_some_and(|word| {
        word == RUN || EventKind::parse(word).is_some_and(|event| !is_dear(event))
    })
}

/// The job and its task as the remains of an `accepted` record name them, whatever their checksum.
pub(super) fn readable_task(line: &[u8]) -> Option<(JobId, TaskId)> {
    let rest = after(line, br#","type":"accepted","job":"#)?;
    let (job, rest) = leading_text(rest)?;
    let (task_id, _) = leading_text(rest.strip_prefix(br#","task_id":"#)?)?;
    Some((JobId::new(&job).ok()?, TaskId::new(&task_id)?))
}

/// The JSON text that `bytes` begin with, and what follows it.
fn leading_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let mut texts = serde_json::Deserializer::from_slice(bytes).into_iter::<String>();
    let text = texts.next()?.ok()?;
    Some((text, &bytes[texts.byte_offset()..]))
}

/// What follows the first `mark` in `line`. Within a text, quotes are escaped, so that no field begins there.
fn after<'a>(line: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = line.windows(mark.len()).position(|bytes| bytes == mark)?;
    Some(&line[at + mark.len()..])
}

/// What every line begins with.
pub(super) const OPENING: &[u8] = br#"{"seq":"#;

const CRC_FIELD: &[u8] = br#","crc32":""#;

/// Bytes of `,"crc32":"xxxxxxxx"}` and the line break.
const SEAL_LENGTH: usize = CRC_FIELD.len() + 8 + 3;

/// Adds `line` as JSON to `buffer`, with the checksum as its last field and a line break.
fn seal(line: &impl Serialize, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    let mut json = serde_json::Serializer::with_formatter(&mut *buffer, Harmless);
    line.serialize(&mut json)
        .expect("text and numbers always fit into JSON");
    buffer.pop(); // the closing brace
    let crc = hex(crc32fast::hash(&buffer[start..]));
    buffer.extend_from_slice(CRC_FIELD);
    buffer.extend_from_slice(&crc);
    buffer.extend_from_slice(b"\"}\n");
}

/// Writes characters that could steer a terminal as escapes: a task id is kept exactly, and a state is safe to print.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_unsafe) {
            let (harmless, from_here) = rest.split_at(at);
            writer.write_all(harmless.as_bytes())?;
            let mut following = from_here.chars();
            let character = following.next().expect("it was found");
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = following.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// The JSON of a whole line whose checksum is right, without the line break.
fn unseal(line: &[u8]) -> Result<&[u8], LineError> {
    let json = line
        .strip_suffix(b"\n")
        .ok_or(LineError::Broken("the line does not end"))?;
    let (covered, seal) = line
        .len()
        .checked_sub(SEAL_LENGTH)
        .map(|at| line.split_at(at))
        .ok_or(LineError::Broken("the line is too short for a record"))?;
    let crc = seal
        .strip_prefix(CRC_FIELD)
        .and_then(|rest| rest.strip_suffix(b"\"}\n"))
        .ok_or(LineError::Broken("the line has no checksum at its end"))?;
    if crc != hex(crc32fast::hash(covered)) {
        return Err(LineError::Broken("the checksum does not match the line"));
    }
    Ok(json)
}

fn hex(crc: u32) -> [u8; 8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|index| DIGITS[(crc >> (28 - 4 * index) & 0xf) as usize])
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, LineError> {
    serde_json::from_slice(json).map_err(|error| {
        let why = error.to_string();
        let unknown = why.strip_prefix("unknown field `");
        match unknown.and_then(|rest| rest.split_once("`, expected")) {
            Some((field, _)) => newer("field", field),
            None => LineError::Invalid(why),
        }
    })
}

/// Text that is borrowed from the line unless it holds an escape.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn text(text: &str) -> Text<'_> {
    Text(Cow::Borrowed(text))
}

/// What tells whether the rest of a header can be read.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine<'a> {
    seq: u64,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    version: u32,
    #[serde(borrow)]
    manifest: Text<'a>,
    #[serde(borrow)]
    machine: Text<'a>,
    rehearsal: bool,
    #[serde(serialize_with = "milliseconds")]
    created_at: Timestamp,
    #[serde(rename = "crc32", skip_serializing)]
    _seal: IgnoredAny,
}

/// Every record but the header. One struct for all types: an enum with a tag would read each line twice.
#[derive(Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    seq: u64,
    #[serde(serialize_with = "milliseconds")]
    at: Timestamp,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    job: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    base_url: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    create_path: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    poll_path: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    select: Option<Vec<Text<'a>>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    partition: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    request: Option<RequestFields<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    cost: Option<CostFields<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    task_id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    other_id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    class: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    message: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    video_url: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    last_frame_url: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    video: Option<FileFields<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    last_frame: Option<FileFields<'a>>,
    synced: u64,
    #[serde(rename = "crc32", skip_serializing)]
    _seal: IgnoredAny,
}

impl Default for Text<'_> {
    fn default() -> Self {
        text("")
    }
}

/// The request columns of an intent.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(deny_unknown_fields)]
struct RequestFields<'a> {
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    mode: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<u8>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<Text<'a>>,
    #[serde(borrow)]
    prompt: Text<'a>,
}

/// What an intent is expected to cost. A text, so that no reader makes a float of it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(deny_unknown_fields)]
struct CostFields<'a> {
    #[serde(borrow)]
    amount: Text<'a>,
    #[serde(borrow)]
    currency: Text<'a>,
}

/// A file that was saved.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(deny_unknown_fields)]
struct FileFields<'a> {
    #[serde(borrow)]
    file: Text<'a>,
    bytes: u64,
    #[serde(borrow)]
    sha256: Text<'a>,
}

fn milliseconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}

impl<'a> Line<'a> {
    /// The fields of `record`, without its numbers.
    fn of(record: &'a Record) -> Self {
        let fields = match &record.fact {
            Fact::Run(start) => Self::of_run(start),
            Fact::Job { id, event } => Self {
                kind: text(event.name()),
                job: Some(text(id.as_str())),
                ..Self::of_event(event)
            },
        };
        Self {
            at: crate::clock::whole_milliseconds(record.at), // the format would round, up to a moment yet to come
            ..fields
        }
    }

    fn of_run(start: &'a RunStart) -> Self {
        Self {
            kind: text(RUN),
            run: Some(start.run.0),
            base_url: Some(text(&start.origin.base_url)),
            create_path: Some(text(&start.origin.create_path)),
            poll_path: Some(text(&start.origin.poll_path)),
            key: Some(text(&start.origin.key)),
            select: Some(start.select.iter().map(|glob| text(glob)).collect()),
            partition: start
                .partition
                .map(|share| Text(Cow::Owned(share.to_string()))),
            ..Self::default()
        }
    }

    fn of_event(event: &'a Event) -> Self {
        let mut line = Self::default();
        match event {
            Event::Intent {
                run,
                fingerprint,
                request,
                cost,
            } => {
                line.run = Some(run.0);
                line.fingerprint = Some(Text(Cow::Owned(fingerprint.to_string())));
                line.request = request.as_ref().map(RequestFields::of);
                line.cost = cost.as_ref().map(CostFields::of);
            }
            Event::Accepted { task_id, other_id } => {
                line.task_id = Some(text(task_id.as_str()));
                line.other_id = other_id.as_ref().map(|id| text(id.as_str()));
            }
            Event::Returned { class, message } => {
                line.class = Some(text(class.as_str()));
                line.message = Some(text(message.as_str()));
            }
            Event::Rejected { class, message } | Event::Failed { class, message } => {
                line.class = Some(text(class.as_str()));
                line.message = Some(text(message.as_str()));
            }
            Event::Doubted { message }
            | Event::Lost { message }
            | Event::NotDownloaded { message } => {
                line.message = Some(text(message.as_str()));
            }
            Event::Completed {
                video_url,
                last_frame_url,
            } => {
                line.video_url = Some(text(video_url.as_str()));
                line.last_frame_url = last_frame_url.as_ref().map(|url| text(url.as_str()));
            }
            Event::Adopted { task_id, run } => {
                line.task_id = Some(text(task_id.as_str()));
                line.run = Some(run.0);
            }
            Event::Downloaded { video, last_frame } => {
                line.video = Some(FileFields::of(video));
                line.last_frame = last_frame.as_ref().map(FileFields::of);
            }
            Event::Renewed {
                video_url,
                last_frame_url,
            } => {
                line.video_url = Some(text(video_url.as_str()));
                line.last_frame_url = last_frame_url.as_ref().map(|url| text(url.as_str()));
            }
            Event::NoUrl | Event::TimedOut | Event::NotCreated | Event::Reopened => {}
        }
        line
    }

    /// What the line says; every value goes through the constructor that checks it.
    fn fact(&self) -> Result<Fact, LineError> {
        if self.kind.0 == RUN {
            return self.run_start().map(Fact::Run);
        }
        let event = self.event()?;
        let id = JobId::new(present(self.job.as_ref(), "job")?)
            .map_err(|error| LineError::Invalid(error.to_string()))?;
        Ok(Fact::Job { id, event })
    }

    fn run_start(&self) -> Result<RunStart, LineError> {
        let base_url = present(self.base_url.as_ref(), "base_url")?;
        if base_url.parse::<BaseUrl>().is_err() {
            return Err(invalid("base_url"));
        }
        let select = self.select.as_ref().ok_or_else(|| missing("select"))?;
        Ok(RunStart {
            run: self.run()?,
            origin: Origin {
                base_url: base_url.to_owned(),
                create_path: present(self.create_path.as_ref(), "create_path")?.to_owned(),
                poll_path: present(self.poll_path.as_ref(), "poll_path")?.to_owned(),
                key: present(self.key.as_ref(), "key")?.to_owned(),
            },
            select: select.iter().map(|glob| glob.0.to_string()).collect(),
            partition: optional(self.partition.as_ref(), "partition", |text| {
                text.parse().ok()
            })?,
        })
    }

    fn event(&self) -> Result<Event, LineError> {
        let kind =
            EventKind::parse(&self.kind.0).ok_or_else(|| newer("record type", &self.kind.0))?;
        Ok(match kind {
            EventKind::Intent => Event::Intent {
                run: self.run()?,
                fingerprint: Fingerprint::parse(present(self.fingerprint.as_ref(), "fingerprint")?)
                    .ok_or_else(|| invalid("fingerprint"))?,
                request: self.request.as_ref().map(RequestFields::sent).transpose()?,
                cost: self.cost.as_ref().map(CostFields::cost).transpose()?,
            },
            EventKind::Accepted => Event::Accepted {
                task_id: self.task_id()?,
                other_id: optional(self.other_id.as_ref(), "other_id", TaskId::new)?,
            },
            EventKind::Returned => Event::Returned {
                class: self.class(PendingClass::parse)?,
                message: self.message()?,
            },
            EventKind::Rejected => Event::Rejected {
                class: self.class(FailureClass::parse)?,
                message: self.message()?,
            },
            EventKind::Doubted => Event::Doubted {
                message: self.message()?,
            },
            EventKind::Completed => Event::Completed {
                video_url: self.video_url()?,
                last_frame_url: self.last_frame_url()?,
            },
            EventKind::Failed => Event::Failed {
                class: self.class(FailureClass::parse)?,
                message: self.message()?,
            },
            EventKind::NoUrl => Event::NoUrl,
            EventKind::Lost => Event::Lost {
                message: self.message()?,
            },
            EventKind::TimedOut => Event::TimedOut,
            EventKind::Adopted => Event::Adopted {
                task_id: self.task_id()?,
                run: self.run()?,
            },
            EventKind::NotCreated => Event::NotCreated,
            EventKind::Reopened => Event::Reopened,
            EventKind::Downloaded => Event::Downloaded {
                video: self
                    .video
                    .as_ref()
                    .ok_or_else(|| missing("video"))?
                    .saved()?,
                last_frame: self
                    .last_frame
                    .as_ref()
                    .map(FileFields::saved)
                    .transpose()?,
            },
            EventKind::Renewed => Event::Renewed {
                video_url: self.video_url()?,
                last_frame_url: self.last_frame_url()?,
            },
            EventKind::NotDownloaded => Event::NotDownloaded {
                message: self.message()?,
            },
        })
    }

    fn video_url(&self) -> Result<MediaUrl, LineError> {
        MediaUrl::recorded(present(self.video_url.as_ref(), "video_url")?)
            .ok_or_else(|| invalid("video_url"))
    }

    fn last_frame_url(&self) -> Result<Option<MediaUrl>, LineError> {
        optional(
            self.last_frame_url.as_ref(),
            "last_frame_url",
            MediaUrl::recorded,
        )
    }

    fn run(&self) -> Result<RunNumber, LineError> {
        self.run.map(RunNumber).ok_or_else(|| missing("run"))
    }

    fn task_id(&self) -> Result<TaskId, LineError> {
        TaskId::new(present(self.task_id.as_ref(), "task_id")?).ok_or_else(|| invalid("task_id"))
    }

    fn message(&self) -> Result<CleanText, LineError> {
        present(self.message.as_ref(), "message").map(CleanText::new)
    }

    fn class<T>(&self, parse: fn(&str) -> Option<T>) -> Result<T, LineError> {
        let word = present(self.class.as_ref(), "class")?;
        parse(word).ok_or_else(|| newer("error class", word))
    }
}

impl<'a> RequestFields<'a> {
    fn of(request: &'a SentRequest) -> Self {
        Self {
            model: text(&request.model),
            mode: text(request.mode.as_str()),
            duration: request.duration,
            aspect_ratio: request.aspect_ratio.map(|ratio| text(ratio.as_str())),
            prompt: text(&request.prompt),
        }
    }

    fn sent(&self) -> Result<SentRequest, LineError> {
        let aspect_ratio = match &self.aspect_ratio {
            Some(Text(word)) => {
                Some(AspectRatio::parse(word).ok_or_else(|| newer("aspect ratio", word))?)
            }
            None => None,
        };
        Ok(SentRequest {
            model: (*self.model.0).into(),
            mode: Mode::parse(&self.mode.0).ok_or_else(|| newer("mode", &self.mode.0))?,
            duration: self.duration,
            aspect_ratio,
            prompt: (*self.prompt.0).into(),
        })
    }
}

impl<'a> CostFields<'a> {
    fn of(cost: &'a Cost) -> Self {
        Self {
            amount: Text(Cow::Owned(cost.amount.to_string())),
            currency: text(cost.currency.as_str()),
        }
    }

    fn cost(&self) -> Result<Cost, LineError> {
        Ok(Cost {
            amount: Amount::recorded(&self.amount.0).ok_or_else(|| invalid("amount"))?,
            currency: Currency::new(&self.currency.0).ok_or_else(|| invalid("currency"))?,
        })
    }
}

impl<'a> FileFields<'a> {
    fn of(saved: &'a SavedFile) -> Self {
        Self {
            file: text(saved.file.as_str()),
            bytes: saved.bytes,
            sha256: Text(Cow::Owned(saved.sha256.to_string())),
        }
    }

    fn saved(&self) -> Result<SavedFile, LineError> {
        Ok(SavedFile {
            file: FilePath::new(&self.file.0).ok_or_else(|| invalid("file"))?,
            bytes: self.bytes,
            sha256: FileHash::parse(&self.sha256.0).ok_or_else(|| invalid("sha256"))?,
        })
    }
}

fn present<'a>(field: Option<&'a Text<'_>>, name: &str) -> Result<&'a str, LineError> {
    field.map(|text| &*text.0).ok_or_else(|| missing(name))
}

fn optional<T>(
    field: Option<&Text<'_>>,
    name: &str,
    check: fn(&str) -> Option<T>,
) -> Result<Option<T>, LineError> {
    field
        .map(|text| check(&text.0).ok_or_else(|| invalid(name)))
        .transpose()
}

fn missing(field: &str) -> LineError {
    LineError::Invalid(format!("the field `{field}` is missing"))
}

fn invalid(field: &str) -> LineError {
    LineError::Invalid(format!("the field `{field}` does not hold what it must"))
}

fn newer(what: &str, word: &str) -> LineError {
    LineError::Newer(format!("the {what} `{}`", crate::text::clean(word, 50)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::samples;
    use super::*;

    fn line(record: &Record) -> Vec<u8> {
        let mut buffer = Vec::new();
        encode(record, 7, 5, &mut buffer);
        buffer
    }

    /// `json` as a line with a right checksum.
    fn sealed(json: &str) -> Vec<u8> {
        let mut line = format!("{json},\"crc32\":\"").into_bytes();
        line.truncate(json.len() - 1);
        let crc = hex(crc32fast::hash(&line));
        line.extend_from_slice(CRC_FIELD);
        line.extend_from_slice(&crc);
        line.extend_from_slice(b"\"}\n");
        line
    }

    #[test]
    fn every_record_has_the_form_that_was_agreed() {
        let mut file = Vec::new();
        encode_header(&samples::header(), &mut file);
        for (seq, record) in (1..).zip(&samples::everything()) {
            encode(record, seq, seq - 1, &mut file);
        }
        insta::assert_snapshot!(String::from_utf8(file).expect("JSON is UTF-8"));
    }

    #[test]
    fn the_sample_holds_every_kind_of_event() {
        let mut kinds: Vec<_> = samples::everything()
            .iter()
            .filter_map(|record| match &record.fact {
                Fact::Run(_) => None,
                Fact::Job { event, .. } => Some(event.kind()),
            })
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, EventKind::ALL);
    }

    #[test]
    fn every_field_that_is_written_today_is_in_the_state_of_todays_version() {
        let states = format!("{}/tests/it/states", env!("CARGO_MANIFEST_DIR"));
        let of_today = format!("v{VERSION}");
        let golden: Vec<_> = std::fs::read_dir(states)
            .expect("a directory")
            .map(|file| file.expect("a readable name").path())
            .filter(|path| {
                let name = path.file_stem().expect("a name").to_string_lossy();
                let is_state = path.extension().is_some_and(|ending| ending == "jsonl");
                is_state && name.split('-').next() == Some(&of_today)
            })
            .map(|path| std::fs::read_to_string(path).expect("a state"))
            .flat_map(|state| state.lines().flat_map(fields).collect::<Vec<_>>())
            .collect();
        for record in samples::everything() {
            let line = String::from_utf8(line(&record)).expect("JSON is UTF-8");
            for field in fields(&line) {
                assert!(
                    golden.contains(&field),
                    "{field}: see the module's documentation"
                );
            }
        }
    }

    /// The fields of a line, those of its request and its cost too, each as `type.field`.
    fn fields(line: &str) -> Vec<String> {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let inner = ["request", "cost"].map(|name| line.get(name)?.as_object());
        let names = line.as_object().expect("an object").keys();
        names
            .chain(inner.into_iter().flatten().flat_map(|object| object.keys()))
            .map(|name| format!("{}.{name}", line["type"].as_str().expect("a type")))
            .collect()
    }

    #[test]
    fn only_what_says_that_a_request_leaves_or_names_a_task_is_dear() {
        for record in samples::everything() {
            let is_dear = match &record.fact {
                Fact::Run(_) => false,
                Fact::Job { event, .. } => matches!(
                    event,
                    Event::Intent { .. } | Event::Accepted { .. } | Event::Adopted { .. }
                ),
            };
            assert_eq!(is_spare(&line(&record)), !is_dear, "{record:?}");
        }
        for unclear in [&b""[..], b"{\"seq\":1}", br#"{"seq":1,"type":"intemt"}"#] {
            assert!(!is_spare(unclear), "what cannot be told may be dear");
        }
    }

    #[test]
    fn the_task_of_a_torn_acceptance_is_read_once_it_is_whole() {
        let odd = Event::Accepted {
            task_id: TaskId::new("t \"1\" 雪").expect("valid"),
            other_id: TaskId::new("other"),
        };
        let Event::Accepted { task_id, .. } = odd.clone() else {
            unreachable!("that is what it is")
        };
        let fact = samples::fact("hero", odd);
        let line = line(&Record {
            at: samples::noon(),
            fact,
        });
        let end = line
            .windows(7)
            .position(|bytes| bytes == b",\"other")
            .expect("there");
        for cut in 0..line.len() {
            let read = readable_task(&line[..cut]);
            let expected =
                (cut >= end).then(|| (JobId::new("hero").expect("valid"), task_id.clone()));
            assert_eq!(read, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_record_of_a_job_without_an_escape_is_plain() {
        for record in samples::everything() {
            let line = line(&record);
            let has_escape = line.contains(&b'\\');
            let is_plain = plain::read(unseal(&line).expect("sealed")).is_some();
            let is_of_job = matches!(record.fact, Fact::Job { .. });
            assert_eq!(is_plain, is_of_job && !has_escape, "{record:?}");
        }
    }

    #[test]
    fn the_checksum_covers_the_bytes_before_it() {
        let line = line(&samples::everything()[0]);
        let text = String::from_utf8(line).expect("JSON is UTF-8");
        let (covered, seal) = text.rsplit_once(",\"crc32\":").expect("sealed");
        let crc = crc32fast::hash(covered.as_bytes());
        assert_eq!(seal, format!("\"{crc:08x}\"}}\n"));
    }

    #[test]
    fn what_could_steer_a_terminal_is_kept_exactly_and_written_as_escapes() {
        let task_id =
            TaskId::new("a\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{e0041}雪🎬").expect("not blank");
        let event = Event::Accepted {
            task_id,
            other_id: None,
        };
        let record = Record {
            at: Timestamp::UNIX_EPOCH,
            fact: Fact::Job {
                id: JobId::new("hero").expect("valid"),
                event,
            },
        };
        let line = line(&record);
        assert_eq!(decode(&line).expect("just written").record, record);
        let text = String::from_utf8(line).expect("JSON is UTF-8");
        let escaped = r#""a\u001b[2J\u009b\u007f\u202e\udb40\udc41雪🎬""#;
        assert!(text.contains(escaped), "{text}");
    }

    #[test]
    fn a_checksum_in_capitals_is_not_the_one_that_was_written() {
        let line = line(&samples::everything()[0]);
        let at = line.len() - 11;
        let mut capital = line.clone();
        capital[at..at + 8].make_ascii_uppercase();
        assert!(decode(&line).is_ok());
        assert_ne!(capital, line, "choose a record whose checksum has a letter");
        assert!(matches!(decode(&capital), Err(LineError::Broken(_))));
    }

    #[test]
    fn types_fields_and_words_that_are_not_known_come_from_a_newer_program() {
        let at = r#""at":"2026-03-01T12:00:00.000Z""#;
        for (json, what) in [
            (
                format!(r#"{{"seq":1,{at},"type":"painted","job":"a","synced":0}}"#),
                "the record type `painted`",
            ),
            (
                format!(
                    r#"{{"seq":1,{at},"type":"failed","job":"a","class":"bored","message":"","synced":0}}"#
                ),
                "the error class `bored`",
            ),
            (
                format!(
                    r#"{{"seq":1,{at},"type":"timed_out","job":"a","mood":{{"x":[1]}},"synced":0}}"#
                ),
                "the field `mood`",
            ),
            (
                format!(
                    r#"{{"seq":1,{at},"type":"intent","job":"a","run":1,"fingerprint":"","request":{{"sound":"off"}},"synced":0}}"#
                ),
                "the field `sound`",
            ),
            (
                format!(
                    r#"{{"seq":1,{at},"type":"intent","job":"a","run":1,"fingerprint":"","cost":{{"tax":"1.00"}},"synced":0}}"#
                ),
                "the field `tax`",
            ),
        ] {
            assert_eq!(
                decode(&sealed(&json)).expect_err("unknown"),
                LineError::Newer(what.to_owned())
            );
        }
        for (fields, what) in [
            (r#""version":2,"anything":"else""#, "format version 2"),
            (r#""version":1,"owner":"me""#, "the field `owner`"),
        ] {
            let header = format!(r#"{{"seq":0,"type":"header",{fields}}}"#);
            assert_eq!(
                decode_header(&sealed(&header)).expect_err("unknown"),
                LineError::Newer(what.to_owned())
            );
        }
        let none = decode_header(&sealed(r#"{"seq":0,"type":"header","version":0}"#));
        assert_eq!(none.expect_err("never written"), invalid("version"));
    }

    #[test]
    fn values_that_could_not_have_been_recorded_are_refused() {
        let start = r#"{"seq":1,"at":"2026-03-01T12:00:00.000Z","type":"#;
        for rest in [
            r#""accepted","job":"a","synced":0}"#,
            r#""accepted","job":"a","task_id":"  ","synced":0}"#,
            r#""accepted","job":"a","task_id":7,"synced":0}"#,
            r#""accepted","job":"../a","task_id":"t","synced":0}"#,
            r#""accepted","job":"a","job":"b","task_id":"t","synced":0}"#,
            r#""accepted","task_id":"t","synced":0}"#,
            r#""completed","job":"a","video_url":"file:///etc/passwd","synced":0}"#,
            r#""adopted","job":"a","task_id":"t","run":-1,"synced":0}"#,
            r#""downloaded","job":"a","synced":0}"#,
            r#""downloaded","job":"a","video":{"file":"","bytes":1,"sha256":"00"},"synced":0}"#,
            r#""downloaded","job":"a","video":{"file":"a","bytes":1,"sha256":"00"},"synced":0}"#,
            r#""renewed","job":"a","synced":0}"#,
            r#""intent","job":"a","run":1,"fingerprint":"12","synced":0}"#,
            r#""intent","job":"a","run":1,"fingerprint":"00112233445566778899aabbccddeeff","cost":{"amount":"1.5","currency":"USD"},"synced":0}"#,
            r#""intent","job":"a","run":1,"fingerprint":"00112233445566778899aabbccddeeff","cost":{"amount":1.50,"currency":"USD"},"synced":0}"#,
            r#""intent","job":"a","run":1,"fingerprint":"00112233445566778899aabbccddeeff","cost":{"amount":"1.50","currency":"usd"},"synced":0}"#,
            r#""intent","job":"a","run":1,"fingerprint":"00112233445566778899aabbccddeeff","cost":{"amount":"1.50"},"synced":0}"#,
            r#""run","run":1,"base_url":"ftp://x","create_path":"/","poll_path":"/","key":"","select":[],"synced":0}"#,
            r#""timed_out","job":"a"}"#,
        ] {
            let line = sealed(&format!("{start}{rest}"));
            let error = decode(&line).expect_err(rest);
            assert!(matches!(error, LineError::Invalid(_)), "{rest}: {error:?}");
        }
    }

    #[test]
    fn a_moment_is_stored_in_whole_milliseconds_and_never_lies_ahead() {
        let at = "2026-03-01T12:00:00.999999Z".parse().expect("valid");
        let fact = samples::run(1);
        let read = decode(&line(&Record { at, fact })).expect("whole");
        assert_eq!(read.record.at.to_string(), "2026-03-01T12:00:00.999Z");
    }

    fn task_id() -> impl Strategy<Value = TaskId> {
        any::<String>().prop_filter_map("a task id", |text| TaskId::new(&text))
    }

    fn message() -> impl Strategy<Value = CleanText> {
        prop_oneof![any::<String>(), "[a-z \u{7f}é🎬]{480,520}"]
            .prop_map(|text| CleanText::new(&text))
    }

    fn media_url() -> impl Strategy<Value = MediaUrl> {
        "https?://[a-z]{1,9}\\.example/[ -~é雪]{0,40}"
            .prop_filter_map("a media URL", |text| MediaUrl::new(&text))
    }

    fn run_number() -> impl Strategy<Value = RunNumber> {
        any::<u32>().prop_map(RunNumber)
    }

    fn sent_request() -> impl Strategy<Value = SentRequest> {
        (
            any::<String>(),
            select(Mode::ALL),
            any::<Option<u8>>(),
            option::of(select(AspectRatio::ALL)),
            any::<String>(),
        )
            .prop_map(
                |(model, mode, duration, aspect_ratio, prompt)| SentRequest {
                    model: model.into(),
                    mode,
                    duration,
                    aspect_ratio,
                    prompt: prompt.into(),
                },
            )
    }

    fn cost() -> impl Strategy<Value = Cost> {
        (any::<u64>(), "[A-Z]{3}").prop_map(|(millionths, currency)| Cost {
            amount: Amount::from_millionths(millionths),
            currency: Currency::new(&currency).expect("three capital letters"),
        })
    }

    fn saved_file() -> impl Strategy<Value = SavedFile> {
        let path = any::<String>().prop_filter_map("a path", |path| FilePath::new(&path));
        (path, any::<u64>(), any::<[u8; 32]>()).prop_map(|(file, bytes, hash)| SavedFile {
            file,
            bytes,
            sha256: FileHash(hash),
        })
    }

    fn intent() -> impl Strategy<Value = Event> {
        (
            run_number(),
            any::<u128>(),
            option::of(sent_request()),
            option::of(cost()),
        )
            .prop_map(|(run, fingerprint, request, cost)| Event::Intent {
                run,
                fingerprint: Fingerprint::parse(&format!("{fingerprint:032x}")).expect("hex"),
                request,
                cost,
            })
    }

    fn event() -> impl Strategy<Value = Event> {
        let failure = || (select(FailureClass::ALL), message());
        prop_oneof![
            intent(),
            (task_id(), option::of(task_id()))
                .prop_map(|(task_id, other_id)| Event::Accepted { task_id, other_id }),
            (select(PendingClass::ALL), message())
                .prop_map(|(class, message)| Event::Returned { class, message }),
            failure().prop_map(|(class, message)| Event::Rejected { class, message }),
            failure().prop_map(|(class, message)| Event::Failed { class, message }),
            message().prop_map(|message| Event::Doubted { message }),
            message().prop_map(|message| Event::Lost { message }),
            (media_url(), option::of(media_url())).prop_map(|(video_url, last_frame_url)| {
                Event::Completed {
                    video_url,
                    last_frame_url,
                }
            }),
            (saved_file(), option::of(saved_file()))
                .prop_map(|(video, last_frame)| Event::Downloaded { video, last_frame }),
            (media_url(), option::of(media_url())).prop_map(|(video_url, last_frame_url)| {
                Event::Renewed {
                    video_url,
                    last_frame_url,
                }
            }),
            message().prop_map(|message| Event::NotDownloaded { message }),
            (task_id(), run_number()).prop_map(|(task_id, run)| Event::Adopted { task_id, run }),
            select(vec![
                Event::NoUrl,
                Event::TimedOut,
                Event::NotCreated,
                Event::Reopened
            ]),
        ]
    }

    fn run_start() -> impl Strategy<Value = RunStart> {
        let texts = (any::<String>(), any::<String>(), any::<String>());
        let partition = option::of((1..4_u32).prop_map(|m| format!("hash:{m}/4")));
        let partition = partition.prop_map(|text| Some(text?.parse().expect("a partition")));
        (run_number(), texts, vec(any::<String>(), 0..3), partition).prop_map(
            |(run, (create_path, poll_path, key), select, partition)| RunStart {
                run,
                origin: Origin {
                    base_url: "http://127.0.0.1:8080/proxy".to_owned(),
                    create_path,
                    poll_path,
                    key,
                },
                select,
                partition,
            },
        )
    }

    fn fact() -> impl Strategy<Value = Fact> {
        prop_oneof![
            1 => run_start().prop_map(Fact::Run),
            9 => ("[a-z雪][a-z0-9._-]{0,20}", event()).prop_map(|(id, event)| Fact::Job {
                id: JobId::new(&id).expect("valid"),
                event,
            }),
        ]
    }

    proptest! {
        #![proptest_config(samples::proptest())]

        #[test]
        fn every_record_is_read_as_it_was_written(
            fact in fact(),
            milliseconds in 0_i64..4_000_000_000_000,
            seq: u64,
            synced: u64,
        ) {
            let at = Timestamp::from_millisecond(milliseconds).expect("in range");
            let record = Record { at, fact };
            let mut line = Vec::new();
            encode(&record, seq, synced, &mut line);
            let line_break = line.iter().position(|byte| *byte == b'\n');
            prop_assert_eq!(line_break, Some(line.len() - 1));
            let text = str::from_utf8(&line[..line.len() - 1]).expect("JSON is UTF-8");
            prop_assert!(!text.contains(is_unsafe), "{:?}", text);
            let read = decode(&line).expect("just written");
            prop_assert_eq!((read.seq, read.synced, read.record), (seq, synced, record));
        }

        #[test]
        fn a_line_with_a_right_checksum_is_refused_or_means_what_it_is_written_as(
            fact in fact(),
            changes in vec((any::<prop::sample::Index>(), select(b"\0\"{}[],:\\ 0aZ\xe9".to_vec())), 1..4),
        ) {
            let record = Record { at: samples::noon(), fact };
            let mut json = line(&record);
            json.truncate(json.len() - SEAL_LENGTH);
            for (place, byte) in changes {
                let at = place.index(json.len());
                json[at] = byte;
            }
            json.push(b'}');
            if let Ok(text) = std::str::from_utf8(&json)
                && let Ok(read) = decode(&sealed(text))
            {
                let mut again = Vec::new();
                encode(&read.record, read.seq, read.synced, &mut again);
                let reread = decode(&again).expect("what was read can be written");
                prop_assert_eq!(reread.record, read.record);
            }
        }

        #[test]
        fn a_plain_line_says_what_it_says_as_json(
            fact in fact(),
            changes in vec((any::<prop::sample::Index>(), select(b"\0\"{}[],:\\ 019aZ\xe9".to_vec())), 0..3),
        ) {
            let mut line = line(&Record { at: samples::noon(), fact });
            line.pop(); // the line break
            for (place, byte) in changes {
                let at = place.index(line.len());
                line[at] = byte;
            }
            if let Some(plain) = plain::read(&line) {
                prop_assert_eq!(Ok(plain), parse::<Line>(&line));
            }
        }

        #[test]
        fn no_line_makes_the_reader_panic(line: Vec<u8>, json in "\\{.{0,200}\\}") {
            let _ = (decode(&line), decode_header(&line), may_begin_header(&line));
            let _ = (was_whole(&line), may_begin_record(&line), is_spare(&line), readable_task(&line));
            let _ = (decode(&sealed(&json)), decode_header(&sealed(&json)));
        }
    }
}
