"""Opens a dataset with lerobot itself, offline, and tells what it sees as JSON: run by test_lerobot.py with its Python."""

import json
import sys

from lerobot.datasets.lerobot_dataset import LeRobotDataset

NAME = "factory-twin/judged"
root = sys.argv[1]
whole = LeRobotDataset(NAME, root=root)
first, last = whole[0], whole[len(whole) - 1]
episodes = whole.meta.episodes
good = [int(one["episode_index"]) for one in episodes if one["success"]]
some = LeRobotDataset(NAME, root=root, episodes=good)
told = {
    "rows": len(whole),
    "total_frames": whole.meta.total_frames,
    "episodes": whole.meta.total_episodes,
    "fps": whole.fps,
    "state": list(first["observation.state"].shape),
    "action": list(last["action"].shape),
    "tasks": sorted({first["task"], last["task"], *map(str, whole.meta.tasks.index)}),
    "task_types": sorted({type(first["task"]).__name__, type(last["task"]).__name__}),
    "good": len(good),
    "good_rows": len(some),
    "good_lengths": sum(int(one["length"]) for one in episodes if one["success"]),
}
print(json.dumps(told))
