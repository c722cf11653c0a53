//! Feedback on messages: receipts of providers, replies and opt-outs of people. A receipt has our own ids. Its
//! state changes nothing unless the message was sent and is not in a later state; an objection always counts.

use std::collections::BTreeSet;

use domain::{
    Action, BookingId, Command, CommandId, ConsentSource, ContactKey, Delivery, Feedback, Objection, Receipt, Reply,
    ReplyRecord, Settings, Snapshot, State, Unchanged, Verdict, record_feedback, understand_reply,
};
use events::ReplyMeaning;
use jiff::Timestamp;
use wire::receipts::unsubscribe::is_genuine;

use crate::change::Write;
use crate::drive::Committed;
use crate::invocation::{EngineError, Invocation};
use crate::ports::{Store, World};

/// The effect of a receipt on its command.
enum ReceiptEffect {
    /// The receipt arrived before the provider's answer to our call.
    TooEarly,
    /// The receipt is ignored, for this reason.
    Ignored(&'static str),
    /// The receipt has nothing new.
    Known { contact: ContactKey, delivery: Option<Delivery> },
    /// The receipt has changed the delivery state, or tells of an objection.
    Applied { contact: ContactKey, delivery: Option<Delivery> },
}

impl<W: World> Invocation<'_, W> {
    /// Processes feedback. Returns its effect, as a word for the metric.
    ///
    /// # Errors
    /// The record must be delivered again.
    pub async fn process_feedback(&self, feedback: &Feedback) -> Result<&'static str, EngineError> {
        if !self.has_time_for_call() {
            return Err(EngineError::Unfinished(1));
        }
        match feedback {
            Feedback::Receipt(receipt) => self.process_receipt(receipt).await,
            Feedback::Reply(reply) => self.process_reply(reply).await,
            Feedback::Objected { email, objection, source } => {
                let contact = self.key_of_email(email.expose()).await?;
                self.store_objection(&contact, *objection, *source).await?;
                Ok("objection")
            }
            Feedback::Unsubscribed { booking, contact, signature } => {
                self.unsubscribe(booking, contact, signature).await
            }
            Feedback::AskedToStop { booking, address } => self.stop_address(booking, address.expose()).await,
            Feedback::Other(_) => Ok("other"),
        }
    }

    async fn process_receipt(&self, receipt: &Receipt) -> Result<&'static str, EngineError> {
        let booking = &receipt.booking;
        let load = async || Ok(self.world.store().load_booking(self.connection, booking).await?);
        let (effect, published) = self
            .change(load, |snapshot, settings, now| {
                let (command, effect) = apply_receipt(snapshot.command(&receipt.command), receipt, now);
                let (write, published) = write_feedback(snapshot, command, None, settings, now);
                (write, (effect, published))
            })
            .await?;
        let (contact, delivery, is_new) = match effect {
            ReceiptEffect::TooEarly => return Err(EngineError::Unfinished(1)),
            ReceiptEffect::Ignored(reason) => {
                let Some(((objection, source), email)) = receipt.objection.zip(receipt.email.as_ref()) else {
                    return Ok(reason);
                };
                let contact = self.key_of_email(email.expose()).await?;
                self.store_objection(&contact, objection, source).await?;
                return Ok("objection");
            }
            ReceiptEffect::Known { contact, delivery } => (contact, delivery, false),
            ReceiptEffect::Applied { contact, delivery } => (contact, delivery, true),
        };
        if let Some(command) =
            published.as_ref().filter(|_| is_new).and_then(|it| it.snapshot.command(&receipt.command))
        {
            self.world.observe(command);
        }
        if is_new {
            tracing::info!(booking.id = %booking, command.id = %receipt.command, "receipt applied");
        }
        if let Some((objection, source)) = receipt.objection {
            self.store_objection(&contact, objection, source).await?;
        }
        if delivery == Some(Delivery::Failed) {
            // An e-mail may replace the SMS. This is also done for a repeated receipt, because the first invocation may
            // have been killed here.
            self.resume_booking(booking).await?;
        } else if let Some(published) = published {
            self.drive(published, None).await?;
        }
        Ok(match delivery.filter(|_| is_new) {
            Some(delivery) => delivery.name(),
            None if receipt.objection.is_some() => "objection",
            None => "old",
        })
    }

    async fn process_reply(&self, reply: &Reply) -> Result<&'static str, EngineError> {
        let (store, connection) = (self.world.store(), self.connection);
        let contact = self.key_of_phone(&reply.from).await?;
        // A number that never got a message cannot reply. Otherwise a forged call could opt out any number.
        let stored = store.load_contact(connection, &contact).await?;
        if stored.last.is_none() {
            return Ok("stranger");
        }
        // A repeated reply has the time of its first delivery, so that a repeated START does not override a later STOP.
        let at = match &reply.id {
            Some(id) => {
                let first = store.claim_nonce(connection, &format!("reply {id}"), "", self.now()).await?;
                first.unwrap_or(reply.at).min(reply.at)
            }
            None => reply.at,
        };
        let settings = store.load_settings(connection).await?;
        let meaning =
            reply.meaning.unwrap_or_else(|| understand_reply(reply.text.unchanged(Unchanged::Comparison), &settings));
        let (effect, shown) = match meaning {
            ReplyMeaning::Stop => {
                self.store_objection_at(&contact, Objection::Everything, ConsentSource::Reply, at).await?;
                ("stop", "to be left alone")
            }
            ReplyMeaning::Start => {
                // A START word does not end an opt-out by the link.
                if matches!(stored.objection, Some((_, ConsentSource::Reply | ConsentSource::Provider))) {
                    store.write_objection(connection, &contact, None, ConsentSource::Reply, at).await?;
                }
                ("start", "to be texted again")
            }
            ReplyMeaning::Other => ("reply", "something for a person to read"),
        };
        let reply = |command| ReplyRecord { command, text: reply.text.clone(), meaning, at };
        self.record_reply(&contact, shown, reply).await?;
        Ok(effect)
    }

    /// Adds a reply to the history of the message that last reached the person: `shown` says what it means, without the
    /// person's words. If the connection publishes events, the words are in an event.
    async fn record_reply(
        &self,
        contact: &ContactKey,
        shown: &str,
        reply: impl Fn(CommandId) -> ReplyRecord,
    ) -> Result<(), EngineError> {
        let (store, connection) = (self.world.store(), self.connection);
        let load = async || {
            let Some((booking, command)) = store.load_contact(connection, contact).await?.last else {
                return Ok(None);
            };
            Ok(Some((store.load_booking(connection, &booking).await?, reply(command))))
        };
        let published = self
            .change(load, |found, settings, now| {
                let Some((snapshot, reply)) = found else { return (Write::Nothing, None) };
                let command = snapshot.command(&reply.command).and_then(|it| it.record_reply(shown, reply.at));
                write_feedback(snapshot, command, Some(&reply), settings, now)
            })
            .await?;
        if let Some(published) = published {
            self.drive(published, None).await?;
        }
        Ok(())
    }

    /// Stores an opt-out from follow-ups for the contact of a link that we signed, and for the booking's other
    /// addresses as long as its rows are there. The link works for as long as people hold it.
    async fn unsubscribe(
        &self,
        booking: &BookingId,
        contact: &ContactKey,
        signature: &str,
    ) -> Result<&'static str, EngineError> {
        if !is_genuine(self.world.pepper().await?, self.connection, booking, contact, signature) {
            return Ok("forged");
        }
        let mut contacts = self.contacts_of(booking).await?;
        contacts.insert(contact.clone());
        self.end_follow_ups(&contacts).await?;
        Ok("unsubscribed")
    }

    /// Stores an opt-out from follow-ups for an address that a person wrote. It counts only if we wrote to it: about
    /// this booking, or by SMS at any time. Otherwise anybody could silence anybody.
    async fn stop_address(&self, booking: &BookingId, address: &str) -> Result<&'static str, EngineError> {
        let Some(contact) = ContactKey::for_address(self.world.pepper().await?, self.connection, address) else {
            return Ok("no_address");
        };
        let contacts = self.contacts_of(booking).await?;
        if contacts.contains(&contact) {
            self.end_follow_ups(&contacts).await?;
        } else if self.world.store().load_contact(self.connection, &contact).await?.last.is_some() {
            self.end_follow_ups(&BTreeSet::from([contact])).await?;
        } else {
            return Ok("stranger");
        }
        Ok("unsubscribed")
    }

    /// Returns each address that got a message about a booking, and the invitee's e-mail addresses.
    async fn contacts_of(&self, booking: &BookingId) -> Result<BTreeSet<ContactKey>, EngineError> {
        let snapshot = self.world.store().load_booking(self.connection, booking).await?;
        let is_to_invitee = |it: &&Command| matches!(&it.action, Action::Message(action) if action.is_to_invitee());
        let reached = snapshot.commands.iter().filter(is_to_invitee).filter_map(|it| it.to.clone());
        let mut contacts: BTreeSet<_> = reached.collect();
        for leg in snapshot.booking.legs() {
            contacts.insert(self.key_of_email(leg.details.email.expose()).await?);
        }
        Ok(contacts)
    }

    async fn end_follow_ups(&self, contacts: &BTreeSet<ContactKey>) -> Result<(), EngineError> {
        for contact in contacts {
            self.store_objection(contact, Objection::FollowUps, ConsentSource::Link).await?;
        }
        Ok(())
    }

    async fn store_objection(
        &self,
        contact: &ContactKey,
        objection: Objection,
        source: ConsentSource,
    ) -> Result<(), EngineError> {
        self.store_objection_at(contact, objection, source, self.now()).await
    }

    /// Stores an objection, unless a broader one is stored.
    async fn store_objection_at(
        &self,
        contact: &ContactKey,
        objection: Objection,
        source: ConsentSource,
        at: Timestamp,
    ) -> Result<(), EngineError> {
        let (store, connection) = (self.world.store(), self.connection);
        let known = store.load_contact(connection, contact).await?.objection;
        if known.is_none_or(|(known, _)| known < objection) {
            store.write_objection(connection, contact, Some(objection), source, at).await?;
        }
        Ok(())
    }
}

/// Applies a receipt to its command. Returns the command, if it changed, and the effect.
fn apply_receipt(command: Option<&Command>, receipt: &Receipt, now: Timestamp) -> (Option<Command>, ReceiptEffect) {
    let Some(command) = command else { return (None, ReceiptEffect::Ignored("unknown_message")) };
    if matches!(command.state, State::Claimed { .. }) {
        return (None, ReceiptEffect::TooEarly);
    }
    let Some(contact) = command.to.clone() else { return (None, ReceiptEffect::Ignored("never_sent")) };
    match command.clone().apply_receipt(receipt, now) {
        // A price that comes late is written, and is no news of the message.
        Some(applied) if applied.history == command.history => {
            (Some(applied), ReceiptEffect::Known { contact, delivery: command.delivery })
        }
        Some(applied) => {
            let delivery = applied.delivery.filter(|it| Some(*it) != command.delivery);
            (Some(applied), ReceiptEffect::Applied { contact, delivery })
        }
        None if !command.matches_receipt(receipt) && receipt.objection.is_none() => {
            (None, ReceiptEffect::Ignored("another_message"))
        }
        None => (None, ReceiptEffect::Known { contact, delivery: command.delivery }),
    }
}

/// Returns the write of a command that feedback has changed once. If the connection publishes events, it is a decision
/// with the event, and the booking is returned so that its commands are executed. This is also done for repeated
/// feedback, because the first invocation may have been killed before that.
fn write_feedback(
    snapshot: Snapshot,
    command: Option<Command>,
    reply: Option<&ReplyRecord>,
    settings: Settings,
    now: Timestamp,
) -> (Write, Option<Committed>) {
    match command {
        Some(command) if settings.publishes => {
            let decision = record_feedback(&snapshot, command, reply, &settings, now);
            let committed = Committed::new(snapshot, &decision, settings);
            (Write::decision(decision, &[], now), Some(committed))
        }
        Some(command) => {
            let (booking, expected) = (snapshot.booking.id, command.revision - 1);
            (Write::Command { booking, command: Box::new(command), expected }, None)
        }
        None if settings.publishes => {
            let committed = Committed { snapshot, settings, verdict: Verdict::Duplicate, is_partial: false };
            (Write::Nothing, Some(committed))
        }
        None => (Write::Nothing, None),
    }
}
