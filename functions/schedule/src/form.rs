//! Calendly's form, filled in from a booking request.

use api::answer::{LocationView, QuestionView};
use api::request::{BookRequest, CustomAnswers};
use api::{Refusal, Why};
use domain::scheduling::form::{self, FormFault, GuestFault};
use domain::scheduling::{EventType, Form, Given, Person, Slot, Tracking};
use domain::{Language, Metadata, Private, Token};
use front::{Context, invalid};
use jiff::Timestamp;

use crate::resolve::invitee_invalid;

/// Where our bookings come from, in VAI's metadata.
pub(crate) const SOURCE: &str = "vai_agent";

/// Where our bookings come from, in Calendly's tracking.
pub(crate) const UTM_SOURCE: &str = "vai";

/// The tracking of a booking of ours.
pub(crate) fn tracking(token: Token, agent_type: Option<String>) -> Tracking {
    Tracking {
        source: Some(UTM_SOURCE.to_owned()),
        medium: Some("agent".to_owned()),
        campaign: agent_type,
        term: None,
        token,
        salesforce_uuid: None,
    }
}

/// The tag of a language that we speak.
pub(crate) fn language_tag(language: Option<&str>) -> Option<String> {
    language.and_then(Language::parse).map(|it| it.tag().to_owned())
}

/// Fills in the form, and what is stored beside the booking.
pub(crate) fn fill_form(
    context: &Context,
    request: &BookRequest,
    person: Person,
    event_type: &EventType,
    slot: &Slot,
    token: Token,
    now: Timestamp,
) -> Result<(Form, Metadata), Refusal> {
    let (settings, locale) = (&context.settings, &context.locale);
    let given = match &request.custom_answers {
        None => Given::default(),
        Some(CustomAnswers::Pairs(pairs)) => {
            Given::Named(pairs.iter().map(|it| (it.question.clone(), it.answer.clone())).collect())
        }
        Some(CustomAnswers::ByQuestion(map)) => {
            Given::Named(map.iter().map(|(question, answer)| (question.clone(), answer.clone())).collect())
        }
        Some(CustomAnswers::InOrder(answers)) => Given::InOrder(answers.clone()),
    };
    let answers = form::answers(event_type, &given, person.phone.as_ref(), settings);
    let answers = answers.map_err(|fault| match fault {
        FormFault::Missing(questions) => {
            let names: Vec<_> = questions.iter().map(|it| it.name.as_str()).collect();
            let message = locale.questions(&names);
            let questions = questions.iter().map(QuestionView::from).collect();
            Refusal::new(Why::QuestionMissing { questions }, message)
        }
        FormFault::Invalid { question, choices, .. } => {
            let message = locale.answer(&question);
            Refusal::new(Why::AnswerInvalid { question, choices }, message)
        }
    })?;
    let location = request.location.as_ref();
    let location = location.map(|it| (it.kind.as_str(), it.location.as_ref().map(|it| it.expose().as_str())));
    let meeting = form::meeting(event_type, location, person.phone.as_ref()).map_err(|fault| {
        let offered = fault.offered.iter().map(LocationView::from).collect();
        let message = locale.location(fault.needs);
        Refusal::new(Why::LocationInvalid { offered, needs: fault.needs.map(str::to_owned) }, message)
    })?;
    let guests = form::guests(&request.guests, &settings.booking.never_guests, &person.email);
    let guests = guests.map_err(|fault| match fault {
        GuestFault::Invalid(at) => invitee_invalid(&format!("guests[{at}]"), context),
        GuestFault::TooMany(_) => invalid("guests", "are more than the ten that Calendly takes"),
    })?;
    let mut qualification = request.qualification.clone();
    // Answers that the form has no question for are kept here.
    qualification.extend(answers.unmatched);
    let metadata = Metadata {
        conversation_id: request.conversation_id.clone(),
        user_id: request.user_id.clone(),
        agent_type: request.agent_type.clone(),
        event_type: Some(request.event_type.clone().unwrap_or_else(|| event_type.name.clone())),
        source: Some(SOURCE.to_owned()),
        notes: request.notes.clone(),
        phone: person.phone.as_ref().map(|it| Private::from(it.expose())),
        language: language_tag(request.language.as_deref()),
        topic: request.topic.clone(),
        qualification,
        created_at: now,
    };
    let form = Form {
        event_type: event_type.uri.clone(),
        event_name: event_type.name.clone(),
        start: slot.start,
        end: slot.end,
        person,
        meeting,
        answers: answers.filled,
        guests,
        tracking: tracking(token, request.agent_type.clone()),
    };
    Ok((form, metadata))
}
