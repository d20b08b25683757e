"""The export bench writes each format beside pyarrow alone, and exports hold a bounded part of what they write."""

from __future__ import annotations

import pytest

from connectors.bench import export

PEAK_MB = 500


@pytest.mark.slow
def test_a_small_run_measures_every_format_beside_pyarrow_alone(tmp_path):
    told = export.run(f"sqlite:///{tmp_path / 'twin.db'}", tmp_path / "out", hours=0.05, repeats=1, say=print)
    assert (told["frames"], told["columns"], told["episodes"]) == (3600, 30, 6)
    for to in ("lerobot", "parquet"):
        assert told[f"{to}_ratio"] == pytest.approx(told[f"{to}_bare_s"] / told[f"{to}_s"], abs=0.05)
    assert told["mcap_messages_per_s"] > 0
    assert all(20 < told[f"{to}_peak_mb"] < PEAK_MB for to in ("lerobot", "mcap", "parquet"))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("to", "hours"), [("lerobot", 6.0), ("parquet", 6.0), ("mcap", 2.0)])
def test_memory_does_not_grow_with_the_hours(tmp_path, to, hours):
    url = f"sqlite:///{tmp_path / 'twin.db'}"
    export.fill(url, hours)
    _, few = export.alone(url, to, tmp_path / "few", hours / 8)
    _, many = export.alone(url, to, tmp_path / "many", hours)
    print(f"{to}: {hours / 8:g} h {few} MB, {hours:g} h {many} MB")
    assert many < PEAK_MB
    assert many < 1.2 * few + 40
