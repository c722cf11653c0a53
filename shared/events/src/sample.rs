//! A sample of each event, with every field, for documents, tests of endpoints and checks of templates.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    AgentMetricsData, Answer, BookingData, BookingPart, BookingStatus, CanceledBy, CancellationPart, Channel,
    ConversationEndedData, ConversationStartedData, EndpointData, Event, EventType, FailurePart, HostPart, InviteePart,
    MessagePart, MessageReceivedData, MessageSentData, MetricsPart, NotificationData, NotificationPart, PreviousPart,
    ReminderPart, ReplyMeaning, ReplyPart, Sequence, TrackingPart, UtcTime, WebhookTestData, derive_id, digest,
};

/// Returns a sample of an event that happens now, with which an endpoint is tested.
pub fn test_event(kind: EventType, id: String, endpoint: &str, now: Timestamp) -> Event {
    let at = UtcTime::from(now);
    let mut event = Event { id, at: at.timestamp(), ..sample(kind) };
    if kind == EventType::WebhookTest {
        event.data["webhookId"] = endpoint.into();
        event.data["timestamp"] = serde_json::to_value(at).unwrap_or_default();
    }
    event
}

/// Returns a sample of an event. Every optional field is present.
pub fn sample(kind: EventType) -> Event {
    let booking = |data: BookingData| event(kind, &data);
    match kind {
        EventType::ConversationStarted => event(kind, &conversation_started()),
        EventType::MessageReceived => event(kind, &message_received()),
        EventType::MessageSent => event(kind, &message_sent()),
        EventType::ConversationEnded => event(kind, &conversation_ended()),
        EventType::AgentMetrics => event(kind, &agent_metrics()),
        EventType::WebhookTest => event(kind, &webhook_test()),
        EventType::BookingCreated => booking(booking_of(&ROMANIAN, DAY)),
        EventType::BookingRescheduled => {
            let (start_time, end_time) = (at(-DAY), at(-DAY + HALF_HOUR));
            booking(BookingData { previous: Some(PreviousPart { start_time, end_time }), ..booking_of(&DANISH, DAY) })
        }
        EventType::BookingCanceled => {
            let mut data = booking_of(&CHINESE, DAY);
            data.booking.status = BookingStatus::Canceled;
            let reason = Some("時間不方便，下週再約。".to_owned());
            data.cancellation = Some(CancellationPart { by: CanceledBy::Invitee, reason, at: now().into() });
            booking(data)
        }
        EventType::BookingReminded => {
            let reminder = ReminderPart { minutes_before: 60, channel: Channel::Sms };
            booking(BookingData { reminder: Some(reminder), ..booking_of(&ENGLISH, HOUR) })
        }
        EventType::BookingNoShow | EventType::BookingNoShowWithdrawn => booking(booking_of(&DANISH, -HALF_HOUR)),
        EventType::BookingCompleted => booking(booking_of(&ROMANIAN, -HALF_HOUR)),
        EventType::NotificationDelivered => event(kind, &notification(&CHINESE, Channel::Email)),
        EventType::NotificationFailed => {
            let detail = Some("21610: the recipient replied STOP before".to_owned());
            let failure = Some(FailurePart { reason: "opted_out".to_owned(), detail });
            event(kind, &NotificationData { failure, ..notification(&DANISH, Channel::Sms) })
        }
        EventType::NotificationReplied => {
            let text = "Întârzii cinci minute, mă puteți aștepta?".to_owned();
            let reply = Some(ReplyPart { text, meaning: ReplyMeaning::Other, at: now().into() });
            event(kind, &NotificationData { reply, ..notification(&ROMANIAN, Channel::Sms) })
        }
        EventType::EndpointFailing => {
            event(kind, &EndpointData { will_be_disabled_at: Some(at(2 * DAY)), ..endpoint() })
        }
        EventType::EndpointDisabled => event(kind, &EndpointData { disabled_at: Some(now().into()), ..endpoint() }),
    }
}

/// Returns the place of a sample in a sequence.
pub(crate) fn sample_sequence(event: &Event) -> Sequence {
    let stream = event.stream().map(|it| it.to_string()).unwrap_or_default();
    Sequence { stream, number: 2, previous: Some(digest("")) }
}

const HALF_HOUR: i64 = 30 * 60;
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// Returns the time when the events of the samples happened.
fn now() -> Timestamp {
    Timestamp::from_millisecond(1_788_166_800_125).unwrap_or_default()
}

/// Returns the full second that is so many seconds after [`now`].
fn at(seconds: i64) -> UtcTime {
    Timestamp::from_second(now().as_second() + seconds).unwrap_or_default().into()
}

fn event<T: crate::EventData>(kind: EventType, data: &T) -> Event {
    Event::new(derive_id(kind.name()), kind, now(), data)
}

struct Person {
    name: &'static str,
    first_name: &'static str,
    email: &'static str,
    phone: &'static str,
    timezone: &'static str,
    language: &'static str,
    event_type: &'static str,
    question: &'static str,
    answer: &'static str,
    topic: &'static str,
}

const ROMANIAN: Person = Person {
    name: "Ștefania Brânză-Țuțuianu",
    first_name: "Ștefania",
    email: "stefania.branza@example.com",
    phone: "+40712345678",
    timezone: "Europe/Bucharest",
    language: "ro",
    event_type: "Sales Demo",
    question: "Ce v-ar plăcea să vedeți?",
    answer: "Integrarea cu CRM-ul nostru și prețurile pentru 25 de utilizatori.",
    topic: "prețuri",
};
const DANISH: Person = Person {
    name: "Søren Ærø Ångström",
    first_name: "Søren",
    email: "soeren@example.com",
    phone: "+4520123456",
    timezone: "Europe/Copenhagen",
    language: "da",
    event_type: "Technical Support",
    question: "Hvad drejer det sig om?",
    answer: "Vores \"kø\" står stille – se også <bilag>.",
    topic: "fejl i køen",
};
const CHINESE: Person = Person {
    name: "陳怡君",
    first_name: "怡君",
    email: "yichun.chen@example.com",
    phone: "+886912345678",
    timezone: "Asia/Taipei",
    language: "zh-Hant",
    event_type: "Strategy Call",
    question: "您想討論什麼？",
    answer: "明年的預算與時程 📅",
    topic: "預算",
};
const ENGLISH: Person = Person {
    name: "Zoë O'Brien",
    first_name: "Zoë",
    email: "zoe.obrien@example.com",
    phone: "+447700900123",
    timezone: "Europe/London",
    language: "en",
    event_type: "Quick Consultation",
    question: "What would you like to talk about?",
    answer: "Moving 3,000 contacts\nand keeping their history.",
    topic: "migration",
};

fn booking_part(person: &Person, start: i64) -> BookingPart {
    BookingPart {
        id: "bk-4f1c2d7e9a0b43568d1e7f2a6c3b5d90".to_owned(),
        event_uuid: Some("0f7c3e1a-5b2d-4c8e-9a6f-1d2e3f405162".to_owned()),
        invitee_uuid: Some("8b1d6a2e-7c4f-4e0a-b3d9-5f6e7a8b9c0d".to_owned()),
        status: BookingStatus::Active,
        event_type: person.event_type.to_owned(),
        start_time: at(start),
        end_time: at(start + HALF_HOUR),
        timezone: Some(person.timezone.to_owned()),
        language: Some(person.language.to_owned()),
        place: Some("Nørrebrogade 1, 2200 København N".to_owned()),
        join_url: Some("https://meet.example.com/abc-defg-hij".to_owned()),
        cancel_url: Some("https://calendly.com/cancellations/8b1d6a2e-7c4f-4e0a-b3d9-5f6e7a8b9c0d".to_owned()),
        reschedule_url: Some("https://calendly.com/reschedulings/8b1d6a2e-7c4f-4e0a-b3d9-5f6e7a8b9c0d".to_owned()),
        hosts: vec![HostPart { name: Some("Mihai Ionescu".to_owned()), email: "mihai@example.org".to_owned() }],
        is_vai: true,
    }
}

fn invitee_part(person: &Person) -> InviteePart {
    InviteePart {
        name: person.name.to_owned(),
        first_name: Some(person.first_name.to_owned()),
        email: person.email.to_owned(),
        phone: Some(person.phone.to_owned()),
    }
}

fn booking_of(person: &Person, start: i64) -> BookingData {
    let qualification = [("company", "Ōkami Café SRL"), ("budget", "10,000 €"), ("team_size", "25")];
    BookingData {
        booking: booking_part(person, start),
        invitee: invitee_part(person),
        answers: vec![Answer { question: person.question.to_owned(), answer: person.answer.to_owned() }],
        qualification: qualification.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        conversation_id: Some(SESSION.to_owned()),
        agent_type: Some("sales".to_owned()),
        user_id: Some(USER.to_owned()),
        topic: Some(person.topic.to_owned()),
        tracking: TrackingPart {
            utm_source: Some("newsletter".to_owned()),
            utm_medium: Some("email".to_owned()),
            utm_campaign: Some("autumn-2026".to_owned()),
            utm_term: Some("crm integration".to_owned()),
            utm_content: Some("vai1-abcdefghijklmnopqrstuvwxyz".to_owned()),
            salesforce_uuid: Some("00Q5g00000ABCDE".to_owned()),
        },
        cancellation: None,
        previous: None,
        reminder: None,
    }
}

fn notification(person: &Person, channel: Channel) -> NotificationData {
    let provider = match channel {
        Channel::Sms => "twilio",
        Channel::Email => "ses",
    };
    NotificationData {
        booking: booking_part(person, HOUR),
        invitee: invitee_part(person),
        notification: NotificationPart {
            id: "reminder-60-3c9d2e1f".to_owned(),
            message: "reminder".to_owned(),
            channel,
            provider: Some(provider.to_owned()),
            at: at(-HALF_HOUR),
        },
        failure: None,
        reply: None,
        conversation_id: Some(SESSION.to_owned()),
    }
}

fn endpoint() -> EndpointData {
    EndpointData {
        endpoint_id: ENDPOINT.to_owned(),
        url: "https://***@hooks.example.com/vai?token=***".to_owned(),
        failing_since: at(-3 * DAY),
        last_error: "the server answered 503".to_owned(),
        disabled_at: None,
        will_be_disabled_at: None,
    }
}

const SESSION: &str = "7c3a9f20-1b8e-4d65-9e07-a2f4c6d81b35";
const AGENT: &str = "agent-sales-ro";
const USER: &str = "user-20417";
const ENDPOINT: &str = "crm-leads";

fn conversation_started() -> ConversationStartedData {
    ConversationStartedData {
        session_id: SESSION.to_owned(),
        agent_id: Some(AGENT.to_owned()),
        user_id: Some(USER.to_owned()),
        platform: Some("web".to_owned()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned()),
        timestamp: now().into(),
        further: BTreeMap::new(),
    }
}

fn message_part(text: &str, metadata: Value) -> MessagePart {
    let metadata = metadata.as_object().cloned().unwrap_or_default();
    MessagePart { text: text.to_owned(), r#type: "text".to_owned(), metadata, further: BTreeMap::new() }
}

fn message_received() -> MessageReceivedData {
    MessageReceivedData {
        session_id: SESSION.to_owned(),
        message: message_part("Bună! Aș vrea o demonstrație joi, după ora 15.", json!({ "language": "ro" })),
        user_id: Some(USER.to_owned()),
        platform: Some("web".to_owned()),
        intent: Some("book_demo".to_owned()),
        entities: vec![json!({ "type": "weekday", "value": "joi" }), json!({ "type": "time", "value": "15:00" })],
        timestamp: now().into(),
        further: BTreeMap::new(),
    }
}

fn message_sent() -> MessageSentData {
    MessageSentData {
        session_id: SESSION.to_owned(),
        response: message_part("Sigur! Joi la 15:30 este liber. Îl rezerv?", json!({ "suggestions": ["Da", "Nu"] })),
        agent_id: Some(AGENT.to_owned()),
        confidence: Some(0.93),
        processing_time: Some(842.5),
        timestamp: now().into(),
        further: BTreeMap::new(),
    }
}

fn conversation_ended() -> ConversationEndedData {
    ConversationEndedData {
        session_id: SESSION.to_owned(),
        duration: Some(312.5),
        message_count: Some(14),
        summary: Some("Utilizatoarea a rezervat o demonstrație pentru joi, 15:30.".to_owned()),
        satisfaction: Some(json!(0.9)),
        resolved: Some(true),
        timestamp: now().into(),
        further: BTreeMap::new(),
    }
}

fn agent_metrics() -> AgentMetricsData {
    AgentMetricsData {
        agent_id: AGENT.to_owned(),
        metrics: MetricsPart {
            total_conversations: Some(128),
            average_response_time: Some(1.75),
            satisfaction_score: Some(0.76),
            resolution_rate: Some(0.88),
            further: [("escalations".to_owned(), json!(7))].into(),
        },
        period: Some(json!("2026-08")),
        timestamp: now().into(),
        further: BTreeMap::new(),
    }
}

fn webhook_test() -> WebhookTestData {
    WebhookTestData {
        test: true,
        webhook_id: ENDPOINT.to_owned(),
        message: Some("This is a test. Nothing happened.".to_owned()),
        timestamp: now().into(),
        further: BTreeMap::new(),
    }
}
