//! VAI's events: what is accepted, what is refused, and what receivers get.

use events::{
    AgentMetricsData, ConversationEndedData, ConversationStartedData, EventType, Fault, Incoming, MessageReceivedData,
    MessageSentData, Sequence, Stream, WebhookTestData, incoming_schema, parse_batch, parse_incoming, sample, schema,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn now() -> Timestamp {
    "2026-08-31T09:00:00.125Z".parse().expect("a time")
}

fn accept(value: Value) -> Incoming {
    parse_incoming(value, now()).expect("an event that is accepted")
}

fn refuse(value: Value) -> Vec<Fault> {
    parse_incoming(value, now()).expect_err("an event that is refused")
}

fn refused_paths(value: Value) -> Vec<String> {
    refuse(value).into_iter().map(|it| it.path).collect()
}

fn message(field: &str, value: Value) -> Value {
    let mut data = json!({ "sessionId": "s", "message": "Bună" });
    data[field] = value;
    json!({ "event": "message.received", "data": data })
}

#[test]
fn missing_fields_get_the_defaults_of_the_documents() {
    let text = json!({ "text": "Bună", "type": "text", "metadata": {} });
    let time = "2026-08-31T09:00:00.125Z";
    for (posted, expected) in [
        (
            json!({ "event": "message.received", "data": { "sessionId": "s", "message": { "text": "Bună" } } }),
            json!({ "sessionId": "s", "message": text, "entities": [], "timestamp": time }),
        ),
        (
            json!({ "event": "message.received", "data": { "sessionId": "s", "message": "Bună", "entities": null } }),
            json!({ "sessionId": "s", "message": text, "entities": [], "timestamp": time }),
        ),
        (
            json!({ "type": "message.sent", "data": { "sessionId": "s", "response": "Bună", "confidence": null } }),
            json!({ "sessionId": "s", "response": text, "timestamp": time }),
        ),
        (
            json!({ "event": "conversation.started", "data": { "sessionId": "s" } }),
            json!({ "sessionId": "s", "timestamp": time }),
        ),
        (
            json!({ "event": "webhook.test", "data": { "webhookId": "crm" } }),
            json!({ "webhookId": "crm", "test": true, "timestamp": time }),
        ),
    ] {
        assert_eq!(accept(posted).event.data, expected);
    }
}

#[test]
fn fields_that_the_documents_do_not_name_are_kept() {
    let data = json!({
        "sessionId": "s", "channel": { "name": null }, "timestamp": "2026-08-31T09:00:00.000Z",
        "message": { "text": "", "type": "image", "metadata": { "w": 1 }, "attachments": [1.0] }, "entities": ["joi"],
    });
    let incoming = accept(json!({ "event": "message.received", "data": data, "version": 2 }));
    assert_eq!(incoming.event.data, data);
    let metrics = json!({ "satisfactionScore": 0.79, "escalations": 7, "byDay": [1, 2] });
    let incoming = accept(json!({ "event": "agent.metrics", "data": { "agentId": "a", "metrics": metrics } }));
    assert_eq!(incoming.event.data["metrics"], metrics);
}

#[test]
fn each_event_belongs_to_the_stream_that_it_is_about() {
    for (event, data, stream) in [
        ("conversation.started", json!({ "sessionId": "s-1" }), Stream::Conversation("s-1".to_owned())),
        ("message.received", json!({ "sessionId": 17, "message": "" }), Stream::Conversation("17".to_owned())),
        ("message.sent", json!({ "sessionId": "s:1", "response": "" }), Stream::Conversation("s:1".to_owned())),
        ("conversation.ended", json!({ "sessionId": "s" }), Stream::Conversation("s".to_owned())),
        ("agent.metrics", json!({ "agentId": "a", "metrics": {} }), Stream::Agent("a".to_owned())),
        ("webhook.test", json!({ "webhookId": "crm" }), Stream::Endpoint("crm".to_owned())),
    ] {
        assert_eq!(accept(json!({ "event": event, "data": data })).stream, stream);
    }
}

#[test]
fn times_are_accepted_in_both_forms_and_sent_in_one() {
    for posted in [
        json!("2026-03-29T14:15:00+02:00"),
        json!("2026-03-29T12:15:00.0004Z"),
        json!(1_774_786_500_000_i64),
        json!(1_774_786_500_000.25),
    ] {
        let expected = "2026-03-29T12:15:00.000Z";
        let incoming =
            accept(json!({ "event": "conversation.started", "timestamp": posted, "data": { "sessionId": 1 } }));
        assert_eq!(incoming.event.data["timestamp"], json!(expected), "{posted}");
        assert_eq!(incoming.event.at, expected.parse().expect("a time"), "{posted}");
        let incoming =
            accept(json!({ "event": "conversation.started", "data": { "sessionId": 1, "timestamp": posted } }));
        assert_eq!(incoming.event.data["timestamp"], json!(expected), "{posted}");
        assert_eq!(incoming.event.at, expected.parse().expect("a time"), "{posted}");
    }
    let both = json!({
        "event": "conversation.started", "timestamp": "2026-03-29T12:15:01Z",
        "data": { "sessionId": "s", "timestamp": "2026-03-29T12:15:00Z" },
    });
    let incoming = accept(both);
    assert_eq!(incoming.event.at, "2026-03-29T12:15:01Z".parse().expect("a time"));
    assert_eq!(incoming.event.data["timestamp"], json!("2026-03-29T12:15:00.000Z"));
}

#[test]
fn other_times_are_refused() {
    for posted in [
        json!("2026-03-29"),
        json!("2026-03-29T12:15:00"),
        json!("yesterday"),
        json!("1774786500000"),
        json!(1_774_786_500),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
        json!([]),
    ] {
        assert_eq!(refused_paths(message("timestamp", posted.clone())), ["data.timestamp"], "{posted}");
        let mut event = message("message", json!("a"));
        event["timestamp"] = posted.clone();
        assert_eq!(refused_paths(event), ["timestamp"], "{posted}");
    }
}

#[test]
fn unknown_types_and_our_own_are_refused_with_the_list() {
    let list = "must be one of conversation.started, message.received, message.sent, conversation.ended, \
        agent.metrics, webhook.test";
    for name in [json!("message.deleted"), json!("Message.Received"), json!("message.*"), json!(""), json!(7)] {
        assert_eq!(refuse(json!({ "event": name, "data": {} })), [fault("event", list)], "{name}");
        assert_eq!(refuse(json!({ "type": name, "data": {} })), [fault("type", list)], "{name}");
    }
    for ours in EventType::ALL.iter().filter(|it| !it.is_from_vai()) {
        let mut body: Value = serde_json::from_str(&sample(*ours).body(None)).expect("JSON");
        assert_eq!(refuse(body.take()), [fault("event", &format!("{ours} is made by this service only; it {list}"))]);
    }
    assert_eq!(refuse(json!({ "event": null, "data": {} })), [fault("event", &format!("is missing; it {list}"))]);
    let differ = json!({ "event": "message.sent", "type": "message.received", "data": {} });
    assert_eq!(refuse(differ), [fault("event", "must be the same as \"type\", if both are given")]);
    let same = json!({ "event": null, "type": "webhook.test", "data": { "webhookId": "crm" } });
    assert_eq!(accept(same).event.kind, EventType::WebhookTest);
}

fn fault(path: &str, problem: &str) -> Fault {
    Fault { path: path.to_owned(), problem: problem.to_owned() }
}

#[test]
fn ids_that_standard_webhooks_forbids_are_refused() {
    let with_id = |id: Value| {
        let mut event = message("message", json!("a"));
        event["id"] = id;
        event
    };
    let longest = "x".repeat(128);
    for good in ["a", "evt_1-B", longest.as_str()] {
        assert_eq!(accept(with_id(json!(good))).event.id, good);
    }
    let too_long = "x".repeat(129);
    for bad in ["", "a.b", "a b", "é", "a/b", too_long.as_str()] {
        let faults = refuse(with_id(json!(bad)));
        assert_eq!(faults.len(), 1);
        assert!(faults[0].path == "id" && faults[0].problem.contains("0-9, _ and -"), "{:?}", faults[0]);
    }
    assert_eq!(refused_paths(with_id(json!(7))), ["id"]);
    assert!(accept(with_id(Value::Null)).event.id.starts_with("evt_"));
}

#[test]
fn a_repeated_event_without_an_id_is_the_same_event() {
    let later = "2026-09-01T00:00:00Z".parse().expect("a time");
    let id = |value: Value, now| parse_incoming(value, now).expect("an event").event.id;
    let started = json!({ "event": "conversation.started", "data": { "sessionId": "s" } });
    assert_eq!(id(started.clone(), now()), id(started, later));
    let as_text = message("message", json!("Bună"));
    let as_object = message("message", json!({ "metadata": {}, "text": "Bună" }));
    assert_eq!(id(as_text.clone(), now()), id(as_object, later));

    let at = |time: Value| message("timestamp", time);
    assert_eq!(id(at(json!(1_774_786_500_000_i64)), now()), id(at(json!("2026-03-29T14:15:00+02:00")), now()));
    let mut in_envelope = as_text.clone();
    in_envelope["timestamp"] = json!(1_774_786_500_000_i64);
    assert_eq!(id(in_envelope, now()), id(at(json!(1_774_786_500_000_i64)), now()));

    let mut others = vec![as_text.clone(), at(json!(1_774_786_500_000_i64)), at(json!(1_774_786_500_001_i64))];
    others.push(message("message", json!("bună")));
    others.push(message("sessionId", json!("t")));
    others.push(message("anything", json!("else")));
    others.push(json!({ "event": "message.sent", "data": { "sessionId": "s", "response": "Bună" } }));
    let mut ids: Vec<_> = others.into_iter().map(|it| id(it, now())).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let faults = refuse(json!({
        "event": "message.sent",
        "data": {
            "response": { "type": 7, "metadata": [] }, "agentId": true, "confidence": 1.01, "processingTime": -1,
            "timestamp": "today",
        },
    }));
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn each_field_has_its_limits() {
    let ended = |field: &str, value: Value| {
        let mut data = json!({ "sessionId": "s" });
        data[field] = value;
        json!({ "event": "conversation.ended", "data": data })
    };
    let sent = |field: &str, value: Value| {
        let mut data = json!({ "sessionId": "s", "response": "" });
        data[field] = value;
        json!({ "event": "message.sent", "data": data })
    };
    let metrics = |field: &str, value: Value| {
        let mut metrics = Map::new();
        metrics.insert(field.to_owned(), value);
        json!({ "event": "agent.metrics", "data": { "agentId": "a", "metrics": metrics } })
    };
    let agent = |period: Value| json!({ "event": "agent.metrics", "data": { "agentId": "a", "metrics": {}, "period": period } });
    for good in [
        ended("duration", json!(0)),
        ended("duration", json!(0.5)),
        ended("messageCount", json!(9_007_199_254_740_991_u64)),
        ended("satisfaction", json!(4.5)),
        ended("satisfaction", json!("happy")),
        ended("resolved", json!(false)),
        ended("summary", json!("ș".repeat(32_000))),
        sent("confidence", json!(0)),
        sent("confidence", json!(1)),
        sent("confidence", json!(1.0)),
        sent("processingTime", json!(12.5)),
        metrics("satisfactionScore", json!(1)),
        metrics("resolutionRate", json!(88)),
        metrics("totalConversations", json!(0)),
        agent(json!("2026-08")),
        agent(json!({ "from": 1 })),
        message("userId", json!(42)),
        message("message", json!("ș".repeat(32_000))),
        message("sessionId", json!("~".repeat(128))),
        message("entities", json!(vec![Value::Null; 1_000])),
    ] {
        assert!(parse_incoming(good.clone(), now()).is_ok() && is_valid(&good), "{:.200}", good.to_string());
    }
    for (bad, path) in [
        (ended("duration", json!(-0.1)), "data.duration"),
        (ended("duration", json!("5")), "data.duration"),
        (ended("messageCount", json!(1.5)), "data.messageCount"),
        (ended("messageCount", json!(-1)), "data.messageCount"),
        (ended("messageCount", json!(9_007_199_254_740_992_u64)), "data.messageCount"),
        (ended("satisfaction", json!([])), "data.satisfaction"),
        (ended("satisfaction", json!("x".repeat(501))), "data.satisfaction"),
        (ended("resolved", json!("true")), "data.resolved"),
        (ended("summary", json!("x".repeat(32_001))), "data.summary"),
        (ended("sessionId", Value::Null), "data.sessionId"),
        (sent("confidence", json!(-0.01)), "data.confidence"),
        (sent("confidence", json!(1.000_001)), "data.confidence"),
        (sent("confidence", json!("high")), "data.confidence"),
        (sent("processingTime", json!(-1)), "data.processingTime"),
        (sent("response", Value::Null), "data.response"),
        (sent("response", json!(["a"])), "data.response"),
        (metrics("satisfactionScore", json!(1.1)), "data.metrics.satisfactionScore"),
        (metrics("averageResponseTime", json!(-1)), "data.metrics.averageResponseTime"),
        (metrics("totalConversations", json!(0.5)), "data.metrics.totalConversations"),
        (agent(json!(7)), "data.period"),
        (agent(json!("x".repeat(501))), "data.period"),
        (message("userId", json!(4.2)), "data.userId"),
        (message("userId", json!("x".repeat(501))), "data.userId"),
        (message("message", json!("x".repeat(32_001))), "data.message.text"),
        (message("message", json!({ "type": "text" })), "data.message.text"),
        (message("message", json!({ "text": 5 })), "data.message.text"),
        (message("message", json!({ "text": "", "type": "x".repeat(501) })), "data.message.type"),
        (message("message", json!({ "text": "", "metadata": "none" })), "data.message.metadata"),
        (message("entities", json!({})), "data.entities"),
        (message("entities", json!(vec![Value::Null; 1_001])), "data.entities"),
        (message("sessionId", json!("")), "data.sessionId"),
        (message("sessionId", json!("a/b")), "data.sessionId"),
        (message("sessionId", json!("a#b")), "data.sessionId"),
        (message("sessionId", json!("a\nb")), "data.sessionId"),
        (message("sessionId", json!("ș")), "data.sessionId"),
        (message("sessionId", json!("x".repeat(129))), "data.sessionId"),
        (message("sessionId", json!(-1)), "data.sessionId"),
    ] {
        assert_eq!(refused_paths(bad.clone()), [path], "{:.200}", bad.to_string());
        assert!(!is_valid(&bad), "{:.200}", bad.to_string());
    }
}

#[test]
fn what_is_no_event_is_refused() {
    for value in [json!(null), json!([]), json!("message.sent"), json!(1)] {
        assert_eq!(refuse(value), [fault("body", "must be an object")]);
    }
    for (data, problem) in
        [(json!(null), "is missing"), (json!([]), "must be an object"), (json!("a"), "must be an object")]
    {
        assert_eq!(refuse(json!({ "event": "message.sent", "data": data })), [fault("data", problem)]);
    }
    assert_eq!(refuse(json!({ "event": "message.sent" })), [fault("data", "is missing")]);
}

#[test]
fn large_and_deep_events_are_refused() {
    let of_size = |bytes: usize| message("anything", json!("x".repeat(bytes)));
    let overhead = accept(of_size(0)).event.data.to_string().len();
    assert!(parse_incoming(of_size(100 * 1024 - overhead), now()).is_ok());
    assert_eq!(refuse(of_size(100 * 1024 - overhead + 1)), [fault("data", "must have at most 102400 bytes")]);
    assert_eq!(refuse(of_size(256 * 1024)), [fault("body", "must have at most 262144 bytes")]);
    let mut event = message("message", json!("a"));
    event["anything"] = json!("x".repeat(256 * 1024));
    assert_eq!(refuse(event), [fault("body", "must have at most 262144 bytes")]);

    let of_depth = |levels: usize| message("anything", (0..levels).fold(json!(1), |it, _| json!([it])));
    assert!(parse_incoming(of_depth(31), now()).is_ok());
    assert_eq!(refuse(of_depth(32)), [fault("data", "must have at most 32 levels")]);
}

#[test]
fn a_batch_has_a_result_for_each_event() {
    let good = message("message", json!("a"));
    let results = parse_batch(json!({ "events": [good, { "event": "nothing" }, good] }), now()).expect("a batch");
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(results[0], results[2]);
    let one = parse_batch(good.clone(), now()).expect("one event");
    assert_eq!(one, [parse_incoming(good.clone(), now())]);
    assert_eq!(parse_batch(json!(7), now()).expect("one result"), [Err(vec![fault("body", "must be an object")])]);

    assert_eq!(parse_batch(json!({ "events": vec![good.clone(); 100] }), now()).expect("a batch").len(), 100);
    for bad in [json!([]), json!(vec![good.clone(); 101]), json!({ "event": "a" }), json!("a")] {
        let faults = parse_batch(json!({ "events": bad }), now()).expect_err("no batch");
        assert_eq!(faults, [fault("events", "must be a list of 1 to 100 events")]);
    }
    let mut both = good.clone();
    both["events"] = json!([good]);
    let faults = parse_batch(both, now()).expect_err("both forms");
    assert_eq!(faults, [fault("body", "must be one event or a list under \"events\", not both")]);
}

/// Any JSON, mostly of the names and values that events have.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("text".to_owned()),
        Just("type".to_owned()),
        Just("metadata".to_owned()),
        Just("timestamp".to_owned()),
        Just("satisfactionScore".to_owned()),
        "[a-z]{0,3}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0.0..2.0).prop_map(Value::from),
        (900_000_000_000_i64..300_000_000_000_000).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("2026-03-29T14:15:00.1239+02:00")),
        Just(json!("message.sent")),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..4)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

/// Samples as VAI would post them, of which some values are removed or replaced.
fn changed_sample() -> impl Strategy<Value = Value> {
    let kinds: Vec<_> = EventType::ALL.iter().copied().filter(|it| it.is_from_vai()).collect();
    let change = (any::<prop::sample::Index>(), proptest::option::of(any_json()));
    (prop::sample::select(kinds), proptest::collection::vec(change, 0..4)).prop_map(|(kind, changes)| {
        let mut body: Value = serde_json::from_str(&sample(kind).body(None)).expect("JSON");
        for (index, replacement) in changes {
            let mut pointers = Vec::new();
            list_pointers(&body, "", &mut pointers);
            if pointers.is_empty() {
                break;
            }
            let (parent, key) = index.get(&pointers).clone();
            let parent = body.pointer_mut(&parent).and_then(Value::as_object_mut).expect("an object");
            match replacement {
                Some(value) => parent.insert(key, value),
                None => parent.remove(&key),
            };
        }
        body
    })
}

/// Lists every key of every object: the pointer of the object, and the key.
fn list_pointers(value: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        found.push((pointer.to_owned(), key.clone()));
        list_pointers(inner, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
    }
}

fn is_typed(incoming: &Incoming) -> bool {
    let data = incoming.event.data.clone();
    match incoming.event.kind {
        EventType::ConversationStarted => serde_json::from_value::<ConversationStartedData>(data).is_ok(),
        EventType::MessageReceived => serde_json::from_value::<MessageReceivedData>(data).is_ok(),
        EventType::MessageSent => serde_json::from_value::<MessageSentData>(data).is_ok(),
        EventType::ConversationEnded => serde_json::from_value::<ConversationEndedData>(data).is_ok(),
        EventType::AgentMetrics => serde_json::from_value::<AgentMetricsData>(data).is_ok(),
        EventType::WebhookTest => serde_json::from_value::<WebhookTestData>(data).is_ok(),
        _ => false,
    }
}

/// Returns whether the schema of posted events accepts a value.
fn is_valid(posted: &Value) -> bool {
    let name = ["event", "type"].iter().find_map(|it| posted.get(it)?.as_str()).expect("a type");
    let schema = EventType::parse(name).and_then(incoming_schema).expect("a schema");
    jsonschema::validator_for(&schema).expect("a schema").is_valid(posted)
}

fn check_accepted(posted: Value) {
    let later = "2027-01-01T00:00:00Z".parse().expect("a time");
    let Ok(incoming) = parse_incoming(posted.clone(), now()) else { return };
    assert!(is_valid(&posted), "{posted}");
    let again = parse_incoming(posted, later).expect("accepted before");
    assert_eq!(again.event.id, incoming.event.id);

    let sequence = Sequence { stream: incoming.stream.to_string(), number: 1, previous: None };
    let text = incoming.event.body(Some(&sequence));
    let body: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::options().should_validate_formats(true).build(&schema(incoming.event.kind));
    assert!(validator.expect("a schema").is_valid(&body), "{text}");
    assert!(is_typed(&incoming), "{text}");

    let sent_back = parse_incoming(body, later).expect("a body of ours");
    assert_eq!(sent_back, incoming);
    assert_eq!(sent_back.event.body(Some(&sequence)), text);
}

#[test]
fn samples_are_accepted_as_they_are() {
    for kind in EventType::ALL.iter().filter(|it| it.is_from_vai()) {
        let event = sample(*kind);
        let posted: Value = serde_json::from_str(&event.body(None)).expect("JSON");
        assert_eq!(accept(posted.clone()).event, event);
        for (empty, named) in [("event", "type"), ("type", "event")] {
            let mut posted = posted.clone();
            (posted[empty], posted[named]) = (Value::Null, kind.name().into());
            check_accepted(posted.clone());
            assert_eq!(accept(posted.clone()).event, event);
            posted[named] = Value::Null;
            assert!(parse_incoming(posted, now()).is_err());
        }
    }
}

#[test]
fn only_posted_events_have_a_schema_for_posting() {
    for kind in EventType::ALL {
        assert_eq!(incoming_schema(*kind).is_some(), kind.is_from_vai(), "{kind}");
    }
    let schema = incoming_schema(EventType::MessageReceived).expect("a schema");
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema).expect("JSON"));
    for incomplete in [json!({ "data": { "sessionId": "s", "message": "" } }), json!({ "event": "message.received" })] {
        assert!(!jsonschema::validator_for(&schema).expect("a schema").is_valid(&incomplete), "{incomplete}");
    }
}

proptest! {
    #[test]
    fn any_json_is_read_without_panic(value in any_json()) {
        check_accepted(value.clone());
        check_accepted(json!({ "event": "message.received", "data": value }));
        let _ = parse_batch(json!({ "events": [value.clone(), value] }), now());
    }

    #[test]
    fn what_is_accepted_fits_its_schema_and_is_the_same_when_it_is_posted_again(value in changed_sample()) {
        check_accepted(value);
    }

    #[test]
    fn faults_quote_nothing(value in changed_sample()) {
        fn mark(value: &mut Value) {
            match value {
                Value::String(text) => *text = format!("Q7Z{text}"),
                Value::Array(items) => items.iter_mut().for_each(mark),
                Value::Object(object) => object.values_mut().for_each(mark),
                _ => {}
            }
        }
        let mut value = value;
        if let Some(data) = value.get_mut("data") {
            mark(data);
        }
        for fault in parse_incoming(value, now()).err().into_iter().flatten() {
            prop_assert!(!fault.to_string().contains("Q7Z"), "{}", fault);
        }
    }
}
