//! Writes settings, and has the messages of booked meetings planned again.

use domain::{ConnectionName, Settings};
use engine::{CommitError, PortError, Replan, SettingsStore};
use jiff::Timestamp;
use serde_json::Value;
use wire::due::Due;

/// A setting that differs between two versions.
#[derive(Clone, PartialEq, Debug)]
pub struct SettingChange {
    /// Its path, such as `reminder_minutes`.
    pub path: String,
    /// The value before; `None` if there was none.
    pub before: Option<Value>,
    /// The value after; `None` if there is none.
    pub after: Option<Value>,
}

/// The result of writing settings.
#[derive(Clone, PartialEq, Debug)]
pub struct AppliedSettings {
    /// Their version. It is the last one if nothing differs.
    pub version: u64,
    /// What differs from the version before.
    pub changes: Vec<SettingChange>,
    /// The re-planning; `None` if the one of this version has ended.
    pub replan: Option<Replan>,
}

/// Writes settings if they differ from the last version. Then begins to plan the messages of booked meetings again:
/// `send` sends the first message to the due queue. Repeating it after a failure does what is left.
///
/// # Errors
/// [`CommitError::Conflict`] after a concurrent write of settings.
pub async fn apply_settings(
    store: &impl SettingsStore,
    send: impl AsyncFn(Due) -> Result<(), PortError>,
    connection: &ConnectionName,
    settings: &Settings,
    now: Timestamp,
) -> Result<AppliedSettings, CommitError> {
    let (before, last) = store.load_settings_version(connection).await?;
    let changes = compare_settings(&before, settings);
    let version = match changes.is_empty() {
        true => last,
        false => store.write_settings(connection, settings, last, now).await?,
    };
    let begun = store.load_replan(connection).await?.filter(|it| it.version >= version);
    let replan = match begun {
        Some(replan) => Some(replan).filter(|it| !it.is_done),
        None if version == 0 => None,
        None => {
            let (connection, started_at) = (connection.clone(), now);
            send(Due::Replan { connection: connection.clone(), version, started_at, bookings: 0, after: None }).await?;
            let replan = Replan { version, bookings: 0, is_done: false, started_at, updated_at: now };
            store.write_replan(&connection, &replan).await?;
            Some(replan)
        }
    };
    Ok(AppliedSettings { version, changes, replan })
}

/// Returns the settings that differ, in the order of their paths.
pub fn compare_settings(before: &Settings, after: &Settings) -> Vec<SettingChange> {
    let value = |settings: &Settings| serde_json::to_value(settings).unwrap_or_default();
    let mut changes = Vec::new();
    compare("", &value(before), &value(after), &mut changes);
    changes
}

fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<SettingChange>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        let given = |value: &Value| (!value.is_null()).then(|| value.clone());
        changes.push(SettingChange { path: path.to_owned(), before: given(before), after: given(after) });
        return;
    };
    let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        compare(&path, old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null), changes);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_names_what_differs() {
        let before = Settings::default();
        let mut after = Settings { reminder_minutes: vec![60], ..Settings::default() };
        after.quiet_hours.useful_minutes = 30;
        after.survey_url = Some("https://example.com".to_owned());
        let lines: Vec<_> = compare_settings(&before, &after)
            .into_iter()
            .map(|it| format!("{}: {} -> {}", it.path, it.before.unwrap_or_default(), it.after.unwrap_or_default()))
            .collect();
        let expected = [
            "quiet_hours.useful_minutes: 60 -> 30",
            "reminder_minutes: [1440,60] -> [60]",
            "survey_url: null -> \"https://example.com\"",
        ];
        assert_eq!(lines, expected);
        assert_eq!(compare_settings(&after, &after), []);
        assert_eq!(compare_settings(&after, &before)[2].after, None);
        assert_eq!(compare_settings(&after, &before)[2].before, Some(json!("https://example.com")));
    }
}
