//! The defaults of the settings, from their description.

use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::description::SETTINGS;
use super::kind::fill_table;
use super::{BookingSettings, CrmSettings, Providers, QuietHours, Settings, SmsBudget};

static DEFAULT: LazyLock<Settings> = LazyLock::new(|| read_default(&json!({}), |document| document));

/// Reads a part of a document, with the defaults of what is left out.
fn read_default<T: DeserializeOwned>(document: &Value, part: fn(&Value) -> &Value) -> T {
    let filled = fill_table(SETTINGS, document);
    T::deserialize(part(&filled)).expect("the described defaults are settings: a test reads them")
}

impl Settings {
    /// Reads a document as it was stored, perhaps by an earlier release: a key that it lacks has its default. It is not
    /// checked again: what was once accepted stays in force.
    ///
    /// # Errors
    /// A value of another type.
    pub fn from_stored(document: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(fill_table(SETTINGS, document))
    }
}

impl Default for Settings {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Default for Providers {
    fn default() -> Self {
        DEFAULT.providers.clone()
    }
}

impl Default for QuietHours {
    fn default() -> Self {
        DEFAULT.quiet_hours
    }
}

impl Default for SmsBudget {
    fn default() -> Self {
        DEFAULT.sms_budget.clone()
    }
}

impl Default for BookingSettings {
    fn default() -> Self {
        DEFAULT.booking.clone()
    }
}

impl Default for CrmSettings {
    fn default() -> Self {
        read_default(&json!({"crm": {}}), |document| &document["crm"])
    }
}
