//! Calendly's form, filled in from a booking request.

use std::collections::BTreeMap;

use api::answer::{LocationView, QuestionView};
use api::request::BookRequest;
use api::{Refusal, Why};
use domain::scheduling::form::{self, FormFault, GuestFault};
use domain::scheduling::{EventType, Form, GivenAnswers, Person, Slot, Tracking};
use domain::{Language, Metadata, Private, StrangerText, Token};
use front::{Context, invalid};
use jiff::Timestamp;

use crate::resolve::invitee_invalid;

/// The source of our bookings in VAI's metadata.
pub(crate) const SOURCE: &str = "vai_agent";

/// The source of our bookings in Calendly's tracking.
pub(crate) const UTM_SOURCE: &str = "vai";

/// Returns the tracking of one of our bookings.
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

/// Returns the tag of a supported language.
pub(crate) fn language_tag(language: Option<&str>) -> Option<String> {
    language.and_then(Language::parse).map(|it| it.tag().to_owned())
}

/// Returns what a person said, as an agent passes it on.
pub(crate) fn words(given: &Private<String>) -> StrangerText {
    given.expose().as_str().into()
}

/// Returns what an agent found out of a person, by name.
pub(crate) fn words_by_name(given: &BTreeMap<String, Private<String>>) -> BTreeMap<StrangerText, StrangerText> {
    given.iter().map(|(name, it)| (name.as_str().into(), words(it))).collect()
}

/// Fills in the form, and the metadata that is stored with the booking.
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
    let given = request.custom_answers.as_ref().map(GivenAnswers::from).unwrap_or_default();
    let answers = form::match_answers(event_type, &given, person.phone.as_ref(), settings);
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
    let meeting =
        form::choose_location(event_type, location, person.phone.as_ref(), settings.default_region.as_deref());
    let meeting = meeting.map_err(|fault| {
        let offered = fault.offered.iter().map(LocationView::from).collect();
        let message = locale.location(fault.needs);
        Refusal::new(Why::LocationInvalid { offered, needs: fault.needs.map(str::to_owned) }, message)
    })?;
    let guests = form::filter_guests(&request.guests, &settings.booking.never_guests, &person.email);
    let guests = guests.map_err(|fault| match fault {
        GuestFault::Invalid(at) => invitee_invalid(&format!("guests[{at}]"), context),
        GuestFault::TooMany(_) => invalid("guests", "are more than the ten that Calendly takes"),
    })?;
    let mut qualification = words_by_name(&request.qualification);
    // Answers without a question in the form are stored here.
    qualification.extend(answers.unmatched.iter().map(|(question, it)| (question.as_str().into(), words(it))));
    let metadata = Metadata {
        conversation_id: context.conversation()?.to_owned(),
        user_id: context.caller.speaker.user.clone(),
        agent_type: request.agent_type.clone(),
        event_type: Some(request.event_type.clone().unwrap_or_else(|| event_type.name.clone())),
        source: Some(SOURCE.to_owned()),
        notes: request.notes.as_ref().map(words),
        phone: person.phone.as_ref().map(|it| Private::from(it.expose())),
        language: language_tag(request.language.as_deref()),
        zone_source: None,
        wished_start: None,
        topic: request.topic.as_deref().map(Into::into),
        qualification,
        place: meeting.as_ref().and_then(|it| form::place_of_stranger(event_type, it)),
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
