//! What can't be seen: control characters, characters without width, and heaps of marks on one letter.

use unicode_general_category::{GeneralCategory, get_general_category};

/// The most marks on one letter. No language of ours needs more than two; texts that grow over their neighbours have
/// dozens.
const MOST_MARKS: usize = 3;

/// Returns whether a character has no shape of its own: controls, direction marks, joiners, variation selectors, and
/// the frame of a keycap.
/// Source: Unicode, `Default_Ignorable_Code_Point`.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{20e3}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns whether a character ends a line.
fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Returns whether a character is a mark on the letter before it.
pub(crate) fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(get_general_category(c), NonspacingMark | SpacingMark | EnclosingMark)
}

/// Returns a text without what can't be seen, and with at most a few marks on each letter. Breaks of lines become
/// spaces, except `\n` where `keeps_lines`.
pub(crate) fn visible(text: &str, keeps_lines: bool) -> String {
    let mut marks = 0;
    let mut seen = String::with_capacity(text.len());
    let text = text.replace("\r\n", "\n");
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        match c {
            '\n' if keeps_lines => seen.push('\n'),
            _ if is_break(c) => seen.push(' '),
            _ if is_invisible(c) || marks > MOST_MARKS => {}
            _ => seen.push(c),
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_taken_away() {
        for (text, expected) in [
            ("Ana\u{202e}\u{200b}Pop", "AnaPop"),
            ("Ana\u{0}\u{7}Pop", "Ana  Pop"),
            ("a\r\nb\u{2028}c\td", "a b c d"),
            ("Nguye\u{302}\u{303}n", "Nguye\u{302}\u{303}n"),
            ("अनिता สมชาย", "अनिता สมชาย"),
            ("\u{feff}x\u{e0041}\u{fe0f}", "x"),
            ("x\u{1d173}\u{1bca0}\u{fff0}y", "xy"),
        ] {
            assert_eq!(visible(text, false), expected, "{text:?}");
        }
        assert_eq!(visible("a\r\nb\tc", true), "a\nb c");
        let heap = format!("Z{}o", "\u{301}".repeat(40));
        assert_eq!(visible(&heap, false), format!("Z{}o", "\u{301}".repeat(MOST_MARKS)));
    }
}
