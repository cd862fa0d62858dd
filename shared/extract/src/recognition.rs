//! Has the scans of a file recognized: one child gives their pictures, one after the other, and
//! Tesseract reads each.

use std::io;
use std::path::Path;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::{Instant, timeout_at};

use crate::child::{Request, Task};
use crate::extraction::Extraction;
use crate::extractor::unavailable;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::pictures::Header;
use crate::process;
use crate::scan::{Recognized, Scan};
use crate::tesseract::Tesseract;

/// Longest line before a picture. A parser may have printed something in between.
const HEADER_BYTES: u64 = 16 * 1024;

/// A file whose scans are to be read.
pub(crate) struct File<'a> {
    pub(crate) program: &'a Path,
    pub(crate) path: &'a Path,
    pub(crate) media_type: &'a str,
    pub(crate) limits: &'a Limits,
}

impl File<'_> {
    /// Reads as many scans as the limits allow. One that cannot be read stays unread and hides
    /// nothing else.
    ///
    /// # Errors
    /// Tesseract could not be used, which is no fault of the file: what it reads later is to count.
    pub(crate) async fn recognize(
        &self,
        extraction: Extraction,
        tesseract: &Tesseract,
    ) -> Result<Extraction, Failure> {
        let most = self.limits.recognized_pictures;
        let scans: Vec<Scan> = extraction.scans.iter().take(most).cloned().collect();
        let mut child = process::start(self.program).map_err(unavailable)?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(unavailable("a pipe is missing"));
        };
        let request = Request {
            task: Task::Pictures {
                path: self.path.to_owned(),
                media_type: self.media_type.to_owned(),
                places: scans.iter().map(|scan| scan.place.clone()).collect(),
            },
            limits: *self.limits,
        };
        process::send(input, &request, b"")
            .await
            .map_err(unavailable)?;
        let draining = tokio::spawn(async move {
            process::complaints(errors).await;
        });
        let texts = self.read_all(scans, output, tesseract).await;
        // It may have more to give than anyone wants.
        let _ = child.kill().await;
        draining.abort();
        extraction.with_recognized(texts?, self.limits)
    }

    /// Reads the pictures as they come, until the time is up.
    async fn read_all(
        &self,
        scans: Vec<Scan>,
        output: impl tokio::io::AsyncRead + Unpin,
        tesseract: &Tesseract,
    ) -> Result<Vec<Recognized>, Failure> {
        let deadline = Instant::now() + self.limits.recognition_wall;
        let mut output = BufReader::new(output);
        let mut texts: Vec<Recognized> = scans
            .into_iter()
            .map(|scan| Recognized {
                scan,
                pages: Vec::new(),
            })
            .collect();
        loop {
            let picture = timeout_at(deadline, self.next_picture(&mut output)).await;
            let (place, picture) = match picture {
                Ok(Ok(Some(picture))) => picture,
                Ok(Ok(None)) => return Ok(texts),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the pictures of a file could not be taken out");
                    return Ok(texts);
                }
                Err(_) => {
                    tracing::warn!("the pictures of a file take too long to recognize");
                    return Ok(texts);
                }
            };
            let Ok(pages) = timeout_at(deadline, tesseract.recognize(&picture)).await else {
                tracing::warn!("the pictures of a file take too long to recognize");
                return Ok(texts);
            };
            match (pages, texts.get_mut(place)) {
                (Ok(pages), Some(one)) => one.pages.extend(pages),
                (Ok(_), None) => return Ok(texts),
                (Err(failure), _) if failure.retry() => return Err(failure),
                (Err(failure), _) => tracing::warn!(%failure, "a picture could not be recognized"),
            }
        }
    }

    /// The next picture and which of the places it is from, or none after the last.
    async fn next_picture(
        &self,
        output: &mut (impl AsyncBufRead + Unpin),
    ) -> io::Result<Option<(usize, Vec<u8>)>> {
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut *output).take(HEADER_BYTES);
            if limited.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            let Ok(header) = serde_json::from_slice::<Header>(&line) else {
                continue;
            };
            if header.bytes as u64 > self.limits.file_bytes {
                return Err(io::Error::other("a picture is larger than a file may be"));
            }
            let mut picture = vec![0; header.bytes];
            output.read_exact(&mut picture).await?;
            return Ok(Some((header.place, picture)));
        }
    }
}
