//! The schedule function: each operation and each refusal, repeated, at once, and with a function killed at every step.

use std::collections::{BTreeMap, BTreeSet};

use domain::settings::Topic;
use domain::{
    BookingState, CanceledBy, Cancellation, Connection, ConnectionName, ConnectionStatus, Outcome, Phone, Reason,
};
use fakes::{Call, Fault, Script, WithoutMessaging};
use futures_util::FutureExt;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::api::{KEY, READER_KEY, TestApi};
use crate::payload::{EMAIL, Meeting, NAME, NOTES, PHONE, at};
use crate::world::{TestWorld, no_answer, refused};

/// Lambda gives the function 30 seconds; it uses 29.
const TIME_OUT: SignedDuration = SignedDuration::from_secs(29);

/// One instance of the schedule function in a fake world.
pub(crate) struct Instance<'a> {
    world: &'a TestWorld,
    pub(crate) api: TestApi<'a, WithoutMessaging<'a, Script>>,
}

impl<'a> Instance<'a> {
    pub(crate) fn new(world: &'a TestWorld) -> Self {
        Self { world, api: TestApi::new(world.without_messaging(), || world.call_count() as u128) }
    }

    /// Makes one whose direct invocations act for the conversation that they name.
    pub(crate) fn without_trust(world: &'a TestWorld) -> Self {
        let random = || world.call_count() as u128;
        Self { world, api: TestApi::with_direct_calls(world.without_messaging(), random, false) }
    }

    /// Invokes it directly with an event; `None` when it was killed.
    pub(crate) fn try_invoke(&self, event: Value) -> Option<Value> {
        self.api.invoke(event, self.world.now.get() + TIME_OUT).now_or_never()
    }

    /// Calls an operation by direct invocation; `None` when it was killed.
    fn try_call(&self, operation: &str, input: &Value) -> Option<Value> {
        self.try_invoke(direct(operation, input))
    }

    /// Calls an operation by direct invocation.
    pub(crate) fn call(&self, operation: &str, input: &Value) -> Value {
        self.try_call(operation, input).expect("it was not killed")
    }

    /// Books by direct invocation, with an idempotency key.
    pub(crate) fn book_with_key(&self, key: &str, input: &Value) -> Value {
        let event = json!({"operation": "book", "idempotencyKey": key, "input": input});
        self.try_invoke(event).expect("it was not killed")
    }

    /// Calls it over HTTP. Returns status, body and headers.
    pub(crate) fn http(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> (u64, Value, Value) {
        let (raw_path, query) = path.split_once('?').unwrap_or((path, ""));
        let headers: BTreeMap<_, _> = headers.iter().copied().collect();
        let event = json!({
            "version": "2.0", "routeKey": "ANY /api/{proxy+}", "rawPath": raw_path, "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": "1", "apiId": "a", "stage": "$default", "requestId": "r", "time": "", "timeEpoch": 0,
                "http": {
                    "method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                    "userAgent": "curl",
                },
            },
            "body": body.map(Value::to_string), "isBase64Encoded": false,
        });
        self.api.invoke_http(event, self.world.now.get() + TIME_OUT).now_or_never().expect("it was not killed")
    }

    /// Calls it over HTTP with `GET` and the key.
    fn get(&self, path: &str) -> (u64, Value, Value) {
        self.http("GET", path, None, &[("authorization", &bearer())])
    }

    /// Calls it over HTTP with `POST`, the key and more headers. Returns status and body.
    fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> (u64, Value) {
        let authorization = bearer();
        let headers = [&[("authorization", authorization.as_str())], headers].concat();
        let (status, body, _) = self.http("POST", path, Some(body), &headers);
        (status, body)
    }
}

fn bearer() -> String {
    format!("Bearer {KEY}")
}

fn direct(operation: &str, input: &Value) -> Value {
    json!({"operation": operation, "input": input})
}

/// Calls an operation of a new instance by direct invocation.
pub(crate) fn call(world: &TestWorld, operation: &str, input: &Value) -> Value {
    Instance::new(world).call(operation, input)
}

pub(crate) fn demo() -> Value {
    json!({
        "eventType": "Sales Demo", "inviteeEmail": EMAIL, "inviteeName": NAME, "preferredTime": "2026-11-25T10:30:00+02:00",
        "conversationId": "conv-1", "userId": "user-1", "agentType": "sales", "timezone": "Europe/Bucharest", "phone": PHONE,
        "notes": NOTES, "language": "ro", "customAnswers": {"company": "Exemplu SRL"},
    })
}

pub(crate) fn with(mut request: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        request[key] = value.clone();
    }
    request
}

pub(crate) fn monday() -> TestWorld {
    TestWorld::new("2026-11-23T08:00:00Z")
}

pub(crate) fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or("no refusal")
}

/// Has the webhook arrive about a booking that Calendly has made.
fn receive_webhook_of(world: &TestWorld, number: usize) {
    receive_changed_webhook_of(world, number, |_| {});
}

/// Has the webhook arrive, with another payload.
fn receive_changed_webhook_of(world: &TestWorld, number: usize, change: impl FnOnce(&mut Value)) {
    let fact = world
        .state
        .borrow()
        .calendly
        .invitees
        .values()
        .find(|it| it.leg.invitee.as_str().ends_with(&format!("I{number}")))
        .cloned();
    let fact = fact.expect("a booking at Calendly");
    let details = &fact.leg.details;
    let canceled = fact.leg.canceled.as_ref();
    let mut body = json!({
        "event": if canceled.is_some() { "invitee.canceled" } else { "invitee.created" },
        "created_at": world.now.get(),
        "payload": {
            "uri": fact.leg.invitee, "email": details.email, "name": details.name, "timezone": details.zone,
            "status": if canceled.is_some() { "canceled" } else { "active" },
            "created_at": fact.occurred_at, "updated_at": details.as_of, "rescheduled": false, "old_invitee": null, "new_invitee": null,
            "tracking": {"utm_content": fact.leg.token}, "text_reminder_number": PHONE, "questions_and_answers": [],
            "cancel_url": details.cancel_url, "reschedule_url": details.reschedule_url,
            "cancellation": canceled.map(|it| json!({"reason": it.reason, "canceler_type": "host", "created_at": it.at})),
            "scheduled_event": {
                "uri": details.event, "name": details.event_name, "start_time": details.start, "end_time": details.end,
                "event_type": details.event_type, "location": {"join_url": details.join_url}, "event_memberships": [{"user_name": details.host}],
            },
        },
    });
    change(&mut body["payload"]);
    world.receive_webhook(body.to_string().as_bytes());
}

/// All the active events that Calendly holds, by their starts.
pub(crate) fn starts_at_calendly(world: &TestWorld) -> Vec<String> {
    let state = world.state.borrow();
    let active = state.calendly.invitees.values().filter(|it| it.leg.canceled.is_none());
    let mut starts: Vec<_> = active.map(|it| it.leg.details.start.to_string()).collect();
    starts.sort();
    starts
}

#[test]
fn a_booking_is_answered_in_vais_form_and_confirmed_once() {
    let world = monday();
    insta::assert_json_snapshot!(call(&world, "book", &demo()), @r#"
    {
      "booking": {
        "cancelUrl": "https://calendly.com/cancellations/I1",
        "endTime": "2026-11-25T09:00:00Z",
        "eventType": "Sales Demo",
        "eventUuid": "E1",
        "id": "bk-3dfe540ba24d298f1f52182383d26d45",
        "invitee": {
          "email": "ana.ionescu@example.com",
          "name": "Ana Ionescu"
        },
        "inviteeUuid": "I1",
        "localTime": "miercuri, 25 noiembrie 2026 la 10:30 (ora României)",
        "location": "https://meet.example.com/1",
        "meetingUrl": "https://meet.example.com/1",
        "rescheduleUrl": "https://calendly.com/reschedulings/I1",
        "startTime": "2026-11-25T08:30:00Z",
        "status": "active",
        "timezone": "Europe/Bucharest",
        "timezoneSource": "request"
      },
      "message": "Întâlnirea „Sales Demo” a fost programată pentru miercuri, 25 noiembrie 2026 la 10:30 (ora României).",
      "success": true
    }
    "#);
    receive_webhook_of(&world, 1);
    world.wait_until("2026-11-23T09:00:00Z");
    insta::assert_snapshot!(world.effects().join("\n"), @"
    e-mail confirmation [calendly_confirmation, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS confirmation [confirmation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    VAI's agent has booked Sales Demo 2026-11-25T08:30:00Z
    VAI confirmed Sales Demo 2026-11-25T08:30:00Z
    analytics invitee_created I1
    ");
    assert_eq!(world.state.borrow().bookings.len(), 1);
}

#[test]
fn a_booking_without_its_webhook_has_the_same_effects() {
    let effects = |has_webhook: bool| {
        let world = monday();
        call(&world, "book", &demo());
        if has_webhook {
            receive_webhook_of(&world, 1);
        }
        world.wait_until("2026-11-23T09:00:00Z");
        let mut effects = world.effects();
        effects.sort();
        effects
    };
    let mut expected = effects(true);
    expected.retain(|line| !line.starts_with("analytics"));
    assert_eq!(effects(false), expected);
}

#[test]
fn the_same_request_has_the_same_answer_and_another_under_its_key_is_refused() {
    let world = monday();
    let instance = Instance::new(&world);
    let first = instance.call("book", &demo());
    assert_eq!(instance.call("book", &demo()), first);
    // The same request in other words: the time in UTC, the event type by its slug, an address in capitals.
    let same = json!({
        "eventType": "sales-demo", "preferredTime": "2026-11-25T08:30:00Z", "inviteeEmail": EMAIL.to_uppercase(),
        "notes": "other notes",
    });
    assert_eq!(instance.call("book", &with(demo(), same))["booking"]["id"], first["booking"]["id"]);
    let other = with(demo(), json!({"inviteeName": "Ion Pop"}));
    assert_eq!(code(&instance.call("book", &other)), "key_reused");
    assert_eq!(starts_at_calendly(&world).len(), 1);

    let request = with(demo(), json!({"preferredTime": "2026-11-26T08:30:00Z"}));
    let first = instance.book_with_key("k-1", &request);
    assert_eq!(instance.book_with_key("k-1", &request), first);
    let other = with(request, json!({"preferredTime": "2026-11-26T09:30:00Z"}));
    assert_eq!(code(&instance.book_with_key("k-1", &other)), "key_reused");
    assert_eq!(starts_at_calendly(&world).len(), 2);
}

#[test]
fn a_booking_costs_at_most_four_calls_of_the_table() {
    for names_zone in [true, false] {
        let world = monday();
        let mut request = demo();
        if !names_zone {
            request.as_object_mut().expect("an object").remove("timezone");
        }
        assert_eq!(call(&world, "book", &request)["success"], true);
        let calls = world.calls_from(0);
        // A permit is counted once for many calls.
        let others =
            [Call::TakePermits, Call::ListEventTypes, Call::ListAvailableTimes, Call::CreateBooking, Call::SetTimer];
        let of_table = calls.iter().filter(|it| !others.contains(it)).count();
        assert_eq!(of_table, 4, "{calls:?}");
        assert_eq!(world.count_calls(Call::ListAvailableTimes), 1);
    }
    // The permits of a key are counted. They are taken in shares, so not with each call.
    let world = monday();
    let (status, answer) = Instance::new(&world).post("/api/calendly/schedule", &demo(), &[]);
    assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
    assert_eq!(
        world.calls_from(0),
        [
            Call::TakePermits,
            Call::ListEventTypes,
            Call::FindInvitee,
            Call::LoadRequest,
            Call::ListAvailableTimes,
            Call::SetTimer,
            Call::ReserveBudget,
            Call::CreateBooking,
            Call::CommitDecision,
        ]
    );
}

#[test]
fn alternatives_over_two_weeks_cost_two_calls() {
    let world = monday();
    let request = json!({"eventType": "Technical Support", "preferredTime": "2026-11-25T10:00:00+02:00", "timezone": "Europe/Bucharest", "language": "ro"});
    let answer = call(&world, "alternatives", &request);
    assert_eq!(world.calls_from(0), [Call::TakePermits, Call::ListEventTypes, Call::ListAvailableTimes]);
    let days = answer["days"].as_array().expect("days");
    assert_eq!(days.len(), 14);
    assert!(days.iter().all(|day| day["slots"].as_array().is_some_and(|it| it.len() == 3)), "{answer}");
    insta::assert_json_snapshot!(json!([answer["message"], answer["timezone"], days[2]]), @r#"
    [
      "Întâlnirea „Technical Support” poate avea loc la oricare dintre aceste ore. Care se potrivește cel mai bine?",
      "Europe/Bucharest",
      {
        "date": "2026-11-25",
        "slots": [
          {
            "endTime": "2026-11-25T08:00:00Z",
            "localTime": "miercuri, 25 noiembrie 2026 la 09:30 (ora României)",
            "remaining": 1,
            "startTime": "2026-11-25T07:30:00Z"
          },
          {
            "endTime": "2026-11-25T08:30:00Z",
            "localTime": "miercuri, 25 noiembrie 2026 la 10:00 (ora României)",
            "remaining": 1,
            "startTime": "2026-11-25T08:00:00Z"
          },
          {
            "endTime": "2026-11-25T09:00:00Z",
            "localTime": "miercuri, 25 noiembrie 2026 la 10:30 (ora României)",
            "remaining": 1,
            "startTime": "2026-11-25T08:30:00Z"
          }
        ]
      }
    ]
    "#);
}

#[test]
fn available_times_are_read_by_the_month_and_never_of_the_past() {
    let world = monday();
    let request =
        json!({"eventType": "Technical Support", "from": "2026-11-01T00:00:00Z", "until": "2027-02-01T00:00:00Z"});
    let answer = call(&world, "available_times", &request);
    let calls = world.count_calls(Call::ListAvailableTimes);
    assert_eq!(calls, 3, "70 days are three months");
    let days = answer["days"].as_array().expect("days");
    assert_eq!(days[0]["date"], "2026-11-23");
    assert_eq!(answer["timezone"], "Europe/Copenhagen");
    assert!(days[0]["slots"][0]["startTime"].as_str().expect("a time") > "2026-11-23T08:00:00Z");
}

/// Repeats a call until it has a final answer, as an agent does.
pub(crate) fn call_until_final(world: &TestWorld, operation: &str, request: &Value) -> Value {
    for _ in 0..20 {
        if let Some(answer) = Instance::new(world).try_call(operation, request)
            && !matches!(code(&answer), "in_progress" | "unavailable" | "calendly_unavailable")
        {
            return answer;
        }
        world.wait(SignedDuration::from_secs(20));
    }
    panic!("{operation} never had a final answer");
}

/// Calls an operation without faults, then with each fault at each of its calls, and compares the worlds. Returns how
/// many histories were played.
fn play_with_faults(
    prepare: impl Fn(&TestWorld),
    operation: &str,
    request: impl Fn(&TestWorld) -> Value,
    check: impl Fn(&TestWorld, &str),
) -> usize {
    let play = |fault: Option<(usize, &Fault)>| {
        let world = monday();
        prepare(&world);
        let before = world.call_count();
        if let Some((number, fault)) = fault {
            world.faults.at_call(before + number, fault.clone());
        }
        let answer = call_until_final(&world, operation, &request(&world));
        let calls = world.calls_from(before);
        // The webhooks come last, when everything else is settled.
        world.wait_until("2026-11-23T09:00:00Z");
        let bookings = world.state.borrow().calendly.invitees.len();
        for number in 1..=bookings {
            receive_webhook_of(&world, number);
        }
        world.wait_until("2026-11-23T10:00:00Z");
        (world, answer, calls)
    };
    let distinct_effects = |world: &TestWorld| world.effects().into_iter().collect::<BTreeSet<_>>();
    let (calm, expected, calls) = play(None);
    check(&calm, "without faults");
    let mut histories = 0;
    for (number, call) in calls.iter().enumerate() {
        for fault in [
            Fault::Killed { has_effect: false },
            Fault::Killed { has_effect: true },
            Fault::Fails,
            Fault::NoAnswer { has_effect: true },
        ] {
            let what = format!("{operation}: {fault:?} at call {number} ({call:?})");
            let (world, answer, _) = play(Some((number, &fault)));
            check(&world, &what);
            assert_eq!(answer["success"], expected["success"], "{what}: {answer}");
            assert_eq!(starts_at_calendly(&world), starts_at_calendly(&calm), "{what}");
            assert_eq!(world.booking().state().is_some(), calm.booking().state().is_some(), "{what}");
            assert!(world.state.borrow().dead_letters.is_empty(), "{what}: nothing is lost");
            // Some effects may happen twice, as their commands declare. No other happens, and none is left out.
            assert_eq!(distinct_effects(&world), distinct_effects(&calm), "{what}");
            histories += 1;
        }
    }
    histories
}

#[test]
fn with_a_fault_at_any_call_a_request_becomes_one_booking() {
    let histories = play_with_faults(
        |_| {},
        "book",
        |_| demo(),
        |world, what| {
            assert_eq!(starts_at_calendly(world), ["2026-11-25T08:30:00Z"], "{what}");
            assert!(matches!(world.booking().state(), Some(BookingState::Active(_))), "{what}");
            assert_eq!(world.booking().open_requests().count(), 0, "{what}");
        },
    );
    println!("{histories} histories");
    assert!(histories > 20);
}

/// Books the demo. Its webhook arrives.
fn book_demo(world: &TestWorld) {
    assert_eq!(call(world, "book", &demo())["success"], true);
    receive_webhook_of(world, 1);
    world.wait_until("2026-11-23T08:10:00Z");
}

/// Returns a world in which the demo is booked.
fn booked_world() -> TestWorld {
    let world = monday();
    book_demo(&world);
    world
}

fn booking_id(world: &TestWorld) -> String {
    world.booking().id.to_string()
}

#[test]
fn with_a_fault_at_any_call_a_move_is_one_move() {
    let histories = play_with_faults(
        book_demo,
        "move",
        |world| json!({"booking": booking_id(world), "preferredTime": "2026-11-26T12:00:00+02:00"}),
        |world, what| {
            assert_eq!(
                starts_at_calendly(world),
                ["2026-11-26T10:00:00Z"],
                "{what}: the old one is gone, the new one is there"
            );
            let booking = world.booking();
            assert!(matches!(booking.state(), Some(BookingState::Active(leg)) if leg.previous.is_some()), "{what}");
            let effects = world.effects();
            let count = |start: &str| world.count(start);
            assert_eq!(
                count("SMS cancellation") + count("VAI canceled") + count("analytics invitee_canceled"),
                0,
                "{what}: {effects:?}"
            );
            assert!(count("SMS move") >= 1 && count("VAI rescheduled") >= 1, "{what}: {effects:?}");
            assert_eq!(count("Calendly cancels"), 1, "{what}: {effects:?}");
        },
    );
    println!("{histories} histories");
    assert!(histories > 40);
}

#[test]
fn with_a_fault_at_any_call_a_cancellation_is_one_cancellation() {
    let histories = play_with_faults(
        book_demo,
        "cancel",
        |world| json!({"booking": booking_id(world), "reason": "Nu mai am timp"}),
        |world, what| {
            assert!(starts_at_calendly(world).is_empty(), "{what}");
            assert!(matches!(world.booking().state(), Some(BookingState::Canceled(..))), "{what}");
        },
    );
    println!("{histories} histories");
    assert!(histories > 40);
}

#[test]
fn a_cancellation_by_an_agent_is_announced_to_the_host_as_the_invitees() {
    let world = booked_world();
    world.change_settings(|settings| settings.host_phone = Phone::parse("+4520123456"));
    // Calendly shows it as canceled by the host.
    call(&world, "cancel", &json!({"booking": booking_id(&world), "reason": "Nu mai am timp"}));
    world.wait_until("2026-11-23T08:11:00Z");
    assert_eq!(world.count("SMS to the host: canceled by the invitee"), 1, "{:?}", world.effects());
}

/// Returns a world in which nobody knows yet whether Calendly has made a booking.
pub(crate) fn requested_in_doubt(was_booked: bool) -> TestWorld {
    let world = monday();
    world.faults.at_call(7, Fault::NoAnswer { has_effect: was_booked });
    world.faults.take_down(Call::FindBooking);
    assert_eq!(code(&call(&world, "book", &demo())), "in_progress");
    world.faults.clear_calls();
    world
}

#[test]
fn a_lost_answer_and_a_retry_are_one_booking_and_one_answer() {
    let world = monday();
    let expected = call(&monday(), "book", &demo());
    let instance = Instance::new(&world);
    // Calendly books. Its answer is lost, and so is its answer when the booking is looked up.
    world.faults.at_call(7, Fault::NoAnswer { has_effect: true });
    world.faults.take_down(Call::FindBooking);
    let first = instance.call("book", &demo());
    assert_eq!((code(&first), &first["success"]), ("in_progress", &json!(false)), "{first}");
    let seconds = first["error"]["retryAfterSeconds"].as_i64().expect("when to try again");
    world.faults.restore();
    world.wait(SignedDuration::from_secs(seconds));
    assert_eq!(instance.call("book", &demo()), expected);
    assert_eq!(starts_at_calendly(&world).len(), 1);
    assert_eq!(world.count_calls(Call::CreateBooking), 1, "nothing is sent twice");
}

#[test]
fn a_request_that_calendly_did_not_book_is_sent_again_after_two_minutes() {
    let world = failed_request();
    for _ in 0..7 {
        assert_eq!(code(&call(&world, "book", &demo())), "in_progress", "too early to send it again");
        assert!(starts_at_calendly(&world).is_empty());
        world.wait(SignedDuration::from_secs(16));
    }
    world.wait_until("2026-11-23T08:03:00Z");
    assert_eq!(call(&world, "book", &demo())["success"], true);
    assert_eq!(starts_at_calendly(&world).len(), 1);
    assert_eq!(world.state.borrow().delayed.len(), 1, "nothing is left to do for the first request");
}

#[test]
fn not_booked_is_sent_ten_minutes_after_a_failed_request_unless_it_is_booked() {
    let world = failed_request();
    // The conversation is over, and nobody repeats the request. The delayed message does.
    world.wait_until("2026-11-23T08:12:00Z");
    assert_eq!(world.count("SMS"), 0, "the agent has ten minutes to book");
    world.wait_until("2026-11-23T08:30:00Z");
    assert_eq!((world.count("SMS"), world.count("SMS not_booked")), (1, 1), "{:?}", world.effects());

    let world = failed_request();
    world.wait_until("2026-11-23T08:05:00Z");
    assert_eq!(call(&world, "book", &demo())["success"], true);
    world.wait_until("2026-11-23T08:30:00Z");
    assert_eq!(world.count("SMS confirmation"), 1, "{:?}", world.effects());
    assert_eq!(world.count("SMS not_booked"), 0, "{:?}", world.effects());
}

#[test]
fn not_booked_is_not_said_to_who_got_another_meeting_in_the_conversation() {
    let another = || with(demo(), json!({"preferredTime": "2026-11-26T10:30:00+02:00"}));
    let told = |world: &TestWorld| {
        world.wait_until("2026-11-23T08:40:00Z");
        world.count("SMS not_booked")
    };
    let world = failed_request();
    assert_eq!(call_until_final(&world, "book", &another())["success"], true);
    assert_eq!(told(&world), 0, "{:?}", world.effects());

    // Another conversation, or a meeting that was canceled, is no reason to be silent.
    let world = failed_request();
    let elsewhere = with(another(), json!({"conversationId": "conv-2", "inviteeEmail": "ion@example.com"}));
    assert_eq!(call_until_final(&world, "book", &elsewhere)["success"], true);
    assert_eq!(told(&world), 1, "{:?}", world.effects());
    let world = failed_request();
    let booked = call_until_final(&world, "book", &another());
    call(&world, "cancel", &json!({"booking": booked["booking"]["id"]}));
    assert_eq!(told(&world), 1, "{:?}", world.effects());
}

/// Returns a world in which a request for the demo got no answer from Calendly, which did nothing.
fn failed_request() -> TestWorld {
    let world = monday();
    world.faults.take_down(Call::CreateBooking);
    assert_eq!(code(&call(&world, "book", &demo())), "in_progress");
    world.faults.restore();
    world
}

#[test]
fn a_preview_shows_messages_and_wording_and_sends_nothing() {
    let world = monday();
    let wording = json!({"message": "reminder", "language": "ro", "sms": "{{ name }}: {{ link }}"});
    let shown = call(&world, "preview_templates", &json!({"channels": ["sms"], "wording": wording}));
    let one = &shown["shown"][0];
    assert_eq!((one["message"].as_str(), one["language"].as_str()), (Some("reminder"), Some("ro")), "{shown}");
    assert!(one["cost"]["segments"].as_u64() >= Some(1), "{one}");
    let problem = shown["problems"][0].to_string();
    assert!(problem.contains("wording.sms") && problem.contains("may be missing"), "{problem}");
    let sends = |it: &Call| it.is_provider() || *it == Call::CommitDecision;
    assert!(!world.calls_from(0).iter().any(sends));

    let all = call(&world, "preview_templates", &json!({}));
    let worded = all["shown"].as_array().expect("a list").iter().filter(|it| it.get("template").is_none());
    assert_eq!(worded.count(), 11 * 4 * 2 * 2, "messages, languages, channels, with and without what may be missing");
}

#[test]
fn a_key_is_refused_what_its_scopes_do_not_permit() {
    let world = monday();
    let instance = Instance::new(&world);
    let authorization = format!("Bearer {READER_KEY}");
    let headers = [("authorization", authorization.as_str())];
    assert_eq!(instance.http("GET", "/api/status", None, &headers).0, 200);
    // The scope comes before the input: a key learns nothing about operations that it may not use.
    for input in [demo(), json!({"preferredTime": "soon"})] {
        let (status, answer, _) = instance.http("POST", "/api/calendly/schedule", Some(&input), &headers);
        let error = &answer["error"];
        assert_eq!((status, &error["code"], &error["scope"]), (403, &json!("forbidden"), &json!("book")), "{answer}");
        assert_eq!(error["message"], "The key reader lacks the scope book.");
    }
    assert!(starts_at_calendly(&world).is_empty());
}

#[test]
fn the_status_says_what_is_wrong_with_the_connection() {
    let world = monday();
    let problems_with = |status: Option<ConnectionStatus>| {
        let name = ConnectionName::default();
        let connection = world.state.borrow_mut().connections.remove(&name).expect("a connection");
        if let Some(status) = status {
            let changed = Connection { status, ..connection.clone() };
            world.state.borrow_mut().connections.insert(name.clone(), changed);
        }
        let problems = call(&world, "status", &json!({}))["problems"].to_string();
        world.state.borrow_mut().connections.insert(name, connection);
        problems
    };
    assert!(!problems_with(Some(ConnectionStatus::Active)).contains("onnection"));
    assert!(problems_with(Some(ConnectionStatus::Disabled)).contains("The connection is switched off."));
    assert!(problems_with(Some(ConnectionStatus::NeedsReconnect)).contains("no longer accepts"));
    assert!(problems_with(None).contains("The connection is not stored: run make connect."));
}

#[test]
fn a_webhook_before_the_answer_leads_to_one_booking() {
    let world = monday();
    // The webhook is processed while the answer is on its way. So the row has changed when the answer is stored.
    world.state.borrow_mut().calendly.sends_webhook_first = true;
    let answer = call(&world, "book", &demo());
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(world.state.borrow().bookings.len(), 1);
    let effects = world.effects();
    assert_eq!(effects.len(), effects.iter().collect::<BTreeSet<_>>().len(), "{effects:?}");
}

#[test]
fn a_hold_books_exactly_what_it_says_once() {
    let world = monday();
    let instance = Instance::new(&world);
    let held = instance.call("hold", &demo());
    insta::assert_json_snapshot!(held, @r#"
    {
      "booking": {
        "endTime": "2026-11-25T09:00:00Z",
        "eventType": "Sales Demo",
        "invitee": {
          "email": "ana.ionescu@example.com",
          "name": "Ana Ionescu"
        },
        "localTime": "miercuri, 25 noiembrie 2026 la 10:30 (ora României)",
        "location": "google_conference",
        "startTime": "2026-11-25T08:30:00Z",
        "timezone": "Europe/Bucharest",
        "timezoneSource": "request"
      },
      "expiresAt": "2026-11-23T08:10:00Z",
      "hold": "hold-00000000000000000000000000000005",
      "message": "Întâlnirea „Sales Demo” poate avea loc miercuri, 25 noiembrie 2026 la 10:30 (ora României). O programez?"
    }
    "#);
    assert!(starts_at_calendly(&world).is_empty());
    let confirm = |held: &Value| instance.call("confirm", &json!({"hold": held["hold"]}));
    let first = confirm(&held);
    assert_eq!((&first["success"], &first["booking"]["startTime"]), (&json!(true), &held["booking"]["startTime"]));
    // Long after its end, the hold still leads to its booking.
    world.wait_until("2026-11-23T12:00:00Z");
    assert_eq!(confirm(&held)["booking"]["id"], first["booking"]["id"]);
    assert_eq!(starts_at_calendly(&world).len(), 1);

    assert_eq!(code(&confirm(&json!({"hold": "hold-of-nobody"}))), "hold_unknown");
    let request = with(demo(), json!({"preferredTime": "2026-11-26T10:30:00+02:00"}));
    let held = instance.call("hold", &request);
    // Somebody else books the slot: a hold does not reserve it.
    let other = with(request.clone(), json!({"inviteeEmail": "ion@example.com", "conversationId": "conv-2"}));
    assert_eq!(call(&world, "book", &other)["success"], true);
    assert_eq!(code(&confirm(&held)), "slot_taken");
    let held = instance.call("hold", &with(request, json!({"preferredTime": "2026-11-27T10:30:00+02:00"})));
    world.wait_until("2026-11-23T12:11:00Z");
    assert_eq!(code(&confirm(&held)), "hold_expired");
}

#[test]
fn a_slot_is_chosen_on_the_same_day_or_within_the_shift_and_never_silently_elsewhere() {
    let bucharest = "Europe/Bucharest";
    // The free slots are on the half hours from 7 to 16 UTC.
    for (wish, zone, shift, expected) in [
        ("2026-11-25T10:40:00+02:00", bucharest, None, "2026-11-25T08:30:00Z"),
        // Of two that are equally near, the later.
        ("2026-11-25T10:45:00+02:00", bucharest, None, "2026-11-25T09:00:00Z"),
        ("2026-11-25T23:00:00+02:00", bucharest, None, "2026-11-25T15:30:00Z"),
        ("2026-11-25T23:00:00+02:00", bucharest, Some(60), "slot_taken"),
        ("2026-11-25T10:40:00+02:00", bucharest, Some(0), "slot_taken"),
        ("2026-11-25T23:30:00+02:00", bucharest, Some(720), "2026-11-25T15:30:00Z"),
        ("2026-11-26T03:00:00+02:00", bucharest, Some(720), "2026-11-26T07:00:00Z"),
        // In New York the same instant is on another day.
        ("2026-11-25T20:00:00-05:00", "America/New_York", None, "2026-11-25T15:30:00Z"),
        // A time without offset is in the zone that is named.
        ("2026-11-25T10:30", "Asia/Taipei", None, "2026-11-25T07:00:00Z"),
    ] {
        let mut changes = json!({"preferredTime": wish, "timezone": zone});
        if let Some(shift) = shift {
            changes["maxShift"] = json!(shift);
        }
        let answer = call(&monday(), "book", &with(demo(), changes));
        let start = answer["booking"]["startTime"].as_str().unwrap_or_else(|| code(&answer));
        assert_eq!(start, expected, "{wish} {zone} {shift:?}");
    }
}

#[test]
fn the_zone_is_the_one_named_else_that_of_the_last_booking_the_phone_the_host_or_the_settings() {
    let zone_without = |phone: Value, change: &dyn Fn(&TestWorld)| {
        let world = monday();
        change(&world);
        let booked = call(&world, "book", &with(demo(), json!({"timezone": null, "phone": phone})));
        let part = |key: &str| booked["booking"][key].as_str().unwrap_or_else(|| panic!("{booked}")).to_owned();
        (part("timezone"), part("timezoneSource"))
    };
    let told = |zone: &str, source: &str| (zone.to_owned(), source.to_owned());
    let nothing = |_: &TestWorld| {};
    assert_eq!(zone_without(json!("+4520123456"), &nothing), told("Europe/Copenhagen", "phone"));
    // In the United States clocks differ, so the number says nothing.
    let host = |world: &TestWorld| {
        let zone = Some("Europe/Chisinau".to_owned());
        let contact = domain::settings::HostContact { zone, ..Default::default() };
        world.change_settings(|settings| {
            settings.hosts.insert("maria@example.com".to_owned(), contact.clone()).map_or((), drop)
        });
    };
    assert_eq!(zone_without(json!("+14045551234"), &host), told("Europe/Chisinau", "host"));
    assert_eq!(zone_without(json!("+14045551234"), &nothing), told("Europe/Bucharest", "host"), "his own at Calendly");

    let world = monday();
    let mut request = demo();
    request.as_object_mut().expect("an object").remove("timezone");
    let first = with(request.clone(), json!({"phone": null}));
    assert_eq!(call(&world, "book", &first)["booking"]["timezoneSource"], "host");
    let second = with(demo(), json!({"preferredTime": "2026-11-26T10:30:00+02:00", "timezone": "Asia/Taipei"}));
    assert_eq!(call(&world, "book", &second)["success"], true);
    let third = call(&world, "book", &with(request, json!({"preferredTime": "2026-11-27T10:30:00+02:00"})));
    assert_eq!(third["booking"]["timezone"], "Asia/Taipei");
    assert_eq!(third["booking"]["timezoneSource"], "latest_booking");
}

/// A refusal of each kind, in the invitee's language. Those of HTTP are below.
#[test]
fn every_refusal_says_what_to_do() {
    let world = monday();
    let topic = |name: &str, word: &str, event_type: &str| Topic {
        name: name.to_owned(),
        words: vec![word.to_owned(), "help".to_owned()],
        event_type: event_type.to_owned(),
        host: None,
    };
    world.change_settings(|settings| {
        settings.topics =
            vec![topic("Billing", "invoice", "Sales Demo"), topic("Faults", "broken", "Technical Support")];
    });
    book_demo(&world);
    let own = booking_id(&world);
    let webinar = with(demo(), json!({"eventType": "Webinar", "preferredTime": "2026-11-30T10:30:00+02:00"}));
    let shared = call(&world, "book", &webinar)["booking"]["id"].clone();
    let later = json!({"preferredTime": "2026-12-01T10:30:00+02:00"});
    let mut refusals = Vec::new();
    let mut refused = |operation: &str, input: Value, expected: &str| {
        let answer = call(&world, operation, &input);
        assert_eq!(code(&answer), expected, "{operation}: {answer}");
        let route = api::Operation::parse(operation).expect("an operation").route();
        let is_documented = route.codes().iter().any(|it| it.name() == expected);
        assert!(is_documented, "{operation} does not document {expected}");
        assert!(answer["error"]["message"].as_str().is_some_and(|it| !it.is_empty()), "{answer}");
        refusals.push(json!({ "operation": operation, "answer": answer }));
    };
    let demo = || with(demo(), later.clone());
    let taken = json!({
        "preferredTime": "2026-11-25T10:30:00+02:00", "inviteeEmail": "ion@example.com", "conversationId": "c",
        "maxShift": 0,
    });
    refused("book", with(demo(), taken), "slot_taken");
    refused("book", with(demo(), json!({"eventType": "Sales Dmo"})), "event_type_unknown");
    refused("book", with(demo(), json!({"eventType": null, "topic": "something else entirely"})), "topic_unknown");
    refused("book", with(demo(), json!({"eventType": null, "topic": "help"})), "topic_ambiguous");
    refused("book", with(demo(), json!({"host": "Mara"})), "host_unknown");
    refused("book", with(demo(), json!({"customAnswers": null})), "question_missing");
    refused("book", with(demo(), json!({"customAnswers": {"Company": "x", "Your role": "King"}})), "answer_invalid");
    refused("book", with(demo(), json!({"eventType": "Visit"})), "location_invalid");
    refused("book", with(demo(), json!({"inviteeEmail": "not an address"})), "invitee_invalid");
    refused("book", with(demo(), json!({"phone": "12"})), "invitee_invalid");
    refused("book", with(demo(), json!({"preferredTime": "2026-11-20T10:30:00+02:00"})), "past_time");
    refused("book", with(demo(), json!({"timezone": "Mars/Olympus"})), "timezone_unknown");
    refused("book", with(demo(), json!({"eventType": null})), "invalid_request");
    refused("book", with(demo(), json!({"guests": ["x@example.com", "nobody"]})), "invitee_invalid");
    refused("cancel", json!({"booking": "bk-of-nobody"}), "booking_unknown");
    refused("cancel", json!({"booking": shared}), "shared_event");
    refused("move", json!({"booking": shared, "preferredTime": "2026-12-02T10:30:00+02:00"}), "shared_event");
    refused("confirm", json!({"hold": "hold-of-nobody"}), "hold_unknown");
    refused("availability", json!({"host": "Mara"}), "host_unknown");
    assert_eq!(call(&world, "cancel", &json!({"booking": own}))["booking"]["status"], "canceled");
    refused("move", json!({"booking": own, "preferredTime": "2026-12-02T10:30:00+02:00"}), "booking_over");
    world.faults.take_down(Call::ListAvailableTimes);
    refused("book", with(demo(), json!({"conversationId": "c3"})), "calendly_unavailable");
    refused("available_times", json!({"eventType": "Sales Demo"}), "calendly_unavailable");
    world.faults.restore();
    world.faults.take_down(Call::ListAppointments);
    refused("upcoming", json!({"userEmail": EMAIL}), "calendly_unavailable");
    world.faults.restore();
    world.state.borrow_mut().calendly.refuses_bookings = Some(Vec::new());
    refused("book", with(demo(), json!({"conversationId": "c4"})), "calendly_refused");
    insta::assert_json_snapshot!("every_refusal", refusals);
}

#[test]
fn a_spent_budget_gives_a_link_that_leads_to_the_conversation() {
    let world = monday();
    let slot = |number: i64| {
        let start = at("2026-11-25T07:00:00Z")
            + SignedDuration::from_mins(30 * (number % 18))
            + SignedDuration::from_hours(24 * (number / 18));
        with(demo(), json!({"preferredTime": start, "conversationId": format!("conv-{number}"), "maxShift": 0}))
    };
    let book_on_link = |link: &str, number: u32, booked: &str, start: &str| {
        let token: &str = link.rsplit("utm_content=").next().expect("a token").to_owned().leak();
        world.receive_webhook(&Meeting { token: Some(token), ..Meeting::new(number, booked, start) }.created());
    };
    for number in 0..10 {
        assert_eq!(call(&world, "book", &slot(number))["success"], true, "{number}");
    }
    let refused = call(&world, "book", &slot(10));
    assert_eq!(code(&refused), "budget_exhausted");
    assert_eq!((&refused["error"]["window"], &refused["error"]["retryable"]), (&json!("minute"), &json!(true)));
    let link = refused["error"]["link"].as_str().expect("a link");
    assert!(
        link.starts_with(
            "https://calendly.com/d/abc-1?name=Ana%20Ionescu&email=ana.ionescu%40example.com&utm_source=vai&utm_content=vai1-"
        ),
        "{link}"
    );
    insta::assert_json_snapshot!(refused, {".error.link" => "…"}, @r#"
    {
      "error": {
        "availableAt": "2026-11-23T08:01:10Z",
        "code": "budget_exhausted",
        "link": "…",
        "message": "Nu pot programa acum „Sales Demo”. Cu acest link ora se poate alege direct.",
        "retryAfterSeconds": 70,
        "retryable": true,
        "window": "minute"
      },
      "message": "Nu pot programa acum „Sales Demo”. Cu acest link ora se poate alege direct.",
      "success": false
    }
    "#);
    // Calendly was not called to book, and its own limits were not reached.
    assert_eq!(world.count_calls(Call::CreateBooking), 10);

    // A booking on the link belongs to the conversation, and the same request finds it.
    book_on_link(link, 99, "2026-11-23T08:00:30Z", "2026-11-30T08:00:00Z");
    let again = call(&world, "book", &slot(10));
    assert_eq!(
        (&again["success"], &again["booking"]["startTime"]),
        (&json!(true), &json!("2026-11-30T08:00:00Z")),
        "{again}"
    );
    let metadata = call(&world, "metadata", &json!({"booking": again["booking"]["id"]}));
    assert_eq!(metadata["conversation_id"], "conv-10");

    // When another person books on a link that was passed on, that booking is no answer to the first person's request.
    let ion = with(slot(12), json!({"inviteeEmail": "ion@example.com"}));
    let passed_on = call(&world, "book", &ion);
    let link = passed_on["error"]["link"].as_str().expect("a link");
    book_on_link(link, 98, "2026-11-23T08:00:40Z", "2026-11-30T09:00:00Z");
    assert_eq!(code(&call(&world, "book", &ion)), "key_reused");

    // At the time that the refusal names, there is room again.
    world.wait_until(refused["error"]["availableAt"].as_str().expect("a time"));
    assert_eq!(call(&world, "book", &slot(11))["success"], true);
}

#[test]
fn calendlys_own_limit_is_respected_by_every_instance() {
    let world = monday();
    world.state.borrow_mut().calendly.is_limited = true;
    let refused = call(&world, "book", &demo());
    assert_eq!((code(&refused), &refused["error"]["retryAfterSeconds"]), ("budget_exhausted", &json!(40)), "{refused}");
    world.state.borrow_mut().calendly.is_limited = false;
    let before = world.count_calls(Call::CreateBooking);
    let other = with(demo(), json!({"conversationId": "conv-9", "preferredTime": "2026-11-26T10:30:00+02:00"}));
    assert_eq!(code(&call(&world, "book", &other)), "budget_exhausted");
    assert_eq!(world.count_calls(Call::CreateBooking), before, "another instance does not call Calendly");
    world.wait_until("2026-11-23T08:00:41Z");
    assert_eq!(call(&world, "book", &other)["success"], true);
}

#[test]
fn event_types_are_read_again_after_a_webhook_about_a_change() {
    let world = monday();
    let instance = Instance::new(&world);
    let reads = || world.count_calls(Call::ListEventTypes);
    let list = || instance.call("event_types", &json!({}));
    insta::assert_json_snapshot!("the_event_types", list());
    list();
    assert_eq!(reads(), 1);
    world.wait_until("2026-11-23T08:05:00Z");
    list();
    assert_eq!(reads(), 1, "no webhook said that anything changed");
    world.receive_webhook(br#"{"event":"event_type.updated","created_at":"2026-11-23T08:05:00Z","payload":{}}"#);
    // A booking reads the time of the last change together with the budget.
    assert_eq!(instance.call("book", &demo())["success"], true);
    assert_eq!(reads(), 2);
    world.wait_until("2026-11-23T08:30:00Z");
    list();
    assert_eq!(reads(), 3, "they are read again after a quarter of an hour");
}

#[test]
fn a_booking_is_found_by_any_of_its_ids() {
    let world = booked_world();
    let id = booking_id(&world);
    for name in [id.as_str(), "I1", "E1", "https://api.calendly.com/scheduled_events/E1"] {
        assert_eq!(call(&world, "booking", &json!({"booking": name}))["id"], id.as_str());
    }
    insta::assert_json_snapshot!(call(&world, "metadata", &json!({"booking": id})), @r#"
    {
      "agent_type": "sales",
      "booking_id": "bk-3dfe540ba24d298f1f52182383d26d45",
      "booking_source": "vai_agent",
      "booking_uri": "https://api.calendly.com/scheduled_events/E1",
      "conversation_id": "conv-1",
      "event_type": "Sales Demo",
      "event_uuid": "E1",
      "invitee_uuid": "I1",
      "language": "ro",
      "notes": "Vrea să vadă modulul de facturare",
      "phone": "+40712345678",
      "timestamp": "2026-11-23T08:00:00Z",
      "user_id": "user-1"
    }
    "#);
    insta::assert_json_snapshot!(
        "the_timeline_of_an_agents_booking",
        call(&world, "timeline", &json!({"booking": id}))
    );
    insta::assert_json_snapshot!(call(&world, "upcoming", &json!({"userEmail": EMAIL})), @r#"
    {
      "events": [
        {
          "cancelUrl": "https://calendly.com/cancellations/I1",
          "endTime": "2026-11-25T09:00:00Z",
          "eventType": "Sales Demo",
          "eventUuid": "E1",
          "id": "bk-3dfe540ba24d298f1f52182383d26d45",
          "invitee": {
            "email": "ana.ionescu@example.com",
            "name": "Ana Ionescu"
          },
          "inviteeUuid": "I1",
          "localTime": "miercuri, 25 noiembrie 2026 la 10:30 (ora României)",
          "location": "https://meet.example.com/1",
          "name": "Sales Demo",
          "rescheduleUrl": "https://calendly.com/reschedulings/I1",
          "startTime": "2026-11-25T08:30:00Z",
          "status": "active",
          "timezone": "Europe/Bucharest"
        }
      ],
      "message": "Există o întâlnire programată.",
      "success": true
    }
    "#);
    assert_eq!(call(&world, "upcoming", &json!({"userEmail": "nobody@example.com"}))["events"], json!([]));
    insta::assert_json_snapshot!("the_status", call(&world, "status", &json!({})));
    insta::assert_json_snapshot!(call(&world, "availability", &json!({"host": "me"})), @r#"
    {
      "host": "https://api.calendly.com/users/M",
      "schedules": [
        {
          "isDefault": true,
          "name": "Working hours",
          "rules": [
            {
              "day": "monday",
              "intervals": [
                {
                  "from": "09:00",
                  "to": "17:00"
                }
              ]
            }
          ],
          "timezone": "Europe/Bucharest"
        }
      ]
    }
    "#);
    insta::assert_json_snapshot!(call(&world, "busy_times", &json!({"host": "Lars"})), @r#"
    {
      "busy": [
        {
          "endTime": "2026-11-23T09:11:00Z",
          "kind": "external",
          "startTime": "2026-11-23T08:11:00Z"
        }
      ],
      "from": "2026-11-23T08:11:00Z",
      "host": "https://api.calendly.com/users/L",
      "until": "2026-11-30T08:10:00Z"
    }
    "#);
    insta::assert_json_snapshot!(call(&world, "me", &json!({})), @r#"
    {
      "email": "maria@example.com",
      "name": "Maria",
      "organization": "https://api.calendly.com/organizations/O",
      "schedulingUrl": "https://calendly.com/maria",
      "timezone": "Europe/Bucharest",
      "uri": "https://api.calendly.com/users/M"
    }
    "#);
    assert_eq!(call(&world, "tools", &json!({})), api::tools::tools());
    let mut document = api::openapi::document();
    document["servers"][0]["url"] = json!("https://hooks.example.com");
    assert_eq!(call(&world, "openapi", &json!({})), document);
}

#[test]
fn a_no_show_is_marked_read_and_taken_back() {
    let world = booked_world();
    let booking = json!({"booking": booking_id(&world)});
    world.wait_until("2026-11-25T09:05:00Z");
    assert_eq!(call(&world, "no_show", &booking)["noShow"], false);
    assert_eq!(call(&world, "mark_no_show", &booking)["noShow"], true);
    assert_eq!(call(&world, "no_show", &booking)["noShow"], true);
    world.wait_until("2026-11-25T12:00:00Z");
    assert_eq!(world.count("SMS follow_up"), 0, "an invitee who did not come gets no follow-up");
    assert_eq!(call(&world, "unmark_no_show", &booking)["noShow"], false);
}

#[test]
fn a_move_can_be_left_to_the_invitee_and_a_repeated_move_is_one() {
    let world = booked_world();
    let id = booking_id(&world);
    let request = json!({"booking": id, "preferredTime": "2026-11-26T12:00:00+02:00"});
    let by_link = call(&world, "move", &with(request.clone(), json!({"by": "link"})));
    assert_eq!(by_link["moved"], false);
    assert_eq!(by_link["rescheduleUrl"], "https://calendly.com/reschedulings/I1");
    let moved = call(&world, "move", &request);
    assert_eq!((&moved["moved"], &moved["booking"]["id"]), (&json!(true), &json!(id)), "{moved}");
    assert_eq!(call(&world, "move", &request)["booking"], moved["booking"]);
    assert_eq!(starts_at_calendly(&world), ["2026-11-26T10:00:00Z"]);
    // The form is the same as before.
    let forms: Vec<_> = world.state.borrow().calendly.forms.values().cloned().collect();
    assert_eq!((&forms[0].answers, &forms[0].person.name), (&forms[1].answers, &forms[1].person.name));
    // To move it back is no repetition.
    let back = call(&world, "move", &json!({"booking": id, "preferredTime": "2026-11-25T10:30:00+02:00"}));
    assert_eq!(back["moved"], true, "{back}");
    assert_eq!(starts_at_calendly(&world), ["2026-11-25T08:30:00Z"]);
}

#[test]
fn a_move_takes_the_phone_number_that_messages_go_to() {
    let answers = json!([
        {"question": "Emergency contact", "answer": "+40711111111", "position": 0},
        {"question": "Telefon", "answer": "+40 722 222 222", "position": 1},
    ]);
    for (answers, expected) in [
        (answers, Some("+40722222222")),
        (json!([{"question": "Emergency contact", "answer": "+40711111111", "position": 0}]), None),
    ] {
        let world = monday();
        let request = with(demo(), json!({"phone": null}));
        assert_eq!(call(&world, "book", &request)["success"], true);
        world.wait(SignedDuration::from_mins(1));
        receive_changed_webhook_of(&world, 1, |payload| {
            payload["text_reminder_number"] = Value::Null;
            payload["questions_and_answers"] = answers;
            payload["updated_at"] = json!(world.now.get());
        });
        let id = booking_id(&world);
        let moved = call(&world, "move", &json!({"booking": id, "preferredTime": "2026-11-26T12:00:00+02:00"}));
        assert_eq!(moved["moved"], true, "{moved}");
        let state = world.state.borrow();
        let forms: Vec<_> = state.calendly.forms.values().collect();
        let phone = forms[1].person.phone.as_ref().map(|it| it.expose().to_owned());
        assert_eq!(phone.as_deref(), expected);
    }
}

#[test]
fn the_cancellation_of_the_old_event_is_repeated_until_it_holds_and_the_timeline_shows_it() {
    let world = booked_world();
    let id = booking_id(&world);
    world.faults.take_down(Call::CancelEvent);
    let moved = call(&world, "move", &json!({"booking": id, "preferredTime": "2026-11-30T12:00:00+02:00"}));
    assert_eq!(moved["moved"], true);
    world.wait_until("2026-11-24T20:00:00Z");
    assert_eq!(starts_at_calendly(&world).len(), 2, "Calendly is still down");
    world.faults.restore();
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(starts_at_calendly(&world), ["2026-11-30T10:00:00Z"]);
    let timeline = call(&world, "timeline", &json!({"booking": id})).to_string();
    assert!(timeline.contains("canceling at Calendly") && timeline.contains("will be tried again"), "{timeline}");
    assert_eq!(world.count("SMS move"), 1);
}

/// Returns how often Calendly was asked to cancel, hour by hour, until an instant.
fn cancellations_by_hour(world: &TestWorld, hours: usize) -> Vec<usize> {
    let tries = (0..hours).map(|_| {
        let before = world.count_calls(Call::CancelEvent);
        world.wait(SignedDuration::from_hours(1));
        world.count_calls(Call::CancelEvent) - before
    });
    tries.collect()
}

#[test]
fn a_cancellation_that_calendly_does_not_take_is_tried_every_hour_and_reminds_nobody() {
    let world = booked_world();
    world.faults.take_down(Call::CancelEvent);
    call(&world, "cancel", &json!({"booking": booking_id(&world), "reason": "Nu mai am timp"}));
    let tries = cancellations_by_hour(&world, 47);
    assert!(tries.iter().all(|it| *it >= 1), "{tries:?}");
    let before = world.count_calls(Call::CancelEvent);
    world.wait_until("2026-11-25T08:29:30Z");
    assert!(world.count_calls(Call::CancelEvent) - before >= 4, "it is tried more often before the meeting");
    assert_eq!(world.count("SMS reminder") + world.count("e-mail reminder"), 0, "{:?}", world.effects());
    world.wait_until("2026-11-26T09:00:00Z");
    assert_eq!(world.count("SMS"), world.count("SMS confirmation"), "{:?}", world.effects());
    let timeline = call(&world, "timeline", &json!({"booking": booking_id(&world)})).to_string();
    assert!(timeline.contains("Somebody has asked to cancel the meeting"), "{timeline}");
}

#[test]
fn after_an_outage_a_cancellation_goes_on_within_an_hour_or_at_once_if_asked_again() {
    for is_asked_again in [false, true] {
        let world = booked_world();
        let cancel = || call(&world, "cancel", &json!({"booking": booking_id(&world), "reason": "Nu mai am timp"}));
        world.faults.take_down(Call::CancelEvent);
        cancel();
        world.wait(SignedDuration::from_hours(6));
        world.faults.restore();
        if is_asked_again {
            cancel();
        } else {
            world.wait(SignedDuration::from_hours(1));
        }
        assert!(starts_at_calendly(&world).is_empty(), "asked again: {is_asked_again}");
        world.wait(SignedDuration::from_mins(10));
        assert_eq!(world.count("SMS cancellation"), 1, "{:?}", world.effects());
    }
}

#[test]
fn a_move_that_is_asked_for_again_brings_the_cancellation_of_the_old_event_forward() {
    let world = booked_world();
    let id = booking_id(&world);
    let move_it = || call(&world, "move", &json!({"booking": id, "preferredTime": "2026-11-30T12:00:00+02:00"}));
    world.faults.take_down(Call::CancelEvent);
    assert_eq!(move_it()["moved"], true);
    let tries = cancellations_by_hour(&world, 6);
    assert!(tries.iter().all(|it| *it >= 1), "{tries:?}");
    world.faults.restore();
    assert_eq!(move_it()["moved"], true);
    assert_eq!(starts_at_calendly(&world), ["2026-11-30T10:00:00Z"]);
    assert_eq!(world.count("SMS move"), 1);
}

#[test]
fn a_cancellation_is_stored_although_calendly_can_not_be_asked() {
    let world = booked_world();
    for unavailable in [Call::FetchOriginalForm, Call::CancelEvent, Call::FetchInvitee] {
        world.faults.take_down(unavailable);
    }
    let answer = call(&world, "cancel", &json!({"booking": booking_id(&world)}));
    assert_eq!(answer["booking"]["status"], "active", "{answer}");
    assert!(answer["message"].as_str().is_some_and(|it| it.contains("în curs de anulare")), "{answer}");
    world.wait(SignedDuration::from_hours(3));
    world.faults.restore();
    world.wait(SignedDuration::from_hours(1));
    assert!(starts_at_calendly(&world).is_empty());
}

/// Returns the messages to the invitee since the booking that are no confirmation.
fn told_after_booking(world: &TestWorld) -> Vec<String> {
    let is_told =
        |text: &String| (text.starts_with("SMS") || text.starts_with("e-mail")) && !text.contains("confirmation");
    world.effects().into_iter().filter(is_told).collect()
}

#[test]
fn a_lost_login_loses_no_cancellation() {
    let answers = |reason| Outcome::Unsent { reason, after_seconds: None, detail: "as the test asks".to_owned() };
    for reason in [Reason::Misconfigured, Reason::NeedsReconnect] {
        let world = booked_world();
        // Calendly answers 401 or 403 to each call.
        world.faults.always(Call::FetchOriginalForm, Fault::Answers(refused(Reason::Misconfigured)));
        world.faults.always(Call::CancelEvent, Fault::Answers(answers(reason)));
        world.faults.take_down(Call::FetchInvitee);
        let answer = call(&world, "cancel", &json!({"booking": booking_id(&world), "reason": "Nu mai am timp"}));
        assert!(answer["message"].as_str().is_some_and(|it| it.contains("în curs de anulare")), "{answer}");
        world.wait_until("2026-11-25T07:00:00Z");
        assert_eq!(told_after_booking(&world), [""; 0], "{reason:?}");
        world.faults.restore();
        world.wait_until("2026-11-25T08:20:00Z");
        assert!(starts_at_calendly(&world).is_empty(), "{reason:?}");
    }
}

#[test]
fn a_cancellation_is_not_stored_if_calendly_has_proved_that_there_is_none_to_make() {
    let world = booked_world();
    world.faults.always(Call::FetchOriginalForm, Fault::Answers(refused(Reason::NotFound)));
    let answer = call(&world, "cancel", &json!({"booking": booking_id(&world)}));
    assert_eq!(code(&answer), "booking_unknown", "{answer}");
    assert!(world.booking().cancel_requests().is_empty());
    assert_eq!(world.count_calls(Call::CancelEvent), 0);
}

#[test]
fn a_cancellation_of_what_calendly_no_longer_knows_is_done_and_reminds_nobody() {
    let world = booked_world();
    let cancel = || call(&world, "cancel", &json!({"booking": booking_id(&world)}));
    for unavailable in [Call::FetchOriginalForm, Call::CancelEvent] {
        world.faults.take_down(unavailable);
    }
    cancel();
    world.state.borrow_mut().calendly.invitees.clear();
    world.faults.restore();
    world.wait(SignedDuration::from_hours(2));
    let calls = world.count_calls(Call::CancelEvent);
    let again = cancel();
    assert!(again["message"].as_str().is_some_and(|it| it.contains("a fost anulată")), "{again}");
    assert_eq!(world.count_calls(Call::CancelEvent), calls, "it is done");
    world.wait_until("2026-11-26T09:00:00Z");
    assert_eq!(told_after_booking(&world), [""; 0]);
}

#[test]
fn a_cancellation_that_calendly_cannot_find_stays_wanted_and_reminds_nobody() {
    let unproved = Outcome::Unsent { reason: Reason::NotFound, after_seconds: None, detail: "HTTP 404".to_owned() };
    for outcome in [unproved, refused(Reason::NotFound)] {
        let world = booked_world();
        world.faults.always(Call::CancelEvent, Fault::Answers(outcome.clone()));
        call(&world, "cancel", &json!({"booking": booking_id(&world)}));
        world.wait_until("2026-11-26T09:00:00Z");
        assert_eq!(told_after_booking(&world), [""; 0], "{outcome:?}");
        let booking = world.booking();
        assert!(booking.cancel_requests().values().all(|request| !request.refused), "{outcome:?}");
        assert_eq!(booking.cancel_requests().len(), 1, "{outcome:?}");
    }
}

#[test]
fn after_a_cancellation_that_calendly_refuses_people_are_reminded() {
    let world = booked_world();
    world.faults.always(Call::CancelEvent, Fault::Answers(refused(Reason::SharedEvent)));
    let answer = call(&world, "cancel", &json!({"booking": booking_id(&world)}));
    assert_eq!(code(&answer), "shared_event", "{answer}");
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(world.count("SMS reminder"), 2, "{:?}", world.effects());
    // Asked once more, the cancellation counts again.
    world.faults.restore();
    call(&world, "cancel", &json!({"booking": booking_id(&world)}));
    assert!(starts_at_calendly(&world).is_empty());
}

#[test]
fn a_cancellation_waits_for_a_new_login_and_then_goes_on() {
    let lost = Outcome::Unsent {
        reason: Reason::NeedsReconnect,
        after_seconds: None,
        detail: "Calendly no longer accepts this connection's login".to_owned(),
    };
    let cancel = |world: &TestWorld| {
        world.faults.always(Call::CancelEvent, Fault::Answers(lost.clone()));
        call(world, "cancel", &json!({"booking": booking_id(world), "reason": "Nu mai am timp"}));
    };
    let world = booked_world();
    cancel(&world);
    world.wait_until("2026-11-25T07:00:00Z");
    assert_eq!(starts_at_calendly(&world).len(), 1);
    assert!(world.count_calls(Call::CancelEvent) > 100, "it is tried every quarter of an hour");
    let timeline = call(&world, "timeline", &json!({"booking": booking_id(&world)})).to_string();
    assert!(timeline.contains("somebody must connect again"), "{timeline}");
    let shown = timeline.matches("somebody must connect again").count();
    assert!(shown <= 2, "the first and the last try are shown, not {shown}: {timeline}");
    world.faults.restore();
    world.wait_until("2026-11-25T07:20:00Z");
    assert!(starts_at_calendly(&world).is_empty(), "it went on after the login");

    let world = booked_world();
    cancel(&world);
    world.wait_until("2026-11-25T12:00:00Z");
    let calls = world.count_calls(Call::CancelEvent);
    world.wait_until("2026-11-27T12:00:00Z");
    assert_eq!(world.count_calls(Call::CancelEvent), calls, "not after the meeting has begun");
}

#[test]
fn a_connection_that_is_switched_off_books_and_changes_nothing() {
    let world = booked_world();
    world.change_settings(|settings| settings.is_disabled = true);
    let id = booking_id(&world);
    for (operation, input) in [
        ("book", demo()),
        ("cancel", json!({"booking": id})),
        ("move", json!({"booking": id, "preferredTime": "2026-11-30T12:00:00+02:00"})),
    ] {
        assert_eq!(code(&call(&world, operation, &input)), "connection_disabled", "{operation}");
    }
    assert_eq!(call(&world, "booking", &json!({"booking": id}))["id"], json!(id), "what is recorded can be read");
    assert_eq!(starts_at_calendly(&world).len(), 1);
}

/// Invokes one instance with several events at once, their port calls interleaved by the seed. Returns the answers.
fn invoke_at_once(world: &TestWorld, seed: u64, events: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let instance = Instance::new(world);
    let deadline = world.now.get() + TIME_OUT;
    world.interleave(events.into_iter().map(|it| instance.api.invoke(it, deadline)).collect(), seed)
}

/// Has each call take a tenth of a second, from some time before a bucket of the budget ends.
fn let_time_pass(world: &TestWorld, before_end: SignedDuration) {
    world.now.set(world.now.get() + SignedDuration::from_secs(10) - before_end);
    world.call_takes.set(SignedDuration::from_millis(100));
}

#[test]
fn two_requests_of_one_conversation_at_once_are_two_bookings() {
    for seed in 0..300 {
        let world = monday();
        // Sometimes Calendly has a seat for everybody, and sometimes a bucket of the budget ends meanwhile.
        world.state.borrow_mut().calendly.has_room_for_all = seed % 2 == 0;
        if seed % 3 == 0 {
            let_time_pass(&world, SignedDuration::from_millis(1_500));
        }
        let other = with(demo(), json!({"preferredTime": "2026-11-26T08:30:00Z"}));
        let events = [demo(), demo(), other.clone(), demo(), other].map(|it| direct("book", &it));
        for answer in invoke_at_once(&world, seed, events) {
            let is_true = answer["success"] == true || code(&answer) == "in_progress";
            assert!(is_true, "seed {seed}: {answer}");
        }
        assert_eq!(starts_at_calendly(&world), ["2026-11-25T08:30:00Z", "2026-11-26T08:30:00Z"], "seed {seed}");
        assert_eq!(call(&world, "book", &demo())["success"], true);
    }
}

#[test]
fn requests_at_the_end_of_a_bucket_take_no_more_than_the_budget_holds() {
    let mut booked = 0;
    for seed in 0..600_u32 {
        let world = monday();
        world.change_settings(|settings| settings.booking.per_minute = 1);
        // The bucket ends at another point of their work each time.
        let_time_pass(&world, SignedDuration::from_millis(100) * i32::try_from(seed % 30 + 1).expect("a few"));
        let other = with(demo(), json!({"preferredTime": "2026-11-26T08:30:00Z"}));
        let answers = invoke_at_once(&world, seed.into(), [demo(), other].map(|it| direct("book", &it)));
        let successes = answers.iter().filter(|it| it["success"] == true).count();
        assert!(successes <= 1, "seed {seed}: {answers:?}");
        assert_eq!(starts_at_calendly(&world).len(), successes, "seed {seed}: {answers:?}");
        booked += successes;
    }
    // A reservation on both sides of an end counts on both: sometimes nobody books.
    assert!(booked > 500, "{booked}");
}

#[test]
fn two_changes_of_a_booking_at_once_leave_one_meeting_or_none() {
    for seed in 0..300 {
        for calls in [
            [("move", "2026-11-26T08:30:00Z"), ("move", "2026-11-26T08:30:00Z")],
            [("move", "2026-11-26T08:30:00Z"), ("move", "2026-11-27T08:30:00Z")],
            [("move", "2026-11-26T08:30:00Z"), ("cancel", "")],
        ] {
            let world = booked_world();
            world.state.borrow_mut().calendly.has_room_for_all = seed % 2 == 0;
            if seed % 3 == 0 {
                let_time_pass(&world, SignedDuration::from_millis(1_500));
            }
            let id = booking_id(&world);
            let calls = calls.map(|(operation, wish)| match operation {
                "cancel" => direct("cancel", &json!({"booking": id})),
                _ => direct("move", &json!({"booking": id, "preferredTime": wish})),
            });
            let is_repeated = calls[0] == calls[1];
            let answers = invoke_at_once(&world, seed, calls);
            world.call_takes.set(SignedDuration::ZERO);
            let sent = world.count_calls(Call::CreateBooking);
            assert!(!is_repeated || sent == 2, "seed {seed}: the booking itself and one move are sent");
            world.wait(SignedDuration::from_mins(5));
            let left = starts_at_calendly(&world);
            let booking = world.booking();
            match booking.state() {
                Some(BookingState::Active(leg)) => {
                    assert_eq!(left, [leg.details.start.to_string()], "seed {seed}: {answers:?}")
                }
                Some(BookingState::Canceled(..)) => assert!(left.is_empty(), "seed {seed}: {left:?} {answers:?}"),
                other => panic!("seed {seed}: {other:?}"),
            }
            for answer in &answers {
                let start = answer["booking"]["startTime"].as_str();
                let is_true = match (answer["moved"].as_bool(), answer["booking"]["status"].as_str()) {
                    (Some(true), _) => start == left.first().map(String::as_str) || left.is_empty(),
                    (None, Some("canceled")) => left.is_empty(),
                    (None, Some("active")) => {
                        left.is_empty() || answer["message"].as_str().is_some_and(|it| it.contains("curs"))
                    }
                    _ => matches!(code(answer), "in_progress" | "booking_over" | "slot_taken"),
                };
                assert!(is_true, "seed {seed}: {answer}, left: {left:?}");
            }
        }
    }
}

/// Moves the demo to Thursday. Calendly books, its answer is lost, and the booking can't be looked up.
fn move_without_answer(world: &TestWorld) -> Value {
    let thursday = json!({"booking": booking_id(world), "preferredTime": "2026-11-26T12:00:00+02:00"});
    let create_booking = world.call_count() + 10;
    world.faults.take_down(Call::FindBooking);
    world.faults.at_call(create_booking, Fault::NoAnswer { has_effect: true });
    assert_eq!(code(&call(world, "move", &thursday)), "in_progress");
    assert_eq!(world.calls_from(create_booking)[0], Call::CreateBooking);
    thursday
}

#[test]
fn other_changes_wait_for_a_move_in_doubt() {
    let world = booked_world();
    let id = booking_id(&world);
    let thursday = move_without_answer(&world);
    assert_eq!(starts_at_calendly(&world).len(), 2);
    let friday = json!({"booking": id, "preferredTime": "2026-11-27T12:00:00+02:00"});
    assert_eq!(code(&call(&world, "move", &friday)), "in_progress");
    assert_eq!(code(&call(&world, "cancel", &json!({"booking": id}))), "in_progress");
    world.faults.restore();
    world.wait_until("2026-11-23T08:30:00Z");
    assert_eq!(starts_at_calendly(&world), ["2026-11-26T10:00:00Z"]);
    assert_eq!(call(&world, "move", &thursday)["moved"], true);
    assert_eq!(call(&world, "cancel", &json!({"booking": id}))["booking"]["status"], "canceled");
    assert!(starts_at_calendly(&world).is_empty());
}

#[test]
fn a_move_whose_answer_is_lost_is_known_by_its_webhook() {
    let world = booked_world();
    let id = booking_id(&world);
    move_without_answer(&world);
    receive_webhook_of(&world, 2);
    assert_eq!(booking_id(&world), id, "it is the same booking");
    assert_eq!(starts_at_calendly(&world), ["2026-11-26T10:00:00Z"]);
    assert_eq!(world.count("SMS move"), 1, "{:?}", world.effects());
    assert_eq!(world.count("SMS confirmation"), 1, "{:?}", world.effects());
}

#[test]
fn a_move_in_doubt_that_did_not_happen_is_told_to_vai_unless_the_agent_goes_on() {
    let lost_move = || {
        let world = booked_world();
        world.faults.take_down(Call::CreateBooking);
        let thursday = json!({"booking": booking_id(&world), "preferredTime": "2026-11-26T12:00:00+02:00"});
        assert_eq!(code(&call(&world, "move", &thursday)), "in_progress");
        world.faults.restore();
        (world, thursday)
    };
    let told = |world: &TestWorld| {
        world.wait_until("2026-11-23T09:00:00Z");
        world.effects().into_iter().filter(|it| it.starts_with("VAI tells")).collect::<Vec<_>>()
    };
    // It is told when VAI can be reached again, however long that takes.
    let (world, _) = lost_move();
    world.faults.always(Call::CallVai, Fault::Answers(no_answer()));
    world.wait_until("2026-11-23T20:00:00Z");
    world.faults.restore();
    world.wait_until("2026-11-23T22:00:00Z");
    let last = world.effects().into_iter().rfind(|it| it.starts_with("VAI tells")).expect("it is told");
    assert_eq!(last, "VAI tells ana.ionescu@example.com that 2026-11-25T08:30:00Z stays");

    let (world, _) = lost_move();
    world.wait_until("2026-11-23T08:21:00Z");
    assert_eq!(world.count("VAI tells"), 0, "the agent has ten minutes to move it");
    assert_eq!(told(&world), ["VAI tells ana.ionescu@example.com that 2026-11-25T08:30:00Z stays"]);
    assert_eq!(world.count("SMS move"), 0, "the person is told of a move when Calendly has made it");

    let (world, thursday) = lost_move();
    world.wait_until("2026-11-23T08:15:00Z");
    let moved = call(&world, "move", &thursday);
    assert_eq!(moved["moved"], true, "{moved}");
    assert_eq!(told(&world), [""; 0]);

    let (world, _) = lost_move();
    world.wait_until("2026-11-23T08:15:00Z");
    let canceled = call_until_final(&world, "cancel", &json!({"booking": booking_id(&world)}));
    assert_eq!(canceled["booking"]["status"], "canceled", "{canceled}");
    assert_eq!(told(&world), [""; 0]);
}

#[test]
fn a_request_in_doubt_does_not_delay_reminders() {
    let world = booked_world();
    move_without_answer(&world);
    // Calendly can't look the booking up for two days. Meanwhile the reminders are due.
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(world.count("SMS reminder"), 2, "{:?}", world.effects());
}

#[test]
fn a_conversation_that_canceled_may_book_the_same_hour_again() {
    let world = booked_world();
    let cancel = |id: &Value| call(&world, "cancel", &json!({"booking": id}))["booking"]["status"].clone();
    let first = json!(booking_id(&world));
    assert_eq!(cancel(&first), "canceled");
    let again = call(&world, "book", &demo());
    assert_eq!((&again["success"], &again["booking"]["status"]), (&json!(true), &json!("active")), "{again}");
    assert_ne!(again["booking"]["id"], first);
    assert_eq!(call(&world, "book", &demo()), again);
    assert_eq!(starts_at_calendly(&world).len(), 1);
    // A key of the caller's own stands for one booking, even after its cancellation.
    let instance = Instance::new(&world);
    let request = with(demo(), json!({"preferredTime": "2026-11-26T08:30:00Z"}));
    let booked = instance.book_with_key("k-1", &request);
    assert_eq!(cancel(&booked["booking"]["id"]), "canceled");
    let repeated = instance.book_with_key("k-1", &request);
    assert_eq!(repeated["booking"]["id"], booked["booking"]["id"]);
    assert_eq!(repeated["booking"]["status"], "canceled");
    assert!(repeated["message"].as_str().is_some_and(|it| it.contains("a fost anulată")), "{repeated}");
}

#[test]
fn a_refusal_does_not_bind_a_derived_key() {
    let world = monday();
    world.state.borrow_mut().calendly.refuses_bookings = Some(vec!["invitee.email".to_owned()]);
    let refused = call(&world, "book", &demo());
    assert_eq!((code(&refused), &refused["error"]["field"]), ("invitee_invalid", &json!("inviteeEmail")));
    world.state.borrow_mut().calendly.refuses_bookings = None;
    let corrected = with(demo(), json!({"inviteeEmail": "ana@example.com", "notes": "new notes"}));
    let booked = call(&world, "book", &corrected);
    assert_eq!(booked["success"], true, "{booked}");
    assert_eq!(call(&world, "metadata", &json!({"booking": booked["booking"]["id"]}))["notes"], "new notes");
}

#[test]
fn a_change_by_the_invitee_at_calendly_is_processed_before_a_change_by_an_agent() {
    let world = booked_world();
    let id = booking_id(&world);
    // The invitee cancels on Calendly's page, and the webhook is lost.
    let now = world.now.get();
    for fact in world.state.borrow_mut().calendly.invitees.values_mut() {
        let by_invitee = Cancellation { at: now, by: CanceledBy::Invitee, reason: None, rescheduled: false };
        (fact.leg.canceled, fact.leg.details.as_of) = (Some(by_invitee), now);
    }
    let request = json!({"booking": id, "preferredTime": "2026-11-26T12:00:00+02:00"});
    assert_eq!(code(&call(&world, "move", &request)), "in_progress");
    assert_eq!(code(&call(&world, "move", &request)), "booking_over");
    assert!(starts_at_calendly(&world).is_empty());
    assert_eq!(call(&world, "cancel", &json!({"booking": id}))["booking"]["status"], "canceled");
}

#[test]
fn extreme_times_are_refused_without_a_panic() {
    let world = monday();
    for wish in ["9999-12-30T00:00:00Z", "9999-12-30T20:00:00Z", "1970-01-01T00:00:00Z"] {
        for shift in [None, Some(0), Some(20_160)] {
            let conversation = format!("{wish}{shift:?}");
            let changes = json!({"preferredTime": wish, "maxShift": shift, "conversationId": conversation});
            let answer = call(&world, "book", &with(demo(), changes));
            assert!(
                matches!(code(&answer), "no refusal" | "no_slot" | "slot_taken" | "already_booked" | "past_time"),
                "{answer}"
            );
        }
        call(&world, "available_times", &json!({"eventType": "Sales Demo", "from": wish}));
        call(&world, "alternatives", &json!({"eventType": "Sales Demo", "preferredTime": wish}));
    }
}

#[test]
fn nine_instances_share_the_permits_of_a_key() {
    let world = monday();
    let instances: Vec<_> = (0..9).map(|_| Instance::new(&world)).collect();
    for round in 0..3 {
        for instance in &instances {
            assert_eq!(instance.get("/api/calendly/me").0, 200, "round {round}");
        }
    }
}

#[test]
fn without_a_key_nothing_is_revealed() {
    let world = booked_world();
    let instance = Instance::new(&world);
    let before = world.call_count();
    for path in [
        "/api/calendly/upcoming/ana.ionescu%40example.com",
        "/api/calendly/upcoming/x%40y.z",
        "/api/nothing",
        "/api/tools",
        "/api/status",
    ] {
        for headers in [
            &[][..],
            &[("authorization", "Bearer wrong")],
            &[("authorization", "vai_secret")],
            &[("authorization", "Basic vai_secret")],
        ] {
            let (status, body, headers) = instance.http("GET", path, None, headers);
            assert_eq!((status, &body["error"]["code"]), (401, &json!("unauthorized")), "{path}");
            assert_eq!(headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(world.call_count(), before, "nothing was read");
}

#[test]
fn http_and_direct_invocation_give_the_same_answers() {
    let world = booked_world();
    let instance = Instance::new(&world);
    let id = booking_id(&world);
    for (path, operation, input) in [
        ("/api/calendly/upcoming/ana.ionescu%40example.com?days=7", "upcoming", json!({"userEmail": EMAIL, "days": 7})),
        ("/api/calendly/bookings/I1", "booking", json!({"booking": "I1"})),
        (&format!("/api/calendly/bookings/{id}/timeline"), "timeline", json!({"booking": id})),
        (&format!("/api/calendly/metadata/{id}"), "metadata", json!({"booking": id})),
        ("/api/calendly/event-types?query=demo", "event_types", json!({"query": "demo"})),
        ("/api/calendly/me", "me", json!({})),
        ("/api/status", "status", json!({})),
        ("/api/tools", "tools", json!({})),
        ("/api/openapi.json", "openapi", json!({})),
    ] {
        // The scheme's case is of no importance.
        let (status, body, _) = instance.http("GET", path, None, &[("authorization", "bearer vai_secret")]);
        assert_eq!(status, 200, "{path}: {body}");
        assert_eq!(body, instance.call(operation, &input), "{path}");
    }
    // On VAI's own paths a refusal that the agent can act on has the status 200.
    let unknown = with(demo(), json!({"eventType": "Sales Dmo"}));
    let (status, body) = instance.post("/api/calendly/schedule", &unknown, &[]);
    assert_eq!((status, &body["success"], code(&body)), (200, &json!(false), "event_type_unknown"));
    let (status, body) = instance.post("/api/calendly/hold", &unknown, &[]);
    assert_eq!((status, code(&body)), (404, "event_type_unknown"));
    let (status, body) = instance.post("/api/calendly/schedule", &json!({"inviteeName": 7}), &[]);
    assert_eq!((status, code(&body)), (400, "invalid_request"));
    let key = ("authorization", "Bearer vai_secret");
    let (status, _, headers) = instance.http("DELETE", "/api/calendly/schedule", None, &[key]);
    assert_eq!((status, &headers["allow"]), (405, &json!("POST")));
    assert_eq!(instance.get("/api/calendly/nothing").0, 404);
    // The same idempotency key gives the same answer.
    let request = with(demo(), json!({"preferredTime": "2026-12-01T10:30:00+02:00"}));
    let book = || instance.post("/api/calendly/schedule", &request, &[("idempotency-key", "k-7")]);
    let first = book();
    assert_eq!((first.0, &first.1["success"]), (200, &json!(true)), "{first:?}");
    assert_eq!(book(), first);
}

#[test]
fn an_idempotency_key_that_cannot_be_used_is_refused() {
    let world = monday();
    let instance = Instance::new(&world);
    let longest = "k".repeat(256);
    for (key, problem) in [
        ("", "must not be empty"),
        ("  ", "must not be empty"),
        ("cheie-ă", "must have visible ASCII characters only"),
        (longest.as_str(), "must be at most 255 characters long"),
    ] {
        let (status, body) = instance.post("/api/calendly/schedule", &demo(), &[("idempotency-key", key)]);
        let fault = &body["error"]["details"][0];
        assert_eq!((status, code(&body)), (400, "invalid_request"), "{key}");
        assert_eq!(fault, &json!({"path": "Idempotency-Key", "problem": problem}), "{key}");
    }
}

#[test]
fn a_key_has_a_number_of_calls_per_minute() {
    let world = monday();
    world.change_settings(|settings| settings.booking.requests_per_minute = 20);
    let instance = Instance::new(&world);
    for number in 0..20 {
        assert_eq!(instance.get("/api/calendly/me").0, 200, "{number}");
    }
    let (status, body, headers) = instance.get("/api/calendly/me");
    assert_eq!((status, code(&body), &headers["retry-after"]), (429, "rate_limited", &json!("60")));
    // Permits are taken in shares: 1, 2, 3, 3, 3, 3, 3, 3 (of which two are left), none.
    assert_eq!(world.count_calls(Call::TakePermits), 9);
    world.wait_until("2026-11-23T08:01:00Z");
    assert_eq!(instance.get("/api/calendly/me").0, 200);
    // Direct invocations, which IAM admits, need no key, and are counted, too.
    let direct = Instance::new(&world);
    for number in 0..20 {
        assert!(direct.call("me", &json!({}))["uri"].is_string(), "{number}");
    }
    assert_eq!(code(&direct.call("me", &json!({}))), "rate_limited");
}

#[test]
fn an_invalid_direct_invocation_is_refused_with_the_path_of_the_fault() {
    let world = monday();
    for (event, path) in [
        (json!({"operation": "bok", "input": {}}), "operation"),
        (json!({"input": {}}), "operation"),
        (json!({"operation": "me", "connection": "No Such!"}), "connection"),
        (json!({"operation": "cancel", "input": {"booking": ""}}), "booking"),
        (json!([1, 2]), "body"),
    ] {
        let answer = Instance::new(&world).try_invoke(event.clone()).expect("it was not killed");
        let fault = &answer["error"]["details"][0]["path"];
        assert_eq!((code(&answer), fault), ("invalid_request", &json!(path)), "{event}");
    }
}
