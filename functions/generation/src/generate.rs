//! `POST /v1/generations`: makes a file from a template.

use api::auth::Caller;
use api::finish::to_the_end;
use api::idempotency;
use api::intent::Words;
use api::problem::Result;
use api::request::{Json, Query};
use axum::http::HeaderMap;
use axum::response::Response;
use domain::file::{Origin, Writer};
use domain::principal::{Principal, Role};
use domain::upload::{Intent, Plan};
use domain::{Error, Sha256};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use render::{Limits, Rendered};
use serde::Deserialize;
use serde_json::Value;
use store::direct::Stored;
use store::upload::Beginning;
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
    /// Seconds the file is to live from now on; a new version without it leaves that as it is.
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
        expected: None,
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
    let (store, workspace) = (state.store, principal.workspace);
    let stored = to_the_end(async move {
        let bytes = rendered.bytes.into();
        let stored = store.store_bytes(&workspace, beginning, bytes, Origin::Generated);
        match stored.await? {
            Stored::Now(file) => answer::created(&store, &workspace, *file).await,
            Stored::Before { file, version } => {
                answer::again(&store, &workspace, file, version).await
            }
        }
    });
    Ok(stored.await?)
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

#[cfg(test)]
mod tests {
    use domain::KeyId;
    use domain::principal::{Identity, Standing};
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
            identity: Identity::Key {
                id: KeyId::new(Uuid::nil()),
                made_by: None,
            },
            workspace: "acme".parse().unwrap(),
            role: Role::Editor,
            standing: Standing::Kept,
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
