//! What a setting must be. The same description reads a document, fills in defaults, and becomes the JSON Schema.

use serde_json::{Map, Value, json};

use super::errors::Errors;

/// What a value must be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Boolean,
    /// A whole number from 1.
    Number {
        /// What is counted, as ` of minutes`; or nothing.
        unit: &'static str,
        most: u64,
    },
    Text(Form),
    Choice(fn() -> Vec<&'static str>),
    List(List),
    Table(&'static [Key]),
    /// A table whose keys are names.
    Map {
        /// What a key is, with its article, for errors.
        noun: &'static str,
        names: &'static Kind,
        values: &'static Kind,
    },
    /// One of two kinds.
    Either(&'static Kind, &'static Kind),
    /// A kind with a rule about several of its values. The rule gets what was read, with the defaults.
    Checked(&'static Kind, fn(&Value, &str, &mut Errors)),
}

/// A list of values.
#[derive(Clone, Copy)]
pub(super) struct List {
    pub(super) items: &'static Kind,
    /// What an item is, for errors.
    pub(super) noun: &'static str,
    pub(super) fewest: usize,
    pub(super) most: Option<usize>,
    /// Whether each item may be there only once.
    pub(super) is_unique: bool,
}

impl List {
    pub(super) const fn of(items: &'static Kind, noun: &'static str) -> Self {
        Self { items, noun, fewest: 0, most: None, is_unique: false }
    }
}

/// The form of a text.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// What the text must be.
    pub(super) requirement: &'static str,
    /// The same as a regular expression, as far as one can say it; or nothing.
    pub(super) pattern: &'static str,
    /// Returns the text in the form in which it is stored; `None` if it has not this form.
    pub(super) parse: fn(&str) -> Option<String>,
}

/// The description of one setting.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What the setting is for.
    pub(super) documentation: &'static str,
    /// The default, as JSON; `None` if the setting has no value unless it is given.
    pub(super) default: Option<&'static str>,
    /// An example, as JSON, for a setting without a default.
    pub(super) example: &'static str,
    pub(super) is_required: bool,
}

impl Key {
    /// A setting with a default, as JSON.
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        documentation: &'static str,
    ) -> Self {
        Self { name, kind, documentation, default: Some(default), example: default, is_required: false }
    }

    /// A setting without a default; with an example, as JSON.
    pub(super) const fn optional(
        name: &'static str,
        kind: Kind,
        example: &'static str,
        documentation: &'static str,
    ) -> Self {
        Self { name, kind, documentation, default: None, example, is_required: false }
    }

    /// A setting that must be given.
    pub(super) const fn required(
        name: &'static str,
        kind: Kind,
        example: &'static str,
        documentation: &'static str,
    ) -> Self {
        Self { name, kind, documentation, default: None, example, is_required: true }
    }
}

/// Parses a literal of the description.
pub(super) fn parse_literal(literal: &str) -> Value {
    serde_json::from_str(literal).unwrap_or_else(|error| panic!("the description has {literal}: {error}"))
}

/// Returns the path of a key in a table.
fn at(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Kind {
    /// Returns what a value must be, as `true or false`.
    pub(super) fn requirement(&self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Number { unit, most } => format!("a whole number{unit} from 1 to {most}"),
            Self::Text(form) => form.requirement.to_owned(),
            Self::Choice(choices) => format!("one of {}", choices().join(", ")),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) | Self::Map { .. } => "a table of keys and values".to_owned(),
            Self::Either(one, other) => format!("{}; or {}", one.requirement(), other.requirement()),
            Self::Checked(kind, _) => kind.requirement(),
        }
    }

    /// Reads a value: returns it with the defaults of what is left out, and in the form in which it is stored; `None`
    /// if it is of another kind. What is wrong inside of it is reported, too, and left out.
    pub(super) fn read(&self, value: &Value, path: &str, errors: &mut Errors) -> Option<Value> {
        let read = match self {
            Self::Boolean => value.is_boolean().then(|| value.clone()),
            Self::Number { most, .. } => {
                value.as_u64().filter(|number| (1..=*most).contains(number)).map(|number| json!(number))
            }
            Self::Text(form) => value.as_str().and_then(form.parse).map(Value::String),
            Self::Choice(choices) => value.as_str().filter(|text| choices().contains(text)).map(|_| value.clone()),
            Self::List(list) => value.as_array().map(|items| list.read(items, path, errors)),
            Self::Table(keys) => value.as_object().map(|map| read_table(keys, map, path, errors)),
            Self::Map { noun, names, values } => {
                value.as_object().map(|map| read_map(noun, names, values, map, path, errors))
            }
            Self::Either(one, other) => {
                let kind = if one.accepts_type_of(value) { one } else { other };
                if kind.accepts_type_of(value) {
                    return kind.read(value, path, errors);
                }
                None
            }
            Self::Checked(kind, check) => {
                let read = kind.read(value, path, errors)?;
                check(&read, path, errors);
                return Some(read);
            }
        };
        if read.is_none() {
            errors.add(path, format!("must be {}", self.requirement()));
        }
        read
    }

    /// Returns a value with the defaults of what its tables lack. Checks nothing.
    fn fill(&self, value: &Value) -> Value {
        match (self, value) {
            (Self::Table(keys), Value::Object(_)) => fill_table(keys, value),
            (Self::Map { values, .. }, Value::Object(map)) => {
                map.iter().map(|(name, value)| (name.clone(), values.fill(value))).collect()
            }
            (Self::List(list), Value::Array(items)) => items.iter().map(|item| list.items.fill(item)).collect(),
            (Self::Checked(kind, _), _) => kind.fill(value),
            (Self::Either(one, other), _) => if one.accepts_type_of(value) { one } else { other }.fill(value),
            _ => value.clone(),
        }
    }

    /// Returns whether a value has the JSON type of this kind.
    fn accepts_type_of(&self, value: &Value) -> bool {
        match self {
            Self::Boolean => value.is_boolean(),
            Self::Number { .. } => value.is_number(),
            Self::Text(_) | Self::Choice(_) => value.is_string(),
            Self::List(_) => value.is_array(),
            Self::Table(_) | Self::Map { .. } => value.is_object(),
            Self::Either(one, other) => one.accepts_type_of(value) || other.accepts_type_of(value),
            Self::Checked(kind, _) => kind.accepts_type_of(value),
        }
    }

    /// Returns the JSON Schema (draft 2020-12) of a value.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Boolean => json!({"type": "boolean"}),
            Self::Number { most, .. } => json!({"type": "integer", "minimum": 1, "maximum": most}),
            Self::Text(Form { pattern: "", .. }) => json!({"type": "string"}),
            Self::Text(form) => json!({"type": "string", "pattern": form.pattern}),
            Self::Choice(choices) => json!({"type": "string", "enum": choices()}),
            Self::List(list) => list.schema(),
            Self::Table(keys) => schema_of(keys),
            Self::Map { names, values, .. } => {
                json!({"type": "object", "propertyNames": names.schema(), "additionalProperties": values.schema()})
            }
            Self::Either(one, other) => json!({"oneOf": [one.schema(), other.schema()]}),
            Self::Checked(kind, _) => kind.schema(),
        }
    }
}

impl List {
    fn read(&self, items: &[Value], path: &str, errors: &mut Errors) -> Value {
        let Self { noun, fewest, most, is_unique, .. } = *self;
        if is_unique && items.iter().enumerate().any(|(at, item)| items[..at].contains(item)) {
            errors.add(path, format!("names the same {noun} twice"));
        }
        if items.len() < fewest {
            errors.add(path, format!("must have at least one {noun}"));
        }
        if let Some(most) = most.filter(|most| items.len() > *most) {
            errors.add(path, format!("has more than {most}"));
        }
        // A wrong item stays, so that the others keep their index.
        let read = |(index, item): (usize, &Value)| {
            self.items.read(item, &format!("{path}[{index}]"), errors).unwrap_or_else(|| item.clone())
        };
        items.iter().enumerate().map(read).collect()
    }

    fn schema(&self) -> Value {
        let mut schema = json!({"type": "array", "items": self.items.schema()});
        if self.fewest > 0 {
            schema["minItems"] = json!(self.fewest);
        }
        if let Some(most) = self.most {
            schema["maxItems"] = json!(most);
        }
        if self.is_unique {
            schema["uniqueItems"] = json!(true);
        }
        schema
    }
}

/// Returns a table with the defaults of the keys that it lacks.
pub(super) fn fill_table(keys: &[Key], table: &Value) -> Value {
    let mut filled = table.as_object().cloned().unwrap_or_default();
    for key in keys {
        let given = filled.get(key.name).filter(|value| !value.is_null()).cloned();
        if let Some(value) = given.or_else(|| key.default.map(parse_literal)) {
            filled.insert(key.name.to_owned(), key.kind.fill(&value));
        }
    }
    Value::Object(filled)
}

fn read_table(keys: &[Key], given: &Map<String, Value>, path: &str, errors: &mut Errors) -> Value {
    let mut table = Map::new();
    for key in keys {
        let read = match given.get(key.name) {
            Some(value) => key.kind.read(value, &at(path, key.name), errors),
            None if key.is_required => {
                errors.add(&at(path, key.name), "is missing");
                None
            }
            None => None,
        };
        if let Some(value) = read.or_else(|| Some(key.kind.fill(&parse_literal(key.default?)))) {
            table.insert(key.name.to_owned(), value);
        }
    }
    for unknown in given.keys().filter(|name| !keys.iter().any(|key| key.name == *name)) {
        let names: Vec<_> = keys.iter().map(|key| key.name).collect();
        errors.add(&at(path, unknown), format!("is not a setting; the settings here are: {}", names.join(", ")));
    }
    Value::Object(table)
}

fn read_map(
    noun: &str,
    names: &Kind,
    values: &Kind,
    given: &Map<String, Value>,
    path: &str,
    errors: &mut Errors,
) -> Value {
    let mut map = Map::new();
    for (name, value) in given {
        let path = at(path, name);
        let name = names.read(&Value::String(name.clone()), &path, &mut Errors::default());
        if name.is_none() {
            errors.add(&path, format!("is not {noun}: it must be {}", names.requirement()));
        }
        let value = values.read(value, &path, errors);
        if let (Some(Value::String(name)), Some(value)) = (name, value) {
            map.insert(name, value);
        }
    }
    Value::Object(map)
}

/// Returns the JSON Schema of a table.
pub(super) fn schema_of(keys: &[Key]) -> Value {
    let property = |key: &Key| {
        let mut schema = key.kind.schema();
        schema["description"] = json!(key.documentation);
        match key.default {
            Some(default) => schema["default"] = parse_literal(default),
            None => schema["examples"] = json!([parse_literal(key.example)]),
        }
        (key.name.to_owned(), schema)
    };
    let properties: Map<_, _> = keys.iter().map(property).collect();
    let required: Vec<_> = keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}
