//! The input of an invocation.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The input of an invocation.
#[derive(Debug)]
pub enum Input {
    /// A request through API Gateway. It must have a key.
    Http(Box<ApiGatewayV2httpRequest>),
    /// A direct invocation. IAM has checked the caller, so it needs no key.
    Direct(Value),
}

impl<'de> Deserialize<'de> for Input {
    /// Reads an event. API Gateway's events are recognized by their request context, which callers cannot set.
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let event = Value::deserialize(deserializer)?;
        if event.pointer("/requestContext/http").is_none() {
            return Ok(Self::Direct(event));
        }
        // Serde's own error would quote the value. An event that cannot be read is not a direct invocation either.
        Ok(serde_json::from_value(event).map_or(Self::Direct(Value::Null), |it| Self::Http(Box::new(it))))
    }
}
