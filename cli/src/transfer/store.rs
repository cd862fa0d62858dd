//! Talks to the object store behind signed URLs, and reads its refusals.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};

use crate::error::{Error, Result};

/// Sends a request that `Client::signed` has begun, and passes on what is a success.
///
/// `limit` holds for the whole exchange when there is one; a download goes without and watches
/// every piece.
pub(crate) async fn send(
    request: RequestBuilder,
    action: &str,
    limit: Option<Duration>,
) -> Result<Response> {
    let request = match limit {
        Some(limit) => request.timeout(limit),
        None => request,
    };
    // Without its URL: the signature in it is a credential.
    let failed = |source: reqwest::Error| Error::Transport {
        action: action.to_owned(),
        source: source.without_url(),
    };
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.text().await.unwrap_or_default();
    Err(Error::Storage {
        status: status.as_u16(),
        detail: refusal(&body),
    })
}

/// Says whether a signed URL is too old, or what signed it is.
pub(crate) fn has_run_out(error: &Error) -> bool {
    let Error::Storage { status, detail } = error else {
        return false;
    };
    // 400 with this code is what S3 says when the credentials that signed it ran out.
    matches!(status, 401 | 403 | 410) || (*status == 400 && detail.starts_with("ExpiredToken"))
}

/// Reads code and message of the error document that S3 answers with.
fn refusal(xml: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = xml.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.to_owned())
    };
    let parts: Vec<String> = [element("Code"), element("Message")]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() {
        "it gives no reason".to_owned()
    } else {
        parts.join(": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_that_ran_out_is_told_from_one_that_is_wrong() {
        let refused = |status, detail: &str| {
            has_run_out(&Error::Storage {
                status,
                detail: detail.to_owned(),
            })
        };

        assert!(refused(403, "AccessDenied: Request has expired"));
        assert!(refused(
            400,
            "ExpiredToken: The provided token has expired."
        ));
        assert!(!refused(400, "BadDigest"));
        assert!(!refused(412, "PreconditionFailed"));
    }

    #[test]
    fn reason_of_a_refusal_is_read() {
        let xml = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>\
                   <Message>Request has expired</Message></Error>";

        assert_eq!(refusal(xml), "AccessDenied: Request has expired");
        assert_eq!(refusal("<html>"), "it gives no reason");
        assert_eq!(refusal("</Code><Code>"), "it gives no reason");
    }
}
