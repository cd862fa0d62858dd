//! What may be uploaded: everything but programs.

use domain::{Error, Result};

use super::{is_executable, sniff};

/// Returns the media type of a file by its first bytes.
///
/// # Errors
/// `RefusedType` when it is a program, whatever the client says.
pub fn accept(head: &[u8], name: &str, declared: Option<&str>) -> Result<String> {
    let media_type = sniff(head, name, declared);
    accept_declared(Some(&media_type))?;
    Ok(media_type)
}

/// Refuses what a client itself calls a program, before any byte is sent.
///
/// # Errors
/// `RefusedType`.
pub fn accept_declared(declared: Option<&str>) -> Result<()> {
    match declared {
        Some(media_type) if is_executable(media_type) => Err(Error::RefusedType {
            media_type: media_type.to_owned(),
        }),
        _ => Ok(()),
    }
}
