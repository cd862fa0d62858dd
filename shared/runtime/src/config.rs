//! Settings from the environment, read once at the start. What is missing is named with its meaning.

use std::fmt::Display;
use std::str::FromStr;

use thiserror::Error;

/// A setting that is missing or cannot be read.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It is not there and has no default.
    #[error("{name} is not set: {meaning}")]
    Missing {
        /// The environment variable.
        name: &'static str,
        /// What it is for.
        meaning: &'static str,
    },
    /// It is there and makes no sense.
    #[error("{name} cannot be read: {reason}; it is {meaning}")]
    Unreadable {
        /// The environment variable.
        name: &'static str,
        /// What it is for.
        meaning: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads a setting that must be there.
pub fn required(name: &'static str, meaning: &'static str) -> Result<String, ConfigError> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(ConfigError::Missing { name, meaning }),
    }
}

/// Reads a setting that may be left out.
pub fn optional<T>(name: &'static str, meaning: &'static str) -> Result<Option<T>, ConfigError>
where
    T: FromStr<Err: Display>,
{
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => {
            value
                .parse()
                .map(Some)
                .map_err(|error: T::Err| ConfigError::Unreadable {
                    name,
                    meaning,
                    reason: error.to_string(),
                })
        }
        _ => Ok(None),
    }
}
