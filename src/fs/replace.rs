//! Files that get new contents as a whole.
//!
//! Start at [`replace_file`]. Knows nothing of what is written.

use std::fs::{File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek as _, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

use super::{FileError, TEMPORARY, fill, open_readable, parent, sync_directory, temporary_prefix};

/// Gives the file at `path` new contents: afterwards (also after a crash) it is either as it was or as `write` wrote
/// it. Its permissions follow the umask.
pub fn replace_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Written, FileError> {
    let temporary = create_beside(path)
        .map_err(|source| FileError::io("create a file in", parent(path), source))?;
    fill(temporary.as_file(), write).map_err(|source| FileError::io("write", path, source))?;
    put_in_place(temporary, path)
}

/// The same, but the file stays as it is if it has these contents already.
pub fn update_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Written, FileError> {
    let Ok(Some(old)) = open_readable(path) else {
        return replace_file(path, write);
    };
    let failed = |source| FileError::io("write", path, source);
    let mut update = Update::of(old, path);
    let written = write(&mut update).and_then(|()| update.finish());
    written.map_err(failed)?;
    match update.new {
        Some(new) => put_in_place(
            new.into_inner()
                .map_err(|unflushed| failed(unflushed.into_error()))?,
            path,
        ),
        None => Written::new(update.old.into_inner()).map_err(failed),
    }
}

/// An empty file that is to replace the one at `path`.
fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(&temporary_prefix(path))
        .suffix(TEMPORARY)
        .permissions(Permissions::from_mode(0o666)) // less the umask
        .tempfile_in(parent(path))
}

/// Gives a file that is synced its name.
fn put_in_place(new: NamedTempFile, path: &Path) -> Result<Written, FileError> {
    let file = new
        .persist(path)
        .map_err(|failed| FileError::io("replace", path, failed.error))?;
    sync_directory(parent(path))?;
    Written::new(file).map_err(|source| FileError::io("look at", path, source))
}

/// Compares what is written with a file, and begins another one where they differ.
struct Update<'a> {
    path: &'a Path,
    old: BufReader<File>,
    /// So many bytes are the same so far.
    same: u64,
    new: Option<BufWriter<NamedTempFile>>,
}

impl<'a> Update<'a> {
    fn of(old: File, path: &'a Path) -> Self {
        Self {
            path,
            old: BufReader::with_capacity(1 << 16, old),
            same: 0,
            new: None,
        }
    }

    /// Whether the file goes on with `bytes`.
    fn goes_on_with(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        while !bytes.is_empty() {
            let next = self.old.fill_buf()?;
            let length = next.len().min(bytes.len());
            if length == 0 || next[..length] != bytes[..length] {
                return Ok(false);
            }
            bytes = &bytes[length..];
            self.old.consume(length);
        }
        Ok(true)
    }

    /// Begins another file with what was the same.
    fn part(&mut self) -> io::Result<&mut BufWriter<NamedTempFile>> {
        let new = create_beside(self.path)?;
        let mut new = BufWriter::with_capacity(1 << 16, new);
        self.old.rewind()?;
        io::copy(&mut self.old.by_ref().take(self.same), &mut new)?;
        Ok(self.new.insert(new))
    }

    /// Everything is written: the new file, if there is one, is synced.
    fn finish(&mut self) -> io::Result<()> {
        if self.new.is_none() && !self.old.fill_buf()?.is_empty() {
            self.part()?;
        }
        match &mut self.new {
            Some(new) => {
                new.flush()?;
                new.get_ref().as_file().sync_all()
            }
            None => Ok(()),
        }
    }
}

impl Write for Update<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(new) = &mut self.new {
            return new.write(bytes);
        }
        if self.goes_on_with(bytes)? {
            self.same += bytes.len() as u64;
            return Ok(bytes.len());
        }
        self.part()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // once, at the end
    }
}

/// A file as it was written.
#[derive(Debug)]
pub struct Written {
    file: File,
    shape: Shape,
}

/// What others change of a file when they write to it, take its name away or put an earlier time back: its length, and
/// when its inode was changed last, in seconds and nanoseconds.
type Shape = (u64, i64, i64);

impl Written {
    fn new(file: File) -> io::Result<Self> {
        let shape = shape(&file)?;
        Ok(Self { file, shape })
    }

    /// Its bytes, from the first on.
    pub fn read(&self) -> io::Result<impl BufRead + '_> {
        (&self.file).seek(io::SeekFrom::Start(0))?;
        Ok(BufReader::with_capacity(1 << 16, &self.file))
    }

    /// Whether it still has its name, and nobody has written to it since.
    pub fn is_untouched(&self) -> bool {
        shape(&self.file).is_ok_and(|now| now == self.shape)
    }
}

fn shape(file: &File) -> io::Result<Shape> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_updated_only_if_it_says_something_else() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("results.csv");
        let inode = || path.metadata().map(|metadata| metadata.ino()).ok();
        for (old, new) in [
            (None, "abc"),
            (Some(""), "abc"),
            (Some("abc"), "abc"),
            (Some("abd"), "abc"),
            (Some("ab"), "abc"),
            (Some("abcd"), "abc"),
            (Some("abc"), ""),
            (Some(""), ""),
        ] {
            let _ = std::fs::remove_file(&path);
            if let Some(old) = old {
                std::fs::write(&path, old).expect("writable");
            }
            let before = inode();
            let mut pieces = new.split_inclusive('b');
            let written = update_file(&path, |out| {
                pieces.try_for_each(|piece| out.write_all(piece.as_bytes()))
            });
            let written = written.expect("writable");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), new);
            assert_eq!(inode() == before, old == Some(new), "{old:?}, {new:?}");
            assert!(written.is_untouched());
            let mut read = String::new();
            let mut bytes = written.read().expect("open");
            bytes.read_to_string(&mut read).expect("text");
            assert_eq!(
                (
                    read.as_str(),
                    home.path().read_dir().expect("a directory").count()
                ),
                (new, 1)
            );
        }
    }
}
