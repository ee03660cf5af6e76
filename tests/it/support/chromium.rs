//! A real browser without a window, told what to do over a pair of pipes, in a world where every address is answered by
//! a proxy that notes who was asked for.
//!
//! Start at [`Browser::start`]. Where there is no Chromium the tests that need it say so and pass, unless
//! `SHOTLIST_CHROMIUM=required` is set: then they fail.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use rustix::fs::{CWD, Mode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::announce;

/// Names that it goes by.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// After this long it will not answer any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page. Dropping it ends it.
pub(crate) struct Browser {
    child: Child,
    orders: File,
    answers: Receiver<Value>,
    home: TempDir,
    proxy: Proxy,
    session: Option<String>,
    last_order: u64,
    events: Vec<Value>,
}

impl Browser {
    /// Starts one. Where there is none, says so past the capture of the test runner; where one is required, fails.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let tried = NAMES.iter().map(|name| Self::launch(name));
        let mut obstacles = Vec::new();
        for launched in tried {
            match launched {
                Ok(browser) => return Some(browser),
                Err(obstacle) => obstacles.push(obstacle),
            }
        }
        let obstacle = obstacles.join("; ");
        announce(&format!(
            "{test}: NOT RUN, there is no Chromium here: {obstacle}"
        ));
        let required = std::env::var_os("SHOTLIST_CHROMIUM").is_some_and(|it| it == "required");
        assert!(!required, "Chromium is required: {obstacle}");
        None
    }

    fn launch(name: &str) -> Result<Self, String> {
        let there = Command::new(name)
            .arg("--version")
            .stdin(Stdio::null())
            .output();
        match there {
            Ok(said) if said.status.success() => {}
            Ok(said) => return Err(format!("`{name}` ends with {}", said.status)),
            Err(error) => return Err(format!("`{name}`: {error}")),
        }
        let home = tempfile::tempdir().expect("a directory");
        let pipe = |name: &str| {
            let path = home.path().join(name);
            rustix::fs::mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("a pipe");
            let both_ways = OpenOptions::new().read(true).write(true).open(&path);
            (
                path,
                both_ways.expect("a pipe opened both ways never waits"),
            )
        };
        let ((in_path, orders), (out_path, said)) = (pipe("orders"), pipe("answers"));
        let proxy = Proxy::start();
        let log = File::create(home.path().join("log")).expect("a file");
        let child = Command::new("/bin/sh")
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<\"$ORDERS\" 4>\"$ANSWERS\"",
                name,
            ])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-sync",
            ])
            .args([
                "--disable-component-update",
                "--disable-dev-shm-usage",
                "--mute-audio",
            ])
            .args(["--remote-debugging-pipe", "--proxy-bypass-list=<-loopback>"])
            .arg(format!("--proxy-server=127.0.0.1:{}", proxy.port))
            .arg(format!(
                "--user-data-dir={}",
                home.path().join("profile").display()
            ))
            .arg("about:blank")
            .env("ORDERS", in_path)
            .env("ANSWERS", out_path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a shell");
        let mut browser = Self {
            child,
            orders,
            answers: listen(said),
            home,
            proxy,
            session: None,
            last_order: 0,
            events: Vec::new(),
        };
        browser.open_page();
        Ok(browser)
    }

    fn open_page(&mut self) {
        let target = self.order("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.order("Target.attachToTarget", &attach);
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log", "DOM"] {
            self.order(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Gives an order; what comes of it.
    #[track_caller]
    pub(crate) fn order(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_order += 1;
        let mut order = json!({ "id": self.last_order, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        let line = format!("{order}\0");
        self.orders.write_all(line.as_bytes()).expect("a pipe");
        loop {
            let message = self.next();
            if message["id"] == json!(self.last_order) {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    #[track_caller]
    fn next(&mut self) -> Value {
        self.answers.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(self.home.path().join("log"));
            panic!(
                "the browser says nothing any more:\n{}",
                log.unwrap_or_default()
            )
        })
    }

    /// Opens the page at `path` and waits until it is there.
    #[track_caller]
    pub(crate) fn open(&mut self, path: &Path) {
        self.events.clear();
        let url = url::Url::from_file_path(path).expect("an absolute path");
        self.order("Page.navigate", &json!({ "url": url.as_str() }));
        self.wait_for("Page.loadEventFired");
    }

    /// Waits for an event, which may have come already.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, method: &str) {
        while !self.events.iter().any(|event| event["method"] == method) {
            let event = self.next();
            self.events.push(event);
        }
    }

    /// What `script` comes to in the page.
    #[track_caller]
    pub(crate) fn ask(&mut self, script: &str) -> Value {
        let parameters = json!({
            "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let answer = self.order("Runtime.evaluate", &parameters);
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{script}\n{thrown}");
        answer["result"]["value"].clone()
    }

    /// Runs `script` before any other in each page from now on.
    pub(crate) fn prepare(&mut self, script: &str) {
        let source = json!({ "source": script });
        self.order("Page.addScriptToEvaluateOnNewDocument", &source);
    }

    /// Addresses that the page has asked for since it was opened.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        let asked = self
            .events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent");
        let urls = asked.filter_map(|event| event["params"]["request"]["url"].as_str());
        urls.map(str::to_owned).collect()
    }

    /// What the browser complained about since the page was opened.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let is_complaint = |event: &&Value| {
            let method = event["method"].as_str().unwrap_or_default();
            method == "Log.entryAdded" || method == "Runtime.exceptionThrown"
        };
        self.events
            .iter()
            .filter(is_complaint)
            .map(ToString::to_string)
            .collect()
    }

    /// Every request that left the browser since it was started, as the proxy got it.
    pub(crate) fn left(&self) -> Vec<String> {
        self.proxy.asked.lock().expect("no panic").clone()
    }

    /// Keeps what `order` shows as a file, a picture or paper.
    pub(crate) fn keep(&mut self, order: &str, parameters: &Value, path: &Path) {
        let shown = self.order(order, parameters);
        let data = shown["data"].as_str().expect("base64");
        let bytes = base64::engine::general_purpose::STANDARD.decode(data);
        std::fs::write(path, bytes.expect("base64")).expect("a writable directory");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
        let line = format!("{}\0", json!({ "id": 0, "method": "Browser.close" }));
        let _ = self.orders.write_all(line.as_bytes());
        for _ in 0..500 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The messages that come out of a pipe, each ended by a zero byte.
fn listen(pipe: File) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(pipe).split(0).map_while(Result::ok) {
            let message = serde_json::from_slice(&message).expect("a JSON object");
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Takes every request and answers none.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let first = refuse(&stream);
                noted.lock().expect("no panic").push(first);
            }
        });
        Self { port, asked }
    }
}

/// The first line of what comes.
fn refuse(mut stream: &TcpStream) -> String {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let mut line = String::new();
    let _ = BufReader::new(stream.take(1000)).read_line(&mut line);
    let _ = stream.write_all(b"HTTP/1.1 502 -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    line.trim().to_owned()
}
