//! Errors as HTTP: RFC 9457 problem details. The one place where an error becomes a status.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Error;
use domain::error::FieldError;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// An error on its way to the client. [`crate::serve`] writes it, with the request's id.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    /// For the log, never for the client.
    cause: Option<Arc<Error>>,
}

/// A result of a handler.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// A problem as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemView {
    /// What kind of problem this is.
    #[serde(rename = "type")]
    #[schema(example = "urn:sheaf:problem:not_found")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What happened and what to do.
    detail: String,
    /// The id of the request, as in the logs.
    instance: String,
    /// A word to switch on.
    #[schema(example = "not_found")]
    code: &'static str,
    /// The fields that break a rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldView>,
}

impl ProblemView {
    /// Says whether this is the word to switch on.
    pub fn is(&self, code: &str) -> bool {
        self.code == code
    }
}

/// A field that breaks a rule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldError)]
struct FieldView {
    /// JSON pointer to the field, or `/name` of a query parameter.
    pointer: String,
    /// What is wrong and what would be right.
    detail: String,
}

impl Problem {
    /// A problem of a protocol that has a status of its own for it.
    pub const fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: String,
    ) -> Self {
        Self {
            status,
            code,
            title,
            detail,
            errors: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// The problem of a response that has only a status, such as axum's own.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, title, detail) = match status {
            StatusCode::NOT_FOUND => (
                "no_such_route",
                "No such route",
                "there is no such route: see /v1/openapi.json",
            ),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "Method not allowed",
                "this route does not take this method: see the Allow header",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => (
                "too_large",
                "Too large",
                "the request is larger than this route takes",
            ),
            status if status.is_client_error() => (
                "malformed",
                "Malformed request",
                "the request cannot be read",
            ),
            _ => ("internal", "Internal error", "something of ours failed"),
        };
        Self::new(status, code, title, detail.to_owned())
    }

    /// The same problem under another status, where a protocol has its own.
    #[must_use]
    pub const fn under(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Returns the status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the word to switch on.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the error below, for the log.
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_deref()
    }

    /// Shows the problem within the request `instance`.
    pub fn view(self, instance: &str) -> ProblemView {
        ProblemView {
            kind: format!("urn:sheaf:problem:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
            instance: instance.to_owned(),
            code: self.code,
            errors: self
                .errors
                .into_iter()
                .map(|error| FieldView {
                    pointer: error.pointer,
                    detail: error.detail,
                })
                .collect(),
        }
    }

    /// Writes the problem as the body of a response.
    pub fn write(self, instance: &str) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let body = serde_json::to_vec(&self.view(instance)).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(after.as_secs().max(1)),
            );
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let (status, code, title) = match &error {
            Error::Malformed { .. } => (StatusCode::BAD_REQUEST, "malformed", "Malformed request"),
            Error::Invalid { .. } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "Invalid request",
            ),
            Error::Unauthenticated { .. } => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "Not authenticated",
            ),
            Error::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Error::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found", "Not found"),
            Error::NoText { .. } => (StatusCode::NOT_FOUND, "no_text", "No text"),
            Error::Gone { .. } => (StatusCode::GONE, "gone", "Gone"),
            Error::Conflict { code, .. } => (StatusCode::CONFLICT, *code, "Conflict"),
            Error::PreconditionFailed { .. } => (
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "Changed since",
            ),
            Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large"),
            Error::RefusedType { .. } => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "refused_type",
                "Refused type",
            ),
            Error::QuotaExceeded { .. } => (
                StatusCode::INSUFFICIENT_STORAGE,
                "quota_exceeded",
                "Quota exceeded",
            ),
            Error::Busy { .. } => (StatusCode::TOO_MANY_REQUESTS, "busy", "Busy"),
            Error::Dependency { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "A service is unavailable",
            ),
            Error::Corrupt { .. } | Error::Panicked { .. } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
            ),
        };
        let mut problem = Self::new(status, code, title, detail);
        match error {
            Error::Invalid { errors } => problem.errors = errors,
            Error::Busy { retry_after, .. } => problem.retry_after = Some(retry_after),
            Error::Dependency { .. } => {
                problem.retry_after = Some(Duration::from_secs(1));
                problem.cause = Some(Arc::new(error));
            }
            Error::Corrupt { .. } | Error::Panicked { .. } => {
                "something of ours failed; the request's id finds it in the logs"
                    .clone_into(&mut problem.detail);
                problem.cause = Some(Arc::new(error));
            }
            Error::Malformed { .. }
            | Error::Unauthenticated { .. }
            | Error::Forbidden { .. }
            | Error::NotFound { .. }
            | Error::NoText { .. }
            | Error::Gone { .. }
            | Error::Conflict { .. }
            | Error::PreconditionFailed { .. }
            | Error::TooLarge { .. }
            | Error::RefusedType { .. }
            | Error::QuotaExceeded { .. } => {}
        }
        problem
    }
}

impl IntoResponse for Problem {
    /// Leaves the body to [`crate::serve`], which knows the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_race_asks_to_come_again_and_a_failed_service_too() {
        let busy = Error::Busy {
            detail: "the file was changed by someone else: try again".to_owned(),
            retry_after: Duration::from_secs(1),
        };
        let down = Error::dependency("reading a row", "no route to host");
        for (error, status) in [(busy, 429), (down, 503)] {
            let response = Problem::from(error).write("request");
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        }
    }

    #[test]
    fn a_defect_is_told_to_the_log_and_not_to_the_client() {
        let problem = Problem::from(Error::panicked("making a change", "index out of bounds"));
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!problem.detail.contains("change"), "{}", problem.detail);
        assert!(matches!(problem.cause(), Some(Error::Panicked { .. })));
    }
}
