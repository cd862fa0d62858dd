//! What a client says of a file it sends or has made, read from a query or a JSON body alike.

use domain::principal::Principal;
use domain::tag::Tags;
use domain::upload::{Expected, Intent, OnConflict, expires_in};
use domain::{Error, Result};

use crate::request::Query;

/// The words of a client, before they are read.
#[derive(Debug, Default)]
pub struct Words {
    /// What the file is to be called.
    pub name: Option<String>,
    /// The folder it is to be in, created when missing.
    pub folder: Option<String>,
    /// What the document is.
    pub document_type: Option<String>,
    /// Its tags, in order.
    pub tags: Vec<String>,
    /// Seconds it is to live.
    pub expires_in_s: Option<i64>,
    /// What to do when the name is taken.
    pub on_conflict: Option<String>,
    /// What the file must be that this is to be a version of.
    pub expected: Option<Expected>,
}

impl Words {
    /// Takes the words from the parameters of a query.
    ///
    /// # Errors
    /// `Invalid` when one is given several times or is no number where it should be.
    pub fn from_query(query: &mut Query) -> Result<Self> {
        let expires_in_s = query
            .take("expires_in_s")?
            .map(|text| {
                text.parse().map_err(|_| {
                    Error::invalid("/expires_in_s", "expires_in_s is a number of seconds")
                })
            })
            .transpose()?;
        Ok(Self {
            name: query.take("name")?,
            folder: query.take("folder")?,
            document_type: query.take("type")?,
            tags: query.take_all("tag"),
            expires_in_s,
            on_conflict: query.take("on_conflict")?,
            expected: None,
        })
    }

    /// Reads them. All that are wrong are told at once.
    ///
    /// # Errors
    /// `Invalid`, with a pointer to each field that breaks a rule.
    pub fn read(self, principal: &Principal) -> Result<Intent> {
        let name = self
            .name
            .ok_or_else(|| {
                Error::invalid("/name", "name is missing: what the file is to be called")
            })
            .and_then(|name| name.parse());
        let folder = self.folder.unwrap_or_default().parse();
        let document_type = self
            .document_type
            .filter(|text| !text.trim().is_empty())
            .map(|text| text.parse().map_err(|error| at("/type", error)))
            .transpose();
        let tags = Tags::parse(&self.tags);
        let lifetime = self.expires_in_s.map(expires_in).transpose();
        let on_conflict = self
            .on_conflict
            .map_or(Ok(OnConflict::default()), |text| text.parse())
            .and_then(|on_conflict| goes_with(self.expected.as_ref(), on_conflict));
        match (name, folder, document_type, tags, lifetime, on_conflict) {
            (
                Ok(name),
                Ok(folder),
                Ok(document_type),
                Ok(tags),
                Ok(expires_in),
                Ok(on_conflict),
            ) => Ok(Intent {
                name,
                folder,
                document_type,
                tags,
                expires_in,
                on_conflict,
                expected: self.expected,
                owner: principal.identity.pseudonym(),
            }),
            (name, folder, document_type, tags, lifetime, on_conflict) => Err(all_of([
                name.err(),
                folder.err(),
                document_type.err(),
                tags.err(),
                lifetime.err(),
                on_conflict.err(),
            ])),
        }
    }
}

/// Only a version is made of something that can be as expected or not.
fn goes_with(expected: Option<&Expected>, on_conflict: OnConflict) -> Result<OnConflict> {
    if expected.is_none() || on_conflict == OnConflict::Version {
        return Ok(on_conflict);
    }
    Err(Error::invalid(
        "/If-Match",
        "If-Match goes with on_conflict=version: it is of the file that gets the version",
    ))
}

/// Makes one error of the fields of several.
fn all_of(errors: impl IntoIterator<Item = Option<Error>>) -> Error {
    let mut fields = Vec::new();
    for error in errors.into_iter().flatten() {
        match error {
            Error::Invalid { errors } => fields.extend(errors),
            other => return other,
        }
    }
    Error::Invalid { errors: fields }
}

/// Points an error of a field to the name the client knows it by.
fn at(pointer: &str, error: Error) -> Error {
    match error {
        Error::Invalid { errors } => Error::Invalid {
            errors: errors
                .into_iter()
                .map(|mut field| {
                    pointer.clone_into(&mut field.pointer);
                    field
                })
                .collect(),
        },
        other => other,
    }
}
