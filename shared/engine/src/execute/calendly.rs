//! Calendly as a destination.

use domain::{CalendlyCall, Command, Fact, InviteeUri, NoShow, Outcome, Reason};
use jiff::SignedDuration;

use super::run::{Look, Run};
use crate::ports::{Calendly, PortError, World};

/// How far Calendly's clock may be ahead of ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

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
                let (reason, after_seconds) = reason_of(&error);
                Err(Outcome::Unsent { reason, after_seconds, detail: domain::error_chain(&error) })
            }
        }
    }

    /// Reads a leg from Calendly after we changed it. If that fails, the webhook brings the change.
    pub(super) async fn fetch_changed_leg(&self, invitee: &InviteeUri) -> Option<Fact> {
        self.world().calendly().fetch_invitee(self.invocation.connection, invitee).await.ok().flatten()
    }

    /// Looks at a meeting at Calendly before a message is sent at a planned time, or late: the link is often created
    /// after the booking, and webhooks can be late. One look for all messages about a leg in this run.
    pub(super) async fn look_at_meeting(&self, invitee: &InviteeUri) -> Look {
        let mut looked = self.looked.lock().await;
        if let Some((_, look)) = looked.as_ref().filter(|(leg, _)| leg == invitee) {
            return look.clone();
        }
        let look = self.ask_for_meeting(invitee).await;
        *looked = Some((invitee.clone(), look.clone()));
        look
    }

    async fn ask_for_meeting(&self, invitee: &InviteeUri) -> Look {
        let (calendly, connection) = (self.world().calendly(), self.invocation.connection);
        if let Some(seconds) = calendly.busy_for(connection) {
            return Look::Failed(Reason::RateLimited, Some(seconds));
        }
        let asked_at = self.now();
        match self.invocation.limiter.run(calendly.fetch_invitee(connection, invitee)).await {
            Ok(None) => Look::Unchanged,
            Ok(Some(mut fact)) => {
                fact.leg.details.looked_at = Some(asked_at);
                // The webhook that takes a mark back may be late or lost. Calendly's clock may be ahead of ours.
                let known = self.snapshot.booking.leg(invitee).and_then(|leg| leg.no_show);
                let is_taken_back = |mark: &NoShow| mark.marked && mark.at + CLOCKS_DIFFER <= asked_at;
                if fact.leg.no_show.is_none() && known.is_some_and(|mark| is_taken_back(&mark)) {
                    fact.leg.no_show = Some(NoShow { at: asked_at, marked: false });
                }
                let is_new = self.snapshot.booking.is_changed_by(&fact);
                if is_new { Look::Changed(Box::new(fact)) } else { Look::Unchanged }
            }
            Err(error) => {
                let (reason, wait) = reason_of(&error);
                let (booking, error) = (&self.snapshot.booking.id, domain::error_chain(&error));
                tracing::warn!(booking.id = %booking, error, "Calendly could not be asked before a message");
                Look::Failed(reason, wait)
            }
        }
    }
}

/// Returns the reason of a failed read, and the seconds after which Calendly wants to be asked again.
fn reason_of(error: &PortError) -> (Reason, Option<u32>) {
    match error {
        PortError::NeedsReconnect => (Reason::NeedsReconnect, None),
        PortError::Limited { seconds, .. } => (Reason::RateLimited, Some(*seconds)),
        PortError::Unavailable { .. } | PortError::Unreadable { .. } => (Reason::Unreachable, None),
    }
}
