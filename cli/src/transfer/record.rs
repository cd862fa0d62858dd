//! The record of an upload that is under way, so that the next run of this command goes on with it.
//!
//! It is written before the session is asked for: a session whose answer never came is found again
//! under its idempotency key.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::source::Source;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::state::{self, Journal};

/// One line of the record.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    /// A session is asked for, by this request.
    Asked {
        idempotency_key: Uuid,
        request: Value,
    },
    /// It was begun.
    Begun { upload_id: String },
}

/// An upload that an earlier run began.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Earlier {
    pub(super) idempotency_key: Uuid,
    pub(super) request: Value,
    /// Unknown when the run ended before the answer came.
    pub(super) upload_id: Option<String>,
}

/// The record of one file on its way to one place. One process holds it at a time.
#[derive(Debug)]
pub(super) struct Record(Journal);

impl Record {
    /// Opens the record of what is sent where.
    ///
    /// # Errors
    /// When another run is sending the same.
    pub(super) fn open(
        folder: &Path,
        client: &Client,
        source: &Source,
        to: Option<&str>,
    ) -> Result<Self> {
        let place = source.place()?;
        let key = state::key(&[
            &client.identity(),
            &place.to_string_lossy(),
            to.unwrap_or("/"),
            &source.name,
        ]);
        match Journal::open(&folder.join(key))? {
            Some(journal) => Ok(Self(journal)),
            None => Err(Error::failed(
                format!("{} is being sent by another run", source.path.display()),
                "Wait for it, or end it and run this command again: it goes on where that stopped.",
            )),
        }
    }

    /// Returns what an earlier run left.
    pub(super) fn earlier(&self) -> Option<Earlier> {
        let mut lines = self.0.entries().into_iter();
        let Some(Line::Asked {
            idempotency_key,
            request,
        }) = lines.next()
        else {
            return None;
        };
        let upload_id = match lines.next() {
            Some(Line::Begun { upload_id }) => Some(upload_id),
            Some(Line::Asked { .. }) | None => None,
        };
        Some(Earlier {
            idempotency_key,
            request,
            upload_id,
        })
    }

    /// Notes a session that is about to be asked for, in the place of any before.
    pub(super) fn ask(&mut self, idempotency_key: Uuid, request: &Value) -> Result<()> {
        self.0.clear()?;
        self.0.append(&Line::Asked {
            idempotency_key,
            request: request.clone(),
        })
    }

    /// Notes the session that was asked for.
    pub(super) fn begin(&mut self, upload_id: &str) -> Result<()> {
        self.0.append(&Line::Begun {
            upload_id: upload_id.to_owned(),
        })
    }

    /// Forgets it: there is nothing left to go on with.
    pub(super) fn forget(self) -> Result<()> {
        self.0.remove()
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;
    use serde_json::json;

    use super::*;
    use crate::arguments::Connection;

    fn open(folder: &Path, name: &str) -> Result<Record> {
        let client = Client::new(&Connection {
            url: Url::parse("http://127.0.0.1:8080").unwrap(),
            token: None,
            workspace: None,
        })
        .unwrap();
        let path = folder.join("bytes");
        std::fs::write(&path, "test").unwrap();
        Record::open(
            folder,
            &client,
            &Source::file(&path, Some(name)).unwrap(),
            None,
        )
    }

    #[test]
    fn session_is_found_again_whether_its_answer_came_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let key = Uuid::new_v4();
        let request = json!({"b": 1, "a": 2});
        let earlier = |upload_id: Option<&str>| Earlier {
            idempotency_key: key,
            request: request.clone(),
            upload_id: upload_id.map(str::to_owned),
        };
        let mut record = open(folder.path(), "x").unwrap();
        assert_eq!(record.earlier(), None);

        record.ask(key, &request).unwrap();
        drop(record);
        let mut record = open(folder.path(), "x").unwrap();
        let found = record.earlier().unwrap();
        assert_eq!(found, earlier(None));
        // Byte for byte: the server compares what is sent under one key.
        assert_eq!(found.request.to_string(), request.to_string());

        record.begin("u-1").unwrap();
        drop(record);
        let record = open(folder.path(), "x").unwrap();
        assert_eq!(record.earlier().unwrap(), earlier(Some("u-1")));

        record.forget().unwrap();
        assert_eq!(open(folder.path(), "x").unwrap().earlier(), None);
    }

    #[test]
    fn one_run_sends_a_file_to_a_place_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let _record = open(folder.path(), "x").unwrap();

        assert!(open(folder.path(), "x").is_err());
        assert!(open(folder.path(), "y").is_ok());
    }
}
