//! The append-only file of records: written so that what was acknowledged is on disk, read so that nothing acknowledged
//! is ever passed over in silence.
//!
//! Start at [`Journal::commit`] for writing and [`Journal::open`] for recovery. Must not know what the records mean.
//!
//! # What a crash can leave
//! Every commit is one write and one `fdatasync`, and the next one is written only after that. So whatever a crash tears
//! lies in the records of the last commit, nobody was told that those are true, and no request was sent on them. The
//! file may then end early, or its length may be right while blocks that never reached the disk read as zeros, even
//! with whole records after them. Reading keeps the longest valid prefix. What follows it
//!
//! * **is cut off** if a crash can have left it: one line at most that is not whole, or lines of which every bad one (but
//!   perhaps the last) has lost a whole block, and no record after the first bad one was written when that was known to
//!   be on disk (its `synced` number says so);
//! * **is cut off** if it is one line that was never a record: blank, or the bytes of somebody else;
//! * **is damage** if it is anything else: the file is left as it is, and the line is named.
//!
//! A last line that is whole, line break and all, but for a bit or a byte is not the work of a crash, which leaves no
//! end: the record was acknowledged. If it says that a request leaves, names a task, or if that cannot be told, it is
//! damage too, because without it a job would be paid for again or an id be lost. What any other record says comes
//! again by itself (the provider is asked once more, or the job is in doubt), so it is cut off.
//!
//! A last record that lacks nothing but its line break counts: an intent that is dropped would be paid for again.
//!
//! A line whose checksum is right but that makes no sense (a gap in the numbers, an event that the job's status does not
//! allow) was not torn, wherever it stands: it is refused too. Opening syncs the file before anything is told, because
//! a record that is read may still be on its way to the disk. The last commit is even written once more before: if its
//! sync had failed, the system would take it for written, and a second sync would do nothing.
//!
//! What this cannot see: a file that ends early at the end of a line, or whose last block reads as noise, by the fault
//! of a disk or a person. The module `witness` asks results.csv about that.
//!
//! # Why nothing is ever taken out of it
//! A job that is done has three records, some 830 bytes, and all that they say is asked for later: ids, what was sent,
//! prices, times. Polls leave none. So a journal grows by what is paid for: 64 MB of takes that were made again are some
//! 70,000 paid videos, and 64 MB of refused creates are a month of refusals at their longest spacing. A file that is
//! written anew would have to keep every task id and every price of them all the same.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::StateError;
use super::record::{self, Header, LINE_LIMIT, LineError, Numbered};
use crate::engine::event::{Event, TaskId};
use crate::engine::table::{Fact, Record, ReplayError};
use crate::fs::{FileError, JournalFile, is_full};
use crate::plan::JobId;

/// An open journal: the one writer of a state file.
///
/// After the first write or sync that fails it is broken for good: nobody knows what is on disk then, and a second
/// `fsync` would succeed without having written anything.
#[derive(Debug)]
pub struct Journal<F = File> {
    file: F,
    path: PathBuf,
    /// Number of the last durable record.
    seq: u64,
    length: u64,
    /// End of the disk space that is set aside.
    reserved: u64,
    open_creates: usize,
    buffer: Vec<u8>,
    broken: Option<StateError>,
    /// Why no more intents are taken.
    refusal: Option<StateError>,
    /// Jobs whose intent was refused; nothing that follows from such an intent is recorded.
    withheld: HashSet<JobId>,
}

/// What was found on opening a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Whose state it is.
    pub header: Header,
    /// Number of records after the header.
    pub records: u64,
    /// What was not whole at the end: cut off by [`Journal::open`], passed over by [`read`].
    pub tail: Option<Tail>,
}

/// What follows the last record that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The first line of it, from 1.
    pub line: u64,
    /// Its length.
    pub bytes: u64,
    /// How it came about.
    pub kind: TailKind,
    /// Acceptances that can be read in it, if only by half: jobs and what seem to be their tasks.
    pub tasks: Vec<(JobId, TaskId)>,
}

/// How a file came by an end that does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TailKind {
    /// A crash tore a commit that was never acknowledged.
    Torn,
    /// It was never a record.
    Foreign,
    /// A record that was whole once, and that can be done without.
    Damaged,
}

/// Space that is always kept free for records that follow from no open create, in bytes.
const HEADROOM: u64 = 256 << 10;

/// Space for the answer to one open create: an accepted task with two ids of full length.
const HEADROOM_PER_CREATE: u64 = 4 << 10;

/// Space is set aside in steps, so that it is not done on every commit.
const RESERVE_STEP: u64 = 256 << 10;

/// A buffer that grew larger than this is given back.
const BUFFER_KEPT: usize = 1 << 20;

impl<F: JournalFile> Journal<F> {
    /// Replays the records of `file` through `replay`, cuts off what a crash has left torn, and makes everything that
    /// was read durable. A file that never held a header is begun with `fresh`. The caller holds the lock.
    pub fn open(
        mut file: F,
        path: &Path,
        fresh: &Header,
        mut replay: impl FnMut(Record) -> Result<(), ReplayError>,
    ) -> Result<(Self, Opened), StateError> {
        let mut open_creates = 0;
        let found = scan(&mut file, path, |record| {
            open_creates = count_open(open_creates, &record);
            replay(record)
        })?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
            seq: found.records,
            length: found.length,
            reserved: 0,
            open_creates,
            buffer: Vec::new(),
            broken: None,
            refusal: None,
            withheld: HashSet::new(),
        };
        if found.tail.is_some() {
            journal.cut_off_tail()?;
        } else if found.ends_open {
            journal.buffer.push(b'\n');
            journal.append_buffer()?;
            journal.length += 1;
            journal.buffer.clear();
        }
        let header = match found.header {
            Some(header) => {
                journal.rewrite(found.last_commit)?;
                journal.sync()?;
                header
            }
            None => journal.begin(fresh)?,
        };
        let opened = Opened {
            header,
            records: found.records,
            tail: found.tail,
        };
        Ok((journal, opened))
    }

    fn cut_off_tail(&mut self) -> Result<(), StateError> {
        self.file
            .truncate(self.length)
            .map_err(|source| FileError::io("cut the torn end off", &self.path, source).into())
    }

    fn rewrite(&mut self, offset: u64) -> Result<(), StateError> {
        let rewritten = self.file.rewrite(offset);
        Ok(rewritten.map_err(|source| FileError::io("write to", &self.path, source))?)
    }

    fn begin(&mut self, fresh: &Header) -> Result<Header, StateError> {
        record::encode_header(fresh, &mut self.buffer);
        self.write()?;
        Ok(fresh.clone())
    }

    /// Makes `records` durable, all of them with one write and one sync. Nothing may be told or sent on them before
    /// this returns.
    ///
    /// # Errors
    /// When the disk has no room for more creates ([`StateError::Full`]), or an intent is longer than a line may be
    /// ([`StateError::TooLong`]), the intents among `records` are left out and must not be sent. The other records are
    /// durable, and the answers of creates that were open before can still be committed; but no intent is taken any
    /// more, and what follows from one that was left out is passed over. After any other error the journal is broken:
    /// nobody knows what is on disk, and every later commit fails with the same error.
    pub fn commit(&mut self, records: &[Record]) -> Result<(), StateError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let encoded = match self.admit(records) {
            Ok(encoded) => encoded,
            Err(refusal) => {
                self.refusal = Some(refusal);
                self.encode(records)? // without intents now
            }
        };
        self.write()?;
        self.seq = encoded.seq;
        self.open_creates = encoded.open_creates;
        match &self.refusal {
            Some(refusal) if records.iter().any(Record::is_intent) => Err(refusal.clone()),
            _ => Ok(()),
        }
    }

    /// Fills the buffer with `records`, and sees to it that there is room for the answers to the intents among them.
    fn admit(&mut self, records: &[Record]) -> Result<Encoded, StateError> {
        let encoded = self.encode(records)?;
        let room = self.make_room(self.buffer.len(), encoded.open_creates);
        if records.iter().any(Record::is_intent) {
            room?; // what happened must be written, room or not
        }
        Ok(encoded)
    }

    /// Fills the buffer with `records`. Once intents are refused, they are left out with all that follows from them.
    fn encode(&mut self, records: &[Record]) -> Result<Encoded, StateError> {
        self.buffer.clear();
        let mut encoded = Encoded {
            seq: self.seq,
            open_creates: self.open_creates,
        };
        for record in records {
            let id = match &record.fact {
                Fact::Job { id, .. } => Some(id),
                Fact::Run(_) => None,
            };
            if self.refusal.is_some() && record.is_intent() {
                self.withheld.extend(id.cloned());
            }
            if id.is_some_and(|id| self.withheld.contains(id)) {
                continue;
            }
            let start = self.buffer.len();
            encoded.seq += 1;
            encoded.open_creates = count_open(encoded.open_creates, record);
            record::encode(record, encoded.seq, self.seq, &mut self.buffer);
            if self.buffer.len() - start > LINE_LIMIT {
                return Err(StateError::TooLong {
                    path: self.path.clone(),
                    job: id.cloned(),
                });
            }
        }
        Ok(encoded)
    }

    /// Sees to it that `bytes` can be written, and after them the answers to `open_creates` creates, also on a disk that
    /// fills up meanwhile.
    fn make_room(&mut self, bytes: usize, open_creates: usize) -> Result<(), StateError> {
        let wanted = bytes as u64 + HEADROOM + HEADROOM_PER_CREATE * open_creates as u64;
        if self.length + wanted <= self.reserved {
            return Ok(());
        }
        let length = wanted + RESERVE_STEP;
        match self.file.reserve(self.length, length) {
            Ok(()) => self.reserved = self.length + length,
            Err(error) if is_full(&error) => {
                let source = FileError::io("set disk space aside for", &self.path, error);
                return Err(StateError::Full { source });
            }
            Err(_) => self.reserved = u64::MAX, // this file system cannot: then a write will tell
        }
        Ok(())
    }

    /// Writes the buffer and syncs it, once; whatever fails is never tried again.
    fn write(&mut self) -> Result<(), StateError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.append_buffer().and_then(|()| self.sync());
        if let Err(error) = written {
            self.broken = Some(error.clone());
            return Err(error);
        }
        self.length += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        Ok(())
    }

    fn append_buffer(&mut self) -> Result<(), StateError> {
        let in_place = self.file.is_intact(&self.path, self.length);
        let failed = |action, source| FileError::io(action, &self.path, source);
        if !in_place.map_err(|source| failed("look at", source))? {
            return Err(StateError::Vanished {
                path: self.path.clone(),
            });
        }
        let written = self.file.append(&self.buffer);
        Ok(written.map_err(|source| failed("write to", source))?)
    }

    fn sync(&mut self) -> Result<(), StateError> {
        let synced = self.file.sync();
        Ok(synced.map_err(|source| FileError::io("sync", &self.path, source))?)
    }
}

/// The numbers that hold once the buffer is durable.
struct Encoded {
    seq: u64,
    open_creates: usize,
}

/// How many creates wait for their answer after `record`, if `open` did before.
fn count_open(open: usize, record: &Record) -> usize {
    match &record.fact {
        Fact::Job { event, .. } => match event {
            Event::Intent { .. } => open + 1,
            Event::Accepted { .. }
            | Event::Returned { .. }
            | Event::Rejected { .. }
            | Event::Doubted { .. } => open.saturating_sub(1),
            _ => open,
        },
        Fact::Run(_) => open,
    }
}

/// Reads the state file at `path` as it is now, without a lock, also while a run writes it. `None` if no state was
/// begun there.
pub fn read(
    path: &Path,
    on_record: impl FnMut(Record) -> Result<(), ReplayError>,
) -> Result<Option<Opened>, StateError> {
    let Some(file) = open_snapshot(path)? else {
        return Ok(None);
    };
    let found = scan(file, path, on_record)?;
    Ok(found.header.map(|header| Opened {
        header,
        records: found.records,
        tail: found.tail,
    }))
}

/// Reads whose state the file at `path` holds. `None` if no state was begun there.
pub fn peek_header(path: &Path) -> Result<Option<Header>, StateError> {
    let Some(file) = open_snapshot(path)? else {
        return Ok(None);
    };
    match Lines::new(file, path).header()? {
        Beginning::Header(header) => Ok(Some(header)),
        Beginning::Nothing(_) => Ok(None),
    }
}

/// The file at `path` up to its present length: what a run adds meanwhile is not for this reader.
fn open_snapshot(path: &Path) -> Result<Option<io::Take<File>>, StateError> {
    let Some(file) = crate::fs::open_readable(path)? else {
        return Ok(None);
    };
    let metadata = file
        .metadata()
        .map_err(|source| FileError::io("look at", path, source))?;
    Ok(Some(file.take(metadata.len())))
}

/// What a state file holds.
struct Found {
    header: Option<Header>,
    records: u64,
    /// Bytes of header and records.
    length: u64,
    /// Where the last commit begins: no later record says that it was on disk.
    last_commit: u64,
    /// Whether the last record is whole but for its line break.
    ends_open: bool,
    tail: Option<Tail>,
}

/// Reads a state file to its end, record by record.
fn scan(
    reader: impl Read,
    path: &Path,
    mut on_record: impl FnMut(Record) -> Result<(), ReplayError>,
) -> Result<Found, StateError> {
    let mut lines = Lines::new(reader, path);
    let mut found = Found {
        header: None,
        records: 0,
        length: 0,
        last_commit: 0,
        ends_open: false,
        tail: None,
    };
    match lines.header()? {
        Beginning::Header(header) => found.header = Some(header),
        Beginning::Nothing(tail) => return Ok(Found { tail, ..found }),
    }
    found.length = lines.end;
    while lines.advance()? {
        found.ends_open = lines.close_last();
        match record::decode(&lines.bytes) {
            Ok(numbered) if numbered.seq == found.records + 1 => {
                on_record(numbered.record).map_err(|error| lines.damaged(error.to_string()))?;
                if numbered.synced == found.records {
                    found.last_commit = lines.start;
                }
                found.records = numbered.seq;
                found.length = lines.end;
            }
            Ok(numbered) => {
                let (next, last) = (numbered.seq, found.records);
                return Err(lines.damaged(format!("record {next} follows record {last}")));
            }
            Err(LineError::Broken(why)) => {
                found.tail = Some(lines.torn_tail(found.records + 1, why)?);
            }
            Err(error) => return Err(lines.refused(error)),
        }
    }
    Ok(found)
}

/// How a state file begins.
enum Beginning {
    /// With a whole header.
    Header(Header),
    /// With nothing that was ever acknowledged.
    Nothing(Option<Tail>),
}

/// Longest header that can be left torn: all else is not the remains of one.
const TORN_HEADER_LIMIT: u64 = 4096;

/// The lines of a state file, one at a time.
struct Lines<'a, R> {
    reader: BufReader<R>,
    path: &'a Path,
    /// The line, with its line break if it has one.
    bytes: Vec<u8>,
    /// Its number, from 1.
    number: u64,
    start: u64,
    end: u64,
}

impl<'a, R: Read> Lines<'a, R> {
    fn new(reader: R, path: &'a Path) -> Self {
        Self {
            reader: BufReader::with_capacity(1 << 17, reader),
            path,
            bytes: Vec::new(),
            number: 0,
            start: 0,
            end: 0,
        }
    }

    /// Goes to the next line; `false` at the end of the file.
    fn advance(&mut self) -> Result<bool, StateError> {
        self.bytes.clear();
        let read = self
            .reader
            .by_ref()
            .take(LINE_LIMIT as u64 + 1)
            .read_until(b'\n', &mut self.bytes)
            .map_err(|source| FileError::io("read", self.path, source))?;
        self.number += 1;
        self.start = self.end;
        self.end += read as u64;
        if read > LINE_LIMIT {
            return Err(self.damaged("the line is longer than any record".to_owned()));
        }
        Ok(read > 0)
    }

    /// Gives a last line that lacks nothing but its line break that break: what it says was true, and an intent that is
    /// dropped would be sent, and paid for, again. Whether it did.
    fn close_last(&mut self) -> bool {
        if self.bytes.ends_with(b"\n") {
            return false;
        }
        self.bytes.push(b'\n');
        let is_whole = record::decode(&self.bytes).is_ok();
        if !is_whole {
            self.bytes.pop();
        }
        is_whole
    }

    /// Reads the first line; if it is a header that was torn, everything.
    fn header(&mut self) -> Result<Beginning, StateError> {
        if !self.advance()? {
            return Ok(Beginning::Nothing(None));
        }
        match record::decode_header(&self.bytes) {
            Ok(header) => Ok(Beginning::Header(header)),
            Err(LineError::Broken(_)) if !record::may_begin_header(&self.bytes) => {
                Err(StateError::NotAState {
                    path: self.path.to_owned(),
                })
            }
            Err(LineError::Broken(why)) => {
                let damage = self.damaged(why.to_owned());
                let tail = self.torn_tail(0, why)?;
                if tail.bytes > TORN_HEADER_LIMIT {
                    return Err(damage);
                }
                Ok(Beginning::Nothing(Some(tail)))
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Reads from the present line, which should be record `seq` and is bad, to the end: what can be cut off, or damage.
    /// The module's documentation has the rule.
    fn torn_tail(&mut self, seq: u64, why: &str) -> Result<Tail, StateError> {
        let damage = self.damaged(why.to_owned());
        let mut tail = Tail {
            line: self.number,
            bytes: 0,
            kind: self.kind_of_tail(),
            tasks: record::readable_task(&self.bytes).into_iter().collect(),
        };
        let start = self.start;
        let mut last_bad = self.bad_line(seq, damage.clone());
        let mut follower = self.record_at_end();
        loop {
            if follower.is_some_and(|record| !last_bad.lost_block || record.synced >= seq) {
                return Err(damage);
            }
            follower = None;
            if !self.advance()? {
                break;
            }
            if self.is_blank() {
                continue;
            }
            if !last_bad.lost_block {
                return Err(damage);
            }
            tail.tasks.extend(record::readable_task(&self.bytes));
            match record::decode(&self.bytes) {
                Ok(record) => follower = Some(record),
                Err(LineError::Broken(why)) => {
                    last_bad = self.bad_line(seq, self.damaged(why.to_owned()));
                    follower = self.record_at_end();
                }
                Err(_) => return Err(damage),
            }
        }
        tail.bytes = self.end - start;
        last_bad.dear.map_or(Ok(tail), Err)
    }

    /// The present line, which is bad; `seq` as for [`Self::torn_tail`].
    fn bad_line(&self, seq: u64, damage: StateError) -> BadLine {
        let bytes = &self.bytes;
        let lost_block = self.has_lost_block();
        let is_needed = seq > 0 && record::was_whole(bytes) && !record::is_spare(bytes);
        let is_dear = !lost_block && (is_needed || record::holds_another(bytes));
        BadLine {
            lost_block,
            dear: is_dear.then_some(damage),
        }
    }

    /// What the present line, the first bad one, is the beginning of.
    fn kind_of_tail(&self) -> TailKind {
        let has_end = self.bytes.ends_with(b"\n");
        if self.has_lost_block() {
            TailKind::Torn
        } else if record::was_whole(&self.bytes) {
            TailKind::Damaged
        } else if !has_end && record::may_begin_record(&self.bytes) {
            TailKind::Torn
        } else {
            TailKind::Foreign
        }
    }

    /// The record that a bad line ends in, if there is a whole one: a line break may be all that was lost.
    fn record_at_end(&self) -> Option<Numbered> {
        let opening = record::OPENING; // cannot be part of a text, where quotes are escaped
        let start = self
            .bytes
            .windows(opening.len())
            .rposition(|window| window == opening)?;
        record::decode(&self.bytes[start..]).ok()
    }

    fn is_blank(&self) -> bool {
        self.bytes
            .iter()
            .all(|byte| *byte == 0 || byte.is_ascii_whitespace())
    }

    /// Whether all that the line has in some block of the disk, up to the end of that block, reads as zeros.
    fn has_lost_block(&self) -> bool {
        let first = self.start / BLOCK + 1;
        let ends = (first..=self.end / BLOCK).map(|block| block * BLOCK);
        ends.into_iter().any(|end| {
            let within = |position: u64| {
                usize::try_from(position - self.start).expect("a line fits into memory")
            };
            let begin = self.start.max(end - BLOCK);
            self.bytes[within(begin)..within(end)]
                .iter()
                .all(|byte| *byte == 0)
        })
    }

    fn damaged(&self, why: String) -> StateError {
        StateError::Damaged {
            path: self.path.to_owned(),
            line: self.number,
            why,
        }
    }

    fn refused(&self, error: LineError) -> StateError {
        match error {
            LineError::Broken(why) => self.damaged(why.to_owned()),
            LineError::Invalid(why) => self.damaged(why),
            LineError::Newer(what) => StateError::Newer {
                path: self.path.to_owned(),
                line: self.number,
                what,
            },
        }
    }
}

/// A line whose bytes are not those that were written.
struct BadLine {
    /// Whether blocks of it never reached the disk.
    lost_block: bool,
    /// What to say if it was acknowledged and cannot be done without.
    dear: Option<StateError>,
}

/// The smallest block of any disk, in bytes: what is written arrives in multiples of it.
const BLOCK: u64 = 512;

#[cfg(test)]
mod tests;
