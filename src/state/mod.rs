//! What is true of the jobs, on disk: a directory with one journal, one lock, and the results drawn from them.
//!
//! Start at [`Store::open`] (with the lock, to add records) and [`Store::read`] (without, to look). Must not know what
//! is done next, nor anything of network and terminal.

pub mod journal;
pub mod lock;
pub mod record;
#[cfg(test)]
mod samples;
mod witness;

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::journal::{Journal, Tail, TailKind};
use self::lock::{Holder, Lock};
use self::record::Header;
use self::witness::{OpenResults, Witness};
use crate::engine::event::{Event, RunNumber};
use crate::engine::job::Status;
use crate::engine::table::{Fact, JobTable, Record};
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
    /// When this returns, the lock is held, a torn end is cut off, everything in `table` is durable, and results.csv
    /// knows nothing that is missing there.
    pub fn open(
        directory: &Path,
        options: Claim<'_>,
        table: &mut JobTable,
    ) -> Result<Self, StateError> {
        let lock = Self::take_lock(directory, options)?;
        Self::open_locked(directory, lock, options, table)
    }

    /// Takes the lock of the state in `directory` (which is made if need be), for a caller that has something else to do
    /// under it before [`Self::open_locked`].
    pub fn take_lock(directory: &Path, options: Claim<'_>) -> Result<Lock, StateError> {
        fs::create_private_directory(directory)?;
        let path = directory.join(STATE_FILE);
        match journal::peek_header(&path) {
            Ok(found) => options.check(directory, found.as_ref())?,
            Err(damage) => {
                lock::refuse_held(directory, &path)?; // who holds it comes before what is wrong with it
                return Err(damage);
            }
        }
        Lock::acquire(directory, options.now)
    }

    /// The same as [`Self::open`] for the holder of the `lock`.
    pub fn open_locked(
        directory: &Path,
        lock: Lock,
        options: Claim<'_>,
        table: &mut JobTable,
    ) -> Result<Self, StateError> {
        let path = directory.join(STATE_FILE);
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
        let results = OpenResults::at(directory.join(RESULTS_FILE));
        let mut witness = Witness::default();
        let replay = |record: Record| {
            witness.note(&record, table);
            table.replay(&record)
        };
        let (journal, opened) = Journal::open(file, &path, &options.header(), replay)?;
        fs::sync_directory(directory)?;
        let mut warnings = witness.ask(results, table)?;
        fs::remove_half_written(&directory.join(RESULTS_FILE))?;
        fs::remove_half_written(&directory.join(GALLERY_FILE))?;
        warnings.extend(
            opened
                .tail
                .into_iter()
                .flat_map(|tail| Warning::of_tail(&path, tail)),
        );
        warnings.extend(Warning::of_machine(&opened.header));
        let mut store = Self {
            journal,
            directory: directory.to_owned(),
            header: opened.header,
            warnings,
            _lock: lock,
        };
        store.keep_named_tasks(table, options.now)?;
        Ok(store)
    }

    /// Keeps the task ids that only results.csv names with the jobs that are in doubt for want of them: the results are
    /// soon written anew.
    fn keep_named_tasks(&mut self, table: &mut JobTable, now: Timestamp) -> Result<(), StateError> {
        let mut records = Vec::new();
        for warning in &self.warnings {
            if let Warning::TaskElsewhere { path, job, task_id } = warning
                && path.ends_with(RESULTS_FILE)
                && let Some(index) = table.position(job)
                && table.job(index).status() == Status::Submitting
            {
                let event = Event::left_open_as(task_id);
                let (at, id) = (crate::clock::whole_milliseconds(now), job.clone());
                table.apply(index, &event, at).expect("a create is open");
                let fact = Fact::Job { id, event };
                records.push(Record { at, fact });
            }
        }
        self.journal.commit(&records)
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
        let results = OpenResults::at(directory.join(RESULTS_FILE));
        let mut witness = Witness::default();
        let opened = journal::read(&path, |record| {
            witness.note(&record, table);
            table.replay(&record)
        })?;
        let named_elsewhere = witness.ask(results, table)?;
        Ok(opened.map(|opened| Snapshot {
            warnings: named_elsewhere
                .into_iter()
                .chain(Warning::of_machine(&opened.header))
                .collect(),
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

    /// What a run over this state is called: short, and the same whenever it is asked for.
    pub fn run_id(&self, run: RunNumber) -> String {
        self.header.run_id(run)
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
    let leftovers = [
        ".mp4", ".mov", ".webm", ".png", ".jpg", ".webp", ".json", ".part", ".tmp",
    ];
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
    /// What followed the last record that counts was cut off.
    CutOff {
        /// The state file.
        path: PathBuf,
        /// What was cut off.
        tail: Tail,
    },
    /// A job in doubt may have a task that the state could not keep.
    TaskElsewhere {
        /// The file that names it.
        path: PathBuf,
        /// The job.
        job: JobId,
        /// The task, as it is shown.
        task_id: String,
    },
    /// The state was begun on another machine.
    OtherMachine {
        /// Its name.
        machine: String,
    },
}

impl Warning {
    fn of_tail(path: &Path, mut tail: Tail) -> Vec<Self> {
        let tasks = std::mem::take(&mut tail.tasks);
        let path = path.to_owned();
        let named = tasks.into_iter().map(|(job, task_id)| Self::TaskElsewhere {
            path: path.clone(),
            job,
            task_id: task_id.to_string(),
        });
        let named: Vec<_> = named.collect();
        [vec![Self::CutOff { path, tail }], named].concat()
    }

    fn of_machine(header: &Header) -> Option<Self> {
        (header.machine != machine_name()).then(|| Self::OtherMachine {
            machine: header.machine.clone(),
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { path, tail } => {
                let (path, Tail { line, bytes, .. }) = (path.display(), tail);
                match tail.kind {
                    TailKind::Torn => write!(
                        formatter,
                        "the last run broke off while it wrote `{path}`: {bytes} bytes from line {line} on were not whole and were cut off; if an answer came in at that moment, its job is now in doubt",
                    ),
                    TailKind::Foreign => write!(
                        formatter,
                        "`{path}` had {bytes} bytes at its end, from line {line} on, that are no record, and they were cut off: shotlist did not write them so, and if they stand in place of what it wrote, put a backup back before anything is submitted again",
                    ),
                    TailKind::Damaged => write!(
                        formatter,
                        "the last record of `{path}`, on line {line}, was damaged and was cut off: no request and no task is lost with it; what it said is found out again, or its job is now in doubt",
                    ),
                }
            }
            Self::TaskElsewhere { path, job, task_id } => write!(
                formatter,
                "`{}` named the task `{task_id}` of job `{job}`, which the state could not keep: note it down, look at the provider, and if it is that job's, `shotlist resolve … {job} --task` takes it",
                path.display(),
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
    /// A state that is older than the results drawn from it.
    #[error("`{}` is older than `{}`: of job `{job}` it does not know the {what}", state.display(), results.display())]
    Older {
        /// The state file.
        state: PathBuf,
        /// The results.
        results: PathBuf,
        /// The first job that the results know more of.
        job: JobId,
        /// What they know.
        what: String,
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
                "wait until it ends, or let `--wait-lock 10m` do that; `shotlist status` shows how far it is"
                    .to_owned()
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
            Self::Older { results, .. } => format!(
                "put the `{STATE_FILE}` back that was beside these results: with this one, jobs are submitted, and paid for, again; if it is the right one (the results were edited, or are another run's), move `{}` away",
                results.display()
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
mod tests;
