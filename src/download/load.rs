//! One file from its address to a hidden one on disk: streamed, bounded, checked, synced, gone on with where an earlier
//! try left off. Start at [`load`].

use std::io;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::hidden::Hidden;
use super::sidecar::{Notes, SidecarFile};
use super::traffic::{Meter, Traffic};
use super::{BLOCK, Body, Head, Source, refused};
use crate::clock::Clock;
use crate::engine::event::{FetchReply, FileHash, MediaUrl};
use crate::fetch::{FetchError, Rest};
use crate::fs::folder::{Folder, FolderFile, Found, Room};
use crate::fs::is_full;
use crate::media::{Family, Format, SIGNATURE_BYTES, family_of_type, format_of, mp4, picture};
use crate::text::{CleanText, clean};

/// Bytes after which what came is synced, so that a power cut takes no more.
const SYNC_EVERY: u64 = 8 << 20;

/// Bytes after which the room on the disk is looked at again.
const LOOK_EVERY: u64 = 4 << 20;

/// Most room that downloads leave to everything else, above all to the state.
const RESERVE: u64 = 64 << 20;

/// Time after which a body must keep a pace.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes a second that it must keep: whatever is slower would take for ever.
const SLOWEST: u64 = 1024;

/// What a file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Picture,
}

/// Formats that are taken, with the extensions that they get.
const VIDEOS: [(&str, &str); 3] = [("mp4", "mp4"), ("quicktime", "mov"), ("webm", "webm")];
const PICTURES: [(&str, &str); 3] = [("png", "png"), ("jpeg", "jpg"), ("webp", "webp")];

impl Kind {
    fn formats(self) -> [(&'static str, &'static str); 3] {
        match self {
            Self::Video => VIDEOS,
            Self::Picture => PICTURES,
        }
    }

    /// Every extension that a file of this kind may get.
    pub(super) fn extensions(self) -> [&'static str; 3] {
        self.formats().map(|(_, extension)| extension)
    }

    fn family(self) -> Family {
        match self {
            Self::Video => Family::Video,
            Self::Picture => Family::Picture,
        }
    }

    /// The extension of a file of this format.
    fn extension(self, format: Format) -> Option<&'static str> {
        let of_format = |(subtype, _): &(&str, &str)| *subtype == format.subtype;
        let found = self.formats().into_iter().find(of_format);
        found
            .filter(|_| format.family == self.family())
            .map(|(_, extension)| extension)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Video => "a video",
            Self::Picture => "a picture",
        }
    }
}

/// What is to be loaded.
pub(super) struct What<'a> {
    pub(super) url: &'a MediaUrl,
    pub(super) kind: Kind,
    pub(super) hidden: Hidden,
    pub(super) task_id: &'a str,
    pub(super) most_bytes: u64,
    pub(super) traffic: &'a Traffic,
}

/// A file that is whole and synced under its hidden name.
pub(super) struct Loaded {
    pub(super) part: String,
    extension: &'static str,
    bytes: u64,
    sha256: FileHash,
}

impl Loaded {
    /// The file under its final name.
    pub(super) fn named(&self, stem: &str) -> SidecarFile {
        SidecarFile {
            file: format!("{stem}.{}", self.extension),
            bytes: self.bytes,
            sha256: self.sha256.to_string(),
        }
    }
}

/// Removes the notes beside a part, and what a failed attempt to write them has left.
pub(super) fn remove_notes<F: Folder>(folder: &F, hidden: &Hidden) {
    let _ = folder.remove(&hidden.notes_draft);
    let _ = folder.remove(&hidden.notes);
}

/// What a head says about the body.
enum Judged {
    /// The whole file comes.
    Whole,
    /// What was missing comes.
    Rest,
    /// Nothing was missing.
    Complete,
    /// What is there is of no use: ask for the whole.
    Anew,
}

/// Loads a file, or what is missing of it.
pub(super) async fn load<S: Source, F: Folder>(
    what: &What<'_>,
    source: &S,
    folder: &F,
    clock: &Clock,
) -> Result<Loaded, FetchReply> {
    let mut part = Part::open(what, folder)?;
    for _ in 0..2 {
        let rest = part.rest();
        let opened = source.open(what.url.as_str(), rest.as_ref()).await;
        let mut body = opened
            .map_err(|error| of_fetch(&error))
            .inspect_err(|reply| part.drop_if_useless(reply))?;
        let head = body.head();
        let judged = judge(&head, part.size, rest.as_ref(), what)
            .inspect_err(|reply| part.drop_if_useless(reply))?;
        let expected = match judged {
            Judged::Anew => {
                part.begin(None)?;
                continue;
            }
            Judged::Complete => Some(part.size),
            Judged::Rest => {
                let total = head.range.and_then(|range| range.total);
                total.or(head.length.map(|length| part.size.saturating_add(length)))
            }
            Judged::Whole => {
                part.begin(Some(&head))?;
                head.length
            }
        };
        part.expect(expected);
        part.ensure_room(expected.map_or(0, |whole| whole.saturating_sub(part.size)))?;
        if !matches!(judged, Judged::Complete) {
            part.take_in(&mut body, clock).await?;
        }
        return part.finish();
    }
    Err(trouble(
        "the server sends a part where the whole was asked for",
    ))
}

/// What an answer is good for.
fn judge(
    head: &Head,
    have: u64,
    asked: Option<&Rest>,
    what: &What<'_>,
) -> Result<Judged, FetchReply> {
    let status = head.status;
    match status {
        200 | 203 | 206 => {}
        416 if asked.is_some() => {
            let total = head.range.and_then(|range| range.total);
            return Ok(if total == Some(have) {
                Judged::Complete
            } else {
                Judged::Anew
            });
        }
        401 | 403 | 404 | 410 => {
            return Err(expired(format!("its address answers with status {status}")));
        }
        408 | 425 | 429 | 500.. => {
            return Err(trouble(format!("the server answers with status {status}")));
        }
        _ => return Err(refused(format!("the server answers with status {status}"))),
    }
    if let Some(encoding) = &head.encoding {
        return Err(refused(format!(
            "it is sent packed as `{encoding}`, which is not unpacked"
        )));
    }
    let is_page = head.media_type.as_deref().is_some_and(|media_type| {
        let name = media_type.split(';').next().unwrap_or_default().trim();
        name.ends_with("html") || name.ends_with("xml")
    });
    if is_page {
        return Err(expired("a web page comes in place of the file"));
    }
    if let Some(family) = head.media_type.as_deref().and_then(family_of_type)
        && !matches!(family, Family::Other)
        && family != what.kind.family()
    {
        let media_type = head.media_type.as_deref().unwrap_or_default();
        return Err(refused(format!(
            "it is sent as `{media_type}`, which is not {}",
            what.kind.words()
        )));
    }
    let coming = if status == 206 { have } else { 0 };
    let announced = head.length.map(|length| length.saturating_add(coming));
    let total = head.range.and_then(|range| range.total);
    if announced
        .max(total)
        .is_some_and(|bytes| bytes > what.most_bytes)
    {
        return Err(too_large(what));
    }
    match (status, asked) {
        (206, Some(rest)) => {
            let begins = head.range.and_then(|range| range.first);
            // A server that passes over `If-Range` would have two versions glued together.
            let is_same = head.validator.as_ref() == Some(&rest.validator);
            Ok(if begins == Some(have) && is_same {
                Judged::Rest
            } else {
                Judged::Anew
            })
        }
        (206, None) => Err(trouble(
            "the server sends a part where the whole was asked for",
        )),
        _ => Ok(Judged::Whole),
    }
}

/// A file that grows.
struct Part<'a, F: Folder> {
    what: &'a What<'a>,
    folder: &'a F,
    file: F::File,
    size: u64,
    hash: Sha256,
    /// The first bytes, by which the format is known.
    beginning: Vec<u8>,
    notes: Option<Notes>,
    expected: Option<u64>,
    meter: Meter,
}

impl<'a, F: Folder> Part<'a, F> {
    /// Opens what an earlier try has left, as far as it can be trusted.
    fn open(what: &'a What<'a>, folder: &'a F) -> Result<Self, FetchReply> {
        let failed = |error: io::Error| disk_trouble("open", &what.hidden.part, &error);
        let there = folder.look(&what.hidden.part).map_err(failed)?;
        let notes = match there {
            Found::File(size) if size > 0 => read_notes(what, folder),
            _ => None,
        };
        let mut file = folder.grow(&what.hidden.part).map_err(failed)?;
        let size = file.size().map_err(failed)?;
        let trusted = notes.as_ref().map_or(0, |notes| {
            let is_same_boot = notes.boot.is_some() && notes.boot == folder.boot();
            if is_same_boot {
                size
            } else {
                size.min(notes.synced)
            }
        });
        if size > trusted {
            file.truncate(trusted).map_err(failed)?;
        }
        let mut part = Self {
            what,
            folder,
            file,
            size: 0,
            hash: Sha256::new(),
            beginning: Vec::new(),
            notes,
            expected: None,
            meter: what.traffic.meter(),
        };
        while part.size < trusted {
            let block = part.file.read_at(part.size, BLOCK).map_err(failed)?;
            if block.is_empty() {
                break;
            }
            part.note(&block);
        }
        part.meter.has(part.size);
        Ok(part)
    }

    /// What is to be asked for, if not the whole.
    fn rest(&self) -> Option<Rest> {
        let notes = self.notes.as_ref().filter(|_| self.size > 0)?;
        Some(Rest {
            from: self.size,
            validator: notes.validator.clone(),
        })
    }

    /// Throws away what is there; from now on it is the file of this head.
    fn begin(&mut self, head: Option<&Head>) -> Result<(), FetchReply> {
        let failed = |error: io::Error| disk_trouble("write", &self.what.hidden.part, &error);
        if self.notes.take().is_some() {
            // Old notes must not come back beside new bytes.
            self.folder
                .remove(&self.what.hidden.notes)
                .and_then(|()| self.folder.sync())
                .map_err(failed)?;
        }
        self.file.truncate(0).map_err(failed)?;
        self.size = 0;
        self.meter.has(0);
        self.hash = Sha256::new();
        self.beginning.clear();
        self.notes = head.and_then(|head| {
            Some(Notes {
                task_id: self.what.task_id.to_owned(),
                validator: head.validator.clone()?,
                total: head.length,
                boot: self.folder.boot(),
                synced: 0,
            })
        });
        self.write_notes();
        Ok(())
    }

    /// The whole will have so many bytes, if that is known.
    fn expect(&mut self, whole: Option<u64>) {
        self.expected = whole;
        self.meter.expects(whole);
    }

    /// Adds `bytes` to what is known of the file.
    fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        let missing = SIGNATURE_BYTES.saturating_sub(self.beginning.len());
        self.beginning
            .extend_from_slice(&bytes[..bytes.len().min(missing)]);
    }

    async fn take_in(&mut self, body: &mut impl Body, clock: &Clock) -> Result<(), FetchReply> {
        let (began, first) = (clock.now().mono, self.size);
        let (mut synced, mut looked) = (self.size, self.size);
        let mut is_judged = false;
        while let Some(piece) = body.next().await.map_err(|error| of_fetch(&error))? {
            let size = self.size.saturating_add(piece.len() as u64);
            if size > self.what.most_bytes {
                return Err(self.useless(too_large(self.what)));
            }
            if self.expected.is_some_and(|expected| size > expected) {
                return Err(self.useless(trouble("more bytes come than were announced")));
            }
            if size >= looked.saturating_add(LOOK_EVERY) {
                self.ensure_room(LOOK_EVERY)?;
                looked = size;
            }
            if let Err(error) = self.file.append(&piece) {
                return Err(self.disk_trouble(&error));
            }
            self.note(&piece);
            self.meter.receives(piece.len() as u64);
            if !is_judged && self.beginning.len() >= SIGNATURE_BYTES {
                self.extension()?;
                is_judged = true;
            }
            if self.size >= synced + SYNC_EVERY {
                self.sync()?;
                synced = self.size;
            }
            let waited = clock.now().mono.saturating_sub(began);
            if waited > PATIENCE && self.size - first < SLOWEST * waited.as_secs() {
                let message = format!(
                    "only {} bytes came in {} s",
                    self.size - first,
                    waited.as_secs()
                );
                return Err(trouble(message));
            }
        }
        Ok(())
    }

    /// Whether the file is what it must be, whole and on disk.
    fn finish(mut self) -> Result<Loaded, FetchReply> {
        if let Some(expected) = self.expected
            && self.size != expected
        {
            let message = format!("{} of {expected} bytes came", self.size);
            return Err(trouble(message));
        }
        if self.size == 0 {
            return Err(self.useless(trouble("an empty file came")));
        }
        let extension = self.extension()?;
        let read = |at, bytes| self.file.read_at(at, bytes);
        let is_whole = match extension {
            "mp4" | "mov" => mp4::is_whole(self.size, |at| read(at, 16)),
            _ => picture::is_whole(extension, self.size, read),
        };
        match is_whole {
            Ok(true) => {}
            Ok(false) => {
                let words = self.what.kind.words().trim_start_matches("a ");
                let message = format!("the {words} is cut short: more belongs to it");
                return Err(self.useless(trouble(message)));
            }
            Err(error) => return Err(self.disk_trouble(&error)),
        }
        self.sync()?;
        match self.file.size() {
            Ok(size) if size == self.size => {}
            Ok(_) => {
                let reply = trouble("something else has written to its hidden file");
                return Err(self.useless(reply));
            }
            Err(error) => return Err(self.disk_trouble(&error)),
        }
        Ok(Loaded {
            part: self.what.hidden.part.clone(),
            extension,
            bytes: self.size,
            sha256: FileHash(self.hash.finalize().into()),
        })
    }

    /// The extension for what the file is by its first bytes.
    fn extension(&mut self) -> Result<&'static str, FetchReply> {
        let kind = self.what.kind;
        let Some(format) = format_of(&self.beginning) else {
            let reply = refused(format!("it is not {} that is known", kind.words()));
            return Err(self.useless(reply));
        };
        if let Some(extension) = kind.extension(format) {
            return Ok(extension);
        }
        let reply = if format.family == Family::Other {
            expired(format!("{} comes in place of the file", format.name))
        } else {
            refused(format!("it is {}, not {}", format.name, kind.words()))
        };
        Err(self.useless(reply))
    }

    fn sync(&mut self) -> Result<(), FetchReply> {
        if let Err(error) = self.file.sync() {
            // What a failed sync covered reads back although it is not on disk.
            let reply = self.disk_trouble(&error);
            return Err(self.useless(reply));
        }
        if let Some(notes) = &mut self.notes {
            notes.synced = self.size;
            self.write_notes();
        }
        Ok(())
    }

    /// Notes what the next try needs to go on; without them it begins anew.
    fn write_notes(&self) {
        let Some(notes) = &self.notes else { return };
        let hidden = &self.what.hidden;
        let written = self.folder.grow(&hidden.notes_draft).and_then(|mut file| {
            file.truncate(0)?;
            file.append(&notes.to_json())
        });
        let _ = written.and_then(|()| self.folder.replace(&hidden.notes_draft, &hidden.notes));
    }

    /// Leaves room on the disk for everything else.
    fn ensure_room(&self, needed: u64) -> Result<(), FetchReply> {
        let Some(Room { free, whole }) = self.folder.room() else {
            return Ok(());
        };
        let reserve = RESERVE.min(whole / 20);
        if free < needed.saturating_add(reserve) {
            let message = format!(
                "the disk is too full: {} MiB are free, and some are kept for everything else",
                free >> 20
            );
            return Err(self.useless(refused(message)));
        }
        Ok(())
    }

    /// Removes what is there: it is of no use, or its room is needed.
    fn useless(&self, reply: FetchReply) -> FetchReply {
        let _ = self.folder.remove(&self.what.hidden.part);
        remove_notes(self.folder, &self.what.hidden);
        reply
    }

    fn drop_if_useless(&self, reply: &FetchReply) {
        if self.size == 0 || matches!(reply, FetchReply::Refused { .. }) {
            let _ = self.useless(reply.clone());
        }
    }

    fn disk_trouble(&self, error: &io::Error) -> FetchReply {
        let reply = disk_trouble("write", &self.what.hidden.part, error);
        if is_full(error) {
            return self.useless(reply);
        }
        reply
    }
}

fn read_notes<F: Folder>(what: &What<'_>, folder: &F) -> Option<Notes> {
    let file = folder.open(&what.hidden.notes).ok()?;
    let notes = Notes::read(&file.read_at(0, 1 << 16).ok()?)?;
    (notes.task_id == what.task_id).then_some(notes)
}

fn too_large(what: &What<'_>) -> FetchReply {
    refused(format!(
        "it is larger than {} MiB, the most that is downloaded",
        what.most_bytes >> 20
    ))
}

fn of_fetch(error: &FetchError) -> FetchReply {
    match error {
        FetchError::Private { .. } => refused(format!(
            "{error}: downloads do not go there without `--allow-private`"
        )),
        FetchError::NotHttp(_) | FetchError::Redirects | FetchError::BadRedirect(_) => {
            refused(error.to_string())
        }
        FetchError::NoSuchName { .. }
        | FetchError::NoNameServer { .. }
        | FetchError::Trouble(_) => trouble(error.to_string()),
    }
}

/// A disk that does not do what it must is not tried again in the same run.
pub(super) fn disk_trouble(action: &str, name: &str, error: &io::Error) -> FetchReply {
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    let message = format!("failed to {action} `{}`: {words}", clean(name, 200));
    if error.kind() == io::ErrorKind::AlreadyExists {
        trouble(message) // somebody was quicker: another try finds another name
    } else {
        refused(message)
    }
}

fn expired(message: impl AsRef<str>) -> FetchReply {
    FetchReply::Expired {
        message: CleanText::new(message.as_ref()),
    }
}

fn trouble(message: impl AsRef<str>) -> FetchReply {
    FetchReply::Trouble {
        message: CleanText::new(message.as_ref()),
    }
}
