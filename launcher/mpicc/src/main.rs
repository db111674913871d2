//! `mpicc`, `mpicxx` and `mpifort`: run the C, C++ or Fortran compiler with the flags by which a program finds
//! `mpi.h` and the library, and answer the queries by which build systems find an MPI
//! (`-show`, `-compile_info`, `-link_info`, `--showme:…`).
//!
//! The wrapper finds headers and library from its own path at each call, so that an
//! installed tree can be moved. A linked program gets the library's directory as its run
//! path, so that it runs without `LD_LIBRARY_PATH`.

#![deny(unsafe_code)]

mod flags;
mod fortran;

use flags::{InstallTree, Language, Query};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let own = args.next().unwrap_or_else(|| OsString::from("mpicc"));
    let own = Path::new(&own).file_name().unwrap_or(OsStr::new("mpicc"));
    let own = own.to_string_lossy().into_owned();
    let language = Language::of(&own);
    match run(&own, language, args.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, why)) => {
            eprintln!("{own}: {why}");
            ExitCode::from(code)
        }
    }
}

fn run(own: &str, language: Language, mut args: Vec<OsString>) -> Result<(), (u8, String)> {
    let exe = std::env::current_exe();
    let exe = exe.map_err(|why| (1, format!("its own path cannot be found: {why}")))?;
    let mut tree = InstallTree::of(&exe, language).ok_or_else(|| {
        let place = exe.display();
        (
            1,
            format!("{place}: no directory lies above the one it is in"),
        )
    })?;
    if args.is_empty() {
        let usage = flags::usage(own, language);
        return Err((1, format!("no input files\n\n{}", usage.trim_end())));
    }
    let compiler = compiler(language, &mut args);
    let query = flags::take_query(&mut args).map_err(|why| (1, why))?;
    if language == Language::Fortran && query.is_none_or(Query::needs_modules) {
        tree.set_flags(fortran::flags(&compiler));
        match fortran::modules(tree.root(), &compiler) {
            Ok(modules) => tree.set_modules(modules),
            Err(why) => eprintln!("{own}: warning: use mpi and use mpi_f08 do not work: {why}"),
        }
    }
    let text = match query {
        None => {
            let Some((program, before)) = compiler.split_first() else {
                return Err((1, "the compiler's name is empty".to_owned()));
            };
            if args == ["--help"] || args == ["-help"] {
                args = vec![OsString::from("--help")];
                print(&format!(
                    "{}\nThe rest is the help of {}.\n\n",
                    flags::usage(own, language),
                    program.display()
                ))?;
            }
            if flags::links(&args)
                && let Some(warning) = tree.warning()
            {
                eprintln!("{own}: {warning}");
            }
            let mut command = Command::new(program);
            command.args(before).args(flags::complete(&tree, &args));
            let why = command.exec(); // returns only if it failed
            let name = program.display();
            let variable = language.variables()[0];
            let hint = format!("install it, or name another in {variable}");
            return Err((127, format!("compiler {name} cannot be run: {why}; {hint}")));
        }
        Some(Query::Show) => words(compiler.into_iter().chain(flags::complete(&tree, &args))),
        Some(Query::CompileInfo) => words(compiler.into_iter().chain(tree.compile())),
        Some(Query::LinkInfo) => words(compiler.into_iter().chain(tree.link())),
        Some(Query::Compile) => words(tree.compile()),
        Some(Query::Link) => words(tree.link()),
        Some(Query::IncDirs) => words(tree.include_dirs()),
        Some(Query::LibDirs) => words([tree.lib().into_os_string()]),
        Some(Query::Libs) => tree.libraries().join(" "),
        Some(Query::Command) => words(compiler),
        Some(Query::Version) => format!(
            "{own}: Lariat {} (Language: {})",
            env!("CARGO_PKG_VERSION"),
            language.name()
        ),
    };
    print(&format!("{text}\n"))
}

fn print(text: &str) -> Result<(), (u8, String)> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|why| (1, format!("standard output: {why}")))
}

/// The compiler and its options: from `-cc=NAME`, a variable, else the first compiler that is
/// installed.
fn compiler(language: Language, args: &mut Vec<OsString>) -> Vec<OsString> {
    let given = flags::take_compiler(language, args);
    let set = |name: &&str| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    let named = given.or_else(|| language.variables().iter().find_map(set));
    if let Some(named) = named {
        // A path, which may have spaces in it, or a command with options.
        if Path::new(&named).is_file() {
            return vec![OsString::from(named)];
        }
        return named.split_whitespace().map(OsString::from).collect();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = |name: &&&str| std::env::split_paths(&path).any(|d| d.join(name).is_file());
    let usual = language.compilers();
    let found = usual.iter().find(installed).unwrap_or(&usual[0]);
    vec![OsString::from(found)]
}

/// Words as a shell would read them back.
fn words(words: impl IntoIterator<Item = OsString>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|w| flags::quote(&w)).collect();
    quoted.join(" ")
}
