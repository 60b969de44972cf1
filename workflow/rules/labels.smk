# What rules about labels share: no rule of its own.

CORRECTIONS = or_stop(find_corrections, Path(STUDY.label.folder)) if STUDY.label else []
CORRECTED = [
    row.key
    for row in SHEET.samples
    if any(one[1:3] == row.key for one in map(astuple, CORRECTIONS))
]
LABELLED = [row.key for row in SHEET.samples if row.labels or row.key in CORRECTED]


def corrections_of(wildcards):
    """Return the corrected planes of a timestep."""
    key = (wildcards.series, wildcards.timestep)
    return [one for one in CORRECTIONS if (one.series, one.timestep) == key]


def drawn_labels(wildcards):
    """Return the labels that the sheet names for a timestep, if it does."""
    found = sample(wildcards).labels
    return SHEET.locate(found) if found else []


LEARNERS = learners(STUDY.model, STUDY.label) if STUDY.model else {}
ROUNDS = STUDY.label.rounds if STUDY.label else ()
FOLDER = STUDY.label.folder if STUDY.label else ""
OPEN = open_round(CORRECTIONS, len(ROUNDS))


def round_of(wildcards):
    """Return the settings of a round."""
    return ROUNDS[int(wildcards.round) - 1]


def decided_in(wildcards):
    """Return the networks of a round, with the classes that each decides on."""
    return decided(STUDY.model, round_of(wildcards), int(wildcards.round))


def waiting():
    """Return the pages of what the open round exports."""
    if OPEN is None:
        return []
    keys = or_stop(
        to_correct,
        ROUNDS[OPEN - 1],
        [row.key for row in SHEET.samples],
        [row.key for row in SHEET.labelled()],
    )
    return [
        f"{FOLDER}/{series}/round-{OPEN}/{timestep}/round.json"
        for series, timestep in keys
    ]
