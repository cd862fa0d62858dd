//! Finds the template that is asked for and renders it.

use api::finish::broken_off;
use domain::{Error, Kind, Result};
use render::{Catalog, Limits, Rendered, Template};
use serde_json::Value;

/// What is to be rendered.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// Name of the template.
    pub(crate) template: String,
    /// Its version; the current one when none is given.
    pub(crate) version: Option<u32>,
    /// What it is filled with.
    pub(crate) parameters: Value,
    /// What it is rendered into, as the client names it.
    pub(crate) format: String,
}

impl Recipe {
    /// Renders.
    ///
    /// # Errors
    /// `NotFound` when there is no such template; `Invalid` when the format is none of its own or
    /// the parameters don't fit its schema; `TooLarge` beyond the limits.
    pub(crate) async fn render(self, limits: Limits) -> Result<Rendered> {
        let template = find(&self.template, self.version)?;
        let format = self.format.parse()?;
        // Rendering computes without a pause, and other requests are not to wait for it.
        let rendering =
            tokio::task::spawn_blocking(move || template.render(&self.parameters, format, &limits));
        let rendered = rendering
            .await
            .map_err(|error| broken_off("rendering a template", error))?;
        Ok(rendered?)
    }
}

fn find(name: &str, version: Option<u32>) -> Result<&'static Template> {
    let template = Catalog::built_in()
        .get(name)
        .ok_or_else(|| Error::not_found(Kind::Template, name))?;
    match version {
        Some(version) if version != template.version() => Err(Error::not_found(
            Kind::Template,
            format!("{name} of version {version}"),
        )),
        _ => Ok(template),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(template: &str, version: Option<u32>, format: &str) -> Recipe {
        let parameters = Catalog::built_in()
            .get(template)
            .map(|template| template.example().clone())
            .unwrap_or_default();
        Recipe {
            template: template.to_owned(),
            version,
            parameters,
            format: format.to_owned(),
        }
    }

    #[tokio::test]
    async fn the_same_recipe_gives_the_same_bytes() {
        let render = || recipe("master_checklist", None, "md").render(Limits::default());
        assert_eq!(render().await.unwrap(), render().await.unwrap());
    }

    #[tokio::test]
    async fn a_template_or_version_that_is_not_there_is_not_found() {
        let current = find("report", None).unwrap().version();
        for recipe in [
            recipe("no_such_template", None, "md"),
            recipe("report", Some(current + 1), "md"),
        ] {
            let error = recipe.render(Limits::default()).await.unwrap_err();
            assert!(matches!(
                error,
                Error::NotFound {
                    kind: Kind::Template,
                    ..
                }
            ));
        }
        let rendered = recipe("report", Some(current), "md").render(Limits::default());
        assert!(rendered.await.is_ok());
    }

    #[tokio::test]
    async fn a_format_that_is_none_and_parameters_that_do_not_fit_name_their_field() {
        let pointer = |error: Error| match error {
            Error::Invalid { errors } => errors[0].pointer.clone(),
            other => panic!("{other:?}"),
        };
        let error = recipe("report", None, "exe")
            .render(Limits::default())
            .await;
        assert_eq!(pointer(error.unwrap_err()), "/format");
        let mut unfit = recipe("report", None, "md");
        unfit.parameters = Value::from(1);
        let error = unfit.render(Limits::default()).await;
        assert_eq!(pointer(error.unwrap_err()), "/parameters");
    }
}
