//! Reads requests: returns the request, or everything that is wrong with it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::normalize::strings;
use crate::{When, normalize, schema};

/// Something wrong with a request. It never quotes what was sent, because that may be personal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, JsonSchema)]
pub struct Fault {
    /// The path of the value, such as `guests[2]` or `location.kind`; `body` for the whole request.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Fault {
    /// Returns a fault.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// A request of the API.
pub trait Request: DeserializeOwned + JsonSchema {
    /// Whether language models write it: what they plainly mean is taken, as `normalize` describes.
    const IS_FROM_MODELS: bool = false;

    /// Checks what the schema cannot express. [`read`] calls it.
    fn check(&self) -> Vec<Fault> {
        Vec::new()
    }

    /// Returns the language that the request asks for, a BCP 47 tag.
    fn language(&self) -> Option<&str> {
        None
    }

    /// Returns the connection that the request itself names, where no key does.
    fn connection(&self) -> Option<&str> {
        None
    }

    /// Returns the conversation that the request itself names. Only a trusted caller's counts: a model may have
    /// filled it in.
    fn conversation(&self) -> Option<&str> {
        None
    }

    /// Returns the user that the request itself names. Only a trusted caller's counts, as for the conversation.
    fn user(&self) -> Option<&str> {
        None
    }

    /// Returns the booking that the request names, by any of its ids.
    fn booking(&self) -> Option<&str> {
        None
    }
}

/// The most faults that are reported. More do not help the caller.
const MOST_FAULTS: usize = 50;

/// Reads a body. An empty body is an empty object.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read<T: Request>(body: &[u8]) -> Result<T, Vec<Fault>> {
    read_value(json(body)?)
}

/// Reads a document.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_value<T: Request>(value: Value) -> Result<T, Vec<Fault>> {
    read_with(value, &[])
}

/// Reads a document. `params` are further values from the path or the query. Values that mean what the schema asks for,
/// in another form, are accepted.
pub(crate) fn read_with<T: Request>(mut value: Value, params: &[(String, String)]) -> Result<T, Vec<Fault>> {
    let schema = schema::inline_schema::<T>();
    let mut faults = Vec::new();
    let normalize = if T::IS_FROM_MODELS { normalize::normalize } else { normalize::drop_nulls };
    normalize(&schema, &mut value);
    if let Value::Object(object) = &mut value {
        for (name, text) in params {
            let mut value = Value::from(text.as_str());
            // All parameters are text.
            if let Some(Value::Object(property)) = schema.get("properties").and_then(|it| it.get(name)) {
                normalize::normalize(property, &mut value);
            }
            match object.insert(name.clone(), value.clone()) {
                Some(other) if other != value => faults.push(Fault::new(safe_key(name), "is given twice")),
                _ => {}
            }
        }
    }
    // A parameter may be empty.
    normalize(&schema, &mut value);
    check_value(&schema, &value, "", &mut faults);
    if faults.is_empty() {
        let request: T = serde_path_to_error::deserialize(value).map_err(|error| {
            // The schema accepts it, so this is our bug. Serde's own message would quote values.
            vec![Fault::new(error.path().to_string(), "is not of the expected form")]
        })?;
        faults = request.check();
        if faults.is_empty() {
            return Ok(request);
        }
    }
    faults.truncate(MOST_FAULTS);
    Err(faults)
}

/// Reads JSON.
pub(crate) fn json(body: &[u8]) -> Result<Value, Vec<Fault>> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| {
        vec![Fault::new("body", format!("is not JSON (line {}, column {})", error.line(), error.column()))]
    })
}

/// Checks a value against a schema and reports every fault. It knows the keywords that our requests' schemas use; a
/// test asserts that there are no others. What `pattern` and `allOf` say, `format` and [`Request::check`] check.
fn check_value(schema: &Map<String, Value>, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let mut fault = |problem: String| faults.push(Fault::new(if path.is_empty() { "body" } else { path }, problem));
    if !is_of_type(schema, value) {
        let expected = schema.get("type").and_then(Value::as_str).unwrap_or_default();
        let article = if expected.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
        return fault(format!("must be {article} {expected}"));
    }
    if let Some(forms) = schema.get("anyOf").and_then(Value::as_array) {
        let forms = forms.iter().filter_map(Value::as_object);
        if let Some(nearest) = forms.min_by_key(|form| count_misfits(form, value)) {
            check_value(nearest, value, path, faults);
        }
        return;
    }
    let choices = strings(schema.get("enum"));
    if !choices.is_empty() && !choices.iter().any(|it| value == it) {
        fault(format!("must be one of {}", choices.join(", ")));
    }
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_i64);
    let mut check_bounds = |count: i64, least: &str, most: &str, unit: &str| match (bound(least), bound(most)) {
        (Some(1), _) if count == 0 && least != "minimum" => fault("must not be empty".to_owned()),
        (Some(least), _) if count < least => fault(format!("must be at least {least}{unit}")),
        (_, Some(most)) if count > most => fault(format!("must be at most {most}{unit}")),
        _ => {}
    };
    match value {
        Value::Number(number) => {
            check_bounds(number.as_i64().unwrap_or(i64::MAX), "minimum", "maximum", "");
        }
        Value::String(text) => {
            check_bounds(to_i64(text.chars().count()), "minLength", "maxLength", " characters long");
            match schema.get("format").and_then(Value::as_str) {
                Some(When::FORMAT) if When::parse(text).is_none() => fault(When::PROBLEM.to_owned()),
                Some("date-time") if text.parse::<Timestamp>().is_err() => fault(When::NO_INSTANT.to_owned()),
                _ => {}
            }
        }
        Value::Array(items) => {
            check_bounds(to_i64(items.len()), "minItems", "maxItems", " items long");
            if let Some(schema) = schema.get("items").and_then(Value::as_object) {
                for (index, item) in items.iter().enumerate() {
                    check_value(schema, item, &format!("{path}[{index}]"), faults);
                }
            }
        }
        Value::Object(object) => {
            check_bounds(to_i64(object.len()), "minProperties", "maxProperties", " entries long");
            check_object(schema, object, path, faults);
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn is_of_type(schema: &Map<String, Value>, value: &Value) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    }
}

/// Counts what does not fit in a value. The form with the fewest misfits is the one that the faults are about.
fn count_misfits(form: &Map<String, Value>, value: &Value) -> usize {
    if !is_of_type(form, value) {
        return usize::MAX;
    }
    let Some(schema) = form.get("items").and_then(Value::as_object) else { return 0 };
    value.as_array().map_or(0, |items| items.iter().filter(|it| !is_of_type(schema, it)).count())
}

fn check_object(schema: &Map<String, Value>, object: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let required = strings(schema.get("required"));
    for key in required.iter().filter(|key| !object.contains_key(**key)) {
        faults.push(Fault::new(under(key), "is missing"));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let longest = schema.get("propertyNames").and_then(|it| it.get("maxLength")).and_then(Value::as_i64);
    for (key, value) in object {
        if let Some(longest) = longest.filter(|it| to_i64(key.chars().count()) > *it) {
            faults.push(Fault::new(under("*"), format!("must have a key of at most {longest} characters")));
        }
        match (properties.and_then(|it| it.get(key)), schema.get("additionalProperties")) {
            (Some(_), _) if value.is_null() && !required.contains(&key.as_str()) => {}
            (Some(Value::Object(property)), _) => check_value(property, value, &under(key), faults),
            (None, Some(Value::Object(property))) => check_value(property, value, &under(&safe_key(key)), faults),
            (None, Some(Value::Bool(false))) => faults.push(Fault::new(under(&safe_key(key)), "is not known")),
            _ => {}
        }
    }
}

/// Returns a key as it may be reported. A key that is not a plain name may be personal data.
fn safe_key(key: &str) -> String {
    let is_plain = (1..=40).contains(&key.len()) && key.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    if is_plain { key.to_owned() } else { "*".to_owned() }
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
