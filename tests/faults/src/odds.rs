//! How often things go wrong.

/// How often things go wrong, in ten thousand.
#[derive(Clone, Debug)]
pub struct Odds {
    /// A webhook is never delivered.
    pub dropped: u32,
    /// A webhook is delivered a second time.
    pub duplicated: u32,
    /// A timer fires up to twenty minutes late.
    pub timer_late: u32,
    /// A timer fires twice.
    pub timer_twice: u32,
    /// A service outside does not work for hours during a booking.
    pub outage: u32,
    /// Calls of ports. With these odds about one in a hundred invocations is killed.
    pub calls: fakes::Odds,
}

impl Default for Odds {
    fn default() -> Self {
        Self {
            dropped: 1_000,
            duplicated: 2_000,
            timer_late: 500,
            timer_twice: 300,
            outage: 1_000,
            calls: fakes::Odds { killed: 15, fails: 10, provider_down: 300, provider_silent: 50 },
        }
    }
}
