//! What comes back: receipts of providers and replies of people. They speak of a message by our own ids, and change nothing
//! unless there is such a message, sent, and not further along already.

use std::collections::BTreeSet;

use domain::{
    Action, BookingId, Command, CommandId, ConnectionName, ConsentSource, ContactKey, Delivery, Feedback, Objection,
    Receipt, Reply, State,
};
use jiff::Timestamp;

use crate::drive::{EngineError, MOST_DECISIONS, resume_booking};
use crate::execute::{CallLimiter, LAST_START};
use crate::ports::{Clock, Store, World};

/// Takes in something that was heard from outside; says what it came to, as a word to be counted.
///
/// # Errors
/// When the record must come back.
pub async fn take_feedback<W: World>(
    world: &W,
    limiter: &CallLimiter,
    connection: &ConnectionName,
    heard: &Feedback,
    deadline: Timestamp,
) -> Result<&'static str, EngineError> {
    if world.clock().now() + LAST_START > deadline {
        return Err(EngineError::Unfinished(1));
    }
    match heard {
        Feedback::Receipt(receipt) => receipt_of(world, limiter, connection, receipt, deadline).await,
        Feedback::Reply(reply) => reply_of(world, connection, reply).await,
        Feedback::Unsubscribed { booking, command } => unsubscribe(world, connection, booking, command).await,
        Feedback::Other(_) => Ok("other"),
    }
}

async fn receipt_of<W: World>(
    world: &W,
    limiter: &CallLimiter,
    connection: &ConnectionName,
    receipt: &Receipt,
    deadline: Timestamp,
) -> Result<&'static str, EngineError> {
    for _ in 0..MOST_DECISIONS {
        let Some(command) = find(world, connection, &receipt.booking, &receipt.command).await? else {
            return Ok("unknown_message");
        };
        if matches!(command.state, State::Claimed { .. }) {
            // The receipt was quicker than the answer to whoever sends it.
            return Err(EngineError::Unfinished(1));
        }
        let Some(to) = &command.to else { return Ok("never_sent") };
        if !command.matches_receipt(receipt) {
            return Ok("another_message");
        }
        if let Some((objection, source)) = receipt.objection {
            record_objection(world, connection, to, objection, source, world.clock().now()).await?;
        }
        let now = world.clock().now();
        let Some(further) = command.clone().apply_receipt(receipt, now) else {
            if command.delivery == Some(Delivery::Failed) {
                // Whoever heard it first may have been cut off before anything took its place.
                resume_booking(world, limiter, connection, &receipt.booking, deadline).await?;
            }
            return Ok(if receipt.objection.is_some() { "objection" } else { "old" });
        };
        let delivery = further.delivery;
        if world.store().replace_command(connection, &receipt.booking, &further, command.revision()).await? {
            world.observe(&further);
            tracing::info!(booking.id = %receipt.booking, command.id = %command.id, "a receipt was taken in");
            if delivery == Some(Delivery::Failed) {
                // Another message may take its place.
                resume_booking(world, limiter, connection, &receipt.booking, deadline).await?;
            }
            return Ok(delivery.map_or("other", Delivery::name));
        }
    }
    Err(EngineError::Contended)
}

async fn reply_of<W: World>(
    world: &W,
    connection: &ConnectionName,
    reply: &Reply,
) -> Result<&'static str, EngineError> {
    let (store, now) = (world.store(), world.clock().now());
    let key = ContactKey::for_phone(connection, &reply.from);
    // Whom we never wrote to has nothing to reply to; and whoever could forge a call could silence anybody.
    let contact = store.contact(connection, &key).await?;
    if contact.last.is_none() {
        return Ok("stranger");
    }
    // A reply told again is as old as when it was told first: a START must not outlive the STOP that came after it.
    let at = match &reply.id {
        Some(id) => {
            store.claim_nonce(connection, &format!("reply {id}"), "", now).await?.unwrap_or(reply.at).min(reply.at)
        }
        None => reply.at,
    };
    let settings = store.settings(connection).await?;
    let by_a_word = matches!(contact.objection, Some((_, ConsentSource::Reply | ConsentSource::Provider)));
    let (counted, meaning) = match settings.wants_to_stop(reply.text.expose()) {
        Some(true) => {
            record_objection(world, connection, &key, Objection::Everything, ConsentSource::Reply, at).await?;
            ("stop", "to be left alone")
        }
        Some(false) => {
            // What was ended by a link is not begun by a word.
            if by_a_word {
                store.write_objection(connection, &key, None, ConsentSource::Reply, at).await?;
            }
            ("start", "to be texted again")
        }
        None => ("reply", "something for a person to read"),
    };
    for _ in 0..MOST_DECISIONS {
        let Some((booking, command)) = store.contact(connection, &key).await?.last else { break };
        let Some(command) = find(world, connection, &booking, &command).await? else { break };
        if command.has_reply(at) {
            break;
        }
        let replied = command.clone().record_reply(meaning, at);
        if store.replace_command(connection, &booking, &replied, command.revision()).await? {
            break;
        }
    }
    Ok(counted)
}

async fn find<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    command: &CommandId,
) -> Result<Option<Command>, EngineError> {
    let snapshot = world.store().load(connection, booking).await?;
    Ok(snapshot.commands.into_iter().find(|it| it.id == *command))
}

/// Ends follow-ups by every way on which the person was reached about this booking, and to their address.
async fn unsubscribe<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    command: &CommandId,
) -> Result<&'static str, EngineError> {
    let snapshot = world.store().load(connection, booking).await?;
    let Some(command) = snapshot.commands.iter().find(|it| it.id == *command) else { return Ok("unknown_message") };
    if command.to.is_none() {
        return Ok("never_sent");
    }
    let is_to_invitee = |it: &&Command| matches!(it.action, Action::Sms(_) | Action::Email(_));
    let reached = snapshot.commands.iter().filter(is_to_invitee).filter_map(|it| it.to.clone());
    let address = snapshot.booking.leg_for_command(&command.leg);
    let address = address.map(|leg| ContactKey::for_email(connection, leg.details.email.expose()));
    let ways: BTreeSet<_> = reached.chain(address).collect();
    for way in &ways {
        record_objection(world, connection, way, Objection::FollowUps, ConsentSource::Link, world.clock().now())
            .await?;
    }
    Ok("unsubscribed")
}

/// Writes an objection down, unless the person objects to more already.
async fn record_objection<W: World>(
    world: &W,
    connection: &ConnectionName,
    key: &ContactKey,
    objection: Objection,
    source: ConsentSource,
    at: Timestamp,
) -> Result<(), EngineError> {
    let store = world.store();
    let known = store.contact(connection, key).await?.objection;
    if known.is_none_or(|(known, _)| known < objection) {
        store.write_objection(connection, key, Some(objection), source, at).await?;
    }
    Ok(())
}
