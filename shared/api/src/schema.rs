//! JSON Schemas of the API's types, made readable: descriptions without line breaks, and `null` only where it is sent.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// The path of the schemas in an `OpenAPI` document.
pub(crate) const COMPONENTS: &str = "/components/schemas";

/// Returns a generator for the schemas of requests.
pub(crate) fn request_generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().with(|it| it.definitions_path = COMPONENTS.into()).into_generator()
}

/// Returns a generator for the schemas of answers.
pub(crate) fn answer_generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().with(|it| it.definitions_path = COMPONENTS.into()).into_generator()
}

/// Returns a request's schema without references.
pub(crate) fn inline_schema<T: JsonSchema>() -> Map<String, Value> {
    let generator = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true).into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    match schema {
        Value::Object(mut schema) => {
            schema.remove("$schema");
            schema.remove("title");
            schema
        }
        _ => Map::new(),
    }
}

/// The schema of a text of at most `MOST` characters, for the values of maps: attributes on a field do not apply to
/// them.
pub(crate) struct Text<const MOST: u32>;

impl<const MOST: u32> JsonSchema for Text<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Text{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": MOST })
    }
}

/// Returns a rule across keys: at least one of them is given, and is neither `null` nor blank. It belongs under `allOf`: client
/// generators take an `anyOf` beside `properties` for a choice of types. The reader does not read it:
/// [`Request::check`](crate::Request::check) checks the same, and says it in better words.
pub(crate) fn at_least_one(keys: &[&str]) -> Value {
    json!([{ "anyOf": forms(keys, &json!({ "type": "string", "pattern": "\\S" })) }])
}

/// Returns a rule across keys, like [`at_least_one`]: exactly one of them is given. It is not for requests that models
/// write, where an empty text is left out.
pub(crate) fn exactly_one(keys: &[&str]) -> Value {
    json!([{ "oneOf": forms(keys, &json!({ "type": "string" })) }])
}

fn forms(keys: &[&str], given: &Value) -> Vec<Value> {
    let form = |key: &&str| json!({ "required": [key], "properties": { (*key): given } });
    keys.iter().map(form).collect()
}

/// Removes `null` from the types of optional keys: they are left out instead. Removes line breaks from descriptions.
/// Turns a choice of constants into an enumeration, which more clients understand.
pub(crate) fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(schema) => {
            schema.values_mut().for_each(tidy);
            change_optional_keys(schema, without_null);
            if let Some(Value::String(text)) = schema.get_mut("description") {
                *text = unwrap_lines(text);
            }
            constants_to_enum(schema);
        }
        _ => {}
    }
}

/// Declares that the optional keys of a request may be `null`: the reader takes them for left out.
pub(crate) fn declare_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(declare_null),
        Value::Object(schema) => {
            // Rules across keys say themselves where they mean null.
            schema.iter_mut().filter(|(key, _)| *key != "allOf").for_each(|(_, inner)| declare_null(inner));
            change_optional_keys(schema, or_null);
        }
        _ => {}
    }
}

/// Declares that an optional text of a request that models write may be empty: the reader takes it for left out. What
/// else is taken as it is meant, such as a number as text, is not declared: client generators would make a choice of
/// types of it.
pub(crate) fn declare_empty(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(declare_empty),
        Value::Object(schema) => {
            // A rule across keys says itself that one must not be empty.
            schema.iter_mut().filter(|(key, _)| *key != "allOf").for_each(|(_, inner)| declare_empty(inner));
            change_optional_keys(schema, or_empty);
        }
        _ => {}
    }
}

/// Changes the schemas of the keys that are not required.
fn change_optional_keys(schema: &mut Map<String, Value>, change: fn(&mut Map<String, Value>)) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, property) in properties {
        if let (Value::Object(property), false) = (property, required.iter().any(|it| it == name.as_str())) {
            change(property);
        }
    }
}

fn without_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_mut_slice() {
            let only = only.take();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|it| it.get("type").is_none_or(|it| it != "null"));
        if let [Value::Object(only)] = forms.as_mut_slice() {
            let only = std::mem::take(only);
            schema.remove("anyOf");
            for (key, value) in only {
                schema.entry(key).or_insert(value);
            }
        }
    }
}

/// Adds `null` to a schema. One without a type has it already. An enumeration becomes one of two forms: client
/// generators make one type of it then.
fn or_null(schema: &mut Map<String, Value>) {
    if schema.contains_key("enum") {
        let description = schema.remove("description");
        let form = std::mem::take(schema);
        schema.insert("anyOf".to_owned(), json!([form, { "type": "null" }]));
        schema.extend(description.map(|it| ("description".to_owned(), it)));
    } else if let Some(name) = schema.get("type").filter(|it| it.is_string()).cloned() {
        schema.insert("type".to_owned(), json!([name, "null"]));
    } else if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.push(json!({ "type": "null" }));
    } else if let Some(reference) = schema.remove("$ref") {
        schema.insert("anyOf".to_owned(), json!([{ "$ref": reference }, { "type": "null" }]));
    }
}

/// Lets a text be empty. A pattern says the rest of what `minLength` said.
fn or_empty(schema: &mut Map<String, Value>) {
    if schema.get("type").is_none_or(|it| it != "string") || schema.contains_key("enum") {
        return;
    }
    let shortest = schema.remove("minLength").and_then(|it| it.as_u64()).unwrap_or_default();
    let pattern = match schema.get("pattern").and_then(Value::as_str) {
        Some(pattern) => Some(format!("^$|{pattern}")),
        None if shortest > 1 => Some(format!("^$|[\\s\\S]{{{shortest}}}")),
        None => None,
    };
    schema.extend(pattern.map(|it| ("pattern".to_owned(), it.into())));
}

fn constants_to_enum(schema: &mut Map<String, Value>) {
    let Some(Value::Array(forms)) = schema.get("oneOf") else { return };
    let constants: Vec<Value> = forms.iter().filter_map(|it| it.get("const").cloned()).collect();
    if constants.len() != forms.len() {
        return;
    }
    let mut description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (constant, form) in constants.iter().zip(forms) {
        if let (Some(constant), Some(text)) = (constant.as_str(), form.get("description").and_then(Value::as_str)) {
            description.push_str(&format!("\n- `{constant}`: {text}"));
        }
    }
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), constants.into());
    schema.insert("description".to_owned(), description.trim().into());
}

/// Joins the lines of a doc comment. Paragraphs and list items stay separate.
pub(crate) fn unwrap_lines(text: &str) -> String {
    let mut out = String::new();
    for line in text.trim().lines().map(str::trim) {
        if line.is_empty() {
            out.push_str("\n\n");
        } else {
            let is_joined = !out.is_empty() && !out.ends_with('\n');
            out.push_str(match is_joined {
                true if line.starts_with("- ") => "\n",
                true => " ",
                false => "",
            });
            out.push_str(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_paragraphs_and_items_stay_separate() {
        assert_eq!(
            unwrap_lines(" Books a\n meeting.\n\n Then:\n - one,\n   more\n - two"),
            "Books a meeting.\n\nThen:\n- one, more\n- two"
        );
        assert_eq!(unwrap_lines(" One."), "One.");
    }

    #[test]
    fn null_is_declared_where_it_is_sent() {
        let mut schema = json!({
            "properties": {
                "always": { "type": ["string", "null"] },
                "text": { "type": ["string", "null"] },
                "word": { "anyOf": [{ "type": "string", "enum": ["a"] }, { "type": "null" }] },
                "other": { "anyOf": [{ "$ref": "#/o" }, { "type": "null" }] },
                "any": { "description": "Any." },
            },
            "required": ["always"],
        });
        tidy(&mut schema);
        let expected = json!({
            "always": { "type": ["string", "null"] },
            "text": { "type": "string" },
            "word": { "type": "string", "enum": ["a"] },
            "other": { "$ref": "#/o" },
            "any": { "description": "Any." },
        });
        assert_eq!(schema["properties"], expected);
        declare_null(&mut schema);
        let expected = json!({
            "always": { "type": ["string", "null"] },
            "text": { "type": ["string", "null"] },
            "word": { "anyOf": [{ "type": "string", "enum": ["a"] }, { "type": "null" }] },
            "other": { "anyOf": [{ "$ref": "#/o" }, { "type": "null" }] },
            "any": { "description": "Any." },
        });
        assert_eq!(schema["properties"], expected);
    }

    #[test]
    fn an_optional_text_may_be_empty_where_models_write() {
        let mut schema = json!({
            "properties": {
                "required": { "type": "string", "minLength": 1 },
                "text": { "type": "string", "minLength": 1, "maxLength": 9 },
                "tag": { "type": "string", "minLength": 2 },
                "time": { "type": "string", "minLength": 1, "pattern": "^[0-9]$" },
                "word": { "type": "string", "enum": ["a"] },
                "list": { "type": "array", "items": { "type": "string", "minLength": 1 } },
            },
            "required": ["required"],
        });
        declare_empty(&mut schema);
        let expected = json!({
            "required": { "type": "string", "minLength": 1 },
            "text": { "type": "string", "maxLength": 9 },
            "tag": { "type": "string", "pattern": "^$|[\\s\\S]{2}" },
            "time": { "type": "string", "pattern": "^$|^[0-9]$" },
            "word": { "type": "string", "enum": ["a"] },
            "list": { "type": "array", "items": { "type": "string", "minLength": 1 } },
        });
        assert_eq!(schema["properties"], expected);
    }
}
