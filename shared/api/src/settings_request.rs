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
    #[schemars(with = "Value", extend("type" = ["object", "string"]))]
    pub settings: Private<Value>,
    /// The format of a text: `yaml` (of which JSON is a part), `json` or `toml`. Default: `yaml`.
    #[schemars(extend("enum" = ["yaml", "json", "toml"]))]
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
        let is_document = matches!(self.settings.expose(), Value::Object(_) | Value::String(_));
        Vec::from_iter((!is_document).then(|| Fault::new("settings", "must be an object or a text")))
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
