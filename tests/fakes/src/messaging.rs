//! What sends messages and calls VAI. Each effect is described in one line.

use domain::{
    Analytics, CommandId, ConnectionName, EmailOrder, HelpOccasion, Message, News, Outcome, PlainEmail, PlainSms,
    PublishCall, SmsOrder, VaiOrder,
};
use engine::{Email, FittedSms, Publisher, Sms, Vai};
use jiff::Timestamp;

use crate::call::Call;
use crate::fake::Fake;
use crate::fault::FaultPolicy;

fn name(message: Message) -> String {
    match message {
        Message::HostNotice(notice) => format!("to the host: {}", notice.name()),
        other => other.name().to_owned(),
    }
}

fn local(at: Timestamp, zone: &str) -> String {
    at.in_tz(zone).expect("a zone").strftime("%a %d %b %H:%M").to_string()
}

impl<P: FaultPolicy> Sms for Fake<P> {
    fn fit(&self, _: &ConnectionName, order: &mut SmsOrder) -> FittedSms {
        let segments = self.state.borrow().sms_segments.max(1);
        FittedSms { segments: segments.min(order.most_segments), is_shortened: segments > order.most_segments }
    }

    async fn send(&self, _: &ConnectionName, key: &CommandId, order: &SmsOrder) -> Outcome {
        let content = &order.content;
        let text = || {
            format!(
                "SMS {}{} [{}, {}] to {}: {} {} {}",
                name(order.message),
                if content.by_invitee && content.notice.is_some() { " by the invitee" } else { "" },
                order.template.as_deref().unwrap_or(order.provider.name()),
                content.language.tag(),
                order.to.expose(),
                content.event,
                local(content.start, &content.zone),
                content.zone
            )
        };
        if let Some(down) = self.state.borrow().providers_down.get(&order.provider) {
            return down.clone();
        }
        self.call_provider(Call::SendSms, key, text).await
    }

    async fn send_plain(&self, _: &ConnectionName, key: &CommandId, sms: &PlainSms) -> Outcome {
        let text = || {
            let (name, to) = (sms.provider.name(), sms.to.expose());
            match &sms.template {
                Some(template) => format!("plain SMS [{name}] to {to}: {template} with {}", sms.digits.expose()),
                None => format!("plain SMS [{name}] to {to}: {}", sms.text.expose()),
            }
        };
        self.call_provider(Call::SendSms, key, text).await
    }
}

impl<P: FaultPolicy> Email for Fake<P> {
    async fn send(&self, _: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome {
        let content = &order.content;
        let file = order.calendar.as_ref().map(|it| {
            let change = if it.is_canceled { "cancel" } else { it.kind.name() };
            format!(" with a file: {change} {}", it.sequence)
        });
        let text = || {
            format!(
                "e-mail {}{} [{}, {}] to {}: {} {} {}",
                name(order.message),
                file.as_deref().unwrap_or_default(),
                order.template.as_deref().unwrap_or(order.provider.name()),
                content.language.tag(),
                order.to.expose(),
                content.event,
                local(content.start, &content.zone),
                content.zone
            )
        };
        if let Some(down) = self.state.borrow().providers_down.get(&order.provider) {
            return down.clone();
        }
        self.call_provider(Call::SendEmail, key, text).await
    }

    async fn send_plain(&self, _: &ConnectionName, key: &CommandId, email: &PlainEmail) -> Outcome {
        let link = email.link.as_ref().map(|it| format!(" {}", it.expose())).unwrap_or_default();
        let text = || {
            let (to, subject, text) = (email.to.expose(), email.subject.expose(), email.text.expose());
            format!("plain e-mail [{}] to {to}: {subject}\n{text}{link}", email.provider.name())
        };
        self.call_provider(Call::SendEmail, key, text).await
    }
}

impl<P: FaultPolicy> Vai for Fake<P> {
    async fn send_news(
        &self,
        _: &ConnectionName,
        key: &CommandId,
        news: News,
        order: &VaiOrder,
        _: Timestamp,
    ) -> Outcome {
        let (event_type, start) = (&order.event_type, order.leg.details.start);
        let text = || match news {
            News::Booked => format!("VAI's agent has booked {event_type} {start}"),
            News::Confirmed => format!("VAI confirmed {event_type} {start}"),
            News::Canceled => format!("VAI canceled {}", order.conversation_id),
            News::Rescheduled => {
                let old = order.old_start.map_or_else(|| "?".to_owned(), |it| it.to_string());
                format!("VAI rescheduled {old} -> {start}")
            }
        };
        self.call_provider(Call::CallVai, key, text).await
    }

    async fn offer_help(
        &self,
        _: &ConnectionName,
        key: &CommandId,
        occasion: HelpOccasion,
        order: &VaiOrder,
        at: Timestamp,
    ) -> Outcome {
        let text = || {
            let email = order.leg.details.email.expose();
            match occasion {
                HelpOccasion::Canceled => format!("VAI offers help to {email} at {at}"),
                HelpOccasion::NotMoved => format!("VAI tells {email} that {} stays", order.leg.details.start),
            }
        };
        self.call_provider(Call::CallVai, key, text).await
    }

    async fn log_fact(
        &self,
        _: &ConnectionName,
        key: &CommandId,
        what: Analytics,
        payload: &[u8],
        _: Timestamp,
    ) -> Outcome {
        let text = || {
            let body: serde_json::Value = serde_json::from_slice(payload).expect("a payload");
            let invitee = domain::uri_uuid(body["payload"]["uri"].as_str().expect("a URI"));
            format!("analytics {} {invitee}", what.name())
        };
        self.call_provider(Call::CallVai, key, text).await
    }
}

impl<P: FaultPolicy> Publisher for Fake<P> {
    async fn publish(&self, _: &ConnectionName, call: &PublishCall) -> Outcome {
        match self.call(Call::Publish, |state| state.published.push(call.clone())).await {
            Ok(()) => Outcome::done(None),
            Err(fault) => fault.into(),
        }
    }
}
