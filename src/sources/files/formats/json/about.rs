//! Names of members that pages and answers have beside their array of events.

use super::members::Member;

/// Relation of a member of an object to an array next to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// Something about the array, such as how to get the next page.
    AboutArray,
    /// The same if another member does, such as `message` beside `success`.
    PerhapsAboutArray,
    /// Nothing that is known: a text, a number or the like of any name.
    Unknown,
    /// That the object is an event.
    OfEvent,
}

/// Returns what a member that is not the array of events says about it.
pub(super) fn says(member: &Member<'_>) -> Says {
    let name = plain_name(member.name);
    let name = name.as_str();
    if OF_DOCUMENTS.iter().any(|known| member.is_named(known)) || OF_EVENTS.contains(&name) {
        return Says::OfEvent;
    }
    let is_about = if is_plain(member) { is_plain_about(name, member.value) } else { OBJECTS.contains(&name) };
    if is_about || member.name.starts_with(b"_") || member.name.starts_with(b"@") {
        return Says::AboutArray;
    }
    match is_plain(member) {
        true if PERHAPS.contains(&name) => Says::PerhapsAboutArray,
        true => Says::Unknown,
        false => Says::OfEvent,
    }
}

/// True if an object of this name may stand beside the array, so that it is the array of events
/// only if there is no other.
pub(super) fn is_perhaps_about_array(name: &[u8]) -> bool {
    OBJECTS.contains(&plain_name(name).as_str())
}

/// A name in lower case, without separators.
fn plain_name(name: &[u8]) -> String {
    name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| byte.to_ascii_lowercase() as char).collect()
}

/// True for everything but objects with members, and arrays of objects.
fn is_plain(member: &Member<'_>) -> bool {
    match member.value.first() {
        Some(b'{') => member.members().next().is_none() && member.value.len() > 1,
        Some(b'[') => !member.value[1..].trim_ascii_start().starts_with(b"{"),
        _ => true,
    }
}

/// True if a text, number or the like is about an array.
fn is_plain_about(name: &str, value: &[u8]) -> bool {
    let is_text = value.starts_with(b"\"");
    match name {
        "nexthop" => false,
        // texts of these names are found in events
        "from" | "size" | "start" | "first" | "last" | "preview" | "error" => !is_text,
        "status" | "stat" | "code" | "state" if is_text => {
            let word = String::from_utf8_lossy(value).trim_matches('"').to_ascii_lowercase();
            STATES.contains(&word.as_str())
        }
        // an object about an array that has no members here
        _ if matches!(value.first(), Some(b'n' | b'{' | b'[')) && OBJECTS.contains(&name) => true,
        _ => name.starts_with("next") || PLAIN.contains(&name),
    }
}

/// Names of fields in which documents of a cluster are kept.
const OF_DOCUMENTS: &[&str] = &["_id", "_index", "_source", "_type"];

/// Names that only events have: an object that has one of them is an event, whatever arrays it
/// has. The names here and below are in lower case, without separators.
const OF_EVENTS: &[&str] = &[
    "timestamp",
    "time",
    "ts",
    "datetime",
    "date",
    "eventtime",
    "eventtimestamp",
    "eventdate",
    "createddatetime",
    "activitydatetime",
    "createdat",
    "creationtime",
    "timecreated",
    "timegenerated",
    "utctime",
    "unixtime",
    "calendartime",
    "published",
    "host",
    "hostname",
    "hostidentifier",
    "computer",
    "computername",
    "user",
    "username",
    "userid",
    "userprincipalname",
    "actor",
    "ip",
    "ipaddress",
    "clientip",
    "sourceip",
    "sourceipaddress",
    "srcip",
    "src",
    "dst",
    "eventid",
    "eventname",
    "eventtype",
];

/// Texts of a `status` that are about a request, not about an event.
const STATES: &[&str] =
    &["ok", "success", "successful", "succeeded", "complete", "completed", "done", "finished", "running", "partial"];

/// Names that count beside others of [`PLAIN`] only.
const PERHAPS: &[&str] =
    &["message", "msg", "id", "object", "error", "errormessage", "warning", "sid", "description", "title"];

/// Names of texts, numbers and the like that are about an array. So are all that begin with `next`,
/// `_` or `@`.
#[rustfmt::skip]
const PLAIN: &[&str] = &[
    // pages
    "prev", "previous", "page", "pages", "pagenumber", "pageindex", "pagesize", "pagecount",
    "perpage", "currentpage", "lastpage", "previouspage", "prevpage", "limit", "offset", "initoffset", "startoffset",
    "endoffset", "startindex", "itemsperpage", "maxresults", "maxitems", "chunksize",
    "batchsize", "marker", "cursor", "endcursor", "startcursor", "previouscursor", "prevcursor", "token",
    "pagetoken", "prevtoken", "previoustoken", "previouspagetoken", "prevpagetoken", "paginationtoken",
    "continuationtoken", "continuation", "synctoken", "deltatoken", "skiptoken", "resumetoken", "scrollid", "pitid",
    "link", "links", "selflink", "self", "deltalink", "prevlink", "previouslink", "firstlink", "lastlink", "href",
    "more", "hasmore", "hasnext", "hasnextpage", "hasprevious", "haspreviouspage", "moreresults", "moreavailable",
    "islast", "islastpage", "istruncated", "truncated", "sort", "sortby", "orderby",
    // counts
    "count", "itemcount", "resultcount", "recordcount", "eventcount", "hitcount", "rowcount", "entrycount",
    "returnedcount", "countreturned", "returned", "counttotal", "total", "totalcount", "totalresults",
    "totalresultcount", "totalrecords", "totalrecordcount", "totalitems", "totalitemscount", "totalhits",
    "totalpages", "totalsize", "totalelements", "totalmatches", "totalevents", "totalobjects", "totaldocuments",
    "totaldocs", "totalrows", "totalentries", "totallogs", "totalalerts", "totalfound", "totalavailable",
    "totalnumber", "totalaffecteditems", "totalfaileditems", "faileditems", "resultstotal", "numresults", "numfound",
    "numfoundexact", "numberofresults", "maxscore", "numreducephases",
    // state of the request
    "ok", "success", "successful", "succeeded", "status", "stat", "statuscode", "code", "state", "errorcode",
    "errors", "warnings", "fail", "failed", "failures", "shardfailures", "took", "tookms",
    "qtime", "timedout", "terminatedearly", "partial", "ispartial", "isrunning", "isrestored", "loaded",
    "lastrow", "done", "complete", "completed", "finished", "highlighted", "resulttype", "starttimeinmillis",
    "expirationtimeinmillis", "completiontimeinmillis", "joinkeys", "messages",
    // what the answer is
    "version", "apiversion", "schemaversion", "formatversion", "kind", "etag", "schema", "requestid", "requestuuid",
    "queryid", "searchid", "jobid", "exportedat", "exportedby", "exporttime", "exportdate", "generatedat",
    "generatedby", "messagetype", "loggroup", "logstream", "subscriptionfilters", "searchedlogstreams",
    "fields", "facets", "params", "meta", "metadata",
];

/// Names of objects and arrays of objects that are about an array.
#[rustfmt::skip]
const OBJECTS: &[&str] = &[
    "meta", "metadata", "responsemetadata", "info", "resultinfo", "paging", "pagination", "pageinfo", "page",
    "links", "link", "query", "request", "params", "errors", "warnings", "messages", "status",
    "header", "headers", "responseheader", "aggregations", "facets", "suggest", "profile", "stats", "statistics",
    "summary", "total", "context", "schema", "fields", "searchedlogstreams", "shardfailures", "creator", "browser",
    "pages", "requestparams",
];
