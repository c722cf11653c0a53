//! Tests of an endpoint. The first success verifies it.

use api::Refusal;
use api::endpoint_answer::TestView;
use api::endpoint_request::TestEndpointRequest;
use endpoints::{Attempt, AttemptResult, Endpoint, Status, TargetKind};
use events::{Event, EventType};
use front::{Context, invalid};

use crate::admin::{Admin, check_called, unavailable};
use crate::change::resume;
use crate::ports::Ports;
use crate::view;

impl<P: Ports> Admin<P> {
    /// Sends a sample to an endpoint.
    pub(crate) async fn test_endpoint(
        &self,
        context: &Context,
        request: &TestEndpointRequest,
    ) -> Result<TestView, Refusal> {
        let kind = match request.kind.as_deref().map(EventType::parse) {
            None => EventType::WebhookTest,
            Some(Some(kind)) => kind,
            Some(None) => return Err(invalid("type", &format!("must be one of {}", EventType::NAMES.join(", ")))),
        };
        let endpoint = self.load_endpoint(context, &request.endpoint).await?;
        check_called(&endpoint)?;
        if endpoint.target == TargetKind::Email {
            return self.test_email(context, endpoint, kind).await;
        }
        let (view, _) = self.run_test(context, endpoint, kind).await?;
        Ok(view)
    }

    /// Sends a sample to an endpoint, and enables it if it was not verified before. Returns it as it is then.
    pub(crate) async fn run_test(
        &self,
        context: &Context,
        endpoint: Endpoint,
        kind: EventType,
    ) -> Result<(TestView, Endpoint), Refusal> {
        let event = self.sample(&endpoint, kind)?;
        let tested = self.dispatcher(context).test_endpoint(&context.connection, &endpoint, &event).await;
        let attempt = tested.map_err(unavailable)?;
        let is_success = attempt.result.is_success();
        tracing::info!(
            connection = %context.connection,
            endpoint.id = %endpoint.id,
            attempt.result = attempt.result.name(),
            attempt.millis = attempt.millis,
            "endpoint tested"
        );
        let endpoint = match endpoint.status {
            Status::Unverified if is_success => self.verify(context, endpoint).await?,
            _ => endpoint,
        };
        let view = TestView {
            success: is_success,
            message: describe(&attempt),
            endpoint_status: endpoint.status.name().to_owned(),
            details: view::attempt(&attempt),
        };
        Ok((view, endpoint))
    }

    /// Enables an endpoint that has answered a test, and continues what has waited.
    async fn verify(&self, context: &Context, tested: Endpoint) -> Result<Endpoint, Refusal> {
        let changed = self.change_endpoint(context, tested.id.as_str(), async |endpoint| {
            // The URL may have been changed while the old one was tested.
            if endpoint.status != Status::Unverified || endpoint.sealed != tested.sealed {
                return Ok(None);
            }
            self.activate(context, endpoint).await.map(Some)
        });
        let endpoint = changed.await?;
        if endpoint.is_active() {
            self.send(&[resume(context, &endpoint)]).await?;
        }
        Ok(endpoint)
    }

    /// Makes the id of an event.
    pub(crate) fn event_id(&self) -> Result<String, Refusal> {
        Ok(format!("evt_{}", hex::encode(&self.random()?[..16])))
    }

    /// Returns a sample of an event that happens now.
    fn sample(&self, endpoint: &Endpoint, kind: EventType) -> Result<Event, Refusal> {
        Ok(events::test_event(kind, self.event_id()?, endpoint.id.as_str(), self.now()))
    }
}

fn describe(attempt: &Attempt) -> String {
    match &attempt.result {
        result if result.is_success() => "Test webhook delivered successfully.".to_owned(),
        AttemptResult::Answered { status, .. } => {
            format!("Test webhook failed: the URL answered with status {status}, and must answer with 2xx.")
        }
        AttemptResult::Failed { code, detail } => format!("Test webhook failed: {code}: {detail}."),
    }
}
