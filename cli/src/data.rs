//! The data folder of the local runner.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};

/// Which data folder to use.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataArguments {
    /// The folder everything is kept in; `~/.local/share/sheaf` unless given
    #[arg(
        long = "data",
        value_name = "DIR",
        env = "SHEAF_DATA",
        hide_env_values = true
    )]
    folder: Option<PathBuf>,
}

impl DataArguments {
    /// Returns the folder that is given, or the usual one.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let home = std::env::home_dir().ok_or_else(|| {
            Error::Usage("there is no home folder here: give --data DIR".to_owned())
        })?;
        Ok(home.join(".local/share/sheaf"))
    }
}
