//! Every message as people would get it, without sending any: sample messages in the wording of the settings.
//!
//! An SMS in English is shown as to a number in the United Kingdom, in Romanian as to one in Romania, in Danish as to
//! one in Denmark, in Chinese as to one in Taiwan: by the country go the price, and whether links are short ones of our
//! own.

use std::collections::{BTreeMap, BTreeSet};

use domain::settings::{Channel, MessageFilter, Price, Provider, Settings, SettingsError, Wording, WordingParts};
use domain::{BookingSource, Language, Message, MessageContent, SmsTerms, links_to_shorten, sms_terms};
use serde::{Deserialize, Serialize};

use crate::fit::shorten;
use crate::links::Links;
use crate::sms::{Encoding, measure, transliterate};
use crate::wording::{self, Broken, Offers, check_wording, fill_template, messages_named, offers};
use crate::{phrases, samples};

/// The messages to show. An empty list means all, or those that `wording` is for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreviewRequest {
    /// The messages, by name.
    pub messages: Vec<String>,
    /// The languages.
    pub languages: Vec<Language>,
    /// The channels.
    pub channels: Vec<Channel>,
    /// The event type, by the name or id that the settings use.
    pub event_type: Option<String>,
    /// A wording to use that need not be saved.
    pub wording: Option<Wording>,
}

/// The answer to a [`PreviewRequest`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Preview {
    /// One entry for each message, language, channel and variant, in the order of their lists.
    pub shown: Vec<Shown>,
    /// The variables of each of these messages.
    pub offers: BTreeMap<&'static str, Offers>,
    /// The problems of the request's wording.
    pub problems: Vec<Problem>,
}

/// A problem of the request: where, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// The path of the value, for example `wording.sms`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        Self { path: error.path, problem: error.problem }
    }
}

/// Which of the optional values the sample has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// All of it.
    Full,
    /// None of it.
    Bare,
}

impl Variant {
    /// The name that is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Bare => "bare",
        }
    }
}

/// One message as a person would get it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Shown {
    /// The name of the message.
    pub message: &'static str,
    /// The kind of a notice to a host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<&'static str>,
    /// The host, source and minutes that this wording or template is only for, as `reminder 60 minutes before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_for: Option<String>,
    /// The language.
    pub language: Language,
    /// The channel.
    pub channel: Channel,
    /// Which of the optional values it has.
    pub variant: Variant,
    /// The providers that would send it so. Our wording may have none: when all providers of the settings use
    /// templates.
    pub providers: Vec<Provider>,
    /// The provider's template, when it is not our wording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// An e-mail's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The SMS, or the e-mail as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The e-mail's HTML document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The cost of the SMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The SMS without diacritics, when that costs less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transliterated: Option<Transliterated>,
    /// Why there is nothing to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The cost of an SMS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Cost {
    /// The encoding.
    pub encoding: Encoding,
    /// The length, in units of the encoding.
    pub units: usize,
    /// The number of segments that are sent and paid for.
    pub segments: usize,
    /// The characters outside GSM-7, because of which a segment holds 70 characters and not 160: `ă, ș`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub culprits: String,
    /// The price: the settings', else the highest list price in the country, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
}

/// An SMS without diacritics.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Transliterated {
    /// The text.
    pub text: String,
    /// The cost of it.
    pub cost: Cost,
}

/// Renders the messages of a request, with short links in SMS where `links` has them. Makes no call: equal requests and
/// settings give equal previews.
pub fn preview(request: &PreviewRequest, settings: &Settings, links: &Links) -> Preview {
    let (messages, mut problems) = messages(request);
    let languages = languages(request);
    let channels = some_or(&request.channels, &Channel::ALL);
    let mut shown = Vec::new();
    for message in &messages {
        for case in cases(*message, request, settings) {
            for language in &languages {
                for channel in &channels {
                    for variant in [Variant::Full, Variant::Bare] {
                        let case = &case;
                        let (message, language) = (*message, *language);
                        let sample = Sample { request, settings, links, case, message, language, variant };
                        // A case is shown only where it differs from the general one.
                        let is_new = |it: &Shown| {
                            it.only_for.is_none() || !shown.contains(&Shown { only_for: None, ..it.clone() })
                        };
                        let rendered: Vec<_> = sample.render(*channel).into_iter().filter(is_new).collect();
                        shown.extend(rendered);
                    }
                }
            }
        }
    }
    if let Some(wording) = &request.wording {
        problems.extend(check_wording(wording, "wording").into_iter().map(Problem::from));
    }
    Preview { shown, offers: messages.iter().map(|it| (it.name(), offers(*it))).collect(), problems }
}

fn messages(request: &PreviewRequest) -> (Vec<Message>, Vec<Problem>) {
    let of_wording = request.wording.as_ref().map(|it| messages_named(&it.filter.message)).unwrap_or_default();
    if request.messages.is_empty() {
        return (some_or(&of_wording, &Message::SAMPLES), Vec::new());
    }
    let unknown = request.messages.iter().enumerate().filter(|(_, it)| messages_named(it).is_empty());
    let problems = unknown.map(|(at, _)| Problem {
        path: format!("messages[{at}]"),
        problem: format!("is no message; there are: {}", Message::NAMES.join(", ")),
    });
    let wanted = Message::SAMPLES.into_iter().filter(|it| request.messages.iter().any(|name| name == it.name()));
    (wanted.collect(), problems.collect())
}

fn languages(request: &PreviewRequest) -> Vec<Language> {
    let of_wording: Vec<_> = request.wording.iter().filter_map(|it| it.filter.language).collect();
    some_or(&request.languages, &some_or(&of_wording, &Language::ALL))
}

fn some_or<T: Clone>(given: &[T], otherwise: &[T]) -> Vec<T> {
    if given.is_empty() { otherwise.to_vec() } else { given.to_vec() }
}

/// The host, source and minutes by which settings distinguish messages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Case {
    minutes: Option<u32>,
    host: Option<String>,
    source: Option<BookingSource>,
}

impl Case {
    fn of(filter: &MessageFilter) -> Self {
        Self { minutes: filter.minutes, host: filter.host.clone(), source: filter.source }
    }

    /// Returns how it is shown; `None` for a message to which none of the settings' cases applies.
    fn describe(&self) -> Option<String> {
        let minutes = self.minutes.map(|it| format!("minutes = {it}"));
        let host = self.host.as_ref().map(|it| format!("host = {it:?}"));
        let source = self.source.map(|it| format!("source = {:?}", it.name()));
        let parts: Vec<_> = [minutes, host, source].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Returns the cases of a message: first the general one, then each that the settings or the request name.
fn cases(message: Message, request: &PreviewRequest, settings: &Settings) -> Vec<Case> {
    let wordings = settings.wording.iter().chain(&request.wording).map(|it| &it.filter);
    let filters = wordings.chain(settings.templates.iter().map(|it| &it.filter));
    let applies = |it: &&MessageFilter| {
        it.message == message.name() && (it.event_type.is_none() || it.event_type == request.event_type)
    };
    let named: BTreeSet<_> = filters.filter(applies).map(Case::of).filter(|it| *it != Case::default()).collect();
    std::iter::once(Case::default()).chain(named).collect()
}

/// A message, case, language and variant.
struct Sample<'a> {
    request: &'a PreviewRequest,
    settings: &'a Settings,
    links: &'a Links,
    message: Message,
    case: &'a Case,
    language: Language,
    variant: Variant,
}

impl Sample<'_> {
    /// Renders it for a channel: in our wording, and in each template that the settings name.
    fn render(&self, channel: Channel) -> Vec<Shown> {
        let providers = self.settings.providers_of(self.message, channel);
        let (templated, worded): (Vec<Provider>, Vec<Provider>) = providers.iter().partition(|it| it.has_templates());
        let mut shown = vec![self.render_wording(channel, worded)];
        shown.extend(templated.into_iter().filter_map(|provider| self.render_template(channel, provider)));
        shown
    }

    fn render_wording(&self, channel: Channel, providers: Vec<Provider>) -> Shown {
        let empty = Shown { providers, ..self.empty(channel) };
        let mut content = self.content(channel);
        let shown = match channel {
            Channel::Sms => {
                let plain = self.settings.transliterate.contains(&self.language);
                let render =
                    |content: &MessageContent| wording::render_sms(self.message, content, self.unsubscribe(), plain);
                // As it would be sent. What can't be rendered is shown as a problem.
                shorten(&mut content, self.settings.sms_budget.most_segments, |content| render(content).ok());
                render(&content).map(|text| self.sms(text, &empty))
            }
            Channel::Email => wording::render_email(self.message, &content, self.unsubscribe()).map(|mail| Shown {
                subject: Some(mail.subject),
                text: Some(mail.text),
                html: Some(mail.html),
                ..empty.clone()
            }),
        };
        shown.unwrap_or_else(|Broken(problem)| Shown { problem: Some(problem), ..empty })
    }

    /// `None` when the settings name no template.
    fn render_template(&self, channel: Channel, provider: Provider) -> Option<Shown> {
        let template = self.settings.template_for(&self.filter(), provider)?;
        let (id, text) = (&template.id, template.text.as_deref());
        let empty = Shown { providers: vec![provider], template: Some(id.to_owned()), ..self.empty(channel) };
        let mut content = self.content(channel);
        Some(match (text, channel) {
            (Some(text), Channel::Sms) => {
                let fill = |content: &MessageContent| fill_template(text, self.message, content, self.unsubscribe());
                let most = self.settings.sms_budget.most_segments;
                shorten(&mut content, most, |content| Some(fill(content)));
                self.sms(fill(&content), &empty)
            }
            (_, Channel::Email) => {
                let subject = phrases::subject(self.message, self.language, &content.event);
                let problem = format!("{} knows what the template says", provider.title());
                Shown { subject: Some(subject), problem: Some(problem), ..empty }
            }
            (None, Channel::Sms) => {
                let problem = format!("{} knows what the template says: add its `text` to see it", provider.title());
                Shown { problem: Some(problem), ..empty }
            }
        })
    }

    fn sms(&self, text: String, empty: &Shown) -> Shown {
        let price = self.terms().segment_price;
        let own = cost(&text, price.as_ref());
        let plain = transliterate(&text);
        let cheaper = Transliterated { cost: cost(&plain, price.as_ref()), text: plain };
        let transliterated = (cheaper.cost.segments < own.segments).then_some(cheaper);
        Shown { text: Some(text), cost: Some(own), transliterated, ..empty.clone() }
    }

    fn empty(&self, channel: Channel) -> Shown {
        let notice = match self.message {
            Message::HostNotice(notice) => Some(notice.name()),
            _ => None,
        };
        Shown {
            message: self.message.name(),
            notice,
            only_for: self.case.describe(),
            language: self.language,
            channel,
            variant: self.variant,
            providers: Vec::new(),
            template: None,
            subject: None,
            text: None,
            html: None,
            cost: None,
            transliterated: None,
            problem: None,
        }
    }

    fn content(&self, channel: Channel) -> MessageContent {
        let sample = match self.variant {
            Variant::Full => samples::full(self.message, self.language),
            Variant::Bare => samples::bare(self.message, self.language),
        };
        let mut content = MessageContent { wording: self.wording(), brand: self.terms().brand, ..sample };
        if let (Channel::Sms, Some(base)) = (channel, self.links.base_of_short_links()) {
            for (purpose, url) in links_to_shorten(base, self.message, &self.terms().limits, &mut content) {
                *url = samples::short_link(base, purpose);
            }
        }
        content
    }

    /// Returns what an SMS to the sample's number may not have, and what it costs.
    fn terms(&self) -> SmsTerms {
        sms_terms(samples::country(self.language), self.message, self.settings)
    }

    fn unsubscribe(&self) -> Option<&'static str> {
        (self.variant == Variant::Full).then_some(samples::UNSUBSCRIBE)
    }

    /// Returns the settings' wording, with the parts of the request's wording in place of theirs.
    fn wording(&self) -> WordingParts {
        let filter = self.filter();
        let saved = self.settings.wording_for(&filter);
        let new = self.request.wording.as_ref().filter(|it| it.filter.includes(&filter));
        new.map(|it| it.parts.clone()).unwrap_or_default().or(saved)
    }

    /// Returns the filter for exactly the messages that this is a sample of.
    fn filter(&self) -> MessageFilter {
        let Case { minutes, host, source } = self.case.clone();
        let event_type = self.request.event_type.clone();
        let language = Some(self.language);
        MessageFilter { language, event_type, host, source, minutes, ..MessageFilter::of(self.message.name()) }
    }
}

/// The most characters in [`Cost::culprits`]: a text with more is in another script.
const MOST_CULPRITS: usize = 12;

fn cost(text: &str, price: Option<&Price>) -> Cost {
    let measure = measure(text);
    let mut culprits: Vec<_> = measure.culprits.iter().take(MOST_CULPRITS).map(char::to_string).collect();
    if measure.culprits.len() > MOST_CULPRITS {
        culprits.push("...".to_owned());
    }
    Cost {
        encoding: measure.encoding,
        units: measure.units,
        segments: measure.segments,
        culprits: culprits.join(", "),
        price: price.map(|it| it.times(measure.segments)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(request: Value, settings: &Settings) -> Preview {
        shown_with(request, settings, None)
    }

    fn shown_with(request: Value, settings: &Settings, public_url: Option<&str>) -> Preview {
        let links = Links::new(public_url.map(str::to_owned));
        preview(&serde_json::from_value(request).expect("a request"), settings, &links)
    }

    fn settings(document: Value) -> Settings {
        Settings::check(&document).expect("settings")
    }

    #[test]
    fn an_empty_request_shows_everything() {
        let preview = shown(json!({}), &Settings::default());
        let worded = preview.shown.iter().filter(|it| it.template.is_none());
        assert_eq!(worded.count(), Message::SAMPLES.len() * Language::ALL.len() * 2 * 2);
        assert!(preview.shown.iter().all(|it| it.template.is_some() || it.problem.is_none()), "{preview:?}");
        assert_eq!(preview.offers.len(), Message::NAMES.len());
        assert_eq!(preview.problems, []);
    }

    #[test]
    fn an_sms_has_its_cost_and_a_cheaper_variant() {
        let settings = settings(json!({"sms_price": "0.045 EUR"}));
        let preview = shown(json!({"messages": ["reminder"], "languages": ["ro"], "channels": ["sms"]}), &settings);
        let full = &preview.shown[0];
        let (cost, cheaper) =
            (full.cost.as_ref().expect("a cost"), full.transliterated.as_ref().expect("a cheaper one"));
        assert_eq!(cost.encoding, Encoding::Ucs2);
        assert!(cost.culprits.starts_with("ă, ț"), "{cost:?}");
        assert!(cheaper.cost.segments < cost.segments);
        assert_eq!(cheaper.cost.encoding, Encoding::Gsm7);
        assert_eq!(cost.price, Some(settings.sms_price.as_ref().expect("a price").times(cost.segments)));

        let settings = Settings { transliterate: vec![Language::Romanian], ..settings };
        let preview = shown(json!({"messages": ["reminder"], "languages": ["ro"], "channels": ["sms"]}), &settings);
        assert_eq!(preview.shown[0].text.as_ref(), Some(&cheaper.text));
        assert_eq!(preview.shown[0].transliterated, None);
    }

    #[test]
    fn a_providers_template_is_filled_in() {
        let settings = settings(json!({
            "providers": {"sms": ["engagelab", "twilio"], "email": ["vai", "ses"]},
            "senders": {"twilio": "VAI", "email": "a@example.com"},
            "templates": [
                {"message": "reminder", "provider": "engagelab", "id": "7", "text": "Hi {{name}}, {event}: {link} {x}"},
                {"message": "reminder", "provider": "engagelab", "id": "8", "language": "da"},
                {"message": "reminder", "provider": "vai", "id": "vai_reminder"},
            ],
        }));
        let preview = shown(json!({"messages": ["reminder"], "languages": ["en", "da"]}), &settings);
        let of = |language, template: &str, variant| {
            let found = preview.shown.iter().find(|it| {
                it.language == language && it.template.as_deref() == Some(template) && it.variant == variant
            });
            found.cloned().expect("it is shown")
        };
        let english = of(Language::English, "7", Variant::Bare);
        assert_eq!(english.text.as_deref(), Some("Hi Emma, Product demo: link to follow {x}"));
        assert_eq!(english.cost.expect("a cost").segments, 1);
        let danish = of(Language::Danish, "8", Variant::Full);
        assert_eq!(danish.text, None);
        assert_eq!(danish.problem.as_deref(), Some("EngageLab knows what the template says: add its `text` to see it"));
        assert_eq!(
            of(Language::English, "vai_reminder", Variant::Full).subject.as_deref(),
            Some("Reminder: Product demo")
        );
        let worded = preview.shown.iter().find(|it| it.template.is_none()).expect("wording");
        assert_eq!(worded.providers, [Provider::Twilio]);
    }

    /// Three templates as VAI's guide to EngageLab prints them: as EngageLab's templates, and as wording of our own.
    #[test]
    fn templates_in_chinese_work_as_their_owners_print_them() {
        let printed = [
            ("confirmation", "您好 {{name}},您的會議已確認,時間:{{time}},期待與您相見。"),
            ("cancellation", "您好 {{name}},您的會議預約已取消,如需改期請與我們聯絡。"),
            ("reminder", "您好 {{name}},您有一場會議將在 {{advance}} 後開始,時間:{{time}},請提前準備。"),
        ];
        let template = |(message, text): &(&str, &str)| json!({"message": message, "provider": "engagelab", "id": "1", "text": text});
        let wording = |(message, text): &(&str, &str)| json!({"message": message, "language": "zh-Hant", "sms": text});
        let templates = settings(json!({"templates": printed.iter().map(template).collect::<Vec<_>>()}));
        let own = settings(json!({
            "providers": {"sms": ["twilio"]},
            "senders": {"twilio": "VAI"},
            "wording": printed.iter().map(wording).collect::<Vec<_>>(),
        }));
        let request = json!({
            "messages": ["confirmation", "cancellation", "reminder"], "languages": ["zh-Hant"], "channels": ["sms"],
        });
        let texts = [&templates, &own].map(|settings| {
            assert_eq!(crate::wording::check(settings), []);
            let preview = shown(request.clone(), settings);
            let full = preview.shown.iter().filter(|it| it.variant == Variant::Full).filter_map(|it| it.text.clone());
            // Our own wording is shown too, for providers that send it.
            full.filter(|it| it.starts_with("您好")).collect::<Vec<_>>().join("\n")
        });
        assert_eq!(texts[0], texts[1]);
        insta::assert_snapshot!(texts[0], @"
        您好 王小明,您的會議已確認,時間:2026年10月15日星期四 下午3:30（台北時間）,期待與您相見。
        您好 王小明,您的會議預約已取消,如需改期請與我們聯絡。
        您好 王小明,您有一場會議將在 1 小時 後開始,時間:2026年10月15日星期四 下午3:30（台北時間）,請提前準備。
        ");
    }

    #[test]
    fn an_sms_has_short_links_where_they_would_be_sent() {
        let request = json!({"messages": ["confirmation"]});
        let has_short_links = |settings: &Settings, public_url: &str, language: Language, channel: Channel| {
            let preview = shown_with(request.clone(), settings, Some(public_url));
            let is_meant = |it: &&Shown| (it.language, it.channel, it.variant) == (language, channel, Variant::Full);
            let text = preview.shown.iter().find(is_meant).and_then(|it| it.text.clone()).expect("a text");
            assert_eq!(text.contains("/m/Qk1sV2pJ"), text.contains("/m/7c41Ad0b"), "{text}");
            assert_ne!(text.contains("/m/9a6e5cQ1"), text.contains("https://calendly.com/"), "{text}");
            text.contains("https://m.test/m/9a6e5cQ1")
        };
        let own = "https://m.test";
        let default = Settings::default();
        for language in [Language::English, Language::Romanian, Language::Danish] {
            assert!(has_short_links(&default, own, language, Channel::Sms), "{language:?}");
            assert!(!has_short_links(&default, own, language, Channel::Email), "{language:?}");
        }
        let long = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com";
        assert!(!has_short_links(&default, long, Language::Danish, Channel::Sms));
        // Carriers in Taiwan let no link through that is not registered.
        assert!(!has_short_links(&default, own, Language::TraditionalChinese, Channel::Sms));
        let registered = settings(json!({"sms_link_domains": {"TW": ["m.test"], "RO": ["calendly.com"]}}));
        assert!(has_short_links(&registered, own, Language::TraditionalChinese, Channel::Sms));
        assert!(!has_short_links(&registered, own, Language::Romanian, Channel::Sms));
    }

    #[test]
    fn without_a_price_in_the_settings_an_sms_costs_the_list_price_of_its_country() {
        let price = |language: &str, settings: &Settings| {
            let preview =
                shown(json!({"messages": ["cancellation"], "languages": [language], "channels": ["sms"]}), settings);
            let bare = preview.shown.into_iter().find(|it| it.variant == Variant::Bare).and_then(|it| it.cost);
            let Cost { segments, price, .. } = bare.expect("a cost");
            (segments, price.expect("a price"))
        };
        assert_eq!(price("en", &Settings::default()), (1, "0.056 USD".to_owned()));
        assert_eq!(price("ro", &Settings::default()), (2, "0.1562 USD".to_owned()));
        assert_eq!(price("ro", &settings(json!({"sms_price": "0.045 EUR"}))), (2, "0.09 EUR".to_owned()));
    }

    #[test]
    fn unsaved_wording_is_shown_and_checked() {
        let settings = settings(json!({"wording": [
            {"message": "no_show", "language": "en", "sms": "Saved", "subject": "Saved"},
            {"message": "no_show", "event_type": "Sales", "text": "Sales"},
        ]}));
        let wording =
            json!({"message": "no_show", "language": "en", "sms": "New, {{ name }}", "html": "{{ booking_link }}"});
        let preview = shown(json!({"wording": wording, "event_type": "Sales"}), &settings);
        let [sms, _, full, bare] = &preview.shown[..] else { panic!("{:?}", preview.shown) };
        assert_eq!((sms.text.as_deref(), sms.language), (Some("New, Emma"), Language::English));
        assert_eq!((full.subject.as_deref(), full.text.as_deref()), (Some("Saved"), Some("Sales")));
        assert!(full.html.as_deref().is_some_and(|it| it.contains("https://calendly.com/d/")));
        assert_eq!(bare.problem.as_deref(), Some("wording of no_show, en, html: undefined value in line 1"));
        let problem = "says `booking_link`, which may be missing: it must stand inside an `if` (line 1)";
        assert_eq!(preview.problems, [Problem { path: "wording.html".to_owned(), problem: problem.to_owned() }]);
    }

    #[test]
    fn an_unknown_message_is_a_problem() {
        let preview = shown(json!({"messages": ["reminder", "farewell"]}), &Settings::default());
        assert_eq!(preview.problems[0].path, "messages[1]");
        assert!(preview.shown.iter().all(|it| it.message == "reminder"));
    }

    #[test]
    fn a_preview_is_json() {
        let request = json!({"messages": ["not_booked"], "languages": ["zh-Hant"], "channels": ["sms"]});
        let preview = shown(request, &settings(json!({"sms_price": "0.045 EUR"})));
        insta::assert_snapshot!(serde_json::to_string_pretty(&preview).expect("JSON"));
    }
}
