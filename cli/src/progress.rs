//! Progress bars: on a terminal only, on standard error, so that output can be piped.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Something that takes a while. Hidden when standard error is no terminal. Clones share one bar.
#[derive(Clone, Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Counts bytes on their way.
    pub(crate) fn bytes(message: impl Into<String>, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_style(style(
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ));
        bar.set_message(message.into());
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Turns while something is waited for.
    pub(crate) fn waiting(message: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg} ({elapsed})"));
        bar.set_message(message.into());
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// So many more are done.
    pub(crate) fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    /// So many are to be done again.
    pub(crate) fn take_back(&self, by: u64) {
        self.0.dec(by);
    }

    /// So many need not be done: they count as done, and not for the rate.
    pub(crate) fn skip(&self, by: u64) {
        if by > 0 {
            self.0.inc(by);
            self.0.reset_eta();
        }
    }

    /// Says what is going on now.
    pub(crate) fn say(&self, message: impl Into<String>) {
        self.0.set_message(message.into());
    }

    /// Takes the bar off while something else is printed.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    /// Takes the bar off.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A template that doesn't parse costs the looks of a bar, not the work it shows.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_sent_again_are_not_counted_twice() {
        let progress = Progress::bytes("sending", 10);

        progress.advance(7);
        progress.take_back(7);
        progress.advance(10);

        assert_eq!(progress.0.position(), 10);
    }
}
