//! The settings of the seed's connector ("Calendly -> Brevo"), translated to ours.

use domain::settings::{AttributeSource, SettingsError};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// How long logging goes on that has no end.
const LOGS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The seed's word for a canceled booking.
const CANCELED: &str = "cancelled";

/// The variables that a document may name, and the fields of the connection's secrets that they stand for.
const VARIABLES: [(&str, &str); 6] = [
    ("CALENDLY_ACCESS_TOKEN", "calendly_token"),
    ("CALENDLY_TOKEN", "calendly_token"),
    ("CALENDLY_WEBHOOK_SIGNING_KEY", "calendly_signing_key"),
    ("BREVO_API_KEY", "brevo_api_key"),
    ("VAI_API_KEY", "vai_api_key"),
    ("TAJO_API_KEY", "none: Tajo is not needed"),
];

/// Returns a document with the seed's keys replaced by ours, and the errors in them. Other keys stay as they are.
pub(crate) fn translate(document: &Value, now: Timestamp) -> (Value, Vec<SettingsError>) {
    let Value::Object(map) = document else { return (document.clone(), Vec::new()) };
    if !map.contains_key("connectors") && !map.contains_key("field_mapping") {
        return (document.clone(), Vec::new());
    }
    let mut ours = map.clone();
    let (connectors, mapping) = (ours.remove("connectors"), ours.remove("field_mapping"));
    let mut translation = Translation { ours, crm: Map::new(), logging: Map::new(), errors: Vec::new(), now };
    if translation.ours.contains_key("crm") {
        translation.refuse("crm", "can't stand beside connectors or field_mapping, which say the same");
    }
    if let Some(connectors) = connectors {
        translation.read_connectors(&connectors);
    }
    if let Some(mapping) = mapping {
        translation.read_mapping(&mapping, "field_mapping");
    }
    translation.finish()
}

struct Translation {
    ours: Map<String, Value>,
    crm: Map<String, Value>,
    logging: Map<String, Value>,
    errors: Vec<SettingsError>,
    now: Timestamp,
}

impl Translation {
    fn refuse(&mut self, path: &str, problem: impl Into<String>) {
        self.errors.push(SettingsError { path: path.to_owned(), problem: problem.into() });
    }

    /// Opens a table of the document; reports keys other than `known`.
    fn open<'a>(&mut self, value: &'a Value, path: &str, known: &[&str]) -> Option<&'a Map<String, Value>> {
        let Value::Object(map) = value else {
            self.refuse(path, "must be a table of keys and values");
            return None;
        };
        for key in map.keys().filter(|key| !known.is_empty() && !known.contains(&key.as_str())) {
            self.refuse(&format!("{path}.{key}"), format!("is not known; the keys here are: {}", known.join(", ")));
        }
        Some(map)
    }

    fn flag(&mut self, map: &Map<String, Value>, key: &str, path: &str) -> Option<bool> {
        let value = map.get(key)?;
        if value.as_bool().is_none() {
            self.refuse(&format!("{path}.{key}"), "must be true or false");
        }
        value.as_bool()
    }

    fn read_connectors(&mut self, connectors: &Value) {
        let Some(connectors) = self.open(connectors, "connectors", &["calendly"]) else { return };
        let Some(calendly) = connectors.get("calendly") else { return };
        let path = "connectors.calendly";
        let known = [
            "enabled",
            "access_token",
            "sync",
            "event_mapping",
            "field_mapping",
            "webhook",
            "debug",
            "log_level",
            "log_webhooks",
        ];
        let Some(calendly) = self.open(calendly, path, &known) else { return };
        if let Some(is_enabled) = self.flag(calendly, "enabled", path) {
            self.ours.insert("enabled".to_owned(), json!(is_enabled));
        }
        if let Some(token) = calendly.get("access_token") {
            self.check_variable(token, &format!("{path}.access_token"));
        }
        if let Some(webhook) = calendly.get("webhook") {
            let path = format!("{path}.webhook");
            if let Some(key) = self.open(webhook, &path, &["signing_key"]).and_then(|it| it.get("signing_key")) {
                self.check_variable(key, &format!("{path}.signing_key"));
            }
        }
        if let Some(sync) = calendly.get("sync") {
            let (path, switches) = (format!("{path}.sync"), ["contacts", "events", "cancellations"]);
            if let Some(sync) = self.open(sync, &path, &switches) {
                for name in switches {
                    if let Some(flag) = self.flag(sync, name, &path) {
                        self.crm.insert(name.to_owned(), json!(flag));
                    }
                }
            }
        }
        if let Some(mapping) = calendly.get("event_mapping") {
            self.read_lists(mapping, &format!("{path}.event_mapping"));
        }
        if let Some(mapping) = calendly.get("field_mapping") {
            self.read_mapping(mapping, &format!("{path}.field_mapping"));
        }
        self.read_logging(calendly, path);
    }

    /// Checks a secret: it must be a reference to a field of the connection's secrets. The functions read it there.
    fn check_variable(&mut self, value: &Value, path: &str) {
        let names = VARIABLES.map(|(name, _)| name).join(", ");
        let Some(text) = value.as_str() else {
            return self.refuse(path, "must be a text such as \"${BREVO_API_KEY}\"");
        };
        match text.strip_prefix("${").and_then(|it| it.strip_suffix('}')) {
            Some(name) if VARIABLES.iter().any(|(known, _)| *known == name) => {}
            Some(name) => self.refuse(path, format!("names {name}, which is no field of the connection's secrets; they have: {names}")),
            None => self.refuse(path, "is a secret, which does not belong in settings: give it to `make connect` or the API, and write its name here, such as \"${CALENDLY_ACCESS_TOKEN}\""),
        }
    }

    fn read_lists(&mut self, mapping: &Value, path: &str) {
        let Some(mapping) = self.open(mapping, path, &[]) else { return };
        let mut lists = Vec::new();
        for (name, list) in mapping {
            let path = format!("{path}.{name}");
            let Some(list) = self.open(list, &path, &["list_id", "event_type_uri"]) else { continue };
            let id = list.get("list_id").and_then(Value::as_u64).filter(|id| *id > 0);
            let event_type = list.get("event_type_uri").and_then(Value::as_str).filter(|it| !it.trim().is_empty());
            if id.is_none() {
                self.refuse(&format!("{path}.list_id"), "must be the number of a list, such as 10");
            }
            if event_type.is_none() {
                self.refuse(&format!("{path}.event_type_uri"), "must be the URI of an event type");
            }
            lists.extend(id.zip(event_type).map(|(id, event_type)| json!({"id": id, "event_type": event_type})));
        }
        self.crm.insert("lists".to_owned(), Value::Array(lists));
    }

    fn read_mapping(&mut self, mapping: &Value, path: &str) {
        let known = ["email", "name", "questions_and_answers", "event_type_name", "scheduled_at", "status"];
        let Some(mapping) = self.open(mapping, path, &known) else { return };
        let mut attributes = Map::new();
        let sources = [
            ("name", AttributeSource::FirstName),
            ("event_type_name", AttributeSource::EventType),
            ("scheduled_at", AttributeSource::StartDate),
            ("status", AttributeSource::Status),
        ];
        for (key, source) in sources {
            if let Some(value) = mapping.get(key) {
                self.add_attribute(&mut attributes, value, &format!("{path}.{key}"), &json!(source));
            }
        }
        if mapping.get("email").is_some_and(|it| it != "email") {
            self.refuse(&format!("{path}.email"), "must be email: a contact is known by its address");
        }
        if let Some(questions) = mapping.get("questions_and_answers") {
            let path = format!("{path}.questions_and_answers");
            for (word, value) in self.open(questions, &path, &[]).into_iter().flatten() {
                let pattern = format!(r"\b{}\b", escape(word));
                let is_phone = word == "phone" || value == "SMS";
                let source = if is_phone {
                    AttributeSource::PhoneMatching(pattern)
                } else {
                    AttributeSource::AnswerMatching(pattern)
                };
                self.add_attribute(&mut attributes, value, &format!("{path}.{word}"), &json!(source));
            }
        }
        self.crm.insert("attributes".to_owned(), Value::Object(attributes));
    }

    fn add_attribute(&mut self, attributes: &mut Map<String, Value>, name: &Value, path: &str, source: &Value) {
        let is_name = |it: &&str| {
            (1..=50).contains(&it.len())
                && it.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        match name.as_str().filter(is_name) {
            None => self.refuse(path, "must be the name of an attribute: capital letters, digits and underscores"),
            Some(name) if attributes.contains_key(name) => self.refuse(path, format!("gives {name} a second value")),
            Some(name) => drop(attributes.insert(name.to_owned(), source.clone())),
        }
    }

    fn read_logging(&mut self, calendly: &Map<String, Value>, path: &str) {
        let until = json!((self.now + LOGS_FOR).to_string());
        let is_debug = self.flag(calendly, "debug", path) == Some(true);
        let level = match calendly.get("log_level") {
            None => is_debug.then_some("debug"),
            Some(level) => match level.as_str() {
                Some("verbose") => Some("debug"),
                Some(level @ ("error" | "warn" | "info" | "debug" | "trace")) => Some(level),
                _ => {
                    self.refuse(
                        &format!("{path}.log_level"),
                        "must be one of error, warn, info, debug, trace, verbose",
                    );
                    None
                }
            },
        };
        if let Some(level) = level {
            self.logging.insert("level".to_owned(), json!(level));
            self.logging.insert("level_until".to_owned(), until.clone());
        }
        if self.flag(calendly, "log_webhooks", path) == Some(true) {
            self.logging.insert("webhooks_until".to_owned(), until);
        }
    }

    fn finish(mut self) -> (Value, Vec<SettingsError>) {
        if !self.crm.is_empty() {
            self.crm.insert("statuses".to_owned(), json!({ "canceled": CANCELED }));
            self.ours.insert("crm".to_owned(), Value::Object(self.crm));
        }
        if !self.logging.is_empty() {
            let logging = self.ours.entry("logging").or_insert_with(|| json!({}));
            if let Value::Object(logging) = logging {
                // What the document says in our own words goes first.
                self.logging.extend(std::mem::take(logging));
                *logging = self.logging;
            }
        }
        (Value::Object(self.ours), self.errors)
    }
}

/// Escapes a word for a pattern.
fn escape(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_';
    // People write `job_title` for "Job title".
    word.chars()
        .map(|c| match c {
            '_' => r"[\s_-]+".to_owned(),
            c if is_plain(c) || c.is_whitespace() => c.to_string(),
            c => format!(r"\{c}"),
        })
        .collect()
}
