//! Misbehaviour on demand: requests to a part, and webhooks and receipts on their way, can fail, be late, hang, get lost, come
//! twice or out of order.

use std::time::Duration;

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Value, json};

use crate::{
    brevo,
    calendly::refusal::Refusal,
    engagelab, ses, twilio,
    world::{self, World},
};

/// Which part misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    Calendly,
    EngageLab,
    Vai,
    Webhooks,
    Twilio,
    Brevo,
    Ses,
    /// What the providers of messages tell the program.
    Receipts,
}

/// How many targets there are.
pub(crate) const TARGETS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Answers with an error and does nothing. A webhook attempt comes to nothing and is repeated.
    Fail,
    /// Acts `delay_ms` late, even if the caller has given up by then.
    Delay,
    /// Acts at once and answers `delay_ms` late: whoever is less patient doesn't know what was done.
    Slow,
    /// Never answers and does nothing. A webhook attempt runs into its time-out.
    Hang,
    /// Acts, but the answer is lost: the connection closes. A webhook is never sent.
    Drop,
    /// Acts twice.
    Duplicate,
    /// Acts only after the next request (or webhook) of the same target, or after `delay_ms` when none comes.
    Reorder,
}

/// A request that got an error: by its own fault, or because the world was told so.
#[derive(Clone, Serialize)]
pub(crate) struct Refused {
    target: Target,
    method: String,
    path: String,
    status: u16,
    answer: String,
    at: Timestamp,
}

/// One order to misbehave.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    /// Only paths (below the target's own) that begin so; for webhooks and receipts, event names that begin so.
    pub(crate) path_prefix: Option<String>,
    /// Only requests of this method.
    pub(crate) method: Option<String>,
    /// With [`Mode::Fail`]: the HTTP status.
    pub(crate) status: Option<u16>,
    /// With [`Mode::Fail`]: the provider's `code`, or the `code` in the details of Calendly's error.
    pub(crate) code: Option<Value>,
    pub(crate) delay_ms: Option<u64>,
    /// How often it happens; until it is cleared when left out.
    pub(crate) times: Option<u32>,
    /// With what probability it happens to a request that fits, from 0 to 1; always when left out. The setting `seed` says
    /// which requests those are.
    #[serde(default, deserialize_with = "probability")]
    pub(crate) probability: Option<f64>,
}

fn probability<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let given = Option::<f64>::deserialize(deserializer)?;
    match given {
        Some(given) if !(0.0..=1.0).contains(&given) => Err(D::Error::custom("a probability is from 0 to 1")),
        fit => Ok(fit),
    }
}

impl Fault {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.unwrap_or(1_000))
    }

    /// The error that the part answers with.
    fn answer(&self) -> Response {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok());
        match self.target {
            Target::EngageLab => {
                let code = self.code.as_ref().and_then(Value::as_i64).unwrap_or(1000);
                engagelab::error(status, code, None)
            }
            // A gateway in front of Calendly answers in HTML.
            Target::Calendly if status == Some(StatusCode::BAD_GATEWAY) => {
                (StatusCode::BAD_GATEWAY, Html("<html><body><h1>502 Bad Gateway</h1></body></html>")).into_response()
            }
            Target::Calendly => {
                let code = self.code.as_ref().and_then(Value::as_str);
                let refusal = Refusal::of_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code);
                // As if the limit had been reached a second before the window ends.
                let headers =
                    [("X-RateLimit-Limit", "500"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1")];
                (headers, refusal).into_response()
            }
            Target::Twilio => {
                let code = self.code.as_ref().and_then(Value::as_u64).and_then(|code| code.try_into().ok());
                twilio::failure(status, code)
            }
            Target::Brevo => brevo::failure(status, self.code.as_ref().and_then(Value::as_str)),
            Target::Ses => ses::failure(status, self.code.as_ref().and_then(Value::as_str)),
            Target::Vai | Target::Webhooks | Target::Receipts => {
                let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                (status, Json(json!({"error": "told to fail"}))).into_response()
            }
        }
    }
}

impl world::State {
    /// The first fault that fits, used up by one.
    pub(crate) fn take_fault(&mut self, target: Target, method: &str, path: &str) -> Option<Fault> {
        let dice = &mut self.dice;
        let index = self.faults.iter().position(|fault| {
            fault.target == target
                && fault.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
                && fault.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && fault.probability.is_none_or(|probability| dice.roll() < probability)
        })?;
        let fault = self.faults[index].clone();
        if let Some(times) = &mut self.faults[index].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.faults.remove(index);
            }
        }
        Some(fault)
    }
}

/// Puts a part's routes behind its faults.
pub(crate) fn guard(routes: Router<World>, world: &World, target: Target) -> Router<World> {
    routes.layer(middleware::from_fn_with_state((world.clone(), target), misbehave))
}

async fn misbehave(State((world, target)): State<(World, Target)>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let fault = world.state().take_fault(target, &method, &path);
    let response = match fault {
        None => next.run(request).await,
        Some(fault) => match fault.mode {
            Mode::Fail => fault.answer(),
            Mode::Delay => {
                // In a task of its own: a handler ends with its caller's connection.
                let acting = tokio::spawn(async move {
                    tokio::time::sleep(fault.delay()).await;
                    next.run(request).await
                });
                acting.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
            }
            Mode::Slow => {
                let response = next.run(request).await;
                tokio::time::sleep(fault.delay()).await;
                response
            }
            Mode::Hang => std::future::pending().await,
            Mode::Drop => {
                next.run(request).await;
                world.ended(target).notify_waiters();
                // Ends the connection's task, and with it the connection, without an answer and without a panic message.
                std::panic::resume_unwind(Box::new("the answer is dropped"))
            }
            Mode::Duplicate => twice(request, next).await,
            Mode::Reorder => {
                let _ = tokio::time::timeout(fault.delay(), world.ended(target).notified()).await;
                next.run(request).await
            }
        },
    };
    world.ended(target).notify_waiters();
    if response.status().is_client_error() || response.status().is_server_error() {
        return note_refused(&world, target, method, path, response).await;
    }
    response
}

/// Keeps an error where a person will look for it.
async fn note_refused(world: &World, target: Target, method: String, path: String, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let answer = String::from_utf8_lossy(&body).into_owned();
    let status = parts.status.as_u16();
    world.state().refused.push(Refused { target, method, path, status, answer, at: Timestamp::now() });
    Response::from_parts(parts, Body::from(body))
}

/// Runs a request twice and gives the first answer.
async fn twice(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let first = next.clone().run(Request::from_parts(parts.clone(), Body::from(body.clone()))).await;
    next.clone().run(Request::from_parts(parts, Body::from(body))).await;
    first
}
