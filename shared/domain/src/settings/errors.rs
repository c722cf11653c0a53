//! The errors of a settings document.

/// An error in a settings document: where, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingsError {
    /// The path of the value, for example `templates[2].language`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// The errors that were found so far.
#[derive(Default)]
pub(super) struct Errors(pub(super) Vec<SettingsError>);

impl Errors {
    pub(super) fn add(&mut self, path: &str, problem: impl Into<String>) {
        let path = if path.is_empty() { "the document" } else { path };
        self.0.push(SettingsError { path: path.to_owned(), problem: problem.into() });
    }
}
