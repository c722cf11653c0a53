//! Normalizes requests. Language models send empty strings or `"null"` for what they leave out, numbers as text, text
//! as numbers, and one value as a list. What such a value plainly means is taken; anything else stays as it is, and is
//! then refused.

use domain::scheduling::form::is_location_name;
use serde_json::{Map, Number, Value, json};

/// The characters that separate the items of a list that was sent as one text.
const SEPARATORS: [char; 3] = [',', ';', '\n'];

/// The words that models write for a key that they leave out.
const NO_VALUE: [&str; 4] = ["null", "none", "undefined", "n/a"];

/// Of these, the words that nobody gives as an answer. "None" may be what the person said.
const NO_ANSWER: [&str; 2] = ["null", "undefined"];

/// The keys of people's names and addresses. A number there is a mistake.
const NAMES_AND_ADDRESSES: [&str; 3] = ["inviteeName", "inviteeEmail", "userEmail"];

/// Leaves out optional keys that are `null`.
pub(crate) fn drop_nulls(schema: &Map<String, Value>, value: &mut Value) {
    let Value::Object(object) = value else { return };
    let required = strings(schema.get("required"));
    let is_known = |key: &str| schema.get("properties").is_some_and(|it| it.get(key).is_some());
    object.retain(|key, value| !value.is_null() || !is_known(key) || required.contains(&key.as_str()));
}

/// Brings a value into the form of its schema, where its meaning is plain.
pub(crate) fn normalize(schema: &Map<String, Value>, value: &mut Value) {
    if let Some(forms) = schema.get("anyOf").and_then(Value::as_array) {
        parse_nested_json(value);
        if let Value::String(text) = value
            && !forms.iter().any(|form| form.get("type").is_some_and(|it| it == "string"))
        {
            // One answer, without its question.
            *value = Value::Array(vec![Value::from(text.as_str())]);
        }
        if let Value::Array(answers) = value {
            answers.retain(|it| !is_pair_without_answer(it));
            answers.iter_mut().for_each(to_answer);
        }
        if let Some(form) = forms.iter().filter_map(Value::as_object).find(|form| has_shape(form, value)) {
            normalize(form, value);
        }
        return;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => find_choice(schema, value),
        Some("integer") => to_integer(value),
        Some("boolean") => to_boolean(value),
        Some("array") => {
            parse_nested_json(value);
            normalize_array(schema, value);
        }
        Some("object") => {
            parse_nested_json(value);
            to_location(schema, value);
            normalize_object(schema, value);
        }
        _ => {}
    }
}

/// In answers that are in the order of the questions, one that is no answer becomes empty, so that it keeps its place.
fn to_answer(answer: &mut Value) {
    to_text(answer);
    if is_word(answer, &NO_ANSWER) {
        *answer = "".into();
    }
}

/// Returns whether a value is a question whose answer is not known.
fn is_pair_without_answer(value: &Value) -> bool {
    value.get("question").is_some() && value.get("answer").is_some_and(|it| is_word(it, &NO_ANSWER))
}

/// An answer that is a number or a truth value becomes text; several choices are one on each line.
fn to_text(answer: &mut Value) {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let text = match &*answer {
        Value::Array(choices) => choices.iter().map(scalar).collect::<Option<Vec<_>>>().map(|it| it.join("\n")),
        other => scalar(other),
    };
    if let Some(text) = text {
        *answer = text.into();
    }
}

/// The name of a kind of location means a location of this kind.
fn to_location(schema: &Map<String, Value>, value: &mut Value) {
    let has_kind = schema.get("properties").is_some_and(|it| it.get("kind").is_some());
    if let Some(name) = value.as_str().filter(|it| has_kind && is_location_name(it)) {
        *value = json!({ "kind": name });
    }
}

/// A whole number becomes its digits, where a free text is expected: a code, an id or a phone number. A number has no
/// leading zeros, so the digits are complete only because no code begins with one: see `send_code`.
fn to_digits(schema: &Map<String, Value>, value: &mut Value) {
    let is_free_text = schema.get("type").is_some_and(|it| it == "string")
        && schema.get("format").is_none()
        && schema.get("enum").is_none();
    let Value::Number(number) = &*value else { return };
    let digits = number.as_u64().or_else(|| u64::try_from(whole(number)?).ok());
    if let Some(digits) = digits.filter(|_| is_free_text) {
        *value = digits.to_string().into();
    }
}

/// The only item of a list is taken where a single value is expected.
fn take_only_item(schema: &Value, value: &mut Value) {
    let is_single = schema.get("type").is_some_and(|it| ["string", "integer", "boolean"].iter().any(|name| it == name));
    if let Value::Array(items) = &mut *value
        && let [only] = items.as_mut_slice()
        && is_single
        && (only.is_string() || only.is_number() || only.is_boolean())
    {
        let only = only.take();
        *value = only;
    }
}

/// A choice is found whatever its case.
fn find_choice(schema: &Map<String, Value>, value: &mut Value) {
    let Value::String(text) = value else { return };
    let choices = strings(schema.get("enum"));
    if let Some(choice) = choices.into_iter().find(|choice| choice.eq_ignore_ascii_case(text.trim())) {
        *value = choice.into();
    }
}

/// Returns the whole number that a number with a decimal point is.
fn whole(number: &Number) -> Option<i64> {
    number.as_f64().filter(|it| it.fract() == 0.0).and_then(|it| format!("{it}").parse().ok())
}

/// "30", "30.0" and 30.0 become 30.
fn to_integer(value: &mut Value) {
    let meant: Option<i64> = match value {
        Value::Number(number) if !number.is_i64() && !number.is_u64() => whole(number),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse::<Number>().ok().as_ref().and_then(whole))
        }
        _ => None,
    };
    if let Some(meant) = meant {
        *value = meant.into();
    }
}

fn to_boolean(value: &mut Value) {
    let meant = value.as_str().and_then(|text| text.trim().to_ascii_lowercase().parse::<bool>().ok());
    if let Some(meant) = meant {
        *value = meant.into();
    }
}

/// Parses an object or a list that was sent as text.
fn parse_nested_json(value: &mut Value) {
    let nested = value.as_str().filter(|text| text.trim_start().starts_with(['{', '[']));
    if let Some(nested) = nested.and_then(|text| serde_json::from_str(text).ok()) {
        *value = nested;
    }
}

/// One text becomes a list; items that are empty are left out.
fn normalize_array(schema: &Map<String, Value>, value: &mut Value) {
    let Some(items) = schema.get("items").and_then(Value::as_object) else { return };
    let is_of_texts = items.get("type").is_some_and(|it| it == "string");
    if let Value::String(text) = value
        && is_of_texts
    {
        *value = text.split(SEPARATORS).map(|it| Value::from(it.trim())).collect();
    }
    let Value::Array(list) = value else { return };
    for item in list.iter_mut() {
        normalize(items, item);
    }
    // In answers that are in the order of the questions, an empty one keeps its place.
    if is_of_texts && items.get("minLength").is_some() {
        list.retain(|item| !says_nothing(item));
    }
}

/// Optional keys are left out if they say nothing. An empty text stays where it is allowed.
fn normalize_object(schema: &Map<String, Value>, value: &mut Value) {
    let Value::Object(object) = value else { return };
    let required = strings(schema.get("required"));
    let properties = schema.get("properties").and_then(Value::as_object);
    let further = schema.get("additionalProperties").and_then(Value::as_object);
    object.retain(|key, value| match properties.and_then(|it| it.get(key)) {
        Some(property) => {
            take_only_item(property, value);
            let is_left_out = || is_word(value, &NO_VALUE) || !may_be_empty(property) && is_empty(property, value);
            required.contains(&key.as_str()) || !is_left_out()
        }
        None => !(further.is_some() && is_word(value, &NO_ANSWER)),
    });
    for (key, value) in object.iter_mut() {
        let schema = properties.and_then(|it| it.get(key)).and_then(Value::as_object);
        match (schema, further) {
            (Some(schema), _) => {
                if !NAMES_AND_ADDRESSES.contains(&key.as_str()) {
                    to_digits(schema, value);
                }
                normalize(schema, value);
            }
            // Answers by their questions, or what an agent found out.
            (None, Some(_)) => to_text(value),
            (None, None) => {}
        }
    }
    if let Some(answer) = object.get_mut("answer") {
        to_text(answer);
    }
    // Answers of which none is left are none.
    let is_choice = |key: &str| properties.and_then(|it| it.get(key)).is_some_and(|it| it.get("anyOf").is_some());
    object.retain(|key, value| !(is_choice(key) && value.as_array().is_some_and(Vec::is_empty)));
}

/// Returns whether a schema accepts a text without characters, or an object without keys.
fn may_be_empty(schema: &Value) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => ["minLength", "enum", "format"].iter().all(|keyword| schema.get(*keyword).is_none()),
        Some("object") => strings(schema.get("required")).is_empty(),
        Some(_) => false,
        // One of several forms, or anything.
        None => schema.get("anyOf").is_none(),
    }
}

/// Returns the texts of a list in a schema.
pub(crate) fn strings(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Returns whether a value says nothing. An object does only where one with certain keys is expected.
fn is_empty(schema: &Value, value: &Value) -> bool {
    match value {
        Value::Object(object) => schema.get("properties").is_some() && object.values().all(says_nothing),
        other => says_nothing(other),
    }
}

/// Returns whether a value is `null`, a text without characters, or a word for no value.
fn says_nothing(value: &Value) -> bool {
    is_word(value, &NO_VALUE) || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Returns whether a value is `null`, or one of these words in any case.
fn is_word(value: &Value, words: &[&str]) -> bool {
    let is_one = |text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    value.is_null() || value.as_str().is_some_and(is_one)
}

/// Returns whether a value has the form of one of several schemas: an object, a list of objects, or a list.
fn has_shape(form: &Map<String, Value>, value: &Value) -> bool {
    let is = |schema: &Map<String, Value>, value: &Value| match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string() || value.is_number() || value.is_boolean(),
        _ => false,
    };
    let items = form.get("items").and_then(Value::as_object);
    is(form, value)
        && match (items, value.as_array()) {
            (Some(items), Some(list)) => list.iter().all(|item| is(items, item)),
            _ => true,
        }
}
