//! What no route takes. When deployed, API Gateway sends it here, also when its path is another
//! function's, so this function knows every path there is: a method that one does not have is 405
//! with all that it has.
//!
//! Functions never see each other's routes, so they are a file of the repository. A test with the
//! local runner, which has all of them, holds it to the code.

use axum::Router;
use axum::extract::MatchedPath;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::MethodRouter;

/// Every path of the API and its methods, such as `/v1/usage GET,HEAD`.
const ROUTES: &str = include_str!("../routes.txt");

/// Adds the paths of the other functions, without a method of their own.
pub(crate) fn with_every_path(router: Router) -> Router {
    routes()
        .fold(router, |router, (path, _)| {
            router.route(path, MethodRouter::new())
        })
        .method_not_allowed_fallback(refuse)
}

fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.lines().filter_map(|line| line.split_once(' '))
}

async fn refuse(path: MatchedPath) -> impl IntoResponse {
    let allowed = routes()
        .find(|(known, _)| *known == path.as_str())
        .map_or("", |(_, methods)| methods);
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allowed)])
}
