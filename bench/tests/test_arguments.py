"""What the user may ask for, and what is said of what cannot be used."""

import contextlib
import io
import unittest

import arguments
import peers
from arguments import Mistake


class Reading(unittest.TestCase):
    def test_sizes(self):
        self.assertEqual(arguments.sizes("8,64K-256K"), (8, 65536, 131072, 262144))
        self.assertEqual(arguments.sizes("1M, 8"), (8, 1 << 20))

    def test_wrong_sizes_are_named(self):
        for text in ("x", "0", "", "8,,9", "-8", "2G", "1.5K", "64K-8", "8-"):
            with self.assertRaises(Mistake, msg=text) as raised:
                arguments.sizes(text)
            self.assertIn("SIZES", str(raised.exception))
        with self.assertRaisesRegex(Mistake, "'x' is not a size"):
            arguments.sizes("8,x")

    def test_benchmarks_by_name_and_group(self):
        self.assertEqual([b.name for b in arguments.benchmarks("allreduce,latency")], ["latency", "allreduce"])
        self.assertIn("put", [b.name for b in arguments.benchmarks("onesided")])
        with self.assertRaisesRegex(Mistake, "no benchmark 'foo'.*latency"):
            arguments.benchmarks("latency,foo")

    def test_ranks_go_where_they_fit(self):
        options = arguments.read(["--bench", "latency,allreduce", "--ranks", "4,2"])
        self.assertEqual([b.ranks for b in options.selection], [(2,), (2, 4)])
        for text in ("1", "x", "2,", "2000"):
            with self.assertRaisesRegex(Mistake, "RANKS"):
                arguments.read(["--ranks", text])

    def test_numbers(self):
        for name in ("rounds", "minutes"):
            with self.assertRaisesRegex(Mistake, f"{name.upper()}: '-1'"):
                arguments.read([f"--{name}=-1"])

    def test_the_short_form_is_a_part_of_the_whole(self):
        whole, short = (arguments.read(words).selection for words in ([], ["--short"]))
        self.assertTrue({b.name for b in short} < {b.name for b in whole})

    def test_options_that_do_not_exist(self):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
            arguments.read(["--size", "8", "--bogus"])


class Peers(unittest.TestCase):
    def test_all_by_default(self):
        self.assertEqual([p.name for p in peers.wanted("")], peers.DEFAULT.split(","))
        self.assertEqual(peers.wanted("none"), [])

    def test_versions_and_prefixes(self):
        mpich, other = peers.wanted("mpich==4.3.1,other=/opt/mpi")
        self.assertEqual((mpich.version, mpich.prefix), ("4.3.1", ""))
        self.assertEqual((other.version, other.prefix), ("", "/opt/mpi"))

    def test_a_variant_uses_what_its_base_was_given(self):
        for peer in peers.wanted("openmpi=/opt/ompi,openmpi-nocma"):
            self.assertEqual(peer.prefix, "/opt/ompi")
        self.assertEqual(peers.wanted("openmpi-nocma")[0].version, peers.PINNED["openmpi"])

    def test_wrong_peers_are_named(self):
        for text in ("bla", "mpich=", "=x", "lariat=/x", "mpich,mpich", "mpich,,intel", "other==1"):
            with self.assertRaises(Mistake, msg=text) as raised:
                peers.wanted(text)
            self.assertIn("PEERS", str(raised.exception))

    def test_a_prefix_without_an_mpi_cannot_be_used(self):
        with self.assertRaisesRegex(peers.CannotUse, "/nowhere/bin/mpicc does not exist"):
            peers.Mpi("other", "/nowhere")


if __name__ == "__main__":
    unittest.main()
