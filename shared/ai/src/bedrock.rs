//! Models of Amazon Bedrock, called by its Converse operation.
//!
//! IAM: `bedrock:InvokeModel` on the model, or on the inference profile and the models behind it.
//! Requests are tried again by the SDK, with exponential backoff and full jitter, while the model
//! throttles or is not ready, until [`Limits::total`] is over.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::Builder;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, Message, SystemContentBlock,
};
use tracing::{info, warn};

use crate::prompt::{self, Prompt};
use crate::{
    Completion, DocumentInput, DossierInput, LanguageModel, ModelError, Task, budget, share,
};

mod answer;
mod failure;

use answer::Answer;

/// A model of Amazon Bedrock.
#[derive(Clone, Debug)]
pub struct Bedrock {
    client: Client,
    model_id: String,
    limits: Limits,
}

/// What one summary may cost in time and tokens.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Tokens of a document, or of a dossier's documents, that the model is shown.
    pub input_tokens: usize,
    /// Tokens the model may write.
    pub output_tokens: i32,
    /// Longest time for one try.
    pub attempt: Duration,
    /// Longest time for one call of the model with all its tries and the waiting in between.
    pub total: Duration,
    /// Most tries.
    pub attempts: u32,
    /// Longest first wait before trying again; it doubles with each try.
    pub first_backoff: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            input_tokens: 24_000,
            output_tokens: 600,
            attempt: Duration::from_secs(30),
            total: Duration::from_mins(1),
            attempts: 6,
            first_backoff: Duration::from_secs(1),
        }
    }
}

impl Bedrock {
    /// The model that is used when none is named: Amazon Nova Lite by its inference profile for the
    /// regions of the United States.
    pub const DEFAULT_MODEL_ID: &'static str = "us.amazon.nova-lite-v1:0";

    /// Makes the model with the usual limits. Endpoint, region and credentials are those of `aws`.
    pub fn new(aws: &SdkConfig, model_id: impl Into<String>) -> Self {
        Self::with_limits(aws, model_id, Limits::default())
    }

    /// Makes the model with limits of its own.
    pub fn with_limits(aws: &SdkConfig, model_id: impl Into<String>, limits: Limits) -> Self {
        let retry = RetryConfig::standard()
            .with_max_attempts(limits.attempts)
            .with_initial_backoff(limits.first_backoff)
            .with_max_backoff(limits.first_backoff.saturating_mul(16));
        let timeout = TimeoutConfig::builder()
            .operation_attempt_timeout(limits.attempt)
            .operation_timeout(limits.total)
            .build();
        let config = Builder::from(aws)
            .retry_config(retry)
            .timeout_config(timeout)
            .build();
        Self {
            client: Client::from_conf(config),
            model_id: model_id.into(),
            limits,
        }
    }

    async fn ask(&self, system: &str, messages: Vec<Message>) -> Result<Answer, ModelError> {
        let inference = InferenceConfiguration::builder()
            .max_tokens(self.limits.output_tokens)
            .temperature(0.0)
            .build();
        let response = self
            .client
            .converse()
            .model_id(&self.model_id)
            .system(SystemContentBlock::Text(system.to_owned()))
            .set_messages(Some(messages))
            .inference_config(inference)
            .send()
            .await;
        let response = response.map_err(|error| {
            let error = failure::model_error(error);
            warn!(model = %self.model_id, code = error.code(), "language model failed");
            error
        })?;
        let answer = Answer::read(response)?;
        info!(
            model = %self.model_id,
            input_tokens = answer.input_tokens,
            output_tokens = answer.output_tokens,
            "language model answered"
        );
        Ok(answer)
    }

    fn completion(
        &self,
        answer: Answer,
        prompt_version: &'static str,
        (part, whole): (usize, usize),
    ) -> Completion {
        Completion {
            text: answer.text,
            model: self.model_id.clone(),
            prompt_version,
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
            confidence: share(part, whole),
        }
    }
}

#[async_trait]
impl LanguageModel for Bedrock {
    fn id(&self) -> &str {
        &self.model_id
    }

    fn prompt_version(&self, task: Task) -> &'static str {
        match task {
            Task::Document => prompt::DOCUMENT_VERSION,
            Task::Dossier => prompt::DOSSIER_VERSION,
        }
    }

    async fn summarize_document(&self, input: &DocumentInput) -> Result<Completion, ModelError> {
        if input.text.trim().is_empty() {
            return Err(ModelError::NoText);
        }
        let Prompt {
            version,
            system,
            user,
        } = prompt::document(input, self.limits.input_tokens);
        let answer = self
            .ask(&system, vec![said(ConversationRole::User, user)?])
            .await?;
        let shown = budget::fit(&input.text, self.limits.input_tokens).len();
        Ok(self.completion(answer, version, (shown, input.text.len())))
    }

    /// Asks once more when the first answer has a number that is not among the figures.
    async fn summarize_dossier(&self, input: &DossierInput) -> Result<Completion, ModelError> {
        let Prompt {
            version,
            system,
            user,
        } = prompt::dossier(input, self.limits.input_tokens);
        let question = said(ConversationRole::User, user)?;
        let first = self.ask(&system, vec![question.clone()]).await?;
        let answer = match input.check(&first.text) {
            Ok(()) => first,
            Err(mismatch) => {
                let correction = prompt::correction(&mismatch.number);
                let conversation = vec![
                    question,
                    said(ConversationRole::Assistant, first.text.clone())?,
                    said(ConversationRole::User, correction)?,
                ];
                let second = self.ask(&system, conversation).await?.after(&first);
                input.check(&second.text)?;
                second
            }
        };
        Ok(self.completion(answer, version, input.known()))
    }
}

fn said(role: ConversationRole, text: String) -> Result<Message, ModelError> {
    Message::builder()
        .role(role)
        .content(ContentBlock::Text(text))
        .build()
        .map_err(|error| ModelError::Rejected {
            source: Box::new(error),
        })
}
