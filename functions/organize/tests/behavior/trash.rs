//! The trash.

use serde_json::Value;
use testkit::Sheaf;

use crate::{documents, each, route};

#[tokio::test]
async fn trashed_file_leaves_its_folder_its_name_and_its_dossiers() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put("name=a.txt&type=bill&tag=power", "Total due: $1.00")
        .await;
    client
        .put("name=b.txt&type=bill&tag=power", "Total due: $2.00")
        .await;
    sheaf.rest().await;

    let trashed = client.delete(&route(&file)).await.expect(200).json();
    let again = client.delete(&route(&file)).await.expect(200).json();
    sheaf.rest().await;
    client.put("name=a.txt", "another").await;

    assert_eq!(
        (&trashed["state"], &again["state"]),
        (&"trashed".into(), &"trashed".into())
    );
    assert_eq!(documents(&client, "bill:power").await, ["b.txt"]);
    assert_eq!(
        each(&client, "/v1/files?state=trashed", "id").await,
        [file["id"].as_str().unwrap()]
    );
}

#[tokio::test]
async fn restored_file_is_back_where_it_was() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put(
            "name=a.txt&folder=/f&type=bill&tag=power",
            "Total due: $1.00",
        )
        .await;
    sheaf.rest().await;
    client.delete(&route(&file)).await.expect(200);
    sheaf.rest().await;
    let restore = format!("{}/restore", route(&file));

    let restored = client.post(&restore, &Value::Null).await.expect(200).json();
    client.post(&restore, &Value::Null).await.expect(200);
    sheaf.rest().await;

    assert_eq!(
        (&restored["state"], &restored["path"]),
        (&"active".into(), &"/f/a.txt".into())
    );
    assert_eq!(
        each(&client, "/v1/files?folder=/f", "name").await,
        ["a.txt"]
    );
    assert_eq!(documents(&client, "bill:power").await, ["a.txt"]);
}

#[tokio::test]
async fn file_trashed_and_restored_before_it_is_read_still_completes() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put("name=a.txt&type=bill&tag=power", "Total due: $1.00")
        .await;

    client.delete(&route(&file)).await.expect(200);
    client
        .post(&format!("{}/restore", route(&file)), &Value::Null)
        .await
        .expect(200);
    sheaf.rest().await;

    let file = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(
        (&file["status"], &file["state"]),
        (&"completed".into(), &"active".into())
    );
    assert_eq!(documents(&client, "bill:power").await, ["a.txt"]);
}

#[tokio::test]
async fn name_taken_meanwhile_is_refused_or_numbered() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "old").await;
    client.delete(&route(&file)).await.expect(200);
    client.put("name=a.txt", "new").await;
    let restore = format!("{}/restore", route(&file));

    let refused = client.post(&restore, &Value::Null).await.expect(409);
    let renamed = client
        .post(&format!("{restore}?on_conflict=rename"), &Value::Null)
        .await
        .expect(200);
    client
        .post(&format!("{restore}?on_conflict=version"), &Value::Null)
        .await
        .expect(422);

    assert_eq!(refused.code(), "name_taken");
    assert_eq!(renamed.json()["name"], "a (2).txt");
    assert_eq!(
        each(&client, "/v1/files?folder=/", "name").await,
        ["a (2).txt", "a.txt"]
    );
}
