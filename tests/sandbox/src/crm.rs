//! Brevo's contacts, lists, attributes and events. Each API key has an account of its own.
//!
//! Like the real one, it ignores attributes that the account lacks and values of the wrong type, has a phone number
//! with one contact only, and takes the same event twice. What it ignored is shown with the contact.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    brevo_error::error,
    check::{Check, is_email},
    crm_account::{Account, Contact},
    keys,
    world::World,
};

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/v3/contacts", post(upsert))
        .route("/v3/contacts/{email}", put(update))
        .route("/v3/contacts/attributes", get(attributes))
        .route("/v3/contacts/attributes/normal/{name}", post(create_attribute))
        .route("/v3/contacts/lists/{id}", get(list))
        .route("/v3/contacts/doubleOptinConfirmation", post(ask_consent))
        .route("/v3/events", post(event))
}

fn refuse(code: &str, message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, code, message)
}

fn unauthorized() -> Response {
    error(StatusCode::UNAUTHORIZED, "unauthorized", "Key not found")
}

/// Runs a request on the account of its key.
fn on_account(world: &World, headers: &HeaderMap, act: impl FnOnce(&mut Account) -> Response) -> Response {
    let key = headers.get("api-key").and_then(|key| key.to_str().ok());
    let Some(key) = key.filter(|key| keys::BREVO_ACCOUNTS.contains(key)) else { return unauthorized() };
    act(world.state().crm.entry(key.to_owned()).or_default())
}

/// Runs a request with a JSON body on the account of its key.
fn with_body(
    world: &World,
    headers: &HeaderMap,
    body: &Bytes,
    required: &[&str],
    optional: &[&str],
    act: impl FnOnce(&mut Account, &Value) -> Response,
) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return refuse("bad_request", "Input must be a valid JSON object");
    };
    on_account(world, headers, |account| {
        let mut check = Check::new(&body);
        check.object("", required, optional);
        match check.problems.first() {
            Some(problem) => refuse("invalid_parameter", &format!("{} {}", problem.parameter, problem.message)),
            None => act(account, &body),
        }
    })
}

async fn upsert(State(world): State<World>, headers: HeaderMap, body: Bytes) -> Response {
    let optional = ["attributes", "listIds", "updateEnabled"];
    with_body(&world, &headers, &body, &["email"], &optional, |account, body| {
        let email = body["email"].as_str().unwrap_or_default();
        if !is_email(email) {
            return refuse("invalid_parameter", "Invalid email address");
        }
        let Some(lists) = account.lists(&body["listIds"]) else {
            return refuse("invalid_parameter", "List ID does not exist");
        };
        let is_known = account.contact(email).is_some();
        if is_known && body["updateEnabled"] != true {
            let message = "Unable to create contact, email is already associated with another Contact";
            return duplicate(message, "email");
        }
        let attributes = body["attributes"].as_object().cloned().unwrap_or_default();
        if let Some(number) = attributes.get("SMS").and_then(Value::as_str) {
            let is_number =
                number.strip_prefix('+').is_some_and(|it| it.len() >= 7 && it.bytes().all(|b| b.is_ascii_digit()));
            if !is_number {
                return refuse("invalid_parameter", "Invalid phone number");
            }
            let has_number = |it: &Contact| {
                !it.email.eq_ignore_ascii_case(email) && it.attributes.get("SMS").is_some_and(|own| own == number)
            };
            if account.contacts.iter().any(has_number) {
                return duplicate("Unable to create contact, SMS is already associated with another Contact", "SMS");
            }
        }
        let (taken, ignored): (Vec<_>, Vec<_>) =
            attributes.into_iter().partition(|(name, value)| account.fits(name, value));
        let contact = account.contact_or_new(email);
        contact.attributes.extend(taken);
        contact.ignored.extend(ignored.into_iter().map(|(name, _)| name));
        contact.lists.extend(lists);
        contact.changed_at = Timestamp::now();
        let id = contact.id;
        if is_known {
            StatusCode::NO_CONTENT.into_response()
        } else {
            (StatusCode::CREATED, Json(json!({"id": id}))).into_response()
        }
    })
}

fn duplicate(message: &str, identifier: &str) -> Response {
    let body = json!({
        "code": "duplicate_parameter", "message": message, "metadata": {"duplicate_identifiers": [identifier]},
    });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

async fn update(State(world): State<World>, Path(email): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    with_body(&world, &headers, &body, &["unlinkListIds"], &[], |account, body| {
        let Some(lists) = account.lists(&body["unlinkListIds"]) else {
            return refuse("invalid_parameter", "List ID does not exist");
        };
        let Some(contact) = account.contact(&email) else {
            return error(StatusCode::NOT_FOUND, "document_not_found", "Contact does not exist");
        };
        contact.lists.retain(|list| !lists.contains(list));
        StatusCode::NO_CONTENT.into_response()
    })
}

async fn attributes(State(world): State<World>, headers: HeaderMap) -> Response {
    on_account(&world, &headers, |account| {
        // The number for SMS is built in and is not in the list.
        let named = account.attributes.iter().filter(|(name, _)| *name != "SMS");
        let list: Vec<_> =
            named.map(|(name, kind)| json!({"name": name, "category": "normal", "type": kind})).collect();
        Json(json!({ "attributes": list })).into_response()
    })
}

async fn create_attribute(
    State(world): State<World>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    with_body(&world, &headers, &body, &["type"], &[], |account, body| {
        let kind = body["type"].as_str().unwrap_or_default();
        if !["text", "date", "float", "boolean"].contains(&kind) {
            return refuse("invalid_parameter", "type is not valid");
        }
        if account.attributes.contains_key(&name) {
            return refuse("duplicate_parameter", "Attribute name must be unique");
        }
        account.attributes.insert(name, kind.to_owned());
        StatusCode::CREATED.into_response()
    })
}

async fn list(State(world): State<World>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    on_account(&world, &headers, |account| match account.lists.get(&id) {
        Some(name) => Json(json!({"id": id, "name": name, "folderId": 1})).into_response(),
        None => error(StatusCode::NOT_FOUND, "document_not_found", "List ID does not exist"),
    })
}

async fn ask_consent(State(world): State<World>, headers: HeaderMap, body: Bytes) -> Response {
    let required = ["email", "includeListIds", "templateId", "redirectionUrl"];
    with_body(&world, &headers, &body, &required, &["attributes"], |account, body| {
        let email = body["email"].as_str().unwrap_or_default();
        let Some(lists) = account.lists(&body["includeListIds"]).filter(|it| !it.is_empty()) else {
            return refuse("invalid_parameter", "List ID does not exist");
        };
        if !is_email(email) || !body["templateId"].is_u64() || !body["redirectionUrl"].is_string() {
            return refuse("invalid_parameter", "email, templateId or redirectionUrl is not valid");
        }
        let is_known = account.contact(email).is_some();
        let contact = account.contact_or_new(email);
        contact.asked.push(json!({"lists": lists, "template": body["templateId"]}));
        if is_known { StatusCode::NO_CONTENT } else { StatusCode::CREATED }.into_response()
    })
}

async fn event(State(world): State<World>, headers: HeaderMap, body: Bytes) -> Response {
    let (required, optional) = (["event_name", "identifiers"], ["event_date", "event_properties"]);
    with_body(&world, &headers, &body, &required, &optional, |account, body| {
        let name = body["event_name"].as_str().unwrap_or_default();
        let is_name =
            (1..=255).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-".contains(&it));
        let email = body["identifiers"]["email_id"].as_str().unwrap_or_default();
        let is_date = body["event_date"].as_str().is_none_or(|at| at.parse::<Timestamp>().is_ok());
        if !is_name || !is_email(email) || !is_date || body["event_properties"].to_string().len() > 50_000 {
            return refuse("invalid_parameter", "event_name, identifiers, event_date or event_properties is not valid");
        }
        // The real one may create the contact, too; the documents do not say. Ours must exist before.
        let Some(contact) = account.contact(email) else {
            return error(StatusCode::NOT_FOUND, "document_not_found", "Contact does not exist");
        };
        contact.events.push(json!({
            "name": name, "at": body["event_date"], "properties": body["event_properties"], "received_at": Timestamp::now(),
        }));
        StatusCode::NO_CONTENT.into_response()
    })
}
