//! How many segments each SMS has, with long links and with short ones of our own.

use std::fmt::Write;

use domain::settings::{MessageFilter, Settings};
use domain::{Language, Message, MessageContent};

use crate::samples::{self, UNSUBSCRIBE};
use crate::sms::measure;
use crate::wording::render_sms;

/// The segments of one SMS. `None` if its wording is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Segments {
    long: Option<usize>,
    short: Option<usize>,
    /// With short links, and without diacritics.
    plain: Option<usize>,
}

/// Returns a table of all messages by SMS, in the wording of the settings: each for an online meeting and with all its
/// links. The short links are those of a `PUBLIC_URL` such as `https://m.test`; each letter more counts three times in
/// a confirmation.
pub fn segment_table(settings: &Settings) -> String {
    let heading = "segments of an SMS";
    let mut table =
        format!("{heading:<22}{:<10}{:>10}{:>12}{:>19}\n", "language", "long links", "short links", "no diacritics");
    for message in Message::SAMPLES {
        for language in Language::ALL {
            let Segments { long, short, plain } = count(message, language, settings);
            let name = match message {
                Message::HostNotice(notice) => format!("{} ({})", message.name(), notice.name()),
                _ => message.name().to_owned(),
            };
            let shown = [long, short, plain].map(|it| it.map_or_else(|| "broken".to_owned(), |it| it.to_string()));
            let [long, short, plain] = shown;
            let _ = writeln!(table, "{name:<22}{:<10}{long:>10}{short:>12}{plain:>19}", language.tag());
        }
    }
    table
}

fn count(message: Message, language: Language, settings: &Settings) -> Segments {
    let filter = MessageFilter { language: Some(language), ..MessageFilter::of(message.name()) };
    let wording = settings.wording_for(&filter);
    let long = MessageContent { location: None, wording: wording.clone(), ..samples::full(message, language) };
    let short = MessageContent { wording, ..samples::with_short_links(message, language) };
    let segments = |content: &MessageContent, is_plain: bool| {
        let text = render_sms(message, content, Some(UNSUBSCRIBE), is_plain).ok()?;
        Some(measure(&text).segments)
    };
    let is_plain = settings.transliterate.contains(&language);
    Segments { long: segments(&long, is_plain), short: segments(&short, is_plain), plain: segments(&short, true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_segments_of_every_sms_are_known() {
        insta::assert_snapshot!(segment_table(&Settings::default()));
    }

    #[test]
    fn a_confirmation_with_all_its_short_links_is_short() {
        let segments = |language| count(Message::Confirmation, language, &Settings::default());
        let romanian = segments(Language::Romanian);
        let is_at_most = |count: Option<usize>, most| count.is_some_and(|it| it <= most);
        assert!(is_at_most(romanian.short, 3) && is_at_most(romanian.plain, 2), "{romanian:?}");
        for language in [Language::English, Language::Danish] {
            let segments = segments(language);
            assert!(is_at_most(segments.short, 2), "{segments:?}");
        }
    }
}
