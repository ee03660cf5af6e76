//! The small JSON files beside videos: what each was made of, and by which the next run knows it for its own.
//!
//! Start at [`Sidecar`]. Also the notes beside a part that is still growing (`Notes`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::event::FileHash;

/// Version of both forms.
const SCHEMA: u32 = 1;

/// What is said of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct Sidecar {
    /// The id of its job.
    pub id: String,
    /// Which take it is.
    pub take: u32,
    /// Its task.
    pub task_id: String,
    /// The model that was asked.
    pub model: String,
    /// The prompt that was sent.
    pub prompt: String,
    /// Everything else that was sent.
    pub parameters: Map<String, Value>,
    /// Where it came from, without the query: a signed one is a secret of a kind.
    pub url: String,
    /// The video.
    pub video: SidecarFile,
    /// The picture of its last frame.
    pub last_frame: Option<SidecarFile>,
    /// When it was downloaded.
    pub downloaded_at: Timestamp,
}

/// A file beside the sidecar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidecarFile {
    /// Its name.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash, 64 hex digits.
    pub sha256: String,
}

impl SidecarFile {
    /// The hash as it is compared.
    pub fn hash(&self) -> Option<FileHash> {
        FileHash::parse(&self.sha256)
    }
}

/// The form on disk.
#[derive(Serialize, Deserialize)]
struct Form {
    schema: u32,
    #[serde(rename = "type")]
    kind: String,
    id: String,
    take: u32,
    task_id: String,
    model: String,
    prompt: String,
    parameters: Map<String, Value>,
    url: String,
    #[serde(flatten)]
    video: SidecarFile,
    last_frame: Option<SidecarFile>,
    downloaded_at: Timestamp,
}

/// What the `type` of a sidecar is.
const KIND: &str = "video";

impl Sidecar {
    /// The file that says this.
    pub fn to_json(&self) -> Vec<u8> {
        let form = Form {
            schema: SCHEMA,
            kind: KIND.to_owned(),
            id: self.id.clone(),
            take: self.take,
            task_id: self.task_id.clone(),
            model: self.model.clone(),
            prompt: self.prompt.clone(),
            parameters: self.parameters.clone(),
            url: self.url.clone(),
            video: self.video.clone(),
            last_frame: self.last_frame.clone(),
            downloaded_at: self.downloaded_at,
        };
        let mut json = serde_json::to_vec_pretty(&form).expect("text and numbers fit into JSON");
        json.push(b'\n');
        json
    }

    /// What a file says; `None` if it is none of ours.
    pub fn read(json: &[u8]) -> Option<Self> {
        let form: Form = serde_json::from_slice(json).ok()?;
        (form.schema == SCHEMA && form.kind == KIND).then_some(Self {
            id: form.id,
            take: form.take,
            task_id: form.task_id,
            model: form.model,
            prompt: form.prompt,
            parameters: form.parameters,
            url: form.url,
            video: form.video,
            last_frame: form.last_frame,
            downloaded_at: form.downloaded_at,
        })
    }
}

/// An address without query, fragment, name and password.
pub fn bare_url(address: &str) -> String {
    let Ok(mut url) = url::Url::parse(address) else {
        return String::new();
    };
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username(""); // http(s) addresses can always be without
    let _ = url.set_password(None);
    url.into()
}

/// What is known of a part: of which version of which file it is, and how much of it is there for certain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notes {
    /// Of which task.
    pub(super) task_id: String,
    /// What the server calls this version.
    pub(super) validator: String,
    /// Size of the whole, if it was told.
    pub(super) total: Option<u64>,
    /// Since when the machine has been up: what was written since is there, synced or not.
    pub(super) boot: Option<String>,
    /// Bytes that were synced.
    pub(super) synced: u64,
}

impl Notes {
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text and numbers fit into JSON")
    }

    pub(super) fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }
}
