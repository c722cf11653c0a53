//! The event types that a connection's token may see, and how an agent's words find one.

use super::words::{named, near, score, words};
use crate::settings::Topic;
use crate::{EventTypeUri, Private, uri_uuid};

/// Who a meeting is with.
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

/// What kind of answer a question takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuestionKind {
    /// `string`, `text`, and whatever Calendly may add.
    Text,
    /// `phone_number`: E.164.
    Phone,
    /// `single_select`: one of the choices.
    Single,
    /// `multi_select`: some of the choices.
    Multi,
}

/// A question of the booking form. Those that are switched off are left out when a catalogue is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// Its exact text: what an answer must repeat.
    pub name: String,
    /// What kind of answer it takes.
    pub kind: QuestionKind,
    /// Its place in the form.
    pub position: u32,
    /// Whether the form is refused without it.
    pub required: bool,
    /// The choices, for those that have them.
    pub choices: Vec<String>,
    /// Whether another answer than the choices is taken.
    pub include_other: bool,
}

/// A way to meet that an event type offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationOption {
    /// Calendly's `kind`: `zoom_conference`, `physical`, `outbound_call`, …
    pub kind: String,
    /// The address or words that the host has set.
    pub location: Option<String>,
}

/// An event type that can be booked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventType {
    /// Calendly's URI of it.
    pub uri: EventTypeUri,
    /// The name, as the host gave it.
    pub name: String,
    /// The last part of its scheduling URL.
    pub slug: Option<String>,
    /// What the host says about it.
    pub description: Option<String>,
    /// How long a meeting lasts.
    pub minutes: u32,
    /// Whether one meeting takes several invitees.
    pub is_group: bool,
    /// Whether Calendly chooses among the hosts: the location is its to choose then, too.
    pub is_round_robin: bool,
    /// Where people book it themselves.
    pub scheduling_url: String,
    /// The URI of the user or team it belongs to: whose budget a booking counts against.
    pub owner: String,
    /// Who the meeting is with, or may be.
    pub hosts: Vec<Host>,
    /// The form's questions, by position.
    pub questions: Vec<Question>,
    /// Where people meet.
    pub locations: Vec<LocationOption>,
}

/// Every active event type of every host that the token may see.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Catalog {
    /// In the order of their names.
    pub event_types: Vec<EventType>,
}

/// Why an agent's words lead to no event type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoMatch<'a> {
    /// There is nothing of that name; at most three that may be meant, the nearest first.
    Unknown {
        /// Names of event types, or of topics where a topic was asked for.
        near: Vec<String>,
    },
    /// There are several: a host decides, or the URI of one.
    Ambiguous {
        /// In the order of their names.
        candidates: Vec<&'a EventType>,
    },
}

impl EventType {
    fn is_with(&self, host: Option<&Host>) -> bool {
        host.is_none_or(|host| self.hosts.iter().any(|it| it.uri == host.uri))
    }
}

impl Catalog {
    /// The event type that is asked for by its URI, UUID, scheduling URL, name or slug; only the host's, if one is
    /// given. In names and slugs, case, accents, punctuation and spaces don't matter, unless they tell two apart.
    ///
    /// # Errors
    /// None is meant, or several are.
    pub fn find(&self, asked: &str, host: Option<&Host>) -> Result<&EventType, NoMatch<'_>> {
        let all: Vec<&EventType> = self.event_types.iter().filter(|it| it.is_with(host)).collect();
        let address = asked.trim().trim_end_matches('/');
        let has_address = |it: &&EventType| {
            let uri = it.uri.as_str();
            !address.is_empty() && (address == uri || address == uri_uuid(uri) || address == it.scheduling_url)
        };
        let named =
            all.iter().copied().find(has_address).map_or_else(|| named(&all, |it| &it.name, asked), |it| vec![it]);
        let found = if named.is_empty() { named_by_slug(&all, asked) } else { named };
        one_of(found)
            .unwrap_or_else(|| Err(NoMatch::Unknown { near: near(all.iter().map(|it| it.name.as_str()), asked) }))
    }

    /// The event type that a topic of the settings leads to: the topic of which most is in what is asked. Its own name
    /// counts among its words.
    ///
    /// # Errors
    /// No topic is meant, or several are that lead to different event types. Topics that lead nowhere are passed over.
    pub fn by_topic(&self, topics: &[Topic], asked: &str, host: Option<&Host>) -> Result<&EventType, NoMatch<'_>> {
        let words = words(asked);
        let scored: Vec<(u32, &Topic, Vec<&EventType>)> = topics
            .iter()
            .map(|it| (score(it.words.iter().chain([&it.name]).map(String::as_str), &words), it, self.led_to(it, host)))
            .filter(|(_, _, led_to)| !led_to.is_empty())
            .collect();
        let best = scored.iter().map(|(score, ..)| *score).max().filter(|it| *it > 0);
        let mut found: Vec<&EventType> = Vec::new();
        for event_type in scored.iter().filter(|(score, ..)| Some(*score) == best).flat_map(|(_, _, led_to)| led_to) {
            if found.iter().all(|it| it.uri != event_type.uri) {
                found.push(event_type);
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        one_of(found).unwrap_or_else(|| {
            Err(NoMatch::Unknown { near: near(scored.iter().map(|(_, topic, _)| topic.name.as_str()), asked) })
        })
    }

    /// The event types that a topic leads to: one, unless its event type or host is not (or no longer) in the
    /// catalogue, or hosts have event types of the same name and the topic says no host.
    pub fn led_to(&self, topic: &Topic, host: Option<&Host>) -> Vec<&EventType> {
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

    /// The host who is asked for by URI, UUID, e-mail address or name.
    ///
    /// # Errors
    /// At most three names that may be meant, the nearest first. Namesakes are told apart by their URIs, all of them.
    pub fn find_host(&self, asked: &str) -> Result<&Host, Vec<String>> {
        let hosts = self.hosts();
        let address = asked.trim().trim_end_matches('/');
        let has_address = |it: &&&Host| {
            let email = it.email.expose();
            !address.is_empty()
                && (address == it.uri || address == uri_uuid(&it.uri) || address.to_lowercase() == email.to_lowercase())
        };
        if let Some(host) = hosts.iter().find(has_address) {
            return Ok(host);
        }
        match named(&hosts, |it| &it.name, asked)[..] {
            [] => Err(near(hosts.iter().map(|it| it.name.as_str()), asked)),
            [host] => Ok(host),
            ref namesakes => Err(namesakes.iter().map(|it| it.uri.clone()).collect()),
        }
    }

    /// Every host, once.
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

fn named_by_slug<'a>(all: &[&'a EventType], asked: &str) -> Vec<&'a EventType> {
    let with_slug: Vec<_> = all.iter().copied().filter(|it| it.slug.is_some()).collect();
    named(&with_slug, |it| it.slug.as_deref().unwrap_or_default(), asked)
}

/// `None` when there is none.
fn one_of(found: Vec<&EventType>) -> Option<Result<&EventType, NoMatch<'_>>> {
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
    fn an_event_type_is_found_by_whatever_names_it() {
        let catalog = catalog();
        for (asked, expected) in [
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
            assert_eq!(id(catalog.find(asked, None)), Ok(expected.to_owned()), "{asked}");
        }
    }

    #[test]
    fn namesakes_are_told_apart_by_their_host() {
        let catalog = catalog();
        for asked in ["30 minute meeting", "30min"] {
            let found = catalog.find(asked, None);
            assert!(matches!(&found, Err(NoMatch::Ambiguous { .. })), "{found:?}");
            assert_eq!(id(found), Err(vec!["ET1".to_owned(), "ET2".to_owned()]));
            let soren = catalog.find_host("soren kjaer").expect("a host");
            assert_eq!(id(catalog.find(asked, Some(soren))), Ok("ET2".to_owned()));
        }
        let soren = catalog.find_host("Søren Kjær").expect("a host");
        assert_eq!(id(catalog.find("sales-demo", Some(soren))), Err(Vec::new()), "Maria's");
    }

    #[test]
    fn what_is_not_there_has_near_names_or_none() {
        let catalog = catalog();
        for (asked, near) in [
            ("Suport cal", vec!["Support call"]),
            ("a call about support", vec!["Support call"]),
            ("ședința", vec!["Ședință de vânzări"]),
            ("30 minutes meeting", vec!["30 Minute Meeting"]),
            ("xyzzy", vec![]),
            ("", vec![]),
            (" / ", vec![]),
            ("🚀", vec![]),
        ] {
            assert_eq!(id(catalog.find(asked, None)), Err(near.into_iter().map(str::to_owned).collect()), "{asked}");
        }
    }

    #[test]
    fn a_host_is_found_by_whatever_names_them() {
        let catalog = catalog();
        assert_eq!(catalog.hosts().len(), 2);
        for asked in ["Maria Stefanescu", "MARIA@example.com", "https://api.calendly.com/users/maria", "maria"] {
            assert_eq!(catalog.find_host(asked).map(|it| it.name.as_str()), Ok("Maria Ștefănescu"), "{asked}");
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
    fn a_topic_leads_to_an_event_type() {
        let catalog = catalog();
        let topics = [
            topic("Sales", &["price", "offer", "product demo", "preț", "產品展示"], "sales-demo", None),
            topic("Support", &["invoice", "problem"], "ET4", Some("soren kjaer")),
            topic("Getting to know us", &["intro"], "30min", None),
            topic("Old", &["intro", "old price"], "No longer there", None),
        ];
        let soren = catalog.find_host("Søren Kjær").expect("a host");
        let asked = |words| id(catalog.by_topic(&topics, words, None));
        for (words, expected) in [
            ("what are your prices", "ET3"),
            ("Pretul, vă rog", "ET3"),
            ("我想看產品展示", "ET3"),
            ("sales", "ET3"),
            ("the old price", "ET3"),
            ("a problem with an invoice, and its price", "ET4"),
        ] {
            assert_eq!(asked(words), Ok(expected.to_owned()), "{words}");
        }
        // A product alone is no product demo, and nothing begins with "off".
        for words in ["a product", "take off", "", "!"] {
            assert_eq!(asked(words), Err(Vec::new()), "{words}");
        }
        assert_eq!(asked("suport"), Err(vec!["Support".to_owned()]));
        assert_eq!(asked("a problem with the price"), Err(vec!["ET4".to_owned(), "ET3".to_owned()]));
        assert_eq!(asked("intro"), Err(vec!["ET1".to_owned(), "ET2".to_owned()]));
        assert_eq!(id(catalog.by_topic(&topics, "intro", Some(soren))), Ok("ET2".to_owned()));
        assert_eq!(id(catalog.by_topic(&topics, "price", Some(soren))), Err(Vec::new()));
        assert!(catalog.led_to(&topics[3], None).is_empty());
        assert!(catalog.led_to(&topic("Nobody's", &["x"], "ET3", Some("nobody")), None).is_empty());
    }

    #[test]
    fn topics_that_lead_to_the_same_are_not_ambiguous() {
        let topics = [topic("Sales", &["price"], "ET3", None), topic("Demo", &["demo"], "sales-demo", None)];
        assert_eq!(id(catalog().by_topic(&topics, "a demo, and the price", None)), Ok("ET3".to_owned()));
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
                for asked in [it.name.clone(), format!("  {}\t", it.name)] {
                    match catalog.find(&asked, None) {
                        Ok(found) => prop_assert!(twins == 1 && found == it),
                        Err(NoMatch::Ambiguous { candidates }) => prop_assert_eq!(candidates.len(), twins),
                        Err(NoMatch::Unknown { .. }) => prop_assert!(false, "not found"),
                    }
                }
                for asked in [it.uri.as_str(), uri_uuid(it.uri.as_str()), &it.scheduling_url] {
                    prop_assert_eq!(catalog.find(asked, None), Ok(it));
                }
            }
        }

        #[test]
        fn nonsense_finds_nothing(asked in "[0-9a-f]{20,30}", topic_words in prop::collection::vec("[a-z]{1,8}", 1..5)) {
            let words: Vec<&str> = topic_words.iter().map(String::as_str).collect();
            let topics = [topic("Sales", &words, "ET3", None)];
            let no_near = |found: Result<_, NoMatch<'_>>| found == Err(NoMatch::Unknown { near: Vec::new() });
            let catalog = catalog();
            prop_assert!(no_near(catalog.find(&asked, None)));
            let is_spoken_of = words.iter().any(|it| asked.starts_with(it));
            prop_assert!(is_spoken_of || no_near(catalog.by_topic(&topics, &asked, None)));
        }
    }
}
