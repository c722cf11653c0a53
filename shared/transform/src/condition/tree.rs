//! A condition as a tree: what it means, and how it is written.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Number, Value};

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Compare(Path, Operator, Value),
    In(Path, Vec<Value>),
    Contains(Path, Value),
    Exists(Path),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Path(pub(super) Vec<Segment>);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// The words that cannot begin a path.
pub(super) const RESERVED: [&str; 9] = ["and", "or", "not", "in", "contains", "exists", "true", "false", "null"];

impl Node {
    pub(super) fn matches(&self, data: &Value) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|it| it.matches(data)),
            Self::Any(nodes) => nodes.iter().any(|it| it.matches(data)),
            Self::Not(node) => !node.matches(data),
            Self::Compare(path, operator, literal) => path.find(data).is_some_and(|it| operator.holds(it, literal)),
            Self::In(path, literals) => path.find(data).is_some_and(|it| literals.iter().any(|of| is_equal(it, of))),
            Self::Contains(path, literal) => path.find(data).is_some_and(|it| contains(it, literal)),
            Self::Exists(path) => path.find(data).is_some_and(|it| !it.is_null()),
        }
    }

    pub(super) fn visit_paths(&self, visit: &mut impl FnMut(&Path)) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|it| it.visit_paths(visit)),
            Self::Not(node) => node.visit_paths(visit),
            Self::Compare(path, ..) | Self::In(path, _) | Self::Contains(path, _) | Self::Exists(path) => visit(path),
        }
    }
}

impl Path {
    fn find<'a>(&self, data: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(data, |value, segment| match segment {
            Segment::Key(key) => value.as_object()?.get(key),
            Segment::Index(at) => value.as_array()?.get(*at),
        })
    }
}

impl Operator {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    fn holds(self, value: &Value, literal: &Value) -> bool {
        match self {
            Self::Equal => is_equal(value, literal),
            Self::NotEqual => !is_equal(value, literal),
            Self::Less => compare(value, literal).is_some_and(Ordering::is_lt),
            Self::LessOrEqual => compare(value, literal).is_some_and(Ordering::is_le),
            Self::Greater => compare(value, literal).is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => compare(value, literal).is_some_and(Ordering::is_ge),
        }
    }
}

/// Compares numbers by value, so that 1 is 1.0, and texts by their characters, which is right for instants in UTC.
fn compare(value: &Value, literal: &Value) -> Option<Ordering> {
    let whole = |it: &Number| it.as_i64().map(i128::from).or_else(|| it.as_u64().map(i128::from));
    match (value, literal) {
        (Value::Number(a), Value::Number(b)) => match (whole(a), whole(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn is_equal(value: &Value, literal: &Value) -> bool {
    compare(value, literal).map_or_else(|| value == literal, Ordering::is_eq)
}

/// Returns whether a text has a part, a list an element, or an object a key.
fn contains(value: &Value, literal: &Value) -> bool {
    match (value, literal) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Object(object), Value::String(key)) => object.contains_key(key),
        (Value::Array(list), _) => list.iter().any(|it| is_equal(it, literal)),
        _ => false,
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nested = |f: &mut fmt::Formatter<'_>, node: &Self| match node {
            Self::All(_) | Self::Any(_) => write!(f, "({node})"),
            _ => node.fmt(f),
        };
        let join = |f: &mut fmt::Formatter<'_>, nodes: &[Self], word| {
            nodes.iter().enumerate().try_for_each(|(at, node)| {
                f.write_str(if at == 0 { "" } else { word })?;
                nested(f, node)
            })
        };
        match self {
            Self::All(nodes) => join(f, nodes, " and "),
            Self::Any(nodes) => join(f, nodes, " or "),
            Self::Not(node) => {
                f.write_str("not ")?;
                nested(f, node)
            }
            Self::Compare(path, operator, literal) => write!(f, "{path} {} {}", operator.name(), Literal(literal)),
            Self::In(path, literals) => {
                write!(f, "{path} in [")?;
                for (at, literal) in literals.iter().enumerate() {
                    write!(f, "{}{}", if at == 0 { "" } else { ", " }, Literal(literal))?;
                }
                f.write_str("]")
            }
            Self::Contains(path, literal) => write!(f, "{path} contains {}", Literal(literal)),
            Self::Exists(path) => write!(f, "{path} exists"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_word(key) && (at > 0 || !RESERVED.contains(&key.as_str())) => {
                    write!(f, "{}{key}", if at == 0 { "" } else { "." })?;
                }
                Segment::Key(key) => write!(f, "[{}]", Quoted(key))?,
            }
        }
        Ok(())
    }
}

pub(super) struct Literal<'a>(&'a Value);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => Quoted(text).fmt(f),
            other => other.fmt(f),
        }
    }
}

pub(super) struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

/// Returns whether a key can be written without quotes.
pub(super) fn is_word(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(begins_word) && chars.all(continues_word)
}

pub(super) fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(super) fn continues_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}
