//! Conditions on the data of an event, such as `metrics.satisfactionScore < 0.8`.

mod parse;
mod tree;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::tree::{Node, Segment};
use crate::problem::{Problem, suggest};

/// A condition on the data of an event. An endpoint gets only the events that meet it.
///
/// ```text
/// metrics.satisfactionScore < 0.8
/// resolved = true and not (platform in ['web', "app"] or summary contains 'refund')
/// cancellation exists and hosts[0].name != 'Ana'
/// ```
///
/// Paths begin inside `data`. A key that is no word is written `['so']`. `=` and `==` are the same.
///
/// A comparison with a value that the event lacks is false, `!=` too: an event passes for what it says, not for what it
/// leaves out. Where a missing value shall pass, write `not status = 'x'`. A value of another type is not equal, and
/// neither less nor greater. `exists` is true when the value is there and is not null.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition(Node);

impl Condition {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        parse::parse(text).map(Self)
    }

    /// Returns whether the data of an event meets the condition.
    pub fn matches(&self, data: &Value) -> bool {
        self.0.matches(data)
    }

    /// Checks that each path begins with a key that the data of one of the samples has. A sample is a whole event.
    pub fn check(&self, samples: &[(&str, Value)]) -> Result<(), Vec<Problem>> {
        let data = samples.iter().filter_map(|(_, event)| event.get("data")?.as_object());
        let known: Vec<&str> = data.flat_map(|it| it.keys().map(String::as_str)).collect();
        let mut firsts = Vec::new();
        self.0.visit_paths(&mut |path| {
            if let Some(Segment::Key(key)) = path.0.first().filter(|_| !known.is_empty())
                && !known.contains(&key.as_str())
                && !firsts.contains(key)
            {
                firsts.push(key.clone());
            }
        });
        let problems: Vec<_> = firsts
            .iter()
            .map(|key| match key.as_str() {
                "data" => Problem::new("", "paths begin inside `data`: leave `data.` out"),
                _ => Problem::new("", format!("no event has `{key}` in its data{}", suggest(key, known.clone()))),
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

impl TryFrom<String> for Condition {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        Self::parse(&text)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.to_string()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::tree::{Operator, Path};
    use super::*;
    use crate::samples::{any_json, literals};

    fn holds(text: &str, data: &Value) -> bool {
        Condition::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}")).matches(data)
    }

    #[test]
    fn the_documented_examples_work() {
        for (text, data, expected) in [
            ("metrics.satisfactionScore < 0.8", json!({"metrics": {"satisfactionScore": 0.79}}), true),
            ("metrics.satisfactionScore < 0.8", json!({"metrics": {"satisfactionScore": 0.8}}), false),
            ("metrics.satisfactionScore < 0.8", json!({"metrics": {}}), false),
            ("resolved = true", json!({"resolved": true}), true),
            ("resolved = true", json!({"resolved": false}), false),
            ("resolved = true", json!({"resolved": "true"}), false),
            ("resolved = true", json!({}), false),
        ] {
            assert_eq!(holds(text, &data), expected, "{text} {data}");
        }
    }

    #[test]
    fn every_operator_compares_values_of_its_type() {
        let data = json!({
            "n": 3, "f": 3.0, "big": u64::MAX, "t": "b", "yes": true, "none": null, "list": [1, "x", null],
            "o": {"and": 1, "a b": {"it's": [{"k": "v"}]}}, "when": "2026-09-01T10:00:00Z",
        });
        for truth in [
            "n = 3",
            "n == 3.0",
            "f = 3",
            "n <= 3 and n >= 3",
            "n != 4",
            "n > 2.5",
            "n < 1e1",
            "n > -1",
            "big > 18446744073709551614",
            "t < 'c' and t > \"a\"",
            "t != 3",
            "when >= '2026-09-01' and when < '2026-09-02'",
            "yes = true",
            "none = null",
            "none != 1",
            "t in ['a', 'b']",
            "n in [1, 3.0]",
            "t contains 'b'",
            "t contains ''",
            "list contains 1.0",
            "list contains null",
            "o contains 'and'",
            "o.and = 1",
            "o['a b']['it\\'s'][0].k = 'v'",
            "['n'] = 3",
            "list[1] = 'x'",
            "o exists",
            "not none exists",
            "not missing exists",
            "not missing = 1",
            "not not n = 3",
            "n = 1 or n = 2 or n = 3",
            "n = 3 or n = 1 and n = 2",
            "not (n = 1 or n = 2) and (n = 3)",
        ] {
            assert!(holds(truth, &data), "{truth}");
        }
        for falsehood in [
            "missing = 1",
            "missing != 1",
            "missing = null",
            "missing in [null]",
            "missing contains 'x'",
            "n < '4'",
            "t < 4",
            "yes > false",
            "list = 1",
            "list[3] = 1",
            "n[0] = 3",
            "n.x = 3",
            "n contains 3",
            "t contains 1",
            "n in []",
            "(n = 3 or n = 1) and n = 2",
            "not n = 3",
        ] {
            assert!(!holds(falsehood, &data), "{falsehood}");
        }
    }

    #[test]
    fn errors_name_the_column_and_what_was_expected() {
        for (text, expected) in [
            ("", "column 1: expected a path, `not` or `(`, found the end"),
            (
                "resolved",
                "column 9: expected `=`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `contains` or `exists`, found the end",
            ),
            ("resolved = ", "column 12: expected a number, a text in quotes, `true`, `false` or `null`, found the end"),
            (
                "resolved = yes",
                "column 12: expected a number, a text in quotes, `true`, `false` or `null`, found `yes`",
            ),
            ("a = 1 b", "column 7: expected `and`, `or` or the end, found `b`"),
            ("a = 1 AND b = 1", "column 7: expected `and`, `or` or the end, found `AND`"),
            ("(a = 1", "column 7: expected `)`, found the end"),
            ("a.", "column 3: expected a key, found the end"),
            ("a[x]", "column 3: expected a position or a key in quotes, found `x`"),
            ("a[0", "column 4: expected `]`, found the end"),
            ("a[1.5] = 1", "column 3: expected a position or a key in quotes, found `1.5`"),
            ("a in (1)", "column 6: expected `[`, found `(`"),
            ("a in [1 2]", "column 9: expected `,` or `]`, found `2`"),
            ("a = 'x", "column 5: the text has no closing quote"),
            ("a = 'x\\n'", "column 7: expected a quote or `\\` after `\\`"),
            ("a = 01", "column 5: `01` is no number"),
            ("a = 1e999", "column 5: `1e999` is no number"),
            ("a & b", "column 3: `&` is not understood"),
            ("șa ! 1", "column 4: `!` is not understood"),
            ("a = 1 and", "column 10: expected a path, `not` or `(`, found the end"),
            ("true = a", "column 1: expected a path, `not` or `(`, found `true`"),
        ] {
            assert_eq!(Condition::parse(text).expect_err(text).to_string(), expected, "{text}");
        }
        let long = format!("a = '{}'", "x".repeat(500));
        assert_eq!(
            Condition::parse(&long).expect_err("long").to_string(),
            "has 506 characters; at most 500 are allowed"
        );
        for deep in [format!("{}a = 1{}", "(".repeat(17), ")".repeat(17)), format!("{}a = 1", "not ".repeat(17))] {
            assert!(Condition::parse(&deep).expect_err("deep").to_string().contains("nested more than 16 levels"));
        }
    }

    #[test]
    fn a_path_that_no_event_has_is_reported() {
        let samples = [("agent.metrics", json!({"data": {"agentId": "a", "metrics": {"open": 1}}}))];
        let problems = |text| -> Vec<String> {
            let checked = Condition::parse(text).expect(text).check(&samples);
            checked.err().unwrap_or_default().iter().map(ToString::to_string).collect()
        };
        assert_eq!(problems("metrics.anything < 1 and agentId exists"), Vec::<String>::new());
        assert_eq!(problems("data.metrics.x < 1"), ["paths begin inside `data`: leave `data.` out"]);
        assert_eq!(
            problems("metric.x < 1 or not (metric.y = 1)"),
            ["no event has `metric` in its data; did you mean `metrics`?"]
        );
        assert_eq!(Condition::parse("x = 1").expect("a condition").check(&[]), Ok(()));
    }

    #[test]
    fn a_condition_is_stored_as_its_text() {
        let condition: Condition = serde_json::from_value(json!("a=='it\\'s'  and (b<1)")).expect("a condition");
        assert_eq!(serde_json::to_value(&condition).expect("json"), json!("a = 'it\\'s' and b < 1"));
        assert!(serde_json::from_value::<Condition>(json!("a =")).is_err());
    }

    fn paths() -> impl Strategy<Value = Path> {
        let key =
            prop_oneof!["[a-c]", "(and|or|in|true|exists)", ".{0,4}", "[a-z][a-z0-9_-]{0,3}"].prop_map(Segment::Key);
        let segment = prop_oneof![3 => key.clone(), 1 => (0..3_usize).prop_map(Segment::Index)];
        (key, prop::collection::vec(segment, 0..3)).prop_map(|(first, rest)| Path([vec![first], rest].concat()))
    }

    fn nodes() -> impl Strategy<Value = Node> {
        let operators = prop::sample::select(vec![
            Operator::Equal,
            Operator::NotEqual,
            Operator::Less,
            Operator::LessOrEqual,
            Operator::Greater,
            Operator::GreaterOrEqual,
        ]);
        let leaf = prop_oneof![
            (paths(), operators, literals())
                .prop_map(|(path, operator, literal)| Node::Compare(path, operator, literal)),
            (paths(), prop::collection::vec(literals(), 0..3)).prop_map(|(path, literals)| Node::In(path, literals)),
            (paths(), literals()).prop_map(|(path, literal)| Node::Contains(path, literal)),
            paths().prop_map(Node::Exists),
        ];
        leaf.prop_recursive(4, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Node::All),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Node::Any),
                inner.prop_map(|it| Node::Not(Box::new(it))),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_printed_and_read_again(
            text in prop_oneof![
                any::<String>(),
                "[a-c.=<>!()\\[\\]'\", 0-9-]{0,40}",
                "(not |\\(|a|b\\.c| = | < |1|'x'| and | or | in \\[|\\]|, | exists|\\)| contains ){0,20}",
            ],
            data in any_json(),
        ) {
            if let Ok(condition) = Condition::parse(&text) {
                let printed = condition.to_string();
                if printed.chars().count() <= 500 {
                    let again = Condition::parse(&printed).expect("what was printed");
                    prop_assert_eq!(again.matches(&data), condition.matches(&data));
                    prop_assert_eq!(again, condition);
                }
            }
        }

        #[test]
        fn a_printed_condition_is_read_as_the_same(node in nodes(), data in any_json()) {
            let condition = Condition(node);
            let printed = condition.to_string();
            prop_assume!(printed.chars().count() <= 500);
            let again = Condition::parse(&printed);
            prop_assert_eq!(again.as_ref(), Ok(&condition), "{}", printed);
            prop_assert_eq!(again.expect("read").matches(&data), condition.matches(&data));
        }
    }
}
