//! The template language that customers may use: minijinja, reduced to what cannot grow.
//!
//! minijinja's fuel counts instructions, but a single one can make a text of any length: `'a' * 100000000`. Constants
//! are even multiplied while the template is compiled. So [`read`] and [`parse`] check the syntax tree before it is
//! compiled, and [`render`] limits the output while it is written.
//!
//! There are variables, `if`, comparisons, `and`, `or`, `not`, `in`, the operators `-`, `/`, `//` and `%`, slices with
//! constant bounds, the tests `defined` and `undefined`, and the filters that the caller allows.

mod bounded;
mod check;

pub use bounded::Bounded;
pub use check::{Content, Path, read};
use minijinja::{Environment, Error, ErrorKind, Template, Value, tests};

/// The largest source that a customer writes, in bytes: of a transformation in all, or of a part of a message.
pub const LARGEST: usize = 16 * 1024;

/// The longest text that is made of it, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// The most steps of one rendering. There are no loops, so that a template needs far fewer.
const FUEL: u64 = 10_000;

/// Builds an environment with limited fuel and two tests. It has no filters, functions, macros or includes.
pub fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment
}

/// Parses a template. Refuses everything that can grow, and every filter that is not one of `filters`.
pub fn parse<'env, 'source>(
    environment: &'env Environment<'source>,
    name: &'source str,
    source: &'source str,
    filters: &[&str],
) -> Result<Template<'env, 'source>, Error> {
    read(environment, name, source, filters)?;
    environment.template_from_named_str(name, source)
}

/// Renders a template. Fails as soon as the text would be longer than `longest` bytes.
pub fn render(template: &Template<'_, '_>, values: Value, longest: usize) -> Result<String, Error> {
    let mut writer = Bounded::new(longest);
    let rendered = template.render_captured_to(values, &mut writer).map(|_| ());
    if writer.is_full() {
        return Err(Error::new(ErrorKind::WriteFailure, format!("the text is longer than {longest} bytes")));
    }
    rendered.map(|()| writer.into_text())
}

#[cfg(test)]
mod unit {
    use proptest::prelude::*;

    use super::*;

    const FILTERS: [&str; 2] = ["default", "upper"];

    fn refusal(source: &str) -> Option<String> {
        parse(&environment(), "t", source, &FILTERS).err().map(|error| error.to_string())
    }

    fn values() -> Value {
        Value::from_pairs([("a", Value::from("x".repeat(1000))), ("n", Value::from(7)), ("b", Value::from(true))])
    }

    fn rendered(source: &str, longest: usize) -> Result<String, String> {
        let environment = environment();
        let template = parse(&environment, "t", source, &[]).map_err(|error| error.to_string())?;
        render(&template, values(), longest).map_err(|error| error.to_string())
    }

    #[test]
    fn what_can_grow_is_refused() {
        for (source, why) in [
            ("{{ 'a' * 100000000 }}", "`*` is not understood"),
            ("{{ 1 if b else ('a' * (10 * 10)) }}", "`*` is not understood"),
            ("{{ [1] * 100000000 }}", "`*` is not understood"),
            ("{{ ['a' * 100000000] }}", "a list consists of constants"),
            ("{{ a['a' * 100000000] }}", "`*` is not understood"),
            ("{{ a | default('a' * 100000000) }}", "`*` is not understood"),
            ("{{ a is defined('a' * 100000000) }}", "`*` is not understood"),
            ("{{ not 'a' * 100000000 }}", "`*` is not understood"),
            ("{{ b == 'a' * 100000000 }}", "`*` is not understood"),
            ("{{ b in 'a' * 100000000 }}", "`*` is not understood"),
            ("{% if b %}{% elif 'a' * 100000000 %}{% endif %}", "`*` is not understood"),
            ("{% if b %}{% else %}{{ 'a' * 9 }}{% endif %}", "`*` is not understood"),
            ("{{ 2 ** 100 }}", "`**` is not understood"),
            ("{{ a ~ a ~ a }}", "`~` is not understood"),
            ("{{ a + a + a }}", "`+` is not understood"),
            ("{{ [a, a] }}", "a list consists of constants"),
            ("{{ (a, a) }}", "a tuple literal is not understood"),
            ("{{ {'a': a} }}", "a map literal is not understood"),
            ("{{ range(100) }}", "a call is not understood"),
            ("{{ a.repeat(100) }}", "a call is not understood"),
            ("{{ a[::2] }}", "the bounds of a slice are whole numbers"),
            ("{{ a[n:] }}", "the bounds of a slice are whole numbers"),
            ("{{ a | replace('', a) }}", "the filter `replace` is unknown; there are: default, upper"),
            ("{{ a | upper(x=1) }}", "arguments have no names"),
            ("{{ a is string }}", "the test `string` is unknown"),
            ("{% for x in a %}{% endfor %}", "`{% for %}` is not understood"),
            ("{%- set x = a %}", "`{% set %}` is not understood"),
            ("{%+ with x = a %}{% endwith %}", "`{% with %}` is not understood"),
            ("{% macro x() %}{% endmacro %}", "`{% macro %}` is not understood"),
            ("{% include 'x' %}", "`{% include %}` is not understood"),
            ("{% filter upper %}{% endfilter %}", "`{% filter %}` is not understood"),
            ("{% autoescape false %}{% endautoescape %}", "`{% autoescape %}` is not understood"),
            ("{% do a() %}", "`{% do %}` is not understood"),
        ] {
            let error = refusal(source).expect(source);
            assert!(error.contains(why), "{source}: {error}");
        }
        assert_eq!(
            refusal("a\n{{ a ~ a }}").as_deref(),
            Some("syntax error: `~` is not understood; to join texts, write `{{ a }}{{ b }}` (line 2)")
        );
    }

    #[test]
    fn signs_in_constants_and_in_text_are_no_operators() {
        for (source, expected) in [
            ("2 * 3 ~ 4 + 5 ** 6", "2 * 3 ~ 4 + 5 ** 6"),
            ("{{ '*' }}{{ \"~\" }}{{ '+ **' }}", "*~+ **"),
            ("{# 'a' * 100000000 #}", ""),
            ("{% raw %}{{ 'a' * 9 }}{% endraw %}", "{{ 'a' * 9 }}"),
            ("{{ '{% for %}' }}", "{% for %}"),
            ("{{ n - 1 }} {{ n // 2 }} {{ n % 4 }} {{ a[:3] }} {{ a[-2:] }} {{ -n }}", "6 3 3 xxx xx -7"),
            ("{% if n in [6, 7] and not (n < 3) %}yes{% elif b %}{% else %}no{% endif %}", "yes"),
            ("{{ 'yes' if c is defined else 'no' }}", "no"),
        ] {
            assert_eq!(rendered(source, 1000).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn the_output_is_limited_while_it_is_written() {
        assert_eq!(rendered("{{ a }}", 1000), Ok("x".repeat(1000)));
        for source in ["{{ a }}{{ b }}", "{{ a }}.", ".{{ a }}", "{% if b %}{{ a }}{% endif %}{{ n }}"] {
            let error = rendered(source, 1000).expect_err("too long");
            assert!(error.contains("the text is longer than 1000 bytes"), "{error}");
        }
    }

    #[test]
    fn long_chains_and_many_tags_are_refused_before_they_are_parsed() {
        for source in [
            format!("{{{{ a{} }}}}", ".b".repeat(100_000)),
            format!("{{{{ a{} }}}}", " - 1".repeat(100_000)),
            format!("{{{{ a{} }}}}", "|upper".repeat(100_000)),
            format!("{{{{ {} a }}}}", "not ".repeat(100_000)),
            format!("{{{{ {} 1 }}}}", "- ".repeat(100_000)),
            format!("{{{{ {}a{} }}}}", "(".repeat(100_000), ")".repeat(100_000)),
            format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(100_000)),
            "{% if a %}".repeat(100_000),
        ] {
            let error = refusal(&source).expect("a refusal");
            assert!(error.contains("has more than 150 words") || error.contains("more than 200 tags"), "{error}");
        }
    }

    #[test]
    fn the_longest_chains_and_the_most_tags_fit_on_the_stack() {
        for source in [
            format!("{{{{ a{} }}}}", ".b".repeat(70)),
            format!("{{{{ n{} }}}}", " - 1".repeat(70)),
            format!("{{{{ a{} }}}}", "|upper".repeat(70)),
            format!("{{{{ {} b }}}}", "not ".repeat(140)),
            format!("{{{{ {}n{} }}}}", "(".repeat(70), ")".repeat(70)),
            format!("{{% if c %}}{}{{% endif %}}", "{% elif c %}".repeat(198)),
            format!("{}{}", "{% if b %}".repeat(70), "{% endif %}".repeat(70)),
        ] {
            assert_eq!(refusal(&source), None, "{source}");
        }
    }

    #[test]
    fn the_paths_of_a_template_are_known() {
        let environment = environment();
        let paths = |source| -> Vec<(String, bool)> {
            let content = read(&environment, "t", source, &FILTERS).expect("a template");
            content.paths.into_iter().map(|it| (it.segments.join("."), it.may_be_missing)).collect()
        };
        let expected = [("a.b.0.c-d", false), ("e", true), ("f", true), ("g", false), ("h", false)];
        let expected: Vec<_> = expected.map(|(path, missing)| (path.to_owned(), missing)).into();
        assert_eq!(
            paths("{{ a.b[0]['c-d'] }}{% if e is defined %}{{ f | default('x') | upper }}{% endif %}{{ g[h] }}"),
            [&expected[..3], &[expected[4].clone(), expected[3].clone()]].concat()
        );
    }

    #[test]
    fn a_single_expression_is_recognized() {
        let environment = environment();
        for (source, expected) in [
            ("{{ a }}", Some(" a ")),
            ("{{- a.b | upper -}}", Some(" a.b | upper ")),
            ("{{ '}}' }}", Some(" '}}' ")),
            ("{{ a }} ", None),
            ("x{{ a }}", None),
            ("{{ a }}{{ b }}", None),
            ("{# c #}{{ a }}", None),
            ("{% if a %}{{ a }}{% endif %}", None),
            ("{{ a }}{% raw %}}}{% endraw %}", None),
        ] {
            let content = read(&environment, "t", source, &FILTERS).expect("a template");
            assert_eq!(content.expression, expected, "{source}");
            if let Some(expression) = expected {
                assert!(environment.compile_expression(expression).is_ok(), "{source}");
            }
        }
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{{ ",
            " }}",
            "{% if ",
            " %}",
            "{% else %}",
            "{% endif %}",
            "{# ",
            " #}",
            "a",
            "n",
            "b",
            "c",
            ".x",
            "'y'",
            "9",
            "-1",
            " * ",
            " ~ ",
            " + ",
            " ** ",
            " - ",
            " / ",
            " // ",
            " % ",
            "[",
            "]",
            ":",
            "(",
            ")",
            ",",
            " in ",
            " and ",
            " not ",
            " if ",
            " else ",
            " is defined",
            "|upper",
            "|default(",
            "170141183460469231731687303715884105728",
        ]);
        prop::collection::vec(piece, 0..40).prop_map(|it| it.concat())
    }

    proptest! {
        #[test]
        fn any_template_is_refused_or_rendered_within_the_limit(source in prop_oneof![pieces(), any::<String>()]) {
            if let Ok(text) = rendered(&source, 2000) {
                prop_assert!(text.len() <= 2000);
            }
        }

        #[test]
        fn any_expression_is_refused_or_rendered_within_the_limit(inner in pieces()) {
            if let Ok(text) = rendered(&format!("{{{{ {inner} }}}}"), 2000) {
                prop_assert!(text.len() <= 2000);
            }
        }
    }
}
