//! What is asked: one type per operation.
//!
//! The comments on these types and fields are what a language model reads as the description of its tools, and clients
//! in the `OpenAPI` document: they are written for them.

use std::collections::BTreeMap;

use domain::scheduling::Given;
use domain::{Language, Private};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::schema::Text;
use crate::{Fault, Request, When};

/// No input.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Which event types to list.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTypesRequest {
    /// What to look for: a name or part of one, a slug, an event type's URI, or words about the topic of the meeting,
    /// such as `demo`. Leave it out to list everything that can be booked.
    #[schemars(length(min = 1, max = 200))]
    pub query: Option<String>,
}

/// Which free times to list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AvailableTimesRequest {
    /// The event type: its name (`Sales Demo`), slug or URI, as `event_types` told it. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: String,
    /// From when on. Date and time with an offset, such as `2027-01-11T09:00:00+02:00`; or without one, such as
    /// `2027-01-11T09:00`, and then `timezone` is needed. Left out: from now on.
    pub from: Option<When>,
    /// Until when, told like `from`; at most a year later. Left out: seven days after `from`.
    pub until: Option<When>,
    /// The IANA time zone, such as `Europe/Bucharest`, that the times are told in; `from` and `until` too where they
    /// have no offset. Left out: the host's zone.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// Whom to meet: a host's name or e-mail address, as `event_types` told it. Only if the person asks for somebody.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub host: Option<Private<String>>,
    /// The language to tell times and messages in, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
}

/// Which alternatives to offer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlternativesRequest {
    /// The event type: its name (`Sales Demo`), slug or URI, as `event_types` told it. Never invent one. This or
    /// `topic` is needed.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: Option<String>,
    /// What the person wants to talk about, in a few words, such as `pricing`: it chooses the event type. This or
    /// `eventType` is needed.
    #[schemars(length(min = 1, max = 200))]
    pub topic: Option<String>,
    /// The time the person would like best. Date and time with an offset, such as `2027-01-11T09:00:00+02:00`; or
    /// without one, such as `2027-01-11T09:00`, and then `timezone` is needed. Left out: as soon as possible.
    pub preferred_time: Option<When>,
    /// The person's IANA time zone, such as `Europe/Bucharest`: days and times are told in it. Left out: the zone of
    /// the person's latest booking, or else the one that the settings name.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// The language to tell times and messages in, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
    /// The person's e-mail address: their earlier bookings tell their time zone.
    #[schemars(with = "Option<String>", length(min = 3, max = 320))]
    pub invitee_email: Option<Private<String>>,
    /// How many days around `preferredTime` to look at, from 1 to 31. Left out: 14.
    #[schemars(range(min = 1, max = 31))]
    pub days: Option<u32>,
    /// Whom to meet: a host's name or e-mail address, as `event_types` told it. Only if the person asks for somebody.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub host: Option<Private<String>>,
}

/// A meeting to be booked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BookRequest {
    /// The event type: its name (`Sales Demo`), slug or URI, as `event_types` told it. Never invent one. This or
    /// `topic` is needed.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: Option<String>,
    /// What the person wants to talk about, in a few words, such as `pricing`: it chooses the event type. This or
    /// `eventType` is needed.
    #[schemars(length(min = 1, max = 200))]
    pub topic: Option<String>,
    /// Whom to meet: a host's name or e-mail address, as `event_types` told it. Only if the person asks for somebody.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub host: Option<Private<String>>,
    /// The person's e-mail address, as they gave it: the invitation goes there. Ask for it; never guess it.
    #[schemars(with = "String", length(min = 3, max = 320))]
    pub invitee_email: Private<String>,
    /// The person's whole name, as they gave it.
    #[schemars(with = "String", length(min = 1, max = 200))]
    pub invitee_name: Private<String>,
    /// When the meeting is to start. Date and time with an offset, such as `2027-01-11T09:00:00+02:00`; or without one,
    /// such as `2027-01-11T09:00`, and then `timezone` is needed. Best a `startTime` out of an earlier answer, letter
    /// by letter.
    pub preferred_time: When,
    /// The id of the conversation this booking is made in, as you were given it. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub conversation_id: String,
    /// The person's id at VAI, if you were given one.
    #[schemars(length(min = 1, max = 512))]
    pub user_id: Option<String>,
    /// What kind of agent you are, if you were told, such as `sales`.
    #[schemars(length(min = 1, max = 200))]
    pub agent_type: Option<String>,
    /// The person's answers to the event type's questions: a list of question and answer, or an object with the
    /// questions as keys. Repeat a question as `event_types` told it; where it has choices, the answer is one of them,
    /// or with `multi` some, a line each. Answer only with what the person said.
    pub custom_answers: Option<CustomAnswers>,
    /// What the host should know of the conversation, in a few sentences. Up to 10,000 characters.
    #[schemars(with = "Option<String>", length(max = 10_000))]
    pub notes: Option<Private<String>>,
    /// The person's IANA time zone, such as `Europe/Bucharest`. Needed where `preferredTime` has no offset; all that
    /// the person is sent tells times in it. Left out: the zone of the person's latest booking, or else the one that
    /// the settings name.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// The language the person speaks, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`. Messages are written in it.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
    /// How far from `preferredTime` the meeting may start, in minutes, from 0 (exactly then) to 20160 (14 days). Left
    /// out: at the nearest free time of the same day.
    #[schemars(range(max = 20_160))]
    pub max_shift: Option<u32>,
    /// E-mail addresses of others who are invited too, at most 10; those that the settings leave out don't count.
    #[schemars(with = "Vec<String>", length(max = 30), inner(length(min = 3, max = 320)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<Private<String>>,
    /// The person's phone number with its country code, such as `+40712345678`: for the reminders, and where the host
    /// is to call. Only as the person gave it.
    #[schemars(with = "Option<String>", length(min = 1, max = 64))]
    pub phone: Option<Private<String>>,
    /// Where to meet, if the event type offers a choice. Left out: its first way, or whatever Calendly chooses.
    pub location: Option<Location>,
    /// What you found out about the person, kept with the booking, such as `{"budget": "10k", "team size": "5"}`. At
    /// most 50 entries.
    #[schemars(with = "BTreeMap<String, Text<2_000>>", extend("maxProperties" = 50, "propertyNames" = json!({ "maxLength": 200 })))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub qualification: BTreeMap<String, Private<String>>,
}

/// Answers to an event type's questions, in any of three forms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CustomAnswers {
    /// Each answer with its question.
    Pairs(#[schemars(length(max = 50))] Vec<CustomAnswer>),
    /// Answers by their questions.
    ByQuestion(
        #[schemars(with = "BTreeMap<String, Text<10_000>>", extend("maxProperties" = 50, "propertyNames" = json!({ "maxLength": 1_000 })))]
         BTreeMap<String, Private<String>>,
    ),
    /// Answers alone, in the order of the questions.
    InOrder(#[schemars(with = "Vec<String>", length(max = 50), inner(length(max = 10_000)))] Vec<Private<String>>),
}

/// An answer with its question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomAnswer {
    /// The question, as `event_types` told it.
    #[schemars(length(min = 1, max = 1_000))]
    pub question: String,
    /// What the person answered.
    #[schemars(with = "String", length(max = 10_000))]
    pub answer: Private<String>,
}

/// Where to meet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Location {
    /// One of the `kind`s that `event_types` told, such as `zoom_conference`, `physical` or `outbound_call`.
    #[schemars(length(min = 1, max = 64))]
    pub kind: String,
    /// What that way needs to know: the phone number to call for `outbound_call`, the place for `ask_invitee`.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub location: Option<Private<String>>,
}

/// A hold to be made a booking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The `hold` that the answer of `hold` told. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub hold: String,
}

/// Whose coming meetings to list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpcomingRequest {
    /// The person's e-mail address, as they gave it.
    #[schemars(with = "String", length(min = 3, max = 320))]
    pub user_email: Private<String>,
    /// How many days ahead to look, from 1 to 60. Left out: 7.
    #[schemars(range(min = 1, max = 60))]
    pub days: Option<u32>,
    /// The language to tell times and messages in, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
}

/// Which booking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BookingIdRequest {
    /// The booking: its `id` out of an earlier answer, or the UUID or URI of its event or invitee at Calendly.
    #[schemars(length(min = 1, max = 512))]
    pub booking: String,
}

/// A booking to be canceled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelRequest {
    /// The booking: its `id` out of an earlier answer, such as one of `upcoming`. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub booking: String,
    /// Why, in the person's own words: the host is told. Up to 10,000 characters.
    #[schemars(with = "Option<String>", length(max = 10_000))]
    pub reason: Option<Private<String>>,
    /// The language to tell times and messages in, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
}

/// A booking to be moved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveRequest {
    /// The booking: its `id` out of an earlier answer, such as one of `upcoming`. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub booking: String,
    /// When the meeting is to start instead; needed unless `by` is `link`. Date and time with an offset, such as
    /// `2027-01-11T09:00:00+02:00`; or without one, such as `2027-01-11T09:00`, on the clocks of `timezone`, or else of
    /// the booking's own zone. Best a `startTime` out of an earlier answer, letter by letter.
    pub preferred_time: Option<When>,
    /// How far from `preferredTime` the meeting may start, in minutes, from 0 (exactly then) to 20160 (14 days). Left
    /// out: at the nearest free time of the same day.
    #[schemars(range(max = 20_160))]
    pub max_shift: Option<u32>,
    /// How to move it. `rebook`: the new time is booked, then the old one is canceled. `link`: nothing is moved yet,
    /// and the answer has the link on which the person chooses a new time. Left out: `rebook`.
    pub by: Option<MoveBy>,
    /// The person's IANA time zone, such as `Europe/Bucharest`. Left out: the booking's.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// The language the person speaks, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`. Left out: the booking's.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
}

/// How a booking is moved.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoveBy {
    /// The new time is booked, then the old one is canceled.
    #[default]
    Rebook,
    /// Nothing is moved yet: the answer has the link on which the person chooses a new time.
    Link,
}

/// A link to be made, on which a person books once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinkRequest {
    /// The event type: its name (`Sales Demo`), slug or URI, as `event_types` told it. Never invent one. This or
    /// `topic` is needed.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: Option<String>,
    /// What the person wants to talk about, in a few words, such as `pricing`: it chooses the event type. This or
    /// `eventType` is needed.
    #[schemars(length(min = 1, max = 200))]
    pub topic: Option<String>,
    /// The person's whole name: the form is filled in with it.
    #[schemars(with = "Option<String>", length(min = 1, max = 200))]
    pub invitee_name: Option<Private<String>>,
    /// The person's e-mail address: the form is filled in with it.
    #[schemars(with = "Option<String>", length(min = 3, max = 320))]
    pub invitee_email: Option<Private<String>>,
    /// The id of the conversation this link is made in, as you were given it. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub conversation_id: String,
    /// The person's id at VAI, if you were given one.
    #[schemars(length(min = 1, max = 512))]
    pub user_id: Option<String>,
    /// What kind of agent you are, if you were told, such as `sales`.
    #[schemars(length(min = 1, max = 200))]
    pub agent_type: Option<String>,
    /// What the host should know of the conversation, in a few sentences. Up to 10,000 characters.
    #[schemars(with = "Option<String>", length(max = 10_000))]
    pub notes: Option<Private<String>>,
    /// The language the person speaks, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`. Messages are written in it.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
    /// The person's phone number with its country code, such as `+40712345678`: for the reminders.
    #[schemars(with = "Option<String>", length(min = 1, max = 64))]
    pub phone: Option<Private<String>>,
    /// What you found out about the person, kept with the booking. At most 50 entries.
    #[schemars(with = "BTreeMap<String, Text<2_000>>", extend("maxProperties" = 50, "propertyNames" = json!({ "maxLength": 200 })))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub qualification: BTreeMap<String, Private<String>>,
    /// Whom to meet: a host's name or e-mail address, as `event_types` told it. Only if the person asks for somebody.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub host: Option<Private<String>>,
}

/// Which host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostRequest {
    /// The host: name, e-mail address, or UUID or URI at Calendly; `me` is the owner of Calendly's token.
    #[schemars(with = "String", length(min = 1, max = 512))]
    pub host: Private<String>,
}

/// Which host's busy times to list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BusyTimesRequest {
    /// The host: name, e-mail address, or UUID or URI at Calendly; `me` is the owner of Calendly's token.
    #[schemars(with = "String", length(min = 1, max = 512))]
    pub host: Private<String>,
    /// From when on. Date and time with an offset, such as `2027-01-11T09:00:00+02:00`; without one it is on the host's
    /// clocks. Left out: from now on.
    pub from: Option<When>,
    /// Until when, told like `from`; at most a year later. Left out: seven days after `from`.
    pub until: Option<When>,
}

/// Which messages to show, and in which wording.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreviewRequest {
    /// The messages, by their names in the settings, such as `reminder`. Left out: all, or the one of `wording`.
    #[schemars(inner(length(min = 1, max = 64)), length(max = 20))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// The languages, as BCP 47 tags: `en`, `ro`, `da`, `zh-Hant`. Left out: all, or the one of `wording`.
    #[schemars(inner(length(min = 2, max = 35)), length(max = 20))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// The channels: `sms`, `email`. Left out: both.
    #[schemars(length(max = 2))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelName>,
    /// Whose wording and templates are shown: an event type, as the settings name it.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: Option<String>,
    /// Wording to try out, which need not be saved: it is checked as it would be when it is.
    pub wording: Option<WordingToTry>,
}

/// How a message reaches a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelName {
    /// A text message.
    Sms,
    /// An e-mail.
    Email,
}

/// Wording for one message. What is left out keeps what the settings say, or ours.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WordingToTry {
    /// The message's name in the settings.
    #[schemars(length(min = 1, max = 64))]
    pub message: String,
    /// For one language, a BCP 47 tag. Left out: for any.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
    /// The SMS.
    #[schemars(length(min = 1, max = 4000))]
    pub sms: Option<String>,
    /// The e-mail's subject.
    #[schemars(length(min = 1, max = 1000))]
    pub subject: Option<String>,
    /// The e-mail as plain text.
    #[schemars(length(min = 1, max = 20000))]
    pub text: Option<String>,
    /// The e-mail as HTML: what stands inside the layout.
    #[schemars(length(min = 1, max = 40000))]
    pub html: Option<String>,
}

impl From<&CustomAnswers> for Given {
    fn from(answers: &CustomAnswers) -> Self {
        match answers {
            CustomAnswers::Pairs(pairs) => {
                Self::Named(pairs.iter().map(|it| (it.question.clone(), it.answer.clone())).collect())
            }
            CustomAnswers::ByQuestion(map) => {
                Self::Named(map.iter().map(|(question, answer)| (question.clone(), answer.clone())).collect())
            }
            CustomAnswers::InOrder(answers) => Self::InOrder(answers.clone()),
        }
    }
}

impl Request for Nothing {}
impl Request for EventTypesRequest {}
impl Request for ConfirmRequest {}
impl Request for UpcomingRequest {
    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }
}
impl Request for BookingIdRequest {}
impl Request for CancelRequest {
    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }
}
impl Request for HostRequest {}

impl Request for PreviewRequest {
    fn check(&self) -> Vec<Fault> {
        let of_wording = self.wording.iter().filter_map(|it| it.language.as_ref());
        let of_wording = of_wording.map(|tag| ("wording.language".to_owned(), tag));
        let wanted = self.languages.iter().enumerate().map(|(at, tag)| (format!("languages.{at}"), tag));
        wanted
            .chain(of_wording)
            .filter(|(_, tag)| Language::parse(tag).is_none())
            .map(|(path, _)| Fault::new(path, "must be one of en, ro, da, zh-Hant"))
            .collect()
    }
}

// Without an offset the time is on the booking's own clocks.
impl Request for MoveRequest {
    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        let is_needed = self.preferred_time.is_none() && self.by.unwrap_or_default() == MoveBy::Rebook;
        Vec::from_iter(is_needed.then(|| Fault::new("preferredTime", "is needed, unless by is link")))
    }
}

impl Request for AvailableTimesRequest {
    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = span(self.from, self.until);
        faults.extend(zone_needed([self.from, self.until], self.timezone.as_ref()));
        faults
    }
}

impl Request for AlternativesRequest {
    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::from_iter(subject(self.event_type.as_ref(), self.topic.as_ref()));
        faults.extend(zone_needed([self.preferred_time, None], self.timezone.as_ref()));
        faults
    }
}

impl Request for BookRequest {
    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::from_iter(subject(self.event_type.as_ref(), self.topic.as_ref()));
        faults.extend(zone_needed([Some(self.preferred_time), None], self.timezone.as_ref()));
        faults
    }
}

impl Request for LinkRequest {
    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        Vec::from_iter(subject(self.event_type.as_ref(), self.topic.as_ref()))
    }
}

impl Request for BusyTimesRequest {
    fn check(&self) -> Vec<Fault> {
        span(self.from, self.until)
    }
}

/// What is to be booked must be told in one of two ways.
fn subject(event_type: Option<&String>, topic: Option<&String>) -> Option<Fault> {
    (event_type.is_none() && topic.is_none()).then(|| Fault::new("eventType", "or topic is needed"))
}

/// Times without an offset need a zone.
fn zone_needed(times: [Option<When>; 2], zone: Option<&String>) -> Option<Fault> {
    let is_needed = zone.is_none() && times.into_iter().flatten().any(When::is_local);
    is_needed.then(|| Fault::new("timezone", "is needed for a time without an offset"))
}

/// A year: Calendly books no further ahead without being told to.
pub const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A span goes forward, and not too far. Of one that is told half with and half without an offset, nothing is known
/// here.
fn span(from: Option<When>, until: Option<When>) -> Vec<Fault> {
    let length = match (from, until) {
        (Some(When::Instant(from)), Some(When::Instant(until))) => until.duration_since(from),
        (Some(When::Local(from)), Some(When::Local(until))) => until.duration_since(from),
        _ => return Vec::new(),
    };
    match length {
        _ if length <= SignedDuration::ZERO => vec![Fault::new("until", "must be after from")],
        _ if length > LONGEST_SPAN => vec![Fault::new("until", "must be at most 366 days after from")],
        _ => Vec::new(),
    }
}
