//! Who is told what by which way: providers that take over, e-mails in the place of SMS, quiet hours, objections,
//! receipts, hosts, and the messages that are off unless the settings ask for them.

use domain::settings::{HostContact, MailFor, Provider, QuietHours, Settings, Template};
use domain::{
    ConnectionName, ConsentSource, ContactKey, Delivery, Feedback, Objection, Outcome, Phone, Private, Reason, Reply,
    State,
};
use futures_util::FutureExt;
use jiff::civil::time;
use serde_json::json;
use wire::intake::{Envelope, Source};

use crate::payload::{EMAIL, Meeting, PHONE, at};
use crate::stories::{shown, timeline};
use crate::world::Fake;

/// A meeting on a Wednesday at half past ten in Bucharest.
fn meeting() -> Meeting {
    Meeting { token: None, ..Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z") }
}

/// A world in which e-mails of any kind can go out, by Amazon SES.
fn world(prepare: impl FnOnce(&mut Settings)) -> Fake {
    let world = Fake::new("2026-11-20T09:00:02Z");
    {
        let settings = &mut world.state.borrow_mut().settings;
        settings.mail_for = MailFor::All;
        settings.providers.email = vec![Provider::Ses];
        settings.channels.insert("confirmation".to_owned(), vec![domain::settings::Channel::Sms]);
        prepare(settings);
    }
    world
}

/// What was told, without what is not for people.
fn told(world: &Fake) -> Vec<String> {
    world.told().into_iter().filter(|it| !it.starts_with("analytics") && !it.starts_with("VAI")).collect()
}

fn state_of(world: &Fake, slug: &str) -> State {
    let state = world.state.borrow();
    let (_, command) = state.commands.values().find(|(_, it)| it.action.slug() == slug).expect("a command");
    command.state.clone()
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused { reason, detail: "as the test asks".to_owned() }
}

#[test]
fn what_cannot_be_texted_is_said_by_e_mail_at_the_same_hours() {
    let world = world(|_| {});
    world.webhook(&Meeting { phone: None, ..meeting() }.created());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(
        told(&world),
        [
            format!("e-mail confirmation [ses, ro] to {EMAIL}: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest"),
            format!("e-mail reminder [ses, ro] to {EMAIL}: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest"),
            format!("e-mail reminder [ses, ro] to {EMAIL}: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest"),
            format!("e-mail follow_up [ses, ro] to {EMAIL}: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest"),
        ]
    );
    insta::assert_snapshot!(timeline(&world));
}

#[test]
fn a_landline_is_not_texted() {
    let world = world(|_| {});
    world.state.borrow_mut().landlines.push(PHONE.to_owned());
    world.webhook(&meeting().created());
    assert_eq!(state_of(&world, "sms-confirmation"), State::Skipped { reason: Reason::Landline });
    assert_eq!(told(&world).len(), 1);
    assert!(told(&world)[0].starts_with("e-mail confirmation"), "{:?}", told(&world));
}

#[test]
fn an_sms_that_is_refused_or_did_not_arrive_is_said_by_e_mail() {
    let world = world(|_| {});
    world.state.borrow_mut().outcomes.push_back(refused(Reason::ProviderRefused));
    world.webhook(&meeting().created());
    assert_eq!(told(&world).len(), 1);
    assert!(told(&world)[0].starts_with("e-mail confirmation"), "{:?}", told(&world));

    world.wait_until("2026-11-24T08:30:00Z");
    assert!(told(&world)[1].starts_with("SMS reminder"), "{:?}", told(&world));
    let undelivered = Feedback::Receipt(world.receipt("sms-reminder-1440m", Delivery::Failed));
    assert_eq!(world.hears(&undelivered), "undelivered");
    assert!(told(&world)[2].starts_with("e-mail reminder"), "{:?}", told(&world));
    // Told again, nothing more happens.
    assert_eq!(world.hears(&undelivered), "old");
    assert_eq!(told(&world).len(), 3);
    insta::assert_snapshot!(timeline(&world));
}

#[test]
fn whoever_wants_no_e_mail_in_its_place_gets_none() {
    let world = world(|settings| settings.email_instead_of_sms = false);
    world.webhook(&Meeting { phone: None, ..meeting() }.created());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(told(&world), [""; 0]);
}

#[test]
fn an_sms_that_may_have_been_sent_is_not_said_by_e_mail_as_well() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    world.state.borrow_mut().outcomes.push_back(Outcome::Unknown { detail: "no answer in time".to_owned() });
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Unknown);
    assert_eq!(told(&world).len(), 2, "{:?}", told(&world));
}

#[test]
fn the_next_provider_takes_over_from_one_that_cannot_or_will_not() {
    let world = world(|settings| {
        settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
        settings.senders.twilio = Some("+15005550006".to_owned());
    });
    let misconfigured =
        Outcome::Unsent { reason: Reason::Misconfigured, after_seconds: None, detail: "HTTP 401".to_owned() };
    world.state.borrow_mut().outcomes.extend([misconfigured, Outcome::Done { provider_id: Some("SM1".to_owned()) }]);
    world.webhook(&meeting().created());
    assert_eq!(
        told(&world),
        [format!("SMS confirmation [twilio, ro] to {PHONE}: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest")]
    );
    // A person's objection is no matter of providers.
    world.state.borrow_mut().outcomes.push_back(refused(Reason::OptedOut));
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Failed { reason: Reason::OptedOut });
    assert!(told(&world)[1].starts_with("e-mail reminder"), "{:?}", told(&world));
    // It is remembered: the next one is not even tried.
    world.wait_until("2026-11-25T07:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason: Reason::OptedOut });
    insta::assert_snapshot!(timeline(&world));
}

#[test]
fn a_provider_without_a_template_is_passed_by() {
    let world = world(|settings| {
        settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
        settings.templates.retain(|it| it.message != "reminder");
    });
    world.webhook(&meeting().created());
    world.wait_until("2026-11-24T08:30:00Z");
    assert!(told(&world)[0].starts_with("SMS confirmation [confirmation-1, ro]"), "{:?}", told(&world));
    assert!(told(&world)[1].starts_with("SMS reminder [twilio, ro]"), "{:?}", told(&world));
}

#[test]
fn one_message_may_have_its_own_providers() {
    let world = world(|settings| {
        let own = domain::settings::MessageProviders { sms: Some(vec![Provider::Twilio]), email: None };
        settings.providers.messages.insert("reminder".to_owned(), own);
    });
    world.webhook(&meeting().created());
    world.wait_until("2026-11-24T08:30:00Z");
    assert!(told(&world)[0].starts_with("SMS confirmation [confirmation-1"), "{:?}", told(&world));
    assert!(told(&world)[1].starts_with("SMS reminder [twilio"), "{:?}", told(&world));
}

fn reply(text: &str, when: &str) -> Feedback {
    Feedback::Reply(Reply { id: None, from: Phone::parse(PHONE).expect("a number"), text: text.into(), at: at(when) })
}

#[test]
fn whoever_replies_stop_is_left_alone_until_they_reply_start() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    world.wait_until("2026-11-21T09:00:00Z");
    assert_eq!(world.hears(&reply("Stop.", "2026-11-21T08:59:59Z")), "stop");
    assert_eq!(world.hears(&reply("Stop.", "2026-11-21T08:59:59Z")), "stop");
    world.wait_until("2026-11-24T09:00:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Skipped { reason: Reason::OptedOut });
    assert_eq!(world.hears(&reply("START", "2026-11-24T08:59:59Z")), "start");
    assert_eq!(world.hears(&reply("thank you, Ana", "2026-11-24T09:00:00Z")), "reply");
    world.wait_until("2026-11-25T08:00:00Z");
    let channels: Vec<_> = told(&world).iter().map(|it| it.split(" [").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(channels, ["SMS confirmation", "e-mail reminder", "SMS reminder"]);
    let timeline = timeline(&world);
    assert!(!timeline.contains("thank you"), "a person's words are not for the timeline: {timeline}");
    insta::assert_snapshot!(timeline);
}

#[test]
fn whoever_follows_the_link_gets_no_follow_ups_and_still_their_reminders() {
    let world = world(|settings| {
        for message in ["confirmation", "reminder", "follow_up"] {
            settings.channels.insert(message.to_owned(), vec![domain::settings::Channel::Email]);
        }
    });
    world.webhook(&meeting().created());
    let confirmation = world.receipt("mail-confirmation", Delivery::Delivered);
    let unsubscribed = Feedback::Unsubscribed { booking: confirmation.booking, command: confirmation.command };
    assert_eq!(world.hears(&unsubscribed), "unsubscribed");
    world.wait_until("2026-11-26T00:00:00Z");
    let messages: Vec<_> = told(&world).iter().map(|it| it.split(" [").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(messages, ["e-mail confirmation", "e-mail reminder", "e-mail reminder"]);
    assert_eq!(state_of(&world, "mail-follow-up-30m"), State::Skipped { reason: Reason::OptedOut });
}

#[test]
fn who_wants_no_follow_ups_gets_none_by_another_way() {
    let messages = |world: &Fake| {
        let first = |it: &String| it.split(" [").next().unwrap_or_default().to_owned();
        told(world).iter().map(first).collect::<Vec<_>>()
    };
    // STOP: the reminders come by e-mail, the follow-up not at all.
    let by_word = world(|_| {});
    by_word.webhook(&meeting().created());
    by_word.hears(&reply("STOP", "2026-11-21T08:59:59Z"));
    by_word.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(messages(&by_word), ["SMS confirmation", "e-mail reminder", "e-mail reminder"]);
    // The link in an SMS: neither by SMS nor by e-mail; and what is begun by a word is not what was ended by a link.
    let by_link = world(|_| {});
    by_link.webhook(&meeting().created());
    let confirmation = by_link.receipt("sms-confirmation", Delivery::Delivered);
    let unsubscribed = Feedback::Unsubscribed { booking: confirmation.booking, command: confirmation.command };
    assert_eq!(by_link.hears(&unsubscribed), "unsubscribed");
    by_link.hears(&reply("START", "2026-11-21T08:59:59Z"));
    by_link.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(messages(&by_link), ["SMS confirmation", "SMS reminder", "SMS reminder"]);
    for key in [
        ContactKey::for_email(&ConnectionName::default(), EMAIL),
        ContactKey::for_phone(&ConnectionName::default(), &Phone::parse(PHONE).expect("a number")),
    ] {
        let objection = by_link.state.borrow().contacts[&key].objection;
        assert_eq!(objection, Some((Objection::FollowUps, ConsentSource::Link)));
    }
}

#[test]
fn a_start_that_is_told_again_does_not_outlive_the_stop_after_it() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    let said = |text: &str, id: &str| {
        Feedback::Reply(Reply {
            id: Some(id.to_owned()),
            from: Phone::parse(PHONE).expect("a number"),
            text: text.into(),
            at: world.now.get(),
        })
    };
    for (text, id, when) in [
        ("STOP", "SM1", "2026-11-21T09:00:00Z"),
        ("START", "SM2", "2026-11-21T10:00:00Z"),
        ("STOP", "SM3", "2026-11-21T11:00:00Z"),
        ("START", "SM2", "2026-11-21T12:00:00Z"),
    ] {
        world.now.set(at(when));
        world.hears(&said(text, id));
    }
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Skipped { reason: Reason::OptedOut });
}

#[test]
fn a_receipt_of_what_is_in_doubt_keeps_it_from_being_sent_again() {
    let world = world(|_| {});
    world.state.borrow_mut().outcomes.push_back(Outcome::Unknown { detail: "no answer in time".to_owned() });
    world.webhook(&meeting().created());
    assert_eq!(state_of(&world, "sms-confirmation").name(), "waiting", "it is to be sent once more");
    let mut receipt = world.receipt("sms-confirmation", Delivery::Delivered);
    receipt.provider_id = Some("SM7".to_owned());
    assert_eq!(world.hears(&Feedback::Receipt(receipt)), "delivered");
    world.wait_until("2026-11-20T10:00:00Z");
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
    assert_eq!(state_of(&world, "sms-confirmation"), State::Done { provider_id: Some("SM7".to_owned()) });
}

#[test]
fn whoever_may_have_been_texted_can_reply_stop() {
    let world = world(|settings| settings.channels.insert("confirmation".to_owned(), Vec::new()).map_or((), drop));
    world.webhook(&meeting().created());
    world.state.borrow_mut().outcomes.push_back(Outcome::Unknown { detail: "no answer in time".to_owned() });
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Unknown);
    assert_eq!(world.hears(&reply("STOP", "2026-11-24T08:31:00Z")), "stop");
}

#[test]
fn a_receipt_whose_consequence_was_cut_off_has_it_when_it_is_told_again() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    let undelivered = Feedback::Receipt(world.receipt("sms-confirmation", Delivery::Failed));
    // The table can't be read again after the receipt was written down.
    let before = world.state.borrow().calls.len();
    world.fail_at_call.set(Some(before + 2));
    let (limiter, connection) = (engine::CallLimiter::default(), ConnectionName::default());
    let deadline = world.now.get() + jiff::SignedDuration::from_secs(30);
    let invocation = engine::Invocation { world: &world, limiter: &limiter, connection: &connection, deadline };
    let heard = invocation.process_feedback(&undelivered).now_or_never().expect("nothing stops it");
    assert!(heard.is_err(), "{heard:?}");
    world.fail_at_call.set(None);
    assert_eq!(told(&world).len(), 1);
    assert_eq!(world.hears(&undelivered), "old");
    assert!(told(&world)[1].starts_with("e-mail confirmation"), "{:?}", told(&world));
}

#[test]
fn a_host_who_gets_a_contact_later_is_told_of_no_old_bookings() {
    let world = world(|settings| settings.templates.retain(|it| it.message != "host_notice"));
    world.webhook(&meeting().created());
    let before = told(&world);
    let phone = Phone::parse("+4520123456").ok();
    let contact = HostContact { phone, email: true, ..HostContact::default() };
    world.state.borrow_mut().settings.hosts.insert("maria@example.com".to_owned(), contact);
    world.wait_until("2026-11-24T08:30:00Z");
    assert!(!told(&world).iter().any(|it| it.contains("host")), "{:?}", told(&world));
    assert!(told(&world).len() > before.len(), "the reminder looked at it");
}

#[test]
fn a_reminder_that_no_provider_takes_in_time_goes_by_e_mail() {
    let world = world(|settings| settings.reminder_minutes = vec![60]);
    world.webhook(&meeting().created());
    let down = || Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: String::new() };
    world.state.borrow_mut().outcomes.extend([down(), down(), down(), down()]);
    world.wait_until("2026-11-25T08:29:00Z");
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Failed { reason: Reason::GaveUp });
    assert!(told(&world)[1].starts_with("e-mail reminder"), "{:?}", told(&world));
}

#[test]
fn whom_the_host_calls_is_promised_no_link() {
    let details = |location: serde_json::Value| {
        let body = meeting().created();
        let mut body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        body["payload"]["scheduled_event"]["location"] = location;
        let world = world(|_| {});
        world.webhook(body.to_string().as_bytes());
        let booking = world.booking();
        let details = booking.legs()[0].details.clone();
        (details.online, details.by_phone, details.in_person)
    };
    assert_eq!(details(json!({"type": "zoom_conference", "status": "processing"})), (true, false, false));
    assert_eq!(details(json!({"type": "outbound_call", "location": PHONE})), (false, true, false));
    assert_eq!(details(json!({"type": "physical", "location": "Strada Lungă 1"})), (false, false, true));
    assert_eq!(details(serde_json::Value::Null), (false, false, false));
}

#[test]
fn an_address_that_bounces_gets_nothing_more() {
    let world = world(|settings| {
        for message in ["confirmation", "reminder"] {
            settings.channels.insert(message.to_owned(), vec![domain::settings::Channel::Email]);
        }
    });
    world.webhook(&meeting().created());
    let mut bounced = world.receipt("mail-confirmation", Delivery::Failed);
    bounced.objection = Some((Objection::Everything, ConsentSource::Bounce));
    assert_eq!(world.hears(&Feedback::Receipt(bounced)), "undelivered");
    // A wish to get no follow-ups takes nothing of that back.
    let confirmation = world.receipt("mail-confirmation", Delivery::Delivered);
    let unsubscribed = Feedback::Unsubscribed { booking: confirmation.booking, command: confirmation.command };
    assert_eq!(world.hears(&unsubscribed), "unsubscribed");
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(state_of(&world, "mail-reminder-1440m"), State::Skipped { reason: Reason::Suppressed });
    let key = ContactKey::for_email(&ConnectionName::default(), EMAIL);
    let objection = world.state.borrow().contacts[&key].objection;
    assert_eq!(objection, Some((Objection::Everything, ConsentSource::Bounce)));
}

#[test]
fn receipts_only_move_forward_and_only_what_was_sent() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    let receipt = |delivery| Feedback::Receipt(world.receipt("sms-confirmation", delivery));
    let (sent, delivered) = (receipt(Delivery::Sent), receipt(Delivery::Delivered));
    assert_eq!(world.hears(&delivered), "delivered");
    assert_eq!(world.hears(&sent), "old");
    assert_eq!(world.hears(&delivered), "old");

    let before = shown(&world);
    let mut forged = world.receipt("sms-confirmation", Delivery::Failed);
    forged.provider_id = Some("another".to_owned());
    assert_eq!(world.hears(&Feedback::Receipt(forged.clone())), "another_message");
    forged.objection = Some((Objection::Everything, ConsentSource::Provider));
    assert_eq!(world.hears(&Feedback::Receipt(forged.clone())), "another_message");
    forged.command = domain::CommandId::new("sms-confirmation-0000");
    assert_eq!(world.hears(&Feedback::Receipt(forged)), "unknown_message");
    // A reminder that still waits was not delivered, whoever says so.
    let ahead = Feedback::Receipt(world.receipt("sms-reminder-60m", Delivery::Delivered));
    assert_eq!(world.hears(&ahead), "never_sent");
    assert_eq!(shown(&world), before);
    let phone = Phone::parse(PHONE).expect("a number");
    let key = ContactKey::for_phone(&ConnectionName::default(), &phone);
    assert_eq!(world.state.borrow().contacts[&key].objection, None);
}

#[test]
fn a_receipt_clears_up_what_nobody_knew() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    world.state.borrow_mut().outcomes.push_back(Outcome::Unknown { detail: "no answer in time".to_owned() });
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Unknown);
    let mut receipt = world.receipt("sms-reminder-1440m", Delivery::Delivered);
    receipt.provider_id = Some("SM7".to_owned());
    assert_eq!(world.hears(&Feedback::Receipt(receipt)), "delivered");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Done { provider_id: Some("SM7".to_owned()) });
}

#[test]
fn a_reminder_goes_out_the_evening_before_when_its_hour_is_at_night() {
    // 08:30 in Bucharest: an hour before is half past seven.
    let early = Meeting { start: at("2026-11-25T06:30:00Z"), ..meeting() };
    let world = world(|settings| settings.reminder_minutes = vec![60]);
    world.webhook(&early.created());
    world.wait_until("2026-11-24T18:29:59Z");
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
    world.wait_until("2026-11-24T18:30:00Z");
    assert!(told(&world)[1].starts_with("SMS reminder"), "{:?}", told(&world));
    // The follow-up is due in the late evening of a late meeting, and waits for the morning.
    let late = Meeting { start: at("2026-11-25T18:30:00Z"), ..meeting() };
    let world = self::world(|settings| settings.reminder_minutes = Vec::new());
    world.webhook(&late.created());
    world.wait_until("2026-11-26T05:59:59Z");
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
    world.wait_until("2026-11-26T06:00:00Z");
    assert!(told(&world)[1].starts_with("SMS follow_up"), "{:?}", told(&world));
}

#[test]
fn a_reminder_without_a_better_hour_goes_by_e_mail() {
    // Booked at 23:00 for the next morning at 08:30.
    let early = Meeting { booked: at("2026-11-24T21:00:00Z"), start: at("2026-11-25T06:30:00Z"), ..meeting() };
    let world = world(|settings| settings.reminder_minutes = vec![60]);
    world.now.set(at("2026-11-24T21:00:02Z"));
    world.webhook(&early.created());
    assert!(
        told(&world)[0].starts_with("SMS confirmation"),
        "one's own act is confirmed at any hour: {:?}",
        told(&world)
    );
    world.wait_until("2026-11-25T06:00:00Z");
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason: Reason::QuietHours });
    assert!(told(&world)[1].starts_with("e-mail reminder"), "{:?}", told(&world));
}

#[test]
fn a_try_that_would_come_at_night_waits_for_the_morning() {
    // A meeting at noon; its reminder of fifteen hours before comes at nine in the evening, less a minute.
    let noon = Meeting { start: at("2026-11-25T10:00:00Z"), ..meeting() };
    let world = world(|settings| settings.reminder_minutes = vec![15 * 60 + 1]);
    world.webhook(&noon.created());
    let down = Outcome::Unsent { reason: Reason::Unreachable, after_seconds: Some(300), detail: String::new() };
    world.state.borrow_mut().outcomes.push_back(down);
    world.wait_until("2026-11-25T05:59:59Z");
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
    world.wait_until("2026-11-25T06:00:00Z");
    assert!(told(&world)[1].starts_with("SMS reminder"), "{:?}", told(&world));
    insta::assert_snapshot!(timeline(&world));
}

#[test]
fn two_reminders_that_were_brought_forward_do_not_come_at_once() {
    let early = Meeting { start: at("2026-11-25T06:30:00Z"), ..meeting() };
    let world = world(|settings| settings.reminder_minutes = vec![90, 60]);
    world.webhook(&early.created());
    world.wait_until("2026-11-25T06:00:00Z");
    assert_eq!(told(&world).len(), 2, "{:?}", told(&world));
    assert_eq!(state_of(&world, "sms-reminder-90m"), State::Skipped { reason: Reason::Superseded });
}

#[test]
fn quiet_hours_can_be_none() {
    let early = Meeting { start: at("2026-11-25T06:30:00Z"), ..meeting() };
    let never = QuietHours { from: time(0, 0, 0, 0), until: time(0, 0, 0, 0), useful_minutes: 60 };
    let world = world(|settings| (settings.reminder_minutes, settings.quiet_hours) = (vec![60], never));
    world.webhook(&early.created());
    world.wait_until("2026-11-25T05:29:59Z");
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
    world.wait_until("2026-11-25T05:30:00Z");
    assert_eq!(told(&world).len(), 2, "{:?}", told(&world));
}

#[test]
fn a_reminder_looks_again_before_it_goes_out() {
    // Calendly has canceled it, and its webhook was lost.
    let world = world(|_| {});
    world.webhook(&meeting().created());
    let mut gone = meeting().looked_up(None);
    gone.leg.details.as_of = at("2026-11-22T09:00:00Z");
    gone.leg.canceled = Some(domain::Cancellation {
        at: at("2026-11-22T09:00:00Z"),
        by: domain::CanceledBy::Host,
        reason: None,
        rescheduled: false,
    });
    world.state.borrow_mut().at_calendly.insert(gone.leg.invitee.clone(), gone);
    world.wait_until("2026-11-26T00:00:00Z");
    let messages: Vec<_> = told(&world).iter().map(|it| it.split(" [").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(messages, ["SMS confirmation", "SMS cancellation"]);
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Skipped { reason: Reason::CanceledBeforeFire });
    assert!(world.state.borrow().schedules.is_empty());
}

#[test]
fn a_meeting_in_person_is_told_in_the_hosts_zone() {
    let here = Meeting { location: Some("Strada Lungă 1"), zone: "America/New_York".into(), ..meeting() };
    let told_at = |world: Fake| {
        world.webhook(&here.created());
        told(&world).first().cloned().expect("a confirmation")
    };
    let asked = world(|_| {});
    asked
        .state
        .borrow_mut()
        .host_zones
        .insert("https://api.calendly.com/users/maria".to_owned(), "Europe/Bucharest".to_owned());
    assert!(told_at(asked).ends_with("Wed 25 Nov 10:30 Europe/Bucharest"));
    let set = world(|settings| {
        let contact = HostContact { zone: Some("Europe/Copenhagen".to_owned()), ..HostContact::default() };
        settings.hosts.insert("Maria@Example.com".to_owned(), contact);
    });
    assert!(told_at(set).ends_with("Wed 25 Nov 09:30 Europe/Copenhagen"));
    // Nobody knows: the invitee's own, which is named.
    assert!(told_at(world(|_| {})).ends_with("Wed 25 Nov 03:30 America/New_York"));
}

#[test]
fn whoever_did_not_come_is_written_to_unless_the_host_takes_it_back() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    world.wait_until("2026-11-25T09:05:00Z");
    world.webhook(&meeting().no_show("2026-11-25T09:04:00Z", true));
    world.wait_until("2026-11-25T09:10:00Z");
    world.webhook(&meeting().no_show("2026-11-25T09:09:00Z", false));
    world.wait_until("2026-11-25T09:20:00Z");
    assert_eq!(state_of(&world, "sms-no-show"), State::Withdrawn { reason: Reason::CameAfterAll });
    world.webhook(&meeting().no_show("2026-11-25T09:19:00Z", true));
    world.wait_until("2026-11-25T12:00:00Z");
    let messages: Vec<_> = told(&world).iter().map(|it| it.split(" [").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(messages, ["SMS confirmation", "SMS reminder", "SMS reminder", "SMS no_show"]);
    assert_eq!(state_of(&world, "sms-follow-up-30m"), State::Skipped { reason: Reason::NoShow });
}

fn with_host(contact: HostContact) -> Fake {
    world(|settings| {
        settings.hosts.insert("maria@example.com".to_owned(), contact);
    })
}

#[test]
fn hosts_with_a_contact_are_told_in_their_own_language_and_zone() {
    let phone = Phone::parse("+4520123456").ok();
    let zone = Some("Europe/Copenhagen".to_owned());
    let language = Some(domain::Language::Danish);
    let world = with_host(HostContact { phone, email: true, language, zone });
    let second = meeting().moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z");
    world.webhook(&meeting().created());
    world.webhook(&meeting().moved_away(&second));
    world.webhook(&second.created());
    world.webhook(&second.canceled("2026-11-22T08:59:58Z", "invitee", ""));
    let to_host: Vec<_> = told(&world).into_iter().filter(|it| it.contains("to the host")).collect();
    assert_eq!(
        to_host,
        [
            "SMS to the host: booked [host_notice-1, da] to +4520123456: Sales Demo Wed 25 Nov 09:30 Europe/Copenhagen",
            "SMS to the host: moved by the invitee [host_notice-1, da] to +4520123456: Sales Demo Thu 26 Nov 13:00 Europe/Copenhagen",
            "SMS to the host: canceled by the invitee [host_notice-1, da] to +4520123456: Sales Demo Thu 26 Nov 13:00 Europe/Copenhagen",
        ]
    );
}

#[test]
fn a_host_without_a_phone_gets_e_mail_and_nobody_known_means_the_one_phone() {
    let by_mail = with_host(HostContact { email: true, ..HostContact::default() });
    by_mail.webhook(&meeting().created());
    assert!(
        told(&by_mail).iter().any(|it| it.starts_with("e-mail to the host: booked [ses, en] to maria@example.com"))
    );

    let fallback = world(|settings| settings.host_phone = Phone::parse("+4520123456").ok());
    fallback.webhook(&meeting().created());
    assert!(
        told(&fallback).iter().any(|it| it.starts_with("SMS to the host: booked [host_notice-1, en] to +4520123456"))
    );
    // Whoever cancels as a host need not be told of it.
    fallback.webhook(&meeting().canceled("2026-11-22T08:59:58Z", "host", ""));
    assert!(!told(&fallback).iter().any(|it| it.contains("host: canceled")));
}

#[test]
fn whoever_confirmed_once_more_is_not_asked_again() {
    let asks = |settings: &mut Settings| {
        settings.reconfirm_minutes = vec![2880];
        settings.templates.push(Template {
            message: "reconfirmation".to_owned(),
            provider: Provider::Engagelab,
            language: None,
            event_type: None,
            id: "reconfirmation-1".to_owned(),
            text: None,
        });
    };
    let asked = world(asks);
    asked.webhook(&meeting().created());
    asked.wait_until("2026-11-23T08:30:00Z");
    assert!(told(&asked)[1].starts_with("SMS reconfirmation"), "{:?}", told(&asked));

    let confirmed = world(asks);
    confirmed.webhook(&meeting().created());
    let mut again = meeting();
    again.booked = at("2026-11-21T09:00:00Z");
    again.reconfirmed = Some("2026-11-21T09:00:00Z");
    confirmed.webhook(&again.created());
    confirmed.wait_until("2026-11-23T08:30:00Z");
    assert_eq!(told(&confirmed).len(), 1, "{:?}", told(&confirmed));
}

#[test]
fn what_a_contact_is_kept_by_says_nothing_of_it() {
    let phone = Phone::parse(PHONE).expect("a number");
    let (one, other) = (ConnectionName::default(), ConnectionName::parse("acme").expect("a name"));
    let key = ContactKey::for_phone(&one, &phone);
    assert_eq!(key.as_str().len(), 32);
    assert_ne!(key, ContactKey::for_phone(&other, &phone), "each connection keeps its own");
    assert_eq!(ContactKey::for_email(&one, " Ana@Example.com"), ContactKey::for_email(&one, "ana@example.com"));
    assert_eq!(format!("{:?}", Private::from("x")), "•••");
}

/// A call of EngageLab's, as the intake queue holds it.
fn engagelab_tells(world: &Fake, nonce: &str, body: &serde_json::Value) -> String {
    let mut envelope =
        Envelope::new(Source::Engagelab, ConnectionName::default(), world.now.get(), body.to_string().into_bytes());
    envelope.nonce = Some(nonce.to_owned());
    envelope.to_json()
}

fn engagelab_row(world: &Fake, status: &str) -> serde_json::Value {
    let receipt = world.receipt("sms-confirmation", Delivery::Delivered);
    json!({"total": 1, "rows": [{
        "message_id": receipt.provider_id, "to": PHONE, "server": "sms", "channel": "sms", "itime": 1_795_165_267,
        "custom_args": {"command_id": receipt.command, "booking_id": receipt.booking, "connection": "default"},
        "status": {"message_status": status, "status_data": {"msg_time": 1_795_165_260}, "error_code": 0},
    }]})
}

fn taken(world: &Fake, message: &str) {
    assert_eq!(world.try_once(&[message], true), Some(vec![]), "it is taken in");
}

#[test]
fn a_forged_body_under_a_captured_header_changes_nothing() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    let genuine = engagelab_tells(&world, "n-1", &engagelab_row(&world, "delivered"));
    taken(&world, &genuine);
    assert!(timeline(&world).contains("confirmation by SMS | has arrived"), "{}", timeline(&world));

    // Whoever has seen that call has a header that is genuine for any body.
    let before = (shown(&world), timeline(&world));
    let uplink = json!({"total": 1, "rows": [{
        "message_id": "0", "to": PHONE, "server": "sms",
        "response": {"event": "uplink_message", "response_data": {"from": PHONE, "to": "+1", "body": "STOP"}},
    }]});
    for forged in [engagelab_row(&world, "sent_failed"), uplink.clone()] {
        taken(&world, &engagelab_tells(&world, "n-1", &forged));
    }
    // The queue may deliver the genuine one again.
    taken(&world, &genuine);
    assert_eq!((shown(&world), timeline(&world)), before);
    let key = ContactKey::for_phone(&ConnectionName::default(), &Phone::parse(PHONE).expect("a number"));
    assert_eq!(world.state.borrow().contacts[&key].objection, None);

    // With a header of its own the person's STOP holds.
    taken(&world, &engagelab_tells(&world, "n-2", &uplink));
    assert_eq!(world.state.borrow().contacts[&key].objection, Some((Objection::Everything, ConsentSource::Reply)));
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Skipped { reason: Reason::OptedOut });
}

#[test]
fn a_number_that_was_never_written_to_has_nothing_to_stop() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    let stranger = Reply {
        id: None,
        from: Phone::parse("+4520123456").expect("a number"),
        text: "STOP".into(),
        at: at("2026-11-21T09:00:00Z"),
    };
    let calls = world.state.borrow().calls.len();
    assert_eq!(world.hears(&Feedback::Reply(stranger)), "stranger");
    assert_eq!(world.state.borrow().calls[calls..], ["contact"]);
}

#[test]
fn a_receipt_that_is_quicker_than_the_answer_comes_back() {
    let world = world(|_| {});
    world.webhook(&meeting().created());
    let body = engagelab_row(&world, "delivered");
    {
        // As it stands while the provider has it and its answer is on the way.
        let mut state = world.state.borrow_mut();
        let id = state.commands.keys().find(|it| it.as_str().starts_with("sms-confirmation")).expect("it").clone();
        let until = at("2026-11-20T09:01:02Z");
        state.commands.get_mut(&id).expect("a command").1.state = State::Claimed { until };
    }
    let message = engagelab_tells(&world, "n-1", &body);
    assert_eq!(world.try_once(&[&message], true), Some(vec![0]), "the record comes back");
}
