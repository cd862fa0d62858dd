//! Folders: a list of them.

use super::Output;
use super::human;
use super::table::{Cell, Table};
use crate::views::Folder;

/// Writes a line for each folder, with a slash at its end, as it is no file.
pub(crate) fn list(folders: &[Folder], output: &Output) -> String {
    let mut table = Table::new(&["FOLDER", ">FILES", ">FOLDERS", ">SIZE", "CHANGED", "ID"]);
    for folder in folders {
        table.row(vec![
            Cell::new(format!("{}/", folder.path)),
            Cell::new(folder.file_count.to_string()),
            Cell::new(folder.folder_count.to_string()),
            Cell::new(human::size(folder.size_bytes)),
            Cell::optional(folder.updated_at.map(|at| human::time(at, &output.zone))),
            Cell::new(&folder.id),
        ]);
    }
    table.render(output.paint)
}
