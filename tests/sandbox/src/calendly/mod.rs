//! Calendly: the part of its API v2 that the program calls.
//!
//! Resources have the URIs of the real service (`https://api.calendly.com/...`), not the sandbox's own address.

pub(crate) mod calendar;
pub(crate) mod catalog;
mod hosts;
pub(crate) mod login_routes;
pub(crate) mod logins;
mod micros;
pub(crate) mod order;
pub(crate) mod refusal;
pub(crate) mod subscription;
pub(crate) mod webhooks;

use std::collections::HashMap;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use self::{
    calendar::{NoShow, Status},
    catalog::EventType,
    hosts::{HOSTS, Host, MARIA, find_host, last_segment},
    micros::Micros,
    refusal::Refusal,
    subscription::{EVENTS, Subscription, SubscriptionState},
};
use crate::{
    check::Check,
    keys, random,
    world::{self, World},
};

type Answer<T = Response> = Result<T, Refusal>;
type Params = Query<HashMap<String, String>>;

/// The user whose token a call has. A handler shows and changes what belongs to this user's organization.
#[derive(Clone, Copy)]
struct Caller(&'static Host);

impl Caller {
    fn organization(self) -> &'static str {
        self.0.organization
    }

    fn shares(self, host: &Host) -> bool {
        host.organization == self.0.organization
    }

    /// Checks that a query names the caller's organization, if it names one.
    fn check_organization(self, params: &HashMap<String, String>) -> Answer<()> {
        match params.get("organization") {
            Some(organization) if organization != self.organization() => {
                Err(Refusal::denied("You do not have permission to access this resource."))
            }
            _ => Ok(()),
        }
    }

    /// Finds an event type of the organization.
    fn event_type(self, catalog: &catalog::Catalog, uri: &str) -> Answer<std::sync::Arc<EventType>> {
        catalog.by_uri(uri).filter(|found| self.shares(found.hosts[0])).ok_or_else(Refusal::not_found)
    }

    /// Finds a meeting of the organization.
    fn event<'a>(self, calendar: &'a calendar::Calendar, uri_or_uuid: &str) -> Answer<&'a calendar::Event> {
        calendar.event(uri_or_uuid).filter(|found| self.shares(found.host)).ok_or_else(Refusal::not_found)
    }

    /// Returns the user that a query names, who must belong to the organization.
    fn named_host(self, params: &HashMap<String, String>) -> Answer<Option<&'static Host>> {
        let find = |uri: &String| find_host(uri).filter(|host| self.shares(host));
        params.get("user").map(|uri| find(uri).ok_or_else(|| Refusal::parameter("user", "invalid"))).transpose()
    }
}

pub(crate) fn routes(world: &World) -> Router<World> {
    Router::new()
        .route("/users/me", get(me))
        .route("/users/{uuid}", get(user))
        .route("/organization_memberships", get(memberships))
        .route("/event_types", get(event_types))
        .route("/event_types/{uuid}", get(event_type))
        .route("/event_type_memberships", get(event_type_memberships))
        .route("/event_type_available_times", get(available_times))
        .route("/user_busy_times", get(busy_times))
        .route("/user_availability_schedules", get(availability_schedules))
        .route("/invitees", post(create_invitee))
        .route("/scheduled_events", get(events))
        .route("/scheduled_events/{event}", get(event))
        .route("/scheduled_events/{event}/cancellation", post(cancel))
        .route("/scheduled_events/{event}/invitees", get(invitees))
        .route("/scheduled_events/{event}/invitees/{invitee}", get(invitee))
        .route("/invitee_no_shows", post(create_no_show))
        .route("/invitee_no_shows/{uuid}", get(no_show).delete(delete_no_show))
        .route("/scheduling_links", post(create_scheduling_link))
        .route("/webhook_subscriptions", get(subscriptions).post(create_subscription))
        .route("/webhook_subscriptions/{uuid}", get(subscription).delete(delete_subscription))
        .fallback(async || Refusal::not_found())
        .layer(middleware::from_fn_with_state(world.clone(), authorize))
}

/// Returns the scopes that a call needs.
fn required_scopes(method: &Method, path: &str) -> Vec<&'static str> {
    let family = path.split('/').nth(1).unwrap_or_default();
    let is_read = method == Method::GET;
    match family {
        "users" => vec!["users:read"],
        "organization_memberships" => vec!["organizations:read"],
        "event_types" | "event_type_memberships" => vec!["event_types:read"],
        // Calendly's documents name one on one page and the other on another.
        "event_type_available_times" => vec!["availability:read", "event_types:read"],
        "user_busy_times" | "user_availability_schedules" => vec!["availability:read"],
        "scheduling_links" => vec!["scheduling_links:write"],
        "webhook_subscriptions" if is_read => vec!["webhooks:read"],
        "webhook_subscriptions" => vec!["webhooks:write"],
        "scheduled_events" | "invitees" | "invitee_no_shows" if is_read => vec!["scheduled_events:read"],
        "scheduled_events" | "invitees" | "invitee_no_shows" => vec!["scheduled_events:write"],
        _ => vec![],
    }
}

/// A call's token.
#[derive(Clone)]
struct Token {
    /// Its scopes; nothing: all.
    scopes: Option<Vec<String>>,
    /// Whether it was issued to an OAuth app.
    is_app: bool,
}

/// Returns whose token a request has, and the token.
fn find_token(state: &world::State, request: &Request) -> Option<(Caller, Token)> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header?.strip_prefix("Bearer ")?;
    if token == keys::CALENDLY {
        return Some((Caller(&MARIA), Token { scopes: state.settings.scopes.clone(), is_app: false }));
    }
    let granted = state.logins.find(token, Timestamp::now())?;
    Some((Caller(granted.host), Token { scopes: Some(granted.scopes.clone()), is_app: true }))
}

/// Checks the token, the rate limit and the scopes, and adds the rate-limit headers to every answer.
async fn authorize(State(world): State<World>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let required = required_scopes(request.method(), path);
    let (allowance, found) = {
        let mut state = world.state();
        let settings = state.settings.clone();
        let is_booking = request.method() == Method::POST && path == "/invitees";
        (state.rate.count(is_booking, &settings), find_token(&state, &request))
    };
    let mut response = match found {
        None => Refusal::unauthenticated().into_response(),
        Some(_) if allowance.exceeded => Refusal::too_many_requests().into_response(),
        Some((_, token)) if !has_scopes(token.scopes.as_deref(), &required) => {
            Refusal::insufficient_scope(required).into_response()
        }
        Some((caller, token)) => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(token);
            next.run(request).await
        }
    };
    let headers = response.headers_mut();
    headers.insert("X-RateLimit-Limit", HeaderValue::from(allowance.limit));
    headers.insert("X-RateLimit-Remaining", HeaderValue::from(allowance.remaining));
    headers.insert("X-RateLimit-Reset", HeaderValue::from(allowance.reset_seconds));
    response
}

fn has_scopes(granted: Option<&[String]>, required: &[&str]) -> bool {
    granted.is_none_or(|granted| required.iter().all(|scope| granted.iter().any(|one| one == scope)))
}

fn resource(status: StatusCode, resource: impl Serialize) -> Response {
    (status, Json(json!({"resource": resource}))).into_response()
}

/// Returns one page of a collection.
fn page(items: Vec<Value>, path: &str, params: &HashMap<String, String>) -> Answer {
    let count = match params.get("count") {
        None => 20,
        Some(count) => count
            .parse::<usize>()
            .ok()
            .filter(|count| (1..=100).contains(count))
            .ok_or_else(|| Refusal::parameter("count", "must be between 1 and 100"))?,
    };
    let start = match params.get("page_token") {
        None => 0,
        Some(token) => hex::decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok()?.strip_prefix("from ")?.parse::<usize>().ok())
            .ok_or_else(|| Refusal::parameter("page_token", "is invalid"))?,
    };
    let token = |start: usize| hex::encode(format!("from {start}"));
    let next = (start + count < items.len()).then(|| token(start + count));
    let previous = (start > 0).then(|| token(start.saturating_sub(count)));
    let address = |token: &String| {
        let mut kept: Vec<String> = params
            .iter()
            .filter(|(key, _)| *key != "page_token" && *key != "count")
            .map(|(key, value)| format!("{key}={}", value.replace(':', "%3A").replace('/', "%2F").replace('+', "%2B")))
            .collect();
        kept.sort();
        kept.extend([format!("count={count}"), format!("page_token={token}")]);
        format!("https://api.calendly.com{path}?{}", kept.join("&"))
    };
    let collection: Vec<Value> = items.into_iter().skip(start).take(count).collect();
    Ok(Json(json!({
        "pagination": {
            "count": collection.len(),
            "next_page": next.as_ref().map(address), "previous_page": previous.as_ref().map(address),
            "next_page_token": next, "previous_page_token": previous,
        },
        "collection": collection,
    }))
    .into_response())
}

fn json_body(bytes: &Bytes) -> Answer<Value> {
    serde_json::from_slice(bytes).map_err(|_| Refusal::parameter("body", "is not JSON"))
}

/// Returns a required query parameter.
fn required<'a>(params: &'a HashMap<String, String>, name: &str) -> Answer<&'a str> {
    params.get(name).map(String::as_str).ok_or_else(|| Refusal::parameter(name, "is missing"))
}

fn time(params: &HashMap<String, String>, name: &str) -> Answer<Option<Timestamp>> {
    params
        .get(name)
        .map(|text| text.parse().map_err(|_| Refusal::parameter(name, "is not a date and time")))
        .transpose()
}

/// Reads `start_time` and `end_time`.
fn range(params: &HashMap<String, String>, longest_days: i64) -> Answer<(Timestamp, Timestamp)> {
    required(params, "start_time")?;
    required(params, "end_time")?;
    let start = time(params, "start_time")?.unwrap_or_default();
    let end = time(params, "end_time")?.unwrap_or_default();
    if start < Timestamp::now() {
        return Err(Refusal::parameter("start_time", "start_time must be in the future"));
    }
    if end <= start {
        return Err(Refusal::parameter("end_time", "must be after start_time"));
    }
    if end.duration_since(start) > SignedDuration::from_hours(24 * longest_days) {
        return Err(Refusal::parameter("end_time", &format!("date range cannot be greater than {longest_days} days")));
    }
    Ok((start, end))
}

async fn me(Extension(Caller(host)): Extension<Caller>) -> Response {
    resource(StatusCode::OK, host.view())
}

async fn user(Extension(caller): Extension<Caller>, Path(uuid): Path<String>) -> Answer {
    let host = HOSTS.into_iter().find(|host| caller.shares(host) && host.uuid == uuid);
    let host = host.ok_or_else(Refusal::not_found)?;
    Ok(resource(StatusCode::OK, host.view()))
}

async fn memberships(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Query(params): Params,
) -> Answer {
    caller.check_organization(&params)?;
    if !["user", "organization", "email"].iter().any(|name| params.contains_key(*name)) {
        return Err(Refusal::parameter("user", "is missing"));
    }
    let settings = world.state().settings.clone();
    let user = caller.named_host(&params)?;
    let items = HOSTS
        .into_iter()
        .filter(|host| user.is_none_or(|user| user.uuid == host.uuid))
        .filter(|host| params.get("email").is_none_or(|email| email == host.email))
        .filter(|host| caller.shares(host))
        .map(|host| (host, host.role(&settings)))
        .filter(|(_, role)| params.get("role").is_none_or(|wanted| wanted == role))
        .map(|(host, role)| host.membership_view(role))
        .collect();
    page(items, "/organization_memberships", &params)
}

async fn event_types(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Query(params): Params,
) -> Answer {
    caller.check_organization(&params)?;
    let user = caller.named_host(&params)?;
    if user.is_none() && !params.contains_key("organization") {
        return Err(Refusal::parameter("user", "user or organization is required"));
    }
    let active = params.get("active").map(|active| active == "true");
    let excludes_all = params.get("admin_managed").is_some_and(|managed| managed == "true");
    let is_own = |event_type: &EventType, user: &Host| {
        !event_type.is_team() && event_type.hosts.iter().any(|host| host.uuid == user.uuid)
    };
    let state = world.state();
    let mut wanted: Vec<_> = state
        .catalog
        .iter()
        .filter(|event_type| !excludes_all && active.is_none_or(|active| active == event_type.active))
        .filter(|event_type| caller.shares(event_type.hosts[0]))
        .filter(|event_type| user.is_none_or(|user| is_own(event_type, user)))
        .collect();
    wanted.sort_by_key(|event_type| event_type.name.clone());
    if params.get("sort").is_some_and(|sort| sort == "name:desc") {
        wanted.reverse();
    }
    page(wanted.into_iter().map(|event_type| event_type.view()).collect(), "/event_types", &params)
}

async fn event_type(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Path(uuid): Path<String>,
) -> Answer {
    let state = world.state();
    let mut visible = state.catalog.iter().filter(|event_type| caller.shares(event_type.hosts[0]));
    let event_type = visible.find(|event_type| event_type.uuid == uuid).ok_or_else(Refusal::not_found)?;
    Ok(resource(StatusCode::OK, event_type.view()))
}

async fn event_type_memberships(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Query(params): Params,
) -> Answer {
    let event_type = caller.event_type(&world.state().catalog, required(&params, "event_type")?)?;
    page(event_type.memberships_view(), "/event_type_memberships", &params)
}

/// Lists free starts, without end times and without pages.
async fn available_times(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Query(params): Params,
) -> Answer {
    let state = world.state();
    let event_type = caller.event_type(&state.catalog, required(&params, "event_type")?)?;
    let (start, end) = range(&params, 31)?;
    if !event_type.active {
        return Err(Refusal::parameter("event_type", "is not active"));
    }
    let collection: Vec<Value> = event_type
        .starts(start, end)
        .filter_map(|start| Some((start, state.calendar.room(&event_type, start)?.0)))
        .map(|(start, room)| {
            json!({
                "status": "available", "invitees_remaining": room, "start_time": start,
                "scheduling_url": format!("{}/{start}", event_type.scheduling_url()),
            })
        })
        .collect();
    Ok(Json(json!({"collection": collection})).into_response())
}

async fn busy_times(State(world): State<World>, Extension(caller): Extension<Caller>, Query(params): Params) -> Answer {
    required(&params, "user")?;
    let user = caller.named_host(&params)?;
    let (start, end) = range(&params, 7)?;
    let state = world.state();
    let mut busy: Vec<_> = state
        .calendar
        .events
        .iter()
        .filter(|event| caller.shares(event.host))
        .filter(|event| user.is_none_or(|user| user.uuid == event.host.uuid))
        .filter(|event| event.status == Status::Active && event.start < end && start < event.end)
        .collect();
    busy.sort_by_key(|event| event.start);
    let collection: Vec<Value> = busy
        .into_iter()
        .map(|event| {
            let (start, end) = (Micros(event.start), Micros(event.end));
            json!({
                "type": "calendly", "start_time": start, "end_time": end, "buffered_start_time": start,
                "buffered_end_time": end, "event": {"uri": event.uri()},
            })
        })
        .collect();
    Ok(Json(json!({"collection": collection})).into_response())
}

async fn availability_schedules(Extension(caller): Extension<Caller>, Query(params): Params) -> Answer {
    required(&params, "user")?;
    let collection: Vec<Value> = caller.named_host(&params)?.into_iter().map(Host::schedule_view).collect();
    Ok(Json(json!({"collection": collection})).into_response())
}

async fn create_invitee(State(world): State<World>, Extension(caller): Extension<Caller>, bytes: Bytes) -> Answer {
    let now = Timestamp::now();
    let body = json_body(&bytes)?;
    let (invitee, notice) = {
        let mut state = world.state();
        let order = order::read(&body, &state.catalog, now)?;
        if !caller.shares(order.event_type.hosts[0]) {
            return Err(Refusal::not_found());
        }
        let settings = state.settings.clone();
        state.calendar.book(order, now, &settings)?
    };
    // The webhook may arrive before this answer, as in reality.
    webhooks::notify(&world, vec![notice]);
    Ok(resource(StatusCode::CREATED, invitee))
}

async fn events(State(world): State<World>, Extension(caller): Extension<Caller>, Query(params): Params) -> Answer {
    caller.check_organization(&params)?;
    let user = caller.named_host(&params)?;
    if user.is_none() && !params.contains_key("organization") {
        return Err(Refusal::parameter("user", "user, organization or group is required"));
    }
    let (earliest, latest) = (time(&params, "min_start_time")?, time(&params, "max_start_time")?);
    let status = wanted_status(&params)?;
    let state = world.state();
    let now = Timestamp::now();
    let mut found: Vec<_> = state
        .calendar
        .events
        .iter()
        .filter(|event| caller.shares(event.host))
        .filter(|event| user.is_none_or(|user| user.uuid == event.host.uuid))
        .filter(|event| status.is_none_or(|status| event.status == status))
        .filter(|event| earliest.is_none_or(|earliest| event.start >= earliest))
        .filter(|event| latest.is_none_or(|latest| event.start <= latest))
        .filter(|event| {
            let email = params.get("invitee_email");
            email.is_none_or(|email| state.calendar.invitees_of(event).any(|one| one.email.eq_ignore_ascii_case(email)))
        })
        .collect();
    match params.get("sort").map(String::as_str) {
        None => {}
        Some("start_time:asc") => found.sort_by_key(|event| event.start),
        Some("start_time:desc") => found.sort_by_key(|event| std::cmp::Reverse(event.start)),
        Some(_) => return Err(Refusal::parameter("sort", "is invalid")),
    }
    let items = found.into_iter().map(|event| state.calendar.event_rest_view(event, now, &state.settings)).collect();
    page(items, "/scheduled_events", &params)
}

fn wanted_status(params: &HashMap<String, String>) -> Answer<Option<Status>> {
    match params.get("status").map(String::as_str) {
        None => Ok(None),
        Some("active") => Ok(Some(Status::Active)),
        Some("canceled") => Ok(Some(Status::Canceled)),
        Some(_) => Err(Refusal::parameter("status", "must be active or canceled")),
    }
}

async fn event(State(world): State<World>, Extension(caller): Extension<Caller>, Path(uuid): Path<String>) -> Answer {
    let state = world.state();
    let event = caller.event(&state.calendar, &uuid)?;
    Ok(resource(StatusCode::OK, state.calendar.event_rest_view(event, Timestamp::now(), &state.settings)))
}

async fn invitees(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Path(uuid): Path<String>,
    Query(params): Params,
) -> Answer {
    let status = wanted_status(&params)?;
    let state = world.state();
    let event = caller.event(&state.calendar, &uuid)?;
    let mut items: Vec<Value> = state
        .calendar
        .invitees_of(event)
        .filter(|invitee| status.is_none_or(|status| invitee.status == status))
        .filter(|invitee| params.get("email").is_none_or(|email| invitee.email.eq_ignore_ascii_case(email)))
        .map(|invitee| json!(invitee))
        .collect();
    if params.get("sort").is_some_and(|sort| sort == "created_at:desc") {
        items.reverse();
    }
    page(items, &format!("/scheduled_events/{uuid}/invitees"), &params)
}

async fn invitee(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Path((event, invitee)): Path<(String, String)>,
) -> Answer {
    let state = world.state();
    caller.event(&state.calendar, &event)?;
    let invitee = state.calendar.invitee(&invitee).filter(|invitee| last_segment(&invitee.event) == event);
    Ok(resource(StatusCode::OK, invitee.ok_or_else(Refusal::not_found)?))
}

/// Cancels an event. The body is optional.
async fn cancel(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Path(uuid): Path<String>,
    bytes: Bytes,
) -> Answer {
    let body = if bytes.is_empty() { json!({}) } else { json_body(&bytes)? };
    let mut check = Check::new(&body);
    check.object("", &[], &["reason"]);
    if check.at("reason").is_some_and(|reason| !reason.is_string()) {
        check.refuse("reason", "must be a string");
    }
    let reason = check.at("reason").and_then(Value::as_str).map(str::to_owned);
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > 10_000) {
        check.refuse("reason", "is too long (maximum is 10000 characters)");
    }
    if !check.problems.is_empty() {
        return Err(Refusal::invalid(check.problems));
    }
    let (cancellation, notices) = {
        let mut state = world.state();
        let settings = state.settings.clone();
        caller.event(&state.calendar, &uuid)?;
        state.calendar.cancel_event(&uuid, reason, Timestamp::now(), &settings)?
    };
    webhooks::notify(&world, notices);
    Ok(resource(StatusCode::CREATED, cancellation))
}

async fn create_no_show(State(world): State<World>, Extension(caller): Extension<Caller>, bytes: Bytes) -> Answer {
    let body = json_body(&bytes)?;
    let mut check = Check::new(&body);
    check.object("", &["invitee"], &[]);
    let uri = check.text("invitee").unwrap_or_default();
    if !check.problems.is_empty() {
        return Err(Refusal::invalid(check.problems));
    }
    let now = Timestamp::now();
    let (view, notice) = {
        let mut state = world.state();
        let settings = state.settings.clone();
        let invitee = state.calendar.invitee(uri).ok_or_else(Refusal::not_found)?.clone();
        caller.event(&state.calendar, &invitee.event)?;
        if invitee.no_show.is_some() {
            return Err(Refusal::parameter("invitee", "is already marked as no show"));
        }
        let no_show = NoShow {
            uri: format!("https://api.calendly.com/invitee_no_shows/{}", random::uuid()),
            created_at: Micros(now),
        };
        let invitee = calendar::Invitee { no_show: Some(no_show.clone()), updated_at: Micros(now), ..invitee };
        if let Some(kept) = state.calendar.invitee_mut(&invitee.uri) {
            *kept = invitee.clone();
        }
        (no_show_view(&invitee, &no_show), state.calendar.notice("invitee_no_show.created", &invitee, now, &settings))
    };
    webhooks::notify(&world, vec![notice]);
    Ok(resource(StatusCode::CREATED, view))
}

fn no_show_view(invitee: &calendar::Invitee, no_show: &NoShow) -> Value {
    json!({"uri": no_show.uri, "invitee": invitee.uri, "created_at": no_show.created_at})
}

fn find_no_show<'a>(calendar: &'a calendar::Calendar, uuid: &str) -> Option<(&'a calendar::Invitee, &'a NoShow)> {
    calendar
        .invitees
        .iter()
        .filter_map(|invitee| Some((invitee, invitee.no_show.as_ref()?)))
        .find(|(_, no_show)| last_segment(&no_show.uri) == uuid)
}

async fn no_show(State(world): State<World>, Extension(caller): Extension<Caller>, Path(uuid): Path<String>) -> Answer {
    let state = world.state();
    let (invitee, no_show) = find_no_show(&state.calendar, &uuid).ok_or_else(Refusal::not_found)?;
    caller.event(&state.calendar, &invitee.event)?;
    Ok(resource(StatusCode::OK, no_show_view(invitee, no_show)))
}

async fn delete_no_show(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Path(uuid): Path<String>,
) -> Answer<StatusCode> {
    let now = Timestamp::now();
    let notice = {
        let mut state = world.state();
        let settings = state.settings.clone();
        let invitee = find_no_show(&state.calendar, &uuid).ok_or_else(Refusal::not_found)?.0.clone();
        caller.event(&state.calendar, &invitee.event)?;
        let invitee = calendar::Invitee { no_show: None, updated_at: Micros(now), ..invitee };
        if let Some(kept) = state.calendar.invitee_mut(&invitee.uri) {
            *kept = invitee.clone();
        }
        state.calendar.notice("invitee_no_show.deleted", &invitee, now, &settings)
    };
    webhooks::notify(&world, vec![notice]);
    Ok(StatusCode::NO_CONTENT)
}

async fn create_scheduling_link(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    bytes: Bytes,
) -> Answer {
    let body = json_body(&bytes)?;
    let mut check = Check::new(&body);
    check.object("", &["max_event_count", "owner", "owner_type"], &[]);
    if check.at("max_event_count").is_some_and(|count| *count != 1) {
        check.refuse("max_event_count", "must be 1");
    }
    if check.text("owner_type").is_some_and(|owner_type| owner_type != "EventType") {
        check.refuse("owner_type", "must be EventType");
    }
    let owner = check.text("owner").unwrap_or_default();
    if !check.problems.is_empty() {
        return Err(Refusal::invalid(check.problems));
    }
    let event_type = caller.event_type(&world.state().catalog, owner)?;
    let booking_url = format!("https://calendly.com/d/{}-{}/{}", random::base32(4), random::base32(3), event_type.slug);
    Ok(resource(StatusCode::CREATED, json!({"booking_url": booking_url, "owner": owner, "owner_type": "EventType"})))
}

async fn create_subscription(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Extension(Token { scopes, is_app }): Extension<Token>,
    bytes: Bytes,
) -> Answer {
    let body = json_body(&bytes)?;
    let mut check = Check::new(&body);
    check.object("", &["url", "events", "organization", "scope"], &["user", "group", "signing_key"]);
    let url = check.text("url").unwrap_or_default();
    if !url.is_empty() && !url.starts_with("https://") && !is_on_this_machine(url) {
        check.refuse("url", "must be a valid https URL");
    }
    let scope = check.text("scope").unwrap_or_default();
    if !scope.is_empty() && !["organization", "user", "group"].contains(&scope) {
        check.refuse("scope", "must be organization, user or group");
    }
    for owner in ["user", "group"] {
        if scope == owner && check.at(owner).is_none() {
            check.refuse(owner, "is missing");
        }
    }
    let user = check.text("user").map(str::to_owned);
    if user.as_ref().is_some_and(|user| find_host(user).is_none_or(|host| !caller.shares(host))) {
        check.refuse("user", "invalid");
    }
    let group = check.text("group").map(str::to_owned);
    let signing_key = check.text("signing_key").map(str::to_owned);
    let organization = check.text("organization").unwrap_or_default();
    let (events, event_scopes) = subscribed_events(&mut check, scope);
    if !check.problems.is_empty() {
        return Err(Refusal::invalid(check.problems));
    }

    let mut state = world.state();
    if !has_scopes(scopes.as_deref(), &event_scopes) {
        return Err(Refusal::insufficient_scope(event_scopes));
    }
    let is_admin = matches!(caller.0.role(&state.settings), "owner" | "admin");
    if organization != caller.organization() || (scope == "organization" && !is_admin) {
        return Err(Refusal::denied("You do not have permission to access this resource."));
    }
    if state.calendar.subscriptions.iter().any(|subscription| subscription.callback_url == url) {
        return Err(Refusal::already_exists("Hook with this url already exists"));
    }
    let now = Micros(Timestamp::now());
    let subscription = Subscription {
        uri: format!("https://api.calendly.com/webhook_subscriptions/{}", random::uuid()),
        callback_url: url.to_owned(),
        created_at: now,
        updated_at: now,
        retry_started_at: None,
        state: SubscriptionState::Active,
        events,
        scope: scope.to_owned(),
        organization: caller.organization(),
        user,
        group,
        creator: caller.0.uri(),
        // Subscriptions of an OAuth app are signed with the app's key.
        signing_key: if is_app { Some(keys::CALENDLY_APP_SIGNING.to_owned()) } else { signing_key },
    };
    state.calendar.subscriptions.push(subscription.clone());
    Ok(resource(StatusCode::CREATED, subscription))
}

/// Returns whether a URL is on this machine. Calendly accepts https only; the sandbox accepts such URLs as well.
fn is_on_this_machine(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "http" && (host == "127.0.0.1" || host == "localhost" || host.ends_with(".localhost"))
}

/// Reads the events of a subscription. Returns them and the scopes that they need.
fn subscribed_events(check: &mut Check<'_>, scope: &str) -> (Vec<String>, Vec<&'static str>) {
    let given = check.at("events").and_then(Value::as_array).cloned().unwrap_or_default();
    if given.is_empty() {
        check.refuse("events", "must be a list of event names");
    }
    let mut needed = Vec::new();
    for (index, name) in given.iter().enumerate() {
        match EVENTS.iter().find(|(event, ..)| name == event) {
            None => check.refuse(&format!("events.{index}"), "is unknown"),
            Some((_, scopes, _)) if !scopes.contains(&scope) => {
                check.refuse(&format!("events.{index}"), "is not available in this scope");
            }
            Some((.., token_scope)) if !needed.contains(token_scope) => needed.push(*token_scope),
            Some(_) => {}
        }
    }
    (given.iter().filter_map(Value::as_str).map(str::to_owned).collect(), needed)
}

async fn subscriptions(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Query(params): Params,
) -> Answer {
    required(&params, "organization")?;
    let scope = required(&params, "scope")?;
    caller.check_organization(&params)?;
    if matches!(scope, "user" | "group") {
        required(&params, scope)?;
    }
    let state = world.state();
    if scope == "organization" && !matches!(caller.0.role(&state.settings), "owner" | "admin") {
        return Err(Refusal::denied("You do not have permission to access this resource."));
    }
    let items = state
        .calendar
        .subscriptions
        .iter()
        .filter(|subscription| subscription.organization == caller.organization())
        .filter(|subscription| subscription.scope == scope)
        .filter(|subscription| scope != "user" || subscription.user.as_ref() == params.get("user"))
        .map(|subscription| json!(subscription))
        .collect();
    page(items, "/webhook_subscriptions", &params)
}

async fn subscription(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Path(uuid): Path<String>,
) -> Answer {
    let state = world.state();
    let is_wanted = |subscription: &&Subscription| {
        subscription.organization == caller.organization() && last_segment(&subscription.uri) == uuid
    };
    let found = state.calendar.subscriptions.iter().find(is_wanted);
    Ok(resource(StatusCode::OK, found.ok_or_else(Refusal::not_found)?))
}

async fn delete_subscription(
    State(world): State<World>,
    Extension(caller): Extension<Caller>,
    Path(uuid): Path<String>,
) -> Answer<StatusCode> {
    let mut state = world.state();
    let before = state.calendar.subscriptions.len();
    state.calendar.subscriptions.retain(|subscription| {
        subscription.organization != caller.organization() || last_segment(&subscription.uri) != uuid
    });
    if state.calendar.subscriptions.len() == before {
        return Err(Refusal::not_found());
    }
    Ok(StatusCode::NO_CONTENT)
}
