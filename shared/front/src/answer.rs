//! Answers and refusals, as JSON and as HTTP.

use api::{Fault, Refusal, Why};
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use crate::locale::Locale;

/// Returns the refusal of a request with one fault.
pub fn invalid(path: &str, problem: &str) -> Refusal {
    invalid_request(vec![Fault::new(path, problem)])
}

/// Returns the refusal of a request with its faults. The message is in English, for the developer of the caller.
pub fn invalid_request(details: Vec<Fault>) -> Refusal {
    let list: Vec<_> = details.iter().map(|it| format!("{} {}", it.path, it.problem)).collect();
    let message = format!("The request is not as it must be: {}.", list.join("; "));
    Refusal::new(Why::InvalidRequest { details }, message)
}

/// Writes an answer as JSON.
///
/// # Errors
/// [`Why::Unavailable`] if it cannot be written.
pub fn to_json(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| {
        tracing::error!(error = %error, "answer not serialisable");
        Locale::english().refuse(Why::Unavailable)
    })
}

/// Returns the decoded body of an HTTP request.
pub(crate) fn decode_body(request: &ApiGatewayV2httpRequest) -> Result<Vec<u8>, Refusal> {
    let text = request.body.clone().unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(text.into_bytes());
    }
    STANDARD.decode(text).map_err(|_| invalid("body", "is not what API Gateway says it is"))
}

/// Returns an HTTP response. `cached` says whether it may be kept for a day.
pub(crate) fn respond(status: u16, body: &Value, refusal: Option<&Refusal>, cached: bool) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    let text = |text: &str| text.parse().ok();
    let mut put = |name: &'static str, value: Option<_>| value.and_then(|value| headers.insert(name, value));
    put("content-type", text("application/json"));
    put("cache-control", text(if cached { "public, max-age=86400" } else { "no-store" }));
    if let Some(seconds) = refusal.and_then(|it| it.retry_after_seconds) {
        put("retry-after", text(&seconds.to_string()));
    }
    match refusal.map(|it| &it.why) {
        Some(Why::Unauthorized) => drop(put("www-authenticate", text("Bearer"))),
        Some(Why::MethodNotAllowed { allowed }) => drop(put("allow", text(&allowed.join(", ")))),
        _ => {}
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(status);
    response.headers = headers;
    response.body = Some(Body::Text(body.to_string()));
    response
}
