//! `preview`: shows every message as people would get it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clap::builder::PossibleValuesParser;
use domain::settings::{Channel, Provider, SettingsError};
use domain::{ConnectionName, Language, Message, Settings};
use engine::Store;
use notify::preview::{Cost, Preview, PreviewRequest, Shown, Transliterated, Variant, preview};
use notify::{Links, segment_table, wording};
use settings_document::DocumentError;

use crate::options::TableOptions;
use crate::report::{Terminal, print_text};
use crate::settings;

/// Shows messages as people would get them, in every language, with and without the optional values. Sends nothing.
///
/// It uses the default settings, those of a file, or those of a deployed stack. Only the last needs AWS.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these messages, separated by commas
    #[arg(
        long = "message", value_name = "NAMES", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Message::NAMES)
    )]
    messages: Vec<String>,
    /// Only in these languages: en, ro, da, zh-Hant
    #[arg(long = "language", value_name = "TAGS", value_delimiter = ',', value_parser = parse_language)]
    languages: Vec<Language>,
    /// Only by these channels: sms, email
    #[arg(long = "channel", value_name = "NAMES", value_delimiter = ',', value_parser = parse_channel)]
    channels: Vec<Channel>,
    /// As for this event type: the name, URI or UUID that the settings use
    #[arg(long, value_name = "NAME")]
    event_type: Option<String>,
    /// Use the settings of this document: .toml, .yaml or .json
    #[arg(long)]
    file: Option<PathBuf>,
    /// Use the connection's settings in the deployed stack
    #[arg(long, conflicts_with = "file", requires = "table_name")]
    deployed: bool,
    /// The table's name
    #[arg(long, env = "TABLE_NAME")]
    table_name: Option<String>,
    /// The base URL of the API, with which short links in SMS begin
    #[arg(long, env = "PUBLIC_URL")]
    public_url: Option<String>,
    /// Write each e-mail's HTML into this folder, for a browser
    #[arg(long, value_name = "FOLDER")]
    html: Option<PathBuf>,
}

fn parse_language(text: &str) -> Result<Language, String> {
    let tags = Language::ALL.map(Language::tag).join(", ");
    Language::ALL.into_iter().find(|it| it.tag() == text).ok_or_else(|| format!("is none of {tags}"))
}

fn parse_channel(text: &str) -> Result<Channel, String> {
    Channel::ALL.into_iter().find(|it| it.name() == text).ok_or_else(|| "is neither sms nor email".to_owned())
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let (settings, errors, origin) = match (&options.file, options.table_name) {
        (Some(file), _) => match settings::read_file_for_preview(file)? {
            Ok((settings, errors)) => (settings, errors, format!("the settings in {}", file.display())),
            Err(errors) => {
                settings::print_errors(&errors, terminal);
                let count = settings::count_errors(errors.len());
                terminal.print_error(format_args!("{count} in {}: nothing is shown.", file.display()));
                return Ok(false);
            }
        },
        (None, Some(table_name)) if options.deployed => {
            let settings = TableOptions { table_name }.open().await.load_settings(connection).await?;
            let unlocated = |it: SettingsError| DocumentError { line: None, path: it.path, problem: it.problem };
            let errors = wording::check(&settings).into_iter().map(unlocated).collect();
            (settings, errors, format!("the settings of {connection}"))
        }
        (None, _) => {
            (Settings::default(), Vec::new(), "the default settings; for others, give FILE=… or STACK=…".to_owned())
        }
    };
    let has_table = options.messages.is_empty();
    let request = PreviewRequest {
        messages: options.messages,
        languages: options.languages,
        channels: options.channels,
        event_type: options.event_type,
        wording: None,
    };
    let links = Links::new(options.public_url.filter(|it| !it.is_empty()));
    let preview = preview(&request, &settings, &links);
    print_text(&format!("Messages with {origin}\n\n{}", format_page(&preview, &settings)));
    if has_table {
        print_text(&format!("\n{}", segment_table(&settings)));
    }
    if let Some(folder) = &options.html {
        print_text(&format!("\n{}\n", write_html(&preview, folder)?));
    }
    settings::print_errors(&errors, terminal);
    Ok(errors.is_empty() && !preview.shown.iter().any(is_broken))
}

/// Whether our wording, or the connection's, can't be rendered. A template that only the provider knows is not broken.
fn is_broken(shown: &Shown) -> bool {
    shown.template.is_none() && shown.problem.is_some()
}

/// Formats all messages.
fn format_page(preview: &Preview, settings: &Settings) -> String {
    let mut page = String::new();
    let mut last: Option<&Shown> = None;
    for shown in &preview.shown {
        if last.is_none_or(|it| it.message != shown.message)
            && let Some(offers) = preview.offers.get(shown.message)
        {
            let _ = writeln!(page, "{}", shown.message);
            let _ = writeln!(page, "  can use {}", offers.always.join(", "));
            let _ = writeln!(page, "  and, inside an `if`, {}\n", offers.optional.join(", "));
        }
        if !preview.shown.iter().any(|it| is_repetition(it, shown)) {
            let _ = writeln!(page, "  {}\n{}", format_heading(shown), format_body(shown));
        }
        last = Some(shown);
    }
    let mut notes = Vec::new();
    if preview.shown.iter().any(|it| it.template.is_none() && it.providers.is_empty()) {
        let senders: Vec<_> = Provider::ALL.into_iter().filter(|it| !it.has_templates()).map(Provider::name).collect();
        notes.push(format!(
            "Our wording is sent by {} only. The settings name none of them for some of these messages.",
            senders.join(", ")
        ));
    }
    if settings.sms_price.is_none() && preview.shown.iter().any(|it| it.cost.is_some()) {
        notes.push(
            "The prices are the highest list prices in the country. The settings' `sms_price` replaces them."
                .to_owned(),
        );
    }
    page.push_str(&notes.join("\n"));
    page.trim_end().to_owned() + "\n"
}

/// Whether `bare` repeats `full`: the message has no optional values.
fn is_repetition(full: &Shown, bare: &Shown) -> bool {
    let bare_as_full = Shown { variant: Variant::Full, html: full.html.clone(), ..bare.clone() };
    bare.variant == Variant::Bare && *full == bare_as_full
}

fn format_heading(shown: &Shown) -> String {
    let notice = shown.notice.map(|it| format!(" ({it})")).unwrap_or_default();
    let channel = match shown.channel {
        Channel::Sms => "SMS",
        Channel::Email => "e-mail",
    };
    let titles: Vec<_> = shown.providers.iter().map(|it| it.title()).collect();
    let by = match &shown.template {
        Some(id) => format!("by {}, template {id}", titles.join(", ")),
        None if titles.is_empty() => "in our wording, which no provider sends".to_owned(),
        None => format!("by {}", titles.join(", ")),
    };
    let bare = match shown.variant {
        Variant::Full => "",
        Variant::Bare => ", without optional values",
    };
    let only_for = shown.only_for.as_ref().map(|it| format!(" with {it}")).unwrap_or_default();
    format!("{}{notice}{only_for}, {}, {channel} {by}{bare}", shown.message, shown.language.tag())
}

fn format_body(shown: &Shown) -> String {
    let mut body = String::new();
    if let Some(subject) = &shown.subject {
        let _ = writeln!(body, "    [{subject}]");
    }
    for line in shown.text.iter().flat_map(|it| it.lines()) {
        let indent = if line.is_empty() { "" } else { "    " };
        let _ = writeln!(body, "{indent}{line}");
    }
    if let Some(cost) = &shown.cost {
        let _ = writeln!(body, "    -- {}", format_cost(cost, shown.transliterated.as_ref()));
    }
    if let Some(problem) = &shown.problem {
        let mark = if is_broken(shown) { "PROBLEM: " } else { "" };
        let _ = writeln!(body, "    {mark}{problem}");
    }
    body
}

/// Formats a cost: `2 segments of UCS-2 (because of ă, ș): 0.09 EUR; without diacritics 1 segment, 0.045 EUR`.
fn format_cost(cost: &Cost, transliterated: Option<&Transliterated>) -> String {
    let culprits = if cost.culprits.is_empty() { String::new() } else { format!(" (because of {})", cost.culprits) };
    let price = |before: &str, cost: &Cost| cost.price.as_ref().map(|it| format!("{before}{it}")).unwrap_or_default();
    let own = format!("{} of {}{culprits}{}", segments(cost), cost.encoding.name(), price(": ", cost));
    let other =
        transliterated.map(|it| format!("; without diacritics {}{}", segments(&it.cost), price(", ", &it.cost)));
    own + &other.unwrap_or_default()
}

fn segments(cost: &Cost) -> String {
    let s = if cost.segments == 1 { "" } else { "s" };
    format!("{} segment{s}", cost.segments)
}

fn write_html(preview: &Preview, folder: &Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} can't be created", folder.display()))?;
    let mut files = 0;
    for shown in &preview.shown {
        if let Some(html) = &shown.html {
            let file = folder.join(file_name(shown));
            std::fs::write(&file, html).with_context(|| format!("{} can't be written", file.display()))?;
            files += 1;
        }
    }
    Ok(match files {
        0 => "There are no e-mails among these messages.".to_owned(),
        1 => format!("The HTML of one e-mail is in {}.", folder.display()),
        _ => format!("The HTML of {files} e-mails is in {}.", folder.display()),
    })
}

fn file_name(shown: &Shown) -> String {
    let notice = shown.notice.map(|it| format!("-{it}")).unwrap_or_default();
    let bare = match shown.variant {
        Variant::Full => "",
        Variant::Bare => ".bare",
    };
    let only_for = shown.only_for.iter().flat_map(|it| it.split(|c: char| !c.is_alphanumeric()));
    let only_for: String = only_for.filter(|it| !it.is_empty()).map(|it| format!("-{it}")).collect();
    format!("{}{notice}{only_for}.{}{bare}.html", shown.message, shown.language.tag())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn preview_of(document: &Value, request: Value) -> (Preview, Settings) {
        let settings = Settings::check(document).expect("settings");
        (preview(&serde_json::from_value(request).expect("a request"), &settings, &Links::default()), settings)
    }

    fn page_of(document: &Value, request: Value) -> String {
        let (preview, settings) = preview_of(document, request);
        format_page(&preview, &settings)
    }

    #[test]
    fn an_sms_is_followed_by_its_cost() {
        let document = json!({
            "sms_price": "0.045 EUR", "senders": {"twilio": "VAI"},
            "providers": {"sms": ["twilio"]},
            "wording": [{"message": "reminder", "sms": "Bună, {{ name }}!{% if link %} {{ link }}{% endif %}"}],
        });
        let page = page_of(&document, json!({"messages": ["reminder"], "languages": ["ro"], "channels": ["sms"]}));
        let expected = [
            "reminder",
            "  can use name, greeting, invitee, event, host, time, short_time, advance",
            "  and, inside an `if`, link, place, cancel_link, reschedule_link, details_by_email",
            "",
            "  reminder, ro, SMS by Twilio",
            "    Bună, Ana! https://zoom.example/j/98765432101?pwd=Qk1sV2pJ",
            "    -- 1 segment of UCS-2 (because of ă): 0.045 EUR",
            "",
            "  reminder, ro, SMS by Twilio, without optional values",
            "    Bună, Ana!",
            "    -- 1 segment of UCS-2 (because of ă): 0.045 EUR",
            "",
        ];
        assert_eq!(page, expected.join("\n"));
    }

    #[test]
    fn a_list_price_is_told_as_such() {
        let note = "The prices are the highest list prices in the country. The settings' `sms_price` replaces them.";
        for (own, currency) in [(None, "USD"), (Some("0.045 EUR"), "EUR")] {
            let mut document = json!({"providers": {"sms": ["twilio"]}, "senders": {"twilio": "VAI"}});
            if let Some(price) = own {
                document["sms_price"] = json!(price);
            }
            let page = page_of(&document, json!({"messages": ["no_show"], "languages": ["ro"], "channels": ["sms"]}));
            assert_eq!(page.contains(note), own.is_none(), "{page}");
            assert!(page.contains(&format!(" {currency}\n")), "{page}");
        }
    }

    #[test]
    fn the_cost_of_diacritics_is_shown() {
        let cost = |segments, culprits: &str, encoding, price: Option<&str>| Cost {
            encoding,
            units: 100,
            segments,
            culprits: culprits.to_owned(),
            price: price.map(str::to_owned),
        };
        use notify::sms::Encoding::{Gsm7, Ucs2};
        let transliterated = |price| Transliterated { text: String::new(), cost: cost(1, "", Gsm7, price) };
        assert_eq!(
            format_cost(&cost(2, "ă, ș", Ucs2, Some("0.09 EUR")), Some(&transliterated(Some("0.045 EUR")))),
            "2 segments of UCS-2 (because of ă, ș): 0.09 EUR; without diacritics 1 segment, 0.045 EUR"
        );
        assert_eq!(
            format_cost(&cost(2, "ă", Ucs2, None), Some(&transliterated(None))),
            "2 segments of UCS-2 (because of ă); without diacritics 1 segment"
        );
        assert_eq!(format_cost(&cost(1, "", Gsm7, Some("0.045 EUR")), None), "1 segment of GSM-7: 0.045 EUR");
    }

    #[test]
    fn each_message_names_its_providers() {
        let document = json!({
            "providers": {"sms": ["engagelab"], "email": ["ses"]}, "senders": {"email": "a@example.com"},
            "templates": [{"message": "host_notice", "provider": "engagelab", "id": "7"}],
        });
        let page = page_of(&document, json!({"messages": ["host_notice"], "languages": ["en"]}));
        for part in [
            "host_notice (booked), en, SMS in our wording, which no provider sends\n",
            "host_notice (moved), en, SMS by EngageLab, template 7\n    EngageLab knows what the template says",
            "host_notice (canceled), en, e-mail by Amazon SES\n    [",
            "Our wording is sent by ",
            "twilio, ses, brevo only. The settings name none of them for some of these messages.\nThe prices are the highest list",
        ] {
            assert!(page.contains(part), "{part:?} is not in:\n{page}");
        }
        assert!(!page.contains("PROBLEM"), "{page}");
        assert_eq!(page.matches("template 7").count(), 3, "a template is shown once");
    }

    #[test]
    fn broken_wording_is_shown_as_a_problem() {
        let document = json!({"wording": [{"message": "reminder", "sms": "{{ link }}"}]});
        let (preview, settings) = preview_of(&document, json!({"messages": ["reminder"], "channels": ["sms"]}));
        assert!(preview.shown.iter().any(is_broken));
        assert!(
            format_page(&preview, &settings).contains("    PROBLEM: wording of reminder, ro, sms: undefined value")
        );
        let (preview, _) = preview_of(&json!({}), json!({}));
        assert!(!preview.shown.iter().any(is_broken));
    }

    #[test]
    fn each_e_mail_has_a_file_of_its_own() {
        let (preview, _) = preview_of(&json!({}), json!({}));
        let mails: Vec<_> = preview.shown.iter().filter(|it| it.html.is_some()).map(file_name).collect();
        let names: BTreeSet<_> = mails.iter().collect();
        assert_eq!(names.len(), mails.len());
        assert_eq!(mails.len(), Message::SAMPLES.len() * Language::ALL.len() * 2);
        for name in ["reminder.ro.html", "host_notice-moved.zh-Hant.bare.html"] {
            assert!(mails.iter().any(|it| it == name), "{name}");
        }
    }
}
