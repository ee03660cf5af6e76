//! What is true of the jobs, on disk: a directory with one journal, one lock, and the results drawn from them.
//!
//! Start at [`Store::open`] (with the lock, to add records) and [`Store::read`] (without, to look). Must not know what
//! is done next, nor anything of network and terminal.

pub mod journal;
pub mod lock;
pub mod record;
#[cfg(test)]
mod samples;

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::journal::{Journal, Tail};
use self::lock::{Holder, Lock};
use self::record::Header;
use crate::engine::table::{JobTable, Record};
use crate::error::{Error, ExitCode};
use crate::fs::{self, FileError};
use crate::plan::JobId;

/// File name of the journal.
pub const STATE_FILE: &str = "state.jsonl";
/// File name of the lock.
pub const LOCK_FILE: &str = "lock";
/// File name of the results.
pub const RESULTS_FILE: &str = "results.csv";
/// File name of the gallery.
pub const GALLERY_FILE: &str = "gallery.html";
/// Directory of downloaded videos.
pub const VIDEOS_DIRECTORY: &str = "videos";

/// An open state: the only way to add records. Dropping it lets go of the lock.
#[derive(Debug)]
pub struct Store {
    journal: Journal,
    directory: PathBuf,
    header: Header,
    warnings: Vec<Warning>,
    _lock: Lock,
}

/// Whose state a caller wants to open.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// File name of the manifest.
    pub manifest_name: &'a str,
    /// Whether the provider is the simulated one: such a state starts empty each time.
    pub rehearsal: bool,
    /// Whether the user named the directory (`--out`): then it may hold another manifest's state.
    pub named_by_user: bool,
    /// The time of day.
    pub now: Timestamp,
}

impl Store {
    /// Opens the state in `directory` (which is made if need be) and replays it into `table`.
    ///
    /// When this returns, the lock is held, a torn end is cut off, and everything in `table` is durable.
    pub fn open(
        directory: &Path,
        options: Claim<'_>,
        table: &mut JobTable,
    ) -> Result<Self, StateError> {
        fs::create_private_directory(directory)?;
        let path = directory.join(STATE_FILE);
        options.check(directory, journal::peek_header(&path)?.as_ref())?;
        let lock = Lock::acquire(directory, options.now)?;
        let found = journal::peek_header(&path)?; // again: another run may have begun a state meanwhile
        options.check(directory, found.as_ref())?;
        if options.rehearsal && found.is_some() {
            clear(directory)?;
        }
        if !options.rehearsal || options.named_by_user {
            check_not_gone(directory, found.as_ref())?;
        }
        let file = fs::open_growing(&path)?;
        lock::try_lock(&file, directory, &path)?; // in case somebody removed the lock file of a living run
        let replay = |record: Record| table.replay(&record);
        let (journal, opened) = Journal::open(file, &path, &options.header(), replay)?;
        fs::sync_directory(directory)?;
        fs::remove_half_written(&directory.join(RESULTS_FILE))?;
        let mut warnings = Vec::new();
        warnings.extend(opened.tail.map(|tail| Warning::TornEnd { path, tail }));
        warnings.extend(Warning::of_machine(&opened.header));
        Ok(Self {
            journal,
            directory: directory.to_owned(),
            header: opened.header,
            warnings,
            _lock: lock,
        })
    }

    /// Replays the state in `directory` into `table` without a lock, also while a run adds to it; `None` if no state was
    /// begun there. Refuses the state of a manifest other than `manifest_name`, unless that is `None`.
    pub fn read(
        directory: &Path,
        manifest_name: Option<&str>,
        table: &mut JobTable,
    ) -> Result<Option<Snapshot>, StateError> {
        let path = directory.join(STATE_FILE);
        if let (Some(wanted), Some(header)) = (manifest_name, journal::peek_header(&path)?) {
            check_manifest(directory, &header, wanted)?;
        }
        check_not_gone(directory, journal::peek_header(&path)?.as_ref())?;
        let opened = journal::read(&path, |record| table.replay(&record))?;
        Ok(opened.map(|opened| Snapshot {
            warnings: Warning::of_machine(&opened.header).into_iter().collect(),
            header: opened.header,
            records: opened.records,
            tail: opened.tail,
        }))
    }

    /// Makes `records` durable; see [`Journal::commit`].
    pub fn commit(&mut self, records: &[Record]) -> Result<(), StateError> {
        self.journal.commit(records)
    }

    /// What a person should know about how the state was found.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whose state it is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The directory of the state.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where results.csv is.
    pub fn results_path(&self) -> PathBuf {
        self.directory.join(RESULTS_FILE)
    }
}

/// A state as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose state it is.
    pub header: Header,
    /// Number of records after the header.
    pub records: u64,
    /// The record that is being written now, or what a crash has left of one.
    pub tail: Option<Tail>,
    /// What a person should know about it.
    pub warnings: Vec<Warning>,
}

impl Claim<'_> {
    fn header(&self) -> Header {
        Header {
            manifest: self.manifest_name.to_owned(),
            machine: machine_name(),
            rehearsal: self.rehearsal,
            created_at: crate::clock::whole_milliseconds(self.now),
        }
    }

    /// Refuses a state that is not the wanted one; a rehearsal replaces that of any rehearsal.
    fn check(&self, directory: &Path, found: Option<&Header>) -> Result<(), StateError> {
        let Some(found) = found else {
            return Ok(());
        };
        let directory = directory.to_owned();
        match (self.rehearsal, found.rehearsal) {
            (true, false) => Err(StateError::RealState { directory }),
            (false, true) => Err(StateError::Rehearsal { directory }),
            (false, false) if !self.named_by_user => {
                check_manifest(&directory, found, self.manifest_name)
            }
            _ => Ok(()),
        }
    }
}

fn check_manifest(directory: &Path, found: &Header, wanted: &str) -> Result<(), StateError> {
    if found.manifest == wanted {
        return Ok(());
    }
    Err(StateError::ForeignManifest {
        directory: directory.to_owned(),
        found: found.manifest.clone(),
        wanted: wanted.to_owned(),
    })
}

/// A state is begun before results are drawn from it: results without one mean that it was lost.
fn check_not_gone(directory: &Path, found: Option<&Header>) -> Result<(), StateError> {
    if found.is_none() && directory.join(RESULTS_FILE).is_file() {
        return Err(StateError::Gone {
            directory: directory.to_owned(),
        });
    }
    Ok(())
}

/// Removes what a rehearsal has left: the journal last, because it is what says that this is one. The lock file stays.
fn clear(directory: &Path) -> Result<(), StateError> {
    let leftovers = [".mp4", ".part", ".tmp"];
    fs::remove_files_ending(&directory.join(VIDEOS_DIRECTORY), &leftovers)?;
    for name in [RESULTS_FILE, GALLERY_FILE, STATE_FILE] {
        fs::remove_if_there(&directory.join(name))?;
    }
    Ok(())
}

/// The network name of this machine.
pub fn machine_name() -> String {
    let name = rustix::system::uname();
    crate::text::clean(&name.nodename().to_string_lossy(), 255)
}

/// Something about the state that is no reason to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A crash had left the last commit torn.
    TornEnd {
        /// The state file.
        path: PathBuf,
        /// What was cut off.
        tail: Tail,
    },
    /// The state was begun on another machine.
    OtherMachine {
        /// Its name.
        machine: String,
    },
}

impl Warning {
    fn of_machine(header: &Header) -> Option<Self> {
        (header.machine != machine_name()).then(|| Self::OtherMachine {
            machine: header.machine.clone(),
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornEnd { path, tail } => write!(
                formatter,
                "the last run broke off while it wrote `{}`: {} bytes from line {} on were not whole and were cut off; if an answer came in at that moment, its job is now in doubt",
                path.display(),
                tail.bytes,
                tail.line,
            ),
            Self::OtherMachine { machine } => write!(
                formatter,
                "the state was begun on the machine `{}`: make sure that no run over a copy of it goes on there, or jobs are paid for twice",
                crate::text::clean(machine, 255),
            ),
        }
    }
}

/// Why a state cannot be used, or not any more. [`StateError::help`] says what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StateError {
    /// Another run holds the lock.
    #[error("`{}` is in use by {}", directory.display(), describe(holder.as_deref()))]
    Held {
        /// The directory of the state.
        directory: PathBuf,
        /// Who it is, if that is written already.
        holder: Option<Box<Holder>>,
    },
    /// The directory holds another manifest's state.
    #[error("`{}` holds the state of the manifest `{found}`, not of `{wanted}`", directory.display())]
    ForeignManifest {
        /// The directory of the state.
        directory: PathBuf,
        /// Whose state it holds.
        found: String,
        /// Whose state was wanted.
        wanted: String,
    },
    /// A rehearsal where jobs were paid for.
    #[error("`{}` holds the state of a real run, which a rehearsal would erase", directory.display())]
    RealState {
        /// The directory of the state.
        directory: PathBuf,
    },
    /// A run where jobs were only rehearsed.
    #[error("`{}` holds the state of a rehearsal, which does not count for a run", directory.display())]
    Rehearsal {
        /// The directory of the state.
        directory: PathBuf,
    },
    /// Something else than a state.
    #[error("`{}` does not begin like a state of shotlist", path.display())]
    NotAState {
        /// The file.
        path: PathBuf,
    },
    /// A record that was true once cannot be read.
    #[error("`{}` is damaged at line {line}: {why}", path.display())]
    Damaged {
        /// The state file.
        path: PathBuf,
        /// The first bad line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A newer program has written to the state.
    #[error("`{}` was written by a newer shotlist: line {line} has {what}", path.display())]
    Newer {
        /// The state file.
        path: PathBuf,
        /// The first line that is not known, from 1.
        line: u64,
        /// What is not known.
        what: String,
    },
    /// Somebody removed, replaced or changed the state file during the run.
    #[error("`{}` was removed, replaced or changed while this run wrote to it", path.display())]
    Vanished {
        /// Where it was.
        path: PathBuf,
    },
    /// Results without the state that they were drawn from.
    #[error("`{}` has results of earlier runs, and the state that they were drawn from is missing or empty", directory.display())]
    Gone {
        /// The directory of the state.
        directory: PathBuf,
    },
    /// The disk has no room for the answers of more creates.
    #[error("the disk is too full to submit more jobs")]
    Full {
        /// What the system said.
        source: FileError,
    },
    /// A record is longer than a line of the state may be.
    #[error(
        "{} does not fit into a line of `{}`, which holds {} MiB",
        job.as_ref().map_or("the record of this run".to_owned(), |job| format!("the request of job `{job}`")),
        path.display(),
        record::LINE_LIMIT >> 20
    )]
    TooLong {
        /// The state file.
        path: PathBuf,
        /// Whose record it is; `None` for that of a run.
        job: Option<JobId>,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

fn describe(holder: Option<&Holder>) -> String {
    holder.map_or("another run".to_owned(), |holder| {
        format!(
            "another run: process {} on `{}`, since {:.0}",
            holder.pid,
            crate::text::clean(&holder.host, 255),
            holder.since
        )
    })
}

impl StateError {
    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Held { .. } => ExitCode::Held,
            Self::ForeignManifest { .. } | Self::RealState { .. } | Self::Rehearsal { .. } => {
                ExitCode::Usage
            }
            _ => ExitCode::State,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Held { .. } => {
                "wait until it ends; `shotlist status` shows how far it is".to_owned()
            }
            Self::ForeignManifest { .. } => {
                "name another directory with `--out`, or name this one with it if this state is meant".to_owned()
            }
            Self::RealState { .. } => {
                "leave out `--out`, or let it name an empty directory for the rehearsal".to_owned()
            }
            Self::Rehearsal { .. } => "name another directory with `--out`".to_owned(),
            Self::NotAState { path } => format!(
                "if `{}` was a state, put a backup in its place: a run without it submits, and pays for, every job again; if it never was one, name another directory with `--out`",
                path.display()
            ),
            Self::Damaged { line, .. } => format!(
                "put a backup of the file in its place; without one, copy it, look up at the provider what became of the jobs named from line {line} on, and only then remove these lines: a job whose lines are gone is submitted, and paid for, again"
            ),
            Self::Newer { .. } => "use the newer shotlist for this state".to_owned(),
            Self::Vanished { .. } => {
                "put the file back before the next run: a run without it submits, and pays for, every job again".to_owned()
            }
            Self::Gone { directory } => format!(
                "put a backup of `{STATE_FILE}` back: without it every job is submitted, and paid for, again; if that is what you want, move `{}` away",
                directory.join(RESULTS_FILE).display()
            ),
            Self::Full { .. } => "free some space, then run again".to_owned(),
            Self::TooLong { .. } => "shorten the prompt".to_owned(),
            Self::File(_) => return None,
        })
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        let (code, message, help) = (error.exit_code(), error.to_string(), error.help());
        let mut shown = Self::new(code, message);
        if let Some(help) = help {
            shown = shown.help(help);
        }
        match error {
            StateError::Full { source } => shown.because(source),
            StateError::File(FileError::Io { source, .. }) => shown.because(source),
            _ => shown,
        }
    }
}

#[cfg(test)]
mod tests {
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
        file.write_all(b"{\"seq\":25,\"at\":\"2").expect("writable"); // a write that is under way
        let snapshot = Store::read(&home.directory(), Some("shots.yaml"), &mut table)
            .expect("sound")
            .expect("begun");
        assert_eq!((snapshot.records, table.len()), (24, 5));
        assert_eq!(
            snapshot.tail,
            Some(Tail {
                line: 26,
                bytes: 17
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
        let warnings = [
            Warning::TornEnd {
                path: PathBuf::from("shots.run/state.jsonl"),
                tail: Tail {
                    line: 9,
                    bytes: 120,
                },
            },
            Warning::OtherMachine {
                machine: "studio".to_owned(),
            },
        ];
        insta::assert_snapshot!(warnings.map(|warning| warning.to_string()).join("\n"));
    }
}
