//! Brevo's errors.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = Json(json!({"code": code, "message": message}));
    if status == StatusCode::TOO_MANY_REQUESTS {
        // The window ends in one second, so that a test can wait for it.
        let headers =
            [("x-sib-ratelimit-limit", "1000"), ("x-sib-ratelimit-remaining", "0"), ("x-sib-ratelimit-reset", "1")];
        return (status, headers, body).into_response();
    }
    (status, body).into_response()
}
