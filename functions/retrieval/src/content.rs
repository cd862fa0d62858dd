//! `GET /v1/files/{id}/content`: where the bytes are, as a signed URL.

use api::auth::Caller;
use api::delivery::{Disposition, delivery, lifetime_from, within};
use api::problem::Result;
use api::request::Query;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use domain::file::{Content, Failure, File, Status};
use domain::message::Access;
use domain::principal::{Principal, Role};
use domain::{Error, FileId, Kind, WorkspaceId};
use store::Store;
use store::blob::ObjectKey;

use crate::{State, answer};

/// Redirects to a signed URL of a file's content.
///
/// The URL carries its own permission: it works without a token until it ends, never longer than
/// the file lives. Range and conditional requests are answered there.
#[utoipa::path(
    get,
    path = "/v1/files/{id}/content",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("version" = Option<u32>, Query, description = "A version's number; the current one by default"),
        ("disposition" = Option<String>, Query, description = "attachment (the default) or inline; what a browser would run, such as HTML and SVG, is an attachment all the same"),
        ("expires_in_s" = Option<u64>, Query, description = "Seconds the URL is to live, 1 to 3600; 300 by default"),
    ),
    responses(
        (status = 302, description = "To the content", headers(("Location" = String, description = "The signed URL"))),
        (status = 404, description = "No such file or version"),
        (status = 409, description = "not_verified: the bytes are not checked yet, or are not those that were promised; quarantined: they are held back; bytes_missing: they are no longer in store"),
        (status = 410, description = "It has expired or was deleted"),
    )
)]
pub async fn fetch(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    method: Method,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    let version = query.take("version")?;
    let disposition = query
        .take_as::<Disposition>("disposition")?
        .unwrap_or_default();
    let lifetime = lifetime_from(&mut query)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let (file, _) = store.reachable_file(workspace, id).await?;
    let Asked {
        number,
        content,
        failure,
    } = asked_for(store, workspace, &file, version).await?;
    check_present(failure.as_ref())?;
    check_readable(&file, number, &content, failure.as_ref())?;
    let now = store.clock.now();
    let lifetime = within(lifetime, file.id, file.expires_at, now)?;
    let delivery = delivery(&file.name, &content.content_type, disposition, lifetime);
    let key = ObjectKey::Blob(workspace.clone(), content.blob);
    let signed = store.blobs.sign_get(&key, &delivery).await?;
    // HEAD asks what GET would answer; nothing is fetched by it.
    if method == Method::GET {
        store
            .note_access(&access(store, &principal, id, number))
            .await;
    }
    Ok(answer::redirect(&signed.url)?)
}

/// The version that is asked for.
struct Asked {
    number: u32,
    content: Content,
    /// Why it could not be read by the pipeline.
    failure: Option<Failure>,
}

/// Finds the version that is asked for.
async fn asked_for(
    store: &Store,
    workspace: &WorkspaceId,
    file: &File,
    version: Option<String>,
) -> domain::Result<Asked> {
    let number = version
        .map(|text| {
            text.parse()
                .map_err(|_| Error::not_found(Kind::Version, text))
        })
        .transpose()?
        .unwrap_or(file.version);
    if number == file.version {
        return Ok(Asked {
            number,
            content: file.content.clone(),
            failure: file.failure.clone(),
        });
    }
    let version = store.version(workspace, file.id, number).await?;
    Ok(Asked {
        number,
        content: version.content,
        failure: version.failure,
    })
}

/// Checks that the bytes of a version are not known to be missing: a URL would lead nowhere.
///
/// # Errors
/// `Conflict` with what to do.
fn check_present(failure: Option<&Failure>) -> domain::Result<()> {
    match failure {
        Some(failure) if failure.is_of_missing_bytes() => Err(Error::Conflict {
            code: Failure::BYTES_MISSING,
            detail: failure.detail.clone(),
        }),
        _ => Ok(()),
    }
}

/// Checks that the bytes of a version may be read. `failure` is why the pipeline could not.
///
/// # Errors
/// `Conflict` when they are held back, or not known to be what was promised.
pub(crate) fn check_readable(
    file: &File,
    number: u32,
    content: &Content,
    failure: Option<&Failure>,
) -> domain::Result<()> {
    if number == file.version && file.status == Status::Quarantined {
        return Err(Error::Conflict {
            code: "quarantined",
            detail: "the file is held back: its content cannot be read".to_owned(),
        });
    }
    if content.is_readable() {
        return Ok(());
    }
    Err(Error::Conflict {
        code: "not_verified",
        detail: match failure {
            Some(failure) => format!("the content cannot be read: {}", failure.detail),
            None => "the content has not been checked against its SHA-256 yet: try again soon"
                .to_owned(),
        },
    })
}

fn access(store: &Store, principal: &Principal, file: FileId, version: u32) -> Access {
    Access {
        v: Access::FORMAT,
        id: store.ids.random(),
        workspace: principal.workspace.clone(),
        file,
        version,
        principal: principal.identity.pseudonym(),
        at: store.clock.now(),
    }
}
