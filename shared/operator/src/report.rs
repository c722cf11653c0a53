//! What was found, one line each.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warn,
    /// It doesn't work.
    Fail,
}

/// One thing that was looked at, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    topic: &'static str,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        write!(f, "{level:<5} {:<13} {}", self.topic, self.text)
    }
}

pub(crate) fn ok(topic: &'static str, text: impl Into<String>) -> Finding {
    Finding { level: Level::Ok, topic, text: text.into() }
}

pub(crate) fn warn(topic: &'static str, text: impl Into<String>) -> Finding {
    Finding { level: Level::Warn, topic, text: text.into() }
}

pub(crate) fn fail(topic: &'static str, text: impl Into<String>) -> Finding {
    Finding { level: Level::Fail, topic, text: text.into() }
}

/// Prints findings and says whether none of them is a failure.
pub(crate) fn print(findings: &[Finding]) -> bool {
    for finding in findings {
        println!("{finding}");
    }
    findings.iter().all(|it| it.level != Level::Fail)
}
