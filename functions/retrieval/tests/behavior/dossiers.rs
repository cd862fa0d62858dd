//! Dossiers.

use domain::principal::Role;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::{Client, Sheaf};

use crate::{all_pages, each};

async fn bill(client: &Client, tag: &str, date: &str, total: &str) -> Value {
    let text = format!("Invoice date: {date}\nTotal due: ${total}\n");
    client
        .put(
            &format!("name={date}.txt&folder=/{tag}&type=bill&tag={tag}"),
            text,
        )
        .await
}

#[tokio::test]
async fn dossier_is_shown_with_its_documents_in_date_order() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for (date, total) in [
        ("2024-03-15", "30.00"),
        ("2024-01-15", "10.00"),
        ("2024-02-15", "20.00"),
    ] {
        bill(&client, "power", date, total).await;
    }
    sheaf.rest().await;

    let list = client.get("/v1/dossiers").await.expect(200).json();
    let route = format!("/v1/dossiers/{}", each(&list, "id")[0]);
    let first = client.get(&route).await.expect(200);
    let dossier = first.json();
    let (dates, pages) = all_pages(
        &client,
        &format!("{route}/documents?limit=2"),
        "document_date",
    )
    .await;

    assert_eq!(dossier["signature"], "bill:power");
    assert_eq!(
        dossier["status"], "pending",
        "a GET must not ask for a summary"
    );
    assert_eq!(dossier["document_count"], 3);
    assert_eq!(dossier["first_document_date"], "2024-01-15");
    assert_eq!(dossier["last_document_date"], "2024-03-15");
    assert_eq!(dossier["documents"][0]["amount"]["amount"], "10.00");
    assert_eq!(list["items"][0]["last_document_date"], "2024-03-15");
    assert_eq!(list["items"][0]["documents"], Value::Null);
    assert_eq!(
        (dates, pages),
        (
            vec![
                "2024-01-15".into(),
                "2024-02-15".into(),
                "2024-03-15".into()
            ],
            2
        )
    );
    let known = [("if-none-match", first.header("etag"))];
    client
        .send(Method::GET, &route, &known, "")
        .await
        .expect(304);
}

#[tokio::test]
async fn dossiers_are_filtered_and_paged_in_the_order_of_their_signatures() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for (document_type, tags) in [
        ("bill", json!(["water"])),
        ("bill", json!(["power"])),
        ("bill", json!(["home", "power"])),
        ("bill", json!([])),
        ("bill-x", json!(["power"])),
        ("receipt", json!(["power"])),
    ] {
        let asked = json!({"type": document_type, "tags": tags});
        client.post("/v1/dossiers", &asked).await.expect(202);
    }
    sheaf.rest().await;

    for (filter, expected) in [
        ("", 6),
        ("&type=bill", 4),
        ("&type=bill&tag=power", 2),
        ("&tag=home&tag=power", 1),
        ("&type=letter", 0),
        ("&status=outdated", 0),
    ] {
        for limit in [1, 2, 50] {
            let route = format!("/v1/dossiers?limit={limit}{filter}");
            let (signatures, _) = all_pages(&client, &route, "signature").await;
            assert_eq!(signatures.len(), expected, "{route}: {signatures:?}");
            let mut unique = signatures.clone();
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), expected, "{route}: {signatures:?}");
        }
    }
    client.get("/v1/dossiers?status=done").await.expect(422);
}

#[tokio::test]
async fn expired_document_is_not_shown_before_the_sweep_takes_it_out() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    bill(&client, "power", "2024-01-15", "10.00").await;
    client
        .put(
            "name=short.txt&type=bill&tag=power&expires_in_s=60",
            "Total due: $5.00",
        )
        .await;
    sheaf.rest().await;
    sheaf.advance(SignedDuration::from_secs(61));

    let list = client.get("/v1/dossiers").await.expect(200).json();
    let route = format!("/v1/dossiers/{}", each(&list, "id")[0]);
    let dossier = client.get(&route).await.expect(200).json();
    let documents = client
        .get(&format!("{route}/documents"))
        .await
        .expect(200)
        .json();

    assert_eq!(dossier["documents"].as_array().unwrap().len(), 1);
    assert_eq!(each(&documents, "name"), ["2024-01-15.txt"]);
}

#[tokio::test]
async fn dossier_of_others_is_unknown() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    bill(&client, "power", "2024-01-15", "10.00").await;
    sheaf.rest().await;
    let list = client.get("/v1/dossiers").await.expect(200).json();
    let route = format!("/v1/dossiers/{}", each(&list, "id")[0]);
    let other = sheaf.client("other", Role::Admin);

    other.get(&route).await.expect(404);
    other.get(&format!("{route}/documents")).await.expect(404);
    let empty = other.get("/v1/dossiers").await.expect(200).json();
    assert_eq!(each(&empty, "id"), Vec::<String>::new());
}
