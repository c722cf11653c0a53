//! What really happens at Calendly: one booking, made, moved, canceled, attended or not. And what follows from it by the
//! plainest reading: the reference that the program's doings are held against.

use domain::{
    CanceledBy, Cancellation, Details, EventTypeUri, EventUri, Fact, FactId, FactKind, InviteeUri, Leg, NoShow,
    PhoneCandidate, PhoneSource, Private, Token,
};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::random::Random;

/// Zones whose clocks change during the weeks that are played, and some whose don't.
const ZONES: [&str; 6] = [
    "Europe/Bucharest",
    "America/New_York",
    "Europe/Copenhagen",
    "Asia/Taipei",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
];

/// One place of the booking in time.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// When it was booked, or moved here.
    pub(crate) since: Timestamp,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// When it was given up for the next place.
    pub(crate) left: Option<Timestamp>,
}

/// The whole of it.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    number: u64,
    pub(crate) places: Vec<Place>,
    pub(crate) canceled: Option<(Timestamp, CanceledBy, bool)>,
    pub(crate) no_show: Option<Timestamp>,
    pub(crate) token: Option<Token>,
    zone: &'static str,
}

/// A fact as Calendly tells it, and when it came to be.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) at: Timestamp,
    pub(crate) fact: Fact,
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

impl Truth {
    pub(crate) fn new(number: u64, random: &mut Random) -> Self {
        let zone = random.one_of(&ZONES);
        // Six weeks around the end of daylight-saving time in Europe (25 October) and America (1 November).
        let mut at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_791_158_400 + random.between(0, 42 * 86_400));
        let mut places: Vec<Place> = Vec::new();
        let moves = match random.between(0, 100) {
            0..70 => 0,
            70..90 => 1,
            90..97 => 2,
            _ => 3,
        };
        for _ in 0..=moves {
            let start =
                local_slot(at + minutes(random.one_of(&[40, 70, 180, 1_500, 4_000, 10_000, 25_000])), zone, random);
            if let Some(before) = places.last_mut() {
                before.left = Some(at);
            }
            places.push(Place { since: at, start, end: start + minutes(30), left: None });
            let room = start.duration_since(at).as_secs() - 600;
            if room < 1_200 {
                break;
            }
            at += SignedDuration::from_secs(random.between(600, room));
        }
        let last = places[places.len() - 1].clone();
        let canceled = random.happens(2_000).then(|| {
            let room = (last.start.duration_since(last.since).as_secs() - 300).max(301);
            let at = last.since + SignedDuration::from_secs(random.between(300, room));
            (at, random.one_of(&[CanceledBy::Invitee, CanceledBy::Host]), random.happens(5_000))
        });
        let no_show = (canceled.is_none() && random.happens(800)).then(|| last.start + minutes(random.between(5, 200)));
        let token = random.happens(5_000).then(|| token(number));
        Self { number, places, canceled, no_show, token, zone }
    }

    pub(crate) fn invitee(&self, place: usize) -> InviteeUri {
        let number = self.number;
        InviteeUri::new(format!(
            "https://api.calendly.com/scheduled_events/e{number}-{place}/invitees/i{number}-{place}"
        ))
    }

    /// What Calendly's REST API says of a place at an instant; `None` before it came to be.
    pub(crate) fn looked_up(&self, invitee: &InviteeUri, at: Timestamp) -> Option<Fact> {
        let place = (0..self.places.len()).find(|place| self.invitee(*place) == *invitee)?;
        (self.places[place].since <= at).then(|| self.fact(FactKind::LookedUp, place, at))
    }

    /// Every webhook, in the order in which things happen.
    pub(crate) fn webhooks(&self) -> Vec<Told> {
        let mut told = Vec::new();
        for (index, place) in self.places.iter().enumerate() {
            told.push(Told { at: place.since, fact: self.fact(FactKind::Created, index, place.since) });
            if let Some(left) = place.left {
                told.push(Told { at: left, fact: self.fact(FactKind::Canceled, index, left) });
            }
        }
        let last = self.places.len() - 1;
        told.extend(self.canceled.map(|(at, ..)| Told { at, fact: self.fact(FactKind::Canceled, last, at) }));
        told.extend(self.no_show.map(|at| Told { at, fact: self.fact(FactKind::NoShow, last, at) }));
        told
    }

    /// One place's account, as of an instant.
    fn fact(&self, kind: FactKind, index: usize, at: Timestamp) -> Fact {
        let place = &self.places[index];
        let invitee = self.invitee(index);
        let is_last = index + 1 == self.places.len();
        let left = place.left.filter(|left| *left <= at);
        let ended = self.canceled.filter(|(ended, ..)| is_last && *ended <= at);
        let canceled = match (left, ended) {
            (Some(left), _) => {
                Some(Cancellation { at: left, by: CanceledBy::Invitee, reason: None, rescheduled: true })
            }
            (None, Some((ended, by, about_time))) => {
                let reason = Some(Private::from(if about_time { "no time" } else { "no interest" }));
                Some(Cancellation { at: ended, by, reason, rescheduled: false })
            }
            (None, None) => None,
        };
        let as_of = canceled.as_ref().map_or(place.since, |end| end.at);
        let no_show = self.no_show.filter(|marked| is_last && *marked <= at).map(|at| NoShow { at, marked: true });
        Fact {
            id: FactId::of(kind.name(), invitee.as_str(), &at.to_string()),
            kind,
            occurred_at: at,
            leg: Leg {
                token: self.token.clone(),
                previous: index.checked_sub(1).map(|before| self.invitee(before)),
                next: left.map(|_| self.invitee(index + 1)),
                details: self.details(index, as_of),
                canceled,
                no_show,
                heard_created: false,
                heard_canceled: false,
                invitee,
            },
        }
    }

    fn details(&self, index: usize, as_of: Timestamp) -> Details {
        let place = &self.places[index];
        Details {
            as_of,
            event: EventUri::new(format!("https://api.calendly.com/scheduled_events/e{}-{index}", self.number)),
            event_type: Some(EventTypeUri::new("https://api.calendly.com/event_types/demo")),
            event_name: "Demo".to_owned(),
            start: place.start,
            end: place.end,
            name: Private::from("Ana"),
            first_name: None,
            email: Private::from("ana@example.com"),
            zone: Some(self.zone.to_owned()),
            join_url: None,
            location: None,
            cancel_url: None,
            reschedule_url: None,
            in_person: false,
            online: false,
            by_phone: false,
            host: None,
            hosts: Vec::new(),
            phones: vec![PhoneCandidate {
                source: PhoneSource::TextReminderNumber,
                question: None,
                text: Private::from("+40712345678"),
            }],
            reconfirmation: None,
            routing_form_submission: None,
            payment: None,
        }
    }
}

/// A half hour of somebody's working day, at or after an instant, in their own clock.
fn local_slot(earliest: Timestamp, zone: &str, random: &mut Random) -> Timestamp {
    let tz = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let local = earliest.to_zoned(tz.clone()).datetime();
    let half = if random.happens(5_000) { 0 } else { 30 };
    let slot = DateTime::new(local.year(), local.month(), local.day(), local.hour(), half, 0, 0).unwrap_or(local);
    let slot = slot.to_zoned(tz).map_or(earliest, |it| it.timestamp());
    if slot < earliest { slot + minutes(60) } else { slot }
}

fn token(number: u64) -> Token {
    let letters: String =
        (0..26).map(|at| char::from(b'a' + u8::try_from((number >> (2 * at)) & 3).unwrap_or(0))).collect();
    Token::parse(&format!("vai1-{letters}")).unwrap_or_else(|| unreachable!("26 letters make a token"))
}

/// A message that must reach its people: which action, about which place, and from when on it counts as missed.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) slug: &'static str,
    pub(crate) place: usize,
}

/// How long after a change everything must be known: a period of reconciliation, and what a few redeliveries take.
pub(crate) const KNOWN_WITHIN: SignedDuration = SignedDuration::from_mins(60 + 20);

/// A timer may fire this late, and its message be redelivered.
const LATE: SignedDuration = SignedDuration::from_mins(45);

impl Truth {
    /// When a place stops being the present one, if it does.
    fn until(&self, place: usize) -> Option<Timestamp> {
        self.places[place].left.or_else(|| {
            let is_last = place + 1 == self.places.len();
            self.canceled.filter(|_| is_last).map(|(at, ..)| at)
        })
    }

    /// What must be told. Whatever changes again before it could be known is left out: it may be told, and need not.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        let mut expected = Vec::new();
        let is_vai = self.token.is_some();
        for (index, place) in self.places.iter().enumerate() {
            let known = place.since + KNOWN_WITHIN;
            let until = self.until(index);
            let holds_at = |at: Timestamp| until.is_none_or(|until| until > at);
            let mut must = |slug, when: bool| {
                if when {
                    expected.push(Expected { slug, place: index });
                }
            };
            let in_time = holds_at(known) && place.start > known;
            must(if index == 0 { "sms-confirmation" } else { "sms-move" }, in_time);
            must("mail-confirmation", in_time && is_vai && index == 0);
            must(if index == 0 { "vai-confirmed" } else { "vai-rescheduled" }, holds_at(known) && is_vai);
            for (slug, before) in [("sms-reminder-1440m", 1440), ("sms-reminder-60m", 60)] {
                let hour = place.start - minutes(before);
                must(slug, hour > known && holds_at(hour + LATE));
            }
            let hour = place.end + minutes(30);
            let came = self.no_show.is_none_or(|marked| marked > hour + LATE);
            must("sms-follow-up-30m", hour > known && holds_at(hour + LATE) && came);
        }
        if let Some((at, by, about_time)) = self.canceled {
            let place = self.places.len() - 1;
            let mut must = |slug, when: bool| {
                if when {
                    expected.push(Expected { slug, place });
                }
            };
            must("sms-cancellation", self.places[place].start > at + KNOWN_WITHIN);
            must("vai-canceled", is_vai);
            must("vai-offer-help", is_vai && by == CanceledBy::Invitee && about_time);
        }
        expected
    }

    /// Whether telling this at an instant is wrong: it had stopped being true, and that was known.
    pub(crate) fn is_wrong(&self, slug: &str, place: usize, at: Timestamp) -> bool {
        let ended = self.until(place).is_some_and(|until| at > until + KNOWN_WITHIN);
        let about_a_meeting_to_be =
            slug.starts_with("sms-reminder") || slug == "sms-confirmation" || slug == "sms-move";
        let is_thanks = slug.starts_with("sms-follow-up");
        let absent = self.no_show.is_some_and(|marked| at > marked + KNOWN_WITHIN);
        (about_a_meeting_to_be && (ended || at >= self.places[place].start)) || (is_thanks && (ended || absent))
    }
}
