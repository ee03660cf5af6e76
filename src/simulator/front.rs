//! The sockets of the simulated provider, which can be told to break off: a reset that really sends RST, an answer
//! that stops in its middle, a connection that closes without a word.
//!
//! Start at [`Front`], the listener. Which connection breaks, and how, is decided elsewhere.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::ledger::Delivery;

/// Asked once, when the first byte of a connection shows that it brings a POST: is it to be reset unread?
pub(super) type Doorman = Arc<dyn Fn() -> bool + Send + Sync>;

/// The listener.
pub(super) struct Front {
    listener: TcpListener,
    doorman: Doorman,
}

/// The handle by which a connection is told how its next answer leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Arc<AtomicU8>);

/// A connection.
pub(super) struct Wire {
    stream: TcpStream,
    line: Line,
    doorman: Option<Doorman>,
    /// Bytes of a cut answer that are still to leave.
    remaining: Option<usize>,
}

impl Front {
    pub(super) fn new(listener: TcpListener, doorman: Doorman) -> Self {
        Self { listener, doorman }
    }
}

impl axum::serve::Listener for Front {
    type Io = Wire;
    type Addr = Line;

    async fn accept(&mut self) -> (Wire, Line) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return self.connect(stream),
                // Out of file descriptors, or the client is gone already: neither ends the server.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<Line> {
        Ok(Line::default())
    }
}

impl Front {
    fn connect(&self, stream: TcpStream) -> (Wire, Line) {
        let line = Line::default();
        // Without it an answer is merely late.
        let _ = stream.set_nodelay(true);
        let wire = Wire {
            stream,
            line: line.clone(),
            doorman: Some(Arc::clone(&self.doorman)),
            remaining: None,
        };
        (wire, line)
    }
}

impl Line {
    const WHOLE: u8 = 0;
    const CUT: u8 = 1;
    const CLOSED: u8 = 2;
    const RESET: u8 = 3;

    /// Says how the next answer leaves.
    pub(super) fn order(&self, delivery: Delivery) {
        let order = match delivery {
            Delivery::Whole => Self::WHOLE,
            Delivery::Cut => Self::CUT,
            Delivery::Closed | Delivery::Incomplete => Self::CLOSED,
            Delivery::Reset | Delivery::ResetUnread => Self::RESET,
        };
        self.0.store(order, Ordering::Relaxed);
    }
}

impl Wire {
    /// Fails the connection in such a way that dropping it sends RST.
    fn reset(&self) -> io::Error {
        // If it cannot be set the connection is closed instead, and the fault is a milder one.
        let _ = self.stream.set_zero_linger();
        io::ErrorKind::ConnectionReset.into()
    }

    /// Looks at the first byte without taking it, and asks the doorman about a POST.
    fn pass_door(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.doorman.is_some() {
            let mut first = [0; 1];
            let seen = ready!(
                self.stream
                    .poll_peek(context, &mut ReadBuf::new(&mut first))
            )?;
            let doorman = self.doorman.take();
            if seen > 0 && first[0] == b'P' && doorman.is_some_and(|asks| asks()) {
                return Poll::Ready(Err(self.reset()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what is left of a cut answer, then fails.
    fn write_cut(&mut self, context: &mut Context<'_>, answer: &[u8]) -> Poll<io::Result<usize>> {
        let remaining = *self.remaining.get_or_insert_with(|| half_of_body(answer));
        if remaining == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let part = &answer[..remaining.min(answer.len())];
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, part))?;
        self.remaining = Some(remaining - written);
        Poll::Ready(Ok(written))
    }
}

/// The length of the head and of half of the body.
fn half_of_body(answer: &[u8]) -> usize {
    let head = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map_or(0, |position| position + 4);
    head + (answer.len() - head) / 2
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.pass_door(context))?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.line.0.load(Ordering::Relaxed) {
            Line::RESET => Poll::Ready(Err(self.reset())),
            Line::CLOSED => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Line::CUT => self.write_cut(context, bytes),
            _ => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_answer_keeps_its_head_and_half_of_its_body() {
        assert_eq!(half_of_body(b"HTTP/1.1 200 OK\r\n\r\n12345678"), 19 + 4);
        assert_eq!(half_of_body(b"12345678"), 4);
    }
}
