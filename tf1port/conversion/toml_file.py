"""TOML files that users write."""

import tomllib

from tf1port.errors import UserError


def read_toml(path):
    """What a TOML file holds. Raises UserError where it cannot be read or is none."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML: {str(error).splitlines()[0]}") from None
