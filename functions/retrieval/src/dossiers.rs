//! `GET /v1/dossiers`: lists dossiers.

use api::auth::Caller;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use api::view::dossier::DossierView;
use domain::dossier::{Dossier, DossierStatus, Signature};
use domain::principal::Role;
use domain::tag::Tag;
use domain::{Error, WorkspaceId};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use store::Store;
use store::dossier::list_position;

use crate::State;
use crate::filter::{take_tag, take_tags};

/// Dossiers read at once.
const PAGE: i32 = 100;
/// Pages that one request reads at most.
const MOST_READS: usize = 10;
/// How many dossiers are asked for their first and last dates at a time.
const AT_ONCE: usize = 16;

/// Lists dossiers in the order of their signatures, without their documents.
///
/// A page may hold fewer dossiers than asked for, or none, and still not be the last: go on until
/// `next_cursor` is null.
#[utoipa::path(
    get,
    path = "/v1/dossiers",
    tag = "retrieval",
    params(
        ("type" = Option<String>, Query, description = "Only dossiers of this type", example = "bill"),
        ("tag" = Option<Vec<String>>, Query, description = "Only dossiers with this tag; with all of them when repeated"),
        ("status" = Option<String>, Query, description = "Only those that are pending, generated, outdated or regenerating"),
        ("limit" = Option<usize>, Query, description = "Most dossiers of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of dossiers", body = Page<DossierView>))
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<DossierView>>> {
    principal.require(Role::Viewer)?;
    // The cursor is the place of the last dossier passed in the order of signatures.
    let asked: Asked<String> = Asked::from_query(&mut query)?;
    let filter = Filter {
        document_type: take_tag(&mut query, "type")?,
        tags: take_tags(&mut query)?,
        status: take_status(&mut query)?,
    };
    query.finish()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let now = store.clock.now();
    let (dossiers, next) = find(store, workspace, &filter, asked, now).await?;
    let items = futures::stream::iter(dossiers)
        .map(async |dossier| {
            let period = store.period(workspace, dossier.id).await?;
            Ok::<_, Error>(DossierView::new(dossier, period, None, now))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let next_cursor = next.as_ref().map(encode).transpose()?;
    Ok(axum::Json(Page { items, next_cursor }))
}

/// Which dossiers are asked for.
struct Filter {
    document_type: Option<Tag>,
    tags: Vec<Tag>,
    status: Option<DossierStatus>,
}

impl Filter {
    fn admits(&self, dossier: &Dossier, now: Timestamp) -> bool {
        let signature = &dossier.signature;
        self.document_type
            .as_ref()
            .is_none_or(|document_type| signature.document_type() == document_type)
            && self.tags.iter().all(|tag| signature.tags().contains(tag))
            && self
                .status
                .is_none_or(|status| dossier.status(now) == status)
    }

    /// What the signatures of the type asked for begin with; those that begin so stand together.
    fn prefix(&self) -> domain::Result<Option<String>> {
        let signature = |document_type: &Tag| Signature::new(document_type.clone(), []);
        let signature = self.document_type.as_ref().map(signature).transpose()?;
        Ok(signature.map(|signature| signature.to_string()))
    }
}

/// Fills a page, and returns where the next one begins.
async fn find(
    store: &Store,
    workspace: &WorkspaceId,
    filter: &Filter,
    asked: Asked<String>,
    now: Timestamp,
) -> domain::Result<(Vec<Dossier>, Option<String>)> {
    let prefix = filter.prefix()?;
    let mut found = Vec::new();
    let mut after = asked.cursor.or_else(|| prefix.clone());
    for _ in 0..MOST_READS {
        let (page, next) = store
            .list_dossiers(workspace, after.as_deref(), PAGE)
            .await?;
        for kept in page {
            let dossier = kept.dossier;
            let position = list_position(&dossier.signature, dossier.id);
            let is_past = |prefix: &String| !position.starts_with(prefix.as_str());
            if prefix.as_ref().is_some_and(is_past) {
                return Ok((found, None));
            }
            if found.len() == asked.limit {
                return Ok((found, after));
            }
            after = Some(position);
            if filter.admits(&dossier, now) {
                found.push(dossier);
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    Ok((found, after))
}

fn take_status(query: &mut Query) -> domain::Result<Option<DossierStatus>> {
    Ok(Some(match query.take("status")?.as_deref() {
        None => return Ok(None),
        Some("pending") => DossierStatus::Pending,
        Some("generated") => DossierStatus::Generated,
        Some("outdated") => DossierStatus::Outdated,
        Some("regenerating") => DossierStatus::Regenerating,
        Some(_) => {
            return Err(Error::invalid(
                "/status",
                "status is pending, generated, outdated or regenerating",
            ));
        }
    }))
}
