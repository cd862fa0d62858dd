//! What a folder of Sheaf holds.

use std::collections::BTreeMap;

use reqwest::header::ETAG;
use serde_json::{Value, json};

use super::hashes::Hashes;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::tree;
use crate::views::{self, File, Page};

/// How often a file is looked at whose revision changes: the document pipeline has fewer steps.
const MOST_TRIES: u32 = 10;

/// A file of Sheaf.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub(super) id: String,
    pub(super) version: u32,
    /// None where neither the server has hashed it nor this command has sent it.
    pub(super) sha256: Option<String>,
}

/// The files below a folder, by their names below it.
#[derive(Debug)]
pub(super) struct Index {
    /// `/bills`, or nothing for the root.
    base: String,
    pub(super) files: BTreeMap<String, Remote>,
}

impl Index {
    /// Reads all of it; a folder that is not there has nothing.
    pub(super) async fn read(client: &Client, base: &str, hashes: &Hashes) -> Result<Self> {
        let mut index = Self {
            base: base.to_owned(),
            files: BTreeMap::new(),
        };
        let folder = if base.is_empty() { "/" } else { base };
        let call = Call::get(&["files"])
            .query("folder", Some(folder))
            .query("recursive", Some(true))
            .query("limit", Some(100));
        let what = call.describe();
        let mut cursor: Option<String> = None;
        loop {
            let call = call.clone().query("cursor", cursor.as_ref());
            let page: Page<File> = match client.json(call).await {
                Ok(page) => Page::read(&what, &page)?,
                Err(Error::Problem(problem)) if problem.status == 404 => return Ok(index),
                Err(error) => return Err(error),
            };
            for file in page.items {
                index.note(&file, hashes.sent(&file.id, file.version));
            }
            if page.next_cursor.is_none() || page.next_cursor == cursor {
                return Ok(index);
            }
            cursor = page.next_cursor;
        }
    }

    /// Notes a file as the API tells of it. `sent` is the hash of what this command made it of.
    pub(super) fn note(&mut self, file: &File, sent: Option<&str>) {
        let Some(name) = self.name_of(file.place()) else {
            return;
        };
        // One that failed before it was hashed may not be what was sent.
        let sent = sent.filter(|_| !file.is_failed());
        let remote = Remote {
            id: file.id.clone(),
            version: file.version,
            sha256: file.sha256.as_deref().or(sent).map(str::to_lowercase),
        };
        self.files.insert(name, remote);
    }

    fn name_of(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(self.base.as_str())?.strip_prefix('/')?;
        Some(name.to_owned())
    }

    /// Where something below it is.
    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    /// Folder and own name of something below it.
    pub(super) fn place_of(&self, name: &str) -> (String, String) {
        let (folder, own) = name.rsplit_once('/').unwrap_or(("", name));
        let folder = tree::join(&self.base, folder);
        let folder = folder.trim_end_matches('/');
        (
            format!("/{}", folder.trim_start_matches('/')),
            own.to_owned(),
        )
    }
}

/// Gives a file another name or folder, unless it is another than was seen; returns it.
pub(super) async fn rename(
    client: &Client,
    index: &Index,
    seen: &Remote,
    to: &str,
) -> Result<Value> {
    let (folder, name) = index.place_of(to);
    let call = Call::patch(&["files", &seen.id]).json(json!({"folder": folder, "name": name}));
    if_still(client, seen, &call).await
}

/// Moves a file to the trash, unless it is another than was seen.
pub(super) async fn trash(client: &Client, seen: &Remote) -> Result<()> {
    match if_still(client, seen, &Call::delete(&["files", &seen.id])).await {
        Ok(_) => Ok(()),
        Err(Error::Problem(problem)) if matches!(problem.status, 404 | 410) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a call if the file is still the version that was seen. That its revision changes, because
/// it is just being read and summed up, is no reason not to.
async fn if_still(client: &Client, seen: &Remote, call: &Call) -> Result<Value> {
    let mut tries = 0;
    loop {
        tries += 1;
        let tag = still(client, seen).await?;
        match client.json(call.clone().header("If-Match", tag)).await {
            Err(Error::Problem(problem)) if problem.status == 412 && tries < MOST_TRIES => {}
            done => return done,
        }
    }
}

/// Checks that a file is still the version that was seen, and returns its revision.
async fn still(client: &Client, seen: &Remote) -> Result<String> {
    let call = Call::get(&["files", &seen.id]);
    let what = call.describe();
    let reply = client.send(call).await?;
    let file: File = views::read(&what, &reply.json()?)?;
    let tag = reply.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    match tag {
        Some(tag) if file.version == seen.version => Ok(tag.to_owned()),
        Some(_) | None => Err(Error::failed(
            format!("{} changed meanwhile", file.place()),
            "It stays as it is. Run the same command again to look anew.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(base: &str) -> Index {
        Index {
            base: base.to_owned(),
            files: BTreeMap::new(),
        }
    }

    #[test]
    fn names_are_below_the_folder() {
        assert_eq!(index("/a").name_of("/a/b/c"), Some("b/c".to_owned()));
        assert_eq!(index("/a").name_of("/ab/c"), None);
        assert_eq!(index("").name_of("/b"), Some("b".to_owned()));
    }

    #[test]
    fn places_are_below_the_folder() {
        let place = |base, name| {
            let (folder, own) = index(base).place_of(name);
            assert_eq!(
                index(base).path_of(name),
                format!("{}/{own}", folder.trim_end_matches('/'))
            );
            folder
        };

        assert_eq!(place("", "a"), "/");
        assert_eq!(place("", "a/b"), "/a");
        assert_eq!(place("/x", "a"), "/x");
        assert_eq!(place("/x/y", "a/b/c"), "/x/y/a/b");
    }
}
