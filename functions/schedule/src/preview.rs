//! Previews of messages.

use api::answer::{CostView, MessagesView, OffersView, ProblemView, ShownView, TransliteratedView};
use api::request::{ChannelName, PreviewRequest, WordingToTry};
use domain::Language;
use domain::settings::{Channel, MessageFilter, Wording, WordingParts};
use front::Context;
use notify::Links;
use notify::preview::{Cost, Shown, preview};

/// Shows messages in the connection's wording, or in the wording of the request, with the short links of a public URL.
/// Sends nothing.
pub(crate) fn preview_templates(context: &Context, request: &PreviewRequest, public_url: Option<&str>) -> MessagesView {
    let links = Links::new(public_url.map(str::to_owned));
    let preview = preview(&convert_request(request), &context.settings, &links);
    let offers = preview.offers.into_iter().map(|(message, offers)| OffersView {
        message: message.to_owned(),
        always: offers.always.iter().map(|it| (*it).to_owned()).collect(),
        optional: offers.optional.iter().map(|it| (*it).to_owned()).collect(),
    });
    let problems = preview.problems.into_iter().map(|it| ProblemView { path: it.path, problem: it.problem });
    MessagesView {
        shown: preview.shown.into_iter().map(shown_view).collect(),
        offers: offers.collect(),
        problems: problems.collect(),
    }
}

fn convert_request(request: &PreviewRequest) -> notify::preview::PreviewRequest {
    let channel = |it: &ChannelName| match it {
        ChannelName::Sms => Channel::Sms,
        ChannelName::Email => Channel::Email,
    };
    notify::preview::PreviewRequest {
        messages: request.messages.clone(),
        languages: request.languages.iter().filter_map(|tag| Language::parse(tag)).collect(),
        channels: request.channels.iter().map(channel).collect(),
        event_type: request.event_type.clone(),
        wording: request.wording.clone().map(convert_wording),
    }
}

fn convert_wording(wording: WordingToTry) -> Wording {
    let WordingToTry { message, language, sms, subject, text, html } = wording;
    let language = language.as_deref().and_then(Language::parse);
    let filter = MessageFilter { language, ..MessageFilter::of(&message) };
    Wording { filter, parts: WordingParts { sms, subject, text, html } }
}

fn shown_view(it: Shown) -> ShownView {
    ShownView {
        message: it.message.to_owned(),
        notice: it.notice.map(str::to_owned),
        only_for: it.only_for,
        language: it.language.tag().to_owned(),
        channel: it.channel.name().to_owned(),
        variant: it.variant.name().to_owned(),
        providers: it.providers.into_iter().map(|it| it.name().to_owned()).collect(),
        template: it.template,
        subject: it.subject,
        text: it.text,
        html: it.html,
        cost: it.cost.map(cost_view),
        transliterated: it.transliterated.map(|it| TransliteratedView { text: it.text, cost: cost_view(it.cost) }),
        problem: it.problem,
    }
}

fn cost_view(it: Cost) -> CostView {
    CostView {
        encoding: it.encoding.name().to_owned(),
        units: it.units,
        segments: it.segments,
        culprits: it.culprits,
        price: it.price,
    }
}
