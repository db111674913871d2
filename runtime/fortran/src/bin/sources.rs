//! `lariat-fortran-sources DIR`: writes `mpif.h` and the source of the modules into a directory,
//! for who installs a tree.

use std::path::Path;
use std::process::ExitCode;

const FILES: [(&str, &str); 2] = [
    ("mpif.h", include_str!(concat!(env!("OUT_DIR"), "/mpif.h"))),
    (
        "mpi.f90",
        include_str!(concat!(env!("OUT_DIR"), "/mpi.f90")),
    ),
];

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: lariat-fortran-sources DIRECTORY");
        return ExitCode::from(2);
    };
    for (name, text) in FILES {
        let path = Path::new(&folder).join(name);
        if let Err(why) = std::fs::write(&path, text) {
            eprintln!("lariat-fortran-sources: {}: {why}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
