//! `POST /v1/generations`: makes a file from a template.

use api::auth::Caller;
use api::idempotency;
use api::intent::Words;
use api::problem::Result;
use api::request::{Json, Query};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use domain::file::{Content, Origin, Writer};
use domain::principal::{Principal, Role};
use domain::upload::{Intent, Plan, Upload, UploadState};
use domain::{Error, Retry, Sha256, WorkspaceId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use render::{Limits, Rendered};
use serde::Deserialize;
use serde_json::Value;
use store::Store;
use store::blob::ObjectKey;
use store::upload::{Beginning, Begun};
use utoipa::ToSchema;

use crate::answer::GenerationView;
use crate::recipe::Recipe;
use crate::{State, answer};

/// How long a generation that stopped half-way holds its quota and can be taken up again with its
/// Idempotency-Key.
const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// What file is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// The template; see `GET /v1/templates`.
    #[schema(example = "master_checklist")]
    template: String,
    /// Its version; the current one when it is left out.
    template_version: Option<u32>,
    /// What it is filled with; see the template's schema and example.
    #[schema(value_type = Object)]
    parameters: Value,
    /// What it is rendered into: one of the template's formats.
    #[schema(example = "md")]
    format: String,
    /// What the file is to be called; without it a free name is made of the template and the day.
    name: Option<String>,
    /// The folder it is to be in, created when missing.
    folder: Option<String>,
    /// What the document is.
    #[serde(rename = "type")]
    document_type: Option<String>,
    /// Its tags, in order, the primary one first.
    #[serde(default)]
    tags: Vec<String>,
    /// Seconds it is to live.
    expires_in_s: Option<i64>,
    /// When the name is taken: fail, rename or version. A name that is made here is always free.
    on_conflict: Option<String>,
}

/// Makes a file from a template: answers with a signed URL to fetch it.
#[utoipa::path(
    post,
    path = "/v1/generations",
    tag = "generation",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request")),
    request_body = Generate,
    responses(
        (status = 201, description = "The file", body = GenerationView),
        (status = 404, description = "No such template, or not of this version"),
        (status = 409, description = "The name is taken"),
        (status = 413, description = "The parameters or the file are larger than a template takes"),
        (status = 507, description = "Over the quota"),
    )
)]
pub async fn generate(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    headers: HeaderMap,
    query: Query,
    Json { value, bytes }: Json<Generate>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let repeatable =
        idempotency::repeatable(&headers, &principal, &[b"POST /v1/generations", &bytes])?;
    let recipe = Recipe {
        template: value.template,
        version: value.template_version,
        parameters: value.parameters,
        format: value.format,
    };
    let words = Words {
        name: value.name,
        folder: value.folder,
        document_type: value.document_type,
        tags: value.tags,
        expires_in_s: value.expires_in_s,
        on_conflict: value.on_conflict,
    };
    let rendered = recipe.render(Limits::default()).await?;
    let beginning = Beginning {
        intent: intent(words, &rendered, state.store.clock.now(), &principal)?,
        size_bytes: rendered.bytes.len() as u64,
        content_type: Some(rendered.media_type.to_owned()),
        sha256: Some(Sha256::of(&rendered.bytes)),
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SESSION_LIFETIME,
        repeatable,
    };
    // In a task of its own: a client that hangs up does not stop half-way what has begun.
    let workspace = principal.workspace;
    let store = state.store;
    let stored = tokio::spawn(async move {
        store_file(&store, &workspace, beginning, rendered.bytes.into()).await
    });
    let response = stored
        .await
        .map_err(|error| Error::dependency("storing a file", error))??;
    Ok(response)
}

/// Reads what the file is to be. One without a name gets a free one.
fn intent(
    mut words: Words,
    rendered: &Rendered,
    now: Timestamp,
    principal: &Principal,
) -> domain::Result<Intent> {
    if words.name.is_none() {
        if words
            .on_conflict
            .as_deref()
            .is_some_and(|on| on != "rename")
        {
            return Err(Error::invalid(
                "/on_conflict",
                "on_conflict goes with a name: without one a free name is made",
            ));
        }
        words.name = Some(made_name(rendered, now));
        words.on_conflict = Some("rename".to_owned());
    }
    words.read(principal)
}

/// `master_checklist_2025-10-29.md`: the template and the day, in UTC.
fn made_name(rendered: &Rendered, now: Timestamp) -> String {
    let day = now.to_zoned(TimeZone::UTC).date();
    format!("{}_{day}.{}", rendered.file_name_stem, rendered.extension)
}

async fn store_file(
    store: &Store,
    workspace: &WorkspaceId,
    beginning: Beginning,
    bytes: Bytes,
) -> domain::Result<Response> {
    let is_repeatable = beginning.repeatable.is_some();
    let sha256 = beginning.sha256;
    let upload = match store.begin_upload(workspace, beginning).await? {
        Begun::New(upload) => upload,
        Begun::Before(upload) => match upload.state {
            UploadState::Committed { file, version } => {
                return answer::again(store, workspace, file, version).await;
            }
            UploadState::Aborted => return Err(store::commit::aborted()),
            // The first request stopped half-way; the same bytes go to the same place.
            UploadState::Open if upload.sha256 == sha256 => upload,
            UploadState::Open => {
                return Err(Error::Conflict {
                    code: "template_changed",
                    detail: "the template has changed since this request was first made: \
                             use a new Idempotency-Key"
                        .to_owned(),
                });
            }
        },
    };
    let result = write_and_commit(store, workspace, &upload, bytes).await;
    if let Err(error) = &result {
        // A request that can be repeated goes on where it stopped; the sweep ends it otherwise.
        let goes_on = is_repeatable && error.retry() == Retry::Later;
        if !goes_on && let Err(error) = store.abort_upload(workspace, &upload).await {
            tracing::warn!(upload.id = %upload.id, %error, "a generation was not aborted");
        }
    }
    result
}

async fn write_and_commit(
    store: &Store,
    workspace: &WorkspaceId,
    upload: &Upload,
    bytes: Bytes,
) -> domain::Result<Response> {
    let content_type = upload.content_type.clone().unwrap_or_default();
    let key = ObjectKey::Blob(workspace.clone(), upload.blob);
    store.blobs.create(&key, bytes, &content_type).await?;
    let content = Content {
        blob: upload.blob,
        size_bytes: upload.size_bytes,
        content_type,
        sha256: upload.sha256,
        promised_sha256: None,
    };
    let file = store
        .commit_upload(workspace, upload, &content, Origin::Generated)
        .await?;
    answer::created(store, workspace, file).await
}

#[cfg(test)]
mod tests {
    use domain::KeyId;
    use domain::principal::Identity;
    use domain::upload::OnConflict;
    use uuid::Uuid;

    use super::*;

    fn read(name: Option<&str>, on_conflict: Option<&str>) -> domain::Result<Intent> {
        let words = Words {
            name: name.map(str::to_owned),
            on_conflict: on_conflict.map(str::to_owned),
            ..Words::default()
        };
        let rendered = Rendered {
            bytes: Vec::new(),
            media_type: "text/markdown",
            extension: "md",
            file_name_stem: "master_checklist".to_owned(),
        };
        let principal = Principal {
            identity: Identity::Key(KeyId::new(Uuid::nil())),
            workspace: "acme".parse().unwrap(),
            role: Role::Editor,
        };
        // Already the 29th in the east, still the 28th in UTC.
        let now = "2025-10-29T01:30:00+05:00".parse().unwrap();
        intent(words, &rendered, now, &principal)
    }

    #[test]
    fn a_file_without_a_name_gets_a_free_one_of_template_and_day() {
        let intent = read(None, None).unwrap();
        assert_eq!(intent.name.as_str(), "master_checklist_2025-10-28.md");
        assert_eq!(intent.on_conflict, OnConflict::Rename);
        assert!(read(None, Some("rename")).is_ok());
        assert!(read(None, Some("version")).is_err());
    }

    #[test]
    fn a_name_that_is_given_stays_and_conflicts_are_refused_unless_asked_otherwise() {
        let intent = read(Some("plan.md"), None).unwrap();
        assert_eq!(intent.name.as_str(), "plan.md");
        assert_eq!(intent.on_conflict, OnConflict::Fail);
        let versioned = read(Some("plan.md"), Some("version")).unwrap();
        assert_eq!(versioned.on_conflict, OnConflict::Version);
    }
}
