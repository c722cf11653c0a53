//! Validates a JSON body and collects its problems.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// One problem of a body: the path and the message.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) parameter: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
}

/// The validation of a body. A path is dotted (`invitee.email`, `questions_and_answers.0.answer`); `""` is the body
/// itself.
pub(crate) struct Check<'a> {
    body: &'a Value,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(body: &'a Value) -> Self {
        Self { body, problems: Vec::new() }
    }

    /// Returns the value at a path, if there is one.
    pub(crate) fn at(&self, path: &str) -> Option<&'a Value> {
        path.split('.').filter(|step| !step.is_empty()).try_fold(self.body, |value, step| match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            other => other.get(step),
        })
    }

    pub(crate) fn refuse(&mut self, path: &str, message: &str) {
        self.problems.push(Problem { parameter: path.to_owned(), message: message.to_owned(), code: None });
    }

    /// Requires an object with all keys of `required`, and none besides those and `optional`.
    pub(crate) fn object(&mut self, path: &str, required: &[&str], optional: &[&str]) {
        let Some(Value::Object(object)) = self.at(path) else {
            return self.refuse(path, if self.at(path).is_none() { "is missing" } else { "must be an object" });
        };
        let inside = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        for key in required.iter().filter(|key| !object.contains_key(**key)) {
            self.refuse(&inside(key), "is missing");
        }
        for key in object.keys().filter(|key| !required.contains(&key.as_str()) && !optional.contains(&key.as_str())) {
            self.refuse(&inside(key), "is unknown");
        }
    }

    /// Reads a string that is not blank. A missing key is reported by [`Check::object`].
    pub(crate) fn text(&mut self, path: &str) -> Option<&'a str> {
        match self.at(path)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            Value::String(_) => {
                self.refuse(path, "can't be blank");
                None
            }
            _ => {
                self.refuse(path, "must be a string");
                None
            }
        }
    }

    /// Reads a string, which may be empty, or null.
    pub(crate) fn nullable(&mut self, path: &str) -> Option<&'a str> {
        match self.at(path)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            _ => {
                self.refuse(path, "must be a string or null");
                None
            }
        }
    }

    pub(crate) fn email(&mut self, path: &str) -> Option<&'a str> {
        self.matching(path, is_email, "is not an e-mail address")
    }

    pub(crate) fn phone(&mut self, path: &str) -> Option<&'a str> {
        self.matching(path, is_phone, "is not a valid phone number")
    }

    /// Reads the name of a time zone of the IANA database.
    pub(crate) fn zone(&mut self, path: &str) -> Option<&'a str> {
        self.matching(path, |zone| jiff::tz::TimeZone::get(zone).is_ok(), "is not a time zone")
    }

    /// Reads a time with `Z` or an offset.
    pub(crate) fn time(&mut self, path: &str) -> Option<Timestamp> {
        self.matching(path, |time| time.parse::<Timestamp>().is_ok(), "is not a date and time")?.parse().ok()
    }

    fn matching(&mut self, path: &str, fits: impl Fn(&str) -> bool, message: &str) -> Option<&'a str> {
        let text = self.text(path)?;
        if !fits(text) {
            self.refuse(path, message);
            return None;
        }
        Some(text)
    }
}

pub(crate) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.contains('@') && !text.contains(char::is_whitespace)
    })
}

/// Returns whether a text is a phone number in international form. People type spaces and hyphens, so these may occur.
pub(crate) fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|rest| {
        let digits: String = rest.chars().filter(|sign| !matches!(sign, ' ' | '-')).collect();
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_digit())
            && !digits.starts_with('0')
    })
}
