//! Lists and numbers of bookings: their requests and answers.
//!
//! The comments on these types and fields are published in the `OpenAPI` document.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Fault, Request, When};

/// The longest span: bookings are stored for 90 days after their end.
const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The statuses of bookings.
const STATUSES: [&str; 6] = ["booked", "moved", "canceled", "no_show", "completed", "moving"];

/// The groups of a report.
const GROUPS: [&str; 5] = ["event_type", "agent", "host", "source", "week"];

/// The bookings to list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListBookingsRequest {
    /// Meetings that begin at this instant or later.
    #[schemars(extend("pattern" = When::INSTANT_PATTERN))]
    pub from: Timestamp,
    /// Meetings that begin before this instant.
    #[schemars(extend("pattern" = When::INSTANT_PATTERN))]
    pub to: Timestamp,
    /// Only of this host: name or e-mail address.
    #[schemars(length(min = 1, max = 300))]
    pub host: Option<String>,
    /// Only in this status: `booked`, `moved`, `canceled`, `no_show`, `completed` or `moving` (only the old half of a
    /// move is known).
    #[schemars(extend("enum" = STATUSES))]
    pub status: Option<String>,
    /// Only of this event type: its name.
    #[serde(rename = "event_type")]
    #[schemars(length(min = 1, max = 300))]
    pub event_type: Option<String>,
    /// Only of this scheduled event: its URI or UUID at Calendly. A group event has several bookings.
    #[schemars(length(min = 1, max = 300))]
    pub event: Option<String>,
    /// The most bookings of a page.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// Where the page begins: `next` of the page before.
    #[schemars(length(max = 500))]
    pub cursor: Option<String>,
}

/// The bookings to count.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportRequest {
    /// Meetings that begin at this instant or later.
    #[schemars(extend("pattern" = When::INSTANT_PATTERN))]
    pub from: Timestamp,
    /// Meetings that begin before this instant.
    #[schemars(extend("pattern" = When::INSTANT_PATTERN))]
    pub to: Timestamp,
    /// The groups: `event_type`, `agent`, `host`, `source` or `week`. Default: `event_type`.
    #[schemars(extend("enum" = GROUPS))]
    pub by: Option<String>,
    /// `json` or `csv`. Default: `json`. Over HTTP, `csv` is answered as a file.
    #[schemars(extend("enum" = ["json", "csv"]))]
    pub format: Option<String>,
}

/// A booking in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedBookingView {
    /// Its id.
    pub id: String,
    /// `booked`, `moved`, `canceled`, `no_show`, `completed` or `moving`.
    pub status: String,
    /// The UUID of its scheduled event at Calendly.
    pub event_uuid: String,
    /// The event type's name.
    pub event_type: String,
    /// Its start.
    pub start_time: Timestamp,
    /// Its end.
    pub end_time: Timestamp,
    /// The hosts.
    pub hosts: Vec<String>,
    /// The kind of VAI's agent that booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// `vai`, or `page` for a person on Calendly's page.
    pub source: String,
    /// When it was booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booked_at: Option<Timestamp>,
    /// How often it was moved.
    pub moves: usize,
    /// Who canceled it: `invitee`, `host` or `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canceled_by: Option<String>,
}

/// One page of bookings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookingsView {
    /// The bookings: the active ones by their start, then the canceled ones, then those that are being moved. A page
    /// may have fewer than `limit`, even none, before the last one.
    pub bookings: Vec<ListedBookingView>,
    /// Where the next page begins; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The numbers of a group of bookings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportRowView {
    /// The group: a name, `vai` or `page`, or an ISO week such as `2026-W48`. Empty for bookings without one.
    pub group: String,
    /// All bookings.
    pub booked: u64,
    /// Those that were moved at least once.
    pub moved: u64,
    /// Those that were canceled.
    pub canceled: u64,
    /// Those that the invitee canceled.
    pub canceled_by_invitee: u64,
    /// Those that the host canceled.
    pub canceled_by_host: u64,
    /// Those that were canceled for lack of time.
    pub canceled_about_time: u64,
    /// Those with a no-show.
    pub no_shows: u64,
    /// Those that took place.
    pub completed: u64,
    /// The median time from the booking to the start, in hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_lead_hours: Option<u64>,
}

/// A report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportView {
    /// The groups.
    pub by: String,
    /// Their numbers, in the order of their names.
    pub rows: Vec<ReportRowView>,
}

fn check_span(from: Timestamp, to: Timestamp) -> Option<Fault> {
    let span = to.duration_since(from);
    let fits = span > SignedDuration::ZERO && span <= LONGEST_SPAN;
    (!fits).then(|| Fault::new("to", "must be after from, and at most 400 days later"))
}

impl Request for ListBookingsRequest {
    fn check(&self) -> Vec<Fault> {
        Vec::from_iter(check_span(self.from, self.to))
    }
}

impl Request for ReportRequest {
    fn check(&self) -> Vec<Fault> {
        Vec::from_iter(check_span(self.from, self.to))
    }
}
