//! Calendar files: whoever has one gets its changes and its cancellation, and nobody else does.

use domain::settings::{CalendarFile, Channel, MessageFilter, MessageProviders, Provider, Settings, Template};
use domain::{Delivery, Feedback};

use crate::messages::{kinds, world_at};
use crate::payload::Meeting;
use crate::world::{TestWorld, no_answer, unreachable};

fn meeting() -> Meeting {
    Meeting { token: None, ..Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z") }
}

fn moved() -> Meeting {
    meeting().moved(2, "2026-11-20T10:00:00Z", "2026-11-26T08:30:00Z")
}

/// A world in which confirmations go by e-mail, and moves and cancellations by SMS.
fn world(change: impl FnOnce(&mut Settings)) -> TestWorld {
    world_at("2026-11-20T09:00:02Z", |settings| {
        settings.calendar_file = CalendarFile::Publish;
        settings.senders.email = Some("meetings@example.com".to_owned());
        settings.channels.insert("confirmation".to_owned(), vec![Channel::Email]);
        (settings.reminder_minutes, settings.follow_up_minutes) = (vec![], vec![]);
        change(settings);
    })
}

fn receive(world: &TestWorld, at: &str, bodies: &[Vec<u8>]) {
    world.wait_until(at);
    bodies.iter().for_each(|body| world.receive_webhook(body));
}

fn book_move_and_cancel(world: &TestWorld) {
    world.receive_webhook(&meeting().created());
    receive(world, "2026-11-20T10:00:02Z", &[meeting().moved_away(&moved()), moved().created()]);
    receive(world, "2026-11-20T11:00:02Z", &[moved().canceled("2026-11-20T11:00:00Z", "invitee", "")]);
    world.wait_until("2026-11-20T11:30:00Z");
}

#[test]
fn whoever_has_a_file_gets_its_changes_whatever_the_channels_say() {
    let followed = [
        "e-mail confirmation with a file: publish 0",
        "SMS move",
        "e-mail move with a file: publish 1",
        "SMS cancellation",
        "e-mail cancellation with a file: cancel 2",
    ];
    let world_by_sms = world(|_| {});
    book_move_and_cancel(&world_by_sms);
    assert_eq!(sorted(kinds(&world_by_sms)), sorted(followed));

    // Without any channel, the file still follows.
    let silent = world(|settings| {
        for message in ["move", "cancellation"] {
            settings.channels.insert(message.to_owned(), vec![]);
        }
    });
    book_move_and_cancel(&silent);
    assert_eq!(kinds(&silent), [followed[0], followed[2], followed[4]]);

    // It also does if files are switched off meanwhile.
    let switched = world(|_| {});
    switched.receive_webhook(&meeting().created());
    switched.change_settings(|settings| settings.calendar_file = CalendarFile::Off);
    receive(&switched, "2026-11-20T10:00:02Z", &[meeting().canceled("2026-11-20T10:00:00Z", "host", "")]);
    assert_eq!(
        sorted(kinds(&switched)),
        sorted([followed[0], "SMS cancellation", "e-mail cancellation with a file: cancel 1"])
    );
}

#[test]
fn who_has_no_file_gets_none_removed() {
    // The confirmation went by SMS, the e-mail of the cancellation has nothing to remove.
    let by_sms = world(|settings| {
        settings.channels.insert("confirmation".to_owned(), vec![Channel::Sms]);
        settings.channels.insert("cancellation".to_owned(), vec![Channel::Sms, Channel::Email]);
    });
    by_sms.receive_webhook(&meeting().created());
    receive(&by_sms, "2026-11-20T10:00:02Z", &[meeting().canceled("2026-11-20T10:00:00Z", "invitee", "")]);
    assert_eq!(sorted(kinds(&by_sms)), sorted(["SMS confirmation", "SMS cancellation", "e-mail cancellation"]));

    // The e-mail was certainly not sent, or did not arrive.
    let unsent = world(|_| {});
    unsent.faults.providers_answer([unreachable("HTTP 503")]);
    unsent.receive_webhook(&meeting().created());
    unsent.receive_webhook(&meeting().canceled("2026-11-20T09:00:01Z", "invitee", ""));
    assert_eq!(kinds(&unsent), ["SMS cancellation"]);
    let undelivered = world(|_| {});
    undelivered.receive_webhook(&meeting().created());
    undelivered.process_feedback(&Feedback::Receipt(undelivered.receipt("mail-confirmation", Delivery::Failed)));
    receive(&undelivered, "2026-11-20T10:00:02Z", &[meeting().canceled("2026-11-20T10:00:00Z", "invitee", "")]);
    assert_eq!(kinds(&undelivered), ["e-mail confirmation with a file: publish 0", "SMS cancellation"]);
}

#[test]
fn a_file_that_may_have_been_sent_is_removed() {
    let world = world(|_| {});
    world.faults.providers_answer([no_answer(), no_answer()]);
    world.receive_webhook(&meeting().created());
    receive(&world, "2026-11-20T10:00:02Z", &[meeting().canceled("2026-11-20T10:00:00Z", "invitee", "")]);
    let told = kinds(&world);
    assert!(told.contains(&"e-mail cancellation with a file: cancel 1".to_owned()), "{told:?}");
}

#[test]
fn a_change_goes_by_a_provider_that_sends_files() {
    let world = world(|settings| {
        let vai_first = MessageProviders { sms: None, email: Some(vec![Provider::Vai, Provider::Brevo]) };
        settings.providers.messages.insert("cancellation".to_owned(), vai_first);
        let filter = MessageFilter::of("cancellation");
        settings.templates.push(Template { filter, provider: Provider::Vai, id: "canceled".to_owned(), text: None });
        settings.channels.insert("cancellation".to_owned(), vec![Channel::Email]);
    });
    world.receive_webhook(&meeting().created());
    receive(&world, "2026-11-20T10:00:02Z", &[meeting().canceled("2026-11-20T10:00:00Z", "invitee", "")]);
    let sent = world.effects().into_iter().filter(|it| it.starts_with("e-mail cancellation")).collect::<Vec<_>>();
    assert!(matches!(sent.as_slice(), [one] if one.contains("cancel 1 [brevo")), "{sent:?}");
}

#[test]
fn nobody_gets_a_file_by_a_provider_that_sends_none() {
    let world = world(|settings| settings.providers.email = vec![Provider::Vai]);
    book_move_and_cancel(&world);
    assert!(kinds(&world).iter().all(|it| !it.contains("file")), "{:?}", kinds(&world));
}

fn sorted<T: Into<String>>(lines: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().map(Into::into).collect();
    lines.sort();
    lines
}
