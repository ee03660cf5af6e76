//! The files of a run that downloads: where they go, how they are called, and the threads that fetch them.
//!
//! Start at [`Files`]. What is fetched and when is the engine's business, how it gets to its place that of `download`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use crate::api::wire;
use crate::cli::FileArgs;
use crate::clock::Clock;
use crate::download::traffic::Traffic;
use crate::download::{self, About, Claims, Errand, MOST_BYTES, StoredFolder};
use crate::engine::Engine;
use crate::engine::downloads::{FileTerms, Gone, Renewal};
use crate::engine::event::{FetchReply, FileOrder, JobIndex, SentRequest};
use crate::engine::job::JobState;
use crate::engine::table::JobTable;
use crate::error::{Error, ExitCode};
use crate::fetch::{FetchSettings, FetchTimers, Fetcher, Private, Proxies};
use crate::fs;
use crate::fs::folder::{Directory, Folder, Found};
use crate::naming::{FileTemplate, Made};
use crate::plan::{Job, Plan};
use crate::report::outcome::RunFact;
use crate::report::summary::DownloadTally;
use crate::runner;
use crate::settings::DownloadSettings;
use crate::state::{Store, VIDEOS_DIRECTORY};
use crate::text::CleanText;

/// Timers of one download. The last bounds a server that trickles just fast enough.
const TIMERS: FetchTimers = FetchTimers {
    connect: Duration::from_secs(10),
    idle: Duration::from_secs(30),
    total: Duration::from_secs(6 * 3600),
};

/// Longest text of a parameter that a sidecar repeats, in bytes: pictures may be written into a manifest whole.
const LONGEST_PARAMETER: usize = 4096;

/// Fetches files, each on a thread of its own: the disk may be slow, and the run must not wait for it.
pub(super) struct Files<'a> {
    plan: &'a Plan,
    template: FileTemplate,
    folder: Arc<Directory>,
    stored: StoredFolder,
    fetcher: Fetcher,
    claims: Claims,
    clock: Clock,
    stop: watch::Sender<bool>,
    runtime: Handle,
    traffic: Traffic,
}

impl<'a> Files<'a> {
    /// Makes the directory and looks where `base_url` is; asks for nothing.
    pub(super) fn new(
        settings: &DownloadSettings,
        plan: &'a Plan,
        store: &Store,
        base_url: Option<&str>,
        runtime: &Runtime,
        clock: &Clock,
    ) -> Result<Self, Error> {
        let results = store.results_path();
        let beside = results.parent().unwrap_or(Path::new(""));
        let directory = directory(settings, beside);
        let folder = Directory::make(&directory)?;
        let stored = fs::called_from(beside, &directory)?;
        let Some(stored) = stored.to_str().map(StoredFolder::new) else {
            let message = format!(
                "the directory `{}` has a name that is not UTF-8",
                directory.display()
            );
            return Err(Error::new(ExitCode::Usage, message)
                .help("name another one with `--download DIR`: the state keeps it as text"));
        };
        Ok(Self {
            plan,
            template: settings.file_name.clone(),
            folder: Arc::new(folder),
            stored,
            fetcher: fetcher(settings, base_url, runtime)?,
            claims: Claims::default(),
            clock: clock.clone(),
            stop: watch::Sender::new(false),
            runtime: runtime.handle().clone(),
            traffic: Traffic::default(),
        })
    }

    /// How far the downloads are.
    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    fn errand(&self, job: &Job, order: FileOrder, state: &JobState) -> Result<Errand, FetchReply> {
        let made = Made {
            take: order.take,
            task_id: order.task_id.as_str(),
        };
        let name = self.template.name(self.plan, job, made);
        let name = name.ok_or_else(|| FetchReply::Refused {
            message: CleanText::new("`file_name` leaves nothing to call it"),
        })?;
        let earlier = state.earlier.as_deref();
        let earlier = earlier.filter(|earlier| earlier.take == order.take);
        let sent = earlier.map_or(&state.sent, |earlier| &earlier.sent);
        Ok(Errand {
            order,
            name,
            stored: self.stored.clone(),
            about: about(job, sent.as_deref()),
            most_bytes: MOST_BYTES,
            traffic: self.traffic.clone(),
        })
    }
}

impl runner::Files for Files<'_> {
    fn fetch(
        &self,
        job: JobIndex,
        order: FileOrder,
        state: &JobState,
    ) -> BoxFuture<'static, FetchReply> {
        let job = &self.plan.jobs()[job as usize];
        let errand = match self.errand(job, order, state) {
            Ok(errand) => errand,
            Err(reply) => return std::future::ready(reply).boxed(),
        };
        let (fetcher, folder) = (self.fetcher.clone(), Arc::clone(&self.folder));
        let (claims, clock) = (self.claims.clone(), self.clock.clone());
        let (mut stop, runtime) = (self.stop.subscribe(), self.runtime.clone());
        let thread = self.runtime.spawn_blocking(move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => None,
                    reply = download::fetch(&errand, &fetcher, &*folder, &claims, &clock) => Some(reply),
                }
            })
        });
        async {
            match thread.await {
                Ok(Some(reply)) => reply,
                Ok(None) => std::future::pending().await,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        .boxed()
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Where files go.
pub(super) fn directory(settings: &DownloadSettings, beside: &Path) -> PathBuf {
    match &settings.directory {
        Some(directory) => directory.clone(),
        None => beside.join(VIDEOS_DIRECTORY),
    }
}

/// A client that goes where the user may be taken to mean: to private addresses only if the API is at one of the kind.
fn fetcher(
    settings: &DownloadSettings,
    base_url: Option<&str>,
    runtime: &Runtime,
) -> Result<Fetcher, Error> {
    let fetcher = |private| {
        Fetcher::new(&FetchSettings {
            private,
            proxies: Proxies::System,
            timers: TIMERS,
        })
        .map_err(|source| {
            Error::new(ExitCode::Usage, "failed to set up the downloads").because(source)
        })
    };
    if settings.allow_private {
        return fetcher(Private::Allow);
    }
    let careful = fetcher(Private::Refuse)?;
    let kind = base_url.and_then(|url| runtime.block_on(careful.private_kind_of(url)));
    match kind {
        None => Ok(careful),
        Some(kind) => fetcher(Private::Like(kind)),
    }
}

/// Whether the provider can be asked for a fresh address.
pub(super) fn renewal(key: Option<&SecretString>) -> Renewal {
    match key {
        Some(_) => Renewal::Possible,
        None => Renewal::NoKey,
    }
}

/// How files are fetched, for the engine; recorded files are looked for from `beside`, the directory of the results.
pub(super) fn terms(
    settings: &DownloadSettings,
    renewal: Renewal,
    table: &JobTable,
    beside: &Path,
) -> FileTerms {
    FileTerms {
        concurrency: settings.concurrency,
        renewal,
        gone: gone(table, beside),
    }
}

/// Recorded files that are not there any more. One that has changed is somebody's work: it stays as it is.
pub(super) fn gone(table: &JobTable, beside: &Path) -> BTreeMap<JobIndex, Gone> {
    let folder = Directory::at(beside);
    let gone = |job: JobIndex| {
        let files = table.job(job).video()?.files?;
        let gone = Gone::of(files, |saved| is_gone(&folder, saved.file.as_str()));
        gone.any().then_some((job, gone))
    };
    table.planned().filter_map(gone).collect()
}

/// Whether there is nothing at a path that the state names; it may be whole or begin at `folder`. What is no file, such
/// as a link to one, is there: its owner has put it there.
pub(super) fn is_gone(folder: &Directory, path: &str) -> bool {
    matches!(folder.look(path), Ok(Found::Nothing))
}

/// How files are fetched, word by word, for the command that goes on.
pub(super) fn options(files: &FileArgs) -> impl Iterator<Item = String> {
    let private = files.allow_private.then(|| "--allow-private".to_owned());
    let concurrency = files
        .download_concurrency
        .map(|count| ["--download-concurrency".to_owned(), count.to_string()]);
    private.into_iter().chain(concurrency.into_iter().flatten())
}

/// How the downloads of a run came out, if it was to download.
pub(super) fn tally(engine: &Engine) -> Option<DownloadTally> {
    let counts = engine.downloads()?;
    let missing = engine.missing_files().count();
    Some(DownloadTally {
        done: counts.done,
        missing: u32::try_from(missing).unwrap_or(u32::MAX),
        files: counts.files,
        bytes: counts.bytes,
    })
}

/// What that means for the exit code.
pub(super) fn fact(tally: Option<DownloadTally>) -> Option<RunFact> {
    tally
        .filter(|tally| tally.missing > 0)
        .map(|_| RunFact::FilesMissing)
}

/// What a sidecar says of a job: what was sent, which is no longer known whole where the manifest has changed since.
fn about(job: &Job, sent: Option<&SentRequest>) -> About {
    let id = job.id().to_string();
    if let Some(sent) = sent {
        let mut parameters = Map::new();
        parameters.extend(
            sent.duration
                .map(|seconds| ("duration".to_owned(), seconds.into())),
        );
        let ratio = sent.aspect_ratio.map(|ratio| ratio.as_str().into());
        parameters.extend(ratio.map(|ratio| ("aspect_ratio".to_owned(), ratio)));
        return About {
            id,
            model: sent.model.to_string(),
            prompt: sent.prompt.to_string(),
            parameters,
        };
    }
    let body = serde_json::from_slice(&wire::create_body(job.request()));
    let mut parameters: Map<String, Value> = body.unwrap_or_default();
    parameters.shift_remove("model");
    parameters.shift_remove("prompt");
    parameters.values_mut().for_each(disclose);
    About {
        id,
        model: job.request().model().to_string(),
        prompt: job.request().prompt().to_owned(),
        parameters,
    }
}

/// Cuts long texts, so that what is left says what kind of thing they were, and takes from addresses what may be a secret.
fn disclose(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("http://") || text.starts_with("https://") => {
            *text = download::sidecar::bare_url(text);
        }
        Value::String(text) if text.len() > LONGEST_PARAMETER => {
            let beginning: String = text.chars().take(60).collect();
            *text = format!("{beginning}… ({} bytes)", text.len());
        }
        Value::Array(values) => values.iter_mut().for_each(disclose),
        Value::Object(map) => map.values_mut().for_each(disclose),
        _ => {}
    }
}
