//! Composes a message for the provider's adapter.
//!
//! A message is checked when it is planned, and composed when it is sent, so that a reminder has the booking's present
//! data.

use super::action::MessageAction;
use super::content::{compose_content, compose_host_content, find_host};
use super::country_rules::{CountryRules, withhold};
use super::order::{Calendar, EmailOrder, MessageContent, MessageOrder, SmsOrder, Withheld};
use super::phones::{host_phone_to_text, phone_to_text};
use super::timing::check_applies;
use crate::destinations::base::Context;
use crate::email_address::parse_email;
use crate::language::Language;
use crate::leg::PhoneSource;
use crate::message::Message;
use crate::personal::{Phone, Private};
use crate::provider::{Channel, Provider};
use crate::reason::Reason;
use crate::settings::{Audience, CalendarFile};

/// The recipient of a message.
enum Recipient<'a> {
    Phone(Phone, PhoneSource, CountryRules<'a>),
    Address(Private<String>),
}

/// The chosen provider of a message.
struct Sender {
    provider: Provider,
    template: Option<String>,
    /// The template's text, if the settings have it.
    text: Option<String>,
    next: Option<Provider>,
}

/// Checks whether a message can and should be sent.
///
/// # Errors
/// The reason against it.
pub(crate) fn check(context: &Context<'_>, action: &MessageAction) -> Result<(), Reason> {
    let recipient = find_recipient(context, action)?;
    find_sender(context, action, &recipient, language_of(context, action)).map(drop)
}

/// Composes a message.
///
/// # Errors
/// The reason why it cannot be sent or should no longer be sent.
pub(crate) fn compose(context: &Context<'_>, action: &MessageAction) -> Result<MessageOrder, Reason> {
    let recipient = find_recipient(context, action)?;
    let mut content = content_of(context, action);
    let sender = find_sender(context, action, &recipient, content.language)?;
    let message = action.message();
    Ok(match recipient {
        Recipient::Phone(to, source, rules) => {
            let limits = rules.limits(message);
            if withhold(&mut content, message, &limits) {
                content.withheld = if is_emailed(context, action) { Withheld::LinksToEmail } else { Withheld::Links };
            }
            content.can_reply = rules.let_replies_back(sender.provider);
            content.brand = rules.brand().map(str::to_owned);
            MessageOrder::Sms(compose_sms(context, message, (to, source, rules), sender, content))
        }
        Recipient::Address(to) => MessageOrder::Email(compose_email(context, message, to, sender, content)),
    })
}

/// Returns whether an SMS goes out without links that the person misses, because of the number's country. The e-mail
/// with the same message has them.
pub(crate) fn withholds_links(context: &Context<'_>, action: &MessageAction) -> bool {
    let Context { booking, leg, settings, .. } = *context;
    let phone = match action {
        MessageAction::Sms(_) => phone_to_text(booking, leg, settings).ok().map(|(phone, _)| phone),
        MessageAction::SmsHost(_, address) => find_host(leg, address.expose(), settings).1.phone,
        MessageAction::Email(_) | MessageAction::EmailHost(..) => None,
    };
    let Some(phone) = phone else { return false };
    let limits = CountryRules::of(&phone, settings).limits(action.message());
    withhold(&mut content_of(context, action), action.message(), &limits)
}

/// Returns whether the e-mail with the same message goes out, too.
fn is_emailed(context: &Context<'_>, action: &MessageAction) -> bool {
    let Context { settings, .. } = *context;
    let Some(email) = action.by_email() else { return false };
    let channels = settings.channels_of(context.occasion(action.message()));
    let is_wanted = settings.email_instead_of_sms || channels.contains(&Channel::Email);
    let is_permitted = match &email {
        MessageAction::EmailHost(_, host) => settings.host(host.expose()).is_some_and(|contact| contact.email),
        _ => true,
    };
    is_wanted && is_permitted && check(context, &email).is_ok()
}

fn content_of(context: &Context<'_>, action: &MessageAction) -> MessageContent {
    match action {
        MessageAction::Sms(message) | MessageAction::Email(message) => compose_content(context, *message),
        MessageAction::SmsHost(notice, address) | MessageAction::EmailHost(notice, address) => {
            let (host, contact) = find_host(context.leg, address.expose(), context.settings);
            compose_host_content(context, *notice, host, &contact)
        }
    }
}

/// Returns the recipient, if the message still applies and the number's country takes it.
fn find_recipient<'a>(context: &Context<'a>, action: &MessageAction) -> Result<Recipient<'a>, Reason> {
    let Context { booking, leg, settings, .. } = *context;
    let message = action.message();
    let by_phone = |to: Phone, source| {
        let rules = CountryRules::of(&to, settings);
        rules.check(message).map(|()| Recipient::Phone(to, source, rules))
    };
    match action {
        MessageAction::Sms(_) => {
            check_audience(context, settings.sms_for)?;
            check_applies(context, message, Channel::Sms)?;
            let (to, source) = phone_to_text(booking, leg, settings)?;
            by_phone(to, source)
        }
        MessageAction::Email(_) => {
            check_audience(context, settings.mail_for)?;
            check_applies(context, message, Channel::Email)?;
            let address = parse_email(leg.details.email.expose()).ok_or(Reason::EmailInvalid)?;
            Ok(Recipient::Address(address))
        }
        MessageAction::SmsHost(_, address) => {
            check_audience(context, settings.host_notices_for)?;
            check_applies(context, message, Channel::Sms)?;
            let (_, contact) = find_host(leg, address.expose(), settings);
            let (to, source) = host_phone_to_text(contact.phone)?;
            by_phone(to, source)
        }
        MessageAction::EmailHost(_, address) => {
            check_audience(context, settings.host_notices_for)?;
            check_applies(context, message, Channel::Email)?;
            Ok(Recipient::Address(address.clone()))
        }
    }
}

/// Checks whether the settings want a message for this booking: whoever can open the public page can make one.
fn check_audience(context: &Context<'_>, audience: Audience) -> Result<(), Reason> {
    let is_stranger = context.booking.metadata.is_none();
    if is_stranger && audience == Audience::Vai { Err(Reason::NotVais) } else { Ok(()) }
}

fn language_of(context: &Context<'_>, action: &MessageAction) -> Language {
    match action {
        MessageAction::Sms(_) | MessageAction::Email(_) => context.language(),
        MessageAction::SmsHost(_, address) | MessageAction::EmailHost(_, address) => {
            let (_, contact) = find_host(context.leg, address.expose(), context.settings);
            contact.language.unwrap_or(context.settings.default_language)
        }
    }
}

/// Returns the provider that can send a message and whose turn it is, and the next one.
fn find_sender(
    context: &Context<'_>,
    action: &MessageAction,
    recipient: &Recipient<'_>,
    language: Language,
) -> Result<Sender, Reason> {
    let Context { settings, passed_over, turn, .. } = context;
    let message = action.message();
    let channel = match action {
        MessageAction::Sms(_) | MessageAction::SmsHost(..) => Channel::Sms,
        MessageAction::Email(_) | MessageAction::EmailHost(..) => Channel::Email,
    };
    let occasion = context.occasion(message);
    let able = settings.providers_of(message, channel).iter().copied().filter_map(|provider| {
        let template = settings.template_of(occasion, provider, language).map(|it| (it.id.clone(), it.text.clone()));
        let can = !passed_over.contains(&provider) && (template.is_some() || !provider.has_templates());
        can.then_some((provider, template))
    });
    let mut able: Vec<_> = able.collect();
    if let Recipient::Phone(_, _, rules) = recipient
        && !able.is_empty()
    {
        able.retain(|(provider, _)| rules.take_sender_of(*provider));
        if able.is_empty() {
            return Err(Reason::CountryChannel);
        }
    }
    // A file that the invitee has must follow the meeting.
    let has_file = matches!(action, MessageAction::Email(_)) && context.calendar.is_some();
    if has_file && compose_calendar(context, message).is_some() && able.iter().any(|(it, _)| it.sends_files()) {
        able.retain(|(provider, _)| provider.sends_files());
    }
    let at = |turn: u32| able.get(usize::try_from(turn).unwrap_or(0) % able.len().max(1));
    let (provider, template) = at(*turn).cloned().ok_or(Reason::NoTemplate)?;
    let next = at(turn.saturating_add(1)).map(|(next, _)| *next).filter(|next| *next != provider);
    let (template, text) = template.map_or((None, None), |(id, text)| (Some(id), text));
    Ok(Sender { provider, template, text, next })
}

fn compose_sms(
    context: &Context<'_>,
    message: Message,
    (to, source, rules): (Phone, PhoneSource, CountryRules<'_>),
    sender: Sender,
    content: MessageContent,
) -> SmsOrder {
    let settings = context.settings;
    let Sender { provider, template, text, next } = sender;
    SmsOrder {
        most_segments: rules.most_segments(provider),
        segment_price: rules.segment_price(),
        to,
        source,
        message,
        provider,
        next,
        template,
        template_text: text,
        sender: settings.senders.twilio.clone().filter(|_| provider == Provider::Twilio),
        transliterate: settings.transliterate.contains(&content.language),
        limits: rules.limits(message),
        booking: context.booking.id.clone(),
        content,
    }
}

fn compose_email(
    context: &Context<'_>,
    message: Message,
    to: Private<String>,
    sender: Sender,
    content: MessageContent,
) -> EmailOrder {
    let metadata = context.booking.metadata.as_ref();
    let senders = &context.settings.senders;
    let Sender { provider, template, next, .. } = sender;
    EmailOrder {
        to,
        message,
        provider,
        next,
        template,
        from: senders.email.clone(),
        from_name: senders.email_name.clone(),
        reply_to: senders.reply_to.clone(),
        configuration_set: senders.ses_configuration_set.clone(),
        calendar: compose_calendar(context, message).filter(|_| provider.sends_files()),
        booking: context.booking.id.clone(),
        content,
        notes: metadata.and_then(|it| it.notes.clone()),
        agent_type: metadata.and_then(|it| it.agent_type.clone()),
    }
}

/// Returns the calendar file that adds, moves or removes the meeting in the invitee's calendar. Only what is there can
/// be removed. Whoever has a file gets its changes, also if the settings have changed.
fn compose_calendar(context: &Context<'_>, message: Message) -> Option<Calendar> {
    let Context { booking, leg, settings, now, .. } = *context;
    let wanted = Some(settings.calendar_file).filter(|it| *it != CalendarFile::Off);
    let kind = match message {
        Message::Confirmation | Message::Move => wanted.or(context.calendar)?,
        Message::Cancellation => context.calendar?,
        _ => return None,
    };
    let is_canceled = message == Message::Cancellation;
    let moves = booking.legs().iter().position(|it| it.invitee == leg.invitee).unwrap_or_default();
    let sequence = u32::try_from(moves).unwrap_or(u32::MAX).saturating_add(u32::from(is_canceled));
    let host = leg.details.hosts.first().and_then(|it| parse_email(it.address()?));
    let organizer = host.or_else(|| settings.senders.email.clone().map(Private::new));
    Some(Calendar { kind, sequence, is_canceled, at: now, organizer })
}
