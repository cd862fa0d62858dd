//! The table as `template.yaml` declares it, made in the embedded DynamoDB; its time to live is
//! [`crate::time_to_live`].

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableDescription,
};
use thiserror::Error;

/// The name of the table here; when deployed `CloudFormation` chooses one.
pub const TABLE: &str = "sheaf";

/// The indexes of the table.
const INDEXES: [&str; 4] = ["created", "list", "folder", "due"];

/// Why the table could not be made.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// A part of the declaration is incomplete.
    #[error("the declaration of the table: {0}")]
    Declaration(#[from] BuildError),
    /// The table was refused.
    #[error("making the table: {0}")]
    Table(#[source] Box<SdkError<CreateTableError>>),
    /// The table of this data folder could not be described.
    #[error("describing the table: {0}")]
    Describe(#[source] Box<SdkError<DescribeTableError>>),
    /// The table of this data folder was made before this index was.
    #[error(
        "this data folder was made by an earlier version of Sheaf, whose table has no index `{0}`: \
         serve it with that version, or begin with an empty folder"
    )]
    Outdated(&'static str),
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
        Ok(_) => Ok(()),
        Err(error) if is_there(&error) => check(client).await,
        Err(error) => Err(SchemaError::Table(Box::new(error))),
    }
}

/// Checks that the table that is there has every index.
async fn check(client: &Client) -> Result<(), SchemaError> {
    let described = client
        .describe_table()
        .table_name(TABLE)
        .send()
        .await
        .map_err(|error| SchemaError::Describe(Box::new(error)))?;
    let there = described
        .table()
        .map(TableDescription::global_secondary_indexes)
        .unwrap_or_default();
    for index in INDEXES {
        if there.iter().all(|there| there.index_name() != Some(index)) {
            return Err(SchemaError::Outdated(index));
        }
    }
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
