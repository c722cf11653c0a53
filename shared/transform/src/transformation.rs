//! Transformations: a customer's JSON, with templates in its texts.

use std::fmt;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use template::{Bounded, LARGEST, Path};

use crate::filters::{LONGEST, NAMES, environment};
use crate::problem::{Problem, join, suggest};

/// The most levels of a transformation.
const DEEPEST: usize = 16;
/// The most leaves: texts, numbers, and everything else that has nothing inside.
const MOST_LEAVES: usize = 200;
/// The most levels of an output. Many readers of JSON stop at 128.
const DEEPEST_OUTPUT: usize = 64;

/// The example in errors.
const EXAMPLE: &str = r#"{"text": "Booked: {{ data.invitee.name }}", "minutes": "{{ data.duration // 60 }}"}"#;

/// A customer's transformation: a JSON value whose texts are templates.
///
/// A template sees the whole event: `event`, `type`, `id`, `timestamp`, `sequence` and `data`. A text that is a single
/// expression, such as `"{{ data.duration }}"`, becomes its value: a number stays a number, and an object an object.
/// Any other text is filled in. A value that is missing is null as a single expression, and empty within a text. An
/// object within a text is written as JSON. Keys are no templates.
///
/// What is valid once may fail for a later event, when its values are of other types. Then the attempt fails: the event
/// is never sent as it was.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Transformation {
    template: Value,
}

/// Why a body could not be made. Holds nothing of the event.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransformError {
    /// A template failed.
    #[error("the transformation fails at {at}: {why}")]
    Failed {
        /// The JSON pointer of the text.
        at: String,
        /// What kind of error it is.
        why: String,
    },
    /// The output is too long.
    #[error("the output of the transformation is longer than {LONGEST} bytes")]
    TooLong,
    /// The output is nested too deeply.
    #[error("the output of the transformation is nested more than {DEEPEST_OUTPUT} levels")]
    TooDeep,
    /// The event lacks what the form needs.
    #[error("the event has no `{0}`")]
    Lacks(&'static str),
    /// The body is no JSON.
    #[error("the body can't be written as JSON")]
    NoJson,
}

impl Transformation {
    /// Reads a transformation. Refuses texts that are no templates of ours.
    pub fn parse(template: &Value) -> Result<Self, Vec<Problem>> {
        if let Value::String(text) = template {
            return Err(vec![refuse_javascript(text)]);
        }
        let refuse = |why: String| Err(vec![Problem::new("", why)]);
        if !is_shallow(template, DEEPEST) {
            return refuse(format!("is nested more than {DEEPEST} levels"));
        }
        if write_json(template, LARGEST).is_err() {
            return refuse(format!("is longer than {LARGEST} bytes"));
        }
        let leaves = count_leaves(template);
        if leaves > MOST_LEAVES {
            return refuse(format!("has {leaves} leaves; at most {MOST_LEAVES} are allowed"));
        }
        let environment = environment();
        let mut problems = Vec::new();
        visit_texts(template, &mut String::new(), &mut |at, text| {
            let compiled = template::parse(&environment, "", text, &NAMES);
            problems.extend(compiled.err().map(|error| Problem::new(at, describe_error(&error))));
        });
        if problems.is_empty() { Ok(Self { template: template.clone() }) } else { Err(problems) }
    }

    /// Returns the transformation as it was written.
    pub fn template(&self) -> &Value {
        &self.template
    }

    /// Transforms an event.
    pub fn apply(&self, event: &Value) -> Result<Value, TransformError> {
        let environment = environment();
        let values = minijinja::Value::from(Serde(event));
        let mut filling = Filling { environment: &environment, values, left: LONGEST };
        let output = filling.fill(&self.template, &mut String::new())?;
        if !is_shallow(&output, DEEPEST_OUTPUT) {
            return Err(TransformError::TooDeep);
        }
        write_json(&output, LONGEST)?;
        Ok(output)
    }

    /// Applies the transformation to samples, each with its type. Reports each text that fails, and each path that is
    /// in no sample. A value that is optional or that senders make up is written with `default`, or tested with
    /// `is defined`: then it need not be in a sample.
    pub fn check(&self, samples: &[(&str, Value)]) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !samples.is_empty() {
            let environment = environment();
            visit_texts(&self.template, &mut String::new(), &mut |at, text| {
                let content = template::read(&environment, "", text, &NAMES);
                let paths = content.map(|it| it.paths).unwrap_or_default();
                problems.extend(check_paths(&paths, samples).into_iter().map(|it| Problem::new(at, it)));
            });
        }
        for (event_type, sample) in samples {
            match self.apply(sample) {
                Ok(_) => {}
                Err(TransformError::Failed { at, why }) => {
                    problems.push(Problem::new(at, format!("fails for the sample of {event_type}: {why}")));
                }
                Err(error) => problems.push(Problem::new("", format!("fails for the sample of {event_type}: {error}"))),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// Describes why a text is no transformation, with an example of one. Customers of other senders send JavaScript.
pub fn refuse_javascript(text: &str) -> Problem {
    let looks_like_code = text.contains("=>") || text.contains("function") || text.contains("return");
    let what = if looks_like_code { "is JavaScript, which is not run" } else { "is a text" };
    Problem::new("", format!("{what}; a transformation is a JSON object whose texts may have templates: {EXAMPLE}"))
}

impl TryFrom<Value> for Transformation {
    type Error = String;

    fn try_from(template: Value) -> Result<Self, String> {
        Self::parse(&template).map_err(|problems| join(&problems))
    }
}

impl From<Transformation> for Value {
    fn from(transformation: Transformation) -> Self {
        transformation.template
    }
}

/// Its texts may hold a customer's token, and are not printed.
impl fmt::Debug for Transformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transformation").field("leaves", &count_leaves(&self.template)).finish_non_exhaustive()
    }
}

struct Filling<'a> {
    environment: &'a Environment<'a>,
    values: minijinja::Value,
    /// How many bytes the rest of the output may have.
    left: usize,
}

impl<'a> Filling<'a> {
    fn fill(&mut self, template: &'a Value, at: &mut String) -> Result<Value, TransformError> {
        match template {
            Value::String(text) if is_template(text) => self.fill_text(text, at),
            Value::Array(items) => {
                let filled = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| within(at, &index.to_string(), |at| self.fill(item, at)));
                filled.collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(object) => {
                let filled =
                    object.iter().map(|(key, value)| Ok((key.clone(), within(at, key, |at| self.fill(value, at))?)));
                filled.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            other => Ok(other.clone()),
        }
    }

    fn fill_text(&mut self, text: &'a str, at: &str) -> Result<Value, TransformError> {
        let fail = |error: minijinja::Error| match error.kind() {
            ErrorKind::WriteFailure => TransformError::TooLong,
            // The details of an error may have values of the event in them.
            kind => TransformError::Failed { at: at.to_owned(), why: kind.to_string() },
        };
        let content = template::read(self.environment, "", text, &NAMES).map_err(fail)?;
        let Some(expression) = content.expression else {
            let template = self.environment.template_from_named_str("", text).map_err(fail)?;
            let filled = template::render(&template, self.values.clone(), self.left).map_err(fail)?;
            self.left -= filled.len();
            return Ok(Value::String(filled));
        };
        let expression = self.environment.compile_expression(expression).map_err(fail)?;
        let value = expression.eval(self.values.clone()).map_err(fail)?;
        // It is written before it is copied: an event may be large, and have 200 leaves made of it.
        self.left -= write_json(&value, self.left)?;
        serde_json::to_value(value).map_err(|_| TransformError::NoJson)
    }
}

/// Writes a value as JSON, and returns the length. Fails as soon as it is longer than `longest` bytes.
fn write_json(value: &impl Serialize, longest: usize) -> Result<usize, TransformError> {
    let mut writer = Bounded::new(longest);
    let written = serde_json::to_writer(&mut writer, value);
    match written {
        Ok(()) => Ok(writer.into_text().len()),
        Err(_) if writer.is_full() => Err(TransformError::TooLong),
        Err(_) => Err(TransformError::NoJson),
    }
}

fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|it| text.contains(it))
}

/// Returns whether a value has at most `levels` levels of lists and objects.
fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|it| is_shallow(it, levels - 1)),
        Value::Object(object) => levels > 0 && object.values().all(|it| is_shallow(it, levels - 1)),
        _ => true,
    }
}

fn count_leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) if !items.is_empty() => items.iter().map(count_leaves).sum(),
        Value::Object(object) if !object.is_empty() => object.values().map(count_leaves).sum(),
        _ => 1,
    }
}

/// Calls `visit` with the JSON pointer and the text of each template.
fn visit_texts<'a>(value: &'a Value, at: &mut String, visit: &mut impl FnMut(&str, &'a str)) {
    match value {
        Value::String(text) if is_template(text) => visit(at, text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                within(at, &index.to_string(), |at| visit_texts(item, at, visit));
            }
        }
        Value::Object(object) => {
            for (key, value) in object {
                within(at, key, |at| visit_texts(value, at, visit));
            }
        }
        _ => {}
    }
}

/// Calls `visit` with the JSON pointer of something inside (RFC 6901).
fn within<T>(at: &mut String, segment: &str, visit: impl FnOnce(&mut String) -> T) -> T {
    let length = at.len();
    at.push('/');
    at.push_str(&segment.replace('~', "~0").replace('/', "~1"));
    let result = visit(at);
    at.truncate(length);
    result
}

fn describe_error(error: &minijinja::Error) -> String {
    let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    format!("can't be read: {why}")
}

/// Returns what is wrong with the paths that are in no sample.
fn check_paths(paths: &[Path], samples: &[(&str, Value)]) -> Vec<String> {
    let may_be_missing = |path: &Path| paths.iter().any(|it| it.may_be_missing && it.segments == path.segments);
    let unknown = paths.iter().filter(|it| !may_be_missing(it)).filter_map(|path| {
        let known = samples.iter().map(|(_, sample)| known_segments(sample, &path.segments)).max().unwrap_or(0);
        let missing = path.segments.get(known)?;
        let before = &path.segments[..known];
        let keys = samples.iter().filter_map(|(_, sample)| find(sample, before)?.as_object());
        let suggestion = suggest(missing, keys.flat_map(|it| it.keys().map(String::as_str)));
        let hint = match suggestion.as_str() {
            "" => "; if it may be missing, write it with `| default('')`",
            _ => &suggestion,
        };
        Some(format!("`{}` is in no sample of the types{hint}", path.segments.join(".")))
    });
    let mut unknown: Vec<_> = unknown.collect();
    unknown.dedup();
    unknown
}

/// Returns how many segments of a path lead to something.
fn known_segments(sample: &Value, segments: &[String]) -> usize {
    (0..=segments.len()).rev().find(|it| find(sample, &segments[..*it]).is_some()).unwrap_or(0)
}

fn find<'a>(value: &'a Value, segments: &[String]) -> Option<&'a Value> {
    segments.iter().try_fold(value, |value, segment| match value {
        Value::Object(object) => object.get(segment),
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::samples::{any_event, event, events};

    fn apply(template: Value, event: &Value) -> Result<Value, TransformError> {
        Transformation::parse(&template).unwrap_or_else(|it| panic!("{template}: {}", join(&it))).apply(event)
    }

    fn problems(template: &Value) -> Vec<String> {
        Transformation::parse(template).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn texts_are_filled_in_and_single_expressions_keep_their_type() {
        let ended = event("conversation.ended");
        for (template, expected) in [
            (json!({"minutes": "{{ data.duration / 60 }}"}), json!({"minutes": 1.5})),
            (json!("{{ data.duration }}"), json!(null)),
            (json!(["{{ data.duration }}", "{{- data.resolved -}}"]), json!([90, true])),
            (json!(["{{ data.duration }} s", " {{ data.duration }}"]), json!(["90 s", " 90"])),
            (
                json!({"all": "{{ sequence }}"}),
                json!({"all": {"stream": "booking/bkg_1", "number": 3, "previous": "sha256:ab"}}),
            ),
            (
                json!(["{{ sequence }}."]),
                json!(["{\"number\":3,\"previous\":\"sha256:ab\",\"stream\":\"booking/bkg_1\"}."]),
            ),
            (json!(["{{ data.nothing.at.all }}", "a{{ data.nothing.at.all }}b"]), json!([null, "ab"])),
            (json!(["{{ 'long' if data.duration > 60 else 'short' }}"]), json!(["long"])),
            (json!(["{% if data.resolved %}done\n{% endif %}\n"]), json!(["done\n\n"])),
            (json!(["{{ data.summary | upper }}{# a comment #}"]), json!(["REFUND"])),
            (json!(["{{ timestamp[:10] }}"]), json!(["2026-08-30"])),
            (
                json!({"{{ key }}": "plain * ~", "n": 1, "x": null}),
                json!({"{{ key }}": "plain * ~", "n": 1, "x": null}),
            ),
            (json!(["{{ '*' }}{{ '~' }}"]), json!(["*~"])),
        ] {
            if template.is_string() {
                assert!(!problems(&template).is_empty(), "a text alone is refused");
                continue;
            }
            assert_eq!(apply(template.clone(), &ended), Ok(expected), "{template}");
        }
        let answer = json!(["{{ data.answers[0].answer }}", "{{ data.booking.hosts[0]['name'] }}"]);
        let quotes = json!(["<https://evil.example|here> @channel", "Mihai"]);
        assert_eq!(apply(answer, &event("booking.created")), Ok(quotes));
    }

    #[test]
    fn values_cannot_break_out_of_their_text() {
        let event = json!({"data": {"name": "\", \"admin\": true, \"x\": \"{{ data.secret }}", "secret": "s"}});
        let output = apply(json!({"name": "Hi {{ data.name }}", "raw": "{{ data.name }}"}), &event).expect("output");
        let name = event["data"]["name"].as_str().expect("a name");
        assert_eq!(output, json!({"name": format!("Hi {name}"), "raw": name}));
    }

    #[test]
    fn what_is_no_transformation_is_refused_with_its_place() {
        for (template, expected) in [
            (
                json!({"a/b": [1, "{{ 'a' * 100000000 }}"]}),
                "/a~1b/1: can't be read: `*` is not understood; to join texts",
            ),
            (
                json!({"a": "x\n{{ data.x ~ 'y' }}"}),
                "/a: can't be read: `~` is not understood; to join texts, write `{{ a }}{{ b }}` (line 2)",
            ),
            (json!({"a": "{% for x in data %}{% endfor %}"}), "/a: can't be read: `{% for %}` is not understood"),
            (json!({"a": "{{ data.x"}), "/a: can't be read: unexpected end of input"),
            (
                json!({"a": "{{ data.x | length() | safe }}"}),
                "/a: can't be read: the filter `safe` is unknown; there are: default, ",
            ),
            (json!({"a": "x".repeat(17_000)}), "is longer than 16384 bytes"),
            (json!(vec![0; 201]), "has 201 leaves; at most 200 are allowed"),
            ((0..17).fold(json!("x"), |inner, _| json!([inner])), "is nested more than 16 levels"),
            (
                json!("payload => ({ text: payload.data.summary })"),
                "is JavaScript, which is not run; a transformation is a JSON object",
            ),
            (json!("function(p) { return p }"), "is JavaScript, which is not run; a transformation is a JSON object"),
            (json!("{{ data.x }}"), "is a text; a transformation is a JSON object"),
        ] {
            let found = problems(&template);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
        }
        assert_eq!(problems(&json!(["{{", "{{ a ~ b }}", "{{ a }}"])).len(), 2);
        let (_, example) = refuse_javascript("x")
            .problem
            .split_once("templates: ")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("an example");
        assert_eq!(problems(&serde_json::from_str(&example).expect("JSON")), Vec::<String>::new());
    }

    #[test]
    fn the_output_is_limited() {
        let large =
            json!({"data": {"text": "ă\"".repeat(15_000), "deep": (0..60).fold(json!(1), |inner, _| json!([inner]))}});
        for (template, expected) in [
            (json!(["{{ data.text }}"]), Ok(())),
            (json!(["{{ data.text }}", "{{ data.text }}"]), Err(TransformError::TooLong)),
            (json!(["{{ data.text }}{{ data.text }}"]), Err(TransformError::TooLong)),
            (json!(vec!["{{ data }}"; 200]), Err(TransformError::TooLong)),
            (json!(["{{ data.text | json }}{{ data.text | json }}"]), Err(TransformError::TooLong)),
            (json!(["{{ data.deep }}"]), Ok(())),
            (json!([[[["{{ data.deep }}"]]]]), Ok(())),
            (json!([[[[["{{ data.deep }}"]]]]]), Err(TransformError::TooDeep)),
        ] {
            assert_eq!(apply(template.clone(), &large).map(|_| ()), expected, "{template}");
        }
    }

    #[test]
    fn an_error_quotes_no_value() {
        let event = json!({"data": {"name": "Ana Pop", "n": 0}});
        for template in [
            "{{ 5 // data.n }}",
            "{{ data.name - 1 }}",
            "x{{ data.name | round }}",
            "{{ data.name[:1] | replace('', 'x') }}",
        ] {
            let error = apply(json!({"a": template}), &event).expect_err(template);
            assert_eq!(error.to_string(), "the transformation fails at /a: invalid operation");
        }
    }

    #[test]
    fn samples_show_failures_and_unknown_paths() {
        let samples: Vec<_> =
            events().into_iter().filter(|it| ["conversation.ended", "booking.created"].contains(&it.0)).collect();
        let problems = |template: Value| -> Vec<String> {
            let checked = Transformation::parse(&template).expect("a transformation").check(&samples);
            checked.err().unwrap_or_default().iter().map(ToString::to_string).collect()
        };
        for fine in [
            "{{ data.duration }} {{ data.invitee.name }} {{ data.booking.hosts[0].email }}",
            "{{ type }} {{ sequence.number }}",
            "{{ data.metadata.own | default('') }}",
            "{% if data.own is defined %}{{ data.own }}{% endif %}",
            "no template",
        ] {
            assert_eq!(problems(json!([fine])), Vec::<String>::new(), "{fine}");
        }
        assert_eq!(
            problems(json!({"a": "{{ data.durration }}", "b": ["{{ name }}{{ data.invitee.mail }}"]})),
            [
                "/a: `data.durration` is in no sample of the types; did you mean `duration`?",
                "/b/0: `name` is in no sample of the types; if it may be missing, write it with `| default('')`",
                "/b/0: `data.invitee.mail` is in no sample of the types; did you mean `email`?",
            ]
        );
        assert_eq!(
            problems(json!({"a": "{{ data.duration - 1 }}"})),
            ["/a: fails for the sample of booking.created: invalid operation"]
        );
        assert_eq!(problems(json!(vec!["{{ data.summary }}".repeat(10); 50])), Vec::<String>::new());
        let long = json!(vec!["{{ data.answers }}".repeat(20); 42]);
        assert_eq!(
            problems(long),
            ["fails for the sample of booking.created: the output of the transformation is longer than 65536 bytes"]
        );
        let unchecked = Transformation::parse(&json!(["{{ anything }}"])).expect("a transformation");
        assert_eq!(unchecked.check(&[]), Ok(()));
    }

    #[test]
    fn a_transformation_is_stored_as_it_was_written() {
        let template = json!({"token": "secret", "x": "{{ data.x }}"});
        let transformation: Transformation = serde_json::from_value(template.clone()).expect("a transformation");
        assert_eq!(serde_json::to_value(&transformation).expect("JSON"), template);
        assert_eq!(format!("{transformation:?}"), "Transformation { leaves: 2, .. }");
        let error = serde_json::from_value::<Transformation>(json!(["{{"])).expect_err("refused").to_string();
        assert!(error.starts_with("/0: can't be read"), "{error}");
    }

    fn templates() -> impl Strategy<Value = Value> {
        let piece = prop::sample::select(vec![
            "{{ ",
            " }}",
            "{% if ",
            " %}",
            "{% else %}",
            "{% endif %}",
            "data",
            "type",
            ".a",
            ".b",
            "['c']",
            "[0]",
            "[:2]",
            "'x'",
            "7",
            " - ",
            " / ",
            " // ",
            " % ",
            " == ",
            " < ",
            " in ",
            " and ",
            " or ",
            " not ",
            " if ",
            " else ",
            " is defined",
            "|upper",
            "|default('x')",
            "|json",
            "|join(', ')",
            "|round",
            "|length",
            "|truncate(3)",
            "|replace('a', data.a)",
            "ă\"\\",
            "\n",
            " * ",
            " ~ ",
        ]);
        let path = "\\{\\{ data(\\.[abc]|\\[[012]\\]){0,3} \\}\\}";
        let text = prop_oneof![
            3 => path,
            3 => (path, prop::collection::vec(piece.clone(), 0..4), path)
                .prop_map(|(a, b, c)| format!("{a}{}{c}", b.concat())),
            2 => prop::collection::vec(piece.clone(), 0..12).prop_map(|it| it.concat()),
            2 => prop::collection::vec(piece, 0..8).prop_map(|it| format!("{{{{ data{} }}}}", it.concat())),
            1 => any::<String>(),
        ];
        text.prop_map(Value::from).prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,3}", inner, 0..4)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn any_output_is_json_within_the_limit(template in templates(), event in any_event()) {
            let template = json!([template]);
            if let Ok(transformation) = Transformation::parse(&template) {
                let _ = transformation.check(&[("a.b", event.clone())]);
                if let Ok(output) = transformation.apply(&event) {
                    let text = serde_json::to_string(&output).expect("JSON");
                    prop_assert!(text.len() <= LONGEST);
                    prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
                }
            }
        }
    }
}
