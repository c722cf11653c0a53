//! The encoding of an SMS and its number of segments, which decide its cost.
//!
//! Sources: GSM 03.38 (3GPP TS 23.038) for the alphabet; 3GPP TS 23.040 for the header of 6 octets in each segment of a
//! longer message. One character outside the GSM alphabet makes the whole text UCS-2, which needs more than twice as
//! many segments.

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

/// How an SMS is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// The GSM alphabet, 7 bits a character: 160 in one segment, 153 in each of several.
    Gsm7,
    /// UTF-16 units: 70 in one segment, 67 in each of several.
    Ucs2,
}

impl Encoding {
    /// Returns its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Returns how many units a message of one segment holds, and each segment of a longer one.
    fn capacity(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }

    /// Returns how many units a character takes. A segment never ends within a character, nor within a grapheme (an
    /// emoji with its skin tone, a flag).
    /// Source: Twilio, whose segments these are; the standard divides only between characters.
    fn units(self, c: char) -> usize {
        match self {
            Self::Gsm7 if EXTENSION.contains(c) => 2,
            Self::Gsm7 => 1,
            Self::Ucs2 => c.len_utf16(),
        }
    }
}

/// The measure of a text as an SMS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Measure {
    /// The encoding.
    pub encoding: Encoding,
    /// The length, in units of the encoding.
    pub units: usize,
    /// The number of segments that are sent and paid for.
    pub segments: usize,
    /// The start of each segment but the first, in bytes of the text.
    pub breaks: Vec<usize>,
    /// The characters outside GSM-7, each once.
    pub culprits: Vec<char>,
}

/// The basic alphabet, without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
                     abcdefghijklmnopqrstuvwxyzäöñüà";
/// The characters that are written with an escape.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Measures a text.
pub fn measure(text: &str) -> Measure {
    let culprits = find_culprits(text);
    let encoding = if culprits.is_empty() { Encoding::Gsm7 } else { Encoding::Ucs2 };
    let units = text.chars().map(|c| encoding.units(c)).sum();
    let (alone, of_several) = encoding.capacity();
    let breaks = if units <= alone { Vec::new() } else { find_breaks(text, encoding, of_several) };
    let segments = if text.is_empty() { 0 } else { breaks.len() + 1 };
    Measure { encoding, units, segments, breaks, culprits }
}

fn find_culprits(text: &str) -> Vec<char> {
    let mut culprits = Vec::new();
    for c in text.chars().filter(|c| !BASIC.contains(*c) && !EXTENSION.contains(*c)) {
        if !culprits.contains(&c) {
            culprits.push(c);
        }
    }
    culprits
}

fn find_breaks(text: &str, encoding: Encoding, capacity: usize) -> Vec<usize> {
    let mut breaks = Vec::new();
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let units: usize = grapheme.chars().map(|c| encoding.units(c)).sum();
        if units <= capacity {
            if used + units > capacity {
                breaks.push(at);
                used = 0;
            }
            used += units;
            continue;
        }
        // A grapheme longer than a segment is divided between its characters.
        for (inside, c) in grapheme.char_indices() {
            let units = encoding.units(c);
            if used + units > capacity {
                breaks.push(at + inside);
                used = 0;
            }
            used += units;
        }
    }
    breaks
}

/// Replaces Romanian diacritics, and typographic quotes, dashes and ellipses, so that an SMS stays within the GSM
/// alphabet. Nothing else changes: other scripts would become unreadable.
pub fn transliterate(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'ă' | 'â' => plain.push('a'),
            'Ă' | 'Â' => plain.push('A'),
            'î' => plain.push('i'),
            'Î' => plain.push('I'),
            'ș' | 'ş' => plain.push('s'),
            'Ș' | 'Ş' => plain.push('S'),
            'ț' | 'ţ' => plain.push('t'),
            'Ț' | 'Ţ' => plain.push('T'),
            '\u{2018}'..='\u{201b}' => plain.push('\''),
            '\u{201c}'..='\u{201f}' => plain.push('"'),
            '\u{2010}'..='\u{2015}' => plain.push('-'),
            '…' => plain.push_str("..."),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_follow_the_standard() {
        for (text, count, encoding, segments) in [
            ("", 0, Encoding::Gsm7, 0),
            ("a", 160, Encoding::Gsm7, 1),
            ("a", 161, Encoding::Gsm7, 2),
            ("a", 306, Encoding::Gsm7, 2),
            ("a", 307, Encoding::Gsm7, 3),
            ("€", 80, Encoding::Gsm7, 1),
            ("€", 81, Encoding::Gsm7, 2),
            ("ă", 70, Encoding::Ucs2, 1),
            ("ă", 71, Encoding::Ucs2, 2),
            ("ă", 134, Encoding::Ucs2, 2),
            ("ă", 135, Encoding::Ucs2, 3),
            ("😀", 35, Encoding::Ucs2, 1),
            ("😀", 36, Encoding::Ucs2, 2),
            ("æøåÆØÅ", 26, Encoding::Gsm7, 1),
            ("æøåÆØÅ", 27, Encoding::Gsm7, 2),
        ] {
            let measure = measure(&text.repeat(count));
            assert_eq!((measure.encoding, measure.segments), (encoding, segments), "{text} * {count}");
        }
    }

    #[test]
    fn no_character_is_split() {
        // 152 units are used and € needs two, so it begins the next segment.
        let measured = measure(&format!("{}€{}", "a".repeat(152), "a".repeat(20)));
        assert_eq!((measured.units, measured.segments, measured.breaks), (174, 2, vec![152]));
        let measured = measure(&format!("{}😀{}", "ă".repeat(66), "ă".repeat(10)));
        assert_eq!((measured.units, measured.segments, measured.breaks), (78, 2, vec![132]));
    }

    #[test]
    fn each_culprit_is_listed_once() {
        assert_eq!(measure("Bună, Ana! Îți amintim: întâlnire").culprits, ['ă', 'Î', 'ț', 'î', 'â']);
        assert!(measure("Hej Søren, 5€ [~]").culprits.is_empty());
    }

    #[test]
    fn the_alphabet_has_as_many_characters_as_the_standard() {
        assert_eq!((BASIC.chars().count(), EXTENSION.chars().count()), (127, 10));
    }

    #[test]
    fn romanian_loses_its_diacritics() {
        assert_eq!(transliterate("ăâîșțşţ ĂÂÎȘȚŞŢ"), "aaistst AAISTST");
        assert_eq!(transliterate("„Demo” – l’a “fost”… ‘da’ — nu‑i"), "\"Demo\" - l'a \"fost\"... 'da' - nu-i");
        assert_eq!(transliterate("æøå é 王小明 😀 €"), "æøå é 王小明 😀 €");
    }

    /// Counts units and segments of the encoded text. A segment ends when it is full, or one unit earlier when that
    /// would split a pair.
    fn count_encoded(text: &str) -> (usize, usize) {
        let septets = |c: char| match (BASIC.find(c), EXTENSION.find(c)) {
            (Some(at), _) => Some(vec![1000 + at]),
            (_, Some(at)) => Some(vec![27, 2000 + at]),
            _ => None,
        };
        let gsm: Option<Vec<Vec<usize>>> = text.chars().map(septets).collect();
        let (units, alone, room, halves) = match gsm {
            Some(units) => (units.concat(), 160, 153, 27..28),
            None => (text.encode_utf16().map(usize::from).collect(), 70, 67, 0xd800..0xdc00),
        };
        if units.len() <= alone {
            return (units.len(), usize::from(!units.is_empty()));
        }
        let (mut at, mut segments) = (0, 0);
        while at < units.len() {
            let end = (at + room).min(units.len());
            at = if halves.contains(&units[end - 1]) { end - 1 } else { end };
            segments += 1;
        }
        (units.len(), segments)
    }

    proptest! {
        #[test]
        fn a_measure_agrees_with_the_encoded_text(text in "[a-zA-Zæøå€^{}\\[\\]|~\u{c}\n @£]{0,500}|[ a€ăș😀王\u{1b}]{0,300}|\\PC{0,200}") {
            let measure = measure(&text);
            let (units, segments) = count_encoded(&text);
            prop_assert_eq!(measure.units, units);
            // A letter with marks is not divided either, so that a segment may end some units earlier.
            let is_simple = text.graphemes(true).all(|it| it.chars().count() == 1);
            prop_assert!(measure.segments == segments || !is_simple && measure.segments > segments);
            prop_assert!(measure.breaks.iter().all(|at| text.is_char_boundary(*at)));
            prop_assert_eq!(measure.culprits.is_empty(), measure.encoding == Encoding::Gsm7);
        }

        #[test]
        fn transliteration_is_idempotent(text in "\\PC{0,60}") {
            let once = transliterate(&text);
            prop_assert_eq!(transliterate(&once), once.clone());
            prop_assert!(measure(&once).segments <= measure(&text).segments.max(1) * 3);
        }
    }
}
