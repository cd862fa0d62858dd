//! Starts one child for each file and makes sense of how it ends.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::child::{ARGUMENT, Answer, Request, crashed, out_of_memory};
use crate::extraction::Extraction;
use crate::failure::{Code, Failure};
use crate::limits::Limits;

/// Most bytes of the child's complaints that are looked at.
const MOST_ERROR_BYTES: u64 = 16 * 1024;

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
}

impl Extractor {
    /// `program` is the absolute path of an executable that calls [`crate::child::run_if_child`]
    /// first.
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        Self { program, limits }
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
        let request = Request {
            path: std::path::absolute(path).map_err(unavailable)?,
            media_type: media::essence(media_type),
            limits: self.limits,
        };
        let mut child = self.start().map_err(unavailable)?;
        let answer = timeout(self.limits.wall, self.converse(&mut child, &request)).await;
        if let Ok(answer) = answer {
            return answer;
        }
        // The child is gone when this returns, and its file can be removed.
        let _ = child.kill().await;
        Err(out_of_time())
    }

    /// The child gets an empty environment, so nothing of the parent's configuration or credentials.
    fn start(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .arg(ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    async fn converse(&self, child: &mut Child, request: &Request) -> Answer {
        let (Some(mut input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(unavailable("a pipe is missing"));
        };
        let mut line = serde_json::to_vec(request).map_err(unavailable)?;
        line.push(b'\n');
        // A child that is gone already says so by its exit.
        let _ = input.write_all(&line).await;
        drop(input);

        let most = self
            .limits
            .text_bytes
            .saturating_mul(ANSWER_FACTOR)
            .saturating_add(ANSWER_SPARE_BYTES);
        let (answer, complaints) = tokio::join!(
            read_at_most(output, most),
            read_at_most(errors, MOST_ERROR_BYTES)
        );
        let answer = answer.map_err(unavailable)?;
        if answer.len() as u64 > most {
            let _ = child.kill().await;
            return Err(Failure::too_much_text(self.limits.text_bytes));
        }
        let status = child.wait().await.map_err(unavailable)?;
        let complaints = complaints.unwrap_or_default();
        if status.success() {
            parse(&answer)
        } else {
            Err(diagnose(status, &String::from_utf8_lossy(&complaints)))
        }
    }
}

/// Reads up to one byte more than allowed, so that the caller can tell. What comes after is drained,
/// so that the child does not block on a full pipe, unless it is the answer itself.
async fn read_at_most(stream: impl AsyncRead + Unpin, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut limited = stream.take(most + 1);
    limited.read_to_end(&mut content).await?;
    if most == MOST_ERROR_BYTES {
        tokio::io::copy(&mut limited.into_inner(), &mut tokio::io::sink()).await?;
    }
    Ok(content)
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
fn diagnose(status: ExitStatus, complaints: &str) -> Failure {
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

fn out_of_time() -> Failure {
    Failure::new(
        Code::LimitTime,
        "Reading the file took longer than one file may take. Split it into smaller files.",
    )
}

fn unavailable(cause: impl std::fmt::Display) -> Failure {
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
