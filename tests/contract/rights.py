"""Who may do what, as a table: `python -m tests.contract.rights` prints it for docs/rights.md."""

from enum import StrEnum


class Rule(StrEnum):
    """Whom an operation lets in."""

    OPEN = "open"
    LOGIN = "login"
    MEMBER = "member"
    READER = "reader"
    OWNER = "owner"
    EACH = "each"
    JOB = "job"


class Relation(StrEnum):
    """How a caller stands to what a request is about."""

    OWN = "own"
    SHARED = "shared"
    PUBLIC = "public"
    HIDDEN = "another's"
    FOREIGN_ORG = "other org in URL"
    NO_TOKEN = "no token"
    EXPIRED = "expired token"
    JOB_TOKEN = "its job's token"


IN = "yes"
"""Let in: what the reply is depends on the request alone."""

ANSWERS: dict[Rule, dict[Relation, str]] = {
    Rule.OPEN: dict.fromkeys(Relation, IN),
    Rule.LOGIN: {**dict.fromkeys(Relation, IN)},
    Rule.MEMBER: {**dict.fromkeys(Relation, IN)},
    Rule.READER: {**dict.fromkeys(Relation, IN), Relation.HIDDEN: "404"},
    Rule.OWNER: {
        **dict.fromkeys(Relation, IN),
        Relation.SHARED: "403",
        Relation.PUBLIC: "403",
        Relation.HIDDEN: "404",
    },
    Rule.EACH: {
        **dict.fromkeys(Relation, IN),
        Relation.SHARED: "403 for that one",
        Relation.PUBLIC: "403 for that one",
        Relation.HIDDEN: "nothing done",
    },
    Rule.JOB: {**dict.fromkeys(Relation, "403"), Relation.JOB_TOKEN: IN},
}
for _rule, _answers in ANSWERS.items():
    if _rule is not Rule.OPEN:
        _answers |= {Relation.NO_TOKEN: "401", Relation.EXPIRED: "401"}
    if _rule not in {Rule.OPEN, Rule.JOB}:
        _answers |= {Relation.JOB_TOKEN: "401"}
    if _rule not in {Rule.OPEN, Rule.LOGIN}:
        _answers |= {Relation.FOREIGN_ORG: "403"}

_JOB_READS = (
    "GET {owner}/jobs",
    "GET {owner}/jobs/{job_id}",
    "GET {owner}/jobs/{job_id}:list_files",
    "GET {owner}/jobs/{job_id}:download",
    "GET {owner}/jobs/{job_id}:download_selective_files",
    "GET {owner}/jobs/{job_id}/logs",
    "GET {owner}/jobs/{job_id}/schema",
    "GET {owner}/jobs/{job_id}:history",
)
_JOB_WRITES = (
    "POST {owner}/jobs",
    "POST {owner}/jobs/{job_id}:cancel",
    "POST {owner}/jobs/{job_id}:retry",
    "DELETE {owner}/jobs/{job_id}",
    "POST {owner}:cancel_all_jobs",
)
_CALLBACKS = (
    "POST {owner}/jobs/{job_id}:status_update",
    "POST {owner}/jobs/{job_id}:log_update",
    "POST {owner}/jobs/{job_id}:report",
)
_EXPERIMENT, _DATASET, _WORKSPACE = (
    f"/{kind}s/{{{kind}_id}}" for kind in ("experiment", "dataset", "workspace")
)


def _of_jobs(rule: Rule, operations: tuple[str, ...]) -> dict[str, Rule]:
    return {one.replace("{owner}", owner): rule for owner in (_EXPERIMENT, _DATASET) for one in operations}


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ["GET /health", "GET /health/liveness", "GET /health/readiness", "POST /login"],
        Rule.OPEN,
    ),
    **dict.fromkeys(["GET /auth", "GET /metrics", "POST /metrics"], Rule.LOGIN),
    **dict.fromkeys(
        [
            "GET :gpu_types",
            "GET /workspaces",
            "POST /workspaces",
            "GET /datasets",
            "POST /datasets",
            "GET /datasets:get_formats",
            "POST /datasets:get_formats",
            "GET /experiments",
            "POST /experiments",
            "GET /experiments:base",
            "GET /experiments:get_tags",
            "GET /specs/{action}/schema",
            "POST /super_endpoint",
        ],
        Rule.MEMBER,
    ),
    **dict.fromkeys(
        [
            f"GET {_WORKSPACE}",
            f"GET {_WORKSPACE}:get_datasets",
            f"GET {_DATASET}",
            f"GET {_DATASET}/specs/{{action}}/schema",
            f"GET {_EXPERIMENT}",
            f"GET {_EXPERIMENT}/specs/{{action}}/schema",
            f"GET {_EXPERIMENT}/specs/{{action}}/schema:base",
            f"GET {_EXPERIMENT}:tensorboard",
            f"GET {_EXPERIMENT}/jobs/{{job_id}}:get_epoch_numbers",
            f"GET {_EXPERIMENT}/jobs/{{job_id}}:automl_details",
        ],
        Rule.READER,
    ),
    **_of_jobs(Rule.READER, _JOB_READS),
    **{
        f"{verb} {one}": Rule.OWNER
        for verb in ("PUT", "PATCH", "DELETE")
        for one in (_WORKSPACE, _DATASET, _EXPERIMENT)
    },
    **dict.fromkeys(
        [
            f"POST {_WORKSPACE}/backup",
            f"POST {_WORKSPACE}/restore",
            f"POST {_EXPERIMENT}/jobs/{{job_id}}:pause",
            f"POST {_EXPERIMENT}/jobs/{{job_id}}:resume",
            f"POST {_EXPERIMENT}/jobs/{{job_id}}:publish_model",
            f"DELETE {_EXPERIMENT}/jobs/{{job_id}}:remove_published_model",
        ],
        Rule.OWNER,
    ),
    **_of_jobs(Rule.OWNER, _JOB_WRITES),
    **dict.fromkeys(
        [
            "DELETE /workspaces",
            "DELETE /datasets",
            "DELETE /experiments",
            "POST /datasets:cancel_all_jobs",
            "POST /experiments:cancel_all_jobs",
        ],
        Rule.EACH,
    ),
    **_of_jobs(Rule.EACH, ("DELETE {owner}/jobs",)),
    **_of_jobs(Rule.JOB, _CALLBACKS),
}


def page() -> str:
    """The tables, in Markdown."""
    lines = [
        "| rule | " + " | ".join(Relation) + " |",
        "|---" * (len(Relation) + 1) + "|",
        *(f"| {rule} | " + " | ".join(ANSWERS[rule].values()) + " |" for rule in Rule),
        "",
        "| operation | rule |",
        "|---|---|",
        *(f"| `{operation}` | {rule} |" for operation, rule in sorted(RULES.items(), key=_order)),
    ]
    return "\n".join(lines) + "\n"


def _order(entry: tuple[str, Rule]) -> tuple[int, str, str]:
    method, _, path = entry[0].partition(" ")
    return list(Rule).index(entry[1]), path, method


if __name__ == "__main__":
    print(page())
