//! Events for tests.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Returns an event of each kind. What strangers wrote in them tries to do harm.
pub(crate) fn events() -> Vec<(&'static str, Value)> {
    let booking = json!({
        "booking": {
            "id": "bkg_1", "status": "active", "eventType": "Sales Demo", "startTime": "2026-09-01T10:00:00Z",
            "endTime": "2026-09-01T10:30:00Z", "timezone": "Europe/Bucharest", "joinUrl": "https://meet.example/x",
            "hosts": [{"name": "Mihai", "email": "mihai@example.com"}],
        },
        "invitee": {
            "name": "Ana <!channel> *Pop* [x](https://evil.example)", "firstName": "Ana", "email": "ana@example.com",
            "phone": "+40712345678",
        },
        "answers": [{"question": "Size & <team>?", "answer": "<https://evil.example|here> @channel"}],
        "qualification": {"budget": 5000, "isDecider": true, "need": {"topic": "CRM"}},
        "conversationId": "conv_1",
        "agentType": "sales",
        "userId": "user_1",
        "tracking": {"utmSource": "news", "utmCampaign": "fall"},
    });
    let mut canceled = booking.clone();
    canceled["cancellation"] = json!({"by": "invitee", "reason": "ill"});
    let event = |event_type: &'static str, data: Value| {
        let sequence = json!({"stream": "booking/bkg_1", "number": 3, "previous": "sha256:ab"});
        let event = json!({
            "event": event_type, "type": event_type, "id": "evt_1", "timestamp": "2026-08-30T08:00:00Z",
            "sequence": sequence, "data": data,
        });
        (event_type, event)
    };
    let message = |text: &str| json!({"text": text, "type": "text", "metadata": {}});
    vec![
        event("booking.created", booking),
        event("booking.canceled", canceled),
        event("conversation.started", json!({"sessionId": "s_1", "agentId": "a_1", "platform": "web"})),
        event(
            "message.received",
            json!({"sessionId": "s_1", "message": message("Hi <!here>"), "userId": "user_1", "entities": []}),
        ),
        event("message.sent", json!({"sessionId": "s_1", "response": message("Hello"), "confidence": 0.9})),
        event(
            "conversation.ended",
            json!({"sessionId": "s_1", "duration": 90, "messageCount": 4, "summary": "Refund", "resolved": true}),
        ),
        event(
            "agent.metrics",
            json!({
                "agentId": "a_1", "period": "day",
                "metrics": {"satisfactionScore": 0.7, "totalConversations": 12, "tools": ["a", "b"]},
            }),
        ),
        event(
            "notification.replied",
            json!({"booking": {"id": "bkg_1"}, "reply": {"text": "Yes", "meaning": "other"}}),
        ),
        event("webhook.test", json!({"test": true, "webhookId": "ep_1", "message": "A test"})),
        event("endpoint.disabled", json!({"endpointId": "ep_1"})),
    ]
}

/// Returns the event of a type.
pub(crate) fn event(event_type: &str) -> Value {
    events().into_iter().find(|it| it.0 == event_type).expect("a sample").1
}

/// Makes nulls, booleans, numbers and texts.
pub(crate) fn literals() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|it: f64| Value::from((it * 64.0).round() / 64.0)),
        ".{0,6}".prop_map(Value::from),
    ]
}

/// Makes JSON with few keys, so that paths often lead to something.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    literals().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys(), inner, 0..4).prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

fn keys() -> impl Strategy<Value = String> {
    let known = "(data|invitee|name|metrics|message|text|answers|utmSource|Ab|ab|a_b)";
    prop_oneof![4 => "[a-c]", 1 => known, 1 => ".{0,3}"]
}

/// Makes events: real ones in which anything may be replaced.
pub(crate) fn any_event() -> impl Strategy<Value = Value> {
    let real = (
        prop::sample::select(events()),
        any_json(),
        prop::sample::select(vec![
            "/type",
            "/event",
            "/id",
            "/timestamp",
            "/sequence",
            "/data",
            "/data/booking",
            "/data/invitee",
            "/data/answers",
            "/data/invitee/name",
            "/data/booking/startTime",
            "/data/booking/timezone",
            "/data/qualification",
            "/data/tracking",
            "/data/metrics",
            "/data/message",
            "/data/sessionId",
        ]),
    );
    let real = real.prop_map(|((_, mut event), value, pointer)| {
        if let Some(place) = event.pointer_mut(pointer) {
            *place = value;
        }
        event
    });
    prop_oneof![3 => real, 1 => any_json()]
}
