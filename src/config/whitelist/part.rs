//! Parts of whitelist entries: a value that any field may hold, or `field:value` for one field.

use crate::event::FieldPath;

/// One part of a whitelist entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WhitelistPart<T> {
    /// Field that must hold the value; `None` if any may.
    pub field: Option<FieldPath>,
    /// The value: a literal or a regular expression.
    pub value: T,
}

/// Splits `field:value` at its first colon; `None` if the text is a value as a whole.
///
/// A field has a name of two or more letters, digits and `_ . @ -`, which begins with a letter, `_`
/// or `@`. The value follows the colon at once and does not begin with another colon or with `//`.
/// MAC and IPv6 addresses are values. So what paths, URLs, times, addresses and assets look like
/// (`C:\dir`, `http://host`, `12:30`, `fe80::1`, `host: name`) keeps its meaning.
pub(super) fn split_field(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once(':')?;
    let begins_like_value = !value.is_empty() && !value.starts_with([':', ' ', '\t']) && !value.starts_with("//");
    (is_field_name(name) && begins_like_value && !is_address(text)).then_some((name, value))
}

/// Removes the backslash of `field\:value`, which is a literal as a whole.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let (name, value) = text.split_once("\\:")?;
    let plain = format!("{name}:{value}");
    (split_field(&plain) == Some((name, value))).then_some(plain)
}

fn is_field_name(name: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '-');
    name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '@'))
        && name.chars().nth(1).is_some()
        && name.chars().all(is_of_name)
        && !name.split('.').any(str::is_empty)
}

fn is_address(text: &str) -> bool {
    let is_pair = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.parse::<std::net::Ipv6Addr>().is_ok() || (text.len() > 5 && text.split(':').all(is_pair))
}

#[cfg(test)]
impl PartialEq<&str> for WhitelistPart<String> {
    fn eq(&self, value: &&str) -> bool {
        self.field.is_none() && self.value == *value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_from_values() {
        for (text, name, value) in [
            ("process.name:scan.exe", "process.name", "scan.exe"),
            ("user:svc_backup", "user", "svc_backup"),
            ("process.path:/usr/bin/scan", "process.path", "/usr/bin/scan"),
            ("process.path:C:\\Tools\\scan.exe", "process.path", "C:\\Tools\\scan.exe"),
            ("process.path:\\\\server\\share", "process.path", "\\\\server\\share"),
            ("@timestamp:2024-01-01T00:00:00Z", "@timestamp", "2024-01-01T00:00:00Z"),
            ("_source-x:1", "_source-x", "1"),
            ("größe:5", "größe", "5"),
            ("source.ip:fe80::1", "source.ip", "fe80::1"),
            ("outliers.assets:user: bob", "outliers.assets", "user: bob"),
        ] {
            assert_eq!(split_field(text), Some((name, value)), "{text}");
        }
        for value in [
            "C:\\Backup\\agent.exe",
            "c:.*",
            "http://host/path",
            "12:30",
            "10.0.0.1:8080",
            "[::1]:80",
            "fe80::1",
            "fe80:1:2:3:4:5:6:7",
            "::1",
            "aa:bb:cc:dd:ee:ff",
            "host: name",
            "std::string",
            "ends with:",
            "name:",
            ":value",
            "two words:x",
            "a..b:x",
            ".b:x",
            "*.name:x",
            "^user:x",
            "DOMAIN\\user:x",
            "process.name\\:scan.exe",
            "plain",
        ] {
            assert_eq!(split_field(value), None, "{value}");
        }
    }

    #[test]
    fn a_backslash_keeps_the_colon() {
        assert_eq!(unescaped("process.name\\:scan.exe").as_deref(), Some("process.name:scan.exe"));
        assert_eq!(unescaped("sha256\\:ab:cd").as_deref(), Some("sha256:ab:cd"));
        // it changes nothing where the colon would be part of the value anyway
        for text in ["C\\:\\x", "12\\:30", "a b\\:c", "host\\: x", "name\\\\:x", "user:a\\:b", "plain"] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }
}
