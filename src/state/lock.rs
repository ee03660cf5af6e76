//! One run at a time: a lock file that is locked while a run lives, and that says who holds it.
//!
//! Start at [`Lock::acquire`]. The lock is the operating system's and ends with the process, however that ends; what is
//! written in the file is for people, and may be old. The file is never removed: a lock on a file that has lost its
//! name keeps nobody out.

use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use rustix::io::Errno;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::{LOCK_FILE, StateError, machine_name};
use crate::fs::{self, FileError};

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Who holds a lock, or held it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// The machine it runs on.
    pub host: String,
    /// When it took the lock.
    #[serde(rename = "started")]
    pub since: Timestamp,
}

impl Lock {
    /// Takes the lock of the state in `directory`, or says who holds it.
    pub fn acquire(directory: &Path, now: Timestamp) -> Result<Self, StateError> {
        let path = directory.join(LOCK_FILE);
        let file = fs::open_writable(&path)?;
        try_lock(&file, directory, &path)?;
        refuse_foreign(&file, &path)?;
        let holder = Holder {
            pid: std::process::id(),
            host: machine_name(),
            since: now,
        };
        let mut line = serde_json::to_vec(&holder).expect("text and numbers always fit into JSON");
        line.push(b'\n');
        fs::overwrite(&file, &line).map_err(|source| FileError::io("write", &path, source))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Leaves no name behind, so that nobody takes a later process of the same number for this run.
    fn drop(&mut self) {
        let _ = fs::overwrite(&self.file, b"");
    }
}

/// Refuses to write over a file that merely has the name of a lock.
fn refuse_foreign(file: &File, path: &Path) -> Result<(), FileError> {
    let mut text = Vec::new();
    file.take(HOLDER_LIMIT)
        .read_to_end(&mut text)
        .map_err(|source| FileError::io("read", path, source))?;
    let is_own = text.starts_with(&HOLDER_BEGINS[..text.len().min(HOLDER_BEGINS.len())]);
    let is_torn = text.iter().all(|byte| *byte == 0); // a power cut may leave the length without the bytes
    if is_own || is_torn {
        return Ok(());
    }
    Err(FileError::Foreign {
        path: path.to_owned(),
    })
}

/// How a written holder begins, of which a killed program may have left less.
const HOLDER_BEGINS: &[u8] = br#"{"pid":"#;

/// Most bytes that are read of a lock file.
const HOLDER_LIMIT: u64 = 4096;

/// Refuses a state in `directory` that another run holds, without a trace: for a directory that may be none of ours.
pub fn refuse_held(directory: &Path, state: &Path) -> Result<(), StateError> {
    for path in [&directory.join(LOCK_FILE), state] {
        if let Ok(Some(file)) = fs::open_readable(path) {
            try_lock(&file, directory, path)?;
        }
    }
    Ok(())
}

/// Locks `file`, which belongs to the state in `directory`.
pub(super) fn try_lock(file: &File, directory: &Path, path: &Path) -> Result<(), StateError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StateError::Held {
            directory: directory.to_owned(),
            holder: read_holder(directory).ok().flatten().map(Box::new),
        },
        TryLockError::Error(source) => FileError::io("lock", path, source).into(),
    })
}

/// Who holds the lock of the state in `directory`, or held it last, as far as the lock file says. Never takes the lock.
pub fn read_holder(directory: &Path) -> Result<Option<Holder>, FileError> {
    let path = directory.join(LOCK_FILE);
    let Some(file) = fs::open_readable(&path)? else {
        return Ok(None);
    };
    let mut text = Vec::new();
    file.take(HOLDER_LIMIT)
        .read_to_end(&mut text)
        .map_err(|source| FileError::io("read", &path, source))?;
    Ok(serde_json::from_slice(&text).ok())
}

impl Holder {
    /// Whether the process lives on this machine. `false` for another machine, of which nothing is known.
    pub fn is_alive_here(&self) -> bool {
        self.host == machine_name()
            && i32::try_from(self.pid)
                .ok()
                .and_then(Pid::from_raw)
                .is_some_and(|pid| {
                    matches!(
                        rustix::process::test_kill_process(pid),
                        Ok(()) | Err(Errno::PERM)
                    )
                })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn noon() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().expect("valid")
    }

    #[test]
    fn the_second_run_is_told_who_holds_the_lock() {
        let home = tempfile::tempdir().expect("a directory");
        let lock = Lock::acquire(home.path(), noon()).expect("free");
        let error = Lock::acquire(home.path(), noon()).expect_err("held");
        let StateError::Held {
            holder: Some(holder),
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((holder.pid, holder.since), (std::process::id(), noon()));
        assert!(holder.is_alive_here());
        assert_eq!(error.exit_code(), crate::error::ExitCode::Held);
        drop(lock);
        Lock::acquire(home.path(), noon()).expect("free again");
    }

    #[test]
    fn a_holder_that_has_not_written_its_name_yet_is_another_run() {
        let home = tempfile::tempdir().expect("a directory");
        let file = fs::open_writable(&home.path().join(LOCK_FILE)).expect("new");
        file.try_lock().expect("free");
        let error = Lock::acquire(home.path(), noon()).expect_err("held");
        assert!(error.to_string().contains("another run"), "{error}");
    }

    #[test]
    fn a_foreign_file_of_that_name_is_left_as_it_is() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join(LOCK_FILE);
        for (foreign, is_taken) in [
            ("somebody else's", false),
            ("{\"name\":1}", false),
            ("{\"pi", true),
            ("{\"pid\":1", true),
        ] {
            std::fs::write(&path, foreign).expect("writable");
            let lock = Lock::acquire(home.path(), noon());
            assert_eq!(lock.is_ok(), is_taken, "{foreign}");
            if !is_taken {
                assert_eq!(std::fs::read_to_string(&path).expect("there"), foreign);
            }
        }
    }

    #[test]
    fn the_lock_file_is_private_and_stays_when_the_lock_is_let_go() {
        let home = tempfile::tempdir().expect("a directory");
        drop(Lock::acquire(home.path(), noon()).expect("free"));
        let metadata = home.path().join(LOCK_FILE).metadata().expect("there");
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
        assert_eq!(read_holder(home.path()).expect("readable"), None);
    }

    #[test]
    fn who_holds_a_lock_can_be_asked_without_taking_it() {
        let home = tempfile::tempdir().expect("a directory");
        assert_eq!(read_holder(home.path()).expect("no lock file"), None);
        let lock = Lock::acquire(home.path(), noon()).expect("free");
        let holder = read_holder(home.path()).expect("readable").expect("held");
        assert_eq!(holder.host, machine_name());
        drop(lock);
    }

    #[test]
    fn whatever_a_crash_left_in_the_lock_file_stands_in_nobodys_way_and_all_else_is_left_as_it_is()
    {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join(LOCK_FILE);
        drop(Lock::acquire(home.path(), noon()).expect("free"));
        let whole = br#"{"pid":4711,"host":"studio","started":"2026-03-01T12:00:00Z"}"#.to_vec();
        let cuts = (0..whole.len()).map(|cut| whole[..cut].to_vec());
        let flips = (0..whole.len() * 8).map(|bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        let others = [
            br#"{"pid":-1,"host":"","started":"2026-03-01T12:00:00Z"}"#.to_vec(),
            br#"{"pid":0,"host":"","started":"2026-03-01T12:00:00Z"}"#.to_vec(),
            vec![b'['; 100_000],
            vec![0; 100_000],
        ];
        for bytes in cuts.chain(flips).chain(others) {
            std::fs::write(&path, &bytes).expect("writable");
            let holder = read_holder(home.path()).expect("readable");
            let told = holder.map(|holder| (holder.is_alive_here(), holder.host.len()));
            assert!(told.is_none_or(|(_, length)| length <= 6), "{bytes:?}");
            let begins = &HOLDER_BEGINS[..bytes.len().min(HOLDER_BEGINS.len())];
            let is_left = bytes.starts_with(begins) || bytes.iter().all(|byte| *byte == 0);
            match Lock::acquire(home.path(), noon()) {
                Ok(lock) if is_left => drop(lock),
                Err(StateError::File(FileError::Foreign { .. })) if !is_left => {}
                other => panic!("{other:?}: {bytes:?}"),
            }
            let expected = if is_left { &[][..] } else { &bytes };
            assert_eq!(std::fs::read(&path).expect("there"), expected);
        }
    }

    #[test]
    fn a_process_that_ended_or_runs_elsewhere_is_not_alive_here() {
        let mut child = std::process::Command::new("true").spawn().expect("spawned");
        let pid = child.id();
        child.wait().expect("ended");
        let mut holder = Holder {
            pid,
            host: machine_name(),
            since: noon(),
        };
        assert!(!holder.is_alive_here());
        holder.pid = std::process::id();
        assert!(holder.is_alive_here());
        holder.host.push_str("-other");
        assert!(!holder.is_alive_here());
    }
}
