//! The tables, through the SDK: what the connector hands over and hands back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use embedded::dynamodb::DynamoDb;
use embedded::schema::{self, TABLE};

/// More than there are connections that read.
const ENOUGH_READS: usize = 20;

async fn fresh() -> (tempfile::TempDir, DynamoDb) {
    let place = tempfile::tempdir().unwrap();
    let tables = DynamoDb::open(place.path().join("dynamodb.sqlite"))
        .await
        .unwrap();
    schema::create(&tables.client()).await.unwrap();
    (place, tables)
}

fn put(client: &Client, id: &str) -> PutItemFluentBuilder {
    client
        .put_item()
        .table_name(TABLE)
        .item("pk", AttributeValue::S(id.to_owned()))
        .item("sk", AttributeValue::S("A".to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_sees_each_write_acknowledged_before_it() {
    let (_place, tables) = fresh().await;
    let client = tables.client();

    for number in 0..ENOUGH_READS {
        let id = number.to_string();
        put(&client, &id).send().await.unwrap();
        let read = client
            .get_item()
            .table_name(TABLE)
            .key("pk", AttributeValue::S(id))
            .key("sk", AttributeValue::S("A".to_owned()));
        assert!(read.send().await.unwrap().item.is_some(), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_writes_under_a_condition_one_wins() {
    let (_place, tables) = fresh().await;
    let client = tables.client();
    let racers = (0..8).map(|_| {
        put(&client, "one")
            .condition_expression("attribute_not_exists(pk)")
            .send()
    });

    let outcomes = futures::future::join_all(racers).await;

    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for refused in lost {
        let refused = refused.unwrap_err().into_service_error();
        assert!(refused.is_conditional_check_failed_exception(), "{refused}");
    }
}

#[tokio::test]
async fn a_transaction_that_comes_again_is_checked_against_the_rows() {
    let (_place, tables) = fresh().await;
    let client = tables.client();
    let write = Put::builder()
        .table_name(TABLE)
        .item("pk", AttributeValue::S("one".to_owned()))
        .item("sk", AttributeValue::S("A".to_owned()))
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .unwrap();
    let transaction = client
        .transact_write_items()
        .client_request_token("the-same")
        .transact_items(TransactWriteItem::builder().put(write).build());

    transaction.clone().send().await.unwrap();
    let again = transaction.send().await.unwrap_err().into_service_error();

    assert!(again.is_transaction_canceled_exception(), "{again}");
}

#[tokio::test]
async fn operation_that_is_not_here_is_unknown() {
    let (_place, tables) = fresh().await;

    let refused = tables
        .client()
        .delete_table()
        .table_name(TABLE)
        .send()
        .await;

    assert_eq!(
        refused.unwrap_err().code(),
        Some("UnknownOperationException")
    );
}

#[tokio::test]
async fn stopped_tables_take_no_more_requests() {
    let (_place, tables) = fresh().await;
    let client = tables.client();

    tables.stop().await;

    assert!(put(&client, "late").send().await.is_err());
}
