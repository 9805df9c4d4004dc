//! The book: `docs/SUMMARY.md` lists its chapters, and links between them resolve.

use std::collections::BTreeSet;
use std::path::Path;

use super::blocks::{documents, text_of};

/// Targets of the links of a text, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut is_code = false;
    let prose = text.lines().filter(|line| {
        is_code ^= line.trim_start().starts_with("```");
        !is_code
    });
    let prose = prose.collect::<Vec<_>>().join("\n");
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.filter(|link| !link.contains("://")).map(str::to_owned).collect()
}

/// Anchors of the headings of a text, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let headings = text.lines().filter_map(|line| {
        is_code ^= line.starts_with("```");
        line.strip_prefix('#').filter(|_| !is_code).map(|rest| rest.trim_start_matches('#').trim())
    });
    let anchor = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Path of a file that a document links to, from the root of the project.
fn resolved(document: &str, link: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn the_summary_lists_every_chapter_once() {
    let listed: Vec<String> = links(&text_of("docs/SUMMARY.md")).iter().map(|link| format!("docs/{link}")).collect();
    let is_chapter = |path: &String| path.starts_with("docs/") && path != "docs/SUMMARY.md";
    let chapters: BTreeSet<String> = documents().into_iter().filter(is_chapter).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), chapters);
    assert_eq!(listed.len(), chapters.len(), "a chapter is listed twice");
}

#[test]
fn the_summary_has_the_form_that_mdbook_reads() {
    let text = text_of("docs/SUMMARY.md");
    let mut indent = 0;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let depth = line.len() - line.trim_start().len();
        let is_part = line.starts_with("# ");
        let is_chapter = line.trim_start().trim_start_matches("- ").starts_with('[') && line.ends_with(')');
        assert!(is_part || is_chapter, "neither a part nor a chapter: {line}");
        assert!(depth % 2 == 0 && depth <= indent + 2, "a chapter below nothing: {line}");
        indent = depth;
    }
    let settings = text_of("docs/book.toml");
    for setting in ["[book]\n", "\nsrc = \".\"\n", "\nbuild-dir = \"../target/book\"\n"] {
        assert!(settings.contains(setting), "no {setting:?} in {settings}");
    }
}

#[test]
fn chapters_begin_with_one_title() {
    for document in documents() {
        let text = text_of(&document);
        assert!(text.starts_with("# "), "{document} begins without a title");
    }
}

#[test]
fn links_to_parts_of_documents_resolve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = Vec::new();
    for document in documents() {
        for link in links(&text_of(&document)) {
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let path = if path.is_empty() { document.clone() } else { resolved(&document, path) };
            let is_there = match anchor {
                None => root.join(&path).exists(),
                Some(anchor) => root.join(&path).is_file() && anchors(&text_of(&path)).contains(anchor),
            };
            problems.extend((!is_there).then(|| format!("{document}: {link}")));
        }
    }
    assert!(problems.is_empty(), "links to nothing:\n{}", problems.join("\n"));
}

/// The book has this folder only, so what is outside is named, not linked.
#[test]
fn chapters_link_to_nothing_outside_of_the_book() {
    let chapters = documents().into_iter().filter(|document| document.starts_with("docs/"));
    let outside = chapters.flat_map(|document| {
        let links = links(&text_of(&document)).into_iter();
        let links = links.filter(|link| !link.starts_with('#') && !resolved(&document, link).starts_with("docs/"));
        links.map(|link| format!("{document}: {link}")).collect::<Vec<_>>()
    });
    let outside: Vec<String> = outside.collect();
    assert!(outside.is_empty(), "links out of the book:\n{}", outside.join("\n"));
}

#[test]
fn anchors_are_those_of_headings() {
    let found = anchors("# A title\n```\n# no\n```\n## [general]\n### `x_y`, and AND-z!\n");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a-title", "general", "x_y-and-and-z"]);
    assert_eq!(resolved("docs/a.md", "../b/c.md"), "b/c.md");
    assert_eq!(resolved("docs/m/a.md", "b.md"), "docs/m/b.md");
}
