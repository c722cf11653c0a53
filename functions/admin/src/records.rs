//! What was delivered: statistics, attempts, and their repetition.

use std::collections::BTreeMap;

use api::answer::True;
use api::endpoint_answer::{AllStatisticsView, AttemptsView, DoneView, StatisticsView};
use api::endpoint_request::{
    AllStatisticsRequest, AttemptsRequest, EndpointStatisticsRequest, RecoverRequest, ReplayRequest,
};
use api::{Refusal, When, Why};
use deliveries::{DeliveryStore, EndpointStore, Page};
use domain::ConnectionName;
use endpoints::{DeliveryState, Endpoint, Statistics};
use events::Stream;
use front::{Context, invalid};
use futures_util::future::try_join_all;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use wire::deliveries::Delivery;

use crate::admin::{Admin, check_active, check_called, unavailable};
use crate::catch_up::{read_cursor, show_cursor};
use crate::ports::Ports;
use crate::view;

/// The default span of statistics.
const HOURS: u32 = 24;

/// The default length of a page of deliveries.
const PAGE: u32 = 20;

impl<P: Ports> Admin<P> {
    /// Returns the statistics of an endpoint.
    pub(crate) async fn endpoint_statistics(
        &self,
        context: &Context,
        request: &EndpointStatisticsRequest,
    ) -> Result<StatisticsView, Refusal> {
        let endpoint = self.load_endpoint(context, &request.endpoint).await?;
        let statistics = self.load_statistics(&context.connection, &endpoint, request.hours).await?;
        Ok(view::statistics(&endpoint, &statistics, true))
    }

    /// Returns the statistics of all endpoints.
    pub(crate) async fn all_statistics(
        &self,
        context: &Context,
        request: &AllStatisticsRequest,
    ) -> Result<AllStatisticsView, Refusal> {
        let all = self.store().list_endpoints(&context.connection).await.map_err(unavailable)?;
        let views = all.iter().map(async |endpoint| {
            let statistics = self.load_statistics(&context.connection, endpoint, request.hours).await?;
            Ok::<_, Refusal>((endpoint.id.as_str().to_owned(), view::statistics(endpoint, &statistics, false)))
        });
        let endpoints: BTreeMap<_, _> = try_join_all(views).await?.into_iter().collect();
        Ok(AllStatisticsView { endpoints })
    }

    async fn load_statistics(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        hours: Option<u32>,
    ) -> Result<Statistics, Refusal> {
        let since = self.now() - SignedDuration::from_hours(hours.unwrap_or(HOURS).into());
        let since = since.max(endpoint.created_at);
        self.store().load_statistics(connection, &endpoint.id, since).await.map_err(unavailable)
    }

    /// Lists the deliveries to an endpoint.
    pub(crate) async fn attempts(&self, context: &Context, request: &AttemptsRequest) -> Result<AttemptsView, Refusal> {
        let endpoint = self.load_endpoint(context, &request.endpoint).await?;
        let before = request.after.as_deref().map(read_cursor).transpose()?;
        let limit = request.limit.unwrap_or(PAGE);
        let page = self.store().recent_deliveries(&context.connection, &endpoint.id, before.as_deref(), limit).await;
        let Page { items, next } = page.map_err(unavailable)?;
        // Older ones are of a deleted endpoint with the same id.
        let own: Vec<_> = items.iter().take_while(|it| it.event_at >= endpoint.created_at).collect();
        let next = next.filter(|_| own.len() == items.len());
        Ok(AttemptsView {
            deliveries: own.into_iter().map(view::delivery).collect(),
            next: next.as_deref().map(show_cursor),
        })
    }

    /// Repeats one delivery, or those of events since an instant.
    pub(crate) async fn replay(&self, context: &Context, request: &ReplayRequest) -> Result<DoneView, Refusal> {
        let endpoint = self.load_endpoint(context, &request.endpoint).await?;
        check_called(&endpoint)?;
        let message = match (&request.delivery, request.since) {
            (Some(id), _) => self.replay_of(context, &endpoint, id).await?,
            (None, since) => replay_since(context, &endpoint, instant(since), false),
        };
        check_active(&endpoint)?;
        self.send(&[message]).await?;
        Ok(DoneView { success: True, message: "The deliveries will be repeated.".to_owned() })
    }

    /// Repeats the deliveries of events since an instant that were given up.
    pub(crate) async fn recover(&self, context: &Context, request: &RecoverRequest) -> Result<DoneView, Refusal> {
        let endpoint = self.load_endpoint(context, &request.endpoint).await?;
        check_called(&endpoint)?;
        check_active(&endpoint)?;
        self.send(&[replay_since(context, &endpoint, instant(Some(request.since)), true)]).await?;
        Ok(DoneView { success: True, message: "The failed deliveries will be repeated.".to_owned() })
    }

    /// Returns the message that repeats a delivery.
    async fn replay_of(&self, context: &Context, endpoint: &Endpoint, id: &str) -> Result<Delivery, Refusal> {
        let unknown = || Refusal::new(Why::DeliveryUnknown, "The endpoint got no such delivery.");
        let parsed = id
            .rsplit_once('/')
            .and_then(|(stream, number)| Some((Stream::parse(stream)?, number.parse::<u64>().ok()?)));
        let (stream, number) = parsed.ok_or_else(unknown)?;
        let found = self.store().load_delivery(&context.connection, &endpoint.id, &stream, number).await;
        let delivery = found.map_err(unavailable)?.ok_or_else(unknown)?;
        if delivery.state == DeliveryState::Pending {
            return Err(invalid("delivery", "is still being tried, so that it need not be repeated"));
        }
        if delivery.body.is_empty() {
            return Err(invalid(
                "delivery",
                "has no body, because the transformation failed: there is nothing to repeat",
            ));
        }
        if !delivery.allows_replay() {
            return Err(invalid("delivery", "has had the most attempts that are stored"));
        }
        Ok(Delivery::Replay {
            connection: context.connection.clone(),
            endpoint: endpoint.id.as_str().to_owned(),
            stream,
            number,
            attempts: 0,
        })
    }
}

/// Returns the instant of a time that was checked to have an offset.
fn instant(since: Option<When>) -> Timestamp {
    since.and_then(|it| it.instant(&TimeZone::UTC)).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn replay_since(context: &Context, endpoint: &Endpoint, since: Timestamp, only_failed: bool) -> Delivery {
    Delivery::ReplaySince {
        connection: context.connection.clone(),
        endpoint: endpoint.id.as_str().to_owned(),
        since: since.max(endpoint.created_at),
        only_failed,
        after: None,
    }
}
