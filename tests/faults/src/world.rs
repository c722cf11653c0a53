//! One booking's world in memory: the table, the timers, the providers and Calendly, with faults by the dice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use domain::scheduling::Form;
use domain::{
    Analytics, Booking, BookingId, Command, CommandId, ConnectionName, ConsentSource, ContactKey, Decision, EmailOrder,
    EventTypeUri, Fact, FactId, InviteeUri, Metadata, News, Objection, Outcome, Phone, Reason, Settings, SmsOrder,
    Snapshot, State, Token, VaiOrder,
};
use engine::{
    Aliases, BookOutcome, BookingQuery, CalendlyError, CommitError, Contact, Messaging, PortError, StoredFact,
    TimerKind, UnhandledEvent, World,
};
use jiff::Timestamp;
use wire::due::Due;

use crate::random::Random;
use crate::truth::Truth;
use crate::{Odds, SETTINGS};

/// Something that was told, and when.
pub(crate) struct Telling {
    pub(crate) key: CommandId,
    pub(crate) at: Timestamp,
}

pub(crate) struct SimWorld<'a> {
    pub(crate) truth: &'a Truth,
    odds: &'a Odds,
    pub(crate) now: Cell<Timestamp>,
    pub(crate) random: RefCell<Random>,
    /// The call at which this invocation is killed, and whether the call takes effect first.
    pub(crate) dies_at: Cell<Option<(u32, bool)>>,
    calls: Cell<u32>,
    booking: RefCell<BTreeMap<BookingId, (Booking, u64)>>,
    pub(crate) commands: RefCell<BTreeMap<CommandId, (BookingId, Command)>>,
    aliases: RefCell<BTreeMap<InviteeUri, BookingId>>,
    metadata: Option<(BookingId, Metadata)>,
    pub(crate) timers: RefCell<BTreeMap<String, (Timestamp, BookingId)>>,
    pub(crate) delayed: RefCell<Vec<(Timestamp, BookingId)>>,
    pub(crate) told: RefCell<Vec<Telling>>,
    /// Per command, how often nobody could tell whether it was done.
    pub(crate) doubts: RefCell<BTreeMap<CommandId, u32>>,
    /// Per command, how often its provider was down: outages end.
    outages: RefCell<BTreeMap<CommandId, u32>>,
}

/// No invocation makes more calls than this.
const LONGEST_INVOCATION: u32 = 100;

/// A provider is down for this many tries of one command at most.
const LONGEST_OUTAGE: u32 = 2;

impl<'a> SimWorld<'a> {
    pub(crate) fn new(truth: &'a Truth, odds: &'a Odds, random: Random, now: Timestamp) -> Self {
        let metadata = truth.token.as_ref().map(|token| {
            let metadata = Metadata {
                conversation_id: "c".to_owned(),
                user_id: None,
                agent_type: None,
                event_type: None,
                source: None,
                notes: None,
                phone: None,
                language: None,
                topic: None,
                qualification: BTreeMap::new(),
                created_at: now,
            };
            (BookingId::from_token(&ConnectionName::default(), token), metadata)
        });
        Self {
            truth,
            odds,
            now: Cell::new(now),
            random: RefCell::new(random),
            dies_at: Cell::new(None),
            calls: Cell::new(0),
            booking: RefCell::default(),
            commands: RefCell::default(),
            aliases: RefCell::default(),
            metadata,
            timers: RefCell::default(),
            delayed: RefCell::default(),
            told: RefCell::default(),
            doubts: RefCell::default(),
            outages: RefCell::default(),
        }
    }

    /// Before an invocation: its fate is rolled.
    pub(crate) fn begin(&self) {
        self.calls.set(0);
        let mut random = self.random.borrow_mut();
        let call = (0..LONGEST_INVOCATION).find(|_| random.happens(self.odds.killed_at_a_call));
        let fate = call.map(|call| (call, random.happens(5_000)));
        self.dies_at.set(fate);
    }

    /// One call of a port. `Err` when it fails without effect; never ready when the function dies here.
    async fn call<T>(&self, effect: impl FnOnce() -> T) -> Result<T, PortError> {
        let number = self.calls.replace(self.calls.get() + 1);
        let dies = self.dies_at.get().filter(|(at, _)| *at == number);
        if matches!(dies, Some((_, false))) {
            std::future::pending::<()>().await;
        }
        if self.random.borrow_mut().happens(self.odds.call_fails) {
            return Err(PortError::unavailable("fails".to_owned()));
        }
        let result = effect();
        if dies.is_some() {
            std::future::pending::<()>().await;
        }
        Ok(result)
    }

    fn doubt(&self, key: &CommandId) {
        *self.doubts.borrow_mut().entry(key.clone()).or_default() += 1;
    }

    /// A provider: it may be down, act without our hearing of it, or not answer and not act.
    async fn provider(&self, key: &CommandId) -> Outcome {
        let number = self.calls.replace(self.calls.get() + 1);
        let dies = self.dies_at.get().filter(|(at, _)| *at == number);
        let tell = || self.told.borrow_mut().push(Telling { key: key.clone(), at: self.now.get() });
        if let Some((_, after_effect)) = dies {
            self.doubt(key);
            if after_effect {
                tell();
            }
            std::future::pending::<()>().await;
        }
        let (is_down, is_silent, acts) = {
            let mut random = self.random.borrow_mut();
            (random.happens(self.odds.provider_down), random.happens(self.odds.provider_silent), random.happens(5_000))
        };
        if is_down {
            let mut outages = self.outages.borrow_mut();
            let outage = outages.entry(key.clone()).or_default();
            if *outage < LONGEST_OUTAGE {
                *outage += 1;
                return Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: String::new() };
            }
        }
        if is_silent {
            self.doubt(key);
            if acts {
                tell();
            }
            return Outcome::Unknown { detail: String::new() };
        }
        tell();
        Outcome::Done { provider_id: None }
    }
}

impl engine::Store for SimWorld<'_> {
    async fn aliases(
        &self,
        _: &ConnectionName,
        invitees: &[InviteeUri],
        _: Option<&Token>,
    ) -> Result<Aliases, PortError> {
        self.call(|| {
            let aliases = self.aliases.borrow();
            let known = invitees.iter().filter_map(|it| Some((it.clone(), aliases.get(it)?.clone()))).collect();
            Aliases { invitees: known, token: None }
        })
        .await
    }

    async fn load_booking(&self, connection: &ConnectionName, id: &BookingId) -> Result<Snapshot, PortError> {
        self.call(|| {
            let (booking, revision) = match self.booking.borrow().get(id) {
                Some(known) => known.clone(),
                None => (Booking::new(id.clone(), connection.clone()), 0),
            };
            let commands =
                self.commands.borrow().values().filter(|(of, _)| of == id).map(|(_, it)| it.clone()).collect();
            let metadata = self.metadata.as_ref().filter(|(of, _)| of == id).map(|(_, it)| it.clone());
            Snapshot { booking, revision, metadata, commands }
        })
        .await
    }

    async fn commit_decision(&self, decision: &Decision, _: &[StoredFact]) -> Result<(), CommitError> {
        self.call(|| {
            let id = &decision.booking.id;
            let (mut bookings, mut commands, mut aliases) =
                (self.booking.borrow_mut(), self.commands.borrow_mut(), self.aliases.borrow_mut());
            let revision = bookings.get(id).map_or(0, |it| it.1);
            let is_beaten = revision != decision.revision
                || decision.booking.aliases().into_iter().any(|it| aliases.get(it).is_some_and(|of| of != id))
                || decision
                    .commands
                    .iter()
                    .any(|it| commands.get(&it.command.id).map(|(_, row)| row.revision) != it.expected);
            if is_beaten {
                return Err(CommitError::Conflict);
            }
            if decision.booking_changed {
                bookings.insert(id.clone(), (decision.booking.clone(), revision + 1));
                aliases.extend(decision.booking.aliases().into_iter().map(|it| (it.clone(), id.clone())));
            }
            for changed in &decision.commands {
                commands.insert(changed.command.id.clone(), (id.clone(), changed.command.clone()));
            }
            Ok(())
        })
        .await?
    }

    async fn replace_command(
        &self,
        _: &ConnectionName,
        booking: &BookingId,
        command: &Command,
        expected: u64,
    ) -> Result<bool, PortError> {
        let begins = matches!(command.state, State::Claimed { .. });
        let ends =
            self.commands.borrow().get(&command.id).is_some_and(|(_, row)| matches!(row.state, State::Claimed { .. }));
        let number = self.calls.get();
        // Killed between a claim and its settlement: from here on nobody can tell.
        let dies = self.dies_at.get().filter(|(at, _)| *at == number);
        if dies.is_some_and(|(_, after_effect)| if begins { after_effect } else { ends && !after_effect }) {
            self.doubt(&command.id);
        }
        let swapped = self
            .call(|| {
                let mut commands = self.commands.borrow_mut();
                let holds = commands.get(&command.id).is_some_and(|(_, row)| row.revision == expected);
                if holds {
                    commands.insert(command.id.clone(), (booking.clone(), command.clone()));
                }
                holds
            })
            .await;
        if swapped.is_err() && ends && !begins {
            // A settlement that could not be written: unless it was of a doubt already, it is one now.
            self.doubt(&command.id);
        }
        swapped
    }

    async fn load_payload(&self, _: &ConnectionName, _: &BookingId, _: &FactId) -> Result<Option<Vec<u8>>, PortError> {
        Ok(Some(Vec::new()))
    }

    async fn mark_event_types_changed(&self, _: &ConnectionName, _: Timestamp) -> Result<(), PortError> {
        Ok(())
    }

    async fn load_contact(&self, _: &ConnectionName, _: &ContactKey) -> Result<Contact, PortError> {
        self.call(Contact::default).await
    }

    async fn write_objection(
        &self,
        _: &ConnectionName,
        _: &ContactKey,
        _: Option<Objection>,
        _: ConsentSource,
        _: Timestamp,
    ) -> Result<(), PortError> {
        Ok(())
    }

    async fn record_reached(
        &self,
        _: &ConnectionName,
        _: &ContactKey,
        _: &BookingId,
        _: &CommandId,
        _: Timestamp,
    ) -> Result<(), PortError> {
        self.call(|| ()).await
    }

    async fn claim_nonce(
        &self,
        _: &ConnectionName,
        _: &str,
        _: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        Ok(Some(now))
    }

    async fn store_unhandled_event(&self, _: &ConnectionName, _: &UnhandledEvent) -> Result<(), PortError> {
        Ok(())
    }

    async fn load_settings(&self, _: &ConnectionName) -> Result<Settings, PortError> {
        Ok(SETTINGS.clone())
    }
}

impl engine::Calendly for SimWorld<'_> {
    async fn fetch_invitee(&self, _: &ConnectionName, invitee: &InviteeUri) -> Result<Option<Fact>, PortError> {
        self.call(|| self.truth.looked_up(invitee, self.now.get())).await
    }

    // Here people book for themselves.
    async fn create_booking(&self, _: &ConnectionName, _: &Form) -> BookOutcome {
        BookOutcome::Unsent { detail: "nobody books here".to_owned() }
    }

    async fn find_booking(&self, _: &ConnectionName, _: &BookingQuery) -> Result<Option<Fact>, PortError> {
        Ok(None)
    }

    async fn cancel_event(&self, _: &ConnectionName, _: &InviteeUri, _: &str) -> Outcome {
        Outcome::Refused { reason: Reason::NotFound, detail: "nobody cancels here".to_owned() }
    }

    async fn fetch_host_zone(&self, _: &ConnectionName, _: &str) -> Result<Option<String>, PortError> {
        Ok(None)
    }

    async fn create_single_use_link(&self, _: &ConnectionName, _: &EventTypeUri) -> Result<String, CalendlyError> {
        Ok("https://calendly.com/d/once".to_owned())
    }
}

impl engine::Sms for SimWorld<'_> {
    fn parse_number(&self, text: &str, _: Option<&str>) -> Result<Phone, Reason> {
        Phone::parse(text).map_err(|_| Reason::PhoneInvalid)
    }

    async fn send(&self, _: &ConnectionName, key: &CommandId, _: &Phone, _: &SmsOrder) -> Outcome {
        self.provider(key).await
    }
}

impl engine::Email for SimWorld<'_> {
    async fn send(&self, _: &ConnectionName, key: &CommandId, _: &EmailOrder) -> Outcome {
        self.provider(key).await
    }
}

impl engine::Vai for SimWorld<'_> {
    async fn send_news(&self, _: &ConnectionName, key: &CommandId, _: News, _: &VaiOrder, _: Timestamp) -> Outcome {
        self.provider(key).await
    }

    async fn offer_help(&self, _: &ConnectionName, key: &CommandId, _: &VaiOrder, _: Timestamp) -> Outcome {
        self.provider(key).await
    }

    async fn log_fact(&self, _: &ConnectionName, key: &CommandId, _: Analytics, _: &[u8], _: Timestamp) -> Outcome {
        self.provider(key).await
    }
}

impl engine::Timers for SimWorld<'_> {
    async fn set_timer(
        &self,
        name: &str,
        due: &Due,
        at: Timestamp,
        _: Timestamp,
        kind: TimerKind,
    ) -> Result<(), PortError> {
        let Due::V1 { booking, .. } = due;
        self.call(|| match kind {
            TimerKind::Schedule => {
                self.timers.borrow_mut().entry(name.to_owned()).or_insert_with(|| (at, booking.clone()));
            }
            TimerKind::DelayedMessage => self.delayed.borrow_mut().push((at, booking.clone())),
        })
        .await
    }

    async fn remove_timer(&self, name: &str) -> Result<(), PortError> {
        self.call(|| {
            self.timers.borrow_mut().remove(name);
        })
        .await
    }
}

impl engine::Clock for SimWorld<'_> {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}

impl World for SimWorld<'_> {
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
    fn observe(&self, _: &Command) {}
}

impl Messaging for SimWorld<'_> {
    type Sms = Self;
    type Email = Self;
    type Vai = Self;

    fn sms(&self) -> &Self {
        self
    }
    fn email(&self) -> &Self {
        self
    }
    fn vai(&self) -> &Self {
        self
    }
}
