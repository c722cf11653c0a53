//! Comparison of texts without case, accents, punctuation and spaces.

/// From this similarity on, two names count as the same.
const SAME: f64 = 0.85;

/// From this similarity on, a name is offered.
const NEAR: f64 = 0.75;

/// The most similar names that are offered.
const MOST_NEAR: usize = 3;

/// A word with fewer letters does not match as the beginning of another.
const SHORTEST_STEM: usize = 4;

/// Returns a text's words, in lower case and without accents. In scripts without spaces, each character is a word.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            // Combining accents, apostrophes as people type them, and marks without a width do not separate words.
            '\u{300}'..='\u{36f}' | '\'' | '’' | '‘' | 'ʼ' | '＇' | '´' | '`' | '′' => {}
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            _ if c > '\u{2e80}' && c.is_alphanumeric() && !is_full_width(c) => {
                words.push(std::mem::take(&mut word));
                words.push(c.to_string());
            }
            _ if c.is_alphanumeric() => push_plain(c, &mut word),
            _ => words.push(std::mem::take(&mut word)),
        }
    }
    words.push(word);
    words.retain(|it| !it.is_empty());
    words
}

/// Returns a text's words, joined without separators.
pub(crate) fn fold(text: &str) -> String {
    words(text).concat()
}

/// Returns whether a character is a full-width Latin letter or digit.
fn is_full_width(c: char) -> bool {
    matches!(c, '\u{ff10}'..='\u{ff5a}')
}

/// Appends a lower-case letter without its accent.
fn push_plain(c: char, word: &mut String) {
    let plain = match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'æ' => return word.push_str("ae"),
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' | 'ð' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'į' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'œ' => return word.push_str("oe"),
        'ř' => 'r',
        'ś' | 'ş' | 'š' | 'ș' => 's',
        'ß' => return word.push_str("ss"),
        'ţ' | 'ť' | 'ț' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        _ if is_full_width(c) => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        _ => c,
    };
    word.push(plain);
}

/// Returns the items with the name `text`: those with the exact name, else those that differ only in case, else those
/// that are equal when folded.
pub(crate) fn find_named<'a, T: ?Sized>(all: &[&'a T], name: impl Fn(&'a T) -> &'a str, text: &str) -> Vec<&'a T> {
    let text = text.trim();
    for is_match in [is_equal, differs_in_case, is_same] {
        let found: Vec<_> = all.iter().copied().filter(|it| is_match(name(it), text)).collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Returns whether two texts are equal, without the spaces around them.
pub(crate) fn is_equal(one: &str, other: &str) -> bool {
    !one.trim().is_empty() && one.trim() == other.trim()
}

fn differs_in_case(one: &str, other: &str) -> bool {
    is_equal(&one.to_lowercase(), &other.to_lowercase())
}

/// Returns whether two texts are equal when folded.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let one = fold(one);
    !one.is_empty() && one == fold(other)
}

/// Returns whether two texts differ only by a typing error. Their digits must be equal.
pub(crate) fn is_similar(one: &str, other: &str) -> bool {
    let (one, other) = (fold(one), fold(other));
    let digits = |text: &str| text.chars().filter(|c| c.is_numeric()).collect::<String>();
    strsim::normalized_levenshtein(&one, &other) >= SAME && !one.is_empty() && digits(&one) == digits(&other)
}

/// Returns the names that are similar to `query`, the most similar first.
pub(crate) fn similar_names<'a>(names: impl IntoIterator<Item = &'a str>, query: &str) -> Vec<String> {
    let query_words = words(query);
    let query = query_words.concat();
    let mut similar: Vec<(f64, &str)> = Vec::new();
    for name in names {
        let words = words(name);
        let shares_a_word = words.iter().any(|it| it.chars().count() >= SHORTEST_STEM && query_words.contains(it));
        let likeness = strsim::jaro_winkler(&words.concat(), &query);
        let likeness = if shares_a_word { likeness.max(NEAR) } else { likeness };
        if likeness >= NEAR && similar.iter().all(|(_, other)| *other != name) {
            similar.push((likeness, name));
        }
    }
    similar.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
    similar.into_iter().take(MOST_NEAR).map(|(_, name)| name.to_owned()).collect()
}

/// Returns how well `query` matches `phrases`: two points for each word that is in a phrase, one point if one of the
/// two words begins with the other. A phrase of several words must match completely.
pub(crate) fn score<'a>(phrases: impl IntoIterator<Item = &'a str>, query: &[String]) -> u32 {
    let mut points_by_word = vec![0; query.len()];
    for phrase in phrases {
        let phrase = words(phrase);
        if phrase.is_empty() {
            continue;
        }
        for (at, part) in query.windows(phrase.len()).enumerate() {
            let points: Vec<u32> = part.iter().zip(&phrase).map(|(query, word)| word_points(query, word)).collect();
            if !points.contains(&0) {
                for (best, points) in points_by_word[at..].iter_mut().zip(points) {
                    *best = points.max(*best);
                }
            }
        }
    }
    points_by_word.iter().sum()
}

fn word_points(one: &str, other: &str) -> u32 {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    match short {
        _ if short == long => 2,
        _ if short.chars().count() >= SHORTEST_STEM && long.starts_with(short) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_punctuation_and_spaces_are_folded() {
        for (one, other) in [
            ("Sales Demo", " sales-demo "),
            ("Ședință de vânzări", "sedinta de vanzari"),
            ("S\u{326}edinţă", "SEDINTA"),
            ("Møde på Ærø", "mode pa aero"),
            ("Maria's call", "marias call"),
            ("Maria‘s ca\u{200b}ll", "mariaʼs call"),
            ("ＤＥＭＯ １５", "demo 15"),
            ("產品 展示", "產品展示"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
        assert_eq!(words("產品 demo-展示!"), ["產", "品", "demo", "展", "示"]);
        assert!(fold(" – 🚀 ").is_empty());
    }

    #[test]
    fn a_typing_error_is_similar_and_another_digit_is_not() {
        assert!(is_similar("Company name", "Compny name"));
        for (one, other) in [("Phone number 1", "Phone number 2"), ("Company", "Country"), ("?", "!")] {
            assert!(!is_similar(one, other), "{one} {other}");
        }
    }
}
