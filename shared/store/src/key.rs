//! The table's keys.

use domain::scheduling::budget::Bucket;
use domain::{BookingId, CommandId, ConnectionName, ContactKey, FactId, Standing, digest, uuid_of};
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};

/// The booking itself.
pub(crate) const BOOKING: &str = "1#booking";
/// What VAI wrote down about it.
pub(crate) const METADATA: &str = "1#meta";
/// What sorts before this is what a decision needs; the facts come after.
pub(crate) const FACTS: &str = "3";
/// The alias of an invitee, or of a move's token.
pub(crate) const ALIAS: &str = "alias";
/// An event without a use yet.
pub(crate) const UNKNOWN: &str = "unknown";
/// The settings.
pub(crate) const SETTINGS: &str = "settings";
/// Until when Calendly takes no bookings, in the partition of an owner's budget.
pub(crate) const CLOSED: &str = "closed";
/// When event types last changed.
pub(crate) const EVENT_TYPES: &str = "event-types";
/// When Calendly last told something new.
pub(crate) const PULSE: &str = "pulse";
/// What a person objects to, in the partition of a contact.
pub(crate) const OBJECTION: &str = "objection";
/// What last reached a person, in the partition of a contact.
pub(crate) const REACHED: &str = "reached";
/// A number that may be used once.
pub(crate) const NONCE: &str = "nonce";
/// A hold.
pub(crate) const HOLD: &str = "hold";

/// Bookings by their invitee's e-mail address and start, while the meeting is on, with the invitee's time zone; and [events without a use
/// yet](of_all_unknown) by their arrival, since they are too few for an index of their own.
pub(crate) const BY_INVITEE: &str = "by_invitee";
/// Bookings by VAI's conversation and start.
pub(crate) const BY_CONVERSATION: &str = "by_conversation";
/// Bookings by their standing and start.
pub(crate) const BY_START: &str = "by_start";

/// In [`BY_START`]: the meeting is on.
pub(crate) const ON: &str = "on";
/// In [`BY_START`]: the new half of a move is not known yet.
pub(crate) const MOVING: &str = "moving";
/// In [`BY_START`]: the meeting is off.
pub(crate) const CANCELED: &str = "canceled";

/// No booking, hold, invitee or event has a longer id. What somebody asks for may be longer, but a key holds 2 KiB.
const LONGEST_ID: usize = 1024;

/// Whether an id that somebody asks for could be one of those.
pub(crate) fn fits(id: &str) -> bool {
    id.len() <= LONGEST_ID
}

/// The partition of a booking.
pub(crate) fn of_booking(connection: &ConnectionName, booking: &BookingId) -> String {
    format!("{connection}#{booking}")
}

/// The booking whose partition this is.
pub(crate) fn booking_of(connection: &ConnectionName, partition: &str) -> Option<BookingId> {
    Some(BookingId::new(partition.strip_prefix(connection.as_str())?.strip_prefix('#')?))
}

/// A command's place in its booking's partition.
pub(crate) fn of_command(command: &CommandId) -> String {
    format!("2#cmd#{command}")
}

/// A fact's place in its booking's partition.
pub(crate) fn of_fact(fact: &FactId) -> String {
    format!("3#fact#{fact}")
}

/// The partition of what an invitee's or event's URI leads to, or a token. The last segment names it: VAI knows no more
/// than that, and a token has one only.
pub(crate) fn of_alias(connection: &ConnectionName, name: &str) -> String {
    format!("{connection}#alias#{}", uuid_of(name))
}

/// The alias of an event. A group event leads to many bookings, so each has a row of its own.
pub(crate) fn of_event(booking: &BookingId) -> String {
    format!("event#{booking}")
}

/// The partition of an event without a use yet.
pub(crate) fn of_unknown(connection: &ConnectionName, event: &FactId) -> String {
    format!("{connection}#unknown#{event}")
}

/// All events without a use yet, in [`BY_INVITEE`]. No invitee's partition there: those end in a hash.
pub(crate) fn of_all_unknown(connection: &ConnectionName) -> String {
    format!("{connection}#unknown")
}

/// The event whose partition this is.
pub(crate) fn unknown_of(connection: &ConnectionName, partition: &str) -> Option<FactId> {
    let event = partition.strip_prefix(connection.as_str())?.strip_prefix("#unknown#")?;
    Some(FactId::new(event))
}

/// An event without a use yet among the others, in the order of arrival. It has the name, so that a list needs the index
/// alone.
pub(crate) fn of_arrival(received_at: Timestamp, name: &str) -> String {
    format!("{}#{name}", of_instant(received_at))
}

/// The arrival and the name in [`of_arrival`].
pub(crate) fn arrival_of(sort: &str) -> Option<(Timestamp, &str)> {
    let (at, name) = sort.split_once('#')?;
    Some((at.parse().ok()?, name))
}

/// The partition of a person's address, which is hashed.
pub(crate) fn of_contact(connection: &ConnectionName, contact: &ContactKey) -> String {
    format!("{connection}#contact#{}", contact.as_str())
}

/// The partition of a number that may be used once. It is a stranger's text, so it is hashed.
pub(crate) fn of_nonce(connection: &ConnectionName, nonce: &str) -> String {
    format!("{connection}#nonce#{}", digest(&["nonce", nonce]))
}

/// The partition of the settings.
pub(crate) fn of_settings(connection: &ConnectionName) -> String {
    format!("{connection}#settings")
}

/// The partition of an owner's budget.
pub(crate) fn of_budget(connection: &ConnectionName, owner: &str) -> String {
    format!("{connection}#budget#{}", uuid_of(owner))
}

/// A bucket's place in its owner's budget.
pub(crate) fn of_bucket(bucket: &Bucket) -> String {
    bucket.name()
}

/// The partition of the instant at which event types last changed.
pub(crate) fn of_event_types(connection: &ConnectionName) -> String {
    format!("{connection}#event-types")
}

/// The partition of the instant at which Calendly last told something new.
pub(crate) fn of_pulse(connection: &ConnectionName) -> String {
    format!("{connection}#pulse")
}

/// The partition of a hold.
pub(crate) fn of_hold(connection: &ConnectionName, id: &str) -> String {
    format!("{connection}#hold#{id}")
}

/// The partition of a caller's permits. A caller is nobody's in particular: its key may serve several connections.
pub(crate) fn of_permits(key: &str) -> String {
    format!("permits#{key}")
}

/// A minute of a caller's permits.
pub(crate) fn of_minute(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// The bookings of a standing in [`BY_START`].
pub(crate) fn of_standing(connection: &ConnectionName, standing: &str) -> String {
    format!("{connection}#{standing}")
}

/// A standing's name in [`of_standing`].
pub(crate) fn name_of(standing: Standing<'_>) -> &'static str {
    match standing {
        Standing::Active(_) => ON,
        Standing::Moving(_) => MOVING,
        Standing::Canceled(..) => CANCELED,
    }
}

/// An invitee in [`BY_INVITEE`]: hashed, so that no address stands in a key.
pub(crate) fn of_email(connection: &ConnectionName, email: &str) -> String {
    format!("{connection}#{}", hex::encode(Sha256::digest(email.trim().to_lowercase())))
}

/// A conversation in [`BY_CONVERSATION`].
pub(crate) fn of_conversation(connection: &ConnectionName, conversation: &str) -> String {
    // A key holds 2 KiB. VAI's ids are short; one that isn't must not keep its booking from being written.
    if conversation.len() > 512 {
        return format!("{connection}#{}", hex::encode(Sha256::digest(conversation)));
    }
    format!("{connection}#{conversation}")
}

/// An instant in a sort key: of one width, so that text sorts as time.
pub(crate) fn of_instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An instant to the nanosecond, of one width too: two within a second are told apart.
pub(crate) fn of_moment(at: Timestamp) -> String {
    format!("{at:.9}")
}

#[cfg(test)]
mod tests {
    use domain::Token;
    use domain::scheduling::budget::Span;

    use super::*;

    #[test]
    fn a_partition_leads_back_to_its_booking() {
        let connection = ConnectionName::default();
        let booking = BookingId::new("bk-1");
        assert_eq!(booking_of(&connection, &of_booking(&connection, &booking)), Some(booking));
        assert_eq!(booking_of(&connection, "other#bk-1"), None);
    }

    #[test]
    fn an_arrival_has_its_instant_and_name() {
        let at = "2026-11-20T18:00:00Z".parse().expect("an instant");
        assert_eq!(arrival_of(&of_arrival(at, "contact.created#2")), Some((at, "contact.created#2")));
        assert_eq!(arrival_of("2026-11-20T18:00:00Z"), None);
        let connection = ConnectionName::default();
        let event = FactId::new("f-1");
        assert_eq!(unknown_of(&connection, &of_unknown(&connection, &event)), Some(event));
        assert_eq!(unknown_of(&connection, "default#bk-1"), None);
    }

    #[test]
    fn an_address_is_found_however_it_is_written() {
        let connection = ConnectionName::default();
        assert_eq!(of_email(&connection, " Ana@Example.com "), of_email(&connection, "ana@example.com"));
    }

    #[test]
    fn a_budget_is_its_owners() {
        let connection = ConnectionName::default();
        assert_eq!(of_budget(&connection, "https://api.calendly.com/users/U1"), "default#budget#U1");
        let bucket = Bucket::of(Span::Minute, "2026-11-21T11:10:27Z".parse().expect("an instant"));
        assert_eq!(of_bucket(&bucket), "minute#2026-11-21T11:10:20Z");
    }

    #[test]
    fn a_token_is_an_alias_of_its_own() {
        let connection = ConnectionName::default();
        let token = Token::of_key(&connection, "a key");
        assert_eq!(of_alias(&connection, token.as_str()), format!("default#alias#{}", token.as_str()));
    }

    #[test]
    fn instants_sort_as_text() {
        let at = |text: &str| of_instant(text.parse().expect("an instant"));
        assert_eq!(at("2026-11-20T18:00:00.000001Z"), "2026-11-20T18:00:00Z");
        assert!(at("2026-11-20T09:00:00Z") < at("2026-11-20T18:00:00+02:00"));
        let moment = |text: &str| of_moment(text.parse().expect("an instant"));
        assert_eq!(moment("2026-11-20T18:00:00Z"), "2026-11-20T18:00:00.000000000Z");
        assert!(moment("2026-11-20T18:00:00Z") < moment("2026-11-20T18:00:00.25Z"));
        assert_eq!(of_minute("2026-11-20T18:59:59.9Z".parse().expect("an instant")), "2026-11-20T18:59Z");
    }
}
