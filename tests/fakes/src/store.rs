//! The table.

use domain::scheduling::budget::{Bucket, Span, cap, spent_in};
use domain::{
    Booking, BookingId, Command, ConnectionName, ConsentSource, ContactKey, CrmContact, Decision, FactId, InviteeUri,
    Objection, Settings, ShortLink, Snapshot, State, Token, digest,
};
use engine::{
    Aliases, CommitError, Contact, PortError, SmsReservation, SmsReserved, Store, StoredFact, UnhandledEvent,
};
use jiff::Timestamp;

use crate::call::Call;
use crate::fake::Fake;
use crate::fault::FaultPolicy;

impl<P: FaultPolicy> Store for Fake<P> {
    async fn aliases(
        &self,
        _: &ConnectionName,
        invitees: &[InviteeUri],
        token: Option<&Token>,
    ) -> Result<Aliases, PortError> {
        let aliases = self.call(Call::Aliases, |state| {
            let known = invitees.iter().filter_map(|it| Some((it.clone(), state.aliases.get(it)?.clone()))).collect();
            Aliases { invitees: known, token: token.and_then(|it| state.token_aliases.get(it)).cloned() }
        });
        Ok(aliases.await?)
    }

    async fn load_booking(&self, connection: &ConnectionName, id: &BookingId) -> Result<Snapshot, PortError> {
        let snapshot = self.call(Call::LoadBooking, |state| {
            let mut snapshot = Snapshot::empty(id.clone(), connection.clone());
            if let Some((booking, revision)) = state.bookings.get(id) {
                (snapshot.booking, snapshot.revision) = (booking.clone(), *revision);
            }
            snapshot.metadata = state.metadata.get(id).cloned();
            snapshot.commands = state.commands_of(id);
            snapshot.events = state.event_logs.get(id).cloned();
            snapshot.kept_until = state.kept_until.get(id).copied();
            snapshot
        });
        Ok(snapshot.await?)
    }

    async fn commit_decision(&self, decision: &Decision, facts: &[StoredFact]) -> Result<(), CommitError> {
        self.call(Call::CommitDecision, |state| state.commit_decision(decision, facts)).await?
    }

    async fn replace_command(
        &self,
        _: &ConnectionName,
        booking: &BookingId,
        command: &Command,
        expected: u64,
    ) -> Result<bool, PortError> {
        let is_claimed = |command: &Command| matches!(command.state, State::Claimed { .. });
        let was_claimed = self.state.borrow().commands.get(&command.id).is_some_and(|(_, row)| is_claimed(row));
        let call = match () {
            () if is_claimed(command) => Call::Claim,
            () if was_claimed => Call::Settle,
            () => Call::ReplaceCommand,
        };
        let is_replaced = self.call_for(call, Some(&command.id), |state| {
            let is_expected = state.commands.get(&command.id).is_some_and(|(_, row)| row.revision == expected);
            if is_expected {
                state.commands.insert(command.id.clone(), (booking.clone(), command.clone()));
            }
            is_expected
        });
        Ok(is_replaced.await?)
    }

    async fn load_payload(
        &self,
        _: &ConnectionName,
        _: &BookingId,
        fact: &FactId,
    ) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.call(Call::LoadPayload, |state| state.facts.get(fact).map(|it| it.payload.clone())).await?)
    }

    async fn mark_event_types_changed(&self, _: &ConnectionName, at: Timestamp) -> Result<(), PortError> {
        Ok(self.call(Call::MarkEventTypesChanged, |state| state.event_types_changed_at = Some(at)).await?)
    }

    async fn find_by_conversation(
        &self,
        connection: &ConnectionName,
        conversation: &str,
    ) -> Result<Vec<BookingId>, PortError> {
        let found = self.call(Call::FindByConversation, |state| {
            let is_of_it = |booking: &Booking| {
                booking.connection == *connection
                    && booking.state().is_some()
                    && booking.metadata.as_ref().is_some_and(|it| it.conversation_id == conversation)
            };
            state.bookings.values().filter(|(it, _)| is_of_it(it)).map(|(it, _)| it.id.clone()).collect()
        });
        Ok(found.await?)
    }

    async fn load_contact(&self, _: &ConnectionName, key: &ContactKey) -> Result<Contact, PortError> {
        Ok(self.call(Call::LoadContact, |state| state.contacts.get(key).cloned().unwrap_or_default()).await?)
    }

    async fn write_objection(
        &self,
        _: &ConnectionName,
        key: &ContactKey,
        objection: Option<Objection>,
        source: ConsentSource,
        at: Timestamp,
    ) -> Result<(), PortError> {
        let written = self.call(Call::WriteObjection, |state| {
            let latest = state.objection_times.entry(key.clone()).or_insert(at);
            if at >= *latest {
                *latest = at;
                state.contacts.entry(key.clone()).or_default().objection = objection.map(|it| (it, source));
            }
        });
        Ok(written.await?)
    }

    async fn reserve_sms(
        &self,
        _: &ConnectionName,
        sms: &SmsReservation,
        contact: &Contact,
    ) -> Result<SmsReserved, PortError> {
        let reserved = self.call(Call::ReserveSms, |state| {
            let present = Bucket::containing(Span::Day, sms.at);
            let fits = |used: Option<&u32>, cap: u32| used.copied().unwrap_or(0) + sms.segments <= cap;
            // As in the table: what is in earlier buckets of the number was read before.
            let (_, cap_of_number) = cap(&contact.spent, Span::Day, sms.per_number, sms.at);
            if !fits(state.contacts.get(&sms.to).and_then(|it| it.spent.get(&present)), cap_of_number) {
                return SmsReserved::NumberSpent;
            }
            let (_, cap_of_connection) = cap(&state.sms_spent, Span::Day, sms.per_connection, sms.at);
            if !fits(state.sms_spent.get(&present), cap_of_connection) {
                return SmsReserved::ConnectionSpent;
            }
            *state.sms_spent.entry(present).or_default() += sms.segments;
            let number = state.contacts.entry(sms.to.clone()).or_default();
            *number.spent.entry(present).or_default() += sms.segments;
            number.last = Some((sms.booking.clone(), sms.command.clone()));
            SmsReserved::Reserved(spent_in(&state.sms_spent, Span::Day, sms.at))
        });
        Ok(reserved.await?)
    }

    async fn correct_sms(&self, _: &ConnectionName, sms: &SmsReservation, sent: u32) -> Result<(), PortError> {
        let corrected = self.call(Call::CorrectSms, |state| {
            let present = Bucket::containing(Span::Day, sms.at);
            let of_number = state.contacts.get_mut(&sms.to).and_then(|it| it.spent.get_mut(&present));
            for spent in of_number.into_iter().chain(state.sms_spent.get_mut(&present)) {
                *spent = (*spent + sent).saturating_sub(sms.segments);
            }
        });
        Ok(corrected.await?)
    }

    async fn write_short_links(&self, links: &[ShortLink]) -> Result<Vec<Option<String>>, PortError> {
        let written = self.call(Call::WriteShortLinks, |state| {
            let code = |link: &ShortLink| {
                let parts = [link.command.as_str(), link.purpose.name(), link.url.as_str()];
                let code: String = digest(&parts).chars().take(8).collect();
                state.short_links.insert(code.clone(), link.clone());
                Some(code)
            };
            links.iter().map(code).collect()
        });
        Ok(written.await?)
    }

    async fn load_crm_contact(&self, _: &ConnectionName, key: &ContactKey) -> Result<CrmContact, PortError> {
        Ok(self.call(Call::LoadCrmContact, |state| state.crm_contacts.get(key).cloned().unwrap_or_default()).await?)
    }

    async fn write_crm_contact(
        &self,
        _: &ConnectionName,
        key: &ContactKey,
        contact: &CrmContact,
    ) -> Result<bool, PortError> {
        let written = self.call(Call::WriteCrmContact, |state| {
            let stored = state.crm_contacts.entry(key.clone()).or_default();
            let is_expected = stored.revision == contact.revision;
            if is_expected {
                *stored = contact.clone().at_revision(contact.revision + 1);
            }
            is_expected
        });
        Ok(written.await?)
    }

    async fn claim_nonce(
        &self,
        _: &ConnectionName,
        nonce: &str,
        digest: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        let claimed = self.call(Call::ClaimNonce, |state| {
            let (used_for, at) = state.nonces.entry(nonce.to_owned()).or_insert_with(|| (digest.to_owned(), now));
            (used_for == digest).then_some(*at)
        });
        Ok(claimed.await?)
    }

    async fn store_unhandled_event(&self, _: &ConnectionName, event: &UnhandledEvent) -> Result<(), PortError> {
        let stored = self.call(Call::StoreUnhandledEvent, |state| {
            state.unhandled_events.entry(event.id.clone()).or_insert_with(|| event.clone());
        });
        Ok(stored.await?)
    }

    async fn load_settings(&self, _: &ConnectionName) -> Result<Settings, PortError> {
        // The real ones are cached in the process.
        Ok(self.state.borrow().settings.clone())
    }
}
