//! The filters of transformations. None makes a text longer than [`LONGEST`].

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
pub(crate) use template::LONGEST;

/// The most decimal places of `round`.
const MOST_PLACES: u32 = 9;

/// The names of the filters.
pub(crate) const NAMES: [&str; 10] =
    ["default", "upper", "lower", "trim", "truncate", "replace", "round", "length", "join", "json"];

/// Builds the environment of transformations. A missing value is empty, at any depth.
pub(crate) fn environment<'source>() -> Environment<'source> {
    let mut environment = template::environment();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    // The delimiters are minijinja's own, so this can't fail.
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default());
    environment.set_formatter(format);
    environment.add_filter("default", default);
    environment.add_filter("upper", |value: &Value| limit(to_text(value)?.to_uppercase()));
    environment.add_filter("lower", |value: &Value| limit(to_text(value)?.to_lowercase()));
    environment.add_filter("trim", |value: &Value| Ok::<_, Error>(to_text(value)?.trim().to_owned()));
    environment.add_filter("truncate", truncate);
    environment.add_filter("replace", replace);
    environment.add_filter("round", round);
    environment.add_filter("length", length);
    environment.add_filter("join", join);
    environment.add_filter("json", |value: &Value| to_json(value).and_then(limit));
    environment
}

/// Writes a value into a text: nothing for what is missing or null, and JSON for lists and objects.
fn format(out: &mut Output, _state: &mut State, value: &Value) -> Result<(), Error> {
    let written = match value.as_str() {
        Some(text) => out.write_str(text),
        None => out.write_str(&to_text(value)?),
    };
    written.map_err(|_| Error::from(ErrorKind::WriteFailure))
}

fn to_text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(String::new()),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        _ => to_json(value),
    }
}

fn to_json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::new(ErrorKind::BadSerialization, "is no JSON"))
}

fn limit(text: String) -> Result<String, Error> {
    if text.len() > LONGEST {
        return Err(Error::new(ErrorKind::WriteFailure, "the text is too long"));
    }
    Ok(text)
}

/// Returns the other value when there is none: missing, null or an empty text.
fn default(value: &Value, other: Value) -> Value {
    let is_missing = value.is_undefined() || value.is_none() || value.as_str().is_some_and(str::is_empty);
    if is_missing { other } else { value.clone() }
}

/// Returns the first characters.
fn truncate(value: &Value, most: usize) -> Result<String, Error> {
    Ok(to_text(value)?.chars().take(most).collect())
}

fn replace(value: &Value, from: &str, to: &str) -> Result<String, Error> {
    let text = to_text(value)?;
    if from.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "the text to replace is empty"));
    }
    let count = text.matches(from).count();
    if (text.len() - count * from.len()).saturating_add(count.saturating_mul(to.len())) > LONGEST {
        return Err(Error::new(ErrorKind::WriteFailure, "the text is too long"));
    }
    Ok(text.replace(from, to))
}

/// Rounds a number. Without decimal places it is a whole number.
fn round(value: &Value, places: Option<u32>) -> Result<Value, Error> {
    let number = value.clone();
    if number.is_integer() {
        return Ok(number);
    }
    let places = places.unwrap_or(0);
    if places > MOST_PLACES {
        return Err(Error::new(ErrorKind::InvalidOperation, "rounds to at most 9 decimal places"));
    }
    let factor = f64::from(10_u32.pow(places));
    let rounded = (f64::try_from(number)? * factor).round() / factor;
    // Whole numbers up to this size are exact, so the cast cuts nothing off.
    if places == 0 && rounded.abs() < 9e15 {
        return Ok(Value::from(rounded as i64));
    }
    Ok(Value::from(rounded))
}

/// Returns the number of characters, elements or keys, and 0 when there is nothing.
fn length(value: &Value) -> Result<usize, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(0),
        _ => value.len().ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "has no length")),
    }
}

fn join(value: &Value, separator: &str) -> Result<String, Error> {
    let mut joined = String::new();
    if value.kind() == ValueKind::Seq {
        for (at, item) in value.try_iter()?.enumerate() {
            if at > 0 {
                joined.push_str(separator);
            }
            joined.push_str(&to_text(&item)?);
            joined = limit(joined)?;
        }
        return Ok(joined);
    }
    to_text(value)
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    fn evaluate(expression: &str) -> Result<String, String> {
        let environment = environment();
        let values = context! {
            long => "x".repeat(LONGEST + 1), nearly => "x".repeat(LONGEST - 1),
            name => " Ana ", none => (), empty => "",
            list => vec!["a", "b"], n => 2.345, whole => 7,
            many => vec!["x".repeat(1000); 100],
        };
        let compiled = environment.compile_expression(expression).map_err(|error| error.to_string())?;
        let value = compiled.eval(values).map_err(|error| error.to_string())?;
        to_json(&value).map_err(|error| error.to_string())
    }

    #[test]
    fn each_filter_does_what_it_says() {
        for (expression, expected) in [
            ("name | trim | upper", "\"ANA\""),
            ("'ĂȘ' | lower", "\"ăș\""),
            ("missing.at.all | default('x')", "\"x\""),
            ("none | default(1)", "1"),
            ("empty | default('x')", "\"x\""),
            ("whole | default(1)", "7"),
            ("'ăbc' | truncate(2)", "\"ăb\""),
            ("long | truncate(2)", "\"xx\""),
            ("'a-b-c' | replace('-', '')", "\"abc\""),
            ("n | round", "2"),
            ("n | round(2)", "2.35"),
            ("whole | round", "7"),
            ("1e300 | round", "1e+300"),
            ("list | length", "2"),
            ("missing | length", "0"),
            ("'ăb' | length", "2"),
            ("list | join(', ')", "\"a, b\""),
            ("name | join(', ')", "\" Ana \""),
            ("list | json", "\"[\\\"a\\\",\\\"b\\\"]\""),
            ("missing | upper", "\"\""),
            ("whole | upper", "\"7\""),
        ] {
            assert_eq!(evaluate(expression).as_deref(), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn no_filter_makes_a_text_too_long() {
        for (expression, expected) in [
            ("long | upper", "too long"),
            ("long | lower", "too long"),
            ("long | json", "too long"),
            ("nearly | json", "too long"),
            ("nearly | replace('x', 'xxxx')", "too long"),
            ("nearly | replace('x', nearly)", "too long"),
            ("many | join(', ')", "too long"),
            ("list | join(long)", "too long"),
            ("name | replace('', 'x')", "is empty"),
            ("n | round(10)", "at most 9"),
            ("name | round", "invalid operation"),
            ("whole | length", "has no length"),
            ("name | truncate(-1)", "invalid operation"),
        ] {
            let error = evaluate(expression).expect_err(expression);
            assert!(error.contains(expected), "{expression}: {error}");
        }
    }

    #[test]
    fn every_name_is_a_filter() {
        for name in NAMES {
            let error = evaluate(&format!("1 | {name}")).err().unwrap_or_default();
            assert!(!error.contains("unknown"), "{name}: {error}");
        }
    }
}
