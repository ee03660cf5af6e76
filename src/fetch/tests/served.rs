//! A server on loopback that answers each connection by a script, and keeps what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As it stands in the first line.
    pub(crate) path: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// First and last byte of `Range`.
    pub(crate) fn range(&self) -> Option<(usize, usize)> {
        let (from, to) = self
            .header("range")?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        Some((from.parse().ok()?, to.parse().unwrap_or(usize::MAX - 1)))
    }
}

/// A server; it ends when it is dropped.
pub(crate) struct Served {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
    open: Arc<Gauge>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Served {
    /// `script` answers one request on its connection, which is closed afterwards.
    pub(crate) fn by(script: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (asked, open) = (
            Arc::<Mutex<Vec<Request>>>::default(),
            Arc::<Gauge>::default(),
        );
        let is_over = Arc::new(AtomicBool::new(false));
        let script = Arc::new(script);
        let shared = (Arc::clone(&asked), Arc::clone(&open), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let (asked, open, is_over) = shared;
            while let Ok((mut stream, _)) = listener.accept() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (asked, open) = (Arc::clone(&asked), Arc::clone(&open));
                let script = Arc::clone(&script);
                std::thread::spawn(move || {
                    let now = open.now.fetch_add(1, Ordering::SeqCst) + 1;
                    open.most.fetch_max(now, Ordering::SeqCst);
                    let patience = Some(Duration::from_secs(20));
                    let _ = stream.set_read_timeout(patience);
                    let _ = stream.set_write_timeout(patience);
                    if let Some(request) = read_request(&stream) {
                        asked.lock().expect("no panic").push(request.clone());
                        script(&request, &mut stream);
                    }
                    open.now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            asked,
            open,
            is_over,
            thread: Some(thread),
        }
    }

    /// Answers each request with bytes.
    pub(crate) fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::by(move |request, stream| {
            let _ = stream.write_all(&answer(request));
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// An address on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that was asked until now.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("no panic").clone()
    }

    /// Methods and paths that were asked for until now.
    pub(crate) fn lines(&self) -> Vec<String> {
        let asked = self.asked();
        let line = |request: &Request| format!("{} {}", request.method, request.path);
        asked.iter().map(line).collect()
    }

    /// The most connections that were open at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.open.most.load(Ordering::SeqCst)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    Some(Request {
        method,
        path,
        headers,
    })
}

/// An answer with these headers; its length is added, and a HEAD gets no body.
pub(crate) fn answer(request: &Request, status: u16, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} -\r\nconnection: close\r\n");
    for header in headers {
        head += header;
        head += "\r\n";
    }
    head += "content-length: ";
    head += &body.len().to_string();
    head += "\r\n\r\n";
    let body = if request.method == "HEAD" { &[] } else { body };
    [head.as_bytes(), body].concat()
}

/// A file on a server that sends parts.
pub(crate) fn file(request: &Request, media_type: &str, content: &[u8]) -> Vec<u8> {
    let media_type = format!("content-type: {media_type}");
    let Some((from, to)) = request.range() else {
        return answer(request, 200, &[&media_type], content);
    };
    let total = content.len();
    if from >= total {
        let range = format!("content-range: bytes */{total}");
        return answer(request, 416, &[&range], b"");
    }
    let to = to.min(total - 1);
    let range = format!("content-range: bytes {from}-{to}/{total}");
    answer(request, 206, &[&media_type, &range], &content[from..=to])
}
