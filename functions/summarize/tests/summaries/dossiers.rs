//! The summary of a dossier.

use std::sync::atomic::Ordering;

use ai::ModelError;
use serde_json::{Value, json};
use testkit::Client;

use crate::fake::Fake;

/// Uploads a bill with a date and an amount.
async fn bill(client: &Client, day: &str, amount: &str) {
    let text = format!("Electricity bill\nDate: {day}\nTotal due: ${amount}\n");
    let query = format!("name={day}.txt&type=bill&tag=electricity");
    client.put(&query, text).await;
}

/// Asks for the dossier of the bills and returns it.
async fn ask(client: &Client) -> Value {
    let asked = json!({"type": "bill", "tags": ["electricity"]});
    client.post("/v1/dossiers", &asked).await.expect(202).json()
}

async fn read(client: &Client, dossier: &Value) -> Value {
    let id = dossier["id"].as_str().unwrap();
    client
        .get(&format!("/v1/dossiers/{id}"))
        .await
        .expect(200)
        .json()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_computed_from_the_members_and_prose_comes_from_the_model() {
    let (sheaf, _) = Fake::new()
        .dossier(|_| Ok("Two bills, USD 300.50 in total.".to_owned()))
        .start()
        .await;
    let client = sheaf.admin();
    bill(&client, "2024-09-05", "100.25").await;
    bill(&client, "2024-10-05", "200.25").await;
    sheaf.rest().await;

    let dossier = ask(&client).await;
    sheaf.rest().await;

    let dossier = read(&client, &dossier).await;
    assert_eq!(dossier["status"], "generated");
    let summary = &dossier["summary"];
    assert_eq!(summary["text"], "Two bills, USD 300.50 in total.");
    assert_eq!(summary["figures"]["currencies"]["USD"]["total"], "300.50");
    assert_eq!(summary["model"], "fake");
    assert_eq!(summary["confidence"], "1.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn confidence_is_the_share_of_documents_with_date_and_amount() {
    let (sheaf, _) = Fake::new().start().await;
    let client = sheaf.admin();
    bill(&client, "2024-09-05", "100.00").await;
    bill(&client, "2024-10-05", "200.00").await;
    let query = "name=note.txt&type=bill&tag=electricity";
    client.put(query, "The meter was replaced.").await;
    sheaf.rest().await;

    let dossier = ask(&client).await;
    sheaf.rest().await;

    let dossier = read(&client, &dossier).await;
    assert_eq!(dossier["summary"]["figures"]["count"], 3);
    assert_eq!(dossier["summary"]["confidence"], "0.66");
}

#[tokio::test(flavor = "multi_thread")]
async fn prose_with_a_number_nobody_computed_fails_the_summary() {
    let (sheaf, model) = Fake::new()
        .dossier(|_| Ok("Bills rose by 30 %.".to_owned()))
        .start()
        .await;
    let client = sheaf.admin();
    bill(&client, "2024-09-05", "198.43").await;
    bill(&client, "2024-10-05", "245.67").await;
    sheaf.rest().await;

    let dossier = ask(&client).await;
    sheaf.rest().await;

    assert_eq!(read(&client, &dossier).await["summary"], Value::Null);
    let failures = client.get("/v1/failures").await.expect(200).json();
    assert_eq!(failures["items"][0]["code"], "model_misquoted");
    assert_eq!(model.dossiers.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_arrives_while_the_summary_is_written_is_in_the_next() {
    let (sheaf, model) = Fake::new().dossiers_closed().start().await;
    let client = sheaf.admin();
    bill(&client, "2024-09-05", "100.00").await;
    sheaf.rest().await;

    let dossier = ask(&client).await;
    Fake::called(&model.dossiers, 1).await;
    bill(&client, "2024-10-05", "10.00").await;
    while read(&client, &dossier).await["document_count"] != 2 {
        tokio::task::yield_now().await;
    }
    model.open();
    sheaf.rest().await;

    let dossier = read(&client, &dossier).await;
    assert_eq!(dossier["status"], "generated");
    let figures = &dossier["summary"]["figures"];
    assert_eq!(figures["count"], 2);
    assert_eq!(figures["currencies"]["USD"]["total"], "110.00");
    assert_eq!(model.dossiers.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_come_in_a_row_are_all_in_the_last_summary() {
    let (sheaf, _) = Fake::new().start().await;
    let client = sheaf.admin();
    bill(&client, "2024-09-05", "100.00").await;
    let dossier = ask(&client).await;

    for month in 1..=9 {
        bill(&client, &format!("2023-0{month}-05"), "10.00").await;
    }
    sheaf.rest().await;

    let dossier = read(&client, &dossier).await;
    assert_eq!(dossier["status"], "generated");
    assert_eq!(dossier["document_count"], 10);
    let figures = &dossier["summary"]["figures"];
    assert_eq!(figures["count"], 10);
    assert_eq!(figures["currencies"]["USD"]["total"], "190.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_is_written_again_only_when_members_change_or_someone_insists() {
    let (sheaf, model) = Fake::new().start().await;
    let client = sheaf.admin();
    bill(&client, "2024-09-05", "100.00").await;
    sheaf.rest().await;
    let dossier = ask(&client).await;
    sheaf.rest().await;

    ask(&client).await;
    sheaf.rest().await;
    assert_eq!(model.dossiers.load(Ordering::SeqCst), 1);

    let id = dossier["id"].as_str().unwrap();
    client
        .post(&format!("/v1/dossiers/{id}/regenerate"), &Value::Null)
        .await
        .expect(202);
    sheaf.rest().await;
    assert_eq!(model.dossiers.load(Ordering::SeqCst), 2);
    assert_eq!(read(&client, &dossier).await["status"], "generated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_busy_for_a_while_is_asked_again() {
    let busy_twice = |call| match call {
        1 | 2 => Err(ModelError::Throttled { retry_after: None }),
        _ => Ok("At last.".to_owned()),
    };
    let (sheaf, _) = Fake::new().dossier(busy_twice).start().await;
    let client = sheaf.admin();
    bill(&client, "2024-09-05", "100.00").await;
    sheaf.rest().await;

    let dossier = ask(&client).await;
    sheaf.rest().await;

    let dossier = read(&client, &dossier).await;
    assert_eq!(dossier["summary"]["text"], "At last.");
}
