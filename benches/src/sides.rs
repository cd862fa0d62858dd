//! The sides of a comparison, each a process of its own on the same emulators: what is measured of each, round after
//! round.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt as _;

use crate::emulators::{Emulators, VARIABLE};
use crate::process::Process;
use crate::{AT_ONCE, Connections, sibling};

/// Starts the emulators, and says where they are.
///
/// # Panics
/// When they do not start.
pub fn start_emulators() -> (Process, Emulators) {
    let (process, said) = Process::start(&mut Command::new(sibling("emulators")));
    let emulators = serde_json::from_str(&said);
    (process, emulators.expect("where the emulators are"))
}

/// The folder of a side that is not built with this program.
#[must_use]
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A side: a server, and what was measured of it.
#[derive(Debug)]
pub struct Side {
    /// What it is called.
    pub name: &'static str,
    /// Connections to it.
    pub connections: Connections,
    process: Process,
    rounds: Mutex<Vec<Round>>,
}

/// What a round of requests took.
#[derive(Clone, Debug)]
struct Round {
    wall: Duration,
    cpu: Duration,
    requests: Vec<Duration>,
}

/// What all rounds took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Requests per second, the middle of the rounds.
    pub rate: f64,
    /// CPU time of a request outside the emulators, in milliseconds.
    pub cpu_ms: f64,
    /// How long half of the requests took at most, in milliseconds.
    pub p50_ms: f64,
    /// How long 99 of 100 requests took at most, in milliseconds.
    pub p99_ms: f64,
}

impl Side {
    /// Starts a server that finds the emulators in its environment and says on its first line where it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(name: &'static str, command: &mut Command, emulators: &Emulators) -> Self {
        let (process, url) = Process::start(command.env(VARIABLE, emulators.to_json()));
        let connections = Connections::new(url.trim(), &emulators.token).await;
        Self {
            name,
            connections,
            process,
            rounds: Mutex::default(),
        }
    }

    /// Does something `count` times, [`AT_ONCE`] at once, and notes what it took.
    ///
    /// # Panics
    /// When another round of it goes on.
    pub async fn round<F, Fut>(&self, count: usize, act: F)
    where
        F: Fn(usize) -> Fut,
        Fut: Future<Output = ()>,
    {
        let (begun, cpu) = (Instant::now(), self.process.cpu());
        let requests = futures::stream::iter(0..count)
            .map(async |number| {
                let begun = Instant::now();
                act(number).await;
                begun.elapsed()
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        self.rounds
            .lock()
            .expect("one round at a time")
            .push(Round {
                wall: begun.elapsed(),
                cpu: self.process.cpu().saturating_sub(cpu),
                requests,
            });
    }

    /// Forgets the rounds so far, as those that only warm up, and returns what they took.
    ///
    /// # Panics
    /// When there were none.
    pub fn taken(&self) -> Taken {
        let rounds = std::mem::take(&mut *self.rounds.lock().expect("no round goes on"));
        let mut rates = crate::Rounds::default();
        let mut requests = Vec::new();
        let mut cpu = Duration::ZERO;
        for round in rounds {
            rates.add(crate::count(round.requests.len()) / round.wall.as_secs_f64());
            requests.extend(round.requests);
            cpu += round.cpu;
        }
        requests.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let at =
            |percent: usize| ms(requests[(requests.len() * percent / 100).min(requests.len() - 1)]);
        Taken {
            rate: rates.median(),
            cpu_ms: ms(cpu) / crate::count(requests.len()),
            p50_ms: at(50),
            p99_ms: at(99),
        }
    }
}
