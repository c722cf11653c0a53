//! Endpoints that get their events by e-mail. This function sends none: it hands them over to the one that does.

use api::endpoint_answer::TestView;
use api::{Fault, Refusal};
use deliveries::{DeliveryQueue, Ports as _, Seal, Vault};
use domain::{CommandId, ConnectionName, PlainEmail};
use endpoints::{Attempt, AttemptResult, Confirmation, Endpoint, EndpointId, Status};
use events::EventType;
use front::Context;
use jiff::SignedDuration;
use wire::due::{Due, EndpointMail};

use crate::admin::{Admin, unavailable};
use crate::ports::Ports;
use crate::token::confirmation_token;
use crate::view;

/// How long the link works.
const LIFETIME: SignedDuration = SignedDuration::from_hours(72);

impl<P: Ports> Admin<P> {
    /// Checks that e-mails can be sent for the connection, and that there is a page to confirm an address at.
    pub(crate) fn check_can_send(&self, context: &Context, faults: &mut Vec<Fault>) {
        if !PlainEmail::is_possible(&context.settings) {
            let problem = "needs a sender address in the settings, and Amazon SES or Brevo among the providers of e-mail: \
                           VAI sends its own templates only";
            faults.push(Fault::new("delivery", problem));
        }
        if self.ports().public_url().is_none() {
            faults.push(Fault::new("delivery", "needs the installation's PUBLIC_URL for the link"));
        }
    }

    /// Makes what confirms an address.
    pub(crate) fn new_confirmation(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
    ) -> Result<Confirmation, Refusal> {
        let token = confirmation_token(connection, endpoint, self.random()?);
        Ok(Confirmation { token, until: self.now() + LIFETIME })
    }

    /// Has the link sent to an endpoint's address.
    pub(crate) async fn send_confirmation(&self, context: &Context, endpoint: &Endpoint) -> Result<(), Refusal> {
        self.hand_over(context, endpoint, EndpointMail::Confirmation).await
    }

    /// Has a sample sent to an endpoint's address; a new link, if the address is not confirmed.
    pub(crate) async fn test_email(
        &self,
        context: &Context,
        endpoint: Endpoint,
        kind: EventType,
    ) -> Result<TestView, Refusal> {
        let changed = self.change_endpoint(context, endpoint.id.as_str(), async |endpoint| {
            if endpoint.status != Status::Unverified {
                return Ok(None);
            }
            let connection = &context.connection;
            let mut secrets = self.vault().open(connection, &endpoint).await.map_err(unavailable)?;
            secrets.confirmation = Some(self.new_confirmation(connection, &endpoint.id)?);
            let sealed = self.vault().seal(connection, &endpoint.id, &secrets).await.map_err(unavailable)?;
            Ok(Some(Endpoint { sealed, ..endpoint }))
        });
        let endpoint = changed.await?;
        let (mail, message) = match endpoint.status {
            Status::Unverified => (
                EndpointMail::Confirmation,
                "A new link was handed over to be sent to the address. Earlier links do not work any more.",
            ),
            Status::Enabled | Status::Disabled { .. } => {
                (EndpointMail::Test { event: kind }, "The sample was handed over to be sent to the address.")
            }
        };
        self.hand_over(context, &endpoint, mail).await?;
        let result = AttemptResult::answered(202, "handed over to be sent by e-mail");
        let attempt = Attempt { at: self.now(), millis: 0, result, is_replay: false };
        Ok(TestView {
            success: true,
            message: message.to_owned(),
            endpoint_status: endpoint.status.name().to_owned(),
            details: view::attempt(&attempt),
        })
    }

    async fn hand_over(&self, context: &Context, endpoint: &Endpoint, mail: EndpointMail) -> Result<(), Refusal> {
        let due = Due::Email {
            connection: context.connection.clone(),
            endpoint: endpoint.id.as_str().to_owned(),
            key: CommandId::new(self.event_id()?),
            mail,
        };
        self.ports().deliveries().queue().hand_over(&due).await.map_err(unavailable)?;
        tracing::info!(connection = %context.connection, endpoint.id = %endpoint.id, "e-mail handed over");
        Ok(())
    }
}
