//! Sending work to a queue. Two implementations ship: SQS here, and the table of `infra/embedded`.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::message::Destination;
use domain::{Error, Result};

/// A place to send messages to. Delivery is at least once, in no order.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Sends one message, to be received no sooner than after `delay` (at most 15 minutes, as SQS).
    ///
    /// # Errors
    /// `Dependency` when the queue did not take the message.
    async fn send(&self, to: Destination, body: String, delay: Duration) -> Result<()>;
}

/// Queues of SQS, by URL.
#[derive(Clone, Debug)]
pub struct SqsQueues {
    client: aws_sdk_sqs::Client,
    urls: HashMap<Destination, String>,
}

impl SqsQueues {
    /// Sends to these queues through `client`. A function names only the queues it may send to.
    pub const fn new(client: aws_sdk_sqs::Client, urls: HashMap<Destination, String>) -> Self {
        Self { client, urls }
    }
}

#[async_trait]
impl Queue for SqsQueues {
    async fn send(&self, to: Destination, body: String, delay: Duration) -> Result<()> {
        let url = self
            .urls
            .get(&to)
            .ok_or_else(|| Error::corrupt(format!("no queue is configured for {}", to.name())))?;
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        self.client
            .send_message()
            .queue_url(url)
            .message_body(body)
            .delay_seconds(seconds)
            .send()
            .await
            .map_err(|error| Error::dependency("sending a message", error))?;
        Ok(())
    }
}
