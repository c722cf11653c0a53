//! Every call from outside that isn't VAI's: make sure whose it is over its raw bytes, queue it, answer. Nothing is
//! read into a body here. `provider` has the providers, `unsubscribe` the link that people follow.

mod provider;
mod unsubscribe;

use std::time::Duration;

use domain::ConnectionName;
use jiff::Timestamp;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use runtime::{QueueError, SecretError, Signing};
use serde_json::json;
use wire::intake::{Envelope, Source};
use wire::signature::SignatureError;

use crate::provider::{InboundCall, Provider, VerifiedCall};
use crate::unsubscribe::{Page, UnsubscribeLink, language, page};

/// Calendly wants an answer soon, EngageLab within three seconds, and our own promise is two: whatever the outside
/// takes longer for is a 503, upon which Calendly comes again.
pub const BUDGET: Duration = Duration::from_millis(1_500);

/// Calendly's bodies are a few KiB; so are the others'.
pub const LARGEST_BODY: usize = 256 * 1024;

/// What the handler asks of the outside.
pub trait Ports: Sync {
    /// What a connection's calls are signed with.
    fn signing(&self, connection: &ConnectionName) -> impl Future<Output = Result<Signing, SecretError>> + Send;
    /// The same read anew, in case it just changed; `None` when it was read a moment ago.
    fn reread_signing(&self, connection: &ConnectionName) -> impl Future<Output = Option<Signing>> + Send;
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
pub async fn handle(ports: &impl Ports, tolerance_seconds: u32, request: &Request) -> Response<Body> {
    let path = request.raw_http_path().trim_end_matches('/');
    if path == "/health" {
        return health(request);
    }
    if let Some((provider, connection)) = Provider::for_path(path) {
        return receive_call(ports, provider, connection, tolerance_seconds, request).await;
    }
    if let Some(link) = UnsubscribeLink::parse(path) {
        return show_unsubscribe(ports, &link, request).await;
    }
    not_found()
}

fn health(request: &Request) -> Response<Body> {
    match *request.method() {
        Method::GET => answer(StatusCode::OK, json!({"status": "ok"}).to_string().into()),
        _ => method_not_allowed("GET"),
    }
}

async fn receive_call(
    ports: &impl Ports,
    provider: Provider,
    connection: ConnectionName,
    tolerance_seconds: u32,
    request: &Request,
) -> Response<Body> {
    if *request.method() != Method::POST {
        return method_not_allowed("POST");
    }
    let body = body_of(request);
    if body.len() > LARGEST_BODY {
        ports.count("Refused", "too_large");
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than 256 KiB.");
    }
    let call = InboundCall {
        connection: &connection,
        headers: request.headers(),
        path: request.raw_http_path(),
        query: request.uri().query(),
        body,
        public_url: ports.public_url(),
        now: ports.now(),
        tolerance_seconds: i64::from(tolerance_seconds),
    };
    match within_budget(accept_call(ports, provider, &call)).await {
        Ok(taken) => {
            ports.count("Accepted", taken);
            answer(StatusCode::OK, Body::Empty)
        }
        Err(Rejection::UnknownConnection) => {
            ports.count("Refused", "unknown_connection");
            not_found()
        }
        Err(Rejection::BadSignature(why)) => {
            let (source, reason) = (provider.source().name(), why.name());
            tracing::info!(connection = %connection, source, reason, "webhook refused");
            ports.count("Refused", reason);
            refuse(StatusCode::UNAUTHORIZED, "unauthorized", "The signature is missing or not valid.")
        }
        // Calendly comes again. Brevo does not: what it isn't answered 200 for it drops. To say 200 all the same would
        // save no receipt, and hide from its log, and from ours, that one was lost.
        Err(Rejection::Unavailable(what)) => {
            ports.count("Unavailable", what);
            unavailable()
        }
    }
}

async fn show_unsubscribe(ports: &impl Ports, link: &UnsubscribeLink, request: &Request) -> Response<Body> {
    let language = language(request.uri().query());
    let is_meant = match *request.method() {
        Method::GET => false,
        Method::POST => true,
        _ => return method_not_allowed("GET, POST"),
    };
    match within_budget(follow_link(ports, link, is_meant)).await {
        Ok(said) => {
            if said == Page::Done {
                ports.count("Accepted", "unsubscribe");
            }
            page(said, language)
        }
        Err(Rejection::Unavailable(what)) => {
            ports.count("Unavailable", what);
            page(Page::Failed, language)
        }
        Err(_) => {
            ports.count("Refused", "unknown_connection");
            not_found()
        }
    }
}

/// Why a call is not taken.
#[derive(PartialEq, Eq, Debug)]
enum Rejection {
    UnknownConnection,
    BadSignature(SignatureError),
    Unavailable(&'static str),
}

/// What has no answer within the budget is unavailable.
async fn within_budget<T>(work: impl Future<Output = Result<T, Rejection>>) -> Result<T, Rejection> {
    tokio::time::timeout(BUDGET, work).await.unwrap_or(Err(Rejection::Unavailable("out_of_time")))
}

/// Makes sure of a call and queues it; what it was taken as.
async fn accept_call(
    ports: &impl Ports,
    provider: Provider,
    call: &InboundCall<'_>,
) -> Result<&'static str, Rejection> {
    let connection = call.connection;
    let keys = ports.signing(connection).await.map_err(|error| match error {
        SecretError::Unknown(_) => Rejection::UnknownConnection,
        SecretError::Malformed { .. } | SecretError::Unavailable { .. } => {
            tracing::error!(connection = %connection, error = %error, "the signing keys can't be had");
            Rejection::Unavailable("signing_keys")
        }
    })?;
    let mut verified = provider.verify_signature(call, &keys);
    if let Err(Rejection::BadSignature(SignatureError::Wrong | SignatureError::NoKey)) = verified
        && let Some(keys) = ports.reread_signing(connection).await
    {
        verified = provider.verify_signature(call, &keys);
    }
    let VerifiedCall { nonce, query } = match verified {
        // EngageLab asks whether anybody is there before it knows any secret. One that is signed is queued like any
        // call, so that its header is used up.
        Err(Rejection::BadSignature(_)) if provider.is_probe(call.body) => return Ok("probe"),
        verified => verified?,
    };
    let bare = Envelope::new(provider.source(), connection.clone(), call.now, call.body.to_vec());
    enqueue(ports, &Envelope { nonce, query, ..bare }).await?;
    Ok("accepted")
}

/// Looks whether a link can be ours, and does what it is for when that is meant.
async fn follow_link(ports: &impl Ports, link: &UnsubscribeLink, is_meant: bool) -> Result<Page, Rejection> {
    // No key is needed: whoever wants to be left alone is not to wait for Secrets Manager.
    if let Err(SecretError::Unknown(_)) = ports.signing(&link.connection).await {
        return Err(Rejection::UnknownConnection);
    }
    if !is_meant {
        return Ok(Page::Ask);
    }
    let body = link.of.to_json().into_bytes();
    enqueue(ports, &Envelope::new(Source::Unsubscribe, link.connection.clone(), ports.now(), body)).await?;
    Ok(Page::Done)
}

async fn enqueue(ports: &impl Ports, envelope: &Envelope) -> Result<(), Rejection> {
    ports.enqueue(envelope.to_json()).await.map_err(|error| {
        tracing::error!(error = %error, "the intake queue did not take a call");
        Rejection::Unavailable("intake_queue")
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

fn not_found() -> Response<Body> {
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
