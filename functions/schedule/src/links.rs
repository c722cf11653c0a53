//! Single-use links. A booking that is made with one belongs to the conversation of the link.

use api::answer::LinkView;
use api::request::LinkRequest;
use api::{Refusal, Why};
use domain::scheduling::{EventType, form};
use domain::{BookingId, Metadata, Private, StrangerText, Token};
use engine::{ApiStore, Calendly, KnownInvitee};
use front::Context;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::form::{SOURCE, UTM_SOURCE, language_tag, words, words_by_name};
use crate::resolve::{self, Words, ZoneHints, exposed, read_invitee, read_number};
use crate::schedule::{Ports, Schedule};

/// The characters that are escaped in a query.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The input for a single-use link.
pub(crate) struct NewLink<'a> {
    pub(crate) event_type: &'a EventType,
    pub(crate) token: &'a Token,
    pub(crate) metadata: &'a Metadata,
    pub(crate) name: Option<&'a StrangerText>,
    pub(crate) email: Option<&'a Private<String>>,
}

impl<P: Ports> Schedule<P> {
    /// Creates a link with which the invitee can book once.
    pub(crate) async fn link(&self, context: &Context, request: &LinkRequest) -> Result<LinkView, Refusal> {
        let conversation = context.conversation()?;
        let email = request.invitee_email.as_ref();
        let email = email.map(|it| read_invitee("inviteeEmail", it, domain::parse_email, context)).transpose()?;
        let name = request.invitee_name.as_ref();
        let name = name.map(|it| read_invitee("inviteeName", it, form::parse_name, context)).transpose()?;
        let phone = read_number(request.phone.as_ref(), context)?;
        let known = match &email {
            Some(email) => self.find_invitee(context, email).await?,
            None => KnownInvitee::default(),
        };
        let hints = ZoneHints { latest: known.zone.as_deref(), phone: phone.as_ref(), ..ZoneHints::default() };
        let (zone, _) = resolve::resolve_zone(context, hints)?;
        let context = &context.in_zone(&zone);
        let catalog = self.catalog(context).await?;
        let wanted = Words {
            event_type: request.event_type.as_deref(),
            topic: request.topic.as_deref(),
            host: exposed(&request.host),
        };
        let event_type = resolve::event_type(&catalog, wanted, context)?;
        let token = Token::from_key(&context.connection, &self.new_name("link", context)?);
        let metadata = Metadata {
            conversation_id: conversation.to_owned(),
            user_id: context.caller.speaker.user.clone(),
            agent_type: request.agent_type.clone(),
            event_type: Some(request.event_type.clone().unwrap_or_else(|| event_type.name.clone())),
            source: Some(SOURCE.to_owned()),
            notes: request.notes.as_ref().map(words),
            phone: phone.map(|it| Private::from(it.expose())),
            language: language_tag(request.language.as_deref()),
            zone_source: None,
            wished_start: None,
            topic: request.topic.as_deref().map(Into::into),
            qualification: words_by_name(&request.qualification),
            place: None,
            created_at: self.now(),
        };
        let new =
            NewLink { event_type, token: &token, metadata: &metadata, name: name.as_ref(), email: email.as_ref() };
        Ok(LinkView {
            url: self.make_link(context, &new).await?,
            event_type: event_type.name.clone(),
            booking: BookingId::from_token(&context.connection, &token).to_string(),
            message: context.locale.pick(&event_type.name),
        })
    }

    /// Creates a single-use link with the form filled in. The metadata is written first, under the token in the link.
    pub(crate) async fn make_link(&self, context: &Context, new: &NewLink<'_>) -> Result<String, Refusal> {
        let (connection, locale) = (&context.connection, &context.locale);
        let written = self.store().put_metadata(connection, new.token, new.metadata).await;
        written.map_err(|error| locale.unavailable(&error))?;
        let link = self.calendly().create_single_use_link(connection, &new.event_type.uri).await;
        let unknown = Why::EventTypeUnknown { near: Vec::new() };
        let link = link.map_err(|error| locale.calendly_error(&error, unknown))?;
        // The link is shown to people and agents, so a name that is a text of its own is left out.
        let name = new.name.and_then(StrangerText::as_name);
        let parameters = [
            ("name", name.as_deref()),
            ("email", new.email.map(|it| it.expose().as_str())),
            ("utm_source", Some(UTM_SOURCE)),
            ("utm_content", Some(new.token.as_str())),
        ];
        let parameters: Vec<_> = parameters
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", utf8_percent_encode(value?, IN_QUERY))))
            .collect();
        let join = if link.contains('?') { '&' } else { '?' };
        Ok(format!("{link}{join}{}", parameters.join("&")))
    }

    /// Returns a name that cannot be guessed.
    pub(crate) fn new_name(&self, prefix: &str, context: &Context) -> Result<String, Refusal> {
        let random = self.ports().random().map_err(|error| context.locale.unavailable(&error))?;
        Ok(format!("{prefix}-{:032x}", u128::from_be_bytes(random)))
    }
}
