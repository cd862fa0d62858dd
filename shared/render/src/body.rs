//! Fills the body of a template: `MiniJinja` in a sandbox.
//!
//! A body reaches the parameters and the filters below, nothing else: no loader, no file, no
//! network, no clock. Steps, recursion and output are bounded. Every value is written by the
//! format's markup, whatever a body says; only what a filter here has made passes unescaped.

use minijinja::value::{Serde, Value as TemplateValue};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig};
use serde_json::Value;

use crate::error::{Bound, RenderError};
use crate::format::{Format, Markup};
use crate::limits::{Limits, Output, exceeded};

mod filters;

/// What every HTML body extends.
const HTML_PAGE: (&str, &str) = (
    "page.html",
    include_str!("../templates/shared/page.html.j2"),
);

/// The name bodies go by in error messages.
const BODY: &str = "body";

/// Fills a body with parameters. The result ends with one line feed.
pub(crate) fn fill(
    source: &str,
    format: Format,
    markup: Markup,
    parameters: &Value,
    limits: &Limits,
) -> Result<Vec<u8>, RenderError> {
    let mut output = Output::new(Bound::OutputBytes, limits.output_bytes);
    let context = TemplateValue::from(Serde(parameters));
    let filled = sandbox(format, markup, limits)
        .and_then(|mut sandbox| {
            sandbox.add_template(HTML_PAGE.0, HTML_PAGE.1)?;
            sandbox.add_template(BODY, source)?;
            let body = sandbox.get_template(BODY)?;
            body.render_captured_to(context, &mut output).map(drop)
        })
        .map_err(|error| explain(&error, limits));
    if !output.is_over() {
        filled?;
    }
    let mut bytes = output.finish()?;
    let end = bytes
        .iter()
        .rposition(|byte| *byte != b'\n')
        .map_or(0, |last| last + 1);
    bytes.truncate(end);
    bytes.push(b'\n');
    Ok(bytes)
}

/// An engine without anything a body does not need.
fn sandbox<'source>(
    format: Format,
    markup: Markup,
    limits: &Limits,
) -> Result<Environment<'source>, minijinja::Error> {
    let mut sandbox = Environment::empty();
    sandbox.set_fuel(Some(limits.steps as u64));
    sandbox.set_recursion_limit(limits.recursion);
    sandbox.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    sandbox.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    // Never `None`: what a macro or a `set` block has captured is then known to be written already.
    sandbox.set_auto_escape_callback(move |_| AutoEscape::Custom(format.name().into()));
    sandbox.set_formatter(move |out, _, value| {
        if value.is_safe() {
            out.write_str(value.as_str().unwrap_or_default())?;
        } else {
            out.write_str(&(markup.inline)(&filters::text_of(value)?))?;
        }
        Ok(())
    });
    filters::add(&mut sandbox, markup, limits);
    Ok(sandbox)
}

/// Finds out what went wrong: an error of ours from a filter, the step limit, or the body.
fn explain(error: &minijinja::Error, limits: &Limits) -> RenderError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(ours) = current.downcast_ref::<RenderError>() {
            return ours.clone();
        }
        let engine = current.downcast_ref::<minijinja::Error>();
        if engine.is_some_and(|e| e.kind() == ErrorKind::OutOfFuel) {
            return exceeded(Bound::Steps, limits.steps);
        }
        cause = current.source();
    }
    RenderError::Template {
        detail: error.to_string(),
        line: error.line(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::format::Writing;

    fn fill_text(source: &str, parameters: &Value, limits: &Limits) -> Result<String, RenderError> {
        let Writing::Body(markup) = Format::Html.syntax().writing else {
            unreachable!("HTML has bodies")
        };
        let bytes = fill(source, Format::Html, markup, parameters, limits)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn escaping_can_not_be_turned_off_by_a_body() {
        let source = "{% autoescape false %}{{ x }}{% endautoescape %}";

        let text = fill_text(source, &json!({"x": "<b>"}), &Limits::default()).unwrap();

        assert_eq!(text, "&lt;b&gt;\n");
    }

    #[test]
    fn captured_values_are_escaped_once() {
        let source = "{% set y %}{{ x }}{% endset %}{% macro m() %}{{ y }}{% endmacro %}{{ m() }}";

        let text = fill_text(source, &json!({"x": "<b>"}), &Limits::default()).unwrap();

        assert_eq!(text, "&lt;b&gt;\n");
    }

    #[test]
    fn a_long_loop_runs_out_of_steps() {
        let source = "{% for a in x %}{% for b in x %}{{ b }}{% endfor %}{% endfor %}";
        let limits = Limits {
            steps: 1000,
            ..Limits::default()
        };

        let refused = fill_text(source, &json!({"x": vec![1; 100]}), &limits).unwrap_err();

        assert_eq!(refused, exceeded(Bound::Steps, 1000));
    }

    #[test]
    fn endless_recursion_is_cut_off() {
        let source = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";

        let refused = fill_text(source, &json!({}), &Limits::default()).unwrap_err();

        assert!(
            matches!(refused, RenderError::Template { .. }),
            "{refused:?}"
        );
    }

    #[test]
    fn output_stops_at_its_limit() {
        let limits = Limits {
            output_bytes: 1000,
            ..Limits::default()
        };

        let source = "{% for a in x %}{{ a }}{% endfor %}";
        let refused = fill_text(source, &json!({"x": vec!["abc"; 1000]}), &limits).unwrap_err();

        assert_eq!(refused, exceeded(Bound::OutputBytes, 1000));
    }

    #[test]
    fn a_body_reaches_no_other_file() {
        for source in [
            "{% include '/etc/passwd' %}",
            "{% extends '../x' %}",
            "{% import 'y' as y %}",
        ] {
            let refused = fill_text(source, &json!({}), &Limits::default()).unwrap_err();

            assert!(
                refused.to_string().contains("template not found"),
                "{refused}"
            );
        }
    }

    #[test]
    fn what_a_body_was_not_given_is_an_error_with_its_line() {
        let refused = fill_text("a\n{{ b }}", &json!({}), &Limits::default()).unwrap_err();

        assert!(
            matches!(refused, RenderError::Template { line: Some(2), .. }),
            "{refused:?}"
        );
    }
}
