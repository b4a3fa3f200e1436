"""Where things are: all relative to this repository."""

from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent
REPOSITORY = CLIENTS.parent.parent.parent
CACHE = REPOSITORY / ".cache"
JAVA_LIB = CACHE / "java" / "lib"
JAVA_CLASSES = CACHE / "java" / "classes"
GO_PROGRAMS = CACHE / "go"
