//! Named GROK patterns.
//!
//! They are those of the `grok` package. Existing configurations were written for another set of
//! patterns with the same names, so our own patterns replace those of the package that match
//! something else. Keys of the package that are not words are renamed: `src-ip` is `src_ip`,
//! `[source][ip]` is `source_ip`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Patterns that replace those of the package.
const OWN: [(&str, &str); 12] = [
    // local part of an address: a letter first, then letters, digits, `_` and everything from `+`
    // to `=` in ASCII
    ("EMAILLOCALPART", r"[A-Za-z][+-=A-Z_a-z]+"),
    // schemes such as `https` or `svn+ssh`
    ("URIPROTO", r"[A-Za-z]+(\+[+A-Za-z]+)?"),
    // path of a URL up to its `?`; an ampersand ends it too
    ("URIPATH", r"/[-/!#$%'()*+,.0-9:;=@A-Z_a-z{}~]*"),
    // absolute path; a backslash escapes any character
    ("UNIXPATH", r"(?:/(?:[!$%,.:@~\w-]|\\.)*)+"),
    // English and German names of months, in full or truncated to three letters
    (
        "MONTH",
        r"\b(?:A(?:pr(?:il)?|ug(?:ust)?)|De[cz](?:ember)?|Feb(?:ruary?)?|Jan(?:uary?)?|Ju(?:ly?|n[ei]?)|M(?:a[iy]?|[aä]?r(?:ch|z)?)|Nov(?:ember)?|O[ck]?t(?:ober)?|Sep(?:tember)?)\b",
    ),
    // zones of North America and Central Europe
    ("TZ", r"(?:UTC|[CEMP][DS]T)"),
    // class with its package, which is required
    ("JAVACLASS", r"[-0-9A-Za-z]+\.(?:[-0-9A-Za-z]+\.)*[$0-9A-Za-z]+"),
    ("JAVAMETHOD", r"(?:[$A-Z_a-z][$0-9A-Z_a-z]*|(<init>))"),
    ("JAVAFILE", r"[-.0-9A-Z_a-z]+"),
    // a stack frame: at CLASS.METHOD(FILE:LINE)
    ("JAVASTACKTRACEPART", r"at %{JAVACLASS:class}[.]%{WORD:method}[(]%{JAVAFILE:file}:%{NUMBER:line}[)]"),
    // kernel messages of the firewall: "Shorewall:CHAIN:ACTION:", then KEY=VALUE pairs, ports last
    (
        "SHOREWALL",
        "%{SYSLOGTIMESTAMP:timestamp} %{WORD:nf_host} kernel:.*Shorewall:%{WORD:nf_action1}?:%{WORD:nf_action2}?.*IN=%{USERNAME:nf_in_interface}?.*\
         %{SHOREWALL_OUT}.*SRC=%{IPV4:nf_src_ip}.*DST=%{IPV4:nf_dst_ip}.*LEN=%{WORD:nf_len}.*?TOS=%{WORD:nf_tos}.*?PREC=%{WORD:nf_prec}.*?\
         TTL=%{INT:nf_ttl}.*?ID=%{INT:nf_id}.*?PROTO=%{WORD:nf_protocol}.*?SPT=%{INT:nf_src_port}?.*DPT=%{INT:nf_dst_port}?",
    ),
    (
        "SHOREWALL_OUT",
        "(?:OUT= *MAC=%{COMMONMAC:nf_dst_mac}:%{COMMONMAC:nf_src_mac}?|OUT=%{USERNAME:nf_out_interface})",
    ),
];

/// Patterns of the package with one part replaced: name, name of the pattern to change, part,
/// replacement.
const CHANGED: [(&str, &str, &str, &str); 12] = [
    // the logged-in user is not an email address
    ("COMMONAPACHELOG", "HTTPD_COMMONLOG", "%{HTTPDUSER:auth}", "%{USER:auth}"),
    ("COMBINEDAPACHELOG", "HTTPD_COMBINEDLOG", "%{HTTPD_COMMONLOG}", "%{COMMONAPACHELOG}"),
    // the field has another name
    ("HTTPD20_ERRORLOG", "HTTPD20_ERRORLOG", "%{GREEDYDATA:message}", "%{GREEDYDATA:errormsg}"),
    ("HTTPD24_ERRORLOG", "HTTPD24_ERRORLOG", "%{DATA:proxy_message}", "%{DATA:proxy_errormessage}"),
    ("HTTPD24_ERRORLOG", "HTTPD24_ERRORLOG", "%{IPORHOST:clientip}", "%{IPORHOST:client}"),
    // thread and error code are required
    ("HTTPD24_ERRORLOG", "HTTPD24_ERRORLOG", "(:tid %{NUMBER:tid})?", ":tid %{NUMBER:tid}"),
    ("HTTPD24_ERRORLOG", "HTTPD24_ERRORLOG", "( %{DATA:errorcode}:)?", " %{DATA:errorcode}:"),
    // the closing quote of the request is required
    ("HAPROXYHTTPBASE", "HAPROXYHTTPBASE", "\"?", "\""),
    // the host must be a name or look like one
    ("SYSLOG5424BASE", "SYSLOG5424BASE", "%{IPORHOST:syslog5424_host}", "%{HOSTNAME:syslog5424_host}"),
    // the device writes two spaces
    ("CISCOFW106015", "CISCOFW106015", "} on interface", "}  on interface"),
    // the error text is a field
    ("BACULA_LOG_FATAL_CONN", "BACULA_LOG_FATAL_CONN", "ERR=(", "ERR=(?<berror>"),
    ("BACULA_LOG_NO_CONNECT", "BACULA_LOG_NO_CONNECT", "ERR=(", "ERR=(?<berror>"),
];

static LIBRARY: LazyLock<BTreeMap<&'static str, Cow<'static, str>>> = LazyLock::new(|| {
    let package = grok::patterns().iter().map(|(name, pattern)| (*name, with_words_as_keys(pattern)));
    let mut library: BTreeMap<&str, Cow<'_, str>> = package.collect();
    for (name, changed, part, replacement) in CHANGED {
        if let Some(pattern) = library.get(changed) {
            library.insert(name, Cow::Owned(pattern.replacen(part, replacement, 1)));
        }
    }
    library.extend(OWN.map(|(name, pattern)| (name, Cow::Borrowed(pattern))));
    library
});

/// Trims `pattern` and turns its keys into words, so that they can name groups.
fn with_words_as_keys(pattern: &'static str) -> Cow<'static, str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut changed = String::with_capacity(pattern.len());
    for (idx, part) in pattern.trim().split("%{").enumerate() {
        let (inside, behind) = if idx > 0 { part.split_once('}').unwrap_or((part, "")) } else { ("", part) };
        if idx > 0 {
            let words = inside
                .split(':')
                .map(|name| name.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_"));
            changed.push_str(&format!("%{{{}}}", words.collect::<Vec<_>>().join(":")));
        }
        changed.push_str(behind);
    }
    if changed == pattern { Cow::Borrowed(pattern) } else { Cow::Owned(changed) }
}

/// Pattern called `name`.
pub(super) fn definition(name: &str) -> Option<&'static str> {
    LIBRARY.get(name).map(AsRef::as_ref)
}

/// Names of all patterns, sorted.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    LIBRARY.keys().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A newer package may have other patterns; then the changes and replacements need a review.
    #[test]
    fn changed_parts_occur_in_the_package() {
        let package: BTreeMap<&str, &str> = grok::patterns().iter().copied().collect();
        for (_, changed, part, _) in CHANGED {
            assert_eq!(package[changed].matches(part).count(), 1, "{changed} has {part} once: {}", package[changed]);
        }
        for (name, pattern) in OWN {
            assert_ne!(package.get(name), Some(&pattern), "{name} need not be replaced");
        }
    }
}
