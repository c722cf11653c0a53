//! The questions that the settings of the CRM name, and that the booking forms do not ask.

use super::{AttributeSource, Settings};
use crate::scheduling::{Catalog, EventType};

/// The most event types that a warning names.
const MOST_NAMED: usize = 3;

impl Settings {
    /// Returns whether the settings name a question of a booking form.
    pub fn name_questions(&self) -> bool {
        self.named_questions().next().is_some()
    }

    /// Returns a warning for each question that an event type does not ask. Without the question, the CRM does not get
    /// its answer from bookings of that event type.
    pub fn find_unasked_questions(&self, catalog: &Catalog) -> Vec<String> {
        let is_wanted = |it: &&EventType| self.act_on.is_empty() || self.act_on.iter().any(|key| it.is_named(key));
        let event_types: Vec<_> = catalog.event_types.iter().filter(is_wanted).collect();
        let warnings = self.named_questions().filter_map(|(path, source, of)| {
            let asks = |it: &EventType| it.questions.iter().any(|question| source.asks(&question.name));
            let is_of = |it: &&&EventType| of.is_none_or(|key| it.is_named(key));
            let without: Vec<_> =
                event_types.iter().filter(is_of).filter(|it| !asks(it)).map(|it| it.name.as_str()).collect();
            let names = without.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = match without.len().saturating_sub(MOST_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            (!without.is_empty()).then(|| format!("{path}: its question is not asked by the event types {names}{more}"))
        });
        warnings.collect()
    }

    /// Returns each question with its path, and the event type that it is for.
    fn named_questions(&self) -> impl Iterator<Item = (String, AttributeSource, Option<&str>)> {
        let attributes = self.crm.iter().flat_map(|crm| &crm.attributes);
        // A phone number may come from elsewhere, so its question may be missing.
        let is_question =
            |it: &AttributeSource| matches!(it, AttributeSource::Answer(_) | AttributeSource::AnswerMatching(_));
        let attributes = attributes
            .filter(move |(_, source)| is_question(source))
            .map(|(name, source)| (format!("crm.attributes.{name}"), source.clone(), None));
        let lists = self.crm.iter().flat_map(|crm| crm.lists.iter().enumerate());
        let consents = lists.filter_map(|(index, list)| {
            let source = AttributeSource::Answer(list.consent.as_ref()?.question.clone());
            Some((format!("crm.lists[{index}].consent"), source, list.event_type.as_deref()))
        });
        attributes.chain(consents)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::EventTypeUri;
    use crate::scheduling::{Question, QuestionKind};

    fn event_type(name: &str, questions: &[&str]) -> EventType {
        let question = |name: &&str| Question {
            name: (*name).to_owned(),
            kind: QuestionKind::Text,
            position: 0,
            required: false,
            choices: Vec::new(),
            include_other: false,
        };
        EventType {
            uri: EventTypeUri::new(format!("https://api.calendly.com/event_types/{name}")),
            name: name.to_owned(),
            slug: None,
            description: None,
            minutes: 30,
            is_group: false,
            is_round_robin: false,
            scheduling_url: String::new(),
            owner: String::new(),
            hosts: Vec::new(),
            questions: questions.iter().map(question).collect(),
            locations: Vec::new(),
        }
    }

    #[test]
    fn a_question_that_an_event_type_does_not_ask_is_reported() {
        let settings = Settings::check(&json!({"crm": {
            "attributes": {
                "COMPANY": {"answer": "Company "},
                "ROLE": {"answer_matching": "role|position"},
                "SMS": {"phone_matching": "mobile"},
            },
            "lists": [
                {"id": 1, "marketing": true, "event_type": "Demo", "consent": {"question": "Offers?", "answer": "Yes"}},
            ],
        }}))
        .expect("settings");
        let mut event_types: Vec<_> = ["Support", "Review", "Interview"].map(|name| event_type(name, &[])).into();
        event_types.insert(0, event_type("Demo", &["Your role?", "offers?"]));
        event_types.insert(0, event_type("Intro", &["company"]));
        let catalog = Catalog { event_types };
        let expected = [
            "crm.attributes.COMPANY: its question is not asked by the event types Demo, Support, Review and 1 more",
            "crm.attributes.ROLE: its question is not asked by the event types Intro, Support, Review and 1 more",
        ];
        assert_eq!(settings.find_unasked_questions(&catalog), expected);
        let only_demo = Settings { act_on: vec!["Demo".to_owned()], ..settings };
        assert_eq!(
            only_demo.find_unasked_questions(&catalog),
            ["crm.attributes.COMPANY: its question is not asked by the event types Demo"]
        );
        assert!(only_demo.name_questions() && !Settings::default().name_questions());
    }
}
