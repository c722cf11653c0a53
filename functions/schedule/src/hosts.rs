//! The hosts: their working hours, when they are busy, and whose account it is.

use api::answer::{AvailabilityView, BusyTimeView, BusyView, HoursView, MeView, RuleView, ScheduleView};
use api::request::{BusyTimesRequest, HostRequest};
use api::{Refusal, Why};
use engine::CalendlyAccount;
use front::{Context, Locale};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::schedule::{Ports, Schedule};

impl<P: Ports> Schedule<P> {
    /// Lists a host's working hours.
    pub(crate) async fn availability(
        &self,
        context: &Context,
        request: &HostRequest,
    ) -> Result<AvailabilityView, Refusal> {
        let (host, _) = self.resolve_host(context, request.host.expose()).await?;
        let schedules = self.calendly().list_availability_schedules(&context.connection, &host).await;
        let unknown = Why::HostUnknown { near: Vec::new() };
        let schedules = schedules.map_err(|error| context.locale.calendly_error(&error, unknown))?;
        let schedules = schedules.into_iter().map(|it| ScheduleView {
            name: it.name,
            is_default: it.is_default,
            timezone: it.zone,
            rules: it
                .rules
                .into_iter()
                .map(|rule| RuleView {
                    day: rule.day,
                    intervals: rule.intervals.into_iter().map(|(from, to)| HoursView { from, to }).collect(),
                })
                .collect(),
        });
        Ok(AvailabilityView { schedules: schedules.collect(), host })
    }

    /// Lists when a host is busy.
    pub(crate) async fn busy_times(&self, context: &Context, request: &BusyTimesRequest) -> Result<BusyView, Refusal> {
        let (host, zone) = self.resolve_host(context, request.host.expose()).await?;
        let tz = zone.and_then(|zone| TimeZone::get(&zone).ok()).unwrap_or(TimeZone::UTC);
        let (from, until) = self.read_span(request.from, request.until, &tz)?;
        let from = from.max(self.now() + SignedDuration::from_mins(1));
        let busy = if from < until {
            let busy = self.calendly().list_busy_times(&context.connection, &host, from, until).await;
            let unknown = Why::HostUnknown { near: Vec::new() };
            busy.map_err(|error| context.locale.calendly_error(&error, unknown))?
        } else {
            Vec::new()
        };
        let busy = busy.into_iter().map(|it| BusyTimeView { kind: it.kind, start_time: it.start, end_time: it.end });
        Ok(BusyView { busy: busy.collect(), host, from, until })
    }

    /// Returns the owner of the Calendly token.
    pub(crate) async fn me(&self, context: &Context) -> Result<MeView, Refusal> {
        let user = self.calendly().fetch_user(&context.connection).await;
        let user = user.map_err(|error| Locale::english().calendly_error(&error, Why::CalendlyRefused))?;
        Ok(MeView {
            uri: user.uri,
            name: user.name,
            email: user.email,
            timezone: user.zone,
            scheduling_url: user.scheduling_url,
            organization: user.organization,
        })
    }
}
