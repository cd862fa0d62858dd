//! Entity tags: what a resource was when it was read, and `If-Match` to change just that.

use axum::http::{HeaderMap, HeaderValue, header};
use domain::file::File;
use domain::folder::{Folder, Place};
use domain::upload::Expected;
use domain::{Error, Kind, Result, Sha256};

/// The tag of a file: its revision, which counters do not change.
pub fn of_file(file: &File) -> String {
    format!("\"{}\"", file.revision)
}

/// The tag of a file as it is shown where it is, which the folders above it decide. It begins with the
/// revision, by which the file is changed.
pub fn of_file_at(file: &File, place: &Place) -> String {
    let look = format!("{}\n{}", place.state.as_str(), place.path);
    let hash = Sha256::of(look.as_bytes()).to_string();
    format!("\"{}-{}\"", file.revision, &hash[..16])
}

/// The part of a tag that says what may be changed: that of where it is says nothing of it.
fn revision_of(tag: &str) -> String {
    match tag.split_once('-') {
        Some((revision, _)) => format!("{revision}\""),
        None => tag.to_owned(),
    }
}

/// The tag of a folder: its revision, and where it is, which those above it decide. Counters do not
/// change it.
pub fn of_folder(folder: &Folder, place: &Place) -> String {
    let look = format!(
        "{}\n{}\n{}",
        folder.revision,
        place.state.as_str(),
        place.path
    );
    of_bytes(look.as_bytes())
}

/// Makes a header of a tag.
pub fn header_value(tag: &str) -> HeaderValue {
    HeaderValue::from_str(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The tag of something that carries no revision: the hash of how it looks on the wire.
pub fn of_bytes(bytes: &[u8]) -> String {
    let hash = Sha256::of(bytes).to_string();
    // 128 bits keep any two looks of one resource apart.
    format!("\"{}\"", &hash[..32])
}

/// Says whether the client has what it asks for already: `If-None-Match` names the tag.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let Some(given) = headers.get(header::IF_NONE_MATCH) else {
        return false;
    };
    let given = given.to_str().unwrap_or_default();
    given == "*"
        || given.split(',').any(|candidate| {
            let candidate = candidate.trim();
            // Proxies that compress make a tag weak; it still names the same thing.
            candidate.strip_prefix("W/").unwrap_or(candidate) == tag
        })
}

/// Checks `If-Match`, where it is given.
///
/// # Errors
/// `PreconditionFailed` when the tag is not among those given.
pub fn check_if_match(headers: &HeaderMap, kind: Kind, tag: &str) -> Result<()> {
    let Some(given) = headers.get(header::IF_MATCH) else {
        return Ok(());
    };
    let given = given.to_str().unwrap_or_default();
    let is_same = |candidate: &str| revision_of(candidate.trim()) == tag;
    let matches = given == "*" || given.split(',').any(is_same);
    if matches {
        Ok(())
    } else {
        Err(Error::PreconditionFailed { kind })
    }
}

/// Reads `If-Match` of a file that gets a new version, where it is given. A tag that is none of ours
/// is of no revision.
pub fn expected(headers: &HeaderMap) -> Option<Expected> {
    let given = headers.get(header::IF_MATCH)?;
    let given = given.to_str().unwrap_or_default();
    if given.trim() == "*" {
        return Some(Expected::Any);
    }
    let revisions = given.split(',').filter_map(|candidate| {
        let candidate = revision_of(candidate.trim());
        candidate.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
    });
    Some(Expected::Revisions(revisions.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))])
    }

    #[test]
    fn what_is_expected_of_a_file_is_read_from_its_tags() {
        let given = |value| {
            let value = HeaderValue::from_static(value);
            expected(&HeaderMap::from_iter([(header::IF_MATCH, value)]))
        };
        assert_eq!(given("*"), Some(Expected::Any));
        assert_eq!(given("\"7\", \"9\""), Some(Expected::Revisions(vec![7, 9])));
        for none_of_ours in ["7", "W/\"7\"", "\"x\"", ""] {
            let nothing = Some(Expected::Revisions(Vec::new()));
            assert_eq!(given(none_of_ours), nothing, "{none_of_ours}");
        }
        assert_eq!(expected(&HeaderMap::new()), None);
    }

    #[test]
    fn a_known_tag_is_found_among_others_weak_or_strong() {
        for known in ["\"7\"", "\"6\", \"7\"", "W/\"7\"", "*"] {
            assert!(is_known(&asking(known), "\"7\""), "{known}");
        }
        for unknown in ["\"6\"", "7", ""] {
            assert!(!is_known(&asking(unknown), "\"7\""), "{unknown}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"7\""));
    }
}
