//! The event types that a connection's token can read, and how an agent's words select one.

use crate::settings::Topic;
use crate::words::{find_named, score, similar_names, words};
use crate::{EventTypeUri, Private, is_same_email, uri_uuid};

/// A host of a meeting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// The user's URI at Calendly.
    pub uri: String,
    /// The name.
    pub name: String,
    /// The address at Calendly.
    pub email: Private<String>,
    /// IANA time zone.
    pub zone: Option<String>,
}

/// The kind of answer that a question expects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuestionKind {
    /// `string`, `text`, and any kind that is not known here.
    Text,
    /// `phone_number`: E.164.
    Phone,
    /// `single_select`: one of the choices.
    Single,
    /// `multi_select`: one or more of the choices.
    Multi,
}

/// A question of the booking form. Disabled questions are left out when a catalog is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// Its exact text. An answer must repeat it.
    pub name: String,
    /// The kind of answer that it expects.
    pub kind: QuestionKind,
    /// Its position in the form.
    pub position: u32,
    /// Whether Calendly requires an answer.
    pub required: bool,
    /// The choices, for kinds with choices.
    pub choices: Vec<String>,
    /// Whether other answers than the choices are accepted.
    pub include_other: bool,
}

/// A location that an event type offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationOption {
    /// Calendly's `kind`: `zoom_conference`, `physical`, `outbound_call`, …
    pub kind: String,
    /// The address or text that the host has set.
    pub location: Option<String>,
}

/// An event type that can be booked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventType {
    /// Its URI at Calendly.
    pub uri: EventTypeUri,
    /// The name, as the host gave it.
    pub name: String,
    /// The last part of its scheduling URL.
    pub slug: Option<String>,
    /// The host's description.
    pub description: Option<String>,
    /// The length of a meeting, in minutes.
    pub minutes: u32,
    /// Whether a meeting can have several invitees.
    pub is_group: bool,
    /// Whether Calendly chooses the host. It then chooses the location, too.
    pub is_round_robin: bool,
    /// The page where people book it themselves.
    pub scheduling_url: String,
    /// The URI of the user or team that owns it. A booking counts against the owner's budget.
    pub owner: String,
    /// The hosts of the meeting, or the possible ones.
    pub hosts: Vec<Host>,
    /// The form's questions, by position.
    pub questions: Vec<Question>,
    /// The locations that it offers.
    pub locations: Vec<LocationOption>,
}

/// Every active event type of every host that the token can read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Catalog {
    /// Sorted by name.
    pub event_types: Vec<EventType>,
}

/// Why an agent's words select no event type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoMatch<'a> {
    /// No name matches. It has at most three similar names, the most similar first.
    Unknown {
        /// Names of event types, or of topics when a topic was searched.
        near: Vec<String>,
    },
    /// Several event types match. A host or a URI is needed.
    Ambiguous {
        /// Sorted by name.
        candidates: Vec<&'a EventType>,
    },
}

impl EventType {
    /// Returns whether a key of the settings (a name, a URI or a UUID) names it.
    pub fn is_named(&self, key: &str) -> bool {
        key == self.name || key == self.uri.as_str() || key == uri_uuid(self.uri.as_str())
    }

    fn is_with(&self, host: Option<&Host>) -> bool {
        host.is_none_or(|host| self.hosts.iter().any(|it| it.uri == host.uri))
    }
}

impl Catalog {
    /// Returns the event type with a URI, UUID, scheduling URL, name or slug, among those of `host` if given. In names
    /// and slugs, case, accents, punctuation and spaces are ignored, unless they distinguish two event types.
    ///
    /// # Errors
    /// No event type matches, or several do.
    pub fn find(&self, text: &str, host: Option<&Host>) -> Result<&EventType, NoMatch<'_>> {
        let all: Vec<&EventType> = self.event_types.iter().filter(|it| it.is_with(host)).collect();
        let address = text.trim().trim_end_matches('/');
        let has_address = |it: &&EventType| {
            let uri = it.uri.as_str();
            !address.is_empty() && (address == uri || address == uri_uuid(uri) || address == it.scheduling_url)
        };
        let named =
            all.iter().copied().find(has_address).map_or_else(|| find_named(&all, |it| &it.name, text), |it| vec![it]);
        let found = if named.is_empty() { find_by_slug(&all, text) } else { named };
        expect_one(found).unwrap_or_else(|| {
            Err(NoMatch::Unknown { near: similar_names(all.iter().map(|it| it.name.as_str()), text) })
        })
    }

    /// Returns the event type of the topic in the settings that matches a text best. A topic's name is one of its
    /// words.
    ///
    /// # Errors
    /// No topic matches, or several match that have different event types. Topics without an event type are ignored.
    pub fn find_by_topic(&self, topics: &[Topic], text: &str, host: Option<&Host>) -> Result<&EventType, NoMatch<'_>> {
        let query = words(text);
        let scored: Vec<(u32, &Topic, Vec<&EventType>)> = topics
            .iter()
            .map(|it| {
                let words = it.words.iter().chain([&it.name]).map(String::as_str);
                (score(words, &query), it, self.event_types_for_topic(it, host))
            })
            .filter(|(_, _, event_types)| !event_types.is_empty())
            .collect();
        let best = scored.iter().map(|(score, ..)| *score).max().filter(|it| *it > 0);
        let mut found: Vec<&EventType> = Vec::new();
        for event_type in scored.iter().filter(|(score, ..)| Some(*score) == best).flat_map(|(_, _, all)| all) {
            if found.iter().all(|it| it.uri != event_type.uri) {
                found.push(event_type);
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        expect_one(found).unwrap_or_else(|| {
            Err(NoMatch::Unknown { near: similar_names(scored.iter().map(|(_, topic, _)| topic.name.as_str()), text) })
        })
    }

    /// Returns the event types of a topic. There is none if its event type or host is not in the catalog, and there are
    /// several if hosts have event types of the same name and the topic has no host.
    pub fn event_types_for_topic(&self, topic: &Topic, host: Option<&Host>) -> Vec<&EventType> {
        let own = match topic.host.as_deref().map(|it| self.find_host(it)).transpose() {
            Ok(own) => own,
            Err(_) => return Vec::new(),
        };
        let found = match self.find(&topic.event_type, own) {
            Ok(event_type) => vec![event_type],
            Err(NoMatch::Ambiguous { candidates }) => candidates,
            Err(NoMatch::Unknown { .. }) => Vec::new(),
        };
        found.into_iter().filter(|it| it.is_with(host)).collect()
    }

    /// Returns the host with a URI, UUID, e-mail address or name.
    ///
    /// # Errors
    /// At most three similar names, the most similar first; or the URIs of all hosts with the same name.
    pub fn find_host(&self, text: &str) -> Result<&Host, Vec<String>> {
        let hosts = self.hosts();
        let address = text.trim().trim_end_matches('/');
        let has_address = |it: &&&Host| {
            let email = it.email.expose();
            !address.is_empty() && (address == it.uri || address == uri_uuid(&it.uri) || is_same_email(address, email))
        };
        if let Some(host) = hosts.iter().find(has_address) {
            return Ok(host);
        }
        match find_named(&hosts, |it| &it.name, text)[..] {
            [] => Err(similar_names(hosts.iter().map(|it| it.name.as_str()), text)),
            [host] => Ok(host),
            ref namesakes => Err(namesakes.iter().map(|it| it.uri.clone()).collect()),
        }
    }

    /// Returns every host, once.
    pub fn hosts(&self) -> Vec<&Host> {
        let mut hosts: Vec<&Host> = Vec::new();
        for host in self.event_types.iter().flat_map(|it| &it.hosts) {
            if hosts.iter().all(|it| it.uri != host.uri) {
                hosts.push(host);
            }
        }
        hosts
    }
}

fn find_by_slug<'a>(all: &[&'a EventType], slug: &str) -> Vec<&'a EventType> {
    let with_slug: Vec<_> = all.iter().copied().filter(|it| it.slug.is_some()).collect();
    find_named(&with_slug, |it| it.slug.as_deref().unwrap_or_default(), slug)
}

/// Returns the only event type, or the error for several; `None` if there is none.
fn expect_one(found: Vec<&EventType>) -> Option<Result<&EventType, NoMatch<'_>>> {
    match found[..] {
        [] => None,
        [one] => Some(Ok(one)),
        _ => Some(Err(NoMatch::Ambiguous { candidates: found })),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::slice::from_ref;

    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn host(name: &str) -> Host {
        let first = name.split(' ').next().unwrap_or_default().to_lowercase();
        Host {
            uri: format!("https://api.calendly.com/users/{first}"),
            name: name.to_owned(),
            email: Private::new(format!("{first}@example.com")),
            zone: None,
        }
    }

    pub(in super::super) fn event_type(id: &str, name: &str, slug: &str, hosts: &[Host]) -> EventType {
        EventType {
            uri: EventTypeUri::new(format!("https://api.calendly.com/event_types/{id}")),
            name: name.to_owned(),
            slug: Some(slug.to_owned()),
            description: None,
            minutes: 30,
            is_group: false,
            is_round_robin: false,
            scheduling_url: format!("https://calendly.com/{id}/{slug}"),
            owner: "https://api.calendly.com/users/maria".to_owned(),
            hosts: hosts.to_vec(),
            questions: Vec::new(),
            locations: Vec::new(),
        }
    }

    fn catalog() -> Catalog {
        let (maria, soren) = (host("Maria Ștefănescu"), host("Søren Kjær"));
        Catalog {
            event_types: vec![
                event_type("ET1", "30 Minute Meeting", "30min", from_ref(&maria)),
                event_type("ET2", "30 Minute Meeting", "30min", from_ref(&soren)),
                event_type("ET3", "Ședință de vânzări", "sales-demo", from_ref(&maria)),
                event_type("ET4", "Support call", "support", &[maria, soren]),
                event_type("ET5", "C", "c", &[]),
                event_type("ET6", "C++", "c-1", &[]),
            ],
        }
    }

    fn id(found: Result<&EventType, NoMatch<'_>>) -> Result<String, Vec<String>> {
        match found {
            Ok(it) => Ok(uri_uuid(it.uri.as_str()).to_owned()),
            Err(NoMatch::Unknown { near }) => Err(near),
            Err(NoMatch::Ambiguous { candidates }) => {
                Err(candidates.iter().map(|it| uri_uuid(it.uri.as_str()).to_owned()).collect())
            }
        }
    }

    fn topic(name: &str, words: &[&str], event_type: &str, host: Option<&str>) -> Topic {
        Topic {
            name: name.to_owned(),
            words: words.iter().map(|it| (*it).to_owned()).collect(),
            event_type: event_type.to_owned(),
            host: host.map(str::to_owned),
        }
    }

    #[test]
    fn an_event_type_is_found_by_uri_uuid_url_slug_and_name() {
        let catalog = catalog();
        for (query, expected) in [
            ("https://api.calendly.com/event_types/ET3", "ET3"),
            ("ET3", "ET3"),
            (" https://calendly.com/ET3/sales-demo/ ", "ET3"),
            ("sales-demo", "ET3"),
            ("Sales Demo", "ET3"),
            ("sedinta  de vanzari", "ET3"),
            ("SEDINTA-DE-VÂNZĂRI!", "ET3"),
            ("c", "ET5"),
            ("c++", "ET6"),
            ("supportcall", "ET4"),
        ] {
            assert_eq!(id(catalog.find(query, None)), Ok(expected.to_owned()), "{query}");
        }
    }

    #[test]
    fn event_types_with_the_same_name_are_distinguished_by_host() {
        let catalog = catalog();
        for query in ["30 minute meeting", "30min"] {
            let found = catalog.find(query, None);
            assert!(matches!(&found, Err(NoMatch::Ambiguous { .. })), "{found:?}");
            assert_eq!(id(found), Err(vec!["ET1".to_owned(), "ET2".to_owned()]));
            let soren = catalog.find_host("soren kjaer").expect("a host");
            assert_eq!(id(catalog.find(query, Some(soren))), Ok("ET2".to_owned()));
        }
        let soren = catalog.find_host("Søren Kjær").expect("a host");
        assert_eq!(id(catalog.find("sales-demo", Some(soren))), Err(Vec::new()), "Maria's");
    }

    #[test]
    fn an_unknown_name_has_similar_names_or_none() {
        let catalog = catalog();
        for (query, near) in [
            ("Suport cal", vec!["Support call"]),
            ("a call about support", vec!["Support call"]),
            ("ședința", vec!["Ședință de vânzări"]),
            ("30 minutes meeting", vec!["30 Minute Meeting"]),
            ("xyzzy", vec![]),
            ("", vec![]),
            (" / ", vec![]),
            ("🚀", vec![]),
        ] {
            assert_eq!(id(catalog.find(query, None)), Err(near.into_iter().map(str::to_owned).collect()), "{query}");
        }
    }

    #[test]
    fn a_host_is_found_by_uri_e_mail_address_and_name() {
        let catalog = catalog();
        assert_eq!(catalog.hosts().len(), 2);
        for query in ["Maria Stefanescu", "MARIA@example.com", "https://api.calendly.com/users/maria", "maria"] {
            assert_eq!(catalog.find_host(query).map(|it| it.name.as_str()), Ok("Maria Ștefănescu"), "{query}");
        }
        assert_eq!(catalog.find_host("Maria Stefan"), Err(vec!["Maria Ștefănescu".to_owned()]));
        assert_eq!(catalog.find_host("nobody@example.com"), Err(Vec::new()));
        assert_eq!(catalog.find_host(" "), Err(Vec::new()));

        let (one, mut other) = (host("Ana Pop"), host("Ana Pop"));
        other.uri.push('2');
        let namesakes = Catalog { event_types: vec![event_type("ET1", "Call", "call", &[one.clone(), other.clone()])] };
        assert_eq!(namesakes.find_host("Ana Pop"), Err(vec![one.uri, other.uri]));
    }

    #[test]
    fn a_topic_selects_an_event_type() {
        let catalog = catalog();
        let topics = [
            topic("Sales", &["price", "offer", "product demo", "preț", "產品展示"], "sales-demo", None),
            topic("Support", &["invoice", "problem"], "ET4", Some("soren kjaer")),
            topic("Getting to know us", &["intro"], "30min", None),
            topic("Old", &["intro", "old price"], "No longer there", None),
        ];
        let soren = catalog.find_host("Søren Kjær").expect("a host");
        let query = |words| id(catalog.find_by_topic(&topics, words, None));
        for (words, expected) in [
            ("what are your prices", "ET3"),
            ("Pretul, vă rog", "ET3"),
            ("我想看產品展示", "ET3"),
            ("sales", "ET3"),
            ("the old price", "ET3"),
            ("a problem with an invoice, and its price", "ET4"),
        ] {
            assert_eq!(query(words), Ok(expected.to_owned()), "{words}");
        }
        // "product" alone does not match "product demo", and "off" is too short to match "offer".
        for words in ["a product", "take off", "", "!"] {
            assert_eq!(query(words), Err(Vec::new()), "{words}");
        }
        assert_eq!(query("suport"), Err(vec!["Support".to_owned()]));
        assert_eq!(query("a problem with the price"), Err(vec!["ET4".to_owned(), "ET3".to_owned()]));
        assert_eq!(query("intro"), Err(vec!["ET1".to_owned(), "ET2".to_owned()]));
        assert_eq!(id(catalog.find_by_topic(&topics, "intro", Some(soren))), Ok("ET2".to_owned()));
        assert_eq!(id(catalog.find_by_topic(&topics, "price", Some(soren))), Err(Vec::new()));
        assert!(catalog.event_types_for_topic(&topics[3], None).is_empty());
        assert!(catalog.event_types_for_topic(&topic("Nobody's", &["x"], "ET3", Some("nobody")), None).is_empty());
    }

    #[test]
    fn topics_with_the_same_event_type_are_not_ambiguous() {
        let topics = [topic("Sales", &["price"], "ET3", None), topic("Demo", &["demo"], "sales-demo", None)];
        assert_eq!(id(catalog().find_by_topic(&topics, "a demo, and the price", None)), Ok("ET3".to_owned()));
    }

    proptest! {
        #[test]
        fn every_name_finds_its_event_type(names in prop::collection::btree_set("\\PC{1,12}", 1..12)) {
            let names: Vec<&String> = names.iter().filter(|it| !it.trim().is_empty()).collect();
            let event_types: Vec<_> = names
                .iter()
                .enumerate()
                .map(|(at, name)| event_type(&format!("uuid-of-{at:04}"), name, &format!("slug-of-{at:04}"), &[]))
                .collect();
            let catalog = Catalog { event_types };
            for it in &catalog.event_types {
                let twins = names.iter().filter(|name| name.trim() == it.name.trim()).count();
                for query in [it.name.clone(), format!("  {}\t", it.name)] {
                    match catalog.find(&query, None) {
                        Ok(found) => prop_assert!(twins == 1 && found == it),
                        Err(NoMatch::Ambiguous { candidates }) => prop_assert_eq!(candidates.len(), twins),
                        Err(NoMatch::Unknown { .. }) => prop_assert!(false, "not found"),
                    }
                }
                for query in [it.uri.as_str(), uri_uuid(it.uri.as_str()), &it.scheduling_url] {
                    prop_assert_eq!(catalog.find(query, None), Ok(it));
                }
            }
        }

        #[test]
        fn nonsense_finds_nothing(query in "[0-9a-f]{20,30}", topic_words in prop::collection::vec("[a-z]{1,8}", 1..5)) {
            let words: Vec<&str> = topic_words.iter().map(String::as_str).collect();
            let topics = [topic("Sales", &words, "ET3", None)];
            let no_near = |found: Result<_, NoMatch<'_>>| found == Err(NoMatch::Unknown { near: Vec::new() });
            let catalog = catalog();
            prop_assert!(no_near(catalog.find(&query, None)));
            let is_mentioned = words.iter().any(|it| query.starts_with(it));
            prop_assert!(is_mentioned || no_near(catalog.find_by_topic(&topics, &query, None)));
        }
    }
}
