//! Findings below what they have in common.

use super::TextPage;
use super::assets::contributions;
use super::told::shown;
use crate::findings::FindingGroup;
use crate::terminal::counted;

impl TextPage {
    pub(super) fn groups(self, groups: &[FindingGroup]) -> String {
        groups.iter().map(|group| self.group(group)).collect::<Vec<_>>().join("\n")
    }

    fn group(self, group: &FindingGroup) -> String {
        let findings = counted(group.n_findings, "finding", "findings");
        let documents = counted(group.n_documents, "document", "documents");
        let head = format!("{}: {findings}, {documents}", shown(&group.name));
        let mut text = self.scored(group.score, &head, &contributions(&group.evidence));
        let inner = TextPage { width: self.width.saturating_sub(2).max(20), ..self };
        for line in
            group.first.iter().flat_map(|finding| inner.block(finding).lines().map(str::to_owned).collect::<Vec<_>>())
        {
            text.push_str(&format!("  {line}\n"));
        }
        let n_more = group.n_findings.saturating_sub(group.first.len() as u64);
        if n_more > 0 {
            text.push_str(&self.paragraph(&format!("... and {}", counted(n_more, "more", "more")), 9));
        }
        text
    }
}
