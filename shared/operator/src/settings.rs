//! `settings`: checks a document whole, and writes it only then.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use domain::{ConnectionName, Settings};
use engine::{CommitError, Store};
use serde_json::Value;

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
        let settings = options.rows.table().await.settings(connection).await?;
        put(&toml::to_string_pretty(&settings)?);
        return Ok(true);
    };
    match Settings::check(&read(&file)?) {
        Err(errors) => {
            for error in &errors {
                terminal.complain(error);
            }
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

fn count(errors: usize) -> String {
    if errors == 1 { "One error".to_owned() } else { format!("{errors} errors") }
}

/// A file's document, by its extension.
fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let document = match file.extension().and_then(|it| it.to_str()) {
        Some("toml") => toml::from_str(&text).map(json).map_err(anyhow::Error::new),
        Some("json") => serde_json::from_str(&text).map_err(anyhow::Error::new),
        _ => bail!("{} must be a .toml or .json file", file.display()),
    };
    document.with_context(|| format!("{} is malformed", file.display()))
}

/// A TOML document as JSON; its dates, which JSON has none of, as text.
fn json(table: toml::Table) -> Value {
    fn value(from: toml::Value) -> Value {
        match from {
            toml::Value::String(text) => text.into(),
            toml::Value::Integer(number) => number.into(),
            toml::Value::Float(number) => number.into(),
            toml::Value::Boolean(is) => is.into(),
            toml::Value::Datetime(at) => at.to_string().into(),
            toml::Value::Array(items) => items.into_iter().map(value).collect(),
            toml::Value::Table(table) => json(table),
        }
    }
    table.into_iter().map(|(key, it)| (key, value(it))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        json(toml::from_str(text).expect("TOML"))
    }

    #[test]
    fn what_is_shown_can_be_written() {
        let document = parse(
            r#"
            default_language = "ro"
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
    }

    #[test]
    fn the_default_is_what_its_documentation_says() {
        assert_eq!(Settings::check(&parse(domain::settings::DEFAULT_TOML)).expect("settings"), Settings::default());
    }
}
