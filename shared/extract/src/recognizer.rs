//! Reads the text of pictures: what Tesseract does, or a service that takes its place.

use std::fmt;

use async_trait::async_trait;

use crate::failure::Failure;

/// Reads the text of pictures. [`crate::Tesseract`] is one; a deployment may bring another.
#[async_trait]
pub trait Recognizer: fmt::Debug + Send + Sync {
    /// Whether it can be used at all. When not, pictures are left as they are.
    async fn is_ready(&self) -> bool;

    /// Returns the text of each page of a picture, blank where nothing is legible: a photo without
    /// text gives no text, never what its leaves and bricks resemble. The picture is a file of the
    /// formats that [`media::is_picture`] names or JPEG 2000, from an untrusted source; only TIFF has
    /// several pages.
    ///
    /// # Errors
    /// The picture cannot be read; it counts as one that no one has read.
    async fn recognize(&self, picture: &[u8]) -> Result<Vec<String>, Failure>;
}
