//! For tests: orders, and clients to send them with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sesv2::config::{Credentials, SharedCredentialsProvider};
use domain::settings::{CalendarFile, Provider, WordingParts};
use domain::{
    BookingId, Calendar, CanceledBy, Cancellation, CommandId, ConnectionName, ContactKey, Details, EmailOrder,
    EventUri, InviteeUri, Language, Leg, Message, MessageContent, OptOut, Outcome, Phone, PhoneCandidate, PhoneSource,
    PlainEmail, Reason, SmsOrder, TextLimits, Tracking, VaiOrder, Withheld,
};
use jiff::Timestamp;
use runtime::Secrets;

use crate::Ses;
use crate::links::Links;

pub(crate) const NAME: &str = "Ana Pop";
pub(crate) const EMAIL: &str = "ana@example.com";
pub(crate) const PHONE: &str = "+40712345678";
/// The link that ends follow-ups, in a message of these fixtures.
pub(crate) const UNSUBSCRIBE: &str =
    "https://api.example.com/unsubscribe/default/bk-0123/00112233445566778899aabbccddeeff?l=ro&s=0123456789abcdef";

/// A client with a short time-out.
pub(crate) fn client() -> reqwest::Client {
    http_client::client_with_timeout(Duration::from_millis(300)).expect("a client")
}

/// An adapter of Amazon SES at `endpoint`.
pub(crate) fn ses(endpoint: &str) -> Ses {
    let sdk = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(aws_config::Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "test")));
    Ses::new(sdk.build(), Some(endpoint.to_owned()), Some("vai-calendly-test".to_owned()), links())
}

pub(crate) fn secrets() -> Arc<Secrets> {
    let providers = r#"{"engagelab":{"dev_key":"key","dev_secret":"secret"},"vai_api_key":"vai-key",
        "twilio":{"account_sid":"AC0123456789abcdef0123456789abcdef","auth_token":"token"},
        "brevo_api_key":"xkeysib-key"}"#;
    let with_key = r#"{"twilio":{"account_sid":"AC0123456789abcdef0123456789abcdef","api_key":"SK1",
        "api_secret":"key-secret"}}"#;
    let named = [
        ("t/default/providers", providers),
        ("t/with-key/providers", with_key),
        ("t/empty/providers", "{}"),
        ("t/broken/providers", "?"),
    ];
    let secrets: BTreeMap<_, _> = named.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Arc::new(Secrets::fixed("t/", secrets))
}

pub(crate) fn connection(name: &str) -> ConnectionName {
    ConnectionName::parse(name).expect("a name")
}

pub(crate) fn key() -> CommandId {
    CommandId::new("sms-confirmation-0123")
}

pub(crate) fn phone() -> Phone {
    Phone::parse(PHONE).expect("a number")
}

pub(crate) fn links() -> Links {
    Links::new(Some("https://api.example.com".to_owned()))
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn content() -> MessageContent {
    MessageContent {
        name: "Ana".into(),
        invitee: NAME.into(),
        event: "Demonstrație".to_owned(),
        start: at("2026-03-29T12:15:00Z"),
        end: at("2026-03-29T12:45:00Z"),
        old_start: None,
        minutes_ahead: None,
        zone: "Europe/Bucharest".to_owned(),
        zone_of: None,
        host_zone: None,
        language: Language::Romanian,
        join_url: Some("https://zoom.example/j/1".to_owned()),
        location: None,
        invitee_place: None,
        cancel_url: Some("https://calendly.com/cancellations/IN2".to_owned()),
        reschedule_url: Some("https://calendly.com/reschedulings/IN2".to_owned()),
        survey_url: None,
        booking_url: None,
        opt_out: Some(OptOut {
            contact: ContactKey::parse("00112233445566778899aabbccddeeff").expect("a key"),
            signature: "0123456789abcdef".to_owned(),
        }),
        link_for: None,
        by_invitee: false,
        link_follows: false,
        by_phone: false,
        notice: None,
        host: Some("Maria".to_owned()),
        withheld: Withheld::Nothing,
        can_reply: true,
        brand: None,
        wording: WordingParts::default(),
    }
}

pub(crate) fn text(message: Message) -> SmsOrder {
    SmsOrder {
        to: phone(),
        source: PhoneSource::TextReminderNumber,
        message,
        provider: Provider::Engagelab,
        next: None,
        template: Some("1972488990548348928".to_owned()),
        template_text: None,
        most_segments: 6,
        segment_price: None,
        sender: None,
        transliterate: false,
        limits: TextLimits::default(),
        booking: BookingId::new("bk-0123"),
        content: content(),
    }
}

pub(crate) fn mail() -> EmailOrder {
    EmailOrder {
        to: EMAIL.into(),
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
        content: content(),
        notes: Some("Vrea prețuri".into()),
        agent_type: Some("sales".to_owned()),
    }
}

/// An e-mail in our own wording.
pub(crate) fn own_mail(provider: Provider, message: Message) -> EmailOrder {
    EmailOrder {
        message,
        provider,
        template: None,
        from: Some("meetings@vai.example".to_owned()),
        from_name: Some("VAI întâlniri".to_owned()),
        reply_to: Some("maria@vai.example".to_owned()),
        ..mail()
    }
}

/// An e-mail to the address of an endpoint.
pub(crate) fn plain_mail(provider: Provider) -> PlainEmail {
    PlainEmail {
        provider,
        from: "meetings@vai.example".to_owned(),
        from_name: Some("VAI întâlniri".to_owned()),
        reply_to: None,
        configuration_set: None,
        to: EMAIL.into(),
        subject: "webhook.test".into(),
        text: "test: true".into(),
        link: None,
    }
}

/// The order of a calendar file.
pub(crate) fn calendar(kind: CalendarFile) -> Calendar {
    let organizer = Some("maria@vai.example".into());
    Calendar { kind, sequence: 1, is_canceled: false, at: at("2026-03-27T09:00:00Z"), organizer }
}

pub(crate) fn news() -> VaiOrder {
    let content = content();
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
                event_name: content.event,
                start: content.start,
                end: content.end,
                name: content.invitee,
                first_name: Some("Ana".into()),
                email: EMAIL.into(),
                zone: Some(content.zone),
                join_url: content.join_url,
                location: None,
                invitee_place: None,
                cancel_url: content.cancel_url,
                reschedule_url: content.reschedule_url,
                in_person: false,
                online: false,
                by_phone: false,
                host: content.host,
                hosts: Vec::new(),
                phones: vec![PhoneCandidate {
                    source: PhoneSource::TextReminderNumber,
                    question: None,
                    text: PHONE.into(),
                }],
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

/// An expected outcome, without its detail.
pub(crate) type ExpectedOutcome<'a> = &'a dyn Fn(String) -> Outcome;

pub(crate) fn refused(reason: Reason) -> impl Fn(String) -> Outcome {
    move |detail| Outcome::Refused { reason, detail }
}

pub(crate) fn unsent(reason: Reason, after_seconds: Option<u32>) -> impl Fn(String) -> Outcome {
    move |detail| Outcome::Unsent { reason, after_seconds, detail }
}

pub(crate) fn unknown(after_seconds: Option<u32>) -> impl Fn(String) -> Outcome {
    move |detail| Outcome::Unknown { after_seconds, detail }
}

/// The outcome when the time-out passed.
pub(crate) fn no_answer() -> Outcome {
    unknown(None)("no answer in time".to_owned())
}

/// Asserts that a printed text does not name the invitee.
pub(crate) fn assert_nothing_personal(printed: &str) {
    for personal in [NAME, "Ana", EMAIL, PHONE, &PHONE[1..], "Nu am timp", "prețuri"] {
        assert!(!printed.contains(personal), "{personal} in {printed}");
    }
}
