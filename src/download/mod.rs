//! Brings the files of one completed job to their places, so that after any crash the next run finds either nothing, a
//! part that it can go on with, or the whole.
//!
//! Start at [`fetch`]. The order is what makes it safe: the bytes grow in a hidden file (`load`); once they are all
//! there, look like what they must be and are synced, a sidecar says whose they are; then the file takes its final name,
//! which never replaces another; then the directory is synced. Only after that does the caller record it. A run that
//! dies in between leaves a sidecar by which the next one knows the file for its own.
//!
//! Decides nothing about when and how often: that is the engine's part. Knows no key, no state and no manifest.

mod hidden;
mod load;
pub mod sidecar;
pub mod traffic;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use self::hidden::{Hidden, sidecar_draft};
use self::load::{Kind, Loaded, What, load};
use self::sidecar::{Sidecar, SidecarFile};
use self::traffic::Traffic;
use crate::clock::Clock;
use crate::engine::event::{
    FetchReply, FileHash, FileOrder, FilePath, MediaUrl, SavedFile, Wanted,
};
use crate::fetch::{ContentRange, FetchError, Fetcher, Opened, Rest};
use crate::fs::folder::{Folder, FolderFile, Found};
use crate::text::{CleanText, folded};

/// Most bytes of a file unless something else is said: 4 GiB.
pub const MOST_BYTES: u64 = 4 << 30;

/// Most bytes of a sidecar that is read.
const SIDECAR_LIMIT: usize = 8 << 20;

/// Names that are tried for one video.
const MOST_NAMES: u32 = 1000;

/// Bytes that are hashed at a time.
const BLOCK: usize = 1 << 20;

/// Where bytes come from.
pub trait Source: Send + Sync {
    /// What is sent.
    type Body: Body;

    /// Opens the file at `address`, or what is left of it.
    fn open(
        &self,
        address: &str,
        rest: Option<&Rest>,
    ) -> impl Future<Output = Result<Self::Body, FetchError>> + Send;
}

/// An answer whose body is still to be read.
pub trait Body: Send {
    /// What was said before it.
    fn head(&self) -> Head;

    /// The next piece; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, FetchError>> + Send;
}

/// What an answer says before its body; the fields of [`Opened`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "they are documented there")]
pub struct Head {
    pub status: u16,
    pub media_type: Option<String>,
    pub length: Option<u64>,
    pub encoding: Option<String>,
    pub range: Option<ContentRange>,
    pub validator: Option<String>,
}

impl Source for Fetcher {
    type Body = Opened;

    async fn open(&self, address: &str, rest: Option<&Rest>) -> Result<Opened, FetchError> {
        match rest {
            Some(rest) => self.get_rest(address, rest).await,
            None => self.get(address, None).await,
        }
    }
}

impl Body for Opened {
    fn head(&self) -> Head {
        Head {
            status: self.status,
            media_type: self.media_type.clone(),
            length: self.length,
            encoding: self.encoding.clone(),
            range: self.range,
            validator: self.validator.clone(),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        Opened::next(self).await
    }
}

/// What is to be brought where.
#[derive(Debug, Clone)]
pub struct Errand {
    /// Which files.
    pub order: FileOrder,
    /// How they are to be called, without the extension.
    pub name: String,
    /// How the state calls the folder.
    pub stored: StoredFolder,
    /// What the sidecar says of the job.
    pub about: About,
    /// Most bytes of a file.
    pub most_bytes: u64,
    /// Where it is told how far it is.
    pub traffic: Traffic,
}

/// What a sidecar says of its job.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The id of the job.
    pub id: String,
    /// The model that was asked.
    pub model: String,
    /// The prompt that was sent.
    pub prompt: String,
    /// Everything else that was sent.
    pub parameters: serde_json::Map<String, serde_json::Value>,
}

/// How the state calls the folder of downloads: empty, or ending in `/`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredFolder(String);

impl StoredFolder {
    /// A folder at `path`, as the state calls it.
    pub fn new(path: &str) -> Self {
        let bare = path.trim_end_matches('/');
        Self(match bare {
            "" if !path.is_empty() => "/".to_owned(),
            "" | "." => String::new(),
            bare => format!("{bare}/"),
        })
    }

    fn path(&self, name: &str) -> Result<FilePath, FetchReply> {
        FilePath::new(&format!("{}{name}", self.0))
            .ok_or_else(|| refused(format!("the path of `{name}` is too long")))
    }

    /// The name of a file that the state has in this folder.
    fn name<'p>(&self, path: &'p FilePath) -> Option<&'p str> {
        let name = path.as_str().strip_prefix(self.0.as_str())?;
        (!name.contains('/')).then_some(name)
    }
}

/// Names that downloads of this run are using.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<Mutex<BTreeSet<String>>>);

/// A name that nobody else uses meanwhile.
#[derive(Debug)]
struct Claim {
    claims: Claims,
    stem: String,
}

impl Claims {
    fn take(&self, stem: &str) -> Option<Claim> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(folded(stem).into_owned()).then(|| Claim {
            claims: self.clone(),
            stem: stem.to_owned(),
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut taken = self.claims.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&*folded(&self.stem));
    }
}

/// Brings what the errand names.
pub async fn fetch<S: Source, F: Folder>(
    errand: &Errand,
    source: &S,
    folder: &F,
    claims: &Claims,
    clock: &Clock,
) -> FetchReply {
    let bringing = Bringing {
        errand,
        source,
        folder,
        clock,
    };
    bringing.bring(claims).await.unwrap_or_else(|reply| reply)
}

struct Bringing<'a, S, F> {
    errand: &'a Errand,
    source: &'a S,
    folder: &'a F,
    clock: &'a Clock,
}

/// A file that has its final name, or is ready to get it.
enum Ready {
    Here(SidecarFile),
    Loaded(Loaded),
}

/// What a name is worth to an errand.
enum Standing {
    /// Somebody else's.
    Taken,
    /// Nobody's, or its own: with these files there already.
    Own {
        video: Option<SidecarFile>,
        last_frame: Option<SidecarFile>,
    },
}

impl<S: Source, F: Folder> Bringing<'_, S, F> {
    async fn bring(&self, claims: &Claims) -> Result<FetchReply, FetchReply> {
        let (claim, video, last_frame) = self.choose_name(claims)?;
        let stem = &claim.stem;
        let order = &self.errand.order;
        let (video, video_url) = match (&order.video, video) {
            (Wanted::Here(saved), _) => (Ready::Here(self.as_sidecar(saved)), None),
            (Wanted::At(url), Some(here)) => (Ready::Here(here), Some(url)),
            (Wanted::At(url), None) => {
                let loaded = self.load(stem, url, Kind::Video).await?;
                (Ready::Loaded(loaded), Some(url))
            }
        };
        let frame = match (&order.last_frame, last_frame) {
            (None, _) => Ok(None),
            (Some(Wanted::Here(saved)), _) => Ok(Some(Ready::Here(self.as_sidecar(saved)))),
            (Some(Wanted::At(_)), Some(here)) => Ok(Some(Ready::Here(here))),
            (Some(Wanted::At(url)), None) => {
                let loaded = self.load(stem, url, Kind::Picture).await;
                loaded.map(|loaded| Some(Ready::Loaded(loaded)))
            }
        };
        let (frame, without) = match frame {
            Ok(frame) => (frame, None),
            Err(reply) => (None, Some(Box::new(about_the_frame(reply)))),
        };
        let (video, last_frame) = self.publish(stem, &video, frame.as_ref(), video_url)?;
        Ok(FetchReply::Saved {
            video,
            last_frame,
            without,
        })
    }

    async fn load(&self, stem: &str, url: &MediaUrl, kind: Kind) -> Result<Loaded, FetchReply> {
        let what = What {
            url,
            kind,
            hidden: Hidden::of(stem, kind),
            task_id: self.errand.order.task_id.as_str(),
            most_bytes: self.errand.most_bytes,
            traffic: &self.errand.traffic,
        };
        load(&what, self.source, self.folder, self.clock).await
    }

    // ── Names ──

    /// The first name that is free or this task's own already.
    fn choose_name(
        &self,
        claims: &Claims,
    ) -> Result<(Claim, Option<SidecarFile>, Option<SidecarFile>), FetchReply> {
        let recorded = self.recorded().find_map(stem_of);
        let name = recorded.unwrap_or(&self.errand.name);
        for number in 1..=MOST_NAMES {
            let stem = match number {
                1 => name.to_owned(),
                number => format!("{name} ({number})"),
            };
            let Some(claim) = claims.take(&stem) else {
                continue;
            };
            if let Standing::Own { video, last_frame } = self.look_around(&stem)? {
                return Ok((claim, video, last_frame));
            }
        }
        Err(refused(format!(
            "`{name}` and {MOST_NAMES} names like it are taken"
        )))
    }

    /// Names of the files that stay as they are.
    fn recorded(&self) -> impl Iterator<Item = &str> {
        let order = &self.errand.order;
        let files = [Some(&order.video), order.last_frame.as_ref()];
        files.into_iter().flatten().filter_map(|file| match file {
            Wanted::Here(saved) => self.errand.stored.name(&saved.file),
            Wanted::At(_) => None,
        })
    }

    /// What there is under a name.
    fn look_around(&self, stem: &str) -> Result<Standing, FetchReply> {
        let sidecar_name = format!("{stem}.json");
        let sidecar = match self.look(&sidecar_name)? {
            Found::Nothing => None,
            Found::Other => return Ok(Standing::Taken),
            Found::File(_) => match self.own_sidecar(&sidecar_name)? {
                None => return Ok(Standing::Taken),
                own => own,
            },
        };
        let known = |name: &str| {
            let sidecar = sidecar.as_ref()?;
            let files = [Some(&sidecar.video), sidecar.last_frame.as_ref()];
            files.into_iter().flatten().find(|file| file.file == name)
        };
        let (mut video, mut last_frame) = (None, None);
        for kind in [Kind::Video, Kind::Picture] {
            for extension in kind.extensions() {
                let name = format!("{stem}.{extension}");
                match (self.look(&name)?, known(&name)) {
                    (Found::Nothing, _) => {}
                    (Found::File(_), _) if self.recorded().any(|recorded| recorded == name) => {}
                    (Found::File(size), Some(file))
                        if size == file.bytes && self.hash(&name)? == file.hash() =>
                    {
                        match kind {
                            Kind::Video => video = Some(file.clone()),
                            Kind::Picture => last_frame = Some(file.clone()),
                        }
                    }
                    _ => return Ok(Standing::Taken),
                }
            }
        }
        Ok(Standing::Own { video, last_frame })
    }

    /// The sidecar of this name, if it is one of this task.
    fn own_sidecar(&self, name: &str) -> Result<Option<Sidecar>, FetchReply> {
        let bytes = self
            .folder
            .open(name)
            .and_then(|file| file.read_at(0, SIDECAR_LIMIT))
            .map_err(|error| load::disk_trouble("read", name, &error))?;
        let sidecar = Sidecar::read(&bytes);
        Ok(sidecar.filter(|sidecar| sidecar.task_id == self.errand.order.task_id.as_str()))
    }

    fn look(&self, name: &str) -> Result<Found, FetchReply> {
        let found = self.folder.look(name);
        found.map_err(|error| load::disk_trouble("look for", name, &error))
    }

    fn hash(&self, name: &str) -> Result<Option<FileHash>, FetchReply> {
        let hash = self.folder.open(name).and_then(|file| hash_of(&file));
        hash.map(|(_, hash)| Some(hash))
            .map_err(|error| load::disk_trouble("read", name, &error))
    }

    // ── Places ──

    /// Sidecar, picture, video, directory: in this order a crash leaves nothing that cannot be told whose it is.
    fn publish(
        &self,
        stem: &str,
        video: &Ready,
        frame: Option<&Ready>,
        video_url: Option<&MediaUrl>,
    ) -> Result<(SavedFile, Option<SavedFile>), FetchReply> {
        let name = |ready: &Ready| match ready {
            Ready::Here(file) => file.clone(),
            Ready::Loaded(loaded) => loaded.named(stem),
        };
        let (video_file, frame_file) = (name(video), frame.map(name));
        let is_news = !matches!(
            (video, frame),
            (Ready::Here(_), None | Some(Ready::Here(_)))
        );
        if is_news {
            self.put_sidecar(stem, &video_file, frame_file.as_ref(), video_url)?;
        }
        for (ready, file) in [
            (frame, frame_file.as_ref()),
            (Some(video), Some(&video_file)),
        ] {
            if let (Some(Ready::Loaded(loaded)), Some(file)) = (ready, file) {
                self.folder
                    .publish(&loaded.part, &file.file)
                    .map_err(|error| load::disk_trouble("give its name to", &file.file, &error))?;
            }
        }
        self.folder.sync().map_err(|error| {
            load::disk_trouble("sync the directory of", &video_file.file, &error)
        })?;
        for kind in [Kind::Video, Kind::Picture] {
            // What is left of it a later run passes over.
            load::remove_notes(self.folder, &Hidden::of(stem, kind));
        }
        let order = &self.errand.order;
        let video = match &order.video {
            Wanted::Here(saved) => saved.clone(),
            Wanted::At(_) => self.saved(&video_file)?,
        };
        let frame = match &order.last_frame {
            Some(Wanted::Here(saved)) => Some(saved.clone()),
            _ => frame_file.map(|file| self.saved(&file)).transpose()?,
        };
        Ok((video, frame))
    }

    fn put_sidecar(
        &self,
        stem: &str,
        video: &SidecarFile,
        last_frame: Option<&SidecarFile>,
        video_url: Option<&MediaUrl>,
    ) -> Result<(), FetchReply> {
        let name = format!("{stem}.json");
        let failed = |error: std::io::Error| load::disk_trouble("write", &name, &error);
        let is_there = self.look(&name)? != Found::Nothing;
        let before = if is_there {
            self.own_sidecar(&name)?
        } else {
            None
        };
        let order = &self.errand.order;
        let url = match (video_url, before) {
            (Some(url), _) => sidecar::bare_url(url.as_str()),
            (None, before) => before.map(|before| before.url).unwrap_or_default(),
        };
        let about = &self.errand.about;
        let sidecar = Sidecar {
            id: about.id.clone(),
            take: order.take.0,
            task_id: order.task_id.as_str().to_owned(),
            model: about.model.clone(),
            prompt: about.prompt.clone(),
            parameters: about.parameters.clone(),
            url,
            video: video.clone(),
            last_frame: last_frame.cloned(),
            downloaded_at: self.clock.now().wall,
        };
        let draft = sidecar_draft(stem);
        let mut file = self.folder.grow(&draft).map_err(failed)?;
        file.truncate(0)
            .and_then(|()| file.append(&sidecar.to_json()))
            .and_then(|()| file.sync())
            .map_err(failed)?;
        let placed = if is_there {
            self.folder.replace(&draft, &name)
        } else {
            self.folder.publish(&draft, &name)
        };
        placed.map_err(failed)
    }

    fn saved(&self, file: &SidecarFile) -> Result<SavedFile, FetchReply> {
        let unread = || refused(format!("the sidecar of `{}` has no hash", file.file));
        Ok(SavedFile {
            file: self.errand.stored.path(&file.file)?,
            bytes: file.bytes,
            sha256: file.hash().ok_or_else(unread)?,
        })
    }

    fn as_sidecar(&self, saved: &SavedFile) -> SidecarFile {
        let name = self.errand.stored.name(&saved.file);
        SidecarFile {
            file: name.unwrap_or(saved.file.as_str()).to_owned(),
            bytes: saved.bytes,
            sha256: saved.sha256.to_string(),
        }
    }
}

/// A name without its extension.
fn stem_of(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(stem, _)| stem)
}

fn about_the_frame(reply: FetchReply) -> FetchReply {
    let of_frame =
        |message: CleanText| CleanText::new(&format!("the picture of the last frame: {message}"));
    match reply {
        FetchReply::Expired { message } => FetchReply::Expired {
            message: of_frame(message),
        },
        FetchReply::Trouble { message } => FetchReply::Trouble {
            message: of_frame(message),
        },
        FetchReply::Refused { message } => FetchReply::Refused {
            message: of_frame(message),
        },
        saved @ FetchReply::Saved { .. } => saved,
    }
}

fn refused(message: impl AsRef<str>) -> FetchReply {
    FetchReply::Refused {
        message: CleanText::new(message.as_ref()),
    }
}

/// Size and SHA-256 of an open file.
pub fn hash_of(file: &impl FolderFile) -> std::io::Result<(u64, FileHash)> {
    let mut hash = Sha256::new();
    let mut at = 0;
    loop {
        let block = file.read_at(at, BLOCK)?;
        if block.is_empty() {
            return Ok((at, FileHash(hash.finalize().into())));
        }
        hash.update(&block);
        at += block.len() as u64;
    }
}

#[cfg(test)]
mod tests;
