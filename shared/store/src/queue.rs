//! Sending work to a queue, and saying when what failed comes again. Two implementations ship: SQS here, and the table of `infra/embedded`.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::message::Destination;
use domain::{Error, Result};
use runtime::batch::Again;
use runtime::telemetry::chain_of;
use tracing::warn;

use crate::Store;

/// A place to send messages to. Delivery is at least once, in no order.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Sends one message, to be received no sooner than after `delay` (at most 15 minutes, as SQS).
    ///
    /// # Errors
    /// `Dependency` when the queue did not take the message.
    async fn send(&self, to: Destination, body: String, delay: Duration) -> Result<()>;

    /// Has a message that was received and failed come again after `wait`. `receipt` is that of its
    /// last receive.
    ///
    /// # Errors
    /// `Dependency` when the queue did not take the word; the message comes again all the same, when
    /// its visibility timeout ends.
    async fn postpone(&self, from: Destination, receipt: &str, wait: Duration) -> Result<()>;
}

/// Queues of SQS, by URL.
#[derive(Clone, Debug)]
pub struct SqsQueues {
    client: aws_sdk_sqs::Client,
    urls: HashMap<Destination, String>,
}

impl SqsQueues {
    /// Reaches these queues through `client`. A function names only those it may use.
    pub const fn new(client: aws_sdk_sqs::Client, urls: HashMap<Destination, String>) -> Self {
        Self { client, urls }
    }

    fn url(&self, queue: Destination) -> Result<&str> {
        self.urls
            .get(&queue)
            .map(String::as_str)
            .ok_or_else(|| Error::corrupt(format!("no queue is configured for {}", queue.name())))
    }
}

/// A time as SQS takes it.
fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

#[async_trait]
impl Queue for SqsQueues {
    async fn send(&self, to: Destination, body: String, delay: Duration) -> Result<()> {
        self.client
            .send_message()
            .queue_url(self.url(to)?)
            .message_body(body)
            .delay_seconds(seconds(delay))
            .send()
            .await
            .map_err(|error| Error::dependency("sending a message", error))?;
        Ok(())
    }

    async fn postpone(&self, from: Destination, receipt: &str, wait: Duration) -> Result<()> {
        self.client
            .change_message_visibility()
            .queue_url(self.url(from)?)
            .receipt_handle(receipt)
            .visibility_timeout(seconds(wait))
            .send()
            .await
            .map_err(|error| Error::dependency("postponing a message", error))?;
        Ok(())
    }
}

impl Store {
    /// Has a failed message come again after its wait. Where that cannot be said to the queue, it
    /// only comes later.
    pub async fn postpone(&self, from: Destination, again: Again) {
        let postponed = self.queue.postpone(from, &again.receipt, again.wait);
        if let Err(error) = postponed.await {
            warn!(
                queue = from.name(),
                error = chain_of(&error),
                "a message was not postponed"
            );
        }
    }
}
