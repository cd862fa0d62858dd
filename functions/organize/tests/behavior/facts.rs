//! Correcting what was read in a document.

use std::sync::atomic::Ordering;

use domain::principal::Role;
use http::Method;
use serde_json::{Value, json};
use testkit::{Client, Sheaf};

use crate::retry::{failed, retried};
use crate::{documents, route};

const BILL: &str = "Acme, Inc.\nInvoice No. A-77\nInvoice date: 2024-01-15\nTotal due: $12.50\n";

async fn bill(sheaf: &Sheaf, client: &Client) -> String {
    let file = client.put("name=bill.txt&type=bill&tag=power", BILL).await;
    sheaf.rest().await;
    format!("{}/facts", route(&file))
}

fn amount(facts: &Value) -> String {
    let amount = &facts["amount"];
    format!(
        "{} {}",
        amount["amount"].as_str().unwrap_or("-"),
        amount["currency"].as_str().unwrap_or("-")
    )
}

#[tokio::test]
async fn what_a_person_says_stands_before_what_was_read_and_is_remembered() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let facts = bill(&sheaf, &client).await;
    let read = client.get(&facts).await.expect(200).json();

    let said = json!({
        "amount": {"amount": "125.00", "currency": "EUR"}, "document_date": "2024-03-01",
        "quantities": [{"amount": "850", "unit": "kWh"}], "language": null,
    });
    let corrected = client.patch(&facts, &said).await.expect(200).json();

    assert_eq!(amount(&read), "12.50 USD");
    assert_eq!(read["corrected"], json!([]));
    assert_eq!(amount(&corrected), "125.00 EUR");
    assert_eq!(
        corrected["corrected"],
        json!(["document_date", "amount", "quantities", "language"])
    );
    assert_eq!(
        corrected["read"], read["read"],
        "what was read is still told"
    );
    assert_eq!(client.get(&facts).await.expect(200).json(), corrected);
    let history = client
        .get(&format!("{facts}/history"))
        .await
        .expect(200)
        .json();
    let item = &history["items"][0];
    assert_eq!(amount(&item["before"]), "12.50 USD");
    assert_eq!(amount(&item["after"]), "125.00 EUR");
    assert!(item["by"].as_str().unwrap().starts_with("user-"));
}

#[tokio::test]
async fn dossiers_count_what_was_corrected() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let facts = bill(&sheaf, &client).await;
    let dossier = client
        .post("/v1/dossiers", &json!({"type": "bill", "tags": ["power"]}))
        .await
        .expect(202)
        .json();
    let dossier = format!("/v1/dossiers/{}", dossier["id"].as_str().unwrap());
    sheaf.rest().await;

    client
        .patch(
            &facts,
            &json!({"amount": {"amount": "20.00", "currency": "USD"}}),
        )
        .await
        .expect(200);
    sheaf.rest().await;

    let view = client.get(&dossier).await.expect(200).json();
    assert_eq!(view["status"], "generated");
    assert_eq!(
        view["summary"]["figures"]["currencies"]["USD"]["total"],
        "20.00"
    );
}

#[tokio::test]
async fn what_is_withdrawn_is_as_it_was_read() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let facts = bill(&sheaf, &client).await;
    let read = client.get(&facts).await.expect(200).json();
    client
        .patch(
            &facts,
            &json!({"amount": null, "document_date": "2020-02-02"}),
        )
        .await
        .expect(200);

    let none = client.get(&facts).await.expect(200).json();
    let withdrawn = client
        .patch(&facts, &json!({"withdraw": ["amount", "document_date"]}))
        .await
        .expect(200)
        .json();

    assert_eq!(none["amount"], Value::Null);
    assert_eq!(withdrawn, read);
}

#[tokio::test]
async fn corrections_stay_when_the_file_is_read_again_and_go_with_a_new_version() {
    let (sheaf, model, file) = failed().await;
    let client = sheaf.admin();
    model.refuses.store(false, Ordering::SeqCst);
    let facts = format!("{}/facts", route(&file));
    client
        .patch(
            &facts,
            &json!({"amount": {"amount": "7", "currency": "PLN"}}),
        )
        .await
        .expect(200);

    retried(&sheaf, &file).await;
    let again = client.get(&facts).await.expect(200).json();
    let query = format!(
        "name={}&on_conflict=version",
        file["name"].as_str().unwrap()
    );
    client.put(&query, "Total due: $99.00").await;
    sheaf.rest().await;

    assert_eq!(amount(&again), "7 PLN");
    let anew = client.get(&facts).await.expect(200).json();
    assert_eq!(
        (amount(&anew), &anew["corrected"]),
        ("99.00 USD".to_owned(), &json!([]))
    );
}

#[tokio::test]
async fn two_corrections_at_once_both_hold() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let facts = bill(&sheaf, &client).await;

    let (date, language) = (
        json!({"document_date": "2020-02-02"}),
        json!({"language": "pl"}),
    );
    let both = tokio::join!(client.patch(&facts, &date), client.patch(&facts, &language));
    both.0.expect(200);
    both.1.expect(200);

    let known = client.get(&facts).await.expect(200).json();
    assert_eq!(
        (&known["document_date"], &known["language"]),
        (&json!("2020-02-02"), &json!("pl"))
    );
    let history = client
        .get(&format!("{facts}/history?limit=1"))
        .await
        .expect(200)
        .json();
    let cursor = history["next_cursor"].as_str().unwrap();
    let rest = client
        .get(&format!("{facts}/history?limit=1&cursor={cursor}"))
        .await
        .expect(200)
        .json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn viewers_strangers_and_those_who_come_late_correct_nothing() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let facts = bill(&sheaf, &client).await;
    let before = client.get(&facts).await.expect(200).json();
    let say = json!({"language": "pl"});

    let viewer = sheaf.client("acme", Role::Viewer);
    viewer.patch(&facts, &say).await.expect(403);
    viewer.get(&format!("{facts}/history")).await.expect(200);
    let stranger = sheaf.client("globex", Role::Admin);
    stranger.patch(&facts, &say).await.expect(404);
    stranger.get(&format!("{facts}/history")).await.expect(404);
    let stale = [
        ("if-match", "\"999\""),
        ("content-type", "application/json"),
    ];
    client
        .send(Method::PATCH, &facts, &stale, say.to_string())
        .await
        .expect(412);
    client
        .patch(
            &facts,
            &json!({"amount": {"amount": "12,50", "currency": "USD"}}),
        )
        .await
        .expect(422);

    assert_eq!(client.get(&facts).await.expect(200).json(), before);
}

#[tokio::test]
async fn corrections_go_with_their_file() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let facts = bill(&sheaf, &client).await;
    client
        .patch(&facts, &json!({"language": "pl"}))
        .await
        .expect(200);
    assert_eq!(documents(&client, "bill:power").await, ["bill.txt"]);

    let file = facts.trim_end_matches("/facts");
    client
        .delete(&format!("{file}?permanent=true"))
        .await
        .expect(200);

    client.get(&facts).await.expect(410);
    let id = file.rsplit('/').next().unwrap().parse().unwrap();
    let workspace = "acme".parse().unwrap();
    let left = sheaf
        .store()
        .corrections(&workspace, id, None, 10)
        .await
        .unwrap();
    assert_eq!(left.rows, []);
}

#[tokio::test]
async fn what_was_said_of_a_version_goes_with_it_and_the_rest_stays() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let facts = bill(&sheaf, &client).await;
    let say = async |language: &str| {
        client
            .patch(&facts, &json!({"language": language}))
            .await
            .expect(200);
    };
    say("pl").await;
    client
        .put("name=bill.txt&on_conflict=version", "Total due: $99.00")
        .await;
    sheaf.rest().await;
    say("de").await;

    let file = facts.trim_end_matches("/facts");
    client
        .delete(&format!("{file}/versions/1"))
        .await
        .expect(200);

    let history = client
        .get(&format!("{facts}/history"))
        .await
        .expect(200)
        .json();
    let items = history["items"].as_array().unwrap().iter();
    let versions: Vec<&Value> = items.map(|item| &item["version"]).collect();
    assert_eq!(versions, [&json!(2)]);
}
