//! An upstream on HTTP whose every answer the test decides.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::process::Shared;

/// Gone, address and all, when dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    state: Stub,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Stub {
    answer: Shared<Answer>,
    seen: Shared<Vec<String>>,
    keys: Shared<Vec<String>>,
}

#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    Body(u16, &'static str),
    Never,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Stub {
            answer: Arc::new(Mutex::new(Answer::Status(200))),
            seen: Arc::default(),
            keys: Arc::default(),
        };
        let app = Router::new().fallback(answer).with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, state, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    /// Method, path and credentials of each request.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The idempotency key of each request that had one.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.state.keys.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(stub): State<Stub>, request: Request) -> Response {
    stub.seen.lock().unwrap().push(line(&request));
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok());
    stub.keys.lock().unwrap().extend(key.map(str::to_owned));
    let answer = *stub.answer.lock().unwrap();
    match answer {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Body(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Answer::Never => std::future::pending().await,
    }
}

fn line(request: &Request) -> String {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
    format!("{} {} {} {}", request.method(), request.uri(), header("api-key"), header("authorization"))
}
