//! Single-use links to a booking page.

use domain::EventTypeUri;
use serde::Serialize;

use crate::account::Account;
use crate::error::Error;
use crate::resources::SchedulingLink;

/// The body of `POST /scheduling_links`.
#[derive(Serialize)]
struct Link<'a> {
    max_event_count: u8,
    owner: &'a EventTypeUri,
    owner_type: &'static str,
}

/// Creates a link for one booking.
pub(crate) async fn create_link(account: &Account, event_type: &EventTypeUri) -> Result<String, Error> {
    let body = Link { max_event_count: 1, owner: event_type, owner_type: "EventType" };
    let link: SchedulingLink = account.post("/scheduling_links", &body).await?;
    Ok(link.booking_url)
}
