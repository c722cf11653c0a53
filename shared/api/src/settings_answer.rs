//! Answers about the settings of a connection.
//!
//! The comments on these types and fields are published in the `OpenAPI` document.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// The settings of a connection.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsView {
    /// Their version; 0 for the defaults.
    pub version: u64,
    /// Every setting. It can be changed and written again.
    #[schemars(with = "Map<String, Value>")]
    pub settings: Value,
    /// The last re-planning of reminders, after a change of settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replan: Option<ReplanView>,
}

/// A setting that differs.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingChangeView {
    /// Its path, such as `reminder_minutes`.
    pub path: String,
    /// The value before; left out if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What a change of settings changes, or would change.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsChangeView {
    /// The new version; in a dry run, the present one. It stays the same if nothing differs.
    pub version: u64,
    /// Whether this was a dry run, so that nothing was written.
    pub dry_run: bool,
    /// The settings that differ.
    pub changes: Vec<SettingChangeView>,
    /// What may be a mistake, such as a question that no booking form asks. The settings are written all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the dry run found about the messages of meetings that are booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanChangeView>,
    /// The re-planning that has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replan: Option<ReplanView>,
}

/// A message of a booked meeting whose time changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedMessageView {
    /// The booking.
    pub booking: String,
    /// The start of the meeting.
    pub start: Timestamp,
    /// The message, such as `reminder by SMS, 60 min before`.
    pub message: String,
    /// `new`: it will be sent at `at`. `dropped`: it is no longer sent at `at`. `past`: its time `at` has passed, so it
    /// is not sent.
    pub change: String,
    /// The time.
    pub at: Timestamp,
}

/// What changes about the messages of meetings that are booked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanChangeView {
    /// The number of upcoming meetings that were looked at.
    pub bookings: usize,
    /// Whether there are more, which were not looked at.
    pub has_more: bool,
    /// The messages whose time changes.
    pub messages: Vec<PlannedMessageView>,
    /// How many segments of SMS more are sent, as far as their texts are known now; negative: fewer.
    pub more_segments: i64,
    /// How many SMS more are sent; negative: fewer.
    pub more_sms: i64,
    /// What more segments cost, by the price in the settings or the highest list price of each number's country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_cost: Option<String>,
}

/// A re-planning of the reminders of booked meetings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplanView {
    /// The version of the settings that it applies.
    pub version: u64,
    /// `running` or `done`.
    pub status: String,
    /// The number of meetings that were handed over to be planned again.
    pub bookings: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it last advanced.
    pub updated_at: Timestamp,
}

/// A version of the settings.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsVersionView {
    /// Its number.
    pub version: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What it changed.
    pub changes: Vec<SettingChangeView>,
}

/// The versions of the settings.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsVersionsView {
    /// The newest first: at most 50.
    pub versions: Vec<SettingsVersionView>,
}
