//! A receiver of webhooks over real sockets, which answers as the test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

/// How the receiver answers one request.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Status(u16),
    /// A status with `Retry-After`.
    RetryAfter(u16, String),
    Redirect,
    /// No answer at all.
    Silence,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
    pub(super) fn event(&self) -> String {
        self.json()["event"].as_str().expect("an event").to_owned()
    }
}

#[derive(Clone, Default)]
pub(super) struct Receiver(Arc<Inner>);

#[derive(Default)]
struct Inner {
    calls: Mutex<Vec<Call>>,
    answers: Mutex<VecDeque<Answer>>,
    wandered: Mutex<u32>,
}

impl Receiver {
    /// Starts it; gives it with its address. It answers 204 when it has no other orders.
    pub(super) async fn start() -> (Receiver, String) {
        let receiver = Receiver::default();
        let routes = Router::new()
            .route("/hook", post(take))
            .route("/elsewhere", get(wander).post(wander))
            .with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (
            receiver,
            format!("http://{address}/hook?token=hunter2secret"),
        )
    }

    /// The answers to the next requests.
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.0.answers.lock().expect("no panic").extend(answers);
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.0.calls.lock().expect("no panic").clone()
    }

    /// How often somebody followed the redirect.
    pub(super) fn wandered(&self) -> u32 {
        *self.0.wandered.lock().expect("no panic")
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let call = Call { headers, body };
    receiver.0.calls.lock().expect("no panic").push(call);
    let answer = receiver.0.answers.lock().expect("no panic").pop_front();
    let status = |code| StatusCode::from_u16(code).expect("a status code");
    match answer.unwrap_or(Answer::Status(204)) {
        Answer::Status(code) => status(code).into_response(),
        Answer::RetryAfter(code, after) => (status(code), [("retry-after", after)]).into_response(),
        Answer::Redirect => (status(307), [("location", "/elsewhere")]).into_response(),
        Answer::Silence => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            StatusCode::OK.into_response()
        }
    }
}

async fn wander(State(receiver): State<Receiver>) -> StatusCode {
    *receiver.0.wandered.lock().expect("no panic") += 1;
    StatusCode::OK
}
