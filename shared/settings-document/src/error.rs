//! Errors in a settings document.

use std::fmt;

/// An error in a settings document: where, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DocumentError {
    /// The line, counted from 1, if the document is a text.
    pub line: Option<usize>,
    /// The path of the value, for example `templates[2].language`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}", self.path, self.problem)
    }
}
