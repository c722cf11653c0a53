//! What all bookings of one person say to the CRM. They have one contact there, which several functions may write.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{BookingId, CommandId};
use crate::time;

/// The status of a meeting, as the CRM gets it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingStatus {
    /// Booked.
    Booked,
    /// Moved to another time.
    Moved,
    /// Canceled.
    Canceled,
    /// The invitee did not come.
    NoShow,
    /// It took place.
    Completed,
}

impl MeetingStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Booked, Self::Moved, Self::Canceled, Self::NoShow, Self::Completed];

    /// Returns the name that settings use. It is also the default word in the CRM.
    pub fn name(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Moved => "moved",
            Self::Canceled => "canceled",
            Self::NoShow => "no_show",
            Self::Completed => "completed",
        }
    }
}

/// What one booking says to the contact of its invitee.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CrmMeeting {
    /// When it changed last, by Calendly's clock.
    pub changed_at: Timestamp,
    /// Its status.
    pub status: MeetingStatus,
    /// Its end.
    pub end: Timestamp,
    /// The lists that the contact is on because of it.
    pub lists: BTreeSet<u64>,
    /// The number of its no-shows. A meeting that is moved after a no-show can have several.
    #[serde(default)]
    pub no_shows: u32,
    /// The date of its last no-show, in the invitee's time zone.
    #[serde(default)]
    pub last_no_show: Option<Date>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Recorded {
    /// The booking's revision.
    revision: u64,
    /// Whether the CRM has it.
    is_synced: bool,
    #[serde(flatten)]
    meeting: CrmMeeting,
}

impl Recorded {
    /// Returns the order of two states of one booking. A meeting is completed without a new revision.
    fn age(&self) -> (u64, Timestamp) {
        (self.revision, self.meeting.changed_at)
    }
}

/// The right to write the contact to the CRM.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Lease {
    holder: CommandId,
    until: Timestamp,
}

/// The numbers of a person's meetings.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct MeetingCounts {
    /// Meetings that were not canceled.
    pub meetings: u32,
    /// No-shows.
    pub no_shows: u32,
    /// The date of the last no-show.
    #[serde(default)]
    pub last_no_show: Option<Date>,
}

impl MeetingCounts {
    fn add(&mut self, meeting: &CrmMeeting) {
        self.meetings += u32::from(meeting.status != MeetingStatus::Canceled);
        self.no_shows += meeting.no_shows;
        self.last_no_show = self.last_no_show.max(meeting.last_no_show);
    }
}

/// The state of one person's contact in the CRM: a row of the table. It has no names and no addresses.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct CrmContact {
    /// The number of changes; 0 if it is not stored. Conditional writes compare it. The table has it in a separate
    /// attribute.
    #[serde(skip)]
    pub revision: u64,
    meetings: BTreeMap<BookingId, Recorded>,
    /// The meetings that are no longer stored one by one.
    #[serde(default)]
    past: MeetingCounts,
    /// Whether the CRM has the contact.
    #[serde(default)]
    is_created: bool,
    /// The lists that the person was asked to join.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    asked: BTreeSet<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
}

/// The most meetings that are stored one by one.
const MOST_MEETINGS: usize = 300;

/// How long after its end a meeting may still change. Bookings are stored for 90 days.
const CHANGES_WITHIN: SignedDuration = SignedDuration::from_hours(120 * 24);

/// The answer to a command that wants to write a booking to the CRM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SyncTurn {
    /// It may write now, when this contact is stored.
    Begin(Box<CrmContact>, ContactShare),
    /// The CRM has this or a newer state of the booking.
    Done,
    /// Another command writes the same contact.
    Busy,
}

/// What a command writes to the contact in the CRM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContactShare {
    /// Whether the booking is the one that changed last. Otherwise its attributes would replace newer ones.
    pub is_latest: bool,
    /// The numbers of all meetings.
    pub counts: MeetingCounts,
    /// The lists that other meetings keep the contact on.
    pub kept_lists: BTreeSet<u64>,
}

impl CrmContact {
    /// Returns the contact as it is stored at a revision.
    #[must_use]
    pub fn at_revision(self, revision: u64) -> Self {
        Self { revision, ..self }
    }

    /// Returns whether the CRM has the contact.
    pub fn is_created(&self) -> bool {
        self.is_created
    }

    /// Returns the end of the last meeting. The expiry of the row is counted from it.
    pub fn last_end(&self) -> Option<Timestamp> {
        self.meetings.values().map(|it| it.meeting.end).max()
    }

    /// Records a booking's present state, and gives `command` the right to write it to the CRM until `until`. One
    /// command writes at a time, so an older state can't overwrite a newer one.
    pub fn begin_sync(
        mut self,
        booking: &BookingId,
        revision: u64,
        meeting: CrmMeeting,
        command: &CommandId,
        now: Timestamp,
        until: Timestamp,
    ) -> SyncTurn {
        let recorded = Recorded { revision, is_synced: false, meeting };
        if let Some(stored) = self.meetings.get(booking)
            && (stored.age() > recorded.age() || *stored == Recorded { is_synced: true, ..recorded.clone() })
        {
            // If it is not synced, its command may have been killed. A later try has the newer state.
            return if stored.is_synced { SyncTurn::Done } else { SyncTurn::Busy };
        }
        if self.lease.as_ref().is_some_and(|lease| lease.until > now) {
            return SyncTurn::Busy;
        }
        self.meetings.insert(booking.clone(), recorded);
        self.compact(now);
        self.lease = Some(Lease { holder: command.clone(), until });
        let mut counts = self.past;
        self.meetings.values().for_each(|it| counts.add(&it.meeting));
        let latest = self.meetings.iter().max_by_key(|(id, it)| (it.meeting.changed_at, *id)).map(|(id, _)| id);
        let others =
            self.meetings.iter().filter(|(id, it)| *id != booking && it.meeting.status != MeetingStatus::Canceled);
        let share = ContactShare {
            is_latest: latest == Some(booking),
            counts,
            kept_lists: others.flat_map(|(_, it)| it.meeting.lists.iter().copied()).collect(),
        };
        SyncTurn::Begin(Box::new(self), share)
    }

    /// Ends the right of `command`. `is_done`: the CRM has the state that it recorded. Returns `None` if it no longer
    /// has the right.
    pub fn end_sync(mut self, booking: &BookingId, command: &CommandId, is_done: bool) -> Option<Self> {
        self.lease.take_if(|lease| lease.holder == *command)?;
        if is_done {
            self.is_created = true;
            if let Some(recorded) = self.meetings.get_mut(booking) {
                recorded.is_synced = true;
            }
        }
        Some(self)
    }

    /// Records that the person is asked to join lists. Returns those for which this was not done before.
    pub fn ask(&mut self, lists: &BTreeSet<u64>) -> BTreeSet<u64> {
        let new: BTreeSet<_> = lists.difference(&self.asked).copied().collect();
        self.asked.extend(new.iter().copied());
        new
    }

    /// Takes back that the person is asked to join lists, after the request was certainly not sent.
    pub fn take_back(&mut self, lists: &BTreeSet<u64>) {
        self.asked.retain(|list| !lists.contains(list));
    }

    /// Adds the oldest meetings to the counts when there are too many, if they can't change any more.
    fn compact(&mut self, now: Timestamp) {
        while self.meetings.len() > MOST_MEETINGS {
            let oldest = self.meetings.iter().min_by_key(|(_, it)| it.meeting.end);
            let Some((id, _)) = oldest.filter(|(_, it)| time::add(it.meeting.end, CHANGES_WITHIN) < now) else { break };
            let id = id.clone();
            if let Some(recorded) = self.meetings.remove(&id) {
                self.past.add(&recorded.meeting);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn meeting(changed_at: &str, status: MeetingStatus) -> CrmMeeting {
        CrmMeeting {
            changed_at: at(changed_at),
            status,
            end: at("2026-12-01T10:00:00Z"),
            lists: [10].into(),
            no_shows: 0,
            last_no_show: None,
        }
    }

    fn begin(contact: CrmContact, booking: &str, revision: u64, meeting: CrmMeeting, now: &str) -> SyncTurn {
        let (booking, command) = (BookingId::new(booking), CommandId::from_parts("c", &[booking]));
        contact.begin_sync(&booking, revision, meeting, &command, at(now), at(now) + SignedDuration::from_secs(60))
    }

    fn sync(contact: CrmContact, booking: &str, revision: u64, meeting: CrmMeeting) -> (CrmContact, ContactShare) {
        let SyncTurn::Begin(contact, share) = begin(contact, booking, revision, meeting, "2026-11-26T12:00:00Z") else {
            panic!("should begin");
        };
        let command = CommandId::from_parts("c", &[booking]);
        (contact.end_sync(&BookingId::new(booking), &command, true).expect("has the right"), share)
    }

    #[test]
    fn an_older_state_of_a_booking_changes_nothing() {
        let (contact, _) =
            sync(CrmContact::default(), "a", 2, meeting("2026-11-26T10:00:00Z", MeetingStatus::Canceled));
        let older = meeting("2026-11-26T09:00:00Z", MeetingStatus::Booked);
        assert_eq!(begin(contact, "a", 1, older, "2026-11-26T12:00:00Z"), SyncTurn::Done);
    }

    #[test]
    fn one_command_writes_at_a_time_and_a_killed_one_loses_its_right() {
        let booked = meeting("2026-11-26T10:00:00Z", MeetingStatus::Booked);
        let SyncTurn::Begin(contact, _) = begin(CrmContact::default(), "a", 1, booked.clone(), "2026-11-26T12:00:00Z")
        else {
            panic!("should begin");
        };
        assert_eq!(begin((*contact).clone(), "b", 1, booked.clone(), "2026-11-26T12:00:30Z"), SyncTurn::Busy);
        assert_eq!(begin((*contact).clone(), "a", 1, booked.clone(), "2026-11-26T12:00:30Z"), SyncTurn::Busy);
        assert!(matches!(begin((*contact).clone(), "a", 1, booked, "2026-11-26T12:01:00Z"), SyncTurn::Begin(..)));
        let other = CommandId::from_parts("c", &["b"]);
        assert_eq!(contact.end_sync(&BookingId::new("a"), &other, true), None);
    }

    #[test]
    fn the_counts_and_the_latest_booking_do_not_depend_on_the_order() {
        let no_show = CrmMeeting {
            no_shows: 1,
            last_no_show: Some(jiff::civil::date(2026, 11, 20)),
            ..meeting("2026-11-20T10:00:00Z", MeetingStatus::NoShow)
        };
        let histories = [
            ("a", no_show),
            ("b", meeting("2026-11-21T10:00:00Z", MeetingStatus::Booked)),
            ("c", meeting("2026-11-22T10:00:00Z", MeetingStatus::Canceled)),
        ];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut contact = CrmContact::default();
            let mut last = None;
            for index in order {
                let (id, meeting) = histories[index].clone();
                let (next, share) = sync(contact, id, 1, meeting);
                assert_eq!(share.is_latest, order.iter().take_while(|it| **it != index).all(|it| *it < index));
                (contact, last) = (next, Some(share));
            }
            let counts = last.expect("three").counts;
            assert_eq!((counts.meetings, counts.no_shows), (2, 1), "{order:?}");
            assert_eq!(counts.last_no_show, Some(jiff::civil::date(2026, 11, 20)));
            assert!(contact.is_created());
        }
    }

    #[test]
    fn many_old_meetings_are_counted_and_not_stored() {
        let mut contact = CrmContact::default();
        for number in 0..MOST_MEETINGS + 50 {
            let old = CrmMeeting {
                end: at("2026-01-01T10:00:00Z"),
                ..meeting("2026-01-01T10:00:00Z", MeetingStatus::Completed)
            };
            contact = sync(contact, &format!("b{number}"), 1, old).0;
        }
        assert_eq!(contact.meetings.len(), MOST_MEETINGS);
        let (_, share) = sync(contact, "last", 1, meeting("2026-11-26T10:00:00Z", MeetingStatus::Booked));
        assert_eq!(share.counts.meetings, 351);
    }

    #[test]
    fn a_person_is_asked_once_for_each_list() {
        let mut contact = CrmContact::default();
        assert_eq!(contact.ask(&[10, 11].into()), [10, 11].into());
        assert_eq!(contact.ask(&[10, 12].into()), [12].into());
        contact.take_back(&[12, 13].into());
        assert_eq!(contact.ask(&[10, 12].into()), [12].into(), "what was certainly not asked is asked again");
    }
}
