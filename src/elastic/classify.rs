//! Meaning of an answer: one pure function of status, error type and reason says what to do next,
//! for whole requests and for the items of a bulk request alike.
//!
//! The status decides first: error names differ between versions and flavours.

/// Action to take after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The request succeeded.
    Done,
    /// The server cannot do it now; the same request may work later.
    Retry,
    /// The server is overloaded: send later, and less at once.
    BackPressure,
    /// Someone else changed the document or the mapping of its index: read it again.
    Conflict,
    /// The document, index or search context no longer exists.
    Gone,
    /// The index accepts no writes.
    Blocked(Block),
    /// This request can never work.
    Poison,
    /// The credentials do not allow it, or the address is not the server's.
    Refused,
}

/// Reasons why an index accepts no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Block {
    /// The disk of its node is full; the server lifts the block when there is space again.
    DiskFull,
    /// It is closed, read-only, frozen or a snapshot, and stays so during a run.
    Index,
}

/// Returns the status of an error that comes without one, as in the items of a multi-get: the
/// status with which servers answer a whole request that fails in this way. Unknown errors count as
/// the server's own.
pub(super) fn status_of(error_type: &str) -> u16 {
    match error_type {
        "index_not_found_exception" | "resource_not_found_exception" | "document_missing_exception" => 404,
        "security_exception" => 403,
        "version_conflict_engine_exception" => 409,
        "es_rejected_execution_exception" | "rejected_execution_exception" | "circuit_breaking_exception" => 429,
        "action_request_validation_exception"
        | "illegal_argument_exception"
        | "index_closed_exception"
        | "invalid_index_name_exception"
        | "parsing_exception"
        | "routing_missing_exception" => 400,
        "cluster_block_exception" | "no_shard_available_action_exception" | "unavailable_shards_exception" => 503,
        _ => 500,
    }
}

/// Block that a full disk causes, whatever the status: 403 before Elasticsearch 7.14, 429 since.
const DISK_FULL: u32 = 12;

/// Blocks of a cluster that is starting or has no master.
const STARTING: [u32; 3] = [1, 2, 3];

/// Classifies an answer; `error_type` and `reason` are as the server named them, or empty.
pub fn classify(status: u16, error_type: &str, reason: &str) -> Class {
    match status {
        200..=299 => Class::Done,
        300..=399 | 401 => Class::Refused,
        403 | 429 | 503 if error_type == "cluster_block_exception" => block(status, reason),
        403 => Class::Refused,
        404 | 410 => Class::Gone,
        409 => Class::Conflict,
        408 | 425 | 499 => Class::Retry,
        429 => Class::BackPressure,
        400 if error_type == "index_closed_exception" => Class::Blocked(Block::Index),
        400 if is_mapping_race(reason) => Class::Conflict,
        501 | 505 => Class::Poison,
        500..=599 if is_overload(error_type, reason) => Class::BackPressure,
        500..=599 => Class::Retry,
        _ => Class::Poison,
    }
}

fn block(status: u16, reason: &str) -> Class {
    let blocks = block_ids(reason);
    if blocks.iter().any(|id| STARTING.contains(id)) {
        Class::Retry
    } else if blocks.is_empty() {
        // without block numbers, only the status says whether waiting helps
        match status {
            403 => Class::Blocked(Block::Index),
            429 => Class::BackPressure,
            _ => Class::Retry,
        }
    } else if blocks.iter().all(|id| *id == DISK_FULL) {
        Class::Blocked(Block::DiskFull)
    } else {
        Class::Blocked(Block::Index)
    }
}

/// Returns the block numbers in a reason such as `blocked by: [FORBIDDEN/8/index write (api)];`.
fn block_ids(reason: &str) -> Vec<u32> {
    let behind = reason.split_once("blocked by:").map_or(reason, |(_, behind)| behind);
    behind
        .split('[')
        .filter_map(|block| {
            let mut parts = block.split('/');
            let status = parts.next()?;
            let is_status = !status.is_empty() && status.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            is_status.then(|| parts.next()?.parse().ok()).flatten()
        })
        .collect()
}

/// True if a new field came in two forms at the same time, such as `5` and `5.5`, in two documents
/// or in one. The write succeeds once the field is mapped.
fn is_mapping_race(reason: &str) -> bool {
    reason.contains("cannot be changed from type") || reason.contains("can't merge a non object mapping")
}

/// True for overload that some versions answer with a 5xx status.
fn is_overload(error_type: &str, reason: &str) -> bool {
    let is_rejected =
        error_type.ends_with("rejected_execution_exception") || error_type == "circuit_breaking_exception";
    is_rejected || reason.contains("too many scroll contexts") || reason.contains("too many search contexts")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKED: &str = "cluster_block_exception";

    /// Answers of real servers, verbatim.
    const ANSWERS: &[(u16, &str, &str, Class)] = &[
        (200, "", "", Class::Done),
        (201, "", "", Class::Done),
        (302, "", "", Class::Refused),
        (308, "", "", Class::Refused),
        (400, "mapper_parsing_exception", "failed to parse field [a] of type [long]", Class::Poison),
        (400, "document_parsing_exception", "[1:6] failed to parse field [a]", Class::Poison),
        (400, "strict_dynamic_mapping_exception", "mapping set to strict", Class::Poison),
        (400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded", Class::Poison),
        (400, "query_shard_exception", "Failed to parse query [a:(]", Class::Poison),
        (400, "index_closed_exception", "closed", Class::Blocked(Block::Index)),
        (
            400,
            "illegal_argument_exception",
            "mapper [outliers.metric] cannot be changed from type [float] to [long]",
            Class::Conflict,
        ),
        (
            400,
            "illegal_argument_exception",
            "can't merge a non object mapping [a] with an object mapping",
            Class::Conflict,
        ),
        (401, "security_exception", "unable to authenticate user [x]", Class::Refused),
        (401, "", "", Class::Refused),
        (403, "security_exception", "action [indices:data/read/search] is unauthorized", Class::Refused),
        (403, "", "Forbidden", Class::Refused),
        (403, BLOCKED, "index [a] blocked by: [FORBIDDEN/8/index write (api)];", Class::Blocked(Block::Index)),
        (403, BLOCKED, "index [a] blocked by: [FORBIDDEN/5/index read-only (api)];", Class::Blocked(Block::Index)),
        (
            403,
            BLOCKED,
            "index [a] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];",
            Class::Blocked(Block::DiskFull),
        ),
        (
            429,
            BLOCKED,
            "index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block; for more information, see https://x/12/y];",
            Class::Blocked(Block::DiskFull),
        ),
        (
            429,
            BLOCKED,
            "index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage];[FORBIDDEN/8/index write (api)];",
            Class::Blocked(Block::Index),
        ),
        (403, BLOCKED, "", Class::Blocked(Block::Index)),
        (429, BLOCKED, "", Class::BackPressure),
        (404, "index_not_found_exception", "no such index [a]", Class::Gone),
        (404, "document_missing_exception", "[1]: document missing", Class::Gone),
        (404, "search_context_missing_exception", "No search context found for id [1]", Class::Gone),
        (405, "", "Incorrect HTTP method", Class::Poison),
        (406, "", "Content-Type header is not supported", Class::Poison),
        (408, "", "", Class::Retry),
        (409, "version_conflict_engine_exception", "[1]: version conflict", Class::Conflict),
        (413, "", "", Class::Poison),
        (429, "es_rejected_execution_exception", "rejected execution", Class::BackPressure),
        (429, "rejected_execution_exception", "rejected execution", Class::BackPressure),
        (429, "circuit_breaking_exception", "[parent] Data too large", Class::BackPressure),
        (429, "", "", Class::BackPressure),
        (
            500,
            "exception",
            "Trying to create too many scroll contexts. Must be less than or equal to: [500].",
            Class::BackPressure,
        ),
        (500, "search_phase_execution_exception", "all shards failed", Class::Retry),
        (500, "null_pointer_exception", "", Class::Retry),
        (501, "", "", Class::Poison),
        (502, "", "", Class::Retry),
        (503, "unavailable_shards_exception", "primary shard is not active", Class::Retry),
        (503, "master_not_discovered_exception", "", Class::Retry),
        (503, BLOCKED, "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];", Class::Retry),
        (503, "es_rejected_execution_exception", "rejected execution", Class::BackPressure),
        (504, "", "", Class::Retry),
    ];

    #[test]
    fn answers_of_real_servers_are_classified() {
        for (status, error_type, reason, expected) in ANSWERS {
            assert_eq!(classify(*status, error_type, reason), *expected, "{status} {error_type} {reason}");
        }
    }

    /// Every status with every error type and reason of the table, and some that no server sends.
    #[test]
    fn a_status_has_one_class_unless_a_listed_error_changes_it() {
        let hostile = ["[", "[[/12/", "[A/", "[A/99999999999999/x]", "[é/12/x]", "blocked by:", "[/12/]", "\u{0}"];
        let types: Vec<&str> = ANSWERS.iter().map(|answer| answer.1).chain(["", "x"]).collect();
        let reasons: Vec<&str> = ANSWERS.iter().map(|answer| answer.2).chain(hostile).collect();
        for status in 0..=1000 {
            let plain = classify(status, "", "");
            for (error_type, reason) in types.iter().flat_map(|name| reasons.iter().map(move |reason| (name, reason))) {
                let class = classify(status, error_type, reason);
                let may_differ = match status {
                    400 => *error_type == "index_closed_exception" || matches!(class, Class::Conflict),
                    403 | 429 => *error_type == BLOCKED,
                    501 | 505 => false,
                    500..=599 => matches!(class, Class::BackPressure) || *error_type == BLOCKED,
                    _ => false,
                };
                assert!(class == plain || may_differ, "{status} {error_type} {reason}: {class:?}, not {plain:?}");
            }
            let expected = match status {
                200..=299 => Class::Done,
                300..=399 | 401 | 403 => Class::Refused,
                404 | 410 => Class::Gone,
                408 | 425 | 499 => Class::Retry,
                409 => Class::Conflict,
                429 => Class::BackPressure,
                501 | 505 => Class::Poison,
                500..=599 => Class::Retry,
                _ => Class::Poison,
            };
            assert_eq!(plain, expected, "{status}");
        }
    }

    #[test]
    fn block_numbers_are_read_from_any_text() {
        for (reason, expected) in [
            ("index [a] blocked by: [FORBIDDEN/8/index write (api)];", vec![8]),
            ("index [a/5/b] blocked by: [TOO_MANY_REQUESTS/12/x];[FORBIDDEN/4/y];", vec![12, 4]),
            ("[FORBIDDEN/x/y]", vec![]),
            ("[forbidden/8/y]", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(block_ids(reason), expected, "{reason}");
        }
    }
}
