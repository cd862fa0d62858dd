//! Generations and previews, through the API.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;

use domain::file::Writer;
use domain::name::FolderPath;
use domain::principal::{Identity, Principal, Role, Standing};
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan};
use domain::{Sha256, WorkspaceId};
use http::Method;
use jiff::SignedDuration;
use render::Catalog;
use serde_json::{Value, json};
use store::upload::{Beginning, Begun};
use testkit::{Answer, Client, Sheaf};

/// A request for a checklist, with whatever else is given.
fn checklist(more: &Value) -> Value {
    request("master_checklist", "md", more)
}

/// A request for a template's own example.
fn request(template: &str, format: &str, more: &Value) -> Value {
    let example = Catalog::built_in()
        .get(template)
        .map(|template| template.example().clone())
        .unwrap_or_default();
    let mut body = json!({"template": template, "parameters": example, "format": format});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

async fn generate(client: &Client, body: &Value) -> Answer {
    client.post("/v1/generations", body).await
}

async fn generate_once(client: &Client, key: &str, body: &Value) -> Answer {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    client
        .send(Method::POST, "/v1/generations", &headers, body.to_string())
        .await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

async fn usage(client: &Client) -> Value {
    client.get("/v1/usage").await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_is_a_file_that_its_signed_url_fetches() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let more = json!({"folder": "/plans", "type": "checklist", "tags": ["launch"]});

    let made = generate(&client, &checklist(&more)).await.expect(201);
    let answer = made.json();
    let content = client
        .fetch(text(&answer, "download_url"))
        .await
        .expect(200);

    let day = sheaf.store().clock.now().to_string()[..10].to_owned();
    let name = format!("master_checklist_{day}.md");
    assert_eq!(answer["file_name"], name);
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["expires_at"], Value::Null);
    let id = text(&answer, "file_id");
    assert_eq!(made.header("location"), format!("/v1/files/{id}"));
    assert_eq!(
        content.header("content-disposition"),
        format!("attachment; filename=\"{name}\"")
    );
    assert!(content.header("content-type").starts_with("text/markdown"));
    let file = client.file(id).await;
    assert_eq!(file["origin"], "generated");
    assert_eq!(file["path"], format!("/plans/{name}"));
    assert_eq!(file["type"], "checklist");
    assert_eq!(file["sha256"], Sha256::of(&content.body).to_string());
    sheaf.rest().await;
    assert_eq!(client.file(id).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_template_renders_into_every_format_it_offers_and_the_pipeline_reads_the_result() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let mut made = Vec::new();

    for template in Catalog::built_in().list() {
        for format in template.formats() {
            let body = request(template.name(), format.name(), &Value::Null);
            let answer = generate(&client, &body).await.expect(201).json();
            client
                .fetch(text(&answer, "download_url"))
                .await
                .expect(200);
            made.push(text(&answer, "file_id").to_owned());
        }
    }
    sheaf.rest().await;

    assert!(!made.is_empty());
    for id in made {
        let file = client.file(&id).await;
        assert_eq!(file["status"], "completed", "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_parameters_give_the_same_bytes_as_the_preview() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let body = checklist(&Value::Null);

    let mut hashes = BTreeSet::new();
    for _ in 0..2 {
        let answer = generate(&client, &body).await.expect(201).json();
        let content = client.fetch(text(&answer, "download_url")).await;
        hashes.insert(Sha256::of(&content.body).to_string());
    }
    let asked = json!({"parameters": body["parameters"], "format": "md"});
    let preview = client
        .post("/v1/templates/master_checklist/preview", &asked)
        .await
        .expect(200);

    hashes.insert(Sha256::of(&preview.body).to_string());
    assert_eq!(hashes.len(), 1);
    assert!(preview.header("content-type").starts_with("text/markdown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_stores_nothing_and_a_viewer_may_see_one() {
    let sheaf = Sheaf::start().await;
    let viewer = sheaf.client("acme", Role::Viewer);
    let example = Catalog::built_in().get("report").unwrap().example();
    let before = usage(&viewer).await;

    let asked = json!({"parameters": example, "format": "html"});
    let preview = viewer
        .post("/v1/templates/report/preview", &asked)
        .await
        .expect(200);

    assert!(
        preview
            .header("content-security-policy")
            .contains("sandbox")
    );
    assert_eq!(usage(&viewer).await, before);
    let refused = generate(&viewer, &checklist(&Value::Null)).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_without_a_name_at_the_same_time_get_names_of_their_own() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();

    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { generate(&client, &checklist(&Value::Null)).await })
        })
        .collect();
    let mut names = BTreeSet::new();
    for task in tasks {
        let answer = task.await.unwrap().expect(201).json();
        names.insert(text(&answer, "file_name").to_owned());
    }

    assert_eq!(names.len(), 8);
    assert!(names.iter().any(|name| name.ends_with(" (2).md")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_refused_and_costs_no_quota() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let named = checklist(&json!({"name": "plan.md"}));
    generate(&client, &named).await.expect(201);
    let before = usage(&client).await;

    let refused = generate(&client, &named).await.expect(409);

    assert_eq!(refused.code(), "name_taken");
    assert_eq!(usage(&client).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_gets_a_version_when_asked_so() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let named = checklist(&json!({"name": "plan.md", "on_conflict": "version"}));

    let first = generate(&client, &named).await.expect(201).json();
    let second = generate(&client, &named).await.expect(201).json();

    assert_eq!(first["version"], 1);
    assert_eq!(second["version"], 2);
    assert_eq!(first["file_id"], second["file_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_makes_one_file() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let body = checklist(&Value::Null);

    let first = generate_once(&client, "once", &body).await.expect(201);
    let again = generate_once(&client, "once", &body).await.expect(201);
    let other = checklist(&json!({"folder": "/elsewhere"}));
    let misused = generate_once(&client, "once", &other).await;

    let (first, again) = (first.json(), again.json());
    for field in ["file_id", "file_name", "version", "expires_at"] {
        assert_eq!(first[field], again[field], "{field}");
    }
    client.fetch(text(&again, "download_url")).await.expect(200);
    assert_eq!(misused.status, 422);
    assert_eq!(usage(&client).await["used_files"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_finishes_what_the_first_left_half_way() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let body = checklist(&json!({"name": "plan.md"})).to_string();
    let upload = begin(&sheaf, "once", &body).await;

    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "once"),
    ];
    let answer = client
        .send(Method::POST, "/v1/generations", &headers, body)
        .await
        .expect(201)
        .json();

    assert_eq!(answer["file_name"], "plan.md");
    let workspace = "acme".parse().unwrap();
    let session = sheaf.store().upload(&workspace, upload).await.unwrap();
    assert!(format!("{:?}", session.state).contains(text(&answer, "file_id")));
    assert_eq!(usage(&client).await["used_files"], 1);
}

/// Begins the session of a request and stops there, as a process that is killed does.
async fn begin(sheaf: &Sheaf, key: &str, body: &str) -> domain::UploadId {
    let workspace: WorkspaceId = "acme".parse().unwrap();
    let principal = Principal {
        identity: Identity::User {
            issuer: embedded::secrets::ISSUER.to_owned(),
            subject: "someone".to_owned(),
        },
        workspace: workspace.clone(),
        role: Role::Admin,
        standing: Standing::Granted,
    };
    let headers = http::HeaderMap::from_iter([(
        http::HeaderName::from_static("idempotency-key"),
        key.parse().unwrap(),
    )]);
    let parts: [&[u8]; 2] = [b"POST /v1/generations", body.as_bytes()];
    let asked: Value = serde_json::from_str(body).unwrap();
    let rendered = Catalog::built_in()
        .get("master_checklist")
        .unwrap()
        .render(
            &asked["parameters"],
            "md".parse().unwrap(),
            &render::Limits::default(),
        )
        .unwrap();
    let beginning = Beginning {
        intent: Intent {
            name: "plan.md".parse().unwrap(),
            folder: FolderPath::root(),
            document_type: None,
            tags: Tags::default(),
            expires_in: None,
            on_conflict: OnConflict::Fail,
            expected: None,
            owner: principal.identity.pseudonym(),
        },
        size_bytes: rendered.bytes.len() as u64,
        content_type: Some(rendered.media_type.to_owned()),
        sha256: Some(Sha256::of(&rendered.bytes)),
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SignedDuration::from_hours(1),
        repeatable: api::idempotency::repeatable(&headers, &principal, &parts).unwrap(),
    };
    let begun = sheaf.store().begin_upload(&workspace, beginning).await;
    match begun.unwrap() {
        Begun::New(upload) => upload.id,
        Begun::Before(_) => panic!("the session is new"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_time_to_live_is_gone_when_it_is_up() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();

    let body = checklist(&json!({"expires_in_s": 60}));
    let answer = generate(&client, &body).await.expect(201).json();

    let url = text(&answer, "download_url");
    let (_, lifetime) = url.split_once("X-Amz-Expires=").unwrap();
    let seconds: u64 = lifetime.split('&').next().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert!(answer["expires_at"].is_string());
    sheaf.advance(SignedDuration::from_secs(60));
    let id = text(&answer, "file_id");
    client.get(&format!("/v1/files/{id}")).await.expect(410);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_with_the_field_and_leave_nothing() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let refused: [(Value, u16, &str); 9] = [
        (request("no_such_template", "md", &Value::Null), 404, ""),
        (checklist(&json!({"template_version": 999})), 404, ""),
        (checklist(&json!({"format": "exe"})), 422, "/format"),
        (checklist(&json!({"parameters": []})), 422, "/parameters"),
        (checklist(&json!({"name": "a/b"})), 422, "/name"),
        (checklist(&json!({"folder": "/a//b"})), 422, "/folder"),
        (checklist(&json!({"tags": ["ok", ""]})), 422, "/tags/1"),
        (checklist(&json!({"expires_in_s": 0})), 422, "/expires_in_s"),
        (checklist(&json!({"surprise": 1})), 422, "/surprise"),
    ];

    for (body, status, pointer) in refused {
        let problem = generate(&client, &body).await.expect(status).json();
        if !pointer.is_empty() {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
    }

    client
        .send(Method::POST, "/v1/generations", &[], "not json")
        .await
        .expect(400);
    client
        .post(
            "/v1/templates/no_such_template/preview",
            &json!({"parameters": {}, "format": "md"}),
        )
        .await
        .expect(404);
    assert_eq!(usage(&client).await["used_files"], 0);
}
