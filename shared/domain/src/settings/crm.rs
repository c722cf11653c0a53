//! The settings of the customer's CRM: which contacts, attributes, lists and events it gets.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use stranger::Unchanged;

use super::filter::names;
use crate::Leg;
use crate::crm_contact::MeetingStatus;

/// What the CRM gets. Without this table it gets nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "description.rs documents each setting")]
pub struct CrmSettings {
    pub contacts: bool,
    pub events: bool,
    pub cancellations: bool,
    pub attributes: BTreeMap<String, AttributeSource>,
    pub statuses: BTreeMap<MeetingStatus, String>,
    pub lists: Vec<CrmList>,
}

impl CrmSettings {
    /// Returns the word for a status.
    pub fn word_of(&self, status: MeetingStatus) -> &str {
        self.statuses.get(&status).map_or(status.name(), String::as_str)
    }

    /// Returns the lists for a leg's event type: those that name it, or else those that name no event type.
    pub fn lists_of(&self, leg: &Leg) -> Vec<&CrmList> {
        let is_for = |list: &&CrmList| list.event_type.as_deref().is_some_and(|key| names(key, leg));
        let own: Vec<_> = self.lists.iter().filter(is_for).collect();
        if own.is_empty() { self.lists.iter().filter(|list| list.event_type.is_none()).collect() } else { own }
    }
}

/// A list of the CRM, for contacts with a meeting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CrmList {
    /// The CRM's number of the list.
    pub id: u64,
    /// For this event type only: name, URI or UUID. Otherwise for each event type that no other list names.
    #[serde(default)]
    pub event_type: Option<String>,
    /// Whether a contact leaves the list when the meeting is canceled and no other meeting keeps it there.
    #[serde(default)]
    pub unlink_on_cancellation: bool,
    /// Whether the list is for marketing. Then a contact joins it only with consent or by a double opt-in.
    #[serde(default)]
    pub marketing: bool,
    /// The answer that is consent.
    #[serde(default)]
    pub consent: Option<ConsentAnswer>,
    /// The e-mail in which the CRM asks for consent.
    #[serde(default)]
    pub double_opt_in: Option<DoubleOptIn>,
}

impl CrmList {
    /// Returns whether a leg's invitee may be on the list without being asked.
    pub fn admits(&self, leg: &Leg) -> bool {
        !self.marketing || self.consent.as_ref().is_some_and(|it| it.is_given(leg))
    }
}

/// The answer to a question of the booking form that is consent to marketing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConsentAnswer {
    /// The question, as the host wrote it. Upper and lower case do not matter.
    pub question: String,
    /// The answer that is consent. Upper and lower case do not matter.
    pub answer: String,
}

impl ConsentAnswer {
    fn is_given(&self, leg: &Leg) -> bool {
        leg.details.answers.iter().any(|it| {
            is_same_text(&it.question, &self.question)
                && is_same_text(it.answer.unchanged(Unchanged::Comparison), &self.answer)
        })
    }
}

/// The e-mail in which the CRM asks for consent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct DoubleOptIn {
    /// The CRM's number of the template.
    pub template: u64,
    /// The page that opens after the person has agreed.
    pub redirect_url: String,
}

/// Where the value of a contact's attribute comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeSource {
    /// The first name. From a single name field: the name up to the first space.
    FirstName,
    /// The last name. From a single name field: the name after the first space.
    LastName,
    /// The whole name.
    Name,
    /// The phone number, international. It has the same sources as for SMS.
    Phone,
    /// The event type's name.
    EventType,
    /// The first host's name.
    Host,
    /// The date of the start, in the invitee's time zone.
    StartDate,
    /// The invitee's IANA time zone.
    Timezone,
    /// The language of our messages, a BCP 47 tag.
    Language,
    /// The status of the meeting that changed last.
    Status,
    /// The number of meetings that were not canceled.
    Meetings,
    /// The number of no-shows.
    NoShows,
    /// The date of the last no-show, in the invitee's time zone.
    LastNoShow,
    /// The kind of VAI's agent.
    AgentType,
    /// VAI's conversation.
    ConversationId,
    /// `utm_source`.
    UtmSource,
    /// `utm_medium`.
    UtmMedium,
    /// `utm_campaign`.
    UtmCampaign,
    /// `utm_term`.
    UtmTerm,
    /// `utm_content`.
    UtmContent,
    /// The phone number, as for `phone`; or else the answer to the first question that this regular expression matches.
    PhoneMatching(String),
    /// The answer to the question with this text. Upper and lower case do not matter.
    Answer(String),
    /// The answer to the first question that this regular expression matches. Upper and lower case do not matter.
    AnswerMatching(String),
    /// What the agent found out under this name.
    Qualification(String),
}

/// The type that an attribute must have in the CRM.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AttributeType {
    /// Text.
    Text,
    /// A calendar date.
    Date,
    /// A number.
    Number,
}

impl AttributeSource {
    /// The sources that are a word, in the order in which they are documented.
    pub const WORDS: [Self; 20] = [
        Self::FirstName,
        Self::LastName,
        Self::Name,
        Self::Phone,
        Self::EventType,
        Self::Host,
        Self::StartDate,
        Self::Timezone,
        Self::Language,
        Self::Status,
        Self::Meetings,
        Self::NoShows,
        Self::LastNoShow,
        Self::AgentType,
        Self::ConversationId,
        Self::UtmSource,
        Self::UtmMedium,
        Self::UtmCampaign,
        Self::UtmTerm,
        Self::UtmContent,
    ];

    /// Returns the type of its values.
    pub fn value_type(&self) -> AttributeType {
        match self {
            Self::StartDate | Self::LastNoShow => AttributeType::Date,
            Self::Meetings | Self::NoShows => AttributeType::Number,
            _ => AttributeType::Text,
        }
    }

    /// Returns the name that settings use; for a table, its key.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Name => "name",
            Self::Phone => "phone",
            Self::EventType => "event_type",
            Self::Host => "host",
            Self::StartDate => "start_date",
            Self::Timezone => "timezone",
            Self::Language => "language",
            Self::Status => "status",
            Self::Meetings => "meetings",
            Self::NoShows => "no_shows",
            Self::LastNoShow => "last_no_show",
            Self::AgentType => "agent_type",
            Self::ConversationId => "conversation_id",
            Self::UtmSource => "utm_source",
            Self::UtmMedium => "utm_medium",
            Self::UtmCampaign => "utm_campaign",
            Self::UtmTerm => "utm_term",
            Self::UtmContent => "utm_content",
            Self::PhoneMatching(_) => "phone_matching",
            Self::Answer(_) => "answer",
            Self::AnswerMatching(_) => "answer_matching",
            Self::Qualification(_) => "qualification",
        }
    }

    /// Returns whether the answer to a question is its value.
    pub(crate) fn asks(&self, question: &str) -> bool {
        match self {
            Self::Answer(text) => is_same_text(question, text),
            Self::AnswerMatching(pattern) | Self::PhoneMatching(pattern) => {
                compile_pattern(pattern).is_some_and(|it| it.is_match(question))
            }
            _ => false,
        }
    }
}

/// Compiles a pattern for questions; `None` if it is not a regular expression.
pub(crate) fn compile_pattern(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("(?i){pattern}")).ok()
}

fn is_same_text(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_name_of_a_source_is_its_name() {
        for source in AttributeSource::WORDS {
            assert_eq!(serde_json::to_value(&source).expect("serializes"), source.name());
        }
    }

    #[test]
    fn questions_are_matched_by_their_text_or_a_pattern() {
        let exact = AttributeSource::Answer("Company ".to_owned());
        assert!(exact.asks(" company"));
        assert!(!exact.asks("Company size"));
        let pattern = AttributeSource::AnswerMatching(r"\b(role|position)\b".to_owned());
        assert!(pattern.asks("What is your Role?"));
        assert!(!pattern.asks("Controlled by"));
        assert!(!AttributeSource::AnswerMatching("(".to_owned()).asks("("));
    }
}
