//! The template language, reduced to what wording needs.

use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Template, UndefinedBehavior, Value};
use template::{LARGEST, LONGEST};

use super::part::Part;
use super::variables::Values;

/// Renders the source of a part.
pub(super) fn fill(part: Part, source: &str, values: &Values) -> Result<String, Error> {
    let environment = environment();
    render(&parse(&environment, part, source)?, values)
}

/// Builds the environment of wording. A missing value can be tested, and not printed.
pub(super) fn environment<'source>() -> Environment<'source> {
    let mut environment = template::environment();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(
        |name| {
            if name == Part::Html.name() { AutoEscape::Html } else { AutoEscape::None }
        },
    );
    environment.set_formatter(format);
    environment
}

/// Parses wording, when it is saved and each time that it is rendered. It has no filters, and the bounds of customers'
/// transformations.
pub(super) fn parse<'env, 'source>(
    environment: &'env Environment<'source>,
    part: Part,
    source: &'source str,
) -> Result<Template<'env, 'source>, Error> {
    if source.len() > LARGEST {
        return Err(Error::new(ErrorKind::SyntaxError, format!("it is longer than {LARGEST} bytes")));
    }
    template::parse(environment, part.name(), source, &[])
}

/// Renders parsed wording.
pub(super) fn render(template: &Template<'_, '_>, values: &Values) -> Result<String, Error> {
    let values = Value::from_pairs(values.iter().map(|(name, value)| (*name, value.clone())));
    template::render(template, values, LONGEST)
}

/// Writes a value as minijinja does, but leaves `/` in HTML as it is: click trackers look for URLs.
fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_undefined() || state.auto_escape() != &AutoEscape::Html || value.is_safe() {
        return minijinja::escape_formatter(out, state, value);
    }
    let text = if value.kind() == ValueKind::String { value.as_str().unwrap_or_default() } else { &value.to_string() };
    for c in text.chars() {
        let written = match c {
            '&' => out.write_str("&amp;"),
            '<' => out.write_str("&lt;"),
            '>' => out.write_str("&gt;"),
            '"' => out.write_str("&quot;"),
            '\'' => out.write_str("&#39;"),
            _ => out.write_char(c),
        };
        written.map_err(|_| Error::from(ErrorKind::WriteFailure))?;
    }
    Ok(())
}

/// Removes the blank space that tags leave behind.
pub(super) fn tidy(part: Part, text: &str) -> String {
    match part {
        Part::Subject => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Part::Html => text.trim().to_owned(),
        Part::Sms | Part::Text => {
            let mut lines: Vec<_> = text.trim().lines().map(str::trim_end).collect();
            lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
            lines.join("\n")
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    fn fill_sample(part: Part, source: &str) -> Result<String, String> {
        let values = Values::from([("name", "O'Brien & <Co>/x".into()), ("by_invitee", true.into())]);
        fill(part, source, &values).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_escaped_in_html_and_nowhere_else() {
        assert_eq!(fill_sample(Part::Html, "{{ name }}"), Ok("O&#39;Brien &amp; &lt;Co&gt;/x".to_owned()));
        for part in [Part::Sms, Part::Subject, Part::Text] {
            assert_eq!(fill_sample(part, "{{ name }}"), Ok("O'Brien & <Co>/x".to_owned()));
        }
    }

    #[test]
    fn a_missing_value_can_be_tested_and_not_printed() {
        for source in [
            "a{% if link %}{{ link }}{% endif %}",
            "{% if not link and not place %}a{% endif %}",
            "{% if link is defined %}b{% elif by_invitee %}a{% endif %}",
            "a{{ link if link }}",
        ] {
            assert_eq!(fill_sample(Part::Sms, source), Ok("a".to_owned()), "{source}");
        }
        for source in ["{{ link }}", "{{ link.x }}", "{{ 'a' ~ link }}"] {
            assert!(fill_sample(Part::Sms, source).is_err(), "{source}");
        }
    }

    #[test]
    fn only_variables_and_if_are_allowed() {
        for source in [
            "{% for c in name %}{{ c }}{% endfor %}",
            "{%- set x = name %}",
            "{% autoescape false %}{{ name }}{% endautoescape %}",
            "{% include 'x' %}",
            "{{ name | safe }}",
            "{{ name | upper }}",
            "{{ range(9) }}",
        ] {
            assert!(fill_sample(Part::Html, source).is_err(), "{source}");
        }
    }

    #[test]
    fn a_text_cannot_grow() {
        for source in [
            "{{ 'a' * 100000000 }}",
            "{{ 100000000 * 'a' }}",
            "{{ ((name * 1000) * 1000) * 1000 }}",
            "{% if 'a' * 100000000 %}a{% endif %}",
            "{{ 'a' if ['a'] * 100000000 }}",
            "{{ name ~ name ~ name }}",
            "{{ name + name }}",
            "{{ 2 ** 100 }}",
            "{{ name | replace('', name) }}",
            "{{ [name, name] }}",
        ] {
            for part in Part::ALL {
                let error = fill_sample(part, source).expect_err(source);
                assert!(error.starts_with("syntax error: "), "refused before it is rendered: {error}");
            }
        }
        assert_eq!(fill_sample(Part::Sms, "{{ 'a * b ~ c' }}"), Ok("a * b ~ c".to_owned()));
        let long = "{{ name }}".repeat(1_600);
        let values = Values::from([("name", "a".repeat(100_000).into())]);
        let error = fill(Part::Sms, &long, &values).expect_err("too long").to_string();
        assert!(error.contains("the text is longer than 65536 bytes"), "{error}");
        let largest = "a".repeat(LARGEST);
        assert_eq!(fill_sample(Part::Html, &largest), Ok(largest.clone()));
        let error = fill_sample(Part::Html, &format!("{largest}a")).expect_err("too large");
        assert!(error.contains("it is longer than 16384 bytes"), "{error}");
    }

    #[test]
    fn fuel_is_limited() {
        let endless = format!("{{{{n{}}}}}", "-1".repeat(70)).repeat(100);
        let error = fill(Part::Sms, &endless, &Values::from([("n", 7.into())])).expect_err("too many steps");
        assert_eq!(error.to_string(), "engine ran out of fuel (in sms:1)");
    }

    #[test]
    fn blank_space_around_tags_is_removed() {
        assert_eq!(tidy(Part::Sms, "\n a \n\n \n\nb\n"), "a\n\nb");
        assert_eq!(tidy(Part::Subject, " a\n b "), "a b");
    }
}
