//! The process that reads one untrusted file.
//!
//! The parent starts its own program again with [`ARGUMENT`] and writes one request as a line of JSON
//! to its standard input. The child limits itself before it touches the file: address space, processor
//! time, files it may write (none) and core dumps, and on Linux it gives up the network, every file but
//! the one it was given and the start of other processes, see [`crate::confine`]. When it exceeds a
//! limit, it dies, and the parent says why. Address space is limited on Linux only: macOS maps more
//! than any sensible limit into every process.
//!
//! Starting the child must be cheap, because there is one per document: [`run_if_child`] has to come
//! before any runtime, client, logger or configuration.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::thread;

use rlimit::Resource;
use serde::{Deserialize, Serialize};

use crate::confine::{Confinement, confine};
use crate::extraction::Extraction;
use crate::failure::{Code, Failure};
use crate::limits::Limits;
use crate::pictures;
use crate::reader;
use crate::scan::Place;
use crate::source::Source;

/// The argument that makes a program the child.
pub const ARGUMENT: &str = "__extract-child";

/// Stack of the reading thread. Some parsers recurse with the nesting of the file.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Files a child may have open at once: the three standard ones, its file and a few to spare.
const OPEN_FILES: u64 = 32;

/// Longest request: paths and the places of scans.
const REQUEST_BYTES: usize = 1024 * 1024;

/// What the parent asks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) task: Task,
    /// The usual ones when it names none.
    #[serde(default)]
    pub(crate) limits: Limits,
}

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Reads the text of a file. The answer is a line of JSON.
    Text { path: PathBuf, media_type: String },
    /// Gives the pictures at these places of a file, each as [`pictures::Header`] says.
    Pictures {
        path: PathBuf,
        media_type: String,
        places: Vec<Place>,
    },
    /// Becomes this program, whose standard input is what follows the request.
    Program {
        program: PathBuf,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
    },
}

/// What the child answers when asked for text.
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

/// Reads the request, limits the process, does the task, answers.
fn serve() -> io::Result<()> {
    let request: Request = serde_json::from_slice(&request_line()?)?;
    let limits = request.limits;
    restrict(&limits)?;
    match request.task {
        Task::Text { path, media_type } => answer(&open_confined(&path).and_then(|source| {
            on_large_stack(move || reader::read(&source, &media_type, &limits))
        })),
        Task::Pictures {
            path,
            media_type,
            places,
        } => {
            let source = open_confined(&path).map_err(io::Error::other)?;
            let writing = on_large_stack(move || {
                pictures::write(&source, &media_type, &places, &limits, &mut io::stdout());
                Ok(())
            });
            writing.map_err(io::Error::other)
        }
        Task::Program {
            program,
            arguments,
            environment,
        } => {
            confine(Confinement::Program)?;
            let mut command = Command::new(program);
            command.args(arguments).env_clear().envs(environment);
            Err(become_program(command))
        }
    }
}

/// Reads the first line of standard input and not a byte more: what follows is for the program that
/// this process may become.
fn request_line() -> io::Result<Vec<u8>> {
    #[cfg(unix)]
    let mut input = {
        use std::os::fd::AsFd;
        File::from(io::stdin().as_fd().try_clone_to_owned()?)
    };
    #[cfg(not(unix))]
    let mut input = io::stdin().lock();
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.len() < REQUEST_BYTES && input.read(&mut byte)? == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    Ok(line)
}

/// Opens the file and gives up opening any other. Where that cannot be given up, nothing is read.
fn open_confined(path: &Path) -> Result<Source, Failure> {
    let source = Source::open(path)?;
    confine(Confinement::Reader).map_err(|_| unconfined())?;
    Ok(source)
}

fn answer(answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    // Parsers may have printed something; the answer is the last line.
    out.write_all(b"\n")?;
    serde_json::to_writer(&mut out, answer)?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(unix)]
fn become_program(mut command: Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

#[cfg(not(unix))]
fn become_program(_: Command) -> io::Error {
    io::ErrorKind::Unsupported.into()
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

/// Works on a thread of its own, whose panic is an answer.
fn on_large_stack<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match thread::Builder::new().stack_size(STACK_BYTES).spawn(work) {
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

/// The system lacks what keeps a reader in bounds: its fault, not the file's.
fn unconfined() -> Failure {
    Failure::new(
        Code::Unavailable,
        "The system cannot confine the reader by seccomp, so no file is read. It will be tried again.",
    )
}

/// Reading the file took too much memory.
pub(crate) fn out_of_memory() -> Failure {
    Failure::new(
        Code::LimitMemory,
        "Reading the file took more memory than one file may have. Split it into smaller files.",
    )
}
