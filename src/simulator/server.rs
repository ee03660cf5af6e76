//! The simulated provider on HTTP: routes, the clock, and the delay and delivery of every answer. Decides nothing.
//!
//! Start at [`start`].

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use axum::{Json, Router};
use futures::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::answer::{self, Answer};
use super::front::{Front, Line};
use super::ledger::{Delivery, Ledger};
use super::provider::{Arrival, Fetch, Fetched, Provider, Sending};
use super::{SimulatorSettings, media};
use crate::clock::Clock;
use crate::engine::event::Now;

/// Longest create request that is read, in bytes, as gateways are commonly set.
const LONGEST_BODY: usize = 128 * 1024 * 1024;

/// How long connections may take to close when the server stops.
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// A running simulated provider. It stops when this is dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

/// What every connection works with. The lock is held for one decision at a time and never across a wait: HTTP
/// brings requests on many tasks at once, and the provider must see them one after the other.
#[derive(Debug)]
struct Shared {
    provider: Mutex<Provider>,
    clock: Clock,
    port: u16,
    stopped: watch::Receiver<()>,
}

/// Starts a simulated provider on loopback, in a task of its own.
pub async fn start(settings: SimulatorSettings) -> io::Result<Simulator> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
    let address = listener.local_addr()?;
    let clock = Clock::start();
    let (stop, stopped) = watch::channel(());
    let shared = Arc::new(Shared {
        provider: Mutex::new(Provider::new(
            &settings,
            format!("http://{address}"),
            clock.now(),
        )),
        clock,
        port: address.port(),
        stopped,
    });
    let server = tokio::spawn(listen(listener, Arc::clone(&shared)));
    Ok(Simulator {
        address,
        shared,
        stop,
        server,
    })
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let door = Arc::clone(&shared);
    let front = Front::new(
        listener,
        Arc::new(move || {
            let (mut provider, now) = door.provider();
            provider.resets_unread(now)
        }),
    );
    let stopped = shared.stopped.clone();
    let app = routes(shared).into_make_service_with_connect_info::<Line>();
    axum::serve(front, app)
        .with_graceful_shutdown(is_over(stopped))
        .await
}

/// Ends when the simulator is stopped or dropped.
async fn is_over(mut stopped: watch::Receiver<()>) {
    // The sender never sends: it is only ever dropped.
    let _ = stopped.changed().await;
}

impl Simulator {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a client.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happened until now.
    pub fn ledger(&self) -> Ledger {
        let (provider, now) = self.shared.provider();
        provider.ledger(now)
    }

    /// Stops listening, closes every connection, and returns what happened.
    pub async fn shutdown(self) -> Ledger {
        let Self {
            shared,
            stop,
            mut server,
            ..
        } = self;
        drop(stop);
        if tokio::time::timeout(CLOSING_TIME, &mut server)
            .await
            .is_err()
        {
            server.abort();
        }
        let (provider, now) = shared.provider();
        provider.ledger(now)
    }
}

impl Shared {
    /// The provider, and the time at which it is asked.
    fn provider(&self) -> (MutexGuard<'_, Provider>, Now) {
        let provider = self.provider.lock().unwrap_or_else(PoisonError::into_inner);
        (provider, self.clock.now())
    }

    /// Holds `answer` back as long as it says, tells the connection how it leaves, and sends it.
    async fn send(&self, answer: Answer, line: &Line) -> Response<Body> {
        let delivery = if answer.delay.is_zero() {
            answer.delivery
        } else {
            tokio::select! {
                () = tokio::time::sleep(answer.delay) => answer.delivery,
                () = is_over(self.stopped.clone()) => Delivery::Closed,
            }
        };
        line.order(delivery);
        into_response(answer)
    }
}

impl Connected<IncomingStream<'_, Front>> for Line {
    fn connect_info(stream: IncomingStream<'_, Front>) -> Self {
        stream.remote_addr().clone()
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/video/generations", post(create))
        .route("/v1/videos/generations", post(create))
        .route("/v1/videos/{task_id}", get(poll))
        .route("/videos/{file}", get(video))
        .route("/frames/{file}", get(frame))
        .route("/_sim/ledger", get(ledger))
        .route("/_sim/health", get(|| async { "ok\n" }))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_path)
        .with_state(shared)
}

async fn create(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LONGEST_BODY).await else {
        let (mut provider, now) = shared.provider();
        provider.create_broke_off(now);
        return into_response(answer::too_large());
    };
    let arrival = Arrival {
        authorization: authorization(&head.headers),
        body: &body,
    };
    let answer = {
        let (mut provider, now) = shared.provider();
        provider.create(arrival, now)
    };
    shared.send(answer, &line).await
}

async fn poll(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(task_id): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let answer = {
        let (mut provider, now) = shared.provider();
        provider.poll(&task_id, authorization(&headers), now)
    };
    shared.send(answer, &line).await
}

async fn video(
    State(shared): State<Arc<Shared>>,
    Path(file): Path<String>,
    request: Request,
) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    let fresh = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("fresh="));
    let asked = Fetch {
        task_id: file.strip_suffix(".mp4").unwrap_or_default(),
        fresh: fresh.and_then(|fresh| fresh.parse().ok()).unwrap_or(0),
        is_redirected: query.split('&').any(|pair| pair == "moved"),
        authorized: request.headers().contains_key(header::AUTHORIZATION),
    };
    let (fetch, fetched) = {
        let (mut provider, now) = shared.provider();
        provider.fetch(&asked, now)
    };
    let (shape, sending) = match fetched {
        Fetched::Video(shape, sending) => (shape, sending),
        Fetched::Nothing => return no_such_file(),
        Fetched::Expired => return expired(),
        Fetched::Page => return into_response(answer::page(200)),
        Fetched::Elsewhere => return elsewhere(&shared, &file, query),
    };
    let excerpt = media::excerpt(media::clip(shape), request.headers());
    let from = excerpt.from as u64;
    shared
        .provider()
        .0
        .sends(fetch, excerpt.status.as_u16(), from);
    let body = sent_in_pieces(Arc::clone(&shared), fetch, excerpt.body, sending);
    excerpt.answer("video/mp4", body)
}

/// As object stores refuse an address whose signature has expired.
fn expired() -> Response<Body> {
    let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    let headers = [(header::CONTENT_TYPE, "application/xml")];
    (StatusCode::FORBIDDEN, headers, body).into_response()
}

/// The same server under another name is another origin.
fn elsewhere(shared: &Shared, file: &str, query: &str) -> Response<Body> {
    let to = format!(
        "http://localhost:{}/videos/{file}?{query}&moved",
        shared.port
    );
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}

/// Most pieces of a video that is sent slowly.
const PIECES: usize = 32;

/// A body that is noted in the ledger piece by piece, as it leaves.
fn sent_in_pieces(
    shared: Arc<Shared>,
    fetch: usize,
    content: &'static [u8],
    sending: Sending,
) -> Body {
    let (length, pause) = match sending {
        Sending::Slow(time) => (
            content.len().div_ceil(PIECES),
            time / u32::try_from(PIECES).expect("few"),
        ),
        Sending::Whole | Sending::Cut => (content.len().div_ceil(2), Duration::ZERO),
    };
    let pieces = content.chunks(length.max(1)).map(Ok);
    let broken = std::iter::once(Err(io::ErrorKind::BrokenPipe.into()));
    let pieces: Vec<io::Result<&'static [u8]>> = match sending {
        Sending::Cut => pieces.take(1).chain(broken).collect(),
        Sending::Whole | Sending::Slow(_) => pieces.collect(),
    };
    let pieces = futures::stream::iter(pieces).then(move |piece| {
        let shared = Arc::clone(&shared);
        async move {
            // A client has what was sent before the connection breaks.
            let pause = if piece.is_err() {
                Duration::from_millis(50)
            } else {
                pause
            };
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let piece = piece?;
            shared.provider().0.sent(fetch, piece.len() as u64);
            Ok::<_, io::Error>(piece)
        }
    });
    Body::from_stream(pieces)
}

async fn frame(Path(file): Path<String>, headers: HeaderMap) -> Response<Body> {
    match file.strip_suffix(".png") {
        Some(_) => media::send(media::FRAME, "image/png", &headers),
        None => no_such_file(),
    }
}

async fn ledger(State(shared): State<Arc<Shared>>) -> Json<Ledger> {
    let (provider, now) = shared.provider();
    Json(provider.ledger(now))
}

async fn unknown_path(request: Request) -> Response<Body> {
    let path = request.uri().path();
    into_response(if path == "/v1" || path.starts_with("/v1/") {
        answer::unknown_path(request.method().as_str(), path)
    } else {
        answer::dashboard()
    })
}

fn no_such_file() -> Response<Body> {
    (StatusCode::NOT_FOUND, "no such file\n").into_response()
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

fn into_response(answer: Answer) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        answer::Body::Json(body) => (status, Json(body)).into_response(),
        answer::Body::Html(page) => (status, axum::response::Html(page)).into_response(),
    };
    if let Some((name, value)) = answer.header
        && let Ok(value) = HeaderValue::try_from(value)
    {
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests;
