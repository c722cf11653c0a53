//! The customer's CRM as a destination.

use std::collections::BTreeSet;

use domain::{
    Command, ConsentOrder, ContactKey, ContactOrder, ContactShare, ContactUpdate, CrmEventOrder, Outcome, Private,
    Reason, SyncTurn, error_chain,
};

use super::run::{Run, Stop};
use crate::invocation::LEASE;
use crate::ports::{Calendly, Crm, Messaging, PortError, Store, World};

/// A call that waits for another function tries again after this many seconds.
const BUSY_SECONDS: u32 = 5;

/// The most tries to write a contact's row while others write it.
const MOST_WRITES: usize = 3;

fn busy(detail: &str) -> Outcome {
    Outcome::Unsent { reason: Reason::ContactBusy, after_seconds: Some(BUSY_SECONDS), detail: detail.to_owned() }
}

impl<W: World> Run<'_, W> {
    /// Writes a booking's state to its invitee's contact. The contact's row lets one command write at a time, so the
    /// command needs no claim.
    pub(super) async fn sync_contact(
        &self,
        messaging: &W::Messaging,
        command: &Command,
        order: &ContactOrder,
    ) -> Result<Command, Stop> {
        if !self.invocation.has_time_for_call() {
            return Err(Stop::Open);
        }
        let outcome = match self.try_sync_contact(messaging, command, order).await {
            Ok(outcome) => outcome,
            Err(error) => return Err(self.leave_open(command, "the contact's row could not be used", &error)),
        };
        let is_done = matches!(outcome, Outcome::Done { .. });
        let settled = self.replace_command(command, command.clone().settle_question(outcome, self.now())).await?;
        self.wrote_contact.set(self.wrote_contact.get() || is_done);
        Ok(settled)
    }

    async fn try_sync_contact(
        &self,
        messaging: &W::Messaging,
        command: &Command,
        order: &ContactOrder,
    ) -> Result<Outcome, PortError> {
        let (connection, store) = (self.invocation.connection, self.world().store());
        let key = self.invocation.key_of_email(order.email.expose()).await?;
        let contact = store.load_crm_contact(connection, &key).await?;
        let (booking, revision, now) = (&self.snapshot.booking.id, self.snapshot.revision, self.now());
        let turn = contact.begin_sync(booking, revision, order.meeting.clone(), &command.id, now, now + LEASE);
        let (contact, share) = match turn {
            SyncTurn::Done => return Ok(Outcome::done(None)),
            SyncTurn::Busy => return Ok(busy("another booking of the person is being written")),
            SyncTurn::Begin(contact, share) => (contact, share),
        };
        if !store.write_crm_contact(connection, &key, &contact).await? {
            return Ok(busy("another function wrote the contact's row first"));
        }
        let update = contact_update(order, &share);
        let outcome = messaging.crm().update_contact(connection, &update).await;
        // What was written has the next revision.
        let mut written = contact.clone().at_revision(contact.revision + 1);
        for _ in 0..MOST_WRITES {
            let Some(ended) = written.end_sync(booking, &command.id, matches!(outcome, Outcome::Done { .. })) else {
                break;
            };
            if store.write_crm_contact(connection, &key, &ended).await? {
                break;
            }
            // A request for consent was recorded meanwhile.
            written = store.load_crm_contact(connection, &key).await?;
        }
        Ok(outcome)
    }

    /// Returns why an event must wait: the CRM has no contact yet. `None` if it may be sent.
    pub(super) async fn wait_for_contact(
        &self,
        command: &Command,
        order: &CrmEventOrder,
    ) -> Result<Option<Outcome>, Stop> {
        if !order.needs_contact {
            return Ok(None);
        }
        let connection = self.invocation.connection;
        let found = match self.invocation.key_of_email(order.email.expose()).await {
            Ok(key) => self.world().store().load_crm_contact(connection, &key).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(contact) if contact.is_created() => Ok(None),
            Ok(_) => Ok(Some(busy("the contact is not in the CRM yet"))),
            Err(error) => Err(self.leave_open(command, "the contact's row could not be read", &error)),
        }
    }

    /// Sends a claimed event.
    pub(super) async fn send_crm_event(&self, messaging: &W::Messaging, order: &CrmEventOrder) -> Outcome {
        let connection = self.invocation.connection;
        let url = match &order.link_for {
            Some(event_type) => self.world().calendly().create_single_use_link(connection, event_type).await.ok(),
            None => None,
        };
        messaging.crm().send_event(connection, order, url.as_deref()).await
    }

    /// Asks for consent under a claim. A person is asked once for each list, so the lists are recorded first. That is
    /// taken back if the person was certainly not asked: another try must not find it done.
    pub(super) async fn ask_consent(&self, messaging: &W::Messaging, order: &ConsentOrder) -> Outcome {
        let (connection, store) = (self.invocation.connection, self.world().store());
        let unsent = |error: &PortError| Outcome::Unsent {
            reason: Reason::Unreachable,
            after_seconds: None,
            detail: error_chain(error),
        };
        let key = match self.invocation.key_of_email(order.email.expose()).await {
            Ok(key) => key,
            Err(error) => return unsent(&error),
        };
        for (mail, lists) in &order.lists {
            let mut contact = match store.load_crm_contact(connection, &key).await {
                Ok(contact) => contact,
                Err(error) => return unsent(&error),
            };
            let new = contact.ask(lists);
            if new.is_empty() {
                continue;
            }
            match store.write_crm_contact(connection, &key, &contact).await {
                Ok(true) => {}
                Ok(false) => return busy("another function wrote the contact's row first"),
                Err(error) => return unsent(&error),
            }
            match messaging.crm().ask_consent(connection, &order.email, mail, &new).await {
                Outcome::Done { .. } => {}
                unknown @ Outcome::Unknown { .. } => return unknown,
                not_asked @ (Outcome::Unsent { .. } | Outcome::Refused { .. }) => {
                    return match self.take_back_request(&key, &new).await {
                        Ok(true) => not_asked,
                        Ok(false) | Err(_) => Outcome::Unknown {
                            after_seconds: None,
                            detail: "not asked, and the contact's row says that the person was".to_owned(),
                        },
                    };
                }
            }
        }
        Outcome::done(None)
    }

    /// Takes back in the contact's row that the person was asked to join lists. Returns whether that worked.
    async fn take_back_request(&self, key: &ContactKey, lists: &BTreeSet<u64>) -> Result<bool, PortError> {
        let (connection, store) = (self.invocation.connection, self.world().store());
        for _ in 0..MOST_WRITES {
            let mut contact = store.load_crm_contact(connection, key).await?;
            contact.take_back(lists);
            if store.write_crm_contact(connection, key, &contact).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns what is written: attributes of the booking only if it is the one that changed last, and what follows from
/// all meetings.
fn contact_update(order: &ContactOrder, share: &ContactShare) -> ContactUpdate {
    let mut attributes = std::collections::BTreeMap::new();
    let mut phone_attributes = Vec::new();
    if share.is_latest {
        attributes.clone_from(&order.attributes);
        if let Some(phone) = &order.phone {
            for name in &order.phone_attributes {
                let number = Private::new(phone.expose().to_owned());
                attributes.insert(name.clone(), domain::AttributeValue::Text(number));
            }
            phone_attributes.clone_from(&order.phone_attributes);
        }
    }
    let counts = order.count_attributes.iter();
    attributes.extend(counts.filter_map(|(name, source)| Some((name.clone(), source.count(&share.counts)?))));
    ContactUpdate {
        email: order.email.clone(),
        attributes,
        phone_attributes,
        joins: order.meeting.lists.clone(),
        leaves: order.leaves.difference(&share.kept_lists).copied().collect(),
    }
}
