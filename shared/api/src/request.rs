//! Requests: one type per operation.
//!
//! The comments on these types and fields are published: in the descriptions of the tools for language models, and in
//! the `OpenAPI` document.

use std::collections::BTreeMap;

use domain::scheduling::GivenAnswers;
use domain::{Language, Private};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::schema::{Text, at_least_one};
use crate::{Fault, Request, When};

/// Returns the tags of the languages of our messages.
fn languages() -> [&'static str; Language::ALL.len()] {
    Language::ALL.map(Language::tag)
}

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
    /// The event type: its name (`Sales Demo`), slug or URI, as `event_types` returned it. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: String,
    /// The start of the span. Date and time with an offset, such as `2027-01-11T09:00:00+02:00`; or without an offset,
    /// such as `2027-01-11T09:00`; then `timezone` is required. Default: now.
    pub from: Option<When>,
    /// The end of the span, in the same form as `from`, at most a year after it. Default: seven days after `from`.
    pub until: Option<When>,
    /// The IANA time zone of the times in the answer, such as `Europe/Bucharest`. It also applies to `from` and `until`
    /// when they have no offset. Default: the host's zone.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// The host to meet: the name or e-mail address, as `event_types` returned it. Only if the person asks for a
    /// certain host.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub host: Option<Private<String>>,
    /// The language of the times and messages in the answer, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
}

/// Which alternatives to offer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlternativesRequest {
    /// The event type: its name (`Sales Demo`), slug or URI, as `event_types` returned it. Never invent one. Either
    /// this or `topic` is required.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: Option<String>,
    /// What the person wants to talk about, in a few words, such as `pricing`. It selects the event type. Either this
    /// or `eventType` is required.
    #[schemars(length(min = 1, max = 200))]
    pub topic: Option<String>,
    /// The time that the person prefers. Date and time with an offset, such as `2027-01-11T09:00:00+02:00`; or without
    /// an offset, such as `2027-01-11T09:00`; then `timezone` is required. Default: as soon as possible.
    pub preferred_time: Option<When>,
    /// The person's IANA time zone, such as `Europe/Bucharest`. Days and times in the answer are in it. Default: the
    /// zone of the person's latest booking, or else the one in the settings.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// The language of the times and messages in the answer, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
    /// The person's e-mail address. Their time zone is taken from their earlier bookings.
    #[schemars(with = "Option<String>", length(min = 3, max = 320))]
    pub invitee_email: Option<Private<String>>,
    /// The number of days around `preferredTime` to search, from 1 to 31. Default: 14.
    #[schemars(range(min = 1, max = 31))]
    pub days: Option<u32>,
    /// The host to meet: the name or e-mail address, as `event_types` returned it. Only if the person asks for a
    /// certain host.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub host: Option<Private<String>>,
}

/// A meeting to book.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("allOf" = at_least_one(&["eventType", "topic"])))]
pub struct BookRequest {
    /// The event type: its name (`Sales Demo`), slug or URI, as `event_types` returned it. Never invent one. Either
    /// this or `topic` is required.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: Option<String>,
    /// What the person wants to talk about, in a few words, such as `pricing`. It selects the event type. Either this
    /// or `eventType` is required.
    #[schemars(length(min = 1, max = 200))]
    pub topic: Option<String>,
    /// The host to meet: the name or e-mail address, as `event_types` returned it. Only if the person asks for a
    /// certain host.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub host: Option<Private<String>>,
    /// The person's e-mail address, as they gave it. The invitation is sent to it. Ask for it; never guess it.
    #[schemars(with = "String", length(min = 3, max = 320))]
    pub invitee_email: Private<String>,
    /// The person's full name, as they gave it.
    #[schemars(with = "String", length(min = 1, max = 200))]
    pub invitee_name: Private<String>,
    /// The start of the meeting. Date and time with an offset, such as `2027-01-11T09:00:00+02:00`; or without an
    /// offset, such as `2027-01-11T09:00`; then `timezone` is required. Best: copy a `startTime` from an earlier
    /// answer.
    pub preferred_time: When,
    /// The id of the conversation in which the booking is made, as it was given to you. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub conversation_id: String,
    /// The person's id at VAI, if you were given one.
    #[schemars(length(min = 1, max = 512))]
    pub user_id: Option<String>,
    /// What kind of agent you are, if you were told, such as `sales`.
    #[schemars(length(min = 1, max = 200))]
    pub agent_type: Option<String>,
    /// The person's answers to the event type's questions. Copy each question as `event_types` returned it. If it has
    /// choices, the answer is one of them; with kind `multi` it can be several, one on each line. Answer only with what
    /// the person said.
    pub custom_answers: Option<CustomAnswers>,
    /// What the host should know about the conversation, in a few sentences. Up to 10,000 characters.
    #[schemars(with = "Option<String>", length(max = 10_000))]
    pub notes: Option<Private<String>>,
    /// The person's IANA time zone, such as `Europe/Bucharest`. Required when `preferredTime` has no offset. Messages
    /// to the person have times in it. Default: the zone of the person's latest booking, or else the one in the
    /// settings.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// The language the person speaks, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`. Messages are written in it.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
    /// How far from `preferredTime` the meeting may start, in minutes, from 0 (exactly then) to 20160 (14 days).
    /// Default: the nearest free time of the same day.
    #[schemars(range(max = 20_160))]
    pub max_shift: Option<u32>,
    /// E-mail addresses of further people to invite, at most 10. Addresses that the settings exclude do not count.
    #[schemars(with = "Vec<String>", length(max = 30), inner(length(min = 3, max = 320)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<Private<String>>,
    /// The person's phone number with its country code, such as `+40712345678`. It is used for reminders, and for
    /// meetings in which the host calls. Only as the person gave it.
    #[schemars(with = "Option<String>", length(min = 1, max = 64))]
    pub phone: Option<Private<String>>,
    /// Where to meet, if the event type offers a choice. Default: the first location of the event type, or Calendly's
    /// choice.
    pub location: Option<Location>,
    /// What you found out about the person, such as `{"budget": "10k", "team size": "5"}`. It is stored with the
    /// booking. At most 50 entries, with names of at most 200 characters.
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
    /// The question, as `event_types` returned it.
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
    /// One of the `kind`s that `event_types` returned, such as `zoom_conference`, `physical` or `outbound_call`.
    #[schemars(length(min = 1, max = 64))]
    pub kind: String,
    /// What this kind needs: for `outbound_call` the phone number to call, for `ask_invitee` the place.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub location: Option<Private<String>>,
}

/// A hold to confirm.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The `hold` from the answer of `hold`. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub hold: String,
}

/// Whose upcoming meetings to list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpcomingRequest {
    /// The person's e-mail address, as they gave it.
    #[schemars(with = "String", length(min = 3, max = 320))]
    pub user_email: Private<String>,
    /// The number of days ahead to search, from 1 to 60. Default: 7.
    #[schemars(range(min = 1, max = 60))]
    pub days: Option<u32>,
    /// The language of the times and messages in the answer, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
}

/// Which booking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BookingIdRequest {
    /// The booking: its `id` from an earlier answer, or the UUID or URI of its event or invitee at Calendly.
    #[schemars(length(min = 1, max = 512))]
    pub booking: String,
}

/// A booking to cancel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelRequest {
    /// The booking: its `id` from an earlier answer, such as one of `upcoming`. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub booking: String,
    /// The reason, in the person's own words. The host sees it. Up to 10,000 characters.
    #[schemars(with = "Option<String>", length(max = 10_000))]
    pub reason: Option<Private<String>>,
    /// The language of the times and messages in the answer, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
}

/// A booking to move.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("allOf" = json!([{ "anyOf": [
    { "required": ["preferredTime"], "properties": { "preferredTime": { "type": "string", "pattern": "\\S" } } },
    { "required": ["by"], "properties": { "by": { "const": "link" } } },
] }])))]
pub struct MoveRequest {
    /// The booking: its `id` from an earlier answer, such as one of `upcoming`. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub booking: String,
    /// The new start of the meeting. Required unless `by` is `link`. Date and time with an offset, such as
    /// `2027-01-11T09:00:00+02:00`; or without an offset, such as `2027-01-11T09:00`, in `timezone` or else in the
    /// booking's own zone. Best: copy a `startTime` from an earlier answer.
    pub preferred_time: Option<When>,
    /// How far from `preferredTime` the meeting may start, in minutes, from 0 (exactly then) to 20160 (14 days).
    /// Default: the nearest free time of the same day.
    #[schemars(range(max = 20_160))]
    pub max_shift: Option<u32>,
    /// How to move it. `rebook`: the new time is booked, then the old one is canceled. `link`: nothing is moved yet,
    /// and the answer has a link where the person chooses a new time. Default: `rebook`.
    pub by: Option<MoveBy>,
    /// The person's IANA time zone, such as `Europe/Bucharest`. Default: the booking's.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// The language the person speaks, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`. Default: the booking's.
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
    /// Nothing is moved yet. The answer has a link where the person chooses a new time.
    Link,
}

/// A link to create. A person can book once with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("allOf" = at_least_one(&["eventType", "topic"])))]
pub struct LinkRequest {
    /// The event type: its name (`Sales Demo`), slug or URI, as `event_types` returned it. Never invent one. Either
    /// this or `topic` is required.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: Option<String>,
    /// What the person wants to talk about, in a few words, such as `pricing`. It selects the event type. Either this
    /// or `eventType` is required.
    #[schemars(length(min = 1, max = 200))]
    pub topic: Option<String>,
    /// The person's full name. The form is filled in with it.
    #[schemars(with = "Option<String>", length(min = 1, max = 200))]
    pub invitee_name: Option<Private<String>>,
    /// The person's e-mail address. The form is filled in with it.
    #[schemars(with = "Option<String>", length(min = 3, max = 320))]
    pub invitee_email: Option<Private<String>>,
    /// The id of the conversation in which the link is made, as it was given to you. Never invent one.
    #[schemars(length(min = 1, max = 512))]
    pub conversation_id: String,
    /// The person's id at VAI, if you were given one.
    #[schemars(length(min = 1, max = 512))]
    pub user_id: Option<String>,
    /// What kind of agent you are, if you were told, such as `sales`.
    #[schemars(length(min = 1, max = 200))]
    pub agent_type: Option<String>,
    /// What the host should know about the conversation, in a few sentences. Up to 10,000 characters.
    #[schemars(with = "Option<String>", length(max = 10_000))]
    pub notes: Option<Private<String>>,
    /// The language the person speaks, as a BCP 47 tag: `en`, `ro`, `da` or `zh-Hant`. Messages are written in it.
    #[schemars(length(min = 2, max = 35))]
    pub language: Option<String>,
    /// The person's phone number with its country code, such as `+40712345678`. It is used for reminders.
    #[schemars(with = "Option<String>", length(min = 1, max = 64))]
    pub phone: Option<Private<String>>,
    /// What you found out about the person. It is stored with the booking. At most 50 entries, with names of at most
    /// 200 characters.
    #[schemars(with = "BTreeMap<String, Text<2_000>>", extend("maxProperties" = 50, "propertyNames" = json!({ "maxLength": 200 })))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub qualification: BTreeMap<String, Private<String>>,
    /// The host to meet: the name or e-mail address, as `event_types` returned it. Only if the person asks for a
    /// certain host.
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
    /// The start of the span. Date and time with an offset, such as `2027-01-11T09:00:00+02:00`; without an offset it
    /// is in the host's zone. Default: now.
    pub from: Option<When>,
    /// The end of the span, in the same form as `from`, at most a year after it. Default: seven days after `from`.
    pub until: Option<When>,
}

/// Which messages to show, and in which wording.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreviewRequest {
    /// The messages, by their names in the settings, such as `reminder`. Default: all, or the one in `wording`.
    #[schemars(inner(length(min = 1, max = 64)), length(max = 20))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// The languages: `en`, `ro`, `da`, `zh-Hant`. Default: all, or the one in `wording`.
    #[schemars(length(max = 20), extend("items" = json!({ "type": "string", "enum": languages() })))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// The channels: `sms`, `email`. Default: both.
    #[schemars(length(max = 2))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelName>,
    /// The event type whose wording and templates are shown, as the settings name it.
    #[schemars(length(min = 1, max = 512))]
    pub event_type: Option<String>,
    /// Wording to try, which need not be saved. It is checked like saved wording.
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

/// Wording for one message. A part that is left out stays as in the settings, or as our default.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WordingToTry {
    /// The message's name in the settings.
    #[schemars(length(min = 1, max = 64))]
    pub message: String,
    /// The language: `en`, `ro`, `da` or `zh-Hant`. Default: any.
    #[schemars(extend("enum" = languages()))]
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
    /// The e-mail as HTML: the content inside the layout.
    #[schemars(length(min = 1, max = 40000))]
    pub html: Option<String>,
}

impl From<&CustomAnswers> for GivenAnswers {
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
impl Request for EventTypesRequest {
    const IS_FROM_MODELS: bool = true;
}
impl Request for ConfirmRequest {
    const IS_FROM_MODELS: bool = true;
}
impl Request for UpcomingRequest {
    const IS_FROM_MODELS: bool = true;

    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }
}
impl Request for BookingIdRequest {
    const IS_FROM_MODELS: bool = true;
}
impl Request for CancelRequest {
    const IS_FROM_MODELS: bool = true;

    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }
}
impl Request for HostRequest {
    const IS_FROM_MODELS: bool = true;
}
impl Request for PreviewRequest {}

// A time without an offset needs no zone: it is in the booking's own zone.
impl Request for MoveRequest {
    const IS_FROM_MODELS: bool = true;

    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        let is_missing = self.preferred_time.is_none() && self.by.unwrap_or_default() == MoveBy::Rebook;
        Vec::from_iter(is_missing.then(|| Fault::new("preferredTime", "is needed, unless by is link")))
    }
}

impl Request for AvailableTimesRequest {
    const IS_FROM_MODELS: bool = true;

    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = check_span(self.from, self.until);
        faults.extend(check_zone([self.from, self.until], self.timezone.as_ref()));
        faults
    }
}

impl Request for AlternativesRequest {
    const IS_FROM_MODELS: bool = true;

    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::from_iter(check_subject(self.event_type.as_ref(), self.topic.as_ref()));
        faults.extend(check_zone([self.preferred_time, None], self.timezone.as_ref()));
        faults
    }
}

impl Request for BookRequest {
    const IS_FROM_MODELS: bool = true;

    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::from_iter(check_subject(self.event_type.as_ref(), self.topic.as_ref()));
        faults.extend(check_zone([Some(self.preferred_time), None], self.timezone.as_ref()));
        faults
    }
}

impl Request for LinkRequest {
    const IS_FROM_MODELS: bool = true;

    fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn check(&self) -> Vec<Fault> {
        Vec::from_iter(check_subject(self.event_type.as_ref(), self.topic.as_ref()))
    }
}

impl Request for BusyTimesRequest {
    const IS_FROM_MODELS: bool = true;

    fn check(&self) -> Vec<Fault> {
        check_span(self.from, self.until)
    }
}

/// Checks that the event type or the topic is given.
fn check_subject(event_type: Option<&String>, topic: Option<&String>) -> Option<Fault> {
    (event_type.is_none() && topic.is_none()).then(|| Fault::new("eventType", "or topic is needed"))
}

/// Checks that a zone is given for times without an offset.
fn check_zone(times: [Option<When>; 2], zone: Option<&String>) -> Option<Fault> {
    let is_missing = zone.is_none() && times.into_iter().flatten().any(When::is_local);
    is_missing.then(|| Fault::new("timezone", "is needed for a time without an offset"))
}

/// The longest span to search: a year. By default Calendly does not offer times further ahead.
pub const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Checks that a span goes forward and is not too long. If only one end has an offset, the length is not known here.
fn check_span(from: Option<When>, until: Option<When>) -> Vec<Fault> {
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
