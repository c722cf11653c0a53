//! What other settings would change about the messages of a booked meeting.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::command::{Command, State};
use crate::decide::{Snapshot, decide};
use crate::destinations::Action;
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PlannedMessage {
    /// Its name in the timeline.
    pub title: String,
    /// Whether it is an SMS.
    pub is_sms: bool,
    /// How it changes.
    pub change: PlanChange,
    /// Its time.
    pub at: Timestamp,
}

/// Returns the messages whose times change when the settings change, without those that change anyway.
pub fn compare_plans(snapshot: &Snapshot, before: &Settings, after: &Settings, now: Timestamp) -> Vec<PlannedMessage> {
    let planned = |settings: &Settings| -> BTreeMap<CommandId, PlannedMessage> {
        let decision = decide(snapshot, &[], settings, now);
        let changes = decision
            .commands
            .iter()
            .filter_map(|write| Some((write.command.id.clone(), planned_message(&write.command)?)));
        changes.collect()
    };
    let anyway = planned(before);
    let changes = planned(after).into_iter().filter(|(id, message)| anyway.get(id) != Some(message));
    let mut messages: Vec<_> = changes.map(|(_, message)| message).collect();
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
    Some(PlannedMessage { title: command.action.title(), is_sms: action.is_sms(), change, at: command.not_before? })
}
