//! Documents: stored, read, summarized, gathered, made and gone.

use domain::principal::Role;
use e2e::{Target, finished, id, until};
use serde_json::{Value, json};

use crate::{bill, hash};

#[tokio::test]
async fn a_document_is_stored_read_summarized_and_given_back() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let text = bill("2024-11-29", "245.67");

    let file = client
        .put(
            "name=November.txt&type=bill&tag=pge&folder=/bills/2024",
            text.clone(),
        )
        .await;
    let file = finished(&client, &id(&file)).await;

    assert_eq!(file["status"], "completed", "{file}");
    assert_eq!(file["path"], "/bills/2024/November.txt");
    assert_eq!(file["sha256"], hash(text.as_bytes()));
    assert_eq!(file["document_date"], "2024-11-29");
    assert!(file["summary"]["text"].as_str().unwrap().contains("245.67"));
    assert_eq!(file["summary"]["model"], "extractive");
    let content = client.content(&id(&file)).await.expect(200);
    assert_eq!(content.body, text);
    let read = client
        .get(&format!("/v1/files/{}/text", id(&file)))
        .await
        .expect(200);
    assert!(String::from_utf8_lossy(&read.body).contains("850 kWh"));
}

#[tokio::test]
async fn bills_become_a_dossier_with_computed_figures() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    for (name, date, amount) in [
        ("a", "2024-10-30", "198.43"),
        ("b", "2024-11-29", "245.67"),
        ("c", "2024-09-30", "312.89"),
    ] {
        let query = format!("name={name}.txt&type=bill&tag=pge&tag=electricity");
        let file = client.put(&query, bill(date, amount)).await;
        assert_eq!(finished(&client, &id(&file)).await["status"], "completed");
    }

    let asked = client
        .post("/v1/dossiers", &json!({"type": "Bill", "tags": [" PGE "]}))
        .await
        .expect(202)
        .json();
    let dossier = generated(&client, &id(&asked)).await;

    assert_eq!(dossier["signature"], "bill:pge");
    assert_eq!(dossier["document_count"], 3);
    assert_eq!(dossier["first_document_date"], "2024-09-30");
    assert_eq!(dossier["last_document_date"], "2024-11-29");
    let figures = &dossier["summary"]["figures"]["currencies"]["USD"];
    assert_eq!(figures["total"], "756.99");
    assert_eq!(figures["mean"], "252.33");
    assert_eq!(figures["change_percent"], "23.8");
    let dates: Vec<&str> = dossier["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|document| document["document_date"].as_str().unwrap())
        .collect();
    assert_eq!(dates, ["2024-09-30", "2024-10-30", "2024-11-29"]);
}

async fn generated(client: &testkit::Client, id: &str) -> Value {
    until(client, &format!("/v1/dossiers/{id}"), |answer| {
        answer.json()["status"] == "generated"
    })
    .await
    .json()
}

#[tokio::test]
async fn a_dossier_follows_its_documents() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let first = client
        .put("name=a.txt&type=bill&tag=car", bill("2024-01-15", "89.50"))
        .await;
    finished(&client, &id(&first)).await;
    let asked = client
        .post("/v1/dossiers", &json!({"type": "bill", "tags": ["car"]}))
        .await
        .expect(202)
        .json();
    let path = format!("/v1/dossiers/{}", id(&asked));
    generated(&client, &id(&asked)).await;

    let second = client
        .put("name=b.txt&type=bill&tag=car", bill("2024-03-20", "45.00"))
        .await;
    finished(&client, &id(&second)).await;
    let total = |total: &'static str| {
        move |answer: &testkit::Answer| {
            answer.json()["summary"]["figures"]["currencies"]["USD"]["total"] == total
        }
    };
    until(&client, &path, total("134.50")).await;
    client
        .delete(&format!("/v1/files/{}?permanent=true", id(&first)))
        .await
        .expect(200);

    let dossier = until(&client, &path, total("45.00")).await.json();
    assert_eq!(dossier["document_count"], 1);
}

#[tokio::test]
async fn a_report_is_generated_and_fetched_by_its_signed_url() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;

    let made = client
        .post(
            "/v1/generations",
            &json!({
                "template": "report", "format": "md",
                "parameters": {"title": "Quarter", "sections": [{"heading": "One", "text": "All well."}]},
            }),
        )
        .await
        .expect(201)
        .json();

    let fetched = client
        .fetch(made["download_url"].as_str().unwrap())
        .await
        .expect(200);
    let text = String::from_utf8_lossy(&fetched.body);
    assert!(text.starts_with("# Quarter\n"), "{text}");
    assert!(
        fetched
            .header("content-disposition")
            .starts_with("attachment")
    );
    let file = client.file(made["file_id"].as_str().unwrap()).await;
    assert_eq!(file["origin"], "generated");
    assert_eq!(file["name"], made["file_name"]);
}

#[tokio::test]
async fn a_file_is_gone_when_its_time_is_up() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let file = client
        .put("name=a.txt&expires_in_s=2", "for a moment")
        .await;
    let path = format!("/v1/files/{}", id(&file));

    let answer = until(&client, &path, |answer| answer.status != 200).await;

    assert_eq!(answer.status, 410);
    assert_eq!(answer.code(), "gone");
    client.get(&format!("{path}/content")).await.expect(410);
    let listed = client.get("/v1/files").await.expect(200).json();
    assert_eq!(listed["items"], json!([]));
    // Its name is free again.
    client.put("name=a.txt", "another").await;
}
