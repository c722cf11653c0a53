//! Stories: what happens to a booking, and the world that it leaves. Each is also played with every message delivered
//! twice, which must leave the same world.

use domain::settings::{Audience, Channel};
use domain::{BookingState, Line, Outcome, uri_uuid};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::payload::Meeting;
use crate::world::{TestWorld, no_answer, settings, unreachable};

/// What happens in a world that begins at an instant.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    pub(crate) name: &'static str,
    begins: &'static str,
    happens: fn(&TestWorld),
}

impl Story {
    /// Plays the story in a new world. Returns that world.
    pub(crate) fn play(&self, prepare: impl FnOnce(&mut TestWorld)) -> TestWorld {
        let mut world = TestWorld::new(self.begins);
        prepare(&mut world);
        (self.happens)(&world);
        world
    }
}

fn first() -> Meeting {
    Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z")
}

fn second() -> Meeting {
    first().moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z")
}

/// Booked, and it takes place.
const TAKES_PLACE: Story = Story {
    name: "takes place",
    begins: "2026-11-20T09:00:02Z",
    happens: |world| {
        world.store_metadata();
        world.receive_webhook(&first().created());
        world.wait_until("2026-11-26T00:00:00Z");
    },
};

/// Booked by a person on Calendly's page, without VAI.
const NOT_VAIS: Story = Story {
    name: "not VAI's",
    begins: "2026-11-20T09:00:02Z",
    happens: |world| {
        world.receive_webhook(&Meeting { token: None, ..first() }.created());
        world.wait_until("2026-11-26T00:00:00Z");
    },
};

/// Booked, moved (the old half arrives first), canceled by the invitee for lack of time.
const MOVED_AND_CANCELED: Story = Story {
    name: "moved and canceled",
    begins: "2026-11-20T09:00:02Z",
    happens: |world| {
        world.store_metadata();
        world.receive_webhook(&first().created());
        world.wait_until("2026-11-21T10:00:01Z");
        world.receive_webhook(&first().moved_away(&second()));
        world.receive_webhook(&second().created());
        world.wait_until("2026-11-22T09:00:00Z");
        world.receive_webhook(&second().canceled("2026-11-22T08:59:58Z", "invitee", "Nu mai am timp"));
        world.wait_until("2026-11-28T00:00:00Z");
    },
};

/// The same move. Its new half arrives first.
const MOVED_NEW_HALF_FIRST: Story = Story {
    name: "moved, new half first",
    begins: "2026-11-20T09:00:02Z",
    happens: |world| {
        world.store_metadata();
        world.receive_webhook(&first().created());
        world.wait_until("2026-11-21T10:00:01Z");
        world.receive_webhook(&second().created());
        world.receive_webhook(&first().moved_away(&second()));
        world.wait_until("2026-11-28T00:00:00Z");
    },
};

/// Only the move arrives: the first meeting was booked before the webhook existed.
const MOVED_FROM_UNKNOWN: Story = Story {
    name: "moved from an unknown booking",
    begins: "2026-11-21T10:00:01Z",
    happens: |world| {
        world.store_metadata();
        world.add_to_calendly(first().looked_up(Some(&second())));
        world.receive_webhook(&second().created());
        world.receive_webhook(&first().moved_away(&second()));
        world.wait_until("2026-11-28T00:00:00Z");
    },
};

/// The cancellation arrives before the booking.
const CANCELED_BEFORE_CREATED: Story = Story {
    name: "canceled before created",
    begins: "2026-11-20T09:00:02Z",
    happens: |world| {
        world.store_metadata();
        world.receive_webhook(&first().canceled("2026-11-20T09:00:01Z", "host", "Bolnavă"));
        world.receive_webhook(&first().created());
        world.wait_until("2026-11-28T00:00:00Z");
    },
};

/// Every story.
pub(crate) const ALL: [Story; 6] =
    [TAKES_PLACE, NOT_VAIS, MOVED_AND_CANCELED, MOVED_NEW_HALF_FIRST, MOVED_FROM_UNKNOWN, CANCELED_BEFORE_CREATED];

/// Shows a world: what was done, then the commands with their states.
pub(crate) fn shown(world: &TestWorld) -> String {
    format!("{}\n\n{}", world.effects().join("\n"), world.command_lines().join("\n"))
}

/// Shows a booking's timeline as `make explain` does, in UTC.
pub(crate) fn timeline(world: &TestWorld) -> String {
    let state = world.state.borrow();
    let record = state.record(state.bookings.keys().next().expect("a booking")).expect("a booking");
    let line = |line: Line| format!("{} | {} | {}", line.at.strftime("%d %b %H:%M:%S"), line.what, line.happened);
    let lines = domain::timeline(&record.booking, &record.facts, &record.commands, &[], &record.openings);
    lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns a world a moment after the first meeting was booked.
fn world() -> TestWorld {
    TestWorld::new("2026-11-20T09:00:02Z")
}

/// Returns a world in which the first meeting is booked.
fn booked_world() -> TestWorld {
    let world = world();
    world.receive_webhook(&first().created());
    world
}

/// The first meeting, booked without VAI.
fn without_vai() -> Meeting {
    Meeting { token: None, ..first() }
}

#[test]
fn a_booking_that_takes_place() {
    assert_snapshot!(shown(&TAKES_PLACE.play(|_| {})), @"
    SMS confirmation [confirmation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    e-mail confirmation [calendly_confirmation, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    VAI confirmed sales-demo 2026-11-25T08:30:00Z
    analytics invitee_created invitee-1
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS follow_up [follow_up-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest

    log-invitee-created of invitee-1: done
    mail-confirmation of invitee-1: done
    sms-confirmation of invitee-1: done
    sms-follow-up-30m of invitee-1: done
    sms-reminder-1440m of invitee-1: done
    sms-reminder-60m of invitee-1: done
    vai-confirmed of invitee-1: done
    ");
}

#[test]
fn a_booking_that_vai_did_not_make() {
    assert_snapshot!(shown(&NOT_VAIS.play(|_| {})), @"
    SMS confirmation [confirmation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    analytics invitee_created invitee-1
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS follow_up [follow_up-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest

    log-invitee-created of invitee-1: done
    mail-confirmation of invitee-1: skipped (not_vais)
    sms-confirmation of invitee-1: done
    sms-follow-up-30m of invitee-1: done
    sms-reminder-1440m of invitee-1: done
    sms-reminder-60m of invitee-1: done
    ");
}

#[test]
fn a_move_is_one_fact_and_a_cancellation_another() {
    assert_snapshot!(shown(&MOVED_AND_CANCELED.play(|_| {})), @"
    SMS confirmation [confirmation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    e-mail confirmation [calendly_confirmation, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    VAI confirmed sales-demo 2026-11-25T08:30:00Z
    analytics invitee_created invitee-1
    SMS move [move-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest
    VAI rescheduled 2026-11-25T08:30:00Z -> 2026-11-26T12:00:00Z
    analytics invitee_rescheduled invitee-2
    SMS cancellation [cancellation-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest
    VAI canceled conv-1
    VAI offers help to ana.ionescu@example.com at 2026-11-23T08:59:58Z
    analytics invitee_canceled invitee-2

    heal of invitee-1: withdrawn
    log-invitee-canceled of invitee-2: done
    log-invitee-created of invitee-1: done
    log-invitee-rescheduled of invitee-2: done
    mail-confirmation of invitee-1: done
    sms-cancellation of invitee-2: done
    sms-confirmation of invitee-1: done
    sms-follow-up-30m of invitee-1: withdrawn
    sms-follow-up-30m of invitee-2: withdrawn
    sms-move of invitee-2: done
    sms-reminder-1440m of invitee-1: withdrawn
    sms-reminder-1440m of invitee-2: withdrawn
    sms-reminder-60m of invitee-1: withdrawn
    sms-reminder-60m of invitee-2: withdrawn
    vai-canceled of invitee-2: done
    vai-confirmed of invitee-1: done
    vai-offer-help of invitee-2: done
    vai-rescheduled of invitee-2: done
    ");
}

#[test]
fn a_move_is_the_same_in_either_order() {
    assert_snapshot!(shown(&MOVED_NEW_HALF_FIRST.play(|_| {})), @"
    SMS confirmation [confirmation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    e-mail confirmation [calendly_confirmation, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    VAI confirmed sales-demo 2026-11-25T08:30:00Z
    analytics invitee_created invitee-1
    SMS move [move-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest
    VAI rescheduled 2026-11-25T08:30:00Z -> 2026-11-26T12:00:00Z
    analytics invitee_rescheduled invitee-2
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest
    SMS follow_up [follow_up-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest

    log-invitee-created of invitee-1: done
    log-invitee-rescheduled of invitee-2: done
    mail-confirmation of invitee-1: done
    sms-confirmation of invitee-1: done
    sms-follow-up-30m of invitee-1: withdrawn
    sms-follow-up-30m of invitee-2: done
    sms-move of invitee-2: done
    sms-reminder-1440m of invitee-1: withdrawn
    sms-reminder-1440m of invitee-2: done
    sms-reminder-60m of invitee-1: withdrawn
    sms-reminder-60m of invitee-2: done
    vai-confirmed of invitee-1: done
    vai-rescheduled of invitee-2: done
    ");
}

#[test]
fn a_move_from_an_unknown_booking_reads_the_old_time_from_calendly() {
    let world = MOVED_FROM_UNKNOWN.play(|_| {});
    assert!(world.effects().contains(&"VAI rescheduled 2026-11-25T08:30:00Z -> 2026-11-26T12:00:00Z".to_owned()));
    assert_snapshot!(shown(&world), @"
    SMS move [move-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest
    VAI rescheduled 2026-11-25T08:30:00Z -> 2026-11-26T12:00:00Z
    analytics invitee_rescheduled invitee-2
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest
    SMS follow_up [follow_up-1, ro] to +40712345678: Sales Demo Thu 26 Nov 14:00 Europe/Bucharest

    log-invitee-rescheduled of invitee-2: done
    sms-follow-up-30m of invitee-2: done
    sms-move of invitee-2: done
    sms-reminder-1440m of invitee-2: done
    sms-reminder-60m of invitee-2: done
    vai-rescheduled of invitee-2: done
    ");
}

/// A is moved to B, and B to C, and Calendly does not know B any more. Whatever arrives first, nothing becomes a dead
/// letter, the meeting at C stands, and nobody is reminded of A's hour.
#[test]
fn a_chain_of_moves_with_a_link_that_calendly_no_longer_knows_settles() {
    for token in [None, Some(crate::payload::TOKEN)] {
        let a = Meeting { token, ..first() };
        let b = a.moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z");
        let c = b.moved(3, "2026-11-21T11:00:00Z", "2026-11-27T12:00:00Z");
        let bodies = [a.created(), c.created(), a.moved_away(&b), b.created()];
        // B's own webhook comes last, or never.
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for is_b_heard in [false, true] {
                let name = format!("{order:?} {is_b_heard} {token:?}");
                let world = TestWorld::new("2026-11-21T11:00:02Z");
                if token.is_some() {
                    world.store_metadata();
                }
                world.add_to_calendly(a.looked_up(Some(&b)));
                world.add_to_calendly(c.looked_up(None));
                for step in order {
                    world.receive_webhook(&bodies[step]);
                }
                if is_b_heard {
                    world.receive_webhook(&bodies[3]);
                }
                world.wait_until("2026-11-28T00:00:00Z");
                let state = world.state.borrow();
                assert_eq!(state.dead_letters, [], "{name}");
                let active: Vec<_> = state
                    .bookings
                    .values()
                    .filter_map(|(booking, _)| match booking.state() {
                        Some(BookingState::Active(leg)) => Some(leg.details.start),
                        _ => None,
                    })
                    .collect();
                assert_eq!(active, [c.start], "{name}");
                if state.bookings.len() > 1 {
                    let names_other = |booking: &domain::Booking| !booking.elsewhere().is_empty();
                    assert!(state.bookings.values().any(|(it, _)| names_other(it)), "{name}");
                }
                drop(state);
                let reminded: Vec<_> =
                    world.effects().into_iter().filter(|it| it.starts_with("SMS reminder")).collect();
                assert!(reminded.iter().all(|it| it.contains("Fri 27 Nov")), "{name}: {reminded:?}");
                assert_eq!(reminded.len(), 2, "{name}: {reminded:?}");
            }
        }
    }
}

#[test]
fn a_booking_that_is_canceled_before_it_arrives_is_never_confirmed() {
    let world = CANCELED_BEFORE_CREATED.play(|_| {});
    assert!(!world.effects().iter().any(|it| it.contains("confirm")), "{:?}", world.effects());
    assert_snapshot!(shown(&world), @"
    SMS cancellation [cancellation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    VAI canceled conv-1
    analytics invitee_canceled invitee-1
    analytics invitee_created invitee-1

    log-invitee-canceled of invitee-1: done
    log-invitee-created of invitee-1: done
    sms-cancellation of invitee-1: done
    vai-canceled of invitee-1: done
    ");
}

#[test]
fn every_story_with_each_message_delivered_twice_leaves_the_same_world() {
    for story in ALL {
        let (once, twice) = (story.play(|_| {}), story.play(|world| world.delivers_twice = true));
        assert_eq!(shown(&once), shown(&twice), "{}", story.name);
        assert_eq!(once.booking(), twice.booking(), "{}", story.name);
    }
}

#[test]
fn a_replay_of_every_webhook_within_its_window_changes_nothing() {
    let world = world();
    let (moved, canceled) = (second(), second().canceled("2026-11-22T08:59:58Z", "invitee", "Nu mai am timp"));
    let webhooks = [
        ("2026-11-20T09:00:02Z", first().created()),
        ("2026-11-21T10:00:01Z", first().moved_away(&moved)),
        ("2026-11-21T10:00:02Z", moved.created()),
        ("2026-11-22T09:00:00Z", canceled),
    ];
    for (at, webhook) in &webhooks {
        world.wait_until(at);
        world.receive_webhook(webhook);
    }
    world.wait_until("2026-11-22T11:00:00Z");
    let before = (shown(&world), world.booking());
    // Whoever captured them sends them again as often as they like, in any order, as late as the window allows.
    for hour in ["2026-11-22T11:00:01Z", "2026-11-23T10:59:59Z"] {
        world.wait_until(hour);
        for (_, webhook) in webhooks.iter().rev().chain(&webhooks) {
            world.receive_webhook(webhook);
        }
    }
    world.wait_until("2026-11-28T00:00:00Z");
    assert_eq!((shown(&world), world.booking()), before);
}

#[test]
fn a_message_is_in_the_language_and_time_zone_of_the_invitee() {
    let confirmations = ["America/New_York", "Asia/Taipei", "Europe/Copenhagen", "Mars/Olympus"].map(|zone| {
        let world = world();
        world.receive_webhook(&Meeting { zone: zone.into(), ..without_vai() }.created());
        world.effects().first().cloned().expect("a confirmation")
    });
    assert_snapshot!(confirmations.join("\n"), @"
    SMS confirmation [confirmation-1, en] to +40712345678: Sales Demo Wed 25 Nov 03:30 America/New_York
    SMS confirmation [confirmation-1, zh-Hant] to +40712345678: Sales Demo Wed 25 Nov 16:30 Asia/Taipei
    SMS confirmation [confirmation-1, da] to +40712345678: Sales Demo Wed 25 Nov 09:30 Europe/Copenhagen
    SMS confirmation [confirmation-1, en] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    ");
}

#[test]
fn a_late_or_stray_timer_sends_nothing_it_should_not() {
    let world = booked_world();
    let timers = world.state.borrow().schedules.clone();
    assert_eq!(timers.len(), 3, "two reminders and a follow-up");
    world.receive_webhook(&first().canceled("2026-11-20T09:05:00Z", "invitee", ""));
    assert!(world.state.borrow().schedules.is_empty(), "a cancellation removes its timers");
    let before = world.effects();
    // Somebody restores the timers after the meeting was canceled.
    world.state.borrow_mut().schedules = timers;
    world.wait_until("2026-12-01T00:00:00Z");
    assert_eq!(world.effects(), before);
}

#[test]
fn delayed_reminders_do_not_all_arrive_at_once() {
    let world = booked_world();
    // EventBridge is down for a day and a half. Both reminders come back 20 minutes before the start.
    let timers = world.take_timers();
    world.wait_until("2026-11-25T08:10:00Z");
    world.state.borrow_mut().schedules = timers;
    world.wait_until("2026-11-25T08:29:00Z");
    assert_eq!(world.count("SMS reminder"), 1, "{:?}", world.effects());
    world.assert_command("sms-reminder-1440m of invitee-1: skipped (superseded)");
}

#[test]
fn a_reminder_that_comes_after_the_start_is_not_sent() {
    let world = booked_world();
    let timers = world.take_timers();
    world.wait_until("2026-11-25T08:30:00Z");
    world.state.borrow_mut().schedules = timers;
    world.wait_until("2026-11-25T08:59:00Z");
    assert_eq!(world.count("SMS reminder"), 0, "{:?}", world.effects());
    world.assert_command("sms-reminder-60m of invitee-1: skipped (past_start)");
}

#[test]
fn a_provider_that_is_down_is_called_again_and_the_message_is_sent_once() {
    let world = world();
    world.faults.providers_answer([(); 4].map(|()| unreachable("refused")));
    world.receive_webhook(&without_vai().created());
    assert_eq!(world.effects(), Vec::<String>::new());
    world.wait_until("2026-11-20T12:00:00Z");
    assert_eq!(world.count("SMS confirmation"), 1, "{:?}", world.effects());
    assert!(world.state.borrow().dead_letters.is_empty());
}

#[test]
fn without_an_answer_a_confirmation_is_sent_once_more_and_a_reminder_is_not() {
    let world = world();
    world.receive_webhook(&without_vai().created());
    world.faults.providers_answer([no_answer(), no_answer()]);
    world.wait_until("2026-11-26T00:00:00Z");
    world.assert_command("sms-reminder-1440m of invitee-1: unknown (unknown)");
    assert_eq!(world.count("SMS reminder"), 2, "one each, none twice");

    let world = self::world();
    let done = Outcome::done(None);
    world.faults.providers_answer([no_answer(), done, no_answer(), no_answer()]);
    world.receive_webhook(&without_vai().created());
    world.wait_until("2026-11-20T12:00:00Z");
    assert_eq!(world.count("SMS confirmation"), 2, "once more, and not again");
}

#[test]
fn two_invitees_with_one_token_are_two_bookings_and_the_first_is_vais() {
    let world = world();
    world.store_metadata();
    world.receive_webhook(&first().created());
    // Ana passes her link, with our token in it, to a friend.
    let friend = Meeting { number: 7, ..first() };
    world.receive_webhook(&friend.created());
    world.receive_webhook(&friend.canceled("2026-11-20T10:00:00Z", "invitee", ""));
    let state = world.state.borrow();
    assert_eq!(state.bookings.len(), 2);
    let vais: Vec<_> = state.bookings.values().filter(|(it, _)| it.metadata.is_some()).collect();
    assert_eq!(vais.len(), 1, "VAI made one of them");
    assert!(matches!(vais[0].0.state(), Some(BookingState::Active(_))), "and that one is active");
}

#[test]
fn an_event_type_that_is_not_acted_on_is_only_recorded() {
    let world = world();
    world.change_settings(|settings| settings.act_on = vec!["Strategy Call".to_owned()]);
    world.store_metadata();
    world.receive_webhook(&first().created());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(world.effects(), Vec::<String>::new());
    assert_eq!(world.state.borrow().facts.len(), 1);
    let lines = world.command_lines();
    assert!(lines.iter().all(|it| it.ends_with("skipped (event_type_ignored)")), "{lines:?}");
}

#[test]
fn the_timeline_reads_like_a_story() {
    assert_snapshot!(timeline(&MOVED_AND_CANCELED.play(|_| {})));
}

#[test]
fn the_timeline_of_a_booking_with_many_changes() {
    let world = world();
    world.store_metadata();
    world.receive_webhook(&first().created());
    let third = second().moved(3, "2026-11-22T09:00:00Z", "2026-11-27T08:00:00Z");
    world.wait_until("2026-11-21T10:00:01Z");
    world.receive_webhook(&second().created());
    world.receive_webhook(&first().moved_away(&second()));
    world.wait_until("2026-11-22T09:00:01Z");
    world.receive_webhook(&second().moved_away(&third));
    world.receive_webhook(&third.created());
    // The reminder of the day before is delayed by 40 minutes, and its provider is down when it comes.
    let timers = world.take_timers();
    world.wait_until("2026-11-26T08:40:00Z");
    world.state.borrow_mut().schedules = timers;
    world.faults.providers_answer([unreachable("no connection")]);
    world.wait_until("2026-11-26T15:00:00Z");
    world.receive_webhook(&third.canceled("2026-11-26T14:59:58Z", "host", "Bolnavă"));
    world.wait_until("2026-11-28T00:00:00Z");
    assert_snapshot!(timeline(&world));
}

#[test]
fn the_cancellation_of_one_invitee_of_a_group_event_does_not_affect_the_others() {
    let world = world();
    let seat = |number: u32| {
        let mut body: Value = serde_json::from_slice(&Meeting { number, ..without_vai() }.created()).expect("JSON");
        // The same event for all, and an invitee for each.
        let event = "https://api.calendly.com/scheduled_events/webinar";
        body["payload"]["event"] = event.into();
        body["payload"]["scheduled_event"]["uri"] = event.into();
        body["payload"]["uri"] = format!("{event}/invitees/guest-{number}").into();
        body
    };
    for number in 1..=3 {
        world.receive_webhook(seat(number).to_string().as_bytes());
    }
    let mut canceled = seat(2);
    canceled["event"] = "invitee.canceled".into();
    canceled["payload"]["status"] = "canceled".into();
    canceled["payload"]["cancellation"] =
        json!({"canceled_by": "Ana", "reason": "", "canceler_type": "invitee", "created_at": "2026-11-20T10:00:00Z"});
    world.receive_webhook(canceled.to_string().as_bytes());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(world.state.borrow().bookings.len(), 3);
    assert_eq!(["SMS confirmation", "SMS cancellation", "SMS reminder"].map(|it| world.count(it)), [3, 1, 4]);
}

#[test]
fn a_change_of_settings_sends_nothing_for_old_bookings() {
    let world = world();
    world.change_settings(|settings| drop(settings.channels.insert("confirmation".to_owned(), vec![])));
    world.receive_webhook(&without_vai().created());
    let before = world.effects();
    // Days later somebody switches confirmations on, for everybody.
    world.change_settings(|it| {
        *it = settings();
        it.mail_for = Audience::All;
    });
    world.receive_webhook(&without_vai().created());
    world.store_metadata();
    world.wait_until("2026-11-24T12:00:00Z");
    let since: Vec<_> = world.effects().into_iter().skip(before.len()).collect();
    assert_eq!(since.len(), 1, "the reminder, and nothing else: {since:?}");
    assert!(since[0].starts_with("SMS reminder"), "{since:?}");
}

#[test]
fn reminders_follow_the_settings_off_and_on_again() {
    let world = world();
    world.receive_webhook(&without_vai().created());
    world.change_settings(|settings| settings.reminder_minutes = vec![1440]);
    world.receive_webhook(&without_vai().created());
    world.assert_command("sms-reminder-60m of invitee-1: withdrawn");
    world.change_settings(|it| *it = settings());
    world.receive_webhook(&without_vai().created());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(world.count("SMS reminder"), 2, "{:?}", world.command_lines());

    // When an event type is no longer acted on, nothing more is sent.
    let world = self::world();
    world.receive_webhook(&without_vai().created());
    let before = world.effects();
    world.change_settings(|settings| settings.act_on = vec!["Strategy Call".to_owned()]);
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(world.effects(), before);
}

#[test]
fn the_missing_half_of_a_move_is_fetched_from_calendly() {
    let world = world();
    world.store_metadata();
    world.receive_webhook(&first().created());
    world.wait_until("2026-11-21T10:00:01Z");
    world.add_to_calendly(second().looked_up(None));
    world.receive_webhook(&first().moved_away(&second()));
    assert!(!world.effects().iter().any(|it| it.contains("move")), "half a move is not announced");
    world.wait_until("2026-11-21T10:11:00Z");
    assert_eq!(world.count("SMS move"), 1, "{:?}", world.effects());
    // The webhook comes after all, hours late.
    world.wait_until("2026-11-21T16:00:00Z");
    world.receive_webhook(&second().created());
    world.wait_until("2026-11-28T00:00:00Z");
    assert_eq!(world.count("SMS move"), 1);
    assert_eq!(world.count("SMS reminder"), 2, "{:?}", world.effects());
    assert!(world.effects().contains(&"analytics invitee_rescheduled invitee-2".to_owned()));

    // Calendly does not know the new half either: that is stored, and nothing false is sent.
    let world = booked_world();
    world.receive_webhook(&first().moved_away(&second()));
    world.wait_until("2026-11-28T00:00:00Z");
    world.assert_command("heal of invitee-1: failed (not_found)");
    let is_false = |it: &String| it.starts_with("SMS reminder") || it.contains("cancel");
    assert!(!world.effects().iter().any(is_false), "{:?}", world.effects());
}

#[test]
fn an_invitee_who_did_not_come_gets_no_follow_up() {
    let play = |marks: &[bool]| {
        let world = booked_world();
        world.wait_until("2026-11-25T08:50:00Z");
        for (minute, marked) in marks.iter().enumerate() {
            world.receive_webhook(&first().no_show(&format!("2026-11-25T08:{:02}:00Z", 51 + minute), *marked));
        }
        world.wait_until("2026-11-26T00:00:00Z");
        world
    };
    assert_eq!(play(&[]).count("SMS follow_up"), 1);
    let absent = play(&[true]);
    assert_eq!(absent.count("SMS follow_up"), 0);
    absent.assert_command("sms-follow-up-30m of invitee-1: skipped (no_show)");
    assert_eq!(play(&[true, false]).count("SMS follow_up"), 1, "taken back in time");
    assert_eq!(play(&[true, false, true]).count("SMS follow_up"), 0);
}

#[test]
fn the_newest_statement_about_an_old_leg_does_not_make_it_the_current_one() {
    let world = booked_world();
    world.receive_webhook(&second().created());
    // The host edits the old event after the move: that statement is the newest of all.
    let mut old: Value = serde_json::from_slice(&first().moved_away(&second())).expect("JSON");
    old["payload"]["updated_at"] = "2026-11-22T00:00:00Z".into();
    world.receive_webhook(old.to_string().as_bytes());
    let booking = world.booking();
    let Some(BookingState::Active(leg)) = booking.state() else { panic!("{:?}", booking.state()) };
    assert_eq!(uri_uuid(leg.invitee.as_str()), "invitee-2");
}

#[test]
fn a_message_that_may_have_been_sent_never_ends_as_failed() {
    let world = world();
    world.change_settings(|settings| {
        (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]);
        settings.channels.insert("confirmation".to_owned(), vec![Channel::Sms]);
    });
    world.faults.providers_answer([no_answer()]);
    world.faults.providers_answer([(); 100].map(|()| unreachable("x")));
    world.receive_webhook(&without_vai().created());
    world.wait_until("2026-11-25T00:00:00Z");
    world.assert_command("sms-confirmation of invitee-1: unknown (unknown)");
    world.assert_command("log-invitee-created of invitee-1: failed (gave_up)");
}

#[test]
fn a_message_that_may_have_been_sent_is_not_shown_as_skipped() {
    let world = world();
    world.faults.providers_answer([no_answer()]);
    // The meeting begins before the confirmation would be tried again.
    world.receive_webhook(&Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-20T09:00:20Z").created());
    world.wait_until("2026-11-20T10:00:00Z");
    world.assert_command("sms-confirmation of invitee-1: unknown (past_start)");
}

#[test]
fn new_timers_are_set_before_old_ones_are_removed() {
    let world = booked_world();
    let old = world.state.borrow().schedules.clone();
    world.receive_webhook(&first().moved_away(&second()));
    assert!(old.keys().all(|it| world.state.borrow().schedules.contains_key(it)), "half a move removes nothing");
    world.receive_webhook(&second().created());
    let state = world.state.borrow();
    assert!(old.keys().all(|it| !state.schedules.contains_key(it)) && state.schedules.len() == 3);
}
