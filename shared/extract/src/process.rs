//! Starts a child, sends it its request and takes what it says, under a limit of bytes.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use crate::child::{ARGUMENT, Request};

/// Most bytes of the child's complaints that are looked at.
const MOST_ERROR_BYTES: u64 = 16 * 1024;

/// What a child said, and how it ended.
pub(crate) struct Said {
    pub(crate) output: Vec<u8>,
    pub(crate) complaints: Vec<u8>,
    /// None when it said too much and was ended.
    pub(crate) status: Option<ExitStatus>,
}

/// Starts the program as a child. It gets an empty environment, so nothing of the parent's
/// configuration or credentials, and is ended when it is dropped.
pub(crate) fn start(program: &Path) -> io::Result<Child> {
    Command::new(program)
        .arg(ARGUMENT)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Writes the request and what follows it, and closes the pipe. A child that is gone already says so
/// by its exit.
pub(crate) async fn send(mut input: ChildStdin, request: &Request, after: &[u8]) -> io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    if input.write_all(&line).await.is_ok() {
        let _ = input.write_all(after).await;
    }
    Ok(())
}

/// Sends the request with what follows it, and waits for all that the child says.
pub(crate) async fn converse(
    child: &mut Child,
    request: &Request,
    after: &[u8],
    most: u64,
) -> io::Result<Said> {
    let (Some(input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::Error::other("a pipe is missing"));
    };
    let (sent, output, complaints) = tokio::join!(
        send(input, request, after),
        ended_beyond(child, output, most),
        complaints(errors)
    );
    sent?;
    let output = output?;
    let is_too_much = output.len() as u64 > most;
    Ok(Said {
        output,
        complaints,
        status: if is_too_much {
            None
        } else {
            Some(child.wait().await?)
        },
    })
}

/// Reads up to one byte more than allowed, so that the caller can tell, and ends a child that says
/// more.
async fn ended_beyond(
    child: &mut Child,
    stream: impl AsyncRead + Unpin,
    most: u64,
) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    stream.take(most + 1).read_to_end(&mut content).await?;
    if content.len() as u64 > most {
        let _ = child.kill().await;
    }
    Ok(content)
}

/// Reads the beginning and drains the rest, so that the child does not block on a full pipe.
pub(crate) async fn complaints(stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut content = Vec::new();
    let mut limited = stream.take(MOST_ERROR_BYTES);
    let _ = limited.read_to_end(&mut content).await;
    let _ = tokio::io::copy(&mut limited.into_inner(), &mut tokio::io::sink()).await;
    content
}
