//! The summary of a version.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ai::ModelError;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use domain::WorkspaceId;
use domain::message::Task;
use serde_json::Value;
use store::work::work_of;
use testkit::Sheaf;

use crate::fake::Fake;

fn id(file: &Value) -> String {
    file["id"].as_str().unwrap().to_owned()
}

/// An event with these bodies, each received for the first time.
fn event(bodies: impl IntoIterator<Item = String>) -> SqsEvent {
    let mut event = SqsEvent::default();
    for (number, body) in bodies.into_iter().enumerate() {
        let mut message = SqsMessage::default();
        message.message_id = Some(number.to_string());
        message.body = Some(body);
        event.records.push(message);
    }
    event
}

/// The message that asks for the summary of a file's first version.
fn message(file: &Value) -> String {
    let workspace: WorkspaceId = "acme".parse().unwrap();
    let task = Task::SummarizeVersion {
        file: id(file).parse().unwrap(),
        version: 1,
    };
    serde_json::to_string(&work_of(&workspace, task)).unwrap()
}

async fn dead_letters(sheaf: &Sheaf) -> usize {
    let queue = &sheaf.server.stack.queue;
    queue.dead_letters(None, 100).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_completed_with_the_summary_of_the_model() {
    let (sheaf, _) = Fake::new().start().await;
    let client = sheaf.admin();

    let file = client.put("name=a.txt", "Some text.").await;
    sheaf.rest().await;

    let file = client.file(&id(&file)).await;
    assert_eq!(file["status"], "completed");
    assert_eq!(file["summary"]["text"], "What it says.");
    assert_eq!(file["summary"]["model"], "fake");
    assert_eq!(file["summary"]["prompt_version"], "fake-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_bytes_are_summarized_once_also_at_the_same_time() {
    let (sheaf, model) = Fake::new().documents_closed().start().await;
    let client = sheaf.admin();

    let first = client.put("name=a.txt", "Equal bytes.").await;
    let second = client.put("name=b.txt", "Equal bytes.").await;
    Fake::called(&model.documents, 1).await;
    model.open();
    sheaf.rest().await;
    let third = client.put("name=c.txt", "Equal bytes.").await;
    sheaf.rest().await;

    for file in [first, second, third] {
        let file = client.file(&id(&file)).await;
        assert_eq!(file["status"], "completed");
        assert_eq!(file["summary"]["text"], "What it says.");
    }
    assert_eq!(model.documents.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_many_times_at_once_and_late_makes_one_summary() {
    let (sheaf, model) = Fake::new().documents_closed().start().await;
    let client = sheaf.admin();
    let state = &sheaf.server.functions.summarize;

    let file = client.put("name=a.txt", "Some text.").await;
    Fake::called(&model.documents, 1).await;
    let copies = || event(std::iter::repeat_n(message(&file), 10));
    let overlapping = summarize::handle(state, copies()).await;
    model.open();
    sheaf.rest().await;
    let late = summarize::handle(state, copies()).await;

    assert!(overlapping.batch_item_failures.is_empty());
    assert!(late.batch_item_failures.is_empty());
    assert_eq!(client.file(&id(&file)).await["status"], "completed");
    assert_eq!(model.documents.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_busy_for_a_while_is_asked_again() {
    let busy_twice = |call| match call {
        1 | 2 => Err(ModelError::Throttled { retry_after: None }),
        _ => Ok("At last.".to_owned()),
    };
    let (sheaf, _) = Fake::new().document(busy_twice).start().await;
    let client = sheaf.admin();

    let file = client.put("name=a.txt", "Some text.").await;
    sheaf.rest().await;

    let file = client.file(&id(&file)).await;
    assert_eq!(file["summary"]["text"], "At last.");
    assert_eq!(dead_letters(&sheaf).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_stays_busy_fails_the_file_until_the_failure_is_redriven() {
    let is_up = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&is_up);
    let script = move |_| {
        if answers.load(Ordering::SeqCst) {
            Ok("At last.".to_owned())
        } else {
            Err(ModelError::Timeout)
        }
    };
    let (sheaf, model) = Fake::new().document(script).start().await;
    let client = sheaf.admin();

    let file = client.put("name=a.txt", "Some text.").await;
    sheaf.rest().await;
    let failed = client.file(&id(&file)).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["failure"]["stage"], "summarize");
    assert_eq!(failed["failure"]["code"], "model_timeout");
    assert_eq!(
        model.documents.load(Ordering::SeqCst),
        store::worker::MAX_RECEIVES as usize
    );
    assert_eq!(dead_letters(&sheaf).await, 1);

    is_up.store(true, Ordering::SeqCst);
    let failures = client.get("/v1/failures").await.expect(200).json();
    let failure = failures["items"][0]["id"].as_str().unwrap().to_owned();
    client
        .post(&format!("/v1/failures/{failure}/redrive"), &Value::Null)
        .await;
    sheaf.rest().await;

    let file = client.file(&id(&file)).await;
    assert_eq!(file["status"], "completed");
    assert_eq!(file["failure"], Value::Null);
    assert_eq!(file["summary"]["text"], "At last.");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_the_model_refuses_fails_at_once_and_blocks_no_other_document() {
    let refuse_first = |call| match call {
        1 => Err(ModelError::Refused {
            reason: "guardrail",
        }),
        _ => Ok("Fine.".to_owned()),
    };
    let (sheaf, model) = Fake::new().document(refuse_first).start().await;
    let client = sheaf.admin();

    let refused = client.put("name=a.txt", "Not for this model.").await;
    sheaf.rest().await;
    let other = client.put("name=b.txt", "Some text.").await;
    sheaf.rest().await;

    let refused = client.file(&id(&refused)).await;
    assert_eq!(refused["status"], "failed");
    assert_eq!(refused["failure"]["code"], "model_refused");
    assert_eq!(client.file(&id(&other)).await["status"], "completed");
    assert_eq!(model.documents.load(Ordering::SeqCst), 2);
    assert_eq!(dead_letters(&sheaf).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_in_which_the_model_finds_nothing_completes_without_a_summary() {
    let (sheaf, _) = Fake::new()
        .document(|_| Err(ModelError::NoText))
        .start()
        .await;
    let client = sheaf.admin();

    let file = client.put("name=a.txt", "- . -").await;
    sheaf.rest().await;

    let file = client.file(&id(&file)).await;
    assert_eq!(file["status"], "completed");
    assert_eq!(file["summary_reason"], "no_text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_replaced_while_it_is_summarized_leaves_no_summary_behind() {
    let (sheaf, model) = Fake::new()
        .document(|call| Ok(format!("Summary {call}.")))
        .documents_closed()
        .start()
        .await;
    let client = sheaf.admin();

    let file = client.put("name=a.txt", "The first version.").await;
    Fake::called(&model.documents, 1).await;
    let replaced = client
        .put("name=a.txt&on_conflict=version", "The second version.")
        .await;
    Fake::called(&model.documents, 2).await;
    model.open();
    sheaf.rest().await;

    assert_eq!(id(&replaced), id(&file));
    let file = client.file(&id(&file)).await;
    assert_eq!(file["version"], 2);
    assert_eq!(file["status"], "completed");
    assert_eq!(file["summary"]["text"], "Summary 2.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_comes_again_and_holds_up_no_other() {
    let (sheaf, _) = Fake::new().start().await;
    let client = sheaf.admin();
    let state = &sheaf.server.functions.summarize;
    let file = client.put("name=a.txt", "Some text.").await;
    sheaf.rest().await;

    let newer = message(&file).replace("\"v\":1", "\"v\":99");
    let bodies = ["poison".to_owned(), newer, message(&file)];
    let response = summarize::handle(state, event(bodies)).await;

    let failed: Vec<_> = response
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["0", "1"]);
}
