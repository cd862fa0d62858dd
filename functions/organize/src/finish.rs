//! Changes that are made to their end.

use std::future::Future;

use domain::{Error, Result};

/// Makes a change in a task of its own, so that a client that hangs up does not stop half-way what
/// has begun.
pub(crate) async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(change)
        .await
        .map_err(|error| Error::dependency("making a change", error))?
}
