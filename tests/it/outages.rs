//! Outages of hours: nothing ends in a dead-letter queue, what is still true is told once, and what is no longer true
//! is not told.

use domain::settings::{Provider, Settings};
use domain::{
    Attempt, BookingId, CanceledBy, Cancellation, Command, ConnectionName, ConsentSource, ContactKey, InviteeUri,
    Message, MessageAction, Objection, Outcome, Phone, Reason, State,
};
use fakes::{Call, Fault, PEPPER};
use jiff::SignedDuration;

use crate::messages::{kinds, state_of, world_at};
use crate::payload::{EMAIL, Meeting, at};
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
        let world = world(|settings| settings.email_instead_of_sms = false);
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
        settings.email_instead_of_sms = false;
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
fn what_becomes_known_at_night_is_no_answer_and_respects_quiet_hours() {
    let only_sms = |world: &TestWorld| {
        let effects = world.effects();
        effects
            .iter()
            .filter(|it| it.starts_with("SMS"))
            .map(|it| it[..it.find(" [").expect("a kind")].to_owned())
            .collect::<Vec<_>>()
    };
    // In Bucharest it is 20:00 when the meeting is booked, and 03:00 when its webhook arrives. The host is there, too.
    let evening = Meeting { token: None, ..Meeting::new(1, "2026-11-23T18:00:00Z", "2026-11-27T08:30:00Z") };
    let canceled = evening.canceled("2026-11-23T18:30:00Z", "invitee", "ill");
    let moved = evening.moved(2, "2026-11-23T18:30:00Z", "2026-11-27T10:00:00Z");
    for (webhooks, told) in [
        (vec![evening.created()], ["SMS confirmation", "SMS to the host: booked"]),
        (vec![evening.created(), canceled], ["SMS cancellation", "SMS to the host: canceled by the invitee"]),
        (
            vec![evening.created(), evening.moved_away(&moved), moved.created()],
            ["SMS move", "SMS to the host: moved by the invitee"],
        ),
    ] {
        let world = TestWorld::new("2026-11-24T01:00:00Z");
        world.change_settings(|settings| {
            (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]);
            (settings.host_phone, settings.fallback_zone) =
                (Phone::parse("+40722222222"), "Europe/Bucharest".to_owned());
        });
        for webhook in &webhooks {
            world.receive_webhook(webhook);
        }
        world.wait_until("2026-11-24T05:59:00Z");
        assert_eq!(only_sms(&world), [""; 0], "it is 07:59: {:?}", world.command_lines());
        world.wait_until("2026-11-24T06:01:00Z");
        let mut sent = only_sms(&world);
        sent.sort();
        assert_eq!(sent, told);
    }
}

#[test]
fn news_of_an_early_meeting_is_told_at_night_before_it_is_told_too_late() {
    // The meeting is at 07:30 in Bucharest. It is canceled at 20:30, and the webhook arrives at 21:05.
    let early = Meeting { token: None, ..Meeting::new(1, "2026-11-23T09:00:00Z", "2026-11-24T05:30:00Z") };
    for (has_email, told) in [(true, "e-mail cancellation"), (false, "SMS cancellation")] {
        let world = world(|settings| {
            (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]);
            settings.host_phone = Phone::parse("+40722222222");
            if !has_email {
                settings.providers.email = vec![];
            }
        });
        world.receive_webhook(&early.created());
        world.wait_until("2026-11-23T19:05:00Z");
        let before = kinds(&world).len();
        world.receive_webhook(&early.canceled("2026-11-23T18:30:00Z", "invitee", "ill"));
        let now_told = kinds(&world).split_off(before);
        // A phone for all hosts has no address that an e-mail could go to.
        for told in [told, "SMS to the host: canceled by the invitee"] {
            assert!(now_told.iter().any(|it| it == told), "{told}: {now_told:?}");
        }
        assert_eq!(now_told.len(), 2, "{now_told:?}");
    }
}

#[test]
fn a_host_s_night_is_that_of_the_number_s_country() {
    let world = TestWorld::new("2026-11-24T01:00:00Z");
    world.change_settings(|settings| {
        (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]);
        settings.host_phone = Phone::parse("+886912345678");
    });
    // It is 09:00 in Taipei, and the booking was made an hour ago.
    let late = Meeting { token: None, ..Meeting::new(1, "2026-11-24T00:00:00Z", "2026-11-27T08:30:00Z") };
    world.receive_webhook(&late.created());
    assert_eq!(world.count("SMS to the host: booked"), 1, "{:?}", world.command_lines());
}

#[test]
fn an_sms_is_not_given_up_for_an_e_mail_that_the_person_does_not_get() {
    let world = world(|settings| (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]));
    let email = ContactKey::for_email(&PEPPER, &ConnectionName::default(), EMAIL);
    let bounced = (Objection::Everything, ConsentSource::Provider);
    world.state.borrow_mut().contacts.entry(email).or_default().objection = Some(bounced);
    take_down(&world, Provider::Engagelab, unavailable(None));
    world.receive_webhook(&meeting().created());
    world.wait_until("2026-11-23T10:00:00Z");
    world.state.borrow_mut().providers_down.clear();
    world.wait_until("2026-11-23T12:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation"], "{:?}", world.command_lines());
}

#[test]
fn that_nothing_is_booked_respects_the_night_and_gives_way_to_an_e_mail() {
    for (known_at, up_at, told) in [
        // In Bucharest it is 10:10, and then 20:30.
        ("2026-11-23T08:10:00Z", "2026-11-23T12:00:00Z", "e-mail not_booked"),
        ("2026-11-23T18:30:00Z", "2026-11-23T21:00:00Z", "SMS not_booked"),
    ] {
        let world = crate::schedule::requested_in_doubt(false);
        world.change_settings(|settings| {
            settings.providers.email = if told.starts_with("SMS") { vec![] } else { vec![Provider::Ses] };
            settings.senders.email = Some("meetings@vai.example".to_owned());
        });
        world.ends_outage_at(known_at);
        take_down(&world, Provider::Engagelab, unavailable(None));
        world.wait_until(up_at);
        world.state.borrow_mut().providers_down.clear();
        world.wait_until("2026-11-24T05:59:00Z");
        let expected = if told.starts_with("SMS") { vec![] } else { vec![told] };
        assert_eq!(kinds(&world), expected, "{:?}", world.command_lines());
        world.wait_until("2026-11-24T06:10:00Z");
        assert_eq!(kinds(&world), [told], "{:?}", world.command_lines());
    }
}

#[test]
fn an_sms_about_news_gives_way_to_an_e_mail_after_half_an_hour() {
    let no_timed = |settings: &mut Settings| {
        (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]);
    };
    for answer in [unavailable(None), unavailable(Some(7_200))] {
        let world = world(no_timed);
        world.receive_webhook(&meeting().created());
        world.wait_until("2026-11-23T10:00:00Z");
        take_down(&world, Provider::Engagelab, answer.clone());
        world.receive_webhook(&meeting().canceled("2026-11-23T10:00:00Z", "host", "ill"));
        world.wait_until("2026-11-23T10:30:00Z");
        assert_eq!(kinds(&world), ["SMS confirmation", "e-mail cancellation"], "{answer:?}");
        assert_eq!(state_of(&world, "sms-cancellation"), State::Failed { reason: Reason::GaveUp });
        // The SMS does not come after it.
        world.state.borrow_mut().providers_down.clear();
        world.wait_until("2026-11-27T09:00:00Z");
        assert_eq!(kinds(&world).len(), 2);
    }
    // If no e-mail can be sent, or the SMS may have been, the SMS is tried on.
    let world = world(|settings| {
        no_timed(settings);
        settings.providers.email = vec![];
    });
    take_down(&world, Provider::Engagelab, unavailable(None));
    world.receive_webhook(&meeting().created());
    world.wait_until("2026-11-23T12:00:00Z");
    world.state.borrow_mut().providers_down.clear();
    world.wait_until("2026-11-23T14:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    let world = self::world(no_timed);
    take_down(&world, Provider::Engagelab, doubtful(None));
    world.receive_webhook(&meeting().created());
    world.wait_until("2026-11-24T09:00:00Z");
    assert_eq!(kinds(&world), [""; 0], "nobody knows");
}

#[test]
fn a_provider_is_not_asked_before_the_time_that_it_has_named() {
    let world = world(|settings| {
        settings.email_instead_of_sms = false;
        settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
        settings.senders.twilio = Some("+15005550006".to_owned());
    });
    take_down(&world, Provider::Engagelab, unavailable(Some(7_200)));
    take_down(&world, Provider::Twilio, unavailable(None));
    world.receive_webhook(&meeting().created());
    let tries = || {
        let timeline = crate::stories::timeline(&world);
        timeline.lines().filter(|it| it.contains("EngageLab, ro")).count()
    };
    let first = tries();
    world.wait_until("2026-11-23T10:55:00Z");
    assert_eq!(tries(), first, "{}", crate::stories::timeline(&world));
    // When the time has come, it is asked again.
    world.state.borrow_mut().providers_down.remove(&Provider::Engagelab);
    world.wait_until("2026-11-23T12:30:00Z");
    assert!(
        world.effects().iter().any(|it| it.starts_with("SMS confirmation [confirmation-1")),
        "{:?}",
        world.effects()
    );
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
