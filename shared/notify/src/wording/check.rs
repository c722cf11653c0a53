//! The check of a connection's own wording, before it is saved. It renders the wording with every combination of
//! missing values, in every language that it may be used in.

use std::collections::BTreeSet;

use domain::settings::{Provider, Settings, SettingsError, Template, Wording};
use domain::{Language, Message, MessageContent, Withheld};
use minijinja::{Error, Value};

use super::fill::{environment, parse, render, tidy};
use super::part::Part;
use super::variables::{Values, email_values, offers, param_names, sms_values};
use crate::{samples, sms};

/// The most segments of an SMS.
const MOST_SEGMENTS: usize = 10;
/// The longest SMS that Twilio accepts, in characters.
const LONGEST_SMS: usize = 1600;

/// Returns the problems of the settings' wording, and of the texts of the providers' templates.
pub fn check(settings: &Settings) -> Vec<SettingsError> {
    let own = settings.wording.iter().enumerate();
    let own = own.flat_map(|(at, wording)| check_wording(wording, &format!("wording[{at}]")));
    let templates = settings.templates.iter().enumerate();
    let templates = templates.flat_map(|(at, template)| check_template(template, &format!("templates[{at}].text")));
    own.chain(templates).collect()
}

/// Returns the problems of one wording, saved or not. `path` is its position in the document.
pub fn check_wording(wording: &Wording, path: &str) -> Vec<SettingsError> {
    let Wording { filter, parts } = wording;
    let messages = messages_named(&filter.message);
    if messages.is_empty() {
        let problem = format!("is no message; there are: {}", Message::NAMES.join(", "));
        return vec![SettingsError { path: format!("{path}.message"), problem }];
    }
    let languages = filter.language.map_or(Language::ALL.to_vec(), |it| vec![it]);
    let own = Part::ALL.into_iter().filter_map(|part| Some((part, part.own(parts)?)));
    let problems = own.filter_map(|(part, source)| {
        let problem = check_part(part, source, &messages, &languages).err()?;
        Some(SettingsError { path: format!("{path}.{}", part.name()), problem })
    });
    problems.collect()
}

/// Returns the messages of a name. `host_notice` has three.
pub(crate) fn messages_named(name: &str) -> Vec<Message> {
    Message::SAMPLES.into_iter().filter(|it| it.name() == name).collect()
}

/// Returns the first problem of a part: the others may be its consequences.
fn check_part(part: Part, source: &str, messages: &[Message], languages: &[Language]) -> Result<(), String> {
    let environment = environment();
    let template = parse(&environment, part, source).map_err(|error| describe_error(&error))?;
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let offered: Vec<_> = offers(messages[0]).all().collect();
    if let Some(unknown) = used.iter().find(|it| !offered.contains(&it.as_str())) {
        return Err(format!("speaks of `{unknown}`, which there is not; there are: {}", offered.join(", ")));
    }
    for (message, language) in messages.iter().flat_map(|it| languages.iter().map(move |language| (*it, *language))) {
        let values = sample(part, message, language);
        for missing in subsets(&optional_variables(message, &used)) {
            let mut values = values.clone();
            values.retain(|name, _| !missing.contains(name));
            let absent: Vec<_> = offered.iter().filter(|it| used.contains(**it) && !values.contains_key(*it)).collect();
            let case = describe_case(&absent, message, language);
            let text = render(&template, &values).map_err(|error| match absent[..] {
                [] => describe_error(&error),
                _ => {
                    format!(
                        "{}, which may be missing: it must stand inside an `if`{}",
                        list_printed(&absent),
                        at_line(&error)
                    )
                }
            })?;
            check_text(part, &text).map_err(|problem| format!("{problem}{case}"))?;
        }
        if part == Part::Html {
            check_links(&render(&template, &replace_by_scripts(&values)).map_err(|error| describe_error(&error))?)?;
        }
    }
    Ok(())
}

fn sample(part: Part, message: Message, language: Language) -> Values {
    let content = samples::full(message, language);
    match part {
        Part::Sms => {
            let content = MessageContent { withheld: Withheld::LinksToEmail, ..content };
            sms_values(message, &content, Some(samples::UNSUBSCRIBE))
        }
        Part::Subject | Part::Text | Part::Html => email_values(message, &content, Some(samples::UNSUBSCRIBE)),
    }
}

/// Returns the used variables that may be missing. The two forms of the old time are missing together.
fn optional_variables(message: Message, used: &BTreeSet<String>) -> Vec<Vec<&'static str>> {
    let (old, other): (Vec<_>, Vec<_>) =
        offers(message).optional.iter().filter(|it| used.contains(**it)).partition(|it| it.starts_with("old_"));
    let old = if old.is_empty() { Vec::new() } else { vec![old] };
    old.into_iter().chain(other.into_iter().map(|it| vec![it])).collect()
}

/// Returns every combination, the smaller ones first, so that the first that fails names the fewest variables.
fn subsets(optional: &[Vec<&'static str>]) -> Vec<Vec<&'static str>> {
    let chosen = |bits: u32| (0..optional.len()).filter(move |at| bits & (1 << at) != 0);
    let mut subsets: Vec<_> = (0..1_u32 << optional.len()).collect();
    subsets.sort_by_key(|bits| bits.count_ones());
    subsets.into_iter().map(|bits| chosen(bits).flat_map(|at| optional[at].clone()).collect()).collect()
}

fn check_text(part: Part, text: &str) -> Result<(), String> {
    let tidied = tidy(part, text);
    if tidied.is_empty() {
        return Err("says nothing".to_owned());
    }
    match part {
        Part::Subject if text.trim().contains('\n') => Err("must be one line".to_owned()),
        Part::Sms => {
            let (segments, length) = (sms::measure(&tidied).segments, tidied.chars().count());
            if segments > MOST_SEGMENTS || length > LONGEST_SMS {
                let most = format!("{MOST_SEGMENTS} segments or {LONGEST_SMS} characters at most");
                return Err(format!("is too long for an SMS: {segments} segments, {length} characters; {most}"));
            }
            Ok(())
        }
        Part::Subject | Part::Text | Part::Html => Ok(()),
    }
}

/// Replaces the values that people write by scripts: a value at the start of an attribute could be a script.
fn replace_by_scripts(values: &Values) -> Values {
    let mut values = values.clone();
    for name in ["name", "greeting", "invitee", "event", "host", "place"] {
        if let Some(value) = values.get_mut(name) {
            *value = Value::from(format!("javascript:{name}"));
        }
    }
    values
}

fn check_links(html: &str) -> Result<(), String> {
    let bare: String = html.chars().filter(|c| !c.is_whitespace() && *c != '"' && *c != '\'').collect();
    let Some((_, after)) = bare.split_once("=javascript:") else { return Ok(()) };
    let name: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
    Err(format!("has {name} where an address belongs: only links may stand there"))
}

fn describe_error(error: &Error) -> String {
    let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    format!("can't be filled in: {why}{}", at_line(error))
}

fn at_line(error: &Error) -> String {
    error.line().map(|line| format!(" (line {line})")).unwrap_or_default()
}

fn list_printed(absent: &[&&str]) -> String {
    format!("says {}", absent.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or "))
}

/// Describes the case in which a problem occurs.
fn describe_case(absent: &[&&str], message: Message, language: Language) -> String {
    let names = absent.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" and ");
    let without = if names.is_empty() { String::new() } else { format!(", without {names}") };
    let notice = match message {
        Message::HostNotice(notice) => format!(", {}", notice.name()),
        _ => String::new(),
    };
    format!(" ({}{notice}{without})", language.tag())
}

/// A piece of a template's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Piece<'a> {
    /// Plain text.
    Words(&'a str),
    /// A variable's name, and the whole text of it.
    Variable(&'a str, &'a str),
}

/// Parses a template's text. EngageLab's documents write variables as `{{name}}` and as `{name}`.
pub(crate) fn parse_pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (words, from) = rest.split_at(at);
        let (open, close) = if from.starts_with("{{") { ("{{", "}}") } else { ("{", "}") };
        let Some(end) = from.find(close) else { break };
        let (whole, after) = from.split_at(end + close.len());
        pieces.push(Piece::Words(words));
        pieces.push(Piece::Variable(whole[open.len()..end].trim(), whole));
        rest = after;
    }
    pieces.push(Piece::Words(rest));
    pieces
}

/// Returns the problems of a template's text in the settings, such as characters that EngageLab does not approve.
fn check_template(template: &Template, path: &str) -> Vec<SettingsError> {
    let text = template.text.as_deref().filter(|_| template.provider == Provider::Engagelab).unwrap_or_default();
    let mut problems = Vec::new();
    if let Some(message) = messages_named(&template.filter.message).first() {
        let names = param_names(*message);
        problems.extend(parse_pieces(text).into_iter().filter_map(|piece| match piece {
            Piece::Variable(name, _) if !names.contains(&name) => {
                Some(format!("speaks of `{name}`, which there is not; there are: {}", names.join(", ")))
            }
            _ => None,
        }));
    }
    let is_test = |word: &str| word.eq_ignore_ascii_case("test");
    let forbidden = ["【", "】", "、", "[", "]", "测试"].into_iter().filter(|it| text.contains(it));
    let test = text.split(|c: char| !c.is_alphanumeric()).any(is_test).then_some("test");
    problems.extend(forbidden.chain(test).map(|it| format!("has {it} in it, which EngageLab does not allow")));
    problems.into_iter().map(|problem| SettingsError { path: path.to_owned(), problem }).collect()
}

#[cfg(test)]
mod tests {
    use domain::settings::{MessageFilter, WordingParts};

    use super::*;

    fn own(message: &str, part: Part, source: &str) -> Wording {
        let given = |of| (part == of).then(|| source.to_owned());
        let parts = WordingParts {
            sms: given(Part::Sms),
            subject: given(Part::Subject),
            text: given(Part::Text),
            html: given(Part::Html),
        };
        Wording { filter: MessageFilter::of(message), parts }
    }

    fn problem(message: &str, part: Part, source: &str) -> Option<String> {
        let errors = check_wording(&own(message, part, source), "wording[2]");
        assert!(errors.len() < 2, "{errors:?}");
        errors.first().map(ToString::to_string)
    }

    #[test]
    fn good_wording_passes() {
        for (message, part, source) in [
            ("reminder", Part::Sms, "Hi {{ name }}, {{ event }}: {{ short_time }}{% if link %} {{ link }}{% endif %}"),
            ("reminder", Part::Sms, "{% if link or place %}{{ link if link else place }}{% else %}Soon{% endif %}"),
            ("move", Part::Text, "{% if old_time %}{{ old_time }}, {{ old_short_time }}: {% endif %}{{ time }}"),
            ("host_notice", Part::Subject, "{% if notice == \"booked\" %}New{% else %}Changed{% endif %}: {{ event }}"),
            (
                "cancellation",
                Part::Html,
                "<p>{{ host }}</p>{% if booking_link %}<a href=\"{{ booking_link }}\">x</a>{% endif %}",
            ),
            ("not_booked", Part::Subject, "Sorry"),
        ] {
            assert_eq!(problem(message, part, source), None, "{source}");
        }
    }

    #[test]
    fn our_own_wording_passes() {
        for message in Message::SAMPLES {
            for language in Language::ALL {
                for part in Part::ALL {
                    let source = super::super::built_in::source(message, language, part).expect("wording");
                    assert_eq!(
                        check_part(part, source, &messages_named(message.name()), &[language]),
                        Ok(()),
                        "{source}"
                    );
                }
            }
        }
    }

    #[test]
    fn each_mistake_is_reported_with_its_path() {
        for (message, part, source, expected) in [
            (
                "reminder",
                Part::Sms,
                "Hi\n{{ name }",
                "wording[2].sms: can't be filled in: unexpected `}`, expected end of variable block (line 2)",
            ),
            (
                "reminder",
                Part::Sms,
                "{% if name %}",
                "wording[2].sms: can't be filled in: unexpected end of input, expected end of block (line 1)",
            ),
            (
                "reminder",
                Part::Text,
                "{% for x in name %}{% endfor %}",
                "wording[2].text: can't be filled in: `{% for %}` is not understood; there is only `if` (line 1)",
            ),
            (
                "not_booked",
                Part::Sms,
                "{{ host }}",
                "wording[2].sms: speaks of `host`, which there is not; there are: name, greeting, invitee, event, time, \
                 short_time, booking_link, details_by_email",
            ),
            (
                "reminder",
                Part::Sms,
                "Hi\n{{ link }}",
                "wording[2].sms: says `link`, which may be missing: it must stand inside an `if` (line 2)",
            ),
            (
                "reminder",
                Part::Sms,
                "{% if link %}{{ link }}{% else %}{{ place }}{% endif %}",
                "wording[2].sms: says `link` or `place`, which may be missing: it must stand inside an `if` (line 1)",
            ),
            ("reminder", Part::Text, "{% if link %}x{% endif %}", "wording[2].text: says nothing (en, without `link`)"),
            ("move", Part::Subject, "a\n{{ name }}", "wording[2].subject: must be one line (en)"),
            (
                "host_notice",
                Part::Subject,
                "{% if notice == 'moved' %}a\nb{% else %}a{% endif %}",
                "wording[2].subject: must be one line (en, moved)",
            ),
            (
                "follow_up",
                Part::Html,
                "<a href=\"{{ event }}\">x</a>",
                "wording[2].html: has event where an address belongs: only links may stand there",
            ),
            (
                "follow_up",
                Part::Html,
                "{{ name | upper }}",
                "wording[2].html: can't be filled in: the filter `upper` is unknown; there are none (line 1)",
            ),
            (
                "reminder",
                Part::Text,
                "Hi\n{{ 'a' * 100000000 }}",
                "wording[2].text: can't be filled in: `*` is not understood; to join texts, write `{{ a }}{{ b }}` (line 2)",
            ),
            (
                "farewell",
                Part::Html,
                "x",
                "wording[2].message: is no message; there are: confirmation, move, cancellation, reminder, follow_up, \
                 no_show, host_notice, reconfirmation, not_booked",
            ),
        ] {
            assert_eq!(problem(message, part, source).as_deref(), Some(expected), "{source}");
        }
        let long = problem("reminder", Part::Sms, &"ab ".repeat(600)).expect("a problem");
        assert!(long.contains("too long for an SMS: 12 segments, 1799 characters"), "{long}");
        let bomb = problem("reminder", Part::Sms, &"{% if name %}a{% endif %}".repeat(600)).expect("a problem");
        assert!(bomb.contains("more than 200 tags"), "{bomb}");
        let large = problem("reminder", Part::Html, &"a".repeat(template::LARGEST + 1)).expect("a problem");
        assert!(large.contains("it is longer than 16384 bytes"), "{large}");
    }

    #[test]
    fn a_wording_for_one_language_is_checked_in_that_language() {
        // Within GSM-7 in English, and twice as many segments for a Chinese time.
        let long = format!("{{{{ short_time }}}} {}", "a".repeat(800));
        let mut wording = own("reminder", Part::Sms, &long);
        assert_eq!(check_wording(&wording, "w").len(), 1);
        wording.filter.language = Some(Language::English);
        assert_eq!(check_wording(&wording, "w"), []);
    }

    #[test]
    fn texts_of_templates_are_checked() {
        let template = |provider, text: &str| Template {
            filter: MessageFilter::of("reminder"),
            provider,
            id: "1".to_owned(),
            text: Some(text.to_owned()),
        };
        let settings = Settings {
            templates: vec![
                template(Provider::Engagelab, "Hi {{name}}, {event}: {{time}} {{link}} — the latest"),
                template(Provider::Vai, "{{x}} [test]"),
                template(Provider::Engagelab, "{{x}} {name} {old_time} [a、b] Test {"),
            ],
            wording: vec![own("reminder", Part::Sms, "{{ link }}")],
            ..Settings::default()
        };
        let errors: Vec<_> = check(&settings).iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "wording[0].sms: says `link`, which may be missing: it must stand inside an `if` (line 1)",
                "templates[2].text: speaks of `x`, which there is not; there are: name, greeting, invitee, event, host, \
                 time, short_time, advance, link, place, cancel_link, reschedule_link",
                "templates[2].text: speaks of `old_time`, which there is not; there are: name, greeting, invitee, event, \
                 host, time, short_time, advance, link, place, cancel_link, reschedule_link",
                "templates[2].text: has 、 in it, which EngageLab does not allow",
                "templates[2].text: has [ in it, which EngageLab does not allow",
                "templates[2].text: has ] in it, which EngageLab does not allow",
                "templates[2].text: has test in it, which EngageLab does not allow",
            ]
        );
    }
}
