//! The API as its own document describes it, so that a new route is tried without anybody thinking of it.

use std::path::Path;

use serde_json::Value;

/// One method on one path.
#[derive(Debug, Clone)]
pub struct Route {
    /// In capitals.
    pub method: String,
    /// With its `{placeholders}`.
    pub path: String,
    /// What the document says about it.
    pub operation: Value,
}

/// The document in the repository; a test of the supervisor holds it to the handlers.
///
/// # Panics
/// When it cannot be read.
pub fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../supervisor/openapi.json");
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

/// Every route in it.
///
/// # Panics
/// When it holds none.
pub fn all() -> Vec<Route> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths").clone();
    let routes: Vec<Route> = paths
        .into_iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").clone();
            methods.into_iter().map(move |(method, operation)| Route {
                method: method.to_uppercase(),
                path: path.clone(),
                operation,
            })
        })
        .collect();
    assert!(routes.len() > 30, "only {} routes", routes.len());
    routes
}

impl Route {
    /// `METHOD /path`, as policies and messages name it.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// An address of it, with `value` for every placeholder and every query parameter that must be there.
    pub fn address(&self, value: &str) -> String {
        let mut address = String::new();
        for part in self.path.split('/').skip(1) {
            address.push('/');
            address.push_str(if part.starts_with('{') { value } else { part });
        }
        let required = self.parameters("query").filter(|parameter| parameter["required"] == true);
        let query: Vec<String> =
            required.map(|parameter| format!("{}={value}", parameter["name"].as_str().expect("a name"))).collect();
        if query.is_empty() { address } else { format!("{address}?{}", query.join("&")) }
    }

    /// Its parameters in `place` (`path`, `query`, `header`).
    pub fn parameters(&self, place: &str) -> impl Iterator<Item = Value> {
        let all = self.operation["parameters"].as_array().cloned().unwrap_or_default();
        let place = place.to_owned();
        all.into_iter().filter(move |parameter| parameter["in"] == place.as_str())
    }

    /// Schema of its JSON body.
    pub fn body(&self) -> Option<Value> {
        self.operation["requestBody"]["content"]["application/json"].get("schema").cloned()
    }

    /// Is it opened as a WebSocket?
    pub fn is_socket(&self) -> bool {
        self.operation["responses"].get("101").is_some()
    }
}

/// What a schema's `$ref` means in the document.
pub fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => resolved(document, document.pointer(pointer).expect("a schema")),
        None => schema,
    }
}
