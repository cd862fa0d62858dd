//! Filters of lists.

use std::str::FromStr;

use api::request::Query;
use domain::file::{File, State, Status};
use domain::folder::Place;
use domain::tag::Tag;
use domain::{Error, Result};
use jiff::Timestamp;

/// Which files are asked for.
pub(crate) struct Filter {
    document_type: Option<Tag>,
    tags: Vec<Tag>,
    status: Option<Status>,
    /// None for both.
    pub(crate) state: Option<State>,
    pub(crate) since: Option<Timestamp>,
}

impl Filter {
    /// Reads the filters of a request.
    pub(crate) fn from_query(query: &mut Query) -> Result<Self> {
        let state = match query.take("state")?.as_deref() {
            None | Some("active") => Some(State::Active),
            Some("trashed") => Some(State::Trashed),
            Some("any") => None,
            Some(_) => return Err(Error::invalid("/state", "state is active, trashed or any")),
        };
        Ok(Self {
            document_type: take_tag(query, "type")?,
            tags: take_tags(query)?,
            status: query.take_as("status")?,
            state,
            since: take_time(query, "updated_since")?,
        })
    }

    /// Says whether all active files are asked for.
    pub(crate) fn is_open(&self) -> bool {
        self.document_type.is_none()
            && self.tags.is_empty()
            && self.status.is_none()
            && self.since.is_none()
            && self.state != Some(State::Trashed)
    }

    /// Says whether a file, whose folder is in `place`, is among those asked for.
    pub(crate) fn admits(&self, file: &File, place: &Place) -> bool {
        place.reach(file).is_ok()
            && self.state.is_none_or(|state| place.state_of(file) == state)
            && self.status.is_none_or(|status| file.status == status)
            && self.since.is_none_or(|since| file.updated_at >= since)
            && (self.document_type.is_none() || file.document_type == self.document_type)
            && self.tags.iter().all(|tag| file.tags.contains(tag))
    }
}

/// Reads a type to filter by.
pub(crate) fn take_tag(query: &mut Query, name: &str) -> Result<Option<Tag>> {
    query
        .take(name)?
        .map(|text| read_tag(&text, name))
        .transpose()
}

/// Reads the tags to filter by.
pub(crate) fn take_tags(query: &mut Query) -> Result<Vec<Tag>> {
    query
        .take_all("tag")
        .iter()
        .map(|text| read_tag(text, "tag"))
        .collect()
}

fn read_tag(text: &str, name: &str) -> Result<Tag> {
    Tag::from_str(text).map_err(|_| {
        Error::invalid(
            format!("/{name}"),
            format!("a {name} is 1 to 64 characters without control characters"),
        )
    })
}

fn take_time(query: &mut Query, name: &str) -> Result<Option<Timestamp>> {
    let Some(text) = query.take(name)? else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        Error::invalid(
            format!("/{name}"),
            format!("{name} is a time as in RFC 3339, such as 2025-10-29T12:00:00Z"),
        )
    })
}
