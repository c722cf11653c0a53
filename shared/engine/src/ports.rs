//! The ports: all that the engine knows of the outside world.
//!
//! Futures need not be `Send`: a Lambda function serves one invocation at a time on one thread.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use std::collections::BTreeMap;

use domain::scheduling::Form;
use domain::{
    Analytics, BookingId, Command, CommandId, ConnectionName, ConsentSource, ContactKey, Decision, EmailOrder,
    EventTypeUri, Fact, FactId, FactKind, InviteeUri, News, Objection, Outcome, Phone, Private, Reason, Settings,
    SmsOrder, Snapshot, Token, VaiOrder,
};
use jiff::Timestamp;
use wire::due::Due;

/// The world could not be asked; nothing is known of the answer. The record returns to its queue.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else wrote first: load and decide again.
    #[error("somebody else wrote first")]
    Conflict,
    /// It may or may not have been written: load and see.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A fact as it is kept beside the booking: its account in the timeline, and the payload that told it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredFact {
    /// The fact's id.
    pub id: FactId,
    /// How it came.
    pub kind: FactKind,
    /// The invitee it is about.
    pub invitee: InviteeUri,
    /// When it happened, by Calendly's clock.
    pub occurred_at: Timestamp,
    /// When it reached us.
    pub received_at: Timestamp,
    /// The body as Calendly sent it.
    pub payload: Vec<u8>,
}

/// An event that the program does not act on, stored whole for 90 days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnhandledEvent {
    /// Equal for each delivery.
    pub id: FactId,
    /// Calendly's name of it.
    pub name: String,
    /// When it reached us.
    pub received_at: Timestamp,
    /// The body as Calendly sent it.
    pub payload: Vec<u8>,
}

/// What leads to which booking.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Aliases {
    /// By invitee.
    pub invitees: BTreeMap<InviteeUri, BookingId>,
    /// By the token that was asked for.
    pub token: Option<BookingId>,
}

/// The table.
pub trait Store {
    /// Which bookings these invitees lead to, and this token, where it is one of a move of ours; those that are unknown are
    /// left out. One read.
    async fn aliases(
        &self,
        connection: &ConnectionName,
        invitees: &[InviteeUri],
        token: Option<&Token>,
    ) -> Result<Aliases, Unavailable>;

    /// A booking with its commands and VAI's metadata, strongly consistent; empty when there is none. One read.
    async fn load(&self, connection: &ConnectionName, booking: &BookingId) -> Result<Snapshot, Unavailable>;

    /// Writes a decision in one transaction: the booking, if it changed, at its next revision; its aliases, those of the
    /// tokens of its moves among them; its commands, each only if its row is as it was seen; the facts with their payloads.
    /// All or nothing.
    async fn commit(&self, decision: &Decision, stored_facts: &[StoredFact]) -> Result<(), CommitError>;

    /// Replaces a command's row if it still has revision `was`; says whether it had.
    async fn replace_command(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        command: &Command,
        was: u64,
    ) -> Result<bool, Unavailable>;

    /// The payload that a fact was told by; `None` when it has expired.
    async fn payload(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        fact: &FactId,
    ) -> Result<Option<Vec<u8>>, Unavailable>;

    /// Writes down that event types have changed: what others remember of them is old.
    async fn event_types_changed(&self, connection: &ConnectionName, at: Timestamp) -> Result<(), Unavailable>;

    /// What is known of a person's address: whether they object, and what they were last told there. One read.
    async fn contact(&self, connection: &ConnectionName, key: &ContactKey) -> Result<Contact, Unavailable>;

    /// Writes down what a person objects to by an address; `None` takes an objection back. One write.
    async fn write_objection(
        &self,
        connection: &ConnectionName,
        key: &ContactKey,
        objection: Option<Objection>,
        source: ConsentSource,
        at: Timestamp,
    ) -> Result<(), Unavailable>;

    /// Writes down which command last reached a person there: what a reply is taken to answer. One write.
    async fn record_reached(
        &self,
        connection: &ConnectionName,
        key: &ContactKey,
        booking: &BookingId,
        command: &CommandId,
        at: Timestamp,
    ) -> Result<(), Unavailable>;

    /// Takes note that a number that may be used once was used, for a body of that digest; says when it was used first, `now`
    /// if it wasn't. `None` when that was for another body. Remembered for two days. One write.
    async fn claim_nonce(
        &self,
        connection: &ConnectionName,
        nonce: &str,
        digest: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Unavailable>;

    /// Stores an unhandled event. Storing it again changes nothing.
    async fn keep_unhandled_event(
        &self,
        connection: &ConnectionName,
        event: &UnhandledEvent,
    ) -> Result<(), Unavailable>;

    /// The connection's settings; the documented default when none were written. May be a minute old.
    async fn settings(&self, connection: &ConnectionName) -> Result<Settings, Unavailable>;
}

/// What is known of a person's address.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contact {
    /// What they object to, and how that became known.
    pub objection: Option<(Objection, ConsentSource)>,
    /// What they were last told there.
    pub last: Option<(BookingId, CommandId)>,
}

/// Calendly's REST API.
pub trait Calendly {
    /// What Calendly says of an invitee now; `None` when it knows no such invitee.
    async fn look_up(&self, connection: &ConnectionName, invitee: &InviteeUri) -> Result<Option<Fact>, Unavailable>;

    /// Books. Not to be repeated unless it certainly did not work: Calendly knows no idempotency key.
    async fn book(&self, connection: &ConnectionName, form: &Form) -> BookOutcome;

    /// The booking that carries a token, if Calendly has made one: what is asked after an answer was lost.
    async fn find(&self, connection: &ConnectionName, wanted: &BookingQuery) -> Result<Option<Fact>, Unavailable>;

    /// Cancels an invitee's whole event, unless others are in it too ([`Reason::SharedEvent`](domain::Reason)) or it has
    /// begun. An event that is canceled already is done.
    async fn cancel(&self, connection: &ConnectionName, invitee: &InviteeUri, reason: &str) -> Outcome;

    /// The IANA time zone of a host, by their URI; `None` when Calendly names none that exists. Remembered for a while.
    async fn host_zone(&self, connection: &ConnectionName, host: &str) -> Result<Option<String>, Unavailable>;

    /// A new link for one booking of an event type.
    async fn single_use_link(
        &self,
        connection: &ConnectionName,
        event_type: &EventTypeUri,
    ) -> Result<String, Unavailable>;
}

/// What Calendly made of a booking form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BookOutcome {
    /// A booking.
    Booking {
        /// The invitee, as Calendly answered.
        fact: Box<Fact>,
        /// Set when this was the last booking that Calendly takes for so many seconds.
        closed_for_seconds: Option<u32>,
    },
    /// Nothing: the slot is somebody else's.
    Filled,
    /// Nothing: Calendly takes no more for so many seconds.
    Limited {
        /// Until it takes more.
        reset_seconds: u32,
    },
    /// Nothing, and nothing it will be.
    Refused {
        /// Why.
        reason: Reason,
        /// Status, title, codes and parameters; nothing personal.
        detail: String,
        /// What of the form it is about, in Calendly's names: `invitee.email`.
        parameters: Vec<String>,
    },
    /// Certainly nothing, and it may be tried again.
    Unsent {
        /// What went wrong.
        detail: String,
    },
    /// Nobody can tell.
    Unknown {
        /// What went wrong.
        detail: String,
    },
}

/// The booking that is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingQuery {
    /// The token it carries.
    pub token: Token,
    /// The invitee's address.
    pub email: Private<String>,
    /// Its start.
    pub start: Timestamp,
}

/// SMS.
pub trait Sms {
    /// Reads what a person wrote as a number that can be texted, by the rules of the telephone network. `region` is the
    /// country of a number without country code.
    ///
    /// # Errors
    /// [`Reason::PhoneInvalid`] or [`Reason::Landline`].
    fn number(&self, text: &str, region: Option<&str>) -> Result<Phone, Reason>;

    /// Sends one message by the order's provider; `key` is told to it as our own id of the message.
    async fn send(&self, connection: &ConnectionName, key: &CommandId, to: &Phone, order: &SmsOrder) -> Outcome;
}

/// E-mail.
pub trait Email {
    /// Sends one message by the order's provider; `key` is told to it as our own id of the message.
    async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome;
}

/// VAI's backend.
pub trait Vai {
    /// Tells of a confirmation, a cancellation or a move.
    async fn tell(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        news: News,
        order: &VaiOrder,
        now: Timestamp,
    ) -> Outcome;

    /// Asks VAI's agent to offer help at `at`.
    async fn offer_help(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        order: &VaiOrder,
        at: Timestamp,
    ) -> Outcome;

    /// Logs a fact with its whole payload.
    async fn log(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        what: Analytics,
        payload: &[u8],
        now: Timestamp,
    ) -> Outcome;
}

/// What brings a command back at its hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerKind {
    /// A one-shot schedule: precise, and it can be taken back.
    Schedule,
    /// A delayed message, for waits of at most 15 minutes.
    DelayedMessage,
}

/// Timers, named: asking twice for one makes one.
pub trait Timers {
    /// Has `due` arrive on the due queue at `at`, `now` being the present. A timer of that name already there is success.
    async fn set_timer(
        &self,
        name: &str,
        due: &Due,
        at: Timestamp,
        now: Timestamp,
        kind: TimerKind,
    ) -> Result<(), Unavailable>;

    /// Removes a timer. None of that name is success.
    async fn remove_timer(&self, name: &str) -> Result<(), Unavailable>;
}

/// The clock.
pub trait Clock {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// Everything outside, put together.
pub trait World {
    /// The table.
    type Store: Store;
    /// Calendly.
    type Calendly: Calendly;
    /// SMS.
    type Sms: Sms;
    /// E-mail.
    type Email: Email;
    /// VAI.
    type Vai: Vai;
    /// Timers.
    type Timers: Timers;
    /// The clock.
    type Clock: Clock;

    /// The table.
    fn store(&self) -> &Self::Store;
    /// Calendly.
    fn calendly(&self) -> &Self::Calendly;
    /// SMS.
    fn sms(&self) -> &Self::Sms;
    /// E-mail.
    fn email(&self) -> &Self::Email;
    /// VAI.
    fn vai(&self) -> &Self::Vai;
    /// Timers.
    fn timers(&self) -> &Self::Timers;
    /// The clock.
    fn clock(&self) -> &Self::Clock;

    /// Sees every command as it turns, to count those that need a person's eye.
    fn observe(&self, command: &Command);
}
