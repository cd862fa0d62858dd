//! Counts what is asked of DynamoDB and S3 and what DynamoDB says it takes, by interceptors on the clients of the SDK.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextRef,
    BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use serde_json::{Value, json};
use store::Store;
use store::blob::Blobs;
use store::table::Table;

/// The operations that read items.
const READS: [&str; 4] = ["BatchGetItem", "GetItem", "Query", "Scan"];

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spent {
    /// Calls of DynamoDB, by operation.
    pub dynamodb: BTreeMap<String, u64>,
    /// Items in transactions.
    pub transaction_items: u64,
    /// Read units.
    pub read_units: f64,
    /// Write units, those of indexes among them.
    pub write_units: f64,
    /// Requests of S3, by operation.
    pub s3: BTreeMap<String, u64>,
}

impl Spent {
    /// Calls of DynamoDB.
    #[must_use]
    pub fn dynamodb_calls(&self) -> u64 {
        self.dynamodb.values().sum()
    }

    /// Requests of S3 whose operation is among those that `is_counted` says.
    #[must_use]
    pub fn s3_requests(&self, is_counted: impl Fn(&str) -> bool) -> u64 {
        let counted = self
            .s3
            .iter()
            .filter(|(operation, _)| is_counted(operation));
        counted.map(|(_, count)| count).sum()
    }

    /// Adds requests that a client makes by itself, with a signed URL.
    pub fn add_s3(&mut self, operation: &str, count: u64) {
        *self.s3.entry(operation.to_owned()).or_default() += count;
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        for (operation, count) in other.dynamodb {
            *self.dynamodb.entry(operation).or_default() += count;
        }
        for (operation, count) in other.s3 {
            *self.s3.entry(operation).or_default() += count;
        }
        self.transaction_items += other.transaction_items;
        self.read_units += other.read_units;
        self.write_units += other.write_units;
    }
}

/// Counts while it is on. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_on: AtomicBool,
    spent: Mutex<Spent>,
}

impl Meter {
    /// Counts what this store asks for from now on.
    pub fn attach(&self, store: &mut Store) {
        let table = store.table.client().config().to_builder();
        let table = table.interceptor(OfTable(self.clone())).build();
        store.table = Table::new(
            aws_sdk_dynamodb::Client::from_conf(table),
            store.table.name().to_owned(),
        );
        let blobs = store.blobs.client().config().to_builder();
        let blobs = blobs.interceptor(OfBlobs(self.clone())).build();
        store.blobs = Blobs::new(
            aws_sdk_s3::Client::from_conf(blobs),
            store.blobs.bucket().to_owned(),
        );
    }

    /// Begins to count from nothing.
    pub fn start(&self) {
        self.take();
        self.0.is_on.store(true, Ordering::Relaxed);
    }

    /// Counts no more, so that nothing is measured but what is served, and returns what there was.
    #[must_use]
    pub fn stop(&self) -> Spent {
        self.0.is_on.store(false, Ordering::Relaxed);
        self.take()
    }

    /// Returns what was counted since this was last asked.
    pub fn take(&self) -> Spent {
        std::mem::take(&mut self.spent())
    }

    fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::Relaxed)
    }

    fn spent(&self) -> std::sync::MutexGuard<'_, Spent> {
        self.0.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks DynamoDB in each request what it takes, and adds that up.
#[derive(Debug)]
struct OfTable(Meter);

impl Intercept for OfTable {
    fn name(&self) -> &'static str {
        "meter of the table"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !self.0.is_on() {
            return Ok(());
        }
        let request = context.request_mut();
        let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        body["ReturnConsumedCapacity"] = json!("TOTAL");
        let items = body["TransactItems"].as_array().map_or(0, Vec::len);
        self.0.spent().transaction_items += u64::try_from(items)?;
        let body = serde_json::to_vec(&body)?;
        let length = body.len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = body.into();
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !self.0.is_on() {
            return Ok(());
        }
        let operation = operation(config);
        let answer = context.response().body().bytes().unwrap_or_default();
        let answer: Value = serde_json::from_slice(answer)?;
        let units = match &answer["ConsumedCapacity"] {
            Value::Array(tables) => tables.iter().filter_map(units).sum(),
            table => units(table).unwrap_or_default(),
        };
        let mut spent = self.0.spent();
        if READS.contains(&operation.as_str()) {
            spent.read_units += units;
        } else {
            spent.write_units += units;
        }
        *spent.dynamodb.entry(operation).or_default() += 1;
        Ok(())
    }
}

/// Counts requests that are sent: what is only signed is none.
#[derive(Debug)]
struct OfBlobs(Meter);

impl Intercept for OfBlobs {
    fn name(&self) -> &'static str {
        "meter of the blobs"
    }

    fn read_after_transmit(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.is_on() {
            self.0.spent().add_s3(&operation(config), 1);
        }
        Ok(())
    }
}

fn operation(config: &ConfigBag) -> String {
    let metadata = config.load::<Metadata>();
    metadata.map_or_else(|| "unknown".to_owned(), |known| known.name().to_owned())
}

fn units(table: &Value) -> Option<f64> {
    table["CapacityUnits"].as_f64()
}
