//! What is wrong with an event.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Something wrong with an event. It never quotes what was sent, because that may be personal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Fault {
    /// The path of the value, such as `data.message.text`; `body` for the whole event.
    pub path: String,
    /// What is wrong with it, and what it must be.
    pub problem: String,
}

impl Fault {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.problem)
    }
}
