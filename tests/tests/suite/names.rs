//! Names of files, and lists of them.

use domain::principal::Role;
use e2e::{Target, id};

#[tokio::test]
async fn names_collide_as_asked() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let first = client.put("name=a.txt", "one").await;

    let refused = client.upload("name=a.txt", "two").await.expect(409);
    assert_eq!(refused.code(), "name_taken");
    let renamed = client.put("name=a.txt&on_conflict=rename", "two").await;
    assert_eq!(renamed["name"], "a (2).txt");
    let version = client.put("name=a.txt&on_conflict=version", "three").await;

    assert_eq!(version["id"], first["id"]);
    assert_eq!(version["version"], 2);
    let path = format!("/v1/files/{}", id(&first));
    let versions = client
        .get(&format!("{path}/versions"))
        .await
        .expect(200)
        .json();
    assert_eq!(versions["items"].as_array().unwrap().len(), 2);
    let old = client
        .get(&format!("{path}/content?version=1"))
        .await
        .expect(302);
    assert_eq!(
        client.fetch(old.header("location")).await.expect(200).body,
        "one"
    );
    assert_eq!(client.content(&id(&first)).await.expect(200).body, "three");
}

#[tokio::test]
async fn names_in_every_script_are_kept() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;

    for (encoded, name) in [
        ("%F0%9F%93%84%20plan.txt", "📄 plan.txt"),
        ("z%CC%87%C3%B3%C5%82w.txt", "żółw.txt"),
        ("%E2%80%AEevil.txt", "\u{202e}evil.txt"),
        ("...hidden.txt", "...hidden.txt"),
        ("%22quotes%22%3B.txt", "\"quotes\";.txt"),
    ] {
        let file = client
            .put(&format!("name={encoded}"), name.to_owned())
            .await;
        assert_eq!(file["name"], name);
        let content = client.content(&id(&file)).await.expect(200);
        assert_eq!(content.body, name);
        assert!(
            content
                .header("content-disposition")
                .contains("filename*=UTF-8''")
                || name.is_ascii()
        );
    }
}

#[tokio::test]
async fn lists_come_in_pages_without_gaps() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let mut stored = Vec::new();
    for number in 0..7 {
        let file = client
            .put(&format!("name={number}.txt&folder=/f"), "x")
            .await;
        stored.push(id(&file));
    }
    stored.sort();

    for list in ["/v1/files?limit=3", "/v1/files?folder=/f&sort=name&limit=3"] {
        let mut seen = Vec::new();
        let mut path = list.to_owned();
        loop {
            let page = client.get(&path).await.expect(200).json();
            seen.extend(page["items"].as_array().unwrap().iter().map(id));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{list}&cursor={cursor}"),
                None => break,
            }
        }
        seen.sort();
        assert_eq!(seen, stored, "{list}");
    }
    client.get("/v1/files?cursor=nonsense").await.expect(422);
    client.get("/v1/files?limit=101").await.expect(422);
}
