//! Folders that are renamed and moved with all they hold.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use domain::principal::Role;
use domain::{FolderId, WorkspaceId};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use store::keys::Key;
use store::table::{Table, Write, to_row};
use store::tree::FolderChange;
use testkit::{Client, Sheaf};

use crate::each;

async fn folder(client: &Client, path: &str) -> Value {
    let answer = client.post("/v1/folders", &json!({"path": path})).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer.json()
}

fn route(folder: &Value) -> String {
    format!("/v1/folders/{}", folder["id"].as_str().unwrap())
}

#[tokio::test]
async fn folder_is_renamed_and_moved_at_once_with_all_it_holds() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=f.txt&folder=/a/b/c", "12345").await;
    let moved = folder(&client, "/a/b").await;

    let change = json!({"name": "z", "folder": "/x/y"});
    let answer = client.patch(&route(&moved), &change).await.expect(200);

    assert_eq!(answer.json()["path"], "/x/y/z");
    let file = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(file["path"], "/x/y/z/c/f.txt");
    assert_eq!(
        each(&client, "/v1/files?folder=/x/y/z/c", "name").await,
        ["f.txt"]
    );
    client.get("/v1/files?folder=/a/b").await.expect(404);
    assert_eq!(folder(&client, "/a").await["folder_count"], 0);
    assert_eq!(folder(&client, "/x/y").await["folder_count"], 1);
    assert_eq!(folder(&client, "/x/y/z/c").await["size_bytes"], 5);
}

#[tokio::test]
async fn change_of_a_folder_is_refused_with_the_reason() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    client.put("name=f&folder=/a/taken", "x").await;
    client.put("name=file&folder=/a", "x").await;
    let (a, b) = (folder(&client, "/a").await, folder(&client, "/a/b").await);
    let below = folder(&client, "/a/b/c").await;

    for (target, change, code) in [
        (&b, json!({"name": "taken"}), "name_taken"),
        (&b, json!({"name": "file"}), "name_taken"),
        (&a, json!({"folder_id": a["id"]}), "below_itself"),
        (&a, json!({"folder_id": below["id"]}), "below_itself"),
        (&a, json!({"folder": "/a/b/new"}), "below_itself"),
        (&b, json!({"folder": "/a/file/x"}), "not_a_folder"),
    ] {
        let refused = client.patch(&route(target), &change).await.expect(409);
        assert_eq!(refused.code(), code, "{change}");
    }
    let root = "/v1/folders/00000000-0000-0000-0000-000000000000";
    let refused = client.patch(root, &json!({"name": "r"})).await.expect(409);
    assert_eq!(refused.code(), "root_folder");
    client.delete(root).await.expect(409);
    let both = json!({"folder": "/", "folder_id": a["id"]});
    client.patch(&route(&b), &both).await.expect(422);
    let nowhere = json!({"folder_id": "0199a0b1-7c00-7000-8000-000000000001"});
    client.patch(&route(&b), &nowhere).await.expect(404);
    // Nothing was made on the way.
    client.get("/v1/files?folder=/a/b/new").await.expect(404);
}

#[tokio::test]
async fn folder_is_changed_only_as_it_was_seen_and_only_by_who_may() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let made = folder(&client, "/a").await;
    let tag = client.get(&route(&made)).await.header("etag").to_owned();
    let patch = async |tag: &str, name: &str| {
        let headers = [("if-match", tag), ("content-type", "application/json")];
        let body = json!({"name": name}).to_string();
        client
            .send(Method::PATCH, &route(&made), &headers, body)
            .await
    };

    client.put("name=f&folder=/a", "x").await;
    let first = patch(&tag, "b").await.expect(200);
    patch(&tag, "c").await.expect(412);
    patch(first.header("etag"), "c").await.expect(200);

    let viewer = sheaf.client("acme", Role::Viewer);
    let other = sheaf.client("other", Role::Admin);
    for (who, status) in [(viewer, 403), (other, 404)] {
        who.patch(&route(&made), &json!({"name": "v"}))
            .await
            .expect(status);
        who.delete(&route(&made)).await.expect(status);
        let restore = format!("{}/restore", route(&made));
        who.post(&restore, &Value::Null).await.expect(status);
    }
}

#[tokio::test]
async fn no_move_makes_folders_deeper_than_32() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    folder(&client, &"/d".repeat(31)).await;
    folder(&client, "/e/e").await;
    let tall = folder(&client, "/e").await;
    let flat = folder(&client, "/g").await;
    let bottom = folder(&client, &"/d".repeat(31)).await;
    let above = folder(&client, &"/d".repeat(30)).await;

    let to_bottom = json!({"folder_id": bottom["id"]});
    let refused = client.patch(&route(&tall), &to_bottom).await.expect(409);
    client.patch(&route(&flat), &to_bottom).await.expect(200);
    let to_above = json!({"folder_id": above["id"]});
    client.patch(&route(&tall), &to_above).await.expect(200);

    assert_eq!(refused.code(), "too_deep");
    let shown = client.get(&route(&flat)).await.expect(200).json();
    assert_eq!(shown["path"].as_str().unwrap().matches('/').count(), 32);
    let deeper = json!({"name": "h", "parent_id": flat["id"]});
    client.post("/v1/folders", &deeper).await.expect(422);
}

#[tokio::test]
async fn what_was_deep_once_can_be_moved_deep_again() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    folder(&client, &format!("/a{}", "/d".repeat(31))).await;
    let (a, below) = (folder(&client, "/a").await, folder(&client, "/a/d").await);
    let bottom = folder(&client, &"/b".repeat(31)).await;
    let to_bottom = json!({"folder_id": bottom["id"]});

    client.patch(&route(&a), &to_bottom).await.expect(409);
    let away = json!({"folder": "/", "name": "away"});
    client.patch(&route(&below), &away).await.expect(200);
    let moved = client.patch(&route(&a), &to_bottom).await.expect(200);

    assert_eq!(moved.json()["path"], format!("{}/a", "/b".repeat(31)));
}

#[tokio::test]
async fn names_in_many_scripts_are_moved_and_listed_in_32_levels() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let scripts = [
        "żółw",
        "請求書",
        "счёт",
        "فاتورة",
        "הצעה",
        "ใบแจ้งหนี้",
        "🧾",
        "a b&c?d=e#f%",
    ];
    let path: String = (0..31)
        .flat_map(|level| ["/", scripts[level % scripts.len()]])
        .collect();
    let deepest = folder(&client, &path).await;
    let top = folder(&client, "/żółw").await;

    let renamed = json!({"name": "ñandú"});
    client.patch(&route(&top), &renamed).await.expect(200);

    let shown = client.get(&route(&deepest)).await.expect(200).json();
    assert_eq!(
        shown["path"].as_str().unwrap(),
        path.replacen("żółw", "ñandú", 1)
    );
}

#[tokio::test]
async fn files_uploaded_while_their_folder_is_moved_are_all_there() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let moved = folder(&client, "/a/inner").await;
    folder(&client, "/b").await;

    let uploads = join_all((0..12).map(|number| {
        let client = client.clone();
        async move {
            client
                .put(&format!("name={number}&folder=/a/inner"), "x")
                .await
        }
    }));
    let moving = async {
        for folder in ["/b", "/c", "/b", "/"] {
            let change = json!({"folder": folder});
            client.patch(&route(&moved), &change).await.expect(200);
        }
    };
    let (files, ()) = tokio::join!(uploads, moving);

    let listed = each(&client, "/v1/files?folder=/&recursive=true&limit=100", "id").await;
    assert_eq!(listed.len(), 12);
    for file in files {
        let id = file["id"].as_str().unwrap();
        assert!(listed.contains(&id.to_owned()));
        client.file(id).await;
    }
    // Those who came while it was away made the path anew.
    let (inner, again) = (
        folder(&client, "/inner").await,
        folder(&client, "/a/inner").await,
    );
    let count = |folder: &Value| folder["file_count"].as_u64().unwrap();
    assert_eq!(count(&inner) + count(&again), 12);
}

/// Notes how many items each transaction holds.
#[derive(Clone, Debug, Default)]
struct Items(Arc<Mutex<Vec<usize>>>);

impl Intercept for Items {
    fn name(&self) -> &'static str {
        "items"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(input) = context.input().downcast_ref::<TransactWriteItemsInput>() {
            self.0.lock().unwrap().push(input.transact_items().len());
        }
        Ok(())
    }
}

#[tokio::test]
async fn moving_a_folder_of_10_000_files_costs_what_moving_an_empty_one_does() {
    let stack = testkit::Stack::start().await;
    let workspace: WorkspaceId = "acme".parse().unwrap();
    let store = &stack.stack.store;
    let make = async |path: &str| {
        let path = path.parse().unwrap();
        store.make_folders(&workspace, &path).await.unwrap()
    };
    let (full, empty) = (make("/full").await, make("/empty").await);
    let deepest = make(&"/d".repeat(31)).await;
    for page in 0..100 {
        let names = (0..100).map(|number| Write::Put {
            condition: None,
            row: to_row(
                Key::name(
                    &workspace,
                    full,
                    &format!("{page}-{number}").parse().unwrap(),
                ),
                &json!({"file_id": uuid::Uuid::from_u128(page * 100 + number)}),
            )
            .unwrap(),
        });
        store.table.transact(names.collect()).await.unwrap();
    }
    let items = Items::default();
    let client = store.table.client();
    let config = client.config().to_builder().interceptor(items.clone());
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let store = store::Store {
        table: Table::new(client, store.table.name().to_owned()),
        ..store.clone()
    };

    for folder in [empty, full] {
        let change = FolderChange {
            name: Some("moved".parse().unwrap()),
            parent: Some(deepest),
        };
        store
            .change_folder(&workspace, folder, &change, |_| Ok(()))
            .await
            .unwrap();
        let change = FolderChange {
            name: Some("back".parse().unwrap()),
            parent: Some(FolderId::ROOT),
        };
        store
            .change_folder(&workspace, folder, &change, |_| Ok(()))
            .await
            .unwrap();
        store
            .trash_folder(&workspace, folder, |_| Ok(()))
            .await
            .unwrap();
    }

    let items = items.0.lock().unwrap().clone();
    let (of_empty, of_full) = items.split_at(items.len() / 2);
    assert_eq!(of_empty, of_full);
    assert!(items.iter().all(|items| *items <= 40), "{items:?}");
}
