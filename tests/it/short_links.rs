//! Short links in SMS: which messages have them, what they lead to, and what happens when they cannot be stored.

use domain::{LinkPurpose, Opening, ShortLink};
use fakes::{Call, Fault};

use crate::payload::{Meeting, at};
use crate::stories::timeline;
use crate::world::TestWorld;

fn meeting() -> Meeting {
    Meeting { token: None, ..Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z") }
}

fn world() -> TestWorld {
    let world = TestWorld::new("2026-11-20T09:00:02Z");
    world.short_links.set(Some("https://m.test"));
    world
}

/// The short links that are stored, with their codes.
fn links(world: &TestWorld) -> Vec<(String, ShortLink)> {
    world.state.borrow().short_links.iter().map(|(code, link)| (code.clone(), link.clone())).collect()
}

#[test]
fn each_sms_has_short_links_of_its_own_that_end_with_the_meeting() {
    let world = world();
    world.receive_webhook(&meeting().created());
    let mut purposes: Vec<_> = links(&world).iter().map(|(_, link)| (link.purpose, link.url.clone())).collect();
    purposes.sort();
    assert_eq!(
        purposes,
        [
            (LinkPurpose::Reschedule, "https://calendly.com/reschedulings/invitee-1".to_owned()),
            (LinkPurpose::Cancel, "https://calendly.com/cancellations/invitee-1".to_owned()),
        ],
        "the link to join is short enough"
    );
    for (_, link) in links(&world) {
        assert_eq!(link.until, at("2026-11-25T10:00:00Z"), "an hour after the end");
        assert!(link.command.as_str().starts_with("sms-confirmation"), "{link:?}");
    }
    let reminded = links(&world).len();
    world.wait_until("2026-11-24T09:00:00Z");
    assert_eq!(links(&world).len(), 2 * reminded, "the reminder has others");
    let before = links(&world).len();
    world.wait_until("2026-11-28T00:00:00Z");
    let after = links(&world);
    assert!(after.iter().all(|(_, link)| !link.command.as_str().contains("follow")), "{before} {after:?}");
}

#[test]
fn a_repeated_try_has_the_same_links() {
    let world = world();
    world.faults.providers_answer([crate::world::unreachable("refused")]);
    world.receive_webhook(&meeting().created());
    let first = links(&world);
    world.wait_until("2026-11-20T12:00:00Z");
    assert_eq!(world.count("SMS confirmation"), 1);
    assert_eq!(links(&world), first);
}

#[test]
fn a_message_goes_out_with_long_links_when_short_ones_cannot_be_stored() {
    let world = world();
    let calls = {
        let other = self::world();
        other.receive_webhook(&meeting().created());
        other.calls_from(0)
    };
    let number = calls.iter().position(|it| *it == Call::WriteShortLinks).expect("a call");
    world.faults.at_call(number, Fault::Fails);
    world.receive_webhook(&meeting().created());
    assert_eq!(world.count("SMS confirmation"), 1, "{:?}", world.effects());
    assert_eq!(links(&world), []);
}

#[test]
fn without_a_name_of_our_own_no_link_is_stored() {
    let world = TestWorld::new("2026-11-20T09:00:02Z");
    world.receive_webhook(&meeting().created());
    assert_eq!(links(&world), []);
    assert_eq!(world.count_calls(Call::WriteShortLinks), 0);
}

#[test]
fn the_timeline_says_when_a_link_was_opened() {
    let world = world();
    world.receive_webhook(&meeting().created());
    let (_, link) = links(&world).into_iter().find(|(_, it)| it.purpose == LinkPurpose::Cancel).expect("a link");
    let opening = Opening { command: link.command, purpose: link.purpose, at: at("2026-11-21T07:00:00Z") };
    world.state.borrow_mut().openings.push((link.booking, opening));
    let timeline = timeline(&world);
    let line = "21 Nov 07:00:00 | confirmation by SMS | its link to cancel the meeting was opened";
    assert!(timeline.contains(line), "{timeline}");
}
