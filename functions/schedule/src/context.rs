//! Who may ask, what is remembered between requests, and how a request finds its operation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::{Refusal, Why};
use domain::scheduling::Catalog;
use domain::{ConnectionName, Settings};
use engine::{ApiStore, CalendlyAccount, CallLimiter, Clock, Invocation, PortError, Store, World};
use jiff::{SignedDuration, Timestamp};
use runtime::{ApiKey, ApiKeys, SecretError};

use crate::phrases::Locale;

/// How long a catalogue is used without a second thought.
const CATALOG_IS_FRESH: SignedDuration = SignedDuration::from_secs(60);

/// How long it is used while nobody says that event types have changed.
const CATALOG_HOLDS: SignedDuration = SignedDuration::from_mins(15);

/// A key's permits are taken out of the table by the handful, so that not every request costs a write: twice as many each
/// time, up to this share of a minute's. An instance that has only begun must not keep others from theirs.
const LARGEST_SHARE: u32 = 8;

/// What the schedule function asks of the outside.
#[expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]
pub trait Ports {
    /// The world of bookings.
    type World: World<Store: ApiStore, Calendly: CalendlyAccount>;

    /// The world of bookings.
    fn world(&self) -> &Self::World;

    /// VAI's keys.
    async fn api_keys(&self) -> Result<ApiKeys, SecretError>;

    /// The keys read anew, in case one was just made; `None` when they were read a moment ago.
    async fn reread_api_keys(&self) -> Option<ApiKeys>;

    /// How much waits in the queues.
    async fn queues(&self) -> Result<Vec<QueueState>, PortError>;

    /// Where callers reach the API, and Calendly the webhook function; without it nobody knows.
    fn public_url(&self) -> Option<&str>;

    /// 128 bits that nobody can guess.
    fn random(&self) -> Result<[u8; 16], PortError>;

    /// Counts a metric.
    fn count(&self, metric: &str, dimensions: &[(&str, &str)]);
}

/// How much waits in a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueState {
    /// `intake`, `due` or `scheduler`.
    pub name: &'static str,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that are being worked on.
    pub in_flight: u64,
    /// Messages that were given up on.
    pub dead: u64,
}

/// The schedule function: the desk, and what is remembered between requests.
#[derive(Debug)]
pub struct Api<D> {
    pub(crate) ports: D,
    pub(crate) limiter: CallLimiter,
    catalogs: Mutex<BTreeMap<ConnectionName, Known>>,
    permits: Mutex<BTreeMap<String, Permits>>,
}

/// A catalogue as it was read.
#[derive(Clone, Debug)]
struct Known {
    catalog: Arc<Catalog>,
    read_at: Timestamp,
    checked_at: Timestamp,
}

/// What is left of a key's share of a minute.
#[derive(Clone, Copy, Debug)]
struct Permits {
    minute: i64,
    left: u32,
    /// How many were asked for at once the last time.
    share: u32,
}

impl<D: Ports> Api<D> {
    /// An office that remembers nothing yet.
    pub fn new(ports: D) -> Self {
        Self { ports, limiter: CallLimiter::default(), catalogs: Mutex::default(), permits: Mutex::default() }
    }

    /// Reads what the newcomer's first request will need. Its outcome doesn't matter.
    pub async fn warm(&self) {
        if let Err(error) = self.ports.world().store().load_settings(&ConnectionName::default()).await {
            tracing::warn!(error = %error, "the settings can't be read yet");
        }
        if let Err(error) = self.ports.api_keys().await {
            tracing::warn!(error = %error, "there are no API keys yet");
        }
    }

    pub(crate) fn store(&self) -> &<D::World as World>::Store {
        self.ports.world().store()
    }

    pub(crate) fn calendly(&self) -> &<D::World as World>::Calendly {
        self.ports.world().calendly()
    }

    /// The engine, for a caller.
    pub(crate) fn invocation<'a>(&'a self, caller: &'a Caller) -> Invocation<'a, D::World> {
        let (world, limiter) = (self.ports.world(), &self.limiter);
        Invocation { world, limiter, connection: &caller.connection, deadline: caller.deadline }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.world().clock().now()
    }

    pub(crate) async fn settings(&self, connection: &ConnectionName) -> Result<Settings, Refusal> {
        self.store().load_settings(connection).await.map_err(|error| Locale::english().unavailable(&error))
    }

    /// Whose key it is. One that is not known may just have been made, be it the very first.
    pub(crate) async fn find_key(&self, presented: Option<&str>) -> Result<ApiKey, Refusal> {
        let presented = presented.ok_or_else(unauthorized)?;
        match self.ports.api_keys().await {
            Ok(keys) => {
                if let Some(holder) = keys.find_key(presented) {
                    return Ok(holder.clone());
                }
            }
            Err(SecretError::Unknown(_)) => {}
            Err(error @ (SecretError::Malformed { .. } | SecretError::Unavailable { .. })) => {
                return Err(
                    Locale::english().unavailable(&PortError::unavailable_because("the API keys can't be read", error))
                );
            }
        }
        let anew = self.ports.reread_api_keys().await;
        anew.as_ref().and_then(|keys| keys.find_key(presented)).cloned().ok_or_else(unauthorized)
    }

    /// Takes one of a key's permits for this minute.
    pub(crate) async fn permit(&self, key: &str, settings: &Settings) -> Result<(), Refusal> {
        let now = self.now();
        let minute = now.as_second().div_euclid(60);
        let take = |permits: &mut BTreeMap<String, Permits>| {
            let held = permits.get_mut(key).filter(|it| it.minute == minute && it.left > 0)?;
            held.left -= 1;
            Some(())
        };
        if take(&mut self.permits.lock().unwrap_or_else(PoisonError::into_inner)).is_some() {
            return Ok(());
        }
        let limit = settings.booking.requests_per_minute;
        let share = {
            let permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
            let last = permits.get(key).filter(|it| it.minute == minute).map_or(0, |it| it.share);
            (2 * last).clamp(1, limit.div_ceil(LARGEST_SHARE))
        };
        let granted = match self.store().take_permits(key, share, limit, now).await {
            Ok(granted) => granted,
            Err(error) => {
                // A table in trouble refuses the work itself soon enough.
                tracing::warn!(error = %error, "a key's permits can't be counted");
                1
            }
        };
        if granted == 0 {
            let seconds = u32::try_from(60 - now.as_second().rem_euclid(60)).unwrap_or(60);
            return Err(Locale::from_settings(settings).refuse(Why::RateLimited).after(seconds));
        }
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        permits.insert(key.to_owned(), Permits { minute, left: granted - 1, share });
        Ok(())
    }

    /// The connection's event types: read at most once a minute, and anew as soon as Calendly tells of a change.
    pub(crate) async fn catalog(&self, connection: &ConnectionName, locale: &Locale) -> Result<Arc<Catalog>, Refusal> {
        let now = self.now();
        if let Some(known) = self.known(connection) {
            if known.checked_at + CATALOG_IS_FRESH > now {
                return Ok(known.catalog);
            }
            let changed_at = self.store().event_types_changed_at(connection).await;
            let changed_at = changed_at.map_err(|error| locale.unavailable(&error))?;
            if known.read_at + CATALOG_HOLDS > now && changed_at.is_none_or(|at| at < known.read_at) {
                self.remember(connection, Known { checked_at: now, ..known.clone() });
                return Ok(known.catalog);
            }
        }
        self.read_catalog(connection, locale).await
    }

    /// The connection's event types as they are remembered: for who looks at [`Api::catalog_since`] before acting.
    pub(crate) async fn remembered_catalog(
        &self,
        connection: &ConnectionName,
        locale: &Locale,
    ) -> Result<Arc<Catalog>, Refusal> {
        match self.known(connection) {
            Some(known) if known.read_at + CATALOG_HOLDS > self.now() => Ok(known.catalog),
            _ => self.read_catalog(connection, locale).await,
        }
    }

    /// The catalogue, if it was read after event types have changed; else read anew.
    pub(crate) async fn catalog_since(
        &self,
        connection: &ConnectionName,
        changed_at: Option<Timestamp>,
        locale: &Locale,
    ) -> Result<Arc<Catalog>, Refusal> {
        match self.known(connection) {
            Some(known) if changed_at.is_none_or(|at| at < known.read_at) => Ok(known.catalog),
            _ => self.read_catalog(connection, locale).await,
        }
    }

    async fn read_catalog(&self, connection: &ConnectionName, locale: &Locale) -> Result<Arc<Catalog>, Refusal> {
        let now = self.now();
        let catalog = self.calendly().list_event_types(connection).await;
        let catalog = Arc::new(catalog.map_err(|error| locale.calendly_error(&error, Why::CalendlyRefused))?);
        self.remember(connection, Known { catalog: Arc::clone(&catalog), read_at: now, checked_at: now });
        Ok(catalog)
    }

    fn known(&self, connection: &ConnectionName) -> Option<Known> {
        self.catalogs.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned()
    }

    fn remember(&self, connection: &ConnectionName, known: Known) {
        self.catalogs.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), known);
    }
}

/// A caller who has been let in.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Whose bookings.
    pub(crate) connection: ConnectionName,
    /// What the caller calls this request, if anything.
    pub(crate) idempotency_key: Option<String>,
    /// When the function will be stopped.
    pub(crate) deadline: Timestamp,
}

fn unauthorized() -> Refusal {
    Refusal::new(Why::Unauthorized, "The bearer key is missing or not known.")
}
