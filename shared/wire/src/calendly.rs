//! Parses Calendly's webhook bodies and REST resources into facts.
//!
//! As many fields as possible are optional, every enumeration is open and unknown keys are ignored: captured traffic
//! differs from the published schema (`zoom` for `zoom_conference`, missing names, numbers for ids).

use domain::{
    Answer, CanceledBy, Cancellation, Details, EventHost, EventTypeUri, EventUri, Fact, FactId, FactKind, InviteeUri,
    Leg, NoShow, PhoneCandidate, PhoneSource, Private, Reconfirmation, StrangerText, Token, Tracking, parse_email,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use crate::malformed::Malformed;
use crate::malformed::{self, parse_json};

/// A parsed webhook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Webhook {
    /// A fact about an invitee.
    Fact(Box<Fact>),
    /// An unhandled event, known to Calendly or not.
    Other {
        /// The first 64 characters of its name.
        name: String,
        /// The id, equal for each delivery of the same body.
        id: FactId,
    },
}

/// Finds the invitee in the text of a webhook that cannot be parsed, because it was cut. In JSON, a quote inside a
/// value is escaped, so what people write cannot look like Calendly's own key.
pub fn find_invitee_uri(body: &[u8]) -> Option<InviteeUri> {
    let text = String::from_utf8_lossy(body);
    let starts = text.match_indices("\"uri\":");
    starts.filter_map(|(at, key)| text[at + key.len()..].trim_start().strip_prefix('"')?.split('"').next()).find_map(
        |uri| {
            let rest = uri.strip_prefix("https://api.calendly.com/scheduled_events/")?;
            let (event, invitee) = rest.split_once("/invitees/")?;
            let is_id =
                |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            (is_id(event) && is_id(invitee)).then(|| InviteeUri::new(uri))
        },
    )
}

/// Returns the name and the id under which a webhook that was cut is listed.
pub fn name_cut_webhook(sha256: &str) -> (String, FactId) {
    const NAME: &str = "too_large";
    (NAME.to_owned(), FactId::from_parts(NAME, "", sha256))
}

/// Parses a webhook's body.
///
/// # Errors
/// The first part that can't be parsed.
pub fn parse_webhook(body: &[u8]) -> Result<Webhook, Malformed> {
    #[derive(Deserialize)]
    struct Heading {
        event: String,
        created_at: Option<Timestamp>,
    }
    #[derive(Deserialize)]
    struct Body {
        payload: Invitee,
    }
    let text = malformed::decode_text(body)?;
    // serde accepts an array for a struct.
    if text.trim_start().starts_with('[') {
        return Err(Malformed::new("the body", "is not of the expected form"));
    }
    let heading: Heading = parse_json(text)?;
    let kind = match heading.event.as_str() {
        "invitee.created" => FactKind::Created,
        "invitee.canceled" => FactKind::Canceled,
        "invitee_no_show.created" => FactKind::NoShow,
        "invitee_no_show.deleted" => FactKind::NoShowRemoved,
        _ => {
            let name = heading.event.chars().take(64).collect();
            let id = FactId::from_parts(&heading.event, "", &hex::encode(Sha256::digest(body)));
            return Ok(Webhook::Other { name, id });
        }
    };
    let Body { payload } = parse_json(text)?;
    let event =
        payload.scheduled_event.as_ref().ok_or_else(|| Malformed::new("payload.scheduled_event", "is missing"))?;
    Ok(Webhook::Fact(Box::new(build_fact(kind, &payload, event, heading.created_at))))
}

/// Returns the URI of the user who created the webhook's subscription; `None` if the body does not say.
pub fn parse_creator(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Heading {
        created_by: Option<String>,
    }
    let heading: Heading = serde_json::from_slice(body).ok()?;
    heading.created_by
}

/// Parses an invitee and its scheduled event, as the REST API returns them (each `{"resource": …}`), into one fact.
///
/// # Errors
/// The first part that can't be parsed.
pub fn parse_looked_up(invitee: &[u8], event: &[u8]) -> Result<Fact, Malformed> {
    #[derive(Deserialize)]
    struct Wrapped<T> {
        resource: T,
    }
    let invitee: Wrapped<Invitee> = parse_json(malformed::decode_text(invitee)?)?;
    let event: Wrapped<ScheduledEvent> = parse_json(malformed::decode_text(event)?)?;
    Ok(build_fact(FactKind::LookedUp, &invitee.resource, &event.resource, None))
}

/// Returns the structure of a document with every value masked, for logs.
pub fn mask_values(body: &[u8]) -> String {
    fn mask(value: &Value) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::Bool(_) => "bool".into(),
            Value::Number(_) => "number".into(),
            Value::String(text) => format!("text of {}", text.chars().count()).into(),
            Value::Array(items) => items.iter().map(mask).collect(),
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), mask(value))).collect(),
        }
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => mask(&value).to_string(),
        Err(_) => format!("{} bytes that are not JSON", body.len()),
    }
}

#[derive(Deserialize)]
struct Invitee {
    uri: InviteeUri,
    email: String,
    name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    timezone: Option<String>,
    status: Option<String>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    #[serde(default)]
    questions_and_answers: Option<Vec<RawAnswer>>,
    #[serde(default)]
    tracking: Option<RawTracking>,
    text_reminder_number: Option<String>,
    rescheduled: Option<bool>,
    old_invitee: Option<InviteeUri>,
    new_invitee: Option<InviteeUri>,
    cancel_url: Option<String>,
    reschedule_url: Option<String>,
    cancellation: Option<RawCancellation>,
    scheduled_event: Option<ScheduledEvent>,
    no_show: Option<RawNoShow>,
    reconfirmation: Option<RawReconfirmation>,
    routing_form_submission: Option<Value>,
    payment: Option<Value>,
}

#[derive(Deserialize)]
struct RawNoShow {
    created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct RawReconfirmation {
    created_at: Timestamp,
    confirmed_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct RawAnswer {
    question: Option<String>,
    answer: Option<Value>,
}

#[derive(Deserialize)]
struct RawTracking {
    utm_source: Option<Value>,
    utm_medium: Option<Value>,
    utm_campaign: Option<Value>,
    utm_content: Option<Value>,
    utm_term: Option<Value>,
    salesforce_uuid: Option<Value>,
}

impl RawTracking {
    fn token(&self) -> Option<Token> {
        self.utm_content.as_ref().and_then(Value::as_str).and_then(Token::parse)
    }
}

#[derive(Deserialize)]
struct RawCancellation {
    reason: Option<String>,
    canceler_type: Option<String>,
    created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ScheduledEvent {
    uri: EventUri,
    name: Option<String>,
    start_time: Timestamp,
    end_time: Timestamp,
    event_type: Option<EventTypeUri>,
    #[serde(default)]
    location: Value,
    #[serde(default)]
    event_memberships: Option<Vec<Membership>>,
    cancellation: Option<RawCancellation>,
    updated_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Membership {
    user: Option<String>,
    user_email: Option<String>,
    user_name: Option<String>,
}

/// Builds a fact. `sent_at` is the time of the webhook; only the removal of a no-show has no other time.
fn build_fact(kind: FactKind, invitee: &Invitee, event: &ScheduledEvent, sent_at: Option<Timestamp>) -> Fact {
    let updated_at = invitee.updated_at.unwrap_or(invitee.created_at);
    // A host who changes the place or the link changes the event, and not the invitee.
    let as_of = event.updated_at.map_or(updated_at, |at| at.max(updated_at));
    let canceled = build_cancellation(kind, invitee, event, updated_at);
    let no_show = match kind {
        FactKind::NoShowRemoved => Some(NoShow { at: sent_at.unwrap_or(updated_at), marked: false }),
        FactKind::NoShow | FactKind::Created | FactKind::Canceled | FactKind::LookedUp | FactKind::Booked => {
            let marked_at = invitee.no_show.as_ref().map(|it| it.created_at.or(sent_at).unwrap_or(updated_at));
            let marked_at = marked_at.or((kind == FactKind::NoShow).then_some(sent_at.unwrap_or(updated_at)));
            marked_at.map(|at| NoShow { at, marked: true })
        }
    };
    let occurred_at = match kind {
        FactKind::Created => invitee.created_at,
        FactKind::Canceled => canceled.as_ref().map_or(updated_at, |it| it.at),
        FactKind::NoShow | FactKind::NoShowRemoved => no_show.map_or(updated_at, |mark| mark.at),
        FactKind::LookedUp | FactKind::Booked => as_of,
    };
    Fact {
        id: FactId::from_parts(kind.name(), invitee.uri.as_str(), &occurred_at.to_string()),
        kind,
        occurred_at,
        leg: Leg {
            invitee: invitee.uri.clone(),
            token: invitee.tracking.as_ref().and_then(RawTracking::token),
            previous: invitee.old_invitee.clone(),
            next: invitee.new_invitee.clone(),
            booked_at: Some(invitee.created_at),
            details: build_details(invitee, event, as_of),
            canceled,
            no_show,
            created_received: false,
            canceled_received: false,
        },
    }
}

fn build_cancellation(
    kind: FactKind,
    invitee: &Invitee,
    event: &ScheduledEvent,
    updated_at: Timestamp,
) -> Option<Cancellation> {
    let is_canceled = kind == FactKind::Canceled || invitee.status.as_deref() == Some("canceled");
    if !is_canceled {
        return None;
    }
    let cancellation = invitee.cancellation.as_ref().or(event.cancellation.as_ref());
    let by = match cancellation.and_then(|it| it.canceler_type.as_deref()) {
        Some("invitee") => CanceledBy::Invitee,
        Some("host") => CanceledBy::Host,
        _ => CanceledBy::Other,
    };
    Some(Cancellation {
        at: cancellation.and_then(|it| it.created_at).unwrap_or(updated_at),
        by,
        reason: cancellation
            .and_then(|it| it.reason.as_deref())
            .filter(|it| !it.trim().is_empty())
            .map(|it| StrangerText::from(cut(it, LONGEST_ANSWER))),
        rescheduled: invitee.rescheduled.unwrap_or(false) || invitee.new_invitee.is_some(),
    })
}

/// A host without a name or an address is one, too: messages name all hosts, or none.
fn parse_host(membership: &Membership) -> EventHost {
    EventHost {
        user: membership.user.clone(),
        name: label(membership.user_name.as_deref()),
        email: membership.user_email.as_deref().filter(|it| !it.trim().is_empty()).map(read_address),
    }
}

/// Returns an address in the form in which all addresses are kept; as it was written if it is none.
fn read_address(text: &str) -> Private<String> {
    parse_email(text).unwrap_or_else(|| cut(text.trim(), LONGEST_LABEL).into())
}

/// Returns a text that is not blank.
fn label(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|it| !it.is_empty()).map(|it| cut(it, LONGEST_LABEL))
}

fn build_details(invitee: &Invitee, event: &ScheduledEvent, as_of: Timestamp) -> Details {
    let non_blank = |text: &Option<String>| label(text.as_deref());
    let url = |text: Option<&str>| {
        let is_usable = |it: &&str| !it.is_empty() && it.len() <= LONGEST_TEXT;
        text.map(str::trim).filter(is_usable).map(str::to_owned)
    };
    let first_name = non_blank(&invitee.first_name);
    let names =
        || [non_blank(&invitee.first_name), non_blank(&invitee.last_name)].into_iter().flatten().collect::<Vec<_>>();
    let text_at = |key: &str| event.location.get(key).and_then(Value::as_str).filter(|it| !it.trim().is_empty());
    let location_kind = text_at("type").unwrap_or_default();
    let is_call_to_invitee = location_kind == "outbound_call";
    let is_named_by_invitee = location_kind == "ask_invitee";
    let place = text_at("location").filter(|_| !is_call_to_invitee).map(|it| cut(it, LONGEST_ANSWER));
    Details {
        as_of,
        looked_at: None,
        event: event.uri.clone(),
        event_type: event.event_type.clone(),
        event_name: non_blank(&event.name).unwrap_or_default(),
        start: event.start_time,
        end: event.end_time,
        name: StrangerText::from(non_blank(&invitee.name).unwrap_or_else(|| names().join(" "))),
        first_name: first_name.map(StrangerText::from),
        email: read_address(&invitee.email),
        zone: invitee.timezone.as_deref().and_then(domain::time::parse_zone),
        join_url: url(text_at("join_url").filter(|_| !is_named_by_invitee)),
        location: place.clone().filter(|_| !is_named_by_invitee).map(Private::new),
        invitee_place: place.filter(|_| is_named_by_invitee).map(StrangerText::from),
        cancel_url: url(invitee.cancel_url.as_deref()),
        reschedule_url: url(invitee.reschedule_url.as_deref()),
        in_person: location_kind == "physical",
        online: !OTHER_LOCATIONS.contains(&location_kind),
        by_phone: is_call_to_invitee,
        host: event
            .event_memberships
            .as_ref()
            .and_then(|hosts| hosts.first())
            .and_then(|host| non_blank(&host.user_name)),
        hosts: event.event_memberships.iter().flatten().take(MOST_ENTRIES).map(parse_host).collect(),
        phones: list_phones(invitee, text_at("location").filter(|_| is_call_to_invitee)),
        reconfirmation: invitee
            .reconfirmation
            .as_ref()
            .map(|it| Reconfirmation { asked_at: it.created_at, confirmed_at: it.confirmed_at }),
        routing_form_submission: invitee.routing_form_submission.as_ref().and_then(|it| match it {
            Value::String(uri) => Some(uri.clone()),
            other => other.get("uri").and_then(Value::as_str).map(str::to_owned),
        }),
        payment: invitee.payment.as_ref().map(Value::to_string).filter(|it| it.len() <= LONGEST_TEXT).map(Private::new),
        answers: invitee.questions_and_answers.iter().flatten().filter_map(parse_answer).take(MOST_ENTRIES).collect(),
        tracking: invitee.tracking.as_ref().map(parse_tracking).unwrap_or_default(),
    }
}

/// The kinds of locations without a video call. All others are video calls, whose kinds Calendly writes in several ways
/// (`zoom`, `zoom_conference`).
const OTHER_LOCATIONS: [&str; 6] = ["", "physical", "ask_invitee", "custom", "inbound_call", "outbound_call"];

/// The most answers, and the most hosts, that are kept. Calendly's forms have at most ten questions.
const MOST_ENTRIES: usize = 20;

/// The longest URL, and the longest payment, that are kept, in bytes. A cut one would be wrong.
const LONGEST_TEXT: usize = 4_000;

/// The longest name, question and tracking parameter that are kept, in characters.
const LONGEST_LABEL: usize = 250;

/// The longest answer that is kept, in characters. Strangers write answers, and all legs of a booking must fit into one
/// row of 400 KB.
const LONGEST_ANSWER: usize = 1_000;

/// Returns an answer; `None` if it is blank or has no question.
fn parse_answer(answer: &RawAnswer) -> Option<Answer> {
    let question = answer.question.as_deref()?.trim();
    let text = scalar_text(answer.answer.as_ref()?, LONGEST_ANSWER)?;
    Some(Answer { question: cut(question, LONGEST_LABEL), answer: text.into() })
}

fn parse_tracking(raw: &RawTracking) -> Tracking {
    let parameter = |value: &Option<Value>| scalar_text(value.as_ref()?, LONGEST_LABEL).map(StrangerText::from);
    Tracking {
        utm_source: parameter(&raw.utm_source),
        utm_medium: parameter(&raw.utm_medium),
        utm_campaign: parameter(&raw.utm_campaign),
        utm_content: if raw.token().is_some() { None } else { parameter(&raw.utm_content) },
        utm_term: parameter(&raw.utm_term),
        salesforce_uuid: parameter(&raw.salesforce_uuid),
    }
}

/// Returns a text, number or truth value as text of at most `longest` characters; `None` if it is blank or anything
/// else.
fn scalar_text(value: &Value, longest: usize) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then(|| cut(&text, longest))
}

/// Returns at most `longest` characters of a text.
fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

/// The longest answer that may be a phone number, in characters.
const LONGEST_PHONE_ANSWER: usize = 100;

fn list_phones(invitee: &Invitee, called_number: Option<&str>) -> Vec<PhoneCandidate> {
    let mut phones = Vec::new();
    if let Some(number) = invitee.text_reminder_number.as_deref().filter(|it| !it.trim().is_empty()) {
        phones.push(PhoneCandidate { source: PhoneSource::TextReminderNumber, question: None, text: number.into() });
    }
    for answer in invitee.questions_and_answers.iter().flatten().take(MOST_ENTRIES) {
        let text = answer.answer.as_ref().and_then(|it| scalar_text(it, LONGEST_PHONE_ANSWER + 1));
        if let (Some(question), Some(text)) = (&answer.question, text)
            && text.chars().count() <= LONGEST_PHONE_ANSWER
        {
            let question = Some(cut(question, LONGEST_LABEL));
            phones.push(PhoneCandidate { source: PhoneSource::Question, question, text: text.into() });
        }
    }
    if let Some(number) = called_number {
        phones.push(PhoneCandidate { source: PhoneSource::OutboundCall, question: None, text: number.into() });
    }
    phones
}
