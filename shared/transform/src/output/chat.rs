//! What a chat message says of an event: a title and facts. Names, answers and messages are the words of strangers.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use stranger::StrangerText;

use super::flat;
use super::read::{event_type, text};

/// The most facts of a message. A Slack message has at most 50 blocks, and a Teams message 28 KB.
const MOST_FACTS: usize = 20;
/// The longest fact, in characters.
const LONGEST_FACT: usize = 250;
/// The longest name in a summary, in characters.
const LONGEST_NAME: usize = 60;

/// What is shown of events that we know, by its place in the event.
const SHOWN: [(&str, &str); 38] = [
    ("Invitee", "/data/invitee/name"),
    ("E-mail", "/data/invitee/email"),
    ("Phone", "/data/invitee/phone"),
    ("Reply", "/data/reply/text"),
    ("Failure", "/data/failure/reason"),
    ("Detail", "/data/failure/detail"),
    ("Notification", "/data/notification/message"),
    ("Channel", "/data/notification/channel"),
    ("Meeting", "/data/booking/eventType"),
    ("Start", "/data/booking/startTime"),
    ("Before", "/data/previous/startTime"),
    ("Host", "/data/booking/hosts/0/name"),
    ("Place", "/data/booking/place"),
    ("Link", "/data/booking/joinUrl"),
    ("Canceled by", "/data/cancellation/by"),
    ("Reason", "/data/cancellation/reason"),
    ("Topic", "/data/topic"),
    ("Message", "/data/message/text"),
    ("Message", "/data/message"),
    ("Response", "/data/response/text"),
    ("Intent", "/data/intent"),
    ("Summary", "/data/summary"),
    ("Duration", "/data/duration"),
    ("Messages", "/data/messageCount"),
    ("Satisfaction", "/data/satisfaction"),
    ("Resolved", "/data/resolved"),
    ("Platform", "/data/platform"),
    ("Agent", "/data/agentId"),
    ("Period", "/data/period"),
    ("Endpoint", "/data/endpointId"),
    ("Endpoint", "/data/webhookId"),
    ("Last error", "/data/lastError"),
    ("Failing since", "/data/failingSince"),
    ("Will be disabled", "/data/willBeDisabledAt"),
    ("Disabled", "/data/disabledAt"),
    ("User", "/data/userId"),
    ("Conversation", "/data/sessionId"),
    ("Conversation", "/data/conversationId"),
];

/// What a chat message says.
pub(super) struct Chat {
    /// What happened, in our own words.
    pub(super) title: String,
    /// The title with the name of the invitee and of the meeting, without any sign that could be a link or a mention.
    pub(super) summary: String,
    /// What is known of it: a label and a value. Both may be words of strangers.
    pub(super) facts: Vec<(String, String)>,
    /// When it happened, and its id.
    pub(super) footer: String,
}

/// Reads an event.
pub(super) fn read(event: &Value) -> Chat {
    let title = plain(&sentence(event_type(event).unwrap_or("event")), LONGEST_NAME);
    let about = ["/data/invitee/name", "/data/booking/eventType"].into_iter().filter_map(|it| text(event, it));
    let about: Vec<_> = about.map(|it| plain(it, LONGEST_NAME)).filter(|it| !it.is_empty()).collect();
    let summary = if about.is_empty() { title.clone() } else { format!("{title}: {}", about.join(", ")) };
    let footer = [text(event, "/timestamp"), text(event, "/id")].into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let mut facts = facts(event);
    facts.truncate(MOST_FACTS);
    Chat { title, summary, facts, footer: tidy(&footer) }
}

fn facts(event: &Value) -> Vec<(String, String)> {
    let zone = text(event, "/data/booking/timezone");
    let shown = SHOWN.iter().filter_map(|(label, pointer)| {
        let value = scalar(event.pointer(pointer)?)?;
        let value = if pointer.ends_with("startTime") { local_time(&value, zone).unwrap_or(value) } else { value };
        Some(((*label).to_owned(), value))
    });
    let answers = event.pointer("/data/answers").and_then(Value::as_array).into_iter().flatten();
    let answers = answers.filter_map(|it| Some((scalar(it.get("question")?)?, scalar(it.get("answer")?)?)));
    let metrics = event.pointer("/data/metrics").map(|it| flat::columns(it, "")).unwrap_or_default();
    let metrics = metrics.into_iter().filter_map(|(name, value)| Some((sentence(&name), scalar(&value)?)));
    let mut facts: Vec<_> = shown.chain(answers).chain(metrics).collect();
    if facts.is_empty() {
        let others = event.get("data").map(|it| flat::columns(it, "")).unwrap_or_default();
        facts = others.into_iter().filter_map(|(name, value)| Some((sentence(&name), scalar(&value)?))).collect();
    }
    let facts = facts.into_iter().map(|(label, value)| (tidy(&label), tidy(&value)));
    facts.filter(|(label, value)| !label.is_empty() && !value.is_empty()).collect()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns an instant in a time zone, with the zone's name, for example `Tue 1 Sep 2026, 13:00 (Europe/Bucharest)`.
fn local_time(instant: &str, zone: Option<&str>) -> Option<String> {
    let instant: Timestamp = instant.parse().ok()?;
    let zone = zone.and_then(|it| TimeZone::get(it).ok()).unwrap_or(TimeZone::UTC);
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    Some(format!("{} ({name})", instant.to_zoned(zone).strftime("%a %-d %b %Y, %H:%M")))
}

/// Makes words of a name: `booking.no_show` is `Booking no show`.
fn sentence(name: &str) -> String {
    let words = name.replace(['.', '_'], " ");
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Makes one line of a text, without what can't be seen, and shortens it.
fn tidy(text: &str) -> String {
    let shown = StrangerText::from(text).as_written_shortened(usize::MAX).replace('\n', " ");
    shorten(shown.trim(), LONGEST_FACT)
}

/// Replaces the signs that a link, a mention or formatting needs.
fn plain(text: &str, longest: usize) -> String {
    let is_sign = |c: char| c.is_ascii_punctuation() && !matches!(c, '\'' | '-' | ',');
    let words: String = tidy(text).chars().map(|c| if is_sign(c) { ' ' } else { c }).collect();
    shorten(&words.split_whitespace().collect::<Vec<_>>().join(" "), longest)
}

fn shorten(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}
