//! `settings`: checks a document whole, and writes it only then.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use domain::settings::SettingsError;
use domain::{ConnectionName, Settings};
use engine::{CommitError, Store};
use notify::wording;
use serde_json::{Value, json};

use crate::Rows;
use crate::report::{Terminal, put};

/// Writes a connection's settings, once they are without error; or shows those in force.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    what: What,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The document: .toml or .json. What it leaves out has its default
    #[arg(long)]
    file: Option<PathBuf>,
    /// Show the settings in force
    #[arg(long)]
    show: bool,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let Some(file) = options.what.file else {
        let settings = options.rows.table().await.load_settings(connection).await?;
        put(&toml::to_string_pretty(&settings)?);
        return Ok(true);
    };
    match check(&read(&file)?) {
        Err(errors) => {
            complain(&errors, terminal);
            terminal.complain(format_args!("{} in {}: nothing was written.", count(errors.len()), file.display()));
            Ok(false)
        }
        Ok(settings) => match options.rows.table().await.write_settings(connection, &settings).await {
            Ok(version) => {
                terminal.say(format_args!(
                    "Version {version} of the settings of {connection} is written; functions follow within a minute."
                ));
                Ok(true)
            }
            Err(CommitError::Conflict) => {
                bail!("Somebody else has just written settings: look at theirs (--show), then try again")
            }
            Err(error) => bail!("The settings may not have been written: {error}"),
        },
    }
}

/// Reads a document, its wording and the texts of its templates included.
///
/// # Errors
/// Every error in it: what is wrong elsewhere hides none of the wording's.
pub(crate) fn check(document: &Value) -> Result<Settings, Vec<SettingsError>> {
    match Settings::check(document) {
        Ok(settings) => {
            let errors = wording::check(&settings);
            if errors.is_empty() { Ok(settings) } else { Err(errors) }
        }
        Err(mut errors) => {
            errors.extend(["wording", "templates"].iter().flat_map(|key| of_each(document, key)));
            Err(errors)
        }
    }
}

/// The wording's errors of a document that can't be read as a whole: each wording or template that can be is read alone.
fn of_each(document: &Value, key: &str) -> Vec<SettingsError> {
    let all = document.get(key).and_then(Value::as_array).into_iter().flatten().enumerate();
    let read = all.filter_map(|(at, one)| Some((at, Settings::check(&json!({key: [one]})).ok()?)));
    let errors = read.flat_map(|(at, settings)| {
        let there = move |error: SettingsError| {
            let rest = error.path.strip_prefix(&format!("{key}[0]"))?.to_owned();
            Some(SettingsError { path: format!("{key}[{at}]{rest}"), ..error })
        };
        wording::check(&settings).into_iter().filter_map(there)
    });
    errors.collect()
}

/// Lists errors.
pub(crate) fn complain(errors: &[SettingsError], terminal: &Terminal) {
    for error in errors {
        terminal.complain(error);
    }
}

pub(crate) fn count(errors: usize) -> String {
    if errors == 1 { "One error".to_owned() } else { format!("{errors} errors") }
}

/// A file's document, by its extension.
pub(crate) fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let document = match file.extension().and_then(|it| it.to_str()) {
        Some("toml") => toml::from_str(&text).map(as_json).map_err(anyhow::Error::new),
        Some("json") => serde_json::from_str(&text).map_err(anyhow::Error::new),
        _ => bail!("{} must be a .toml or .json file", file.display()),
    };
    document.with_context(|| format!("{} is malformed", file.display()))
}

/// A TOML document as JSON; its dates, which JSON has none of, as text.
fn as_json(table: toml::Table) -> Value {
    fn value(from: toml::Value) -> Value {
        match from {
            toml::Value::String(text) => text.into(),
            toml::Value::Integer(number) => number.into(),
            toml::Value::Float(number) => number.into(),
            toml::Value::Boolean(is) => is.into(),
            toml::Value::Datetime(at) => at.to_string().into(),
            toml::Value::Array(items) => items.into_iter().map(value).collect(),
            toml::Value::Table(table) => as_json(table),
        }
    }
    table.into_iter().map(|(key, it)| (key, value(it))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        as_json(toml::from_str(text).expect("TOML"))
    }

    #[test]
    fn what_is_shown_can_be_written() {
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
        let of_wording = errors(wording);
        assert_eq!(of_wording.len(), 2, "{of_wording:?}");
        assert!(of_wording[0].starts_with("wording[1].sms: says `link`, which may be missing"), "{of_wording:?}");
        assert!(of_wording[1].starts_with("templates[0].text: speaks of `nobody`"), "{of_wording:?}");

        let form = "default_language = \"xx\"\n";
        let unreadable = "[[wording]]\nmessage = \"farewell\"\nsms = \"{{ link }}\"\n";
        let both = errors(&format!("{form}{wording}{unreadable}"));
        assert_eq!(both[2..], of_wording, "{both:?}");
        assert!(both[0].starts_with("default_language: ") && both[1].starts_with("wording[2].message: "), "{both:?}");
        check(&parse("[[wording]]\nmessage = \"reminder\"\nsms = \"{{ event }}\"")).expect("settings");
    }

    #[test]
    fn the_default_is_what_its_documentation_says() {
        assert_eq!(Settings::check(&parse(domain::settings::DEFAULT_TOML)).expect("settings"), Settings::default());
    }
}
