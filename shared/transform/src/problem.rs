//! What is wrong with a filter or a transformation.

use std::fmt;

/// A problem: where it is, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where: the JSON pointer of a leaf, the column of a condition, or nothing when it is the whole.
    pub at: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Problem {
    pub(crate) fn new(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { at: at.into(), problem: problem.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => f.write_str(&self.problem),
            at => write!(f, "{at}: {}", self.problem),
        }
    }
}

/// Joins problems to one text, for errors that are a single text.
pub(crate) fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Returns "; did you mean `…`?" with the known words that are like `word`, or nothing.
pub(crate) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut near: Vec<_> = known.into_iter().map(|it| (strsim::jaro_winkler(word, it), it)).collect();
    near.retain(|(likeness, _)| *likeness >= 0.8);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.dedup_by_key(|it| it.1);
    match near.iter().take(3).map(|(_, it)| format!("`{it}`")).collect::<Vec<_>>() {
        names if names.is_empty() => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}
