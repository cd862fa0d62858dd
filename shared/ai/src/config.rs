//! Which model to use, as a setting says it: `extractive`, `bedrock` or `bedrock:MODEL_ID`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_config::SdkConfig;
use domain::Error;

use crate::{Bedrock, Extractive, LanguageModel};

/// Which model to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Config {
    /// The built-in extractive model.
    #[default]
    Extractive,
    /// A model of Amazon Bedrock.
    Bedrock {
        /// Id of the model or of an inference profile.
        model_id: String,
    },
}

impl Config {
    /// Makes the model. The AWS settings say where Bedrock is and with which credentials to call
    /// it; the extractive model needs none, and nothing is looked up for it.
    pub async fn connect(&self, aws: impl Future<Output = SdkConfig>) -> Arc<dyn LanguageModel> {
        match self {
            Self::Extractive => Arc::new(Extractive),
            // Behind a pointer: the SDK's search for settings is deep.
            Self::Bedrock { model_id } => Arc::new(Bedrock::new(&Box::pin(aws).await, model_id)),
        }
    }
}

impl FromStr for Config {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (kind, model_id) = match text.trim().split_once(':') {
            Some((kind, model_id)) => (kind, Some(model_id)),
            None => (text.trim(), None),
        };
        match (kind, model_id) {
            ("extractive", None) => Ok(Self::Extractive),
            ("bedrock", None) => Ok(Self::Bedrock {
                model_id: Bedrock::DEFAULT_MODEL_ID.to_owned(),
            }),
            ("bedrock", Some(model_id)) if !model_id.is_empty() => Ok(Self::Bedrock {
                model_id: model_id.to_owned(),
            }),
            _ => Err(Error::invalid(
                "/model",
                "a model is extractive, bedrock, or bedrock: and a model id",
            )),
        }
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extractive => f.write_str("extractive"),
            Self::Bedrock { model_id } => write!(f, "bedrock:{model_id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_a_model() {
        for (text, shown) in [
            ("extractive", "extractive"),
            (" bedrock ", "bedrock:us.amazon.nova-lite-v1:0"),
            (
                "bedrock:eu.amazon.nova-pro-v1:0",
                "bedrock:eu.amazon.nova-pro-v1:0",
            ),
        ] {
            assert_eq!(text.parse::<Config>().unwrap().to_string(), shown);
        }
        for text in ["", "bedrock:", "extractive:x", "gpt"] {
            assert!(text.parse::<Config>().is_err(), "{text:?} names no model");
        }
    }
}
