"""The factory file of `twin demo --assets N`: one site with N machines in lines of 25, for measuring a large plant."""

from __future__ import annotations

MOST = 5000
_A_LINE = 25
_ROWS = 5
"""Machines of a line stand in rows of five."""
_STEP_M = 4.0
_LINES_A_HALL = 20
_LINES_ACROSS = 5
_SHIFTS = (("day", "주간", "Day", "07:00", "19:00"), ("night", "야간", "Night", "19:00", "07:00"))


def crowd_file(assets: int) -> str:
    """TOML of a hub whose ``assets`` machine tools speak plain JSON: ten numbers each, twice a second."""
    lines = -(-assets // _A_LINE)
    side_m = _ROWS * _STEP_M + 4.0
    width_m = min(lines, _LINES_ACROSS) * side_m + 4.0
    depth_m = -(-lines // _LINES_ACROSS) * side_m + 4.0
    text = [
        "# A large plant for measuring, made by `twin demo --assets`: machines side by side, each by itself.",
        "",
        "[hub]",
        'id = "crowd"',
        f'name = {{ ko = "대규모 시험 공장 ({assets}대)", en = "Large test plant ({assets} machines)" }}',
        "",
        "[simulate]",
        'sites = ["crowd"]',
        'law = "crowd"',
        "",
        "[ingest]",
        f"max_signals_per_source = {max(5000, assets * 20)}",
        "",
        "[[source]]",
        'name = "crowd"',
        'topics = ["crowd/+/+/+/data"]',
        'decoder = "json_object"',
        "[source.options]",
        'topic = "{place...}/{asset}/{stream}"',
        'time = "ts"',
        'time_unit = "ms"',
        'seq = "seq"',
        "",
        "[[site]]",
        'id = "crowd"',
        'name = { ko = "시험 공장", en = "Test plant" }',
        'region = { ko = "전북특별자치도", en = "Jeonbuk" }',
        f"size_m = [{width_m}, {depth_m}]",
        "position_deg = [35.82, 127.11]",
    ]
    for shift, ko, en, start, end in _SHIFTS:
        text += ["", "  [[site.shift]]", f'  id = "{shift}"', f'  name = {{ ko = "{ko}", en = "{en}" }}']
        text += [f'  start = "{start}"', f'  end = "{end}"']
    halls = -(-lines // _LINES_A_HALL)
    for hall in range(halls):
        first = hall * _LINES_A_HALL // _LINES_ACROSS
        rows = -(-min(_LINES_A_HALL, lines - hall * _LINES_A_HALL) // _LINES_ACROSS)
        rect = f"[2.0, {2.0 + first * side_m}, {width_m - 4.0}, {rows * side_m}]"
        text += _place(f"hall{hall + 1}", "area", f"{hall + 1}동", f"Hall {hall + 1}", rect)
    for line in range(lines):
        left, low = _corner(line, side_m)
        place = _line(line)
        number = line + 1
        rect = f"[{left}, {low}, {side_m - 2.0}, {side_m - 2.0}]"
        text += _place(place, "line", f"{number}라인", f"Line {number}", rect)
    for asset in range(assets):
        line, nth = divmod(asset, _A_LINE)
        left, low = _corner(line, side_m)
        row, column = divmod(nth, _ROWS)
        name = _name(asset)
        text += [
            "",
            "  [[site.asset]]",
            f'  id = "{_line(line)}/{name}"',
            '  type = "machine_tool"',
            f'  name = {{ ko = "{name} 공작기계", en = "{name} machine tool" }}',
            f"  pose = {{ x_m = {left + 3.0 + column * _STEP_M}, y_m = {low + 3.0 + row * _STEP_M}, yaw_deg = 0.0 }}",
            f"  attributes = {{ station = {nth + 1}, cycle_s = 40.0, ideal_cycle_s = 38.0 }}",
        ]
    return "\n".join(text) + "\n"


def crowd_assets(assets: int) -> list[str]:
    """The ids of the machines of a plant of so many."""
    return [f"crowd/{_line(asset // _A_LINE)}/{_name(asset)}" for asset in range(assets)]


def _name(asset: int) -> str:
    return f"M-{asset + 1:04d}"


def _line(line: int) -> str:
    return f"hall{line // _LINES_A_HALL + 1}/line{line + 1:02d}"


def _corner(line: int, side_m: float) -> tuple[float, float]:
    row, column = divmod(line, _LINES_ACROSS)
    return 3.0 + column * side_m, 3.0 + row * side_m


def _place(place: str, level: str, ko: str, en: str, rect: str) -> list[str]:
    return [
        "",
        "  [[site.place]]",
        f'  id = "{place}"',
        f'  level = "{level}"',
        f'  name = {{ ko = "{ko}", en = "{en}" }}',
        f"  rect_m = {rect}",
    ]
