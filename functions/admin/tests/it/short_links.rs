//! Short links: where they lead, what following them does, and when they end.

use domain::{BookingId, CommandId, ConnectionName, LinkPurpose, ShortLink};
use serde_json::json;

use crate::world::Instance;

const CODE: &str = "Ab3dEf9h";
const TARGET: &str = "https://calendly.com/cancellations/3f2b8a5e-7c41-4d0b-9a6e-5c1d2e3f4a5b";

fn instance() -> Instance {
    let instance = Instance::new();
    let link = ShortLink {
        connection: ConnectionName::default(),
        booking: BookingId::new("bk-1"),
        command: CommandId::new("sms-confirmation-1"),
        purpose: LinkPurpose::Cancel,
        url: TARGET.to_owned(),
        until: "2026-11-26T13:00:00Z".parse().expect("an instant"),
    };
    instance.outside.short_links.borrow_mut().insert(CODE.to_owned(), link);
    instance
}

#[test]
fn a_short_link_leads_on_and_following_it_only_notes_the_first_time() {
    let instance = instance();
    let path = format!("/m/{CODE}");
    let first = instance.outside.now.get();
    for _ in 0..2 {
        let answer = instance.open(&path, None);
        assert_eq!(answer["statusCode"], 302);
        assert_eq!(answer["headers"]["location"], TARGET);
        assert_eq!(answer["headers"]["cache-control"], "no-store");
        instance.outside.now.set("2026-11-26T12:30:00Z".parse().expect("an instant"));
    }
    let openings = instance.outside.openings.borrow();
    assert_eq!(openings.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [first]);
    assert!(instance.outside.queue.borrow().is_empty());
}

#[test]
fn a_program_that_only_looks_is_no_opening() {
    let instance = instance();
    let answer = instance.http("HEAD", &format!("/m/{CODE}"), None, None, None);
    assert_eq!((answer.status, &answer.headers["location"]), (302, &json!(TARGET)));
    assert!(instance.outside.openings.borrow().is_empty());
}

#[test]
fn a_link_that_has_ended_or_is_not_ours_leads_nowhere_and_says_so() {
    let instance = instance();
    for (method, path) in [
        ("GET", "/m/Ab3dEf9i"),
        ("GET", "/m/"),
        ("GET", "/m/Ab3dEf9"),
        ("GET", "/m/Ab3dEf9h/x"),
        ("POST", "/m/Ab3dEf9h"),
        ("DELETE", "/m/Ab3dEf9h"),
    ] {
        let (status, page) = instance.page(method, path);
        assert_eq!(status, 404, "{method} {path}");
        assert!(page.contains("This link has ended") && !page.contains("<form"), "{page}");
    }
    instance.outside.now.set("2026-11-26T13:00:00Z".parse().expect("an instant"));
    let answer = instance.open(&format!("/m/{CODE}"), None);
    assert_eq!((&answer["statusCode"], &answer["headers"]["location"]), (&json!(404), &json!(null)));
    assert!(instance.outside.openings.borrow().is_empty());
}
