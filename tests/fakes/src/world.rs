//! The ports, put together: all of them fake, or some.

use std::sync::LazyLock;

use domain::{Command, ConnectionName, Pepper, Reason};
use engine::{Calendly, Clock, Messaging, NoMessaging, PortError, World};

use crate::fake::Fake;
use crate::fault::FaultPolicy;

/// The secret under which the fake world keeps contacts.
pub static PEPPER: LazyLock<Pepper> =
    LazyLock::new(|| Pepper::new("a pepper for the fake world, 32 letters").expect("it is long enough"));

impl<P: FaultPolicy> World for Fake<P> {
    type Store = Self;
    type Calendly = Self;
    type Timers = Self;
    type Clock = Self;
    type Messaging = Self;

    fn store(&self) -> &Self {
        self
    }
    fn calendly(&self) -> &Self {
        self
    }
    fn timers(&self) -> &Self {
        self
    }
    fn clock(&self) -> &Self {
        self
    }
    fn messaging(&self) -> Option<&Self> {
        Some(self)
    }
    async fn pepper(&self) -> Result<&Pepper, PortError> {
        Ok(&PEPPER)
    }
    fn observe(&self, _: &Command) {}

    fn observe_failed_look(&self, reason: Reason) {
        self.state.borrow_mut().failed_looks.push(reason);
    }

    fn observe_low_sms_budget(&self, _: &ConnectionName) {
        self.state.borrow_mut().low_sms_budgets += 1;
    }
}

impl<P: FaultPolicy> Messaging for Fake<P> {
    type Sms = Self;
    type Email = Self;
    type Vai = Self;
    type Publisher = Self;
    type Crm = Self;

    fn sms(&self) -> &Self {
        self
    }
    fn email(&self) -> &Self {
        self
    }
    fn vai(&self) -> &Self {
        self
    }
    fn publisher(&self) -> &Self {
        self
    }
    fn crm(&self) -> &Self {
        self
    }
    fn short_links(&self) -> Option<&str> {
        self.short_links.get()
    }
}

/// The fake world with another Calendly, another clock, other messaging or none.
pub struct Mixed<'a, P, C, K, M> {
    fake: &'a Fake<P>,
    calendly: &'a C,
    clock: &'a K,
    messaging: Option<&'a M>,
}

/// The fake world of a function that sends no messages.
pub type WithoutMessaging<'a, P> = Mixed<'a, P, Fake<P>, Fake<P>, NoMessaging>;

impl<P: FaultPolicy> Fake<P> {
    /// Returns this world without messaging.
    pub fn without_messaging(&self) -> WithoutMessaging<'_, P> {
        Mixed { fake: self, calendly: self, clock: self, messaging: None }
    }

    /// Returns this world with another Calendly and another clock.
    pub fn with_calendly<'a, C, K>(&'a self, calendly: &'a C, clock: &'a K) -> Mixed<'a, P, C, K, Self> {
        Mixed { fake: self, calendly, clock, messaging: Some(self) }
    }
}

impl<P: FaultPolicy, C: Calendly, K: Clock, M: Messaging> World for Mixed<'_, P, C, K, M> {
    type Store = Fake<P>;
    type Calendly = C;
    type Timers = Fake<P>;
    type Clock = K;
    type Messaging = M;

    fn store(&self) -> &Fake<P> {
        self.fake
    }
    fn calendly(&self) -> &C {
        self.calendly
    }
    fn timers(&self) -> &Fake<P> {
        self.fake
    }
    fn clock(&self) -> &K {
        self.clock
    }
    fn messaging(&self) -> Option<&M> {
        self.messaging
    }
    async fn pepper(&self) -> Result<&Pepper, PortError> {
        Ok(&PEPPER)
    }
    fn observe(&self, _: &Command) {}

    fn observe_failed_look(&self, reason: Reason) {
        self.fake.observe_failed_look(reason);
    }

    fn observe_low_sms_budget(&self, connection: &ConnectionName) {
        self.fake.observe_low_sms_budget(connection);
    }
}
