//! Reading fields of JSON bodies.

use domain::tag::Tag;
use domain::{Error, Kind};
use serde::{Deserialize, Deserializer};
use store::organize::{Edit, OnTaken};

/// Reads a field that is cleared when it is null.
///
/// For `#[serde(default, deserialize_with = "edit")]`: the default stands for absence.
pub(crate) fn edit<'de, T, D>(deserializer: D) -> Result<Edit<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let value = Option::deserialize(deserializer)?;
    Ok(value.map_or(Edit::Clear, Edit::Set))
}

/// Reads what to do when a name is taken that can only be left or numbered.
///
/// # Errors
/// `Invalid`, pointing to `/on_conflict`.
pub(crate) fn on_taken(text: Option<&str>) -> domain::Result<OnTaken> {
    match text {
        None | Some("fail") => Ok(OnTaken::Fail),
        Some("rename") => Ok(OnTaken::Rename),
        Some(_) => Err(Error::invalid(
            "/on_conflict",
            "on_conflict is fail or rename",
        )),
    }
}

/// Reads the number of a version in a path. What is none names no version.
///
/// # Errors
/// `NotFound`.
pub(crate) fn version_number(text: &str) -> domain::Result<u32> {
    text.parse()
        .map_err(|_| Error::not_found(Kind::Version, text))
}

/// Reads a type.
///
/// # Errors
/// `Invalid`, pointing to `/type`.
pub(crate) fn document_type(text: &str) -> domain::Result<Tag> {
    text.parse().map_err(|_| {
        Error::invalid(
            "/type",
            "a type is 1 to 64 characters without control characters",
        )
    })
}
