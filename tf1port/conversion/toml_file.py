"""TOML files that users write."""

import tomllib

from tf1port.errors import UserError


def read_toml(path):
    """The content of a TOML file. Raises UserError where it cannot be read or is not valid."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {str(error).splitlines()[0]}") from None
