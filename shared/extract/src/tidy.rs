//! Makes text of any origin even: NFC, one kind of line end, no control characters, no runs of blank
//! lines.

use unicode_normalization::UnicodeNormalization;

/// Returns the text in NFC with `\n` line ends, without control characters but tab, without trailing
/// spaces, and with at most one blank line in a row.
pub(crate) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank_lines = 0_usize;
    let lines = text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split(['\r', '\u{c}', '\u{2028}', '\u{2029}'])
    });
    for line in lines {
        let start = out.len();
        if start > 0 {
            out.push('\n');
            if blank_lines > 0 {
                out.push('\n');
            }
        }
        let content = out.len();
        out.extend(line.nfc().filter(|&c| is_kept(c)));
        out.truncate(content + out[content..].trim_end().len());
        if out.len() == content {
            out.truncate(start);
            blank_lines += 1;
        } else {
            blank_lines = 0;
        }
    }
    out
}

/// Control characters and the byte order mark carry nothing a reader would miss.
fn is_kept(c: char) -> bool {
    c == '\t' || !(c.is_control() || c == '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn line_ends_and_blank_runs_become_even() {
        assert_eq!(
            tidy("\u{feff}a\r\nb  \r\r\r\n\n c\td\0\x07\n\n"),
            "a\nb\n\n c\td"
        );
    }

    #[test]
    fn leading_blank_lines_go_away() {
        assert_eq!(tidy("\n \n\nx"), "x");
        assert_eq!(tidy(" \r\n"), "");
    }
}
