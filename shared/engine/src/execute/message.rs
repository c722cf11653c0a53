//! People as a destination.

use domain::settings::Provider;
use domain::{
    Attempt, BookingState, Command, ConsentSource, ContactKey, Message, MessageContent, MessageOrder, Objection,
    OptOut, Outcome, Reason, ShortLink, SmsCharge, SmsCost, SmsOrder, check_booking_limits, error_chain,
    links_to_shorten, time,
};
use jiff::{SignedDuration, Timestamp};
use wire::receipts::unsubscribe::sign;

use super::run::{Run, Stop};
use crate::ports::{Calendly, Contact, Email, FittedSms, Messaging, PortError, Sms, SmsReservation, Store, World};
use crate::reserve::reserve_sms;

/// A message with its recipient's address, hashed.
pub(super) struct AddressedMessage {
    order: MessageOrder,
    pub(super) contact: ContactKey,
    /// What an SMS has reserved.
    sms: Option<ReservedSms>,
}

/// The length and the cost of an SMS, and what it took out of the budgets.
struct ReservedSms {
    fitted: FittedSms,
    cost: SmsCost,
    reservation: SmsReservation,
}

impl AddressedMessage {
    /// Returns what is stored of a try. `failed_look` is why Calendly could not be asked first.
    pub(super) fn attempt(&self, failed_look: Option<Reason>) -> Attempt {
        let (mut detail, calendar) = match &self.order {
            MessageOrder::Sms(order) => (order.detail(), None),
            MessageOrder::Email(order) => (order.detail(), order.calendar.as_ref().map(|it| it.kind)),
        };
        if let Some(sms) = &self.sms {
            detail.push_str("; ");
            detail.push_str(&sms.cost.to_string());
            if sms.fitted.is_shortened {
                detail.push_str(", shortened");
            }
        }
        if let Some(reason) = failed_look {
            detail.push_str("; Calendly could not be asked first: ");
            detail.push_str(reason.code());
        }
        let cost = self.sms.as_ref().map(|it| it.cost.clone());
        Attempt { detail: Some(detail), to: Some(self.contact.clone()), calendar, cost }
    }

    /// Returns the provider that sends it, and the next one.
    pub(super) fn providers(&self) -> (Provider, Option<Provider>) {
        match &self.order {
            MessageOrder::Sms(order) => (order.provider, order.next),
            MessageOrder::Email(order) => (order.provider, order.next),
        }
    }
}

fn content_of(order: &mut MessageOrder) -> &mut MessageContent {
    match order {
        MessageOrder::Sms(order) => &mut order.content,
        MessageOrder::Email(order) => &mut order.content,
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

impl<W: World> Run<'_, W> {
    /// Checks for an opt-out, and completes the message with the host's time zone, a new link and short links. If one
    /// of these cannot be had, the message is sent without it. An SMS is made short enough and takes its segments out
    /// of the budgets.
    pub(super) async fn address_message(
        &self,
        messaging: &W::Messaging,
        command: &Command,
        mut order: MessageOrder,
    ) -> Result<AddressedMessage, NotSent> {
        let connection = self.invocation.connection;
        let limits = &self.settings.sms_budget;
        check_booking_limits(command, &self.snapshot.commands, limits, self.now()).map_err(NotSent::Skip)?;
        let store = self.world().store();
        let stop = |error| NotSent::Stop(self.leave_open(command, "its recipient could not be read", &error));
        let contact = match &order {
            MessageOrder::Sms(order) => self.invocation.key_of_phone(&order.to).await,
            MessageOrder::Email(order) => self.invocation.key_of_email(order.to.expose()).await,
        };
        let contact = contact.map_err(stop)?;
        if command.action.message() == Some(Message::NotBooked) && self.has_other_meeting().await.map_err(stop)? {
            return Err(NotSent::Skip(Reason::BookedAfterAll));
        }
        let known = store.load_contact(connection, &contact).await.map_err(stop)?;
        let objection = known.objection.zip(command.action.message());
        if let Some(reason) = objection.and_then(|((objection, source), message)| objection.forbids(source, message)) {
            return Err(NotSent::Skip(reason));
        }
        let pepper = self.world().pepper().await.map_err(stop)?;
        let opt_out = OptOut {
            contact: contact.clone(),
            signature: sign(pepper, connection, &self.snapshot.booking.id, &contact),
        };
        let (calendly, content) = (self.world().calendly(), content_of(&mut order));
        content.opt_out = Some(opt_out);
        if let Some(host) = &content.zone_of
            && let Ok(Some(zone)) = calendly.fetch_host_zone(connection, host).await
        {
            content.zone = zone;
        }
        if let Some(event_type) = &content.link_for {
            content.booking_url = calendly.create_single_use_link(connection, event_type).await.ok();
        }
        let sms = match &mut order {
            MessageOrder::Sms(order) => {
                self.shorten_links(command, order).await;
                Some(self.reserve_sms(messaging, command, order, &contact, known).await?)
            }
            MessageOrder::Email(_) => None,
        };
        Ok(AddressedMessage { order, contact, sms })
    }

    /// Makes an SMS short enough, and takes its segments out of the budgets. `known` is what was read of the number.
    async fn reserve_sms(
        &self,
        messaging: &W::Messaging,
        command: &Command,
        order: &mut SmsOrder,
        to: &ContactKey,
        known: Contact,
    ) -> Result<ReservedSms, NotSent> {
        let (connection, limits) = (self.invocation.connection, &self.settings.sms_budget);
        let stop = |error| NotSent::Stop(self.leave_open(command, "its budget could not be read or written", &error));
        let fitted = messaging.sms().fit(connection, order);
        let is_to_host = matches!(order.message, Message::HostNotice(_));
        let cost = SmsCost::new(fitted.segments, order.segment_price.as_ref());
        let wanted = SmsReservation {
            to: to.clone(),
            booking: self.snapshot.booking.id.clone(),
            command: command.id.clone(),
            segments: fitted.segments,
            per_number: if is_to_host { limits.per_host_and_day } else { limits.per_number_and_day },
            per_connection: limits.per_day,
            at: self.now(),
        };
        let reserved = reserve_sms(self.world(), connection, limits, wanted, known).await.map_err(stop)?;
        let reservation = reserved.ok_or(NotSent::Skip(Reason::SmsBudget))?;
        Ok(ReservedSms { fitted, cost, reservation })
    }

    /// Counts in the budgets what an SMS took out of them, as it turned out: nothing if it was certainly not sent, and
    /// what its provider counts if that says so. If that fails, what was reserved stays counted.
    pub(super) async fn count_outcome(&self, command: &Command, message: &AddressedMessage, outcome: &Outcome) {
        match outcome {
            Outcome::Refused { .. } | Outcome::Unsent { .. } => self.give_back(command, message).await,
            Outcome::Done { charge: SmsCharge { segments: Some(segments), .. }, .. } => {
                self.correct_sms(command, message, *segments).await;
            }
            Outcome::Done { .. } | Outcome::Unknown { .. } => {}
        }
    }

    /// Gives back what an SMS took out of the budgets, because it was certainly not sent.
    pub(super) async fn give_back(&self, command: &Command, message: &AddressedMessage) {
        self.correct_sms(command, message, 0).await;
    }

    async fn correct_sms(&self, command: &Command, message: &AddressedMessage, sent: u32) {
        let Some(sms) = message.sms.as_ref().filter(|it| it.reservation.segments != sent) else { return };
        let connection = self.invocation.connection;
        if let Err(error) = self.world().store().correct_sms(connection, &sms.reservation, sent).await {
            let (booking, error) = (&self.snapshot.booking.id, error_chain(&error));
            tracing::warn!(booking.id = %booking, command.id = %command.id, error, "segments of an SMS not corrected");
        }
    }

    /// Puts short links of our own in the place of the links about a coming meeting, where that is shorter.
    async fn shorten_links(&self, command: &Command, order: &mut SmsOrder) {
        let Some(base) = self.world().messaging().and_then(Messaging::short_links) else { return };
        let until = time::add(order.content.end, LINKS_OUTLIVE_MEETING);
        let places = links_to_shorten(base, order.message, &order.limits, &mut order.content);
        if places.is_empty() || until <= self.now() {
            return;
        }
        let links = places.iter().map(|(purpose, url)| ShortLink {
            connection: self.invocation.connection.clone(),
            booking: self.snapshot.booking.id.clone(),
            command: command.id.clone(),
            purpose: *purpose,
            url: url.as_str().to_owned(),
            until,
        });
        match self.world().store().write_short_links(&links.collect::<Vec<_>>()).await {
            Ok(codes) => {
                for ((_, url), code) in places.into_iter().zip(codes) {
                    if let Some(code) = code {
                        *url = format!("{base}/m/{code}");
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
