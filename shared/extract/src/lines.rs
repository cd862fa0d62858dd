//! Puts together the lines of an office document: a paragraph is a line, and so is a row of a table,
//! whose cells are apart by tabs.

/// Text being written.
#[derive(Default)]
pub(crate) struct Lines {
    out: String,
    in_cell: u64,
}

impl Lines {
    pub(crate) fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Adds text in which any white space is one space, and none at the start of a line.
    pub(crate) fn push_folded(&mut self, text: &str) {
        for character in text.chars() {
            if !character.is_ascii_whitespace() {
                self.out.push(character);
            } else if !self.out.is_empty() && !self.out.ends_with([' ', '\n', '\t']) {
                self.out.push(' ');
            }
        }
    }

    /// A tab, unless it would look like the next cell.
    pub(crate) fn tab(&mut self) {
        self.out.push(if self.in_cell > 0 { ' ' } else { '\t' });
    }

    /// The end of a line or paragraph. Those of one cell stay on its line.
    pub(crate) fn end_line(&mut self) {
        self.out.push(if self.in_cell > 0 { ' ' } else { '\n' });
    }

    pub(crate) fn open_cell(&mut self) {
        self.in_cell += 1;
    }

    pub(crate) fn close_cell(&mut self) {
        self.in_cell = self.in_cell.saturating_sub(1);
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.out.push('\t');
    }

    pub(crate) fn end_row(&mut self) {
        self.out
            .truncate(self.out.trim_end_matches(['\t', ' ']).len());
        self.end_line();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.out.len()
    }

    /// The text so far, after which it goes on empty.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }
}
