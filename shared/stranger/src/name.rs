//! Names that strangers wrote, made fit for a message: a name may not carry a link, an address or a phone number to
//! somebody in our name.

use crate::hidden::{is_mark, visible};

/// The longest name, in characters.
const LONGEST_NAME: usize = 40;

/// More digits than these are a number, not a name.
const MOST_DIGITS: usize = 3;

/// Words before names that end with a dot.
const TITLES: [&str; 14] = ["dr", "prof", "mr", "mrs", "ms", "mx", "st", "ing", "sr", "jr", "d-na", "dl", "dna", "fru"];

/// Returns a name in one line: without words that are links, domains, e-mail addresses or numbers, without emoji and
/// invisible characters, and of at most 40 characters. `None` if nothing is left.
pub(crate) fn safe_name(text: &str) -> Option<String> {
    let text: String = visible(text, false).chars().map(|c| if is_of_name(c) { c } else { ' ' }).collect();
    let mut words: Vec<_> = text.split_whitespace().filter_map(safe_word).collect();
    // A phone number may be written in groups.
    if words.iter().map(|it| count_digits(it)).sum::<usize>() > MOST_DIGITS {
        words.retain(|it| count_digits(it) == 0);
    }
    Some(cut(&words.join(" "))).filter(|it| it.chars().any(char::is_alphabetic))
}

/// Returns whether a character occurs in names: letters of any script with their marks, digits and some punctuation.
fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || " .,'’‘`-‐‑–·・&()/:@_#+?=%".contains(c)
}

/// Returns a word of a name; `None` if it is a link, a domain, an address or a number.
fn safe_word(word: &str) -> Option<String> {
    let is_address = word.contains(['@', '/', ':', '_', '#', '?', '=', '%']) || word.to_lowercase().starts_with("www.");
    if count_digits(word) > MOST_DIGITS || is_address || is_domain(word) {
        return None;
    }
    // "Dr.Popescu" would be a link on a phone.
    let mut plain = String::new();
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        plain.push(c);
        if c == '.' && rest.peek().is_some_and(|next| next.is_alphanumeric()) {
            plain.push(' ');
        }
    }
    Some(plain.trim_matches(['+', '&', '(', ')', ',']).to_owned()).filter(|it| !it.is_empty())
}

fn count_digits(word: &str) -> usize {
    word.chars().filter(|c| c.is_numeric()).count()
}

/// Returns whether a word can be followed as a domain: letters on both sides of a dot, at least two at the end. Titles
/// and initials ("Dr.Popescu", "J.R.R.") are none.
fn is_domain(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let Some((before, last)) = word.rsplit_once('.') else { return false };
    let first = before.rsplit('.').next().unwrap_or_default().to_lowercase();
    let is_initial = first.chars().count() < 2;
    last.chars().count() >= 2 && !is_initial && !TITLES.contains(&first.as_str())
}

/// Cuts a name after a word.
fn cut(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST_NAME).collect();
    match start.rsplit_once(' ') {
        Some((whole, _)) => whole.to_owned(),
        None => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_they_are() {
        for name in [
            "Ana",
            "Ana-Maria Ionescu",
            "Søren Kjær",
            "O'Neil",
            "D’Angelo",
            "李小明",
            "José Ángel",
            "Nguyễn Văn A",
            "J. R. R. Tolkien",
            "約翰·史密斯",
            "マリア・スミス",
            "Gal·la Placídia",
            "សុខា",
            "Mary-Jane O'Connor-Smith",
            "Henry 8",
            "محمد",
            "अनिता",
            "สมชาย",
        ] {
            assert_eq!(safe_name(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_name_carries_no_link_address_number_or_hidden_character() {
        for (name, safe) in [
            ("WIN https://evil.example/x", Some("WIN")),
            ("https://evil.example/x", None),
            ("evil.example", None),
            ("Ana evil.example", Some("Ana")),
            ("Ana (www.evil.example)", Some("Ana")),
            ("Ana evil.example/x?y=1", Some("Ana")),
            ("call +40712345678", Some("call")),
            ("0712 345 678", None),
            ("ana@evil.example", None),
            ("Ana\u{202e}\u{200b} Pop\r\nBcc: x", Some("Ana Pop x")),
            ("🎉🎉🎉 Ana 🎉", Some("Ana")),
            ("🎉🎉", None),
            ("Dr.Popescu", Some("Dr. Popescu")),
            ("J.R.R.Tolkien", Some("J. R. R. Tolkien")),
            ("An\u{200b}a", Some("Ana")),
            ("Ana <b>", Some("Ana b")),
            ("call 071 234 567 89", Some("call")),
            ("", None),
            ("  ", None),
        ] {
            assert_eq!(safe_name(name).as_deref(), safe, "{name}");
        }
        let long = safe_name(&"Ana ".repeat(50)).expect("a name");
        assert_eq!(long.chars().count(), 39);
        assert_eq!(safe_name(&"x".repeat(200)).expect("a name").len(), 40);
    }
}
