//! Outages of hours: nothing ends in a dead-letter queue, what is still true is told once, and what is no longer true
//! is not told.

use domain::settings::{Provider, Settings};
use domain::{
    Attempt, BookingId, CanceledBy, Cancellation, Command, InviteeUri, Message, MessageAction, Outcome, Reason, State,
};
use fakes::{Call, Fault};
use jiff::SignedDuration;

use crate::messages::{kinds, state_of, world_at};
use crate::payload::{Meeting, at};
use crate::world::TestWorld;

/// A meeting on a Friday, booked on the Monday before.
fn meeting() -> Meeting {
    Meeting { token: None, ..Meeting::new(1, "2026-11-23T09:00:00Z", "2026-11-27T08:30:00Z") }
}

fn world(change: impl FnOnce(&mut Settings)) -> TestWorld {
    world_at("2026-11-23T09:00:02Z", change)
}

fn unavailable(after_seconds: Option<u32>) -> Outcome {
    Outcome::Unsent { reason: Reason::Unreachable, after_seconds, detail: "HTTP 503".to_owned() }
}

fn doubtful(after_seconds: Option<u32>) -> Outcome {
    Outcome::Unknown { after_seconds, detail: "HTTP 502".to_owned() }
}

fn take_down(world: &TestWorld, provider: Provider, answer: Outcome) {
    world.state.borrow_mut().providers_down.insert(provider, answer);
}

#[test]
fn a_day_without_the_table_or_the_timers_leaves_nothing_undone() {
    for call in [
        Call::Aliases,
        Call::LoadBooking,
        Call::CommitDecision,
        Call::ReplaceCommand,
        Call::Claim,
        Call::LoadContact,
        Call::LoadSettingsVersion,
        Call::SetTimer,
        Call::Publish,
    ] {
        let world = world(|_| {});
        world.faults.always(call, Fault::Fails);
        world.ends_outage_at("2026-11-24T09:00:00Z");
        world.receive_webhook(&meeting().created());
        assert!(world.now.get() < at("2026-11-24T09:16:00Z"), "{call:?}: a quarter of an hour after the outage");
        world.wait_until("2026-11-27T08:29:00Z");
        assert!(world.state.borrow().dead_letters.is_empty(), "{call:?}");
        assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder", "SMS reminder"], "{call:?}");
    }
}

#[test]
fn a_reminder_whose_outage_ends_after_the_start_is_not_sent() {
    let world = world(|settings| (settings.reminder_minutes, settings.follow_up_minutes) = (vec![60], vec![]));
    world.receive_webhook(&meeting().created());
    world.wait_until("2026-11-27T07:00:00Z");
    world.faults.always(Call::LoadBooking, Fault::Fails);
    world.ends_outage_at("2026-11-28T07:00:00Z");
    world.wait_until("2026-11-29T09:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason: Reason::PastStart });
    assert!(world.state.borrow().dead_letters.is_empty());
}

#[test]
fn after_an_outage_a_meeting_that_has_ended_meanwhile_is_not_confirmed() {
    let canceled_at = at("2026-11-23T09:05:00Z");
    for (is_moved, asked) in [(false, true), (true, true), (false, false)] {
        let world = TestWorld::new("2026-11-23T10:00:00Z");
        world.change_settings(|settings| settings.reminder_minutes = vec![]);
        let new = meeting().moved(2, "2026-11-23T09:05:00Z", "2026-11-27T12:00:00Z");
        let mut ended = meeting().looked_up(is_moved.then_some(&new));
        ended.leg.details.as_of = canceled_at;
        ended.leg.canceled =
            Some(Cancellation { at: canceled_at, by: CanceledBy::Invitee, reason: None, rescheduled: is_moved });
        world.add_to_calendly(ended);
        if !asked {
            world.faults.always(Call::FetchInvitee, Fault::Fails);
        }
        // The webhook of the booking is processed before the one of its end.
        world.receive_webhook(&meeting().created());
        let told = match (is_moved, asked) {
            (_, false) => &["SMS confirmation"][..],
            (false, true) => &["SMS cancellation"],
            (true, true) => &[],
        };
        assert_eq!(kinds(&world), told, "moved: {is_moved}");
    }
}

#[test]
fn a_message_goes_out_once_within_an_hour_after_a_day_without_its_provider() {
    for answer in [unavailable(None), unavailable(Some(60)), unavailable(Some(7_200))] {
        let world = world(|_| {});
        world.faults.always(Call::SendSms, Fault::Answers(answer.clone()));
        world.receive_webhook(&meeting().created());
        world.wait_until("2026-11-24T09:00:00Z");
        assert_eq!(kinds(&world), [""; 0], "{answer:?}");
        world.faults.restore();
        world.wait_until("2026-11-24T11:00:00Z");
        assert_eq!(kinds(&world), ["SMS confirmation"], "{answer:?}");
        let timeline = crate::stories::timeline(&world);
        assert!(timeline.lines().count() < 40, "the timeline shows the first and the last tries:\n{timeline}");
    }
}

#[test]
fn another_provider_takes_over_from_one_that_does_not_answer() {
    let world = world(|settings| {
        settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
        settings.senders.twilio = Some("+15005550006".to_owned());
    });
    take_down(&world, Provider::Engagelab, unavailable(None));
    world.receive_webhook(&meeting().created());
    world.wait(SignedDuration::from_mins(5));
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    assert!(world.effects().iter().any(|it| it.starts_with("SMS confirmation [twilio")), "{:?}", world.effects());
    // A provider that asks for a long wait leaves its turn at once.
    let world = self::world(|settings| {
        settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
        settings.senders.twilio = Some("+15005550006".to_owned());
    });
    take_down(&world, Provider::Engagelab, unavailable(Some(3_600)));
    world.receive_webhook(&meeting().created());
    world.wait(SignedDuration::from_mins(1));
    assert_eq!(kinds(&world), ["SMS confirmation"]);
}

#[test]
fn when_the_second_provider_fails_too_the_first_one_is_tried_again() {
    let world = world(|settings| {
        settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
        settings.senders.twilio = Some("+15005550006".to_owned());
    });
    world.faults.always(Call::SendSms, Fault::Answers(unavailable(None)));
    world.receive_webhook(&meeting().created());
    world.wait(SignedDuration::from_hours(6));
    world.faults.restore();
    take_down(&world, Provider::Twilio, unavailable(None));
    world.wait(SignedDuration::from_hours(3));
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    assert!(
        world.effects().iter().any(|it| it.starts_with("SMS confirmation [confirmation-1")),
        "{:?}",
        world.effects()
    );
}

#[test]
fn a_confirmation_that_is_delayed_by_an_outage_respects_quiet_hours() {
    // In Bucharest it is 19:30 when the meeting is booked. The outage ends at 22:30.
    let late = Meeting { token: None, ..Meeting::new(1, "2026-11-23T17:30:00Z", "2026-11-27T08:30:00Z") };
    let world = TestWorld::new("2026-11-23T17:30:02Z");
    world.faults.always(Call::SendSms, Fault::Answers(unavailable(None)));
    world.receive_webhook(&late.created());
    world.wait_until("2026-11-23T20:30:00Z");
    world.faults.restore();
    world.wait_until("2026-11-24T05:59:00Z");
    assert_eq!(kinds(&world).iter().filter(|it| it.starts_with("SMS")).count(), 0, "{:?}", world.effects());
    world.wait_until("2026-11-24T06:01:00Z");
    assert_eq!(kinds(&world).iter().filter(|it| *it == "SMS confirmation").count(), 1, "{:?}", world.effects());
    // What answers the person at once is not delayed by quiet hours.
    let night = Meeting { token: None, ..Meeting::new(1, "2026-11-23T21:30:00Z", "2026-11-27T08:30:00Z") };
    let world = TestWorld::new("2026-11-23T21:30:02Z");
    world.receive_webhook(&night.created());
    assert_eq!(world.count("SMS confirmation"), 1);
}

#[test]
fn a_request_in_doubt_is_settled_after_a_day_without_calendly() {
    for was_booked in [true, false] {
        let world = crate::schedule::requested_in_doubt(was_booked);
        world.ends_outage_at("2026-11-24T09:00:00Z");
        world.wait_until("2026-11-24T10:00:00Z");
        let booking = world.booking();
        assert_eq!(booking.state().is_some(), was_booked);
        assert_eq!(booking.open_requests().count(), 0, "it has ended");
        assert!(world.state.borrow().dead_letters.is_empty());
    }
}

#[test]
fn what_may_have_reached_a_person_is_not_sent_again_by_another_way() {
    let unknown = || doubtful(None);
    let refused = || Outcome::Refused { reason: Reason::ProviderRefused, detail: "code 3002".to_owned() };
    let misconfigured =
        || Outcome::Unsent { reason: Reason::Misconfigured, after_seconds: None, detail: "HTTP 401".to_owned() };
    for later in [refused(), misconfigured(), unavailable(None), unavailable(Some(3_600)), unknown()] {
        let world = world(|settings| {
            settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
            settings.senders.twilio = Some("+15005550006".to_owned());
            (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]);
        });
        take_down(&world, Provider::Engagelab, unknown());
        world.receive_webhook(&meeting().created());
        take_down(&world, Provider::Engagelab, later.clone());
        world.wait_until("2026-11-27T08:29:00Z");
        assert_eq!(kinds(&world), [""; 0], "{later:?}: neither by Twilio nor by e-mail");
        assert_eq!(state_of(&world, "sms-confirmation"), State::Unknown, "{later:?}");
    }
}

#[test]
fn a_message_whose_outcome_is_unknown_waits_as_long_as_the_provider_asks() {
    for (asked, before, after) in [(None, 20, 40), (Some(1_200), 1_190, 1_230), (Some(1), 20, 40)] {
        let world = world(|settings| (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]));
        take_down(&world, Provider::Engagelab, doubtful(asked));
        world.receive_webhook(&meeting().created());
        world.state.borrow_mut().providers_down.clear();
        world.wait(SignedDuration::from_secs(before));
        assert_eq!(kinds(&world), [""; 0], "{asked:?}");
        world.wait(SignedDuration::from_secs(after - before));
        assert_eq!(kinds(&world), ["SMS confirmation"], "{asked:?}");
    }
}

#[test]
fn at_a_higher_speed_retries_follow_sooner_but_not_at_once() {
    let (now, start) = (at("2026-11-23T09:00:00Z"), at("2026-11-27T08:30:00Z"));
    let waits = |speed: u32, after: Option<u32>| -> Vec<i64> {
        let action = MessageAction::Sms(Message::Confirmation);
        let mut command = Command::new(&BookingId::new("bk-1"), action, InviteeUri::new("invitee-1"), start, None);
        let tries = (0..5).map(|_| {
            let claimed = command.clone().claim(now, now, Attempt::default());
            command = claimed.settle(unavailable(after), now).hurry_retry(speed, now);
            command.not_before.expect("another try").duration_since(now).as_secs()
        });
        tries.collect()
    };
    let (written, fast) = (waits(1, None), waits(60, None));
    assert!(written.is_sorted() && written[0] < 40 && written[4] > 2_800, "{written:?}");
    for (written, fast) in written.iter().zip(&fast) {
        assert_eq!(*fast, (written / 60).max(10), "{written}");
    }
    assert_eq!(waits(60, Some(7_200)), [120; 5], "what a provider asks for is shortened, too");
    // A planned time is no retry.
    let planned = Command::new(
        &BookingId::new("bk-1"),
        MessageAction::Sms(Message::Reminder { minutes_before: 60 }),
        InviteeUri::new("invitee-1"),
        start,
        Some(start),
    );
    assert_eq!(planned.hurry_retry(60, now).not_before, Some(start));
}
