//! The option that gives an agent the use of secrets.

use aether_protocol::{
    SecretName, SecretPlace, SecretUse,
    secret::{BasicPlace, HeaderPlace, QueryPlace},
};
use clap::Args;

/// Which secrets are added to its requests.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecretArgs {
    /// Have a secret added to its requests to a host, as a bearer token or as header=NAME, basic=USER or query=NAME;
    /// also method=METHOD. Its programs find a placeholder in $ENV, or in the variable of the secret's name
    #[arg(long = "secret", value_name = "NAME[:ENV]=HOST[/PATH][,AS]", value_parser = parse)]
    pub(crate) secrets: Vec<SecretUse>,
}

/// `NAME[:ENV]=HOST[/PATH][,AS][,method=METHOD]`.
fn parse(text: &str) -> Result<SecretUse, String> {
    let shape = "a secret is given as NAME=HOST, for example GITHUB_TOKEN=api.github.com/repos/me,header=X-Api-Key";
    let (names, rest) = text.split_once('=').ok_or(shape)?;
    let (name, env) = names.split_once(':').map_or((names, None), |(name, env)| (name, Some(env)));
    let named = |text: &str| text.parse::<SecretName>().map_err(|error| error.to_string());
    let mut parts = rest.split(',');
    let to = parts.next().filter(|to| !to.is_empty()).ok_or(shape)?;
    let (host, path) = to.find('/').map_or((to, None), |at| (&to[..at], Some(to[at..].to_owned())));
    let (mut method, mut place) = (None, None);
    for part in parts {
        let (key, value) = part.split_once('=').map_or((part, ""), |(key, value)| (key, value));
        let value = value.to_owned();
        let chosen = match (key, value.is_empty()) {
            ("method", false) if method.is_none() => {
                method = Some(value);
                continue;
            }
            ("bearer", true) => SecretPlace::Bearer {},
            ("header", false) => SecretPlace::Header(HeaderPlace { name: value }),
            ("basic", false) => SecretPlace::Basic(BasicPlace { user: value }),
            ("query", false) => SecretPlace::Query(QueryPlace { name: value }),
            _ => return Err(format!("{part:?} is none of bearer, header=NAME, basic=USER, query=NAME and method=METHOD")),
        };
        if place.replace(chosen).is_some() {
            return Err("a secret goes into one place".to_owned());
        }
    }
    let place = place.unwrap_or(SecretPlace::Bearer {});
    Ok(SecretUse { name: named(name)?, env: env.map(named).transpose()?, host: host.to_owned(), method, path, place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read() {
        let one = parse("GITHUB_TOKEN=api.github.com").expect("short");
        assert_eq!((one.variable().as_str(), one.host.as_str(), &one.path), ("GITHUB_TOKEN", "api.github.com", &None));
        assert_eq!(one.place, SecretPlace::Bearer {});
        let one = parse("KEY:API_KEY=a.test/v1/x,header=X-Api-Key,method=GET").expect("long");
        assert_eq!((one.name.as_str(), one.variable().as_str()), ("KEY", "API_KEY"));
        assert_eq!((one.host.as_str(), one.path.as_deref(), one.method.as_deref()), ("a.test", Some("/v1/x"), Some("GET")));
        assert_eq!(one.place, SecretPlace::Header(HeaderPlace { name: "X-Api-Key".into() }));
        for bad in [
            "",
            "KEY",
            "KEY=",
            "=a.test",
            "K Y=a.test",
            "KEY:=a.test",
            "KEY=a.test,",
            "KEY=a.test,header",
            "KEY=a.test,bearer,query=k",
            "KEY=a.test,method=GET,method=PUT",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
