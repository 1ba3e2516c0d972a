//! "Summarise the files in ~/project."

use super::{
    DISCLAIMER,
    script::{Move, Script, Seen, fenced, give_up, quote, succeed},
};

/// Directories of generated files and of version control are left out.
const PRUNE: &str = "-type d \\( -name .git -o -name node_modules -o -name target -o -name .venv -o -name __pycache__ -o -name .aether \\) -prune -o";

pub(super) fn next(script: &mut Script<'_>, directory: &str, report: &str) -> Move {
    steps(script, directory, report).unwrap_or_else(|step| step)
}

fn steps(script: &mut Script<'_>, directory: &str, report: &str) -> Result<Move, Move> {
    let cd = format!("cd {}", quote(directory));
    let there = script.run("First: is the directory there, and what does it hold?", &format!("{cd} && ls -lA"))?;
    if !there.ok {
        return Ok(give_up(format!("{directory} cannot be read: {}", last_line(&there.output()))));
    }
    let totals = script.run(
        "How many files are there, and how large are they together?",
        &format!("{cd} && find . {PRUNE} -type f -printf '%s\\n' | awk '{{ n++; s += $1 }} END {{ print n + 0, s + 0 }}'"),
    )?;
    let (files, bytes) = two_numbers(&totals.output());
    if files == 0 {
        return Ok(give_up(format!("{directory} holds no files to summarise")));
    }
    // `grep -c ''` counts lines and -I leaves binary files at 0, so both kinds are told apart in one pass.
    let languages = script.run(
        "Which kinds of files, and how many lines?",
        &format!(
            "{cd} && find . {PRUNE} -type f -print0 | xargs -0 -r grep -HIc '' | awk '{{ n = $0; sub(/.*:/, \"\", n); p = $0; sub(/:[0-9]+$/, \"\", p); \
             sub(/.*\\//, \"\", p); e = p; if (!sub(/^.+\\./, \"\", e)) e = \"(none)\"; c[e]++; l[e] += n }} \
             END {{ for (e in c) printf \"%8d lines %6d files  %s\\n\", l[e], c[e], e }}' | sort -rn | head -n 25"
        ),
    )?;
    let largest = script.run(
        "Which files are the largest?",
        &format!("{cd} && find . {PRUNE} -type f -printf '%s %P\\n' | sort -rn | head -n 20"),
    )?;
    let tree = script.run(
        "How is it laid out?",
        &format!("{cd} && find . -mindepth 1 -maxdepth 2 {PRUNE} -printf '%y %P\\n' | sort -k2 | head -n 60"),
    )?;
    let readme = script.run(
        "What does it say about itself?",
        &format!("{cd} && for f in README* readme* Readme*; do if [ -f \"$f\" ]; then echo \"$f:\"; head -n 30 \"$f\"; exit; fi; done; echo 'no README'"),
    )?;
    let history = script.run(
        "Is there a history?",
        &format!("{cd} && if [ -e .git ]; then git log --oneline -n 10 2>&1; else echo 'not a git repository'; fi; true"),
    )?;
    let text = format!(
        "# {directory}\n\n{DISCLAIMER}: this is what commands found, without an opinion about it.\n\n\
         {files} files, {bytes} bytes together (version control and generated directories are left out).\n\n\
         ## Kinds of files\n\n{}\n## Layout\n\n{}\n## Largest files\n\n{}\n## README\n\n{}\n## History\n\n{}",
        block(languages),
        block(tree),
        block(largest),
        block(readme),
        block(history)
    );
    let written = script.write("Now the summary.", report, &text)?;
    if !written.ok {
        return Ok(give_up(format!("the summary could not be written: {}", written.text)));
    }
    let check = script.run("Is it there, and whole?", &format!("wc -c < {}", quote(report)))?;
    if check.output().trim() != text.len().to_string() {
        return Ok(give_up(format!("{report} should have {} bytes, but: {}", text.len(), check.text)));
    }
    let main = languages.output();
    let main = main.lines().next().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    Ok(succeed(format!("{directory} has {files} files, {bytes} bytes; most: {main}. The summary is in {report}")))
}

fn block(seen: &Seen) -> String {
    let note = if seen.ok {
        String::new()
    } else {
        format!("The command failed ({}).\n\n", seen.text.lines().next().unwrap_or_default())
    };
    format!("{note}{}", fenced("text", &seen.output()))
}

fn two_numbers(output: &str) -> (u64, u64) {
    let mut numbers = output.split_whitespace().map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn last_line(output: &str) -> &str {
    output.lines().last().unwrap_or("no reason given")
}
