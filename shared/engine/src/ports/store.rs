//! The table, for all functions that work on bookings.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use std::collections::BTreeMap;

use domain::scheduling::budget::Bucket;
use domain::{
    BookingId, Command, CommandId, ConnectionName, ConsentSource, ContactKey, CrmContact, Decision, FactId, FactKind,
    InviteeUri, Objection, Settings, ShortLink, Snapshot, Token,
};
use jiff::Timestamp;

use super::error::{CommitError, PortError};

/// A fact as it is stored with its booking, with its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredFact {
    /// The fact's id.
    pub id: FactId,
    /// The source of the fact.
    pub kind: FactKind,
    /// The invitee that it is about.
    pub invitee: InviteeUri,
    /// When it happened, by Calendly's clock.
    pub occurred_at: Timestamp,
    /// When it reached us.
    pub received_at: Timestamp,
    /// The body as Calendly sent it.
    pub payload: Vec<u8>,
}

/// An event of Calendly that causes nothing. It is stored for 90 days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnhandledEvent {
    /// Equal for each delivery.
    pub id: FactId,
    /// Calendly's name of the event.
    pub name: String,
    /// When it reached us.
    pub received_at: Timestamp,
    /// The body as Calendly sent it.
    pub payload: Vec<u8>,
}

/// The bookings that a fact's URIs and token lead to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Aliases {
    /// By invitee.
    pub invitees: BTreeMap<InviteeUri, BookingId>,
    /// The booking of the given token.
    pub token: Option<BookingId>,
}

/// What is known of a phone number or an e-mail address.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contact {
    /// The owner's objection, and how it became known.
    pub objection: Option<(Objection, ConsentSource)>,
    /// The booking and the command of the last message to it.
    pub last: Option<(BookingId, CommandId)>,
    /// The segments of SMS to it, in buckets of a day.
    pub spent: BTreeMap<Bucket, u32>,
}

/// What an SMS takes out of the budgets of its number and of the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmsReservation {
    /// The number.
    pub to: ContactKey,
    /// The booking that the SMS is about.
    pub booking: BookingId,
    /// The command that sends it.
    pub command: CommandId,
    /// Its segments.
    pub segments: u32,
    /// The most segments to the number in any 24 hours.
    pub per_number: u32,
    /// The most segments of the connection in any 24 hours.
    pub per_connection: u32,
    /// When it is reserved.
    pub at: Timestamp,
}

/// The answer to a reservation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SmsReserved {
    /// It is reserved. The connection has spent so many segments in 24 hours, with these.
    Reserved(u32),
    /// The number has got too many already. Nothing is reserved.
    NumberSpent,
    /// The connection has sent too many already. Nothing is reserved.
    ConnectionSpent,
}

/// The table.
pub trait Store {
    /// Reads the bookings of these invitees, and of this token if it belongs to a move by us. Unknown ones are left
    /// out. One read.
    async fn aliases(
        &self,
        connection: &ConnectionName,
        invitees: &[InviteeUri],
        token: Option<&Token>,
    ) -> Result<Aliases, PortError>;

    /// Reads a booking with its commands and VAI's metadata, strongly consistent. The snapshot is empty if there is no
    /// booking. One read.
    async fn load_booking(&self, connection: &ConnectionName, booking: &BookingId) -> Result<Snapshot, PortError>;

    /// Writes a decision in one transaction: the booking with its log of events, if either changed, at its next
    /// revision; its aliases, including those of the tokens of its moves; its commands, each only if its row is
    /// unchanged; the new events, each only if its number is free; the facts with their payloads. All or nothing.
    async fn commit_decision(&self, decision: &Decision, facts: &[StoredFact]) -> Result<(), CommitError>;

    /// Replaces a command's row if it still has the revision `expected`. Returns whether it had.
    async fn replace_command(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        command: &Command,
        expected: u64,
    ) -> Result<bool, PortError>;

    /// Reads the payload of a fact; `None` if it has expired.
    async fn load_payload(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        fact: &FactId,
    ) -> Result<Option<Vec<u8>>, PortError>;

    /// Records that event types changed at an instant. Catalogs that were read earlier are out of date.
    async fn mark_event_types_changed(&self, connection: &ConnectionName, at: Timestamp) -> Result<(), PortError>;

    /// Lists the bookings that came of a conversation, each with a leg at least. The index may be a second behind. One
    /// read.
    async fn find_by_conversation(
        &self,
        connection: &ConnectionName,
        conversation: &str,
    ) -> Result<Vec<BookingId>, PortError>;

    /// Reads what is known of a phone number or an e-mail address. One read.
    async fn load_contact(&self, connection: &ConnectionName, key: &ContactKey) -> Result<Contact, PortError>;

    /// Writes the objection of an address's owner; `None` removes it. The write with the latest instant is kept. One
    /// write.
    async fn write_objection(
        &self,
        connection: &ConnectionName,
        key: &ContactKey,
        objection: Option<Objection>,
        source: ConsentSource,
        at: Timestamp,
    ) -> Result<(), PortError>;

    /// Takes the segments of an SMS out of the budgets of its number and of the connection, and writes that its command
    /// sent the last message to the number: a reply refers to that message. `contact` is what was read of the number.
    /// One read and two writes.
    async fn reserve_sms(
        &self,
        connection: &ConnectionName,
        sms: &SmsReservation,
        contact: &Contact,
    ) -> Result<SmsReserved, PortError>;

    /// Counts `sent` segments in place of those that an SMS has reserved: none for one that was certainly not sent, and
    /// as many as its provider counts. Two writes.
    async fn correct_sms(&self, connection: &ConnectionName, sms: &SmsReservation, sent: u32) -> Result<(), PortError>;

    /// Stores short links. Returns the code of each, in their order: `None` if another link has it. The same link has
    /// the same code. One write each.
    async fn write_short_links(&self, links: &[ShortLink]) -> Result<Vec<Option<String>>, PortError>;

    /// Reads what all bookings of an e-mail address's owner say to the CRM, strongly consistent; empty at revision 0 if
    /// nothing is stored. One read.
    async fn load_crm_contact(&self, connection: &ConnectionName, key: &ContactKey) -> Result<CrmContact, PortError>;

    /// Writes it at its next revision, if the stored one still has the revision of `contact`. Returns whether it had.
    /// One write.
    async fn write_crm_contact(
        &self,
        connection: &ConnectionName,
        key: &ContactKey,
        contact: &CrmContact,
    ) -> Result<bool, PortError>;

    /// Claims a nonce for the body with this digest. Returns when it was claimed first (`now` if by this call); `None`
    /// if it was claimed for another body. It is stored for two days. One write.
    async fn claim_nonce(
        &self,
        connection: &ConnectionName,
        nonce: &str,
        digest: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError>;

    /// Stores an unhandled event. Storing it again changes nothing.
    async fn store_unhandled_event(&self, connection: &ConnectionName, event: &UnhandledEvent)
    -> Result<(), PortError>;

    /// Reads the connection's settings, or the documented default if none are stored, and whether it publishes events.
    /// They may be a minute old.
    async fn load_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError>;
}
