#!/usr/bin/env python3
"""Writes the licences of everything that is linked or embedded into the binaries, to standard output.

Crates: what cargo resolves for the programs without tests and build scripts. Mission Control: what npm installs for production.
A package that brings no licence text is named with its SPDX expression.
"""
import json
import pathlib
import re
import subprocess
import sys

PROGRAMS = {"aether-supervisor", "aether-cli", "aether-sandbox"}
TEXT = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def crates():
    host = next(line[6:] for line in subprocess.check_output(["rustc", "-vV"], text=True).splitlines() if line.startswith("host: "))
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command))
    packages = {package["id"]: package for package in metadata["packages"]}
    links = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    todo = [id for id, package in packages.items() if package["name"] in PROGRAMS and package["source"] is None]
    if len(todo) != len(PROGRAMS):
        sys.exit("error: the programs of scripts/third-party.py are not those of the workspace\nhint: correct PROGRAMS")
    seen = set(todo)
    while todo:
        for link in links[todo.pop()]:
            normal = any(kind["kind"] is None for kind in link["dep_kinds"])
            if normal and link["pkg"] not in seen:
                seen.add(link["pkg"])
                todo.append(link["pkg"])
    for id in seen:
        package = packages[id]
        if package["source"] is not None:
            yield package["name"], package["version"], package["license"], pathlib.Path(package["manifest_path"]).parent


def modules(folder):
    lock = json.loads((folder / "package-lock.json").read_text())
    for path, package in lock["packages"].items():
        if path and not package.get("dev") and (folder / path).is_dir():
            yield path.rpartition("node_modules/")[2], package["version"], package.get("license"), folder / path


def main():
    webui = pathlib.Path(__file__).resolve().parent.parent / "webui"
    texts = {}
    for name, version, licence, folder in sorted([*crates(), *modules(webui)], key=lambda found: found[:2]):
        files = sorted(file for file in folder.iterdir() if file.is_file() and TEXT.match(file.name))
        text = "\n\n".join(file.read_text(errors="replace").strip() for file in files)
        texts.setdefault(text or f"No text of its own; the licence is {licence}.", []).append(f"{name} {version} ({licence})")
    for text, names in sorted(texts.items(), key=lambda entry: entry[1]):
        print("\n".join(names), "\n" + "-" * 80, text, "\n" + "=" * 80, sep="\n")


main()
