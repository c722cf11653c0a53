//! What VAI's agents ask for: each operation, each refusal, each of them again, at once, and with a function killed at
//! every step.

use std::collections::BTreeMap;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use domain::settings::Topic;
use domain::{BookingState, Phone};
use engine::PortError;
use front::Input;
use futures_util::FutureExt;
use jiff::SignedDuration;
use runtime::{ApiKeys, SecretError, Secrets};
use schedule::{Ports, QueueState, Schedule};
use serde_json::{Value, json};

use crate::payload::{EMAIL, NAME, NOTES, PHONE};
use crate::world::{Crash, Fake, WithoutMessaging};

/// The key that VAI calls with.
const KEY: &str = "vai_secret";

/// The fake world behind the schedule function's desk.
pub(crate) struct FakePorts<'a> {
    world: WithoutMessaging<'a>,
    secrets: Secrets,
}

impl<'a> front::Ports for FakePorts<'a> {
    type World = WithoutMessaging<'a>;

    fn world(&self) -> &WithoutMessaging<'a> {
        &self.world
    }

    async fn api_keys(&self) -> Result<ApiKeys, SecretError> {
        self.secrets.api_keys().await
    }

    async fn reread_api_keys(&self) -> Option<ApiKeys> {
        None
    }

    fn public_url(&self) -> Option<&str> {
        Some("https://hooks.example.com")
    }

    fn count(&self, _: &str, _: &[(&str, &str)]) {}
}

impl Ports for FakePorts<'_> {
    async fn queues(&self) -> Result<Vec<QueueState>, PortError> {
        Ok(vec![
            QueueState { name: "intake", waiting: 2, in_flight: 1, dead: 0 },
            QueueState { name: "due", waiting: 0, in_flight: 0, dead: 3 },
        ])
    }

    fn random(&self) -> Result<[u8; 16], PortError> {
        let number = self.world.0.state.borrow().calls.len() as u128;
        Ok(number.to_be_bytes())
    }
}

pub(crate) fn office(world: &Fake) -> Schedule<FakePorts<'_>> {
    let keys = json!({"keys": [{"name": "vai-1", "connection": "default", "sha256": sha256(KEY)}]});
    let secrets = BTreeMap::from([("t/api-keys".to_owned(), keys.to_string())]);
    Schedule::new(FakePorts { world: WithoutMessaging(world), secrets: Secrets::fixed("t/", secrets) })
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(text))
}

/// Asks for an operation by direct invocation; `None` when the function was killed.
fn try_ask(office: &Schedule<FakePorts<'_>>, world: &Fake, operation: &str, input: &Value) -> Option<Value> {
    let event = json!({"operation": operation, "input": input});
    office.handle(Input::Direct(event), world.now.get() + SignedDuration::from_secs(29)).now_or_never()
}

fn ask(world: &Fake, operation: &str, input: &Value) -> Value {
    try_ask(&office(world), world, operation, input).expect("the function was not killed")
}

pub(crate) fn demo() -> Value {
    json!({
        "eventType": "Sales Demo", "inviteeEmail": EMAIL, "inviteeName": NAME, "preferredTime": "2026-11-25T10:30:00+02:00",
        "conversationId": "conv-1", "userId": "user-1", "agentType": "sales", "timezone": "Europe/Bucharest", "phone": PHONE,
        "notes": NOTES, "language": "ro", "customAnswers": {"company": "Exemplu SRL"},
    })
}

fn with(mut request: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        request[key] = value.clone();
    }
    request
}

fn monday() -> Fake {
    Fake::new("2026-11-23T08:00:00Z")
}

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or("no refusal")
}

fn webhook_of(world: &Fake, number: usize) {
    // What Calendly tells of what it has booked: the fact, as its webhook would bring it.
    let fact = world
        .state
        .borrow()
        .at_calendly
        .values()
        .find(|it| it.leg.invitee.as_str().ends_with(&format!("I{number}")))
        .cloned();
    let fact = fact.expect("a booking at Calendly");
    let details = &fact.leg.details;
    let canceled = fact.leg.canceled.as_ref();
    let body = json!({
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
    world.webhook(body.to_string().as_bytes());
}

/// All the active events that Calendly holds, by their starts.
fn at_calendly(world: &Fake) -> Vec<String> {
    let state = world.state.borrow();
    let active = state.at_calendly.values().filter(|it| it.leg.canceled.is_none());
    let mut starts: Vec<_> = active.map(|it| it.leg.details.start.to_string()).collect();
    starts.sort();
    starts
}

#[test]
fn a_booking_is_answered_in_vais_shape_and_told_once() {
    let world = monday();
    let answer = ask(&world, "book", &demo());
    insta::assert_json_snapshot!("the_answer_to_a_booking", answer);
    webhook_of(&world, 1);
    world.wait_until("2026-11-23T09:00:00Z");
    insta::assert_debug_snapshot!("what_is_told_of_an_agents_booking", world.told());
    assert_eq!(world.state.borrow().bookings.len(), 1);
}

#[test]
fn without_its_webhook_a_booking_is_told_all_the_same() {
    let (calm, lost) = (monday(), monday());
    for world in [&calm, &lost] {
        ask(world, "book", &demo());
    }
    webhook_of(&calm, 1);
    for world in [&calm, &lost] {
        world.wait_until("2026-11-23T09:00:00Z");
    }
    let mut told = calm.told();
    told.retain(|line| !line.starts_with("analytics"));
    let mut of_lost = lost.told();
    told.sort();
    of_lost.sort();
    assert_eq!(told, of_lost);
}

#[test]
fn the_same_request_has_the_same_answer_and_another_under_its_key_is_refused() {
    let world = monday();
    let office = office(&world);
    let first = try_ask(&office, &world, "book", &demo()).expect("an answer");
    assert_eq!(try_ask(&office, &world, "book", &demo()), Some(first.clone()));
    // Written otherwise, and meant the same: the time in UTC, the event type by its slug, an address in capitals.
    let same = json!({
        "eventType": "sales-demo", "preferredTime": "2026-11-25T08:30:00Z", "inviteeEmail": EMAIL.to_uppercase(),
        "notes": "other notes",
    });
    let again = try_ask(&office, &world, "book", &with(demo(), same)).expect("an answer");
    assert_eq!(again["booking"]["id"], first["booking"]["id"]);
    let other = try_ask(&office, &world, "book", &with(demo(), json!({"inviteeName": "Ion Pop"}))).expect("an answer");
    assert_eq!(code(&other), "key_reused");
    assert_eq!(at_calendly(&world).len(), 1);

    let keyed = |request: &Value| {
        let event = json!({"operation": "book", "idempotencyKey": "k-1", "input": request});
        let deadline = world.now.get() + SignedDuration::from_secs(29);
        office.handle(Input::Direct(event), deadline).now_or_never().expect("an answer")
    };
    let request = with(demo(), json!({"preferredTime": "2026-11-26T08:30:00Z"}));
    let first = keyed(&request);
    assert_eq!(keyed(&request), first);
    assert_eq!(code(&keyed(&with(request, json!({"preferredTime": "2026-11-26T09:30:00Z"})))), "key_reused");
    assert_eq!(at_calendly(&world).len(), 2);
}

#[test]
fn a_booking_costs_at_most_four_calls_of_the_table() {
    for (named_zone, expected) in [(true, 3), (false, 4)] {
        let world = monday();
        let office = office(&world);
        let mut request = demo();
        if !named_zone {
            request.as_object_mut().expect("an object").remove("timezone");
        }
        assert_eq!(try_ask(&office, &world, "book", &request).expect("an answer")["success"], true);
        let calls = world.state.borrow().calls.clone();
        let outside = ["catalog", "available", "book", "timer"];
        let of_table: Vec<_> = calls.iter().filter(|it| !outside.contains(it)).collect();
        assert_eq!(of_table.len(), expected, "{calls:?}");
        assert_eq!(calls.iter().filter(|it| **it == "available").count(), 1);
    }
    // Over HTTP a key's permits are counted: by the share, so not each time.
    let world = monday();
    let office = office(&world);
    let (status, answer) =
        post(&office, &world, "/api/calendly/schedule", &demo(), &[("authorization", "Bearer vai_secret")]);
    assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
    assert_eq!(
        world.state.borrow().calls,
        ["permits", "catalog", "prospect", "available", "timer", "reserve", "book", "commit"]
    );
}

#[test]
fn alternatives_over_two_weeks_cost_two_questions() {
    let world = monday();
    let request = json!({"eventType": "Technical Support", "preferredTime": "2026-11-25T10:00:00+02:00", "timezone": "Europe/Bucharest", "language": "ro"});
    let answer = ask(&world, "alternatives", &request);
    assert_eq!(world.state.borrow().calls, ["catalog", "available"]);
    let days = answer["days"].as_array().expect("days");
    assert_eq!(days.len(), 14);
    assert!(days.iter().all(|day| day["slots"].as_array().is_some_and(|it| it.len() == 3)), "{answer}");
    insta::assert_json_snapshot!("a_day_of_alternatives", json!([answer["message"], answer["timezone"], days[2]]));
}

#[test]
fn any_span_is_asked_for_by_the_month_and_never_the_past() {
    let world = monday();
    let request =
        json!({"eventType": "Technical Support", "from": "2026-11-01T00:00:00Z", "until": "2027-02-01T00:00:00Z"});
    let answer = ask(&world, "available_times", &request);
    let calls = world.state.borrow().calls.iter().filter(|it| **it == "available").count();
    assert_eq!(calls, 3, "70 days are three months");
    let days = answer["days"].as_array().expect("days");
    assert_eq!(days[0]["date"], "2026-11-23");
    assert_eq!(answer["timezone"], "Europe/Copenhagen");
    assert!(days[0]["slots"][0]["startTime"].as_str().expect("a time") > "2026-11-23T08:00:00Z");
}

/// Whether a request came to a booking once it was asked again, as an agent does.
fn ask_until_known(world: &Fake, operation: &str, request: &Value) -> Value {
    for _ in 0..20 {
        if let Some(answer) = try_ask(&office(world), world, operation, request)
            && !matches!(code(&answer), "in_progress" | "unavailable" | "calendly_unavailable")
        {
            return answer;
        }
        let later = (world.now.get() + SignedDuration::from_secs(20)).to_string();
        world.wait_until(&later);
    }
    panic!("{operation} never came to an end");
}

/// Plays a story of requests calmly, then with each of its calls hurt in a way, and compares the worlds.
fn hurt_at_every_call(
    prepare: impl Fn(&Fake),
    operation: &str,
    request: impl Fn(&Fake) -> Value,
    check: impl Fn(&Fake, &str),
) -> usize {
    let play = |hurt: &dyn Fn(&Fake, usize)| {
        let world = monday();
        prepare(&world);
        let before = world.state.borrow().calls.len();
        hurt(&world, before);
        let answer = ask_until_known(&world, operation, &request(&world));
        let calls = world.state.borrow().calls[before..].to_vec();
        // Its webhooks come last, when everything else has been settled.
        world.wait_until("2026-11-23T09:00:00Z");
        let bookings = world.state.borrow().at_calendly.len();
        for number in 1..=bookings {
            webhook_of(&world, number);
        }
        world.wait_until("2026-11-23T10:00:00Z");
        (world, answer, calls)
    };
    let (calm, told, calls) = play(&|_, _| {});
    check(&calm, "calm");
    let mut expected = calm.told();
    expected.sort();
    let mut histories = 0;
    for (at, name) in calls.iter().enumerate() {
        for way in ["killed before", "killed after", "fails", "answer lost"] {
            let what = format!("{operation}: {way} call {at} ({name})");
            let (world, answer, _) = play(&|world, before| match way {
                "killed before" => world.crash.set(Some(Crash { at_call: before + at, after_effect: false })),
                "killed after" => world.crash.set(Some(Crash { at_call: before + at, after_effect: true })),
                "fails" => world.fail_at_call.set(Some(before + at)),
                _ => world.lose_answer_at_call.set(Some(before + at)),
            });
            check(&world, &what);
            assert_eq!(answer["success"], told["success"], "{what}: {answer}");
            assert_eq!(at_calendly(&world), at_calendly(&calm), "{what}");
            assert_eq!(world.booking().state().is_some(), calm.booking().state().is_some(), "{what}");
            assert!(world.state.borrow().dead.is_empty(), "{what}: nothing is lost");
            // What errs to once more is said twice at most; nothing else is said, and nothing is left out.
            let mut hurt = world.told();
            hurt.sort();
            hurt.dedup();
            let mut once = expected.clone();
            once.dedup();
            assert_eq!(hurt, once, "{what}");
            histories += 1;
        }
    }
    histories
}

#[test]
fn hurt_at_every_step_a_request_becomes_one_booking() {
    let histories = hurt_at_every_call(
        |_| {},
        "book",
        |_| demo(),
        |world, what| {
            assert_eq!(at_calendly(world), ["2026-11-25T08:30:00Z"], "{what}");
            assert!(matches!(world.booking().state(), Some(BookingState::Active(_))), "{what}");
            assert_eq!(world.booking().open_requests().count(), 0, "{what}");
        },
    );
    println!("{histories} histories of a booking hurt");
    assert!(histories > 20);
}

fn booked(world: &Fake) {
    assert_eq!(ask(world, "book", &demo())["success"], true);
    webhook_of(world, 1);
    world.wait_until("2026-11-23T08:10:00Z");
}

fn id_of(world: &Fake) -> String {
    world.booking().id.to_string()
}

#[test]
fn hurt_at_every_step_a_move_is_one_move() {
    let histories = hurt_at_every_call(
        booked,
        "move",
        |world| json!({"booking": id_of(world), "preferredTime": "2026-11-26T12:00:00+02:00"}),
        |world, what| {
            assert_eq!(
                at_calendly(world),
                ["2026-11-26T10:00:00Z"],
                "{what}: the old one is gone, the new one is there"
            );
            let booking = world.booking();
            assert!(matches!(booking.state(), Some(BookingState::Active(leg)) if leg.previous.is_some()), "{what}");
            let told = world.told();
            let count = |start: &str| told.iter().filter(|line| line.starts_with(start)).count();
            assert_eq!(
                count("SMS cancellation") + count("VAI canceled") + count("analytics invitee_canceled"),
                0,
                "{what}: {told:?}"
            );
            assert!(count("SMS move") >= 1 && count("VAI rescheduled") >= 1, "{what}: {told:?}");
            assert_eq!(count("Calendly cancels"), 1, "{what}: {told:?}");
        },
    );
    println!("{histories} histories of a move hurt");
    assert!(histories > 40);
}

#[test]
fn hurt_at_every_step_a_cancellation_is_one_cancellation() {
    let histories = hurt_at_every_call(
        booked,
        "cancel",
        |world| json!({"booking": id_of(world), "reason": "Nu mai am timp"}),
        |world, what| {
            assert!(at_calendly(world).is_empty(), "{what}");
            assert!(matches!(world.booking().state(), Some(BookingState::Canceled(..))), "{what}");
        },
    );
    println!("{histories} histories of a cancellation hurt");
    assert!(histories > 40);
}

#[test]
fn of_what_an_agent_cancels_the_host_is_told_though_calendly_takes_it_for_the_hosts_doing() {
    let world = monday();
    booked(&world);
    world.state.borrow_mut().settings.host_phone = Phone::parse("+4520123456").ok();
    ask(&world, "cancel", &json!({"booking": id_of(&world), "reason": "Nu mai am timp"}));
    world.wait_until("2026-11-23T08:11:00Z");
    assert!(
        world.told().iter().any(|it| it.starts_with("SMS to the host: canceled by the invitee")),
        "{:?}",
        world.told()
    );
}

#[test]
fn an_answer_that_is_lost_and_a_retry_are_one_booking_and_one_answer() {
    let world = monday();
    let calm = ask(&monday(), "book", &demo());
    let office = office(&world);
    // Calendly acts, its answer is lost, and so is its answer to the question what it did.
    world.lose_answer_at_call.set(Some(5));
    world.state.borrow_mut().desk.down.push("find_booking");
    let first = try_ask(&office, &world, "book", &demo()).expect("an answer");
    assert_eq!(code(&first), "in_progress", "{first}");
    assert_eq!(first["success"], false);
    let after = first["error"]["retryAfterSeconds"].as_i64().expect("when to come again");
    world.state.borrow_mut().desk.down.clear();
    world.wait_until(&(world.now.get() + SignedDuration::from_secs(after)).to_string());
    let second = try_ask(&office, &world, "book", &demo()).expect("an answer");
    assert_eq!(second, calm);
    assert_eq!(at_calendly(&world).len(), 1);
    assert_eq!(world.state.borrow().calls.iter().filter(|it| **it == "book").count(), 1, "nothing is sent twice");
}

#[test]
fn what_calendly_never_did_may_be_tried_again_after_two_minutes() {
    let world = monday();
    let office = office(&world);
    // Nobody hears whether it was done, and it was not.
    world.state.borrow_mut().desk.down.push("book");
    assert_eq!(code(&try_ask(&office, &world, "book", &demo()).expect("an answer")), "in_progress");
    world.state.borrow_mut().desk.down.clear();
    for _ in 0..7 {
        let answer = try_ask(&office, &world, "book", &demo()).expect("an answer");
        assert_eq!(code(&answer), "in_progress", "too early to book again");
        assert!(at_calendly(&world).is_empty());
        world.wait_until(&(world.now.get() + SignedDuration::from_secs(16)).to_string());
    }
    world.wait_until("2026-11-23T08:03:00Z");
    assert_eq!(ask(&world, "book", &demo())["success"], true);
    assert_eq!(at_calendly(&world).len(), 1);
    assert_eq!(world.state.borrow().delayed.len(), 1, "of the first try nothing is left to be looked at");
}

#[test]
fn whom_an_agent_could_not_book_is_told_unless_it_books_after_all() {
    let world = monday();
    let office = office(&world);
    world.state.borrow_mut().desk.down.push("book");
    assert_eq!(code(&try_ask(&office, &world, "book", &demo()).expect("an answer")), "in_progress");
    world.state.borrow_mut().desk.down.clear();
    // The conversation is over, and nobody asks again: the delayed message does.
    let told = || world.told().into_iter().filter(|it| it.starts_with("SMS")).collect::<Vec<_>>();
    world.wait_until("2026-11-23T08:12:00Z");
    assert_eq!(told(), [""; 0], "the agent has ten minutes to book after all");
    let kept = world.state.borrow().schedules.clone();
    world.wait_until("2026-11-23T08:30:00Z");
    assert_eq!(told().len(), 1, "{:?} {kept:?}", world.told());
    assert!(told()[0].starts_with("SMS not_booked"), "{:?}", told());

    let world = monday();
    let office = self::office(&world);
    world.state.borrow_mut().desk.down.push("book");
    try_ask(&office, &world, "book", &demo()).expect("an answer");
    world.state.borrow_mut().desk.down.clear();
    world.wait_until("2026-11-23T08:05:00Z");
    assert_eq!(ask(&world, "book", &demo())["success"], true);
    world.wait_until("2026-11-23T08:30:00Z");
    let told = world.told();
    assert!(told.iter().any(|it| it.starts_with("SMS confirmation")), "{told:?}");
    assert!(!told.iter().any(|it| it.starts_with("SMS not_booked")), "{told:?}");
}

#[test]
fn messages_are_shown_and_wording_is_tried_without_sending_any() {
    let world = monday();
    let calls = world.state.borrow().calls.len();
    let wording = json!({"message": "reminder", "language": "ro", "sms": "{{ name }}: {{ link }}"});
    let shown = ask(&world, "preview_templates", &json!({"channels": ["sms"], "wording": wording}));
    let one = &shown["shown"][0];
    assert_eq!((one["message"].as_str(), one["language"].as_str()), (Some("reminder"), Some("ro")), "{shown}");
    assert!(one["cost"]["segments"].as_u64() >= Some(1), "{one}");
    let problem = shown["problems"][0].to_string();
    assert!(problem.contains("wording.sms") && problem.contains("may be missing"), "{problem}");
    assert!(!world.state.borrow().calls[calls..].iter().any(|it| ["text", "mail", "commit"].contains(it)));

    let all = ask(&world, "preview_templates", &json!({}));
    let worded = all["shown"].as_array().expect("a list").iter().filter(|it| it.get("template").is_none());
    assert_eq!(worded.count(), 11 * 4 * 2 * 2, "messages, languages, channels, with and without what may be missing");
}

#[test]
fn whoever_is_quicker_the_webhook_and_the_answer_meet_in_one_booking() {
    let world = monday();
    // The webhook is processed while the answer is on its way: our own note of it finds the row changed.
    world.state.borrow_mut().webhook_first = true;
    let answer = ask(&world, "book", &demo());
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(world.state.borrow().bookings.len(), 1);
    let told = world.told();
    let unique: std::collections::BTreeSet<_> = told.iter().collect();
    assert_eq!(told.len(), unique.len(), "{told:?}");
}

#[test]
fn a_hold_books_exactly_what_it_says_once() {
    let world = monday();
    let office = office(&world);
    let held = try_ask(&office, &world, "hold", &demo()).expect("an answer");
    insta::assert_json_snapshot!("a_hold", held);
    assert!(at_calendly(&world).is_empty());
    let confirm = json!({"hold": held["hold"]});
    let first = try_ask(&office, &world, "confirm", &confirm).expect("an answer");
    assert_eq!((&first["success"], &first["booking"]["startTime"]), (&json!(true), &held["booking"]["startTime"]));
    // Long after it has lapsed, what it became is still the answer.
    world.wait_until("2026-11-23T12:00:00Z");
    assert_eq!(
        try_ask(&office, &world, "confirm", &confirm).expect("an answer")["booking"]["id"],
        first["booking"]["id"]
    );
    assert_eq!(at_calendly(&world).len(), 1);

    assert_eq!(code(&ask(&world, "confirm", &json!({"hold": "hold-of-nobody"}))), "hold_unknown");
    let request = with(demo(), json!({"preferredTime": "2026-11-26T10:30:00+02:00"}));
    let held = try_ask(&office, &world, "hold", &request).expect("an answer");
    // Somebody else books what was held: a hold keeps nobody out.
    let taker = with(request.clone(), json!({"inviteeEmail": "ion@example.com", "conversationId": "conv-2"}));
    assert_eq!(ask(&world, "book", &taker)["success"], true);
    assert_eq!(
        code(&try_ask(&office, &world, "confirm", &json!({"hold": held["hold"]})).expect("an answer")),
        "slot_taken"
    );
    let held = try_ask(&office, &world, "hold", &with(request, json!({"preferredTime": "2026-11-27T10:30:00+02:00"})));
    world.wait_until("2026-11-23T12:11:00Z");
    assert_eq!(code(&ask(&world, "confirm", &json!({"hold": held.expect("an answer")["hold"]}))), "hold_expired");
}

#[test]
fn a_slot_is_chosen_on_the_same_day_or_within_the_shift_and_never_silently_elsewhere() {
    let start = |changes: Value| {
        let answer = ask(&monday(), "book", &with(demo(), changes));
        answer["booking"]["startTime"].as_str().map_or_else(|| code(&answer).to_owned(), str::to_owned)
    };
    // Slots are on the half hours from 7 to 16 UTC.
    assert_eq!(start(json!({"preferredTime": "2026-11-25T10:40:00+02:00"})), "2026-11-25T08:30:00Z");
    assert_eq!(
        start(json!({"preferredTime": "2026-11-25T10:45:00+02:00"})),
        "2026-11-25T09:00:00Z",
        "of two as near, the later"
    );
    assert_eq!(start(json!({"preferredTime": "2026-11-25T23:00:00+02:00"})), "2026-11-25T15:30:00Z");
    assert_eq!(start(json!({"preferredTime": "2026-11-25T23:00:00+02:00", "maxShift": 60})), "slot_taken");
    assert_eq!(start(json!({"preferredTime": "2026-11-25T10:40:00+02:00", "maxShift": 0})), "slot_taken");
    assert_eq!(start(json!({"preferredTime": "2026-11-25T23:30:00+02:00", "maxShift": 720})), "2026-11-25T15:30:00Z");
    assert_eq!(start(json!({"preferredTime": "2026-11-26T03:00:00+02:00", "maxShift": 720})), "2026-11-26T07:00:00Z");
    // In New York the same instant is another day.
    assert_eq!(
        start(json!({"preferredTime": "2026-11-25T20:00:00-05:00", "timezone": "America/New_York"})),
        "2026-11-25T15:30:00Z"
    );
    // A local time is one of the zone that is named.
    assert_eq!(start(json!({"preferredTime": "2026-11-25T10:30", "timezone": "Asia/Taipei"})), "2026-11-25T07:00:00Z");
}

#[test]
fn the_zone_is_the_one_named_else_that_of_the_last_booking_else_the_settings() {
    let world = monday();
    let mut request = demo();
    request.as_object_mut().expect("an object").remove("timezone");
    assert_eq!(ask(&world, "book", &request)["booking"]["timezone"], "UTC");
    assert_eq!(
        ask(&world, "book", &with(demo(), json!({"preferredTime": "2026-11-26T10:30:00+02:00"})))["success"],
        true
    );
    let third = ask(&world, "book", &with(request, json!({"preferredTime": "2026-11-27T10:30:00+02:00"})));
    assert_eq!(third["booking"]["timezone"], "Europe/Bucharest");
}

/// A refusal of each kind, told in the invitee's language. Those of HTTP are below.
#[test]
fn every_refusal_says_what_to_do() {
    let world = monday();
    let topic = |name: &str, word: &str, event_type: &str| Topic {
        name: name.to_owned(),
        words: vec![word.to_owned(), "help".to_owned()],
        event_type: event_type.to_owned(),
        host: None,
    };
    world.state.borrow_mut().settings.topics =
        vec![topic("Billing", "invoice", "Sales Demo"), topic("Faults", "broken", "Technical Support")];
    booked(&world);
    let own = id_of(&world);
    let webinar = ask(
        &world,
        "book",
        &with(demo(), json!({"eventType": "Webinar", "preferredTime": "2026-11-30T10:30:00+02:00"})),
    );
    let shared = webinar["booking"]["id"].clone();
    let later = json!({"preferredTime": "2026-12-01T10:30:00+02:00"});
    let mut refusals = Vec::new();
    let mut refused = |operation: &str, input: Value, expected: &str| {
        let answer = ask(&world, operation, &input);
        assert_eq!(code(&answer), expected, "{operation}: {answer}");
        let route = api::Operation::parse(operation).expect("an operation").route();
        assert!(
            route.codes().iter().any(|it| it.name() == expected),
            "{operation} is not said to refuse so: {expected}"
        );
        assert!(answer["error"]["message"].as_str().is_some_and(|it| !it.is_empty()), "{answer}");
        refusals.push(json!({ "operation": operation, "answer": answer }));
    };
    let demo = || with(demo(), later.clone());
    refused(
        "book",
        with(
            demo(),
            json!({"preferredTime": "2026-11-25T10:30:00+02:00", "inviteeEmail": "ion@example.com", "conversationId": "c", "maxShift": 0}),
        ),
        "slot_taken",
    );
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
    assert_eq!(ask(&world, "cancel", &json!({"booking": own}))["booking"]["status"], "canceled");
    refused("move", json!({"booking": own, "preferredTime": "2026-12-02T10:30:00+02:00"}), "booking_over");
    world.state.borrow_mut().desk.down = vec!["available"];
    refused("book", with(demo(), json!({"conversationId": "c3"})), "calendly_unavailable");
    refused("available_times", json!({"eventType": "Sales Demo"}), "calendly_unavailable");
    world.state.borrow_mut().desk.down = vec!["appointments"];
    refused("upcoming", json!({"userEmail": EMAIL}), "calendly_unavailable");
    world.state.borrow_mut().desk.down.clear();
    world.state.borrow_mut().refuses_books = true;
    refused("book", with(demo(), json!({"conversationId": "c4"})), "calendly_refused");
    insta::assert_json_snapshot!("every_refusal", refusals);
}

#[test]
fn a_budget_that_is_spent_gives_a_link_that_leads_to_the_conversation() {
    let world = monday();
    let slot = |number: i64| {
        let start = crate::payload::at("2026-11-25T07:00:00Z")
            + SignedDuration::from_mins(30 * (number % 18))
            + SignedDuration::from_hours(24 * (number / 18));
        with(demo(), json!({"preferredTime": start, "conversationId": format!("conv-{number}"), "maxShift": 0}))
    };
    for number in 0..10 {
        assert_eq!(ask(&world, "book", &slot(number))["success"], true, "{number}");
    }
    let refused = ask(&world, "book", &slot(10));
    assert_eq!(code(&refused), "budget_exhausted");
    assert_eq!((&refused["error"]["window"], &refused["error"]["retryable"]), (&json!("minute"), &json!(true)));
    let link = refused["error"]["link"].as_str().expect("a link").to_owned();
    assert!(link.starts_with("https://calendly.com/d/abc-1?name=Ana%20Ionescu&email=ana.ionescu%40example.com&utm_source=vai&utm_content=vai1-"), "{link}");
    insta::assert_json_snapshot!("the_refusal_of_a_spent_budget", refused, {".error.link" => "…"});
    // Calendly was not asked to book, and its own limits were not touched.
    assert_eq!(world.state.borrow().calls.iter().filter(|it| **it == "book").count(), 10);

    // What is booked on the link belongs to the conversation, and the request finds it.
    let token = link.rsplit("utm_content=").next().expect("a token").to_owned();
    let meeting = crate::payload::Meeting {
        token: Some(Box::leak(token.into_boxed_str())),
        ..crate::payload::Meeting::new(99, "2026-11-23T08:00:30Z", "2026-11-30T08:00:00Z")
    };
    world.webhook(&meeting.created());
    let again = ask(&world, "book", &slot(10));
    assert_eq!(
        (&again["success"], &again["booking"]["startTime"]),
        (&json!(true), &json!("2026-11-30T08:00:00Z")),
        "{again}"
    );
    assert_eq!(ask(&world, "metadata", &json!({"booking": again["booking"]["id"]}))["conversation_id"], "conv-10");

    // A link that was passed on, and booked on by somebody else, is no answer to whom it was made for.
    let ion = with(slot(12), json!({"inviteeEmail": "ion@example.com"}));
    let link = ask(&world, "book", &ion)["error"]["link"].as_str().expect("a link").to_owned();
    let token = link.rsplit("utm_content=").next().expect("a token").to_owned();
    let meeting = crate::payload::Meeting {
        token: Some(Box::leak(token.into_boxed_str())),
        ..crate::payload::Meeting::new(98, "2026-11-23T08:00:40Z", "2026-11-30T09:00:00Z")
    };
    world.webhook(&meeting.created());
    assert_eq!(code(&ask(&world, "book", &ion)), "key_reused");

    // At the time that was forecast there is room again.
    let at = refused["error"]["availableAt"].as_str().expect("a forecast").to_owned();
    world.wait_until(&at);
    assert_eq!(ask(&world, "book", &slot(11))["success"], true);
}

#[test]
fn calendlys_own_limit_is_heeded_by_everybody() {
    let world = monday();
    world.state.borrow_mut().books_left = Some(0);
    let refused = ask(&world, "book", &demo());
    assert_eq!((code(&refused), &refused["error"]["retryAfterSeconds"]), ("budget_exhausted", &json!(40)), "{refused}");
    world.state.borrow_mut().books_left = None;
    let before = world.state.borrow().calls.iter().filter(|it| **it == "book").count();
    let other = with(demo(), json!({"conversationId": "conv-9", "preferredTime": "2026-11-26T10:30:00+02:00"}));
    assert_eq!(code(&ask(&world, "book", &other)), "budget_exhausted", "another instance does not ask");
    assert_eq!(world.state.borrow().calls.iter().filter(|it| **it == "book").count(), before);
    world.wait_until("2026-11-23T08:00:41Z");
    assert_eq!(ask(&world, "book", &other)["success"], true);
}

#[test]
fn event_types_are_read_anew_as_soon_as_calendly_tells_of_a_change() {
    let world = monday();
    let office = office(&world);
    let reads = || world.state.borrow().calls.iter().filter(|it| **it == "catalog").count();
    let list = || try_ask(&office, &world, "event_types", &json!({})).expect("an answer");
    insta::assert_json_snapshot!("the_event_types", list());
    list();
    assert_eq!(reads(), 1);
    world.wait_until("2026-11-23T08:05:00Z");
    list();
    assert_eq!(reads(), 1, "nobody said that anything changed");
    world.webhook(br#"{"event":"event_type.updated","created_at":"2026-11-23T08:05:00Z","payload":{}}"#);
    // A booking asks for it anyway, with what it must know about the budget.
    assert_eq!(try_ask(&office, &world, "book", &demo()).expect("an answer")["success"], true);
    assert_eq!(reads(), 2);
    world.wait_until("2026-11-23T08:30:00Z");
    list();
    assert_eq!(reads(), 3, "a quarter of an hour is long enough");
}

#[test]
fn what_is_on_record_can_be_asked_for_by_any_id() {
    let world = monday();
    booked(&world);
    let id = id_of(&world);
    for name in [id.as_str(), "I1", "E1", "https://api.calendly.com/scheduled_events/E1"] {
        assert_eq!(ask(&world, "booking", &json!({"booking": name}))["id"], id.as_str());
    }
    insta::assert_json_snapshot!("the_metadata", ask(&world, "metadata", &json!({"booking": id})));
    insta::assert_json_snapshot!("the_timeline_of_an_agents_booking", ask(&world, "timeline", &json!({"booking": id})));
    insta::assert_json_snapshot!("what_is_upcoming", ask(&world, "upcoming", &json!({"userEmail": EMAIL})));
    assert_eq!(ask(&world, "upcoming", &json!({"userEmail": "nobody@example.com"}))["events"], json!([]));
    insta::assert_json_snapshot!("the_status", ask(&world, "status", &json!({})));
    insta::assert_json_snapshot!("the_availability", ask(&world, "availability", &json!({"host": "me"})));
    insta::assert_json_snapshot!("the_busy_times", ask(&world, "busy_times", &json!({"host": "Lars"})));
    insta::assert_json_snapshot!("the_tokens_owner", ask(&world, "me", &json!({})));
    assert_eq!(ask(&world, "tools", &json!({})), api::tools::tools());
    let mut document = api::openapi::document();
    document["servers"][0]["url"] = json!("https://hooks.example.com");
    assert_eq!(ask(&world, "openapi", &json!({})), document);
}

#[test]
fn a_no_show_is_marked_asked_for_and_taken_back() {
    let world = monday();
    booked(&world);
    let booking = json!({"booking": id_of(&world)});
    world.wait_until("2026-11-25T09:05:00Z");
    assert_eq!(ask(&world, "no_show", &booking)["noShow"], false);
    assert_eq!(ask(&world, "mark_no_show", &booking)["noShow"], true);
    assert_eq!(ask(&world, "no_show", &booking)["noShow"], true);
    world.wait_until("2026-11-25T12:00:00Z");
    assert!(!world.told().iter().any(|line| line.starts_with("SMS follow_up")), "no thanks to whoever did not come");
    assert_eq!(ask(&world, "unmark_no_show", &booking)["noShow"], false);
}

#[test]
fn a_move_can_be_left_to_the_invitee_and_made_twice_is_made_once() {
    let world = monday();
    booked(&world);
    let id = id_of(&world);
    let by_link =
        ask(&world, "move", &json!({"booking": id, "preferredTime": "2026-11-26T12:00:00+02:00", "by": "link"}));
    assert_eq!(
        (&by_link["moved"], &by_link["rescheduleUrl"]),
        (&json!(false), &json!("https://calendly.com/reschedulings/I1"))
    );
    let request = json!({"booking": id, "preferredTime": "2026-11-26T12:00:00+02:00"});
    let moved = ask(&world, "move", &request);
    assert_eq!((&moved["moved"], &moved["booking"]["id"]), (&json!(true), &json!(id)), "{moved}");
    assert_eq!(ask(&world, "move", &request)["booking"], moved["booking"]);
    assert_eq!(at_calendly(&world), ["2026-11-26T10:00:00Z"]);
    // The form is filled in again as it was.
    let state = world.state.borrow();
    let forms: Vec<_> = state.forms.values().map(|it| (it.answers.clone(), it.person.name.clone())).collect();
    assert_eq!(forms[0], forms[1]);
    drop(state);
    // And moved back, which is no repetition.
    let back = ask(&world, "move", &json!({"booking": id, "preferredTime": "2026-11-25T10:30:00+02:00"}));
    assert_eq!(back["moved"], true, "{back}");
    assert_eq!(at_calendly(&world), ["2026-11-25T08:30:00Z"]);
}

#[test]
fn an_old_event_that_calendly_will_not_cancel_is_tried_until_it_holds_and_the_timeline_shows_it() {
    let world = monday();
    booked(&world);
    let id = id_of(&world);
    world.state.borrow_mut().desk.down.push("cancel");
    assert_eq!(
        ask(&world, "move", &json!({"booking": id, "preferredTime": "2026-11-30T12:00:00+02:00"}))["moved"],
        true
    );
    world.wait_until("2026-11-24T20:00:00Z");
    assert_eq!(at_calendly(&world).len(), 2, "Calendly is still down");
    world.state.borrow_mut().desk.down.clear();
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(at_calendly(&world), ["2026-11-30T10:00:00Z"]);
    let timeline = ask(&world, "timeline", &json!({"booking": id})).to_string();
    assert!(timeline.contains("canceling at Calendly") && timeline.contains("will be tried again"), "{timeline}");
    assert_eq!(world.told().iter().filter(|line| line.starts_with("SMS move")).count(), 1);
}

/// Runs calls at once, their port calls interleaved as the seed says.
fn at_once(world: &Fake, seed: u64, calls: Vec<Value>) -> Vec<Value> {
    world.yields.set(true);
    let office = office(world);
    let deadline = world.now.get() + SignedDuration::from_secs(29);
    let mut running: Vec<_> =
        calls.into_iter().map(|it| Some(Box::pin(office.handle(Input::Direct(it), deadline)))).collect();
    let mut answers = vec![Value::Null; running.len()];
    let mut context = Context::from_waker(Waker::noop());
    let mut random = seed | 1_u64;
    while running.iter().any(Option::is_some) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = usize::try_from(random >> 33).expect("31 bits") % running.len();
        if let Some(one) = &mut running[chosen]
            && let Poll::Ready(answer) = one.as_mut().poll(&mut context)
        {
            answers[chosen] = answer;
            running[chosen] = None;
        }
    }
    drop(running);
    drop(office);
    world.yields.set(false);
    answers
}

/// Has the clock go on with each call, from just before a bucket of the budget ends.
fn turn_ten_seconds(world: &Fake, is_wanted: bool) {
    if is_wanted {
        world.now.set(world.now.get() + SignedDuration::from_millis(8_500));
        world.ticks.set(true);
    }
}

fn direct(operation: &str, input: &Value) -> Value {
    json!({"operation": operation, "input": input})
}

#[test]
fn one_conversation_asks_for_two_things_at_once_and_gets_both_once() {
    for seed in 0..300 {
        let world = monday();
        // Some of them where Calendly gives whoever asks a seat, and where ten seconds turn while they are asked.
        world.state.borrow_mut().has_room_for_all = seed % 2 == 0;
        turn_ten_seconds(&world, seed % 3 == 0);
        let other = with(demo(), json!({"preferredTime": "2026-11-26T08:30:00Z"}));
        let calls = [demo(), demo(), other.clone(), demo(), other].map(|it| direct("book", &it));
        for answer in at_once(&world, seed, calls.to_vec()) {
            let is_true = answer["success"] == true || code(&answer) == "in_progress";
            assert!(is_true, "seed {seed}: {answer}");
        }
        assert_eq!(at_calendly(&world), ["2026-11-25T08:30:00Z", "2026-11-26T08:30:00Z"], "seed {seed}");
        assert_eq!(ask(&world, "book", &demo())["success"], true);
    }
}

#[test]
fn what_crosses_the_end_of_a_bucket_takes_no_more_than_the_budget_holds() {
    let mut booked = 0;
    for seed in 0..600 {
        let world = monday();
        world.state.borrow_mut().settings.booking.per_minute = 1;
        // Each time they are somewhere else in their work when ten seconds turn.
        let left = SignedDuration::from_millis(100) * (seed % 30 + 1);
        world.now.set(world.now.get() + SignedDuration::from_secs(10) - left);
        world.ticks.set(true);
        let other = with(demo(), json!({"preferredTime": "2026-11-26T08:30:00Z"}));
        let answers = at_once(
            &world,
            u64::try_from(seed).expect("no sign"),
            [demo(), other].map(|it| direct("book", &it)).to_vec(),
        );
        let successes = answers.iter().filter(|it| it["success"] == true).count();
        assert!(successes <= 1, "seed {seed}: {answers:?}");
        assert_eq!(at_calendly(&world).len(), successes, "seed {seed}: {answers:?}");
        booked += successes;
    }
    // What was taken out on both sides of an end counts on both: sometimes nobody books.
    assert!(booked > 500, "{booked}");
}

#[test]
fn two_moves_of_one_meeting_at_once_or_a_move_and_a_cancellation_leave_one_meeting_or_none() {
    for seed in 0..300 {
        for calls in [
            [("move", "2026-11-26T08:30:00Z"), ("move", "2026-11-26T08:30:00Z")],
            [("move", "2026-11-26T08:30:00Z"), ("move", "2026-11-27T08:30:00Z")],
            [("move", "2026-11-26T08:30:00Z"), ("cancel", "")],
        ] {
            let world = monday();
            booked(&world);
            world.state.borrow_mut().has_room_for_all = seed % 2 == 0;
            turn_ten_seconds(&world, seed % 3 == 0);
            let id = id_of(&world);
            let calls = calls.map(|(operation, wish)| match operation {
                "cancel" => direct("cancel", &json!({"booking": id})),
                _ => direct("move", &json!({"booking": id, "preferredTime": wish})),
            });
            let is_one_wish = calls[0] == calls[1];
            let answers = at_once(&world, seed, calls.to_vec());
            world.ticks.set(false);
            let books = world.state.borrow().calls.iter().filter(|it| **it == "book").count();
            assert!(!is_one_wish || books == 2, "seed {seed}: one wish is sent once, after the booking itself");
            world.wait_until(&(world.now.get() + SignedDuration::from_mins(5)).to_string());
            let left = at_calendly(&world);
            let booking = world.booking();
            match booking.state() {
                Some(BookingState::Active(leg)) => {
                    assert_eq!(left, [leg.details.start.to_string()], "seed {seed}: {answers:?}")
                }
                Some(BookingState::Canceled(..)) => assert!(left.is_empty(), "seed {seed}: {left:?} {answers:?}"),
                other => panic!("seed {seed}: {other:?}"),
            }
            for answer in &answers {
                let state = answer["booking"]["startTime"].as_str();
                let is_true = match (answer["moved"].as_bool(), answer["booking"]["status"].as_str()) {
                    (Some(true), _) => state == left.first().map(String::as_str) || left.is_empty(),
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

#[test]
fn a_move_in_doubt_holds_up_whatever_else_is_asked_of_the_booking() {
    let world = monday();
    booked(&world);
    let id = id_of(&world);
    // Calendly books, and nobody hears of it.
    let book = world.state.borrow().calls.len() + 9;
    world.state.borrow_mut().desk.down.push("find_booking");
    world.lose_answer_at_call.set(Some(book));
    let thursday = json!({"booking": id, "preferredTime": "2026-11-26T12:00:00+02:00"});
    assert_eq!(code(&ask(&world, "move", &thursday)), "in_progress", "{:?}", &world.state.borrow().calls[book - 9..]);
    assert_eq!(at_calendly(&world).len(), 2);
    let friday = json!({"booking": id, "preferredTime": "2026-11-27T12:00:00+02:00"});
    assert_eq!(code(&ask(&world, "move", &friday)), "in_progress");
    assert_eq!(code(&ask(&world, "cancel", &json!({"booking": id}))), "in_progress");
    world.state.borrow_mut().desk.down.clear();
    world.wait_until("2026-11-23T08:30:00Z");
    assert_eq!(at_calendly(&world), ["2026-11-26T10:00:00Z"]);
    assert_eq!(ask(&world, "move", &thursday)["moved"], true);
    assert_eq!(ask(&world, "cancel", &json!({"booking": id}))["booking"]["status"], "canceled");
    assert!(at_calendly(&world).is_empty());
}

#[test]
fn a_move_whose_answer_is_lost_is_known_by_its_webhook() {
    let world = monday();
    booked(&world);
    let id = id_of(&world);
    let book = world.state.borrow().calls.len() + 9;
    world.state.borrow_mut().desk.down.push("find_booking");
    world.lose_answer_at_call.set(Some(book));
    let request = json!({"booking": id, "preferredTime": "2026-11-26T12:00:00+02:00"});
    assert_eq!(code(&ask(&world, "move", &request)), "in_progress");
    webhook_of(&world, 2);
    assert_eq!(id_of(&world), id, "it is the same booking");
    assert_eq!(at_calendly(&world), ["2026-11-26T10:00:00Z"]);
    let told = world.told();
    assert_eq!(told.iter().filter(|line| line.starts_with("SMS move")).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|line| line.starts_with("SMS confirmation")).count(), 1, "{told:?}");
}

#[test]
fn a_request_in_doubt_holds_up_no_reminder() {
    let world = monday();
    booked(&world);
    let book = world.state.borrow().calls.len() + 9;
    world.state.borrow_mut().desk.down.push("find_booking");
    world.lose_answer_at_call.set(Some(book));
    let move_ = json!({"booking": id_of(&world), "preferredTime": "2026-11-26T12:00:00+02:00"});
    assert_eq!(code(&ask(&world, "move", &move_)), "in_progress");
    // Calendly can't be asked for two days: whoever looks at the booking does what is due all the same.
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(world.told().iter().filter(|line| line.starts_with("SMS reminder")).count(), 2, "{:?}", world.told());
}

#[test]
fn a_conversation_that_canceled_may_book_the_same_hour_again() {
    let world = monday();
    booked(&world);
    let first = id_of(&world);
    assert_eq!(ask(&world, "cancel", &json!({"booking": first}))["booking"]["status"], "canceled");
    let again = ask(&world, "book", &demo());
    assert_eq!((&again["success"], &again["booking"]["status"]), (&json!(true), &json!("active")), "{again}");
    assert_ne!(again["booking"]["id"], first.as_str());
    assert_eq!(ask(&world, "book", &demo()), again);
    assert_eq!(at_calendly(&world).len(), 1);
    // A key of the caller's own stands for one booking, whatever became of it: its answer says so.
    let office = office(&world);
    let keyed = || {
        let request = with(demo(), json!({"preferredTime": "2026-11-26T08:30:00Z"}));
        let event = json!({"operation": "book", "idempotencyKey": "k-1", "input": request});
        office
            .handle(Input::Direct(event), world.now.get() + SignedDuration::from_secs(29))
            .now_or_never()
            .expect("an answer")
    };
    let booked = keyed();
    assert_eq!(ask(&world, "cancel", &json!({"booking": booked["booking"]["id"]}))["booking"]["status"], "canceled");
    let told = keyed();
    assert_eq!((&told["booking"]["id"], &told["booking"]["status"]), (&booked["booking"]["id"], &json!("canceled")));
    assert!(told["message"].as_str().is_some_and(|it| it.contains("a fost anulată")), "{told}");
}

#[test]
fn a_refusal_binds_no_derived_key() {
    let world = monday();
    world.state.borrow_mut().refuses_books = true;
    world.state.borrow_mut().refused_parameters = vec!["invitee.email".to_owned()];
    let refused = ask(&world, "book", &demo());
    assert_eq!((code(&refused), &refused["error"]["field"]), ("invitee_invalid", &json!("inviteeEmail")));
    world.state.borrow_mut().refuses_books = false;
    let mended = with(demo(), json!({"inviteeEmail": "ana@example.com", "notes": "new notes"}));
    let booked = ask(&world, "book", &mended);
    assert_eq!(booked["success"], true, "{booked}");
    assert_eq!(ask(&world, "metadata", &json!({"booking": booked["booking"]["id"]}))["notes"], "new notes");
}

#[test]
fn what_the_invitee_has_changed_at_calendly_is_taken_in_before_an_agent_changes_it() {
    let world = monday();
    booked(&world);
    let id = id_of(&world);
    // She cancels on Calendly's page, and its webhook is lost.
    let invitee = world.state.borrow().at_calendly.keys().next().expect("a booking").clone();
    let end =
        domain::Cancellation { at: world.now.get(), by: domain::CanceledBy::Invitee, reason: None, rescheduled: false };
    if let Some(fact) = world.state.borrow_mut().at_calendly.get_mut(&invitee) {
        fact.leg.canceled = Some(end);
        fact.leg.details.as_of = world.now.get();
    }
    let request = json!({"booking": id, "preferredTime": "2026-11-26T12:00:00+02:00"});
    assert_eq!(code(&ask(&world, "move", &request)), "in_progress");
    assert_eq!(code(&ask(&world, "move", &request)), "booking_over");
    assert!(at_calendly(&world).is_empty());
    assert_eq!(ask(&world, "cancel", &json!({"booking": id}))["booking"]["status"], "canceled");
}

#[test]
fn times_without_end_are_refused_and_nothing_panics() {
    let world = monday();
    for wish in ["9999-12-30T00:00:00Z", "9999-12-30T20:00:00Z", "1970-01-01T00:00:00Z"] {
        for shift in [None, Some(0), Some(20_160)] {
            let answer = ask(
                &world,
                "book",
                &with(
                    demo(),
                    json!({"preferredTime": wish, "maxShift": shift, "conversationId": format!("{wish}{shift:?}")}),
                ),
            );
            assert!(matches!(code(&answer), "no refusal" | "no_slot" | "slot_taken" | "past_time"), "{answer}");
        }
        ask(&world, "available_times", &json!({"eventType": "Sales Demo", "from": wish}));
        ask(&world, "alternatives", &json!({"eventType": "Sales Demo", "preferredTime": wish}));
    }
}

#[test]
fn nine_instances_share_a_keys_minute() {
    let world = monday();
    let offices: Vec<_> = (0..9).map(|_| office(&world)).collect();
    for round in 0..3 {
        for office in &offices {
            let call = event("GET", "/api/calendly/me", None, &[("authorization", "Bearer vai_secret")]);
            assert_eq!(http(office, &world, call).0, 200, "round {round}");
        }
    }
}

fn event(method: &str, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let headers: BTreeMap<_, _> = headers.iter().copied().collect();
    json!({
        "version": "2.0", "routeKey": "ANY /api/{proxy+}", "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {
            "accountId": "1", "apiId": "a", "stage": "$default", "requestId": "r", "time": "", "timeEpoch": 0,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "curl"},
        },
        "body": body.map(Value::to_string), "isBase64Encoded": false,
    })
}

fn http(office: &Schedule<FakePorts<'_>>, world: &Fake, event: Value) -> (u64, Value, Value) {
    let input: Input = serde_json::from_value(event).expect("an event");
    assert!(matches!(input, Input::Http(_)));
    let response =
        office.handle(input, world.now.get() + SignedDuration::from_secs(29)).now_or_never().expect("an answer");
    let body = serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
    (response["statusCode"].as_u64().expect("a status"), body, response["headers"].clone())
}

fn post(
    office: &Schedule<FakePorts<'_>>,
    world: &Fake,
    path: &str,
    body: &Value,
    headers: &[(&str, &str)],
) -> (u64, Value) {
    let (status, body, _) = http(office, world, event("POST", path, Some(body), headers));
    (status, body)
}

#[test]
fn without_a_key_nobody_learns_so_much_as_what_there_is() {
    let world = monday();
    booked(&world);
    let office = office(&world);
    let calls = world.state.borrow().calls.len();
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
            let (status, body, headers) = http(&office, &world, event("GET", path, None, headers));
            assert_eq!((status, &body["error"]["code"]), (401, &json!("unauthorized")), "{path}");
            assert_eq!(headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(world.state.borrow().calls.len(), calls, "nothing was looked at");
}

#[test]
fn http_and_direct_invocation_give_the_same_answers() {
    let world = monday();
    booked(&world);
    let office = office(&world);
    let key = ("authorization", "bearer vai_secret");
    let id = id_of(&world);
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
        let (status, body, _) = http(&office, &world, event("GET", path, None, &[key]));
        assert_eq!(status, 200, "{path}: {body}");
        assert_eq!(Some(body), try_ask(&office, &world, operation, &input), "{path}");
    }
    // On VAI's own paths a refusal that the agent can act on is a success of HTTP.
    let unknown = with(demo(), json!({"eventType": "Sales Dmo"}));
    let (status, body) = post(&office, &world, "/api/calendly/schedule", &unknown, &[key]);
    assert_eq!((status, &body["success"], code(&body)), (200, &json!(false), "event_type_unknown"));
    let (status, body) = post(&office, &world, "/api/calendly/hold", &unknown, &[key]);
    assert_eq!((status, code(&body)), (404, "event_type_unknown"));
    let (status, body) = post(&office, &world, "/api/calendly/schedule", &json!({"inviteeName": 7}), &[key]);
    assert_eq!((status, code(&body)), (400, "invalid_request"));
    let (status, _, headers) = http(&office, &world, event("DELETE", "/api/calendly/schedule", None, &[key]));
    assert_eq!((status, &headers["allow"]), (405, &json!("POST")));
    assert_eq!(http(&office, &world, event("GET", "/api/calendly/nothing", None, &[key])).0, 404);
    // The same key gives the same answer.
    let keyed = [key, ("idempotency-key", "k-7")];
    let request = with(demo(), json!({"preferredTime": "2026-12-01T10:30:00+02:00"}));
    let first = post(&office, &world, "/api/calendly/schedule", &request, &keyed);
    assert_eq!((first.0, &first.1["success"]), (200, &json!(true)), "{first:?}");
    assert_eq!(post(&office, &world, "/api/calendly/schedule", &request, &keyed), first);
}

#[test]
fn a_key_has_so_many_calls_a_minute() {
    let world = monday();
    world.state.borrow_mut().settings.booking.requests_per_minute = 20;
    let office = office(&world);
    let call =
        || http(&office, &world, event("GET", "/api/calendly/me", None, &[("authorization", "Bearer vai_secret")]));
    for number in 0..20 {
        assert_eq!(call().0, 200, "{number}");
    }
    let (status, body, headers) = call();
    assert_eq!((status, code(&body), &headers["retry-after"]), (429, "rate_limited", &json!("60")));
    // 1, 2, 3, 3, 3, 3, 3, 3 (of which two are left), none.
    assert_eq!(world.state.borrow().calls.iter().filter(|it| **it == "permits").count(), 9);
    world.wait_until("2026-11-23T08:01:00Z");
    assert_eq!(call().0, 200);
    // Whom IAM lets in is not counted, and has no use for a key.
    assert!(ask(&world, "me", &json!({}))["uri"].is_string());
}

#[test]
fn a_direct_invocation_that_is_not_understood_says_where() {
    let world = monday();
    for (event, path) in [
        (json!({"operation": "bok", "input": {}}), "operation"),
        (json!({"input": {}}), "operation"),
        (json!({"operation": "me", "connection": "No Such!"}), "connection"),
        (json!({"operation": "cancel", "input": {"booking": ""}}), "booking"),
        (json!([1, 2]), "body"),
    ] {
        let office = office(&world);
        let answer = office.handle(Input::Direct(event.clone()), world.now.get()).now_or_never().expect("an answer");
        assert_eq!(
            (code(&answer), &answer["error"]["details"][0]["path"]),
            ("invalid_request", &json!(path)),
            "{event}"
        );
    }
}
