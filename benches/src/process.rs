//! Other processes: started beside this one, their CPU time and memory read, and ended with it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How many ticks of CPU time a second has. Source: `USER_HZ`, which is 100 on every Linux that Rust is built for.
const TICKS: u32 = 100;

/// A process that is ended when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program, and returns the first line of its output with it: it says that it is up.
    ///
    /// # Panics
    /// When it does not start, or ends before it says so.
    pub fn start(command: &mut Command) -> (Self, String) {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = child.stdout.take().expect("its output");
        let mut lines = BufReader::new(said).lines();
        let first = lines.next().and_then(Result::ok);
        // Read away, so that a process that says more is not held up.
        std::thread::spawn(move || lines.for_each(drop));
        let process = Self { child };
        let first = first.unwrap_or_else(|| panic!("{command:?} ended"));
        (process, first)
    }

    /// Takes over a process that was started.
    #[must_use]
    pub const fn of(child: Child) -> Self {
        Self { child }
    }

    /// Returns the CPU time of the process so far, user and system, of all its threads.
    ///
    /// # Panics
    /// When the process has ended.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let stat = self.about("stat");
        // The name in parentheses may hold spaces. Source: proc_pid_stat(5).
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u32 = ticks
            .map(|field| field.parse::<u32>().expect("a number"))
            .sum();
        Duration::from_secs(1) / TICKS * ticks
    }

    /// Returns the resident memory of the process, in bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Returns the most resident memory that the process has had since it started or since
    /// [`Self::forget_peak`], in bytes.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Has the most resident memory begin again at what it is now.
    ///
    /// # Panics
    /// When the process has ended, or is someone else's.
    pub fn forget_peak(&self) {
        // Source: proc_pid_clear_refs(5).
        let path = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(path, "5").expect("the peak begins again");
    }

    fn status(&self, field: &str) -> u64 {
        let status = self.about("status");
        let kibibytes = status.lines().find_map(|line| {
            let rest = line.strip_prefix(field)?;
            rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        });
        kibibytes.expect("its memory") * 1024
    }

    fn about(&self, what: &str) -> String {
        let path = format!("/proc/{}/{what}", self.child.id());
        std::fs::read_to_string(path).expect("a process")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
