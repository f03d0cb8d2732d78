"""Code versions: a hash of the modules whose code decides what an asset computes."""

import hashlib
import importlib.util
from pathlib import Path


def code_version(*modules: str) -> str:
    """A version that changes when one of the modules, or a file in one of the packages, changes.

    Args:
        modules: dotted names; the modules are read as files, not imported.
    """
    digest = hashlib.sha256()
    for module in sorted(modules):
        spec = importlib.util.find_spec(module)
        if spec is None:
            raise ModuleNotFoundError(module)
        if spec.submodule_search_locations:
            folder = Path(spec.submodule_search_locations[0])
            files = sorted(p for p in folder.rglob("*") if p.suffix in {".py", ".sql", ".yml", ".jsonl", ".toml"})
        else:
            files = [Path(str(spec.origin))]
        for path in files:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
