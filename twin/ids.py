"""Ids: ``site/area/line/cell/asset:signal``.

A segment is 1 to 64 NFC characters, case kept, without control or bidirectional characters and
without ``/ : + # %``, which are percent-encoded. Levels may be missing; the first segment is the
site, the last one the asset.
"""

from __future__ import annotations

import unicodedata

from twin.errors import IdError

MAX_SEGMENT = 64
_RESERVED = frozenset("/:+#%")


def segment(name: str) -> str:
    """Turn a device's own name into one id segment; raises IdError where nothing is left of it."""
    text = unicodedata.normalize("NFC", name.strip())
    if not text:
        raise IdError(name, "it is empty")
    encoded = _encoded(text)
    if len(encoded) > MAX_SEGMENT:
        raise IdError(name, f"longer than {MAX_SEGMENT} characters")
    return encoded


def _encoded(text: str) -> str:
    parts: list[str] = []
    after_code = False
    for ch in text:
        # A mark right after a code would join the code's last letter (%3A + acute accent) and leave NFC.
        after_code = _is_encoded(ch) or (after_code and unicodedata.combining(ch) != 0)
        parts += [f"%{byte:02X}" for byte in ch.encode("utf-8", "surrogatepass")] if after_code else [ch]
    return "".join(parts)


def _is_encoded(ch: str) -> bool:
    return ch in _RESERVED or unicodedata.category(ch)[0] == "C"


def asset_id(*names: str) -> str:
    """Join names (site first, asset last) to an asset id."""
    if not names:
        raise IdError("", "no names given")
    return "/".join(segment(name) for name in names)


def signal_id(asset: str, signal: str) -> str:
    """The id of a signal of an asset."""
    return f"{asset}:{segment(signal)}"


def split_signal_id(text: str) -> tuple[str, str]:
    """``site/…/asset:signal`` → (asset, signal)."""
    asset, colon, signal = text.rpartition(":")
    if not colon or not asset or not signal:
        raise IdError(text, "write site/area/line/asset:signal")
    return asset, signal


def site_of(asset: str) -> str:
    """The site segment of an asset or place id."""
    return asset.partition("/")[0]


def place_of(asset: str) -> str:
    """The path of the place an asset stands in (its id without the last segment)."""
    return asset.rpartition("/")[0]


def leaf_of(asset: str) -> str:
    """The last segment: the asset's own short name."""
    return asset.rpartition("/")[2]
