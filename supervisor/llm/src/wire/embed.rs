//! Vectors in each interface: the question, and what is read of the answer.

use serde_json::{Value, json};

use super::Interface;
use crate::{LlmError, embed::MOST_DIMENSIONS};

impl Interface {
    /// Path below the base URL, in parts, and body of a question for vectors; `None` where the interface has none.
    pub(crate) fn embedding(self, model: &str, texts: &[String]) -> Option<(Vec<String>, Value)> {
        let parts = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        Some(match self {
            Self::Chat | Self::Responses => {
                (parts(&["embeddings"]), json!({"model": model, "input": texts, "encoding_format": "float"}))
            }
            Self::Gemini => {
                let name = format!("models/{model}");
                let one = |text: &String| json!({"model": name, "content": {"parts": [{"text": text}]}});
                let requests: Vec<Value> = texts.iter().map(one).collect();
                (parts(&["v1beta", "models", &format!("{model}:batchEmbedContents")]), json!({ "requests": requests }))
            }
            Self::Ollama => (parts(&["api", "embed"]), json!({"model": model, "input": texts})),
            Self::Anthropic => return None,
        })
    }

    /// The vectors of an answer, in the order of the texts.
    pub(crate) fn embedded(self, answer: &Value, texts: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        let list = |place: &str| answer.get(place).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let found: Vec<Vec<f32>> = match self {
            Self::Gemini => list("embeddings").iter().map(|one| vector(one.get("values"))).collect::<Result<_, _>>()?,
            Self::Ollama => list("embeddings").iter().map(|one| vector(Some(one))).collect::<Result<_, _>>()?,
            Self::Chat | Self::Responses | Self::Anthropic => {
                let mut all: Vec<&Value> = list("data").iter().collect();
                // They say which text each of them is for.
                all.sort_by_key(|one| one.get("index").and_then(Value::as_u64));
                all.into_iter().map(|one| vector(one.get("embedding"))).collect::<Result<_, _>>()?
            }
        };
        if found.len() != texts {
            return Err(LlmError::Malformed(format!("it has {} vectors for {texts} texts", found.len())));
        }
        if found.windows(2).any(|pair| matches!(pair, [a, b] if a.len() != b.len())) {
            return Err(LlmError::Malformed("its vectors differ in length".into()));
        }
        Ok(found)
    }

    /// The tokens that an answer says it took.
    pub(crate) fn embedding_tokens(self, answer: &Value) -> Option<u64> {
        let place = match self {
            Self::Gemini => "/usageMetadata/promptTokenCount",
            Self::Ollama => "/prompt_eval_count",
            Self::Chat | Self::Responses | Self::Anthropic => "/usage/prompt_tokens",
        };
        answer.pointer(place).and_then(Value::as_u64)
    }
}

/// A vector of length 1.
fn vector(value: Option<&Value>) -> Result<Vec<f32>, LlmError> {
    let bad = |what: &str| LlmError::Malformed(format!("a vector of it {what}"));
    let numbers = value.and_then(Value::as_array).ok_or_else(|| bad("is missing"))?;
    if numbers.is_empty() || numbers.len() > MOST_DIMENSIONS {
        return Err(bad(&format!("has {} dimensions, of at most {MOST_DIMENSIONS}", numbers.len())));
    }
    let numbers: Option<Vec<f64>> = numbers.iter().map(Value::as_f64).collect();
    let numbers = numbers.ok_or_else(|| bad("holds what is no number"))?;
    let length = numbers.iter().map(|x| x * x).sum::<f64>().sqrt();
    if !length.is_normal() {
        return Err(bad("has no direction"));
    }
    Ok(numbers.into_iter().map(|x| (x / length) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_gives_the_same_vectors() {
        let texts = ["a".to_owned(), "b".to_owned()];
        let answers = [
            (
                Interface::Chat,
                "embeddings",
                json!({"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}]}),
            ),
            (Interface::Gemini, "v1beta", json!({"embeddings": [{"values": [3, 4]}, {"values": [0.0, 0.5]}]})),
            (Interface::Ollama, "api", json!({"embeddings": [[3, 4], [0, 9]]})),
        ];
        for (interface, path, answer) in answers {
            let (parts, body) = interface.embedding("m", &texts).expect("it has vectors");
            assert_eq!(parts[0], path);
            assert!(body.to_string().contains("\"a\"") && body.to_string().contains("\"b\""), "{body}");
            assert_eq!(interface.embedded(&answer, 2), Ok(vec![vec![0.6, 0.8], vec![0.0, 1.0]]), "{interface:?}");
        }
        assert!(Interface::Anthropic.embedding("m", &texts).is_none());
        assert_eq!(Interface::Chat.embedding_tokens(&json!({"usage": {"prompt_tokens": 7, "total_tokens": 7}})), Some(7));
        assert_eq!(Interface::Ollama.embedding_tokens(&json!({"prompt_eval_count": 8})), Some(8));
        assert_eq!(Interface::Gemini.embedding_tokens(&json!({"usageMetadata": {"promptTokenCount": 9}})), Some(9));
        assert_eq!(Interface::Gemini.embedding_tokens(&json!({})), None);
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        let many = vec![0.5; MOST_DIMENSIONS + 1];
        for (answer, texts) in [
            (json!({}), 1),
            (json!({"embeddings": [[1.0]]}), 2),
            (json!({"embeddings": [[1.0], [1.0, 2.0]]}), 2),
            (json!({"embeddings": [[]]}), 1),
            (json!({"embeddings": [[0.0, 0.0]]}), 1),
            (json!({"embeddings": [[1.0, "x"]]}), 1),
            (json!({"embeddings": [[1e308, 1e308]]}), 1),
            (json!({ "embeddings": [many] }), 1),
        ] {
            assert!(matches!(Interface::Ollama.embedded(&answer, texts), Err(LlmError::Malformed(_))), "{texts}");
        }
    }
}
