//! People as a destination.

use domain::settings::Provider;
use domain::{
    Attempt, BookingState, Command, ConsentSource, ContactKey, LinkPurpose, Message, MessageContent, MessageOrder,
    Notice, Objection, Outcome, Reason, ShortLink, SmsOrder, error_chain, time,
};
use jiff::{SignedDuration, Timestamp};

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

/// Returns whether a message has links about a coming meeting.
fn has_links(message: Message) -> bool {
    match message {
        Message::Confirmation
        | Message::Move
        | Message::Reminder { .. }
        | Message::Reconfirmation { .. }
        | Message::HostNotice(Notice::Booked | Notice::Moved) => true,
        Message::Cancellation
        | Message::FollowUp { .. }
        | Message::NoShow
        | Message::NotBooked
        | Message::HostNotice(Notice::Canceled) => false,
    }
}

/// Why a message is not sent now.
pub(super) enum NotSent {
    /// The recipient does not want it, or cannot receive it.
    Skip(Reason),
    /// A port gave no result.
    Stop(Stop),
}

/// Meetings run over, and people join late.
const LINKS_OUTLIVE_MEETING: SignedDuration = SignedDuration::from_hours(1);

/// What follows the base of a short link: `/m/` and a code of 8 characters.
const SHORT_PATH: usize = 11;

impl<W: World> Run<'_, W> {
    /// Checks for an opt-out, and completes the message with the host's time zone, a new link and short links. If one
    /// of these cannot be had, the message is sent without it.
    pub(super) async fn address_message(
        &self,
        command: &Command,
        order: MessageOrder,
    ) -> Result<AddressedMessage, NotSent> {
        let connection = self.invocation.connection;
        let contact = match &order {
            MessageOrder::Sms(order) => ContactKey::for_phone(connection, &order.to),
            MessageOrder::Email(order) => ContactKey::for_email(connection, order.to.expose()),
        };
        let mut addressed = AddressedMessage { order, contact };
        let store = self.world().store();
        let stop = |error| NotSent::Stop(self.leave_open(command, "its recipient could not be read", &error));
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
        let (calendly, content) = (self.world().calendly(), addressed.content_mut());
        if let Some(host) = &content.zone_of
            && let Ok(Some(zone)) = calendly.fetch_host_zone(connection, host).await
        {
            content.zone = zone;
        }
        if let Some(event_type) = &content.link_for {
            content.booking_url = calendly.create_single_use_link(connection, event_type).await.ok();
        }
        if let MessageOrder::Sms(order) = &mut addressed.order {
            self.shorten_links(command, order).await;
        }
        Ok(addressed)
    }

    /// Puts short links of our own in the place of the links about a coming meeting, where that is shorter.
    async fn shorten_links(&self, command: &Command, order: &mut SmsOrder) {
        let base = self.world().messaging().and_then(Messaging::short_links).filter(|_| order.short_links);
        let Some(base) = base.filter(|_| has_links(order.message)) else { return };
        let content = &mut order.content;
        let until = time::add(content.end, LINKS_OUTLIVE_MEETING);
        let is_longer = |url: &String| {
            let is_plain = url.starts_with("https://") && url.bytes().all(|it| it.is_ascii_graphic());
            is_plain && url.len() > base.len() + SHORT_PATH
        };
        let places = [
            (LinkPurpose::Join, &mut content.join_url),
            (LinkPurpose::Reschedule, &mut content.reschedule_url),
            (LinkPurpose::Cancel, &mut content.cancel_url),
        ];
        let (mut links, mut shortened) = (Vec::new(), Vec::new());
        for (purpose, place) in places {
            if let Some(url) = place.as_ref().filter(|url| is_longer(url) && until > self.now()) {
                links.push(ShortLink {
                    connection: self.invocation.connection.clone(),
                    booking: self.snapshot.booking.id.clone(),
                    command: command.id.clone(),
                    purpose,
                    url: url.clone(),
                    until,
                });
                shortened.push(place);
            }
        }
        if links.is_empty() {
            return;
        }
        match self.world().store().write_short_links(&links).await {
            Ok(codes) => {
                for (place, code) in shortened.into_iter().zip(codes) {
                    if let Some(code) = code {
                        *place = Some(format!("{base}/m/{code}"));
                    }
                }
            }
            Err(error) => tracing::warn!(error = error_chain(&error), "short links not stored, the long ones are sent"),
        }
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
