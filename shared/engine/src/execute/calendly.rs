//! Calendly as a destination.

use domain::{CalendlyCall, Command, Fact, InviteeUri, Outcome, Reason};

use super::run::Run;
use crate::ports::{Calendly, PortError, World};

impl<W: World> Run<'_, W> {
    /// Makes a claimed call to Calendly.
    pub(super) async fn call_calendly(&self, call: &CalendlyCall) -> Outcome {
        let connection = self.invocation.connection;
        let CalendlyCall::CancelEvent(invitee, reason) = call;
        self.world().calendly().cancel_event(connection, invitee, reason.expose()).await
    }

    /// Asks Calendly for the missing half of a move.
    pub(super) async fn fetch_missing_half(&self, command: &Command) -> Result<Fact, Outcome> {
        let leg = self.snapshot.booking.leg(&command.leg);
        let Some(uri) = leg.and_then(|leg| leg.next.as_ref()) else {
            return Err(Outcome::Refused { reason: Reason::NotFound, detail: "its address is not known".to_owned() });
        };
        match self.world().calendly().fetch_invitee(self.invocation.connection, uri).await {
            Ok(Some(fact)) => Ok(fact),
            Ok(None) => {
                Err(Outcome::Refused { reason: Reason::NotFound, detail: "the new half of the move".to_owned() })
            }
            Err(error) => {
                let needs_login = matches!(error, PortError::NeedsReconnect);
                let reason = if needs_login { Reason::NeedsReconnect } else { Reason::Unreachable };
                Err(Outcome::Unsent { reason, after_seconds: None, detail: domain::error_chain(&error) })
            }
        }
    }

    /// Reads a leg from Calendly after we changed it. If that fails, the webhook brings the change.
    pub(super) async fn fetch_changed_leg(&self, invitee: &InviteeUri) -> Option<Fact> {
        self.world().calendly().fetch_invitee(self.invocation.connection, invitee).await.ok().flatten()
    }

    /// Reads a meeting from Calendly before a message is sent at a planned time, or late: the link is often created
    /// after the booking, and webhooks can be late. One read for all messages about a leg in this run. `None` if
    /// nothing has changed or the read fails: then the message says what is known.
    pub(super) async fn fetch_update(&self, invitee: &InviteeUri) -> Option<Box<Fact>> {
        let mut looked = self.looked.lock().await;
        if let Some((_, update)) = looked.as_ref().filter(|(leg, _)| leg == invitee) {
            return update.clone();
        }
        let update = self.look_up(invitee).await;
        *looked = Some((invitee.clone(), update.clone()));
        update
    }

    async fn look_up(&self, invitee: &InviteeUri) -> Option<Box<Fact>> {
        let fetch = self.world().calendly().fetch_invitee(self.invocation.connection, invitee);
        let fact = match self.invocation.limiter.run(fetch).await {
            Ok(found) => found?,
            Err(error) => {
                let (booking, error) = (&self.snapshot.booking.id, domain::error_chain(&error));
                tracing::warn!(booking.id = %booking, error, "Calendly could not be asked before a message");
                return None;
            }
        };
        let mut booking = self.snapshot.booking.clone();
        booking.apply_fact(&fact);
        (booking != self.snapshot.booking).then(|| Box::new(fact))
    }
}
