//! Folders: a list of those in the trash.

use super::Output;
use super::human;
use super::table::{Cell, Table};
use crate::views::Folder;

/// Writes a line for each folder of the trash: until when it is kept, and with a slash at its end, as it is no file.
pub(crate) fn list_trashed(folders: &[Folder], output: &Output) -> String {
    let mut table = Table::new(&["FOLDER", ">FILES", ">FOLDERS", ">SIZE", "KEPT UNTIL", "ID"]);
    for folder in folders {
        table.row(vec![
            Cell::new(format!("{}/", folder.path)),
            Cell::new(folder.file_count.to_string()),
            Cell::new(folder.folder_count.to_string()),
            Cell::new(human::size(folder.size_bytes)),
            Cell::optional(folder.purge_at.map(|at| human::time(at, &output.zone))),
            Cell::new(&folder.id),
        ]);
    }
    table.render(output.paint)
}
