//! Input that is bad, empty or repeated.

use domain::principal::Role;
use e2e::{Target, finished, id};
use http::Method;
use serde_json::json;

/// The largest body of a direct upload where nothing else is set. Source: `MaxDirectBytes` of `template.yaml`.
const DIRECT_BYTES: usize = 4 * 1024 * 1024;

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
async fn bytes_of_another_hash_or_too_many_of_them_are_refused_and_nothing_is_stored() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    // The SHA-256 of no bytes.
    let digest = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    for wrong in [digest, "sha-256=:no:", "md5=:AAAA:"] {
        let header = [("content-digest", wrong)];
        let path = "/v1/files?name=a.txt";
        let refused = client.send(Method::POST, path, &header, "text").await;
        let refused = refused.expect(422).json();
        let pointer = &refused["errors"][0]["pointer"];
        assert_eq!(pointer, "/Content-Digest", "{wrong}: {refused}");
    }
    let large = vec![b'a'; DIRECT_BYTES + 1];
    let refused = client.upload("name=a.txt", large).await.expect(413);
    assert_eq!(refused.code(), "too_large");

    let files = client.get("/v1/files").await.expect(200).json();
    assert_eq!(files["items"], json!([]));
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(
        (&usage["used_bytes"], &usage["used_files"]),
        (&json!(0), &json!(0))
    );
    let file = client.put("name=a.txt", vec![b'a'; DIRECT_BYTES]).await;
    assert_eq!(file["size_bytes"], DIRECT_BYTES);
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

#[tokio::test]
async fn method_that_a_route_does_not_take_is_refused_with_those_it_takes() {
    let target = Target::start().await;
    let client = target.client(Role::Viewer).await;
    let upload = format!("/v1/uploads/{}", uuid::Uuid::new_v4());

    for (method, path, allowed) in [
        (Method::PUT, "/v1/files", vec!["GET", "HEAD", "POST"]),
        (Method::PATCH, "/v1/uploads", vec!["POST"]),
        (Method::PUT, &upload, vec!["DELETE", "GET", "HEAD"]),
        (Method::DELETE, "/v1/usage", vec!["GET", "HEAD"]),
    ] {
        let refused = client.send(method.clone(), path, &[], "").await.expect(405);
        let mut allow: Vec<&str> = refused.header("allow").split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow, allowed, "{method} {path}");
        assert_eq!(refused.code(), "method_not_allowed", "{method} {path}");
    }
}

#[tokio::test]
async fn what_can_be_got_answers_head_without_a_body() {
    let target = Target::start().await;
    let client = target.client(Role::Admin).await;
    let begun = json!({"name": "a.bin", "size_bytes": 1});
    let begun = client.post("/v1/uploads", &begun).await.expect(201).json();
    let upload = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());

    for path in [
        "/v1/files",
        "/v1/api-keys",
        "/v1/invitations",
        "/v1/members",
        &upload,
    ] {
        let answer = client.send(Method::HEAD, path, &[], "").await.expect(200);
        assert!(answer.body.is_empty(), "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
    }
}
