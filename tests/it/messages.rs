//! Who gets which message by which channel: providers that take over, e-mails in place of SMS, quiet hours, objections,
//! receipts, hosts, and the messages that are off by default.

use domain::settings::{
    Audience, Channel, ChannelOverride, HostContact, MessageFilter, MessageProviders, Price, Provider, QuietHours,
    Settings, Template,
};
use domain::{
    BookingId, BookingSource, CanceledBy, Cancellation, CommandId, ConnectionName, ConsentSource, ContactKey, Delivery,
    Feedback, Language, Objection, Outcome, Phone, Reason, Receipt, Reply, SmsCharge, SmsTotal, State,
};
use fakes::{Call, Fault, PEPPER};
use jiff::civil::time;
use serde_json::{Value, json};
use wire::due::Due;
use wire::intake::{Envelope, Source};
use wire::receipts::unsubscribe::sign;

use crate::payload::{EMAIL, Meeting, PHONE, TOKEN, at};
use crate::stories::{shown, timeline};
use crate::world::{Queue, TestWorld, no_answer, refused, unreachable};

/// A meeting on a Wednesday at half past ten in Bucharest.
fn meeting() -> Meeting {
    Meeting { token: None, ..Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z") }
}

fn world(change: impl FnOnce(&mut Settings)) -> TestWorld {
    world_at("2026-11-20T09:00:02Z", change)
}

/// A world in which e-mails of any kind are sent by Amazon SES.
pub(crate) fn world_at(now: &str, change: impl FnOnce(&mut Settings)) -> TestWorld {
    let world = TestWorld::new(now);
    world.change_settings(|settings| {
        settings.mail_for = Audience::All;
        settings.providers.email = vec![Provider::Ses];
        settings.channels.insert("confirmation".to_owned(), vec![Channel::Sms]);
        change(settings);
    });
    world
}

/// A world in which the meeting is booked.
fn booked_world(change: impl FnOnce(&mut Settings)) -> TestWorld {
    let world = world(change);
    world.receive_webhook(&meeting().created());
    world
}

/// The messages that people got.
fn messages(world: &TestWorld) -> Vec<String> {
    world.effects().into_iter().filter(|it| !it.starts_with("analytics") && !it.starts_with("VAI")).collect()
}

/// The messages that people got: their channels and kinds.
pub(crate) fn kinds(world: &TestWorld) -> Vec<String> {
    messages(world).iter().map(|it| it.split(" [").next().unwrap_or_default().to_owned()).collect()
}

pub(crate) fn state_of(world: &TestWorld, slug: &str) -> State {
    let state = world.state.borrow();
    let (_, command) = state.commands.values().find(|(_, it)| it.action.slug() == slug).expect("a command");
    command.state.clone()
}

fn phone() -> Phone {
    Phone::parse(PHONE).expect("a number")
}

fn phone_key() -> ContactKey {
    ContactKey::for_phone(&PEPPER, &ConnectionName::default(), &phone())
}

fn email_key() -> ContactKey {
    ContactKey::for_email(&PEPPER, &ConnectionName::default(), EMAIL)
}

fn objection(world: &TestWorld, key: &ContactKey) -> Option<(Objection, ConsentSource)> {
    world.state.borrow().contacts[key].objection
}

/// The use of a link that we signed.
fn followed(booking: BookingId, contact: ContactKey) -> Feedback {
    let signature = sign(&PEPPER, &ConnectionName::default(), &booking, &contact);
    Feedback::Unsubscribed { booking, contact, signature }
}

/// A click on the link in a message.
fn unsubscribed(world: &TestWorld, slug: &str) -> Feedback {
    let receipt = world.receipt(slug, Delivery::Delivered);
    let state = world.state.borrow();
    let (_, command) = state.commands.values().find(|(_, it)| it.id == receipt.command).expect("a command");
    followed(receipt.booking, command.to.clone().expect("it was sent"))
}

#[test]
fn without_a_phone_the_same_messages_go_by_e_mail() {
    let world = world(|_| {});
    world.receive_webhook(&Meeting { phone: None, ..meeting() }.created());
    world.wait_until("2026-11-26T00:00:00Z");
    insta::assert_snapshot!(timeline(&world));
    insta::assert_snapshot!(messages(&world).join("\n"), @"
    e-mail confirmation [ses, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    e-mail reminder [ses, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    e-mail reminder [ses, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    e-mail follow_up [ses, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    ");
}

#[test]
fn a_landline_is_not_texted() {
    let world = world(|_| {});
    world.receive_webhook(&Meeting { phone: Some("+40 21 312 3456"), ..meeting() }.created());
    assert_eq!(state_of(&world, "sms-confirmation"), State::Skipped { reason: Reason::Landline });
    assert_eq!(kinds(&world), ["e-mail confirmation"]);
}

#[test]
fn an_sms_that_is_refused_or_does_not_arrive_is_replaced_by_an_e_mail() {
    let world = world(|_| {});
    world.faults.providers_answer([refused(Reason::ProviderRefused)]);
    world.receive_webhook(&meeting().created());
    assert_eq!(kinds(&world), ["e-mail confirmation"]);

    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(kinds(&world), ["e-mail confirmation", "SMS reminder"]);
    let undelivered = Feedback::Receipt(world.receipt("sms-reminder-1440m", Delivery::Failed));
    assert_eq!(world.process_feedback(&undelivered), "undelivered");
    assert_eq!(kinds(&world), ["e-mail confirmation", "SMS reminder", "e-mail reminder"]);
    assert_eq!(world.process_feedback(&undelivered), "old", "a repeated receipt changes nothing");
    assert_eq!(kinds(&world).len(), 3);
    insta::assert_snapshot!(timeline(&world));
}

#[test]
fn no_e_mail_replaces_an_sms_when_the_settings_forbid_it() {
    let world = world(|settings| settings.email_instead_of_sms = false);
    world.receive_webhook(&Meeting { phone: None, ..meeting() }.created());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(messages(&world), [""; 0]);
}

#[test]
fn an_sms_that_may_have_been_sent_is_not_repeated_by_e_mail() {
    let world = booked_world(|_| {});
    world.faults.providers_answer([no_answer()]);
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Unknown);
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
}

#[test]
fn the_next_provider_takes_over_from_one_that_cannot_send() {
    let world = world(|settings| {
        settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
        settings.senders.twilio = Some("+15005550006".to_owned());
    });
    let misconfigured =
        Outcome::Unsent { reason: Reason::Misconfigured, after_seconds: None, detail: "HTTP 401".to_owned() };
    world.faults.providers_answer([misconfigured, Outcome::done(Some("SM1".to_owned()))]);
    world.receive_webhook(&meeting().created());
    assert_eq!(
        messages(&world),
        [format!("SMS confirmation [twilio, ro] to {PHONE}: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest")]
    );
    // No other provider is tried after a person's objection.
    world.faults.providers_answer([refused(Reason::OptedOut)]);
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Failed { reason: Reason::OptedOut });
    assert_eq!(kinds(&world), ["SMS confirmation", "e-mail reminder"]);
    // The objection is stored: the next SMS is not tried.
    world.wait_until("2026-11-25T07:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason: Reason::OptedOut });
    insta::assert_snapshot!(timeline(&world));
}

#[test]
fn a_provider_without_a_template_is_skipped() {
    let world = booked_world(|settings| {
        settings.providers.sms = vec![Provider::Engagelab, Provider::Twilio];
        settings.templates.retain(|it| it.filter.message != "reminder");
    });
    world.wait_until("2026-11-24T08:30:00Z");
    insta::assert_snapshot!(messages(&world).join("\n"), @"
    SMS confirmation [confirmation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS reminder [twilio, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    ");
}

#[test]
fn a_message_may_have_its_own_providers() {
    let world = booked_world(|settings| {
        let own = MessageProviders { sms: Some(vec![Provider::Twilio]), email: None };
        settings.providers.messages.insert("reminder".to_owned(), own);
    });
    world.wait_until("2026-11-24T08:30:00Z");
    insta::assert_snapshot!(messages(&world).join("\n"), @"
    SMS confirmation [confirmation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS reminder [twilio, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    ");
}

#[test]
fn each_reminder_may_have_its_own_template_and_channels() {
    let world = booked_world(|settings| {
        let hour = MessageFilter { minutes: Some(60), ..MessageFilter::of("reminder") };
        let template = Template {
            filter: hour.clone(),
            provider: Provider::Engagelab,
            id: "reminder-hour".to_owned(),
            text: None,
        };
        settings.templates.push(template);
        let day = MessageFilter { minutes: Some(1440), ..MessageFilter::of("reminder") };
        settings.channel_overrides.push(ChannelOverride { filter: day, channels: vec![Channel::Sms, Channel::Email] });
    });
    world.wait_until("2026-11-25T08:00:00Z");
    insta::assert_snapshot!(messages(&world).join("\n"), @"
    SMS confirmation [confirmation-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    e-mail reminder [ses, ro] to ana.ionescu@example.com: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS reminder [reminder-1, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    SMS reminder [reminder-hour, ro] to +40712345678: Sales Demo Wed 25 Nov 10:30 Europe/Bucharest
    ");
}

#[test]
fn a_page_booking_may_have_other_channels_than_one_by_vai() {
    let world = booked_world(|settings| {
        let page = MessageFilter { source: Some(BookingSource::Page), ..MessageFilter::of("reminder") };
        settings.channel_overrides.push(ChannelOverride { filter: page, channels: Vec::new() });
        let vai = MessageFilter { source: Some(BookingSource::Vai), ..MessageFilter::of("confirmation") };
        settings.channel_overrides.push(ChannelOverride { filter: vai, channels: Vec::new() });
    });
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
}

#[test]
fn what_was_skipped_when_it_was_planned_is_planned_again_when_the_reason_has_gone() {
    // Without templates and without providers of our wording, nothing can be sent.
    let world = booked_world(|settings| settings.templates.retain(|it| it.filter.message == "confirmation"));
    world.change_settings(|settings| settings.email_instead_of_sms = false);
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason: Reason::NoTemplate });
    world.change_settings(|settings| {
        for message in ["reminder", "move", "cancellation"] {
            settings.templates.push(Template {
                filter: MessageFilter::of(message),
                provider: Provider::Engagelab,
                id: format!("{message}-1"),
                text: None,
            });
        }
    });
    world.wait_until("2026-11-21T09:00:00Z");
    resume(&world);
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder", "SMS reminder"]);
}

#[test]
fn e_mails_replace_an_sms_for_every_reason_that_is_about_the_number_until_it_has_gone() {
    type Change = fn(&mut Settings);
    let cases: [(Option<&'static str>, Change, Reason, Change); 6] = [
        (
            Some("0712 345 678"),
            |settings| settings.default_region = None,
            Reason::PhoneWithoutCountry,
            |settings| settings.default_region = Some("RO".to_owned()),
        ),
        (
            Some(PHONE),
            |settings| settings.phone_questions = vec!["WhatsApp".to_owned()],
            Reason::PhoneQuestionUnknown,
            |settings| settings.phone_questions = vec!["Phone number".to_owned()],
        ),
        (
            Some("+4915123456789"),
            |settings| settings.countries = vec!["RO".to_owned()],
            Reason::CountryNotAllowed,
            |settings| settings.countries = vec!["*".to_owned()],
        ),
        (Some("+40 21 312 3456"), |_| {}, Reason::Landline, |_| {}),
        (Some("+40 900 123 456"), |_| {}, Reason::NumberNotTexted, |_| {}),
        (None, |_| {}, Reason::NoPhone, |_| {}),
    ];
    for (phone, hinder, reason, end) in cases {
        let world = world(|settings| {
            (settings.reminder_minutes, settings.follow_up_minutes) = (vec![1440, 60], vec![]);
            hinder(settings);
        });
        world.receive_webhook(&Meeting { phone, ..meeting() }.created());
        assert_eq!(state_of(&world, "sms-confirmation"), State::Skipped { reason }, "{phone:?}");
        assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason }, "{phone:?}");
        world.wait_until("2026-11-24T09:00:00Z");
        assert_eq!(kinds(&world), ["e-mail confirmation", "e-mail reminder"], "{reason:?}");
        world.change_settings(end);
        resume(&world);
        world.wait_until("2026-11-25T08:00:00Z");
        let has_ended = !matches!(state_of(&world, "sms-reminder-60m"), State::Skipped { .. });
        let last = if has_ended { "SMS reminder" } else { "e-mail reminder" };
        assert_eq!(kinds(&world)[2..], [last], "{reason:?}");
        let can_end =
            matches!(reason, Reason::PhoneWithoutCountry | Reason::PhoneQuestionUnknown | Reason::CountryNotAllowed);
        assert_eq!(has_ended, can_end, "{reason:?}");
    }
}

#[test]
fn an_e_mail_in_place_of_an_sms_is_withdrawn_when_the_sms_can_be_sent_after_all() {
    let world = booked_world(|settings| settings.templates.retain(|it| it.filter.message == "confirmation"));
    assert_eq!(state_of(&world, "mail-reminder-60m"), State::Waiting);
    world.change_settings(|settings| {
        settings.templates.push(Template {
            filter: MessageFilter::of("reminder"),
            provider: Provider::Engagelab,
            id: "reminder-1".to_owned(),
            text: None,
        });
    });
    resume(&world);
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder", "SMS reminder"]);
}

/// Has Calendly answer something else about the meeting than its webhook said.
fn change_at_calendly(world: &TestWorld, change: impl FnOnce(&mut Value)) {
    world.add_to_calendly(meeting().looked_up_changed(None, change));
}

#[test]
fn every_timed_message_looks_at_calendly_first_and_once_for_all_channels() {
    let both = vec![Channel::Sms, Channel::Email];
    let world = booked_world(|settings| {
        settings.reconfirm_minutes = vec![2880];
        (settings.reminder_minutes, settings.follow_up_minutes) = (vec![60], vec![30]);
        for message in ["reminder", "follow_up", "reconfirmation"] {
            settings.channels.insert(message.to_owned(), both.clone());
        }
        settings.templates.push(Template {
            filter: MessageFilter::of("reconfirmation"),
            provider: Provider::Engagelab,
            id: "reconfirmation-1".to_owned(),
            text: None,
        });
    });
    change_at_calendly(&world, |_| {});
    for (until, looks) in [("2026-11-23T09:00:00Z", 1), ("2026-11-25T08:00:00Z", 2), ("2026-11-25T10:00:00Z", 3)] {
        world.wait_until(until);
        assert_eq!(world.count_calls(Call::FetchInvitee), looks, "{until}: {:?}", world.effects());
    }
    let told = kinds(&world);
    assert_eq!(told.iter().filter(|it| it.starts_with("e-mail")).count(), 3, "{told:?}");
}

#[test]
fn while_bookings_need_the_rate_limit_a_look_waits_but_no_message_for_long() {
    let world = booked_world(|settings| (settings.reminder_minutes, settings.follow_up_minutes) = (vec![60], vec![]));
    change_at_calendly(&world, |_| {});
    let busy = |seconds| world.state.borrow_mut().calendly.busy_for = seconds;
    busy(Some(40));
    world.wait_until("2026-11-25T07:33:00Z");
    assert_eq!((kinds(&world).len(), world.count_calls(Call::FetchInvitee)), (1, 0), "the hour was 07:30");
    busy(None);
    world.wait_until("2026-11-25T07:36:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
    assert_eq!(world.count_calls(Call::FetchInvitee), 1);
    assert!(world.state.borrow().failed_looks.is_empty());

    // If there is no room at all, people are reminded all the same, and the timeline says so.
    let world = booked_world(|settings| {
        (settings.reminder_minutes, settings.follow_up_minutes) = (vec![60, 5], vec![]);
    });
    world.state.borrow_mut().calendly.busy_for = Some(40);
    world.wait_until("2026-11-25T07:41:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
    world.wait_until("2026-11-25T08:27:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder", "SMS reminder"]);
    assert_eq!(world.count_calls(Call::FetchInvitee), 0);
    assert_eq!(world.state.borrow().failed_looks, [Reason::RateLimited; 2]);
    insta::assert_snapshot!(timeline(&world));
}

#[test]
fn a_look_that_fails_is_counted_and_shown_and_the_message_goes_out() {
    let world = booked_world(|settings| (settings.reminder_minutes, settings.follow_up_minutes) = (vec![60], vec![]));
    world.faults.take_down(Call::FetchInvitee);
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
    assert_eq!(world.state.borrow().failed_looks, [Reason::Unreachable]);
    let timeline = timeline(&world);
    assert!(timeline.contains("Calendly could not be asked first: unreachable"), "{timeline}");
}

#[test]
fn a_no_show_mark_that_was_taken_back_is_not_told_although_no_webhook_came() {
    for is_taken_back in [false, true] {
        let world = booked_world(|settings| {
            (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![180]);
            settings.channels.insert("no_show".to_owned(), vec![Channel::Sms]);
        });
        let marked_at = "2026-11-25T09:05:00Z";
        change_at_calendly(&world, |payload| {
            if !is_taken_back {
                payload["no_show"] =
                    json!({"uri": "https://api.calendly.com/invitee_no_shows/N", "created_at": marked_at});
            }
        });
        world.wait_until(marked_at);
        world.receive_webhook(&meeting().no_show(marked_at, true));
        world.wait_until("2026-11-25T13:00:00Z");
        let told = if is_taken_back { "SMS follow_up" } else { "SMS no_show" };
        assert_eq!(kinds(&world), ["SMS confirmation", told], "{:?}", world.command_lines());
    }
}

#[test]
fn who_has_confirmed_at_calendly_is_not_asked_to_although_no_webhook_came() {
    let world = booked_world(|settings| {
        settings.reconfirm_minutes = vec![2880];
        (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]);
    });
    change_at_calendly(&world, |payload| {
        payload["reconfirmation"] =
            json!({"created_at": "2026-11-20T09:00:00Z", "confirmed_at": "2026-11-22T09:00:00Z"});
        payload["updated_at"] = json!("2026-11-22T09:00:00Z");
    });
    world.wait_until("2026-11-23T09:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
}

#[test]
fn a_place_that_the_host_changed_is_told_although_only_the_event_changed() {
    let world = booked_world(|settings| (settings.reminder_minutes, settings.follow_up_minutes) = (vec![60], vec![]));
    change_at_calendly(&world, |payload| {
        payload["scheduled_event"]["location"] = json!({"type": "physical", "location": "Strada Lungă 1"});
        payload["scheduled_event"]["updated_at"] = json!("2026-11-24T09:00:00Z");
    });
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
    let details = world.booking().legs()[0].details.clone();
    assert_eq!(details.location.map(|it| it.expose().clone()).as_deref(), Some("Strada Lungă 1"));
}

#[test]
fn of_two_statements_of_one_moment_the_latest_look_holds_also_if_it_says_less() {
    let world =
        booked_world(|settings| (settings.reminder_minutes, settings.follow_up_minutes) = (vec![1440, 60], vec![]));
    let link = |world: &TestWorld| world.booking().legs()[0].details.join_url.clone();
    assert!(link(&world).is_some());
    // The host removes the link, then adds another one. Calendly changes no `updated_at`.
    change_at_calendly(&world, |payload| payload["scheduled_event"]["location"] = Value::Null);
    world.wait_until("2026-11-24T08:31:00Z");
    assert_eq!(link(&world), None);
    change_at_calendly(&world, |payload| {
        payload["scheduled_event"]["location"]["join_url"] = json!("https://zoom.example/j/9")
    });
    world.wait_until("2026-11-25T07:31:00Z");
    assert_eq!(link(&world).as_deref(), Some("https://zoom.example/j/9"));
    // The webhook, delivered once more, is no news.
    world.receive_webhook(&meeting().created());
    assert_eq!(link(&world).as_deref(), Some("https://zoom.example/j/9"));
}

#[test]
fn a_meeting_that_was_canceled_without_a_webhook_gets_no_follow_up() {
    let world = booked_world(|settings| (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![30]));
    change_at_calendly(&world, |payload| {
        payload["status"] = json!("canceled");
        payload["updated_at"] = json!("2026-11-24T09:00:00Z");
        payload["cancellation"] = json!({"canceled_by": "Ana", "reason": "", "canceler_type": "invitee", "created_at": "2026-11-24T09:00:00Z"});
    });
    world.wait_until("2026-11-25T12:00:00Z");
    assert_eq!(world.count("SMS follow_up"), 0, "{:?}", world.effects());
}

/// Has the booking planned again, as after a change of settings.
fn resume(world: &TestWorld) {
    let (connection, booking) = (ConnectionName::default(), world.booking().id);
    let due = Due::V1 { connection, booking, commands: Vec::new(), settings: None };
    assert_eq!(world.invoke(Queue::Due, &[&due.to_json()]), Some(vec![]));
}

fn reply(text: &str, when: &str) -> Feedback {
    Feedback::Reply(Reply { id: None, from: phone(), text: text.into(), meaning: None, at: at(when) })
}

#[test]
fn after_stop_no_sms_is_sent_until_start() {
    let world = booked_world(|_| {});
    world.wait_until("2026-11-21T09:00:00Z");
    assert_eq!(world.process_feedback(&reply("Stop.", "2026-11-21T08:59:59Z")), "stop");
    assert_eq!(world.process_feedback(&reply("Stop.", "2026-11-21T08:59:59Z")), "stop");
    world.wait_until("2026-11-24T09:00:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Skipped { reason: Reason::OptedOut });
    assert_eq!(world.process_feedback(&reply("START", "2026-11-24T08:59:59Z")), "start");
    assert_eq!(world.process_feedback(&reply("thank you, Ana", "2026-11-24T09:00:00Z")), "reply");
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "e-mail reminder", "SMS reminder"]);
    let timeline = timeline(&world);
    assert!(!timeline.contains("thank you"), "the timeline has no words of people: {timeline}");
    insta::assert_snapshot!(timeline);
}

#[test]
fn after_a_click_on_the_link_follow_ups_end_and_reminders_go_on() {
    let world = booked_world(|settings| {
        for message in ["confirmation", "reminder", "follow_up"] {
            settings.channels.insert(message.to_owned(), vec![Channel::Email]);
        }
    });
    assert_eq!(world.process_feedback(&unsubscribed(&world, "mail-confirmation")), "unsubscribed");
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(kinds(&world), ["e-mail confirmation", "e-mail reminder", "e-mail reminder"]);
    assert_eq!(state_of(&world, "mail-follow-up-30m"), State::Skipped { reason: Reason::OptedOut });
}

#[test]
fn a_link_works_when_the_rows_of_its_booking_have_expired() {
    let world = world(|_| {});
    let booking = BookingId::new("bk-0f9d2c6be1a54c7f8e3d5a6b7c8d9e0f");
    assert_eq!(world.process_feedback(&followed(booking, phone_key())), "unsubscribed");
    assert_eq!(objection(&world, &phone_key()), Some((Objection::FollowUps, ConsentSource::Link)));
}

#[test]
fn a_number_that_never_got_a_message_cannot_reply() {
    let world = world(|_| {});
    assert_eq!(world.process_feedback(&reply("STOP", "2026-11-21T08:59:59Z")), "stranger");
    let has_objection = world.state.borrow().contacts.get(&phone_key()).is_some_and(|it| it.objection.is_some());
    assert!(!has_objection, "a forged call would silence any number");
}

#[test]
fn a_link_that_we_did_not_sign_ends_nobodys_messages() {
    let world = booked_world(|_| {});
    let booking = world.receipt("sms-confirmation", Delivery::Delivered).booking;
    let of_another_person = followed(booking.clone(), email_key());
    let Feedback::Unsubscribed { signature, .. } = of_another_person else { unreachable!("it is a link") };
    for signature in [signature, "0123456789abcdef".to_owned(), String::new()] {
        let forged = Feedback::Unsubscribed { booking: booking.clone(), contact: phone_key(), signature };
        assert_eq!(world.process_feedback(&forged), "forged");
    }
    assert!(world.state.borrow().contacts.values().all(|it| it.objection.is_none()));
}

#[test]
fn an_address_that_a_person_writes_counts_only_if_we_wrote_to_it() {
    let asked = |world: &TestWorld, address: &str| {
        let booking = world.receipt("sms-confirmation", Delivery::Delivered).booking;
        world.process_feedback(&Feedback::AskedToStop { booking, address: address.into() })
    };
    // Each of the booking's addresses ends follow-ups for all of them.
    for address in [EMAIL.to_uppercase(), format!("00{}", &PHONE[1..])] {
        let world = booked_world(|_| {});
        assert_eq!(asked(&world, &address), "unsubscribed", "{address}");
        for key in [email_key(), phone_key()] {
            assert_eq!(objection(&world, &key), Some((Objection::FollowUps, ConsentSource::Link)));
        }
    }
    let world = booked_world(|_| {});
    for (address, effect) in [("ion@example.com", "stranger"), ("+40799999999", "stranger"), ("Ana", "no_address")] {
        assert_eq!(asked(&world, address), effect);
    }
    assert!(world.state.borrow().contacts.values().all(|it| it.objection.is_none()));
    // A number that once got an SMS counts without the booking.
    let elsewhere = BookingId::new("bk-0f9d2c6be1a54c7f8e3d5a6b7c8d9e0f");
    let feedback = Feedback::AskedToStop { booking: elsewhere, address: PHONE.into() };
    assert_eq!(world.process_feedback(&feedback), "unsubscribed");
    assert_eq!(objection(&world, &phone_key()), Some((Objection::FollowUps, ConsentSource::Link)));
}

#[test]
fn an_objection_to_follow_ups_holds_for_every_channel() {
    // After STOP the reminders go by e-mail, and there is no follow-up.
    let stopped = booked_world(|_| {});
    stopped.process_feedback(&reply("STOP", "2026-11-21T08:59:59Z"));
    stopped.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(kinds(&stopped), ["SMS confirmation", "e-mail reminder", "e-mail reminder"]);
    // The link in an SMS ends follow-ups by SMS and e-mail. START does not take that back.
    let clicked = booked_world(|_| {});
    assert_eq!(clicked.process_feedback(&unsubscribed(&clicked, "sms-confirmation")), "unsubscribed");
    clicked.process_feedback(&reply("START", "2026-11-21T08:59:59Z"));
    clicked.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(kinds(&clicked), ["SMS confirmation", "SMS reminder", "SMS reminder"]);
    for key in [email_key(), phone_key()] {
        assert_eq!(objection(&clicked, &key), Some((Objection::FollowUps, ConsentSource::Link)));
    }
}

#[test]
fn a_repeated_start_does_not_undo_the_stop_that_came_after_it() {
    let world = booked_world(|_| {});
    for (text, id, when) in [
        ("STOP", "SM1", "2026-11-21T09:00:00Z"),
        ("START", "SM2", "2026-11-21T10:00:00Z"),
        ("STOP", "SM3", "2026-11-21T11:00:00Z"),
        ("START", "SM2", "2026-11-21T12:00:00Z"),
    ] {
        world.now.set(at(when));
        let reply = Reply { id: Some(id.to_owned()), from: phone(), text: text.into(), meaning: None, at: at(when) };
        world.process_feedback(&Feedback::Reply(reply));
    }
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Skipped { reason: Reason::OptedOut });
}

#[test]
fn a_receipt_settles_a_message_that_waits_to_be_sent_once_more() {
    let world = world(|_| {});
    world.faults.providers_answer([no_answer()]);
    world.receive_webhook(&meeting().created());
    assert_eq!(state_of(&world, "sms-confirmation").name(), "waiting", "it is to be sent once more");
    let mut receipt = world.receipt("sms-confirmation", Delivery::Delivered);
    receipt.provider_id = Some("SM7".to_owned());
    assert_eq!(world.process_feedback(&Feedback::Receipt(receipt)), "delivered");
    world.wait_until("2026-11-20T10:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    assert_eq!(state_of(&world, "sms-confirmation"), State::Done { provider_id: Some("SM7".to_owned()) });
}

#[test]
fn stop_is_accepted_after_an_sms_that_may_have_been_sent() {
    let world = booked_world(|settings| drop(settings.channels.insert("confirmation".to_owned(), Vec::new())));
    world.faults.providers_answer([no_answer()]);
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Unknown);
    assert_eq!(world.process_feedback(&reply("STOP", "2026-11-24T08:31:00Z")), "stop");
}

#[test]
fn a_repeated_receipt_still_has_its_consequence() {
    let world = booked_world(|_| {});
    let undelivered = Feedback::Receipt(world.receipt("sms-confirmation", Delivery::Failed));
    // The receipt is stored, and then the table can't be read.
    world.faults.at_call(world.call_count() + 2, Fault::Fails);
    let result = world.try_process_feedback(&undelivered);
    assert!(result.is_err(), "{result:?}");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    assert_eq!(world.process_feedback(&undelivered), "old");
    assert_eq!(kinds(&world), ["SMS confirmation", "e-mail confirmation"]);
}

#[test]
fn a_host_whose_contact_is_added_later_gets_nothing_about_old_bookings() {
    let world = booked_world(|settings| settings.templates.retain(|it| it.filter.message != "host_notice"));
    let contact = HostContact { phone: Phone::parse("+4520123456"), email: true, ..HostContact::default() };
    world.change_settings(|settings| drop(settings.hosts.insert("maria@example.com".to_owned(), contact)));
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
}

#[test]
fn a_reminder_that_no_provider_accepts_in_time_goes_by_e_mail() {
    let world = booked_world(|settings| settings.reminder_minutes = vec![60]);
    world.faults.providers_answer([(); 5].map(|()| unreachable("")));
    world.wait_until("2026-11-25T08:29:00Z");
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Failed { reason: Reason::GaveUp });
    assert_eq!(kinds(&world), ["SMS confirmation", "e-mail reminder"]);
}

#[test]
fn the_kind_of_location_decides_whether_a_meeting_is_online_by_phone_or_in_person() {
    let kind = |location: Value| {
        let mut body: Value = serde_json::from_slice(&meeting().created()).expect("JSON");
        body["payload"]["scheduled_event"]["location"] = location;
        let world = world(|_| {});
        world.receive_webhook(body.to_string().as_bytes());
        let details = world.booking().legs()[0].details.clone();
        (details.online, details.by_phone, details.in_person)
    };
    assert_eq!(kind(json!({"type": "zoom_conference", "status": "processing"})), (true, false, false));
    assert_eq!(kind(json!({"type": "outbound_call", "location": PHONE})), (false, true, false));
    assert_eq!(kind(json!({"type": "physical", "location": "Strada Lungă 1"})), (false, false, true));
    assert_eq!(kind(Value::Null), (false, false, false));
}

#[test]
fn an_address_that_bounces_gets_nothing_more() {
    let world = booked_world(|settings| {
        for message in ["confirmation", "reminder"] {
            settings.channels.insert(message.to_owned(), vec![Channel::Email]);
        }
    });
    let mut bounced = world.receipt("mail-confirmation", Delivery::Failed);
    bounced.objection = Some((Objection::Everything, ConsentSource::Bounce));
    assert_eq!(world.process_feedback(&Feedback::Receipt(bounced)), "undelivered");
    // An objection to follow-ups does not reduce it.
    assert_eq!(world.process_feedback(&unsubscribed(&world, "mail-confirmation")), "unsubscribed");
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(state_of(&world, "mail-reminder-1440m"), State::Skipped { reason: Reason::Suppressed });
    assert_eq!(objection(&world, &email_key()), Some((Objection::Everything, ConsentSource::Bounce)));
}

#[test]
fn receipts_only_move_forward_and_only_for_what_was_sent() {
    let world = booked_world(|_| {});
    let receipt = |delivery| Feedback::Receipt(world.receipt("sms-confirmation", delivery));
    let (sent, delivered) = (receipt(Delivery::Sent), receipt(Delivery::Delivered));
    assert_eq!(world.process_feedback(&delivered), "delivered");
    assert_eq!(world.process_feedback(&sent), "old");
    assert_eq!(world.process_feedback(&delivered), "old");

    let before = shown(&world);
    let mut forged = world.receipt("sms-confirmation", Delivery::Failed);
    forged.provider_id = Some("another".to_owned());
    assert_eq!(world.process_feedback(&Feedback::Receipt(forged.clone())), "another_message");
    forged.command = CommandId::new("sms-confirmation-0000");
    assert_eq!(world.process_feedback(&Feedback::Receipt(forged)), "unknown_message");
    // Nothing that comes later takes the arrival back.
    assert_eq!(world.process_feedback(&receipt(Delivery::Failed)), "old");
    // A reminder that still waits can't have been delivered.
    let ahead = Feedback::Receipt(world.receipt("sms-reminder-60m", Delivery::Delivered));
    assert_eq!(world.process_feedback(&ahead), "never_sent");
    assert_eq!(shown(&world), before);
    assert_eq!(objection(&world, &phone_key()), None);
}

#[test]
fn a_booking_is_kept_for_its_last_command_whatever_comes_later() {
    let kept = |world: &TestWorld| *world.state.borrow().kept_until.values().next().expect("a booking");
    let follow_up = at("2027-09-21T09:00:00Z");
    let world = booked_world(|settings| settings.follow_up_minutes = vec![300 * 24 * 60]);
    assert_eq!(kept(&world), follow_up);
    // Facts, receipts and events that know nothing of the follow-up do not shorten it.
    world.process_feedback(&Feedback::Receipt(world.receipt("sms-confirmation", Delivery::Delivered)));
    world.receive_webhook(&meeting().no_show("2026-11-25T09:30:00Z", true));
    world.wait_until("2026-12-01T00:00:00Z");
    assert_eq!(kept(&world), follow_up);

    // A command that is planned later extends it, although the booking itself does not change.
    let world = booked_world(|settings| settings.follow_up_minutes = vec![60]);
    assert!(kept(&world) < follow_up);
    world.change_settings(|settings| settings.follow_up_minutes = vec![60, 300 * 24 * 60]);
    let revision = world.state.borrow().bookings.values().next().expect("a booking").1;
    world.receive_webhook(&meeting().created());
    assert_eq!(kept(&world), follow_up);
    world.receive_webhook(&meeting().created());
    assert_eq!(world.state.borrow().bookings.values().next().expect("a booking").1, revision + 1, "it is written once");
}

#[test]
fn an_objection_always_counts_and_is_in_the_timeline() {
    for (change, name) in [
        (Box::new(|_: &mut Receipt| ()) as Box<dyn Fn(&mut Receipt)>, "the message"),
        (Box::new(|it| it.provider_id = Some("another".to_owned())), "another try of it"),
        (Box::new(|it| it.delivery = Some(Delivery::Failed)), "one that has arrived"),
    ] {
        let world = booked_world(|_| {});
        let arrived = Feedback::Receipt(world.receipt("sms-confirmation", Delivery::Delivered));
        assert_eq!(world.process_feedback(&arrived), "delivered");
        let mut receipt = world.receipt("sms-confirmation", Delivery::Sent);
        receipt.objection = Some((Objection::Everything, ConsentSource::Provider));
        change(&mut receipt);
        assert_eq!(world.process_feedback(&Feedback::Receipt(receipt.clone())), "objection", "{name}");
        assert_eq!(world.process_feedback(&Feedback::Receipt(receipt)), "objection", "repeated: {name}");
        assert_eq!(objection(&world, &phone_key()), Some((Objection::Everything, ConsentSource::Provider)), "{name}");
        let lines = timeline(&world);
        assert_eq!(lines.matches("the person asked for no more messages").count(), 1, "{name}: {lines}");
    }
    // A message that nobody knows any more, and an address without our ids.
    let world = booked_world(|_| {});
    let mut unknown = world.receipt("sms-confirmation", Delivery::Sent);
    unknown.command = CommandId::new("mail-confirmation-0000");
    unknown.objection = Some((Objection::Everything, ConsentSource::Complaint));
    unknown.email = Some(EMAIL.to_uppercase().into());
    assert_eq!(world.process_feedback(&Feedback::Receipt(unknown)), "objection");
    let email = ContactKey::for_email(&PEPPER, &ConnectionName::default(), EMAIL);
    assert_eq!(objection(&world, &email), Some((Objection::Everything, ConsentSource::Complaint)));
    let (objected, source) = (Objection::FollowUps, ConsentSource::Link);
    let feedback = Feedback::Objected { email: "ion@example.com".into(), objection: objected, source };
    assert_eq!(world.process_feedback(&feedback), "objection");
    let email = ContactKey::for_email(&PEPPER, &ConnectionName::default(), "ion@example.com");
    assert_eq!(objection(&world, &email), Some((objected, source)));
}

#[test]
fn a_receipt_settles_an_unknown_outcome() {
    let world = booked_world(|_| {});
    world.faults.providers_answer([no_answer()]);
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Unknown);
    let mut receipt = world.receipt("sms-reminder-1440m", Delivery::Delivered);
    receipt.provider_id = Some("SM7".to_owned());
    assert_eq!(world.process_feedback(&Feedback::Receipt(receipt)), "delivered");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Done { provider_id: Some("SM7".to_owned()) });
}

#[test]
fn a_reminder_whose_hour_is_at_night_is_sent_the_evening_before() {
    // 08:30 in Bucharest: an hour before is half past seven.
    let early = Meeting { start: at("2026-11-25T06:30:00Z"), ..meeting() };
    let world = world(|settings| settings.reminder_minutes = vec![60]);
    world.receive_webhook(&early.created());
    world.wait_until("2026-11-24T18:29:59Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    world.wait_until("2026-11-24T18:30:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
    // The follow-up of a late meeting waits for the morning.
    let late = Meeting { start: at("2026-11-25T18:30:00Z"), ..meeting() };
    let world = self::world(|settings| settings.reminder_minutes = Vec::new());
    world.receive_webhook(&late.created());
    world.wait_until("2026-11-26T05:59:59Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    world.wait_until("2026-11-26T06:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS follow_up"]);
}

#[test]
fn a_reminder_without_an_hour_outside_quiet_hours_goes_by_e_mail() {
    // Booked at 23:00 for the next morning at 08:30.
    let early = Meeting { booked: at("2026-11-24T21:00:00Z"), start: at("2026-11-25T06:30:00Z"), ..meeting() };
    let world = world(|settings| settings.reminder_minutes = vec![60]);
    world.now.set(at("2026-11-24T21:00:02Z"));
    world.receive_webhook(&early.created());
    assert_eq!(kinds(&world), ["SMS confirmation"], "what the invitee does is confirmed at any hour");
    world.wait_until("2026-11-25T06:00:00Z");
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason: Reason::QuietHours });
    assert_eq!(kinds(&world), ["SMS confirmation", "e-mail reminder"]);
}

#[test]
fn a_retry_that_would_come_at_night_waits_for_the_morning() {
    // A meeting at noon. Its reminder, 15 hours and a minute before, comes a minute before the quiet hours begin.
    let noon = Meeting { start: at("2026-11-25T10:00:00Z"), ..meeting() };
    let world = world(|settings| settings.reminder_minutes = vec![15 * 60 + 1]);
    world.receive_webhook(&noon.created());
    let down = Outcome::Unsent { reason: Reason::Unreachable, after_seconds: Some(300), detail: String::new() };
    world.faults.providers_answer([down]);
    world.wait_until("2026-11-25T05:59:59Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    world.wait_until("2026-11-25T06:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
    insta::assert_snapshot!(timeline(&world));
}

#[test]
fn of_two_reminders_that_were_brought_forward_one_is_sent() {
    let early = Meeting { start: at("2026-11-25T06:30:00Z"), ..meeting() };
    let world = world(|settings| settings.reminder_minutes = vec![90, 60]);
    world.receive_webhook(&early.created());
    world.wait_until("2026-11-25T06:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
    assert_eq!(state_of(&world, "sms-reminder-90m"), State::Skipped { reason: Reason::Superseded });
}

#[test]
fn quiet_hours_can_be_none() {
    let early = Meeting { start: at("2026-11-25T06:30:00Z"), ..meeting() };
    let never = QuietHours { from: time(0, 0, 0, 0), until: time(0, 0, 0, 0), useful_minutes: 60 };
    let world = world(|settings| (settings.reminder_minutes, settings.quiet_hours) = (vec![60], never));
    world.receive_webhook(&early.created());
    world.wait_until("2026-11-25T05:29:59Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    world.wait_until("2026-11-25T05:30:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder"]);
}

#[test]
fn a_reminder_reads_the_booking_from_calendly_before_it_is_sent() {
    let world = booked_world(|_| {});
    // Calendly has canceled the meeting, and its webhook was lost.
    let canceled_at = at("2026-11-22T09:00:00Z");
    let mut canceled = meeting().looked_up(None);
    canceled.leg.details.as_of = canceled_at;
    canceled.leg.canceled =
        Some(Cancellation { at: canceled_at, by: CanceledBy::Host, reason: None, rescheduled: false });
    world.add_to_calendly(canceled);
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS cancellation"]);
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Skipped { reason: Reason::CanceledBeforeFire });
    assert!(world.state.borrow().schedules.is_empty());
}

#[test]
fn the_time_of_a_meeting_in_person_is_in_the_hosts_zone() {
    let here = Meeting { location: Some("Strada Lungă 1"), zone: "America/New_York".into(), ..meeting() };
    let confirmation = |world: TestWorld| {
        world.receive_webhook(&here.created());
        messages(&world).first().cloned().expect("a confirmation")
    };
    let at_calendly = world(|_| {});
    let host = "https://api.calendly.com/users/maria".to_owned();
    at_calendly.state.borrow_mut().calendly.host_zones.insert(host, "Europe/Bucharest".to_owned());
    assert!(confirmation(at_calendly).ends_with("Wed 25 Nov 10:30 Europe/Bucharest"));
    let in_settings = world(|settings| {
        let contact = HostContact { zone: Some("Europe/Copenhagen".to_owned()), ..HostContact::default() };
        settings.hosts.insert("Maria@Example.com".to_owned(), contact);
    });
    assert!(confirmation(in_settings).ends_with("Wed 25 Nov 09:30 Europe/Copenhagen"));
    // When the host's zone is unknown, the invitee's zone is used and named.
    assert!(confirmation(world(|_| {})).ends_with("Wed 25 Nov 03:30 America/New_York"));
}

#[test]
fn an_invitee_who_did_not_come_gets_a_message_unless_the_host_takes_the_mark_back() {
    let world = booked_world(|_| {});
    world.wait_until("2026-11-25T09:05:00Z");
    world.receive_webhook(&meeting().no_show("2026-11-25T09:04:00Z", true));
    world.wait_until("2026-11-25T09:10:00Z");
    world.receive_webhook(&meeting().no_show("2026-11-25T09:09:00Z", false));
    world.wait_until("2026-11-25T09:20:00Z");
    assert_eq!(state_of(&world, "sms-no-show"), State::Withdrawn { reason: Reason::CameAfterAll });
    world.receive_webhook(&meeting().no_show("2026-11-25T09:19:00Z", true));
    world.wait_until("2026-11-25T12:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder", "SMS reminder", "SMS no_show"]);
    assert_eq!(state_of(&world, "sms-follow-up-30m"), State::Skipped { reason: Reason::NoShow });
}

fn world_with_host(contact: HostContact) -> TestWorld {
    booked_world(|settings| drop(settings.hosts.insert("maria@example.com".to_owned(), contact)))
}

/// Returns a booking's webhook with another address of its host.
fn created_with_host(address: &str) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&meeting().created()).expect("JSON");
    body["payload"]["scheduled_event"]["event_memberships"][0]["user_email"] = json!(address);
    body.to_string().into_bytes()
}

#[test]
fn a_host_is_found_however_the_address_is_written() {
    for (at_calendly, in_settings) in [
        ("maria@bücher.example", "maria@xn--bcher-kva.example"),
        ("Maria@BÜCHER.example", "maria@bücher.example"),
        ("maria@xn--bcher-kva.example", "Maria@Bücher.example"),
        (" maria@example.com ", "MARIA@example.com"),
    ] {
        let world = world(|settings| {
            let contact = HostContact { phone: Phone::parse("+4520123456"), email: true, ..HostContact::default() };
            settings.hosts.insert(in_settings.to_owned(), contact);
        });
        world.receive_webhook(&created_with_host(at_calendly));
        let told = world.effects().iter().filter(|it| it.contains("to the host")).count();
        assert_eq!(told, 1, "{at_calendly} {in_settings}");
    }
}

#[test]
fn hosts_with_a_contact_get_notices_in_their_own_language_and_zone() {
    let (phone, zone) = (Phone::parse("+4520123456"), Some("Europe/Copenhagen".to_owned()));
    let world = world_with_host(HostContact { phone, email: true, language: Some(Language::Danish), zone });
    let second = meeting().moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z");
    world.receive_webhook(&meeting().moved_away(&second));
    world.receive_webhook(&second.created());
    world.receive_webhook(&second.canceled("2026-11-22T08:59:58Z", "invitee", ""));
    let to_host: Vec<_> = messages(&world).into_iter().filter(|it| it.contains("to the host")).collect();
    insta::assert_snapshot!(to_host.join("\n"), @"
    SMS to the host: booked [host_notice-1, da] to +4520123456: Sales Demo Wed 25 Nov 09:30 Europe/Copenhagen
    SMS to the host: moved by the invitee [host_notice-1, da] to +4520123456: Sales Demo Thu 26 Nov 13:00 Europe/Copenhagen
    SMS to the host: canceled by the invitee [host_notice-1, da] to +4520123456: Sales Demo Thu 26 Nov 13:00 Europe/Copenhagen
    ");
}

#[test]
fn a_host_without_a_phone_gets_e_mail_and_unknown_hosts_share_one_phone() {
    let by_mail = world_with_host(HostContact { email: true, ..HostContact::default() });
    assert_eq!(by_mail.count("e-mail to the host: booked [ses, en] to maria@example.com"), 1);

    let unknown = booked_world(|settings| settings.host_phone = Phone::parse("+4520123456"));
    assert_eq!(unknown.count("SMS to the host: booked [host_notice-1, en] to +4520123456"), 1);
    // Hosts are not notified of their own cancellations.
    unknown.receive_webhook(&meeting().canceled("2026-11-22T08:59:58Z", "host", ""));
    assert!(!unknown.effects().iter().any(|it| it.contains("host: canceled")));
}

#[test]
fn an_invitee_who_has_reconfirmed_is_not_asked_to() {
    let change = |settings: &mut Settings| {
        settings.reconfirm_minutes = vec![2880];
        settings.templates.push(Template {
            filter: MessageFilter::of("reconfirmation"),
            provider: Provider::Engagelab,
            id: "reconfirmation-1".to_owned(),
            text: None,
        });
    };
    let asked = booked_world(change);
    asked.wait_until("2026-11-23T08:30:00Z");
    assert_eq!(kinds(&asked), ["SMS confirmation", "SMS reconfirmation"]);

    let reconfirmed = booked_world(change);
    let mut again = meeting();
    again.booked = at("2026-11-21T09:00:00Z");
    again.reconfirmed = Some("2026-11-21T09:00:00Z");
    reconfirmed.receive_webhook(&again.created());
    reconfirmed.wait_until("2026-11-23T08:30:00Z");
    assert_eq!(kinds(&reconfirmed), ["SMS confirmation"]);
}

/// Returns a call of EngageLab's as the intake queue holds it.
fn engagelab_envelope(world: &TestWorld, nonce: &str, body: &Value) -> String {
    let body = body.to_string().into_bytes();
    let mut envelope = Envelope::new(Source::Engagelab, ConnectionName::default(), world.now.get(), body);
    envelope.nonce = Some(nonce.to_owned());
    envelope.to_json()
}

fn receive_from_engagelab(world: &TestWorld, nonce: &str, body: &Value) {
    assert_eq!(world.invoke(Queue::Intake, &[&engagelab_envelope(world, nonce, body)]), Some(vec![]));
}

fn engagelab_receipt(world: &TestWorld, status: &str) -> Value {
    let receipt = world.receipt("sms-confirmation", Delivery::Delivered);
    json!({"total": 1, "rows": [{
        "message_id": receipt.provider_id, "to": PHONE, "server": "sms", "channel": "sms", "itime": 1_795_165_267,
        "custom_args": {"command_id": receipt.command, "booking_id": receipt.booking, "connection": "default"},
        "status": {"message_status": status, "status_data": {"msg_time": 1_795_165_260}, "error_code": 0},
    }]})
}

#[test]
fn a_forged_body_under_a_captured_header_changes_nothing() {
    let world = booked_world(|_| {});
    let delivered = engagelab_receipt(&world, "delivered");
    receive_from_engagelab(&world, "n-1", &delivered);
    assert!(timeline(&world).contains("confirmation by SMS | has arrived"), "{}", timeline(&world));

    // A captured header is genuine above any body.
    let before = (shown(&world), timeline(&world));
    let stop = json!({"total": 1, "rows": [{
        "message_id": "0", "to": PHONE, "server": "sms",
        "response": {"event": "uplink_message", "response_data": {"from": PHONE, "to": "+1", "body": "STOP"}},
    }]});
    // The queue may deliver the genuine call again.
    for body in [engagelab_receipt(&world, "sent_failed"), stop.clone(), delivered] {
        receive_from_engagelab(&world, "n-1", &body);
    }
    assert_eq!((shown(&world), timeline(&world)), before);
    assert_eq!(objection(&world, &phone_key()), None);

    // Under a header of its own, STOP has its effect.
    receive_from_engagelab(&world, "n-2", &stop);
    assert_eq!(objection(&world, &phone_key()), Some((Objection::Everything, ConsentSource::Reply)));
    world.wait_until("2026-11-24T08:30:00Z");
    assert_eq!(state_of(&world, "sms-reminder-1440m"), State::Skipped { reason: Reason::OptedOut });
}

#[test]
fn stop_from_a_number_that_got_no_message_is_ignored() {
    let world = booked_world(|_| {});
    let from = Phone::parse("+4520123456").expect("a number");
    let reply = Reply { id: None, from, text: "STOP".into(), meaning: None, at: at("2026-11-21T09:00:00Z") };
    let before = world.call_count();
    assert_eq!(world.process_feedback(&Feedback::Reply(reply)), "stranger");
    assert_eq!(world.calls_from(before), [Call::LoadContact]);
}

#[test]
fn a_receipt_that_arrives_before_the_answer_is_processed_later() {
    let world = booked_world(|_| {});
    let receipt = engagelab_receipt(&world, "delivered");
    for (id, (_, command)) in &mut world.state.borrow_mut().commands {
        if id.as_str().starts_with("sms-confirmation") {
            // The provider has the message, and its answer is on the way.
            command.state = State::Claimed { until: at("2026-11-20T09:01:02Z") };
        }
    }
    let message = engagelab_envelope(&world, "n-1", &receipt);
    assert_eq!(world.invoke(Queue::Intake, &[&message]), Some(vec![0]), "the record comes back");
}

#[test]
fn while_a_connection_is_switched_off_its_meetings_are_recorded_and_nobody_is_written_to() {
    let world = booked_world(|settings| settings.is_disabled = true);
    assert_eq!(world.effects(), [""; 0]);
    assert_eq!(world.state.borrow().bookings.len(), 1);
    assert!(timeline(&world).contains("The connection is switched off."), "{}", timeline(&world));

    // It was on when the meeting was booked, and is off when the reminders are due.
    let world = booked_world(|_| {});
    let before = world.effects();
    assert!(!before.is_empty());
    world.change_settings(|settings| settings.is_disabled = true);
    world.wait_until("2026-11-25T12:00:00Z");
    assert_eq!(world.effects(), before);
}

#[test]
fn a_strangers_booking_gets_no_sms_unless_the_owner_wants_it() {
    let only_vais = |settings: &mut Settings| (settings.sms_for, settings.mail_for) = (Audience::Vai, Audience::Vai);
    let stranger = booked_world(only_vais);
    stranger.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(messages(&stranger), [""; 0]);
    assert_eq!(state_of(&stranger, "sms-confirmation"), State::Skipped { reason: Reason::NotVais });

    let vais = world(only_vais);
    vais.store_metadata();
    vais.receive_webhook(&Meeting { token: Some(TOKEN), ..meeting() }.created());
    assert_eq!(kinds(&vais), ["SMS confirmation"]);

    // Where e-mails are for all, they take the place of the SMS.
    let by_mail = booked_world(|settings| settings.sms_for = Audience::Vai);
    assert_eq!(kinds(&by_mail), ["e-mail confirmation"]);
    // An owner who changes the settings reaches those who have booked, with what is still ahead.
    by_mail.change_settings(|settings| settings.sms_for = Audience::All);
    resume(&by_mail);
    by_mail.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(kinds(&by_mail), ["e-mail confirmation", "SMS reminder", "SMS reminder"]);
}

#[test]
fn hosts_are_told_of_strangers_bookings_unless_the_owner_wants_no_such_notices() {
    let notices = |audience| {
        let world = booked_world(|settings| {
            settings.host_notices_for = audience;
            let contact = HostContact { phone: Phone::parse("+4520123456"), email: true, ..HostContact::default() };
            settings.hosts.insert("maria@example.com".to_owned(), contact);
        });
        world.effects().iter().filter(|it| it.contains("to the host")).count()
    };
    assert_eq!((notices(Audience::All), notices(Audience::Vai)), (1, 0));
}

/// The owners who text the invitees of public pages in any country.
#[test]
fn with_two_settings_the_invitees_of_public_pages_get_sms_in_any_country() {
    let book = |phone: &'static str, change: fn(&mut Settings)| {
        let world = world(change);
        world.receive_webhook(&Meeting { phone: Some(phone), ..meeting() }.created());
        world
    };
    for (phone, written) in [
        // China.
        ("+86 138 0013 8000", "+8613800138000"),
        // The Gulf.
        ("+971 50 123 4567", "+971501234567"),
        ("+966 51 234 5678", "+966512345678"),
        ("+974 3312 3456", "+97433123456"),
        ("+965 500 12345", "+96550012345"),
        // South-East Asia.
        ("+65 8123 4567", "+6581234567"),
        ("+60 12-345 6789", "+60123456789"),
        ("+62 812-345-678", "+62812345678"),
        ("+66 81 234 5678", "+66812345678"),
        ("+84 912 345 678", "+84912345678"),
        ("+63 905 123 4567", "+639051234567"),
    ] {
        let world = book(phone, |settings| settings.countries = vec!["*".to_owned()]);
        // Nothing is known of what carriers there let through, so an e-mail has the links.
        assert_eq!(kinds(&world), ["SMS confirmation", "e-mail confirmation"], "{phone}");
        let texts = messages(&world).join("\n");
        assert!(texts.contains(&format!("to {written}: ")), "{phone}: {texts}");

        let by_default = book(phone, |_| {});
        let state = state_of(&by_default, "sms-confirmation");
        assert_eq!(state, State::Skipped { reason: Reason::CountryNotAllowed }, "{phone}");
        assert_eq!(kinds(&by_default), ["e-mail confirmation"], "{phone}");
    }
}

#[test]
fn numbers_that_cost_their_senders_are_never_texted() {
    for phone in [
        // Premium and personal numbers.
        "+44 9012 345678",
        "+44 7012 345678",
        "+49 900 1234567",
        "+33 891 123 456",
        // Satellites and other numbers of no country.
        "+870 301 234 567",
        "+881 612 345 678",
        "+883 510 012 345",
        "+878 10 1234567890",
    ] {
        let world = world(|settings| settings.countries = vec!["*".to_owned()]);
        world.receive_webhook(&Meeting { phone: Some(phone), ..meeting() }.created());
        let state = state_of(&world, "sms-confirmation");
        assert_eq!(state, State::Skipped { reason: Reason::NumberNotTexted }, "{phone}");
        assert_eq!(world.count("SMS"), 0, "{phone}");
    }
    // A number that the settings themselves name is no exception.
    let world = booked_world(|settings| settings.host_phone = Phone::parse("+449012345678"));
    assert_eq!(state_of(&world, "sms-host-booked"), State::Skipped { reason: Reason::NumberNotTexted });
}

/// Returns how many segments are counted for the invitee's number.
fn segments_counted(world: &TestWorld) -> u32 {
    world.state.borrow().contacts[&phone_key()].spent.values().sum()
}

/// Returns what the SMS of a world cost, by what is stored with the commands.
fn sms_cost(world: &TestWorld) -> String {
    let state = world.state.borrow();
    let total: SmsTotal = state.commands.values().flat_map(|(_, command)| &command.costs).collect();
    total.to_string()
}

#[test]
fn what_is_over_the_budget_of_a_number_goes_by_e_mail() {
    let world = booked_world(|settings| settings.sms_budget.per_number_and_day = 1);
    world.wait_until("2026-11-25T08:00:00Z");
    // The confirmation was days before; the second reminder is within a day of the first.
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder", "e-mail reminder"]);
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason: Reason::SmsBudget });
    assert!(timeline(&world).contains("(sms_budget)"), "{}", timeline(&world));
}

#[test]
fn an_alarm_comes_before_the_budget_of_the_connection_is_spent() {
    // The reminder is due on the day of the booking.
    let world = world(|settings| (settings.sms_budget.per_day, settings.reminder_minutes) = (5, vec![7_000]));
    world.state.borrow_mut().sms_segments = 4;
    world.receive_webhook(&meeting().created());
    assert_eq!((kinds(&world).len(), world.state.borrow().low_sms_budgets), (1, 1));
    world.wait_until("2026-11-20T12:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "e-mail reminder"]);
    assert_eq!(world.state.borrow().low_sms_budgets, 2);
}

#[test]
fn a_booking_causes_no_more_sms_than_its_limit() {
    let world = booked_world(|settings| settings.sms_budget.messages_per_booking = 2);
    world.wait_until("2026-11-25T08:00:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS reminder", "e-mail reminder"]);
}

#[test]
fn of_many_moves_within_an_hour_some_are_told_by_sms_and_as_many_by_e_mail() {
    let world = booked_world(|settings| settings.sms_budget.moves_per_hour = 2);
    let mut last = meeting();
    let mut move_at = |number: u32, when: &str| {
        let next = last.moved(number, when, &format!("2026-11-25T{:02}:00:00Z", 9 + number));
        world.wait_until(when);
        world.receive_webhook(&last.moved_away(&next));
        world.receive_webhook(&next.created());
        last = next;
    };
    for number in 2..=7 {
        move_at(number, &format!("2026-11-20T09:{:02}:00Z", 5 * number));
    }
    assert_eq!(kinds(&world), ["SMS confirmation", "SMS move", "SMS move", "e-mail move", "e-mail move"]);
    move_at(8, "2026-11-20T10:15:00Z");
    assert_eq!(kinds(&world).last().map(String::as_str), Some("SMS move"), "the first two are an hour ago");
    // Whatever was not told, the reminder has the last time.
    world.wait_until("2026-11-25T16:30:00Z");
    assert!(messages(&world).last().is_some_and(|it| it.contains("Wed 25 Nov 19:00")), "{:?}", messages(&world));
}

#[test]
fn segments_are_given_back_if_the_sms_was_certainly_not_sent() {
    let world = world(|settings| settings.sms_budget.per_number_and_day = 1);
    world.faults.providers_answer([unreachable("")]);
    world.receive_webhook(&meeting().created());
    assert_eq!((segments_counted(&world), sms_cost(&world).as_str()), (0, "0 sent, 0 segments"));
    world.wait_until("2026-11-20T09:10:00Z");
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    assert_eq!((segments_counted(&world), sms_cost(&world).as_str()), (1, "1 sent, 1 segment, 0.0781 USD"));
}

#[test]
fn an_sms_that_may_have_been_sent_stays_counted_and_so_does_its_repetition() {
    let world = world(|_| {});
    world.faults.providers_answer([no_answer()]);
    world.receive_webhook(&meeting().created());
    assert_eq!((segments_counted(&world), sms_cost(&world).as_str()), (1, "1 sent, 1 segment, 0.0781 USD"));
    world.wait_until("2026-11-20T09:10:00Z");
    assert_eq!((segments_counted(&world), sms_cost(&world).as_str()), (2, "2 sent, 2 segments, 0.1562 USD"));
}

#[test]
fn a_function_that_is_killed_after_the_reservation_counts_too_much_and_sends_once() {
    let calm = booked_world(|_| {});
    let reservation = calm.calls_from(0).iter().position(|it| *it == Call::ReserveSms).expect("a reservation");
    let world = world(|_| {});
    world.faults.at_call(reservation, Fault::Killed { has_effect: true });
    world.receive_webhook(&meeting().created());
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    assert_eq!((segments_counted(&calm), segments_counted(&world)), (1, 2));
}

#[test]
fn the_timeline_says_what_each_sms_costs() {
    let world = world(|settings| {
        settings.sms_price = Price::parse("0.045 EUR");
        settings.sms_budget.most_segments = 4;
    });
    world.state.borrow_mut().sms_segments = 3;
    world.receive_webhook(&meeting().created());
    assert!(timeline(&world).contains("; 3 segments, 0.135 EUR]"), "{}", timeline(&world));
    // One that was too long says so.
    world.state.borrow_mut().sms_segments = 9;
    world.wait_until("2026-11-24T08:30:00Z");
    assert!(timeline(&world).contains("; 4 segments, 0.18 EUR, shortened]"), "{}", timeline(&world));
    assert_eq!(sms_cost(&world), "2 sent, 7 segments, 0.315 EUR");
}

#[test]
fn what_a_provider_counts_and_takes_replaces_the_estimate() {
    let world = world(|settings| settings.sms_price = Price::parse("0.045 EUR"));
    let charge = SmsCharge { segments: Some(3), price: None };
    world.faults.providers_answer([Outcome::Done { provider_id: None, charge }]);
    world.receive_webhook(&meeting().created());
    assert_eq!((segments_counted(&world), sms_cost(&world).as_str()), (3, "1 sent, 3 segments, 0.135 EUR"));
    assert!(timeline(&world).contains("[the provider counts 3 segments, 0.135 EUR"), "{}", timeline(&world));

    // A receipt has the price. One of another message counts for nothing.
    let receipt = |slug: &str, price: &str, delivery| {
        Feedback::Receipt(Receipt { price: Price::parse(price), ..world.receipt(slug, delivery) })
    };
    world.process_feedback(&receipt("sms-reminder-60m", "9.00 USD", Delivery::Sent));
    world.process_feedback(&receipt("sms-confirmation", "0.02 USD", Delivery::Delivered));
    assert_eq!(sms_cost(&world), "1 sent, 3 segments, 0.02 USD");
    assert!(timeline(&world).contains("the provider counts 3 segments, 0.02 USD"), "{}", timeline(&world));
    // One that comes late, and again, says nothing new of the delivery.
    for _ in 0..2 {
        world.process_feedback(&receipt("sms-confirmation", "0.03 USD", Delivery::Sent));
        assert_eq!(sms_cost(&world), "1 sent, 3 segments, 0.03 USD");
    }
}

#[test]
fn an_sms_whose_price_nobody_knows_is_told_as_such() {
    let world = world(|settings| settings.countries = vec!["*".to_owned()]);
    for (number, phone) in [(1, "+37362112345"), (2, PHONE)] {
        let meeting = Meeting::new(number, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z");
        world.receive_webhook(&Meeting { token: None, phone: Some(phone), ..meeting }.created());
    }
    assert_eq!(sms_cost(&world), "2 sent, 2 segments, 0.0781 USD, and 1 segment of unknown price");
}
