//! Transformations: a customer's JSON, with templates in its texts.

use std::fmt;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use template::{Bounded, Path};

use crate::filters::{LONGEST, NAMES, environment};
use crate::problem::{Problem, join, suggest};

/// The largest transformation, in bytes of JSON.
const LARGEST: usize = 16 * 1024;
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
