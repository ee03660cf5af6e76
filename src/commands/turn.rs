//! `--wait-lock`: waits until the run that holds a state has ended, but not for ever.
//!
//! Start at [`Turn::wait`]. Nothing is sent and nothing of the state is read before the lock is held; whoever has waited
//! reads the manifest again, as it may have been edited meanwhile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};

use super::logbook::Logbook;
use super::{Stage, Stop, file_name, remark, signals, state_directory};
use crate::clock::{self, Clock};
use crate::error::Error;
use crate::output::Output;
use crate::report::logbook::{Entry, Level};
use crate::report::notice::NoticeKind;
use crate::runner::Signal;
use crate::state::lock::{self, Lock};
use crate::state::{Claim, STATE_FILE, StateError, Store};
use crate::units::show_duration;

/// How often it is looked whether the lock is free.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Whose turn it is with a state: the default holds no lock yet.
#[derive(Default)]
pub(super) struct Turn {
    /// The lock, if it was taken already.
    pub(super) lock: Option<Lock>,
    /// How long it was waited for, if it was.
    pub(super) waited: Option<Duration>,
    /// Ctrl-C and SIGTERM since the waiting began: from then on they no longer end the program by themselves.
    pub(super) signals: Option<BoxStream<'static, Signal>>,
}

/// The state that is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) manifest: &'a Path,
    pub(super) out: Option<&'a Path>,
    pub(super) stage: Stage,
}

impl Turn {
    /// Takes the lock; waits for it at most as long as `patience`. Without patience nothing is done: the lock is taken
    /// when the state is opened. The log is told too.
    pub(super) fn wait(
        wanted: Wanted<'_>,
        patience: Option<Duration>,
        log: &mut Logbook,
        output: &mut Output,
    ) -> Result<Self, Stop> {
        let Some(patience) = patience else {
            return Ok(Self::default());
        };
        signals::survive_file_size_limit()?;
        let held = match wanted.take_lock() {
            Err(held @ StateError::Held { .. }) => held,
            taken => {
                return Ok(Self {
                    lock: Some(taken?),
                    ..Self::default()
                });
            }
        };
        let clock = Clock::start();
        let runtime = signals::runtime()?;
        let mut signals = signals::listen_in(&runtime, None)?;
        let message = format!(
            "waiting up to {} for its end: {held}",
            show_duration(patience)
        );
        tell(message, log, output);
        let lock = runtime.block_on(wanted.until_free(held, patience, &clock, &mut signals))?;
        let held_for = clock.now().mono;
        let time = show_duration(Duration::from_secs(held_for.as_secs()));
        let message = format!("it has ended after {time}; the manifest is read again");
        tell(message, log, output);
        Ok(Self {
            lock: Some(lock),
            waited: Some(held_for),
            signals: Some(signals),
        })
    }
}

impl Wanted<'_> {
    fn directory(self) -> PathBuf {
        state_directory(self.manifest, self.out, self.stage)
    }

    fn take_lock(self) -> Result<Lock, StateError> {
        let claim = Claim {
            manifest_name: &file_name(self.manifest),
            rehearsal: self.stage == Stage::Rehearsal,
            named_by_user: self.out.is_some(),
            now: clock::wall(),
        };
        Store::take_lock(&self.directory(), claim)
    }

    /// Looks again and again; the last refusal if it is never free.
    async fn until_free(
        self,
        mut held: StateError,
        patience: Duration,
        clock: &Clock,
        signals: &mut BoxStream<'static, Signal>,
    ) -> Result<Lock, Stop> {
        let (directory, state) = (self.directory(), self.directory().join(STATE_FILE));
        loop {
            let left = patience.saturating_sub(clock.now().mono);
            if left.is_zero() {
                return Err(held.into());
            }
            tokio::select! {
                biased;
                Some(signal) = signals.next() => return Err(interrupted(signal).into()),
                () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
            }
            // Looked at first: taking a lock leaves traces on the disk.
            match lock::refuse_held(&directory, &state).and_then(|()| self.take_lock()) {
                Err(still @ StateError::Held { .. }) => held = still,
                taken => return Ok(taken?),
            }
        }
    }
}

fn tell(message: String, log: &mut Logbook, output: &mut Output) {
    remark::note(NoticeKind::Waiting, None, &message, output);
    log.note(
        [Entry::of_run(
            Level::Info,
            NoticeKind::Waiting.as_str(),
            message,
        )],
        output,
    );
}

fn interrupted(signal: Signal) -> Error {
    let code = signals::exit_code(signal);
    Error::new(code, "told to end while it waited for another run")
        .help("nothing was sent and nothing was changed; run again")
}
