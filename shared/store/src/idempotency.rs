//! Requests that may be repeated: the key a client gave, and what the first request made.

use domain::{Error, Result, Sha256, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::Key;
use crate::table::{Expression, Row, Write, to_row};

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

impl Repeatable {
    /// The same for one of the things that a request asks for, by its place among them.
    #[must_use]
    pub fn part(&self, index: u32) -> Self {
        let mut key = self.key.as_bytes().to_vec();
        key.extend_from_slice(&index.to_be_bytes());
        Self {
            principal: self.principal.clone(),
            key: Sha256::of(&key),
            request: self.request,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct IdempotencyItem<T> {
    request: Sha256,
    /// The id of what was made. The request names its route, so one kind is never read as another.
    made: T,
    /// When DynamoDB may remove the row, in seconds since 1970.
    forget_at: i64,
}

/// Remembers what a request made, by its id. Holds when the key is new.
pub(crate) fn remember<T: Serialize>(
    workspace: &WorkspaceId,
    repeatable: &Repeatable,
    made: T,
    now: Timestamp,
) -> Result<Write> {
    Ok(Write::Put {
        condition: Some(is_new(now)),
        row: item(workspace, repeatable, made, now)?,
    })
}

/// Remembers what a request made that came to nothing when it was made `before`. Holds when the key
/// is new or still stands for that.
pub(crate) fn remember_anew<T: Serialize>(
    workspace: &WorkspaceId,
    repeatable: &Repeatable,
    made: T,
    before: T,
    now: Timestamp,
) -> Result<Write> {
    let condition = is_new(now).or("made = :before").value(":before", &before)?;
    Ok(Write::Put {
        condition: Some(condition),
        row: item(workspace, repeatable, made, now)?,
    })
}

fn is_new(now: Timestamp) -> Expression {
    Expression::new("attribute_not_exists(pk) OR forget_at < :now").number(":now", now.as_second())
}

fn item<T: Serialize>(
    workspace: &WorkspaceId,
    repeatable: &Repeatable,
    made: T,
    now: Timestamp,
) -> Result<Row> {
    let item = IdempotencyItem {
        request: repeatable.request,
        made,
        forget_at: now
            .checked_add(REMEMBERED_FOR)
            .unwrap_or(Timestamp::MAX)
            .as_second(),
    };
    to_row(
        Key::idempotency(workspace, &repeatable.principal, repeatable.key),
        &item,
    )
}

impl Store {
    /// Returns the id of what the first request with this key made.
    ///
    /// # Errors
    /// `Invalid` when the first request asked for something else.
    pub async fn made_before<T: DeserializeOwned>(
        &self,
        workspace: &WorkspaceId,
        repeatable: &Repeatable,
    ) -> Result<T> {
        let made = self.made_already(workspace, repeatable).await?;
        made.ok_or_else(|| crate::table::busy("the first request is still under way"))
    }

    /// Returns the id of what a request with this key has made; none when it is new.
    ///
    /// # Errors
    /// `Invalid` when the first request asked for something else.
    pub async fn made_already<T: DeserializeOwned>(
        &self,
        workspace: &WorkspaceId,
        repeatable: &Repeatable,
    ) -> Result<Option<T>> {
        let key = Key::idempotency(workspace, &repeatable.principal, repeatable.key);
        let item: Option<IdempotencyItem<T>> = self.table.get(key).await?;
        // DynamoDB takes its time to forget.
        let now = self.clock.now().as_second();
        let Some(item) = item.filter(|item| item.forget_at >= now) else {
            return Ok(None);
        };
        if item.request != repeatable.request {
            return Err(Error::invalid(
                "/Idempotency-Key",
                "this Idempotency-Key was used for another request: use a new one",
            ));
        }
        Ok(Some(item.made))
    }
}
