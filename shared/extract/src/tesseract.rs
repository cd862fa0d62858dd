//! Tesseract, where it is installed: <https://github.com/tesseract-ocr/tesseract>.
//!
//! It runs as a child of the same kind as the readers: our own program is started again, limits itself,
//! gives up the network and becomes Tesseract, which gets the picture by a pipe and answers by one.

mod page;

use std::ffi::OsStr;
use std::path::PathBuf;

use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::child::{Request, Task, crashed};
use crate::extractor::{diagnose, out_of_time, unavailable};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::process;

/// The name of the program.
const PROGRAM: &str = "tesseract";

/// The language that is tried when none is asked for.
const USUAL_LANGUAGE: &str = "eng";

/// Data that finds out how a page is turned or where formulas are, and no language.
const NO_LANGUAGES: &[&str] = &["osd", "equ"];

/// Most languages that are tried on one picture. Each takes time and 20 to 60 MB.
const MOST_LANGUAGES: usize = 4;

/// Most bytes of an answer: a dense page of 2,000 words has 120 KB of them in a table.
const ANSWER_BYTES: u64 = 32 * 1024 * 1024;

/// Reads pictures by Tesseract.
#[derive(Debug)]
pub struct Tesseract {
    reader: PathBuf,
    program: PathBuf,
    wanted: Vec<String>,
    limits: Limits,
    /// The languages as Tesseract takes them, `eng+deu`, or none when it has none of those wanted.
    languages: OnceCell<Option<String>>,
}

impl Tesseract {
    /// Uses the Tesseract at `program`, which is an absolute path. `reader` is the program of
    /// [`crate::Extractor::new`]. `wanted` are Tesseract's names of the languages to read, of which
    /// those that are installed count; when it is empty, English and three others at most that are
    /// installed.
    pub fn new(reader: PathBuf, program: PathBuf, wanted: Vec<String>, limits: Limits) -> Self {
        Self {
            reader,
            program,
            wanted,
            limits,
            languages: OnceCell::new(),
        }
    }

    /// Returns where Tesseract is in the folders of a `PATH`.
    pub fn in_path(path: &OsStr) -> Option<PathBuf> {
        std::env::split_paths(path)
            .map(|folder| folder.join(PROGRAM))
            .find(|program| program.is_absolute() && program.is_file())
    }

    /// Where it cannot be started, it is tried again for the next file.
    async fn languages(&self) -> Option<&str> {
        let find = || async {
            let listed = self.run(vec!["--list-langs".to_owned()], b"").await?;
            Ok(choose(&String::from_utf8_lossy(&listed), &self.wanted))
        };
        match self.languages.get_or_try_init(find).await {
            Ok(languages) => languages.as_deref(),
            Err::<_, Failure>(failure) => {
                tracing::error!(%failure, "Tesseract cannot be used");
                None
            }
        }
    }

    /// Runs Tesseract once with the picture as its standard input.
    async fn run(&self, arguments: Vec<String>, picture: &[u8]) -> Result<Vec<u8>, Failure> {
        let request = Request {
            task: Task::Program {
                program: self.program.clone(),
                arguments,
                // Its threads wait for each other more than they work.
                environment: vec![("OMP_THREAD_LIMIT".to_owned(), "1".to_owned())],
            },
            limits: self.limits,
        };
        let mut child = process::start(&self.reader).map_err(unavailable)?;
        let said = process::converse(&mut child, &request, picture, ANSWER_BYTES);
        let Ok(said) = timeout(self.limits.wall, said).await else {
            // The process is gone when this returns.
            let _ = child.kill().await;
            return Err(out_of_time());
        };
        let said = said.map_err(unavailable)?;
        match said.status {
            Some(status) if status.success() => Ok(said.output),
            Some(status) => Err(diagnose(status, &String::from_utf8_lossy(&said.complaints))),
            None => Err(crashed()),
        }
    }

    /// Whether it can be used at all. When not, pictures are left as they are.
    pub(crate) async fn is_ready(&self) -> bool {
        self.languages().await.is_some()
    }

    /// Returns the text of each page of a picture, blank where nothing is legible: a photo without
    /// text gives no text, never what its leaves and bricks resemble. The picture is a file of the
    /// formats that [`media::is_picture`] names or JPEG 2000, from an untrusted source; only TIFF has
    /// several pages.
    ///
    /// # Errors
    /// The picture cannot be read; it counts as one that no one has read.
    pub(crate) async fn recognize(&self, picture: &[u8]) -> Result<Vec<String>, Failure> {
        let Some(languages) = self.languages().await else {
            return Ok(Vec::new());
        };
        let arguments = [
            "stdin",
            "stdout",
            "-l",
            languages,
            "-c",
            "tessedit_create_tsv=1",
        ];
        let arguments = arguments.map(str::to_owned).to_vec();
        let table = self.run(arguments, picture).await?;
        Ok(page::legible_pages(&String::from_utf8_lossy(&table)))
    }
}

/// The languages to read, of those in the list that `tesseract --list-langs` prints under a heading.
fn choose(listed: &str, wanted: &[String]) -> Option<String> {
    let installed = || {
        let names = listed.lines().skip(1).map(str::trim);
        names.filter(|name| !name.is_empty() && !NO_LANGUAGES.contains(name))
    };
    let mut chosen: Vec<&str> = if wanted.is_empty() {
        // The usual one first: the first decides where the others are unsure. Scripts have a slash.
        let others = installed().filter(|name| *name != USUAL_LANGUAGE && !name.contains('/'));
        let usual = installed().filter(|name| *name == USUAL_LANGUAGE);
        usual.chain(others).collect()
    } else {
        let wanted = wanted.iter().map(String::as_str);
        wanted
            .filter(|name| installed().any(|one| one == *name))
            .collect()
    };
    chosen.truncate(MOST_LANGUAGES);
    (!chosen.is_empty()).then(|| chosen.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_those_installed_of_those_wanted() {
        let listed = "List of available languages in \"/usr/share\" (6):\ndeu\neng\nosd\npol\n\
            script/Latin\nfra\nspa\n";
        let of = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
            choose(listed, &wanted)
        };
        assert_eq!(of(&[]).as_deref(), Some("eng+deu+pol+fra"));
        assert_eq!(of(&["pol", "jpn", "deu"]).as_deref(), Some("pol+deu"));
        assert_eq!(of(&["jpn"]), None);
        assert_eq!(choose("List of available languages (0):\n", &[]), None);
    }

    #[test]
    fn program_is_looked_for_in_every_folder_of_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(PROGRAM);
        std::fs::write(&program, b"").unwrap();
        let path = std::env::join_paths(["/nowhere".as_ref(), folder.path()]).unwrap();
        assert_eq!(Tesseract::in_path(&path), Some(program));
        assert_eq!(Tesseract::in_path(OsStr::new("/nowhere")), None);
    }
}
