//! The connections' event types, remembered between calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::{Refusal, Why};
use domain::ConnectionName;
use domain::scheduling::Catalog;
use engine::{ApiStore, CalendlyAccount, Clock, World};
use front::Context;
use jiff::{SignedDuration, Timestamp};

/// How long a catalogue is used without asking the table whether event types changed.
const UNCHECKED: SignedDuration = SignedDuration::from_secs(60);

/// How long a catalogue is used while no change is reported.
const UNCHANGED: SignedDuration = SignedDuration::from_mins(15);

/// A catalogue as it was read.
#[derive(Clone, Debug)]
struct Known {
    catalog: Arc<Catalog>,
    read_at: Timestamp,
    checked_at: Timestamp,
}

/// The catalogues that this instance remembers.
#[derive(Debug, Default)]
pub(crate) struct Catalogs {
    known: Mutex<BTreeMap<ConnectionName, Known>>,
}

impl Catalogs {
    /// The event types: read at most once a minute, and again as soon as Calendly reports a change.
    pub(crate) async fn current<W>(&self, world: &W, context: &Context) -> Result<Arc<Catalog>, Refusal>
    where
        W: World<Store: ApiStore, Calendly: CalendlyAccount>,
    {
        let now = world.clock().now();
        if let Some(known) = self.get(&context.connection) {
            if known.checked_at + UNCHECKED > now {
                return Ok(known.catalog);
            }
            let changed_at = world.store().event_types_changed_at(&context.connection).await;
            let changed_at = changed_at.map_err(|error| context.locale.unavailable(&error))?;
            if known.read_at + UNCHANGED > now && changed_at.is_none_or(|at| at < known.read_at) {
                let catalog = Arc::clone(&known.catalog);
                self.put(&context.connection, Known { checked_at: now, ..known });
                return Ok(catalog);
            }
        }
        self.read(world, context).await
    }

    /// The event types as they are remembered.
    pub(crate) async fn remembered<W>(&self, world: &W, context: &Context) -> Result<Arc<Catalog>, Refusal>
    where
        W: World<Calendly: CalendlyAccount>,
    {
        match self.get(&context.connection) {
            Some(known) if known.read_at + UNCHANGED > world.clock().now() => Ok(known.catalog),
            _ => self.read(world, context).await,
        }
    }

    /// The event types, read after the given change.
    pub(crate) async fn since<W>(
        &self,
        world: &W,
        context: &Context,
        changed_at: Option<Timestamp>,
    ) -> Result<Arc<Catalog>, Refusal>
    where
        W: World<Calendly: CalendlyAccount>,
    {
        match self.get(&context.connection) {
            Some(known) if changed_at.is_none_or(|at| at < known.read_at) => Ok(known.catalog),
            _ => self.read(world, context).await,
        }
    }

    async fn read<W>(&self, world: &W, context: &Context) -> Result<Arc<Catalog>, Refusal>
    where
        W: World<Calendly: CalendlyAccount>,
    {
        let now = world.clock().now();
        let catalog = world.calendly().list_event_types(&context.connection).await;
        let catalog = catalog.map_err(|error| context.locale.calendly_error(&error, Why::CalendlyRefused))?;
        let catalog = Arc::new(catalog);
        self.put(&context.connection, Known { catalog: Arc::clone(&catalog), read_at: now, checked_at: now });
        Ok(catalog)
    }

    fn get(&self, connection: &ConnectionName) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned()
    }

    fn put(&self, connection: &ConnectionName, known: Known) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), known);
    }
}
