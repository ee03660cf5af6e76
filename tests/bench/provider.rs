//! A provider that does as little as it can: every create is accepted and every task is what it was made to be, at
//! once. It has a thread of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;

/// What becomes of every task.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    /// It is completed when it is first asked for.
    Completed,
    /// It never ends.
    Running,
}

/// A provider that listens until the bench ends.
pub(crate) struct Provider {
    pub(crate) url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    creates: AtomicU64,
    polls: AtomicU64,
}

impl Provider {
    pub(crate) fn start(fate: Fate) -> Self {
        let seen = Arc::new(Seen::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let routes = routes(fate, Arc::clone(&seen));
        std::thread::spawn(move || serve(listener, routes));
        Self {
            url: url(address),
            seen,
        }
    }

    /// Creates and polls so far.
    pub(crate) fn seen(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.seen.creates), count(&self.seen.polls))
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn serve(listener: std::net::TcpListener, routes: Router) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("a socket");
        axum::serve(listener, routes).await.expect("it goes on");
    });
}

fn routes(fate: Fate, seen: Arc<Seen>) -> Router {
    let poll = move |State(seen): State<Arc<Seen>>, Path(id): Path<String>| async move {
        seen.polls.fetch_add(1, Ordering::Relaxed);
        json(task(&id, fate))
    };
    Router::new()
        .route("/v1/video/generations", post(create))
        .route("/v1/videos/{id}", get(poll))
        .with_state(seen)
}

async fn create(State(seen): State<Arc<Seen>>, _body: axum::body::Bytes) -> impl IntoResponse {
    let number = seen.creates.fetch_add(1, Ordering::Relaxed);
    let id = format!("task_{number:024}");
    json(format!(
        r#"{{"id":"{id}","task_id":"{id}","object":"video.generation.job","status":"queued","progress":0,"error":null}}"#
    ))
}

fn task(id: &str, fate: Fate) -> String {
    let fields = match fate {
        Fate::Completed => format!(
            r#""status":"completed","progress":100,"video_url":"https://media.example.com/{id}.mp4""#
        ),
        Fate::Running => r#""status":"in_progress","progress":50"#.to_owned(),
    };
    format!(
        r#"{{"id":"{id}","task_id":"{id}","object":"video.generation.job","error":null,{fields}}}"#
    )
}

fn json(body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}
