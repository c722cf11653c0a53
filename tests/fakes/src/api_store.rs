//! The table, as functions with an API use it.

use domain::scheduling::budget::Bucket;
use domain::{
    Booking, BookingId, BookingState, ConnectionName, Decision, DeliveryRecord, Metadata, Private, Token, uri_uuid,
};
use engine::{
    ApiStore, BookingCounts, BookingRecord, CommitError, KnownInvitee, PortError, RequestSnapshot, ReserveError,
};
use jiff::Timestamp;

use crate::call::Call;
use crate::fake::Fake;
use crate::fault::FaultPolicy;

impl<P: FaultPolicy> ApiStore for Fake<P> {
    async fn load_request(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        owner: &str,
        buckets: &[Bucket],
    ) -> Result<RequestSnapshot, PortError> {
        let snapshot = self.call(Call::LoadRequest, |state| {
            let (known, revision) = match state.bookings.get(booking) {
                Some((known, revision)) => (known.clone(), *revision),
                None => (Booking::new(booking.clone(), connection.clone()), 0),
            };
            let spent = |bucket: &Bucket| state.spent.get(&(owner.to_owned(), *bucket)).copied();
            RequestSnapshot {
                booking: known,
                revision,
                events: state.event_logs.get(booking).cloned(),
                kept_until: state.kept_until.get(booking).copied(),
                spent: buckets.iter().filter_map(|it| Some((*it, spent(it)?))).collect(),
                closed_until: state.closed_until.get(owner).copied(),
                event_types_changed_at: state.event_types_changed_at,
            }
        });
        Ok(snapshot.await?)
    }

    async fn reserve_budget(
        &self,
        decision: &Decision,
        owner: &str,
        caps: &[(Bucket, u32)],
    ) -> Result<(), ReserveError> {
        let reserved = self.call(Call::ReserveBudget, |state| {
            // A conflict over the booking takes precedence over a spent budget.
            if state.revision(&decision.booking.id) != decision.revision {
                return Err(CommitError::Conflict.into());
            }
            let key = |bucket: Bucket| (owner.to_owned(), bucket);
            let is_spent = |(bucket, cap): &&(Bucket, u32)| state.spent.get(&key(*bucket)).is_some_and(|it| it >= cap);
            if let Some((bucket, _)) = caps.iter().find(is_spent) {
                return Err(ReserveError::Spent(*bucket));
            }
            state.commit_decision(decision, &[])?;
            for (bucket, _) in caps {
                *state.spent.entry(key(*bucket)).or_default() += 1;
            }
            Ok(())
        });
        reserved.await.map_err(CommitError::from)?
    }

    async fn close_budget(&self, _: &ConnectionName, owner: &str, until: Timestamp) -> Result<(), PortError> {
        let closed = self.call(Call::CloseBudget, |state| {
            state.closed_until.insert(owner.to_owned(), until);
        });
        Ok(closed.await?)
    }

    async fn find_invitee(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
        now: Timestamp,
    ) -> Result<KnownInvitee, PortError> {
        let known = self.call(Call::FindInvitee, |state| {
            let own = state.bookings.values().filter(|(booking, _)| booking.connection == *connection);
            let rows = own.filter_map(|(booking, _)| match booking.state() {
                Some(BookingState::Active(leg)) if leg.details.email == *email => {
                    Some((leg.details.start, leg.details.zone.clone(), booking.id.clone()))
                }
                Some(_) => None,
                None => {
                    let (_, request) = booking.open_requests().next().filter(|(_, it)| it.email == *email)?;
                    Some((request.start, Some(request.zone.clone()), booking.id.clone()))
                }
            });
            let mut rows: Vec<_> = rows.collect();
            rows.sort_by_key(|(start, ..)| std::cmp::Reverse(*start));
            let zone = rows.first().and_then(|(_, zone, _)| zone.clone());
            let upcoming = rows.into_iter().filter(|(start, ..)| *start > now).map(|(.., id)| id).collect();
            KnownInvitee { zone, upcoming }
        });
        Ok(known.await?)
    }

    async fn event_types_changed_at(&self, _: &ConnectionName) -> Result<Option<Timestamp>, PortError> {
        Ok(self.call(Call::EventTypesChangedAt, |state| state.event_types_changed_at).await?)
    }

    async fn put_metadata(
        &self,
        connection: &ConnectionName,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<(), PortError> {
        let booking = BookingId::from_token(connection, token);
        Ok(self.call(Call::PutMetadata, |state| drop(state.metadata.insert(booking, metadata.clone()))).await?)
    }

    async fn put_hold(
        &self,
        connection: &ConnectionName,
        id: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), PortError> {
        let (key, hold) = ((connection.clone(), id.to_owned()), (document.to_owned(), expires));
        Ok(self.call(Call::PutHold, |state| drop(state.holds.insert(key, hold))).await?)
    }

    async fn load_hold(&self, connection: &ConnectionName, id: &str) -> Result<Option<(String, Timestamp)>, PortError> {
        let key = (connection.clone(), id.to_owned());
        Ok(self.call(Call::LoadHold, |state| state.holds.get(&key).cloned()).await?)
    }

    async fn reserve_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError> {
        let granted = self.call(Call::TakePermits, |state| {
            let used = state.permits.entry((key.to_owned(), now.as_second() / 60)).or_default();
            let granted = wanted.min(limit - *used);
            *used += granted;
            granted
        });
        Ok(granted.await?)
    }

    async fn find_bookings(&self, connection: &ConnectionName, id: &str) -> Result<Vec<BookingId>, PortError> {
        let found = self.call(Call::FindBookings, |state| {
            let is_named = |booking: &&Booking| {
                let uris = booking.legs().into_iter().flat_map(|it| [it.invitee.as_str(), it.details.event.as_str()]);
                let is_conversation = booking.metadata.as_ref().is_some_and(|it| it.conversation_id == id);
                let has_id = uris.into_iter().any(|uri| uri == id || uri_uuid(uri) == id);
                booking.connection == *connection && (booking.id.as_str() == id || has_id || is_conversation)
            };
            state.bookings.values().map(|(it, _)| it).filter(is_named).map(|it| it.id.clone()).collect()
        });
        Ok(found.await?)
    }

    async fn booking_record(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Option<BookingRecord>, PortError> {
        let is_of_it = |it: &BookingRecord| it.booking.connection == *connection;
        Ok(self.call(Call::BookingRecord, |state| state.record(booking).filter(is_of_it)).await?)
    }

    async fn delivery_records(&self, _: &ConnectionName, _: &BookingId) -> Result<Vec<DeliveryRecord>, PortError> {
        // The deliveries have a world of their own: tests/deliveries.
        Ok(self.call(Call::DeliveryRecords, |_| Vec::new()).await?)
    }

    async fn count_bookings(&self, _: &ConnectionName, now: Timestamp) -> Result<BookingCounts, PortError> {
        let counts = self.call(Call::CountBookings, |state| {
            let mut counts = BookingCounts::default();
            for (booking, _) in state.bookings.values() {
                match booking.state() {
                    Some(BookingState::Active(leg)) if leg.details.start > now => counts.upcoming += 1,
                    Some(BookingState::Active(_)) => counts.past += 1,
                    Some(BookingState::Moving(_)) => counts.moving += 1,
                    Some(BookingState::Canceled(..)) => counts.canceled += 1,
                    None => {}
                }
            }
            counts
        });
        Ok(counts.await?)
    }

    async fn set_publishing(&self, _: &ConnectionName, publishes: bool) -> Result<(), PortError> {
        Ok(self.call(Call::SetPublishing, |state| state.settings.publishes = publishes).await?)
    }

    async fn last_webhook(&self, _: &ConnectionName) -> Result<Option<Timestamp>, PortError> {
        Ok(self.call(Call::LastWebhook, |state| state.facts.values().map(|it| it.received_at).max()).await?)
    }
}
