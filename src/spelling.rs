//! Names that users write: enums with a name per value, and "did you mean" for mistyped ones.

/// Declares an enum, each of whose values has a name.
macro_rules! named_values {
    ($(#[$about:meta])* $enum:ident { $($(#[$about_value:meta])* $value:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $enum {
            $($(#[$about_value])* $value,)+
        }

        impl $enum {
            /// All values, in this order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$value),+];

            /// All values with their names.
            pub const NAMES: [(&'static str, Self); [$($name),+].len()] = [$(($name, Self::$value)),+];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }

            /// The value of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
            }
        }

        impl serde::Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::named(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown value `{name}`")))
            }
        }
    };
}

pub(crate) use named_values;

/// Returns the known name nearest to `name` if it is near enough to be a typo; `None` if `name` is
/// known.
///
/// Case is not counted as an edit: a name that differs only in case is the nearest. Short names
/// tolerate fewer edits, because many words are two letters away from a word of four.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded: Vec<char> = name.to_lowercase().chars().collect();
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        if candidate == name {
            return None;
        }
        let other: Vec<char> = candidate.to_lowercase().chars().collect();
        let tolerated = match folded.len().min(other.len()) {
            0..=3 => 0,
            4..=7 => 1,
            _ => 2,
        };
        if folded.len().abs_diff(other.len()) > tolerated {
            continue;
        }
        let distance = edit_distance(&folded, &other, Swap::OneEdit);
        if distance <= tolerated && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Cure for a name that is none of the known ones.
pub(crate) fn known_names(name: &str, known: &[&str]) -> String {
    let near = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`? "));
    format!("{}known: {}", near.unwrap_or_default(), known.join(", "))
}

/// Cost of swapping two neighbouring characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    /// One edit: optimal string alignment.
    OneEdit,
    /// Two edits, like any two other edits: Levenshtein distance.
    TwoEdits,
}

/// Returns the restricted Damerau-Levenshtein distance (optimal string alignment): insertions,
/// deletions, substitutions and swaps of neighbours, with no part changed twice.
pub(crate) fn edit_distance(a: &[char], b: &[char], swap: Swap) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = last[j] + usize::from(x != y);
            let mut least = substituted.min(last[j + 1] + 1).min(row[j] + 1);
            if swap == Swap::OneEdit && i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_recognised() {
        let known = ["target", "trigger_method", "trigger_on", "seed", "metric", "es_url"];
        for (name, expected) in [
            ("targte", Some("target")),
            ("targets", Some("target")),
            ("triger_methd", Some("trigger_method")),
            ("trigger_onn", Some("trigger_on")),
            ("ES_URL", Some("es_url")),
            ("target", None),
            ("tar", None),
            ("need_more", None),
            ("mitre", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn distances_match_the_definition() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("ca", "abc", 3),
            ("abcd", "acbd", 1),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(edit_distance(&chars(a), &chars(b), Swap::OneEdit), expected, "{a} {b}");
            assert_eq!(edit_distance(&chars(b), &chars(a), Swap::OneEdit), expected, "{b} {a}");
        }
    }
}
