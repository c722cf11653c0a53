//! The error of a body that can't be parsed. It never quotes the body.

use serde::Deserialize;

/// A body that can't be parsed: what is wrong, and where; never its content.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Malformed {
    /// The path in the document, for example `payload.scheduled_event.start_time`.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl Malformed {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// Decodes a body as text.
pub(crate) fn decode_text(body: &[u8]) -> Result<&str, Malformed> {
    if body.is_empty() {
        return Err(Malformed::new("the body", "is empty"));
    }
    std::str::from_utf8(body).map_err(|_| Malformed::new("the body", "is not UTF-8"))
}

/// Parses JSON.
pub(crate) fn parse_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if !inner.is_data() {
            let problem = format!("is not JSON (line {}, column {})", inner.line(), inner.column());
            return Malformed::new("the body", problem);
        }
        // Of serde's texts, only the one of a missing field is certain to quote no value.
        let text = inner.to_string();
        let problem = match text.split(" at line").next() {
            Some(missing) if missing.starts_with("missing field") => missing,
            _ => "is not of the expected form",
        };
        Malformed::new(if path == "." { "the body" } else { &path }, problem)
    })
}
