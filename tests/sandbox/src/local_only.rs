//! Who may call the sandbox: programs and pages of this machine. A website that a browser here shows can call addresses
//! of this machine, and can have its own name lead to one; so the name in `Host` counts.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Refuses a call with a foreign `Host` or `Origin`, and one that a browser makes for another site.
pub(crate) async fn refuse_foreign(request: Request, next: Next) -> Response {
    match refusal(request.headers()) {
        Some(reason) => (StatusCode::FORBIDDEN, reason).into_response(),
        None => next.run(request).await,
    }
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let value = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    if !value(header::HOST.as_str()).is_some_and(is_local) {
        return Some("Refused: the Host is not this machine\n");
    }
    // What a browser says of the page that calls: whether it is of the same site.
    let site = value("sec-fetch-site");
    let Some(origin) = value(header::ORIGIN.as_str()) else {
        // A picture or a link of a website calls without an Origin.
        return (site == Some("cross-site")).then_some("Refused: the page that calls is not of this machine\n");
    };
    // A page that sends no referrer has the origin null, in its calls to itself too.
    let is_own = origin == "null" && site == Some("same-origin");
    let is_local = is_own || origin.split_once("://").is_some_and(|(_, authority)| is_local(authority));
    (!is_local).then_some("Refused: the Origin is not this machine\n")
}

/// Returns whether a host, with or without a port, is this machine. Names that end in `.localhost` never leave it.
fn is_local(authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    ["127.0.0.1", "localhost", "::1"].contains(&name.as_str()) || name.ends_with(".localhost")
}
