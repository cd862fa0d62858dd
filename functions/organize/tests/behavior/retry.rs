//! Trying failed work again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ai::{Completion, DocumentInput, DossierInput, Extractive, LanguageModel, ModelError, Task};
use async_trait::async_trait;
use domain::Sha256;
use serde_json::{Value, json};
use testkit::{Options, Sheaf};

use crate::{each, route};

/// The built-in model, which refuses while it is told to.
#[derive(Default)]
pub(crate) struct Moody {
    pub(crate) refuses: AtomicBool,
}

#[async_trait]
impl LanguageModel for Moody {
    fn id(&self) -> &str {
        Extractive.id()
    }

    fn prompt_version(&self, task: Task) -> &'static str {
        Extractive.prompt_version(task)
    }

    async fn summarize_document(&self, input: &DocumentInput) -> Result<Completion, ModelError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(ModelError::Refused { reason: "a test" });
        }
        Extractive.summarize_document(input).await
    }

    async fn summarize_dossier(&self, input: &DossierInput) -> Result<Completion, ModelError> {
        Extractive.summarize_dossier(input).await
    }
}

const TEXT: &str = "A letter about the garden. The garden is green in May and brown in August.";

/// A runner with a file whose summary was given up.
pub(crate) async fn failed() -> (Sheaf, Arc<Moody>, Value) {
    let model = Arc::new(Moody::default());
    model.refuses.store(true, Ordering::SeqCst);
    let options = Options {
        model: model.clone(),
        ..Options::default()
    };
    let sheaf = Box::pin(Sheaf::start_with(options)).await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", TEXT).await;
    sheaf.rest().await;
    let file = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(file["status"], "failed", "{file}");
    assert_eq!(each(&client, "/v1/failures", "file_id").await.len(), 1);
    (sheaf, model, file)
}

/// Has a file that failed read again, and waits for it.
pub(crate) async fn retried(sheaf: &Sheaf, file: &Value) -> Value {
    let client = sheaf.admin();
    let route = format!("{}/retry", route(file));
    let retried = client.post(&route, &Value::Null).await.expect(202).json();
    sheaf.rest().await;
    retried
}

#[tokio::test]
async fn failed_file_is_read_again_and_leaves_the_list_of_failures() {
    let (sheaf, model, file) = failed().await;
    let client = sheaf.admin();
    model.refuses.store(false, Ordering::SeqCst);

    let retried = retried(&sheaf, &file).await;

    assert_eq!(
        (&retried["status"], &retried["failure"]),
        (&"pending".into(), &Value::Null)
    );
    let file = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(file["status"], "completed");
    assert!(file["summary"].is_object());
    assert_eq!(
        each(&client, "/v1/failures", "id").await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn what_was_read_twice_is_still_forgotten_with_its_file() {
    let (sheaf, model, file) = failed().await;
    let client = sheaf.admin();
    model.refuses.store(false, Ordering::SeqCst);
    retried(&sheaf, &file).await;

    client
        .delete(&format!("{}?permanent=true", route(&file)))
        .await
        .expect(200);

    let workspace = "acme".parse().unwrap();
    let content = sheaf
        .store()
        .content(&workspace, Sha256::of(TEXT.as_bytes()))
        .await
        .unwrap();
    assert!(content.is_none());
}

#[tokio::test]
async fn date_that_a_person_gave_stays_when_the_file_is_read_again() {
    let (sheaf, model, file) = failed().await;
    let client = sheaf.admin();
    model.refuses.store(false, Ordering::SeqCst);
    client
        .patch(&route(&file), &json!({"document_date": "2024-03-01"}))
        .await
        .expect(200);

    retried(&sheaf, &file).await;

    let file = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(file["status"], "completed");
    assert_eq!(file["document_date"], "2024-03-01");
}

#[tokio::test]
async fn failures_go_with_their_file() {
    let (sheaf, _model, file) = failed().await;
    let client = sheaf.admin();

    client
        .delete(&format!("{}?permanent=true", route(&file)))
        .await
        .expect(200);

    assert_eq!(
        each(&client, "/v1/failures", "id").await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn failure_is_redriven_by_its_id() {
    let (sheaf, model, file) = failed().await;
    let client = sheaf.admin();
    model.refuses.store(false, Ordering::SeqCst);
    let failure = each(&client, "/v1/failures", "id").await.remove(0);
    let redrive = format!("/v1/failures/{failure}/redrive");
    sheaf
        .client("other", domain::principal::Role::Admin)
        .post(&redrive, &Value::Null)
        .await
        .expect(404);

    let work = client.post(&redrive, &Value::Null).await.expect(202).json();
    sheaf.rest().await;

    assert_eq!(
        (&work["task"], &work["file_id"]),
        (&"read_version".into(), &file["id"])
    );
    assert_eq!(
        client.file(file["id"].as_str().unwrap()).await["status"],
        "completed"
    );
    client.post(&redrive, &json!({})).await.expect(404);
    client
        .post("/v1/failures/no-id/redrive", &Value::Null)
        .await
        .expect(404);
}

#[tokio::test]
async fn file_that_has_not_failed_is_not_retried() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", TEXT).await;
    sheaf.rest().await;

    let refused = client
        .post(&format!("{}/retry", route(&file)), &Value::Null)
        .await
        .expect(409);

    assert_eq!(refused.code(), "not_failed");
}

#[tokio::test]
async fn failures_go_with_the_version_they_are_of() {
    let (sheaf, model, file) = failed().await;
    let client = sheaf.admin();
    model.refuses.store(false, Ordering::SeqCst);

    let replaced = client
        .put("name=a.txt&on_conflict=version", "Another letter.")
        .await;

    assert_eq!(
        (&replaced["id"], &replaced["version"]),
        (&file["id"], &2.into())
    );
    assert_eq!(
        each(&client, "/v1/failures", "id").await,
        Vec::<String>::new()
    );
    sheaf.rest().await;
    let file = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(file["status"], "completed");
}
