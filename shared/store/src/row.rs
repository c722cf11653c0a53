//! The rows: values to rows and back. Pure.
//!
//! Every row has `kind`: what it is, with the version of its form. Most rows have `doc`, a JSON document. Rows that are
//! written conditionally have a revision, `rev`. Rows that expire have `expires_at`, in epoch seconds, for the table's
//! time to live. A row that only says when something was, or ends, has `instant`; a row that only counts has `used`.

use std::collections::BTreeMap;

use domain::scheduling::budget::Bucket;
use domain::{
    Booking, BookingId, BookingState, Command, CommandId, Connection, ConnectionName, ConsentSource, ContactKey,
    CrmContact, Decision, EventLog, FactId, FactKind, FactRecord, InviteeUri, Leg, Metadata, Objection, Opening,
    Settings, ShortLink, Token, time,
};
use endpoints::{Delivery, Endpoint, EndpointId, Health, Lane};
use engine::{Contact, Import, PortError, Replan, SettingsVersion, StoredFact, UnhandledEvent};
use events::{Event, Stream};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::attributes::{
    Row, check_kind, compress, instant, instant_text, json, key, number, read, revision, seconds, string, text,
    unknown_kind,
};
use crate::key;

/// Long enough to mark a no-show or to answer a question. A later version may have a use for an unhandled event.
const RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);

/// VAI's metadata waits for a booking that may never be made: a link in a conversation stays usable for half a year. A
/// booking has a copy in its own row.
const METADATA_RETENTION: SignedDuration = SignedDuration::from_hours(180 * 24);

/// What has ended stays readable for a day, so that "ended" and "never existed" get different answers.
const RETENTION_AFTER_END: SignedDuration = SignedDuration::from_hours(24);

/// People reply to old messages, most often to stop them.
const REACHED_RETENTION: SignedDuration = SignedDuration::from_hours(400 * 24);

/// An earlier version of the settings can be returned to for two years.
const SETTINGS_RETENTION: SignedDuration = SignedDuration::from_hours(730 * 24);

/// A person who comes back within two years keeps the counts in the CRM.
const CRM_RETENTION: SignedDuration = SignedDuration::from_hours(800 * 24);

/// A lane has the endpoint's numbers. It must outlive every pause of its stream: a meeting may be booked a year ahead.
const LANE_RETENTION: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The numbers of a log must not begin again while a lane still counts on.
const LOG_HEAD_RETENTION: SignedDuration = SignedDuration::from_hours(800 * 24);

/// Longer than the age at which a signature is refused.
const NONCE_RETENTION: SignedDuration = SignedDuration::from_hours(48);

/// The length of the key of short links, in bytes.
pub(crate) const KEY_LENGTH: usize = 32;

/// The kinds of row. If a form changes, it gets the next version, and a reader for the old one stays.
pub(crate) mod kind {
    pub(crate) const BOOKING: &str = "booking.v1";
    pub(crate) const COMMAND: &str = "command.v1";
    pub(crate) const FACT: &str = "fact.v1";
    pub(crate) const ALIAS: &str = "alias.v1";
    pub(crate) const METADATA: &str = "metadata.v1";
    pub(crate) const SETTINGS: &str = "settings.v1";
    pub(crate) const UNHANDLED_EVENT: &str = "unknown.v1";
    pub(crate) const BUDGET: &str = "budget.v1";
    pub(crate) const CLOSED: &str = "closed.v1";
    pub(crate) const EVENT_TYPES: &str = "event_types.v1";
    pub(crate) const HOLD: &str = "hold.v1";
    pub(crate) const PERMITS: &str = "permits.v1";
    pub(crate) const PULSE: &str = "pulse.v1";
    pub(crate) const OBJECTION: &str = "objection.v1";
    pub(crate) const REACHED: &str = "reached.v1";
    pub(crate) const SETTINGS_VERSION: &str = "settings_version.v1";
    pub(crate) const REPLAN: &str = "replan.v1";
    pub(crate) const IMPORT: &str = "import.v1";
    pub(crate) const CRM: &str = "crm.v1";
    pub(crate) const NONCE: &str = "nonce.v1";
    pub(crate) const CONNECTION: &str = "connection.v1";
    pub(crate) const EVENT: &str = "event.v1";
    pub(crate) const EVENT_ID: &str = "event_id.v1";
    pub(crate) const LOG_HEAD: &str = "log.v1";
    pub(crate) const ENDPOINT: &str = "endpoint.v1";
    pub(crate) const LANE: &str = "lane.v1";
    pub(crate) const FEED_ENTRY: &str = "feed.v1";
    pub(crate) const DELIVERY: &str = "delivery.v1";
    pub(crate) const HEALTH: &str = "health.v1";
    pub(crate) const SLOTS: &str = "slots.v1";
    pub(crate) const SIGNING_KEYS: &str = "signing_keys.v1";
    pub(crate) const GRANT: &str = "calendly_grant.v1";
    pub(crate) const STATISTICS: &str = "statistics.v1";
    pub(crate) const PUBLISHING: &str = "publishing.v1";
    pub(crate) const SHORT_LINK: &str = "short_link.v1";
    pub(crate) const LINK_KEY: &str = "link_key.v1";
    pub(crate) const OPENING: &str = "opening.v1";
}

/// An unhandled event in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnhandledEventEntry {
    /// Calendly's name of it.
    pub name: String,
    /// When it reached us, to the second.
    pub received_at: Timestamp,
    /// The id by which [`Table::unhandled_event_body`](crate::Table::unhandled_event_body) finds it.
    pub id: FactId,
}

/// Returns when the rows of a decision expire: 90 days after the last of what the booking is kept for (the ends of its
/// meetings and the due times of all its commands), the arrival of the facts and the times of the decision's commands.
/// The last two count when a fact about a past meeting comes late.
pub(crate) fn expiry(decision: &Decision, facts: &[StoredFact]) -> Option<Timestamp> {
    let arrivals = facts.iter().map(|fact| fact.received_at);
    let command_times = decision.commands.iter().flat_map(|changed| {
        let command = &changed.command;
        command.not_before.into_iter().chain(command.history.last().map(|note| note.at))
    });
    let last = arrivals.chain(command_times).chain(decision.kept_until).max();
    last.map(|last| time::add(last, RETENTION))
}

/// Reads until when a booking's row is kept, without the retention.
pub(crate) fn read_kept_until(row: &Row) -> Option<Timestamp> {
    let expires = row.get("expires_at")?.as_n().ok()?.parse().ok()?;
    Some(time::add(Timestamp::from_second(expires).ok()?, -RETENTION))
}

/// Returns a booking's row. It is in [`key::BY_INVITEE`] while it is active or requested, in [`key::BY_CONVERSATION`]
/// if VAI made it, and in [`key::BY_START`] once a leg is known.
pub(crate) fn booking(booking: &Booking, revision: u64, expires: Option<Timestamp>) -> Row {
    let Booking { id, connection, metadata, .. } = booking;
    let mut row = document_row(key::booking_partition(connection, id), key::BOOKING, kind::BOOKING, booking, expires);
    row.insert("rev".to_owned(), number(revision));
    let Some(state) = booking.state() else {
        // A person whose request is not settled may have the meeting.
        if let Some((_, request)) = booking.open_requests().next() {
            row.insert("gsi1pk".to_owned(), string(key::invitee_index(connection, request.email.expose())));
            row.insert("gsi1sk".to_owned(), string(key::instant_sort_key(request.start)));
            row.insert("zone".to_owned(), string(&request.zone));
        }
        return row;
    };
    let (BookingState::Active(leg) | BookingState::Moving(leg) | BookingState::Canceled(leg, _)) = state;
    let start = string(key::instant_sort_key(leg.details.start));
    if let BookingState::Active(leg) = state {
        row.insert("gsi1pk".to_owned(), string(key::invitee_index(connection, leg.details.email.expose())));
        row.insert("gsi1sk".to_owned(), start.clone());
        row.extend(leg.details.zone.as_ref().map(|zone| ("zone".to_owned(), string(zone))));
    }
    if let Some(metadata) = metadata {
        row.insert("gsi2pk".to_owned(), string(key::conversation_index(connection, &metadata.conversation_id)));
        row.insert("gsi2sk".to_owned(), start.clone());
    }
    row.insert("gsi3pk".to_owned(), string(key::state_index(connection, key::state_name(state))));
    row.insert("gsi3sk".to_owned(), start);
    row
}

/// Returns the booking's row of a decision. What the next decision must know of the log of events is an attribute of
/// its own, because the booking itself does not depend on the order in which facts arrive.
pub(crate) fn decided_booking(decision: &Decision, expires: Option<Timestamp>) -> Row {
    let mut row = booking(&decision.booking, decision.revision + 1, expires);
    row.extend(decision.log.as_ref().map(|log| (LOG.to_owned(), string(json(log)))));
    row
}

/// The attribute of a booking's row for its log of events.
const LOG: &str = "log";

/// Reads what is known of the log of events from a booking's row.
pub(crate) fn read_log(row: &Row) -> Result<Option<EventLog>, PortError> {
    if !row.contains_key(LOG) {
        return Ok(None);
    }
    let log = serde_json::from_str(text(row, LOG)?);
    log.map(Some).map_err(|_| PortError::unreadable("the log of a booking's row is malformed"))
}

/// Returns the row that says whether a connection has endpoints. It never expires.
pub(crate) fn publishing(connection: &ConnectionName, publishes: bool) -> Row {
    let document = json!({ "publishes": publishes });
    document_row(key::endpoints_partition(connection), key::PUBLISHING, kind::PUBLISHING, &document, None)
}

/// Reads whether a connection has endpoints.
pub(crate) fn read_publishing(row: &Row) -> Result<bool, PortError> {
    #[derive(Deserialize)]
    struct Document {
        publishes: bool,
    }
    let Document { publishes } = read(row)?;
    Ok(publishes)
}

/// Returns a command's row.
pub(crate) fn command(
    connection: &ConnectionName,
    booking: &BookingId,
    command: &Command,
    expires: Option<Timestamp>,
) -> Row {
    let partition = key::booking_partition(connection, booking);
    let mut row = document_row(partition, &key::command_sort_key(&command.id), kind::COMMAND, command, expires);
    row.insert("rev".to_owned(), number(command.revision));
    row.insert("state".to_owned(), string(command.state.name()));
    row
}

/// A fact's document.
#[derive(Serialize, Deserialize)]
struct FactDocument {
    id: FactId,
    kind: String,
    invitee: InviteeUri,
    occurred_at: Timestamp,
    received_at: Timestamp,
}

/// Returns a fact's row, with the payload that the fact was read from.
pub(crate) fn fact(
    connection: &ConnectionName,
    booking: &BookingId,
    fact: &StoredFact,
    expires: Option<Timestamp>,
) -> Row {
    let document = FactDocument {
        id: fact.id.clone(),
        kind: fact.kind.name().to_owned(),
        invitee: fact.invitee.clone(),
        occurred_at: fact.occurred_at,
        received_at: fact.received_at,
    };
    let partition = key::booking_partition(connection, booking);
    let mut row = document_row(partition, &key::fact_sort_key(&fact.id), kind::FACT, &document, expires);
    row.insert("gz".to_owned(), compress(&fact.payload));
    row
}

/// Returns the alias row of an invitee's URI.
pub(crate) fn invitee_alias(booking: &Booking, invitee: &InviteeUri, expires: Option<Timestamp>) -> Row {
    alias(booking, invitee.as_str(), key::ALIAS, &json!({ "uri": invitee }), expires)
}

/// Returns the alias row of the token of a move.
pub(crate) fn token_alias(booking: &Booking, token: &Token, expires: Option<Timestamp>) -> Row {
    alias(booking, token.as_str(), key::ALIAS, &json!({ "token": token }), expires)
}

/// Returns the alias row of a leg's event.
pub(crate) fn event_alias(booking: &Booking, leg: &Leg, expires: Option<Timestamp>) -> Row {
    let event = &leg.details.event;
    alias(booking, event.as_str(), &key::event_sort_key(&booking.id), &json!({ "uri": event }), expires)
}

fn alias(booking: &Booking, name: &str, sort: &str, document: &Value, expires: Option<Timestamp>) -> Row {
    let partition = key::alias_partition(&booking.connection, name);
    let mut row = document_row(partition, sort, kind::ALIAS, document, expires);
    row.insert("booking".to_owned(), string(booking.id.as_str()));
    row
}

/// Returns the row of VAI's metadata for a booking that is not made yet.
pub(crate) fn metadata(connection: &ConnectionName, booking: &BookingId, metadata: &Metadata) -> Row {
    let expires = Some(time::add(metadata.created_at, METADATA_RETENTION));
    document_row(key::booking_partition(connection, booking), key::METADATA, kind::METADATA, metadata, expires)
}

/// Returns the row of a connection's settings. It never expires.
pub(crate) fn settings(connection: &ConnectionName, settings: &Settings, version: u64) -> Row {
    let mut row = document_row(key::settings_partition(connection), key::SETTINGS, kind::SETTINGS, settings, None);
    row.insert("rev".to_owned(), number(version));
    row
}

/// Returns the row of a version of the settings.
pub(crate) fn settings_version(connection: &ConnectionName, settings: &Settings, version: u64, at: Timestamp) -> Row {
    let (partition, sort) = (key::settings_partition(connection), key::settings_version_sort_key(version));
    let expires = Some(time::add(at, SETTINGS_RETENTION));
    let mut row = document_row(partition, &sort, kind::SETTINGS_VERSION, settings, expires);
    row.insert("rev".to_owned(), number(version));
    row.insert("instant".to_owned(), string(instant_text(at)));
    row
}

/// Reads a version of the settings.
pub(crate) fn read_settings_version(row: &Row) -> Result<SettingsVersion, PortError> {
    check_kind(row, kind::SETTINGS_VERSION)?;
    Ok(SettingsVersion { version: revision(row)?, at: instant(row)?, settings: read_settings(row)? })
}

/// Returns the row that says how far a re-planning is. It never expires.
pub(crate) fn replan(connection: &ConnectionName, replan: &Replan) -> Row {
    let mut row = document_row(key::settings_partition(connection), key::REPLAN, kind::REPLAN, replan, None);
    row.insert("rev".to_owned(), number(replan.version));
    row
}

/// Returns the row that says how far an import is. Its revision is the time when it began. It never expires.
pub(crate) fn import(connection: &ConnectionName, import: &Import) -> Row {
    let mut row = document_row(key::settings_partition(connection), key::IMPORT, kind::IMPORT, import, None);
    row.insert("rev".to_owned(), number(import_revision(import)));
    row
}

/// Returns when an import began, in milliseconds since 1970.
pub(crate) fn import_revision(import: &Import) -> u64 {
    u64::try_from(import.started_at.as_millisecond()).unwrap_or_default()
}

/// Returns the row of an unhandled event.
pub(crate) fn unhandled_event(connection: &ConnectionName, event: &UnhandledEvent) -> Row {
    let document = json!({ "name": event.name, "received_at": event.received_at });
    let expires = Some(time::add(event.received_at, RETENTION));
    let partition = key::unhandled_event_partition(connection, &event.id);
    let mut row = document_row(partition, key::UNHANDLED_EVENT, kind::UNHANDLED_EVENT, &document, expires);
    row.insert("gz".to_owned(), compress(&event.payload));
    row.insert("gsi1pk".to_owned(), string(key::unhandled_events_index(connection)));
    row.insert("gsi1sk".to_owned(), string(key::arrival_sort_key(event.received_at, &event.name)));
    row
}

/// Returns the row that says until when Calendly takes no bookings of an owner.
pub(crate) fn closed(connection: &ConnectionName, owner: &str, until: Timestamp) -> Row {
    let expires = Some(time::add(until, RETENTION_AFTER_END));
    instant_row(key::budget_partition(connection, owner), key::CLOSED, kind::CLOSED, until, expires)
}

/// Returns the row that says when event types last changed. It never expires.
pub(crate) fn event_types(connection: &ConnectionName, at: Timestamp) -> Row {
    instant_row(key::event_types_partition(connection), key::EVENT_TYPES, kind::EVENT_TYPES, at, None)
}

/// Returns the row that says when Calendly last sent something new. It never expires.
pub(crate) fn pulse(connection: &ConnectionName, at: Timestamp) -> Row {
    instant_row(key::pulse_partition(connection), key::PULSE, kind::PULSE, at, None)
}

/// Returns the row of a hold that ends at an instant.
pub(crate) fn hold(connection: &ConnectionName, id: &str, document: &str, until: Timestamp) -> Row {
    let expires = Some(time::add(until, RETENTION_AFTER_END));
    let mut row = instant_row(key::hold_partition(connection, id), key::HOLD, kind::HOLD, until, expires);
    row.insert("doc".to_owned(), string(document));
    row
}

/// Returns the row of a short link.
pub(crate) fn short_link(code: &str, link: &ShortLink) -> Row {
    let expires = Some(time::add(link.until, RETENTION_AFTER_END));
    document_row(key::link_partition(code), key::LINK, kind::SHORT_LINK, link, expires)
}

/// Returns the row of a short link's first opening. It is kept about as long as the booking.
pub(crate) fn opening(link: &ShortLink, opening: &Opening) -> Row {
    let partition = key::booking_partition(&link.connection, &link.booking);
    let sort = key::opening_sort_key(&opening.command, opening.purpose);
    document_row(partition, &sort, kind::OPENING, opening, Some(time::add(link.until, RETENTION)))
}

/// Returns the row of the key of all short links. It never expires.
pub(crate) fn link_key(key: &[u8; KEY_LENGTH]) -> Row {
    let (partition, sort) = (key::LINK_KEY_PARTITION.to_owned(), key::LINK_KEY);
    document_row(partition, sort, kind::LINK_KEY, &hex::encode(key), None)
}

/// Reads the key of all short links.
pub(crate) fn read_link_key(row: &Row) -> Result<[u8; KEY_LENGTH], PortError> {
    let mut key = [0; KEY_LENGTH];
    let decoded = hex::decode_to_slice(read::<String>(row)?, &mut key);
    decoded.map(|()| key).map_err(|_| PortError::unreadable("the key of short links is malformed"))
}

#[derive(Serialize, Deserialize)]
struct ObjectionDocument {
    objection: Option<Objection>,
    source: ConsentSource,
}

/// Returns the row of what the owner of an address objects to; `None` when an objection was taken back. It never
/// expires.
pub(crate) fn objection(
    connection: &ConnectionName,
    contact: &ContactKey,
    objection: Option<Objection>,
    source: ConsentSource,
    at: Timestamp,
) -> Row {
    let document = json(&ObjectionDocument { objection, source });
    let mut row = instant_row(key::contact_partition(connection, contact), key::OBJECTION, kind::OBJECTION, at, None);
    row.insert("doc".to_owned(), string(document));
    row
}

#[derive(Serialize, Deserialize)]
struct ReachedDocument {
    booking: BookingId,
    command: CommandId,
}

/// Returns the row that says which command last sent a message to an address.
pub(crate) fn reached(
    connection: &ConnectionName,
    contact: &ContactKey,
    booking: &BookingId,
    command: &CommandId,
    at: Timestamp,
) -> Row {
    let document = json(&ReachedDocument { booking: booking.clone(), command: command.clone() });
    let expires = Some(time::add(at, REACHED_RETENTION));
    let mut row = instant_row(key::contact_partition(connection, contact), key::REACHED, kind::REACHED, at, expires);
    row.insert("doc".to_owned(), string(document));
    row
}

/// Returns the row of what all bookings of a person say to the CRM.
pub(crate) fn crm_contact(connection: &ConnectionName, key: &ContactKey, contact: &CrmContact) -> Row {
    let expires = contact.last_end().map(|end| time::add(end, CRM_RETENTION));
    let mut row = document_row(key::crm_partition(connection, key), key::CRM, kind::CRM, contact, expires);
    row.insert("rev".to_owned(), number(contact.revision + 1));
    row
}

/// Returns the row of a nonce that was used for a body with this digest.
pub(crate) fn nonce(connection: &ConnectionName, nonce: &str, digest: &str, now: Timestamp) -> Row {
    let expires = Some(time::add(now, NONCE_RETENTION));
    let mut row = instant_row(key::nonce_partition(connection, nonce), key::NONCE, kind::NONCE, now, expires);
    row.insert("digest".to_owned(), string(digest));
    row
}

/// Returns a connection's row. It never expires.
pub(crate) fn connection(connection: &Connection, revision: u64) -> Row {
    let partition = key::CONNECTIONS.to_owned();
    let mut row = document_row(partition, connection.name.as_str(), kind::CONNECTION, connection, None);
    row.insert("rev".to_owned(), number(revision));
    row
}

/// Returns the row of an event in a stream's log.
pub(crate) fn logged_event(
    connection: &ConnectionName,
    stream: &Stream,
    number: u64,
    event: &Event,
    expires: Option<Timestamp>,
) -> Row {
    let partition = key::log_partition(connection, stream);
    document_row(partition, &key::logged_event_sort_key(number), kind::EVENT, event, expires)
}

/// Returns the row that says which number the event with an id has.
pub(crate) fn event_id(
    connection: &ConnectionName,
    stream: &Stream,
    place: u64,
    event: &Event,
    expires: Timestamp,
) -> Row {
    let partition = key::log_partition(connection, stream);
    let mut row = bare_row(partition, &key::event_id_sort_key(&event.id), kind::EVENT_ID, Some(expires));
    row.insert("used".to_owned(), number(place));
    row
}

/// Returns the row that says how many events a stream's log has.
pub(crate) fn log_head(connection: &ConnectionName, stream: &Stream, count: u64, expires: Timestamp) -> Row {
    let mut row = bare_row(key::log_partition(connection, stream), key::LOG_HEAD, kind::LOG_HEAD, Some(expires));
    row.insert("used".to_owned(), number(count));
    row
}

/// Returns an endpoint's row. It never expires.
pub(crate) fn endpoint(connection: &ConnectionName, endpoint: &Endpoint, revision: u64) -> Row {
    let partition = key::endpoints_partition(connection);
    let mut row = document_row(partition, &key::endpoint_sort_key(&endpoint.id), kind::ENDPOINT, endpoint, None);
    row.insert("rev".to_owned(), number(revision));
    row
}

/// Returns a lane's row.
pub(crate) fn lane(
    connection: &ConnectionName,
    endpoint: &EndpointId,
    stream: &Stream,
    lane: &Lane,
    expires: Timestamp,
) -> Row {
    let partition = key::lanes_partition(connection, endpoint);
    let sort = stream.to_string();
    let mut row = document_row(partition, &sort, kind::LANE, lane, Some(expires));
    row.insert("rev".to_owned(), number(lane.revision + 1));
    if lane.is_stalled {
        row.insert("gsi1pk".to_owned(), string(key::stalled_lanes_index(connection, endpoint)));
        row.insert("gsi1sk".to_owned(), string(sort));
    }
    row
}

/// Returns a delivery's row.
pub(crate) fn delivery(
    connection: &ConnectionName,
    endpoint: &EndpointId,
    delivery: &Delivery,
    expires: Timestamp,
) -> Row {
    let partition = key::deliveries_partition(connection, endpoint);
    let sort = key::delivery_sort_key(&delivery.stream, delivery.number);
    let mut row = document_row(partition.clone(), &sort, kind::DELIVERY, delivery, Some(expires));
    row.insert("rev".to_owned(), number(delivery.revision + 1));
    row.insert("gsi1pk".to_owned(), string(partition));
    row.insert("gsi1sk".to_owned(), string(key::delivery_time_sort_key(delivery.event_at, &delivery.event_id)));
    row
}

/// Returns the row of a number in an endpoint's feed. It leads to the delivery.
pub(crate) fn feed_entry(
    connection: &ConnectionName,
    endpoint: &EndpointId,
    place: u64,
    delivery: &Delivery,
    expires: Timestamp,
) -> Row {
    let partition = key::feed_partition(connection, endpoint);
    let mut row = bare_row(partition, &key::logged_event_sort_key(place), kind::FEED_ENTRY, Some(expires));
    row.insert("doc".to_owned(), string(key::delivery_sort_key(&delivery.stream, delivery.number)));
    row
}

/// Returns the row that says how many numbers an endpoint's feed has. It never expires, so that no number comes twice.
pub(crate) fn feed_head(connection: &ConnectionName, endpoint: &EndpointId, count: u64) -> Row {
    let mut row = bare_row(key::feed_partition(connection, endpoint), key::LOG_HEAD, kind::LOG_HEAD, None);
    row.insert("used".to_owned(), number(count));
    row
}

/// Returns the row of an endpoint's health.
pub(crate) fn health(connection: &ConnectionName, endpoint: &EndpointId, health: &Health) -> Row {
    let mut row = document_row(key::health_partition(connection, endpoint), key::HEALTH, kind::HEALTH, health, None);
    row.insert("rev".to_owned(), number(health.revision + 1));
    row
}

/// Returns the row of an encrypted document. It never expires.
pub(crate) fn sealed(
    (partition, sort, kind): (String, &'static str, &'static str),
    sealed: &str,
    revision: u64,
) -> Row {
    let mut row = bare_row(partition, sort, kind, None);
    row.insert("doc".to_owned(), string(sealed));
    row.insert("rev".to_owned(), number(revision));
    row
}

/// Returns when the rows of a delivery expire.
pub(crate) fn delivery_expiry(now: Timestamp) -> Timestamp {
    time::add(now, RETENTION)
}

/// Returns when a lane expires.
pub(crate) fn lane_expiry(now: Timestamp) -> Timestamp {
    time::add(now, LANE_RETENTION)
}

/// Returns when the head of a log expires.
pub(crate) fn log_head_expiry(now: Timestamp) -> Timestamp {
    time::add(now, LOG_HEAD_RETENTION)
}

fn document_row(
    partition: String,
    sort: &str,
    kind: &str,
    document: &impl Serialize,
    expires: Option<Timestamp>,
) -> Row {
    let mut row = bare_row(partition, sort, kind, expires);
    row.insert("doc".to_owned(), string(json(document)));
    row
}

fn instant_row(partition: String, sort: &str, kind: &str, at: Timestamp, expires: Option<Timestamp>) -> Row {
    let mut row = bare_row(partition, sort, kind, expires);
    row.insert("instant".to_owned(), string(instant_text(at)));
    row
}

fn bare_row(partition: String, sort: &str, kind: &str, expires: Option<Timestamp>) -> Row {
    let mut row = key(partition, sort);
    row.insert("kind".to_owned(), string(kind));
    row.extend(expires.map(|at| ("expires_at".to_owned(), seconds(at))));
    row
}

/// Reads a command's row.
pub(crate) fn read_command(row: &Row) -> Result<Command, PortError> {
    Ok(Command { revision: revision(row)?, ..read(row)? })
}

/// Reads the row of a fact, without its payload.
pub(crate) fn read_fact(row: &Row) -> Result<FactRecord, PortError> {
    let FactDocument { kind, invitee, occurred_at, received_at, .. } = read(row)?;
    let kind = FactKind::ALL.into_iter().find(|it| it.name() == kind);
    let kind = kind.ok_or_else(|| PortError::unreadable("this version does not know the kind of a stored fact"))?;
    Ok(FactRecord { kind, invitee, occurred_at, received_at })
}

/// Reads the booking that an alias row leads to.
pub(crate) fn read_alias(row: &Row) -> Result<BookingId, PortError> {
    check_kind(row, kind::ALIAS)?;
    text(row, "booking").map(BookingId::new)
}

/// Reads the booking that an index row belongs to.
pub(crate) fn read_indexed_booking(connection: &ConnectionName, row: &Row) -> Result<BookingId, PortError> {
    key::parse_booking_partition(connection, text(row, "pk")?)
        .ok_or_else(|| PortError::unreadable("an index row does not name a booking of the connection"))
}

/// Reads the settings' row. A key that the row does not have yet has its default.
pub(crate) fn read_settings(row: &Row) -> Result<Settings, PortError> {
    // serde_json's error would quote a value, which may be a host's phone number.
    let unreadable = |_| PortError::unreadable("the stored settings are malformed: write them again");
    Settings::from_stored(&read(row)?).map_err(unreadable)
}

/// Reads the rows of a contact.
pub(crate) fn read_contact(rows: &[Row]) -> Result<Contact, PortError> {
    let mut contact = Contact::default();
    for row in rows {
        match text(row, "kind")? {
            kind::OBJECTION => {
                let document: ObjectionDocument = read(row)?;
                contact.objection = document.objection.map(|objection| (objection, document.source));
            }
            kind::REACHED => {
                let document: ReachedDocument = read(row)?;
                contact.last = Some((document.booking, document.command));
                contact.spent = read_spent(row);
            }
            _ => return Err(unknown_kind(row)),
        }
    }
    Ok(contact)
}

/// Reads the buckets of a number's budget: attributes with their names.
fn read_spent(row: &Row) -> BTreeMap<Bucket, u32> {
    let buckets = row.iter().filter_map(|(name, value)| Some((Bucket::parse(name)?, value.as_n().ok()?.parse().ok()?)));
    buckets.collect()
}

/// Reads a connection's row.
pub(crate) fn read_connection(row: &Row) -> Result<Connection, PortError> {
    check_kind(row, kind::CONNECTION)?;
    Ok(Connection { revision: revision(row)?, ..read(row)? })
}

/// Reads an unhandled event's row, as the index has it.
pub(crate) fn read_unhandled_event(connection: &ConnectionName, row: &Row) -> Result<UnhandledEventEntry, PortError> {
    let id = key::unhandled_event_id(connection, text(row, "pk")?);
    let arrival = key::parse_arrival(text(row, "gsi1sk")?);
    let ((received_at, name), id) =
        arrival.zip(id).ok_or_else(|| PortError::unreadable("an index row of an unhandled event is malformed"))?;
    Ok(UnhandledEventEntry { name: name.to_owned(), received_at, id })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use domain::scheduling::budget::Span;
    use domain::settings::{Channel, EventTypeSettings, HostContact, MessageFilter, Provider, Template};
    use domain::{BookingId, CanceledBy, Cancellation, Command, Language, Message, Phone, decide};

    use super::*;
    use crate::attributes::{instant, payload};
    use crate::fixtures::{
        at, calendly_request, created, metadata as vai_metadata, moved, requesting, snapshot, stored_fact, token,
    };

    /// Returns a row as sorted text. Of a payload it has the magic number only: the compressed bytes depend on the
    /// version of the compressor.
    fn show(row: Row) -> String {
        let value = |value: AttributeValue| match value {
            AttributeValue::S(text) => text,
            AttributeValue::N(digits) => format!("N {digits}"),
            AttributeValue::B(blob) => format!("B {}…", hex::encode(&blob.as_ref()[..4])),
            other => format!("{other:?}"),
        };
        let sorted: BTreeMap<_, _> = row.into_iter().collect();
        sorted.into_iter().map(|(name, it)| format!("{name}: {}\n", value(it))).collect()
    }

    fn booked() -> Booking {
        let mut booking = snapshot("bk-1").booking;
        booking.apply_fact(&created("I1", "2026-11-20T10:00:00Z"));
        booking.metadata = Some(vai_metadata());
        booking
    }

    #[test]
    fn a_payload_that_is_too_large_for_a_row_is_cut() {
        // What is random does not become smaller.
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + u8::try_from((state >> 33) % 90).expect("a byte"))
        };
        let text: String = (0..720 * 1024).map(|_| random()).collect();
        let event = UnhandledEvent {
            id: FactId::from_parts("x", "", "y"),
            name: "x".to_owned(),
            received_at: at("2026-11-20T10:00:00Z"),
            payload: text.clone().into_bytes(),
        };
        let row = unhandled_event(&ConnectionName::default(), &event);
        let stored = payload(&row).expect("a payload");
        let document: serde_json::Value = serde_json::from_slice(&stored).expect("JSON");
        assert_eq!(document["size"], text.len());
        assert_eq!(document["parts"][0].as_str(), Some(&text[..64 * 1024]));
        assert!(row["gz"].as_b().expect("bytes").as_ref().len() < 300 * 1024);
    }

    #[test]
    fn a_booking() {
        insta::assert_snapshot!(show(booking(&booked(), 3, Some(at("2027-02-18T10:30:00Z")))), @r#"
        doc: {"id":"bk-1","connection":"default","metadata":{"conversation_id":"conv-1","user_id":"user-1","agent_type":"sales","event_type":null,"source":"vai_agent","notes":"likes tea","phone":null,"language":"ro","created_at":"2026-11-01T07:59:00Z"},"legs":{"https://api.calendly.com/scheduled_events/E/invitees/I1":{"invitee":"https://api.calendly.com/scheduled_events/E/invitees/I1","previous":null,"next":null,"details":{"as_of":"2026-11-01T08:00:00Z","event":"https://api.calendly.com/scheduled_events/E","event_type":"https://api.calendly.com/event_types/T","event_name":"Sales Demo","start":"2026-11-20T10:00:00Z","end":"2026-11-20T10:30:00Z","name":"Ana Pop","first_name":null,"email":"Ana@Example.com","zone":"Europe/Bucharest","join_url":"https://meet.example.com/x","place":null,"cancel_url":null,"reschedule_url":null,"host":"Mihai","phones":[{"source":"text_reminder_number","text":"+40712345678"}]},"canceled":null,"heard_created":true,"heard_canceled":false}}}
        expires_at: N 1802946600
        gsi1pk: default#8e43ca37701228e74983efdbd0cff5c16b3b1e5d4e29a7c05626d4d25a018e11
        gsi1sk: 2026-11-20T10:00:00Z
        gsi2pk: default#conv-1
        gsi2sk: 2026-11-20T10:00:00Z
        gsi3pk: default#on
        gsi3sk: 2026-11-20T10:00:00Z
        kind: booking.v1
        pk: default#bk-1
        rev: N 3
        sk: 1#booking
        zone: Europe/Bucharest
        "#);
        assert_eq!(read::<Booking>(&booking(&booked(), 3, None)).expect("a booking"), booked());
    }

    #[test]
    fn only_an_active_booking_is_indexed_by_its_invitee() {
        let mut booking = booked();
        let row = super::booking(&booking, 1, None);
        assert!(row.contains_key("gsi1pk") && row.contains_key("zone"));
        booking.apply_fact(&moved("I1", "2026-11-20T10:00:00Z", "I2"));
        let row = super::booking(&booking, 2, None);
        assert!(!row.contains_key("gsi1pk") && !row.contains_key("gsi1sk") && !row.contains_key("zone"));
        assert!(row.contains_key("gsi2pk"));
        booking.metadata = None;
        assert!(!super::booking(&booking, 2, None).contains_key("gsi2pk"));
    }

    #[test]
    fn a_booking_is_indexed_by_its_state() {
        let state = |booking: &Booking| {
            let row = super::booking(booking, 1, None);
            ["gsi3pk", "gsi3sk"].map(|name| text(&row, name).ok().map(str::to_owned))
        };
        let start = Some("2026-11-20T10:00:00Z".to_owned());
        let indexed = |name: &str| [Some(format!("default#{name}")), start.clone()];
        let mut booking = snapshot("bk-1").booking;
        assert_eq!(state(&booking), [None, None]);
        booking.apply_fact(&created("I1", "2026-11-20T10:00:00Z"));
        assert_eq!(state(&booking), indexed("on"));
        booking.apply_fact(&moved("I1", "2026-11-20T10:00:00Z", "I2"));
        assert_eq!(state(&booking), indexed("moving"));
        let mut canceled = created("I2", "2026-11-20T10:00:00Z");
        let by = CanceledBy::Host;
        canceled.leg.canceled =
            Some(Cancellation { at: at("2026-11-03T08:00:00Z"), by, reason: None, rescheduled: false });
        booking.apply_fact(&canceled);
        assert_eq!(state(&booking), indexed("canceled"));
    }

    #[test]
    fn a_request_alone_is_in_no_index() {
        let decision = requesting(&snapshot("bk-1"), "k-1", calendly_request("2026-11-20T10:00:00Z", None));
        let row = booking(&decision.booking, 1, expiry(&decision, &[]));
        assert_eq!(read::<Booking>(&row).expect("a booking"), decision.booking);
        insta::assert_snapshot!(show(row), @r#"
        doc: {"id":"bk-1","connection":"default","metadata":{"conversation_id":"conv-1","user_id":"user-1","agent_type":"sales","event_type":null,"source":"vai_agent","notes":"likes tea","phone":null,"language":"ro","created_at":"2026-11-01T07:59:00Z"},"legs":{},"requests":{"vai1-jgeq25nzkfn6j27fppdgajq7zi":{"at":"2026-11-01T08:00:00Z","digest":"d-1","event_name":"Sales Demo","start":"2026-11-20T10:00:00Z","name":"Ana Pop","email":"Ana@Example.com","zone":"Europe/Bucharest","stands":{"state":"asking","until":"2026-11-01T08:00:35Z"}}}}
        expires_at: N 1802944800
        gsi1pk: default#8e43ca37701228e74983efdbd0cff5c16b3b1e5d4e29a7c05626d4d25a018e11
        gsi1sk: 2026-11-20T10:00:00Z
        kind: booking.v1
        pk: default#bk-1
        rev: N 1
        sk: 1#booking
        zone: Europe/Bucharest
        "#);
    }

    #[test]
    fn an_event_and_whether_a_connection_publishes() {
        let connection = ConnectionName::default();
        let event = Event {
            id: "evt_1".to_owned(),
            kind: events::EventType::BookingCreated,
            at: at("2026-11-20T10:00:00Z"),
            data: json!({ "booking": { "id": "bk-1" } }),
        };
        let stream = Stream::Booking("bk-1".to_owned());
        let row = logged_event(&connection, &stream, 7, &event, Some(at("2027-02-18T10:30:00Z")));
        assert_eq!(read::<Event>(&row).expect("an event"), event);
        insta::assert_snapshot!(show(row), @r#"
        doc: {"id":"evt_1","type":"booking.created","at":"2026-11-20T10:00:00Z","data":{"booking":{"id":"bk-1"}}}
        expires_at: N 1802946600
        kind: event.v1
        pk: default#log#booking/bk-1
        sk: e#00000007
        "#);
        let row = publishing(&connection, true);
        assert!(read_publishing(&row).expect("an answer"));
        insta::assert_snapshot!(show(row), @r#"
        doc: {"publishes":true}
        kind: publishing.v1
        pk: default#endpoints
        sk: publishing
        "#);
    }

    #[test]
    fn what_is_known_of_the_log_is_an_attribute_of_the_booking() {
        let settings = Settings { publishes: true, ..Settings::default() };
        let fact = created("I1", "2026-11-20T10:00:00Z");
        let decision = decide(&snapshot("bk-1"), &[fact], &settings, at("2026-11-01T08:00:00Z"));
        let mut row = decided_booking(&decision, None);
        let log = decision.log.expect("a log");
        let id = &decision.events[0].1.id;
        assert_eq!(text(&row, "log").expect("a text"), format!(r#"{{"last":1,"known":["{id}"]}}"#));
        assert_eq!(read_log(&row).expect("a log"), Some(log));
        row.insert("log".to_owned(), string("{"));
        assert!(read_log(&row).is_err());
        row.remove("log");
        assert_eq!(read_log(&row).expect("no log"), None);
    }

    #[test]
    fn a_command() {
        let booking = BookingId::new("bk-1");
        let start = at("2026-11-20T10:00:00Z");
        let action = domain::MessageAction::Sms(Message::Reminder { minutes_before: 60 });
        let leg = InviteeUri::new("https://api.calendly.com/scheduled_events/E1/invitees/I1");
        let command = Command::new(&booking, action, leg, start, Some(at("2026-11-20T09:00:00Z"))).claim(
            at("2026-11-20T09:00:01Z"),
            at("2026-11-20T09:01:01Z"),
            domain::Attempt::default(),
        );
        let row = super::command(&ConnectionName::default(), &booking, &command, Some(at("2027-02-18T10:30:00Z")));
        assert_eq!(read_command(&row).expect("a command"), command);
        insta::assert_snapshot!(show(row), @r#"
        doc: {"id":"sms-reminder-60m-c769fb70e2017b6bc053157eb4ba6f8a","action":{"text":{"reminder":{"minutes_before":60}}},"leg":"https://api.calendly.com/scheduled_events/E1/invitees/I1","not_before":"2026-11-20T09:00:00Z","state":"claimed","until":"2026-11-20T09:01:01Z","attempts":1,"history":[{"at":"2026-11-20T09:00:01Z","what":"claimed"}]}
        expires_at: N 1802946600
        kind: command.v1
        pk: default#bk-1
        rev: N 1
        sk: 2#cmd#sms-reminder-60m-c769fb70e2017b6bc053157eb4ba6f8a
        state: claimed
        "#);
    }

    #[test]
    fn every_kind_of_fact_can_be_read_back() {
        for kind in FactKind::ALL {
            let stored = StoredFact { kind, ..stored_fact(&created("I1", "2026-11-20T10:00:00Z")) };
            let row = fact(&ConnectionName::default(), &BookingId::new("bk-1"), &stored, None);
            assert_eq!(read_fact(&row).expect("a fact").kind, kind);
        }
    }

    #[test]
    fn a_fact() {
        let stored = stored_fact(&created("I1", "2026-11-20T10:00:00Z"));
        let row = fact(&ConnectionName::default(), &BookingId::new("bk-1"), &stored, Some(at("2027-02-18T10:30:00Z")));
        assert_eq!(payload(&row).expect("a payload"), stored.payload);
        let record = read_fact(&row).expect("a fact");
        assert_eq!((record.kind, record.received_at), (stored.kind, stored.received_at));
        insta::assert_snapshot!(show(row), @r#"
        doc: {"id":"4e2c9bfe6e412533322234f2a790d7d2","kind":"invitee.created","invitee":"https://api.calendly.com/scheduled_events/E/invitees/I1","occurred_at":"2026-11-01T08:00:00Z","received_at":"2026-11-01T08:00:02Z"}
        expires_at: N 1802946600
        gz: B 1f8b0800…
        kind: fact.v1
        pk: default#bk-1
        sk: 3#fact#4e2c9bfe6e412533322234f2a790d7d2
        "#);
    }

    #[test]
    fn aliases() {
        let booking = booked();
        let leg = booking.legs()[0];
        insta::assert_snapshot!(show(invitee_alias(&booking, &leg.invitee, Some(at("2027-02-18T10:30:00Z")))), @r#"
        booking: bk-1
        doc: {"uri":"https://api.calendly.com/scheduled_events/E/invitees/I1"}
        expires_at: N 1802946600
        kind: alias.v1
        pk: default#alias#I1
        sk: alias
        "#);
        insta::assert_snapshot!(show(token_alias(&booking, &token("k-1"), None)), @r#"
        booking: bk-1
        doc: {"token":"vai1-jgeq25nzkfn6j27fppdgajq7zi"}
        kind: alias.v1
        pk: default#alias#vai1-jgeq25nzkfn6j27fppdgajq7zi
        sk: alias
        "#);
        insta::assert_snapshot!(show(event_alias(&booking, leg, None)), @r#"
        booking: bk-1
        doc: {"uri":"https://api.calendly.com/scheduled_events/E"}
        kind: alias.v1
        pk: default#alias#E
        sk: event#bk-1
        "#);
    }

    #[test]
    fn metadata_of_vai() {
        let row = metadata(&ConnectionName::default(), &BookingId::new("bk-1"), &vai_metadata());
        assert_eq!(read::<Metadata>(&row).expect("metadata"), vai_metadata());
        insta::assert_snapshot!(show(row), @r#"
        doc: {"conversation_id":"conv-1","user_id":"user-1","agent_type":"sales","event_type":null,"source":"vai_agent","notes":"likes tea","phone":null,"language":"ro","created_at":"2026-11-01T07:59:00Z"}
        expires_at: N 1809071940
        kind: metadata.v1
        pk: default#bk-1
        sk: 1#meta
        "#);
    }

    #[test]
    fn the_settings() {
        let filter = MessageFilter { language: Some(Language::Danish), ..MessageFilter::of("reminder") };
        let template = Template { filter, provider: Provider::Engagelab, id: "t-1".to_owned(), text: None };
        let host = HostContact { phone: Phone::parse("+4520123456"), ..HostContact::default() };
        let own = EventTypeSettings { reminder_minutes: Some(vec![15]), ..EventTypeSettings::default() };
        let mut channels = Settings::default().channels;
        channels.insert("reminder".to_owned(), vec![Channel::Sms, Channel::Email]);
        let written = Settings {
            act_on: vec!["Sales Demo".to_owned()],
            phone_questions: vec!["Phone".to_owned()],
            time_words: vec!["busy".to_owned()],
            channels,
            templates: vec![template],
            event_types: BTreeMap::from([("Sales Demo".to_owned(), own)]),
            hosts: BTreeMap::from([("host@example.com".to_owned(), host)]),
            ..Settings::default()
        };
        let mut row = settings(&ConnectionName::default(), &written, 7);
        assert_eq!(read_settings(&row).expect("settings"), written);
        assert_eq!(revision(&row).expect("a version"), 7);
        insta::assert_snapshot!(show(row.clone()), @r#"
        doc: {"enabled":true,"default_language":"en","fallback_zone":"UTC","default_region":null,"act_on":["Sales Demo"],"phone_questions":["Phone"],"reminder_minutes":[1440,60],"follow_up_minutes":[30],"reconfirm_minutes":[],"no_show_minutes":30,"survey_url":null,"booking_links":true,"calendar_file":"off","mail_for":"vai","sms_for":"vai","host_notices_for":"all","countries":["DE","DK","ES","FR","GB","HU","IT","MD","PL","RO","TW","US"],"email_instead_of_sms":true,"quiet_hours":{"from":"21:00","until":"08:00","useful_minutes":60},"sms_budget":{"most_segments":6,"per_number_and_day":40,"per_host_and_day":200,"per_day":2000,"messages_per_booking":40,"moves_per_hour":3},"stop_words":["STOP","STOPALL","UNSUBSCRIBE","END","QUIT","OPTOUT","REVOKE","OPRESTE","OPREȘTE","DEZABONARE","AFMELD","FRAMELD","停止","退訂"],"start_words":["START","UNSTOP","ABONARE","TILMELD","開始","訂閱"],"transliterate":[],"sms_price":null,"sms_link_domains":{},"code_templates":{},"time_words":["busy"],"help_after_minutes":1440,"channels":{"cancellation":["sms"],"confirmation":["sms","email"],"follow_up":["sms"],"host_notice":["sms"],"move":["sms"],"no_show":["sms"],"not_booked":["sms"],"reconfirmation":["sms"],"reminder":["sms","email"]},"channel_overrides":[],"providers":{"sms":["engagelab"],"email":["vai"],"messages":{}},"senders":{"twilio":null,"brand":null,"email":null,"email_name":null,"reply_to":null,"ses_configuration_set":null},"templates":[{"message":"reminder","language":"da","event_type":null,"host":null,"source":null,"minutes":null,"provider":"engagelab","id":"t-1","text":null}],"wording":[],"event_types":{"Sales Demo":{"language":null,"reminder_minutes":[15],"follow_up_minutes":null,"reconfirm_minutes":null,"survey_url":null,"channels":{}}},"hosts":{"host@example.com":{"phone":"+4520123456","email":false,"language":null,"zone":null}},"host_phone":null,"booking":{"per_minute":10,"per_hour":50,"per_day":100,"requests_per_minute":120,"hold_minutes":10,"never_guests":[]},"topics":[],"crm":null,"logging":{"level":null,"level_until":null,"webhooks_until":null}}
        kind: settings.v1
        pk: default#settings
        rev: N 7
        sk: settings
        "#);

        row.insert("doc".to_owned(), string(r#"{"help_after_minutes":15}"#));
        let expected = Settings { help_after_minutes: 15, ..Settings::default() };
        assert_eq!(read_settings(&row).expect("a row from before the other keys"), expected);
    }

    #[test]
    fn an_unhandled_event() {
        let event = UnhandledEvent {
            id: FactId::new("f-1"),
            name: "routing_form_submission.created".to_owned(),
            received_at: at("2026-11-01T08:00:00Z"),
            payload: b"{}".to_vec(),
        };
        let row = unhandled_event(&ConnectionName::default(), &event);
        assert_eq!(payload(&row).expect("a payload"), b"{}");
        let entry = UnhandledEventEntry { name: event.name, received_at: event.received_at, id: event.id };
        assert_eq!(read_unhandled_event(&ConnectionName::default(), &row).expect("an entry"), entry);
        insta::assert_snapshot!(show(row), @r#"
        doc: {"name":"routing_form_submission.created","received_at":"2026-11-01T08:00:00Z"}
        expires_at: N 1801296000
        gsi1pk: default#unknown
        gsi1sk: 2026-11-01T08:00:00Z#routing_form_submission.created
        gz: B 1f8b0800…
        kind: unknown.v1
        pk: default#unknown#f-1
        sk: unknown
        "#);
    }

    #[test]
    fn rows_with_an_instant() {
        let connection = ConnectionName::default();
        let until = at("2026-11-20T10:00:00.5Z");
        let closed = closed(&connection, "https://api.calendly.com/users/U1", until);
        assert_eq!(instant(&closed).expect("an instant"), until);
        insta::assert_snapshot!(show(closed), @"
        expires_at: N 1795255200
        instant: 2026-11-20T10:00:00.500000000Z
        kind: closed.v1
        pk: default#budget#U1
        sk: closed
        ");
        insta::assert_snapshot!(show(hold(&connection, "h-1", "a document", until)), @"
        doc: a document
        expires_at: N 1795255200
        instant: 2026-11-20T10:00:00.500000000Z
        kind: hold.v1
        pk: default#hold#h-1
        sk: hold
        ");
        insta::assert_snapshot!(show(event_types(&connection, until)), @"
        instant: 2026-11-20T10:00:00.500000000Z
        kind: event_types.v1
        pk: default#event-types
        sk: event-types
        ");
        insta::assert_snapshot!(show(pulse(&connection, until)), @"
        instant: 2026-11-20T10:00:00.500000000Z
        kind: pulse.v1
        pk: default#pulse
        sk: pulse
        ");
    }

    #[test]
    fn a_contact() {
        let connection = ConnectionName::default();
        let contact = ContactKey::parse("00112233445566778899aabbccddeeff").expect("a key");
        let now = at("2026-11-20T10:00:00.5Z");
        let objection_row = objection(&connection, &contact, Some(Objection::FollowUps), ConsentSource::Link, now);
        let reached_row =
            reached(&connection, &contact, &BookingId::new("bk-1"), &CommandId::new("sms-reminder-60m-0"), now);
        let mut known = Contact {
            objection: Some((Objection::FollowUps, ConsentSource::Link)),
            last: Some((BookingId::new("bk-1"), CommandId::new("sms-reminder-60m-0"))),
            spent: BTreeMap::new(),
        };
        assert_eq!(read_contact(&[objection_row.clone(), reached_row.clone()]).expect("a contact"), known);
        let bucket = Bucket::containing(Span::Day, now);
        let mut spent_row = reached_row.clone();
        spent_row.insert(bucket.name(), number(3));
        known.spent.insert(bucket, 3);
        assert_eq!(read_contact(&[objection_row.clone(), spent_row]).expect("a contact"), known);
        insta::assert_snapshot!(show(objection_row), @r#"
        doc: {"objection":"follow_ups","source":"link"}
        instant: 2026-11-20T10:00:00.500000000Z
        kind: objection.v1
        pk: default#contact#00112233445566778899aabbccddeeff
        sk: objection
        "#);
        insta::assert_snapshot!(show(reached_row), @r#"
        doc: {"booking":"bk-1","command":"sms-reminder-60m-0"}
        expires_at: N 1829728800
        instant: 2026-11-20T10:00:00.500000000Z
        kind: reached.v1
        pk: default#contact#00112233445566778899aabbccddeeff
        sk: reached
        "#);
        insta::assert_snapshot!(show(nonce(&connection, "n-1", "digest", now)), @"
        digest: digest
        expires_at: N 1795341600
        instant: 2026-11-20T10:00:00.500000000Z
        kind: nonce.v1
        pk: default#nonce#6c218ff9e76b6a9fa48d20e63a3ff0aa
        sk: nonce
        ");
    }

    #[test]
    fn a_connection() {
        let connection = crate::fixtures::connection("acme");
        let row = super::connection(&connection, 1);
        assert_eq!(read_connection(&row).expect("a connection"), Connection { revision: 1, ..connection });
        insta::assert_snapshot!(show(row), @r#"
        doc: {"name":"acme","status":"active","created_at":"2026-11-01T07:59:00Z","login":"personal_token","calendly":{"organization":"https://api.calendly.com/organizations/O1","user":"https://api.calendly.com/users/U1","subscription":"https://api.calendly.com/webhook_subscriptions/S1"},"users":["https://api.calendly.com/users/U1"]}
        kind: connection.v1
        pk: connections
        rev: N 1
        sk: acme
        "#);
    }

    #[test]
    fn rows_outlive_the_meeting_and_a_late_fact_by_90_days() {
        let fact = created("I1", "2026-11-20T10:00:00Z");
        let mut stored = stored_fact(&fact);
        let decision = decide(&snapshot("bk-1"), &[fact], &Settings::default(), stored.received_at);
        let end = at("2026-11-20T10:30:00Z");
        assert!(expiry(&decision, std::slice::from_ref(&stored)) >= Some(time::add(end, RETENTION)));
        stored.received_at = at("2027-06-01T00:00:00Z");
        assert_eq!(expiry(&decision, &[stored]), Some(at("2027-08-30T00:00:00Z")));
        // A request without a booking at Calendly is a booking too.
        let decision = requesting(&snapshot("bk-1"), "k-1", calendly_request("2026-11-20T10:00:00Z", None));
        assert_eq!(expiry(&decision, &[]), Some(at("2027-02-18T10:00:00Z")));
    }

    #[test]
    fn an_error_does_not_quote_what_cannot_be_read() {
        let mut row = booking(&booked(), 1, None);
        row.insert("doc".to_owned(), string(r#"{"id": ["ana@example.com"]}"#));
        let error = read::<Booking>(&row).expect_err("no booking").to_string();
        assert_eq!(error, "the doc of a booking.v1 is malformed at column 7");
        let wrong = r#"{"help_after_minutes":"ana@example.com"}"#;
        row.insert("doc".to_owned(), string(wrong));
        let error = read_settings(&row).expect_err("no settings").to_string();
        assert_eq!(error, "the stored settings are malformed: write them again");
    }
}
