//! Requests that may be repeated: the key a client gave, and the upload the first request began.

use domain::{Error, Result, Sha256, UploadId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::Key;
use crate::table::{Write, to_row};

/// How long a key is remembered.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// A request with an Idempotency-Key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    /// Who made it, by pseudonym.
    pub principal: String,
    /// Hash of the key the client gave.
    pub key: Sha256,
    /// Hash of what was asked for.
    pub request: Sha256,
}

#[derive(Debug, Serialize, Deserialize)]
struct IdempotencyItem {
    request: Sha256,
    upload: UploadId,
    /// When DynamoDB may remove the row, in seconds since 1970.
    forget_at: i64,
}

/// Remembers which upload a request began. Holds when the key is new.
pub(crate) fn remember(
    workspace: &WorkspaceId,
    repeatable: &Repeatable,
    upload: UploadId,
    now: Timestamp,
) -> Result<Write> {
    let item = IdempotencyItem {
        request: repeatable.request,
        upload,
        forget_at: now
            .checked_add(REMEMBERED_FOR)
            .unwrap_or(Timestamp::MAX)
            .as_second(),
    };
    Ok(Write::Put {
        condition: Some(
            crate::table::Expression::new("attribute_not_exists(pk) OR forget_at < :now")
                .number(":now", now.as_second()),
        ),
        row: to_row(
            Key::idempotency(workspace, &repeatable.principal, repeatable.key),
            &item,
        )?,
    })
}

impl Store {
    /// Returns the upload that the first request with this key began.
    ///
    /// # Errors
    /// `Invalid` when the first request asked for something else.
    pub async fn made_before(
        &self,
        workspace: &WorkspaceId,
        repeatable: &Repeatable,
    ) -> Result<UploadId> {
        let key = Key::idempotency(workspace, &repeatable.principal, repeatable.key);
        let item: IdempotencyItem = self
            .table
            .get(key)
            .await?
            .ok_or_else(|| crate::table::busy("the first request is still under way"))?;
        if item.request != repeatable.request {
            return Err(Error::invalid(
                "/Idempotency-Key",
                "this Idempotency-Key was used for another request: use a new one",
            ));
        }
        Ok(item.upload)
    }
}
