//! The `OpenAPI` document, generated from the table of operations and the types.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::refusal::{ErrorBody, VaiErrorBody};
use crate::{Access, Code, Function, Method, ROUTES, Route, schema};

/// The header that carries an idempotency key.
pub const KEY_HEADER: &str = "Idempotency-Key";

/// The header with which VAI's backend names the conversation that an agent has with a person.
pub const CONVERSATION_HEADER: &str = "X-VAI-Conversation";

/// The header with which VAI's backend names the user that it has verified.
pub const USER_HEADER: &str = "X-VAI-User";

/// The most characters of a conversation's or a user's id in a header.
pub const LONGEST_ID: usize = 512;

/// The most characters of an idempotency key.
pub const LONGEST_KEY: usize = 255;

const ABOUT: &str = "\
Books, moves and cancels meetings at Calendly for the people that VAI's agents talk to, and sends events to customers' webhook \
endpoints.\n\n\
Every call needs a bearer key, unless `security` of its operation says otherwise. Instants in answers are UTC; a `localTime` is a text for the person, to be used unchanged. \
Ids come from earlier answers. An optional key may also be `null`; an unknown key is refused. Below `/api/calendly/`, where models write, an optional text may be \
empty: it counts as left out.\n\n\
A key that is not trusted acts only for the person its agent talks to: your backend names the conversation in the header \
`X-VAI-Conversation` (and, if it has verified the user, `X-VAI-User`), and every other booking is `not_yours`.\n\n\
A refusal has a `code` for programs, a `message` that an agent can read out, and `retryable`: whether the same call may be made \
again. `POST /api/calendly/schedule` and `GET /api/calendly/upcoming/{userEmail}` answer with `success` in every body, and \
with status 200 if the agent can act on a refusal.\n\n\
The same operations can be invoked directly, without HTTP: `{\"operation\": \"book\", \"connection\": \"default\", \
\"idempotencyKey\": \"…\", \"conversation\": \"…\", \"user\": \"…\", \"input\": {…}}`, with all parameters in `input` and `operation` the `operationId` below; the answer \
is the body.";

/// The groups of the operations: a name, a description, and how the paths begin. The first one that fits counts.
const TAGS: [(&str, &str, &[&str]); 7] = [
    ("meetings", "Event types, free times, bookings, links and hosts at Calendly.", &["/api/calendly/", "/api/codes"]),
    (
        "events",
        "Events: posting them, catching up on them, and the keys that sign them.",
        &["/api/events", "/api/bookings/{", "/api/conversations/", "/.well-known/"],
    ),
    ("reports", "Lists and numbers of bookings.", &["/api/bookings", "/api/reports/"]),
    ("endpoints", "Where a customer's events go, and what came of each delivery.", &["/api/endpoints"]),
    (
        "settings",
        "The settings of a connection, with their versions.",
        &["/api/connections/{connection}/settings", "/api/settings/"],
    ),
    ("connections", "The customers' Calendly accounts.", &["/api/connections"]),
    (
        "service",
        "The state of the service, the wording of messages, and what describes this API.",
        &["/api/status", "/api/templates/", "/api/tools", "/api/openapi.json"],
    ),
];

/// Returns the document: `OpenAPI` 3.1.
pub fn document() -> Value {
    // Requests that models write are declared as they are read: an empty text is left out.
    let (mut requests, mut requests_of_models) = (schema::request_generator(), schema::request_generator());
    let mut answers = schema::answer_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES {
        let body = takes_body(route).then(|| match route.path_parameter() {
            Some(parameter) => {
                let mut body = without_property(route.operation.input(), parameter);
                declare_optional(&mut body, route.operation.is_from_models());
                body
            }
            None if route.operation.is_from_models() => {
                route.operation.request_schema(&mut requests_of_models).to_value()
            }
            None => route.operation.request_schema(&mut requests).to_value(),
        });
        let answer = route.operation.answer_schema(&mut answers).to_value();
        let refusal = match route.is_vai() {
            true => answers.subschema_for::<VaiErrorBody<'_>>().to_value(),
            false => answers.subschema_for::<ErrorBody<'_>>().to_value(),
        };
        let operation = operation(route, body, &answer, &refusal);
        paths.entry(route.path).or_default().insert(route.method.name().to_lowercase(), operation);
    }
    let mut schemas = Map::new();
    let mut define = |name: String, schema: Value| {
        let is_other = schemas.get(&name).is_some_and(|it| *it != schema);
        debug_assert!(!is_other, "{name} is defined in two ways");
        schemas.insert(name, schema);
    };
    for (mut generator, is_from_models) in [(requests, false), (requests_of_models, true)] {
        for (name, mut schema) in generator.take_definitions(true) {
            schema::tidy(&mut schema);
            declare_optional(&mut schema, is_from_models);
            define(name, schema);
        }
    }
    for (name, mut schema) in answers.take_definitions(true) {
        schema::tidy(&mut schema);
        define(name, schema);
    }
    let tags: Vec<_> = TAGS.iter().map(|(name, about, _)| json!({ "name": name, "description": about })).collect();
    let license = env!("CARGO_PKG_LICENSE");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "VAI's scheduling at Calendly, and webhooks",
            "version": "1.0.0",
            "description": ABOUT,
            "contact": { "name": "The operator of this service, who gave you the key" },
            "license": { "name": license, "identifier": license },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "catchUpToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of an endpoint, from the answer that created it or rotated its secret.",
                },
            },
            "schemas": schemas,
        },
    })
}

/// Declares what an optional key of a body may have instead of a value.
fn declare_optional(schema: &mut Value, is_from_models: bool) {
    if is_from_models {
        schema::declare_empty(schema);
    }
    schema::declare_null(schema);
}

/// Returns whether an operation has a body: with `POST` and `PATCH` always, with `PUT` if it has more input than the
/// parameter in its path.
fn takes_body(route: &Route) -> bool {
    let input = route.operation.input();
    let mut names = input.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    match route.method {
        Method::Post | Method::Patch => true,
        Method::Put => names.any(|it| Some(it.as_str()) != route.path_parameter()),
        Method::Get | Method::Delete => false,
    }
}

/// Returns the group of an operation.
fn tag(route: &Route) -> &'static str {
    let fits = |starts: &[&str]| starts.iter().any(|start| route.path.starts_with(*start));
    TAGS.iter().find(|tag| fits(tag.2)).map_or("", |tag| tag.0)
}

fn operation(route: &Route, body: Option<Value>, answer: &Value, refusal: &Value) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "tags": [tag(route)],
        "summary": route.summary(),
        "description": route.description(),
        "parameters": parameters(route),
        "responses": responses(route, answer, refusal),
    });
    match route.access {
        Access::CatchUpToken => operation["security"] = json!([{ "catchUpToken": [] }]),
        Access::Nothing => operation["security"] = json!([]),
        Access::Read | Access::Book | Access::Change | Access::Events | Access::Admin | Access::Connections => {}
    }
    if let Some(schema) = body {
        let input = route.operation.input();
        let mut required = input.get("required").and_then(Value::as_array).into_iter().flatten();
        // A rule across keys needs a key, too.
        let is_required = input.contains_key("allOf") || required.any(|it| it.as_str() != route.path_parameter());
        operation["requestBody"] = json!({ "required": is_required, "content": content(&schema) });
    }
    operation
}

/// Returns the parameters in the path, the query and the headers.
fn parameters(route: &Route) -> Vec<Value> {
    let mut input = Value::Object(route.operation.input());
    if route.operation.is_from_models() {
        schema::declare_empty(&mut input);
    }
    let required = |name: &String| {
        input.get("required").and_then(Value::as_array).is_some_and(|it| it.iter().any(|it| it.as_str() == Some(name)))
    };
    let properties = input.get("properties").and_then(Value::as_object);
    let mut parameters = Vec::new();
    for (name, schema) in properties.into_iter().flatten() {
        let location = match route.path_parameter() {
            Some(parameter) if parameter == name => "path",
            _ if route.method == Method::Get => "query",
            _ => continue,
        };
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|it| it.remove("description"));
        parameters.push(json!({
            "name": name, "in": location, "required": required(name), "description": description, "schema": schema,
        }));
    }
    if route.is_about_person() {
        let ids = [
            (
                CONVERSATION_HEADER,
                "The conversation that the agent has with the person. Your backend says it, never a model.",
            ),
            (USER_HEADER, "The person's id at VAI, if your backend has verified it."),
        ];
        parameters.extend(ids.map(|(name, description)| {
            json!({
                "name": name,
                "in": "header",
                "required": false,
                "description": description,
                "schema": { "type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[!-~]([ -~]*[!-~])?$" },
            })
        }));
    }
    if route.takes_key() {
        let without_key = match route.function {
            Function::Schedule => {
                "Without a key, calls with the same conversation, event type and time (for a move: the same booking and time) \
                 count as the same."
            }
            Function::Admin => "Without a key, calls with the same `id` count as the same.",
        };
        parameters.push(json!({
            "name": KEY_HEADER,
            "in": "header",
            "required": false,
            "description": format!(
                "Identifies repetitions of the same call: a repeated call with the same key acts once and has the same answer. \
                 {without_key} An empty key is refused."
            ),
            // Visible ASCII. HTTP removes spaces around it.
            "schema": {
                "type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$",
            },
        }));
    }
    parameters
}

/// Returns the responses by status.
fn responses(route: &Route, answer: &Value, refusal: &Value) -> Value {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in route.codes() {
        let status = if route.is_vai() { code.vai_status() } else { code.status() };
        by_status.entry(status).or_default().push(code);
    }
    let codes = by_status.remove(&200).unwrap_or_default();
    let mut done = match codes.as_slice() {
        [] => json!({ "description": "Done.", "content": content(answer) }),
        codes => json!({
            "description": format!("Done, or a refusal that the agent can act on:\n{}", list_codes(codes)),
            "content": content(&json!({ "oneOf": [answer, refusal] })),
        }),
    };
    if route.may_be_csv() {
        done["content"]["text/csv"] = json!({ "schema": { "type": "string" } });
    }
    let refused = by_status.into_iter().map(|(status, codes)| {
        (status.to_string(), json!({ "description": list_codes(&codes), "content": content(refusal) }))
    });
    Value::Object(std::iter::once(("200".to_owned(), done)).chain(refused).collect())
}

fn list_codes(codes: &[Code]) -> String {
    let lines: Vec<_> = codes.iter().map(|code| format!("- `{}`: {}", code.name(), code.meaning())).collect();
    lines.join("\n")
}

fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// Returns an input's schema without the path parameter.
fn without_property(mut input: Map<String, Value>, parameter: &str) -> Value {
    if let Some(Value::Object(properties)) = input.get_mut("properties") {
        properties.remove(parameter);
    }
    if let Some(Value::Array(required)) = input.get_mut("required") {
        required.retain(|it| it != parameter);
    }
    Value::Object(input)
}
