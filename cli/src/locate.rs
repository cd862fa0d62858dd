//! Finds the file or folder a person means: by its id, or by its path.

use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::views::{self, File, Folder, Page};

/// Reads the file of that id or path, as the API tells of it.
pub(crate) async fn file(client: &Client, id_or_path: &str) -> Result<(Value, File)> {
    if Uuid::try_parse(id_or_path).is_ok() {
        by_id(client, id_or_path).await
    } else {
        let id = id_of_path(client, id_or_path).await?;
        by_id(client, &id).await
    }
}

/// Reads the file of that id.
pub(crate) async fn by_id(client: &Client, id: &str) -> Result<(Value, File)> {
    let call = Call::get(&["files", id]);
    let what = call.describe();
    let value = client.json(call).await?;
    let file = views::read(&what, &value)?;
    Ok((value, file))
}

/// A file or a folder.
#[derive(Debug)]
pub(crate) enum Located {
    /// A file.
    File(Box<File>),
    /// A folder.
    Folder(Folder),
}

/// Reads the file or folder of that id or path.
pub(crate) async fn any(client: &Client, id_or_path: &str) -> Result<Located> {
    if Uuid::try_parse(id_or_path).is_ok() {
        return match by_id(client, id_or_path).await {
            Ok((_, file)) => Ok(Located::File(Box::new(file))),
            Err(error) if is_unknown(&error) => {
                match folder_by_id(client, id_or_path).await {
                    Ok(folder) => Ok(Located::Folder(folder)),
                    // Told of the file, which is what most ids are of.
                    Err(other) if is_unknown(&other) => Err(error),
                    Err(other) => Err(other),
                }
            }
            Err(error) => Err(error),
        };
    }
    if let Some(folder) = folder_at(client, id_or_path).await? {
        return Ok(Located::Folder(folder));
    }
    let (_, file) = file(client, id_or_path).await?;
    Ok(Located::File(Box::new(file)))
}

impl Located {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::File(file) => &file.id,
            Self::Folder(folder) => &folder.id,
        }
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &str {
        match self {
            Self::File(file) => file.place(),
            Self::Folder(folder) => &folder.path,
        }
    }
}

/// How many things are looked up at once.
const AT_ONCE: usize = 16;

/// Reads the files and folders of these ids and paths, in their order.
pub(crate) async fn all(client: &Client, ids_or_paths: &[String]) -> Vec<Result<Located>> {
    futures::stream::iter(ids_or_paths)
        .map(|id_or_path| any(client, id_or_path))
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// What is in the trash, read once.
#[derive(Debug)]
pub(crate) struct Trash(Vec<Located>);

impl Trash {
    /// Reads all that is in the trash.
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        let trashed = |kind| {
            Call::get(&[kind])
                .query("state", Some("trashed"))
                .query("limit", Some(100))
        };
        let folders = client.list(trashed("folders"), true).await?;
        let folders: Page<Folder> = Page::read("GET /v1/folders", &folders)?;
        let files = client.list(trashed("files"), true).await?;
        let files: Page<File> = Page::read("GET /v1/files", &files)?;
        let folders = folders.items.into_iter().map(Located::Folder);
        let files = files.items.into_iter();
        let files = files.map(|file| Located::File(Box::new(file)));
        Ok(Self(folders.chain(files).collect()))
    }

    /// Finds what was at a path.
    pub(crate) fn at(&self, path: &str) -> Result<&Located> {
        let path: String = path.nfc().collect();
        let path = format!("/{}", path.trim_matches('/'));
        let mut found = self.0.iter().filter(|located| located.place() == path);
        match (found.next(), found.next()) {
            (Some(found), None) => Ok(found),
            (None, _) => Err(Error::failed(
                format!("nothing in the trash was at {path}"),
                "`sheaf trash` lists what is there.",
            )),
            (Some(_), Some(_)) => Err(Error::failed(
                format!("several things in the trash were at {path}"),
                "`sheaf trash` lists them with their ids: name one by its id.",
            )),
        }
    }
}

/// Reads the folder of a path; none when there is none. The path of one in the trash is free.
pub(crate) async fn folder_at(client: &Client, path: &str) -> Result<Option<Folder>> {
    let path: String = path.nfc().collect();
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    let path = format!("/{}", names.join("/"));
    let call = Call::get(&["folders"]).query("path", Some(&path));
    one(client, call).await
}

/// Reads the one thing that a list is of, if it is there.
async fn one<T: DeserializeOwned>(client: &Client, call: Call) -> Result<Option<T>> {
    let what = call.describe();
    let page = client.json(call).await?;
    let page: Page<T> = Page::read(&what, &page)?;
    Ok(page.items.into_iter().next())
}

async fn folder_by_id(client: &Client, id: &str) -> Result<Folder> {
    let call = Call::get(&["folders", id]);
    let what = call.describe();
    let value = client.json(call).await?;
    views::read(&what, &value)
}

/// Says whether there is nothing under an id.
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Problem(problem) if problem.status == 404)
}

/// Finds the file of a path.
async fn id_of_path(client: &Client, path: &str) -> Result<String> {
    let (folder, name) = split(path)?;
    let call = Call::get(&["files"])
        .query("folder", Some(&folder))
        .query("name", Some(&name));
    let found: Option<File> = one(client, call).await?;
    found.map(|file| file.id).ok_or_else(|| {
        Error::failed(
            format!("there is no file {name} in {folder}"),
            format!("`sheaf ls --folder '{folder}'` lists what is there."),
        )
    })
}

/// Splits a path into its folder and its name, both in NFC as Sheaf keeps them: some systems hand
/// out names in NFD.
fn split(path: &str) -> Result<(String, String)> {
    let path: String = path.nfc().collect();
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    if name.is_empty() {
        return Err(Error::Usage(format!(
            "{path:?} is a folder; a file is named by its id or by a path such as /bills/january.pdf"
        )));
    }
    let folder = folder.trim_start_matches('/');
    Ok((format!("/{folder}"), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_into_folder_and_name() {
        let parts = |path| split(path).unwrap();

        assert_eq!(
            parts("/bills/2025/a.pdf"),
            ("/bills/2025".into(), "a.pdf".into())
        );
        assert_eq!(parts("bills/a.pdf"), ("/bills".into(), "a.pdf".into()));
        assert_eq!(parts("a.pdf"), ("/".into(), "a.pdf".into()));
        assert_eq!(parts("/u\u{308}ber.pdf").1, "\u{fc}ber.pdf");
        assert!(split("/bills/").is_err());
    }
}
