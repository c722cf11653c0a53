//! The budget of bookings: Calendly takes so many a minute, an hour and a day of one host's, over any span of that
//! length.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// How many bookings fit into any span of each length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// In 60 seconds.
    pub per_minute: u32,
    /// In 60 minutes.
    pub per_hour: u32,
    /// In 24 hours.
    pub per_day: u32,
}

/// The budget is spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spent {
    /// The span that stays full longest.
    pub span: Span,
    /// The earliest instant at which one more booking fits, if nobody else books meanwhile.
    pub free_at: Timestamp,
}

/// The spans that a budget has a limit for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Span {
    /// 60 seconds, in buckets of 10.
    Minute,
    /// 60 minutes, in buckets of 10.
    Hour,
    /// 24 hours, in buckets of 4.
    Day,
}

/// A sixth of a span, in which bookings are counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bucket {
    /// Which span's.
    pub span: Span,
    /// Its start, UTC, on a multiple of its length since 1970.
    pub start: Timestamp,
}

/// Any span that ends in a bucket lies within that bucket and this many before it.
const BEFORE: i64 = 6;

/// How long a bucket is kept beyond its use: machines' clocks differ.
const SLACK: SignedDuration = SignedDuration::from_mins(10);

impl Limits {
    /// The limit for a span.
    pub fn of(&self, span: Span) -> u32 {
        match span {
            Span::Minute => self.per_minute,
            Span::Hour => self.per_hour,
            Span::Day => self.per_day,
        }
    }
}

impl Span {
    /// Each of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The name in a bucket's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// How long it is.
    pub fn length(self) -> SignedDuration {
        match self {
            Self::Minute => SignedDuration::from_mins(1),
            Self::Hour => SignedDuration::from_hours(1),
            Self::Day => SignedDuration::from_hours(24),
        }
    }

    /// How long its buckets are.
    pub fn bucket_length(self) -> SignedDuration {
        self.length() / 6
    }
}

impl Bucket {
    /// The bucket that an instant falls into.
    pub fn of(span: Span, at: Timestamp) -> Self {
        let into = at.as_second().rem_euclid(span.bucket_length().as_secs());
        let start = Timestamp::from_second(at.as_second() - into).unwrap_or(Timestamp::MIN);
        Self { span, start }
    }

    /// Its name: `minute#2026-11-21T11:10:20Z`. Names of a span's buckets sort by time.
    pub fn name(&self) -> String {
        format!("{}#{}", self.span.name(), self.start)
    }

    /// From when on nobody asks for it.
    pub fn expires(&self) -> Timestamp {
        later(self.start, self.span.length() + self.span.bucket_length() + SLACK)
    }

    /// The one that many buckets later, or earlier.
    fn beside(&self, buckets: i64) -> Self {
        let seconds = self.span.bucket_length().as_secs() * buckets;
        Self { span: self.span, start: later(self.start, SignedDuration::from_secs(seconds)) }
    }

    /// Itself and those before it that share a span's length with it.
    fn reach(self) -> impl Iterator<Item = Self> {
        (0..=BEFORE).map(move |back| self.beside(-back))
    }
}

/// The buckets that a budget is told by: of each span the present one and the six before it.
pub fn buckets(now: Timestamp) -> Vec<Bucket> {
    Span::ALL.into_iter().flat_map(|span| Bucket::of(span, now).reach()).collect()
}

/// The present buckets, each with the most that it may hold: what the limit leaves beside the six before it. So no span
/// ever holds more than its limit, wherever it begins; for that, a booking may have to wait a bucket's length longer.
///
/// # Errors
/// Not one booking more fits.
pub fn allowance(spent: &BTreeMap<Bucket, u32>, limits: Limits, now: Timestamp) -> Result<[(Bucket, u32); 3], Spent> {
    let held = |bucket: &Bucket| spent.get(bucket).copied().unwrap_or(0);
    let caps = Span::ALL.map(|span| {
        let present = Bucket::of(span, now);
        let before = present.reach().skip(1).fold(0, |sum: u32, it| sum.saturating_add(held(&it)));
        (present, limits.of(span).saturating_sub(before))
    });
    if caps.iter().all(|(bucket, cap)| held(bucket) < *cap) {
        return Ok(caps);
    }

    let free = caps.map(|(present, _)| {
        let fits = |ahead: &i64| {
            let held = present.beside(*ahead).reach().fold(0, |sum: u32, it| sum.saturating_add(held(&it)));
            held < limits.of(present.span)
        };
        // Seven buckets on, the present one is out of reach, too.
        match (0..=BEFORE).find(fits).unwrap_or(BEFORE + 1) {
            0 => (now, present.span),
            ahead => (present.beside(ahead).start, present.span),
        }
    });
    let (free_at, span) = free.into_iter().max().unwrap_or((now, Span::Minute));
    Err(Spent { span, free_at })
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
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
            *spent.entry(Bucket::of(span, now)).or_default() += 1;
        }
    }

    #[test]
    fn a_bucket_has_a_name_and_an_end() {
        let now = at("2026-11-21T11:17:29.9Z");
        let buckets = buckets(now);
        assert_eq!(buckets.len(), 21);
        let names: Vec<_> = buckets.iter().step_by(7).map(Bucket::name).collect();
        assert_eq!(names, ["minute#2026-11-21T11:17:20Z", "hour#2026-11-21T11:10:00Z", "day#2026-11-21T08:00:00Z"]);
        assert_eq!(buckets[6].name(), "minute#2026-11-21T11:16:20Z");
        assert_eq!(buckets[20].name(), "day#2026-11-20T08:00:00Z");
        assert!(buckets.iter().all(|it| it.expires() > now));
        assert_eq!(Bucket::of(Span::Day, now).expires(), at("2026-11-22T12:10:00Z"));
    }

    #[test]
    fn the_limit_is_given_out_and_then_forecast() {
        let now = at("2026-11-21T11:17:29Z");
        let mut spent = BTreeMap::new();
        for _ in 0..10 {
            let caps = allowance(&spent, LIMITS, now).expect("room");
            assert_eq!(caps.map(|(_, cap)| cap), [10, 50, 100]);
            book(&mut spent, now);
        }
        let full = Spent { span: Span::Minute, free_at: at("2026-11-21T11:18:30Z") };
        assert_eq!(allowance(&spent, LIMITS, now), Err(full));
        // Of both spans that are full, the one that is free last says when.
        let narrow = Limits { per_hour: 10, ..LIMITS };
        let full = Spent { span: Span::Hour, free_at: at("2026-11-21T12:20:00Z") };
        assert_eq!(allowance(&spent, narrow, now), Err(full));
        let caps = allowance(&spent, LIMITS, full.free_at).expect("room");
        assert_eq!(caps.map(|(_, cap)| cap), [10, 50, 90], "the hour's bucket is past, the day's is not");
    }

    /// Bookings in any span `(end - length, end]` of the times given, at most.
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
            // Bursts, and pauses of up to some hours.
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
                            lately >= limits.of(span) as usize
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
                prop_assert!(fullest(&booked, span.length()) <= limits.of(span) as usize);
            }
        }
    }
}
