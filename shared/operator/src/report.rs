//! What is said to the person at the terminal: findings one line each, and commands that fit their stack.

use std::fmt::{self, Display};
use std::io::{ErrorKind, Write};

use domain::ConnectionName;

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

/// The terminal of somebody at work on one connection of one stack.
pub(crate) struct Terminal {
    /// What a command needs to be about that connection and stack: ` CONNECTION=acme STACK=vai-calendly-prod`.
    whose: String,
}

impl Terminal {
    pub(crate) fn new(connection: &ConnectionName, stack: Option<&str>) -> Self {
        let mut whose = String::new();
        if *connection != ConnectionName::default() {
            whose = format!(" CONNECTION={connection}");
        }
        if let Some(stack) = stack.filter(|it| *it != "local") {
            whose = format!("{whose} STACK={stack}");
        }
        Self { whose }
    }

    /// Prints findings and says whether none of them is a failure.
    pub(crate) fn report(&self, findings: &[Finding]) -> bool {
        for finding in findings {
            self.say(finding);
        }
        findings.iter().all(|it| it.level != Level::Fail)
    }

    /// A line on standard output, where commands are completed.
    pub(crate) fn say(&self, text: impl Display) {
        put(&format!("{}\n", self.complete(&text.to_string())));
    }

    /// A line on standard error, where commands are completed.
    #[expect(clippy::print_stderr, reason = "a command-line program talks to its terminal")]
    pub(crate) fn complain(&self, text: impl Display) {
        eprintln!("{}", self.complete(&text.to_string()));
    }

    /// Completes each `` `make …` `` so that it is about this connection and stack.
    fn complete(&self, text: &str) -> String {
        let mut complete = String::with_capacity(text.len());
        // Every second part is between backticks, unless the last one is left open.
        let mut parts = text.split('`').enumerate().peekable();
        while let Some((number, part)) = parts.next() {
            complete.push_str(part);
            if number % 2 == 1 && part.starts_with("make ") && parts.peek().is_some() {
                complete.push_str(&self.whose);
            }
            if parts.peek().is_some() {
                complete.push('`');
            }
        }
        complete
    }
}

/// Text on standard output as it is. Whoever reads only its head (`| head`) ends the program, quietly.
pub(crate) fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        // There is nobody else to tell.
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_about_the_connection_and_stack_at_hand() {
        let said = |connection: &str, stack: Option<&str>, text: &str| {
            Terminal::new(&ConnectionName::parse(connection).expect("a name"), stack).complete(text)
        };
        let text = "the key is gone: `make connect ROTATE=1`, then `make doctor`; see `reason`";
        assert_eq!(said("default", None, text), text);
        assert_eq!(said("default", Some("local"), text), text);
        assert_eq!(
            said("acme", Some("vai-calendly-prod"), text),
            "the key is gone: `make connect ROTATE=1 CONNECTION=acme STACK=vai-calendly-prod`, then \
             `make doctor CONNECTION=acme STACK=vai-calendly-prod`; see `reason`"
        );
        assert_eq!(said("acme", None, "left open: `make"), "left open: `make");
    }
}
