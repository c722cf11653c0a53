//! Text that people wrote, made safe for a line of a header or a calendar file.

/// Whether a text can be an e-mail address. The provider finds what else is wrong with it.
pub(crate) fn is_address(text: &str) -> bool {
    let is_allowed = |it: char| !it.is_control() && !it.is_whitespace() && !matches!(it, '<' | '>' | ',' | ';' | '"');
    text.len() <= 254 && text.contains('@') && text.chars().all(is_allowed)
}

/// Returns a text in one line, so that it can not begin another header or property.
pub(crate) fn one_line(text: &str) -> String {
    let is_break = |it: char| it.is_control() || matches!(it, '\u{2028}' | '\u{2029}');
    text.split(is_break).map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_line_break() {
        assert_eq!(one_line(" Ana\r\nBcc: eve@example.com\u{2028}\t"), "Ana Bcc: eve@example.com");
    }
}
