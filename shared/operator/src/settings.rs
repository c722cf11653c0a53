//! `settings`: checks a settings document and writes it if it has no error.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use domain::settings::SettingsError;
use domain::{ConnectionName, Settings};
use engine::{CommitError, Store};
use notify::wording;
use serde_json::{Value, json};

use crate::options::TableOptions;
use crate::report::{Terminal, print_text};

/// Checks a connection's settings and writes them if they have no error; or shows the current ones.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableOptions,
    #[command(flatten)]
    action: Action,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Action {
    /// The document: .toml or .json. A missing key has its default
    #[arg(long)]
    file: Option<PathBuf>,
    /// Show the current settings
    #[arg(long)]
    show: bool,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let Some(file) = options.action.file else {
        let settings = options.table.open().await.load_settings(connection).await?;
        print_text(&toml::to_string_pretty(&settings)?);
        return Ok(true);
    };
    match check(&read_document(&file)?) {
        Err(errors) => {
            print_errors(&errors, terminal);
            let count = count_errors(errors.len());
            terminal.print_error(format_args!("{count} in {}: nothing was written.", file.display()));
            Ok(false)
        }
        Ok(settings) => match options.table.open().await.write_settings(connection, &settings).await {
            Ok(version) => {
                terminal.print(format_args!(
                    "Version {version} of the settings of {connection} is written. Functions use it within a minute."
                ));
                Ok(true)
            }
            Err(CommitError::Conflict) => {
                bail!("Another operator has written settings at the same time: look at them (--show), then try again")
            }
            Err(error) => Err(error).context("It is not known whether the settings were written"),
        },
    }
}

/// Checks a document, with its wording and the texts of its templates. Returns all errors: an error elsewhere does not
/// hide those of the wording.
pub(crate) fn check(document: &Value) -> Result<Settings, Vec<SettingsError>> {
    match Settings::check(document) {
        Ok(settings) => {
            let errors = wording::check(&settings);
            if errors.is_empty() { Ok(settings) } else { Err(errors) }
        }
        Err(mut errors) => {
            errors.extend(["wording", "templates"].iter().flat_map(|key| check_items(document, key)));
            Err(errors)
        }
    }
}

/// Checks each item of a list of wordings or templates alone, in a document that can't be read as a whole.
fn check_items(document: &Value, key: &str) -> Vec<SettingsError> {
    let items = document.get(key).and_then(Value::as_array).into_iter().flatten().enumerate();
    let readable = items.filter_map(|(index, item)| Some((index, Settings::check(&json!({key: [item]})).ok()?)));
    let errors = readable.flat_map(|(index, settings)| {
        let with_index = move |error: SettingsError| {
            let rest = error.path.strip_prefix(&format!("{key}[0]"))?.to_owned();
            Some(SettingsError { path: format!("{key}[{index}]{rest}"), ..error })
        };
        wording::check(&settings).into_iter().filter_map(with_index)
    });
    errors.collect()
}

/// Prints errors, each on a line.
pub(crate) fn print_errors(errors: &[SettingsError], terminal: &Terminal) {
    for error in errors {
        terminal.print_error(error);
    }
}

/// Returns `One error` or `2 errors`.
pub(crate) fn count_errors(errors: usize) -> String {
    if errors == 1 { "One error".to_owned() } else { format!("{errors} errors") }
}

/// Reads a .toml or .json file.
pub(crate) fn read_document(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let document = match file.extension().and_then(|it| it.to_str()) {
        Some("toml") => toml::from_str(&text).map(to_json).map_err(anyhow::Error::new),
        Some("json") => serde_json::from_str(&text).map_err(anyhow::Error::new),
        _ => bail!("{} must be a .toml or .json file", file.display()),
    };
    document.with_context(|| format!("{} is malformed", file.display()))
}

/// Converts a TOML document to JSON, its dates to text.
fn to_json(table: toml::Table) -> Value {
    fn convert(value: toml::Value) -> Value {
        match value {
            toml::Value::String(text) => text.into(),
            toml::Value::Integer(number) => number.into(),
            toml::Value::Float(number) => number.into(),
            toml::Value::Boolean(flag) => flag.into(),
            toml::Value::Datetime(at) => at.to_string().into(),
            toml::Value::Array(items) => items.into_iter().map(convert).collect(),
            toml::Value::Table(table) => to_json(table),
        }
    }
    table.into_iter().map(|(key, value)| (key, convert(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        to_json(toml::from_str(text).expect("TOML"))
    }

    #[test]
    fn shown_settings_can_be_written_again() {
        let document = parse(
            r#"
            default_language = "ro"
            transliterate = ["ro"]
            sms_price = "0.045 EUR"
            providers.sms = ["twilio", "engagelab"]
            senders.twilio = "VAI"
            quiet_hours = { from = "20:30", until = "07:00" }
            [[wording]]
            message = "reminder"
            sms = "{{ event }}: {{ short_time }}"
            [event_types."Sales Demo"]
            reminder_minutes = [2880]
            channels.reminder = ["sms", "email"]
            [hosts."maria@example.com"]
            phone = "+40712345678"
            [logging]
            level = "debug"
            level_until = 2026-11-20T18:00:00Z
            "#,
        );
        let settings = Settings::check(&document).expect("settings");
        let shown = toml::to_string_pretty(&settings).expect("TOML");
        assert_eq!(Settings::check(&parse(&shown)).expect("settings"), settings);
        let stored = serde_json::to_value(&settings).expect("JSON");
        assert_eq!(serde_json::from_value::<Settings>(stored).expect("settings"), settings);
    }

    #[test]
    fn the_errors_of_form_and_wording_are_listed_together() {
        let errors = |text: &str| -> Vec<String> {
            check(&parse(text)).expect_err("errors").iter().map(ToString::to_string).collect()
        };
        let wording = r#"
            [[wording]]
            message = "reminder"
            sms = "{{ event }}"
            [[wording]]
            message = "move"
            sms = "{{ link }}"
            [[templates]]
            message = "reminder"
            provider = "engagelab"
            id = "1"
            text = "{{name}}, {{nobody}}"
        "#;
        let wording_errors = errors(wording);
        assert_eq!(wording_errors.len(), 2, "{wording_errors:?}");
        assert!(
            wording_errors[0].starts_with("wording[1].sms: says `link`, which may be missing"),
            "{wording_errors:?}"
        );
        assert!(wording_errors[1].starts_with("templates[0].text: speaks of `nobody`"), "{wording_errors:?}");

        let form = "default_language = \"xx\"\n";
        let unreadable = "[[wording]]\nmessage = \"farewell\"\nsms = \"{{ link }}\"\n";
        let both = errors(&format!("{form}{wording}{unreadable}"));
        assert_eq!(both[2..], wording_errors, "{both:?}");
        assert!(both[0].starts_with("default_language: ") && both[1].starts_with("wording[2].message: "), "{both:?}");
        check(&parse("[[wording]]\nmessage = \"reminder\"\nsms = \"{{ event }}\"")).expect("settings");
    }

    #[test]
    fn the_default_equals_its_documentation() {
        assert_eq!(Settings::check(&parse(domain::settings::DEFAULT_TOML)).expect("settings"), Settings::default());
    }
}
