//! Journals on a disk that tears, fills up and forgets.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::engine::event::PendingClass;
use crate::engine::table::JobTable;
use crate::error::ExitCode;
use crate::state::samples::{
    self, accepted, everything, fact, header, intent, intent_with_prompt, run, timed,
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
    let all = state.bytes().len();
    assert_eq!(state.disk().durable, all, "the sync comes after the write");
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
    for (tail, kind) in [
        (&b"\0\0\0\0"[..], TailKind::Torn),
        (b"{\"seq\":25,\"at\":\"20", TailKind::Torn),
        (b"{\"seq\":25,\0\0\0", TailKind::Torn),
        (b"\n", TailKind::Foreign),
        (b"x\n", TailKind::Foreign),
        (b"garbage", TailKind::Foreign),
        (b"{\"seq\":25,\n\n", TailKind::Foreign),
        (b"{\"garbage\":\"x\"}\n", TailKind::Foreign),
        (b"\xff\0\n \t\r\n\0", TailKind::Foreign),
    ] {
        let state = State::of([&bytes, tail].concat());
        let (_, opened, replayed) = state.open().expect("a torn end is no damage");
        assert_eq!(replayed, records);
        let tail = Tail {
            line: records.len() as u64 + 2,
            bytes: tail.len() as u64,
            kind,
            tasks: Vec::new(),
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
    let end = (from + 1).next_multiple_of(512).min(bytes.len());
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
    let blocks = (1..)
        .map(|block| block * 512)
        .take_while(|at| *at < bytes.len());
    for from in std::iter::once(first_torn).chain(blocks.filter(|at| *at > first_torn)) {
        let mut broken = bytes.clone();
        lose_block(&mut broken, from);
        lose_block(
            &mut broken,
            (from.next_multiple_of(512) + 512).min(bytes.len()),
        );
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
    let from = 1024; // a whole block, as a crash would lose it
    let line = 1 + line_ends(&bytes).iter().filter(|end| **end <= from).count() as u64;
    lose_block(&mut bytes, from);
    assert_eq!(State::of(bytes.clone()).damaged_line(), line);
    bytes.truncate(line_ends(&bytes)[line_ends(&bytes).len() - 2]);
    let kept = State::of(bytes).records();
    assert_eq!(
        kept.len() as u64,
        line - 2,
        "without the later commit it may be torn"
    );
}

#[test]
fn zeros_that_end_within_a_block_or_begin_there_were_not_lost_by_a_crash() {
    let records = intents(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    let whole = State::with(&[&records[..1], &records[1..]]).bytes();
    let ends = line_ends(&whole);
    let block = 1024;
    for lost in [block - 30..block - 1, block - 3..block, block - 1..block] {
        let mut bytes = whole.clone();
        let line = 1 + ends.iter().filter(|end| **end <= lost.start).count() as u64;
        bytes[lost.clone()].fill(0);
        assert_eq!(State::of(bytes).damaged_line(), line, "{lost:?}");
    }
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
fn creates_count_for_the_space_set_aside_until_their_answer_is_recorded() {
    let state = State::default();
    let (mut journal, ..) = state.open().expect("empty");
    let ids: Vec<_> = (0..200).map(|number| format!("job-{number}")).collect();
    let names: Vec<_> = ids.iter().map(String::as_str).collect();
    for one in intents(&names).chunks(1) {
        journal.commit(one).expect("room");
    }
    let free = {
        let disk = state.disk();
        disk.set_aside - disk.bytes.len() as u64
    };
    assert!(free >= HEADROOM + 200 * HEADROOM_PER_CREATE);
    let answers = [
        accepted("t"),
        Event::left_open(),
        Event::Returned {
            class: PendingClass::NotSent,
            message: CleanText::new("no route to host"),
        },
    ];
    for (event, id) in answers.into_iter().zip(&names) {
        let before = journal.open_creates;
        journal.commit(&timed([fact(id, event)])).expect("room");
        assert_eq!(journal.open_creates, before - 1);
    }
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
    (0..=1000_usize, prop::collection::vec(0..6_usize, 0..4)).prop_map(|(length, lost_blocks)| {
        Crash {
            length,
            lost_blocks,
        }
    })
}

proptest! {
    #![proptest_config(samples::proptest())]

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
