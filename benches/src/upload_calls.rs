//! The calls of `POST /v1/files`, made straight through the SDK: its first transaction, its PUT, its second transaction,
//! with the rows, expressions and conditions of an upload that was made.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use bytes::Bytes;
use domain::name::FileName;
use domain::{BlobId, FileId, FolderId, Sha256, UploadId, WorkId, WorkspaceId};
use store::keys::{Key, tally_shard};
use testkit::Sheaf;
use uuid::Uuid;

type Row = HashMap<String, AttributeValue>;

/// The rows that an upload wrote, to write others like them.
#[derive(Debug)]
pub struct UploadCalls {
    workspace: WorkspaceId,
    quota: Row,
    session: Row,
    blob: Row,
    name: Row,
    file: Row,
    version: Row,
    work: Row,
    shared: Row,
}

impl UploadCalls {
    /// Uploads a file and takes the rows that this wrote. The work they ask for must stay undone.
    ///
    /// # Panics
    /// When a row is not there.
    pub async fn of_an_upload(sheaf: &Sheaf, bytes: Bytes) -> Self {
        sheaf.admin().put("name=template.bin", bytes).await;
        let table = &sheaf.store().table;
        let scan = table.client().scan().table_name(table.name());
        let rows = scan.send().await.expect("Scan").items.expect("rows");
        let with = |attribute: &str| {
            let row = rows.iter().find(|row| row.contains_key(attribute));
            row.unwrap_or_else(|| panic!("no row with {attribute}"))
                .clone()
        };
        let work = with("job");
        let mut session = with("phase");
        // As it was while the upload was open.
        session.insert("phase".to_owned(), text("open"));
        for due in ["due_pk", "due_sk"] {
            session.insert(due.to_owned(), work[due].clone());
        }
        Self {
            workspace: "acme".parse().expect("a workspace"),
            session,
            work,
            quota: with("available_bytes"),
            blob: with("upload"),
            name: with("file_id"),
            file: with("pipeline_status"),
            version: with("version_owner"),
            shared: with("written_by"),
        }
    }

    /// Makes the calls of one upload.
    ///
    /// # Panics
    /// When one of them fails.
    pub async fn make(&self, sheaf: &Sheaf, bytes: &Bytes) {
        let table = sheaf.store().table.name();
        let workspace = &self.workspace;
        let session = Key::upload(workspace, UploadId::new(Uuid::new_v4()));
        let session = at(session, &self.session);
        let id = BlobId::new(Uuid::new_v4());
        let blob = Key::blob(workspace, id);
        let begin = vec![
            self.reserve(table, bytes.len()),
            create(table, session.clone()),
            create(table, at(blob, &self.blob)),
        ];
        transact(sheaf, begin).await;
        put(sheaf, bytes).await;
        let file = FileId::new(Uuid::new_v4());
        let commit = vec![
            close(table, &session),
            self.claim_name(table),
            create(table, at(Key::file(workspace, file), &self.file)),
            create(table, at(Key::version(workspace, file, 1), &self.version)),
            self.count(table, file, bytes.len()),
            self.ask(table),
            create(table, at(self.shared_blob(), &self.shared)),
            self.share(table, id),
        ];
        transact(sheaf, commit).await;
    }

    fn reserve(&self, table: &str, bytes: usize) -> TransactWriteItem {
        updated(
            update(table, &self.quota)
                .condition_expression("available_bytes >= :bytes AND available_files >= :files")
                .update_expression("SET available_bytes = available_bytes - :bytes, available_files = available_files - :files")
                .expression_attribute_values(":bytes", AttributeValue::N(bytes.to_string()))
                .expression_attribute_values(":files", AttributeValue::N("1".to_owned())),
        )
    }

    /// The key of a blob of bytes that nothing has.
    fn shared_blob(&self) -> Key {
        let bytes = Sha256::of(Uuid::new_v4().as_bytes());
        Key::shared_blob(&self.workspace, bytes)
    }

    fn share(&self, table: &str, blob: BlobId) -> TransactWriteItem {
        let row = at(Key::blob(&self.workspace, blob), &self.blob);
        updated(
            update(table, &row)
                .condition_expression(
                    "attribute_exists(pk) AND (attribute_not_exists(refs) OR refs > :zero)",
                )
                .update_expression("SET sha256 = :sha256, refs = if_not_exists(refs, :one)")
                .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
                .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
                .expression_attribute_values(":sha256", self.blob["sha256"].clone()),
        )
    }

    fn claim_name(&self, table: &str) -> TransactWriteItem {
        let name: FileName = Uuid::new_v4().to_string().parse().expect("a name");
        let row = at(
            Key::name(&self.workspace, FolderId::ROOT, &name),
            &self.name,
        );
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk) OR free_at_us <= :now")
            .expression_attribute_values(":now", AttributeValue::N("0".to_owned()))
            .build()
            .expect("a write");
        TransactWriteItem::builder().put(put).build()
    }

    fn count(&self, table: &str, file: FileId, bytes: usize) -> TransactWriteItem {
        let shard = tally_shard(file.uuid());
        let row = Key::tally(&self.workspace, FolderId::ROOT, shard).attributes();
        updated(
            update(table, &row)
                .update_expression(
                    "ADD file_count :files, folder_count :folders, size_bytes :bytes",
                )
                .expression_attribute_values(":files", AttributeValue::N("1".to_owned()))
                .expression_attribute_values(":folders", AttributeValue::N("0".to_owned()))
                .expression_attribute_values(":bytes", AttributeValue::N(bytes.to_string())),
        )
    }

    fn ask(&self, table: &str) -> TransactWriteItem {
        let row = at(
            Key::work(&self.workspace, WorkId::new(Uuid::new_v4())),
            &self.work,
        );
        updated(
            update(table, &row)
                .update_expression("SET job = :job, asked = :asked, due_pk = :due_pk, due_sk = :due_sk REMOVE resends, last_try")
                .expression_attribute_values(":job", row["job"].clone())
                .expression_attribute_values(":asked", row["asked"].clone())
                .expression_attribute_values(":due_pk", row["due_pk"].clone())
                .expression_attribute_values(":due_sk", row["due_sk"].clone()),
        )
    }
}

fn close(table: &str, session: &Row) -> TransactWriteItem {
    updated(
        update(table, session)
            .condition_expression("phase = :open")
            .update_expression("SET phase = :phase, upload_state = :upload_state, forget_at = :forget_at REMOVE due_pk, due_sk")
            .expression_attribute_values(":open", text("open"))
            .expression_attribute_values(":phase", text("committed"))
            .expression_attribute_values(":upload_state", session["upload_state"].clone())
            .expression_attribute_values(":forget_at", session["forget_at"].clone()),
    )
}

fn create(table: &str, row: Row) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(row))
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .expect("a write");
    TransactWriteItem::builder().put(put).build()
}

fn update(table: &str, row: &Row) -> UpdateBuilder {
    Update::builder()
        .table_name(table)
        .key("pk", row["pk"].clone())
        .key("sk", row["sk"].clone())
}

fn updated(update: UpdateBuilder) -> TransactWriteItem {
    let update = update.build().expect("a write");
    TransactWriteItem::builder().update(update).build()
}

async fn transact(sheaf: &Sheaf, writes: Vec<TransactWriteItem>) {
    let client = sheaf.store().table.client();
    let transaction = client
        .transact_write_items()
        .set_transact_items(Some(writes));
    transaction.send().await.expect("TransactWriteItems");
}

async fn put(sheaf: &Sheaf, bytes: &Bytes) {
    let blobs = &sheaf.store().blobs;
    blobs
        .client()
        .put_object()
        .bucket(blobs.bucket())
        .key(format!("blobs/bench/{}", Uuid::new_v4()))
        .if_none_match("*")
        .content_type("application/octet-stream")
        .body(bytes.clone().into())
        .send()
        .await
        .expect("PutObject");
}

/// A row like another, under another key.
fn at(key: Key, row: &Row) -> Row {
    let mut row = row.clone();
    row.extend(key.attributes());
    row
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
