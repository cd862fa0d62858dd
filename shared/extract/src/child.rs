//! The process that reads one untrusted file.
//!
//! The parent starts its own program again with [`ARGUMENT`], writes one request as a line of JSON
//! to its standard input, and reads one answer as a line of JSON from its standard output. The child
//! limits itself before it touches the file: address space, processor time, files it may write (none)
//! and core dumps. When it exceeds one, it dies, and the parent says why. Address space is limited on
//! Linux only: macOS maps more than any sensible limit into every process.
//!
//! Starting the child must be cheap, because there is one per document: [`run_if_child`] has to come
//! before any runtime, client, logger or configuration.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::exit;
use std::thread;

use rlimit::Resource;
use serde::{Deserialize, Serialize};

use crate::extraction::Extraction;
use crate::failure::{Code, Failure};
use crate::limits::Limits;
use crate::reader;

/// The argument that makes a program the child.
pub const ARGUMENT: &str = "__extract-child";

/// Stack of the reading thread. Some parsers recurse with the nesting of the file.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Files a child may have open at once: the three standard ones, its file and a few to spare.
const OPEN_FILES: u64 = 32;

/// What the parent asks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) path: PathBuf,
    pub(crate) media_type: String,
    pub(crate) limits: Limits,
}

/// What the child answers.
pub(crate) type Answer = Result<Extraction, Failure>;

/// Serves as the child and ends the process, when the program was started as one; otherwise returns
/// at once. Must be the first thing in `main`.
pub fn run_if_child() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == ARGUMENT)
    {
        exit(match serve() {
            Ok(()) => 0,
            Err(_) => 1,
        });
    }
}

/// Reads the request, limits the process, reads the file, answers.
fn serve() -> io::Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let request: Request = serde_json::from_str(&line)?;
    restrict(&request.limits)?;
    let answer = read_on_large_stack(request);
    let mut out = io::stdout().lock();
    // Parsers may have printed something; the answer is the last line.
    out.write_all(b"\n")?;
    serde_json::to_writer(&mut out, &answer)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Takes away what reading a file does not need. Nothing raises these again.
fn restrict(limits: &Limits) -> io::Result<()> {
    let at_most = |resource: Resource, limit: u64| {
        let (_, hard) = resource.get()?;
        resource.set(limit.min(hard), limit.min(hard))
    };
    if cfg!(target_os = "linux") {
        at_most(Resource::AS, limits.memory_bytes)?;
    }
    // At the soft limit the system sends SIGXCPU, which tells the cause; at the hard one SIGKILL.
    let (_, hard) = Resource::CPU.get()?;
    let seconds = limits.cpu_seconds.min(hard);
    Resource::CPU.set(seconds, seconds.saturating_add(1).min(hard))?;
    at_most(Resource::CORE, 0)?;
    at_most(Resource::FSIZE, 0)?;
    at_most(Resource::NOFILE, OPEN_FILES)
}

/// Reads on a thread of its own, whose panic is an answer.
fn read_on_large_stack(request: Request) -> Answer {
    let reading = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || reader::read(&request.path, &request.media_type, &request.limits));
    match reading {
        Ok(thread) => thread.join().unwrap_or_else(|_| Err(crashed())),
        Err(_) => Err(out_of_memory()),
    }
}

/// The reader failed in a way that none foresaw.
pub(crate) fn crashed() -> Failure {
    Failure::new(
        Code::Crashed,
        "The file made its reader fail. Open it where it was made, save it again and upload the new copy.",
    )
}

/// Reading the file took too much memory.
pub(crate) fn out_of_memory() -> Failure {
    Failure::new(
        Code::LimitMemory,
        "Reading the file took more memory than one file may have. Split it into smaller files.",
    )
}
