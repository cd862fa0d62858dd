//! The table as `template.yaml` declares it, made in the embedded DynamoDB.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::update_time_to_live::UpdateTimeToLiveError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use thiserror::Error;

/// The name of the table here; when deployed `CloudFormation` chooses one.
pub const TABLE: &str = "sheaf";

/// The indexes of the table.
const INDEXES: [&str; 2] = ["list", "due"];

/// The attribute that says when a row may be removed, in seconds since 1970.
const TIME_TO_LIVE: &str = "forget_at";

/// Why the table could not be made.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// A part of the declaration is incomplete.
    #[error("the declaration of the table: {0}")]
    Declaration(#[from] BuildError),
    /// The table was refused.
    #[error("making the table: {0}")]
    Table(#[source] Box<SdkError<CreateTableError>>),
    /// Its time to live was refused.
    #[error("setting the table's time to live: {0}")]
    TimeToLive(#[source] Box<SdkError<UpdateTimeToLiveError>>),
}

/// Makes the table, unless it is there.
///
/// # Errors
/// `SchemaError` when the embedded DynamoDB refuses it.
pub async fn create(client: &Client) -> Result<(), SchemaError> {
    let mut request = client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk")?)
        .attribute_definitions(attribute("sk")?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?);
    for index in INDEXES {
        let (pk, sk) = (format!("{index}_pk"), format!("{index}_sk"));
        let declared = GlobalSecondaryIndex::builder()
            .index_name(index)
            .key_schema(key(&pk, KeyType::Hash)?)
            .key_schema(key(&sk, KeyType::Range)?)
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::Include)
                    .non_key_attributes("id")
                    .build(),
            )
            .build()?;
        request = request
            .attribute_definitions(attribute(&pk)?)
            .attribute_definitions(attribute(&sk)?)
            .global_secondary_indexes(declared);
    }
    match request.send().await {
        Ok(_) => {}
        Err(error) if is_there(&error) => return Ok(()),
        Err(error) => return Err(SchemaError::Table(Box::new(error))),
    }
    client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(
            TimeToLiveSpecification::builder()
                .attribute_name(TIME_TO_LIVE)
                .enabled(true)
                .build()?,
        )
        .send()
        .await
        .map_err(|error| SchemaError::TimeToLive(Box::new(error)))?;
    Ok(())
}

fn is_there(error: &SdkError<CreateTableError>) -> bool {
    matches!(
        error.as_service_error(),
        Some(CreateTableError::ResourceInUseException(_))
    )
}

fn attribute(name: &str) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
}
