//! What is to be written to stdout and stderr, and the thread that writes it: in the order in which it was said.
//!
//! Start at [`start`]. A reader that stalls (a pager that waits, a terminal that was stopped, a connection that hangs)
//! holds up this thread alone. Knows nothing of what is said.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that wait at most: who is so far behind does not read any more, and is told nothing more.
const LIMIT: usize = 64 << 20;

/// Bytes that wait where somebody reads: if it is more, nobody seems to look.
const USUAL: usize = 16 << 10;

/// How long to wait for a stream that is not ready and does not let its writer wait.
const UNREADY: Duration = Duration::from_millis(5);

/// One of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Stdout,
    Stderr,
}

type Writers = [Box<dyn Write + Send>; 2];

/// What was said and is not written yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
    less: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In order; the first is being written.
    pieces: VecDeque<(Which, Vec<u8>)>,
    bytes: usize,
    failed: [Option<io::ErrorKind>; 2],
}

/// Starts a thread that writes to stdout and stderr; gives the writers back if there is none to spare.
pub(super) fn start(writers: Writers) -> Result<Arc<Queue>, Writers> {
    let queue = Arc::new(Queue::default());
    let own = Arc::clone(&queue);
    let (sender, receiver) = std::sync::mpsc::channel::<Writers>();
    let spawned = thread::Builder::new()
        .name("output".to_owned())
        .spawn(move || {
            if let Ok(writers) = receiver.recv() {
                own.write_on(writers);
            }
        });
    if spawned.is_err() {
        return Err(writers);
    }
    sender.send(writers).map_err(|unsent| unsent.0)?;
    Ok(queue)
}

impl Queue {
    /// Adds what is to be written; drops it if nobody reads.
    pub(super) fn push(&self, which: Which, piece: Vec<u8>) {
        let mut waiting = self.lock();
        if waiting.failed[which as usize].is_some() || piece.is_empty() {
            return;
        }
        if waiting.bytes + piece.len() > LIMIT {
            waiting.failed[which as usize] = Some(io::ErrorKind::TimedOut);
            return;
        }
        waiting.bytes += piece.len();
        waiting.pieces.push_back((which, piece));
        self.more.notify_one();
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().pieces.is_empty()
    }

    /// Waits until nothing waits any more.
    pub(super) fn wait_until_empty(&self) {
        let is_busy = |waiting: &mut Waiting| !waiting.pieces.is_empty();
        drop(self.less.wait_while(self.lock(), is_busy));
    }

    /// Whether so much waits that nobody seems to look.
    pub(super) fn is_stalled(&self) -> bool {
        self.lock().bytes > USUAL
    }

    /// Why a stream takes nothing any more.
    pub(super) fn failure(&self, which: Which) -> Option<io::ErrorKind> {
        self.lock().failed[which as usize]
    }

    fn write_on(&self, mut writers: Writers) {
        loop {
            let (which, piece) = self.next();
            let written = write_patiently(&mut writers[which as usize], &piece);
            let mut waiting = self.lock();
            waiting.pieces.pop_front();
            waiting.bytes -= piece.len();
            if let Err(error) = written {
                waiting.failed[which as usize] = Some(error.kind());
                waiting.forget(which);
            }
            self.less.notify_all();
        }
    }

    /// Waits for the next piece, which stays in its place (but for its bytes) until it is written.
    fn next(&self) -> (Which, Vec<u8>) {
        let mut waiting = self.lock();
        loop {
            if let Some((which, piece)) = waiting.pieces.front_mut() {
                return (*which, std::mem::take(piece));
            }
            waiting = self
                .more
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Drops what can no longer be written.
    fn forget(&mut self, which: Which) {
        self.pieces.retain(|(to, _)| *to != which);
        self.bytes = self.pieces.iter().map(|(_, piece)| piece.len()).sum();
    }
}

/// Writes all of `bytes` and flushes, also to a pipe or terminal that somebody has set to refuse rather than to wait.
pub(super) fn write_patiently(writer: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match writer.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) => wait_if_unready(error)?,
        }
    }
    loop {
        match writer.flush() {
            Ok(()) => return Ok(()),
            Err(error) => wait_if_unready(error)?,
        }
    }
}

fn wait_if_unready(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::WouldBlock => thread::sleep(UNREADY),
        io::ErrorKind::Interrupted => {}
        _ => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A writer that waits for leave before each write, and says what it wrote.
    struct Slow {
        leave: Receiver<()>,
        wrote: Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let gone = |_| io::ErrorKind::BrokenPipe;
            self.leave.recv().map_err(gone)?;
            let _ = self.wrote.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Slow, Sender<()>, Receiver<Vec<u8>>) {
        let ((go, leave), (wrote, written)) = (channel(), channel());
        (Slow { leave, wrote }, go, written)
    }

    fn until(mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            thread::yield_now();
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_stalls_and_nothing_is_lost_or_out_of_order() {
        let (stdout, go, written) = slow();
        let Ok(queue) = start([Box::new(stdout), Box::new(io::sink())]) else {
            panic!("a thread to spare")
        };
        for piece in ["a", "b", "c"] {
            queue.push(Which::Stdout, piece.into());
        }
        assert!(!queue.is_empty(), "nobody has read yet");
        (0..3).for_each(|_| go.send(()).expect("a living writer"));
        let read: Vec<_> = written.iter().take(3).flatten().collect();
        assert_eq!(read, b"abc");
        until(|| queue.is_empty());
        assert_eq!(queue.failure(Which::Stdout), None);
    }

    #[test]
    fn a_reader_that_goes_away_ends_its_stream_and_not_the_other() {
        let (stdout, go, _) = slow();
        let (stderr, go_on, written) = slow();
        let Ok(queue) = start([Box::new(stdout), Box::new(stderr)]) else {
            panic!("a thread to spare")
        };
        drop(go);
        queue.push(Which::Stdout, b"lost".to_vec());
        queue.push(Which::Stderr, b"kept".to_vec());
        go_on.send(()).expect("a living writer");
        assert_eq!(written.recv().expect("written"), b"kept");
        assert_eq!(
            queue.failure(Which::Stdout),
            Some(io::ErrorKind::BrokenPipe)
        );
        assert_eq!(queue.failure(Which::Stderr), None);
    }

    #[test]
    fn who_is_too_far_behind_is_told_nothing_more() {
        let (stdout, _go, _) = slow();
        let Ok(queue) = start([Box::new(stdout), Box::new(io::sink())]) else {
            panic!("a thread to spare")
        };
        queue.push(Which::Stdout, vec![0; LIMIT]);
        assert_eq!(queue.failure(Which::Stdout), None);
        queue.push(Which::Stdout, vec![0]);
        assert_eq!(queue.failure(Which::Stdout), Some(io::ErrorKind::TimedOut));
    }

    #[test]
    fn a_stream_that_is_not_ready_is_tried_again_and_says_everything_once() {
        struct Unready(Vec<u8>, bool);
        impl Write for Unready {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                self.0.push(bytes[0]);
                Ok(1)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut stream = Unready(Vec::new(), false);
        write_patiently(&mut stream, b"all").expect("patience helps");
        assert_eq!(stream.0, b"all");
    }
}
