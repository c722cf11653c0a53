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

impl Phone {
    /// Parses strict E.164, as programs write it. What people write is read by [`read_phone`](crate::read_phone).
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        fits.then(|| Self(Private::new(text.to_owned())))
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
    fn phone_numbers_are_strict_e164() {
        for (text, fits) in [
            ("+40712345678", true),
            ("+40 712 345 678", false),
            ("0712345678", false),
            ("+0712345678", false),
            ("+1555", false),
            ("+1234567890123456", false),
            ("call me", false),
            ("", false),
        ] {
            assert_eq!(Phone::parse(text).is_some(), fits, "{text}");
        }
    }

    #[test]
    fn private_values_do_not_print() {
        let phone = Phone::parse("+40712345678").expect("a number");
        assert_eq!(format!("{phone:?} {:?}", Private::from("Ana")), "Phone(•••) •••");
    }
}
