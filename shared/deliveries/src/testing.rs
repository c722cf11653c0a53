//! Tests of an endpoint, at the customer's wish: one signed sample, answered in the same call.

use domain::ConnectionName;
use endpoints::{Attempt, Endpoint};
use engine::PortError;
use events::{Event, Stream};

use crate::attempt::{failed, new_delivery};
use crate::compose::{Composed, compose_test};
use crate::dispatcher::Dispatcher;
use crate::ports::Ports;

impl<P: Ports> Dispatcher<'_, P> {
    /// Sends an event to an endpoint, signed, outside every sequence. Nothing is stored of it. A success shows that an
    /// active endpoint answers again: its breaker closes.
    ///
    /// # Errors
    /// A port gave no result.
    pub async fn test_endpoint(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        event: &Event,
    ) -> Result<Attempt, PortError> {
        let mut delivery = new_delivery(&Stream::Endpoint(endpoint.id.as_str().to_owned()), event, 0);
        match compose_test(connection, endpoint, event) {
            Ok(Composed { body, content_type }) => {
                delivery.body = body;
                content_type.clone_into(&mut delivery.content_type);
            }
            Err(detail) => {
                let result = failed("transformation_failed", detail).result;
                return Ok(Attempt { at: self.now(), millis: 0, result, is_replay: false });
            }
        }
        let (attempt, _) = self.post_delivery(connection, endpoint, &delivery, false).await?;
        if endpoint.is_active() && attempt.result.is_success() {
            self.record_success(connection, endpoint).await?;
        }
        Ok(attempt)
    }
}
