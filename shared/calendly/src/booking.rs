//! Sends the booking form and reads the result.

use std::time::Duration;

use domain::scheduling::Form;
use domain::{EventTypeUri, Fact, Private, Reason, Unchanged};
use engine::BookOutcome;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::account::{Account, parse_resource};
use crate::error::{Error, ErrorClass, USUAL_RESET_SECONDS};
use crate::meetings::build_fact;
use crate::paths::event_path;

/// The time-out for reading the event after it was booked: the caller waits for the answer.
const EVENT_TIMEOUT: Duration = Duration::from_secs(3);

/// How much older than Calendly's own data a booking made of the form counts.
const OLDER: SignedDuration = SignedDuration::from_micros(1);

/// The body of `POST /invitees`. Missing values are left out, except in the tracking.
#[derive(Serialize)]
struct Body<'a> {
    event_type: &'a EventTypeUri,
    start_time: Timestamp,
    invitee: Invitee<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    questions_and_answers: Vec<Answer<'a>>,
    tracking: Tracking<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    event_guests: &'a [Private<String>],
}

#[derive(Serialize)]
struct Invitee<'a> {
    name: Private<&'a str>,
    email: &'a Private<String>,
    timezone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_reminder_number: Option<&'a str>,
}

#[derive(Serialize)]
struct Location<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a Private<String>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    question: &'a str,
    answer: &'a Private<String>,
    position: u32,
}

/// The tracking. Calendly refuses one without all keys.
#[derive(Serialize)]
struct Tracking<'a> {
    utm_campaign: Option<&'a str>,
    utm_source: Option<&'a str>,
    utm_medium: Option<&'a str>,
    utm_content: &'a str,
    utm_term: Option<&'a str>,
    salesforce_uuid: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn new(form: &'a Form) -> Self {
        let (person, tracking) = (&form.person, &form.tracking);
        Self {
            event_type: &form.event_type,
            start_time: form.start,
            invitee: Invitee {
                name: Private::new(person.name.unchanged(Unchanged::Calendly)),
                email: &person.email,
                timezone: &person.zone,
                text_reminder_number: person.phone.as_ref().map(|phone| phone.expose()),
            },
            location: form
                .meeting
                .as_ref()
                .map(|meeting| Location { kind: &meeting.kind, location: meeting.location.as_ref() }),
            questions_and_answers: form
                .answers
                .iter()
                .map(|it| Answer { question: &it.question, answer: &it.answer, position: it.position })
                .collect(),
            tracking: Tracking {
                utm_campaign: tracking.campaign.as_deref(),
                utm_source: tracking.source.as_deref(),
                utm_medium: tracking.medium.as_deref(),
                utm_content: tracking.token.as_str(),
                utm_term: tracking.term.as_deref(),
                salesforce_uuid: tracking.salesforce_uuid.as_deref(),
            },
            event_guests: &form.guests,
        }
    }
}

/// Books, and reads what was booked.
pub(crate) async fn book(account: &Account, form: &Form) -> BookOutcome {
    let answer = match account.call(Method::POST, "/invitees", &[], Some(&Body::new(form))).await {
        Ok(answer) => answer,
        Err(error) => return outcome_of_error(&error),
    };
    let booked = match parse_resource::<Value>(&answer.body) {
        Ok(invitee) => read_booking(account, &invitee, form).await,
        Err(error) => Err(error),
    };
    match booked {
        Ok(fact) => BookOutcome::Booking {
            fact: Box::new(fact),
            closed_for_seconds: (answer.remaining == Some(0))
                .then_some(answer.reset_seconds.unwrap_or(USUAL_RESET_SECONDS)),
        },
        // There is a booking; the engine finds it by its token.
        Err(error) => BookOutcome::Unknown { detail: error.to_string() },
    }
}

async fn read_booking(account: &Account, invitee: &Value, form: &Form) -> Result<Fact, Error> {
    let event_uri = invitee["event"].as_str().unwrap_or_default();
    let event: Result<Value, Error> = match event_path(event_uri) {
        Some(path) => account.within(EVENT_TIMEOUT).get(&path).await,
        None => return Err(Error::Unreadable("resource.event: is not of the expected form".to_owned())),
    };
    if let Ok(fact) = event.and_then(|event| build_fact(invitee, &event)) {
        return Ok(fact);
    }
    // The form says what was booked, but not the host or the link. So any data of Calendly's must replace it.
    let event = json!({
        "uri": event_uri, "name": form.event_name, "start_time": form.start, "end_time": form.end,
        "event_type": form.event_type,
    });
    let mut fact = build_fact(invitee, &event)?;
    let as_of = &mut fact.leg.details.as_of;
    *as_of = as_of.saturating_sub(OLDER).unwrap_or(*as_of);
    Ok(fact)
}

fn outcome_of_error(error: &Error) -> BookOutcome {
    let detail = error.to_string();
    match error.classify() {
        _ if error.has_code("already_filled") => BookOutcome::Filled,
        ErrorClass::Limited(reset_seconds) => BookOutcome::Limited { reset_seconds },
        ErrorClass::Misconfigured => {
            BookOutcome::Refused { reason: Reason::Misconfigured, detail, parameters: Vec::new() }
        }
        ErrorClass::NotSent(reason @ Reason::NeedsReconnect) => {
            BookOutcome::Refused { reason, detail, parameters: Vec::new() }
        }
        ErrorClass::Refused | ErrorClass::NotFound => {
            BookOutcome::Refused { reason: Reason::ProviderRefused, detail, parameters: error.parameters() }
        }
        ErrorClass::NotSent(_) => BookOutcome::Unsent { detail },
        ErrorClass::Unknown => BookOutcome::Unknown { detail },
    }
}

#[cfg(test)]
mod tests {
    use domain::scheduling::{Meeting, Person, QuestionAnswered, Tracking};
    use domain::{ConnectionName, Phone, Token};
    use engine::Calendly;
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, TOKEN, invitee, made, resource, with};

    const POST: &str = "POST /invitees ";
    const EVENT: &str = "GET /scheduled_events/E1 ";

    fn form() -> Form {
        Form {
            event_type: EventTypeUri::new("https://api.calendly.com/event_types/T1"),
            event_name: "Intro call".to_owned(),
            start: "2127-01-11T09:00:00Z".parse().expect("an instant"),
            end: "2127-01-11T09:30:00Z".parse().expect("an instant"),
            person: Person {
                name: "Ana Pop".into(),
                email: "ana@example.com".into(),
                zone: "Europe/Bucharest".to_owned(),
                phone: None,
            },
            meeting: None,
            answers: Vec::new(),
            guests: Vec::new(),
            tracking: Tracking {
                source: None,
                medium: None,
                campaign: None,
                term: None,
                token: Token::parse(TOKEN).expect("a token"),
                salesforce_uuid: None,
            },
        }
    }

    async fn book(answers: Vec<(&'static str, Answer)>) -> BookOutcome {
        let calendly = StandIn::with_rules(answers);
        let mut rest = fixtures::rest(calendly.url());
        rest.timeout = Duration::from_millis(500);
        rest.create_booking(&ConnectionName::default(), &form()).await
    }

    fn body(form: &Form) -> Value {
        serde_json::to_value(Body::new(form)).expect("JSON")
    }

    #[test]
    fn the_smallest_form_names_all_six_tracking_keys_and_leaves_the_rest_out() {
        assert_eq!(
            body(&form()),
            json!({
                "event_type": "https://api.calendly.com/event_types/T1",
                "start_time": "2127-01-11T09:00:00Z",
                "invitee": {"name": "Ana Pop", "email": "ana@example.com", "timezone": "Europe/Bucharest"},
                "tracking": {
                    "utm_campaign": null, "utm_source": null, "utm_medium": null,
                    "utm_content": "vai1-abcdefghijklmnopqrstuvwxyz", "utm_term": null, "salesforce_uuid": null,
                },
            })
        );
    }

    #[test]
    fn a_complete_form_has_every_field() {
        let mut whole = form();
        whole.person.phone = Phone::parse("+40712345678");
        whole.meeting = Some(Meeting { kind: "outbound_call".to_owned(), location: Some("+40712345678".into()) });
        whole.answers =
            vec![QuestionAnswered { question: "What is it about?".to_owned(), answer: "A demo".into(), position: 2 }];
        whole.guests = vec!["bo@example.com".into()];
        whole.tracking = Tracking {
            source: Some("vai".to_owned()),
            medium: Some("agent".to_owned()),
            campaign: Some("spring".to_owned()),
            term: Some("t".to_owned()),
            salesforce_uuid: Some("s".to_owned()),
            ..whole.tracking
        };
        assert_eq!(
            body(&whole),
            json!({
                "event_type": "https://api.calendly.com/event_types/T1",
                "start_time": "2127-01-11T09:00:00Z",
                "invitee": {
                    "name": "Ana Pop", "email": "ana@example.com", "timezone": "Europe/Bucharest",
                    "text_reminder_number": "+40712345678",
                },
                "location": {"kind": "outbound_call", "location": "+40712345678"},
                "questions_and_answers": [{"question": "What is it about?", "answer": "A demo", "position": 2}],
                "tracking": {
                    "utm_campaign": "spring", "utm_source": "vai", "utm_medium": "agent",
                    "utm_content": "vai1-abcdefghijklmnopqrstuvwxyz", "utm_term": "t", "salesforce_uuid": "s",
                },
                "event_guests": ["bo@example.com"],
            })
        );
        whole.meeting = Some(Meeting { kind: "zoom_conference".to_owned(), location: None });
        assert_eq!(body(&whole)["location"], json!({"kind": "zoom_conference"}));
    }

    #[tokio::test]
    async fn a_booking_has_the_data_of_its_event() {
        let calendly = StandIn::with_rules(vec![(POST, made(&invitee("I1"))), (EVENT, resource(&fixtures::event()))]);
        let booked = fixtures::rest(calendly.url()).create_booking(&ConnectionName::default(), &form()).await;
        let BookOutcome::Booking { fact, closed_for_seconds: None } = booked else { panic!("{booked:?}") };
        assert_eq!(fact.leg.token, Some(form().tracking.token));
        assert_eq!(fact.leg.details.join_url.as_deref(), Some("https://zoom.example/1"));
        assert_eq!(fact.leg.details.host.as_deref(), Some("Maria Host"));
        assert_eq!(calendly.methods_and_paths(), ["POST /invitees", "GET /scheduled_events/E1"]);
        assert_eq!(calendly.requests()[0].json(), body(&form()));
    }

    #[tokio::test]
    async fn a_booking_whose_event_is_unavailable_has_the_data_of_the_form() {
        for event in [Answer::json(502, json!("<html>")), Answer::never_answers(), resource(&json!({"uri": "…"}))] {
            let booked = book(vec![(POST, made(&invitee("I1"))), (EVENT, event)]).await;
            let BookOutcome::Booking { fact, .. } = booked else { panic!("{booked:?}") };
            let (details, form) = (&fact.leg.details, form());
            assert_eq!((details.start, details.end), (form.start, form.end));
            assert_eq!(
                (details.event_type.as_ref(), details.event_name.as_str()),
                (Some(&form.event_type), "Intro call")
            );
            assert_eq!(
                (details.event.as_str(), details.host.as_ref()),
                (fixtures::event()["uri"].as_str().expect("a URI"), None)
            );
            let updated_at =
                fixtures::invitee("I1")["updated_at"].as_str().expect("an instant").parse().expect("an instant");
            assert!(details.as_of < updated_at, "Calendly's own data must replace the form's");
        }
    }

    #[tokio::test]
    async fn the_last_booking_before_the_rate_limit_says_when_it_resets() {
        let booked = |remaining: u32| made(&invitee("I1")).header("x-ratelimit-remaining", remaining);
        for (answer, closed) in [
            (booked(0).header("x-ratelimit-reset", 42), Some(42)),
            (booked(0), Some(60)),
            (booked(1).header("x-ratelimit-reset", 42), None),
        ] {
            let booked = book(vec![(POST, answer), (EVENT, resource(&fixtures::event()))]).await;
            let BookOutcome::Booking { closed_for_seconds, .. } = booked else { panic!("{booked:?}") };
            assert_eq!(closed_for_seconds, closed);
        }
    }

    #[tokio::test]
    async fn every_refusal_has_its_outcome() {
        let filled = json!({
            "title": "Invalid Argument", "message": "The supplied parameters are invalid.",
            "details": [{"parameter": "event.start_time", "message": "That start time has been filled", "code": "already_filled"}],
        });
        let location = json!({
            "title": "Invalid Argument", "message": "Specified location kind is not configured for this event type.",
            "details": [{
                "parameter": "event.location_configuration.location", "message": "invalid location choice",
                "code": "invalid_location_choice",
            }],
        });
        // The text of a filled slot without its code counts as any refusal.
        let words = json!({"title": "Invalid Argument", "message": "already_filled", "details": [{"message": "already_filled"}]});
        let scope =
            json!({"title": "Insufficient scope", "message": "…", "required_scopes": ["scheduled_events:write"]});
        let about = |reason, detail: &str, parameters: &[&str]| BookOutcome::Refused {
            reason,
            detail: format!("Calendly answered {detail}"),
            parameters: parameters.iter().map(|it| (*it).to_owned()).collect(),
        };
        let refused = |reason, detail: &str| about(reason, detail, &[]);
        for (status, body, expected) in [
            (400, filled, BookOutcome::Filled),
            (
                400,
                location,
                about(
                    Reason::ProviderRefused,
                    "400 Invalid Argument (event.location_configuration.location invalid_location_choice)",
                    &["event.location_configuration.location"],
                ),
            ),
            (400, words, refused(Reason::ProviderRefused, "400 Invalid Argument")),
            (
                401,
                json!({"title": "Unauthenticated", "message": "The access token is invalid"}),
                refused(Reason::Misconfigured, "401 Unauthenticated"),
            ),
            (403, scope, refused(Reason::Misconfigured, "403 Insufficient scope; it needs scheduled_events:write")),
            (404, json!({}), refused(Reason::ProviderRefused, "404 Not Found")),
            (429, json!({}), BookOutcome::Limited { reset_seconds: 60 }),
        ] {
            assert_eq!(book(vec![(POST, Answer::json(status, body))]).await, expected, "{status}");
        }
        let limited = Answer::json(429, "{}").header("x-ratelimit-reset", 37);
        assert_eq!(book(vec![(POST, limited)]).await, BookOutcome::Limited { reset_seconds: 37 });
    }

    #[tokio::test]
    async fn a_possible_booking_is_unknown_and_an_impossible_one_is_unsent() {
        let no_event = with(invitee("I1"), &json!({"event": null}));
        for (answer, detail) in [
            (Answer::json(502, json!("<html>Ana Pop</html>")), "Calendly answered 502 Bad Gateway"),
            (Answer::json(500, json!({})), "Calendly answered 500 Internal Server Error"),
            (Answer::json(424, json!({})), "Calendly answered 424 Failed Dependency"),
            (
                Answer::json(503, json!({})).header("retry-after", 60),
                "Calendly answered 503 Service Unavailable; it asks to wait 60 s",
            ),
            (Answer::never_answers(), "Calendly could not be reached: no answer in time"),
            (Answer::closes_connection(), "Calendly could not be reached: the connection broke"),
            (Answer::new(201, "<html>"), "Calendly's answer could not be read: line 1, column 1"),
            (made(&no_event), "Calendly's answer could not be read: resource.event: is not of the expected form"),
        ] {
            assert_eq!(book(vec![(POST, answer)]).await, BookOutcome::Unknown { detail: detail.to_owned() });
        }
        let unsent = async |connection: &str, url: &str| {
            let connection = ConnectionName::parse(connection).expect("a name");
            match fixtures::rest(url).create_booking(&connection, &form()).await {
                BookOutcome::Unsent { detail } => detail,
                other => panic!("{other:?}"),
            }
        };
        let unused_url = stand_in::unused_url();
        assert_eq!(unsent("default", &unused_url).await, "Calendly could not be reached: no connection");
        assert_eq!(unsent("default", "no URL").await, "Calendly could not be reached: the URL is invalid");
        assert_eq!(unsent("empty", &unused_url).await, "the connection's secret has no Calendly token");
        assert!(unsent("unheard-of", &unused_url).await.contains("there is no secret"));
    }
}
