//! Settings as people write them: TOML, YAML or JSON, with the line of every error. The document of the seed's
//! connector (`connectors.calendly`, `field_mapping`) is accepted as it is printed there.

mod connector;
mod error;
mod source;

use domain::Settings;
use domain::settings::SettingsError;
use jiff::Timestamp;
use notify::wording;
use serde_json::{Value, json};

pub use error::DocumentError;
pub use source::Format;

/// Returns the JSON Schema of a document, for editors. It can't express every rule.
pub fn schema() -> Value {
    let mut schema = domain::settings::schema();
    schema["properties"]["connectors"] =
        json!({"type": "object", "description": "The settings of the seed's connector, as they are printed there."});
    schema["properties"]["field_mapping"] =
        json!({"type": "object", "description": "The field mapping of the seed's connector, if it stands beside it."});
    schema
}

/// The result of reading a document: the settings, or every error.
pub type Checked = Result<Settings, Vec<DocumentError>>;

/// Reads a document. A key that is left out keeps its default, and so does one that is null. `now`: logging that the
/// seed's connector asks for without an end stops 24 hours later.
///
/// # Errors
/// Every error in the document, with its line.
pub fn read_text(text: &str, format: Format, now: Timestamp) -> Checked {
    let (settings, errors) = read_text_for_preview(text, format, now)?;
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}

/// Reads a document as [`read_text`] does. Errors of the wording are returned with the settings, which can be shown all
/// the same.
///
/// # Errors
/// Every error in a document that can't be read.
pub fn read_text_for_preview(
    text: &str,
    format: Format,
    now: Timestamp,
) -> Result<(Settings, Vec<DocumentError>), Vec<DocumentError>> {
    let source = source::parse(text, format).map_err(|error| vec![error])?;
    let locate = |errors: Vec<SettingsError>| -> Vec<_> {
        let located = errors.into_iter().map(|error| DocumentError {
            line: source.line_of(&error.path),
            path: error.path,
            problem: error.problem,
        });
        located.collect()
    };
    match read(&source.value, now) {
        Ok((settings, errors)) => Ok((settings, locate(errors))),
        Err(errors) => Err(locate(errors)),
    }
}

/// Reads a document that is parsed already.
///
/// # Errors
/// Every error in the document.
pub fn read_value(value: &Value, now: Timestamp) -> Checked {
    let unlocated = |errors: Vec<SettingsError>| -> Vec<_> {
        errors.into_iter().map(|it| DocumentError { line: None, path: it.path, problem: it.problem }).collect()
    };
    match read(&source::without_nulls(value), now) {
        Ok((settings, errors)) if errors.is_empty() => Ok(settings),
        Ok((_, errors)) | Err(errors) => Err(unlocated(errors)),
    }
}

/// Reads a document. Returns the settings with the errors of their wording.
fn read(value: &Value, now: Timestamp) -> Result<(Settings, Vec<SettingsError>), Vec<SettingsError>> {
    let (document, mut errors) = connector::translate(value, now);
    match Settings::check(&document) {
        Ok(settings) if errors.is_empty() => {
            let wording = wording::check(&settings);
            Ok((settings, wording))
        }
        checked => {
            errors.extend(checked.err().into_iter().flatten());
            // An error elsewhere does not hide those of the wording.
            errors.extend(["wording", "templates"].iter().flat_map(|key| check_items(&document, key)));
            Err(errors)
        }
    }
}

/// Checks each item of a list of wordings or templates alone, in a document that can't be read as a whole.
fn check_items(document: &Value, key: &str) -> Vec<SettingsError> {
    let items = document.get(key).and_then(Value::as_array).into_iter().flatten().enumerate();
    let readable = items.filter_map(|(index, item)| Some((index, Settings::check(&json!({ key: [item] })).ok()?)));
    let errors = readable.flat_map(|(index, settings)| {
        let with_index = move |error: SettingsError| {
            let rest = error.path.strip_prefix(&format!("{key}[0]"))?.to_owned();
            Some(SettingsError { path: format!("{key}[{index}]{rest}"), ..error })
        };
        wording::check(&settings).into_iter().filter_map(with_index)
    });
    errors.collect()
}

#[cfg(test)]
mod tests;
