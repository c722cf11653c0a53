//! Splits a text into SMS segments.

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

/// The alphabet of GSM 03.38. Each character takes one unit.
const BASIC: &str = concat!(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
/// The extension table of GSM 03.38. Each character takes an escape, so two units.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The length of a text in SMS segments.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) encoding: &'static str,
    /// Septets in GSM-7, UTF-16 code units in UCS-2.
    pub(crate) units: usize,
    pub(crate) segments: usize,
    /// The characters (Unicode scalar values, counted from 0) that begin a new segment.
    pub(crate) breaks: Vec<usize>,
    /// The characters that GSM-7 doesn't contain, each once.
    pub(crate) culprits: Vec<char>,
}

impl Measure {
    pub(crate) fn new(text: &str) -> Self {
        let mut culprits: Vec<char> = Vec::new();
        for char in text.chars().filter(|char| !BASIC.contains(*char) && !EXTENSION.contains(*char)) {
            if !culprits.contains(&char) {
                culprits.push(char);
            }
        }
        let is_gsm = culprits.is_empty();
        let cost = |char: char| match is_gsm {
            true => 1 + usize::from(EXTENSION.contains(char)),
            false => char.len_utf16(),
        };
        let (encoding, alone, chained) = if is_gsm { ("GSM-7", 160, 153) } else { ("UCS-2", 70, 67) };
        let units = text.chars().map(cost).sum();
        let mut breaks = Vec::new();
        if units > alone {
            let mut filled = 0;
            let mut index = 0;
            // Twilio never divides a grapheme: an escape sequence, an emoji with its skin tone, a flag.
            for grapheme in text.graphemes(true) {
                let units: usize = grapheme.chars().map(cost).sum();
                if filled > 0 && filled + units > chained {
                    breaks.push(index);
                    filled = 0;
                }
                filled += units;
                index += grapheme.chars().count();
            }
        }
        Self { encoding, units, segments: breaks.len() + 1, breaks, culprits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_as_by_the_phone_network() {
        for (sign, encoding, counts) in [
            ("a", "GSM-7", &[(160, 1), (161, 2), (306, 2), (307, 3)][..]),
            ("æ", "GSM-7", &[(160, 1), (161, 2)]),
            ("€", "GSM-7", &[(80, 1), (81, 2), (152, 2), (153, 3)]),
            ("ă", "UCS-2", &[(70, 1), (71, 2), (134, 2), (135, 3)]),
            ("您", "UCS-2", &[(70, 1), (71, 2)]),
            ("😀", "UCS-2", &[(35, 1), (36, 2), (66, 2), (67, 3)]),
        ] {
            for (count, segments) in counts {
                let measure = Measure::new(&sign.repeat(*count));
                assert_eq!((measure.encoding, measure.segments), (encoding, *segments), "{sign} x {count}");
            }
        }
        assert_eq!((BASIC.chars().count(), EXTENSION.chars().count()), (127, 10));
    }

    #[test]
    fn breaks_and_culprits_are_named() {
        let danish = Measure::new("æøåÆØÅ");
        assert_eq!((danish.units, danish.segments, danish.culprits), (6, 1, vec![]));
        assert_eq!(Measure::new(&"a".repeat(307)).breaks, [153, 306]);
        // One unit is left in the first segment, and the character needs two.
        assert_eq!(Measure::new(&format!("{}€{}", "a".repeat(152), "b".repeat(20))).breaks, [152]);
        assert_eq!(Measure::new(&"😀".repeat(36)).breaks, [33]);
        assert_eq!(Measure::new("Bună, Ană și ț").culprits, ['ă', 'ș', 'ț']);
        assert_eq!(Measure::new("").segments, 1);
    }
}
