//! Which links of an SMS short links of ours replace.

use countries::TextLimits;

use super::order::MessageContent;
use crate::message::{Message, Notice};
use crate::short_link::LinkPurpose;

/// What follows the base of a short link: `/m/` and a code of 8 characters.
const SHORT_PATH: usize = 11;

/// Returns the links that short links replace: those about a coming meeting, where that is shorter. There are none
/// where carriers let through only what is registered with them, and our domain is not.
///
/// `base` is what a short link begins with, without a slash at its end.
pub fn links_to_shorten<'a>(
    base: &str,
    message: Message,
    limits: &TextLimits,
    content: &'a mut MessageContent,
) -> Vec<(LinkPurpose, &'a mut String)> {
    if !has_links(message) || !limits.allow_link(base) {
        return Vec::new();
    }
    let is_longer = |url: &str| {
        let is_plain = url.starts_with("https://") && url.bytes().all(|it| it.is_ascii_graphic());
        is_plain && url.len() > base.len() + SHORT_PATH
    };
    let places = [
        (LinkPurpose::Join, content.join_url.as_mut()),
        (LinkPurpose::Reschedule, content.reschedule_url.as_mut()),
        (LinkPurpose::Cancel, content.cancel_url.as_mut()),
    ];
    let links = places.into_iter().filter_map(|(purpose, url)| Some((purpose, url?)));
    links.filter(|(_, url)| is_longer(url.as_str())).collect()
}

/// Returns whether a message has links about a coming meeting.
fn has_links(message: Message) -> bool {
    match message {
        Message::Confirmation
        | Message::Move
        | Message::Reminder { .. }
        | Message::Reconfirmation { .. }
        | Message::HostNotice(Notice::Booked | Notice::Moved) => true,
        Message::Cancellation
        | Message::FollowUp { .. }
        | Message::NoShow
        | Message::NotBooked
        | Message::HostNotice(Notice::Canceled) => false,
    }
}
