//! E-mails to the addresses of customers' endpoints: deliveries, tests, and the link that confirms an address.
//!
//! A message names what to send. It is delivered again until the provider took the e-mail, or refused it for good: so
//! an e-mail arrives at least once, and twice when an answer was lost.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use batch::Failure;
use domain::{CommandId, ConnectionName, Outcome, PlainEmail};
use endpoints::{Delivery, Endpoint, EndpointId, EndpointSecrets, Status, TargetKind};
use engine::{Clock, Email, Messaging, PortError, Store, World};
use events::{EventType, Stream};
use wire::due::EndpointMail;

use crate::report::{Report, confirmation, report};

/// What is stored of customers' endpoints.
pub trait Endpoints {
    /// Reads an endpoint, strongly consistent.
    async fn load_endpoint(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
    ) -> Result<Option<Endpoint>, PortError>;

    /// Reads a delivery by its number in the endpoint's sequence of a stream, strongly consistent.
    async fn load_delivery(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        number: u64,
    ) -> Result<Option<Delivery>, PortError>;

    /// Decrypts an endpoint's address.
    async fn open(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<EndpointSecrets, PortError>;

    /// Returns where people reach our pages.
    fn public_url(&self) -> Option<&str>;
}

/// Sends an e-mail to an endpoint's address.
///
/// # Errors
/// What went wrong, without personal data. The message must be delivered again.
pub(crate) async fn send<W: World>(
    world: &W,
    endpoints: &impl Endpoints,
    connection: &ConnectionName,
    endpoint: &str,
    key: &CommandId,
    mail: &EndpointMail,
) -> Result<(), Failure> {
    let id = EndpointId::parse(endpoint);
    let id = id.ok_or_else(|| Failure::Permanent("a message names an endpoint that cannot exist".to_owned()))?;
    let loaded = endpoints.load_endpoint(connection, &id).await?;
    let Some(endpoint) = loaded.filter(|it| it.target == TargetKind::Email && gets(it.status, mail)) else {
        tracing::info!(connection = %connection, endpoint.id = %id, "e-mail dropped because its endpoint changed");
        return Ok(());
    };
    let secrets = endpoints.open(connection, &endpoint).await?;
    let (Report { subject, text }, link) = match mail {
        EndpointMail::Confirmation => {
            let Some(confirmed_by) = secrets.confirmation.filter(|it| it.until > world.clock().now()) else {
                tracing::info!(connection = %connection, endpoint.id = %id, "confirmation dropped because it has ended");
                return Ok(());
            };
            let problem = "the public URL is not set, so there is no link to confirm with";
            let url = endpoints.public_url().ok_or_else(|| unforeseen(problem))?;
            (confirmation(&endpoint, connection), Some(confirmed_by.link(url)))
        }
        EndpointMail::Test { event } => (
            report(
                &endpoint,
                event.name(),
                &sample(world, connection, &endpoint, *event, key).map_err(Failure::Permanent)?,
            ),
            None,
        ),
        EndpointMail::Delivery { stream, number } => {
            let stream = Stream::parse(stream);
            let stream =
                stream.ok_or_else(|| Failure::Permanent("a message names a stream that cannot exist".to_owned()))?;
            let loaded = endpoints.load_delivery(connection, &id, &stream, *number).await;
            // The dispatcher hands an e-mail over right before it stores the delivery.
            let delivery = loaded?.ok_or_else(|| unforeseen("the delivery is not stored yet"))?;
            (report(&endpoint, &delivery.event_type, &delivery.body), None)
        }
    };
    let settings = world.store().load_settings(connection).await?;
    let email = PlainEmail::new(&settings, secrets.url.into(), subject, text).ok_or_else(|| {
        unforeseen("the settings have no sender address, or neither Amazon SES nor Brevo among the providers of e-mail")
    })?;
    let email = PlainEmail { link: link.map(Into::into), ..email };
    let messaging = world.messaging().ok_or_else(|| unforeseen("this function sends no messages"))?;
    match messaging.email().send_plain(connection, key, &email).await {
        Outcome::Done { .. } => {
            tracing::info!(connection = %connection, endpoint.id = %id, "e-mail of an endpoint sent");
            Ok(())
        }
        Outcome::Refused { detail, .. } => {
            tracing::error!(connection = %connection, endpoint.id = %id, detail, "e-mail of an endpoint refused");
            Ok(())
        }
        Outcome::Unsent { detail, .. } => Err(Failure::Temporary(detail)),
        Outcome::Unknown { detail, .. } => Err(Failure::Doubtful(detail)),
    }
}

fn unforeseen(problem: &str) -> Failure {
    Failure::Unforeseen(problem.to_owned())
}

/// Returns whether an endpoint in a status gets an e-mail. An address that is not confirmed gets the link only.
fn gets(status: Status, mail: &EndpointMail) -> bool {
    match mail {
        EndpointMail::Confirmation => status == Status::Unverified,
        EndpointMail::Test { .. } => status != Status::Unverified,
        EndpointMail::Delivery { .. } => status == Status::Enabled,
    }
}

/// Returns the body of a sample of an event that happens now.
fn sample<W: World>(
    world: &W,
    connection: &ConnectionName,
    endpoint: &Endpoint,
    kind: EventType,
    key: &CommandId,
) -> Result<String, String> {
    let event = events::test_event(kind, key.as_str().to_owned(), endpoint.id.as_str(), world.clock().now());
    deliveries::compose_test(connection, endpoint, &event).map(|it| it.body)
}
