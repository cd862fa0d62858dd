//! The paths of entries: what they may be where they are read, and how names that would be read as
//! something else are written.

use domain::name::{FileName, FolderPath};

use crate::Refused;

/// Longest path that is read: 32 folders and a name of 255 bytes each, and what is between them.
pub(crate) const MAX_PATH_BYTES: usize = (FolderPath::MAX_DEPTH + 1) * (FileName::MAX_BYTES + 1);

/// Reads the path of an entry: the names of the folders it is in and its own, each of which is a name
/// here too. That of a folder may end in `/`.
///
/// # Errors
/// When it leads elsewhere than down from where it is unpacked, or a name is none.
pub fn read(path: &str) -> Result<Vec<FileName>, Refused> {
    if path.contains('\\') {
        return Err(bad(
            "its path has a backslash, which some programs take for a /",
        ));
    }
    if path.starts_with('/') {
        return Err(bad("its path begins with a /: it leads out of the archive"));
    }
    let mut letters = path.chars();
    if letters
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next() == Some(':')
    {
        return Err(bad(
            "its path begins with a drive: it leads out of the archive",
        ));
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let names: Result<Vec<FileName>, _> = path.split('/').map(str::parse).collect();
    let names = names.map_err(|_| {
        bad(
            "each name of its path is 1 to 255 bytes without control characters and neither . \
             nor ..",
        )
    })?;
    if names.len() > FolderPath::MAX_DEPTH + 1 {
        return Err(bad("folders are at most 32 deep"));
    }
    Ok(names)
}

/// Writes a name as a part of a path that [`read`] takes, and that is one name to every program. One
/// that is another for that is told apart by `id`. None when it is written as it is.
pub fn portable(name: &FileName, id: &str) -> Option<String> {
    let text = name.as_str();
    let mut bytes = text.bytes();
    let begins_with_drive =
        bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic()) && bytes.next() == Some(b':');
    if !text.contains('\\') && !begins_with_drive {
        return None;
    }
    let replaced = text.replace(['\\', ':'], "_");
    let (stem, extension) = match replaced.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 16 => {
            (stem, format!(".{extension}"))
        }
        _ => (replaced.as_str(), String::new()),
    };
    let room = FileName::MAX_BYTES.saturating_sub(id.len() + 1 + extension.len());
    let mut end = stem.len().min(room);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    Some(format!("{} {id}{extension}", &stem[..end]))
}

fn bad(detail: &str) -> Refused {
    Refused::new("bad_path", detail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "../x",
            "a/../x",
            "a/./x",
            "a//x",
            "C:/x",
            "c:x",
            "a\\..\\x",
            "\\\\host\\x",
            "a/\u{0}",
            "a\nb",
            "..",
            "x//",
        ] {
            assert_eq!(
                read(bad).map_err(|refused| refused.code),
                Err("bad_path"),
                "{bad:?}"
            );
        }
        assert!(read(&"x/".repeat(33)).is_ok());
        assert!(read(&"x/".repeat(34)).is_err());
    }

    #[test]
    fn names_are_composed_and_folders_may_end_in_a_slash() {
        let names = read("z\u{306}/a.txt").unwrap();
        assert_eq!(names[0], "z\u{306}".parse().unwrap());
        assert_eq!(read("a/b/").unwrap(), read("a/b").unwrap());
    }

    proptest! {
        #[test]
        fn every_name_is_written_as_a_path_of_one_name(text in "[a-c:\\\\./ ]{1,8}|\\PC{1,255}") {
            let Ok(name) = text.parse::<FileName>() else { return Ok(()) };
            let written = portable(&name, "0190").unwrap_or_else(|| name.to_string());
            prop_assert_eq!(read(&written).unwrap().len(), 1);
        }
    }
}
