//! The operations that are answered: those on items, and those that declare a table.
//!
//! Reads have connections of their own, so that none waits for the sync of a write. `SQLite` shows a commit to them
//! once it is on the disk, which is before its writer hears of it: a read sees every write acknowledged before it.
//! What a connection knows of a table it keeps, so no operation that changes a table once it is declared is here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What `X-Amz-Target` begins with. Source: DynamoDB Developer Guide, low-level API.
const TARGET: &str = "DynamoDB_20120810.";

/// The answer to an operation that is not here, as DynamoDB words it.
const UNKNOWN_OPERATION: &[u8] =
    br#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;

/// A status and a body of JSON.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The connections to one file. Clones share them.
#[derive(Clone)]
pub(super) struct Tables {
    writer: Database,
    readers: Arc<[Database]>,
    turn: Arc<AtomicUsize>,
}

impl Tables {
    /// There must be a reader.
    pub(super) fn new(writer: Database, readers: Vec<Database>) -> Self {
        Self {
            writer,
            readers: readers.into(),
            turn: Arc::default(),
        }
    }

    /// Answers a request on this thread, which may block.
    pub(super) fn answer(&self, target: &str, body: &[u8]) -> Answer {
        let writer = &self.writer;
        let answered = match target.strip_prefix(TARGET).unwrap_or_default() {
            "GetItem" => call(body, |request| self.reader().get_item(request)),
            "BatchGetItem" => call(body, |request| self.reader().batch_get_item(request)),
            "Query" => call(body, |request| self.reader().query(request)),
            "Scan" => call(body, |request| self.reader().scan(request)),
            "PutItem" => call(body, |request| writer.put_item(request)),
            "UpdateItem" => call(body, |request| writer.update_item(request)),
            "DeleteItem" => call(body, |request| writer.delete_item(request)),
            "TransactWriteItems" => call(body, |request| {
                writer.transact_write_items(forgetful(request))
            }),
            "CreateTable" => call(body, |request| writer.create_table(request)),
            "DescribeTable" => call(body, |request| writer.describe_table(request)),
            _ => {
                return Answer {
                    status: 400,
                    body: UNKNOWN_OPERATION.to_owned(),
                };
            }
        };
        match answered {
            Ok(body) => Answer { status: 200, body },
            Err(error) => Answer {
                status: error.status_code(),
                body: error.to_json().into_bytes(),
            },
        }
    }

    fn reader(&self) -> &Database {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.readers[turn % self.readers.len()]
    }
}

/// Leaves out the token by which a transaction is known when it comes again. `dynoxide` remembers each for ten minutes
/// and looks through all it remembers at every transaction, so that each would take longer than the one before. Here
/// none comes again unless it was refused: no answer gets lost within a process.
fn forgetful(request: TransactWriteItemsRequest) -> TransactWriteItemsRequest {
    TransactWriteItemsRequest {
        client_request_token: None,
        ..request
    }
}

fn call<Request, Response>(
    body: &[u8],
    operation: impl FnOnce(Request) -> Result<Response, DynoxideError>,
) -> Result<Vec<u8>, DynoxideError>
where
    Request: DeserializeOwned,
    Response: Serialize,
{
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let response = operation(request)?;
    serde_json::to_vec(&response)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
