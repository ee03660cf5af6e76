//! gallery.html: whether it is written, and where the videos in it are.

use std::path::{Component, Path, PathBuf};

use super::desk::Closed;
use super::files::is_gone;
use super::{Manifest, Stage, file_name, remark, state_directory};
use crate::cli::GalleryArgs;
use crate::engine::event::{JobIndex, SavedFile};
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::fs::folder::Directory;
use crate::fs::{self, FileError};
use crate::output::Output;
use crate::report::gallery::{self, Gallery, LocalFile};
use crate::report::notice::NoticeKind;
use crate::report::summary::{self, Invocation};
use crate::state::GALLERY_FILE;

/// Most jobs for which a gallery is written without being asked for.
const MOST_JOBS: usize = 5_000;

/// Writes the gallery of `table` into `directory`, unless it is not wanted; where it is then.
pub(super) fn write(
    manifest: &Manifest,
    table: &JobTable,
    selection: &Selection,
    place: Place<'_>,
    output: &mut Output,
) -> Result<Option<PathBuf>, FileError> {
    let jobs = manifest.plan.jobs().len();
    match place.options.choice().or(manifest.settings.output.gallery) {
        Some(false) => return Ok(None),
        None if jobs > MOST_JOBS => {
            let message = format!(
                "there is no gallery of more than {MOST_JOBS} jobs unless it is asked for: `shotlist report … --gallery`"
            );
            remark::note(NoticeKind::NoGallery, None, &message, output);
            return Ok(None);
        }
        _ => {}
    }
    let redo = redo(manifest, place);
    let gallery = Gallery {
        manifest: &file_name(&manifest.path),
        redo: redo.as_deref(),
        plan: &manifest.plan,
        table,
        selection,
        stage: match place.stage {
            Stage::Real => summary::Stage::Real,
            Stage::Rehearsal => summary::Stage::Rehearsal,
        },
        file: &|job| local_file(table, job, place.directory),
    };
    let path = place.directory.join(GALLERY_FILE);
    fs::replace_file(&path, |out| gallery::write(&gallery, out))?;
    Ok(Some(path))
}

/// The command that makes again what is marked; the jobs of a rehearsal are made anew each time.
fn redo(manifest: &Manifest, place: Place<'_>) -> Option<String> {
    if place.stage == Stage::Rehearsal {
        return None;
    }
    let usual = state_directory(&manifest.path, None, place.stage);
    let is_usual = place.directory.file_name() == usual.file_name();
    let run = Invocation {
        manifest: file_name(&manifest.path),
        out: (!is_usual).then(|| place.directory.display().to_string()),
        ..Invocation::default()
    };
    Some(run.command("run", "--rerun redo --marks marks.json"))
}

/// Writes the gallery once a run has ended, if there was room for its results; where it is then.
pub(super) fn add(
    closed: &mut Closed,
    manifest: &Manifest,
    table: &JobTable,
    selection: &Selection,
    place: Place<'_>,
    output: &mut Output,
) -> Option<PathBuf> {
    if closed.results_error.is_some() {
        return None;
    }
    write(manifest, table, selection, place, output).unwrap_or_else(|error| {
        closed.results_error = Some(error);
        None
    })
}

/// Where a gallery goes, and what was said about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The directory of state and results.
    pub(super) directory: &'a Path,
    /// What the jobs were made with.
    pub(super) stage: Stage,
    /// What the command line says.
    pub(super) options: GalleryArgs,
}

/// The file of the video that a job has, relative to `directory`, if one is recorded and still there.
fn local_file(table: &JobTable, job: JobIndex, directory: &Path) -> Option<LocalFile> {
    let files = table.job(job).video()?.files?;
    let folder = Directory::at(directory);
    let near = |saved: &SavedFile| {
        let path = saved.file.as_str();
        let is_there = !is_gone(&folder, path);
        is_there.then(|| relative(Path::new(path), directory))?
    };
    Some(LocalFile {
        path: near(files.video.as_ref()?)?,
        poster: files.last_frame.as_ref().and_then(near),
    })
}

/// A path as seen from `directory`; files that are elsewhere are recorded with their absolute paths.
fn relative(path: &Path, directory: &Path) -> Option<PathBuf> {
    if path.is_relative() {
        return Some(path.to_owned());
    }
    let from = std::path::absolute(directory).ok()?;
    let shared = path.components().zip(from.components());
    let shared = shared.take_while(|(here, there)| here == there).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let down = path.components().skip(shared);
    (shared > 0).then(|| up.chain(down).collect())
}
