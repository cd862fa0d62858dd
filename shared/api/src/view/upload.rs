//! Upload sessions on the wire.

use std::collections::BTreeMap;

use domain::upload::{Plan, Upload, UploadState};
use jiff::Timestamp;
use serde::Serialize;
use store::blob::{SignedUrl, StoredPart};
use utoipa::ToSchema;
use uuid::Uuid;

/// An upload session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upload)]
pub struct UploadView {
    /// Its id.
    upload_id: Uuid,
    /// open, committed or aborted.
    #[schema(example = "open")]
    state: &'static str,
    /// The file it became.
    file_id: Option<Uuid>,
    /// single: PUT the bytes to the one URL. multipart: PUT each part to its URL. tus: PATCH them to /v1/tus/{id}.
    #[schema(example = "multipart")]
    method: &'static str,
    /// How many bytes there will be.
    size_bytes: u64,
    /// Size of each part but the last.
    part_size_bytes: u64,
    /// Number of parts.
    part_count: u32,
    /// Signed URLs: the first 100 when the session begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<SignedPartView>,
    /// Parts that have arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    arrived: Option<Vec<ArrivedPartView>>,
    /// When the session ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A part to be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedPart)]
pub struct SignedPartView {
    /// From 1.
    number: u32,
    /// Where to PUT it.
    url: String,
    /// Headers to send with it, as they are.
    headers: BTreeMap<String, String>,
}

/// A part that has arrived.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ArrivedPart)]
pub struct ArrivedPartView {
    /// From 1.
    number: u32,
    /// S3's tag of it, to be given when completing.
    etag: String,
    /// Its size.
    size_bytes: u64,
}

impl SignedPartView {
    /// Shows a signed part.
    pub fn new(number: u32, signed: SignedUrl) -> Self {
        Self {
            number,
            url: signed.url,
            headers: signed
                .headers
                .into_iter()
                // Every client sets these two by itself, and browsers let nobody else.
                .filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"))
                .collect(),
        }
    }
}

impl From<StoredPart> for ArrivedPartView {
    fn from(part: StoredPart) -> Self {
        Self {
            number: part.number,
            etag: part.etag,
            size_bytes: part.size_bytes,
        }
    }
}

impl UploadView {
    /// Shows a session with what was signed for it or has arrived of it.
    pub fn new(
        upload: &Upload,
        parts: Vec<SignedPartView>,
        arrived: Option<Vec<ArrivedPartView>>,
    ) -> Self {
        let (state, file_id) = match upload.state {
            UploadState::Open => ("open", None),
            UploadState::Committed { file, .. } => ("committed", Some(file.uuid())),
            UploadState::Aborted { .. } => ("aborted", None),
        };
        Self {
            upload_id: upload.id.uuid(),
            state,
            file_id,
            method: match upload.plan {
                Plan::Single => "single",
                Plan::Multipart { .. } => "multipart",
                Plan::Tus(_) => "tus",
            },
            size_bytes: upload.size_bytes,
            part_size_bytes: upload.plan.part_bytes(upload.size_bytes),
            part_count: upload.plan.part_count(),
            parts,
            arrived,
            expires_at: upload.expires_at,
        }
    }
}
