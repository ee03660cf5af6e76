//! The append-only file of records: written so that what was acknowledged is on disk, read so that nothing acknowledged
//! is ever passed over in silence.
//!
//! Start at [`Journal::commit`] for writing and [`Journal::open`] for recovery. Must not know what the records mean.
//!
//! # What a crash can leave
//! Every commit is one write and one `fdatasync`, and the next one is written only after that. So whatever a crash tears
//! lies in the records of the last commit, nobody was told that those are true, and no request was sent on them. The
//! file may then end early, or its length may be right while blocks that never reached the disk read as zeros, even
//! with whole records after them. Reading keeps the longest valid prefix, and then:
//!
//! * Nothing but blank bytes follows the bad line: it is a torn last record, and is cut off.
//! * Records follow, every bad line (but perhaps the last) holds zeros up to the end of a block, and no record that
//!   follows was written after the first bad one was known to be on disk (its `synced` number says so): a torn last
//!   commit, and is cut off.
//! * Anything else is damage: the file is left as it is, and the line is named.
//!
//! A last record that lacks nothing but its line break counts: an intent that is dropped would be paid for again.
//!
//! A line whose checksum is right but that makes no sense (a gap in the numbers, an event that the job's status does not
//! allow) was not torn, wherever it stands: it is refused too. Opening syncs the file before anything is told, because
//! a record that is read may still be on its way to the disk. The last commit is even written once more before: if its
//! sync had failed, the system would take it for written, and a second sync would do nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::StateError;
use super::record::{self, Header, LINE_LIMIT, LineError, Numbered};
use crate::engine::event::Event;
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

/// The remains of a commit that was never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The first line of it, from 1.
    pub line: u64,
    /// Its length.
    pub bytes: u64,
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

    /// Reads from the present line, which should be record `seq` and is bad, to the end: the remains of a torn last
    /// commit, or damage. The module's documentation has the rule.
    fn torn_tail(&mut self, seq: u64, why: &str) -> Result<Tail, StateError> {
        let damage = self.damaged(why.to_owned());
        let (line, start) = (self.number, self.start);
        let mut explained = self.has_lost_block();
        let mut follower = self.record_at_end();
        loop {
            if follower.is_some_and(|record| !explained || record.synced >= seq) {
                return Err(damage);
            }
            follower = None;
            if !self.advance()? {
                break;
            }
            if self.is_blank() {
                continue;
            }
            if !explained {
                return Err(damage);
            }
            match record::decode(&self.bytes) {
                Ok(record) => follower = Some(record),
                Err(LineError::Broken(_)) => {
                    explained = self.has_lost_block();
                    follower = self.record_at_end();
                }
                Err(_) => return Err(damage),
            }
        }
        let bytes = self.end - start;
        Ok(Tail { line, bytes })
    }

    /// The record that a bad line ends in, if there is a whole one: a line break may be all that was lost.
    fn record_at_end(&self) -> Option<Numbered> {
        let opening = br#"{"seq":"#; // cannot be part of a text, where quotes are escaped
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

    /// Whether the line reads as zeros where a block of the disk ends.
    fn has_lost_block(&self) -> bool {
        (self.start + 1..)
            .zip(&self.bytes)
            .any(|(position, byte)| *byte == 0 && position.is_multiple_of(BLOCK))
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

/// The smallest block of any disk, in bytes: what is written arrives in multiples of it.
const BLOCK: u64 = 512;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::event::PendingClass;
    use crate::engine::table::JobTable;
    use crate::error::ExitCode;
    use crate::state::samples::{
        accepted, everything, fact, header, intent, intent_with_prompt, run, timed,
    };
    use crate::text::CleanText;

    /// A disk that holds one file, forgets what was not synced, and fails when it is told to.
    #[derive(Debug, Default)]
    struct Disk {
        /// What a reader finds now.
        bytes: Vec<u8>,
        /// How much of it is durable.
        durable: usize,
        /// Disk space, if it is limited.
        capacity: Option<u64>,
        set_aside: u64,
        writes: u32,
        syncs: u32,
        rewritten_from: Option<u64>,
        /// The next write stops after that many bytes, and fails.
        tear_write_after: Option<usize>,
        fail_sync: bool,
        unlinked: bool,
    }

    /// The file of a [`Disk`], opened for reading from its beginning.
    #[derive(Debug)]
    struct OpenFile {
        disk: Rc<RefCell<Disk>>,
        position: usize,
    }

    fn full() -> io::Error {
        io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
    }

    impl Read for OpenFile {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let disk = self.disk.borrow();
            let read = (&disk.bytes[self.position..]).read(buffer)?;
            self.position += read;
            Ok(read)
        }
    }

    impl JournalFile for OpenFile {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut disk = self.disk.borrow_mut();
            disk.writes += 1;
            if let Some(length) = disk.tear_write_after.take() {
                disk.bytes
                    .extend_from_slice(&bytes[..length.min(bytes.len())]);
                return Err(full());
            }
            let end = (disk.bytes.len() + bytes.len()) as u64;
            if disk
                .capacity
                .is_some_and(|capacity| end > capacity.max(disk.set_aside))
            {
                return Err(full());
            }
            disk.bytes.extend_from_slice(bytes);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            let mut disk = self.disk.borrow_mut();
            disk.syncs += 1;
            if disk.fail_sync {
                return Err(io::Error::other("the disk is on fire"));
            }
            disk.durable = disk.bytes.len();
            Ok(())
        }

        fn rewrite(&mut self, offset: u64) -> io::Result<()> {
            self.disk.borrow_mut().rewritten_from = Some(offset);
            Ok(())
        }

        fn truncate(&mut self, length: u64) -> io::Result<()> {
            let length = usize::try_from(length).expect("small");
            self.disk.borrow_mut().bytes.truncate(length);
            self.sync()
        }

        fn reserve(&mut self, offset: u64, length: u64) -> io::Result<()> {
            let mut disk = self.disk.borrow_mut();
            if disk
                .capacity
                .is_some_and(|capacity| offset + length > capacity)
            {
                return Err(full());
            }
            disk.set_aside = disk.set_aside.max(offset + length);
            Ok(())
        }

        fn is_intact(&self, _: &Path, _: u64) -> io::Result<bool> {
            Ok(!self.disk.borrow().unlinked)
        }
    }

    /// A state on a [`Disk`]; every method that opens is a new run.
    #[derive(Debug, Default, Clone)]
    struct State(Rc<RefCell<Disk>>);

    type Replayed = (Journal<OpenFile>, Opened, Vec<Record>);

    impl State {
        fn of(bytes: Vec<u8>) -> Self {
            let state = Self::default();
            state.disk().bytes = bytes;
            state
        }

        /// A state with `batches`, each committed at once.
        fn with(batches: &[&[Record]]) -> Self {
            let state = Self::default();
            let (mut journal, ..) = state.open().expect("empty");
            for batch in batches {
                journal.commit(batch).expect("a sound disk");
            }
            state
        }

        /// A state with a commit for each of `records`.
        fn one_by_one(records: &[Record]) -> Self {
            Self::with(&records.chunks(1).collect::<Vec<_>>())
        }

        fn disk(&self) -> std::cell::RefMut<'_, Disk> {
            self.0.borrow_mut()
        }

        fn bytes(&self) -> Vec<u8> {
            self.disk().bytes.clone()
        }

        fn open(&self) -> Result<Replayed, StateError> {
            let file = OpenFile {
                disk: Rc::clone(&self.0),
                position: 0,
            };
            let mut table = JobTable::new(None);
            let mut records = Vec::new();
            let path = Path::new("state.jsonl");
            let (journal, opened) = Journal::open(file, path, &header(), |record| {
                table.replay(&record)?;
                records.push(record);
                Ok(())
            })?;
            assert_eq!(opened.records, records.len() as u64);
            Ok((journal, opened, records))
        }

        /// How often the disk was written to and synced.
        fn calls(&self) -> (u32, u32) {
            let disk = self.disk();
            (disk.writes, disk.syncs)
        }

        fn records(&self) -> Vec<Record> {
            self.open().expect("a sound state").2
        }

        /// The line that is named as damaged.
        fn damaged_line(&self) -> u64 {
            let before = self.bytes();
            let error = self.open().expect_err("damaged");
            assert_eq!(error.exit_code(), ExitCode::State);
            assert_eq!(self.bytes(), before, "a damaged file is left as it is");
            match error {
                StateError::Damaged { line, .. } => line,
                other => panic!("{other}"),
            }
        }
    }

    /// Ends of the lines of `bytes`.
    fn line_ends(bytes: &[u8]) -> Vec<usize> {
        (1..)
            .zip(bytes)
            .filter_map(|(end, byte)| (*byte == b'\n').then_some(end))
            .collect()
    }

    /// A run, and one job for each of `ids` that is about to be sent.
    fn intents(ids: &[&str]) -> Vec<Record> {
        let jobs = ids.iter().map(|id| fact(id, intent()));
        timed(std::iter::once(run(1)).chain(jobs))
    }

    #[test]
    fn what_was_committed_is_replayed() {
        let records = everything();
        for batch in [1, 2, 7, 100] {
            let state = State::with(&records.chunks(batch).collect::<Vec<_>>());
            let (_, opened, replayed) = state.open().expect("sound");
            assert_eq!(replayed, records);
            assert_eq!((opened.header, opened.tail), (header(), None));
        }
    }

    #[test]
    fn a_commit_is_one_write_and_one_sync_however_many_records_it_has() {
        let state = State::default();
        let (mut journal, ..) = state.open().expect("empty");
        let (writes, syncs) = state.calls();
        journal.commit(&everything()).expect("a sound disk");
        assert_eq!(state.calls(), (writes + 1, syncs + 1));
        journal.commit(&[]).expect("nothing to do");
        assert_eq!(state.calls(), (writes + 1, syncs + 1));
    }

    #[test]
    fn the_header_is_durable_before_a_journal_is_open() {
        let state = State::default();
        state.open().expect("empty");
        let disk = state.disk();
        assert!(disk.durable > 0 && disk.durable == disk.bytes.len());
    }

    #[test]
    fn what_is_read_on_opening_is_durable_before_anything_follows_from_it() {
        let bytes = State::one_by_one(&everything()).bytes();
        let state = State::of(bytes); // left by a run that was killed between write and sync
        state.open().expect("sound");
        let disk = state.disk();
        assert_eq!(disk.durable, disk.bytes.len());
    }

    #[test]
    fn a_state_cut_at_any_byte_keeps_every_whole_record() {
        let records = &everything()[..7];
        let bytes = State::one_by_one(records).bytes();
        let ends = line_ends(&bytes);
        for cut in 0..=bytes.len() {
            // A record counts also without its line break, which is then written; a header does not.
            let is_whole = |line: usize, end: usize| end <= cut + usize::from(line > 0);
            let whole = (0..ends.len())
                .filter(|line| is_whole(*line, ends[*line]))
                .count();
            let state = State::of(bytes[..cut].to_vec());
            let (mut journal, opened, replayed) = state.open().expect("a torn end is no damage");
            assert_eq!(replayed, records[..whole.saturating_sub(1)], "cut at {cut}");
            let torn = cut.saturating_sub(whole.checked_sub(1).map_or(0, |last| ends[last]));
            let reported = opened.tail.map_or(0, |tail| tail.bytes);
            assert_eq!(reported, torn as u64, "cut at {cut}");
            let rest = &records[whole.saturating_sub(1)..];
            journal.commit(rest).expect("a sound disk");
            assert_eq!(state.records(), records, "cut at {cut}, then continued");
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed_and_named_unless_it_is_in_the_last_record() {
        let records = &everything()[..5];
        let bytes = State::one_by_one(records).bytes();
        let ends = line_ends(&bytes);
        let last = ends[ends.len() - 2];
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let state = State::of(flipped);
                if at >= last {
                    assert_eq!(state.records(), records[..4], "byte {at} bit {bit}");
                    continue;
                }
                let line = 1 + ends.iter().filter(|end| **end <= at).count() as u64;
                match state.open().expect_err("damaged") {
                    StateError::Damaged { line: named, .. } => assert_eq!(named, line),
                    StateError::NotAState { .. } => assert_eq!(line, 1),
                    other => panic!("byte {at} bit {bit}: {other}"),
                }
                assert_eq!(state.bytes().len(), bytes.len(), "left as it is");
            }
        }
    }

    #[test]
    fn a_lost_line_break_does_not_take_the_record_before_it_along() {
        let records = intents(&["a", "b", "c"]);
        for state in [State::with(&[&records]), State::one_by_one(&records)] {
            let mut bytes = state.bytes();
            let breaks = line_ends(&bytes);
            bytes[breaks[3] - 1] = b' ';
            assert_eq!(State::of(bytes).damaged_line(), 4);
        }
    }

    #[test]
    fn garbage_and_zeros_after_the_last_record_are_cut_off() {
        let records = everything();
        let bytes = State::one_by_one(&records).bytes();
        for tail in [
            &b"\0\0\0\0"[..],
            b"\n",
            b"x\n",
            b"{\"seq\":25,\n\n",
            b"\xff\0\n \t\r\n\0",
        ] {
            let state = State::of([&bytes, tail].concat());
            let (_, opened, replayed) = state.open().expect("a torn end is no damage");
            assert_eq!(replayed, records);
            let tail = Tail {
                line: records.len() as u64 + 2,
                bytes: tail.len() as u64,
            };
            assert_eq!(opened.tail, Some(tail));
            assert_eq!(state.bytes(), bytes);
            assert_eq!(state.disk().durable, bytes.len());
        }
    }

    #[test]
    fn a_bad_line_with_anything_after_it_is_damage() {
        let bytes = State::one_by_one(&everything()[..6]).bytes();
        let ends = line_ends(&bytes);
        let (head, tail) = (&bytes[..ends[3]], &bytes[ends[4]..]);
        for line in [&b"\n"[..], b"garbage\n", b"\0\0\0\n"] {
            for tail in [tail, b"garbage", b"more\ngarbage\n"] {
                let state = State::of([head, line, tail].concat());
                assert_eq!(state.damaged_line(), 5, "{line:?} {tail:?}");
            }
        }
    }

    #[test]
    fn a_line_that_is_missing_or_there_twice_is_damage_even_at_the_end() {
        let bytes = State::one_by_one(&everything()[..3]).bytes();
        let ends = line_ends(&bytes);
        let missing = [&bytes[..ends[1]], &bytes[ends[2]..]].concat();
        assert_eq!(State::of(missing).damaged_line(), 3);
        let twice = [&bytes, &bytes[ends[2]..]].concat();
        assert_eq!(State::of(twice).damaged_line(), 5);
    }

    #[test]
    fn a_whole_record_that_contradicts_the_others_is_damage_even_at_the_end() {
        let mut file = Vec::new();
        record::encode_header(&header(), &mut file);
        for (seq, record) in (1..).zip(&timed([run(1), fact("a", accepted("t"))])) {
            record::encode(record, seq, 0, &mut file);
        }
        let error = State::of(file).open().expect_err("no intent");
        assert_eq!(
            error.to_string(),
            "`state.jsonl` is damaged at line 3: job `a`: a job that is pending cannot have the event `accepted`"
        );
    }

    /// Zeros in `bytes` from `from` to the end of its block.
    fn lose_block(bytes: &mut [u8], from: usize) {
        let end = from.next_multiple_of(512).min(bytes.len());
        bytes[from..end].fill(0);
    }

    #[test]
    fn blocks_of_the_last_commit_that_never_reached_the_disk_are_no_damage() {
        let ids: Vec<_> = (0..40).map(|number| format!("job-{number}")).collect();
        let names: Vec<_> = ids.iter().map(String::as_str).collect();
        let records = intents(&names);
        let (known, torn) = records.split_at(5);
        let state = State::with(&[known, torn]);
        let bytes = state.bytes();
        let first_torn = line_ends(&bytes)[known.len()];
        let blocks = (first_torn..bytes.len()).step_by(512);
        for from in blocks.map(|at| at.max(first_torn)) {
            let mut broken = bytes.clone();
            lose_block(&mut broken, from);
            lose_block(&mut broken, (from + 1024).min(bytes.len()));
            broken.truncate(bytes.len() - 30);
            let kept = State::of(broken).records();
            assert!(
                kept.len() >= known.len() && records.starts_with(&kept),
                "from {from}"
            );
        }
    }

    #[test]
    fn a_lost_block_that_was_known_to_be_on_disk_is_damage() {
        let ids: Vec<_> = (0..40).map(|number| format!("job-{number}")).collect();
        let names: Vec<_> = ids.iter().map(String::as_str).collect();
        let records = intents(&names);
        let (batch, last) = records.split_at(40);
        let state = State::with(&[batch, last]);
        let mut bytes = state.bytes();
        let from = line_ends(&bytes)[3] + 1;
        lose_block(&mut bytes, from);
        assert_eq!(State::of(bytes).damaged_line(), 5);
    }

    #[test]
    fn zeros_that_end_within_a_block_were_not_lost_by_a_crash() {
        let records = intents(&["a", "b", "c", "d"]);
        let mut bytes = State::with(&[&records[..1], &records[1..]]).bytes();
        let line = line_ends(&bytes)[2];
        let middle = (line + 1..line + 9)
            .find(|at| (at + 1) % 512 != 0)
            .expect("most bytes");
        bytes[middle] = 0;
        assert_eq!(State::of(bytes).damaged_line(), 4);
    }

    #[test]
    fn a_file_that_never_held_a_whole_header_is_begun_afresh() {
        let whole = State::default();
        whole.open().expect("empty");
        let line = whole.bytes();
        for cut in 0..line.len() {
            for zeros in [0, 3] {
                let state = State::of([&line[..cut], &vec![0; zeros]].concat());
                let (_, opened, replayed) = state.open().expect("nothing was lost");
                assert_eq!((opened.header, replayed), (header(), vec![]));
                assert_eq!(state.bytes(), line);
            }
        }
    }

    #[test]
    fn a_file_of_another_kind_is_refused_and_left_as_it_is() {
        for foreign in [
            &b"id,prompt\n"[..],
            b"{}",
            b"\n",
            b"PK\x03\x04",
            b"{\"seq\":1}\n",
        ] {
            let state = State::of(foreign.to_vec());
            let error = state.open().expect_err("foreign");
            assert!(matches!(error, StateError::NotAState { .. }), "{error}");
            assert_eq!(
                (error.exit_code(), state.bytes()),
                (ExitCode::State, foreign.to_vec())
            );
        }
    }

    #[test]
    fn a_bad_header_before_records_is_damage_and_so_are_more_zeros_than_a_header() {
        let mut bytes = State::one_by_one(&everything()[..2]).bytes();
        bytes[50] ^= 1;
        assert_eq!(State::of(bytes).damaged_line(), 1);
        assert_eq!(State::of(vec![0; 5000]).damaged_line(), 1);
    }

    #[test]
    fn a_line_longer_than_any_record_is_refused() {
        let mut bytes = State::one_by_one(&everything()[..1]).bytes();
        bytes.resize(bytes.len() + LINE_LIMIT + 1, b'x');
        assert_eq!(State::of(bytes).damaged_line(), 3);
    }

    #[test]
    fn a_torn_write_breaks_the_journal_and_the_next_run_goes_on() {
        let records = everything();
        for torn in [0, 1, 100, 700] {
            let state = State::with(&[&records[..5]]);
            let (mut journal, ..) = state.open().expect("sound");
            state.disk().tear_write_after = Some(torn);
            let first = journal
                .commit(&records[5..15])
                .expect_err("full")
                .to_string();
            let calls = state.calls();
            let again = journal.commit(&records[15..]).expect_err("broken for good");
            assert_eq!((again.to_string(), state.calls()), (first, calls));
            let (mut journal, _, replayed) = state.open().expect("a torn end is no damage");
            assert!(replayed.len() >= 5);
            journal
                .commit(&records[replayed.len()..])
                .expect("sound again");
            assert_eq!(state.records(), records);
        }
    }

    #[test]
    fn the_last_commit_is_written_once_more_when_a_state_is_opened() {
        let records = everything();
        let state = State::with(&[&records[..3], &records[3..8]]);
        state.open().expect("sound");
        let last_commit = line_ends(&state.bytes())[3] as u64;
        assert_eq!(state.disk().rewritten_from, Some(last_commit));
        let state = State::with(&[]);
        state.open().expect("sound");
        assert_eq!(state.disk().rewritten_from, Some(0), "the header");
    }

    #[test]
    fn a_sync_that_failed_is_never_tried_again() {
        let records = everything();
        let state = State::default();
        let (mut journal, ..) = state.open().expect("empty");
        state.disk().fail_sync = true;
        let first = journal.commit(&records[..3]).expect_err("no sync");
        assert_eq!(first.exit_code(), ExitCode::State);
        let calls = state.calls();
        state.disk().fail_sync = false;
        let again = journal.commit(&records[3..]).expect_err("broken for good");
        assert_eq!(
            (again.to_string(), state.calls()),
            (first.to_string(), calls)
        );
    }

    #[test]
    fn a_journal_whose_file_was_removed_takes_no_more_records() {
        let state = State::default();
        let (mut journal, ..) = state.open().expect("empty");
        state.disk().unlinked = true;
        let error = journal.commit(&everything()).expect_err("gone");
        assert!(matches!(error, StateError::Vanished { .. }), "{error}");
        state.disk().unlinked = false;
        let again = journal.commit(&everything()).expect_err("broken for good");
        assert!(matches!(again, StateError::Vanished { .. }), "{again}");
    }

    #[test]
    fn on_a_full_disk_intents_are_refused_and_answers_are_still_recorded() {
        let state = State::default();
        let (mut journal, ..) = state.open().expect("empty");
        let first = intents(&["a", "b", "c"]);
        journal.commit(&first).expect("room");
        let now = state.disk().bytes.len() as u64;
        state.disk().capacity = Some(now); // from here on only what is set aside can be written
        state.disk().set_aside = journal.reserved;
        journal.reserved = 0; // the step is used up
        let returned = Event::Returned {
            class: PendingClass::NotSent,
            message: CleanText::new("no route to host"),
        };
        let mixed = timed([
            fact("a", accepted("t-a")),
            fact("c", returned),
            fact("c", intent()),
            fact("d", intent()),
        ]);
        let error = journal.commit(&mixed).expect_err("full");
        assert!(matches!(error, StateError::Full { .. }), "{error}");
        let later = timed([
            fact("d", Event::TimedOut), // whatever the engine says of it, `d` was never sent
            fact("b", accepted("t-b")),
        ]);
        journal.commit(&later).expect("set aside");
        state.disk().capacity = None;
        let error = journal
            .commit(&timed([fact("e", intent())]))
            .expect_err("once is enough");
        assert!(matches!(error, StateError::Full { .. }), "{error}");
        assert_eq!(
            state.records(),
            [&first[..], &mixed[..2], &later[1..]].concat()
        );
    }

    #[test]
    fn space_for_the_answers_of_open_creates_is_set_aside_before_they_are_sent() {
        let state = State::default();
        let (mut journal, ..) = state.open().expect("empty");
        let ids: Vec<_> = (0..200).map(|number| format!("job-{number}")).collect();
        let names: Vec<_> = ids.iter().map(String::as_str).collect();
        journal.commit(&intents(&names)).expect("room");
        let free = |state: &State| {
            let disk = state.disk();
            disk.set_aside - disk.bytes.len() as u64
        };
        assert!(free(&state) >= HEADROOM + 200 * HEADROOM_PER_CREATE);
        journal.make_room(0, 1000).expect("room");
        assert!(free(&state) >= HEADROOM + 1000 * HEADROOM_PER_CREATE);
        state.disk().capacity = Some(1 << 20);
        journal.make_room(0, 10_000).expect_err("full");
        journal
            .commit(&timed([fact("job-1", accepted("t"))]))
            .expect("what was set aside is still there");
    }

    #[test]
    fn creates_that_an_earlier_run_left_open_count_for_the_space_set_aside() {
        let state = State::with(&[&intents(&["a", "b"])]);
        let (journal, ..) = state.open().expect("sound");
        assert_eq!(journal.open_creates, 2);
    }

    #[test]
    fn an_intent_that_no_line_can_hold_is_refused_and_the_rest_recorded() {
        let state = State::with(&[&intents(&["a"])]);
        let (mut journal, ..) = state.open().expect("sound");
        let prompt = "x".repeat(LINE_LIMIT);
        let batch = timed([
            fact("b", intent_with_prompt(&prompt)),
            fact("a", accepted("t-a")),
        ]);
        let error = journal.commit(&batch).expect_err("too long");
        assert!(error.to_string().contains("`b`"), "{error}");
        assert_eq!(state.records()[2..], batch[1..]);
    }

    #[test]
    fn a_newer_state_is_refused_and_the_new_thing_is_named() {
        let records = everything();
        let bytes = State::one_by_one(&records[..2]).bytes();
        let text = String::from_utf8(bytes).expect("JSON is UTF-8");
        let newer = text.lines().fold(String::new(), |newer, line| {
            let json = line.replace(r#""type":"intent""#, r#""type":"dreamt""#);
            let (covered, _) = json.rsplit_once(r#","crc32""#).expect("sealed");
            let crc = crc32fast::hash(covered.as_bytes());
            format!("{newer}{covered},\"crc32\":\"{crc:08x}\"}}\n")
        });
        let error = State::of(newer.into()).open().expect_err("newer");
        assert_eq!(error.exit_code(), ExitCode::State);
        assert_eq!(
            error.to_string(),
            "`state.jsonl` was written by a newer shotlist: line 3 has the record type `dreamt`"
        );
    }

    /// What a crash does to the last commit.
    #[derive(Debug, Clone)]
    struct Crash {
        /// How much of the length of the file survives, in thousandths of the commit.
        length: usize,
        /// Blocks of it that do not, counted from where the commit begins.
        lost_blocks: Vec<usize>,
    }

    fn crash() -> impl Strategy<Value = Crash> {
        (0..=1000_usize, prop::collection::vec(0..6_usize, 0..4)).prop_map(
            |(length, lost_blocks)| Crash {
                length,
                lost_blocks,
            },
        )
    }

    proptest! {
        #[test]
        fn no_crash_loses_what_was_acknowledged(
            cycles in prop::collection::vec((1..9_usize, 1..30_usize, crash()), 2..6),
        ) {
            let state = State::default();
            let ids: Vec<_> = (0..400).map(|number| format!("job-{number}")).collect();
            let names: Vec<_> = ids.iter().map(String::as_str).collect();
            let script = intents(&names);
            let mut acknowledged: Vec<Record> = Vec::new();
            for (first, second, crash) in cycles {
                let (mut journal, _, replayed) = state.open().expect("no crash is damage");
                prop_assert!(replayed.starts_with(&acknowledged), "something was lost");
                prop_assert!(script.starts_with(&replayed), "something was invented");
                let next = &script[replayed.len()..];
                journal.commit(&next[..first]).expect("a sound disk");
                acknowledged = script[..replayed.len() + first].to_vec();
                let known = state.bytes().len();
                journal.commit(&next[first..first + second]).expect("a sound disk");
                drop(journal);
                let mut bytes = state.bytes();
                for block in crash.lost_blocks {
                    let from = if block == 0 { known } else { known.next_multiple_of(512) + 512 * (block - 1) };
                    if from < bytes.len() {
                        lose_block(&mut bytes, from);
                    }
                }
                bytes.truncate(known + (bytes.len() - known) * crash.length / 1000);
                state.disk().bytes = bytes;
            }
        }
    }
}
