//! "I am somebody else", in twelve ways: what an agent is told, and which calls are made for it in which order (to the
//! table, to Calendly, to the providers of messages), is the same as if there were no such booking.
//!
//! Each way goes through the function's entry, as events of API Gateway:
//! 1. a key without the header that names the conversation
//! 2. another conversation, by each of a booking's ids
//! 3. a conversation in the body, where a model could write it
//! 4. a wrong code
//! 5. a code that has expired, and a confirmation that has
//! 6. a code that was used before
//! 7. more tries than a code has
//! 8. a code of another conversation
//! 9. a key of another connection, in the same conversation
//! 10. codes for bookings that do not exist, and for an address that is not the booking's
//! 11. a phone of one's own on a booking with somebody else's address
//! 12. a direct invocation, which has no key (Lambda's event instead of API Gateway's)

use std::cell::Cell;
use std::collections::BTreeMap;

use api::{Access, Function, ROUTES};
use domain::settings::Provider;
use domain::{ConnectionName, Scope, Settings};
use engine::PortError;
use fakes::Call;
use front::{Front, Input};
use futures_util::FutureExt;
use jiff::Timestamp;
use runtime::config::DirectAccess;
use runtime::{ApiKeys, SecretError, Secrets};
use serde_json::{Value, json};
use sha2::Digest;

use crate::api::{BOOKER_KEY, ELSEWHERE_KEY, ELSEWHERE_TRUSTED_KEY, KEY, OWN_KEY};
use crate::payload::{EMAIL, PHONE};
use crate::schedule::{Instance, call, code, demo, monday, with};
use crate::world::TestWorld;

/// A booking that does not exist.
const NOTHING: &str = "bk-00000000000000000000000000000000";

/// The ids of Ana's booking at Calendly and of its conversation, each with one of the same form that does not exist.
const OTHER_IDS: [[&str; 2]; 4] = [
    ["I1", "I9"],
    ["E1", "E9"],
    ["https:%2F%2Fapi.calendly.com%2Fscheduled_events%2FE1", "https:%2F%2Fapi.calendly.com%2Fscheduled_events%2FE9"],
    ["conv-1", "conv-9"],
];

/// The address of nobody.
const NOBODY: &str = "nobody@example.com";

/// What a caller is told, and the calls that were made for it.
pub(crate) type Seen = (u64, Value, Vec<Call>);

/// Returns a world in which Ana has booked in the conversation `conv-1`, and can be sent codes by e-mail and SMS.
pub(crate) fn booked() -> (TestWorld, String) {
    let world = monday();
    world.change_settings(|settings| {
        settings.providers.email = vec![Provider::Ses];
        settings.providers.sms = vec![Provider::Twilio];
        settings.senders.email = Some("meetings@vai.example.com".to_owned());
        settings.senders.twilio = Some("+14155552345".to_owned());
        settings.booking.requests_per_minute = 10_000;
    });
    let answer = call(&world, "book", &demo());
    let id = answer["booking"]["id"].as_str().unwrap_or_else(|| panic!("no booking: {answer}")).to_owned();
    world.wait_until("2026-11-23T09:00:00Z");
    world.state.borrow_mut().effects.clear();
    (world, id)
}

/// Calls a new instance over HTTP with a key, and as the conversation that the backend names.
pub(crate) fn seen(
    world: &TestWorld,
    key: &str,
    conversation: Option<&str>,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Seen {
    let before = world.call_count();
    let authorization = format!("Bearer {key}");
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(conversation.map(|it| ("x-vai-conversation", it)));
    let (status, body, _) = Instance::new(world).http(method, path, body, &headers);
    (status, body, world.calls_from(before))
}

/// Calls every operation about a booking.
fn all_about(world: &TestWorld, key: &str, conversation: Option<&str>, id: &str) -> Vec<Seen> {
    let moved = json!({"preferredTime": "2026-11-26T12:00:00+02:00"});
    let path = |end: &str| format!("/api/calendly/bookings/{id}{end}");
    [
        ("GET", path(""), None),
        ("GET", path("/timeline"), None),
        ("GET", format!("/api/calendly/metadata/{id}"), None),
        ("GET", path("/no-show"), None),
        ("PUT", path("/no-show"), None),
        ("DELETE", path("/no-show"), None),
        ("POST", path("/move"), Some(&moved)),
        ("POST", path("/cancel"), None),
    ]
    .into_iter()
    .map(|(method, path, body)| seen(world, key, conversation, method, &path, body))
    .collect()
}

/// Asserts that a caller is refused with `not_yours` whatever it does with a booking, exactly as for one that does not
/// exist, and that nothing was done.
fn assert_nothing_given_away(world: &TestWorld, key: &str, conversation: Option<&str>, id: &str) {
    let (of_it, of_nothing) = (all_about(world, key, conversation, id), all_about(world, key, conversation, NOTHING));
    assert_eq!(of_it, of_nothing);
    let mut all = of_it;
    for [of_it, of_nothing] in OTHER_IDS.map(|ids| ids.map(|id| all_about(world, key, conversation, id))) {
        assert_eq!(of_it, of_nothing);
        all.extend(of_it);
    }
    for (status, body, calls) in all {
        assert_eq!((status, code(&body)), (403, "not_yours"), "{body}");
        assert!(body["error"]["message"].as_str().is_some_and(|it| it.contains("code")), "{body}");
        assert!(!calls.contains(&Call::FindBookings), "{calls:?}");
    }
    let upcoming = |email: &str| {
        let path = format!("/api/calendly/upcoming/{}?days=7", email.replace('@', "%40"));
        seen(world, key, conversation, "GET", &path, None)
    };
    let (of_ana, of_nobody) = (upcoming(EMAIL), upcoming(NOBODY));
    assert_eq!(of_ana, of_nobody);
    assert_eq!((of_ana.0, &of_ana.1["success"], code(&of_ana.1)), (200, &json!(false), "not_yours"));
    assert!(world.effects().is_empty(), "{:?}", world.effects());
}

/// Asks for a code. Returns the challenge, and the digits if a message with them was sent.
fn ask_for_code(world: &TestWorld, conversation: &str, request: &Value) -> (String, Option<String>) {
    let before = world.effects().len();
    let (status, body, calls) = seen(world, OWN_KEY, Some(conversation), "POST", "/api/codes", Some(request));
    assert_eq!((status, calls), (200, vec![Call::TakePermits, Call::PutHold, Call::SetTimer]), "{body}");
    let challenge = body["challenge"].as_str().expect("a challenge").to_owned();
    world.wait_until(&world.now.get().to_string());
    (challenge, world.effects()[before..].iter().find_map(|it| find_digits(it)))
}

/// Finds the digits of a code in a message.
pub(crate) fn find_digits(message: &str) -> Option<String> {
    message.split(|it: char| !it.is_ascii_digit()).find(|it| it.len() == 6).map(str::to_owned)
}

fn confirm(world: &TestWorld, key: &str, conversation: &str, challenge: &str, digits: &str) -> Seen {
    let request = json!({"challenge": challenge, "code": digits});
    seen(world, key, Some(conversation), "POST", "/api/codes/confirm", Some(&request))
}

/// Asserts that a code is refused, exactly as one that was never sent.
fn assert_invalid(world: &TestWorld, conversation: &str, challenge: &str, digits: &str) {
    let refused = confirm(world, OWN_KEY, conversation, challenge, digits);
    assert_eq!((refused.0, code(&refused.1)), (422, "code_invalid"), "{}", refused.1);
    assert_eq!(refused, confirm(world, OWN_KEY, conversation, "challenge-of-nobody", digits));
}

#[test]
fn way_1_without_the_header_there_are_no_bookings() {
    let (world, id) = booked();
    assert_nothing_given_away(&world, OWN_KEY, None, &id);
    // Nor is one made or a code sent.
    for (path, body) in [("/api/calendly/schedule", demo()), ("/api/codes", json!({"booking": id}))] {
        let (status, body, _) = seen(&world, OWN_KEY, None, "POST", path, Some(&body));
        assert_eq!((status, code(&body)), (400, "invalid_request"), "{body}");
        assert_eq!(body["error"]["details"][0]["path"], "X-VAI-Conversation");
    }
}

#[test]
fn way_2_another_conversation_has_none_of_them() {
    let (world, id) = booked();
    assert_nothing_given_away(&world, OWN_KEY, Some("conv-2"), &id);
    // Its own conversation has them.
    let path = format!("/api/calendly/bookings/{id}");
    let (status, body, _) = seen(&world, OWN_KEY, Some("conv-1"), "GET", &path, None);
    assert_eq!((status, &body["id"]), (200, &json!(id)), "{body}");
    let (_, body, _) = seen(&world, OWN_KEY, Some("conv-1"), "GET", "/api/calendly/bookings/I1", None);
    assert_eq!(body["id"], id.as_str(), "{body}");
    let upcoming = "/api/calendly/upcoming/ana.ionescu%40example.com";
    let (_, body, _) = seen(&world, OWN_KEY, Some("conv-1"), "GET", upcoming, None);
    assert_eq!((&body["success"], &body["events"][0]["id"]), (&json!(true), &json!(id)), "{body}");
}

#[test]
fn way_3_a_conversation_in_the_body_counts_for_a_trusted_key_only() {
    let (world, _) = booked();
    let wish = with(demo(), json!({"preferredTime": "2026-12-01T10:30:00+02:00", "conversationId": "conv-1"}));
    let (status, body, _) = seen(&world, OWN_KEY, Some("conv-2"), "POST", "/api/calendly/schedule", Some(&wish));
    assert_eq!((status, &body["success"]), (200, &json!(true)), "{body}");
    let id = body["booking"]["id"].as_str().expect("a booking").to_owned();
    let path = format!("/api/calendly/metadata/{id}");
    let (_, body, _) = seen(&world, KEY, None, "GET", &path, None);
    assert_eq!(body["conversation_id"], "conv-2", "{body}");
    assert_eq!(seen(&world, OWN_KEY, Some("conv-1"), "GET", &path, None).0, 403);
}

#[test]
fn way_4_a_wrong_code_opens_nothing() {
    let (world, id) = booked();
    let (challenge, digits) = ask_for_code(&world, "conv-2", &json!({"booking": id}));
    let digits = digits.expect("a code was sent");
    let wrong = if digits == "000000" { "000001" } else { "000000" };
    assert_invalid(&world, "conv-2", &challenge, wrong);
    world.state.borrow_mut().effects.clear();
    assert_nothing_given_away(&world, OWN_KEY, Some("conv-2"), &id);
    // The right one opens it, however it is written.
    let spaced = format!(" {} {}", &digits[..3], &digits[3..]);
    let (status, body, _) = confirm(&world, OWN_KEY, "conv-2", &challenge, &spaced);
    assert_eq!((status, &body["until"]), (200, &json!("2026-11-23T10:00:00Z")), "{body}");
    let path = format!("/api/calendly/bookings/{id}");
    assert_eq!(seen(&world, OWN_KEY, Some("conv-2"), "GET", &path, None).0, 200);
    let (_, body, _) = seen(&world, OWN_KEY, Some("conv-2"), "POST", &format!("{path}/cancel"), None);
    assert_eq!(body["booking"]["status"], "canceled", "{body}");
}

#[test]
fn way_5_a_code_expires_and_so_does_what_it_opened() {
    let (world, id) = booked();
    let (late, digits) = ask_for_code(&world, "conv-2", &json!({"booking": id}));
    world.wait_until("2026-11-23T09:10:00Z");
    assert_invalid(&world, "conv-2", &late, &digits.expect("a code was sent"));
    let (challenge, digits) = ask_for_code(&world, "conv-2", &json!({"booking": id}));
    assert_eq!(confirm(&world, OWN_KEY, "conv-2", &challenge, &digits.expect("a code was sent")).0, 200);
    let path = format!("/api/calendly/bookings/{id}");
    world.wait_until("2026-11-23T10:09:59Z");
    assert_eq!(seen(&world, OWN_KEY, Some("conv-2"), "GET", &path, None).0, 200);
    world.wait_until("2026-11-23T10:10:00Z");
    world.state.borrow_mut().effects.clear();
    assert_nothing_given_away(&world, OWN_KEY, Some("conv-2"), &id);
}

#[test]
fn way_6_a_code_works_once() {
    let (world, id) = booked();
    let (challenge, digits) = ask_for_code(&world, "conv-2", &json!({"booking": id}));
    let digits = digits.expect("a code was sent");
    assert_eq!(confirm(&world, OWN_KEY, "conv-2", &challenge, &digits).0, 200);
    let (status, body, _) = confirm(&world, OWN_KEY, "conv-2", &challenge, &digits);
    assert_eq!((status, code(&body)), (422, "code_invalid"));
    assert_invalid(&world, "conv-3", &challenge, &digits);
}

#[test]
fn way_7_the_sixth_try_is_refused_even_with_the_right_code() {
    let (world, id) = booked();
    let (challenge, digits) = ask_for_code(&world, "conv-2", &json!({"booking": id}));
    let digits = digits.expect("a code was sent");
    for number in 0..5 {
        let wrong = format!("{number}99999");
        assert_ne!(wrong, digits);
        assert_eq!(code(&confirm(&world, OWN_KEY, "conv-2", &challenge, &wrong).1), "code_invalid");
    }
    assert_invalid(&world, "conv-2", &challenge, &digits);
    world.state.borrow_mut().effects.clear();
    assert_nothing_given_away(&world, OWN_KEY, Some("conv-2"), &id);
}

#[test]
fn way_8_a_code_is_good_in_its_own_conversation_only() {
    let (world, id) = booked();
    let (challenge, digits) = ask_for_code(&world, "conv-2", &json!({"booking": id}));
    let digits = digits.expect("a code was sent");
    assert_invalid(&world, "conv-3", &challenge, &digits);
    assert_eq!(confirm(&world, OWN_KEY, "conv-2", &challenge, &digits).0, 200);
    world.state.borrow_mut().effects.clear();
    assert_nothing_given_away(&world, OWN_KEY, Some("conv-3"), &id);
}

#[test]
fn way_9_a_key_of_another_connection_finds_nothing_even_in_the_same_conversation() {
    let (world, id) = booked();
    assert_nothing_given_away(&world, ELSEWHERE_KEY, Some("conv-1"), &id);
    // A trusted one is told that there is none.
    let of_it = all_about(&world, ELSEWHERE_TRUSTED_KEY, Some("conv-1"), &id);
    assert_eq!(of_it, all_about(&world, ELSEWHERE_TRUSTED_KEY, Some("conv-1"), NOTHING));
    assert!(of_it.iter().all(|(_, body, _)| code(body) == "booking_unknown"), "{of_it:?}");
    // And what a code has opened in a conversation, it has opened for one connection.
    let (challenge, digits) = ask_for_code(&world, "conv-2", &json!({"booking": id}));
    assert_eq!(confirm(&world, OWN_KEY, "conv-2", &challenge, &digits.expect("a code was sent")).0, 200);
    world.state.borrow_mut().effects.clear();
    assert_nothing_given_away(&world, ELSEWHERE_KEY, Some("conv-2"), &id);
    let direct =
        json!({"operation": "booking", "connection": "acme", "conversation": "conv-1", "input": {"booking": id}});
    let before = world.call_count();
    let answer = Instance::new(&world).try_invoke(direct).expect("it was not killed");
    assert_eq!((code(&answer), world.call_count()), ("connection_unknown", before), "{answer}");
}

#[test]
fn way_10_codes_say_nothing_of_unknown_bookings_and_cost_a_person_three_messages_an_hour() {
    let (world, id) = booked();
    for request in
        [json!({"booking": NOTHING}), json!({"userEmail": NOBODY}), json!({"booking": id, "userEmail": NOBODY})]
    {
        let (challenge, digits) = ask_for_code(&world, "conv-2", &request);
        assert_eq!(digits, None, "{request}: {:?}", world.effects());
        assert_invalid(&world, "conv-2", &challenge, "000000");
    }
    let asked = |booking: &str| {
        let request = json!({"booking": booking});
        let (status, mut body, calls) = seen(&world, OWN_KEY, Some("conv-4"), "POST", "/api/codes", Some(&request));
        // Which cannot be guessed, and is made of nothing.
        body["challenge"] = Value::Null;
        (status, body, calls)
    };
    assert_eq!(asked(NOTHING), asked(&id));
    world.wait_until(&world.now.get().to_string());
    assert_eq!(world.effects().len(), 1, "the booking's own code, which went out when the caller had its answer");
    let (world, id) = booked();
    let by_email = (0..4).map(|_| ask_for_code(&world, "conv-2", &json!({"userEmail": EMAIL})).1.is_some());
    assert_eq!(by_email.collect::<Vec<_>>(), [true, true, true, false]);
    // The booking has its own count, so another address or number of it does not help.
    assert_eq!(ask_for_code(&world, "conv-3", &json!({"booking": id, "by": "sms"})).1, None);
    world.wait_until("2026-11-23T10:00:00Z");
    world.state.borrow_mut().effects.clear();
    assert!(ask_for_code(&world, "conv-3", &json!({"booking": id, "by": "sms"})).1.is_some());
    let sent = world.effects();
    assert!(sent[0].starts_with(&format!("plain SMS [twilio] to {PHONE}: ")), "{sent:?}");
}

#[test]
fn a_code_by_sms_counts_in_the_budget_of_the_connection_and_raises_its_alarm() {
    let (world, id) = booked();
    let spent = || world.state.borrow().sms_spent.values().sum::<u32>();
    let alarms = || world.state.borrow().low_sms_budgets;
    let before = (spent(), alarms());
    world.change_settings(|settings| settings.sms_budget.per_day = before.0 + 2);
    let request = json!({"booking": id, "by": "sms"});
    assert!(ask_for_code(&world, "conv-2", &request).1.is_some());
    assert_eq!((spent(), alarms()), (before.0 + 2, before.1 + 1));
    assert_eq!(ask_for_code(&world, "conv-3", &request).1, None, "the budget is spent");
    assert_eq!((spent(), alarms()), (before.0 + 2, before.1 + 2));
}

#[test]
fn way_11_a_phone_of_ones_own_beside_anothers_address_opens_no_bookings_of_that_address() {
    let (world, id) = booked();
    // Mallory books in Ana's name, with a phone that is Mallory's.
    let bait = json!({
        "preferredTime": "2026-12-01T10:30:00+02:00", "conversationId": "conv-9", "phone": "+40722000111",
    });
    let bait = call(&world, "book", &with(demo(), bait))["booking"]["id"].clone();
    world.wait_until("2026-11-23T10:00:00Z");
    world.state.borrow_mut().effects.clear();
    let (challenge, digits) = ask_for_code(&world, "conv-9", &json!({"booking": bait, "by": "sms"}));
    assert!(world.effects()[0].starts_with("plain SMS [twilio] to +40722000111"), "{:?}", world.effects());
    assert_eq!(confirm(&world, OWN_KEY, "conv-9", &challenge, &digits.expect("a code was sent")).0, 200);
    assert_eq!(all_about(&world, OWN_KEY, Some("conv-9"), &id), all_about(&world, OWN_KEY, Some("conv-9"), NOTHING));
    let upcoming = "/api/calendly/upcoming/ana.ionescu%40example.com?days=30";
    let (_, body, _) = seen(&world, OWN_KEY, Some("conv-9"), "GET", upcoming, None);
    let ids: Vec<_> = body["events"].as_array().into_iter().flatten().map(|it| &it["id"]).collect();
    assert_eq!(ids, [&bait], "only what was booked in that conversation: {body}");
}

#[test]
fn way_12_a_direct_invocation_acts_for_the_conversation_that_it_names() {
    let (world, id) = booked();
    let direct = |operation: &str, conversation: Option<&str>, id: &str| {
        let before = world.call_count();
        let mut input = json!({"booking": id});
        if operation == "move" {
            input["preferredTime"] = json!("2026-11-26T12:00:00+02:00");
        }
        let event = json!({"operation": operation, "conversation": conversation, "input": input});
        let answer = Instance::without_trust(&world).try_invoke(event).expect("it was not killed");
        (answer, world.calls_from(before))
    };
    let about_bookings =
        ["booking", "timeline", "metadata", "no_show", "mark_no_show", "unmark_no_show", "move", "cancel"];
    for operation in about_bookings {
        for conversation in [None, Some("conv-2")] {
            let of_it = direct(operation, conversation, &id);
            assert_eq!(code(&of_it.0), "not_yours", "{operation}: {}", of_it.0);
            assert_eq!(of_it, direct(operation, conversation, NOTHING), "{operation}");
        }
    }
    assert!(world.effects().is_empty(), "{:?}", world.effects());
    assert_eq!(direct("cancel", Some("conv-1"), &id).0["booking"]["status"], "canceled");
}

#[test]
fn a_conversations_id_alone_leads_to_its_booking_only_with_a_key_of_its_connection_that_may_read() {
    let (world, id) = booked();
    for (key, conversation, expected) in [
        (KEY, None, (200, "no refusal")),
        (KEY, Some("conv-2"), (200, "no refusal")),
        (OWN_KEY, Some("conv-1"), (200, "no refusal")),
        (OWN_KEY, Some("conv-2"), (403, "not_yours")),
        (OWN_KEY, None, (403, "not_yours")),
        (BOOKER_KEY, None, (403, "forbidden")),
        (ELSEWHERE_TRUSTED_KEY, None, (404, "booking_unknown")),
        (ELSEWHERE_KEY, Some("conv-1"), (403, "not_yours")),
        ("vai_unknown", None, (401, "unauthorized")),
    ] {
        for path in ["/api/calendly/bookings/conv-1", "/api/calendly/metadata/conv-1"] {
            let (status, body, _) = seen(&world, key, conversation, "GET", path, None);
            assert_eq!((status, code(&body)), expected, "{key} {conversation:?} {path}: {body}");
        }
        let (_, body, _) = seen(&world, key, conversation, "GET", "/api/calendly/bookings/conv-1", None);
        assert_eq!(body["id"] == id.as_str(), expected.0 == 200, "{body}");
    }
}

#[test]
fn a_trusted_key_sees_every_booking_as_before() {
    let (world, id) = booked();
    for conversation in [None, Some("conv-2")] {
        for id in [id.as_str(), "I1", "conv-1"] {
            let path = format!("/api/calendly/metadata/{id}");
            assert_eq!(seen(&world, KEY, conversation, "GET", &path, None).0, 200, "{id}");
        }
        let upcoming = "/api/calendly/upcoming/ana.ionescu%40example.com?days=7";
        let (_, body, _) = seen(&world, KEY, conversation, "GET", upcoming, None);
        assert_eq!(body["events"][0]["id"], id.as_str(), "{body}");
    }
    let unknown = seen(&world, KEY, None, "GET", &format!("/api/calendly/bookings/{NOTHING}"), None);
    assert_eq!((unknown.0, code(&unknown.1)), (404, "booking_unknown"));
}

#[test]
fn a_code_goes_by_a_provider_that_can_send_it_and_is_refused_where_none_can() {
    use Provider::{Engagelab, Ses, Twilio, Vai};
    let template = Some("code-en");
    let by_template = format!("plain SMS [engagelab] to {PHONE}: code-en with ");
    let by_text = format!("plain SMS [twilio] to {PHONE}: ");
    let by_email = format!("plain e-mail [ses] to {EMAIL}: The code for your booking\n");
    for (email, sms, template, by, expected) in [
        (vec![Ses], vec![Engagelab, Twilio], template, "sms", by_template.as_str()),
        (vec![Ses], vec![Engagelab, Twilio], None, "sms", by_text.as_str()),
        (vec![Vai], vec![Engagelab], template, "email", by_template.as_str()),
        (vec![Ses], vec![Engagelab], None, "sms", by_email.as_str()),
        (vec![Vai], vec![Engagelab], None, "sms", ""),
        (vec![Vai], vec![], template, "email", ""),
    ] {
        let (world, id) = booked();
        world.change_settings(|settings| {
            (settings.providers.email, settings.providers.sms) = (email.clone(), sms.clone());
            settings.code_templates = template.map(|it| ("en".to_owned(), it.to_owned())).into_iter().collect();
        });
        let ask = |booking: &str| {
            let request = json!({"booking": booking, "by": by, "language": "en"});
            seen(&world, OWN_KEY, Some("conv-2"), "POST", "/api/codes", Some(&request))
        };
        if expected.is_empty() {
            let refused = ask(&id);
            assert_eq!((refused.0, code(&refused.1)), (422, "code_impossible"), "{}", refused.1);
            assert_eq!(refused, ask(NOTHING));
        } else {
            assert_eq!(ask(&id).0, 200);
        }
        world.wait_until(&world.now.get().to_string());
        let sent = world.effects();
        assert_eq!(sent.len(), usize::from(!expected.is_empty()), "{email:?} {sms:?}: {sent:?}");
        assert!(sent.iter().all(|it| it.starts_with(expected)), "{email:?} {sms:?}: {sent:?}");
    }
}

#[test]
fn another_conversation_learns_nothing_by_booking() {
    let (world, _) = booked();
    // Ana's zone is known from her booking, and she has this meeting: neither may show.
    let wish = |email: &str| {
        let mut request = with(demo(), json!({"inviteeEmail": email, "preferredTime": "2026-11-25T14:30:00Z"}));
        for key in ["timezone", "phone", "conversationId"] {
            request.as_object_mut().expect("an object").remove(key);
        }
        let (_, body, _) = seen(&world, OWN_KEY, Some("conv-2"), "POST", "/api/calendly/hold", Some(&request));
        (body["booking"]["timezone"].clone(), body["booking"]["timezoneSource"].clone())
    };
    assert!(wish(EMAIL).0.is_string());
    assert_eq!(wish(EMAIL), wish(NOBODY));
    let same = with(demo(), json!({"maxShift": 0}));
    let (_, body, _) = seen(&world, OWN_KEY, Some("conv-2"), "POST", "/api/calendly/hold", Some(&same));
    assert_eq!(code(&body), "slot_taken", "as for anybody: {body}");
}

/// The ports of a front whose operations all succeed.
struct ScopePorts {
    secrets: Secrets,
    direct: DirectAccess,
    /// The calls that are left in this minute.
    left: Cell<u32>,
}

impl front::Ports for ScopePorts {
    async fn load_settings(&self, _: &ConnectionName) -> Result<Settings, PortError> {
        Ok(Settings::default())
    }

    async fn reserve_permits(&self, _: &str, wanted: u32, _: u32, _: Timestamp) -> Result<u32, PortError> {
        let granted = wanted.min(self.left.get());
        self.left.set(self.left.get() - granted);
        Ok(granted)
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn api_keys(&self) -> Result<ApiKeys, SecretError> {
        self.secrets.api_keys().await
    }

    async fn reread_api_keys(&self) -> Option<ApiKeys> {
        None
    }

    fn direct_access(&self) -> DirectAccess {
        self.direct.clone()
    }

    fn public_url(&self) -> Option<&str> {
        None
    }

    async fn write_audit(&self, _: &str) -> Result<(), PortError> {
        Ok(())
    }

    fn count(&self, _: &str, _: &[(&str, &str)]) {}
}

/// Calls an operation with a key of one scope. Returns whether the scope is enough: then the call is refused, if at
/// all, for what it says.
fn is_permitted(front: &Front<ScopePorts>, method: &str, path: &str, key: &str) -> bool {
    let event = json!({
        "version": "2.0", "routeKey": "ANY /api/{proxy+}", "rawPath": path, "rawQueryString": "",
        "headers": {"authorization": format!("Bearer {key}")},
        "requestContext": {
            "accountId": "1", "apiId": "a", "stage": "$default", "requestId": "r", "time": "", "timeEpoch": 0,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
        },
        "isBase64Encoded": false,
    });
    let input: Input = serde_json::from_value(event).expect("an event");
    let perform = async |_: &front::Context, _: &api::Call| Ok(Value::Null);
    let response = front.handle(input, Timestamp::UNIX_EPOCH, perform).now_or_never().expect("it does not wait");
    let body: Value = serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
    !matches!(code(&body), "forbidden" | "unauthorized")
}

#[test]
fn the_table_of_scopes_is_what_the_front_decides() {
    let digest = |key: &str| hex::encode(sha2::Sha256::digest(key));
    let keys: Vec<_> = Scope::ALL
        .iter()
        .map(|it| json!({"name": it.name(), "connection": "default", "scopes": [it], "sha256": digest(it.name())}))
        .collect();
    let ports = || ScopePorts {
        secrets: Secrets::fixed("t/", [("t/api-keys".to_owned(), json!({ "keys": keys }).to_string())].into()),
        direct: DirectAccess::default(),
        left: Cell::new(u32::MAX),
    };
    let fronts = [Function::Schedule, Function::Admin].map(|it| (it, Front::new(it, ports())));
    let names = Scope::ALL.map(|it| format!("{:<12}", it.name())).concat();
    let mut lines = vec![format!("{:<24}{}", "operation", names.trim_end())];
    for route in ROUTES {
        let (_, front) = fronts.iter().find(|(function, _)| *function == route.function).expect("a front");
        let path = match route.path_parameter() {
            Some(parameter) => route.path.replace(&format!("{{{parameter}}}"), "x"),
            None => route.path.to_owned(),
        };
        let marks = Scope::ALL.map(|scope| {
            let is_permitted = is_permitted(front, route.method.name(), &path, scope.name());
            format!("{:<12}", if is_permitted { "yes" } else { "-" })
        });
        let note = match route.access {
            Access::CatchUpToken | Access::Nothing => format!("needs {}", route.access.name()),
            _ if route.is_about_everybody() => "trusted keys only".to_owned(),
            _ if route.is_about_person() => "own conversations, unless trusted".to_owned(),
            _ => String::new(),
        };
        lines.push(format!("{:<24}{}{note}", route.name, marks.concat()).trim_end().to_owned());
    }
    insta::assert_snapshot!("the_scopes", lines.join("\n"));
}

/// Invokes an operation of the admin function directly. Returns the connection that it reached, or the refusal's code.
fn reach(front: &Front<ScopePorts>, operation: &str, connection: Option<&str>, input: &Value) -> String {
    let event = json!({"operation": operation, "connection": connection, "input": input});
    let perform = async |context: &front::Context, _: &api::Call| Ok(json!({"reached": context.connection.as_str()}));
    let answer = front.handle(Input::Direct(event), Timestamp::UNIX_EPOCH, perform).now_or_never();
    let answer = answer.expect("it does not wait");
    answer["reached"].as_str().unwrap_or_else(|| code(&answer)).to_owned()
}

#[test]
fn a_direct_invocation_reaches_the_connections_of_the_setting_and_makes_as_many_calls_as_a_key() {
    let front = |connections: &str, left: u32| {
        let direct = DirectAccess { connections: connections.to_owned(), is_trusted: true };
        let secrets = Secrets::fixed("t/", BTreeMap::new());
        Front::new(Function::Admin, ScopePorts { secrets, direct, left: Cell::new(left) })
    };
    let (none, acme, other) = (json!({}), json!({"connection": "acme"}), json!({"connection": "other"}));
    let limited = front("default,acme", u32::MAX);
    for (operation, connection, input, expected) in [
        ("list_endpoints", None, &none, "default"),
        ("list_endpoints", Some("acme"), &none, "acme"),
        ("list_endpoints", Some("other"), &none, "connection_unknown"),
        ("connection", None, &acme, "acme"),
        ("connection", None, &other, "connection_unknown"),
        ("connection", Some("acme"), &other, "connection_unknown"),
        // What is no name is not taken for the connection beside it.
        ("connection", Some("acme"), &json!({"connection": "No Name"}), "connection_unknown"),
        ("list_connections", None, &none, "forbidden"),
    ] {
        assert_eq!(reach(&limited, operation, connection, input), expected, "{operation} {connection:?} {input}");
    }
    let unlimited = front("*", u32::MAX);
    assert_eq!(reach(&unlimited, "list_connections", None, &none), "default");
    assert_eq!(reach(&unlimited, "connection", None, &other), "other");

    let counted = front("default", 2);
    let answers = [(); 3].map(|()| reach(&counted, "list_endpoints", None, &none));
    assert_eq!(answers, ["default", "default", "rate_limited"]);
}
