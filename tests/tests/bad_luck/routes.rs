//! Every route of the document, by everyone who may not: another workspace, a role that is too low,
//! nobody at all. Nothing crosses, and nothing is changed.

use std::collections::BTreeSet;

use domain::principal::Role;
use e2e::{finished, id};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client, Sheaf};

use crate::invariants::{rows, text};
use crate::{bill, start};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    /// Nobody asks who it is.
    Nothing,
    /// Whoever has a token, without a role anywhere.
    Token,
    Viewer,
    Editor,
    Admin,
}

use Needs::{Admin, Editor, Nothing, Token, Viewer};

impl Needs {
    const fn is_met_by(self, role: Role) -> bool {
        match self {
            Nothing | Token | Viewer => true,
            Editor => matches!(role, Role::Editor | Role::Admin),
            Admin => matches!(role, Role::Admin),
        }
    }
}

/// What is sent to a route.
#[derive(Clone, Copy, Debug)]
enum Sends {
    Nothing,
    /// This JSON.
    Json(&'static str),
    /// Bytes by tus; `POST /v1/tus/{id}` says that it is one of them.
    Tus,
    /// The bytes of a file.
    Bytes,
}

use Sends::{Bytes, Json, Tus};

/// A route, who may use it, what it is asked for: `{words}` stand for what a workspace has.
type Route = (&'static str, &'static str, Needs, Sends);

/// A route that is not here fails the tests.
#[rustfmt::skip]
const ROUTES: &[Route] = &[
    ("GET", "/healthz", Nothing, Sends::Nothing),
    ("GET", "/v1/openapi.json", Nothing, Sends::Nothing),
    ("GET", "/v1/receipt-keys", Nothing, Sends::Nothing),
    ("OPTIONS", "/v1/tus", Nothing, Sends::Nothing),

    ("GET", "/v1/workspaces", Token, Sends::Nothing),
    ("GET", "/v1/invitations", Token, Sends::Nothing),
    ("POST", "/v1/invitations/{workspace}/accept", Token, Sends::Nothing),
    ("DELETE", "/v1/invitations/{workspace}", Token, Sends::Nothing),

    ("GET", "/v1/dossiers", Viewer, Sends::Nothing),
    ("GET", "/v1/dossiers/{dossier}", Viewer, Sends::Nothing),
    ("GET", "/v1/dossiers/{dossier}/comparison?with={dossier}", Viewer, Sends::Nothing),
    ("GET", "/v1/dossiers/{dossier}/documents", Viewer, Sends::Nothing),
    ("GET", "/v1/dossiers/{dossier}/export", Viewer, Sends::Nothing),
    ("GET", "/v1/exports/{export}", Viewer, Sends::Nothing),
    ("GET", "/v1/exports/{export}/content", Viewer, Sends::Nothing),
    ("DELETE", "/v1/exports/{export}", Viewer, Sends::Nothing),
    ("GET", "/v1/failures", Viewer, Sends::Nothing),
    ("GET", "/v1/files", Viewer, Sends::Nothing),
    ("GET", "/v1/files/{file}", Viewer, Sends::Nothing),
    ("GET", "/v1/files/{file}/content", Viewer, Sends::Nothing),
    ("GET", "/v1/files/{file}/facts", Viewer, Sends::Nothing),
    ("GET", "/v1/files/{file}/facts/history", Viewer, Sends::Nothing),
    ("GET", "/v1/files/{file}/text", Viewer, Sends::Nothing),
    ("GET", "/v1/files/{file}/versions", Viewer, Sends::Nothing),
    ("GET", "/v1/folders", Viewer, Sends::Nothing),
    ("GET", "/v1/folders/{folder}", Viewer, Sends::Nothing),
    ("GET", "/v1/jobs", Viewer, Sends::Nothing),
    ("GET", "/v1/jobs/{job}", Viewer, Sends::Nothing),
    ("GET", "/v1/receipts", Viewer, Sends::Nothing),
    ("GET", "/v1/receipts/{receipt}", Viewer, Sends::Nothing),
    ("GET", "/v1/receipts/{receipt}/manifest", Viewer, Sends::Nothing),
    ("POST", "/v1/receipts/{receipt}/verify", Viewer, Sends::Nothing),
    ("GET", "/v1/templates", Viewer, Sends::Nothing),
    ("GET", "/v1/templates/report", Viewer, Sends::Nothing),
    ("POST", "/v1/templates/report/preview", Viewer, Json(r#"{"format": "md", "parameters": {"title": "R", "sections": []}}"#)),
    ("POST", "/v1/exports", Viewer, Json(r#"{"files": ["{file}"]}"#)),
    ("GET", "/v1/uploads/{upload}", Viewer, Sends::Nothing),
    ("GET", "/v1/usage", Viewer, Sends::Nothing),

    ("POST", "/v1/bulk", Editor, Json(r#"{"operations": [{"op": "change", "id": "{file}", "favorite": true}]}"#)),
    ("POST", "/v1/dossiers", Editor, Json(r#"{"type": "bill", "tags": ["other"]}"#)),
    ("POST", "/v1/dossiers/{dossier}/regenerate", Editor, Sends::Nothing),
    ("POST", "/v1/failures/{failure}/redrive", Editor, Sends::Nothing),
    ("POST", "/v1/files?name=new.txt", Editor, Bytes),
    ("PATCH", "/v1/files/{file}", Editor, Json(r#"{"favorite": true}"#)),
    ("PATCH", "/v1/files/{file}/facts", Editor, Json(r#"{"language": "pl"}"#)),
    ("POST", "/v1/files/{file}/copy", Editor, Json(r#"{"name": "copy.txt"}"#)),
    ("POST", "/v1/files/{file}/restore", Editor, Sends::Nothing),
    ("POST", "/v1/files/{file}/retry", Editor, Sends::Nothing),
    ("POST", "/v1/files/{file}/versions/prune", Editor, Json(r#"{"keep": 5}"#)),
    ("POST", "/v1/files/{file}/versions/1/restore", Editor, Sends::Nothing),
    ("DELETE", "/v1/files/{file}/versions/1", Editor, Sends::Nothing),
    ("DELETE", "/v1/files/{file}", Editor, Sends::Nothing),
    ("POST", "/v1/folders", Editor, Json(r#"{"path": "/new"}"#)),
    ("PATCH", "/v1/folders/{folder}", Editor, Json(r#"{"name": "renamed"}"#)),
    ("POST", "/v1/folders/{folder}/restore", Editor, Sends::Nothing),
    ("DELETE", "/v1/folders/{folder}", Editor, Sends::Nothing),
    ("POST", "/v1/generations", Editor, Json(r#"{"template": "report", "format": "md", "parameters": {"title": "R", "sections": []}}"#)),
    ("HEAD", "/v1/tus/{tus}", Editor, Tus),
    ("POST", "/v1/imports", Editor, Json(r#"{"file_id": "{file}"}"#)),
    ("POST", "/v1/tus", Editor, Tus),
    ("POST", "/v1/tus/{tus}", Editor, Tus),
    ("PATCH", "/v1/tus/{tus}", Editor, Tus),
    ("DELETE", "/v1/tus/{tus}", Editor, Tus),
    ("POST", "/v1/uploads", Editor, Json(r#"{"name": "new.bin", "size_bytes": 10}"#)),
    ("POST", "/v1/uploads/{upload}/parts", Editor, Json(r#"{"numbers": [1]}"#)),
    ("POST", "/v1/uploads/{upload}/complete", Editor, Json("{}")),
    ("DELETE", "/v1/uploads/{upload}", Editor, Sends::Nothing),

    ("GET", "/v1/api-keys", Admin, Sends::Nothing),
    ("POST", "/v1/api-keys", Admin, Json(r#"{"name": "robot", "role": "viewer"}"#)),
    ("DELETE", "/v1/api-keys/{key}", Admin, Sends::Nothing),
    ("POST", "/v1/checks", Admin, Json(r#"{"dry_run": true}"#)),
    ("GET", "/v1/checks/{check}/findings", Admin, Sends::Nothing),
    ("GET", "/v1/members", Admin, Sends::Nothing),
    ("POST", "/v1/members", Admin, Json(r#"{"issuer": "elsewhere", "subject": "another", "role": "viewer"}"#)),
    ("PATCH", "/v1/members/{member}", Admin, Json(r#"{"role": "editor"}"#)),
    ("DELETE", "/v1/members/{member}", Admin, Sends::Nothing),
];

/// Where else an id may stand, always in what is asked of one's own workspace: `{their …}` stands
/// for what another has.
#[rustfmt::skip]
const ELSEWHERE: &[(&str, &str, Sends)] = &[
    ("GET", "/v1/folders?parent_id={their folder}", Sends::Nothing),
    ("POST", "/v1/folders", Json(r#"{"name": "new", "parent_id": "{their folder}"}"#)),
    ("POST", "/v1/exports", Json(r#"{"folder_id": "{their folder}"}"#)),
    ("POST", "/v1/exports", Json(r#"{"files": ["{their file}"]}"#)),
    ("POST", "/v1/imports", Json(r#"{"file_id": "{their file}"}"#)),
    ("PATCH", "/v1/files/{file}", Json(r#"{"folder_id": "{their folder}"}"#)),
    ("POST", "/v1/files/{file}/copy", Json(r#"{"name": "new", "folder_id": "{their folder}"}"#)),
    ("PATCH", "/v1/folders/{folder}", Json(r#"{"folder_id": "{their folder}"}"#)),
];

/// What a workspace has, by the word for it.
struct Ids(Vec<(&'static str, String)>);

impl Ids {
    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (word, id)| {
            text.replace(&format!("{{{word}}}"), id)
        })
    }

    fn theirs(&self) -> Self {
        let their = |(word, id): &(&'static str, String)| -> (&'static str, String) {
            (["their ", word].concat().leak(), id.clone())
        };
        Self(self.0.iter().map(their).collect())
    }

    /// Those ids that nobody can know who was not told.
    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, id)| id.as_str())
    }
}

/// Fills a workspace with one of everything.
async fn fill(sheaf: &Sheaf, workspace: &str) -> Ids {
    let client = sheaf.client(workspace, Role::Admin);
    let file = client
        .put("name=a.txt&type=bill&tag=pge", bill("2024-01-01", "5.00"))
        .await;
    let dossier = json!({"type": "bill", "tags": ["pge"]});
    let dossier = client.post("/v1/dossiers", &dossier).await.expect(202);
    let damaged = client.put("name=cut.pdf", "%PDF-1.7\n1 0 obj\n<<").await;
    finished(&client, &id(&damaged)).await;
    let failures = client.get("/v1/failures").await.expect(200).json();
    let folder = client.post("/v1/folders", &json!({"path": "/f"})).await;
    let folder = folder.expect(201).json();
    let trashed = client.delete(&format!("/v1/folders/{}", id(&folder))).await;
    let gone = client.put("name=gone.txt", "gone").await;
    let gone = format!("/v1/files/{}?permanent=true", id(&gone));
    let receipt = client.delete(&gone).await.expect(200).json();
    let upload = json!({"name": "b.bin", "size_bytes": 10});
    let upload = client.post("/v1/uploads", &upload).await.expect(201).json();
    let tus = e2e::tus::Upload::begin(&client, 10, &[("filename", "c.bin")]).await;
    let key = json!({"name": "robot", "role": "viewer"});
    let key = client.post("/v1/api-keys", &key).await.expect(201).json();
    // The same person would have the same id in each.
    let member = json!({"issuer": "elsewhere", "subject": workspace, "role": "viewer"});
    let member = client.post("/v1/members", &member).await.expect(200).json();
    sheaf.rest().await;
    let export = json!({"files": [id(&file)]});
    // A viewer ends only exports of their own.
    let viewer = sheaf.client(workspace, Role::Viewer);
    let export = viewer.post("/v1/exports", &export).await.expect(202).json();
    let check = json!({"dry_run": true});
    let check = client.post("/v1/checks", &check).await.expect(202).json();
    sheaf.rest().await;
    Ids(vec![
        ("file", id(&file)),
        ("dossier", id(&dossier.json())),
        ("export", id(&export)),
        ("check", id(&check)),
        ("failure", id(&failures["items"][0])),
        ("folder", id(&folder)),
        ("job", id(&trashed.expect(202).json()["job"])),
        ("receipt", id(&receipt)),
        ("upload", text(&upload, "upload_id").to_owned()),
        ("tus", tus.id().to_owned()),
        ("key", id(&key)),
        ("member", id(&member)),
        ("workspace", workspace.to_owned()),
    ])
}

async fn send(client: &Client, method: &str, path: &str, sends: Sends, ids: &Ids) -> Answer {
    let method: Method = method.parse().unwrap();
    let path = ids.fill(path);
    match sends {
        Sends::Nothing => client.send(method, &path, &[], "").await,
        Json(body) => {
            let json = [("content-type", "application/json")];
            client.send(method, &path, &json, ids.fill(body)).await
        }
        Bytes => client.send(method, &path, &[], "bytes").await,
        Tus => {
            let headers = [
                ("tus-resumable", "1.0.0"),
                ("upload-length", "10"),
                ("upload-offset", "0"),
                ("upload-metadata", "filename bmV3LmJpbg=="),
                ("content-type", "application/offset+octet-stream"),
                ("x-http-method-override", "PATCH"),
            ];
            // Only `POST /v1/tus/{id}` is told another method; the others say it themselves.
            let overrides = method == Method::POST && path != "/v1/tus";
            let headers = if overrides {
                &headers[..]
            } else {
                &headers[..5]
            };
            client.send(method, &path, headers, "12345").await
        }
    }
}

/// The rows of a workspace, each as it is stored.
async fn rows_of(sheaf: &Sheaf, workspace: &str) -> BTreeSet<String> {
    let own = format!("W#{workspace}#");
    let rows = rows(sheaf).await.into_iter();
    let rows = rows.filter(|row| text(row, "pk").starts_with(&own));
    rows.map(|row| sorted(row).to_string()).collect()
}

/// The same with its fields in order: the table has none.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        value => value,
    }
}

/// Checks that a workspace has the rows it had.
async fn assert_unchanged(sheaf: &Sheaf, workspace: &str, before: &BTreeSet<String>) {
    sheaf.rest().await;
    let after = rows_of(sheaf, workspace).await;
    let changed: Vec<&String> = after.symmetric_difference(before).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn every_route_of_the_document_is_classified() {
    let document = serde_json::to_value(local::functions::openapi()).unwrap();
    let shape = |path: &str| {
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let segments = path.split('/').map(|segment| match segment {
            // A template's name and a version's number are no ids.
            "report" | "1" => "{}",
            segment if segment.starts_with('{') => "{}",
            segment => segment,
        });
        segments.collect::<Vec<_>>().join("/")
    };
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let route = format!("{} {}", method.to_uppercase(), shape(path));
            let is_open = operation.get("security").is_none();
            documented.insert((route, is_open));
        }
    }
    let classified: BTreeSet<(String, bool)> = ROUTES
        .iter()
        .map(|(method, path, needs, _)| {
            let route = format!("{method} {}", shape(path));
            (route, *needs == Nothing)
        })
        .collect();

    assert_eq!(classified, documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_credentials_does_or_sees_anything() {
    let Some(sheaf) = start().await else { return };
    let ids = fill(&sheaf, "acme").await;
    let before = rows_of(&sheaf, "acme").await;
    let client = sheaf.admin();
    let forged = client.token().to_owned() + "x";

    for token in ["", "nonsense", &forged, "sheaf_acme.0199a0b1.key"] {
        let nobody = client.with_token(token);
        for (method, path, needs, sends) in ROUTES {
            let answer = send(&nobody, method, path, *sends, &ids).await;
            if *needs == Nothing {
                assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
            } else {
                assert_eq!(answer.status, 401, "{method} {path}");
                assert_eq!(answer.header("www-authenticate"), "Bearer");
            }
        }
    }

    assert_unchanged(&sheaf, "acme", &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_role_or_too_low_a_role_changes_nothing() {
    let Some(sheaf) = start().await else { return };
    let ids = fill(&sheaf, "acme").await;
    let before = rows_of(&sheaf, "acme").await;

    for role in [Role::Viewer, Role::Editor] {
        let client = sheaf.client("acme", role);
        for (method, path, needs, sends) in ROUTES {
            if needs.is_met_by(role) {
                continue;
            }
            let refused = send(&client, method, path, *sends, &ids).await;
            assert_eq!(refused.status, 403, "{role:?} {method} {path}: {refused:?}");
        }
    }
    let stranger = sheaf.stranger();
    for (method, path, needs, sends) in ROUTES {
        let answer = send(&stranger, method, path, *sends, &ids).await;
        if *needs > Token {
            assert_eq!(answer.status, 403, "stranger {method} {path}: {answer:?}");
        } else {
            assert_ne!(answer.status, 403, "stranger {method} {path}");
        }
    }

    assert_unchanged(&sheaf, "acme", &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lowest_role_that_may_is_let_through() {
    let Some(sheaf) = start().await else { return };
    let ids = fill(&sheaf, "acme").await;

    for (method, path, needs, sends) in ROUTES {
        let role = match needs {
            Nothing | Token | Viewer => Role::Viewer,
            Editor => Role::Editor,
            Admin => Role::Admin,
        };
        let client = sheaf.client("acme", role);
        let answer = send(&client, method, path, *sends, &ids).await;
        let status = answer.status.as_u16();
        // What is asked for may be impossible by now, or, as an invitation, somebody else's.
        let is_let_through = matches!(status, 200..400 | 404 | 409 | 410);
        assert!(is_let_through, "{method} {path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_another_workspace_lead_nowhere_and_its_things_are_in_no_answer() {
    let Some(sheaf) = start().await else { return };
    let theirs = fill(&sheaf, "acme").await;
    let ours = fill(&sheaf, "other").await;
    let before = rows_of(&sheaf, "acme").await;

    for role in [Role::Viewer, Role::Editor, Role::Admin] {
        let client = sheaf.client("other", role);
        for (method, path, needs, sends) in ROUTES {
            let names_one = path.contains('{');
            if !names_one && *method != "GET" {
                continue;
            }
            let answer = send(&client, method, path, *sends, &theirs).await;
            if names_one {
                let expected = if needs.is_met_by(role) { 404 } else { 403 };
                assert_eq!(answer.status, expected, "{role:?} {method} {path}");
            }
            assert_tells_nothing(&answer, &theirs, path);
        }
    }
    let admin = sheaf.client("other", Role::Admin);
    let foreign = theirs.theirs();
    for (method, path, sends) in ELSEWHERE {
        let mut ids = Ids(ours.0.clone());
        ids.0.extend(foreign.0.iter().cloned());
        if path.contains("{folder}") {
            let restore = ids.fill("/v1/folders/{folder}/restore");
            admin.post(&restore, &Value::Null).await;
        }
        let answer = send(&admin, method, path, *sends, &ids).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }

    assert_unchanged(&sheaf, "acme", &before).await;
}

/// Checks that an answer holds none of another workspace's ids but the one it was asked for.
#[track_caller]
fn assert_tells_nothing(answer: &Answer, theirs: &Ids, path: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    let asked = theirs.fill(path);
    for secret in theirs.secrets().filter(|secret| *secret != "acme") {
        if !asked.contains(secret) {
            assert!(!body.contains(secret), "{path} tells {secret}: {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_of_another_workspace_show_nothing_of_it() {
    let Some(sheaf) = start().await else { return };
    let theirs = sheaf.client("acme", Role::Admin);
    let ours = sheaf.client("other", Role::Admin);
    let mut secret = BTreeSet::new();
    for number in 0..4 {
        let query = format!("name={number}.txt&folder=/f&type=bill&tag=pge");
        let file = theirs.put(&query, bill("2024-01-01", "5.00")).await;
        secret.insert(id(&file));
        ours.put(&query, "ours").await;
    }
    sheaf.rest().await;

    for list in [
        "/v1/files?limit=2",
        "/v1/files?limit=2&folder=/f",
        "/v1/files?limit=2&folder=/&recursive=true",
        "/v1/files?limit=2&folder=/f&sort=updated_at",
        "/v1/files?limit=2&updated_since=2024-01-01T00:00:00Z",
    ] {
        let page = theirs.get(list).await.expect(200).json();
        let cursor = page["next_cursor"].as_str().unwrap();
        let answer = ours.get(&format!("{list}&cursor={cursor}")).await;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status.as_u16() < 500, "{list}: {body}");
        assert!(secret.iter().all(|id| !body.contains(id)), "{list}: {body}");
    }
}
