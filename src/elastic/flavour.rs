//! Flavour and version of the server, and how to read from it.

use std::fmt;

use serde::Deserialize;

/// Makers of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
    /// Another server with a compatible API, by the name that it gives itself.
    Other(String),
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elasticsearch => "Elasticsearch",
            Self::OpenSearch => "OpenSearch",
            Self::Other(name) => name,
        })
    }
}

/// Ways to open and close a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PitDialect {
    /// `POST /INDEX/_pit`, answer `id`; `DELETE /_pit {"id": ID}`.
    Elasticsearch,
    /// `POST /INDEX/_search/point_in_time`, answer `pit_id`;
    /// `DELETE /_search/point_in_time {"pit_id": [ID]}`.
    OpenSearch,
}

/// Server as it introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its flavour.
    pub flavour: Flavour,
    /// Its version, verbatim.
    pub version: String,
    /// Major and minor version; 0 where they are not numbers.
    pub release: (u32, u32),
    /// True unless it is a build without x-pack (`oss`).
    is_default_build: bool,
    /// Name of the cluster.
    pub cluster: String,
}

#[derive(Deserialize)]
struct Introduction {
    #[serde(default)]
    cluster_name: String,
    #[serde(default)]
    tagline: String,
    version: Version,
}

#[derive(Deserialize)]
struct Version {
    number: String,
    distribution: Option<String>,
    build_flavor: Option<String>,
}

impl Server {
    /// Reads the answer to `GET /`.
    ///
    /// # Errors
    /// An answer without a version.
    pub(super) fn read(answer: &[u8]) -> serde_json::Result<Self> {
        let Introduction { cluster_name, tagline, version } = serde_json::from_slice(answer)?;
        let flavour = match version.distribution.as_deref() {
            Some("opensearch") => Flavour::OpenSearch,
            Some(other) => Flavour::Other(other.to_owned()),
            None if tagline == "You Know, for Search" => Flavour::Elasticsearch,
            None => Flavour::Other("an unknown server".to_owned()),
        };
        let mut numbers = version.number.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
        let release = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        // builds from the free source call themselves `oss`, or `unknown` if run from the jars
        // alone
        let is_default_build = !matches!(version.build_flavor.as_deref(), Some("oss" | "unknown"));
        Ok(Self { flavour, version: version.number, release, is_default_build, cluster: cluster_name })
    }

    /// Returns a warning if the server is not known to work.
    pub fn warning(&self) -> Option<String> {
        let is_known = match self.flavour {
            Flavour::Elasticsearch => ((7, 10)..(10, 0)).contains(&self.release),
            Flavour::OpenSearch => ((2, 0)..(4, 0)).contains(&self.release),
            Flavour::Other(_) => false,
        };
        (!is_known)
            .then(|| format!("{self} is untested: Elasticsearch 7.10 to 9 and OpenSearch 2 and 3 are known to work"))
    }

    /// True if it has the field type `flattened`, which is outside x-pack since 8.0.
    pub fn has_flattened(&self) -> bool {
        self.flavour == Flavour::Elasticsearch && (self.is_default_build || self.release >= (8, 0))
    }

    /// Returns how to read slices of a point in time in an order without ties; `None` if only
    /// scrolling is safe.
    ///
    /// Elasticsearch slices points in time since 7.15; its build without x-pack has no points in
    /// time. OpenSearch has the tie-break `_shard_doc` since 3.3: without it, documents with equal
    /// sort values are lost or duplicated between pages.
    pub fn pit_dialect(&self) -> Option<PitDialect> {
        match self.flavour {
            Flavour::Elasticsearch if self.is_default_build && self.release >= (7, 15) => {
                Some(PitDialect::Elasticsearch)
            }
            Flavour::OpenSearch if self.release >= (3, 3) => Some(PitDialect::OpenSearch),
            _ => None,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flavour, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str, more: &str, tagline: &str) -> Server {
        let answer = format!(
            r#"{{"name":"n","cluster_name":"c","version":{{"number":"{version}"{more}}},"tagline":"{tagline}"}}"#
        );
        Server::read(answer.as_bytes()).unwrap()
    }

    #[test]
    fn servers_are_recognised_by_their_introduction() {
        const ELASTIC: &str = "You Know, for Search";
        const OPEN: &str = "The OpenSearch Project: https://opensearch.org/";
        let distribution = r#","distribution":"opensearch""#;
        for (version, more, tagline, shown, is_known, dialect) in [
            ("7.9.3", "", ELASTIC, "Elasticsearch 7.9.3", false, None),
            ("7.10.2", r#","build_flavor":"oss""#, ELASTIC, "Elasticsearch 7.10.2", true, None),
            ("7.16.2", r#","build_flavor":"unknown""#, ELASTIC, "Elasticsearch 7.16.2", true, None),
            ("7.14.0", "", ELASTIC, "Elasticsearch 7.14.0", true, None),
            ("7.17.9", "", ELASTIC, "Elasticsearch 7.17.9", true, Some(PitDialect::Elasticsearch)),
            ("7.17.9", r#","build_flavor":"oss""#, ELASTIC, "Elasticsearch 7.17.9", true, None),
            (
                "8.15.5",
                r#","build_flavor":"default""#,
                ELASTIC,
                "Elasticsearch 8.15.5",
                true,
                Some(PitDialect::Elasticsearch),
            ),
            ("9.1.0-SNAPSHOT", "", ELASTIC, "Elasticsearch 9.1.0-SNAPSHOT", true, Some(PitDialect::Elasticsearch)),
            ("10.0.0", "", ELASTIC, "Elasticsearch 10.0.0", false, Some(PitDialect::Elasticsearch)),
            ("1.3.0", distribution, OPEN, "OpenSearch 1.3.0", false, None),
            ("2.19.1", distribution, OPEN, "OpenSearch 2.19.1", true, None),
            ("3.2.0", distribution, OPEN, "OpenSearch 3.2.0", true, None),
            ("3.5.0", distribution, OPEN, "OpenSearch 3.5.0", true, Some(PitDialect::OpenSearch)),
            ("1.0", r#","distribution":"easysearch""#, ELASTIC, "easysearch 1.0", false, None),
            ("x", "", "hello", "an unknown server x", false, None),
        ] {
            let server = server(version, more, tagline);
            assert_eq!(server.to_string(), shown);
            assert_eq!(server.warning().is_none(), is_known, "{shown}");
            assert_eq!(server.pit_dialect(), dialect, "{shown}");
        }
    }

    #[test]
    fn flattened_fields_exist_on_some_servers_only() {
        const ELASTIC: &str = "You Know, for Search";
        for (version, more, expected) in [
            ("7.10.2", r#","build_flavor":"oss""#, false),
            ("7.10.2", r#","build_flavor":"unknown""#, false),
            ("7.10.2", r#","build_flavor":"default""#, true),
            ("8.15.5", "", true),
            ("9.1.0", r#","build_flavor":"default""#, true),
            ("3.5.0", r#","distribution":"opensearch""#, false),
        ] {
            assert_eq!(server(version, more, ELASTIC).has_flattened(), expected, "{version} {more}");
        }
    }

    #[test]
    fn other_answers_are_not_an_introduction() {
        for answer in ["", "{}", "<html>", r#"{"version":7}"#, "[]"] {
            assert!(Server::read(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
