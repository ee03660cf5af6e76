//! Every small accident at every place of a state file: what counts stays, or the line is named. Each test prints how
//! much it tried: `cargo test --lib state::tests::sweeps -- --nocapture`.
//!
//! The file is a real one where the way there matters; where bytes alone do, the same reader works from memory.

use super::alter::{Altered, edited, flipped_bits, line_ends, moved_bytes, moved_lines};
use super::*;
use crate::claims::{announce, assert_published};
use crate::engine::event::Event;
use crate::engine::table::Fact;
use crate::fs::JournalFile;

/// A file in memory.
struct Bytes {
    bytes: Vec<u8>,
    position: usize,
}

impl std::io::Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = (&self.bytes[self.position..]).read(buffer)?;
        self.position += read;
        Ok(read)
    }
}

impl JournalFile for &mut Bytes {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn rewrite(&mut self, _: u64) -> std::io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> std::io::Result<()> {
        self.bytes.truncate(usize::try_from(length).expect("small"));
        Ok(())
    }

    fn reserve(&mut self, _: u64, _: u64) -> std::io::Result<()> {
        Ok(())
    }

    fn is_intact(&self, _: &Path, _: u64) -> std::io::Result<bool> {
        Ok(true)
    }
}

/// What a reader makes of a file.
struct Found {
    records: Result<Vec<Record>, StateError>,
    tail: Option<Tail>,
    /// What the file holds afterwards.
    bytes: Vec<u8>,
}

fn open_in_memory(bytes: Vec<u8>) -> Found {
    let mut file = Bytes { bytes, position: 0 };
    let mut table = JobTable::new(None);
    let mut records = Vec::new();
    let opened = Journal::open(
        &mut file,
        Path::new("state.jsonl"),
        &samples::header(),
        |record| {
            table.replay(&record)?;
            records.push(record);
            Ok(())
        },
    );
    let opened = opened.map(|(_, opened)| opened.tail);
    Found {
        tail: opened.as_ref().ok().cloned().flatten(),
        records: opened.map(|_| records),
        bytes: file.bytes,
    }
}

/// The lines of a state with `records`, each committed on its own.
fn state_of(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::encode_header(&samples::header(), &mut bytes);
    for (seq, record) in (1..).zip(records) {
        record::encode(record, seq, seq - 1, &mut bytes);
    }
    bytes
}

/// Whether a job would be paid for again, or an id be lost, without this record.
fn is_dear(record: &Record) -> bool {
    matches!(
        &record.fact,
        Fact::Job {
            event: Event::Intent { .. } | Event::Accepted { .. } | Event::Adopted { .. },
            ..
        }
    )
}

/// For every kind of record a history that it ends: the runs before it, and what happened to its job.
fn histories() -> Vec<Vec<Record>> {
    let everything = samples::everything();
    let job = |record: &Record| match &record.fact {
        Fact::Run(_) => None,
        Fact::Job { id, .. } => Some(id.clone()),
    };
    let mut kinds = Vec::new();
    let mut histories = Vec::new();
    for (at, last) in everything.iter().enumerate() {
        let kind = match &last.fact {
            Fact::Run(_) => None,
            Fact::Job { event, .. } => Some(event.kind()),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
            let before = everything[..at].iter();
            let before = before.filter(|record| job(record).is_none() || job(record) == job(last));
            histories.push(before.chain([last]).cloned().collect());
        }
    }
    histories
}

/// How many files were refused, mended at the end, and read as if nothing had happened.
#[derive(Default)]
struct Counts {
    refused: u32,
    cut_off: u32,
    whole: u32,
}

impl Counts {
    fn all(&self) -> u32 {
        self.refused + self.cut_off + self.whole
    }
}

/// Holds `found` against the `records` that were acknowledged before their file was `altered`.
fn judge(records: &[Record], before: &[u8], altered: &Altered, found: &Found, counts: &mut Counts) {
    let how = &altered.how;
    match &found.records {
        Err(StateError::Damaged { line, .. }) => {
            let ends = line_ends(before);
            let first = 1 + ends.iter().filter(|end| **end <= altered.at).count() as u64;
            assert_eq!(*line, first, "{how}: the line that is named");
            assert_eq!(found.bytes, altered.bytes, "{how}: left as it is");
            counts.refused += 1;
        }
        Err(StateError::NotAState { .. }) => {
            assert!(
                altered.at < line_ends(before)[0],
                "{how}: the header is bad"
            );
            assert_eq!(found.bytes, altered.bytes, "{how}: left as it is");
            counts.refused += 1;
        }
        Err(other) => panic!("{how}: {other}"),
        Ok(read) if read == records => {
            assert!(found.bytes.starts_with(before), "{how}: put right");
            counts.whole += 1;
        }
        Ok(read) => {
            let (last, rest) = records.split_last().expect("something was lost");
            assert_eq!(read, rest, "{how}: no more than the last record is lost");
            assert!(!is_dear(last), "{how}: and never one that is needed");
            assert!(found.tail.is_some(), "{how}: and not in silence");
            counts.cut_off += 1;
        }
    }
}

#[test]
fn one_bit_or_byte_anywhere_is_noticed_and_loses_nothing_that_costs_money() {
    let mut counts = Counts::default();
    for records in histories() {
        let bytes = state_of(&records);
        // Each kind of record is the last one once; what is before the last one need be tried but once.
        let from = match records.len() {
            4 => 0,
            length => line_ends(&bytes)[length - 1] - 1,
        };
        for altered in flipped_bits(&bytes, from).chain(moved_bytes(&bytes, from)) {
            let found = open_in_memory(altered.bytes.clone());
            judge(&records, &bytes, &altered, &found, &mut counts);
        }
    }
    let all = counts.all();
    let Counts {
        refused,
        cut_off,
        whole,
    } = counts;
    assert!(refused > 0 && cut_off > 0 && whole > 0);
    announce(&format!(
        "bits and bytes: {all} altered files, {refused} refused, {cut_off} without a last record that is not needed, {whole} whole"
    ));
    assert_published(all as usize, "altered files");
}

#[test]
fn lines_out_of_order_and_files_that_were_edited_are_refused() {
    let mut counts = Counts::default();
    let everything = samples::everything();
    for length in [1, 2, 5, 12, everything.len()] {
        let records = &everything[..length];
        let bytes = state_of(records);
        for altered in moved_lines(&bytes).into_iter().chain(edited(&bytes)) {
            if altered.how == format!("line {} lost", length + 1) {
                continue; // as if it had never been: only the results can tell
            }
            if altered.how == format!("line {} emptied", length + 1) {
                continue; // the same
            }
            let found = open_in_memory(altered.bytes.clone());
            judge(records, &bytes, &altered, &found, &mut counts);
            assert!(found.records.is_err(), "{}", altered.how);
        }
    }
    announce(&format!(
        "lines and editors: {} altered files, {} refused",
        counts.all(),
        counts.refused
    ));
}

#[test]
fn what_an_editor_adds_at_the_end_costs_nothing() {
    let records = samples::everything();
    let bytes = state_of(&records);
    for added in ["\n", "\r\n", "\n\n", " \n", "\0"] {
        let found = open_in_memory([&bytes, added.as_bytes()].concat());
        assert_eq!(found.records.expect("sound"), records, "{added:?}");
        assert!(found.tail.is_some(), "{added:?}: and it is told");
        assert_eq!(found.bytes, bytes, "{added:?}");
    }
}

/// Something that holds a state file: opened, added to, and broken off in the middle of a line, as often as one likes.
trait Place {
    fn put(&mut self, bytes: &[u8]);
    fn bytes(&self) -> Vec<u8>;
    /// Opens the state, then commits what `next` makes of the records in it.
    fn run(&mut self, next: &dyn Fn(&[Record]) -> Vec<Record>) -> Vec<Record>;
}

impl Place for Bytes {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes = bytes.to_vec();
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    fn run(&mut self, next: &dyn Fn(&[Record]) -> Vec<Record>) -> Vec<Record> {
        self.position = 0;
        let mut records = Vec::new();
        let (mut journal, _) = Journal::open(
            self,
            Path::new("state.jsonl"),
            &samples::header(),
            |record| {
                records.push(record);
                Ok(())
            },
        )
        .expect("a torn end is no damage");
        journal.commit(&next(&records)).expect("a sound disk");
        records
    }
}

impl Place for Home {
    fn put(&mut self, bytes: &[u8]) {
        fs::create_private_directory(&self.directory()).expect("writable");
        std::fs::write(self.path(STATE_FILE), bytes).expect("writable");
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path(STATE_FILE)).expect("there")
    }

    fn run(&mut self, next: &dyn Fn(&[Record]) -> Vec<Record>) -> Vec<Record> {
        let (mut store, _) = self.open(options()).expect("a torn end is no damage");
        let mut records = Vec::new();
        let read = journal::read(&self.path(STATE_FILE), |record| {
            records.push(record);
            Ok(())
        });
        assert_eq!(read.expect("sound").expect("begun").tail, None);
        store.commit(&next(&records)).expect("a sound disk");
        records
    }
}

/// From a file that was cut at `cut`: three runs that each find what was acknowledged, add a record, and die while they
/// write the next one; then one that comes to the end.
fn crash_three_times(place: &mut dyn Place, script: &[Record], whole: &[u8], cut: usize) {
    place.put(&whole[..cut]);
    let ends = line_ends(whole);
    let mut known = ends
        .iter()
        .filter(|end| **end <= cut)
        .count()
        .saturating_sub(1);
    for cycle in 0..3 {
        let found = place.run(&|found| script[found.len()..].iter().take(1).cloned().collect());
        assert!(
            found.len() >= known,
            "cut at {cut}, run {cycle}: something was lost"
        );
        assert!(found.len() <= known + 1, "cut at {cut}, run {cycle}");
        assert_eq!(found, script[..found.len()], "cut at {cut}, run {cycle}");
        known = script.len().min(found.len() + 1);
        let mut bytes = place.bytes();
        if let Some(next) = ends.get(known + 1) {
            let line = &whole[ends[known]..*next];
            bytes.extend_from_slice(&line[..(cut * 7 + cycle * 31) % line.len()]);
        }
        place.put(&bytes);
    }
    place.run(&|found| script[found.len()..].to_vec());
    let read = place.run(&|_| Vec::new());
    assert_eq!(read, script, "cut at {cut}");
}

#[test]
fn a_state_cut_at_any_byte_survives_three_more_crashes() {
    let script = &samples::everything()[..7];
    let whole = {
        let mut file = Bytes {
            bytes: Vec::new(),
            position: 0,
        };
        file.run(&|_| script.to_vec());
        file.bytes
    };
    let mut memory = Bytes {
        bytes: Vec::new(),
        position: 0,
    };
    for cut in 0..=whole.len() {
        crash_three_times(&mut memory, script, &whole, cut);
    }
    let mut home = Home::new();
    let cuts = || (0..=whole.len()).step_by(REAL_FILE_STEP);
    for cut in cuts() {
        crash_three_times(&mut home, script, &whole, cut);
    }
    announce(&format!(
        "cuts: {} in memory and {} on real files, each followed by three crashes and a run to the end",
        whole.len() + 1,
        cuts().count()
    ));
    assert_published(whole.len() + 1, "cuts");
}

/// Every how many bytes a real file is cut or changed, because its syncs take their time; 1 tries them all.
const REAL_FILE_STEP: usize = 13;

#[test]
fn real_files_fare_like_those_in_memory() {
    let mut counts = Counts::default();
    let records = &samples::everything()[..10];
    let bytes = state_of(records);
    let mut home = Home::new();
    let changed = flipped_bits(&bytes, 0).step_by(8 * REAL_FILE_STEP - 3);
    let moved = moved_bytes(&bytes, 0).step_by(4 * REAL_FILE_STEP - 3);
    let others = moved_lines(&bytes).into_iter().chain(edited(&bytes));
    for altered in changed.chain(moved).chain(others) {
        let is_unseen = altered.how == format!("line {} lost", records.len() + 1);
        if is_unseen {
            continue; // as if it had never been: only the results can tell
        }
        home.put(&altered.bytes);
        let opened = home.open(options()).map(drop);
        let mut read = Vec::new();
        let after = journal::read(&home.path(STATE_FILE), |record| {
            read.push(record);
            Ok(())
        });
        let in_memory = open_in_memory(altered.bytes.clone());
        let found = Found {
            records: opened.map(|()| read),
            ..in_memory
        };
        judge(records, &bytes, &altered, &found, &mut counts);
        assert_eq!(home.bytes(), found.bytes, "{}", altered.how);
        assert_eq!(after.is_err(), found.records.is_err(), "{}", altered.how);
    }
    let Counts {
        refused, cut_off, ..
    } = counts;
    announce(&format!(
        "real files: {} altered, {refused} refused, {cut_off} without a last record that is not needed",
        counts.all()
    ));
}
