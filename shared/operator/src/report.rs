//! Output on the terminal: findings, one on a line, and commands that fit the operator's connection and stack.

use std::fmt::{self, Display};
use std::io::{ErrorKind, Write};

use domain::ConnectionName;

/// How a finding is rated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, but needs attention.
    Warn,
    /// It does not work.
    Fail,
}

/// The result of one check, with what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    topic: &'static str,
    text: String,
}

impl Display for Finding {
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

/// The terminal of an operator who works on one connection of one stack.
pub(crate) struct Terminal {
    /// What a `make` command needs to work on them: ` CONNECTION=acme STACK=vai-calendly-prod`.
    suffix: String,
}

impl Terminal {
    pub(crate) fn new(connection: &ConnectionName, stack: Option<&str>) -> Self {
        let mut suffix = String::new();
        if *connection != ConnectionName::default() {
            suffix = format!(" CONNECTION={connection}");
        }
        if let Some(stack) = stack.filter(|it| *it != "local") {
            suffix = format!("{suffix} STACK={stack}");
        }
        Self { suffix }
    }

    /// Prints findings. Returns whether none of them is a failure.
    pub(crate) fn print_findings(&self, findings: &[Finding]) -> bool {
        for finding in findings {
            self.print(finding);
        }
        findings.iter().all(|it| it.level != Level::Fail)
    }

    /// Prints a line to standard output, with its commands completed.
    pub(crate) fn print(&self, text: impl Display) {
        print_text(&format!("{}\n", self.complete_commands(&text.to_string())));
    }

    /// Prints a line to standard error, with its commands completed.
    #[expect(clippy::print_stderr, reason = "a command-line program talks to its terminal")]
    pub(crate) fn print_error(&self, text: impl Display) {
        eprintln!("{}", self.complete_commands(&text.to_string()));
    }

    /// Completes each `` `make …` `` so that it works on this connection and stack.
    fn complete_commands(&self, text: &str) -> String {
        let mut complete = String::with_capacity(text.len());
        // Every second part is between backticks, unless the closing backtick is missing.
        let mut parts = text.split('`').enumerate().peekable();
        while let Some((number, part)) = parts.next() {
            complete.push_str(part);
            if number % 2 == 1 && part.starts_with("make ") && parts.peek().is_some() {
                complete.push_str(&self.suffix);
            }
            if parts.peek().is_some() {
                complete.push('`');
            }
        }
        complete
    }
}

/// Prints text to standard output as it is. Ends the program if the reader has closed the pipe, as `| head` does.
pub(crate) fn print_text(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        // An error of standard output can't be reported anywhere else.
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_completed_with_connection_and_stack() {
        let complete = |connection: &str, stack: Option<&str>, text: &str| {
            Terminal::new(&ConnectionName::parse(connection).expect("a name"), stack).complete_commands(text)
        };
        let text = "the key is gone: `make connect ROTATE=1`, then `make doctor`; see `reason`";
        assert_eq!(complete("default", None, text), text);
        assert_eq!(complete("default", Some("local"), text), text);
        assert_eq!(
            complete("acme", Some("vai-calendly-prod"), text),
            "the key is gone: `make connect ROTATE=1 CONNECTION=acme STACK=vai-calendly-prod`, then \
             `make doctor CONNECTION=acme STACK=vai-calendly-prod`; see `reason`"
        );
        assert_eq!(complete("acme", None, "left open: `make"), "left open: `make");
    }
}
