//! The paths of Calendly's URIs.

use domain::InviteeUri;

/// The paths of an invitee and its event.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct InviteePath {
    pub(crate) invitee: String,
    pub(crate) event: String,
}

impl InviteePath {
    /// Parses `…/scheduled_events/{event}/invitees/{invitee}`. The host is ignored: calls go to the base URL.
    pub(crate) fn parse(invitee: &InviteeUri) -> Option<Self> {
        let mut segments = invitee.as_str().trim_end_matches('/').rsplit('/');
        let (id, invitees, event_id, events) = (segments.next()?, segments.next()?, segments.next()?, segments.next()?);
        (events == "scheduled_events" && invitees == "invitees" && is_id(id) && is_id(event_id)).then(|| Self {
            invitee: format!("/scheduled_events/{event_id}/invitees/{id}"),
            event: format!("/scheduled_events/{event_id}"),
        })
    }
}

/// Returns the path of a scheduled event, of `…/scheduled_events/{event}`.
pub(crate) fn event_path(uri: &str) -> Option<String> {
    let mut segments = uri.trim_end_matches('/').rsplit('/');
    let (id, events) = (segments.next()?, segments.next()?);
    (events == "scheduled_events" && is_id(id)).then(|| format!("/scheduled_events/{id}"))
}

/// Returns the path of a user, of `…/users/{user}`.
pub(crate) fn user_path(uri: &str) -> Option<String> {
    let mut segments = uri.trim_end_matches('/').rsplit('/');
    let (id, users) = (segments.next()?, segments.next()?);
    (users == "users" && is_id(id)).then(|| format!("/users/{id}"))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uri_of_the_expected_form_has_a_path() {
        let location = InviteePath::parse(&InviteeUri::new("https://api.calendly.com/scheduled_events/E1/invitees/I1"));
        let location = location.expect("a path");
        assert_eq!(
            (location.invitee.as_str(), location.event.as_str()),
            ("/scheduled_events/E1/invitees/I1", "/scheduled_events/E1")
        );
        for other in [
            "",
            "I1",
            "https://api.calendly.com/invitees/I1",
            "https://api.calendly.com/scheduled_events/../invitees/I1",
            "https://api.calendly.com/scheduled_events/E1/invitees/I1?x=1",
        ] {
            assert_eq!(InviteePath::parse(&InviteeUri::new(other)), None, "{other}");
        }
    }
}
