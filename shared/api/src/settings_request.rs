//! Requests about the settings of a connection.
//!
//! The comments on these types and fields are published in the `OpenAPI` document.

use domain::Private;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Fault, Request};

/// New settings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutSettingsRequest {
    /// The connection's name.
    #[schemars(length(min = 1, max = 40))]
    pub connection: String,
    /// The settings that differ from the defaults: an object, or a text in YAML, JSON or TOML.
    #[schemars(with = "Value")]
    pub settings: Private<Value>,
    /// The format of a text: `yaml` (of which JSON is a part), `json` or `toml`. Default: `yaml`.
    #[schemars(length(max = 10))]
    pub format: Option<String>,
    /// Only checks the settings and answers what would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// An earlier version to return to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreSettingsRequest {
    /// The connection's name.
    #[schemars(length(min = 1, max = 40))]
    pub connection: String,
    /// The version, as `settings_versions` lists it.
    #[schemars(range(min = 1))]
    pub version: u64,
    /// Only answers what would change.
    #[serde(default)]
    pub dry_run: bool,
}

impl Request for PutSettingsRequest {
    fn check(&self) -> Vec<Fault> {
        let format = self.format.as_deref();
        let is_known = format.is_none_or(|it| ["yaml", "json", "toml"].contains(&it));
        let mut faults: Vec<_> =
            (!is_known).then(|| Fault::new("format", "must be yaml, json or toml")).into_iter().collect();
        if !matches!(self.settings.expose(), Value::Object(_) | Value::String(_)) {
            faults.push(Fault::new("settings", "must be an object or a text"));
        }
        faults
    }

    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }
}

impl Request for RestoreSettingsRequest {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }
}
