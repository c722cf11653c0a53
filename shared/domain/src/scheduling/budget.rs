//! Budgets that hold over any span. Calendly limits a host's bookings in any minute, hour and day; the settings limit
//! the segments of SMS in any day.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::time;

/// The most bookings in any span of each length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// In 60 seconds.
    pub per_minute: u32,
    /// In 60 minutes.
    pub per_hour: u32,
    /// In 24 hours.
    pub per_day: u32,
}

/// No more bookings fit into the budget now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spent {
    /// The span that is full for the longest time.
    pub span: Span,
    /// The earliest instant at which another booking fits, if there are no other bookings until then.
    pub free_at: Timestamp,
}

/// The spans for which a budget has a limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Span {
    /// 60 seconds, in buckets of 10.
    Minute,
    /// 60 minutes, in buckets of 10.
    Hour,
    /// 24 hours, in buckets of 4.
    Day,
}

/// A sixth of a span. What is spent is counted in buckets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bucket {
    /// The span.
    pub span: Span,
    /// Its start, UTC: a multiple of its length since 1970.
    pub start: Timestamp,
}

/// A span that ends in a bucket lies within that bucket and this many buckets before it.
const BEFORE: i64 = 6;

/// How long a bucket is kept after its last use, because machines' clocks differ.
const SLACK: SignedDuration = SignedDuration::from_mins(10);

impl Limits {
    /// Returns the limit for a span.
    pub fn limit(&self, span: Span) -> u32 {
        match span {
            Span::Minute => self.per_minute,
            Span::Hour => self.per_hour,
            Span::Day => self.per_day,
        }
    }
}

impl Span {
    /// Every span, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Returns the name, which is part of a bucket's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Returns its length.
    pub fn length(self) -> SignedDuration {
        match self {
            Self::Minute => SignedDuration::from_mins(1),
            Self::Hour => SignedDuration::from_hours(1),
            Self::Day => SignedDuration::from_hours(24),
        }
    }

    /// Returns the length of its buckets.
    pub fn bucket_length(self) -> SignedDuration {
        self.length() / 6
    }
}

impl Bucket {
    /// Returns the bucket that contains an instant.
    pub fn containing(span: Span, at: Timestamp) -> Self {
        let offset = at.as_second().rem_euclid(span.bucket_length().as_secs());
        let start = Timestamp::from_second(at.as_second() - offset).unwrap_or(Timestamp::MIN);
        Self { span, start }
    }

    /// Returns its name, such as `minute#2026-11-21T11:10:20Z`. The names of a span's buckets sort by time.
    pub fn name(&self) -> String {
        format!("{}#{}", self.span.name(), self.start)
    }

    /// Returns the bucket with this name.
    pub fn parse(name: &str) -> Option<Self> {
        let (span, start) = name.split_once('#')?;
        let span = Span::ALL.into_iter().find(|it| it.name() == span)?;
        Some(Self { span, start: start.parse().ok()? })
    }

    /// Returns when it is no longer needed.
    pub fn expires(&self) -> Timestamp {
        time::add(self.start, self.span.length() + self.span.bucket_length() + SLACK)
    }

    /// Returns the bucket that is a number of buckets later, or earlier if negative.
    fn shifted(&self, buckets: i64) -> Self {
        let seconds = self.span.bucket_length().as_secs() * buckets;
        Self { span: self.span, start: time::add(self.start, SignedDuration::from_secs(seconds)) }
    }

    /// Returns the bucket and those before it that a span ending in it can include.
    fn reach(self) -> impl Iterator<Item = Self> {
        (0..=BEFORE).map(move |count| self.shifted(-count))
    }
}

/// Returns the buckets that determine a budget: for each span, the present one and the six before it.
pub fn buckets(now: Timestamp) -> Vec<Bucket> {
    Span::ALL.into_iter().flat_map(|span| buckets_of(span, now)).collect()
}

/// Returns the buckets that determine the budget of one span: the present one, then the six before it.
pub fn buckets_of(span: Span, now: Timestamp) -> impl Iterator<Item = Bucket> {
    Bucket::containing(span, now).reach()
}

/// Returns what was spent in the buckets of a span.
pub fn spent_in(spent: &BTreeMap<Bucket, u32>, span: Span, now: Timestamp) -> u32 {
    buckets_of(span, now).filter_map(|it| spent.get(&it)).fold(0, |sum, it| sum.saturating_add(*it))
}

/// Returns a span's present bucket, with the most that it may hold: the limit minus what is in the six buckets before
/// it. So no span exceeds its limit, wherever it begins.
pub fn cap(spent: &BTreeMap<Bucket, u32>, span: Span, limit: u32, now: Timestamp) -> (Bucket, u32) {
    let present = Bucket::containing(span, now);
    let before = spent_in(spent, span, now).saturating_sub(spent.get(&present).copied().unwrap_or(0));
    (present, limit.saturating_sub(before))
}

/// Returns the present buckets, each with the most bookings that it may have: see [`cap`]. A booking may have to wait
/// up to a bucket's length longer than necessary.
///
/// # Errors
/// No other booking fits.
pub fn allowance(spent: &BTreeMap<Bucket, u32>, limits: Limits, now: Timestamp) -> Result<[(Bucket, u32); 3], Spent> {
    let count = |bucket: &Bucket| spent.get(bucket).copied().unwrap_or(0);
    let caps = Span::ALL.map(|span| cap(spent, span, limits.limit(span), now));
    if caps.iter().all(|(bucket, cap)| count(bucket) < *cap) {
        return Ok(caps);
    }

    let free = caps.map(|(present, _)| {
        let fits = |ahead: &i64| {
            let booked = present.shifted(*ahead).reach().fold(0, |sum: u32, it| sum.saturating_add(count(&it)));
            booked < limits.limit(present.span)
        };
        // After seven buckets the present one does not count any more.
        match (0..=BEFORE).find(fits).unwrap_or(BEFORE + 1) {
            0 => (now, present.span),
            ahead => (present.shifted(ahead).start, present.span),
        }
    });
    let (free_at, span) = free.into_iter().max().unwrap_or((now, Span::Minute));
    Err(Spent { span, free_at })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { per_minute: 10, per_hour: 50, per_day: 100 };

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn book(spent: &mut BTreeMap<Bucket, u32>, now: Timestamp) {
        for span in Span::ALL {
            *spent.entry(Bucket::containing(span, now)).or_default() += 1;
        }
    }

    #[test]
    fn a_bucket_has_a_name_and_an_expiry() {
        let now = at("2026-11-21T11:17:29.9Z");
        let buckets = buckets(now);
        assert_eq!(buckets.len(), 21);
        let names: Vec<_> = buckets.iter().step_by(7).map(Bucket::name).collect();
        assert_eq!(names, ["minute#2026-11-21T11:17:20Z", "hour#2026-11-21T11:10:00Z", "day#2026-11-21T08:00:00Z"]);
        assert_eq!(buckets[6].name(), "minute#2026-11-21T11:16:20Z");
        assert_eq!(buckets[20].name(), "day#2026-11-20T08:00:00Z");
        assert!(buckets.iter().all(|it| Bucket::parse(&it.name()) == Some(*it)));
        assert_eq!(["instant", "week#2026-11-20T08:00:00Z", "day#today"].map(Bucket::parse), [None; 3]);
        assert!(buckets.iter().all(|it| it.expires() > now));
        assert_eq!(Bucket::containing(Span::Day, now).expires(), at("2026-11-22T12:10:00Z"));
    }

    #[test]
    fn bookings_fit_up_to_the_limit_and_then_the_next_free_time_is_known() {
        let now = at("2026-11-21T11:17:29Z");
        let mut spent = BTreeMap::new();
        for _ in 0..10 {
            let caps = allowance(&spent, LIMITS, now).expect("room");
            assert_eq!(caps.map(|(_, cap)| cap), [10, 50, 100]);
            book(&mut spent, now);
        }
        let full = Spent { span: Span::Minute, free_at: at("2026-11-21T11:18:30Z") };
        assert_eq!(allowance(&spent, LIMITS, now), Err(full));
        // If two spans are full, the one that is free later counts.
        let narrow = Limits { per_hour: 10, ..LIMITS };
        let full = Spent { span: Span::Hour, free_at: at("2026-11-21T12:20:00Z") };
        assert_eq!(allowance(&spent, narrow, now), Err(full));
        let caps = allowance(&spent, LIMITS, full.free_at).expect("room");
        assert_eq!(caps.map(|(_, cap)| cap), [10, 50, 90], "the hour's bucket is past, the day's is not");
    }

    /// Returns the most bookings in any span `(end - length, end]` that ends at one of the times.
    fn fullest(times: &[Timestamp], length: SignedDuration) -> usize {
        let within =
            |end: Timestamp| times.iter().filter(|it| **it <= end && end.duration_since(**it) < length).count();
        times.iter().map(|end| within(*end)).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_span_holds_more_than_its_limit_and_none_is_refused_without_need(
            (per_minute, per_hour, per_day) in (1_u32..6, 1_u32..12, 1_u32..20),
            start in 1_700_000_000_000_i64..1_800_000_000_000,
            // Bursts, and pauses of up to a few hours.
            pauses in prop::collection::vec(
                prop_oneof![6 => 0_i64..9_000, 3 => 0_i64..900_000, 1 => 0_i64..20_000_000],
                1..150,
            ),
        ) {
            let limits = Limits { per_minute, per_hour, per_day };
            let mut spent = BTreeMap::new();
            let mut booked: Vec<Timestamp> = Vec::new();
            let mut millisecond = start;
            for pause in pauses {
                millisecond += pause;
                let now = Timestamp::from_millisecond(millisecond).expect("an instant");
                match allowance(&spent, limits, now) {
                    Ok(caps) => {
                        for (bucket, cap) in caps {
                            prop_assert!(spent.get(&bucket).copied().unwrap_or(0) < cap);
                        }
                        book(&mut spent, now);
                        booked.push(now);
                    }
                    Err(full) => {
                        let needed = Span::ALL.into_iter().any(|span| {
                            let reach = span.length() + span.bucket_length();
                            let lately = booked.iter().filter(|it| now.duration_since(**it) < reach).count();
                            lately >= limits.limit(span) as usize
                        });
                        prop_assert!(needed, "refused with room in every span and a bucket more");
                        prop_assert!(full.free_at > now);
                        prop_assert!(allowance(&spent, limits, full.free_at).is_ok());
                        let just_before = full.free_at - SignedDuration::from_nanos(1);
                        prop_assert!(allowance(&spent, limits, just_before).is_err());
                    }
                }
            }
            for span in Span::ALL {
                prop_assert!(fullest(&booked, span.length()) <= limits.limit(span) as usize);
            }
        }
    }
}
