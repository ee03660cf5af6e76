//! The directory that downloads go to: files grow under names of their own, and take their final names only whole.
//!
//! Start at [`Folder`], a trait so that tests can lose what was never synced, and at [`Directory`], the real one. A file
//! that is there is never written over, but for small ones that the caller knows to be its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, OFlags, RenameFlags};
use rustix::io::Errno;

use super::{FileError, create_directory, sync_directory};

/// A directory whose files are named without it.
pub trait Folder: Send + Sync {
    /// An open file.
    type File: FolderFile;

    /// What is there under this name; a link is not followed.
    fn look(&self, name: &str) -> io::Result<Found>;
    /// Opens a plain file for reading.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a plain file for reading and for adding at its end; makes an empty one if there is none.
    fn grow(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file its final name; fails with `AlreadyExists` if anything is called so.
    fn publish(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file another name in place of the one that has it now.
    fn replace(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file if it is there.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Returns once names that were made or changed are on disk.
    fn sync(&self) -> io::Result<()>;
    /// How much room there is, if that can be told.
    fn room(&self) -> Option<Room>;
    /// Changes when the machine starts anew: bytes that were written before that without a sync may be lost.
    fn boot(&self) -> Option<String>;
}

/// An open file of a folder.
pub trait FolderFile: Send {
    /// Its size.
    fn size(&self) -> io::Result<u64>;
    /// Reads at most so many bytes from an offset; fewer only at its end.
    fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Adds bytes at its end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts it.
    fn truncate(&mut self, size: u64) -> io::Result<()>;
    /// Returns once everything in it is on disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// What is under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A plain file of this size.
    File(u64),
    /// A directory, a link or a device.
    Other,
}

/// Room on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Free for whoever runs this.
    pub free: u64,
    /// In all.
    pub whole: u64,
}

/// A directory of the system.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory at `path`, which is made if it is not there; its permissions follow the umask.
    pub fn make(path: &Path) -> Result<Self, FileError> {
        create_directory(path, 0o777)?;
        Ok(Self(path.to_owned()))
    }

    /// The directory at `path`, which need not be there.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn open_plain(&self, name: &str, options: &mut OpenOptions) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = options
            .custom_flags(flags.bits().cast_signed())
            .open(self.path(name))?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("it is not a plain file"))
        }
    }
}

impl Folder for Directory {
    type File = File;

    fn look(&self, name: &str) -> io::Result<Found> {
        match self.path(name).symlink_metadata() {
            Ok(found) if found.is_file() => Ok(Found::File(found.len())),
            Ok(_) => Ok(Found::Other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    fn open(&self, name: &str) -> io::Result<File> {
        self.open_plain(name, OpenOptions::new().read(true))
    }

    fn grow(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        self.open_plain(name, options.read(true).append(true).create(true))
    }

    fn publish(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        match rustix::fs::renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
            // Not every file system can do it in one step; a second name never replaces one either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(CWD, &from, CWD, &to, AtFlags::empty())?;
                Ok(std::fs::remove_file(from)?)
            }
            other => Ok(other?),
        }
    }

    fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.0).map_err(|error| {
            let words = error.to_string();
            match error.into_source() {
                Some(source) => io::Error::new(source.kind(), source),
                None => io::Error::other(words),
            }
        })
    }

    fn room(&self) -> Option<Room> {
        let disk = rustix::fs::statvfs(&self.0).ok()?;
        Some(Room {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            whole: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }

    fn boot(&self) -> Option<String> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }
}

impl FolderFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut read = 0;
        while read < length {
            match FileExt::read_at(self, &mut bytes[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_its_name_only_where_nothing_has_it() {
        let home = tempfile::tempdir().expect("a directory");
        let folder = Directory::make(&home.path().join("videos")).expect("writable");
        folder
            .grow(".a.part")
            .expect("new")
            .append(b"new")
            .expect("room");
        std::fs::write(home.path().join("videos/a.mp4"), "old").expect("writable");
        std::os::unix::fs::symlink("nowhere", home.path().join("videos/b.mp4")).expect("writable");
        for taken in ["a.mp4", "b.mp4"] {
            let refused = folder.publish(".a.part", taken).expect_err("it is taken");
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{taken}");
        }
        folder.publish(".a.part", "c.mp4").expect("free");
        folder.sync().expect("syncable");
        assert_eq!(folder.look(".a.part").expect("readable"), Found::Nothing);
        assert_eq!(folder.look("c.mp4").expect("readable"), Found::File(3));
        assert_eq!(folder.look("b.mp4").expect("readable"), Found::Other);
        let old = folder.open("a.mp4").expect("there");
        assert_eq!(FolderFile::read_at(&old, 1, 9).expect("readable"), b"ld");
    }

    #[test]
    fn links_and_directories_are_not_written_through() {
        let home = tempfile::tempdir().expect("a directory");
        let folder = Directory::at(home.path());
        std::fs::write(home.path().join("precious"), "precious").expect("writable");
        std::os::unix::fs::symlink("precious", home.path().join(".a.part")).expect("writable");
        std::fs::create_dir(home.path().join(".b.part")).expect("writable");
        for name in [".a.part", ".b.part"] {
            assert!(folder.grow(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_disk_says_how_much_room_it_has() {
        let home = tempfile::tempdir().expect("a directory");
        let room = Directory::at(home.path()).room().expect("it can be told");
        assert!(room.free <= room.whole && room.whole > 0, "{room:?}");
    }
}
