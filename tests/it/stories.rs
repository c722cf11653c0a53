//! Stories, each told as a person would and asserted on the world it leaves. Each is also told with every event
//! delivered twice, which must leave the same world.

use insta::assert_snapshot;

use crate::payload::Meeting;
use crate::world::Fake;

/// A story: what happens to a world that begins at an instant.
#[derive(Clone, Copy)]
pub(crate) struct BookingRecord {
    pub(crate) name: &'static str,
    pub(crate) begins: &'static str,
    pub(crate) tell: fn(&Fake),
}

impl BookingRecord {
    pub(crate) fn told(&self, prepare: impl FnOnce(&mut Fake)) -> Fake {
        let mut world = Fake::new(self.begins);
        prepare(&mut world);
        (self.tell)(&world);
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
pub(crate) const TAKES_PLACE: BookingRecord = BookingRecord {
    name: "takes place",
    begins: "2026-11-20T09:00:02Z",
    tell: |world| {
        world.vai_writes_metadata();
        world.webhook(&first().created());
        world.wait_until("2026-11-26T00:00:00Z");
    },
};

/// Booked by a person on Calendly's page: VAI has no part in it.
pub(crate) const NOT_VAIS: BookingRecord = BookingRecord {
    name: "not VAI's",
    begins: "2026-11-20T09:00:02Z",
    tell: |world| {
        world.webhook(&Meeting { token: None, ..first() }.created());
        world.wait_until("2026-11-26T00:00:00Z");
    },
};

/// Booked, moved (the old half is heard first), canceled by the invitee for want of time.
pub(crate) const MOVED_AND_CANCELED: BookingRecord = BookingRecord {
    name: "moved and canceled",
    begins: "2026-11-20T09:00:02Z",
    tell: |world| {
        world.vai_writes_metadata();
        world.webhook(&first().created());
        world.wait_until("2026-11-21T10:00:01Z");
        world.webhook(&first().moved_away(&second()));
        world.webhook(&second().created());
        world.wait_until("2026-11-22T09:00:00Z");
        world.webhook(&second().canceled("2026-11-22T08:59:58Z", "invitee", "Nu mai am timp"));
        world.wait_until("2026-11-28T00:00:00Z");
    },
};

/// The same move, with its new half heard first.
pub(crate) const MOVED_NEW_HALF_FIRST: BookingRecord = BookingRecord {
    name: "moved, new half first",
    begins: "2026-11-20T09:00:02Z",
    tell: |world| {
        world.vai_writes_metadata();
        world.webhook(&first().created());
        world.wait_until("2026-11-21T10:00:01Z");
        world.webhook(&second().created());
        world.webhook(&first().moved_away(&second()));
        world.wait_until("2026-11-28T00:00:00Z");
    },
};

/// Only the move is ever heard of: the first booking was made before the webhook was.
pub(crate) const MOVED_OUT_OF_NOWHERE: BookingRecord = BookingRecord {
    name: "moved out of nowhere",
    begins: "2026-11-21T10:00:01Z",
    tell: |world| {
        world.vai_writes_metadata();
        let old = first().looked_up(Some(&second()));
        world.state.borrow_mut().at_calendly.insert(old.leg.invitee.clone(), old);
        world.webhook(&second().created());
        world.webhook(&first().moved_away(&second()));
        world.wait_until("2026-11-28T00:00:00Z");
    },
};

/// The cancellation is heard before the booking.
pub(crate) const CANCELED_BEFORE_CREATED: BookingRecord = BookingRecord {
    name: "canceled before created",
    begins: "2026-11-20T09:00:02Z",
    tell: |world| {
        world.vai_writes_metadata();
        world.webhook(&first().canceled("2026-11-20T09:00:01Z", "host", "Bolnavă"));
        world.webhook(&first().created());
        world.wait_until("2026-11-28T00:00:00Z");
    },
};

/// Every story.
pub(crate) const ALL: [BookingRecord; 6] =
    [TAKES_PLACE, NOT_VAIS, MOVED_AND_CANCELED, MOVED_NEW_HALF_FIRST, MOVED_OUT_OF_NOWHERE, CANCELED_BEFORE_CREATED];

pub(crate) fn shown(world: &Fake) -> String {
    let mut told = world.told();
    told.push(String::new());
    told.extend(world.ledger());
    told.join("\n")
}

#[test]
fn a_booking_that_takes_place() {
    assert_snapshot!(shown(&TAKES_PLACE.told(|_| {})));
}

#[test]
fn a_booking_that_vai_did_not_make() {
    assert_snapshot!(shown(&NOT_VAIS.told(|_| {})));
}

#[test]
fn a_move_is_one_fact_and_a_cancellation_another() {
    assert_snapshot!(shown(&MOVED_AND_CANCELED.told(|_| {})));
}

#[test]
fn a_move_is_the_same_in_either_order() {
    let new_first = MOVED_NEW_HALF_FIRST.told(|_| {});
    assert_snapshot!(shown(&new_first));
}

#[test]
fn a_move_out_of_nowhere_asks_calendly_for_the_old_time() {
    let world = MOVED_OUT_OF_NOWHERE.told(|_| {});
    assert!(world.told().contains(&"VAI rescheduled 2026-11-25T08:30:00Z -> 2026-11-26T12:00:00Z".to_owned()));
    assert_snapshot!(shown(&world));
}

#[test]
fn canceled_before_created_never_confirms() {
    let world = CANCELED_BEFORE_CREATED.told(|_| {});
    assert!(!world.told().iter().any(|it| it.contains("confirm")), "{:?}", world.told());
    assert_snapshot!(shown(&world));
}

#[test]
fn every_story_told_twice_leaves_the_same_world() {
    for story in ALL {
        let (once, twice) = (story.told(|_| {}), story.told(|world| world.twice = true));
        assert_eq!(shown(&once), shown(&twice), "{}", story.name);
        assert_eq!(once.booking(), twice.booking(), "{}", story.name);
    }
}

#[test]
fn every_story_in_another_time_zone_and_language() {
    let told = |zone: &str| {
        let world = Fake::new("2026-11-20T09:00:02Z");
        world.webhook(&Meeting { zone: zone.into(), token: None, ..first() }.created());
        world.told().first().cloned().expect("a confirmation")
    };
    assert_eq!(
        told("America/New_York"),
        "SMS confirmation [confirmation-1, en] to +40712345678: Sales Demo Wed 25 Nov 03:30 America/New_York"
    );
    assert_eq!(
        told("Asia/Taipei"),
        "SMS confirmation [confirmation-1, zh-Hant] to +40712345678: Sales Demo Wed 25 Nov 16:30 Asia/Taipei"
    );
    assert_eq!(
        told("Europe/Copenhagen"),
        "SMS confirmation [confirmation-1, da] to +40712345678: Sales Demo Wed 25 Nov 09:30 Europe/Copenhagen"
    );
    assert_eq!(
        told("Mars/Olympus"),
        "SMS confirmation [confirmation-1, en] to +40712345678: Sales Demo Wed 25 Nov 08:30 UTC"
    );
}

#[test]
fn a_late_or_stray_timer_sends_nothing_it_should_not() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&first().created());
    // Both schedules come back to life after the meeting was canceled: somebody restored them.
    let kept = world.state.borrow().schedules.clone();
    assert_eq!(kept.len(), 3, "two reminders and a follow-up");
    world.webhook(&first().canceled("2026-11-20T09:05:00Z", "invitee", ""));
    assert!(world.state.borrow().schedules.is_empty(), "a cancellation removes its timers");
    let before = world.told();
    world.state.borrow_mut().schedules = kept;
    world.wait_until("2026-12-01T00:00:00Z");
    assert_eq!(world.told(), before);
}

#[test]
fn reminders_that_were_held_up_do_not_all_arrive_at_once() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&first().created());
    // EventBridge is down for a day and a half; both reminders come back 20 minutes before the start.
    let held: Vec<_> = std::mem::take(&mut world.state.borrow_mut().schedules).into_values().collect();
    world.wait_until("2026-11-25T08:10:00Z");
    for (at, body) in held {
        world.state.borrow_mut().schedules.insert(body.clone(), (at, body));
    }
    world.wait_until("2026-11-25T08:29:00Z");
    let reminders: Vec<_> = world.told().into_iter().filter(|it| it.starts_with("SMS reminder")).collect();
    assert_eq!(reminders.len(), 1, "{reminders:?}");
    assert!(
        world.ledger().contains(&"sms-reminder-1440m of invitee-1: skipped (superseded)".to_owned()),
        "{:?}",
        world.ledger()
    );
}

#[test]
fn a_reminder_that_comes_after_the_start_is_not_sent() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&first().created());
    let held = std::mem::take(&mut world.state.borrow_mut().schedules);
    world.wait_until("2026-11-25T08:30:00Z");
    world.state.borrow_mut().schedules = held;
    world.wait_until("2026-11-25T08:59:00Z");
    assert!(!world.told().iter().any(|it| it.starts_with("SMS reminder")), "{:?}", world.told());
    assert!(world.ledger().contains(&"sms-reminder-60m of invitee-1: skipped (past_start)".to_owned()));
}

#[test]
fn a_provider_that_is_down_is_asked_again_and_the_message_is_sent_once() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    let down = || domain::Outcome::Unsent {
        reason: domain::Reason::Unreachable,
        after_seconds: None,
        detail: "refused".to_owned(),
    };
    world.state.borrow_mut().outcomes.extend([down(), down(), down(), down()]);
    world.webhook(&Meeting { token: None, ..first() }.created());
    assert_eq!(world.told(), Vec::<String>::new());
    world.wait_until("2026-11-20T12:00:00Z");
    let confirmations = world.told().iter().filter(|it| it.starts_with("SMS confirmation")).count();
    assert_eq!(confirmations, 1, "{:?}", world.told());
    assert!(world.state.borrow().dead.is_empty());
}

#[test]
fn a_provider_that_never_answers_gets_a_confirmation_again_and_a_reminder_not() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&Meeting { token: None, ..first() }.created());
    let unknown = || domain::Outcome::Unknown { detail: "timed out".to_owned() };
    world.state.borrow_mut().outcomes.extend([unknown(), unknown()]);
    world.wait_until("2026-11-26T00:00:00Z");
    let ledger = world.ledger();
    assert!(ledger.contains(&"sms-reminder-1440m of invitee-1: unknown (unknown)".to_owned()), "{ledger:#?}");
    assert_eq!(world.told().iter().filter(|it| it.starts_with("SMS reminder")).count(), 2, "one each, none twice");

    let world = Fake::new("2026-11-20T09:00:02Z");
    world.state.borrow_mut().outcomes.extend([
        unknown(),
        domain::Outcome::Done { provider_id: None },
        unknown(),
        unknown(),
    ]);
    world.webhook(&Meeting { token: None, ..first() }.created());
    world.wait_until("2026-11-20T12:00:00Z");
    assert_eq!(
        world.told().iter().filter(|it| it.starts_with("SMS confirmation")).count(),
        2,
        "once more, and no more"
    );
}

#[test]
fn two_invitees_of_one_event_and_a_link_passed_on_are_bookings_of_their_own() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.vai_writes_metadata();
    world.webhook(&first().created());
    // Ana passes her link, with our token in it, to a friend.
    let friend = Meeting { number: 7, ..first() };
    world.webhook(&friend.created());
    world.webhook(&friend.canceled("2026-11-20T10:00:00Z", "invitee", ""));
    let state = world.state.borrow();
    assert_eq!(state.bookings.len(), 2);
    let vais: Vec<_> = state.bookings.values().filter(|(it, _)| it.metadata.is_some()).collect();
    assert_eq!(vais.len(), 1, "VAI made one of them");
    assert!(matches!(vais[0].0.state(), Some(domain::BookingState::Active(_))), "and that one is on");
}

#[test]
fn an_event_type_that_is_not_acted_on_is_recorded_and_left_alone() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.state.borrow_mut().settings.act_on = vec!["Strategy Call".to_owned()];
    world.vai_writes_metadata();
    world.webhook(&first().created());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(world.told(), Vec::<String>::new());
    assert_eq!(world.state.borrow().facts.len(), 1);
    assert!(world.ledger().iter().all(|it| it.ends_with("skipped (event_type_ignored)")), "{:?}", world.ledger());
}

/// The story as `make explain` tells it, in UTC.
pub(crate) fn timeline(world: &Fake) -> String {
    let state = world.state.borrow();
    let facts: Vec<_> = state
        .facts
        .values()
        .map(|it| domain::FactRecord {
            kind: it.kind,
            invitee: it.invitee.clone(),
            occurred_at: it.occurred_at,
            received_at: it.received_at,
        })
        .collect();
    let commands: Vec<_> = state.commands.values().map(|(_, it)| it.clone()).collect();
    let (booking, _) = state.bookings.values().next().expect("a booking");
    let line =
        |line: domain::Line| format!("{} | {} | {}", line.at.strftime("%d %b %H:%M:%S"), line.what, line.happened);
    domain::timeline(booking, &facts, &commands).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_timeline_reads_like_a_story() {
    assert_snapshot!(timeline(&MOVED_AND_CANCELED.told(|_| {})));
}

#[test]
fn the_timeline_of_a_booking_with_a_hard_life() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.vai_writes_metadata();
    world.webhook(&first().created());
    let third = second().moved(3, "2026-11-22T09:00:00Z", "2026-11-27T08:00:00Z");
    world.wait_until("2026-11-21T10:00:01Z");
    world.webhook(&second().created());
    world.webhook(&first().moved_away(&second()));
    world.wait_until("2026-11-22T09:00:01Z");
    world.webhook(&second().moved_away(&third));
    world.webhook(&third.created());
    // The day-before reminder is held up for 40 minutes, and its provider is down when it comes.
    let held = std::mem::take(&mut world.state.borrow_mut().schedules);
    world.wait_until("2026-11-26T08:40:00Z");
    world.state.borrow_mut().schedules = held;
    let down = domain::Outcome::Unsent {
        reason: domain::Reason::Unreachable,
        after_seconds: None,
        detail: "no connection".to_owned(),
    };
    world.state.borrow_mut().outcomes.push_back(down);
    world.wait_until("2026-11-26T15:00:00Z");
    world.webhook(&third.canceled("2026-11-26T14:59:58Z", "host", "Bolnavă"));
    world.wait_until("2026-11-28T00:00:00Z");
    assert_snapshot!(timeline(&world));
}

#[test]
fn one_invitee_of_a_group_event_cancels_and_the_others_do_not_notice() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    let seat = |number: u32| {
        let alone = Meeting { number, token: None, ..first() };
        let mut body: serde_json::Value = serde_json::from_slice(&alone.created()).expect("JSON");
        // The same event for all, an invitee each.
        let event = "https://api.calendly.com/scheduled_events/webinar";
        body["payload"]["event"] = event.into();
        body["payload"]["scheduled_event"]["uri"] = event.into();
        body["payload"]["uri"] = format!("{event}/invitees/guest-{number}").into();
        body
    };
    for number in 1..=3 {
        world.webhook(seat(number).to_string().as_bytes());
    }
    let mut canceled = seat(2);
    canceled["event"] = "invitee.canceled".into();
    canceled["payload"]["status"] = "canceled".into();
    canceled["payload"]["cancellation"] = serde_json::json!({"canceled_by": "Ana", "reason": "", "canceler_type": "invitee", "created_at": "2026-11-20T10:00:00Z"});
    world.webhook(canceled.to_string().as_bytes());
    world.wait_until("2026-11-26T00:00:00Z");
    let count = |start: &str| world.told().iter().filter(|it| it.starts_with(start)).count();
    assert_eq!(world.state.borrow().bookings.len(), 3);
    assert_eq!((count("SMS confirmation"), count("SMS cancellation"), count("SMS reminder")), (3, 1, 4));
}

#[test]
fn a_change_of_settings_tells_nobody_of_old_bookings() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.state.borrow_mut().settings.channels.insert("confirmation".to_owned(), vec![]);
    world.webhook(&Meeting { token: None, ..first() }.created());
    let before = world.told();
    // Days later somebody switches confirmations on, for everybody.
    let mut settings = crate::world::settings();
    settings.mail_for = domain::settings::MailFor::All;
    world.state.borrow_mut().settings = settings;
    world.webhook(&Meeting { token: None, ..first() }.created());
    world.vai_writes_metadata();
    world.wait_until("2026-11-24T12:00:00Z");
    let since: Vec<_> = world.told().into_iter().skip(before.len()).collect();
    assert_eq!(since.len(), 1, "the reminder, and nothing else: {since:?}");
    assert!(since[0].starts_with("SMS reminder"), "{since:?}");
}

#[test]
fn reminders_follow_the_settings_off_and_on_again() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    let meeting = Meeting { token: None, ..first() };
    world.webhook(&meeting.created());
    world.state.borrow_mut().settings.reminder_minutes = vec![1440];
    world.webhook(&meeting.created());
    assert!(world.ledger().contains(&"sms-reminder-60m of invitee-1: withdrawn".to_owned()), "{:?}", world.ledger());
    world.state.borrow_mut().settings = crate::world::settings();
    world.webhook(&meeting.created());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(world.told().iter().filter(|it| it.starts_with("SMS reminder")).count(), 2, "{:?}", world.ledger());

    // An event type that is no longer acted on loses what was planned.
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&meeting.created());
    let before = world.told();
    world.state.borrow_mut().settings.act_on = vec!["Strategy Call".to_owned()];
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(world.told(), before);
}

#[test]
fn a_move_of_which_half_is_lost_heals_by_asking_calendly() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.vai_writes_metadata();
    world.webhook(&first().created());
    world.wait_until("2026-11-21T10:00:01Z");
    let new = second().looked_up(None);
    world.state.borrow_mut().at_calendly.insert(new.leg.invitee.clone(), new);
    world.webhook(&first().moved_away(&second()));
    assert!(!world.told().iter().any(|it| it.contains("move")), "nobody is told of half a move");
    world.wait_until("2026-11-21T10:11:00Z");
    assert!(world.told().iter().any(|it| it.starts_with("SMS move")), "{:?}", world.told());
    // The webhook comes after all, hours late.
    world.wait_until("2026-11-21T16:00:00Z");
    world.webhook(&second().created());
    world.wait_until("2026-11-28T00:00:00Z");
    assert_eq!(world.told().iter().filter(|it| it.starts_with("SMS move")).count(), 1);
    assert_eq!(world.told().iter().filter(|it| it.starts_with("SMS reminder")).count(), 2, "{:?}", world.told());
    assert!(world.told().contains(&"analytics invitee_rescheduled invitee-2".to_owned()));

    // Calendly knows nothing of it either: that is written down, and nothing false is told.
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&first().created());
    world.webhook(&first().moved_away(&second()));
    world.wait_until("2026-11-28T00:00:00Z");
    assert!(world.ledger().contains(&"heal of invitee-1: failed (not_found)".to_owned()), "{:?}", world.ledger());
    assert!(
        !world.told().iter().any(|it| it.starts_with("SMS reminder") || it.contains("cancel")),
        "{:?}",
        world.told()
    );
}

#[test]
fn whoever_did_not_come_gets_no_thanks_for_coming() {
    let told = |marks: &[bool]| {
        let world = Fake::new("2026-11-20T09:00:02Z");
        world.webhook(&first().created());
        world.wait_until("2026-11-25T08:50:00Z");
        for (minute, marked) in marks.iter().enumerate() {
            world.webhook(&first().no_show(&format!("2026-11-25T08:{:02}:00Z", 51 + minute), *marked));
        }
        world.wait_until("2026-11-26T00:00:00Z");
        (world.told().iter().any(|it| it.starts_with("SMS follow_up")), world.ledger())
    };
    assert!(told(&[]).0);
    let (thanked, ledger) = told(&[true]);
    assert!(!thanked && ledger.contains(&"sms-follow-up-30m of invitee-1: skipped (no_show)".to_owned()), "{ledger:?}");
    assert!(told(&[true, false]).0, "taken back in time");
    assert!(!told(&[true, false, true]).0);
}

#[test]
fn the_newest_word_on_an_old_leg_does_not_make_it_the_present_one() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&first().created());
    world.webhook(&second().created());
    // The host edits the old event after the move: its account is the newest of all.
    let mut old: serde_json::Value = serde_json::from_slice(&first().moved_away(&second())).expect("JSON");
    old["payload"]["updated_at"] = "2026-11-22T00:00:00Z".into();
    world.webhook(old.to_string().as_bytes());
    let booking = world.booking();
    let Some(domain::BookingState::Active(leg)) = booking.state() else { panic!("{:?}", booking.state()) };
    assert_eq!(domain::uri_uuid(leg.invitee.as_str()), "invitee-2");
}

#[test]
fn what_may_have_been_sent_never_ends_as_a_mere_failure() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    let unsent =
        || domain::Outcome::Unsent { reason: domain::Reason::Unreachable, after_seconds: None, detail: "x".to_owned() };
    let mut outcomes = vec![domain::Outcome::Unknown { detail: "timed out".to_owned() }];
    outcomes.extend((0..20).map(|_| unsent()));
    world.state.borrow_mut().settings.reminder_minutes = vec![];
    world.state.borrow_mut().settings.follow_up_minutes = vec![];
    world.state.borrow_mut().settings.channels.insert("confirmation".to_owned(), vec![domain::settings::Channel::Sms]);
    world.state.borrow_mut().outcomes.extend(outcomes);
    world.webhook(&Meeting { token: None, ..first() }.created());
    world.wait_until("2026-11-25T00:00:00Z");
    assert!(
        world.ledger().contains(&"sms-confirmation of invitee-1: unknown (unknown)".to_owned()),
        "{:?}",
        world.ledger()
    );
    assert!(
        world.ledger().contains(&"log-invitee-created of invitee-1: failed (gave_up)".to_owned()),
        "{:?}",
        world.ledger()
    );
}

#[test]
fn what_may_have_been_sent_is_not_hidden_behind_a_later_decision_against_it() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.state.borrow_mut().outcomes.push_back(domain::Outcome::Unknown { detail: "timed out".to_owned() });
    // The meeting begins before the confirmation would be tried again.
    world.webhook(&Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-20T09:00:20Z").created());
    world.wait_until("2026-11-20T10:00:00Z");
    assert!(
        world.ledger().contains(&"sms-confirmation of invitee-1: unknown (past_start)".to_owned()),
        "{:?}",
        world.ledger()
    );
}

#[test]
fn what_is_new_is_made_before_what_is_old_is_removed() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&first().created());
    let old = world.state.borrow().schedules.clone();
    world.webhook(&first().moved_away(&second()));
    assert!(old.keys().all(|it| world.state.borrow().schedules.contains_key(it)), "half a move removes nothing");
    world.webhook(&second().created());
    let state = world.state.borrow();
    assert!(old.keys().all(|it| !state.schedules.contains_key(it)) && state.schedules.len() == 3);
}
