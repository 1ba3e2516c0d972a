//! aether-llm
