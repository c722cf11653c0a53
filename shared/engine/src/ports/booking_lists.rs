//! Lists of bookings by the start of their meetings.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{Booking, ConnectionName};
use jiff::Timestamp;

use super::error::PortError;

/// The bookings to list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingList {
    /// Their meetings begin at this instant or later.
    pub from: Timestamp,
    /// Their meetings begin before this instant.
    pub until: Timestamp,
    /// Where the page begins; `None` for the first one.
    pub after: Option<String>,
    /// The most bookings of the page.
    pub limit: usize,
}

/// One page of bookings.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ListedBookings {
    /// The bookings: the active ones by their start, then the canceled ones, then those that are being moved.
    pub bookings: Vec<Booking>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<String>,
}

/// The stored bookings, in lists.
pub trait BookingLists {
    /// Lists one page; `None` if `after` is not the end of a page. Two reads.
    async fn list_bookings(
        &self,
        connection: &ConnectionName,
        list: &BookingList,
    ) -> Result<Option<ListedBookings>, PortError>;
}
