//! Receives the providers' webhooks: verifies the signature over the raw bytes, queues the call, answers. Bodies are
//! not parsed here. `provider` has the providers, `unsubscribe` the opt-out page.

mod provider;
mod rejection;
mod unsubscribe;

use std::time::Duration;

use domain::{ConnectionName, ContactKey, Pepper};
use jiff::Timestamp;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use runtime::{QueueError, SecretError, Signing};
use serde_json::json;
use wire::intake::{Envelope, LARGEST_WHOLE_BODY, Source};
use wire::receipts::unsubscribe::{Unsubscribe, is_genuine, read_form};
use wire::signature::SignatureError;

use crate::provider::{InboundCall, Provider, VerifiedCall};
use crate::rejection::Rejection;
use crate::unsubscribe::{Page, UnsubscribeLink, language, page};

/// The time for reading keys and queueing a call. After it the answer is 503, and Calendly sends the webhook again.
/// EngageLab waits at most 3 seconds for an answer; we promise 2.
pub const BUDGET: Duration = Duration::from_millis(1_500);

/// The part of it for a secret that an opt-out can do without. The rest is for the queue.
const BUDGET_OF_SECRET: Duration = Duration::from_millis(700);

/// What the handler needs from outside.
pub trait Ports: Sync {
    /// Returns the keys that sign the calls for a connection.
    fn signing(&self, connection: &ConnectionName) -> impl Future<Output = Result<Signing, SecretError>> + Send;
    /// Reads the keys again, in case they have just changed; `None` when they were read a moment ago.
    fn reread_signing(&self, connection: &ConnectionName) -> impl Future<Output = Option<Signing>> + Send;
    /// Returns the secret that signs links to the opt-out page.
    fn pepper(&self) -> impl Future<Output = Result<&Pepper, SecretError>> + Send;
    /// Puts a message on the intake queue.
    fn enqueue(&self, message: String, tenant: &str) -> impl Future<Output = Result<(), QueueError>> + Send;
    /// Returns our URL for callers, without a slash at its end.
    fn public_url(&self) -> Option<&str>;
    /// Returns the time now.
    fn now(&self) -> Timestamp;
    /// Adds one to a metric, with the details of this occurrence.
    fn count(&self, metric: &str, details: &[(&str, &str)]);
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
    let body = body_bytes(request);
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
        // A test of the address needs no key, so it is no sign that the provider's calls are accepted.
        Ok("probe") => {
            ports.count("Accepted", &[("Reason", "probe")]);
            answer(StatusCode::OK, Body::Empty)
        }
        Ok(reason) => {
            ports.count("Accepted", &[("Reason", reason), ("Source", provider.source().name())]);
            answer(StatusCode::OK, Body::Empty)
        }
        Err(Rejection::TooLarge) => {
            ports.count("Refused", &[("Reason", "too_large")]);
            refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than 720 KiB.")
        }
        Err(Rejection::UnknownConnection(reason)) => refuse_caller(ports, provider, &connection, reason),
        Err(Rejection::BadSignature(error)) => refuse_caller(ports, provider, &connection, error.name()),
        // Calendly sends the call again. Brevo does not: the receipt is lost, and 503 shows that in its log and ours.
        Err(Rejection::Unavailable(reason)) => {
            ports.count("Unavailable", &[("Reason", reason)]);
            unavailable()
        }
    }
}

/// Refuses a caller. Whether the connection exists is not said.
fn refuse_caller(
    ports: &impl Ports,
    provider: Provider,
    connection: &ConnectionName,
    reason: &'static str,
) -> Response<Body> {
    let source = provider.source().name();
    tracing::info!(connection = %connection, source, reason, "webhook refused");
    ports.count("Refused", &[("Reason", reason), ("Source", source)]);
    // Every connection needs a key of Calendly's. Of the other providers, many use none.
    let lost_its_key = provider == Provider::Calendly && reason == SignatureError::NoKey.name();
    if lost_its_key || reason == SignatureError::Wrong.name() {
        // The alarm compares it with what was accepted of the same provider.
        ports.count("WrongSignature", &[("Source", source)]);
    }
    refuse(StatusCode::UNAUTHORIZED, "unauthorized", "The signature is missing or not valid.")
}

async fn show_unsubscribe(ports: &impl Ports, link: &UnsubscribeLink, request: &Request) -> Response<Body> {
    let query = request.uri().query();
    let language = language(query);
    let sent = match *request.method() {
        Method::GET | Method::HEAD => None,
        Method::POST => Some(body_bytes(request)),
        _ => return method_not_allowed("GET, HEAD, POST"),
    };
    match within_budget(follow_link(ports, link, query, sent)).await {
        Ok(next) => {
            match next {
                Page::Done => ports.count("Accepted", &[("Reason", "unsubscribe")]),
                Page::Noted => ports.count("Accepted", &[("Reason", "address")]),
                Page::AskAddress => ports.count("Refused", &[("Reason", "unsigned_link")]),
                Page::Ask | Page::Failed => {}
            }
            page(next, language)
        }
        Err(rejection) => {
            let reason = if let Rejection::Unavailable(reason) = rejection { reason } else { "unknown" };
            ports.count("Unavailable", &[("Reason", reason)]);
            page(Page::Failed, language)
        }
    }
}

/// Runs `work`, and rejects the call as unavailable when the budget is over.
async fn within_budget<T>(work: impl Future<Output = Result<T, Rejection>>) -> Result<T, Rejection> {
    tokio::time::timeout(BUDGET, work).await.unwrap_or(Err(Rejection::Unavailable("out_of_time")))
}

/// Verifies a call and queues it. Returns the reason for the metric.
async fn accept_call(
    ports: &impl Ports,
    provider: Provider,
    call: &InboundCall<'_>,
) -> Result<&'static str, Rejection> {
    let connection = call.connection;
    // Calendly would send it for a day, and then switch the subscription off. What is cut is asked for at Calendly.
    let is_large = call.body.len() > LARGEST_WHOLE_BODY;
    if is_large && provider.source() != Source::Calendly {
        return Err(Rejection::TooLarge);
    }
    let (keys, unknown) = match ports.signing(connection).await {
        Ok(keys) => (keys, None),
        Err(SecretError::Unknown(_)) => (Signing::default(), Some("unknown_connection")),
        Err(SecretError::NotLookedUp(_)) => (Signing::default(), Some("not_looked_up")),
        Err(error @ (SecretError::Malformed { .. } | SecretError::Unavailable { .. })) => {
            tracing::error!(connection = %connection, error = %error, "signing keys not available");
            return Err(Rejection::Unavailable("signing_keys"));
        }
    };
    let mut verified = provider.verify_signature(call, &keys);
    if let Err(Rejection::BadSignature(SignatureError::Wrong | SignatureError::NoKey)) = verified
        && unknown.is_none()
        && let Some(keys) = ports.reread_signing(connection).await
    {
        verified = provider.verify_signature(call, &keys);
    }
    let VerifiedCall { nonce, query } = match (verified, unknown) {
        // EngageLab tests the address before it knows a secret. A signed test call is queued like any other, so that
        // its nonce cannot be used again.
        (Err(Rejection::BadSignature(_)), _) if provider.is_probe(call.body) => return Ok("probe"),
        (Err(Rejection::BadSignature(_)), Some(reason)) => return Err(Rejection::UnknownConnection(reason)),
        (verified, _) => verified?,
    };
    let bare = Envelope::new(provider.source(), connection.clone(), call.now, call.body.to_vec()).fitted();
    enqueue(ports, &Envelope { nonce, query, ..bare }).await?;
    Ok(if is_large { "cut" } else { "accepted" })
}

/// Queues the opt-out of a link that we signed, when the person has confirmed it. Of another link, the person writes
/// the address first; the processor looks whether we wrote to it, and the answer does not say.
async fn follow_link(
    ports: &impl Ports,
    link: &UnsubscribeLink,
    query: Option<&str>,
    sent: Option<&[u8]>,
) -> Result<Page, Rejection> {
    let (opt_out, next) = if let Some((contact, signature)) = signed_contact(ports, link, query).await {
        if sent.is_none() {
            return Ok(Page::Ask);
        }
        (Unsubscribe::by_link(link.booking.clone(), contact, signature), Page::Done)
    } else {
        let Some(address) = sent.and_then(read_form) else { return Ok(Page::AskAddress) };
        // Only what certainly is no connection is dropped, so this works when Secrets Manager does not.
        let signing = tokio::time::timeout(BUDGET_OF_SECRET, ports.signing(&link.connection)).await;
        if let Ok(Err(SecretError::Unknown(_))) = signing {
            return Ok(Page::Noted);
        }
        (Unsubscribe::by_address(link.booking.clone(), address), Page::Noted)
    };
    let body = opt_out.to_json().into_bytes();
    enqueue(ports, &Envelope::new(Source::Unsubscribe, link.connection.clone(), ports.now(), body)).await?;
    Ok(next)
}

/// Returns contact and signature of a link if we signed it. While the pepper can't be read, a whole link passes: the
/// processor checks the signature again, and a mail program that unsubscribes does not come back.
async fn signed_contact<'a>(
    ports: &impl Ports,
    link: &UnsubscribeLink,
    query: Option<&'a str>,
) -> Option<(ContactKey, &'a str)> {
    let (contact, signature) = link.contact_and_signature(query)?;
    let is_ours = match tokio::time::timeout(BUDGET_OF_SECRET, ports.pepper()).await {
        Ok(Ok(pepper)) => is_genuine(pepper, &link.connection, &link.booking, &contact, signature),
        Ok(Err(error)) => {
            tracing::error!(error = %error, "pepper not available, link not checked yet");
            true
        }
        Err(_) => {
            tracing::error!("pepper not read in time, link not checked yet");
            true
        }
    };
    is_ours.then_some((contact, signature))
}

async fn enqueue(ports: &impl Ports, envelope: &Envelope) -> Result<(), Rejection> {
    ports.enqueue(envelope.to_json(), envelope.connection.as_str()).await.map_err(|error| {
        tracing::error!(error = %error, "call not queued");
        Rejection::Unavailable("intake_queue")
    })
}

fn body_bytes(request: &Request) -> &[u8] {
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
