//! `POST /invitees`: reads a body into an [`Order`], or refuses it as Calendly does.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    calendar::{Answer, Meeting, Order, Tracking},
    catalog::{Catalog, EventType},
    refusal::Refusal,
};
use crate::check::{Check, is_email, is_phone};

/// The kinds of location that need no further input.
const CONFERENCES: [&str; 6] = [
    "inbound_call",
    "zoom_conference",
    "google_conference",
    "gotomeeting_conference",
    "microsoft_teams_conference",
    "webex_conference",
];
/// The kinds of location that need an address, a number or a text.
const NAMED_LOCATIONS: [&str; 4] = ["physical", "outbound_call", "ask_invitee", "custom"];
const TRACKING: [&str; 6] = ["utm_campaign", "utm_source", "utm_medium", "utm_content", "utm_term", "salesforce_uuid"];
const MAX_GUESTS: usize = 10;

/// Reads a body. All problems of its form are returned together; those that depend on the event type are checked
/// afterwards.
pub(crate) fn read(body: &Value, catalog: &Catalog, now: Timestamp) -> Result<Order, Refusal> {
    let mut check = Check::new(body);
    let optional = ["location", "questions_and_answers", "tracking", "event_guests"];
    check.object("", &["event_type", "start_time", "invitee"], &optional);
    let event_type = check.text("event_type").map(str::to_owned);
    let start = start_time(&mut check, now);
    let person = person(&mut check);
    let meeting = location(&mut check);
    let answers = answers(&mut check);
    let tracking = tracking(&mut check);
    let guests = guests(&mut check);

    let event_type = event_type.map(|uri| {
        let found = catalog.by_uri(&uri);
        if found.as_ref().is_some_and(|event_type| !event_type.active) {
            check.refuse("event_type", "is not active");
        } else if found.is_none() && !uri.starts_with("https://api.calendly.com/event_types/") {
            check.refuse("event_type", "is not the URI of an event type");
        }
        found
    });
    if !check.problems.is_empty() {
        return Err(Refusal::invalid(check.problems));
    }
    // Without problems, all required values were read.
    let (Some(event_type), Some(start), Some((name, first_name, last_name, email, timezone))) =
        (event_type, start, person)
    else {
        return Err(Refusal::invalid(Vec::new()));
    };
    let event_type = event_type.ok_or_else(Refusal::not_found)?;
    let meeting = check_location(&event_type, meeting)?;
    let answers = check_answers(&event_type, answers)?;
    Ok(Order {
        event_type,
        start,
        name,
        first_name,
        last_name,
        email,
        timezone,
        text_reminder_number: body["invitee"]["text_reminder_number"].as_str().map(str::to_owned),
        meeting,
        answers,
        tracking,
        guests,
        scheduling_method: Some("api"),
    })
}

fn start_time(check: &mut Check<'_>, now: Timestamp) -> Option<Timestamp> {
    let start = check.time("start_time")?;
    if !check.text("start_time")?.ends_with(['Z', 'z']) {
        check.refuse("start_time", "must be in UTC");
    } else if start <= now {
        check.refuse("start_time", "start_time must be in the future");
    }
    Some(start)
}

type Person = (String, Option<String>, Option<String>, String, String);

fn person(check: &mut Check<'_>) -> Option<Person> {
    check.at("invitee")?;
    let optional = ["name", "first_name", "last_name", "text_reminder_number"];
    check.object("invitee", &["email", "timezone"], &optional);
    let email = check.email("invitee.email");
    let zone = check.zone("invitee.timezone");
    check.phone("invitee.text_reminder_number");
    let name = check.text("invitee.name");
    let first = check.text("invitee.first_name");
    let last = check.at("invitee.last_name").and_then(Value::as_str);
    let whole = match (name, first, last) {
        (Some(name), ..) => name.to_owned(),
        (None, Some(first), Some(last)) => format!("{first} {last}"),
        (None, Some(first), None) => first.to_owned(),
        (None, None, _) => {
            check.refuse("invitee.name", "is missing");
            return None;
        }
    };
    Some((whole, first.map(str::to_owned), last.map(str::to_owned), email?.to_owned(), zone?.to_owned()))
}

fn location(check: &mut Check<'_>) -> Option<Meeting> {
    check.at("location")?;
    check.object("location", &["kind"], &["location"]);
    let kind = check.text("location.kind")?;
    let location = check.text("location.location");
    if NAMED_LOCATIONS.contains(&kind) {
        if check.at("location.location").is_none() {
            check.refuse("location.location", "is missing");
        }
        if kind == "outbound_call" && location.is_some_and(|number| !is_phone(number)) {
            check.refuse("location.location", "is not a valid phone number");
        }
    } else if !CONFERENCES.contains(&kind) {
        check.refuse("location.kind", "is unknown");
    } else if check.at("location.location").is_some() {
        check.refuse("location.location", "is unknown");
    }
    Some(Meeting { kind: kind.to_owned(), location: location.map(str::to_owned) })
}

fn answers(check: &mut Check<'_>) -> Vec<Answer> {
    let Some(given) = check.at("questions_and_answers") else { return Vec::new() };
    let Some(given) = given.as_array() else {
        check.refuse("questions_and_answers", "must be a list");
        return Vec::new();
    };
    let mut answers = Vec::new();
    for index in 0..given.len() {
        let path = format!("questions_and_answers.{index}");
        check.object(&path, &["question", "answer", "position"], &[]);
        let question = check.text(&format!("{path}.question"));
        // A blank answer to an optional question is accepted.
        let answer = check.at(&format!("{path}.answer")).and_then(Value::as_str);
        let position = check.at(&format!("{path}.position")).and_then(Value::as_u64);
        match (question, answer, position) {
            (Some(question), Some(answer), Some(position)) => {
                answers.push(Answer { question: question.to_owned(), answer: answer.to_owned(), position });
            }
            (_, None, _) => check.refuse(&format!("{path}.answer"), "must be a string"),
            (.., None) => check.refuse(&format!("{path}.position"), "must be an integer"),
            (None, ..) => {}
        }
    }
    answers
}

/// Reads the tracking: all six keys, or none.
fn tracking(check: &mut Check<'_>) -> Tracking {
    if check.at("tracking").is_none() {
        return Tracking::default();
    }
    check.object("tracking", &TRACKING, &[]);
    let mut value = |key: &str| check.nullable(&format!("tracking.{key}")).map(str::to_owned);
    Tracking {
        utm_campaign: value("utm_campaign"),
        utm_source: value("utm_source"),
        utm_medium: value("utm_medium"),
        utm_content: value("utm_content"),
        utm_term: value("utm_term"),
        salesforce_uuid: value("salesforce_uuid"),
    }
}

fn guests(check: &mut Check<'_>) -> Vec<String> {
    let Some(given) = check.at("event_guests") else { return Vec::new() };
    let guests: Vec<String> =
        given.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if given.as_array().is_none_or(|all| all.len() != guests.len()) || !guests.iter().all(|guest| is_email(guest)) {
        check.refuse("event_guests", "must be a list of e-mail addresses");
    }
    if guests.len() > MAX_GUESTS {
        check.refuse("event_guests", "can't be more than 10");
    }
    guests
}

/// Checks the location against those of the event type. If the only one is a conference, it can be left out. A team's
/// can't be given: it is that of the host who is free.
fn check_location(event_type: &EventType, meeting: Option<Meeting>) -> Result<Meeting, Refusal> {
    match (meeting, event_type.places) {
        (Some(_), _) if event_type.is_team() => Err(Refusal::invalid_location_choice()),
        (Some(meeting), places) if places.iter().any(|place| place.kind == meeting.kind) => Ok(meeting),
        (Some(_), _) => Err(Refusal::invalid_location_choice()),
        (None, [only]) if CONFERENCES.contains(&only.kind) => {
            Ok(Meeting { kind: only.kind.to_owned(), location: None })
        }
        (None, _) => Err(Refusal::parameter("event.location_configuration.location", "is missing")),
    }
}

/// Checks that the questions are exactly those of the event type, and that the required ones are answered.
fn check_answers(event_type: &EventType, answers: Vec<Answer>) -> Result<Vec<Answer>, Refusal> {
    let body = json!(null);
    let mut check = Check::new(&body);
    for (index, answer) in answers.iter().enumerate() {
        let path = format!("questions_and_answers.{index}");
        match event_type.questions.iter().find(|question| question.name == answer.question) {
            None => check.refuse(&format!("{path}.question"), "does not match a question of the event type"),
            Some(_) if answer.answer.trim().is_empty() => {}
            Some(question) if question.kind == "phone_number" && !is_phone(&answer.answer) => {
                check.refuse(&format!("{path}.answer"), "is not a valid phone number");
            }
            Some(question)
                if question.kind == "single_select" && !question.choices.contains(&answer.answer.as_str()) =>
            {
                check.refuse(&format!("{path}.answer"), "is not one of the choices");
            }
            Some(_) => {}
        }
    }
    if !check.problems.is_empty() {
        return Err(Refusal::invalid(check.problems));
    }
    let is_answered =
        |name: &str| answers.iter().any(|answer| answer.question == name && !answer.answer.trim().is_empty());
    if event_type.questions.iter().any(|question| question.required && !is_answered(question.name)) {
        return Err(Refusal::answers_missing());
    }
    Ok(answers)
}
