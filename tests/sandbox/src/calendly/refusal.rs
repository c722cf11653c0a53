//! Calendly's errors, in its own words.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::check::Problem;

/// An answer with `{title, message, details?, required_scopes?}`.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    title: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<Problem>,
    required_scopes: Vec<&'static str>,
}

impl Refusal {
    fn new(status: StatusCode, title: &'static str, message: &str) -> Self {
        Self { status, title, message: message.to_owned(), details: Vec::new(), required_scopes: Vec::new() }
    }

    /// 400 with the problem of each parameter.
    pub(crate) fn invalid(details: Vec<Problem>) -> Self {
        Self {
            details,
            ..Self::new(StatusCode::BAD_REQUEST, "Invalid Argument", "The supplied parameters are invalid.")
        }
    }

    pub(crate) fn parameter(parameter: &str, message: &str) -> Self {
        Self::invalid(vec![Problem { parameter: parameter.to_owned(), message: message.to_owned(), code: None }])
    }

    pub(crate) fn already_filled() -> Self {
        Self::invalid(vec![Problem {
            parameter: "event.start_time".to_owned(),
            message: "That start time has been filled".to_owned(),
            code: Some("already_filled".to_owned()),
        }])
    }

    pub(crate) fn invalid_location_choice() -> Self {
        Self {
            message: "Specified location kind is not configured for this event type.".to_owned(),
            ..Self::invalid(vec![Problem {
                parameter: "event.location_configuration.location".to_owned(),
                message: "invalid location choice".to_owned(),
                code: Some("invalid_location_choice".to_owned()),
            }])
        }
    }

    /// Calendly sends this error without details.
    pub(crate) fn answers_missing() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid Argument", "Required Questions and Answers cannot be blank.")
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthenticated", "The access token is invalid")
    }

    pub(crate) fn denied(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Permission Denied", message)
    }

    pub(crate) fn insufficient_scope(required_scopes: Vec<&'static str>) -> Self {
        let message = "This operation requires the scopes listed in the 'required_scopes' array.";
        Self { required_scopes, ..Self::new(StatusCode::FORBIDDEN, "Insufficient scope", message) }
    }

    pub(crate) fn not_found() -> Self {
        let message = "The server could not find the requested resource.";
        Self::new(StatusCode::NOT_FOUND, "Resource Not Found", message)
    }

    pub(crate) fn already_exists(message: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "Already Exists", message)
    }

    pub(crate) fn too_many_requests() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", "Rate limit exceeded")
    }

    /// Returns Calendly's error for a status; `code` selects one of the errors with 400.
    pub(crate) fn for_status(status: StatusCode, code: Option<&str>) -> Self {
        match (status, code) {
            (_, Some("already_filled")) => Self::already_filled(),
            (_, Some("invalid_location_choice")) => Self::invalid_location_choice(),
            (StatusCode::BAD_REQUEST, _) => Self::invalid(Vec::new()),
            (StatusCode::UNAUTHORIZED, _) => Self::unauthenticated(),
            (StatusCode::FORBIDDEN, _) => Self::denied("Please upgrade to a paid Calendly account."),
            (StatusCode::NOT_FOUND, _) => Self::not_found(),
            (StatusCode::CONFLICT, _) => Self::already_exists("Hook with this url already exists"),
            (StatusCode::FAILED_DEPENDENCY, _) => {
                Self::new(status, "External Calendar Error", "There is a problem accessing your calendar.")
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => Self::too_many_requests(),
            _ => {
                let message =
                    "The server encountered an unexpected condition that prevented it from fulfilling the request.";
                Self::new(status, "Internal Server Error", message)
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({"title": self.title, "message": self.message});
        if !self.details.is_empty() {
            body["details"] = json!(self.details);
        }
        if !self.required_scopes.is_empty() {
            body["required_scopes"] = json!(self.required_scopes);
        }
        (self.status, Json(body)).into_response()
    }
}
