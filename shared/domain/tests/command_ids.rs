//! Command ids are stored, and are used as idempotency keys and timer names. They must never change for an existing
//! action.

use domain::{
    Action, Analytics, BookingId, CalendlyAction, Command, ConnectionName, CrmAction, CrmEvent, FactId, InviteeUri,
    Message, MessageAction, News, Notice, PublishAction, Token, VaiAction,
};
use events::EventType;

fn actions() -> Vec<Action> {
    let invitee = Message::SAMPLES.into_iter().filter(|it| !matches!(it, Message::HostNotice(_)));
    let mut actions: Vec<Action> =
        invitee.flat_map(|it| [MessageAction::Sms(it).into(), MessageAction::Email(it).into()]).collect();
    for notice in [Notice::Booked, Notice::Moved, Notice::Canceled] {
        for host in ["Maria@Example.com", ""] {
            actions.push(MessageAction::SmsHost(notice, host.into()).into());
            actions.push(MessageAction::EmailHost(notice, host.into()).into());
        }
    }
    let news = [News::Booked, News::Confirmed, News::Canceled, News::Rescheduled];
    actions.extend(news.map(|it| VaiAction::SendNews(it).into()));
    actions.push(VaiAction::OfferHelp.into());
    actions.push(VaiAction::ReportFailedMove(Token::from_key(&ConnectionName::default(), "k-1")).into());
    for analytics in [Analytics::InviteeCreated, Analytics::InviteeCanceled, Analytics::InviteeRescheduled] {
        actions.push(VaiAction::LogFact(analytics, FactId::new("f-1")).into());
    }
    actions.extend([CalendlyAction::FetchMissingHalf, CalendlyAction::CancelEvent].map(Action::from));
    let events = vec![(1, EventType::BookingCreated), (2, EventType::BookingCanceled)];
    actions.push(PublishAction::Events { first: "evt_1".to_owned(), events }.into());
    actions.push(PublishAction::Completion.into());
    let at = "2026-11-20T09:00:00Z".parse().expect("an instant");
    actions.push(CrmAction::SyncContact { changed_at: at }.into());
    for event in [
        CrmEvent::BookingCreated,
        CrmEvent::BookingMoved,
        CrmEvent::BookingCanceled,
        CrmEvent::NoShow,
        CrmEvent::MeetingCompleted,
    ] {
        actions.push(CrmAction::SendEvent { event, at }.into());
    }
    actions.push(CrmAction::AskConsent.into());
    actions
}

#[test]
fn ids_and_stored_forms_of_actions_never_change() {
    let leg = InviteeUri::new("https://api.calendly.com/scheduled_events/E1/invitees/I1");
    let start = "2026-11-25T08:30:00Z".parse().expect("an instant");
    let lines = actions().into_iter().map(|action| {
        let stored = serde_json::to_string(&action).expect("JSON");
        let command = Command::new(&BookingId::new("bk-1"), action, leg.clone(), start, None);
        let read: Action = serde_json::from_str(&stored).expect("an action");
        assert_eq!(read, command.action);
        format!("{} {stored}", command.id)
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}
