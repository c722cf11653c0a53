//! The figures of a simulation.

/// The figures of a simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Bookings played.
    pub bookings: u64,
    /// Bookings during which a service outside did not work for hours.
    pub outages: u64,
    /// Facts at Calendly.
    pub facts: u64,
    /// Webhooks that arrived, with repetitions.
    pub deliveries: u64,
    /// Invocations of functions.
    pub invocations: u64,
    /// Invocations that were killed.
    pub killed: u64,
    /// Messages that had to be sent.
    pub due: u64,
    /// Of those, sent once.
    pub once: u64,
    /// Of those, sent twice after an unknown outcome, as their kind declares.
    pub twice: u64,
    /// Of those, neither sent nor shown as unknown. Must be 0.
    pub missed: u64,
    /// Of those, not sent and shown as unknown.
    pub unknown: u64,
    /// Of all effects: more often than their kind declares. Must be 0.
    pub undeclared: u64,
    /// Effects of facts that were known to hold no longer. Must be 0.
    pub wrong: u64,
    /// Commands shown as unknown, of any kind.
    pub shown_unknown: u64,
    /// Commands whose outcome became unknown and stayed so. Must equal `shown_unknown`.
    pub left_ambiguous: u64,
    /// Records that went to the dead-letter queue. Must be 0.
    pub dead: u64,
    /// Commands that were neither done nor given up in the end. Must be 0.
    pub open: u64,
    /// Events for customers' systems that were appended to logs.
    pub events: u64,
    /// Events of what really happened that are not in a log exactly once. Must be 0.
    pub lost: u64,
    /// Events of which the deliveries queue was not told. Must be 0.
    pub untold: u64,
    /// Events with a wrong number, or with the id of another. Must be 0.
    pub misnumbered: u64,
    /// The first booking that went wrong, to be played again.
    pub first_failure: Option<u64>,
}

impl Table {
    /// Returns whether every promise was kept.
    pub fn holds(&self) -> bool {
        let broken = self.missed + self.undeclared + self.wrong + self.open + self.dead;
        broken + self.lost + self.untold + self.misnumbered == 0 && self.shown_unknown == self.left_ambiguous
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (total, part) in [
            (&mut self.bookings, other.bookings),
            (&mut self.outages, other.outages),
            (&mut self.facts, other.facts),
            (&mut self.deliveries, other.deliveries),
            (&mut self.invocations, other.invocations),
            (&mut self.killed, other.killed),
            (&mut self.due, other.due),
            (&mut self.once, other.once),
            (&mut self.twice, other.twice),
            (&mut self.missed, other.missed),
            (&mut self.unknown, other.unknown),
            (&mut self.undeclared, other.undeclared),
            (&mut self.wrong, other.wrong),
            (&mut self.shown_unknown, other.shown_unknown),
            (&mut self.left_ambiguous, other.left_ambiguous),
            (&mut self.dead, other.dead),
            (&mut self.open, other.open),
            (&mut self.events, other.events),
            (&mut self.lost, other.lost),
            (&mut self.untold, other.untold),
            (&mut self.misnumbered, other.misnumbered),
        ] {
            *total += part;
        }
        self.first_failure = match (self.first_failure, other.first_failure) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}
