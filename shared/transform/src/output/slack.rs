//! A message for a Slack incoming webhook.

use serde_json::{Value, json};

use super::chat;

/// The most fields of a section (Slack's Block Kit reference).
const MOST_FIELDS: usize = 10;

/// Makes a message. Everything is `plain_text`, in which Slack makes no links, mentions or formatting of what
/// strangers wrote.
pub(super) fn make(event: &Value) -> Value {
    let chat = chat::read(event);
    let mut blocks = vec![json!({"type": "header", "text": plain_text(&chat.title)})];
    blocks.extend(chat.facts.chunks(MOST_FIELDS).map(|facts| {
        let fields: Vec<_> = facts.iter().map(|(label, value)| plain_text(&format!("{label}\n{value}"))).collect();
        json!({"type": "section", "fields": fields})
    }));
    if !chat.footer.is_empty() {
        blocks.push(json!({"type": "context", "elements": [plain_text(&chat.footer)]}));
    }
    // Notifications show this one. It is formatted, so it has no signs that could be a link or a mention.
    json!({"text": chat.summary, "blocks": blocks})
}

fn plain_text(text: &str) -> Value {
    // Slack asks for these three to be escaped in every text.
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({"type": "plain_text", "text": escaped, "emoji": false})
}
