//! The filters a body may use.

use std::borrow::Cow;
use std::collections::HashMap;

use minijinja::value::{Serde, Value as TemplateValue, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::RenderError;
use crate::format::Markup;
use crate::limits::Limits;
use crate::settings;
use crate::table::{Column, Table, cell_text};

/// Longest line under a title in plain text.
const UNDERLINE_MAX: usize = 78;

/// Adds every filter there is.
pub(super) fn add(sandbox: &mut Environment<'_>, markup: Markup, limits: &Limits) {
    let cells_allowed = limits.table_cells;
    sandbox.add_filter("length", minijinja::filters::length);
    sandbox.add_filter("items", minijinja::filters::items);
    sandbox.add_filter("selectattr", minijinja::filters::selectattr);
    sandbox.add_filter("capitalized", capitalized);
    sandbox.add_filter("entries", entries);
    sandbox.add_filter("groups", groups);
    sandbox.add_filter("prose", move |text: &str, indent: Option<usize>| {
        written((markup.prose)(text, indent.unwrap_or(0)))
    });
    sandbox.add_filter("underlined", move |text: &str, sign: &str| {
        underlined(&(markup.inline)(text), sign)
    });
    sandbox.add_filter(
        "records",
        move |list: &TemplateValue, columns: Option<&TemplateValue>| {
            records(list, columns, cells_allowed)
        },
    );
    sandbox.add_filter(
        "table",
        move |table: &TemplateValue, caption: Option<String>| {
            let mut table: Table = read(table)?;
            table.caption = caption.or(table.caption);
            let table = table.squared(cells_allowed).map_err(ours)?;
            Ok::<_, Error>(written((markup.table)(&table)))
        },
    );
    sandbox.add_filter("flattened", |tree: &TemplateValue| {
        Ok::<_, Error>(TemplateValue::from(Serde(settings::table(&read(tree)?))))
    });
    sandbox.add_filter("environment", |tree: &TemplateValue, pointer: &str| {
        settings::environment(&read(tree)?, pointer)
            .map(written)
            .map_err(ours)
    });
}

/// The text of any value: strings as they are, null as nothing, all else as JSON.
pub(super) fn text_of(value: &TemplateValue) -> Result<Cow<'_, str>, Error> {
    match value.as_str() {
        Some(text) => Ok(Cow::Borrowed(text)),
        None => Ok(Cow::Owned(cell_text(&read(value)?).into_owned())),
    }
}

/// The text with its first letter in upper case.
fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).collect()
}

/// The values of an object as a list, each with its key as the field `name`.
fn entries(object: &TemplateValue, name: &str) -> Result<TemplateValue, Error> {
    let object: serde_json::Map<String, Value> = read(object)?;
    let entry = |(key, value): (String, Value)| {
        let mut entry = serde_json::Map::new();
        entry.insert(name.to_owned(), key.into());
        match value {
            Value::Object(fields) => entry.extend(fields),
            other => drop(entry.insert("value".to_owned(), other)),
        }
        Value::Object(entry)
    };
    let entries: Vec<_> = object.into_iter().map(entry).collect();
    Ok(TemplateValue::from(Serde(entries)))
}

/// Groups objects by a field: first the values of `order`, then others as they come, last those
/// without one, whose group has no name. Groups without members are left out.
fn groups(
    list: &TemplateValue,
    field: &str,
    order: Option<&TemplateValue>,
) -> Result<TemplateValue, Error> {
    let mut names: Vec<String> = order.map_or_else(|| Ok(Vec::new()), read)?;
    let mut members: HashMap<String, Vec<TemplateValue>> = HashMap::new();
    let mut nameless = Vec::new();
    names.retain(|name| members.insert(name.clone(), Vec::new()).is_none());
    for member in list.try_iter()? {
        let Some(name) = member.get_attr(field)?.as_str().map(str::to_owned) else {
            nameless.push(member);
            continue;
        };
        let group = members.entry(name).or_insert_with_key(|name| {
            names.push(name.clone());
            Vec::new()
        });
        group.push(member);
    }
    let ordered = names.into_iter().map(|name| {
        let members = members.remove(&name).unwrap_or_default();
        (TemplateValue::from(name), members)
    });
    let all = ordered.chain([(TemplateValue::from(()), nameless)]);
    let filled = all.filter(|(_, members)| !members.is_empty());
    Ok(filled
        .map(|(name, members)| {
            TemplateValue::from_pairs([("name", name), ("members", members.into())])
        })
        .collect())
}

/// Lays out a list of objects as a table. Columns are field names, or field names with labels.
fn records(
    list: &TemplateValue,
    columns: Option<&TemplateValue>,
    cells_allowed: usize,
) -> Result<TemplateValue, Error> {
    let list: Vec<Value> = read(list)?;
    let columns = columns.map(read_columns).transpose()?;
    let table = Table::of_records(&list, columns, cells_allowed).map_err(ours)?;
    Ok(TemplateValue::from(Serde(table)))
}

fn read_columns(columns: &TemplateValue) -> Result<Vec<Column>, Error> {
    if columns.kind() != ValueKind::Map {
        let fields: Vec<String> = read(columns)?;
        return Ok(fields.iter().map(|f| Column::from(f.as_str())).collect());
    }
    let labels: serde_json::Map<String, Value> = read(columns)?;
    let column = |(field, label): (String, Value)| Column {
        label: cell_text(&label).into_owned(),
        field,
    };
    Ok(labels.into_iter().map(column).collect())
}

/// Text with a line of signs under it, as wide as itself.
fn underlined(line: &str, sign: &str) -> TemplateValue {
    let width = unicode_width::UnicodeWidthStr::width(line).clamp(1, UNDERLINE_MAX);
    written(format!("{line}\n{}", sign.repeat(width)))
}

/// Marks text as written for its format.
fn written(text: String) -> TemplateValue {
    TemplateValue::from_safe_string(text)
}

/// Reads a value of the engine as one of ours.
fn read<T: DeserializeOwned>(value: &TemplateValue) -> Result<T, Error> {
    serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

/// Carries an error of ours through the engine.
fn ours(error: RenderError) -> Error {
    Error::new(ErrorKind::InvalidOperation, "refused").with_source(error)
}
