//! The import of meetings that exist at Calendly. The function that handles the due queue does the work.

use api::import::{ImportRequest, ImportView, ImportsView};
use api::{Refusal, Why};
use deliveries::{DeliveryQueue, Ports as _};
use domain::{BookingId, ConnectionName, EventUri, uri_uuid};
use engine::{Import, ImportStore};
use front::Context;
use jiff::Timestamp;
use wire::due::{Due, ImportPosition};

use crate::admin::{Admin, unavailable};
use crate::ports::Ports;

impl<P: Ports> Admin<P> {
    /// Begins an import. An import that is under way ends.
    pub(crate) async fn import_bookings(
        &self,
        context: &Context,
        request: &ImportRequest,
    ) -> Result<ImportView, Refusal> {
        let (name, now) = (&context.connection, self.now());
        self.load(name).await?;
        let event = match (&request.event, &request.booking) {
            (Some(event), _) => Some(event_uri(event)),
            (None, Some(booking)) => Some(self.event_of(name, booking).await?),
            (None, None) => None,
        };
        let position = ImportPosition {
            started_at: now,
            since: request.since.unwrap_or(Timestamp::UNIX_EPOCH),
            event,
            page: None,
            events: 0,
            invitees: 0,
            changed: 0,
            tries: 0,
        };
        let import = Import {
            started_at: now,
            updated_at: now,
            events: 0,
            invitees: 0,
            changed: 0,
            is_done: false,
            problem: None,
        };
        self.ports().table().write_import(name, &import).await.map_err(unavailable)?;
        let due = Due::Import { connection: name.clone(), position };
        self.ports().deliveries().queue().hand_over(&due).await.map_err(unavailable)?;
        tracing::info!(connection = %name, "import of meetings begun");
        Ok(view_import(import))
    }

    /// Returns how far the last import is.
    pub(crate) async fn last_import(&self, context: &Context) -> Result<ImportsView, Refusal> {
        self.load(&context.connection).await?;
        let import = self.ports().table().load_import(&context.connection).await.map_err(unavailable)?;
        Ok(ImportsView { import: import.map(view_import) })
    }

    /// Returns the scheduled event of a booking.
    async fn event_of(&self, name: &ConnectionName, booking: &str) -> Result<EventUri, Refusal> {
        let snapshot = self.ports().load_booking(name, &BookingId::new(booking)).await.map_err(unavailable)?;
        let event = snapshot.booking.current_leg().map(|leg| leg.details.event.clone());
        event.ok_or_else(|| Refusal::new(Why::BookingUnknown, "There is no booking with this id."))
    }
}

/// Returns the URI of a scheduled event, by its URI or UUID.
fn event_uri(event: &str) -> EventUri {
    EventUri::new(format!("https://api.calendly.com/scheduled_events/{}", uri_uuid(event)))
}

fn view_import(import: Import) -> ImportView {
    let Import { started_at, updated_at, events, invitees, changed, is_done, problem } = import;
    let status = if is_done { "done" } else { "running" }.to_owned();
    ImportView { status, started_at, updated_at, events, invitees, changed, problem }
}
