//! Lists and numbers of bookings.

use api::Refusal;
use api::report::{BookingsView, ListBookingsRequest, ListedBookingView, ReportRequest, ReportRowView, ReportView};
use domain::{
    Booking, BookingSummary, CanceledBy, MeetingStatus, ReportGroup, ReportRow, count_bookings, is_same_email,
    summarize_booking, uri_uuid,
};
use engine::{BookingList, BookingLists, ListedBookings};
use front::{Context, invalid};
use jiff::Timestamp;

use crate::admin::{Admin, unavailable};
use crate::ports::Ports;

/// The bookings of a page.
const PAGE: u32 = 100;

/// The most pages that are read for one page with bookings. An answer must come within 29 seconds.
const MOST_PAGES: usize = 20;

/// The most bookings of a report. An answer must come within 29 seconds.
const MOST_COUNTED: usize = 10_000;

impl<P: Ports> Admin<P> {
    /// Lists bookings.
    pub(crate) async fn list_bookings(
        &self,
        context: &Context,
        request: &ListBookingsRequest,
    ) -> Result<BookingsView, Refusal> {
        let limit = usize::try_from(request.limit.unwrap_or(PAGE)).unwrap_or(1);
        let is_wanted = |it: &BookingSummary| {
            let is_host = |host: &String| it.hosts.iter().any(|own| is_same_email(own, host));
            request.status.as_deref().is_none_or(|status| status == status_name(it))
                && request.event_type.as_ref().is_none_or(|name| *name == it.event_type)
                && request.event.as_deref().is_none_or(|event| uri_uuid(event) == uri_uuid(it.event.as_str()))
                && request.host.as_ref().is_none_or(is_host)
        };
        // A page on which the filters leave nothing is of no use to the caller.
        let (mut after, mut pages) = (request.cursor.clone(), 0);
        loop {
            let (summaries, next) = self.list_page(context, (request.from, request.to), after, limit).await?;
            let bookings: Vec<_> = summaries.into_iter().filter(is_wanted).map(view_booking).collect();
            pages += 1;
            if !bookings.is_empty() || next.is_none() || pages == MOST_PAGES {
                return Ok(BookingsView { bookings, next });
            }
            after = next;
        }
    }

    /// Reads one page of the bookings of a span, and where the next page begins.
    async fn list_page(
        &self,
        context: &Context,
        (from, until): (Timestamp, Timestamp),
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<BookingSummary>, Option<String>), Refusal> {
        let list = BookingList { from, until, after, limit };
        let page = self.ports().table().list_bookings(&context.connection, &list).await.map_err(unavailable)?;
        let ListedBookings { bookings, next } = page.ok_or_else(|| invalid("cursor", "is not one of ours"))?;
        Ok((self.summarize(context, &bookings).await?, next))
    }

    /// Counts bookings.
    pub(crate) async fn bookings_report(
        &self,
        context: &Context,
        request: &ReportRequest,
    ) -> Result<ReportView, Refusal> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let limit = usize::try_from(PAGE).unwrap_or(1);
            let (summaries, next) = self.list_page(context, (request.from, request.to), after, limit).await?;
            all.extend(summaries);
            if all.len() > MOST_COUNTED {
                return Err(invalid("to", "spans more than 10000 bookings: ask for less at once"));
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let by = ReportGroup::ALL.into_iter().find(|it| Some(it.name()) == request.by.as_deref());
        let by = by.unwrap_or(ReportGroup::EventType);
        let settings = self.ports().load_settings(&context.connection).await.map_err(unavailable)?;
        let rows = count_bookings(&all, by, &settings.fallback_zone);
        Ok(ReportView { by: by.name().to_owned(), rows: rows.into_iter().map(view_row).collect() })
    }

    async fn summarize(&self, context: &Context, bookings: &[Booking]) -> Result<Vec<BookingSummary>, Refusal> {
        let settings = self.ports().load_settings(&context.connection).await.map_err(unavailable)?;
        Ok(bookings.iter().filter_map(|it| summarize_booking(it, &settings, self.now())).collect())
    }
}

fn status_name(booking: &BookingSummary) -> &'static str {
    booking.status.map_or("moving", MeetingStatus::name)
}

fn view_booking(booking: BookingSummary) -> ListedBookingView {
    let canceled_by = booking.canceled_by.map(|by| match by {
        CanceledBy::Invitee => "invitee",
        CanceledBy::Host => "host",
        CanceledBy::Other => "other",
    });
    ListedBookingView {
        status: status_name(&booking).to_owned(),
        id: booking.id.as_str().to_owned(),
        event_uuid: uri_uuid(booking.event.as_str()).to_owned(),
        event_type: booking.event_type,
        start_time: booking.start,
        end_time: booking.end,
        hosts: booking.hosts,
        agent: booking.agent,
        source: booking.source.name().to_owned(),
        booked_at: booking.booked_at,
        moves: booking.moves,
        canceled_by: canceled_by.map(str::to_owned),
    }
}

fn view_row(row: ReportRow) -> ReportRowView {
    ReportRowView {
        group: row.group,
        booked: row.booked,
        moved: row.moved,
        canceled: row.canceled,
        canceled_by_invitee: row.canceled_by_invitee,
        canceled_by_host: row.canceled_by_host,
        canceled_about_time: row.canceled_about_time,
        no_shows: row.no_shows,
        completed: row.completed,
        median_lead_hours: row.median_lead_hours,
    }
}
