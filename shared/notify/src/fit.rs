//! How long an SMS is, and what it can do without.

use domain::{MessageContent, SmsCost, SmsOrder};
use engine::FittedSms;

use crate::sms::{Measure, measure};
use crate::wording::{fill_template, render_sms};

/// What a message that is too long loses, in this order. The time is not among it.
const OPTIONAL_PARTS: [fn(&mut MessageContent); 7] = [
    |content| content.cancel_url = None,
    |content| content.reschedule_url = None,
    |content| content.old_start = None,
    |content| content.booking_url = None,
    |content| content.survey_url = None,
    |content| content.location = None,
    |content| content.join_url = None,
];

/// Takes optional parts out of a content until its text has at most `most` segments, or nothing is left to take out.
/// Returns the measure of the text and whether something was taken out; `None` if there is no text. A part stays if the
/// text is no shorter without it.
pub(crate) fn shorten(
    content: &mut MessageContent,
    most: u32,
    text: impl Fn(&MessageContent) -> Option<String>,
) -> Option<(Measure, bool)> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut measured = measure(&text(content)?);
    let mut is_shortened = false;
    for take_out in OPTIONAL_PARTS {
        if measured.segments <= most {
            break;
        }
        let mut shorter = content.clone();
        take_out(&mut shorter);
        let Some(new) = text(&shorter).map(|text| measure(&text)) else { continue };
        if (new.segments, new.units) < (measured.segments, measured.units) {
            (*content, measured, is_shortened) = (shorter, new, true);
        }
    }
    Some((measured, is_shortened))
}

/// Makes an SMS short enough: see [`engine::Sms::fit`]. `unsubscribe` is the link that ends follow-ups, which stays.
pub(crate) fn fit(order: &mut SmsOrder, unsubscribe: Option<&str>) -> FittedSms {
    let mut content = order.content.clone();
    let text = |content: &MessageContent| match &order.template_text {
        Some(text) => Some(fill_template(text, order.message, content, unsubscribe)),
        None => render_sms(order.message, content, unsubscribe, order.transliterate).ok(),
    };
    // Only the provider knows a template without its text. Our own wording is about as long, and nothing is taken out.
    let is_estimate = order.provider.has_templates() && order.template_text.is_none();
    let most = if is_estimate { u32::MAX } else { order.most_segments };
    // Wording that can't be filled in is refused when it is sent.
    let (segments, is_shortened) = shorten(&mut content, most, text)
        .map_or((1, false), |(measure, is_shortened)| (measure.segments, is_shortened));
    order.content = content;
    FittedSms { segments: u32::try_from(segments).unwrap_or(u32::MAX), is_shortened }
}

/// Returns what an SMS will probably cost: as it would be sent, but with the links that it has now, and without the one
/// that ends follow-ups.
pub fn estimate_cost(mut order: SmsOrder) -> SmsCost {
    let fitted = fit(&mut order, None);
    SmsCost::new(fitted.segments, order.segment_price.as_ref())
}

#[cfg(test)]
mod tests {
    use domain::settings::{Provider, WordingParts};
    use domain::{Language, Message};

    use super::*;
    use crate::{fixtures, samples};

    fn order(message: Message, language: Language, most_segments: u32) -> SmsOrder {
        let content = samples::full(message, language);
        SmsOrder { provider: Provider::Twilio, template: None, content, most_segments, ..fixtures::text(message) }
    }

    fn text(order: &SmsOrder) -> String {
        render_sms(order.message, &order.content, None, order.transliterate).expect("an SMS")
    }

    #[test]
    fn a_long_sms_loses_its_links_to_cancel_and_to_move_first_and_never_its_time() {
        let message = Message::Confirmation;
        let mut whole = order(message, Language::Romanian, 100);
        let fitted = fit(&mut whole, None);
        assert!(!fitted.is_shortened && fitted.segments > 4, "{fitted:?}");

        let mut shorter = order(message, Language::Romanian, fitted.segments - 1);
        let less = fit(&mut shorter, None);
        assert!(less.is_shortened && less.segments < fitted.segments, "{less:?}");
        assert!(shorter.content.cancel_url.is_none() && shorter.content.join_url.is_some());
        assert_eq!(shorter.content.location, whole.content.location);

        for language in Language::ALL {
            for message in Message::SAMPLES {
                let mut shortest = order(message, language, 1);
                let fitted = fit(&mut shortest, None);
                let time = local_time::format_short(
                    shortest.content.start,
                    &shortest.content.zone,
                    shortest.content.host_zone.as_deref(),
                    language,
                );
                let before = text(&order(message, language, 100));
                let after = text(&shortest);
                assert_eq!(before.contains(&time), after.contains(&time), "{after}");
                let measured = measure(&after).segments;
                assert_eq!(usize::try_from(fitted.segments), Ok(measured), "what is counted is what is sent");
            }
        }
    }

    #[test]
    fn own_wording_and_templates_with_their_text_are_shortened_and_templates_without_are_estimated() {
        let message = Message::Reminder { minutes_before: 60 };
        let link = "{{ event }} {{ short_time }}{% if reschedule_link %} {{ reschedule_link }}{% endif %}";
        let mut own = order(message, Language::English, 1);
        let sms = format!("{} {link}", "a".repeat(80));
        own.content.wording = WordingParts { sms: Some(sms), ..WordingParts::default() };
        assert_eq!(fit(&mut own, None), FittedSms { segments: 1, is_shortened: true });
        assert!(!text(&own).contains("https://") && text(&own).contains("15 Oct"), "{}", text(&own));

        let mut template = SmsOrder { provider: Provider::Engagelab, ..order(message, Language::English, 1) };
        template.template_text = Some(format!("{} {{{{short_time}}}} {{{{reschedule_link}}}}", "a".repeat(80)));
        let fitted = fit(&mut template, None);
        assert!(fitted.is_shortened && template.content.reschedule_url.is_none(), "{fitted:?}");

        let mut unknown = SmsOrder { provider: Provider::Engagelab, ..order(message, Language::English, 1) };
        let whole = unknown.content.clone();
        let fitted = fit(&mut unknown, None);
        assert!(fitted.segments > 1 && !fitted.is_shortened && unknown.content == whole, "{fitted:?}");
    }

    #[test]
    fn wording_that_is_broken_counts_as_one_segment() {
        let mut broken = order(Message::Confirmation, Language::Danish, 1);
        broken.content.wording = WordingParts { sms: Some("{{ name }".to_owned()), ..WordingParts::default() };
        assert_eq!(fit(&mut broken, None), FittedSms { segments: 1, is_shortened: false });
    }
}
