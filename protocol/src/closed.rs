//! The closed set of events from one list: a struct each, the enum of all, and their names.

macro_rules! events {
    ($( $(#[$doc:meta])* $variant:ident($payload:ident) = $name:literal { $( $(#[$fdoc:meta])* $field:ident : $ty:ty ),* $(,)? } )*) => {
        /// The closed set of events; `type` has the name on the wire.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
        #[serde(tag = "type")]
        pub enum AgentEvent {
            $( $(#[$doc])* #[serde(rename = $name)] $variant($payload), )*
        }
        impl AgentEvent {
            /// Name on the wire.
            pub const fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )* }
            }
        }
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
            #[serde(rename_all = "camelCase")]
            pub struct $payload { $( $(#[$fdoc])* pub $field: $ty, )* }
            impl From<$payload> for AgentEvent {
                fn from(payload: $payload) -> Self { Self::$variant(payload) }
            }
        )*
    };
}

pub(crate) use events;
