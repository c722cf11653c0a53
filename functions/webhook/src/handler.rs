//! Every call from outside that isn't VAI's: make sure whose it is over its raw bytes, queue it, answer. Nothing is read
//! into a body here. `door` has the providers, `unsubscribe` the link that people follow.

mod door;
mod unsubscribe;

use std::time::Duration;

use domain::ConnectionName;
use jiff::Timestamp;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use runtime::{QueueError, SecretError, Signing};
use serde_json::json;
use wire::intake::{Envelope, Source};
use wire::signature::Refusal;

use crate::door::{Call, Door, Genuine};
use crate::unsubscribe::{Link, Page, language, page};

/// Calendly wants an answer soon, EngageLab within three seconds, and our own promise is two: whatever the outside takes
/// longer for is a 503, upon which Calendly comes again.
pub const BUDGET: Duration = Duration::from_millis(1_500);

/// Calendly's bodies are a few KiB; so are the others'.
pub const LARGEST_BODY: usize = 256 * 1024;

/// What the handler asks of the outside.
pub trait Outside: Sync {
    /// What a connection's calls are signed with.
    fn signing(&self, connection: &ConnectionName) -> impl Future<Output = Result<Signing, SecretError>> + Send;
    /// The same read anew, in case it just changed; `None` when it was read a moment ago.
    fn signing_anew(&self, connection: &ConnectionName) -> impl Future<Output = Option<Signing>> + Send;
    /// Puts a message on the intake queue.
    fn enqueue(&self, message: String) -> impl Future<Output = Result<(), QueueError>> + Send;
    /// Where callers reach us, without a slash at its end.
    fn public_url(&self) -> Option<&str>;
    /// Now.
    fn now(&self) -> Timestamp;
    /// Counts a metric.
    fn count(&self, metric: &str, reason: &str);
}

/// Answers one request.
pub async fn handle(outside: &impl Outside, tolerance_seconds: u32, request: &Request) -> Response<Body> {
    let path = request.raw_http_path().trim_end_matches('/');
    if path == "/health" {
        return health(request);
    }
    if let Some((door, connection)) = Door::at(path) {
        return at_door(outside, door, connection, tolerance_seconds, request).await;
    }
    if let Some(link) = Link::at(path) {
        return at_link(outside, &link, request).await;
    }
    nothing_here()
}

fn health(request: &Request) -> Response<Body> {
    match *request.method() {
        Method::GET => answer(StatusCode::OK, json!({"status": "ok"}).to_string().into()),
        _ => method_not_allowed("GET"),
    }
}

async fn at_door(
    outside: &impl Outside,
    door: Door,
    connection: ConnectionName,
    tolerance_seconds: u32,
    request: &Request,
) -> Response<Body> {
    if *request.method() != Method::POST {
        return method_not_allowed("POST");
    }
    let body = body_of(request);
    if body.len() > LARGEST_BODY {
        outside.count("Refused", "too_large");
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than 256 KiB.");
    }
    let call = Call {
        connection: &connection,
        headers: request.headers(),
        path: request.raw_http_path(),
        query: request.uri().query(),
        body,
        public_url: outside.public_url(),
        now: outside.now(),
        tolerance_seconds: i64::from(tolerance_seconds),
    };
    match in_time(take(outside, door, &call)).await {
        Ok(taken) => {
            outside.count("Accepted", taken);
            answer(StatusCode::OK, Body::Empty)
        }
        Err(No::Unknown) => {
            outside.count("Refused", "unknown_connection");
            nothing_here()
        }
        Err(No::Refused(why)) => {
            let (source, reason) = (door.source().name(), why.name());
            tracing::info!(connection = %connection, source, reason, "a call was refused");
            outside.count("Refused", reason);
            refuse(StatusCode::UNAUTHORIZED, "unauthorized", "The signature is missing or not valid.")
        }
        // Calendly comes again. Brevo does not: what it isn't answered 200 for it drops. To say 200 all the same would
        // save no receipt, and hide from its log, and from ours, that one was lost.
        Err(No::Unavailable(what)) => {
            outside.count("Unavailable", what);
            unavailable()
        }
    }
}

async fn at_link(outside: &impl Outside, link: &Link, request: &Request) -> Response<Body> {
    let language = language(request.uri().query());
    let is_meant = match *request.method() {
        Method::GET => false,
        Method::POST => true,
        _ => return method_not_allowed("GET, POST"),
    };
    match in_time(follow(outside, link, is_meant)).await {
        Ok(said) => {
            if said == Page::Done {
                outside.count("Accepted", "unsubscribe");
            }
            page(said, language)
        }
        Err(No::Unavailable(what)) => {
            outside.count("Unavailable", what);
            page(Page::Failed, language)
        }
        Err(_) => {
            outside.count("Refused", "unknown_connection");
            nothing_here()
        }
    }
}

/// Why a call is not taken.
#[derive(PartialEq, Eq, Debug)]
enum No {
    Unknown,
    Refused(Refusal),
    Unavailable(&'static str),
}

/// What has no answer within the budget is unavailable.
async fn in_time<T>(work: impl Future<Output = Result<T, No>>) -> Result<T, No> {
    tokio::time::timeout(BUDGET, work).await.unwrap_or(Err(No::Unavailable("out_of_time")))
}

/// Makes sure of a call and queues it; what it was taken as.
async fn take(outside: &impl Outside, door: Door, call: &Call<'_>) -> Result<&'static str, No> {
    let connection = call.connection;
    let keys = outside.signing(connection).await.map_err(|error| match error {
        SecretError::Unknown(_) => No::Unknown,
        SecretError::Malformed { .. } | SecretError::Unavailable { .. } => {
            tracing::error!(connection = %connection, error = %error, "the signing keys can't be had");
            No::Unavailable("signing_keys")
        }
    })?;
    let mut verified = door.verify(call, &keys);
    if let Err(No::Refused(Refusal::Wrong | Refusal::NoKey)) = verified
        && let Some(keys) = outside.signing_anew(connection).await
    {
        verified = door.verify(call, &keys);
    }
    let Genuine { nonce, query } = match verified {
        // EngageLab asks whether anybody is there before it knows any secret. One that is signed is queued like any call, so
        // that its header is used up.
        Err(No::Refused(_)) if door.is_probe(call.body) => return Ok("probe"),
        verified => verified?,
    };
    let bare = Envelope::new(door.source(), connection.clone(), call.now, call.body.to_vec());
    enqueue(outside, &Envelope { nonce, query, ..bare }).await?;
    Ok("accepted")
}

/// Looks whether a link can be ours, and does what it is for when that is meant.
async fn follow(outside: &impl Outside, link: &Link, is_meant: bool) -> Result<Page, No> {
    // No key is needed: whoever wants to be left alone is not to wait for Secrets Manager.
    if let Err(SecretError::Unknown(_)) = outside.signing(&link.connection).await {
        return Err(No::Unknown);
    }
    if !is_meant {
        return Ok(Page::Ask);
    }
    let body = link.of.to_json().into_bytes();
    enqueue(outside, &Envelope::new(Source::Unsubscribe, link.connection.clone(), outside.now(), body)).await?;
    Ok(Page::Done)
}

async fn enqueue(outside: &impl Outside, envelope: &Envelope) -> Result<(), No> {
    outside.enqueue(envelope.to_json()).await.map_err(|error| {
        tracing::error!(error = %error, "the intake queue did not take a call");
        No::Unavailable("intake_queue")
    })
}

fn body_of(request: &Request) -> &[u8] {
    match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    }
}

fn unavailable() -> Response<Body> {
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again in a little while.");
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
    response
}

fn nothing_here() -> Response<Body> {
    refuse(StatusCode::NOT_FOUND, "not_found", "There is nothing here.")
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
