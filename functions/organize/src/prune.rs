//! `POST /v1/files/{id}/versions/prune`: removes old versions for good.

use api::auth::Caller;
use api::finish::to_the_end;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::receipt::ReceiptView;
use axum::extract::Path;
use axum::http::HeaderMap;
use domain::principal::Role;
use domain::{Error, FileId};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use store::versions::{MOST_KEPT, Pruned, Pruning};
use utoipa::ToSchema;

use crate::{State, answer};

/// Which versions are to go. With both, those that both say it of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneVersions {
    /// How many of the newest stay, the current one among them.
    #[schema(minimum = 1, maximum = 1000, example = 10)]
    keep: Option<u32>,
    /// How long ago a version was made at least that goes, in seconds.
    #[schema(minimum = 0, example = 2_592_000)]
    older_than_s: Option<i64>,
}

/// What went, and whether that was all.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrunedVersions)]
pub struct PrunedView {
    /// The receipt of what went; null when nothing had to.
    receipt: Option<ReceiptView>,
    /// Whether more versions are to go: ask again.
    remaining: bool,
}

impl From<Pruned> for PrunedView {
    fn from(pruned: Pruned) -> Self {
        Self {
            receipt: pruned.receipt.map(ReceiptView::from),
            remaining: pruned.more,
        }
    }
}

impl PruneVersions {
    fn read(&self) -> domain::Result<Pruning> {
        if self.keep.is_none() && self.older_than_s.is_none() {
            return Err(Error::invalid(
                "",
                "say which versions are to go: keep, older_than_s, or both",
            ));
        }
        if !self.keep.is_none_or(|keep| (1..=MOST_KEPT).contains(&keep)) {
            return Err(Error::invalid(
                "/keep",
                format!("keep is from 1, the current version, to {MOST_KEPT}"),
            ));
        }
        let age = self.older_than_s.map(|seconds| {
            let is_age = (0..=MOST_SECONDS).contains(&seconds);
            is_age
                .then(|| SignedDuration::from_secs(seconds))
                .ok_or_else(|| {
                    Error::invalid(
                        "/older_than_s",
                        format!("older_than_s is from 0 to {MOST_SECONDS}, a hundred years"),
                    )
                })
        });
        Ok(Pruning {
            keep: self.keep.unwrap_or(1),
            older_than: age.transpose()?,
        })
    }
}

/// A hundred years.
const MOST_SECONDS: i64 = 100 * 365 * 24 * 60 * 60;

/// Removes old versions of a file for good, the oldest first, and answers with a receipt of what
/// went. Never the current one.
///
/// Some go with each request; `remaining` says whether there are more. May be repeated.
#[utoipa::path(
    post,
    path = "/v1/files/{id}/versions/prune",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    request_body = PruneVersions,
    responses(
        (status = 200, description = "What went", body = PrunedView),
        (status = 404, description = "No such file"),
        (status = 410, description = "The file has expired or was deleted"),
        (status = 412, description = "The file has changed since"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn prune(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
    Json { value, .. }: Json<PruneVersions>,
) -> Result<axum::Json<PrunedView>> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let pruning = value.read()?;
    let (store, workspace) = (state.store, principal.workspace);
    let pruned = to_the_end(async move {
        let still = |file: &_| answer::check_if_match(&headers, file);
        store.prune_versions(&workspace, id, pruning, still).await
    });
    Ok(axum::Json(pruned.await?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> domain::Result<Pruning> {
        let body: PruneVersions = serde_json::from_str(body).unwrap();
        body.read()
    }

    #[test]
    fn what_is_left_out_holds_no_version_back_but_the_current_one() {
        let by_age = read(r#"{"older_than_s": 60}"#).unwrap();
        assert_eq!(by_age.keep, 1);
        assert_eq!(by_age.older_than, Some(SignedDuration::from_secs(60)));

        let by_count = read(r#"{"keep": 3}"#).unwrap();
        assert_eq!((by_count.keep, by_count.older_than), (3, None));
    }

    #[test]
    fn bad_fields_are_named() {
        for (body, pointer) in [
            ("{}", ""),
            (r#"{"keep": 0}"#, "/keep"),
            (r#"{"keep": 1001}"#, "/keep"),
            (r#"{"keep": 2, "older_than_s": -1}"#, "/older_than_s"),
        ] {
            let error = read(body).unwrap_err();
            assert!(
                matches!(&error, Error::Invalid { errors } if errors[0].pointer == pointer),
                "{body}: {error:?}"
            );
        }
    }
}
