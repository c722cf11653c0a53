//! One-shot schedules of EventBridge Scheduler: each puts a message on a queue at an instant, and then deletes itself.

use aws_config::SdkConfig;
use aws_sdk_scheduler::error::{BuildError, SdkError};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use engine::PortError;
use jiff::{Timestamp, tz::TimeZone};

/// How long EventBridge Scheduler retries if SQS does not accept the message: the longest that it offers. What a late
/// message brings back is checked before it is done.
const RETRY_SECONDS: i32 = 86_400;
const RETRIES: i32 = 185;

/// The schedules of one group.
#[derive(Debug)]
pub struct Scheduler {
    client: aws_sdk_scheduler::Client,
    group: String,
    role_arn: String,
    dead_letters_arn: String,
}

impl Scheduler {
    /// Makes it of the group's name, the role that sends the messages, and the queue of those that were not accepted.
    pub fn new(
        sdk: &SdkConfig,
        group: impl Into<String>,
        role_arn: impl Into<String>,
        dead_letters_arn: impl Into<String>,
    ) -> Self {
        Self {
            client: aws_sdk_scheduler::Client::new(sdk),
            group: group.into(),
            role_arn: role_arn.into(),
            dead_letters_arn: dead_letters_arn.into(),
        }
    }

    /// Creates a schedule that puts `input` on the queue `target_arn` at `at`. If there is one with that name, that is
    /// success. A name has up to 64 of `0-9a-zA-Z-_.`, and always stands for the same message and instant.
    ///
    /// # Errors
    /// EventBridge Scheduler did not accept it within the client's time-outs.
    pub async fn create(
        &self,
        name: &str,
        target_arn: &str,
        input: impl Into<String>,
        at: Timestamp,
    ) -> Result<(), PortError> {
        let failed = |error: BuildError| PortError::unavailable_because("a schedule could not be built", error);
        let target = Target::builder()
            .arn(target_arn)
            .role_arn(&self.role_arn)
            .input(input)
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_event_age_in_seconds(RETRY_SECONDS)
                    .maximum_retry_attempts(RETRIES)
                    .build(),
            )
            .dead_letter_config(DeadLetterConfig::builder().arn(&self.dead_letters_arn).build())
            .build()
            .map_err(failed)?;
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(failed)?;
        let created = self
            .client
            .create_schedule()
            .name(name)
            .group_name(&self.group)
            .schedule_expression(at_expression(at))
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            // Names are deterministic, so the existing schedule is the same.
            Err(SdkError::ServiceError(error)) if error.err().is_conflict_exception() => Ok(()),
            Err(error) => Err(PortError::unavailable_because("EventBridge Scheduler created no schedule", error)),
        }
    }

    /// Deletes a schedule. If there is none with that name, that is success: it has fired and deleted itself.
    ///
    /// # Errors
    /// EventBridge Scheduler did not delete it within the client's time-outs.
    pub async fn delete(&self, name: &str) -> Result<(), PortError> {
        match self.client.delete_schedule().name(name).group_name(&self.group).send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => Ok(()),
            Err(error) => Err(PortError::unavailable_because("EventBridge Scheduler removed no schedule", error)),
        }
    }
}

/// Returns the expression, such as `at(2026-11-20T15:04:05)`. EventBridge Scheduler accepts whole seconds without a
/// zone. The instant is rounded up, so that the schedule does not fire early.
fn at_expression(at: Timestamp) -> String {
    let rounded = Timestamp::from_second(at.as_second() + i64::from(at.subsec_nanosecond() > 0)).unwrap_or(at);
    format!("at({})", rounded.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_scheduler::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
    use serde_json::json;
    use stand_in::{Answer, StandIn};

    use super::*;

    fn scheduler(server: &StandIn) -> Scheduler {
        let credentials = Credentials::new("test", "test", None, None, "test");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(server.url())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Scheduler::new(&sdk, "group", "arn:role", "arn:dead-letters")
    }

    fn refusal(code: &'static str) -> Answer {
        Answer::json(400, json!({ "Message": "no" })).header("x-amzn-errortype", code)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[tokio::test]
    async fn a_schedule_is_created_with_its_message_and_deletes_itself() {
        let server = StandIn::with_answer(Answer::json(200, json!({ "ScheduleArn": "arn:schedule" })));
        let created = scheduler(&server).create("name", "arn:queue", "{\"a\":1}", at("2026-11-20T10:00:00Z")).await;
        created.expect("created");
        let request = server.only_request();
        assert_eq!(request.method_and_target(), "POST /schedules/name");
        let mut body = request.json();
        body.as_object_mut().expect("an object").remove("ClientToken");
        assert_eq!(
            body,
            json!({
                "GroupName": "group",
                "ScheduleExpression": "at(2026-11-20T10:00:00)",
                "ScheduleExpressionTimezone": "UTC",
                "FlexibleTimeWindow": { "Mode": "OFF" },
                "ActionAfterCompletion": "DELETE",
                "Target": {
                    "Arn": "arn:queue",
                    "RoleArn": "arn:role",
                    "Input": "{\"a\":1}",
                    "RetryPolicy": { "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 },
                    "DeadLetterConfig": { "Arn": "arn:dead-letters" },
                },
            })
        );
    }

    #[tokio::test]
    async fn a_schedule_is_deleted_in_its_group() {
        let server = StandIn::with_answer(Answer::json(200, json!({})));
        scheduler(&server).delete("name").await.expect("deleted");
        let request = server.only_request();
        assert_eq!(request.method_and_path(), "DELETE /schedules/name");
        assert_eq!(request.query_fields()[0], ("groupName".to_owned(), "group".to_owned()));
    }

    #[tokio::test]
    async fn what_is_done_already_is_success_and_every_other_refusal_an_error() {
        let answered = async |code| {
            let server = StandIn::with_answer(refusal(code));
            let scheduler = scheduler(&server);
            (
                scheduler.create("name", "arn:queue", "a", at("2026-11-20T10:00:00Z")).await,
                scheduler.delete("name").await,
            )
        };
        let (created, deleted) = answered("ConflictException").await;
        assert!(created.is_ok() && matches!(deleted, Err(PortError::Unavailable { source: Some(_), .. })));
        let (created, deleted) = answered("ResourceNotFoundException").await;
        assert!(deleted.is_ok() && matches!(created, Err(PortError::Unavailable { source: Some(_), .. })));
        let (created, deleted) = answered("ValidationException").await;
        assert!(created.is_err() && deleted.is_err());
    }

    #[test]
    fn the_expression_is_utc_and_rounds_up() {
        let expression = |text: &str| at_expression(at(text));
        assert_eq!(expression("2026-03-29T01:00:00Z"), "at(2026-03-29T01:00:00)");
        assert_eq!(expression("2026-12-31T23:59:59.001Z"), "at(2027-01-01T00:00:00)");
    }
}
