//! `https://auth.calendly.com` (OAuth 2.0): the page on which a person allows an app to use their account, and the
//! app's tokens.
//!
//! A refresh token works once. An access token works until its end, also after a refresh.

use std::collections::HashMap;

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    hosts::HOSTS,
    logins::{Code, Granted},
};
use crate::{keys, random, world::World};

/// How long a code works.
const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// The scopes that a login without `scope` gets.
const ALL_SCOPES: &[&str] = &[
    "users:read",
    "organizations:read",
    "event_types:read",
    "availability:read",
    "scheduled_events:read",
    "scheduled_events:write",
    "scheduling_links:write",
    "webhooks:read",
    "webhooks:write",
];

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/oauth/authorize", get(authorize))
        .route("/oauth/token", post(token))
        .route("/oauth/revoke", post(revoke))
        .route("/oauth/introspect", post(introspect))
}

/// The page. `allow` names who allows it; without it, the page lists the users.
async fn authorize(State(world): State<World>, Query(params): Query<HashMap<String, String>>) -> Response {
    let given = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
    if given("client_id") != keys::CALENDLY_APP_ID {
        return (StatusCode::BAD_REQUEST, "The app is not known.").into_response();
    }
    let Ok(mut back) = reqwest::Url::parse(given("redirect_uri")) else {
        return (StatusCode::BAD_REQUEST, "The redirect URI is not valid.").into_response();
    };
    let mut send_back = |answer: &[(&str, &str)]| {
        back.query_pairs_mut().extend_pairs(answer).append_pair("state", given("state"));
        Redirect::to(back.as_str()).into_response()
    };
    if given("response_type") != "code" {
        return send_back(&[("error", "unsupported_response_type")]);
    }
    if given("allow") == "nobody" {
        return send_back(&[("error", "access_denied"), ("error_description", "The person refused.")]);
    }
    let Some(host) = HOSTS.into_iter().find(|host| host.slug == given("allow")) else {
        let query = query_of(&params);
        let who = HOSTS.iter().map(|host| (host.slug, host.name)).chain([("nobody", "Refuse")]);
        let links: String =
            who.map(|(slug, name)| format!("<p><a href=\"?{query}&amp;allow={slug}\">{name}</a></p>\n")).collect();
        return Html(format!("<h1>An app wants to use your Calendly account</h1>\n{links}")).into_response();
    };
    let scopes = match params.get("scope").filter(|scope| !scope.is_empty()) {
        Some(scope) => scope.split(' ').map(str::to_owned).collect(),
        None => ALL_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    let code = random::base32(24);
    let kept = Code {
        granted: Granted { host, scopes },
        redirect_uri: given("redirect_uri").to_owned(),
        challenge: params.get("code_challenge").cloned(),
        ends: Timestamp::now() + CODE_LIFETIME,
    };
    world.state().logins.codes.insert(code.clone(), kept);
    send_back(&[("code", &code)])
}

fn query_of(params: &HashMap<String, String>) -> String {
    let mut url = reqwest::Url::parse("http://unused/").expect("a URL");
    url.query_pairs_mut().extend_pairs(params);
    url.query().unwrap_or_default().replace('&', "&amp;")
}

async fn token(State(world): State<World>, headers: HeaderMap, Form(form): Form<HashMap<String, String>>) -> Response {
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if !is_the_app(&headers) {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed.");
    }
    let mut state = world.state();
    let now = Timestamp::now();
    let settings = state.settings.clone();
    let logins = &mut state.logins;
    let known = match given("grant_type") {
        "authorization_code" => logins.codes.get(given("code")).map(|code| code.granted.host.uuid),
        "refresh_token" => logins.refresh.get(given("refresh_token")).map(|granted| granted.host.uuid),
        _ => return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "The grant type is not supported."),
    };
    if let Some(seconds) = known.and_then(|user| logins.count(user, settings.token_requests_per_minute, now)) {
        logins.refused += 1;
        let mut answer = refuse(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many token requests.");
        answer.headers_mut().insert("X-RateLimit-Reset", seconds.into());
        return answer;
    }
    let granted = if given("grant_type") == "refresh_token" {
        logins.refresh.remove(given("refresh_token"))
    } else {
        let code = logins.codes.remove(given("code")).filter(|code| {
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(given("code_verifier")));
            code.ends > now
                && code.redirect_uri == given("redirect_uri")
                && code.challenge.as_ref().is_none_or(|wanted| *wanted == challenge)
        });
        code.map(|code| code.granted)
    };
    match granted {
        Some(granted) => logins.issue(&granted, settings.access_token_seconds, now),
        None => {
            logins.refused += 1;
            refuse(StatusCode::BAD_REQUEST, "invalid_grant", "The grant is invalid, expired or revoked.")
        }
    }
}

async fn revoke(State(world): State<World>, Form(form): Form<HashMap<String, String>>) -> Response {
    if !names_the_app(&form) {
        return refuse(StatusCode::FORBIDDEN, "unauthorized_client", "You are not authorized to revoke this token.");
    }
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let logins = &mut world.state().logins;
    logins.access.remove(token);
    logins.refresh.remove(token);
    Json(json!({})).into_response()
}

async fn introspect(State(world): State<World>, Form(form): Form<HashMap<String, String>>) -> Response {
    if !names_the_app(&form) {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed.");
    }
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let state = world.state();
    match state.logins.find(token, Timestamp::now()) {
        Some(granted) => Json(json!({
            "active": true, "scope": granted.scopes.join(" "), "client_id": keys::CALENDLY_APP_ID, "token_type": "Bearer",
        }))
        .into_response(),
        None => Json(json!({"active": false})).into_response(),
    }
}

fn is_the_app(headers: &HeaderMap) -> bool {
    let expected = BASE64_STANDARD.encode(format!("{}:{}", keys::CALENDLY_APP_ID, keys::CALENDLY_APP_SECRET));
    headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes() == format!("Basic {expected}").as_bytes())
}

fn names_the_app(form: &HashMap<String, String>) -> bool {
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    given("client_id") == keys::CALENDLY_APP_ID && given("client_secret") == keys::CALENDLY_APP_SECRET
}

fn refuse(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({"error": error, "error_description": description}))).into_response()
}
