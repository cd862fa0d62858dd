//! `/v1/api-keys`: makes, lists and revokes API keys.

use api::auth::{API_KEY_PREFIX, Caller};
use api::idempotency;
use api::page::{Asked, Page, cut, encode, rows_for};
use api::problem::Result;
use api::request::{Json, Query};
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use domain::principal::{Principal, Role};
use domain::upload::expires_in;
use domain::{Error, KeyId, Sha256};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::api_key::ApiKeyItem;
use utoipa::ToSchema;

use crate::State;
use api::finish::to_the_end;

/// Longest name of a key, in characters: a label, not a sentence.
const MAX_NAME_CHARS: usize = 100;

/// An API key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// What it is for, in 1 to 100 characters.
    #[schema(example = "nightly import")]
    name: String,
    /// What it may do: viewer, editor or admin.
    #[schema(example = "editor")]
    role: String,
    /// Seconds until it ends; without it, it holds until it is revoked.
    #[schema(example = 7_776_000)]
    expires_in_s: Option<i64>,
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyView {
    /// Its public half.
    id: uuid::Uuid,
    /// What it is for.
    name: String,
    /// What it may do: viewer, editor or admin.
    #[schema(value_type = String, example = "editor")]
    role: Role,
    /// The person who made it, or whose key did, by the id they have among the members; none of a
    /// key that is older than this record.
    #[schema(example = "user-5f0c7a523c1d5b7e9a53000000000001")]
    made_by: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// From when on it is refused.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// An API key that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub struct NewApiKeyView {
    /// What is known of it.
    #[serde(flatten)]
    about: ApiKeyView,
    /// The key itself, shown this once: send it as `Authorization: Bearer`.
    #[schema(example = "sheaf_acme.0199a0b1-7c00-7000-8000-000000000001.…")]
    key: String,
}

impl From<ApiKeyItem> for ApiKeyView {
    fn from(item: ApiKeyItem) -> Self {
        Self {
            id: item.id.uuid(),
            name: item.label,
            role: item.role,
            made_by: item.made_by,
            created_at: item.created_at,
            expires_at: item.expires_at,
        }
    }
}

/// Makes an API key. Its secret is shown this once; only a hash of it is kept.
///
/// It may do no more than whoever makes it, and is revoked when their role in the workspace is taken
/// away or changed to a lower one than the key's.
///
/// A request that is repeated with its Idempotency-Key makes no second key. It cannot be answered
/// as the first one was, so it is refused and names the key that was made.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    tag = "organize",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sure that the request makes one key, however often it is sent")),
    request_body = CreateApiKey,
    responses(
        (status = 201, description = "The key, with its secret", body = NewApiKeyView),
        (status = 409, description = "key_made: the request was made before; its answer alone had the secret"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn create(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    headers: HeaderMap,
    query: Query,
    Json { value, bytes }: Json<CreateApiKey>,
) -> Result<(StatusCode, axum::Json<NewApiKeyView>)> {
    principal.require(Role::Admin)?;
    query.finish()?;
    let repeatable =
        idempotency::repeatable(&headers, &principal, &[b"POST /v1/api-keys", &bytes])?;
    let (store, workspace) = (state.store, &principal.workspace);
    let secret = store.ids.secret();
    let now = store.clock.now();
    let id = KeyId::new(store.ids.sortable(now));
    let item = value.read(&principal, id, &secret, now)?;
    let key = format!("{API_KEY_PREFIX}{workspace}.{id}.{secret}");
    let kept = to_the_end(async move {
        store
            .create_api_key(&principal, &item, repeatable.as_ref())
            .await?;
        Ok(item)
    });
    let view = NewApiKeyView {
        about: kept.await?.into(),
        key,
    };
    Ok((StatusCode::CREATED, axum::Json(view)))
}

impl CreateApiKey {
    fn read(
        &self,
        maker: &Principal,
        id: KeyId,
        secret: &str,
        now: Timestamp,
    ) -> domain::Result<ApiKeyItem> {
        let label = self.name.trim();
        let length = label.chars().count();
        if !(1..=MAX_NAME_CHARS).contains(&length) || label.chars().any(char::is_control) {
            return Err(Error::invalid(
                "/name",
                "a key's name is 1 to 100 characters without control characters",
            ));
        }
        let role: Role = self.role.parse()?;
        // A key may do no more than whoever makes it.
        maker.require(role)?;
        let lifetime = self.expires_in_s.map(expires_in).transpose()?;
        Ok(ApiKeyItem {
            id,
            label: label.to_owned(),
            role,
            made_by: Some(maker.identity.person()),
            secret_hash: Sha256::of(secret.as_bytes()),
            created_at: now,
            expires_at: lifetime.and_then(|lifetime| now.checked_add(lifetime).ok()),
        })
    }
}

/// Lists the API keys of the workspace, the oldest first, without their secrets.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    tag = "organize",
    params(
        ("limit" = Option<usize>, Query, description = "Most keys of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of keys", body = Page<ApiKeyView>))
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<ApiKeyView>>> {
    principal.require(Role::Admin)?;
    let asked: Asked<KeyId> = Asked::from_query(&mut query)?;
    query.finish()?;
    let page = state
        .store
        .api_keys(&principal.workspace, asked.cursor, rows_for(asked.limit))
        .await?;
    let (keys, more) = cut(page, asked.limit);
    let last = keys.last().filter(|_| more);
    let next_cursor = last.map(|last| encode(&last.id)).transpose()?;
    let items = keys.into_iter().map(ApiKeyView::from).collect();
    Ok(axum::Json(Page { items, next_cursor }))
}

/// Revokes an API key, at once.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{id}",
    tag = "organize",
    params(("id" = uuid::Uuid, Path, description = "The key")),
    responses(
        (status = 204, description = "It is revoked"),
        (status = 404, description = "No such key"),
    )
)]
pub async fn revoke(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<StatusCode> {
    principal.require(Role::Admin)?;
    query.finish()?;
    let id: KeyId = id.parse()?;
    let (store, workspace) = (state.store, principal.workspace);
    to_the_end(async move { store.revoke_api_key(&workspace, id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
