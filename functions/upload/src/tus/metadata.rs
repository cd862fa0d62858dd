//! Upload-Metadata and Upload-Concat: what a client says of an upload.

use api::intent::Words;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Error, Result, UploadId};

use super::{PATH, UPLOAD_CONCAT, UPLOAD_METADATA};

/// Longest metadata, in bytes: a name, a path and tags at their limits, in base64.
const MAX_METADATA_BYTES: usize = 16 * 1024;

/// What a client says of the file.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// As the client wrote it.
    pub(super) text: Option<String>,
    /// What of it says something to us.
    pub(super) words: Words,
    /// The media type it declares.
    pub(super) content_type: Option<String>,
    /// The SHA-256 that the bytes are to have.
    pub(super) sha256: Option<String>,
}

impl Metadata {
    /// Reads the header. Keys that say nothing to us are kept and told, as the protocol has it.
    ///
    /// # Errors
    /// `Malformed` when it is not as the protocol writes it.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self> {
        let Some(value) = headers.get(UPLOAD_METADATA) else {
            return Ok(Self::default());
        };
        let text = value.to_str().map_err(|_| malformed())?;
        if text.len() > MAX_METADATA_BYTES {
            return Err(Error::invalid(
                "/Upload-Metadata",
                format!("Upload-Metadata is at most {MAX_METADATA_BYTES} bytes long"),
            ));
        }
        let mut metadata = Self {
            text: Some(text.to_owned()),
            ..Self::default()
        };
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let value = STANDARD.decode(value.trim()).map_err(|_| malformed())?;
            metadata.take(key, value)?;
        }
        Ok(metadata)
    }

    fn take(&mut self, key: &str, value: Vec<u8>) -> Result<()> {
        let text = || {
            String::from_utf8(value).map_err(|_| {
                Error::invalid(
                    format!("/Upload-Metadata/{key}"),
                    format!("{key} is a text in UTF-8"),
                )
            })
        };
        let words = &mut self.words;
        match key {
            // Clients in browsers say both.
            "filename" | "name" => words.name = Some(text()?),
            "folder" => words.folder = Some(text()?),
            "filetype" | "content_type" => self.content_type = Some(text()?),
            "type" => {
                let text = text()?;
                // Some clients mean the media type, which no type of a document looks like.
                if is_media_type(&text) {
                    self.content_type.get_or_insert(text);
                } else {
                    words.document_type = Some(text);
                }
            }
            "tags" => {
                let tags = text()?;
                let tags = tags.split(',').filter(|tag| !tag.trim().is_empty());
                words.tags = tags.map(ToOwned::to_owned).collect();
            }
            "expires_in_s" => {
                let seconds = text()?.parse().map_err(|_| {
                    Error::invalid("/expires_in_s", "expires_in_s is a number of seconds")
                })?;
                words.expires_in_s = Some(seconds);
            }
            "on_conflict" => words.on_conflict = Some(text()?),
            "sha256" => self.sha256 = Some(text()?),
            _ => {}
        }
        Ok(())
    }
}

fn malformed() -> Error {
    Error::malformed(
        "Upload-Metadata is keys and values in base64, such as: filename TWF5LnBkZg==,folder L2JpbGxz",
    )
}

/// Says whether a text looks like `image/png`.
fn is_media_type(text: &str) -> bool {
    let is_word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_word(kind) && is_word(subtype))
}

/// What an upload is for, as Upload-Concat says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Concat {
    /// A file.
    None,
    /// A piece of one.
    Partial,
    /// A file of these pieces.
    Final(Vec<UploadId>),
}

impl Concat {
    /// Reads the header.
    ///
    /// # Errors
    /// `Malformed` when it is not as the protocol writes it; `Invalid` when an upload is none of ours.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self> {
        let Some(value) = headers.get(UPLOAD_CONCAT) else {
            return Ok(Self::None);
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "partial" {
            return Ok(Self::Partial);
        }
        let urls = text.strip_prefix("final;").ok_or_else(|| {
            Error::malformed(format!(
                "Upload-Concat is partial, or final;{PATH}/… with the uploads in their order"
            ))
        })?;
        let pieces = urls.split_ascii_whitespace().map(piece);
        pieces.collect::<Result<_>>().map(Self::Final)
    }
}

/// Reads the URL of a piece: absolute or only a path.
fn piece(url: &str) -> Result<UploadId> {
    let (before, id) = url.rsplit_once('/').unwrap_or_default();
    let id = id.parse().ok().filter(|_| before.ends_with(PATH));
    id.ok_or_else(|| {
        Error::invalid(
            "/Upload-Concat",
            format!("each piece is the URL of an upload, such as {PATH}/0192…"),
        )
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use uuid::Uuid;

    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    fn metadata(pairs: &[(&str, &str)]) -> Result<Metadata> {
        let written: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)))
            .collect();
        Metadata::read(&headers(UPLOAD_METADATA, &written.join(",")))
    }

    #[test]
    fn metadata_says_what_the_file_will_be() {
        let read = metadata(&[
            ("filename", "Zażółć gęślą.pdf"),
            ("folder", "/bills/2026"),
            ("type", "bill"),
            ("tags", "pge,electricity"),
            ("expires_in_s", "60"),
            ("filetype", "application/pdf"),
            ("color", "green"),
        ])
        .unwrap();
        assert_eq!(read.words.name.as_deref(), Some("Zażółć gęślą.pdf"));
        assert_eq!(read.words.folder.as_deref(), Some("/bills/2026"));
        assert_eq!(read.words.document_type.as_deref(), Some("bill"));
        assert_eq!(read.words.tags, ["pge", "electricity"]);
        assert_eq!(read.words.expires_in_s, Some(60));
        assert_eq!(read.content_type.as_deref(), Some("application/pdf"));
    }

    #[test]
    fn a_type_that_is_a_media_type_is_no_type_of_a_document() {
        let read = metadata(&[("name", "a.png"), ("type", "image/png")]).unwrap();
        assert_eq!(read.words.document_type, None);
        assert_eq!(read.content_type.as_deref(), Some("image/png"));
    }

    #[test]
    fn keys_may_have_no_value_and_what_is_no_base64_is_refused() {
        assert!(Metadata::read(&headers(UPLOAD_METADATA, "is_confidential")).is_ok());
        let refused = Metadata::read(&headers(UPLOAD_METADATA, "filename May.pdf"));
        assert!(matches!(refused, Err(Error::Malformed { .. })));
        let refused = metadata(&[("expires_in_s", "soon")]);
        assert!(matches!(refused, Err(Error::Invalid { .. })));
    }

    #[test]
    fn pieces_are_named_by_their_urls_whole_or_only_the_path() {
        let id = UploadId::new(Uuid::from_u128(7));
        let read = |text: &str| Concat::read(&headers(UPLOAD_CONCAT, text));
        assert_eq!(read("partial").unwrap(), Concat::Partial);
        assert_eq!(
            read(&format!(
                "final;/v1/tus/{id} https://sheaf.example/v1/tus/{id}"
            ))
            .unwrap(),
            Concat::Final(vec![id, id])
        );
        for other in [
            "whole",
            "final;/v1/files/x",
            &format!("final;/v1/uploads/{id}"),
        ] {
            assert!(read(other).is_err(), "{other}");
        }
    }
}
