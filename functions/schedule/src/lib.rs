//! VAI's agents book, move and cancel: over HTTP with a key, or by direct invocation, with the same types and answers.
//!
//! Language models retry, race, invent ids and think in UTC. What they ask for is checked whole before anything is done,
//! booked at most once however often it is asked for, and refused in words that lead on.

mod agenda;
mod book;
mod change;
mod context;
mod phrases;
mod preview;
mod records;
mod resolve;
mod view;

use api::{Call, Invocation, Operation, Refusal, RouteError, Why, is_vai_path, read_value};
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::HeaderMap;
use domain::ConnectionName;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use context::{Api, Ports, QueueState};

use crate::context::Caller;
use crate::phrases::Locale;
use crate::resolve::{invalid, invalid_request};

/// What the function is invoked with.
#[derive(Debug)]
pub enum Input {
    /// By API Gateway: somebody who has to show a key.
    Http(Box<ApiGatewayV2httpRequest>),
    /// By whoever IAM lets invoke the function: it has no key, and needs none.
    Direct(Value),
}

impl<'de> Deserialize<'de> for Input {
    /// API Gateway's events tell themselves by their context, which no caller of its can write.
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let event = Value::deserialize(deserializer)?;
        if event.pointer("/requestContext/http").is_none() {
            return Ok(Self::Direct(event));
        }
        // serde's own words would quote the value; what is no event of the gateway's is no invocation of ours either.
        Ok(serde_json::from_value(event).map_or(Self::Direct(Value::Null), |it| Self::Http(Box::new(it))))
    }
}

/// The longest idempotency key that is taken.
const LONGEST_KEY: usize = 255;

impl<D: Ports> Api<D> {
    /// Answers one invocation.
    pub async fn handle(&self, input: Input, deadline: Timestamp) -> Value {
        match input {
            Input::Http(request) => {
                let response = self.http(&request, deadline).await;
                serde_json::to_value(response).unwrap_or_default()
            }
            Input::Direct(event) => self.direct(event, deadline).await,
        }
    }

    async fn http(&self, request: &ApiGatewayV2httpRequest, deadline: Timestamp) -> ApiGatewayV2httpResponse {
        let path = request.raw_path.as_deref().unwrap_or_default();
        let in_vais_words = is_vai_path(path);
        match self.admitted(request, path, deadline).await {
            Ok(answer) => respond(200, &answer, None),
            Err(refusal) if in_vais_words => respond(refusal.vai_status(), &refusal.vai_body(), Some(&refusal)),
            Err(refusal) => respond(refusal.status(), &refusal.body(), Some(&refusal)),
        }
    }

    /// Lets a caller in, reads what is asked, does it.
    async fn admitted(
        &self,
        request: &ApiGatewayV2httpRequest,
        path: &str,
        deadline: Timestamp,
    ) -> Result<Value, Refusal> {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        // Before anything is looked at: without a key nobody learns so much as what there is.
        let holder = self.find_key(header("authorization").and_then(bearer)).await?;
        let settings = self.settings(&holder.connection).await?;
        self.permit(&holder.name, &settings).await?;

        let method = request.request_context.http.method.as_str();
        let query = request.raw_query_string.as_deref().unwrap_or_default();
        let body = body_of(request)?;
        let call = Call::from_http(method, path, query, &body).map_err(|error| match error {
            RouteError::NotFound => Refusal::new(Why::NotFound, "There is nothing here."),
            RouteError::MethodNotAllowed { allowed } => {
                let allowed: Vec<_> = allowed.into_iter().map(|it| it.name().to_owned()).collect();
                let message = format!("This path takes {}.", allowed.join(", "));
                Refusal::new(Why::MethodNotAllowed { allowed }, message)
            }
            RouteError::Faults { faults, .. } => invalid_request(faults),
        })?;
        let key = header("idempotency-key").map(str::trim).filter(|it| !it.is_empty());
        if key.is_some_and(|it| it.len() > LONGEST_KEY) {
            return Err(invalid("Idempotency-Key", "must be at most 255 characters long"));
        }
        let idempotency_key = key.map(str::to_owned);
        self.answer(&Caller { connection: holder.connection, idempotency_key, deadline }, &call).await
    }

    async fn direct(&self, event: Value, deadline: Timestamp) -> Value {
        let operation = event.get("operation").and_then(Value::as_str).and_then(Operation::parse);
        let in_vais_words = operation.is_some_and(|it| it.route().is_vai());
        let tell = |refusal: &Refusal| if in_vais_words { refusal.vai_body() } else { refusal.body() };
        let read = read_value::<Invocation>(event).and_then(|it| {
            let connection = it.connection.as_deref().unwrap_or("default");
            let connection = ConnectionName::parse(connection)
                .ok_or_else(|| vec![api::Fault::new("connection", "is 1 to 40 of a-z, 0-9 and -")])?;
            Ok((Call::from_direct(&it.operation, it.input)?, connection, it.idempotency_key))
        });
        let (call, connection, idempotency_key) = match read {
            Ok(read) => read,
            Err(faults) => return tell(&invalid_request(faults)),
        };
        let answer = self.answer(&Caller { connection, idempotency_key, deadline }, &call).await;
        answer.unwrap_or_else(|refusal| tell(&refusal))
    }

    /// Does what is asked, and counts how it went.
    async fn answer(&self, caller: &Caller, call: &Call) -> Result<Value, Refusal> {
        // Boxed: what it awaits is deep enough to weary the compiler.
        let answer = Box::pin(self.perform(caller, call)).await;
        let operation = call.operation().name();
        let outcome = answer.as_ref().err().map_or("ok", |refusal| refusal.code().name());
        tracing::info!(connection = %caller.connection, api.operation = operation, api.outcome = outcome, "a call was answered");
        self.ports.count("Call", &[("Operation", operation), ("Outcome", outcome)]);
        if answer.as_ref().is_err_and(|refusal| matches!(refusal.why, Why::CalendlyRefused | Why::Unavailable)) {
            self.ports.count("Trouble", &[("Operation", operation), ("Outcome", outcome)]);
        }
        answer
    }

    async fn perform(&self, caller: &Caller, call: &Call) -> Result<Value, Refusal> {
        match call {
            Call::EventTypes(request) => json(self.event_types(caller, request).await?),
            Call::AvailableTimes(request) => json(self.available_times(caller, request).await?),
            Call::Alternatives(request) => json(self.alternatives(caller, request).await?),
            Call::Book(request) => json(self.book(caller, request).await?),
            Call::Hold(request) => json(self.hold(caller, request).await?),
            Call::Confirm(request) => json(self.confirm(caller, request).await?),
            Call::Upcoming(request) => json(self.upcoming(caller, request).await?),
            Call::Booking(request) => json(self.booking(caller, request).await?),
            Call::Timeline(request) => json(self.timeline(caller, request).await?),
            Call::Metadata(request) => json(self.metadata(caller, request).await?),
            Call::Cancel(request) => json(self.cancel(caller, request).await?),
            Call::Move(request) => json(self.move_booking(caller, request).await?),
            Call::MarkNoShow(request) => json(self.set_no_show(caller, request, true).await?),
            Call::UnmarkNoShow(request) => json(self.set_no_show(caller, request, false).await?),
            Call::NoShow(request) => json(self.no_show(caller, request).await?),
            Call::Link(request) => json(self.link(caller, request).await?),
            Call::Availability(request) => json(self.availability(caller, request).await?),
            Call::BusyTimes(request) => json(self.busy_times(caller, request).await?),
            Call::Me(_) => json(self.me(caller).await?),
            Call::Status(_) => json(self.status(caller).await?),
            Call::PreviewTemplates(request) => json(self.preview(caller, request).await?),
            Call::Tools(_) => Ok(api::tools::tools()),
            Call::OpenApi(_) => {
                let mut document = api::openapi::document();
                if let Some(url) = self.ports.public_url() {
                    document["servers"][0]["url"] = url.into();
                }
                Ok(document)
            }
        }
    }
}

/// The token of `Authorization: TimerKind …`; the scheme's case doesn't matter.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn body_of(request: &ApiGatewayV2httpRequest) -> Result<Vec<u8>, Refusal> {
    let text = request.body.clone().unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(text.into_bytes());
    }
    use base64::Engine;
    let decoded = base64::engine::general_purpose::STANDARD.decode(text);
    decoded.map_err(|_| invalid("body", "is not what API Gateway says it is"))
}

fn respond(status: u16, body: &Value, refusal: Option<&Refusal>) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    let text = |text: &str| text.parse().ok();
    let mut put = |name: &'static str, value: Option<_>| value.and_then(|value| headers.insert(name, value));
    put("content-type", text("application/json"));
    put("cache-control", text("no-store"));
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

fn json(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| {
        tracing::error!(error = %error, "an answer can't be written");
        Locale::english().refuse(Why::Unavailable)
    })
}
