//! The table's keys.

use domain::{BookingId, CommandId, ConnectionName, FactId, uuid_of};
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};

/// The booking itself.
pub(crate) const BOOKING: &str = "1#booking";
/// What VAI wrote down about it.
pub(crate) const METADATA: &str = "1#meta";
/// What sorts before this is what a decision needs; the facts come after.
pub(crate) const FACTS: &str = "3";
/// The alias of an invitee.
pub(crate) const ALIAS: &str = "alias";
/// An event without a use yet.
pub(crate) const UNKNOWN: &str = "unknown";
/// The settings.
pub(crate) const SETTINGS: &str = "settings";

/// Bookings by their invitee's e-mail address and start, while the meeting is on; and [events without a use
/// yet](of_all_unknown) by their arrival, since they are too few for an index of their own.
pub(crate) const BY_INVITEE: &str = "by_invitee";
/// Bookings by VAI's conversation and start.
pub(crate) const BY_CONVERSATION: &str = "by_conversation";

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

/// The partition of what an invitee's or event's URI leads to. The last segment names it: VAI knows no more than that.
pub(crate) fn of_alias(connection: &ConnectionName, uri: &str) -> String {
    format!("{connection}#alias#{}", uuid_of(uri))
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

/// The partition of the settings.
pub(crate) fn of_settings(connection: &ConnectionName) -> String {
    format!("{connection}#settings")
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

#[cfg(test)]
mod tests {
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
    fn instants_sort_as_text() {
        let at = |text: &str| of_instant(text.parse().expect("an instant"));
        assert_eq!(at("2026-11-20T18:00:00.000001Z"), "2026-11-20T18:00:00Z");
        assert!(at("2026-11-20T09:00:00Z") < at("2026-11-20T18:00:00+02:00"));
    }
}
