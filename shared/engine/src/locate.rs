//! Finds the booking of a fact.

use domain::{BookingId, Fact, InviteeUri, Snapshot};

use crate::invocation::{EngineError, Invocation};
use crate::ports::{Calendly, Store, World};

/// The longest chain of moves that is followed. A longer chain is an error in the data.
const LONGEST_CHAIN: usize = 64;

impl<W: World> Invocation<'_, W> {
    /// Finds the booking of a fact, and the facts that link it to the booking: by the aliases, else by our token, else
    /// by the root of the chain, which is read from Calendly. Two reads if nothing is missing.
    pub(crate) async fn locate_booking(&self, fact: &Fact) -> Result<(Snapshot, Vec<Fact>), EngineError> {
        let (store, connection) = (self.world.store(), self.connection);
        let chain: Vec<InviteeUri> = fact.chain().cloned().collect();
        let aliases = store.aliases(connection, &chain, fact.leg.token.as_ref()).await?;
        let mut snapshot = match chain.iter().find_map(|uri| aliases.invitees.get(uri)) {
            Some(booking) => Some(store.load_booking(connection, booking).await?),
            None => None,
        };

        // A leg that we requested is linked to its booking only by its token.
        if snapshot.is_none()
            && let Some(booking) = &aliases.token
        {
            snapshot = Some(store.load_booking(connection, booking).await?).filter(|it| it.booking.is_linked_to(fact));
        }

        if let Some(snapshot) = &mut snapshot {
            for (uri, booking) in aliases.invitees.iter().filter(|(uri, _)| chain.contains(uri)) {
                snapshot.booking.record_elsewhere(uri.clone(), booking.clone());
            }
        }

        let mut facts = vec![fact.clone()];
        let mut root = fact.leg.invitee.clone();
        let mut previous = fact.leg.previous.clone();
        for _ in 0..LONGEST_CHAIN {
            let Some(uri) = previous.take() else { break };
            root = uri.clone();
            let is_known = |it: &Snapshot| it.booking.leg(&uri).is_some() || it.booking.elsewhere().contains_key(&uri);
            if snapshot.as_ref().is_some_and(is_known) {
                break;
            }
            if !chain.contains(&uri)
                && let Some(booking) =
                    store.aliases(connection, std::slice::from_ref(&uri), None).await?.invitees.remove(&uri)
            {
                match &mut snapshot {
                    None => {
                        snapshot = Some(store.load_booking(connection, &booking).await?);
                        previous = Some(uri);
                        continue;
                    }
                    // The chain has two bookings: Calendly did not know a link of it.
                    Some(snapshot) if snapshot.booking.id != booking => {
                        snapshot.booking.record_elsewhere(uri, booking);
                        break;
                    }
                    Some(_) => {}
                }
            }
            let Some(earlier) = self.world.calendly().fetch_invitee(connection, &uri).await? else {
                tracing::warn!("Calendly does not know an invitee that a meeting was moved from");
                break;
            };
            previous.clone_from(&earlier.leg.previous);
            facts.push(earlier);
        }
        if let Some(snapshot) = snapshot {
            return Ok((snapshot, facts));
        }

        if let Some(token) = facts.iter().rev().find_map(|it| it.leg.token.as_ref()) {
            // A fetched leg may be one that we requested.
            if fact.leg.token.as_ref() != Some(token)
                && let Some(booking) = store.aliases(connection, &[], Some(token)).await?.token
            {
                let snapshot = store.load_booking(connection, &booking).await?;
                if facts.iter().any(|fact| snapshot.booking.is_linked_to(fact)) {
                    return Ok((snapshot, facts));
                }
            }
            let snapshot = store.load_booking(connection, &BookingId::from_token(connection, token)).await?;
            // A link with a token can be passed on to another person. The token belongs to the booking of its first
            // user.
            if facts.iter().any(|fact| snapshot.booking.is_linked_to(fact)) {
                return Ok((snapshot, facts));
            }
        }
        Ok((store.load_booking(connection, &BookingId::from_root(connection, &root)).await?, facts))
    }
}
