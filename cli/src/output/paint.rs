//! Colors, where they are wanted.

/// Whether to color, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    colored: bool,
}

impl Paint {
    /// Without color.
    pub(crate) const PLAIN: Self = Self { colored: false };

    /// Colors a terminal, unless `NO_COLOR` is set to something (no-color.org) or it is dumb.
    pub(crate) fn of(is_terminal: bool) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        if is_terminal && !unwanted && !dumb {
            Self { colored: true }
        } else {
            Self::PLAIN
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Colors the status of a file or a dossier: done, on its way, in trouble.
    pub(crate) fn status(self, status: &str) -> String {
        match status {
            "completed" | "generated" => self.green(status),
            "failed" | "quarantined" => self.red(status),
            other => self.yellow(other),
        }
    }

    /// Wraps text in a "select graphic rendition" sequence. Source: ECMA-48, 8.3.117.
    fn wrap(self, code: &str, text: &str) -> String {
        if self.colored {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_terminal_is_colored() {
        assert_eq!(Paint::of(false), Paint::PLAIN);
        assert_eq!(Paint::PLAIN.status("failed"), "failed");
        assert_eq!(Paint { colored: true }.red("x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
