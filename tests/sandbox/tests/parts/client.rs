//! An HTTP client for a sandbox, and a receiver of webhooks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use sandbox::{Sandbox, keys};
use serde_json::{Value, json};

pub(crate) const ORGANIZATION: &str = "https://api.calendly.com/organizations/00000000-0000-4000-8000-0000000000c1";
pub(crate) const QUICK: &str = "https://api.calendly.com/event_types/00000000-0000-4000-8000-0000000000e4";

/// A sandbox and an HTTP client for it.
pub(crate) struct Client {
    sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
}

impl Client {
    pub(crate) async fn start() -> Self {
        let sandbox = sandbox::start(0).await.unwrap();
        Self { sandbox, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.url())
    }

    pub(crate) async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.answer(self.http.get(self.url(path)).bearer_auth(keys::CALENDLY)).await
    }

    pub(crate) async fn calendly(&self, path: &str, body: &Value) -> (u16, Value) {
        self.answer(self.http.post(self.url(&format!("/calendly{path}"))).bearer_auth(keys::CALENDLY).json(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.answer(self.http.post(self.url(path)).json(&body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    pub(crate) async fn sms(&self, body: &Value) -> (u16, Value) {
        let (user, password) = keys::ENGAGELAB.split_once(':').unwrap();
        let request = self.http.post(self.url("/engagelab/v1/messages")).basic_auth(user, Some(password));
        self.answer(request.json(body)).await
    }

    pub(crate) async fn vai(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(self.url(&format!("/vai{path}"))).bearer_auth(keys::VAI);
        self.answer(request.header("Idempotency-Key", key).json(body)).await
    }

    pub(crate) async fn inbox(&self) -> Value {
        self.get("/inbox.json").await.1
    }

    pub(crate) async fn subscribe(&self, receiver: &Receiver) -> Value {
        let body = json!({
            "url": receiver.url, "events": ["invitee.created", "invitee.canceled"], "organization": ORGANIZATION,
            "scope": "organization", "signing_key": "a-key",
        });
        let (status, answer) = self.calendly("/webhook_subscriptions", &body).await;
        assert_eq!(status, 201, "{answer}");
        answer["resource"].clone()
    }

    pub(crate) async fn book(&self, start: &str) -> Value {
        let (status, answer) = self.calendly("/invitees", &quick(start)).await;
        assert_eq!(status, 201, "{answer}");
        answer["resource"].clone()
    }
}

/// Headers and raw body of a delivery.
pub(crate) type Received = (HeaderMap, Bytes);
/// The received deliveries, and the statuses for the next answers, last first.
type Script = (Arc<Mutex<Vec<Received>>>, Arc<Mutex<Vec<u16>>>);

/// A webhook receiver that answers with the given statuses, then with 200.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) async fn start(mut statuses: Vec<u16>) -> Self {
        statuses.reverse();
        let received = Arc::new(Mutex::new(Vec::new()));
        let shared = (received.clone(), Arc::new(Mutex::new(statuses)));
        let app = Router::new()
            .fallback(async |State((received, statuses)): State<Script>, headers: HeaderMap, body: Bytes| {
                received.lock().unwrap().push((headers, body));
                StatusCode::from_u16(statuses.lock().unwrap().pop().unwrap_or(200)).unwrap()
            })
            .with_state(shared);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/calendly", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, received }
    }

    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        for _ in 0..500 {
            if self.received.lock().unwrap().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.received.lock().unwrap().clone()
    }

    pub(crate) async fn bodies(&self, count: usize) -> Vec<Value> {
        let all = self.wait_for(count).await;
        assert_eq!(all.len(), count);
        all.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
    }
}

pub(crate) fn no_tracking() -> Value {
    json!({
        "utm_campaign": null, "utm_source": null, "utm_medium": null, "utm_content": null, "utm_term": null,
        "salesforce_uuid": null,
    })
}

pub(crate) fn quick(start: &str) -> Value {
    json!({
        "event_type": QUICK, "start_time": start,
        "invitee": {"name": "Ana Ionescu", "email": "ana@example.com", "timezone": "Europe/Bucharest"},
        "tracking": no_tracking(),
    })
}
