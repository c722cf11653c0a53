//! What really happens at Calendly to one booking: made, moved, canceled, attended or not. And what must follow from
//! it, by the simplest possible rules: the reference that the program is compared with.

use domain::{
    CanceledBy, Cancellation, Details, EventTypeUri, EventUri, Fact, FactId, FactKind, InviteeUri, Leg, NoShow,
    PhoneCandidate, PhoneSource, Private, Token, Tracking,
};
use events::EventType;
use fakes::Random;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::outage::Outage;

/// Zones whose clocks change during the weeks that are played, and some whose don't.
const ZONES: [&str; 6] = [
    "Europe/Bucharest",
    "America/New_York",
    "Europe/Copenhagen",
    "Asia/Taipei",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
];

/// One of the booking's meetings: the first, or the one that a move leads to.
#[derive(Clone, Debug)]
pub(crate) struct Meeting {
    pub(crate) invitee: InviteeUri,
    /// When it was booked, or the booking moved to it.
    pub(crate) booked_at: Timestamp,
    start: Timestamp,
    end: Timestamp,
    /// When the booking was moved away from it.
    left_at: Option<Timestamp>,
}

/// What really happens.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    number: u64,
    pub(crate) meetings: Vec<Meeting>,
    canceled: Option<(Timestamp, CanceledBy, bool)>,
    no_show: Option<Timestamp>,
    pub(crate) token: Option<Token>,
    zone: &'static str,
    /// What does not work for hours, if so.
    pub(crate) outage: Option<Outage>,
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

impl Truth {
    /// Rolls what happens; with an outage in so many of ten thousand bookings.
    pub(crate) fn new(number: u64, outages: u32, random: &mut Random) -> Self {
        let zone = random.one_of(&ZONES);
        // Six weeks around the end of daylight-saving time in Europe (25 October) and America (1 November).
        let mut at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_791_158_400 + random.between(0, 42 * 86_400));
        let mut meetings: Vec<Meeting> = Vec::new();
        let moves = match random.between(0, 100) {
            0..70 => 0,
            70..90 => 1,
            90..97 => 2,
            _ => 3,
        };
        for _ in 0..=moves {
            let start =
                local_slot(at + minutes(random.one_of(&[40, 70, 180, 1_500, 4_000, 10_000, 25_000])), zone, random);
            if let Some(before) = meetings.last_mut() {
                before.left_at = Some(at);
            }
            let invitee = invitee_uri(number, meetings.len());
            meetings.push(Meeting { invitee, booked_at: at, start, end: start + minutes(30), left_at: None });
            let room = start.duration_since(at).as_secs() - 600;
            if room < 1_200 {
                break;
            }
            at += SignedDuration::from_secs(random.between(600, room));
        }
        let last = meetings[meetings.len() - 1].clone();
        let canceled = random.happens(2_000).then(|| {
            let room = (last.start.duration_since(last.booked_at).as_secs() - 300).max(301);
            let at = last.booked_at + SignedDuration::from_secs(random.between(300, room));
            (at, random.one_of(&[CanceledBy::Invitee, CanceledBy::Host]), random.happens(5_000))
        });
        let no_show = (canceled.is_none() && random.happens(800)).then(|| last.start + minutes(random.between(5, 200)));
        let token = random.happens(5_000).then(|| token(number));
        let begin = meetings[0].booked_at;
        let outage = random.happens(outages).then(|| Outage::new(begin, random));
        Self { number, meetings, canceled, no_show, token, zone, outage }
    }

    /// What Calendly's REST API answers for an invitee at an instant; `None` before it was booked.
    pub(crate) fn looked_up(&self, invitee: &InviteeUri, at: Timestamp) -> Option<Fact> {
        let index = self.meetings.iter().position(|it| it.invitee == *invitee)?;
        (self.meetings[index].booked_at <= at).then(|| self.fact(FactKind::LookedUp, index, at))
    }

    /// Every fact that Calendly sends as a webhook, in the order in which things happen.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (index, meeting) in self.meetings.iter().enumerate() {
            facts.push(self.fact(FactKind::Created, index, meeting.booked_at));
            facts.extend(meeting.left_at.map(|at| self.fact(FactKind::Canceled, index, at)));
        }
        let last = self.meetings.len() - 1;
        facts.extend(self.canceled.map(|(at, ..)| self.fact(FactKind::Canceled, last, at)));
        facts.extend(self.no_show.map(|at| self.fact(FactKind::NoShow, last, at)));
        facts
    }

    /// The events that customers' systems must get, each with its meeting. Whether a meeting of an invitee who did not
    /// come was completed first depends on when that became known.
    pub(crate) fn expected_events(&self) -> Vec<(EventType, usize)> {
        let last = self.meetings.len() - 1;
        let mut expected = vec![(EventType::BookingCreated, 0)];
        expected.extend((1..=last).map(|meeting| (EventType::BookingRescheduled, meeting)));
        expected.push(match (&self.canceled, self.no_show) {
            (Some(_), _) => (EventType::BookingCanceled, last),
            (None, Some(_)) => (EventType::BookingNoShow, last),
            (None, None) => (EventType::BookingCompleted, last),
        });
        expected
    }

    /// Calendly's statement about one meeting, as of an instant.
    fn fact(&self, kind: FactKind, index: usize, at: Timestamp) -> Fact {
        let meeting = &self.meetings[index];
        let invitee = meeting.invitee.clone();
        let is_last = index + 1 == self.meetings.len();
        let left = meeting.left_at.filter(|left| *left <= at);
        let ended = self.canceled.filter(|(ended, ..)| is_last && *ended <= at);
        let canceled = match (left, ended) {
            (Some(left), _) => {
                Some(Cancellation { at: left, by: CanceledBy::Invitee, reason: None, rescheduled: true })
            }
            (None, Some((ended, by, about_time))) => {
                let reason = if about_time { "no time" } else { "no interest" };
                Some(Cancellation { at: ended, by, reason: Some(reason.into()), rescheduled: false })
            }
            (None, None) => None,
        };
        let as_of = canceled.as_ref().map_or(meeting.booked_at, |end| end.at);
        let no_show = self.no_show.filter(|marked| is_last && *marked <= at).map(|at| NoShow { at, marked: true });
        Fact {
            id: FactId::from_parts(kind.name(), invitee.as_str(), &at.to_string()),
            kind,
            occurred_at: at,
            leg: Leg {
                token: self.token.clone(),
                booked_at: None,
                previous: index.checked_sub(1).map(|before| self.meetings[before].invitee.clone()),
                next: left.map(|_| self.meetings[index + 1].invitee.clone()),
                details: self.details(index, as_of),
                canceled,
                no_show,
                created_received: false,
                canceled_received: false,
                invitee,
            },
        }
    }

    fn details(&self, index: usize, as_of: Timestamp) -> Details {
        let meeting = &self.meetings[index];
        Details {
            as_of,
            looked_at: None,
            event: EventUri::new(format!("https://api.calendly.com/scheduled_events/e{}-{index}", self.number)),
            event_type: Some(EventTypeUri::new("https://api.calendly.com/event_types/demo")),
            event_name: "Demo".to_owned(),
            start: meeting.start,
            end: meeting.end,
            name: "Ana".into(),
            first_name: None,
            email: Private::from("ana@example.com"),
            zone: Some(self.zone.to_owned()),
            join_url: None,
            location: None,
            invitee_place: None,
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
                // A country without hours of its own, so that what is expected follows from the clock alone.
                text: Private::from("+4520123456"),
            }],
            reconfirmation: None,
            routing_form_submission: None,
            payment: None,
            answers: Vec::new(),
            tracking: Tracking::default(),
        }
    }
}

/// Returns the next full or half hour at or after an instant, by the clock of a zone.
fn local_slot(earliest: Timestamp, zone: &str, random: &mut Random) -> Timestamp {
    let tz = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let local = earliest.to_zoned(tz.clone()).datetime();
    let half = if random.happens(5_000) { 0 } else { 30 };
    let slot = DateTime::new(local.year(), local.month(), local.day(), local.hour(), half, 0, 0).unwrap_or(local);
    let slot = slot.to_zoned(tz).map_or(earliest, |it| it.timestamp());
    if slot < earliest { slot + minutes(60) } else { slot }
}

fn invitee_uri(number: u64, index: usize) -> InviteeUri {
    InviteeUri::new(format!("https://api.calendly.com/scheduled_events/e{number}-{index}/invitees/i{number}-{index}"))
}

fn token(number: u64) -> Token {
    let letters: String =
        (0..26).map(|at| char::from(b'a' + u8::try_from((number >> (2 * at)) & 3).unwrap_or(0))).collect();
    Token::parse(&format!("vai1-{letters}")).unwrap_or_else(|| unreachable!("26 letters make a token"))
}

/// An effect that must happen: which action, about which meeting.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) slug: &'static str,
    pub(crate) meeting: usize,
}

/// How long after a change it must be known: a period of reconciliation, and a few redeliveries.
pub(crate) const KNOWN_WITHIN: SignedDuration = SignedDuration::from_mins(60 + 20);

/// A timer may fire this late, and its message be redelivered.
const LATE: SignedDuration = SignedDuration::from_mins(45);

impl Truth {
    /// When a meeting is moved or canceled, if it is.
    fn until(&self, index: usize) -> Option<Timestamp> {
        self.meetings[index].left_at.or_else(|| {
            let is_last = index + 1 == self.meetings.len();
            self.canceled.filter(|_| is_last).map(|(at, ..)| at)
        })
    }

    /// When something that is due at an instant, and takes so long without an outage, has happened.
    fn delayed(&self, at: Timestamp, within: SignedDuration) -> Timestamp {
        self.outage.map_or(at + within, |outage| outage.delay(at, within).max(at + within))
    }

    /// What must be done. What changes again before it had to be known may be done or not, and is left out.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        let mut expected = Vec::new();
        let is_vai = self.token.is_some();
        for (index, meeting) in self.meetings.iter().enumerate() {
            let known = self.delayed(meeting.booked_at, KNOWN_WITHIN);
            let until = self.until(index);
            let holds_at = |at: Timestamp| until.is_none_or(|until| until > at);
            let mut must = |slug, when: bool| {
                if when {
                    expected.push(Expected { slug, meeting: index });
                }
            };
            let in_time = holds_at(known) && meeting.start > known;
            must(if index == 0 { "sms-confirmation" } else { "sms-move" }, in_time);
            must("mail-confirmation", in_time && is_vai && index == 0);
            must(if index == 0 { "vai-confirmed" } else { "vai-rescheduled" }, holds_at(known) && is_vai);
            for (slug, before) in [("sms-reminder-1440m", 1440), ("sms-reminder-60m", 60)] {
                let hour = meeting.start - minutes(before);
                let sent = self.delayed(hour, LATE);
                // A reminder that an outage delays gives way to the next one, and is not sent after the start.
                let next = if before == 1440 { meeting.start - minutes(60) } else { meeting.start };
                let is_useful = sent == hour + LATE || sent < next;
                must(slug, hour > known && holds_at(sent) && is_useful);
            }
            let hour = meeting.end + minutes(30);
            let sent = self.delayed(hour, LATE);
            let came = self.no_show.is_none_or(|marked| marked > sent);
            let is_useful = sent < hour + minutes(24 * 60);
            must("sms-follow-up-30m", hour > known && holds_at(sent) && came && is_useful);
        }
        if let Some((at, by, about_time)) = self.canceled {
            let meeting = self.meetings.len() - 1;
            let mut must = |slug, when: bool| {
                if when {
                    expected.push(Expected { slug, meeting });
                }
            };
            must("sms-cancellation", self.meetings[meeting].start > self.delayed(at, KNOWN_WITHIN));
            must("vai-canceled", is_vai);
            must("vai-offer-help", is_vai && by == CanceledBy::Invitee && about_time);
        }
        expected
    }

    /// Whether doing this at an instant is wrong: the reason for it had ended, and that was known.
    pub(crate) fn is_wrong(&self, slug: &str, meeting: usize, at: Timestamp) -> bool {
        let ended = self.until(meeting).is_some_and(|until| at > self.delayed(until, KNOWN_WITHIN));
        let is_about_the_future = slug.starts_with("sms-reminder") || slug == "sms-confirmation" || slug == "sms-move";
        let is_follow_up = slug.starts_with("sms-follow-up");
        let is_absent = self.no_show.is_some_and(|marked| at > self.delayed(marked, KNOWN_WITHIN));
        (is_about_the_future && (ended || at >= self.meetings[meeting].start)) || (is_follow_up && (ended || is_absent))
    }
}
