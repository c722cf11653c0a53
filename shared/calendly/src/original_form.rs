//! The values that a booking was made with, in the terms of the booking form.

use domain::scheduling::{Meeting, QuestionAnswered};
use domain::{Private, read_phone};
use engine::OriginalForm;
use serde_json::Value;

use crate::resources::{Invitee, ScheduledEvent};

/// Reads the form from an invitee and its event.
pub(crate) fn parse_original_form(invitee: &Invitee, event: &ScheduledEvent) -> OriginalForm {
    let answers = (0..).zip(items(&invitee.questions_and_answers)).filter_map(|(at, it)| {
        let position = it["position"].as_u64().and_then(|position| u32::try_from(position).ok());
        Some(QuestionAnswered {
            question: it["question"].as_str()?.to_owned(),
            answer: text(&it["answer"])?,
            position: position.unwrap_or(at),
        })
    });
    OriginalForm {
        is_canceled: invitee.is_canceled() || event.is_canceled(),
        seats: event.seats(),
        answers: answers.collect(),
        phone: invitee.text_reminder_number.as_deref().and_then(|number| read_phone(number, None).ok()),
        guests: items(&event.event_guests).filter_map(|guest| text(&guest["email"])).collect(),
        meeting: parse_meeting(&event.location),
    }
}

/// Returns the place to meet, if the form accepts it again.
fn parse_meeting(location: &Value) -> Option<Meeting> {
    let (kind, location) = match location["type"].as_str()? {
        // The form needs the location of these again.
        kind @ ("physical" | "outbound_call" | "ask_invitee" | "custom") => (kind, Some(text(&location["location"])?)),
        // The location of these is the host's own number, or a link made for this meeting: the form takes none.
        "zoom" => ("zoom_conference", None),
        "gotomeeting" => ("gotomeeting_conference", None),
        kind if kind == "inbound_call" || kind.ends_with("_conference") => (kind, None),
        _ => return None,
    };
    Some(Meeting { kind: kind.to_owned(), location })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<Private<String>> {
    value.as_str().filter(|text| !text.trim().is_empty()).map(Private::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answers: Value, guests: Value, location: Value) -> OriginalForm {
        let invitee = json!({
            "status": "active", "text_reminder_number": "+45 20 12 34 56", "questions_and_answers": answers,
        });
        let event = json!({
            "start_time": "2027-01-11T09:00:00.000000Z", "invitees_counter": {"active": 2, "limit": 10, "total": 3},
            "event_guests": guests, "location": location,
        });
        let invitee = serde_json::from_value(invitee).expect("an invitee");
        parse_original_form(&invitee, &serde_json::from_value(event).expect("an event"))
    }

    #[test]
    fn a_booking_is_read_in_the_terms_of_the_form() {
        let answers = json!([
            {"question": "Company", "answer": "Acme", "position": 3}, {"question": "Topic", "answer": "  "},
            {"question": "Role", "answer": "Owner"}, {"answer": "lost"}, "odd",
        ]);
        let found = read(answers, json!([{"email": "bo@example.com"}, {}]), json!({"type": "zoom", "join_url": "…"}));
        let found_answers: Vec<_> =
            found.answers.iter().map(|it| (it.question.as_str(), it.answer.expose().as_str(), it.position)).collect();
        assert_eq!(found_answers, [("Company", "Acme", 3), ("Role", "Owner", 2)]);
        assert_eq!((found.seats, found.guests), (2, vec!["bo@example.com".into()]));
        assert_eq!(found.phone.map(|it| it.expose().to_owned()).as_deref(), Some("+4520123456"));
    }

    #[test]
    fn a_location_is_read_when_the_form_accepts_it() {
        let read_back = |location: Value| {
            let meeting = read(json!(null), json!(null), location).meeting?;
            Some((meeting.kind, meeting.location.map(|it| it.expose().clone())))
        };
        let at = |kind: &str, location: Option<&str>| Some((kind.to_owned(), location.map(str::to_owned)));
        for (location, expected) in [
            (json!({"type": "zoom"}), at("zoom_conference", None)),
            (json!({"type": "google_conference", "location": "odd"}), at("google_conference", None)),
            (json!({"type": "inbound_call", "location": "+4520123456"}), at("inbound_call", None)),
            (json!({"type": "outbound_call", "location": "+4520123456"}), at("outbound_call", Some("+4520123456"))),
            (json!({"type": "physical", "location": null}), None),
            (json!({"type": "by_pigeon"}), None),
            (json!(null), None),
        ] {
            assert_eq!(read_back(location.clone()), expected, "{location}");
        }
    }
}
