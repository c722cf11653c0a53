//! Our own wording, compiled in from `templates/<message>/<language>/`. A new language or message needs a folder there
//! and its name here.

use domain::{Language, Message};

use super::part::Part;

/// The document around an e-mail's HTML.
pub(super) const LAYOUT: &str = include_str!("../../templates/layout.html");

/// The four files of a message in a language.
struct Files {
    message: &'static str,
    language: &'static str,
    sms: &'static str,
    subject: &'static str,
    text: &'static str,
    html: &'static str,
}

macro_rules! file {
    ($message:literal, $language:literal, $file:literal) => {
        include_str!(concat!("../../templates/", $message, "/", $language, "/", $file))
    };
}

macro_rules! message_files {
    ($message:literal: $($language:literal)*) => {
        &[$(Files {
            message: $message,
            language: $language,
            sms: file!($message, $language, "sms.txt"),
            subject: file!($message, $language, "subject.txt"),
            text: file!($message, $language, "body.txt"),
            html: file!($message, $language, "body.html"),
        },)*]
    };
}

macro_rules! built_in {
    ($languages:tt: $($message:literal)*) => {
        &[$(built_in!(@ $message $languages),)*]
    };
    (@ $message:literal [$($language:literal)*]) => {
        message_files!($message: $($language)*)
    };
}

static FILES: &[&[Files]] = built_in!(
    ["en" "ro" "da" "zh-Hant"]:
    "confirmation"
    "move"
    "cancellation"
    "reminder"
    "follow_up"
    "no_show"
    "host_notice"
    "reconfirmation"
    "not_booked"
);

/// Returns our wording of a part. `None` for a message or language that was added to `domain` only.
pub(super) fn source(message: Message, language: Language, part: Part) -> Option<&'static str> {
    let mut files = FILES.iter().copied().flatten();
    let files = files.find(|it| it.message == message.name() && it.language == language.tag())?;
    Some(match part {
        Part::Sms => files.sms,
        Part::Subject => files.subject,
        Part::Text => files.text,
        Part::Html => files.html,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|it| it.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn every_message_is_worded_in_every_language() {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut expected = set(&Message::NAMES);
        expected.insert("layout.html".to_owned());
        assert_eq!(names(&templates), expected);
        for message in Message::NAMES {
            assert_eq!(names(&templates.join(message)), set(&Language::ALL.map(Language::tag)), "{message}");
            for language in Language::ALL {
                let folder = templates.join(message).join(language.tag());
                assert_eq!(names(&folder), set(&["body.html", "body.txt", "sms.txt", "subject.txt"]));
            }
        }
    }

    #[test]
    fn every_part_is_compiled_in() {
        for message in Message::SAMPLES {
            for language in Language::ALL {
                for part in Part::ALL {
                    let source = source(message, language, part);
                    assert!(source.is_some_and(|it| !it.trim().is_empty()), "{message:?} {language:?} {part:?}");
                }
            }
        }
    }

    /// Romanian is polite, without "tu" and what goes with it; Chinese says 您; Danish and English have one form in use.
    #[test]
    fn everybody_is_addressed_in_the_same_form() {
        let foreign = |language| match language {
            Language::Romanian => &[" tu ", " tău", " ta ", " te ", "Te ", " îți ", "ți-ai"][..],
            Language::TraditionalChinese => &["你"],
            Language::Danish => &[" Dem ", " Deres ", "I skal"],
            Language::English => &[],
        };
        for message in Message::SAMPLES {
            for language in Language::ALL {
                for part in Part::ALL {
                    let source = source(message, language, part).expect("wording");
                    for form in foreign(language) {
                        assert!(!source.contains(form), "{message:?} {language:?} {part:?}: {form}");
                    }
                }
            }
        }
    }
}
