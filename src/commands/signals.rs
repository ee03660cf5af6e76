//! The runtime of a command that talks to the network, and the signals that end it.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::stream::{BoxStream, StreamExt};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal as Source, SignalKind, signal};

use crate::error::{Error, ExitCode};
use crate::output::Output;
use crate::runner::Signal;

/// SIGXFSZ, which would kill a process whose file grows over a limit; caught, the write fails instead.
const FILE_TOO_LARGE: i32 = 25;

/// Files that a command opens besides those it is started with: state, lock, results, signals, and a few connections.
const FILES_NEEDED: usize = 20;

/// How long a run that was told to end waits for somebody to read its last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Threads that a command starts besides its first one.
const THREADS_NEEDED: usize = 4;

/// A runtime whose workers carry connections, while the calling thread runs the loop and may wait for the disk.
pub(super) fn runtime() -> Result<Runtime, Error> {
    ensure_threads()?;
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| {
            Error::new(ExitCode::State, "failed to start the network threads").because(source)
        })
}

/// Refuses to start where so few files may be open at once that what follows would break off in the middle.
pub(super) fn ensure_files() -> Result<(), Error> {
    let two_each = (0..FILES_NEEDED / 2).map(|_| std::io::pipe());
    two_each
        .collect::<Result<Vec<_>, _>>()
        .map(drop)
        .map_err(|source| {
            Error::new(
                ExitCode::State,
                "failed to open as many files as are needed",
            )
            .because(source)
            .help("allow more with `ulimit -n 256`, then try again; nothing was sent")
        })
}

/// Refuses to start where no threads are to be had: the runtime would panic.
fn ensure_threads() -> Result<(), Error> {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock();
    let threads: Result<Vec<_>, _> = (0..THREADS_NEEDED)
        .map(|_| {
            let gate = Arc::clone(&gate);
            thread::Builder::new().spawn(move || drop(gate.lock()))
        })
        .collect();
    drop(closed); // all are there at once, and end now
    let threads = threads.map_err(|source| {
        Error::new(ExitCode::State, "failed to start as many threads as are needed")
            .because(source)
            .help("allow more processes (`ulimit -u`) or memory (`ulimit -v`), then try again; nothing was sent")
    })?;
    for thread in threads {
        let _ = thread.join();
    }
    Ok(())
}

/// From now on a write over the file size limit fails, instead of ending the program by a signal.
pub(super) fn survive_file_size_limit() -> Result<(), Error> {
    ensure_files()?;
    let register = || {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let _context = runtime.enter();
        signal(SignalKind::from_raw(FILE_TOO_LARGE)).map(drop) // what was registered stays so to the end
    };
    register().map_err(|source| {
        Error::new(ExitCode::State, "failed to listen for signals").because(source)
    })
}

/// The same in `runtime`; `since` earlier, if somebody has listened already.
pub(super) fn listen_in(
    runtime: &Runtime,
    since: Option<BoxStream<'static, Signal>>,
) -> Result<BoxStream<'static, Signal>, Error> {
    if let Some(since) = since {
        return Ok(since); // it is woken by whichever runtime there is
    }
    let listening = runtime.block_on(async { listen() });
    listening.map_err(|source| {
        Error::new(ExitCode::State, "failed to listen for signals").because(source)
    })
}

/// Ctrl-C and SIGTERM from now on, in the order they come; never ends. A terminal that is closed asks like SIGTERM,
/// unless the program was told not to care (`nohup`).
pub(super) fn listen() -> std::io::Result<BoxStream<'static, Signal>> {
    let each = |kind, meaning| {
        let source: Source = signal(kind)?;
        Ok::<_, std::io::Error>(futures::stream::unfold(
            source,
            move |mut source| async move { source.recv().await.map(|()| (meaning, source)) },
        ))
    };
    let interrupt = each(SignalKind::interrupt(), Signal::Interrupt)?;
    let terminate = each(SignalKind::terminate(), Signal::Terminate)?;
    let mut signals = futures::stream::select(interrupt, terminate).boxed();
    if !is_hangup_ignored() {
        let hang_up = each(SignalKind::hangup(), Signal::Terminate)?;
        signals = futures::stream::select(signals, hang_up).boxed();
    }
    Ok(signals)
}

/// Whether SIGHUP is ignored. Where that cannot be told it is left as it is: ignored under `nohup`, else the end.
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").map_or(true, |status| ignores_hangup(&status))
}

fn ignores_hangup(status: &str) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 == 1) // SIGHUP is the first signal
}

/// The signal that has come and that nobody has looked at.
pub(super) fn pending(signals: &mut BoxStream<'static, Signal>) -> Option<Signal> {
    signals.next().now_or_never().flatten()
}

/// Waits until everything that was said is written. A reader that stalls can keep it waiting, but nobody who sends a
/// signal; after `interrupted` a short while is all it gets. The signal that ended the waiting.
pub(super) async fn deliver(
    output: &Output,
    interrupted: bool,
    signals: &mut BoxStream<'static, Signal>,
) -> Option<Signal> {
    let patience = if interrupted {
        LAST_WORDS
    } else {
        Duration::MAX
    };
    let delivered = async {
        while !output.is_delivered() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        biased;
        () = delivered => None,
        signal = signals.next() => signal,
        () = tokio::time::sleep(patience) => None,
    }
}

/// How a program ends that `signal` has ended.
pub(super) fn exit_code(signal: Signal) -> ExitCode {
    match signal {
        Signal::Interrupt => ExitCode::Interrupted,
        Signal::Terminate => ExitCode::Terminated,
    }
}

/// Waits for the first signal.
pub(super) async fn first(mut signals: BoxStream<'static, Signal>) {
    signals.next().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_is_ignored_under_nohup_and_where_it_cannot_be_told() {
        assert!(ignores_hangup("Name:\ta\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("SigIgn:\t0000000000001000\n"));
        assert!(ignores_hangup("SigBlk:\t0000000000000000\n"));
    }
}
