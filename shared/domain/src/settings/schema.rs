//! The JSON Schema of a settings document.

use serde_json::{Value, json};

use super::description::SETTINGS;
use super::kind::schema_of;

/// Returns the JSON Schema (draft 2020-12) of a document. It can't express every rule: [`Settings::check`] has more.
///
/// [`Settings::check`]: super::Settings::check
pub fn schema() -> Value {
    let mut schema = schema_of(SETTINGS);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Settings of a connection of vai-calendly");
    schema
}
