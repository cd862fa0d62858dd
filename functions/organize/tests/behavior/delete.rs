//! Deleting for good.

use serde_json::Value;
use testkit::Sheaf;

use crate::{documents, each, route};

/// The hash of a file as it is shown.
fn sha256(file: &Value) -> domain::Sha256 {
    file["sha256"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn deleted_file_is_gone_with_a_receipt() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put("name=a.txt&type=bill&tag=power", "Total due: $1.00")
        .await;
    sheaf.rest().await;
    let permanent = format!("{}?permanent=true", route(&file));
    let content = client
        .get(&format!("{}/content", route(&file)))
        .await
        .expect(302);

    let receipt = client.delete(&permanent).await.expect(200).json();
    let again = client.delete(&permanent).await.expect(200).json();
    sheaf.rest().await;

    assert_eq!(receipt["versions"][0]["sha256"], file["sha256"]);
    assert_eq!(again, receipt);
    client.get(&route(&file)).await.expect(410);
    client.fetch(content.header("location")).await.expect(404);
    assert_eq!(documents(&client, "bill:power").await, Vec::<String>::new());
    client.put("name=a.txt", "another").await;
}

#[tokio::test]
async fn file_in_the_trash_can_be_deleted_for_good() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "a").await;
    client.delete(&route(&file)).await.expect(200);
    client.put("name=a.txt", "another").await;

    client
        .delete(&format!("{}?permanent=true", route(&file)))
        .await
        .expect(200);

    assert_eq!(
        each(&client, "/v1/files?state=trashed", "id").await,
        Vec::<String>::new()
    );
    assert_eq!(each(&client, "/v1/files?folder=/", "name").await, ["a.txt"]);
}

#[tokio::test]
async fn equal_bytes_keep_their_text_until_the_last_file_goes() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let text = "The same words in two files, which share one text and one summary.";
    let first = client.put("name=a.txt", text).await;
    let second = client.put("name=b.txt", text).await;
    sheaf.rest().await;
    // A third that goes before it is read refers to nothing yet.
    let third = client.put("name=c.txt", text).await;
    client
        .delete(&format!("{}?permanent=true", route(&third)))
        .await
        .expect(200);
    sheaf.rest().await;
    let workspace = "acme".parse().unwrap();
    let known = async || {
        let content = sheaf.store().content(&workspace, sha256(&first)).await;
        content.unwrap().is_some()
    };

    client
        .delete(&format!("{}?permanent=true", route(&first)))
        .await
        .expect(200);
    let kept = client
        .get(&format!("{}/text", route(&second)))
        .await
        .expect(200);
    let known_to_one = known().await;
    client
        .delete(&format!("{}?permanent=true", route(&second)))
        .await
        .expect(200);

    assert_eq!(kept.body, text);
    assert!(known_to_one);
    assert!(!known().await, "what was read from the bytes outlives them");
}

#[tokio::test]
async fn unknown_files_cannot_be_deleted() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();

    for id in ["0199a0b1-7c00-7000-8000-000000000001", "no-id"] {
        client.delete(&format!("/v1/files/{id}")).await.expect(404);
        client
            .delete(&format!("/v1/files/{id}?permanent=true"))
            .await
            .expect(404);
        client
            .delete(&format!("/v1/files/{id}?permanent=perhaps"))
            .await
            .expect(422);
    }
}
