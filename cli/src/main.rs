//! The `sheaf` command: wires, nothing else.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // Before anything else: files are read by this program, started again.
    local::read_if_asked();
    sheaf::run(sheaf::Arguments::parse())
}
