//! The request bodies of VAI's API, as its documents show them.
//!
//! `booking_id` is our own id and never changes. `event_uuid` and `invitee_uuid` are Calendly's: after a move they are
//! those of the new time. Instants are RFC 3339 in UTC. Personal values are [`Private`], so `Debug` prints none of
//! them. Names and reasons that strangers wrote are shortened.

use domain::{Analytics, EmailOrder, MessageContent, Private, VaiOrder, uri_uuid};
use jiff::{Timestamp, Unit};
use serde::Serialize;
use serde_json::Value;

/// The longest name of a stranger, in characters.
const LONGEST_NAME: usize = 250;
/// The longest reason of a cancellation, in characters.
const LONGEST_REASON: usize = 1_000;
/// The longest notes in an e-mail, in characters.
const LONGEST_NOTES: usize = 500;

/// `POST /calendly/notify`: an agent booked.
pub const NOTIFY: &str = "/calendly/notify";
/// `POST /calendly/confirmed`: Calendly confirms a booking that VAI made.
pub const CONFIRMED: &str = "/calendly/confirmed";
/// `POST /calendly/canceled`: a booking that VAI made was canceled.
pub const CANCELED: &str = "/calendly/canceled";
/// `POST /calendly/rescheduled`: a booking that VAI made was moved.
pub const RESCHEDULED: &str = "/calendly/rescheduled";
/// `POST /email/send`.
pub const EMAIL: &str = "/email/send";
/// `POST /followup/schedule`.
pub const FOLLOW_UP: &str = "/followup/schedule";
/// `POST /analytics/log`.
pub const ANALYTICS: &str = "/analytics/log";

/// The booking that a call is about.
#[derive(Clone, Debug, Serialize)]
pub struct About<'a> {
    booking_id: &'a str,
    event_uuid: &'a str,
    invitee_uuid: &'a str,
    conversation_id: &'a str,
    invitee_email: &'a Private<String>,
}

impl<'a> About<'a> {
    fn new(order: &'a VaiOrder) -> Self {
        Self {
            booking_id: order.booking.as_str(),
            event_uuid: uri_uuid(order.leg.details.event.as_str()),
            invitee_uuid: uri_uuid(order.leg.invitee.as_str()),
            conversation_id: &order.conversation_id,
            invitee_email: &order.leg.details.email,
        }
    }
}

/// The body of [`NOTIFY`].
#[derive(Clone, Debug, Serialize)]
pub struct Booked<'a> {
    #[serde(flatten)]
    about: About<'a>,
    /// Left out if the agent gave none, as VAI's own code does.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    invitee_name: Private<String>,
    start_time: Timestamp,
    end_time: Timestamp,
    event_type: &'a str,
    /// `null` while Calendly is still creating the link.
    meeting_url: Option<Private<&'a str>>,
    timestamp: Timestamp,
}

impl<'a> Booked<'a> {
    /// `now` is the time of the call.
    pub fn new(order: &'a VaiOrder, now: Timestamp) -> Self {
        let details = &order.leg.details;
        Self {
            about: About::new(order),
            user_id: order.user_id.as_deref(),
            invitee_name: Private::new(details.name.as_written_shortened(LONGEST_NAME)),
            start_time: details.start,
            end_time: details.end,
            event_type: &order.event_type,
            meeting_url: details.join_url.as_deref().map(Private::new),
            timestamp: round_to_millis(now),
        }
    }
}

/// The body of [`CONFIRMED`].
#[derive(Clone, Debug, Serialize)]
pub struct Confirmed<'a> {
    #[serde(flatten)]
    about: About<'a>,
    invitee_name: Private<String>,
    start_time: Timestamp,
    end_time: Timestamp,
    event_type: &'a str,
    timestamp: Timestamp,
}

impl<'a> Confirmed<'a> {
    /// `now` is the time of the call.
    pub fn new(order: &'a VaiOrder, now: Timestamp) -> Self {
        let details = &order.leg.details;
        Self {
            about: About::new(order),
            invitee_name: Private::new(details.name.as_written_shortened(LONGEST_NAME)),
            start_time: details.start,
            end_time: details.end,
            event_type: &order.event_type,
            timestamp: round_to_millis(now),
        }
    }
}

/// The body of [`CANCELED`].
#[derive(Clone, Debug, Serialize)]
pub struct Canceled<'a> {
    #[serde(flatten)]
    about: About<'a>,
    /// The person's text; empty when there is none.
    cancel_reason: Private<String>,
    timestamp: Timestamp,
}

impl<'a> Canceled<'a> {
    /// `now` is the time of the call.
    pub fn new(order: &'a VaiOrder, now: Timestamp) -> Self {
        let reason = order.leg.canceled.as_ref().and_then(|end| end.reason.as_ref());
        let cancel_reason = reason.map(|it| it.as_written_shortened(LONGEST_REASON)).unwrap_or_default().into();
        Self { about: About::new(order), cancel_reason, timestamp: round_to_millis(now) }
    }
}

/// The body of [`RESCHEDULED`].
#[derive(Clone, Debug, Serialize)]
pub struct Rescheduled<'a> {
    #[serde(flatten)]
    about: About<'a>,
    /// `null` when the time before the move is unknown.
    old_start_time: Option<Timestamp>,
    new_start_time: Timestamp,
    new_end_time: Timestamp,
    timestamp: Timestamp,
}

impl<'a> Rescheduled<'a> {
    /// `now` is the time of the call.
    pub fn new(order: &'a VaiOrder, now: Timestamp) -> Self {
        Self {
            about: About::new(order),
            old_start_time: order.old_start,
            new_start_time: order.leg.details.start,
            new_end_time: order.leg.details.end,
            timestamp: round_to_millis(now),
        }
    }
}

/// The body of [`EMAIL`].
#[derive(Clone, Debug, Serialize)]
pub struct Email<'a> {
    to: &'a Private<String>,
    subject: &'a str,
    template: &'a str,
    data: EmailData<'a>,
}

/// The values for VAI's template. A template can't print `null`, so a missing value is an empty text.
#[derive(Clone, Debug, Serialize)]
struct EmailData<'a> {
    event_name: &'a str,
    start_time: &'a str,
    end_time: &'a str,
    meeting_url: Private<&'a str>,
    conversation_context: Private<String>,
    agent_type: &'a str,
}

impl<'a> Email<'a> {
    /// `subject`, `start` and `end` are texts in the recipient's language, the times in the recipient's zone.
    pub fn new(order: &'a EmailOrder, subject: &'a str, start: &'a str, end: &'a str) -> Self {
        let MessageContent { event, join_url, location, .. } = &order.content;
        // They stand in the e-mail, and say what a stranger said.
        let notes = order.notes.as_ref().and_then(|it| it.as_line(LONGEST_NOTES));
        Self {
            to: &order.to,
            subject,
            template: order.template.as_deref().unwrap_or_default(),
            data: EmailData {
                event_name: event,
                start_time: start,
                end_time: end,
                meeting_url: join_url.as_deref().map_or_else(|| text_or_empty(location.as_ref()), Private::new),
                conversation_context: notes.unwrap_or_default().into(),
                agent_type: order.agent_type.as_deref().unwrap_or_default(),
            },
        }
    }
}

/// The body of [`FOLLOW_UP`].
#[derive(Clone, Debug, Serialize)]
pub struct FollowUp<'a> {
    user_email: &'a Private<String>,
    conversation_id: &'a str,
    followup_type: &'static str,
    scheduled_for: Timestamp,
    message: &'a str,
}

impl<'a> FollowUp<'a> {
    /// An offer of help to find another time. VAI makes it at `at`; `message` is in the invitee's language.
    pub fn new(order: &'a VaiOrder, at: Timestamp, message: &'a str) -> Self {
        Self {
            user_email: &order.leg.details.email,
            conversation_id: &order.conversation_id,
            followup_type: "reschedule_assistance",
            scheduled_for: round_to_millis(at),
            message,
        }
    }
}

/// The body of [`ANALYTICS`].
#[derive(Clone, Debug, Serialize)]
pub struct Logged {
    event_type: &'static str,
    platform: &'static str,
    data: Private<Value>,
    timestamp: Timestamp,
}

impl Logged {
    /// Logs a fact with the `payload` of Calendly's webhook, or its whole body when it has none. A body that isn't JSON
    /// is sent as text; none is stored. `now` is the time of the call.
    pub fn new(what: Analytics, body: &[u8], now: Timestamp) -> Self {
        let mut whole =
            serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        let payload = whole.get_mut("payload").map(Value::take);
        Self {
            event_type: what.name(),
            platform: "calendly",
            data: Private::new(payload.unwrap_or(whole)),
            timestamp: round_to_millis(now),
        }
    }
}

fn text_or_empty(value: Option<&Private<String>>) -> Private<&str> {
    Private::new(value.map_or("", |it| it.expose()))
}

/// Rounds to milliseconds, the resolution of the JavaScript dates that VAI reads.
fn round_to_millis(now: Timestamp) -> Timestamp {
    now.round(Unit::Millisecond).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use domain::settings::{Provider, WordingParts};
    use domain::{
        BookingId, CanceledBy, Cancellation, Details, EventUri, InviteeUri, Language, Leg, Message, Tracking, Withheld,
    };
    use insta::assert_snapshot;

    use super::*;

    const NOW: &str = "2026-03-27T09:00:00.123456789Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn order() -> VaiOrder {
        VaiOrder {
            booking: BookingId::new("bk-0123"),
            leg: Leg {
                invitee: InviteeUri::new("https://api.calendly.com/scheduled_events/EV2/invitees/IN2"),
                token: None,
                previous: None,
                next: None,
                booked_at: None,
                details: Details {
                    as_of: at("2026-03-27T08:59:59Z"),
                    looked_at: None,
                    event: EventUri::new("https://api.calendly.com/scheduled_events/EV2"),
                    event_type: None,
                    event_name: "Demonstrație".to_owned(),
                    start: at("2026-03-29T12:15:00Z"),
                    end: at("2026-03-29T12:45:00Z"),
                    name: "Ana Pop".into(),
                    first_name: None,
                    email: "ana@example.com".into(),
                    zone: Some("Europe/Bucharest".to_owned()),
                    join_url: None,
                    location: None,
                    invitee_place: None,
                    cancel_url: None,
                    reschedule_url: None,
                    in_person: false,
                    online: false,
                    by_phone: false,
                    host: None,
                    hosts: Vec::new(),
                    phones: Vec::new(),
                    reconfirmation: None,
                    routing_form_submission: None,
                    payment: None,
                    answers: Vec::new(),
                    tracking: Tracking::default(),
                },
                canceled: Some(Cancellation {
                    at: at("2026-03-27T08:59:59Z"),
                    by: CanceledBy::Invitee,
                    reason: Some("Nu am timp".into()),
                    rescheduled: false,
                }),
                no_show: None,
                created_received: true,
                canceled_received: true,
            },
            conversation_id: "conv-7".to_owned(),
            user_id: Some("user-7".to_owned()),
            event_type: "Sales Demo".to_owned(),
            old_start: Some(at("2026-03-28T10:00:00Z")),
            language: Language::Romanian,
        }
    }

    fn mail() -> EmailOrder {
        let VaiOrder { leg: Leg { details, .. }, language, .. } = order();
        EmailOrder {
            to: details.email,
            message: Message::Confirmation,
            provider: Provider::Vai,
            next: None,
            template: Some("calendly_confirmation".to_owned()),
            from: None,
            from_name: None,
            reply_to: None,
            configuration_set: None,
            calendar: None,
            booking: BookingId::new("bk-0123"),
            content: MessageContent {
                name: details.name.clone(),
                invitee: details.name,
                event: details.event_name,
                start: details.start,
                end: details.end,
                old_start: None,
                minutes_ahead: None,
                zone: "Europe/Bucharest".to_owned(),
                zone_of: None,
                host_zone: None,
                language,
                join_url: Some("https://zoom.example/j/1".to_owned()),
                location: None,
                invitee_place: None,
                cancel_url: None,
                reschedule_url: None,
                survey_url: None,
                booking_url: None,
                opt_out: None,
                link_for: None,
                by_invitee: false,
                link_follows: false,
                by_phone: false,
                notice: None,
                host: None,
                withheld: Withheld::Nothing,
                can_reply: true,
                brand: None,
                wording: WordingParts::default(),
            },
            notes: Some("Vrea prețuri".into()),
            agent_type: Some("sales".to_owned()),
        }
    }

    fn json(body: &impl Serialize) -> String {
        serde_json::to_string_pretty(body).expect("JSON")
    }

    #[test]
    fn booked() {
        assert_snapshot!(json(&Booked::new(&order(), at(NOW))), @r#"
        {
          "booking_id": "bk-0123",
          "event_uuid": "EV2",
          "invitee_uuid": "IN2",
          "conversation_id": "conv-7",
          "invitee_email": "ana@example.com",
          "user_id": "user-7",
          "invitee_name": "Ana Pop",
          "start_time": "2026-03-29T12:15:00Z",
          "end_time": "2026-03-29T12:45:00Z",
          "event_type": "Sales Demo",
          "meeting_url": null,
          "timestamp": "2026-03-27T09:00:00.123Z"
        }
        "#);
    }

    #[test]
    fn confirmed() {
        assert_snapshot!(json(&Confirmed::new(&order(), at(NOW))), @r#"
        {
          "booking_id": "bk-0123",
          "event_uuid": "EV2",
          "invitee_uuid": "IN2",
          "conversation_id": "conv-7",
          "invitee_email": "ana@example.com",
          "invitee_name": "Ana Pop",
          "start_time": "2026-03-29T12:15:00Z",
          "end_time": "2026-03-29T12:45:00Z",
          "event_type": "Sales Demo",
          "timestamp": "2026-03-27T09:00:00.123Z"
        }
        "#);
    }

    #[test]
    fn canceled() {
        assert_snapshot!(json(&Canceled::new(&order(), at(NOW))), @r#"
        {
          "booking_id": "bk-0123",
          "event_uuid": "EV2",
          "invitee_uuid": "IN2",
          "conversation_id": "conv-7",
          "invitee_email": "ana@example.com",
          "cancel_reason": "Nu am timp",
          "timestamp": "2026-03-27T09:00:00.123Z"
        }
        "#);
    }

    #[test]
    fn canceled_without_a_reason() {
        let mut order = order();
        order.leg.canceled = None;
        let body = serde_json::to_value(Canceled::new(&order, at(NOW))).expect("JSON");
        assert_eq!(body["cancel_reason"], "");
    }

    #[test]
    fn rescheduled() {
        assert_snapshot!(json(&Rescheduled::new(&order(), at(NOW))), @r#"
        {
          "booking_id": "bk-0123",
          "event_uuid": "EV2",
          "invitee_uuid": "IN2",
          "conversation_id": "conv-7",
          "invitee_email": "ana@example.com",
          "old_start_time": "2026-03-28T10:00:00Z",
          "new_start_time": "2026-03-29T12:15:00Z",
          "new_end_time": "2026-03-29T12:45:00Z",
          "timestamp": "2026-03-27T09:00:00.123Z"
        }
        "#);
    }

    #[test]
    fn email() {
        let body = mail();
        assert_snapshot!(json(&Email::new(&body, "Confirmare programare: Demonstrație", "ora 15:15", "ora 15:45")), @r#"
        {
          "to": "ana@example.com",
          "subject": "Confirmare programare: Demonstrație",
          "template": "calendly_confirmation",
          "data": {
            "event_name": "Demonstrație",
            "start_time": "ora 15:15",
            "end_time": "ora 15:45",
            "meeting_url": "https://zoom.example/j/1",
            "conversation_context": "Vrea prețuri",
            "agent_type": "sales"
          }
        }
        "#);
    }

    #[test]
    fn an_email_without_a_link_has_the_place() {
        let mut order = mail();
        order.content.join_url = None;
        let url = |order: &EmailOrder| {
            serde_json::to_value(Email::new(order, "s", "a", "b")).expect("JSON")["data"]["meeting_url"].clone()
        };
        assert_eq!(url(&order), "");
        order.content.location = Some("Strada Lungă 1".into());
        assert_eq!(url(&order), "Strada Lungă 1");
    }

    #[test]
    fn follow_up() {
        assert_snapshot!(json(&FollowUp::new(&order(), at("2026-03-28T09:00:00Z"), "Pot să te ajut?")), @r#"
        {
          "user_email": "ana@example.com",
          "conversation_id": "conv-7",
          "followup_type": "reschedule_assistance",
          "scheduled_for": "2026-03-28T09:00:00Z",
          "message": "Pot să te ajut?"
        }
        "#);
    }

    #[test]
    fn logged() {
        let body = br#"{"event":"invitee.created","payload":{"name":"Ana","n":18446744073709551615}}"#;
        assert_snapshot!(json(&Logged::new(Analytics::InviteeCreated, body, at(NOW))), @r#"
        {
          "event_type": "invitee_created",
          "platform": "calendly",
          "data": {
            "n": 18446744073709551615,
            "name": "Ana"
          },
          "timestamp": "2026-03-27T09:00:00.123Z"
        }
        "#);
    }

    #[test]
    fn a_body_without_payload_is_logged_whole() {
        let data = |body: &[u8]| {
            serde_json::to_value(Logged::new(Analytics::InviteeCanceled, body, at(NOW))).expect("JSON")["data"].clone()
        };
        assert_eq!(data(br#"{"uri":"x"}"#), serde_json::json!({"uri": "x"}));
        assert_eq!(data(b"[1]"), serde_json::json!([1]));
        assert_eq!(data(b"oops"), "oops");
    }

    #[test]
    fn bodies_print_nothing_personal() {
        let (order, mail) = (order(), mail());
        let printed = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            Confirmed::new(&order, at(NOW)),
            Canceled::new(&order, at(NOW)),
            Rescheduled::new(&order, at(NOW)),
            FollowUp::new(&order, at(NOW), "help"),
            Email::new(&mail, "subject", "start", "end"),
            Logged::new(Analytics::InviteeCreated, br#"{"payload":{"name":"Ana Pop"}}"#, at(NOW)),
        );
        for personal in ["Ana", "ana@example.com", "Nu am timp", "prețuri"] {
            assert!(!printed.contains(personal), "{personal} in {printed}");
        }
    }
}
