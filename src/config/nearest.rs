//! What the user may have meant.

/// The known name closest to `written`, where it is close enough to be a slip: up to two edits, fewer for short names.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = match written.chars().count() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    known
        .map(|name| (distance(written, name), name))
        .filter(|(distance, _)| (1..=most).contains(distance))
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitution = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let check = |written: &str, expected: Option<&str>| {
            let known = ["trigger_sensitivity", "target", "run_model", "metric"];
            assert_eq!(nearest(written, known.into_iter()), expected, "{written}");
        };
        check("trigger_sensitvity", Some("trigger_sensitivity"));
        check("tagret", Some("target"));
        check("run_models", Some("run_model"));
        check("target", None);
        check("severity", None);
        check("run", None);
    }
}
