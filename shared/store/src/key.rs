//! The table's keys.

use domain::scheduling::budget::Bucket;
use domain::{
    BookingId, BookingState, CommandId, ConnectionName, ContactKey, FactId, LinkPurpose, digest, email_key, uri_uuid,
};
use endpoints::EndpointId;
use events::Stream;
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};

/// The booking itself.
pub(crate) const BOOKING: &str = "1#booking";
/// VAI's metadata of it.
pub(crate) const METADATA: &str = "1#meta";
/// A decision needs the rows that sort before this; the facts sort after it.
pub(crate) const FACTS: &str = "3";
/// The alias of an invitee, or of the token of a move.
pub(crate) const ALIAS: &str = "alias";
/// An unhandled event.
pub(crate) const UNHANDLED_EVENT: &str = "unknown";
/// The settings.
pub(crate) const SETTINGS: &str = "settings";
/// In the partition of the settings: their versions sort after it.
pub(crate) const SETTINGS_VERSIONS: &str = "version#";
/// In the partition of the settings: how far the last import is.
pub(crate) const IMPORT: &str = "import";
/// In the partition of the settings: how far the last re-planning is.
pub(crate) const REPLAN: &str = "replan";
/// In the partition of an owner's budget: until when Calendly takes no bookings of the owner.
pub(crate) const CLOSED: &str = "closed";
/// When event types last changed.
pub(crate) const EVENT_TYPES: &str = "event-types";
/// When Calendly last sent something new.
pub(crate) const PULSE: &str = "pulse";
/// In the partition of a contact: what its owner objects to.
pub(crate) const OBJECTION: &str = "objection";
/// In the partition of a contact: which command last sent a message to it.
pub(crate) const REACHED: &str = "reached";
/// What all bookings of a person say to the CRM.
pub(crate) const CRM: &str = "crm";
/// A nonce.
pub(crate) const NONCE: &str = "nonce";
/// A hold.
pub(crate) const HOLD: &str = "hold";
/// In the partition of a connection's endpoints: whether it has any, so that events are published.
pub(crate) const PUBLISHING: &str = "publishing";

/// The partition of all connections. Every other partition contains `#`, so no connection's name can equal it.
pub(crate) const CONNECTIONS: &str = "connections";

/// In the partition of a stream's log: how many events it has.
pub(crate) const LOG_HEAD: &str = "head";
/// In the partition of a connection's endpoints: the endpoints sort after it.
pub(crate) const ENDPOINTS: &str = "ep#";
/// In the partition of an endpoint's health.
pub(crate) const HEALTH: &str = "health";
/// In the partition of an endpoint's health: until when the places of its concurrent attempts are taken.
pub(crate) const SLOTS: &str = "slots";

/// A short link.
pub(crate) const LINK: &str = "link";
/// The partition of the key of all short links. A link's partition ends in 8 characters.
pub(crate) const LINK_KEY_PARTITION: &str = "link#key";
/// In that partition: the key.
pub(crate) const LINK_KEY: &str = "key";

/// A connection's encrypted signing keys.
pub(crate) const SIGNING_KEYS: &str = "keys";

/// The sort key of the tokens of a login.
pub(crate) const GRANT: &str = "grant";

/// The index of active bookings by their invitee's e-mail address and start, with the invitee's time zone. It also has
/// the [unhandled events](unhandled_events_index) by their arrival: they are too few for an index of their own.
pub(crate) const BY_INVITEE: &str = "by_invitee";
/// The index of bookings by VAI's conversation and start.
pub(crate) const BY_CONVERSATION: &str = "by_conversation";
/// The index of bookings by their state and start.
pub(crate) const BY_START: &str = "by_start";

/// In [`BY_START`]: active bookings.
pub(crate) const ACTIVE: &str = "on";
/// In [`BY_START`]: bookings of which only the old half of a move is known.
pub(crate) const MOVING: &str = "moving";
/// In [`BY_START`]: canceled bookings.
pub(crate) const CANCELED: &str = "canceled";

/// No id of a booking, hold, invitee or event is longer, in bytes. DynamoDB refuses partition keys over 2048 bytes.
const MAX_ID_BYTES: usize = 1024;

/// Whether an id from a caller is short enough for a key.
pub(crate) fn is_key_length(id: &str) -> bool {
    id.len() <= MAX_ID_BYTES
}

/// Returns the partition of a booking.
pub(crate) fn booking_partition(connection: &ConnectionName, booking: &BookingId) -> String {
    format!("{connection}#{booking}")
}

/// Returns the booking that a partition belongs to; `None` when it belongs to none of the connection.
pub(crate) fn parse_booking_partition(connection: &ConnectionName, partition: &str) -> Option<BookingId> {
    Some(BookingId::new(partition.strip_prefix(connection.as_str())?.strip_prefix('#')?))
}

/// Returns the sort key of a command.
pub(crate) fn command_sort_key(command: &CommandId) -> String {
    format!("2#cmd#{command}")
}

/// Returns the sort key of a fact.
pub(crate) fn fact_sort_key(fact: &FactId) -> String {
    format!("3#fact#{fact}")
}

/// Returns the partition of the aliases of an invitee's or event's URI, or of a token. It has the last segment of the
/// URI, because VAI knows only that. A token has one segment.
pub(crate) fn alias_partition(connection: &ConnectionName, name: &str) -> String {
    format!("{connection}#alias#{}", uri_uuid(name))
}

/// Returns the sort key of an event's alias. A group event has several bookings, and an alias for each.
pub(crate) fn event_sort_key(booking: &BookingId) -> String {
    format!("event#{booking}")
}

/// Returns the sort key of the first opening of a short link. It sorts after the facts, so decisions do not read it.
pub(crate) fn opening_sort_key(command: &CommandId, purpose: LinkPurpose) -> String {
    format!("4#opened#{command}#{}", purpose.name())
}

/// Returns the partition of a short link.
pub(crate) fn link_partition(code: &str) -> String {
    format!("link#{code}")
}

/// Returns the partition of an unhandled event.
pub(crate) fn unhandled_event_partition(connection: &ConnectionName, event: &FactId) -> String {
    format!("{connection}#unknown#{event}")
}

/// Returns the key of all unhandled events in [`BY_INVITEE`]. It differs from every invitee's: those end in a hash.
pub(crate) fn unhandled_events_index(connection: &ConnectionName) -> String {
    format!("{connection}#unknown")
}

/// Returns the unhandled event that a partition belongs to.
pub(crate) fn unhandled_event_id(connection: &ConnectionName, partition: &str) -> Option<FactId> {
    let event = partition.strip_prefix(connection.as_str())?.strip_prefix("#unknown#")?;
    Some(FactId::new(event))
}

/// Returns the sort key of an unhandled event in [`BY_INVITEE`]: its arrival, and its name, so that a list needs no
/// other read.
pub(crate) fn arrival_sort_key(received_at: Timestamp, name: &str) -> String {
    format!("{}#{name}", instant_sort_key(received_at))
}

/// Parses the arrival and the name in an [`arrival_sort_key`].
pub(crate) fn parse_arrival(sort: &str) -> Option<(Timestamp, &str)> {
    let (at, name) = sort.split_once('#')?;
    Some((at.parse().ok()?, name))
}

/// Returns the partition of a phone number or an e-mail address, which is hashed.
pub(crate) fn contact_partition(connection: &ConnectionName, contact: &ContactKey) -> String {
    format!("{connection}#contact#{}", contact.as_str())
}

/// Returns the partition of a person's contact in the CRM, by the hashed e-mail address.
pub(crate) fn crm_partition(connection: &ConnectionName, contact: &ContactKey) -> String {
    format!("{connection}#crm#{}", contact.as_str())
}

/// Returns the partition of a nonce. It comes from outside and may be long, so it is hashed.
pub(crate) fn nonce_partition(connection: &ConnectionName, nonce: &str) -> String {
    format!("{connection}#nonce#{}", digest(&["nonce", nonce]))
}

/// Returns the partition of a connection's settings.
pub(crate) fn settings_partition(connection: &ConnectionName) -> String {
    format!("{connection}#settings")
}

/// Returns the sort key of a version of the settings.
pub(crate) fn settings_version_sort_key(version: u64) -> String {
    format!("{SETTINGS_VERSIONS}{version:08}")
}

/// Returns the partition of an owner's budget.
pub(crate) fn budget_partition(connection: &ConnectionName, owner: &str) -> String {
    format!("{connection}#budget#{}", uri_uuid(owner))
}

/// Returns the partition of a connection's budget of SMS.
pub(crate) fn sms_budget_partition(connection: &ConnectionName) -> String {
    format!("{connection}#sms-budget")
}

/// Returns the sort key of a bucket.
pub(crate) fn bucket_sort_key(bucket: &Bucket) -> String {
    bucket.name()
}

/// Returns the partition of the instant at which event types last changed.
pub(crate) fn event_types_partition(connection: &ConnectionName) -> String {
    format!("{connection}#event-types")
}

/// Returns the partition of the instant at which Calendly last sent something new.
pub(crate) fn pulse_partition(connection: &ConnectionName) -> String {
    format!("{connection}#pulse")
}

/// Returns the partition of a hold.
pub(crate) fn hold_partition(connection: &ConnectionName, id: &str) -> String {
    format!("{connection}#hold#{id}")
}

/// Returns the partition of a stream's log of events.
pub(crate) fn log_partition(connection: &ConnectionName, stream: &Stream) -> String {
    format!("{connection}#log#{stream}")
}

/// Returns the sort key of an event by its number in the log.
pub(crate) fn logged_event_sort_key(number: u64) -> String {
    format!("e#{number:08}")
}

/// Returns the sort key of the row that says which number the event with an id has.
pub(crate) fn event_id_sort_key(event: &str) -> String {
    format!("id#{event}")
}

/// Returns the partition of a connection's endpoints.
pub(crate) fn endpoints_partition(connection: &ConnectionName) -> String {
    format!("{connection}#endpoints")
}

/// Returns the sort key of an endpoint.
pub(crate) fn endpoint_sort_key(endpoint: &EndpointId) -> String {
    format!("{ENDPOINTS}{endpoint}")
}

/// Returns the partition of an endpoint's lanes. A lane's sort key is its stream.
pub(crate) fn lanes_partition(connection: &ConnectionName, endpoint: &EndpointId) -> String {
    format!("{connection}#lane#{endpoint}")
}

/// Returns the key of an endpoint's stalled lanes in [`BY_INVITEE`]. A sort key is a lane's stream.
pub(crate) fn stalled_lanes_index(connection: &ConnectionName, endpoint: &EndpointId) -> String {
    format!("{connection}#stalled#{endpoint}")
}

/// Returns the partition of an endpoint's deliveries, also in [`BY_INVITEE`].
pub(crate) fn deliveries_partition(connection: &ConnectionName, endpoint: &EndpointId) -> String {
    format!("{connection}#delivery#{endpoint}")
}

/// Returns the sort key of a delivery.
pub(crate) fn delivery_sort_key(stream: &str, number: u64) -> String {
    format!("{stream}#{number:08}")
}

/// Returns the sort key of a delivery in [`BY_INVITEE`]: the time of its event.
pub(crate) fn delivery_time_sort_key(at: Timestamp, event: &str) -> String {
    format!("{at:.9}#{event}")
}

/// Returns the partition of the feed of an endpoint that asks for its events.
pub(crate) fn feed_partition(connection: &ConnectionName, endpoint: &EndpointId) -> String {
    format!("{connection}#feed#{endpoint}")
}

/// Returns the partition of an endpoint's health.
pub(crate) fn health_partition(connection: &ConnectionName, endpoint: &EndpointId) -> String {
    format!("{connection}#health#{endpoint}")
}

/// Returns the partition of an endpoint's statistics. A sort key is an hour and a shard.
pub(crate) fn statistics_partition(connection: &ConnectionName, endpoint: &EndpointId) -> String {
    format!("{connection}#statistics#{endpoint}")
}

/// Returns the partition of a connection's signing keys.
pub(crate) fn signing_keys_partition(connection: &ConnectionName) -> String {
    format!("{connection}#webhook-keys")
}

/// Returns the partition of the tokens of a connection's login.
pub(crate) fn grant_partition(connection: &ConnectionName) -> String {
    format!("{connection}#calendly-login")
}

/// Returns the partition of an API key's permits.
pub(crate) fn permits_partition(key: &str) -> String {
    format!("permits#{key}")
}

/// Returns the sort key of the permits of a minute.
pub(crate) fn minute_sort_key(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// Returns the key of the bookings in a state, in [`BY_START`].
pub(crate) fn state_index(connection: &ConnectionName, state: &str) -> String {
    format!("{connection}#{state}")
}

/// Returns a state's name in [`state_index`].
pub(crate) fn state_name(state: BookingState<'_>) -> &'static str {
    match state {
        BookingState::Active(_) => ACTIVE,
        BookingState::Moving(_) => MOVING,
        BookingState::Canceled(..) => CANCELED,
    }
}

/// Returns the key of an invitee in [`BY_INVITEE`]. The address is hashed: keys must not have personal data.
pub(crate) fn invitee_index(connection: &ConnectionName, email: &str) -> String {
    format!("{connection}#{}", hex::encode(Sha256::digest(email_key(email))))
}

/// Returns the key of a conversation in [`BY_CONVERSATION`].
pub(crate) fn conversation_index(connection: &ConnectionName, conversation: &str) -> String {
    // VAI's ids are short. DynamoDB refuses keys over 2048 bytes, and a long id must not prevent the booking's write.
    if conversation.len() > 512 {
        return format!("{connection}#{}", hex::encode(Sha256::digest(conversation)));
    }
    format!("{connection}#{conversation}")
}

/// Returns an instant for a sort key, to the second and in fixed width, so that text sorts as time.
pub(crate) fn instant_sort_key(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
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
    fn an_arrival_key_has_the_instant_and_the_name() {
        let at = "2026-11-20T18:00:00Z".parse().expect("an instant");
        assert_eq!(parse_arrival(&arrival_sort_key(at, "contact.created#2")), Some((at, "contact.created#2")));
        assert_eq!(parse_arrival("2026-11-20T18:00:00Z"), None);
        let connection = ConnectionName::default();
        let event = FactId::new("f-1");
        assert_eq!(unhandled_event_id(&connection, &unhandled_event_partition(&connection, &event)), Some(event));
        assert_eq!(unhandled_event_id(&connection, "default#bk-1"), None);
    }

    #[test]
    fn case_and_spaces_of_an_address_do_not_matter() {
        let connection = ConnectionName::default();
        assert_eq!(invitee_index(&connection, " Ana@Example.com "), invitee_index(&connection, "ana@example.com"));
    }

    #[test]
    fn a_budget_belongs_to_an_owner() {
        let connection = ConnectionName::default();
        assert_eq!(budget_partition(&connection, "https://api.calendly.com/users/U1"), "default#budget#U1");
        let bucket = Bucket::containing(Span::Minute, "2026-11-21T11:10:27Z".parse().expect("an instant"));
        assert_eq!(bucket_sort_key(&bucket), "minute#2026-11-21T11:10:20Z");
    }

    #[test]
    fn the_partition_of_connections_differs_from_those_of_a_connection_with_that_name() {
        let connection = ConnectionName::parse(CONNECTIONS).expect("a name");
        let bookings = booking_partition(&connection, &BookingId::new(""));
        for partition in [bookings, settings_partition(&connection), permits_partition(CONNECTIONS)] {
            assert_ne!(partition, CONNECTIONS);
        }
        assert_eq!(ConnectionName::parse("permits#"), None);
    }

    #[test]
    fn a_token_is_its_own_alias() {
        let connection = ConnectionName::default();
        let token = Token::from_key(&connection, "a key");
        assert_eq!(alias_partition(&connection, token.as_str()), format!("default#alias#{}", token.as_str()));
    }

    #[test]
    fn the_numbers_of_a_log_sort_as_text() {
        let stream = Stream::parse("booking/bk-1").expect("a stream");
        assert_eq!(log_partition(&ConnectionName::default(), &stream), "default#log#booking/bk-1");
        assert_eq!(logged_event_sort_key(1), "e#00000001");
        assert!(
            logged_event_sort_key(9) < logged_event_sort_key(10)
                && logged_event_sort_key(99_999) < logged_event_sort_key(100_000)
        );
    }

    #[test]
    fn instants_sort_as_text() {
        let at = |text: &str| instant_sort_key(text.parse().expect("an instant"));
        assert_eq!(at("2026-11-20T18:00:00.000001Z"), "2026-11-20T18:00:00Z");
        assert!(at("2026-11-20T09:00:00Z") < at("2026-11-20T18:00:00+02:00"));
        assert_eq!(minute_sort_key("2026-11-20T18:59:59.9Z".parse().expect("an instant")), "2026-11-20T18:59Z");
    }
}
