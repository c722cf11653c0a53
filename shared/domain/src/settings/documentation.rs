//! `settings.default.toml` and the tables of `docs/settings.md`, written from the description. A test compares them;
//! `UPDATE_SETTINGS=1 cargo test -p domain documentation` writes them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

use super::description::SETTINGS;
use super::kind::{Key, Kind, List, parse_literal};

/// The longest line of the file.
const WIDTH: usize = 120;

const HEADER: &str = "\
# The settings of a connection, each with its default. This file is written from
# shared/domain/src/settings/description.rs. A file for `make settings` (.toml, .yaml or .json) holds only what differs.
";

/// Wraps a text at the width, each line with a prefix.
fn wrap(text: &str, prefix: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && prefix.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(lines, "{prefix}{line}");
            line.clear();
        }
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(word);
    }
    let _ = writeln!(lines, "{prefix}{line}");
    lines
}

/// Writes a value as TOML, in a line.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

/// Writes `name = value`, a long list in several lines.
fn assign(name: &str, value: &Value, prefix: &str) -> String {
    let line = format!("{prefix}{name} = {}", inline(value));
    match value {
        Value::Object(map) if line.chars().count() > WIDTH => {
            map.iter().map(|(key, value)| format!("{prefix}{name}.{key} = {}\n", inline(value))).collect()
        }
        Value::Array(items) if line.chars().count() > WIDTH => {
            let items =
                items.iter().map(|item| inline(item).replace(' ', "\u{a0}") + ",").collect::<Vec<_>>().join(" ");
            let items = wrap_items(&items, &format!("{prefix}  "));
            format!("{prefix}{name} = [\n{items}{prefix}]\n")
        }
        _ => line + "\n",
    }
}

/// Wraps the items of a list; a no-break space stands for a space inside of one.
fn wrap_items(items: &str, prefix: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for item in items.split(' ') {
        if !line.is_empty() && prefix.len() + line.chars().count() + 1 + item.chars().count() > WIDTH {
            let _ = writeln!(lines, "{prefix}{line}");
            line.clear();
        }
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(item);
    }
    let _ = writeln!(lines, "{prefix}{line}");
    lines.replace('\u{a0}', " ")
}

/// What stands in the file for a setting.
enum Form {
    Value,
    Table(&'static [Key]),
    /// A table for each name.
    Named(&'static [Key]),
    /// A list of tables.
    Repeated(&'static [Key]),
}

fn form(kind: &Kind) -> Form {
    match kind {
        Kind::Table(keys) => Form::Table(keys),
        Kind::Map { values, .. } => match form(values) {
            Form::Table(keys) => Form::Named(keys),
            _ => Form::Value,
        },
        Kind::List(List { items, .. }) => match form(items) {
            Form::Table(keys) => Form::Repeated(keys),
            _ => Form::Value,
        },
        Kind::Checked(kind, _) => form(kind),
        _ => Form::Value,
    }
}

/// An example of the name of a table.
fn example_name(key: &Key) -> &'static str {
    match key.name {
        "event_types" => "\"Sales Demo\"",
        "hosts" => "\"maria@example.com\"",
        _ => "reminder",
    }
}

/// Writes the settings of a table. An example is a comment.
fn write_keys(out: &mut String, keys: &[Key], path: &str, is_example: bool) {
    let prefix = if is_example { "#   " } else { "" };
    for key in keys {
        let is_top = path.is_empty() && !is_example;
        let name = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        let form = form(&key.kind);
        let needs_space = is_top || !matches!(form, Form::Value);
        if needs_space {
            let _ = writeln!(out, "{}", prefix.trim_end());
        }
        out.push_str(&wrap(key.documentation, &format!("{prefix}# ")));
        match (form, key.default) {
            (Form::Value, Some(default)) if !is_example => {
                out.push_str(&assign(key.name, &parse_literal(default), prefix))
            }
            (Form::Value, _) => out.push_str(&assign(key.name, &parse_literal(key.example), "#   ")),
            (Form::Table(inner), default) => {
                let is_example = is_example || default.is_none();
                let _ = writeln!(out, "{}[{name}]", if is_example { "#   " } else { "" });
                write_keys(out, inner, &name, is_example);
            }
            (Form::Named(inner), _) => {
                let _ = writeln!(out, "#\n#   [{name}.{}]", example_name(key));
                write_keys(out, inner, &name, true);
            }
            (Form::Repeated(inner), default) => {
                let _ = writeln!(out, "#\n#   [[{name}]]");
                write_keys(out, inner, &name, true);
                for item in default.map(parse_literal).iter().filter_map(Value::as_array).flatten() {
                    let _ = writeln!(out, "[[{name}]]");
                    for (key, value) in item.as_object().into_iter().flatten() {
                        out.push_str(&assign(key, value, ""));
                    }
                }
            }
        }
    }
}

fn default_toml() -> String {
    let mut out = HEADER.to_owned();
    write_keys(&mut out, SETTINGS, "", false);
    out
}

/// What a value must be, for the documentation.
fn requirement(kind: &Kind) -> String {
    match kind {
        Kind::List(List { items, fewest, most, .. }) => {
            let bounds = match (fewest, most) {
                (0, None) => String::new(),
                (0, Some(most)) => format!(", at most {most}"),
                (fewest, _) => format!(", at least {fewest}"),
            };
            format!("a list{bounds}; each {}", requirement(items))
        }
        Kind::Map { values, .. } => format!("a table; each value {}", requirement(values)),
        Kind::Table(_) => "a table".to_owned(),
        Kind::Either(one, other) => format!("{}; or {}", requirement(one), requirement(other)),
        Kind::Checked(kind, _) => requirement(kind),
        scalar => scalar.requirement(),
    }
}

/// A default as it is shown: a long one is in the file.
fn shown_default(key: &Key) -> String {
    match key.default {
        None if key.is_required => "must be given".to_owned(),
        None => String::new(),
        Some(default) => match inline(&parse_literal(default)) {
            text if text == "{}" => String::new(),
            text if text.len() > 60 => "see the file".to_owned(),
            text => format!("`{text}`"),
        },
    }
}

/// Writes a table of the settings of a table, then those of the tables in it.
fn write_tables(out: &mut String, keys: &[Key], title: &str) {
    let _ = writeln!(out, "\n### {title}\n\n| setting | must be | default | what it does |\n|---|---|---|---|");
    let cell = |text: &str| text.replace('|', "\\|");
    for key in keys {
        let Key { name, kind, documentation, .. } = key;
        let (requirement, default) = (cell(&requirement(kind)), cell(&shown_default(key)));
        let _ = writeln!(out, "| `{name}` | {requirement} | {default} | {} |", cell(documentation));
    }
    for key in keys {
        let path = if title.starts_with('`') {
            format!("{}.{}", title.trim_matches(['`', '[', ']']), key.name)
        } else {
            key.name.to_owned()
        };
        match form(&key.kind) {
            Form::Value => {}
            Form::Table(inner) => write_tables(out, inner, &format!("`[{path}]`")),
            Form::Named(inner) => write_tables(out, inner, &format!("`[{path}.{}]`", example_name(key))),
            Form::Repeated(inner) => write_tables(out, inner, &format!("`[[{path}]]`")),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a file with what it should be, or writes it.
fn compare_or_write(path: &Path, expected: &str) {
    if env::var_os("UPDATE_SETTINGS").is_some() {
        fs::write(path, expected).expect("the file is written");
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is out of date: run UPDATE_SETTINGS=1 cargo test -p domain documentation",
        path.display()
    );
}

#[test]
fn the_default_file_is_written_from_the_description() {
    compare_or_write(&root().join("shared/domain/settings.default.toml"), &default_toml());
}

#[test]
fn the_tables_of_the_documentation_are_written_from_the_description() {
    const BEGIN: &str = "<!-- settings: written from description.rs -->\n";
    const END: &str = "\n<!-- end of settings -->";
    let path = root().join("docs/settings.md");
    let text = fs::read_to_string(&path).expect("docs/settings.md");
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the tables");
    let (_, after) = rest.split_once(END).expect("the end of the tables");
    let mut tables = String::new();
    write_tables(&mut tables, SETTINGS, "The document");
    compare_or_write(&path, &format!("{before}{BEGIN}{tables}{END}{after}"));
}

#[test]
fn the_default_file_is_the_default() {
    let document: Value = toml::from_str(&default_toml()).expect("TOML");
    assert_eq!(super::Settings::check(&document), Ok(super::Settings::default()));
}
