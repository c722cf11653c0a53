//! Events for customers' systems: each appears once, in order, whatever happens; and a connection without endpoints has
//! none.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BookingId, Delivery, Feedback, Phone, Reason, Reply};
use events::{Event, EventType};
use fakes::{Call, Fault};
use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::payload::{Meeting, PHONE, at};
use crate::stories::{ALL, Story, timeline};
use crate::world::{Queue, TestWorld, refused};

fn first() -> Meeting {
    Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z")
}

fn second() -> Meeting {
    first().moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z")
}

/// Makes the connection one that has an endpoint.
pub(crate) fn publish(world: &TestWorld) {
    world.change_settings(|settings| settings.publishes = true);
}

fn world() -> TestWorld {
    let world = TestWorld::new("2026-11-20T09:00:02Z");
    publish(&world);
    world
}

fn play(story: &Story) -> TestWorld {
    story.play(|world| publish(world))
}

/// Returns the one booking's events by number. Asserts that they are numbered from 1 on, that each has another id, and
/// that the deliveries queue was told of each.
pub(crate) fn events(world: &TestWorld) -> Vec<Event> {
    let state = world.state.borrow();
    let bookings: BTreeSet<&BookingId> = state.events.keys().map(|(booking, _)| booking).collect();
    assert!(bookings.len() <= 1, "one booking");
    let numbers: Vec<_> = state.events.keys().map(|(_, number)| *number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let events: Vec<_> = state.events.values().cloned().collect();
    let ids: BTreeSet<_> = events.iter().map(|it| &it.id).collect();
    assert_eq!(ids.len(), events.len(), "no event is appended twice");
    let told: BTreeMap<_, _> = state.published.iter().flat_map(|call| call.events.iter().copied()).collect();
    assert_eq!(told, numbers.into_iter().zip(events.iter().map(|it| it.kind)).collect(), "each is told of");
    if let Some(call) = state.published.first() {
        assert_eq!(Some(&call.stream), events[0].stream().as_ref());
    }
    events
}

/// Returns the events, one line each.
fn lines(world: &TestWorld) -> String {
    let line = |event: Event| {
        let data = &event.data;
        let booking = &data["booking"];
        let parts = [&booking["inviteeUuid"], &booking["status"], &data["previous"]["startTime"]];
        let more = [&data["reminder"], &data["notification"]["message"], &data["failure"]["reason"], &data["reply"]];
        let parts = parts.into_iter().chain(more).filter(|it| !it.is_null());
        format!("{} {}", event.kind, parts.map(Value::to_string).collect::<Vec<_>>().join(" "))
    };
    events(world).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn kinds(world: &TestWorld) -> Vec<EventType> {
    events(world).into_iter().map(|it| it.kind).collect()
}

fn data(world: &TestWorld, kind: EventType) -> Value {
    events(world).into_iter().find(|it| it.kind == kind).expect("an event").data
}

#[test]
fn each_story_has_its_events() {
    let lines = ALL.map(|story| format!("{}:\n{}", story.name, lines(&play(&story))));
    assert_snapshot!(lines.join("\n\n"), @r#"
    takes place:
    booking.created "invitee-1" "active"
    booking.reminded "invitee-1" "active" {"channel":"sms","minutesBefore":1440}
    booking.reminded "invitee-1" "active" {"channel":"sms","minutesBefore":60}
    booking.completed "invitee-1" "active"

    not VAI's:
    booking.created "invitee-1" "active"
    booking.reminded "invitee-1" "active" {"channel":"sms","minutesBefore":1440}
    booking.reminded "invitee-1" "active" {"channel":"sms","minutesBefore":60}
    booking.completed "invitee-1" "active"

    moved and canceled:
    booking.created "invitee-1" "active"
    booking.rescheduled "invitee-2" "active" "2026-11-25T08:30:00.000Z"
    booking.canceled "invitee-2" "canceled"

    moved, new half first:
    booking.created "invitee-1" "active"
    booking.rescheduled "invitee-2" "active" "2026-11-25T08:30:00.000Z"
    booking.reminded "invitee-2" "active" {"channel":"sms","minutesBefore":1440}
    booking.reminded "invitee-2" "active" {"channel":"sms","minutesBefore":60}
    booking.completed "invitee-2" "active"

    moved from an unknown booking:
    booking.created "invitee-1" "active"
    booking.rescheduled "invitee-2" "active" "2026-11-25T08:30:00.000Z"
    booking.reminded "invitee-2" "active" {"channel":"sms","minutesBefore":1440}
    booking.reminded "invitee-2" "active" {"channel":"sms","minutesBefore":60}
    booking.completed "invitee-2" "active"

    canceled before created:
    booking.created "invitee-1" "active"
    booking.canceled "invitee-1" "canceled"
    "#);
}

#[test]
fn an_event_has_all_that_is_known_of_a_booking() {
    let world = world();
    world.store_metadata();
    let mut body: Value = serde_json::from_slice(&first().created()).expect("JSON");
    body["payload"]["tracking"]["utm_source"] = json!("newsletter");
    world.receive_webhook(body.to_string().as_bytes());
    assert_json_snapshot!(data(&world, EventType::BookingCreated), @r#"
    {
      "agentType": "sales",
      "answers": [
        {
          "answer": "Exemplu SRL",
          "question": "Company"
        },
        {
          "answer": "+40712345678",
          "question": "Phone number"
        }
      ],
      "booking": {
        "cancelUrl": "https://calendly.com/cancellations/invitee-1",
        "endTime": "2026-11-25T09:00:00.000Z",
        "eventType": "Sales Demo",
        "eventUuid": "event-1",
        "hosts": [
          {
            "email": "maria@example.com",
            "name": "Maria Popescu"
          }
        ],
        "id": "bk-a2cb1efe6d422e3573dbec39d55a8230",
        "inviteeUuid": "invitee-1",
        "isVai": true,
        "joinUrl": "https://zoom.example/j/1",
        "language": "ro",
        "rescheduleUrl": "https://calendly.com/reschedulings/invitee-1",
        "startTime": "2026-11-25T08:30:00.000Z",
        "status": "active",
        "timezone": "Europe/Bucharest"
      },
      "conversationId": "conv-1",
      "invitee": {
        "email": "ana.ionescu@example.com",
        "firstName": "Ana",
        "name": "Ana Ionescu",
        "phone": "+40712345678"
      },
      "qualification": {},
      "tracking": {
        "utmSource": "newsletter"
      },
      "userId": "user-1"
    }
    "#);
}

#[test]
fn a_move_tells_the_old_time_and_a_cancellation_its_reason() {
    let world = world();
    world.receive_webhook(&first().created());
    world.receive_webhook(&second().created());
    world.receive_webhook(&first().moved_away(&second()));
    world.receive_webhook(&second().canceled("2026-11-22T08:59:58Z", "invitee", "Nu mai am timp"));
    let moved = data(&world, EventType::BookingRescheduled);
    assert_eq!(moved["previous"]["startTime"], "2026-11-25T08:30:00.000Z");
    assert_eq!(moved["booking"]["startTime"], "2026-11-26T12:00:00.000Z");
    let canceled = data(&world, EventType::BookingCanceled);
    assert_eq!(
        canceled["cancellation"],
        json!({"by": "invitee", "reason": "Nu mai am timp", "at": "2026-11-22T08:59:58.000Z"})
    );
    assert_eq!(canceled["booking"]["status"], "canceled");
}

#[test]
fn the_old_half_of_a_move_is_no_cancellation() {
    let world = world();
    world.receive_webhook(&first().created());
    world.receive_webhook(&first().moved_away(&second()));
    assert_eq!(kinds(&world), [EventType::BookingCreated], "while the new half is not known");
    world.receive_webhook(&second().created());
    assert_eq!(kinds(&world), [EventType::BookingCreated, EventType::BookingRescheduled]);
}

#[test]
fn a_meeting_is_completed_half_an_hour_after_its_end_unless_the_invitee_did_not_come() {
    use EventType::{BookingCompleted, BookingNoShow, BookingNoShowWithdrawn};
    let after = |happens: &dyn Fn(&TestWorld)| {
        let world = world();
        world.receive_webhook(&first().created());
        world.wait_until("2026-11-25T09:29:59Z");
        assert!(!kinds(&world).contains(&BookingCompleted));
        happens(&world);
        world.wait_until("2026-11-27T00:00:00Z");
        let ends = [BookingCompleted, BookingNoShow, BookingNoShowWithdrawn];
        kinds(&world).into_iter().filter(|it| ends.contains(it)).collect::<Vec<_>>()
    };
    let mark = |world: &TestWorld, when: &str, marked| world.receive_webhook(&first().no_show(when, marked));
    assert_eq!(after(&|_| {}), [BookingCompleted]);
    assert_eq!(after(&|world| mark(world, "2026-11-25T09:10:00Z", true)), [BookingNoShow]);
    let came = |world: &TestWorld| {
        mark(world, "2026-11-25T09:10:00Z", true);
        mark(world, "2026-11-25T09:20:00Z", false);
    };
    assert_eq!(after(&came), [BookingNoShow, BookingNoShowWithdrawn, BookingCompleted]);
    let came_after_all = |world: &TestWorld| {
        mark(world, "2026-11-25T09:10:00Z", true);
        world.wait_until("2026-11-25T12:00:00Z");
        mark(world, "2026-11-25T11:00:00Z", false);
        mark(world, "2026-11-25T11:30:00Z", true);
    };
    assert_eq!(after(&came_after_all), [BookingNoShow, BookingNoShowWithdrawn, BookingCompleted, BookingNoShow]);
    let canceled = |world: &TestWorld| {
        world.receive_webhook(&first().canceled("2026-11-25T09:00:00Z", "host", ""));
    };
    assert_eq!(after(&canceled), []);
}

#[test]
fn a_booking_that_becomes_known_long_after_its_end_is_not_completed() {
    let known_at = |when: &str| {
        let world = TestWorld::new(when);
        publish(&world);
        world.receive_webhook(&first().created());
        world.wait_until("2026-12-01T00:00:00Z");
        kinds(&world).contains(&EventType::BookingCompleted)
    };
    assert!(known_at("2026-11-25T12:00:00Z"));
    assert!(!known_at("2026-11-26T12:00:00Z"));
}

#[test]
fn receipts_are_events() {
    let world = world();
    world.receive_webhook(&first().created());
    let receive = |delivery| world.process_feedback(&Feedback::Receipt(world.receipt("sms-confirmation", delivery)));
    assert_eq!(receive(Delivery::Sent), "sent");
    assert_eq!(kinds(&world), [EventType::BookingCreated]);
    assert_eq!(receive(Delivery::Delivered), "delivered");
    assert_eq!(receive(Delivery::Delivered), "old");
    let delivered = data(&world, EventType::NotificationDelivered);
    assert_eq!(delivered["notification"]["message"], "confirmation");
    assert_eq!((&delivered["notification"]["channel"], &delivered["failure"]), (&json!("sms"), &Value::Null));
    assert_eq!(receive(Delivery::Failed), "old", "nothing takes an arrival back");
    assert_eq!(events(&world).len(), 2);

    let world = self::world();
    world.receive_webhook(&first().created());
    let receive = |delivery| world.process_feedback(&Feedback::Receipt(world.receipt("sms-confirmation", delivery)));
    assert_eq!(receive(Delivery::Failed), "undelivered");
    assert_eq!(data(&world, EventType::NotificationFailed)["failure"], json!({"reason": "undelivered"}));
}

#[test]
fn a_message_that_fails_is_an_event() {
    let world = world();
    world.faults.providers_answer([refused(Reason::ProviderRefused)]);
    world.receive_webhook(&first().created());
    let failed = data(&world, EventType::NotificationFailed);
    assert_eq!(failed["failure"], json!({"reason": "provider_refused", "detail": "as the test asks"}));
}

#[test]
fn a_reply_is_an_event_with_its_words_and_the_words_are_nowhere_else() {
    let world = world();
    world.receive_webhook(&first().created());
    let reply = |id: &str, text: &str| {
        let from = Phone::parse(PHONE).expect("a number");
        let reply =
            Reply { id: Some(id.to_owned()), from, text: text.into(), meaning: None, at: at("2026-11-21T09:00:00Z") };
        world.now.set(world.now.get() + jiff::SignedDuration::from_secs(1));
        world.process_feedback(&Feedback::Reply(reply))
    };
    assert_eq!(reply("SM1", "Can we talk later?"), "reply");
    assert_eq!(reply("SM1", "Can we talk later?"), "reply");
    assert_eq!(reply("SM2", "STOP"), "stop");
    assert_eq!(reply("SM3", &"x".repeat(9_999)), "reply");
    let replies: Vec<_> = events(&world).into_iter().filter(|it| it.kind == EventType::NotificationReplied).collect();
    let of = |index: usize, key: &str| replies[index].data["reply"][key].clone();
    assert_eq!(replies.len(), 3);
    assert_eq!((of(0, "text"), of(0, "meaning")), (json!("Can we talk later?"), json!("other")));
    assert_eq!((of(1, "text"), of(1, "meaning")), (json!("STOP"), json!("stop")));
    assert_eq!(of(2, "text").as_str().map(str::len), Some(2_000));
    assert_eq!(replies[0].data["notification"]["message"], "confirmation");
    let state = world.state.borrow();
    assert!(!format!("{:?}", state.commands).contains("talk later"));
    assert!(!serde_json::to_string(&world.booking()).expect("JSON").contains("talk later"));
}

#[test]
fn a_connection_without_endpoints_has_no_events() {
    for story in ALL {
        let world = story.play(|_| {});
        let state = world.state.borrow();
        assert!(state.events.is_empty() && state.event_logs.is_empty() && state.published.is_empty());
        assert!(!world.command_lines().iter().any(|it| it.starts_with("publish") || it.starts_with("completion")));
    }
}

#[test]
fn the_first_endpoint_tells_nothing_old() {
    let world = TestWorld::new("2026-11-20T09:00:02Z");
    world.receive_webhook(&first().created());
    world.wait_until("2026-11-24T09:00:00Z");
    publish(&world);
    let delivered = world.receipt("sms-reminder-1440m", Delivery::Delivered);
    assert_eq!(world.process_feedback(&Feedback::Receipt(delivered)), "delivered");
    assert_eq!(kinds(&world), [EventType::NotificationDelivered], "not the booking, nor the reminder before");
    world.wait_until("2026-11-26T00:00:00Z");
    use EventType::{BookingCompleted, BookingReminded, NotificationDelivered};
    assert_eq!(kinds(&world), [NotificationDelivered, BookingReminded, BookingCompleted]);
}

#[test]
fn what_happens_without_an_endpoint_is_not_told_later_and_numbers_go_on() {
    let world = world();
    world.receive_webhook(&first().created());
    world.change_settings(|settings| settings.publishes = false);
    world.receive_webhook(&second().created());
    world.receive_webhook(&first().moved_away(&second()));
    publish(&world);
    world.receive_webhook(&second().canceled("2026-11-22T08:59:58Z", "host", ""));
    assert_eq!(kinds(&world), [EventType::BookingCreated, EventType::BookingCanceled]);
}

#[test]
fn an_event_type_that_the_settings_exclude_has_no_events() {
    let world = world();
    world.change_settings(|settings| settings.act_on = vec!["Another Demo".to_owned()]);
    world.receive_webhook(&first().created());
    assert_eq!(kinds(&world), []);
}

#[test]
fn without_the_deliveries_queue_events_are_told_later() {
    let world = world();
    world.faults.take_down(Call::Publish);
    world.receive_webhook(&first().created());
    assert!(world.state.borrow().published.is_empty());
    assert_eq!(world.state.borrow().events.len(), 1);
    world.faults.restore();
    world.wait_until("2026-11-20T09:10:00Z");
    assert_eq!(kinds(&world), [EventType::BookingCreated]);
}

#[test]
fn the_timeline_shows_events() {
    let world = play(&ALL[0]);
    let timeline = timeline(&world);
    let shown: Vec<_> = timeline.lines().filter(|it| it.contains("event") || it.contains("end of the")).collect();
    assert_snapshot!(shown.join("\n"), @"
    20 Nov 09:00:02 | end of the meeting | has a timer for Wed 25 Nov 2026 11:30 Europe/Bucharest
    20 Nov 09:00:02 | events for customers' systems | booking.created appended as number 1
    20 Nov 09:00:02 | events for customers' systems | passed to the deliveries queue
    24 Nov 08:30:00 | events for customers' systems | booking.reminded appended as number 2
    24 Nov 08:30:00 | events for customers' systems | passed to the deliveries queue
    25 Nov 07:30:00 | events for customers' systems | booking.reminded appended as number 3
    25 Nov 07:30:00 | events for customers' systems | passed to the deliveries queue
    25 Nov 09:30:00 | end of the meeting | the meeting counts as completed
    25 Nov 09:30:00 | events for customers' systems | booking.completed appended as number 4
    25 Nov 09:30:00 | events for customers' systems | passed to the deliveries queue
    ");
}

#[test]
fn with_an_endpoint_a_booking_costs_one_call_of_the_queue_and_one_write_more_per_decision() {
    let costs = |publishes: bool| {
        let world = TestWorld::new("2026-11-20T09:00:02Z");
        world.change_settings(|settings| settings.publishes = publishes);
        world.receive_webhook(&Meeting { token: None, phone: None, ..first() }.created());
        let booked = world.call_count();
        world.receive_webhook(&Meeting { token: None, phone: None, ..first() }.created());
        let repeated = world.call_count();
        world.receive_webhook(&Meeting { token: None, ..first() }.canceled("2026-11-21T09:00:00Z", "host", ""));
        let count = |call| world.count_calls(call);
        let extra = [Call::Publish, Call::SetTimer, Call::RemoveTimer].map(count);
        (booked, repeated - booked, world.call_count() - repeated, extra, world.state.borrow().events.len())
    };
    let (without, with) = (costs(false), costs(true));
    // Told: call and settle. The timer of the end: set and settled, then removed and settled.
    assert_eq!((with.0 - without.0, with.1, with.2 - without.2), (4, without.1, 4), "{without:?} {with:?}");
    assert_eq!((without.3[0], with.3[0]), (0, 2));
    assert_eq!((without.4, with.4), (0, 2), "rows of the log");
}

#[test]
fn a_reminder_with_an_endpoint_costs_one_more_decision() {
    let world = world();
    world.receive_webhook(&first().created());
    let before = world.call_count();
    world.wait_until("2026-11-24T09:00:00Z");
    use Call::{Claim, CommitDecision, FetchInvitee, LoadBooking, LoadContact, Publish, ReplaceCommand, ReserveSms};
    let told = [LoadBooking, CommitDecision, Publish, ReplaceCommand];
    let reminder = [LoadBooking, FetchInvitee, LoadContact, ReserveSms, Claim, Call::SendSms, Call::Settle];
    assert_eq!(world.calls_from(before), [&reminder[..], &told].concat());
}

/// Asserts that a world with a fault has the events of the one without, each told of. A reminder whose outcome is not
/// known is not told.
fn assert_same_events(calm: &TestWorld, faulty: &TestWorld, what: &str) {
    let ids = |world| events(world).into_iter().map(|it| (it.id, it.kind)).collect::<BTreeMap<_, _>>();
    let (expected, found) = (ids(calm), ids(faulty));
    let unknown = faulty.command_lines().iter().filter(|it| it.contains(": unknown")).count();
    let missing: Vec<_> = expected.iter().filter(|(id, _)| !found.contains_key(*id)).map(|(_, kind)| *kind).collect();
    assert!(
        missing.len() <= unknown && missing.iter().all(|it| *it == EventType::BookingReminded),
        "{what}: {missing:?}"
    );
    let extra: Vec<_> = found.iter().filter(|(id, _)| !expected.contains_key(*id)).collect();
    assert!(extra.is_empty(), "{what}: {extra:?}");
    let state = faulty.state.borrow();
    assert!(state.dead_letters.is_empty() && state.schedules.is_empty(), "{what}");
    let open: Vec<_> = state.commands.values().filter(|(_, it)| !it.state.is_final()).map(|(_, it)| &it.id).collect();
    assert!(open.is_empty(), "{what}: {open:?}");
}

#[test]
fn killed_at_every_step_or_with_every_call_failing_no_event_is_lost_or_doubled() {
    let mut faults = [false, true].map(|has_effect| Fault::Killed { has_effect }).to_vec();
    faults.extend([Fault::Fails, Fault::NoAnswer { has_effect: true }, Fault::NoAnswer { has_effect: false }]);
    let mut histories = 0;
    for story in ALL {
        let calm = play(&story);
        for (number, call) in calm.calls_from(0).into_iter().enumerate() {
            for fault in &faults {
                let faulty = story.play(|world| {
                    publish(world);
                    world.faults.at_call(number, fault.clone());
                });
                assert_same_events(&calm, &faulty, &format!("{}, {fault:?} at {number} ({call:?})", story.name));
                histories += 1;
            }
        }
    }
    println!("{histories} histories");
    assert!(histories > 1_000);
}

#[test]
fn killed_at_every_step_of_feedback_its_event_is_told_once() {
    let play = |fault: Option<(usize, Fault)>| {
        let world = world();
        world.receive_webhook(&first().created());
        let begin = world.call_count();
        if let Some((number, fault)) = fault {
            world.faults.at_call(begin + number, fault);
        }
        let receipt = world.receipt("sms-confirmation", Delivery::Delivered);
        let from = Phone::parse(PHONE).expect("a number");
        let reply = Reply {
            id: Some("SM1".to_owned()),
            from,
            text: "Hello".into(),
            meaning: None,
            at: at("2026-11-20T09:00:30Z"),
        };
        for feedback in [Feedback::Receipt(receipt), Feedback::Reply(reply)] {
            for _ in 0..3 {
                let run = async |invocation: engine::Invocation<'_, _>| invocation.process_feedback(&feedback).await;
                let done = world.try_in_invocation(fakes::TIME_OUT, run);
                world.now.set(world.now.get() + jiff::SignedDuration::from_secs(200));
                if matches!(done, Some(Ok(_))) {
                    break;
                }
            }
        }
        world.wait_until("2026-11-20T10:00:00Z");
        let calls = world.call_count() - begin;
        (kinds(&world), calls)
    };
    let (expected, calls) = play(None);
    use EventType::{BookingCreated, NotificationDelivered, NotificationReplied};
    assert_eq!(expected, [BookingCreated, NotificationDelivered, NotificationReplied]);
    assert!(calls >= 8, "{calls} calls");
    for number in 0..calls {
        for fault in [Fault::Killed { has_effect: false }, Fault::Killed { has_effect: true }, Fault::Fails] {
            assert_eq!(play(Some((number, fault.clone()))).0, expected, "{fault:?} at call {number}");
        }
    }
}

#[test]
fn two_functions_at_once_append_each_event_once() {
    for seed in 0..60 {
        let world = world();
        let (created, moved) = (world.envelope(&first().created()), world.envelope(&second().created()));
        world.add_to_calendly(first().looked_up(Some(&second())));
        world.invoke_two_at_once([(Queue::Intake, &created), (Queue::Intake, &moved)], seed);
        world.wait_until("2026-11-20T10:00:00Z");
        let kinds: BTreeSet<_> = kinds(&world).into_iter().collect();
        let expected = [EventType::BookingCreated, EventType::BookingRescheduled];
        assert_eq!(kinds, BTreeSet::from(expected), "seed {seed}");
    }
}

#[test]
fn a_publish_command_that_no_try_can_perform_is_trouble() {
    let world = world();
    world.faults.take_down(Call::Publish);
    world.receive_webhook(&first().created());
    world.wait_until("2026-11-24T09:00:00Z");
    assert!(world.command_lines().iter().any(|it| it.starts_with("publish of invitee-1: unknown")));
}
