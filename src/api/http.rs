//! The provider over real HTTP: the only module that names the HTTP client.
//!
//! Start at [`HttpApi`]. Creates and polls have a client each, because they fear different things. A create must
//! leave at most once: its client keeps no connection, follows no redirect, retries nothing, speaks HTTP/1 only, and
//! its body sits behind a `Gate` that tells whether any byte of the request can have left. Polls are free to fail.
//! What an answer means is decided in [`classify`]; here it is only fetched, within bounds.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::VideoApi;
use super::classify;
use super::wire::{self, Answer, Content};
use crate::engine::event::{Evidence, Origin, PollReply, SubmitReply, TaskId};
use crate::error::ExitCode;
use crate::plan::VideoRequest;
use crate::text::{CleanText, clean, without_passwords};
use crate::units::{BaseUrl, UnitError, show_duration};

/// The most bytes of an answer that are read, counted before and after decompression.
pub const ANSWER_LIMIT: usize = 1024 * 1024;

/// The longest API key and the longest address: together they stay far below what the HTTP client sends before it
/// asks for the body, which the [`Gate`] relies on.
const HEAD_LIMIT: usize = 8 * 1024;

/// The shortest key that is searched for in answers: a shorter one would be found in harmless words.
const SHORTEST_REDACTED: usize = 6;

/// What a client needs to know.
#[derive(Debug)]
pub struct ApiSettings {
    /// Where creates go, and polls of the tasks they make.
    pub origin: Origin,
    /// The API key; without one no `Authorization` is sent.
    pub key: Option<SecretString>,
    /// How long to wait for what.
    pub timers: Timers,
    /// Asks for the time of day, to read a `Retry-After` date.
    pub wall_clock: fn() -> Timestamp,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// For name look-up, connection and TLS together.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For a create as a whole.
    pub submit: Duration,
    /// For a poll as a whole.
    pub poll: Duration,
}

impl Timers {
    /// The usual timers around `submit`, the user's `--submit-timeout`. Connecting gets less than the whole, so that
    /// a connection that cannot be made is told apart from an answer that does not come.
    pub fn around(submit: Duration) -> Self {
        Self {
            connect: Duration::from_secs(10).min(submit / 2),
            idle: Duration::from_secs(30),
            submit,
            poll: Duration::from_secs(30),
        }
    }
}

/// Why no client can be made. Never contains the key.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The key is empty, too long, or has a character that cannot stand in a header.
    #[error(
        "the API key {0}: copy it again from the provider into `SHOTLIST_API_KEY` or the file of `--api-key-file`"
    )]
    Key(&'static str),
    /// Base URL and paths do not make an address.
    #[error("{message}")]
    Address {
        /// What is wrong with which part.
        message: String,
    },
    /// The client itself, usually because the machine has no CA certificates.
    #[error(
        "no secure connection can be made from this machine ({0}): install CA certificates or set `SSL_CERT_FILE`"
    )]
    Client(String),
}

impl ApiError {
    /// How the program ends because of it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Key(_) | Self::Client(_) => ExitCode::Refused,
            Self::Address { .. } => ExitCode::Usage,
        }
    }
}

/// A short name of the key for the state: tells two keys apart without giving one away.
pub fn key_fingerprint(key: &SecretString) -> String {
    let mut hash = Sha256::new();
    hash.update(b"shotlist API key fingerprint\0");
    hash.update(key.expose_secret().as_bytes());
    hash.finalize()[..4]
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The provider over HTTP. Cheap to clone; calls outlive it.
#[derive(Debug, Clone)]
pub struct HttpApi(Arc<Connections>);

#[derive(Debug)]
struct Connections {
    create_url: Url,
    submit: Client,
    poll: Client,
    /// Whether `poll` is for loopback addresses; tasks of an older run may live at the other kind.
    is_loopback: bool,
    other_poll: OnceLock<Option<Client>>,
    authorization: Option<HeaderValue>,
    key: Option<SecretString>,
    timers: Timers,
    wall_clock: fn() -> Timestamp,
}

impl HttpApi {
    /// Checks address and key, and sets up the clients; sends nothing.
    pub fn new(settings: ApiSettings) -> Result<Self, ApiError> {
        let ApiSettings {
            origin,
            key,
            timers,
            wall_clock,
        } = settings;
        let base = base_url(&origin)?;
        let create_url = full_url(&origin, &origin.create_path)?;
        let probe = TaskId::new("task").expect("not blank");
        poll_url(&origin, &probe)?;
        let is_loopback = base.is_loopback();
        let submit = build(&base, || submit_client(timers, is_loopback))?;
        let poll = build(&base, || poll_client(timers, is_loopback))?;
        Ok(Self(Arc::new(Connections {
            create_url,
            submit,
            poll,
            is_loopback,
            other_poll: OnceLock::new(),
            authorization: key.as_ref().map(authorization).transpose()?,
            key: key.filter(|key| key.expose_secret().len() >= SHORTEST_REDACTED),
            timers,
            wall_clock,
        })))
    }
}

impl VideoApi for HttpApi {
    fn submit(&self, request: &VideoRequest) -> impl Future<Output = SubmitReply> + Send + 'static {
        let connections = Arc::clone(&self.0);
        let body = Bytes::from(wire::create_body(request));
        async move { connections.create(body, Gate::default()).await }
    }

    fn poll(
        &self,
        origin: &Origin,
        task_id: &TaskId,
    ) -> impl Future<Output = PollReply> + Send + 'static {
        let connections = Arc::clone(&self.0);
        let task_id = task_id.clone();
        let address = base_url(origin).and_then(|base| Ok((base, poll_url(origin, &task_id)?)));
        async move {
            match address {
                Ok((base, url)) => connections.ask(&base, url, &task_id).await,
                Err(error) => trouble(&error.to_string()),
            }
        }
    }
}

impl Connections {
    /// Sends one create request, once.
    async fn create(&self, body: Bytes, gate: Gate) -> SubmitReply {
        let gated = GatedBody {
            gate: gate.clone(),
            body: Some(body),
        };
        let request = self
            .signed(self.submit.post(self.create_url.clone()))
            .header(CONTENT_TYPE, "application/json")
            .body(reqwest::Body::wrap(gated));
        let error = match request.send().await {
            Ok(response) => return classify::submit(&self.read(response).await),
            Err(error) => error,
        };
        let not_sent = gate.shut();
        let place = self.create_url.host_str().unwrap_or_default();
        if not_sent {
            let message = format!("no connection to `{place}`: {}", cause(&error));
            return SubmitReply::NotSent {
                message: CleanText::new(&message),
            };
        }
        let message = if error.is_timeout() {
            let waited = show_duration(self.timers.submit);
            format!("sent to `{place}`, no answer within {waited}")
        } else {
            let cause = cause(&error);
            format!("sent to `{place}`, then the connection broke: {cause}")
        };
        SubmitReply::InDoubt {
            evidence: Evidence::Unclear,
            message: CleanText::new(&message),
        }
    }

    /// Asks for one task.
    async fn ask(&self, base: &BaseUrl, url: Url, task_id: &TaskId) -> PollReply {
        let Some(client) = self.poll_client(base) else {
            return trouble("no client for the address where this task was made");
        };
        match self.signed(client.get(url)).send().await {
            Ok(response) => classify::poll(&self.read(response).await, task_id),
            Err(error) if error.is_timeout() => {
                let waited = show_duration(self.timers.poll);
                trouble(&format!("no answer within {waited}"))
            }
            Err(error) => trouble(&format!("no answer: {}", cause(&error))),
        }
    }

    fn poll_client(&self, base: &BaseUrl) -> Option<&Client> {
        if base.is_loopback() == self.is_loopback {
            return Some(&self.poll);
        }
        self.other_poll
            .get_or_init(|| build(base, || poll_client(self.timers, base.is_loopback())).ok())
            .as_ref()
    }

    /// Answers are asked for uncompressed: some providers label gzip wrongly, and they are small.
    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity");
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization.clone()),
            None => request,
        }
    }

    async fn read(&self, mut response: Response) -> Answer {
        let headers = std::mem::take(response.headers_mut());
        let (bytes, broken) = self.read_body(&mut response).await;
        let (bytes, broken) = match gunzip(&bytes) {
            Some((bytes, cut)) => (Bytes::from(bytes), broken.or(cut)),
            None => (bytes, broken),
        };
        let mut content = Content::read(text_of(&headers, CONTENT_TYPE.as_str()), &bytes);
        let request_ids = ["x-oneapi-request-id", "x-request-id"];
        let mut request_id = request_ids
            .iter()
            .find_map(|name| text_of(&headers, name).map(str::to_owned));
        let mut location = text_of(&headers, LOCATION.as_str()).map(without_query);
        if let Some(key) = &self.key {
            content.redact(key.expose_secret());
            for text in [&mut request_id, &mut location].into_iter().flatten() {
                wire::redact_text(text, key.expose_secret());
            }
        }
        Answer {
            status: response.status().as_u16(),
            content,
            broken,
            retry_after: text_of(&headers, RETRY_AFTER.as_str()).and_then(|header| {
                wire::retry_after(
                    header,
                    text_of(&headers, DATE.as_str()),
                    (self.wall_clock)(),
                )
            }),
            request_id,
            location,
        }
    }

    /// The body as far as it comes, and why it ended early if it did. The client's own timer bounds the whole.
    async fn read_body(&self, response: &mut Response) -> (Bytes, Option<String>) {
        let mut body = BytesMut::new();
        let broken = loop {
            match tokio::time::timeout(self.timers.idle, response.chunk()).await {
                Ok(Ok(None)) => break None,
                Ok(Ok(Some(chunk))) => {
                    let room = ANSWER_LIMIT - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        break Some(TOO_LARGE.to_owned());
                    }
                }
                Ok(Err(error)) if error.is_timeout() => {
                    break Some("the answer took too long".to_owned());
                }
                Ok(Err(error)) => break Some(format!("the answer broke off: {}", cause(&error))),
                Err(_) => {
                    let idle = show_duration(self.timers.idle);
                    break Some(format!("the answer stood still for {idle}"));
                }
            }
        };
        (body.freeze(), broken)
    }
}

const TOO_LARGE: &str = "answer larger than 1 MiB";

/// `bytes` unpacked if they are gzip, whatever their label says, and why they ended early if they did.
fn gunzip(bytes: &[u8]) -> Option<(Vec<u8>, Option<String>)> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return None;
    }
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(bytes).take(ANSWER_LIMIT as u64 + 1);
    let mut broken = reader
        .read_to_end(&mut unpacked)
        .err()
        .map(|error| format!("the answer cannot be unpacked: {error}"));
    if unpacked.len() > ANSWER_LIMIT {
        unpacked.truncate(ANSWER_LIMIT);
        broken = Some(TOO_LARGE.to_owned());
    }
    Some((unpacked, broken))
}

/// Tells whether any byte of a create request can have left.
///
/// The HTTP/1 client buffers the head of a request, then asks for the first piece of its body, and only then writes:
/// it would write a head on its own only if it did not fit its buffer of some 400 KiB ([`HEAD_LIMIT`]). So a gate
/// that was never passed means that no byte was written, not even of the head, and a gate that was passed means that
/// nobody can know. [`Gate::shut`] asks and closes in one step: a connection task that is late by a moment finds the
/// gate shut and gives up, instead of sending what was just declared as not sent.
#[derive(Debug, Clone, Default)]
struct Gate(Arc<AtomicU8>);

const OPEN: u8 = 0;
const PASSED: u8 = 1;
const SHUT: u8 = 2;

impl Gate {
    /// Lets the body through, once and only while the gate is open.
    fn pass(&self) -> bool {
        self.leave_open_for(PASSED)
    }

    /// Closes the gate; true if nothing had passed, and then nothing ever will.
    fn shut(&self) -> bool {
        self.leave_open_for(SHUT)
    }

    fn leave_open_for(&self, next: u8) -> bool {
        self.0
            .compare_exchange(OPEN, next, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

/// A body in one piece behind a [`Gate`]. It cannot be cloned, so nothing can send it again.
struct GatedBody {
    gate: Gate,
    body: Option<Bytes>,
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(body) = self.body.take() else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(if self.gate.pass() {
            Ok(Frame::data(body))
        } else {
            Err(io::Error::other(
                "the request was given up before it was sent",
            ))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    /// Exact, so that the request carries its length.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len() as u64))
    }
}

fn submit_client(timers: Timers, is_loopback: bool) -> ClientBuilder {
    client(timers, is_loopback)
        .http1_only()
        .pool_max_idle_per_host(0)
        .timeout(timers.submit)
}

fn poll_client(timers: Timers, is_loopback: bool) -> ClientBuilder {
    client(timers, is_loopback).timeout(timers.poll)
}

/// What both clients share: nothing is sent twice, and nothing follows a redirect, which could take the key along.
fn client(timers: Timers, is_loopback: bool) -> ClientBuilder {
    let client = Client::builder()
        .user_agent(concat!("shotlist/", env!("CARGO_PKG_VERSION")))
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(timers.connect);
    if is_loopback {
        client.no_proxy()
    } else {
        client
    }
}

/// Builds a client. A machine without CA certificates can still reach a plain `http` address.
fn build(base: &BaseUrl, client: impl Fn() -> ClientBuilder) -> Result<Client, ApiError> {
    // The first call installs the provider of cryptography; a later one finds it there, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    client()
        .build()
        .or_else(|error| {
            if base.is_plain_http() {
                client().tls_certs_only([]).build()
            } else {
                Err(error)
            }
        })
        .map_err(|error| ApiError::Client(cause(&error)))
}

fn authorization(key: &SecretString) -> Result<HeaderValue, ApiError> {
    let key = key.expose_secret();
    if key.is_empty() {
        return Err(ApiError::Key("is empty"));
    }
    if key.len() > HEAD_LIMIT {
        return Err(ApiError::Key("is longer than any key"));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ApiError::Key(
            "contains a space, a line break or a character outside ASCII",
        ));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| ApiError::Key("cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What kind of address the origin is; its text is used as it stands.
fn base_url(origin: &Origin) -> Result<BaseUrl, ApiError> {
    let parsed = origin.base_url.parse();
    parsed.map_err(|error: UnitError| ApiError::Address {
        message: error.to_string(),
    })
}

fn not_an_address(address: &str, why: &str) -> ApiError {
    ApiError::Address {
        message: format!(
            "`{}` is not an API address: {why}",
            clean(&without_passwords(address), 200)
        ),
    }
}

fn full_url(origin: &Origin, path: &str) -> Result<Url, ApiError> {
    let address = format!("{}{path}", origin.base_url);
    if !path.starts_with('/') {
        return Err(not_an_address(path, "a path starts with `/`"));
    }
    if address.len() > HEAD_LIMIT {
        return Err(not_an_address(&address, "it is too long"));
    }
    Url::parse(&address).map_err(|error| not_an_address(&address, &error.to_string()))
}

/// Where the task `task_id` is asked for.
fn poll_url(origin: &Origin, task_id: &TaskId) -> Result<Url, ApiError> {
    let path = &origin.poll_path;
    if !path.contains("{task_id}") {
        return Err(not_an_address(path, "a poll path has `{task_id}` in it"));
    }
    // Encoding does not help here: `%2e%2e` means `..` to every parser of URLs.
    if matches!(task_id.as_str(), "." | "..") {
        return Err(not_an_address(path, "a task id of dots leads elsewhere"));
    }
    let path = path.replace("{task_id}", &percent_encoded(task_id.as_str()));
    full_url(origin, &path)
}

/// `text` with everything encoded that is not unreserved (RFC 3986).
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn text_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn without_query(address: &str) -> String {
    address
        .split_once(['?', '#'])
        .map_or(address, |(place, _)| place)
        .to_owned()
}

/// The innermost cause of an error, which is the one that tells something, without an address.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest = error.source();
    while let Some(next) = deepest.and_then(std::error::Error::source) {
        deepest = Some(next);
    }
    let Some(deepest) = deepest else {
        return "the request failed".to_owned();
    };
    let text = deepest.to_string();
    let ends = [" (os error", ": https://docs.rs/"]; // numbers and manuals tell nothing more
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    let text = &text[..end.unwrap_or(text.len())];
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "the request failed".to_owned(),
    }
}

fn trouble(message: &str) -> PollReply {
    PollReply::Trouble {
        message: CleanText::new(message),
    }
}

#[cfg(test)]
mod tests;
