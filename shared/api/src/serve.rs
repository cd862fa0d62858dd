//! What stands around every function's routes: request ids, problems, logs, CORS, headers.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use runtime::telemetry::chain_of;
use tower::ServiceExt as _;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::problem::Problem;

/// The header that carries the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, for what answers with more than one problem.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Who may call from a browser.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<HeaderValue>);

impl std::str::FromStr for Origins {
    type Err = String;

    /// Reads origins separated by commas, such as `https://app.example`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| {
                // Any origin at all would be read as permission to send credentials from anywhere.
                let named = origin.starts_with("http://") || origin.starts_with("https://");
                HeaderValue::from_str(origin)
                    .ok()
                    .filter(|_| named)
                    .ok_or_else(|| format!("{origin} is no origin such as https://app.example"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Puts what every function needs around its routes.
pub fn around(router: Router, origins: &Origins) -> Router {
    let router = router.fallback(|| async { Problem::of_status(StatusCode::NOT_FOUND) });
    let plain = router.clone();
    router
        .layer(cors(origins))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            let plain = plain.clone();
            async move {
                if is_preflight(&request) || request.method() != Method::OPTIONS {
                    return next.run(request).await;
                }
                // The layer of CORS takes every OPTIONS for a preflight, and tus has one of its own, which
                // its clients in browsers do not ask.
                let Ok(response) = plain.oneshot(request).await;
                response
            }
        }))
        .layer(middleware::from_fn(finish))
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn cors(origins: &Origins) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.0.clone()))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::HEAD,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("content-digest"),
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("sheaf-workspace"),
            // Those of tus, and those its clients in browsers send beside them.
            HeaderName::from_static("tus-resumable"),
            HeaderName::from_static("upload-checksum"),
            HeaderName::from_static("upload-concat"),
            HeaderName::from_static("upload-defer-length"),
            HeaderName::from_static("upload-length"),
            HeaderName::from_static("upload-metadata"),
            HeaderName::from_static("upload-offset"),
            HeaderName::from_static("x-http-method-override"),
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("x-requested-with"),
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            REQUEST_ID,
            HeaderName::from_static("sheaf-file-id"),
            HeaderName::from_static("tus-checksum-algorithm"),
            HeaderName::from_static("tus-extension"),
            HeaderName::from_static("tus-max-size"),
            HeaderName::from_static("tus-resumable"),
            HeaderName::from_static("tus-version"),
            HeaderName::from_static("upload-concat"),
            HeaderName::from_static("upload-defer-length"),
            HeaderName::from_static("upload-expires"),
            HeaderName::from_static("upload-length"),
            HeaderName::from_static("upload-metadata"),
            HeaderName::from_static("upload-offset"),
        ])
}

/// Gives the request an id, writes problems with it, and logs one line.
async fn finish(mut request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    // The route and not the path: a path can hold names.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    request.extensions_mut().insert(RequestId(id.clone()));
    let begun = Instant::now();
    let mut response = next.run(request).await;
    let problem = response.extensions_mut().remove::<Problem>();
    let plain_error = problem.is_none()
        && (response.status().is_client_error() || response.status().is_server_error());
    let problem = match problem {
        Some(problem) => Some(problem),
        None if plain_error => Some(Problem::of_status(response.status())),
        None => None,
    };
    let micros = begun.elapsed().as_micros();
    if let Some(problem) = problem {
        log_problem(&id, &method, &route, &problem, micros);
        let written = problem.write(&id);
        response = keep_headers(&response, written);
    } else {
        info!(request.id = %id, %method, route, status = response.status().as_u16(), micros, "answered");
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What axum and CORS said in headers stays: `Allow` of a 405 above all.
fn keep_headers(from: &Response, mut to: Response) -> Response {
    for (name, value) in from.headers() {
        let replaced = matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH);
        if !replaced && !to.headers().contains_key(name) {
            to.headers_mut().insert(name.clone(), value.clone());
        }
    }
    to
}

fn log_problem(id: &str, method: &Method, route: &str, problem: &Problem, micros: u128) {
    let status = problem.status().as_u16();
    let code = problem.code();
    let Some(cause) = problem.cause() else {
        info!(request.id = %id, %method, route, status, code, micros, "refused");
        return;
    };
    let chain = chain_of(cause);
    if problem.status() == StatusCode::INTERNAL_SERVER_ERROR {
        error!(request.id = %id, %method, route, status, code, micros, cause = chain, "failed");
    } else {
        warn!(request.id = %id, %method, route, status, code, micros, cause = chain, "failed");
    }
}

/// Answers that the process is up. Says nothing of what it stands on.
pub async fn healthz() -> impl IntoResponse {
    std::future::ready("ok\n").await
}
