//! The deliveries queue as a destination.

use domain::{Command, PublishCall};

use super::run::{Run, Stop};
use crate::ports::{Messaging, Publisher, World};

impl<W: World> Run<'_, W> {
    /// Tells the deliveries queue of new events. Telling it again changes nothing, so it needs no claim.
    pub(super) async fn publish(
        &self,
        messaging: &W::Messaging,
        command: &Command,
        call: &PublishCall,
    ) -> Result<Command, Stop> {
        if !self.invocation.has_time_for_call() {
            return Err(Stop::Open);
        }
        let outcome = messaging.publisher().publish(self.invocation.connection, call).await;
        self.replace_command(command, command.clone().settle_question(outcome, self.now())).await
    }
}
