"""Split off from tf1port/comparison/report/summary.py."""

from equivalence import proof, trainings
from equivalence import seeds as bands_of


def entries_of(config, climbs, trained, bands):
    """The entries of all rungs of one of the project's models."""
    found = [entry for climb in climbs.values() for entry in climb["rungs"]]
    found += proof.left_out(config)
    found += trainings.entries(trained) if trained else []
    return found + bands_of.entries(bands, config)
