//! The schedule function: its ports, its state, and the dispatch of operations.

use std::sync::Arc;

use api::{Access, Call, Function, Refusal, ScheduleCall, Why};
use domain::scheduling::Catalog;
use engine::{ApiStore, CalendlyAccount, CallLimiter, Connections, Invocation, PortError, World};
use front::{Context, Front, Input, to_json};
use jiff::Timestamp;
use serde_json::Value;

use crate::catalogs::Catalogs;
use crate::preview::preview_templates;

/// The ports of the schedule function, in addition to those that [`Front`] needs.
#[expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]
pub trait Ports: front::Ports {
    /// The world of bookings.
    type World: World<Store: ApiStore + Connections, Calendly: CalendlyAccount>;

    /// Returns the world of bookings.
    fn world(&self) -> &Self::World;

    /// Reads how full the queues are.
    async fn queues(&self) -> Result<Vec<QueueState>, PortError>;

    /// Makes 128 random bits.
    fn random(&self) -> Result<[u8; 16], PortError>;
}

/// How full a queue is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueState {
    /// `intake`, `due` or `scheduler`.
    pub name: &'static str,
    /// Waiting messages.
    pub waiting: u64,
    /// Messages in processing.
    pub in_flight: u64,
    /// Messages in the dead-letter queue.
    pub dead: u64,
}

/// The schedule function.
#[derive(Debug)]
pub struct Schedule<P> {
    front: Front<P>,
    limiter: CallLimiter,
    catalogs: Catalogs,
}

impl<P: Ports> Schedule<P> {
    /// Returns a function with empty caches.
    pub fn new(ports: P) -> Self {
        Self {
            front: Front::new(Function::Schedule, ports),
            limiter: CallLimiter::default(),
            catalogs: Catalogs::default(),
        }
    }

    /// Reads the data that the default connection's first request needs.
    pub async fn warm(&self) {
        self.front.warm().await;
    }

    /// Handles an invocation.
    pub async fn handle(&self, input: Input, deadline: Timestamp) -> Value {
        self.front
            .handle(input, deadline, async |context: &Context, call: &Call| self.perform(context, call).await)
            .await
    }

    async fn perform(&self, context: &Context, call: &Call) -> Result<Value, Refusal> {
        let acts = matches!(call.operation().route().access, Access::Book | Access::Change);
        if acts && context.settings.is_disabled {
            return Err(Refusal::new(Why::ConnectionDisabled, "The connection is switched off."));
        }
        let Call::Schedule(call) = call else { return Err(Refusal::new(Why::NotFound, "There is nothing here.")) };
        match call {
            ScheduleCall::EventTypes(request) => to_json(self.event_types(context, request).await?),
            ScheduleCall::AvailableTimes(request) => to_json(self.available_times(context, request).await?),
            ScheduleCall::Alternatives(request) => to_json(self.alternatives(context, request).await?),
            ScheduleCall::Book(request) => to_json(self.book(context, request).await?),
            ScheduleCall::Hold(request) => to_json(self.hold(context, request).await?),
            ScheduleCall::Confirm(request) => to_json(self.confirm(context, request).await?),
            ScheduleCall::Upcoming(request) => to_json(self.upcoming(context, request).await?),
            ScheduleCall::SendCode(request) => to_json(self.send_code(context, request).await?),
            ScheduleCall::ConfirmCode(request) => to_json(self.confirm_code(context, request).await?),
            ScheduleCall::Booking(request) => to_json(self.booking(context, request).await?),
            ScheduleCall::Timeline(request) => to_json(self.timeline(context, request).await?),
            ScheduleCall::Metadata(request) => to_json(self.metadata(context, request).await?),
            ScheduleCall::Cancel(request) => to_json(self.cancel(context, request).await?),
            ScheduleCall::Move(request) => to_json(self.move_booking(context, request).await?),
            ScheduleCall::MarkNoShow(request) => to_json(self.set_no_show(context, request, true).await?),
            ScheduleCall::UnmarkNoShow(request) => to_json(self.set_no_show(context, request, false).await?),
            ScheduleCall::NoShow(request) => to_json(self.no_show(context, request).await?),
            ScheduleCall::Link(request) => to_json(self.link(context, request).await?),
            ScheduleCall::Availability(request) => to_json(self.availability(context, request).await?),
            ScheduleCall::BusyTimes(request) => to_json(self.busy_times(context, request).await?),
            ScheduleCall::Me(_) => to_json(self.me(context).await?),
            ScheduleCall::Status(_) => to_json(self.status(context).await?),
            ScheduleCall::PreviewTemplates(request) => {
                let public_url = front::Ports::public_url(self.ports());
                to_json(preview_templates(context, request, public_url))
            }
            // The front answers these.
            ScheduleCall::Tools(_) | ScheduleCall::OpenApi(_) => {
                Err(Refusal::new(Why::NotFound, "There is nothing here."))
            }
        }
    }

    pub(crate) fn ports(&self) -> &P {
        self.front.ports()
    }

    pub(crate) fn world(&self) -> &P::World {
        self.ports().world()
    }

    pub(crate) fn store(&self) -> &<P::World as World>::Store {
        self.world().store()
    }

    pub(crate) fn calendly(&self) -> &<P::World as World>::Calendly {
        self.world().calendly()
    }

    pub(crate) fn now(&self) -> Timestamp {
        engine::Clock::now(self.world().clock())
    }

    /// Returns the engine's invocation for a call.
    pub(crate) fn invocation<'a>(&'a self, context: &'a Context) -> Invocation<'a, P::World> {
        let (world, limiter) = (self.world(), &self.limiter);
        Invocation { world, limiter, connection: &context.connection, deadline: context.caller.deadline }
    }

    /// Returns the connection's event types. The table is read at most once a minute, and the event types are read
    /// again when Calendly has reported a change.
    pub(crate) async fn catalog(&self, context: &Context) -> Result<Arc<Catalog>, Refusal> {
        self.catalogs.current(self.world(), context).await
    }

    /// Returns the connection's cached event types. Use it before [`Schedule::catalog_since`].
    pub(crate) async fn cached_catalog(&self, context: &Context) -> Result<Arc<Catalog>, Refusal> {
        self.catalogs.cached(self.world(), context).await
    }

    /// Returns the event types as read after the given change.
    pub(crate) async fn catalog_since(
        &self,
        context: &Context,
        changed_at: Option<Timestamp>,
    ) -> Result<Arc<Catalog>, Refusal> {
        self.catalogs.since(self.world(), context, changed_at).await
    }
}
