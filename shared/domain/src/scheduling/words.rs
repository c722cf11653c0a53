//! When two texts are the same to a person: case, accents, punctuation and spaces don't matter.

/// Names so alike that one is taken for the other.
const SAME: f64 = 0.85;

/// Names alike enough to be offered.
const NEAR: f64 = 0.75;

/// How many near names are offered.
const MOST_NEAR: usize = 3;

/// Below this many letters a word is no beginning of another.
const SHORTEST_STEM: usize = 4;

/// A text's words, in lower case and without accents. Scripts without spaces have a word per character.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            // Accents that stand apart, and apostrophes, join what is on either side.
            '\u{300}'..='\u{36f}' | '\'' | '’' => {}
            _ if c > '\u{2e80}' && c.is_alphanumeric() && !is_full_width(c) => {
                words.push(std::mem::take(&mut word));
                words.push(c.to_string());
            }
            _ if c.is_alphanumeric() => plain(c, &mut word),
            _ => words.push(std::mem::take(&mut word)),
        }
    }
    words.push(word);
    words.retain(|it| !it.is_empty());
    words
}

/// A text's words without anything between them.
pub(super) fn folded(text: &str) -> String {
    words(text).concat()
}

/// Latin letters and digits as wide as Chinese characters.
fn is_full_width(c: char) -> bool {
    matches!(c, '\u{ff10}'..='\u{ff5a}')
}

/// Adds a lower-case letter as it is typed on a keyboard without accents.
fn plain(c: char, word: &mut String) {
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

/// All that `asked` names: those with that very name; if there are none, those that differ in case; if there are none
/// of these either, those that are the same to a person.
pub(super) fn named<'a, T: ?Sized>(all: &[&'a T], name: impl Fn(&'a T) -> &'a str, asked: &str) -> Vec<&'a T> {
    let asked = asked.trim();
    for same in [is_equal, differs_in_case, is_same] {
        let found: Vec<_> = all.iter().copied().filter(|it| same(name(it), asked)).collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Whether two texts are equal but for the spaces around them.
pub(super) fn is_equal(one: &str, other: &str) -> bool {
    !one.trim().is_empty() && one.trim() == other.trim()
}

fn differs_in_case(one: &str, other: &str) -> bool {
    is_equal(&one.to_lowercase(), &other.to_lowercase())
}

/// Whether two texts are the same to a person.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let one = folded(one);
    !one.is_empty() && one == folded(other)
}

/// Whether two texts are the same but for a slip of the pen. A wrong digit is none.
pub(super) fn is_nearly(one: &str, other: &str) -> bool {
    let (one, other) = (folded(one), folded(other));
    let digits = |text: &str| text.chars().filter(|c| c.is_numeric()).collect::<String>();
    strsim::normalized_levenshtein(&one, &other) >= SAME && !one.is_empty() && digits(&one) == digits(&other)
}

/// The names that `asked` may have meant, the nearest first.
pub(super) fn near<'a>(names: impl IntoIterator<Item = &'a str>, asked: &str) -> Vec<String> {
    let asked_words = words(asked);
    let asked = asked_words.concat();
    let mut near: Vec<(f64, &str)> = Vec::new();
    for name in names {
        let words = words(name);
        let shares_a_word = words.iter().any(|it| it.chars().count() >= SHORTEST_STEM && asked_words.contains(it));
        let likeness = strsim::jaro_winkler(&words.concat(), &asked);
        let likeness = if shares_a_word { likeness.max(NEAR) } else { likeness };
        if likeness >= NEAR && near.iter().all(|(_, other)| *other != name) {
            near.push((likeness, name));
        }
    }
    near.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
    near.into_iter().take(MOST_NEAR).map(|(_, name)| name.to_owned()).collect()
}

/// How much of what is asked is spoken of in `phrases`: two for each word that is there, one for each of which there is
/// a beginning, or that is a beginning itself. A phrase of several words counts only whole.
pub(super) fn score<'a>(phrases: impl IntoIterator<Item = &'a str>, asked: &[String]) -> u32 {
    let mut worth = vec![0; asked.len()];
    for phrase in phrases {
        let phrase = words(phrase);
        if phrase.is_empty() {
            continue;
        }
        for (at, part) in asked.windows(phrase.len()).enumerate() {
            let points: Vec<u32> = part.iter().zip(&phrase).map(|(asked, word)| likeness(asked, word)).collect();
            if !points.contains(&0) {
                for (best, points) in worth[at..].iter_mut().zip(points) {
                    *best = points.max(*best);
                }
            }
        }
    }
    worth.iter().sum()
}

fn likeness(one: &str, other: &str) -> u32 {
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
    fn what_is_the_same_to_a_person_folds_alike() {
        for (one, other) in [
            ("Sales Demo", " sales-demo "),
            ("Ședință de vânzări", "sedinta de vanzari"),
            ("S\u{326}edinţă", "SEDINTA"),
            ("Møde på Ærø", "mode pa aero"),
            ("Maria's call", "marias call"),
            ("ＤＥＭＯ １５", "demo 15"),
            ("產品 展示", "產品展示"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_eq!(words("產品 demo-展示!"), ["產", "品", "demo", "展", "示"]);
        assert!(folded(" – 🚀 ").is_empty());
    }

    #[test]
    fn a_slip_of_the_pen_is_no_other_number() {
        assert!(is_nearly("Company name", "Compny name"));
        for (one, other) in [("Phone number 1", "Phone number 2"), ("Company", "Country"), ("?", "!")] {
            assert!(!is_nearly(one, other), "{one} {other}");
        }
    }
}
