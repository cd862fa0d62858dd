//! Finds the file a person means: by its id, or by its path.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::views::{self, File, Page};

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

/// Looks through the folder of a path, page by page: names are not keys of the API.
async fn id_of_path(client: &Client, path: &str) -> Result<String> {
    let (folder, name) = split(path)?;
    let call = Call::get(&["files"])
        .query("folder", Some(&folder))
        .query("limit", Some(100));
    let what = call.describe();
    let mut cursor: Option<String> = None;
    loop {
        let page = client
            .json(call.clone().query("cursor", cursor.as_ref()))
            .await?;
        let page: Page<File> = Page::read(&what, &page)?;
        if let Some(file) = page.items.into_iter().find(|file| file.name == name) {
            return Ok(file.id);
        }
        if page.next_cursor.is_none() || page.next_cursor == cursor {
            return Err(Error::failed(
                format!("there is no file {name} in {folder}"),
                format!("`sheaf ls --folder '{folder}'` lists what is there."),
            ));
        }
        cursor = page.next_cursor;
    }
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
