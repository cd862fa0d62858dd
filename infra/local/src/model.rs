//! The language model, by its name.

use std::sync::Arc;

use ai::LanguageModel;

/// Prepares a model: `extractive`, `bedrock` or `bedrock:MODEL`. Bedrock is reached as the AWS SDK
/// is set up in the environment.
///
/// # Errors
/// What is wrong with the name.
pub async fn connect(name: &str) -> Result<Arc<dyn LanguageModel>, String> {
    let config: ai::Config = name.parse().map_err(|error| format!("{name}: {error}"))?;
    Ok(config.connect(runtime::aws::from_anywhere()).await)
}
