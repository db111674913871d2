"""What is made of samples."""

import random
import unittest

import figures


def sample(mpi, value, probes, number=0, size=8):
    return {"mpi": mpi, "round": number, "size": size, "probes": probes, "values": {"t": value}}


COLUMN = {"key": "t", "unit": "µs", "more_is_better": False, "limit": ""}
NEAR, FAR = [60.0, 61.0], [230.0, 232.0]


class Placements(unittest.TestCase):
    def test_two_groups_are_told_apart(self):
        numbers = random.Random(1)
        probes = [numbers.uniform(50, 70) for _ in range(500)] + [numbers.uniform(200, 260) for _ in range(50)]
        self.assertTrue(70 < figures.boundary(probes) < 200)

    def test_one_group_stays_one(self):
        numbers = random.Random(2)
        self.assertIsNone(figures.boundary([numbers.uniform(50, 70) for _ in range(500)]))
        self.assertIsNone(figures.boundary([]))
        self.assertIsNone(figures.boundary([60.0]))

    def test_a_few_disturbed_probes_are_no_placement(self):
        self.assertIsNone(figures.boundary([60.0] * 500 + [5000.0] * 3))

    def test_cores_that_moved_belong_to_neither(self):
        self.assertEqual(figures.placement(NEAR, 128), "near")
        self.assertEqual(figures.placement(FAR, 128), "far")
        self.assertEqual(figures.placement([60.0, 230.0], 128), "moved")

    def test_without_probes_there_is_no_placement(self):
        self.assertEqual(figures.placement(None, 128), "all")
        self.assertEqual(figures.placement([0, 0], 128), "all")
        self.assertEqual(figures.placement(NEAR, None), "all")


class Ratios(unittest.TestCase):
    def test_placements_are_not_mixed(self):
        # Half of our samples are far, most of the peer's are near: medians would mix them.
        samples = [sample("lariat", 1.0, NEAR), sample("lariat", 3.0, FAR)] * 4
        samples += [sample("other", 2.0, NEAR)] * 7 + [sample("other", 6.0, FAR)] * 3
        of_job = figures.Samples(samples, 128)
        self.assertEqual(of_job.placements(), ["near", "far", "all"])
        for place in ("near", "far"):
            row = figures.rows_of(of_job, COLUMN, place, None)[0]
            self.assertAlmostEqual(row["ratio"], 0.5)

    def test_too_few_samples_of_one_take_all(self):
        samples = [sample("lariat", 1.0, NEAR)] * 9 + [sample("other", 2.0, FAR)] * 9
        self.assertEqual(figures.Samples(samples, 128).placements(), ["all"])

    def test_disturbed_samples_do_not_count(self):
        values = [1.0, 1.01, 1.02, 1.03, 50.0, 80.0, 90.0]
        samples = [sample("lariat", v, NEAR) for v in values] + [sample("other", 2.0, NEAR)] * 7
        row = figures.rows_of(figures.Samples(samples, 128), COLUMN, "near", None)[0]
        self.assertLess(row["ratio"], 0.51)

    def test_more_is_better_turns_the_ratio_round(self):
        column = dict(COLUMN, more_is_better=True)
        samples = [sample("lariat", 4.0, NEAR)] * 3 + [sample("a", 2.0, NEAR)] * 3 + [sample("b", 1.0, NEAR)] * 3
        row = figures.rows_of(figures.Samples(samples, 128), column, "near", None)[0]
        self.assertEqual((row["ratio"], row["best_peer"]), (0.5, "a"))

    def test_the_noise_is_that_of_the_rounds(self):
        samples = [sample("lariat", 1.0 + number, NEAR, number) for number in range(5)]
        samples += [sample("other", 2.0, NEAR, number) for number in range(5)]
        row = figures.rows_of(figures.Samples(samples, 128), COLUMN, "near", None)[0]
        self.assertEqual(row["ratio_quartiles"], [1.0, 1.5, 2.0])

    def test_no_peer_gives_no_ratio(self):
        row = figures.rows_of(figures.Samples([sample("lariat", 1.0, NEAR)], None), COLUMN, "all", None)[0]
        self.assertNotIn("ratio", row)
        self.assertIsNone(figures.summary_of([row]))

    def test_summary_has_the_worst_size(self):
        rows = [{"size": 8, "ratio": 0.5, "best_peer": "a"}, {"size": 64, "ratio": 2.0, "best_peer": "b"}, {"size": 9}]
        summary = figures.summary_of(rows)
        self.assertAlmostEqual(summary["geometric_mean"], 1.0)
        self.assertEqual((summary["worst"], summary["worst_size"], summary["worst_peer"]), (2.0, 64, "b"))


if __name__ == "__main__":
    unittest.main()
