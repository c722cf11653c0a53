//! Bookings in few words, and their numbers.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use stranger::Unchanged;

use crate::booking::{Booking, BookingSource};
use crate::crm_contact::MeetingStatus;
use crate::destinations::{Context, meeting_status};
use crate::ids::{BookingId, EventUri};
use crate::leg::CanceledBy;
use crate::settings::Settings;

/// A booking in few words. It names the host and the event type, and not the invitee.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingSummary {
    /// Its id.
    pub id: BookingId,
    /// The status of its meeting; `None` while only the old half of a move is known.
    pub status: Option<MeetingStatus>,
    /// The scheduled event at Calendly.
    pub event: EventUri,
    /// The event type's name.
    pub event_type: String,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC.
    pub end: Timestamp,
    /// The hosts' names; their addresses where a name is not known.
    pub hosts: Vec<String>,
    /// The kind of VAI's agent that booked.
    pub agent: Option<String>,
    /// Who booked.
    pub source: BookingSource,
    /// When it was booked first, if that is known.
    pub booked_at: Option<Timestamp>,
    /// How often it was moved.
    pub moves: usize,
    /// Who canceled it.
    pub canceled_by: Option<CanceledBy>,
    /// Whether the reason of the cancellation is about time.
    pub is_about_time: bool,
    /// Whether the invitee did not come, to this meeting or to one before it was moved.
    pub is_no_show: bool,
}

/// How a report groups bookings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportGroup {
    /// By the event type's name.
    EventType,
    /// By the kind of VAI's agent.
    Agent,
    /// By the first host.
    Host,
    /// By who booked: VAI, or a person on Calendly's page.
    Source,
    /// By the ISO week of the start, in the settings' time zone.
    Week,
}

impl ReportGroup {
    /// Every group, in the order in which they are documented.
    pub const ALL: [Self; 5] = [Self::EventType, Self::Agent, Self::Host, Self::Source, Self::Week];

    /// Returns the name that callers use.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventType => "event_type",
            Self::Agent => "agent",
            Self::Host => "host",
            Self::Source => "source",
            Self::Week => "week",
        }
    }
}

/// The numbers of a group of bookings.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ReportRow {
    /// The group: a name, `vai` or `page`, or a week such as `2026-W48`. Empty for bookings without one.
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
    /// The median time from the booking to the start, in hours, rounded; `None` if it is not known of any.
    pub median_lead_hours: Option<u64>,
}

/// Describes a booking; `None` before its first fact.
pub fn summarize_booking(booking: &Booking, settings: &Settings, now: Timestamp) -> Option<BookingSummary> {
    let leg = booking.current_leg()?;
    let context = Context { booking, leg, passed_over: &[], turn: 0, calendar: None, settings, now };
    let details = &leg.details;
    let end = leg.canceled.as_ref().filter(|end| !end.rescheduled);
    let is_about_time = end
        .and_then(|it| it.reason.as_ref())
        .is_some_and(|reason| settings.is_about_time(reason.unchanged(Unchanged::Comparison)));
    let hosts = details.hosts.iter().filter_map(|it| it.name.clone().or_else(|| it.address().map(str::to_owned)));
    let legs = booking.legs();
    Some(BookingSummary {
        id: booking.id.clone(),
        status: meeting_status(&context).map(|(_, status, _)| status),
        event: details.event.clone(),
        event_type: details.event_name.clone(),
        start: details.start,
        end: details.end,
        hosts: hosts.collect(),
        agent: booking.metadata.as_ref().and_then(|it| it.agent_type.clone()),
        source: booking.source(),
        booked_at: legs.iter().filter_map(|leg| leg.booked_at).min(),
        moves: legs.iter().filter(|leg| booking.was_moved_to(leg)).count(),
        canceled_by: end.map(|it| it.by),
        is_about_time,
        is_no_show: legs.iter().any(|leg| leg.is_no_show()),
    })
}

/// Counts bookings by a group, in the order of the groups' names.
pub fn count_bookings(bookings: &[BookingSummary], by: ReportGroup, zone: &str) -> Vec<ReportRow> {
    let tz = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let mut groups: BTreeMap<String, Vec<&BookingSummary>> = BTreeMap::new();
    for booking in bookings {
        groups.entry(group_of(booking, by, &tz)).or_default().push(booking);
    }
    groups.into_iter().map(|(group, bookings)| count_group(group, &bookings)).collect()
}

fn group_of(booking: &BookingSummary, by: ReportGroup, tz: &TimeZone) -> String {
    match by {
        ReportGroup::EventType => booking.event_type.clone(),
        ReportGroup::Agent => booking.agent.clone().unwrap_or_default(),
        ReportGroup::Host => booking.hosts.first().cloned().unwrap_or_default(),
        ReportGroup::Source => booking.source.name().to_owned(),
        ReportGroup::Week => {
            let week = booking.start.to_zoned(tz.clone()).date().iso_week_date();
            format!("{}-W{:02}", week.year(), week.week())
        }
    }
}

fn count_group(group: String, bookings: &[&BookingSummary]) -> ReportRow {
    let count = |is_counted: &dyn Fn(&BookingSummary) -> bool| {
        u64::try_from(bookings.iter().filter(|it| is_counted(it)).count()).unwrap_or(u64::MAX)
    };
    let is_canceled = |it: &BookingSummary| it.status == Some(MeetingStatus::Canceled);
    let leads = bookings.iter().filter_map(|it| Some(it.start.duration_since(it.booked_at?)));
    let mut leads: Vec<SignedDuration> = leads.collect();
    leads.sort();
    let median = leads.get(leads.len() / 2).map(|lead| u64::try_from((lead.as_mins() + 30) / 60).unwrap_or_default());
    ReportRow {
        group,
        booked: count(&|_| true),
        moved: count(&|it| it.moves > 0),
        canceled: count(&is_canceled),
        canceled_by_invitee: count(&|it| is_canceled(it) && it.canceled_by == Some(CanceledBy::Invitee)),
        canceled_by_host: count(&|it| is_canceled(it) && it.canceled_by == Some(CanceledBy::Host)),
        canceled_about_time: count(&|it| is_canceled(it) && it.is_about_time),
        no_shows: count(&|it| it.is_no_show),
        completed: count(&|it| it.status == Some(MeetingStatus::Completed)),
        median_lead_hours: median,
    }
}
