//! A message with an Adaptive Card, for a Teams workflow ("When a Teams webhook request is received").

use serde_json::{Value, json};

use super::chat;

/// Makes a message. What strangers wrote stands in text runs, in which Adaptive Cards know no Markdown; a text block or
/// a fact set would make links of it.
pub(super) fn make(event: &Value) -> Value {
    let chat = chat::read(event);
    let run = |text: &str, weight: &str| json!({"type": "TextRun", "text": text, "weight": weight});
    let mut body = vec![json!({"type": "RichTextBlock", "inlines": [
        {"type": "TextRun", "text": chat.title, "weight": "Bolder", "size": "Large"},
    ]})];
    body.extend(chat.facts.iter().map(|(label, value)| {
        json!({"type": "RichTextBlock", "spacing": "Small", "inlines": [
            run(&format!("{label}: "), "Bolder"), run(value, "Default"),
        ]})
    }));
    if !chat.footer.is_empty() {
        body.push(json!({"type": "RichTextBlock", "inlines": [
            {"type": "TextRun", "text": chat.footer, "size": "Small", "isSubtle": true},
        ]}));
    }
    json!({
        "type": "message",
        "summary": chat.summary,
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": chat.summary,
                "body": body,
            },
        }],
    })
}
