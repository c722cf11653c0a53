//! The admin function: its operations, and what they have in common.

use api::{AdminCall, Call, Function, Refusal, Why};
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use deliveries::{DeliveryQueue, DeliveryStore, Dispatcher, Limits, Ports as _};
use domain::error_chain;
use endpoints::{CONFIRMATION_PATH, Endpoint, EndpointId, TargetKind};
use engine::{CommitError, PortError};
use front::{Context, Front, Input, invalid, to_json};
use jiff::Timestamp;
use serde_json::Value;
use wire::deliveries::Delivery;

use crate::csv_file::{REPORT_PATH, as_file};
use crate::page::{CALLBACK_PATH, PageRequest, START_PATH};
use crate::ports::Ports;

/// What the paths of short links begin with.
pub(crate) const SHORT_PATH: &str = "/m/";

/// The most endpoints of a connection.
pub const MOST_ENDPOINTS: u32 = 50;

/// Another function may change the endpoint at the same time.
const MOST_TRIES: usize = 5;

/// The admin function.
#[derive(Debug)]
pub struct Admin<P> {
    front: Front<P>,
}

/// The store of the ports' deliveries.
pub(crate) type StoreOf<P> = <<P as Ports>::Deliveries as deliveries::Ports>::Store;
/// The secrets of the ports' deliveries.
pub(crate) type VaultOf<P> = <<P as Ports>::Deliveries as deliveries::Ports>::Vault;

impl<P: Ports> Admin<P> {
    /// Returns a function with empty caches.
    pub fn new(ports: P) -> Self {
        Self { front: Front::new(Function::Admin, ports) }
    }

    /// Reads the data that the default connection's first request needs.
    pub async fn warm(&self) {
        self.front.warm().await;
    }

    /// Handles an invocation.
    pub async fn handle(&self, input: Input, deadline: Timestamp) -> Value {
        if let Input::Http(request) = &input {
            let (path, query) = (request.raw_path.as_deref(), request.raw_query_string.as_deref());
            let is_get = request.request_context.http.method.as_str() == "GET";
            let cookies = cookies(request);
            let page = PageRequest { query: query.unwrap_or_default(), cookies: &cookies };
            match path {
                Some(CONFIRMATION_PATH) => {
                    let method = request.request_context.http.method.as_str();
                    return self.confirmation_page(method, query, deadline).await;
                }
                Some(path) if path.starts_with(SHORT_PATH) => {
                    let method = request.request_context.http.method.as_str();
                    return self.follow_short_link(method, path).await;
                }
                Some(START_PATH) if is_get => return self.start_login(page).await,
                Some(CALLBACK_PATH) if is_get => return self.end_login(page).await,
                _ => {}
            }
        }
        let report_query = match &input {
            Input::Http(request) if request.raw_path.as_deref() == Some(REPORT_PATH) => {
                request.raw_query_string.clone()
            }
            Input::Http(_) | Input::Direct(_) => None,
        };
        let perform = async |context: &Context, call: &Call| self.perform(context, call).await;
        let answer = self.front.handle(input, deadline, perform).await;
        match report_query {
            Some(query) => as_file(&query, answer),
            None => answer,
        }
    }

    async fn perform(&self, context: &Context, call: &Call) -> Result<Value, Refusal> {
        let Call::Admin(call) = call else { return Err(Refusal::new(Why::NotFound, "There is nothing here.")) };
        match call {
            AdminCall::CreateEndpoint(request) => to_json(self.create_endpoint(context, request).await?),
            AdminCall::ListEndpoints(request) => to_json(self.list_endpoints(context, request).await?),
            AdminCall::Endpoint(request) => to_json(self.endpoint(context, request).await?),
            AdminCall::UpdateEndpoint(request) => to_json(self.update_endpoint(context, request).await?),
            AdminCall::DeleteEndpoint(request) => to_json(self.delete_endpoint(context, request).await?),
            AdminCall::EnableEndpoint(request) => to_json(self.enable_endpoint(context, request).await?),
            AdminCall::DisableEndpoint(request) => to_json(self.disable_endpoint(context, request).await?),
            AdminCall::RotateSecret(request) => to_json(self.rotate_secret(context, request).await?),
            AdminCall::TestEndpoint(request) => to_json(self.test_endpoint(context, request).await?),
            AdminCall::EndpointStatistics(request) => to_json(self.endpoint_statistics(context, request).await?),
            AdminCall::AllStatistics(request) => to_json(self.all_statistics(context, request).await?),
            AdminCall::Attempts(request) => to_json(self.attempts(context, request).await?),
            AdminCall::Replay(request) => to_json(self.replay(context, request).await?),
            AdminCall::Recover(request) => to_json(self.recover(context, request).await?),
            AdminCall::SetupToken(request) => to_json(self.setup_token(context, request).await?),
            AdminCall::Setup(request) => to_json(self.setup(context, request).await?),
            AdminCall::PostEvents(request) => to_json(self.post_events(context, request).await?),
            AdminCall::WebhookEventTypes(_) => Ok(crate::view::event_types()),
            AdminCall::BookingEvents(request) => to_json(self.booking_events(context, request).await?),
            AdminCall::ConversationEvents(request) => to_json(self.conversation_events(context, request).await?),
            AdminCall::EndpointEvents(request) => to_json(self.endpoint_events(context, request).await?),
            AdminCall::WebhookKeys(_) => to_json(self.webhook_keys(context).await?),
            AdminCall::RotateWebhookKey(_) => to_json(self.rotate_webhook_key(context).await?),
            AdminCall::CreateConnection(request) => to_json(self.create_connection(context, request).await?),
            AdminCall::ListConnections(_) => to_json(self.list_connections().await?),
            AdminCall::Connection(_) => to_json(self.connection(context).await?),
            AdminCall::UpdateConnection(request) => to_json(self.update_connection(context, request).await?),
            AdminCall::CalendlyLogin(_) => to_json(self.calendly_login(context).await?),
            AdminCall::RotateSigningKey(request) => to_json(self.rotate_signing_key(context, request).await?),
            AdminCall::DisableConnection(_) => to_json(self.disable_connection(context).await?),
            AdminCall::EnableConnection(_) => to_json(self.enable_connection(context).await?),
            AdminCall::Settings(_) => to_json(self.settings(context).await?),
            AdminCall::SettingsSchema(_) => Ok(settings_document::schema()),
            AdminCall::PutSettings(request) => to_json(self.put_settings(context, request).await?),
            AdminCall::SettingsVersions(_) => to_json(self.settings_versions(context).await?),
            AdminCall::RestoreSettings(request) => to_json(self.restore_settings(context, request).await?),
            AdminCall::ListBookings(request) => to_json(self.list_bookings(context, request).await?),
            AdminCall::BookingsReport(request) => to_json(self.bookings_report(context, request).await?),
            AdminCall::ImportBookings(request) => to_json(self.import_bookings(context, request).await?),
            AdminCall::LastImport(_) => to_json(self.last_import(context).await?),
            AdminCall::DeleteConnection(_) => to_json(self.delete_connection(context).await?),
        }
    }

    pub(crate) fn ports(&self) -> &P {
        self.front.ports()
    }

    pub(crate) fn store(&self) -> &StoreOf<P> {
        self.ports().deliveries().store()
    }

    pub(crate) fn vault(&self) -> &VaultOf<P> {
        self.ports().deliveries().vault()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports().now()
    }

    pub(crate) fn random(&self) -> Result<[u8; 32], Refusal> {
        self.ports().random().map_err(unavailable)
    }

    /// Returns the dispatcher's part that makes attempts.
    pub(crate) fn dispatcher(&self, context: &Context) -> Dispatcher<'_, P::Deliveries> {
        Dispatcher { ports: self.ports().deliveries(), limits: Limits::default(), deadline: context.caller.deadline }
    }

    /// Sends messages to the deliveries queue.
    pub(crate) async fn send(&self, messages: &[Delivery]) -> Result<(), Refusal> {
        self.ports().deliveries().queue().send(messages).await.map_err(unavailable)
    }

    /// Reads an endpoint of the caller's connection.
    pub(crate) async fn load_endpoint(&self, context: &Context, id: &str) -> Result<Endpoint, Refusal> {
        let Some(id) = EndpointId::parse(id) else { return Err(endpoint_unknown()) };
        let found = self.store().load_endpoint(&context.connection, &id).await.map_err(unavailable)?;
        found.ok_or_else(endpoint_unknown)
    }

    /// Changes an endpoint, again when another function changes it at the same time. `change` returns what to write, or
    /// `None` if nothing is to be changed.
    pub(crate) async fn change_endpoint(
        &self,
        context: &Context,
        id: &str,
        change: impl AsyncFn(Endpoint) -> Result<Option<Endpoint>, Refusal>,
    ) -> Result<Endpoint, Refusal> {
        for _ in 0..MOST_TRIES {
            let endpoint = self.load_endpoint(context, id).await?;
            let Some(changed) = change(endpoint.clone()).await? else { return Ok(endpoint) };
            match self.store().write_endpoint(&context.connection, &changed).await {
                Ok(()) => return Ok(Endpoint { revision: changed.revision + 1, ..changed }),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(unavailable(error)),
            }
        }
        Err(unavailable(PortError::unavailable("other functions repeatedly changed the endpoint")))
    }
}

/// Returns the cookies of a request. API Gateway passes them apart from the headers.
fn cookies(request: &ApiGatewayV2httpRequest) -> Vec<String> {
    let headers = request.headers.get_all("cookie").iter().filter_map(|it| it.to_str().ok()).map(str::to_owned);
    request.cookies.clone().unwrap_or_default().into_iter().chain(headers).collect()
}

/// Returns the refusal for an error of a port.
pub(crate) fn unavailable(error: PortError) -> Refusal {
    tracing::error!(error = error_chain(&error), "port of the admin function unavailable");
    Refusal::new(Why::Unavailable, "The service cannot answer now. Make the same call again.").after(5)
}

pub(crate) fn endpoint_unknown() -> Refusal {
    Refusal::new(Why::EndpointUnknown, "There is no endpoint with this id.")
}

/// Checks that an endpoint's events are sent now.
pub(crate) fn check_active(endpoint: &Endpoint) -> Result<(), Refusal> {
    if endpoint.is_active() { Ok(()) } else { Err(inactive(endpoint)) }
}

/// Returns the refusal of a call that an endpoint in this status does not permit.
pub(crate) fn inactive(endpoint: &Endpoint) -> Refusal {
    let status = endpoint.status.name();
    let message = match endpoint.status {
        endpoints::Status::Unverified if endpoint.target == TargetKind::Email => {
            "The address is not confirmed yet. Test the endpoint to send the link again, or delete it."
        }
        endpoints::Status::Unverified => "The endpoint has not answered a test yet. Test it first, or delete it.",
        endpoints::Status::Enabled | endpoints::Status::Disabled { .. } => "The endpoint is disabled. Enable it first.",
    };
    Refusal::new(Why::EndpointInactive { status: status.to_owned() }, message)
}

/// Checks that an endpoint is called, and does not ask for its events.
pub(crate) fn check_called(endpoint: &Endpoint) -> Result<(), Refusal> {
    match endpoint.target {
        TargetKind::Poll => Err(invalid("endpoint", "asks for its events, and is not called")),
        TargetKind::Url | TargetKind::Email => Ok(()),
    }
}
