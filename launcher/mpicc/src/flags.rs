//! What the wrappers add to a command line, and the queries that they answer. Pure.

use compilers::options;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The library's name, as it follows `-l`.
pub const MPI_LIBRARY: &str = "mpi_abi";

/// The language that a wrapper compiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// `mpicc`.
    C,
    /// `mpicxx`, `mpic++`, `mpiCC`.
    Cxx,
    /// `mpifort`, `mpif90`, `mpif77`, `mpif08`.
    Fortran,
}

/// The name of the library for Fortran, as it follows `-l`.
pub const FORTRAN_LIBRARY: &str = "lariat_fortran";

impl Language {
    /// The language of a wrapper with this name.
    pub fn of(name: &str) -> Language {
        match name {
            n if n.contains("mpif") => Language::Fortran,
            n if n.contains("++") || n.contains("cxx") || n.contains("CC") => Language::Cxx,
            _ => Language::C,
        }
    }

    /// The language's name, as Open MPI's `--showme:version` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Language::C => "C",
            Language::Cxx => "C++",
            Language::Fortran => "Fortran",
        }
    }

    /// Variables that name a compiler. The first that is set wins.
    pub fn variables(self) -> [&'static str; 3] {
        match self {
            Language::C => ["LARIAT_CC", "MPICH_CC", "OMPI_CC"],
            Language::Cxx => ["LARIAT_CXX", "MPICH_CXX", "OMPI_CXX"],
            Language::Fortran => ["LARIAT_FC", "MPICH_FC", "OMPI_FC"],
        }
    }

    /// Compilers to look for if no variable is set.
    pub fn compilers(self) -> &'static [&'static str] {
        match self {
            Language::C => &["gcc", "cc", "clang"],
            Language::Cxx => &["g++", "c++", "clang++"],
            Language::Fortran => &["gfortran", "flang-new", "flang", "ifx"],
        }
    }
}

/// A query that is answered without running a compiler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Query {
    /// The whole command.
    Show,
    /// The compiler and its flags for compiling.
    CompileInfo,
    /// The compiler and its flags for linking.
    LinkInfo,
    /// Flags for compiling.
    Compile,
    /// Flags for linking.
    Link,
    /// Directories of headers.
    IncDirs,
    /// Directories of libraries.
    LibDirs,
    /// Names of libraries.
    Libs,
    /// The compiler.
    Command,
    /// Which MPI this is.
    Version,
}

impl Query {
    /// Whether the answer names the directory of the Fortran modules.
    pub fn needs_modules(self) -> bool {
        use Query::*;
        matches!(self, Show | CompileInfo | Compile | IncDirs)
    }
}

/// Removes the query from the arguments, if there is one.
///
/// # Errors
/// The word behind `--showme:` is not known.
pub fn take_query(args: &mut Vec<OsString>) -> Result<Option<Query>, String> {
    let mut found = None;
    let mut wrong = None;
    args.retain(|arg| {
        let text = arg.to_str().unwrap_or_default();
        let which = match text {
            "-show" | "--show" | "-showme" | "--showme" => Query::Show,
            "-compile_info" | "-compile-info" => Query::CompileInfo,
            "-link_info" | "-link-info" => Query::LinkInfo,
            _ => {
                let bare = text.trim_start_matches('-');
                let Some(word) = bare.strip_prefix("showme:").filter(|_| text != bare) else {
                    return true;
                };
                match word {
                    "compile" => Query::Compile,
                    "link" => Query::Link,
                    "incdirs" => Query::IncDirs,
                    "libdirs" => Query::LibDirs,
                    "libs" => Query::Libs,
                    "command" => Query::Command,
                    "version" => Query::Version,
                    _ => {
                        wrong = Some(format!(
                            "{text} is none of --showme:compile, link, incdirs, libdirs, libs, \
                             command, version"
                        ));
                        return false;
                    }
                }
            }
        };
        found = Some(which);
        false
    });
    wrong.map_or(Ok(found), Err)
}

/// Removes `-cc=NAME`, `-cxx=NAME` or `-fc=NAME` from the arguments, and returns the last such name.
pub fn take_compiler(language: Language, args: &mut Vec<OsString>) -> Option<String> {
    let option = match language {
        Language::C => "-cc=",
        Language::Cxx => "-cxx=",
        Language::Fortran => "-fc=",
    };
    let mut found = None;
    args.retain(|arg| {
        let named = arg.to_str().and_then(|t| t.strip_prefix(option));
        found = named.map(str::to_owned).or(found.take());
        named.is_none()
    });
    found
}

/// The installed tree.
#[derive(Clone, Debug)]
pub struct InstallTree {
    root: PathBuf,
    language: Language,
    /// The directory of the modules for the Fortran compiler.
    modules: Option<PathBuf>,
    /// More flags for compiling.
    flags: Vec<OsString>,
}

impl InstallTree {
    /// The tree of a wrapper that lies in its `bin`.
    pub fn of(exe: &Path, language: Language) -> Option<InstallTree> {
        Some(InstallTree {
            root: exe.parent()?.parent()?.to_owned(),
            language,
            modules: None,
            flags: Vec::new(),
        })
    }

    /// Sets the directory of the Fortran modules.
    pub fn set_modules(&mut self, modules: PathBuf) {
        self.modules = Some(modules);
    }

    /// Sets more flags for compiling.
    pub fn set_flags(&mut self, flags: Vec<OsString>) {
        self.flags = flags;
    }

    /// The directory that all else lies in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of `mpi.h`.
    pub fn include(&self) -> PathBuf {
        self.root.join("include")
    }

    /// The directories of headers and modules.
    pub fn include_dirs(&self) -> Vec<OsString> {
        let all = [Some(self.include()), self.modules.clone()].into_iter();
        all.flatten().map(PathBuf::into_os_string).collect()
    }

    /// The directory of the library.
    pub fn lib(&self) -> PathBuf {
        self.root.join("lib")
    }

    /// Whether the tree is /usr. The compiler searches its directories anyway, after the
    /// others. Naming them would put them first and change which headers are found.
    fn is_the_systems(&self) -> bool {
        self.root == Path::new("/usr")
    }

    /// Flags for compiling.
    pub fn compile(&self) -> Vec<OsString> {
        let mut flags = self.flags.clone();
        // A Fortran compiler does not look for included files where one for C does.
        if !self.is_the_systems() || self.language == Language::Fortran {
            flags.push(joined("-I", &self.include()));
        }
        flags.extend(self.modules.iter().map(|modules| joined("-I", modules)));
        flags
    }

    /// Flags for linking.
    pub fn link(&self) -> Vec<OsString> {
        let names = self.libraries();
        let libraries = names.iter().map(|name| OsString::from(format!("-l{name}")));
        if self.is_the_systems() {
            return libraries.collect();
        }
        let lib = self.lib();
        let mut flags = vec![joined("-L", &lib)];
        match run_path(&lib) {
            RunPath::None => {}
            RunPath::Plain => flags.push(joined("-Wl,-rpath,", &lib)),
            // The compiler cuts the value of -Wl at commas. The path and its option are one
            // word, since CMake drops a second -Xlinker as a repetition.
            RunPath::Whole => {
                flags.push(OsString::from("-Xlinker"));
                flags.push(joined("-rpath=", &lib));
            }
        }
        flags.extend(libraries);
        flags
    }

    /// The names of the libraries, as they follow `-l`.
    pub fn libraries(&self) -> &'static [&'static str] {
        match self.language {
            Language::Fortran => &[FORTRAN_LIBRARY, MPI_LIBRARY],
            Language::C | Language::Cxx => &[MPI_LIBRARY],
        }
    }

    /// A warning for a program that is linked, if it gets no run path.
    pub fn warning(&self) -> Option<String> {
        if self.is_the_systems() || run_path(&self.lib()) != RunPath::None {
            return None;
        }
        Some(format!(
            "warning: no run path can name {}: the loader ends a name at a colon and replaces \
             $ORIGIN, $LIB and $PLATFORM; the program runs under this tree's mpirun, \
             but does not find the library when it is started alone",
            self.lib().display()
        ))
    }
}

/// How the library's directory gets into a program's run path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RunPath {
    /// In `-Wl,-rpath,DIR`.
    Plain,
    /// In a word of its own behind `-Xlinker`.
    Whole,
    /// Not at all: the loader would cut or replace the name.
    None,
}

fn run_path(lib: &Path) -> RunPath {
    let text = lib.to_string_lossy();
    let replaced = |token: &&str| {
        text.contains(&format!("${token}")) || text.contains(&format!("${{{token}}}"))
    };
    if text.contains(':') || ["ORIGIN", "LIB", "PLATFORM"].iter().any(replaced) {
        RunPath::None
    } else if text.contains(',') {
        RunPath::Whole
    } else {
        RunPath::Plain
    }
}

fn joined(flag: &str, dir: &Path) -> OsString {
    let mut text = OsString::from(flag);
    text.push(dir);
    text
}

/// The compiler's arguments: the user's, then ours, so that the user's directories are
/// searched first.
pub fn complete(tree: &InstallTree, args: &[OsString]) -> Vec<OsString> {
    let mut all = args.to_vec();
    all.extend(tree.compile());
    if links(args) {
        all.extend(tree.link());
    }
    all
}

/// Options with which the compiler stops before linking.
const NO_LINK: [&str; 8] = [
    "-c",
    "-S",
    "-E",
    "-M",
    "-MM",
    "-fsyntax-only",
    "-###",
    "--precompile",
];
/// Options whose value is the next argument.
const WITH_VALUE: [&str; 16] = [
    "-o",
    "-I",
    "-L",
    "-D",
    "-U",
    "-x",
    "-include",
    "-isystem",
    "-iquote",
    "-idirafter",
    "-MF",
    "-MT",
    "-MQ",
    "-Xlinker",
    "-Xpreprocessor",
    "-Xassembler",
];

/// Whether the compiler will link: it has an input and is not told to stop earlier. Without
/// arguments the answer is yes: `-show` alone asks for the command for linking. Options that
/// ask about the compiler (`-v`, `--version`, `-print-…`) come without an input, and a
/// library would count as one.
pub fn links(args: &[OsString]) -> bool {
    let mut input = args.is_empty();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let text = arg.to_string_lossy();
        if NO_LINK.contains(&&*text) {
            return false;
        }
        if WITH_VALUE.contains(&&*text) {
            rest.next();
        } else if !text.starts_with('-') || text == "-" || text.starts_with("-l") {
            input = true;
        }
    }
    input
}

/// Flags that are written together with their value. If the value has to be quoted, the flag
/// stays outside the quotes: CMake's FindMPI understands `-I"/a b"`, but not `"-I/a b"`.
const JOINED: [&str; 4] = ["-I", "-L", "-D", "-Wl,"];

/// A word, quoted for a shell if necessary.
pub fn quote(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./,:@%^".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    let flag = JOINED.iter().find(|flag| text.starts_with(**flag));
    let (flag, value) = text.split_at(flag.map_or(0, |flag| flag.len()));
    let mut quoted = format!("{flag}\"");
    for c in value.chars() {
        if "\"\\$`".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// The wrapper's usage text.
pub fn usage(own: &str, language: Language) -> String {
    let (name, compiler) = (language.name(), language.compilers()[0]);
    let [variable, ..] = language.variables();
    let option = match language {
        Language::C => "-cc",
        Language::Cxx => "-cxx",
        Language::Fortran => "-fc",
    };
    let mut text = format!(
        "{own}: Lariat {}: the {name} compiler with what MPI programs need\n\n\
         Usage: {own} [OPTIONS] FILES, as with {compiler}\n\n\
         {}\n\n\
         Options of {own} itself:\n",
        env!("CARGO_PKG_VERSION"),
        options::ADDED,
    );
    let renamed = (format!("{option}=NAME"), "run this compiler");
    let own_options = options::OPTIONS
        .iter()
        .map(|(spelling, what)| ((*spelling).to_owned(), *what));
    for (spelling, what) in own_options.chain([renamed]) {
        text.push_str(&format!("  {spelling:<18} {what}\n"));
    }
    text.push_str(&format!(
        "\nWithout {option}, {variable} in the environment names the compiler.\n"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn whole(line: &str) -> String {
        let tree = InstallTree::of(Path::new("/opt/l/bin/mpicc"), Language::C).unwrap();
        let all = complete(&tree, &args(line));
        let all: Vec<String> = all.iter().map(|w| quote(w)).collect();
        all.join(" ")
    }

    #[test]
    fn flags_are_added_behind_the_users() {
        assert_eq!(whole("-c a.c -o a.o"), "-c a.c -o a.o -I/opt/l/include");
        assert_eq!(
            whole("a.o -o a"),
            "a.o -o a -I/opt/l/include -L/opt/l/lib -Wl,-rpath,/opt/l/lib -lmpi_abi"
        );
        assert_eq!(
            whole(""),
            "-I/opt/l/include -L/opt/l/lib -Wl,-rpath,/opt/l/lib -lmpi_abi"
        );
        assert!(!whole("--version").contains("-lmpi_abi"));
        assert!(!whole("-v -o x").contains("-lmpi_abi"));
        assert!(whole("-x c - -o x").contains("-lmpi_abi"));
    }

    #[test]
    fn fortran_programs_get_a_second_library_and_the_modules() {
        let exe = Path::new("/opt/l/bin/mpifort");
        let mut tree = InstallTree::of(exe, Language::Fortran).unwrap();
        tree.set_modules(PathBuf::from("/opt/l/include/m"));
        let all = complete(&tree, &args("a.f90"));
        let all: Vec<String> = all.iter().map(|w| quote(w)).collect();
        assert_eq!(
            all.join(" "),
            "a.f90 -I/opt/l/include -I/opt/l/include/m -L/opt/l/lib -Wl,-rpath,/opt/l/lib \
             -llariat_fortran -lmpi_abi"
        );
        assert!(usage("mpif90", Language::Fortran).contains("LARIAT_FC"));
    }

    #[test]
    fn run_paths_of_odd_trees() {
        let link = |path: &str| {
            let tree = InstallTree::of(&Path::new(path).join("bin/mpicc"), Language::C).unwrap();
            let words: Vec<String> = tree.link().iter().map(|w| quote(w)).collect();
            (words.join(" "), tree.warning())
        };
        let (flags, warning) = link("/a b");
        assert_eq!(flags, r#"-L"/a b/lib" -Wl,"-rpath,/a b/lib" -lmpi_abi"#);
        assert_eq!(warning, None);
        let (flags, warning) = link("/a,b");
        assert_eq!(flags, "-L/a,b/lib -Xlinker -rpath=/a,b/lib -lmpi_abi");
        assert_eq!(warning, None);
        for path in ["/a:b", "/$ORIGIN/b", "/${LIB}"] {
            let (flags, warning) = link(path);
            assert!(!flags.contains("-rpath"), "{flags}");
            assert!(warning.is_some_and(|text| text.contains(path)));
        }
        assert!(link("/$HOME").0.contains("-rpath"));
    }

    #[test]
    fn queries_are_taken_out() {
        let mut line = args("-O2 -show a.c");
        assert_eq!(take_query(&mut line), Ok(Some(Query::Show)));
        assert_eq!(line, ["-O2", "a.c"]);
        assert_eq!(
            take_query(&mut args("-showme:libdirs")),
            Ok(Some(Query::LibDirs))
        );
        assert_eq!(take_query(&mut args("-O2 a.c")), Ok(None));
        assert!(take_query(&mut args("--showme:weather")).is_err());
        let mut line = args("-cc=clang a.c");
        assert_eq!(
            take_compiler(Language::C, &mut line).as_deref(),
            Some("clang")
        );
        assert_eq!(line, ["a.c"]);
    }

    #[test]
    fn the_help_lists_what_is_taken() {
        let said = usage("mpicxx", Language::Cxx);
        assert!(said.contains("-cxx=NAME") && said.contains("LARIAT_CXX"));
        for (spelling, _) in options::OPTIONS {
            assert!(said.contains(spelling));
            let mut line = args(spelling);
            let known = matches!(take_query(&mut line), Ok(Some(_)));
            assert!(known || spelling == "--help", "{spelling}");
        }
    }

    #[test]
    fn names_and_words() {
        assert_eq!(Language::of("mpic++"), Language::Cxx);
        assert_eq!(Language::of("mpicc"), Language::C);
        for name in ["mpifort", "mpif90", "mpif77"] {
            assert_eq!(Language::of(name), Language::Fortran);
        }
        assert_eq!(quote(OsStr::new("-I/a b")), r#"-I"/a b""#);
        assert_eq!(quote(OsStr::new("it's")), r#""it's""#);
        assert_eq!(quote(OsStr::new("-Wl,-rpath,/a b")), r#"-Wl,"-rpath,/a b""#);
        assert_eq!(quote(OsStr::new(r#"$"\`"#)), r#""\$\"\\\`""#);
        assert_eq!(quote(OsStr::new("")), "\"\"");
    }
}
