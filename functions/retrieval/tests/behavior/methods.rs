//! What the function answers when API Gateway sends it what has no route.

use api::auth::Authenticator;
use api::serve::Origins;
use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use testkit::Stack;
use tower::ServiceExt as _;

/// The function as it is deployed: without the others.
fn function(stack: &Stack) -> Router {
    let store = stack.stack.store.clone();
    let authenticator = Authenticator::new(store.clone(), Vec::new(), None);
    let state = retrieval::State {
        store,
        authenticator,
    };
    api::serve::around(retrieval::deployed(state), &Origins::default())
}

#[tokio::test]
async fn method_that_a_path_does_not_have_is_refused_with_all_it_has_whoever_has_them() {
    let stack = Stack::start().await;
    let function = function(&stack);

    for (method, path, allowed) in [
        (Method::PUT, "/v1/files", "GET,HEAD,POST"),
        (Method::PUT, "/v1/files/x", "GET,HEAD,PATCH,DELETE"),
        (Method::PATCH, "/v1/uploads", "POST"),
        (Method::GET, "/v1/uploads/x/complete", "POST"),
        (Method::DELETE, "/v1/usage", "GET,HEAD"),
    ] {
        let request = Request::builder().method(&method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        let refused = function.clone().oneshot(request).await.unwrap();

        let status = refused.status();
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(refused.headers()[header::ALLOW], allowed, "{method} {path}");
        let kind = &refused.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "application/problem+json", "{method} {path}");
    }
}

#[tokio::test]
async fn path_that_nobody_has_is_unknown() {
    let stack = Stack::start().await;
    let request = Request::builder().uri("/v1/nothing");
    let request = request.body(Body::empty()).unwrap();

    let answer = function(&stack).oneshot(request).await.unwrap();

    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
