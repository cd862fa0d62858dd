//! Reading fields of JSON bodies.

use domain::Error;
use domain::tag::Tag;
use serde::{Deserialize, Deserializer};
use store::organize::Edit;

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
