//! What is answered. Instants are UTC; what is local says so.
//!
//! An answer holds what is about a person as [`Private`], so it may be printed.

use std::collections::BTreeMap;

use domain::scheduling::{Day, EventType, Host, LocationOption, Question, QuestionKind, Slot};
use domain::{Line, Private};
use jiff::{Timestamp, civil};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A constant in an answer, by which clients tell answers apart.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct True<const VALUE: bool>;

impl<const VALUE: bool> Serialize for True<VALUE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(VALUE)
    }
}

impl<const VALUE: bool> JsonSchema for True<VALUE> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Is{VALUE}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean", "const": VALUE })
    }
}

/// The event types that fit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypesView {
    /// In the order of their names.
    pub event_types: Vec<EventTypeView>,
}

/// An event type that can be booked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeView {
    /// Its URI at Calendly.
    pub uri: String,
    /// Its name: what `eventType` takes.
    pub name: String,
    /// The last part of its scheduling URL: `eventType` takes it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// What the host says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How long a meeting lasts, in minutes.
    pub duration: u32,
    /// Whether several people share one meeting.
    pub is_group: bool,
    /// Where people book it themselves.
    pub scheduling_url: String,
    /// Who the meeting is with, or may be.
    pub hosts: Vec<HostView>,
    /// The form's questions, in order.
    pub questions: Vec<QuestionView>,
    /// The ways to meet.
    pub locations: Vec<LocationView>,
}

/// A host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostView {
    /// The user's URI at Calendly.
    pub uri: String,
    /// The name: what `host` takes.
    pub name: String,
    /// The e-mail address.
    #[schemars(with = "String")]
    pub email: Private<String>,
    /// IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

/// A question of the booking form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuestionView {
    /// Its text: what an answer repeats.
    pub question: String,
    /// What kind of answer it takes.
    pub kind: QuestionKindView,
    /// Whether a booking needs an answer.
    pub required: bool,
    /// The answers to choose from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Whether another answer than the choices is taken.
    pub include_other: bool,
}

/// What kind of answer a question takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKindView {
    /// Any text.
    Text,
    /// A phone number with its country code.
    Phone,
    /// One of the choices.
    Single,
    /// Some of the choices.
    Multi,
}

/// A way to meet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocationView {
    /// Calendly's word for it, such as `zoom_conference`: what `location.kind` takes.
    pub kind: String,
    /// The address or words that the host has set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// A free time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    /// Its start: what `preferredTime` takes.
    pub start_time: Timestamp,
    /// Its end.
    pub end_time: Timestamp,
    /// Its start as it is told to a person, in their language and zone.
    pub local_time: String,
    /// How many people it still takes.
    pub remaining: u32,
}

/// The free times of a day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DayView {
    /// The day, in the zone that times are told in.
    pub date: civil::Date,
    /// In order.
    pub slots: Vec<SlotView>,
}

/// Free times of an event type.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimesView {
    /// The event type's name.
    pub event_type: String,
    /// The event type's URI at Calendly.
    pub event_type_uri: String,
    /// The IANA time zone that days and local times are told in.
    pub timezone: String,
    /// The days that have free times, in order.
    pub days: Vec<DayView>,
    /// A sentence to read out, in the person's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The person a meeting is booked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteeView {
    /// The e-mail address.
    #[schemars(with = "String")]
    pub email: Private<String>,
    /// The name.
    #[schemars(with = "String")]
    pub name: Private<String>,
}

/// How a booking stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The meeting is on, or was held.
    Active,
    /// It is being moved; the new time is not known yet.
    Moving,
    /// The meeting is off.
    Canceled,
}

/// A booking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookingView {
    /// Its id: it stays the same when the meeting is moved. What `booking` takes.
    pub id: String,
    /// The event's UUID at Calendly; a move changes it.
    pub event_uuid: String,
    /// The invitee's UUID at Calendly; a move changes it.
    pub invitee_uuid: String,
    /// The event type's name.
    pub event_type: String,
    /// Start.
    pub start_time: Timestamp,
    /// End.
    pub end_time: Timestamp,
    /// The person's IANA time zone.
    pub timezone: String,
    /// The start as it is told to the person, in their language and zone.
    pub local_time: String,
    /// The link to join, or where to go.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Private<String>>,
    /// The person.
    pub invitee: InviteeView,
    /// The link to join, if there is one already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_url: Option<String>,
    /// Where the person cancels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_url: Option<String>,
    /// Where the person chooses another time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reschedule_url: Option<String>,
    /// How it stands.
    pub status: Status,
}

/// A booking was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookAnswer {
    /// True.
    pub success: True<true>,
    /// The booking.
    pub booking: BookingView,
    /// A sentence to read out, in the person's language.
    pub message: String,
}

/// A meeting that a hold would book.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewView {
    /// The event type's name.
    pub event_type: String,
    /// Start.
    pub start_time: Timestamp,
    /// End.
    pub end_time: Timestamp,
    /// The person's IANA time zone.
    pub timezone: String,
    /// The start as it is told to the person, in their language and zone.
    pub local_time: String,
    /// How or where to meet, as far as it is known.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Private<String>>,
    /// The person.
    pub invitee: InviteeView,
}

/// A booking was prepared; nothing is booked yet, and the time may be taken by somebody else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    /// What `confirm` takes.
    pub hold: String,
    /// Until when it can be confirmed.
    pub expires_at: Timestamp,
    /// The question to ask the person, in their language.
    pub message: String,
    /// What would be booked.
    pub booking: PreviewView,
}

/// A meeting to come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpcomingEvent {
    /// The booking's id: what `booking` takes.
    pub id: String,
    /// The event's name.
    pub name: String,
    /// Start.
    pub start_time: Timestamp,
    /// End.
    pub end_time: Timestamp,
    /// The IANA time zone of the local time.
    pub timezone: String,
    /// The start as it is told to the person, in their language and zone.
    pub local_time: String,
    /// The link to join, or where to go.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Private<String>>,
    /// The event type's name.
    pub event_type: String,
    /// The person.
    pub invitee: InviteeView,
    /// How it stands.
    pub status: Status,
    /// The event's UUID at Calendly; a move changes it.
    pub event_uuid: String,
    /// The invitee's UUID at Calendly; a move changes it.
    pub invitee_uuid: String,
    /// Where the person cancels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_url: Option<String>,
    /// Where the person chooses another time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reschedule_url: Option<String>,
}

/// A person's meetings to come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpcomingAnswer {
    /// True.
    pub success: True<true>,
    /// A sentence to read out, in the person's language.
    pub message: String,
    /// The meetings, the soonest first.
    pub events: Vec<UpcomingEvent>,
}

/// A booking was canceled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelView {
    /// The booking, as it stands now.
    pub booking: BookingView,
    /// A sentence to read out, in the person's language.
    pub message: String,
}

/// A booking was moved, or can be moved by a link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveView {
    /// Whether it has moved; with `by` = `link` it has not.
    pub moved: bool,
    /// The booking, as it stands now.
    pub booking: BookingView,
    /// Where the person chooses the new time, with `by` = `link`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reschedule_url: Option<String>,
    /// A sentence to read out, in the person's language.
    pub message: String,
}

/// A booking's story.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineView {
    /// The booking's id.
    pub booking: String,
    /// What happened, in order.
    pub lines: Vec<LineView>,
}

/// A line of a booking's story.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineView {
    /// When.
    pub at: Timestamp,
    /// Who or what it is about, such as `reminder by SMS, 60 min before`.
    pub what: String,
    /// What happened.
    pub happened: String,
}

/// What VAI wrote down with a booking: flat, and in VAI's own spelling.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct MetadataView {
    /// The booking's id.
    pub booking_id: String,
    /// The event's URI at Calendly, once it is booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_uri: Option<String>,
    /// The event's UUID at Calendly, once it is booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_uuid: Option<String>,
    /// The invitee's UUID at Calendly, once it is booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitee_uuid: Option<String>,
    /// The conversation in which it was booked.
    pub conversation_id: String,
    /// VAI's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The kind of agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    /// Where the booking comes from: `vai_agent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_source: Option<String>,
    /// The event type, as VAI asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The topic, where that chose the event type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The agent's notes.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<Private<String>>,
    /// The phone number that VAI knows.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Private<String>>,
    /// The language of the conversation, a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What the agent found out about the person.
    #[schemars(with = "BTreeMap<String, String>")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub qualification: BTreeMap<String, Private<String>>,
    /// When it was written down.
    pub timestamp: Timestamp,
}

/// Whether the person came, by the host's word.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoShowView {
    /// The booking's id.
    pub booking: String,
    /// Whether the host says that the person did not come.
    pub no_show: bool,
    /// When that was last said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// A link on which a person books once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    /// The link, with what is known of the person filled in.
    pub url: String,
    /// The event type's name.
    pub event_type: String,
    /// The id that the booking will have, once it is made.
    pub booking: String,
    /// A sentence to read out, in the person's language.
    pub message: String,
}

/// When a host is at work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AvailabilityView {
    /// The host's URI at Calendly.
    pub host: String,
    /// The schedules.
    pub schedules: Vec<ScheduleView>,
}

/// A schedule of a host's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleView {
    /// Its name.
    pub name: String,
    /// Whether it holds where no other is chosen.
    pub is_default: bool,
    /// The IANA time zone of its hours.
    pub timezone: String,
    /// Its rules; one for a date goes before one for a weekday.
    pub rules: Vec<RuleView>,
}

/// The hours of a weekday or a date.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// `monday` to `sunday`, or a date such as `2026-12-24`.
    pub day: String,
    /// The hours at work; none: not at work.
    pub intervals: Vec<HoursView>,
}

/// Hours at work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoursView {
    /// From, `HH:MM`.
    pub from: String,
    /// To, `HH:MM`.
    pub to: String,
}

/// When a host is busy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusyView {
    /// The host's URI at Calendly.
    pub host: String,
    /// From when on it was asked for.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The busy times, in order.
    pub busy: Vec<BusyTimeView>,
}

/// A span in which a host is busy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusyTimeView {
    /// `calendly`, `external`, `reserved`.
    pub kind: String,
    /// Start.
    pub start_time: Timestamp,
    /// End.
    pub end_time: Timestamp,
}

/// The owner of Calendly's token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeView {
    /// The user's URI at Calendly.
    pub uri: String,
    /// The name.
    pub name: String,
    /// The e-mail address.
    #[schemars(with = "String")]
    pub email: Private<String>,
    /// IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The user's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduling_url: Option<String>,
    /// The organization's URI at Calendly.
    pub organization: String,
}

/// How the whole stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// When Calendly last told something new, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_webhook: Option<Timestamp>,
    /// How many bookings there are.
    pub totals: TotalsView,
    /// The queues.
    pub queues: Vec<QueueView>,
    /// The webhook subscription at Calendly, if it could be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionView>,
    /// What needs a person's eye, in sentences; none: all is well.
    pub problems: Vec<String>,
}

/// How many bookings there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotalsView {
    /// Meetings that are on and ahead.
    pub upcoming: u64,
    /// Meetings that took place, or should have.
    pub past: u64,
    /// Meetings that were canceled.
    pub canceled: u64,
    /// Meetings of which only the old half of a move is known.
    pub moving: u64,
}

/// A queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// Messages that wait, about.
    pub waiting: u64,
    /// Messages being worked on, about.
    pub in_flight: u64,
    /// Messages in its dead-letter queue, about.
    pub dead: u64,
}

/// The webhook subscription at Calendly.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionView {
    /// `active`, `disabled`, or `missing`.
    pub state: String,
    /// Where it delivers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Since when deliveries fail, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_started_at: Option<Timestamp>,
}

/// Messages as people would get them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagesView {
    /// Each message, language and channel.
    pub shown: Vec<ShownView>,
    /// What each of these messages may speak of.
    pub offers: Vec<OffersView>,
    /// What is wrong with the request's wording; none: it may be saved.
    pub problems: Vec<ProblemView>,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownView {
    /// Its name in the settings.
    pub message: String,
    /// What a host is told of: `booked`, `moved` or `canceled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Its language, a BCP 47 tag.
    pub language: String,
    /// `sms` or `email`.
    pub channel: String,
    /// `full`: with all that may be missing; `bare`: without any of it.
    pub variant: String,
    /// Who would send it so, as far as the settings say.
    pub providers: Vec<String>,
    /// The provider's template, where it is none of our wording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// An e-mail's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The SMS, or the e-mail as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The e-mail's HTML document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// What the SMS costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostView>,
    /// The SMS without its diacritics, where that costs less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transliterated: Option<TransliteratedView>,
    /// Why there is nothing to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What an SMS costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostView {
    /// `GSM-7`, of which a segment holds 160 characters, or `UCS-2`, of which it holds 70; 153 and 67 where there are
    /// several.
    pub encoding: String,
    /// Its length in units of the encoding.
    pub units: usize,
    /// How many segments are sent, and paid for.
    pub segments: usize,
    /// The characters for whose sake it is UCS-2.
    pub culprits: String,
    /// The price, where the settings name one for a segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
}

/// An SMS without its diacritics.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransliteratedView {
    /// What it says.
    pub text: String,
    /// What it costs.
    pub cost: CostView,
}

/// The variables of a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OffersView {
    /// The message's name in the settings.
    pub message: String,
    /// These have a value, come what may.
    pub always: Vec<String>,
    /// These may be missing: they stand inside an `if`.
    pub optional: Vec<String>,
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemView {
    /// Where.
    pub path: String,
    /// What, and what would be right.
    pub problem: String,
}

impl From<&EventType> for EventTypeView {
    fn from(it: &EventType) -> Self {
        Self {
            uri: it.uri.as_str().to_owned(),
            name: it.name.clone(),
            slug: it.slug.clone(),
            description: it.description.clone(),
            duration: it.minutes,
            is_group: it.is_group,
            scheduling_url: it.scheduling_url.clone(),
            hosts: it.hosts.iter().map(HostView::from).collect(),
            questions: it.questions.iter().map(QuestionView::from).collect(),
            locations: it.locations.iter().map(LocationView::from).collect(),
        }
    }
}

impl From<&Host> for HostView {
    fn from(it: &Host) -> Self {
        Self { uri: it.uri.clone(), name: it.name.clone(), email: it.email.clone(), timezone: it.zone.clone() }
    }
}

impl From<&Question> for QuestionView {
    fn from(it: &Question) -> Self {
        Self {
            question: it.name.clone(),
            kind: it.kind.into(),
            required: it.required,
            choices: it.choices.clone(),
            include_other: it.include_other,
        }
    }
}

impl From<QuestionKind> for QuestionKindView {
    fn from(it: QuestionKind) -> Self {
        match it {
            QuestionKind::Text => Self::Text,
            QuestionKind::Phone => Self::Phone,
            QuestionKind::Single => Self::Single,
            QuestionKind::Multi => Self::Multi,
        }
    }
}

impl From<&LocationOption> for LocationView {
    fn from(it: &LocationOption) -> Self {
        Self { kind: it.kind.clone(), location: it.location.clone() }
    }
}

impl SlotView {
    /// A slot, and its start as it is told to a person.
    pub fn new(slot: &Slot, local_time: String) -> Self {
        Self { start_time: slot.start, end_time: slot.end, local_time, remaining: slot.remaining }
    }
}

impl DayView {
    /// A day; `tell` tells an instant to a person.
    pub fn new(day: &Day<'_>, tell: impl Fn(Timestamp) -> String) -> Self {
        let slots = day.slots.iter().map(|slot| SlotView::new(slot, tell(slot.start)));
        Self { date: day.date, slots: slots.collect() }
    }
}

impl From<&Line> for LineView {
    fn from(it: &Line) -> Self {
        Self { at: it.at, what: it.what.clone(), happened: it.happened.clone() }
    }
}
