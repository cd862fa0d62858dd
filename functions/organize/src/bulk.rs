//! `POST /v1/bulk`: many changes in one request, each as its own route would make it.
//!
//! What a request says is read whole before anything is done. Then up to sixteen things are changed
//! at once; what is asked for one and the same file or folder is done in the order it is asked for.

use std::collections::HashMap;
use std::time::Duration;

use api::auth::Caller;
use api::finish::to_the_end;
use api::idempotency;
use api::problem::{Problem, ProblemView, Result};
use api::request::{Json, Query};
use api::serve::RequestId;
use api::view::file::{BriefFileView, FileView};
use api::view::folder::{BriefFolderView, FolderView};
use axum::Extension;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use domain::principal::{Principal, Role};
use domain::{Error, FileId, FolderId, WorkspaceId};
use futures::StreamExt as _;
use runtime::telemetry::chain_of;
use serde::{Deserialize, Serialize};
use store::Store;
use store::idempotency::Repeatable;
use store::organize::{Edit, OnTaken};
use tokio::time::Instant;
use tracing::{error, warn};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::{edit, on_taken};
use crate::change::{self, ChangeFile};
use crate::copy::{self, CopyFile};
use crate::folder::{self, ChangeFolder, Outcome};
use crate::{State, delete, restore};

/// Most operations of one request.
const MAX_OPERATIONS: usize = 1_000;

/// How many things are changed at once.
const AT_ONCE: usize = 16;

/// How long, after the time of a request is over, what has begun is still waited for.
const GRACE: Duration = Duration::from_secs(5);

/// How often an operation is begun again that someone else was in the way of: files that come into
/// one folder all change its counters.
const RACES: u32 = 8;

/// The first wait before that; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// Most fields of a request that are named when they break a rule.
const MAX_ERRORS: usize = 100;

/// Changes to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// The changes: 1 to 1,000. Those of one file or folder are made in this order, others in any.
    #[schema(min_items = 1, max_items = 1000)]
    operations: Vec<Operation>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BulkOp)]
pub enum Op {
    /// Changes a file, as `PATCH /v1/files/{id}` does.
    Change,
    /// Copies a file, as `POST /v1/files/{id}/copy` does.
    Copy,
    /// Moves a file to the trash.
    Trash,
    /// Takes a file out of the trash.
    Restore,
    /// Deletes a file for good, with a receipt.
    Delete,
    /// Moves or renames a folder with all it holds.
    ChangeFolder,
    /// Moves a folder to the trash with all it holds.
    TrashFolder,
    /// Takes a folder out of the trash.
    RestoreFolder,
    /// Deletes a folder for good with all it holds.
    DeleteFolder,
}

/// One change. Beside `op`, `id` and `if_match` it has the fields that the route of this change takes:
/// those of other changes are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BulkOperation)]
pub struct Operation {
    /// What is done.
    op: Op,
    /// The file, or for the last four the folder.
    id: Uuid,
    /// Only when it is still as under this entity tag.
    #[schema(example = "\"7\"")]
    if_match: Option<String>,
    /// change, copy, `change_folder`: what it is to be called.
    name: Option<String>,
    /// change, copy, `change_folder`: the path of the folder it is to be in, created when missing.
    #[schema(example = "/bills/2024")]
    folder: Option<String>,
    /// change, copy, `change_folder`: the folder it is to be in, by its id, which must be there.
    folder_id: Option<Uuid>,
    /// change: what the document is; null takes the type away.
    #[serde(rename = "type", default, deserialize_with = "edit")]
    #[schema(value_type = Option<String>, example = "bill")]
    document_type: Edit<String>,
    /// change: its tags, in the place of those it has.
    tags: Option<Vec<String>>,
    /// change: the date the document is about.
    #[schema(value_type = Option<String>, format = Date, example = "2024-11-15")]
    document_date: Option<String>,
    /// change: whether it is marked.
    favorite: Option<bool>,
    /// change: whether it is put away.
    archived: Option<bool>,
    /// change, copy: seconds it is to live from now on; of a change, null lets it live for ever.
    #[serde(default, deserialize_with = "edit")]
    #[schema(value_type = Option<i64>, example = 604_800)]
    expires_in_s: Edit<i64>,
    /// copy: number of the version that is copied; the current one by default.
    version: Option<u32>,
    /// copy, restore, `restore_folder`: when the name is taken: fail (the default) or rename.
    on_conflict: Option<String>,
}

/// What became of the operations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkResults)]
pub struct ResultsView {
    /// How many were done.
    done: u32,
    /// How many were refused or failed.
    failed: u32,
    /// How many are to be sent again, because the time of the request was over before them.
    not_reached: u32,
    /// One for each operation, in the order of the request.
    results: Vec<ResultView>,
}

/// What became of one operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkResult)]
pub struct ResultView {
    /// Which one: counted from 0.
    index: u32,
    /// What was to be done.
    op: Op,
    /// The file or folder.
    id: Uuid,
    /// The HTTP status that the route of this change would have answered with.
    #[schema(example = 200)]
    status: u16,
    /// The file as it is now; of a copy, the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<BriefFileView>,
    /// The folder as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<BriefFolderView>,
    /// The receipt of a file that was deleted for good: `GET /v1/receipts/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt_id: Option<Uuid>,
    /// The job that goes on with a folder: `GET /v1/jobs/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<Uuid>,
    /// Why it was not done, as the route of this change would have answered it; or `not_reached`, when
    /// the time was over before it had begun, and `unfinished`, when it was over while it was done. Both
    /// are to be sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemView>,
}

/// Makes up to 1,000 changes of files and folders, and tells of each what became of it.
///
/// Each is made as its own route makes it, and one that fails doesn't hold up the others. A request that
/// breaks a rule is refused whole, before anything is done. Changes of one file or folder are made in
/// order, others up to 16 at once and in any order. What is not begun within 20 seconds is answered with
/// `not_reached`: send it again, in a request of its own. The whole request may be repeated under its
/// `Idempotency-Key`: copies are then made once, and the others come to the same.
#[utoipa::path(
    post,
    path = "/v1/bulk",
    tag = "organize",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request: each copy gets a key of this one and its place"),
    ),
    request_body(content = Bulk, example = json!({"operations": [
        {"op": "change", "id": "0199a0b1-7c00-7000-8000-000000000001", "folder": "/bills/2024", "tags": ["electricity"]},
        {"op": "copy", "id": "0199a0b1-7c00-7000-8000-000000000002", "folder": "/taxes", "on_conflict": "rename"},
        {"op": "trash", "id": "0199a0b1-7c00-7000-8000-000000000003", "if_match": "\"7\""},
        {"op": "delete_folder", "id": "0199a0b1-7c00-7000-8000-000000000004"},
    ]})),
    responses(
        (status = 200, description = "What became of each", body = ResultsView, example = json!({
            "done": 1, "failed": 1, "not_reached": 0,
            "results": [
                {"index": 0, "op": "delete", "id": "0199a0b1-7c00-7000-8000-000000000001", "status": 200,
                 "receipt_id": "0199a0b1-7c00-7000-8000-000000000009"},
                {"index": 1, "op": "trash", "id": "0199a0b1-7c00-7000-8000-000000000002", "status": 404,
                 "problem": {"type": "urn:sheaf:problem:not_found", "title": "Not found", "status": 404,
                             "detail": "there is no file 0199a0b1-7c00-7000-8000-000000000002",
                             "instance": "0199a0b1-7c00-7000-8000-00000000000a", "code": "not_found"}},
            ],
        })),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn bulk(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
    query: Query,
    Json { value, bytes }: Json<Bulk>,
) -> Result<axum::Json<ResultsView>> {
    let until = Instant::now() + state.bulk_time;
    principal.require(Role::Editor)?;
    query.finish()?;
    let repeatable = idempotency::repeatable(&headers, &principal, &[b"POST /v1/bulk", &bytes])?;
    let planned = plan(value, &state.store, &principal, repeatable.as_ref())?;
    let doing = Doing {
        store: state.store,
        workspace: principal.workspace,
        until,
        request: request.0,
    };
    let mut results: Vec<ResultView> = futures::stream::iter(lanes(planned))
        .map(|lane| doing.go_through(lane))
        .buffer_unordered(AT_ONCE)
        .concat()
        .await;
    results.sort_by_key(|result| result.index);
    Ok(axum::Json(ResultsView::of(results)))
}

/// An operation that was read.
#[derive(Clone, Debug)]
struct Planned {
    index: u32,
    op: Op,
    id: Uuid,
    /// With `If-Match`, as the route of this change reads it.
    headers: HeaderMap,
    change: Change,
}

/// What is to be done, as the route of this change reads it.
#[derive(Clone, Debug)]
enum Change {
    File(change::Asked),
    Copy(copy::Asked),
    Trash,
    Restore(OnTaken),
    Delete,
    Folder(folder::Asked),
    TrashFolder,
    RestoreFolder(OnTaken),
    DeleteFolder,
}

/// Reads all operations. What is wrong with any of them is told at once.
fn plan(
    bulk: Bulk,
    store: &Store,
    principal: &Principal,
    repeatable: Option<&Repeatable>,
) -> domain::Result<Vec<Planned>> {
    if bulk.operations.is_empty() || bulk.operations.len() > MAX_OPERATIONS {
        return Err(Error::invalid(
            "/operations",
            format!("a request has 1 to {MAX_OPERATIONS} operations"),
        ));
    }
    let now = store.clock.now();
    let mut planned = Vec::with_capacity(bulk.operations.len());
    let mut errors = Vec::new();
    for (index, operation) in (0..).zip(bulk.operations) {
        let repeatable = repeatable.map(|whole| whole.part(index));
        match operation.read(index, now, principal, repeatable) {
            Ok(operation) => planned.push(operation),
            Err(Error::Invalid { errors: fields }) => {
                errors.extend(fields.into_iter().map(|mut field| {
                    field.pointer = format!("/operations/{index}{}", field.pointer);
                    field
                }));
            }
            Err(error) => return Err(error),
        }
    }
    if errors.is_empty() {
        return Ok(planned);
    }
    errors.truncate(MAX_ERRORS);
    Err(Error::Invalid { errors })
}

impl Operation {
    fn read(
        mut self,
        index: u32,
        now: jiff::Timestamp,
        principal: &Principal,
        repeatable: Option<Repeatable>,
    ) -> domain::Result<Planned> {
        let mut headers = HeaderMap::new();
        if let Some(tag) = self.if_match.take() {
            let value = HeaderValue::from_str(&tag)
                .map_err(|_| Error::invalid("/if_match", "an entity tag is what ETag said"))?;
            headers.insert(header::IF_MATCH, value);
        }
        let change = match self.op {
            Op::Change => Change::File(
                ChangeFile {
                    name: self.name.take(),
                    folder: self.folder.take(),
                    folder_id: self.folder_id.take(),
                    document_type: std::mem::take(&mut self.document_type),
                    tags: self.tags.take(),
                    document_date: self.document_date.take(),
                    favorite: self.favorite.take(),
                    archived: self.archived.take(),
                    expires_in_s: std::mem::take(&mut self.expires_in_s),
                }
                .read(now, &principal.identity.pseudonym())?,
            ),
            Op::Copy => Change::Copy(
                CopyFile {
                    name: self.name.take(),
                    folder: self.folder.take(),
                    folder_id: self.folder_id.take(),
                    on_conflict: self.on_conflict.take(),
                    version: self.version.take(),
                    expires_in_s: match std::mem::take(&mut self.expires_in_s) {
                        Edit::Keep | Edit::Clear => None,
                        Edit::Set(seconds) => Some(seconds),
                    },
                }
                .read(principal, repeatable)?,
            ),
            Op::Trash => Change::Trash,
            Op::Restore => Change::Restore(on_taken(self.on_conflict.take().as_deref())?),
            Op::Delete => Change::Delete,
            Op::ChangeFolder => Change::Folder(
                ChangeFolder {
                    name: self.name.take(),
                    folder: self.folder.take(),
                    folder_id: self.folder_id.take(),
                }
                .read()?,
            ),
            Op::TrashFolder => Change::TrashFolder,
            Op::RestoreFolder => {
                Change::RestoreFolder(on_taken(self.on_conflict.take().as_deref())?)
            }
            Op::DeleteFolder => Change::DeleteFolder,
        };
        self.check_nothing_left()?;
        Ok(Planned {
            index,
            op: self.op,
            id: self.id,
            headers,
            change,
        })
    }

    /// Checks that every field was taken, so that none is ignored.
    fn check_nothing_left(&self) -> domain::Result<()> {
        let given = [
            ("name", self.name.is_some()),
            ("folder", self.folder.is_some()),
            ("folder_id", self.folder_id.is_some()),
            ("type", self.document_type != Edit::Keep),
            ("tags", self.tags.is_some()),
            ("document_date", self.document_date.is_some()),
            ("favorite", self.favorite.is_some()),
            ("archived", self.archived.is_some()),
            ("expires_in_s", self.expires_in_s != Edit::Keep),
            ("version", self.version.is_some()),
            ("on_conflict", self.on_conflict.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((field, _)) => Err(Error::invalid(
                format!("/{field}"),
                format!("this operation has no field {field}"),
            )),
        }
    }
}

/// Puts what is about one file or folder together, in the order it was asked for.
fn lanes(planned: Vec<Planned>) -> Vec<Vec<Planned>> {
    let mut lanes: Vec<Vec<Planned>> = Vec::new();
    let mut lane_of: HashMap<Uuid, usize> = HashMap::new();
    for operation in planned {
        let position = *lane_of.entry(operation.id).or_insert(lanes.len());
        match lanes.get_mut(position) {
            Some(lane) => lane.push(operation),
            None => lanes.push(vec![operation]),
        }
    }
    lanes
}

/// What all operations of a request have in common.
#[derive(Clone, Debug)]
struct Doing {
    store: Store,
    workspace: WorkspaceId,
    /// When nothing is begun any more.
    until: Instant,
    request: String,
}

impl Doing {
    /// Makes the changes of one file or folder, one after the other.
    async fn go_through(&self, lane: Vec<Planned>) -> Vec<ResultView> {
        let mut results = Vec::with_capacity(lane.len());
        for operation in lane {
            let result = if Instant::now() < self.until {
                let this = self.clone();
                let operation = operation.clone();
                let change = to_the_end(async move { this.perform(&operation).await });
                tokio::time::timeout_at(self.until + GRACE, change)
                    .await
                    .map_or_else(|_| Err(unfinished()), |done| done.map_err(Problem::from))
            } else {
                Err(not_reached())
            };
            results.push(self.tell(&operation, result));
        }
        results
    }

    /// Makes a change, again where someone else was in the way.
    async fn perform(&self, operation: &Planned) -> domain::Result<Done> {
        let mut wait = FIRST_WAIT;
        for _ in 1..RACES {
            match self.attempt(operation).await {
                Err(Error::Busy { .. }) if Instant::now() + wait < self.until => {
                    // Those that met are not to meet again.
                    let apart = Duration::from_millis(u64::from(operation.index % 32));
                    tokio::time::sleep(wait + apart).await;
                    wait *= 2;
                }
                result => return result,
            }
        }
        self.attempt(operation).await
    }

    async fn attempt(&self, operation: &Planned) -> domain::Result<Done> {
        let (store, workspace, headers) = (&self.store, &self.workspace, &operation.headers);
        let (file, folder) = (FileId::new(operation.id), FolderId::new(operation.id));
        match operation.change.clone() {
            Change::File(asked) => {
                let changed = change::carry_out(store, workspace, file, headers, asked).await?;
                Done::file(StatusCode::OK, changed)
            }
            Change::Copy(asked) => {
                let made = copy::carry_out(store, workspace, file, headers, asked).await?;
                Done::file(StatusCode::CREATED, made)
            }
            Change::Trash => {
                let trashed = delete::trash(store, workspace, file, headers).await?;
                Done::file(StatusCode::OK, trashed)
            }
            Change::Restore(on_taken) => {
                let restored =
                    restore::carry_out(store, workspace, file, headers, on_taken).await?;
                Done::file(StatusCode::OK, restored)
            }
            Change::Delete => {
                let receipt = delete::erase(store, workspace, file, headers).await?;
                let mut done = Done::with(StatusCode::OK);
                done.receipt_id = Some(receipt.id());
                Ok(done)
            }
            Change::Folder(asked) => {
                let changed = folder::carry_out(store, workspace, folder, headers, asked).await?;
                let mut done = Done::with(StatusCode::OK);
                done.folder = Some(brief_folder(changed)?);
                Ok(done)
            }
            Change::TrashFolder => {
                Done::folder(folder::remove(store, workspace, folder, headers, false).await?)
            }
            Change::RestoreFolder(on_taken) => {
                Done::folder(folder::bring_back(store, workspace, folder, headers, on_taken).await?)
            }
            Change::DeleteFolder => {
                Done::folder(folder::remove(store, workspace, folder, headers, true).await?)
            }
        }
    }

    /// Tells what became of an operation; the log hears what is not the client's matter.
    fn tell(&self, operation: &Planned, result: Result<Done>) -> ResultView {
        let (done, problem) = match result {
            Ok(done) => (done, None),
            Err(problem) => {
                if let Some(cause) = problem.cause() {
                    let (id, index) = (&self.request, operation.index);
                    let (code, cause) = (problem.code(), chain_of(cause));
                    if problem.status() == StatusCode::INTERNAL_SERVER_ERROR {
                        error!(request.id = %id, index, code, cause, "an operation failed");
                    } else {
                        warn!(request.id = %id, index, code, cause, "an operation failed");
                    }
                }
                let done = Done::with(problem.status());
                (done, Some(problem.view(&self.request)))
            }
        };
        ResultView {
            index: operation.index,
            op: operation.op,
            id: operation.id,
            status: done.status.as_u16(),
            file: done.file,
            folder: done.folder,
            receipt_id: done.receipt_id,
            job_id: done.job_id,
            problem,
        }
    }
}

/// What an operation came to.
#[derive(Debug)]
struct Done {
    status: StatusCode,
    file: Option<BriefFileView>,
    folder: Option<BriefFolderView>,
    receipt_id: Option<Uuid>,
    job_id: Option<Uuid>,
}

impl Done {
    const fn with(status: StatusCode) -> Self {
        Self {
            status,
            file: None,
            folder: None,
            receipt_id: None,
            job_id: None,
        }
    }

    fn file(status: StatusCode, (tag, view): (HeaderValue, FileView)) -> domain::Result<Self> {
        let mut done = Self::with(status);
        done.file = Some(view.into_brief(text_of(&tag)?));
        Ok(done)
    }

    fn folder(outcome: Outcome) -> domain::Result<Self> {
        let mut done = Self::with(outcome.status);
        done.job_id = outcome.view.job.map(|job| job.id());
        if let (Some(tag), Some(view)) = (outcome.tag, outcome.view.folder) {
            done.folder = Some(brief_folder((tag, view))?);
        }
        Ok(done)
    }
}

fn brief_folder((tag, view): (HeaderValue, FolderView)) -> domain::Result<BriefFolderView> {
    Ok(view.into_brief(text_of(&tag)?))
}

fn text_of(tag: &HeaderValue) -> domain::Result<String> {
    let text = tag
        .to_str()
        .map_err(|error| Error::corrupt(format!("an entity tag is no text: {error}")))?;
    Ok(text.to_owned())
}

const NOT_REACHED: &str = "not_reached";

fn not_reached() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        NOT_REACHED,
        "Not reached",
        "the time of the request was over before this had begun: send it again, in another request"
            .to_owned(),
    )
}

fn unfinished() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unfinished",
        "Unfinished",
        "the time of the request was over while this was being done: send it again, which does \
         the rest of it"
            .to_owned(),
    )
}

impl ResultsView {
    fn of(results: Vec<ResultView>) -> Self {
        let (mut done, mut failed, mut not_reached) = (0, 0, 0);
        for result in &results {
            match &result.problem {
                None => done += 1,
                Some(problem) if problem.is(NOT_REACHED) => not_reached += 1,
                Some(_) => failed += 1,
            }
        }
        Self {
            done,
            failed,
            not_reached,
            results,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(index: u32, id: u128) -> Planned {
        Planned {
            index,
            op: Op::Trash,
            id: Uuid::from_u128(id),
            headers: HeaderMap::new(),
            change: Change::Trash,
        }
    }

    #[test]
    fn what_is_about_one_thing_stays_in_order_and_together() {
        let lanes = lanes(vec![
            planned(0, 7),
            planned(1, 8),
            planned(2, 7),
            planned(3, 9),
        ]);

        let indexes: Vec<Vec<u32>> = lanes
            .iter()
            .map(|lane| lane.iter().map(|operation| operation.index).collect())
            .collect();
        assert_eq!(indexes, [vec![0, 2], vec![1], vec![3]]);
    }
}
