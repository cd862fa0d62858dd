//! Waiting for work that goes on after the answer.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Result};

/// The first pause between two looks: a small document is through in less than a second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Looks again and again, less and less often, until what is seen is settled.
///
/// `what` names it for the error when the time is up.
pub(crate) async fn until<T>(
    what: &str,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Result<T>,
    is_settled: impl Fn(&T) -> bool,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    let mut pause = FIRST_PAUSE;
    loop {
        let seen = look().await?;
        if is_settled(&seen) {
            return Ok(seen);
        }
        if Instant::now() + pause > deadline {
            return Err(Error::failed(
                format!("{what} is not done after {} s", timeout.as_secs()),
                "The work goes on by itself: look again later, or give --timeout more time.",
            ));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn count_to(enough: u32, timeout: Duration) -> Result<u32> {
        let mut looks = 0;
        let look = async || {
            looks += 1;
            Ok(looks)
        };
        until("counting", timeout, look, |&seen| seen == enough).await
    }

    #[tokio::test]
    async fn returns_what_it_sees_once_settled() {
        assert_eq!(count_to(2, Duration::from_mins(1)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn gives_up_when_the_time_is_up() {
        let error = count_to(1_000, Duration::from_millis(50))
            .await
            .unwrap_err();

        assert!(
            error.to_string().contains("counting is not done"),
            "{error}"
        );
    }
}
