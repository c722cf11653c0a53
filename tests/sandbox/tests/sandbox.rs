//! Tests of the sandbox over HTTP, on a free port.
#![expect(clippy::unwrap_used, reason = "a failure panics, in helpers too")]
#![expect(
    clippy::disallowed_methods,
    reason = "the webhook receiver is a background task, and the sandbox uses the real clock"
)]

#[path = "parts/client.rs"]
mod client;
#[path = "parts/logins.rs"]
mod logins;
#[path = "parts/mail.rs"]
mod mail;
#[path = "parts/phones.rs"]
mod phones;
#[path = "parts/receiver.rs"]
mod receiver;

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, ToSpan};
use sandbox::keys;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::{Client, ORGANIZATION, QUICK, Receiver, no_tracking, quick};

const SALES_DEMO: &str = "https://api.calendly.com/event_types/00000000-0000-4000-8000-0000000000e1";
const WEBINAR: &str = "https://api.calendly.com/event_types/00000000-0000-4000-8000-0000000000e5";
const TEAM: &str = "https://api.calendly.com/event_types/00000000-0000-4000-8000-0000000000e6";
const VISIT: &str = "https://api.calendly.com/event_types/00000000-0000-4000-8000-0000000000e7";

/// Returns a full minute some hours from now.
fn hours_ahead(hours: i64) -> String {
    let minute = Timestamp::now().as_second() / 60 * 60;
    (Timestamp::from_second(minute).unwrap() + hours.hours()).to_string()
}

/// Returns the first free start of an event type.
async fn free_start(client: &Client, event_type: &str) -> String {
    let from = Timestamp::now() + 1.minute();
    let until = from + (24 * 7).hours();
    let path =
        format!("/calendly/event_type_available_times?event_type={event_type}&start_time={from}&end_time={until}");
    let (status, answer) = client.get(&path).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["collection"][0].get("end_time").is_none());
    answer["collection"][0]["start_time"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn bookings_are_refused_as_by_calendly() {
    let client = Client::start().await;
    let start = free_start(&client, SALES_DEMO).await;
    let good = json!({
        "event_type": SALES_DEMO, "start_time": start,
        "invitee": {"first_name": "Ana", "last_name": "Ionescu", "email": "ana@example.com", "timezone": "Europe/Bucharest"},
        "location": {"kind": "zoom_conference"},
        "questions_and_answers": [{"question": "Company", "answer": "Acme", "position": 0}],
        "tracking": no_tracking(),
    });
    let guests: Vec<String> = (0..11).map(|number| format!("guest{number}@example.com")).collect();
    let cases = [
        ("/tracking", json!({"utm_content": "x"}), "tracking.utm_campaign", "is missing"),
        ("/start_time", json!("2020-01-06T09:00:00Z"), "start_time", "start_time must be in the future"),
        ("/start_time", json!("2099-01-06T09:00:00+02:00"), "start_time", "must be in UTC"),
        ("/end_time", json!(start), "end_time", "is unknown"),
        ("/event_guests", json!(guests), "event_guests", "can't be more than 10"),
        ("/invitee/timezone", json!("Mars/Olympus"), "invitee.timezone", "is not a time zone"),
        ("/invitee/text_reminder_number", json!("0712"), "invitee.text_reminder_number", "is not a valid phone number"),
        ("/invitee/email", json!("ana"), "invitee.email", "is not an e-mail address"),
        ("/location", json!({"kind": "outbound_call"}), "location.location", "is missing"),
        (
            "/location",
            json!({"kind": "physical", "location": "Here"}),
            "event.location_configuration.location",
            "invalid location choice",
        ),
        (
            "/location",
            json!({"kind": "zoom_conference", "location": "https://zoom.us"}),
            "location.location",
            "is unknown",
        ),
        (
            "/questions_and_answers",
            json!([{"question": "company", "answer": "Acme", "position": 0}]),
            "questions_and_answers.0.question",
            "does not match a question of the event type",
        ),
        ("/event_type", json!("sales-demo"), "event_type", "is not the URI of an event type"),
    ];
    for (pointer, value, parameter, message) in cases {
        let mut body = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value;
        let (status, answer) = client.calendly("/invitees", &body).await;
        assert_eq!(status, 400, "{pointer}: {answer}");
        assert_eq!(answer["title"], "Invalid Argument");
        assert_eq!(
            (&answer["details"][0]["parameter"], &answer["details"][0]["message"]),
            (&json!(parameter), &json!(message))
        );
    }

    let mut unanswered = good.clone();
    unanswered["questions_and_answers"] = json!([]);
    let (status, answer) = client.calendly("/invitees", &unanswered).await;
    assert_eq!((status, &answer["message"]), (400, &json!("Required Questions and Answers cannot be blank.")));
    assert!(answer.get("details").is_none());

    let (status, answer) = client.calendly("/invitees", &good).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["resource"]["name"], "Ana Ionescu");
    assert_eq!(answer["resource"]["scheduling_method"], "api");
    let (status, answer) = client.calendly("/invitees", &good).await;
    assert_eq!((status, &answer["details"][0]["code"]), (400, &json!("already_filled")));

    let unauthorized = client.answer(client.http.get(client.url("/calendly/users/me")).bearer_auth("other")).await;
    assert_eq!(unauthorized, (401, json!({"title": "Unauthenticated", "message": "The access token is invalid"})));
}

#[tokio::test]
async fn limits_and_scopes_are_enforced() {
    let client = Client::start().await;
    client.post("/control/settings", json!({"scopes": ["users:read"]})).await;
    let (status, answer) = client.calendly("/invitees", &quick(&hours_ahead(2))).await;
    assert_eq!((status, &answer["required_scopes"]), (403, &json!(["scheduled_events:write"])));

    client.post("/control/settings", json!({"scopes": null, "requests_per_minute": 2})).await;
    let answer = client.http.get(client.url("/calendly/users/me")).bearer_auth(keys::CALENDLY).send().await.unwrap();
    assert_eq!(answer.headers()["X-RateLimit-Remaining"], "0");
    assert_eq!(client.get("/calendly/users/me").await.0, 429);
    let unknown = client.answer(client.http.post(client.url("/control/settings")).json(&json!({"retries": 1}))).await;
    assert_eq!(unknown.0, 400);
}

#[tokio::test]
async fn collections_come_in_pages() {
    let client = Client::start().await;
    let path = format!("/calendly/event_types?organization={ORGANIZATION}&count=3");
    let (_, first) = client.get(&path).await;
    let token = first["pagination"]["next_page_token"].as_str().unwrap();
    let (_, second) = client.get(&format!("{path}&page_token={token}")).await;
    let names = |page: &Value| -> Vec<String> {
        page["collection"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["On-site Visit", "Product Webinar", "Quick Consultation"]);
    assert_eq!(names(&second), ["Sales Demo", "Strategy Call", "Team Intro"]);
    let token = second["pagination"]["next_page_token"].as_str().unwrap();
    let (_, third) = client.get(&format!("{path}&page_token={token}")).await;
    assert_eq!(names(&third), ["Technical Support"]);
    assert_eq!(third["pagination"]["next_page"], Value::Null);
    assert_eq!(client.get("/calendly/event_types").await.0, 400);
}

#[tokio::test]
async fn each_host_has_a_time_zone_and_event_types_have_single_use_links() {
    let client = Client::start().await;
    for (user, zone) in [("a1", "Europe/Bucharest"), ("a2", "Europe/Copenhagen")] {
        let (_, host) = client.get(&format!("/calendly/users/00000000-0000-4000-8000-0000000000{user}")).await;
        assert_eq!(host["resource"]["timezone"], zone);
    }
    let wanted = json!({"max_event_count": 1, "owner": SALES_DEMO, "owner_type": "EventType"});
    let (status, link) = client.calendly("/scheduling_links", &wanted).await;
    assert_eq!(status, 201, "{link}");
    assert!(link["resource"]["booking_url"].as_str().unwrap().starts_with("https://calendly.com/d/"));
    assert_eq!(client.get("/calendly/users/00000000-0000-4000-8000-0000000000a9").await.0, 404);
}

#[tokio::test]
async fn a_booking_sends_a_signed_webhook() {
    let client = Client::start().await;
    let receiver = Receiver::start(vec![]).await;
    client.subscribe(&receiver).await;
    let mut body = quick(&hours_ahead(2));
    body["tracking"]["utm_content"] = json!("token");
    let (_, booked) = client.calendly("/invitees", &body).await;

    let (headers, raw) = receiver.wait_for(1).await.remove(0);
    assert_eq!(headers["User-Agent"], "Calendly");
    let header = headers["Calendly-Webhook-Signature"].to_str().unwrap();
    let (stamp, given) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"a-key").unwrap();
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(&raw);
    assert_eq!(given, hex::encode(mac.finalize().into_bytes()));

    assert!(!raw.windows(2).any(|pair| pair == b"\": "), "the JSON is compact");
    let webhook: Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(webhook["event"], "invitee.created");
    assert_eq!(webhook["payload"]["uri"], booked["resource"]["uri"]);
    assert_eq!(webhook["payload"]["event"], webhook["payload"]["scheduled_event"]["uri"]);
    assert_eq!(webhook["payload"]["tracking"]["utm_content"], "token");
    assert_eq!(webhook["payload"]["scheduled_event"]["location"]["status"], "processing");
    assert_eq!(webhook["payload"]["created_at"].as_str().unwrap().len(), "2026-01-01T00:00:00.000000Z".len());
    assert!(webhook["payload"]["scheduled_event"]["event_memberships"][0].get("buffered_start_time").is_none());
}

#[tokio::test]
async fn a_delivery_is_repeated_until_it_arrives() {
    let client = Client::start().await;
    client.post("/control/settings", json!({"retry_first_ms": 20})).await;
    let receiver = Receiver::start(vec![503, 503]).await;
    client.subscribe(&receiver).await;
    client.book(&hours_ahead(2)).await;

    let received = receiver.wait_for(3).await;
    assert!(received.iter().all(|(_, body)| *body == received[0].1), "the bytes are the same on each attempt");
    // The answer reaches the sandbox a moment after the request left the receiver.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let deliveries = client.inbox().await["deliveries"].clone();
    let statuses: Vec<_> =
        deliveries.as_array().unwrap().iter().map(|one| (one["attempt"].as_u64(), one["status"].as_u64())).collect();
    assert_eq!(statuses, [(Some(1), Some(503)), (Some(2), Some(503)), (Some(3), Some(200))]);
}

#[tokio::test]
async fn a_subscription_whose_deliveries_always_fail_is_disabled() {
    let client = Client::start().await;
    client.post("/control/settings", json!({"retry_first_ms": 10, "retry_window_ms": 100})).await;
    let receiver = Receiver::start(vec![500; 50]).await;
    let subscription = client.subscribe(&receiver).await;
    client.book(&hours_ahead(2)).await;

    let path = subscription["uri"].as_str().unwrap().replace("https://api.calendly.com", "/calendly");
    for _ in 0..100 {
        if client.get(&path).await.1["resource"]["state"] == "disabled" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (_, answer) = client.get(&path).await;
    assert_eq!(answer["resource"]["state"], "disabled");
    assert!(answer["resource"]["retry_started_at"].is_string());
    assert!(answer["resource"].get("signing_key").is_none());
    let same = json!({"url": receiver.url, "events": ["invitee.created"], "organization": ORGANIZATION, "scope": "organization"});
    assert_eq!(client.calendly("/webhook_subscriptions", &same).await.0, 409);
}

#[tokio::test]
async fn a_move_sends_two_webhooks_in_the_configured_order() {
    let client = Client::start().await;
    let receiver = Receiver::start(vec![]).await;
    client.subscribe(&receiver).await;
    let first = client.book(&hours_ahead(2)).await;
    let moved = client.post("/people/move", json!({"invitee": first["uri"], "start_time": hours_ahead(3)})).await;
    let webhooks = receiver.bodies(3).await;
    assert_eq!((&webhooks[1]["event"], &webhooks[2]["event"]), (&json!("invitee.canceled"), &json!("invitee.created")));
    assert_eq!(
        (&webhooks[1]["payload"]["rescheduled"], &webhooks[1]["payload"]["new_invitee"]),
        (&json!(true), &moved["invitee"])
    );
    assert_eq!(
        (&webhooks[2]["payload"]["rescheduled"], &webhooks[2]["payload"]["old_invitee"]),
        (&json!(false), &first["uri"])
    );
    assert_eq!(webhooks[1]["payload"]["scheduled_event"]["status"], "canceled");
    assert_ne!(webhooks[1]["payload"]["event"], webhooks[2]["payload"]["event"]);

    client.post("/control/settings", json!({"move_order": "created_first"})).await;
    client.post("/people/move", json!({"invitee": moved["invitee"], "start_time": hours_ahead(4)})).await;
    let webhooks = receiver.bodies(5).await;
    assert_eq!((&webhooks[3]["event"], &webhooks[4]["event"]), (&json!("invitee.created"), &json!("invitee.canceled")));
}

#[tokio::test]
async fn a_refused_move_leaves_the_booking_unchanged() {
    let client = Client::start().await;
    let first = client.book(&hours_ahead(2)).await;
    client.book(&hours_ahead(3)).await;
    let taken = json!({"invitee": first["uri"], "start_time": hours_ahead(3)});
    let (status, _) = client.answer(client.http.post(client.url("/people/move")).json(&taken)).await;
    assert_eq!(status, 400);
    let path = first["uri"].as_str().unwrap().replace("https://api.calendly.com", "/calendly");
    assert_eq!(client.get(&path).await.1["resource"]["status"], "active");
}

#[tokio::test]
async fn a_host_cancels_for_all_invitees_of_a_group() {
    let client = Client::start().await;
    let receiver = Receiver::start(vec![]).await;
    client.subscribe(&receiver).await;
    let start = free_start(&client, WEBINAR).await;
    let mut events = Vec::new();
    for email in ["ana@example.com", "ion@example.com", "mia@example.com"] {
        let booking = json!({"event_type": "Product Webinar", "start_time": start, "name": "A Person", "email": email, "timezone": "Europe/Copenhagen"});
        events.push(client.post("/people/book", booking).await);
    }
    assert_eq!(events[0]["event"], events[1]["event"]);
    assert_ne!(events[0]["invitee"], events[1]["invitee"]);
    client.post("/people/cancel", json!({"invitee": events[0]["invitee"], "reason": "no time"})).await;
    let path = events[0]["event"].as_str().unwrap().replace("https://api.calendly.com", "/calendly");
    assert_eq!(client.get(&path).await.1["resource"]["status"], "active");

    let cancellation =
        client.calendly(&format!("{}/cancellation", path.replace("/calendly", "")), &json!({"reason": "ill"})).await;
    assert_eq!((cancellation.0, &cancellation.1["resource"]["canceler_type"]), (201, &json!("host")));
    let again = client.calendly(&format!("{}/cancellation", path.replace("/calendly", "")), &json!({})).await;
    assert_eq!((again.0, &again.1["message"]), (403, &json!("Event is already canceled")));
    let webhooks = receiver.bodies(6).await;
    let canceled: Vec<_> = webhooks.iter().filter(|one| one["event"] == "invitee.canceled").collect();
    assert_eq!(canceled.len(), 3);
    assert_eq!(canceled[0]["payload"]["cancellation"]["canceler_type"], "invitee");
    assert_eq!(
        canceled[0]["payload"]["scheduled_event"]["invitees_counter"],
        json!({"total": 3, "active": 2, "limit": 10})
    );
}

#[tokio::test]
async fn webhooks_can_be_dropped_duplicated_and_reordered() {
    let client = Client::start().await;
    let receiver = Receiver::start(vec![]).await;
    client.subscribe(&receiver).await;
    for mode in ["drop", "duplicate"] {
        client.post("/control/faults", json!({"target": "webhooks", "mode": mode, "times": 1})).await;
    }
    client.book(&hours_ahead(2)).await;
    let second = client.book(&hours_ahead(3)).await;
    let webhooks = receiver.bodies(2).await;
    assert!(webhooks.iter().all(|one| one["payload"]["uri"] == second["uri"]));

    client
        .post(
            "/control/faults",
            json!({"target": "webhooks", "mode": "reorder", "path_prefix": "invitee.canceled", "delay_ms": 5000}),
        )
        .await;
    client.post("/people/move", json!({"invitee": second["uri"], "start_time": hours_ahead(4)})).await;
    let webhooks = receiver.bodies(4).await;
    assert_eq!((&webhooks[2]["event"], &webhooks[3]["event"]), (&json!("invitee.created"), &json!("invitee.canceled")));
}

#[tokio::test]
async fn engagelab_renders_templates_and_returns_its_own_codes() {
    let client = Client::start().await;
    let good = json!({
        "to": ["+40712345678"],
        "template": {"id": "cancellation-ro", "params": {"greeting": "Bună ziua, Ana", "event": "Sales Demo", "host": "Maria Popescu"}},
        "custom_args": {"id": "c1"},
    });
    let (status, answer) = client.sms(&good).await;
    assert_eq!((status, answer["accepted_count"].as_u64()), (200, Some(1)));
    assert!(answer["message_id"].is_string() && answer.get("code").is_none());
    let sms = client.inbox().await["sms"][0].clone();
    assert_eq!(
        sms["text"],
        "Bună ziua, Ana! Întâlnirea Sales Demo cu Maria Popescu, {{time}}, a fost anulată. Dacă doriți alt moment, vă ajutăm cu drag."
    );
    assert_eq!((&sms["unfilled"], &sms["custom_args"]), (&json!(["time"]), &json!({"id": "c1"})));

    let mut numeric = good.clone();
    numeric["template"]["id"] = json!(7);
    assert_eq!(client.sms(&numeric).await.1["code"], 3002);
    let mut unknown = good.clone();
    unknown["template"]["id"] = json!("welcome");
    let (status, answer) = client.sms(&unknown).await;
    assert_eq!((status, &answer["code"]), (400, &json!(4001)));
    let (status, answer) = client.answer(client.http.post(client.url("/engagelab/v1/messages")).json(&good)).await;
    assert_eq!((status, &answer["code"]), (401, &json!(2001)));
    client.post("/control/settings", json!({"sms_frequency_ms": 60000})).await;
    assert_eq!(client.sms(&good).await.1["code"], 3004);
    client
        .post(
            "/control/faults",
            json!({"target": "engagelab", "mode": "fail", "status": 200, "code": 3003, "times": 1}),
        )
        .await;
    let (status, answer) = client.sms(&good).await;
    assert_eq!((status, &answer["code"]), (200, &json!(3003)));
    assert_eq!(client.inbox().await["sms"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_is_sent_although_its_answer_is_lost() {
    let client = Client::start().await;
    client.post("/control/faults", json!({"target": "engagelab", "mode": "drop", "times": 1})).await;
    let (user, password) = keys::ENGAGELAB.split_once(':').unwrap();
    let body = json!({"to": ["+4520123456"], "template": {"id": "reminder-da", "params": {}}});
    let request = client.http.post(client.url("/engagelab/v1/messages")).basic_auth(user, Some(password)).json(&body);
    assert!(request.send().await.is_err());
    assert_eq!(client.inbox().await["sms"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn vai_names_the_wrong_key() {
    let client = Client::start().await;
    let canceled = json!({
        "booking_id": "b1", "conversation_id": "c1", "invitee_email": "ana@example.com", "cancel_reason": null,
        "timestamp": "2026-11-20T12:00:00Z", "event_uuid": "e1", "invitee_uuid": "i1",
    });
    assert_eq!(client.vai("/calendly/canceled", "k1", &canceled).await.0, 200);
    for (key, value, problem) in [
        ("invitee_email", json!("ana"), "invitee_email is not an e-mail address"),
        ("timestamp", json!(12), "timestamp must be a string"),
        ("reason", json!("x"), "reason is unknown"),
    ] {
        let mut body = canceled.clone();
        body[key] = value;
        assert_eq!(client.vai("/calendly/canceled", "k2", &body).await, (400, json!({"error": problem})));
    }
    let missing = json!({"to": "ana@example.com", "subject": "Confirmare programare: Sales Demo", "template": "calendly_confirmation", "data": {}});
    assert_eq!(client.vai("/email/send", "k3", &missing).await.1["error"], "data.event_name is missing");

    let mut email = missing.clone();
    email["data"] = json!({
        "event_name": "Sales Demo", "start_time": "luni, 11 ianuarie 2027, 10:00", "end_time": "10:30",
        "meeting_url": null, "conversation_context": null, "agent_type": "sales",
    });
    for _ in 0..2 {
        assert_eq!(client.vai("/email/send", "k4", &email).await.0, 200);
    }
    let inbox = client.inbox().await;
    assert_eq!(inbox["emails"].as_array().unwrap().len(), 1);
    assert_eq!(inbox["vai"].as_array().unwrap().last().unwrap()["repeat"], true);
    assert_eq!(inbox["refused"].as_array().unwrap().len(), 4);
}

/// Returns the tokens of all bookings, found in the way that our own API looks for a booking whose answer was lost.
async fn tokens_booked(client: &Client) -> Vec<String> {
    let (_, events) = client.get(&format!("/calendly/scheduled_events?organization={ORGANIZATION}")).await;
    let mut tokens = Vec::new();
    for event in events["collection"].as_array().unwrap() {
        let path = event["uri"].as_str().unwrap().replace("https://api.calendly.com", "/calendly");
        let (_, invitees) = client.get(&format!("{path}/invitees")).await;
        let content = |one: &Value| one["tracking"]["utm_content"].as_str().unwrap_or_default().to_owned();
        tokens.extend(invitees["collection"].as_array().unwrap().iter().map(content));
    }
    tokens.sort();
    tokens
}

fn with_token(start: &str, token: &str) -> Value {
    let mut body = quick(start);
    body["tracking"]["utm_content"] = json!(token);
    body
}

#[tokio::test]
async fn a_booking_whose_answer_is_lost_is_found_by_its_token() {
    let client = Client::start().await;
    let fault = json!({"target": "calendly", "mode": "drop", "method": "POST", "path_prefix": "/invitees", "times": 1});
    client.post("/control/faults", fault).await;
    let book = |body: Value| client.http.post(client.url("/calendly/invitees")).bearer_auth(keys::CALENDLY).json(&body);
    assert!(book(with_token(&hours_ahead(2), "lost")).send().await.is_err());
    assert_eq!(tokens_booked(&client).await, ["lost"]);
    assert_eq!(client.calendly("/invitees", &with_token(&hours_ahead(2), "again")).await.0, 400, "the time is filled");
}

#[tokio::test]
async fn a_caller_that_times_out_does_not_know_the_outcome() {
    let client = Client::start().await;
    let book_with_time_out = async |start: &str, token: &str| {
        let request = client.http.post(client.url("/calendly/invitees")).bearer_auth(keys::CALENDLY);
        request.timeout(Duration::from_millis(100)).json(&with_token(start, token)).send().await
    };
    for (mode, token) in [("slow", "at once"), ("delay", "late"), ("hang", "never")] {
        let fault = json!({"target": "calendly", "mode": mode, "method": "POST", "delay_ms": 300, "times": 1});
        client.post("/control/faults", fault).await;
        let start = hours_ahead(if token == "at once" { 2 } else { 3 });
        assert!(book_with_time_out(&start, token).await.unwrap_err().is_timeout(), "{mode}");
        if mode == "delay" {
            assert_eq!(tokens_booked(&client).await, ["at once"], "the booking is not made yet");
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }
    assert_eq!(tokens_booked(&client).await, ["at once", "late"]);
}

#[tokio::test]
async fn a_seed_determines_which_requests_fail() {
    let client = Client::start().await;
    let mut rounds = Vec::new();
    for seed in [1, 2, 1] {
        client.post("/control/reset", json!({})).await;
        client.post("/control/settings", json!({"seed": seed})).await;
        let fault = json!({"target": "calendly", "mode": "fail", "status": 500, "probability": 0.3});
        client.post("/control/faults", fault).await;
        let mut statuses = Vec::new();
        for _ in 0..60 {
            statuses.push(client.get("/calendly/users/me").await.0);
        }
        let failed = statuses.iter().filter(|status| **status == 500).count();
        assert!((8..=28).contains(&failed), "{failed} of 60");
        rounds.push(statuses);
    }
    assert!(rounds[0] == rounds[2] && rounds[0] != rounds[1]);
    let wrong = json!({"target": "calendly", "mode": "fail", "probability": 1.5});
    assert_eq!(client.answer(client.http.post(client.url("/control/faults")).json(&wrong)).await.0, 400);
}

#[tokio::test]
async fn bookings_are_limited_per_minute_hour_and_day() {
    let limits = |answer: &reqwest::Response| {
        let header = |name: &str| answer.headers()[name].to_str().unwrap().parse::<u64>().unwrap();
        (
            answer.status().as_u16(),
            header("X-RateLimit-Limit"),
            header("X-RateLimit-Remaining"),
            header("X-RateLimit-Reset"),
        )
    };
    for (setting, longest) in [("bookings_per_minute", 60), ("bookings_per_hour", 3_600), ("bookings_per_day", 86_400)]
    {
        let client = Client::start().await;
        client.post("/control/settings", json!({setting: 2})).await;
        let mut answers = Vec::new();
        for hours in 2..5 {
            let request = client.http.post(client.url("/calendly/invitees")).bearer_auth(keys::CALENDLY);
            answers.push(limits(&request.json(&quick(&hours_ahead(hours))).send().await.unwrap()));
        }
        assert_eq!(
            answers.iter().map(|it| (it.0, it.1, it.2)).collect::<Vec<_>>(),
            [(201, 2, 1), (201, 2, 0), (429, 2, 0)]
        );
        assert!(answers.iter().all(|it| it.3 > longest - 30 && it.3 <= longest), "{setting}: {answers:?}");
        // The limit applies to bookings only.
        assert_eq!(client.get("/calendly/users/me").await.0, 200);
    }
}

#[tokio::test]
async fn subscribers_are_notified_of_changed_event_types() {
    let client = Client::start().await;
    let receiver = Receiver::start(vec![]).await;
    let events = ["event_type.created", "event_type.updated", "event_type.deleted"];
    let subscription = json!({
        "url": receiver.url, "events": events, "organization": ORGANIZATION, "scope": "organization",
    });
    assert_eq!(client.calendly("/webhook_subscriptions", &subscription).await.0, 201);
    let uuid = QUICK.rsplit('/').next().unwrap();
    let path = format!("/calendly/event_types/{uuid}");

    client.post("/control/event_type", json!({"uuid": uuid, "name": "Quick Chat"})).await;
    assert_eq!(client.get(&path).await.1["resource"]["name"], "Quick Chat");
    client.book(&hours_ahead(2)).await;
    client.post("/control/event_type", json!({"uuid": uuid, "active": false})).await;
    let (status, answer) = client.calendly("/invitees", &quick(&hours_ahead(3))).await;
    assert_eq!((status, &answer["details"][0]["message"]), (400, &json!("is not active")));
    let active = format!("/calendly/event_types?organization={ORGANIZATION}&active=true");
    assert_eq!(client.get(&active).await.1["collection"].as_array().unwrap().len(), 6);
    client
        .post("/control/event_type", json!({"uuid": "00000000-0000-4000-8000-0000000000ea", "name": "Office Hour"}))
        .await;
    assert_eq!(client.get(&active).await.1["collection"].as_array().unwrap().len(), 7);
    client.post("/control/event_type", json!({"uuid": uuid, "deleted": true})).await;
    assert_eq!(client.get(&path).await.0, 404);
    assert_eq!(client.calendly("/invitees", &quick(&hours_ahead(3))).await.0, 404);

    // Each is delivered by its own task, so the order is not defined.
    let webhooks = receiver.bodies(4).await;
    let mut webhooks: Vec<_> = webhooks
        .iter()
        .map(|one| {
            (one["event"].as_str().unwrap(), one["payload"]["name"].as_str().unwrap(), one["payload"]["active"] == true)
        })
        .collect();
    webhooks.sort_unstable();
    assert_eq!(
        webhooks,
        [
            ("event_type.created", "Office Hour", true),
            ("event_type.deleted", "Quick Chat", false),
            ("event_type.updated", "Quick Chat", false),
            ("event_type.updated", "Quick Chat", true),
        ]
    );
    let (_, booked) = client.get(&format!("/calendly/scheduled_events?organization={ORGANIZATION}")).await;
    assert_eq!(booked["collection"][0]["name"], "Quick Chat", "a booking keeps its event type's name");
    client.post("/control/reset", json!({})).await;
    assert_eq!(client.get(&path).await.1["resource"]["name"], "Quick Consultation");
}

#[tokio::test]
async fn a_team_meeting_goes_to_a_free_host_and_takes_no_location() {
    let client = Client::start().await;
    let (_, members) = client.get(&format!("/calendly/event_type_memberships?event_type={TEAM}")).await;
    let names: Vec<_> =
        members["collection"].as_array().unwrap().iter().map(|it| it["member"]["name"].clone()).collect();
    assert_eq!(names, ["Maria Popescu", "Lars Holm"]);
    let (_, team) = client.get(&TEAM.replace("https://api.calendly.com", "/calendly")).await;
    assert_eq!(
        (&team["resource"]["pooling_type"], &team["resource"]["profile"]["type"]),
        (&json!("round_robin"), &json!("Team"))
    );

    let start = free_start(&client, TEAM).await;
    let mut body = quick(&start);
    body["event_type"] = json!(TEAM);
    body["location"] = json!({"kind": "google_conference"});
    let (status, answer) = client.calendly("/invitees", &body).await;
    assert_eq!((status, &answer["details"][0]["code"]), (400, &json!("invalid_location_choice")));
    body.as_object_mut().unwrap().remove("location");
    let mut hosts = Vec::new();
    for _ in 0..2 {
        let (status, answer) = client.calendly("/invitees", &body).await;
        assert_eq!(status, 201, "{answer}");
        let event = answer["resource"]["event"].as_str().unwrap().replace("https://api.calendly.com", "/calendly");
        hosts.push(client.get(&event).await.1["resource"]["event_memberships"][0]["user_name"].clone());
    }
    assert_eq!(hosts, ["Maria Popescu", "Lars Holm"]);
    let (status, answer) = client.calendly("/invitees", &body).await;
    assert_eq!((status, &answer["details"][0]["code"]), (400, &json!("already_filled")));
}

#[tokio::test]
async fn a_visit_needs_an_address() {
    let client = Client::start().await;
    let mut body = quick(&free_start(&client, VISIT).await);
    body["event_type"] = json!(VISIT);
    let (status, answer) = client.calendly("/invitees", &body).await;
    assert_eq!((status, &answer["details"][0]["parameter"]), (400, &json!("event.location_configuration.location")));
    body["location"] = json!({"kind": "ask_invitee"});
    assert_eq!(client.calendly("/invitees", &body).await.1["details"][0]["parameter"], "location.location");
    body["location"]["location"] = json!("Strada Lungă 5, Cluj");
    let (status, answer) = client.calendly("/invitees", &body).await;
    assert_eq!(status, 201, "{answer}");
}

#[tokio::test]
async fn only_programs_and_pages_of_this_machine_may_call() {
    let client = Client::start().await;
    let status = async |headers: &[(&str, &str)]| {
        let request = headers
            .iter()
            .fold(client.http.get(client.url("/inbox.json")), |it, (name, value)| it.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(&[]).await, 200);
    assert_eq!(status(&[("host", "localhost:4570"), ("origin", "http://127.0.0.1:4566")]).await, 200);
    assert_eq!(status(&[("origin", "null"), ("sec-fetch-site", "same-origin")]).await, 200);
    assert_eq!(status(&[("sec-fetch-site", "none")]).await, 200);
    assert_eq!(status(&[("sec-fetch-site", "same-site")]).await, 200);
    for headers in [
        [("host", "evil.example")].as_slice(),
        &[("host", "127.0.0.1.evil.example:4570")],
        &[("origin", "https://evil.example")],
        &[("origin", "http://127.0.0.1@evil.example")],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(status(headers).await, 403, "{headers:?}");
    }
}
