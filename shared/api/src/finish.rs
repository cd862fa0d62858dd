//! Changes that are made to their end.

use std::future::Future;

use domain::{Error, Result};
use tokio::task::JoinError;

/// Makes a change in a task of its own, so that a client that hangs up does not stop half-way what
/// has begun.
///
/// # Errors
/// Those of the change; `Panicked` when it broke off.
pub async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(change)
        .await
        .map_err(|error| broken_off("making a change", error))?
}

/// Says why a task has no result: it panicked, which is a defect and not worth another try, or the
/// process is ending.
pub fn broken_off(action: &'static str, error: JoinError) -> Error {
    if error.is_panic() {
        Error::panicked(action, error)
    } else {
        Error::dependency(action, error)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_change_is_made_to_its_end_when_nobody_waits_for_it_any_more() {
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel();
        let (made, is_made) = oneshot::channel();
        let request = tokio::spawn(to_the_end(async move {
            begun.send(()).unwrap();
            may_go_on.await.unwrap();
            made.send(()).unwrap();
            Ok(())
        }));

        has_begun.await.unwrap();
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        go_on.send(()).unwrap();

        assert_eq!(is_made.await, Ok(()));
    }

    #[tokio::test]
    async fn a_change_that_panics_is_a_defect_and_not_tried_again() {
        let error = to_the_end::<()>(async { panic!("as the test asked") })
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Panicked { .. }), "{error:?}");
        assert_eq!(error.retry(), domain::Retry::Never);
    }
}
