//! Says in the words of [`ModelError`] what went wrong with a call of Bedrock.

use std::time::Duration;

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::SdkError;
use aws_sdk_bedrockruntime::operation::converse::ConverseError;

use crate::ModelError;

/// Turns the error of a call into ours.
pub(super) fn model_error(error: SdkError<ConverseError, HttpResponse>) -> ModelError {
    match &error {
        SdkError::TimeoutError(_) => ModelError::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ModelError::Timeout,
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let retry_after = retry_after(refusal.raw());
            match kind(refusal.err(), status) {
                Kind::Throttled => ModelError::Throttled { retry_after },
                Kind::Timeout => ModelError::Timeout,
                Kind::Denied => ModelError::AccessDenied {
                    source: Box::new(error),
                },
                Kind::Rejected => ModelError::Rejected {
                    source: Box::new(error),
                },
                Kind::Unavailable => unavailable(error),
            }
        }
        SdkError::ConstructionFailure(_) => ModelError::Rejected {
            source: Box::new(error),
        },
        // No answer, one that cannot be read, or a kind that a later SDK adds.
        _ => unavailable(error),
    }
}

fn unavailable(error: SdkError<ConverseError, HttpResponse>) -> ModelError {
    ModelError::Unavailable {
        source: Box::new(error),
    }
}

enum Kind {
    Throttled,
    Timeout,
    Denied,
    Rejected,
    Unavailable,
}

fn kind(error: &ConverseError, status: u16) -> Kind {
    match error {
        ConverseError::ThrottlingException(_) => Kind::Throttled,
        ConverseError::ModelTimeoutException(_) => Kind::Timeout,
        ConverseError::AccessDeniedException(_) => Kind::Denied,
        ConverseError::ValidationException(_) | ConverseError::ResourceNotFoundException(_) => {
            Kind::Rejected
        }
        ConverseError::InternalServerException(_)
        | ConverseError::ModelErrorException(_)
        | ConverseError::ModelNotReadyException(_)
        | ConverseError::ServiceUnavailableException(_) => Kind::Unavailable,
        // Errors that every AWS service has, such as expired credentials, are told by status.
        _ => match status {
            429 => Kind::Throttled,
            401 | 403 => Kind::Denied,
            408 => Kind::Timeout,
            400..=499 => Kind::Rejected,
            _ => Kind::Unavailable,
        },
    }
}

/// Reads `Retry-After` in seconds.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
