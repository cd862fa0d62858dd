//! When a call that failed is made again, and after how long.

use std::time::Duration;

use crate::error::{Error, Result};

/// How often a call is made at most.
const MOST_ATTEMPTS: u32 = 6;
/// How often a piece of a large transfer is tried at most: over two minutes, in which a line comes
/// back that was only moved to another network.
const MOST_ATTEMPTS_AT_PIECES: u32 = 14;
/// How often a connection is tried at most: long enough for a server that is just starting.
const MOST_CONNECTS: u32 = 3;
/// The longest wait asked for by a server that is worth sitting out.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The first wait when the server names none; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait when the server names none.
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);

/// Tries until it works, or until trying again would not help.
pub(crate) async fn repeat<T>(attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    repeat_at_most(MOST_ATTEMPTS, attempt).await
}

/// Tries a piece of a large transfer until it works, longer than what can be asked for again at
/// little cost.
pub(crate) async fn repeat_piece<T>(attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    repeat_at_most(MOST_ATTEMPTS_AT_PIECES, attempt).await
}

async fn repeat_at_most<T>(most: u32, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let mut attempts = 0;
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        attempts += 1;
        match delay(&error, attempts).filter(|_| attempts < most) {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(error),
        }
    }
}

/// Says how long to wait before the next attempt, or that there is to be none.
///
/// `attempts` is how many have been made, at least 1. Every call may be repeated: reads and
/// deletions by nature, the rest by their idempotency key.
fn delay(error: &Error, attempts: u32) -> Option<Duration> {
    let backoff = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    let backoff = backoff.min(LONGEST_BACKOFF);
    match error {
        Error::Problem(problem) => {
            let wait = match problem.status {
                429 | 503 => problem.retry_after.unwrap_or(backoff),
                // What is locked for now says for how long; what is locked by a person does not.
                423 => problem.retry_after?,
                502 | 504 => backoff,
                _ => return None,
            };
            (wait <= LONGEST_WAIT).then_some(wait)
        }
        Error::Storage { status, detail } => {
            // 409 is how S3 says that another write of the same is being decided.
            let may_pass = matches!(status, 408 | 409 | 429 | 500..)
                || (*status == 400 && detail.starts_with("RequestTimeout"));
            may_pass.then_some(backoff)
        }
        Error::Unreachable { .. } => (attempts < MOST_CONNECTS).then_some(backoff),
        // After a timeout the server is likely still at work: once more, no oftener.
        Error::Transport { source, .. } => {
            (attempts == 1 || !source.is_timeout()).then_some(backoff)
        }
        Error::Usage(_)
        | Error::Disk { .. }
        | Error::Output(_)
        | Error::Runtime(_)
        | Error::Unexpected { .. }
        | Error::Ended(_)
        | Error::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::views::Problem;

    fn problem(status: u16, retry_after: Option<u64>) -> Error {
        let mut problem: Problem =
            serde_json::from_value(json!({"title": "no", "status": status})).unwrap();
        problem.retry_after = retry_after.map(Duration::from_secs);
        Error::Problem(Box::new(problem))
    }

    #[test]
    fn server_that_names_a_wait_is_obeyed() {
        assert_eq!(
            delay(&problem(429, Some(3)), 1),
            Some(Duration::from_secs(3))
        );
        assert_eq!(
            delay(&problem(503, Some(7)), 2),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            delay(&problem(423, Some(1)), 1),
            Some(Duration::from_secs(1))
        );
    }

    #[test]
    fn wait_doubles_when_none_is_named() {
        assert_eq!(
            delay(&problem(503, None), 1),
            Some(Duration::from_millis(200))
        );
        assert_eq!(
            delay(&problem(503, None), 3),
            Some(Duration::from_millis(800))
        );
    }

    #[test]
    fn what_will_not_change_is_not_repeated() {
        for status in [
            400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 423, 500, 507,
        ] {
            assert_eq!(delay(&problem(status, None), 1), None, "{status}");
        }
        assert_eq!(delay(&problem(429, Some(3_600)), 1), None);
    }

    #[test]
    fn waits_for_pieces_add_up_to_minutes() {
        let waits =
            (1..MOST_ATTEMPTS_AT_PIECES).filter_map(|made| delay(&problem(503, None), made));
        let total: Duration = waits.sum();

        assert!((60..300).contains(&total.as_secs()), "{total:?}");
    }
}
