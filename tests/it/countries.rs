//! What the rules of a number's country change about the messages to it.

use domain::settings::{Provider, QuietHours, Settings};
use domain::{Message, MessageAction, MessageOrder, Order, Reason, SmsOrder, State};
use jiff::civil::time;
use notify::wording::render_sms;
use serde_json::json;

use crate::messages::{kinds, state_of, world_at};
use crate::payload::Meeting;
use crate::stories::timeline;
use crate::strangers::compose;
use crate::world::TestWorld;

const NOW: &str = "2026-11-20T09:00:02Z";

/// A world in which Twilio sends the SMS, from a name, and Amazon SES the e-mails.
fn world(change: impl FnOnce(&mut Settings)) -> TestWorld {
    world_at(NOW, |settings| {
        settings.providers.sms = vec![Provider::Twilio];
        settings.senders.twilio = Some("VAI Portal".to_owned());
        change(settings);
    })
}

/// A meeting on Wednesday, 25 November 2026.
fn meeting(phone: &'static str, zone: &str, start: &str) -> Meeting {
    Meeting { token: None, phone: Some(phone), zone: json!(zone), ..Meeting::new(1, "2026-11-20T09:00:00Z", start) }
}

/// At half past eleven in Taipei.
fn in_taipei() -> Meeting {
    meeting("+886912345678", "Asia/Taipei", "2026-11-25T03:30:00Z")
}

fn domains(settings: &mut Settings, country: &str) {
    let domains = ["calendly.com", "zoom.example"].map(str::to_owned).to_vec();
    settings.sms_link_domains.insert(country.to_owned(), domains);
}

fn no_quiet_hours(settings: &mut Settings) {
    settings.quiet_hours = QuietHours { from: time(0, 0, 0, 0), until: time(0, 0, 0, 0), useful_minutes: 60 };
}

/// Returns how often each kind of message was sent, in alphabetical order.
fn sorted(world: &TestWorld) -> Vec<String> {
    let mut kinds = kinds(world);
    kinds.sort();
    kinds
}

#[test]
fn an_sms_to_taiwan_has_no_links_and_an_e_mail_has_them() {
    let world = world(|_| {});
    world.receive_webhook(&in_taipei().created());
    assert_eq!(sorted(&world), ["SMS confirmation", "e-mail confirmation"]);
    world.wait_until("2026-11-25T04:00:00Z");
    assert_eq!(
        sorted(&world),
        [
            "SMS confirmation",
            "SMS reminder",
            "SMS reminder",
            "e-mail confirmation",
            "e-mail reminder",
            "e-mail reminder"
        ]
    );
    // The follow-up would come at half past twelve: nothing that may be marketing is sent between then and half past
    // one.
    world.wait_until("2026-11-25T05:29:00Z");
    assert_eq!(world.count("SMS follow_up"), 0);
    world.wait_until("2026-11-25T05:31:00Z");
    assert_eq!((world.count("SMS follow_up"), world.count("e-mail follow_up")), (1, 1));
    insta::assert_snapshot!(timeline(&world));
}

/// Composes the SMS that confirms a meeting.
fn confirmation(world: &TestWorld, meeting: &Meeting) -> SmsOrder {
    world.receive_webhook(&meeting.created());
    let Order::Message(order) = compose(world, MessageAction::Sms(Message::Confirmation).into()) else {
        panic!("a message")
    };
    match *order {
        MessageOrder::Sms(order) => order,
        MessageOrder::Email(_) => panic!("an SMS"),
    }
}

#[test]
fn an_sms_to_taiwan_begins_with_the_brand_that_the_settings_name() {
    let romania = meeting("+40712345678", "Europe/Bucharest", "2026-11-25T08:30:00Z");
    for (meeting, is_branded) in [(in_taipei(), true), (romania, false)] {
        let world = world(|settings| settings.senders.brand = Some("VAI".to_owned()));
        let order = confirmation(&world, &meeting);
        let text = render_sms(order.message, &order.content, None, false).expect("an SMS");
        assert_eq!(text.starts_with("VAI: "), is_branded, "{text}");
    }
}

#[test]
fn an_sms_by_twilio_to_moldova_has_one_segment_since_longer_ones_fall_apart() {
    let moldova = meeting("+37362112345", "Europe/Chisinau", "2026-11-25T08:30:00Z");
    let most = |provider: Provider, meeting: &Meeting| {
        let world = world(|settings| settings.providers.sms = vec![provider]);
        confirmation(&world, meeting).most_segments
    };
    let by_settings = Settings::default().sms_budget.most_segments;
    assert_eq!((most(Provider::Twilio, &moldova), most(Provider::Engagelab, &moldova)), (1, by_settings));
    assert_eq!(most(Provider::Twilio, &in_taipei()), by_settings);
}

#[test]
fn a_sender_s_name_that_the_country_blocks_is_replaced_by_e_mails() {
    let paris = meeting("+33612345678", "Europe/Paris", "2026-11-25T08:30:00Z");
    for (name, sent) in [("VAI Portal", "e-mail confirmation"), ("VAIPortal", "SMS confirmation")] {
        let world = world(|settings| settings.senders.twilio = Some(name.to_owned()));
        world.receive_webhook(&paris.created());
        assert_eq!(kinds(&world), [sent], "{name}");
    }
}

#[test]
fn domains_that_the_settings_name_are_let_through() {
    let world = world(|settings| domains(settings, "TW"));
    world.receive_webhook(&in_taipei().created());
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!(sorted(&world), ["SMS confirmation", "SMS follow_up", "SMS reminder", "SMS reminder"]);
}

#[test]
fn an_e_mail_that_has_the_links_follows_the_settings_and_none_is_sent_for_what_was_sent() {
    let world = world(|settings| domains(settings, "TW"));
    world.receive_webhook(&in_taipei().created());
    world.change_settings(|settings| settings.sms_link_domains.clear());
    world.receive_webhook(&in_taipei().created());
    assert_eq!(sorted(&world), ["SMS confirmation"], "a change of settings sends nothing");
    world.wait_until("2026-11-24T04:00:00Z");
    assert_eq!(sorted(&world), ["SMS confirmation", "SMS reminder", "e-mail reminder"]);
    world.change_settings(|settings| domains(settings, "TW"));
    world.receive_webhook(&in_taipei().created());
    assert!(matches!(state_of(&world, "mail-reminder-60m"), State::Withdrawn { .. }));
    world.change_settings(|settings| settings.sms_link_domains.clear());
    world.receive_webhook(&in_taipei().created());
    world.wait_until("2026-11-25T03:00:00Z");
    assert_eq!(world.count("e-mail reminder"), 2);
}

#[test]
fn a_country_that_takes_no_name_as_a_sender_gets_e_mails() {
    let new_york = meeting("+14045551234", "America/New_York", "2026-11-25T17:00:00Z");
    let world = world(|_| {});
    world.receive_webhook(&new_york.created());
    assert_eq!(state_of(&world, "sms-confirmation"), State::Skipped { reason: Reason::CountryChannel });
    world.wait_until("2026-11-25T16:30:00Z");
    assert_eq!(sorted(&world), ["e-mail confirmation", "e-mail reminder", "e-mail reminder"]);
    insta::assert_snapshot!(timeline(&world));

    // Another provider can send it; so can Twilio from a number.
    for change in [
        (|settings: &mut Settings| settings.providers.sms = vec![Provider::Twilio, Provider::Engagelab])
            as fn(&mut Settings),
        |settings: &mut Settings| settings.senders.twilio = Some("+15005550006".to_owned()),
    ] {
        let world = self::world(change);
        world.receive_webhook(&new_york.created());
        assert_eq!(kinds(&world), ["SMS confirmation"]);
    }
}

#[test]
fn a_country_without_rules_of_its_own_gets_follow_ups_and_links_by_e_mail() {
    let world = world(|settings| settings.countries = vec!["*".to_owned()]);
    world.receive_webhook(&meeting("+8613800138000", "Asia/Shanghai", "2026-11-25T03:30:00Z").created());
    assert_eq!(state_of(&world, "sms-follow-up-30m"), State::Skipped { reason: Reason::CountryChannel });
    world.wait_until("2026-11-26T00:00:00Z");
    assert_eq!((world.count("SMS reminder"), world.count("e-mail reminder")), (2, 2));
    assert_eq!((world.count("SMS follow_up"), world.count("e-mail follow_up")), (0, 1));
}

#[test]
fn links_to_romania_count_as_registered_until_the_settings_name_others() {
    let romania = meeting("+40712345678", "Europe/Bucharest", "2026-11-25T08:30:00Z");
    let world = world(|_| {});
    world.receive_webhook(&romania.created());
    assert_eq!(kinds(&world), ["SMS confirmation"]);
    let other = self::world(|settings| {
        settings.sms_link_domains.insert("RO".to_owned(), vec!["vai.example".to_owned()]);
    });
    other.receive_webhook(&romania.created());
    assert_eq!(sorted(&other), ["SMS confirmation", "e-mail confirmation"]);
}

#[test]
fn the_hours_of_the_country_hold_without_quiet_hours_in_the_settings() {
    let world = world(no_quiet_hours);
    // Until a quarter to ten in the evening, in Bucharest.
    world.receive_webhook(&meeting("+40712345678", "Europe/Bucharest", "2026-11-25T19:15:00Z").created());
    world.wait_until("2026-11-26T05:59:00Z");
    assert_eq!(world.count("SMS follow_up"), 0);
    world.wait_until("2026-11-26T06:01:00Z");
    assert_eq!(world.count("SMS follow_up"), 1);
}

#[test]
fn a_reminder_for_which_the_country_leaves_no_time_goes_by_e_mail() {
    let world = world_at("2026-11-24T15:00:02Z", |settings| {
        settings.providers.sms = vec![Provider::Twilio];
        settings.senders.twilio = Some("+15005550006".to_owned());
        settings.reminder_minutes = vec![60];
        no_quiet_hours(settings);
    });
    // Booked at eleven in the evening for half past seven, in Shanghai.
    let early = Meeting::new(1, "2026-11-24T15:00:00Z", "2026-11-24T23:30:00Z");
    let early = Meeting { token: None, phone: Some("+8613800138000"), zone: json!("Asia/Shanghai"), ..early };
    world.receive_webhook(&early.created());
    assert_eq!(state_of(&world, "sms-reminder-60m"), State::Skipped { reason: Reason::CountryHours });
    world.wait_until("2026-11-24T22:31:00Z");
    assert_eq!((world.count("SMS reminder"), world.count("e-mail reminder")), (0, 1));
}
