//! What a shell and a reader of manuals want: `plum completions` and `plum man`.

use std::io::{self, ErrorKind, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Cli;
use crate::output::complain;
use crate::Exit;

pub(crate) fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "plum", &mut script);
    print(&script)
}

pub(crate) fn man(name: Option<&str>) -> Exit {
    let mut command = Cli::command();
    command.build();
    let page = match name {
        None => render(command),
        Some(name) => match command.find_subcommand(name) {
            Some(found) => render(found.clone()),
            None => {
                complain(&format_args!("there is no command {name:?}"));
                return Exit::Usage;
            }
        },
    };
    match page {
        Ok(page) => print(&page),
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}

fn render(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}

fn print(text: &[u8]) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}
