//! JSON Schemas of the API's types, made readable: no `null` for optional keys, descriptions without line breaks.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

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

/// Removes `null` from the types of optional keys, and line breaks from descriptions. Turns a choice of constants into
/// an enumeration, which more clients understand.
pub(crate) fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(schema) => {
            schema.values_mut().for_each(tidy);
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
            if let Some(Value::String(text)) = schema.get_mut("description") {
                *text = unwrap_lines(text);
            }
            constants_to_enum(schema);
        }
        _ => {}
    }
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
}
