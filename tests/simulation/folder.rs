//! The folder of downloads: names and contents as a reader of this boot finds them, and as a power cut leaves them.
//!
//! Start at [`SimFolder`], which the program's own downloads write to; what must hold whenever a file gets its name is
//! checked there. A file system may lose names that were made since the directory was synced, the last ones first, and
//! bytes that were written since the file was.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use shotlist::fs::folder::{Folder, FolderFile, Found, Room};

use crate::figures::Seen;
use crate::server::{task_in, whole};
use crate::world::{Shared, World};

/// `ENOSPC`.
const NO_SPACE: i32 = 28;

/// Whether a name ends so.
fn is_a(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found == extension)
}

/// The name of a file that the state has under this path.
pub(crate) fn name_in_folder(path: &str) -> &str {
    path.strip_prefix("videos/").unwrap_or(path)
}

/// All files with their names.
#[derive(Debug, Default)]
pub(crate) struct Files {
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    /// What is there after a power cut, come what may.
    durable: BTreeMap<String, usize>,
    /// Names as they were after each change since the last sync.
    since: Vec<BTreeMap<String, usize>>,
    boot: u32,
    /// Whether syncs are acknowledged and not done.
    pub(crate) lies: bool,
    /// A file of the person's own, with its content.
    foreign: Option<String>,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// So many of them are on disk for certain.
    synced: usize,
}

const FOREIGN: &[u8] = b"a film of my own";

impl Files {
    /// The person has a file under this name.
    pub(crate) fn put_foreign(&mut self, name: &str) {
        self.contents.push(Content {
            bytes: FOREIGN.to_vec(),
            synced: FOREIGN.len(),
        });
        let content = self.contents.len() - 1;
        self.names.insert(name.to_owned(), content);
        self.durable.insert(name.to_owned(), content);
        self.foreign = Some(name.to_owned());
    }

    /// Whether the person's own file is as it was.
    pub(crate) fn keeps_foreign(&self) -> bool {
        let kept = |name: &String| self.bytes(name) == Some(FOREIGN);
        self.foreign.as_ref().is_none_or(kept)
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        let content = *self.names.get(name)?;
        Some(&self.contents[content].bytes)
    }

    /// Whether nothing is called so.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        !self.names.contains_key(name)
    }

    /// Whether a power cut would leave this file under its name, with all its bytes.
    pub(crate) fn is_durable(&self, name: &str) -> bool {
        self.durable.get(name).is_some_and(|content| {
            let content = &self.contents[*content];
            content.synced == content.bytes.len()
        })
    }

    /// Names of videos whose content is that of this task.
    fn videos_of(&self, task: &str) -> usize {
        let videos = self.names.iter().filter(|(name, _)| is_a(name, "mp4"));
        videos
            .filter(|(_, content)| task_in(&self.contents[**content].bytes) == Some(task))
            .count()
    }

    fn changed(&mut self) {
        self.since.push(self.names.clone());
    }

    fn sync(&mut self) {
        if !self.lies {
            self.durable.clone_from(&self.names);
        }
        self.since.clear();
    }
}

impl World {
    /// Sometimes the person deletes a video that was downloaded.
    pub(crate) fn delete_file(&mut self) {
        let files = &mut self.files;
        let is_video = |name: &&String| is_a(name, "mp4") && files.foreign.as_ref() != Some(*name);
        let videos: Vec<_> = files.names.keys().filter(is_video).cloned().collect();
        if videos.is_empty() || !self.file_chance.percent(10) {
            return;
        }
        let name = videos[self.file_chance.index(videos.len())].clone();
        files.names.remove(&name);
        files.durable.remove(&name);
        files.since.clear();
        self.saw(Seen::FileDeleted);
    }

    /// The power goes.
    pub(crate) fn cut_files(&mut self) {
        let files = &mut self.files;
        files.boot += 1;
        let kept = self.file_chance.index(files.since.len() + 1);
        let lost = files.since.len() - kept;
        let names = match kept {
            0 => files.durable.clone(),
            _ if files.lies => files.durable.clone(),
            kept => files.since[kept - 1].clone(),
        };
        files.names.clone_from(&names);
        files.durable = names;
        files.since.clear();
        for content in &mut files.contents {
            let unsynced = content.bytes.len() - content.synced;
            let length = content.synced + self.file_chance.index(unsynced + 1);
            content.bytes.truncate(length);
            if self.file_chance.percent(50) {
                content.bytes[content.synced..].fill(0);
            }
            content.synced = length;
        }
        if lost > 0 {
            self.saw(Seen::LostNames);
        }
    }

    /// Whether a call on a file fails because of the disk.
    fn file_trouble(&mut self) -> Option<io::Error> {
        let percent = self.session.weather.files;
        if !self.file_chance.percent(percent) {
            return None;
        }
        self.saw(Seen::FileTrouble);
        Some(if self.file_chance.percent(50) {
            io::Error::from_raw_os_error(NO_SPACE)
        } else {
            io::Error::other("input/output error")
        })
    }

    /// Before a file gets a name that people see.
    fn check_published(&mut self, from: &str, to: &str) {
        let Some(content) = self.files.names.get(from).copied() else {
            return;
        };
        let content = &self.files.contents[content];
        let is_synced = content.synced == content.bytes.len() || self.files.lies;
        let bytes = content.bytes.clone();
        self.ensure(is_synced, || {
            format!("`{to}` gets its name before it is synced")
        });
        if !is_a(to, "mp4") {
            return;
        }
        let task = task_in(&bytes).map(str::to_owned);
        let is_whole = task.as_ref().is_some_and(|task| whole(task) == bytes);
        self.ensure(is_whole, || {
            format!("`{to}` gets its name and is not whole")
        });
        let others = task.map_or(0, |task| self.files.videos_of(&task));
        self.ensure(others == 0, || {
            format!("`{to}` is a second file of its take")
        });
    }
}

/// The folder that a run sees.
#[derive(Clone)]
pub(crate) struct SimFolder(pub(crate) Shared);

/// A file that is open.
pub(crate) struct SimOpen {
    world: Shared,
    content: usize,
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl SimFolder {
    /// Does something to names, unless the power goes before or after it.
    fn change(
        &self,
        what: &'static str,
        act: impl FnOnce(&mut World) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut world = self.0.lock();
        if !world.instant(what) {
            return Err(off());
        }
        if let Some(error) = world.file_trouble() {
            return Err(error);
        }
        act(&mut world)?;
        world.files.changed();
        if world.instant(what) {
            Ok(())
        } else {
            Err(off())
        }
    }
}

impl Folder for SimFolder {
    type File = SimOpen;

    fn look(&self, name: &str) -> io::Result<Found> {
        let world = self.0.lock();
        Ok(world
            .files
            .bytes(name)
            .map_or(Found::Nothing, |bytes| Found::File(bytes.len() as u64)))
    }

    fn open(&self, name: &str) -> io::Result<SimOpen> {
        let world = self.0.lock();
        let content = world.files.names.get(name).copied();
        let content = content.ok_or(io::ErrorKind::NotFound)?;
        Ok(SimOpen {
            world: self.0.clone(),
            content,
        })
    }

    fn grow(&self, name: &str) -> io::Result<SimOpen> {
        self.change("a file is made", |world| {
            if !world.files.names.contains_key(name) {
                world.files.contents.push(Content::default());
                let content = world.files.contents.len() - 1;
                world.files.names.insert(name.to_owned(), content);
            }
            Ok(())
        })?;
        self.open(name)
    }

    fn publish(&self, from: &str, to: &str) -> io::Result<()> {
        self.change("a file gets its name", |world| {
            if world.files.names.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            world.check_published(from, to);
            let content = world
                .files
                .names
                .remove(from)
                .ok_or(io::ErrorKind::NotFound)?;
            world.files.names.insert(to.to_owned(), content);
            Ok(())
        })
    }

    fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        self.change("a file is replaced", |world| {
            let is_own = to.starts_with('.') || is_a(to, "json");
            world.ensure(is_own, || format!("`{to}` is replaced"));
            let content = world
                .files
                .names
                .remove(from)
                .ok_or(io::ErrorKind::NotFound)?;
            world.files.names.insert(to.to_owned(), content);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change("a file is removed", |world| {
            world.ensure(name.starts_with('.'), || format!("`{name}` is removed"));
            world.files.names.remove(name);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.0.lock();
        if !world.instant("the folder is synced") {
            return Err(off());
        }
        if let Some(error) = world.file_trouble() {
            return Err(error);
        }
        world.files.sync();
        if world.instant("the folder was synced") {
            Ok(())
        } else {
            Err(off())
        }
    }

    fn room(&self) -> Option<Room> {
        None
    }

    fn boot(&self) -> Option<String> {
        Some(self.0.lock().files.boot.to_string())
    }
}

impl FolderFile for SimOpen {
    fn size(&self) -> io::Result<u64> {
        let world = self.world.lock();
        Ok(world.files.contents[self.content].bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let world = self.world.lock();
        let bytes = &world.files.contents[self.content].bytes;
        let from = bytes
            .len()
            .min(usize::try_from(offset).unwrap_or(usize::MAX));
        let to = bytes.len().min(from + length);
        Ok(bytes[from..to].to_vec())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.world.lock();
        let is_on = world.instant("a file grows");
        let kept = if is_on {
            bytes.len()
        } else {
            world.file_chance.index(bytes.len() + 1)
        };
        if let Some(error) = world.file_trouble() {
            return Err(error);
        }
        let content = &mut world.files.contents[self.content];
        content.bytes.extend_from_slice(&bytes[..kept]);
        if is_on { Ok(()) } else { Err(off()) }
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        let mut world = self.world.lock();
        if !world.instant("a file is cut") {
            return Err(off());
        }
        let size = usize::try_from(size).expect("small");
        let content = &mut world.files.contents[self.content];
        content.bytes.truncate(size);
        content.synced = content.synced.min(size);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.world.lock();
        if !world.instant("a file is synced") {
            return Err(off());
        }
        if let Some(error) = world.file_trouble() {
            return Err(error);
        }
        if !world.files.lies {
            let content = &mut world.files.contents[self.content];
            content.synced = content.bytes.len();
        }
        if world.instant("a file was synced") {
            Ok(())
        } else {
            Err(off())
        }
    }
}
