//! The runner: hands a queue's messages to the handler Lambda would call, and takes its word on each of them.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::message::Destination;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Message, Queue, event};

/// Longest sleep of an idle runner, so that a clock that was set or a laptop that slept is noticed.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Pause after the database failed, so that a full disk is not asked a thousand times a second.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How a queue is worked off; the settings of an event source mapping and of its function.
#[derive(Clone, Copy, Debug)]
pub struct RunnerSettings {
    /// Most messages in one event.
    pub batch: usize,
    /// Most events handled at once.
    pub concurrency: usize,
    /// How long the handler may take for one event; its whole batch failed when it takes longer.
    pub timeout: Duration,
    /// How long a message stays leased. AWS asks for at least six times the timeout.
    pub visibility: Duration,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        let timeout = Duration::from_mins(1);
        Self {
            batch: 10,
            concurrency: 2,
            timeout,
            visibility: timeout * 6,
        }
    }
}

/// A queue being worked off.
pub struct Runner {
    stopping: CancellationToken,
    dispatcher: JoinHandle<()>,
}

impl Runner {
    /// Starts to hand the messages of `from` to `handler`, which answers as a Lambda function with
    /// `ReportBatchItemFailures`: messages it names failed, all others are done, an error fails them all.
    pub fn start<H, F, E>(
        queue: Queue,
        from: Destination,
        settings: RunnerSettings,
        handler: H,
    ) -> Self
    where
        H: Fn(SqsEvent) -> F + Send + Sync + 'static,
        F: Future<Output = Result<SqsBatchResponse, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let stopping = CancellationToken::new();
        let dispatcher = Dispatcher {
            queue,
            from,
            settings,
            handler: Arc::new(handler),
            stopping: stopping.clone(),
        };
        Self {
            stopping,
            dispatcher: tokio::spawn(dispatcher.run()),
        }
    }

    /// Takes no more messages and returns once the events being handled are settled.
    pub async fn stop(self) {
        self.stopping.cancel();
        if let Err(error) = self.dispatcher.await {
            tracing::error!(%error, "a queue's dispatcher failed");
        }
    }
}

struct Dispatcher<H> {
    queue: Queue,
    from: Destination,
    settings: RunnerSettings,
    handler: Arc<H>,
    stopping: CancellationToken,
}

impl<H, F, E> Dispatcher<H>
where
    H: Fn(SqsEvent) -> F + Send + Sync + 'static,
    F: Future<Output = Result<SqsBatchResponse, E>> + Send + 'static,
    E: Display + Send + 'static,
{
    async fn run(self) {
        let slots = Arc::new(Semaphore::new(self.settings.concurrency));
        let running = TaskTracker::new();
        while let Some(slot) = self.free_slot(&slots).await {
            let received = self
                .queue
                .receive(self.from, self.settings.batch, self.settings.visibility)
                .await;
            match received {
                Ok(messages) if messages.is_empty() => {
                    drop(slot);
                    self.wait_for_messages().await;
                }
                Ok(messages) => {
                    running.spawn(self.handle(messages, slot));
                }
                Err(error) => {
                    tracing::error!(queue = self.from.name(), %error, "cannot receive messages");
                    self.sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
        running.close();
        running.wait().await;
    }

    async fn free_slot(&self, slots: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            slot = Arc::clone(slots).acquire_owned() => slot.ok(),
        }
    }

    async fn wait_for_messages(&self) {
        let sleep = match self.queue.next_due(self.from).await {
            Ok(due) => due
                .unwrap_or(LONGEST_SLEEP)
                .clamp(Duration::from_millis(1), LONGEST_SLEEP),
            Err(error) => {
                tracing::error!(queue = self.from.name(), %error, "cannot see when a message is due");
                PAUSE_AFTER_FAILURE
            }
        };
        tokio::select! {
            () = self.queue.bell(self.from).notified() => {}
            () = self.sleep(sleep) => {}
        }
    }

    async fn sleep(&self, time: Duration) {
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    fn handle(
        &self,
        messages: Vec<Message>,
        slot: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + use<H, F, E> {
        let (queue, from, timeout) = (self.queue.clone(), self.from, self.settings.timeout);
        let handler = Arc::clone(&self.handler);
        async move {
            let event = event::of(&messages, from);
            // A task of its own, so that a panic in the handler fails this batch and nothing else.
            let outcome =
                tokio::spawn(async move { tokio::time::timeout(timeout, handler(event)).await })
                    .await;
            let failed = match outcome {
                Ok(Ok(Ok(response))) => failures(&messages, &response),
                Ok(Ok(Err(error))) => all_failed(&messages, from, &error),
                Ok(Err(late)) => all_failed(&messages, from, &late),
                Err(panic) => all_failed(&messages, from, &panic),
            };
            let (failed, done): (Vec<_>, Vec<_>) =
                messages.into_iter().partition(|m| failed.contains(&m.id));
            let receipts =
                |messages: Vec<Message>| messages.into_iter().map(|m| m.receipt).collect();
            if let Err(error) = queue.settle(receipts(done), receipts(failed)).await {
                tracing::error!(queue = from.name(), %error, "cannot settle messages; they come again");
            }
            drop(slot);
        }
    }
}

type Failed = HashSet<uuid::Uuid>;

fn all_failed(messages: &[Message], from: Destination, error: &dyn Display) -> Failed {
    tracing::warn!(queue = from.name(), messages = messages.len(), %error, "a batch failed");
    messages.iter().map(|message| message.id).collect()
}

/// The messages a response names; all of them when it names one that is not in the batch, as Lambda does.
fn failures(messages: &[Message], response: &SqsBatchResponse) -> Failed {
    let batch: Failed = messages.iter().map(|message| message.id).collect();
    let named: Option<Failed> = response
        .batch_item_failures
        .iter()
        .map(|failure| {
            failure
                .item_identifier
                .parse()
                .ok()
                .filter(|id| batch.contains(id))
        })
        .collect();
    named.unwrap_or(batch)
}
