//! The program that reads untrusted files: a test's own executable cannot be it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Returns the path of `extract-child`, which is built when it is missing: a test of one package
/// builds only what that package needs.
pub(crate) fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(find).clone()
}

fn find() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let folder = this.parent().expect("the folder of this program");
    // A test is in target/{profile}/deps, a bench beside extract-child in target/{profile}.
    let folder = if folder.ends_with("deps") {
        folder.parent().expect("the folder of this profile")
    } else {
        folder
    };
    let program = folder.join("extract-child");
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--package",
                "extract",
                "--bin",
                "extract-child",
            ])
            .arg("--target-dir")
            .arg(folder.parent().expect("the target folder"))
            .status()
            .expect("cargo");
        assert!(status.success(), "extract-child could not be built");
    }
    program
}
