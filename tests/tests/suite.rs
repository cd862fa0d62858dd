//! The main job from end to end, through the public API alone.

use std::fmt::Write as _;

use domain::principal::Role;
use e2e::{Target, finished, id, until};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn bill(date: &str, amount: &str) -> String {
    format!("Pine Grove Electric\n\nStatement date: {date}\nUsage: 850 kWh\nTotal due: ${amount}\n")
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

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

#[tokio::test]
async fn a_presigned_put_becomes_a_file() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let bytes = "direct to the store";
    let begun = client
        .post(
            "/v1/uploads",
            &json!({"name": "a.txt", "size_bytes": bytes.len(), "sha256": hash(bytes.as_bytes())}),
        )
        .await
        .expect(201)
        .json();
    assert_eq!(begun["method"], "single");
    client
        .put_signed(&begun["parts"][0], bytes)
        .await
        .expect(200);
    // Nothing can be written there again.
    client
        .put_signed(&begun["parts"][0], "direct to the st0re")
        .await;

    let path = format!(
        "/v1/uploads/{}/complete",
        begun["upload_id"].as_str().unwrap()
    );
    let file = client.post(&path, &json!({})).await.expect(201).json();
    let again = client.post(&path, &json!({})).await.expect(201).json();

    assert_eq!(file["id"], again["id"]);
    assert_eq!(file["sha256"], hash(bytes.as_bytes()));
    assert_eq!(client.content(&id(&file)).await.expect(200).body, bytes);
}

#[tokio::test]
async fn an_upload_whose_client_never_says_complete_is_finished_by_the_event() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let begun = client
        .post("/v1/uploads", &json!({"name": "a.txt", "size_bytes": 5}))
        .await
        .expect(201)
        .json();
    client
        .put_signed(&begun["parts"][0], "hello")
        .await
        .expect(200);

    let path = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
    let upload = until(&client, &path, |answer| {
        answer.json()["state"] == "committed"
    })
    .await
    .json();

    let file = finished(&client, upload["file_id"].as_str().unwrap()).await;
    assert_eq!(file["status"], "completed");
    assert_eq!(file["sha256"], hash(b"hello"));
}

#[tokio::test]
async fn parts_are_listed_signed_again_and_joined() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let mut text = String::new();
    while text.len() < 17 * 1024 * 1024 {
        let _ = writeln!(text, "line {} of a long file", text.len());
    }
    let bytes = text.into_bytes();
    let begun = client
        .post(
            "/v1/uploads",
            &json!({"name": "long.txt", "size_bytes": bytes.len(), "sha256": hash(&bytes)}),
        )
        .await
        .expect(201)
        .json();
    let upload = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
    let size = usize::try_from(begun["part_size_bytes"].as_u64().unwrap()).unwrap();
    let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
    assert_eq!(begun["part_count"], chunks.len());
    client
        .put_signed(&begun["parts"][0], chunks[0].to_vec())
        .await
        .expect(200);
    let early = client
        .post(&format!("{upload}/complete"), &json!({}))
        .await
        .expect(409);
    assert_eq!(early.code(), "incomplete");
    let arrived = client.get(&upload).await.expect(200).json();
    assert_eq!(arrived["arrived"].as_array().unwrap().len(), 1);

    let numbers: Vec<usize> = (2..=chunks.len()).collect();
    let signed = client
        .post(&format!("{upload}/parts"), &json!({"numbers": numbers}))
        .await
        .expect(200)
        .json();
    for (part, chunk) in signed["parts"].as_array().unwrap().iter().zip(&chunks[1..]) {
        client.put_signed(part, chunk.to_vec()).await.expect(200);
    }
    let file = client
        .post(&format!("{upload}/complete"), &json!({}))
        .await
        .expect(201)
        .json();

    // Of parts S3 has no hash of the whole, so the promised one is checked before anyone reads.
    let file = finished(&client, &id(&file)).await;
    assert_eq!(file["sha256"], hash(&bytes));
    let content = client.content(&id(&file)).await.expect(200);
    assert_eq!(hash(&content.body), hash(&bytes));
}

#[tokio::test]
async fn bytes_under_a_wrong_promise_are_never_readable() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let bytes = vec![b'x'; 17 * 1024 * 1024];
    let begun = client
        .post(
            "/v1/uploads",
            &json!({"name": "x.txt", "size_bytes": bytes.len(), "sha256": hash(b"something else")}),
        )
        .await
        .expect(201)
        .json();
    let size = usize::try_from(begun["part_size_bytes"].as_u64().unwrap()).unwrap();
    for (part, chunk) in begun["parts"]
        .as_array()
        .unwrap()
        .iter()
        .zip(bytes.chunks(size))
    {
        client.put_signed(part, chunk.to_vec()).await.expect(200);
    }
    let path = format!(
        "/v1/uploads/{}/complete",
        begun["upload_id"].as_str().unwrap()
    );
    let file = client.post(&path, &json!({})).await.expect(201).json();

    let file = finished(&client, &id(&file)).await;

    assert_eq!(file["status"], "failed");
    assert_eq!(file["failure"]["stage"], "verify");
    assert_eq!(file["failure"]["code"], "checksum_mismatch");
    let refused = client
        .get(&format!("/v1/files/{}/content", id(&file)))
        .await
        .expect(409);
    assert_eq!(refused.code(), "not_verified");
    let listed = client.get("/v1/failures").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_aborted_upload_is_gone_and_its_quota_returned() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let begun = client
        .post("/v1/uploads", &json!({"name": "a.bin", "size_bytes": 1000}))
        .await
        .expect(201)
        .json();
    let upload = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
    assert_eq!(
        client.get("/v1/usage").await.expect(200).json()["used_bytes"],
        1000
    );

    client.delete(&upload).await.expect(204);
    client.delete(&upload).await.expect(204);

    client
        .post(&format!("{upload}/complete"), &json!({}))
        .await
        .expect(410);
    assert_eq!(
        client.get("/v1/usage").await.expect(200).json()["used_bytes"],
        0
    );
}

#[tokio::test]
async fn one_workspace_never_sees_another() {
    let target = Target::start().await;
    let client = target.client(Role::Admin).await;
    let stranger = target
        .client_in(
            &format!("e2e-{}", uuid::Uuid::new_v4().simple()),
            Role::Admin,
        )
        .await;
    let file = client
        .put("name=a.txt&type=bill&tag=pge", bill("2024-01-01", "5.00"))
        .await;
    finished(&client, &id(&file)).await;
    let dossier = client
        .post("/v1/dossiers", &json!({"type": "bill", "tags": ["pge"]}))
        .await
        .expect(202)
        .json();
    let file = format!("/v1/files/{}", id(&file));

    for path in [
        file.clone(),
        format!("{file}/content"),
        format!("{file}/text"),
        format!("{file}/facts"),
        format!("{file}/versions"),
        format!("/v1/dossiers/{}", id(&dossier)),
        format!("/v1/dossiers/{}/documents", id(&dossier)),
    ] {
        stranger.get(&path).await.expect(404);
    }
    stranger.delete(&file).await.expect(404);
    stranger
        .patch(&file, &json!({"name": "mine.txt"}))
        .await
        .expect(404);
    for path in ["/v1/files", "/v1/dossiers", "/v1/failures"] {
        assert_eq!(
            stranger.get(path).await.expect(200).json()["items"],
            json!([]),
            "{path}"
        );
    }
    assert_eq!(
        stranger.get("/v1/usage").await.expect(200).json()["used_files"],
        0
    );
    client.get(&file).await.expect(200);
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let target = Target::start().await;
    let editor = target.client(Role::Editor).await;
    let viewer = target.client(Role::Viewer).await;
    let file = editor.put("name=a.txt", "text").await;
    let path = format!("/v1/files/{}", id(&file));

    viewer.get(&path).await.expect(200);
    viewer.get(&format!("{path}/content")).await.expect(302);

    viewer.upload("name=b.txt", "text").await.expect(403);
    viewer.delete(&path).await.expect(403);
    viewer
        .patch(&path, &json!({"name": "c.txt"}))
        .await
        .expect(403);
    viewer
        .post("/v1/uploads", &json!({"name": "b", "size_bytes": 1}))
        .await
        .expect(403);
    viewer
        .post("/v1/dossiers", &json!({"type": "bill", "tags": []}))
        .await
        .expect(403);
    editor.get("/v1/api-keys").await.expect(403);
}

#[tokio::test]
async fn an_api_key_works_until_it_is_revoked() {
    let target = Target::start().await;
    let admin = target.client(Role::Admin).await;
    let made = admin
        .post("/v1/api-keys", &json!({"name": "robot", "role": "editor"}))
        .await
        .expect(201)
        .json();
    let robot = admin.with_token(made["key"].as_str().unwrap());

    robot.put("name=a.txt", "text").await;
    robot.get("/v1/api-keys").await.expect(403);
    let listed = admin.get("/v1/api-keys").await.expect(200);
    assert!(!String::from_utf8_lossy(&listed.body).contains(made["key"].as_str().unwrap()));
    admin
        .delete(&format!("/v1/api-keys/{}", id(&made)))
        .await
        .expect(204);

    robot.get("/v1/files").await.expect(401);
}

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
async fn a_repeated_request_is_one_file() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let key = [("idempotency-key", "the-same")];
    let post = |body: &'static str| {
        client.send("POST".parse().unwrap(), "/v1/files?name=a.txt", &key, body)
    };

    let first = post("text").await.expect(201).json();
    let again = post("text").await.expect(201).json();
    let other = post("other").await.expect(422);

    assert_eq!(first["id"], again["id"]);
    assert_eq!(other.json()["errors"][0]["pointer"], "/Idempotency-Key");
    assert_eq!(
        client.get("/v1/usage").await.expect(200).json()["used_files"],
        1
    );
}

#[tokio::test]
async fn bad_input_gets_a_problem_that_names_it() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;

    let cases: [(&str, &str); 9] = [
        ("", "/name"),
        ("name=a%2Fb", "/name"),
        ("name=..", "/name"),
        ("name=", "/name"),
        ("name=a&folder=/x//y", "/folder"),
        ("name=a&tag=", "/tags/0"),
        ("name=a&expires_in_s=-1", "/expires_in_s"),
        ("name=a&on_conflict=whatever", "/on_conflict"),
        ("name=a&colour=red", "/colour"),
    ];
    for (query, pointer) in cases {
        let problem = client.upload(query, "x").await.expect(422);
        assert_eq!(problem.json()["errors"][0]["pointer"], pointer, "{query}");
        assert_eq!(problem.header("content-type"), "application/problem+json");
    }
    let program = client
        .upload("name=a.txt", vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0])
        .await
        .expect(415);
    assert_eq!(program.code(), "refused_type");
    client
        .post("/v1/uploads", &json!({"name": "a"}))
        .await
        .expect(422);
    client
        .post("/v1/uploads", &json!({"name": "a", "size_bytes": u64::MAX}))
        .await
        .expect(413);
    client.get("/v1/files/not-an-id").await.expect(404);
    client.get("/v1/nothing").await.expect(404);
    let unknown = json!({"template": "nothing", "format": "md", "parameters": {}});
    client.post("/v1/generations", &unknown).await.expect(404);
    let broken = json!({"template": "report", "format": "md", "parameters": {"sections": 1}});
    let problem = client
        .post("/v1/generations", &broken)
        .await
        .expect(422)
        .json();
    assert!(problem["errors"].as_array().unwrap().iter().any(|error| {
        error["pointer"]
            .as_str()
            .unwrap()
            .starts_with("/parameters")
    }));
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
async fn an_empty_file_is_a_file() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;

    let file = client.put("name=empty.txt", "").await;
    let file = finished(&client, &id(&file)).await;

    assert_eq!(file["status"], "completed");
    assert_eq!(file["size_bytes"], 0);
    assert_eq!(file["summary_reason"], "no_text");
    assert_eq!(client.content(&id(&file)).await.expect(200).body, "");
    let none = client
        .get(&format!("/v1/files/{}/text", id(&file)))
        .await
        .expect(404);
    assert_eq!(none.code(), "no_text");
}

#[tokio::test]
async fn a_damaged_document_fails_with_what_to_do() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;

    let file = client
        .put("name=cut.pdf", "%PDF-1.7\n1 0 obj\n<< /Type")
        .await;
    let file = finished(&client, &id(&file)).await;

    assert_eq!(file["status"], "failed", "{file}");
    assert_eq!(file["failure"]["stage"], "extract");
    assert!(file["failure"]["detail"].as_str().unwrap().len() > 20);
    let failures = client.get("/v1/failures").await.expect(200).json();
    assert_eq!(failures["items"].as_array().unwrap().len(), 1);
    // The bytes are kept as they came.
    client.content(&id(&file)).await.expect(200);
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

#[tokio::test]
async fn parameters_that_a_route_does_not_know_are_refused_by_name() {
    let target = Target::start().await;
    let client = target.client(Role::Admin).await;
    let upload = json!({"name": "plan.pdf", "size_bytes": 20 * 1024 * 1024});
    let session = client.post("/v1/uploads", &upload).await.expect(201).json();
    let session = format!("/v1/uploads/{}", session["upload_id"].as_str().unwrap());

    for (route, body) in [
        ("/v1/uploads", upload),
        (&format!("{session}/parts"), json!({"numbers": [1]})),
        (&format!("{session}/complete"), json!({"parts": []})),
        ("/v1/folders", json!({"name": "f"})),
        ("/v1/dossiers", json!({"type": "bill", "tags": []})),
        (
            "/v1/generations",
            json!({"template": "report", "format": "md", "parameters": {}}),
        ),
    ] {
        let refused = client.post(&format!("{route}?color=red"), &body).await;
        let refused = refused.expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], "/color", "{route}");
    }
    for route in [&session, "/v1/files", "/v1/dossiers", "/v1/usage"] {
        let refused = client.get(&format!("{route}?color=red")).await;
        let refused = refused.expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], "/color", "{route}");
    }
    client
        .delete(&format!("{session}?color=red"))
        .await
        .expect(422);
    client.delete(&session).await.expect(204);
}
