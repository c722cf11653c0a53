//! The customer's CRM as a destination: the contact of an invitee, events about the meeting, and requests for consent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stranger::{StrangerText, Unchanged};

use super::base::{Context, DeliveryGuarantee, Destination, RetrySchedule};
use super::message::choose_phone;
use super::publish::completion_time;
use crate::booking::BookingState;
use crate::crm_contact::{CrmMeeting, MeetingCounts, MeetingStatus};
use crate::ids::{BookingId, CommandId, EventTypeUri, InviteeUri};
use crate::leg::{CanceledBy, Leg};
use crate::personal::{Phone, Private};
use crate::phone::read_mobile;
use crate::reason::Reason;
use crate::settings::{AttributeSource, CrmSettings, DoubleOptIn, Settings};
use crate::time;

/// An event for the CRM's automations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrmEvent {
    /// A meeting was booked.
    BookingCreated,
    /// It was moved.
    BookingMoved,
    /// It was canceled.
    BookingCanceled,
    /// The invitee did not come.
    NoShow,
    /// It took place.
    MeetingCompleted,
}

impl CrmEvent {
    /// Returns the name that the CRM gets.
    pub fn name(self) -> &'static str {
        match self {
            Self::BookingCreated => "booking_created",
            Self::BookingMoved => "booking_moved",
            Self::BookingCanceled => "booking_canceled",
            Self::NoShow => "no_show",
            Self::MeetingCompleted => "meeting_completed",
        }
    }
}

/// An action in the CRM.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrmAction {
    /// Creates or updates the invitee's contact.
    #[serde(rename = "crm_contact")]
    SyncContact {
        /// The change of the booking that caused it, by Calendly's clock.
        changed_at: Timestamp,
    },
    /// Sends an event.
    #[serde(rename = "crm_event")]
    SendEvent {
        /// The event.
        event: CrmEvent,
        /// When it happened, by Calendly's clock.
        at: Timestamp,
    },
    /// Has the CRM ask the invitee for consent to marketing.
    #[serde(rename = "crm_consent")]
    AskConsent,
}

/// The value of a contact's attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AttributeValue {
    /// Text.
    Text(Private<String>),
    /// A calendar date.
    Date(Date),
    /// A number.
    Number(u32),
}

/// What a booking says to its invitee's contact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContactOrder {
    /// The invitee's e-mail address.
    pub email: Private<String>,
    /// The booking's share of the counts and lists.
    pub meeting: CrmMeeting,
    /// The attributes that the booking knows, without phone number and counts.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// The phone number that messages go to.
    pub phone: Option<Phone>,
    /// The attributes that get the phone number.
    pub phone_attributes: Vec<String>,
    /// The attributes that get a count, with its source.
    pub count_attributes: Vec<(String, AttributeSource)>,
    /// The lists to leave, unless another meeting keeps the contact there.
    pub leaves: BTreeSet<u64>,
}

/// The write to the contact in the CRM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContactUpdate {
    /// The e-mail address, by which the CRM knows the contact.
    pub email: Private<String>,
    /// The attributes. Others stay as they are.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// The attributes among them that have the phone number. A CRM may have it with another contact.
    pub phone_attributes: Vec<String>,
    /// The lists to join.
    pub joins: BTreeSet<u64>,
    /// The lists to leave.
    pub leaves: BTreeSet<u64>,
}

/// An event for the CRM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CrmEventOrder {
    /// The event.
    pub event: CrmEvent,
    /// When it happened.
    pub at: Timestamp,
    /// The invitee's e-mail address.
    pub email: Private<String>,
    /// What it says of the meeting, by the property's name.
    pub properties: BTreeMap<&'static str, Private<String>>,
    /// The event type for which a new booking link is made.
    pub link_for: Option<EventTypeUri>,
    /// Whether the contact must exist first.
    pub needs_contact: bool,
}

/// A request for consent to marketing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsentOrder {
    /// The invitee's e-mail address.
    pub email: Private<String>,
    /// The lists, by the e-mail that asks for them.
    pub lists: BTreeMap<DoubleOptIn, BTreeSet<u64>>,
}

/// A composed call to the CRM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CrmCall {
    /// Create or update a contact.
    SyncContact(Box<ContactOrder>),
    /// Send an event.
    SendEvent(CrmEventOrder),
    /// Ask for consent.
    AskConsent(ConsentOrder),
}

/// The longest value that a stranger wrote, in characters.
const LONGEST_VALUE: usize = 1_000;

/// How late an event may trigger an automation. It covers Calendly's retries and a day's outage of the CRM.
pub(crate) const EVENT_LATENESS: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How late a contact may be updated. Commands expire from the table after 90 days, and an expired command must not be
/// done again.
pub(crate) const CONTACT_LATENESS: SignedDuration = SignedDuration::from_hours(30 * 24);

impl CrmAction {
    /// Composes the call.
    ///
    /// # Errors
    /// The reason why it cannot be made or should no longer be made.
    pub(crate) fn compose(&self, context: &Context<'_>) -> Result<CrmCall, Reason> {
        self.check(context)?;
        let crm = context.settings.crm.as_ref().ok_or(Reason::SettingsChanged)?;
        Ok(match self {
            Self::SyncContact { .. } => CrmCall::SyncContact(Box::new(compose_contact(context, crm)?)),
            Self::SendEvent { event, at } => CrmCall::SendEvent(compose_event(context, crm, *event, *at)),
            Self::AskConsent => CrmCall::AskConsent(compose_consent(context.leg, crm).ok_or(Reason::SettingsChanged)?),
        })
    }
}

impl Destination for CrmAction {
    fn slug(&self) -> String {
        match self {
            Self::SyncContact { .. } => "crm-contact".to_owned(),
            Self::SendEvent { event, .. } => format!("crm-{}", event.name().replace('_', "-")),
            Self::AskConsent => "crm-consent".to_owned(),
        }
    }

    /// Returns the id. A contact is written after each change, an event is sent once for each leg, and its completion
    /// once for each time of the meeting.
    fn command_id(&self, booking: &BookingId, leg: &InviteeUri, start: Timestamp) -> CommandId {
        let slug = self.slug();
        let of = match self {
            Self::SyncContact { changed_at } => changed_at.to_string(),
            Self::SendEvent { event: CrmEvent::MeetingCompleted, .. } => start.to_string(),
            Self::SendEvent { .. } | Self::AskConsent => String::new(),
        };
        CommandId::from_parts(&slug, &[booking.as_str(), &slug, leg.as_str(), &of])
    }

    /// Returns the guarantee. Writing a contact again changes nothing. An event again would trigger its automations
    /// again.
    fn guarantee(&self) -> DeliveryGuarantee {
        match self {
            Self::SyncContact { .. } => DeliveryGuarantee::AtLeastOnce,
            Self::SendEvent { .. } | Self::AskConsent => DeliveryGuarantee::AtMostOnce,
        }
    }

    /// Returns the schedule: tries for two days, the last ones an hour apart, so that after an outage nothing waits
    /// longer. The first wait is short, since another booking of the same person may be written at the same time. It
    /// is longer than a timer may fire too early.
    fn retry_schedule(&self) -> RetrySchedule {
        RetrySchedule { waits: &[10, 30, 120, 600, 3_600], repeats: Some(48) }
    }

    fn check(&self, context: &Context<'_>) -> Result<(), Reason> {
        let Context { leg, settings, now, .. } = *context;
        let Some(crm) = &settings.crm else { return Err(Reason::SettingsChanged) };
        if let Some(reason) = settings.reason_to_ignore(leg) {
            return Err(reason);
        }
        let (is_wanted, last) = match self {
            Self::SyncContact { changed_at } => (crm.contacts, time::add(*changed_at, CONTACT_LATENESS)),
            Self::SendEvent { event, at } => (wants_event(crm, *event), time::add(*at, EVENT_LATENESS)),
            Self::AskConsent => (crm.contacts, leg.details.end),
        };
        match () {
            () if !is_wanted => Err(Reason::SettingsChanged),
            () if now > last => Err(Reason::TooLate),
            () => Ok(()),
        }
    }

    fn title(&self) -> String {
        match self {
            Self::SyncContact { .. } => "contact in the CRM".to_owned(),
            Self::SendEvent { event, .. } => format!("event for the CRM, {}", event.name()),
            Self::AskConsent => "request of the CRM for consent to marketing".to_owned(),
        }
    }
}

/// Returns whether the settings want an event.
pub(crate) fn wants_event(crm: &CrmSettings, event: CrmEvent) -> bool {
    crm.events && (crm.cancellations || event != CrmEvent::BookingCanceled)
}

/// Returns the status of the current leg's meeting, and when it changed last; `None` while a move is incomplete.
pub(crate) fn meeting_status<'a>(context: &Context<'a>) -> Option<(&'a Leg, MeetingStatus, Timestamp)> {
    let Context { booking, now, .. } = *context;
    let (leg, canceled_at) = match booking.state()? {
        BookingState::Active(leg) => (leg, None),
        BookingState::Moving(_) => return None,
        BookingState::Canceled(leg, end) => (leg, Some(end.at)),
    };
    let completed_at = completion_time(leg.details.end);
    let is_over = now >= completed_at;
    let status = match () {
        () if canceled_at.is_some() => MeetingStatus::Canceled,
        () if leg.is_no_show() => MeetingStatus::NoShow,
        () if is_over => MeetingStatus::Completed,
        () if booking.was_moved_to(leg) => MeetingStatus::Moved,
        () => MeetingStatus::Booked,
    };
    let marked_at = leg.no_show.map(|it| it.at);
    let completed_at = (status == MeetingStatus::Completed).then_some(completed_at);
    let changed_at = [Some(leg.details.as_of), canceled_at, marked_at, completed_at].into_iter().flatten().max()?;
    Some((leg, status, changed_at))
}

/// Returns what an invitee is asked to join; `None` if nothing.
pub(crate) fn compose_consent(leg: &Leg, crm: &CrmSettings) -> Option<ConsentOrder> {
    let mut lists: BTreeMap<DoubleOptIn, BTreeSet<u64>> = BTreeMap::new();
    for list in crm.lists_of(leg).into_iter().filter(|list| !list.admits(leg)) {
        if let Some(mail) = &list.double_opt_in {
            lists.entry(mail.clone()).or_default().insert(list.id);
        }
    }
    (!lists.is_empty()).then(|| ConsentOrder { email: leg.details.email.clone(), lists })
}

fn compose_contact(context: &Context<'_>, crm: &CrmSettings) -> Result<ContactOrder, Reason> {
    let Context { booking, settings, .. } = *context;
    let (leg, status, changed_at) = meeting_status(context).ok_or(Reason::MovedBeforeFire)?;
    if status == MeetingStatus::Canceled && !crm.cancellations {
        return Err(Reason::SettingsChanged);
    }
    let context = context.about(leg);
    let absences = booking.legs().into_iter().filter(|leg| leg.is_no_show());
    let absences: Vec<_> = absences.map(|leg| local_date(leg.details.start, leg, settings)).collect();
    let lists = crm.lists_of(leg);
    let is_canceled = status == MeetingStatus::Canceled;
    let is_left = |unlinks: bool| is_canceled && unlinks;
    let admitted = lists.iter().filter(|list| list.admits(leg));
    let values = crm
        .attributes
        .iter()
        .filter_map(|(name, source)| Some((name.clone(), attribute(&context, crm, source, status)?)));
    let counts = crm.attributes.iter().filter(|(_, source)| source.is_count());
    let phones: Vec<_> = crm.attributes.iter().filter(|(_, source)| source.is_phone()).collect();
    let answers = leg.details.answers.iter().filter(|it| phones.iter().any(|(_, source)| source.asks(&it.question)));
    let mut answered = answers.filter_map(|it| {
        read_mobile(it.answer.unchanged(Unchanged::Comparison), settings.default_region.as_deref()).ok()
    });
    let phone = choose_phone(booking, leg, settings).ok().map(|(phone, _)| phone).or_else(|| answered.next());
    Ok(ContactOrder {
        email: leg.details.email.clone(),
        meeting: CrmMeeting {
            changed_at,
            status,
            end: leg.details.end,
            lists: admitted.filter(|list| !is_left(list.unlink_on_cancellation)).map(|list| list.id).collect(),
            no_shows: u32::try_from(absences.len()).unwrap_or(u32::MAX),
            last_no_show: absences.into_iter().max(),
        },
        attributes: values.collect(),
        phone,
        phone_attributes: phones.into_iter().map(|(name, _)| name.clone()).collect(),
        count_attributes: counts.map(|(name, source)| (name.clone(), source.clone())).collect(),
        leaves: lists.iter().filter(|list| is_left(list.unlink_on_cancellation)).map(|list| list.id).collect(),
    })
}

impl AttributeSource {
    /// Returns whether its value comes from all meetings of the person.
    fn is_count(&self) -> bool {
        matches!(self, Self::Meetings | Self::NoShows | Self::LastNoShow)
    }

    /// Returns whether its value is a phone number.
    fn is_phone(&self) -> bool {
        matches!(self, Self::Phone | Self::PhoneMatching(_))
    }

    /// Returns the value of a count; `None` if it is no count, or was never set.
    pub fn count(&self, counts: &MeetingCounts) -> Option<AttributeValue> {
        match self {
            Self::Meetings => Some(AttributeValue::Number(counts.meetings)),
            Self::NoShows => Some(AttributeValue::Number(counts.no_shows)),
            Self::LastNoShow => counts.last_no_show.map(AttributeValue::Date),
            _ => None,
        }
    }
}

/// Returns the value of an attribute, as far as one booking knows it.
fn attribute(
    context: &Context<'_>,
    crm: &CrmSettings,
    source: &AttributeSource,
    status: MeetingStatus,
) -> Option<AttributeValue> {
    let Context { booking, leg, settings, .. } = *context;
    let (details, metadata) = (&leg.details, booking.metadata.as_ref());
    let (first, last) = name_parts(leg);
    let tracking = &details.tracking;
    let plain = |text: &str| Some(text.to_owned());
    let cell = |text: Option<&StrangerText>| Some(text?.as_cell(LONGEST_VALUE));
    let value = match source {
        AttributeSource::FirstName => name_cell(&first),
        AttributeSource::LastName => name_cell(&last),
        AttributeSource::Name => name_cell(&details.name),
        AttributeSource::EventType => plain(&details.event_name),
        AttributeSource::Host => details.host.as_deref().and_then(plain),
        AttributeSource::StartDate => return Some(AttributeValue::Date(local_date(details.start, leg, settings))),
        AttributeSource::Timezone => details.zone.as_deref().and_then(plain),
        AttributeSource::Language => plain(context.language().tag()),
        AttributeSource::Status => plain(crm.word_of(status)),
        AttributeSource::AgentType => metadata.and_then(|it| it.agent_type.as_deref()).and_then(plain),
        AttributeSource::ConversationId => metadata.and_then(|it| plain(&it.conversation_id)),
        AttributeSource::UtmSource => cell(tracking.utm_source.as_ref()),
        AttributeSource::UtmMedium => cell(tracking.utm_medium.as_ref()),
        AttributeSource::UtmCampaign => cell(tracking.utm_campaign.as_ref()),
        AttributeSource::UtmTerm => cell(tracking.utm_term.as_ref()),
        AttributeSource::UtmContent => cell(tracking.utm_content.as_ref()),
        AttributeSource::Answer(_) | AttributeSource::AnswerMatching(_) => {
            cell(details.answers.iter().find(|it| source.asks(&it.question)).map(|it| &it.answer))
        }
        AttributeSource::Qualification(name) => {
            cell(metadata.and_then(|it| it.qualification.get(&StrangerText::from(name.as_str()))))
        }
        AttributeSource::Phone
        | AttributeSource::PhoneMatching(_)
        | AttributeSource::Meetings
        | AttributeSource::NoShows
        | AttributeSource::LastNoShow => None,
    };
    value.filter(|it| !it.trim().is_empty()).map(|it| AttributeValue::Text(it.into()))
}

/// Returns a name for the CRM, whose own messages may greet with it.
fn name_cell(name: &StrangerText) -> Option<String> {
    Some(StrangerText::from(name.as_name()?).as_cell(LONGEST_VALUE))
}

/// Returns the first and the last name. A single name is divided at the first space.
fn name_parts(leg: &Leg) -> (StrangerText, StrangerText) {
    let name = &leg.details.name;
    match &leg.details.first_name {
        Some(first) if !first.is_blank() => (first.clone(), name.after(first)),
        _ => name.split_at_space(),
    }
}

/// Returns a date in the invitee's time zone.
fn local_date(at: Timestamp, leg: &Leg, settings: &Settings) -> Date {
    at.to_zoned(TimeZone::get(&settings.zone_of(leg)).unwrap_or(TimeZone::UTC)).date()
}

fn compose_event(context: &Context<'_>, crm: &CrmSettings, event: CrmEvent, at: Timestamp) -> CrmEventOrder {
    let Context { booking, leg, settings, .. } = *context;
    let details = &leg.details;
    let tz = TimeZone::get(&settings.zone_of(leg)).unwrap_or(TimeZone::UTC);
    let mut properties = BTreeMap::new();
    let mut put = |name, value: Option<&str>| {
        if let Some(value) = value.filter(|it| !it.trim().is_empty()) {
            properties.insert(name, Private::new(value.to_owned()));
        }
    };
    put("booking_id", Some(booking.id.as_str()));
    put("event_type", Some(&details.event_name));
    put("start", Some(&details.start.to_zoned(tz).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()));
    put("timezone", Some(&settings.zone_of(leg)));
    put("host", details.host.as_deref());
    put("agent", booking.metadata.as_ref().and_then(|it| it.agent_type.as_deref()));
    if let Some(end) = leg.canceled.as_ref().filter(|_| event == CrmEvent::BookingCanceled) {
        let by = match end.by {
            CanceledBy::Invitee => "invitee",
            CanceledBy::Host => "host",
            CanceledBy::Other => "other",
        };
        put("canceled_by", Some(by));
        put("reason", end.reason.as_ref().map(|it| it.as_cell(LONGEST_VALUE)).as_deref());
    }
    let has_link = settings.booking_links && matches!(event, CrmEvent::BookingCanceled | CrmEvent::NoShow);
    CrmEventOrder {
        event,
        at,
        email: details.email.clone(),
        properties,
        link_for: details.event_type.clone().filter(|_| has_link),
        needs_contact: crm.contacts,
    }
}
