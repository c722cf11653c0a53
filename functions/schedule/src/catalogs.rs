//! The cached event types of the connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::{Refusal, Why};
use domain::ConnectionName;
use domain::scheduling::Catalog;
use engine::{ApiStore, CalendlyAccount, Clock, World};
use front::Context;
use jiff::{SignedDuration, Timestamp};

/// How long a catalog is used without reading from the table whether event types changed.
const UNCHECKED: SignedDuration = SignedDuration::from_secs(60);

/// How long a catalog is used if no change is reported.
const UNCHANGED: SignedDuration = SignedDuration::from_mins(15);

/// A cached catalog.
#[derive(Clone, Debug)]
struct Known {
    catalog: Arc<Catalog>,
    read_at: Timestamp,
    checked_at: Timestamp,
}

/// The cached catalogs of this instance.
#[derive(Debug, Default)]
pub(crate) struct Catalogs {
    known: Mutex<BTreeMap<ConnectionName, Known>>,
}

impl Catalogs {
    /// Returns the event types. The table is read at most once a minute, and the event types are read again when
    /// Calendly has reported a change.
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

    /// Returns the cached event types.
    pub(crate) async fn cached<W>(&self, world: &W, context: &Context) -> Result<Arc<Catalog>, Refusal>
    where
        W: World<Calendly: CalendlyAccount>,
    {
        match self.get(&context.connection) {
            Some(known) if known.read_at + UNCHANGED > world.clock().now() => Ok(known.catalog),
            _ => self.read(world, context).await,
        }
    }

    /// Returns the event types as read after the given change.
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
