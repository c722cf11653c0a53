//! The event types that a token may see, and who their hosts are.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::EventTypeUri;
use domain::scheduling::{Catalog, EventType, Host, LocationOption, Question, QuestionKind};
use futures_util::{StreamExt, stream};

use crate::account::Account;
use crate::account::readable;
use crate::error::Error;
use crate::meetings::AT_ONCE;
use crate::resources::{self, EventTypeMembership, Member, OrganizationMembership};
use crate::user::User;

/// A team's hosts are good to know, and nobody is kept waiting for them.
const PATIENCE_WITH_TEAMS: Duration = Duration::from_secs(3);

/// Reads the whole catalogue.
pub(crate) async fn catalog(account: &Account, owner: &User) -> Result<Catalog, Error> {
    let (listed, hosts) =
        tokio::try_join!(account.list_of(owner, "/event_types", &[("active", "true")]), members(account, owner))?;
    let bookable =
        readable::<resources::EventType>(listed, "event types").into_iter().filter_map(|it| event_type(it, owner));
    let hurried = account.within(PATIENCE_WITH_TEAMS);
    let each = stream::iter(bookable).map(async |(mut event_type, is_teams)| {
        event_type.hosts = if is_teams {
            hosts_of_team(&hurried, &event_type.uri).await
        } else {
            hosts.get(&event_type.owner).cloned().into_iter().collect()
        };
        event_type
    });
    let mut event_types: Vec<_> = each.buffered(AT_ONCE).collect().await;
    event_types.sort_by_cached_key(|it| (it.name.to_lowercase(), it.uri.clone()));
    Ok(Catalog { event_types })
}

/// Everybody in the organization, by URI; where the token may not see them, its owner.
async fn members(account: &Account, owner: &User) -> Result<BTreeMap<String, Host>, Error> {
    let params = [("organization", owner.current_organization.as_str())];
    let mut hosts: Vec<_> = match account.list("/organization_memberships", &params).await {
        Ok(listed) => readable::<OrganizationMembership>(listed, "members").into_iter().map(|it| it.user).collect(),
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
    Ok(hosts.into_iter().map(|it| (it.uri.clone(), host(it))).collect())
}

/// None where Calendly doesn't say.
async fn hosts_of_team(account: &Account, event_type: &EventTypeUri) -> Vec<Host> {
    match account.list("/event_type_memberships", &[("event_type", event_type.as_str())]).await {
        Ok(listed) => readable::<EventTypeMembership>(listed, "hosts").into_iter().map(|it| host(it.member)).collect(),
        Err(error) => {
            tracing::debug!(event_type = %event_type, error = %error, "a team's hosts are not known");
            Vec::new()
        }
    }
}

fn host(member: Member) -> Host {
    let Member { uri, name, email, timezone } = member;
    Host { uri, name, email, zone: timezone }
}

/// An event type without its hosts, and whether they are a team's. `None` when it can't be booked.
fn event_type(read: resources::EventType, owner: &User) -> Option<(EventType, bool)> {
    let is_bookable =
        read.active != Some(false) && read.deleted_at.is_none() && read.booking_method.as_deref() != Some("poll");
    let name = read.name.filter(|name| is_bookable && !name.trim().is_empty())?;
    let profile = read.profile.unwrap_or_default();
    let is_teams = profile.kind.as_deref() == Some("Team");
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
        questions: questions(read.custom_questions),
        locations: read
            .locations
            .into_iter()
            .filter_map(|it| {
                Some(LocationOption { kind: it.kind?, location: it.location.filter(|text| !text.is_empty()) })
            })
            .collect(),
    };
    Some((event_type, is_teams))
}

/// Those that are switched on, by position.
fn questions(read: Vec<resources::Question>) -> Vec<Question> {
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
    use crate::fake::{self, ME, page, with};

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
        fake::rest(calendly.url()).list_event_types(&ConnectionName::default()).await
    }

    async fn read(event_types: Value) -> Vec<EventType> {
        let calendly = StandIn::with_rules(vec![fake::me(), (LIST, page(event_types, None)), members()]);
        ask(&calendly).await.expect("a catalogue").event_types
    }

    #[tokio::test]
    async fn every_page_is_read_and_sorted_by_name_with_its_hosts() {
        let lars = json!({"name": "Demo", "profile": {"type": "User", "owner": "https://api.calendly.com/users/U2"}});
        let calendly = StandIn::with_rules(vec![
            fake::me(),
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
            .expect("asked")
            .query_fields();
        assert_eq!(query[1..], [("active".to_owned(), "true".to_owned()), ("count".to_owned(), "100".to_owned())]);
    }

    #[tokio::test]
    async fn what_cannot_be_booked_or_read_is_left_out() {
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
    async fn what_is_left_out_or_new_is_no_fault() {
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
    async fn a_teams_hosts_are_asked_for_and_not_waited_for() {
        let team = json!({"profile": {"type": "Team", "name": "Sales", "owner": "https://api.calendly.com/teams/T1"}});
        let hosts = async |answer: Answer| {
            let calendly = StandIn::with_rules(vec![
                fake::me(),
                (LIST, page(json!([with(solo("Team"), &team)]), None)),
                members(),
                (HOSTS, answer),
            ]);
            let mut rest = fake::rest(calendly.url());
            rest.patience = Duration::from_millis(500);
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
    async fn without_the_right_to_see_more_there_is_the_owner() {
        let denied = || Answer::json(403, json!({"title": "Permission Denied"}));
        let calendly = StandIn::with_rules(vec![
            fake::me(),
            (LIST, denied()),
            ("GET /event_types?user=", page(json!([solo("Mine")]), None)),
            (MEMBERS, denied()),
        ]);
        let found = ask(&calendly).await.expect("a catalogue").event_types;
        assert_eq!((found[0].hosts[0].uri.as_str(), found[0].hosts[0].name.as_str()), (ME, "Maria Host"));
        let calendly = StandIn::with_rules(vec![
            fake::me(),
            (LIST, page(json!([]), None)),
            (MEMBERS, Answer::json(500, json!({}))),
        ]);
        assert!(matches!(ask(&calendly).await, Err(CalendlyError::Unavailable(_))));
    }
}
