//! Variables in mpirun's environment that somebody may have set in vain: misspelt ones of
//! Lariat's, and those of other launchers.

use wireup::settings::{NAMES, PREFIX, variable};
use wireup::variables::{self, Setter, VARIABLES};

/// A variable of another MPI's, or the beginning of several, and what is used here instead.
type Other = (&'static str, &'static str);

/// Variables of Open MPI, MPICH and Intel MPI that stand for something that Lariat has, too.
/// Of two that fit the first counts.
const OTHERS: &[Other] = &[
    (
        "OMPI_MCA_hwloc_base_binding_policy",
        "--bind-to says what ranks are bound to",
    ),
    (
        "PRTE_MCA_hwloc_default_binding_policy",
        "--bind-to says what ranks are bound to",
    ),
    (
        "OMPI_MCA_rmaps_base_mapping_policy",
        "--map-by says how ranks are laid out",
    ),
    (
        "PRTE_MCA_rmaps_default_mapping_policy",
        "--map-by says how ranks are laid out",
    ),
    (
        "OMPI_MCA_rmaps_base_oversubscribe",
        "a job may always have more ranks than processors",
    ),
    (
        "OMPI_MCA_mpi_yield_when_idle",
        "ranks that wait give up their processor anyway",
    ),
    (
        "OMPI_MCA_btl_vader_single_copy_mechanism",
        "--set arm=copy, cma or shared says how large messages go",
    ),
    (
        "OMPI_MCA_smsc",
        "--set arm=copy, cma or shared says how large messages go",
    ),
    (
        "OMPI_MCA_orte_tmpdir_base",
        "jobs leave nothing in folders for temporary files",
    ),
    (
        "OMPI_MCA_orte_default_hostfile",
        "--hostfile names a file with hosts",
    ),
    (
        "PRTE_MCA_prte_default_hostfile",
        "--hostfile names a file with hosts",
    ),
    (
        "OMPI_MCA_btl_tcp_if_include",
        "--interface says by which interface hosts reach each other",
    ),
    (
        "OMPI_MCA_",
        "Lariat has no MCA parameters; its settings are given by --set NAME=VALUE",
    ),
    (
        "PRTE_MCA_",
        "Lariat has no MCA parameters; its settings are given by --set NAME=VALUE",
    ),
    (
        "PMIX_MCA_",
        "Lariat has no MCA parameters; its settings are given by --set NAME=VALUE",
    ),
    ("HYDRA_HOST_FILE", "--hostfile names a file with hosts"),
    (
        "HYDRA_LAUNCHER_EXEC",
        "--launch 'CMD {host}' says by which command other hosts are reached",
    ),
    (
        "HYDRA_LAUNCHER",
        "--launch 'CMD {host}' says by which command other hosts are reached",
    ),
    (
        "HYDRA_BOOTSTRAP",
        "--launch 'CMD {host}' says by which command other hosts are reached",
    ),
    ("HYDRA_RMK", "-rmk names the batch system to ask"),
    (
        "HYDRA_IFACE",
        "--interface says by which interface hosts reach each other",
    ),
    ("HYDRA_BINDING", "--bind-to says what ranks are bound to"),
    (
        "HYDRA_TOPO_DEBUG",
        "--report-bindings shows where ranks run",
    ),
    ("HYDRA_USIZE", "-usize says what MPI_UNIVERSE_SIZE is"),
    (
        "HYDRA_ENV",
        "-genvall, -genvnone and -genvlist say which variables are passed",
    ),
    ("HYDRA_PREPEND_RANK", "-l puts the rank before each line"),
    ("HYDRA_DEBUG", "--verbose says what mpirun does"),
    (
        "MPIEXEC_PREFIX_STDOUT",
        "-prepend-pattern puts a text before each line",
    ),
    (
        "MPIEXEC_PREFIX_STDERR",
        "-prepend-pattern puts a text before each line",
    ),
    ("MPIEXEC_BNR", "ranks find their job without it"),
    (
        "MPIR_CVAR_ENABLE_GPU",
        "Lariat copies between the memory of processors",
    ),
    (
        "MPIR_CVAR_CH4_SHM",
        "--set arm=copy, cma or shared says how large messages go",
    ),
    ("MPIR_CVAR_NOLOCAL", "ranks of one host always share memory"),
    (
        "MPIR_CVAR_DEBUG_HOLD",
        "--gdb=RANKS runs ranks in a debugger",
    ),
    (
        "MPIR_CVAR_",
        "Lariat's settings are given by --set NAME=VALUE",
    ),
    (
        "I_MPI_PIN_DOMAIN",
        "--bind-to and --cpus-per-rank say what ranks are bound to",
    ),
    (
        "I_MPI_PIN_PROCESSOR_LIST",
        "--map-by pe-list=P,P-P says which processor each rank gets",
    ),
    ("I_MPI_PIN", "--bind-to none leaves ranks unbound"),
    (
        "I_MPI_PERHOST",
        "--perhost says how many ranks each host gets",
    ),
    (
        "I_MPI_HYDRA_BOOTSTRAP",
        "--launch 'CMD {host}' says by which command other hosts are reached",
    ),
    (
        "I_MPI_HYDRA_HOST_FILE",
        "--hostfile names a file with hosts",
    ),
    (
        "I_MPI_HYDRA_IFACE",
        "--interface says by which interface hosts reach each other",
    ),
    (
        "I_MPI_SHM_HEAP",
        "--shared-heap and --no-shared-heap say whether there is one",
    ),
    (
        "I_MPI_FABRICS",
        "ranks of one host share memory, those of several use libfabric",
    ),
    (
        "I_MPI_DEBUG",
        "--verbose says what was chosen, --report-bindings where ranks run",
    ),
    ("I_MPI_STATS", "--profile says where time went"),
];

/// A line for each variable of another MPI's that is set and stands for something that is
/// chosen otherwise here.
pub fn of_others(set: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = set.collect();
    names.sort_unstable();
    let told = names.iter().filter_map(|name| {
        let found = OTHERS.iter().find(|(known, _)| match known.ends_with('_') {
            true => name.starts_with(known),
            false => name == known,
        });
        let (_, instead) = found?;
        Some(format!("{name} is set and is not read here: {instead}"))
    });
    told.collect()
}

/// A line for each variable `LARIAT_…` that is set and that Lariat does not know.
pub fn misspelt(set: impl Iterator<Item = String>) -> Vec<String> {
    let of_tests = |name: &str| {
        let rest = name.strip_prefix(PREFIX);
        rest.is_some_and(|rest| rest.starts_with("TEST_"))
    };
    let unknown =
        |name: &String| name.starts_with(PREFIX) && !of_tests(name) && !variables::is_known(name);
    let mut names: Vec<String> = set.filter(unknown).collect();
    names.sort_unstable();
    let settings = NAMES.iter().map(|(name, _)| variable(name));
    let users = VARIABLES
        .iter()
        .filter(|known| known.setter == Setter::User);
    let known: Vec<String> = settings
        .chain(users.map(|known| known.name.to_owned()))
        .collect();
    let told = names.iter().map(|name| {
        let near = crate::cli::nearest(name, known.iter().map(String::as_str));
        match near {
            Some(near) => {
                format!("{name} is set, and Lariat knows no such variable: did you mean {near}?")
            }
            None => format!(
                "{name} is set, and Lariat knows no such variable; mpirun --help lists the settings"
            ),
        }
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(list: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
        list.iter().map(|name| (*name).to_owned())
    }

    #[test]
    fn misspelt_variables_are_told_with_what_is_near() {
        assert!(misspelt(names(&["LARIAT_RANK", "LARIAT_EAGER_LIMIT", "HOME"])).is_empty());
        let said = misspelt(names(&["LARIAT_EAGRE_LIMIT", "LARIAT_WOOD_AND_STONE"]));
        assert!(
            said[0].contains("did you mean LARIAT_EAGER_LIMIT?"),
            "{said:?}"
        );
        assert!(said[1].contains("--help"), "{said:?}");
    }

    #[test]
    fn variables_of_others_are_told_with_what_is_used_instead() {
        let set = [
            "PATH",
            "OMPI_MCA_btl",
            "HYDRA_RMK",
            "I_MPI_PIN",
            "OMPI_MCA_smsc",
        ];
        let said = of_others(names(&set));
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(said[0].starts_with("HYDRA_RMK") && said[0].contains("-rmk"));
        assert!(said[2].contains("--set NAME=VALUE") && said[3].contains("arm=copy"));
    }
}
