//! `explain`: what happened to a booking, and why, for the person who is asked.

use std::fmt::Write;

use clap::Args;
use domain::{
    Booking, BookingState, CanceledBy, ConnectionName, ConsentSource, ContactKey, Leg, Objection, Phone, PhoneSource,
    Settings, choose_phone, phone_candidates, timeline, uri_uuid,
};
use engine::{BookingRecord, Store};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Rows;
use crate::report::{Terminal, put};

/// Tells a booking's story, in the invitee's time zone and without their contacts.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    rows: Rows,
    /// Our booking id, the UUID or URI of an invitee or event at Calendly, or VAI's conversation id
    id: String,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let table = options.rows.table().await;
    let mut stories = Vec::new();
    for booking in table.find_bookings(connection, &options.id).await? {
        let Some(story) = table.booking_record(connection, &booking).await? else { continue };
        let consent = consent(&table, connection, &story.booking).await?;
        stories.push(tell(&story, &consent));
    }
    if stories.is_empty() {
        terminal.complain(format_args!(
            "Connection {connection} has no booking under {}. Give our booking id (bk-…), the UUID or URI of the invitee or \
             the event, or the conversation id. Bookings go 90 days after the meeting's end.",
            options.id
        ));
        return Ok(false);
    }
    put(&format!("{}\n", stories.join("\n")));
    Ok(true)
}

/// What the invitee has against being written to.
#[derive(Default)]
struct Consent {
    /// By the number that is texted; `None` when there is none.
    texts: Option<Objected>,
    /// By e-mail.
    mails: Option<Objected>,
}

type Objected = Option<(Objection, ConsentSource)>;

async fn consent(store: &impl Store, connection: &ConnectionName, booking: &Booking) -> anyhow::Result<Consent> {
    let Some(leg) = booking.current_leg() else { return Ok(Consent::default()) };
    let settings = store.load_settings(connection).await?;
    let texts = match number(booking, leg, &settings) {
        Some(phone) => {
            Some(store.load_contact(connection, &ContactKey::for_phone(connection, &phone)).await?.objection)
        }
        None => None,
    };
    let mails = store.load_contact(connection, &ContactKey::for_email(connection, leg.details.email.expose())).await?;
    Ok(Consent { texts, mails: Some(mails.objection) })
}

/// The number that is texted.
fn number(booking: &Booking, leg: &Leg, settings: &Settings) -> Option<Phone> {
    let region = settings.default_region.as_deref();
    let candidates = phone_candidates(booking, leg, settings).ok()?;
    choose_phone(&candidates, |text| notify::numbers::read(text, region)).ok().map(|(phone, _)| phone)
}

fn objected(objected: Objected, written: &str) -> String {
    match objected {
        None => "nothing against them on record".to_owned(),
        Some((Objection::Everything, ConsentSource::Bounce)) => {
            "none go out: an earlier one came back, the address does not work".to_owned()
        }
        Some((Objection::Everything, ConsentSource::Complaint)) => {
            "none go out: an earlier one was called spam".to_owned()
        }
        Some((Objection::Everything, source)) => format!("has asked not to be {written} ({})", way(source)),
        Some((Objection::FollowUps, source)) => format!("has asked for no more follow-ups ({})", way(source)),
    }
}

/// How an objection became known.
fn way(source: ConsentSource) -> &'static str {
    match source {
        ConsentSource::Reply => "by a reply",
        ConsentSource::Link => "by the link in a message",
        ConsentSource::Provider => "the provider has it on its own list",
        ConsentSource::Bounce => "an earlier one came back",
        ConsentSource::Complaint => "an earlier one was called spam",
    }
}

fn tell(story: &BookingRecord, consent: &Consent) -> String {
    let BookingRecord { booking, facts, commands } = story;
    let mut text = String::new();
    let mut line = |what: &str, value: &str| {
        let _ = writeln!(text, "{what:<13} {value}");
    };
    line("booking", booking.id.as_str());
    let state = booking.state();
    let leg = booking.current_leg();
    let (zone, zone_name) = zone(leg);
    if let Some(leg) = leg {
        let start = leg.details.start.to_zoned(zone.clone()).strftime("%a %d %b %Y %H:%M");
        line("meeting", &format!("{}, {start} {zone_name}", leg.details.event_name));
        line("invitee", uri_uuid(leg.invitee.as_str()));
        line("event", uri_uuid(leg.details.event.as_str()));
        line("phone", &phones(leg));
    }
    if let Some(known) = consent.texts {
        line("texts", &objected(known, "texted"));
    }
    if let Some(known) = consent.mails {
        line("e-mails", &objected(known, "written to"));
    }
    line("stands", &stands(state, &zone));
    match &booking.metadata {
        Some(metadata) => line("made by", &format!("VAI, conversation {}", metadata.conversation_id)),
        None => line("made by", "somebody other than VAI"),
    }
    let lines = timeline(booking, facts, commands);
    let width = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or_default();
    let _ = writeln!(text, "\ntimes are {zone_name}");
    for line in &lines {
        let _ = writeln!(text, "{}  {:<width$}  {}", moment(line.at, &zone), line.what, line.happened);
    }
    text
}

/// The invitee's zone; UTC, by name, when it is not known.
fn zone(leg: Option<&Leg>) -> (TimeZone, String) {
    let named = leg.and_then(|leg| leg.details.zone.as_deref());
    match named.and_then(|name| Some((TimeZone::get(name).ok()?, name.to_owned()))) {
        Some(known) => known,
        None => (TimeZone::UTC, "UTC".to_owned()),
    }
}

fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn stands(state: Option<BookingState<'_>>, zone: &TimeZone) -> String {
    match state {
        Some(BookingState::Active(leg)) if leg.previous.is_some() => "on, after a move".to_owned(),
        Some(BookingState::Active(_)) => "on".to_owned(),
        Some(BookingState::Moving(_)) => "being moved: Calendly has not told yet where to".to_owned(),
        Some(BookingState::Canceled(_, end)) => {
            let by = match end.by {
                CanceledBy::Invitee => "the invitee",
                CanceledBy::Host => "the host",
                CanceledBy::Other => "somebody Calendly does not name",
            };
            format!("canceled by {by} on {}", moment(end.at, zone))
        }
        None => "nothing is known yet".to_owned(),
    }
}

/// Where there may be a number, never the number.
fn phones(leg: &Leg) -> String {
    let sources: Vec<_> = leg
        .details
        .phones
        .iter()
        .map(|candidate| match candidate.source {
            PhoneSource::TextReminderNumber => "Calendly's text reminder number".to_owned(),
            PhoneSource::Question => {
                format!("the answer to {:?}", candidate.question.as_deref().unwrap_or("a question"))
            }
            PhoneSource::OutboundCall => "the number the host is to call".to_owned(),
            PhoneSource::Metadata => "VAI's own record".to_owned(),
            PhoneSource::Settings => "the settings".to_owned(),
        })
        .collect();
    if sources.is_empty() {
        "none given with the booking".to_owned()
    } else {
        format!("may be in: {}", sources.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Booking, BookingId, Command, ConnectionName, Fact, FactKind, FactRecord, InviteeUri, Message, MessageAction,
        Reason, State,
    };
    use serde_json::json;

    use super::*;

    const INVITEE: &str = "https://api.calendly.com/scheduled_events/E1/invitees/I1";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn booked() -> Fact {
        let body = json!({"resource": {
            "uri": INVITEE, "email": "ana@example.com", "name": "Ana Pop", "status": "active", "timezone": "Europe/Bucharest",
            "created_at": "2027-01-09T10:00:00Z", "updated_at": "2027-01-09T10:00:00Z", "text_reminder_number": "+40712345678",
        }});
        let event = json!({"resource": {
            "uri": "https://api.calendly.com/scheduled_events/E1", "name": "Sales Demo",
            "start_time": "2027-01-11T09:00:00Z", "end_time": "2027-01-11T09:30:00Z",
        }});
        wire::calendly::parse_looked_up(body.to_string().as_bytes(), event.to_string().as_bytes()).expect("a fact")
    }

    #[test]
    fn a_story_has_the_invitees_times_and_nothing_of_their_contacts() {
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
        let consent = Consent { texts: Some(Some((Objection::Everything, ConsentSource::Reply))), mails: Some(None) };
        let told = tell(&BookingRecord { booking, facts: vec![fact], commands: vec![command] }, &consent);
        for part in [
            "booking       bk-1\n",
            "meeting       Sales Demo, Mon 11 Jan 2027 11:00 Europe/Bucharest\n",
            "phone         may be in: Calendly's text reminder number\n",
            "texts         has asked not to be texted (by a reply)\n",
            "e-mails       nothing against them on record\n",
            "stands        on\n",
            "made by       somebody other than VAI\n",
            "2027-01-09 12:00:02  ",
            "2027-01-09 12:00:03  confirmation by SMS  not sent: ",
        ] {
            assert!(told.contains(part), "{part:?} is not in:\n{told}");
        }
        for personal in ["Ana", "example.com", "4071"] {
            assert!(!told.contains(personal), "{told}");
        }
    }

    #[test]
    fn the_number_is_the_first_that_can_be_texted() {
        let mut booking = Booking::new(BookingId::new("bk-1"), ConnectionName::default());
        booking.apply_fact(&booked());
        let leg = booking.current_leg().expect("a leg");
        let found = |leg: &Leg, region: Option<&str>| {
            let settings = Settings { default_region: region.map(str::to_owned), ..Settings::default() };
            number(&booking, leg, &settings).map(|it| it.expose().to_owned())
        };
        assert_eq!(found(leg, None).as_deref(), Some("+40712345678"));
        let mut others = leg.clone();
        let answer = |question: &str, text: &str| domain::PhoneCandidate {
            source: PhoneSource::Question,
            question: Some(question.to_owned()),
            text: text.into(),
        };
        others.details.phones = vec![answer("Shoe size", "+40711111111"), answer("Phone", "0712 345 679")];
        assert_eq!(found(&others, None), None);
        assert_eq!(found(&others, Some("RO")).as_deref(), Some("+40712345679"));
    }

    #[test]
    fn objections_are_told_with_how_they_became_known() {
        use ConsentSource::{Bounce, Complaint, Link, Provider};
        let said = |objection, source| objected(Some((objection, source)), "written to");
        let everything = [Bounce, Complaint, Provider].map(|it| said(Objection::Everything, it));
        assert_eq!(
            everything,
            [
                "none go out: an earlier one came back, the address does not work",
                "none go out: an earlier one was called spam",
                "has asked not to be written to (the provider has it on its own list)",
            ]
        );
        assert_eq!(said(Objection::FollowUps, Link), "has asked for no more follow-ups (by the link in a message)");
    }
}
