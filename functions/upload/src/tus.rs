//! tus 1.0.0: uploads that can be gone on with after any cut. See <https://tus.io/protocols/resumable-upload>.
//!
//! Deployed, a request carries 4 MiB at most, so clients are to send chunks of no more; the local
//! runner takes any size.

pub mod append;
pub mod create;
pub mod describe;
pub mod overridden;
pub mod show;
pub mod terminate;

mod body;
mod checksum;
mod metadata;

use api::problem::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::upload::{TusKind, UploadState};
use domain::{Error, UploadId};
use jiff::Timestamp;
use store::tus::Tus;

use crate::State;

api::routes! {
    State:
    describe::describe,
    create::create,
    show::show,
    append::append,
    overridden::overridden,
    terminate::terminate,
}

/// The version of the protocol.
const VERSION: &str = "1.0.0";

/// What the body of a request with bytes is declared as.
const BYTES: &str = "application/offset+octet-stream";

/// Where uploads are.
const PATH: &str = "/v1/tus";

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// Names the file that an upload has become. Not of the protocol, which has no word for it.
const SHEAF_FILE_ID: HeaderName = HeaderName::from_static("sheaf-file-id");

/// Speaks the protocol: refuses requests of another version, and names this one in every answer.
pub async fn speak(request: Request, next: Next) -> Response {
    let spoken = request.headers().get(TUS_RESUMABLE);
    let is_spoken = spoken.is_some_and(|version| version == VERSION);
    let mut response = if is_spoken || request.method() == axum::http::Method::OPTIONS {
        next.run(request).await
    } else {
        let problem = Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "tus_version",
            "Other version of tus",
            format!("this is tus {VERSION}: send Tus-Resumable: {VERSION}"),
        );
        let headers = [(TUS_VERSION, HeaderValue::from_static(VERSION))];
        (headers, problem).into_response()
    };
    let version = HeaderValue::from_static(VERSION);
    response.headers_mut().insert(TUS_RESUMABLE, version);
    response
}

/// Turns an error into a problem as tus has it: what another request holds is locked, and 409 is for
/// offsets: clients ask for theirs and send again.
fn problem(error: Error) -> Problem {
    let status = match &error {
        Error::Busy { .. } => Some(StatusCode::LOCKED),
        // The file finds no place.
        Error::Conflict {
            code: "name_taken" | "not_a_folder" | "in_trash",
            ..
        } => Some(StatusCode::UNPROCESSABLE_ENTITY),
        _ => None,
    };
    let problem = Problem::from(error);
    match status {
        Some(status) => problem.under(status),
        None => problem,
    }
}

/// Reads a header that is a number of bytes.
///
/// # Errors
/// `Malformed` when it is none.
fn size(headers: &HeaderMap, name: &HeaderName) -> domain::Result<Option<u64>> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    // A number in Rust may begin with a plus.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let size = text.parse().ok().filter(|_| digits);
    size.map(Some)
        .ok_or_else(|| Error::malformed(format!("{name} is a number of bytes")))
}

/// What an answer says of an upload.
#[derive(Debug, Default)]
struct Answer {
    headers: HeaderMap,
}

impl Answer {
    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn offset(self, bytes: u64) -> Self {
        self.with(UPLOAD_OFFSET, &bytes.to_string())
    }

    /// When an upload that is not finished ends.
    fn expires(self, at: Timestamp) -> Self {
        let at = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        self.with(UPLOAD_EXPIRES, &at)
    }

    fn file(self, id: domain::FileId) -> Self {
        self.with(SHEAF_FILE_ID, &id.to_string())
    }

    /// Says all that is known of an upload.
    fn about(mut self, tus: &Tus) -> Self {
        let is_open = tus.upload.state == UploadState::Open;
        // Of a file that is being made of pieces no bytes have come, and none are to be sent.
        if !(is_open && tus.kind() == TusKind::Final) {
            self = self.offset(tus.offset_bytes());
        }
        self = match tus.length_bytes() {
            Some(length) => self.with(UPLOAD_LENGTH, &length.to_string()),
            None => self.with(UPLOAD_DEFER_LENGTH, "1"),
        };
        if let Some(metadata) = tus.metadata() {
            self = self.with(UPLOAD_METADATA, metadata);
        }
        self = match tus.kind() {
            TusKind::Whole => self,
            TusKind::Partial => self.with(UPLOAD_CONCAT, "partial"),
            TusKind::Final => self.with(UPLOAD_CONCAT, &final_of(tus.pieces())),
        };
        match tus.upload.state {
            UploadState::Open => self.expires(tus.upload.expires_at),
            UploadState::Committed { file, .. } => self.file(file),
            UploadState::Aborted { .. } => self,
        }
    }

    fn send(self, status: StatusCode) -> Response {
        (status, self.headers).into_response()
    }
}

fn location(id: UploadId) -> String {
    format!("{PATH}/{id}")
}

fn final_of(pieces: &[UploadId]) -> String {
    let urls: Vec<String> = pieces.iter().map(|piece| location(*piece)).collect();
    format!("final;{}", urls.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_digits_and_nothing_else() {
        let given = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            size(
                &HeaderMap::from_iter([(UPLOAD_OFFSET, value)]),
                &UPLOAD_OFFSET,
            )
        };
        assert_eq!(given("0").unwrap(), Some(0));
        assert_eq!(given("5368709120").unwrap(), Some(5_368_709_120));
        for other in ["", "+1", "-1", "1.5", "0x1", "99999999999999999999"] {
            assert!(given(other).is_err(), "{other}");
        }
        assert_eq!(size(&HeaderMap::new(), &UPLOAD_OFFSET).unwrap(), None);
    }

    #[test]
    fn the_end_of_an_upload_is_a_date_of_http() {
        let at: Timestamp = "2026-11-08T09:05:07.5Z".parse().unwrap();
        let answer = Answer::default().expires(at);
        assert_eq!(
            answer.headers[UPLOAD_EXPIRES],
            "Sun, 08 Nov 2026 09:05:07 GMT"
        );
    }
}
