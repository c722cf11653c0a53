//! API keys: authentication, scopes, and the calls that are left in this minute.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use api::{Refusal, Why};
use domain::{Scope, Settings, error_chain};
use engine::PortError;
use runtime::{ApiKey, SecretError};

use crate::locale::Locale;
use crate::ports::Ports;

/// An instance reserves several calls of a key with one write: twice as many each time, up to the limit of a minute
/// divided by this number, so that it leaves calls for other instances.
const LARGEST_SHARE: u32 = 8;

/// The calls that this instance may still make for a key in a minute.
#[derive(Clone, Copy, Debug)]
struct Permits {
    minute: i64,
    left: u32,
    /// The number of calls in the last reservation.
    share: u32,
}

/// The reserved calls of the keys in this instance.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    permits: Mutex<BTreeMap<String, Permits>>,
}

impl Keys {
    /// Finds the key that a caller presents. If it is not known, the keys are read again: it may be new, or the first
    /// one.
    pub(crate) async fn authenticate(ports: &impl Ports, presented: Option<&str>) -> Result<ApiKey, Refusal> {
        let presented = presented.ok_or_else(unauthorized)?;
        match ports.api_keys().await {
            Ok(keys) => {
                if let Some(key) = keys.find_key(presented) {
                    return Ok(key.clone());
                }
            }
            Err(SecretError::Unknown(_)) => {}
            Err(error) => {
                let error = PortError::unavailable_because("the API keys can't be read", error);
                return Err(Locale::english().unavailable(&error));
            }
        }
        let reread = ports.reread_api_keys().await;
        reread.as_ref().and_then(|keys| keys.find_key(presented)).cloned().ok_or_else(unauthorized)
    }

    /// Uses one of a key's calls in this minute.
    pub(crate) async fn use_permit(&self, ports: &impl Ports, key: &str, settings: &Settings) -> Result<(), Refusal> {
        let now = ports.now();
        let minute = now.as_second().div_euclid(60);
        let last = {
            let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
            match permits.get_mut(key).filter(|it| it.minute == minute) {
                Some(held) if held.left > 0 => {
                    held.left -= 1;
                    return Ok(());
                }
                held => held.map_or(0, |it| it.share),
            }
        };
        let limit = settings.booking.requests_per_minute;
        let share = (2 * last).clamp(1, limit.div_ceil(LARGEST_SHARE));
        let granted = match ports.reserve_permits(key, share, limit, now).await {
            Ok(granted) => granted,
            Err(error) => {
                // If the table fails, the operation itself will be refused.
                tracing::warn!(error = error_chain(&error), "calls of a key not counted");
                1
            }
        };
        if granted == 0 {
            let seconds = u32::try_from(60 - now.as_second().rem_euclid(60)).unwrap_or(60);
            let locale = Locale::for_person(None, &settings.fallback_zone, settings);
            return Err(locale.refuse(Why::RateLimited).after(seconds));
        }
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        permits.insert(key.to_owned(), Permits { minute, left: granted - 1, share });
        Ok(())
    }
}

/// Checks whether a key permits operations that need a scope.
pub(crate) fn check_scope(key: &ApiKey, scope: Scope) -> Result<(), Refusal> {
    if key.permits(scope) {
        return Ok(());
    }
    let message = format!("The key {} lacks the scope {}.", key.name, scope.name());
    Err(Refusal::new(Why::Forbidden { scope: scope.name().to_owned() }, message))
}

pub(crate) fn unauthorized() -> Refusal {
    Refusal::new(Why::Unauthorized, "The bearer key is missing or not known.")
}
