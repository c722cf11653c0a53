//! What other settings would change about the messages of a booked meeting.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::command::{Command, State};
use crate::decide::{Snapshot, decide};
use crate::destinations::{Action, Context, MessageOrder, Order, SmsOrder};
use crate::ids::CommandId;
use crate::reason::Reason;
use crate::settings::Settings;

/// How a message changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PlanChange {
    /// It will be sent.
    New,
    /// It is no longer sent.
    Dropped,
    /// Its time has passed, so it is not sent.
    Past,
}

/// A message whose time changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedMessage {
    /// Its name in the timeline.
    pub title: String,
    /// Whether it is an SMS.
    pub is_sms: bool,
    /// An SMS as it would be sent at its time; `None` if it would not be.
    pub sms: Option<Box<SmsOrder>>,
    /// How it changes.
    pub change: PlanChange,
    /// Its time.
    pub at: Timestamp,
}

/// Returns the messages whose times change when the settings change, without those that change anyway.
pub fn compare_plans(snapshot: &Snapshot, before: &Settings, after: &Settings, now: Timestamp) -> Vec<PlannedMessage> {
    let planned = |settings: &Settings| -> BTreeMap<CommandId, (PlannedMessage, Command)> {
        let commands = decide(snapshot, &[], settings, now).commands.into_iter().map(|write| write.command);
        commands.filter_map(|it| Some((it.id.clone(), (planned_message(&it)?, it)))).collect()
    };
    let anyway = planned(before);
    let is_new = |id: &CommandId, message: &PlannedMessage| anyway.get(id).is_none_or(|(it, _)| it != message);
    let changes = planned(after).into_iter().filter(|(id, (message, _))| is_new(id, message));
    let mut messages: Vec<_> = changes
        .map(|(_, (message, command))| {
            let settings = if message.change == PlanChange::Dropped { before } else { after };
            PlannedMessage { sms: compose_sms(snapshot, &command, settings), ..message }
        })
        .collect();
    messages.sort_by_key(|it| it.at);
    messages
}

fn planned_message(command: &Command) -> Option<PlannedMessage> {
    let Action::Message(action) = &command.action else { return None };
    let change = match &command.state {
        State::Open => PlanChange::New,
        State::Skipped { reason: Reason::PastOffset } => PlanChange::Past,
        State::Withdrawing { .. } | State::Withdrawn { .. } => PlanChange::Dropped,
        _ => return None,
    };
    let at = command.not_before?;
    Some(PlannedMessage { title: command.action.title(), is_sms: action.is_sms(), sms: None, change, at })
}

/// Composes an SMS as it would be sent at its time; `None` for another message, or if it would not be sent.
fn compose_sms(snapshot: &Snapshot, command: &Command, settings: &Settings) -> Option<Box<SmsOrder>> {
    let context = Context {
        booking: &snapshot.booking,
        leg: snapshot.booking.leg(&command.leg)?,
        passed_over: &command.passed_over,
        turn: command.turn,
        calendar: None,
        settings,
        now: command.not_before?,
    };
    let Ok(Order::Message(order)) = command.action.compose(&context) else { return None };
    match *order {
        MessageOrder::Sms(order) => Some(Box::new(order)),
        MessageOrder::Email(_) => None,
    }
}
