//! Whose bookings a caller may see and change.
//!
//! A trusted caller finds every booking of its connection. Any other finds those of the conversation or the user that
//! VAI's backend names, and those of a person who has shown with a code that they are reached where the booking says.
//! What is read for it, and in which order, depends on these bookings only, and not on whether another one exists.

use api::{Refusal, Why};
use domain::{Booking, BookingId, ContactKey, Pepper, Private, choose_phone, uri_uuid};
use engine::{ApiStore, BookingRecord, KnownInvitee, MOST_UPCOMING, Store, World};
use front::{Context, Locale, Speaker, invalid};

use crate::schedule::{Ports, Schedule};

/// How the ids of our bookings begin.
const OWN_ID: &str = "bk-";

/// No id of ours is longer, in bytes.
const LONGEST_ID: usize = 64;

impl<P: Ports> Schedule<P> {
    /// Finds a booking by any of its ids, if the caller may see it.
    pub(crate) async fn find_record(
        &self,
        context: &Context,
        id: &str,
        locale: &Locale,
    ) -> Result<BookingRecord, Refusal> {
        if !context.caller.is_trusted {
            return self.find_own_record(context, id.trim(), locale).await;
        }
        let found = self.store().find_bookings(&context.connection, id).await;
        match found.map_err(|error| locale.unavailable(&error))?.as_slice() {
            [] => Err(locale.refuse(Why::BookingUnknown)),
            [booking] => self.load_record(context, booking, locale).await,
            _ => Err(several()),
        }
    }

    /// Finds a booking of whom the caller's agent talks to.
    async fn find_own_record(&self, context: &Context, id: &str, locale: &Locale) -> Result<BookingRecord, Refusal> {
        let unavailable = |error| locale.unavailable(&error);
        let speaker = &context.caller.speaker;
        let mut named = None;
        if is_own_form(id) {
            let booking = BookingId::new(id);
            named = self.store().booking_record(&context.connection, &booking).await.map_err(unavailable)?;
        }
        // From here on, another person's booking is like none.
        if let Some(record) = named.take_if(|it| is_of_speaker(&it.booking, speaker)) {
            return Ok(record);
        }
        let contact = self.confirmed_contact(context).await?;
        let pepper = self.world().pepper().await.map_err(unavailable)?;
        let is_confirmed =
            |it: &BookingRecord| contact.as_ref().is_some_and(|to| reaches(pepper, context, &it.booking, to));
        if let Some(record) = named.filter(is_confirmed) {
            return Ok(record);
        }
        // It may be another of its ids, or the conversation's.
        let is_conversation = speaker.conversation.as_deref() == Some(id);
        let mut found = Vec::new();
        for booking in self.own_bookings(context).await? {
            let record = self.store().booking_record(&context.connection, &booking).await.map_err(unavailable)?;
            found.extend(record.filter(|it| is_conversation || has_id(&it.booking, id)));
        }
        if found.len() > 1 {
            return Err(several());
        }
        found.pop().ok_or_else(|| locale.refuse(Why::NotYours))
    }

    /// Returns the bookings of the conversation, at most [`MOST_UPCOMING`]. The index may be a second behind.
    pub(crate) async fn own_bookings(&self, context: &Context) -> Result<Vec<BookingId>, Refusal> {
        let Some(conversation) = &context.caller.speaker.conversation else { return Ok(Vec::new()) };
        let found = self.store().find_by_conversation(&context.connection, conversation).await;
        let mut found = found.map_err(|error| context.locale.unavailable(&error))?;
        found.truncate(MOST_UPCOMING);
        Ok(found)
    }

    /// Returns whom a code has confirmed in the conversation.
    async fn confirmed_contact(&self, context: &Context) -> Result<Option<ContactKey>, Refusal> {
        let Some(conversation) = &context.caller.speaker.conversation else { return Ok(None) };
        let contact = self.invocation(context).confirmed_contact(conversation).await;
        contact.map_err(|error| context.locale.unavailable(&error))
    }

    /// Returns whether the caller may see everything about an e-mail address.
    pub(crate) async fn may_see_address(&self, context: &Context, email: &Private<String>) -> Result<bool, Refusal> {
        if context.caller.is_trusted {
            return Ok(true);
        }
        let contact = self.confirmed_contact(context).await?;
        let pepper = self.world().pepper().await.map_err(|error| context.locale.unavailable(&error))?;
        Ok(contact == Some(ContactKey::for_email(pepper, &context.connection, email.expose())))
    }

    /// Reads what is known of an invitee, as far as the caller may see it.
    pub(crate) async fn find_invitee(
        &self,
        context: &Context,
        email: &Private<String>,
    ) -> Result<KnownInvitee, Refusal> {
        let sees_all = self.may_see_address(context, email).await?;
        let known = self.store().find_invitee(&context.connection, email, self.now()).await;
        let mut known = known.map_err(|error| context.locale.unavailable(&error))?;
        if !sees_all {
            // Neither the time zone nor a refusal may give away that the address has other bookings.
            let own = self.own_bookings(context).await?;
            known.zone = None;
            known.upcoming.retain(|it| own.contains(it));
        }
        Ok(known)
    }
}

/// Returns whether a booking was made in the conversation, or for the user, that VAI's backend names.
fn is_of_speaker(booking: &Booking, speaker: &Speaker) -> bool {
    booking.metadata.as_ref().is_some_and(|it| {
        let is_of_user = it.user_id.is_some() && it.user_id == speaker.user;
        speaker.conversation.as_ref() == Some(&it.conversation_id) || is_of_user
    })
}

/// Returns whether a number or address is the one on a booking. A code by SMS opens the bookings with that number, and
/// not those of the same address: whoever books may give any address with their own number.
fn reaches(pepper: &Pepper, context: &Context, booking: &Booking, contact: &ContactKey) -> bool {
    let Some(leg) = booking.current_leg() else { return false };
    let connection = &context.connection;
    let by_email = ContactKey::for_email(pepper, connection, leg.details.email.expose());
    let by_phone = choose_phone(booking, leg, &context.settings).ok();
    by_email == *contact
        || by_phone.is_some_and(|(phone, _)| ContactKey::for_phone(pepper, connection, &phone) == *contact)
}

/// Returns whether an id has the form of our own.
fn is_own_form(id: &str) -> bool {
    id.starts_with(OWN_ID) && id.len() <= LONGEST_ID && id.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
}

/// Returns whether an id is one of a booking's own.
fn has_id(booking: &Booking, id: &str) -> bool {
    let uris = booking.legs().into_iter().flat_map(|it| [it.invitee.as_str(), it.details.event.as_str()]);
    booking.id.as_str() == id || uris.into_iter().any(|uri| uri == id || uri_uuid(uri) == id)
}

fn several() -> Refusal {
    invalid("booking", "leads to several bookings: use one booking's own id")
}
