//! results.csv while a run goes on: the run renders the rows that changed, and a thread of its own makes a file of them
//! and of the rows before, so that nobody waits for a large table.
//!
//! Start at [`ResultsFile`].

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::Clock;
use crate::engine::event::JobIndex;
use crate::engine::table::JobTable;
use crate::fs::{self, FileError, Written};
use crate::plan::Plan;
use crate::results;
use crate::results::patch::{self, Changes, Layout};

/// How far results.csv may be behind while something changes.
const SPACING: Duration = Duration::from_secs(2);

/// Where writing it takes long, as that of a million jobs does, it may be so many times as long behind: the disk has
/// other things to do.
const REST: u32 = 3;

/// How soon to look again whether the thread is done.
const GLANCE: Duration = Duration::from_millis(50);

/// results.csv, written now and then.
pub(super) struct ResultsFile {
    path: PathBuf,
    /// The time that writing takes.
    clock: Clock,
    /// Jobs whose rows it does not show as they are.
    changed: BTreeSet<JobIndex>,
    /// When it must be written; `None` while it says what is true.
    due: Option<Duration>,
    /// How far it may be behind.
    spacing: Duration,
    /// When to look whether the thread is done.
    glance: Option<Duration>,
    last: Last,
    error: Option<FileError>,
}

/// The file as it was written last.
enum Last {
    /// There is none, or somebody else has written to it: every row is rendered.
    Unknown,
    Known(Known),
    /// A thread is making the next one.
    Changing(JoinHandle<Patched>),
}

struct Known {
    file: Written,
    layout: Layout,
}

/// Where a file is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    /// In a thread: the run goes on.
    Aside,
    /// The run is over.
    Here,
}

/// What is to be done to a file.
struct Patch {
    path: PathBuf,
    clock: Clock,
    known: Known,
    changes: Changes,
}

/// What came of it.
struct Patched {
    last: Last,
    /// Jobs whose rows are not in the file, because it could not be written.
    missed: Vec<JobIndex>,
    error: Option<FileError>,
    took: Duration,
}

impl ResultsFile {
    /// A file that is to be written at once.
    pub(super) fn new(path: PathBuf, clock: Clock) -> Self {
        Self {
            path,
            clock,
            changed: BTreeSet::new(),
            due: Some(Duration::ZERO),
            spacing: SPACING,
            glance: None,
            last: Last::Unknown,
            error: None,
        }
    }

    /// When to come back with [`Self::write_if_due`].
    pub(super) fn due(&self) -> Option<Duration> {
        [self.due, self.glance].into_iter().flatten().min()
    }

    /// Something has happened to `job`, which has a row if the plan has it.
    pub(super) fn changed(&mut self, job: JobIndex, table: &JobTable, now: Duration) {
        if table.planned().contains(&job) {
            self.changed.insert(job);
            self.due.get_or_insert(now + self.spacing);
        }
    }

    /// Begins to write it, if that is due.
    pub(super) fn write_if_due(&mut self, now: Duration, plan: &Plan, table: &JobTable) {
        if self.is_busy() {
            self.glance = Some(now + GLANCE);
            return;
        }
        self.settle();
        self.make_up(now);
        if self.due.is_some_and(|due| due <= now) {
            self.write(plan, table, Where::Aside);
            self.make_up(now);
        }
        let is_changing = matches!(self.last, Last::Changing(_));
        self.glance = is_changing.then_some(now + GLANCE);
    }

    /// What could not be written is tried again; a file that somebody else has written to is replaced at once.
    fn make_up(&mut self, now: Duration) {
        if self.error.is_some() {
            self.due.get_or_insert(now + self.spacing);
        } else if matches!(self.last, Last::Unknown) {
            self.due = Some(now);
        }
    }

    /// Whether the thread is at it.
    fn is_busy(&self) -> bool {
        matches!(&self.last, Last::Changing(thread) if !thread.is_finished())
    }

    /// Writes it a last time, unless it says already what is true; why that failed.
    pub(super) fn close(mut self, plan: &Plan, table: &JobTable) -> Option<FileError> {
        self.settle();
        if !self.is_as_written() {
            self.last = Last::Unknown;
            self.write(plan, table, Where::Here);
        } else if self.due.is_some() || self.error.is_some() {
            self.write(plan, table, Where::Here);
        }
        if matches!(self.last, Last::Unknown) && self.error.is_none() {
            self.write(plan, table, Where::Here); // somebody has written to it just then
        }
        self.error
    }

    fn is_as_written(&self) -> bool {
        matches!(&self.last, Last::Known(known) if known.file.is_untouched())
    }

    fn write(&mut self, plan: &Plan, table: &JobTable, place: Where) {
        self.due = None;
        let jobs = std::mem::take(&mut self.changed);
        let Last::Known(known) = std::mem::replace(&mut self.last, Last::Unknown) else {
            return self.write_anew(plan, table);
        };
        let selection = results::last_selection(table);
        let changes = match Changes::render(plan, table, &selection, jobs) {
            Ok(changes) => changes,
            Err(error) => {
                self.error = Some(FileError::io("write", &self.path, error));
                return;
            }
        };
        let patch = Box::new(Patch {
            path: self.path.clone(),
            clock: self.clock.clone(),
            known,
            changes,
        });
        let begun = match place {
            Where::Aside => patch.apply_aside(),
            Where::Here => Err(patch),
        };
        match begun {
            Ok(thread) => self.last = Last::Changing(thread),
            Err(patch) => self.take(patch.apply()),
        }
    }

    fn write_anew(&mut self, plan: &Plan, table: &JobTable) {
        let begun = self.clock.now().mono;
        let selection = results::last_selection(table);
        let mut layout = None;
        let written = fs::update_file(&self.path, |out| {
            layout = Some(Layout::of_written(plan, table, &selection, out)?);
            Ok(())
        });
        self.error = match (written, layout) {
            (Ok(file), Some(layout)) => {
                self.last = Last::Known(Known { file, layout });
                None
            }
            (written, _) => written.err(),
        };
        self.rest(self.clock.now().mono.saturating_sub(begun));
    }

    /// Waits for the thread, if there is one, and takes what came of it.
    pub(super) fn settle(&mut self) {
        match std::mem::replace(&mut self.last, Last::Unknown) {
            Last::Changing(thread) => {
                let patched = thread.join();
                self.take(patched.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            last => self.last = last,
        }
    }

    fn take(&mut self, patched: Patched) {
        self.last = patched.last;
        self.changed.extend(patched.missed);
        self.error = patched.error;
        self.rest(patched.took);
    }

    fn rest(&mut self, took: Duration) {
        self.spacing = SPACING.max(took * REST);
    }
}

impl Patch {
    /// Applies it in a thread; gives it back if there is none to spare.
    fn apply_aside(self: Box<Self>) -> Result<JoinHandle<Patched>, Box<Self>> {
        let (sender, receiver) = mpsc::channel::<Box<Self>>();
        let thread = thread::Builder::new().name("results".to_owned());
        let spawned = thread.spawn(move || receiver.recv().expect("it is sent").apply());
        match spawned {
            Ok(thread) => sender
                .send(self)
                .map_err(|unsent| unsent.0)
                .map(|()| thread),
            Err(_) => Err(self),
        }
    }

    fn apply(self) -> Patched {
        let begun = self.clock.now().mono;
        let written = fs::replace_file(&self.path, |out| self.write(out));
        let Self {
            mut known,
            changes,
            clock,
            ..
        } = self;
        let (last, missed, error) = match written {
            Ok(file) => {
                known.layout.take(&changes);
                known.file = file;
                (Last::Known(known), Vec::new(), None)
            }
            Err(_) if !known.file.is_untouched() => (Last::Unknown, Vec::new(), None),
            Err(error) => (Last::Known(known), changes.jobs().collect(), Some(error)),
        };
        let took = clock.now().mono.saturating_sub(begun);
        Patched {
            last,
            missed,
            error,
            took,
        }
    }

    fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let Known { file, layout } = &self.known;
        patch::write(file.read()?, layout, &self.changes, out)?;
        // What was read meanwhile counts only if nobody has written to it.
        file.is_untouched()
            .then_some(())
            .ok_or_else(|| io::Error::other("another program has written to it"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::sample;

    const LATER: Duration = Duration::from_secs(10);

    /// A file of results, its plan and its table, and what a whole writing makes of them.
    struct Scene {
        plan: Plan,
        table: JobTable,
        path: PathBuf,
        _home: tempfile::TempDir,
    }

    impl Scene {
        fn new() -> (Self, ResultsFile) {
            let home = tempfile::tempdir().expect("a directory");
            let (plan, table) = sample::every_status();
            let path = home.path().join("results.csv");
            let scene = Self {
                plan,
                table,
                path,
                _home: home,
            };
            let mut results = ResultsFile::new(scene.path.clone(), Clock::start());
            results.write_if_due(Duration::ZERO, &scene.plan, &scene.table);
            assert!(scene.is_true());
            (scene, results)
        }

        /// The running job is completed, and the file is told.
        fn complete(&mut self, results: &mut ResultsFile) {
            let record = sample::event(
                99,
                "running",
                sample::completed("https://cdn.example.com/v"),
            );
            self.table.replay(&record).expect("legal");
            let job = sample::job_of(&self.table, &record).expect("known");
            results.changed(job, &self.table, Duration::ZERO);
        }

        fn is_true(&self) -> bool {
            let mut bytes = Vec::new();
            let selection = results::last_selection(&self.table);
            results::write(&self.plan, &self.table, &selection, &mut bytes).expect("memory");
            std::fs::read(&self.path).expect("readable") == bytes
        }

        fn write(&self, results: &mut ResultsFile) {
            results.write_if_due(LATER, &self.plan, &self.table);
            results.settle();
        }
    }

    #[test]
    fn a_row_that_changed_is_put_between_the_others() {
        let (mut scene, mut results) = Scene::new();
        scene.complete(&mut results);
        assert!(!scene.is_true());
        scene.write(&mut results);
        assert!(scene.is_true() && results.due.is_none());
        assert!(results.close(&scene.plan, &scene.table).is_none());
    }

    #[test]
    fn a_file_that_was_removed_or_replaced_is_there_again() {
        for spoil in [
            (|path| std::fs::remove_file(path)) as fn(&Path) -> io::Result<()>,
            |path| std::fs::remove_file(path).and_then(|()| std::fs::write(path, "another's")),
        ] {
            let (mut scene, mut results) = Scene::new();
            spoil(&scene.path).expect("writable");
            scene.complete(&mut results);
            scene.write(&mut results);
            scene.write(&mut results);
            assert!(scene.is_true());
        }
    }

    #[test]
    fn nothing_is_taken_from_a_file_that_another_program_has_written_to() {
        let (mut scene, mut results) = Scene::new();
        let text = std::fs::read_to_string(&scene.path).expect("readable");
        let edited = text.replace("task_running", "task_zunning");
        std::fs::write(&scene.path, edited).expect("writable");
        scene.complete(&mut results);
        scene.write(&mut results);
        assert!(matches!(results.last, Last::Unknown));
        assert!(results.close(&scene.plan, &scene.table).is_none());
        assert!(scene.is_true());
    }

    #[test]
    fn a_file_that_another_program_has_written_to_is_replaced_without_another_change() {
        let (mut scene, mut results) = Scene::new();
        std::fs::write(&scene.path, "another's").expect("writable");
        scene.complete(&mut results);
        for _ in 0..2 {
            scene.write(&mut results);
        }
        assert!(scene.is_true() && results.due().is_none());

        std::fs::write(&scene.path, "another's").expect("writable");
        assert!(results.close(&scene.plan, &scene.table).is_none());
        assert!(scene.is_true(), "also at the end");
    }

    #[test]
    fn a_write_that_failed_is_tried_again_without_another_change() {
        let (mut scene, mut results) = Scene::new();
        let home = scene.path.parent().expect("there").to_owned();
        let away = home.with_extension("away");
        std::fs::rename(&home, &away).expect("renamed");
        scene.complete(&mut results);
        scene.write(&mut results);
        results.write_if_due(LATER, &scene.plan, &scene.table);
        let again = results.due().expect("it is tried again");
        std::fs::rename(&away, &home).expect("renamed");
        results.write_if_due(again, &scene.plan, &scene.table);
        results.settle();
        assert!(scene.is_true());
    }

    #[test]
    fn a_row_that_could_not_be_written_is_in_the_next_file() {
        let (mut scene, mut results) = Scene::new();
        let home = scene.path.parent().expect("there").to_owned();
        let away = home.with_extension("away");
        std::fs::rename(&home, &away).expect("renamed");
        scene.complete(&mut results);
        scene.write(&mut results);
        assert!(results.error.is_some());
        std::fs::rename(&away, &home).expect("renamed");
        assert!(results.close(&scene.plan, &scene.table).is_none());
        assert!(scene.is_true());
    }

    #[test]
    fn a_job_that_the_manifest_no_longer_has_makes_nobody_write() {
        let (scene, mut results) = Scene::new();
        results.changed(scene.table.removed().start, &scene.table, Duration::ZERO);
        assert_eq!(results.due(), None);
    }
}
