//! Asking for dossiers.

use domain::principal::Role;
use serde_json::{Value, json};
use testkit::Sheaf;

#[tokio::test]
async fn dossier_asked_for_is_filled_summarized_and_kept_up_to_date() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for (month, total) in [("01", "198.43"), ("02", "245.67")] {
        let text = format!("Invoice date: 2025-{month}-15\nTotal due: ${total}");
        let query = format!("name={month}.txt&type=bill&tag=home&tag=power");
        client.put(&query, text).await;
    }
    sheaf.rest().await;
    let asked = json!({"type": "Bill", "tags": ["power", "Home"]});

    let pending = client.post("/v1/dossiers", &asked).await.expect(202).json();
    sheaf.rest().await;
    let generated = client.post("/v1/dossiers", &asked).await.expect(202).json();

    assert_eq!(
        (&pending["signature"], &pending["status"]),
        (&"bill:home:power".into(), &"pending".into())
    );
    assert_eq!(
        (&generated["id"], &generated["status"]),
        (&pending["id"], &"generated".into())
    );
    assert_eq!(generated["document_count"], 2);
    assert_eq!(generated["documents"][1]["name"], "02.txt");
    assert_eq!(
        generated["summary"]["figures"]["currencies"]["USD"]["total"],
        "444.10"
    );

    let text = "Invoice date: 2025-03-15\nTotal due: $100.00";
    client
        .put("name=03.txt&type=bill&tag=home&tag=power", text)
        .await;
    sheaf.rest().await;
    let route = format!("/v1/dossiers/{}", generated["id"].as_str().unwrap());
    let kept = client.get(&route).await.expect(200).json();
    assert_eq!(kept["status"], "generated");
    assert_eq!(
        kept["summary"]["figures"]["currencies"]["USD"]["total"],
        "544.10"
    );
}

#[tokio::test]
async fn summary_is_written_anew_when_asked_though_nothing_changed() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    client
        .put("name=a.txt&type=bill&tag=power", "Total due: $1.00")
        .await;
    let asked = json!({"type": "bill", "tags": ["power"]});
    client.post("/v1/dossiers", &asked).await.expect(202);
    sheaf.rest().await;
    let before = client.post("/v1/dossiers", &asked).await.expect(202).json();
    let route = format!("/v1/dossiers/{}", before["id"].as_str().unwrap());
    sheaf.advance(jiff::SignedDuration::from_secs(1));

    let accepted = client
        .post(&format!("{route}/regenerate"), &Value::Null)
        .await
        .expect(202)
        .json();
    sheaf.rest().await;
    let after = client.get(&route).await.expect(200).json();

    assert_eq!(accepted["id"], before["id"]);
    assert_eq!(after["status"], "generated");
    assert_ne!(after["summary"]["made_at"], before["summary"]["made_at"]);
    assert_eq!(after["summary"]["text"], before["summary"]["text"]);
}

#[tokio::test]
async fn dossiers_are_asked_for_by_editors_of_their_workspace_only() {
    let sheaf = Sheaf::start().await;
    let asked = json!({"type": "bill", "tags": ["power"]});
    let dossier = sheaf
        .admin()
        .post("/v1/dossiers", &asked)
        .await
        .expect(202)
        .json();
    let route = format!(
        "/v1/dossiers/{}/regenerate",
        dossier["id"].as_str().unwrap()
    );

    sheaf
        .client("acme", Role::Viewer)
        .post("/v1/dossiers", &asked)
        .await
        .expect(403);
    sheaf
        .client("other", Role::Admin)
        .post(&route, &Value::Null)
        .await
        .expect(404);
    let other = sheaf
        .client("other", Role::Admin)
        .post("/v1/dossiers", &asked)
        .await
        .expect(202)
        .json();
    assert_ne!(other["id"], dossier["id"]);
}

#[tokio::test]
async fn bad_dossiers_are_refused_with_the_field() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let many: Vec<String> = (0..21).map(|number| format!("tag-{number}")).collect();

    for (asked, pointer) in [
        (json!({"type": "", "tags": []}), "/type"),
        (json!({"type": "bill", "tags": ["", "a"]}), "/tags/0"),
        (json!({"type": "bill", "tags": many}), "/tags"),
    ] {
        let refused = client.post("/v1/dossiers", &asked).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{asked}");
    }
    client
        .post("/v1/dossiers", &json!({"tags": []}))
        .await
        .expect(422);
}
