//! The event types that a token may see, and their hosts.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::EventTypeUri;
use domain::scheduling::{Catalog, EventType, Host, LocationOption, Question, QuestionKind};
use futures_util::{StreamExt, stream};

use crate::account::Account;
use crate::account::parse_valid;
use crate::error::Error;
use crate::meetings::MAX_CONCURRENT_CALLS;
use crate::resources::{self, EventTypeMembership, Member, OrganizationMembership};
use crate::user::User;

/// The time-out for reading the hosts of teams, which are optional.
const TEAM_HOSTS_TIMEOUT: Duration = Duration::from_secs(3);

impl Account {
    /// Lists the active event types of every host that the token can read.
    ///
    /// # Errors
    /// Calendly did not answer, or refused.
    pub async fn list_event_types(&self) -> Result<Catalog, Error> {
        read_catalog(self, &self.me().await?).await
    }
}

/// Reads the catalogue.
pub(crate) async fn read_catalog(account: &Account, owner: &User) -> Result<Catalog, Error> {
    let (listed, hosts) = tokio::try_join!(
        account.list_in_organization(owner, "/event_types", &[("active", "true")]),
        list_members(account, owner)
    )?;
    let bookable = parse_valid::<resources::EventType>(listed, "event types")
        .into_iter()
        .filter_map(|it| convert_event_type(it, owner));
    let account_for_teams = account.within(TEAM_HOSTS_TIMEOUT);
    let each = stream::iter(bookable).map(async |(mut event_type, is_of_team)| {
        event_type.hosts = if is_of_team {
            list_team_hosts(&account_for_teams, &event_type.uri).await
        } else {
            hosts.get(&event_type.owner).cloned().into_iter().collect()
        };
        event_type
    });
    let mut event_types: Vec<_> = each.buffered(MAX_CONCURRENT_CALLS).collect().await;
    event_types.sort_by_cached_key(|it| (it.name.to_lowercase(), it.uri.clone()));
    Ok(Catalog { event_types })
}

/// Lists the members of the organization, by URI; only the owner when the token may not see the others.
async fn list_members(account: &Account, owner: &User) -> Result<BTreeMap<String, Host>, Error> {
    let params = [("organization", owner.current_organization.as_str())];
    let mut hosts: Vec<_> = match account.list("/organization_memberships", &params).await {
        Ok(listed) => parse_valid::<OrganizationMembership>(listed, "members").into_iter().map(|it| it.user).collect(),
        Err(error) if error.is_forbidden() => Vec::new(),
        Err(error) => return Err(error),
    };
    if !hosts.iter().any(|it| it.uri == owner.uri) {
        hosts.push(Member {
            uri: owner.uri.clone(),
            name: owner.name.clone(),
            email: owner.email.clone(),
            timezone: owner.timezone.clone(),
        });
    }
    Ok(hosts.into_iter().map(|it| (it.uri.clone(), convert_host(it))).collect())
}

/// Lists the hosts of a team; empty when Calendly does not return them.
async fn list_team_hosts(account: &Account, event_type: &EventTypeUri) -> Vec<Host> {
    match account.list("/event_type_memberships", &[("event_type", event_type.as_str())]).await {
        Ok(listed) => {
            parse_valid::<EventTypeMembership>(listed, "hosts").into_iter().map(|it| convert_host(it.member)).collect()
        }
        Err(error) => {
            tracing::debug!(event_type = %event_type, error = %error, "the hosts of a team could not be read");
            Vec::new()
        }
    }
}

fn convert_host(member: Member) -> Host {
    let Member { uri, name, email, timezone } = member;
    Host { uri, name, email, zone: timezone }
}

/// Converts an event type without its hosts; returns too whether a team owns it. `None` when it can't be booked.
fn convert_event_type(read: resources::EventType, owner: &User) -> Option<(EventType, bool)> {
    let is_bookable =
        read.active != Some(false) && read.deleted_at.is_none() && read.booking_method.as_deref() != Some("poll");
    let name = read.name.filter(|name| is_bookable && !name.trim().is_empty())?;
    let profile = read.profile.unwrap_or_default();
    let is_of_team = profile.kind.as_deref() == Some("Team");
    let event_type = EventType {
        uri: EventTypeUri::new(read.uri),
        name,
        slug: read.slug,
        description: read.description_plain.filter(|text| !text.trim().is_empty()),
        minutes: read.duration.ceil() as u32,
        is_group: read.kind.as_deref() == Some("group"),
        is_round_robin: read.pooling_type.as_deref() == Some("round_robin"),
        scheduling_url: read.scheduling_url,
        // Old event types have no profile. Whatever they count against, the token's owner is who books.
        owner: profile.owner.unwrap_or_else(|| owner.uri.clone()),
        hosts: Vec::new(),
        questions: convert_questions(read.custom_questions),
        locations: read
            .locations
            .into_iter()
            .filter_map(|it| {
                Some(LocationOption { kind: it.kind?, location: it.location.filter(|text| !text.is_empty()) })
            })
            .collect(),
    };
    Some((event_type, is_of_team))
}

/// Converts the enabled questions, sorted by position.
fn convert_questions(read: Vec<resources::Question>) -> Vec<Question> {
    let each = (0..).zip(read).filter(|(_, it)| it.enabled != Some(false));
    let mut questions: Vec<_> = each
        .filter_map(|(at, it)| {
            Some(Question {
                name: it.name?,
                kind: match it.kind.as_deref() {
                    Some("phone_number") => QuestionKind::Phone,
                    Some("single_select") => QuestionKind::Single,
                    Some("multi_select") => QuestionKind::Multi,
                    _ => QuestionKind::Text,
                },
                position: it.position.unwrap_or(at),
                required: it.required.unwrap_or(false),
                choices: it.answer_choices,
                include_other: it.include_other.unwrap_or(false),
            })
        })
        .collect();
    questions.sort_by_key(|it| it.position);
    questions
}

#[cfg(test)]
mod tests {
    use domain::ConnectionName;
    use engine::{CalendlyAccount, CalendlyError};
    use serde_json::{Value, json};
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, ME, page, with};

    const LIST: &str = "GET /event_types?organization=";
    const MEMBERS: &str = "GET /organization_memberships?organization=";
    const HOSTS: &str = "GET /event_type_memberships?event_type=";

    fn solo(id: &str) -> Value {
        json!({
            "uri": format!("https://api.calendly.com/event_types/{id}"), "name": id, "active": true, "slug": "intro",
            "scheduling_url": "https://calendly.com/maria/intro", "duration": 30, "kind": "solo", "pooling_type": null,
            "type": "StandardEventType", "description_plain": "Half an hour.", "secret": false,
            "profile": {"type": "User", "name": "Maria Host", "owner": ME}, "booking_method": "instant",
            "custom_questions": [], "deleted_at": null, "locations": [{"kind": "zoom_conference"}],
        })
    }

    fn member(id: &str, name: &str) -> Value {
        json!({
            "uri": format!("https://api.calendly.com/users/{id}"), "name": name,
            "email": format!("{id}@example.com"), "timezone": "Europe/Copenhagen",
        })
    }

    fn members() -> (&'static str, Answer) {
        (
            MEMBERS,
            page(json!([{"role": "owner", "user": member("U1", "Maria Host")}, {"user": member("U2", "Lars")}]), None),
        )
    }

    async fn ask(calendly: &StandIn) -> Result<Catalog, CalendlyError> {
        fixtures::rest(calendly.url()).list_event_types(&ConnectionName::default()).await
    }

    async fn read(event_types: Value) -> Vec<EventType> {
        let calendly = StandIn::with_rules(vec![fixtures::me(), (LIST, page(event_types, None)), members()]);
        ask(&calendly).await.expect("a catalogue").event_types
    }

    #[tokio::test]
    async fn every_page_is_read_and_event_types_are_sorted_by_name() {
        let lars = json!({"name": "Demo", "profile": {"type": "User", "owner": "https://api.calendly.com/users/U2"}});
        let calendly = StandIn::with_rules(vec![
            fixtures::me(),
            (LIST, page(json!([solo("b"), solo("C")]), Some("p2")).once()),
            (LIST, page(json!([with(solo("A"), &lars)]), None)),
            members(),
        ]);
        let found = ask(&calendly).await.expect("a catalogue").event_types;
        assert_eq!(found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["b", "C", "Demo"]);
        let maria = Host {
            uri: ME.to_owned(),
            name: "Maria Host".to_owned(),
            email: "U1@example.com".into(),
            zone: Some("Europe/Copenhagen".to_owned()),
        };
        let expected = EventType {
            uri: EventTypeUri::new("https://api.calendly.com/event_types/b"),
            name: "b".to_owned(),
            slug: Some("intro".to_owned()),
            description: Some("Half an hour.".to_owned()),
            minutes: 30,
            is_group: false,
            is_round_robin: false,
            scheduling_url: "https://calendly.com/maria/intro".to_owned(),
            owner: ME.to_owned(),
            hosts: vec![maria],
            questions: Vec::new(),
            locations: vec![LocationOption { kind: "zoom_conference".to_owned(), location: None }],
        };
        assert_eq!(found[0], expected);
        assert_eq!(found[2].hosts[0].name, "Lars");
        let query = calendly
            .requests()
            .into_iter()
            .find(|request| request.method_and_path() == "GET /event_types")
            .expect("a request")
            .query_fields();
        assert_eq!(query[1..], [("active".to_owned(), "true".to_owned()), ("count".to_owned(), "100".to_owned())]);
    }

    #[tokio::test]
    async fn an_event_type_that_can_not_be_booked_or_parsed_is_left_out() {
        let changed = |changes: Value| with(solo("x"), &changes);
        let found = read(json!([
            changed(json!({"active": false})),
            changed(json!({"deleted_at": "2027-01-09T10:00:00.000000Z"})),
            changed(json!({"booking_method": "poll"})),
            changed(json!({"name": null})),
            changed(json!({"duration": null})),
            "odd",
            solo("kept"),
        ]))
        .await;
        assert_eq!(found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["kept"]);
    }

    #[tokio::test]
    async fn missing_and_unknown_values_are_accepted() {
        let bare = json!({
            "uri": "https://api.calendly.com/event_types/bare", "name": "Bare", "duration": 22.5,
            "scheduling_url": "https://calendly.com/maria/bare", "profile": null, "locations": null,
            "custom_questions": null,
        });
        let new = with(
            solo("New"),
            &json!({
                "kind": "group", "pooling_type": "round_robin", "booking_method": "by_pigeon", "type": "NewEventType",
                "profile": {"type": "Robot", "owner": "https://api.calendly.com/users/U9"},
                "locations": [{"kind": "physical", "location": "Main Street 1"}, {"kind": "by_pigeon"}, {}],
                "custom_questions": [
                    {"name": "Off", "type": "text", "position": 0, "enabled": false, "required": true},
                    {"name": "Which?", "type": "multi_select", "position": 3, "enabled": true, "required": false,
                     "answer_choices": ["A", "B"], "include_other": true},
                    {"name": "Phone", "type": "phone_number", "position": 2, "required": true, "answer_choices": null},
                    {"name": "New", "type": "drawing"},
                    {"type": "text"},
                    {"name": "One?", "type": "single_select", "position": 4, "answer_choices": ["A"]},
                ],
            }),
        );
        let found = read(json!([bare, new])).await;
        let (bare, new) = (&found[0], &found[1]);
        assert_eq!((bare.minutes, bare.owner.as_str(), bare.hosts.len()), (23, ME, 1));
        assert!(bare.questions.is_empty() && bare.locations.is_empty() && !bare.is_group && !bare.is_round_robin);
        assert!(new.is_group && new.is_round_robin && new.hosts.is_empty());
        assert_eq!(new.locations[0].location.as_deref(), Some("Main Street 1"));
        assert_eq!(new.locations.len(), 2);
        let question = |name: &str, kind, position, required, choices: &[&str], include_other| Question {
            name: name.to_owned(),
            kind,
            position,
            required,
            choices: choices.iter().copied().map(str::to_owned).collect(),
            include_other,
        };
        assert_eq!(
            new.questions,
            [
                question("Phone", QuestionKind::Phone, 2, true, &[], false),
                question("Which?", QuestionKind::Multi, 3, false, &["A", "B"], true),
                question("New", QuestionKind::Text, 3, false, &[], false),
                question("One?", QuestionKind::Single, 4, false, &["A"], false),
            ]
        );
    }

    #[tokio::test]
    async fn the_hosts_of_a_team_are_optional() {
        let team = json!({"profile": {"type": "Team", "name": "Sales", "owner": "https://api.calendly.com/teams/T1"}});
        let hosts = async |answer: Answer| {
            let calendly = StandIn::with_rules(vec![
                fixtures::me(),
                (LIST, page(json!([with(solo("Team"), &team)]), None)),
                members(),
                (HOSTS, answer),
            ]);
            let mut rest = fixtures::rest(calendly.url());
            rest.timeout = Duration::from_millis(500);
            let found = rest.list_event_types(&ConnectionName::default()).await.expect("a catalogue").event_types;
            assert_eq!(found[0].owner, "https://api.calendly.com/teams/T1");
            found[0].hosts.iter().map(|host| host.name.clone()).collect::<Vec<_>>()
        };
        let listed = json!([{"member": member("U2", "Lars")}, {"member": null}, {"member": member("U3", "Ida")}]);
        assert_eq!(hosts(page(listed, None)).await, ["Lars", "Ida"]);
        for answer in [Answer::json(404, json!({})), Answer::json(403, json!({})), Answer::never_answers()] {
            assert!(hosts(answer).await.is_empty());
        }
    }

    #[tokio::test]
    async fn without_permission_the_owner_is_the_only_host() {
        let denied = || Answer::json(403, json!({"title": "Permission Denied"}));
        let calendly = StandIn::with_rules(vec![
            fixtures::me(),
            (LIST, denied()),
            ("GET /event_types?user=", page(json!([solo("Mine")]), None)),
            (MEMBERS, denied()),
        ]);
        let found = ask(&calendly).await.expect("a catalogue").event_types;
        assert_eq!((found[0].hosts[0].uri.as_str(), found[0].hosts[0].name.as_str()), (ME, "Maria Host"));
        let calendly = StandIn::with_rules(vec![
            fixtures::me(),
            (LIST, page(json!([]), None)),
            (MEMBERS, Answer::json(500, json!({}))),
        ]);
        assert!(matches!(ask(&calendly).await, Err(CalendlyError::Unavailable(_))));
    }
}
