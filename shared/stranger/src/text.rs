//! The type of text that strangers wrote.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hidden::visible;
use crate::line::{has_link, safe_line};
use crate::name::safe_name;

/// Text that a stranger wrote. `Debug` hides it and there is no `Display`: only its rules return it. `Serialize` is for
/// what is stored and for what goes back to Calendly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StrangerText(String);

/// What an unchanged text is needed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unchanged {
    /// It goes back to Calendly, where the same person wrote it or would have.
    Calendly,
    /// It is compared or read, and is not shown: is it a phone number, is it the same answer?
    Comparison,
}

impl StrangerText {
    /// Returns a name for people: one line of at most 40 characters, without links, domains, e-mail addresses, numbers,
    /// emoji and what can't be seen. `None` if it was nothing else.
    pub fn as_name(&self) -> Option<String> {
        safe_name(&self.0)
    }

    /// Returns a sentence for people: one line of at most `longest` characters, without links, e-mail addresses,
    /// formatting and what can't be seen. `None` if it was nothing else.
    pub fn as_line(&self, longest: usize) -> Option<String> {
        safe_line(&self.0, longest)
    }

    /// Returns the value of a data field that is marked as a stranger's: at most `longest` characters, without what
    /// can't be seen. Nobody may read it as anything but data.
    pub fn as_written_shortened(&self, longest: usize) -> String {
        visible(self.0.trim(), true).chars().take(longest).collect()
    }

    /// Returns the value of a CRM's attribute or of a cell: as [`Self::as_written_shortened`], and no spreadsheet takes
    /// it for a formula.
    pub fn as_cell(&self, longest: usize) -> String {
        let text = self.as_written_shortened(longest);
        if is_formula(&text) { format!("'{text}").chars().take(longest).collect() } else { text }
    }

    /// Returns the text as it was written. It is shown to nobody, and never logged.
    pub fn unchanged(&self, _purpose: Unchanged) -> &str {
        &self.0
    }

    /// Returns whether it begins with a text; spaces around both do not count. Nothing begins with nothing.
    pub fn begins_with(&self, text: &str) -> bool {
        let text = text.trim();
        !text.is_empty() && self.0.trim().starts_with(text)
    }

    /// Returns whether a program would make a link of a part of it.
    pub fn has_link(&self) -> bool {
        has_link(&self.0)
    }

    /// Returns whether it says nothing.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Returns the text before the first space and the text after it.
    #[must_use]
    pub fn split_at_space(&self) -> (Self, Self) {
        let text = self.0.trim();
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        (first.into(), rest.trim().into())
    }

    /// Returns what follows `start`; nothing if it does not begin so.
    #[must_use]
    pub fn after(&self, start: &Self) -> Self {
        self.0.trim().strip_prefix(start.0.trim()).unwrap_or_default().trim().into()
    }
}

/// Returns whether a spreadsheet may take a text for a formula. A number or a phone number is none.
fn is_formula(text: &str) -> bool {
    let text = text.trim_start();
    let is_number = |it: &str| it.chars().all(|c| c.is_ascii_digit() || " .,()/-".contains(c));
    match text.chars().next() {
        Some('+' | '-') => !is_number(&text[1..]),
        Some('=' | '@' | '＝' | '＋' | '－' | '＠') => true,
        _ => false,
    }
}

impl fmt::Debug for StrangerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

impl From<String> for StrangerText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for StrangerText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::is_invisible;

    #[test]
    fn a_text_does_not_print() {
        assert_eq!(format!("{:?}", Some(StrangerText::from("Ana"))), "Some(•••)");
    }

    #[test]
    fn a_data_field_is_what_was_written_without_what_cannot_be_seen() {
        let text = StrangerText::from(" Ana <b>\r\nPop\u{202e}\u{0} https://x.example ");
        assert_eq!(text.as_written_shortened(100), "Ana <b>\nPop  https://x.example");
        assert_eq!(text.as_written_shortened(3), "Ana");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, cell) in [
            ("=HYPERLINK(\"https://evil.example\")", "'=HYPERLINK(\"https://evil.example\")"),
            ("\t=1+1", "'=1+1"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3+cmd", "'-2+3+cmd"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1", "'＝1"),
            ("+40 712-345.678", "+40 712-345.678"),
            ("-5", "-5"),
            ("Exemplu SRL", "Exemplu SRL"),
            ("1=1", "1=1"),
            ("", ""),
        ] {
            assert_eq!(StrangerText::from(text).as_cell(100), cell, "{text}");
        }
    }

    #[test]
    fn a_name_is_divided_at_the_first_space_or_after_the_first_name() {
        let name = StrangerText::from(" Ana  Maria Pop ");
        assert_eq!(name.split_at_space(), ("Ana".into(), "Maria Pop".into()));
        assert_eq!(StrangerText::from("Ana").split_at_space(), ("Ana".into(), "".into()));
        assert_eq!(name.after(&"Ana  Maria".into()), "Pop".into());
        assert_eq!(name.after(&"Ion".into()), "".into());
        for (start, expected) in [(" Ana ", true), ("Ana  Maria Pop", true), ("Ana Maria", false), ("", false)] {
            assert_eq!(name.begins_with(start), expected, "{start}");
        }
    }

    proptest! {
        #[test]
        fn no_rule_lets_through_what_it_takes_away(text in any::<String>(), longest in 0..300_usize) {
            let text = StrangerText::from(text);
            let [name, line] = [text.as_name(), text.as_line(longest.max(3))].map(Option::unwrap_or_default);
            let fields = [text.as_written_shortened(longest), text.as_cell(longest)];
            prop_assert!(name.chars().count() <= 40 && line.chars().count() <= longest.max(3));
            prop_assert!(fields.iter().all(|it| it.chars().count() <= longest));
            for shown in fields.iter().chain([&name, &line]) {
                prop_assert!(!shown.chars().any(|c| is_invisible(c) && c != '\n'), "{:?}", shown);
            }
            prop_assert!(!name.contains(['\n', '@', '/', ':']) && !line.contains(['\n', '@', '<', '>']));
            prop_assert!(!line.contains("//"));
        }
    }
}
