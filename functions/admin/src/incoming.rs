//! VAI's events are taken in.

use std::collections::BTreeMap;

use api::endpoint_answer::{PostResult, PostedEventView, PostedEventsView};
use api::endpoint_request::PostEventsRequest;
use api::{Fault, Refusal};
use deliveries::EventLog;
use events::{Event, Stream};
use front::{Context, invalid, invalid_request};
use futures_util::future::try_join_all;
use wire::deliveries::{Delivery, NewEvent};

use crate::admin::{Admin, unavailable};
use crate::ports::Ports;

impl<P: Ports> Admin<P> {
    /// Appends events to the logs of their streams, and tells the dispatcher once for each stream.
    pub(crate) async fn post_events(
        &self,
        context: &Context,
        request: &PostEventsRequest,
    ) -> Result<PostedEventsView, Refusal> {
        let body = serde_json::to_value(request).map_err(|_| invalid("body", "is not an event"))?;
        let parsed = events::parse_batch(body, self.now()).map_err(|faults| invalid_request(read_faults(faults)))?;
        let mut views = Vec::new();
        let mut by_stream: BTreeMap<Stream, Vec<(usize, Event)>> = BTreeMap::new();
        for (index, event) in parsed.into_iter().enumerate() {
            match event {
                Ok(incoming) => {
                    views.push(PostedEventView {
                        id: Some(incoming.event.id.clone()),
                        result: PostResult::Accepted,
                        faults: Vec::new(),
                    });
                    by_stream.entry(incoming.stream).or_default().push((index, incoming.event));
                }
                Err(faults) if request.events.is_none() => return Err(invalid_request(read_faults(faults))),
                Err(faults) => {
                    let faults = read_faults(faults);
                    views.push(PostedEventView { id: None, result: PostResult::Refused, faults });
                }
            }
        }
        let appended = by_stream.into_iter().map(|(stream, events)| self.append(context, stream, events));
        let appended = try_join_all(appended).await?;
        let mut messages = Vec::new();
        for (message, duplicates) in appended {
            messages.push(message);
            for index in duplicates {
                views[index].result = PostResult::Duplicate;
            }
        }
        self.send(&messages).await?;
        let refused = views.iter().filter(|it| it.result == PostResult::Refused).count();
        tracing::info!(
            connection = %context.connection,
            events.posted = views.len(),
            events.refused = refused,
            "events of VAI taken in"
        );
        Ok(PostedEventsView { events: views })
    }

    /// Appends the events of one stream, in order. Returns the message for the dispatcher, and which events were there.
    ///
    /// The message names those too: the call that appended them may have ended before it sent its message.
    async fn append(
        &self,
        context: &Context,
        stream: Stream,
        events: Vec<(usize, Event)>,
    ) -> Result<(Delivery, Vec<usize>), Refusal> {
        let (mut published, mut duplicates) = (Vec::new(), Vec::new());
        for (index, event) in events {
            let appended = self.store().append_event(&context.connection, &stream, &event, self.now()).await;
            let (number, is_new) = appended.map_err(unavailable)?;
            published.push(NewEvent { number, kind: event.kind });
            if !is_new {
                duplicates.push(index);
            }
        }
        Ok((Delivery::Published { connection: context.connection.clone(), stream, events: published }, duplicates))
    }
}

fn read_faults(faults: Vec<events::Fault>) -> Vec<Fault> {
    faults.into_iter().map(|it| Fault::new(it.path, it.problem)).collect()
}
