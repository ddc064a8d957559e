"""Tables of benchmark runs and the joining with a peer, on documents made by hand."""

import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench" / "peers")]
import cpu_compare  # noqa: E402
import tables  # noqa: E402


def entry(name, ms, **more):
    return dict(name=name + "/iterations:1/manual_time", real_time=ms, time_unit="ms", **more)


class Tables(unittest.TestCase):
    def test_name(self):
        self.assertEqual(tables.split_name("gemm/medium/q/8x8x8/f32_packed/t2/iterations:1/manual_time"),
                         ("gemm/medium/q/8x8x8", "f32_packed", 2))
        self.assertEqual(tables.split_name("receipts/proxyv/question/t1"), ("receipts/proxyv/question", "", 1))

    def test_table_has_a_column_for_each_form(self):
        document = {"benchmarks": [entry("gemm/q/f32/t1", 2.0, share=0.9), entry("gemm/q/eigen/t1", 3.0, share=0.6, others=0.4),
                                   entry("gemm/q/f32/t2", 1.0), entry("gemm/r/f32/t1", 0.0, error_occurred=True)]}
        self.assertEqual(list(tables.table(document, {})), [
            "| case | threads | f32 | eigen |", "| --- | ---: | ---: | ---: |",
            "| gemm/q | 1 | 2 (90 %) | 3 (60 %) ~ |", "| gemm/q | 2 | 1 | - |", "| gemm/r | 1 | failed | - |"])

    def test_a_case_beside_which_the_machine_was_slow_is_marked(self):
        slow, fast = (entry(f"gemv/{name}/f32/t2", 2.0, label="of read", threads=2, ceiling=rate) for name, rate in (("a", 20.0), ("b", 50.0)))
        other = entry("gemv/c/f32/t1", 2.0, label="of read", threads=1, ceiling=20.0)
        documents = {"benchmarks": [slow, other]}, {"benchmarks": [fast]}
        self.assertEqual(list(tables.table(documents[0], tables.best_ceilings(documents)))[2:], ["| gemv/a | 2 | 2 ~ |", "| gemv/c | 1 | 2 |"])

    def test_the_machine_is_what_it_was_at_best(self):
        first = {"machine": "M", "date": "2026-01-02T03", "fma/t2": "118.2 GFLOP/s", "read/t1": "30.0 GB/s"}
        lines = list(tables.machine([first, {"machine": "M", "fma/t2": "236.3 GFLOP/s", "read/t1": "9.0 GB/s"}]))
        self.assertEqual(lines[0], "M; level -; 2026-01-02")
        self.assertEqual(lines[-1], "| | 236.3 GFLOP/s | 30.0 GB/s |")

    def test_only_places_whose_block_was_made_change(self):
        page = "a\n<!-- made: gemm -->\nold\n<!-- end: gemm -->\nb\n<!-- made: gemv -->\nkept\n<!-- end: gemv -->\n"
        text, missing = tables.filled(page, {"gemm": "new", "other": "unused"})
        self.assertEqual(missing, ["gemv"])
        self.assertEqual(text, page.replace("old\n", "\nnew\n\n"))
        self.assertEqual(tables.filled(text, {"gemm": "new"})[0], text)  # a second time changes nothing


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name, document):
        (self.folder / name).write_text(json.dumps(document))

    def test_ratios_are_taken_within_a_round(self):
        case = "layer/medium/plain/f32/t2"
        for number, (ours, theirs) in enumerate(((10.0, 30.0), (20.0, 80.0), (10.0, 50.0)), 1):
            self.write(f"ours-layer-t2-{number}.json", {"benchmarks": [entry(case, ours, share=0.8)]})
            self.write(f"torch-layer-t2-{number}.json", {"results": {case: theirs}})
        (row,) = cpu_compare.merged(cpu_compare.read_rounds(self.folder))
        self.assertEqual((row["ours"], row["torch"], row["ratio"], row["rounds"]), (10.0, 50.0, 4.0, 3))
        self.assertTrue(row["met"])  # 4.0 >= 1 / 0.35

    def test_without_the_peer_there_is_no_ratio_and_no_target_is_met(self):
        self.write("ours-receipts-t1-1.json", {"benchmarks": [entry("receipts/proxyv/question/t1", 10.0)]})
        (row,) = cpu_compare.merged(cpu_compare.read_rounds(self.folder))
        self.assertIsNone(row["ratio"])
        self.assertIsNone(row["met"])

    def test_a_failed_case_is_no_row(self):
        self.write("ours-layer-t1-1.json", {"benchmarks": [entry("layer/x/f32/t1", 0.0, error_occurred=True)]})
        self.assertEqual(list(cpu_compare.merged(cpu_compare.read_rounds(self.folder))), [])

    def test_our_own_share(self):
        part, whole, most = cpu_compare.SHARES[0]
        self.write("ours-prefill-t2-1.json", {"benchmarks": [entry(part + "/t2", 50.0), entry(whole + "/t2", 100.0)]})
        (row,) = cpu_compare.own_shares(cpu_compare.read_rounds(self.folder))
        self.assertEqual((row["part"], row["met"]), (0.5, 0.5 <= most))

    def test_attention_is_joined_without_whose_it_is(self):
        self.assertEqual(cpu_compare.name_of(entry("attention/causal_2935/8x128/ours/t1", 1.0)),
                         "attention/causal_2935/8x128/t1")


if __name__ == "__main__":
    unittest.main()
