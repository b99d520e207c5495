"""Asks Grafana's own model of a dashboard whether it knows every field of a file: what it does not know, it drops.

It judges no expression; promtool does that in watching.sh. Needs grafana-foundation-sdk, which manifests.sh installs.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def dropped(written, understood, path=""):
    """Yields the path of whatever is written but was not understood as it is written."""
    if isinstance(written, dict) and isinstance(understood, dict):
        for key, value in written.items():
            if key in understood:
                yield from dropped(value, understood[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is not known"
    elif isinstance(written, list) and isinstance(understood, list) and len(written) == len(understood):
        for place, (left, right) in enumerate(zip(written, understood)):
            yield from dropped(left, right, f"{path}[{place}]")
    elif written != understood:
        yield f"{path} is {json.dumps(written)}, understood as {json.dumps(understood)}"


def apart(panels):
    """Yields what is wrong with the places of panels: beyond the 24 columns, or on top of each other."""
    taken = {}
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{panel['title']} is beyond the edge"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                if other is not panel["title"]:
                    yield f"{panel['title']} lies upon {other}"
    ids = [panel["id"] for panel in panels]
    if len(ids) != len(set(ids)):
        yield "two panels have one id"


register_default_plugins()
with open(sys.argv[1], encoding="utf-8") as file:
    dashboard = json.load(file)
model = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))
wrong = [*dropped(dashboard, model), *apart(dashboard["panels"])]
wrong += [f"{panel['title']} does not say what to do" for panel in dashboard["panels"]
          if panel["type"] != "row" and not panel.get("description")]
print("\n".join(dict.fromkeys(wrong)))
sys.exit(bool(wrong) or len(dashboard["panels"]) < 10)
