//! Opens ZIP containers without trusting what they say about their sizes.

use std::io::{self, BufReader, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::failure::{Code, Failure};
use crate::limits::Limits;
use crate::source::{Source, Stream};

/// Members under this size may pack as well as they like.
const RATIO_COUNTS_FROM: u64 = 1024 * 1024;

/// A ZIP archive whose members are read under limits.
pub(crate) struct Container {
    archive: ZipArchive<BufReader<Stream>>,
    limits: Limits,
    unpacked_bytes: u64,
    what: &'static str,
}

impl Container {
    /// Opens the archive; `what` names its format for failures: `Word document`.
    pub(crate) fn open(
        source: &Source,
        what: &'static str,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let archive = ZipArchive::new(source.stream()?).map_err(|_| Failure::corrupt(what))?;
        if archive.len() > limits.zip_entries {
            return Err(too_large(&format!(
                "It has more than {} members",
                limits.zip_entries
            )));
        }
        Ok(Self {
            archive,
            limits: *limits,
            unpacked_bytes: 0,
            what,
        })
    }

    /// The names of all members, in order, without those that are not UTF-8.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.archive.file_names_raw();
        names
            .filter_map(|name| Some(std::str::from_utf8(name).ok()?.to_owned()))
            .collect()
    }

    /// Unpacks one member, or nothing when there is none of that name.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(index) = self.archive.index_for_name(name) else {
            return Ok(None);
        };
        let mut content = Vec::new();
        self.unpack(index, &mut content)?;
        Ok(Some(content))
    }

    /// Unpacks every member to nowhere, so that a reader which unpacks by itself meets no surprise.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        for index in 0..self.archive.len() {
            self.unpack(index, &mut io::sink())?;
        }
        Ok(())
    }

    fn unpack(&mut self, index: usize, out: &mut impl io::Write) -> Result<(), Failure> {
        let what = self.what;
        let left = self
            .limits
            .unpacked_bytes
            .saturating_sub(self.unpacked_bytes);
        let member = self.archive.by_index(index).map_err(|error| match error {
            ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => Failure::encrypted(),
            _ => Failure::corrupt(what),
        })?;
        let by_ratio = member
            .compressed_size()
            .saturating_mul(self.limits.unpack_ratio);
        let allowed = by_ratio
            .max(RATIO_COUNTS_FROM)
            .min(self.limits.entry_bytes)
            .min(left);
        // One more than allowed tells a member that ends at the limit from one that goes on.
        let written =
            io::copy(&mut member.take(allowed + 1), out).map_err(|_| Failure::corrupt(what))?;
        if written > allowed {
            return Err(too_large("A part of it unpacks to far more than its size"));
        }
        self.unpacked_bytes += written;
        Ok(())
    }
}

fn too_large(why: &str) -> Failure {
    Failure::new(
        Code::TooLargeInside,
        format!(
            "{why}, which no document of this kind needs. Save it again in the program that made it, \
             or split it."
        ),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    /// A ZIP archive of the members.
    pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            archive
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }
}
