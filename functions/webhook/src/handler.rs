//! Every signed call of Calendly's: check it over its raw bytes, queue it, answer. Nothing is read into the body here.

use std::time::Duration;

use domain::{ConnectionName, Private};
use jiff::Timestamp;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use runtime::{QueueError, SecretError};
use serde_json::json;
use wire::intake::{Envelope, Source};
use wire::signature::{Refusal, calendly as signature};

/// Calendly wants an answer soon, and our own promise is two seconds: whatever the outside takes longer for is a 503,
/// upon which Calendly comes again.
pub const BUDGET: Duration = Duration::from_millis(1_500);

/// Calendly's bodies are a few KiB.
pub const LARGEST_BODY: usize = 256 * 1024;

/// What the handler asks of the outside.
pub trait Outside: Sync {
    /// A connection's current signing keys.
    fn keys(
        &self,
        connection: &ConnectionName,
    ) -> impl Future<Output = Result<Vec<Private<String>>, SecretError>> + Send;
    /// The keys read anew, in case they were just rotated; `None` when they were read a moment ago.
    fn keys_anew(&self, connection: &ConnectionName) -> impl Future<Output = Option<Vec<Private<String>>>> + Send;
    /// Puts a message on the intake queue.
    fn enqueue(&self, message: String) -> impl Future<Output = Result<(), QueueError>> + Send;
    /// Now.
    fn now(&self) -> Timestamp;
    /// Counts a metric.
    fn count(&self, metric: &str, reason: &str);
}

/// Answers one request.
pub async fn handle(outside: &impl Outside, tolerance_seconds: u32, request: &Request) -> Response<Body> {
    let path = request.raw_http_path().trim_end_matches('/');
    let is = |method: Method| *request.method() == method;
    let connection = match path.strip_prefix("/webhooks/calendly") {
        _ if path == "/health" && is(Method::GET) => {
            return answer(StatusCode::OK, json!({"status": "ok"}).to_string().into());
        }
        _ if path == "/health" => return method_not_allowed("GET"),
        Some("") => Some(ConnectionName::default()),
        Some(rest) if rest.starts_with('/') => ConnectionName::parse(&rest[1..]),
        _ => None,
    };
    let Some(connection) = connection else {
        return refuse(StatusCode::NOT_FOUND, "not_found", "There is nothing here.");
    };
    if !is(Method::POST) {
        return method_not_allowed("POST");
    }
    let body: &[u8] = match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    };
    if body.len() > LARGEST_BODY {
        outside.count("Refused", "too_large");
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than 256 KiB.");
    }
    let header = request.headers().get(signature::HEADER).map(|value| value.to_str().unwrap_or("not text"));
    match tokio::time::timeout(BUDGET, take(outside, tolerance_seconds, connection, header, body)).await {
        Ok(Ok(())) => {
            outside.count("Accepted", "accepted");
            answer(StatusCode::OK, Body::Empty)
        }
        Ok(Err(No::Unknown)) => {
            outside.count("Refused", "unknown_connection");
            refuse(StatusCode::NOT_FOUND, "not_found", "There is nothing here.")
        }
        Ok(Err(No::Refused(why))) => {
            outside.count("Refused", why.name());
            refuse(StatusCode::UNAUTHORIZED, "unauthorized", "The signature is missing or not valid.")
        }
        Ok(Err(No::Unavailable(what))) => unavailable(outside, what),
        Err(_) => unavailable(outside, "out_of_time"),
    }
}

/// Why a call is not taken.
enum No {
    Unknown,
    Refused(Refusal),
    Unavailable(&'static str),
}

async fn take(
    outside: &impl Outside,
    tolerance_seconds: u32,
    connection: ConnectionName,
    header: Option<&str>,
    body: &[u8],
) -> Result<(), No> {
    let keys = outside.keys(&connection).await.map_err(|error| match error {
        SecretError::Unknown(_) => No::Unknown,
        SecretError::Malformed { .. } | SecretError::Unavailable { .. } => {
            tracing::error!(connection = %connection, error = %error, "the signing keys can't be had");
            No::Unavailable("signing_keys")
        }
    })?;
    if keys.is_empty() {
        tracing::error!(connection = %connection, "there is no signing key: `make connect` makes one");
        return Err(No::Unavailable("signing_keys"));
    }
    let now = outside.now();
    let verify = |keys: &[Private<String>]| signature::verify(header, body, keys, now, i64::from(tolerance_seconds));
    let mut verified = verify(&keys);
    if verified == Err(Refusal::Wrong)
        && let Some(keys) = outside.keys_anew(&connection).await
    {
        verified = verify(&keys);
    }
    verified.map_err(No::Refused)?;
    let envelope = Envelope::new(Source::Calendly, connection, now, body.to_vec());
    outside.enqueue(envelope.to_json()).await.map_err(|error| {
        tracing::error!(error = %error, "the intake queue did not take a call");
        No::Unavailable("intake_queue")
    })
}

fn unavailable(outside: &impl Outside, what: &str) -> Response<Body> {
    outside.count("Unavailable", what);
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again in a little while.");
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
    response
}

fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This path takes another method.");
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    answer(status, json!({"error": {"code": code, "message": message}}).to_string().into())
}

fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let is_json = !matches!(body, Body::Empty);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if is_json {
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    }
    response
}
