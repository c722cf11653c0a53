use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

/// The settings that seed 001 prints, with its line breaks restored.
const CONNECTOR: &str = include_str!("../tests/connector.yaml");

fn now() -> Timestamp {
    "2026-11-26T10:00:00Z".parse().expect("an instant")
}

fn yaml(text: &str) -> Result<Settings, Vec<DocumentError>> {
    read_text(text, Format::Yaml, now())
}

fn toml(text: &str) -> Result<Settings, Vec<DocumentError>> {
    read_text(text, Format::Toml, now())
}

/// The errors, one line each.
fn lines(result: Result<Settings, Vec<DocumentError>>) -> String {
    result.expect_err("errors").iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_printed_document_is_accepted_as_it_is() {
    let settings = yaml(CONNECTOR).expect("settings");
    assert!(settings.enabled);
    let crm = settings.crm.expect("a CRM");
    assert_snapshot!(::toml::to_string(&crm).expect("TOML"), @r#"
    contacts = true
    events = true
    cancellations = true

    [attributes]
    BOOKING_STATUS = "status"
    CALENDLY_EVENT_TYPE = "event_type"
    FIRSTNAME = "first_name"
    MEETING_DATE = "start_date"

    [attributes.COMPANY]
    answer_matching = '\bcompany\b'

    [attributes.JOB_TITLE]
    answer_matching = '\brole\b'

    [attributes.SMS]
    phone_matching = '\bphone\b'

    [statuses]
    canceled = "cancelled"

    [[lists]]
    id = 11
    event_type = "https://api.calendly.com/event_types/xyz789"
    unlink_on_cancellation = false
    marketing = false

    [[lists]]
    id = 10
    event_type = "https://api.calendly.com/event_types/abc123"
    unlink_on_cancellation = false
    marketing = false
    "#);
}

#[test]
fn each_key_of_the_connector_does_what_it_says() {
    let read = |more: &str| {
        yaml(&format!("connectors:\n  calendly:\n    {}\n", more.replace('\n', "\n    "))).expect("settings")
    };
    assert!(!read("enabled: false").enabled);
    let crm = |more: &str| read(more).crm.expect("a CRM");
    assert!(!crm("sync:\n  contacts: false").contacts);
    assert!(!crm("sync:\n  events: false").events);
    assert!(!crm("sync:\n  cancellations: false").cancellations);
    let level = |more: &str| read(more).logging.level;
    assert_eq!(level("debug: true").as_deref(), Some("debug"));
    assert_eq!(level("debug: false"), None);
    assert_eq!(level("log_level: verbose").as_deref(), Some("debug"));
    assert_eq!(level("log_level: warn").as_deref(), Some("warn"));
    let tomorrow = Some("2026-11-27T10:00:00Z".parse().expect("an instant"));
    assert_eq!(read("debug: true").logging.level_until, tomorrow);
    assert_eq!(read("log_webhooks: true").logging.webhooks_until, tomorrow);
    assert_eq!(read("log_webhooks: false").logging.webhooks_until, None);
}

#[test]
fn our_own_keys_may_stand_beside_the_connector() {
    let settings = yaml(&format!("{CONNECTOR}\nreminder_minutes: [60]\n")).expect("settings");
    assert_eq!(settings.reminder_minutes, [60]);
    let both = lines(yaml(&format!("{CONNECTOR}\ncrm: {{}}\n")));
    assert!(both.contains("crm: can't stand beside connectors"), "{both}");
}

#[test]
fn every_error_of_a_connector_has_its_line_and_path() {
    let document = r#"
connectors:
  hubspot: {}
  calendly:
    enabled: yes please
    access_token: abc123
    retries: 3
    sync: {deals: true}
    event_mapping:
      demo: {list_id: eleven, event_type_uri: ""}
    webhook:
      signing_key: "${HOME}"
    log_level: loud
field_mapping:
  email: EMAIL
  name: First name
  status: STATUS
  scheduled_at: STATUS
  phone: SMS
"#;
    assert_snapshot!(lines(yaml(document)), @r#"
    line 3: connectors.hubspot: is not known; the keys here are: calendly
    line 7: connectors.calendly.retries: is not known; the keys here are: enabled, access_token, sync, event_mapping, field_mapping, webhook, debug, log_level, log_webhooks
    line 5: connectors.calendly.enabled: must be true or false
    line 6: connectors.calendly.access_token: is a secret, which does not belong in settings: give it to `make connect` or the API, and write its name here, such as "${CALENDLY_ACCESS_TOKEN}"
    line 12: connectors.calendly.webhook.signing_key: names HOME, which is no field of the connection's secrets; they have: CALENDLY_ACCESS_TOKEN, CALENDLY_TOKEN, CALENDLY_WEBHOOK_SIGNING_KEY, BREVO_API_KEY, VAI_API_KEY, TAJO_API_KEY
    line 8: connectors.calendly.sync.deals: is not known; the keys here are: contacts, events, cancellations
    line 10: connectors.calendly.event_mapping.demo.list_id: must be the number of a list, such as 10
    line 10: connectors.calendly.event_mapping.demo.event_type_uri: must be the URI of an event type
    line 13: connectors.calendly.log_level: must be one of error, warn, info, debug, trace, verbose
    line 19: field_mapping.phone: is not known; the keys here are: email, name, questions_and_answers, event_type_name, scheduled_at, status
    line 16: field_mapping.name: must be the name of an attribute: capital letters, digits and underscores
    line 17: field_mapping.status: gives STATUS a second value
    line 15: field_mapping.email: must be email: a contact is known by its address
    "#);
}

#[test]
fn errors_in_each_format_have_their_lines() {
    let toml_document = "default_language = \"xx\"\n\n[channels]\nreminder = [\"fax\"]\n\n[[templates]]\nmessage = \"reminder\"\nprovider = \"vai\"\n";
    assert_snapshot!(lines(toml(toml_document)), @"
    line 1: default_language: must be one of en, ro, da, zh-Hant
    line 4: channels.reminder[0]: must be one of sms, email
    line 6: templates[0].id: is missing
    ");
    let yaml_document = "default_language: xx\nchannels:\n  reminder: [fax]\nremindr_minutes: [5]\n";
    assert_snapshot!(lines(yaml(yaml_document)), @"
    line 1: default_language: must be one of en, ro, da, zh-Hant
    line 3: channels.reminder[0]: must be one of sms, email
    line 4: remindr_minutes: is not a setting; the settings here are: enabled, default_language, fallback_zone, default_region, act_on, phone_questions, reminder_minutes, follow_up_minutes, reconfirm_minutes, no_show_minutes, survey_url, booking_links, calendar_file, mail_for, sms_for, host_notices_for, countries, email_instead_of_sms, stop_words, start_words, transliterate, sms_price, sms_link_domains, code_templates, time_words, help_after_minutes, host_phone, quiet_hours, sms_budget, channels, channel_overrides, providers, senders, templates, wording, event_types, hosts, booking, topics, crm, logging
    ");
    let json_document = "{\n  \"default_language\": \"xx\",\n  \"quiet_hours\": {\n    \"from\": \"25:00\"\n  }\n}\n";
    assert_snapshot!(lines(read_text(json_document, Format::Json, now())), @"
    line 2: default_language: must be one of en, ro, da, zh-Hant
    line 4: quiet_hours.from: must be a time of day from 00:00 to 23:59
    ");
}

#[test]
fn malformed_documents_say_where() {
    let cases = [
        (Format::Toml, "a = \nb = 1"),
        (Format::Yaml, "a: 1\n b: 2"),
        (Format::Yaml, "a: &x [1]\nb: *x"),
        (Format::Yaml, "a: 1\n---\nb: 1"),
        (Format::Yaml, "act_on: !secret x"),
        (Format::Yaml, "- a"),
        (Format::Json, "{\n\"a\": 1,\n}"),
        (Format::Json, "a: 1"),
    ];
    let shown = cases.map(|(format, text)| format!("{}: {}", format.name(), lines(read_text(text, format, now()))));
    assert_snapshot!(shown.join("\n"), @"
    toml: line 1: the document: is malformed: string values must be quoted, expected literal string
    yaml: line 2: the document: is malformed: mapping values are not allowed in this context
    yaml: line 2: the document: has an alias (*), which settings do not allow
    yaml: line 3: the document: has more than one document (---)
    yaml: line 1: act_on: has a tag (!), which settings do not know
    yaml: the document: must be a table of keys and values
    json: line 3: the document: is not JSON: trailing comma at line 3 column 1
    json: line 1: the document: is not JSON: expected value at line 1 column 1
    ");
    let long = format!("# {}", "x".repeat(200_000));
    assert!(lines(yaml(&long)).contains("is longer than"));
}

#[test]
fn null_is_a_key_that_is_left_out() {
    let settings = yaml("survey_url: null\ndefault_region: ~\nreminder_minutes: [5]\n").expect("settings");
    assert_eq!(settings, Settings { reminder_minutes: vec![5], ..Settings::default() });
    assert_eq!(yaml("").expect("settings"), Settings::default());
}

#[test]
fn settings_can_be_written_again_in_each_format() {
    let document = r#"
        default_language = "ro"
        transliterate = ["ro"]
        sms_price = "0.045 EUR"
        providers.sms = ["twilio", "engagelab"]
        senders.twilio = "VAI"
        quiet_hours = { from = "20:30", until = "07:00" }
        [[wording]]
        message = "reminder"
        sms = "{{ event }}: {{ short_time }}"
        [event_types."Sales Demo"]
        reminder_minutes = [2880]
        channels.reminder = ["sms", "email"]
        [hosts."maria@example.com"]
        phone = "+40712345678"
        [crm]
        contacts = true
        [crm.attributes]
        COMPANY = { answer = "Company" }
        SMS = { phone_matching = "mobile" }
        MEETINGS = "meetings"
        [crm.statuses]
        canceled = "cancelled"
        [[crm.lists]]
        id = 10
        marketing = true
        double_opt_in = { template = 5, redirect_url = "https://example.com" }
        [logging]
        level = "debug"
        level_until = 2026-11-20T18:00:00Z
    "#;
    let settings = toml(document).expect("settings");
    assert_eq!(toml(&::toml::to_string_pretty(&settings).expect("TOML")).expect("settings"), settings);
    let json = serde_json::to_string_pretty(&settings).expect("JSON");
    assert_eq!(read_text(&json, Format::Json, now()).expect("settings"), settings);
    assert_eq!(yaml(&json).expect("settings"), settings);
    assert_eq!(read_value(&serde_json::to_value(&settings).expect("JSON"), now()).expect("settings"), settings);
}

/// What is written to the table is read back, also by a release with more settings.
#[test]
fn a_stored_document_is_read_back() {
    for text in
        [include_str!("../../../tests/sandbox/settings.toml"), include_str!("../../domain/settings.default.toml")]
    {
        let settings = toml(text).expect("settings");
        let stored = serde_json::to_value(&settings).expect("JSON");
        assert_eq!(Settings::from_stored(&stored).expect("settings"), settings);
    }
}

#[test]
fn the_default_equals_its_documentation() {
    assert_eq!(toml(include_str!("../../domain/settings.default.toml")).expect("settings"), Settings::default());
}

#[test]
fn the_errors_of_form_and_wording_are_listed_together() {
    let wording = r#"
        [[wording]]
        message = "reminder"
        sms = "{{ event }}"
        [[wording]]
        message = "move"
        sms = "{{ link }}"
        [[templates]]
        message = "reminder"
        provider = "engagelab"
        id = "1"
        text = "{{name}}, {{nobody}}"
    "#;
    let unreadable = "[[wording]]\nmessage = \"farewell\"\nsms = \"{{ link }}\"\n";
    let both = lines(toml(&format!("default_language = \"xx\"\n{wording}{unreadable}")));
    assert_snapshot!(both, @"
    line 1: default_language: must be one of en, ro, da, zh-Hant
    line 15: wording[2].message: must be one of confirmation, move, cancellation, reminder, follow_up, no_show, host_notice, reconfirmation, not_booked
    line 8: wording[1].sms: says `link`, which may be missing: it must stand inside an `if` (line 1)
    line 13: templates[0].text: speaks of `nobody`, which there is not; there are: name, greeting, invitee, event, host, time, short_time, advance, link, place, cancel_link, reschedule_link
    ");
    toml("[[wording]]\nmessage = \"reminder\"\nsms = \"{{ event }}\"").expect("settings");
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ a-z:{}\\[\\]\"'\\n#&*!|>-]{0,200}") {
        for format in Format::ALL {
            let _ = read_text(&text, format, now());
        }
    }

    #[test]
    fn no_connector_panics(key in "[a-z_]{1,12}", value in "[ a-zA-Z0-9${}\"\\[\\]]{0,20}") {
        let _ = yaml(&format!("connectors:\n  calendly:\n    {key}: {value}\nfield_mapping:\n  {key}: {value}\n"));
        let _ = yaml(&format!("field_mapping:\n  questions_and_answers:\n    {key}: SMS\n    \"{}\": NAME\n", value.replace('"', "")));
    }
}
