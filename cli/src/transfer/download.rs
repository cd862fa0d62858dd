//! Fetches the content of a file by its signed URL, checks it, and puts it where it belongs.
//!
//! A version is what is fetched, and its bytes never change; so several ranges of it are fetched at
//! once, and a later run goes on with what an earlier one left.

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Semaphore};

use super::part_file::{Identity, PartFile, in_the_way};
use super::{source, store};
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::retry;

/// How long a download may stand still.
const STALL: Duration = Duration::from_mins(1);
/// Most that is asked for with one request.
const RANGE_BYTES: u64 = 8 * 1024 * 1024;
/// Most that is asked for with one request of what goes to a pipe, in order.
const PIPED_BYTES: u64 = 64 * 1024 * 1024;
/// How much of a file is fetched before it is noted; more of files that would take very many notes.
const NOTED_BYTES: u64 = 1024 * 1024;
/// Most notes of one file.
const MOST_NOTES: u64 = 10_000;
/// How often the URL of one range is renewed.
const MOST_RENEWALS: u32 = 2;
/// How long the URL of a large file is to hold. Source: the longest the API signs for.
const URL_SECONDS: u64 = 3_600;
/// Ranges on their way at once, unless told otherwise.
pub(crate) const RANGES_AT_ONCE: usize = 4;

/// What content is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of<'a> {
    /// A version of a file.
    File {
        /// The file.
        id: &'a str,
        /// The version's number.
        version: u32,
    },
    /// The archive of an export.
    Export(&'a str),
}

impl Of<'_> {
    fn call(self) -> Call {
        match self {
            Self::File { id, version } => {
                Call::get(&["files", id, "content"]).query("version", Some(version))
            }
            Self::Export(id) => Call::get(&["exports", id, "content"]),
        }
    }

    /// Its id, and the version of a file: versions begin with 1.
    const fn identity(&self) -> (&str, u32) {
        match self {
            Self::File { id, version } => (id, *version),
            Self::Export(id) => (id, 0),
        }
    }
}

/// Which content.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    pub(crate) of: Of<'a>,
    pub(crate) size_bytes: u64,
    /// Known unless the document pipeline has yet to hash it; of an archive it is not.
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
    /// When the name would lead elsewhere.
    pub(crate) fn choose(output: Option<&Path>, name: &str, overwrite: bool) -> Result<Self> {
        let path = match output {
            Some(path) if path.as_os_str() == "-" => return Ok(Self::Stdout),
            Some(path) if path.is_dir() => path.join(plain_name(name)?),
            Some(path) => path.to_owned(),
            None => plain_name(name)?,
        };
        Ok(Self::File { path, overwrite })
    }

    /// Checks that nothing is in the way.
    pub(crate) fn check_free(&self) -> Result<()> {
        match self {
            Self::File {
                path,
                overwrite: false,
            } if path.symlink_metadata().is_ok() => Err(in_the_way(path)),
            Self::File { .. } | Self::Stdout => Ok(()),
        }
    }
}

/// What fetching came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// It is there now.
    Now,
    /// The target had these very bytes.
    Before,
}

/// Fetches contents, so many ranges at once.
#[derive(Debug)]
pub(crate) struct Downloader<'a> {
    client: &'a Client,
    slots: Semaphore,
    at_once: usize,
}

impl<'a> Downloader<'a> {
    pub(crate) fn new(client: &'a Client, at_once: usize) -> Self {
        Self {
            client,
            slots: Semaphore::new(at_once),
            at_once,
        }
    }

    /// Fetches one content.
    pub(crate) async fn fetch(
        &self,
        content: &Content<'_>,
        target: &Target,
        progress: &Progress,
    ) -> Result<Fetched> {
        let fetch = Fetch {
            downloader: self,
            content,
            progress,
            link: Mutex::default(),
        };
        match target {
            Target::Stdout => fetch.to_stdout().await.map(|()| Fetched::Now),
            Target::File { path, overwrite } => {
                if !overwrite && path.symlink_metadata().is_ok() {
                    return same(content, path).await;
                }
                fetch.to_file(path, *overwrite).await.map(|()| Fetched::Now)
            }
        }
    }
}

/// One content on its way.
struct Fetch<'a> {
    downloader: &'a Downloader<'a>,
    content: &'a Content<'a>,
    progress: &'a Progress,
    link: Mutex<Link>,
}

/// A signed URL, and which one it is.
#[derive(Clone, Debug, Default)]
struct Link {
    number: u32,
    url: Option<String>,
}

impl Fetch<'_> {
    async fn to_stdout(&self) -> Result<()> {
        let mut hasher = Sha256::new();
        let mut stdout = std::io::stdout();
        let mut at = 0;
        loop {
            let end = self.content.size_bytes.min(at + PIPED_BYTES);
            let mut write = |_: u64, bytes: &[u8]| {
                hasher.update(bytes);
                stdout.write_all(bytes).map_err(Error::Output)
            };
            self.range(at..end, &mut write).await?;
            at = end;
            if at == self.content.size_bytes {
                break;
            }
        }
        stdout.flush().map_err(Error::Output)?;
        self.check(&hex::encode(hasher.finalize()))
    }

    /// Writes beside the target and renames when all is there and right.
    async fn to_file(&self, path: &Path, overwrite: bool) -> Result<()> {
        let (id, version) = self.content.of.identity();
        let part = PartFile::open(
            path,
            Identity {
                file_id: id.to_owned(),
                version,
                size_bytes: self.content.size_bytes,
                sha256: self.content.sha256.map(str::to_owned),
            },
        )?;
        let missing = part.missing(RANGE_BYTES);
        let left: u64 = missing.iter().map(|range| range.end - range.start).sum();
        self.progress.skip(self.content.size_bytes - left);
        // What is gone or held back is not put together from what was fetched before.
        let fetched = match self.link(None).await {
            Ok(_) => self.ranges(&part, missing).await,
            Err(error) => Err(error),
        };
        match fetched {
            Ok(()) => {}
            Err(Error::Problem(problem)) if matches!(problem.status, 404 | 409 | 410) => {
                part.discard()?;
                return Err(Error::Problem(problem));
            }
            Err(error) => return Err(error),
        }
        if let Err(error) = self.check(&part.sha256().await?) {
            part.discard()?;
            return Err(error);
        }
        part.finish(overwrite)
    }

    async fn ranges(&self, part: &PartFile, missing: Vec<Range<u64>>) -> Result<()> {
        let step = NOTED_BYTES.max(self.content.size_bytes / MOST_NOTES);
        futures::stream::iter(missing)
            .map(|range| async move {
                let _slot = self.downloader.slots.acquire().await;
                let mut noted = range.start;
                let mut write = |offset: u64, bytes: &[u8]| -> Result<()> {
                    part.write(offset, bytes)?;
                    let end = offset + bytes.len() as u64;
                    if end - noted >= step {
                        part.note(noted..end)?;
                        noted = end;
                    }
                    Ok(())
                };
                self.range(range.clone(), &mut write).await?;
                if noted < range.end {
                    part.note(noted..range.end)?;
                }
                Ok::<(), Error>(())
            })
            .buffer_unordered(self.downloader.at_once)
            .try_collect()
            .await
    }

    /// Fetches a range in order, and goes on where the line broke.
    async fn range(
        &self,
        range: Range<u64>,
        write: &mut impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut at = range.start;
        retry::repeat_piece(async || self.receive(&mut at, range.end, &mut *write).await).await
    }

    async fn receive(
        &self,
        at: &mut u64,
        end: u64,
        write: &mut impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut response = self.open(*at..end).await?;
        loop {
            let piece = tokio::time::timeout(STALL, response.chunk())
                .await
                .map_err(|_| stalled())?
                .map_err(|source| Error::Transport {
                    action: "fetching the content".to_owned(),
                    source: source.without_url(),
                })?;
            let Some(piece) = piece else { break };
            let bytes = piece.len() as u64;
            if bytes > end - *at {
                return Err(other_size(self.content.size_bytes));
            }
            write(*at, &piece)?;
            *at += bytes;
            self.progress.advance(bytes);
        }
        if *at == end {
            Ok(())
        } else {
            Err(other_size(self.content.size_bytes))
        }
    }

    /// Asks the object store for a range, with a new URL when the old one has run out.
    async fn open(&self, range: Range<u64>) -> Result<Response> {
        let mut link = self.link(None).await?;
        let mut renewals = 0;
        loop {
            let url = link.url.as_deref().unwrap_or_default();
            match self.ask(url, &range).await {
                // Equal bytes are kept once: the object that was signed may have gone for another.
                Err(error)
                    if renewals < MOST_RENEWALS
                        && (store::has_run_out(&error)
                            || matches!(error, Error::Storage { status: 404, .. })) =>
                {
                    renewals += 1;
                    link = self.link(Some(link.number)).await?;
                }
                other => return other,
            }
        }
    }

    async fn ask(&self, url: &str, range: &Range<u64>) -> Result<Response> {
        let size_bytes = self.content.size_bytes;
        let is_whole = *range == (0..size_bytes);
        let mut request = self.downloader.client.signed(Method::GET, url)?;
        if !is_whole {
            let asked = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
            request = request.header(RANGE, asked);
        }
        // Only the head is awaited here; the content may take as long as it moves.
        let sending = store::send(request, "fetching the content", None);
        let response = tokio::time::timeout(STALL, sending)
            .await
            .map_err(|_| stalled())??;
        if is_whole {
            return Ok(response);
        }
        let expected = format!(
            "bytes {}-{}/{size_bytes}",
            range.start,
            range.end.saturating_sub(1)
        );
        let found = response
            .headers()
            .get(CONTENT_RANGE)
            .and_then(|range| range.to_str().ok());
        if response.status() == StatusCode::PARTIAL_CONTENT && found == Some(&expected) {
            Ok(response)
        } else {
            Err(Error::Unexpected {
                what: "fetching the content".to_owned(),
                detail: format!(
                    "asked for {expected}, it answers {} with {}",
                    response.status(),
                    found.unwrap_or("no range")
                ),
            })
        }
    }

    /// Returns the signed URL that all ranges share; a new one in the place of one that is spent.
    async fn link(&self, spent: Option<u32>) -> Result<Link> {
        let mut link = self.link.lock().await;
        if link.url.is_none() || spent == Some(link.number) {
            let seconds = (self.content.size_bytes > RANGE_BYTES).then_some(URL_SECONDS);
            let call = self.content.of.call().query("expires_in_s", seconds);
            let reply = self.downloader.client.send(call).await?;
            *link = Link {
                number: link.number + 1,
                url: Some(reply.location()?.to_owned()),
            };
        }
        Ok(link.clone())
    }

    fn check(&self, actual: &str) -> Result<()> {
        match self.content.sha256 {
            Some(expected) if !expected.eq_ignore_ascii_case(actual) => Err(Error::failed(
                "what arrived is not what was stored",
                format!("Its SHA-256 is {actual}, stored was {expected}. Get it again."),
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// Looks whether what is in the way is what was to be fetched.
async fn same(content: &Content<'_>, path: &Path) -> Result<Fetched> {
    let is_candidate = path
        .symlink_metadata()
        .is_ok_and(|found| found.is_file() && found.len() == content.size_bytes);
    let Some(expected) = content.sha256.filter(|_| is_candidate) else {
        return Err(in_the_way(path));
    };
    let hashing = {
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || source::sha256_of(&path))
    };
    let actual = hashing
        .await
        .map_err(std::io::Error::other)
        .and_then(|hashed| hashed)
        .map_err(Error::disk("read", path))?;
    if actual.eq_ignore_ascii_case(expected) {
        Ok(Fetched::Before)
    } else {
        Err(in_the_way(path))
    }
}

/// Takes a name for a file here only if it can be nothing but a name.
pub(crate) fn plain_name(name: &str) -> Result<PathBuf> {
    let path = Path::new(name);
    if path.file_name() == Some(path.as_os_str()) && !name.contains(['/', '\\', '\0']) {
        Ok(path.to_owned())
    } else {
        Err(Error::failed(
            format!("{name} cannot be the name of a file here"),
            "Give it another one with -o.",
        ))
    }
}

fn other_size(size_bytes: u64) -> Error {
    Error::Unexpected {
        what: "fetching the content".to_owned(),
        detail: format!("it does not have the {size_bytes} bytes that the file has"),
    }
}

/// What HTTP has a status for, so that it is tried again.
fn stalled() -> Error {
    Error::Storage {
        status: 408,
        detail: format!("nothing came for {} s", STALL.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["..", ".", "", "/etc/passwd", "a/b", "a\\b", "../x", "a\0b"] {
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
        let check = |overwrite| {
            let target = Target::choose(Some(&path), "a.pdf", overwrite).unwrap();
            target.check_free()
        };

        assert!(check(false).is_err());
        assert!(check(true).is_ok());
    }
}
