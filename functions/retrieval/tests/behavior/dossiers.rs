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

/// Two bills, one of which is named like a formula, in the dossier of this tag, with its route.
async fn bills(sheaf: &Sheaf, tag: &str, amounts: [&str; 2]) -> String {
    let client = sheaf.admin();
    for (number, amount) in amounts.iter().enumerate() {
        let name = if number == 0 { "%3Dfirst" } else { "b%7Cc,d" };
        let query = format!("name={name}-{tag}.txt&type=bill&tag={tag}");
        let text = format!(
            "Invoice date: 2024-0{}-15\nUsage: 10{number} kWh\nTotal due: ${amount}",
            number + 1
        );
        client.put(&query, text).await;
    }
    sheaf.rest().await;
    let asked = json!({"type": "bill", "tags": [tag]});
    let dossier = client.post("/v1/dossiers", &asked).await.expect(202).json();
    sheaf.rest().await;
    format!("/v1/dossiers/{}", dossier["id"].as_str().unwrap())
}

#[tokio::test]
async fn dossier_is_exported_as_a_table_as_text_and_as_all_there_is() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let dossier = bills(&sheaf, "power", ["10.00", "20.00"]).await;

    let csv = client
        .get(&format!("{dossier}/export?format=csv"))
        .await
        .expect(200);
    let markdown = client
        .get(&format!("{dossier}/export?format=md"))
        .await
        .expect(200);
    let all = client.get(&format!("{dossier}/export")).await.expect(200);

    assert_eq!(
        csv.header("content-disposition"),
        "attachment; filename=\"bill-power.csv\""
    );
    let csv = String::from_utf8(csv.body.to_vec()).unwrap();
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows[0], "document_date,name,file_id,amount,currency,kWh");
    assert!(
        rows[1].starts_with("2024-01-15,'=first-power.txt,"),
        "{csv}"
    );
    assert!(
        rows[2].starts_with("2024-02-15,\"b|c,d-power.txt\","),
        "{csv}"
    );
    assert!(rows[2].ends_with(",20.00,USD,101"), "{csv}");
    let markdown = String::from_utf8(markdown.body.to_vec()).unwrap();
    assert!(
        markdown.contains("| USD | 2 | 30.00 | 15.00 |"),
        "{markdown}"
    );
    assert!(markdown.contains("b\\|c,d-power.txt"), "{markdown}");
    let all = all.json();
    assert_eq!(all["figures"]["currencies"]["USD"]["total"], "30.00");
    assert_eq!(all["documents"][1]["quantities"][0]["amount"], "101");
    assert_eq!(all["dossier"]["status"], "generated");
    client
        .get(&format!("{dossier}/export?format=docx"))
        .await
        .expect(422);
}

#[tokio::test]
async fn figures_of_an_export_are_of_the_documents_in_it() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let dossier = bills(&sheaf, "power", ["10.00", "20.00"]).await;
    let soon = "name=soon.txt&type=bill&tag=power&expires_in_s=60";
    client
        .put(soon, "Invoice date: 2024-03-15\nTotal due: $40.00")
        .await;
    sheaf.rest().await;
    let export = format!("{dossier}/export");
    let before = client.get(&export).await.expect(200).json();

    // Nothing has swept yet.
    sheaf.advance(SignedDuration::from_secs(61));

    let after = client.get(&export).await.expect(200).json();
    assert_eq!(before["figures"]["currencies"]["USD"]["total"], "70.00");
    assert_eq!(after["figures"]["currencies"]["USD"]["total"], "30.00");
    assert_eq!(after["documents"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn two_dossiers_are_compared_by_their_figures() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let power = bills(&sheaf, "power", ["10.00", "20.00"]).await;
    let water = bills(&sheaf, "water", ["30.00", "30.00"]).await;
    let water = water.rsplit('/').next().unwrap();

    let view = client
        .get(&format!("{power}/comparison?with={water}"))
        .await
        .expect(200)
        .json();

    let total = &view["comparison"]["currencies"]["USD"]["total"];
    assert_eq!(
        (
            &total["first"],
            &total["second"],
            &total["difference"],
            &total["percent"]
        ),
        (
            &json!("30.00"),
            &json!("60.00"),
            &json!("30.00"),
            &json!("100.0")
        )
    );
    client.get(&format!("{power}/comparison")).await.expect(422);
    client
        .get(&format!("{power}/comparison?with=nothing"))
        .await
        .expect(422);
    let other = uuid::Uuid::nil();
    client
        .get(&format!("{power}/comparison?with={other}"))
        .await
        .expect(404);
    let stranger = sheaf.client("globex", Role::Admin);
    stranger
        .get(&format!("{power}/comparison?with={water}"))
        .await
        .expect(404);
    stranger.get(&format!("{power}/export")).await.expect(404);
}
