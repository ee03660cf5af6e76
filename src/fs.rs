//! The only writer of files, and the only place that knows how to make what was written durable.
//!
//! Start at [`replace_file`] (a whole file, atomically) and [`open_growing`] (a file that grows at its end, behind
//! [`JournalFile`] so that tests can make it fail). Knows nothing of what is written.

pub mod folder;
mod replace;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::Errno;

pub use self::replace::{Written, replace_file, update_file};

/// What went wrong with which file.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("failed to {action} `{}`", path.display())]
    Io {
        /// A verb: `open`, `write`, …
        action: &'static str,
        /// Of which file or directory.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A file of the state is a link to somewhere else.
    #[error(
        "`{}` is a symbolic link, and the state is only kept in plain files: remove the link or name another directory with `--out`",
        path.display()
    )]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A file of the state is a directory, a pipe or a device.
    #[error("`{}` is not a plain file: move it away or name another directory with `--out`", path.display())]
    NotAFile {
        /// What is in the way.
        path: PathBuf,
    },
    /// What is to be read is a directory, a pipe or a device: its end may never come.
    #[error("`{}` is not a file but a directory, a pipe or a device", path.display())]
    NotReadable {
        /// What was named.
        path: PathBuf,
    },
    /// A file has the name of one of ours, and is another's.
    #[error("`{}` is not a file of shotlist and is left as it is: move it away or name another directory with `--out`", path.display())]
    Foreign {
        /// The other file.
        path: PathBuf,
    },
    /// A new file would overwrite one.
    #[error("`{}` exists already and is left as it is: name another file", path.display())]
    Exists {
        /// The existing file.
        path: PathBuf,
    },
    /// More bytes than anybody can have meant.
    #[error("`{}` is larger than {limit} bytes, the most that is read", path.display())]
    TooLarge {
        /// The large file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
}

/// The names of the files in the directory of `path`, as far as they can be read: the first thousand.
pub fn names_beside(path: &Path) -> Vec<String> {
    const MOST: usize = 1000;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(files) = directory.read_dir() else {
        return Vec::new();
    };
    let names = files
        .take(MOST)
        .filter_map(|file| file.ok()?.file_name().into_string().ok());
    names.collect()
}

impl FileError {
    /// What the system said, if it was asked.
    pub fn into_source(self) -> Option<Arc<io::Error>> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }

    /// `source`, met on trying to `action` the file at `path`.
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }
}

/// How the names of half-written files end.
const TEMPORARY: &str = ".tmp";

/// How the names of the half-written files begin that are to replace `path`.
fn temporary_prefix(path: &Path) -> std::ffi::OsString {
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix
}

/// Removes what a killed program has left of files that were to replace `path`.
pub fn remove_half_written(path: &Path) -> Result<(), FileError> {
    let directory = parent(path);
    let prefix = temporary_prefix(path);
    let failed = |source| FileError::io("look into", directory, source);
    for file in std::fs::read_dir(directory).map_err(failed)? {
        let name = file.map_err(failed)?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(prefix.as_encoded_bytes()) && bytes.ends_with(TEMPORARY.as_bytes()) {
            remove_if_there(&directory.join(&name))?;
        }
    }
    Ok(())
}

fn fill(file: &File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    write(&mut writer)?;
    writer.flush()?;
    file.sync_all()
}

/// Whether both names lead to one file, whatever links are between.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    one == other || identity(one).is_some_and(|found| identity(other) == Some(found))
}

/// The first bytes of the file at `path`, at most `limit`; `None` if nothing is there. A link, a pipe or a device is
/// refused.
pub fn beginning(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some(file) = open_readable(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::io("read", path, source))?;
    Ok(Some(bytes))
}

/// Writes a file that must not exist yet; its permissions follow the umask.
pub fn create_new_file(path: &Path, contents: &[u8]) -> Result<(), FileError> {
    let file = File::create_new(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => FileError::Exists {
            path: path.to_owned(),
        },
        _ => FileError::io("create", path, source),
    })?;
    fill(&file, |writer| writer.write_all(contents)).map_err(|source| {
        let _ = std::fs::remove_file(path); // half a file is worse than none; the first error is the one to tell
        FileError::io("write", path, source)
    })
}

/// How a directory is called from `base`, where it is inside of that; else its whole name. Both must be there.
pub fn called_from(base: &Path, directory: &Path) -> Result<PathBuf, FileError> {
    let whole = |path: &Path| {
        path.canonicalize()
            .map_err(|source| FileError::io("look for", path, source))
    };
    let (base, directory) = (whole(base)?, whole(directory)?);
    Ok(match directory.strip_prefix(&base) {
        Ok(inside) => inside.to_owned(),
        Err(_) => directory,
    })
}

/// Whether the file at `path` is really outside of `folder`, symbolic links followed. A file that is not there is not.
pub fn leaves(folder: &Path, path: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match (folder.canonicalize(), path.canonicalize()) {
        (Ok(folder), Ok(path)) => !path.starts_with(folder),
        _ => false,
    }
}

/// The bytes of the file at `path`, which must be at most `limit`. A directory, a pipe or a device is refused at once.
pub fn read_file_capped(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_to_limit(open_file(path)?, path, limit)
}

/// Opens the file at `path`. A directory, a pipe or a device is refused at once.
pub fn open_file(path: &Path) -> Result<File, FileError> {
    let failed = |source| FileError::io("read", path, source);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(FileError::NotReadable {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

/// Who can read what is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Not everyone.
    Owner,
    /// Every user of this machine.
    Everyone,
    /// Whoever reads first, once somebody writes.
    Pipe,
}

/// Who can read the file at `path`, as far as its permissions say; `None` if there is none.
pub fn reach(path: &Path) -> Option<Reach> {
    let metadata = path.metadata().ok()?;
    Some(if metadata.file_type().is_fifo() {
        Reach::Pipe
    } else if metadata.is_file() && metadata.mode() & 0o006 != 0 {
        Reach::Everyone
    } else {
        Reach::Owner
    })
}

/// Whether every user of this machine may change what is at `path`.
pub fn is_writable_by_everyone(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.mode() & 0o002 != 0)
}

/// The bytes of what is at `path`, which may be a pipe and must be at most `limit`.
pub fn read_capped(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(|source| FileError::io("read", path, source))?;
    read_to_limit(file, path, limit)
}

fn read_to_limit(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::io("read", path, source))?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// A file that only grows: what a journal is written to.
///
/// A trait so that tests can tear writes, fill the disk and lose what was never synced.
pub trait JournalFile: Read {
    /// Adds `bytes` at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything that was added is on disk (`fdatasync`).
    fn sync(&mut self) -> io::Result<()>;
    /// Writes what stands from `offset` to the end once more over itself. After a sync that failed, the system takes its
    /// bytes for written although they are not, and no later sync writes them unless they are written again.
    fn rewrite(&mut self, offset: u64) -> io::Result<()>;
    /// Cuts the file to `length` bytes, and returns once that is on disk.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Sets disk space aside for `length` bytes from `offset` on, without changing the length of the file.
    fn reserve(&mut self, offset: u64, length: u64) -> io::Result<()>;
    /// Whether `path` still names this file, and nobody else has made it longer or shorter than `length`.
    fn is_intact(&self, path: &Path, length: u64) -> io::Result<bool>;
}

impl JournalFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn rewrite(&mut self, offset: u64) -> io::Result<()> {
        let flags = rustix::fs::fcntl_getfl(&*self)?;
        rustix::fs::fcntl_setfl(&*self, flags.difference(OFlags::APPEND))?; // else every write goes to the end
        let copied = copy_onto_itself(self, offset);
        rustix::fs::fcntl_setfl(&*self, flags)?;
        copied
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.sync_all()
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn reserve(&mut self, offset: u64, length: u64) -> io::Result<()> {
        use rustix::fs::FallocateFlags;
        use rustix::process::{Resource, getrlimit};
        let longest = getrlimit(Resource::Fsize).current; // the system heeds it for what is written alone
        if longest.is_some_and(|longest| offset + length > longest) {
            return Err(Errno::FBIG.into());
        }
        rustix::io::retry_on_intr(|| {
            rustix::fs::fallocate(&*self, FallocateFlags::KEEP_SIZE, offset, length)
        })?;
        Ok(())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn reserve(&mut self, _offset: u64, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn is_intact(&self, path: &Path, length: u64) -> io::Result<bool> {
        match path.symlink_metadata() {
            Ok(named) => {
                let own = self.metadata()?;
                let is_same = (own.dev(), own.ino()) == (named.dev(), named.ino());
                Ok(is_same && own.len() == length)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn copy_onto_itself(file: &File, mut offset: u64) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = file.read_at(&mut buffer, offset)?;
        if length == 0 {
            return Ok(());
        }
        file.write_all_at(&buffer[..length], offset)?;
        offset += length as u64;
    }
}

/// Whether `error` says that there is no room: disk, quota or file size limit.
pub fn is_full(error: &io::Error) -> bool {
    [Errno::NOSPC, Errno::DQUOT, Errno::FBIG]
        .iter()
        .any(|full| error.raw_os_error() == Some(full.raw_os_error()))
}

/// Opens the file at `path` for reading and for adding at its end; makes an empty one, for its owner only, if there is
/// none.
pub fn open_growing(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    open_plain(path, &mut options)
}

/// Opens what is at `path` for adding lines at its end: a file, which is made for its owner only if there is none, or a
/// device, or a pipe that somebody reads. Nobody waits for it.
pub fn open_log(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    options
        .open(path)
        .map_err(|source| FileError::io("open", path, source))
}

/// Whether both names are of one place, whether or not there is anything.
pub fn is_same_place(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        Some((
            parent(path).canonicalize().ok()?,
            path.file_name()?.to_owned(),
        ))
    };
    is_same_file(one, other) || place(one).is_some_and(|found| place(other) == Some(found))
}

/// Opens the file at `path` for reading and for writing over it; makes an empty one, for its owner only, if there is
/// none.
pub fn open_writable(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open_plain(path, &mut options)
}

/// Opens the file at `path` for reading; `None` if there is none.
pub fn open_readable(path: &Path) -> Result<Option<File>, FileError> {
    match open_plain(path, OpenOptions::new().read(true)) {
        Ok(file) => Ok(Some(file)),
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens what must be a plain file, never what a link points to, and never waits for the other end of a pipe.
fn open_plain(path: &Path, options: &mut OpenOptions) -> Result<File, FileError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = opened.map_err(|source| match source.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => FileError::Symlink {
            path: path.to_owned(),
        },
        Some(code) if code == Errno::ISDIR.raw_os_error() => FileError::NotAFile {
            path: path.to_owned(),
        },
        _ => FileError::io("open", path, source),
    })?;
    let metadata = file
        .metadata()
        .map_err(|source| FileError::io("look at", path, source))?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

/// Writes `contents` over everything in an open `file`, which other readers may find half written.
pub fn overwrite(mut file: &File, contents: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    io::Seek::rewind(&mut file)?;
    file.write_all(contents)
}

/// Makes the directory at `path` for its owner only (its parents follow the umask) and returns once it is on disk. A
/// directory that exists stays as it is; its name is synced all the same, as a run that was killed right after it made
/// the directory has not done that.
pub fn create_private_directory(path: &Path) -> Result<(), FileError> {
    create_directory(path, 0o700)
}

fn create_directory(path: &Path, mode: u32) -> Result<(), FileError> {
    let above = parent(path);
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => {
            sync_directory(above)?;
            sync_name(above)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            sync_name(path)
        }
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && !above.is_dir() && above != path =>
        {
            create_directory(above, 0o777)?;
            create_directory(path, mode)
        }
        Err(error) => Err(FileError::io("create the directory", path, error)),
    }
}

/// Returns once the name of the directory at `path`, which may be older than this program, is on disk. Where the
/// directory above cannot be opened or cannot change, no killed run has made a name in it.
fn sync_name(path: &Path) -> Result<(), FileError> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match sync_directory(parent(path)) {
        Err(FileError::Io { source, .. })
            if [PermissionDenied, ReadOnlyFilesystem].contains(&source.kind()) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Returns once names made, replaced or removed in the directory at `path` are on disk.
pub fn sync_directory(path: &Path) -> Result<(), FileError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    match synced {
        // some file systems cannot sync a directory, and need not
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        other => other.map_err(|source| FileError::io("sync the directory", path, source)),
    }
}

/// Removes the file at `path` if there is one.
pub fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Removes the files whose names end in one of `suffixes` from the directory at `path`, and the directory if that
/// leaves it empty. Never follows a link, never descends.
pub fn remove_files_ending(path: &Path, suffixes: &[&str]) -> Result<(), FileError> {
    let plain = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    if !plain {
        return Ok(());
    }
    let failed = |source| FileError::io("clear the directory", path, source);
    for file in std::fs::read_dir(path).map_err(failed)? {
        let file = file.map_err(failed)?;
        let is_directory = file.file_type().map_err(failed)?.is_dir();
        let name = file.file_name();
        let is_known = suffixes
            .iter()
            .any(|suffix| name.as_encoded_bytes().ends_with(suffix.as_bytes()));
        if is_known && !is_directory {
            remove_if_there(&file.path())?;
        }
    }
    match std::fs::remove_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(failed(error)),
        _ => Ok(()),
    }
}

/// The directory that holds `path`.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn no_room_on_disk_in_a_quota_or_under_a_size_limit_is_full_and_nothing_else_is() {
        for full in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            assert!(is_full(&full.into()), "{full:?}");
        }
        for other in [Errno::IO, Errno::ROFS, Errno::ACCESS] {
            assert!(!is_full(&other.into()), "{other:?}");
        }
        assert!(!is_full(&io::Error::other("said by nobody")));
    }

    #[test]
    fn a_growing_file_that_is_written_over_itself_stays_as_it_is_and_grows_at_its_end() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("state.jsonl");
        let mut file = open_growing(&path).expect("writable");
        let long: Vec<u8> = (0..200_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
        file.append(&long).expect("room");
        for offset in [0, 70_000, 199_999, 200_000] {
            file.rewrite(offset).expect("writable");
        }
        file.append(b"end").expect("room");
        assert_eq!(
            std::fs::read(&path).expect("there"),
            [&long[..], b"end"].concat()
        );
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("exists").permissions().mode() & 0o7777
    }

    /// Names in `directory`, sorted.
    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(directory)
            .expect("a directory")
            .map(|file| {
                file.expect("readable")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        names.sort();
        names
    }

    /// What a new file of this process gets, whatever the umask is.
    fn usual_mode(directory: &Path) -> u32 {
        let probe = directory.join("probe");
        std::fs::write(&probe, "").expect("writable");
        let found = mode(&probe);
        std::fs::remove_file(probe).expect("removable");
        found
    }

    #[test]
    fn a_replaced_file_has_the_new_contents_and_the_umask_permissions() {
        let home = tempfile::tempdir().expect("a directory");
        let target = home.path().join("results.csv");
        for text in ["one", "two"] {
            replace_file(&target, |writer| writer.write_all(text.as_bytes())).expect("writable");
            assert_eq!(std::fs::read_to_string(&target).expect("there"), text);
        }
        assert_eq!(names(home.path()), ["results.csv"]);
        assert_eq!(mode(&target), usual_mode(home.path()));
    }

    #[test]
    fn a_replacement_that_fails_leaves_the_old_file_and_nothing_else() {
        let home = tempfile::tempdir().expect("a directory");
        let target = home.path().join("results.csv");
        std::fs::write(&target, "old").expect("writable");
        let error = replace_file(&target, |writer| {
            writer.write_all(&vec![b'x'; 200_000])?;
            Err(io::Error::other("no more"))
        })
        .expect_err("the closure failed");
        assert!(error.to_string().contains("results.csv"), "{error}");
        assert_eq!(std::fs::read_to_string(&target).expect("there"), "old");
        assert_eq!(names(home.path()), ["results.csv"]);
    }

    #[test]
    fn a_replacement_that_cannot_be_renamed_leaves_no_litter() {
        let home = tempfile::tempdir().expect("a directory");
        let target = home.path().join("results.csv");
        std::fs::create_dir(&target).expect("writable");
        replace_file(&target, |writer| writer.write_all(b"new"))
            .expect_err("a directory is in the way");
        assert_eq!(names(home.path()), ["results.csv"]);
    }

    #[test]
    fn a_link_at_the_target_is_replaced_and_not_followed() {
        let home = tempfile::tempdir().expect("a directory");
        let (precious, target) = (
            home.path().join("precious"),
            home.path().join("results.csv"),
        );
        std::fs::write(&precious, "precious").expect("writable");
        std::os::unix::fs::symlink(&precious, &target).expect("linkable");
        replace_file(&target, |writer| writer.write_all(b"new")).expect("writable");
        assert_eq!(
            std::fs::read_to_string(&precious).expect("there"),
            "precious"
        );
        assert!(target.symlink_metadata().expect("there").is_file());
    }

    #[test]
    fn a_new_file_never_overwrites_one() {
        let home = tempfile::tempdir().expect("a directory");
        let target = home.path().join("shots.yaml");
        create_new_file(&target, b"mine").expect("new");
        let error = create_new_file(&target, b"other").expect_err("exists");
        assert!(matches!(error, FileError::Exists { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&target).expect("there"), "mine");
        assert_eq!(mode(&target), usual_mode(home.path()));
    }

    #[test]
    fn a_file_is_read_up_to_the_limit_and_refused_beyond() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("file");
        std::fs::write(&file, "12345").expect("writable");
        assert_eq!(read_capped(&file, 5).expect("fits"), b"12345");
        let error = read_capped(&file, 4).expect_err("too large");
        assert!(
            matches!(error, FileError::TooLarge { limit: 4, .. }),
            "{error}"
        );
        assert!(
            read_capped(&home.path().join("none"), 5)
                .expect_err("missing")
                .to_string()
                .contains("none")
        );
    }

    #[test]
    fn what_is_not_a_file_is_not_waited_for() {
        let home = tempfile::tempdir().expect("a directory");
        let pipe = home.path().join("pipe.csv");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR)
            .expect("a pipe without a writer");
        let device = home.path().join("device.csv");
        std::os::unix::fs::symlink("/dev/zero", &device).expect("writable");
        for path in [home.path(), pipe.as_path(), &device] {
            let error = read_file_capped(path, 5).expect_err("no end to wait for");
            assert!(matches!(error, FileError::NotReadable { .. }), "{error}");
        }
        let link = home.path().join("link.csv");
        std::fs::write(home.path().join("file"), "12345").expect("writable");
        std::os::unix::fs::symlink("file", &link).expect("writable");
        assert_eq!(
            read_file_capped(&link, 5).expect("a link to a file"),
            b"12345"
        );
    }

    #[test]
    fn a_private_directory_is_its_owners_and_its_parents_are_as_usual() {
        let home = tempfile::tempdir().expect("a directory");
        let usual = home.path().join("usual");
        std::fs::create_dir(&usual).expect("writable");
        let wanted = home.path().join("a/b/shots.run");
        create_private_directory(&wanted).expect("writable");
        create_private_directory(&wanted).expect("exists already");
        assert_eq!(mode(&wanted), 0o700);
        assert_eq!(mode(&home.path().join("a/b")), mode(&usual));
    }

    #[test]
    fn a_file_in_place_of_a_directory_is_named() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("file");
        std::fs::write(&file, "").expect("writable");
        for path in [file.clone(), file.join("below")] {
            let error = create_private_directory(&path).expect_err("a file is in the way");
            assert!(error.to_string().contains("file"), "{error}");
        }
    }

    #[test]
    fn state_files_are_private_and_never_reached_through_a_link_or_a_pipe() {
        let home = tempfile::tempdir().expect("a directory");
        let [file, link, directory, pipe] =
            ["file", "link", "directory", "pipe"].map(|name| home.path().join(name));
        open_growing(&file).expect("new");
        assert_eq!(mode(&file), 0o600);
        std::os::unix::fs::symlink(&file, &link).expect("linkable");
        std::fs::create_dir(&directory).expect("writable");
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, 0o600.into(), 0).expect("writable");
        for open in [open_growing, open_writable] {
            assert!(matches!(open(&link), Err(FileError::Symlink { .. })));
            assert!(matches!(open(&directory), Err(FileError::NotAFile { .. })));
            assert!(matches!(open(&pipe), Err(FileError::NotAFile { .. })));
        }
        assert!(matches!(
            open_readable(&link),
            Err(FileError::Symlink { .. })
        ));
        assert!(matches!(
            open_readable(&pipe),
            Err(FileError::NotAFile { .. })
        ));
        assert!(
            open_readable(&home.path().join("none"))
                .expect("no error")
                .is_none()
        );
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error() {
        let error =
            create_private_directory(Path::new("/proc/shotlist/x")).expect_err("not a place");
        assert!(matches!(error, FileError::Io { .. }), "{error}");
    }

    #[test]
    fn what_a_killed_program_has_left_is_swept_and_nothing_else() {
        let home = tempfile::tempdir().expect("a directory");
        let at = |name: &str| home.path().join(name);
        for name in [".results.csv3f.tmp", "results.csv", ".other.csv3f.tmp"] {
            std::fs::write(at(name), "x").expect("writable");
        }
        remove_half_written(&at("results.csv")).expect("readable");
        assert!(!at(".results.csv3f.tmp").exists());
        assert!(at("results.csv").exists() && at(".other.csv3f.tmp").exists());
    }

    #[test]
    fn only_files_of_the_known_kind_are_cleared() {
        let home = tempfile::tempdir().expect("a directory");
        let videos = home.path().join("videos");
        std::fs::create_dir(&videos).expect("writable");
        for name in ["a.mp4", "b.part", "notes.txt"] {
            std::fs::write(videos.join(name), "").expect("writable");
        }
        remove_files_ending(&videos, &[".mp4", ".part"]).expect("removable");
        assert_eq!(names(&videos), ["notes.txt"]);
        std::fs::remove_file(videos.join("notes.txt")).expect("removable");
        remove_files_ending(&videos, &[".mp4", ".part"]).expect("removable");
        remove_files_ending(&videos, &[".mp4", ".part"]).expect("nothing to do");
        assert!(!videos.exists());
    }

    #[test]
    fn space_set_aside_does_not_change_the_length_of_a_file() {
        let home = tempfile::tempdir().expect("a directory");
        let mut file = open_growing(&home.path().join("file")).expect("new");
        file.append(b"12345").expect("writable");
        match file.reserve(5, 100_000) {
            Err(error) => assert!(!is_full(&error), "{error}"), // a file system without this is fine
            Ok(()) => file.append(b"6").expect("writable"),
        }
        file.truncate(5).expect("writable");
        assert_eq!(file.metadata().expect("open").len(), 5);
    }

    #[test]
    fn a_file_that_is_not_at_its_place_any_more_is_noticed() {
        let home = tempfile::tempdir().expect("a directory");
        let (path, elsewhere) = (home.path().join("file"), home.path().join("elsewhere"));
        let file = open_growing(&path).expect("new");
        assert!(file.is_intact(&path, 0).expect("open"));
        std::fs::rename(&path, &elsewhere).expect("renamed");
        assert!(!file.is_intact(&path, 0).expect("open"), "moved away");
        let _other = open_growing(&path).expect("new");
        assert!(
            !file.is_intact(&path, 0).expect("open"),
            "another took its place"
        );
        std::fs::rename(&elsewhere, &path).expect("renamed");
        assert!(file.is_intact(&path, 0).expect("open"), "put back");
        assert!(!file.is_intact(&path, 1).expect("open"), "cut");
        remove_if_there(&path).expect("removable");
        remove_if_there(&path).expect("nothing to do");
        assert!(!file.is_intact(&path, 0).expect("open"), "removed");
    }
}
