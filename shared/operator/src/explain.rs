//! `explain`: what happened to a booking, and why, for support.

use std::fmt::Write;

use clap::Args;
use domain::{
    Booking, BookingState, CanceledBy, ConnectionName, ConsentSource, ContactKey, DeliveryRecord, Leg, Objection,
    Pepper, Reason, Settings, SmsTotal, choose_phone, phone_to_text, timeline, unnamed_phone_questions, uri_uuid,
};
use engine::{BookingRecord, Store};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::options::{SecretOptions, TableOptions};
use crate::report::{Terminal, print_text};

/// Shows everything that is known of a booking, in the invitee's time zone and without names and contacts.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableOptions,
    #[command(flatten)]
    secrets: SecretOptions,
    /// Our booking id, the UUID or URI of an invitee or event at Calendly, or VAI's conversation id
    id: String,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let table = options.table.open().await;
    let settings = table.load_settings(connection).await?;
    let secrets = options.secrets.reader().await;
    let pepper = secrets.pepper().await?;
    let mut texts = Vec::new();
    for booking in table.find_bookings(connection, &options.id).await? {
        let Some(record) = table.booking_record(connection, &booking).await? else { continue };
        let objections = load_objections(&table, pepper, connection, &record.booking, &settings).await?;
        let deliveries = table.delivery_records(connection, &booking).await?;
        texts.push(describe(&record, &deliveries, &objections, &settings));
    }
    if texts.is_empty() {
        terminal.print_error(format_args!(
            "The connection {connection} has no booking with the id {}. Give our booking id (bk-…), the UUID or URI of \
             the invitee or the event, or the conversation id. Bookings expire 90 days after the meeting's end.",
            options.id
        ));
        return Ok(false);
    }
    print_text(&format!("{}\n", texts.join("\n")));
    Ok(true)
}

/// What the invitee objects to, and how that became known.
#[derive(Default)]
struct Objections {
    /// At the number that gets SMS; `None` when there is no number.
    sms: Option<KnownObjection>,
    /// At the e-mail address; `None` when no leg is known.
    email: Option<KnownObjection>,
}

type KnownObjection = Option<(Objection, ConsentSource)>;

async fn load_objections(
    store: &impl Store,
    pepper: &Pepper,
    connection: &ConnectionName,
    booking: &Booking,
    settings: &Settings,
) -> anyhow::Result<Objections> {
    let Some(leg) = booking.current_leg() else { return Ok(Objections::default()) };
    let sms = match choose_phone(booking, leg, settings) {
        Ok((phone, _)) => {
            Some(store.load_contact(connection, &ContactKey::for_phone(pepper, connection, &phone)).await?.objection)
        }
        Err(_) => None,
    };
    let email = ContactKey::for_email(pepper, connection, leg.details.email.expose());
    Ok(Objections { sms, email: Some(store.load_contact(connection, &email).await?.objection) })
}

fn describe_objection(objection: KnownObjection) -> String {
    let Some((objection, source)) = objection else { return "no objection".to_owned() };
    match (objection, source) {
        (Objection::Everything, ConsentSource::Bounce) => "not sent: an earlier one bounced".to_owned(),
        (Objection::Everything, ConsentSource::Complaint) => "not sent: an earlier one was reported as spam".to_owned(),
        (Objection::Everything, source) => format!("opted out of all ({})", describe_source(source)),
        (Objection::FollowUps, source) => format!("opted out of follow-ups ({})", describe_source(source)),
    }
}

/// Says how an objection became known.
fn describe_source(source: ConsentSource) -> &'static str {
    match source {
        ConsentSource::Reply => "by a reply",
        ConsentSource::Link => "by the link in a message",
        ConsentSource::Provider => "on the provider's own list",
        ConsentSource::Bounce => "after a bounce",
        ConsentSource::Complaint => "after a spam report",
    }
}

fn describe(
    record: &BookingRecord,
    deliveries: &[DeliveryRecord],
    objections: &Objections,
    settings: &Settings,
) -> String {
    let BookingRecord { booking, facts, commands, openings } = record;
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<13} {value}");
    };
    line("booking", booking.id.as_str());
    let state = booking.state();
    let leg = booking.current_leg();
    let (zone, zone_name) = invitee_zone(leg);
    if let Some(leg) = leg {
        let start = leg.details.start.to_zoned(zone.clone()).strftime("%a %d %b %Y %H:%M");
        line("meeting", &format!("{}, {start} {zone_name}", leg.details.event_name));
        line("invitee", uri_uuid(leg.invitee.as_str()));
        line("event", uri_uuid(leg.details.event.as_str()));
        line("phone", &describe_phone(booking, leg, settings));
    }
    if let Some(objection) = objections.sms {
        line("SMS", &describe_objection(objection));
    }
    let sms: SmsTotal = commands.iter().flat_map(|command| &command.costs).collect();
    if sms.messages > 0 {
        line("SMS cost", &sms.to_string());
    }
    if let Some(objection) = objections.email {
        line("e-mail", &describe_objection(objection));
    }
    line("state", &describe_state(state, &zone));
    match &booking.metadata {
        Some(metadata) => line("made by", &format!("VAI, conversation {}", metadata.conversation_id)),
        None => line("made by", "others, not VAI"),
    }
    let lines = timeline(booking, facts, commands, deliveries, openings);
    let width = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or_default();
    let _ = writeln!(text, "\ntimes are {zone_name}");
    for line in &lines {
        let _ = writeln!(text, "{}  {:<width$}  {}", local_time(line.at, &zone), line.what, line.happened);
    }
    text
}

/// Returns the invitee's time zone with its name; UTC when it is not known.
fn invitee_zone(leg: Option<&Leg>) -> (TimeZone, String) {
    let name = leg.and_then(|leg| leg.details.zone.as_deref());
    let zone = name.and_then(|name| Some((TimeZone::get(name).ok()?, name.to_owned())));
    zone.unwrap_or_else(|| (TimeZone::UTC, "UTC".to_owned()))
}

fn local_time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn describe_state(state: Option<BookingState<'_>>, zone: &TimeZone) -> String {
    match state {
        Some(BookingState::Active(leg)) if leg.previous.is_some() => "active, after a move".to_owned(),
        Some(BookingState::Active(_)) => "active".to_owned(),
        Some(BookingState::Moving(_)) => "moving: Calendly has not sent the new time yet".to_owned(),
        Some(BookingState::Canceled(_, end)) => {
            let by = match end.by {
                CanceledBy::Invitee => "the invitee",
                CanceledBy::Host => "the host",
                CanceledBy::Other => "a person whom Calendly does not name",
            };
            format!("canceled by {by} on {}", local_time(end.at, zone))
        }
        None => "not known yet".to_owned(),
    }
}

/// Says where the number for SMS comes from, or why there is none. It does not show the number.
fn describe_phone(booking: &Booking, leg: &Leg, settings: &Settings) -> String {
    match phone_to_text(booking, leg, settings) {
        Ok((_, source)) => format!("from {}", source.name()),
        Err(Reason::PhoneQuestionUnknown) => {
            let questions: Vec<_> =
                unnamed_phone_questions(leg, settings).map(|question| format!("{question:?}")).collect();
            format!("none: phone_questions in the settings does not list {}", questions.join(", "))
        }
        Err(reason) => format!("none: {}", reason.sentence()),
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Booking, BookingId, Command, ConnectionName, Fact, FactKind, FactRecord, InviteeUri, Message, MessageAction,
        PhoneSource, Reason, State,
    };
    use serde_json::json;

    use super::*;

    const INVITEE: &str = "https://api.calendly.com/scheduled_events/E1/invitees/I1";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn booked() -> Fact {
        let body = json!({"resource": {
            "uri": INVITEE, "email": "ana@example.com", "name": "Ana Pop", "status": "active",
            "timezone": "Europe/Bucharest", "text_reminder_number": "+40712345678",
            "created_at": "2027-01-09T10:00:00Z", "updated_at": "2027-01-09T10:00:00Z",
        }});
        let event = json!({"resource": {
            "uri": "https://api.calendly.com/scheduled_events/E1", "name": "Sales Demo",
            "start_time": "2027-01-11T09:00:00Z", "end_time": "2027-01-11T09:30:00Z",
        }});
        wire::calendly::parse_looked_up(body.to_string().as_bytes(), event.to_string().as_bytes()).expect("a fact")
    }

    #[test]
    fn a_description_has_the_invitees_times_and_no_personal_data() {
        let (id, leg) = (BookingId::new("bk-1"), InviteeUri::new(INVITEE));
        let mut booking = Booking::new(id.clone(), ConnectionName::default());
        booking.apply_fact(&booked());
        let received = at("2027-01-09T10:00:02Z");
        let fact =
            FactRecord { kind: FactKind::Created, invitee: leg.clone(), occurred_at: received, received_at: received };
        let action = MessageAction::Sms(Message::Confirmation);
        let command = Command::new(&id, action, leg, at("2027-01-11T09:00:00Z"), None).with_state(
            State::Skipped { reason: Reason::NoTemplate },
            at("2027-01-09T10:00:03Z"),
            Some(Reason::NoTemplate),
            None,
        );
        let objections =
            Objections { sms: Some(Some((Objection::Everything, ConsentSource::Reply))), email: Some(None) };
        let record = BookingRecord { booking, facts: vec![fact], commands: vec![command], openings: Vec::new() };
        let text = describe(&record, &[], &objections, &Settings::default());
        for part in [
            "booking       bk-1\n",
            "meeting       Sales Demo, Mon 11 Jan 2027 11:00 Europe/Bucharest\n",
            "phone         from text_reminder_number\n",
            "SMS           opted out of all (by a reply)\n",
            "e-mail        no objection\n",
            "state         active\n",
            "made by       others, not VAI\n",
            "2027-01-09 12:00:02  ",
            "2027-01-09 12:00:03  confirmation by SMS  not sent: ",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        for personal in ["Ana", "example.com", "4071"] {
            assert!(!text.contains(personal), "{text}");
        }
    }

    #[test]
    fn the_phone_number_has_a_source_or_a_reason_against_it() {
        let mut booking = Booking::new(BookingId::new("bk-1"), ConnectionName::default());
        booking.apply_fact(&booked());
        let leg = booking.current_leg().expect("a leg").clone();
        let settings = Settings { default_region: Some("RO".to_owned()), ..Settings::default() };
        let of = |answers: &[(&str, &str)]| {
            let mut leg = leg.clone();
            leg.details.phones = answers
                .iter()
                .map(|(question, text)| domain::PhoneCandidate {
                    source: PhoneSource::Question,
                    question: Some((*question).to_owned()),
                    text: (*text).into(),
                })
                .collect();
            describe_phone(&booking, &leg, &settings)
        };
        assert_eq!(describe_phone(&booking, &leg, &settings), "from text_reminder_number");
        assert_eq!(of(&[("Shoe size", "+40711111111"), ("Phone", "0712 345 679")]), "from a question");
        assert_eq!(
            of(&[("Mobilnummer (til sms)", "+45 20 12 34 56"), ("Company", "Acme")]),
            "none: phone_questions in the settings does not list \"Mobilnummer (til sms)\""
        );
        assert_eq!(of(&[("Company", "Acme")]), "none: No phone number was given with the booking.");
        assert_eq!(of(&[("Phone", "021 312 3456")]), format!("none: {}", Reason::Landline.sentence()));
    }

    #[test]
    fn an_objection_says_how_it_became_known() {
        use ConsentSource::{Bounce, Complaint, Link, Provider};
        let text = |objection, source| describe_objection(Some((objection, source)));
        let everything = [Bounce, Complaint, Provider].map(|it| text(Objection::Everything, it));
        assert_eq!(
            everything,
            [
                "not sent: an earlier one bounced",
                "not sent: an earlier one was reported as spam",
                "opted out of all (on the provider's own list)",
            ]
        );
        assert_eq!(text(Objection::FollowUps, Link), "opted out of follow-ups (by the link in a message)");
    }
}
