//! Runs a handler over the messages of an SQS batch and reports the ones that failed, so that one
//! bad message never holds up its batch.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use rand::Rng;
use serde::de::DeserializeOwned;

/// One message, as a handler needs it.
#[derive(Clone, Debug)]
pub struct Message {
    /// What was sent.
    pub body: String,
    /// How often it has been received, this time included.
    pub receive_count: u32,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done with.
    Done,
    /// It is to come again, until the queue gives up on it.
    Again,
}

/// A message that is to come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// Names this receive of it, to its queue.
    pub receipt: String,
    /// After how long. Without a word from us it would be the queue's visibility timeout, which
    /// outlasts the longest try and so is far too long.
    pub wait: Duration,
}

/// How long a message that failed waits before it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure; six times as long after each further one.
    pub first: Duration,
    /// The longest wait of all.
    pub longest: Duration,
}

impl Default for Backoff {
    /// A lost race is made up for within seconds; five tries outlast a service that is away for a
    /// few minutes.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_mins(10),
        }
    }
}

impl Backoff {
    /// Returns the wait after so many receives: of the longest that it may be, a random part
    /// between a half and all, so that messages that failed together do not come back together.
    pub fn after(self, receives: u32) -> Duration {
        let growth = 6_u32.saturating_pow(receives.saturating_sub(1));
        let longest = self.first.saturating_mul(growth).min(self.longest);
        rand::rng().random_range(longest / 2..=longest)
    }
}

/// Handles the messages of a batch one after another, and has `postpone` tell the queue when those
/// that failed are to come again.
pub async fn run<F, Fut, P, Postponed>(event: SqsEvent, handle: F, postpone: P) -> SqsBatchResponse
where
    F: Fn(Message) -> Fut,
    Fut: Future<Output = Outcome> + Send,
    P: Fn(Again) -> Postponed,
    Postponed: Future<Output = ()> + Send,
{
    let mut response = SqsBatchResponse::default();
    for mut record in event.records {
        let id = record.message_id.take().unwrap_or_default();
        let receipt = record.receipt_handle.take();
        let message = message(record);
        let wait = Backoff::default().after(message.receive_count);
        // Behind a pointer: handlers are deep, and their callers need not be laid out around them.
        let handling: Pin<Box<dyn Future<Output = Outcome> + Send>> = Box::pin(handle(message));
        if handling.await == Outcome::Done {
            continue;
        }
        if let Some(receipt) = receipt {
            Box::pin(postpone(Again { receipt, wait })).await;
        }
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        response.batch_item_failures.push(failure);
    }
    response
}

/// Reads the body of a message.
///
/// # Errors
/// Where it cannot be read. What stands there is not quoted: it may be a name, and this is logged.
pub fn parse<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|error| {
        format!(
            "{:?} error at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        )
    })
}

fn message(record: SqsMessage) -> Message {
    let receive_count = record
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    Message {
        body: record.body.unwrap_or_default(),
        receive_count,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn record(body: &str, receives: &str) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(format!("{body}-id"));
        record.receipt_handle = Some(format!("{body}-receipt"));
        record.body = Some(body.to_owned());
        let name = "ApproximateReceiveCount".to_owned();
        record.attributes.insert(name, receives.to_owned());
        record
    }

    #[tokio::test]
    async fn a_message_that_failed_is_named_and_postponed_and_the_others_are_done() {
        let mut event = SqsEvent::default();
        event.records = vec![record("good", "1"), record("bad", "2"), record("late", "1")];
        let postponed = Mutex::new(Vec::new());

        let response = run(
            event,
            async |message| {
                if message.body == "bad" {
                    Outcome::Again
                } else {
                    Outcome::Done
                }
            },
            async |again| postponed.lock().unwrap().push(again),
        )
        .await;

        let failed: Vec<_> = response
            .batch_item_failures
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect();
        assert_eq!(failed, ["bad-id"]);
        let postponed = postponed.into_inner().unwrap();
        assert_eq!(postponed.len(), 1);
        assert_eq!(postponed[0].receipt, "bad-receipt");
        assert!((6..=12).contains(&postponed[0].wait.as_secs()));
    }

    #[test]
    fn waits_grow_to_the_longest_and_never_beyond() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(100),
        };
        for (receives, longest) in [(0, 1), (1, 1), (2, 6), (3, 36), (4, 100), (u32::MAX, 100)] {
            let longest = Duration::from_secs(longest);
            let wait = backoff.after(receives);
            assert!(
                (longest / 2..=longest).contains(&wait),
                "{receives}: {wait:?}"
            );
        }
    }
}
