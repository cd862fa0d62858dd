//! The DynamoDB table: reading and writing rows, each write with its condition.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, KeysAndAttributes, Put,
    TransactWriteItem, Update,
};
use domain::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::Key;

/// A row as DynamoDB has it.
pub type Row = HashMap<String, AttributeValue>;

/// Most keys of one `BatchGetItem`. Source: DynamoDB quotas.
const BATCH_GET_KEYS: usize = 100;

/// How often rows are asked for of which DynamoDB gives out none.
const UNPROCESSED_TRIES: u32 = 8;

/// How often a transaction is tried again when another one holds one of its rows.
const CONFLICT_TRIES: u32 = 8;

/// The table and how to reach it.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

/// A condition or an update: the expression and the values it names.
#[derive(Clone, Debug, Default)]
pub struct Expression {
    text: String,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// Begins with the text, such as `revision = :revision`.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            values: HashMap::new(),
        }
    }

    /// Holds also where `text` does.
    #[must_use]
    pub fn or(mut self, text: &str) -> Self {
        self.text = format!("{} OR {text}", self.text);
        self
    }

    /// Sets attributes, too, in an update that adds.
    #[must_use]
    pub(crate) fn and_set(mut self, text: &str) -> Self {
        self.text = format!("{} SET {text}", self.text);
        self
    }

    /// Holds only where `text` does, too.
    #[must_use]
    pub fn and(mut self, text: &str) -> Self {
        self.text = format!("({}) AND {text}", self.text);
        self
    }

    /// Gives a text value to a placeholder such as `:state`.
    #[must_use]
    pub fn text(mut self, placeholder: &str, value: impl Into<String>) -> Self {
        self.values
            .insert(placeholder.to_owned(), AttributeValue::S(value.into()));
        self
    }

    /// Gives a number to a placeholder.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers are Copy, and a call without & reads better"
    )]
    pub fn number(mut self, placeholder: &str, value: impl ToString) -> Self {
        self.values
            .insert(placeholder.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    /// Gives a truth value to a placeholder.
    #[must_use]
    pub fn flag(mut self, placeholder: &str, value: bool) -> Self {
        self.values
            .insert(placeholder.to_owned(), AttributeValue::Bool(value));
        self
    }

    /// Gives a structure to a placeholder.
    ///
    /// # Errors
    /// `Corrupt` when the value cannot be an attribute.
    pub fn value<T: Serialize>(mut self, placeholder: &str, value: &T) -> Result<Self> {
        self.values
            .insert(placeholder.to_owned(), attribute(value)?);
        Ok(self)
    }

    fn values(values: HashMap<String, AttributeValue>) -> Option<HashMap<String, AttributeValue>> {
        (!values.is_empty()).then_some(values)
    }
}

/// One write of a transaction.
#[derive(Clone, Debug)]
pub enum Write {
    /// Writes a whole row.
    Put {
        /// What must hold of the row that is there.
        condition: Option<Expression>,
        /// The row.
        row: Row,
    },
    /// Changes attributes of a row.
    Update {
        /// What must hold of the row that is there.
        condition: Option<Expression>,
        /// Which row.
        key: Key,
        /// The change, such as `SET a = :a ADD b :b`.
        change: Expression,
    },
    /// Removes a row.
    Delete {
        /// What must hold of the row that is there.
        condition: Option<Expression>,
        /// Which row.
        key: Key,
    },
    /// Writes nothing, but must hold.
    Check {
        /// What must hold of the row that is there.
        condition: Expression,
        /// Which row.
        key: Key,
    },
}

impl Write {
    /// Writes a row where none is.
    pub fn create(row: Row) -> Self {
        Self::Put {
            condition: Some(absent()),
            row,
        }
    }
}

/// Holds where there is no row.
pub fn absent() -> Expression {
    Expression::new("attribute_not_exists(pk)")
}

/// Holds where there is a row.
pub fn present() -> Expression {
    Expression::new("attribute_exists(pk)")
}

/// Why a transaction was not done.
#[derive(Debug)]
pub enum Rejected {
    /// The conditions of the writes at these positions did not hold.
    Conditions(Vec<usize>),
    /// Something else.
    Error(Error),
}

impl Rejected {
    /// Says whether the condition of the write at `position` was among those that did not hold.
    pub fn at(&self, position: usize) -> bool {
        matches!(self, Self::Conditions(positions) if positions.contains(&position))
    }

    /// Says whether all conditions before the write at `position` held.
    pub fn only_from(&self, position: usize) -> bool {
        matches!(self, Self::Conditions(positions) if positions.iter().all(|at| *at >= position))
    }

    /// Turns a broken condition that the caller has no better word for into an error.
    pub fn into_error(self, detail: &str) -> Error {
        match self {
            Self::Error(error) => error,
            Self::Conditions(_) => busy(detail),
        }
    }
}

/// The answer when someone else was faster and trying again is right.
pub fn busy(detail: &str) -> Error {
    Error::Busy {
        detail: format!("{detail}: try again"),
        retry_after: Duration::from_secs(1),
    }
}

/// Rows of a query, and where the next page begins.
#[derive(Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where to go on; none at the end.
    pub next: Option<Row>,
}

/// A query of one partition.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// The index; none for the table itself, which is read consistently.
    pub index: Option<&'a str>,
    /// The partition.
    pub partition: String,
    /// A condition on the sort key, with `{sk}` where its name goes: `begins_with({sk}, :prefix)`.
    pub range: Option<Expression>,
    /// Whether to go from the end.
    pub descending: bool,
    /// Most rows of a page.
    pub limit: i32,
    /// Where to go on.
    pub start: Option<Row>,
}

impl Query<'_> {
    /// Asks for the rows of a partition whose sort keys begin with `prefix`.
    pub fn prefix(partition: String, prefix: &str) -> Query<'static> {
        Query {
            index: None,
            partition,
            range: (!prefix.is_empty())
                .then(|| Expression::new("begins_with({sk}, :prefix)").text(":prefix", prefix)),
            descending: false,
            limit: 500,
            start: None,
        }
    }
}

impl Table {
    /// Uses the table `name` through `client`.
    pub const fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Returns the client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a row consistently.
    pub async fn get<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>> {
        self.get_row(key).await?.map(from_row).transpose()
    }

    /// Reads a row consistently, as DynamoDB has it.
    pub async fn get_row(&self, key: Key) -> Result<Option<Row>> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::dependency("reading a row", error))?;
        Ok(output.item)
    }

    /// Reads rows consistently, in no order; those that are not there are left out.
    pub async fn get_many<T: DeserializeOwned>(&self, keys: Vec<Key>) -> Result<Vec<T>> {
        let rows = self.get_rows(keys).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Reads rows consistently, as DynamoDB has them, in no order.
    ///
    /// # Errors
    /// `Dependency` when DynamoDB has no capacity for them for about two seconds.
    pub async fn get_rows(&self, keys: Vec<Key>) -> Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH_GET_KEYS) {
            let mut wanted: Vec<Row> = chunk.iter().cloned().map(Key::attributes).collect();
            let mut attempt = 0;
            while !wanted.is_empty() {
                let asked = wanted.len();
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(wanted))
                    .consistent_read(true)
                    .build()
                    .map_err(|error| Error::dependency("reading rows", error))?;
                let output = self
                    .client
                    .batch_get_item()
                    .request_items(&self.name, request)
                    .send()
                    .await
                    .map_err(|error| Error::dependency("reading rows", error))?;
                rows.extend(
                    output
                        .responses
                        .into_iter()
                        .flatten()
                        .flat_map(|(_, rows)| rows),
                );
                // What DynamoDB had no capacity for comes back to be asked for again.
                wanted = output
                    .unprocessed_keys
                    .unwrap_or_default()
                    .remove(&self.name)
                    .map(|keys| keys.keys)
                    .unwrap_or_default();
                if wanted.len() < asked {
                    // A page takes no more than 16 MB, so there may be much to come yet.
                    attempt = 0;
                    continue;
                }
                attempt += 1;
                if attempt == UNPROCESSED_TRIES {
                    return Err(Error::dependency("reading rows", "they stay unprocessed"));
                }
                tokio::time::sleep(backoff(attempt)).await;
            }
        }
        Ok(rows)
    }

    /// Reads one page of a partition.
    pub async fn query<T: DeserializeOwned>(&self, query: Query<'_>) -> Result<Page<T>> {
        let page = self.query_rows(query).await?;
        Ok(Page {
            rows: page.rows.into_iter().map(from_row).collect::<Result<_>>()?,
            next: page.next,
        })
    }

    /// Reads one page of a partition, as DynamoDB has it.
    pub async fn query_rows(&self, query: Query<'_>) -> Result<Page<Row>> {
        let (pk, sk) = match query.index {
            Some(index) => (format!("{index}_pk"), format!("{index}_sk")),
            None => ("pk".to_owned(), "sk".to_owned()),
        };
        let range = query.range.unwrap_or_default();
        let condition = if range.text.is_empty() {
            format!("{pk} = :pk")
        } else {
            format!("{pk} = :pk AND {}", range.text.replace("{sk}", &sk))
        };
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .set_index_name(query.index.map(ToOwned::to_owned))
            .key_condition_expression(condition)
            .set_expression_attribute_values(Some(range.values))
            .expression_attribute_values(":pk", AttributeValue::S(query.partition))
            .scan_index_forward(!query.descending)
            .consistent_read(query.index.is_none())
            .limit(query.limit)
            .set_exclusive_start_key(query.start)
            .send()
            .await
            .map_err(|error| Error::dependency("querying rows", error))?;
        Ok(Page {
            rows: output.items.unwrap_or_default(),
            next: output.last_evaluated_key.filter(|key| !key.is_empty()),
        })
    }

    /// Reads all rows of a query, page by page. For partitions known to be small or off the request path.
    pub async fn query_all<T: DeserializeOwned>(&self, query: Query<'_>) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        let mut start = query.start.clone();
        loop {
            let page = self
                .query(Query {
                    start,
                    ..query.clone()
                })
                .await?;
            rows.extend(page.rows);
            start = page.next;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Reads one page of the whole table, of all workspaces: for walks in the background, never for a
    /// request. Consistently, because what they find is held against other rows. `filter` is of what is returned; `limit` of what is read.
    pub(crate) async fn scan_rows(
        &self,
        filter: Expression,
        limit: i32,
        after: Option<Key>,
    ) -> Result<Page<Row>> {
        let output = self
            .client
            .scan()
            .table_name(&self.name)
            .filter_expression(filter.text)
            .set_expression_attribute_values(Expression::values(filter.values))
            .consistent_read(true)
            .limit(limit)
            .set_exclusive_start_key(after.map(Key::attributes))
            .send()
            .await
            .map_err(|error| Error::dependency("scanning rows", error))?;
        Ok(Page {
            rows: output.items.unwrap_or_default(),
            next: output.last_evaluated_key.filter(|key| !key.is_empty()),
        })
    }

    /// Does all writes or none.
    ///
    /// A conflict with another transaction is tried again here; a broken condition is the caller's.
    pub async fn transact(&self, writes: Vec<Write>) -> Result<(), Rejected> {
        let items = self.transact_items(writes).map_err(Rejected::Error)?;
        self.transact_each(|_| Ok(items.clone())).await
    }

    /// Does all writes or none, and makes them anew for each try: `writes` is told at which positions
    /// of the last try another transaction was in the way.
    pub(crate) async fn transact_anew(
        &self,
        mut writes: impl FnMut(&[usize]) -> Vec<Write>,
    ) -> Result<(), Rejected> {
        self.transact_each(|conflicts| self.transact_items(writes(conflicts)))
            .await
    }

    async fn transact_each(
        &self,
        mut items: impl FnMut(&[usize]) -> Result<Vec<TransactWriteItem>>,
    ) -> Result<(), Rejected> {
        let mut conflicts = Vec::new();
        let mut attempt = 0;
        loop {
            let items = items(&conflicts).map_err(Rejected::Error)?;
            let result = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items))
                .send()
                .await;
            let Err(error) = result else { return Ok(()) };
            let reasons = cancellation_reasons(&error);
            let broken = positions(reasons, "ConditionalCheckFailed");
            if !broken.is_empty() {
                return Err(Rejected::Conditions(broken));
            }
            attempt += 1;
            conflicts = positions(reasons, "TransactionConflict");
            if conflicts.is_empty() || attempt == CONFLICT_TRIES {
                return Err(Rejected::Error(Error::dependency("writing rows", error)));
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
    }

    fn transact_items(&self, writes: Vec<Write>) -> Result<Vec<TransactWriteItem>> {
        writes
            .into_iter()
            .map(|write| self.transact_item(write))
            .collect()
    }

    fn transact_item(&self, write: Write) -> Result<TransactWriteItem> {
        let built = |error| Error::dependency("building a write", error);
        let item = TransactWriteItem::builder();
        Ok(match write {
            Write::Put { condition, row } => {
                let condition = condition.unwrap_or_default();
                let put = Put::builder()
                    .table_name(&self.name)
                    .set_item(Some(row))
                    .set_condition_expression(non_empty(condition.text))
                    .set_expression_attribute_values(Expression::values(condition.values));
                item.put(put.build().map_err(built)?).build()
            }
            Write::Update {
                condition,
                key,
                change,
            } => {
                let condition = condition.unwrap_or_default();
                let mut values = change.values;
                values.extend(condition.values);
                let update = Update::builder()
                    .table_name(&self.name)
                    .set_key(Some(key.attributes()))
                    .update_expression(change.text)
                    .set_condition_expression(non_empty(condition.text))
                    .set_expression_attribute_values(Expression::values(values));
                item.update(update.build().map_err(built)?).build()
            }
            Write::Delete { condition, key } => {
                let condition = condition.unwrap_or_default();
                let delete = Delete::builder()
                    .table_name(&self.name)
                    .set_key(Some(key.attributes()))
                    .set_condition_expression(non_empty(condition.text))
                    .set_expression_attribute_values(Expression::values(condition.values));
                item.delete(delete.build().map_err(built)?).build()
            }
            Write::Check { condition, key } => {
                let check = ConditionCheck::builder()
                    .table_name(&self.name)
                    .set_key(Some(key.attributes()))
                    .condition_expression(condition.text)
                    .set_expression_attribute_values(Expression::values(condition.values));
                item.condition_check(check.build().map_err(built)?).build()
            }
        })
    }
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Waits longer with each try; the spread comes from the tries of others taking their own time.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(10 * u64::from(2_u32.saturating_pow(attempt.min(6))))
}

fn cancellation_reasons(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => &[],
    }
}

fn positions(reasons: &[CancellationReason], code: &str) -> Vec<usize> {
    reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| reason.code() == Some(code))
        .map(|(position, _)| position)
        .collect()
}

/// Reads a structure from a row.
///
/// # Errors
/// `Corrupt` when the row has another shape.
pub fn from_row<T: DeserializeOwned>(row: Row) -> Result<T> {
    serde_dynamo::aws_sdk_dynamodb_1::from_item(row)
        .map_err(|error| Error::corrupt(format!("a row does not read back: {error}")))
}

/// Makes a row of a structure and its key.
///
/// # Errors
/// `Corrupt` when the structure cannot be a row.
pub fn to_row<T: Serialize>(key: Key, item: &T) -> Result<Row> {
    let mut row: Row = serde_dynamo::aws_sdk_dynamodb_1::to_item(item)
        .map_err(|error| Error::corrupt(format!("a row cannot be written: {error}")))?;
    row.extend(key.attributes());
    // Index keys must be absent, not null, where a row is not in the index.
    row.retain(|_, value| !value.is_null());
    Ok(row)
}

/// Makes an attribute of a structure.
fn attribute<T: Serialize>(value: &T) -> Result<AttributeValue> {
    serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(value)
        .map_err(|error| Error::corrupt(format!("a value cannot be written: {error}")))
}
