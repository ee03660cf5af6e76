//! What outlives a run: the time, the disk, the provider's ledger, the manifest, and what is known of them.
//!
//! Start at [`World::instant`]: everything that touches disk, provider or people passes through it, and there mischief
//! strikes: the power goes, a signal comes, the clock jumps. Once the power is off, disk and ledger stand still, and
//! the run is dropped at its next await, so a crash is what it is for a real program: nothing after it has any effect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use shotlist::engine::event::Now;
use shotlist::engine::table::Record;
use shotlist::marks::Mark;
use shotlist::plan::Plan;
use shotlist::runner::Signal;
use tokio::sync::Notify;

use crate::chance::Chance;
use crate::disk::{Disk, Loss};
use crate::figures::{Figures, Seen};
use crate::folder::Files;
use crate::notes::Notes;
use crate::person::Row;
use crate::provider::Created;
use crate::register::{JobNumber, Register};
use crate::time::Time;
use crate::weather::{DiskFaults, Mischief, Terms, Weather};

/// A broken promise, in words.
pub(crate) type Broken = String;

/// The world of one seed; calls of the provider and the run's clock hold it too.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0
            .lock()
            .expect("no thread panics while it holds the world")
    }
}

/// Which promises are checked; each kind includes those above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Audit {
    /// No video is paid for twice.
    Payments,
    /// What else a user would come to feel: ids lost, a state that is refused, other results.
    Consequences,
    /// What must hold of a request when it leaves.
    Requests,
    /// All, also what must be durable before it is told.
    Everything,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) chance: Chance,
    pub(crate) time: Time,
    pub(crate) disk: Disk,
    pub(crate) files: Files,
    /// What becomes of downloads.
    pub(crate) file_chance: Chance,
    pub(crate) register: Register,
    pub(crate) manifest: Vec<Row>,
    /// The plan of the manifest as it was read last.
    pub(crate) plan: Option<(Vec<Row>, Option<u64>, Arc<Plan>)>,
    /// What a second of video costs now, if the manifest says so.
    pub(crate) prices: Option<u64>,
    pub(crate) ledger: Vec<Created>,
    /// Create requests that left, by job, with the revision of the last.
    pub(crate) posts: BTreeMap<JobNumber, (usize, u32)>,
    pub(crate) last_post: Option<Duration>,
    pub(crate) last_poll: Option<Duration>,
    /// Remakes that the person asked for.
    pub(crate) remakes: BTreeMap<JobNumber, usize>,
    /// What the person has marked in the gallery, ever.
    pub(crate) marks: Vec<Mark>,
    /// Marks that a run was asked to heed: each is good for one remake.
    pub(crate) heeded: Vec<Mark>,
    /// Records that were acknowledged, or read by an opened run.
    pub(crate) acknowledged: Vec<Record>,
    pub(crate) session: Session,
    pub(crate) audit: Audit,
    /// Whether results.csv tells of the present take alone.
    pub(crate) forgets_takes: bool,
    pub(crate) figures: Figures,
    pub(crate) broken: Option<Broken>,
    trace: Option<Vec<String>>,
}

/// What dies with a process.
pub(crate) struct Session {
    pub(crate) power: Power,
    power_went: Arc<Notify>,
    pub(crate) signals: Option<UnboundedSender<Signal>>,
    instants: u32,
    mischief: Vec<(u32, Mischief)>,
    pub(crate) faults: DiskFaults,
    pub(crate) weather: Weather,
    pub(crate) terms: Terms,
    pub(crate) notes: Notes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    /// `kill -9`: what was written is there for the next run of this boot.
    Killed,
    /// What was not synced may be gone.
    Cut,
}

/// Most instants of one run: more means that it turns on the spot.
const MOST_INSTANTS: u32 = 30_000;

impl World {
    pub(crate) fn new(seed: u64, manifest: Vec<Row>) -> Self {
        Self {
            seed,
            chance: Chance::new(seed, 0),
            time: Time::default(),
            disk: Disk::default(),
            files: Files::default(),
            file_chance: Chance::new(seed, u64::MAX),
            register: Register::default(),
            manifest,
            plan: None,
            prices: None,
            ledger: Vec::new(),
            posts: BTreeMap::new(),
            last_post: None,
            last_poll: None,
            remakes: BTreeMap::new(),
            marks: Vec::new(),
            heeded: Vec::new(),
            acknowledged: Vec::new(),
            session: Session::new(
                Terms::calm(0),
                Weather::calm(),
                DiskFaults::default(),
                Vec::new(),
            ),
            audit: Audit::Everything,
            forgets_takes: false,
            figures: Figures::default(),
            broken: None,
            trace: None,
        }
    }

    pub(crate) fn keep_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    pub(crate) fn trace(&mut self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// Adds a line to the trace, if one is kept.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = self.time.truth().as_secs_f64();
            trace.push(format!("{at:>10.3} s  {}", line()));
        }
    }

    pub(crate) fn saw(&mut self, seen: Seen) {
        self.figures.saw(seen);
    }

    /// Notes a broken promise; the first one counts, and ends the run.
    pub(crate) fn ensure(&mut self, kept: bool, broken: impl FnOnce() -> Broken) {
        if !kept && self.broken.is_none() {
            let broken = broken();
            self.note(|| format!("BROKEN: {broken}"));
            self.broken = Some(broken);
            self.switch_off(Power::Killed);
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.session.power == Power::On
    }

    /// Something is about to happen, or has just happened; whether the power is still on.
    pub(crate) fn instant(&mut self, what: &'static str) -> bool {
        if !self.is_on() {
            return false;
        }
        self.session.instants += 1;
        self.ensure(self.session.instants < MOST_INSTANTS, || {
            "the run does not end".to_owned()
        });
        while let Some((at, mischief)) = self.session.mischief.last().copied()
            && at <= self.session.instants
        {
            self.session.mischief.pop();
            self.note(|| format!("{mischief:?} at: {what}"));
            self.strike(mischief, what);
        }
        self.is_on()
    }

    fn strike(&mut self, mischief: Mischief, what: &'static str) {
        match mischief {
            Mischief::Kill => self.crash(Power::Killed, what),
            Mischief::Cut => self.crash(Power::Cut, what),
            Mischief::Signal(signal) => self.signal(signal),
            Mischief::Jump(by) => {
                let seen = if by.is_negative() {
                    Seen::WallBack
                } else {
                    Seen::WallForward
                };
                self.saw(seen);
                self.time.jumped += by;
                self.session.notes.jumped = true;
            }
            Mischief::Sleep(long) => {
                self.saw(Seen::Slept);
                self.time.slept += long;
            }
            Mischief::Move => {
                self.saw(Seen::Moved);
                self.disk.is_moved = true;
            }
        }
    }

    fn crash(&mut self, power: Power, what: &'static str) {
        match what {
            "a create leaves" => self.saw(Seen::CrashBeforeLaunch),
            "a create left" => self.saw(Seen::CrashAfterLaunch),
            _ => {}
        }
        self.switch_off(power);
    }

    fn switch_off(&mut self, power: Power) {
        self.session.power = power;
        self.session.power_went.notify_one();
    }

    fn signal(&mut self, signal: Signal) {
        let Some(signals) = &self.session.signals else {
            return;
        };
        let _ = signals.unbounded_send(signal);
        let notes = &mut self.session.notes;
        let first = notes.signals.is_empty();
        if first {
            notes.steps_before_signal = notes.steps;
        }
        notes.signals.push(self.time.truth());
        self.saw(match signal {
            _ if !first => Seen::SecondSignal,
            Signal::Interrupt => Seen::Interrupt,
            Signal::Terminate => Seen::Terminate,
        });
    }

    /// A process starts; tells when the power goes.
    pub(crate) fn begin(&mut self, session: Session) -> Arc<Notify> {
        self.session = session;
        self.time.begin();
        Arc::clone(&self.session.power_went)
    }

    /// The process has ended, one way or another.
    pub(crate) fn end(&mut self) {
        self.time.end();
        self.disk.is_moved = false;
        match self.session.power {
            Power::On => {}
            Power::Killed => self.saw(Seen::Kill),
            Power::Cut => {
                self.saw(Seen::PowerCut);
                let loss = self.disk.cut(&mut self.chance);
                self.cut_files();
                self.register = Register::default();
                self.note(|| format!("the power cut took: {loss:?}"));
                match loss {
                    Loss::Nothing => {}
                    Loss::Tail => self.saw(Seen::LostTail),
                    Loss::Blocks => self.saw(Seen::LostBlocks),
                }
            }
        }
    }

    pub(crate) fn now(&self, mono: Duration) -> Now {
        Now {
            mono: mono + self.time.stalled,
            wall: self.time.wall(),
        }
    }
}

impl Session {
    pub(crate) fn new(
        terms: Terms,
        weather: Weather,
        faults: DiskFaults,
        mut mischief: Vec<(u32, Mischief)>,
    ) -> Self {
        mischief.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Self {
            power: Power::On,
            power_went: Arc::new(Notify::new()),
            signals: None,
            instants: 0,
            mischief,
            faults,
            weather,
            terms,
            notes: Notes::default(),
        }
    }
}
