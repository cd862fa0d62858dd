//! What is in the bucket, page by page: for the reconciler.

use domain::{Error, Result};

use super::{Blobs, instant, unsigned};

/// An object in a listing.
#[derive(Clone, Debug)]
pub struct ListedObject {
    /// Its key.
    pub path: String,
    /// When it was written.
    pub written_at: jiff::Timestamp,
    /// Its size.
    pub size_bytes: u64,
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct ObjectPage {
    /// The objects, in the order of their keys.
    pub objects: Vec<ListedObject>,
    /// Whether there are more behind the last.
    pub more: bool,
}

/// A multipart upload in a listing.
#[derive(Clone, Debug)]
pub struct ListedMultipart {
    /// The key of the object it is to become.
    pub path: String,
    /// S3's name for it.
    pub multipart_id: String,
    /// When it was begun.
    pub begun_at: jiff::Timestamp,
}

/// A page of a listing of multipart uploads.
#[derive(Clone, Debug)]
pub struct MultipartPage {
    /// The multipart uploads, in the order of their keys.
    pub multiparts: Vec<ListedMultipart>,
    /// Whether there are more behind the last.
    pub more: bool,
}

impl Blobs {
    /// Lists a page of the objects under a prefix, from behind the key `after`.
    pub async fn list(&self, prefix: &str, after: Option<&str>) -> Result<ObjectPage> {
        let output = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_start_after(after.map(ToOwned::to_owned))
            .send()
            .await
            .map_err(|error| Error::dependency("listing objects", error))?;
        let objects = output
            .contents()
            .iter()
            .filter_map(|object| {
                Some(ListedObject {
                    path: object.key()?.to_owned(),
                    written_at: instant(object.last_modified()?)?,
                    size_bytes: unsigned(object.size()),
                })
            })
            .collect();
        Ok(ObjectPage {
            objects,
            more: output.is_truncated == Some(true),
        })
    }

    /// Removes all objects under a prefix.
    pub(crate) async fn delete_all(&self, prefix: &str) -> Result<()> {
        loop {
            let page = self.list(prefix, None).await?;
            for object in &page.objects {
                self.delete_at(&object.path).await?;
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Lists a page of the multipart uploads that are open under a prefix, from behind `after`.
    pub async fn list_multiparts(
        &self,
        prefix: &str,
        after: Option<&ListedMultipart>,
    ) -> Result<MultipartPage> {
        let output = self
            .client
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_key_marker(after.map(|last| last.path.clone()))
            .set_upload_id_marker(after.map(|last| last.multipart_id.clone()))
            .send()
            .await
            .map_err(|error| Error::dependency("listing multipart uploads", error))?;
        let multiparts = output
            .uploads()
            .iter()
            .filter_map(|upload| {
                Some(ListedMultipart {
                    path: upload.key()?.to_owned(),
                    multipart_id: upload.upload_id()?.to_owned(),
                    begun_at: instant(upload.initiated()?)?,
                })
            })
            .collect();
        Ok(MultipartPage {
            multiparts,
            more: output.is_truncated == Some(true),
        })
    }
}
