//! The rules of a number's country: whether a message may be sent there by SMS, from whom, in which hours, with which
//! links, and whether an answer comes back. What is said here is read from the files of the crate `countries`.

use countries::{Country, QuietSpan, SenderKind, TextLimits};

use super::order::MessageContent;
use crate::message::{Message, Notice};
use crate::personal::Phone;
use crate::phone::country_of;
use crate::provider::Provider;
use crate::reason::Reason;
use crate::settings::Settings;

/// An address of Calendly's pages, where a link for a new booking will lead.
const BOOKING_PAGE: &str = "https://calendly.com/";

/// The rules for SMS to one number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountryRules<'a> {
    country: &'static Country,
    /// The domains that the settings name for the country.
    domains: Option<&'a [String]>,
    settings: &'a Settings,
}

impl<'a> CountryRules<'a> {
    /// Returns the rules for a number: those of its country, whatever language and time zone the person has.
    pub(crate) fn of(phone: &Phone, settings: &'a Settings) -> Self {
        let code = country_of(phone);
        let domains = code.as_ref().and_then(|code| settings.sms_link_domains.get(code)).map(Vec::as_slice);
        Self { country: countries::country(code.as_deref()), domains, settings }
    }

    /// Checks whether a message may be sent by SMS at all.
    ///
    /// # Errors
    /// [`Reason::CountryChannel`].
    pub(crate) fn check(self, message: Message) -> Result<(), Reason> {
        let is_allowed = self.country.sms.purposes.allow(message.purpose());
        if is_allowed { Ok(()) } else { Err(Reason::CountryChannel) }
    }

    /// Returns whether the country takes the sender that a provider would use. What EngageLab uses is not known, nor
    /// what a messaging service of Twilio's chooses.
    pub(crate) fn take_sender_of(self, provider: Provider) -> bool {
        self.sender_of(provider).is_none_or(|kind| self.country.sms.senders.kinds.contains(&kind))
    }

    /// Returns whether the person can answer, for example with STOP.
    pub(crate) fn let_replies_back(self, provider: Provider) -> bool {
        let replies = &self.country.sms.replies;
        let is_two_way = if provider == Provider::Twilio { replies.twilio } else { replies.others };
        is_two_way && self.sender_of(provider) != Some(SenderKind::Name)
    }

    /// Returns what the text of a message may not have.
    pub(crate) fn limits(self, message: Message) -> TextLimits {
        self.country.sms.links.limits(message.purpose(), self.domains)
    }

    /// Returns the times without this message.
    pub(crate) fn quiet_spans(self, message: Message) -> &'static [QuietSpan] {
        self.country.sms.hours.of(message.purpose())
    }

    fn sender_of(self, provider: Provider) -> Option<SenderKind> {
        if provider == Provider::Twilio { self.settings.senders.twilio_kind() } else { None }
    }
}

/// Removes what the text of a message may not have: links, and a place that is a link or a number. Returns whether the
/// person misses something without it.
pub(crate) fn withhold(content: &mut MessageContent, message: Message, limits: &TextLimits) -> bool {
    let names_place = match message {
        Message::Confirmation | Message::Move | Message::Reminder { .. } | Message::Reconfirmation { .. } => true,
        Message::HostNotice(notice) => notice != Notice::Canceled,
        Message::Cancellation | Message::FollowUp { .. } | Message::NoShow | Message::NotBooked => false,
    };
    let can_be_changed = names_place && !matches!(message, Message::HostNotice(_));
    let is_survey = matches!(message, Message::FollowUp { .. });
    let mut is_missed = false;
    for (link, is_shown) in [
        (&mut content.join_url, names_place),
        (&mut content.cancel_url, can_be_changed),
        (&mut content.reschedule_url, can_be_changed),
        (&mut content.survey_url, is_survey),
    ] {
        if link.take_if(|it| !limits.allow_link(it)).is_some() {
            is_missed |= is_shown;
        }
    }
    if content.location.take_if(|it| !limits.allow_text(it.expose())).is_some() {
        is_missed |= names_place;
    }
    if content.link_for.take_if(|_| !limits.allow_link(BOOKING_PAGE)).is_some() {
        is_missed = true;
    }
    is_missed
}
