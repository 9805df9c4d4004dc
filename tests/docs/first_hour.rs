//! The walk of a newcomer, with the commands of the guide: from a file that no profile knows to a
//! whitelist entry.

use super::blocks::blocks_of;
use super::commands::Reader;
use super::shell::calls;

/// Commands of the newcomer, in order.
const WALK: [&str; 7] = ["fields", "new", "check", "run", "explain", "whitelist suggest", "run"];

#[test]
fn a_newcomer_gets_from_a_file_to_a_whitelist_entry() {
    let reader = Reader::new();
    let (mut walked, mut tables, mut suggested) = (Vec::new(), Vec::new(), Vec::new());
    for block in blocks_of("docs/first_hour.md") {
        assert_eq!(block.needs, None, "{}: every command is executed", block.place);
        let finished = reader.execute(&block);
        for (written, finished) in block.commands.iter().zip(finished) {
            for call in calls(&written.line) {
                let step = WALK.iter().find(|step| call[1..].join(" ").starts_with(**step));
                let step = *step.unwrap_or_else(|| panic!("{}: not a step of the walk: {call:?}", block.place));
                walked.push(step);
                match step {
                    "run" => tables.push(finished.stdout.clone()),
                    "whitelist suggest" => suggested.push(call[3].clone()),
                    _ => {}
                }
            }
        }
    }
    assert_eq!(walked, WALK);
    let ids = |table: &str| -> Vec<String> {
        let facts = table.lines().filter(|line| line.contains(" · "));
        facts.filter_map(|line| Some(line.rsplit(' ').next()?.to_owned())).collect()
    };
    let (before, after) = (ids(&tables[0]), ids(&tables[1]));
    let [accepted] = &suggested[..] else { panic!("{suggested:?}") };
    assert!(before.contains(accepted) && before.len() > 1, "{before:?}");
    let others: Vec<String> = before.into_iter().filter(|id| id != accepted).collect();
    assert_eq!(after, others, "the accepted finding is gone, and nothing else");
}
