//! The description of every setting. The defaults, the check of a document, its JSON Schema, `settings.default.toml`
//! and the tables of `docs/settings.md` come from it.
//!
//! In a table, settings that are tables themselves stand last, as TOML wants it.

use serde_json::Value;

use super::errors::Errors;
use super::kind::{Form, Key, Kind, List};
use super::{
    AttributeSource, Audience, CalendarFile, Channel, EVERY_COUNTRY, Price, Provider, Senders, compile_pattern,
};
use crate::crm_contact::MeetingStatus;
use crate::phone::is_country;
use crate::{BookingSource, Language, Message, parse_email, read_phone};

/// A year: by default Calendly does not allow bookings further ahead.
const LONGEST_MINUTES: u64 = 366 * 24 * 60;

/// With two channels each, the commands for a meeting fit into one decision: see `MOST_COMMANDS`.
const MOST_OFFSETS: usize = 6;

/// More requests would annoy the invitee.
const MOST_RECONFIRMATIONS: usize = 2;

/// A larger number is certainly a mistake.
const MOST_BOOKINGS: u64 = 100_000;

/// A larger budget of SMS is certainly a mistake.
const MOST_SEGMENTS: u64 = 1_000_000;

/// In minutes. A hold does not reserve the slot, so a long hold would promise too much.
const LONGEST_HOLD: u64 = 60;

/// In hours. With longer quiet hours there would be too little time to which a message can be moved.
const LONGEST_QUIET_HOURS: i64 = 16;

/// Each write of a contact has all of them.
const MOST_ATTRIBUTES: usize = 50;

/// Every setting of a document.
pub(super) const SETTINGS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Boolean,
        "true",
        "Whether anything is done for bookings. With false, what happens is recorded, and nobody is told.",
    ),
    Key::new(
        "default_language",
        LANGUAGE,
        r#""en""#,
        "The language of messages, if neither the event type, nor VAI, nor the invitee's time zone determines it.",
    ),
    Key::new(
        "fallback_zone",
        ZONE,
        r#""UTC""#,
        "The time zone of the times in messages, if Calendly gives none, or one that does not exist.",
    ),
    Key::optional(
        "default_region",
        REGION,
        r#""RO""#,
        "The country of phone numbers without + and country code. Without it such numbers can't be used.",
    ),
    Key::new(
        "act_on",
        TEXTS,
        "[]",
        "The event types to act on: names, URIs or UUIDs. An empty list means all. Bookings of others are recorded, and \
         nothing is done for them.",
    ),
    Key::new(
        "phone_questions",
        TEXTS,
        r#"["Phone number", "Phone", "Mobile number", "Mobile", "Cell phone", "Număr de telefon", "Telefon", "Număr de mobil", "Mobil", "Telefonnummer", "Mobilnummer", "電話號碼", "電話", "手機號碼", "手機", "行動電話"]"#,
        "The questions that ask for the invitee's phone number. Case, accents, spaces and punctuation do not matter. \
         Calendly's own text reminder number comes first.",
    ),
    Key::new("reminder_minutes", OFFSETS, "[1440, 60]", "When reminders are sent, in minutes before the start."),
    Key::new(
        "follow_up_minutes",
        OFFSETS,
        "[30]",
        "When follow-ups are sent, in minutes after the end of the meeting.",
    ),
    Key::new(
        "reconfirm_minutes",
        RECONFIRMATIONS,
        "[]",
        "When the invitee is asked to say if they are not coming, in minutes before the start.",
    ),
    Key::new(
        "no_show_minutes",
        MINUTES,
        "30",
        "How long after the host's report a person who did not come gets a message. Until then the host can take the \
         report back.",
    ),
    Key::optional(
        "survey_url",
        URL,
        r#""https://survey.example.com/demo""#,
        "The survey in follow-ups. Without it they offer a link for the next booking.",
    ),
    Key::new(
        "booking_links",
        Kind::Boolean,
        "true",
        "Whether follow-ups without a survey, cancellations and no-shows offer a single-use link for a new booking. It is \
         made when the message is sent.",
    ),
    Key::new(
        "calendar_file",
        Kind::Choice(|| CalendarFile::ALL.map(CalendarFile::name).to_vec()),
        r#""off""#,
        "The calendar file of e-mails by SES and Brevo: `publish` is a file to add to a calendar, `request` an \
         invitation to answer. Whoever has the file is sent its changes by e-mail when the meeting is moved or \
         canceled, whatever `channels` says. With Calendly's own invitation, `request` puts the meeting into the \
         calendar twice.",
    ),
    Key::new(
        "mail_for",
        AUDIENCE,
        r#""vai""#,
        "Who gets our e-mails: the invitees of bookings by VAI's agents (`vai`), or all invitees. Calendly sends its own \
         e-mails.",
    ),
    Key::new(
        "sms_for",
        AUDIENCE,
        r#""vai""#,
        "Who gets our SMS: the invitees of bookings by VAI's agents (`vai`), or all invitees. Anybody can book on a public \
         page, with any number. For invitees of public pages in any country: `sms_for = \"all\"` and \
         `countries = [\"*\"]`, under the same limits (`sms_budget`).",
    ),
    Key::new(
        "host_notices_for",
        AUDIENCE,
        r#""all""#,
        "Which bookings hosts are told of: those by VAI's agents (`vai`), or all.",
    ),
    Key::new(
        "countries",
        Kind::List(List { is_unique: true, ..List::of(&COUNTRY, "country") }),
        r#"["DE", "DK", "ES", "FR", "GB", "HU", "IT", "MD", "PL", "RO", "TW", "US"]"#,
        "The countries whose numbers get SMS, besides `default_region` and the countries of hosts' numbers. `*` means all. \
         Numbers that can't be a mobile's, and premium, shared-cost, free, personal and satellite numbers, never get any.",
    ),
    Key::new(
        "email_instead_of_sms",
        Kind::Boolean,
        "true",
        "Whether an e-mail is sent if an SMS can't be sent: no number, no template, refused, not delivered.",
    ),
    Key::new(
        "stop_words",
        TEXTS,
        r#"["STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "OPTOUT", "REVOKE", "OPRESTE", "OPREȘTE", "DEZABONARE", "AFMELD", "FRAMELD", "停止", "退訂"]"#,
        "The replies after which a person gets no more SMS, alone or with words of courtesy. Phrases such as \"opt out\" \
         and \"no more messages\" always count, in each language. The carriers' word CANCEL is not among them: people \
         use it for their booking.",
    ),
    Key::new(
        "start_words",
        TEXTS,
        r#"["START", "UNSTOP", "ABONARE", "TILMELD", "開始", "訂閱"]"#,
        "The replies after which a person gets SMS again. The carriers' word YES is not among them.",
    ),
    Key::new(
        "transliterate",
        Kind::Checked(&Kind::List(List::of(&LANGUAGE, "language")), check_transliterated),
        "[]",
        "The languages whose SMS have no diacritics: only `ro`. An SMS with ă has 70 characters, one without has 160.",
    ),
    Key::optional(
        "sms_price",
        PRICE,
        r#""0.045 EUR""#,
        "The price of an SMS segment: for the costs in the timeline, and for the estimates of `make preview` and of dry \
         runs. Without it, the highest list price counts in the number's country, and in previews that of `default_region`.",
    ),
    Key {
        example: r#"{"RO": ["calendly.com", "zoom.us"]}"#,
        ..Key::new(
            "sms_link_domains",
            Kind::Checked(&Kind::Map { noun: "a country", names: &REGION, values: &DOMAINS }, check_link_domains),
            "{}",
            "The domains whose links carriers let through in your SMS, by the number's country, such as \
             `RO = [\"calendly.com\", \"zoom.us\"]`: those that you have registered there. Other links are left \
             out of the SMS, and an e-mail has them. Without a line for a country, SMS to Taiwan and to countries \
             without rules of their own have no links; in Romania, Denmark and the United Kingdom all links count as \
             registered together with the sender. See docs/messages.md.",
        )
    },
    Key {
        example: r#"{"ro": "1972488990548348930"}"#,
        ..Key::new(
            "code_templates",
            Kind::Map { noun: "a language", names: &LANGUAGE, values: &TEXT },
            "{}",
            "EngageLab's ids of your templates for one-time codes, by language. The template's only variable is \
             `{{code}}`. Where EngageLab is the only provider of SMS, codes in other languages go by e-mail.",
        )
    },
    Key::new(
        "time_words",
        TEXTS,
        r#"["time", "timing", "schedul", "busy", "conflict", "another day", "not available", "unavailable", "overlap", "timp", "oră", "ora nu", "ora asta", "alta ora", "ocupat", "suprapune", "altă zi", "alta zi", "nu pot atunci", "tid", "tidspunkt", "optaget", "kalender", "en anden dag", "passer ikke", "時間", "時段", "沒空", "忙", "撞期", "改天", "行程"]"#,
        "A reason for a cancellation that has one of these words is about time: VAI's agent offers help. Upper and lower \
         case do not matter. A word matches the beginning of a word; a Chinese one matches anywhere.",
    ),
    Key::new(
        "help_after_minutes",
        MINUTES,
        "1440",
        "How long after a cancellation about time VAI's agent offers help.",
    ),
    Key::optional(
        "host_phone",
        PHONE,
        r#""+40712345678""#,
        "The number that gets the notices to hosts, if none of a meeting's hosts has a contact in `hosts`.",
    ),
    Key::new(
        "quiet_hours",
        Kind::Checked(&Kind::Table(QUIET_HOURS), check_quiet_hours),
        "{}",
        "The hours of a person's own day without reminders and follow-ups by SMS. A reminder is sent in the evening \
         before; or in the morning, if the booking was made later; or else only by e-mail. Answers to what the person has \
         just done are not delayed. If both times are equal, there are no quiet hours.",
    ),
    Key::new(
        "sms_budget",
        Kind::Table(SMS_BUDGET),
        "{}",
        "The limits of SMS. They hold over any span, not only over days of the calendar. What is over is not sent by SMS \
         (`sms_budget`), and goes by e-mail where e-mails are allowed.",
    ),
    Key::new("channels", Kind::Table(CHANNELS), "{}", "The channels of each message: `sms`, `email`, both or none."),
    Key::new(
        "channel_overrides",
        Kind::List(List::of(&Kind::Checked(&Kind::Table(CHANNEL_OVERRIDE), check_minutes), "override")),
        "[]",
        "Other channels for some cases, for example for one reminder. If several match, the most specific one counts: \
         first by `event_type`, then by `host`, `source` and `minutes`. An override counts before the channels of \
         `event_types`.",
    ),
    Key::new(
        "providers",
        Kind::Table(PROVIDERS),
        "{}",
        "Who sends, in order of preference. If one has no template for a message, or refuses it, the next one sends it.",
    ),
    Key::new("senders", Kind::Table(SENDERS), "{}", "The senders of messages."),
    Key::new(
        "templates",
        Kind::Checked(
            &Kind::List(List::of(&Kind::Checked(&Kind::Table(TEMPLATE), check_minutes), "template")),
            check_templates,
        ),
        r#"[{"message": "confirmation", "provider": "vai", "id": "calendly_confirmation"}]"#,
        "The templates of EngageLab and VAI. EngageLab approves each one, so an SMS needs an id for each message and \
         language. A message without a template is skipped with the reason `no_template`. If several match, the most \
         specific one counts: first by `event_type`, then by `host`, `source`, `minutes` and `language`.",
    ),
    Key::new(
        "wording",
        Kind::Checked(
            &Kind::List(List::of(&Kind::Checked(&Kind::Table(WORDING), check_minutes), "wording")),
            check_wordings,
        ),
        "[]",
        "Wording in place of ours, for Twilio, SES and Brevo. A part that is left out keeps our wording. If several match, \
         each part is the most specific one: first by `event_type`, then by `host`, `source`, `minutes` and `language`. \
         `make preview` shows all messages, with the variables that they can use.",
    ),
    Key::new(
        "event_types",
        Kind::Map { noun: "an event type", names: &TEXT, values: &Kind::Table(EVENT_TYPE) },
        "{}",
        "What is different for an event type. The key is its name, URI or UUID.",
    ),
    Key::new(
        "hosts",
        Kind::Map { noun: "a host", names: &EMAIL, values: &Kind::Table(HOST) },
        "{}",
        "The contacts of hosts, who are told of bookings, moves and cancellations. The key is the host's e-mail address at \
         Calendly.",
    ),
    Key::new("booking", Kind::Table(BOOKING), "{}", "Bookings by VAI's agents."),
    Key::new(
        "topics",
        Kind::Checked(&Kind::List(List::of(&Kind::Table(TOPIC), "topic")), check_topics),
        "[]",
        "What people may want to talk about, and the event type for it: for agents that know only a topic. The topic with \
         the most words in what was said is chosen; the words of its name count, too. Case and accents do not matter. A \
         common beginning of four letters counts half.",
    ),
    Key::optional(
        "crm",
        Kind::Table(CRM),
        "{}",
        "The customer's CRM: Brevo, with the key `brevo_api_key` of the connection's secret. Without this table it gets \
         nothing. See docs/crm.md.",
    ),
    Key::new(
        "logging",
        Kind::Checked(&Kind::Table(LOGGING), check_logging),
        "{}",
        "More logging than the function's own level, until an instant.",
    ),
];

const QUIET_HOURS: &[Key] = &[
    Key::new("from", TIME_OF_DAY, r#""21:00""#, "When they begin."),
    Key::new("until", TIME_OF_DAY, r#""08:00""#, "When they end."),
    Key::new(
        "useful_minutes",
        MINUTES,
        "60",
        "A reminder may be moved to the morning if it is then sent at least so many minutes before the start.",
    ),
];

const SMS_BUDGET: &[Key] = &[
    Key::new(
        "most_segments",
        COUNT,
        "6",
        "The segments of one message. A longer one loses what it can do without, until it fits: first the links to cancel \
         and to move, at last the place and the link to join; never the time. A template of EngageLab's is measured if its \
         `text` is in the settings.",
    ),
    Key::new("per_number_and_day", COUNT, "40", "The segments to an invitee's number in any 24 hours."),
    Key::new("per_host_and_day", COUNT, "200", "The segments to a host's number in any 24 hours."),
    Key::new("per_day", COUNT, "2000", "The segments to all numbers in any 24 hours. An alarm goes on at 80 % of it."),
    Key::new("messages_per_booking", COUNT, "40", "The SMS about one booking, with all its moves."),
    Key::new(
        "moves_per_hour",
        COUNT,
        "3",
        "The moves of one booking that people are told of by SMS in any hour. As many more are told by e-mail.",
    ),
];

const CHANNELS: &[Key] = &[
    Key::new("confirmation", CHANNEL_LIST, r#"["sms", "email"]"#, "The meeting is booked."),
    Key::new("move", CHANNEL_LIST, r#"["sms"]"#, "The meeting was moved to another time."),
    Key::new("cancellation", CHANNEL_LIST, r#"["sms"]"#, "The meeting is canceled."),
    Key::new("reminder", CHANNEL_LIST, r#"["sms"]"#, "The meeting is near."),
    Key::new("follow_up", CHANNEL_LIST, r#"["sms"]"#, "The meeting is over."),
    Key::new("no_show", CHANNEL_LIST, r#"["sms"]"#, "The invitee did not come."),
    Key::new("host_notice", CHANNEL_LIST, r#"["sms"]"#, "A booking, move or cancellation, for the hosts."),
    Key::new("reconfirmation", CHANNEL_LIST, r#"["sms"]"#, "The invitee is asked to say if they are not coming."),
    Key::new("not_booked", CHANNEL_LIST, r#"["sms"]"#, "VAI's agent could not make the booking."),
];

const CHANNEL_OVERRIDE: &[Key] = &[
    MESSAGE_KEY,
    EVENT_TYPE_KEY,
    HOST_KEY,
    SOURCE_KEY,
    MINUTES_KEY,
    Key::required("channels", CHANNEL_LIST, r#"["sms", "email"]"#, "The channels."),
];

const MESSAGE_KEY: Key = Key::required("message", MESSAGE, r#""reminder""#, "The message.");

const LANGUAGE_KEY: Key = Key::optional("language", LANGUAGE, r#""ro""#, "Only for this language.");

const EVENT_TYPE_KEY: Key =
    Key::optional("event_type", TEXT, r#""Sales Demo""#, "Only for this event type: its name, URI or UUID.");

const HOST_KEY: Key = Key::optional(
    "host",
    TEXT,
    r#""maria@example.com""#,
    "Only for meetings with this host: name, e-mail address, URI or UUID.",
);

const SOURCE_KEY: Key = Key::optional(
    "source",
    Kind::Choice(|| BookingSource::ALL.map(BookingSource::name).to_vec()),
    r#""vai""#,
    "Only for bookings by VAI's agents (`vai`), or by people on Calendly's page (`page`).",
);

const MINUTES_KEY: Key = Key::optional(
    "minutes",
    MINUTES,
    "60",
    "Only for the reminder, follow-up or request to reconfirm with this number of minutes.",
);

const PROVIDERS: &[Key] = &[
    Key::new("sms", SMS_PROVIDERS, r#"["engagelab"]"#, "SMS."),
    Key::new("email", EMAIL_PROVIDERS, r#"["vai"]"#, "E-mail."),
    Key::new(
        "messages",
        Kind::Map { noun: "a message", names: &MESSAGE, values: &Kind::Table(MESSAGE_PROVIDERS) },
        "{}",
        "Other orders for single messages. The key is the message.",
    ),
];

const MESSAGE_PROVIDERS: &[Key] = &[
    Key::optional("sms", SMS_PROVIDERS, r#"["twilio"]"#, "SMS."),
    Key::optional("email", EMAIL_PROVIDERS, r#"["ses", "brevo"]"#, "E-mail."),
];

const SENDERS: &[Key] = &[
    Key::optional(
        "twilio",
        Kind::Text(Form {
            requirement: "a messaging service (MG and 32 hex digits), a number with +, or a name of at most 11 letters",
            pattern: "",
            parse: parse_twilio_sender,
        }),
        r#""MG0123456789abcdef0123456789abcdef""#,
        "The sender of SMS by Twilio.",
    ),
    Key::optional(
        "brand",
        Kind::Text(Form {
            requirement: "a name of at most 20 half-width letters, digits and spaces",
            pattern: "",
            parse: parse_brand,
        }),
        r#""VAI""#,
        "The brand that is registered with carriers. SMS by Twilio begin with it where carriers ask for that: in Taiwan.",
    ),
    Key::optional("email", EMAIL, r#""hello@example.com""#, "The sender of e-mail by SES and Brevo, verified there."),
    Key::optional("email_name", TEXT, r#""VAI""#, "The sender's name."),
    Key::optional("reply_to", EMAIL, r#""maria@example.com""#, "The address for replies."),
    Key::optional(
        "ses_configuration_set",
        TEXT,
        r#""vai-calendly""#,
        "The configuration set of SES. Without it SES does not report what became of an e-mail.",
    ),
];

const TEMPLATE: &[Key] = &[
    MESSAGE_KEY,
    Key::required(
        "provider",
        Kind::Choice(|| providers(Provider::has_templates)),
        r#""engagelab""#,
        "The provider that has the template: EngageLab for SMS, VAI for e-mail.",
    ),
    LANGUAGE_KEY,
    EVENT_TYPE_KEY,
    HOST_KEY,
    SOURCE_KEY,
    MINUTES_KEY,
    Key::required("id", TEXT, r#""1972488990548348928""#, "The provider's id of the template."),
    Key::optional(
        "text",
        TEXT,
        r#""Hi {{name}}, …""#,
        "The text that the provider has approved: for previews, and to check its variables.",
    ),
];

const WORDING: &[Key] = &[
    MESSAGE_KEY,
    LANGUAGE_KEY,
    EVENT_TYPE_KEY,
    HOST_KEY,
    SOURCE_KEY,
    MINUTES_KEY,
    Key::optional(
        "sms",
        TEXT,
        r#""Hi {{ name }}, {{ event }}: {{ short_time }}{% if link %} {{ link }}{% endif %}""#,
        "The SMS.",
    ),
    Key::optional("subject", TEXT, r#""{{ event }}: {{ short_time }}""#, "The subject of the e-mail."),
    Key::optional("text", TEXT, r#""Hi {{ name }}, …""#, "The e-mail as plain text."),
    Key::optional("html", TEXT, r#""<p>Hi {{ name }}, …</p>""#, "The content of the e-mail's HTML, inside the layout."),
];

const EVENT_TYPE: &[Key] = &[
    Key::optional("language", LANGUAGE, r#""ro""#, "The language of its messages."),
    Key::optional("reminder_minutes", OFFSETS, "[2880, 60]", "Its reminders."),
    Key::optional("follow_up_minutes", OFFSETS, "[]", "Its follow-ups."),
    Key::optional("reconfirm_minutes", RECONFIRMATIONS, "[2880]", "Its requests to reconfirm."),
    Key::optional("survey_url", URL, r#""https://survey.example.com/sales""#, "The survey for its invitees."),
    Key {
        example: r#"{"reminder": ["sms", "email"]}"#,
        ..Key::new(
            "channels",
            Kind::Map { noun: "a message", names: &MESSAGE, values: &CHANNEL_LIST },
            "{}",
            "Its channels. The key is the message.",
        )
    },
];

const HOST: &[Key] = &[
    Key::optional("phone", PHONE, r#""+40712345678""#, "The number for SMS."),
    Key {
        example: "true",
        ..Key::new("email", Kind::Boolean, "false", "Whether notices may be sent to the e-mail address.")
    },
    Key::optional("language", LANGUAGE, r#""ro""#, "The language of notices."),
    Key::optional(
        "zone",
        ZONE,
        r#""Europe/Bucharest""#,
        "The time zone of notices, and of meetings in person. Without it, the one at Calendly.",
    ),
];

const BOOKING: &[Key] = &[
    Key::new(
        "per_minute",
        BOOKINGS,
        "10",
        "Bookings with one host in any minute. Calendly accepts 10 (for Enterprise 500). Beyond it the agent gets a link \
         to book by.",
    ),
    Key::new("per_hour", BOOKINGS, "50", "Bookings with one host in any hour. Calendly accepts 50."),
    Key::new("per_day", BOOKINGS, "100", "Bookings with one host in any 24 hours. Calendly accepts 100."),
    Key::new("requests_per_minute", BOOKINGS, "120", "Requests by one API key in a minute."),
    Key::new(
        "hold_minutes",
        Kind::Number { unit: " of minutes", most: LONGEST_HOLD },
        "10",
        "How long a booking that the invitee has not confirmed yet is kept. The slot is not kept free.",
    ),
    Key::new(
        "never_guests",
        Kind::List(List::of(&ADDRESS_OR_DOMAIN, "address")),
        "[]",
        "Addresses, or domains such as `@vai.example`, that are never invited as guests, even if an agent names them.",
    ),
];

const TOPIC: &[Key] = &[
    Key::required("name", TEXT, r#""Sales""#, "The topic's name."),
    Key::required(
        "words",
        Kind::List(List { fewest: 1, ..List::of(&TEXT, "word") }),
        r#"["price", "offer", "product demo"]"#,
        "The words for it.",
    ),
    Key::required("event_type", TEXT, r#""Sales Demo""#, "Its event type: name, slug, URI or UUID."),
    Key::optional(
        "host",
        TEXT,
        r#""maria@example.com""#,
        "The host: name, e-mail address, URI or UUID. Without it, each host with that event type.",
    ),
];

const CRM: &[Key] = &[
    Key::new("contacts", Kind::Boolean, "true", "Whether invitees become contacts."),
    Key::new("events", Kind::Boolean, "true", "Whether bookings trigger the CRM's automations."),
    Key::new("cancellations", Kind::Boolean, "true", "Whether the CRM is told of cancellations."),
    Key::new(
        "attributes",
        Kind::Checked(
            &Kind::Map {
                noun: "an attribute",
                names: &ATTRIBUTE_NAME,
                values: &Kind::Either(&ATTRIBUTE_WORD, &Kind::Checked(&Kind::Table(ATTRIBUTE), check_attribute)),
            },
            check_attributes,
        ),
        r#"{"FIRSTNAME": "first_name", "LASTNAME": "last_name", "SMS": "phone", "CALENDLY_EVENT_TYPE": "event_type", "MEETING_DATE": "start_date", "BOOKING_STATUS": "status"}"#,
        "The contact's attributes, and where their values come from; it replaces the default. A source is a word, or a \
         table: `{ answer = \"Company\" }` is the answer to this question, `{ answer_matching = \"role|position\" }` the \
         answer to the first question that this regular expression matches, `{ qualification = \"budget\" }` what VAI's \
         agent found out under this name, and `{ phone_matching = \"mobile\" }` the phone number, or else such an answer. \
         The words: first_name, last_name, name, phone, event_type, host, start_date, timezone, language, status, \
         meetings, no_shows, last_no_show, agent_type, conversation_id, utm_source, utm_medium, utm_campaign, utm_term, \
         utm_content.",
    ),
    Key {
        example: r#"{"canceled": "cancelled"}"#,
        ..Key::new(
            "statuses",
            Kind::Map {
                noun: "a status",
                names: &Kind::Choice(|| MeetingStatus::ALL.map(MeetingStatus::name).to_vec()),
                values: &TEXT,
            },
            "{}",
            "Other words for the statuses booked, moved, canceled, no_show and completed.",
        )
    },
    Key::new(
        "lists",
        Kind::List(List::of(&Kind::Checked(&Kind::Table(CRM_LIST), check_crm_list), "list")),
        "[]",
        "The lists for contacts with a meeting.",
    ),
];

const ATTRIBUTE: &[Key] = &[
    Key::optional("answer", TEXT, r#""Company""#, "The answer to the question with this text."),
    Key::optional(
        "answer_matching",
        PATTERN,
        r#""\\b(role|position)\\b""#,
        "The answer to the first question that this regular expression matches.",
    ),
    Key::optional("qualification", TEXT, r#""budget""#, "What VAI's agent found out under this name."),
    Key::optional(
        "phone_matching",
        PATTERN,
        r#""mobile|phone""#,
        "The phone number, or else the answer to the first question that this regular expression matches.",
    ),
];

const CRM_LIST: &[Key] = &[
    Key::required("id", CRM_NUMBER, "10", "The CRM's number of the list."),
    Key::optional(
        "event_type",
        TEXT,
        r#""Sales Demo""#,
        "Its event type: name, URI or UUID. Without it, each event type that no other list names.",
    ),
    Key {
        example: "true",
        ..Key::new(
            "unlink_on_cancellation",
            Kind::Boolean,
            "false",
            "Whether a contact leaves the list after a cancellation, if no other meeting keeps it there.",
        )
    },
    Key {
        example: "true",
        ..Key::new("marketing", Kind::Boolean, "false", "Whether it is for marketing. Then consent is needed.")
    },
    Key::optional(
        "consent",
        Kind::Table(CONSENT),
        r#"{"question": "May we write to you about offers?", "answer": "Yes"}"#,
        "The answer of the booking form that is consent to marketing.",
    ),
    Key::optional(
        "double_opt_in",
        Kind::Table(DOUBLE_OPT_IN),
        r#"{"template": 5, "redirect_url": "https://example.com/thanks"}"#,
        "The e-mail in which the CRM asks for consent, if there is no such answer.",
    ),
];

const CONSENT: &[Key] = &[
    Key::required("question", TEXT, r#""May we write to you about offers?""#, "The question."),
    Key::required("answer", TEXT, r#""Yes""#, "The answer that is consent."),
];

const DOUBLE_OPT_IN: &[Key] = &[
    Key::required("template", CRM_NUMBER, "5", "The CRM's number of the template."),
    Key::required("redirect_url", URL, r#""https://example.com/thanks""#, "The page after the person has agreed."),
];

const LOGGING: &[Key] = &[
    Key::optional(
        "level",
        Kind::Choice(|| ["error", "warn", "info", "debug", "trace"].to_vec()),
        r#""debug""#,
        "The log level.",
    ),
    Key::optional("level_until", INSTANT, r#""2026-11-20T18:00:00Z""#, "When the level expires."),
    Key::optional(
        "webhooks_until",
        INSTANT,
        r#""2026-11-20T18:00:00Z""#,
        "Until when the shape of each webhook is logged, with every value masked.",
    ),
];

const TEXT: Kind = Kind::Text(Form {
    requirement: "a non-empty text",
    pattern: r"\S",
    parse: |text| (!text.trim().is_empty()).then(|| text.to_owned()),
});

const TEXTS: Kind = Kind::List(List::of(&TEXT, "text"));

const LANGUAGE: Kind = Kind::Choice(|| Language::ALL.map(Language::tag).to_vec());

const MESSAGE: Kind = Kind::Choice(|| Message::NAMES.to_vec());

const CHANNEL_LIST: Kind = Kind::List(List {
    is_unique: true,
    ..List::of(&Kind::Choice(|| Channel::ALL.map(Channel::name).to_vec()), "channel")
});

const SMS_PROVIDERS: Kind = Kind::List(List {
    fewest: 1,
    is_unique: true,
    ..List::of(&Kind::Choice(|| providers(|it| it.channel() == Channel::Sms)), "provider")
});

const EMAIL_PROVIDERS: Kind = Kind::List(List {
    fewest: 1,
    is_unique: true,
    ..List::of(&Kind::Choice(|| providers(|it| it.channel() == Channel::Email)), "provider")
});

const ATTRIBUTE_NAME: Kind = Kind::Text(Form {
    requirement: "1 to 50 capital letters, digits and underscores, such as COMPANY",
    pattern: "^[A-Z0-9_]{1,50}$",
    parse: |text| {
        let is_letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        ((1..=50).contains(&text.len()) && text.bytes().all(is_letter)).then(|| text.to_owned())
    },
});

const ATTRIBUTE_WORD: Kind = Kind::Choice(|| AttributeSource::WORDS.iter().map(AttributeSource::name).collect());

const MINUTES: Kind = Kind::Number { unit: " of minutes", most: LONGEST_MINUTES };

const COUNT: Kind = Kind::Number { unit: "", most: MOST_SEGMENTS };

const AUDIENCE: Kind = Kind::Choice(|| Audience::ALL.map(Audience::name).to_vec());

const BOOKINGS: Kind = Kind::Number { unit: "", most: MOST_BOOKINGS };

/// The largest number that JSON's readers and DynamoDB keep exactly.
const CRM_NUMBER: Kind = Kind::Number { unit: "", most: (1 << 53) - 1 };

const OFFSETS: Kind =
    Kind::List(List { most: Some(MOST_OFFSETS), is_unique: true, ..List::of(&MINUTES, "number of minutes") });

const RECONFIRMATIONS: Kind =
    Kind::List(List { most: Some(MOST_RECONFIRMATIONS), is_unique: true, ..List::of(&MINUTES, "number of minutes") });

const ZONE: Kind = Kind::Text(Form {
    requirement: "an IANA time zone, such as Europe/Bucharest",
    pattern: "",
    parse: crate::time::parse_zone,
});

const REGION: Kind = Kind::Text(Form {
    requirement: "a country of two capital letters, such as RO",
    pattern: "^[A-Z]{2}$",
    parse: |text| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())).then(|| text.to_owned()),
});

const DOMAINS: Kind = Kind::List(List { is_unique: true, ..List::of(&DOMAIN, "domain") });

const DOMAIN: Kind = Kind::Text(Form {
    requirement: "a domain such as calendly.com",
    pattern: r"^\s*[A-Za-z0-9.-]+\.[A-Za-z0-9-]{2,}\s*$",
    parse: countries::parse_domain,
});

const COUNTRY: Kind = Kind::Text(Form {
    requirement: "a country of two capital letters, such as RO, or * for all",
    pattern: r"^([A-Z]{2}|\*)$",
    parse: |text| (text == EVERY_COUNTRY || is_country(text)).then(|| text.to_owned()),
});

const URL: Kind = Kind::Text(Form {
    requirement: "an address that begins with https://",
    pattern: r"^\s*https://\S*\s*$",
    parse: |text| {
        let text = text.trim();
        (text.starts_with("https://") && !text.contains(char::is_whitespace)).then(|| text.to_owned())
    },
});

const EMAIL: Kind = Kind::Text(Form {
    requirement: "an e-mail address",
    pattern: "@",
    parse: |text| parse_email(text).map(|it| it.expose().clone()),
});

const ADDRESS_OR_DOMAIN: Kind = Kind::Text(Form {
    requirement: "an e-mail address, or a domain such as @example.com",
    pattern: "@",
    parse: |text| {
        let text = text.trim();
        let address = if text.starts_with('@') { format!("any{text}") } else { text.to_owned() };
        parse_email(&address).map(|_| text.to_owned())
    },
});

const PHONE: Kind = Kind::Text(Form {
    requirement: "a phone number with + and country code",
    pattern: r"^\s*\+",
    parse: |text| read_phone(text, None).ok().map(|it| it.expose().to_owned()),
});

const PRICE: Kind = Kind::Text(Form {
    requirement: "an amount and a currency, such as \"0.045 EUR\"",
    pattern: r"^\s*[0-9]{1,6}(\.[0-9]{1,6})? [A-Z]{3}\s*$",
    parse: |text| Price::parse(text).map(|_| text.trim().to_owned()),
});

const TIME_OF_DAY: Kind = Kind::Text(Form {
    requirement: "a time of day from 00:00 to 23:59",
    pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$",
    parse: |text| {
        let is_time = text.len() == 5 && jiff::civil::Time::strptime("%H:%M", text).is_ok();
        is_time.then(|| text.to_owned())
    },
});

const INSTANT: Kind = Kind::Text(Form {
    requirement: "an instant with its offset, such as 2026-11-20T18:00:00Z",
    pattern: r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}",
    parse: |text| text.parse::<jiff::Timestamp>().ok().map(|_| text.to_owned()),
});

const PATTERN: Kind = Kind::Text(Form {
    requirement: "a regular expression; a word such as company is one",
    pattern: r"\S",
    parse: |text| (!text.trim().is_empty() && compile_pattern(text).is_some()).then(|| text.to_owned()),
});

fn providers(fits: fn(Provider) -> bool) -> Vec<&'static str> {
    Provider::ALL.into_iter().filter(|it| fits(*it)).map(Provider::name).collect()
}

/// Parses Twilio's sender: `+40712345678`, a name, or a messaging service's id.
fn parse_twilio_sender(text: &str) -> Option<String> {
    let text = text.trim();
    let is_name = (1..=11).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    let phone = || read_phone(text, None).ok().map(|it| it.expose().to_owned());
    if Senders::is_messaging_service(text) || is_name { Some(text.to_owned()) } else { phone() }
}

fn parse_brand(text: &str) -> Option<String> {
    let text = text.trim();
    let is_brand = (1..=20).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    is_brand.then(|| text.to_owned())
}

/// Only Romanian stays readable without diacritics.
fn check_transliterated(value: &Value, path: &str, errors: &mut Errors) {
    let is_other = |it: &Value| it.as_str().is_some_and(|tag| tag != Language::Romanian.tag());
    if value.as_array().is_some_and(|languages| languages.iter().any(is_other)) {
        errors.add(path, "can only have ro: the other languages need no transliteration, or have none");
    }
}

/// No carrier lets the links of public shorteners through.
fn check_link_domains(value: &Value, path: &str, errors: &mut Errors) {
    for (country, domains) in value.as_object().into_iter().flatten() {
        for (index, domain) in domains.as_array().into_iter().flatten().enumerate() {
            if domain.as_str().is_some_and(countries::is_public_shortener) {
                let problem = "is a public shortener of links: carriers block those, so it can't be registered";
                errors.add(&format!("{path}.{country}[{index}]"), problem);
            }
        }
    }
}

fn check_quiet_hours(value: &Value, path: &str, errors: &mut Errors) {
    let time = |key: &str| jiff::civil::Time::strptime("%H:%M", value[key].as_str()?).ok();
    if let (Some(from), Some(until)) = (time("from"), time("until"))
        && until.duration_since(from).as_mins().rem_euclid(24 * 60) > LONGEST_QUIET_HOURS * 60
    {
        errors.add(path, format!("are longer than {LONGEST_QUIET_HOURS} hours"));
    }
}

/// Only timed messages have minutes.
fn check_minutes(value: &Value, path: &str, errors: &mut Errors) {
    let is_timed = matches!(value["message"].as_str(), None | Some("reminder" | "follow_up" | "reconfirmation"));
    if !value["minutes"].is_null() && !is_timed {
        errors.add(&format!("{path}.minutes"), "can only be given for reminder, follow_up and reconfirmation");
    }
}

/// Reports an item of a list that has the same values for some keys as an earlier one.
fn check_distinct(list: &Value, keys: &[&str], path: &str, errors: &mut Errors, problem: &str) {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    let is_same = |one: &Value, other: &Value| keys.iter().all(|key| one[*key] == other[*key]);
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
        if items[..index].iter().any(|other| is_same(item, other)) {
            errors.add(&format!("{path}[{index}]"), problem);
        }
    }
}

fn check_templates(value: &Value, path: &str, errors: &mut Errors) {
    let keys = ["message", "provider", "language", "event_type", "host", "source", "minutes"];
    check_distinct(value, &keys, path, errors, "is for the same message, provider and case as an earlier one");
}

fn check_wordings(value: &Value, path: &str, errors: &mut Errors) {
    let keys = ["message", "language", "event_type", "host", "source", "minutes"];
    check_distinct(value, &keys, path, errors, "is for the same message and case as an earlier one");
}

fn check_topics(value: &Value, path: &str, errors: &mut Errors) {
    let topics = value.as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<_> = topics.iter().map(|it| it["name"].as_str().map(|name| name.trim().to_lowercase())).collect();
    for (index, name) in names.iter().enumerate() {
        if name.is_some() && names[..index].contains(name) {
            errors.add(&format!("{path}[{index}].name"), "is the name of an earlier topic");
        }
    }
}

fn check_attributes(value: &Value, path: &str, errors: &mut Errors) {
    if value.as_object().is_some_and(|map| map.len() > MOST_ATTRIBUTES) {
        errors.add(path, format!("has more than {MOST_ATTRIBUTES} attributes"));
    }
}

fn check_attribute(value: &Value, path: &str, errors: &mut Errors) {
    if value.as_object().is_some_and(|map| map.len() != 1) {
        let keys: Vec<_> = ATTRIBUTE.iter().map(|key| key.name).collect();
        errors.add(path, format!("must have exactly one of the keys {}", keys.join(", ")));
    }
}

fn check_crm_list(value: &Value, path: &str, errors: &mut Errors) {
    let has_way = !value["consent"].is_null() || !value["double_opt_in"].is_null();
    let path = format!("{path}.marketing");
    match value["marketing"] == true {
        true if !has_way => {
            errors.add(&path, "needs consent or double_opt_in: a booking alone is not consent to marketing");
        }
        false if has_way => errors.add(&path, "must be true for a list with consent or double_opt_in"),
        _ => {}
    }
}

fn check_logging(value: &Value, path: &str, errors: &mut Errors) {
    if !value["level"].is_null() && value["level_until"].is_null() {
        errors.add(&format!("{path}.level_until"), "is missing: it must say when the level expires");
    }
}
