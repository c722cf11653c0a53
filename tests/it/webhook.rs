//! The webhook function's answers, over a fake outside.

use std::sync::Mutex;
use std::time::Duration;

use domain::{ConnectionName, Private};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use lambda_http::http::{Method, Request as HttpRequest};
use lambda_http::{Body, RequestExt};
use runtime::{QueueError, SecretError};
use sha2::Sha256;
use webhook::{LARGEST_BODY, Outside, handle};
use wire::intake::Envelope;

const KEY: &str = "a signing key";
const NOW: i64 = 1_764_000_000;

#[derive(Default)]
struct Fake {
    queue: Mutex<Vec<String>>,
    counted: Mutex<Vec<String>>,
    queue_is_down: bool,
    queue_hangs: bool,
    secrets_are_down: bool,
    no_keys: bool,
    rotated: Option<&'static str>,
}

impl Outside for Fake {
    async fn keys(&self, connection: &ConnectionName) -> Result<Vec<Private<String>>, SecretError> {
        match connection.as_str() {
            _ if self.secrets_are_down => {
                Err(SecretError::Unavailable { name: "x".to_owned(), problem: "down".to_owned() })
            }
            _ if self.no_keys => Ok(vec![]),
            "default" | "acme" => Ok(vec![Private::from("the next key"), Private::from(KEY)]),
            other => Err(SecretError::Unknown(other.to_owned())),
        }
    }

    async fn keys_anew(&self, _: &ConnectionName) -> Option<Vec<Private<String>>> {
        self.rotated.map(|key| vec![Private::from(key), Private::from(KEY)])
    }

    async fn enqueue(&self, message: String) -> Result<(), QueueError> {
        if self.queue_hangs {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        if self.queue_is_down {
            return Err(QueueError::new("down"));
        }
        self.queue.lock().expect("the queue").push(message);
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).expect("an instant")
    }

    fn count(&self, metric: &str, reason: &str) {
        self.counted.lock().expect("the counts").push(format!("{metric} {reason}"));
    }
}

fn signature(key: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

async fn ask(outside: &Fake, method: Method, path: &str, header: Option<&str>, body: Body) -> (u16, String) {
    let mut request = HttpRequest::builder().method(method).uri(format!("https://example.com{path}"));
    if let Some(header) = header {
        request = request.header("calendly-webhook-signature", header);
    }
    let request = request.body(body).expect("a request").with_raw_http_path(path);
    let response = handle(outside, 300, &request).await;
    let body = String::from_utf8(response.body().to_vec()).expect("text");
    (response.status().as_u16(), body)
}

async fn post(outside: &Fake, path: &str, header: &str, body: &[u8]) -> u16 {
    ask(outside, Method::POST, path, Some(header), Body::Binary(body.to_vec())).await.0
}

#[tokio::test]
async fn a_genuine_call_is_queued_as_it_came_and_answered_with_nothing() {
    let outside = Fake::default();
    let body = "{\"event\":\"invitee.created\",\"name\":\"Ăna\"}".as_bytes();
    let header = signature(KEY, NOW, body);
    let text = Body::Text(String::from_utf8(body.to_vec()).expect("text"));
    assert_eq!(ask(&outside, Method::POST, "/webhooks/calendly", Some(&header), text).await, (200, String::new()));
    assert_eq!(post(&outside, "/webhooks/calendly/acme", &header, body).await, 200);
    assert_eq!(post(&outside, "/webhooks/calendly/", &header, body).await, 200);
    let queue = outside.queue.lock().expect("the queue");
    let envelopes: Vec<_> = queue.iter().map(|it| Envelope::parse(it).expect("an envelope")).collect();
    assert_eq!(envelopes.iter().map(|it| it.connection.as_str()).collect::<Vec<_>>(), ["default", "acme", "default"]);
    assert!(envelopes.iter().all(|it| it.body == body));
}

#[tokio::test]
async fn nothing_is_read_into_a_body() {
    let outside = Fake::default();
    for body in [&b""[..], b"[]", &[0xff, 0xfe, 0x00], b"not JSON"] {
        assert_eq!(post(&outside, "/webhooks/calendly", &signature(KEY, NOW, body), body).await, 200);
    }
    assert_eq!(outside.queue.lock().expect("the queue").len(), 4);
}

#[tokio::test]
async fn refusals_are_all_401_and_told_apart_in_the_metric() {
    let outside = Fake::default();
    let body = br#"{"a": 1}"#;
    let genuine = signature(KEY, NOW, body);
    let at = |seconds| signature(KEY, seconds, body);
    let no_t = genuine.split_once(',').expect("two fields").1.to_owned();
    for (header, why) in [
        (Some(signature("another key", NOW, body)), "wrong"),
        (Some(signature(KEY, NOW, br#"{"a":1}"#)), "wrong"),
        (Some(at(NOW - 301)), "stale"),
        (Some(at(NOW + 61)), "future"),
        (Some(format!("t={NOW},v1=zzzz")), "malformed"),
        (Some(no_t), "malformed"),
        (None, "missing"),
    ] {
        let (status, answer) =
            ask(&outside, Method::POST, "/webhooks/calendly", header.as_deref(), Body::Binary(body.to_vec())).await;
        assert_eq!(status, 401, "{why}");
        assert_eq!(answer, r#"{"error":{"code":"unauthorized","message":"The signature is missing or not valid."}}"#);
        assert_eq!(outside.counted.lock().expect("counts").last().expect("a count"), &format!("Refused {why}"));
    }
    assert!(outside.queue.lock().expect("the queue").is_empty());
    assert_eq!(post(&outside, "/webhooks/calendly", &at(NOW - 300), body).await, 200);
    assert_eq!(post(&outside, "/webhooks/calendly", &at(NOW + 60), body).await, 200);
}

#[tokio::test]
async fn a_key_that_was_just_rotated_is_known_at_once() {
    let outside = Fake { rotated: Some("the newest key"), ..Fake::default() };
    assert_eq!(post(&outside, "/webhooks/calendly", &signature("the newest key", NOW, b"{}"), b"{}").await, 200);
    assert_eq!(post(&outside, "/webhooks/calendly", &signature("no key of ours", NOW, b"{}"), b"{}").await, 401);
}

#[tokio::test]
async fn other_paths_methods_and_sizes() {
    let outside = Fake::default();
    let header = signature(KEY, NOW, b"{}");
    for path in [
        "/",
        "/webhooks",
        "/webhooks/calendlyx",
        "/webhooks/calendly/nobody",
        "/webhooks/calendly/No!",
        "/webhooks/calendly/a/b",
    ] {
        assert_eq!(post(&outside, path, &header, b"{}").await, 404, "{path}");
    }
    assert_eq!(ask(&outside, Method::GET, "/webhooks/calendly", None, Body::Empty).await.0, 405);
    assert_eq!(ask(&outside, Method::GET, "/health", None, Body::Empty).await, (200, r#"{"status":"ok"}"#.to_owned()));
    assert_eq!(ask(&outside, Method::POST, "/health", None, Body::Empty).await.0, 405);
    let large = vec![b' '; LARGEST_BODY + 1];
    assert_eq!(post(&outside, "/webhooks/calendly", &signature(KEY, NOW, &large), &large).await, 413);
    let largest = vec![b' '; LARGEST_BODY];
    assert_eq!(post(&outside, "/webhooks/calendly", &signature(KEY, NOW, &largest), &largest).await, 200);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_queued_is_503_within_the_budget() {
    let header = signature(KEY, NOW, b"{}");
    for (outside, why) in [
        (Fake { queue_is_down: true, ..Fake::default() }, "intake_queue"),
        (Fake { queue_hangs: true, ..Fake::default() }, "out_of_time"),
        (Fake { secrets_are_down: true, ..Fake::default() }, "signing_keys"),
        (Fake { no_keys: true, ..Fake::default() }, "signing_keys"),
    ] {
        let begun = tokio::time::Instant::now();
        assert_eq!(post(&outside, "/webhooks/calendly", &header, b"{}").await, 503, "{why}");
        assert!(begun.elapsed() <= Duration::from_millis(1_500));
        assert_eq!(outside.counted.lock().expect("counts")[0], format!("Unavailable {why}"));
    }
}
