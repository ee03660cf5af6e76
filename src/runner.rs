//! The shell around the engine: one loop that makes records durable, then tells people, then starts calls.
//!
//! Start at [`run`]. It decides nothing; everything it touches (state, provider, people, signals, time) is handed in.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, OptionFuture};
use futures::stream::{FuturesUnordered, Stream, StreamExt};

use crate::api::VideoApi;
use crate::clock::Clock;
use crate::engine::event::{
    Call, FetchReply, FileOrder, Input, JobIndex, Notice, Now, SubmitReply,
};
use crate::engine::job::JobState;
use crate::engine::table::Record;
use crate::engine::{Effects, Engine, describe_intents};
use crate::plan::Plan;
use crate::text::CleanText;

/// An intent older than this when its request could leave is not sent: the machine slept, or the disk hung.
const STALE_INTENT: Duration = Duration::from_secs(30);

/// The state as the loop sees it.
pub trait Journal {
    /// Why it could not be written.
    type Error;

    /// Makes `records` durable: all of them, when this returns without an error.
    fn commit(&mut self, records: &[Record]) -> Result<(), CommitError<Self::Error>>;
}

/// Why not all records of a commit are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitError<E> {
    /// No intent is taken any more, neither now nor later. All other records are durable, and later ones will be.
    IntentsRefused(E),
    /// Nobody knows what is on disk, and no later commit changes that.
    Broken(E),
}

/// Whoever is told what happened: results, progress, JSON lines.
pub trait Reporter {
    /// Tells what just became true. Never fails: a closed terminal must not stop a run.
    fn tell(&mut self, news: &News<'_>);

    /// When to be told again even if nothing happens.
    fn wake_at(&self) -> Option<Duration>;
}

/// Whoever fetches files of completed jobs and puts them in their places.
pub trait Files {
    /// Fetches what `order` names; `state` is that of the job.
    fn fetch(
        &self,
        job: JobIndex,
        order: FileOrder,
        state: &JobState,
    ) -> BoxFuture<'static, FetchReply>;

    /// Leaves everything as it is by now: a later run goes on from there.
    fn stop(&self);
}

/// What just became true.
#[derive(Debug)]
pub struct News<'a> {
    /// Durable records.
    pub records: &'a [&'a Record],
    /// Records that could not be saved: people must note the task ids in them.
    pub unsaved: &'a [&'a Record],
    /// Not facts about a job's status.
    pub notices: &'a [Notice],
    /// The run as it is now.
    pub engine: &'a Engine,
    /// The time.
    pub now: Now,
}

/// What a person (or the system) can ask of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Everything that a run needs besides its engine.
pub struct Stage<'a, A, J, S> {
    /// What the jobs ask for.
    pub plan: &'a Plan,
    /// The provider.
    pub api: &'a A,
    /// The files; only a run that downloads needs them.
    pub files: Option<&'a dyn Files>,
    /// The state.
    pub journal: &'a mut J,
    /// People.
    pub reporter: &'a mut dyn Reporter,
    /// The time.
    pub clock: &'a Clock,
    /// Ctrl-C and SIGTERM; must never end.
    pub signals: S,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended<E> {
    /// The run as it is now.
    pub engine: Engine,
    /// The signal that interrupted it.
    pub signal: Option<Signal>,
    /// Why the state could not be written.
    pub state_error: Option<E>,
}

/// Runs `engine` to its end, beginning with the effects of its making.
pub async fn run<A, J, S>(
    mut engine: Engine,
    first: Effects,
    mut stage: Stage<'_, A, J, S>,
) -> Ended<J::Error>
where
    A: VideoApi,
    J: Journal,
    S: Stream<Item = Signal> + Unpin,
{
    let mut open: FuturesUnordered<BoxFuture<'static, Input>> = FuturesUnordered::new();
    let mut signal = None;
    let mut state_error = None;
    let mut inputs = Vec::new();
    let mut effects = first;
    let mut decided = stage.clock.now();
    loop {
        describe_intents(&mut effects.records, stage.plan, engine.table());
        let saved = save(&effects.records, stage.journal, &mut state_error);
        if saved != Saved::All {
            engine.withdraw_intents();
            effects.calls.retain(|call| !call.is_submit());
            inputs.push(Input::StateFailed);
        }
        tell(&effects, saved, &engine, &mut stage);
        if let Some(new) = stage.signals.next().now_or_never().flatten() {
            note(new, &mut signal, &mut inputs); // the disk may have taken long
        }
        let now = stage.clock.now();
        let calls = sendable(effects.calls, decided, now, &mut inputs);
        engine.launched(&calls, now.mono);
        open.extend(calls.into_iter().map(|call| start(call, &engine, &stage)));

        if inputs.is_empty() {
            if engine.is_finished() {
                break;
            }
            wait(&mut open, &mut engine, &mut stage, &mut signal, &mut inputs).await;
        }
        let leaves_now =
            inputs.contains(&Input::Interrupted) && signal.is_some_and(|(_, times)| times > 1);
        decided = stage.clock.now();
        effects = engine.step(inputs.drain(..), decided);
        if engine.drops_downloads() {
            stage.files.inspect(|files| files.stop());
        }
        if leaves_now {
            // Answers that came together with the signal are not thrown away: a task id may be among them.
            let saved = save(&effects.records, stage.journal, &mut state_error);
            tell(&effects, saved, &engine, &mut stage);
            break;
        }
    }
    Ended {
        engine,
        signal: signal.map(|(signal, _)| signal),
        state_error,
    }
}

/// Which records of a step are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saved {
    All,
    AllButIntents,
    Nothing,
}

/// Commits also after an error: a state that takes no more intents still takes the ids of the creates that are open.
fn save<J: Journal>(
    records: &[Record],
    journal: &mut J,
    state_error: &mut Option<J::Error>,
) -> Saved {
    if records.is_empty() {
        return Saved::All;
    }
    let (saved, error) = match journal.commit(records) {
        Ok(()) => return Saved::All,
        Err(CommitError::IntentsRefused(error)) => (Saved::AllButIntents, error),
        Err(CommitError::Broken(error)) => (Saved::Nothing, error),
    };
    *state_error = Some(error);
    saved
}

fn tell<A, J, S>(effects: &Effects, saved: Saved, engine: &Engine, stage: &mut Stage<'_, A, J, S>) {
    let is_durable = |record: &&Record| match saved {
        Saved::All => true,
        Saved::AllButIntents => !record.is_intent(),
        Saved::Nothing => false,
    };
    let (records, unsaved): (Vec<_>, Vec<_>) = effects.records.iter().partition(is_durable);
    let now = stage.clock.now();
    stage.reporter.tell(&News {
        records: &records,
        unsaved: &unsaved,
        notices: &effects.notices,
        engine,
        now,
    });
}

/// The calls that may start now. A create goes back to the engine unsent if its intent is too old by now, or if a
/// signal has come meanwhile.
fn sendable(calls: Vec<Call>, decided: Now, now: Now, inputs: &mut Vec<Input>) -> Vec<Call> {
    let waited = now.mono.saturating_sub(decided.mono);
    let passed = Duration::try_from(now.wall.duration_since(decided.wall)).unwrap_or_default();
    let reason = if inputs.contains(&Input::Interrupted) {
        "interrupted before it was sent"
    } else if waited.max(passed) > STALE_INTENT {
        "too much time passed before it could be sent"
    } else {
        return calls;
    };
    let (submits, polls): (Vec<_>, Vec<_>) = calls.into_iter().partition(Call::is_submit);
    inputs.extend(submits.iter().map(|call| {
        let message = CleanText::new(reason);
        Input::Submitted {
            job: call.job(),
            reply: SubmitReply::NotSent { message },
        }
    }));
    polls
}

fn start<A: VideoApi, J, S>(
    call: Call,
    engine: &Engine,
    stage: &Stage<'_, A, J, S>,
) -> BoxFuture<'static, Input> {
    match call {
        Call::Submit { job } => {
            let request = stage.plan.jobs()[job as usize].request();
            let reply = stage.api.submit(request);
            aside(reply.map(move |reply| Input::Submitted { job, reply }))
        }
        Call::Poll { job, task_id, run } => {
            let reply = stage.api.poll(engine.table().origin(run), &task_id);
            aside(reply.map(move |reply| Input::Polled { job, reply }))
        }
        Call::Download { job, order } => {
            let files = stage.files.expect("a run that downloads is given files");
            let reply = files.fetch(job, *order, engine.table().job(job));
            reply
                .map(move |reply| Input::Fetched { job, reply })
                .boxed()
        }
    }
}

/// Lets a call go on by itself: while the loop waits for a slow disk, requests must not bunch up, and an answer that
/// has come must not count as one that did not come in time.
fn aside(call: impl Future<Output = Input> + Send + 'static) -> BoxFuture<'static, Input> {
    let call = tokio::spawn(call);
    async {
        call.await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
    .boxed()
}

/// The first signal is the cause; each one is an input.
fn note(new: Signal, signal: &mut Option<(Signal, u32)>, inputs: &mut Vec<Input>) {
    let (cause, times) = signal.unwrap_or((new, 0));
    *signal = Some((cause, times + 1));
    inputs.push(Input::Interrupted);
}

/// Waits for a reply, a signal or the time to look again, then takes every other reply that is ready.
async fn wait<A, J, S>(
    open: &mut FuturesUnordered<BoxFuture<'static, Input>>,
    engine: &mut Engine,
    stage: &mut Stage<'_, A, J, S>,
    signal: &mut Option<(Signal, u32)>,
    inputs: &mut Vec<Input>,
) where
    S: Stream<Item = Signal> + Unpin,
{
    let now = stage.clock.now();
    let wake_at = [engine.wake_at(now), stage.reporter.wake_at()]
        .into_iter()
        .flatten()
        .min();
    let alarm =
        OptionFuture::from(wake_at.map(|at| tokio::time::sleep(at.saturating_sub(now.mono))));
    tokio::select! {
        biased;
        Some(new) = stage.signals.next() => {
            note(new, signal, inputs);
        }
        Some(input) = open.next(), if !open.is_empty() => inputs.push(input),
        Some(()) = alarm => {}
    }
    tokio::task::yield_now().await; // calls that are woken at this moment get to answer
    while let Some(Some(input)) = open.next().now_or_never() {
        inputs.push(input);
    }
}

impl Call {
    fn is_submit(&self) -> bool {
        matches!(self, Self::Submit { .. })
    }

    fn job(&self) -> JobIndex {
        match self {
            Self::Submit { job } | Self::Poll { job, .. } | Self::Download { job, .. } => *job,
        }
    }
}

#[cfg(test)]
mod tests;
