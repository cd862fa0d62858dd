//! Reads what a Bedrock model answered.

use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::types::{ContentBlock, StopReason};
use unicode_segmentation::UnicodeSegmentation;

use crate::ModelError;

/// Longest summary that is kept, in characters. Instructions ask for far less.
const MAX_CHARACTERS: usize = 4_000;

/// The text of an answer and what it took.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
}

impl Answer {
    /// Takes the text out of a response, by the reason for which the model stopped.
    pub(super) fn read(response: ConverseOutput) -> Result<Self, ModelError> {
        let tokens = response
            .usage
            .map(|usage| (usage.input_tokens, usage.output_tokens));
        let message = response
            .output
            .as_ref()
            .and_then(|output| output.as_message().ok());
        // Every answer has a message, also a filtered one: this is none, but perhaps a proxy's.
        let message = message.ok_or_else(|| ModelError::Unavailable {
            source: "the response has no message".into(),
        })?;
        let text = text_of(message.content());
        let text = match response.stop_reason {
            StopReason::EndTurn | StopReason::StopSequence => text,
            StopReason::MaxTokens => whole_sentences(&text),
            StopReason::ContentFiltered => {
                return Err(ModelError::Refused {
                    reason: "the model's content filter acted",
                });
            }
            StopReason::GuardrailIntervened => {
                return Err(ModelError::Refused {
                    reason: "a guardrail intervened",
                });
            }
            _ => {
                return Err(ModelError::InvalidAnswer {
                    detail: "the model stopped without finishing its answer",
                });
            }
        };
        if text.is_empty() {
            return Err(ModelError::InvalidAnswer {
                detail: "it has no text",
            });
        }
        let count = |tokens: i32| u64::try_from(tokens).ok();
        Ok(Self {
            text,
            input_tokens: tokens.and_then(|(input, _)| count(input)),
            output_tokens: tokens.and_then(|(_, output)| count(output)),
        })
    }

    /// Counts in what an earlier answer took.
    pub(super) fn after(mut self, earlier: &Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        self.input_tokens = sum(self.input_tokens, earlier.input_tokens);
        self.output_tokens = sum(self.output_tokens, earlier.output_tokens);
        self
    }
}

/// Joins the text blocks; reasoning and other blocks are left out.
fn text_of(blocks: &[ContentBlock]) -> String {
    let text: String = blocks
        .iter()
        .filter_map(|block| block.as_text().ok())
        .map(String::as_str)
        .collect();
    let printable = |c: &char| *c == '\n' || !c.is_control();
    let text: String = text
        .chars()
        .filter(printable)
        .take(MAX_CHARACTERS)
        .collect();
    text.trim().to_owned()
}

/// Leaves out an unfinished sentence at the end; nothing is left of a text without a finished one.
fn whole_sentences(text: &str) -> String {
    let ends = ['.', '!', '?', '…', '。', '！', '？', '।', '؟'];
    let finished = |sentence: &str| sentence.trim_end().ends_with(ends);
    let end = text
        .split_sentence_bound_indices()
        .filter(|(_, sentence)| finished(sentence))
        .last()
        .map_or(0, |(at, sentence)| at + sentence.len());
    text.get(..end).unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_sentences_are_left_out() {
        assert_eq!(
            whole_sentences("One. Two is 2.5 km. Three"),
            "One. Two is 2.5 km."
        );
        assert_eq!(whole_sentences("合計です。次の"), "合計です。");
        assert_eq!(whole_sentences("no end"), "");
    }
}
