//! HTML: values escaped for text and for quoted attributes alike.

use super::{Markup, Syntax, Writing};
use crate::lines::{one_line, paragraphs};
use crate::table::{Table, cell_text};

pub(super) const SYNTAX: Syntax = Syntax {
    name: "html",
    aliases: &["htm"],
    media_type: "text/html; charset=utf-8",
    writing: Writing::Body(Markup {
        inline,
        prose,
        table,
    }),
};

fn inline(text: &str) -> String {
    escape(&one_line(text))
}

/// One `p` for each paragraph. HTML needs no indentation.
fn prose(text: &str, _indent: usize) -> String {
    let paragraphs: Vec<_> = paragraphs(text)
        .iter()
        .map(|lines| format!("<p dir=\"auto\">{}</p>", escape(&lines.join("\n"))))
        .collect();
    paragraphs.join("\n")
}

fn table(table: &Table) -> String {
    let numeric = table.numeric_columns();
    let class = |index: usize| match numeric.get(index) {
        Some(true) => " class=\"number\"",
        _ => " dir=\"auto\"",
    };
    let mut html = String::from("<div class=\"scroll\"><table>\n");
    if let Some(caption) = &table.caption {
        html.extend(["<caption dir=\"auto\">", &inline(caption), "</caption>\n"]);
    }
    html.push_str("<thead><tr>");
    for (index, name) in table.columns.iter().enumerate() {
        let name = inline(name);
        html.extend(["<th scope=\"col\"", class(index), ">", &name, "</th>"]);
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            let cell = inline(&cell_text(cell));
            html.extend(["<td", class(index), ">", &cell, "</td>"]);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>");
    html
}

fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaped_text_holds_no_markup_and_reads_back(text in any::<String>()) {
            let html = escape(&text);

            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            let back = html
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&");
            prop_assert_eq!(back, text);
        }
    }
}
