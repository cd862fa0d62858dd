//! The embedded stack: DynamoDB, S3 and SQS over one data folder, and a [`Store`] on top of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::clock::Clock;
use runtime::ids::Ids;
use store::Store;
use store::blob::Blobs;
use store::lease::{Holders, Run};
use store::quota::{Quota, Shard};
use store::receipt_key::Signer;
use store::table::Table;
use store::trash::TrashTime;
use thiserror::Error;
use tokio::net::TcpListener;

use crate::data_folder::{DataFolder, DataFolderError};
use crate::database::{Database, DatabaseError};
use crate::dynamodb::{DynamoDb, DynamoDbError};
use crate::queue::{Queue, Settings as QueueSettings};
use crate::s3;
use crate::schema::{self, SchemaError};
use crate::secrets::{Secrets, SecretsError};
use crate::time_to_live::TimeToLive;

/// The name of the bucket here; when deployed `CloudFormation` chooses one.
pub const BUCKET: &str = "sheaf";

/// Why the stack could not be started.
#[derive(Debug, Error)]
pub enum StackError {
    /// The data folder.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// Its secrets.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The database of objects and queues.
    #[error("the database of objects and queues: {0}")]
    Database(#[from] DatabaseError),
    /// The tables.
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    /// The table.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The objects.
    #[error(transparent)]
    Objects(#[from] s3::StoreError),
    /// A port.
    #[error("listening on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// How the stack is set up.
#[derive(Clone, Debug)]
pub struct StackSettings {
    /// Where everything is kept.
    pub data: PathBuf,
    /// The port of the object store, to which signed URLs point; 0 for any that is free.
    pub s3_port: u16,
    /// What time it is.
    pub clock: Clock,
    /// The quota a workspace begins with.
    pub quota: Quota,
    /// How long things stay in the trash.
    pub trash_time: TrashTime,
    /// How queues try again.
    pub queue: QueueSettings,
}

impl StackSettings {
    /// The usual settings over a data folder.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            s3_port: 0,
            clock: Clock::system(),
            quota: Quota::default(),
            trash_time: TrashTime::default(),
            queue: QueueSettings::default(),
        }
    }
}

/// The embedded stack, running.
pub struct Stack {
    /// Everything the functions work with.
    pub store: Store,
    /// The queues, to run handlers on.
    pub queue: Queue,
    /// The tables.
    pub tables: DynamoDb,
    /// What removes rows that may be forgotten.
    pub time_to_live: TimeToLive,
    /// The secrets of the data folder.
    pub secrets: Secrets,
    objects: s3::Server,
    folder: DataFolder,
}

/// Listens on a loopback port.
///
/// # Errors
/// `StackError` when the port is taken.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, StackError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StackError::Listen { address, source })
}

/// A port on the loopback interface.
pub const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl Stack {
    /// Starts the stack over a data folder, which no other process may have open.
    ///
    /// # Errors
    /// `StackError` saying which part could not start.
    pub async fn start(settings: StackSettings) -> Result<Self, StackError> {
        let folder = DataFolder::open(settings.data)?;
        let secrets = Secrets::open(folder.path())?;
        let tables = DynamoDb::open(folder.dynamodb()).await?;
        let clock = settings.clock.clone();
        let time: crate::clock::Clock = Arc::new(move || clock.now());
        let database = Database::open(&folder.database())?;
        let queue = Queue::open(database.clone(), Arc::clone(&time), settings.queue).await?;
        let objects = s3::Store::open(
            database,
            queue.clone(),
            s3::StoreSettings::new(folder.objects(), BUCKET),
            Arc::clone(&time),
        )
        .await?;
        let storage = secrets.storage();
        let objects = s3::Server::start(
            objects,
            listen(loopback(settings.s3_port)).await?,
            s3::Credentials {
                access_key: storage.access_key.clone(),
                secret_key: storage.secret_key.clone(),
            },
        )
        .map_err(|source| StackError::Listen {
            address: loopback(settings.s3_port),
            source,
        })?;
        let to_objects =
            runtime::aws::for_endpoint(&format!("http://{}", objects.address()), storage);
        let client = tables.client();
        schema::create(&client).await?;
        let time_to_live = TimeToLive::new(client.clone(), time);
        let store = Store {
            table: Table::new(client, schema::TABLE.to_owned()),
            blobs: Blobs::new(runtime::aws::s3_client(&to_objects), BUCKET.to_owned()),
            queue: Arc::new(queue.clone()),
            clock: settings.clock,
            ids: Ids,
            quota: settings.quota,
            trash_time: settings.trash_time,
            // All requests are of this process, so they need no other.
            shard: Shard::new(0),
            signer: Signer::new(1),
            // The data folder is locked, so nobody else holds anything in it.
            holders: Holders::One(Run::new(Ids)),
        };
        Ok(Self {
            store,
            queue,
            tables,
            time_to_live,
            secrets,
            objects,
            folder,
        })
    }

    /// Returns the data folder.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Stops taking requests and returns when all that was acknowledged is on the disk.
    pub async fn stop(self) {
        self.objects.stop().await;
        self.tables.stop().await;
        // The lock of the folder is given back last, with everything under it at rest.
        drop(self.folder);
    }
}
