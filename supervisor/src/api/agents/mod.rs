//! `/api/v1/agents`: one file per verb.

mod budget;
mod create;
mod exec;
mod files;
mod get;
mod isolation;
mod list;
mod logs;
mod message;
mod models;
mod network;
mod page;
mod power;
mod priority;
mod remove;
mod screen;
mod signal;
mod steer;
mod stop;
mod terminals;
mod timeline;
mod tree;
mod wait;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::ApiState;

/// Every route about agents.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(get::get, remove::remove))
        .routes(routes!(stop::stop))
        .routes(routes!(power::kill))
        .routes(routes!(power::pause))
        .routes(routes!(power::resume))
        .routes(routes!(power::proceed))
        .routes(routes!(signal::signal))
        .routes(routes!(message::message))
        .routes(routes!(steer::steer))
        .routes(routes!(priority::priority))
        .routes(routes!(wait::wait))
        .routes(routes!(budget::budget, budget::set))
        .routes(routes!(models::models))
        .routes(routes!(tree::tree))
        .routes(routes!(timeline::timeline))
        .routes(routes!(logs::logs))
        .routes(routes!(screen::screen))
        .routes(routes!(screen::screens))
        .routes(routes!(terminals::terminals))
        .routes(routes!(exec::exec))
        .routes(routes!(isolation::isolation))
        .routes(routes!(network::network, network::change))
        .merge(files::routes())
}
