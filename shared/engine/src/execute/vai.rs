//! VAI's backend as a destination.

use domain::{Command, Outcome, Reason, VaiCall, error_chain};
use jiff::Timestamp;

use super::run::Run;
use crate::ports::{Messaging, Store, Vai, World};

impl<W: World> Run<'_, W> {
    /// Makes a claimed call to VAI.
    pub(super) async fn call_vai(
        &self,
        messaging: &W::Messaging,
        command: &Command,
        call: &VaiCall,
        now: Timestamp,
    ) -> Outcome {
        let (connection, key, vai) = (self.invocation.connection, &command.id, messaging.vai());
        match call {
            VaiCall::SendNews(news, order) => vai.send_news(connection, key, *news, order, now).await,
            VaiCall::OfferHelp(occasion, order, at) => vai.offer_help(connection, key, *occasion, order, *at).await,
            VaiCall::LogFact(analytics, fact) => {
                let payload = match self.received.filter(|it| it.fact.id == *fact) {
                    Some(received) => Ok(Some(received.payload.clone())),
                    None => self.world().store().load_payload(connection, &self.snapshot.booking.id, fact).await,
                };
                match payload {
                    Ok(Some(payload)) => vai.log_fact(connection, key, *analytics, &payload, now).await,
                    Ok(None) => {
                        Outcome::Refused { reason: Reason::TooLate, detail: "the payload is no longer kept".to_owned() }
                    }
                    Err(error) => Outcome::Unsent {
                        reason: Reason::Unreachable,
                        after_seconds: None,
                        detail: error_chain(&error),
                    },
                }
            }
        }
    }
}
