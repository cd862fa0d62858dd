//! What the SDK takes for its HTTP client: hands each request to the tables and its answer back.

use std::fmt;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use tokio_util::task::TaskTracker;

use super::operation::{Answer, Tables};

/// DynamoDB's media type, of requests and answers.
const JSON: &str = "application/x-amz-json-1.0";

/// Answers requests from the tables until `requests` is closed.
#[derive(Clone)]
pub(super) struct Connector {
    tables: Tables,
    requests: TaskTracker,
}

impl Connector {
    pub(super) fn new(tables: Tables, requests: TaskTracker) -> Self {
        Self { tables, requests }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (tables, requests) = (self.tables.clone(), self.requests.clone());
        HttpConnectorFuture::new(async move {
            // A server never answers at once: each call is a wait, however fast the tables are, so that what is stopped
            // at each of its waits is stopped before each call.
            tokio::task::yield_now().await;
            if requests.is_closed() {
                return Err(ConnectorError::user("the tables are closed".into()));
            }
            // Off the async threads, because it waits for the disk. It runs to its end even if the caller goes away, as
            // it would on a server.
            requests
                .spawn_blocking(move || answer(&tables, &request))
                .await
                .unwrap_or_else(|panic| Err(ConnectorError::other(panic.into(), None)))
        })
    }
}

fn answer(tables: &Tables, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let Some(body) = request.body().bytes() else {
        return Err(ConnectorError::user("the body is a stream".into()));
    };
    let Answer { status, body } = tables.answer(target, body);
    let status =
        StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, body.into());
    response.headers_mut().insert("content-type", JSON);
    Ok(response)
}
