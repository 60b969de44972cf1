"""Fetch the file of weights that starts an encoder."""

from tomocell.joblog import logged
from tomocell.models._pretrained_settings import Pretrained
from tomocell.stages.weights import fetch_weights

with logged(snakemake.log[0]):
    fetch_weights(Pretrained.model_validate(snakemake.params.pretrained))
