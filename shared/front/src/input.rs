//! What a function is invoked with.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What a function is invoked with.
#[derive(Debug)]
pub enum Input {
    /// A request through API Gateway. It has to show a key.
    Http(Box<ApiGatewayV2httpRequest>),
    /// A direct invocation. IAM has checked the caller, who needs no key.
    Direct(Value),
}

impl<'de> Deserialize<'de> for Input {
    /// API Gateway's events are recognised by their context, which their callers can't write.
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let event = Value::deserialize(deserializer)?;
        if event.pointer("/requestContext/http").is_none() {
            return Ok(Self::Direct(event));
        }
        // serde's own error would quote the value. An event that can't be read is no direct invocation of ours either.
        Ok(serde_json::from_value(event).map_or(Self::Direct(Value::Null), |it| Self::Http(Box::new(it))))
    }
}
