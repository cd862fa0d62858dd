//! Markdown: its text without the markup, tables as rows of cells.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::html;
use crate::limits::Limits;
use crate::plain::decode;
use crate::tidy::tidy;

/// Reads Markdown. Front matter is kept, since it often carries dates.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Extraction, Failure> {
    let source = decode(bytes);
    if source.len() as u64 > limits.text_bytes {
        return Err(Failure::too_much_text(limits.text_bytes));
    }
    let text = tidy(&text(&source));
    Ok(Extraction::text(text, None))
}

fn text(source: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut out = String::with_capacity(source.len());
    for event in Parser::new_ext(source, options) {
        match event {
            Event::Text(text)
            | Event::Code(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text) => out.push_str(&text),
            Event::Html(markup) | Event::InlineHtml(markup) => html::append_text(&markup, &mut out),
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(TagEnd::CodeBlock | TagEnd::MetadataBlock(_)) => out.push('\n'),
            Event::Start(Tag::Item) => out.push_str("- "),
            Event::End(TagEnd::TableCell) => out.push('\t'),
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => {
                out.truncate(out.trim_end_matches('\t').len());
                out.push('\n');
            }
            Event::End(TagEnd::Item) if !out.ends_with('\n') => out.push('\n'),
            Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Table | TagEnd::List(_),
            ) => {
                out.push_str("\n\n");
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_goes_and_structure_stays() {
        let source = "---\ndate: 2024-01-15\n---\n# Bill\n\nPay **$5.00** to [us](http://x.y).\n\n\
            - one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nBye<br>now <!-- hidden -->";
        assert_eq!(
            tidy(&text(source)),
            "date: 2024-01-15\n\nBill\n\nPay $5.00 to us.\n\n- one\n- two\n\na\tb\n1\t2\n\nBye\nnow"
        );
    }

    #[test]
    fn deep_nesting_is_read_in_linear_time() {
        for hostile in [
            "> ".repeat(50_000),
            "[".repeat(50_000),
            "* ".repeat(50_000),
            "**a ".repeat(50_000),
        ] {
            assert!(text(&hostile).len() <= hostile.len() * 4);
        }
    }
}
