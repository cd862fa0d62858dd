//! How much one file may take to read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const MIB: u64 = 1024 * 1024;

/// How much one file may take to read. Memory and times are kept by the operating system and
/// the parent, the rest by the readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the file itself: readers hold all of it in memory.
    pub file_bytes: u64,
    /// Address space of the child, which is more than it touches: the program itself and the stack
    /// of its reader are in it.
    pub memory_bytes: u64,
    /// Processor time of the child, in whole seconds.
    pub cpu_seconds: u64,
    /// Time from start to answer.
    pub wall: Duration,
    /// Bytes of text in UTF-8.
    pub text_bytes: u64,
    /// Pages of a PDF.
    pub pages: usize,
    /// Members of a ZIP container, which DOCX and XLSX are.
    pub zip_entries: usize,
    /// Bytes of one member of a container when unpacked.
    pub entry_bytes: u64,
    /// Bytes of all members of a container when unpacked.
    pub unpacked_bytes: u64,
    /// How many times larger than packed a member may be, when it is over 1 MiB. Deflate reaches
    /// 1032 on zeros; the XML of real documents stays under 60.
    pub unpack_ratio: u64,
    /// Rows of a table that its text shows. Sums are over all rows.
    pub sample_rows: usize,
    /// Messages attached to messages attached to messages.
    pub message_depth: usize,
    /// Files attached to a message and to those within it. The rest is named and not read.
    pub attachments: usize,
    /// Pictures and scanned pages that are recognized. Each may take the processor time and the
    /// memory of a child of its own.
    pub recognized_pictures: usize,
    /// Time for all of them. What is left then stays unread. With `wall`, less than a deployed function has for a file.
    pub recognition_wall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 256 * MIB,
            memory_bytes: 1024 * MIB,
            cpu_seconds: 30,
            wall: Duration::from_mins(1),
            text_bytes: 16 * MIB,
            pages: 5_000,
            zip_entries: 10_000,
            entry_bytes: 256 * MIB,
            unpacked_bytes: 512 * MIB,
            unpack_ratio: 200,
            sample_rows: 500,
            message_depth: 4,
            attachments: 100,
            recognized_pictures: 60,
            recognition_wall: Duration::from_mins(1),
        }
    }
}
