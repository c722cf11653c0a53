//! A text and the lines of its values.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode, MarkedYamlOwned, ScalarOwned, YamlDataOwned};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};
use toml_edit::{Document, Item, TableLike};

use crate::error::DocumentError;

/// How a document is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// TOML 1.
    Toml,
    /// YAML 1.2, without aliases.
    Yaml,
    /// JSON.
    Json,
}

impl Format {
    /// Every format, in the order in which they are listed to people.
    pub const ALL: [Self; 3] = [Self::Toml, Self::Yaml, Self::Json];

    /// Returns the name that callers use. It is also the ending of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Yaml => "yaml",
            Self::Json => "json",
        }
    }

    /// Returns the format with this name or file ending.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "yml" => Some(Self::Yaml),
            name => Self::ALL.into_iter().find(|it| it.name() == name),
        }
    }
}

/// The largest document, in bytes. A row of the table has at most 400 kB.
const LARGEST: usize = 128 * 1024;

/// A parsed text.
pub(crate) struct Source {
    pub(crate) value: Value,
    /// The line of each value, by its path.
    lines: BTreeMap<String, usize>,
}

impl Source {
    /// Returns the line of a value. One that is missing has the line of the table in which it should be.
    pub(crate) fn line_of(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// Parses a text.
pub(crate) fn parse(text: &str, format: Format) -> Result<Source, DocumentError> {
    if text.len() > LARGEST {
        return Err(malformed(None, format!("is longer than {LARGEST} bytes")));
    }
    let mut lines = BTreeMap::new();
    let value = match format {
        Format::Toml => parse_toml(text, &mut lines)?,
        Format::Yaml => parse_yaml(text, &mut lines)?,
        Format::Json => {
            // YAML's reader tells the lines. It accepts more than JSON, so JSON's reader goes first.
            let check = serde_json::from_str::<Value>(text);
            check.map_err(|error| malformed(Some(error.line()), format!("is not JSON: {error}")))?;
            parse_yaml(text, &mut lines)?
        }
    };
    Ok(Source { value: without_nulls(&value), lines })
}

/// Returns a document without the keys whose value is null.
pub(crate) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().filter(|(_, it)| !it.is_null()).map(|(key, it)| (key.clone(), without_nulls(it))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn malformed(line: Option<usize>, problem: impl Into<String>) -> DocumentError {
    DocumentError { line, path: "the document".to_owned(), problem: problem.into() }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn parse_yaml(text: &str, lines: &mut BTreeMap<String, usize>) -> Result<Value, DocumentError> {
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| malformed(Some(error.marker().line()), format!("is malformed: {}", error.info())))?;
        // A few lines of aliases can stand for gigabytes.
        if matches!(event, Event::Alias(_)) {
            return Err(malformed(Some(span.start.line()), "has an alias (*), which settings do not allow"));
        }
    }
    let mut documents = MarkedYamlOwned::load_from_str(text)
        .map_err(|error| malformed(Some(error.marker().line()), format!("is malformed: {}", error.info())))?;
    match documents.len() {
        0 => Ok(Value::Object(Map::new())),
        1 => convert_yaml(&documents.remove(0), "", lines),
        _ => Err(malformed(Some(documents[1].span.start.line()), "has more than one document (---)")),
    }
}

fn convert_yaml(
    node: &MarkedYamlOwned,
    path: &str,
    lines: &mut BTreeMap<String, usize>,
) -> Result<Value, DocumentError> {
    let line = node.span.start.line();
    lines.entry(path.to_owned()).or_insert(line);
    let at = |problem: &str| DocumentError {
        line: Some(line),
        path: if path.is_empty() { "the document".to_owned() } else { path.to_owned() },
        problem: problem.to_owned(),
    };
    Ok(match &node.data {
        YamlDataOwned::Value(ScalarOwned::Null) => Value::Null,
        YamlDataOwned::Value(ScalarOwned::Boolean(flag)) => Value::from(*flag),
        YamlDataOwned::Value(ScalarOwned::Integer(number)) => Value::from(*number),
        YamlDataOwned::Value(ScalarOwned::FloatingPoint(number)) => Value::from(number.into_inner()),
        YamlDataOwned::Value(ScalarOwned::String(text)) => Value::from(text.as_str()),
        YamlDataOwned::Sequence(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| convert_yaml(item, &format!("{path}[{index}]"), lines))
                .collect::<Result<_, _>>()?
        }
        YamlDataOwned::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let name = match &key.data {
                    YamlDataOwned::Value(ScalarOwned::String(name)) => name.clone(),
                    YamlDataOwned::Value(ScalarOwned::Integer(number)) => number.to_string(),
                    _ => return Err(at("has a key that is not a text")),
                };
                let path = join(path, &name);
                lines.insert(path.clone(), key.span.start.line());
                map.insert(name, convert_yaml(value, &path, lines)?);
            }
            Value::Object(map)
        }
        YamlDataOwned::Tagged(..) => return Err(at("has a tag (!), which settings do not know")),
        YamlDataOwned::Representation(..) | YamlDataOwned::Alias(_) | YamlDataOwned::BadValue => {
            return Err(at("can't be read"));
        }
    })
}

fn parse_toml(text: &str, lines: &mut BTreeMap<String, usize>) -> Result<Value, DocumentError> {
    let line_at = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_at(span.start));
        malformed(line, format!("is malformed: {}", error.message().replace('\n', " ")))
    })?;
    Ok(convert_table(document.as_table(), "", &line_at, lines))
}

fn convert_table(
    table: &dyn TableLike,
    path: &str,
    line_at: &dyn Fn(usize) -> usize,
    lines: &mut BTreeMap<String, usize>,
) -> Value {
    let mut map = Map::new();
    for (name, item) in table.iter() {
        let path = join(path, name);
        let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        lines.extend(span.map(|span| (path.clone(), line_at(span.start))));
        map.insert(name.to_owned(), convert_item(item, &path, line_at, lines));
    }
    Value::Object(map)
}

fn convert_item(
    item: &Item,
    path: &str,
    line_at: &dyn Fn(usize) -> usize,
    lines: &mut BTreeMap<String, usize>,
) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => convert_toml_value(value, path, line_at, lines),
        Item::Table(table) => convert_table(table, path, line_at, lines),
        Item::ArrayOfTables(tables) => {
            let mut items = Vec::new();
            for (index, table) in tables.iter().enumerate() {
                let path = format!("{path}[{index}]");
                lines.extend(table.span().map(|span| (path.clone(), line_at(span.start))));
                items.push(convert_table(table, &path, line_at, lines));
            }
            Value::Array(items)
        }
    }
}

fn convert_toml_value(
    value: &toml_edit::Value,
    path: &str,
    line_at: &dyn Fn(usize) -> usize,
    lines: &mut BTreeMap<String, usize>,
) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::from(text.value().as_str()),
        toml_edit::Value::Integer(number) => Value::from(*number.value()),
        toml_edit::Value::Float(number) => Value::from(*number.value()),
        toml_edit::Value::Boolean(flag) => Value::from(*flag.value()),
        toml_edit::Value::Datetime(at) => Value::from(at.value().to_string()),
        toml_edit::Value::Array(array) => {
            let mut items = Vec::new();
            for (index, item) in array.iter().enumerate() {
                let path = format!("{path}[{index}]");
                lines.extend(item.span().map(|span| (path.clone(), line_at(span.start))));
                items.push(convert_toml_value(item, &path, line_at, lines));
            }
            Value::Array(items)
        }
        toml_edit::Value::InlineTable(table) => convert_table(table, path, line_at, lines),
    }
}
