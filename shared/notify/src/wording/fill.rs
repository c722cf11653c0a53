//! The template engine, reduced to what wording needs.

use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Template, UndefinedBehavior, Value, tests};

use super::part::Part;
use super::variables::Values;

/// The most steps of one rendering. Wording has no loops and needs far fewer.
const FUEL: u64 = 10_000;

/// Renders the source of a part.
pub(super) fn fill(part: Part, source: &str, values: &Values) -> Result<String, Error> {
    let environment = environment();
    render(&parse(&environment, part, source)?, values)
}

/// Builds the environment of wording: two tests, no filters, no functions.
pub(super) fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(
        |name| {
            if name == Part::Html.name() { AutoEscape::Html } else { AutoEscape::None }
        },
    );
    environment.set_formatter(format);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment
}

/// Parses wording.
pub(super) fn parse<'env, 'source>(
    environment: &'env Environment<'source>,
    part: Part,
    source: &'source str,
) -> Result<Template<'env, 'source>, Error> {
    if let Some(tag) = find_forbidden_tag(source) {
        return Err(Error::new(
            ErrorKind::SyntaxError,
            format!("`{{% {tag} %}}` is not understood; there is only `if`"),
        ));
    }
    environment.template_from_named_str(part.name(), source)
}

/// Renders parsed wording.
pub(super) fn render(template: &Template<'_, '_>, values: &Values) -> Result<String, Error> {
    template.render(Value::from_pairs(values.iter().map(|(name, value)| (*name, value.clone()))))
}

/// Returns the first tag that does not belong to an `if`. A loop or an own variable can grow without end, and a block
/// could switch escaping off.
fn find_forbidden_tag(source: &str) -> Option<&str> {
    source.split("{%").skip(1).find_map(|rest| {
        let rest = rest.trim_start_matches(['-', '+']).trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let tag = &rest[..end];
        (!["", "if", "elif", "else", "endif"].contains(&tag)).then_some(tag)
    })
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
            "{% raw %}{{ name }}{% endraw %}",
            "{{ name | safe }}",
            "{{ name | upper }}",
            "{{ range(9) }}",
            "{{ 'a' * 1000000000000 }}",
        ] {
            assert!(fill_sample(Part::Html, source).is_err(), "{source}");
        }
    }

    #[test]
    fn fuel_is_limited() {
        let endless = "{% if name %}{% endif %}".repeat(10_000);
        assert_eq!(fill_sample(Part::Sms, &endless), Err("engine ran out of fuel (in sms:1)".to_owned()));
    }

    #[test]
    fn blank_space_around_tags_is_removed() {
        assert_eq!(tidy(Part::Sms, "\n a \n\n \n\nb\n"), "a\n\nb");
        assert_eq!(tidy(Part::Subject, " a\n b "), "a b");
    }
}
