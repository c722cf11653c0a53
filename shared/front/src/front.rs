//! The front: turns an invocation into a call with its context, and an answer or a refusal into a response.

use api::openapi::{CONVERSATION_HEADER, KEY_HEADER, LONGEST_ID, LONGEST_KEY, USER_HEADER};
use api::{
    Access, Call, Function, Invocation, Operation, Refusal, Route, RouteError, ScheduleCall, Why, is_public_path,
    is_vai_path, read_value,
};
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::http::{HeaderMap, HeaderValue};
use domain::{ConnectionName, Scope, Settings, error_chain};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::answer::{decode_body, invalid, invalid_request, respond};
use crate::audit::{Audit, TARGET};
use crate::context::{Caller, Context, Speaker};
use crate::input::Input;
use crate::keys::{Keys, check_scope, unauthorized};
use crate::locale::Locale;
use crate::ports::Ports;

/// The name of the caller of a direct invocation, which has no key.
const DIRECT: &str = "iam";

/// The time that the line of the audit may take after an operation.
const AUDIT_TIME: SignedDuration = SignedDuration::from_secs(1);

/// The common part of functions that are called.
#[derive(Debug)]
pub struct Front<P> {
    function: Function,
    ports: P,
    keys: Keys,
}

/// A caller that was admitted.
struct Admitted {
    connection: ConnectionName,
    settings: Settings,
    /// The endpoint whose catch-up token was presented.
    endpoint: Option<String>,
    manages_all: bool,
    is_trusted: bool,
}

/// What a direct invocation asks for.
struct Direct {
    call: Call,
    connection: ConnectionName,
    idempotency_key: Option<String>,
    speaker: Speaker,
}

impl<P: Ports> Front<P> {
    /// Returns the front of a function, with empty caches. It answers the operations of that function only.
    pub fn new(function: Function, ports: P) -> Self {
        Self { function, ports, keys: Keys::default() }
    }

    /// Returns the function's ports.
    pub fn ports(&self) -> &P {
        &self.ports
    }

    /// Reads the data that the default connection's first request needs, and opens the connections. Failures are only
    /// logged.
    pub async fn warm(&self) {
        if let Err(error) = self.ports.load_settings(&ConnectionName::default()).await {
            tracing::warn!(error = error_chain(&error), "settings not readable at init");
        }
        if let Err(error) = self.ports.api_keys().await {
            tracing::warn!(error = error_chain(&error), "API keys not readable at init");
        }
    }

    /// Handles an invocation; `perform` performs the operation.
    pub async fn handle(
        &self,
        input: Input,
        deadline: Timestamp,
        perform: impl AsyncFn(&Context, &Call) -> Result<Value, Refusal>,
    ) -> Value {
        let deadline = deadline - AUDIT_TIME;
        match input {
            Input::Http(request) => {
                let response = self.handle_http(&request, deadline, perform).await;
                serde_json::to_value(response).unwrap_or_default()
            }
            Input::Direct(event) => self.handle_direct(event, deadline, perform).await,
        }
    }

    async fn handle_http(
        &self,
        request: &ApiGatewayV2httpRequest,
        deadline: Timestamp,
        perform: impl AsyncFn(&Context, &Call) -> Result<Value, Refusal>,
    ) -> ApiGatewayV2httpResponse {
        let path = request.raw_path.as_deref().unwrap_or_default();
        let mut audit = Audit::default();
        let answer = match self.admit(request, path, deadline, &mut audit).await {
            Ok((context, call)) => {
                let is_cached = call.operation().route().is_cached();
                self.answer(&context, &call, perform).await.map(|answer| (answer, is_cached))
            }
            Err(refusal) => Err(refusal),
        };
        self.record(&audit, answer.as_ref().map(|(answer, _)| answer)).await;
        match answer {
            Ok((answer, is_cached)) => respond(200, &answer, None, is_cached),
            Err(refusal) if self.function == Function::Schedule && is_vai_path(path) => {
                respond(refusal.vai_status(), &refusal.vai_body(), Some(&refusal), false)
            }
            Err(refusal) => respond(refusal.status(), &refusal.body(), Some(&refusal), false),
        }
    }

    /// Authenticates a caller and reads the call. A caller without a key does not learn which other paths exist than
    /// those that need none.
    async fn admit(
        &self,
        request: &ApiGatewayV2httpRequest,
        path: &str,
        deadline: Timestamp,
        audit: &mut Audit,
    ) -> Result<(Context, Call), Refusal> {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let method = request.request_context.http.method.as_str();
        let query = request.raw_query_string.as_deref().unwrap_or_default();
        let token = header("authorization").and_then(bearer_token);
        let route = Route::find(self.function, method, path);
        audit.operation = route.as_ref().map_or("", |it| it.name);
        let access = route.map(|it| it.access);
        let Admitted { connection, settings, endpoint, manages_all, is_trusted } = match access {
            Err(error) if is_public_path(self.function, path) => return Err(refuse_route(error)),
            Ok(Access::Nothing) => {
                let call = Call::from_http(self.function, method, path, query, &decode_body(request)?);
                let call = call.map_err(refuse_route)?;
                let speaker = Speaker::default();
                let caller = Caller { speaker, is_trusted: false, idempotency_key: None, endpoint: None, deadline };
                let connection = call.connection().and_then(ConnectionName::parse).ok_or_else(not_found)?;
                audit.connection(&connection);
                return Ok((Context::new(caller, connection, Settings::default(), None), call));
            }
            Ok(Access::CatchUpToken) => {
                let owner = self.ports.token_owner(token.ok_or_else(unauthorized)?).await;
                let owner = owner.map_err(|error| Locale::english().unavailable(&error))?.ok_or_else(unauthorized)?;
                let name = format!("catch-up {} {}", owner.connection, owner.endpoint);
                audit.caller.clone_from(&name);
                audit.connection(&owner.connection);
                let settings = self.settings(&owner.connection).await?;
                self.keys.use_permit(&self.ports, &name, &settings).await?;
                let (connection, endpoint) = (owner.connection, Some(owner.endpoint));
                Admitted { connection, settings, endpoint, manages_all: false, is_trusted: true }
            }
            Ok(_) | Err(_) => {
                let key = Keys::authenticate(&self.ports, token).await?;
                audit.caller.clone_from(&key.name);
                audit.connection(&key.connection);
                let settings = self.settings(&key.connection).await?;
                self.keys.use_permit(&self.ports, &key.name, &settings).await?;
                if let Some(scope) = access.ok().and_then(Access::scope) {
                    check_scope(&key, scope)?;
                }
                let (manages_all, is_trusted) = (key.permits(Scope::Connections), key.is_trusted);
                Admitted { connection: key.connection, settings, endpoint: None, manages_all, is_trusted }
            }
        };
        let mut speaker = read_speaker(&request.headers)?;
        audit.speaker(&speaker);
        let call = Call::from_http(self.function, method, path, query, &decode_body(request)?).map_err(refuse_route)?;
        if is_trusted {
            speaker = speaker.or_of_request(&call);
        }
        audit.speaker(&speaker);
        audit.call(&call);
        let (connection, settings) =
            match call.connection().map(|it| ConnectionName::parse(it).ok_or_else(connection_unknown)) {
                Some(named) => match named? {
                    named if named == connection => (connection, settings),
                    // Which names exist is none of its business.
                    _ if !manages_all => return Err(connection_unknown()),
                    named => {
                        let settings = self.settings(&named).await?;
                        (named, settings)
                    }
                },
                None => (connection, settings),
            };
        audit.connection(&connection);
        let idempotency_key = request.headers.get(KEY_HEADER).map(read_key).transpose()?;
        let caller = Caller { speaker, is_trusted, idempotency_key, endpoint, deadline };
        Ok((Context::new(caller, connection, settings, call.language()), call))
    }

    async fn handle_direct(
        &self,
        event: Value,
        deadline: Timestamp,
        perform: impl AsyncFn(&Context, &Call) -> Result<Value, Refusal>,
    ) -> Value {
        let operation = event.get("operation").and_then(Value::as_str).and_then(Operation::parse);
        let is_vai = operation.is_some_and(|it| it.route().is_vai());
        let mut audit = Audit::default();
        DIRECT.clone_into(&mut audit.caller);
        audit.operation = operation.map_or("", Operation::name);
        let answer = match self.admit_direct(event, deadline, &mut audit).await {
            Ok((context, call)) => self.answer(&context, &call, perform).await,
            Err(refusal) => Err(refusal),
        };
        self.record(&audit, answer.as_ref()).await;
        answer.unwrap_or_else(|refusal| if is_vai { refusal.vai_body() } else { refusal.body() })
    }

    /// Reads the call of a direct invocation. IAM has checked the caller; the settings of the function say which
    /// connections it may name. It uses permits as a key does.
    async fn admit_direct(
        &self,
        event: Value,
        deadline: Timestamp,
        audit: &mut Audit,
    ) -> Result<(Context, Call), Refusal> {
        let Direct { call, connection, idempotency_key, mut speaker } =
            self.read_direct(event).map_err(invalid_request)?;
        let access = self.ports.direct_access();
        if access.is_trusted {
            speaker = speaker.or_of_request(&call);
        }
        audit.speaker(&speaker);
        audit.call(&call);
        let named = call.connection().map(|it| ConnectionName::parse(it).ok_or_else(connection_unknown)).transpose()?;
        let is_about_all = named.is_none() && call.operation().route().access.scope() == Some(Scope::Connections);
        let connection = named.unwrap_or(connection);
        audit.connection(&connection);
        if !access.allows(&connection) {
            return Err(connection_unknown());
        }
        if is_about_all && !access.allows_all() {
            let scope = Scope::Connections.name().to_owned();
            let message = "A direct invocation may do this only if the stack's DirectConnections is *.";
            return Err(Refusal::new(Why::Forbidden { scope }, message));
        }
        let settings = self.settings(&connection).await?;
        self.keys.use_permit(&self.ports, &format!("{DIRECT} {connection}"), &settings).await?;
        let caller = Caller { speaker, is_trusted: access.is_trusted, idempotency_key, endpoint: None, deadline };
        Ok((Context::new(caller, connection, settings, call.language()), call))
    }

    fn read_direct(&self, event: Value) -> Result<Direct, Vec<api::Fault>> {
        let Invocation { operation, connection, idempotency_key, conversation, user, input } = read_value(event)?;
        let connection = ConnectionName::parse(connection.as_deref().unwrap_or("default"));
        let connection =
            connection.ok_or_else(|| vec![api::Fault::new("connection", "is 1 to 40 of a-z, 0-9 and -")])?;
        let call = Call::from_direct(self.function, &operation, input)?;
        Ok(Direct { call, connection, idempotency_key, speaker: Speaker { conversation, user } })
    }

    async fn settings(&self, connection: &ConnectionName) -> Result<Settings, Refusal> {
        let settings = self.ports.load_settings(connection).await;
        settings.map_err(|error| Locale::english().unavailable(&error))
    }

    /// Writes the line of the audit, and counts a caller that was turned away. A line that can't be written goes to the
    /// function's own log, so that none is lost; the call does not fail because of it.
    async fn record(&self, audit: &Audit, answer: Result<&Value, &Refusal>) {
        let line = audit.line(answer);
        if let Err(error) = self.ports.write_audit(&line).await {
            tracing::warn!(target: TARGET, audit = line, error = error_chain(&error), "audit line not in its log group");
            self.ports.count("AuditUnwritten", &[]);
        }
        if let Err(refusal) = answer
            && let status @ (401 | 403 | 429) = refusal.status()
        {
            self.ports.count("Denied", &[("Status", &status.to_string()), ("Outcome", refusal.code().name())]);
        }
    }

    /// Performs a call, and counts the outcome.
    async fn answer(
        &self,
        context: &Context,
        call: &Call,
        perform: impl AsyncFn(&Context, &Call) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let needs_trust = call.operation().route().is_about_everybody();
        let answer = match call {
            _ if needs_trust && !context.caller.is_trusted => Err(context.locale.refuse(Why::NotYours)),
            Call::Schedule(ScheduleCall::Tools(_)) => Ok(api::tools::tools()),
            Call::Schedule(ScheduleCall::OpenApi(_)) => Ok(self.openapi()),
            // Boxed, because its futures are large.
            call => Box::pin(perform(context, call)).await,
        };
        let operation = call.operation().name();
        let outcome = answer.as_ref().err().map_or("ok", |refusal| refusal.code().name());
        self.ports.count("Call", &[("Operation", operation), ("Outcome", outcome)]);
        if answer.as_ref().is_err_and(|refusal| matches!(refusal.why, Why::CalendlyRefused | Why::Unavailable)) {
            self.ports.count("Trouble", &[("Operation", operation), ("Outcome", outcome)]);
        }
        answer
    }

    fn openapi(&self) -> Value {
        let mut document = api::openapi::document();
        if let Some(url) = self.ports.public_url() {
            document["servers"][0]["url"] = url.into();
        }
        document
    }
}

fn not_found() -> Refusal {
    Refusal::new(Why::NotFound, "There is nothing here.")
}

fn connection_unknown() -> Refusal {
    Refusal::new(Why::ConnectionUnknown, "There is no such connection, or the key is another connection's.")
}

fn refuse_route(error: RouteError) -> Refusal {
    match error {
        RouteError::NotFound => not_found(),
        RouteError::MethodNotAllowed { allowed } => {
            let allowed: Vec<_> = allowed.into_iter().map(|it| it.name().to_owned()).collect();
            let message = format!("This path takes {}.", allowed.join(", "));
            Refusal::new(Why::MethodNotAllowed { allowed }, message)
        }
        RouteError::Faults { faults, .. } => invalid_request(faults),
    }
}

/// Reads whom the caller's agent talks to.
fn read_speaker(headers: &HeaderMap) -> Result<Speaker, Refusal> {
    let read = |name: &str| headers.get(name).map(|value| read_id(name, value)).transpose();
    Ok(Speaker { conversation: read(CONVERSATION_HEADER)?, user: read(USER_HEADER)? })
}

fn read_id(name: &str, header: &HeaderValue) -> Result<String, Refusal> {
    let id = header.to_str().ok().map(str::trim).filter(|it| (1..=LONGEST_ID).contains(&it.len()));
    id.map(str::to_owned).ok_or_else(|| invalid(name, "must have 1 to 512 visible ASCII characters"))
}

/// Reads an idempotency key. One that cannot be used is refused: a caller that repeats the call would act twice.
fn read_key(header: &HeaderValue) -> Result<String, Refusal> {
    let key = header.to_str().map_err(|_| invalid(KEY_HEADER, "must have visible ASCII characters only"))?.trim();
    match key.len() {
        0 => Err(invalid(KEY_HEADER, "must not be empty")),
        length if length > LONGEST_KEY => Err(invalid(KEY_HEADER, "must be at most 255 characters long")),
        _ => Ok(key.to_owned()),
    }
}

/// Returns the token of `Authorization: Bearer …`. The case of the scheme does not matter.
fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
