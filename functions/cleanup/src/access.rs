//! Downloads: counted from the access queue, once each.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::message::{Access, Destination};
use runtime::batch::{self, Message, Outcome};
use tracing::{error, warn};

use crate::State;

/// Counts the downloads of a batch of messages, and says which messages are to come again.
pub async fn handle(state: &State, event: SqsEvent) -> SqsBatchResponse {
    batch::run(
        event,
        |message| Box::pin(count_one(state, message)),
        |again| state.store.postpone(Destination::Access, again),
    )
    .await
}

async fn count_one(state: &State, message: Message) -> Outcome {
    let access = match read(&message.body) {
        Ok(access) => access,
        Err(detail) => {
            // It comes again until it is set aside, where a person finds it.
            error!(detail, "a message of the access queue cannot be read");
            return Outcome::Again;
        }
    };
    match state.store.count_access(&access).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            warn!(file.id = %access.file, error = error.for_log(), "a download was not counted");
            Outcome::Again
        }
    }
}

/// Reads the body of a message.
fn read(body: &str) -> Result<Access, String> {
    let access: Access = batch::parse(body)?;
    if access.v > Access::FORMAT {
        return Err(format!("format {} is newer than this function", access.v));
    }
    Ok(access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_nothing_we_know_or_of_a_newer_format_is_refused() {
        let current = r#"{"v":1,"id":"00000000-0000-4000-8000-000000000001","workspace":"acme",
            "file":"00000000-0000-7000-8000-000000000002","version":1,"principal":"user-1",
            "at":"2026-01-01T00:00:00Z"}"#;
        assert!(read(current).is_ok());
        assert!(read(&current.replace("\"v\":1", "\"v\":2")).is_err());
        assert!(read("{}").is_err());
    }
}
