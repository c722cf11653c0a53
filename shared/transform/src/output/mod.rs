//! The forms of a delivery's body.

mod chat;
mod cloud_event;
mod flat;
mod read;
mod slack;
mod teams;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{TransformError, Transformation};

/// The form in which an endpoint gets its events. Stored as a name, or as `{"template": …}`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The event as it is.
    #[default]
    Standard,
    /// A CloudEvent 1.0, in structured mode.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// A message for a Slack incoming webhook.
    Slack,
    /// A message with an Adaptive Card, for a Teams workflow.
    Teams,
    /// A lead for a CRM: one flat object. What the event lacks is left out, since many CRMs clear a field that is null.
    CrmLead,
    /// A row for analytics: one flat object of scalars, with names in lower case.
    AnalyticsRow,
    /// The customer's transformation.
    Template(Transformation),
}

/// The body of a delivery.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The bytes, always JSON.
    pub body: Vec<u8>,
    /// The media type.
    pub content_type: &'static str,
}

/// The body is personal and is not printed.
impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.body.len();
        f.debug_struct("Rendered").field("bytes", &length).field("content_type", &self.content_type).finish()
    }
}

impl Output {
    /// Makes the body of a delivery. `source` names the sender in a CloudEvent, as a URI reference.
    pub fn render(&self, event: &Value, source: &str) -> Result<Rendered, TransformError> {
        let body = match self {
            Self::Standard => event.clone(),
            Self::CloudEvents => cloud_event::make(event, source)?,
            Self::Slack => slack::make(event),
            Self::Teams => teams::make(event),
            Self::CrmLead => flat::make_lead(event),
            Self::AnalyticsRow => flat::make_row(event),
            Self::Template(transformation) => transformation.apply(event)?,
        };
        let content_type = match self {
            Self::CloudEvents => "application/cloudevents+json",
            _ => "application/json",
        };
        let body = serde_json::to_vec(&body).map_err(|_| TransformError::NoJson)?;
        Ok(Rendered { body, content_type })
    }
}

#[cfg(test)]
mod tests {
    use ::events::EventType;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::samples::{any_event, event, events};

    fn all() -> Vec<Output> {
        let template = Transformation::parse(&json!({"x": "{{ data }}"})).expect("a transformation");
        let ready = [Output::Standard, Output::CloudEvents, Output::Slack, Output::Teams, Output::CrmLead];
        ready.into_iter().chain([Output::AnalyticsRow, Output::Template(template)]).collect()
    }

    fn render(output: &Output, event: &Value) -> Value {
        let rendered = output.render(event, "/connections/c_1").expect("a body");
        serde_json::from_slice(&rendered.body).expect("JSON")
    }

    #[test]
    fn outputs_are_stored_by_name() {
        let names: Vec<_> = all().iter().map(|it| serde_json::to_value(it).expect("JSON")).collect();
        let template = json!({"template": {"x": "{{ data }}"}});
        let expected = ["standard", "cloudevents", "slack", "teams", "crm_lead", "analytics_row"].map(Value::from);
        assert_eq!(names, [&expected[..], &[template]].concat());
        for (name, output) in names.into_iter().zip(all()) {
            assert_eq!(serde_json::from_value::<Output>(name).expect("an output"), output);
        }
    }

    #[test]
    fn a_cloud_event_has_the_attributes_of_the_specification() {
        assert_eq!(
            render(&Output::CloudEvents, &event("agent.metrics")),
            json!({
                "specversion": "1.0", "id": "evt_1", "source": "/connections/c_1", "type": "agent.metrics",
                "time": "2026-08-30T08:00:00Z", "subject": "a_1", "sequence": "0000000003",
                "sequencestream": "booking/bkg_1", "previousdigest": "sha256:ab",
                "datacontenttype": "application/json", "data": event("agent.metrics")["data"],
            })
        );
        let rendered = Output::CloudEvents.render(&event("webhook.test"), "/c").expect("a body");
        assert_eq!(rendered.content_type, "application/cloudevents+json");
        for (event_type, event) in events() {
            let made = render(&Output::CloudEvents, &event);
            for (name, value) in made.as_object().expect("an object") {
                assert!(name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()), "{name}");
                assert!(name == "data" || value.as_str().is_some_and(|it| !it.is_empty()), "{event_type} {name}");
            }
            assert!(made.get("subject").is_some(), "{event_type}");
        }
        for (lacking, expected) in [("id", TransformError::Lacks("id")), ("type", TransformError::Lacks("type"))] {
            let mut event = json!({"id": "e", "type": "t"});
            event[lacking] = json!("");
            assert_eq!(Output::CloudEvents.render(&event, "/c"), Err(expected));
        }
    }

    #[test]
    fn a_slack_message_shows_the_words_of_strangers_as_they_are() {
        assert_eq!(
            render(&Output::Slack, &event("booking.canceled")),
            json!({
                "text": "Booking canceled: Ana channel Pop x https evil example, Sales Demo",
                "blocks": [
                    {"type": "header", "text": {"type": "plain_text", "text": "Booking canceled", "emoji": false}},
                    {"type": "section", "fields": [
                        field("Invitee\nAna &lt;!channel&gt; *Pop* [x](https://evil.example)"),
                        field("E-mail\nana@example.com"),
                        field("Phone\n+40712345678"),
                        field("Meeting\nSales Demo"),
                        field("Start\nTue 1 Sep 2026, 13:00 (Europe/Bucharest)"),
                        field("Host\nMihai"),
                        field("Link\nhttps://meet.example/x"),
                        field("Canceled by\ninvitee"),
                        field("Reason\nill"),
                        field("User\nuser_1"),
                    ]},
                    {"type": "section", "fields": [
                        field("Conversation\nconv_1"),
                        field("Size &amp; &lt;team&gt;?\n&lt;https://evil.example|here&gt; @channel"),
                    ]},
                    {"type": "context", "elements": [field("2026-08-30T08:00:00Z · evt_1")]},
                ],
            })
        );
    }

    fn field(text: &str) -> Value {
        json!({"type": "plain_text", "text": text, "emoji": false})
    }

    #[test]
    fn a_teams_message_shows_the_words_of_strangers_as_they_are() {
        let message = render(&Output::Teams, &event("agent.metrics"));
        let run = |label: &str, value: &str| {
            json!({"type": "RichTextBlock", "spacing": "Small", "inlines": [
                {"type": "TextRun", "text": label, "weight": "Bolder"},
                {"type": "TextRun", "text": value, "weight": "Default"},
            ]})
        };
        assert_eq!(
            message["attachments"][0]["content"]["body"],
            json!([
                {"type": "RichTextBlock", "inlines": [
                    {"type": "TextRun", "text": "Agent metrics", "weight": "Bolder", "size": "Large"},
                ]},
                run("Agent: ", "a_1"),
                run("Period: ", "day"),
                run("Satisfaction score: ", "0.7"),
                run("Tools: ", "[\"a\",\"b\"]"),
                run("Total conversations: ", "12"),
                {"type": "RichTextBlock", "inlines": [
                    {"type": "TextRun", "text": "2026-08-30T08:00:00Z · evt_1", "size": "Small", "isSubtle": true},
                ]},
            ])
        );
        assert_eq!(message["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
        assert_eq!(message["summary"], "Agent metrics");
    }

    #[test]
    fn a_lead_is_flat_and_leaves_out_what_is_missing() {
        assert_eq!(
            render(&Output::CrmLead, &event("booking.canceled")),
            json!({
                "event": "booking.canceled", "event_id": "evt_1", "occurred_at": "2026-08-30T08:00:00Z",
                "email": "ana@example.com", "name": "Ana <!channel> *Pop* [x](https://evil.example)",
                "first_name": "Ana",
                "last_name": "<!channel> *Pop* [x](https://evil.example)", "phone": "+40712345678",
                "event_type": "Sales Demo", "status": "active", "start_time": "2026-09-01T10:00:00Z",
                "end_time": "2026-09-01T10:30:00Z", "timezone": "Europe/Bucharest",
                "join_url": "https://meet.example/x",
                "host_name": "Mihai", "host_email": "mihai@example.com", "canceled_by": "invitee",
                "cancel_reason": "ill", "booking_id": "bkg_1", "conversation_id": "conv_1", "agent": "sales",
                "user_id": "user_1", "answers": "Size & <team>?: <https://evil.example|here> @channel",
                "qualification_budget": 5000, "qualification_is_decider": true, "qualification_need_topic": "CRM",
                "utm_source": "news", "utm_campaign": "fall",
            })
        );
        assert_eq!(
            render(&Output::CrmLead, &event("message.received")),
            json!({
                "event": "message.received", "event_id": "evt_1", "occurred_at": "2026-08-30T08:00:00Z",
                "conversation_id": "s_1", "user_id": "user_1", "message": "Hi <!here>",
            })
        );
    }

    #[test]
    fn a_row_has_one_level_and_loses_nothing() {
        assert_eq!(
            render(&Output::AnalyticsRow, &event("agent.metrics")),
            json!({
                "event_id": "evt_1", "event_name": "agent.metrics", "event_time": "2026-08-30T08:00:00Z",
                "event_sequence": 3,
                "agent_id": "a_1", "period": "day", "metrics_satisfaction_score": 0.7,
                "metrics_total_conversations": 12,
                "metrics_tools": "[\"a\",\"b\"]",
            })
        );
        let event =
            json!({"data": {"ab": 1, "Ab": 2, "aB": 3, "a": {"b": 4, "": 5, "é-x": 6}, "a_b": 7, "event_id": 8}});
        assert_eq!(
            render(&Output::AnalyticsRow, &event),
            json!({"ab": 2, "ab_2": 1, "a__": 5, "a_b": 4, "a___x": 6, "a_b_2": 3, "a_b_3": 7, "event_id": 8})
        );
        assert_eq!(render(&Output::AnalyticsRow, &json!({"data": 5})), json!({"value": 5}));
    }

    #[test]
    fn every_output_is_sensible_for_every_event() {
        let published = EventType::ALL
            .iter()
            .map(|kind| (kind.name(), serde_json::from_str(&::events::sample(*kind).body(None)).expect("JSON")));
        for (event_type, event) in events().into_iter().chain(published) {
            let slack = render(&Output::Slack, &event);
            assert!(slack["blocks"].as_array().is_some_and(|it| it.len() >= 3), "{event_type} shows facts: {slack}");
            let teams = render(&Output::Teams, &event);
            let body = &teams["attachments"][0]["content"]["body"];
            assert!(body.as_array().is_some_and(|it| it.len() >= 3), "{event_type} shows facts: {teams}");
            for output in [Output::CrmLead, Output::AnalyticsRow] {
                let flat = render(&output, &event);
                let values: Vec<_> = flat.as_object().expect("an object").values().collect();
                assert!(values.len() >= 3 && values.iter().all(|it| !it.is_object() && !it.is_array()), "{flat}");
            }
            assert!(render(&Output::CloudEvents, &event)["subject"].is_string(), "{event_type} is about something");
            assert_eq!(render(&Output::Standard, &event), event);
        }
    }

    #[test]
    fn a_lead_has_everything_that_is_known_of_a_person() {
        let body = ::events::sample(EventType::BookingCanceled).body(None);
        let lead = render(&Output::CrmLead, &serde_json::from_str(&body).expect("JSON"));
        for name in [
            "email",
            "name",
            "first_name",
            "phone",
            "language",
            "event_type",
            "status",
            "start_time",
            "place",
            "topic",
            "canceled_by",
            "cancel_reason",
            "qualification_company",
            "utm_source",
            "salesforce_uuid",
            "answers",
        ] {
            assert!(lead[name].as_str().is_some_and(|it| !it.is_empty()), "{name}: {lead}");
        }
    }

    #[test]
    fn a_body_is_not_printed() {
        let rendered = Output::Standard.render(&json!({"name": "Ana"}), "/c").expect("a body");
        assert_eq!(format!("{rendered:?}"), "Rendered { bytes: 14, content_type: \"application/json\" }");
    }

    /// Calls `visit` with each text that is shown in a chat message.
    fn visit_texts(value: &Value, visit: &mut impl FnMut(&Value, &str)) {
        if let Some(text) = value.get("text").and_then(Value::as_str) {
            visit(value, text);
        }
        match value {
            Value::Array(items) => items.iter().for_each(|it| visit_texts(it, visit)),
            Value::Object(object) => object.values().for_each(|it| visit_texts(it, visit)),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn every_output_takes_any_event(event in any_event()) {
            for output in all() {
                if let Ok(rendered) = output.render(&event, "/c") {
                    prop_assert!(serde_json::from_slice::<Value>(&rendered.body).is_ok());
                } else {
                    prop_assert!(matches!(output, Output::CloudEvents), "only a CloudEvent needs an id and a type");
                }
            }
        }

        #[test]
        fn chat_messages_stay_within_the_limits_whatever_strangers_write(
            name in any::<String>(),
            answer in prop_oneof![
                any::<String>(),
                "[<>&@#!:/.a-z*_\\[\\]()|~`]{0,40}",
                "[\u{10000}-\u{10050}&]{240,400}",
            ],
            count in 0..40_usize,
        ) {
            let mut event = event("booking.created");
            event["data"]["invitee"]["name"] = json!(name);
            event["data"]["booking"]["eventType"] = json!(answer);
            event["data"]["answers"] = json!(vec![json!({"question": answer, "answer": answer}); count]);
            let slack = render(&Output::Slack, &event);
            let summary = slack["text"].as_str().expect("a text");
            let signs = summary.replacen(": ", "", 1);
            prop_assert!(!signs.contains(|c: char| c.is_ascii_punctuation() && !"',-".contains(c)), "{}", summary);
            let blocks = slack["blocks"].as_array().expect("blocks");
            prop_assert!(blocks.len() <= 50);
            visit_texts(&slack["blocks"], &mut |object, text| {
                assert_eq!(object["type"], "plain_text");
                assert!((1..=2000).contains(&text.chars().count()));
                assert!(!text.contains(['<', '>']));
            });
            let teams = render(&Output::Teams, &event);
            visit_texts(&teams["attachments"], &mut |object, _| assert_eq!(object["type"], "TextRun"));
            prop_assert!(serde_json::to_vec(&teams).expect("JSON").len() <= 28_000);
        }
    }
}
