//! One attempt: compose, sign, post.

use domain::{CommandId, ConnectionName, digest, error_chain};
use endpoints::{Attempt, AttemptResult, Delivery, DeliveryState, Endpoint, EndpointSecrets, Lane, TargetKind};
use engine::PortError;
use events::{Event, Sequence, Stream};
use jiff::Timestamp;
use signing::{Secret, SigningKeys, sign_delivery};
use wire::due::{Due, EndpointMail};

use crate::compose::{Composed, compose_body};
use crate::dispatcher::Dispatcher;
use crate::lane_key::LaneKey;
use crate::ports::{Answer, DeliveryQueue, DeliveryStore, Ports, Receiver, Vault};

/// An attempt that was made, and its delivery without it.
pub(crate) struct Attempted {
    pub(crate) delivery: Delivery,
    pub(crate) attempt: Attempt,
    pub(crate) retry_after: Option<u32>,
}

impl<P: Ports> Dispatcher<'_, P> {
    /// Attempts the delivery of a claimed lane's event. The body of an earlier attempt is used again.
    pub(crate) async fn attempt_delivery(
        &self,
        key: LaneKey<'_>,
        endpoint: &Endpoint,
        lane: &Lane,
        event: &Event,
    ) -> Result<Attempted, PortError> {
        let number = lane.next_number();
        let is_repeated = lane.pending.as_ref().is_some_and(|pending| pending.attempts > 1);
        let stored = if is_repeated {
            self.ports.store().load_delivery(key.connection, key.endpoint, key.stream, number).await?
        } else {
            None
        };
        let mut delivery = stored.unwrap_or_else(|| new_delivery(key.stream, event, number));
        if delivery.body.is_empty() {
            let stream = key.stream.to_string();
            let sequence = Sequence { stream, number, previous: lane.previous.clone() };
            match compose_body(key.connection, endpoint, event, Some(&sequence)) {
                Ok(Composed { body, content_type }) => {
                    delivery.body = body;
                    content_type.clone_into(&mut delivery.content_type);
                }
                Err(detail) => {
                    let result = AttemptResult::Failed { code: "transformation_failed".to_owned(), detail };
                    let attempt = Attempt { at: self.now(), millis: 0, result, is_replay: false };
                    return Ok(Attempted { delivery, attempt, retry_after: None });
                }
            }
        }
        let (attempt, retry_after) = self.post_delivery(key.connection, endpoint, &delivery, false).await?;
        Ok(Attempted { delivery, attempt, retry_after })
    }

    /// Makes an attempt: signs a delivery and posts it, or hands it over where it is not posted. Returns the attempt
    /// and the wait that the receiver asked for, in seconds.
    pub(crate) async fn post_delivery(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        delivery: &Delivery,
        is_replay: bool,
    ) -> Result<(Attempt, Option<u32>), PortError> {
        let at = self.now();
        let answer = match endpoint.target {
            TargetKind::Url => self.post_signed(connection, endpoint, delivery, at).await?,
            // Events for an endpoint that asks for them are complete when they are stored.
            TargetKind::Poll => succeeded(200, "stored for polling"),
            TargetKind::Email => {
                self.ports.queue().hand_over(&email(connection, endpoint, delivery, is_replay.then_some(at))).await?;
                succeeded(202, "handed over to be sent by e-mail")
            }
        };
        let Answer { result, retry_after, millis } = answer;
        Ok((Attempt { at, millis, result, is_replay }, retry_after))
    }

    async fn post_signed(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        delivery: &Delivery,
        at: Timestamp,
    ) -> Result<Answer, PortError> {
        let secrets = self.ports.vault().open(connection, endpoint).await?;
        let key_pair = if endpoint.ed25519 { self.ports.vault().signing_key(connection, at).await? } else { None };
        Ok(match sign(endpoint, delivery, &secrets, key_pair, at) {
            Ok(headers) => {
                let answer = self.ports.receiver().post(&secrets.url, &headers, delivery.body.as_bytes()).await;
                Answer { result: hide_secrets(answer.result, &secrets), ..answer }
            }
            Err(detail) => failed("not_signed", detail),
        })
    }
}

/// Returns the message that has a delivery sent by e-mail. An attempt that is repeated after a crash has the same key;
/// a replay has its own, since it is to be sent again.
fn email(connection: &ConnectionName, endpoint: &Endpoint, delivery: &Delivery, replayed_at: Option<Timestamp>) -> Due {
    let replayed_at = replayed_at.map(|it| it.to_string()).unwrap_or_default();
    let Delivery { stream, number, .. } = delivery;
    let key = digest(&["email", connection.as_str(), endpoint.id.as_str(), stream, &number.to_string(), &replayed_at]);
    Due::Email {
        connection: connection.clone(),
        endpoint: endpoint.id.as_str().to_owned(),
        key: CommandId::new(key),
        mail: EndpointMail::Delivery { stream: stream.clone(), number: *number },
    }
}

pub(crate) fn new_delivery(stream: &Stream, event: &Event, number: u64) -> Delivery {
    Delivery {
        event_id: event.id.clone(),
        event_type: event.kind.name().to_owned(),
        event_at: event.at,
        stream: stream.to_string(),
        number,
        body: String::new(),
        content_type: signing::JSON.to_owned(),
        state: DeliveryState::Pending,
        next_at: None,
        attempts: Vec::new(),
        revision: 0,
    }
}

/// Hides secrets in an answer: some receivers answer with the headers that they got, and attempts are shown.
fn hide_secrets(result: AttemptResult, secrets: &EndpointSecrets) -> AttemptResult {
    let AttemptResult::Answered { status, mut body } = result else { return result };
    let previous = secrets.previous.iter().map(|it| &it.secret);
    for secret in secrets.headers.values().chain([&secrets.secret]).chain(previous).filter(|it| !it.is_empty()) {
        body = body.replace(secret.as_str(), "***");
        // The answer was cut, perhaps amid a secret.
        let cut = (4..secret.len()).rev().filter_map(|length| secret.get(..length)).find(|part| body.ends_with(part));
        if let Some(part) = cut {
            body.truncate(body.len() - part.len());
        }
    }
    AttemptResult::Answered { status, body }
}

fn succeeded(status: u16, body: &str) -> Answer {
    Answer { result: AttemptResult::answered(status, body), retry_after: None, millis: 0 }
}

pub(crate) fn failed(code: &str, detail: String) -> Answer {
    Answer { result: AttemptResult::Failed { code: code.to_owned(), detail }, retry_after: None, millis: 0 }
}

/// Returns the headers: the customer's own, then ours, which the customer's cannot replace.
fn sign(
    endpoint: &Endpoint,
    delivery: &Delivery,
    secrets: &EndpointSecrets,
    ed25519: Option<signing::SigningKeyPair>,
    at: Timestamp,
) -> Result<Vec<(String, String)>, String> {
    let parse = |text: &str| Secret::parse(text).map_err(|error| error_chain(&error));
    let keys = SigningKeys {
        current: parse(&secrets.secret)?,
        previous: secrets.valid_previous(at).map(parse).collect::<Result<_, _>>()?,
        ed25519,
    };
    let Delivery { event_id, event_type, body, content_type, .. } = delivery;
    let signed = signing::Delivery::new(event_id, event_type, endpoint.id.as_str(), at, body.as_bytes());
    let signed = signed.map_err(|error| error_chain(&error))?.with_content_type(known_content_type(content_type));
    let ours = sign_delivery(&signed, &keys).into_iter().map(|(name, value)| (name.to_owned(), value));
    Ok(secrets.headers.clone().into_iter().chain(ours).collect())
}

/// Returns one of the content types that outputs have.
fn known_content_type(stored: &str) -> &'static str {
    if stored == "application/cloudevents+json" { "application/cloudevents+json" } else { signing::JSON }
}
