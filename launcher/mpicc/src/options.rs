//! The wrappers' own options, for their help, manual page and completions. All other options
//! are the compiler's.

/// Each option as it is written, and what it does: a phrase without a full stop.
pub const OPTIONS: [(&str, &str); 11] = [
    (
        "-show",
        "print the command instead of running it (also -showme)",
    ),
    ("-compile_info", "print the command for compiling alone"),
    ("-link_info", "print the command for linking alone"),
    ("--showme:compile", "print the flags for compiling"),
    ("--showme:link", "print the flags for linking"),
    ("--showme:incdirs", "print the directories of headers"),
    ("--showme:libdirs", "print the directories of libraries"),
    ("--showme:libs", "print the names of libraries"),
    ("--showme:command", "print the compiler's name"),
    ("--showme:version", "print the version of Lariat"),
    ("--help", "print this, and the compiler's own help"),
];

/// What is added to the compiler's command: one sentence.
pub const ADDED: &str = "All arguments go to the compiler as they are. Behind them come the \
    directory of mpi.h and, where the compiler links, the library, its directory, and a run \
    path to it, so that the program runs without LD_LIBRARY_PATH.";
