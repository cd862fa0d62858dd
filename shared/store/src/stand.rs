//! Where walks over everything stand: each goes on where the last run stopped, and rests when it has come
//! to its end.

use domain::Result;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::Key;
use crate::table::{Write, to_row};

/// How long after a walk over all objects or rows the next one begins: objects are listed and asked for
/// in S3, which must not cost what nobody uses.
pub(crate) const REST: SignedDuration = SignedDuration::from_hours(1);

/// Where a walk stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Stand<P> {
    /// It has come to its end, and the next one is not yet to begin.
    Resting,
    /// It goes on from behind this place; from the beginning where there is none.
    After(Option<P>),
}

/// How far a walk has come.
#[derive(Debug, Serialize, Deserialize)]
struct StandItem<P> {
    /// The last place that was looked at; none at the beginning of a walk.
    last: Option<P>,
    /// When the last walk came to its end, where none has begun since.
    ended_at: Option<Timestamp>,
}

impl Store {
    /// Returns where a walk stands that rests for so long.
    pub(crate) async fn stand_of<P>(&self, walk: Key, rest: SignedDuration) -> Result<Stand<P>>
    where
        P: DeserializeOwned,
    {
        let item: Option<StandItem<P>> = self.table.get(walk).await?;
        let Some(StandItem { last, ended_at }) = item else {
            return Ok(Stand::After(None));
        };
        let now = self.clock.now();
        let rests = ended_at.is_some_and(|ended| now.duration_since(ended) < rest);
        Ok(if rests {
            Stand::Resting
        } else {
            Stand::After(last)
        })
    }

    /// Notes the last place that a walk has looked at; none at its end. Where two walk at once, the last
    /// note stands: something is looked at twice, and nothing is left out for longer than a walk.
    pub(crate) async fn note_stand<P: Serialize>(&self, walk: Key, last: Option<P>) -> Result<()> {
        let item = StandItem {
            ended_at: last.is_none().then(|| self.clock.now()),
            last,
        };
        let write = Write::Put {
            condition: None,
            row: to_row(walk, &item)?,
        };
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("the walk's place was not noted"))
    }
}
