//! Short links in the table.

use domain::{BookingId, CommandId, LinkPurpose, Opening, ShortLink};
use engine::Store;

use crate::fixtures::{at, created};
use crate::table::World;

const START: &str = "2026-11-20T10:00:00Z";

#[tokio::test]
async fn a_short_link_is_found_by_its_code_and_its_first_opening_is_kept() {
    let Some(world) = World::new("links").await else { return };
    world.apply("bk-1", &created("I1", START)).await;
    let link = ShortLink {
        connection: world.connection.clone(),
        booking: BookingId::new("bk-1"),
        command: CommandId::new("sms-confirmation-1"),
        purpose: LinkPurpose::Cancel,
        url: "https://calendly.com/cancellations/I1".to_owned(),
        until: at(START),
    };
    let write = async |link: &ShortLink| {
        let codes = world.table.write_short_links(std::slice::from_ref(link)).await.expect("codes");
        codes.into_iter().next().flatten().expect("a code")
    };
    let code = write(&link).await;
    assert_eq!(write(&link).await, code, "the same link");
    let other = write(&ShortLink { purpose: LinkPurpose::Reschedule, ..link.clone() }).await;
    assert_ne!(other, code);
    assert_eq!(world.table.load_short_link(&code).await.expect("an answer"), Some(link.clone()));
    for unknown in ["Ab3dEf9h", "settings", "", "key"] {
        assert_eq!(world.table.load_short_link(unknown).await.expect("an answer"), None, "{unknown}");
    }
    for opened in ["2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z"] {
        world.table.record_opening(&link, at(opened)).await.expect("recorded");
    }
    let record = world.table.booking_record(&world.connection, &link.booking).await.expect("an answer");
    let opening = Opening { command: link.command, purpose: link.purpose, at: at("2026-11-20T09:00:00Z") };
    assert_eq!(record.expect("a record").openings, [opening]);
    let before = world.load_booking("bk-1").await;
    assert_eq!(world.load_booking("bk-1").await, before, "a decision reads no openings");
}
