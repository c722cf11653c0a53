//! Which requests are accepted, which are not, and what is reported.

use std::collections::BTreeSet;

use api::request::{
    AlternativesRequest, BookRequest, ChannelName, ConfirmCodeRequest, CustomAnswers, MoveBy, MoveRequest,
    SendCodeRequest, UpcomingRequest,
};
use api::{Call, Fault, Function, Invocation, ROUTES, When, openapi};
use serde_json::{Value, json};

fn booking() -> Value {
    json!({
        "eventType": "Sales Demo", "inviteeEmail": "ana@example.com", "inviteeName": "Ana Pop",
        "preferredTime": "2027-01-11T09:00:00+02:00", "conversationId": "conv-1",
    })
}

fn with(changes: Value) -> Value {
    let mut value = booking();
    for (key, change) in changes.as_object().expect("an object") {
        value[key] = change.clone();
    }
    value
}

#[track_caller]
fn book(value: &Value) -> BookRequest {
    api::read(value.to_string().as_bytes()).expect("it is a request")
}

fn texts(faults: Vec<Fault>) -> Vec<String> {
    faults.into_iter().map(|it| format!("{}: {}", it.path, it.problem)).collect()
}

fn faults(value: &Value) -> Vec<String> {
    texts(api::read::<BookRequest>(value.to_string().as_bytes()).expect_err("it is faulty"))
}

#[test]
fn the_request_in_vais_own_form_is_accepted() {
    let request = book(&with(json!({
        "userId": "user-1", "agentType": "sales", "customAnswers": ["Acme", "10"], "notes": "Wants prices.",
    })));
    assert_eq!(request.invitee_name.expose(), "Ana Pop");
    assert_eq!(request.preferred_time, When::Instant("2027-01-11T07:00:00Z".parse().unwrap()));
    assert!(matches!(request.custom_answers, Some(CustomAnswers::InOrder(answers)) if answers.len() == 2));
    assert!(request.guests.is_empty());
}

#[test]
fn an_optional_key_may_be_null() {
    let nulls = with(json!({
        "topic": null, "guests": null, "qualification": null, "customAnswers": null, "location": null, "maxShift": null,
    }));
    assert_eq!(book(&nulls), book(&booking()));
    assert_eq!(faults(&with(json!({ "inviteeName": null }))), ["inviteeName: must be a string"]);
    let nested = book(&with(json!({ "location": { "kind": "zoom_conference", "location": null } })));
    assert_eq!(nested.location.unwrap().location, None);
}

#[test]
fn answers_have_three_forms() {
    let read = |answers: Value| book(&with(json!({ "customAnswers": answers }))).custom_answers.unwrap();
    let pairs = read(json!([{ "question": "Company?", "answer": "Acme" }]));
    assert!(matches!(&pairs, CustomAnswers::Pairs(it) if it[0].question == "Company?"));
    assert!(
        matches!(read(json!({ "Company?": "Acme" })), CustomAnswers::ByQuestion(it) if it.contains_key("Company?"))
    );
    assert!(matches!(read(json!(["Acme"])), CustomAnswers::InOrder(it) if it[0].expose() == "Acme"));
    for (answers, fault) in [
        (json!([{ "question": "Company?", "answer": {} }]), "customAnswers[0].answer: must be a string"),
        (json!([{ "question": "Company?" }]), "customAnswers[0].answer: is missing"),
        (json!(["Acme", ["x", {}]]), "customAnswers[1]: must be a string"),
        (json!({ "Company?": { "name": "Acme" } }), "customAnswers.*: must be a string"),
        (json!(7), "customAnswers: must be an array"),
    ] {
        assert_eq!(faults(&with(json!({ "customAnswers": answers }))), [fault]);
    }
}

#[test]
fn what_a_model_sends_is_taken_as_it_is_meant() {
    let same = |sent: Value, meant: Value| assert_eq!(book(&with(sent.clone())), book(&with(meant)), "{sent}");
    // An empty text for what is left out.
    for blank in ["", " ", "\u{a0}"] {
        let empty = json!({
            "topic": blank, "host": blank, "userId": blank, "agentType": blank, "phone": blank, "timezone": blank,
            "language": blank, "guests": blank, "customAnswers": blank, "location": { "kind": blank, "location": blank },
            "maxShift": null,
        });
        same(empty, json!({}));
    }
    same(json!({ "location": {}, "guests": ["", null], "qualification": {} }), json!({}));
    same(json!({ "location": { "kind": "physical", "location": "" } }), json!({ "location": { "kind": "physical" } }));
    // Numbers as text, and text as numbers.
    for thirty in [json!("30"), json!(" 30 "), json!("30.0"), json!(30.0)] {
        same(json!({ "maxShift": thirty }), json!({ "maxShift": 30 }));
    }
    same(
        json!({ "qualification": { "seats": 40, "has_budget": true, "price": 9.5, "team": null } }),
        json!({ "qualification": { "seats": "40", "has_budget": "true", "price": "9.5" } }),
    );
    for (answers, meant) in [
        (json!({ "Company": 42 }), json!({ "Company": "42" })),
        (json!([42, true]), json!(["42", "true"])),
        (json!([{ "question": "Seats", "answer": 42 }]), json!([{ "question": "Seats", "answer": "42" }])),
        (json!({ "Topics": ["Sales", "Support"] }), json!({ "Topics": "Sales\nSupport" })),
        (
            json!([{ "question": "Topics", "answer": ["Sales", 2] }]),
            json!([{ "question": "Topics", "answer": "Sales\n2" }]),
        ),
        (json!("{\"Company\": \"Acme\"}"), json!({ "Company": "Acme" })),
        (json!("[\"Acme\"]"), json!(["Acme"])),
        (json!("Acme"), json!(["Acme"])),
    ] {
        same(json!({ "customAnswers": answers }), json!({ "customAnswers": meant }));
    }
    // One text for a list.
    same(json!({ "guests": "dan@example.com" }), json!({ "guests": ["dan@example.com"] }));
    same(
        json!({ "guests": "dan@example.com; ana@example.com" }),
        json!({ "guests": ["dan@example.com", "ana@example.com"] }),
    );
    // A required text is never left out, and a text that is no number is none.
    assert_eq!(faults(&with(json!({ "inviteeName": "" }))), ["inviteeName: must not be empty"]);
    assert_eq!(faults(&with(json!({ "maxShift": "half an hour" }))), ["maxShift: must be an integer"]);
    assert_eq!(faults(&with(json!({ "maxShift": 30.5 }))), ["maxShift: must be an integer"]);
    assert_eq!(faults(&with(json!({ "inviteeName": 7 }))), ["inviteeName: must be a string"]);
    // An object without values is left out only where one with certain keys is expected.
    assert_eq!(faults(&with(json!({ "userId": {} }))), ["userId: must be a string"]);
    assert_eq!(faults(&with(json!({ "maxShift": { "minutes": "" } }))), ["maxShift: must be an integer"]);
    let long = json!({ "customAnswers": { "?".repeat(1_001): "" } });
    assert_eq!(faults(&with(long)), ["customAnswers.*: must have a key of at most 1000 characters"]);
}

#[test]
fn a_word_for_no_value_counts_as_left_out() {
    for word in ["null", "None", "UNDEFINED", " n/a "] {
        let sent = json!({
            "topic": word, "host": word, "userId": word, "agentType": word, "phone": word, "timezone": word,
            "language": word, "guests": word, "customAnswers": word, "location": word, "maxShift": word, "notes": word,
            "qualification": word,
        });
        assert_eq!(book(&with(sent)), book(&booking()), "{word}");
        let nested = with(json!({ "location": { "kind": word, "location": word }, "guests": [word], "phone": [word] }));
        assert_eq!(book(&nested), book(&booking()), "{word}");
        let place = book(&with(json!({ "location": { "kind": "physical", "location": word } })));
        assert_eq!(place, book(&with(json!({ "location": { "kind": "physical" } }))), "{word}");
        let moved = json!({ "booking": "bk-1", "preferredTime": word, "by": "link", "timezone": word });
        let moved: MoveRequest = api::read_value(moved).expect("it is a request");
        assert_eq!((moved.preferred_time, moved.timezone), (None, None), "{word}");
        let query = format!("timezone={}&days={0}&eventType=Demo", word.trim());
        let call = Call::from_http(Function::Schedule, "GET", "/api/calendly/alternatives", &query, b"");
        assert!(call.is_ok(), "{word}: {call:?}");
    }
    // A word that means something else stays.
    let request = book(&with(json!({ "host": "Nonesuch", "notes": "none of these" })));
    assert_eq!(request.host.unwrap().expose(), "Nonesuch");
    assert_eq!(request.notes.unwrap().expose(), "none of these");
}

#[test]
fn an_answer_that_is_none_is_left_out() {
    let same = |sent: Value, meant: Value| {
        let read = |answers: &Value| book(&with(json!({ "customAnswers": answers })));
        assert_eq!(read(&sent), read(&meant), "{sent}");
    };
    let company = json!([{ "question": "Company", "answer": "Acme" }]);
    for none in [Value::Null, "null".into(), "undefined".into()] {
        same(
            json!([{ "question": "Size", "answer": none }, { "question": "Company", "answer": "Acme" }]),
            company.clone(),
        );
        same(json!({ "Size": none, "Company": "Acme" }), json!({ "Company": "Acme" }));
        // In the order of the questions, the next answer keeps its place.
        same(json!([none, "Acme"]), json!(["", "Acme"]));
        same(json!([{ "question": "Size", "answer": none }]), Value::Null);
        let found_out = with(json!({ "qualification": { "budget": none, "seats": 5 } }));
        assert_eq!(book(&found_out), book(&with(json!({ "qualification": { "seats": "5" } }))));
    }
    same(json!([]), Value::Null);
    // A person may have answered so.
    let request = book(&with(json!({ "customAnswers": { "Allergies": "None" } })));
    assert!(matches!(request.custom_answers, Some(CustomAnswers::ByQuestion(it)) if it.len() == 1));
}

#[test]
fn a_number_means_its_digits_and_a_list_of_one_means_its_item() {
    let same = |sent: Value, meant: Value| assert_eq!(book(&with(sent.clone())), book(&with(meant)), "{sent}");
    same(json!({ "phone": 40_712_345_678_u64 }), json!({ "phone": "40712345678" }));
    same(json!({ "phone": 40_712_345_678.0 }), json!({ "phone": "40712345678" }));
    same(
        json!({ "userId": 42, "conversationId": 7, "agentType": 3 }),
        json!({ "userId": "42", "conversationId": "7", "agentType": "3" }),
    );
    same(json!({ "userId": u64::MAX }), json!({ "userId": u64::MAX.to_string() }));
    same(json!({ "eventType": ["Sales Demo"], "inviteeName": ["Ana Pop"] }), json!({}));
    same(
        json!({ "language": ["ro"], "maxShift": ["30"], "phone": [712] }),
        json!({ "language": "ro", "maxShift": 30, "phone": "712" }),
    );
    let code = |code: Value| {
        let request = json!({ "challenge": "c-1", "code": code });
        api::read_value::<ConfirmCodeRequest>(request).map(|it| it.code.expose().clone()).map_err(texts)
    };
    assert_eq!(code(json!(123_456)), Ok("123456".to_owned()));
    assert_eq!(code(json!(123_456.0)), Ok("123456".to_owned()));
    assert_eq!(code(json!("012345")), Ok("012345".to_owned()));
    for wrong in [json!(-123_456), json!(1234.5), json!(true), json!({}), json!(["1", "2"]), json!([["123456"]])] {
        assert_eq!(code(wrong), Err(vec!["code: must be a string".to_owned()]));
    }
    let by: SendCodeRequest = api::read_value(json!({ "booking": 17, "by": ["SMS"] })).expect("it is a request");
    assert_eq!((by.booking.as_deref(), by.by), (Some("17"), Some(ChannelName::Sms)));
    // A person's name or address is no number, and neither is a time.
    for key in ["inviteeName", "inviteeEmail", "preferredTime"] {
        for number in [json!(7), json!([7])] {
            assert_eq!(faults(&with(json!({ key: number }))), [format!("{key}: must be a string")]);
        }
    }
    assert_eq!(faults(&with(json!({ "eventType": ["Demo", "Call"] }))), ["eventType: must be a string"]);
}

#[test]
fn the_name_of_a_location_means_its_kind() {
    for name in ["Zoom", "Google Meet", "phone call", "ask_invitee", "telefon"] {
        let meant = with(json!({ "location": { "kind": name } }));
        assert_eq!(book(&with(json!({ "location": name }))), book(&meant), "{name}");
    }
    for other in ["somewhere nice", "zoom or teams"] {
        assert_eq!(faults(&with(json!({ "location": other }))), ["location: must be an object"], "{other}");
    }
}

#[test]
fn a_serialized_request_is_read_back_equal() {
    let full = with(json!({
        "customAnswers": { "Company?": "Acme" }, "guests": ["dan@example.com"], "qualification": { "team size": "5" },
        "location": { "kind": "physical" }, "maxShift": 30,
    }));
    let request = book(&full);
    assert_eq!(book(&serde_json::to_value(&request).unwrap()), request);
}

#[test]
fn all_faults_are_reported_at_once() {
    let wrong = json!({
        "eventType": "e".repeat(513), "inviteeEmail": 7, "inviteeName": "n".repeat(201), "preferredTime": "tomorrow at nine o'clock",
        "maxShift": 20_161, "guests": ["dan@example.com", "x", {}], "location": { "type": "zoom" }, "notes": "n".repeat(10_001),
        "conversation_id": "conv-1", "language": ["ro", "en"], "qualification": { "size": {} },
    });
    assert_eq!(
        faults(&wrong).into_iter().collect::<BTreeSet<_>>(),
        [
            "conversation_id: is not known",
            "eventType: must be at most 512 characters long",
            "guests[1]: must be at least 3 characters long",
            "guests[2]: must be a string",
            "inviteeEmail: must be a string",
            "inviteeName: must be at most 200 characters long",
            "language: must be a string",
            "location.kind: is missing",
            "location.type: is not known",
            "maxShift: must be at most 20160",
            "notes: must be at most 10000 characters long",
            "preferredTime: is no date and time such as 2027-01-11T09:00:00+02:00, or 2027-01-11T09:00 with a timezone",
            "qualification.size: must be a string",
        ]
        .map(str::to_owned)
        .into()
    );
}

#[test]
fn a_value_at_its_limit_is_accepted_and_one_beyond_is_not() {
    let pairs = |count: usize| vec![json!({ "question": "q", "answer": "a" }); count];
    let map = |count: usize| (0..count).map(|it| (format!("k{it}"), "v".into())).collect::<serde_json::Map<_, _>>();
    for (name, fits, exceeds) in [
        ("inviteeName", json!("ă".repeat(200)), json!("a".repeat(201))),
        ("notes", json!("ă".repeat(10_000)), json!("a".repeat(10_001))),
        ("conversationId", json!("c".repeat(512)), json!("c".repeat(513))),
        ("eventType", json!("e".repeat(512)), json!("e".repeat(513))),
        ("guests", json!(vec!["a@b.c"; 30]), json!(vec!["a@b.c"; 31])),
        ("customAnswers", json!(vec!["a"; 50]), json!(vec!["a"; 51])),
        ("customAnswers", json!(pairs(50)), json!(pairs(51))),
        ("customAnswers", json!(map(50)), json!(map(51))),
        ("qualification", json!(map(50)), json!(map(51))),
        ("qualification", json!({ "k": "v".repeat(2_000) }), json!({ "k": "v".repeat(2_001) })),
        ("qualification", json!({ "k".repeat(200): "v" }), json!({ "k".repeat(201): "v" })),
        ("customAnswers", json!({ "k": "v".repeat(10_000) }), json!({ "k": "v".repeat(10_001) })),
        ("customAnswers", json!(["v".repeat(10_000)]), json!(["v".repeat(10_001)])),
        ("maxShift", json!(0), json!(-1)),
        ("maxShift", json!(20_160), json!(20_161)),
        ("maxShift", json!(60), json!(u64::MAX)),
    ] {
        book(&with(json!({ name: fits })));
        let faults = faults(&with(json!({ name: exceeds })));
        assert!(matches!(faults.as_slice(), [one] if one.starts_with(name) && one.contains("at ")), "{faults:?}");
    }
    for days in [0, 61] {
        let faults = api::read_value::<UpcomingRequest>(json!({ "userEmail": "ana@example.com", "days": days }));
        assert_eq!(faults.unwrap_err().len(), 1);
    }
}

#[test]
fn rules_across_fields_are_checked() {
    let without = |key: &str, value: Value| {
        let mut value = value;
        value.as_object_mut().unwrap().remove(key);
        value
    };
    assert_eq!(faults(&without("eventType", booking())), ["eventType: or topic is needed"]);
    book(&without("eventType", with(json!({ "topic": "pricing" }))));

    let local = with(json!({ "preferredTime": "2027-01-11T09:00" }));
    assert_eq!(faults(&local), ["timezone: is needed for a time without an offset"]);
    book(&with(json!({ "preferredTime": "2027-01-11T09:00", "timezone": "Europe/Bucharest" })));
    let wrong = AlternativesRequest {
        event_type: None,
        host: None,
        topic: None,
        preferred_time: When::parse("2027-01-11T09:00"),
        timezone: None,
        language: None,
        invitee_email: None,
        days: None,
    };
    assert_eq!(texts(api::Request::check(&wrong)).len(), 2);
    // A booking has its own zone.
    let by_default: MoveRequest =
        api::read_value(json!({ "booking": "bk-1", "preferredTime": "2027-01-11T09:00" })).unwrap();
    assert_eq!(by_default.by.unwrap_or_default(), MoveBy::Rebook);

    let times = |from: &str, until: &str| {
        let input = json!({ "eventType": "Demo", "from": from, "until": until, "timezone": "Europe/Bucharest" });
        Call::from_direct(Function::Schedule, "available_times", input).map(drop).map_err(texts)
    };
    assert_eq!(times("2027-01-11T09:00", "2027-02-11T09:00"), Ok(()));
    assert_eq!(times("2027-01-11T09:00", "2027-01-11T09:00"), Err(vec!["until: must be after from".to_owned()]));
    let too_long = Err(vec!["until: must be at most 366 days after from".to_owned()]);
    assert_eq!(times("2027-01-11T09:00Z", "2028-02-11T09:01Z"), too_long);
}

#[test]
fn a_body_that_is_not_an_object_is_rejected() {
    let faults = |body: &[u8]| texts(api::read::<BookRequest>(body).unwrap_err());
    assert_eq!(faults(b"{\"inviteeName\": \"Ana"), ["body: is not JSON (line 1, column 20)"]);
    assert_eq!(faults(b"\xff\xfe"), ["body: is not JSON (line 1, column 1)"]);
    for other in ["[]", "[1]", "\"text\"", "null", "7"] {
        assert_eq!(faults(other.as_bytes()), ["body: must be an object"], "{other}");
    }
    assert_eq!(faults(b"").len(), 3);
    assert_eq!(faults("[".repeat(200_000).as_bytes()).len(), 1);
    let many: Value = (0..10_000).map(|it| (format!("k{it}"), Value::Null)).collect();
    assert_eq!(api::read_value::<BookRequest>(many).unwrap_err().len(), 50);
}

/// Returns copies of a document, each with one of its values replaced by `value`.
fn replace_each(document: &Value, value: &Value) -> Vec<Value> {
    let mut all = vec![value.clone()];
    let mut put = |key: &dyn Fn(&mut Value) -> &mut Value, inner: &Value| {
        for changed in replace_each(inner, value) {
            let mut document = document.clone();
            *key(&mut document) = changed;
            all.push(document);
        }
    };
    match document {
        Value::Object(map) => map.iter().for_each(|(key, inner)| put(&|it| &mut it[key], inner)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, inner)| put(&|it| &mut it[at], inner)),
        _ => {}
    }
    all
}

#[test]
fn no_fault_quotes_what_was_sent() {
    let full = with(json!({
        "customAnswers": [{ "question": "Company?", "answer": "Acme" }], "guests": ["dan@example.com"],
        "qualification": { "team size": "5" }, "location": { "kind": "physical", "location": "there" }, "maxShift": 30,
        "timezone": "Europe/Bucharest", "host": "Ioana",
    }));
    let secret = "Zebra Zebrescu";
    for value in
        [json!(secret), json!([secret]), json!({ secret: secret }), json!(secret.repeat(2_000)), json!(-70_312)]
    {
        for document in replace_each(&full, &value) {
            let Err(faults) = api::read_value::<BookRequest>(document) else { continue };
            let printed = format!("{faults:?}");
            assert!(!printed.contains("Zebra") && !printed.contains("70312"), "{printed}");
            // Otherwise the schema accepts something that the type does not.
            assert!(!printed.contains("expected form"), "{printed}");
        }
    }
}

#[test]
fn personal_data_in_a_request_is_not_printed() {
    let request = book(&with(json!({
        "inviteeEmail": "zebra@example.com", "inviteeName": "Zebra", "notes": "Zebra", "phone": "+40700zebra",
        "guests": ["zebra@example.com"], "qualification": { "income": "zebra" }, "host": "zebra@example.com",
        "customAnswers": [{ "question": "Name?", "answer": "Zebra" }],
        "location": { "kind": "outbound_call", "location": "zebra" },
    })));
    let printed = format!("{request:?}").to_lowercase();
    assert!(!printed.contains("zebra"), "{printed}");
}

/// The reader interprets schemas itself. It must learn each new keyword.
#[test]
fn the_reader_knows_every_keyword_of_the_requests() {
    fn collect(schema: &Value, keywords: &mut BTreeSet<String>) {
        let Value::Object(schema) = schema else { return };
        for (key, value) in schema {
            keywords.insert(key.clone());
            match (key.as_str(), value) {
                ("properties", Value::Object(properties)) => properties.values().for_each(|it| collect(it, keywords)),
                ("propertyNames", names) => assert!(names.as_object().unwrap().keys().eq(["maxLength"]), "{names}"),
                ("anyOf", Value::Array(forms)) => forms.iter().for_each(|it| collect(it, keywords)),
                ("format", Value::String(format)) => {
                    assert!(["time-with-or-without-offset", "uint32"].contains(&format.as_str()), "{format}");
                }
                ("type", Value::String(name)) => {
                    let known = ["array", "boolean", "integer", "null", "object", "string"];
                    assert!(known.contains(&name.as_str()), "{name}");
                }
                // An optional key may be null.
                ("type", Value::Array(names)) => assert!(names.len() == 2 && names[1] == "null", "{value}"),
                ("type", _) => panic!("one type only: {value}"),
                // Rules across keys, which each request checks itself.
                ("allOf", _) => {}
                _ => collect(value, keywords),
            }
        }
    }
    let document = openapi::document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut keywords = BTreeSet::new();
    let requests = schemas.iter().filter(|(name, _)| name.ends_with("Request") || name.starts_with("CustomAnswer"));
    requests.chain([(&"Location".to_owned(), &schemas["Location"])]).for_each(|(_, it)| collect(it, &mut keywords));
    let known = [
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "propertyNames",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
    ];
    let unknown: Vec<_> = keywords.iter().filter(|it| !known.contains(&it.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for route in ROUTES {
        let unknown = Call::from_direct(route.function, route.name, json!({ "noSuchKey": 1 })).unwrap_err();
        assert!(unknown.contains(&Fault::new("noSuchKey", "is not known")), "{}", route.name);
    }
}

#[test]
fn a_direct_invocation_is_read() {
    let full = json!({
        "operation": "me", "connection": "acme", "idempotencyKey": "k", "conversation": "conv-1", "user": "user-1",
        "input": {},
    });
    let invocation: Invocation = api::read_value(full).unwrap();
    assert_eq!((invocation.operation.as_str(), invocation.connection.as_deref()), ("me", Some("acme")));
    assert_eq!((invocation.conversation.as_deref(), invocation.user.as_deref()), (Some("conv-1"), Some("user-1")));
    let minimal: Invocation = api::read_value(json!({ "operation": "me" })).unwrap();
    let call = Call::from_direct(Function::Schedule, &minimal.operation, minimal.input).unwrap();
    assert_eq!(call.operation().name(), "me");
    let wrong = Call::from_direct(Function::Schedule, "fly", json!({})).unwrap_err();
    assert!(wrong[0].path == "operation" && wrong[0].problem.contains("book, hold"), "{wrong:?}");
    let wrong = api::read_value::<Invocation>(json!({ "operation": "me", "input": [] })).unwrap_err();
    assert_eq!(texts(wrong), ["input: must be an object"]);
    let blank = api::read_value::<Invocation>(json!({ "operation": "me", "idempotencyKey": " " })).unwrap_err();
    assert_eq!(texts(blank), ["idempotencyKey: must not be empty"]);
}
