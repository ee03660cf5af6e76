//! Whole states on real files.

pub(in crate::state) mod alter;
mod sweeps;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::state::samples;

fn options() -> Claim<'static> {
    Claim {
        manifest_name: "shots.yaml",
        rehearsal: false,
        named_by_user: false,
        now: samples::noon(),
    }
}

fn rehearsal() -> Claim<'static> {
    Claim {
        rehearsal: true,
        ..options()
    }
}

/// A directory for one state, with a parent that is there.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn directory(&self) -> PathBuf {
        self.0.path().join("shots.run")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// Opens the state, and says which records it holds.
    fn open(&self, options: Claim<'_>) -> Result<(Store, JobTable), StateError> {
        let mut table = JobTable::new(None);
        let store = Store::open(&self.directory(), options, &mut table)?;
        Ok((store, table))
    }

    fn refusal(&self, options: Claim<'_>) -> StateError {
        let before = std::fs::read(self.path(STATE_FILE)).ok();
        let error = self.open(options).expect_err("refused");
        assert_eq!(std::fs::read(self.path(STATE_FILE)).ok(), before);
        error
    }
}

#[test]
fn results_without_the_state_they_were_drawn_from_are_refused() {
    for lost in ["removed", "emptied"] {
        let home = tempfile::tempdir().expect("a directory");
        let directory = home.path().join("shots.run");
        let claim = Claim {
            manifest_name: "shots.yaml",
            rehearsal: false,
            named_by_user: false,
            now: Timestamp::UNIX_EPOCH,
        };
        let open = || Store::open(&directory, claim, &mut JobTable::new(None));
        drop(open().expect("a new state"));
        std::fs::write(directory.join(RESULTS_FILE), "id\n").expect("writable");
        drop(open().expect("results beside their state"));
        match lost {
            "removed" => std::fs::remove_file(directory.join(STATE_FILE)).expect("there"),
            _ => std::fs::write(directory.join(STATE_FILE), "").expect("writable"),
        }
        let refusal = open().expect_err(lost);
        assert!(
            matches!(refusal, StateError::Gone { .. }),
            "{lost}: {refusal}"
        );
        let seen = Store::read(&directory, None, &mut JobTable::new(None));
        assert!(matches!(seen, Err(StateError::Gone { .. })), "{lost}");
    }
}

#[test]
fn a_state_may_be_ahead_of_its_results_and_never_behind() {
    let home = Home::new();
    let (mut store, _) = home.open(options()).expect("new");
    store.commit(&samples::everything()).expect("a sound disk");
    drop(store);
    let results = |row: &str| {
        let text = format!("id,status,task_id\n{row}\n");
        std::fs::write(home.path(RESULTS_FILE), text).expect("writable");
    };
    results("gone,running,task_05"); // which became task_06 since
    home.open(options()).expect("results may be behind");
    results("other,running,task_07");
    let error = home.refusal(options());
    assert!(matches!(error, StateError::Older { .. }), "{error}");
    assert_eq!(error.exit_code(), ExitCode::State);
}

#[test]
fn a_state_is_found_again_by_the_next_run() {
    let home = Home::new();
    let (mut store, table) = home.open(options()).expect("new");
    assert!(table.is_empty() && store.warnings().is_empty());
    store.commit(&samples::everything()).expect("a sound disk");
    assert_eq!(store.results_path(), home.path("results.csv"));
    drop(store);
    let (store, table) = home.open(options()).expect("sound");
    assert_eq!((table.len(), table.runs().len()), (5, 2));
    assert_eq!(store.header().manifest, "shots.yaml");
    assert_eq!(store.warnings(), []);
}

#[test]
fn directory_and_files_are_for_their_owner_only() {
    let home = Home::new();
    let _store = home.open(options()).expect("new");
    for (path, mode) in [
        (home.directory(), 0o700),
        (home.path(STATE_FILE), 0o600),
        (home.path(LOCK_FILE), 0o600),
    ] {
        let found = path.metadata().expect("there").permissions().mode();
        assert_eq!(found & 0o7777, mode, "{}", path.display());
    }
}

#[test]
fn two_runs_over_one_state_cannot_happen_even_when_the_lock_file_is_removed() {
    let home = Home::new();
    let store = home.open(options()).expect("new");
    assert_eq!(home.refusal(options()).exit_code(), ExitCode::Held);
    std::fs::remove_file(home.path(LOCK_FILE)).expect("removable");
    assert_eq!(home.refusal(options()).exit_code(), ExitCode::Held);
    drop(store);
    home.open(options()).expect("free again");
}

#[test]
fn a_state_can_be_read_while_a_run_adds_to_it() {
    let home = Home::new();
    let mut table = JobTable::new(None);
    let nothing = Store::read(&home.directory(), Some("shots.yaml"), &mut table);
    assert_eq!(nothing.expect("no error"), None);
    assert!(!home.directory().exists(), "looking makes nothing");
    let (mut store, _) = home.open(options()).expect("new");
    store.commit(&samples::everything()).expect("a sound disk");
    let mut file = fs::open_growing(&home.path(STATE_FILE)).expect("there");
    file.write_all(b"{\"seq\":28,\"at\":\"2").expect("writable"); // a write that is under way
    let snapshot = Store::read(&home.directory(), Some("shots.yaml"), &mut table)
        .expect("sound")
        .expect("begun");
    assert_eq!((snapshot.records, table.len()), (27, 5));
    assert_eq!(
        snapshot.tail,
        Some(Tail {
            line: 29,
            bytes: 17,
            kind: TailKind::Torn,
            tasks: Vec::new(),
        })
    );
}

#[test]
fn another_manifests_state_is_refused_unless_the_user_named_the_directory() {
    let home = Home::new();
    drop(home.open(options()).expect("new"));
    let mut other = Claim {
        manifest_name: "shots.csv",
        ..options()
    };
    assert_eq!(home.refusal(other).exit_code(), ExitCode::Usage);
    let mut table = JobTable::new(None);
    let read = Store::read(&home.directory(), Some("shots.csv"), &mut table);
    assert_eq!(read.expect_err("foreign").exit_code(), ExitCode::Usage);
    Store::read(&home.directory(), None, &mut table).expect("named by the user");
    other.named_by_user = true;
    let (store, _) = home.open(other).expect("named by the user");
    assert_eq!(
        store.header().manifest,
        "shots.yaml",
        "it stays whose it was"
    );
}

#[test]
fn whose_state_it_is_comes_before_who_holds_it() {
    let home = Home::new();
    let _store = home.open(options()).expect("new");
    assert_eq!(home.refusal(rehearsal()).exit_code(), ExitCode::Usage);
}

#[test]
fn a_rehearsal_starts_empty_and_removes_only_what_rehearsals_leave() {
    let home = Home::new();
    let (mut store, _) = home.open(rehearsal()).expect("new");
    store.commit(&samples::everything()).expect("a sound disk");
    drop(store);
    std::fs::create_dir(home.path(VIDEOS_DIRECTORY)).expect("writable");
    for name in [
        "results.csv",
        "gallery.html",
        "videos/hero.mp4",
        "notes.txt",
    ] {
        std::fs::write(home.path(name), "").expect("writable");
    }
    let (store, table) = home.open(rehearsal()).expect("a rehearsal");
    assert!(table.is_empty() && store.header().rehearsal);
    let mut left: Vec<_> = std::fs::read_dir(home.directory())
        .expect("there")
        .map(|file| file.expect("readable").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["lock", "notes.txt", "state.jsonl"]);
}

#[test]
fn a_rehearsal_that_cannot_be_cleared_away_is_still_known_as_one() {
    let home = Home::new();
    drop(home.open(rehearsal()).expect("new"));
    std::fs::create_dir(home.path(RESULTS_FILE)).expect("nothing in the way");
    home.refusal(rehearsal());
    assert!(matches!(
        home.refusal(options()),
        StateError::Rehearsal { .. }
    ));
}

#[test]
fn results_that_a_killed_run_has_left_half_written_are_removed() {
    let home = Home::new();
    drop(home.open(options()).expect("new"));
    let (half, other) = (home.path(".results.csv8Xq2.tmp"), home.path("results.tmp"));
    for file in [&half, &other] {
        std::fs::write(file, "id,sta").expect("writable");
    }
    drop(home.open(options()).expect("there"));
    assert!(!half.exists() && other.exists());
}

#[test]
fn a_rehearsal_never_clears_away_what_a_living_one_holds() {
    let home = Home::new();
    let (mut store, _) = home.open(rehearsal()).expect("new");
    let records = samples::everything();
    store.commit(&records[..3]).expect("a sound disk");
    assert_eq!(home.refusal(rehearsal()).exit_code(), ExitCode::Held);
    store
        .commit(&records[3..])
        .expect("its file is still its own");
}

#[test]
fn a_rehearsal_does_not_wait_for_a_sound_state_of_the_one_before() {
    let home = Home::new();
    drop(home.open(rehearsal()).expect("new"));
    let mut file = fs::open_growing(&home.path(STATE_FILE)).expect("there");
    file.write_all(b"garbage\ngarbage\n").expect("writable");
    home.open(rehearsal()).expect("starts empty");
}

#[test]
fn rehearsals_and_runs_never_share_a_directory() {
    let home = Home::new();
    drop(home.open(options()).expect("new"));
    let error = home.refusal(rehearsal());
    assert!(matches!(error, StateError::RealState { .. }), "{error}");
    let home = Home::new();
    drop(home.open(rehearsal()).expect("new"));
    let error = home.refusal(options());
    assert!(matches!(error, StateError::Rehearsal { .. }), "{error}");
}

#[test]
fn a_torn_end_is_cut_off_and_told_and_the_run_goes_on() {
    let home = Home::new();
    let records = samples::everything();
    for cycle in 0..2 {
        let (mut store, table) = home.open(options()).expect("a torn end is no damage");
        assert_eq!(table.len(), cycle);
        assert_eq!(store.warnings().len(), cycle.min(1));
        let next = [0..4, 4..6][cycle].clone();
        store.commit(&records[next]).expect("a sound disk");
        drop(store);
        let mut file = fs::open_growing(&home.path(STATE_FILE)).expect("there");
        file.write_all(b"{\"seq\":9,\"a\0\0").expect("writable");
    }
    let (_, table) = home.open(options()).expect("a torn end is no damage");
    assert_eq!(table.len(), 2);
}

#[test]
fn a_state_file_that_is_removed_or_replaced_under_a_run_ends_it() {
    let home = Home::new();
    let records = samples::everything();
    let (mut store, _) = home.open(options()).expect("new");
    store.commit(&records[..1]).expect("a sound disk");
    fs::replace_file(&home.path(STATE_FILE), |writer| writer.write_all(b"")).expect("writable");
    let error = store.commit(&records[1..]).expect_err("replaced");
    assert!(matches!(error, StateError::Vanished { .. }), "{error}");
}

#[test]
fn a_state_is_never_reached_through_a_link() {
    for name in [STATE_FILE, LOCK_FILE] {
        let home = Home::new();
        let precious = home.0.path().join("precious");
        std::fs::write(&precious, "precious").expect("writable");
        fs::create_private_directory(&home.directory()).expect("writable");
        std::os::unix::fs::symlink(&precious, home.path(name)).expect("linkable");
        let error = home.open(options()).expect_err("a link");
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert_eq!(
            std::fs::read_to_string(&precious).expect("there"),
            "precious"
        );
    }
}

#[test]
fn a_state_from_another_machine_is_told() {
    let home = Home::new();
    let (store, _) = home.open(options()).expect("new");
    let mut header = store.header().clone();
    drop(store);
    header.machine.push_str("-other");
    let mut line = Vec::new();
    record::encode_header(&header, &mut line);
    std::fs::write(home.path(STATE_FILE), line).expect("writable");
    let (store, _) = home.open(options()).expect("sound");
    let machine = header.machine;
    assert_eq!(store.warnings(), [Warning::OtherMachine { machine }]);
}

#[test]
fn every_refusal_says_what_happened_and_what_to_do() {
    let (directory, path) = (
        PathBuf::from("shots.run"),
        PathBuf::from("shots.run/state.jsonl"),
    );
    let holder = Holder {
        pid: 4711,
        host: "studio".to_owned(),
        since: samples::noon(),
    };
    let refused = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let errors = [
        StateError::Held {
            directory: directory.clone(),
            holder: Some(Box::new(holder)),
        },
        StateError::Held {
            directory: directory.clone(),
            holder: None,
        },
        StateError::ForeignManifest {
            directory: directory.clone(),
            found: "shots.yaml".to_owned(),
            wanted: "shots.csv".to_owned(),
        },
        StateError::RealState {
            directory: directory.clone(),
        },
        StateError::Rehearsal {
            directory: directory.clone(),
        },
        StateError::NotAState { path: path.clone() },
        StateError::Damaged {
            path: path.clone(),
            line: 7,
            why: "the checksum does not match the line".to_owned(),
        },
        StateError::Newer {
            path: path.clone(),
            line: 1,
            what: "format version 2".to_owned(),
        },
        StateError::Vanished { path: path.clone() },
        StateError::Gone {
            directory: directory.clone(),
        },
        StateError::Older {
            state: path.clone(),
            results: PathBuf::from("shots.run/results.csv"),
            job: JobId::new("hero").expect("valid"),
            what: "task `task_01`".to_owned(),
        },
        StateError::Full {
            source: FileError::io("set disk space aside for", &path, refused()),
        },
        StateError::TooLong {
            path: path.clone(),
            job: JobId::new("hero").ok(),
        },
        FileError::io("write to", &path, refused()).into(),
    ];
    let shown: String = errors.into_iter().map(show).collect();
    insta::assert_snapshot!(shown);
}

/// An error with its causes and its help, as the program prints it.
fn show(error: StateError) -> String {
    let error = Error::from(error);
    let mut text = format!("{}: {error}", error.code() as u8);
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    let help = error.remedy().unwrap_or("(none)");
    format!("{text}\n  help: {help}\n")
}

#[test]
fn warnings_say_what_happened_and_what_it_means() {
    let path = PathBuf::from("shots.run/state.jsonl");
    let cut_off = |kind| Warning::CutOff {
        path: path.clone(),
        tail: Tail {
            line: 9,
            bytes: 120,
            kind,
            tasks: Vec::new(),
        },
    };
    let warnings = [
        cut_off(TailKind::Torn),
        cut_off(TailKind::Foreign),
        cut_off(TailKind::Damaged),
        Warning::TaskElsewhere {
            path: path.clone(),
            job: JobId::new("hero").expect("valid"),
            task_id: "task_01".to_owned(),
        },
        Warning::OtherMachine {
            machine: "studio".to_owned(),
        },
    ];
    insta::assert_snapshot!(warnings.map(|warning| warning.to_string()).join("\n"));
}
