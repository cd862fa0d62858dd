//! The templates that ship with Sheaf, embedded in the binary.

use std::sync::LazyLock;

use crate::template::{Source, Template};

/// Names a folder under `templates/` with the formats it has a body for.
macro_rules! source {
    ($name:literal, bodies: [$($format:literal),*]) => {
        Source {
            manifest: include_str!(concat!("../templates/", $name, "/template.json")),
            schema: include_str!(concat!("../templates/", $name, "/schema.json")),
            example: include_str!(concat!("../templates/", $name, "/example.json")),
            bodies: &[$((
                $format,
                include_str!(concat!("../templates/", $name, "/body.", $format, ".j2")),
            )),*],
        }
    };
}

/// In the order of their names, which is the order they are listed in.
const SOURCES: [Source; 5] = [
    source!("configuration", bodies: ["md", "txt"]),
    source!("data_export", bodies: ["md", "html"]),
    source!("dossier_report", bodies: ["md", "html", "txt"]),
    source!("master_checklist", bodies: ["md", "html", "txt"]),
    source!("report", bodies: ["md", "html", "txt"]),
];

#[expect(
    clippy::expect_used,
    reason = "the sources are part of the binary and a test reads them all"
)]
static BUILT_IN: LazyLock<Catalog> = LazyLock::new(|| {
    let templates = SOURCES.iter().map(Template::read).collect::<Result<_, _>>();
    Catalog {
        templates: templates.expect("built-in templates are whole"),
    }
});

/// A set of templates.
#[derive(Debug)]
pub struct Catalog {
    templates: Vec<Template>,
}

impl Catalog {
    /// Returns the templates that ship with Sheaf. Read once, on first use.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Finds a template by name.
    pub fn get(&self, name: &str) -> Option<&Template> {
        self.templates
            .iter()
            .find(|template| template.name() == name)
    }

    /// Returns every template, by name.
    pub fn list(&self) -> &[Template] {
        &self.templates
    }
}
