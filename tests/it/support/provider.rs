//! Providers on loopback: the library's simulator with its ledger, a small one that answers as a test says, and an
//! address where nobody is.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use shotlist::simulator::{self, Ledger, Simulator, SimulatorSettings};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};

/// Somewhere that runs can go.
pub(crate) trait Provider {
    /// Its address.
    fn base_url(&self) -> String;
}

/// The simulator, in this process.
pub(crate) struct Simulated {
    simulator: Simulator,
    runtime: Runtime,
}

impl Simulated {
    /// Nothing goes wrong, and every video is made within a fifth of a second.
    pub(crate) fn good_day() -> Self {
        Self::with(Self::quick())
    }

    /// Quick, with these faults.
    pub(crate) fn with_faults(faults: &str) -> Self {
        Self::with(SimulatorSettings {
            faults: faults.parse().expect("faults"),
            ..Self::quick()
        })
    }

    /// Videos take this long: `3s`, `100ms..1s`.
    pub(crate) fn rendering(time: &str) -> Self {
        Self::with(SimulatorSettings {
            render: time.parse().expect("a render time"),
            ..Self::quick()
        })
    }

    /// As these settings say.
    pub(crate) fn with(settings: SimulatorSettings) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let simulator = runtime
            .block_on(simulator::start(settings))
            .expect("a free port");
        Self { simulator, runtime }
    }

    /// Settings of a good day.
    pub(crate) fn quick() -> SimulatorSettings {
        SimulatorSettings {
            render: "50ms..200ms".parse().expect("a render time"),
            ..SimulatorSettings::default()
        }
    }

    /// What it did until now.
    pub(crate) fn ledger(&self) -> Ledger {
        self.simulator.ledger()
    }

    /// Create requests until now.
    pub(crate) fn posts(&self) -> u64 {
        self.ledger().totals.posts
    }

    /// Tasks made until now.
    pub(crate) fn creates(&self) -> u64 {
        self.ledger().totals.creates
    }

    /// Tasks that were polled until now: their ids are surely saved.
    pub(crate) fn polled(&self) -> usize {
        let tasks = self.ledger().tasks;
        tasks.iter().filter(|task| task.polls > 0).count()
    }

    /// Goes away: from now on nobody is at its address.
    pub(crate) fn close(self) -> Closed {
        let address = self.simulator.address();
        self.runtime.block_on(self.simulator.shutdown());
        drop(self.runtime);
        Closed::at(address)
    }
}

impl Provider for Simulated {
    fn base_url(&self) -> String {
        self.simulator.base_url()
    }
}

/// An address where nobody listens, and nobody else can as long as this lives.
pub(crate) struct Closed {
    socket: TcpSocket,
}

impl Closed {
    /// Any address.
    pub(crate) fn anywhere() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    fn at(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a new socket");
        socket.bind(address).expect("an address of our own");
        Self { socket }
    }
}

impl Provider for Closed {
    fn base_url(&self) -> String {
        format!("http://{}", self.socket.local_addr().expect("bound"))
    }
}

/// A provider that answers as a test says, and notes what it was asked.
pub(crate) struct Raw {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

impl Raw {
    /// Sends what `answer` makes of each request, bytes as they are, and closes the connection.
    pub(crate) fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (noted, over) = (Arc::clone(&requests), Arc::clone(&is_over));
        let serve = move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                // A client that breaks off is none of this provider's business.
                let _ = exchange(stream, &answer, &noted);
            }
        };
        Self {
            address,
            requests,
            is_over,
            listener: Some(std::thread::spawn(serve)),
        }
    }

    /// What it was asked until now.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    /// Create requests until now.
    pub(crate) fn posts(&self) -> usize {
        let requests = self.requests();
        requests
            .iter()
            .filter(|asked| asked.method == "POST")
            .count()
    }
}

impl Provider for Raw {
    fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn exchange(
    mut stream: TcpStream,
    answer: &impl Fn(&Request) -> Vec<u8>,
    noted: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = read_request(BufReader::new(&stream))?;
    noted.lock().expect("no panic").push(request.clone());
    stream.write_all(&answer(&request))
}

fn read_request(mut reader: impl BufRead) -> std::io::Result<Request> {
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next(), words.next());
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_lowercase().as_str() {
            "authorization" => value.clone_into(&mut authorization),
            "content-length" => length = value.parse().expect("a length"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request {
        method: method.unwrap_or_default(),
        path: path.unwrap_or_default(),
        authorization,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &Value) -> Vec<u8> {
    answer(status, "content-type: application/json", &body.to_string())
}

/// A web page.
pub(crate) fn html(status: u16, page: &str) -> Vec<u8> {
    answer(status, "content-type: text/html", page)
}

/// A redirect that keeps the method.
pub(crate) fn redirect(to: &str) -> Vec<u8> {
    answer(307, &format!("location: {to}"), "")
}

/// An answer with one header of its own.
pub(crate) fn answer(status: u16, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} -\r\n{header}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}
