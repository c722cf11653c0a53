//! People as a destination.

use domain::settings::Provider;
use domain::{
    Attempt, BookingState, Command, ConsentSource, ContactKey, Message, MessageContent, MessageOrder, Objection,
    OptOut, Outcome, Reason, error_chain,
};
use jiff::Timestamp;
use wire::receipts::unsubscribe::sign;

use super::run::{Run, Stop};
use crate::ports::{Calendly, Email, Messaging, PortError, Sms, Store, World};

/// A message with its recipient's address, hashed.
pub(super) struct AddressedMessage {
    order: MessageOrder,
    pub(super) contact: ContactKey,
}

impl AddressedMessage {
    /// Returns what is stored of a try. `failed_look` is why Calendly could not be asked first.
    pub(super) fn attempt(&self, failed_look: Option<Reason>) -> Attempt {
        let (mut detail, calendar) = match &self.order {
            MessageOrder::Sms(order) => (order.detail(), None),
            MessageOrder::Email(order) => (order.detail(), order.calendar.as_ref().map(|it| it.kind)),
        };
        if let Some(reason) = failed_look {
            detail.push_str("; Calendly could not be asked first: ");
            detail.push_str(reason.code());
        }
        Attempt { detail: Some(detail), to: Some(self.contact.clone()), calendar }
    }

    /// Returns the provider that sends it, and the next one.
    pub(super) fn providers(&self) -> (Provider, Option<Provider>) {
        match &self.order {
            MessageOrder::Sms(order) => (order.provider, order.next),
            MessageOrder::Email(order) => (order.provider, order.next),
        }
    }

    fn content_mut(&mut self) -> &mut MessageContent {
        match &mut self.order {
            MessageOrder::Sms(order) => &mut order.content,
            MessageOrder::Email(order) => &mut order.content,
        }
    }
}

/// Why a message is not sent now.
pub(super) enum NotSent {
    /// The recipient does not want it, or cannot receive it.
    Skip(Reason),
    /// A port gave no result.
    Stop(Stop),
}

impl<W: World> Run<'_, W> {
    /// Checks for an opt-out, and completes the message with the host's time zone and a new
    /// link. If one of these two cannot be read, the message is sent without it.
    pub(super) async fn address_message(
        &self,
        command: &Command,
        order: MessageOrder,
    ) -> Result<AddressedMessage, NotSent> {
        let connection = self.invocation.connection;
        let store = self.world().store();
        let stop = |error| NotSent::Stop(self.leave_open(command, "its recipient could not be read", &error));
        let contact = match &order {
            MessageOrder::Sms(order) => self.invocation.key_of_phone(&order.to).await,
            MessageOrder::Email(order) => self.invocation.key_of_email(order.to.expose()).await,
        };
        let mut addressed = AddressedMessage { order, contact: contact.map_err(stop)? };
        if command.action.message() == Some(Message::NotBooked) && self.has_other_meeting().await.map_err(stop)? {
            return Err(NotSent::Skip(Reason::BookedAfterAll));
        }
        let contact = store.load_contact(connection, &addressed.contact).await.map_err(stop)?;
        let objection = contact.objection.zip(command.action.message());
        if let Some(reason) = objection.and_then(|((objection, source), message)| objection.forbids(source, message)) {
            return Err(NotSent::Skip(reason));
        }
        if let AddressedMessage { order: MessageOrder::Sms(_), contact } = &addressed {
            // This is written before the SMS is sent, because people may reply to one whose outcome is unknown.
            let (booking, now) = (&self.snapshot.booking.id, self.now());
            store.record_reached(connection, contact, booking, &command.id, now).await.map_err(stop)?;
        }
        let pepper = self.world().pepper().await.map_err(stop)?;
        let opt_out = OptOut {
            contact: addressed.contact.clone(),
            signature: sign(pepper, connection, &self.snapshot.booking.id, &addressed.contact),
        };
        let (calendly, content) = (self.world().calendly(), addressed.content_mut());
        content.opt_out = Some(opt_out);
        if let Some(host) = &content.zone_of
            && let Ok(Some(zone)) = calendly.fetch_host_zone(connection, host).await
        {
            content.zone = zone;
        }
        if let Some(event_type) = &content.link_for {
            content.booking_url = calendly.create_single_use_link(connection, event_type).await.ok();
        }
        Ok(addressed)
    }

    /// Returns whether the conversation of the booking has led to another meeting, which stands.
    async fn has_other_meeting(&self) -> Result<bool, PortError> {
        let (store, connection, own) = (self.world().store(), self.invocation.connection, &self.snapshot.booking);
        let Some(metadata) = &own.metadata else { return Ok(false) };
        let others = store.find_by_conversation(connection, &metadata.conversation_id).await?;
        for other in others.iter().filter(|it| **it != own.id) {
            let other = store.load_booking(connection, other).await?.booking;
            if let Some(BookingState::Active(leg)) = other.state()
                && leg.details.end > self.now()
                && !other.is_to_be_canceled(leg)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends a claimed message.
    pub(super) async fn send_message(
        &self,
        messaging: &W::Messaging,
        command: &Command,
        message: &AddressedMessage,
    ) -> Outcome {
        let connection = self.invocation.connection;
        match &message.order {
            MessageOrder::Sms(order) => messaging.sms().send(connection, &command.id, order).await,
            MessageOrder::Email(order) => messaging.email().send(connection, &command.id, order).await,
        }
    }

    /// Stores an opt-out that a provider reported with its refusal. If that fails, the next refusal reports it again.
    pub(super) async fn store_refused_opt_out(
        &self,
        command: &Command,
        contact: &ContactKey,
        outcome: &Outcome,
        now: Timestamp,
    ) {
        if !matches!(outcome, Outcome::Refused { reason: Reason::OptedOut, .. }) {
            return;
        }
        let objection = Some(Objection::Everything);
        let (store, connection) = (self.world().store(), self.invocation.connection);
        let stored = store.write_objection(connection, contact, objection, ConsentSource::Provider, now).await;
        if let Err(error) = stored {
            let (booking, error) = (&self.snapshot.booking.id, error_chain(&error));
            tracing::warn!(booking.id = %booking, command.id = %command.id, error, "opt-out not stored");
        }
    }
}
