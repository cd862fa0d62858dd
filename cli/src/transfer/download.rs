//! Fetches the content of a file by its signed URL, checks it, and puts it where it belongs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, Response};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::store;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::retry;

/// How long a download may stand still.
const STALL: Duration = Duration::from_mins(1);

/// Which content.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    pub(crate) file_id: &'a str,
    pub(crate) version: u32,
    /// Known unless the document pipeline has yet to hash it.
    pub(crate) sha256: Option<&'a str>,
}

/// Where to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// A file, which is there whole or not at all.
    File {
        path: PathBuf,
        /// Whether one that is there may go.
        overwrite: bool,
    },
}

impl Target {
    /// Reads `-o`: `-`, a folder, a file, or without it the file's own name here.
    ///
    /// # Errors
    /// When something is in the way, or the name would lead elsewhere.
    pub(crate) fn choose(output: Option<&Path>, name: &str, overwrite: bool) -> Result<Self> {
        let path = match output {
            Some(path) if path.as_os_str() == "-" => return Ok(Self::Stdout),
            Some(path) if path.is_dir() => path.join(plain_name(name)?),
            Some(path) => path.to_owned(),
            None => plain_name(name)?,
        };
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(in_the_way(&path));
        }
        Ok(Self::File { path, overwrite })
    }
}

/// Fetches content and returns its size.
pub(crate) async fn fetch(
    client: &Client,
    content: &Content<'_>,
    target: &Target,
    label: &str,
) -> Result<u64> {
    let response = retry::repeat(async || open(client, content).await).await?;
    let progress = Progress::bytes(label, response.content_length().unwrap_or(0));
    let fetched = match target {
        Target::Stdout => {
            let mut stdout = std::io::stdout().lock();
            let write = |bytes: &[u8]| stdout.write_all(bytes).map_err(Error::Output);
            let size = receive(response, content, &progress, write).await?;
            stdout.flush().map_err(Error::Output)?;
            Ok(size)
        }
        Target::File { path, overwrite } => {
            to_file(response, content, &progress, path, *overwrite).await
        }
    };
    progress.finish();
    fetched
}

/// Asks for the signed URL with our credential, and follows it without.
async fn open(client: &Client, content: &Content<'_>) -> Result<Response> {
    let call =
        Call::get(&["files", content.file_id, "content"]).query("version", Some(content.version));
    let reply = client.send(call).await?;
    let request = client.signed(Method::GET, reply.location()?)?;
    // Only the head is awaited here; the content may take as long as it moves.
    tokio::time::timeout(STALL, store::send(request, "fetching the content", None))
        .await
        .map_err(|_| stalled())?
}

/// Writes beside the target and renames when all is there and right.
async fn to_file(
    response: Response,
    content: &Content<'_>,
    progress: &Progress,
    path: &Path,
    overwrite: bool,
) -> Result<u64> {
    let failed = |source| Error::Disk {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let mut file = temporary_beside(path).map_err(failed)?;
    let write = |bytes: &[u8]| file.write_all(bytes).map_err(failed);
    let size = receive(response, content, progress, write).await?;
    file.as_file().sync_all().map_err(failed)?;
    if overwrite {
        file.persist(path).map_err(|error| failed(error.error))?;
    } else {
        file.persist_noclobber(path)
            .map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => in_the_way(path),
                _ => failed(error.error),
            })?;
    }
    Ok(size)
}

/// Passes the content on piece by piece, then checks it as a whole.
async fn receive(
    mut response: Response,
    content: &Content<'_>,
    progress: &Progress,
    mut write: impl FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let mut hasher = Sha256::new();
    let mut size = 0;
    loop {
        let piece = tokio::time::timeout(STALL, response.chunk())
            .await
            .map_err(|_| stalled())?
            .map_err(|source| Error::Transport {
                action: "fetching the content".to_owned(),
                source: source.without_url(),
            })?;
        let Some(piece) = piece else { break };
        hasher.update(&piece);
        write(&piece)?;
        let bytes = piece.len() as u64;
        size += bytes;
        progress.advance(bytes);
    }
    let actual = hex::encode(hasher.finalize());
    match content.sha256 {
        Some(expected) if !expected.eq_ignore_ascii_case(&actual) => Err(Error::failed(
            "what arrived is not what was stored",
            format!("Its SHA-256 is {actual}, stored was {expected}. Get it again."),
        )),
        Some(_) | None => Ok(size),
    }
}

/// Makes a temporary file in the target's folder, so that it can be renamed onto it, with the
/// permissions any new file gets.
fn temporary_beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sheaf-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Takes a name for a file here only if it can be nothing but a name.
fn plain_name(name: &str) -> Result<PathBuf> {
    let path = Path::new(name);
    if path.file_name() == Some(path.as_os_str()) && !name.contains(['/', '\\']) {
        Ok(path.to_owned())
    } else {
        Err(Error::failed(
            format!("{name} cannot be the name of a file here"),
            "Give it another one with -o.",
        ))
    }
}

fn in_the_way(path: &Path) -> Error {
    Error::failed(
        format!("{} is there already", path.display()),
        "--force replaces it; -o names another.",
    )
}

fn stalled() -> Error {
    Error::failed(
        "the download stalled",
        format!(
            "Nothing came for {} s. Run the same command again.",
            STALL.as_secs()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["..", ".", "", "/etc/passwd", "a/b", "a\\b", "../x"] {
            assert!(
                Target::choose(None, name, true).is_err(),
                "{name} was taken"
            );
        }
    }

    #[test]
    fn target_is_as_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = |path: PathBuf| Target::File {
            path,
            overwrite: false,
        };
        let choose = |path: &Path| Target::choose(Some(path), "a.pdf", false).unwrap();

        assert_eq!(choose(Path::new("-")), Target::Stdout);
        assert_eq!(choose(folder.path()), file(folder.path().join("a.pdf")));
        assert_eq!(
            choose(&folder.path().join("b.pdf")),
            file(folder.path().join("b.pdf"))
        );
    }

    #[test]
    fn what_is_there_stays_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pdf");
        std::fs::write(&path, "mine").unwrap();

        assert!(Target::choose(Some(&path), "a.pdf", false).is_err());
        assert!(Target::choose(Some(&path), "a.pdf", true).is_ok());
    }
}
