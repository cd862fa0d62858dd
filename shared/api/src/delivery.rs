//! How content is handed to a client: as a download or for looking at, under which name, for how
//! long.

use std::fmt::Write as _;
use std::time::Duration;

use domain::file::gone;
use domain::name::FileName;
use domain::{Error, FileId, Result};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::blob::Delivery;

use crate::request::Query;

/// How long a signed URL holds when the client does not say.
pub const USUAL_LIFETIME: Duration = Duration::from_mins(5);
/// Longest life of a signed URL that a client may ask for: it works for whoever has it.
pub const LONGEST_LIFETIME: Duration = Duration::from_hours(1);

/// What a browser is to do with content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    /// Save it.
    #[default]
    Attachment,
    /// Show it.
    Inline,
}

impl std::str::FromStr for Disposition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "attachment" => Ok(Self::Attachment),
            "inline" => Ok(Self::Inline),
            _ => Err(Error::invalid(
                "/disposition",
                "disposition is attachment or inline",
            )),
        }
    }
}

/// Says how content is handed over. What could run as a program in a browser is only ever saved:
/// HTML and SVG above all.
pub fn delivery(
    name: &FileName,
    content_type: &str,
    wanted: Disposition,
    lifetime: Duration,
) -> Delivery {
    let kind = match wanted {
        Disposition::Inline if is_harmless(content_type) => "inline",
        Disposition::Inline | Disposition::Attachment => "attachment",
    };
    Delivery {
        disposition: content_disposition(kind, name),
        content_type: content_type.to_owned(),
        lifetime,
    }
}

/// Reads `expires_in_s` of a signed URL.
///
/// # Errors
/// `Invalid` when it is out of range.
pub fn lifetime_from(query: &mut Query) -> Result<Duration> {
    let Some(text) = query.take("expires_in_s")? else {
        return Ok(USUAL_LIFETIME);
    };
    text.parse()
        .ok()
        .map(Duration::from_secs)
        .filter(|lifetime| (Duration::from_secs(1)..=LONGEST_LIFETIME).contains(lifetime))
        .ok_or_else(|| Error::invalid("/expires_in_s", "a signed URL lives from 1 to 3600 seconds"))
}

/// Shortens the life of a signed URL so that it ends no later than what it leads to; none when that
/// has less than a second left, the shortest life S3 can sign.
pub fn left_of(
    lifetime: Duration,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Duration> {
    let Some(expires_at) = expires_at else {
        return Some(lifetime);
    };
    // Whole seconds, rounded down: a signature knows no fractions.
    let left = u64::try_from(expires_at.duration_since(now).as_secs()).unwrap_or_default();
    (left > 0).then(|| lifetime.min(Duration::from_secs(left)))
}

/// Shortens the life of a signed URL so that it ends no later than the file does.
///
/// # Errors
/// `Gone` when the file has less than a second left, the shortest life S3 can sign.
pub fn within(
    lifetime: Duration,
    file: FileId,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Duration> {
    left_of(lifetime, expires_at, now).ok_or_else(|| gone(file, "its time is up"))
}

/// Types that a browser shows without running anything of theirs.
fn is_harmless(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    matches!(
        essence,
        "application/pdf"
            | "image/avif"
            | "image/bmp"
            | "image/gif"
            | "image/jpeg"
            | "image/png"
            | "image/webp"
            | "text/plain"
    )
}

/// What may stand in `filename*` as it is. Source: RFC 8187, `attr-char`.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Writes Content-Disposition as RFC 6266 has it: a name in ASCII, and where that is not the whole
/// name, the whole name after RFC 8187.
fn content_disposition(kind: &str, name: &FileName) -> String {
    // Browsers undo backslashes and percent signs in a quoted name each in their own way.
    let is_plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%');
    let plain: String = name
        .as_str()
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let mut text = format!("{kind}; filename=\"{plain}\"");
    if plain != name.as_str() {
        let encoded = utf8_percent_encode(name.as_str(), NOT_ATTR_CHAR);
        // Writing to a String does not fail.
        let _ = write!(text, "; filename*=UTF-8''{encoded}");
    }
    text
}

#[cfg(test)]
mod tests {
    use domain::FileId;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn named(name: &str) -> FileName {
        name.parse().unwrap()
    }

    fn disposition(name: &str) -> String {
        content_disposition("attachment", &named(name))
    }

    #[test]
    fn names_in_ascii_are_quoted_and_others_are_given_twice() {
        assert_eq!(
            disposition("May 2024.pdf"),
            "attachment; filename=\"May 2024.pdf\""
        );
        assert_eq!(
            disposition("Zażółć €.pdf"),
            "attachment; filename=\"Za____ _.pdf\"; filename*=UTF-8''Za%C5%BC%C3%B3%C5%82%C4%87%20%E2%82%AC.pdf"
        );
        assert_eq!(
            disposition("50%\"\\.txt"),
            "attachment; filename=\"50___.txt\"; filename*=UTF-8''50%25%22%5C.txt"
        );
    }

    #[test]
    fn what_a_browser_would_run_is_saved_even_when_asked_for_inline() {
        let kind = |content_type| {
            let delivery = delivery(
                &named("a"),
                content_type,
                Disposition::Inline,
                USUAL_LIFETIME,
            );
            delivery.disposition.split(';').next().unwrap().to_owned()
        };
        for shown in ["application/pdf", "image/png", "text/plain; charset=utf-8"] {
            assert_eq!(kind(shown), "inline", "{shown}");
        }
        for saved in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "",
        ] {
            assert_eq!(kind(saved), "attachment", "{saved}");
        }
    }

    #[test]
    fn a_signed_url_ends_with_its_file() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let id = FileId::new(uuid::Uuid::nil());
        let after = |millis| Some(now + SignedDuration::from_millis(millis));
        let lifetime = |expires_at| within(USUAL_LIFETIME, id, expires_at, now);

        assert_eq!(lifetime(None).unwrap(), USUAL_LIFETIME);
        assert_eq!(lifetime(after(3_600_000)).unwrap(), USUAL_LIFETIME);
        assert_eq!(lifetime(after(2_900)).unwrap(), Duration::from_secs(2));
        assert!(matches!(lifetime(after(900)), Err(Error::Gone { .. })));
        assert!(matches!(lifetime(after(-1)), Err(Error::Gone { .. })));
    }

    proptest! {
        #[test]
        fn any_name_makes_one_header_line(name in "\\PC{1,60}") {
            if let Ok(name) = name.parse::<FileName>() {
                let header = content_disposition("attachment", &name);
                prop_assert!(axum::http::HeaderValue::from_str(&header).is_ok());
                prop_assert!(header.is_ascii());
                prop_assert_eq!(header.matches('"').count(), 2);
            }
        }
    }
}
