//! Signals that ask a process for its end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{Error, Result};

/// Who asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A person, by Ctrl-C.
    Interrupted,
    /// A program, by SIGTERM.
    Terminated,
}

impl Ending {
    /// What a process exits with that did not come to its own end: 128 and the signal's number, as
    /// shells count.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// Hears the signals from when it is made. Until then they end the process at once.
#[derive(Debug)]
pub(crate) struct Endings {
    interrupted: Signal,
    terminated: Signal,
}

impl Endings {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).map_err(Error::Runtime);
        Ok(Self {
            interrupted: listen(SignalKind::interrupt())?,
            terminated: listen(SignalKind::terminate())?,
        })
    }

    /// Returns when someone asks for the end.
    pub(crate) async fn asked(&mut self) -> Ending {
        tokio::select! {
            _ = self.interrupted.recv() => Ending::Interrupted,
            _ = self.terminated.recv() => Ending::Terminated,
        }
    }
}
