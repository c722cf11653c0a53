//! Applies the faults to the requests that a service receives.

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    brevo,
    calendly::refusal::Refusal,
    engagelab,
    faults::{Fault, Mode, Refused, Target},
    ses, twilio,
    world::World,
};

/// Applies a target's faults to its routes.
pub(crate) fn guard(routes: Router<World>, world: &World, target: Target) -> Router<World> {
    routes.layer(middleware::from_fn_with_state((world.clone(), target), apply_fault))
}

async fn apply_fault(State((world, target)): State<(World, Target)>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let fault = world.state().next_fault(target, &method, &path);
    let response = match fault {
        None => next.run(request).await,
        Some(fault) => match fault.mode {
            Mode::Fail => error_answer(&fault),
            Mode::Delay => {
                // In its own task: a handler ends with its caller's connection.
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
                // Ends the connection's task, and so the connection, without an answer and without a panic message.
                std::panic::resume_unwind(Box::new("the answer is dropped"))
            }
            Mode::Duplicate => run_twice(request, next).await,
            Mode::Reorder => {
                let _ = tokio::time::timeout(fault.delay(), world.ended(target).notified()).await;
                next.run(request).await
            }
        },
    };
    world.ended(target).notify_waiters();
    if response.status().is_client_error() || response.status().is_server_error() {
        return record_refusal(&world, target, method, path, response).await;
    }
    response
}

/// Records an answer that is an error, for the inbox page.
async fn record_refusal(world: &World, target: Target, method: String, path: String, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let answer = String::from_utf8_lossy(&body).into_owned();
    let status = parts.status.as_u16();
    world.state().refused.push(Refused { target, method, path, status, answer, at: Timestamp::now() });
    Response::from_parts(parts, Body::from(body))
}

/// Runs a request twice and returns the first answer.
async fn run_twice(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let first = next.clone().run(Request::from_parts(parts.clone(), Body::from(body.clone()))).await;
    next.clone().run(Request::from_parts(parts, Body::from(body))).await;
    first
}

/// Returns the answer of a `fail` fault.
fn error_answer(fault: &Fault) -> Response {
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    match fault.target {
        Target::EngageLab => {
            let code = fault.code.as_ref().and_then(Value::as_i64).unwrap_or(1000);
            engagelab::error(status, code, None)
        }
        // A gateway in front of Calendly answers in HTML.
        Target::Calendly if status == Some(StatusCode::BAD_GATEWAY) => {
            (StatusCode::BAD_GATEWAY, Html("<html><body><h1>502 Bad Gateway</h1></body></html>")).into_response()
        }
        Target::Calendly => {
            let code = fault.code.as_ref().and_then(Value::as_str);
            let refusal = Refusal::for_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code);
            // The window ends in one second, so that a test can wait for it.
            let headers = [("X-RateLimit-Limit", "500"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1")];
            (headers, refusal).into_response()
        }
        Target::Twilio => {
            let code = fault.code.as_ref().and_then(Value::as_u64).and_then(|code| code.try_into().ok());
            twilio::failure(status, code)
        }
        Target::Brevo => brevo::failure(status, fault.code.as_ref().and_then(Value::as_str)),
        Target::Ses => ses::failure(status, fault.code.as_ref().and_then(Value::as_str)),
        Target::CalendlyAuth | Target::Vai | Target::Webhooks | Target::Receipts => {
            let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (status, Json(json!({"error": "told to fail"}))).into_response()
        }
    }
}
