//! Sentences of strangers, made fit for people: a program that shows them makes no link of them.

use crate::hidden::visible;

/// The signs of formatting: HTML, Markdown, Slack, and the variables of templates.
const SIGNS: &str = "<>{}[]|\\`*~";

/// What a word begins with that a program opens.
const SCHEMES: [&str; 14] = [
    "mailto:",
    "tel:",
    "callto:",
    "sms:",
    "facetime:",
    "skype:",
    "whatsapp:",
    "tg:",
    "intent:",
    "geo:",
    "javascript:",
    "vbscript:",
    "data:",
    "//",
];

/// Returns a text in one line of at most `longest` characters, without links, addresses and formatting. `None` if
/// nothing is left.
pub(crate) fn safe_line(text: &str, longest: usize) -> Option<String> {
    let text: String = visible(text, false).chars().map(|c| if SIGNS.contains(c) { ' ' } else { c }).collect();
    let words: Vec<_> = text.split_whitespace().filter(|it| !is_link(it)).map(without_domains).collect();
    Some(cut(&words.join(" "), longest)).filter(|it| it.chars().any(char::is_alphanumeric))
}

/// Returns whether a program would make a link of a word of the text.
pub(crate) fn has_link(text: &str) -> bool {
    text.split_whitespace().any(|word| is_link(word) || without_domains(word) != word)
}

/// Returns whether a word is a link with its scheme, an e-mail address or a mention.
fn is_link(word: &str) -> bool {
    let lower = word.to_lowercase();
    let start = lower.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '/');
    lower.contains("//") || lower.contains(['@', '＠']) || SCHEMES.iter().any(|it| start.starts_with(it))
}

/// Returns a word that no program takes for a domain: each dot before a letter is followed by a space. So "Str.Lungă"
/// stays what it is, and "evil.example" is no link.
fn without_domains(word: &str) -> String {
    let mut plain = String::with_capacity(word.len() + 2);
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        let is_dot = matches!(c, '.' | '。' | '．' | '｡');
        plain.push(if is_dot && c != '。' { '.' } else { c });
        if is_dot && rest.peek().is_some_and(|next| next.is_alphabetic()) {
            plain.push(' ');
        }
    }
    plain
}

/// Shortens a line. What is cut off is replaced by dots that an SMS has at no extra cost.
fn cut(line: &str, longest: usize) -> String {
    if line.chars().count() <= longest {
        return line.to_owned();
    }
    let start: String = line.chars().take(longest.saturating_sub(3)).collect();
    format!("{}...", start.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_link_no_address_and_no_formatting() {
        for (text, expected) in [
            ("Strada Lungă 1, nr. 12", Some("Strada Lungă 1, nr. 12")),
            ("Str.Lungă 1", Some("Str. Lungă 1")),
            ("Cafe at 10.30", Some("Cafe at 10.30")),
            ("台北市信義路五段7號。一樓", Some("台北市信義路五段7號。 一樓")),
            ("Room https://evil.example/x", Some("Room")),
            ("Room (http://evil.example)", Some("Room")),
            ("Room evil.example/x", Some("Room evil. example/x")),
            ("www.evil.example", Some("www. evil. example")),
            ("evil．example", Some("evil. example")),
            ("write to ana@evil.example", Some("write to")),
            ("<a href=https://evil.example>Room</a>", Some("a Room /a")),
            ("[Room](https://evil.example)", Some("Room")),
            ("<!channel> @everyone *Room*", Some("!channel Room")),
            ("tel:+40712345678 Room", Some("Room")),
            ("Room WhatsApp:send?text=x (tg:resolve) callto:+40712345678", Some("Room")),
            ("{{ name }}", Some("name")),
            ("https://evil.example", None),
            ("\u{200b}\u{202e}", None),
            ("...", None),
            ("", None),
        ] {
            assert_eq!(safe_line(text, 200).as_deref(), expected, "{text}");
        }
        for (text, expected) in
            [("Room 10.30, nr. 2", false), ("see evil.example", true), ("(//evil)", true), ("a@b", true)]
        {
            assert_eq!(has_link(text), expected, "{text}");
        }
        assert_eq!(safe_line("aaaaa bbbbb ccccc ddddd", 20).as_deref(), Some("aaaaa bbbbb ccccc..."));
    }
}
