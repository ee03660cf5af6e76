//! The state file as the journal sees it: every call may fail, take long, or be the last one before a crash.
//!
//! Start at [`SimFile`]; what can fail is [`DiskFaults`]. A new fault gets a field there, a line here and a `Seen`.

use std::io::{self, Read};
use std::path::Path;

use shotlist::fs::JournalFile;

use crate::figures::Seen;
use crate::weather::SyncFault;
use crate::world::{Shared, World};

/// `ENOSPC`.
const NO_SPACE: i32 = 28;

/// The one file of the disk, opened for reading from its beginning.
pub(crate) struct SimFile {
    world: Shared,
    position: usize,
}

impl SimFile {
    pub(crate) fn open(world: &Shared) -> Self {
        let world = world.clone();
        Self { world, position: 0 }
    }
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl Read for SimFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let world = self.world.lock();
        let read = (&world.disk.bytes()[self.position..]).read(buffer)?;
        self.position += read;
        Ok(read)
    }
}

impl JournalFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.world.lock().append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.world.lock().sync()
    }

    fn rewrite(&mut self, offset: u64) -> io::Result<()> {
        let mut world = self.world.lock();
        if !world.instant("the last commit is written again") {
            return Err(off());
        }
        world.disk.rewrite(usize::try_from(offset).expect("small"));
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.world
            .lock()
            .truncate(usize::try_from(length).expect("small"))
    }

    fn reserve(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let end = usize::try_from(offset + length).expect("small");
        self.world.lock().reserve(end)
    }

    fn is_intact(&self, _: &Path, length: u64) -> io::Result<bool> {
        let world = self.world.lock();
        Ok(!world.disk.is_moved && world.disk.len() as u64 == length)
    }
}

impl World {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.session.notes.committing_since = self.time.truth();
        self.session.notes.jumped = false;
        if !self.instant("a write begins") {
            return Err(off());
        }
        if self.session.faults.write_fails() {
            return Err(self.fail_write(bytes, io::Error::other("input/output error")));
        }
        let end = self.disk.len() + bytes.len();
        if self
            .disk
            .capacity
            .is_some_and(|capacity| end > capacity.max(self.disk.set_aside))
        {
            self.saw(Seen::DiskFull);
            return Err(self.fail_write(bytes, io::Error::from_raw_os_error(NO_SPACE)));
        }
        if !self.instant("a write is half done") {
            let kept = self.chance.index(bytes.len() + 1);
            self.disk.append(&bytes[..kept]);
            return Err(off());
        }
        self.disk.append(bytes);
        self.note(|| format!("written: {} bytes", bytes.len()));
        if self.instant("a write ends") {
            Ok(())
        } else {
            Err(off())
        }
    }

    fn fail_write(&mut self, bytes: &[u8], error: io::Error) -> io::Error {
        let kept = if self.chance.percent(50) {
            0
        } else {
            self.chance.index(bytes.len() + 1)
        };
        self.saw(if kept == 0 {
            Seen::FailedWrite
        } else {
            Seen::ShortWrite
        });
        self.note(|| format!("a write fails after {kept} bytes"));
        self.disk.append(&bytes[..kept]);
        self.state_fails();
        error
    }

    fn sync(&mut self) -> io::Result<()> {
        if !self.instant("a sync begins") {
            return Err(off());
        }
        match self.session.faults.next_sync() {
            SyncFault::None if self.disk.is_worn => {
                self.saw(Seen::FailedSyncs);
                return Err(self.fail_sync());
            }
            SyncFault::None => {}
            SyncFault::Slow(long) => {
                self.saw(Seen::SlowSync);
                self.time.stalled += long;
            }
            SyncFault::Fails => {
                self.saw(Seen::FailedSync);
                self.disk.is_worn = self.session.faults.for_ever;
                return Err(self.fail_sync());
            }
        }
        if !self.instant("a sync is half done") {
            return Err(off());
        }
        self.disk.sync();
        self.register.read(self.disk.durable());
        if self.instant("a sync ends") {
            Ok(())
        } else {
            Err(off())
        }
    }

    fn fail_sync(&mut self) -> io::Error {
        self.note(|| "a sync fails".to_owned());
        self.disk.fail_sync();
        self.state_fails();
        io::Error::other("input/output error")
    }

    fn truncate(&mut self, length: usize) -> io::Result<()> {
        if !self.instant("a cut begins") {
            return Err(off());
        }
        if std::mem::take(&mut self.session.faults.truncate) {
            self.saw(Seen::FailedTruncate);
            if self.chance.percent(50) {
                self.disk.cut_length(length);
            }
            return Err(io::Error::other("input/output error"));
        }
        self.disk.cut_length(length);
        if !self.instant("a cut is half done") {
            return Err(off());
        }
        self.disk.truncate(length);
        if self.instant("a cut ends") {
            Ok(())
        } else {
            Err(off())
        }
    }

    fn reserve(&mut self, end: usize) -> io::Result<()> {
        if !self.is_on() {
            return Err(off());
        }
        if !self.session.faults.can_reserve {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.disk.capacity.is_some_and(|capacity| end > capacity) {
            self.note(|| "no space can be set aside".to_owned());
            return Err(io::Error::from_raw_os_error(NO_SPACE));
        }
        self.disk.set_aside = self.disk.set_aside.max(end);
        Ok(())
    }

    fn state_fails(&mut self) {
        self.session.notes.state_failed = true;
    }
}
