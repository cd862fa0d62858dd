//! Folders.

use domain::principal::Role;
use testkit::Sheaf;

use crate::{all_pages, each};

#[tokio::test]
async fn folders_are_listed_without_the_files_between_them() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for folder in ["/a", "/c", "/e", "/c/below"] {
        client.put(&format!("name=f&folder={folder}"), "x").await;
    }
    for name in ["b", "d"] {
        client.put(&format!("name={name}"), "x").await;
    }

    let (names, pages) = all_pages(&client, "/v1/folders?limit=2", "name").await;
    let root = client.get("/v1/folders").await.expect(200).json();
    let below = each(&root, "id")[1].clone();
    let below = client
        .get(&format!("/v1/folders?parent_id={below}"))
        .await
        .expect(200)
        .json();

    assert_eq!(
        (names, pages),
        (vec!["a".into(), "c".into(), "e".into()], 2)
    );
    assert_eq!(each(&below, "path"), ["/c/below"]);
}

#[tokio::test]
async fn folder_is_shown_with_its_path_and_only_in_its_workspace() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=f&folder=/bills/2024", "x").await;
    let route = format!("/v1/folders/{}", file["folder_id"].as_str().unwrap());

    let folder = client.get(&route).await.expect(200).json();
    let root = client
        .get("/v1/folders/00000000-0000-0000-0000-000000000000")
        .await
        .expect(200)
        .json();

    assert_eq!(
        (&folder["name"], &folder["path"]),
        (&"2024".into(), &"/bills/2024".into())
    );
    assert_eq!(root["path"], "/");
    sheaf
        .client("other", Role::Admin)
        .get(&route)
        .await
        .expect(404);
    client.get("/v1/folders?parent_id=no-id").await.expect(404);
}

#[tokio::test]
async fn folder_is_found_by_its_path_unless_it_is_in_the_trash() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    client.put("name=f&folder=/bills/2024", "x").await;
    client.put("name=f&folder=/old", "x").await;
    let at = async |client: &testkit::Client, path: &str| {
        let list = client.get(&format!("/v1/folders?path={path}")).await;
        list.expect(200).json()
    };
    let old = each(&at(&client, "/old").await, "id").remove(0);
    client
        .delete(&format!("/v1/folders/{old}"))
        .await
        .expect(202);

    let found = at(&client, "/bills/2024").await;
    assert_eq!(each(&found, "path"), ["/bills/2024"]);
    assert_eq!(found["items"][0]["file_count"], 1, "{found}");
    assert_eq!(each(&at(&client, "/").await, "path"), ["/"]);
    for path in ["/old", "/bills/2025", "/bills/2024/f"] {
        assert!(each(&at(&client, path).await, "id").is_empty(), "{path}");
    }
    let stranger = sheaf.client("other", Role::Admin);
    assert!(each(&at(&stranger, "/bills").await, "id").is_empty());
    for query in [
        "path=/bills&state=trashed",
        "path=/a//b",
        "path=/bills&cursor=x",
    ] {
        client
            .get(&format!("/v1/folders?{query}"))
            .await
            .expect(422);
    }
}
