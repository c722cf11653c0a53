//! Personal data. [`Private`] values print as `•••`, so they cannot reach a log by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value about a person. `Debug` hides it and there is no `Display`; only [`Private::expose`] returns it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value. It must never be logged.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

impl From<String> for Private<String> {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Private<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

/// A phone number in E.164: `+`, then 7 to 15 digits, the first not 0.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(Private<String>);

/// Why a text is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneError {
    /// The text is blank.
    Empty,
    /// The text is not E.164. Often the country code is missing.
    NotE164,
}

impl Phone {
    /// Removes spaces, dots, dashes and brackets, and parses the rest as strict E.164.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let bare: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '\u{2011}' | '\u{2013}'))
            .collect();
        if bare.is_empty() {
            return Err(PhoneError::Empty);
        }
        let digits = bare.strip_prefix('+').ok_or(PhoneError::NotE164)?;
        let fits =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if fits { Ok(Self(Private::new(bare))) } else { Err(PhoneError::NotE164) }
    }

    /// Returns the number, such as `+40712345678`.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_strict_e164_after_punctuation_is_removed() {
        for (text, expected) in [
            ("+40712345678", Ok("+40712345678")),
            ("+1 (404) 555-1234", Ok("+14045551234")),
            (" +45 20.12.34.56 ", Ok("+4520123456")),
            ("0712 345 678", Err(PhoneError::NotE164)),
            ("+0712345678", Err(PhoneError::NotE164)),
            ("+1 555", Err(PhoneError::NotE164)),
            ("+1234567890123456", Err(PhoneError::NotE164)),
            ("call me", Err(PhoneError::NotE164)),
            ("  ", Err(PhoneError::Empty)),
        ] {
            let parsed = Phone::parse(text);
            assert_eq!(parsed.as_ref().map(Phone::expose).map_err(|e| *e), expected, "{text}");
        }
    }

    #[test]
    fn private_values_do_not_print() {
        let phone = Phone::parse("+40712345678").expect("a number");
        assert_eq!(format!("{phone:?} {:?}", Private::from("Ana")), "Phone(•••) •••");
    }
}
