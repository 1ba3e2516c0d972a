//! Small true pictures of agents' screens.

use std::collections::BTreeMap;

use aether_protocol::{AgentId, ApiError, ErrorBody, Screen};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{ApiState, answer::Data, caller::Target, error::Answer, query::Query};

const MOST: usize = 1000;

/// The screen of one agent.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/screen", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<Screen>), (status = "default", body = ErrorBody)))]
pub(crate) async fn screen(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<Screen>> {
    Ok(Data { data: state.fleet().screen(&id).await? })
}

/// Which pictures, and which of them the client has.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ScreensQuery {
    /// Agent ids, with commas.
    ids: String,
    /// The version the client has of each; 0 for none. May be shorter than `ids`.
    versions: String,
}

/// The pictures that changed since the given versions, by agent id; agents that are gone are left out.
#[utoipa::path(get, path = "/api/v1/screens", tag = "agents", params(ScreensQuery),
    responses((status = 200, body = Data<BTreeMap<String, Screen>>), (status = "default", body = ErrorBody)))]
pub(crate) async fn screens(
    State(state): State<ApiState>,
    Query(query): Query<ScreensQuery>,
) -> Answer<Data<BTreeMap<AgentId, Screen>>> {
    Ok(Data { data: state.fleet().screens(&wanted(&query)?).await })
}

fn wanted(query: &ScreensQuery) -> Result<Vec<(AgentId, u64)>, ApiError> {
    let mut versions = query.versions.split(',');
    let mut wanted = Vec::new();
    for id in query.ids.split(',').filter(|id| !id.is_empty()) {
        let id = id.parse::<AgentId>().map_err(|error| ApiError::invalid(error.to_string(), "give ids, not names"))?;
        let version = match versions.next().unwrap_or_default().trim() {
            "" => 0,
            text => {
                text.parse().map_err(|_| ApiError::invalid(format!("versions: {text:?} is not a number"), "give 0 for none"))?
            }
        };
        wanted.push((id, version));
    }
    if wanted.len() > MOST {
        return Err(ApiError::invalid(format!("{} ids in one request", wanted.len()), "ask for at most 1000 at a time"));
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_ids_with_versions() {
        let parse = |ids: &str, versions: &str| {
            let query = ScreensQuery { ids: ids.to_owned(), versions: versions.to_owned() };
            wanted(&query).map(|list| list.into_iter().map(|(id, version)| (id.to_string(), version)).collect::<Vec<_>>())
        };
        let (a, b) = ("a00000000000", "b00000000000");
        assert_eq!(parse("", "").unwrap(), []);
        assert_eq!(parse(&format!("{a},{b}"), "7").unwrap(), [(a.to_owned(), 7), (b.to_owned(), 0)]);
        assert!(parse("name", "").is_err());
        assert!(parse(a, "x").is_err());
    }
}
