//! The runtime of a command that talks to the network, and the signals that end it.

use futures::stream::{BoxStream, StreamExt};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal as Source, SignalKind, signal};

use crate::error::{Error, ExitCode};
use crate::runner::Signal;

/// SIGXFSZ, which would kill a process whose file grows over a limit; caught, the write fails instead.
const FILE_TOO_LARGE: i32 = 25;

/// A runtime whose workers carry connections, while the calling thread runs the loop and may wait for the disk.
pub(super) fn runtime() -> Result<Runtime, Error> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| {
            Error::new(ExitCode::State, "failed to start the network threads").because(source)
        })
}

/// From now on a write over the file size limit fails, instead of ending the program by a signal.
pub(super) fn survive_file_size_limit() -> Result<(), Error> {
    let register = || {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let _context = runtime.enter();
        signal(SignalKind::from_raw(FILE_TOO_LARGE)).map(drop) // what was registered stays so to the end
    };
    register().map_err(|source| {
        Error::new(ExitCode::State, "failed to listen for signals").because(source)
    })
}

/// Ctrl-C and SIGTERM from now on, in the order they come; never ends.
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
    Ok(futures::stream::select(interrupt, terminate).boxed())
}

/// Waits for the first signal.
pub(super) async fn first(mut signals: BoxStream<'static, Signal>) {
    signals.next().await;
}
