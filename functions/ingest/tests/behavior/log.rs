//! What is logged of files: their ids, and never their names.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use domain::upload::OnConflict;
use serde_json::{Value, json};
use store::blob::ObjectKey;
use testkit::Stack;
use tracing_subscriber::fmt::MakeWriter;

use crate::{begin, commit, event, state, workspace};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What S3 sends when the object of this key was written: the body of the message in `events/`.
fn written(key: &str) -> String {
    let example = include_str!("../../../../events/ingest-s3-event.json");
    let example: Value = serde_json::from_str(example).unwrap();
    let body = example["Records"][0]["body"].as_str().unwrap();
    let mut body: Value = serde_json::from_str(body).unwrap();
    body["Records"][0]["s3"]["object"]["key"] = key.into();
    body.to_string()
}

#[tokio::test]
async fn a_name_is_not_logged_when_it_is_taken_or_in_a_message_that_cannot_be_read() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let stack = Stack::start().await;
    let state = state(&stack);
    let name = "Jane Doe.bin";
    commit(&state.store, name, b"bytes", None).await;
    let upload = begin(&state.store, name, b"more", None, OnConflict::Fail).await;
    let key = ObjectKey::Blob(workspace(), upload.blob).path();
    let unreadable = json!({"v": name}).to_string();

    let guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    for body in [written(&key), unreadable] {
        ingest::handle(&state, event(&body)).await;
    }
    drop(guard);

    let logged = log.text();
    assert!(logged.contains("an upload was not finished"), "{logged}");
    assert!(logged.contains("name_taken"), "{logged}");
    assert!(logged.contains("cannot be read"), "{logged}");
    assert!(!logged.contains("Jane"), "{logged}");
}
