//! The functions `upload` and `retrieval` as they are deployed, on one thread, but behind a port of their own: one side of
//! a comparison. Finds what it stands on in `EMULATORS`, says on its first line where it listens, and runs until it is
//! ended.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends at the first error"
)]

use std::collections::HashMap;
use std::sync::Arc;

use api::auth::{Authenticator, Issuer};
use api::jwks::Keys;
use benches::emulators::Emulators;
use domain::message::Destination;
use embedded::stack::{listen, loopback};
use runtime::clock::Clock;
use runtime::ids::Ids;
use store::Store;
use store::blob::Blobs;
use store::lease::Holders;
use store::queue::SqsQueues;
use store::quota::{Quota, Shard};
use store::receipt_key::Signer;
use store::table::Table;
use store::trash::TrashTime;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let emulators = Emulators::from_environment();
    let store = connect(&emulators);
    let issuer = Issuer {
        issuer: emulators.issuer,
        audience: emulators.audience,
        keys: Keys::fixed(emulators.keys),
        trusted_with_roles: true,
    };
    let authenticator = Authenticator::new(store.clone(), vec![issuer], None);
    let upload = upload::State {
        store: store.clone(),
        authenticator: authenticator.clone(),
        limits: upload::Limits::default(),
    };
    let retrieval = retrieval::State {
        store,
        authenticator,
    };
    let router = upload::router(upload).merge(retrieval::router(retrieval));
    let router = api::serve::around(router, &api::serve::Origins::default());
    let listener = listen(loopback(0)).await.expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    axum::serve(listener, router).await.expect("requests");
}

/// What [`Store::from_environment`] makes when deployed, where all services have one endpoint.
fn connect(emulators: &Emulators) -> Store {
    let rows = runtime::aws::for_endpoint(&emulators.rows, &emulators.credentials());
    let sqs = aws_sdk_sqs::Client::new(&rows);
    let queues = HashMap::from([
        (Destination::Ingest, emulators.queue.clone()),
        (Destination::Access, emulators.queue.clone()),
    ]);
    Store {
        table: Table::new(
            aws_sdk_dynamodb::Client::new(&rows),
            emulators.table.clone(),
        ),
        blobs: Blobs::new(emulators.s3(), emulators.bucket.clone()),
        queue: Arc::new(SqsQueues::new(sqs, queues)),
        clock: Clock::system(),
        ids: Ids,
        quota: Quota {
            bytes: 1 << 50,
            files: 100_000_000,
        },
        trash_time: TrashTime::default(),
        shard: Shard::any(Ids),
        signer: Signer::new(1),
        holders: Holders::Many,
    }
}
