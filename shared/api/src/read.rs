//! What a caller sent, read: either all of it, or everything that is wrong with it.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{When, schema};

/// Something wrong with a request. It says where and what, and never quotes: what was sent may be personal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, JsonSchema)]
pub struct Fault {
    /// Where: a path such as `guests[2]` or `location.kind`; `body` for the whole.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl Fault {
    /// A problem somewhere.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// A request of the API.
pub trait Request: DeserializeOwned + JsonSchema {
    /// What is wrong with it that its schema can't say; [`read`] asks.
    fn check(&self) -> Vec<Fault> {
        Vec::new()
    }

    /// The language that it asks for, a BCP 47 tag.
    fn language(&self) -> Option<&str> {
        None
    }
}

/// More than these help nobody.
const MOST_FAULTS: usize = 50;

/// Reads a body. An empty one is an empty object.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read<T: Request>(body: &[u8]) -> Result<T, Vec<Fault>> {
    read_value(json(body)?)
}

/// Reads parameters of a path and a query; numbers are told as texts there.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read_params<T: Request>(params: &[(String, String)]) -> Result<T, Vec<Fault>> {
    read_with(Value::Object(Map::new()), params)
}

/// Reads a document.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_value<T: Request>(value: Value) -> Result<T, Vec<Fault>> {
    read_with(value, &[])
}

/// Reads a document, to which `params` add what stands in the path or the query.
pub(crate) fn read_with<T: Request>(mut value: Value, params: &[(String, String)]) -> Result<T, Vec<Fault>> {
    let schema = schema::of::<T>();
    let mut faults = Vec::new();
    if let Value::Object(object) = &mut value {
        // `null` is a way to leave out what may be left out.
        let required = texts(schema.get("required"));
        let is_known = |key: &str| schema.get("properties").is_some_and(|it| it.get(key).is_some());
        object.retain(|key, value| !value.is_null() || !is_known(key) || required.contains(&key.as_str()));
        for (name, text) in params {
            let value = of_text(&schema, name, text);
            match object.insert(name.clone(), value.clone()) {
                Some(other) if other != value => faults.push(Fault::new(key_of(name), "is given twice")),
                _ => {}
            }
        }
    }
    inspect(&schema, &value, "", &mut faults);
    if faults.is_empty() {
        let request: T = serde_path_to_error::deserialize(value).map_err(|error| {
            // The schema has let it pass, so this is a fault of ours; serde's own words would quote values.
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

/// A parameter's text as the value it stands for: only numbers are told differently.
fn of_text(schema: &Map<String, Value>, name: &str, text: &str) -> Value {
    let expected = schema.get("properties").and_then(|it| it.get(name)).and_then(|it| it.get("type"));
    match text.parse::<i64>() {
        Ok(number) if expected.is_some_and(|it| it == "integer") => number.into(),
        _ => text.into(),
    }
}

/// Holds a value to a schema, of which it knows the keywords that our requests' schemas use; a test asserts that there
/// are no others. Every fault is told.
fn inspect(schema: &Map<String, Value>, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let mut fault = |problem: String| faults.push(Fault::new(if path.is_empty() { "body" } else { path }, problem));
    if !is_of_type(schema, value) {
        let expected = schema.get("type").and_then(Value::as_str).unwrap_or_default();
        let article = if expected.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
        return fault(format!("must be {article} {expected}"));
    }
    if let Some(forms) = schema.get("anyOf").and_then(Value::as_array) {
        let forms = forms.iter().filter_map(Value::as_object);
        if let Some(meant) = forms.min_by_key(|form| misfits(form, value)) {
            inspect(meant, value, path, faults);
        }
        return;
    }
    let choices = texts(schema.get("enum"));
    if !choices.is_empty() && !choices.iter().any(|it| value == it) {
        fault(format!("must be one of {}", choices.join(", ")));
    }
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_i64);
    let mut within = |count: i64, least: &str, most: &str, of: &str| match (bound(least), bound(most)) {
        (Some(1), _) if count == 0 && least != "minimum" => fault("must not be empty".to_owned()),
        (Some(least), _) if count < least => fault(format!("must be at least {least}{of}")),
        (_, Some(most)) if count > most => fault(format!("must be at most {most}{of}")),
        _ => {}
    };
    match value {
        Value::Number(number) => {
            within(number.as_i64().unwrap_or(i64::MAX), "minimum", "maximum", "");
        }
        Value::String(text) => {
            within(length(text.chars().count()), "minLength", "maxLength", " characters long");
            if schema.get("format").is_some_and(|it| it == When::FORMAT) && When::parse(text).is_none() {
                fault(When::PROBLEM.to_owned());
            }
        }
        Value::Array(items) => {
            within(length(items.len()), "minItems", "maxItems", " items long");
            if let Some(schema) = schema.get("items").and_then(Value::as_object) {
                for (index, item) in items.iter().enumerate() {
                    inspect(schema, item, &format!("{path}[{index}]"), faults);
                }
            }
        }
        Value::Object(object) => {
            within(length(object.len()), "minProperties", "maxProperties", " entries long");
            inspect_object(schema, object, path, faults);
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

/// How far a value is from one of several forms: the nearest is taken to be the one that was meant.
fn misfits(form: &Map<String, Value>, value: &Value) -> usize {
    if !is_of_type(form, value) {
        return usize::MAX;
    }
    let Some(of_items) = form.get("items").and_then(Value::as_object) else { return 0 };
    value.as_array().map_or(0, |items| items.iter().filter(|it| !is_of_type(of_items, it)).count())
}

fn inspect_object(schema: &Map<String, Value>, object: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let required = texts(schema.get("required"));
    for key in required.iter().filter(|key| !object.contains_key(**key)) {
        faults.push(Fault::new(under(key), "is missing"));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let longest = schema.get("propertyNames").and_then(|it| it.get("maxLength")).and_then(Value::as_i64);
    for (key, value) in object {
        if let Some(longest) = longest.filter(|it| length(key.chars().count()) > *it) {
            faults.push(Fault::new(under("*"), format!("must have a key of at most {longest} characters")));
        }
        match (properties.and_then(|it| it.get(key)), schema.get("additionalProperties")) {
            (Some(_), _) if value.is_null() && !required.contains(&key.as_str()) => {}
            (Some(Value::Object(property)), _) => inspect(property, value, &under(key), faults),
            (None, Some(Value::Object(property))) => inspect(property, value, &under(&key_of(key)), faults),
            (None, Some(Value::Bool(false))) => faults.push(Fault::new(under(&key_of(key)), "is not known")),
            _ => {}
        }
    }
}

/// A key as it may be told: one that is no plain name may be anything, and personal.
fn key_of(key: &str) -> String {
    let is_plain = (1..=40).contains(&key.len()) && key.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    if is_plain { key.to_owned() } else { "*".to_owned() }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
