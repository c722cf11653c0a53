//! The table's keys.

use domain::scheduling::budget::Bucket;
use domain::{BookingId, BookingState, CommandId, ConnectionName, ContactKey, FactId, digest, uri_uuid};
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
/// An unhandled event.
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

/// Bookings by their invitee's e-mail address and start, while the meeting is on, with the invitee's time zone; and [unhandled events
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
pub(crate) fn is_key_length(id: &str) -> bool {
    id.len() <= LONGEST_ID
}

/// The partition of a booking.
pub(crate) fn booking_partition(connection: &ConnectionName, booking: &BookingId) -> String {
    format!("{connection}#{booking}")
}

/// The booking whose partition this is.
pub(crate) fn parse_booking_partition(connection: &ConnectionName, partition: &str) -> Option<BookingId> {
    Some(BookingId::new(partition.strip_prefix(connection.as_str())?.strip_prefix('#')?))
}

/// A command's place in its booking's partition.
pub(crate) fn command_sort_key(command: &CommandId) -> String {
    format!("2#cmd#{command}")
}

/// A fact's place in its booking's partition.
pub(crate) fn fact_sort_key(fact: &FactId) -> String {
    format!("3#fact#{fact}")
}

/// The partition of what an invitee's or event's URI leads to, or a token. The last segment names it: VAI knows no more
/// than that, and a token has one only.
pub(crate) fn alias_partition(connection: &ConnectionName, name: &str) -> String {
    format!("{connection}#alias#{}", uri_uuid(name))
}

/// The alias of an event. A group event leads to many bookings, so each has a row of its own.
pub(crate) fn event_sort_key(booking: &BookingId) -> String {
    format!("event#{booking}")
}

/// The partition of an unhandled event.
pub(crate) fn unhandled_event_partition(connection: &ConnectionName, event: &FactId) -> String {
    format!("{connection}#unknown#{event}")
}

/// All unhandled events, in [`BY_INVITEE`]. No invitee's partition there: those end in a hash.
pub(crate) fn unhandled_events_index(connection: &ConnectionName) -> String {
    format!("{connection}#unknown")
}

/// The event whose partition this is.
pub(crate) fn unhandled_event_id(connection: &ConnectionName, partition: &str) -> Option<FactId> {
    let event = partition.strip_prefix(connection.as_str())?.strip_prefix("#unknown#")?;
    Some(FactId::new(event))
}

/// An unhandled event among the others, in the order of arrival. It has the name, so that a list needs the index
/// alone.
pub(crate) fn arrival_sort_key(received_at: Timestamp, name: &str) -> String {
    format!("{}#{name}", instant_sort_key(received_at))
}

/// The arrival and the name in [`arrival_sort_key`].
pub(crate) fn parse_arrival(sort: &str) -> Option<(Timestamp, &str)> {
    let (at, name) = sort.split_once('#')?;
    Some((at.parse().ok()?, name))
}

/// The partition of a person's address, which is hashed.
pub(crate) fn contact_partition(connection: &ConnectionName, contact: &ContactKey) -> String {
    format!("{connection}#contact#{}", contact.as_str())
}

/// The partition of a number that may be used once. It is a stranger's text, so it is hashed.
pub(crate) fn nonce_partition(connection: &ConnectionName, nonce: &str) -> String {
    format!("{connection}#nonce#{}", digest(&["nonce", nonce]))
}

/// The partition of the settings.
pub(crate) fn settings_partition(connection: &ConnectionName) -> String {
    format!("{connection}#settings")
}

/// The partition of an owner's budget.
pub(crate) fn budget_partition(connection: &ConnectionName, owner: &str) -> String {
    format!("{connection}#budget#{}", uri_uuid(owner))
}

/// A bucket's place in its owner's budget.
pub(crate) fn bucket_sort_key(bucket: &Bucket) -> String {
    bucket.name()
}

/// The partition of the instant at which event types last changed.
pub(crate) fn event_types_partition(connection: &ConnectionName) -> String {
    format!("{connection}#event-types")
}

/// The partition of the instant at which Calendly last told something new.
pub(crate) fn pulse_partition(connection: &ConnectionName) -> String {
    format!("{connection}#pulse")
}

/// The partition of a hold.
pub(crate) fn hold_partition(connection: &ConnectionName, id: &str) -> String {
    format!("{connection}#hold#{id}")
}

/// The partition of a caller's permits. A caller is nobody's in particular: its key may serve several connections.
pub(crate) fn permits_partition(key: &str) -> String {
    format!("permits#{key}")
}

/// A minute of a caller's permits.
pub(crate) fn minute_sort_key(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// The bookings of a standing in [`BY_START`].
pub(crate) fn state_index(connection: &ConnectionName, state: &str) -> String {
    format!("{connection}#{state}")
}

/// A standing's name in [`state_index`].
pub(crate) fn state_name(state: BookingState<'_>) -> &'static str {
    match state {
        BookingState::Active(_) => ON,
        BookingState::Moving(_) => MOVING,
        BookingState::Canceled(..) => CANCELED,
    }
}

/// An invitee in [`BY_INVITEE`]: hashed, so that no address stands in a key.
pub(crate) fn invitee_index(connection: &ConnectionName, email: &str) -> String {
    format!("{connection}#{}", hex::encode(Sha256::digest(email.trim().to_lowercase())))
}

/// A conversation in [`BY_CONVERSATION`].
pub(crate) fn conversation_index(connection: &ConnectionName, conversation: &str) -> String {
    // A key holds 2 KiB. VAI's ids are short; one that isn't must not keep its booking from being written.
    if conversation.len() > 512 {
        return format!("{connection}#{}", hex::encode(Sha256::digest(conversation)));
    }
    format!("{connection}#{conversation}")
}

/// An instant in a sort key: of one width, so that text sorts as time.
pub(crate) fn instant_sort_key(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An instant to the nanosecond, of one width too: two within a second are told apart.
pub(crate) fn moment_text(at: Timestamp) -> String {
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
        assert_eq!(parse_booking_partition(&connection, &booking_partition(&connection, &booking)), Some(booking));
        assert_eq!(parse_booking_partition(&connection, "other#bk-1"), None);
    }

    #[test]
    fn an_arrival_has_its_instant_and_name() {
        let at = "2026-11-20T18:00:00Z".parse().expect("an instant");
        assert_eq!(parse_arrival(&arrival_sort_key(at, "contact.created#2")), Some((at, "contact.created#2")));
        assert_eq!(parse_arrival("2026-11-20T18:00:00Z"), None);
        let connection = ConnectionName::default();
        let event = FactId::new("f-1");
        assert_eq!(unhandled_event_id(&connection, &unhandled_event_partition(&connection, &event)), Some(event));
        assert_eq!(unhandled_event_id(&connection, "default#bk-1"), None);
    }

    #[test]
    fn an_address_is_found_however_it_is_written() {
        let connection = ConnectionName::default();
        assert_eq!(invitee_index(&connection, " Ana@Example.com "), invitee_index(&connection, "ana@example.com"));
    }

    #[test]
    fn a_budget_is_its_owners() {
        let connection = ConnectionName::default();
        assert_eq!(budget_partition(&connection, "https://api.calendly.com/users/U1"), "default#budget#U1");
        let bucket = Bucket::of(Span::Minute, "2026-11-21T11:10:27Z".parse().expect("an instant"));
        assert_eq!(bucket_sort_key(&bucket), "minute#2026-11-21T11:10:20Z");
    }

    #[test]
    fn a_token_is_an_alias_of_its_own() {
        let connection = ConnectionName::default();
        let token = Token::from_key(&connection, "a key");
        assert_eq!(alias_partition(&connection, token.as_str()), format!("default#alias#{}", token.as_str()));
    }

    #[test]
    fn instants_sort_as_text() {
        let at = |text: &str| instant_sort_key(text.parse().expect("an instant"));
        assert_eq!(at("2026-11-20T18:00:00.000001Z"), "2026-11-20T18:00:00Z");
        assert!(at("2026-11-20T09:00:00Z") < at("2026-11-20T18:00:00+02:00"));
        let moment = |text: &str| moment_text(text.parse().expect("an instant"));
        assert_eq!(moment("2026-11-20T18:00:00Z"), "2026-11-20T18:00:00.000000000Z");
        assert!(moment("2026-11-20T18:00:00Z") < moment("2026-11-20T18:00:00.25Z"));
        assert_eq!(minute_sort_key("2026-11-20T18:59:59.9Z".parse().expect("an instant")), "2026-11-20T18:59Z");
    }
}
