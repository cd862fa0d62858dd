//! What a deletion leaves: a signed receipt that holds.

use domain::Sha256;
use domain::principal::Role;
use e2e::{Target, finished, id};
use serde_json::{Value, json};

#[tokio::test]
async fn a_deletion_leaves_a_signed_receipt_and_nothing_else() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let file = client.put("name=a.txt", "text").await;
    finished(&client, &id(&file)).await;
    let path = format!("/v1/files/{}?permanent=true", id(&file));
    let receipt = client.delete(&path).await.expect(200).json();
    let path = format!("/v1/receipts/{}", id(&receipt));

    let manifest = client.get(&format!("{path}/manifest")).await.expect(302);
    let manifest = client.fetch(manifest.header("location")).await.expect(200);
    let verified = client.post(&format!("{path}/verify"), &json!({})).await;
    let keys = client
        .with_token("")
        .get("/v1/receipt-keys")
        .await
        .expect(200)
        .json();
    let listed = client.get("/v1/receipts").await.expect(200).json();

    let hash = Sha256::of(&manifest.body).to_string();
    assert_eq!(receipt["manifest_sha256"], hash);
    let verified = verified.expect(200).json();
    assert_eq!(verified["verified"], true, "{verified}");
    let ids = |list: &Value, name: &str| -> Vec<Value> {
        let items = list.as_array().unwrap().iter();
        items.map(|item| item[name].clone()).collect()
    };
    assert!(ids(&keys["keys"], "kid").contains(&receipt["key_id"]));
    assert!(ids(&listed["items"], "id").contains(&receipt["id"]));
}
