//! Starts one child for each file and makes sense of how it ends.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::time::timeout;

use crate::child::{Answer, Request, Task, crashed, out_of_memory};
use crate::extraction::Extraction;
use crate::failure::{Code, Failure};
use crate::limits::Limits;
use crate::process;
use crate::recognition;
use crate::tesseract::Tesseract;

/// How much longer than its text an answer may be: JSON escapes a line end as two bytes.
const ANSWER_FACTOR: u64 = 2;
const ANSWER_SPARE_BYTES: u64 = 1024 * 1024;

/// What Rust says before it aborts for want of memory.
const ALLOCATION_FAILED: &str = "memory allocation of";

/// Source: signal(7), Linux and macOS alike.
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

/// Reads files, each in a child process of its own.
#[derive(Clone, Debug)]
pub struct Extractor {
    program: PathBuf,
    limits: Limits,
    tesseract: Option<Arc<Tesseract>>,
}

impl Extractor {
    /// `program` is the absolute path of an executable that calls [`crate::child::run_if_child`]
    /// first.
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        Self {
            program,
            limits,
            tesseract: None,
        }
    }

    /// Has pictures and scanned pages read by Tesseract. Without it they stay unread.
    #[must_use]
    pub fn with_tesseract(mut self, tesseract: Tesseract) -> Self {
        self.tesseract = Some(Arc::new(tesseract));
        self
    }

    /// Has pictures and scanned pages read by Tesseract in the languages `wanted`, if it is in a
    /// folder of `path`, the value of `PATH`. See [`Tesseract::new`].
    #[must_use]
    pub fn with_tesseract_in(self, path: &OsStr, wanted: Vec<String>) -> Self {
        match Tesseract::in_path(path) {
            Some(program) => {
                let tesseract = Tesseract::new(self.program.clone(), program, wanted, self.limits);
                self.with_tesseract(tesseract)
            }
            None => self,
        }
    }

    /// Starts this program again for each file, so its `main` must call
    /// [`crate::child::run_if_child`] first.
    ///
    /// # Errors
    ///
    /// When the system does not say where the program is.
    pub fn of_this_program(limits: Limits) -> io::Result<Self> {
        // On Linux the link leads to the running program even after its file was replaced.
        let link = Path::new("/proc/self/exe");
        let program = if link.exists() {
            link.to_owned()
        } else {
            std::env::current_exe()?
        };
        Ok(Self::new(program, limits))
    }

    /// Returns how much one file may take.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads the file at `path`. `media_type` is what [`media::sniff`] said of it; parameters are
    /// ignored. The file must not change meanwhile.
    ///
    /// # Errors
    ///
    /// A [`Failure`] says why the file cannot be read. Only when [`Failure::retry`] is true may
    /// trying again help.
    pub async fn extract(&self, path: &Path, media_type: &str) -> Result<Extraction, Failure> {
        let path = std::path::absolute(path).map_err(unavailable)?;
        let media_type = media::essence(media_type);
        let mut extraction = self.read(&path, &media_type).await?;
        if let Some(tesseract) = &self.tesseract
            && !extraction.scans.is_empty()
            && tesseract.is_ready().await
        {
            let file = recognition::File {
                program: &self.program,
                path: &path,
                media_type: &media_type,
                limits: &self.limits,
            };
            extraction = file.recognize(extraction, tesseract).await?;
        }
        Ok(extraction.settled())
    }

    /// Has a child read the text.
    async fn read(&self, path: &Path, media_type: &str) -> Answer {
        let request = Request {
            task: Task::Text {
                path: path.to_owned(),
                media_type: media_type.to_owned(),
            },
            limits: self.limits,
        };
        let most = self
            .limits
            .text_bytes
            .saturating_mul(ANSWER_FACTOR)
            .saturating_add(ANSWER_SPARE_BYTES);
        let mut child = process::start(&self.program).map_err(unavailable)?;
        let said = process::converse(&mut child, &request, b"", most);
        let Ok(said) = timeout(self.limits.wall, said).await else {
            // The child is gone when this returns, and its file can be removed.
            let _ = child.kill().await;
            return Err(out_of_time());
        };
        let said = said.map_err(unavailable)?;
        match said.status {
            Some(status) if status.success() => parse(&said.output),
            Some(status) => Err(diagnose(status, &String::from_utf8_lossy(&said.complaints))),
            None => Err(Failure::too_much_text(self.limits.text_bytes)),
        }
    }
}

/// The answer is the last line.
fn parse(output: &[u8]) -> Answer {
    let output = output.strip_suffix(b"\n").unwrap_or(output);
    let line = output
        .rsplit(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    serde_json::from_slice::<Answer>(line).unwrap_or_else(|_| Err(crashed()))
}

/// Says why a child ended without an answer.
pub(crate) fn diagnose(status: ExitStatus, complaints: &str) -> Failure {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    tracing::warn!(?status, "a reader ended without an answer");
    match signal {
        Some(SIGXCPU) => out_of_time(),
        // Nobody here sends it without saying so; the system does when memory runs out.
        Some(SIGKILL) => out_of_memory(),
        _ if complaints.contains(ALLOCATION_FAILED) => out_of_memory(),
        _ => crashed(),
    }
}

pub(crate) fn out_of_time() -> Failure {
    Failure::new(
        Code::LimitTime,
        "Reading the file took longer than one file may take. Split it into smaller files.",
    )
}

pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Failure {
    tracing::error!(%cause, "the reader could not be used");
    Failure::new(
        Code::Unavailable,
        "The reader could not be started. It will be tried again.",
    )
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn end_of_a_child_is_diagnosed() {
        let code =
            |raw: i32, complaints: &str| diagnose(ExitStatus::from_raw(raw), complaints).code;
        assert_eq!(code(SIGXCPU, ""), Code::LimitTime);
        assert_eq!(code(SIGKILL, ""), Code::LimitMemory);
        assert_eq!(
            code(6, "memory allocation of 12 bytes failed\n"),
            Code::LimitMemory
        );
        assert_eq!(code(6, "thread has overflowed its stack"), Code::Crashed);
        assert_eq!(code(11, ""), Code::Crashed);
        assert_eq!(code(1 << 8, ""), Code::Crashed);
    }

    #[test]
    fn answer_is_the_last_line_and_anything_else_is_a_crash() {
        let answer = serde_json::to_vec(&Answer::Ok(Extraction::unsupported())).unwrap();
        let noisy = [b"a parser's warning\n", &answer[..], b"\n"].concat();
        assert_eq!(parse(&noisy), Ok(Extraction::unsupported()));
        assert_eq!(parse(b"").unwrap_err().code, Code::Crashed);
        assert_eq!(parse(b"{}\n").unwrap_err().code, Code::Crashed);
    }
}
